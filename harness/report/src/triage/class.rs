//! What a failure speaks against, as far as its id says it.

use muster_base::failure::{self, Class};
use muster_record::names::{NO_NETWORK, PREFIX};
use muster_record::run::{RunRecord, TestRecord};

/// Whether the test failed for want of a network on a machine that reaches none.
pub(super) fn no_network(test: &TestRecord) -> bool {
    test.remarks.iter().any(|remark| remark == NO_NETWORK)
}

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
                // The machine was cut off: the test may be without its tag, or the image may use a network where it should not.
                Some(Class::Fail) if no_network(test) => Self::Undetermined,
                Some(Class::Fail) => Self::Image,
                _ => Self::Undetermined,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_base::failure::Failure;
    use muster_record::outcome::Outcome;
    use muster_record::sample;

    #[test]
    fn what_failed_for_want_of_a_network_does_not_speak_against_the_image() {
        let failures = vec![Failure::new(failure::STEP_RUN, "`curl https://example.org/` ended with status 6")];
        let test = TestRecord { failures, remarks: Vec::new(), ..sample::test("mine", "fetches", Outcome::Fail) };
        let of = |test: &TestRecord| CauseClass::of(&RunRecord::default(), test, "step.run");
        assert_eq!(of(&test), CauseClass::Image);
        assert_eq!(of(&TestRecord { remarks: vec![NO_NETWORK.to_owned()], ..test }), CauseClass::Undetermined);
    }
}
