//! Two runs compared: what fails now and did not, what was fixed, what runs no longer, what takes longer, and which facts of
//! the images changed between them. Made of the two records alone, so two directories are enough.

mod compared;
pub mod facts;
pub mod json;
mod markdown;
mod text;
mod worse;

pub use compared::{Difference, NothingInCommon};
pub use markdown::markdown;
pub(crate) use text::of_fact as fact_line;
pub use text::text;
