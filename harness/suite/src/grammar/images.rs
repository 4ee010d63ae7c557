//! Names in images of containers, and of what starts them.

use super::form::{Grammar, Reading, Refusal, refuse};

/// What an EFI program is.
pub const BOOT_PROGRAM: Grammar = Grammar {
    what: "a kind of EFI programs",
    form: "one of `shim`, `grub`, `systemd-boot`, `uki` and `other`",
    pattern: r"[a-z-]+",
    reading: Reading::Closed(&["shim", "grub", "systemd-boot", "uki", "other"]),
    good: &[("shim", "shim"), ("systemd-boot", "systemd-boot")],
    bad: &[("grubb", "grub"), ("lilo", "")],
};

/// The key of a label of an OCI image.
pub const IMAGE_LABEL: Grammar = Grammar {
    what: "a label of an image",
    form: "without blanks and without a pattern",
    pattern: r"[^\s*?=]+",
    reading: Reading::Form(label),
    good: &[
        ("containers.bootc", "containers.bootc"),
        ("org.opencontainers.image.version", "org.opencontainers.image.version"),
    ],
    bad: &[("containers.*", ""), ("containers.bootc=1", ""), ("a b", "")],
};

fn label(text: &str) -> Result<String, Refusal> {
    match text.chars().find(|c| c.is_whitespace() || "*?=".contains(*c)) {
        None => Ok(text.to_owned()),
        Some('=') => refuse("the value of a label stands behind its name: `containers.bootc: \"1\"`"),
        Some(_) => refuse("the name of a label has neither blanks nor a pattern"),
    }
}

/// The rows of this file.
pub(super) const ALL: &[&Grammar] = &[&BOOT_PROGRAM, &IMAGE_LABEL];
