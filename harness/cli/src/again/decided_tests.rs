//! What becomes of results when a file that decides on them is another one.

use super::super::tests::{TWO, again, joined, of_suite, rows};
use super::*;
use muster_base::failure::{self, Location};
use muster_record::deciding::{BOOT_BASELINE, CONSOLE_RULES, KERNEL, KNOWN_ISSUES};
use muster_record::run::{IssueRecord, Ruled};

fn file(role: &str, sha256: &str, file: &str) -> DecidingFile {
    DecidingFile { role: role.into(), sha256: sha256.into(), file: file.into() }
}

/// A run of two tests that passed, with these files.
fn of_files(mode: Mode, files: &[DecidingFile]) -> Again {
    let mut again = of_suite(mode, TWO, &[("s/a", "lab", "pass"), ("s/b", "lab", "pass"), ("s/b", "other", "pass")]);
    again.record.files = files.to_vec();
    again
}

fn with_files(again: Again, files: &[DecidingFile]) -> Result<Again, CliError> {
    again.with_files(files, &["lab".to_owned()])
}

#[test]
fn files_differ_by_what_they_contain_and_one_sentence_says_how() {
    let between = |then: &[DecidingFile], now: &[DecidingFile]| OtherFiles::between(then, now).map(|other| other.what);
    let one = file(KNOWN_ISSUES, "01", "/a/known.yaml");
    assert_eq!(between(std::slice::from_ref(&one), &[file(KNOWN_ISSUES, "01", "/b/known.yaml")]), None);
    let changed = between(std::slice::from_ref(&one), &[file(KNOWN_ISSUES, "02", "/b/known.yaml")]).unwrap();
    assert_eq!(changed, "/b/known.yaml (known-issues) has changed since");
    assert_eq!(
        between(std::slice::from_ref(&one), &[]).unwrap(),
        "/a/known.yaml (known-issues) is not there any more and was in"
    );
    assert_eq!(between(&[], &[one]).unwrap(), "/a/known.yaml (known-issues) was not there in");
    let foreign = between(&[], &[file("a\x1b[2J", "01", "b\nc")]).unwrap();
    assert!(!foreign.contains(['\x1b', '\n']), "{foreign:?}");
    // An image that is not named this time.
    let [mine, theirs] = ["01", "02"].map(|sha256| file(IMAGE_DESCRIPTION, sha256, "images.yaml"));
    assert_eq!(between(&[mine.clone(), theirs.clone()], std::slice::from_ref(&mine)), None);
    assert!(between(&[mine], &[theirs]).unwrap().ends_with("has changed since"));
}

#[test]
fn a_run_that_goes_on_as_it_began_is_refused_other_files() {
    let then = [file(CONSOLE_RULES, "01", "rules.yaml")];
    for mode in [Mode::Resume, Mode::Attempt] {
        assert!(with_files(of_files(mode, &then), &then).is_ok());
        for now in [vec![], vec![file(CONSOLE_RULES, "02", "rules.yaml")], vec![file(KERNEL, "01", "rules.yaml")]] {
            let error = with_files(of_files(mode, &then), &now).unwrap_err();
            assert!(error.what.contains("rules.yaml") && error.what.contains("the run r"), "{}", error.what);
            assert!(error.hint.unwrap().contains("the file of that run"));
        }
        let elsewhere = of_files(mode, &then).with_files(&[], &["third".to_owned()]).unwrap_err();
        assert!(elsewhere.what.contains("was not about third"), "{}", elsewhere.what);
    }
}

#[test]
fn of_a_rerun_all_runs_again_that_another_file_decides_on_and_the_rest_has_no_result() {
    let then = [file(KNOWN_ISSUES, "01", "known.yaml")];
    let now = [file(KNOWN_ISSUES, "02", "known.yaml")];
    let same = with_files(of_files(Mode::Rerun, &then), &then).unwrap();
    let (_, kept, _) = joined(&same, TWO, &[0], &["lab"]);
    assert_eq!(rows(&kept), ["s/a lab pass", "s/b lab pass", "s/b other pass"]);
    for now in [now.to_vec(), [&then[..], &[file(BOOT_BASELINE, "03", "b.json")]].concat()] {
        let other = with_files(of_files(Mode::Rerun, &then), &now).unwrap();
        // Also what an option leaves out.
        let (wanted, kept, rerun) = joined(&other, TWO, &[0], &["lab"]);
        assert_eq!((wanted.tests["lab"].len(), wanted.counts.decided, rerun.earlier.len()), (2, 2, 2));
        assert_eq!(rows(&kept), ["s/b other not-run"]);
        let why = kept.tests[0].skipped.clone().unwrap();
        assert_eq!(why.id, failure::NOT_RUN_FILES);
        assert!(why.message.ends_with("the run r, in which the test ended as pass"), "{}", why.message);
        let said = other.notice(&wanted, 2, &["lab".into()], false, &kept).unwrap();
        assert!(said.contains("2 on which another file decides than then ("), "{said}");
        assert!(said.ends_with("1 is with another file that decides on results, and not run here"), "{said}");
        // Nothing of it can run: the earlier verdict is not that of this run.
        assert!(other.can_be_kept().unwrap_err().what.contains("whose results would be kept"));
    }
}

#[test]
fn without_its_known_issues_only_what_they_were_about_runs_again() {
    let mut before = of_files(Mode::Rerun, &[file(KNOWN_ISSUES, "01", "known.yaml")]);
    before.record.tests[0].issue = Some(IssueRecord {
        ruled: Ruled::Known,
        tracker: "1".into(),
        because: "x".into(),
        expires: "2027-01-01".into(),
        owner: String::new(),
        location: Location { file: "known.yaml".into(), line: 3, column: 1 },
        note: String::new(),
    });
    let (wanted, kept, _) = joined(&with_files(before.clone(), &[]).unwrap(), TWO, &[1], &["lab"]);
    assert_eq!((wanted.tests["lab"].len(), wanted.counts.decided), (1, 1));
    assert_eq!(rows(&kept), ["s/b lab pass", "s/b other pass"]);
    before.record.files.push(file(CONSOLE_RULES, "01", "rules.yaml"));
    let (wanted, ..) = joined(&with_files(before, &[]).unwrap(), TWO, &[1], &["lab"]);
    assert_eq!(wanted.counts.decided, 2);
}

#[test]
fn where_nothing_is_kept_another_file_changes_nothing() {
    let mut failed = again(Mode::Failed, &[("s/a", "lab", "fail"), ("s/b", "lab", "pass")]);
    failed.record.files = vec![file(KNOWN_ISSUES, "01", "known.yaml")];
    let failed = with_files(failed, &[]).unwrap();
    assert!(failed.can_be_kept().is_ok());
    let (wanted, kept, _) = joined(&failed, TWO, &[0, 1], &["lab"]);
    assert_eq!((wanted.tests["lab"].len(), wanted.counts.decided, kept.tests.len()), (1, 0, 0));
}

#[test]
fn the_record_has_the_description_of_an_image_whose_results_are_kept() {
    let [mine, theirs] = ["01", "02"].map(|sha256| file(IMAGE_DESCRIPTION, sha256, "images.yaml"));
    let both = with_files(of_files(Mode::Rerun, &[mine.clone(), theirs.clone()]), std::slice::from_ref(&mine)).unwrap();
    let (_, kept, _) = joined(&both, TWO, &[0], &["lab"]);
    assert_eq!(both.descriptions_of(&kept, std::slice::from_ref(&mine)), [theirs]);
    assert_eq!(both.descriptions_of(&KeptResults::default(), &[mine]), []);
}
