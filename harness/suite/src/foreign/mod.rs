//! Lists of the checks of other tools (`schema: foreign-checks/v1`), compared with the suites: what a
//! test says in `covers:` must be in the list of its tool, and a check that no test takes the place of
//! must say why. So nothing is claimed that is not there, and nothing is left out in silence.

mod decode;
pub(crate) mod keys;
mod model;

pub use decode::{decode_source, is_link, load, load_alone};
pub use keys::{CHECK, FILE, REASONS, SCHEMA};
pub use model::{Check, List, Reason, Standing};

#[cfg(test)]
mod tests;
