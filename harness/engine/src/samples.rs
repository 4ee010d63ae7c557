//! `boot-samples`: what a test expects of boots, read after each of several.

use muster_check::types::boot;
use muster_check::{Check, Observations, Probe};
use muster_record::facts::Facts;
use muster_suite::clause::expectations;
use muster_suite::model::{Action, Expectation, Step, Test};

/// What a test wishes.
pub(crate) struct BootSamples<'t> {
    /// The step that says so.
    pub step: &'t Step,
    /// Boots in all, the machine's first among them.
    pub boots: u32,
    /// How many of the first do not count.
    pub discard: u32,
    expected: Vec<&'t Expectation>,
}

/// The wish of a test whose first step it is.
pub(crate) fn boot_samples_of(test: &Test) -> Option<BootSamples<'_>> {
    let step = test.steps.first()?;
    let Action::BootSamples { samples, discard } = step.action else { return None };
    let expected = expectations(&test.expect).into_iter().filter(|found| found.check == boot::TABLE.name).collect();
    Some(BootSamples { step, boots: samples, discard, expected })
}

impl BootSamples<'_> {
    /// What must be read after each boot.
    pub(crate) fn probes(&self, facts: &Facts) -> Vec<Probe> {
        boot::Boot.probes(&self.expected, facts)
    }
}

/// What was read after each boot that counts.
#[derive(Debug, Default)]
pub(crate) struct Samples(Vec<Observations>);

impl Samples {
    /// Adds a boot.
    pub(crate) fn add(&mut self, seen: Observations) {
        self.0.push(seen);
    }

    /// Puts them next to what was read at the end, under keys of their own.
    pub(crate) fn show(&self, seen: &mut Observations) {
        for (number, sample) in self.0.iter().enumerate() {
            for (key, reply) in &sample.0 {
                seen.0.insert(muster_check::sample_key(number, key), reply.clone());
            }
        }
    }
}
