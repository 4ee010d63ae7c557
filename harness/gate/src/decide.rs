//! From inputs to a decision.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;

use muster_base::failure;
use muster_base::text::one_line;
use muster_suite::known::DUE_DAYS;
use muster_suite::model::base_id;
use muster_suite::policy::Policy;
use muster_suite::waivers::Waiver;

use crate::around::{around, requirement};
use crate::built::{self, BuildDay};
use crate::decision::{
    Decision, FailureSeen, ImageUsed, PolicyUsed, ProfileUsed, Refused, Requirement, RequirementKind, RequirementLevel,
    RequirementState, RunUsed, SCHEMA, TestEvidence, WaiverFate, WaiverUse, in_words,
};
use crate::inputs::{GateError, GateInputs, RunInput};
use crate::near;
use crate::observation::{self, Observed};
use crate::origin::{Origins, started};
use crate::profile::suite_of;
use crate::requiring::{self, Wanted};
use crate::subject::{self, Subject};
use crate::unmatched::unmatched;
use crate::waiving;

/// Decides about one image, whatever systems the policy requires: for these see [`crate::systems`].
///
/// # Errors
/// The inputs do not fit together: nothing can be said of one image.
pub fn alone(inputs: &GateInputs<'_>) -> Result<Decision, GateError> {
    let profile = inputs.profile.map(|(profile, _)| profile);
    if let Some(found) = unmatched(inputs.policy, profile).into_iter().next() {
        return Err(found.into());
    }
    let runs = sorted(inputs.runs)?;
    let subject = subject::find(inputs, &runs)?;
    let origins = Origins::new(&runs);
    let kept = || runs.iter().flat_map(|run| origins.kept(run, &subject)).filter_map(|(_, found)| found);
    let first = runs.iter().map(|run| run.started()).chain(kept().map(started)).min().unwrap_or(inputs.at);
    let built = built::day(subject.facts, first);
    let observed = observation::all(&runs, &subject, &origins)?;
    let today = inputs.at.to_zoned(TimeZone::UTC).date();
    let wanted = requiring::tests(inputs.policy, profile, built.day);

    let uses = waivers(inputs, &subject, &observed, today);
    let valid: Vec<(usize, &Waiver)> = uses
        .iter()
        .enumerate()
        .filter(|(_, found)| found.fate == WaiverFate::Unused)
        .map(|(at, found)| (at, &found.waiver))
        .collect();
    let mut requirements = around(inputs, &runs, &subject, &origins, &wanted);
    let whole = Whole { policy: inputs.policy, observed: &observed, waivers: &valid };
    requirements.extend(whole.tests(&wanted));
    let counted = counts(inputs.policy, &requirements);
    requirements.extend(counted);

    let used: BTreeSet<usize> = requirements.iter().flat_map(|requirement| requirement.waivers.clone()).collect();
    let fate = |(at, found): (usize, WaiverUse)| match used.contains(&at) {
        true => WaiverUse { fate: WaiverFate::Used, ..found },
        false if found.fate == WaiverFate::Unused => {
            WaiverUse { uncovered: near::difference(&found.waiver, &requirements), ..found }
        }
        false => found,
    };
    let uses = uses.into_iter().enumerate().map(fate).collect();
    Ok(Decision {
        schema: SCHEMA.to_owned(),
        open: requirements.iter().all(|requirement| !requirement.blocks),
        at: inputs.at.to_string(),
        policy: PolicyUsed {
            id: inputs.policy.id.clone(),
            context: inputs.policy.context.clone(),
            file: inputs.policy_file.file.clone(),
            sha256: inputs.policy_file.sha256.clone(),
        },
        profile: inputs.profile.map(|(profile, file)| ProfileUsed {
            id: profile.id.clone(),
            file: file.file.clone(),
            sha256: file.sha256.clone(),
            muster: profile.muster.clone(),
        }),
        notes: notes(inputs, &runs, &subject, &origins),
        subject: image(&subject, built),
        runs: runs.iter().map(|run| used_run(run)).collect(),
        waivers: uses,
        requirements,
    })
}

/// The oldest first, each once.
fn sorted(runs: &[RunInput]) -> Result<Vec<&RunInput>, GateError> {
    let mut out: Vec<&RunInput> = runs.iter().collect();
    out.sort_by_key(|run| (run.started(), run.record.id.clone(), run.file.sha256.clone(), run.file.file.clone()));
    let mut known: BTreeMap<&str, &RunInput> = BTreeMap::new();
    for run in &out {
        if let Some(other) = known.insert(&run.record.id, run)
            && other.record != run.record
        {
            let files = format!("{} and {}", other.file.file, run.file.file);
            return Err(GateError::SeveralRecords { run: run.record.id.clone(), files });
        }
    }
    let mut seen = BTreeSet::new();
    out.retain(|run| seen.insert(&run.record.id));
    Ok(out)
}

fn used_run(run: &RunInput) -> RunUsed {
    RunUsed {
        id: one_line(&run.record.id, 200),
        file: run.file.file.clone(),
        sha256: run.file.sha256.clone(),
        started: one_line(&run.record.started, 60),
        finished: run.record.finished.as_ref().map(|at| one_line(at, 60)),
        muster: one_line(&run.record.muster, 60),
        accelerator: one_line(&run.record.accelerator.kind, 20),
    }
}

fn image(subject: &Subject<'_>, BuildDay { day, from }: BuildDay) -> ImageUsed {
    let said = |key: &str| {
        let value = subject.facts.and_then(|facts| facts.os_release.get(key)).filter(|value| !value.is_empty());
        value.map(|value| one_line(value, 120))
    };
    ImageUsed {
        sha256: (!subject.sha256.is_empty()).then(|| one_line(&subject.sha256, 64)),
        paths: subject.paths.iter().map(|path| one_line(path, 400)).collect(),
        entries: subject.entries.iter().map(|entry| one_line(entry, 120)).collect(),
        distro: said("ID"),
        version: said("VERSION_ID"),
        arch: subject.facts.map(|facts| one_line(&facts.arch, 40)),
        built: day.to_string(),
        built_from: from,
    }
}

fn notes(inputs: &GateInputs<'_>, runs: &[&RunInput], subject: &Subject<'_>, origins: &Origins<'_>) -> Vec<String> {
    let mut out = Vec::new();
    if subject.sha256.is_empty() {
        out.push(
            "the runs do not know which image file was tested: the machine was up before, or its file was never read"
                .to_owned(),
        );
    }
    if inputs.profile.is_none() {
        out.push("the policy names no profile: whoever ran the tests chose which suites have them".to_owned());
    }
    if let Some((profile, _)) = inputs.profile {
        let own = runs.iter().map(|run| run.record.muster.as_str());
        let kept = runs
            .iter()
            .flat_map(|run| origins.kept(run, subject))
            .filter_map(|(_, found)| Some(found?.muster.as_str()));
        let others: BTreeSet<&str> = own.chain(kept).filter(|version| *version != profile.muster).collect();
        for version in others {
            out.push(format!(
                "the profile was locked with muster {}, and {} ran the tests: check types may have changed",
                one_line(&profile.muster, 60),
                one_line(version, 60)
            ));
        }
    }
    out
}

/// Every waiver, checked against the policy, the time and what ran. One that counts stands as unused for now.
fn waivers(
    inputs: &GateInputs<'_>,
    subject: &Subject<'_>,
    observed: &BTreeMap<String, Vec<Observed<'_>>>,
    today: Date,
) -> Vec<WaiverUse> {
    let one = |waiver: &Waiver| {
        let about_it = waiver.image == subject.sha256;
        let has_run = observed.get(&waiver.test).is_some_and(|places| places.iter().any(Observed::has_run));
        // Whether a test of another image ran is not known here.
        let refused: Vec<Refused> =
            waiving::refusals(waiver, inputs.policy.waivers.as_ref(), today, has_run || !about_it);
        let fate = match (about_it, refused.is_empty()) {
            (false, true) => WaiverFate::OtherImage,
            (_, false) => WaiverFate::Refused,
            (true, true) => WaiverFate::Unused,
        };
        let left = waiver.days_left(today);
        let days_left = (0..=DUE_DAYS).contains(&left).then_some(left);
        WaiverUse { waiver: waiver.clone(), fate, refused, uncovered: None, days_left }
    };
    inputs.waivers.iter().map(one).collect()
}

/// What is known of all tests.
struct Whole<'d, 'r> {
    policy: &'d Policy,
    observed: &'d BTreeMap<String, Vec<Observed<'r>>>,
    waivers: &'d [(usize, &'d Waiver)],
}

impl Whole<'_, '_> {
    /// The requirement of each test in each combination.
    fn tests(&self, wanted: &BTreeMap<String, Wanted>) -> Vec<Requirement> {
        let cells = requiring::cells(&self.policy.matrix);
        // Combinations of a name without a cell, which only a policy without a profile has.
        let mut by_base: BTreeMap<String, Vec<&Observed<'_>>> = BTreeMap::new();
        for (name, places) in self.observed {
            by_base.entry(base_id(name).to_owned()).or_default().extend(places);
        }
        let mut out = Vec::new();
        for (name, wanted) in wanted {
            let exact: Option<Vec<&Observed<'_>>> = self.observed.get(name).map(|places| places.iter().collect());
            let places = exact.or_else(|| by_base.get(name).cloned()).unwrap_or_default();
            // The machines of a run are not those of one combination.
            let own = observation::own_cell(name);
            let free = vec![BTreeMap::new()];
            let cells = if suite_of(name) == muster_record::names::MACHINE_SUITE { &free } else { &cells };
            for cell in cells {
                out.push(self.test(name, wanted, cell, &own, &places));
            }
        }
        out
    }

    fn test(
        &self,
        name: &str,
        wanted: &Wanted,
        cell: &BTreeMap<String, String>,
        own: &BTreeMap<String, String>,
        places: &[&Observed<'_>],
    ) -> Requirement {
        let elsewhere = cell.iter().find(|(dimension, value)| own.get(*dimension).is_some_and(|of| of != *value));
        let excluded = wanted.excluded.clone().or_else(|| {
            let (dimension, value) = elsewhere?;
            Some(format!("the test is for another {dimension} than {value}"))
        });
        // Tests about what is claimed may only have been skipped: a policy that takes the machines' health lightly does not mean that.
        let is_claim = |failure: &FailureSeen| {
            [failure::CLAIM_FALSE, failure::CLAIM_UNREAD].iter().any(|id| id.as_str() == failure.id)
        };
        let has_claim = |place: &&Observed<'_>| {
            place.evidence().into_iter().any(|evidence| evidence.decides && evidence.failures.iter().any(is_claim))
        };
        let of_claim = suite_of(name) == muster_record::names::MACHINE_SUITE && places.iter().any(has_claim);
        let excluded = excluded.filter(|_| !of_claim);
        let level = if of_claim { RequirementLevel::Required } else { wanted.level };
        let mut state = RequirementState::Excluded;
        let (mut evidence, mut waivers, mut reasons): (Vec<TestEvidence>, Vec<usize>, Vec<String>) = Default::default();
        let here: Vec<_> = places.iter().filter(|place| place.is_in(cell)).collect();
        match excluded {
            Some(why) => reasons.push(why),
            None if here.is_empty() => {
                let waiver = waiving::covering_missing(self.waivers, name, cell, &[]);
                state = if waiver.is_some() { RequirementState::Waived } else { RequirementState::Missing };
                reasons.push(self.missing(cell, places));
                waivers.extend(waiver);
            }
            None => {
                for place in here {
                    let stand = place.stand(self.policy);
                    let covered = match stand.state {
                        RequirementState::Failed | RequirementState::Errored => {
                            waiving::covering(self.waivers, &place.name, &place.cell, &stand.failures)
                        }
                        RequirementState::Missing | RequirementState::Skipped => {
                            waiving::covering_missing(self.waivers, &place.name, &place.cell, &stand.failures)
                                .into_iter()
                                .collect()
                        }
                        _ => Vec::new(),
                    };
                    let stands = if covered.is_empty() { stand.state } else { RequirementState::Waived };
                    if stands > state {
                        (state, reasons) = (stands, Vec::new());
                    }
                    if stands == state && !reasons.contains(&stand.why) {
                        reasons.push(stand.why);
                    }
                    waivers.extend(covered);
                    evidence.extend(place.evidence());
                }
            }
        }
        reasons.extend(wanted.note.clone());
        if of_claim && (wanted.level != level || wanted.excluded.is_some()) {
            reasons.insert(
                0,
                "what the image's entry claims is required, whatever the policy says of the test".to_owned(),
            );
        }
        reasons.truncate(4);
        let satisfied = state.satisfies();
        Requirement {
            kind: RequirementKind::Test,
            name: name.to_owned(),
            level,
            cell: cell.clone(),
            state,
            satisfied,
            blocks: !satisfied && level == RequirementLevel::Required,
            message: one_line(&reasons.join("; "), 600),
            evidence,
            waivers,
        }
    }

    /// Why there is no result in a combination.
    fn missing(&self, cell: &BTreeMap<String, String>, places: &[&Observed<'_>]) -> String {
        match places.is_empty() || cell.is_empty() {
            true => "no run has a result of it on this image".to_owned(),
            false => {
                format!("no run has a result of it where {}", in_words(cell))
            }
        }
    }
}

/// What the tests must come to together.
fn counts(policy: &Policy, requirements: &[Requirement]) -> Vec<Requirement> {
    let passed: Vec<&Requirement> = requirements
        .iter()
        .filter(|requirement| {
            requirement.kind == RequirementKind::Test
                && requirement.level == RequirementLevel::Required
                && requirement.state == RequirementState::Passed
        })
        // What machines did between tests is no test of the image.
        .filter(|requirement| suite_of(&requirement.name) != muster_record::names::MACHINE_SUITE)
        .collect();
    // A test that passed in one place may have been left out in another.
    let counts = |evidence: &&TestEvidence| evidence.decides && evidence.has_passed();
    let deciding = || passed.iter().flat_map(|requirement| &requirement.evidence).filter(counts);
    let tests = passed.iter().map(|requirement| &requirement.name).collect::<BTreeSet<_>>().len() as u64;
    let mut out = Vec::new();
    // Nothing that passed is never a pass, whatever the policy says.
    let mut least = |name: &str, wanted: u64, found: u64| {
        let shown = format!("{found} of at least {wanted}");
        out.push(requirement(RequirementKind::Minimum, name, (found < wanted).then(|| shown.clone()), &shown));
    };
    least("passed", policy.minimum.passed.max(1), tests);
    if policy.minimum.assertions > 0 {
        let assertions = deciding().map(|evidence| u64::from(evidence.assertions)).sum();
        least("assertions", policy.minimum.assertions, assertions);
    }
    for (kind, key, names) in [
        (RequirementKind::Environment, "image", &policy.environments),
        (RequirementKind::Accelerator, "accelerator", &policy.accelerators),
    ] {
        for name in names {
            let found = deciding().any(|evidence| evidence.cell.get(key) == Some(name));
            let fault = (!found).then(|| "no required test passed on it".to_owned());
            out.push(requirement(kind, name, fault, "a required test passed on it"));
        }
    }
    out
}

#[cfg(test)]
mod about_tests;
#[cfg(test)]
mod before_tests;
#[cfg(test)]
mod claims_tests;
#[cfg(test)]
mod kept_tests;
#[cfg(test)]
mod said_tests;
#[cfg(test)]
mod tests;
