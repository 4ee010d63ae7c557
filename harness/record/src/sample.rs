//! A run with everything in it, hostile text included, for the tests of every report.

use std::collections::{BTreeMap, BTreeSet};

use crate::boot::{BootMoment, BootPart, BootRecord};
use crate::deciding::DecidingFile;
use crate::event::Event;
use crate::facts::Facts;
use crate::finding::{Finding, OnMachine, Severity};
use crate::met::MetRecord;
use crate::outcome::Outcome;
use crate::run::{
    Accelerator, AttemptRecord, ImageRecord, IssueRecord, KernelRecord, MachineRecord, ProductRecord, Ruled, RunRecord,
    SuiteRecord, TestRecord,
};
use muster_base::failure::{self, Failure, FailureId, Location};

/// How many tests the run has.
pub const TESTS: usize = 11;

/// What a hostile guest may print: the end of a CDATA section, markup, control and escape bytes, a
/// line that pretends to be a verdict, text that runs right to left, and what XML 1.0 forbids.
pub const HOSTILE: &str = "]]></failure></testcase><testcase name=\"forged\" classname=\"x\"/><!-- \
     \x00\x07\x1b[2J\x1b]0;owned\x07\x7f\u{9b}31m\u{202e}\u{fffe}\u{ffff}\u{fdd0} &amp; &#27; \r\nPASS base/forged [lab]\r\n\
     [[ATTACHMENT|/etc/passwd]]\n";

/// Puts hostile text into every field of a test that holds text, but for the names by which tests are told apart.
pub fn make_hostile(record: &mut RunRecord) {
    for test in &mut record.tests {
        test.summary = HOSTILE.into();
        test.tags = vec![HOSTILE.into()];
        test.links = vec![HOSTILE.into()];
        test.rerun = HOSTILE.into();
        test.remarks = vec![HOSTILE.into()];
        test.location.file = HOSTILE.into();
        for failure in test.failures.iter_mut().chain(&mut test.skipped) {
            failure.message = HOSTILE.into();
            failure.expected = Some(HOSTILE.into());
            failure.actual = Some(String::from_utf8_lossy(b"\xed\xa0\x80\xff\xfe").into_owned());
            failure.detail = Some(HOSTILE.into());
        }
    }
}

/// A SHA-256 that is none of anything.
pub fn digest(byte: u8) -> String {
    format!("{byte:02x}").repeat(32)
}

/// A test that is named `suite/test` and ended so, with what such a test has to show and nothing else.
pub fn ended(name: &str, outcome: Outcome) -> TestRecord {
    let (suite, id) = name.split_once('/').expect("suite/test");
    let mut test = self::test(suite, id, outcome);
    let miss = Failure::new(FailureId::of_check("package", "version"), "package nginx: version 1.2 is not as expected");
    match outcome {
        Outcome::Pass => {}
        Outcome::Fail | Outcome::Known | Outcome::Flaky => test.failures = vec![miss],
        Outcome::Error => test.failures = vec![Failure::new(failure::SSH_LOST, "the connection broke after 3 s")],
        Outcome::Skip => test.skipped = Some(Failure::new(failure::SKIP_WHEN, "arch == aarch64: it is x86_64")),
        Outcome::NotRun => test.skipped = Some(Failure::new(failure::NOT_RUN_MACHINE, "no machine")),
    }
    test
}

/// A test that ended so, with a value in every field that can have one.
pub fn test(suite: &str, id: &str, outcome: Outcome) -> TestRecord {
    TestRecord {
        suite: suite.into(),
        test: id.into(),
        image: "lab".into(),
        outcome,
        summary: format!("why {id} matters"),
        tags: vec!["tier1".into()],
        links: vec!["https://example.org/doc?a=1&b=2".into()],
        location: Location { file: format!("suites/{suite}.yaml").into(), line: 14, column: 5 },
        started: Some("2026-03-01T10:00:05.250Z".into()),
        seconds: 1.2345,
        assertions: 3,
        met: vec![],
        met_left_out: 0,
        failures: vec![],
        skipped: None,
        remarks: vec![],
        attempts: vec![],
        earlier: vec![],
        kept_from: None,
        issue: None,
        machine: Some("m1".into()),
        machines: vec![],
        capsule: None,
        rerun: format!("muster run suites/{suite}.yaml --image lab --test {suite}/{id}"),
    }
}

fn on(image: &str, mut test: TestRecord) -> TestRecord {
    test.image = image.into();
    test
}

fn failed(mut test: TestRecord, failures: Vec<Failure>) -> TestRecord {
    test.failures = failures;
    test
}

fn unstarted(mut test: TestRecord) -> TestRecord {
    (test.started, test.machine, test.seconds, test.assertions) = (None, None, 0.0, 0);
    (test.met, test.met_left_out) = (Vec::new(), 0);
    test
}

fn place(line: u32, column: u32) -> Location {
    Location { file: "suites/base.yaml".into(), line, column }
}

/// The tests as they end.
pub fn tests() -> Vec<TestRecord> {
    let version = Failure {
        expected: Some("version >= 1:1.26".into()),
        actual: Some("1:1.20-3".into()),
        detail: Some("rpm -q nginx\nnginx-1.20-3.x86_64".into()),
        ..Failure::new(FailureId::of_check("package", "version"), "package nginx: version is not as expected")
    };
    let diff = "-net.ipv4.ip_forward = 0\n+net.ipv4.ip_forward = 1\n".to_owned();
    let snapshot = Failure::new(failure::SNAPSHOT_CHANGED, "snapshot sysctl changed").with_detail(diff);
    let hostile = Failure {
        expected: Some("stdout: ok\tthen".into()),
        actual: Some(HOSTILE.into()),
        detail: Some(HOSTILE.repeat(2) + &"line\n".repeat(60)),
        ..Failure::new(failure::STEP_RUN, HOSTILE)
    };
    let mut skipped = unstarted(test("base", "selinux-enforcing", Outcome::Skip));
    skipped.skipped = Some(Failure::new(failure::SKIP_WHEN, "selinux == enforcing: the kernel has no SELinux"));
    let mut needed = unstarted(test("base", "nginx-after-reboot", Outcome::Skip));
    needed.skipped = Some(Failure::new(failure::SKIP_NEED, "it needs nginx-version, which failed"));
    let mut known = failed(
        test("base", "known", Outcome::Known),
        vec![Failure::new(FailureId::of_check("unit", "state"), "unit foo.service: state is failed").at(&place(40, 7))],
    );
    known.skipped =
        Some(Failure::new(FailureId::of_check("unit", "state"), "bug 123 until 2026-09-30: foo fails to start"));
    let mut flaky = failed(
        test("base", "flaky", Outcome::Flaky),
        vec![Failure::new(FailureId::of_check("port", "listening"), "port tcp/80: not listening").at(&place(50, 9))],
    );
    flaky.remarks = vec!["coredump: 1 process dumped core".into()];
    flaky.attempts = vec![AttemptRecord {
        machine: Some("m1".into()),
        machines: Vec::new(),
        started: Some("2026-03-01T10:00:04.500Z".into()),
        seconds: 0.5,
        failures: flaky.failures.clone(),
    }];
    known.issue = Some(IssueRecord {
        ruled: Ruled::Known,
        tracker: "bug 123".into(),
        because: "foo fails to start".into(),
        expires: "2026-09-30".into(),
        owner: String::new(),
        location: place(3, 5),
        note: String::new(),
    });
    let lost = Failure::new(failure::SSH_LOST, "the connection broke and did not come back")
        .with_detail("after 3 attempts\n\x1b[31mconnection reset\x1b[0m");
    let no_boot = Failure::new(failure::BOOT_TIMEOUT, "the guest did not answer SSH within 90 s");
    let not_run = |id: &str| {
        let mut test = on("lab-immutable", unstarted(test("base", id, Outcome::NotRun)));
        test.skipped = Some(crate::names::no_machine(&no_boot));
        test
    };
    let health = on("lab-immutable", unstarted(test("machine", "health", Outcome::Error)));
    let health = failed(health, vec![no_boot.clone()]);
    let mut serves = test("base", "nginx-serves", Outcome::Pass);
    serves.met = vec![
        MetRecord::new("package nginx", "version >= 1:1.26", "1:1.28-3.azl4"),
        MetRecord::new("command curl -s localhost", "stdout is not empty", HOSTILE),
    ];
    serves.met_left_out = 1;
    vec![
        serves,
        failed(
            test("base", "nginx-version", Outcome::Fail),
            vec![version.at(&place(21, 9)), snapshot.at(&place(25, 5))],
        ),
        failed(test("base", "hostile", Outcome::Fail), vec![hostile.at(&place(30, 7))]),
        failed(test("kernel.core", "connection", Outcome::Error), vec![lost]),
        skipped,
        needed,
        known,
        flaky,
        not_run("nginx-serves"),
        not_run("nginx-version"),
        health,
    ]
}

/// A finding of that category on the console of a machine of an image that the run has.
///
/// # Panics
/// No machine of the record is of that image.
pub fn crash(record: &RunRecord, image: &str, category: &str, severity: Severity) -> OnMachine {
    let machine = record.machines.iter().find(|machine| machine.image == image).expect("a machine of that image");
    let finding = Finding {
        rule: format!("kernel-{category}").into(),
        category: category.into(),
        severity,
        base_check: None,
        line: String::new(),
        line_number: 7,
        excerpt: Vec::new(),
        excerpt_hit: 0,
    };
    OnMachine { machine: machine.id.clone(), finding }
}

/// A boot of these parts, one after another, which sshd answers a second before its end.
pub fn boot(parts: &[(&str, f64)]) -> BootRecord {
    let mut end = 0.0;
    let mut part = |(name, seconds): &(&str, f64)| {
        let start = end;
        end += seconds;
        BootPart { name: (*name).to_owned(), start, seconds: *seconds }
    };
    let parts = parts.iter().map(&mut part).collect();
    let moment = |name: &str, at| BootMoment { name: name.to_owned(), at };
    BootRecord { parts, moments: vec![moment("sshd-answers", end - 1.0), moment("boot-finished", end)] }
}

/// The events of the run, with every kind of event.
pub fn events() -> Vec<Event> {
    let suite =
        |file: &str| SuiteRecord { file: file.into(), summary: "what it is for".into(), sha256: "cd".repeat(32) };
    let planned = tests()
        .into_iter()
        .map(|test| {
            let mut test = unstarted(test);
            test.outcome = Outcome::Error;
            test.skipped = None;
            test.remarks.clear();
            test.failures =
                vec![Failure::new(failure::RUN_INTERRUPTED, "the run was interrupted before this test ended")];
            test
        })
        .collect();
    let facts = Facts {
        os_release: BTreeMap::from([("ID".into(), "lab".into()), ("VERSION_ID".into(), "1".into())]),
        arch: "x86_64".into(),
        kernel: "6.12.0-lab".into(),
        boot_id: "0f0e0d0c-0b0a-0908-0706-050403020100".into(),
        systemd: Some(257),
        package_manager: Some("dnf4".into()),
        dpkg: None,
        rpm: Some("4.20.1".into()),
        selinux: None,
        firmware: "uefi".into(),
        openssl_provider: Some("default".into()),
        mode: "package".into(),
        capabilities: BTreeSet::from(["rpmdb".into(), "systemd".into()]),
        tools: BTreeSet::from(["rpm".into(), "ss".into()]),
        kconfig: Some("/boot/config-6.12.0-lab".into()),
        unread: BTreeMap::from([("secure-boot".into(), "the EFI variables cannot be read".into())]),
        kernel_from: Some("image".into()),
        products: Vec::new(),
        disk: Some(crate::disk::DiskFacts {
            format: "qcow2".into(),
            virtual_size: 2 << 30,
            file_size: 300 << 20,
            subformat: Some("fixed".into()),
            table: Some(crate::disk::Table {
                kind: "gpt".into(),
                backup: Some(true),
                damage: None,
                partitions: vec![crate::disk::Partition {
                    kind: "esp".into(),
                    name: "EFI".into(),
                    start: 1 << 20,
                    size: 64 << 20,
                }],
            }),
            unreadable: None,
            boot_code: Some(true),
            esp: Some(crate::disk::Esp {
                formatted: true,
                first: Some(crate::efi_program::EfiProgram::Shim),
                second: Some(crate::efi_program::EfiProgram::SystemdBoot),
                ukis: vec!["lab.efi".into()],
                default: Some("lab*".into()),
                unreadable: None,
            }),
            root: Some(crate::root_tree::RootTree {
                labels: Some(BTreeMap::from([("containers.bootc".into(), "1".into())])),
                kernels: vec!["6.12.0-lab".into()],
                without_initramfs: vec!["6.12.0-lab".into()],
                ukis: vec!["lab.efi".into()],
                boot: Some(vec!["EFI".into()]),
                boot_programs: vec![crate::efi_program::EfiProgram::Shim],
                rpm: true,
                rpm_databases: vec!["/usr/share/rpm".into()],
                rpm_journal: Some(crate::root_tree::RpmJournal::Rollback),
                composefs: true,
                ostree_root: true,
                malformed_kargs: vec!["10-lab.conf".into()],
                leftovers: vec!["/run/lock".into()],
            }),
        }),
    };
    let image = |path: &str| ImageRecord {
        path: path.into(),
        format: "qcow2".into(),
        sha256: "ab".repeat(32),
        enter: Some(format!("muster boot --image {path} --cpus 2")),
        ..ImageRecord::default()
    };
    let starting = |machine: &str, image: &str| Event::MachineStarting {
        machine: machine.into(),
        image: image.into(),
        cloned_from: None,
        deadline_seconds: 90.0,
        at: Some("2026-03-01T10:00:01.125Z".into()),
    };
    let ended = |id: &str, image: &str, boot: Option<f64>, end: &str| Event::MachineEnded {
        record: MachineRecord {
            id: id.into(),
            image: image.into(),
            boot_seconds: boot,
            firmware: boot.map(|_| "02".repeat(32)),
            firmware_variables: boot.map(|_| "04".repeat(32)),
            ended: Some("2026-03-01T10:02:00.500Z".into()),
            end: Some(end.into()),
            ..MachineRecord::default()
        },
    };
    let mut events = vec![
        Event::RunStarted {
            id: "2026-03-01T10-00-00-7f3a".into(),
            muster: "0.1.0".into(),
            binary: Some("01".repeat(32)),
            at: "2026-03-01T10:00:00Z".into(),
            arguments: vec!["run".into(), "--image".into(), "lab".into()],
            earlier: vec![],
            shard: None,
            files: vec![DecidingFile {
                role: crate::deciding::KNOWN_ISSUES.into(),
                sha256: "03".repeat(32),
                file: "known.yaml".into(),
            }],
        },
        Event::Planned {
            suites: BTreeMap::from([
                ("base".into(), suite("suites/base.yaml")),
                ("kernel.core".into(), suite("suites/kernel.yaml")),
            ]),
            tests: planned,
            kept: Vec::new(),
        },
        Event::AcceleratorChosen {
            accelerator: Accelerator {
                kind: "tcg".into(),
                reason: "/dev/kvm opens, but two million instructions took 2.1 s".into(),
                deadline_scale: 10.0,
                host_arch: Some("x86_64".into()),
            },
        },
        Event::Notice { text: "the seed of lab-immutable was ignored".into() },
        Event::ImageReady { image: "lab".into(), record: Box::new(image("images/lab.qcow2")) },
        Event::ImageReady { image: "lab-immutable".into(), record: Box::new(image("images/lab-immutable.qcow2")) },
        starting("m1", "lab"),
        starting("m2", "lab-immutable"),
        Event::Booting { machine: "m2".into(), line: "[    4.1] systemd[1]: Starting\x1b[2J a job".into() },
        Event::LoginRefused { machine: "m2".into(), user: "azure\x1b[2Juser".into(), times: 12 },
        Event::MachineReady {
            machine: "m1".into(),
            boot_seconds: 31.5,
            boot: Some(boot(&[
                ("firmware", 2.0),
                ("loader", 3.5),
                ("kernel", 6.0),
                ("initrd", 7.5),
                ("userspace", 11.5),
            ])),
            facts: Some(Box::new(facts)),
        },
        Event::ProductsInstalled {
            machine: "m1".into(),
            products: vec![ProductRecord {
                file: "dist/app-1.2-1.rpm".into(),
                sha256: "cd".repeat(32),
                package: "app-1.2-1.fc43.x86_64".into(),
            }],
        },
        Event::KernelBooted {
            machine: "m1".into(),
            kernel: KernelRecord {
                package: "kernel-6.18.1-1.fc43".into(),
                release: "6.18.1-1.fc43.x86_64".into(),
                files: vec![ProductRecord {
                    file: "build/kernel-core-6.18.1-1.fc43.x86_64.rpm".into(),
                    sha256: "d".repeat(64),
                    package: "kernel-core-6.18.1-1.fc43.x86_64".into(),
                }],
            },
        },
    ];
    for record in tests() {
        if record.started.is_some() {
            events.push(Event::TestStarted {
                suite: record.suite.clone(),
                test: record.test.clone(),
                image: record.image.clone(),
                machine: record.machine.clone().unwrap_or_default(),
            });
        }
        events.push(Event::TestFinished { record: Box::new(record) });
    }
    events.extend([
        Event::ConsoleFinding(OnMachine {
            machine: "m2".into(),
            finding: Finding {
                rule: "kernel-panic".into(),
                category: "kernel-panic".into(),
                severity: Severity::Fatal,
                base_check: Some("crash".into()),
                line: "Kernel panic - not syncing: \x1b[31mVFS: Unable to mount root fs".into(),
                line_number: 812,
                excerpt: Vec::new(),
                excerpt_hit: 0,
            },
        }),
        Event::MachineFailure {
            image: "lab-immutable".into(),
            failure: muster_base::failure::Failure::new(
                muster_base::failure::BASE_FAILED_UNITS,
                "after the boot of m2: the unit x\x1b[2J has failed",
            ),
        },
        ended("m1", "lab", Some(31.5), "frozen"),
        Event::MachineStarting {
            machine: "m3".into(),
            image: "lab".into(),
            cloned_from: Some("m1".into()),
            deadline_seconds: 90.0,
            at: Some("2026-03-01T10:01:00.000Z".into()),
        },
        Event::MachineReady { machine: "m3".into(), boot_seconds: 0.75, boot: None, facts: None },
        Event::MachineEnded {
            record: MachineRecord {
                id: "m3".into(),
                image: "lab".into(),
                cloned_from: Some("m1".into()),
                started: None,
                ended: Some("2026-03-01T10:01:30.000Z".into()),
                qemu: Some("10.0.2 (Debian 1:10.0.2+ds-2)".into()),
                firmware: None,
                firmware_variables: None,
                channel: Some("warm-shell".into()),
                boot_seconds: Some(0.75),
                boot: None,
                private_mib: Some(120),
                guest_seconds: Some(3.25),
                rescues: 1,
                last_seen: None,
                end: Some("killed".into()),
            },
        },
        // It never answered, and its console said when the kernel began.
        match ended("m2", "lab-immutable", None, "killed") {
            Event::MachineEnded { mut record } => {
                record.boot = Some(BootRecord { moments: Vec::new(), ..boot(&[("firmware", 2.25), ("loader", 3.25)]) });
                Event::MachineEnded { record }
            }
            other => other,
        },
        Event::RunFinished { at: "2026-03-01T10:02:03Z".into(), interrupted: false, exit_code: 1 },
    ]);
    events
}
