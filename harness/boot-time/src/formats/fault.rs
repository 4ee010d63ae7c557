//! Why a file of another program cannot be made of measured boots.

use std::borrow::Cow;

use muster_base::exit::Exit;
use muster_base::fault::Fault;

/// Why a format has no file for these boots.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// There is nothing to write.
    #[error("nothing was measured")]
    Nothing,
    /// No sample counts.
    #[error("none of the {samples} boots counts: {why}")]
    NoneCounts {
        /// How many there are.
        samples: usize,
        /// Why the first of them does not.
        why: String,
    },
    /// The boots have another shape than [`crate::sample::Measured`] promises.
    #[error("{at}: {why}")]
    Value {
        /// Where: `samples[3].phases`.
        at: String,
        /// What is wrong there, escaped and bounded.
        why: String,
    },
    /// A format of one measurement was given several.
    #[error("the format {format} holds one measurement, and there are {count}")]
    One {
        /// Its name.
        format: &'static str,
        /// How many.
        count: usize,
    },
    /// Measurements that cannot be compared, for a format that compares them.
    #[error("the measurements of {first} and {second} differ in {field}: `{one}` and `{other}`")]
    MixedSeries {
        /// When one of them was made.
        first: String,
        /// When the other was.
        second: String,
        /// The part of the series that differs.
        field: &'static str,
        /// Its value there, escaped and bounded.
        one: String,
        /// Its value here, escaped and bounded.
        other: String,
    },
}

impl Fault for FormatError {
    fn exit(&self) -> Exit {
        match self {
            Self::One { .. } | Self::MixedSeries { .. } => Exit::Invalid,
            _ => Exit::Error,
        }
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::Nothing => "measure at least one boot",
            Self::NoneCounts { .. } => {
                "find out why in the samples of boot-time.json (`inconclusive`, `hung`), then measure again"
            }
            Self::Value { .. } => "measure again; when it comes back, report it with boot-time.json",
            Self::One { .. } => "write each to a file of its own",
            Self::MixedSeries { .. } => {
                "write one file for each series; different machines or populations do not compare"
            }
        };
        Some(hint.into())
    }
}
