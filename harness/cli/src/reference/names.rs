//! One name, and all names, for a terminal.

use std::fmt::Write;

use super::page::below;
use super::words::{kind, matchers, shape, shorthand, subject};
use crate::wording::one_of;
use muster_suite::clause::Join;
use muster_suite::condition::{DIMENSIONS, words};
use muster_suite::diagnostic::codes;
use muster_suite::images::keys::CATALOGUE;
use muster_suite::keys::{FRAGMENT, KNOWN_ISSUES, Key, KeyTable, MATRIX, STEPS, SUITE};
use muster_suite::matcher::MATCHERS;
use muster_suite::model::TAGS;
use muster_suite::table::{Attribute, CheckTable};
use muster_suite::{console_rules, policy, waivers};

/// Every table of keys, each once.
fn tables() -> Vec<&'static KeyTable> {
    let mut out: Vec<&'static KeyTable> = Vec::new();
    let roots =
        [&SUITE, &FRAGMENT, &KNOWN_ISSUES, &CATALOGUE, &console_rules::FILE, &policy::FILE, &waivers::FILE, &MATRIX];
    for table in roots.into_iter().flat_map(below).chain(STEPS.iter().copied()) {
        if !out.iter().any(|known| known.what == table.what) {
            out.push(table);
        }
    }
    out
}

/// Every name that can be explained, for "did you mean".
pub(super) fn all() -> impl Iterator<Item = &'static str> {
    let keys = tables().into_iter().flat_map(|table| table.keys).map(|key| key.name);
    let checks = muster_check::tables().iter().map(|table| table.name);
    checks
        .chain(keys)
        .chain(Join::ALL.map(Join::name))
        .chain(MATCHERS.iter().map(|(name, _)| *name))
        .chain(TAGS.iter().map(|(name, _)| *name))
        .chain(DIMENSIONS.iter().map(|(name, _, _)| *name))
        .chain(codes::TABLE.iter().map(|(name, _)| *name))
}

/// All names by what they are, one line each where they have one.
pub(super) fn list() -> String {
    let mut out = String::from("Check types (under `expect:`)\n");
    for table in muster_check::tables() {
        let _ = writeln!(out, "  {:18} {}", table.name, table.summary);
    }
    out.push_str("\nSteps (under `steps:`, `setup:` and `teardown:`)\n");
    for table in STEPS {
        let _ = writeln!(out, "  {:18} {}", table.keys[0].name, table.keys[0].doc);
    }
    out.push_str("\nMatchers\n");
    for (name, meaning) in MATCHERS {
        let _ = writeln!(out, "  {name:18} {meaning}");
    }
    out.push_str("\nTags (under `tags:`) that change what is done; any other name only selects tests\n");
    for (name, meaning) in TAGS {
        let _ = writeln!(out, "  {name:18} {meaning}");
    }
    out.push_str("\nDimensions of conditions\n");
    for (name, meaning, _) in DIMENSIONS {
        let _ = writeln!(out, "  {name:18} {meaning}");
    }
    out.push_str("\nKeys\n");
    for table in tables().into_iter().filter(|table| !STEPS.iter().any(|step| step.what == table.what)) {
        let _ = writeln!(out, "  {}: {}", table.what, table.names().join(", "));
    }
    out.push_str("\n`muster reference NAME` explains one of them, a diagnostic code, or `<check type>.<attribute>`.\n");
    out
}

/// Everything that has the name; `None` when nothing has.
pub(super) fn explain(name: &str) -> Option<String> {
    let mut parts = Vec::new();
    let checks = muster_check::tables();
    parts.extend(checks.iter().filter(|table| table.name == name).map(|table| check(table)));
    if let Some((of, attribute)) = name.split_once('.')
        && let Some(table) = checks.iter().find(|table| table.name == of)
    {
        parts.extend(table.attribute(attribute).map(|row| format!("{name} (attribute)\n{}", attribute_lines(row))));
    }
    for table in tables() {
        let is_step = STEPS.iter().any(|step| step.what == table.what);
        if is_step && table.keys[0].name == name {
            parts.push(step(table));
        } else {
            parts.extend(table.get(name).map(|row| format!("{name} (key of {})\n{}", table.what, key(row))));
        }
    }
    let meanings = |what: &str, rows: &[(&str, &str)]| -> Vec<String> {
        let rows = rows.iter().filter(|(known, _)| *known == name);
        rows.map(|(_, meaning)| format!("{name} ({what})\n    {meaning}\n")).collect()
    };
    let of_expect = Join::ALL.into_iter().filter(|join| join.name() == name);
    parts.extend(of_expect.map(|join| format!("{name} (key of `expect`)\n    {}\n", join.doc())));
    parts.extend(meanings("matcher: it holds when", MATCHERS));
    parts.extend(meanings("tag", TAGS));
    parts.extend(DIMENSIONS.iter().filter(|(known, _, _)| *known == name).map(|(_, meaning, ordered)| {
        let order = if *ordered { "All operators apply." } else { "Only `==` and `!=` apply." };
        let words = words(name).map_or(String::new(), |words| format!("    It is {}.\n", one_of(words)));
        format!("{name} (dimension of conditions)\n    {meaning}\n    {order}\n{words}")
    }));
    parts.extend(meanings("diagnostic code", codes::TABLE));
    (!parts.is_empty()).then(|| parts.join("\n"))
}

fn check(table: &CheckTable) -> String {
    let mut out = format!("{} (check type)\n    {}\n    {}\n", table.name, table.summary, subject(table));
    if let Some(short) = shorthand(table) {
        let _ = writeln!(out, "    {short}");
    }
    for row in table.attributes {
        let _ = write!(out, "  {}\n{}", row.name, attribute_lines(row));
    }
    let _ = writeln!(out, "  Read in the guest: {}\n  Example:", table.reads);
    for line in table.example.lines() {
        let _ = writeln!(out, "    {line}");
    }
    out
}

fn attribute_lines(row: &Attribute) -> String {
    format!("    {}\n    value: {}; matchers: {}\n", row.doc, kind(&row.kind), matchers(&row.kind))
}

fn step(table: &KeyTable) -> String {
    let mut out = format!("{} (step)\n", table.keys[0].name);
    for row in table.keys {
        let _ = write!(out, "  {}\n{}", row.name, key(row));
    }
    out
}

fn key(row: &Key) -> String {
    let needed = if row.required { "; required" } else { "" };
    format!("    {}\n    value: {}{needed}\n", row.doc, shape(&row.shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_listed_name_is_explained_and_others_are_not() {
        for name in all() {
            assert!(explain(name).is_some_and(|text| text.contains(name)), "{name}");
        }
        for table in muster_check::tables() {
            for row in table.attributes {
                let text = explain(&format!("{}.{}", table.name, row.name)).unwrap();
                assert!(text.contains(row.doc), "{text}");
            }
        }
        assert_eq!(explain("pakage"), None);
        assert_eq!(explain("package.versoin"), None);
    }

    #[test]
    fn a_name_with_several_meanings_has_all_of_them() {
        let text = explain("service").unwrap();
        assert!(text.contains("service (check type)") && text.contains("service (step)"), "{text}");
        assert!(explain("timeout").unwrap().matches("(key of ").count() > 5);
    }
}
