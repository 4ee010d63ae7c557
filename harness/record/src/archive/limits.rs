//! What an archive may be: its size, its files and their names.

use camino::{Utf8Component, Utf8Path};

/// Bytes of an archive at most: 1 GiB.
pub(super) const LARGEST_ARCHIVE: u64 = 1 << 30;
/// Bytes of everything in it at most: 4 GiB.
pub(super) const LARGEST_CONTENTS: u64 = 4 << 30;
/// Files in it at most.
pub(super) const MOST_FILES: usize = 50_000;
/// How many times its own size an archive may unpack to, once that is more than [`FREE_OF_RATIO`].
pub(super) const LARGEST_RATIO: u64 = 200;
/// Bytes of contents for which no ratio is looked at.
pub(super) const FREE_OF_RATIO: u64 = 256 << 20;
/// Bytes of a name at most.
pub(super) const LONGEST_NAME: usize = 1024;

/// Whether contents of this size are more than an archive of that size may hold.
pub(super) fn is_bomb(contents: u64, archive: u64) -> bool {
    contents > FREE_OF_RATIO && contents / LARGEST_RATIO > archive
}

/// Whether a name leads to a file below the directory that it is unpacked into, on every system.
pub(super) fn is_safe(name: &str) -> bool {
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
