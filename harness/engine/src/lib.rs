//! The run room: plans, drives machines and guests, and tells what happened as one stream of
//! [`event::Event`]s. `cli` starts it; `report` reads what it says; nothing else calls it.
//!
//! [`plan`] decides what is asked and in which order. A [`session`] is one image under test: it boots
//! machines or forks them from a template. Its [`lane`]s ask tests of them, one after the other,
//! through [`ask`]. [`driver`] is all that they know of machines; [`qemu`] is the driver that really
//! boots. [`engine`] drives sessions for `muster run`, through [`schedule`] and within a [`budget`].

mod ahead;
pub mod ask;
pub mod budget;
pub mod capsule;
mod console_hits;
pub mod driver;
pub mod engine;
pub mod gate;
pub mod halt;
pub mod known;
pub mod plan;
pub mod prove;
pub mod reboot;
pub mod refused;
mod samples;
mod schedule;
pub mod session;
pub mod settle;
pub mod sink;
pub mod steps;
pub mod worker;

#[cfg(test)]
mod ahead_tests;
#[cfg(test)]
mod engine_tests;
#[cfg(any(test, feature = "testing"))]
pub mod fake;
