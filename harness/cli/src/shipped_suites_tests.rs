//! Parser and schema agree on real files: everything that ships, every example of the pages and the
//! tables, and every bad file of `testdata`. The check types are those that ship, except for the bad
//! files, which speak of the tables of this room's tests.

use std::collections::HashMap;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use jsonschema::Validator;

use crate::guide_tests::{blocks, vocabulary};
use muster_suite::decode_source;
use muster_suite::diagnostic::Diagnostics;
use muster_suite::testing::{EXAMPLES, VOCABULARY, as_editor};
use muster_suite::{Vocabulary, console_rules, deviations, foreign, images, known, lint, load, policy, waivers, yaml};

fn testdata() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../suite/src/testdata")
}

fn root() -> Utf8PathBuf {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The schemas by the `schema:` of their files.
fn validators(vocabulary: &Vocabulary<'_>) -> HashMap<&'static str, Validator> {
    let schemas = [
        ("suite/v1", muster_suite::schema::suite(vocabulary.tables)),
        ("tests/v1", muster_suite::schema::fragment(vocabulary.tables)),
        ("known-issues/v1", muster_suite::schema::known_issues()),
        ("proofs/v1", muster_suite::schema::proofs()),
        (deviations::SCHEMA, muster_suite::schema::deviations()),
        (foreign::SCHEMA, muster_suite::schema::foreign_checks()),
        (policy::SCHEMA, muster_suite::schema::policy()),
        (waivers::SCHEMA, muster_suite::schema::waivers()),
        ("images/v1", muster_suite::schema::images(vocabulary.capabilities)),
        (console_rules::SCHEMA, muster_suite::schema::console_rules()),
    ];
    schemas.map(|(name, schema)| (name, jsonschema::draft202012::new(&schema).expect("a schema"))).into()
}

/// Files with this ending below a directory, sorted.
fn files(dir: &Utf8Path, ending: &str) -> Vec<Utf8PathBuf> {
    let entries = dir.read_dir_utf8().unwrap_or_else(|error| panic!("{dir}: {error}"));
    let mut out: Vec<_> = entries.map(|entry| entry.unwrap().path().to_owned()).collect();
    out.retain(|path| path.extension() == Some(ending));
    out.sort();
    out
}

/// The tree of a text as an editor sees it, and what it says that it is.
fn instance(name: &str, text: &str) -> Option<(serde_json::Value, String)> {
    let mut sink = Diagnostics::new();
    let root = yaml::parse(&name.into(), text, yaml::Limits::default(), &mut sink)?;
    sink.is_empty().then(|| (as_editor(&root), root.get("schema").and_then(|n| n.scalar()).unwrap_or("").to_owned()))
}

#[test]
fn every_example_of_every_check_type_is_accepted_and_uses_what_exists() {
    let validators = validators(&vocabulary());
    for table in muster_check::tables() {
        assert_eq!(lint::problems(table), Vec::<String>::new());
        let example = table.example.trim_end().replace('\n', "\n      ");
        let text = format!("schema: suite/v1\nsuite: s\ntests:\n  - id: t\n    expect:\n      {example}\n");
        let (suite, problems) = decode_source("example.yaml", &text, &vocabulary());
        assert_eq!(problems.render(false), "", "{}", table.name);
        let suite = suite.expect("a suite");
        assert!(!suite.tests[0].expect.is_empty());
        for expectation in muster_suite::clause::expectations(&suite.tests[0].expect) {
            assert_eq!(expectation.check, table.name, "the example is of its own type");
            for assertion in &expectation.assertions {
                assert!(table.attribute(assertion.attribute).is_some(), "{}.{}", table.name, assertion.attribute);
            }
        }
        let (json, schema) = instance("example.yaml", &text).expect("YAML");
        assert!(validators[schema.as_str()].is_valid(&json), "{}: the schema refuses its example", table.name);
    }
}

#[test]
fn every_shipped_file_is_accepted_by_the_schema_too() {
    let validators = validators(&vocabulary());
    let mut count = HashMap::<String, usize>::new();
    for dir in ["suites", "suites/coverage", "tests/suites", "images", "harness/console/src/rules"] {
        for path in files(&root().join(dir), "yaml") {
            let text = fs_err::read_to_string(&path).unwrap();
            let (json, schema) = instance(path.as_str(), &text).unwrap_or_else(|| panic!("{path} is not YAML"));
            let validator = validators.get(schema.as_str()).unwrap_or_else(|| panic!("{path}: {schema}"));
            let errors: Vec<_> = validator.iter_errors(&json).map(|e| format!("{} {e}", e.instance_path())).collect();
            assert!(errors.is_empty(), "{path}: {errors:#?}");
            *count.entry(schema).or_default() += 1;
        }
    }
    assert!(count["suite/v1"] >= 7 && count["images/v1"] >= 1 && count[console_rules::SCHEMA] >= 9, "{count:?}");
    let (suites, problems) = load(&[root().join("suites"), root().join("tests/suites")], &vocabulary());
    assert_eq!(problems.render(false), "");
    assert!(suites.len() >= 7);
}

#[test]
fn every_example_of_the_pages_is_accepted_by_both() {
    let validators = validators(&vocabulary());
    let mut pages = files(&root().join("docs"), "md");
    pages.push(root().join("README.md"));
    let mut count = 0;
    for page in pages {
        let text = fs_err::read_to_string(&page).unwrap();
        for (language, block) in blocks(&text) {
            if language != "yaml" {
                continue;
            }
            // What shows only steps, tests or expectations is put where it would stand.
            let indented = |by: &str| block.lines().map(|line| format!("{by}{line}\n")).collect::<String>();
            let whole = match block.split(':').next().unwrap_or_default() {
                "schema" => block.clone(),
                "tests" => format!("schema: suite/v1\nsuite: s\n{block}"),
                "steps" => format!("schema: suite/v1\nsuite: s\ntests:\n  - id: t\n{}", indented("    ")),
                other => panic!("{page}: an example that begins with `{other}` is put nowhere"),
            };
            let (json, schema) = instance(page.as_str(), &whole).unwrap_or_else(|| panic!("{page}: not YAML\n{whole}"));
            let errors: Vec<_> =
                validators[schema.as_str()].iter_errors(&json).map(|e| format!("{} {e}", e.instance_path())).collect();
            assert!(errors.is_empty(), "{page}: {errors:#?}\n{whole}");
            let problems = match schema.as_str() {
                "suite/v1" => decode_source("s.yaml", &whole, &vocabulary()).1,
                "images/v1" => images::decode_source("i.yaml", &whole, Utf8Path::new(""), &vocabulary()).1,
                console_rules::SCHEMA => {
                    let mut sink = Diagnostics::new();
                    console_rules::decode_source("r.yaml", &whole, &mut HashMap::new(), &mut sink);
                    sink
                }
                // What they speak of is in other files; `guide_tests` puts them together.
                "tests/v1" | "known-issues/v1" | "proofs/v1" | foreign::SCHEMA => Diagnostics::new(),
                policy::SCHEMA => {
                    let mut sink = Diagnostics::new();
                    policy::decode_source("p.yaml", &whole, &vocabulary(), &mut sink);
                    sink
                }
                waivers::SCHEMA => {
                    let mut sink = Diagnostics::new();
                    waivers::decode_source("w.yaml", &whole, &vocabulary(), &mut sink);
                    sink
                }
                deviations::SCHEMA => {
                    let kinds = muster_compare::kinds::names();
                    let mut sink = Diagnostics::new();
                    deviations::decode_source("d.yaml", &whole, &kinds, &vocabulary(), &mut sink);
                    sink
                }
                other => panic!("{page}: {other}"),
            };
            assert_eq!(problems.render(false), "", "{page}\n{whole}");
            count += 1;
        }
    }
    assert!(count >= 10, "{count} examples");
}

/// Bad files that a JSON Schema cannot refuse, each with what only the parser sees. All others must be
/// refused by the schema as well, and these must not: an entry that is no longer true is an error.
const ONLY_THE_PARSER: &[(&str, &str)] = &[
    ("bad/always-true", "what a condition comes to"),
    ("bad/tautologies", "what a matcher comes to"),
    ("bad-known-issues/vague", "which words are in failures of every kind"),
    ("bad/adjust-in-matrix", "whether a condition can be true in some combination"),
    ("bad/after-substitution", "what a scalar reads when variables have been put in"),
    ("bad/boot-samples", "what one step needs of the test's other keys, and of its chain's machine"),
    ("bad/cyclic-needs", "a cross reference: circles of needs"),
    ("bad/duplicate-id", "uniqueness by one key of the entries"),
    ("bad/duplicate-snapshot", "uniqueness by one key of the entries"),
    ("bad/duplicate-subject", "that keys are equal after substitution"),
    ("bad/include-twice", "uniqueness by one key of the entries"),
    ("bad/matrix-empty", "that `exclude` leaves no combination"),
    ("bad/matrix-exclude", "a cross reference: values of the matrix, by meaning (`1 GiB` and `1024 MiB`)"),
    ("bad/matrix-in-setup", "where a variable is known"),
    ("bad/matrix-large", "the product of lengths of lists"),
    ("bad/need-across-guests", "a cross reference: what a chain of needs has in common"),
    ("bad/never-true", "that a condition contradicts itself"),
    ("bad/unknown-need", "a cross reference: that a test exists"),
    ("bad-known-issues/no-such-test", "a cross reference into other files"),
    ("bad-known-issues/twice", "uniqueness by several keys of the entries"),
    ("bad-known-issues/where", "conditions, and a cross reference into other files"),
    ("bad-images/ranges", "bounds of quantities that have units"),
    ("bad-images/twice", "uniqueness by one key of the entries"),
    ("bad-console-rules/patterns", "whether a text is a regular expression that can fail"),
    ("bad-console-rules/twice", "uniqueness by one key of the entries"),
    ("bad-foreign-checks/ids", "the form of names, and uniqueness by one key of the entries"),
    ("bad-foreign-checks/left-out", "a cross reference into other files"),
    ("bad-foreign-checks/links", "the form of links"),
    ("bad-foreign-checks/stale", "a cross reference into other files"),
];

#[test]
fn bad_files_are_refused_by_the_schema_unless_it_cannot_know() {
    let validators = validators(&VOCABULARY);
    let (mut seen, mut wrong) = (0, Vec::new());
    for (dir, schema) in [
        ("bad", "suite/v1"),
        ("bad-known-issues", "known-issues/v1"),
        ("bad-images", "images/v1"),
        ("bad-console-rules", console_rules::SCHEMA),
        ("bad-foreign-checks", foreign::SCHEMA),
    ] {
        for path in files(&testdata().join(dir), "yaml") {
            seen += 1;
            let name = format!("{dir}/{}", path.file_stem().unwrap());
            let listed = ONLY_THE_PARSER.iter().any(|(known, _)| *known == name);
            let bytes = fs_err::read(&path).unwrap();
            // A schema is checked against one tree. What never becomes one is refused before.
            let tree = std::str::from_utf8(&bytes).ok().and_then(|text| instance(&name, text));
            let accepted = tree.is_some_and(|(json, _)| validators[schema].is_valid(&json));
            match (accepted, listed) {
                (true, false) => wrong.push(format!("{name}: the schema accepts it")),
                (false, true) => wrong.push(format!("{name}: the schema refuses it, so it needs no reason")),
                _ => {}
            }
        }
    }
    for (name, why) in ONLY_THE_PARSER {
        assert!(testdata().join(format!("{name}.yaml")).exists() && !why.is_empty(), "{name}");
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(seen >= 60, "{seen} bad files");
}

/// Renders what is said about each file of a directory next to it.
fn snapshots(dir: &str, read: impl Fn(&str, &str) -> Diagnostics) {
    let dir = testdata().join(dir);
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(&dir);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for path in files(&dir, "yaml") {
            let name = path.file_stem().unwrap();
            let problems = read(&format!("{name}.yaml"), &fs_err::read_to_string(&path).unwrap());
            assert!(!problems.is_empty(), "{name} is accepted");
            insta::assert_snapshot!(name, problems.render(false));
        }
    });
}

#[test]
fn bad_catalogues_say_what_they_always_said() {
    snapshots("bad-images", |name, text| images::decode_source(name, text, Utf8Path::new("images"), &vocabulary()).1);
}

#[test]
fn bad_console_rules_say_what_they_always_said() {
    snapshots("bad-console-rules", |name, text| {
        let mut sink = Diagnostics::new();
        console_rules::decode_source(name, text, &mut HashMap::new(), &mut sink);
        sink.settle();
        sink
    });
}

#[test]
fn the_schema_of_included_tests_agrees_with_what_a_suite_includes() {
    let validator = &validators(&VOCABULARY)["tests/v1"];
    let good = "schema: tests/v1\nsummary: s\nvars: {port: 80}\ntests:\n- {id: t, steps: [{run: 'x ${port}'}]}\n";
    for (parser, schema, text) in [
        (true, true, good.to_owned()),
        (true, true, good.replace("summary: s\n", "")),
        (false, false, good.replace("tests/v1", "tests/v2")),
        (false, false, good.replace("summary:", "sumary:")),
        (false, false, good.replace("vars:", "tags: [a]\nvars:")),
        (false, false, good.replace("{port: 80}", "[port]")),
        (false, false, good.replace("- {id: t, steps: [{run: 'x ${port}'}]}", "  []")),
        (false, false, good.replace("run:", "runn:")),
        (false, false, good.replace("tests:\n-", "include:\n-")),
        // Which variables are used, and which tests a need means, is beyond a schema.
        (false, true, good.replace(" ${port}", "")),
        (false, true, good.replace("id: t,", "id: t, needs: [u],")),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let suite = "schema: suite/v1\nsuite: s\ninclude: [{file: t.yaml, prefix: p}]\n";
        fs_err::write(path.join("s.yaml"), suite).unwrap();
        fs_err::write(path.join("t.yaml"), &text).unwrap();
        let (suites, problems) = load(&[path.join("s.yaml")], &VOCABULARY);
        assert_eq!(suites.len() == 1, parser, "{text}{}", problems.render(false));
        let (json, _) = instance("t.yaml", &text).expect("YAML");
        assert_eq!(validator.is_valid(&json), schema, "{text}");
    }
}

#[test]
fn known_issues_that_speak_of_shipped_suites_are_accepted_by_both() {
    let suites = [decode_source("s.yaml", EXAMPLES[0], &VOCABULARY).0.expect("a suite")];
    let text =
        "schema: known-issues/v1\nknown-issues:\n- {tests: nginx/*, tracker: 1, because: x, expires: 2026-12-01}\n";
    let today = "2026-11-22".parse().expect("a day");
    let name: Arc<str> = "k.yaml".into();
    let (issues, problems) = known::decode_source(&name, text, &VOCABULARY, &suites, today);
    assert_eq!((issues.len(), problems.len()), (1, 0));
    let (json, schema) = instance(&name, text).expect("YAML");
    assert!(validators(&VOCABULARY)[schema.as_str()].is_valid(&json));
}
