//! A documented failure.

use jiff::civil::Date;

use crate::expiry;
use crate::model::{Condition, Matcher};
use crate::select::NameGlob;
use muster_base::failure::Location;

/// Longest time an entry may stand, in days from the day it is read.
pub const LONGEST_DAYS: i64 = 180;

/// One documented failure.
#[derive(Debug, Clone)]
pub struct KnownIssue {
    /// The tests it is about.
    pub tests: NameGlob,
    /// On which systems; `None` is all.
    pub condition: Option<Condition>,
    /// Where it is followed up.
    pub tracker: String,
    /// Why the tests fail.
    pub because: String,
    /// What every failure must look like, as [`apply`](super::apply()) shows it; `None` is any failure of the test's own,
    /// so none of the console, of the base checks or of the machine.
    pub failure: Option<Matcher>,
    /// The last day it holds.
    pub expires: Date,
    /// What it does while it holds.
    pub effect: Effect,
    /// Who looks after it; may be empty.
    pub owner: String,
    /// Where it stands.
    pub location: Location,
}

/// What an entry does while it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// The tests are asked and must fail as documented.
    Xfail,
    /// The tests are not asked.
    Skip,
}

impl KnownIssue {
    /// Whether it is about a test, by suite and full id.
    pub fn is_about(&self, suite: &str, test: &str) -> bool {
        self.tests.matches(suite, test)
    }

    /// Whether its last day is over.
    pub fn is_expired(&self, today: Date) -> bool {
        today > self.expires
    }

    /// Days until its last day; negative when that is over.
    pub fn days_left(&self, today: Date) -> i64 {
        expiry::days_left(self.expires, today)
    }

    /// The entry in one line, for reports: `tracker until 2027-01-31: because`.
    pub fn summary(&self) -> String {
        muster_base::text::one_line(&format!("{} until {}: {}", self.tracker, self.expires, self.because), 400)
    }
}
