//! A run that is killed at any moment, and gone on with until it is whole. The machine is this one, through an SSH server that
//! the test starts.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use muster_guest::loopback::Sshd;
use muster_record::event::Event;
use muster_record::outcome::Outcome;

use crate::support::{Numbers, Place, assert_outcome, connection, eventually, finish, journal, names};

const KILLS: usize = 20;
const TESTS: usize = 120;

/// Each test takes a tenth of a second, so that kills fall into tests, between them, and before the first.
fn suite() -> String {
    let mut text = "schema: suite/v1\nsuite: long\ntests:\n".to_owned();
    for number in 0..TESTS {
        let _ = writeln!(
            text,
            "- {{id: t{number}, expect: {{command: {{'sleep 0.1; echo {number}': {{stdout: {{line: '{number}'}}}}}}}}}}"
        );
    }
    text
}

#[test]
fn a_run_that_is_killed_at_twenty_moments_loses_nothing_and_runs_nothing_twice() {
    let (sshd, home) = (Sshd::start().unwrap(), Place::new());
    let file = home.write("long.yaml", &suite());
    let connection = connection(&sshd);
    let mut first = vec!["run", "--suites", file.to_str().unwrap()];
    first.extend(connection.iter().map(String::as_str));

    let mut places: Vec<Place> = Vec::new();
    // The newest run that has begun to write.
    let mut newest: Option<PathBuf> = None;
    let begin = |newest: &Option<PathBuf>, places: &mut Vec<Place>| {
        let place = Place::new();
        let words = match newest {
            Some(run) => vec!["run", "--resume", run.to_str().unwrap()],
            None => first.clone(),
        };
        let child = place.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        places.push(place);
        child
    };
    let mut numbers = Numbers(0x2545_f491_4f6c_dd1d);
    for kills in 0..KILLS {
        let moment = Duration::from_millis(numbers.below(1_200) as u64);
        let mut child = begin(&newest, &mut places);
        // Every other kill comes after a result of this run, however slow the host is.
        if kills % 2 == 1 {
            let events = places.last().unwrap().path("run/events.jsonl");
            assert!(eventually(Duration::from_secs(60), || journal::found(&events) > 0));
        }
        std::thread::sleep(moment);
        assert_eq!(child.try_wait().unwrap(), None, "it ended before kill {kills}, after {moment:?}");
        child.kill().unwrap();
        child.wait().unwrap();
        let run = places.last().unwrap().path("run");
        let begun = std::fs::read_to_string(run.join("events.jsonl")).is_ok_and(|text| text.contains('\n'));
        if begun {
            newest = Some(run);
        }
    }
    let ended = finish(begin(&newest, &mut places), Duration::from_secs(120));
    ended.assert_status(0);

    let record = places.last().unwrap().record();
    assert_eq!(record.tests.len(), TESTS + 1, "{:?}", names(&record));
    assert!(record.tests.iter().all(|test| test.outcome == Outcome::Pass), "{:?}", record.totals);
    // A result is found once, by the run that the last record names.
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for place in &places {
        let events = journal::events(&place.path("run/events.jsonl"));
        let id = journal::id(&events);
        for (name, _) in
            journal::finished(&events).into_iter().filter(|(name, kept)| !kept && name.starts_with("long/"))
        {
            found.entry(name).or_default().extend(id.clone());
        }
    }
    assert_eq!(found.len(), TESTS);
    for test in record.tests.iter().filter(|test| test.suite == "long") {
        let by = test.kept_from.as_ref().unwrap_or(&record.id);
        assert_eq!(found[&test.name()], std::slice::from_ref(by), "{}", test.name());
    }
    let kept = record.tests.iter().filter(|test| test.kept_from.is_some()).count();
    assert!(kept > 0, "no kill came after a result");
}

#[test]
fn a_teardown_that_failed_before_the_kill_fails_the_run_that_goes_on() {
    let (sshd, home) = (Sshd::start().unwrap(), Place::new());
    let first = "schema: suite/v1\nsuite: first\nteardown: [{run: 'false'}]\ntests:\n- {id: a, expect: {command: {'true': {exit: 0}}}}\n";
    let slow =
        |number| format!("- {{id: t{number}, expect: {{command: {{'sleep 0.2; echo {number}': {{exit: 0}}}}}}}}\n");
    let second = "schema: suite/v1\nsuite: second\ntests:\n".to_owned() + &(0..50).map(slow).collect::<String>();
    let files = [home.write("first.yaml", first), home.write("second.yaml", &second)];
    let connection = connection(&sshd);
    let mut words = vec!["run", "--allow-changes"];
    words.extend(files.iter().flat_map(|file| ["--suites", file.to_str().unwrap()]));
    words.extend(connection.iter().map(String::as_str));

    let mut places: Vec<Place> = Vec::new();
    // Killed twice: what the first found, the second hands on.
    for kill in 0..2 {
        let (place, before) = (Place::new(), places.last().map(|place| place.path("run")));
        let words = match &before {
            Some(run) => vec!["run", "--allow-changes", "--resume", run.to_str().unwrap()],
            None => words.clone(),
        };
        let mut child = place.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let events = place.path("run/events.jsonl");
        let failed = || journal::events(&events).iter().any(|event| matches!(event, Event::MachineFailure { .. }));
        let far_enough = || if kill == 0 { failed() } else { journal::found(&events) > 0 };
        assert!(eventually(Duration::from_secs(60), far_enough), "{}", place.last_words());
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().code(), None, "it ended before kill {kill}");
        places.push(place);
    }
    let (place, before) = (Place::new(), places[1].path("run"));
    let words = ["run", "--allow-changes", "--resume", before.to_str().unwrap()];
    place.run(&words, Duration::from_secs(120)).assert_status(1);
    let record = place.record();
    let bad: Vec<String> =
        record.tests.iter().filter(|test| test.outcome != Outcome::Pass).map(|test| test.name()).collect();
    assert_eq!(bad, ["machine/health"]);
    let health = place.test("machine/health");
    assert_outcome(&health, Outcome::Fail, &["teardown.failed"]);
    let found_by = format!("in the run {}: teardown of suite first", record.earlier[0].id);
    assert!(health.failures[0].message.starts_with(&found_by), "{}", health.failures[0].message);
}

#[test]
fn a_teardown_of_which_the_kill_left_nothing_known_is_said_when_the_run_goes_on() {
    let (sshd, home) = (Sshd::start().unwrap(), Place::new());
    let begun = home.path("begun");
    let suite = format!(
        "schema: suite/v1\nsuite: first\nteardown: [{{run: 'touch {}; sleep 60'}}]\ntests:\n\
         - {{id: a, expect: {{command: {{'true': {{exit: 0}}}}}}}}\n",
        begun.display()
    );
    let file = home.write("first.yaml", &suite);
    let connection = connection(&sshd);
    let mut words = vec!["run", "--allow-changes", "--suites", file.to_str().unwrap()];
    words.extend(connection.iter().map(String::as_str));
    let place = Place::new();
    let mut child = place.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    assert!(eventually(Duration::from_secs(60), || begun.exists()), "{}", place.last_words());
    child.kill().unwrap();
    assert_eq!(child.wait().unwrap().code(), None, "it ended before the kill");

    let again = Place::new();
    let before = place.path("run");
    let words = ["run", "--allow-changes", "--resume", before.to_str().unwrap()];
    again.run(&words, Duration::from_secs(120)).assert_status(0);
    let record = again.record();
    let said = |notice: &&String| notice.contains("ended at the last test of the suite first");
    assert_eq!(record.notices.iter().filter(said).count(), 1, "{:?}", record.notices);
}
