//! Steps that move files: `upload` and `collect`.

use camino::Utf8PathBuf;

use super::super::diagnostic::codes;
use super::super::model::{Action, UPLOAD_LIMIT};
use super::super::yaml::Node;
use super::context::Context;
use super::context::fields::Fields;
use super::mode;
use super::paths::{absolute, below};

pub(super) fn upload(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<Action> {
    let source = fields.get("upload").and_then(|node| source(cx, node));
    let path = fields.get("to").and_then(|node| absolute(cx, node, "to"));
    let mode = fields.get("mode").map(|node| mode::mode(cx, node).ok_or(())).transpose().ok()?;
    Some(Action::Upload { source: source?, path: path?, mode })
}

/// The file of an `upload`: seen now, so that a misspelt one does not cost a boot.
fn source(cx: &mut Context<'_>, node: &Node) -> Option<Utf8PathBuf> {
    let text = cx.line(node, "upload")?;
    let (path, metadata) = below(cx, &text)?;
    let Some(metadata) = metadata else { return Some(path) };
    if metadata.len() > UPLOAD_LIMIT {
        let message = format!("the file has {} bytes; at most {UPLOAD_LIMIT} are uploaded", metadata.len());
        let problem = cx.problem(codes::BAD_INCLUDE, text.span, message);
        cx.report(cx.after_substitution(problem, &text));
        return None;
    }
    cx.data.add(&path, UPLOAD_LIMIT);
    Some(path)
}

pub(super) fn collect(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<Action> {
    let items = fields.get("collect").and_then(|node| cx.items(node, "collect"))?;
    let paths: Vec<_> = items.iter().map(|item| absolute(cx, item, "collect")).collect();
    Some(Action::Collect { paths: paths.into_iter().collect::<Option<_>>()? })
}
