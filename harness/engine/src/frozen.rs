//! What comes of freezing a machine, and a template that an earlier run froze.

use super::boot::BootLeft;
use muster_record::finding::Finding;
use muster_record::run::MachineRecord;

/// What came of freezing a machine.
pub enum Frozen<L, T> {
    /// It is a template now; its own run has ended.
    Template {
        /// What clones are made of.
        template: T,
        /// What is known of the machine.
        record: MachineRecord,
        /// What its console showed since the last look.
        findings: Vec<Finding>,
    },
    /// This image, or this QEMU, cannot do it. The machine goes on.
    Refused {
        /// The machine.
        live: L,
        /// Why.
        reason: String,
    },
    /// It went wrong half-way, and the machine is gone.
    Lost {
        /// Why.
        reason: String,
        /// What is known of the machine.
        record: MachineRecord,
        /// What its console showed since the last look.
        findings: Vec<Finding>,
    },
}

/// A template of an earlier run.
pub struct Recalled<T> {
    /// What clones are made of.
    pub template: T,
    /// What it is called in this run.
    pub name: String,
    /// What its boot left.
    pub left: BootLeft,
    /// Everything that its console showed.
    pub findings: Vec<Finding>,
}
