//! The image room: finds an image, refuses a hostile one, knows its format, puts an overlay before
//! it. Never writes to the image itself. `machine` and `run` call it; it knows neither.
//!
//! Everything in an image file is hostile: its header is read by [`header`] before any tool sees it,
//! `qemu-img` runs under limits, and the format is always stated, never guessed by QEMU.

mod cache;
pub mod catalogue;
pub mod compress;
pub mod digest;
pub mod error;
pub mod header;
mod in_use;
pub mod inspect;
pub mod lab;
pub mod layout;
pub mod magic;
pub mod overlay;
pub mod prepare;
pub mod prune;
pub mod pull;
pub mod rootfs;
mod tool;

pub use catalogue::{Checksum, DiskSource, Download, ImageSpec, KernelBoot, Signature};
pub use digest::{Unchanged, sha256};
pub use error::ImageError;
pub use in_use::{InUse, opened};
pub use inspect::{Inspected, Limits, inspect};
pub use overlay::Overlay;
pub use prepare::{Prepared, facts, preflight, prepare};

use std::path::PathBuf;

/// Where built and fetched images are kept: `$MUSTER_CACHE`, else `$XDG_CACHE_HOME/muster`, else
/// `~/.cache/muster`. `None` when none of the three variables is set. Creates nothing.
pub fn cache_dir() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("MUSTER_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").filter(|path| path.is_absolute()).map(|path| path.join("muster")))
        .or_else(|| set("HOME").map(|home| home.join(".cache/muster")))
}
