//! Which of two releases is the earlier one, by [Semantic Versioning 2.0.0, §11](https://semver.org/#spec-item-11). It is the order of
//! versions of muster itself; those of packages and of what suites compare have their own.

use std::cmp::Ordering;

/// Characters of a version that are read at most.
const MOST: usize = 256;

/// How the one lies to the other by precedence: a pre-release comes before its release, and metadata of a build (`+…`) says nothing. What
/// a build says of its sources in brackets (`1.0.0 (abc123)`) says nothing either. Numbers that are left out at the end are 0: `0.2` is
/// `0.2.0`. `None` when one of them is no such version.
pub fn precedence(one: &str, other: &str) -> Option<Ordering> {
    Some(Release::read(one)?.cmp(&Release::read(other)?))
}

/// Whether it is a version that can be compared.
pub fn is_version(text: &str) -> bool {
    Release::read(text).is_some()
}

#[derive(PartialEq, Eq)]
struct Release<'v> {
    numbers: [Digits<'v>; 3],
    /// What follows the `-`; empty in a release.
    before: Vec<Identifier<'v>>,
}

/// A number as it is written, without leading zeros: one of any length is compared.
#[derive(PartialEq, Eq)]
struct Digits<'v>(&'v str);

#[derive(PartialEq, Eq)]
enum Identifier<'v> {
    Number(Digits<'v>),
    Text(&'v str),
}

impl<'v> Release<'v> {
    fn read(text: &'v str) -> Option<Self> {
        let version = text.split(" (").next().filter(|_| text.len() <= MOST)?;
        let (version, build) =
            version.split_once('+').map_or((version, None), |(version, build)| (version, Some(build)));
        let (core, before) = version.split_once('-').map_or((version, None), |(core, before)| (core, Some(before)));
        let is_identifier =
            |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        if build.is_some_and(|build| !build.split('.').all(is_identifier)) {
            return None;
        }
        let mut numbers = [Digits("0"), Digits("0"), Digits("0")];
        for (at, part) in core.split('.').enumerate() {
            *numbers.get_mut(at)? = Digits::read(part)?;
        }
        let before = match before {
            None => Vec::new(),
            Some(before) => before
                .split('.')
                .map(|part| is_identifier(part).then(|| Identifier::of(part))?)
                .collect::<Option<_>>()?,
        };
        Some(Self { numbers, before })
    }
}

impl<'v> Digits<'v> {
    /// None with a leading zero, which §2 and §9 forbid.
    fn read(text: &'v str) -> Option<Self> {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        (is_number && (text == "0" || !text.starts_with('0'))).then_some(Self(text))
    }
}

impl<'v> Identifier<'v> {
    /// None where it is a number with a leading zero.
    fn of(part: &'v str) -> Option<Self> {
        match part.bytes().all(|byte| byte.is_ascii_digit()) {
            true => Digits::read(part).map(Self::Number),
            false => Some(Self::Text(part)),
        }
    }
}

impl Ord for Digits<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.cmp(other.0))
    }
}

impl PartialOrd for Digits<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Identifier<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(one), Self::Number(other)) => one.cmp(other),
            (Self::Number(_), Self::Text(_)) => Ordering::Less,
            (Self::Text(_), Self::Number(_)) => Ordering::Greater,
            (Self::Text(one), Self::Text(other)) => one.cmp(other),
        }
    }
}

impl PartialOrd for Identifier<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Release<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| match (self.before.is_empty(), other.before.is_empty()) {
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            // One that has fewer of them, the others being equal, comes first.
            _ => self.before.cmp(&other.before),
        })
    }
}

impl PartialOrd for Release<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In order: the examples of §11.2 and §11.4, and what stands around them.
    const ORDER: [&str; 17] = [
        "0.1.0",
        "0.2.0-rc1",
        "0.2.0",
        "0.10.0",
        "1.0.0-1",
        "1.0.0-1.a",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "2.0.0",
        "2.1.0",
        "2.1.1",
    ];

    #[test]
    fn versions_have_the_order_of_the_specification() {
        for (at, one) in ORDER.iter().enumerate() {
            for (place, other) in ORDER.iter().enumerate() {
                assert_eq!(precedence(one, other), Some(at.cmp(&place)), "{one} and {other}");
            }
        }
    }

    #[test]
    fn what_is_no_part_of_the_precedence_changes_nothing() {
        for (one, other) in [
            ("1.0.0+20130313144700", "1.0.0"),
            ("1.0.0-rc.1+exp.sha-1", "1.0.0-rc.1"),
            ("0.2", "0.2.0"),
            ("1", "1.0.0"),
            ("1.0.0 (abc123)", "1.0.0"),
            ("1.0.0 (abc123, changed)", "1.0.0"),
        ] {
            assert_eq!(precedence(one, other), Some(Ordering::Equal), "{one} and {other}");
        }
        assert_eq!(precedence("0.2.0-rc1 (abc123)", "0.2"), Some(Ordering::Less));
        let (nine, ten) = (format!("1.{}.0", "9".repeat(40)), format!("1.1{}.0", "0".repeat(40)));
        assert_eq!(precedence(&nine, &ten), Some(Ordering::Less), "longer than any integer");
    }

    #[test]
    fn what_is_no_version_is_not_compared() {
        let long = format!("1.0.0-{}", "a".repeat(MOST));
        for text in [
            "",
            "v1.0.0",
            "1.",
            "1.0.0.0",
            "01.0.0",
            "1.0.0-",
            "1.0.0-01",
            "1.0.0-a..b",
            "1.0.0+",
            "1.0.0+a_b",
            "-1",
            "x",
            " 1",
            "1.0.0-é",
            &long,
        ] {
            assert!(!is_version(text), "{text}");
            assert_eq!((precedence(text, "1.0.0"), precedence("1.0.0", text)), (None, None), "{text}");
        }
    }
}
