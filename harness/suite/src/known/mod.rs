//! Known issues (`schema: known-issues/v1`): failures that are documented, each with a tracker, a
//! reason and an end. [`load`] decodes them as strictly as suites and holds them against the suites
//! they speak of; [`apply`] says what an entry makes of how a test ended. Pure; the run room asks.

mod apply;
mod decode;
mod fits;
mod model;

pub use crate::expiry::DUE_DAYS;
pub use apply::{Ended, Ruling, apply, skipped, warnings};
pub use decode::{decode_source, load};
pub use model::{Effect, KnownIssue, LONGEST_DAYS};
