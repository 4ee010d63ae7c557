//! What base checks there are, and what one of them found.

use muster_base::failure::{self, FailureId};

/// A base check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BaseCheckKind {
    /// systemd units that failed.
    FailedUnits,
    /// Services that systemd restarts again and again.
    CrashLoop,
    /// SELinux denials.
    Avc,
    /// Core dumps that systemd-coredump took.
    Coredump,
    /// Processes that the kernel killed because memory ran out.
    Oom,
    /// Taint bits of the kernel.
    Taint,
}

impl BaseCheckKind {
    /// All, in the order of reports.
    pub const ALL: [BaseCheckKind; 6] = [
        BaseCheckKind::FailedUnits,
        BaseCheckKind::CrashLoop,
        BaseCheckKind::Avc,
        BaseCheckKind::Coredump,
        BaseCheckKind::Oom,
        BaseCheckKind::Taint,
    ];

    /// The word under `base-checks:` in a suite.
    pub fn name(self) -> &'static str {
        match self {
            BaseCheckKind::FailedUnits => "failed-units",
            BaseCheckKind::CrashLoop => "crash-loop",
            BaseCheckKind::Avc => "avc",
            BaseCheckKind::Coredump => "coredump",
            BaseCheckKind::Oom => "oom",
            BaseCheckKind::Taint => "taint",
        }
    }

    /// The failure id of a finding.
    pub fn id(self) -> FailureId {
        match self {
            BaseCheckKind::FailedUnits => failure::BASE_FAILED_UNITS,
            BaseCheckKind::CrashLoop => failure::BASE_CRASH_LOOP,
            BaseCheckKind::Avc => failure::BASE_AVC,
            BaseCheckKind::Coredump => failure::BASE_COREDUMP,
            BaseCheckKind::Oom => failure::BASE_OOM,
            BaseCheckKind::Taint => failure::BASE_TAINT,
        }
    }
}

/// Something that happened while a test ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseFinding {
    /// Which base check.
    pub kind: BaseCheckKind,
    /// Of the kind, or `probe.failed` when it can no longer be read.
    pub id: FailureId,
    /// One escaped line.
    pub message: String,
    /// Evidence, bounded and escaped; may be empty.
    pub detail: String,
    /// The unit that failed or loops; none for other kinds. [`evidence`] reads its status.
    pub unit: Option<String>,
}
