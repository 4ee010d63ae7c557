//! A run that goes on with an earlier one: what runs, what is kept, what is said, and how it ends. The machine is this one,
//! through an SSH server that the test starts.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use muster_guest::loopback::Sshd;
use muster_record::outcome::Outcome;
use muster_record::run::{RunRecord, TestRecord};

use crate::support::{Finished, Place, connection, digest, finish, names};

const SUITE: &str = r#"
schema: suite/v1
suite: up
tests:
  - id: good
    tags: [early]
    expect: {file: {/etc/passwd: {type: file}}}
  - id: bad
    expect: {file: {MARK: {type: file}}}
  - id: after
    needs: [bad]
    expect: {file: {/etc/passwd: {type: file}}}
  - id: last
    expect: {file: {/etc/passwd: {type: file}}}
"#;

const OTHER: &str = r#"
schema: suite/v1
suite: other
tests:
  - id: new
    expect: {file: {/etc/passwd: {type: file}}}
"#;

/// A server, suites in a directory of their own, and a file on which one test depends.
struct Scene {
    sshd: Sshd,
    first: Place,
    mark: PathBuf,
}

impl Scene {
    fn new() -> Self {
        let (sshd, first) = (Sshd::start().unwrap(), Place::new());
        let mark = first.path("mark");
        std::fs::create_dir(first.path("suites")).unwrap();
        first.write("suites/up.yaml", &SUITE.replace("MARK", mark.to_str().unwrap()));
        Self { sshd, first, mark }
    }

    /// A whole command line, the run in this place.
    fn whole(&self, place: &Place, more: &[&str]) -> Finished {
        let suites = self.first.path("suites");
        let connection = connection(&self.sshd);
        let words = ["run", "--suites", suites.to_str().unwrap()];
        let words = words.into_iter().chain(connection.iter().map(String::as_str));
        run(place, &words.chain(more.iter().copied()).collect::<Vec<_>>())
    }

    /// The first run, in which `up/bad` fails.
    fn start(&self) -> RunRecord {
        self.whole(&self.first, &[]).assert_status(1);
        self.first.record()
    }

    fn earlier(&self) -> String {
        self.first.path("run").to_str().unwrap().to_owned()
    }
}

fn run(place: &Place, words: &[&str]) -> Finished {
    let child = place.command(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    finish(child, Duration::from_secs(60))
}

fn test(record: &RunRecord, name: &str) -> TestRecord {
    let found = record.tests.iter().find(|test| test.name() == name);
    found.unwrap_or_else(|| panic!("{name}: {:?}", names(record))).clone()
}

fn notice<'r>(record: &'r RunRecord, start: &str) -> &'r str {
    let found = record.notices.iter().find(|text| text.starts_with(start));
    found.unwrap_or_else(|| panic!("{start}: {:?}", record.notices))
}

#[test]
fn what_did_not_pass_runs_again_with_the_same_options_until_nothing_is_outstanding() {
    let scene = Scene::new();
    let first = scene.start();
    assert_eq!(test(&first, "up/after").outcome, Outcome::Skip, "it waits for what it needs");
    std::fs::write(&scene.mark, "").unwrap();
    let second = Place::new();
    let ended = run(&second, &["run", "--rerun", &scene.earlier()]);
    ended.assert_status(0);
    let record = second.record();
    assert_eq!(record.tests.len(), first.tests.len());
    let taken = notice(&record, &format!("taken from {}: ", first.id));
    assert!(taken.contains("--suites=") && taken.contains("--connect=") && !taken.contains("--out"), "{taken}");
    let what = notice(&record, "run again: 2 tests that failed, errored or did not run in ");
    assert!(what.ends_with("; 2 results of it are kept"), "{what}");

    // It refers to the earlier run, and no failure of that is gone.
    let [earlier] = record.earlier.as_slice() else { panic!("{:?}", record.earlier) };
    let file = scene.first.path("run").join("run.json");
    assert_eq!((&earlier.id, earlier.file.as_str(), &earlier.sha256), (&first.id, "run.json", &digest(&file)));
    let bad = second.test("up/bad");
    assert_eq!((bad.outcome, bad.kept_from.as_deref()), (Outcome::Pass, None));
    let [before] = bad.earlier.as_slice() else { panic!("{:?}", bad.earlier) };
    assert_eq!((&before.run, before.outcome), (&first.id, Outcome::Fail));
    assert_eq!(before.failure.as_ref().unwrap().id, test(&first, "up/bad").failures[0].id);
    assert_eq!(second.test("up/after").outcome, Outcome::Pass);
    let good = second.test("up/good");
    assert_eq!((good.kept_from.as_ref(), good.started), (Some(&first.id), test(&first, "up/good").started));
    let said = format!("passed now, and did not in an earlier run: 1 test: up/bad [remote] (fail in {})", first.id);
    assert!(record.notices.contains(&said) && record.notices.contains(&"nothing is outstanding".to_owned()));
    let line = format!("; fail in {}\n", first.id);
    assert!(ended.stdout.lines().any(|l| l.starts_with("PASS up/bad [remote]")) && ended.stdout.contains(&line));
    assert!(ended.stdout.contains(&format!("\n3 of them ran now; 2 are kept from {}\n", first.id)), "{}", ended.stdout);
    let junit = std::fs::read_to_string(second.path("run/junit.xml")).unwrap();
    assert!(junit.contains("<flakyFailure ") && junit.contains(&format!("in {}: file ", first.id)), "{junit}");
    assert!(junit.contains(&format!("name=\"kept-from\" value=\"{}\"", first.id)), "{junit}");
    let page = std::fs::read_to_string(second.path("run/report.html")).unwrap();
    assert!(page.contains(&said.replace('>', "&gt;")), "the page says it without script");

    // Nothing is left, so that nothing is started.
    let third = Place::new();
    let ended = run(&third, &["run", "--rerun", second.path("run").to_str().unwrap()]);
    ended.assert_status(0);
    assert!(ended.stdout.contains("nothing is run: nothing is outstanding"), "{}", ended.stdout);
    assert!(!third.path("run").exists());
}

#[test]
fn what_still_fails_is_no_pass_and_each_earlier_outcome_is_kept() {
    let scene = Scene::new();
    let first = scene.start();
    let second = Place::new();
    let ended = run(&second, &["run", "--rerun", &scene.earlier()]);
    ended.assert_status(1);
    let outstanding =
        "outstanding: 2 of 5 tests (1 failed, 1 waiting for what they need): up/bad [remote], up/after [remote]";
    assert!(second.record().notices.contains(&outstanding.to_owned()), "{:?}", second.record().notices);
    let third = Place::new();
    // An option that leaves out what is outstanding makes nothing green.
    let ended = run(&third, &["run", "--rerun", second.path("run").to_str().unwrap(), "--test", "up/good"]);
    ended.assert_status(1);
    assert!(ended.stdout.contains(&format!("nothing is run: {outstanding}")), "{}", ended.stdout);
    std::fs::write(&scene.mark, "").unwrap();
    run(&third, &["run", "--rerun", second.path("run").to_str().unwrap()]).assert_status(0);
    let record = third.record();
    let runs: Vec<&str> = record.earlier.iter().map(|run| run.id.as_str()).collect();
    assert_eq!(runs, [first.id.as_str(), second.record().id.as_str()]);
    let outcomes: Vec<Outcome> = third.test("up/bad").earlier.iter().map(|before| before.outcome).collect();
    assert_eq!(outcomes, [Outcome::Fail, Outcome::Fail]);
    assert_eq!(third.test("up/good").kept_from.as_ref(), Some(&first.id), "the run that found it");
}

#[test]
fn a_run_that_crashed_is_gone_on_with_and_nothing_that_ended_runs_again() {
    let scene = Scene::new();
    scene.start();
    // As far as the end of `up/after`, which was skipped for `up/bad`.
    let crashed = scene.first.path("crashed");
    std::fs::create_dir(&crashed).unwrap();
    let events = std::fs::read_to_string(scene.first.path("run/events.jsonl")).unwrap();
    let is_after = |line: &str| line.contains("\"test-finished\"") && line.contains("\"test\":\"after\"");
    let end = events.lines().position(is_after).expect("it ended") + 1;
    let cut: String = events.lines().take(end).map(|line| format!("{line}\n")).collect();
    std::fs::write(crashed.join("events.jsonl"), cut + "{\"event\":\"test-fin").unwrap();
    std::fs::write(&scene.mark, "").unwrap();

    let resumed = Place::new();
    let ended = run(&resumed, &["run", "--resume", crashed.to_str().unwrap()]);
    // It failed, and that is a result.
    ended.assert_status(1);
    assert!(ended.stderr.contains("the last line of events.jsonl"), "{}", ended.stderr);
    let record = resumed.record();
    assert_eq!(record.earlier[0].file, "events.jsonl");
    assert_eq!(record.earlier[0].sha256, digest(&crashed.join("events.jsonl")));
    let bad = resumed.test("up/bad");
    assert_eq!((bad.outcome, bad.kept_from.as_ref()), (Outcome::Fail, Some(&record.earlier[0].id)));
    assert!(ended.stdout.contains("FAIL up/bad [remote], kept from "), "{}", ended.stdout);
    for name in ["up/last", "machine/health"] {
        let test = resumed.test(name);
        assert_eq!((test.outcome, test.kept_from), (Outcome::Pass, None), "{name}");
    }
    // What was meant is another command; and an option that is typed again says what it does not do.
    let meant = resumed.run(&["resume", crashed.to_str().unwrap()], Duration::from_secs(60));
    meant.assert_status(2);
    assert!(meant.stderr.contains("is a run and not a capsule"), "{}", meant.stderr);
    let said = format!("goes on with `muster run --resume {}`", crashed.display());
    assert!(meant.stderr.contains(&said) && !meant.stderr.contains("os error"), "{}", meant.stderr);
    let typed = Place::new();
    run(&typed, &["run", "--resume", crashed.to_str().unwrap(), "--fail-fast"]).assert_status(1);
    let note = "; --fail-fast is typed here, and results that are kept may have been found without it: \
                to run all tests with it, leave out --resume";
    assert!(typed.record().notices.iter().any(|notice| notice.ends_with(note)), "{:?}", typed.record().notices);
    let again = Place::new();
    let ended = run(&again, &["run", "--resume", resumed.path("run").to_str().unwrap()]);
    ended.assert_status(1);
    assert!(ended.stdout.contains("nothing is run: outstanding: "), "{}", ended.stdout);

    let rerun = Place::new();
    run(&rerun, &["run", "--rerun", crashed.to_str().unwrap()]).assert_status(0);
    assert_eq!(rerun.test("up/bad").outcome, Outcome::Pass);
}

#[test]
fn new_tests_and_those_of_a_suite_that_has_changed_run_and_are_said() {
    let scene = Scene::new();
    std::fs::write(&scene.mark, "").unwrap();
    scene.whole(&scene.first, &[]).assert_status(0);
    scene.first.write("suites/other.yaml", OTHER);
    let second = Place::new();
    run(&second, &["run", "--rerun", &scene.earlier()]).assert_status(0);
    assert_eq!(notice(&second.record(), "run again: "), "run again: 1 that it did not have; 4 results of it are kept");
    assert_eq!(second.test("other/new").outcome, Outcome::Pass);
    // What an earlier version of a suite found is no result of this one.
    let changed = SUITE
        .replace("MARK", scene.mark.to_str().unwrap())
        .replace("/etc/passwd: {type: file}", "/nowhere: {type: file}");
    scene.first.write("suites/up.yaml", &changed);
    let third = Place::new();
    run(&third, &["run", "--rerun", second.path("run").to_str().unwrap()]).assert_status(1);
    let what = notice(&third.record(), "run again: ").to_owned();
    assert!(
        what.contains("4 of suites that have changed since (up)") && what.ends_with("1 result of it is kept"),
        "{what}"
    );
}

#[test]
fn no_option_keeps_a_result_of_another_version_of_a_suite() {
    let scene = Scene::new();
    let first = scene.start();
    std::fs::write(&scene.mark, "").unwrap();
    let file = scene.first.path("suites/up.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text + "  - id: more\n    expect: {file: {/etc/passwd: {type: file}}}\n").unwrap();
    let second = Place::new();
    run(&second, &["run", "--rerun", &scene.earlier(), "--test", "up/bad"]).assert_status(0);
    let record = second.record();
    let what = notice(&record, "run again: ");
    assert!(
        what.contains("2 of suites that have changed since (up)") && what.ends_with("0 results of it are kept"),
        "{what}"
    );
    assert_ne!(record.suites["up"].sha256, first.suites["up"].sha256);
    for test in &record.tests {
        assert_eq!((test.outcome, test.kept_from.as_deref()), (Outcome::Pass, None), "{}", test.name());
    }
    assert_eq!(record.tests.len(), first.tests.len(), "what is new was not selected");
    // One that the suite does not have any more is left out, and makes nothing red.
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("id: last", "id: renamed")).unwrap();
    let third = Place::new();
    run(&third, &["run", "--rerun", second.path("run").to_str().unwrap(), "--test", "up/*"]).assert_status(0);
    let record = third.record();
    assert!(!record.tests.iter().any(|test| test.test == "last"), "{:?}", names(&record));
    assert!(record.tests.iter().all(|test| test.kept_from.is_none()));
}

#[test]
fn the_gate_knows_from_the_last_record_what_the_runs_before_it_found() {
    let scene = Scene::new();
    let first = scene.start();
    std::fs::write(&scene.mark, "").unwrap();
    let second = Place::new();
    run(&second, &["run", "--rerun", &scene.earlier()]).assert_status(0);
    let [earlier] = &second.record().earlier[..] else { panic!("it goes on with one run") };
    let found = earlier.found.as_ref().unwrap();
    assert_eq!((&found.started, &found.muster, found.accepts_snapshots), (&first.started, &first.muster, false));
    let decided = |more: &str| {
        let rules = "require: [{test: up/good}, {test: up/bad}]";
        second.write("p.yaml", &format!("schema: policy/v1\nid: p\ncontext: ship\n{more}\n{rules}\n"));
        let (dir, policy) = (second.path("run"), second.path("p.yaml"));
        run(&second, &["gate", dir.to_str().unwrap(), "--policy", policy.to_str().unwrap()])
    };
    let open = decided("flaky: passes");
    open.assert_status(0);
    assert!(open.stdout.contains(&format!("kept from {}", first.id)), "{}", open.stdout);
    let closed = decided("flaky: fails");
    closed.assert_status(1);
    let why = format!("flaky: passed, after it failed in the run {}", first.id);
    assert!(closed.stdout.contains(&why), "{}", closed.stdout);
}

#[test]
fn a_run_of_which_nothing_can_be_taken_is_an_error_of_usage() {
    let scene = Scene::new();
    scene.start();
    let zip = scene.first.path("run.zip");
    let packed = scene.first.run(&["archive", &scene.earlier(), "-o", zip.to_str().unwrap()], Duration::from_secs(60));
    packed.assert_status(0);
    let journal = std::fs::File::open(scene.first.path("run/events.jsonl")).unwrap();
    journal.lock().unwrap();
    let (zip, earlier) = (zip.to_str().unwrap(), scene.earlier());
    let place = Place::new();
    for (words, said) in [
        (vec!["run", "--rerun", zip], "an archive does not decide whom to connect to"),
        (vec!["run", "--rerun", &earlier], "goes on"),
        (vec!["run", "--rerun", &earlier, "--failed", "last"], "cannot be used with"),
        (vec!["run", "--rerun", &earlier, "--list"], "cannot be used with"),
        (vec!["run", "--resume", &earlier, "--name", "desk"], "goes on"),
    ] {
        let ended = run(&place, &words);
        ended.assert_status(2);
        assert!(ended.stderr.contains(said), "{words:?}: {}", ended.stderr);
        assert!(!place.path("run").exists());
    }
    drop(journal);
    let ended = run(&place, &["run", "--rerun", &earlier, "--name", "desk"]);
    ended.assert_status(2);
    assert!(ended.stderr.contains("was not about desk, but about remote"), "{}", ended.stderr);
    // Whom to connect to is said, and all else is that of the archive.
    std::fs::write(&scene.mark, "").unwrap();
    scene.whole(&place, &["--rerun", zip]).assert_status(0);
    assert_eq!(Path::new(&place.record().earlier[0].directory).extension().unwrap(), "zip");
}

#[test]
fn an_archive_brings_its_suites_and_one_without_says_which_it_lacks() {
    let scene = Scene::new();
    let first = scene.start();
    let packed = |name: &str| {
        let zip = scene.first.path(name);
        let words = ["archive", &scene.earlier(), "-o", zip.to_str().unwrap()];
        scene.first.run(&words, Duration::from_secs(60)).assert_status(0);
        zip.to_str().unwrap().to_owned()
    };
    let whole = packed("whole.zip");
    std::fs::remove_dir_all(scene.first.path("run/suites")).unwrap();
    let bare = packed("bare.zip");
    // As on another host: the sender's files are not there.
    std::fs::remove_dir_all(scene.first.path("suites")).unwrap();
    std::fs::write(&scene.mark, "").unwrap();
    let connection = connection(&scene.sshd);
    let again = |place: &Place, words: &[&str]| {
        let words = words.iter().copied().chain(connection.iter().map(String::as_str));
        run(place, &words.collect::<Vec<_>>())
    };
    let place = Place::new();
    again(&place, &["run", "--rerun", &whole]).assert_status(0);
    let record = place.record();
    let used = notice(&record, "suites of ");
    assert!(used.ends_with("whole.zip are used, with the SHA-256 of its run: up"), "{used}");
    assert!(!record.notices.iter().any(|text| text.contains("--suites=")), "a path of another host");
    let what = notice(&record, "run again: 2 tests ");
    assert!(what.ends_with("; 2 results of it are kept"), "{what}");
    assert_eq!(record.suites["up"].sha256, first.suites["up"].sha256);
    // What it says of its files is true once the archive is gone.
    let kept = place.path("run/suites/up/up.yaml");
    assert_eq!(record.suites["up"].file, kept.to_str().unwrap());
    assert_eq!(test(&record, "up/bad").location.file.as_ref(), kept.to_str().unwrap());
    assert!(kept.is_file());
    let command = test(&record, "up/bad").rerun;
    assert!(command.contains(&format!("--suites {}", kept.display())), "{command}");

    let place = Place::new();
    again(&place, &["run", "--failed", &whole]).assert_status(0);
    assert_eq!(names(&place.record()), ["machine/health pass", "up/bad pass", "up/after pass"]);

    for mode in ["--rerun", "--failed"] {
        let place = Place::new();
        let ended = again(&place, &["run", mode, &bare]);
        ended.assert_status(2);
        let said = format!("suites of the run {} are not here, and its archive has none of them: `up` (", first.id);
        assert!(ended.stderr.contains(&said), "{}", ended.stderr);
        assert!(ended.stderr.contains(&format!("SHA-256 {}", first.suites["up"].sha256)), "{}", ended.stderr);
        assert!(!place.path("run").exists());
    }
}
