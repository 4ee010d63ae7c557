//! Evidence becomes a certificate. The same function makes one that is to be signed and makes one again that somebody
//! else has signed: what a verifier would refuse is never signed.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use muster_base::text::one_line;
use muster_gate::decide::alone;
use muster_gate::decision::{Decision, PolicyUsed, ProfileUsed, Requirement, RequirementState, WaiverFate};
use muster_gate::inputs::{GateError, GateInputs, NamedFile, RunInput};
use muster_gate::profile::{ENDING, Profile};
use muster_gate::systems;
use muster_record::run::ImageRecord;
use muster_suite::Vocabulary;
use muster_suite::diagnostic::Diagnostics;
use muster_suite::policy::{self, Policy};
use muster_suite::waivers::{self, Waiver};

use crate::evidence::{Evidence, POLICY, PROFILE};
use crate::model::{
    Certificate, Claim, ImageCertified, ImageLeftOut, ProductCertified, RunCertified, SCHEMA, Status, UNKNOWN,
};
use crate::reasons;
use crate::refusal::{Refusal, RefusalId, sorted};
use crate::required;
use crate::results::results;
use crate::runs;
use crate::supportable::{self, Program};

/// What evidence comes to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Computed {
    /// The certificate without its claim; `None` where nothing could be decided.
    pub found: Option<Found>,
    /// Everything for which there is no certificate, in order.
    pub refusals: Vec<Refusal>,
}

/// Everything of a certificate that evidence says.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    products: Vec<ProductCertified>,
    policy: PolicyUsed,
    profile: Option<ProfileUsed>,
    images: Vec<ImageCertified>,
    not_certified: Vec<ImageLeftOut>,
    tests: BTreeMap<String, String>,
    runs: Vec<RunCertified>,
    evidence: Vec<crate::model::EvidenceFile>,
    /// The last moment at which the policy's `max-age` and the waivers let it be valid.
    pub limit: Option<Timestamp>,
}

impl Found {
    /// With what the signer says.
    pub fn certificate(&self, claim: Claim) -> Certificate {
        let mut found = self.clone();
        if !claim.page_form.lists_tests() {
            found.tests.clear();
            found.images.iter_mut().for_each(|image| image.added_repositories.clear());
        }
        Certificate {
            schema: SCHEMA.to_owned(),
            status: status(&found.images),
            claim,
            products: found.products,
            policy: found.policy,
            profile: found.profile,
            images: found.images,
            not_certified: found.not_certified,
            tests: found.tests,
            runs: found.runs,
            evidence: found.evidence,
        }
    }
}

/// Computes. `images` are the digests of those to certify; without any, all for which the policy is. The gate is decided
/// for `at`. `writer` is the version of muster that writes, or wrote, the certificate.
pub fn compute(evidence: &Evidence, images: &[String], at: Timestamp, writer: &str, program: &Program<'_>) -> Computed {
    let mut refusals = evidence.faults.clone();
    refusals.extend(runs::faults(&evidence.runs));
    let inputs = Inputs::read(evidence, program.vocabulary, &mut refusals);
    refusals.extend(runs::unknown_writer(&evidence.runs, writer, program.muster));
    let found = inputs.and_then(|inputs| inputs.found(evidence, images, at, (writer, program), &mut refusals));
    Computed { found, refusals: sorted(refusals) }
}

/// An image about which the gate has decided.
struct Decided {
    sha256: String,
    /// Those that have tested it.
    runs: Vec<RunInput>,
    decision: Decision,
}

/// The files of the evidence, decoded.
struct Inputs {
    policy: Policy,
    policy_file: NamedFile,
    profile: Option<(Profile, NamedFile)>,
    waivers: Vec<Waiver>,
    runs: Vec<RunInput>,
}

impl Inputs {
    fn read(evidence: &Evidence, vocabulary: &Vocabulary<'_>, refusals: &mut Vec<Refusal>) -> Option<Self> {
        let mut refuse = |id, message: String| refusals.push(Refusal::new(id, message));
        let file = |name: &str| NamedFile { file: name.to_owned(), sha256: evidence.sha256(name).to_owned() };
        let mut sink = Diagnostics::new();
        let policy = match &evidence.policy {
            Some(text) => policy::decode_source(POLICY, text, vocabulary, &mut sink).filter(|_| sink.is_empty()),
            None => return missing(POLICY, evidence, refusals),
        };
        let Some(policy) = policy else {
            refuse(RefusalId::FormatEvidence, format!("{POLICY}: {}", said(&mut sink)));
            return None;
        };
        let profile = match (&policy.profile, &evidence.profile) {
            (Some(wanted), Some(text)) => match Profile::parse(PROFILE, text) {
                Ok(profile) => {
                    let name = wanted.rsplit('/').next().unwrap_or(wanted);
                    if name.strip_suffix(ENDING).unwrap_or(name) != profile.id {
                        let message = format!("{POLICY} names the profile {wanted}, and {PROFILE} is {}", profile.id);
                        refuse(RefusalId::ProfileUnknown, message);
                    }
                    Some((profile, file(PROFILE)))
                }
                Err(error) => {
                    refuse(RefusalId::FormatEvidence, error.to_string());
                    return None;
                }
            },
            (Some(_), None) => return missing(PROFILE, evidence, refusals),
            (None, Some(_)) => {
                refuse(RefusalId::EvidenceAdditional, format!("{PROFILE}: {POLICY} names no profile"));
                None
            }
            (None, None) => None,
        };
        let mut all = Vec::new();
        for (name, text) in &evidence.waivers {
            let mut sink = Diagnostics::new();
            let entries = waivers::decode_source(name, text, vocabulary, &mut sink);
            if !sink.is_empty() {
                refuse(RefusalId::WaiverInvalid, format!("{name}: {}", said(&mut sink)));
            }
            all.extend(entries.into_iter().map(|entry| entry.waiver));
        }
        // What the shards of a merged run say, it says.
        let shards = runs::shards(&evidence.runs);
        let whole = evidence.runs.iter().filter(|run| !shards.contains(run.record.id.as_str()));
        let runs = whole.map(|run| RunInput {
            file: NamedFile { file: format!("{}: run.json", run.file), sha256: run.record_sha256.clone() },
            record: run.record.clone(),
        });
        Some(Self { policy, policy_file: file(POLICY), profile, waivers: all, runs: runs.collect() })
    }

    fn found(
        self,
        evidence: &Evidence,
        wanted: &[String],
        at: Timestamp,
        (writer, program): (&str, &Program<'_>),
        refusals: &mut Vec<Refusal>,
    ) -> Option<Found> {
        let tested: BTreeSet<&str> =
            self.runs.iter().flat_map(|run| run.record.images.values()).map(|image| image.sha256.as_str()).collect();
        // Which images a run has tested that cannot be read, nobody knows.
        let unread = evidence.has_unread_run() && !evidence.faults.is_empty();
        for sha256 in wanted.iter().filter(|sha256| !unread && !tested.contains(sha256.as_str())) {
            refusals.push(Refusal::new(RefusalId::SubjectMismatch, format!("no run has tested the image {sha256}")));
        }
        let meant = |sha256: &&str| !sha256.is_empty() && (wanted.is_empty() || wanted.iter().any(|one| one == sha256));
        let (mut decided, mut left_out, mut failed) = (Vec::<Decided>::new(), BTreeSet::<&str>::new(), Vec::new());
        for sha256 in &tested {
            if !meant(sha256) {
                left_out.insert(sha256);
                continue;
            }
            let runs: Vec<RunInput> = self.runs.iter().filter(|run| run.has_image(sha256)).cloned().collect();
            match alone(&self.gate(&runs, sha256, at)) {
                Ok(decision) => decided.push(Decided { sha256: (*sha256).to_owned(), runs, decision }),
                Err(GateError::NotApplicable { .. }) if wanted.is_empty() => {
                    left_out.insert(sha256);
                }
                Err(error) => failed.push(reasons::of_error(&error)),
            }
        }
        if decided.is_empty() && failed.is_empty() && wanted.is_empty() && !unread {
            let message = format!("the policy {} is for none of the images that the runs have tested", self.policy.id);
            failed.push(Refusal::new(RefusalId::SubjectMismatch, message));
        }
        let stop = !failed.is_empty();
        refusals.extend(failed);
        systems::together(&self.policy, &mut decided.iter_mut().map(|one| &mut one.decision).collect::<Vec<_>>());
        for Decided { decision, .. } in &decided {
            refusals.extend(reasons::of_decision(decision, self.policy.flaky));
        }
        refusals.extend(decided.iter().flat_map(|one| supportable::faults(&one.runs, &one.sha256, writer, program)));
        if !stop {
            refusals.extend(unused(&self.runs, &decided));
        }
        let certified: BTreeSet<&str> = decided.iter().map(|one| one.sha256.as_str()).collect();
        let products = products(&self.runs, &certified, refusals);
        if stop {
            return None;
        }
        refusals.extend(decided.iter().flat_map(|one| reasons::of_waivers(&one.decision)));
        let retired = self.profile.as_ref().and_then(|(profile, _)| profile.retired);
        refusals.extend(self.profile.as_ref().and_then(|(profile, _)| of_retired(profile, at)));
        let limit = limit(&self.policy, &self.runs, &decided).into_iter().chain(retired.and_then(end_of)).min();
        let mut runs: Vec<RunCertified> = evidence.runs.iter().map(runs::certified).collect();
        runs.sort_by(|a, b| a.file.cmp(&b.file));
        let first = decided.first().map(|one| one.decision.clone())?;
        let tests = required::tests(decided.iter().map(|one| (&one.decision, one.runs.as_slice())));
        let images: Vec<ImageCertified> = decided.into_iter().map(image).collect();
        let mut files = evidence.files.clone();
        files.sort();
        Some(Found {
            tests,
            products,
            policy: first.policy,
            profile: first.profile,
            not_certified: left_out.into_iter().map(|sha256| entries(&self.runs, sha256)).collect(),
            images,
            runs,
            evidence: files,
            limit,
        })
    }

    fn gate<'i>(&'i self, runs: &'i [RunInput], image: &'i str, at: Timestamp) -> GateInputs<'i> {
        GateInputs {
            policy: &self.policy,
            policy_file: &self.policy_file,
            profile: self.profile.as_ref().map(|(profile, file)| (profile, file)),
            waivers: &self.waivers,
            runs,
            image: Some(image),
            at,
        }
    }
}

/// One that is there and could not be read was said already.
fn missing<T>(name: &str, evidence: &Evidence, refusals: &mut Vec<Refusal>) -> Option<T> {
    if evidence.sha256(name).is_empty() {
        refusals.push(Refusal::new(RefusalId::EvidenceMissing, format!("{name} is not there")));
    }
    None
}

/// What is wrong with a file, in one line.
fn said(sink: &mut Diagnostics) -> String {
    sink.settle();
    let rendered = sink.render(false);
    let first = rendered.lines().find(|line| !line.trim().is_empty()).unwrap_or("it cannot be read");
    one_line(first, 300)
}

/// A run that is about no certified image is no evidence.
fn unused(runs: &[RunInput], decided: &[Decided]) -> Vec<Refusal> {
    let used: BTreeSet<&str> = decided.iter().flat_map(|one| &one.runs).map(|run| run.record.id.as_str()).collect();
    let others = runs.iter().filter(|run| !used.contains(run.record.id.as_str()));
    others
        .map(|run| {
            let message = format!("{}: the run has tested none of the images that are certified", run.file.file);
            Refusal::new(RefusalId::SubjectMismatch, message)
        })
        .collect()
}

/// The products that every certified image of every run had, or why there are none.
fn products(runs: &[RunInput], images: &BTreeSet<&str>, refusals: &mut Vec<Refusal>) -> Vec<ProductCertified> {
    let certified = |image: &&ImageRecord| images.contains(image.sha256.as_str());
    let mut sets: BTreeMap<Vec<ProductCertified>, String> = BTreeMap::new();
    for run in runs {
        for image in run.record.images.values().filter(certified) {
            let mut set: Vec<ProductCertified> = image.products.iter().map(product).collect();
            set.sort_by(|a, b| a.sha256.cmp(&b.sha256));
            sets.entry(set).or_insert_with(|| run.record.id.clone());
        }
    }
    // One file is one product, whatever it was called.
    let mut digests: BTreeMap<Vec<&str>, &str> = BTreeMap::new();
    for (set, run) in &sets {
        digests.entry(set.iter().map(|product| product.sha256.as_str()).collect()).or_insert(run);
    }
    if digests.len() > 1 {
        let each: Vec<String> = sets
            .iter()
            .map(|(set, run)| match set.is_empty() {
                true => format!("{run}: none"),
                false => format!(
                    "{run}: {}",
                    set.iter().map(|product| product.package.as_str()).collect::<Vec<_>>().join(", ")
                ),
            })
            .collect();
        let message = format!("the runs were made with different products: {}", each.join("; "));
        refusals.push(Refusal::new(RefusalId::ProductMismatch, message));
    }
    sets.into_keys().next_back().unwrap_or_default()
}

fn product(product: &muster_record::run::ProductRecord) -> ProductCertified {
    let name = product.file.rsplit('/').next().unwrap_or(&product.file);
    ProductCertified {
        file: one_line(name, 300),
        sha256: one_line(&product.sha256, 64),
        package: one_line(&product.package, 300),
    }
}

/// How long the policy and the waivers that are used let a certificate be valid.
fn limit(policy: &Policy, runs: &[RunInput], decided: &[Decided]) -> Option<Timestamp> {
    let oldest = runs.iter().filter_map(|run| run.record.started.parse::<Timestamp>().ok()).min();
    let aged = policy.max_age.and_then(|age| later(oldest?, age));
    let used = decided.iter().flat_map(|one| &one.decision.waivers);
    let expires = used.filter(|found| found.fate == WaiverFate::Used).map(|found| end_of(found.waiver.expires));
    aged.into_iter().chain(expires.flatten()).min()
}

/// A time so much later; `None` beyond the calendar.
pub fn later(at: Timestamp, by: Duration) -> Option<Timestamp> {
    let seconds = i64::try_from(by.as_secs()).ok()?;
    Timestamp::from_second(at.as_second().checked_add(seconds)?).ok()
}

/// That a profile's last day is over.
pub(crate) fn of_retired(profile: &Profile, at: Timestamp) -> Option<Refusal> {
    let day = profile.retired.filter(|day| end_of(*day).is_some_and(|end| at > end))?;
    let id = one_line(&profile.id, 120);
    Some(Refusal::new(RefusalId::ProfileRetired, format!("the profile {id} ended on {day}, and it is {at}")))
}

/// The last second of a day, UTC.
fn end_of(day: Date) -> Option<Timestamp> {
    let next = day.tomorrow().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp();
    Timestamp::from_second(next.as_second() - 1).ok()
}

fn image(Decided { sha256, runs, decision }: Decided) -> ImageCertified {
    let records = || runs.iter().flat_map(|run| run.record.images.values()).filter(|image| image.sha256 == sha256);
    let facts = records().find_map(|image| image.facts.as_ref());
    let said = |value: Option<&str>| match value {
        Some(value) if !value.is_empty() => one_line(value, 120),
        _ => UNKNOWN.to_owned(),
    };
    ImageCertified {
        format: said(records().map(|image| image.format.as_str()).next()),
        bytes: facts.and_then(|facts| facts.disk.as_ref()).map(|disk| disk.file_size),
        distro: said(facts.and_then(|facts| facts.os_release.get("ID")).map(String::as_str)),
        version: said(facts.and_then(|facts| facts.os_release.get("VERSION_ID")).map(String::as_str)),
        arch: said(facts.map(|facts| facts.arch.as_str())),
        kernel: said(facts.map(|facts| facts.kernel.as_str())),
        firmware: said(facts.map(|facts| facts.firmware.as_str())),
        results: results(&runs, &sha256, &decision),
        added_repositories: required::added_repositories(&runs, &sha256),
        decision,
        sha256,
    }
}

fn entries(runs: &[RunInput], sha256: &str) -> ImageLeftOut {
    let of = |run: &RunInput| {
        let mine = run.record.images.iter().filter(|(_, image)| image.sha256 == sha256);
        mine.map(|(entry, _)| one_line(entry, 120)).collect::<Vec<_>>()
    };
    let all: BTreeSet<String> = runs.iter().flat_map(of).collect();
    ImageLeftOut { sha256: one_line(sha256, 64), entries: all.into_iter().collect() }
}

fn status(images: &[ImageCertified]) -> Status {
    let noted = images.iter().any(|image| {
        let decision = &image.decision;
        let weak = |one: &Requirement| !one.satisfied || one.state == RequirementState::Waived;
        decision.requirements.iter().any(weak) || !decision.notes.is_empty() || !image.added_repositories.is_empty()
    });
    if noted { Status::CertifiedWithNotes } else { Status::Certified }
}
