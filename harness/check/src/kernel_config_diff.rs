//! How two kernel configurations differ, sorted by what became of a symbol: m became n, y became
//! absent. Pure. Symbols are compared by their names as written: one that was renamed is absent on
//! one side.

use std::collections::{BTreeMap, BTreeSet};

use crate::unreadable::{Read, Unreadable};
use std::fmt;

use super::kernel_config::{Config, Setting};

/// What a symbol can be on one side of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SymbolState {
    /// Built in.
    Yes,
    /// A module.
    Module,
    /// Known and not set.
    No,
    /// A number or a text.
    Value,
    /// Not known to that kernel.
    Absent,
    /// Not in a file that is only a fragment, which decides nothing.
    Unknown,
}

impl SymbolState {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Yes, Self::Module, Self::No, Self::Value, Self::Absent, Self::Unknown];

    /// As written on the command line and in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Yes => "y",
            Self::Module => "m",
            Self::No => "n",
            Self::Value => "value",
            Self::Absent => "absent",
            Self::Unknown => "unknown",
        }
    }

    fn of(setting: Option<&Setting>, complete: bool) -> Self {
        match setting {
            Some(Setting::Yes) => Self::Yes,
            Some(Setting::Module) => Self::Module,
            Some(Setting::No) => Self::No,
            Some(Setting::Value(_)) => Self::Value,
            Some(Setting::Absent) | None if complete => Self::Absent,
            Some(Setting::Absent) | None => Self::Unknown,
        }
    }
}

/// What became of symbols: from the first configuration to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Transition {
    /// In the first.
    pub from: SymbolState,
    /// In the second.
    pub to: SymbolState,
}

impl Transition {
    /// Reads `y->n`, `m→absent` or `y:n`, which needs no quotes in a shell. The error says what to write.
    pub fn parse(text: &str) -> Read<Self> {
        let words = ["->", "→", ":"].iter().find_map(|arrow| text.split_once(arrow));
        let state = |word: &str| SymbolState::ALL.into_iter().find(|state| state.name() == word.trim());
        match words.and_then(|(from, to)| Some(Self { from: state(from)?, to: state(to)? })) {
            Some(transition) => Ok(transition),
            // What a shell leaves of y->n without quotes.
            None if text.ends_with('-') => {
                Err(Unreadable::new("the shell took `>` for a redirection; write 'y->n' in quotes, or y:n"))
            }
            None => {
                let words = SymbolState::ALL.map(SymbolState::name).join(", ");
                Err(Unreadable::new(format!("a transition is two of {words}, as in 'y->n' or y:n")))
            }
        }
    }

    /// Whether one side is not known.
    pub fn is_unknown(self) -> bool {
        self.from == SymbolState::Unknown || self.to == SymbolState::Unknown
    }

    /// Whether a symbol of this transition may in truth be one of the other, for all that is known.
    pub fn may_be(self, other: Self) -> bool {
        let may = |seen: SymbolState, other: SymbolState| seen == other || seen == SymbolState::Unknown;
        may(self.from, other.from) && may(self.to, other.to)
    }
}

impl fmt::Display for Transition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}->{}", self.from.name(), self.to.name())
    }
}

/// One symbol that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Without `CONFIG_`.
    pub symbol: String,
    /// Its word in the first: `y`, `m`, `n`, `absent`, `unknown` or the value.
    pub before: String,
    /// Its word in the second.
    pub after: String,
}

/// What became of the symbols.
#[derive(Debug, Default)]
pub struct Difference {
    /// By transition, each list sorted by symbol. Symbols that only tell one build from another are
    /// not among them.
    pub changes: BTreeMap<Transition, Vec<Change>>,
    /// Symbols that differ and only tell one build from another.
    pub noise: BTreeMap<Transition, Vec<Change>>,
}

/// Compares two configurations. `noise` names the symbols, with `CONFIG_`, that speak of the build.
pub fn difference(before: &Config, after: &Config, noise: &[&str]) -> Difference {
    let (first, second): (BTreeMap<_, _>, BTreeMap<_, _>) = (before.settings().collect(), after.settings().collect());
    let symbols: BTreeSet<&str> = first.keys().chain(second.keys()).copied().collect();
    let mut out = Difference::default();
    for symbol in symbols {
        let (old, new) = (first.get(symbol).copied(), second.get(symbol).copied());
        if old == new {
            continue;
        }
        let transition = Transition {
            from: SymbolState::of(old, before.is_complete()),
            to: SymbolState::of(new, after.is_complete()),
        };
        let word =
            |setting: Option<&Setting>, state: SymbolState| setting.map_or(state.name(), Setting::name).to_owned();
        let change =
            Change { symbol: symbol.to_owned(), before: word(old, transition.from), after: word(new, transition.to) };
        let is_noise = noise.iter().any(|name| name.strip_prefix("CONFIG_") == Some(symbol));
        let part = if is_noise { &mut out.noise } else { &mut out.changes };
        part.entry(transition).or_default().push(change);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(symbols: &str) -> Config {
        Config::parse(&format!("# Linux/x86 6.18.5 Kernel Configuration\n{symbols}# end of Kernel hacking\n"), "6.18.5")
            .unwrap()
    }

    fn reported(difference: &BTreeMap<Transition, Vec<Change>>) -> Vec<String> {
        let line = |(transition, changes): (&Transition, &Vec<Change>)| {
            let changes: Vec<String> =
                changes.iter().map(|c| format!("{} {} {}", c.symbol, c.before, c.after)).collect();
            format!("{transition}: {}", changes.join(", "))
        };
        difference.iter().map(line).collect()
    }

    #[test]
    fn symbols_are_sorted_by_what_became_of_them_and_the_build_is_set_apart() {
        let before = whole(
            "CONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\nCONFIG_HZ=1000\nCONFIG_GCC_VERSION=1\nCONFIG_S=y\nCONFIG_D=y\n",
        );
        let after = whole(
            "# CONFIG_A is not set\nCONFIG_HZ=100\nCONFIG_GCC_VERSION=2\nCONFIG_S=y\n# CONFIG_D is not set\nCONFIG_E=\"\"\n",
        );
        let difference = difference(&before, &after, &["CONFIG_GCC_VERSION"]);
        assert_eq!(
            reported(&difference.changes),
            [
                "y->n: A y n, D y n",
                "m->absent: B m absent",
                "n->absent: C n absent",
                "value->value: HZ 1000 100",
                "absent->value: E absent "
            ]
        );
        assert_eq!(reported(&difference.noise), ["value->value: GCC_VERSION 1 2"]);
    }

    #[test]
    fn what_a_fragment_leaves_open_is_unknown_and_not_absent() {
        let fragment = Config::parse("CONFIG_A=y\n", "").unwrap();
        let difference = difference(&fragment, &whole("# CONFIG_A is not set\nCONFIG_B=m\n"), &[]);
        assert_eq!(reported(&difference.changes), ["y->n: A y n", "unknown->m: B unknown m"]);
        let unknown = Transition { from: SymbolState::Unknown, to: SymbolState::Module };
        assert!(unknown.is_unknown() && unknown.may_be(Transition::parse("y->m").unwrap()));
        assert!(!unknown.may_be(Transition::parse("y->n").unwrap()));
    }

    #[test]
    fn transitions_are_read_in_three_spellings_and_a_shells_work_is_recognised() {
        let wanted = Transition { from: SymbolState::Yes, to: SymbolState::Absent };
        for text in ["y->absent", "y→absent", "y:absent", "y -> absent"] {
            assert_eq!(Transition::parse(text), Ok(wanted), "{text}");
        }
        assert!(Transition::parse("y-").unwrap_err().to_string().contains("in quotes"));
        assert!(Transition::parse("y->z").unwrap_err().to_string().contains("y, m, n, value, absent, unknown"));
    }
}
