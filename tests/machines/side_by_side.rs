//! Several images in one run.

use std::collections::BTreeSet;
use std::time::Duration;

use muster_record::event::Event;
use muster_record::outcome::Outcome;

use crate::support::{Place, assert_outcome, lab_disk};

const SUITE: &str = "
schema: suite/v1
suite: both
tests:
  - id: looks
    summary: on the machine that was booted, or on a clone of it
    expect: {kernel: {release: '>= 1'}}
  - id: changes
    summary: on a clone
    guest: clone
    steps:
      - run: touch /tmp/changed
";

/// How many machines lived at a time at most, and of how many images.
fn most_at_once(events: &str) -> (usize, usize) {
    let mut alive: BTreeSet<(String, String)> = BTreeSet::new();
    let mut most = (0, 0);
    for line in events.lines() {
        match serde_json::from_str(line) {
            Ok(Event::MachineStarting { machine, image, .. }) => drop(alive.insert((image, machine))),
            Ok(Event::MachineEnded { record }) => alive.retain(|(_, machine)| *machine != record.id),
            _ => {}
        }
        let images: BTreeSet<&String> = alive.iter().map(|(image, _)| image).collect();
        most = (most.0.max(alive.len()), most.1.max(images.len()));
    }
    most
}

#[test]
fn two_images_run_at_once_and_each_has_results_of_its_own() {
    let run = |jobs: &str| {
        let place = Place::new();
        let suite = place.write("both.yaml", SUITE);
        let images: Vec<String> = ["first.qcow2", "second.qcow2"]
            .map(|name| {
                let copy = place.path(name);
                std::fs::copy(lab_disk("lab-tiny"), &copy).expect("copied");
                copy.to_str().expect("UTF-8").to_owned()
            })
            .to_vec();
        let mut words = vec!["run", "--suites", suite.to_str().expect("UTF-8"), "--jobs", jobs];
        words.extend(["--seed", "systemd-credentials", "--firmware", "bios", "--cpus", "1"]);
        images.iter().for_each(|image| words.extend(["--image", image]));
        place.run(&words, Duration::from_secs(300)).assert_status(0);
        let record = place.record();
        assert_eq!(record.tests.len(), 6);
        record.tests.iter().for_each(|test| assert_outcome(test, Outcome::Pass, &[]));
        // In the plan's order, whichever ended first.
        let of: Vec<&str> = record.tests.iter().map(|test| test.image.as_str()).collect();
        assert_eq!(of, ["first", "first", "first", "second", "second", "second"]);
        most_at_once(&std::fs::read_to_string(place.path("run/events.jsonl")).expect("a journal"))
    };
    let (machines, images) = run("2");
    assert_eq!((machines, images), (2, 2));
    assert_eq!(run("1"), (1, 1));
}
