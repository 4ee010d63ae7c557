//! Clauses and an assignment that fulfils them: conflict-driven clause learning with two watched literals (Eén and
//! Sörensson, *An Extensible SAT-solver*, 2003). Clauses may be added at any moment; who decides, and what, is above.

use std::collections::BTreeSet;

/// A variable that is true, or one that is false.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Lit(u32);

impl Lit {
    pub(super) fn is(variable: u32) -> Self {
        Self(variable << 1)
    }

    pub(super) fn is_not(variable: u32) -> Self {
        Self(variable << 1 | 1)
    }

    pub(super) fn variable(self) -> u32 {
        self.0 >> 1
    }

    pub(super) fn is_positive(self) -> bool {
        self.0 & 1 == 0
    }

    fn not(self) -> Self {
        Self(self.0 ^ 1)
    }

    fn at(self) -> usize {
        self.0 as usize
    }
}

/// A clause: its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ClauseId(pub(super) u32);

const NO_REASON: u32 = u32::MAX;

/// Where a clause comes from.
#[derive(Debug, Clone)]
enum Origin {
    /// From above, under this number.
    Given(u32),
    /// Learned, from these clauses.
    Learned(Vec<ClauseId>),
}

/// The clauses and the present assignment.
#[derive(Debug, Default)]
pub(super) struct Sat {
    literals: Vec<Lit>,
    /// From where to where in `literals`.
    clauses: Vec<(u32, u32)>,
    origins: Vec<Origin>,
    watches: Vec<Vec<ClauseId>>,
    values: Vec<Option<bool>>,
    levels: Vec<u32>,
    reasons: Vec<u32>,
    trail: Vec<Lit>,
    level_starts: Vec<usize>,
    head: usize,
    /// How short the trail has been since [`Sat::take_lowest`].
    lowest: usize,
    /// Clauses of one literal that were added above level 0, and are not there yet.
    units: Vec<(Lit, ClauseId)>,
    seen: Vec<bool>,
}

impl Sat {
    /// Makes sure that variables below this number are there.
    pub(super) fn variables(&mut self, count: usize) {
        if self.values.len() < count {
            self.watches.resize_with(count * 2, Vec::new);
            self.values.resize(count, None);
            self.levels.resize(count, 0);
            self.reasons.resize(count, NO_REASON);
            self.seen.resize(count, false);
        }
    }

    pub(super) fn count(&self) -> usize {
        self.values.len()
    }

    /// How many literals all clauses have.
    pub(super) fn weight(&self) -> usize {
        self.literals.len()
    }

    pub(super) fn value(&self, literal: Lit) -> Option<bool> {
        self.values[literal.variable() as usize].map(|value| value == literal.is_positive())
    }

    pub(super) fn is_true(&self, variable: u32) -> bool {
        self.values[variable as usize] == Some(true)
    }

    pub(super) fn is_open(&self, variable: u32) -> bool {
        self.values[variable as usize].is_none()
    }

    pub(super) fn level(&self) -> usize {
        self.level_starts.len()
    }

    pub(super) fn trail(&self) -> &[Lit] {
        &self.trail
    }

    /// How much of the trail is as it was when this was called last.
    pub(super) fn take_lowest(&mut self) -> usize {
        std::mem::replace(&mut self.lowest, usize::MAX).min(self.trail.len())
    }

    pub(super) fn literals(&self, clause: ClauseId) -> &[Lit] {
        let (from, to) = self.clauses[clause.0 as usize];
        &self.literals[from as usize..to as usize]
    }

    fn is_true_lit(&self, literal: Lit) -> bool {
        self.value(literal) == Some(true)
    }

    /// Adds a clause. `Ok(None)` when it is always true; `Err` when it is false now, and stays stored.
    pub(super) fn add(&mut self, literals: &[Lit], origin: u32) -> Result<Option<ClauseId>, ClauseId> {
        let mut sorted = literals.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.windows(2).any(|pair| pair[0].not() == pair[1]) {
            return Ok(None);
        }
        let id = self.store(sorted, Origin::Given(origin));
        match self.literals(id) {
            [] => Err(id),
            [one] => {
                let one = *one;
                if self.level() > 0 {
                    self.units.push((one, id));
                }
                match self.value(one) {
                    Some(true) => Ok(Some(id)),
                    Some(false) => Err(id),
                    None => {
                        self.enqueue(one, id);
                        Ok(Some(id))
                    }
                }
            }
            [first, second, ..] => {
                let (first, second) = (*first, *second);
                match (self.value(first), self.value(second)) {
                    (Some(false), _) => Err(id),
                    (None, Some(false)) => {
                        self.enqueue(first, id);
                        Ok(Some(id))
                    }
                    _ => Ok(Some(id)),
                }
            }
        }
    }

    /// Stores a clause with the two literals in front that become false last, which are watched.
    fn store(&mut self, mut literals: Vec<Lit>, origin: Origin) -> ClauseId {
        let rank = |literal: &Lit| match self.value(*literal) {
            Some(true) => (0, 0),
            None => (1, 0),
            Some(false) => (2, u32::MAX - self.levels[literal.variable() as usize]),
        };
        for front in 0..literals.len().min(2) {
            let best = (front..literals.len()).min_by_key(|at| rank(&literals[*at]));
            literals.swap(front, best.unwrap_or(front));
        }
        let id = ClauseId(self.clauses.len() as u32);
        if let [first, second, ..] = literals[..] {
            self.watches[first.at()].push(id);
            self.watches[second.at()].push(id);
        }
        let from = self.literals.len() as u32;
        self.literals.extend(literals);
        self.clauses.push((from, self.literals.len() as u32));
        self.origins.push(origin);
        id
    }

    fn enqueue(&mut self, literal: Lit, reason: ClauseId) {
        self.assign(literal, reason.0);
    }

    fn assign(&mut self, literal: Lit, reason: u32) {
        let variable = literal.variable() as usize;
        debug_assert!(self.values[variable].is_none());
        self.values[variable] = Some(literal.is_positive());
        self.levels[variable] = self.level() as u32;
        self.reasons[variable] = reason;
        self.trail.push(literal);
    }

    /// Begins a level, with nothing decided yet.
    pub(super) fn begin_level(&mut self) {
        self.level_starts.push(self.trail.len());
    }

    /// Begins a level with this literal.
    pub(super) fn decide(&mut self, literal: Lit) {
        self.begin_level();
        self.assign(literal, NO_REASON);
    }

    /// Undoes every level above this one.
    pub(super) fn back_to(&mut self, level: usize) {
        let Some(start) = self.level_starts.get(level).copied() else { return };
        for literal in self.trail.drain(start..) {
            self.values[literal.variable() as usize] = None;
        }
        self.level_starts.truncate(level);
        self.head = self.head.min(start);
        self.lowest = self.lowest.min(start);
        if level == 0 {
            // From here on these stay.
            for (literal, id) in std::mem::take(&mut self.units) {
                if self.value(literal).is_none() {
                    self.enqueue(literal, id);
                }
            }
        } else {
            for (literal, id) in self.units.clone() {
                if self.value(literal).is_none() {
                    self.enqueue(literal, id);
                }
            }
        }
    }

    /// Draws what follows from the assignment; the clause that it breaks, if one is.
    pub(super) fn propagate(&mut self) -> Option<ClauseId> {
        while self.head < self.trail.len() {
            let falsified = self.trail[self.head].not();
            self.head += 1;
            let mut watching = std::mem::take(&mut self.watches[falsified.at()]);
            let (mut read, mut write, mut broken) = (0, 0, None);
            'clauses: while read < watching.len() {
                let id = watching[read];
                read += 1;
                let (from, to) = self.clauses[id.0 as usize];
                let (from, to) = (from as usize, to as usize);
                if self.literals[from] == falsified {
                    self.literals.swap(from, from + 1);
                }
                let other = self.literals[from];
                if self.is_true_lit(other) {
                    watching[write] = id;
                    write += 1;
                    continue;
                }
                for at in from + 2..to {
                    let literal = self.literals[at];
                    if self.value(literal) != Some(false) {
                        self.literals.swap(from + 1, at);
                        self.watches[literal.at()].push(id);
                        continue 'clauses;
                    }
                }
                watching[write] = id;
                write += 1;
                match self.value(other) {
                    None => self.enqueue(other, id),
                    _ => {
                        broken = Some(id);
                        break;
                    }
                }
            }
            watching.copy_within(read.., write);
            let kept = write + watching.len() - read;
            watching.truncate(kept);
            // Clauses that found another literal never watch this one again here, so the list is ours alone.
            self.watches[falsified.at()] = watching;
            if broken.is_some() {
                return broken;
            }
        }
        None
    }

    /// Learns from a broken clause and goes back to where that makes a difference. False when it is broken whatever is
    /// decided.
    pub(super) fn learn(&mut self, broken: ClauseId) -> bool {
        let level_of = |sat: &Self, literal: &Lit| sat.levels[literal.variable() as usize];
        let level = self.literals(broken).iter().map(|literal| level_of(self, literal)).max().unwrap_or(0);
        if level == 0 {
            return false;
        }
        self.back_to_keeping(level as usize);
        let mut learned = Vec::new();
        let mut from = vec![broken];
        let (mut clause, mut open, mut at) = (broken, 0, self.trail.len());
        let mut marked = Vec::new();
        let asserted = loop {
            for literal in self.literals(clause).to_vec() {
                let variable = literal.variable() as usize;
                if self.seen[variable] || self.value(literal) == Some(true) {
                    continue;
                }
                self.seen[variable] = true;
                marked.push(variable);
                match self.levels[variable] {
                    of_level if of_level == level => open += 1,
                    // What is so at level 0 is so for its own reason, which counts among those of the learned clause.
                    0 => from.extend(self.clauses_of_root(literal)),
                    _ => learned.push(literal),
                }
            }
            let found = loop {
                at -= 1;
                let literal = self.trail[at];
                if self.seen[literal.variable() as usize] && self.levels[literal.variable() as usize] == level {
                    break literal;
                }
            };
            open -= 1;
            if open == 0 {
                break found.not();
            }
            clause = ClauseId(self.reasons[found.variable() as usize]);
            from.push(clause);
        };
        for variable in marked {
            self.seen[variable] = false;
        }
        let back = learned.iter().map(|literal| level_of(self, literal)).max().unwrap_or(0);
        self.back_to(back as usize);
        learned.insert(0, asserted);
        let id = self.store(learned, Origin::Learned(from));
        if self.value(asserted).is_none() {
            self.enqueue(asserted, id);
        }
        true
    }

    /// As [`Sat::back_to`], without what clauses of one literal would add: the broken clause must stay broken.
    fn back_to_keeping(&mut self, level: usize) {
        let Some(start) = self.level_starts.get(level).copied() else { return };
        for literal in self.trail.drain(start..) {
            self.values[literal.variable() as usize] = None;
        }
        self.level_starts.truncate(level);
        self.head = self.head.min(start);
        self.lowest = self.lowest.min(start);
    }

    /// The clauses for which a literal is false at level 0.
    fn clauses_of_root(&self, literal: Lit) -> Option<ClauseId> {
        Some(self.reasons[literal.variable() as usize]).filter(|reason| *reason != NO_REASON).map(ClauseId)
    }

    /// The numbers of the given clauses from which it follows that a literal is false now.
    pub(super) fn why_false(&self, literal: Lit) -> BTreeSet<u32> {
        let mut given = BTreeSet::new();
        let (mut open_literals, mut open_clauses) = (vec![literal.variable()], Vec::new());
        let (mut seen, mut seen_clauses) = (BTreeSet::new(), BTreeSet::new());
        loop {
            if let Some(variable) = open_literals.pop() {
                if seen.insert(variable) && self.reasons[variable as usize] != NO_REASON {
                    let reason = ClauseId(self.reasons[variable as usize]);
                    open_literals.extend(self.literals(reason).iter().map(|literal| literal.variable()));
                    open_clauses.push(reason);
                }
            } else if let Some(clause) = open_clauses.pop() {
                if seen_clauses.insert(clause) {
                    // What was so at level 0 when it was learned is so still.
                    let root = |literal: &&Lit| self.levels[literal.variable() as usize] == 0;
                    let of_root = self.literals(clause).iter().filter(root).map(|literal| literal.variable());
                    open_literals.extend(of_root.filter(|variable| !self.is_open(*variable)));
                    match &self.origins[clause.0 as usize] {
                        Origin::Given(number) => drop(given.insert(*number)),
                        Origin::Learned(from) => open_clauses.extend(from),
                    }
                }
            } else {
                return given;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether clauses (DIMACS-like: negative is not) can be fulfilled, by deciding the first open variable false.
    fn fulfilled(variables: u32, clauses: &[Vec<i32>]) -> Option<Vec<bool>> {
        let mut sat = Sat::default();
        sat.variables(variables as usize);
        let literal = |number: i32| {
            let variable = number.unsigned_abs() - 1;
            if number > 0 { Lit::is(variable) } else { Lit::is_not(variable) }
        };
        for clause in clauses {
            let literals: Vec<Lit> = clause.iter().map(|number| literal(*number)).collect();
            if sat.add(&literals, 0).is_err() {
                return None;
            }
        }
        loop {
            while let Some(broken) = sat.propagate() {
                if !sat.learn(broken) {
                    return None;
                }
            }
            match (0..variables).find(|variable| sat.is_open(*variable)) {
                Some(variable) => sat.decide(Lit::is_not(variable)),
                None => return Some((0..variables).map(|variable| sat.is_true(variable)).collect()),
            }
        }
    }

    fn holds(clauses: &[Vec<i32>], model: &[bool]) -> bool {
        let true_in = |number: &i32| model[number.unsigned_abs() as usize - 1] == (*number > 0);
        clauses.iter().all(|clause| clause.iter().any(true_in))
    }

    #[test]
    fn it_agrees_with_trying_everything() {
        let mut state = 1_u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let (mut yes, mut no) = (0, 0);
        for _ in 0..2000 {
            let variables = 3 + random(7) as u32;
            let clauses: Vec<Vec<i32>> = (0..random(u64::from(variables) * 6))
                .map(|_| {
                    let literal = |random: &mut dyn FnMut(u64) -> u64| {
                        let number = 1 + random(u64::from(variables)) as i32;
                        if random(2) == 0 { number } else { -number }
                    };
                    (0..1 + random(3)).map(|_| literal(&mut random)).collect()
                })
                .collect();
            let all = (0..1_u32 << variables).map(|bits| (0..variables).map(|at| bits >> at & 1 == 1).collect());
            let possible = all.into_iter().any(|model: Vec<bool>| holds(&clauses, &model));
            match fulfilled(variables, &clauses) {
                Some(model) => {
                    assert!(holds(&clauses, &model), "{clauses:?}");
                    yes += 1;
                }
                None => {
                    assert!(!possible, "{clauses:?}");
                    no += 1;
                }
            }
        }
        assert!(yes > 300 && no > 300, "{yes} and {no}");
    }
}
