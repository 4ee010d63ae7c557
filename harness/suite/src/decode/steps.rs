//! `steps:` and `setup:`.

use super::super::diagnostic::{codes, did_you_mean};
use super::super::grammar;
use super::super::keys::{KeyTable, STEPS};
use super::super::matcher;
use super::super::model::{Action, Assertion, Matcher, RebootKind, ServiceState, Step};
use super::super::table::AttributeKind;
use super::super::value;
use super::super::yaml::{self, Node};
use super::context::Context;
use super::context::fields::Fields;
use super::duration::duration;
use super::paths::absolute;
use super::step_scope::StepScope;
use super::{machines, mode, transfer, waiting};

/// All steps of a list that must have some.
pub(crate) fn steps(cx: &mut Context<'_>, node: &Node, name: &str, place: StepScope<'_>) -> Vec<Step> {
    let Some(items) = cx.items(node, name) else { return Vec::new() };
    items.iter().enumerate().filter_map(|(at, item)| step(cx, item, at, place)).collect()
}

fn step(cx: &mut Context<'_>, node: &Node, at: usize, place: StepScope<'_>) -> Option<Step> {
    let table = which(cx, node)?;
    let fields = cx.fields(node, table)?;
    let action = match table.keys[0].name {
        "run" => run(cx, &fields),
        "install" => packages(cx, &fields, "install")
            .map(|(packages, refuse_scriptlet_errors)| Action::Install { packages, refuse_scriptlet_errors }),
        "remove" => packages(cx, &fields, "remove")
            .map(|(packages, refuse_scriptlet_errors)| Action::Remove { packages, refuse_scriptlet_errors }),
        "update" => packages(cx, &fields, "update")
            .map(|(packages, refuse_scriptlet_errors)| Action::Update { packages, refuse_scriptlet_errors }),
        "service" => service(cx, &fields),
        "reboot" => reboot(cx, &fields),
        "upload" => transfer::upload(cx, &fields),
        "collect" => transfer::collect(cx, &fields),
        "wait" => waiting::wait(cx, &fields),
        "boot-samples" => waiting::boot_samples(cx, &fields, at, place),
        _ => write(cx, &fields),
    };
    let timeout = fields.get("timeout").and_then(|node| duration(cx, node, "timeout"));
    let on = machines::of_step(cx, &fields, place, table.get("on").is_some());
    Some(Step { action: action?, timeout, on: on.ok()?, location: cx.location(node.span) })
}

/// The table of a step: that of the one verb among its keys.
fn which(cx: &mut Context<'_>, node: &Node) -> Option<&'static KeyTable> {
    let verbs: Vec<&str> = STEPS.iter().map(|table| table.keys[0].name).collect();
    let yaml::NodeKind::Mapping(entries) = &node.kind else {
        let problem = cx.wrong_shape(node, "a step", "a mapping").note(format!("steps: {}", verbs.join(", ")));
        cx.report(problem);
        return None;
    };
    let mut found = entries.iter().filter(|(key, _)| key.scalar().is_some_and(|key| verbs.contains(&key)));
    match (found.next(), found.next()) {
        (Some((key, _)), None) => STEPS.iter().copied().find(|table| key.scalar() == Some(table.keys[0].name)),
        (Some((first, _)), Some((second, _))) => {
            let names = (first.scalar().unwrap_or_default(), second.scalar().unwrap_or_default());
            let message = format!("a step does one thing, this one has `{}` and `{}`", names.0, names.1);
            let problem = cx.problem(codes::WRONG_SHAPE, second.span, message);
            cx.report(problem.help("make them two entries of the list"));
            None
        }
        _ => {
            let message = "this step does not say what it does";
            let (span, near) = entries
                .iter()
                .find_map(|(key, _)| Some((key.span, did_you_mean(key.scalar()?, verbs.iter().copied())?)))
                .map_or((entries.first().map_or(node.span, |(key, _)| key.span), None), |(span, near)| {
                    (span, Some(near))
                });
            let mut problem =
                cx.problem(codes::UNKNOWN_KEY, span, message).note(format!("steps: {}", verbs.join(", ")));
            if let Some(near) = near {
                problem = problem.label(format!("did you mean `{near}`?"));
            }
            cx.report(problem);
            None
        }
    }
}

fn run(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<Action> {
    let command = fields.get("run").and_then(|node| cx.text(node, "run"));
    let mut expect = Vec::new();
    let mut complete = true;
    for (name, kind) in
        [("exit", AttributeKind::Ranged(0, 255)), ("stdout", AttributeKind::Output), ("stderr", AttributeKind::Output)]
    {
        let Some((key, node)) = fields.entry(name) else { continue };
        match matcher::decode::matcher(cx, node, &kind, name) {
            Some(matcher) => {
                expect.push(Assertion { attribute: name, key: None, matcher, location: cx.location(key.span) });
            }
            None => complete = false,
        }
    }
    if fields.get("exit").is_none() {
        // Written out here, so that no reader of the model can forget it.
        let matcher = Matcher::Equals("0".to_owned());
        expect.insert(0, Assertion { attribute: "exit", key: None, matcher, location: cx.location(fields.span) });
    }
    let eventually = fields.get("eventually").map(|node| duration(cx, node, "eventually").ok_or(()));
    let eventually = eventually.transpose().ok()?;
    complete.then_some(Action::Run { command: command?.text, expect, eventually })
}

/// The packages of a step, and whether a failed scriptlet fails it. `update: all` is no packages.
fn packages(cx: &mut Context<'_>, fields: &Fields<'_>, verb: &'static str) -> Option<(Vec<String>, bool)> {
    let refuse = fields.get("scriptlet-errors").map(|node| cx.keyword(node, "scriptlet-errors", &["none"]).is_some());
    let refuse = refuse.unwrap_or(false);
    let node = fields.get(verb)?;
    if verb == "update" && node.scalar() == Some("all") {
        return Some((Vec::new(), refuse));
    }
    let items = cx.items(node, verb)?;
    let mut packages = Vec::new();
    let mut complete = true;
    for item in items {
        let Some(text) = cx.line(item, verb) else {
            complete = false;
            continue;
        };
        match cx.named(text, &grammar::packages::REQUEST) {
            Some(text) => packages.push(text.text),
            None => complete = false,
        }
    }
    complete.then_some((packages, refuse))
}

fn service(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<Action> {
    let unit = fields.get("service").and_then(|node| unit(cx, node));
    let state = fields.get("state").and_then(|node| {
        Some(match cx.keyword(node, "state", &["started", "stopped", "restarted", "reloaded"])? {
            "started" => ServiceState::Started,
            "stopped" => ServiceState::Stopped,
            "restarted" => ServiceState::Restarted,
            _ => ServiceState::Reloaded,
        })
    });
    let enabled = fields.get("enabled").and_then(|node| cx.parsed(node, "enabled", value::boolean));
    if !fields.has("state") && !fields.has("enabled") {
        let problem = cx.problem(codes::ASSERTS_NOTHING, fields.span, "this `service` step does nothing");
        cx.report(problem.help("give it `state` or `enabled`, or check the unit under `expect`"));
        return None;
    }
    Some(Action::Service { unit: unit?, state, enabled })
}

fn unit(cx: &mut Context<'_>, node: &Node) -> Option<String> {
    let text = cx.line(node, "service")?;
    cx.named(text, &grammar::systemd::SERVICE).map(|text| text.text)
}

fn reboot(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<Action> {
    let word = fields.get("reboot").and_then(|node| cx.keyword(node, "reboot", &["soft", "hard", "crash"]))?;
    Some(Action::Reboot(match word {
        "soft" => RebootKind::Soft,
        "hard" => RebootKind::Hard,
        _ => RebootKind::Crash,
    }))
}

fn write(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<Action> {
    let path = fields.get("write").and_then(|node| absolute(cx, node, "write"));
    let content = fields.get("content").and_then(|node| cx.any_text(node, "content"));
    let mode = fields.get("mode").map(|node| mode::mode(cx, node).ok_or(())).transpose().ok()?;
    Some(Action::Write { path: path?, content: content?.text, mode })
}
