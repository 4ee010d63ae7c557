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
    /// Nothing is wrong but known issues: one is stale, or has expired, and the test of that one may still fail.
    Stale = 4,
}

impl Exit {
    /// All codes in order: in a word or two as `--help` has them, and in full as README has them.
    pub const TABLE: &'static [(Exit, &'static str, &'static str)] = &[
        (Exit::Pass, "passed", "every test that ran passed, and at least one ran"),
        (Exit::Failed, "a test failed", "a test failed, or the console showed a crash"),
        (
            Exit::Invalid,
            "invalid suite, image or usage, or no test ran",
            "an invalid suite, image or usage; nothing was selected, or no test ran; or the run was focused",
        ),
        (
            Exit::Error,
            "infrastructure error",
            "infrastructure: no boot, a lost connection, a probe that could not run, an interrupted run",
        ),
        (Exit::Stale, "only stale or expired known issues", "only stale or expired known issues"),
    ];

    /// What it says, from [`Exit::TABLE`]: in a word or two, and in full.
    pub fn words(self) -> (&'static str, &'static str) {
        Self::TABLE.iter().find(|(exit, ..)| *exit == self).map_or(("", ""), |(_, brief, full)| (brief, full))
    }

    /// The one with this code; `None` for a code that no command ends with.
    pub fn of_code(code: u8) -> Option<Self> {
        Self::TABLE.iter().map(|(exit, ..)| *exit).find(|exit| *exit as u8 == code)
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        std::process::ExitCode::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_exit_has_a_code_and_words() {
        for exit in [Exit::Pass, Exit::Failed, Exit::Invalid, Exit::Error, Exit::Stale] {
            assert_eq!(Exit::of_code(exit as u8), Some(exit));
            assert!(!exit.words().0.is_empty() && !exit.words().1.is_empty(), "{exit:?}");
        }
        assert_eq!(Exit::of_code(Exit::TABLE.len() as u8), None);
    }
}
