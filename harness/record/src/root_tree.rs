//! What a root file system that comes as a tar, or as an OCI image, has in the places that bootc and rpm look at. `image` reads it
//! from the archive, before a disk is made of it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::efi_program::EfiProgram;

/// The label without which bootc takes no image of a container.
const BOOTC: &str = "containers.bootc";

/// The tree of an archive, all layers put over each other. Symbolic links are not followed. All of it is what the archive says:
/// every list has at most 100 names, every name at most 255 characters, escaped.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RootTree {
    /// Labels of the configuration of an OCI image; absent for a plain tar, which has none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub labels: Option<BTreeMap<String, String>>,
    /// Names below `/usr/lib/modules` of what has a `vmlinuz` that is not empty.
    pub kernels: Vec<String>,
    /// Those of them that have no `initramfs.img`, or an empty one.
    pub without_initramfs: Vec<String>,
    /// Names of the unified kernel images in `/boot/EFI/Linux`.
    pub ukis: Vec<String>,
    /// Names in `/boot`; absent where there is no such directory.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub boot: Option<Vec<String>>,
    /// What the programs below `/usr/lib/efi` and `/usr/lib/bootupd/updates/EFI` are, each kind once.
    pub boot_programs: Vec<EfiProgram>,
    /// Whether it has `/usr/bin/rpm`.
    pub rpm: bool,
    /// Directories with a database of rpm.
    pub rpm_databases: Vec<String>,
    /// How the first of these databases keeps its journal; absent where there is none, or one of another kind.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rpm_journal: Option<RpmJournal>,
    /// Whether `/usr/lib/ostree/prepare-root.conf` switches composefs on, and no argument in `/usr/lib/bootc/kargs.d` off.
    pub composefs: bool,
    /// Whether `/sysroot` is a directory and `/ostree` a link to `sysroot/ostree`.
    pub ostree_root: bool,
    /// Files in `/usr/lib/bootc/kargs.d` that bootc refuses or passes over.
    pub malformed_kargs: Vec<String>,
    /// Paths of what belongs to one machine or to one boot.
    pub leftovers: Vec<String>,
}

/// The journal of a database of SQLite, by its header and by the files next to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RpmJournal {
    /// A rollback journal: a reader needs no other file.
    Rollback,
    /// A log that is written ahead: a reader makes files next to the database, which a read-only file system refuses.
    Wal,
    /// The file is no database of SQLite.
    Other,
}

impl RpmJournal {
    /// The name in lists.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rollback => "rollback",
            Self::Wal => "wal",
            Self::Other => "other",
        }
    }
}

impl RootTree {
    /// Whether it says of itself that it is an image of bootc.
    pub fn is_of_bootc(&self) -> bool {
        self.labels.as_ref().is_some_and(|labels| labels.contains_key(BOOTC))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::DiskFacts;
    use crate::facts::Facts;

    #[test]
    fn the_label_makes_it_an_image_of_bootc() {
        let labels = |names: &[&str]| Some(names.iter().map(|name| ((*name).to_owned(), "1".to_owned())).collect());
        for (labels, expected) in [
            (labels(&["containers.bootc", "version"]), true),
            (labels(&["version"]), false),
            (labels(&[]), false),
            (None, false),
        ] {
            let root = RootTree { labels, ..RootTree::default() };
            let disk = DiskFacts { root: Some(root), ..DiskFacts::default() };
            let facts = Facts::default().from_outside(Some(disk.clone()), Some("image".to_owned()));
            assert_eq!(facts.capabilities.contains("bootc"), expected, "{disk:?}");
            assert_eq!((facts.disk, facts.kernel_from.as_deref()), (Some(disk), Some("image")));
        }
        assert!(Facts::default().from_outside(None, None).capabilities.is_empty());
    }
}
