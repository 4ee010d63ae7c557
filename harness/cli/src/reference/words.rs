//! Kinds and shapes in words, for tables and for terminals alike.

use crate::wording::{one_of, quoted};
use muster_suite::grammar::Grammar;
use muster_suite::grammar::text::ANY;
use muster_suite::keys::Shape;
use muster_suite::matcher::{is_ordered, keys_of};
use muster_suite::table::{AttributeKind, CheckTable, Shorthand, Subject};

/// The kinds whose values are written in one way each, with what is written.
pub(super) const KINDS: &[(AttributeKind, &str)] = &[
    (AttributeKind::Text, "One line of text."),
    (AttributeKind::Keyword(&[]), "One of the listed values."),
    (AttributeKind::Level(&[]), "One of the listed values, which have an order: operators compare their places."),
    (AttributeKind::Bool, "`true` or `false`, nothing else."),
    (
        AttributeKind::Integer,
        "Decimal, or hexadecimal after `0x`; 0 to 4294967295 where no other bounds are named. What every value within the bounds is, is an error.",
    ),
    (AttributeKind::Number, "Decimal: `2`, `0.5`; never negative."),
    (
        AttributeKind::Size,
        "A number and its unit: `512 B`, `80 MiB`, `1.5 GB`. `KB`, `MB`, `GB`, `TB` are powers of 1000, `KiB`, `MiB`, `GiB`, `TiB` of 1024.",
    ),
    (
        AttributeKind::Duration,
        "Numbers with their units, large ones first: `30s`, `1m 30s`, `200ms`. Units: `d`, `h`, `m` or `min`, `s`, `ms`, `us`.",
    ),
    (AttributeKind::Mode, "Octal, three or four digits: `\"0644\"`."),
    (AttributeKind::Evr, "`[epoch:]version[-release]`, compared as rpm compares: `1:1.26-3`."),
    (
        AttributeKind::Version,
        "Digits and dots, compared field by field over the fields that are stated: 6.14.3 is `== 6.14` and `<= 6.14`, and not `> 6.14`. A field that is stated and missing is 0.",
    ),
    (AttributeKind::Loose, "Text; an integer where both sides are one."),
    (AttributeKind::Name(&ANY), "A name; other matchers than equality take any text."),
    (AttributeKind::Set(&ANY), "Texts without an order. Only a mapping of matchers or `none`, never a bare list."),
    (AttributeKind::List(&ANY), "Texts in order; a scalar is the whole list, separated by commas."),
    (AttributeKind::Output, "Many lines."),
    (
        AttributeKind::Baseline,
        "A mapping: `file`, that `muster boot-time --later --write-baseline` wrote; `regression`, `<=` or `<` with a percentage from `0%` to `100%`; `by`, `instructions` or `wall`.",
    ),
];

/// The name of a kind.
pub(super) fn kind(kind: &AttributeKind) -> String {
    match kind {
        AttributeKind::Text => "text".to_owned(),
        AttributeKind::Keyword([]) => "keyword".to_owned(),
        AttributeKind::Keyword(words) => one_of(words),
        AttributeKind::Level([]) => "level".to_owned(),
        AttributeKind::Level(words) => format!("level, lowest first: {}", one_of(words)),
        AttributeKind::Bool => "boolean".to_owned(),
        AttributeKind::Integer => "integer".to_owned(),
        AttributeKind::Ranged(least, most) => format!("integer, {least} to {most}"),
        AttributeKind::Number => "number".to_owned(),
        AttributeKind::Share(most) => format!("number, 0 to {most}"),
        AttributeKind::Size => "size".to_owned(),
        AttributeKind::Duration => "duration".to_owned(),
        AttributeKind::Mode => "mode".to_owned(),
        AttributeKind::Evr => "evr".to_owned(),
        AttributeKind::Version => "version".to_owned(),
        AttributeKind::Loose => "loose".to_owned(),
        AttributeKind::Name(grammar) => named("name", grammar),
        AttributeKind::Set(grammar) => named("set", grammar),
        AttributeKind::List(grammar) => named("list", grammar),
        AttributeKind::Output => "output".to_owned(),
        AttributeKind::Baseline => "baseline".to_owned(),
        AttributeKind::Map(grammar, inner) if grammar.is_free() => format!("names, each with: {}", self::kind(inner)),
        AttributeKind::Map(grammar, inner) => format!("by {}: {}", plain(grammar.what), self::kind(inner)),
        AttributeKind::Samples(inner) => format!("{}, or statistics of it over boots", self::kind(inner)),
    }
}

/// A kind with what its names are, where not every text is one.
fn named(kind: &str, grammar: &Grammar) -> String {
    if grammar.is_free() { kind.to_owned() } else { format!("{kind} of: {}", plain(grammar.what)) }
}

/// What a grammar is for, without its article.
fn plain(what: &str) -> &str {
    what.strip_prefix("a ").or_else(|| what.strip_prefix("an ")).or_else(|| what.strip_prefix("the ")).unwrap_or(what)
}

/// What a value of the kind takes in addition to equality.
pub(super) fn matchers(kind: &AttributeKind) -> String {
    let inner = match kind {
        AttributeKind::Map(_, inner) | AttributeKind::Samples(inner) => inner,
        other => other,
    };
    let operators = match inner {
        AttributeKind::Baseline => Some("`<=` or `<` in `regression`".to_owned()),
        kind if is_ordered(kind) => Some("operators".to_owned()),
        AttributeKind::Loose => Some("operators on integers".to_owned()),
        _ => None,
    };
    let keys = keys_of(inner).iter().map(|key| format!("`{key}`"));
    let all: Vec<String> = operators.into_iter().chain(keys).collect();
    if all.is_empty() { "equality only".to_owned() } else { all.join(", ") }
}

/// What the keys below a check type are.
pub(super) fn subject(table: &CheckTable) -> String {
    match table.subject {
        Subject::Whole => "The system has one: its attributes stand directly below.".to_owned(),
        Subject::Named(grammar) if grammar.is_free() => format!("Each key below it is {}.", grammar.what),
        Subject::Named(grammar) => {
            let gone: Vec<String> = table.gone.iter().map(|name| format!("`{name}`")).collect();
            let gone = match gone.is_empty() {
                true => "Of one that is not there every attribute is met by `absent` alone.".to_owned(),
                false => format!(
                    "Of one that is not there only {} has a value; the others are met by `absent` alone.",
                    gone.join(", ")
                ),
            };
            format!("Each key below it is {}: {}. {gone}", grammar.what, grammar.form)
        }
    }
}

/// What a value means that is no mapping of attributes.
pub(super) fn shorthand(table: &CheckTable) -> Option<String> {
    match table.shorthand {
        Shorthand::None => None,
        Shorthand::Attribute(name) => Some(format!("A scalar or matchers alone are for `{name}`.")),
        Shorthand::Keywords(words) => {
            let all: Vec<String> =
                words.iter().map(|(word, name, value)| format!("`{word}` is `{name}: {value}`")).collect();
            Some(format!("In short: {}. `{{any-of: [NAME, absent]}}` is one of these names.", all.join(", ")))
        }
    }
}

/// What the value of a key is.
pub(super) fn shape(shape: &Shape) -> String {
    let list = |of: &str| format!("list of {of}");
    match shape {
        Shape::Constant(text) => format!("`{text}`"),
        Shape::Id => "name".to_owned(),
        Shape::Ids => list("names"),
        Shape::Line => "line".to_owned(),
        Shape::Text => "text".to_owned(),
        Shape::AnyText => "text, maybe empty".to_owned(),
        Shape::Lines => list("lines"),
        Shape::LineOrLines => "line, or list of lines".to_owned(),
        Shape::LineOr(table) => format!("line, or {} as a mapping", table.what),
        Shape::Duration | Shape::Days => "duration".to_owned(),
        Shape::Date => "day".to_owned(),
        Shape::Size => "size".to_owned(),
        Shape::Sizes => list("sizes"),
        Shape::Bool => "boolean".to_owned(),
        Shape::Mode => "mode".to_owned(),
        Shape::Count => "whole number from 1".to_owned(),
        Shape::Natural => "whole number from 0".to_owned(),
        Shape::Keyword(words) => one_of(words),
        Shape::Condition => "condition".to_owned(),
        Shape::Matcher(kind) => format!("matcher of: {}", self::kind(kind)),
        Shape::Mapping(table) => format!("mapping: {}", table.what),
        Shape::List(table) => format!("list, each {}", table.what),
        Shape::OneOf(table) => format!("mapping with one key of {}", table.what),
        Shape::Steps => list("steps"),
        Shape::Expect => "check types, `any-of`, `all-of`".to_owned(),
        Shape::Machines => "names, each with `{}`".to_owned(),
        Shape::Adjust => "as `expect`, or `null` to remove".to_owned(),
        Shape::Vars => "names, each with a scalar".to_owned(),
        Shape::Choices(names, words) => {
            let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
            format!("of {} each {}", quoted(&names).join(", "), one_of(words))
        }
        Shape::Source(words, _) => {
            let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            format!("{}, or a mapping", quoted(&words).join(", "))
        }
        Shape::Globs => "globs, each with a replacement".to_owned(),
        Shape::Facts => "dimensions, each with a value".to_owned(),
        Shape::Claims => {
            "capabilities, each `true` or `false`, and dimensions, each with a value or comparison".to_owned()
        }
        Shape::ForEach => "one name with a list of values, or list of mappings".to_owned(),
        Shape::AllOrLines => "`all`, or list of lines".to_owned(),
        Shape::Matrix => "dimensions, each with a list of values".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_that_a_check_has_is_explained() {
        let known: Vec<String> = KINDS.iter().map(|(kind, _)| self::kind(kind)).collect();
        for table in muster_check::tables() {
            for attribute in table.attributes {
                let plain = match attribute.kind {
                    AttributeKind::Map(_, inner) | AttributeKind::Samples(inner) => inner,
                    ref kind => kind,
                };
                let name = match plain {
                    AttributeKind::Name(_) => "name".to_owned(),
                    AttributeKind::Set(_) => "set".to_owned(),
                    AttributeKind::List(_) => "list".to_owned(),
                    AttributeKind::Keyword(_) => "keyword".to_owned(),
                    AttributeKind::Level(_) => "level".to_owned(),
                    AttributeKind::Ranged(..) => "integer".to_owned(),
                    AttributeKind::Share(_) => "number".to_owned(),
                    plain => kind(plain),
                };
                assert!(known.contains(&name), "{}.{}: {name}", table.name, attribute.name);
            }
        }
    }

    #[test]
    fn words_are_joined_as_people_do() {
        assert_eq!(one_of(&["a"]), "`a`");
        assert_eq!(one_of(&["a", "b", "c"]), "`a`, `b` or `c`");
        assert_eq!(matchers(&AttributeKind::Samples(&AttributeKind::Duration)), "operators, `any-of`, `not`");
        assert_eq!(matchers(&AttributeKind::Bool), "`any-of`");
    }
}
