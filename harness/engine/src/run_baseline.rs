//! The file of boots that a run is given, for the tests that compare boots and name no file of their own.

use std::collections::BTreeSet;

use super::plan::Planned;
use muster_base::failure::{self, Failure};
use muster_base::text::one_line;
use muster_boot_time::baseline::{BaselineError, Baselines};
use muster_boot_time::sample::Population;
use muster_suite::baseline::OF_RUN;
use muster_suite::model::Test;

/// A file of baselines that can be read.
#[derive(Debug, Clone)]
pub struct RunBaseline {
    file: String,
    text: String,
    /// Of which it has later boots, which are what a test can compare with.
    images: BTreeSet<String>,
}

impl RunBaseline {
    /// That of a file with this text.
    pub fn new(file: String, text: String) -> Result<Self, BaselineError> {
        let baselines = Baselines::read(&text)?;
        let images = baselines.images(Population::Later).into_iter().map(str::to_owned).collect();
        Ok(Self { file, text, images })
    }

    /// The file's text.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it has boots of that image.
    pub fn has(&self, image: &str) -> bool {
        self.images.contains(image)
    }
}

/// Whether a test compares boots with those that the run is given, on any system.
pub(crate) fn wants(test: &Test) -> bool {
    test.baselines().iter().any(|baseline| baseline.file.is_none())
}

/// Why a test has nothing to compare with; none when it has, or compares with nothing of the run's. That the boots are of another
/// machine than this one is no reason: whoever keeps a baseline of an image must hear that it is of no use any more.
pub(crate) fn lacking(planned: &Planned, image: &str, run: Option<&RunBaseline>) -> Option<Failure> {
    if !wants(planned.test()) || run.is_some_and(|run| run.has(image)) {
        return None;
    }
    let image = one_line(image, 60);
    let (why, file) = match run {
        None => (format!("the run has none: name one with `{OF_RUN} FILE`"), "FILE".to_owned()),
        Some(run) => {
            let file = one_line(&run.file, 120);
            (format!("{file} has no later boots of {image}"), file)
        }
    };
    let text = format!(
        "the test compares boots with a baseline, and {why}; `muster boot-time {image} --later --write-baseline {file}` measures them"
    );
    Some(Failure::new(failure::SKIP_BASELINE, text))
}
