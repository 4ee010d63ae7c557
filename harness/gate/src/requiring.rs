//! Which tests a policy requires of an image that was built on a day, and how much depends on each.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use muster_record::names::{HEALTH_TEST, MACHINE_SUITE};
use muster_suite::policy::{Policy, PolicyLevel, PolicyRule, RuleTarget};

use crate::decision::RequirementLevel;
use crate::profile::Profile;
use crate::unmatched::fits;

/// A test that the policy speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// How much depends on it.
    pub(crate) level: RequirementLevel,
    /// Why the policy leaves it out for this image.
    pub(crate) excluded: Option<String>,
    /// What a reader should know of its level.
    pub(crate) note: Option<String>,
}

/// The tests by name, of a policy of which no part is about no test. Where there is no profile a name may be one as written, which means all
/// its combinations.
pub(crate) fn tests(policy: &Policy, profile: Option<&Profile>, built: Date) -> BTreeMap<String, Wanted> {
    let mut out: BTreeMap<String, Wanted> = BTreeMap::new();
    let required = || Wanted { level: RequirementLevel::Required, excluded: None, note: None };
    if let Some(profile) = profile.filter(|_| policy.rules.is_empty()) {
        out.extend(profile.tests.keys().map(|name| (name.clone(), required())));
    }
    for rule in &policy.rules {
        for name in named(rule, profile) {
            let wanted = of_rule(rule, built);
            // One that does not apply to this image changes nothing that another says.
            if wanted.excluded.is_none() || !out.contains_key(&name) {
                out.insert(name, wanted);
            }
        }
    }
    // What happened between tests belongs to no other: a panic there must not pass for want of a rule.
    out.entry(format!("{MACHINE_SUITE}/{HEALTH_TEST}")).or_insert_with(required);
    out
}

fn of_rule(rule: &PolicyRule, built: Date) -> Wanted {
    let mut wanted = Wanted { level: RequirementLevel::Required, excluded: None, note: None };
    wanted.level = match (rule.level, rule.from) {
        (PolicyLevel::Upcoming, Some(from)) if built >= from => RequirementLevel::Required,
        (PolicyLevel::Upcoming, from) => {
            wanted.note = from.map(|from| format!("required of images that are built from {from} on"));
            RequirementLevel::Upcoming
        }
        (PolicyLevel::Required, _) => RequirementLevel::Required,
        (PolicyLevel::Advisory, _) => RequirementLevel::Advisory,
        (PolicyLevel::Experimental, _) => RequirementLevel::Experimental,
    };
    if let Some(since) = rule.since.filter(|since| built < *since) {
        wanted.excluded = Some(format!("the rule at {} is for images that are built from {since} on", rule.location));
    } else if let Some(until) = rule.until.filter(|until| built >= *until) {
        wanted.excluded = Some(format!("the rule at {} is for images that were built before {until}", rule.location));
    }
    wanted
}

/// The names that a rule means. Without a profile it names its test; so does one about what machines did, which is in no profile.
fn named(rule: &PolicyRule, profile: Option<&Profile>) -> BTreeSet<String> {
    let locked = profile.iter().flat_map(|profile| &profile.tests);
    let found: BTreeSet<String> =
        locked.filter(|(name, test)| fits(rule, name, &test.tags)).map(|(name, _)| name.clone()).collect();
    match &rule.target {
        RuleTarget::Test(glob) if found.is_empty() => [glob.as_str().to_owned()].into(),
        _ => found,
    }
}

/// The combinations of a policy's matrix; one without values when it has none.
pub(crate) fn cells(matrix: &[(String, Vec<String>)]) -> Vec<BTreeMap<String, String>> {
    let mut out = vec![BTreeMap::new()];
    for (name, values) in matrix.iter().filter(|(_, values)| !values.is_empty()) {
        let with = |cell: &BTreeMap<String, String>| {
            let one = |value: &String| {
                let mut cell = cell.clone();
                cell.insert(name.clone(), value.clone());
                cell
            };
            values.iter().map(one).collect::<Vec<_>>()
        };
        out = out.iter().flat_map(with).collect();
    }
    out
}
