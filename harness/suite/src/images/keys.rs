//! The keys of the image catalogue.

use crate::keys::{KeyTable, Shape, key, required};
use muster_base::download::{ChecksumKind, SignatureKind};
use muster_base::machine::{Arch, DiskBus, FirmwareKind, Format, SeedKind};

/// A file of the image catalogue.
pub const CATALOGUE: KeyTable = KeyTable {
    what: "an image catalogue",
    keys: &[
        required("schema", Shape::Constant("images/v1"), "The language and its version."),
        required("images", Shape::List(&IMAGE), "The images."),
    ],
};

/// An image of the catalogue.
pub const IMAGE: KeyTable = KeyTable {
    what: "an image",
    keys: &[
        required("id", Shape::Id, "Its name, unique in the catalogue."),
        key("summary", Shape::Line, "What it is."),
        required("disk", Shape::OneOf(&DISK), "Where its disk comes from."),
        key(
            "format",
            Shape::Keyword(Format::NAMES),
            "Format of the disk; qcow2 when not stated. A file that ends in .xz, .zst, .gz or .bz2 is unpacked first.",
        ),
        key("arch", Shape::Keyword(Arch::NAMES), "The processor it is made for; x86_64 when not stated."),
        key("firmware", Shape::Keyword(FirmwareKind::NAMES), "What boots it; uefi when not stated."),
        key(
            "kernel",
            Shape::Mapping(&KERNEL),
            "A kernel loaded without a boot loader; a root file system as tar that brings none needs one.",
        ),
        key("tpm", Shape::Bool, "Whether its machines have a TPM 2.0; false when not stated."),
        required("seed", Shape::Keyword(SeedKind::NAMES), "How the SSH key and the user of a run get into it."),
        required("user", Shape::Id, "SSH user."),
        key("memory", Shape::Size, "RAM of its machines; 1 GiB when not stated."),
        key("cpus", Shape::Count, "Processors of its machines; 2 when not stated."),
        key("bus", Shape::Keyword(DiskBus::NAMES), "How the disk is attached; virtio-blk when not stated."),
        key("extra-disks", Shape::Sizes, "Empty disks in addition, by size, 1 to 8."),
        key("nics", Shape::Count, "Network interfaces, 1 to 8; 1 when not stated. Only the first leads anywhere."),
        key("boot-timeout", Shape::Duration, "Longest boot on a host with working KVM; 2m when not stated."),
        key(
            "facts",
            Shape::Facts,
            "What is known of it before it boots, so that tests can be skipped without booting it.",
        ),
        key(
            "claims",
            Shape::Claims,
            "What its maker says that it has, by capability and dimension: each machine is compared with it after its boot.",
        ),
        key("needs-cpu", Shape::Keyword(CPU_LEVELS), "The lowest level of x86 processors it runs on."),
        key("quirks", Shape::Lines, "What is peculiar about it, one sentence each."),
        key("verified", Shape::Line, "When and how this description was last seen to work."),
        key(
            "never-booted",
            Shape::Line,
            "Why nobody has booted it with this description yet; a run says so. Not together with `verified`.",
        ),
    ],
};

/// Dimensions that a catalogue can know before a boot.
pub const FACTS: &[&str] = &[
    "distro",
    "id",
    "id-like",
    "variant",
    "arch",
    "mode",
    "kernel",
    "systemd",
    "rpm",
    "package-manager",
    "selinux",
    "openssl-provider",
];

/// Words of `needs-cpu`.
pub const CPU_LEVELS: &[&str] = &["x86-64-v2", "x86-64-v3", "x86-64-v4"];

/// `kernel:` of an image.
pub const KERNEL: KeyTable = KeyTable {
    what: "`kernel`",
    keys: &[
        required(
            "image",
            Shape::Line,
            "The kernel, relative to the catalogue's directory, or to the built lab image's.",
        ),
        key("initrd", Shape::Line, "Its initial RAM disk, found in the same way."),
        required("cmdline", Shape::Line, "Its command line; it names the root file system and the console."),
    ],
};

/// `disk:` of an image.
pub const DISK: KeyTable = KeyTable {
    what: "`disk`",
    keys: &[
        key("path", Shape::Line, "A file, relative to the catalogue's own."),
        key("lab", Shape::Id, "A variant of the built-in lab images."),
        key("download", Shape::Mapping(&DOWNLOAD), "A file of its vendor, which `muster images pull` fetches."),
        key("bring", Shape::Mapping(&BRING), "A file that its vendor does not publish, and how it is made."),
    ],
};

/// `download:` of a disk.
pub const DOWNLOAD: KeyTable = KeyTable {
    what: "`download`",
    keys: &[
        required("url", Shape::Line, "Where the file is; its last part is the name that checksum files know it by."),
        required("checksum", Shape::Mapping(&CHECKSUM), "The digest of the file, or where that is published."),
        key("signature", Shape::Mapping(&SIGNATURE), "What the vendor signed; without it only the digest is checked."),
        key("max-size", Shape::Size, "The most the file may have; 8 GiB when not stated."),
    ],
};

/// `checksum:` of a download.
pub const CHECKSUM: KeyTable = KeyTable {
    what: "`checksum`",
    keys: &[
        key("value", Shape::Line, "The digest itself, in hex: no other bytes are taken, whatever is published."),
        key("url", Shape::Line, "The vendor's checksum file. With `value` it is read only for its signature."),
        required("kind", Shape::Keyword(ChecksumKind::NAMES), "Which digest."),
    ],
};

/// `signature:` of a download.
pub const SIGNATURE: KeyTable = KeyTable {
    what: "`signature`",
    keys: &[
        required(
            "kind",
            Shape::Keyword(SignatureKind::NAMES),
            "Whether the checksum file is clear-signed, or the signature a file of its own over it or over the image.",
        ),
        key("url", Shape::Line, "Where a signature is that is a file of its own."),
        key("key", Shape::Line, "The vendor's public keys, a file relative to the catalogue's own."),
        key("key-from", Shape::Line, "Where a person gets the vendor's key, to name it with `--keyring`."),
    ],
};

/// `bring:` of a disk.
pub const BRING: KeyTable = KeyTable {
    what: "`bring`",
    keys: &[
        required("path", Shape::Line, "Where the file is looked for, relative to the catalogue's own."),
        required("steps", Shape::Lines, "How the file is made, one step each."),
    ],
};
