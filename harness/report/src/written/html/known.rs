//! What both halves of the page are made from, found out once.

use super::boots::Boots;
use crate::causes::{self, Cause};
use crate::format::ReportInput;
use crate::since::Since;

pub(super) struct Known<'r> {
    /// `None` when there is no earlier run to compare with.
    pub since: Option<Since<'r>>,
    /// Causes of the tests that failed or could not be run to a result; the page numbers them in this order.
    pub failed: Vec<Cause>,
    /// Reasons of those that did not run, likewise.
    pub not_run: Vec<Cause>,
    /// The boots of its machines, with those of the earlier run.
    pub boots: Boots,
}

impl<'r> Known<'r> {
    pub(super) fn of(source: ReportInput<'r>) -> Self {
        Self {
            since: source.before.map(|before| Since::of(source.record, before)),
            failed: causes::of_failures(source.record),
            not_run: causes::of_not_run(source.record),
            boots: Boots::of(source.record, source.before),
        }
    }
}
