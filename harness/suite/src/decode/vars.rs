//! `vars:` and the names in `${…}`.

use std::collections::{BTreeMap, HashSet};

use super::super::diagnostic::codes;
use super::super::yaml::{self, Node};
use super::context::Context;
use super::context::substitution::is_var;

/// The names that stand in `${…}` anywhere below a node. Over the text, and not while decoding: a use
/// in a place that has an error is a use.
pub(super) fn used(root: &Node) -> HashSet<&str> {
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
    used
}

/// Variables, those of earlier lines put into later ones; and whether each is used at all. Those that
/// are `given` by who includes the file keep the given value.
pub(super) fn vars(cx: &mut Context<'_>, node: &Node, used: &HashSet<&str>, given: &BTreeMap<String, String>) {
    for (key, name, value) in entries(cx, node, "vars") {
        let text = match given.get(name) {
            Some(given) => Some(given.clone()),
            None => cx.any_text(value, name).map(|text| text.text),
        };
        if !used.contains(name) {
            let problem = cx.problem(codes::UNUSED_VAR, key.span, format!("the variable `{name}` is never used"));
            cx.report(problem.help(format!("remove it, or write `${{{name}}}` where it belongs")));
        }
        match text {
            Some(text) => drop(cx.vars.insert(name.to_owned(), text)),
            None => drop(cx.broken_vars.insert(name.to_owned())),
        }
    }
}

/// The entries of a mapping from names of variables, with the names that are fine.
pub(super) fn entries<'n>(cx: &mut Context<'_>, node: &'n Node, name: &str) -> Vec<(&'n Node, &'n str, &'n Node)> {
    let yaml::NodeKind::Mapping(entries) = &node.kind else {
        let problem = cx.wrong_shape(node, &format!("`{name}`"), "a mapping from names to scalars");
        cx.report(problem);
        return Vec::new();
    };
    if entries.is_empty() {
        let problem = cx.problem(codes::EMPTY_VALUE, node.span, format!("`{name}` is an empty mapping"));
        cx.report(problem);
    }
    let mut out = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        let name = key.scalar().unwrap_or_default();
        if is_var(name) {
            out.push((key, name, value));
            continue;
        }
        let shown = muster_base::text::one_line(name, 60);
        let problem = cx
            .problem(codes::BAD_ID, key.span, format!("`{shown}` cannot be the name of a variable"))
            .note("names of variables are lower-case letters, digits, `_` and `-`, and begin with a letter");
        cx.report(problem);
    }
    out
}
