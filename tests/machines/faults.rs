//! Faults of the host: QEMU dies or stands still, the disk fills, the cache is damaged, two runs meet
//! on one cache, a person presses Ctrl-C at any moment. Afterwards nothing is left but valid reports
//! and an unchanged image.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use muster_record::outcome::Outcome;
use muster_record::run::RunRecord;

use crate::support::{
    Finished, Place, assert_clean, assert_outcome, digest, eventually, finish, ids, isolated, lab_disk, machines_below,
    names, signal,
};

/// How long anything may take on a host that has much else to do; idle, a run takes a tenth of it.
const PATIENCE: Duration = Duration::from_secs(300);

const CALM: &str = r#"
schema: suite/v1
suite: calm
tests:
  - id: looks
    summary: only looks
    expect: {kernel: {release: ">= 1"}}
  - id: changes
    summary: on a fork of its own
    steps: [{run: "sleep 1; echo calm", stdout: {line: calm}}]
  - id: changes-too
    summary: on another
    steps: [{run: "sleep 1; echo calm", stdout: {line: calm}}]
"#;

/// A place whose temporary files and cache are its own to look through.
struct Scene {
    place: Place,
    image: std::path::PathBuf,
    before: String,
}

impl Scene {
    fn new() -> Self {
        let place = Place::new();
        std::fs::create_dir(place.path("tmp")).unwrap();
        let image = lab_disk("lab-tiny");
        let before = digest(&image);
        Self { place, image, before }
    }

    fn command(&self, suite: &str) -> Command {
        let suite = self.place.write("suite.yaml", suite);
        let mut command =
            self.place.command(&["run", "--suites", suite.to_str().unwrap(), "--image", "lab-tiny", "--jobs", "1"]);
        command.env("TMPDIR", self.place.path("tmp")).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn begin(&self, suite: &str) -> Child {
        self.command(suite).spawn().unwrap()
    }

    /// Waits until a test has started, and gives the processes of the machines that run then.
    fn machines_of(&self, child: &mut Child, test: &str) -> Vec<u32> {
        let events = self.place.path("run").join("events.jsonl");
        let begun = format!("\"test\":\"{test}\"");
        let has_begun = || {
            std::fs::read_to_string(&events)
                .is_ok_and(|text| text.lines().any(|line| line.contains("\"test-started\"") && line.contains(&begun)))
        };
        // A run that has ended will never start it.
        eventually(PATIENCE, || has_begun() || child.try_wait().unwrap().is_some());
        if !has_begun() {
            let ended = child.try_wait().unwrap();
            let _ = child.kill();
            panic!("the test {test} did not start; the run: {ended:?}\n{}", self.place.last_words());
        }
        let machines = machines_below(self.place.dir.path());
        assert!(!machines.is_empty(), "no machine runs {test}");
        machines
    }

    /// What must hold after every fault.
    fn assert_nothing_left(&self) {
        assert_clean(self.place.dir.path());
        assert_eq!(files(&self.place.path("tmp")), Vec::<String>::new(), "temporary files");
        let strays: Vec<String> = files(&self.place.path("run"))
            .into_iter()
            .filter(|path| path.split('/').any(|part| part.starts_with('.') || part.starts_with("key-")))
            .collect();
        assert_eq!(strays, Vec::<String>::new(), "files that the run should have removed");
        assert_eq!(digest(&self.image), self.before, "the source image was written to");
    }

    /// The record, with every planned test in it, and the same in junit.xml.
    fn assert_reports(&self, tests: usize) -> RunRecord {
        let record = self.place.record();
        // The health of the machines is one more.
        assert_eq!(record.tests.len(), tests + 1, "{:?}", names(&record));
        let cases: usize = self.place.junit().test_suites.iter().map(|suite| suite.test_cases.len()).sum();
        assert_eq!(cases, record.tests.len(), "junit.xml has other tests than run.json");
        for test in &record.tests {
            let explained = test.outcome == Outcome::Pass || !test.failures.is_empty() || test.skipped.is_some();
            assert!(explained, "{} is {} without a reason", test.name(), test.outcome.name());
        }
        record
    }
}

/// Paths of all files below a folder, relative to it.
fn files(dir: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![dir.to_owned()];
    while let Some(at) = open.pop() {
        for entry in std::fs::read_dir(&at).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(entry.path()),
                _ => found.push(entry.path().strip_prefix(dir).unwrap().display().to_string()),
            }
        }
    }
    found
}

fn kill(signal: &str, processes: &[u32]) {
    let processes: Vec<String> = processes.iter().map(u32::to_string).collect();
    // One may have ended since it was looked for.
    let _ = Command::new("kill").arg(format!("-{signal}")).args(&processes).stderr(Stdio::null()).status();
}

#[test]
fn a_qemu_that_is_killed_or_stands_still_costs_its_test() {
    let scene = Scene::new();
    let suite = r#"
schema: suite/v1
suite: faults
tests:
  - id: killed
    summary: its QEMU is killed
    steps: [{run: sleep 100000}]
  - id: stopped
    summary: its QEMU is stopped
    timeout: 1s
    steps: [{run: sleep 100000}]
  - id: calm
    summary: the next test has a machine
    steps: [{run: echo calm, stdout: {line: calm}}]
"#;
    let mut child = scene.begin(suite);
    kill("KILL", &scene.machines_of(&mut child, "killed"));
    kill("STOP", &scene.machines_of(&mut child, "stopped"));
    finish(child, PATIENCE).assert_status(3);
    let record = scene.assert_reports(3);
    assert_outcome(&scene.place.test("faults/killed"), Outcome::Error, &["machine.exited"]);
    assert_outcome(&scene.place.test("faults/stopped"), Outcome::Error, &["test.timeout"]);
    assert_outcome(&scene.place.test("faults/calm"), Outcome::Pass, &[]);
    assert!(!record.interrupted);
    scene.assert_nothing_left();
}

#[test]
fn a_qemu_that_stops_at_an_assertion_while_it_boots_is_started_once_more() {
    // How often it happens, how the run ends, and whether all its tests pass.
    for (times, status) in [(1, 0), (2, 3)] {
        let scene = Scene::new();
        let programs = scene.place.path("bin");
        std::fs::create_dir(&programs).unwrap();
        let found = Command::new("sh").args(["-c", "command -v qemu-system-x86_64"]).output().unwrap();
        let qemu = String::from_utf8(found.stdout).unwrap();
        // The real one, ended as its own assert() ends it, once its guest has printed something.
        let wrapper = r#"#!/bin/sh
case " $* " in *" -name "*) ;; *) exec QEMU "$@";; esac
echo >>STARTS
if [ "$(grep -c '' STARTS)" -le TIMES ]; then
  (
    until [ -s CONSOLE ]; do sleep 0.1; done
    echo "qemu-system-x86_64: physmem.c:1: iotlb_to_section: Assertion \`index < count' failed." >&2
    kill -ABRT $$
  ) &
fi
exec QEMU "$@""#;
        let console = scene.place.path("run").join("machines/lab-tiny-1/console.log");
        let wrapper = wrapper
            .replace("QEMU", qemu.trim())
            .replace("STARTS", scene.place.path("starts").to_str().unwrap())
            .replace("CONSOLE", console.to_str().unwrap())
            .replace("TIMES", &times.to_string());
        let program = programs.join("qemu-system-x86_64");
        std::fs::write(&program, format!("{wrapper}\n")).unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
        let ended = finish(scene.command(CALM).env("PATH", path).spawn().unwrap(), PATIENCE);
        ended.assert_status(status);
        let record = scene.assert_reports(3);
        let aborted = scene.place.path("run").join("machines/lab-tiny-1-aborted/qemu.log");
        assert!(std::fs::read_to_string(&aborted).unwrap().contains("Assertion"), "{}", aborted.display());
        assert!(ended.stdout.contains("was started once more"), "{}", ended.stdout);
        // Without a machine there is one error, that of the machine.
        let (health, others) =
            if status == 0 { (vec![], Outcome::Pass) } else { (vec!["machine.exited"], Outcome::NotRun) };
        assert_eq!(ids(&scene.place.test("machine/health")), health);
        assert!(
            record.tests.iter().filter(|test| test.suite == "calm").all(|test| test.outcome == others),
            "{record:?}"
        );
        scene.assert_nothing_left();
    }
}

#[test]
fn a_full_disk_of_the_host_costs_the_test_that_filled_it() {
    let scene = Scene::new();
    let suite = r#"
schema: suite/v1
suite: full
tests:
  - id: fills
    summary: writes more to its disk than the host has room for
    timeout: 2s
    steps: [{run: "dd if=/dev/urandom of=/dev/vda bs=1M count=64 conv=fsync; sleep 60"}]
  - id: calm
    summary: the next test has a machine, and room again
    steps: [{run: echo calm, stdout: {line: calm}}]
"#;
    let suite = scene.place.write("full.yaml", suite);
    let small = scene.place.path("small");
    std::fs::create_dir(&small).unwrap();
    // The reports are carried out of the namespace, in which the small disk ends.
    let script = r#"mount -t tmpfs -o size=16m small "$1" && cd "$4" || exit 99
"$2" run --suites "$3" --image lab-tiny --out "$1/run"; status=$?
cp -r "$1/run" "$5"; exit $status"#;
    let mut command = isolated(&["--mount"]);
    command.args(["sh", "-c", script, "sh"]);
    command.arg(&small).arg(env!("CARGO_BIN_EXE_muster")).arg(&suite).arg(crate::support::root());
    command.arg(scene.place.path("run"));
    command.env("TMPDIR", scene.place.path("tmp")).env_remove("CI").env("NO_COLOR", "1");
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let ended = finish(child, PATIENCE);
    ended.assert_status(3);
    scene.assert_reports(2);
    assert_outcome(&scene.place.test("full/fills"), Outcome::Error, &["host.disk-full"]);
    assert_outcome(&scene.place.test("full/calm"), Outcome::Pass, &[]);
    scene.assert_nothing_left();
}

#[test]
fn a_damaged_cache_is_reported_before_anything_boots() {
    let scene = Scene::new();
    let built = scene.image.parent().unwrap();
    let cache = scene.place.path("cache");
    let dir = cache.join("images").join(built.file_name().unwrap());
    std::fs::create_dir_all(&dir).unwrap();
    std::fs::copy(built.join("manifest.json"), dir.join("manifest.json")).unwrap();
    let whole = std::fs::read(&scene.image).unwrap();
    let mut flipped = whole.clone();
    // The first entry of the reference counts: a guest would never notice, a later write would.
    let table = u64::from_be_bytes(whole[48..56].try_into().unwrap()) as usize;
    flipped[table + 2] ^= 0xff;
    let damages: [(&str, &[u8], &str); 3] = [
        ("cut", &whole[..whole.len() - 100_000], "image.unreadable"),
        ("flipped", &flipped, "image.unreadable"),
        ("another file", b"this was a disk once", "image.format"),
    ];
    for (what, bytes, id) in damages {
        std::fs::write(dir.join("disk.qcow2"), bytes).unwrap();
        let child = scene.command(CALM).env("MUSTER_CACHE", &cache).spawn().unwrap();
        let ended = finish(child, Duration::from_secs(120));
        assert_eq!(ended.status, 2, "{what}: {}{}", ended.stdout, ended.stderr);
        assert!(ended.stderr.contains(&format!("`muster failures {id}`")), "{what}: {}", ended.stderr);
        assert!(!scene.place.path("run").exists(), "{what}: a run was begun");
        assert_eq!(std::fs::read(dir.join("disk.qcow2")).unwrap(), bytes, "{what}: the cache was written to");
        scene.assert_nothing_left();
    }
}

#[test]
fn two_runs_share_a_cache() {
    let (one, other) = (Scene::new(), Scene::new());
    let children = [one.begin(CALM), other.begin(CALM)];
    for child in children {
        finish(child, PATIENCE).assert_status(0);
    }
    for scene in [&one, &other] {
        let record = scene.assert_reports(3);
        assert!(record.tests.iter().all(|test| test.outcome == Outcome::Pass), "{:?}", names(&record));
        scene.assert_nothing_left();
    }
}

/// How often Ctrl-C is pressed, spread over the length of one run, and by how many at a time.
const TIMES: usize = 10;
const AT_A_TIME: usize = 2;

#[test]
fn ctrl_c_at_any_moment_leaves_valid_reports_and_nothing_else() {
    // A run that nobody interrupts, beside another, says how long one takes.
    let begun = Instant::now();
    let pair = [Scene::new(), Scene::new()];
    for child in pair.each_ref().map(|scene| scene.begin(CALM)) {
        finish(child, PATIENCE).assert_status(0);
    }
    let length = begun.elapsed();

    let seed = std::env::var("MUSTER_TEST_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| {
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos() as u64 | 1
    });
    let mut state: u64 = seed;
    let mut random = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    // One moment in each tenth of the run, so that no part of it is left out.
    let moments: Vec<Duration> =
        (0..TIMES).map(|part| length.mul_f64((part as f64 + random()) / TIMES as f64)).collect();
    let next = std::sync::Mutex::new(moments.into_iter());
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                loop {
                    let Some(moment) = next.lock().unwrap().next() else { return };
                    interrupted(moment);
                }
            });
        }
    });
}

fn interrupted(moment: Duration) {
    let scene = Scene::new();
    let begun = Instant::now();
    let mut child = scene.begin(CALM);
    let over = eventually(moment, || child.try_wait().unwrap().is_some());
    if !over {
        signal(&child, "INT");
    }
    let ended = finish(child, PATIENCE);
    let said = format!("interrupted at {moment:?}, ended after {:?}: {}", begun.elapsed(), words(&ended));
    let reports = scene.place.path("run").join("run.json").exists();
    match ended.status {
        // It had ended before, or so nearly that the interruption changed nothing.
        0 => assert!(reports, "{said}"),
        3 => assert!(reports, "{said}"),
        // So early that nothing was there yet to be reported.
        -1 => assert!(!reports, "{said}"),
        _ => panic!("{said}"),
    }
    if reports {
        let record = scene.assert_reports(3);
        assert_eq!(record.interrupted, ended.status == 3, "{said}");
        assert_eq!(record.exit_code, Some(ended.status as u8), "{said}");
        for test in record.tests.iter().filter(|test| test.outcome != Outcome::Pass) {
            assert!(ids(test).iter().all(|id| *id == "run.interrupted"), "{said}: {} {:?}", test.name(), ids(test));
        }
    }
    scene.assert_nothing_left();
}

fn words(ended: &Finished) -> String {
    format!("status {}\n--- stdout\n{}\n--- stderr\n{}", ended.status, ended.stdout, ended.stderr)
}
