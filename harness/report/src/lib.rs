//! The record of a run becomes JUnit, JSON, terminal text and annotations.
//!
//! It sees [`muster_record::event`], [`muster_record::outcome`], [`muster_record::run`] and
//! [`muster_base::failure`], and nothing else of the engine: never a machine, never a guest. Only `cli`
//! calls it. Whatever it shows has passed through [`muster_base::text`], because most of what a record
//! holds was said by a guest.
//!
//! - [`evidence`]: which files of the run directory belong to a test that did not pass.
//! - [`written`]: the files that a run's directory gets of its record, JUnit among them.
//! - [`verdict`]: the sentence about each image.
//! - [`terminal`]: what a person sees while it runs and at its end.
//! - [`difference`]: two runs compared.
//! - [`history`]: series over many runs.
//! - [`triage`]: what is known of one failure.
//! - [`annotations`]: what CI servers read out of a log.
//! - [`pace`]: what to expect, by what earlier runs took.
//! - [`live`]: what goes on, at the bottom of a terminal.
//! - [`closing`]: what did not pass, on one screen.
//! - [`list`]: plain columns.

pub mod annotations;
mod causes;
pub mod closing;
pub mod difference;
pub mod evidence;
mod format;
pub mod history;
pub mod list;
pub mod live;
pub mod pace;
mod since;
pub mod terminal;
pub mod triage;
mod verdict;
mod words;
pub mod written;
