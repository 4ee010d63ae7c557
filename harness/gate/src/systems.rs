//! The systems that a policy requires (`systems`): each must be an image that satisfies the policy. Of one image nobody can say that; of
//! several decisions it can.

use muster_base::glob;
use muster_base::text::one_line;
use muster_suite::policy::{Policy, RequiredSystem};
use std::collections::BTreeSet;

use crate::around::requirement;
use crate::decide::alone;
use crate::decision::{Decision, Requirement, RequirementKind, RequirementState};
use crate::inputs::{GateError, GateInputs, RunInput, short};

/// Adds to each decision the systems that its policy requires. The decisions are those of all images of the policy that count together;
/// one that is closed by itself gives no system.
pub fn together(policy: &Policy, decisions: &mut [&mut Decision]) {
    if policy.systems.is_empty() {
        return;
    }
    let rows: Vec<Requirement> = {
        let all: Vec<&Decision> = decisions.iter().map(|decision| &**decision).collect();
        policy.systems.iter().map(|system| row(system, &all)).collect()
    };
    for decision in decisions {
        decision.requirements.extend(rows.iter().cloned());
        decision.open = decision.requirements.iter().all(|requirement| !requirement.blocks);
    }
}

/// Decides about the image of the inputs. Where the policy requires systems the other images of the runs to which it applies are
/// decided about too.
///
/// # Errors
/// The inputs do not fit together: nothing can be said of one image.
pub fn decide(inputs: &GateInputs<'_>) -> Result<Decision, GateError> {
    if inputs.policy.systems.is_empty() {
        return alone(inputs);
    }
    let images = inputs.runs.iter().flat_map(|run| run.record.images.values());
    let digests: BTreeSet<&str> = images.map(|image| image.sha256.as_str()).collect();
    let mut decided: Vec<Decision> = Vec::new();
    for sha256 in digests.iter().copied() {
        let own: Vec<RunInput> = inputs.runs.iter().filter(|run| run.has_image(sha256)).cloned().collect();
        match alone(&GateInputs { runs: &own, image: Some(sha256), ..*inputs }) {
            Ok(decision) => decided.push(decision),
            Err(GateError::NotApplicable { .. }) if inputs.image != Some(sha256) => {}
            Err(error) => return Err(error),
        }
    }
    let is = |decision: &Decision| decision.subject.sha256.as_deref() == inputs.image;
    let at = match (inputs.image, decided.len()) {
        (Some(_), _) => decided.iter().position(is),
        (None, 1) => Some(0),
        (None, 0) => None,
        (None, _) => {
            let images = decided.iter().map(shown).collect();
            return Err(GateError::SeveralImages { images });
        }
    };
    // What is wrong with the image itself is said as for a policy without systems.
    let Some(at) = at else { return alone(inputs) };
    let mut all: Vec<&mut Decision> = decided.iter_mut().collect();
    together(inputs.policy, &mut all);
    Ok(decided.swap_remove(at))
}

fn row(system: &RequiredSystem, decisions: &[&Decision]) -> Requirement {
    let those: Vec<&&Decision> = decisions.iter().filter(|decision| is(system, decision)).collect();
    let name = one_line(&system.name(), 200);
    if let Some(open) = those.iter().find(|decision| decision.open) {
        let fine = format!("the image {} satisfies the policy", shown(open));
        return requirement(RequirementKind::System, name, None, &fine);
    }
    let closed: Vec<String> = those
        .iter()
        .map(|decision| {
            format!("the image {} does not satisfy the policy ({} open)", shown(decision), decision.blocking().count())
        })
        .collect();
    let never = "no image of the runs is this system".to_owned();
    let state = if closed.is_empty() { RequirementState::Missing } else { RequirementState::Failed };
    let fault = if closed.is_empty() { never } else { closed.join("; ") };
    Requirement { state, ..requirement(RequirementKind::System, name, Some(one_line(&fault, 600)), "") }
}

/// Whether an image is such a system. One that never booted is none.
fn is(system: &RequiredSystem, decision: &Decision) -> bool {
    let RequiredSystem { entry, scope } = system;
    let subject = &decision.subject;
    let said = |value: &Option<String>| value.clone().unwrap_or_default();
    let entry = entry.as_ref().is_none_or(|entry| subject.entries.contains(entry));
    let distro = scope.distro.as_ref().is_none_or(|distro| subject.distro.as_ref() == Some(distro));
    let version = said(&subject.version);
    let version = scope.version.is_empty() || scope.version.iter().any(|glob| glob::matches(glob, &version));
    let arch = scope.arch.is_empty() || scope.arch.contains(&said(&subject.arch));
    entry && distro && version && arch && subject.sha256.is_some() && subject.arch.is_some()
}

fn shown(decision: &Decision) -> String {
    let subject = &decision.subject;
    format!("{} ({})", subject.entries.join(", "), short(subject.sha256.as_deref().unwrap_or_default()))
}
