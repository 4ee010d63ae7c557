//! How the tests of an image ended, from the records of its runs.

use muster_base::text::one_line;
use muster_gate::decision::{Decision, RequirementKind, RequirementState};
use muster_gate::inputs::RunInput;
use muster_record::outcome::Outcome;
use muster_record::run::TestRecord;

use crate::model::{Results, TestNoted};

/// Of the image with this digest. The runs are sorted by file.
pub(crate) fn results(runs: &[RunInput], sha256: &str, decision: &Decision) -> Results {
    let mut out = Results { waived: waived(decision), ..Results::default() };
    for run in runs {
        let about_it =
            |test: &&TestRecord| run.record.images.get(&test.image).is_some_and(|image| image.sha256 == sha256);
        for test in run.record.tests.iter().filter(about_it) {
            let noted = noted(&run.record.id, test);
            match test.outcome {
                Outcome::Pass => out.passed += 1,
                Outcome::Fail => out.failed.push(noted),
                Outcome::Error | Outcome::NotRun => out.errored.push(noted),
                Outcome::Known => out.known.push(noted),
                Outcome::Flaky => out.flaky.push(noted),
                Outcome::Skip => out.skipped.push(noted),
            }
        }
    }
    out
}

fn waived(decision: &Decision) -> Vec<String> {
    let is = |one: &&muster_gate::decision::Requirement| {
        one.kind == RequirementKind::Test && one.state == RequirementState::Waived
    };
    let mut names: Vec<String> = decision.requirements.iter().filter(is).map(|one| one.name.clone()).collect();
    names.sort();
    names.dedup();
    names
}

fn noted(run: &str, test: &TestRecord) -> TestNoted {
    let why = test.skipped.as_ref().filter(|_| test.failures.is_empty()).or(test.failures.first());
    TestNoted {
        test: one_line(&test.name(), 300),
        run: one_line(run, 200),
        id: why.map_or_else(String::new, |why| one_line(why.id.as_str(), 100)),
        message: why.map_or_else(String::new, |why| one_line(&why.message, 500)),
        tracker: test.issue.as_ref().map(|issue| one_line(&issue.tracker, 200)),
    }
}
