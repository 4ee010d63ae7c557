//! The files of console rules (`schema: console-rules/v1`), decoded as strictly as suites. What a rule
//! does with a line, and whether its samples hold, is the machine room's business.

mod decode;
pub(crate) mod keys;
mod model;

pub use decode::{decode_source, load};
pub use keys::{EARLIER, FILE, RULE, SCHEMA, SEVERITIES};
pub use model::{ConsoleRule, Sample};
