//! Waivers (`schema: waivers/v1`): one failure of one test on one image, which a second person has let go for a time.
//! They are apart from known issues, which keep a run green and satisfy no policy. Whether a waiver counts is for the
//! crate `gate`, which has the policy and the runs.

mod decode;
pub(crate) mod keys;
mod model;

pub use decode::{decode_source, load};
pub use keys::{FILE, SCHEMA};
pub use model::{Waiver, WaiverEntry, warnings};
