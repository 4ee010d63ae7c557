//! The files of console rules (`schema: console-rules/v1`), decoded as strictly as suites. What a rule
//! does with a line, and whether its samples hold, is known to the crate `console`.

mod decode;
pub(crate) mod keys;
mod model;

pub use decode::{decode_source, load};
pub use keys::{EARLIER, FILE, RULE, RULE_BASE_CHECKS, SCHEMA, SEVERITIES};
pub use model::{ConsoleRule, Sample};
