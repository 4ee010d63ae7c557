//! Machines that a person enters: those of failed tests, kept as they were, and throw-away ones.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use muster_record::outcome::Outcome;

use crate::support::{Finished, Place, assert_outcome, digest, eventually, finish, lab_disk, machines_below, signal};

const SUITE: &str = r#"
schema: suite/v1
suite: broken
defaults: {timeout: 1m}
tests:
  - id: shared
    summary: fails on the machine that others use too
    guest: shared
    steps:
      - run: echo shared >/tmp/mark
      - run: "false"
  - id: later
    summary: what comes after it still has a machine
    guest: shared
    steps:
      - run: "true"
  - id: clone
    summary: changes its own machine and fails
    guest: clone
    steps:
      - run: echo kept >/tmp/mark; sleep 100000 &
      - run: "false"
  - id: one-too-many
    summary: fails when as many capsules were made as are allowed
    guest: clone
    steps:
      - run: echo kept >/tmp/mark; sleep 100000 &
      - run: "false"
"#;

const SOON: Duration = Duration::from_secs(300);

/// `muster` with a cache of its own, in which its machines are looked for.
fn command(place: &Place, words: &[&str]) -> Command {
    let mut command = place.command(words);
    command.env("MUSTER_CACHE", place.path("cache"));
    command
}

fn muster(place: &Place, words: &[&str], deadline: Duration) -> Finished {
    finish(command(place, words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap(), deadline)
}

fn image() -> (PathBuf, [&'static str; 6]) {
    (lab_disk("lab-tiny"), ["--firmware", "bios", "--seed", "systemd-credentials", "--guest-memory", "256MiB"])
}

/// Every file of a folder with its digest.
fn digests(dir: &Path) -> Vec<(PathBuf, String)> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.into_iter().map(|file| (file.clone(), digest(&file))).collect()
}

/// The same capsule with other words in its description.
fn changed(place: &Place, capsule: &Path, name: &str, from: &str, to: &str) -> PathBuf {
    let copy = place.path(name);
    std::fs::create_dir(&copy).unwrap();
    for (file, _) in digests(capsule) {
        let target = copy.join(file.file_name().unwrap());
        if file.ends_with("capsule.json") {
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(text.contains(from), "{text}");
            std::fs::write(target, text.replace(from, to)).unwrap();
        } else {
            std::fs::hard_link(&file, target).unwrap();
        }
    }
    copy
}

#[test]
fn the_machine_of_a_failed_test_is_entered_again_and_again() {
    let place = Place::new();
    let suite = place.write("broken.yaml", SUITE);
    let (disk, options) = image();
    let before = digest(&disk);
    let mut words = vec!["run", "--suites", suite.to_str().unwrap(), "--image", disk.to_str().unwrap()];
    words.extend(options);
    words.extend(["--capsule", "failed", "--capsules-max", "2"]);
    let ended = muster(&place, &words, Duration::from_secs(300));
    ended.assert_status(1);
    let kept: Vec<_> =
        ["broken/shared", "broken/clone", "broken/one-too-many"].map(|name| place.test(name)).into_iter().collect();
    assert!(kept.iter().all(|test| test.outcome == Outcome::Fail));
    assert_outcome(&place.test("broken/later"), Outcome::Pass, &[]);
    // The tests of clones may run in any order; two of the three have a capsule, and somebody is told why
    // the third has none.
    let capsules: Vec<PathBuf> = kept.iter().filter_map(|test| test.capsule.clone()).map(PathBuf::from).collect();
    assert_eq!(capsules.len(), 2, "{:?}", place.record().notices);
    assert!(place.record().notices.iter().any(|text| text.contains("as many as --capsules-max allows")));
    let junit = std::fs::read_to_string(place.path("run").join("junit.xml")).unwrap();
    for capsule in &capsules {
        let command = format!("muster resume {}", capsule.display());
        assert!(ended.stdout.contains(&command), "{}", ended.stdout);
        assert!(junit.contains(&command), "{junit}");
    }
    let names: Vec<_> = std::fs::read_dir(place.path("run").join("capsules")).unwrap().flatten().collect();
    assert_eq!(names.len(), 2, "something unfinished was left: {names:?}");

    let shared = PathBuf::from(place.test("broken/shared").capsule.expect("the first that failed has one"));
    let files = digests(&shared);
    let script = "cat /tmp/mark; date -u +%s; echo changed >/tmp/mark; echo aside >&2; exit 7";
    for time in ["first", "second"] {
        let ended = muster(&place, &["resume", shared.to_str().unwrap(), "--exec", script], SOON);
        ended.assert_status(7);
        let lines: Vec<&str> = ended.stdout.lines().collect();
        assert_eq!(lines[0], "shared", "the {time} time");
        let guest: u64 = lines[1].parse().expect("seconds since 1970");
        let host = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        assert!(host.abs_diff(guest) < 60, "the guest's clock says {guest}, the host's {host}");
        assert!(ended.stderr.contains("aside") && ended.stderr.contains("broken/shared (fail)"), "{}", ended.stderr);
    }
    assert_eq!(digests(&shared), files, "the capsule was written to");
    assert_eq!(digest(&disk), before, "the source image was written to");

    refusals(&place, &shared);
    assert!(machines_below(place.dir.path()).is_empty());
    let left: Vec<_> = std::fs::read_dir(place.path("cache").join("machines")).unwrap().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}

/// What must not be resumed is refused before a machine is started.
fn refusals(place: &Place, capsule: &Path) {
    use std::os::unix::fs::PermissionsExt;
    let key = std::fs::metadata(capsule.join("id_ed25519")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
    let refused = |capsule: &Path, extra: &[&str], says: &[&str]| {
        let mut words = vec!["resume", capsule.to_str().unwrap(), "--exec", "true"];
        words.extend(extra);
        let ended = muster(place, &words, SOON);
        ended.assert_status(2);
        for part in says {
            assert!(ended.stderr.contains(part), "{part:?} is missing in\n{}", ended.stderr);
        }
    };
    let text = std::fs::read_to_string(capsule.join("capsule.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&text).unwrap();
    let version = format!("\"qemu\": {}", record["qemu"]);
    let other = changed(place, capsule, "other-qemu", &version, "\"qemu\": \"1.2.3\"");
    refused(&other, &[], &["made by QEMU 1.2.3", record["qemu"].as_str().unwrap(), "--force"]);
    let sha256 = record["image"]["sha256"].as_str().unwrap();
    let other = changed(place, capsule, "other-image", sha256, &"0".repeat(64));
    refused(&other, &[], &["is not the image that the capsule was made on"]);
    refused(capsule, &["--image", "/no/such.qcow2"], &["/no/such.qcow2", "name it with --image"]);
    refused(place.dir.path(), &[], &["is not a capsule"]);
    let cut = changed(place, capsule, "cut", sha256, sha256);
    std::fs::remove_file(cut.join("layer-0.qcow2")).unwrap();
    std::fs::write(cut.join("layer-0.qcow2"), "QFI").unwrap();
    refused(&cut, &[], &["is not whole: layer-0.qcow2 has 3 bytes"]);
}

#[test]
fn a_machine_without_a_template_is_kept_within_the_bytes_that_are_allowed() {
    let place = Place::new();
    let suite = place.write("broken.yaml", &SUITE.replace("guest: clone", "guest: shared"));
    let (disk, options) = image();
    let mut words = vec!["run", "--suites", suite.to_str().unwrap(), "--image", disk.to_str().unwrap()];
    words.extend(options);
    words.extend(["--test", "broken/clone", "--test", "broken/one-too-many", "--capsule", "failed"]);
    // One takes about a hundred: the second is given up half-way.
    words.extend(["--capsules-size", "180MiB"]);
    muster(&place, &words, Duration::from_secs(200)).assert_status(1);
    let capsules = ["broken/clone", "broken/one-too-many"].map(|name| place.test(name).capsule);
    let capsules: Vec<String> = capsules.into_iter().flatten().collect();
    let notices = place.record().notices;
    let [capsule] = capsules.as_slice() else { panic!("{capsules:?} {notices:?}") };
    assert!(notices.iter().any(|text| text.contains("it takes more than the")), "{notices:?}");
    let names: Vec<_> = std::fs::read_dir(place.path("run").join("capsules")).unwrap().flatten().collect();
    assert_eq!(names.len(), 1, "something unfinished was left: {names:?}");
    let script = "cat /tmp/mark /proc/[0-9]*/cmdline | tr '\\0' ' '";
    let ended = muster(&place, &["resume", capsule, "--exec", script], SOON);
    ended.assert_status(0);
    // What it had started still runs.
    assert!(ended.stdout.starts_with("kept") && ended.stdout.contains("sleep 100000"), "{}", ended.stdout);
    assert!(machines_below(place.dir.path()).is_empty());
}

#[test]
fn a_throw_away_machine_runs_one_command_and_is_gone() {
    let place = Place::new();
    let (disk, options) = image();
    let mut words = vec!["boot", disk.to_str().unwrap()];
    words.extend(options);
    words.extend(["--exec", "id -u; printf '\\033[1mraw'; exit 5"]);
    let ended = muster(&place, &words, SOON);
    ended.assert_status(5);
    assert_eq!(ended.stdout, "0\n\u{1b}[1mraw", "what is piped is not touched");
    assert!(machines_below(place.dir.path()).is_empty());
    assert_eq!(std::fs::read_dir(place.path("cache").join("machines")).unwrap().count(), 0);
}

/// The value of a line that `--keep` prints.
fn line<'a>(said: &'a str, label: &str) -> &'a str {
    let found = said.lines().find_map(|line| line.strip_prefix(label));
    found.unwrap_or_else(|| panic!("no {label} in {said}")).trim()
}

#[test]
fn a_kept_machine_stays_until_it_is_ended_or_its_owner_dies() {
    let place = Place::new();
    let (disk, options) = image();
    let mut words = vec!["boot", disk.to_str().unwrap(), "--keep"];
    words.extend(options);
    let kept = muster(&place, &words, SOON);
    kept.assert_status(0);
    let id = line(&kept.stdout, "machine");
    assert!(Path::new(line(&kept.stdout, "console")).is_file(), "{}", kept.stdout);
    assert_eq!(machines_below(place.dir.path()).len(), 1);
    let enter = |script: &str| {
        let command = format!("{} {script}", line(&kept.stdout, "enter"));
        let out = Command::new("timeout").args(["60", "sh", "-c", &command]).output().unwrap();
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    assert_eq!(enter("'echo one >/tmp/mark; cat /tmp/mark'"), "one\n");
    assert_eq!(enter("cat /tmp/mark"), "one\n");
    let listed = muster(&place, &["boot", "--list"], SOON);
    assert!(listed.stdout.contains(id), "{}", listed.stdout);
    let ended = muster(&place, &["boot", "--end", id], SOON);
    ended.assert_status(0);
    assert!(machines_below(place.dir.path()).is_empty());
    assert_eq!(std::fs::read_dir(place.path("cache").join("machines")).unwrap().count(), 0);
    muster(&place, &["boot", "--end", id], SOON).assert_status(2);

    // Its owner is killed: the machine goes with it, and what it left is swept by the next.
    words.extend(["--exec", "hostname >/dev/null; exit 3"]);
    let kept = muster(&place, &words, SOON);
    kept.assert_status(3);
    assert_eq!(kept.stdout, "");
    let dir = place.path("cache").join("machines").join(line(&kept.stderr, "machine"));
    let state: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(dir.join("machine.json")).unwrap()).unwrap();
    let owner = state["owner"].to_string();
    assert!(Command::new("kill").args(["-KILL", &owner]).status().unwrap().success());
    assert!(eventually(Duration::from_secs(10), || machines_below(place.dir.path()).is_empty()));
    // The owner's lock goes a moment after the machine, with the last of its threads.
    let listed = || muster(&place, &["boot", "--list"], SOON).stdout;
    assert!(eventually(Duration::from_secs(10), || listed().lines().count() == 1), "{}", listed());
}

#[test]
fn an_interrupted_boot_leaves_nothing() {
    let place = Place::new();
    let (disk, options) = image();
    let mut words = vec!["boot", disk.to_str().unwrap(), "--exec", "sleep 1000"];
    words.extend(options);
    let child = command(&place, &words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let started = eventually(Duration::from_secs(60), || !machines_below(place.dir.path()).is_empty());
    assert!(started, "no machine was started");
    signal(&child, "TERM");
    finish(child, Duration::from_secs(20)).assert_status(3);
    assert!(eventually(Duration::from_secs(5), || machines_below(place.dir.path()).is_empty()));
    assert_eq!(std::fs::read_dir(place.path("cache").join("machines")).unwrap().count(), 0);
}
