//! How two systems differ: differences with keys that stay the same from run to run.

use serde::Serialize;

use super::facts::Facts;
use super::kind::{FactKind, Field, Item, Items, Part};
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

/// A kind that was not compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Uncompared {
    /// The kind.
    pub kind: &'static str,
    /// Which system does not tell, and why.
    pub why: String,
}

/// What came of holding two systems against each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The kinds that were compared.
    pub kinds: Vec<&'static str>,
    /// Every difference, in the order of kinds, subjects and fields.
    pub differences: Vec<Difference>,
    /// Kinds that could not be compared: nobody knows whether they differ.
    pub uncompared: Vec<Uncompared>,
    /// Kinds that neither system has, which is no difference.
    pub neither: Vec<Uncompared>,
}

/// Holds two systems against each other.
pub fn compare(kinds: &[&'static dyn FactKind], baseline: &Facts, candidate: &Facts) -> Comparison {
    let mut out = Comparison::default();
    for kind in kinds {
        let word = kind.name();
        if word == "file" && baseline.trees != candidate.trees {
            let why = format!(
                "the baseline's files are of {}, the candidate's of {}",
                baseline.trees.join(", "),
                candidate.trees.join(", ")
            );
            out.uncompared.push(Uncompared { kind: word, why: text::one_line(&why, LONGEST) });
            continue;
        }
        match (baseline.part(word), candidate.part(word)) {
            (Part::Known(before), Part::Known(after)) => {
                out.kinds.push(word);
                out.differences.extend(kind.differences(&before, &after));
            }
            (Part::Absent(why), Part::Absent(_)) => out.neither.push(Uncompared { kind: word, why }),
            (before, after) => {
                let sides = [("baseline", before), ("candidate", after)];
                let why: Vec<String> = sides
                    .into_iter()
                    .filter_map(|(side, part)| match part {
                        Part::Known(_) => None,
                        Part::Absent(why) => Some(format!("the {side} has none: {why}")),
                        Part::Unreadable(why) => Some(format!("the {side} does not report it: {why}")),
                    })
                    .collect();
                out.uncompared.push(Uncompared { kind: word, why: text::one_line(&why.join("; "), LONGEST) });
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::kind::{all, find};
    use super::super::testing::{facts, items, package};
    use super::*;

    fn keys(before: &Facts, after: &Facts) -> Vec<String> {
        compare(all(), before, after).differences.iter().map(Difference::key).collect()
    }

    #[test]
    fn a_system_does_not_differ_from_itself() {
        let facts = facts(&[("package", items(&[("bash", &package("5.2", "1.fc43", "bash"))]))]);
        let found = compare(all(), &facts, &facts);
        assert_eq!((found.differences, found.uncompared), (Vec::new(), Vec::new()));
        assert_eq!(found.kinds, super::super::kind::words());
    }

    #[test]
    fn keys_name_kind_change_subject_and_the_field_of_several() {
        let before = facts(&[
            ("package", items(&[("bash", &package("5.2", "1.fc43", "bash")), ("foo", &package("1", "1", "foo"))])),
            ("file", items(&[("/etc/x", &[("type", "file"), ("mode", "0644"), ("content", "a")])])),
            ("sysctl", items(&[("kernel.x", &[("value", "1")])])),
        ]);
        let after = facts(&[
            ("package", items(&[("bash", &package("5.3", "1.azl4", "bash"))])),
            ("file", items(&[("/etc/x", &[("type", "file"), ("mode", "0600"), ("content", "a")]), ("/etc/y", &[])])),
            ("sysctl", items(&[("kernel.x", &[("value", "0")])])),
        ]);
        assert_eq!(
            keys(&before, &after),
            [
                "package/changed/bash:version",
                "package/changed/bash:release",
                "package/removed/foo",
                "file/changed/etc/x:mode",
                "file/added/etc/y",
                "sysctl/changed/kernel.x",
            ]
        );
        assert_eq!(keys(&after, &before).len(), 6, "the way back has as many");
    }

    #[test]
    fn what_one_side_does_not_tell_is_not_compared_and_what_neither_has_is_fine() {
        let known = facts(&[("locale", items(&[("C.utf8", &[])]))]);
        let with = |part: Part| {
            let mut facts = known.clone();
            facts.parts.insert("locale", part);
            facts
        };
        let unreadable = with(Part::Unreadable("locale: not found".into()));
        let absent = with(Part::Absent("there is none".into()));
        let only = [find("locale").unwrap()];
        for (before, after) in
            [(&known, &unreadable), (&unreadable, &known), (&unreadable, &unreadable), (&known, &absent)]
        {
            let found = compare(&only, before, after);
            assert_eq!((found.kinds.len(), found.uncompared.len(), found.differences.len()), (0, 1, 0));
        }
        let found = compare(&only, &absent, &absent);
        assert_eq!((found.uncompared.len(), found.neither.len()), (0, 1));
        let mut fewer = known.clone();
        fewer.parts.remove("locale");
        assert!(compare(&only, &known, &fewer).uncompared[0].why.contains("was not read"));
        let mut elsewhere = known.clone();
        elsewhere.trees = vec!["/opt".into()];
        assert_eq!(compare(&[find("file").unwrap()], &known, &elsewhere).uncompared.len(), 1);
    }
}
