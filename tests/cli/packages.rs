//! The packages of muster itself: what they depend on is what `ci/packages.tsv` says that a run needs.

use std::collections::BTreeSet;

use toml::de::{DeTable, DeValue};

use crate::support::root;

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// A package, and the least version of it.
type Need = (String, Option<String>);

/// What the table has for a scope, in the column of a distribution.
fn table(column: usize, scope: &str) -> BTreeSet<Need> {
    let text = read("ci/packages.tsv");
    let rows = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let mut needs = BTreeSet::new();
    for row in rows {
        let cells: Vec<&str> = row.split('\t').collect();
        assert_eq!(cells.len(), 5, "{row}");
        if cells[4] == scope {
            let least = cells[0].split_once(">=").map(|(_, version)| version.to_owned());
            needs.extend(cells[column].split(' ').map(|name| (name.to_owned(), least.clone())));
        }
    }
    needs
}

/// A version without its epoch, which the table has no need for: it compares with what a program says of itself.
fn without_epoch(version: &str) -> String {
    version.split_once(':').map_or(version, |(_, rest)| rest).to_owned()
}

fn at<'t>(table: &'t DeTable<'_>, path: &[&str]) -> &'t DeValue<'t> {
    let (last, above) = path.split_last().expect("a path");
    let inner = above.iter().fold(table, |table, key| match table.get(*key).map(|value| value.get_ref()) {
        Some(DeValue::Table(inner)) => inner,
        _ => panic!("no table {key} of {path:?}"),
    });
    inner.get(*last).unwrap_or_else(|| panic!("nothing at {path:?}")).get_ref()
}

/// `qemu-utils (>= 1:8.2)` and so on, without what the linked libraries say by themselves.
fn of_debian(list: &str) -> BTreeSet<Need> {
    let needs = list.split(", ").filter(|need| *need != "$auto");
    let need = |need: &str| match need.split_once(" (>= ") {
        Some((name, version)) => (name.to_owned(), Some(without_epoch(version.trim_end_matches(')')))),
        None => (need.to_owned(), None),
    };
    needs.map(need).collect()
}

fn of_rpm(table: &DeTable<'_>) -> BTreeSet<Need> {
    let need = |name: &str, version: &DeValue<'_>| match version {
        DeValue::String(version) if *version == "*" => (name.to_owned(), None),
        DeValue::String(version) => {
            (name.to_owned(), Some(without_epoch(version.strip_prefix(">= ").expect("a least version"))))
        }
        other => panic!("{name}: {other:?}"),
    };
    table.iter().map(|(name, version)| need(name.get_ref(), version.get_ref())).collect()
}

#[test]
fn packages_depend_on_what_a_run_needs_and_suggest_what_it_can_use() {
    let manifest = read("harness/cli/Cargo.toml");
    let manifest = DeTable::parse(&manifest).expect("TOML").into_inner();
    for (key, rpm, scope) in [("depends", "requires", "host"), ("suggests", "suggests", "optional")] {
        let DeValue::String(listed) = at(&manifest, &["package", "metadata", "deb", key]) else { panic!("{key}") };
        assert_eq!(of_debian(listed), table(2, scope), "Debian: {key}");
        let DeValue::Table(listed) = at(&manifest, &["package", "metadata", "generate-rpm", rpm]) else {
            panic!("{rpm}")
        };
        assert_eq!(of_rpm(listed), table(3, scope), "Fedora: {rpm}");
        assert!(table(2, scope).len() >= 3, "{scope}");
    }
}

#[test]
fn epochs_are_there_where_the_distributions_have_one() {
    // Without it any version is new enough: 1:7.2 is more than 8.2.
    let manifest = read("harness/cli/Cargo.toml");
    for line in ["qemu-system-x86 (>= 1:8.2)", "qemu-utils (>= 1:8.2)", "qemu-img = \">= 2:8.2\""] {
        assert!(manifest.contains(line), "{line}");
    }
    assert!(!regex::Regex::new(r"qemu[a-z0-9_-]* (?:\(|= .)>= 8").unwrap().is_match(&manifest));
}
