//! Steps that move files: `upload` and `collect`. Also how a suite may name a file of the host at all.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::super::diagnostic::codes;
use super::super::model::{Action, UPLOAD_LIMIT};
use super::super::value;
use super::super::yaml::Node;
use super::context::{Context, Fields, Text};
use super::steps::absolute;

pub(super) fn upload(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<Action> {
    let source = fields.get("upload").and_then(|node| source(cx, node));
    let path = fields.get("to").and_then(|node| absolute(cx, node, "to"));
    let mode = fields.get("mode").map(|node| cx.parsed(node, "mode", value::mode).ok_or(())).transpose().ok()?;
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
    Some(path)
}

/// A plain file that a suite names: in its own directory or below, symbolic links followed. A stranger's
/// suite must not send the host's keys into a guest or show them in a diagnostic. Without metadata
/// when the suite is not in a file, so that nothing can be looked up.
pub(super) fn below(cx: &mut Context<'_>, text: &Text) -> Option<(Utf8PathBuf, Option<std::fs::Metadata>)> {
    let shown = muster_base::text::one_line(&text.text, 120);
    let relative = Utf8Path::new(&text.text);
    let mut refuse = |message: String, help: &str| {
        let problem = cx.problem(codes::BAD_INCLUDE, text.span, message);
        let problem = cx.after_substitution(problem, text);
        cx.report(if help.is_empty() { problem } else { problem.help(help) });
    };
    if !relative.components().all(|part| matches!(part, Utf8Component::Normal(_) | Utf8Component::CurDir)) {
        refuse(
            format!("`{shown}` is not below the directory of this file"),
            "paths are relative to this file and have no `..`",
        );
        return None;
    }
    let Some(dir) = cx.dir.clone() else { return Some((relative.to_owned(), None)) };
    let path = dir.join(relative);
    let real = |path: &Utf8Path| if path.as_str().is_empty() { Utf8Path::new(".") } else { path }.canonicalize_utf8();
    let (found, root) = match (real(&path), real(&dir)) {
        (Ok(found), Ok(root)) => (found, root),
        _ => {
            let problem = cx.problem(codes::BAD_INCLUDE, text.span, format!("there is no file `{shown}`"));
            cx.report(cx.after_substitution(problem, text).note(format!("looked for as {}", next_to(cx, relative))));
            return None;
        }
    };
    let mut refuse = |message: String| {
        let problem = cx.problem(codes::BAD_INCLUDE, text.span, message);
        cx.report(cx.after_substitution(problem, text));
    };
    if !found.starts_with(&root) {
        refuse(format!("`{shown}` leads out of the directory of this file"));
        return None;
    }
    match fs_err::metadata(&found) {
        Ok(metadata) if metadata.is_file() => Some((path, Some(metadata))),
        Ok(_) => {
            refuse(format!("`{shown}` is not a plain file"));
            None
        }
        Err(_) => {
            refuse(format!("`{shown}` cannot be read"));
            None
        }
    }
}

/// A file that a suite names, as it is shown: beside the suite, as that is shown.
pub(super) fn next_to(cx: &Context<'_>, relative: &Utf8Path) -> Utf8PathBuf {
    let relative = relative.strip_prefix(".").unwrap_or(relative);
    Utf8Path::new(&*cx.file).parent().map_or(relative.to_owned(), |dir| dir.join(relative))
}

pub(super) fn collect(cx: &mut Context<'_>, fields: &Fields<'_>) -> Option<Action> {
    let items = fields.get("collect").and_then(|node| cx.items(node, "collect"))?;
    let paths: Vec<_> = items.iter().map(|item| absolute(cx, item, "collect")).collect();
    Some(Action::Collect { paths: paths.into_iter().collect::<Option<_>>()? })
}
