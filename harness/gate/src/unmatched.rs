//! What of a policy is about no test. A rule or a `not-waivable` that a typing error has made meaningless would open a gate silently.

use std::collections::BTreeMap;

use muster_base::failure::Location;
use muster_base::text::one_line;
use muster_record::names::{HEALTH_TEST, MACHINE_SUITE};
use muster_suite::diagnostic::{Diagnostic, Span, codes, did_you_mean};
use muster_suite::policy::{Policy, PolicyRule, RuleTarget};

use crate::inputs::{ABOUT_NO_TEST, GateError};
use crate::profile::{Profile, ProfileTest};

/// A part of a policy that is about no test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmatched {
    /// What it says: `test s/gone`, `not-waivable mien/*`.
    pub what: String,
    /// The file of the policy, and where in it.
    pub place: Location,
    span: Span,
    /// The profile; empty without one.
    profile: String,
    /// What was most likely meant.
    near: Option<String>,
}

impl Unmatched {
    /// One sentence.
    fn message(&self) -> String {
        match self.profile.is_empty() {
            true => format!("the policy requires no test that this is about: {}", self.what),
            false => format!("the profile {} has no test that this is about: {}", self.profile, self.what),
        }
    }

    /// At its place in the text.
    pub fn diagnostic(&self) -> Diagnostic {
        let help = match &self.near {
            Some(near) => format!("did you mean `{near}`?"),
            None => ABOUT_NO_TEST.to_owned(),
        };
        Diagnostic::new(codes::UNKNOWN_TEST, &self.place.file, self.span, self.message()).help(help)
    }
}

impl From<Unmatched> for GateError {
    fn from(found: Unmatched) -> Self {
        Self::Unmatched { place: found.place.to_string(), what: found.message() }
    }
}

/// Everything of a policy that is about no test of its profile. Without one, a rule names its test, and only what the rules name can be
/// waived.
pub fn unmatched(policy: &Policy, profile: Option<&Profile>) -> Vec<Unmatched> {
    let health = format!("{MACHINE_SUITE}/{HEALTH_TEST}");
    let named = policy.rules.iter().filter_map(|rule| match &rule.target {
        RuleTarget::Test(glob) if profile.is_none() => Some(glob.as_str()),
        _ => None,
    });
    let locked = profile.iter().flat_map(|profile| profile.tests.keys().map(String::as_str));
    let names: Vec<&str> = locked.chain(named).chain([health.as_str()]).collect();
    let found = |what: String, span: Span, typed: Option<&str>| Unmatched {
        what: one_line(&what, 200),
        place: Location { line: span.line, column: span.column, ..policy.location.clone() },
        span,
        profile: profile.map_or_else(String::new, |profile| one_line(&profile.id, 120)),
        near: typed.and_then(|typed| did_you_mean(typed, names.iter().copied())).map(str::to_owned),
    };
    let mut out = Vec::new();
    if let Some(profile) = profile {
        for rule in policy.rules.iter().filter(|rule| !is_about_any(rule, &profile.tests, &health)) {
            out.push(match &rule.target {
                RuleTarget::Test(glob) => found(format!("test {}", glob.as_str()), rule.span, Some(glob.as_str())),
                RuleTarget::Suite(name) => found(format!("suite {name}"), rule.span, None),
                RuleTarget::Tag(expression) => found(format!("tag {}", expression.tags().join(", ")), rule.span, None),
            });
        }
    }
    for one in policy.waivers.iter().flat_map(|rules| &rules.not_waivable) {
        let matches = |name: &str| name.split_once('/').is_some_and(|(suite, test)| one.tests.matches(suite, test));
        if !names.iter().any(|name| matches(name)) {
            let glob = one.tests.as_str();
            out.push(found(format!("not-waivable {glob}"), one.span, Some(glob)));
        }
    }
    out
}

/// Whether a rule is about a test of a profile. What machines did between tests is in none.
fn is_about_any(rule: &PolicyRule, tests: &BTreeMap<String, ProfileTest>, health: &str) -> bool {
    let is_health = matches!(&rule.target, RuleTarget::Test(glob) if glob.as_str() == health);
    is_health || tests.iter().any(|(name, test)| fits(rule, name, &test.tags))
}

/// Whether a rule is about a test.
pub(crate) fn fits(rule: &PolicyRule, name: &str, tags: &[String]) -> bool {
    match (&rule.target, name.split_once('/')) {
        (RuleTarget::Test(glob), Some((suite, test))) => glob.matches(suite, test),
        (RuleTarget::Suite(wanted), Some((suite, _))) => suite == wanted,
        (RuleTarget::Tag(expression), _) => expression.matches(tags),
        _ => false,
    }
}
