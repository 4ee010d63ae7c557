//! What one subject must be: attributes and their matchers, in all the ways in which they are written.

use std::collections::HashSet;

use super::baseline::baseline;
use super::context::{Context, Text};
use super::duration::duration;
use crate::diagnostic::{Span, codes};
use crate::expectation::{Assertion, Expectation, Matcher};
use crate::grammar::Grammar;
use crate::matcher;
use crate::table::{AttributeKind, CheckTable, STATISTICS, Shorthand};
use crate::yaml::{self, Node};

/// The entries of a mapping that must have some.
pub(super) fn entries<'n>(
    cx: &mut Context<'_>,
    node: &'n Node,
    name: &str,
    wanted: &str,
) -> Option<&'n [(Node, Node)]> {
    match &node.kind {
        yaml::NodeKind::Mapping(entries) if !entries.is_empty() => Some(entries),
        yaml::NodeKind::Mapping(_) => {
            let problem =
                cx.problem(codes::EMPTY_VALUE, node.span, format!("{name} is an empty mapping, which asserts nothing"));
            cx.report(problem);
            None
        }
        _ => {
            let problem = cx.wrong_shape(node, name, wanted);
            cx.report(problem);
            None
        }
    }
}

pub(super) fn expectation(
    cx: &mut Context<'_>,
    table: &'static CheckTable,
    subject: Text,
    node: &Node,
) -> Option<Expectation> {
    let named = if subject.text.is_empty() { table.name } else { &subject.text };
    let mut eventually = None;
    let assertions = match &node.kind {
        yaml::NodeKind::Mapping(_) => {
            let entries = entries(cx, node, &format!("`{named}`"), "a mapping")?;
            let mut rest = Vec::with_capacity(entries.len());
            for entry in entries {
                if entry.0.scalar() == Some("eventually") {
                    eventually = Some(duration(cx, &entry.1, "eventually")?);
                } else {
                    rest.push(entry);
                }
            }
            if rest.is_empty() {
                let problem = cx.problem(
                    codes::ASSERTS_NOTHING,
                    node.span,
                    format!("`{named}` only says `eventually`, and not what"),
                );
                cx.report(problem.note(format!("keys: {}", names(table))));
                return None;
            }
            mapping(cx, table, &rest, named)
        }
        yaml::NodeKind::Scalar { .. } => shorthand(cx, table, node, named),
        yaml::NodeKind::Sequence(_) => match table.shorthand {
            Shorthand::Attribute(name) => value_of(cx, table, name, node, node),
            _ => {
                let problem = cx.wrong_shape(node, &format!("`{named}`"), "a mapping");
                cx.report(problem.note(format!("keys: {}", names(table))));
                None
            }
        },
    }?;
    Some(Expectation {
        check: table.name,
        location: cx.location(subject.span),
        subject: subject.text,
        assertions,
        eventually,
    })
}

fn names(table: &CheckTable) -> String {
    table.attributes.iter().map(|attribute| attribute.name).chain(["eventually"]).collect::<Vec<_>>().join(", ")
}

/// A mapping below a subject: of attributes, or of matchers for the attribute that needs no name.
fn mapping(
    cx: &mut Context<'_>,
    table: &'static CheckTable,
    entries: &[&(Node, Node)],
    named: &str,
) -> Option<Vec<Assertion>> {
    let is_attribute = |entry: &&&(Node, Node)| entry.0.scalar().is_some_and(|name| table.attribute(name).is_some());
    if let Shorthand::Attribute(name) = table.shorthand
        && !entries.iter().any(|entry| is_attribute(&entry))
    {
        let attribute = table.attribute(name)?;
        let looks_like_matchers =
            entries.iter().any(|(key, _)| matcher::MATCHERS.iter().any(|(word, _)| key.scalar() == Some(*word)));
        if let AttributeKind::Map(grammar, inner) = attribute.kind {
            return pairs(cx, attribute.name, Some(grammar), inner, entries.iter().copied());
        }
        if looks_like_matchers {
            let location = cx.location(entries.first()?.0.span);
            let keys = matcher::keys_of(&attribute.kind);
            let span = entries.first()?.0.span;
            let matcher = matcher::decode::entries_of(cx, entries.iter().copied(), &attribute.kind, keys, named)?;
            matcher::decode::possible(cx, span, &attribute.kind, &matcher, named)?;
            matcher::mistaken_in(cx, table.name, attribute.name, entries)?;
            return Some(vec![Assertion { attribute: attribute.name, key: None, matcher, location }]);
        }
    }
    if let (Shorthand::Keywords(words), [(key, value)]) = (table.shorthand, entries)
        && key.scalar() == Some("any-of")
    {
        return any_of_names(cx, table, words, key, value, named);
    }
    let mut out = Vec::new();
    let mut complete = true;
    for (key, value) in entries {
        let name = key.scalar().unwrap_or_default();
        let Some(attribute) = table.attribute(name) else {
            let mut known: Vec<&str> = table.attributes.iter().map(|attribute| attribute.name).collect();
            if let Shorthand::Attribute(name) = table.shorthand
                && let Some(attribute) = table.attribute(name)
            {
                known.extend(matcher::keys_of(&attribute.kind));
            }
            if matches!(table.shorthand, Shorthand::Keywords(_)) {
                known.push("any-of");
            }
            known.push("eventually");
            cx.unknown_key(key, name, table.name, &known);
            complete = false;
            continue;
        };
        match value_of(cx, table, attribute.name, key, value) {
            Some(assertions) => out.extend(assertions),
            None => complete = false,
        }
    }
    complete.then_some(out)
}

/// The assertions of one attribute: one, or one a name for attributes that are mappings.
fn value_of(
    cx: &mut Context<'_>,
    table: &'static CheckTable,
    name: &str,
    key: &Node,
    value: &Node,
) -> Option<Vec<Assertion>> {
    let attribute = table.attribute(name)?;
    match attribute.kind {
        AttributeKind::Map(grammar, inner) => {
            let wanted = "a mapping from names to values";
            let entries = entries(cx, value, &format!("`{}`", attribute.name), wanted)?;
            pairs(cx, attribute.name, Some(grammar), inner, entries.iter())
        }
        AttributeKind::Samples(inner) => samples(cx, attribute.name, inner, key, value),
        AttributeKind::Baseline => baseline(cx, attribute.name, key, value),
        ref kind => {
            let matcher = matcher::decode::matcher(cx, value, kind, attribute.name)?;
            matcher::mistaken(cx, table.name, attribute.name, value)?;
            Some(vec![Assertion { attribute: attribute.name, key: None, matcher, location: cx.location(key.span) }])
        }
    }
}

/// A figure of each boot: one matcher for its median, or one for each statistic.
fn samples(
    cx: &mut Context<'_>,
    attribute: &'static str,
    inner: &AttributeKind,
    key: &Node,
    value: &Node,
) -> Option<Vec<Assertion>> {
    let is_statistic = |name: &str| STATISTICS.iter().any(|(known, _)| *known == name);
    let entries = match &value.kind {
        yaml::NodeKind::Mapping(entries) => entries.as_slice(),
        _ => &[],
    };
    let known = |key: &Node| key.scalar().is_some_and(is_statistic);
    let is_matcher = |key: &Node| matcher::keys_of(inner).iter().any(|word| key.scalar() == Some(*word));
    if entries.is_empty()
        || (!entries.iter().any(|(key, _)| known(key)) && entries.iter().all(|(key, _)| is_matcher(key)))
    {
        let matcher = matcher::decode::matcher(cx, value, inner, attribute)?;
        return Some(vec![Assertion { attribute, key: None, matcher, location: cx.location(key.span) }]);
    }
    let mut complete = true;
    for (key, _) in entries.iter().filter(|(key, _)| !known(key)) {
        let names: Vec<&str> = STATISTICS.iter().map(|(name, _)| *name).collect();
        cx.unknown_key(key, key.scalar().unwrap_or_default(), attribute, &names);
        complete = false;
    }
    let found = pairs(cx, attribute, None, inner, entries.iter().filter(|(key, _)| known(key)))?;
    complete.then_some(found)
}

fn pairs<'n>(
    cx: &mut Context<'_>,
    attribute: &'static str,
    grammar: Option<&Grammar>,
    inner: &AttributeKind,
    entries: impl Iterator<Item = &'n (Node, Node)>,
) -> Option<Vec<Assertion>> {
    let mut out: Vec<Assertion> = Vec::new();
    let mut known = HashSet::new();
    let mut complete = true;
    for (key, value) in entries {
        let name = cx.key(key, &format!("a key of `{attribute}`"));
        let name = match grammar {
            Some(grammar) => name.and_then(|name| cx.named(name, grammar)),
            None => name,
        };
        let Some(name) = name else {
            complete = false;
            continue;
        };
        if !known.insert(name.text.clone()) {
            cx.duplicate_subject(&name);
            complete = false;
            continue;
        }
        match matcher::decode::matcher(cx, value, inner, &name.text) {
            Some(matcher) => {
                out.push(Assertion { attribute, key: Some(name.text), matcher, location: cx.location(name.span) });
            }
            None => complete = false,
        }
    }
    complete.then_some(out)
}

/// `{any-of: [inactive, absent]}` below a subject: words of which one must be so.
fn any_of_names(
    cx: &mut Context<'_>,
    table: &'static CheckTable,
    words: &'static [(&'static str, &'static str, &'static str)],
    key: &Node,
    value: &Node,
    named: &str,
) -> Option<Vec<Assertion>> {
    let items = cx.items(value, &format!("{named}: any-of"))?;
    let chosen: Vec<_> = items.iter().map(|item| shorthand_name(cx, table, words, item, named)).collect();
    let chosen: Vec<_> = chosen.into_iter().collect::<Option<_>>()?;
    // What is not there has no other attribute: next to a word of another attribute, `absent` is a matcher.
    let attribute = chosen.iter().find(|(word, _, _)| *word != ABSENT).or(chosen.first()).map(|(_, name, _)| *name)?;
    let mut parts = Vec::with_capacity(chosen.len());
    for (word, name, value) in &chosen {
        parts.push(match (*name == attribute, *word == ABSENT) {
            (true, _) => Matcher::Equals((*value).to_owned()),
            (false, true) => Matcher::Absent,
            (false, false) => {
                let message =
                    format!("`{named}`: `{word}` is about `{name}`, and others of these names about `{attribute}`");
                let problem = cx.problem(codes::WRONG_SHAPE, value_span(items, &chosen, word), message);
                cx.report(problem.help("`any-of` joins names of one attribute, and `absent`"));
                return None;
            }
        });
    }
    let attribute = table.attribute(attribute)?;
    let matcher = Matcher::AnyOf(parts);
    matcher::decode::possible(cx, key.span, &attribute.kind, &matcher, named)?;
    Some(vec![Assertion { attribute: attribute.name, key: None, matcher, location: cx.location(key.span) }])
}

/// The word that says of a subject, and of an attribute, that the subject is not there.
const ABSENT: &str = "absent";

type ShorthandName = (&'static str, &'static str, &'static str);

fn value_span(items: &[Node], chosen: &[ShorthandName], word: &str) -> Span {
    let at = chosen.iter().position(|(other, _, _)| *other == word).unwrap_or_default();
    items[at.min(items.len() - 1)].span
}

/// A word of a shorthand; what is none is reported.
fn shorthand_name(
    cx: &mut Context<'_>,
    table: &'static CheckTable,
    words: &'static [ShorthandName],
    node: &Node,
    named: &str,
) -> Option<ShorthandName> {
    let text = cx.text(node, named)?;
    if let Some(word) = words.iter().find(|(word, _, _)| *word == text.text) {
        return Some(*word);
    }
    let known: Vec<&str> = words.iter().map(|(word, _, _)| *word).collect();
    let shown = muster_base::text::one_line(&text.text, 60);
    let mut problem = cx
        .problem(codes::BAD_VALUE, text.span, format!("`{shown}` does not say what `{named}` must be"))
        .note(format!("names: {}", known.join(", ")))
        .note(format!("or a mapping with the keys: {}", names(table)));
    if let Some(near) = matcher::meant_word(&text.text, &known) {
        problem = problem.label(format!("did you mean `{near}`?"));
    }
    cx.report(cx.after_substitution(problem, &text));
    None
}

/// A scalar below a subject.
fn shorthand(cx: &mut Context<'_>, table: &'static CheckTable, node: &Node, named: &str) -> Option<Vec<Assertion>> {
    match table.shorthand {
        Shorthand::Attribute(name) => value_of(cx, table, name, node, node),
        Shorthand::Keywords(words) => {
            let (_, attribute, value) = shorthand_name(cx, table, words, node, named)?;
            let attribute = table.attribute(attribute)?.name;
            let matcher = Matcher::Equals(value.to_owned());
            Some(vec![Assertion { attribute, key: None, matcher, location: cx.location(node.span) }])
        }
        Shorthand::None => {
            let problem = cx.wrong_shape(node, &format!("`{named}`"), "a mapping");
            cx.report(problem.note(format!("keys: {}", names(table))));
            None
        }
    }
}
