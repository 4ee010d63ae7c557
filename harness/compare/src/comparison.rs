//! Two systems compared, kind by kind; one whose facts are missing is never taken for empty.

use serde::Serialize;

use super::difference::Difference;
use super::facts::Facts;
use super::item::Part;
use super::kind::FactKind;
use muster_base::text;

/// Characters of a reason that are kept.
const LONGEST: usize = 400;

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
    use super::super::kinds::{all, find, names};
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
        assert_eq!(found.kinds, names());
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
