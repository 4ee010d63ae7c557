//! No module of a crate uses one that uses it: what must is a pair that the page about the architecture names. And no short name
//! is that of several types.
//!
//! Read from the sources, without the code of tests. A path counts for the module where the item is defined: what a parent only
//! re-exports is its child's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

use crate::sources::{self, File, Module};
use crate::support::root;

static NOISE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r#"//[^\n]*|pub\([^)]*\)|"(?:[^"\\]|\\.)*""#).expect("a pattern"));
static PATH: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\b(crate|super|self)((?:::\w+)*)(::\{)?").expect("a pattern"));
static EXPORTED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?s)pub(?:\([^)]*\))? use (?:self::)?((?:\w+::)+)(?:\{([^}]*)\}|(\w+))").expect("a pattern")
});

/// The modules of a crate by path, the root empty, without those that are declared for tests. Of each its own text,
/// without comments, strings, visibilities and tests.
fn modules(source: &Path) -> BTreeMap<Module, String> {
    let mut found = BTreeMap::new();
    for File { module, text, .. } in sources::own(source) {
        found.entry(module).or_insert_with(String::new).push_str(&NOISE.replace_all(&text, ""));
    }
    found
}

/// Every path of a text as segments from the crate's root, groups taken apart.
fn paths(module: &Module, text: &str) -> Vec<Module> {
    let mut out = Vec::new();
    for found in PATH.captures_iter(text) {
        let mut base: Module = match &found[1] {
            "crate" => Vec::new(),
            "super" => module[..module.len().saturating_sub(1)].to_vec(),
            _ => module.clone(),
        };
        for segment in found[2].split("::").filter(|segment| !segment.is_empty()) {
            match segment {
                "super" => drop(base.pop()),
                other => base.push(other.to_owned()),
            }
        }
        if found.get(3).is_none() {
            out.push(base);
            continue;
        }
        let rest = &text[found.get(0).expect("whole").end()..];
        let group = &rest[..rest.find('}').unwrap_or(rest.len())];
        for leaf in group.split([',', '{']).map(str::trim).filter(|leaf| !leaf.is_empty()) {
            let leaf = leaf.split(" as ").next().unwrap_or(leaf);
            let more = leaf.split("::").filter(|part| *part != "self" && !part.is_empty()).map(str::to_owned);
            out.push(base.iter().cloned().chain(more).collect());
        }
    }
    out
}

/// What a parent re-exports: name, and the child that has it.
fn re_exports(module: &Module, text: &str, all: &BTreeMap<Module, String>) -> BTreeMap<String, Module> {
    let mut out = BTreeMap::new();
    for found in EXPORTED.captures_iter(text) {
        let child: Module = module
            .iter()
            .cloned()
            .chain(found[1].split("::").filter(|part| !part.is_empty()).map(str::to_owned))
            .collect();
        if all.contains_key(&child) {
            let names = found.get(2).or(found.get(3)).map_or("", |names| names.as_str());
            for name in names.split(',').map(|name| name.trim().rsplit(" as ").next().unwrap_or_default()) {
                out.insert(name.to_owned(), child.clone());
            }
        }
    }
    out
}

/// What each module uses of the same crate.
fn uses(all: &BTreeMap<Module, String>) -> BTreeMap<Module, BTreeSet<Module>> {
    let exports: BTreeMap<&Module, _> =
        all.iter().map(|(module, text)| (module, re_exports(module, text, all))).collect();
    let mut out: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for (module, text) in all {
        let mut found = BTreeSet::new();
        for path in paths(module, text) {
            let Some(length) = (0..=path.len()).rev().find(|length| all.contains_key(&path[..*length])) else {
                continue;
            };
            let (home, item) = (path[..length].to_vec(), path.get(length));
            let home = item.and_then(|item| exports[&home].get(item)).cloned().unwrap_or(home);
            // A module's name alone, as in `use super::rows;`, is counted where it is used.
            if home != *module
                && (item.is_some() || path.len() == home.len())
                && !(item.is_none() && module.starts_with(&home))
            {
                found.insert(home);
            }
        }
        for child in all.keys().filter(|child| child.len() == module.len() + 1 && child.starts_with(module)) {
            let name = child.last().expect("a name");
            let starts = |at: usize| !text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':');
            if text.match_indices(&format!("{name}::")).any(|(at, _)| starts(at)) {
                found.insert(child.clone());
            }
        }
        out.insert(module.clone(), found);
    }
    out
}

/// Whether one is reached from the other.
fn reaches(uses: &BTreeMap<Module, BTreeSet<Module>>, from: &Module, to: &Module) -> bool {
    let (mut open, mut seen) = (vec![from], BTreeSet::new());
    while let Some(at) = open.pop() {
        for next in &uses[at] {
            if next == to {
                return true;
            }
            if seen.insert(next) {
                open.push(next);
            }
        }
    }
    false
}

fn shown(name: &str, module: &Module) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{name}::{}", module.join("::")) }
}

#[test]
fn modules_that_use_each_other_are_the_pairs_that_the_page_names() {
    let page = std::fs::read_to_string(root().join("docs/architecture.md")).expect("the page");
    let stated = page.split("**Pairs.**").nth(1).and_then(|rest| rest.split("\n\n").next()).unwrap_or_default();
    let named = Regex::new(r"`([a-z_:]+)`").expect("a pattern");
    let stated: BTreeSet<String> = named.captures_iter(stated).map(|found| found[1].to_owned()).collect();
    let mut found = BTreeMap::new();
    let mut counted = 0;
    for entry in std::fs::read_dir(root().join("harness")).expect("the crates").flatten() {
        let (name, source) = (entry.file_name().to_string_lossy().into_owned(), entry.path().join("src"));
        if name == "fuzz" || !source.is_dir() {
            continue;
        }
        let all = modules(&source);
        counted += all.len();
        let uses = uses(&all);
        for module in all.keys() {
            let back: Vec<String> = uses[module]
                .iter()
                .filter(|used| reaches(&uses, used, module))
                .map(|used| shown(&name, used))
                .collect();
            if !back.is_empty() {
                found.insert(shown(&name, module), back);
            }
        }
    }
    assert!(counted > 400, "only {counted} modules were read");
    let unnamed: BTreeMap<_, _> = found.iter().filter(|(module, _)| !stated.contains(*module)).collect();
    assert!(unnamed.is_empty(), "these use modules that use them: {unnamed:#?}");
    let gone: Vec<_> = stated.iter().filter(|module| !found.contains_key(*module)).collect();
    assert!(gone.is_empty(), "docs/architecture.md names pairs that are none any more: {gone:?}");
}

/// Names that say little, of which each was once several types.
const SHORT: [&str; 6] = ["Document", "Finding", "Kind", "Source", "State", "Verdict"];

#[test]
fn a_short_name_means_one_type_outside_its_file() {
    let mut files = Vec::new();
    sources::below(&root().join("harness"), &mut files);
    let defined = Regex::new(r"(?m)^\s*pub(?:\([^)]*\))? (?:enum|struct|trait|type) (\w+)").expect("a pattern");
    let mut found: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        for name in defined.captures_iter(&text).map(|found| found[1].to_owned()) {
            found.entry(name).or_default().push(file.clone());
        }
    }
    assert_eq!((found["Verdict"].len(), found["Finding"].len()), (1, 1), "these are there");
    for name in SHORT {
        let of = found.get(name).map_or(&[][..], Vec::as_slice);
        assert!(of.len() <= 1, "{name} is the name of several types: {of:?}; say what each is of");
    }
}
