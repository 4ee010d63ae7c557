//! What a suite expects becomes probes for the guest, and what the guest answered becomes verdicts. Pure: it never sees a machine
//! or a connection. `engine`, `facts`, `compare` and `cli` use it.
//!
//! A new check type is one file in [`types`] with its [`Check`], and its lines in `types/mod.rs`.

mod assertions;
pub mod base;
mod check;
pub mod dnf;
pub mod dpkg;
mod elf;
pub mod evaluation;
mod fields;
#[cfg(test)]
mod gone_tests;
mod ini;
mod journal;
pub mod kernel_config;
pub mod kernel_config_diff;
pub mod kernel_config_renames;
pub mod kernel_header;
#[cfg(test)]
mod last_line_tests;
pub mod matching;
#[cfg(test)]
mod needs;
mod net;
pub mod observed;
mod owner;
pub mod proc;
#[cfg(test)]
mod recorded;
pub mod repositories;
mod restarts;
pub mod rpm;
pub mod shell;
#[cfg(test)]
mod shipped_tests;
#[cfg(test)]
mod silence;
pub mod statistics;
mod sysctl_d;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tool_needs_tests;
#[cfg(test)]
mod truth_tests;
pub mod types;
mod unit_list;
mod unreadable;
pub mod value;
mod whole_name;
pub mod wording;

use std::sync::LazyLock;

pub use check::{Check, Observations, Probe, Verdict, sample_key};
pub use types::registry;
pub use unreadable::{Read, Unreadable};

use muster_suite::table::CheckTable;

/// The check type of that name.
pub fn find(name: &str) -> Option<&'static dyn Check> {
    registry().iter().copied().find(|check| check.table().name == name)
}

/// The attribute tables of all check types, in the order of the reference page.
pub fn tables() -> &'static [&'static CheckTable] {
    static TABLES: LazyLock<Vec<&CheckTable>> =
        LazyLock::new(|| registry().iter().map(|check| check.table()).collect());
    &TABLES
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use muster_suite::model::Expectation;
    use muster_suite::table::{AttributeKind, Shorthand};

    #[test]
    fn tables_name_everything_once_and_shorthands_name_attributes() {
        let mut names = BTreeSet::new();
        for table in tables() {
            assert!(names.insert(table.name), "{} twice", table.name);
            let mut attributes = BTreeSet::new();
            for attribute in table.attributes {
                assert!(attributes.insert(attribute.name), "{}.{} twice", table.name, attribute.name);
                assert!(attribute.doc.ends_with('.'), "{}.{}: {}", table.name, attribute.name, attribute.doc);
            }
            let shorthand: Vec<&str> = match table.shorthand {
                Shorthand::None => Vec::new(),
                Shorthand::Attribute(name) => vec![name],
                Shorthand::Keywords(words) => words.iter().map(|(_, attribute, _)| *attribute).collect(),
            };
            for name in shorthand {
                assert!(attributes.contains(name), "{} has no attribute {name}", table.name);
            }
            assert!(table.example.starts_with(&format!("{}:\n  ", table.name)), "{}", table.example);
        }
    }

    /// An expectation of every attribute of a type.
    fn everything_of(table: &'static CheckTable, subject: &str) -> Expectation {
        use muster_suite::model::Matcher;

        let all: Vec<(&str, Matcher)> = table.attributes.iter().map(|row| (row.name, Matcher::None)).collect();
        let mut wanted = testing::expectation(table.name, subject, &all);
        for (assertion, row) in wanted.assertions.iter_mut().zip(table.attributes) {
            assertion.key =
                matches!(row.kind, AttributeKind::Map(..) | AttributeKind::Samples(_)).then(|| subject.to_owned());
        }
        wanted
    }

    #[test]
    fn a_hundred_subjects_are_read_by_as_many_probes_as_one() {
        use muster_record::facts::Facts;
        use muster_suite::table::Subject;

        for check in registry().iter().filter(|check| matches!(check.table().subject, Subject::Named(_))) {
            let of = |count: usize| {
                let wanted: Vec<Expectation> =
                    (0..count).map(|number| everything_of(check.table(), &format!("tcp/{}", number + 1))).collect();
                check.probes(&wanted.iter().collect::<Vec<_>>(), &Facts::default()).len()
            };
            // A command is its own probe: nothing says that two can be one.
            let expected = if check.table().name == "command" { 100 } else { of(1) };
            assert_eq!(of(100), expected, "{}", check.table().name);
        }
    }

    #[test]
    fn a_hundred_assertions_of_ten_types_are_a_few_probes_of_one_batch() {
        use std::collections::BTreeMap;

        use muster_record::facts::Facts;

        const ASKED: [(&str, &str); 10] = [
            ("package", "version"),
            ("service", "active"),
            ("file", "mode"),
            ("user", "shell"),
            ("group", "members"),
            ("port", "listening"),
            ("sysctl", "value"),
            ("module", "state"),
            ("kconfig", "value"),
            ("mount", "options"),
        ];
        // As `run` does: all types first, then every key once, in one round trip.
        let mut batch: BTreeMap<String, String> = BTreeMap::new();
        for (name, attribute) in ASKED {
            let wanted: Vec<Expectation> = (0..10)
                .map(|number| {
                    testing::expectation(name, &format!("tcp/{}", number + 1), &[(attribute, testing::equals("x"))])
                })
                .collect();
            let check = find(name).unwrap();
            batch.extend(
                check
                    .probes(&wanted.iter().collect::<Vec<_>>(), &Facts::default())
                    .into_iter()
                    .map(|probe| (probe.key, probe.script)),
            );
        }
        assert!(batch.len() <= 2 * ASKED.len(), "{:?}", batch.keys());
    }

    #[test]
    fn a_subject_that_stands_in_two_alternatives_is_read_once_and_for_both() {
        use muster_record::facts::Facts;

        for check in registry() {
            let whole = everything_of(check.table(), "tcp/1");
            let half = whole.assertions.len() / 2;
            let part = |assertions: &[muster_suite::model::Assertion]| Expectation {
                assertions: assertions.to_vec(),
                ..whole.clone()
            };
            let (one, other) = (part(&whole.assertions[..half]), part(&whole.assertions[half..]));
            let together = check.probes(&[&whole], &Facts::default());
            let apart = check.probes(&[&one, &other], &Facts::default());
            let name = check.table().name;
            for probe in &together {
                assert!(apart.contains(probe), "{name}: {} is read otherwise in two parts", probe.key);
            }
            for probe in &apart {
                let same: Vec<_> = apart.iter().filter(|other| other.key == probe.key).collect();
                assert!(same.iter().all(|other| *other == probe), "{name}: {} has several scripts", probe.key);
            }
        }
    }

    #[test]
    fn a_key_that_several_types_use_is_the_same_reading() {
        use std::collections::BTreeMap;

        use muster_record::facts::Facts;

        let mut scripts: BTreeMap<String, (&str, Probe)> = BTreeMap::new();
        for check in registry() {
            let wanted = everything_of(check.table(), "tcp/1");
            for probe in check.probes(&[&wanted], &Facts::default()) {
                let (other, known) =
                    scripts.entry(probe.key.clone()).or_insert_with(|| (check.table().name, probe.clone()));
                assert_eq!(known.script, probe.script, "{} of {other} and {}", probe.key, check.table().name);
            }
        }
    }

    #[test]
    fn the_registry_has_a_check_for_each_table_and_each_attribute_is_implemented() {
        use muster_guest::Reply;
        use muster_record::facts::Facts;
        use muster_suite::model::Matcher;

        let names = |tables: Vec<&'static CheckTable>| tables.iter().map(|table| table.name).collect::<Vec<_>>();
        assert_eq!(names(registry().iter().map(|check| check.table()).collect()), names(tables().to_vec()));
        for check in registry() {
            for attribute in check.table().attributes {
                let mut wanted = testing::expectation(check.table().name, "tcp/1", &[(attribute.name, Matcher::None)]);
                if matches!(attribute.kind, AttributeKind::Map(..)) {
                    wanted.assertions[0].key = Some("tcp/1".to_owned());
                }
                let probes = check.probes(&[&wanted], &Facts::default());
                // The runner has looked at the file, or measured the boots, before.
                if check.table().name == "disk-image" || matches!(attribute.kind, AttributeKind::Baseline) {
                    let nothing = check.evaluate(&wanted, &Observations::default(), &Facts::default());
                    assert!(matches!(nothing[..], [Verdict::Unknown { .. }]), "{nothing:?}");
                    continue;
                }
                assert!(!probes.is_empty(), "nothing is read for {}.{}", check.table().name, attribute.name);
                let keys: BTreeSet<&String> = probes.iter().map(|probe| &probe.key).collect();
                assert_eq!(keys.len(), probes.len(), "{}.{}", check.table().name, attribute.name);
                // Whatever fails, whatever says nothing: neither may pass, except for a command
                // that really printed nothing and for empty output that is the answer.
                for reply in [
                    Reply { status: 127, stderr: b"tool: not found".to_vec(), ..Reply::default() },
                    Reply { status: 137, ..Reply::default() },
                    Reply { end: muster_guest::End::TimedOut, ..Reply::default() },
                    Reply { end: muster_guest::End::TooMuchOutput, ..Reply::default() },
                ] {
                    let seen = Observations(probes.iter().map(|probe| (probe.key.clone(), reply.clone())).collect());
                    let verdicts = check.evaluate(&wanted, &seen, &Facts::default());
                    assert_eq!(verdicts.len(), 1);
                    if check.table().name != "command" {
                        assert!(
                            matches!(&verdicts[0], Verdict::Unknown { why } if !why.contains("not implemented") && !why.contains("was not read")),
                            "{}.{}: {verdicts:?}",
                            check.table().name,
                            attribute.name
                        );
                    } else {
                        assert_ne!(verdicts[0], Verdict::MET, "{}", attribute.name);
                    }
                }
            }
        }
    }
}
