//! The search: which package is decided next, and what follows.
//!
//! Only packages that come into question get rules, so that one request costs what it touches and not what the
//! repositories hold. Rules and what was learned stay for the next request. The order of decisions is libsolv's: what is
//! wanted, what is installed, what these need (first where there is no choice), and last what is only recommended.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap, HashSet};

use crate::data::{DepId, List};
use crate::index::Index;
use crate::numbers::Seeded;
use crate::package::PackageId;

use super::formula::{Formula, Formulas};
use super::policy;
use super::rules::{self, Rule};
use super::sat::{ClauseId, Lit, Sat};

/// How many conflicts one request may have. Real ones have some dozens.
const CONFLICTS: usize = 20_000;
/// How many literals are kept from one request to the next.
const WEIGHT: usize = 40_000_000;
/// Installed packages that dnf never removes.
const PROTECTED: &[&str] = &["dnf", "dnf5", "libdnf5", "yum", "sudo", "systemd", "systemd-udev", "setup"];

/// Solves requests of one index, one after the other.
#[derive(Debug)]
pub struct Solver<'i> {
    pub(super) index: &'i Index,
    sat: Sat,
    pub(super) rules: Vec<Rule>,
    /// What is recommended, and what found sets are checked with.
    pub(super) formulas: Formulas<'i>,
    /// For each package, the clauses of what it requires, once it has rules.
    expanded: HashMap<PackageId, Vec<Needed>, Seeded>,
    /// Packages with a dependency that is not understood: they are never chosen.
    pub(super) unsupported: HashMap<PackageId, (DepId, &'static str)>,
    pub(super) several: Vec<PackageId>,
    pub(super) installed: Vec<PackageId>,
    /// True where installed packages must stay, and for each of them alone: variables.
    keep: HashMap<PackageId, u32>,
    /// How much of the trail has been looked at for packages without rules.
    looked: usize,
    /// Clauses of what is required that were not fulfilled when they were last looked at, of so much of the trail.
    pending: Vec<ClauseId>,
    /// What these and those that were fulfilled require: one clause speaks for all packages with the same need.
    seen: HashSet<DepId, Seeded>,
    scanned: usize,
    /// How many jobs are fulfilled, how many installed packages decided.
    jobs_done: usize,
    installed_done: usize,
}

/// A clause of what a package requires; and what that is, where no other clause comes of it.
type Needed = (ClauseId, Option<DepId>);

/// How a clause stands.
enum State {
    Fulfilled,
    /// A package whose absence fulfils it is not decided; what is not decided is not installed in the end.
    Waits,
    /// One of these must be chosen.
    Open(Vec<PackageId>),
}

/// One thing that is wanted: its place in the request, and the packages of which one is installed.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) place: usize,
    pub(super) candidates: Vec<PackageId>,
}

/// How a search ended.
#[derive(Debug)]
pub(super) enum Found {
    /// The chosen packages, installed ones that stay among them; and those that only weak dependencies brought.
    Set(BTreeSet<PackageId>, Vec<PackageId>),
    /// The rules that contradict each other.
    Contradiction(Vec<Rule>),
    /// Too many conflicts.
    Exhausted,
}

impl<'i> Solver<'i> {
    /// For requests of this index.
    pub fn new(index: &'i Index) -> Self {
        let mut solver = Self {
            index,
            sat: Sat::default(),
            rules: Vec::new(),
            formulas: Formulas::new(index),
            expanded: HashMap::default(),
            unsupported: HashMap::new(),
            several: rules::several(index),
            installed: index.installed().collect(),
            keep: HashMap::new(),
            looked: 0,
            pending: Vec::new(),
            seen: HashSet::default(),
            scanned: 0,
            jobs_done: 0,
            installed_done: 0,
        };
        solver.reset();
        solver
    }

    fn reset(&mut self) {
        self.sat = Sat::default();
        self.sat.variables(self.index.packages());
        self.rules.clear();
        self.formulas.clear();
        self.expanded.clear();
        self.keep.clear();
        self.undone();
        for id in self.installed.clone() {
            let variable = self.variable();
            self.keep.insert(id, variable);
            let mut clause = vec![Lit::is_not(variable), Lit::is(id.0)];
            clause.extend(rules::replacing(self.index, id).into_iter().map(|other| Lit::is(other.0)));
            // Nothing is decided yet, so nothing can break.
            let _ = self.add(&clause, Rule::Keep(id));
        }
    }

    /// Decisions were taken back: what was done is looked at again.
    fn undone(&mut self) {
        let left = self.sat.take_lowest();
        self.looked = self.looked.min(left);
        // What fulfilled a need may stand later in the trail than the need, so all are looked at again.
        (self.scanned, self.jobs_done, self.installed_done) = (0, 0, 0);
        self.pending.clear();
        self.seen.clear();
    }

    fn variable(&mut self) -> u32 {
        let next = self.sat.count();
        self.sat.variables(next + 1);
        next as u32
    }

    fn add(&mut self, clause: &[Lit], rule: Rule) -> Result<Option<ClauseId>, ClauseId> {
        let number = self.rules.len() as u32;
        self.rules.push(rule);
        self.sat.add(clause, number)
    }

    /// Searches a set that has one of each job.
    pub(super) fn search(&mut self, jobs: &[Job], weak: bool, erasing: bool) -> Found {
        self.sat.back_to(0);
        self.undone();
        if self.sat.weight() > WEIGHT {
            self.reset();
        }
        let mut assumptions = Vec::new();
        let mut clauses = Vec::new();
        for job in jobs {
            let variable = self.variable();
            let mut clause = vec![Lit::is_not(variable)];
            clause.extend(job.candidates.iter().map(|id| Lit::is(id.0)));
            if let Ok(Some(id)) = self.add(&clause, Rule::Wanted(job.place)) {
                clauses.push(id);
            }
            assumptions.push(Lit::is(variable));
        }
        for id in &self.installed {
            if !erasing || PROTECTED.contains(&self.index.package(*id).name) {
                assumptions.push(Lit::is(self.keep[id]));
            }
        }
        let found = self.run(&assumptions, &clauses, weak);
        self.sat.back_to(0);
        self.undone();
        // What was wanted is no more: its clause is true from now on.
        for literal in assumptions.iter().take(jobs.len()) {
            let variable = literal.variable();
            if self.sat.is_open(variable) {
                let _ = self.sat.add(&[Lit::is_not(variable)], u32::MAX);
            }
        }
        found
    }

    fn run(&mut self, assumptions: &[Lit], jobs: &[ClauseId], weak: bool) -> Found {
        let mut conflicts = 0;
        let mut chosen_weakly: Vec<(usize, PackageId)> = Vec::new();
        loop {
            while let Some(broken) = self.propagate() {
                conflicts += 1;
                if conflicts > CONFLICTS {
                    return Found::Exhausted;
                }
                if !self.sat.learn(broken) {
                    // Never: a set without any package fulfils every rule of packages.
                    return Found::Contradiction(Vec::new());
                }
                self.undone();
                let level = self.sat.level();
                chosen_weakly.retain(|(at, _)| *at <= level);
            }
            if let Some(assumption) = assumptions.get(self.sat.level()) {
                match self.sat.value(*assumption) {
                    Some(true) => self.sat.begin_level(),
                    None => self.sat.decide(*assumption),
                    Some(false) => return Found::Contradiction(self.why_false(*assumption)),
                }
                continue;
            }
            if let Some(next) = self.next(jobs) {
                self.choose(next);
                continue;
            }
            match self.next_weak().filter(|_| weak) {
                Some(next) => {
                    chosen_weakly.push((self.sat.level() + 1, next));
                    self.choose(next);
                }
                None => return Found::Set(self.chosen(), self.weak_only(&chosen_weakly)),
            }
        }
    }

    fn why_false(&self, literal: Lit) -> Vec<Rule> {
        let numbers = self.sat.why_false(literal);
        numbers.into_iter().filter_map(|number| self.rules.get(number as usize).copied()).collect()
    }

    fn package_of(&self, literal: Lit) -> Option<PackageId> {
        (literal.is_positive() && (literal.variable() as usize) < self.index.packages())
            .then_some(PackageId(literal.variable()))
    }

    fn choose(&mut self, id: PackageId) {
        // Its rules may already say that it cannot be: then nothing is decided, and the next round looks again.
        if self.expand(id).is_some() || !self.sat.is_open(id.0) {
            return;
        }
        self.sat.decide(Lit::is(id.0));
    }

    /// Draws what follows, with the rules of every package that becomes true.
    fn propagate(&mut self) -> Option<ClauseId> {
        loop {
            if let Some(broken) = self.sat.propagate() {
                return Some(broken);
            }
            let literal = self.sat.trail().get(self.looked).copied()?;
            self.looked += 1;
            if let Some(id) = self.package_of(literal)
                && let Some(broken) = self.expand(id)
            {
                return Some(broken);
            }
        }
    }

    /// Gives a package its rules, if it has none yet; the clause that the assignment breaks, if one does.
    fn expand(&mut self, id: PackageId) -> Option<ClauseId> {
        if self.expanded.contains_key(&id) {
            return None;
        }
        let mut required: Vec<Needed> = Vec::new();
        let mut broken = None;
        let index = self.index;
        let alone = |dep: DepId| (!rules::is_rich(index, dep)).then_some(dep);
        match rules::of_package(self.index, id, &self.several) {
            Ok(ruled) => {
                for (clause, rule) in ruled {
                    match self.add(&clause, rule) {
                        Ok(Some(added)) => {
                            if let Rule::Requires(_, dep) = rule {
                                required.push((added, alone(dep)));
                            }
                        }
                        Ok(None) => {}
                        Err(at) => {
                            if let Rule::Requires(_, dep) = rule {
                                required.push((at, alone(dep)));
                            }
                            broken = broken.or(Some(at));
                        }
                    }
                }
            }
            // An installed package is there, whatever it says.
            Err(_) if self.index.is_installed(id) => {}
            Err((dep, why)) => {
                self.unsupported.insert(id, (dep, why.0));
                broken = self.add(&[Lit::is_not(id.0)], Rule::Requires(id, dep)).err();
            }
        }
        self.expanded.insert(id, required);
        broken
    }

    fn state(&self, clause: ClauseId) -> State {
        let mut open = Vec::new();
        let mut waits = false;
        for literal in self.sat.literals(clause) {
            match self.sat.value(*literal) {
                Some(true) => return State::Fulfilled,
                Some(false) => {}
                None if !literal.is_positive() => waits = true,
                None => open.extend(self.package_of(*literal)),
            }
        }
        if waits || open.is_empty() { State::Waits } else { State::Open(open) }
    }

    /// The next package to decide for, of what must be.
    fn next(&mut self, jobs: &[ClauseId]) -> Option<PackageId> {
        let recommended = OnceCell::new();
        while let Some(job) = jobs.get(self.jobs_done) {
            if let State::Open(open) = self.state(*job) {
                return self.best(open, &recommended).first().copied();
            }
            self.jobs_done += 1;
        }
        while let Some(id) = self.installed.get(self.installed_done) {
            if self.sat.is_open(id.0) {
                return Some(*id);
            }
            self.installed_done += 1;
        }
        let (mut one, mut later) = (None, None);
        let mut pending = std::mem::take(&mut self.pending);
        let mut seen = std::mem::take(&mut self.seen);
        pending.retain(|clause| one.is_some() || self.is_pending(*clause, &recommended, &mut one, &mut later));
        while one.is_none()
            && let Some(literal) = self.sat.trail().get(self.scanned)
        {
            let clauses = self.package_of(*literal).and_then(|id| self.expanded.get(&id));
            for (clause, dep) in clauses.into_iter().flatten() {
                let is_new = dep.is_none_or(|dep| seen.insert(dep));
                if is_new && self.is_pending(*clause, &recommended, &mut one, &mut later) {
                    pending.push(*clause);
                }
            }
            self.scanned += 1;
        }
        (self.pending, self.seen) = (pending, seen);
        one.or(later)
    }

    /// Whether a clause is not fulfilled yet. Notes what it would choose: where there is no choice, and where there is.
    fn is_pending(
        &self,
        clause: ClauseId,
        recommended: &OnceCell<HashSet<PackageId>>,
        one: &mut Option<PackageId>,
        later: &mut Option<PackageId>,
    ) -> bool {
        match self.state(clause) {
            State::Fulfilled => return false,
            State::Waits => {}
            State::Open(open) => match self.best(open, recommended).as_slice() {
                [only] => *one = one.or(Some(*only)),
                [first, ..] => *later = later.or(Some(*first)),
                [] => {}
            },
        }
        true
    }

    /// `recommended` is filled where that is of use, and holds until something is decided.
    fn best(&self, open: Vec<PackageId>, recommended: &OnceCell<HashSet<PackageId>>) -> Vec<PackageId> {
        let is_recommended = |id| recommended.get_or_init(|| self.recommended()).contains(&id);
        policy::best(self.index, open, is_recommended)
    }

    fn new_packages(&self) -> impl Iterator<Item = PackageId> + '_ {
        let true_ones = self.sat.trail().iter().filter_map(|literal| self.package_of(*literal));
        true_ones.filter(|id| !self.index.is_installed(*id))
    }

    /// What the chosen packages recommend.
    fn recommended(&self) -> HashSet<PackageId> {
        let mut all = HashSet::new();
        for id in self.new_packages() {
            for dep in self.index.data().list(id, List::Recommends) {
                if let Ok(Formula::Some(packages)) = &*self.formulas.of(*dep) {
                    all.extend(packages);
                }
            }
        }
        all
    }

    /// The next package to decide for, of what only should be.
    fn next_weak(&self) -> Option<PackageId> {
        let is_true = |id: PackageId| self.sat.is_true(id.0);
        let recommended = OnceCell::new();
        let best = |open: Vec<PackageId>| self.best(open, &recommended).first().copied();
        for id in self.new_packages() {
            for dep in self.index.data().list(id, List::Recommends) {
                let formula = self.formulas.of(*dep);
                let Ok(formula) = &*formula else { continue };
                if formula.holds(&is_true) {
                    continue;
                }
                let mut open: Vec<PackageId> = positive(formula);
                open.retain(|id| self.sat.is_open(id.0));
                if let Some(next) = best(open) {
                    return Some(next);
                }
            }
        }
        let new: HashSet<PackageId> = self.new_packages().collect();
        let mut open = Vec::new();
        for id in self.index.supplementing.iter().filter(|id| self.sat.is_open(id.0) && self.index.is_available(**id)) {
            let wants = self.index.data().list(*id, List::Supplements).iter().any(|dep| {
                let formula = self.formulas.of(*dep);
                let Ok(formula) = &*formula else { return false };
                // One that what was installed before calls for already was left out on purpose.
                let before = |id: PackageId| self.index.is_installed(id) && !new.contains(&id);
                formula.holds(&is_true) && !formula.holds(&before)
            });
            if wants {
                open.push(*id);
            }
        }
        best(open)
    }

    fn chosen(&self) -> BTreeSet<PackageId> {
        self.sat.trail().iter().filter_map(|literal| self.package_of(*literal)).collect()
    }

    /// What weak decisions brought, with what these need: everything decided after the first of them.
    fn weak_only(&self, decisions: &[(usize, PackageId)]) -> Vec<PackageId> {
        let Some(first) = decisions.iter().map(|(_, id)| *id).find(|id| self.sat.is_true(id.0)) else {
            return Vec::new();
        };
        let after =
            self.sat.trail().iter().filter_map(|literal| self.package_of(*literal)).skip_while(|id| *id != first);
        after.collect()
    }
}

/// The packages that would fulfil a formula.
fn positive(formula: &Formula) -> Vec<PackageId> {
    match formula {
        Formula::Some(packages) => packages.clone(),
        Formula::None(_) => Vec::new(),
        Formula::All(parts) | Formula::Any(parts) => parts.iter().flat_map(positive).collect(),
    }
}
