//! What a run leaves, and nothing of how it is made: [`event`]s, [`outcome`]s, the [`run`] record that events [`fold`] to, the
//! [`journal`] and `run.json` with their schemas, the [`layout`] of a run directory, and directories of earlier runs ([`kept`]). Other
//! programs may depend on it; it uses `base` only.

pub mod archive;
pub mod awaited;
pub mod boot;
pub mod deciding;
pub mod disk;
pub mod durations;
mod earlier;
pub mod efi_program;
pub mod event;
pub mod facts;
pub mod finding;
pub mod fold;
mod found;
pub mod history;
pub mod journal;
pub mod json;
pub mod kept;
pub mod last_seen;
pub mod layout;
pub mod merge;
pub mod met;
pub mod names;
pub mod open;
pub mod outcome;
pub mod outstanding;
pub mod root_tree;
pub mod run;
#[cfg(any(test, feature = "testing"))]
pub mod sample;
pub mod shard;
pub mod signature;
pub mod verdict;
