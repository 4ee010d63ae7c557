//! Two systems compared: every difference between them, and which of
//! those are documented. Pure but for reading the files it is given; `cli` collects the facts and prints.
//!
//! - [`item`]: what facts are made of.
//! - [`kind`]: what a kind of facts is; [`kinds`]: all of them, one file each.
//! - [`facts`]: `facts/v1`, all that a comparison reads of one system, as a file.
//! - [`difference`]: from the items of two systems to differences with stable keys.
//! - [`comparison`]: two systems' facts compared.
//! - [`ledger`]: the entries of `deviations/v1` compared with differences.
//! - [`azldev`]: Azure Linux's own TOML tree, whose overlays document differences too.
//! - [`verdict`]: the whole comparison: what is documented, by what, and the exit code.
//! - [`text`], [`markdown`], [`json`]: the same for a terminal, for a pull request, for programs.

pub mod azldev;
pub mod comparison;
pub mod difference;
mod error;
pub mod facts;
pub mod item;
pub mod json;
pub mod kind;
pub mod kinds;
mod ledger;
pub mod markdown;
#[cfg(test)]
mod testing;
pub mod text;
pub mod verdict;

pub use error::{ContentError, FactsError, KindError};
