//! Loads into shares, by image first and longest first, so that the heaviest share is light. A group of loads costs its setup once in each
//! share that has any of it. All numbers are whole, so that every host gets the same.

use std::cmp::Reverse;
use std::collections::BTreeSet;

/// What is not divided further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Load {
    pub(super) image: usize,
    /// Index into the setups.
    pub(super) group: usize,
    pub(super) cost: u64,
}

/// What a share weighs, setups included.
pub(super) fn weight(loads: &[Load], setups: &[u64], share: &[usize]) -> u64 {
    let mut groups: Vec<usize> = share.iter().map(|at| loads[*at].group).collect();
    groups.sort_unstable();
    groups.dedup();
    let setup: u64 = groups.iter().map(|group| setups[*group]).sum();
    share.iter().map(|at| loads[*at].cost).sum::<u64>().saturating_add(setup)
}

/// As many shares as wanted, none empty; there must be as many loads. Every load is in exactly one.
///
/// One limit holds for all shares, and the least is looked for with which the loads fit: each share takes what fits below it, the
/// longest first, of one group after the other. With a limit of the mean, one load and two setups they always do, so the result is no worse.
pub(super) fn divide(loads: &[Load], setups: &[u64], of: usize) -> Vec<Vec<usize>> {
    let groups = groups(loads, setups);
    let one = |at: &usize| loads[*at].cost.saturating_add(setups[loads[*at].group]);
    let longest = groups.iter().flatten().map(one).max().unwrap_or(0);
    let whole: u64 = (0..setups.len()).map(|group| setups[group]).chain(loads.iter().map(|load| load.cost)).sum();
    let (mut low, mut high) = (longest.max(whole / of as u64), whole);
    let mut best = fill(loads, setups, &groups, high, of).unwrap_or_default();
    while low < high {
        let limit = low + (high - low) / 2;
        match fill(loads, setups, &groups, limit, of) {
            Some(shares) => (best, high) = (shares, limit),
            None => low = limit + 1,
        }
    }
    best.resize(of, Vec::new());
    while let Some(empty) = best.iter().position(Vec::is_empty) {
        share_out(loads, setups, &mut best, empty);
    }
    balance(loads, setups, &mut best);
    for share in &mut best {
        share.sort_unstable();
    }
    best
}

/// The loads of each group, the longest first; groups of an image stand together, and the heaviest image is first.
fn groups(loads: &[Load], setups: &[u64]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = vec![Vec::new(); setups.len()];
    for (at, load) in loads.iter().enumerate() {
        groups[load.group].push(at);
    }
    groups.retain(|group| !group.is_empty());
    let of_image = |image: usize| loads.iter().filter(|load| load.image == image).map(|load| load.cost).sum::<u64>();
    let images = loads.iter().map(|load| load.image).max().map_or(0, |most| most + 1);
    let heavy: Vec<u64> = (0..images).map(of_image).collect();
    for group in &mut groups {
        group.sort_by_key(|at| (Reverse(loads[*at].cost), *at));
    }
    groups.sort_by_key(|group| {
        let image = loads[group[0]].image;
        (Reverse(heavy[image]), image, loads[group[0]].group)
    });
    groups
}

/// Shares of at most this weight; none where they are not enough.
fn fill(loads: &[Load], setups: &[u64], groups: &[Vec<usize>], limit: u64, of: usize) -> Option<Vec<Vec<usize>>> {
    let mut shares: Vec<Vec<usize>> = vec![Vec::new()];
    let mut taken = 0_u64;
    for group in groups {
        let mut left = group.clone();
        loop {
            let mut begun = false;
            let mut rest = Vec::new();
            for at in left {
                let setup = if begun { 0 } else { setups[loads[at].group] };
                let then = taken.saturating_add(loads[at].cost).saturating_add(setup);
                if then <= limit {
                    (taken, begun) = (then, true);
                    if let Some(share) = shares.last_mut() {
                        share.push(at);
                    }
                } else {
                    rest.push(at);
                }
            }
            if rest.is_empty() {
                break;
            }
            // What does not fit into an empty share fits into none.
            if shares.len() == of || (shares.last().is_some_and(Vec::is_empty)) {
                return None;
            }
            shares.push(Vec::new());
            (left, taken) = (rest, 0);
        }
    }
    Some(shares)
}

/// Gives a part of the heaviest share that has several loads to one that has none: the longest first, each to the lighter of both.
fn share_out(loads: &[Load], setups: &[u64], shares: &mut [Vec<usize>], empty: usize) {
    let several = (0..shares.len()).filter(|at| shares[*at].len() > 1);
    let Some(from) = several.max_by_key(|at| (weight(loads, setups, &shares[*at]), Reverse(*at))) else {
        return;
    };
    let mut all = std::mem::take(&mut shares[from]);
    all.sort_by_key(|at| (Reverse(loads[*at].cost), *at));
    let (mut here, mut there) = (Vec::new(), Vec::new());
    for at in all {
        let with = |share: &[usize]| weight(loads, setups, &[share, &[at]].concat());
        // The other one has at least one load in the end.
        let lighter =
            if with(&there) < with(&here) || (there.is_empty() && !here.is_empty()) { &mut there } else { &mut here };
        lighter.push(at);
    }
    (shares[from], shares[empty]) = (here, there);
}

/// Moves loads from the heaviest share to one that stays lighter than that, as long as there are any: a single one, the longest first, or else
/// all that the share has of a group, with which its setup goes. A move may cost another setup, of a share that has time for it.
fn balance(loads: &[Load], setups: &[u64], shares: &mut [Vec<usize>]) {
    for share in shares.iter_mut() {
        share.sort_by_key(|at| (Reverse(loads[*at].cost), *at));
    }
    // Each makes the heaviest share lighter, and as many as there are loads are more than help.
    for _ in 0..loads.len() {
        let Some((from, to, moved)) = lighter(loads, setups, shares) else { return };
        shares[from].retain(|at| !moved.contains(at));
        shares[to].extend(moved);
        shares[to].sort_by_key(|at| (Reverse(loads[*at].cost), *at));
    }
}

/// The heaviest share, a share that stays lighter than it, and the loads that go from one to the other.
fn lighter(loads: &[Load], setups: &[u64], shares: &[Vec<usize>]) -> Option<(usize, usize, Vec<usize>)> {
    let weights: Vec<u64> = shares.iter().map(|share| weight(loads, setups, share)).collect();
    let from = (0..shares.len()).max_by_key(|at| (weights[*at], Reverse(*at)))?;
    let has: Vec<BTreeSet<usize>> =
        shares.iter().map(|share| share.iter().map(|at| loads[*at].group).collect()).collect();
    let to = |moved: &[usize]| {
        let first = loads[*moved.first()?];
        let cost: u64 = moved.iter().map(|at| loads[*at].cost).sum();
        let then = |to: usize| {
            let setup = if has[to].contains(&first.group) { 0 } else { setups[first.group] };
            weights[to].saturating_add(cost).saturating_add(setup)
        };
        let others = (0..weights.len()).filter(|to| *to != from);
        let (weight, to) = others.map(|to| (then(to), to)).min()?;
        // No share becomes empty.
        (moved.len() < shares[from].len() && weight < weights[from]).then_some(to)
    };
    let single = shares[from].iter().map(|at| vec![*at]);
    let whole = has[from].iter().map(|group| {
        let of_it = shares[from].iter().copied().filter(|at| loads[*at].group == *group);
        of_it.collect::<Vec<_>>()
    });
    single.chain(whole).find_map(|moved| Some((from, to(&moved)?, moved)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shard::numbers::Numbers;

    fn made_up(numbers: &mut Numbers) -> (Vec<Load>, Vec<u64>, usize) {
        let images = 1 + numbers.below(4) as usize;
        let setups: Vec<u64> = (0..images * 2).map(|_| numbers.below(60_000)).collect();
        let count = 1 + numbers.below(300) as usize;
        let loads = (0..count).map(|_| {
            let group = numbers.below(setups.len() as u64) as usize;
            // Most are short, some are long.
            let longest = [200, 3_000, 3_000, 90_000][numbers.below(4) as usize];
            let cost = 1 + numbers.below(longest);
            Load { image: group / 2, group, cost }
        });
        let loads: Vec<Load> = loads.collect();
        let of = 1 + numbers.below(count.min(20) as u64) as usize;
        (loads, setups, of)
    }

    #[test]
    fn every_load_is_in_exactly_one_share_none_is_empty_and_none_is_much_too_heavy() {
        let mut numbers = Numbers(7);
        for round in 0..3_000 {
            let (loads, setups, of) = made_up(&mut numbers);
            let shares = divide(&loads, &setups, of);
            let mut all: Vec<usize> = shares.concat();
            all.sort_unstable();
            assert_eq!(all, (0..loads.len()).collect::<Vec<_>>(), "round {round}");
            assert_eq!((shares.len(), shares.iter().any(Vec::is_empty)), (of, false), "round {round}");
            assert_eq!(shares, divide(&loads, &setups, of), "round {round}");
            let used: Vec<u64> = (0..setups.len())
                .filter(|group| loads.iter().any(|load| load.group == *group))
                .map(|g| setups[g])
                .collect();
            let least = (used.iter().sum::<u64>() + loads.iter().map(|load| load.cost).sum::<u64>()) / of as u64;
            let (most, setup) = (loads.iter().map(|load| load.cost).max().unwrap(), used.iter().max().unwrap());
            let heaviest = shares.iter().map(|share| weight(&loads, &setups, share)).max().unwrap();
            assert!(heaviest <= least + most + 2 * setup + 1, "round {round}: {heaviest} of {least}, {most}, {setup}");
        }
    }

    #[test]
    fn an_image_is_booted_in_no_more_shares_than_its_tests_need() {
        // Two images of ten tests of a second, and boots of a minute: each stays whole.
        let loads: Vec<Load> = (0..20).map(|at| Load { image: at / 10, group: at / 10, cost: 1_000 }).collect();
        let shares = divide(&loads, &[60_000, 60_000], 2);
        assert_eq!(shares, [(0..10).collect::<Vec<_>>(), (10..20).collect()]);
        // One long test leaves the others to the other share.
        let loads = [50_000, 1_000, 1_000, 1_000].map(|cost| Load { image: 0, group: 0, cost });
        assert_eq!(divide(&loads, &[10_000], 2), [vec![0], vec![1, 2, 3]]);
        assert_eq!(divide(&loads, &[10_000], 4).iter().filter(|share| share.len() == 1).count(), 4);
    }
}
