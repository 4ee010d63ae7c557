//! The triage packet of a failure: what a person, a bug tracker or another program needs to find the cause, and no more.
//! Every statement cites where it comes from, a file of the run's directory and a line. There is no guess in it: the class
//! says what the failure id says, and what the evidence does not decide is called undetermined.

mod awaited;
mod class;
pub mod json;
mod markdown;
mod packet;
mod statement;

pub use class::CauseClass;
pub use markdown::markdown;
pub use packet::{ConsoleExcerpt, Packet, Since, packet};
pub use statement::Evidence;
