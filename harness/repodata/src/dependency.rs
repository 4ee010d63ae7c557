//! A dependency as a package states it: a capability with or without a bound of its version, or a rich one.

use std::fmt;

use muster_base::evr::Evr;

/// Compares a version with a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
#[allow(missing_docs)]
pub enum Operator {
    Less = 4,
    LessOrEqual = 6,
    Equal = 2,
    GreaterOrEqual = 3,
    Greater = 1,
}

impl Operator {
    /// As metadata writes it: `LT`, `LE`, `EQ`, `GE`, `GT`.
    pub(crate) fn of_flags(flags: &str) -> Option<Self> {
        Some(match flags {
            "LT" => Self::Less,
            "LE" => Self::LessOrEqual,
            "EQ" => Self::Equal,
            "GE" => Self::GreaterOrEqual,
            "GT" => Self::Greater,
            _ => return None,
        })
    }

    /// As a spec file writes it; `==`, `=<` and `=>` are taken too, as rpm does.
    pub(crate) fn of_sign(sign: &str) -> Option<Self> {
        Some(match sign {
            "<" => Self::Less,
            "<=" | "=<" => Self::LessOrEqual,
            "=" | "==" => Self::Equal,
            ">=" | "=>" => Self::GreaterOrEqual,
            ">" => Self::Greater,
            _ => return None,
        })
    }

    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Equal => "=",
            Self::GreaterOrEqual => ">=",
            Self::Greater => ">",
        }
    }

    fn allows(self, order: Operator) -> bool {
        self as u8 & order as u8 != 0
    }
}

/// A dependency: `glibc`, `pkgconfig(zlib) >= 1.2`, `/usr/bin/sh`, `(gcc if make)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Dependency {
    /// The capability, or the whole of a rich dependency with its parentheses.
    pub name: String,
    /// The bound of its version: `[epoch:]version[-release]`.
    pub bound: Option<(Operator, String)>,
}

impl Dependency {
    /// Whether a version, `[epoch:]version[-release]`, is within the bound: any is where there is none. As rpm has it, a
    /// side that states no release is compared without releases, and what is no version is within no bound.
    pub fn allows(&self, evr: &str) -> bool {
        let bound = self.bound.as_ref().map(|(sign, version)| (*sign, version.as_str()));
        overlap(Some((Operator::Equal, evr)), bound)
    }
}

impl fmt::Display for Dependency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.bound {
            Some((sign, version)) => write!(f, "{} {} {version}", self.name, sign.sign()),
            None => f.write_str(&self.name),
        }
    }
}

/// A bound of versions: none is every version.
pub(crate) type Bound<'a> = Option<(Operator, &'a str)>;

/// Whether some version is within both: what is provided and what is required of it. As rpm and libsolv have it, one
/// without a version matches any, and a side that states no release is compared without releases.
pub(crate) fn overlap(provided: Bound<'_>, required: Bound<'_>) -> bool {
    let (Some((has, has_version)), Some((wants, wants_version))) = (provided, required) else { return true };
    let same_way = (has.allows(Operator::Less) && wants.allows(Operator::Less))
        || (has.allows(Operator::Greater) && wants.allows(Operator::Greater));
    if same_way {
        return true;
    }
    // A version that is none (rpm would not have built it) matches nothing.
    let (Some(one), Some(other)) = (Evr::parse(has_version), Evr::parse(wants_version)) else { return false };
    match one.compare(&other) {
        std::cmp::Ordering::Less => wants.allows(Operator::Less) || has.allows(Operator::Greater),
        std::cmp::Ordering::Greater => wants.allows(Operator::Greater) || has.allows(Operator::Less),
        std::cmp::Ordering::Equal => match (one.release, other.release) {
            (None, Some(_)) => has.allows(Operator::Equal),
            (Some(_), None) => wants.allows(Operator::Equal),
            _ => has.allows(Operator::Equal) && wants.allows(Operator::Equal),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_overlap_as_rpm_has_it() {
        let bound = |text: &'static str| {
            let (sign, version) = text.split_once(' ').unwrap();
            Some((Operator::of_sign(sign).unwrap(), version))
        };
        for (provided, required, both) in [
            ("= 1.2-3", "= 1.2", true),
            ("= 1.2", "= 1.2-3", true),
            ("= 1.2-3", "> 1.2", false),
            ("= 1.2-3", "< 1.2", false),
            ("= 1.2-3", ">= 1.2", true),
            ("= 1.2-3", ">= 1.2-4", false),
            ("= 1.2-3", "> 1.1", true),
            ("= 1:1-1", ">= 2", true),
            ("= 2-1", ">= 1:1", false),
            ("< 2", "> 1", true),
            ("< 2", "> 2", false),
            ("<= 2", ">= 2", true),
            (">= 2", "> 9", true),
            ("= 1.0~rc1-1", ">= 1.0", false),
        ] {
            assert_eq!(overlap(bound(provided), bound(required)), both, "{provided} and {required}");
        }
        assert!(overlap(None, bound("> 9")) && overlap(bound("= 1"), None) && overlap(None, None));
    }

    #[test]
    fn a_version_is_within_a_bound_or_not() {
        let allows = |dependency: &str, evr: &str| Dependency::parse(dependency).unwrap().allows(evr);
        assert!(
            allows("old", "1-1")
                && allows("old < 5", "4.9-7")
                && allows("old <= 5", "5-7")
                && allows("old = 1:2", "1:2-3")
        );
        assert!(
            !allows("old < 5", "5-1")
                && !allows("old < 5", "1:4-1")
                && !allows("old >= 2-3", "2-2")
                && !allows("old < 5", "")
        );
    }
}
