//! Why two packages need each other or cannot be together: the rules of each package, made when it is first looked at.

use crate::arch::side_by_side;
use crate::data::{DepId, List};
use crate::dependency::Dependency;
use crate::index::Index;
use crate::package::PackageId;

use super::formula::{Formula, Unsupported};
use super::sat::Lit;

/// Where a clause comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// What was wanted: its place in the request.
    Wanted(usize),
    /// An installed package stays, or something replaces it.
    Keep(PackageId),
    Requires(PackageId, DepId),
    Conflicts(PackageId, DepId),
    Obsoletes(PackageId, DepId, PackageId),
    /// Two of one name.
    SameName(PackageId, PackageId),
}

/// A clause, and where it comes from.
pub(super) type Ruled = (Vec<Lit>, Rule);

/// Capabilities of which several versions may be installed (dnf's `installonlypkgs`).
const SEVERAL: &[&str] = &[
    "kernel",
    "kernel-PAE",
    "installonlypkg(kernel)",
    "installonlypkg(kernel-module)",
    "installonlypkg(vm)",
    "multiversion(kernel)",
];

/// Packages of which several versions may be installed.
pub(super) fn several(index: &Index) -> Vec<PackageId> {
    let capability = |name: &&str| Dependency { name: (*name).to_owned(), bound: None };
    let mut all: Vec<PackageId> = SEVERAL.iter().flat_map(|name| index.providers_of(&capability(name))).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Whether a need is rpm's own matter, which no package provides.
pub(super) fn of_rpm(index: &Index, dep: DepId) -> bool {
    index.data().texts.get(index.data().deps[dep.0 as usize].name).starts_with("rpmlib(")
}

/// Whether a need is one of several capabilities.
pub(super) fn is_rich(index: &Index, dep: DepId) -> bool {
    index.data().texts.get(index.data().deps[dep.0 as usize].name).starts_with('(')
}

/// The clauses that hold when a package is installed. An installed package whose needs are not met by what is installed
/// was broken before; that does not count against anything, as in dnf.
pub(super) fn of_package(
    index: &Index,
    id: PackageId,
    several: &[PackageId],
) -> Result<Vec<Ruled>, (DepId, Unsupported)> {
    let mut rules = Vec::new();
    let mine = index.is_installed(id);
    let is_broken = |literals: &[Lit]| {
        let met = |literal: &Lit| index.is_installed(PackageId(literal.variable())) == literal.is_positive();
        mine && !literals.iter().any(met)
    };
    let begin = Lit::is_not(id.0);
    for dep in index.data().list(id, List::Requires).iter().filter(|dep| !of_rpm(index, **dep)) {
        let clauses = Formula::of(index, *dep).and_then(|formula| formula.clauses()).map_err(|why| (*dep, why))?;
        for clause in clauses.into_iter().filter(|clause| !is_broken(clause)) {
            rules.push(([vec![begin], clause].concat(), Rule::Requires(id, *dep)));
        }
    }
    for dep in index.data().list(id, List::Conflicts) {
        let formula = Formula::of(index, *dep).map_err(|why| (*dep, why))?;
        let clauses = formula.not().clauses().map_err(|why| (*dep, why))?;
        for clause in clauses.into_iter().filter(|clause| !is_broken(clause) && clause != &[begin]) {
            rules.push(([vec![begin], clause].concat(), Rule::Conflicts(id, *dep)));
        }
    }
    for dep in index.data().list(id, List::Obsoletes) {
        let name = index.data().deps[dep.0 as usize].name;
        for other in index.named_text(name).iter().filter(|other| **other != id && index.is_available(**other)) {
            let both = mine && index.is_installed(*other);
            if !both && index.obsoleters(*other).any(|(by, with)| (by, with) == (id, *dep)) {
                rules.push((vec![begin, Lit::is_not(other.0)], Rule::Obsoletes(id, *dep, *other)));
            }
        }
    }
    let stored = &index.data().packages[id.at()];
    let of_several = several.binary_search(&id).is_ok();
    for other in index.named_text(stored.name).iter().filter(|other| **other != id && index.is_available(**other)) {
        let theirs = &index.data().packages[other.at()];
        let arch = |text| index.data().texts.get(text);
        let both = mine && index.is_installed(*other);
        let different = (stored.evr, stored.arch) != (theirs.evr, theirs.arch);
        let together = both || (of_several && different) || side_by_side(arch(stored.arch), arch(theirs.arch));
        if !together {
            rules.push((vec![begin, Lit::is_not(other.0)], Rule::SameName(id, *other)));
        }
    }
    Ok(rules)
}

/// The packages that may replace an installed one: of its name, or obsoleting it.
pub(super) fn replacing(index: &Index, id: PackageId) -> Vec<PackageId> {
    let stored = &index.data().packages[id.at()];
    let arch = |id: PackageId| index.package(id).arch;
    let fits = |other: &PackageId| {
        let (one, other) = (arch(id), arch(*other));
        one == other || one == "noarch" || other == "noarch"
    };
    let same = index.named_text(stored.name).iter().copied().filter(|other| *other != id).filter(fits);
    let mut all: Vec<PackageId> = same.chain(index.obsoleters(id).map(|(by, _)| by)).collect();
    all.retain(|other| index.is_available(*other) && !index.is_installed(*other));
    all.sort_unstable();
    all.dedup();
    all
}
