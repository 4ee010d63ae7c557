//! May this image ship? A policy, the profile that it names, waivers and the records of runs become a [`decision`],
//! with every requirement and its evidence. Pure: values in, a decision out; whoever calls reads the files and knows
//! the time. It uses `base`, `record` and `suite`.
//!
//! - [`profile`]: which tests there were when the profile was locked. Required tests come from it, never from a run.
//! - [`decide`]: the decision, made of its [`inputs`]; [`built`] is the day on which the image was built.
//! - [`waiving`]: which waivers count, and why others do not.
//! - [`ways`]: what would open a closed gate.
//! - [`written`]: a decision as text, JSON, Markdown and HTML.

mod around;
pub mod built;
mod commands;
pub mod decide;
pub mod decision;
pub mod inputs;
mod near;
mod observation;
mod origin;
pub mod profile;
mod requiring;
mod subject;
pub mod systems;
#[cfg(test)]
mod testing;
pub mod unmatched;
pub mod waiving;
pub mod ways;
pub mod written;
