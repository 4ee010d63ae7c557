//! The run room: plans, drives machines and guests, and tells what happened as one stream of
//! [`event::Event`]s. `cli` starts it; `report` reads what it says; nothing else calls it.
//!
//! [`plan`] decides what is asked and in which order. [`session`] keeps one image's machines alive
//! and asks one test at a time of them through [`ask`]. [`driver`] is all that the session knows of
//! machines; [`qemu`] is the driver that really boots. [`engine`] drives sessions for `muster run`.

pub mod ask;
pub mod driver;
pub mod engine;
pub mod event;
pub mod outcome;
pub mod plan;
pub mod qemu;
pub mod reboot;
pub mod record;
pub mod remote;
pub mod session;
pub mod sink;
pub mod steps;

#[cfg(test)]
mod engine_tests;
#[cfg(test)]
mod fake;
