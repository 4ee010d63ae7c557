//! Durations of the language, none of which is nothing.

use std::time::Duration;

use super::context::Context;
use crate::value::{self, ValueError};
use crate::yaml::Node;

/// A duration greater than zero.
pub(crate) fn duration(cx: &mut Context<'_>, node: &Node, name: &str) -> Option<Duration> {
    cx.parsed(node, name, |text| positive(value::duration(text)?))
}

/// The same, where days are most likely meant.
pub(crate) fn days(cx: &mut Context<'_>, node: &Node, name: &str) -> Option<Duration> {
    cx.parsed(node, name, |text| positive(value::duration_in("d")(text)?))
}

fn positive(duration: Duration) -> Result<Duration, ValueError> {
    match duration {
        Duration::ZERO => Err(ValueError::Invalid("it must be longer than nothing".to_owned())),
        duration => Ok(duration),
    }
}
