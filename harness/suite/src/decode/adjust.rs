//! `adjust:`: what is expected otherwise on some systems. An adjustment that can never apply, that
//! changes nothing or that leaves nothing is an error.

use std::collections::HashSet;

use super::super::adjust::{ChangeSubject, Index};
use super::super::clause::{Clause, Join};
use super::super::diagnostic::{Span, codes};
use super::super::keys::{ADJUST, MOST_ADJUSTMENTS};
use super::super::model::{Adjustment, Change, Test, When};
use super::super::table::{CheckTable, Shorthand, Subject};
use super::super::yaml::{self, Node};
use super::conditions::{possible, when};
use super::context::{Context, Text};
use super::duration::duration;
use super::expect::{joined_by, unknown_check};
use super::expectation::{entries, expectation};
use super::scope::Scope;

/// The adjustments of a test that has been decoded otherwise.
pub(super) fn adjust(cx: &mut Context<'_>, node: &Node, test: &Test, scope: &Scope<'_>) -> Vec<Adjustment> {
    let Some(items) = cx.items(node, "adjust") else { return Vec::new() };
    if items.len() > MOST_ADJUSTMENTS {
        let problem =
            cx.problem(codes::TOO_MANY, node.span, format!("a test has at most {MOST_ADJUSTMENTS} adjustments"));
        cx.report(problem.help("write several tests, each with its `when`"));
        return Vec::new();
    }
    let mut out: Vec<Adjustment> = Vec::new();
    // What earlier adjustments touch: a later one may well set it back.
    let mut touched = HashSet::new();
    let index = Index::of(test);
    for item in items {
        let Some(fields) = cx.fields(item, &ADJUST) else { continue };
        let when = when(cx, &fields);
        let around: Vec<&When> = scope.images.into_iter().chain(&test.when).collect();
        if let (Some(when), Some(node)) = (&when, fields.get("when")) {
            possible(cx, node.span, &when.condition, &around, scope.cell.facts().as_ref());
        }
        let problems = cx.problems();
        let timeout = fields.get("timeout").and_then(|node| duration(cx, node, "timeout"));
        if let (Some(timeout), Some(node)) = (timeout, fields.get("timeout"))
            && timeout == test.timeout
            && !out.iter().any(|earlier| earlier.timeout.is_some())
        {
            let problem = cx.problem(codes::NO_EFFECT, node.span, "the test has this time-out anyway");
            cx.report(problem);
        }
        let changes = fields.get("expect").map_or(Vec::new(), |node| changes(cx, node));
        if !fields.has("expect") && !fields.has("timeout") {
            let problem = cx.problem(codes::NO_EFFECT, item.span, "this adjustment changes nothing");
            cx.report(problem.help("give it `expect` or `timeout`; to leave the test out, use the test's `when`"));
        }
        for (change, span) in &changes {
            effect(cx, test, &index, change, *span, &mut touched);
        }
        let Some(when) = when else { continue };
        let changes = changes.into_iter().map(|(change, _)| change).collect();
        let adjustment = Adjustment { when, changes, timeout };
        if cx.problems() == problems
            && adjustment
                .changes
                .iter()
                .any(|change| matches!(change, Change::Remove { .. } | Change::RemoveJoined { .. }))
            && adjustment.applied(test).assertions() == 0
        {
            let problem = cx.problem(codes::ASSERTS_NOTHING, item.span, "this adjustment leaves nothing of the test");
            cx.report(problem.help("use the test's `when` to leave it out"));
        }
        out.push(adjustment);
    }
    out
}

/// Reports a change that has no effect on the test.
fn effect(
    cx: &mut Context<'_>,
    test: &Test,
    index: &Index,
    change: &Change,
    span: Span,
    touched: &mut HashSet<ChangeSubject>,
) {
    let known = match change {
        Change::Remove { check, subject: None, .. } => {
            touched.iter().any(|place| matches!(place, ChangeSubject::Subject(other, _) if other == check))
        }
        Change::Remove { check, subject: Some(subject), .. } => {
            touched.contains(&ChangeSubject::Subject(check, subject.clone()))
        }
        Change::Replace(expectation) | Change::Merge(expectation) => {
            !touched.insert(ChangeSubject::subject(expectation))
        }
        Change::RemoveJoined { join, .. } => touched.contains(&ChangeSubject::Join(*join)),
        Change::ReplaceJoined(joined) => !touched.insert(ChangeSubject::Join(joined.join)),
    };
    if known || index.changes(test, change) {
        return;
    }
    let message = match change {
        Change::Remove { .. } | Change::RemoveJoined { .. } => "this removes what the test does not expect",
        Change::Replace(_) | Change::Merge(_) | Change::ReplaceJoined(_) => "the test expects this anyway",
    };
    let mut problem = cx.problem(codes::NO_EFFECT, span, message);
    if let Change::Remove { check, .. } = change
        && test.expect.iter().any(|clause| matches!(clause, Clause::Joined(joined) if joined.speaks_of(check)))
    {
        problem = problem.help("what is in `any-of` or `all-of` is removed or replaced with it: `any-of: null`");
    }
    cx.report(problem);
}

/// Everything below `expect:`, each change with its place.
fn changes(cx: &mut Context<'_>, node: &Node) -> Vec<(Change, Span)> {
    let mut out = Vec::new();
    let Some(types) = entries(cx, node, "`expect`", "a mapping of check types") else { return out };
    for (key, value) in types {
        let name = key.scalar().unwrap_or_default();
        match (cx.vocabulary.table(name), Join::of(name)) {
            (Some(table), _) => of_check(cx, table, key, value, &mut out),
            (None, Some(join)) if is_removal(value) => {
                out.push((Change::RemoveJoined { join, location: cx.location(key.span) }, key.span));
            }
            (None, Some(join)) => {
                let joined = joined_by(cx, join, key, value, 0);
                out.extend(joined.map(|(joined, span)| (Change::ReplaceJoined(joined), span)));
            }
            (None, None) => unknown_check(cx, key, name),
        }
    }
    out
}

fn of_check(cx: &mut Context<'_>, table: &'static CheckTable, key: &Node, value: &Node, out: &mut Vec<(Change, Span)>) {
    if is_removal(value) {
        let location = cx.location(key.span);
        out.push((Change::Remove { check: table.name, subject: None, attribute: None, location }, key.span));
        return;
    }
    let grammar = match table.subject {
        Subject::Whole => {
            let subject = Text { text: String::new(), span: key.span, quoted: false, changed: false };
            return of_subject(cx, table, subject, value, out);
        }
        Subject::Named(grammar) => grammar,
    };
    let wanted = format!("a mapping whose keys are each {}, or `null`", grammar.what);
    let Some(subjects) = entries(cx, value, &format!("`{}`", table.name), &wanted) else { return };
    let mut known = HashSet::new();
    for (key, value) in subjects {
        let Some(subject) = cx.key(key, grammar.what).and_then(|text| cx.named(text, grammar)) else { continue };
        if known.insert(subject.text.clone()) {
            of_subject(cx, table, subject, value, out);
        } else {
            cx.duplicate_subject(&subject);
        }
    }
}

fn of_subject(
    cx: &mut Context<'_>,
    table: &'static CheckTable,
    subject: Text,
    value: &Node,
    out: &mut Vec<(Change, Span)>,
) {
    let remove = |cx: &Context<'_>, attribute, span| {
        let (check, name) = (table.name, Some(subject.text.clone()));
        (Change::Remove { check, subject: name, attribute, location: cx.location(span) }, span)
    };
    if is_removal(value) {
        out.push(remove(cx, None, subject.span));
        return;
    }
    let mut rest = value.clone();
    if let yaml::NodeKind::Mapping(all) = &mut rest.kind {
        let before = all.len();
        all.retain(|(key, value)| {
            let attribute = key.scalar().and_then(|name| table.attribute(name)).filter(|_| is_removal(value));
            if let Some(attribute) = attribute {
                out.push(remove(cx, Some(attribute.name), key.span));
            }
            attribute.is_none()
        });
        if all.is_empty() && before > 0 {
            return;
        }
    }
    let span = subject.span;
    let is_word = matches!(table.shorthand, Shorthand::Keywords(_))
        && match &rest.kind {
            yaml::NodeKind::Scalar { .. } => true,
            yaml::NodeKind::Mapping(entries) => entries.iter().any(|(key, _)| key.scalar() == Some("any-of")),
            yaml::NodeKind::Sequence(_) => false,
        };
    if let Some(expectation) = expectation(cx, table, subject, &rest) {
        out.push((if is_word { Change::Replace(expectation) } else { Change::Merge(expectation) }, span));
    }
}

/// A written `null` or `~`; a value that is only forgotten removes nothing.
fn is_removal(node: &Node) -> bool {
    node.is_null() && node.scalar().is_some_and(|text| !text.is_empty())
}
