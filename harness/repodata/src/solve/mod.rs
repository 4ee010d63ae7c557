//! Which packages install together.

mod explain;
mod formula;
mod policy;
pub mod request;
mod rules;
mod sat;
mod search;
mod spec;
mod verify;

use std::collections::BTreeSet;

use muster_base::text::one_line;

use crate::index::Index;
use crate::package::PackageId;

use explain::{capability, shown};
pub use request::{Problem, Request, Solution, Transaction, Wanted};
use rules::Rule;
pub use search::Solver;
use search::{Found, Job};

/// Problems that are described of one request.
const PROBLEMS: usize = 50;

impl Index {
    /// Whether what is wanted installs together, on top of what is installed. For many requests, one [`Solver`] is
    /// faster.
    pub fn solve(&self, request: &Request) -> Solution {
        Solver::new(self).solve(request)
    }
}

impl Solver<'_> {
    /// Whether what is wanted installs together, on top of what is installed.
    ///
    /// It never says that something installs which dnf would refuse: a found set is checked again from the dependencies
    /// alone, a dependency that is not understood and a path whose owner is not known ([`crate::Interest`]) count as not
    /// there, and where the answer hangs on one it is [`Solution::Undecided`]. Priorities of repositories and vendors
    /// are not known here, nor files that two packages own differently.
    pub fn solve(&mut self, request: &Request) -> Solution {
        let index = self.index;
        let mut problems = Vec::new();
        let mut jobs = Vec::new();
        let mut unknown = Vec::new();
        for (place, wanted) in request.install.iter().enumerate() {
            match spec::candidates(index, wanted, request.best) {
                Ok(each) => jobs.extend(each.into_iter().map(|candidates| Job { place, candidates })),
                Err(_) if matches!(wanted, Wanted::Spec(path) if path.starts_with('/') && !index.covers(path)) => {
                    let what = spec::shown_wanted(index, wanted);
                    unknown.push(format!("{what} is wanted, whose owner was not looked for"));
                }
                Err(sentence) => problems.push(Problem { wanted: vec![place], chain: vec![sentence] }),
            }
        }
        if problems.is_empty() && !unknown.is_empty() {
            return Solution::Undecided(unknown);
        }
        if !problems.is_empty() {
            // What else is wrong is said too, of what is left.
            self.contradictions(&mut jobs, request, &mut problems);
            return Solution::Impossible(problems);
        }
        match self.search(&jobs, request.weak, request.allow_erasing) {
            Found::Set(set, weak) => match verify::fault(&self.formulas, &set, &self.several) {
                None => Solution::Installs(self.transaction(&set, weak)),
                Some(fault) => Solution::Undecided(vec![format!("the set that was found does not hold: {fault}")]),
            },
            Found::Exhausted => Solution::Undecided(vec!["the search had too many conflicts".to_owned()]),
            Found::Contradiction(rules) => {
                let unknown = self.unknown(&rules);
                if !unknown.is_empty() {
                    return Solution::Undecided(unknown);
                }
                self.contradictions(&mut jobs, request, &mut problems);
                Solution::Impossible(problems)
            }
        }
    }

    /// Describes what stands against the jobs: of each contradiction the last one that takes part is left out, and the
    /// rest searched again.
    fn contradictions(&mut self, jobs: &mut Vec<Job>, request: &Request, problems: &mut Vec<Problem>) {
        while problems.len() < PROBLEMS {
            let Found::Contradiction(rules) = self.search(jobs, false, request.allow_erasing) else { return };
            let places: BTreeSet<usize> = rules
                .iter()
                .filter_map(|rule| match rule {
                    Rule::Wanted(place) => Some(*place),
                    _ => None,
                })
                .collect();
            let index = self.index;
            let chain = explain::chain(index, &rules, |place| {
                let ids: Vec<PackageId> =
                    jobs.iter().filter(|job| job.place == place).flat_map(|job| job.candidates.clone()).collect();
                let wanted = spec::shown_wanted(index, &request.install[place]);
                let first = ids.first().map_or_else(String::new, |id| format!(": {}", shown(index, *id)));
                (format!("{wanted} is wanted{first}"), ids)
            });
            let Some(last) = places.last().copied() else { return };
            jobs.retain(|job| job.place != last);
            problems.push(Problem { wanted: places.into_iter().collect(), chain });
        }
    }

    /// What a contradiction rests on that is not known: sentences.
    fn unknown(&self, rules: &[Rule]) -> Vec<String> {
        let index = self.index;
        let mut unknown = BTreeSet::new();
        let mut nothing_provides = false;
        for rule in rules {
            let Rule::Requires(id, dep) = rule else { continue };
            if let Some((dep, why)) = self.unsupported.get(id) {
                let what = capability(index, *dep);
                unknown
                    .insert(format!("{} has the dependency {what}, which is not understood: {why}", shown(index, *id)));
                continue;
            }
            let dependency = index.data().dependency(*dep);
            let mut names = vec![dependency.name.clone()];
            if let Some(Ok(rich)) = dependency.rich() {
                names.clear();
                rich.each_name(&mut |name| names.push(name.to_owned()));
            } else {
                nothing_provides |= index.providers_of(&dependency).is_empty();
            }
            for path in names.iter().filter(|name| name.starts_with('/') && !index.covers(name)) {
                let path = one_line(path, 200);
                unknown.insert(format!("{} requires {path}, whose owner was not looked for", shown(index, *id)));
            }
        }
        if nothing_provides && !index.partial().is_empty() {
            let count = index.partial().len();
            unknown.insert(format!("what {count} installed packages provide is not known, which no repository has"));
        }
        unknown.into_iter().collect()
    }

    fn transaction(&self, set: &BTreeSet<PackageId>, weak: Vec<PackageId>) -> Transaction {
        let index = self.index;
        let mut transaction = Transaction::default();
        let by_name = |one: &PackageId, other: &PackageId| {
            index.package(*one).name.cmp(index.package(*other).name).then(one.cmp(other))
        };
        let mut new: Vec<PackageId> = set.iter().copied().filter(|id| !index.is_installed(*id)).collect();
        new.sort_by(by_name);
        let mut gone: Vec<PackageId> = self.installed.iter().copied().filter(|id| !set.contains(id)).collect();
        gone.sort_by(by_name);
        for id in &new {
            transaction.download = transaction.download.saturating_add(index.package(*id).download_size);
            transaction.installed = transaction.installed.saturating_add_unsigned(index.package(*id).installed_size);
        }
        for id in &gone {
            transaction.installed = transaction.installed.saturating_sub_unsigned(index.package(*id).installed_size);
        }
        for id in new {
            let name = index.package(id).name;
            match gone.iter().position(|old| index.package(*old).name == name) {
                Some(at) => transaction.upgrade.push((gone.remove(at), id)),
                None => transaction.install.push(id),
            }
        }
        transaction.remove = gone;
        transaction.weak = weak.into_iter().filter(|id| transaction.install.contains(id)).collect();
        transaction.weak.sort_by(by_name);
        transaction
    }
}

#[cfg(test)]
#[path = "solve_tests.rs"]
mod tests;
