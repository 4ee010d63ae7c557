//! Everything for which a certificate is refused, all reasons at once. Nothing that it says is believed: it is computed
//! again from its evidence and compared.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;

use muster_base::semver::precedence;
use muster_gate::decision::WaiverFate;
use muster_gate::inputs::NamedFile;
use muster_gate::profile::Profile;
use muster_gate::waiving;
use muster_suite::Vocabulary;
use muster_suite::diagnostic::Diagnostics;
use muster_suite::policy;

use crate::compare::differences;
use crate::compute::{Computed, compute, later, of_retired};
use crate::evidence::{Evidence, EvidenceKind, POLICY, PROFILE};
use crate::model::{CertificateStatement, EvidenceFile};
use crate::reasons::of_waiver;
use crate::refusal::{Refusal, RefusalId, sorted};
use crate::supportable::{Program, SUPPORTABLE};

/// The longest that a certificate may be valid, in days, whatever it says.
pub const LONGEST_DAYS: u64 = 366;

/// What a verifier demands.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Demands {
    /// The image at hand.
    pub images: Vec<NamedFile>,
    /// The product at hand.
    pub products: Vec<NamedFile>,
    /// The program that must have run the tests, or several of which each may have.
    pub programs: Vec<NamedFile>,
    /// The policy that must be satisfied.
    pub policy: Option<NamedFile>,
    /// The profile that must have been locked, and its id.
    pub profile: Option<(Profile, NamedFile)>,
    /// The oldest run that is accepted.
    pub max_age: Option<Duration>,
    /// The oldest muster that is accepted, of the runs and of the certificate.
    pub oldest_muster: Option<String>,
}

/// What a verifier says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Verification {
    /// `verification/v1`.
    pub schema: &'static str,
    /// Whether there is no reason to refuse it.
    pub accepted: bool,
    /// The time for which it was verified, RFC 3339, UTC.
    pub at: String,
    /// All reasons.
    pub refusals: Vec<Refusal>,
    /// Whose key it is, as the file of signers has it; absent where it has none.
    pub signer: Option<String>,
    /// `SHA256:…` of the key.
    pub key: Option<String>,
    /// What the verifier did not compare, since it was not given.
    pub not_compared: Vec<String>,
}

/// The name of the schema of [`Verification`].
pub const SCHEMA: &str = "verification/v1";
/// The JSON Schema of it.
pub const VERIFICATION_SCHEMA: &str = include_str!("../../../reports/schema/verification-v1.json");

/// Verifies all but the signatures and the files next to the evidence.
pub fn verify(
    statement: &CertificateStatement,
    evidence: &Evidence,
    demands: &Demands,
    at: Timestamp,
    program: &Program<'_>,
) -> Vec<Refusal> {
    let certificate = &statement.predicate;
    let writer = &certificate.claim.muster;
    let (mut refusals, whole) = files(&certificate.evidence, evidence);
    let signed = certificate.claim.signed.parse::<Timestamp>().ok();
    match signed {
        Some(signed) => {
            let images: Vec<String> = certificate.images.iter().map(|image| image.sha256.clone()).collect();
            // What other files than those that were signed come to says nothing.
            let Computed { found, refusals: more } = match whole {
                true => compute(evidence, &images, signed, writer, program),
                false => Computed::default(),
            };
            refusals.extend(more);
            if let Some(found) = &found {
                let computed = found.certificate(certificate.claim.clone());
                // Sentences of another version may be others.
                refusals.extend(differences(certificate, &computed, writer == program.muster));
            }
            refusals.extend(times(statement, signed, found.and_then(|found| found.limit), at));
        }
        None => refusals.push(Refusal::new(RefusalId::FormatStatement, "the time of the signature is none")),
    }
    if statement.subject != certificate.subject() {
        let message = "the subject of the statement is not what its predicate is about";
        refusals.push(Refusal::new(RefusalId::SubjectMismatch, message));
    }
    if whole {
        refusals.extend(waivers(statement, evidence, at, program.vocabulary));
    }
    refusals.extend(ages(statement, demands, at));
    refusals.extend(tools(statement, demands));
    refusals.extend(programs(statement, demands));
    let own = evidence.profile.as_ref().filter(|_| whole).and_then(|text| Profile::parse(PROFILE, text).ok());
    refusals.extend(own.as_ref().and_then(|profile| of_retired(profile, at)));
    refusals.extend(demanded(statement, own.as_ref(), demands, at));
    sorted(refusals)
}

/// What a verifier was not given to compare with, and what this version cannot compare.
pub fn not_compared(demands: &Demands, statement: &CertificateStatement, muster: &str) -> Vec<String> {
    let mut out = Vec::new();
    let writer = &statement.predicate.claim.muster;
    if writer != muster {
        let writer = muster_base::text::one_line(writer, 60);
        out.push(format!("the sentences of its decisions are those of muster {writer}, and only it can compare them"));
        // A suite of a run of this version was compared whatever the certificate says.
        if statement.predicate.runs.iter().any(|run| run.muster != muster) {
            out.push(format!(
                "the suite {SUPPORTABLE} is that of muster {writer}: only it knows which tests belong to it"
            ));
        }
    }
    if demands.policy.is_none() {
        out.push("the policy is the signer's choice: --policy FILE compares it".to_owned());
    }
    if demands.profile.is_none() && statement.predicate.profile.is_some() {
        out.push("the profile is the signer's choice: --profile FILE compares it".to_owned());
    }
    if statement.predicate.profile.is_none() {
        out.push("the policy names no profile: which suites have its tests was the signer's choice".to_owned());
    }
    let has_products = !statement.predicate.products.is_empty();
    if demands.products.is_empty() && has_products {
        out.push("no product is at hand: --product FILE compares it".to_owned());
    }
    if demands.images.is_empty() {
        out.push("no image is at hand: --image FILE compares it".to_owned());
    }
    if demands.programs.is_empty() {
        out.push(
            "which program ran the tests is what their records say: --muster-digest SHA256 or FILE compares it"
                .to_owned(),
        );
    }
    out
}

/// The files that are there, compared with the list, and whether they are all of it and nothing else.
fn files(listed: &[EvidenceFile], evidence: &Evidence) -> (Vec<Refusal>, bool) {
    let (mut out, mut whole) = (Vec::new(), true);
    let about =
        |fault: &Refusal, name: &str| fault.message.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', ':']));
    let mut said: BTreeSet<&str> = BTreeSet::new();
    let mut refuse = |id, name: &'_ str, why: &str| out.push(Refusal::new(id, format!("{name} {why}")));
    for file in listed {
        match evidence.files.iter().find(|found| found.name == file.name) {
            None => {
                whole = false;
                // Why it could not be read says more.
                if !evidence.faults.iter().any(|fault| about(fault, &file.name)) {
                    refuse(RefusalId::EvidenceMissing, &file.name, "is not there");
                }
            }
            Some(found) if found.sha256 != file.sha256 || found.bytes != file.bytes => {
                whole = false;
                said.insert(&file.name);
                refuse(RefusalId::EvidenceModified, &file.name, "has another SHA-256 than was signed");
            }
            Some(_) => {}
        }
        if EvidenceKind::of(&file.name) == EvidenceKind::Other {
            refuse(RefusalId::EvidenceAdditional, &file.name, "is no file of a certificate");
        }
    }
    let names: BTreeSet<&str> = listed.iter().map(|file| file.name.as_str()).collect();
    for found in evidence.files.iter().filter(|found| !names.contains(found.name.as_str())) {
        whole = false;
        said.insert(&found.name);
        refuse(RefusalId::EvidenceAdditional, &found.name, "is not in the certificate");
    }
    if !whole {
        // Else they are among what is computed.
        let others = evidence.faults.iter().filter(|fault| !said.iter().any(|name| about(fault, name)));
        out.extend(others.cloned());
    }
    (out, whole)
}

fn times(statement: &CertificateStatement, signed: Timestamp, limit: Option<Timestamp>, at: Timestamp) -> Vec<Refusal> {
    let claim = &statement.predicate.claim;
    let mut out = Vec::new();
    if signed > at {
        out.push(Refusal::new(RefusalId::TimeFuture, format!("it was signed at {signed}, and it is {at}")));
    }
    let Ok(end) = claim.not_after.parse::<Timestamp>() else {
        out.push(Refusal::new(RefusalId::FormatStatement, "the end of its validity is no time"));
        return out;
    };
    let longest = later(signed, Duration::from_secs(LONGEST_DAYS * 86_400));
    if let Some(limit) = limit.into_iter().chain(longest).min().filter(|limit| end > *limit) {
        let message = format!("it says that it is valid until {end}, and its policy and waivers let it until {limit}");
        out.push(Refusal::new(RefusalId::TimeExpired, message));
    }
    if at > end {
        out.push(Refusal::new(RefusalId::TimeExpired, format!("it was valid until {end}, and it is {at}")));
    }
    out
}

/// Waivers that were needed, decided again for the time of the verification. That they counted when it was signed was
/// computed.
fn waivers(
    statement: &CertificateStatement,
    evidence: &Evidence,
    at: Timestamp,
    vocabulary: &Vocabulary<'_>,
) -> Vec<Refusal> {
    let Some(text) = &evidence.policy else { return Vec::new() };
    let mut sink = Diagnostics::new();
    let Some(policy) = policy::decode_source(POLICY, text, vocabulary, &mut sink) else { return Vec::new() };
    let today = at.to_zoned(TimeZone::UTC).date();
    let mut out = Vec::new();
    let uses = statement.predicate.images.iter().flat_map(|image| &image.decision.waivers);
    for used in uses.filter(|used| used.fate == WaiverFate::Used) {
        for refused in waiving::refusals(&used.waiver, policy.waivers.as_ref(), today, true) {
            out.push(of_waiver(&used.waiver, &refused));
        }
    }
    out
}

/// Runs that are older than the verifier accepts.
fn ages(statement: &CertificateStatement, demands: &Demands, at: Timestamp) -> Vec<Refusal> {
    let Some(max_age) = demands.max_age else { return Vec::new() };
    let mut out = Vec::new();
    for run in &statement.predicate.runs {
        let Ok(started) = run.started.parse::<Timestamp>() else {
            out.push(Refusal::new(RefusalId::TimeTooOld, format!("nobody knows when the run {} began", run.id)));
            continue;
        };
        if later(started, max_age).is_none_or(|end| at > end) {
            let accepted = muster_suite::value::show_duration(max_age);
            let message = format!("the run {} began at {started}, and {accepted} are accepted", run.id);
            out.push(Refusal::new(RefusalId::TimeTooOld, message));
        }
    }
    out
}

/// Versions of muster that the verifier does not accept any more. One that cannot be compared is not accepted.
fn tools(statement: &CertificateStatement, demands: &Demands) -> Vec<Refusal> {
    let Some(oldest) = &demands.oldest_muster else { return Vec::new() };
    let certificate = &statement.predicate;
    let runs = certificate.runs.iter().map(|run| (format!("the run {} was made", run.id), &run.muster));
    let all = std::iter::once(("it was written".to_owned(), &certificate.claim.muster)).chain(runs);
    let old = all.filter(|(_, muster)| precedence(muster, oldest).is_none_or(Ordering::is_lt));
    old.map(|(what, muster)| {
        Refusal::new(RefusalId::ToolOld, format!("{what} by muster {muster}, and {oldest} or later is accepted"))
    })
    .collect()
}

/// Runs that were not made by a program that the verifier has. One of which the record does not say it is not accepted.
fn programs(statement: &CertificateStatement, demands: &Demands) -> Vec<Refusal> {
    if demands.programs.is_empty() {
        return Vec::new();
    }
    let other =
        |run: &&crate::model::RunCertified| !demands.programs.iter().any(|program| program.sha256 == run.binary);
    let accepted: Vec<&str> = demands.programs.iter().map(|program| program.file.as_str()).collect();
    let refusal = |run: &crate::model::RunCertified| {
        let message = format!(
            "the run {} was made by a program with the sha256 {}, which is not that of {}",
            run.id,
            run.binary,
            accepted.join(" or ")
        );
        Refusal::new(RefusalId::ToolModified, message)
    };
    statement.predicate.runs.iter().filter(other).map(refusal).collect()
}

/// What the verifier has, compared with what is certified. `own` is the profile of the evidence.
fn demanded(statement: &CertificateStatement, own: Option<&Profile>, demands: &Demands, at: Timestamp) -> Vec<Refusal> {
    let certificate = &statement.predicate;
    let mut out = Vec::new();
    for image in &demands.images {
        if !certificate.images.iter().any(|one| one.sha256 == image.sha256) {
            let message = format!("{} (sha256 {}) is none of the images", image.file, image.sha256);
            out.push(Refusal::new(RefusalId::SubjectMismatch, message));
        }
    }
    for product in &demands.products {
        if !certificate.products.iter().any(|one| one.sha256 == product.sha256) {
            let message = format!("{} (sha256 {}) is none of the products", product.file, product.sha256);
            out.push(Refusal::new(RefusalId::ProductMismatch, message));
        }
    }
    if !demands.images.is_empty() && demands.products.is_empty() && !certificate.products.is_empty() {
        let message = "it is about the image with products installed, and no --product is named".to_owned();
        out.push(Refusal::new(RefusalId::ProductMismatch, message));
    }
    if let Some(policy) = demands.policy.as_ref().filter(|policy| policy.sha256 != certificate.policy.sha256) {
        let message =
            format!("it satisfies the policy {}, and another file than {}", certificate.policy.id, policy.file);
        out.push(Refusal::new(RefusalId::PolicyOther, message));
    }
    if let Some((profile, file)) = &demands.profile {
        // The end may have been announced after it was signed.
        out.extend(of_retired(profile, at));
        let (id, message) = match &certificate.profile {
            Some(used) if used.sha256 == file.sha256 => return out,
            Some(_) if own.is_some_and(|own| own.is_but_for_its_end(profile)) => return out,
            Some(used) if used.id == profile.id => {
                (RefusalId::ProfileModified, format!("its profile {} is not the one in {}", used.id, file.file))
            }
            Some(used) => {
                (RefusalId::ProfileUnknown, format!("its profile is {}, and {} is demanded", used.id, profile.id))
            }
            None => (RefusalId::ProfileUnknown, format!("it has no profile, and {} is demanded", profile.id)),
        };
        out.push(Refusal::new(id, message));
    }
    out
}

#[cfg(test)]
mod tests;
