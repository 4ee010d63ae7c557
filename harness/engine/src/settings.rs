//! What does not change during a run.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;

use super::budget::Budget;
use super::claims::Claims;
use super::halt::Halt;
use super::known::KnownIssues;
use super::product::Product;
use super::prove::Proofs;
use super::rerun::Rerun;
use super::run_baseline::RunBaseline;
use super::updates::Updates;
use muster_facts::compare::UpdateMode;
use muster_record::durations::Durations;
use muster_record::run::{ImageRecord, SuiteRecord, TestRecord};
use muster_record::shard::ShardRecord;
use muster_suite::snapshot_files::OwnSnapshots;

/// What every test of a run is run with.
pub struct Settings {
    /// How a person runs one test again.
    pub rerun: Rerun,
    /// `kvm` or `tcg`.
    pub accelerator: String,
    /// What becomes of new and changed snapshots.
    pub update: UpdateMode,
    /// `snapshots/` of the run directory.
    pub pending: Utf8PathBuf,
    /// Where snapshots of shipped suites are accepted, when that is not next to them.
    pub own_snapshots: Option<OwnSnapshots>,
    /// `tests/` of the run directory, for what is collected.
    pub artifacts: Utf8PathBuf,
    /// What the makers of the images claim of them.
    pub claims: Claims,
    /// Failures that are documented.
    pub known: KnownIssues,
    /// Earlier boots, for the tests that compare with those of the run.
    pub boot_baseline: Option<RunBaseline>,
    /// Tests that must fail, when this run is for proofs.
    pub proofs: Proofs,
    /// Whether somebody works on some tests: such a run is never a pass.
    pub focused: bool,
    /// Which part of a run it is, where it is not all of it.
    pub shard: Option<ShardRecord>,
    /// What all machines of the run share.
    pub budget: Budget,
    /// How long tests took before.
    pub durations: Durations,
    /// Whether the run stops at its first failure.
    pub halt: Halt,
    /// What is installed in every machine before its tests.
    pub products: Vec<Product>,
    /// What of the machine itself is installed before: files that lie in it already.
    pub updates: Updates,
    /// What is kept of the runs that this one goes on with.
    pub kept: KeptResults,
}

/// Results of earlier runs that belong to this one: their tests do not run again.
#[derive(Debug, Clone, Default)]
pub struct KeptResults {
    /// Whether the run is about all tests of the earlier ones, so that it says at its end what is outstanding.
    pub whole: bool,
    /// The tests, each with the run that it is kept from.
    pub tests: Vec<TestRecord>,
    /// Their suites, by name.
    pub suites: BTreeMap<String, SuiteRecord>,
    /// Their images, by id.
    pub images: BTreeMap<String, ImageRecord>,
}
