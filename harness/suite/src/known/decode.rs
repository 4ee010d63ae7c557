//! From files to known issues, held against the suites they speak of.

use std::collections::HashMap;

use camino::Utf8PathBuf;
use jiff::civil::Date;

use super::super::decode::{Context, Patterns, condition, schema, schema_of};
use super::super::diagnostic::{Diagnostics, Span, codes};
use super::super::keys::{ISSUE, KNOWN_ISSUES};
use super::super::model::{Condition, Suite};
use super::super::select::NameGlob;
use super::super::source::{self, SourceFile};
use super::super::table::AttributeKind;
use super::super::value::{self, ValueError};
use super::super::vocabulary::Vocabulary;
use super::super::yaml::{self, Limits, Node};
use super::super::{condition as conditions, matcher};
use super::fits::vague;
use super::model::{Effect, KnownIssue, LONGEST_DAYS};

/// Most entries of one file.
const MOST: usize = 1000;

/// Decodes the known issues among the files that the paths mean, and holds them against all suites
/// that were loaded (not only those that were selected). In a directory, files of other schemas and
/// files that are not YAML are passed over: who loads the suites of the directory speaks of them.
pub fn load(
    paths: &[Utf8PathBuf],
    vocabulary: &Vocabulary<'_>,
    suites: &[Suite],
    today: Date,
) -> (Vec<KnownIssue>, Diagnostics) {
    let mut sink = Diagnostics::new();
    let mut out = Vec::new();
    // Not `read_documents`, which reports of a directory what it cannot read.
    for source in source::find(paths, &mut Diagnostics::new()) {
        let mut unread = Diagnostics::new();
        let Some(bytes) = source::read(&source, Limits::default(), &mut unread) else {
            if !source.found {
                unread.iter().for_each(|problem| sink.push(problem.clone()));
            }
            continue;
        };
        out.extend(decode(&source, &bytes, vocabulary, suites, today, &mut sink));
    }
    // A directory without a file of its own kind is no error here; one that is not there or may not be read is.
    let lost = |path: &&Utf8PathBuf| match fs_err::metadata(path) {
        Ok(metadata) => metadata.is_dir() && fs_err::read_dir(path.as_path()).is_err(),
        Err(_) => true,
    };
    for path in paths.iter().filter(lost) {
        source::find(std::slice::from_ref(path), &mut sink);
    }
    sink.settle();
    (out, sink)
}

/// Decodes one text.
pub fn decode_source(
    name: &str,
    text: &str,
    vocabulary: &Vocabulary<'_>,
    suites: &[Suite],
    today: Date,
) -> (Vec<KnownIssue>, Diagnostics) {
    let mut sink = Diagnostics::new();
    let source = SourceFile { path: name.into(), name: name.into(), found: false };
    let out = decode(&source, text.as_bytes(), vocabulary, suites, today, &mut sink);
    sink.settle();
    (out, sink)
}

fn decode(
    source: &SourceFile,
    bytes: &[u8],
    vocabulary: &Vocabulary<'_>,
    suites: &[Suite],
    today: Date,
    sink: &mut Diagnostics,
) -> Vec<KnownIssue> {
    let name = &source.name;
    let mut first = Diagnostics::new();
    let text = yaml::text_of(name, bytes, Limits::default(), &mut first);
    let root = text.and_then(|text| yaml::parse(name, text, Limits::default(), &mut first));
    if source.found && root.as_ref().and_then(schema_of) != Some("known-issues/v1") {
        return Vec::new();
    }
    let before = sink.len();
    first.iter().for_each(|problem| sink.push(problem.clone()));
    let issues = root
        .map(|root| {
            let mut patterns = Patterns::new();
            let mut cx = Context::new(name.clone(), vocabulary, &mut patterns, sink);
            issues(&mut cx, &root, suites, today)
        })
        .unwrap_or_default();
    if sink.len() > before {
        sink.add_source(name, String::from_utf8_lossy(bytes).as_ref());
        return Vec::new();
    }
    issues
}

fn issues(cx: &mut Context<'_>, root: &Node, suites: &[Suite], today: Date) -> Vec<KnownIssue> {
    if !schema(cx, root, "known-issues/v1") {
        return Vec::new();
    }
    let Some(fields) = cx.fields(root, &KNOWN_ISSUES) else { return Vec::new() };
    let Some(items) = fields.get("known-issues").and_then(|node| cx.items(node, "known-issues")) else {
        return Vec::new();
    };
    if items.len() > MOST {
        let problem = cx.problem(codes::TOO_MANY, root.span, format!("the file has more than {MOST} known issues"));
        cx.report(problem);
        return Vec::new();
    }
    let tests = Tests::of(suites);
    let mut known: HashMap<String, muster_base::failure::Location> = HashMap::new();
    let mut out = Vec::new();
    for item in items {
        let Some(issue) = issue(cx, item, suites, &tests, today) else { continue };
        if tests.any(&issue.tests) {
            possible_somewhere(cx, item, &issue, suites);
        }
        let condition = issue.condition.as_ref().map_or(String::new(), Condition::to_string);
        let failure = issue.failure.as_ref().map_or(String::new(), ToString::to_string);
        let key = format!("{}\n{condition}\n{failure}", issue.tests.as_str());
        match known.get(&key) {
            Some(first) => {
                let problem = cx
                    .problem(codes::DUPLICATE_ID, item.span, "there is an entry about the same failure already")
                    .note(format!("first at {first}"));
                cx.report(problem);
            }
            None => {
                known.insert(key, issue.location.clone());
                out.push(issue);
            }
        }
    }
    out
}

fn issue(cx: &mut Context<'_>, node: &Node, suites: &[Suite], all: &Tests<'_>, today: Date) -> Option<KnownIssue> {
    let fields = cx.fields(node, &ISSUE)?;
    let tests = fields.get("tests").and_then(|node| {
        let glob = cx.parsed(node, "tests", |text| {
            let glob = NameGlob::parse(text).map_err(|error| ValueError::Invalid(error.to_string()))?;
            match glob.as_str().contains('/') {
                true => Ok(glob),
                // A suite's name alone would mark every test that is added to it later.
                false => Err(ValueError::Mistaken {
                    message: format!("`{text}` names a suite; a known issue is about tests"),
                    suggestion: format!("{text}/*"),
                }),
            }
        })?;
        Some((glob, node.span))
    });
    let condition = fields.get("where").map(|node| condition(cx, node, "where").ok_or(()));
    let mut line = |name: &str| fields.get(name).and_then(|node| cx.line(node, name)).map(|text| text.text);
    let (tracker, because, owner) = (line("tracker"), line("because"), line("owner"));
    let failure = fields.get("failure").map(|node| {
        // What is wrong with it as a known issue says more than that it always holds.
        let known = matcher::decode::unchecked(cx, node, &AttributeKind::Output, "failure").ok_or(())?;
        let Some(why) = vague(&known, cx.vocabulary) else {
            return matcher::decode::possible(cx, node.span, &AttributeKind::Output, &known, "failure").map(|()| known).ok_or(());
        };
        let problem = cx.problem(codes::VAGUE_FAILURE, node.span, format!("`failure`: {why}"));
        cx.report(problem.help(
            "name the failure id (`contains: port.listening`, as the report has it) or a text that only this failure has",
        ));
        Err(())
    });
    let expires = fields.get("expires").and_then(|node| cx.parsed(node, "expires", |text| expires(text, today)));
    let effect = fields.get("effect").and_then(|node| cx.keyword(node, "effect", &["xfail", "skip"]));
    let effect = if effect == Some("skip") { Effect::Skip } else { Effect::Xfail };
    if let (Effect::Skip, Some((key, _))) = (effect, fields.entry("failure")) {
        let message = "a test that is skipped never fails, so that `failure` says nothing";
        let problem = cx.problem(codes::NO_EFFECT, key.span, message);
        cx.report(problem.help("remove `failure`, or let the test run with `effect: xfail`"));
    }
    let (tests, tests_span) = tests?;
    if !all.any(&tests) {
        unknown_test(cx, &tests, tests_span, suites);
    }
    Some(KnownIssue {
        tests,
        condition: condition.transpose().ok()?,
        tracker: tracker?,
        because: because?,
        failure: failure.transpose().ok()?,
        expires: expires?,
        effect,
        owner: owner.unwrap_or_default(),
        location: cx.location(node.span),
    })
}

/// A day that is not too far ahead. One that is over is no error here: it is for the run to fail.
fn expires(text: &str, today: Date) -> Result<Date, ValueError> {
    let date = value::date(text)?;
    let latest = today.checked_add(jiff::Span::new().days(LONGEST_DAYS)).unwrap_or(Date::MAX);
    if date > latest {
        let message =
            format!("{date} is more than {LONGEST_DAYS} days ahead; a known issue is looked at again by then");
        return Err(ValueError::Mistaken { message, suggestion: latest.to_string() });
    }
    Ok(date)
}

/// All tests by name, so that an entry that names one exactly does not look through all of them.
struct Tests<'s>(HashMap<&'s str, Vec<(&'s str, &'s str)>>, Vec<(&'s str, &'s str)>);

impl<'s> Tests<'s> {
    fn of(suites: &'s [Suite]) -> Self {
        let mut by_suite: HashMap<&str, Vec<(&str, &str)>> = HashMap::new();
        let mut all = Vec::new();
        for suite in suites {
            for test in &suite.tests {
                by_suite.entry(&suite.name).or_default().push((&suite.name, &test.id));
                all.push((suite.name.as_str(), test.id.as_str()));
            }
        }
        Self(by_suite, all)
    }

    fn any(&self, glob: &NameGlob) -> bool {
        let suite = glob.as_str().split_once('/').map_or("", |(suite, _)| suite);
        let none = Vec::new();
        let among = if suite.contains(['*', '?']) { &self.1 } else { self.0.get(suite).unwrap_or(&none) };
        among.iter().any(|(suite, test)| glob.matches(suite, test))
    }
}

/// Reports the tests of an entry that none of the suites has, whatever else is wrong with the entry.
fn unknown_test(cx: &mut Context<'_>, tests: &NameGlob, span: Span, suites: &[Suite]) {
    let mut problem = cx.problem(codes::UNKNOWN_TEST, span, format!("no test matches `{}`", tests.as_str()));
    // Looking for the nearest name takes as long as there are tests.
    let crowded = cx.problems() > 100;
    if let Some(near) = tests.suggestion(suites).filter(|_| !crowded) {
        problem = problem.label(format!("did you mean `{near}`?"));
    }
    cx.report(problem.help("an entry for a test that is gone must go too"));
}

/// Reports an entry that holds on no system on which its tests run.
fn possible_somewhere(cx: &mut Context<'_>, item: &Node, issue: &KnownIssue, suites: &[Suite]) {
    let Some(wanted) = &issue.condition else { return };
    let possible = |suite: &Suite, test: &super::super::model::Test| {
        let around = [&suite.images, &test.when].into_iter().flatten().map(|when| when.condition.clone());
        conditions::never_true(&Condition::And(around.chain([wanted.clone()]).collect())).is_none()
    };
    let about = |suite: &Suite| {
        let about = |test: &&super::super::model::Test| issue.is_about(&suite.name, &test.id);
        suite.tests.iter().filter(about).any(|test| possible(suite, test))
    };
    if !suites.iter().any(about) {
        let span = item.get("where").map_or(item.span, |node| node.span);
        let message = "no test that this is about ever runs where this is true";
        let problem = cx.problem(codes::NEVER_TRUE, span, message);
        cx.report(problem.help("compare it with the `when` of the tests and the `images` of their suites"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::{EXAMPLES, VOCABULARY};
    use super::*;

    fn suites() -> Vec<Suite> {
        let decode =
            |(at, text): (usize, &&str)| crate::decode_source(&format!("{at}.yaml"), text, &VOCABULARY).0.unwrap();
        EXAMPLES.iter().enumerate().map(decode).collect()
    }

    fn today() -> Date {
        "2026-11-22".parse().unwrap()
    }

    #[test]
    fn the_example_of_the_language_page() {
        let text = "schema: known-issues/v1
known-issues:
  - tests: nginx/survives-reboot
    where: distro == fedora-43
    tracker: https://bugzilla.redhat.com/show_bug.cgi?id=1234567
    because: ordering loop with network-online.target
    failure: {contains: connection refused}
    expires: 2027-01-31
    effect: xfail
    owner: web-sig
  - {tests: 'kernel/features[cpu=x86-64-v2,firmware=bios]', tracker: '1', because: x, expires: 2026-12-01, effect: skip}
";
        let (issues, problems) = decode_source("k.yaml", text, &VOCABULARY, &suites(), today());
        assert_eq!(problems.render(false), "");
        let [reboot, cell] = &issues[..] else { panic!("{issues:?}") };
        assert!(reboot.is_about("nginx", "survives-reboot") && !reboot.is_about("nginx", "install"));
        assert_eq!(reboot.condition.as_ref().unwrap().to_string(), "distro == fedora-43");
        assert_eq!(reboot.failure.as_ref().unwrap().to_string(), "contains [connection refused]");
        assert_eq!((reboot.days_left(today()), reboot.effect, reboot.owner.as_str()), (70, Effect::Xfail, "web-sig"));
        assert!(cell.is_about("kernel", "features[cpu=x86-64-v2,firmware=bios]"));
        assert!(!cell.is_about("kernel", "features[cpu=x86-64-v3,firmware=bios]"));
        assert_eq!(cell.effect, Effect::Skip);
    }

    #[test]
    fn bad_entries_say_what_they_always_said() {
        let dir = camino::Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("src/testdata/bad-known-issues");
        let mut files: Vec<_> = dir.read_dir_utf8().unwrap().map(|entry| entry.unwrap().path().to_owned()).collect();
        files.retain(|file| file.extension() == Some("yaml"));
        files.sort();
        assert!(files.len() >= 8, "{} bad files", files.len());
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(&dir);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        let mut all = String::new();
        settings.bind(|| {
            for file in &files {
                let (name, text) = (file.file_name().unwrap(), fs_err::read_to_string(file).unwrap());
                let (issues, problems) = decode_source(name, &text, &VOCABULARY, &suites(), today());
                assert!(issues.is_empty() && !problems.is_empty(), "{name} is accepted");
                all.push_str(&problems.render(false));
                insta::assert_snapshot!(file.file_stem().unwrap(), problems.render(false));
            }
        });
        assert!(all.contains("error[unknown-test]"));
    }

    #[test]
    fn in_a_directory_only_files_of_known_issues_are_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        fs_err::write(path.join("a.yaml"), EXAMPLES[0]).unwrap();
        fs_err::write(path.join("b.yaml"), "a: [").unwrap();
        let load = || load(std::slice::from_ref(&path), &VOCABULARY, &suites(), today());
        let (issues, problems) = load();
        assert!(issues.is_empty() && problems.is_empty());
        let entry = "schema: known-issues/v1\nknown-issues: [{tests: nginx/survives-reboot, tracker: '1', because: x, expires: 2026-12-01}]\n";
        fs_err::write(path.join("c.yaml"), entry).unwrap();
        assert_eq!(load().0.len(), 1);
        fs_err::write(path.join("c.yaml"), entry.replace("nginx/survives-reboot", "nginx/survives-rebot")).unwrap();
        let (issues, problems) = load();
        assert!(issues.is_empty());
        assert!(problems.render(false).contains("did you mean `nginx/survives-reboot`?"), "{}", problems.render(false));
    }
}
