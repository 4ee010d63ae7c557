//! Writes report pages into a directory, for `ci/report-page`, which opens them in a browser: an ordinary run, a green one,
//! ten hostile ones and one of 10,000 tests. With `--run run.json`, the page of that run alone. Prints how long each took.

use std::error::Error;
use std::time::Instant;

use camino::Utf8Path;
use muster_base::failure::{self, Failure, FailureId, Location};
use muster_record::fold::Recorder;
use muster_record::layout::RunDir;
use muster_record::outcome::Outcome;
use muster_record::run::{AttemptRecord, MachineRecord, RunRecord, TestRecord};
use muster_record::{open, sample};
use muster_report::evidence::Base;
use muster_report::written::{self, ReportInput};

fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [out] => samples(Utf8Path::new(out)),
        [out, "--run", run] => page(Utf8Path::new(out), &open::of_record(Utf8Path::new(run))?, None),
        [out, "--run", run, before] => page(
            Utf8Path::new(out),
            &open::of_record(Utf8Path::new(run))?,
            Some(&open::of_record(Utf8Path::new(before))?),
        ),
        _ => Err("usage: pages DIR [--run RUN.JSON [BEFORE.JSON]]".into()),
    }
}

fn samples(out: &Utf8Path) -> Result<(), Box<dyn Error + Send + Sync>> {
    let ordinary = ordinary(6);
    let before = earlier(&ordinary);
    page(&out.join("ordinary"), &ordinary, Some(&before))?;
    page(&out.join("green"), &green(&ordinary), Some(&ordinary))?;
    page(&out.join("large"), &self::ordinary(239), Some(&before))?;
    page(&out.join("planned"), &Recorder::fold(&sample::events()[..2]), None)?;
    for (number, text) in ATTACKS.iter().enumerate() {
        page(&out.join(format!("hostile-{}", number + 1)), &hostile(text), Some(&before))?;
    }
    Ok(())
}

/// The page of a run, in a run directory with the consoles that its machines could have.
fn page(out: &Utf8Path, record: &RunRecord, before: Option<&RunRecord>) -> Result<(), Box<dyn Error + Send + Sync>> {
    let dir = RunDir::create(out)?;
    for machine in &record.machines {
        std::fs::create_dir_all(dir.machine(&machine.id))?;
        let hostile: String = record.notices.concat();
        let console: String =
            (0..300).map(|n| format!("[{:>5}.{n:06}] unit {n} started {hostile}\n", n / 10)).collect();
        std::fs::write(dir.machine(&machine.id).join("console.log"), console)?;
    }
    let base = Base::of(out, None)?;
    let html = written::registry().iter().find(|report| report.name() == "html").ok_or("no page")?;
    let begun = Instant::now();
    let text = html.render(ReportInput { record, before, dir: &dir, base: &base })?;
    let took = begun.elapsed();
    std::fs::write(out.join(html.file()), &text)?;
    let (tests, bytes) = (record.tests.len(), text.len());
    #[allow(clippy::print_stdout)]
    {
        println!("{out}\t{tests} tests\t{bytes} bytes\t{} ms", took.as_millis());
    }
    Ok(())
}

const IMAGES: [&str; 3] = ["lab-baseline", "lab-candidate", "lab-immutable"];

/// A run on three images, with everything that a page can show; `size` times fourteen tests on each.
fn ordinary(size: usize) -> RunRecord {
    let mut record = Recorder::fold(&sample::events());
    let image = record.images["lab"].clone();
    record.images = IMAGES.iter().map(|name| ((*name).to_owned(), image.clone())).collect();
    record.id = "20260301T100000Z-4711".into();
    record.arguments = ["run", "--image", "lab-*", "--known-issues", "known-issues.yaml"].map(str::to_owned).to_vec();
    record.notices = vec!["the seed of lab-immutable was ignored".into()];
    record.findings.iter_mut().for_each(|found| found.machine = "lab-candidate-1".into());
    record.finished = Some("2026-03-01T10:14:03Z".into());
    record.machines = machines();
    let known = record.tests.iter().find(|test| test.issue.is_some()).and_then(|test| test.issue.clone());
    record.tests = IMAGES.iter().flat_map(|image| tests(size, image)).collect();
    for test in &mut record.tests {
        if test.outcome == Outcome::Known {
            test.issue = known.clone();
        }
    }
    record.exit_code = Some(1);
    record
}

/// The boot of a template.
const TEMPLATE: [(&str, f64); 5] =
    [("firmware", 2.0), ("loader", 3.5), ("kernel", 12.5), ("initrd", 9.0), ("userspace", 33.0)];

fn machines() -> Vec<MachineRecord> {
    let machine = |image: &str, number: usize| MachineRecord {
        id: format!("{image}-{number}"),
        image: image.into(),
        cloned_from: (number > 1).then(|| format!("{image}-1")),
        channel: Some(if number > 1 { "warm-shell" } else { "ssh" }.into()),
        boot_seconds: Some(if number > 1 { 0.6 } else { 61.4 }),
        boot: (number == 1).then(|| sample::boot(&TEMPLATE)),
        private_mib: (number > 1).then_some(164),
        guest_seconds: Some(if number > 1 { 12.5 } else { 99.9 }),
        end: Some(if number > 1 { "killed" } else { "frozen" }.into()),
        ..MachineRecord::default()
    };
    let mut machines: Vec<MachineRecord> =
        IMAGES.iter().flat_map(|image| (1..=12).map(move |number| machine(image, number))).collect();
    machines.extend(boots());
    machines
}

/// Boots beyond the templates: of systems without a part, one of a guest that was slow to let somebody in, one that never answered.
fn boots() -> Vec<MachineRecord> {
    let booted = |image: &str, number: usize, ready: Option<f64>, parts: &[(&str, f64)]| MachineRecord {
        id: format!("{image}-{number}"),
        image: image.into(),
        started: Some("2026-03-01T10:00:01.125Z".into()),
        ended: Some("2026-03-01T10:01:35.625Z".into()),
        boot_seconds: ready,
        boot: Some(sample::boot(parts)),
        end: Some("killed".into()),
        ..MachineRecord::default()
    };
    vec![
        booted(
            "lab-candidate",
            13,
            Some(74.2),
            &[("firmware", 2.1), ("loader", 3.4), ("kernel", 14.2), ("initrd", 9.3), ("userspace", 40.8)],
        ),
        booted("lab-candidate", 14, None, &[("firmware", 2.2), ("loader", 3.3)]),
        booted("lab-immutable", 13, Some(31.9), &[("firmware", 0.4), ("kernel", 11.1)]),
    ]
}

fn tests(size: usize, image: &str) -> Vec<TestRecord> {
    let suites = ["base", "kernel", "security", "fedora-compat", "boot-time", "immutable-host"];
    (0..size * 14)
        .map(|number| {
            let suite = suites[number / 14 % suites.len()];
            let name = NAMES[number % NAMES.len()];
            let id = if number < 14 * suites.len() { name.to_owned() } else { format!("{name}-{}", number / 14) };
            let mut test = sample::test(suite, &id, Outcome::Pass);
            test.image = image.into();
            test.summary = "Software that was built for the distribution relies on it.".into();
            test.tags = vec![if number.is_multiple_of(3) { "tier0" } else { "tier1" }.into(), suite.into()];
            test.seconds = 0.1 + (number % 17) as f64 * 0.37;
            test.machine = Some(format!("{image}-{}", number % 12 + 1));
            test.rerun = format!("muster run --image {image} --test {suite}/{id}");
            test.location =
                Location { file: format!("suites/{suite}.yaml").into(), line: number as u32 + 10, column: 5 };
            outcome(&mut test, number, image);
            test
        })
        .collect()
}

const NAMES: [&str; 14] = [
    "identity",
    "sysctls",
    "no-failed-units",
    "sshd-configuration",
    "crypto-policy",
    "package-manager",
    "mounts",
    "kernel-options",
    "modules-signed",
    "clock",
    "accounts",
    "libraries",
    "first-boot",
    "release-files",
];

/// Two causes of many failures, some of their own, and each other outcome.
fn outcome(test: &mut TestRecord, number: usize, image: &str) {
    let candidate = image == "lab-candidate";
    let fail = |test: &mut TestRecord, failures: Vec<Failure>| {
        test.outcome = Outcome::Fail;
        test.failures = failures.into_iter().map(|failure| failure.at(&test.location.clone())).collect();
    };
    match number % 14 {
        1 if candidate => fail(
            test,
            vec![Failure {
                expected: Some("value is 1".into()),
                actual: Some("0".into()),
                ..Failure::new(FailureId::of_check("sysctl", "value"), "sysctl kernel.dmesg_restrict: expected value is 1, found 0")
            }],
        ),
        2 if candidate => fail(
            test,
            vec![
                Failure::new(failure::BASE_FAILED_UNITS, format!("{} unit failed: lab-agent.service", number / 14 + 1)).with_detail(
                    "× lab-agent.service - agent of the lab\n     Active: failed (Result: exit-code)\n    Process: 812 ExecStart=/usr/bin/lab-agent (code=exited, status=1/FAILURE)",
                ),
            ],
        ),
        3 if candidate && number < 14 => fail(
            test,
            vec![Failure {
                expected: Some("PermitRootLogin no\nPasswordAuthentication no\nX11Forwarding no\nMaxAuthTries 3\n".into()),
                actual: Some("PermitRootLogin no\nPasswordAuthentication yes\nX11Forwarding no\nUseDNS no\nMaxAuthTries 3 \n".into()),
                ..Failure::new(FailureId::of_check("file", "content"), "file /etc/ssh/sshd_config: content is not as expected")
            }],
        ),
        3 if candidate && number < 28 => {
            fail(test, vec![Failure::new(failure::SNAPSHOT_CHANGED, "snapshot sysctl changed").with_detail("  kernel.panic = 0\n-net.ipv4.ip_forward = 0\n+net.ipv4.ip_forward = 1\n")]);
            test.capsule = Some("reports/runs/20260301T100000Z-4711/capsules/lab-candidate-4".into());
        }
        4 => {
            test.outcome = Outcome::Skip;
            test.skipped = Some(Failure::new(failure::SKIP_WHEN, "the test needs capability == crypto-policies (absent here); other distributions configure each library for itself"));
        }
        5 if image == "lab-immutable" => {
            test.outcome = Outcome::Skip;
            test.skipped = Some(Failure::new(failure::SKIP_WHEN, "the test needs capability == package-manager (absent here); an immutable host has none"));
        }
        9 if candidate && number < 14 => {
            test.outcome = Outcome::Error;
            test.failures = vec![Failure::new(failure::SSH_LOST, "the connection broke and did not come back")];
        }
        10 if candidate && number < 28 => {
            test.outcome = Outcome::Known;
            test.failures = vec![Failure::new(FailureId::of_check("unit", "state"), "unit foo.service: state is failed")];
        }
        12 if number < 14 => {
            test.outcome = Outcome::Flaky;
            let failures = vec![Failure::new(FailureId::of_check("port", "listening"), "port tcp/80: not listening")];
            let attempt = |seconds| AttemptRecord {
                machine: test.machine.clone(),
                machines: Vec::new(),
                started: None,
                seconds,
                failures: failures.clone(),
            };
            test.attempts = vec![attempt(2.5), attempt(2.25)];
            test.failures = failures.clone();
        }
        _ => {}
    }
}

/// The night before: one cause of the two was not there, one test failed that passes now.
fn earlier(record: &RunRecord) -> RunRecord {
    let mut before = record.clone();
    before.id = "20260228T100000Z-4242".into();
    before.started = "2026-02-28T10:00:00Z".into();
    before.images.get_mut("lab-candidate").into_iter().for_each(|image| image.sha256 = "cd".repeat(32));
    for test in &mut before.tests {
        let sysctl = test.failures.iter().any(|failure| failure.id.as_str() == "sysctl.value");
        if sysctl {
            (test.outcome, test.failures) = (Outcome::Pass, Vec::new());
        } else if test.test == "clock" && test.image == "lab-baseline" && test.suite == "base" {
            test.outcome = Outcome::Fail;
        } else if test.outcome == Outcome::Skip && test.suite == "kernel" {
            test.outcome = Outcome::Pass;
        }
    }
    before.tests.push(sample::test("base", "retired", Outcome::Pass));
    before.machines.retain(|machine| !machine.id.ends_with("-13") && !machine.id.ends_with("-14"));
    for machine in before.machines.iter_mut().filter(|machine| machine.cloned_from.is_none()) {
        machine.boot_seconds = Some(52.9);
        machine.boot = Some(sample::boot(&[
            ("firmware", 2.0),
            ("loader", 3.4),
            ("kernel", 12.1),
            ("initrd", 8.8),
            ("userspace", 24.7),
        ]));
    }
    before
}

fn green(record: &RunRecord) -> RunRecord {
    let mut green = record.clone();
    green.tests.retain(|test| matches!(test.outcome, Outcome::Pass | Outcome::Skip));
    green.findings.clear();
    green.notices.clear();
    green.exit_code = Some(0);
    green
}

/// What a guest may print to break out of the page, ten ways. A script that runs sets `owned`, opens a dialog or asks
/// the network for something.
const ATTACKS: [&str; 10] = [
    sample::HOSTILE,
    "</script><script>owned=1;alert(1)</script>",
    "</template></style></title></noscript></textarea><img src=http://127.0.0.1:9/x onerror=alert(1)>",
    "\"><svg/onload=alert(1)><iframe src=\"javascript:alert(1)\">",
    "' onmouseover='alert(1)' autofocus onfocus='alert(1)",
    "<!--<script>--><base href=http://127.0.0.1:9/><meta http-equiv=refresh content=\"0;url=http://127.0.0.1:9/\">",
    "javascript:alert(1)",
    "{{script}}${alert(1)}{{constructor.constructor('alert(1)')()}} __proto__ &#60;b&#62;",
    "\u{202e}\u{2066}gnp.exe\u{61c}\u{200b}\u{feff}\x1b]8;;http://127.0.0.1:9/\x07x\x1b]8;;\x07 \u{5e9}\u{5dc}\u{5d5}\u{5dd} A\u{300}\u{301}\u{302}\u{303}",
    "__proto__",
];

/// Ten in every field that holds text, and in the names of its files.
fn hostile(text: &str) -> RunRecord {
    let mut record = ordinary(1);
    let own = |field: &mut String| *field = format!("{text}{field}");
    record.notices = vec![text.into()];
    record.arguments = vec![text.into()];
    record.accelerator.reason = text.into();
    for test in &mut record.tests {
        for field in [&mut test.suite, &mut test.test, &mut test.summary, &mut test.rerun] {
            own(field);
        }
        test.tags = vec![text.into(), "constructor".into(), "__proto__".into()];
        test.links = vec![
            text.into(),
            format!("https://example.org/{text}"),
            format!("javascript:alert(1)//{text}"),
            "data:text/html,<script>alert(1)</script>".into(),
        ];
        test.remarks = vec![text.into()];
        test.location.file = text.into();
        for failure in test.failures.iter_mut().chain(&mut test.skipped) {
            *failure = Failure {
                expected: Some(format!("{text}\nsame\n")),
                actual: Some(format!("same\n{text}\n")),
                detail: Some(text.repeat(5)),
                ..Failure::new(FailureId::of_check("check", text), text)
            };
        }
        if test.outcome == Outcome::Fail {
            test.capsule = Some(text.into());
        }
        if let Some(issue) = &mut test.issue {
            for field in [&mut issue.tracker, &mut issue.because, &mut issue.expires, &mut issue.owner, &mut issue.note]
            {
                *field = text.into();
            }
        }
    }
    for machine in &mut record.machines {
        machine.end = Some(text.into());
        machine.channel = Some(text.into());
        if let Some(boot) = &mut machine.boot {
            boot.parts.iter_mut().for_each(|part| part.name = text.into());
        }
    }
    for found in &mut record.findings {
        found.finding.line = text.into();
    }
    for image in record.images.values_mut() {
        image.path = text.into();
        image.enter = Some(text.into());
        if let Some(facts) = &mut image.facts {
            facts.kernel = text.into();
            facts.os_release.insert("PRETTY_NAME".into(), text.into());
        }
    }
    record
}
