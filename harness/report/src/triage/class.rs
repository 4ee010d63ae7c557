//! What a failure speaks against, as far as its id says it.

use muster_base::failure::{self, Class};
use muster_record::names::PREFIX;
use muster_record::run::{RunRecord, TestRecord};

/// What a failure speaks against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CauseClass {
    /// The image does not do what was expected of it.
    Image,
    /// The test: its proof shows that it cannot fail, or its setup is wrong.
    Test,
    /// muster itself.
    Harness,
    /// The machine that ran it.
    Host,
    /// What was given to the run: a file that is no image, a seed that does not fit.
    Input,
    /// The evidence does not decide: the image or the host.
    Undetermined,
}

impl CauseClass {
    /// All.
    pub const ALL: [Self; 6] = [Self::Image, Self::Test, Self::Harness, Self::Host, Self::Input, Self::Undetermined];

    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Test => "test",
            Self::Harness => "harness",
            Self::Host => "host",
            Self::Input => "input",
            Self::Undetermined => "undetermined",
        }
    }

    /// Of a failure of this id.
    pub(super) fn of(record: &RunRecord, test: &TestRecord, id: &str) -> Self {
        let first = test.failures.first().map(|failure| failure::class(&failure.id));
        if test.suite.starts_with(PREFIX) || id.starts_with("proof.") {
            return Self::Test;
        }
        let crashed = || {
            let on = |found: &&muster_record::finding::OnMachine| Some(&found.machine) == test.machine.as_ref();
            record.findings.iter().filter(on).any(|found| found.finding.is_fatal())
        };
        match id.split('.').next().unwrap_or_default() {
            "internal" => Self::Harness,
            "host" | "qemu" | "accelerator" | "firmware" | "cache" => Self::Host,
            "image" | "seed" | "remote" => Self::Input,
            "setup" | "teardown" | "known-issue" => Self::Test,
            "run" => Self::Undetermined,
            // A guest that is gone after a crash on its console is the image's; without one it may be the host's.
            "boot" | "ssh" | "machine" | "test" | "reboot" if crashed() => Self::Image,
            "boot" if id == "boot.emergency" => Self::Image,
            "boot" | "ssh" | "machine" | "test" => Self::Undetermined,
            // A probe that could not run says nothing of the image.
            _ => match first {
                Some(Class::Fail) => Self::Image,
                _ => Self::Undetermined,
            },
        }
    }
}
