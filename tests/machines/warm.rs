//! `--warm`: what one run has kept, the next begins from, and what is kept can be trusted or is not
//! used.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use muster_record::finding::{Finding, Severity};
use muster_record::outcome::Outcome;
use muster_record::run::RunRecord;
use serde_json::{Value, json};

use crate::support::{Finished, Place, assert_outcome, digest, finish, lab_disk};

/// A suite with one test that only looks, which the others go on from.
macro_rules! only_looks {
    () => {
        r#"
schema: suite/v1
suite: warm
tests:
  - id: looks
    summary: a test that only looks
    expect: {kernel: {release: ">= 1"}}
"#
    };
}

const ONLY_LOOKS: &str = only_looks!();

const SUITE: &str = concat!(
    only_looks!(),
    r#"  - id: writes
    summary: a test that changes its guest
    guest: clone
    steps:
      - run: test ! -e /root/mark && touch /root/mark
  - id: writes-too
    summary: another that would see it
    guest: clone
    steps:
      - run: test ! -e /root/mark && touch /root/mark
"#
);

/// The second needs machines of another shape, whose template is another.
const SEVERAL: &str = concat!(
    only_looks!(),
    r#"  - id: reaches
    summary: a test with two machines
    machines: {one: {}, two: {}}
    steps:
      - {run: "test ! -e /root/mark && touch /root/mark && ping -c 1 two && ping -6 -c 1 two.ip6", on: one}
"#
);

/// Longer than a boot that another run has to finish first.
const DEADLINE: Duration = Duration::from_secs(400);

/// A cache of a test's own, with a lab image in it.
fn cache(place: &Place, variant: &str) -> PathBuf {
    let disk = lab_disk(variant);
    let built = disk.parent().expect("an image lies in a directory");
    let cache = place.path("cache");
    let copy = cache.join("images").join(built.file_name().expect("a name"));
    std::fs::create_dir_all(&copy).expect("the cache is made");
    for file in std::fs::read_dir(built).expect("the image can be read").flatten() {
        std::fs::copy(file.path(), copy.join(file.file_name())).expect("the image is copied");
    }
    cache
}

/// One run of a suite, begun in a place of its own.
struct Run {
    place: Place,
    child: std::process::Child,
}

impl Run {
    fn begin(cache: &Path, suite: &str) -> Self {
        let place = Place::new();
        let suite = place.write("warm.yaml", suite);
        let mut command =
            place.command(&["run", "--warm", "--suites", suite.to_str().expect("UTF-8"), "--image", "lab-tiny"]);
        command.env("MUSTER_CACHE", cache).env("TMPDIR", place.dir.path());
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("muster starts");
        Self { place, child }
    }

    fn end(self) -> (Place, Finished, RunRecord) {
        let finished = finish(self.child, DEADLINE);
        let record = self.place.record();
        (self.place, finished, record)
    }
}

fn run(cache: &Path, suite: &str) -> (Place, Finished, RunRecord) {
    Run::begin(cache, suite).end()
}

fn booted(record: &RunRecord) -> usize {
    record.machines.iter().filter(|machine| machine.cloned_from.is_none()).count()
}

fn said(record: &RunRecord, words: &str) -> bool {
    record.notices.iter().any(|notice| notice.contains(words))
}

/// The only template of a cache.
fn template(cache: &Path) -> PathBuf {
    let names = std::fs::read_dir(cache.join("templates")).expect("there are templates").flatten();
    let dirs: Vec<PathBuf> = names.map(|name| name.path()).filter(|path| path.is_dir()).collect();
    assert_eq!(dirs.len(), 1, "{dirs:?}");
    dirs[0].clone()
}

/// Rewrites a template's metadata, and the digest that makes it believed.
fn rewrite(template: &Path, change: impl FnOnce(&mut Value)) {
    let path = template.join("template.json");
    let mut metadata: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    change(&mut metadata);
    std::fs::write(&path, metadata.to_string()).unwrap();
    std::fs::write(template.join("template.sha256"), format!("{}  template.json\n", digest(&path))).unwrap();
}

#[test]
fn a_second_run_boots_nothing_and_reports_the_boot_all_the_same() {
    let home = Place::new();
    let cache = cache(&home, "lab-tiny");

    // A plan without mutating tests leaves a template too.
    let (place, finished, first) = run(&cache, ONLY_LOOKS);
    finished.assert_status(0);
    assert_eq!(booted(&first), 1);
    assert!(said(&first, "lab-tiny: its template is saved for later runs"), "{:?}", first.notices);
    let health = place.test("machine/health");
    assert_eq!((health.outcome, health.assertions), (Outcome::Pass, 1));

    let kept = template(&cache);
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&cache.join("templates")), mode(&kept)), (0o700, 0o700));
    for file in std::fs::read_dir(&kept).unwrap().flatten() {
        assert_eq!(mode(&file.path()), 0o600, "{}", file.path().display());
    }

    let (place, finished, second) = run(&cache, SUITE);
    finished.assert_status(0);
    assert_eq!((booted(&second), second.machines.len()), (0, 3), "{:?}", second.machines);
    let name = second.machines[0].cloned_from.clone().unwrap();
    assert!(name.starts_with("template-") && second.machines.iter().all(|m| m.cloned_from.as_ref() == Some(&name)));
    assert!(said(&second, "lab-tiny: began from the template of "), "{:?}", second.notices);
    let health = place.test("machine/health");
    assert_eq!((health.outcome, health.assertions), (Outcome::Pass, 1), "the boot counts");
    assert_eq!(second.images["lab-tiny"].facts, first.images["lab-tiny"].facts);
    // The clones began with a shell that was started in another run, and the key opens them as well.
    assert!(second.machines.iter().all(|machine| machine.channel.as_deref() == Some("warm-shell")));

    // A boot that left something wrong is told by every run that begins from it.
    rewrite(&kept, |metadata| {
        let failure = json!({"id": "base.failed-units", "message": "the unit x.service has failed"});
        metadata["about"]["failures"] = json!([failure]);
        let hit = Finding {
            rule: "oops".into(),
            category: "oops".into(),
            severity: Severity::Fail,
            base_check: None,
            line: "Oops: 0000".into(),
            line_number: 7,
            excerpt: Vec::new(),
            excerpt_hit: 0,
        };
        metadata["about"]["console"] = json!([hit]);
    });
    let (place, finished, third) = run(&cache, ONLY_LOOKS);
    finished.assert_status(1);
    assert_eq!(booted(&third), 0);
    let health = place.test("machine/health");
    assert_outcome(&health, Outcome::Fail, &["console.oops", "base.failed-units"]);
    assert_eq!(health.failures[1].message, format!("after the boot of {name}: the unit x.service has failed"));
    assert_outcome(&place.test("warm/looks"), Outcome::Pass, &[]);

    // Damage costs a boot and nothing else.
    File::options().write(true).open(kept.join("ram")).unwrap().set_len(1 << 20).unwrap();
    let (_place, finished, fourth) = run(&cache, ONLY_LOOKS);
    finished.assert_status(0);
    assert!(said(&fourth, "its saved template was removed (ram has 1048576 bytes"), "{:?}", fourth.notices);
    assert_eq!(booted(&fourth), 1);
    // One that says that another firmware booted it than its machine has.
    let odd = template(&cache);
    rewrite(&odd, |metadata| {
        metadata["about"]["firmware"] = json!({"code": "0a".repeat(32), "variables": "0b".repeat(32)});
    });
    let (_place, finished, fifth) = run(&cache, ONLY_LOOKS);
    finished.assert_status(0);
    assert!(said(&fifth, "its saved template was removed (which UEFI booted it is not known)"), "{:?}", fifth.notices);
    assert_eq!((booted(&fifth), fifth.machines[0].firmware.as_ref()), (1, None));

    // Whole to the eye, but QEMU cannot read it.
    let whole = template(&cache);
    let state = whole.join("state");
    std::fs::write(&state, "no state of any device").unwrap();
    let (bytes, sha256) = (state.metadata().unwrap().len(), digest(&state));
    rewrite(&whole, |metadata| metadata["files"]["state"] = json!({"bytes": bytes, "sha256": sha256}));
    let (place, finished, sixth) = run(&cache, ONLY_LOOKS);
    finished.assert_status(0);
    assert_eq!(booted(&sixth), 1);
    assert!(said(&sixth, "could not be cloned from template-"), "{:?}", sixth.notices);
    assert!(said(&sixth, "was removed"), "{:?}", sixth.notices);
    assert_outcome(&place.test("warm/looks"), Outcome::Pass, &[]);
    assert!(!whole.exists());
}

#[test]
fn each_shape_has_a_template_of_its_own_and_a_second_run_boots_none() {
    let home = Place::new();
    let cache = cache(&home, "lab-tiny");
    let (_place, finished, first) = run(&cache, SEVERAL);
    finished.assert_status(0);
    assert_eq!((booted(&first), first.machines.len()), (2, 5), "{:?}", first.notices);
    for words in ["lab-tiny: its template is saved", "lab-tiny: its template of another shape is saved"] {
        assert!(said(&first, words), "{:?}", first.notices);
    }

    let (place, finished, second) = run(&cache, SEVERAL);
    finished.assert_status(0);
    assert_eq!((booted(&second), second.machines.len()), (0, 3), "{:?}", second.notices);
    let of = |id: &str| second.machines.iter().find(|machine| machine.id == id).unwrap().cloned_from.clone();
    let (looks, reaches) = (place.test("warm/looks"), place.test("warm/reaches"));
    let templates: Vec<_> = reaches.machines.iter().map(|machine| of(&machine.id)).collect();
    assert_eq!((templates.len(), &templates[0]), (2, &templates[1]));
    assert_ne!(templates[0], of(&looks.machine.unwrap()), "neither shape is taken for the other");
    let health = place.test("machine/health");
    assert_eq!((health.outcome, health.assertions), (Outcome::Pass, 2), "both boots count");
}

#[test]
fn two_runs_at_once_make_one_template() {
    let home = Place::new();
    let cache = cache(&home, "lab-tiny");
    let runs = [Run::begin(&cache, SUITE), Run::begin(&cache, SUITE)];
    let records = runs.map(|run| {
        let (_place, finished, record) = run.end();
        finished.assert_status(0);
        record
    });
    assert_eq!(records.iter().map(booted).sum::<usize>(), 1, "{:?}", records.each_ref().map(|record| &record.notices));
    let waited = records.iter().find(|record| booted(record) == 0).unwrap();
    assert!(said(waited, "another run makes its template just now"), "{:?}", waited.notices);
    assert!(template(&cache).join("template.json").is_file());
    // With nobody left who uses it, it may go; an image that is of the present recipe may not.
    let mut prune = home.command(&["images", "prune", "--all", "--format", "json"]);
    let child = prune.env("MUSTER_CACHE", &cache).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pruned = finish(child, Duration::from_secs(60));
    pruned.assert_status(0);
    let said: Value = serde_json::from_str(&pruned.stdout).unwrap();
    assert!(said["bytes"].as_u64().unwrap() > 1 << 20, "{said}");
    assert_eq!(said["kept"], json!([]));
    let left: Vec<_> = std::fs::read_dir(cache.join("templates")).unwrap().flatten().map(|e| e.file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(std::fs::read_dir(cache.join("images")).unwrap().count(), 1);
}
