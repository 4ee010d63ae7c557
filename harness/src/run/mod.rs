//! The run room: plans, drives machines and guests, and tells what happened as one stream of
//! [`event::Event`]s. `cli` starts it; `report` reads what it says; nothing else calls it.

pub mod event;
pub mod outcome;
pub mod record;
