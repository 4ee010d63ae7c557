//! Conditions over what a system is, fmf's way: `distro >= fedora-43 and arch == x86_64`. They are
//! parsed with located errors, checked for words that can never hold, and evaluated in three
//! values, so that what is not known is never taken for false.

mod contradiction;
mod dimensions;
mod distro;
mod evaluate;
mod parse;
mod unfamiliar;
mod values;
mod words;

pub use contradiction::{always_true, never_true};
pub use dimensions::{DIMENSIONS, is_multiple, words};
pub use distro::id_of_distro;
pub use evaluate::{Truth, evaluate};
pub use parse::{ConditionError, parse};
pub use unfamiliar::unfamiliar;
pub use values::{NeverSo, never_so};
pub(crate) use values::{probably_meant, synonym};

#[cfg(test)]
mod tests;
