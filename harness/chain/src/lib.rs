//! Reads the files in which people already say what they need of a system (a *chain*: Containerfiles, kickstarts,
//! playbooks, specs, programs) and makes [`Need`]s of them. Every line is understood, or listed as not understood
//! with the reason; none is dropped, and no name is invented.
//!
//! Pure: a reader gets text and bytes; other files and the answers of `rpm` come from a [`Host`]. All of it is
//! untrusted: sizes, depths and counts are bounded ([`limits`]).

pub mod chain;
pub mod host;
#[cfg(test)]
mod hostile_tests;
pub mod limits;
mod names;
pub mod need;
pub mod place;
mod positions;
pub mod reader;
mod readers;
mod shebang;
mod shell;
mod spelling;
#[cfg(test)]
mod testing;
mod toml_text;
mod why;
mod xml;
mod yaml;

pub use chain::{Chain, ChainKind, NotUnderstood};
pub use host::{Host, Unavailable};
pub use need::{Need, Verb, Want};
pub use place::Place;
pub use reader::{ReadError, Reader, Reading, Source};
pub use readers::{read, readers};
