//! Paths that a suite names: of files in the guest, and of files of the host at all.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::context::{Context, Text};
use crate::diagnostic::codes;
use crate::yaml::Node;

/// An absolute path of a file in the guest.
pub(super) fn absolute(cx: &mut Context<'_>, node: &Node, name: &str) -> Option<String> {
    let text = cx.line(node, name)?;
    if text.text.starts_with('/') && !text.text.ends_with('/') {
        return Some(text.text);
    }
    let shown = muster_base::text::one_line(&text.text, 80);
    let problem = cx.problem(codes::BAD_VALUE, text.span, format!("`{shown}` is not the absolute path of a file"));
    cx.report(cx.after_substitution(problem, &text));
    None
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

/// A file that a suite names, as it is shown: next to the suite, as that is shown.
pub(super) fn next_to(cx: &Context<'_>, relative: &Utf8Path) -> Utf8PathBuf {
    let relative = relative.strip_prefix(".").unwrap_or(relative);
    Utf8Path::new(&*cx.file).parent().map_or(relative.to_owned(), |dir| dir.join(relative))
}
