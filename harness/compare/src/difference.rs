//! How two systems differ: differences with keys that stay the same from run to run.

use serde::Serialize;

use super::item::{Field, Item, Items};
use muster_base::text;

/// Characters of a value that are kept.
const LONGEST: usize = 400;

/// How a subject differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Only the candidate has it.
    Added,
    /// Only the baseline has it.
    Removed,
    /// Both have it, with another value.
    Changed,
}

impl Change {
    /// As written in keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// One difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The kind of facts.
    pub kind: &'static str,
    /// How it differs.
    pub change: Change,
    /// What differs.
    pub subject: String,
    /// Which of its fields has changed, where the kind compares several.
    pub field: Option<&'static str>,
    /// What the baseline has; `None` for what was added.
    pub before: Option<String>,
    /// What the candidate has; `None` for what was removed.
    pub after: Option<String>,
    /// Names of the packages that the subject belongs to: those of the candidate, or of the baseline for
    /// what was removed.
    pub packages: Vec<String>,
}

impl Difference {
    /// `kind/change/subject`, and `:field` where one of several fields has changed. A path is written
    /// without its first slash: `file/removed/usr/bin/which`.
    pub fn key(&self) -> String {
        let subject = self.subject.strip_prefix('/').unwrap_or(&self.subject);
        let field = self.field.map(|field| format!(":{field}")).unwrap_or_default();
        format!("{}/{}/{subject}{field}", self.kind, self.change.name())
    }
}

/// How items differ, in the order of subjects and fields.
pub(super) fn of_items(kind: &'static str, fields: &[Field], before: &Items, after: &Items) -> Vec<Difference> {
    let mut out = Vec::new();
    let subjects: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    for subject in subjects {
        match (before.get(subject), after.get(subject)) {
            (Some(old), Some(new)) => changed(kind, fields, subject, (old, new), &mut out),
            (Some(old), None) => out.push(whole(kind, fields, subject, Change::Removed, old)),
            (None, Some(new)) => out.push(whole(kind, fields, subject, Change::Added, new)),
            (None, None) => {}
        }
    }
    out
}

fn whole(kind: &'static str, fields: &[Field], subject: &str, change: Change, item: &Item) -> Difference {
    let values = fields.iter().filter(|field| field.compared).filter_map(|field| item.get(field.name));
    let shown = values.filter(|value| !value.is_empty()).cloned().collect::<Vec<_>>().join(" ");
    let shown = Some(if shown.is_empty() { "present".to_owned() } else { text::one_line(&shown, LONGEST) });
    let (before, after) = if change == Change::Added { (None, shown) } else { (shown, None) };
    Difference { kind, change, subject: subject.to_owned(), field: None, before, after, packages: packages(item) }
}

fn changed(kind: &'static str, fields: &[Field], subject: &str, (old, new): (&Item, &Item), out: &mut Vec<Difference>) {
    let compared: Vec<&Field> = fields.iter().filter(|field| field.compared).collect();
    let value = |item: &Item, field: &Field| item.get(field.name).cloned().unwrap_or_default();
    for field in &compared {
        let (before, after) = (value(old, field), value(new, field));
        if before != after {
            out.push(Difference {
                kind,
                change: Change::Changed,
                subject: subject.to_owned(),
                field: (compared.len() > 1).then_some(field.name),
                before: Some(shown(&before)),
                after: Some(shown(&after)),
                packages: packages(new),
            });
        }
    }
}

/// Whether a number has moved by more than so many percent of what it was before. What is no number has.
pub(super) fn moved_beyond(difference: &Difference, percent: u128) -> bool {
    let number = |text: &Option<String>| text.as_deref().and_then(|text| text.parse::<u128>().ok());
    match (number(&difference.before), number(&difference.after)) {
        (Some(old), Some(new)) => old.abs_diff(new).saturating_mul(100) > old.saturating_mul(percent),
        _ => true,
    }
}

fn shown(value: &str) -> String {
    if value.is_empty() { "(none)".to_owned() } else { text::one_line(value, LONGEST) }
}

fn packages(item: &Item) -> Vec<String> {
    let names = item.get("package").map_or("", String::as_str);
    names.split(", ").filter(|name| !name.is_empty()).map(str::to_owned).collect()
}
