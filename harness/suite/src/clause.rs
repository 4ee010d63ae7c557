//! What a test expects, as a tree: expectations, and alternatives between them. Whoever reads a test's
//! expectations says here whether the tree or only what stands in it is meant, so that nothing that
//! stands in an alternative is passed over.

use std::collections::BTreeSet;

use super::expectation::Expectation;
use muster_base::failure::Location;

/// Most branches of one `any-of` or `all-of`.
pub const MOST_BRANCHES: usize = 16;
/// How deep `any-of` and `all-of` may stand in each other.
pub const MOST_NESTED: usize = 4;

/// One part of what is expected. All clauses of a list must hold.
#[derive(Debug, Clone)]
pub enum Clause {
    /// What one subject of one check type must be.
    Plain(Expectation),
    /// Several lists of clauses, of which one or all must hold.
    Joined(Joined),
    /// What must hold on one machine of a test with several. Only a test's own list has these, and then nothing else.
    On(OnMachine),
}

/// What is expected of one of several machines.
#[derive(Debug, Clone)]
pub struct OnMachine {
    /// Its name, one of the test's `machines`.
    pub machine: String,
    /// What must hold there; at least one, and none of them of another machine.
    pub clauses: Vec<Clause>,
    /// Where its name stands.
    pub location: Location,
}

/// `any-of` or `all-of` of a test's expectations.
#[derive(Debug, Clone)]
pub struct Joined {
    /// Which of the two.
    pub join: Join,
    /// 2 to [`MOST_BRANCHES`], no two alike.
    pub branches: Vec<Branch>,
    /// Where its key stands.
    pub location: Location,
}

/// One branch of [`Joined`].
#[derive(Debug, Clone)]
pub struct Branch {
    /// What must hold in it; at least one.
    pub clauses: Vec<Clause>,
    /// Where it begins.
    pub location: Location,
}

/// How branches are joined.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Join {
    /// One branch holds as a whole.
    AnyOf,
    /// Every branch holds.
    AllOf,
}

impl Join {
    /// Both, in the order of the documentation.
    pub const ALL: [Self; 2] = [Self::AnyOf, Self::AllOf];

    /// As written in suites.
    pub fn name(self) -> &'static str {
        match self {
            Self::AnyOf => "any-of",
            Self::AllOf => "all-of",
        }
    }

    /// What it means, for the reference page and the schema.
    pub fn doc(self) -> &'static str {
        match self {
            Self::AnyOf => "One of these holds as a whole; each is a mapping as `expect` is.",
            Self::AllOf => "Each of these holds; each is a mapping as `expect` is.",
        }
    }

    /// The join of that name.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|join| join.name() == word)
    }
}

impl Clause {
    /// The number of assertions: those of the expectations, `count` of each. Alternatives are one, since
    /// they are met or missed as a whole.
    pub fn assertions(&self, count: &dyn Fn(&Expectation) -> u32) -> u32 {
        match self {
            Self::Plain(expectation) => count(expectation),
            Self::On(on) => on.clauses.iter().map(|clause| clause.assertions(count)).sum(),
            Self::Joined(Joined { join: Join::AnyOf, .. }) => 1,
            Self::Joined(Joined { join: Join::AllOf, branches, .. }) => {
                branches.iter().flat_map(|branch| &branch.clauses).map(|clause| clause.assertions(count)).sum()
            }
        }
    }

    /// The same clause with every expectation that stands in it changed.
    pub fn map(&self, change: &dyn Fn(&Expectation) -> Expectation) -> Self {
        match self {
            Self::Plain(expectation) => Self::Plain(change(expectation)),
            Self::On(on) => {
                let clauses = on.clauses.iter().map(|clause| clause.map(change)).collect();
                Self::On(OnMachine { clauses, ..on.clone() })
            }
            Self::Joined(joined) => {
                let branch = |branch: &Branch| Branch {
                    clauses: branch.clauses.iter().map(|clause| clause.map(change)).collect(),
                    location: branch.location.clone(),
                };
                Self::Joined(Joined { branches: joined.branches.iter().map(branch).collect(), ..joined.clone() })
            }
        }
    }

    /// The expectation, when it is one and no join.
    pub fn plain(&self) -> Option<&Expectation> {
        match self {
            Self::Plain(expectation) => Some(expectation),
            Self::Joined(_) | Self::On(_) => None,
        }
    }
}

impl Joined {
    /// Whether an expectation that stands in it is of a check type.
    pub fn speaks_of(&self, check: &str) -> bool {
        self.branches.iter().any(|branch| expectations(&branch.clauses).iter().any(|found| found.check == check))
    }
}

/// Every expectation that stands in the clauses, in their order: those in alternatives too, which need not hold.
pub fn expectations(clauses: &[Clause]) -> Vec<&Expectation> {
    let mut out = Vec::with_capacity(clauses.len());
    collect(clauses, &mut out);
    out
}

fn collect<'c>(clauses: &'c [Clause], out: &mut Vec<&'c Expectation>) {
    for clause in clauses {
        match clause {
            Clause::Plain(expectation) => out.push(expectation),
            Clause::On(on) => collect(&on.clauses, out),
            Clause::Joined(joined) => joined.branches.iter().for_each(|branch| collect(&branch.clauses, out)),
        }
    }
}

/// Everything that clauses state, in a form in which two that state the same are equal: each assertion by
/// itself, each join as a whole.
pub(crate) fn said(clauses: &[Clause]) -> BTreeSet<String> {
    let mut out = BTreeSet::new();
    for clause in clauses {
        match clause {
            Clause::Plain(found) => out.extend(found.assertions.iter().map(|assertion| {
                let (attribute, key, matcher) = (assertion.attribute, &assertion.key, &assertion.matcher);
                format!("{:?}", (found.check, &found.subject, attribute, key, matcher, found.eventually))
            })),
            Clause::On(on) => out.extend(said(&on.clauses).into_iter().map(|said| format!("{} {said}", on.machine))),
            Clause::Joined(joined) => {
                let branches: BTreeSet<String> =
                    joined.branches.iter().map(|branch| format!("{:?}", said(&branch.clauses))).collect();
                out.insert(format!("{} {branches:?}", joined.join.name()));
            }
        }
    }
    out
}
