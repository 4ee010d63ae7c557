//! Whether a test runs at all. Pure.

use super::plan::Planned;
use super::run_baseline;
use super::settings::Settings;
use muster_base::failure::{self, Failure};
use muster_record::facts::Facts;
use muster_record::outcome::Outcome;
use muster_suite::condition::Truth;
use muster_suite::model::When;

/// Whether a test needs another of its suite, directly or through others.
pub fn needs(planned: &Planned, id: &str) -> bool {
    let mut open = vec![planned.test()];
    let mut seen = std::collections::BTreeSet::new();
    while let Some(test) = open.pop() {
        if test.needs.iter().any(|need| need == id) {
            return true;
        }
        let more = planned.suite.tests.iter().filter(|other| test.needs.contains(&other.id));
        open.extend(more.filter(|other| seen.insert(other.id.as_str())));
    }
    false
}

/// Why a test is skipped whose need did not pass.
pub(crate) fn unmet_need(need: &str, outcome: Option<Outcome>) -> Failure {
    let how = match outcome {
        Some(Outcome::Skip) => "was skipped",
        Some(Outcome::Fail) => "failed",
        Some(Outcome::Known) => "failed as a known issue says",
        Some(Outcome::Error) => "ended in an error",
        // It was met where it passed, and no test is skipped for it then.
        Some(Outcome::Pass | Outcome::Flaky) => "passed",
        Some(Outcome::NotRun) | None => "did not run",
    };
    Failure::new(failure::SKIP_NEED, format!("needs `{need}`, which {how}"))
}

/// Why the suite, or else the test, does not run on this guest; `None` when it runs. The error is
/// that of a condition nobody can decide here.
pub fn skip(planned: &Planned, image: &str, settings: &Settings, facts: &Facts) -> Result<Option<Failure>, Failure> {
    let conditions = [
        (&planned.suite.images, failure::SKIP_IMAGE, "the suite"),
        (&planned.test().when, failure::SKIP_WHEN, "the test"),
    ];
    let lookup = |name: &str| dimension(name, image, settings, facts);
    for (when, id, what) in conditions {
        let Some(when) = when else { continue };
        match applies(when, what, &lookup) {
            Applies::Yes => {}
            Applies::No(reason) => return Ok(Some(Failure::new(id, reason))),
            // Neither run nor skipped: a gate must not open because a fact is missing.
            Applies::Unknown(dimension) => {
                let text = format!("whether {what} is for this machine is not known: `{dimension}` is not known here");
                return Err(Failure::new(failure::PROBE_FAILED, text).at(&when.location));
            }
        }
    }
    // What it is on this system counts; that nobody can say it is an error of the test, which is found later.
    let here = planned.adjusted(&lookup).ok();
    Ok(here.and_then(|(test, _)| run_baseline::lacking(&test, image, settings.boot_baseline.as_ref())))
}

/// The values of a dimension of conditions for this guest.
pub fn dimension(name: &str, image: &str, settings: &Settings, facts: &Facts) -> Option<Vec<String>> {
    match name {
        "image" => Some(vec![image.to_owned()]),
        "accelerator" => Some(vec![settings.accelerator.clone()]),
        "claimed-openssl-provider" => {
            let claims = settings.claims.get(image).into_iter().flatten();
            Some(claims.filter_map(|claim| claim.value_of("openssl-provider")).map(str::to_owned).collect())
        }
        // The guest has been asked: what it does not have is absent, not unknown.
        other => Some(facts.dimension(other).unwrap_or_default()),
    }
}

/// Whether what a condition stands at is for this guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applies {
    /// It is.
    Yes,
    /// It is not, for this reason.
    No(String),
    /// It depends on this dimension, of which nothing is known.
    Unknown(String),
}

/// Whether `what`, at which the condition stands, is for the guest of which `lookup` knows the dimensions.
pub fn applies(when: &When, what: &str, lookup: &dyn Fn(&str) -> Option<Vec<String>>) -> Applies {
    match muster_suite::condition::evaluate(&when.condition, lookup) {
        Truth::True => Applies::Yes,
        Truth::False { why } => {
            let because = when.because.as_ref().map(|text| format!("; {text}")).unwrap_or_default();
            Applies::No(format!("{what} needs {} ({why}){because}", when.condition))
        }
        Truth::Unknown { dimension } => Applies::Unknown(dimension),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_record::disk::DiskFacts;
    use muster_suite::condition::DIMENSIONS;

    #[test]
    fn every_dimension_of_conditions_is_one_of_a_guest_or_of_the_run() {
        let text = |text: &str| Some(text.to_owned());
        let release = [("ID", "fedora"), ("VERSION_ID", "43"), ("ID_LIKE", "rhel"), ("VARIANT_ID", "server")];
        let facts = Facts {
            os_release: release.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
            arch: "x86_64".to_owned(),
            kernel: "6.12".to_owned(),
            systemd: Some(257),
            package_manager: text("dnf5"),
            rpm: text("4.20"),
            selinux: text("enforcing"),
            firmware: "uefi".to_owned(),
            mode: "package".to_owned(),
            openssl_provider: text("default"),
            disk: Some(DiskFacts::default()),
            kernel_from: text("image"),
            ..Facts::default()
        };
        for (name, ..) in DIMENSIONS {
            // Those of the run are read by `dimension` itself.
            let of_run = ["image", "accelerator", "claimed-openssl-provider"].contains(name);
            assert_eq!(facts.dimension(name).is_none(), of_run, "{name} is in neither `Facts::dimension` nor here");
        }
    }

    #[test]
    fn a_skip_says_how_its_need_ended_in_words_of_that_outcome_alone() {
        let said = |outcome| unmet_need("b", outcome).message;
        let mut all: Vec<String> = Outcome::ALL.into_iter().map(|outcome| said(Some(outcome))).collect();
        assert_eq!(said(Some(Outcome::Known)), "needs `b`, which failed as a known issue says");
        assert_eq!(said(Some(Outcome::Error)), "needs `b`, which ended in an error");
        assert_eq!(said(None), said(Some(Outcome::NotRun)), "what was never begun did not run");
        // A pass and a pass on a retry meet the need alike; no other two outcomes are one.
        all.sort();
        all.dedup();
        assert_eq!(all.len(), Outcome::ALL.len() - 1, "{all:?}");
    }
}
