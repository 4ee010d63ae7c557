//! What clones of one template share, and what they must not.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use muster_base::machine::{FirmwareKind, Format, SeedKind};
use muster_engine::driver::{Driver, Frozen, Live, Stop};
use muster_engine::engine::Images;
use muster_engine::sink::Events;
use muster_guest::{End, Request};
use muster_image::{DiskSource, ImageSpec};
use muster_qemu::driver::{Host, HostDriver, HostImages, HostMachine};
use muster_qemu::{AccelRequest, RunKey, Spawner, accel};
use muster_record::event::Event;
use muster_record::outcome::Outcome;

use crate::support::{Place, assert_outcome, finish, lab_disk, machines_below};

pub(crate) fn lab_tiny() -> ImageSpec {
    let mut spec = ImageSpec::new("lab-tiny", DiskSource::Path(lab_disk("lab-tiny")), Format::Qcow2);
    spec.firmware = FirmwareKind::Bios;
    spec.seed = SeedKind::SystemdCredentials;
    spec.memory_mib = 256;
    spec.boot_timeout = Duration::from_secs(60);
    spec
}

/// A host whose machines live in this place, and what it says.
pub(crate) async fn host(place: &Place) -> (Host, Receiver<Event>) {
    let dir = camino::Utf8PathBuf::from_path_buf(place.dir.path().to_owned()).expect("UTF-8");
    let (events, stream) = Events::channel();
    let host = Host {
        versions: std::sync::Arc::default(),
        spawner: Spawner::new().expect("a thread"),
        accel: accel::choose(AccelRequest::Tcg).expect("emulation always works"),
        rules: muster_console::rules::Rules::shipped(),
        key: RunKey::generate(place.dir.path()).await.expect("a key"),
        root: camino::Utf8PathBuf::from_path_buf(crate::support::root()).expect("UTF-8"),
        machines: dir.join("machines"),
        events,
        measured: Default::default(),
        templates: None,
        capsules: None,
    };
    (host, stream)
}

pub(crate) async fn ask(live: &HostMachine, script: &str) -> String {
    let request = Request { script: script.to_owned(), timeout: Duration::from_secs(60), limit: 1 << 20 };
    let replies = live.batch(vec![request]).await.expect("the guest answers");
    let said = String::from_utf8_lossy(&replies[0].stdout).trim().to_owned();
    let error = String::from_utf8_lossy(&replies[0].stderr);
    assert_eq!((replies[0].status, replies[0].end), (0, End::Exited), "{script}: {said} {error}");
    said
}

pub(crate) async fn boot(driver: &HostDriver<'_>) -> HostMachine {
    driver.boot("first", true).await.unwrap_or_else(|failed| panic!("{:?}", failed.failure))
}

pub(crate) async fn start_clone(
    driver: &HostDriver<'_>,
    template: &<HostDriver<'_> as Driver>::Template,
    id: &str,
) -> HostMachine {
    driver.start_clone(template, id).await.unwrap_or_else(|failed| panic!("{:?}", failed.failure))
}

pub(crate) async fn freeze(driver: &HostDriver<'_>, live: HostMachine) -> <HostDriver<'static> as Driver>::Template {
    match driver.freeze(live).await {
        Frozen::Template { template, .. } => template,
        Frozen::Refused { reason, .. } | Frozen::Lost { reason, .. } => panic!("{reason}"),
    }
}

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clones_share_the_past_and_nothing_else() {
    let place = Place::new();
    let (host, _stream) = host(&place).await;
    let images = HostImages::new(&host, [lab_tiny()]);
    let driver = images.prepare("lab-tiny").await.expect("the image is good");
    let live = boot(&driver).await;
    ask(&live, "mkdir -p /srv && echo before >/srv/page && httpd -p 127.0.0.1:7777 -h /srv").await;
    ask(&live, "head -c 65536 /dev/vda >/dev/null").await;
    let template = freeze(&driver, live).await;
    let frozen = Instant::now();
    // The template must be older than the clock may be wrong.
    while frozen.elapsed() < Duration::from_secs(8) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    let read_random = "head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \\n'";
    let mut words = BTreeSet::new();
    let mut boots = BTreeSet::new();
    for id in ["one", "two"] {
        let mut clone = start_clone(&driver, &template, id).await;
        assert_eq!(clone.record().cloned_from.as_deref(), Some("first"));
        assert_eq!(clone.record().channel.as_deref(), Some("warm-shell"));
        let sent = now();
        let clock: f64 = ask(&clone, "date -u +%s").await.parse().expect("a number");
        assert!(clock >= sent - 3.0 && clock <= now() + 3.0, "the clock of {id} is {} s off", clock - sent);

        // Everything a guest makes names and keys from.
        assert!(words.insert(ask(&clone, read_random).await), "the same random bytes twice");
        assert!(words.insert(ask(&clone, "cat /proc/sys/kernel/random/uuid").await), "the same UUID twice");
        ask(&clone, "dmesg | grep -q 'reseeded due to virtual machine fork'").await;
        boots.insert(ask(&clone, "cat /proc/sys/kernel/random/boot_id").await);

        // What was written before is there, what the other clone wrote is not: on the disk, in RAM, or
        // as a process.
        assert_eq!(ask(&clone, "ls /srv /tmp/mine 2>/dev/null || true").await, "/srv:\npage");
        ask(&clone, "head -c 16 /dev/vda | od -An -tx1 | grep -vq 'ff ff ff ff' && echo mine >/tmp/mine").await;
        ask(&clone, "head -c 512 /dev/zero | tr '\\000' '\\377' | dd of=/dev/vda conv=fsync 2>/dev/null").await;
        assert_eq!(ask(&clone, "ps | grep -c '[s]leep 4321' || true").await, "0");
        ask(&clone, "sleep 4321 >/dev/null 2>&1 & true").await;

        // What listened still accepts.
        assert_eq!(ask(&clone, "wget -q -T 20 -O - http://127.0.0.1:7777/page").await, "before");
        clone.log_in().await.expect("sshd lets the run's key in");
        assert_eq!(clone.record().channel.as_deref(), Some("ssh"));
        assert_eq!(ask(&clone, "cat /tmp/mine").await, "mine");
        let (record, hits) = clone.stop(Stop::Discard).await;
        assert_eq!((record.end.as_deref(), hits), (Some("killed"), Vec::new()));
    }
    assert_eq!(words.len(), 4);
    assert_eq!(boots.len(), 1, "they are the same boot");
    drop(template);
    assert!(machines_below(place.dir.path()).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guest_without_virtio_console_is_reached_by_ssh_and_the_record_says_so() {
    let place = Place::new();
    let (host, _stream) = host(&place).await;
    let images = HostImages::new(&host, [lab_tiny()]);
    let driver = images.prepare("lab-tiny").await.expect("the image is good");
    let live = boot(&driver).await;
    // As if its kernel had no driver for them.
    ask(
        &live,
        "cd /sys/bus/virtio/drivers/virtio_console && for d in virtio*; do echo $d >unbind; done; ! ls /dev/vport* 2>/dev/null",
    )
    .await;
    let template = freeze(&driver, live).await;
    let clone = start_clone(&driver, &template, "clone").await;
    assert_eq!(clone.record().channel.as_deref(), Some("ssh"));
    assert_eq!(ask(&clone, "echo here").await, "here");
    let clock: f64 = ask(&clone, "date -u +%s").await.parse().expect("a number");
    assert!((clock - now()).abs() < 3.0);
    clone.stop(Stop::Discard).await;
}

/// A suite of that many tests, each of which changes its guest.
fn mutating(count: usize) -> String {
    let mut suite = String::from("schema: suite/v1\nsuite: many\ntests:\n");
    for number in 0..count {
        suite.push_str(&format!(
            "  - id: t{number}\n    summary: finds nothing of the others\n    guest: clone\n    steps:\n      - run: test ! -e /mark && touch /mark\n"
        ));
    }
    suite
}

#[test]
fn nvme_cannot_be_frozen_and_the_run_says_so_and_boots() {
    let place = Place::new();
    let suite = place.write("many.yaml", &mutating(2));
    let words = ["run", "--suites", suite.to_str().unwrap(), "--image", "lab-tiny", "--bus", "nvme"];
    let mut command = place.command(&words);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    finish(child, Duration::from_secs(300)).assert_status(0);
    let record = place.record();
    assert_eq!(record.machines.len(), 2);
    assert!(record.machines.iter().all(|machine| machine.cloned_from.is_none()), "{:?}", record.machines);
    let said = |notice: &String| notice.contains("cannot be made a template") && notice.contains("NVMe");
    assert_eq!(record.notices.iter().filter(|notice| said(notice)).count(), 1, "{:?}", record.notices);
    assert_outcome(&place.test("many/t1"), Outcome::Pass, &[]);
}

#[test]
fn thirty_clones_in_a_row_leave_nothing_behind() {
    let place = Place::new();
    let suite = place.write("many.yaml", &mutating(30));
    let scratch = place.path("tmp");
    std::fs::create_dir(&scratch).unwrap();
    // One at a time, so that what is open between two of them can be compared.
    let words = ["run", "--suites", suite.to_str().unwrap(), "--image", "lab-tiny", "--jobs", "1"];
    let mut command = place.command(&words);
    let child = command.env("TMPDIR", &scratch).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (id, events) = (child.id(), place.path("run").join("events.jsonl"));
    // The fewest descriptors that the runner had while the first, and while the last, clones ran.
    let watcher = std::thread::spawn(move || {
        let (mut early, mut late) = (usize::MAX, usize::MAX);
        while let Ok(open) = std::fs::read_dir(format!("/proc/{id}/fd")) {
            let open = open.count();
            let ended = std::fs::read_to_string(&events).unwrap_or_default().matches("\"test-finished\"").count();
            match ended {
                3..=6 => early = early.min(open),
                24..=29 => late = late.min(open),
                _ => {}
            }
            if open == 0 {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        (early, late)
    });
    let finished = finish(child, Duration::from_secs(500));
    finished.assert_status(0);
    let (early, late) = watcher.join().unwrap();
    // A busy host may never catch the runner between two clones, and then sees what one of them has open
    // (a dozen). One descriptor lost with each clone would be twenty.
    assert!(early < 1000 && late <= early + 15, "{early} descriptors at first, {late} at last");

    let record = place.record();
    let clones = record.machines.iter().filter(|machine| machine.cloned_from.is_some()).count();
    assert_eq!((record.machines.len(), clones), (31, 30));
    assert!(record.tests.iter().all(|test| test.outcome == Outcome::Pass));
    assert!(machines_below(place.dir.path()).is_empty());
    let left: Vec<_> = std::fs::read_dir(&scratch).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
    let known = BTreeSet::from(["console.log", "qemu.log", "qemu-command", "facts.json"]);
    for machine in std::fs::read_dir(place.path("run").join("machines")).unwrap().flatten() {
        for file in std::fs::read_dir(machine.path()).unwrap().flatten() {
            let name = file.file_name().into_string().unwrap();
            assert!(known.contains(name.as_str()) && file.file_type().unwrap().is_file(), "{}", file.path().display());
        }
    }
    // The key of the run goes with it.
    let names = std::fs::read_dir(place.path("run")).unwrap().flatten().map(|entry| entry.file_name());
    let keys: Vec<_> = names.filter(|name| name.to_string_lossy().starts_with("key-")).collect();
    assert!(keys.is_empty(), "{keys:?}");
}
