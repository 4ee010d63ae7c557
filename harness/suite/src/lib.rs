//! YAML text becomes [`model::Suite`]s, with all errors of all files at once. Pure:
//! reads files given to it, starts nothing. Every crate after it may use its types; it uses `base` only.
//! It is given the check types as [`table::CheckTable`]s, and what guests can offer as a [`Vocabulary`].
//!
//! - [`model`]: what a decoded suite is; [`clause`]: alternatives between expectations; [`table`]: what check types can be asked.
//! - [`kind`]: which kinds of documents there are, and which one a file is.
//! - [`load`] and [`decode_source`]: from files or text to suites and [`diagnostic::Diagnostics`].
//! - [`keys`]: the language's own keys, from which the decoder and [`schema`] are both made.
//! - [`condition`], [`matcher`], [`value`], [`version`], [`json_path`]: the small languages inside scalars.
//! - [`grammar`]: what can be a name.
//! - [`baseline`]: what boots are compared with.
//! - [`adjust`]: what a test expects on one system. [`known`]: failures that are documented.
//! - [`proofs`]: how tests are shown to be able to fail.
//! - [`matrix_kernel`]: the kernel of a combination. [`select`]: which tests a command line means. [`images`]: the image catalogue's files.
//! - [`console_rules`]: the files of console rules. [`deviations`]: the ledger of a comparison.
//! - [`write`]: tests become YAML.
//! - [`foreign`]: the checks of other tools, and which tests take their place.
//! - [`policy`]: what an image must have passed. [`waivers`]: failures that were let go.

pub mod adjust;
pub mod baseline;
pub mod clause;
pub mod condition;
pub mod console_rules;
mod decode;
pub mod deviations;
pub mod diagnostic;
mod effort;
mod expectation;
mod expiry;
pub mod foreign;
pub mod grammar;
#[cfg(test)]
mod growth_tests;
pub mod images;
pub mod json_path;
pub mod keys;
pub mod kind;
pub mod known;
pub mod lint;
pub mod matcher;
pub mod matrix_kernel;
pub mod model;
mod operator;
pub mod policy;
pub mod proofs;
pub mod schema;
pub mod select;
pub mod snapshot_files;
pub mod source;
pub mod table;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod value;
pub mod version;
mod vocabulary;
pub mod waivers;
pub mod write;
pub mod yaml;

pub use decode::is_id;
pub use decode::{decode_source, load, load_sources, load_tests, load_with, sources_with};
pub use kind::FileKind;
pub use source::ignored;
pub use vocabulary::Vocabulary;
