//! A decoded policy.

use std::time::Duration;

use jiff::civil::Date;

use crate::condition;
use crate::diagnostic::Span;
use crate::select::{NameGlob, TagExpression};
use muster_base::failure::Location;

/// What an image must have passed.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Its name.
    pub id: String,
    /// What is decided.
    pub context: String,
    /// The images that it is for; `None` is every image, one whose file is not known too.
    pub applies: Option<ImageScope>,
    /// Systems of which there must be an image each that satisfies the policy; empty is one image, whichever it is.
    pub systems: Vec<RequiredSystem>,
    /// The lock that names the tests: a file, or an id.
    pub profile: Option<String>,
    /// Where its name stands; of a policy without one, where the policy begins.
    pub profile_span: Span,
    /// In the order of the file; of several about one test the last counts. Empty only with a profile: all its tests
    /// are required.
    pub rules: Vec<PolicyRule>,
    /// Dimensions with values; every required test must have passed in every combination.
    pub matrix: Vec<(String, Vec<String>)>,
    /// Ids of image entries that must have been tested.
    pub environments: Vec<String>,
    /// Accelerators that must have been tested on.
    pub accelerators: Vec<String>,
    /// The least that must have been tested.
    pub minimum: Minimum,
    /// How old a run may be when it is decided about.
    pub max_age: Option<Duration>,
    /// What a pass after a failure comes to.
    pub flaky: FlakyRule,
    /// Ids of skips that leave a test out.
    pub allow_skips: Vec<String>,
    /// Which waivers count; `None` is none.
    pub waivers: Option<WaiverRules>,
    /// Where it stands.
    pub location: Location,
}

/// The images that a policy is for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageScope {
    /// `ID` of os-release.
    pub distro: Option<String>,
    /// Globs of `VERSION_ID`; empty is all.
    pub version: Vec<String>,
    /// Architectures; empty is all.
    pub arch: Vec<String>,
}

/// A system that must be among those that satisfy a policy. It names at least one thing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequiredSystem {
    /// The id of the image's entry; `None` is any.
    pub entry: Option<String>,
    /// What the image says of itself.
    pub scope: ImageScope,
}

impl Policy {
    /// A line for each distribution that nobody knows and architecture that no kernel names, of the images that it is for
    /// and the systems that it requires, where another was probably meant.
    pub fn unfamiliar(&self) -> Vec<String> {
        let mut out = std::collections::BTreeSet::new();
        for scope in self.applies.iter().chain(self.systems.iter().map(|system| &system.scope)) {
            let distro = scope.distro.iter().map(|distro| ("distro", distro));
            for (key, value) in distro.chain(scope.arch.iter().map(|arch| ("arch", arch))) {
                if let Some(near) = condition::probably_meant(key, value) {
                    out.insert(format!(
                        "{}: no system that muster knows has the `{key}` `{}`; did you mean `{near}`?",
                        self.location.file,
                        muster_base::text::one_line(value, 60)
                    ));
                }
            }
        }
        out.into_iter().collect()
    }
}

impl RequiredSystem {
    /// As it is listed: `azurelinux 4.* x86_64`, `entry lab`.
    pub fn name(&self) -> String {
        let Self { entry, scope } = self;
        let entry = entry.iter().map(|entry| format!("entry {entry}"));
        let several = |values: &[String]| (!values.is_empty()).then(|| values.join("|"));
        let scope = scope.distro.iter().cloned().chain(several(&scope.version)).chain(several(&scope.arch));
        entry.chain(scope).collect::<Vec<_>>().join(" ")
    }
}

/// A rule: which tests, and how much depends on them.
#[derive(Debug, Clone)]
pub struct PolicyRule {
    /// Which tests.
    pub target: RuleTarget,
    /// How much depends on them.
    pub level: PolicyLevel,
    /// Of [`PolicyLevel::Upcoming`]: the first day of builds that need it.
    pub from: Option<Date>,
    /// The first day of builds that it is about.
    pub since: Option<Date>,
    /// The first day of builds that it is no longer about.
    pub until: Option<Date>,
    /// Where it stands.
    pub location: Location,
    /// Where the name of its tests stands.
    pub span: Span,
}

/// Which tests a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleTarget {
    /// Those whose name matches.
    Test(NameGlob),
    /// Those of a suite.
    Suite(String),
    /// Those with these tags.
    Tag(TagExpression),
}

muster_base::words! {
    /// How much depends on a test.
    PolicyLevel {
        /// The gate stays closed without it.
        Required = "required",
        /// The same for images that are built from a day on; before, it is only reported.
        Upcoming = "upcoming",
        /// A note on the decision.
        Advisory = "advisory",
        /// Listed, and nothing more.
        Experimental = "experimental",
    }
}

muster_base::words! {
    /// What a test comes to that passed only after a failure.
    FlakyRule {
        /// It is not satisfied.
        Fails = "fails",
        /// It is satisfied.
        Passes = "passes",
    }
}

/// The least that must have been tested. One required test must always have passed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Minimum {
    /// Required tests that passed.
    pub passed: u64,
    /// Assertions that were evaluated in them.
    pub assertions: u64,
}

/// Which waivers count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaiverRules {
    /// The most days from creation to end.
    pub max_days: i64,
    /// Who may approve; empty is anybody but who requested it.
    pub approvers: Vec<String>,
    /// Tests that none covers.
    pub not_waivable: Vec<NotWaivable>,
}

/// Tests that no waiver covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotWaivable {
    /// Their names.
    pub tests: NameGlob,
    /// Where it stands.
    pub span: Span,
}

impl WaiverRules {
    /// What keeps a test from being waived.
    pub fn forbids(&self, suite: &str, test: &str) -> Option<&NameGlob> {
        self.not_waivable.iter().map(|one| &one.tests).find(|glob| glob.matches(suite, test))
    }
}
