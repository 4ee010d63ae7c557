//! Policies of a gate (`schema: policy/v1`): which tests an image must have passed, where, and who may let one go.
//! Decoded as strictly as suites. What a policy makes of runs is for the crate `gate`.

mod decode;
pub(crate) mod keys;
mod model;

pub use decode::{PolicyRead, decode_source, load, load_in_part, may_allow_skip};
pub use keys::{FILE, SCHEMA};
pub use model::{
    FlakyRule, ImageScope, Minimum, NotWaivable, Policy, PolicyLevel, PolicyRule, RequiredSystem, RuleTarget,
    WaiverRules,
};
