//! Modes stand in quotes: without them a YAML 1.1 reader takes `0644` for 420 and a YAML 1.2 reader for 644, so that two tools
//! read two things from one file.

use super::super::diagnostic::codes;
use super::super::value;
use super::super::yaml::Node;
use super::context::{Context, Text};

/// Reports a mode that stands there without quotes. What a variable holds is text.
pub(crate) fn is_bare(cx: &mut Context<'_>, text: &Text, name: &str) -> bool {
    let digits = text.text.trim().trim_start_matches("0o");
    let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if text.quoted || text.changed || !is_number {
        return false;
    }
    let mut problem = cx
        .problem(codes::BAD_VALUE, text.span, format!("`{name}`: the mode `{}` is not in quotes", text.text.trim()))
        .note("without quotes it is a number, which some readers of YAML take for octal and some for decimal");
    if value::mode(digits).is_ok() {
        problem = problem.help(format!("write \"{:0>4}\", in quotes: a mode is octal", digits));
    }
    cx.report(problem);
    true
}

/// The mode of a step.
pub(super) fn mode(cx: &mut Context<'_>, node: &Node) -> Option<u32> {
    let text = cx.text(node, "mode")?;
    if is_bare(cx, &text, "mode") {
        return None;
    }
    cx.parsed(node, "mode", value::mode)
}
