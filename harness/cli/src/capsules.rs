//! Which machines of failed tests a run saves, as it is typed.

use super::project::short;
use muster_engine::capsule::{Bounds, CapsuleStore};
use muster_record::layout::RunDir;

/// Whether the machines of failed tests are kept, and how many.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct CapsuleOptions {
    /// Save machines as they are after a test, as capsules for `muster resume`: never, or failed
    #[arg(long, value_name = "WHEN", default_value = "never", conflicts_with = "connect")]
    capsule: CapsuleWhen,
    /// The most capsules that are saved in one run
    #[arg(long, value_name = "N", default_value_t = Bounds::default().count)]
    capsules_max: u32,
    /// What all capsules of a run may take on the disk [default: 2GiB]
    #[arg(long, value_name = "SIZE", value_parser = muster_suite::value::size)]
    capsules_size: Option<u64>,
}

/// Whose machines are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum CapsuleWhen {
    /// Keep none
    Never,
    /// Keep those of tests that failed or could not run
    Failed,
}

impl CapsuleOptions {
    pub(crate) fn capsule_store(&self, dir: &RunDir) -> Option<CapsuleStore> {
        let bytes = self.capsules_size.unwrap_or(Bounds::default().bytes);
        let bounds = Bounds { count: self.capsules_max, bytes };
        (self.capsule == CapsuleWhen::Failed).then(|| CapsuleStore::new(short(&dir.root().join("capsules")), bounds))
    }
}
