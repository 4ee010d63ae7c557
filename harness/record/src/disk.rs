//! What an image file says of itself without being started: its form, the partitions of its disk, and what starts from it. `image`
//! reads it.

use serde::{Deserialize, Serialize};

use crate::efi_program::EfiProgram;
use crate::root_tree::RootTree;

/// An image file, seen from outside. All of it is what the file says: bounded, escaped when shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct DiskFacts {
    /// `qcow2`, `raw`, `vhd`, `vhdx`, `vmdk`, or `tar` for a root file system that was made into a disk.
    pub format: String,
    /// What the guest sees, in bytes.
    pub virtual_size: u64,
    /// Length of the file in bytes.
    pub file_size: u64,
    /// Of a VHD: `fixed`, `dynamic` or `differencing`, as its footer says; else the footer's number.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subformat: Option<String>,
    /// Its partitions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub table: Option<Table>,
    /// Why they cannot be read, when they cannot.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unreadable: Option<String>,
    /// Whether the first sector has code that a BIOS starts; absent of a disk without sectors, and in records of earlier versions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub boot_code: Option<bool>,
    /// What is on its EFI system partition; absent where it has none, and in records of earlier versions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub esp: Option<Esp>,
    /// What the archive of a root file system holds; absent where the file is a disk, and in records of earlier versions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub root: Option<RootTree>,
}

/// What is on the first EFI system partition of a disk. Names are escaped, and at most 255 characters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Esp {
    /// Whether a FAT file system is on it.
    pub formatted: bool,
    /// What `EFI/BOOT/BOOTX64.EFI` is, or `BOOTAA64.EFI`: the program that firmware starts where no other is set.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub first: Option<EfiProgram>,
    /// What `grubx64.efi`, or `grubaa64.efi`, next to it is: the program that shim starts.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub second: Option<EfiProgram>,
    /// Names of the unified kernel images in `EFI/Linux`, sorted.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub ukis: Vec<String>,
    /// The pattern that `loader/loader.conf` has for `default`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub default: Option<String>,
    /// Why it cannot be read, when it cannot; all else says nothing then.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub unreadable: Option<String>,
}

/// The partitions of a disk.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Table {
    /// `gpt`, `mbr`, or `none`: no table at all, as on a disk that is one file system.
    pub kind: String,
    /// Whether a GPT has its second copy in the last sector, where firmware and tools look for it, and it is intact.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub backup: Option<bool>,
    /// What is wrong with one of the two copies of a GPT; with both, there is no table.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub damage: Option<Damage>,
    /// In the order of the table.
    pub partitions: Vec<Partition>,
}

/// A damaged copy of a GPT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Damage {
    /// Which.
    pub copy: TableCopy,
    /// What is wrong with it.
    pub why: String,
}

/// The two copies of a GPT.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TableCopy {
    /// In the second sector.
    First,
    /// In the last sector.
    Second,
}

impl std::fmt::Display for Damage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (which, other) = match self.copy {
            TableCopy::First => ("first", "the second, at the end of the disk, is intact"),
            TableCopy::Second => ("second", "the first is intact"),
        };
        write!(
            f,
            "the {which} copy of the GPT is damaged ({}); {other}: `sgdisk -e` or `gdisk` writes both again",
            self.why
        )
    }
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Partition {
    /// `esp`, `linux`, `swap`, …; what has no name is its GUID or `0x` and two digits.
    pub kind: String,
    /// The name that a GPT gives it, or empty.
    pub name: String,
    /// Where it begins, in bytes.
    pub start: u64,
    /// How long it is, in bytes.
    pub size: u64,
}
