//! Types of partitions and their names, from the Discoverable Partitions Specification and the lists of
//! fdisk(8).

use super::super::diagnostic::did_you_mean;
use super::form::{Grammar, Reading, Refusal, meant};

/// Types of a GPT with a name of their own, as (GUID, name).
pub const GPT: &[(&str, &str)] = &[
    ("c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "esp"),
    ("21686148-6449-6e6f-744e-656564454649", "bios-boot"),
    ("bc13c2ff-59e6-4262-a352-b275fd6f7172", "xbootldr"),
    ("0fc63daf-8483-4772-8e79-3d69d8477de4", "linux"),
    ("0657fd6d-a4ab-43c4-84e5-0933c84b4f4f", "swap"),
    ("e6d6d379-f507-44c2-a23c-238f2a3df928", "lvm"),
    ("a19d880f-05fc-4d3b-a006-743f0f84911e", "raid"),
    ("4f68bce3-e8cd-4db1-96e7-fbcaf984b709", "root-x86-64"),
    ("2c7357ed-ebd2-46d9-aec1-23d437ec2bf5", "root-x86-64-verity"),
    ("b921b045-1df0-41c3-af44-4c6f280d3fae", "root-arm64"),
    ("df3300ce-d69f-4c92-978c-9bfb0f38d820", "root-arm64-verity"),
    ("8484680c-9521-48c6-9c11-b0720656f69e", "usr-x86-64"),
    ("77ff5f63-e7b6-4633-acf4-1565b864c0e6", "usr-x86-64-verity"),
    ("b0e01050-ee5f-4390-949a-9101b17104e9", "usr-arm64"),
    ("6e11a4e7-fbca-4ded-b9e9-e1a512bb664e", "usr-arm64-verity"),
    ("933ac7e1-2eb4-4f13-b844-0e14e2aef915", "home"),
    ("3b8f8425-20e0-4f3b-907f-1a25a76f98e8", "srv"),
    ("4d21b016-b534-45c2-a9fb-5c16e091fd2d", "var"),
    ("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7", "basic-data"),
    ("e3c9e316-0b5c-4db8-817d-f92df00215ae", "microsoft-reserved"),
];

/// Types of an MBR with a name of their own.
pub const MBR: &[(u8, &str)] = &[(0x82, "swap"), (0x83, "linux"), (0x8e, "lvm"), (0xef, "esp"), (0xfd, "raid")];

/// The type of a partition: a name of ours, a GUID, or the byte of an MBR.
pub const TYPE: Grammar = Grammar {
    what: "a type of partitions",
    form: "a name (`esp`, `linux`, `root-x86-64`), or for a type without one its GUID in lower case, or `0x` and two hex digits",
    pattern: r"[a-z][a-z0-9-]*|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|0x[0-9a-f]{2}",
    reading: Reading::Form(read),
    good: &[
        ("esp", "esp"),
        ("swap", "swap"),
        ("0x07", "0x07"),
        ("44479540-f297-41b2-9af7-d131d5f0458a", "44479540-f297-41b2-9af7-d131d5f0458a"),
    ],
    bad: &[
        ("ESP", "esp"),
        ("EFI", "esp"),
        ("swp", "swap"),
        ("83", ""),
        ("0x8", ""),
        ("0x83", "linux"),
        ("0fc63daf-8483-4772-8e79-3d69d8477de4", "linux"),
        ("44479540-F297-41B2-9AF7-D131D5F0458A", "44479540-f297-41b2-9af7-d131d5f0458a"),
    ],
};

fn read(text: &str) -> Result<String, Refusal> {
    let hex = |part: &str, length: usize| part.len() == length && part.bytes().all(|b| b.is_ascii_hexdigit());
    let lower = text.to_lowercase();
    let parts: Vec<&str> = lower.split('-').collect();
    let is_guid = parts.len() == 5 && parts.iter().zip([8, 4, 4, 4, 12]).all(|(part, length)| hex(part, length));
    let byte = lower.strip_prefix("0x").filter(|rest| hex(rest, 2)).and_then(|rest| u8::from_str_radix(rest, 16).ok());
    let named = match byte {
        Some(byte) => MBR.iter().find(|(known, _)| *known == byte).map(|(_, name)| *name),
        None => GPT.iter().find(|(known, _)| *known == lower).map(|(_, name)| *name),
    };
    if let Some(name) = named {
        return meant("this type has a name, by which it is listed", name);
    }
    if is_guid || byte.is_some() {
        return if lower == text { Ok(lower) } else { meant("it is written in lower case", lower) };
    }
    let names = || GPT.iter().map(|(_, name)| *name);
    if names().any(|name| name == text) {
        return Ok(text.to_owned());
    }
    let near = if matches!(lower.as_str(), "efi" | "efi-system") { Some("esp") } else { did_you_mean(&lower, names()) };
    meant(
        "no type has this name; one without a name is written as its GUID, or as `0x` and two digits",
        near.unwrap_or_default(),
    )
}

/// The rows of this file.
pub(super) const ALL: &[&Grammar] = &[&TYPE];
