//! `baseline` of boots: a file of earlier boots, and how much more the new ones may take.

use super::context::{Context, Text};
use super::paths::below;
use crate::baseline::{Baseline, Measure, SUFFIX};
use crate::diagnostic::{Span, codes};
use crate::expectation::{Assertion, Matcher};
use crate::keys::BASELINE;
use crate::matcher::{self, comparisons};
use crate::model::{Action, BASELINE_LIMIT, Test};
use crate::operator::Operator;
use crate::table::AttributeKind;
use crate::value::ValueError;
use crate::yaml::{self, Node};

/// `{file: boot.json, regression: "<= 2%", by: wall}`; without `file` it is the one that the run is given.
pub(super) fn baseline(
    cx: &mut Context<'_>,
    attribute: &'static str,
    key: &Node,
    value: &Node,
) -> Option<Vec<Assertion>> {
    let image = match &value.kind {
        yaml::NodeKind::Mapping(entries) => entries.iter().find(|(key, _)| key.scalar() == Some("image")),
        _ => None,
    };
    if let Some((key, _)) = image {
        let problem = cx.problem(codes::NOT_YET, key.span, "a test cannot boot another image to compare with");
        cx.report(problem.help(
            "compare two images with `muster boot-time NEW --baseline OLD`, or keep the boots of one in a file and name \
             it: `muster boot-time OLD --later --write-baseline FILE`",
        ));
        return None;
    }
    let fields = cx.fields(value, &BASELINE)?;
    let file = fields.get("file").map(|node| file(cx, node));
    let regression = fields.get("regression").and_then(|node| Some((regression(cx, node)?, node.span)));
    let by = match fields.get("by") {
        None => None,
        Some(node) => Some(Measure::named(cx.keyword(node, "by", Measure::NAMES)?)?),
    };
    let (matcher, span) = regression?;
    let file = match file {
        Some(file) => Some(file?),
        None => None,
    };
    let baseline = Baseline { file, by };
    matcher::decode::possible(cx, span, &AttributeKind::Baseline, &matcher, "regression")?;
    Some(vec![Assertion { attribute, key: Some(baseline.to_string()), matcher, location: cx.location(key.span) }])
}

/// The file: seen now, so that a misspelt one does not cost the boots.
fn file(cx: &mut Context<'_>, node: &Node) -> Option<String> {
    let text = cx.line(node, "file")?;
    let refuse = |cx: &mut Context<'_>, text: &Text, code, message: String| {
        let problem = cx.problem(code, text.span, message);
        let problem = problem.help("`muster boot-time IMAGE --later --write-baseline FILE.json` writes one");
        cx.report(cx.after_substitution(problem, text));
    };
    if !text.text.ends_with(SUFFIX) {
        let shown = muster_base::text::one_line(&text.text, 80);
        refuse(
            cx,
            &text,
            codes::BAD_VALUE,
            format!("`{shown}` is not a file of baselines: its name ends with {SUFFIX}"),
        );
        return None;
    }
    let (path, metadata) = below(cx, &text)?;
    match metadata {
        Some(metadata) if metadata.len() > BASELINE_LIMIT => {
            let message = format!("the file has {} bytes; at most {BASELINE_LIMIT} are read", metadata.len());
            refuse(cx, &text, codes::BAD_INCLUDE, message);
            None
        }
        Some(_) => {
            cx.data.add(&path, BASELINE_LIMIT);
            Some(path.into_string())
        }
        None => Some(path.into_string()),
    }
}

/// `<= 2%`.
fn regression(cx: &mut Context<'_>, node: &Node) -> Option<Matcher> {
    let parts = cx.parsed(node, "regression", |text| {
        let shape = || "it is `<=` or `<` with a percentage, how much more the boots may take".to_owned();
        let Some(parts) = comparisons(&AttributeKind::Baseline, text) else {
            let suggestion = format!("<= {}", text.trim());
            return Err(match comparisons(&AttributeKind::Baseline, &suggestion) {
                Some(Ok(_)) => ValueError::Mistaken { message: shape(), suggestion },
                _ => ValueError::Invalid(shape()),
            });
        };
        match parts?.as_slice() {
            [part @ (Operator::Le | Operator::Lt, _)] => Ok(vec![part.clone()]),
            _ => Err(ValueError::Invalid(shape())),
        }
    })?;
    Some(Matcher::Compare(parts))
}

/// Reports a test that compares boots and measures none. The first boot is another kind than those of a baseline.
pub(super) fn are_measured(cx: &mut Context<'_>, test: &Test, span: Span) {
    if !test.compares_boots() {
        return;
    }
    let message = match test.steps.first().map(|step| &step.action) {
        Some(Action::BootSamples { samples, discard }) if *samples > (*discard).max(1) => return,
        Some(Action::BootSamples { .. }) => {
            "`baseline` is compared with later boots, and only the first one is measured"
        }
        _ => "`baseline` is compared with several boots, and the test has no `boot-samples`",
    };
    let problem = cx.problem(codes::MISSING_KEY, span, message);
    cx.report(problem.help(
        "begin its `steps` with `boot-samples: 6`, or more: the first boot is no sample, and a verdict needs about five on \
         each side",
    ));
}
