//! What a boot was made of, as far as it was seen: its parts and its moments, in seconds from QEMU's start.

use serde::{Deserialize, Serialize};

/// Parts and moments that a record has at most; a boot has five parts and three moments.
const MOST: usize = 16;

/// One boot.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BootRecord {
    /// In the order in which they happened; one that was not seen is not here.
    pub parts: Vec<BootPart>,
    /// In the order in which they happened.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub moments: Vec<BootMoment>,
}

/// A part of a boot.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BootPart {
    /// `firmware`, `loader`, `kernel`, `initrd` or `userspace`; [boot time](../../../docs/boot-time.md) says from when to when each is.
    pub name: String,
    /// Seconds from QEMU's start to its begin.
    pub start: f64,
    /// Seconds that it took.
    pub seconds: f64,
}

/// A moment of a boot.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BootMoment {
    /// `sshd-answers` or `boot-finished`.
    pub name: String,
    /// Seconds from QEMU's start.
    pub at: f64,
}

impl BootRecord {
    /// The same with finite numbers that are not negative, and bounded.
    pub(crate) fn clamped(mut self) -> Self {
        self.parts.truncate(MOST);
        self.moments.truncate(MOST);
        let numbers = self.parts.iter_mut().flat_map(|part| [&mut part.start, &mut part.seconds]);
        for number in numbers.chain(self.moments.iter_mut().map(|moment| &mut moment.at)) {
            if !number.is_finite() || *number < 0.0 {
                *number = 0.0;
            }
        }
        self
    }
}
