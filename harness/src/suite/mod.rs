//! The suite room: YAML text becomes [`model::Suite`]s, with all errors of all files at once. Pure:
//! reads files given to it, starts nothing. Every later room may use its types; it uses none of theirs.
//! What check types exist is told to it as [`table::CheckTable`]s.

pub mod model;
pub mod table;
