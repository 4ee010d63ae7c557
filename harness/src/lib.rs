//! muster: *does your image pass muster?*
//!
//! Data flows one way through the rooms, in the order of this list. A later room may use an earlier
//! one's types, never the reverse.
//!
//! - [`failure`], [`text`], [`exit`], [`files`]: the words every room shares: failure ids, hostile
//!   text made harmless, exit codes, files that are replaced whole or not at all.
//! - [`suite`]: YAML files become suites, with all errors of all files at once. Pure.
//! - [`image`]: finds an image, refuses a hostile one, knows its format. Never writes to it.
//! - [`machine`]: the accelerator, firmware, seed, QEMU and its console. Nothing else knows QEMU.
//! - [`guest`]: one SSH connection, one framed shell, the facts of the system. Nothing else knows SSH.
//! - [`check`]: what was observed becomes verdicts. Pure: sees facts and replies, never a machine.
//! - [`snapshot`]: facts compared with what was accepted before, in insta's file format.
//! - [`compare`]: two systems set beside each other, and which of their differences are documented.
//! - [`run`]: plans, drives machines and guests, and tells what happened as one stream of events.
//! - [`report`]: events and outcomes become JUnit, JSON and terminal text. Sees nothing else.
//! - [`cli`]: the command line; the only place that prints, and the only one that composes rooms.

pub mod check;
pub mod cli;
pub mod compare;
pub mod exit;
pub mod failure;
pub mod files;
#[cfg(test)]
mod fuzz_corpus;
pub mod guest;
pub mod image;
pub mod machine;
pub mod report;
pub mod run;
pub mod snapshot;
pub mod suite;
pub mod text;

// The fuzz targets name this library as their users do.
#[cfg(test)]
extern crate self as muster;
