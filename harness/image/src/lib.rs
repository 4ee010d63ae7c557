//! Finds an image, fetches and verifies it, refuses a hostile one, knows its format, puts an overlay before it. Never writes to
//! the image itself. `qemu` and `cli` use it.
//!
//! Everything in an image file is untrusted: its header is read by [`header`] before any tool sees it,
//! `qemu-img` runs under limits, and the format is always stated, never guessed by QEMU.

mod cache;
mod catalogue;
mod compress;
mod compression;
mod digest;
mod dirs;
mod efi_program;
mod ends;
mod error;
pub mod header;
mod in_use;
pub mod inspect;
pub mod lab;
mod layout;
pub mod magic;
mod numbers;
mod overlay;
mod prepare;
pub mod prune;
pub mod pull;
mod remembered;
mod rootfs;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
mod tool;

pub use catalogue::{DiskSource, Download, ImageSpec, KernelBoot};
pub use compression::Compression;
pub use digest::{Unchanged, sha256};
pub use dirs::cache_dir;
pub use error::ImageError;
pub use in_use::{InUse, opened};
pub use inspect::{Inspected, Limits, inspect};
pub use overlay::Overlay;
pub use prepare::{Prepared, facts, loaded, preflight, prepare, prepare_by_stamps, prepare_to_look, source_sha256};
pub use rootfs::ArchiveError;
