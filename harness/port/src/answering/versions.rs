//! Versions of packages, and the names of several.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use muster_base::Relation;
use muster_base::evr::Evr;

use crate::metadata::Package;

/// Orders two texts `[epoch:]version[-release]` as rpm does; what is none comes first.
pub(super) fn compare(one: &str, other: &str) -> Ordering {
    match (Evr::parse(one), Evr::parse(other)) {
        (Some(one), Some(other)) => one.compare(&other),
        (one, other) => one.is_some().cmp(&other.is_some()),
    }
}

/// Whether a version is one that is asked for.
pub(super) fn meets(evr: &str, relation: Relation, wanted: &str) -> bool {
    let (Some(evr), Some(wanted)) = (Evr::parse(evr), Evr::parse(wanted)) else { return false };
    let order = evr.compare(&wanted);
    match relation {
        Relation::Less => order == Ordering::Less,
        Relation::AtMost => order != Ordering::Greater,
        Relation::Equal => order == Ordering::Equal,
        Relation::AtLeast => order != Ordering::Less,
        Relation::Greater => order == Ordering::Greater,
    }
}

/// The newest of some packages.
pub(super) fn newest(packages: impl IntoIterator<Item = Package>) -> Option<Package> {
    packages.into_iter().max_by(|one, other| compare(&one.evr, &other.evr).then_with(|| one.cmp(other)))
}

/// The names of some packages, each once, in order.
pub(super) fn names<'p>(packages: impl IntoIterator<Item = &'p Package>) -> Vec<String> {
    let names: BTreeSet<&str> = packages.into_iter().map(|package| package.name.as_str()).collect();
    names.into_iter().map(str::to_owned).collect()
}
