//! The exit codes of every command, in one place, because pipelines branch on them.

/// How a command ended, as its caller sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything that was selected passed.
    Pass = 0,
    /// A test failed, passed although it is known to fail, or the console showed a crash.
    Failed = 1,
    /// An invalid suite, image or image description, a usage error, or nothing selected.
    Invalid = 2,
    /// Infrastructure: a machine did not come up, a connection was lost, a probe could not run.
    Error = 3,
    /// Every test passed, but a known issue is stale or expired.
    Stale = 4,
}

impl Exit {
    /// The table in README and `--help`, in order.
    pub const TABLE: &'static [(Exit, &'static str)] = &[
        (Exit::Pass, "every selected test passed (or was skipped for a stated reason)"),
        (Exit::Failed, "a test failed, passed unexpectedly, or the console showed a crash"),
        (Exit::Invalid, "an invalid suite, image or usage; nothing was selected; or the run was focused"),
        (Exit::Error, "infrastructure: no boot, connection lost, a probe could not run, interrupted"),
        (Exit::Stale, "only stale or expired known issues stand between this run and a pass"),
    ];
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        std::process::ExitCode::from(exit as u8)
    }
}
