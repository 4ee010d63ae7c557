//! What the version of a build says of the sources that it was made from. The program's build script includes this file too: it
//! writes the mark that a certificate is refused for.

/// What a build of sources that differ from their commit has in its version.
pub const CHANGED: &str = "changed";

/// What it was called before, or is elsewhere: by `git describe`, and in packages.
const ALSO: [&str; 2] = ["dirty", "modified"];

/// The version of a build of a commit: `1.0 (abc123)`, `1.0 (abc123, changed)`.
pub fn of_build(version: &str, commit: &str, is_changed: bool) -> String {
    match is_changed {
        true => format!("{version} ({commit}, {CHANGED})"),
        false => format!("{version} ({commit})"),
    }
}

/// Whether a version says that the sources differed from their commit.
pub fn is_of_changed_sources(version: &str) -> bool {
    std::iter::once(CHANGED).chain(ALSO).any(|mark| version.contains(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_of_changed_sources_is_known_by_its_version() {
        assert_eq!(of_build("1.0", "abc123", false), "1.0 (abc123)");
        assert_eq!(of_build("1.0", "abc123", true), "1.0 (abc123, changed)");
        for (version, expected) in [
            (of_build("1.0", "abc123", true), true),
            (of_build("1.0", "abc123", false), false),
            ("1.0".to_owned(), false),
            ("1.0-4-gabc123-dirty".to_owned(), true),
            ("1.0 (abc123, modified)".to_owned(), true),
        ] {
            assert_eq!(is_of_changed_sources(&version), expected, "{version}");
        }
    }
}
