//! Where things lie in a run directory.

use camino::{Utf8Path, Utf8PathBuf};

pub use muster_base::files::{FileError, ensure, safe_name, test_dir, write_atomically};

/// Where pending snapshots lie in it.
pub const SNAPSHOTS: &str = "snapshots";
/// Where logs of machines lie in it.
const MACHINES: &str = "machines";
/// Where files of tests lie in it.
pub const TESTS: &str = "tests";

/// Where the suites of the run lie in it, each in a directory of its name.
pub const SUITES: &str = "suites";

/// The directory of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunDir {
    root: Utf8PathBuf,
}

impl RunDir {
    /// The record's name in it.
    pub const RUN_JSON: &str = "run.json";
    /// The journal's name in it.
    pub const EVENTS: &str = "events.jsonl";

    /// Creates it with its `snapshots`, `machines` and `tests`; it is an error when it is there already, because two runs
    /// must never share one.
    pub fn create(root: &Utf8Path) -> Result<Self, FileError> {
        let root = root.to_owned();
        root.parent().map_or(Ok(()), ensure)?;
        std::fs::create_dir(&root).map_err(FileError::because("create the directory", &root))?;
        let dir = Self { root };
        for part in [SNAPSHOTS, MACHINES, TESTS] {
            ensure(&dir.root.join(part))?;
        }
        Ok(dir)
    }

    /// Of whatever lies there, if anything does.
    pub(crate) fn at(root: &Utf8Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The directory itself.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// The journal.
    pub fn events(&self) -> Utf8PathBuf {
        self.root.join(Self::EVENTS)
    }

    /// The record.
    pub fn run_json(&self) -> Utf8PathBuf {
        self.root.join(Self::RUN_JSON)
    }

    /// Pending snapshots of this run, always written here whatever becomes of those next to the suites.
    pub fn snapshots(&self) -> Utf8PathBuf {
        self.root.join(SNAPSHOTS)
    }

    /// The suites of the run, each in a directory of its name; those that ship with muster are not there. It may not exist.
    pub fn suites(&self) -> Utf8PathBuf {
        self.root.join(SUITES)
    }

    /// Directories of all machines.
    pub fn machines(&self) -> Utf8PathBuf {
        self.root.join(MACHINES)
    }

    /// Console log, QEMU command and seed of one machine. The directory may not exist yet.
    pub fn machine(&self, machine: &str) -> Utf8PathBuf {
        self.machines().join(safe_name(machine))
    }

    /// Files of all tests.
    pub fn tests(&self) -> Utf8PathBuf {
        self.root.join(TESTS)
    }

    /// Files of one test on one image. The directory may not exist yet.
    pub fn test(&self, suite: &str, test: &str, image: &str) -> Utf8PathBuf {
        test_dir(&self.tests(), suite, test, image)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dir() -> (tempfile::TempDir, Utf8PathBuf) {
        let temporary = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(temporary.path().to_owned()).unwrap();
        (temporary, path)
    }

    #[test]
    fn two_runs_never_share_a_directory() {
        let (_temporary, path) = dir();
        let first = RunDir::create(&path.join("r1")).unwrap();
        assert!(first.snapshots().is_dir());
        assert!(RunDir::create(&path.join("r1")).is_err());
    }
}
