//! `boot-samples`: what a test expects of boots, read after each of several, and how the boots are measured that it compares with
//! those of a file.

use std::collections::BTreeSet;

use super::boot_evidence::{self, calibrate};
use super::driver::Live;
use super::run_baseline::RunBaseline;
use super::sink::now;
use muster_base::failure::Failure;
use muster_boot_time::formats::json;
use muster_boot_time::measure::{Evidence, measure};
use muster_boot_time::sample::{Measured, Population, SCHEMA};
use muster_check::types::{boot, boot_baseline};
use muster_check::{Check, Observations, Probe};
use muster_guest::Reply;
use muster_record::facts::Facts;
use muster_suite::baseline::{self, Baseline, OF_RUN};
use muster_suite::clause::expectations;
use muster_suite::model::{Action, BASELINE_LIMIT, Expectation, Step, Test};

/// What a test wants of several boots.
pub(crate) struct BootSamples<'t> {
    /// Steps before that: those of a proof, for whose change the boots are taken.
    pub before: &'t [Step],
    /// The step that says so.
    pub step: &'t Step,
    /// The steps after it.
    pub after: &'t [Step],
    /// Boots in all, the machine's first among them.
    pub boots: u32,
    /// How many of the first do not count.
    pub discard: u32,
    expected: Vec<&'t Expectation>,
}

/// What a test with this step wants.
pub(crate) fn boot_samples_of(test: &Test) -> Option<BootSamples<'_>> {
    let at = test.steps.iter().position(|step| matches!(step.action, Action::BootSamples { .. }))?;
    let (before, step, after) = (&test.steps[..at], &test.steps[at], &test.steps[at + 1..]);
    let Action::BootSamples { samples, discard } = step.action else { return None };
    let expected = expectations(&test.expect).into_iter().filter(|found| found.check == boot::TABLE.name).collect();
    Some(BootSamples { before, step, after, boots: samples, discard, expected })
}

impl BootSamples<'_> {
    /// What must be read after each boot.
    pub(crate) fn probes(&self, facts: &Facts) -> Vec<Probe> {
        boot::Boot.probes(&self.expected, facts)
    }

    /// The files that boots are compared with, [`OF_RUN`] for that of the run.
    pub(crate) fn baselines(&self) -> BTreeSet<String> {
        let assertions = self.expected.iter().flat_map(|expectation| &expectation.assertions);
        let compared = assertions.filter(|assertion| assertion.attribute == baseline::ATTRIBUTE);
        compared.filter_map(|one| Some(Baseline::of_key(one.key.as_deref()?).file_or_option().to_owned())).collect()
    }
}

/// What was read after each boot that counts.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    read: Vec<Observations>,
    /// Whether boots are measured; the first of a machine is not, since it is of another kind than those of a file.
    measures: bool,
    /// The later boots, once there is one that the driver has seen.
    measured: Option<Measured>,
    /// What each file of baselines holds, or why it cannot be read, by its key.
    files: Vec<(String, Reply)>,
}

impl Samples {
    /// Of boots that are compared with these files, one of which may be the run's.
    pub(crate) fn compared_with(files: BTreeSet<String>, run: Option<&RunBaseline>) -> Self {
        let read = |file: String| {
            let reply = match (file == OF_RUN, run) {
                (false, _) => file_of(&file),
                (true, Some(run)) => Reply { stdout: run.text().as_bytes().to_vec(), ..Reply::default() },
                (true, None) => unread("the run has no file of baselines".to_owned()),
            };
            (boot_baseline::file_key(&file), reply)
        };
        Self { measures: !files.is_empty(), files: files.into_iter().map(read).collect(), ..Self::default() }
    }

    /// How fast the host is just now, where that says something of the boots.
    pub(crate) async fn calibrate(&self) -> Option<u64> {
        if !self.measures {
            return None;
        }
        calibrate().await
    }

    /// Measures the boot that the machine has just done. `before` is how fast the host was before it.
    pub(crate) async fn measure<L: Live>(&mut self, live: &L, before: Option<u64>) -> Result<(), Failure> {
        if !self.measures {
            return Ok(());
        }
        let seen = boot_evidence::read(live).await?.filter(|seen| seen.series.boots == Population::Later);
        let Some(seen) = seen else { return Ok(()) };
        let calibration = before.zip(self.calibrate().await).map(|(before, after)| [before, after]);
        let measured = self.measured.get_or_insert_with(|| Measured {
            schema: SCHEMA.to_owned(),
            muster: env!("CARGO_PKG_VERSION").to_owned(),
            at: now(),
            series: seen.series,
            image_sha256: seen.image_sha256,
            samples: Vec::new(),
            not_measured: Vec::new(),
        });
        let number = measured.samples.last().map_or(1, |last| last.number + 1);
        measured.samples.push(measure(&Evidence { number, calibration, ..seen.evidence }));
        Ok(())
    }

    /// Adds a boot.
    pub(crate) fn add(&mut self, seen: Observations) {
        self.read.push(seen);
    }

    /// Puts them next to what was read at the end, under keys of their own.
    pub(crate) fn show(&self, seen: &mut Observations) {
        for (number, sample) in self.read.iter().enumerate() {
            for (key, reply) in &sample.0 {
                seen.0.insert(muster_check::sample_key(number, key), reply.clone());
            }
        }
        if self.measures {
            seen.0.extend(self.files.iter().cloned());
            seen.0.insert(boot_baseline::MEASURED.to_owned(), self.boots());
        }
    }

    /// The measured boots as `boot-time.json`, or why there are none.
    fn boots(&self) -> Reply {
        match self.measured.as_ref().map(json::render) {
            Some(Ok(text)) => Reply { stdout: text.into_bytes(), ..Reply::default() },
            Some(Err(error)) => unread(error.to_string()),
            None => unread("the boots of this machine are not seen from outside".to_owned()),
        }
    }
}

/// A file of baselines, or why it cannot be read.
fn file_of(file: &str) -> Reply {
    use std::io::Read as _;

    let mut text = Vec::new();
    let read = fs_err::File::open(file).and_then(|file| file.take(BASELINE_LIMIT + 1).read_to_end(&mut text));
    match read {
        Err(error) => unread(error.to_string()),
        Ok(_) if text.len() as u64 > BASELINE_LIMIT => {
            unread(format!("it has more than {BASELINE_LIMIT} bytes, and so many are read at most"))
        }
        Ok(_) => Reply { stdout: text, ..Reply::default() },
    }
}

fn unread(why: String) -> Reply {
    Reply { status: 1, stderr: why.into_bytes(), ..Reply::default() }
}
