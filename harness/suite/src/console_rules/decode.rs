//! From a file to its rules.

use std::collections::HashMap;
use std::sync::Arc;

use camino::Utf8PathBuf;

use super::keys::{EARLIER, FILE, RULE, RULE_BASE_CHECKS, SCHEMA, SEVERITIES};
use super::model::{ConsoleRule, Sample};
use crate::decode::{Context, Patterns, Text, root_for, schema};
use crate::diagnostic::{Diagnostics, codes};
use crate::source;
use crate::vocabulary::Vocabulary;
use crate::yaml::{Node, NodeKind};
use muster_base::failure::Location;

/// Decodes all files that the paths mean (a directory: its `*.yaml` files, of which those of other schemas
/// are passed over). `ids` holds the rules that are there already. The sink is not settled.
pub fn load(paths: &[Utf8PathBuf], ids: &mut HashMap<String, Location>, sink: &mut Diagnostics) -> Vec<ConsoleRule> {
    source::read_documents(paths, sink, |source, bytes, sink| decode(&source.name, bytes, source.found, ids, sink))
}

/// Decodes one text.
pub fn decode_source(
    name: &str,
    text: &str,
    ids: &mut HashMap<String, Location>,
    sink: &mut Diagnostics,
) -> Vec<ConsoleRule> {
    decode(&name.into(), text.as_bytes(), false, ids, sink)
}

fn decode(
    name: &Arc<str>,
    bytes: &[u8],
    found: bool,
    ids: &mut HashMap<String, Location>,
    sink: &mut Diagnostics,
) -> Vec<ConsoleRule> {
    // The samples are evaluated later, and may then want their lines shown: the text is kept.
    let Some(root) = root_for(SCHEMA, name, bytes, found, sink) else { return Vec::new() };
    // Rules have no variables and no conditions.
    let vocabulary = Vocabulary { tables: &[], capabilities: &[], tools: &[] };
    let mut patterns = Patterns::new();
    let mut cx = Context::new(name.clone(), &vocabulary, &mut patterns, sink);
    if !schema(&mut cx, &root, SCHEMA) {
        return Vec::new();
    }
    let Some(fields) = cx.fields(&root, &FILE) else { return Vec::new() };
    let Some(items) = fields.get("rules").and_then(|node| cx.items(node, "rules")) else { return Vec::new() };
    let mut out = Vec::new();
    for item in items {
        let Some((rule, id)) = rule(&mut cx, item) else { continue };
        if cx.is_first(ids, &id, "a console rule") {
            out.push(rule);
        }
    }
    out
}

fn rule(cx: &mut Context<'_>, node: &Node) -> Option<(ConsoleRule, Text)> {
    let fields = cx.fields(node, &RULE)?;
    let id = fields.get("id").and_then(|node| cx.id(node, "id"));
    let category = fields.get("category").and_then(|node| cx.id(node, "category"));
    let severity = fields.get("severity").and_then(|node| cx.keyword(node, "severity", SEVERITIES));
    let base_check = fields.get("base-check").map(|node| cx.keyword(node, "base-check", RULE_BASE_CHECKS));
    let pattern = fields.get("pattern").and_then(|node| cx.regex(node, "pattern"));
    let except = fields.get("except").map(|node| patterns(cx, node, "except"));
    let unless_later = fields.get("unless-later").map(|node| patterns(cx, node, "unless-later"));
    if let (Some(node), Some(severity @ ("fatal" | "info"))) = (fields.get("unless-later"), severity) {
        let message = format!("a finding of severity `{severity}` cannot be lowered by a later line");
        let help = match severity {
            "fatal" => "it ends every wait at once; write severity `fail`, or leave `unless-later` out",
            _ => "it fails nothing already; leave `unless-later` out",
        };
        let diagnostic = cx.problem(codes::BAD_VALUE, node.span, message).help(help);
        cx.report(diagnostic);
    }
    let samples = fields.get("sample").map(|node| lines(cx, node, "sample"));
    let near_misses = fields.get("near-miss").map(|node| lines(cx, node, "near-miss"));
    let because = fields.get("because").and_then(|node| cx.line(node, "because"));
    let mut flag = |name: &str| {
        fields
            .get(name)
            .map(|node| cx.keyword(node, name, &["true", "false"]))
            .map(|word| word.map(|word| word == "true"))
    };
    let (trace, about_time) = (flag("trace"), flag("about-time"));
    let after = fields.get("after").map(|node| cx.keyword(node, "after", EARLIER));
    let id = id?;
    let rule = ConsoleRule {
        id: id.text.clone(),
        category: category?.text,
        severity: severity?,
        base_check: match base_check {
            Some(name) => Some(name?),
            None => None,
        },
        pattern: pattern?,
        except: except.unwrap_or(Some(Vec::new()))?,
        unless_later: unless_later.unwrap_or(Some(Vec::new()))?,
        samples: samples??,
        near_misses: near_misses??,
        because: because?.text,
        trace: trace.unwrap_or(Some(false))?,
        about_time: about_time.unwrap_or(Some(false))?,
        after: match after {
            Some(name) => Some(name?),
            None => None,
        },
        location: cx.location(node.span),
    };
    Some((rule, id))
}

/// One regular expression or several.
fn patterns(cx: &mut Context<'_>, node: &Node, name: &str) -> Option<Vec<regex::Regex>> {
    let found: Vec<_> = each(cx, node, name).iter().map(|node| cx.regex(node, name)).collect();
    found.into_iter().collect()
}

/// A value that may be one or a list.
fn each<'n>(cx: &mut Context<'_>, node: &'n Node, name: &str) -> Vec<&'n Node> {
    match &node.kind {
        NodeKind::Sequence(_) => cx.items(node, name).unwrap_or_default().iter().collect(),
        _ => vec![node],
    }
}

fn lines(cx: &mut Context<'_>, node: &Node, name: &str) -> Option<Vec<Sample>> {
    let found: Vec<_> = each(cx, node, name).into_iter().map(|node| cx.line(node, name)).collect();
    let found = found.into_iter().collect::<Option<Vec<Text>>>()?;
    (!found.is_empty()).then(|| found.into_iter().map(|text| Sample { text: text.text, span: text.span }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::{self, Limits};

    const GOOD: &str = r#"
schema: console-rules/v1
rules:
  - id: widget-lost
    category: widget
    severity: warn
    pattern: '^widget [0-9]+: lost'
    except: ['lost and found$', 'on purpose']
    sample: "widget 7: lost its way"
    near-miss: ["the widget 7: lost", "widget 7: lost and found"]
    because: The driver prints it when its device stops answering.
    trace: true
"#;

    fn decoded(text: &str) -> (Vec<ConsoleRule>, Diagnostics) {
        let mut sink = Diagnostics::new();
        let rules = decode_source("x.yaml", text, &mut HashMap::new(), &mut sink);
        sink.settle();
        (rules, sink)
    }

    fn codes_of(text: &str) -> Vec<&'static str> {
        decoded(text).1.iter().map(|diagnostic| diagnostic.code).collect()
    }

    #[test]
    fn a_rule_has_what_was_written_and_defaults() {
        let (rules, problems) = decoded(GOOD);
        assert_eq!(problems.render(false), "");
        let [rule] = &rules[..] else { panic!("{rules:?}") };
        assert_eq!((rule.id.as_str(), rule.category.as_str(), rule.severity), ("widget-lost", "widget", "warn"));
        assert_eq!((rule.except.len(), rule.samples.len(), rule.near_misses.len()), (2, 1, 2));
        assert_eq!((rule.trace, rule.about_time, rule.after), (true, false, None));
        assert_eq!(rule.location.to_string(), "x.yaml:4:5");
    }

    #[test]
    fn in_a_directory_what_is_for_others_is_passed_over_and_a_slip_of_the_pen_is_reported() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, schema: &str| {
            std::fs::write(dir.path().join(name), GOOD.replace("console-rules/v1", schema)).unwrap();
        };
        write("mine.yaml", SCHEMA);
        write("suite.yaml", "suite/v1");
        write("tests.yaml", "tests/v1");
        let load = || {
            let mut sink = Diagnostics::new();
            let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
            let rules = load(&[path], &mut HashMap::new(), &mut sink);
            (rules.len(), sink.iter().map(|problem| problem.code).collect::<Vec<_>>())
        };
        assert_eq!(load(), (1, vec![]));
        // It is read all the same, so that its other mistakes come at once.
        write("slip.yaml", "console-rule/v1");
        assert_eq!(load(), (1, vec!["unknown-schema", "duplicate-id"]));
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let bad = GOOD
            .replace("severity: warn", "severity: wran")
            .replace("[0-9]+: lost'", "[0-9+: lost'")
            .replace("trace: true", "trace: yes")
            .replace("sample:", "samples:");
        let (rules, problems) = decoded(&bad);
        assert!(rules.is_empty());
        let text = problems.render(false);
        assert_eq!(codes_of(&bad), ["bad-value", "bad-regex", "unknown-key", "bad-value"]);
        assert!(text.contains("did you mean `warn`?") && text.contains("did you mean `sample`?"), "{text}");
    }

    #[test]
    fn patterns_are_bounded_and_cannot_match_everything() {
        assert_eq!(codes_of(&GOOD.replace("^widget [0-9]+: lost", ".*")), ["bad-regex"]);
        assert_eq!(codes_of(&GOOD.replace("[0-9]+", "[0-9]{100}{100}{100}")), ["bad-regex"]);
        assert_eq!(codes_of(&GOOD.replace("[0-9]+", &"x".repeat(3000))), ["bad-regex"]);
        assert_eq!(codes_of(&GOOD.replace("'on purpose'", "'on ('")), ["bad-regex"]);
    }

    #[test]
    fn what_ends_every_wait_and_what_is_a_note_is_not_lowered_later() {
        let later = format!("{GOOD}    unless-later: ['^widget found', '^all well']\n");
        let (rules, problems) = decoded(&later);
        assert_eq!((rules[0].unless_later.len(), problems.render(false).as_str()), (2, ""));
        for severity in ["fatal", "info"] {
            let text = decoded(&later.replace("severity: warn", &format!("severity: {severity}"))).1.render(false);
            assert!(text.contains(&format!("a finding of severity `{severity}` cannot be lowered")), "{text}");
        }
        assert_eq!(codes_of(&later.replace("'^all well'", "'('")), ["bad-regex"]);
    }

    #[test]
    fn a_rule_names_the_base_check_that_it_belongs_to() {
        assert_eq!(decoded(GOOD).0[0].base_check, None);
        let of = |name: &str| format!("{GOOD}    base-check: {name}\n");
        assert_eq!(decoded(&of("oops")).0[0].base_check, Some("oops"));
        let problems = decoded(&of("oop")).1.render(false);
        assert!(problems.contains("did you mean `oops`?") || problems.contains("did you mean `oom`?"), "{problems}");
        // `taint` is a base check too, but none that a console shows.
        assert_eq!(codes_of(&of("taint")), ["bad-value"]);
        for name in RULE_BASE_CHECKS {
            assert!(crate::keys::BASE_CHECKS.iter().any(|(known, _)| known == name), "{name}");
        }
    }

    #[test]
    fn an_id_is_unique_and_a_rule_without_examples_is_refused() {
        let second = GOOD.split_once("rules:\n").unwrap().1;
        assert_eq!(codes_of(&format!("{GOOD}{second}")), ["duplicate-id"]);
        assert_eq!(codes_of(&GOOD.replace("near-miss: [", "near-miss: [] # [")), ["empty-value"]);
        assert_eq!(codes_of("schema: console-rules/v2\nrules: []\n"), ["unknown-schema"]);
    }

    /// What an editor makes of rules: every scalar is text but `true` and `false`.
    fn as_editor(node: &Node) -> serde_json::Value {
        match &node.kind {
            NodeKind::Scalar { text, quoted: false } if text == "true" || text == "false" => (text == "true").into(),
            NodeKind::Scalar { text, .. } => text.as_str().into(),
            NodeKind::Sequence(items) => items.iter().map(as_editor).collect(),
            NodeKind::Mapping(entries) => {
                let entry =
                    |(key, value): &(Node, Node)| (key.scalar().unwrap_or_default().to_owned(), as_editor(value));
                serde_json::Value::Object(entries.iter().map(entry).collect())
            }
        }
    }

    #[test]
    fn the_schema_knows_the_same_rules() {
        let schema = crate::schema::console_rules();
        jsonschema::draft202012::meta::validate(&schema).expect("the schema is itself valid");
        let schema = jsonschema::draft202012::new(&schema).unwrap();
        let valid = |text: &str| {
            let root = yaml::parse(&"x.yaml".into(), text, Limits::default(), &mut Diagnostics::new()).unwrap();
            schema.is_valid(&as_editor(&root))
        };
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../console/src/rules");
        let mut files = 0;
        for entry in fs_err::read_dir(dir).unwrap().map(Result::unwrap) {
            if entry.path().extension().is_some_and(|extension| extension == "yaml") {
                assert!(valid(&fs_err::read_to_string(entry.path()).unwrap()), "{:?}", entry.path());
                files += 1;
            }
        }
        assert!(files > 5);
        for bad in [
            GOOD.replace("severity: warn", "severity: bad"),
            GOOD.replace("sample:", "samples:"),
            GOOD.replace("trace: true", "trace: [a]"),
            GOOD.replace("console-rules/v1", "console-rules/v2"),
        ] {
            assert!(!valid(&bad), "{bad}");
        }
    }
}
