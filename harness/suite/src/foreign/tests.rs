//! What lists become, and what is said about bad ones. Bad files are in `testdata/bad-foreign-checks`,
//! each with the rendered diagnostics next to it.

use camino::{Utf8Path, Utf8PathBuf};

use super::super::testing::{EXAMPLES, VOCABULARY};
use super::*;
use crate::model::Suite;

/// What the bad files are held against, too.
const SUITE: &str = "schema: suite/v1
suite: s
tests:
- {id: login, covers: [lisa/verify_login], expect: {kernel: {taint: 0}}}
- {id: each, for-each: {n: [a, b]}, covers: [lisa/verify_each, moby/check, CIS 1.2], steps: [run: 'echo ${n}']}
";

const LIST: &str = "schema: foreign-checks/v1
tool: lisa
summary: a tool
source: https://example.org/lisa
checks:
- {id: verify_login, what: that a login works, link: https://example.org/login, partly: logins by serial console}
- {id: verify_each, what: each}
- {id: verify_disk, what: disks, gap: nobody wrote it}
- {id: verify_log, what: the log, by: the console rules}
- {id: area/verify_cloud, what: the cloud, outside: it is about a cloud}
";

fn suites(text: &str) -> Vec<Suite> {
    let (suite, problems) = super::super::decode_source("s.yaml", text, &VOCABULARY);
    assert_eq!(problems.render(false), "", "{text}");
    vec![suite.expect("a suite")]
}

fn decoded(list: &str, suite: &str) -> (Vec<List>, String) {
    let (lists, problems) = decode_source("l.yaml", list, &VOCABULARY, &suites(suite));
    (lists, problems.render(false))
}

#[test]
fn a_list_has_what_was_written_and_who_covers_it() {
    let (lists, problems) = decoded(LIST, SUITE);
    assert_eq!(problems, "");
    let [list] = &lists[..] else { panic!("{lists:?}") };
    assert_eq!((list.tool.as_str(), list.source.as_str()), ("lisa", "https://example.org/lisa"));
    let standings: Vec<_> = list.checks.iter().map(Check::standing).collect();
    use Standing::*;
    assert_eq!(standings, [Partly, Covered, Gap, ByOtherMeans, Outside]);
    assert_eq!(list.checks[0].link.as_deref(), Some("https://example.org/login"));
    assert_eq!(
        (list.checks[0].tests.as_slice(), list.checks[0].note()),
        (&["s/login".to_owned()][..], "logins by serial console")
    );
    assert_eq!(list.checks[1].tests, ["s/each"], "a test that is repeated is one test");
    assert_eq!(list.checks[2].note(), "nobody wrote it");
    assert_eq!(list.checks[0].location.to_string(), "l.yaml:6:3");
}

#[test]
fn what_covers_nothing_that_exists_is_refused() {
    let with = |entry: &str| SUITE.replace("CIS 1.2", entry);
    for (entry, parts) in [
        (
            "lisa/verify_logn",
            &["the list of `lisa` has no check `verify_logn`", "did you mean `lisa/verify_login`?"][..],
        ),
        ("lisa/nothing-like-it", &["the list of `lisa` has no check `nothing-like-it`", "muster coverage --tool lisa"]),
        ("lisa verify_login", &["`lisa verify_login` is in no list", "did you mean `lisa/verify_login`?"]),
        ("lisa", &["the list of `lisa` has no check ``"]),
        ("lsia/verify_disk", &["`lsia/verify_disk` is in no list", "did you mean `lisa/verify_disk`?"]),
    ] {
        let (_, problems) = decoded(LIST, &with(entry));
        assert!(problems.starts_with("error[unknown-cover]"), "{entry}: {problems}");
        assert!(problems.contains("s.yaml:5:"), "{entry}: {problems}");
        for part in parts {
            assert!(problems.contains(part), "{entry}: {part} is missing in {problems}");
        }
        assert!(problems.ends_with("1 error in 1 file\n"), "{entry}: {problems}");
    }
    // Tools without a list say what they like.
    for entry in ["kubernetes/system-validators KernelValidator", "CIS 1.3", "other"] {
        assert_eq!(decoded(LIST, &with(entry)).1, "", "{entry}");
    }
}

#[test]
fn a_place_in_a_suite_is_shown_with_its_line() {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    fs_err::create_dir(path.join("coverage")).unwrap();
    fs_err::write(path.join("s.yaml"), SUITE.replace("verify_login", "verify_lgin")).unwrap();
    let list = LIST.replace(", partly: logins by serial console", ", gap: not yet");
    fs_err::write(path.join("coverage/lisa.yaml"), list).unwrap();
    let (suites, problems) = super::super::load(std::slice::from_ref(&path), &VOCABULARY);
    assert_eq!(problems.render(false), "", "lists lie in a directory of their own and do not disturb");
    let (_, problems) = load(&[path.join("coverage")], &VOCABULARY, &suites);
    let text = problems.render(false);
    assert!(text.contains("\n4 | - {id: login, covers: [lisa/verify_lgin]"), "{text}");
}

#[test]
fn every_check_has_a_test_or_a_reason_and_not_both() {
    for (from, to, code, part) in [
        (", gap: nobody wrote it", "", "missing-key", "no test covers `verify_disk`, and nothing says why"),
        (
            "gap: nobody wrote it",
            "partly: x",
            "stale-coverage",
            "`verify_disk` is listed as covered in part, and no test",
        ),
        ("what: each", "what: each, outside: x", "stale-coverage", "and `s/each` covers it"),
        ("partly: logins", "by: logins", "stale-coverage", "and `s/login` covers it"),
        ("gap: nobody wrote it", "gap: x, by: y", "contradiction", "keep one of gap, by, outside and partly"),
        ("partly: logins", "partly: x, gap: y, by: logins", "contradiction", "keep one of"),
    ] {
        assert!(LIST.contains(from), "{from}");
        let (_, problems) = decoded(&LIST.replace(from, to), SUITE);
        assert!(problems.starts_with(&format!("error[{code}]")) && problems.contains(part), "{to}: {problems}");
        assert!(problems.ends_with("1 error in 1 file\n"), "{to}: {problems}");
    }
}

#[test]
fn in_a_directory_only_lists_are_read_and_each_tool_has_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    fs_err::write(path.join("a.yaml"), EXAMPLES[0]).unwrap();
    fs_err::write(path.join("b.yaml"), LIST).unwrap();
    let load = || load(std::slice::from_ref(&path), &VOCABULARY, &suites(SUITE));
    let (lists, problems) = load();
    assert_eq!((lists.len(), problems.render(false).as_str()), (1, ""));
    fs_err::write(path.join("c.yaml"), LIST).unwrap();
    let text = load().1.render(false);
    assert!(text.contains("error[duplicate-id]: there is a list of `lisa` already"), "{text}");
}

#[test]
fn bad_lists_say_what_they_always_said() {
    let dir = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("src/testdata/bad-foreign-checks");
    let mut files: Vec<_> = dir.read_dir_utf8().unwrap().map(|entry| entry.unwrap().path().to_owned()).collect();
    files.retain(|file| file.extension() == Some("yaml"));
    files.sort();
    assert!(files.len() >= 6, "{} bad files", files.len());
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(&dir);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for file in &files {
            let (name, text) = (file.file_name().unwrap(), fs_err::read_to_string(file).unwrap());
            let (_, problems) = decode_source(name, &text, &VOCABULARY, &suites(SUITE));
            assert!(!problems.is_empty(), "{name} is accepted");
            insta::assert_snapshot!(file.file_stem().unwrap(), problems.render(false));
        }
    });
}
