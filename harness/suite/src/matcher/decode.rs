//! From a node to a matcher, by the kind of value it is for.

use std::collections::HashSet;

use super::super::decode::context::{Context, Text};
use super::super::decode::is_bare_mode;
use super::super::diagnostic::{Span, codes, did_you_mean};
use super::super::grammar::Grammar;
use super::super::json_path;
use super::super::model::{Matcher, Operator};
use super::super::table::AttributeKind;
use super::super::value;
use super::super::yaml::{self, Node};
use super::contradiction::impossible;
use super::truth::tautology;
use super::{JSON, MATCHERS, check_value, comparisons, has_absent, has_none, is_ordered, keys_of};

/// The matcher a node states for a value of this kind. `name` is what messages call the value.
/// `None` after an error was reported.
pub(crate) fn matcher(cx: &mut Context<'_>, node: &Node, kind: &AttributeKind, name: &str) -> Option<Matcher> {
    let matcher = unchecked(cx, node, kind, name)?;
    possible(cx, node.span, kind, &matcher, name)?;
    Some(matcher)
}

/// The same, before anybody has looked whether it may hold and may fail: [`possible`] does.
pub(crate) fn unchecked(cx: &mut Context<'_>, node: &Node, kind: &AttributeKind, name: &str) -> Option<Matcher> {
    read(cx, node, kind, keys_of(kind), name)
}

/// Reports a matcher that no value can satisfy, and one that every value does.
pub(crate) fn possible(
    cx: &mut Context<'_>,
    span: Span,
    kind: &AttributeKind,
    matcher: &Matcher,
    name: &str,
) -> Option<()> {
    if let Some(why) = impossible(kind, matcher) {
        let problem = cx.problem(codes::CONTRADICTION, span, format!("`{name}` can never be so: {why}"));
        cx.report(problem);
        return None;
    }
    let Some(what) = tautology(kind, matcher) else { return Some(()) };
    let what = muster_base::text::one_line(&what, 120);
    let problem = cx.problem(codes::TAUTOLOGY, span, format!("`{name}` asserts nothing: every value is `{what}`"));
    let problem = match kind {
        AttributeKind::Integer => problem.note("it is a whole number from 0 to 4294967295"),
        AttributeKind::Ranged(least, most) => problem.note(format!("it is a whole number from {least} to {most}")),
        AttributeKind::Share(most) => problem.note(format!("it is a number from 0 to {most}")),
        AttributeKind::Number | AttributeKind::Size | AttributeKind::Duration => problem.note("it is never negative"),
        AttributeKind::Keyword(words) | AttributeKind::Level(words) => {
            problem.note(format!("it is one of: {}", words.join(", ")))
        }
        _ => problem,
    };
    let there = match kind {
        AttributeKind::Output | AttributeKind::Set(_) | AttributeKind::List(_) => {
            "`{empty: false}` says that there is something"
        }
        _ => "`{not: none}` says that there is a value",
    };
    cx.report(problem.help(format!("state what may not be, or leave it out; {there}")));
    None
}

fn read(cx: &mut Context<'_>, node: &Node, kind: &AttributeKind, keys: &[&'static str], name: &str) -> Option<Matcher> {
    match &node.kind {
        yaml::NodeKind::Scalar { .. } => scalar(cx, node, kind, name),
        yaml::NodeKind::Sequence(items) => {
            bare_list(cx, node, items, keys, name);
            None
        }
        yaml::NodeKind::Mapping(entries) if entries.is_empty() => {
            let problem = cx.problem(
                codes::EMPTY_VALUE,
                node.span,
                format!("`{name}` is an empty mapping, which asserts nothing"),
            );
            let problem =
                if keys.is_empty() { problem } else { problem.note(format!("matchers: {}", keys.join(", "))) };
            cx.report(problem);
            None
        }
        yaml::NodeKind::Mapping(_) if keys.is_empty() => {
            let problem = cx.wrong_shape(node, &format!("`{name}`"), "a scalar");
            cx.report(problem);
            None
        }
        yaml::NodeKind::Mapping(entries) => entries_of(cx, entries.iter(), kind, keys, name),
    }
}

/// A mapping of matchers; `eventually` and the like have been taken out by the caller.
pub(crate) fn entries_of<'n>(
    cx: &mut Context<'_>,
    entries: impl Iterator<Item = &'n (Node, Node)>,
    kind: &AttributeKind,
    keys: &[&'static str],
    name: &str,
) -> Option<Matcher> {
    let mut parts = Vec::new();
    let mut complete = true;
    for (key, value) in entries {
        match one(cx, key, value, kind, keys, name) {
            Some(matcher) => parts.push(matcher),
            None => complete = false,
        }
    }
    match (complete, parts.len()) {
        (false, _) | (_, 0) => None,
        (true, 1) => parts.pop(),
        (true, _) => Some(Matcher::All(parts)),
    }
}

fn one(
    cx: &mut Context<'_>,
    key: &Node,
    value: &Node,
    kind: &AttributeKind,
    keys: &[&'static str],
    name: &str,
) -> Option<Matcher> {
    let word = key.scalar().unwrap_or_default();
    if !keys.contains(&word) {
        unknown(cx, key, word, keys, name);
        return None;
    }
    let inner = format!("{name}: {word}");
    Some(match word {
        "any-of" => {
            let items = cx.items(value, &inner)?;
            let parts: Vec<_> = items.iter().map(|item| read(cx, item, kind, keys, &inner)).collect();
            Matcher::AnyOf(parts.into_iter().collect::<Option<_>>()?)
        }
        "not" => Matcher::Not(Box::new(read(cx, value, kind, keys, &inner)?)),
        "contains" => Matcher::Contains(texts(cx, value, &inner)?),
        "lacks" => Matcher::Lacks(elements(cx, value, kind, &inner)?),
        "matches" => Matcher::Matches(cx.regex(value, &inner)?),
        "line" => Matcher::Line(cx.line(value, &inner)?.text),
        "empty" => Matcher::Empty(cx.parsed(value, &inner, value::boolean)?),
        "has" => Matcher::Has(elements(cx, value, kind, &inner)?),
        "only" => {
            let items = match &value.kind {
                yaml::NodeKind::Sequence(items) if items.is_empty() => {
                    let problem = cx.problem(codes::EMPTY_VALUE, value.span, format!("`{inner}` is an empty list"));
                    cx.report(problem.help("write `none` when nothing may be there"));
                    return None;
                }
                _ => cx.items(value, &inner)?,
            };
            let texts: Vec<_> = items.iter().map(|item| element(cx, item, kind, &inner)).collect();
            Matcher::Only(texts.into_iter().collect::<Option<_>>()?)
        }
        "count" => Matcher::Count(Box::new(read(
            cx,
            value,
            &AttributeKind::Integer,
            keys_of(&AttributeKind::Integer),
            &inner,
        )?)),
        "json" => Matcher::Json(json(cx, value, &inner)?),
        _ => return None,
    })
}

fn unknown(cx: &mut Context<'_>, key: &Node, word: &str, keys: &[&'static str], name: &str) {
    let shown = muster_base::text::one_line(word, 60);
    let known = MATCHERS.iter().any(|(matcher, _)| *matcher == word);
    let message =
        if known { format!("`{shown}` does not apply to `{name}`") } else { format!("`{shown}` is not a matcher") };
    let mut problem = cx.problem(codes::UNKNOWN_KEY, key.span, message).note(format!("matchers: {}", keys.join(", ")));
    let near = match word {
        "any" | "one-of" | "or" | "oneOf" | "anyOf" => Some("any-of"),
        "regex" | "match" | "pattern" => Some("matches"),
        "includes" | "have" | "all-of" => Some("has"),
        "excludes" => Some("lacks"),
        "exactly" | "equals" => Some("only"),
        "len" | "length" => Some("count"),
        _ => None,
    };
    if let Some(near) = near.filter(|near| keys.contains(near)).or_else(|| did_you_mean(word, keys.iter().copied())) {
        problem = problem.label(format!("did you mean `{near}`?"));
    }
    cx.report(problem);
}

fn bare_list(cx: &mut Context<'_>, node: &Node, items: &[Node], keys: &[&'static str], name: &str) {
    if items.is_empty() {
        let problem = cx.problem(codes::BARE_LIST, node.span, format!("`{name}`: an empty list asserts nothing"));
        let problem = if keys.contains(&"only") { problem.help("`none` when nothing may be there") } else { problem };
        return cx.report(problem);
    }
    let first: Vec<String> =
        items.iter().take(4).filter_map(Node::scalar).map(|text| muster_base::text::one_line(text, 20)).collect();
    let list = format!("[{}{}]", first.join(", "), if items.len() > first.len() { ", …" } else { "" });
    let problem =
        cx.problem(codes::BARE_LIST, node.span, format!("`{name}`: a list alone does not say how it is meant"));
    let problem = if keys.contains(&"only") {
        problem.help(format!("`{{has: {list}}}` when these must be there, `{{only: {list}}}` when nothing else may be"))
    } else if keys.contains(&"any-of") {
        problem.help(format!("`{{any-of: {list}}}` when it must be one of these"))
    } else {
        problem.help("write one scalar")
    };
    cx.report(problem);
}

/// One text or a list of them.
fn texts(cx: &mut Context<'_>, node: &Node, name: &str) -> Option<Vec<String>> {
    if matches!(node.kind, yaml::NodeKind::Scalar { .. }) {
        return Some(vec![cx.text(node, name)?.text]);
    }
    let items = cx.items(node, name)?;
    let texts: Vec<_> = items.iter().map(|item| cx.text(item, name)).collect();
    texts.into_iter().map(|text| text.map(|text| text.text)).collect()
}

/// What elements of the kind are named by.
fn grammar_of(kind: &AttributeKind) -> Option<&'static Grammar> {
    match kind {
        AttributeKind::Set(grammar) | AttributeKind::List(grammar) => Some(grammar),
        _ => None,
    }
}

/// An element of a set, or a part of a text.
fn element(cx: &mut Context<'_>, node: &Node, kind: &AttributeKind, name: &str) -> Option<String> {
    match grammar_of(kind) {
        // Blanks alone are for the grammar to refuse.
        Some(grammar) => {
            let text = cx.text(node, name)?;
            cx.named(text, grammar).map(|text| text.text)
        }
        None => cx.text(node, name).map(|text| text.text),
    }
}

/// One element or a list of them.
fn elements(cx: &mut Context<'_>, node: &Node, kind: &AttributeKind, name: &str) -> Option<Vec<String>> {
    if matches!(node.kind, yaml::NodeKind::Scalar { .. }) {
        return Some(vec![element(cx, node, kind, name)?]);
    }
    let items = cx.items(node, name)?;
    let texts: Vec<_> = items.iter().map(|item| element(cx, item, kind, name)).collect();
    texts.into_iter().collect()
}

fn json(cx: &mut Context<'_>, node: &Node, name: &str) -> Option<Vec<(String, Matcher)>> {
    let entries = match &node.kind {
        yaml::NodeKind::Mapping(entries) if !entries.is_empty() => entries,
        _ => {
            let problem = cx.wrong_shape(node, &format!("`{name}`"), "a mapping from paths to matchers, not empty");
            cx.report(problem);
            return None;
        }
    };
    let mut paths = Vec::new();
    let mut known = HashSet::new();
    let mut complete = true;
    for (key, value) in entries {
        let Some(path) = cx.key(key, "a JSON path") else {
            complete = false;
            continue;
        };
        if let Err(error) = json_path::steps(&path.text) {
            cx.bad_value(&path, name, &error);
            complete = false;
        } else if !known.insert(path.text.clone()) {
            cx.duplicate_subject(&path);
            complete = false;
        }
        match read(cx, value, &AttributeKind::Loose, JSON, &path.text) {
            Some(matcher) => paths.push((path.text, matcher)),
            None => complete = false,
        }
    }
    complete.then_some(paths)
}

fn scalar(cx: &mut Context<'_>, node: &Node, kind: &AttributeKind, name: &str) -> Option<Matcher> {
    let text = cx.any_text(node, name)?;
    match kind {
        AttributeKind::Map(..) => {
            let problem = cx.wrong_shape(node, &format!("`{name}`"), "a mapping from names to values");
            cx.report(problem);
            return None;
        }
        AttributeKind::Set(_) if !matches!(text.text.as_str(), "none" | "absent") => {
            let shown = muster_base::text::one_line(&text.text, 40);
            let problem = cx
                .problem(codes::WRONG_SHAPE, text.span, format!("`{name}` is a set; one element alone does not say how it is meant"))
                .help(format!("`{{has: [{shown}]}}` when it must be there, `{{only: [{shown}]}}` when nothing else may be, or `none`"));
            cx.report(cx.after_substitution(problem, &text));
            return None;
        }
        AttributeKind::Mode if is_bare_mode(cx, &text, name) => return None,
        kind if text.text == "none" && has_none(kind) => return Some(Matcher::None),
        kind if text.text == "absent" && has_absent(kind) => return Some(Matcher::Absent),
        _ => {}
    }
    // An empty text can be meant where text is compared; elsewhere it is not a value.
    if text.text.trim().is_empty()
        && !matches!(kind, AttributeKind::Text | AttributeKind::Name(_) | AttributeKind::Loose | AttributeKind::Output)
    {
        let problem = cx.problem(codes::EMPTY_VALUE, text.span, format!("`{name}` is empty"));
        cx.report(cx.after_substitution(problem, &text));
        return None;
    }
    let compared = match kind {
        kind if is_ordered(kind) => comparisons(kind, &text.text),
        // A loose value may be text: only an operator before an integer is taken for a comparison.
        AttributeKind::Loose => comparisons(&AttributeKind::Integer, &text.text).filter(|parts| parts.is_ok()),
        _ => None,
    };
    match compared {
        Some(Ok(parts)) => return Some(Matcher::Compare(parts)),
        Some(Err(error)) => {
            cx.bad_value(&text, name, &error);
            return None;
        }
        None => {}
    }
    if let Some((operator, rest)) = Operator::strip(&text.text)
        && !is_ordered(kind)
        && (rest.starts_with(' ')
            || matches!(kind, AttributeKind::Keyword(_) | AttributeKind::Bool | AttributeKind::Mode))
    {
        no_order(cx, &text, operator, rest.trim(), kind, name);
        return None;
    }
    match kind {
        // Here they say that there is no value, or no subject.
        AttributeKind::Name(_) if matches!(text.text.as_str(), "" | "none" | "absent") => {
            return Some(Matcher::Equals(text.text));
        }
        AttributeKind::Name(grammar) => return cx.named(text, grammar).map(|text| Matcher::Equals(text.text)),
        AttributeKind::List(grammar) if !grammar.is_free() => {
            let parts = text.text.split(',').map(str::trim).filter(|part| !part.is_empty());
            let parts: Vec<_> =
                parts.map(|part| cx.named(Text { text: part.to_owned(), ..text.clone() }, grammar)).collect();
            let parts: Vec<_> = parts.into_iter().map(|part| part.map(|part| part.text)).collect::<Option<_>>()?;
            return Some(Matcher::Equals(parts.join(",")));
        }
        _ => {}
    }
    if let Err(error) = check_value(kind, text.text.trim()) {
        cx.bad_value(&text, name, &error);
        return None;
    }
    let typed =
        !matches!(kind, AttributeKind::Text | AttributeKind::Loose | AttributeKind::Output | AttributeKind::List(_));
    Some(Matcher::Equals(if typed { text.text.trim().to_owned() } else { text.text }))
}

fn no_order(cx: &mut Context<'_>, text: &Text, operator: Operator, rest: &str, kind: &AttributeKind, name: &str) {
    let rest = muster_base::text::one_line(rest, 40);
    let message = match kind {
        AttributeKind::Loose => format!("`{name}`: `{operator}` compares integers, and `{rest}` is none"),
        _ => format!("`{name}` has no order: `{operator}` does not apply"),
    };
    let keys = keys_of(kind);
    let mut problem = cx.problem(codes::NO_ORDER, text.span, message);
    problem = match operator {
        Operator::Ne if keys.contains(&"not") => problem.label(format!("did you mean `{{not: {rest}}}`?")),
        Operator::Eq => problem.label(format!("did you mean `{rest}`?")),
        _ if keys.contains(&"matches") => problem.help("use `matches` when the text itself begins so"),
        _ => problem,
    };
    if !keys.is_empty() {
        problem = problem.note(format!("matchers: {}", keys.join(", ")));
    }
    cx.report(cx.after_substitution(problem, text));
}
