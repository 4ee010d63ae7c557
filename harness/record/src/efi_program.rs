//! What an EFI program is. `image` knows it by what is in its file.

use serde::{Deserialize, Serialize};

/// What an EFI program is, known by its sections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EfiProgram {
    /// Its SBAT names shim.
    Shim,
    /// Its SBAT names grub.
    Grub,
    /// It says in `.sdmagic` that it is systemd-boot.
    SystemdBoot,
    /// It has a kernel in `.linux`.
    Uki,
    /// None of these.
    Other,
}

impl EfiProgram {
    /// The name in lists.
    pub fn name(self) -> &'static str {
        match self {
            Self::Shim => "shim",
            Self::Grub => "grub",
            Self::SystemdBoot => "systemd-boot",
            Self::Uki => "uki",
            Self::Other => "other",
        }
    }
}
