//! A run as one file to hand around: a zip of its record, journal, reports, console logs and evidence, and a manifest with
//! the SHA-256 of each. The same run always gives the same bytes. Whoever reads one trusts nothing of it: [`unpack`] has
//! bounds for everything, and compares every file with the manifest.

mod error;
mod first_error;
#[cfg(test)]
mod hostile_tests;
mod manifest;
mod pack;
mod unpack;

pub use error::{ArchiveError, Refusal};
pub use pack::{Packed, pack};
pub use unpack::{Unpacked, unpack};

use camino::{Utf8Component, Utf8Path};

/// The manifest's name in an archive.
pub const MANIFEST: &str = "manifest.json";
/// The schema of the manifest.
pub const SCHEMA: &str = "archive/v1";
/// The JSON Schema of the manifest.
pub const MANIFEST_SCHEMA: &str = include_str!("../../../../reports/schema/archive-v1.json");
/// Bytes of an archive at most: 1 GiB.
const LARGEST_ARCHIVE: u64 = 1 << 30;
/// Bytes of everything in it at most: 4 GiB.
const LARGEST_CONTENTS: u64 = 4 << 30;
/// Files in it at most.
const MOST_FILES: usize = 50_000;
/// How many times its own size an archive may unpack to, once that is more than [`FREE_OF_RATIO`].
const LARGEST_RATIO: u64 = 200;
/// Bytes of contents for which no ratio is looked at.
const FREE_OF_RATIO: u64 = 256 << 20;
/// Bytes of a name at most.
const LONGEST_NAME: usize = 1024;

/// Whether contents of this size are more than an archive of that size may hold.
fn is_bomb(contents: u64, archive: u64) -> bool {
    contents > FREE_OF_RATIO && contents / LARGEST_RATIO > archive
}

/// Whether a name leads to a file below the directory that it is unpacked into, on every system.
fn is_safe(name: &str) -> bool {
    let path = Utf8Path::new(name);
    let plain = |part: Utf8Component<'_>| matches!(part, Utf8Component::Normal(_));
    // Joined again, since `components` passes over `a//b` and `a/.`.
    let parts: Vec<&str> = path.components().map(|part| part.as_str()).collect();
    !name.is_empty()
        && name.len() <= LONGEST_NAME
        && path.components().all(plain)
        && parts.join("/") == name
        && !name.contains(['\\', ':'])
        && !name.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_relative_and_stays_below() {
        for fine in ["run.json", "machines/lab-1/console.log", "tests/s/a@lab/x y.txt", "tests/..a/b"] {
            assert!(is_safe(fine), "{fine}");
        }
        let long = "x".repeat(LONGEST_NAME + 1);
        for wrong in ["", "/etc/passwd", "../x", "a/../x", "a/./b", "a//b", "a/", ".", "c:\\x", "a\\b", "a\nb", &long] {
            assert!(!is_safe(wrong), "{wrong:?}");
        }
    }

    #[test]
    fn only_what_is_large_and_out_of_proportion_is_a_bomb() {
        assert!(!is_bomb(FREE_OF_RATIO, 1));
        assert!(!is_bomb(LARGEST_CONTENTS, LARGEST_CONTENTS / LARGEST_RATIO));
        assert!(is_bomb(FREE_OF_RATIO + LARGEST_RATIO, 1 << 10));
    }
}
