//! Steps that only take time: `wait` and `boot-samples`.

use std::time::Duration;

use super::super::diagnostic::codes;
use super::super::model::Action;
use super::super::value::{self, ValueError};
use super::context::Context;
use super::context::fields::Fields;
use super::duration::duration;
use super::step_scope::StepScope;

const LONGEST_WAIT: Duration = Duration::from_secs(3600);
const MOST_SAMPLES: i128 = 100;

pub(super) fn wait(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<Action> {
    let node = fields.get("wait")?;
    let limit = duration(cx, node, "wait")?;
    if limit > LONGEST_WAIT {
        let problem = cx.problem(codes::BAD_VALUE, node.span, "a test waits an hour at most");
        cx.report(problem);
        return None;
    }
    Some(Action::Wait(limit))
}

pub(super) fn boot_samples(
    cx: &mut Context<'_>,
    fields: &Fields<'_>,
    at: usize,
    place: StepScope<'_>,
) -> Option<Action> {
    let (key, node) = fields.entry("boot-samples")?;
    if let StepScope::Test([_, ..]) = place {
        let message = "`boot-samples` measures one machine, and this test has several";
        let problem = cx.problem(codes::NOT_YET, key.span, message);
        cx.report(problem.help("write a test of its own for it"));
    }
    if matches!(place, StepScope::Around) || at > 0 {
        let message = "`boot-samples` is only the first step of a test: what was done before would be lost";
        let problem = cx.problem(codes::NEEDS_FRESH, key.span, message);
        cx.report(problem);
    }
    let samples = cx.parsed(node, "boot-samples", |text| match value::integer(text)? {
        count @ 1..=MOST_SAMPLES => Ok(count as u32),
        _ => Err(ValueError::Invalid(format!("a test takes 1 to {MOST_SAMPLES} samples"))),
    });
    let discard = match fields.get("discard") {
        None => 0,
        Some(node) => cx.parsed(node, "discard", |text| match (value::integer(text)?, samples) {
            (count, Some(samples)) if count >= i128::from(samples) => {
                Err(ValueError::Invalid(format!("of {samples} samples at least one must be left")))
            }
            (count @ 0..=MOST_SAMPLES, _) => Ok(count as u32),
            _ => Err(ValueError::Invalid("it is a whole number from 0".to_owned())),
        })?,
    };
    Some(Action::BootSamples { samples: samples?, discard })
}
