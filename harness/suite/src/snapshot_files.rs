//! Files of accepted snapshots: how they are called, and where they lie. They decide on the tests that have snapshots, so that a
//! suite is read with them, and compared with them later.

use camino::{Utf8Path, Utf8PathBuf};

use muster_base::files;

/// Bytes of an accepted snapshot that are read at most.
pub const FILE_LIMIT: u64 = 16 << 20;
/// What their names end with.
pub const ENDING: &str = ".snap";
/// The directory next to a suite in which they lie.
pub const DIRECTORY: &str = "snapshots";

/// Characters of a name that `safe_name` keeps in every case.
const CERTAIN: usize = 100;

/// The name of a snapshot without its ending: `suite__test__snapshot@image`, with whatever a file name should not have replaced as
/// everywhere in the run directory. `whose` is an image, or a distribution with an architecture.
pub fn file_name(suite: &str, test: &str, snapshot: &str, whose: &str) -> String {
    files::safe_name(&format!("{suite}__{test}__{snapshot}@{whose}"))
}

/// What the name of every file of this snapshot begins with, whatever the image. A name that had to be changed or cut says less, so
/// that some files count as of a snapshot that they are not of, and never the other way round.
pub fn beginning(suite: &str, test: &str, snapshot: &str) -> String {
    let mut name = files::replaced(&format!("{suite}__{test}__{snapshot}@"));
    // What a cut name has at least of the whole.
    name.truncate(CERTAIN);
    name
}

/// Snapshots that a person accepts of suites that nobody may write next to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnSnapshots {
    /// The directory of those suites.
    pub suites: Utf8PathBuf,
    /// Where their snapshots are accepted.
    pub directory: Utf8PathBuf,
}

/// Where the accepted snapshots of a suite lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// Where they are looked for first, and written.
    pub directory: Utf8PathBuf,
    /// Where they lie too, and are never written: those that ship with an installed muster.
    pub shipped: Option<Utf8PathBuf>,
}

impl Places {
    /// Of a suite whose file is in this directory.
    pub fn of(suite_dir: &Utf8Path, own: Option<&OwnSnapshots>) -> Self {
        let next_to = suite_dir.join(DIRECTORY);
        match own {
            Some(own) if suite_dir.starts_with(&own.suites) => {
                Self { directory: own.directory.clone(), shipped: Some(next_to) }
            }
            _ => Self { directory: next_to, shipped: None },
        }
    }
}

/// Which accepted snapshots a suite is read with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Accepted {
    /// Those next to it.
    #[default]
    NextTo,
    /// Those, and of suites that nobody may write next to a person's own before them.
    Own(OwnSnapshots),
    /// None: nothing is compared with them, or whatever there is becomes the accepted one.
    Ignored,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_of_a_snapshot_is_known_by_its_name_however_that_was_changed() {
        let long = "long".repeat(30);
        for (suite, test, snapshot, image) in [
            ("base", "facts", "sysctl", "lab"),
            ("base", "facts", "sysctl", "an image/with ümlauts"),
            ("base", "facts[cpu=x86-64-v3]", "a b", "lab"),
            ("base", &*long, "sysctl", "lab"),
            (&*long, "facts", "sysctl", &*long),
        ] {
            let file = file_name(suite, test, snapshot, image);
            assert!(file.starts_with(&beginning(suite, test, snapshot)), "{file}");
        }
        for other in ["base__facts__sysctls@lab.snap", "base__fact__sysctl@lab.snap", "base.snap"] {
            assert!(!other.starts_with(&beginning("base", "facts", "sysctl")), "{other}");
        }
    }

    #[test]
    fn only_suites_that_ship_have_a_place_of_ones_own() {
        let own = OwnSnapshots { suites: "share/suites".into(), directory: "mine".into() };
        let places = |dir: &str, own| Places::of(Utf8Path::new(dir), own);
        let next_to = Places { directory: "suites/snapshots".into(), shipped: None };
        assert_eq!(places("suites", None), next_to);
        assert_eq!(places("suites", Some(&own)), next_to);
        let shipped = Some("share/suites/snapshots".into());
        assert_eq!(places("share/suites", Some(&own)), Places { directory: "mine".into(), shipped });
    }
}
