//! Why runs are not the shards of one run.

use std::borrow::Cow;

use muster_base::exit::Exit;
use muster_base::fault::Fault;

/// Runs that are not the shards of one run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// There is none.
    #[error("there is no run to merge")]
    None,
    /// A run of its own.
    #[error("the run {run} is no shard of another")]
    NoShard {
        /// Its id.
        run: String,
    },
    /// They differ in what must be the same.
    #[error("the runs {one} and {other} are no shards of one run: they have different {what}")]
    Differ {
        /// Id of a run.
        one: String,
        /// Id of a run that differs from it.
        other: String,
        /// `images (lab: …)`.
        what: String,
    },
    /// A shard is there twice.
    #[error("the shard {number} of {of} is there twice: {one} and {other}")]
    Twice {
        /// Which.
        number: u32,
        /// Of how many.
        of: u32,
        /// Id of a run.
        one: String,
        /// Id of the other.
        other: String,
    },
    /// Shards are not there.
    #[error("{} of {of} {} missing", listed(missing), if missing.len() == 1 { "is" } else { "are" })]
    Missing {
        /// Their numbers.
        missing: Vec<u32>,
        /// Of how many.
        of: u32,
    },
    /// The same test is in two of them.
    #[error("the test {test} is in the shards {one} and {other}")]
    InTwo {
        /// `suite/test [image]`.
        test: String,
        /// Number of a shard.
        one: u32,
        /// Number of the other.
        other: u32,
    },
    /// A test of the plan is in none of them.
    #[error("the shards have {found} tests, and the plan has {planned}")]
    Incomplete {
        /// In all shards, the machines' own not counted.
        found: usize,
        /// In the plan.
        planned: u32,
    },
}

fn listed(numbers: &[u32]) -> String {
    let names: Vec<String> = numbers.iter().take(20).map(u32::to_string).collect();
    let more = if numbers.len() > names.len() { " and others" } else { "" };
    format!("shard{} {}{more}", if numbers.len() == 1 { "" } else { "s" }, names.join(", "))
}

impl Fault for MergeError {
    fn exit(&self) -> Exit {
        Exit::Invalid
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::None | Self::NoShard { .. } => "name the runs of `muster run --shard 1/4` and of its other shards",
            Self::Missing { .. } => "run it, and merge again; every shard must be there, also one that failed",
            Self::Twice { .. } => {
                "name one of them; `--rerun` makes of a shard that failed another run of the same shard"
            }
            Self::Differ { .. } => {
                "start all shards with the same program (built once), QEMU, suites, images, options, files and `--durations`"
            }
            Self::InTwo { .. } | Self::Incomplete { .. } => "merge what the runs wrote, unchanged",
        };
        Some(hint.into())
    }
}
