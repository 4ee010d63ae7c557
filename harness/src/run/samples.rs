//! `boot-samples`: what a test expects of boots, read after each of several.

use crate::check::{self, Check, Observations, Probe, boot};
use crate::guest::facts::Facts;
use crate::suite::clause::expectations;
use crate::suite::model::{Action, Expectation, Step, Test};

/// What a test wishes.
pub struct Wish<'t> {
    /// The step that says so.
    pub step: &'t Step,
    /// Boots in all, the machine's first among them.
    pub boots: u32,
    /// How many of the first do not count.
    pub discard: u32,
    expected: Vec<&'t Expectation>,
}

/// The wish of a test whose first step it is.
pub fn wished(test: &Test) -> Option<Wish<'_>> {
    let step = test.steps.first()?;
    let Action::BootSamples { samples, discard } = step.action else { return None };
    let expected = expectations(&test.expect).into_iter().filter(|found| found.check == boot::TABLE.name).collect();
    Some(Wish { step, boots: samples, discard, expected })
}

impl Wish<'_> {
    /// What must be read after each boot.
    pub fn probes(&self, facts: &Facts) -> Vec<Probe> {
        boot::Boot.probes(&self.expected, facts)
    }
}

/// What was read after each boot that counts.
#[derive(Debug, Default)]
pub struct Samples(Vec<Observations>);

impl Samples {
    /// Adds a boot.
    pub fn add(&mut self, seen: Observations) {
        self.0.push(seen);
    }

    /// Puts them beside what was read at the end, under keys of their own.
    pub fn show(&self, seen: &mut Observations) {
        for (number, sample) in self.0.iter().enumerate() {
            for (key, reply) in &sample.0 {
                seen.0.insert(check::sample_key(number, key), reply.clone());
            }
        }
    }
}
