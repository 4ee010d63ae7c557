//! `expect:`: check types and their subjects, and alternatives between them.

use std::collections::HashSet;

use super::alternatives;
use super::context::{Context, Text};
use super::expectation::{entries, expectation};
use crate::clause::{Branch, Clause, Join, Joined, MOST_BRANCHES, MOST_NESTED};
use crate::diagnostic::{Span, codes, did_you_mean};
use crate::keys::TEST;
use crate::table::{CheckTable, Subject};
use crate::yaml::Node;

/// Everything below `expect:`.
pub(super) fn expect(cx: &mut Context<'_>, node: &Node) -> Vec<Clause> {
    bag(cx, node, "`expect`", 0)
}

/// A mapping of check types, all of which must hold. `depth` counts the `any-of` and `all-of` that it stands in.
fn bag(cx: &mut Context<'_>, node: &Node, name: &str, depth: usize) -> Vec<Clause> {
    let mut out = Vec::new();
    let mut joined = Vec::new();
    let Some(entries) = entries(cx, node, name, "a mapping of check types") else { return out };
    for (key, value) in entries {
        let name = key.scalar().unwrap_or_default();
        match (cx.vocabulary.table(name), Join::of(name)) {
            (Some(table), _) => check(cx, table, key, value, &mut out),
            (None, Some(join)) => joined.extend(joined_by(cx, join, key, value, depth)),
            (None, None) => unknown_check(cx, key, name),
        }
    }
    joined.iter().for_each(|(joined, span)| alternatives::next_to(cx, &out, joined, *span));
    out.extend(joined.into_iter().map(|(joined, _)| Clause::Joined(joined)));
    out
}

pub(super) fn unknown_check(cx: &mut Context<'_>, key: &Node, name: &str) {
    let known: Vec<&str> = cx.vocabulary.tables.iter().map(|table| table.name).collect();
    let shown = muster_base::text::one_line(name, 60);
    let mut problem = cx
        .problem(codes::UNKNOWN_CHECK, key.span, format!("`{shown}` is not a check type"))
        .note(format!("check types: {}", known.join(", ")));
    if TEST.get(name).is_some() {
        let outdent = "indent it by less, like the other keys of the test";
        problem = problem.label("this is a key of a test").help(outdent);
    } else if let Some(near) = did_you_mean(name, known.into_iter().chain(Join::ALL.map(Join::name))) {
        problem = problem.label(format!("did you mean `{near}`?"));
    }
    cx.report(problem);
}

fn check(cx: &mut Context<'_>, table: &'static CheckTable, key: &Node, value: &Node, out: &mut Vec<Clause>) {
    let grammar = match table.subject {
        Subject::Whole => {
            let subject = Text { text: String::new(), span: key.span, quoted: false, changed: false };
            out.extend(expectation(cx, table, subject, value).map(Clause::Plain));
            return;
        }
        Subject::Named(grammar) => grammar,
    };
    let wanted = format!("a mapping whose keys are each {}", grammar.what);
    let Some(entries) = entries(cx, value, &format!("`{}`", table.name), &wanted) else { return };
    // The keys of the file differ; substitution can make two of them equal.
    let mut known = HashSet::new();
    for (key, value) in entries {
        let Some(subject) = cx.key(key, grammar.what).and_then(|text| cx.named(text, grammar)) else { continue };
        if !known.insert(subject.text.clone()) {
            cx.duplicate_subject(&subject);
            continue;
        }
        out.extend(expectation(cx, table, subject, value).map(Clause::Plain));
    }
}

/// The clause of an `any-of` or `all-of`, with the place of its key. `depth` counts those that it stands in.
pub(super) fn joined_by(
    cx: &mut Context<'_>,
    join: Join,
    key: &Node,
    value: &Node,
    depth: usize,
) -> Option<(Joined, Span)> {
    let word = join.name();
    if depth >= MOST_NESTED {
        let message = format!("`any-of` and `all-of` are nested at most {MOST_NESTED} deep");
        let problem = cx.problem(codes::TOO_DEEP, key.span, message);
        cx.report(problem.help("write several tests"));
        return None;
    }
    let items = cx.items(value, word)?;
    if items.len() > MOST_BRANCHES {
        let message = format!("`{word}` has {} branches, and may have {MOST_BRANCHES}", items.len());
        let problem = cx.problem(codes::TOO_MANY, value.span, message);
        cx.report(problem);
        return None;
    }
    if items.len() == 1 {
        let problem = cx.problem(codes::NO_EFFECT, key.span, format!("`{word}` has a single branch"));
        cx.report(problem.help("write what the branch expects in place of it, or add another branch"));
        return None;
    }
    let before = cx.problems();
    let branches: Vec<Branch> = items
        .iter()
        .map(|item| Branch {
            clauses: bag(cx, item, &format!("a branch of `{word}`"), depth + 1),
            location: cx.location(item.span),
        })
        .collect();
    if cx.problems() > before || branches.iter().any(|branch| branch.clauses.is_empty()) {
        return None;
    }
    let spans: Vec<Span> = items.iter().map(|item| item.span).collect();
    alternatives::go_together(cx, join, &branches, &spans, key.span)?;
    Some((Joined { join, branches, location: cx.location(key.span) }, key.span))
}
