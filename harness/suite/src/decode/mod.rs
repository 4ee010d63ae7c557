//! From a tree to a suite. Every part reports what is wrong with it and goes on; a suite comes out
//! only when nothing was wrong with its file.

mod accepted;
mod adjust;
mod alternatives;
mod baseline;
mod conditions;
pub(crate) mod context;
mod data;
mod duration;
mod expect;
mod expectation;
mod feasible;
mod include;
mod kernel;
mod load;
mod machines;
mod matrix;
mod mode;
mod name_part;
mod needs;
mod paths;
mod repeat;
mod schema;
mod scope;
mod snapshots;
mod step_scope;
mod steps;
mod suite;
mod test;
mod transfer;
mod vars;
mod waiting;

pub use context::is_id;
pub use load::{decode_source, load, load_sources, load_tests, load_with, sources_with};

pub(crate) use conditions::condition;
pub(crate) use context::fields::Fields;
pub(crate) use context::substitution::within;
pub(crate) use context::{Context, Patterns, Text};
pub(crate) use duration::{days, duration as positive_duration};
pub(crate) use mode::is_bare as is_bare_mode;
pub(crate) use schema::{ListFile, is_anothers, root_for, schema, schema_of};
pub(crate) use step_scope::StepScope;
pub(crate) use steps::steps;

#[cfg(test)]
mod tests;
