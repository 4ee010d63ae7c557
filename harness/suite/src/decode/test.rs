//! Tests: what one is, and how often it is there.

use std::collections::HashMap;

use super::super::diagnostic::{Span, codes};
use super::super::keys::{GUESTS, MOST_TAGS, TEST};
use super::super::model::{Action, Condition, Cover, GuestMode, NEEDS_INTERNET, Test, When};
use super::super::value::{self, ValueError};
use super::super::yaml::{self, Node};
use super::adjust;
use super::baseline::are_measured;
use super::conditions::{possible, when};
use super::context::fields::Fields;
use super::context::{Context, Text};
use super::duration::duration;
use super::expect::expect;
use super::machines::{self, refused};
use super::matrix;
use super::repeat::{Repetition, repetitions};
use super::scope::Scope;
use super::snapshots::snapshots;
use super::step_scope::StepScope;
use super::steps::steps;
use muster_base::failure::Location;

/// Most attempts after the first.
const MOST_RETRIES: i128 = 10;

/// A decoded test with what is needed to check it against the others.
pub(super) struct Draft {
    pub(super) test: Test,
    pub(super) id_span: Span,
    /// Each need with its place, with the prefix of the file.
    pub(super) needs: Vec<(String, Span)>,
    /// The mode, when it is stated, with its place.
    pub(super) guest: Option<(GuestMode, Span)>,
    /// A step that needs a fresh machine.
    pub(super) needs_fresh: Option<Span>,
    /// The file it stands in.
    pub(super) file: std::sync::Arc<str>,
}

/// The tests of a list, for one combination. `ids` are those of the suite so far, as written.
pub(super) fn tests(
    cx: &mut Context<'_>,
    node: &Node,
    scope: &Scope<'_>,
    ids: &mut HashMap<String, Location>,
) -> Vec<Draft> {
    if let yaml::NodeKind::Sequence(items) = &node.kind
        && items.is_empty()
    {
        let problem = cx.problem(codes::NO_TESTS, node.span, "the suite has no tests");
        cx.report(problem);
        return Vec::new();
    }
    let Some(items) = cx.items(node, "tests") else { return Vec::new() };
    let mut out: Vec<Draft> = Vec::new();
    for item in items {
        // Before what `for-each` brings: the id is what all repetitions have in common.
        let id = item.get("id").and_then(|node| cx.id(node, "id"));
        if let Some(id) = &id {
            let full = format!("{}{}", scope.prefix, id.text);
            if let Some(first) = ids.get(&full) {
                let problem = cx
                    .problem(codes::DUPLICATE_ID, id.span, format!("the suite has a test `{full}` already"))
                    .note(format!("first at {first}"));
                cx.report(problem);
            } else {
                ids.insert(full, cx.location(id.span));
            }
        }
        let cost = item.nodes() - item.get("for-each").map_or(0, Node::nodes);
        for (at, repetition) in repetitions(cx, item).into_iter().enumerate() {
            if at > 0 {
                if !cx.may_repeat(cost, item.span) {
                    break;
                }
                cx.next_pass();
            }
            cx.vars.extend(repetition.vars.iter().cloned());
            out.extend(test(cx, item, id.clone(), scope, &repetition));
            for (name, _) in &repetition.vars {
                cx.vars.remove(name);
            }
        }
        cx.unshadow();
    }
    out
}

fn test(
    cx: &mut Context<'_>,
    node: &Node,
    id: Option<Text>,
    scope: &Scope<'_>,
    repetition: &Repetition,
) -> Option<Draft> {
    let before = cx.problems();
    let fields = cx.fields(node, &TEST)?;
    let summary = optional_line(cx, &fields, "summary");
    let mut all_tags = scope.tags.to_vec();
    for tag in tags(cx, &fields) {
        if !all_tags.contains(&tag) {
            all_tags.push(tag);
        }
    }
    let links = fields.get("link").map_or(Vec::new(), |node| links(cx, node));
    let covers = fields.get("covers").map_or(Vec::new(), |node| covers(cx, node));
    let condition = condition(cx, &fields, scope);
    let needs = fields.get("needs").map_or(Vec::new(), |node| cx.ids(node, "needs"));
    let timeout = fields.get("timeout").and_then(|node| duration(cx, node, "timeout"));
    let retry = fields.get("retry").and_then(|node| retry(cx, node));
    let guest = fields.get("guest").and_then(|node| Some((guest(cx, node)?, node.span)));
    let machines = fields.get("machines").map(|node| machines::machines(cx, node));
    // Steps and expectations of machines that are not known are not reported as well.
    let broken = machines.as_ref().is_some_and(Vec::is_empty);
    let machines = machines.unwrap_or_default();
    let place = StepScope::Test(&machines);
    let steps = fields.get("steps").filter(|_| !broken).map_or(Vec::new(), |node| steps(cx, node, "steps", place));
    let expect = fields.get("expect").filter(|_| !broken).map_or(Vec::new(), |node| match machines.is_empty() {
        true => expect(cx, node),
        false => machines::expect(cx, node, &machines),
    });
    let snapshots = fields.get("snapshots").map_or(Vec::new(), |node| snapshots(cx, node));
    let mut cell = scope.cell.values.clone();
    cell.extend(repetition.cell.clone());
    let written = id.as_ref().map(|id| format!("{}{}", scope.prefix, id.text));
    let boots = steps.iter().find(|step| matches!(step.action, Action::BootSamples { .. }));
    let needs_fresh = boots.and_then(|step| fields.get("steps").map(|node| step_span(node, &step.location)));
    let mut test = Test {
        id: format!("{}{}", written.clone().unwrap_or_default(), matrix::suffix(&cell)),
        cell,
        machine: scope.cell.overrides.clone(),
        summary,
        internet: all_tags.iter().any(|tag| tag == NEEDS_INTERNET),
        tags: all_tags,
        links,
        covers,
        when: condition,
        adjust: Vec::new(),
        needs: Vec::new(),
        timeout: timeout.unwrap_or(scope.timeout),
        retry: retry.unwrap_or(scope.retry),
        guest: guest.map_or(GuestMode::Shared, |(mode, _)| mode),
        machines,
        steps,
        expect,
        snapshots,
        location: cx.location(node.span),
    };
    // What did not decode is not in the test; that it asserts nothing would only follow from that.
    let says_something = ["steps", "expect", "snapshots"].iter().any(|key| fields.has(key));
    let elsewhere = !says_something && cx.outside_tests;
    if test.assertions() == 0 && !elsewhere && (!says_something || before == cx.problems()) {
        let name = written.as_ref().map_or("this test".to_owned(), |id| format!("the test `{id}`"));
        let problem = cx.problem(codes::ASSERTS_NOTHING, node.span, format!("{name} asserts nothing"));
        cx.report(problem.help("give it `expect`, `steps` or `snapshots`"));
    }
    if !test.machines.is_empty() {
        refused(cx, &fields, &test);
    }
    if let Some(node) = fields.get("adjust") {
        test.adjust = adjust::adjust(cx, node, &test, scope);
    }
    if before == cx.problems() {
        are_measured(cx, &test, node.span);
    }
    let needs = needs.into_iter().map(|need| (format!("{}{}", scope.prefix, need.text), need.span)).collect();
    Some(Draft { test, id_span: id?.span, needs, guest, needs_fresh, file: cx.file.clone() })
}

/// Where a step begins, for a caret.
fn step_span(steps: &Node, location: &Location) -> Span {
    let items = match &steps.kind {
        yaml::NodeKind::Sequence(items) => items.as_slice(),
        _ => &[],
    };
    let here = |item: &&Node| (item.span.line, item.span.column) == (location.line, location.column);
    items.iter().find(here).map_or(steps.span, |item| item.span)
}

/// A test's `when`, possible on the suite's images and in some combination, and with what keeps the
/// combination to its images.
fn condition(cx: &mut Context<'_>, fields: &Fields<'_>, scope: &Scope<'_>) -> Option<When> {
    let when = when(cx, fields);
    let around: Vec<&When> = scope.images.into_iter().collect();
    let facts = scope.cell.facts();
    if let (Some(when), Some(node)) = (&when, fields.get("when")) {
        possible(cx, node.span, &when.condition, &around, facts.as_ref());
    }
    let Some(images) = scope.cell.images() else { return when };
    Some(match when {
        Some(when) => When { condition: Condition::And(vec![when.condition, images]), ..when },
        None => When {
            condition: images,
            because: Some("this combination of the matrix is not for it".to_owned()),
            location: cx.location(fields.span),
        },
    })
}

pub(super) fn optional_line(cx: &mut Context<'_>, fields: &Fields<'_>, name: &str) -> String {
    fields.get(name).and_then(|node| cx.line(node, name)).map_or(String::new(), |text| text.text)
}

pub(super) fn tags(cx: &mut Context<'_>, fields: &Fields<'_>) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let Some(node) = fields.get("tags") else { return out };
    let all = cx.ids(node, "tags");
    if all.len() > MOST_TAGS {
        let problem = cx.problem(codes::TOO_MANY, node.span, format!("these are more than {MOST_TAGS} tags"));
        cx.report(problem);
        return out;
    }
    for text in all {
        if !out.contains(&text.text) {
            out.push(text.text);
        }
    }
    out
}

fn links(cx: &mut Context<'_>, node: &Node) -> Vec<String> {
    match &node.kind {
        yaml::NodeKind::Sequence(_) => {
            let items = cx.items(node, "link").unwrap_or_default();
            items.iter().filter_map(|item| Some(cx.line(item, "link")?.text)).collect()
        }
        _ => cx.line(node, "link").map(|text| text.text).into_iter().collect(),
    }
}

fn covers(cx: &mut Context<'_>, node: &Node) -> Vec<Cover> {
    let mut out = Vec::new();
    let mut known = std::collections::HashSet::new();
    for item in cx.items(node, "covers").unwrap_or_default() {
        let Some(text) = cx.line(item, "covers") else { continue };
        if known.insert(text.text.clone()) {
            out.push(Cover { name: text.text, file: cx.file.clone(), span: text.span });
        } else {
            cx.duplicate_subject(&text);
        }
    }
    out
}

pub(super) fn guest(cx: &mut Context<'_>, node: &Node) -> Option<GuestMode> {
    Some(match cx.keyword(node, "guest", GUESTS)? {
        "fresh" => GuestMode::Fresh,
        "clone" => GuestMode::Clone,
        _ => GuestMode::Shared,
    })
}

pub(super) fn retry(cx: &mut Context<'_>, node: &Node) -> Option<u32> {
    cx.parsed(node, "retry", |text| match value::integer(text)? {
        count @ 1..=MOST_RETRIES => Ok(count as u32),
        _ => Err(ValueError::Invalid(format!("a test is asked again 1 to {MOST_RETRIES} times"))),
    })
}
