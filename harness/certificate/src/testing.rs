//! Runs, evidence and statements for the tests of this crate.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use muster_base::text::hex;
use muster_gate::profile::{Profile, ProfileSuite, ProfileTest};
use muster_record::facts::Facts;
use muster_record::json;
use muster_record::outcome::Outcome;
use muster_record::run::{Accelerator, ImageRecord, MachineRecord, ProductRecord, RunRecord, SuiteRecord, TestRecord};
pub(crate) use muster_record::sample::{digest, ended as test};
use muster_suite::testing::VOCABULARY;

use crate::compute::compute;
use crate::evidence::{Evidence, POLICY, PROFILE, RunEvidence, run_file, waivers_file};
use crate::model::{Assurance, CertificateStatement, Claim, EvidenceFile, PREDICATE_TYPE, PageForm};
use crate::refusal::Refusal;
use crate::sshsig::{NAMESPACE, SshSignature};
use crate::statement::Statement;
use crate::supportable::{Program, SUPPORTABLE, ShippedSuite};

pub(crate) const AT: &str = "2026-11-20T12:00:00Z";
pub(crate) const MUSTER: &str = "1.0";

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// Of a key and bytes that are none: only their form is right.
pub(crate) fn signature() -> SshSignature {
    let mut blob = b"SSHSIG\0\0\0\x01".to_vec();
    for part in [b"a key".as_slice(), NAMESPACE.as_bytes(), b"", b"sha512", b"a signature"] {
        blob.extend(u32::try_from(part.len()).expect("short").to_be_bytes());
        blob.extend(part);
    }
    SshSignature::parse(&blob).expect("a signature")
}

/// The tests of the suite `supportable`, as far as the tests of this crate have it.
pub(crate) const SHIPPED: [&str; 2] = ["kernel-untainted", "core-packages-intact"];

/// The suite.
pub(crate) fn shipped() -> ShippedSuite {
    ShippedSuite { sha256: digest(4), tests: SHIPPED.map(str::to_owned).into() }
}

/// What the program knows.
pub(crate) fn program(supportable: &ShippedSuite) -> Program<'_> {
    Program { muster: MUSTER, vocabulary: &VOCABULARY, supportable }
}

/// What a certificate is made of.
#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) policy: String,
    pub(crate) profile: Option<String>,
    pub(crate) waivers: Option<String>,
    pub(crate) runs: Vec<RunEvidence>,
}

impl Scene {
    /// Two tests that passed on one image; `more` are other keys of the policy.
    pub(crate) fn new(more: &str) -> Self {
        Self {
            policy: format!("schema: policy/v1\nid: p\ncontext: ship\nprofile: lock\n{more}"),
            profile: Some(profile(&["s/a", "s/b"])),
            waivers: None,
            runs: vec![run("r1", "2026-11-19T10:00:00Z", &[("s/a", Outcome::Pass), ("s/b", Outcome::Pass)])],
        }
    }

    pub(crate) fn evidence(&self) -> Evidence {
        let mut files = Vec::new();
        let mut file = |name: &str, bytes: &[u8]| {
            let sha256 = hex(Sha256::digest(bytes));
            files.push(EvidenceFile { name: name.to_owned(), bytes: bytes.len() as u64, sha256 });
        };
        file(POLICY, self.policy.as_bytes());
        self.profile.iter().for_each(|text| file(PROFILE, text.as_bytes()));
        self.waivers.iter().for_each(|text| file(&waivers_file(1), text.as_bytes()));
        for run in &self.runs {
            file(&run.file, json::render(&run.record).expect("JSON").as_bytes());
        }
        files.sort();
        Evidence {
            files,
            policy: Some(self.policy.clone()),
            profile: self.profile.clone(),
            waivers: self.waivers.iter().map(|text| (waivers_file(1), text.clone())).collect(),
            runs: self.runs.clone(),
            faults: Vec::new(),
        }
    }

    /// As it would be signed, whether or not it may be.
    pub(crate) fn statement(&self) -> (CertificateStatement, Vec<Refusal>) {
        let computed = compute(&self.evidence(), &[], time(AT), MUSTER, &program(&shipped()));
        let found = computed.found.unwrap_or_else(|| panic!("{:#?}", computed.refusals));
        let certificate = found.certificate(Claim {
            identity: Some("me@example.org".to_owned()),
            signed: AT.to_owned(),
            not_after: found.limit.unwrap_or_else(|| time("2027-01-01T00:00:00Z")).to_string(),
            assurance: Assurance::Signer,
            muster: MUSTER.to_owned(),
            page_form: PageForm::NEWEST,
            supersedes: None,
        });
        (Statement::new(certificate.subject(), PREDICATE_TYPE, certificate), computed.refusals)
    }
}

pub(crate) fn profile(names: &[&str]) -> String {
    let test = |name: &&str| ((*name).to_owned(), ProfileTest { sha256: digest(1), tags: vec![] });
    let profile = Profile {
        retired: None,
        schema: "profile/v2".into(),
        id: "lock".into(),
        muster: MUSTER.into(),
        suites: BTreeMap::from([("s".to_owned(), ProfileSuite { sha256: digest(2) })]),
        tests: names.iter().map(test).collect(),
    };
    profile.render().expect("JSON")
}

pub(crate) fn product(byte: u8) -> ProductRecord {
    ProductRecord {
        file: format!("dist/app-{byte}.rpm"),
        sha256: digest(byte),
        package: format!("app-{byte}-1.x86_64"),
    }
}

/// A complete run on the image `lab`.
pub(crate) fn run(id: &str, started: &str, tests: &[(&str, Outcome)]) -> RunEvidence {
    let mut all: Vec<TestRecord> = tests.iter().map(|(name, outcome)| test(name, *outcome)).collect();
    for id in SHIPPED.map(|id| format!("{SUPPORTABLE}/{id}")) {
        if !all.iter().any(|test| test.name() == id) {
            all.push(test(&id, Outcome::Pass));
        }
    }
    all.push(test("machine/health", Outcome::Pass));
    let os_release = [("ID", "azurelinux"), ("VERSION_ID", "4.0"), ("VERSION", "4.0.20261001")];
    let facts = Facts {
        os_release: os_release.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        arch: "x86_64".into(),
        kernel: "6.12.0<script>".into(),
        firmware: "uefi".into(),
        ..Facts::default()
    };
    let image = ImageRecord {
        path: "images/lab.qcow2".into(),
        format: "qcow2".into(),
        sha256: digest(0xab),
        facts: Some(facts),
        ..ImageRecord::default()
    };
    let suite = SuiteRecord { file: "s.yaml".into(), summary: String::new(), sha256: digest(2) };
    let supportable = SuiteRecord { sha256: digest(4), ..SuiteRecord::default() };
    let record = RunRecord {
        schema: "run/v1".into(),
        id: id.into(),
        muster: MUSTER.into(),
        started: started.into(),
        finished: Some(started.into()),
        accelerator: Accelerator { kind: "kvm".into(), ..Accelerator::default() },
        images: BTreeMap::from([("lab".to_owned(), image)]),
        suites: BTreeMap::from([("s".to_owned(), suite), (SUPPORTABLE.to_owned(), supportable)]),
        machines: vec![MachineRecord { id: "m1".into(), image: "lab".into(), ..MachineRecord::default() }],
        tests: all,
        exit_code: Some(0),
        ..RunRecord::default()
    };
    of_record(record)
}

/// As its archive has it, journal and all.
pub(crate) fn of_record(record: RunRecord) -> RunEvidence {
    RunEvidence {
        file: run_file(&record.id),
        record_sha256: hex(Sha256::digest(json::render(&record).expect("JSON"))),
        journal: Some(record.clone()),
        journal_sha256: digest(8),
        record,
        command_lines: BTreeMap::from([("m1".to_owned(), digest(9))]),
    }
}

/// A run whose record was changed, consistently.
pub(crate) fn changed(run: &RunEvidence, change: impl FnOnce(&mut RunRecord)) -> RunEvidence {
    let mut record = run.record.clone();
    change(&mut record);
    of_record(record)
}
