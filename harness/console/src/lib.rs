//! The console of a machine: every byte to `console.log` (bounded), every line compared with the rules while it is
//! printed, so that a hopeless wait ends at once. Logs of other machines are read the same way ([`scan`]).
//!
//! Bytes become clean pieces of lines (`lines`), pieces become messages (`message`), a message is
//! compared with the [`rules`] by the `evaluator`, and what it finds is kept with the lines around it in
//! `findings`. All of that is pure; [`Console`] is the thread that reads a machine's port.

mod boots;
mod console;
mod evaluator;
mod findings;
mod forms;
mod host_keys;
mod lines;
mod log;
mod message;
pub mod rules;
pub mod scan;
mod torn;

pub use console::Console;
pub use evaluator::Setting;
pub use log::LOG_LIMIT;
pub use rules::Rules;
