//! A suite file and its tests.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

use super::super::condition;
use super::super::diagnostic::{Span, codes};
use super::super::keys::{BASE_CHECKS, DEFAULTS, IMAGES, SUITE, TEST};
use super::super::model::{BaseCheck, Condition, GuestMode, Suite, Test, When};
use super::super::yaml::{self, Node};
use super::context::{Context, Fields, is_var};
use super::expect::{duration, expect};
use super::needs;
use super::snapshots::snapshots;
use super::steps::steps;

/// The time-out of a test when neither it nor the suite states one.
const TIMEOUT: Duration = Duration::from_secs(300);

/// A decoded test with what is needed to check it against the others.
pub(super) struct Draft {
    pub(super) test: Test,
    pub(super) id_span: Span,
    /// Each need with its place.
    pub(super) needs: Vec<(String, Span)>,
    /// The mode, when it is stated, with its place.
    pub(super) guest: Option<(GuestMode, Span)>,
}

/// The suite of a file; `None` when it lacks what makes it one. What is wrong is reported.
pub(super) fn suite(cx: &mut Context<'_>, root: &Node) -> Option<Suite> {
    if !schema(cx, root, "suite/v1") {
        return None;
    }
    let fields = cx.fields(root, &SUITE)?;
    if let Some(node) = fields.get("vars") {
        vars(cx, node, root);
    }
    let name = fields.get("suite").and_then(|node| cx.id(node, "suite"));
    let summary = optional_line(cx, &fields, "summary");
    let tags = tags(cx, &fields);
    let images = fields.get("images").and_then(|node| {
        let fields = cx.fields(node, &IMAGES)?;
        let (_, node) = fields.entry("where")?;
        let condition = condition(cx, node, "where")?;
        let because = fields.get("because").and_then(|node| cx.line(node, "because")).map(|text| text.text);
        Some(When { condition, because, location: cx.location(node.span) })
    });
    let timeout = fields.get("defaults").and_then(|node| {
        let fields = cx.fields(node, &DEFAULTS)?;
        fields.get("timeout").and_then(|node| duration(cx, node, "timeout"))
    });
    let base_checks = fields.get("base-checks").map_or(BTreeMap::new(), |node| base_checks(cx, node));
    let setup = fields.get("setup").map_or(Vec::new(), |node| steps(cx, node, "setup"));
    let shared = Shared { tags: &tags, images: images.as_ref(), timeout: timeout.unwrap_or(TIMEOUT) };
    let mut drafts = match fields.get("tests") {
        Some(node) => tests(cx, node, &shared),
        None => Vec::new(),
    };
    needs::check(cx, &mut drafts);
    Some(Suite {
        name: name?.text,
        file: cx.file.clone(),
        summary,
        tags,
        images,
        base_checks,
        setup,
        tests: drafts.into_iter().map(|draft| draft.test).collect(),
        digest: String::new(),
    })
}

/// Whether the root is a mapping of the schema; if not, nothing else is looked at, since every
/// other error would only follow from this one.
pub(crate) fn schema(cx: &mut Context<'_>, root: &Node, wanted: &str) -> bool {
    if !matches!(root.kind, yaml::Kind::Mapping(_)) {
        let problem = cx.wrong_shape(root, "the file", "a mapping").help(format!("it begins with `schema: {wanted}`"));
        cx.report(problem);
        return false;
    }
    let Some(node) = root.get("schema") else {
        let problem = cx.problem(codes::UNKNOWN_SCHEMA, root.span, "the file does not say which schema it has");
        cx.report(problem.help(format!("begin it with `schema: {wanted}`")));
        return false;
    };
    if node.scalar() == Some(wanted) {
        return true;
    }
    let problem = match node.scalar() {
        Some(other) => {
            let shown = crate::text::one_line(other, 60);
            cx.problem(codes::UNKNOWN_SCHEMA, node.span, format!("the schema `{shown}` is not read here"))
                .note(format!("read is: {wanted}"))
        }
        None => cx.wrong_shape(node, "`schema`", "a scalar").note(format!("read is: {wanted}")),
    };
    cx.report(problem);
    false
}

/// Variables, those of earlier lines put into later ones; and whether each is used at all.
fn vars(cx: &mut Context<'_>, node: &Node, root: &Node) {
    let yaml::Kind::Mapping(entries) = &node.kind else {
        let problem = cx.wrong_shape(node, "`vars`", "a mapping from names to scalars");
        cx.report(problem);
        return;
    };
    if entries.is_empty() {
        let problem = cx.problem(codes::EMPTY_VALUE, node.span, "`vars` is an empty mapping");
        cx.report(problem);
    }
    // Over the whole text, and not while decoding: a use in a place that has an error is a use.
    let mut used = HashSet::new();
    root.each_scalar(&mut |text| {
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            rest = after;
            if !before.ends_with('$')
                && let Some((name, _)) = after.split_once('}')
            {
                used.insert(name);
            }
        }
    });
    for (key, value) in entries {
        let name = key.scalar().unwrap_or_default();
        if !is_var(name) {
            let shown = crate::text::one_line(name, 60);
            let problem = cx
                .problem(codes::BAD_ID, key.span, format!("`{shown}` cannot be the name of a variable"))
                .note("names of variables are lower-case letters, digits, `_` and `-`, and begin with a letter");
            cx.report(problem);
            continue;
        }
        let text = cx.any_text(value, name);
        if !used.contains(name) {
            let problem = cx.problem(codes::UNUSED_VAR, key.span, format!("the variable `{name}` is never used"));
            cx.report(problem.help(format!("remove it, or write `${{{name}}}` where it belongs")));
        }
        // A variable with an error still exists, so that its uses are not reported as well.
        cx.vars.insert(name.to_owned(), text.map_or(String::new(), |text| text.text));
    }
}

fn optional_line(cx: &mut Context<'_>, fields: &Fields<'_>, name: &str) -> String {
    fields.get(name).and_then(|node| cx.line(node, name)).map_or(String::new(), |text| text.text)
}

fn tags(cx: &mut Context<'_>, fields: &Fields<'_>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for text in fields.get("tags").map_or(Vec::new(), |node| cx.ids(node, "tags")) {
        if !out.contains(&text.text) {
            out.push(text.text);
        }
    }
    out
}

fn base_checks(cx: &mut Context<'_>, node: &Node) -> BTreeMap<String, BaseCheck> {
    let mut out = BTreeMap::new();
    let yaml::Kind::Mapping(entries) = &node.kind else {
        let problem = cx.wrong_shape(node, "`base-checks`", "a mapping");
        cx.report(problem);
        return out;
    };
    if entries.is_empty() {
        let problem = cx.problem(codes::EMPTY_VALUE, node.span, "`base-checks` is an empty mapping");
        cx.report(problem);
    }
    let known: Vec<&str> = BASE_CHECKS.iter().map(|(name, _)| *name).collect();
    for (key, value) in entries {
        let name = key.scalar().unwrap_or_default();
        if !known.contains(&name) {
            cx.unknown_key(key, name, "`base-checks`", &known);
            continue;
        }
        let treated = match cx.word(value, name, &["fail", "info", "off"]) {
            Some("fail") => BaseCheck::Fail,
            Some("info") => BaseCheck::Info,
            Some(_) => BaseCheck::Off,
            None => continue,
        };
        out.insert(name.to_owned(), treated);
    }
    out
}

/// What tests take from their suite.
struct Shared<'s> {
    tags: &'s [String],
    images: Option<&'s When>,
    timeout: Duration,
}

fn tests(cx: &mut Context<'_>, node: &Node, shared: &Shared<'_>) -> Vec<Draft> {
    if let yaml::Kind::Sequence(items) = &node.kind
        && items.is_empty()
    {
        let problem = cx.problem(codes::NO_TESTS, node.span, "the suite has no tests");
        cx.report(problem);
        return Vec::new();
    }
    let Some(items) = cx.items(node, "tests") else { return Vec::new() };
    let mut out: Vec<Draft> = Vec::new();
    let mut ids: HashMap<String, Span> = HashMap::new();
    for item in items {
        let Some(draft) = test(cx, item, shared) else { continue };
        let id = draft.test.id.clone();
        match ids.get(&id) {
            Some(first) => {
                let problem = cx
                    .problem(codes::DUPLICATE_ID, draft.id_span, format!("the suite has a test `{id}` already"))
                    .note(format!("first at {}", cx.location(*first)));
                cx.report(problem);
            }
            None => {
                ids.insert(id, draft.id_span);
                out.push(draft);
            }
        }
    }
    out
}

fn test(cx: &mut Context<'_>, node: &Node, shared: &Shared<'_>) -> Option<Draft> {
    let fields = cx.fields(node, &TEST)?;
    let id = fields.get("id").and_then(|node| cx.id(node, "id"));
    let summary = optional_line(cx, &fields, "summary");
    let mut all_tags = shared.tags.to_vec();
    for tag in tags(cx, &fields) {
        if !all_tags.contains(&tag) {
            all_tags.push(tag);
        }
    }
    let links = fields.get("link").map_or(Vec::new(), |node| links(cx, node));
    let when = when(cx, &fields, shared.images);
    let needs = fields.get("needs").map_or(Vec::new(), |node| cx.ids(node, "needs"));
    let timeout = fields.get("timeout").and_then(|node| duration(cx, node, "timeout"));
    let guest = fields.get("guest").and_then(|node| guest(cx, node));
    let steps = fields.get("steps").map_or(Vec::new(), |node| steps(cx, node, "steps"));
    let expect = fields.get("expect").map_or(Vec::new(), |node| expect(cx, node));
    let snapshots = fields.get("snapshots").map_or(Vec::new(), |node| snapshots(cx, node));
    if ["steps", "expect", "snapshots"].iter().all(|key| fields.get(key).is_none()) {
        let name = id.as_ref().map_or("this test".to_owned(), |id| format!("the test `{}`", id.text));
        let problem = cx.problem(codes::ASSERTS_NOTHING, node.span, format!("{name} asserts nothing"));
        cx.report(problem.help("give it `expect`, `steps` or `snapshots`"));
    }
    let id = id?;
    let test = Test {
        id: id.text,
        summary,
        tags: all_tags,
        links,
        when,
        needs: needs.iter().map(|need| need.text.clone()).collect(),
        timeout: timeout.unwrap_or(shared.timeout),
        guest: guest.map_or(if steps.is_empty() { GuestMode::Shared } else { GuestMode::Clone }, |(mode, _)| mode),
        steps,
        expect,
        snapshots,
        location: cx.location(node.span),
    };
    let needs = needs.into_iter().map(|need| (need.text, need.span)).collect();
    Some(Draft { test, id_span: id.span, needs, guest })
}

fn links(cx: &mut Context<'_>, node: &Node) -> Vec<String> {
    match &node.kind {
        yaml::Kind::Sequence(_) => {
            let items = cx.items(node, "link").unwrap_or_default();
            items.iter().filter_map(|item| Some(cx.line(item, "link")?.text)).collect()
        }
        _ => cx.line(node, "link").map(|text| text.text).into_iter().collect(),
    }
}

fn guest(cx: &mut Context<'_>, node: &Node) -> Option<(GuestMode, Span)> {
    match cx.word(node, "guest", &["shared", "clone", "fresh"])? {
        "fresh" => Some((GuestMode::Fresh, node.span)),
        "clone" => Some((GuestMode::Clone, node.span)),
        _ => Some((GuestMode::Shared, node.span)),
    }
}

fn when(cx: &mut Context<'_>, fields: &Fields<'_>, images: Option<&When>) -> Option<When> {
    let because = fields.get("because").and_then(|node| cx.line(node, "because")).map(|text| text.text);
    let Some(node) = fields.get("when") else {
        if let Some((key, _)) = fields.entry("because") {
            let problem =
                cx.problem(codes::MISSING_KEY, key.span, "`because` gives the reason for a `when`, and there is none");
            cx.report(problem);
        }
        return None;
    };
    let condition = condition(cx, node, "when")?;
    if let Some(images) = images {
        let both = Condition::And(vec![images.condition.clone(), condition.clone()]);
        if let Some(dimension) = condition::never_true(&both) {
            let problem = cx
                .problem(
                    codes::NEVER_TRUE,
                    node.span,
                    format!("this can never be true on an image of the suite: `{dimension}` cannot be both"),
                )
                .note(format!("`images` at {} says `{}`", images.location, images.condition));
            cx.report(problem);
        }
    }
    Some(When { condition, because, location: cx.location(node.span) })
}

/// A condition that some system can satisfy.
fn condition(cx: &mut Context<'_>, node: &Node, name: &str) -> Option<Condition> {
    let text = cx.line(node, name)?;
    let condition = match condition::parse(&text.text, cx.vocabulary) {
        Ok(condition) => condition,
        Err(errors) => {
            for error in errors {
                let span = match text.changed {
                    true => text.span,
                    false => super::context::within(text.span, &text.text, text.quoted, error.range),
                };
                let mut problem =
                    cx.problem(error.code, span, format!("`{name}`: {}", error.message)).label(error.label);
                for note in error.notes {
                    problem = problem.note(note);
                }
                let problem = cx.after_substitution(problem, &text);
                cx.report(problem);
            }
            return None;
        }
    };
    if let Some(dimension) = condition::never_true(&condition) {
        let problem = cx
            .problem(
                codes::NEVER_TRUE,
                node.span,
                format!("`{name}` can never be true: it contradicts itself about `{dimension}`"),
            )
            .help("`==` takes a comma-separated list when one of several is meant");
        cx.report(problem);
        return None;
    }
    Some(condition)
}
