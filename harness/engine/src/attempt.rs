//! What came of one attempt at a test.

use muster_base::failure::Failure;
use muster_check::Observations;
use muster_record::met::MetRecord;

/// One attempt at a test.
#[derive(Default)]
pub(super) struct Attempt {
    /// How many assertions were evaluated.
    pub assertions: u32,
    /// Those that were met.
    pub met: Vec<MetRecord>,
    /// What went wrong.
    pub failures: Vec<Failure>,
    /// What is only reported.
    pub remarks: Vec<String>,
    /// Why it did not run.
    pub skipped: Option<Failure>,
    /// What the base checks saw after it: what comes next is compared with this.
    pub base_after: Option<Observations>,
    /// Whether the machine cannot be used any more.
    pub machine_lost: bool,
    /// Seconds of what was read for it before it began.
    pub read_before: f64,
}

impl Attempt {
    /// It did not run.
    pub(super) fn skipped(reason: Failure) -> Self {
        Self { skipped: Some(reason), ..Self::default() }
    }

    /// Takes in what came of a part of it on the machine of that name.
    pub(super) fn add(&mut self, name: &str, part: Self) {
        self.assertions += part.assertions;
        self.met.extend(part.met.into_iter().map(|met| met.on(name)));
        self.failures.extend(part.failures.into_iter().map(|failure| of_machine(name, failure)));
        self.remarks.extend(part.remarks.into_iter().map(|remark| format!("{name}: {remark}")));
        self.machine_lost |= part.machine_lost;
    }

    /// It could not run, or ended at once.
    pub(super) fn failed(failure: Failure) -> Self {
        Self { failures: vec![failure], ..Self::default() }
    }
}

/// A failure with the name of the machine that it is of, where a test has several.
pub(super) fn of_machine(name: &str, failure: Failure) -> Failure {
    Failure { message: format!("{name}: {}", failure.message), ..failure }
}
