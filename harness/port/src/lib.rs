//! Whether a chain ([`muster_chain`]) will run on another system: each need is answered from the metadata of its
//! repositories and the facts of its image, and the answers are summed up as a verdict, edits of the chain's files and a
//! suite. Pure: who reads metadata and machines is above.
//!
//! - [`facts`]: a system, as answers use it: an index of packages and [`facts::SystemFacts`].
//! - [`port`]: answers every need of a chain. [`paths`] says before which paths the index must have been searched for.
//! - [`answer`], [`edit`]: an answer, what it rests on, what it means, and the edit that makes it work.
//! - [`trial`]: what an image said when the chain was installed in it; who has the image fills it.
//! - [`sum`]: all chains together: [`Port`], its verdict and its exit code.
//! - [`words`]: needs, answers and causes in words.
//! - [`written`]: the same for people and programs.

pub mod answer;
mod answering;
pub mod edit;
pub mod facts;
mod metadata;
pub mod sum;
#[cfg(test)]
mod testing;
pub mod trial;
pub mod words;
pub mod written;

pub use answer::{Answer, Answered, Difference, Effect, RenamedBy};
pub use answering::{Question, paths, port};
pub use edit::{Edit, EditedFile, Texts};
pub use facts::{Known, Paths, System, SystemFacts, Unit, User};
pub use metadata::Package;
pub use sum::{Counts, Depth, Installation, Port, PortVerdict, PortedChain};
pub use trial::{Ran, Smoke, SmokeResult, Trial};
