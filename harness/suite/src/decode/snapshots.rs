//! `snapshots:`.

use std::collections::HashMap;

use super::super::diagnostic::{codes, did_you_mean};
use super::super::keys::{FILTER, SHARED_BY, SNAPSHOT, SOURCE, SOURCES};
use super::super::model::{SharedBy, SnapshotSource, SnapshotSpec};
use super::super::value;
use super::super::yaml::{self, Node};
use super::context::Context;
use muster_base::failure::Location;

/// All snapshots of a test.
pub(super) fn snapshots(cx: &mut Context<'_>, node: &Node) -> Vec<SnapshotSpec> {
    let Some(items) = cx.items(node, "snapshots") else { return Vec::new() };
    let mut out: Vec<SnapshotSpec> = Vec::new();
    let mut known: HashMap<String, Location> = HashMap::new();
    for item in items {
        let Some(spec) = snapshot(cx, item) else { continue };
        if let Some(first) = known.get(&spec.name) {
            let at = item.get("name").map_or(item.span, |name| name.span);
            let problem = cx
                .problem(codes::DUPLICATE_ID, at, format!("the test has a snapshot `{}` already", spec.name))
                .note(format!("first at {first}"));
            cx.report(problem);
        } else {
            known.insert(spec.name.clone(), spec.location.clone());
        }
        out.push(spec);
    }
    out
}

fn snapshot(cx: &mut Context<'_>, node: &Node) -> Option<SnapshotSpec> {
    let fields = cx.fields(node, &SNAPSHOT)?;
    let name = fields.get("name").and_then(|node| cx.id(node, "name"));
    let of = fields.get("of").and_then(|node| source(cx, node));
    let per = match fields.get("per").and_then(|node| cx.keyword(node, "per", SHARED_BY)) {
        Some("distro") => SharedBy::Distro,
        _ => SharedBy::Image,
    };
    let keep = fields.get("keep").map_or(Vec::new(), |node| keep(cx, node, of.as_ref()));
    let only = fields.get("only").map_or(Vec::new(), |node| {
        if let Some(SnapshotSource::Run(_)) = of {
            no_entries(cx, node, "only");
        }
        let items = cx.items(node, "only").unwrap_or_default();
        items.iter().filter_map(|item| Some(cx.line(item, "only")?.text)).collect()
    });
    let redact = fields.get("redact").map_or(Vec::new(), |node| {
        if let Some(SnapshotSource::Run(_)) = of {
            no_entries(cx, node, "redact");
        }
        redact(cx, node)
    });
    let filters = fields.get("filters").map_or(Vec::new(), |node| {
        let items = cx.items(node, "filters").unwrap_or_default();
        items.iter().filter_map(|item| filter(cx, item)).collect()
    });
    let unordered = fields.get("unordered").and_then(|node| cx.parsed(node, "unordered", value::boolean));
    Some(SnapshotSpec {
        name: name?.text,
        of: of?,
        per,
        keep,
        only,
        redact,
        filters,
        unordered: unordered.unwrap_or(false),
        proves: None,
        location: cx.location(node.span),
    })
}

fn source(cx: &mut Context<'_>, node: &Node) -> Option<SnapshotSource> {
    if let yaml::NodeKind::Mapping(_) = node.kind {
        let fields = cx.fields(node, &SOURCE)?;
        return Some(SnapshotSource::Run(cx.text(fields.get("run")?, "run")?.text));
    }
    let words: Vec<&'static str> = SOURCES.iter().map(|(word, _)| *word).collect();
    Some(match cx.keyword(node, "of", &words)? {
        "packages" => SnapshotSource::Packages,
        "units" => SnapshotSource::Units,
        "sysctl" => SnapshotSource::Sysctl,
        "kconfig" => SnapshotSource::Kconfig,
        "users" => SnapshotSource::Users,
        _ => SnapshotSource::Ports,
    })
}

fn columns(source: &SnapshotSource) -> Option<Vec<&'static str>> {
    let name = match source {
        SnapshotSource::Packages => "packages",
        SnapshotSource::Units => "units",
        SnapshotSource::Sysctl => "sysctl",
        SnapshotSource::Kconfig => "kconfig",
        SnapshotSource::Users => "users",
        SnapshotSource::Ports => "ports",
        SnapshotSource::Run(_) => return None,
    };
    SOURCES.iter().find(|(word, _)| *word == name).map(|(_, columns)| columns.split(", ").collect())
}

fn keep(cx: &mut Context<'_>, node: &Node, of: Option<&SnapshotSource>) -> Vec<String> {
    let wanted = cx.ids(node, "keep");
    let Some(of) = of else { return Vec::new() };
    let Some(known) = columns(of) else {
        no_entries(cx, node, "keep");
        return Vec::new();
    };
    for text in &wanted {
        if !known.contains(&text.text.as_str()) {
            let mut problem = cx
                .problem(codes::BAD_VALUE, text.span, format!("`keep`: there is no column `{}`", text.text))
                .note(format!("columns: {}", known.join(", ")));
            if let Some(near) = did_you_mean(&text.text, known.iter().copied()) {
                problem = problem.label(format!("did you mean `{near}`?"));
            }
            cx.report(problem);
        }
    }
    wanted.into_iter().map(|text| text.text).collect()
}

fn no_entries(cx: &mut Context<'_>, node: &Node, name: &str) {
    let message = format!("`{name}` needs entries, and the output of a command has only lines");
    let problem = cx.problem(codes::BAD_VALUE, node.span, message);
    cx.report(problem.help("use `filters`, or let the command select"));
}

fn redact(cx: &mut Context<'_>, node: &Node) -> Vec<(String, Option<String>)> {
    let yaml::NodeKind::Mapping(entries) = &node.kind else {
        let problem = cx.wrong_shape(node, "`redact`", "a mapping from globs to replacements, or `drop`");
        cx.report(problem);
        return Vec::new();
    };
    if entries.is_empty() {
        let problem = cx.problem(codes::EMPTY_VALUE, node.span, "`redact` is an empty mapping");
        cx.report(problem);
    }
    let mut out: Vec<(String, Option<String>)> = Vec::new();
    for (key, value) in entries {
        let (Some(glob), Some(with)) = (cx.key(key, "a glob"), cx.line(value, "redact")) else { continue };
        let with = (with.text != "drop" || with.quoted).then_some(with.text);
        out.push((glob.text, with));
    }
    out
}

fn filter(cx: &mut Context<'_>, node: &Node) -> Option<(regex::Regex, String)> {
    let fields = cx.fields(node, &FILTER)?;
    let pattern = fields.get("match").and_then(|node| cx.regex(node, "match"));
    let with = fields.get("with").and_then(|node| cx.any_text(node, "with"));
    Some((pattern?, with?.text))
}
