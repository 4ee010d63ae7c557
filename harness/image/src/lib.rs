//! The image room: finds an image, refuses a hostile one, knows its format, puts an overlay before
//! it. Never writes to the image itself. `machine` and `run` call it; it knows neither.
//!
//! Everything in an image file is hostile: its header is read by [`header`] before any tool sees it,
//! `qemu-img` runs under limits, and the format is always stated, never guessed by QEMU.

mod cache;
pub mod catalogue;
pub mod compress;
mod compression;
pub mod digest;
mod dirs;
mod ends;
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
pub use dirs::cache_dir;
pub use error::ImageError;
pub use in_use::{InUse, opened};
pub use inspect::{Inspected, Limits, inspect};
pub use overlay::Overlay;
pub use prepare::{Prepared, facts, preflight, prepare};
