//! One statement of a packet.

/// A statement and where it is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The statement, escaped, one line.
    pub says: String,
    /// A file: of the suites, or of the run's directory.
    pub file: String,
    /// Counted from 1; `None` where the file as a whole says it.
    pub line: Option<u64>,
    /// Whether it repeats what a guest said.
    pub untrusted: bool,
}

/// Where a run's directory has the console of a machine.
pub(super) fn console_file(machine: &str) -> String {
    format!("machines/{}/console.log", muster_base::files::safe_name(machine))
}
