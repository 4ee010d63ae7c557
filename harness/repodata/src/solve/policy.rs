//! Which of several packages is taken: as libsolv does for dnf.

use std::cmp::Ordering;

use crate::index::Index;
use crate::package::PackageId;

/// What is best comes first, and what is never taken while these are there is gone: of each name the newest only, of
/// the best architecture, without what another of them obsoletes; if some are recommended by what is chosen already,
/// only those. Names are in the order of their letters, and those of which a newer version exists elsewhere are last.
pub(super) fn best(
    index: &Index,
    mut candidates: Vec<PackageId>,
    recommended: impl Fn(PackageId) -> bool,
) -> Vec<PackageId> {
    let data = index.data();
    let stored = |id: PackageId| &data.packages[id.at()];
    if candidates.len() < 2 {
        return candidates;
    }
    let fit = candidates.iter().map(|id| stored(*id).fit).min().unwrap_or(0);
    candidates.retain(|id| stored(*id).fit == fit);
    candidates.sort_by(|one, other| {
        let by_name = match stored(*one).name == stored(*other).name {
            true => Ordering::Equal,
            false => data.texts.get(stored(*one).name).cmp(data.texts.get(stored(*other).name)),
        };
        by_name
            .then_with(|| index.newer_first(*one, *other))
            .then_with(|| index.is_installed(*other).cmp(&index.is_installed(*one)))
            .then(one.cmp(other))
    });
    candidates.dedup_by(|later, earlier| {
        stored(*later).name == stored(*earlier).name && index.newer_first(*earlier, *later) != Ordering::Equal
    });
    if candidates.len() > 1 {
        let all = candidates.clone();
        let obsolete = |id: &PackageId| index.obsoleters(*id).any(|(by, _)| all.contains(&by));
        candidates.retain(|id| !obsolete(id));
        if candidates.is_empty() {
            candidates = all;
        }
    }
    if candidates.len() < 2 {
        return candidates;
    }
    if candidates.iter().any(|id| recommended(*id)) {
        candidates.retain(|id| recommended(*id));
    }
    let outdated = |id: &PackageId| {
        let newest = index.named_text(stored(*id).name).iter().find(|other| index.is_available(**other));
        newest.is_some_and(|newest| index.newer_first(*newest, *id) == Ordering::Less)
    };
    candidates.sort_by_key(outdated);
    candidates
}
