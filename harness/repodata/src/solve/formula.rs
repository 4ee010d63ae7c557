//! What a dependency says of the set of installed packages, as a formula and as clauses.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use crate::data::DepId;
use crate::grammar::{self, Rich};
use crate::index::Index;
use crate::numbers::Seeded;
use crate::package::PackageId;

use super::sat::Lit;

/// How many literals the clauses of one dependency have at most.
const LITERALS: usize = 200_000;

/// A formula over packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Formula {
    /// One of these is installed.
    Some(Vec<PackageId>),
    /// None of these is.
    None(Vec<PackageId>),
    All(Vec<Formula>),
    Any(Vec<Formula>),
}

/// A dependency that this solver does not understand, or finds too large: a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unsupported(pub(super) &'static str);

impl Formula {
    /// What a stored dependency says, with those packages only that can be installed.
    pub(super) fn of(index: &Index, dep: DepId) -> Result<Self, Unsupported> {
        let stored = index.data().deps[dep.0 as usize];
        let name = index.data().texts.get(stored.name);
        if name.starts_with('(') {
            return Self::of_rich(index, &grammar::parse(name).map_err(Unsupported)?, true);
        }
        let mut found = Vec::new();
        index.providers_of_dep(stored, &mut found);
        found.retain(|id| index.is_available(*id));
        Ok(Self::Some(found))
    }

    fn of_rich(index: &Index, rich: &Rich, positive: bool) -> Result<Self, Unsupported> {
        let of = |rich: &Rich, positive| Self::of_rich(index, rich, positive);
        let all = |operands: &[Rich], positive| -> Result<Vec<Self>, Unsupported> {
            operands.iter().map(|operand| of(operand, positive)).collect()
        };
        // Not (A and B) is (not A) or (not B), and so on: negations end at the packages.
        let join = |conjunction: bool, operands: Vec<Formula>| match conjunction == positive {
            true => Self::All(operands),
            false => Self::Any(operands),
        };
        Ok(match rich {
            Rich::One(_) | Rich::With(..) | Rich::Without(..) => {
                let set = set(index, rich)?;
                if positive { Self::Some(set) } else { Self::None(set) }
            }
            Rich::All(operands) => join(true, all(operands, positive)?),
            Rich::Any(operands) => join(false, all(operands, positive)?),
            Rich::If(first, condition, None) => join(false, vec![of(first, positive)?, of(condition, !positive)?]),
            Rich::Unless(first, condition, None) => join(true, vec![of(first, positive)?, of(condition, !positive)?]),
            Rich::If(first, condition, Some(other)) => {
                let then = join(false, vec![of(first, positive)?, of(condition, !positive)?]);
                join(true, vec![then, join(false, vec![of(other, positive)?, of(condition, positive)?])])
            }
            Rich::Unless(first, condition, Some(other)) => {
                let then = join(false, vec![of(first, positive)?, of(condition, positive)?]);
                join(true, vec![then, join(false, vec![of(other, positive)?, of(condition, !positive)?])])
            }
        })
    }

    /// Whether it holds for a set of packages.
    pub(super) fn holds(&self, installed: &impl Fn(PackageId) -> bool) -> bool {
        match self {
            Self::Some(packages) => packages.iter().any(|id| installed(*id)),
            Self::None(packages) => !packages.iter().any(|id| installed(*id)),
            Self::All(parts) => parts.iter().all(|part| part.holds(installed)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(installed)),
        }
    }

    /// What says the opposite.
    pub(super) fn not(self) -> Self {
        match self {
            Self::Some(packages) => Self::None(packages),
            Self::None(packages) => Self::Some(packages),
            Self::All(parts) => Self::Any(parts.into_iter().map(Self::not).collect()),
            Self::Any(parts) => Self::All(parts.into_iter().map(Self::not).collect()),
        }
    }

    /// Clauses that hold when it does.
    pub(super) fn clauses(&self) -> Result<Vec<Vec<Lit>>, Unsupported> {
        let found = match self {
            Self::Some(packages) => vec![packages.iter().map(|id| Lit::is(id.0)).collect()],
            Self::None(packages) => packages.iter().map(|id| vec![Lit::is_not(id.0)]).collect(),
            Self::All(parts) => {
                let mut all = Vec::new();
                for part in parts {
                    all.extend(part.clauses()?);
                }
                all
            }
            Self::Any(parts) => {
                let mut product: Vec<Vec<Lit>> = vec![Vec::new()];
                for part in parts {
                    let clauses = part.clauses()?;
                    let mut next = Vec::new();
                    let mut weight = 0;
                    for (one, other) in product.iter().flat_map(|one| clauses.iter().map(move |other| (one, other))) {
                        weight += one.len() + other.len();
                        if weight > LITERALS {
                            return Err(Unsupported("it has too many cases"));
                        }
                        next.push([one.as_slice(), other].concat());
                    }
                    product = next;
                }
                product
            }
        };
        match found.iter().map(Vec::len).sum::<usize>() > LITERALS {
            true => Err(Unsupported("it has too many cases")),
            false => Ok(found),
        }
    }
}

/// What a dependency says, once that was found out.
type Meaning = Rc<Result<Formula, Unsupported>>;

/// What dependencies of an index say, each found out once.
#[derive(Debug)]
pub(super) struct Formulas<'i> {
    index: &'i Index,
    known: RefCell<HashMap<DepId, Meaning, Seeded>>,
}

impl<'i> Formulas<'i> {
    pub(super) fn new(index: &'i Index) -> Self {
        Self { index, known: RefCell::default() }
    }

    pub(super) fn index(&self) -> &'i Index {
        self.index
    }

    /// As [`Formula::of`].
    pub(super) fn of(&self, dep: DepId) -> Meaning {
        let mut known = self.known.borrow_mut();
        Rc::clone(known.entry(dep).or_insert_with(|| Rc::new(Formula::of(self.index, dep))))
    }

    pub(super) fn clear(&mut self) {
        self.known.borrow_mut().clear();
    }
}

/// The packages that a capability, or one `with` or `without` another, means.
fn set(index: &Index, rich: &Rich) -> Result<Vec<PackageId>, Unsupported> {
    let mut found = match rich {
        Rich::One(dependency) => index.providers_of(dependency),
        Rich::Any(operands) => {
            let mut all = Vec::new();
            for operand in operands {
                all.extend(set(index, operand)?);
            }
            all
        }
        Rich::With(first, second) => {
            let others = set(index, second)?;
            set(index, first)?.into_iter().filter(|id| others.contains(id)).collect()
        }
        Rich::Without(first, second) => {
            let others = set(index, second)?;
            set(index, first)?.into_iter().filter(|id| !others.contains(id)).collect()
        }
        Rich::All(_) | Rich::If(..) | Rich::Unless(..) => {
            return Err(Unsupported("`with` and `without` are understood of capabilities only"));
        }
    };
    found.retain(|id| index.is_available(*id));
    found.sort_unstable();
    found.dedup();
    Ok(found)
}
