//! The ledger of deviations (`schema: deviations/v1`): which differences between two systems are meant,
//! and why. Decoded as strictly as suites, with all errors of all files at once. What a difference is,
//! and which entries document it, is the compare room's business; it tells the kinds there are.

mod decode;
pub(crate) mod keys;
mod model;

pub use decode::{decode_source, load};
pub use keys::{CATEGORIES, CHANGES, ENTRY, FILE, SCHEMA, UPSTREAM_STATUSES, VALUE};
pub use model::{Deviation, warnings};
