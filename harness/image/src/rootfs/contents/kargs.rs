//! A file of `/usr/lib/bootc/kargs.d`: arguments for the kernel. Pure.
//!
//! Facts: bootc, "Kernel arguments": TOML with `kargs`, and perhaps `match-architectures`, both lists of texts; other keys are
//! refused, and so is the whole installation with them.

use toml::de::{DeTable, DeValue};

/// Whether bootc takes these bytes.
pub(super) fn taken(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else { return false };
    let Ok(table) = DeTable::parse(text) else { return false };
    let texts = |value: &DeValue<'_>| match value {
        DeValue::Array(items) => items.iter().all(|item| matches!(item.get_ref(), DeValue::String(_))),
        _ => false,
    };
    let known = |key: &str| ["kargs", "match-architectures"].contains(&key);
    let table = table.get_ref();
    table.iter().all(|(key, value)| known(key.get_ref()) && texts(value.get_ref()))
        && table.keys().any(|key| key.get_ref() == "kargs")
}

/// The arguments of a file, the words of each by themselves; none of a file that bootc refuses.
pub(super) fn words(bytes: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(bytes).ok().filter(|_| taken(bytes));
    let Some(Ok(table)) = text.map(DeTable::parse) else { return Vec::new() };
    let Some(DeValue::Array(items)) = table.get_ref().get("kargs").map(|value| value.get_ref()) else {
        return Vec::new();
    };
    let texts = items.iter().filter_map(|item| item.get_ref().as_str());
    texts.flat_map(str::split_whitespace).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::{taken, words};

    #[test]
    fn arguments_are_read_of_files_that_are_taken() {
        assert_eq!(words(b"kargs = [\"a=b  c\", 'd']\nmatch-architectures = [\"x86_64\"]\n"), ["a=b", "c", "d"]);
        assert!(words(b"kargs = [\"a\"]\nother = []").is_empty() && words(b"\xff").is_empty());
    }

    #[test]
    fn a_file_is_taken_by_its_two_keys_alone() {
        for good in ["kargs = []", "# x\nkargs = [\"a=b\", 'c']\nmatch-architectures = [\"x86_64\"]\n"] {
            assert!(taken(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            "kargs = \"quiet\"",
            "kargs = [1]",
            "kargs = [\"a\"",
            "karg = [\"a\"]",
            "kargs = []\nkargs-delete = []",
            "\u{1}",
        ] {
            assert!(!taken(bad.as_bytes()), "{bad}");
        }
        assert!(!taken(b"kargs = [\"\xff\"]"));
    }
}
