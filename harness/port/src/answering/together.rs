//! What the chain installs, resolved together.

use std::collections::HashMap;

use muster_chain::Need;
use muster_repodata::{PackageId, Wanted};

use super::context::{Context, Resolved};
use super::found::Found;
use crate::metadata::Solved;
use crate::sum::Installation;

/// What is installed apart from the rest.
struct Stage<'f> {
    within: Option<&'f str>,
    required: Vec<&'f (String, Wanted)>,
    /// What the chain goes on without.
    optional: Vec<&'f (String, Wanted)>,
}

/// Resolves what was found, stage by stage, with what edits add.
pub(super) fn resolve(
    context: &Context<'_>,
    needs: &[Need],
    found: &[Option<Found>],
    added: &[(Option<String>, String)],
) -> Vec<Resolved> {
    // In the order of the file.
    let mut stages: Vec<Stage<'_>> = Vec::new();
    let mut numbers = HashMap::new();
    for (need, found) in needs.iter().zip(found) {
        let Some(found) = found.as_ref().filter(|found| !found.wanted.is_empty()) else { continue };
        let within = context.stage(need);
        let number = *numbers.entry(within).or_insert_with(|| {
            stages.push(Stage { within, required: Vec::new(), optional: Vec::new() });
            stages.len() - 1
        });
        let stage = &mut stages[number];
        if need.optional { &mut stage.optional } else { &mut stage.required }.extend(&found.wanted);
    }
    let one = |Stage { within: stage, required, optional }: Stage<'_>| {
        let extra: Vec<(String, Wanted)> = added
            .iter()
            .filter(|(within, _)| within.as_deref() == stage)
            .map(|(_, name)| (name.clone(), Wanted::Spec(name.clone())))
            .collect();
        let mut wanted: Vec<(String, Wanted)> = required.into_iter().cloned().chain(extra).collect();
        let required = wanted.len();
        wanted.extend(optional.into_iter().cloned());
        let solve =
            |wanted: &[(String, Wanted)]| context.index().solve(wanted.iter().map(|(_, one)| one.clone()).collect());
        let mut solved = solve(&wanted);
        // The chain goes on without what is optional.
        if matches!(solved, Solved::Impossible(_)) && wanted.len() > required {
            wanted.truncate(required);
            solved = solve(&wanted);
        }
        let mut names: Vec<String> = wanted.iter().map(|(name, _)| name.clone()).collect();
        names.sort();
        names.dedup();
        let named = || wanted.iter().filter_map(|(_, wanted)| context.index().best(wanted)).collect();
        let mut installation =
            Installation { within: stage.map(str::to_owned), wanted: names, ..Installation::default() };
        let install = match solved {
            Solved::Installs(transaction) => {
                let label = |id: &PackageId| context.index().package(*id).label();
                installation.packages = transaction.install.len() + transaction.upgrade.len();
                installation.bytes = transaction.installed;
                installation.download = transaction.download;
                let upgrades = transaction.upgrade.iter().map(|(old, new)| format!("{} → {}", label(old), label(new)));
                installation.replaces = upgrades.collect();
                installation.removes = transaction.remove.iter().map(label).collect();
                transaction.install.into_iter().chain(transaction.upgrade.into_iter().map(|(_, new)| new)).collect()
            }
            Solved::Impossible(problems) => {
                installation.problems = problems;
                named()
            }
            Solved::Undecided(why) => {
                installation.unknown = Some(why);
                named()
            }
        };
        Resolved { installation, install }
    };
    stages.into_iter().map(one).collect()
}
