//! `when`, `where` and `because`: conditions that some system of the suite can satisfy.

use super::super::condition;
use super::super::diagnostic::{Span, codes};
use super::super::model::{Condition, When};
use super::super::yaml::Node;
use super::context::Context;
use super::context::fields::Fields;
use super::context::substitution::within;

/// `when:` with its `because:`, of a test or an adjustment.
pub(super) fn when(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<When> {
    let because = fields.get("because").and_then(|node| cx.line(node, "because")).map(|text| text.text);
    let Some(node) = fields.get("when") else {
        if let Some((key, _)) = fields.entry("because").filter(|_| !fields.meant("when")) {
            let problem =
                cx.problem(codes::MISSING_KEY, key.span, "`because` gives the reason for a `when`, and there is none");
            cx.report(problem);
        }
        return None;
    };
    let condition = condition(cx, node, "when")?;
    Some(When { condition, because, location: cx.location(node.span) })
}

/// Holds a condition that stands at `span` against what is true wherever it is evaluated: of the
/// suite's images at once, of the combination of a matrix when the last one has been seen.
pub(super) fn possible(
    cx: &mut Context<'_>,
    span: Span,
    here: &Condition,
    around: &[&When],
    combination: Option<&Condition>,
) {
    let both = |more: Option<&Condition>| {
        let outer = around.iter().map(|when| when.condition.clone());
        Condition::And(outer.chain([here.clone()]).chain(more.cloned()).collect())
    };
    if around.is_empty() && combination.is_none() {
        return;
    }
    if let Some(dimension) = condition::never_true(&both(None)) {
        let message = format!("this can never be true here: `{dimension}` cannot be both");
        let mut problem = cx.problem(codes::NEVER_TRUE, span, message);
        for when in around {
            problem = problem.note(format!("at {} is `{}`", when.location, when.condition));
        }
        cx.report(problem);
        return;
    }
    let Some(combination) = combination else { return };
    let problem = condition::never_true(&both(Some(combination))).map(|dimension| {
        let message = format!("this can never be true in any combination of the matrix: see `{dimension}`");
        cx.problem(codes::NEVER_TRUE, span, message)
    });
    cx.feasible.tried(cx.file.clone(), span, problem);
}

/// A condition that some system can satisfy.
pub(crate) fn condition(cx: &mut Context<'_>, node: &Node, name: &str) -> Option<Condition> {
    let text = cx.line(node, name)?;
    let condition = match condition::parse(&text.text, cx.vocabulary) {
        Ok(condition) => condition,
        Err(errors) => {
            for error in errors {
                let span = match text.changed {
                    true => text.span,
                    false => within(text.span, &text.text, text.quoted, error.range),
                };
                let mut problem =
                    cx.problem(error.code, span, format!("`{name}`: {}", error.message)).label(error.label);
                for note in error.notes {
                    problem = problem.note(note);
                }
                let problem = cx.after_substitution(problem, &text);
                cx.report(problem);
            }
            return None;
        }
    };
    if let Some(dimension) = condition::never_true(&condition) {
        let problem = cx
            .problem(
                codes::NEVER_TRUE,
                node.span,
                format!("`{name}` can never be true: it contradicts itself about `{dimension}`"),
            )
            .help("`==` takes a comma-separated list when one of several is meant");
        cx.report(problem);
        return None;
    }
    if let Some(dimension) = condition::always_true(&condition) {
        let message = format!("`{name}` is always true: whatever `{dimension}` is, it holds");
        let problem = cx.problem(codes::ALWAYS_TRUE, node.span, message);
        cx.report(problem.help(format!("leave it out, or write `{dimension} is defined` if that is what is meant")));
        return None;
    }
    Some(condition)
}
