//! What dpkg-query prints, and how dpkg orders versions. As with rpm, no answer is not "not installed": a
//! name is only believed to be missing in a list that is whole.

use std::cmp::Ordering;

use super::shell;
use crate::unreadable::{Read, Unreadable};
use muster_base::text::one_line;

/// Key of the probe that lists all packages.
pub const ALL: &str = "dpkg/all";

/// The script that lists all packages that dpkg knows, installed or not. The last line says that it ended.
pub fn all_packages() -> String {
    format!(
        "{}export LC_ALL=C\ndpkg-query -W -f 'package\\t${{Package}}\\t${{Architecture}}\\t${{Version}}\\t${{db:Status-Status}}\\t${{Origin}}\\t${{Maintainer}}\\t${{source:Package}}\\t${{Installed-Size}}\\t${{Provides}}\\t${{Pre-Depends}}\\t${{Depends}}\\n' || exit 1\necho '= end'",
        shell::need("dpkg-query")
    )
}

/// A package that dpkg knows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// `amd64`, `all`, ….
    pub arch: String,
    /// As deb-version(7) writes it.
    pub version: String,
    /// The last word of its status: `installed`, `config-files`, `half-configured`…
    pub status: String,
    /// Who distributes it, where the package says so; Debian's own do not.
    pub origin: String,
    /// As the package states it.
    pub maintainer: String,
    /// The source package, without version.
    pub source: String,
    /// Bytes when it is installed, as whoever built it says; none where nobody did, as dpkg-deb does not.
    pub size: Option<u128>,
    /// As written, with versions.
    pub provides: String,
    /// As written, with versions.
    pub depends: String,
}

impl Package {
    /// Whether it is installed, which awaited triggers do not change; `None` when dpkg broke off with it.
    pub fn installed(&self) -> Option<bool> {
        match self.status.as_str() {
            "installed" | "triggers-awaited" | "triggers-pending" => Some(true),
            "not-installed" | "config-files" => Some(false),
            _ => None,
        }
    }

    /// Whether a label means it: its name, alone or with its architecture behind a colon or a dot.
    pub(crate) fn is_called(&self, label: &str) -> bool {
        let Self { name, arch, .. } = self;
        label == name || label == format!("{name}:{arch}") || label == format!("{name}.{arch}")
    }
}

/// Reads what [`all_packages`] printed.
///
/// # Errors
/// When it is not a whole list of at least one package.
pub fn packages(text: &str) -> Read<Vec<Package>> {
    let list = text.strip_suffix("= end\n").ok_or_else(|| Unreadable::new("dpkg-query was cut off"))?;
    let mut packages = Vec::new();
    for line in list.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let ["package", name, arch, version, status, origin, maintainer, source, size, provides, pre_depends, depends] =
            fields.as_slice()
        else {
            return Err(Unreadable::new(format!("dpkg-query prints `{}`", one_line(line, 120))));
        };
        // In KiB, and free text: there are packages that state `706.0` or `6.5 kB`.
        let size = size.parse::<u128>().ok();
        let both: Vec<&str> = [*pre_depends, *depends].into_iter().filter(|list| !list.is_empty()).collect();
        packages.push(Package {
            name: (*name).to_owned(),
            arch: (*arch).to_owned(),
            version: (*version).to_owned(),
            status: (*status).to_owned(),
            origin: (*origin).to_owned(),
            maintainer: (*maintainer).to_owned(),
            source: (*source).to_owned(),
            size: size.map(|size| size.saturating_mul(1024)),
            provides: (*provides).to_owned(),
            depends: both.join(", "),
        });
    }
    if packages.is_empty() { Err(Unreadable::new("the database of dpkg is empty")) } else { Ok(packages) }
}

/// The names in a field of relations, without versions, architectures and build profiles; of alternatives
/// (`a | b`) each.
pub(crate) fn relations(field: &str) -> Vec<String> {
    let name = |text: &str| {
        let name = text.split(['(', '[', '<']).next().unwrap_or_default().trim();
        name.split(':').next().unwrap_or_default().to_owned()
    };
    let mut names: Vec<String> = field.split([',', '|']).map(name).filter(|name| !name.is_empty()).collect();
    names.sort();
    names.dedup();
    names
}

/// A version as deb-version(7) splits it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version<'a> {
    /// 0 when none is stated.
    pub epoch: u64,
    /// Between epoch and revision.
    pub upstream: &'a str,
    /// After the last `-`, if there is one.
    pub revision: Option<&'a str>,
}

impl<'a> Version<'a> {
    /// Reads `[epoch:]upstream[-revision]`; `None` when the epoch is no number or nothing is left.
    pub fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim();
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest)) => (epoch.parse().ok()?, rest),
            None => (0, text),
        };
        let (upstream, revision) =
            rest.rsplit_once('-').map_or((rest, None), |(upstream, revision)| (upstream, Some(revision)));
        (!upstream.is_empty()).then_some(Self { epoch, upstream, revision })
    }

    /// dpkg's order; of two equal ones of which one states no revision, that one is older, unless the
    /// revision begins with a tilde.
    pub(crate) fn compare(self, other: Version<'_>) -> Ordering {
        self.without_revision(other)
            .then_with(|| part(self.revision.unwrap_or_default(), other.revision.unwrap_or_default()))
    }

    /// dpkg's order for what a suite states: a bound without a revision is compared without revisions, as
    /// one without a release is for RPM packages.
    pub(crate) fn compare_to_bound(self, bound: Version<'_>) -> Ordering {
        if bound.revision.is_some() { self.compare(bound) } else { self.without_revision(bound) }
    }

    fn without_revision(self, other: Version<'_>) -> Ordering {
        self.epoch.cmp(&other.epoch).then_with(|| part(self.upstream, other.upstream))
    }
}

/// dpkg's order of whole versions; what is none comes first.
pub(crate) fn compare(one: &str, two: &str) -> Ordering {
    match (Version::parse(one), Version::parse(two)) {
        (Some(one), Some(two)) => one.compare(two),
        (one, two) => one.is_some().cmp(&two.is_some()),
    }
}

/// dpkg's `verrevcmp` (lib/dpkg/version.c): in turns a run without digits, in which a tilde comes before the
/// end and letters before other signs, and a number.
fn part(one: &str, two: &str) -> Ordering {
    let (mut one, mut two) = (one.as_bytes(), two.as_bytes());
    let weight = |byte: Option<&u8>| match byte {
        None => 0,
        Some(b'~') => -1,
        Some(byte) if byte.is_ascii_digit() => 0,
        Some(byte) if byte.is_ascii_alphabetic() => i32::from(*byte),
        Some(byte) => i32::from(*byte) + 256,
    };
    while !one.is_empty() || !two.is_empty() {
        let is_text = |bytes: &[u8]| bytes.first().is_some_and(|byte| !byte.is_ascii_digit());
        while is_text(one) || is_text(two) {
            let order = weight(one.first()).cmp(&weight(two.first()));
            if order != Ordering::Equal {
                return order;
            }
            (one, two) = (one.get(1..).unwrap_or_default(), two.get(1..).unwrap_or_default());
        }
        let (mine, rest_one) = number(one);
        let (theirs, rest_two) = number(two);
        let order = mine.len().cmp(&theirs.len()).then_with(|| mine.cmp(theirs));
        if order != Ordering::Equal {
            return order;
        }
        (one, two) = (rest_one, rest_two);
    }
    Ordering::Equal
}

/// The digits at the beginning, without leading zeros, and what follows.
fn number(text: &[u8]) -> (&[u8], &[u8]) {
    let (digits, rest) = text.split_at(text.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len()));
    let zeros = digits.iter().position(|digit| *digit != b'0').unwrap_or(digits.len());
    (&digits[zeros..], rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lcg(state: &mut u64) -> usize {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(*state >> 33).unwrap()
    }

    /// Versions of the letters that decide: digits with and without zeros, letters, tildes, plusses.
    fn made(state: &mut u64) -> String {
        const PIECES: [&str; 14] = ["0", "1", "9", "10", "01", "a", "b", "Z", ".", "+", "~", "~~", "-", "rc"];
        let mut text = String::from(["", "1:", "0:", "2:"][lcg(state) % 4]);
        text.push_str(["0", "1", "2"][lcg(state) % 3]);
        for _ in 0..lcg(state) % 6 {
            text.push_str(PIECES[lcg(state) % PIECES.len()]);
        }
        // dpkg refuses an empty revision.
        if text.ends_with('-') { text + "1" } else { text }
    }

    #[test]
    fn versions_are_ordered_as_dpkg_orders_them() {
        if crate::testing::this_host_lacks("/usr/bin/dpkg") {
            return;
        }
        let mut state = 7;
        let pairs: Vec<(String, String)> = (0..400).map(|_| (made(&mut state), made(&mut state))).collect();
        let script: String = pairs
            .iter()
            .map(|(one, two)| format!("if dpkg --compare-versions '{one}' lt '{two}'; then echo lt; elif dpkg --compare-versions '{one}' eq '{two}'; then echo eq; else echo gt; fi\n"))
            .collect();
        let output = std::process::Command::new("/bin/sh").args(["-c", &script]).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(said.lines().count(), pairs.len());
        for ((one, two), said) in pairs.iter().zip(said.lines()) {
            let order = match compare(one, two) {
                Ordering::Less => "lt",
                Ordering::Equal => "eq",
                Ordering::Greater => "gt",
            };
            assert_eq!(order, said, "{one} {two}");
        }
    }

    #[test]
    fn the_order_of_the_manual_page_holds_without_dpkg() {
        let ascending = ["1.0~~", "1.0~~a", "1.0~", "1.0", "1.0-1", "1.0a-1", "1.0+b1-1", "1.0.1", "1.10", "1:0.1"];
        for pair in ascending.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(compare(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
        assert_eq!(compare("0:1.01", "1.1"), Ordering::Equal);
        let bound =
            |seen: &str, bound: &str| Version::parse(seen).unwrap().compare_to_bound(Version::parse(bound).unwrap());
        assert_eq!(bound("5.2.15-2+b8", "5.2.15"), Ordering::Equal);
        assert_eq!(bound("5.2.15-2+b8", "5.2.15-2"), Ordering::Greater);
        assert_eq!((Version::parse("x:1"), Version::parse("")), (None, None));
    }

    /// dpkg 1.21 of Debian 12.
    const SAID: &str = "package\tbash\tamd64\t5.2.15-2+b8\tinstalled\t\tMatthias Klose <doko@debian.org>\tbash\t7164\t\tlibc6 (>= 2.36), libtinfo6 (>= 6)\tbase-files (>= 2.1.12), debianutils (>= 5.6-0.1)\npackage\tgone\tall\t1\tconfig-files\t\tx\tgone\t\t\t\t\npackage\thalf\tamd64\t2\thalf-configured\t\tx\thalf\t3\tawk\t\ta | b:any (>= 1), c [linux-any]\n= end\n";

    #[test]
    fn a_list_that_is_not_whole_is_none() {
        let list = packages(SAID).unwrap();
        assert_eq!(list.iter().map(Package::installed).collect::<Vec<_>>(), [Some(true), Some(false), None]);
        assert!(list[0].is_called("bash:amd64") && list[0].is_called("bash.amd64") && !list[0].is_called("bash-5.2"));
        assert_eq!(relations(&list[0].depends), ["base-files", "debianutils", "libc6", "libtinfo6"]);
        assert_eq!(relations(&list[2].depends), ["a", "b", "c"]);
        assert!(packages("= end\n").unwrap_err().to_string().contains("empty"));
        assert!(packages(SAID.strip_suffix("= end\n").unwrap()).is_err() && packages("package\tx\n= end\n").is_err());
    }

    #[test]
    fn this_host_s_packages_are_read() {
        if crate::testing::this_host_lacks("/usr/bin/dpkg-query") {
            return;
        }
        let seen = crate::testing::on_this_host(&[crate::check::Probe::new(ALL, 30, all_packages())]);
        let list = packages(&seen.output(ALL).unwrap()).unwrap();
        let libc = list.iter().find(|package| package.name == "libc6").unwrap();
        assert_eq!((libc.source.as_str(), libc.installed()), ("glibc", Some(true)));
    }
}
