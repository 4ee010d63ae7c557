//! RPM's ordering of versions: `epoch:version-release`, with `~` before and `^` after everything.

use std::cmp::Ordering;

/// An epoch, version and release. A bound may leave out epoch and release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evr<'a> {
    /// 0 when it is not stated, as rpm has it.
    pub epoch: u64,
    /// Never empty.
    pub version: &'a str,
    /// None when it is not stated.
    pub release: Option<&'a str>,
}

impl<'a> Evr<'a> {
    /// Reads `[epoch:]version[-release]`; `None` when the epoch is not a number or the version is
    /// empty. An empty or `(none)` epoch is 0.
    pub fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let (epoch, rest) = match text.split_once(':') {
            Some(("" | "(none)", rest)) => (0, rest),
            Some((epoch, rest)) => (epoch.parse().ok()?, rest),
            None => (0, text),
        };
        let (version, release) = match rest.rsplit_once('-') {
            Some((version, release)) => (version, Some(release).filter(|release| !release.is_empty())),
            None => (rest, None),
        };
        (!version.is_empty()).then_some(Self { epoch, version, release })
    }

    /// Compares as a dependency does: a side that states no release is compared without releases.
    pub fn compare(&self, other: &Evr<'_>) -> Ordering {
        self.epoch.cmp(&other.epoch).then_with(|| vercmp(self.version, other.version)).then_with(|| {
            match (self.release, other.release) {
                (Some(mine), Some(theirs)) => vercmp(mine, theirs),
                _ => Ordering::Equal,
            }
        })
    }
}

/// Compares two versions, or two releases, as rpm's `rpmvercmp` does.
pub fn vercmp(one: &str, two: &str) -> Ordering {
    if one == two {
        return Ordering::Equal;
    }
    let (mut one, mut two) = (one.as_bytes(), two.as_bytes());
    loop {
        one = skip_separators(one);
        two = skip_separators(two);
        // A tilde sorts before everything, the end of the text included.
        match (one.first() == Some(&b'~'), two.first() == Some(&b'~')) {
            (true, true) => {
                (one, two) = (&one[1..], &two[1..]);
                continue;
            }
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        // A caret sorts after the end of the text, and before everything else.
        match (one.first() == Some(&b'^'), two.first() == Some(&b'^')) {
            (true, true) => {
                (one, two) = (&one[1..], &two[1..]);
                continue;
            }
            (true, false) if two.is_empty() => return Ordering::Greater,
            (true, false) => return Ordering::Less,
            (false, true) if one.is_empty() => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => {}
        }
        let Some(&first) = one.first() else { break };
        if two.is_empty() {
            break;
        }
        let digits = first.is_ascii_digit();
        let (mine, rest_one) = segment(one, digits);
        let (theirs, rest_two) = segment(two, digits);
        // Different kinds of segments: numbers are newer than letters.
        if theirs.is_empty() {
            return if digits { Ordering::Greater } else { Ordering::Less };
        }
        let order = if digits {
            let (mine, theirs) = (without_zeros(mine), without_zeros(theirs));
            mine.len().cmp(&theirs.len()).then_with(|| mine.cmp(theirs))
        } else {
            mine.cmp(theirs)
        };
        if order != Ordering::Equal {
            return order;
        }
        (one, two) = (rest_one, rest_two);
    }
    // Whichever has something left is newer.
    one.len().min(1).cmp(&two.len().min(1))
}

fn skip_separators(text: &[u8]) -> &[u8] {
    let at = text.iter().position(|b| b.is_ascii_alphanumeric() || *b == b'~' || *b == b'^');
    &text[at.unwrap_or(text.len())..]
}

fn segment(text: &[u8], digits: bool) -> (&[u8], &[u8]) {
    let belongs = |b: &u8| if digits { b.is_ascii_digit() } else { b.is_ascii_alphabetic() };
    text.split_at(text.iter().position(|b| !belongs(b)).unwrap_or(text.len()))
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    &digits[digits.iter().position(|b| *b != b'0').unwrap_or(digits.len())..]
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Each row is in ascending order, each two neighbours.
    const ASCENDING: &[&[&str]] = &[
        &["1.0", "2.0", "2.0.1", "2.0.1a"],
        &["5.5p1", "5.5p2", "5.5p10", "5.6p1"],
        &["10xyz", "10.1xyz"],
        &["xyz10", "xyz10.1"],
        &["xyz.4", "2", "8"],
        &["6.0", "6.0.rc1"],
        &["10a2", "10b2"],
        &["1.0a", "1.0aa", "1.0b"],
        &["2.0", "2_0_1"],
        &["1.0~rc1~git123", "1.0~rc1", "1.0~rc2", "1.0", "1.0^", "1.0^git1", "1.0^git2", "1.0.1"],
        &["1.0^git1~pre", "1.0^git1", "1.01"],
        &["1.0~rc1^git1", "1.0"],
        &["20101121", "20101122"],
        &["xyz10", "xyz10.1", "8"],
        &["5.6p1", "6.5p1"],
        &["10a1", "10a2", "10b2"],
        &["10.0001", "10.0039"],
        &["4.999.9", "5.0"],
        &["1.0^20160101^git1", "1.0^20160102"],
        &["1.0~rc1", "1.0~rc1^git1"],
        // A distribution's tag after a letter: rpm's own tests call it a surprise and keep it.
        &["1b.fc17", "1.fc17", "1g.fc17"],
        &["1.0^20160101", "1.0^20160102", "1.0.1"],
        &["99999999999999999998", "99999999999999999999", "100000000000000000000"],
        &["~", ""],
        &["", "^", "a", "0"],
    ];
    const EQUAL: &[(&str, &str)] = &[
        ("1.0", "1.0"),
        ("2_0", "2.0"),
        ("2.0", "2_0"),
        ("1.05", "1.5"),
        ("a", "a"),
        ("a+", "a+"),
        ("a+", "a_"),
        ("+a", "_a"),
        ("+_", "_+"),
        ("+", "_"),
        ("1..1", "1.1"),
        ("001", "1"),
        ("10.0001", "10.1"),
        ("xyz.4", "xyz.4"),
        ("1.0^20160101^git1", "1.0^20160101^git1"),
        ("1b.fc17", "1b.fc17"),
        // Letters beyond ASCII separate, and do not compare.
        ("1.1.α", "1.1.β"),
        ("1.1.αα", "1.1.α"),
        ("1.0~rc1", "1.0~rc1"),
        ("1.0^git1~pre", "1.0^git1~pre"),
    ];

    #[test]
    fn versions_are_ordered_as_rpm_orders_them() {
        for row in ASCENDING {
            for pair in row.windows(2) {
                assert_eq!(vercmp(pair[0], pair[1]), Ordering::Less, "{pair:?}");
                assert_eq!(vercmp(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
            }
        }
        for (one, two) in EQUAL {
            assert_eq!(vercmp(one, two), Ordering::Equal, "{one} {two}");
        }
    }

    #[test]
    fn a_bound_without_a_release_ignores_it_and_no_epoch_is_zero() {
        let compare = |one, two| Evr::parse(one).unwrap().compare(&Evr::parse(two).unwrap());
        assert_eq!(compare("1:1.26-3.azl4", "1:1.26"), Ordering::Equal);
        assert_eq!(compare("1.26-3", "0:1.26-3"), Ordering::Equal);
        assert_eq!(compare("(none):1.26-3", "1.26-3"), Ordering::Equal);
        assert_eq!(compare(":1.26", "1.26"), Ordering::Equal);
        assert_eq!(compare("1:1.0", "9.9"), Ordering::Greater);
        assert_eq!(compare("1.26-3", "1.26-10"), Ordering::Less);
        assert_eq!(Evr::parse("x:1"), None);
        assert_eq!(Evr::parse("1:"), None);
        assert_eq!(Evr::parse(""), None);
        assert_eq!(Evr::parse("1-"), Some(Evr { epoch: 0, version: "1", release: None }));
    }

    /// Deterministic versions made of the pieces that matter.
    fn random_versions(count: usize) -> Vec<String> {
        let pieces = ["0", "1", "01", "10", "9", "a", "b", "rc", "git", ".", ".", "_", "+", "~", "^", "p", "2026"];
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        (0..count)
            .map(|_| (0..1 + next() % 7).map(|_| pieces[(next() % pieces.len() as u64) as usize]).collect())
            .collect()
    }

    #[test]
    fn rpm_itself_agrees_on_random_versions() {
        let versions = random_versions(800);
        let mut script = String::new();
        for pair in versions.chunks(2) {
            script.push_str(&format!("print(rpm.vercmp('{}','{}')..' ')", pair[0], pair[1]));
        }
        let output = match Command::new("rpm").args(["--eval", &format!("%{{lua:{script}}}")]).output() {
            Ok(output) if output.status.success() => output,
            other => {
                assert!(!matches!(&other, Ok(output) if output.stderr.is_empty()), "rpm failed without a word");
                std::io::Write::write_all(&mut std::io::stderr(), b"skipped: rpm with Lua is not installed\n").unwrap();
                return;
            }
        };
        let said = String::from_utf8(output.stdout).unwrap();
        let said: Vec<i32> = said.split_whitespace().map(|word| word.parse().unwrap()).collect();
        assert_eq!(said.len(), versions.len() / 2);
        for (pair, said) in versions.chunks(2).zip(said) {
            assert_eq!(vercmp(&pair[0], &pair[1]) as i32, said, "{pair:?}");
        }
    }
}
