//! What all crates share: [`failure`] ids and what an error says ([`fault`]), guest [`text`] that is escaped,
//! [`files`] that are replaced whole or not at all, [`exit`] codes, the order of package versions ([`evr`]), patterns
//! of names ([`glob`], [`fnmatch`]), the file [`os_release`], the names of what a [`machine`] is made of, what the
//! kernel says of a [`process`], what a [`version`] says of its sources and which of two releases is earlier ([`semver`]).
//! Every crate may use it; it uses none.

pub mod download;
pub mod evr;
pub mod exit;
pub mod failure;
pub mod fault;
pub mod files;
pub mod fnmatch;
pub mod glob;
pub mod machine;
pub mod os_release;
pub mod process;
mod relation;
pub mod semver;
pub mod text;
pub mod version;
mod words;

pub use relation::Relation;
pub use words::{Choice, UnknownName};
