//! Durations of the language, none of which is nothing.

use std::time::Duration;

use super::context::Context;
use crate::value::{self, ValueError};
use crate::yaml::Node;

/// A duration greater than zero.
pub(crate) fn duration(cx: &mut Context<'_>, node: &Node, name: &str) -> Option<Duration> {
    cx.parsed(node, name, |text| match value::duration(text)? {
        Duration::ZERO => Err(ValueError::Invalid("it must be longer than nothing".to_owned())),
        duration => Ok(duration),
    })
}
