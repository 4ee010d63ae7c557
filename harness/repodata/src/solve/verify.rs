//! Checks a found set once more, from the dependencies alone: nothing is said to install that this does not confirm.

use std::collections::BTreeSet;

use crate::arch::side_by_side;
use crate::data::List;
use crate::package::PackageId;

use super::explain::{capability, shown};
use super::formula::Formulas;
use super::rules;

/// What is wrong with a set of packages; nothing when it can be installed. What was so among installed packages before
/// is left out.
pub(super) fn fault(formulas: &Formulas<'_>, set: &BTreeSet<PackageId>, several: &[PackageId]) -> Option<String> {
    let index = formulas.index();
    let mut chosen = vec![false; index.packages()];
    set.iter().for_each(|id| chosen[id.at()] = true);
    let within = |id: PackageId| chosen[id.at()];
    let before = |id: PackageId| index.is_installed(id);
    for id in set {
        for dep in index.data().list(*id, List::Requires).iter().filter(|dep| !rules::of_rpm(index, **dep)) {
            match &*formulas.of(*dep) {
                Ok(formula) if formula.holds(&within) || (before(*id) && !formula.holds(&before)) => {}
                Err(_) if before(*id) => {}
                _ => return Some(format!("{} requires {}", shown(index, *id), capability(index, *dep))),
            }
        }
        for dep in index.data().list(*id, List::Conflicts) {
            let others = |other: PackageId| other != *id && within(other);
            let both = |other: PackageId| other != *id && before(*id) && before(other);
            match &*formulas.of(*dep) {
                Ok(formula) if !formula.holds(&others) || formula.holds(&both) => {}
                _ => return Some(format!("{} conflicts with {}", shown(index, *id), capability(index, *dep))),
            }
        }
        for (by, _) in index.obsoleters(*id) {
            if within(by) && !(before(*id) && before(by)) {
                return Some(format!("{} obsoletes {}", shown(index, by), shown(index, *id)));
            }
        }
        let stored = &index.data().packages[id.at()];
        for other in index.named_text(stored.name).iter().filter(|other| **other != *id && within(**other)) {
            let theirs = &index.data().packages[other.at()];
            let apart = (stored.evr, stored.arch) != (theirs.evr, theirs.arch) && several.binary_search(id).is_ok();
            let sided = side_by_side(index.package(*id).arch, index.package(*other).arch);
            let together = apart || sided || (before(*id) && before(*other));
            if !together {
                return Some(format!("{} and {} are of one name", shown(index, *id), shown(index, *other)));
            }
        }
    }
    None
}
