//! Facts of a guest: how what snapshots, comparisons and `muster record` share is read, and snapshots compared
//! with what was accepted before, in insta's file format, so that `cargo insta review` works on what muster writes.
//!
//! `compare` and `muster record` read through [`sources`] and [`groups`] what they share with snapshots or each other.
//! `engine` calls it for snapshots, once for each [`muster_suite::model::SnapshotSpec`]: [`sources::probe`] says what
//! to read in the guest, [`sources::render`] makes a text of the answer, [`compare::compare`] compares it
//! with the accepted one. `cli` lists, accepts and rejects what is pending through [`pending`].
//!
//! - [`sources`]: pure: what to read for each source, and the text that is compared.
//! - [`groups`]: groups, which no snapshot has.
//! - [`compare`]: the verdict, and which files are written when.
//! - [`format`]: insta's file format.
//! - [`diff`]: the difference as a person reads it.
//! - [`pending`]: snapshots that wait for a decision.
//! - [`stored`]: files of snapshots.

pub mod compare;
mod diff;
mod format;
pub mod groups;
pub mod pending;
pub mod sources;
mod stored;
