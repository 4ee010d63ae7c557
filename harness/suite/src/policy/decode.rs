//! From a file to a policy.

use std::sync::Arc;

use camino::Utf8PathBuf;

use super::keys::{APPLIES, FILE, MINIMUM, RULE, SCHEMA, WAIVER_RULES};
use super::model::{FlakyRule, ImageScope, Minimum, Policy, PolicyLevel, PolicyRule, RuleTarget, WaiverRules};
use crate::decode::{Context, Patterns, days, root_for, schema};
use crate::diagnostic::{Diagnostics, codes};
use crate::select::{NameGlob, TagExpression};
use crate::source;
use crate::value::{self, ValueError};
use crate::vocabulary::Vocabulary;
use crate::yaml::{Node, NodeKind};
use muster_base::failure;

/// Most rules of a policy.
const MOST_RULES: usize = 1000;
/// Most combinations of a policy's matrix.
const MOST_CELLS: usize = 256;
/// Accelerators there are.
const ACCELERATORS: &[&str] = &["kvm", "tcg"];

/// Decodes all policies that the paths mean (a directory: its `*.yaml` files, of which those of other schemas are
/// passed over). The sink is not settled.
pub fn load(paths: &[Utf8PathBuf], vocabulary: &Vocabulary<'_>, sink: &mut Diagnostics) -> Vec<Policy> {
    source::read_documents(paths, sink, |source, bytes, sink| {
        decode(&source.name, bytes, source.found, vocabulary, sink)
    })
}

/// Decodes one text.
pub fn decode_source(name: &str, text: &str, vocabulary: &Vocabulary<'_>, sink: &mut Diagnostics) -> Option<Policy> {
    decode(&name.into(), text.as_bytes(), false, vocabulary, sink)
}

fn decode(
    name: &Arc<str>,
    bytes: &[u8],
    found: bool,
    vocabulary: &Vocabulary<'_>,
    sink: &mut Diagnostics,
) -> Option<Policy> {
    let root = root_for(SCHEMA, name, bytes, found, sink)?;
    let mut patterns = Patterns::new();
    let mut cx = Context::new(name.clone(), vocabulary, &mut patterns, sink);
    if !schema(&mut cx, &root, SCHEMA) {
        return None;
    }
    let policy = policy(&mut cx, &root);
    // A policy with an error in any part of it decides nothing.
    policy.filter(|_| cx.problems() == 0)
}

fn policy(cx: &mut Context<'_>, root: &Node) -> Option<Policy> {
    let fields = cx.fields(root, &FILE)?;
    let id = fields.get("id").and_then(|node| cx.id(node, "id"));
    let context = fields.get("context").and_then(|node| cx.line(node, "context"));
    let applies = fields.get("applies").and_then(|node| applies(cx, node));
    let profile = fields.get("profile").and_then(|node| cx.line(node, "profile"));
    let matrix = fields.get("matrix").map(|node| matrix(cx, node)).unwrap_or_default();
    let environments = fields.get("environments").map(|node| lines(cx, node, "environments")).unwrap_or_default();
    let accelerators = fields.get("accelerators").and_then(|node| cx.items(node, "accelerators")).unwrap_or_default();
    let accelerators: Vec<String> = accelerators
        .iter()
        .filter_map(|item| cx.keyword(item, "accelerators", ACCELERATORS).map(str::to_owned))
        .collect();
    let minimum = fields.get("minimum").and_then(|node| minimum(cx, node)).unwrap_or_default();
    let max_age = fields.get("max-age").and_then(|node| days(cx, node, "max-age"));
    let flaky = fields.get("flaky").and_then(|node| cx.choice(node, "flaky")).unwrap_or(FlakyRule::Fails);
    let allow_skips = fields.get("allow-skips").map(|node| skips(cx, node)).unwrap_or_default();
    let waivers = fields.get("waivers").and_then(|node| waiver_rules(cx, node));
    let has_profile = fields.has("profile");
    let rules = match fields.get("require") {
        Some(node) => rules(cx, node, has_profile),
        None if has_profile || fields.meant("require") => Vec::new(),
        None => {
            let message = "the policy requires nothing, so that it could never keep an image back";
            let problem = cx.problem(codes::ASSERTS_NOTHING, root.span, message);
            cx.report(problem.help("name a `profile` (`muster profile lock` writes one), or tests in `require`"));
            Vec::new()
        }
    };
    Some(Policy {
        id: id?.text,
        context: context?.text,
        applies,
        profile: profile.map(|text| text.text),
        rules,
        matrix,
        environments,
        accelerators,
        minimum,
        max_age,
        flaky,
        allow_skips,
        waivers,
        location: cx.location(root.span),
    })
}

fn applies(cx: &mut Context<'_>, node: &Node) -> Option<ImageScope> {
    let fields = cx.fields(node, &APPLIES)?;
    let scope = ImageScope {
        distro: fields.get("distro").and_then(|node| cx.id(node, "distro")).map(|text| text.text),
        version: fields.get("version").map(|node| lines(cx, node, "version")).unwrap_or_default(),
        arch: fields.get("arch").map(|node| lines(cx, node, "arch")).unwrap_or_default(),
    };
    if scope == ImageScope::default() && cx.problems() == 0 {
        let problem = cx.problem(codes::EMPTY_VALUE, node.span, "`applies` names no image");
        cx.report(problem.help("give it `distro`, `version` or `arch`, or remove the key"));
    }
    Some(scope)
}

/// One line, or a list of them.
fn lines(cx: &mut Context<'_>, node: &Node, name: &str) -> Vec<String> {
    if matches!(node.kind, NodeKind::Scalar { .. }) && matches!(name, "version" | "arch") {
        return cx.line(node, name).map(|text| text.text).into_iter().collect();
    }
    let items = cx.items(node, name).unwrap_or_default();
    items.iter().filter_map(|item| cx.line(item, name)).map(|text| text.text).collect()
}

fn minimum(cx: &mut Context<'_>, node: &Node) -> Option<Minimum> {
    let fields = cx.fields(node, &MINIMUM)?;
    let mut number = |name: &str| fields.get(name).and_then(|node| cx.parsed(node, name, count)).unwrap_or_default();
    Some(Minimum { passed: number("passed"), assertions: number("assertions") })
}

fn count(text: &str) -> Result<u64, ValueError> {
    let number = value::integer(text)?;
    u64::try_from(number)
        .ok()
        .filter(|number| (1..=1_000_000_000).contains(number))
        .ok_or_else(|| ValueError::Invalid(format!("{number} is not a number from 1 to 1000000000")))
}

/// Ids of skips that may leave a test out: not those of a test that would fail, or whose need did.
fn skips(cx: &mut Context<'_>, node: &Node) -> Vec<String> {
    let hides = [failure::SKIP_NEED, failure::SKIP_KNOWN];
    let may = |id: &&'static str| id.starts_with("skip.") && !hides.iter().any(|hides| hides.as_str() == *id);
    let ids: Vec<&'static str> = failure::TABLE.iter().map(|row| row.id).filter(may).collect();
    let items = cx.items(node, "allow-skips").unwrap_or_default();
    items.iter().filter_map(|item| cx.keyword(item, "allow-skips", &ids).map(str::to_owned)).collect()
}

fn waiver_rules(cx: &mut Context<'_>, node: &Node) -> Option<WaiverRules> {
    let fields = cx.fields(node, &WAIVER_RULES)?;
    let max_days = fields.get("max-days").and_then(|node| cx.parsed(node, "max-days", count));
    let approvers = fields.get("approvers").map(|node| lines(cx, node, "approvers")).unwrap_or_default();
    let globs = fields.get("not-waivable").and_then(|node| cx.items(node, "not-waivable")).unwrap_or_default();
    let not_waivable = globs.iter().filter_map(|item| cx.parsed(item, "not-waivable", glob)).collect();
    Some(WaiverRules { max_days: i64::try_from(max_days?).ok()?, approvers, not_waivable })
}

fn glob(text: &str) -> Result<NameGlob, ValueError> {
    NameGlob::parse(text).map_err(|error| ValueError::Invalid(error.to_string()))
}

/// Dimensions with values. They name cells of tests, image entries and accelerators, so any name may be one.
fn matrix(cx: &mut Context<'_>, node: &Node) -> Vec<(String, Vec<String>)> {
    let NodeKind::Mapping(entries) = &node.kind else {
        let problem = cx.wrong_shape(node, "`matrix`", "a mapping from dimensions to lists of values");
        cx.report(problem);
        return Vec::new();
    };
    let mut out = Vec::new();
    for (key, value) in entries {
        let Some(name) = cx.id(key, "matrix") else { continue };
        let items = cx.items(value, &name.text).unwrap_or_default();
        let values: Vec<String> =
            items.iter().filter_map(|item| cx.line(item, &name.text)).map(|text| text.text).collect();
        let mut seen = std::collections::BTreeSet::new();
        if let Some(twice) = values.iter().find(|value| !seen.insert(value.as_str())) {
            let message = format!("`{}` has `{}` twice", name.text, muster_base::text::one_line(twice, 60));
            let problem = cx.problem(codes::DUPLICATE_ID, value.span, message);
            cx.report(problem);
        }
        out.push((name.text, values));
    }
    let cells = out.iter().try_fold(1_usize, |product, (_, values)| product.checked_mul(values.len().max(1)));
    if cells.is_none_or(|cells| cells > MOST_CELLS) {
        let message = format!("the matrix has more than {MOST_CELLS} combinations");
        let problem = cx.problem(codes::TOO_MANY, node.span, message);
        cx.report(problem);
        return Vec::new();
    }
    out
}

fn rules(cx: &mut Context<'_>, node: &Node, has_profile: bool) -> Vec<PolicyRule> {
    let items = cx.items(node, "require").unwrap_or_default();
    if items.len() > MOST_RULES {
        let problem = cx.problem(codes::TOO_MANY, node.span, format!("a policy has at most {MOST_RULES} rules"));
        cx.report(problem);
        return Vec::new();
    }
    let rules: Vec<PolicyRule> = items.iter().filter_map(|item| rule(cx, item, has_profile)).collect();
    // What is only advice keeps no image back either; without a profile nothing else is required.
    let blocks = |rule: &PolicyRule| matches!(rule.level, PolicyLevel::Required | PolicyLevel::Upcoming);
    if cx.problems() == 0 && !rules.iter().any(blocks) {
        let problem = cx.problem(codes::ASSERTS_NOTHING, node.span, "no rule of the policy requires a test");
        cx.report(problem.help("give one the level `required`"));
    }
    rules
}

fn rule(cx: &mut Context<'_>, node: &Node, has_profile: bool) -> Option<PolicyRule> {
    let fields = cx.fields(node, &RULE)?;
    let targets: Vec<_> = ["test", "suite", "tag"].into_iter().filter(|name| fields.get(name).is_some()).collect();
    if targets.is_empty() && ["test", "suite", "tag"].iter().any(|name| fields.meant(name)) {
        return None;
    }
    let &[kind] = targets.as_slice() else {
        let message = match targets.is_empty() {
            true => "a rule names tests: it needs `test`, `suite` or `tag`".to_owned(),
            false => format!("a rule has one of `test`, `suite` and `tag`, not {}", targets.join(" and ")),
        };
        let code = if targets.is_empty() { codes::MISSING_KEY } else { codes::BAD_VALUE };
        let problem = cx.problem(code, node.span, message);
        cx.report(problem);
        return None;
    };
    let named = fields.get(kind)?;
    let target = match kind {
        "test" => RuleTarget::Test(cx.parsed(named, "test", |text| match text.contains('/') {
            true => glob(text),
            false => Err(ValueError::Mistaken {
                message: format!("`{}` names a suite", muster_base::text::one_line(text, 80)),
                suggestion: format!("suite: {}", muster_base::text::one_line(text, 80)),
            }),
        })?),
        "suite" => RuleTarget::Suite(cx.id(named, "suite")?.text),
        _ => RuleTarget::Tag(cx.parsed(named, "tag", |text| {
            TagExpression::parse(text).map_err(|error| ValueError::Invalid(error.to_string()))
        })?),
    };
    let is_open = match &target {
        RuleTarget::Test(glob) => glob.as_str().contains(['*', '?']),
        RuleTarget::Suite(_) | RuleTarget::Tag(_) => true,
    };
    if is_open && !has_profile {
        let message = format!("`{kind}`: which tests these are must come from a profile, never from the run");
        let problem = cx.problem(codes::MISSING_KEY, named.span, message);
        cx.report(problem.help("add `profile: FILE` (`muster profile lock -o FILE` writes one), or name each test"));
        return None;
    }
    let level = fields.get("level").and_then(|node| cx.choice(node, "level")).unwrap_or(PolicyLevel::Required);
    let mut day = |name: &str| fields.get(name).and_then(|node| cx.parsed(node, name, value::date));
    let (from, since, until) = (day("from"), day("since"), day("until"));
    if level == PolicyLevel::Upcoming && !fields.has("from") {
        let problem = cx.problem(codes::MISSING_KEY, node.span, "an `upcoming` rule needs the key `from`");
        cx.report(problem.help("the first day of builds that need it: `from: 2027-01-31`"));
    }
    if let (Some((key, _)), true) = (fields.entry("from"), level != PolicyLevel::Upcoming) {
        let message = format!("`from` belongs to the level `upcoming`, not to `{level}`");
        let problem = cx.problem(codes::NO_EFFECT, key.span, message);
        cx.report(problem.help("write `since`, or `level: upcoming`"));
    }
    if let (Some(since), Some(until)) = (since, until)
        && since >= until
    {
        let message = format!("no image is built on {since} or later and before {until}");
        let problem = cx.problem(codes::NEVER_TRUE, node.span, message);
        cx.report(problem.help("`until` is the first day on which the rule no longer applies"));
    }
    Some(PolicyRule { target, level, from, since, until, location: cx.location(node.span) })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::VOCABULARY;

    const GOOD: &str = "schema: policy/v1
id: azl4-stable
context: promote-stable
applies: {distro: azurelinux, version: '4.*', arch: [x86_64, aarch64]}
profile: isv-2026.1
require:
  - {suite: fedora-compat}
  - {test: boot-time/userspace, level: upcoming, from: 2027-01-01, since: 2026-10-01}
  - {tag: tier0 and not slow, level: advisory}
matrix: {firmware: [uefi], disk: [virtio-blk, nvme]}
accelerators: [kvm]
environments: [azl4]
minimum: {passed: 10}
max-age: 30d
allow-skips: [skip.when]
waivers: {max-days: 90, approvers: [release-team], not-waivable: ['security/*']}
";

    fn decoded(text: &str) -> (Option<Policy>, Diagnostics) {
        let mut sink = Diagnostics::new();
        let policy = decode_source("p.yaml", text, &VOCABULARY, &mut sink);
        sink.settle();
        (policy, sink)
    }

    #[test]
    fn a_policy_has_what_was_written() {
        let (policy, problems) = decoded(GOOD);
        assert_eq!(problems.render(false), "");
        let policy = policy.unwrap();
        assert_eq!((policy.id.as_str(), policy.rules.len(), policy.matrix.len()), ("azl4-stable", 3, 2));
        let scope = policy.applies.unwrap();
        assert_eq!((scope.version, scope.arch.len()), (vec!["4.*".to_owned()], 2));
        assert_eq!(policy.rules[1].level, PolicyLevel::Upcoming);
        assert_eq!(policy.max_age, Some(Duration::from_secs(30 * 86_400)));
        assert_eq!((policy.flaky, policy.minimum.passed), (FlakyRule::Fails, 10));
        assert_eq!(policy.waivers.unwrap().max_days, 90);
    }

    #[test]
    fn each_mistake_has_its_message_and_no_policy_comes_out() {
        let without_profile = GOOD.replace("profile: isv-2026.1\n", "");
        for (text, code, says) in [
            (GOOD.replace("id: azl4", "id: AZL4"), "bad-id", "`id` cannot be"),
            (GOOD.replace("suite: fedora-compat", "suit: fedora-compat"), "unknown-key", "did you mean `suite`?"),
            (GOOD.replace("{suite: fedora-compat}", "{level: required}"), "missing-key", "`test`, `suite` or `tag`"),
            (GOOD.replace("{suite: fedora", "{test: a/b, suite: fedora"), "bad-value", "not test and suite"),
            (without_profile.clone(), "missing-key", "must come from a profile, never from the run"),
            (GOOD.replace("boot-time/userspace", "boot-time"), "bad-value", "did you mean `suite: boot-time`?"),
            (GOOD.replace(", from: 2027-01-01", ""), "missing-key", "an `upcoming` rule needs the key `from`"),
            (GOOD.replace("level: upcoming", "level: required"), "no-effect", "`from` belongs to the level"),
            (GOOD.replace("since: 2026-10-01", "since: 2026-10-01, until: 2026-10-01"), "never-true", "no image"),
            (GOOD.replace("tier0 and not slow", "tier0 nor slow"), "bad-value", "is not a tag expression"),
            (GOOD.replace("[kvm]", "[kwm]"), "bad-value", "did you mean `kvm`?"),
            (GOOD.replace("skip.when", "skip.need"), "bad-value", "`allow-skips` cannot be `skip.need`"),
            (GOOD.replace("max-days: 90", "max-days: 0"), "bad-value", "is not a number from 1"),
            (GOOD.replace("[uefi]", "[uefi, uefi]"), "duplicate-id", "`firmware` has `uefi` twice"),
            (GOOD.replace("max-age: 30d", "max-age: 30"), "bare-number", "has no unit"),
            ("schema: policy/v1\nid: a\ncontext: c\n".to_owned(), "asserts-nothing", "could never keep an image back"),
            (
                "schema: policy/v1\nid: a\ncontext: c\nrequire: [{test: a/b, level: advisory}]\n".to_owned(),
                "asserts-nothing",
                "no rule of the policy requires a test",
            ),
        ] {
            let (policy, problems) = decoded(&text);
            assert!(policy.is_none(), "{text}");
            let rendered = problems.render(false);
            assert!(problems.iter().any(|problem| problem.code == code), "{code}: {rendered}");
            assert!(rendered.contains(says), "{says}: {rendered}");
        }
    }
}
