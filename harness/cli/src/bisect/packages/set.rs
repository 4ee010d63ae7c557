//! The updates of a search in the order in which they are applied: part of `bisect.json`.

use serde::{Deserialize, Serialize};

use crate::error::CliError;
use muster_base::text::one_line;
use muster_engine::updates::{UpdateFile, Updates};

/// All updates of one transaction. State `k` of the search is the image with the first `k` groups.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct PackageSet {
    /// Where they come from, as `--packages` names it.
    pub(crate) from: String,
    /// Whether each machine is rebooted after it was updated.
    pub(crate) reboot: bool,
    /// Whether the machine that is booted first reaches the internet.
    pub(crate) internet: bool,
    /// Each installs when those before it are installed. Empty until the first machine was read.
    pub(crate) groups: Vec<UpdateGroup>,
    /// SHA-256 of the image, hex: verdicts of another one are none of this search. Absent until the first machine was read,
    /// and in searches of before it was kept.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) base_sha256: Option<String>,
    /// Updates that are in no group, and why: a sentence for each. No state has them.
    pub(crate) left_out: Vec<String>,
    /// How many of the other files are no update of an installed package, and needed by none.
    #[serde(skip_serializing_if = "is_zero", default)]
    pub(crate) unused: usize,
}

/// Updates that only install together: those of one source, and those that need each other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct UpdateGroup {
    pub(crate) packages: Vec<PackageUpdate>,
}

/// One package file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct PackageUpdate {
    /// Absolute path in the guest.
    pub(crate) path: String,
    /// SHA-256 of the file, hex.
    pub(crate) sha256: String,
    /// The installed packages that it replaces, as `NAME-[EPOCH:]VERSION-RELEASE.ARCH`; none when it is new.
    pub(crate) before: Vec<String>,
    /// What it is, in the same form.
    pub(crate) after: String,
    /// The entries of its changelog that the package before it does not have; empty where there are none.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub(crate) changelog: String,
}

impl PackageSet {
    /// One of which nothing was read yet.
    pub(crate) fn new(from: &str, reboot: bool, internet: bool) -> Self {
        Self {
            from: from.to_owned(),
            reboot,
            internet,
            groups: Vec::new(),
            base_sha256: None,
            left_out: Vec::new(),
            unused: 0,
        }
    }

    /// What is installed in a machine of the state with the first `count` groups.
    pub(crate) fn updates(&self, count: usize) -> Updates {
        let packages = self.groups.iter().take(count).flat_map(|group| &group.packages);
        let file = |one: &PackageUpdate| UpdateFile { path: one.path.clone(), sha256: one.sha256.clone() };
        Updates { files: packages.map(file).collect(), reboot: self.reboot }
    }

    /// How many packages the first `count` groups have.
    pub(crate) fn packages(&self, count: usize) -> usize {
        self.groups.iter().take(count).map(|group| group.packages.len()).sum()
    }

    /// How many updates were left out, to be printed: `1 was left out`; `None` where none was.
    pub(crate) fn shown_left_out(&self) -> Option<String> {
        match self.left_out.len() {
            0 => None,
            1 => Some("1 was left out".to_owned()),
            several => Some(format!("{several} were left out")),
        }
    }

    /// What is to be said of files that are in no group, in sentences.
    pub(crate) fn notes(&self) -> Vec<String> {
        let unused = match self.unused {
            0 => None,
            1 => Some("1 of the files is no update of an installed package, and no update needs it".to_owned()),
            several => {
                Some(format!("{several} of the files are no update of an installed package, and no update needs them"))
            }
        };
        self.left_out.iter().cloned().chain(unused).collect()
    }

    /// Checks that a machine is of the image that the search began with; any is while none is known.
    ///
    /// # Errors
    /// It has another SHA-256.
    pub(crate) fn check_base(&self, sha256: &str) -> Result<(), CliError> {
        match &self.base_sha256 {
            Some(known) if known != sha256 => {
                let (now, was) = (one_line(sha256, 64), one_line(known, 64));
                let what =
                    format!("the image is another than when the search began: its SHA-256 is {now}, and was {was}");
                Err(CliError::invalid(what)
                    .hint("begin a new search, or bring back the image and go on with `--resume`"))
            }
            _ => Ok(()),
        }
    }

    /// The same files in the same order.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let key = |set: &Self| -> Vec<(usize, String)> {
            let groups = set.groups.iter().enumerate();
            groups.flat_map(|(at, group)| group.packages.iter().map(move |one| (at, one.sha256.clone()))).collect()
        };
        key(self) == key(other)
    }
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

impl PackageUpdate {
    /// `zlib-1.2-1.x86_64 -> zlib-1.3-1.x86_64`, to be printed.
    pub(crate) fn shown(&self) -> String {
        let before = match self.before.is_empty() {
            true => "nothing".to_owned(),
            false => one_line(&self.before.join(" and "), 300),
        };
        format!("{before} -> {}", one_line(&self.after, 200))
    }
}
