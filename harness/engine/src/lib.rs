//! Plans, drives machines and guests, and reports what happens as one stream of
//! [`Event`](muster_record::event::Event)s. `cli` starts it; `report` reads what it says; nothing else calls it.
//!
//! [`plan`] decides what runs and in which order. A [`session`] is one image under test: it boots machines or clones
//! them from a template. Its [`worker`]s run tests on them, one after the other. [`driver`] is all that they know of
//! machines; the crates `qemu` and `remote` have the drivers. [`engine`] drives sessions for `muster run`, through a
//! schedule and within a [`budget`].

mod ahead;
mod attempt;
pub mod base_checks;
mod boot;
pub mod boot_evidence;
pub mod budget;
pub mod capsule;
mod capture;
pub mod claims;
mod clock;
pub mod cloned;
pub mod driver;
pub mod engine;
mod evaluate;
mod frozen;
pub mod gate;
pub mod halt;
mod installed;
mod kernel;
mod kernel_kept;
pub mod known;
mod lease;
mod no_network;
mod one_reply;
mod outcome;
pub mod plan;
pub mod product;
pub mod prove;
mod reading;
pub mod reboot;
pub mod records;
pub mod refused;
pub mod rerun;
pub mod run_baseline;
mod run_test;
mod samples;
mod schedule;
pub mod segment;
pub mod sent_packages;
pub mod session;
pub mod settings;
pub mod settle;
pub mod shard;
pub mod sink;
mod snapshots;
mod steps;
mod stop;
mod suite_steps;
mod together;
pub mod transfer;
mod treatment;
pub mod updates;
pub mod worker;

#[cfg(test)]
mod ahead_tests;
#[cfg(test)]
mod claims_tests;
#[cfg(test)]
mod engine_tests;
#[cfg(any(test, feature = "testing"))]
pub mod fake;
#[cfg(test)]
mod going_on_tests;
#[cfg(test)]
mod kernel_kept_tests;
#[cfg(test)]
mod samples_tests;
#[cfg(test)]
mod side_by_side_tests;
#[cfg(test)]
mod together_tests;
