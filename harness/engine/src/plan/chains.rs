//! Which tests of a suite need each other, and in which order that makes them run.

use std::collections::{BTreeMap, BTreeSet};

use muster_suite::model::Suite;

/// The wanted tests and, transitively, what they need.
pub(super) fn with_needs(suite: &Suite, wanted: impl Iterator<Item = usize>) -> BTreeSet<usize> {
    let by_id: BTreeMap<&str, usize> = suite.tests.iter().enumerate().map(|(i, t)| (t.id.as_str(), i)).collect();
    let mut found = BTreeSet::new();
    let mut open: Vec<usize> = wanted.collect();
    while let Some(index) = open.pop() {
        if found.insert(index) {
            open.extend(suite.tests[index].needs.iter().filter_map(|id| by_id.get(id.as_str()).copied()));
        }
    }
    found
}

/// The tests of `members`, split into groups connected by `needs`, each in an order in which
/// needs come first and otherwise the file's order is kept.
pub(super) fn chains(suite: &Suite, members: &BTreeSet<usize>) -> Vec<Vec<usize>> {
    let by_id: BTreeMap<&str, usize> = suite.tests.iter().enumerate().map(|(i, t)| (t.id.as_str(), i)).collect();
    // Union by smallest member: the representative of a chain is its first test in the file.
    let mut chain_of: BTreeMap<usize, usize> = members.iter().map(|i| (*i, *i)).collect();
    fn find(chain_of: &BTreeMap<usize, usize>, mut index: usize) -> usize {
        while chain_of[&index] != index {
            index = chain_of[&index];
        }
        index
    }
    for index in members {
        for need in &suite.tests[*index].needs {
            let Some(other) = by_id.get(need.as_str()).filter(|other| members.contains(other)) else { continue };
            let (a, b) = (find(&chain_of, *index), find(&chain_of, *other));
            chain_of.insert(a.max(b), a.min(b));
        }
    }
    let mut grouped: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for index in members {
        grouped.entry(find(&chain_of, *index)).or_default().push(*index);
    }
    grouped.into_values().map(|chain| needs_first(suite, &by_id, &chain)).collect()
}

fn needs_first(suite: &Suite, by_id: &BTreeMap<&str, usize>, chain: &[usize]) -> Vec<usize> {
    fn visit(
        suite: &Suite,
        by_id: &BTreeMap<&str, usize>,
        chain: &[usize],
        index: usize,
        seen: &mut BTreeSet<usize>,
        out: &mut Vec<usize>,
    ) {
        if !chain.contains(&index) || !seen.insert(index) {
            return;
        }
        for need in &suite.tests[index].needs {
            if let Some(other) = by_id.get(need.as_str()) {
                visit(suite, by_id, chain, *other, seen, out);
            }
        }
        out.push(index);
    }
    let mut seen = BTreeSet::new();
    let mut out = Vec::with_capacity(chain.len());
    for index in chain {
        visit(suite, by_id, chain, *index, &mut seen, &mut out);
    }
    out
}
