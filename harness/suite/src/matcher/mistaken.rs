//! Values that others write for the one that is meant, where a matcher takes any text: `{not: yes}` would hold of every
//! symbol of a kernel's configuration, since none is ever `yes`.

use crate::condition::synonym;
use crate::decode::context::Context;
use crate::diagnostic::did_you_mean;
use crate::value::ValueError;
use crate::yaml::{Node, NodeKind};

/// What others write for `y`, `m` and `n`.
const OF_SYMBOLS: &[(&str, &str)] = &[
    ("y", "y"),
    ("yes", "y"),
    ("true", "y"),
    ("on", "y"),
    ("enabled", "y"),
    ("builtin", "y"),
    ("built-in", "y"),
    ("=y", "y"),
    ("m", "m"),
    ("module", "m"),
    ("=m", "m"),
    ("n", "n"),
    ("no", "n"),
    ("false", "n"),
    ("off", "n"),
    ("disabled", "n"),
    ("not set", "n"),
    ("is not set", "n"),
    ("=n", "n"),
];

/// What others write for a parameter of /proc/sys that is 1 or 0. Some are `on`, `off`, `enabled` or `disabled`
/// (`kernel.printk_devkmsg`, `fs.binfmt_misc.status`).
const OF_PARAMETERS: &[(&str, &str)] = &[("true", "1"), ("yes", "1"), ("false", "0"), ("no", "0")];

/// What others write for a state, and what tables of checks call it.
const STATES: &[(&str, &str)] = &[
    ("running", "active"),
    ("started", "active"),
    ("stopped", "inactive"),
    ("dead", "inactive"),
    ("true", "enabled"),
    ("yes", "enabled"),
    ("false", "disabled"),
    ("no", "disabled"),
    ("installed", "present"),
    ("exists", "present"),
    ("latest", "present"),
    ("missing", "absent"),
    ("removed", "absent"),
    ("uninstalled", "absent"),
];

/// Which of the words was meant by another name of a state, or by a misspelt one.
pub(crate) fn meant_word<'w>(written: &str, words: &[&'w str]) -> Option<&'w str> {
    let lower = written.trim().to_ascii_lowercase();
    let state = STATES.iter().find(|(other, _)| *other == lower).map(|(_, ours)| *ours);
    let known = state.and_then(|ours| words.iter().find(|word| **word == ours)).copied();
    known.or_else(|| did_you_mean(written, words.iter().copied()))
}

/// What was meant by a value that the attribute never has.
fn meant(check: &str, attribute: &str, value: &str) -> Option<&'static str> {
    let lower = value.trim().to_ascii_lowercase();
    let of =
        |table: &[(&str, &'static str)]| table.iter().find(|(written, _)| *written == lower).map(|(_, meant)| *meant);
    let meant = match (check, attribute) {
        ("kconfig", "value") => of(OF_SYMBOLS),
        ("sysctl", "value" | "persisted") => of(OF_PARAMETERS),
        ("kernel", "arch") => synonym("arch", &lower),
        _ => None,
    };
    meant.filter(|meant| *meant != value.trim())
}

/// Reports each value of a matcher that the attribute never has, at any depth. The matcher has been read without an error. Of symbols and
/// parameters only what stands below `not` is looked at: a text of theirs may be any word, and `muster record` writes it as it is; what is
/// stated and never so fails where everybody sees it.
pub(crate) fn mistaken(cx: &mut Context<'_>, check: &str, attribute: &str, node: &Node) -> Option<()> {
    look(cx, check, attribute, node, check == "kernel")
}

/// The entries of a mapping of matchers, as [`mistaken`].
pub(crate) fn mistaken_in(cx: &mut Context<'_>, check: &str, attribute: &str, entries: &[&(Node, Node)]) -> Option<()> {
    let negated = check == "kernel";
    let inner = entries.iter().filter(|(key, _)| matches!(key.scalar(), Some("not" | "any-of")));
    let fine: Vec<_> =
        inner.map(|(key, value)| look(cx, check, attribute, value, negated || key.scalar() == Some("not"))).collect();
    fine.into_iter().collect()
}

fn look(cx: &mut Context<'_>, check: &str, attribute: &str, node: &Node, negated: bool) -> Option<()> {
    match &node.kind {
        NodeKind::Scalar { .. } if !negated => Some(()),
        NodeKind::Scalar { .. } => {
            let text = cx.any_text(node, attribute)?;
            let Some(suggestion) = meant(check, attribute, &text.text) else { return Some(()) };
            let message = format!("it is never `{}`", muster_base::text::one_line(&text.text, 40));
            let error = ValueError::Mistaken { message, suggestion: suggestion.to_owned() };
            cx.bad_value(&text, attribute, &error);
            None
        }
        NodeKind::Sequence(items) => {
            let fine: Vec<_> = items.iter().map(|item| look(cx, check, attribute, item, negated)).collect();
            fine.into_iter().collect()
        }
        NodeKind::Mapping(entries) => {
            let inner = entries.iter().filter(|(key, _)| matches!(key.scalar(), Some("not" | "any-of")));
            let fine: Vec<_> = inner
                .map(|(key, value)| look(cx, check, attribute, value, negated || key.scalar() == Some("not")))
                .collect();
            fine.into_iter().collect()
        }
    }
}
