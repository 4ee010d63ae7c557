//! What a boot leaves, whether it went well or not.

use muster_base::failure::Failure;
use muster_check::Observations;
use muster_record::finding::Finding;
use muster_record::run::MachineRecord;

/// What is known of a guest when its machine becomes a template, in addition to what the driver knows.
#[derive(Debug, Clone, Default)]
pub struct BootLeft {
    /// What the base checks saw last.
    pub base: Observations,
    /// What the boot did wrong, as the guest itself recorded it.
    pub failures: Vec<Failure>,
    /// What the base checks could not see.
    pub remarks: Vec<String>,
}

/// A machine that did not come up.
#[derive(Debug, Clone)]
pub struct BootFailure {
    /// Why; for the tests that wanted it.
    pub failure: Failure,
    /// What the console rules found before.
    pub findings: Vec<Finding>,
    /// What is known of the machine.
    pub record: MachineRecord,
}
