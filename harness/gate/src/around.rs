//! What must be so of the image, the runs and the suites before any test counts.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use muster_base::exit::Exit;
use muster_base::text::one_line;
use muster_record::names::PREFIX;
use muster_record::outcome::Outcome;
use muster_record::run::TestRecord;

use crate::decision::{Requirement, RequirementKind, RequirementLevel, RequirementState};
use crate::inputs::{GateInputs, RunInput, short};
use crate::origin::{Origins, started};
use crate::profile::suite_of;
use crate::requiring::Wanted;
use crate::subject::Subject;

/// What another version of a suite is, and what to do.
const ANOTHER: &str = "its text, a file that it reads or an accepted snapshot is another one; run what was locked, or review it and lock again";

/// A requirement that is no test's: satisfied where nothing is wrong.
pub(crate) fn requirement(
    kind: RequirementKind,
    name: impl Into<String>,
    fault: Option<String>,
    fine: &str,
) -> Requirement {
    Requirement {
        kind,
        name: name.into(),
        level: RequirementLevel::Required,
        cell: BTreeMap::new(),
        state: if fault.is_some() { RequirementState::Failed } else { RequirementState::Passed },
        satisfied: fault.is_none(),
        blocks: fault.is_some(),
        message: fault.unwrap_or_else(|| fine.to_owned()),
        evidence: Vec::new(),
        waivers: Vec::new(),
    }
}

/// What must be so of the image, the runs and the suites before any test counts.
pub(crate) fn around(
    inputs: &GateInputs<'_>,
    runs: &[&RunInput],
    subject: &Subject<'_>,
    origins: &Origins<'_>,
    wanted: &BTreeMap<String, Wanted>,
) -> Vec<Requirement> {
    let mut out = Vec::new();
    if let Some(scope) = &inputs.policy.applies {
        let unknown = "the runs do not say which image file was tested, and the policy is for an image";
        let fault = match (subject.sha256.is_empty(), subject.fits(scope)) {
            (true, _) => Some(unknown.to_owned()),
            (false, None) => Some("it never booted, so that nobody knows whether the policy is for it".to_owned()),
            // That it is for another image was an error.
            (false, Some(_)) => None,
        };
        out.push(requirement(RequirementKind::Image, short(&subject.sha256), fault, "the policy is for it"));
    }
    for run in runs {
        let later = has_no_end(run).then(|| runs.iter().find(|later| goes_on_with(later, run, subject))).flatten();
        let fine = match later {
            Some(later) => {
                let id = one_line(&later.record.id, 120);
                format!("it was interrupted, and the run {id}, which goes on with it, has all of its tests")
            }
            None => "it is complete".to_owned(),
        };
        let fault = incomplete(run, later.is_some()).or_else(|| origins.fault(run, subject));
        out.push(requirement(RequirementKind::Run, one_line(&run.record.id, 200), fault, &fine));
    }
    let own = runs.iter().map(|run| (run.record.id.as_str(), run.started()));
    // A result is as old as the run that found it, whoever has kept it since.
    let kept =
        runs.iter().flat_map(|run| origins.kept(run, subject)).filter_map(|(id, found)| Some((id, started(found?))));
    let mut seen = BTreeSet::new();
    for (id, began) in own.chain(kept).filter(|one| seen.insert(*one)) {
        let (too_old, shown) = age(inputs, began);
        if inputs.policy.max_age.is_some() || too_old.is_some() {
            out.push(requirement(RequirementKind::Age, one_line(id, 200), too_old, &shown));
        }
    }
    if let Some((profile, _)) = inputs.profile {
        let suites: BTreeSet<&str> = wanted.keys().map(|name| suite_of(name)).collect();
        for (name, suite) in profile.suites.iter().filter(|(name, _)| suites.contains(name.as_str())) {
            // A run that has none of its tests says nothing of it.
            let other = |run: &&&RunInput| {
                let ran = run.record.suites.get(name).map(|ran| &ran.sha256);
                ran != Some(&suite.sha256) && run.record.tests.iter().any(|test| test.suite == *name)
            };
            let fault = runs.iter().find(other).map(|run| {
                let (run, locked, mut what) = (&run.record, profile.id.as_str(), ANOTHER.to_owned());
                if run.muster != profile.muster {
                    let (ran, wrote) = (one_line(&run.muster, 60), one_line(&profile.muster, 60));
                    what.push_str(&format!(" (muster {ran} ran it, and {wrote} locked the profile)"));
                }
                format!("the run {} had another version of it than the profile {locked}: {what}", run.id)
            });
            out.push(requirement(RequirementKind::Suite, name, fault, "it is as it was locked"));
        }
    }
    out
}

/// Whether a run did not come to its own end.
fn has_no_end(run: &RunInput) -> bool {
    run.record.finished.is_none() || run.record.interrupted
}

/// Whether a later run goes on with this record of a run, and has every test that it had of the image.
fn goes_on_with(later: &RunInput, run: &RunInput, subject: &Subject<'_>) -> bool {
    let refers = later.record.earlier.iter().any(|earlier| {
        // The record may have been written from the events since.
        let same_file = run.file.file.ends_with(&earlier.file);
        earlier.id == run.record.id && (!same_file || earlier.sha256 == run.file.sha256)
    });
    let has = |test: &TestRecord| {
        let same =
            |other: &TestRecord| (&other.suite, &other.test, &other.image) == (&test.suite, &test.test, &test.image);
        later.record.tests.iter().any(same)
    };
    let mine = |test: &&TestRecord| subject.is(run, &test.image) && !test.suite.starts_with(PREFIX);
    refers && subject_is_same(later, run, subject) && run.record.tests.iter().filter(mine).all(has)
}

/// Whether each entry that a run had of the image is the image in the later one too.
fn subject_is_same(later: &RunInput, run: &RunInput, subject: &Subject<'_>) -> bool {
    run.record.images.keys().filter(|entry| subject.is(run, entry)).all(|entry| subject.is(later, entry))
}

/// Why a run is no evidence as a whole. One that did not come to its own end may be `continued` by another that is here.
fn incomplete(run: &RunInput, continued: bool) -> Option<String> {
    let record = &run.record;
    let focused = record.arguments.iter().any(|word| word == "--focus" || word.starts_with("--focus="))
        || record.notices.iter().any(|notice| notice.starts_with("the run was focused"));
    if record.started.parse::<jiff::Timestamp>().is_err() {
        return Some("its record does not say when it began".to_owned());
    }
    if record.finished.is_none() && !continued {
        return Some("it did not end: it goes on, or was killed".to_owned());
    }
    if record.interrupted && !continued {
        return Some("it was interrupted".to_owned());
    }
    // No snapshot can differ from what is accepted as it is.
    if record.accepts_snapshots() {
        return Some("it accepted whatever its snapshots were (--update-snapshots)".to_owned());
    }
    // The machines of the others may have crashed, and none of this one's tests would say so.
    if let Some(shard) = &record.shard {
        return Some(format!("it is shard {} of {}: `muster merge` makes one run of all", shard.number, shard.of));
    }
    if focused {
        return Some("it was focused on some tests while somebody worked on them".to_owned());
    }
    // As reports say it: a run that is no pass as a whole must not pass because no test says why.
    let bad = |test: &TestRecord| matches!(test.outcome, Outcome::Fail | Outcome::Error | Outcome::NotRun);
    let code = record.exit_code.map_or_else(|| "none".to_owned(), |code| code.to_string());
    let passed = [Exit::Pass as u8, Exit::Stale as u8].map(Some).contains(&record.exit_code);
    (!passed && !continued && !record.tests.iter().any(bad))
        .then(|| format!("it is no pass as a whole, and no test says why (exit code {code})"))
}

/// Why a run is too old or too new, else its age.
fn age(inputs: &GateInputs<'_>, started: Timestamp) -> (Option<String>, String) {
    let seconds = inputs.at.as_second().saturating_sub(started.as_second());
    if seconds < 0 {
        return (Some("it began after the time for which this is decided".to_owned()), String::new());
    }
    let days = seconds / 86_400;
    let shown = format!("it is {days} day{} old", if days == 1 { "" } else { "s" });
    let limit = inputs.policy.max_age.filter(|limit| seconds.unsigned_abs() > limit.as_secs());
    let fault =
        limit.map(|limit| format!("{shown}; the policy accepts {} at most", muster_suite::value::show_duration(limit)));
    (fault, shown)
}
