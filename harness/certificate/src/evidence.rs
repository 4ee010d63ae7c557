//! What was read of the directory `evidence`. Whoever reads it bounds every file, and says which could not be read.

use std::collections::BTreeMap;

use muster_record::run::RunRecord;

use crate::model::EvidenceFile;
use crate::refusal::Refusal;

/// The directory's name in a certificate.
pub const EVIDENCE: &str = "evidence";
/// The policy.
pub const POLICY: &str = "evidence/policy.yaml";
/// The profile that the policy names.
pub const PROFILE: &str = "evidence/profile.lock.json";

/// The name of the file of waivers with this number, from 1.
pub fn waivers_file(number: usize) -> String {
    if number == 1 { format!("{EVIDENCE}/waivers.yaml") } else { format!("{EVIDENCE}/waivers-{number}.yaml") }
}

/// The name of the archive of the run with this id.
pub fn run_file(id: &str) -> String {
    format!("{EVIDENCE}/{}.zip", muster_base::files::safe_name(id))
}

/// What a file of the evidence is, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EvidenceKind {
    /// [`POLICY`].
    Policy,
    /// [`PROFILE`].
    Profile,
    /// See [`waivers_file`].
    Waivers,
    /// See [`run_file`].
    Run,
    /// None of a certificate.
    Other,
}

impl EvidenceKind {
    /// Of the file with this name.
    pub fn of(name: &str) -> Self {
        let inner = name.strip_prefix(EVIDENCE).and_then(|rest| rest.strip_prefix('/')).unwrap_or_default();
        match inner {
            _ if name == POLICY => Self::Policy,
            _ if name == PROFILE => Self::Profile,
            inner if inner.contains('/') => Self::Other,
            inner if inner.starts_with("waivers") && inner.ends_with(".yaml") => Self::Waivers,
            inner if inner.ends_with(".zip") => Self::Run,
            _ => Self::Other,
        }
    }
}

/// The evidence, as far as it could be read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Evidence {
    /// Every file that is there, by name.
    pub files: Vec<EvidenceFile>,
    /// Text of the policy.
    pub policy: Option<String>,
    /// Text of the profile.
    pub profile: Option<String>,
    /// Names and texts of the waivers.
    pub waivers: BTreeMap<String, String>,
    /// The runs, by file.
    pub runs: Vec<RunEvidence>,
    /// What could not be read, and why.
    pub faults: Vec<Refusal>,
}

impl Evidence {
    /// Whether the archive of a run is there, and its record cannot be read.
    pub fn has_unread_run(&self) -> bool {
        let is_run = |name: &str| EvidenceKind::of(name) == EvidenceKind::Run;
        let is_read = |name: &str| self.runs.iter().any(|run| run.file == name);
        self.files.iter().any(|file| is_run(&file.name) && !is_read(&file.name))
    }

    /// SHA-256 of a file, hex; empty when it is not there.
    pub fn sha256(&self, name: &str) -> &str {
        self.files.iter().find(|file| file.name == name).map_or("", |file| &file.sha256)
    }
}

/// A run that was read from its archive.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEvidence {
    /// The archive, such as `evidence/2026-11-20T12-00-00-7f3a.zip`.
    pub file: String,
    /// `run.json`.
    pub record: RunRecord,
    /// SHA-256 of `run.json`, hex.
    pub record_sha256: String,
    /// What `events.jsonl` folds to; `None` when it is not there or is broken, which is one of the faults.
    pub journal: Option<RunRecord>,
    /// SHA-256 of `events.jsonl`, hex; empty when it is not there.
    pub journal_sha256: String,
    /// SHA-256 of the file with QEMU's command line, by the machine's directory.
    pub command_lines: BTreeMap<String, String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_name_alone() {
        for (name, kind) in [
            ("evidence/policy.yaml", EvidenceKind::Policy),
            ("evidence/profile.lock.json", EvidenceKind::Profile),
            ("evidence/waivers.yaml", EvidenceKind::Waivers),
            ("evidence/waivers-2.yaml", EvidenceKind::Waivers),
            ("evidence/r1.zip", EvidenceKind::Run),
            ("evidence/x/r1.zip", EvidenceKind::Other),
            ("evidence/policy.yml", EvidenceKind::Other),
            ("policy.yaml", EvidenceKind::Other),
            ("evidence/", EvidenceKind::Other),
        ] {
            assert_eq!(EvidenceKind::of(name), kind, "{name}");
        }
        assert_eq!(EvidenceKind::of(&waivers_file(1)), EvidenceKind::Waivers);
        assert_eq!(EvidenceKind::of(&run_file("../a b")), EvidenceKind::Run);
    }
}
