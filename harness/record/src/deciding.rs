//! Files of the host that decide on the results of a run and are no suite, no image and no product: with other rules for consoles or
//! other known issues the same tests on the same image end otherwise.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// Rules for consoles (`--console-rules`).
pub const CONSOLE_RULES: &str = "console-rules";
/// Known issues that some test of the run may have: of `--known-issues`, and those next to suites.
pub const KNOWN_ISSUES: &str = "known-issues";
/// Boots that those of the run are compared with (`--boot-baseline`).
pub const BOOT_BASELINE: &str = "boot-baseline";
/// The description of an image: what its maker claims of it, and the machine that it gets.
pub const IMAGE_DESCRIPTION: &str = "image-description";
/// A kernel that is loaded without a boot loader, and is none of the image.
pub const KERNEL: &str = "kernel";
/// The initial RAM disk of that kernel.
pub const INITRD: &str = "initrd";

/// One of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DecidingFile {
    /// What it is for: one of the constants of this module, or that of a later version.
    pub role: String,
    /// SHA-256 of the file, hex, as it was before anything was started.
    pub sha256: String,
    /// The file, as the person named it or as it was found.
    pub file: String,
}

impl DecidingFile {
    /// What it is and what it contains, wherever it lies.
    pub fn content(&self) -> (&str, &str) {
        (&self.role, &self.sha256)
    }
}

/// A role for which two lists of files have other contents. Hosts have their own paths.
pub fn different<'f>(one: &'f [DecidingFile], other: &'f [DecidingFile]) -> Option<&'f str> {
    let contents = |files: &'f [DecidingFile]| files.iter().map(DecidingFile::content).collect::<BTreeSet<_>>();
    contents(one).symmetric_difference(&contents(other)).next().map(|(role, _)| *role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_compared_by_what_they_are_and_contain_and_not_by_where_they_lie() {
        let file = |role: &str, sha256: &str, file: &str| DecidingFile {
            role: role.into(),
            sha256: sha256.into(),
            file: file.into(),
        };
        let one = [file(CONSOLE_RULES, "01", "/a/rules.yaml"), file(KNOWN_ISSUES, "02", "/a/known.yaml")];
        let moved = [file(KNOWN_ISSUES, "02", "/b/known.yaml"), file(CONSOLE_RULES, "01", "/b/rules.yaml")];
        assert_eq!(different(&one, &moved), None);
        assert_eq!(different(&one, &one[..1]), Some(KNOWN_ISSUES));
        assert_eq!(different(&[file(CONSOLE_RULES, "03", "")], &one[..1]), Some(CONSOLE_RULES));
        assert_eq!(different(&[file(BOOT_BASELINE, "01", "")], &[]), Some(BOOT_BASELINE));
    }
}
