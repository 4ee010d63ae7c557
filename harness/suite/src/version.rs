//! How versions that are not packages' lie to each other; those have rpm's order (`muster_base::evr`).

use std::cmp::Ordering;

/// The one order of versions: of `when`, `where`, `adjust`, known issues, `expect` and whatever else of
/// muster compares two of them. `None` when one of them does not begin with a digit.
///
/// **Fields that are not stated are not compared.** Who states two fields speaks of all versions that
/// begin with them: 6.18.44 is `== 6.18`, `<= 6.18` and `>= 6.18`; it is not `!= 6.18`, `> 6.18` or
/// `< 6.18`. A field that is stated and that `seen` does not have is 0: 6.18 is `< 6.18.3` and
/// `== 6.18.0`. The dotted numbers are the first fields. What follows them (`-200.fc42`, `-rc1`) is
/// compared only when such a part is stated, which then states all of the numbers: 6.14.3-1 is
/// `> 6.14-200`. There a field is a run of digits or of letters, digits are newer than letters, and
/// 6.14 is newer than 6.14-rc1.
pub fn order(seen: &str, stated: &str) -> Option<Ordering> {
    let (seen, stated) = (Version::read(seen)?, Version::read(stated)?);
    let fields = match stated.rest.is_empty() {
        true => stated.numbers.len(),
        false => stated.numbers.len().max(seen.numbers.len()),
    };
    fn field<'v>(fields: &[&'v str], at: usize) -> &'v str {
        fields.get(at).copied().unwrap_or("0")
    }
    let numbers = (0..fields).map(|at| compare_fields(field(&seen.numbers, at), field(&stated.numbers, at)));
    let rest = (0..stated.rest.len()).map(|at| compare_fields(field(&seen.rest, at), field(&stated.rest, at)));
    Some(numbers.chain(rest).find(|order| order.is_ne()).unwrap_or(Ordering::Equal))
}

/// Whether a field of a version stands for any number, as `6.12.x` and `6.12.*` do elsewhere, and what says that here: the
/// fields before it. Fields that are not stated are not compared, while an `x` would be compared as letters.
pub(crate) fn wildcard(text: &str) -> Option<String> {
    let wild = |field: &str| matches!(field, "x" | "X" | "*");
    let fields: Vec<&str> = text.split('.').collect();
    let first = fields.iter().position(|field| wild(field.split('-').next().unwrap_or(field)))?;
    Some(fields[..first].join(".")).filter(|before| before.ends_with(|c: char| c.is_ascii_digit()))
}

/// The dotted numbers of a version and the fields behind them, as [`order`] compares them.
pub(crate) fn fields_of(text: &str) -> Option<(Vec<String>, Vec<String>)> {
    let owned = |fields: Vec<&str>| fields.into_iter().map(str::to_owned).collect();
    Version::read(text).map(|version| (owned(version.numbers), owned(version.rest)))
}

/// A version that is newer than all that begin with the stated one, and no newer than it has to be:
/// 6.15 for 6.14.
pub(crate) fn after(stated: &str) -> Option<String> {
    let version = Version::read(stated)?;
    let before = |field: &str| stated.trim().strip_suffix(field).map(str::to_owned);
    match version.rest.last() {
        None => {
            let last = version.numbers.last()?;
            let kept = stated.trim().trim_end_matches('.');
            Some(format!("{}{}", kept.strip_suffix(*last)?, successor(last)))
        }
        Some(last) if last.starts_with(|c: char| c.is_ascii_digit()) => {
            Some(format!("{}{}", before(last)?, successor(last)))
        }
        Some(last) => Some(format!("{}{last}a", before(last)?)),
    }
}

/// The number after one that is written in digits, however long.
pub(crate) fn successor(digits: &str) -> String {
    let digits = digits.trim_start_matches('0');
    let kept = digits.trim_end_matches('9');
    let nines = digits.len() - kept.len();
    let mut out = match kept.char_indices().next_back() {
        Some((at, last)) => {
            let more = last.to_digit(10).and_then(|digit| char::from_digit(digit + 1, 10)).unwrap_or(last);
            format!("{}{more}", &kept[..at])
        }
        None => "1".to_owned(),
    };
    out.push_str(&"0".repeat(nines));
    out
}

/// A version in its fields.
struct Version<'v> {
    /// Runs of digits; never empty.
    numbers: Vec<&'v str>,
    /// Runs of digits or of letters behind the numbers.
    rest: Vec<&'v str>,
}

impl<'v> Version<'v> {
    fn read(text: &'v str) -> Option<Self> {
        let text = text.trim();
        if !text.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let numbers = text[..end].split('.').filter(|field| !field.is_empty()).collect();
        Some(Self { numbers, rest: fields(&text[end..]).collect() })
    }
}

fn fields(version: &str) -> impl Iterator<Item = &str> {
    let mut rest = version;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
        let first = rest.chars().next()?;
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric() || c.is_ascii_digit() != first.is_ascii_digit())
            .unwrap_or(rest.len());
        let (field, after) = rest.split_at(end);
        rest = after;
        Some(field)
    })
}

/// How a field of a version lies to another.
pub(crate) fn compare_fields(a: &str, b: &str) -> Ordering {
    let digits = |field: &str| field.bytes().all(|b| b.is_ascii_digit());
    match (digits(a), digits(b)) {
        (true, true) => {
            let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
            a.len().cmp(&b.len()).then_with(|| a.cmp(b))
        }
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => a.cmp(b),
    }
}

/// What is seen, what is stated, and how the first lies to the second: for the tests of whatever
/// compares versions.
#[cfg(any(test, feature = "testing"))]
pub const VERSIONS: &[(&str, &str, Ordering)] = {
    use Ordering::{Equal, Greater, Less};
    &[
        ("6.18.44", "6.18", Equal),
        ("6.18", "6.18", Equal),
        ("6.18.44", "6", Equal),
        ("6.18.44", "6.18.44", Equal),
        ("6.18.44", "6.18.4", Greater),
        ("6.18.44", "6.17", Greater),
        ("6.18.44", "6.19", Less),
        ("6.9", "6.14", Less),
        ("10", "9.9", Greater),
        ("6.18", "6.18.3", Less),
        ("6.18", "6.18.0", Equal),
        ("6", "6.0.0", Equal),
        ("6.018", "6.18", Equal),
        ("6.14.0-63.fc42.x86_64", "6.14", Equal),
        ("6.14.0-63.fc42.x86_64", "6.14-63", Equal),
        ("6.14.0-63.fc42.x86_64", "6.14.0-63.fc42", Equal),
        ("6.14.0-63.fc42.x86_64", "6.14.0-63.fc41", Greater),
        ("6.14.0-63.fc42.x86_64", "6.14.0-100", Less),
        ("6.14.3-1.fc42.x86_64", "6.14-200", Greater),
        ("6.14", "6.14-1", Less),
        ("6.14-rc1", "6.14", Equal),
        ("6.14.0-rc1", "6.14-rc2", Less),
        ("6.14", "6.14-rc1", Greater),
        ("6.14.0-63", "6.14-rc1", Greater),
        ("6.14rc1", "6.14", Equal),
        ("6.12.74+deb13-cloud-amd64", "6.12.74+deb13", Equal),
        ("6.12.74+deb13-cloud-amd64", "6.12.74", Equal),
        ("24.04", "24", Equal),
        ("4.0", "4", Equal),
    ]
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_compare_over_the_stated_fields() {
        for (seen, stated, expected) in VERSIONS {
            assert_eq!(order(seen, stated), Some(*expected), "{seen} {stated}");
        }
        assert_eq!(order(&"9".repeat(1000), "1"), Some(Ordering::Greater));
        assert_eq!(order("rolling", "1"), None);
    }

    #[test]
    fn a_field_for_any_number_is_seen() {
        for (text, before) in [
            ("6.12.x", Some("6.12")),
            ("6.12.X", Some("6.12")),
            ("6.12.*", Some("6.12")),
            ("6.x.x-1", Some("6")),
            ("6.x-rc1", Some("6")),
            ("6.14.0-63.fc42.x86_64", None),
            ("6.12.74+deb13", None),
            ("6.12-xen", None),
            ("x", None),
        ] {
            assert_eq!(wildcard(text).as_deref(), before, "{text}");
        }
    }

    #[test]
    fn the_number_and_the_version_after() {
        for (digits, next) in [("0", "1"), ("9", "10"), ("18", "19"), ("199", "200"), ("099", "100"), ("", "1")] {
            assert_eq!(successor(digits), next, "{digits}");
        }
        for (stated, next) in [("6.14", "6.15"), ("6", "7"), ("6.9.", "6.10"), ("6.14-9", "6.14-10"), ("1-fc", "1-fca")]
        {
            assert_eq!(after(stated).as_deref(), Some(next), "{stated}");
            assert_eq!(order(next, stated), Some(Ordering::Greater), "{stated}");
        }
    }
}
