//! `for-each:`: what a test is repeated for.

use std::collections::HashMap;

use super::super::diagnostic::{Span, codes};
use super::super::yaml::{self, Node};
use super::context::Context;
use super::vars::{entries, used};

/// One repetition.
#[derive(Debug, Default)]
pub(super) struct Repetition {
    /// What `${name}` stands for in the test.
    pub(super) vars: Vec<(String, String)>,
    /// What sets the repetition apart in the test's id.
    pub(super) cell: Option<(String, String)>,
}

/// The repetitions of a test; one without values when it has no `for-each`, or a wrong one.
pub(super) fn repetitions(cx: &mut Context<'_>, test: &Node) -> Vec<Repetition> {
    let Some(node) = test.get("for-each") else { return vec![Repetition::default()] };
    let rows = match &node.kind {
        yaml::NodeKind::Mapping(_) => one_name(cx, node),
        _ => rows(cx, node),
    };
    let Some(rows) = rows.filter(|rows| !rows.is_empty()) else { return vec![Repetition::default()] };
    unused(cx, test, node);
    named(cx, rows)
}

/// A row before it has a name: variables with their texts, and where it stands.
type Row = (Vec<(String, String)>, Span);

/// `{tool: [curl, tar]}`.
fn one_name(cx: &mut Context<'_>, node: &Node) -> Option<Vec<Row>> {
    let found = entries(cx, node, "for-each");
    if let Some((second, ..)) = found.get(1) {
        let problem = cx
            .problem(codes::WRONG_SHAPE, second.span, "`for-each` repeats a test over one list")
            .help("write a list of mappings when several values belong together: `[{name: a, size: 1}, …]`");
        cx.report(problem);
    }
    for (_, name, _) in &found {
        cx.shadow(name);
    }
    let [(key, name, list)] = found[..] else { return None };
    is_new(cx, key, name)?;
    let mut rows = Vec::new();
    for item in cx.items(list, name)? {
        rows.push((vec![(name.to_owned(), cx.text(item, name)?.text)], item.span));
    }
    Some(rows)
}

/// `[{name: a, size: 1}, …]`, all with the same names.
fn rows(cx: &mut Context<'_>, node: &Node) -> Option<Vec<Row>> {
    let items = cx.items(node, "for-each")?;
    let mut out: Vec<Row> = Vec::new();
    let mut complete = true;
    for item in items {
        let found = entries(cx, item, "for-each");
        let mut row = Vec::new();
        for (key, name, value) in &found {
            cx.shadow(name);
            if out.is_empty() && is_new(cx, key, name).is_none() {
                complete = false;
            }
            match cx.text(value, name) {
                Some(text) => row.push(((*name).to_owned(), text.text)),
                None => complete = false,
            }
        }
        let names = |row: &[(String, String)]| row.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        if let Some((first, _)) = out.first()
            && complete
            && sorted(names(first)) != sorted(names(&row))
        {
            let wanted = names(first).join(", ");
            let message = "the entries of `for-each` have different names";
            let problem = cx.problem(codes::WRONG_SHAPE, item.span, message);
            cx.report(problem.note(format!("the first has: {wanted}")));
            complete = false;
        }
        // All repetitions are named after the name that the first entry begins with.
        if let Some((name, _)) = out.first().and_then(|(first, _)| first.first()) {
            row.sort_by_key(|(other, _)| other != name);
        }
        out.push((row, item.span));
    }
    (complete && out.iter().all(|(row, _)| !row.is_empty())).then_some(out)
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort();
    names
}

/// A name that stands for nothing else already.
fn is_new(cx: &mut Context<'_>, key: &Node, name: &str) -> Option<()> {
    if !cx.vars.contains_key(name) {
        return Some(());
    }
    let problem = cx.problem(codes::DUPLICATE_ID, key.span, format!("there is a variable `{name}` already"));
    cx.report(problem.help("give it another name: what `${…}` stands for must not depend on where it is used"));
    None
}

fn unused(cx: &mut Context<'_>, test: &Node, node: &Node) {
    let used = used(test);
    let names = match &node.kind {
        yaml::NodeKind::Sequence(items) => items.first().map(|item| entries(cx, item, "for-each")),
        _ => Some(entries(cx, node, "for-each")),
    };
    for (key, name, _) in names.unwrap_or_default() {
        if !used.contains(name) {
            let problem = cx.problem(codes::UNUSED_VAR, key.span, format!("the variable `{name}` is never used"));
            cx.report(problem.help(format!("write `${{{name}}}` where it belongs: every repetition is the same now")));
        }
    }
}

/// Gives each row the name it has in ids; two rows with one name are an error.
fn named(cx: &mut Context<'_>, rows: Vec<Row>) -> Vec<Repetition> {
    let mut out = Vec::with_capacity(rows.len());
    let mut known: HashMap<String, String> = HashMap::new();
    for (vars, span) in rows {
        let Some((name, value)) = vars.first().cloned() else { continue };
        let word = slug(&value);
        let shown = muster_base::text::one_line(&value, 60);
        if word.is_empty() {
            let problem = cx
                .problem(codes::BAD_VALUE, span, format!("`{shown}` cannot name a test: it has no letter and no digit"))
                .help("put a name before it: `for-each: [{name: a, value: …}]`");
            cx.report(problem);
            continue;
        }
        if let Some(first) = known.insert(word.clone(), value) {
            let problem = cx
                .problem(codes::DUPLICATE_ID, span, format!("`{shown}` makes a second test named `{name}={word}`"))
                .note(format!("the first is of `{}`", muster_base::text::one_line(&first, 60)));
            cx.report(problem);
            continue;
        }
        out.push(Repetition { vars, cell: Some((name, word)) });
    }
    out
}

/// A value as a part of an id: what an id cannot hold becomes a `-`.
fn slug(value: &str) -> String {
    let fine = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    let mut out = String::new();
    for c in value.chars() {
        if fine(c) {
            out.push(c);
        } else if !out.is_empty() && !out.ends_with('-') {
            out.push('-');
        }
    }
    let begin = out.find(|c: char| c.is_ascii_alphanumeric()).unwrap_or(out.len());
    out[begin..].trim_end_matches('-').chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::slug;

    #[test]
    fn values_become_parts_of_ids() {
        assert_eq!(slug("/usr/bin/x"), "usr-bin-x");
        assert_eq!(slug("a  b / c"), "a-b-c");
        assert_eq!(slug("x86-64-v3"), "x86-64-v3");
        assert_eq!(slug("é!"), "");
        assert_eq!(slug(&"a".repeat(100)).len(), 60);
    }
}
