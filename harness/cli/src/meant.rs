//! What was probably meant by a word of the command line that clap refuses and that is not near enough to a name for it:
//! what other programs call the same.

use clap::error::{ContextKind, ContextValue};
use muster_base::UnknownName;
use muster_suite::diagnostic::did_you_mean;

/// Values of options as others call them, and ours.
const VALUES: &[(&str, &str)] = &[
    ("amd64", "x86_64"),
    ("x86-64", "x86_64"),
    ("arm64", "aarch64"),
    ("cloud-init", "nocloud"),
    ("cloudinit", "nocloud"),
    ("efi", "uefi"),
    ("ovmf", "uefi"),
    ("legacy", "bios"),
    ("virtio", "virtio-blk"),
    ("scsi", "virtio-scsi"),
];

/// Options as others call them, and ours.
const OPTIONS: &[(&str, &str)] = &[("--ssh-key", "--identity"), ("--private-key", "--identity")];

/// The same error, with what was probably meant where that is known. `options` are the long names that the command has.
pub(crate) fn with_suggestion(mut error: clap::Error, options: &[String]) -> clap::Error {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let known = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<UnknownName>());
    let value = text(ContextKind::InvalidValue).zip(known).and_then(|(value, known)| value_meant(&value, known.known));
    let option = text(ContextKind::InvalidArg).and_then(|typed| {
        let typed = typed.split('=').next().unwrap_or_default().to_owned();
        let ours = OPTIONS.iter().find(|(other, _)| *other == typed).map(|(_, ours)| *ours)?;
        options.iter().any(|option| *option == ours[2..]).then(|| ours.to_owned())
    });
    if let Some(value) = value {
        error.insert(ContextKind::SuggestedValue, ContextValue::String(value.to_owned()));
    }
    if let Some(option) = option {
        error.insert(ContextKind::SuggestedArg, ContextValue::String(option));
    }
    error
}

fn value_meant(value: &str, known: &[&'static str]) -> Option<&'static str> {
    let lower = value.to_lowercase();
    let other = VALUES.iter().find(|(other, _)| *other == lower).map_or(lower.as_str(), |(_, ours)| *ours);
    let same = known.iter().find(|name| **name == other).copied();
    same.or_else(|| did_you_mean(value, known.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_call_it_is_what_was_meant() {
        for (value, known, meant) in [
            ("arm64", &["x86_64", "aarch64"][..], Some("aarch64")),
            ("UEFI", &["uefi", "uefi-secure", "bios"], Some("uefi")),
            ("cloud-init", &["nocloud", "ignition", "none"], Some("nocloud")),
            ("arm64", &["uefi", "bios"], None),
        ] {
            assert_eq!(value_meant(value, known), meant, "{value}");
        }
    }
}
