//! The report room: events become a record, and the record becomes JUnit, JSON and terminal text.
//!
//! It sees [`crate::run::event`], [`crate::run::outcome`], [`crate::run::record`] and
//! [`crate::failure`], and nothing else of the engine: never a machine, never a guest. Only `cli`
//! calls it. Whatever it shows has passed through [`crate::text`], because most of what a record
//! holds was said by a guest.
//!
//! - [`fold`]: events become a [`crate::run::record::RunRecord`] that is complete at every moment.
//! - [`journal`]: `events.jsonl`, from which an interrupted run can be continued or rendered again.
//! - [`files`]: where things lie in a run directory, and how a file is replaced whole or not at all.
//! - [`evidence`]: which files of the run directory belong to a test that did not pass.
//! - [`json`]: the record as `run.json`.
//! - [`junit`]: the record as `junit.xml`.
//! - [`verdict`]: the sentence about each image.
//! - [`terminal`]: what a person sees while it runs and at its end.
//! - [`annotations`]: what CI servers read out of a log.
//! - [`pace`]: what to expect, by what earlier runs took.
//! - [`list`]: plain columns.
//! - [`kept`]: directories of earlier runs, and their removal.

pub mod annotations;
pub mod evidence;
pub mod files;
pub mod fold;
pub mod journal;
pub mod json;
pub mod junit;
pub mod kept;
pub mod list;
pub mod pace;
mod progress;
pub mod terminal;
pub mod verdict;
mod words;

#[cfg(test)]
pub(crate) mod sample;
