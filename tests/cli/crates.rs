//! The page about the architecture is compared with the manifests: what uses what, and what a crate alone may know.

use std::collections::BTreeMap;

use crate::support::root;

fn page() -> String {
    std::fs::read_to_string(root().join("docs/architecture.md")).expect("the page")
}

/// Name and last cell of each row of the table of crates, in order.
fn rows() -> Vec<(String, String)> {
    let page = page();
    let table = page.lines().skip_while(|line| !line.starts_with("| crate (")).skip(2);
    let cells = table.take_while(|line| line.starts_with('|')).map(|line| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
        (cells[0].trim_matches('`').to_owned(), cells[cells.len() - 1].trim_matches('|').trim().to_owned())
    });
    cells.collect()
}

/// The keys of `[dependencies]` of a crate. Our own manifests are plain: one dependency a line.
fn dependencies(name: &str) -> Vec<String> {
    let path = root().join("harness").join(name).join("Cargo.toml");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let section = text.split("\n[dependencies]\n").nth(1).and_then(|rest| rest.split("\n[").next()).unwrap_or_default();
    let keys = section.lines().filter_map(|line| line.split(['.', ' ', '=']).next()).filter(|key| !key.is_empty());
    keys.map(str::to_owned).collect()
}

#[test]
fn a_crate_uses_only_those_that_stand_above_it_and_the_page_says_which() {
    let rows = rows();
    assert!(rows.len() >= 14, "{rows:?}");
    let mut above: Vec<&str> = Vec::new();
    for (name, uses) in &rows {
        let mut used: Vec<String> =
            dependencies(name).iter().filter_map(|key| key.strip_prefix("muster-")).map(str::to_owned).collect();
        for other in &used {
            assert!(above.contains(&other.as_str()), "{name} uses {other}, which does not stand above it");
        }
        let mut stated: Vec<String> = match uses.as_str() {
            "all" => above.iter().map(|name| (*name).to_owned()).collect(),
            some => some.split_whitespace().map(str::to_owned).collect(),
        };
        used.sort();
        stated.sort();
        assert_eq!(used, stated, "docs/architecture.md about {name}");
        above.push(name);
    }
    let workspace = std::fs::read_to_string(root().join("Cargo.toml")).expect("the workspace");
    let members = workspace.split("members = [").nth(1).and_then(|rest| rest.split(']').next()).expect("members");
    let member = regex::Regex::new(r#""harness/([\w-]+)""#).expect("a pattern");
    let listed: Vec<String> = member.captures_iter(members).map(|found| found[1].to_owned()).collect();
    assert_eq!(listed, above, "the members of the workspace, in this order");
}

/// What only one crate may know is what only it depends on.
#[test]
fn what_a_crate_alone_knows_no_other_depends_on() {
    let walls = BTreeMap::from([
        ("saphyr-parser", vec!["suite"]),
        ("ssh2", vec!["guest"]),
        ("libssh2-sys", vec!["guest"]),
        ("kvm-ioctls", vec!["qemu"]),
        ("fatfs", vec!["qemu", "image"]),
        ("ureq", vec!["image"]),
        ("quick-junit", vec!["report", "port"]),
        ("clap", vec!["cli"]),
        ("libtest-mimic", vec!["cli"]),
        ("zip", vec!["record"]),
    ]);
    for (name, _) in rows() {
        for dependency in dependencies(&name) {
            if let Some(owners) = walls.get(dependency.as_str()) {
                assert!(owners.contains(&name.as_str()), "{name} depends on {dependency}, which only {owners:?} may");
            }
        }
    }
}

#[test]
fn every_file_that_the_pages_name_is_there() {
    let path = regex::Regex::new(r"`((?:[a-z]+/src|tests)/[a-z_/*.]+)`").expect("a pattern");
    let adding = std::fs::read_to_string(root().join("docs/where-to-add.md")).expect("the page");
    let pages = page() + &adding;
    let mut seen = 0;
    for found in path.captures_iter(&pages) {
        let named = &found[1];
        let at = if named.starts_with("tests") { root().join(named) } else { root().join("harness").join(named) };
        let whole = at.to_string_lossy().split('*').next().unwrap_or_default().to_owned();
        assert!(std::path::Path::new(&whole).exists(), "docs/architecture.md or docs/where-to-add.md names {named}");
        seen += 1;
    }
    assert!(seen >= 25, "only {seen} files are named");
}
