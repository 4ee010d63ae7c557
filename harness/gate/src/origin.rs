//! How a result was found. A run that goes on with another one keeps results of it: they are as old as that run, and its machines found
//! them. What is not known of it is no evidence.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use muster_base::text::one_line;
use muster_record::names::PREFIX;
use muster_record::run::{FoundHow, TestRecord};

use crate::inputs::RunInput;
use crate::subject::Subject;

/// How each given run found its results.
#[derive(Debug)]
pub(crate) struct Origins<'r> {
    given: BTreeMap<&'r str, FoundHow>,
}

impl<'r> Origins<'r> {
    pub(crate) fn new(runs: &[&'r RunInput]) -> Self {
        Self { given: runs.iter().map(|run| (run.record.id.as_str(), run.record.found())).collect() }
    }

    /// How the run with this id found what the record of `run` has of it: as its own record says, else as the one that goes on with it
    /// does. None where neither does.
    fn of_id<'o>(&'o self, run: &'o RunInput, id: &str) -> Option<&'o FoundHow> {
        let referred = || run.record.earlier.iter().rev().find(|earlier| earlier.id == id)?.found.as_ref();
        self.given.get(id).or_else(referred)
    }

    /// How a result in the record of a run was found.
    pub(crate) fn of<'o>(&'o self, run: &'o RunInput, test: &TestRecord) -> Option<&'o FoundHow> {
        self.of_id(run, test.kept_from.as_deref().unwrap_or(&run.record.id))
    }

    /// Whether a run is among those that were given.
    pub(crate) fn is_given(&self, id: &str) -> bool {
        self.given.contains_key(id)
    }

    /// The runs that were not given and of which this one has kept results, with what is known of them.
    pub(crate) fn kept<'o>(
        &'o self,
        run: &'o RunInput,
        subject: &'o Subject<'_>,
    ) -> BTreeMap<&'o str, Option<&'o FoundHow>> {
        let ids = kept(run, subject).filter_map(|test| test.kept_from.as_deref());
        ids.filter(|id| !self.is_given(id)).map(|id| (id, self.of_id(run, id))).collect()
    }

    /// Why results that a run has kept are no evidence.
    pub(crate) fn fault(&self, run: &RunInput, subject: &Subject<'_>) -> Option<String> {
        let named = |id: &str| one_line(id, 120);
        let ids: BTreeSet<&str> = kept(run, subject).filter_map(|test| test.kept_from.as_deref()).collect();
        for id in ids {
            let Some(found) = self.of_id(run, id) else {
                let why = "and its record does not say how that run found them: give the gate that run too";
                return Some(format!("it has kept results of the run {}, {why}", named(id)));
            };
            // A run that began at no time would be older than any build, and nothing that is required since a day would be required.
            if found.started.parse::<Timestamp>().is_err() {
                let why = "and its record does not say when that run began: give the gate that run too";
                return Some(format!("it has kept results of the run {}, {why}", named(id)));
            }
            if found.accepts_snapshots {
                let why = "which accepted whatever its snapshots were (--update-snapshots)";
                return Some(format!("it has kept results of the run {}, {why}", named(id)));
            }
        }
        kept(run, subject).find_map(|test| {
            let (id, now) = (test.kept_from.as_deref()?, run.record.images.get(&test.image)?);
            let then = self.of_id(run, id)?.images.get(&test.image).map(|image| image.sha256.as_str());
            (then != Some(now.sha256.as_str())).then(|| {
                let image = one_line(&test.image, 80);
                format!("it has kept results of the run {}, which tested another image {image}", named(id))
            })
        })
    }
}

/// The results of the image that a run has kept. Those of proofs decide nothing.
fn kept<'r>(run: &'r RunInput, subject: &Subject<'_>) -> impl Iterator<Item = &'r TestRecord> {
    let counts = |test: &&TestRecord| {
        test.kept_from.is_some() && !test.suite.starts_with(PREFIX) && subject.is(run, &test.image)
    };
    run.record.tests.iter().filter(counts)
}

/// When a run began; a time that cannot be read is older than every other.
pub(crate) fn started(found: &FoundHow) -> Timestamp {
    found.started.parse().unwrap_or(Timestamp::MIN)
}
