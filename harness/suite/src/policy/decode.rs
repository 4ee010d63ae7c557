//! From a file to a policy.

use std::sync::Arc;

use camino::Utf8PathBuf;

use super::keys::{APPLIES, FILE, MINIMUM, RULE, SCHEMA, SYSTEM, WAIVER_RULES};
use super::model::{
    FlakyRule, ImageScope, Minimum, NotWaivable, Policy, PolicyLevel, PolicyRule, RequiredSystem, RuleTarget,
    WaiverRules,
};
use crate::decode::{Context, Fields, Patterns, days, root_for, schema};
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
/// Most systems that a policy requires.
const MOST_SYSTEMS: usize = 100;
/// Accelerators there are.
const ACCELERATORS: &[&str] = &["kvm", "tcg"];

/// Decodes all policies that the paths mean (a directory: its `*.yaml` files, of which those of other schemas are
/// passed over). The sink is not settled.
pub fn load(paths: &[Utf8PathBuf], vocabulary: &Vocabulary<'_>, sink: &mut Diagnostics) -> Vec<Policy> {
    source::read_documents(paths, sink, |source, bytes, sink| {
        decode(&source.name, bytes, source.found, vocabulary, sink).filter(|read| read.is_whole).map(|read| read.policy)
    })
}

/// The same, with what could be read of policies with errors: for whoever says everything that is wrong with a file, and
/// decides nothing by it.
pub fn load_in_part(paths: &[Utf8PathBuf], vocabulary: &Vocabulary<'_>, sink: &mut Diagnostics) -> Vec<PolicyRead> {
    source::read_documents(paths, sink, |source, bytes, sink| {
        decode(&source.name, bytes, source.found, vocabulary, sink)
    })
}

/// A policy, and whether nothing is wrong with it.
#[derive(Debug, Clone)]
pub struct PolicyRead {
    /// What could be read.
    pub policy: Policy,
    /// Whether that is all of it.
    pub is_whole: bool,
}

/// Decodes one text.
pub fn decode_source(name: &str, text: &str, vocabulary: &Vocabulary<'_>, sink: &mut Diagnostics) -> Option<Policy> {
    let read = decode(&name.into(), text.as_bytes(), false, vocabulary, sink);
    // A policy with an error in any part of it decides nothing.
    read.filter(|read| read.is_whole).map(|read| read.policy)
}

fn decode(
    name: &Arc<str>,
    bytes: &[u8],
    found: bool,
    vocabulary: &Vocabulary<'_>,
    sink: &mut Diagnostics,
) -> Option<PolicyRead> {
    let root = root_for(SCHEMA, name, bytes, found, sink)?;
    let mut patterns = Patterns::new();
    let mut cx = Context::new(name.clone(), vocabulary, &mut patterns, sink);
    if !schema(&mut cx, &root, SCHEMA) {
        return None;
    }
    let policy = policy(&mut cx, &root)?;
    Some(PolicyRead { policy, is_whole: cx.problems() == 0 })
}

fn policy(cx: &mut Context<'_>, root: &Node) -> Option<Policy> {
    let fields = cx.fields(root, &FILE)?;
    let id = fields.get("id").and_then(|node| cx.id(node, "id"));
    let context = fields.get("context").and_then(|node| cx.line(node, "context"));
    let applies = fields.get("applies").and_then(|node| applies(cx, node));
    let systems = fields.get("systems").map(|node| systems(cx, node)).unwrap_or_default();
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
        systems,
        profile_span: fields.get("profile").map_or(root.span, |node| node.span),
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
    let scope = scope(cx, &fields);
    if scope == ImageScope::default() && cx.problems() == 0 {
        let problem = cx.problem(codes::EMPTY_VALUE, node.span, "`applies` names no image");
        cx.report(problem.help("give it `distro`, `version` or `arch`, or remove the key"));
    }
    Some(scope)
}

fn scope(cx: &mut Context<'_>, fields: &Fields<'_>) -> ImageScope {
    ImageScope {
        distro: fields.get("distro").and_then(|node| cx.id(node, "distro")).map(|text| text.text),
        version: fields.get("version").map(|node| lines(cx, node, "version")).unwrap_or_default(),
        arch: fields.get("arch").map(|node| lines(cx, node, "arch")).unwrap_or_default(),
    }
}

fn systems(cx: &mut Context<'_>, node: &Node) -> Vec<RequiredSystem> {
    let items = cx.items(node, "systems").unwrap_or_default();
    if items.len() > MOST_SYSTEMS {
        let message = format!("a policy requires at most {MOST_SYSTEMS} systems");
        let problem = cx.problem(codes::TOO_MANY, node.span, message);
        cx.report(problem);
        return Vec::new();
    }
    let mut out = Vec::new();
    for item in items {
        let Some(fields) = cx.fields(item, &SYSTEM) else { continue };
        let entry = fields.get("entry").and_then(|node| cx.id(node, "entry")).map(|text| text.text);
        let system = RequiredSystem { entry, scope: scope(cx, &fields) };
        if system == RequiredSystem::default() && cx.problems() == 0 {
            let problem = cx.problem(codes::EMPTY_VALUE, item.span, "this system is every system");
            cx.report(problem.help("give it `distro`, `version`, `arch` or `entry`"));
        } else if out.contains(&system) {
            let message = format!("`systems` has `{}` twice", muster_base::text::one_line(&system.name(), 120));
            let problem = cx.problem(codes::DUPLICATE_ID, item.span, message);
            cx.report(problem);
        }
        out.push(system);
    }
    out
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

/// Whether `allow-skips` takes an id: those of skips, but not of a test that would fail, or whose need did.
pub fn may_allow_skip(id: &str) -> bool {
    let hides = [failure::SKIP_NEED, failure::SKIP_KNOWN];
    id.starts_with("skip.") && !hides.iter().any(|hides| hides.as_str() == id)
}

fn skips(cx: &mut Context<'_>, node: &Node) -> Vec<String> {
    let ids: Vec<&'static str> = failure::TABLE.iter().map(|row| row.id).filter(|id| may_allow_skip(id)).collect();
    let items = cx.items(node, "allow-skips").unwrap_or_default();
    items.iter().filter_map(|item| cx.keyword(item, "allow-skips", &ids).map(str::to_owned)).collect()
}

fn waiver_rules(cx: &mut Context<'_>, node: &Node) -> Option<WaiverRules> {
    let fields = cx.fields(node, &WAIVER_RULES)?;
    let max_days = fields.get("max-days").and_then(|node| cx.parsed(node, "max-days", count));
    let approvers = fields.get("approvers").map(|node| lines(cx, node, "approvers")).unwrap_or_default();
    let globs = fields.get("not-waivable").and_then(|node| cx.items(node, "not-waivable")).unwrap_or_default();
    let one = |item: &Node| Some(NotWaivable { tests: cx.parsed(item, "not-waivable", glob)?, span: item.span });
    let not_waivable = globs.iter().filter_map(one).collect();
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
    Some(PolicyRule { target, level, from, since, until, location: cx.location(node.span), span: named.span })
}

#[cfg(test)]
mod tests;
