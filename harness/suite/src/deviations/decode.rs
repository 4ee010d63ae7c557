//! From a file to its entries.

use std::collections::HashMap;
use std::sync::Arc;

use camino::Utf8PathBuf;

use super::keys::{CATEGORIES, CHANGES, ENTRY, FILE, SCHEMA, UPSTREAM_STATUSES, VALUE};
use super::model::Deviation;
use crate::decode::{Context, Fields, ListFile, Patterns, condition, root_for};
use crate::diagnostic::{Diagnostics, Span, codes, did_you_mean};
use crate::matcher::decode::matcher;
use crate::model::{Condition, Matcher};
use crate::source;
use crate::value::{self, ValueError};
use crate::vocabulary::Vocabulary;
use crate::yaml::Node;
use muster_base::failure::Location;

const LIST: ListFile = ListFile { schema: SCHEMA, keys: &FILE, list: "deviations", most: 5000 };
/// Bytes of a pattern.
const LONGEST: usize = 1024;

/// Decodes all files that the paths mean (a directory: its `*.yaml` files, of which those of other schemas
/// are passed over). `kinds` are the kinds of facts there are. The sink is not settled.
pub fn load(
    paths: &[Utf8PathBuf],
    kinds: &[&'static str],
    vocabulary: &Vocabulary<'_>,
    sink: &mut Diagnostics,
) -> Vec<Deviation> {
    let mut known = HashMap::new();
    source::read_documents(paths, sink, |source, bytes, sink| {
        decode(&source.name, bytes, source.found, kinds, vocabulary, &mut known, sink)
    })
}

/// Decodes one text.
pub fn decode_source(
    name: &str,
    text: &str,
    kinds: &[&'static str],
    vocabulary: &Vocabulary<'_>,
    sink: &mut Diagnostics,
) -> Vec<Deviation> {
    decode(&name.into(), text.as_bytes(), false, kinds, vocabulary, &mut HashMap::new(), sink)
}

fn decode(
    name: &Arc<str>,
    bytes: &[u8],
    found: bool,
    kinds: &[&'static str],
    vocabulary: &Vocabulary<'_>,
    known: &mut HashMap<String, Location>,
    sink: &mut Diagnostics,
) -> Vec<Deviation> {
    let Some(root) = root_for(SCHEMA, name, bytes, found, sink) else { return Vec::new() };
    let mut patterns = Patterns::new();
    let mut cx = Context::new(name.clone(), vocabulary, &mut patterns, sink);
    let mut out = Vec::new();
    for item in LIST.entries(&mut cx, &root) {
        let Some(entry) = entry(&mut cx, item, kinds) else { continue };
        // Two entries about the same: one of them would go stale unseen.
        let same = format!(
            "{}\n{}\n{}\n{}",
            entry.pattern,
            entry.condition.as_ref().map_or(String::new(), Condition::to_string),
            entry.before.as_ref().map_or(String::new(), Matcher::to_string),
            entry.after.as_ref().map_or(String::new(), Matcher::to_string),
        );
        if let Some(first) = known.get(&same) {
            let problem = cx
                .problem(codes::DUPLICATE_ID, item.span, "there is an entry about the same differences already")
                .note(format!("first at {first}"));
            cx.report(problem);
            continue;
        }
        known.insert(same, entry.location.clone());
        out.push(entry);
    }
    out
}

fn entry(cx: &mut Context<'_>, node: &Node, kinds: &[&'static str]) -> Option<Deviation> {
    let fields = cx.fields(node, &ENTRY)?;
    let pattern = fields.get("pattern").and_then(|node| {
        let parsed = cx.parsed(node, "pattern", |text| parsed(text, kinds))?;
        Some((parsed, node.span))
    });
    let category = fields.get("category").and_then(|node| cx.keyword(node, "category", CATEGORIES));
    let status = fields.get("upstream-status").and_then(|node| cx.keyword(node, "upstream-status", UPSTREAM_STATUSES));
    let mut line = |name: &str| fields.get(name).and_then(|node| cx.line(node, name)).map(|text| text.text);
    let (reason, link) = (line("reason"), line("link"));
    let expires = fields.get("expires").map(|node| cx.parsed(node, "expires", value::date).ok_or(()));
    let condition = fields.get("where").map(|node| condition(cx, node, "where").ok_or(()));
    let mut value = |name: &str| fields.get(name).map(|node| matcher(cx, node, &VALUE, name).ok_or(()));
    let (before, after) = (value("before"), value("after"));
    let (pattern, span) = pattern?;
    narrow_enough(cx, &pattern, span, before.is_some() || after.is_some())?;
    one_sided(cx, &pattern, &fields)?;
    Some(Deviation {
        pattern: pattern.text,
        kind: pattern.kind,
        category: category?,
        upstream_status: status?,
        reason: reason?,
        link: link?,
        expires: expires.transpose().ok()?,
        condition: condition.transpose().ok()?,
        before: before.transpose().ok()?,
        after: after.transpose().ok()?,
        location: cx.location(node.span),
    })
}

/// A pattern and its parts.
struct Parsed {
    text: String,
    kind: &'static str,
    change: String,
    rest: String,
}

fn parsed(text: &str, kinds: &[&'static str]) -> Result<Parsed, ValueError> {
    let invalid = |message: String| Err(ValueError::Invalid(message));
    if text.len() > LONGEST {
        return invalid(format!("it is longer than {LONGEST} bytes"));
    }
    let mut parts = text.splitn(3, '/');
    let (kind, change, rest) =
        (parts.next().unwrap_or_default(), parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let Some(kind) = kinds.iter().copied().find(|known| *known == kind) else {
        let shown = muster_base::text::one_line(kind, 60);
        if kind.contains(['*', '?']) {
            return invalid(format!(
                "it would hide differences of every kind; begin it with one kind, such as `package/removed/…`: {}",
                kinds.join(", ")
            ));
        }
        return match did_you_mean(kind, kinds.iter().copied()) {
            Some(near) => Err(ValueError::Mistaken {
                message: format!("there is no kind `{shown}`"),
                suggestion: format!("{near}/…"),
            }),
            None => invalid(format!("there is no kind `{shown}`; kinds: {}", kinds.join(", "))),
        };
    };
    if change != "*" && !CHANGES.contains(&change) {
        let shown = muster_base::text::one_line(change, 60);
        return invalid(format!("after the kind comes added, removed, changed or `*`, not `{shown}`"));
    }
    if rest.is_empty() {
        return invalid(format!("it names no subject; write `{kind}/{change}/…` with the subject's name"));
    }
    Ok(Parsed { text: text.to_owned(), kind, change: change.to_owned(), rest: rest.to_owned() })
}

/// Refuses a pattern that would hide whatever comes: its subject must name something, unless what the
/// values must be does.
fn narrow_enough(cx: &mut Context<'_>, pattern: &Parsed, span: Span, has_values: bool) -> Option<()> {
    if has_values || pattern.rest.chars().any(char::is_alphanumeric) {
        return Some(());
    }
    let message =
        format!("`pattern`: `{}` hides every difference of its kind", muster_base::text::one_line(&pattern.text, 80));
    let problem = cx
        .problem(codes::ASSERTS_NOTHING, span, message)
        .note("what is not known yet must not be documented in advance");
    cx.report(problem.help("name a part of the subject, a field (`*:release`), or what it was `before` or is `after`"));
    None
}

/// What is added had no value before, what is removed has none after.
fn one_sided(cx: &mut Context<'_>, pattern: &Parsed, fields: &Fields<'_>) -> Option<()> {
    let name = match pattern.change.as_str() {
        "added" => "before",
        "removed" => "after",
        _ => return Some(()),
    };
    let Some((key, _)) = fields.entry(name) else { return Some(()) };
    let message = format!("what is {} has no value {name}, so that the entry can document nothing", pattern.change);
    let problem = cx.problem(codes::NO_EFFECT, key.span, message);
    cx.report(problem.help(format!("remove `{name}`")));
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::VOCABULARY;

    const KINDS: &[&str] = &["package", "file", "sysctl"];

    const GOOD: &str = "schema: deviations/v1
deviations:
  - pattern: package/removed/libfoo*
    category: azl-pruning
    upstream-status: inapplicable
    reason: nothing in the base image uses it
    link: https://bugs.example/1
    expires: 2027-01-31
    where: arch == x86_64
    before: {contains: fc43}
  - {pattern: 'package/changed/*:release', category: azl-release-management, upstream-status: inapplicable, reason: rebuilt, link: '2'}
";

    fn decoded(text: &str) -> (Vec<Deviation>, Diagnostics) {
        let mut sink = Diagnostics::new();
        let entries = decode_source("d.yaml", text, KINDS, &VOCABULARY, &mut sink);
        sink.settle();
        (entries, sink)
    }

    fn codes_of(text: &str) -> Vec<&'static str> {
        decoded(text).1.iter().map(|problem| problem.code).collect()
    }

    #[test]
    fn an_entry_has_what_was_written() {
        let (entries, problems) = decoded(GOOD);
        assert_eq!(problems.render(false), "");
        let [removed, rebuilt] = &entries[..] else { panic!("{entries:?}") };
        assert_eq!(
            (removed.kind, removed.category, removed.upstream_status),
            ("package", "azl-pruning", "inapplicable")
        );
        assert!(
            removed.is_expired("2027-02-01".parse().unwrap()) && !removed.is_expired("2027-01-31".parse().unwrap())
        );
        assert_eq!(removed.location.to_string(), "d.yaml:3:5");
        assert!(rebuilt.expires.is_none() && rebuilt.condition.is_none() && rebuilt.before.is_none());
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let bad = GOOD
            .replace("azl-pruning", "azl-prunning")
            .replace("package/removed/libfoo*", "pakage/removed/libfoo*")
            .replace("reason: rebuilt", "because: rebuilt")
            .replace("2027-01-31", "31.1.2027");
        let (entries, problems) = decoded(&bad);
        assert!(entries.is_empty());
        let text = problems.render(false);
        assert_eq!(codes_of(&bad), ["bad-value", "bad-value", "bad-value", "unknown-key"]);
        assert!(text.contains("did you mean `azl-pruning`?") && text.contains("did you mean `package/…`?"), "{text}");
    }

    #[test]
    fn an_entry_that_would_hide_everything_is_refused() {
        let with = |pattern: &str, more: &str| {
            format!(
                "schema: deviations/v1\ndeviations: [{{pattern: '{pattern}', category: azl-pruning, \
                 upstream-status: unknown, reason: r, link: l{more}}}]\n"
            )
        };
        for wide in ["*", "**", "*/*/*", "?*", "p*/removed/x"] {
            assert_eq!(codes_of(&with(wide, "")), ["bad-value"], "{wide}");
        }
        for wide in ["package/*/*", "package/removed/*", "file/changed/*/*", "file/changed/?*:*"] {
            assert_eq!(codes_of(&with(wide, "")), ["asserts-nothing"], "{wide}");
        }
        for narrow in ["package/*/bash", "package/changed/*:release", "file/removed/usr/share/doc/*"] {
            assert_eq!(codes_of(&with(narrow, "")), Vec::<&str>::new(), "{narrow}");
        }
        assert_eq!(codes_of(&with("package/changed/*", ", before: {contains: fc43}")), Vec::<&str>::new());
        assert_eq!(codes_of(&with("package/removed", "")), ["bad-value"]);
        assert_eq!(codes_of(&with("package/gone/bash", "")), ["bad-value"]);
    }

    #[test]
    fn an_entry_that_can_document_nothing_is_refused() {
        assert_eq!(codes_of(&GOOD.replace("package/removed/libfoo*", "package/added/libfoo*")), ["no-effect"]);
        let twice = GOOD
            .replace("package/removed/libfoo*", "package/changed/*:release")
            .replace("    expires: 2027-01-31\n    where: arch == x86_64\n    before: {contains: fc43}\n", "");
        assert_eq!(codes_of(&twice), ["duplicate-id"]);
    }

    #[test]
    fn the_schema_knows_the_same_entries() {
        let schema = crate::schema::deviations();
        jsonschema::draft202012::meta::validate(&schema).expect("the schema is itself valid");
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let entry = |category: &str| {
            serde_json::json!({"schema": SCHEMA, "deviations": [{"pattern": "package/removed/x", "category": category,
                "upstream-status": "unknown", "reason": "r", "link": "l", "before": {"contains": "1"}}]})
        };
        assert!(validator.is_valid(&entry("azl-pruning")));
        assert!(!validator.is_valid(&entry("pruning")));
    }
}
