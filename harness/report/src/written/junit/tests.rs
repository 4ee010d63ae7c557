//! What readers of JUnit find in the file.

use super::strict::strict;
use super::*;
use muster_record::fold::Recorder;
use muster_record::sample;

/// Read back by quick-junit, which wants a zone in time stamps.
fn parsed(xml: &str) -> Report {
    let zoned = regex::Regex::new(r#"timestamp="([^"]*)""#).unwrap().replace_all(xml, r#"timestamp="${1}Z""#);
    Report::deserialize_from_str(&zoned).expect("well-formed, and JUnit")
}

fn case<'a>(report: &'a Report, suite: &str, name: &str) -> &'a TestCase {
    let suite = report.test_suites.iter().find(|s| s.name.as_str() == suite).expect("the suite is there");
    suite.test_cases.iter().find(|case| case.name.as_str() == name).expect("the case is there")
}

#[test]
fn the_sample_run_as_text() {
    let record = Recorder::fold(&sample::events());
    insta::assert_snapshot!(render(&record, None).unwrap());
}

#[test]
fn a_hostile_guest_adds_no_case_and_hides_none() {
    let mut record = Recorder::fold(&sample::events());
    sample::make_hostile(&mut record);
    for failure in record.tests.iter_mut().flat_map(|test| test.failures.iter_mut().chain(&mut test.skipped)) {
        failure.id = muster_base::failure::FailureId::of_check(sample::HOSTILE, sample::HOSTILE);
    }
    let facts = record.images.get_mut("lab").unwrap().facts.as_mut().unwrap();
    facts.kernel = sample::HOSTILE.into();
    facts.os_release.insert("ID".into(), sample::HOSTILE.into());
    let xml = render(&record, None).unwrap();
    let report = parsed(&xml);
    let cases: Vec<_> = report.test_suites.iter().flat_map(|suite| &suite.test_cases).collect();
    assert_eq!(cases.len(), sample::TESTS);
    assert!(cases.iter().all(|case| case.name.as_str() != "forged"));
    assert_eq!((report.tests, report.failures, report.errors, report.skipped), (11, 2, 2, 5));
    let allowed = |c: char| c == '\n' || (c >= ' ' && !matches!(c, '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}'));
    assert!(xml.chars().all(allowed), "only characters that XML 1.0 allows and terminals ignore");
    assert!(xml.contains("\\x1b[2J"), "escapes are visible, not dropped");
    assert!(!xml.contains("<!--") && !xml.contains("CDATA"));
}

#[test]
fn counters_are_those_of_the_cases_and_names_are_unique() {
    let report = parsed(&render(&Recorder::fold(&sample::events()), None).unwrap());
    let mut names = std::collections::BTreeSet::new();
    for suite in &report.test_suites {
        let count =
            |wanted: fn(&TestCaseStatus) -> bool| suite.test_cases.iter().filter(|case| wanted(&case.status)).count();
        assert_eq!(suite.tests, suite.test_cases.len());
        assert_eq!(suite.skipped, count(|s| matches!(s, TestCaseStatus::Skipped { .. })));
        let of = |kind: fn(&NonSuccessKind) -> bool| {
            let is = |s: &&TestCase| matches!(&s.status, TestCaseStatus::NonSuccess { kind: k, .. } if kind(k));
            suite.test_cases.iter().filter(is).count()
        };
        assert_eq!(suite.failures, of(|kind| *kind == NonSuccessKind::Failure));
        assert_eq!(suite.errors, of(|kind| *kind == NonSuccessKind::Error));
        for case in &suite.test_cases {
            assert!(names.insert((case.classname.clone(), case.name.clone())), "{case:?} is there twice");
        }
    }
    assert_eq!(report.test_suites.len(), 4);
    let counts = |name: &str| {
        let suite = report.test_suites.iter().find(|suite| suite.name.as_str() == name).unwrap();
        (suite.tests, suite.errors, suite.skipped)
    };
    assert_eq!((counts("base[lab-immutable]"), counts("machine[lab-immutable]")), ((2, 0, 2), (1, 1, 0)));
}

#[test]
fn two_suites_whose_names_differ_in_a_dot_stay_two() {
    let mut record = Recorder::fold(&sample::events());
    let test = |suite: &str, outcome| sample::test(suite, "t", outcome);
    record.tests = vec![test("a_b", Outcome::Pass), test("a.b", Outcome::Fail)];
    record.findings.clear();
    let report = parsed(&render(&record, None).unwrap());
    let classes: Vec<_> = report.test_suites.iter().map(|s| s.test_cases[0].classname.as_deref().unwrap()).collect();
    assert_eq!(classes, ["a_b.lab", "a_b.lab~2"]);
}

#[test]
fn all_failures_of_a_test_are_in_one_element() {
    let report = parsed(&render(&Recorder::fold(&sample::events()), None).unwrap());
    let TestCaseStatus::NonSuccess { message, ty, description, .. } =
        &case(&report, "base[lab]", "nginx-version").status
    else {
        panic!("it failed");
    };
    assert_eq!(ty.as_deref(), Some("package.version"));
    assert_eq!(message.as_deref(), Some("package nginx: version is not as expected"));
    let body = description.as_deref().unwrap();
    assert_eq!(
        body,
        "package nginx: version is not as expected\n suites/base.yaml:21:9\n\
             expected  version >= 1:1.26\nactual    1:1.20-3\nrpm -q nginx\nnginx-1.20-3.x86_64\n\n\
             snapshot sysctl changed\n suites/base.yaml:25:5\n\
             -net.ipv4.ip_forward = 0\n+net.ipv4.ip_forward = 1\n\n\
             run it again: muster run suites/base.yaml --image lab --test base/nginx-version"
    );
}

#[test]
fn a_run_that_is_no_pass_is_never_a_green_file() {
    let mut record = Recorder::fold(&sample::events());
    record.tests.retain(|test| test.outcome == Outcome::Pass);
    for (exit_code, findings, expected) in [(0, true, 1), (1, true, 1), (4, false, 1), (0, false, 0)] {
        record.exit_code = Some(exit_code);
        if !findings {
            record.findings.clear();
        }
        let report = parsed(&render(&record, None).unwrap());
        assert_eq!(report.errors, expected, "exit code {exit_code}, findings {findings}");
    }
    record.interrupted = true;
    let xml = render(&record, None).unwrap();
    assert!(xml.contains(r#"<error message="the run was interrupted" type="run.interrupted">"#), "{xml}");
    assert_eq!(parsed(&render(&RunRecord::default(), None).unwrap()).errors, 1, "an empty record is no pass");
}

#[test]
fn evidence_of_failures_is_attached_by_paths_that_readers_resolve() {
    let temporary = tempfile::tempdir().unwrap();
    let runs = camino::Utf8PathBuf::from_path_buf(temporary.path().to_owned()).unwrap();
    let dir = RunDir::create(&runs.join("r")).unwrap();
    std::fs::create_dir_all(dir.machine("m1")).unwrap();
    std::fs::write(dir.machine("m1").join("console.log"), sample::HOSTILE).unwrap();
    let record = Recorder::fold(&sample::events());
    let base = Base::of(dir.root(), Some(&runs)).unwrap();
    let report = parsed(&render(&record, Some((&dir, &base))).unwrap());
    let out = case(&report, "base[lab]", "nginx-version").system_out.as_deref().unwrap();
    assert!(out.starts_with("[[ATTACHMENT|r/machines/m1/console.log]]\nthe end of the console:\n"), "{out}");
    let named = out.lines().next().unwrap().strip_prefix("[[ATTACHMENT|").and_then(|rest| rest.strip_suffix("]]"));
    assert!(runs.join(named.unwrap()).is_file(), "as Jenkins and GitLab look for it");
    assert_eq!(out.matches("[[ATTACHMENT|").count(), 1, "the guest cannot attach files");
    let out = case(&report, "base[lab]", "hostile").system_out.as_deref().unwrap();
    assert_eq!(out.trim_end(), "[[ATTACHMENT|r/machines/m1/console.log]]");
    let passed = case(&report, "base[lab]", "nginx-serves").system_out.as_deref().unwrap();
    assert!(!passed.contains("console.log") && !passed.contains("[[ATTACHMENT|"), "{passed}");
}

#[test]
fn a_pass_shows_what_was_expected_and_found_and_leaves_room_for_failures() {
    let mut record = Recorder::fold(&sample::events());
    let report = parsed(&render(&record, None).unwrap());
    let passed = case(&report, "base[lab]", "nginx-serves").system_out.as_deref().unwrap();
    let lines: Vec<&str> = passed.lines().collect();
    assert_eq!(lines[0], "package nginx: version >= 1:1.26, found 1:1.28-3.azl4");
    assert!(lines[1].starts_with("command curl -s localhost: stdout is not empty, found ]]></failure>"), "{passed}");
    assert_eq!(lines[2..], ["and 1 more that was met"]);
    assert_eq!(case(&report, "base[lab]", "nginx-version").system_out, None, "a failure shows what it misses");

    let met = muster_record::met::MetRecord::new("a", "b", &"<&>".repeat(60));
    record.tests[0].met = vec![met; 100];
    record.tests = (0..200).map(|n| TestRecord { test: format!("t{n}"), ..record.tests[0].clone() }).collect();
    let xml = render(&record, None).unwrap();
    assert!(xml.len() < MET_LIMIT + 200 * 4096, "{} bytes", xml.len());
    assert!(xml.contains("bytes left out]"));
}

#[test]
fn the_strict_one_has_the_same_cases_and_nothing_that_a_schema_refuses() {
    let record = Recorder::fold(&sample::events());
    let (strict, full) = (strict(report(&record, None)).unwrap(), render(&record, None).unwrap());
    let cases = |xml: &str| -> Vec<String> {
        let report = parsed(xml);
        let cases = report.test_suites.iter().flat_map(|suite| &suite.test_cases);
        let time = regex::Regex::new(r"time: Some\([^)]*\)").unwrap();
        let whole = cases.map(|case| format!("{:?} {:?} {:?}", case.classname, case.name, case.status));
        whole.map(|case| time.replace_all(&case, "time: None").into_owned()).collect()
    };
    assert!(cases(&strict) == cases(&full), "but for the times of earlier attempts");
    let tags = regex::Regex::new(r"<(testsuites|testcase) ([^>]*)>").unwrap();
    let attribute = regex::Regex::new(r#"([\w-]+)="[^"]*""#).unwrap();
    for tag in tags.captures_iter(&strict) {
        let allowed: &[&str] = match &tag[1] {
            "testsuites" => &["name", "time", "tests", "failures", "errors"],
            _ => &["name", "time", "classname"],
        };
        assert!(attribute.captures_iter(&tag[2]).all(|found| allowed.contains(&&found[1])), "{}", &tag[0]);
    }
    assert!(full.contains("assertions=") && full.contains(" skipped=\"5\""), "the other has them");
}

#[test]
fn a_file_stays_within_what_readers_take() {
    let mut record = Recorder::fold(&sample::events());
    let mut large = record.tests[1].clone();
    large.failures[0].detail = Some("<&>".repeat(5_000));
    record.tests = (0..400).map(|n| TestRecord { test: format!("t{n}"), ..large.clone() }).collect();
    record.findings.clear();
    let limit = 1 << 20;
    let (budget, met) = (Budget::new(limit, cost), Budget::new(limit, cost));
    let mut writer = Writer { record: &record, evidences: None, budget, met, taken: HashSet::new() };
    let xml = writer.report().to_string().unwrap();
    let least = 400 * (512 + 2048);
    assert!(xml.len() < limit + least, "{} bytes", xml.len());
    assert_eq!(xml.matches("<testcase ").count(), 400);
    assert!(xml.contains("bytes left out]"));
    assert_eq!(xml.matches("run it again: ").count(), 400, "what is cut still says how to run it again");
}
