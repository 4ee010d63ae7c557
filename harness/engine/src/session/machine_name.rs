//! What machines are called.

use sha2::{Digest, Sha256};

use muster_base::text::hex;

/// Characters of a name. With a number after it, it is the guest's host name as well, which has 64 at most.
const LONGEST: usize = 60;
/// Characters of the digest in a name that was cut.
const DIGEST: usize = 8;

/// A name that is safe as a directory below `machines/`, of 60 characters at most. A longer one is cut, and ends with a digest
/// of the whole, so that two images of a run never have the same.
pub fn safe(name: &str) -> String {
    let base = name.rsplit('/').next().unwrap_or(name);
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let word: String = base.chars().map(plain).collect();
    if word.len() <= LONGEST {
        return word;
    }
    let digest = &hex(Sha256::digest(name.as_bytes()))[..DIGEST];
    format!("{}-{digest}", &word[..LONGEST - 1 - DIGEST])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_as_directories_and_long_ones_stay_apart() {
        assert_eq!(safe("lab"), "lab");
        assert_eq!(safe("images/a b\u{e4}.qcow2"), "a-b-.qcow2");
        let of = |length: usize, end: char| format!("{}{end}", "n".repeat(length - 1));
        assert_eq!(safe(&of(60, 'x')), of(60, 'x'));
        for length in [61, 64, 100] {
            let (one, other) = (safe(&of(length, 'x')), safe(&of(length, 'y')));
            assert_ne!(one, other, "they differ in the last of {length} characters");
            assert_eq!((one.len(), other.len()), (60, 60));
            assert!(one.starts_with(&"n".repeat(51)), "{one}");
        }
        // The digest is the same in every run.
        assert_eq!(safe(&of(61, 'x')), safe(&of(61, 'x')));
    }
}
