//! What the gate says, as reasons for which there is no certificate.

use std::collections::BTreeSet;

use jiff::Timestamp;

use muster_base::text::one_line;
use muster_gate::decision::{
    Decision, RefusalReason, Refused, Requirement, RequirementKind, RequirementLevel, RequirementState, TestEvidence,
    WaiverUse,
};
use muster_gate::inputs::GateError;
use muster_record::names::MACHINE_SUITE;
use muster_suite::policy::FlakyRule;
use muster_suite::waivers::Waiver;

use crate::model::UNKNOWN;
use crate::refusal::{Refusal, RefusalId};

/// Why nothing could be decided about an image.
pub(crate) fn of_error(error: &GateError) -> Refusal {
    let id = match error {
        GateError::SeveralTools { .. } | GateError::SeveralSuites { .. } | GateError::SeveralRecords { .. } => {
            RefusalId::RunMerged
        }
        GateError::Unmatched { .. } => RefusalId::ProfileModified,
        _ => RefusalId::SubjectMismatch,
    };
    Refusal::new(id, error.to_string())
}

/// An image as reasons name it: its entries in the runs, and the beginning of its digest, which is what was tested.
pub(crate) fn image_shown<'e>(entries: impl Iterator<Item = &'e str>, sha256: &str) -> String {
    let entries: BTreeSet<&str> = entries.collect();
    let digest: String = one_line(sha256, 64).chars().take(12).collect();
    match entries.is_empty() {
        true => format!("{digest}…"),
        false => format!("{} ({digest}…)", one_line(&entries.into_iter().collect::<Vec<_>>().join(", "), 120)),
    }
}

/// Why a gate is closed, a reason for each requirement.
pub(crate) fn of_decision(decision: &Decision, flaky: FlakyRule) -> Vec<Refusal> {
    let subject = &decision.subject;
    let image = image_shown(subject.entries.iter().map(String::as_str), subject.sha256.as_deref().unwrap_or(UNKNOWN));
    let one = |requirement: &Requirement| {
        let flaked = || {
            let last = requirement.evidence.iter().filter(|seen| seen.decides);
            flaky == FlakyRule::Fails && last.clone().next().is_some() && last.clone().all(TestEvidence::has_passed)
        };
        let id = match (requirement.kind, requirement.state) {
            (RequirementKind::Image, _) => RefusalId::MachineUntrusted,
            (RequirementKind::Run, _) => RefusalId::RunIncomplete,
            (RequirementKind::Age, _) if begins_later(decision, &requirement.name) => RefusalId::TimeFuture,
            (RequirementKind::Age, _) => RefusalId::TimeTooOld,
            (RequirementKind::Suite, _) => RefusalId::ToolModified,
            (RequirementKind::System, _) => RefusalId::SystemMissing,
            (RequirementKind::Test, RequirementState::Failed) if flaked() => RefusalId::FlakyRequired,
            (RequirementKind::Test, RequirementState::Failed) => RefusalId::ResultFailed,
            (RequirementKind::Minimum, _) if !any_passed(decision) => RefusalId::ResultZero,
            _ => RefusalId::ResultMissing,
        };
        let (kind, name) = (requirement.kind.name(), &requirement.name);
        // It is about all images, and one reason.
        if requirement.kind == RequirementKind::System {
            return Refusal::new(id, format!("{kind} {name}: {}", requirement.message));
        }
        let cell: String = requirement.cell.iter().map(|(name, value)| format!(" {name}={value}")).collect();
        Refusal::new(id, format!("image {image}: {kind} {name}{cell}: {}", requirement.message))
    };
    decision.blocking().map(one).collect()
}

/// Whether a run began after the time of the decision.
fn begins_later(decision: &Decision, run: &str) -> bool {
    let began =
        decision.runs.iter().find(|used| used.id == run).and_then(|used| used.started.parse::<Timestamp>().ok());
    began.zip(decision.at.parse().ok()).is_some_and(|(began, at)| began > at)
}

/// Whether a required test of the image passed; what machines did between tests is none.
fn any_passed(decision: &Decision) -> bool {
    let passed = |one: &&Requirement| {
        one.kind == RequirementKind::Test
            && one.level == RequirementLevel::Required
            && one.state == RequirementState::Passed
            && !one.name.starts_with(&format!("{MACHINE_SUITE}/"))
    };
    decision.requirements.iter().any(|one| passed(&one))
}

/// Waivers that do not count; one that no image needs is none of the certificate's business, and no reason.
pub(crate) fn of_waivers(decision: &Decision) -> Vec<Refusal> {
    let one =
        |found: &WaiverUse| found.refused.iter().map(|refused| of_waiver(&found.waiver, refused)).collect::<Vec<_>>();
    decision.waivers.iter().flat_map(one).collect()
}

/// Why a waiver does not count.
pub(crate) fn of_waiver(waiver: &Waiver, refused: &Refused) -> Refusal {
    let id = match refused.reason {
        RefusalReason::Expired => RefusalId::WaiverExpired,
        _ => RefusalId::WaiverInvalid,
    };
    let test = one_line(&waiver.test, 200);
    Refusal::new(id, format!("{}: the waiver of {test}: {}", waiver.location, refused.message))
}
