//! Runs, keys and certificates in a place of their own.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use camino::Utf8Path;
use muster_base::failure::{Failure, FailureId};
use muster_base::text::hex;
use muster_certificate::envelope::{Envelope, pae};
use muster_certificate::model::CertificateStatement;
use muster_certificate::parts;
use muster_certificate::sshsig::SshSignature;
use muster_certificate::test_result::test_result;
use muster_record::event::Event;
use muster_record::facts::Facts;
use muster_record::fold::Recorder;
use muster_record::journal::Journal;
use muster_record::layout::RunDir;
use muster_record::outcome::Outcome;
use muster_record::run::{Accelerator, ImageRecord, MachineRecord, SuiteRecord, TestRecord};
use muster_record::sample;
use muster_report::evidence::Base;
use muster_report::written::{self, Chosen, ReportInput};
use sha2::{Digest as _, Sha256};

use crate::support::{Finished, Place};

const SUITE: &str = "schema: suite/v1
suite: s
tests:
- {id: a, summary: x, tags: [tier0], expect: {package: {bash: {installed: true}}}}
- {id: b, summary: y, expect: {package: {sed: {installed: true}}}}
";

/// The suite that must have passed where something is certified, as muster ships it.
const SUPPORTABLE: &str = include_str!("../../../suites/supportable.yaml");

/// SHA-256 of the file `image`.
pub(super) const IMAGE: &str = "6105d6cc76af400325e94d588ce511be5bfdbb73b437dc51eca43917d7a43e3d";

pub(super) fn sha256(bytes: &[u8]) -> String {
    hex(Sha256::digest(bytes))
}

/// The ids of the reasons in what was printed, in order.
pub(super) fn ids(text: &str) -> Vec<String> {
    let id = regex::Regex::new(r"(?m)^  ([a-z]+\.[a-z-]+): ").expect("a constant");
    id.captures_iter(text).map(|found| found[1].to_owned()).collect()
}

/// The tests of the suite `supportable`, all passed.
pub(super) fn supportable() -> Vec<(&'static str, Outcome)> {
    let tests: Vec<_> =
        SUPPORTABLE.lines().filter_map(|line| line.strip_prefix("  - id: ")).map(|id| (id, Outcome::Pass)).collect();
    assert!(tests.len() > 5, "{tests:?}");
    tests
}

pub(super) struct Scene {
    pub(super) place: Place,
    digest: String,
}

impl Scene {
    /// A suite, its profile, a policy, an image, two keys, and a file of signers with the first.
    pub(super) fn new(policy: &str) -> Self {
        let mut scene = Self { place: Place::new(), digest: String::new() };
        scene.place.write("s.yaml", SUITE);
        scene.place.write("image", "image");
        scene.place.write("policy.yaml", &format!("schema: policy/v1\nid: p\ncontext: ship\nprofile: p\n{policy}"));
        scene.muster(&["profile", "lock", "--suites", "@s.yaml", "-o", "@p.lock.json"]).assert_status(0);
        let lock: serde_json::Value = serde_json::from_str(&scene.read("p.lock.json")).expect("JSON");
        scene.digest = lock["suites"]["s"]["sha256"].as_str().expect("a digest").to_owned();
        for key in ["key", "other-key"] {
            let path = scene.path(key);
            let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(path).status();
            assert!(made.expect("ssh-keygen runs").success());
        }
        scene.signers("me@example.org");
        scene
    }

    /// The file of signers: what stands before the key.
    pub(super) fn signers(&self, before: &str) {
        self.place.write("signers", &format!("{before} {}", self.read("key.pub")));
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.place.path(name)
    }

    pub(super) fn read(&self, name: &str) -> String {
        let path = self.path(name);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }

    /// A name that begins with `@` is a file of the place.
    pub(super) fn named(&self, word: &str) -> String {
        word.strip_prefix('@').map_or_else(|| word.to_owned(), |name| self.path(name).to_string_lossy().into_owned())
    }

    pub(super) fn muster(&self, words: &[&str]) -> Finished {
        let words: Vec<String> = words.iter().map(|word| self.named(word)).collect();
        self.place.run(&words.iter().map(String::as_str).collect::<Vec<_>>(), Duration::from_secs(120))
    }

    pub(super) fn certify_words<'w>(&self, words: &[&'w str], out: &'w str) -> Vec<&'w str> {
        let fixed = ["certify", "--policy", "@policy.yaml", "--key", "@key", "--identity", "me@example.org", "-o", out];
        fixed.into_iter().chain(words.iter().copied()).collect()
    }

    pub(super) fn certify(&self, words: &[&str], out: &str) -> Finished {
        self.muster(&self.certify_words(words, out))
    }

    pub(super) fn verify(&self, dir: &str, words: &[&str]) -> Finished {
        let fixed = ["verify", dir, "--signers", "@signers"];
        self.muster(&fixed.iter().chain(words).copied().collect::<Vec<_>>())
    }

    /// What `ssh-keygen` prints, in the place.
    pub(super) fn keygen(&self, words: &[&str], input: &str) -> String {
        let input = std::fs::File::open(self.path(input)).expect("the input");
        let mut command = Command::new("ssh-keygen");
        command.args(words).current_dir(self.place.dir.path()).stdin(input).stderr(Stdio::piped());
        let out = command.output().expect("ssh-keygen runs");
        assert!(out.status.success(), "{words:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    /// The directory of a run with these outcomes, which began yesterday, in which all tests of the suite `supportable` passed;
    /// `change` changes what happened.
    pub(super) fn run(&self, name: &str, tests: &[(&str, Outcome)], change: impl FnOnce(&mut Vec<Event>)) {
        self.run_of(name, tests, &supportable(), change);
    }

    /// The same with these tests of the suite.
    pub(super) fn run_of(
        &self,
        name: &str,
        tests: &[(&str, Outcome)],
        supportable: &[(&str, Outcome)],
        change: impl FnOnce(&mut Vec<Event>),
    ) {
        let started = jiff::Timestamp::from_second(jiff::Timestamp::now().as_second() - 86_400).expect("a time");
        let mut all: Vec<TestRecord> = tests.iter().map(|(id, outcome)| sample::test("s", id, *outcome)).collect();
        all.extend(supportable.iter().map(|(id, outcome)| sample::test("supportable", id, *outcome)));
        all.push(sample::test("machine", "health", Outcome::Pass));
        for test in &mut all {
            let failure = Failure::new(FailureId::of_check("package", "version"), "package sed: 4.9 is not expected");
            match test.outcome {
                Outcome::Fail | Outcome::Known => test.failures = vec![failure],
                Outcome::Skip => test.skipped = Some(failure),
                _ => {}
            }
        }
        let suite = SuiteRecord { file: "s.yaml".into(), summary: String::new(), sha256: self.digest.clone() };
        let of_text = |sha256| SuiteRecord { file: "supportable.yaml".into(), summary: String::new(), sha256 };
        let shipped = ("supportable".to_owned(), of_text(sha256(SUPPORTABLE.as_bytes())));
        let os_release = [("ID", "lab"), ("VERSION_ID", "1")];
        let facts = Facts {
            os_release: os_release.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            arch: "x86_64".into(),
            kernel: "6.12".into(),
            ..Facts::default()
        };
        let image =
            ImageRecord { path: "image".into(), format: "raw".into(), sha256: IMAGE.into(), ..ImageRecord::default() };
        let mut events = vec![
            Event::RunStarted {
                binary: None,
                id: name.into(),
                muster: "0.1.0".into(),
                at: started.to_string(),
                arguments: vec!["run".into()],
                earlier: vec![],
                shard: None,
                files: vec![],
            },
            Event::Planned {
                suites: BTreeMap::from([("s".to_owned(), suite), shipped]),
                tests: all.clone(),
                kept: Vec::new(),
            },
            Event::AcceleratorChosen {
                accelerator: Accelerator {
                    kind: "tcg".into(),
                    reason: "no KVM".into(),
                    deadline_scale: 1.5,
                    host_arch: Some("x86_64".into()),
                },
            },
            Event::ImageReady { image: "lab".into(), record: Box::new(image) },
            Event::MachineStarting {
                machine: "m1".into(),
                image: "lab".into(),
                cloned_from: None,
                deadline_seconds: 90.0,
                at: None,
            },
            Event::MachineReady {
                machine: "m1".into(),
                boot_seconds: 31.123,
                facts: Some(Box::new(facts)),
                boot: None,
            },
        ];
        events.extend(all.into_iter().map(|test| Event::TestFinished { record: Box::new(test) }));
        let ended = MachineRecord {
            id: "m1".into(),
            qemu: Some("10.0.2".into()),
            end: Some("killed".into()),
            ..MachineRecord::default()
        };
        events.push(Event::MachineEnded { record: ended });
        events.push(Event::RunFinished { at: started.to_string(), interrupted: false, exit_code: 0 });
        change(&mut events);
        self.write_run(name, &events);
    }

    fn write_run(&self, name: &str, events: &[Event]) {
        let path = self.path(name);
        let root = Utf8Path::from_path(&path).expect("UTF-8");
        let dir = RunDir::create(root).expect("a directory");
        let mut journal = Journal::create(&dir.events()).expect("a journal");
        events.iter().for_each(|event| journal.append(event).expect("an event"));
        let record = Recorder::fold(events);
        let base = Base::of(root, None).expect("a base");
        let source = ReportInput { record: &record, before: None, dir: &dir, base: &base };
        written::write(source, &Chosen::of(["junit"], true), root).expect("reports");
        std::fs::create_dir(path.join("machines/m1")).expect("a directory");
        std::fs::write(path.join("machines/m1/qemu-command"), "qemu-system-x86_64\n").expect("a file");
    }

    /// Changes these files of a run after its end.
    pub(super) fn edit_run(&self, name: &str, from: &str, to: &str, files: &[&str]) {
        for file in files {
            let path = self.path(&format!("{name}/{file}"));
            let text = std::fs::read_to_string(&path).expect("a file");
            assert!(text.contains(from), "{file} has no {from}");
            std::fs::write(&path, text.replace(from, to)).expect("written");
        }
    }

    /// The payload of an envelope.
    pub(super) fn payload(&self, name: &str) -> serde_json::Value {
        let envelope = Envelope::parse(&self.read(name)).expect("an envelope");
        serde_json::from_slice(&envelope.payload).expect("JSON")
    }

    fn sign(&self, key: &str, namespace: &str, bytes: &[u8]) -> SshSignature {
        std::fs::write(self.path("to-sign"), bytes).expect("written");
        let key = self.named(&format!("@{key}"));
        SshSignature::of_armor(&self.keygen(&["-Y", "sign", "-f", &key, "-n", namespace], "to-sign")).expect("signed")
    }

    /// Signs a certificate anew with this key: its statement as text, changed. All files follow from it.
    pub(super) fn sign_again(&self, dir: &str, key: &str, namespace: &str, change: impl FnOnce(String) -> String) {
        let envelope = Envelope::parse(&self.read(&format!("{dir}/certificate.json"))).expect("an envelope");
        let text = change(String::from_utf8(envelope.payload).expect("UTF-8"));
        let statement: CertificateStatement = serde_json::from_str(&text).expect("a statement");
        let sign = |payload: &[u8]| self.sign(key, namespace, &pae(payload));
        let signature = sign(&parts::payload(&statement).expect("JSON"));
        let result = sign(&parts::payload(&test_result(&statement.predicate)).expect("JSON"));
        for (name, bytes) in parts::files(&statement, &signature, &result).expect("the files") {
            std::fs::write(self.path(&format!("{dir}/{name}")), bytes).expect("written");
        }
    }

    /// Puts the archive of a run in a certificate, and signs it anew with the new digests: what a liar does.
    pub(super) fn replace_run(&self, dir: &str, run: &str) {
        let zip = format!("{dir}/evidence/{run}.zip");
        let old = std::fs::read(self.path(&zip)).expect("the archive");
        let statement = self.payload(&format!("{dir}/certificate.json"));
        let old_record = statement["predicate"]["runs"][0]["record"].as_str().expect("a digest").to_owned();
        std::fs::remove_file(self.path(&zip)).expect("removed");
        self.muster(&["archive", &format!("@{run}"), "-o", &format!("@{zip}")]).assert_status(0);
        let new = std::fs::read(self.path(&zip)).expect("the archive");
        let record = sha256(self.read(&format!("{run}/run.json")).as_bytes());
        self.sign_again(dir, "key", "muster-certificate", |text| {
            let sizes = (format!("\"bytes\":{}", old.len()), format!("\"bytes\":{}", new.len()));
            text.replace(&sha256(&old), &sha256(&new)).replace(&sizes.0, &sizes.1).replace(&old_record, &record)
        });
    }

    /// A copy of a certificate, to change.
    pub(super) fn copy(&self, from: &str, to: &str) {
        let _ = std::fs::remove_dir_all(self.path(to));
        let done = Command::new("cp").arg("-a").arg(self.path(from)).arg(self.path(to)).status().expect("cp runs");
        assert!(done.success());
    }
}
