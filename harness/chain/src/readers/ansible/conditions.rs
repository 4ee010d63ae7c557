//! What `when:` says of the system.
//!
//! Ansible has tables of its own by which the id of a system becomes a distribution and a family
//! (`lib/ansible/module_utils/facts/system/distribution.py`). A system that is in none of them, as one that was made of
//! Fedora's packages, is its own family: no condition on another one is true there.

use crate::need::Want;
use crate::why::Why;

/// A condition on the system.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Condition {
    /// Ids of the systems that it names.
    ids: Vec<String>,
    /// It holds for all others.
    not: bool,
}

impl Condition {
    /// As a need.
    pub(super) fn want(&self) -> Want {
        Want::OsRelease { key: "ID".to_owned(), known: self.ids.clone(), otherwise: self.not }
    }

    /// Whether it holds only where Fedora's names of packages do not.
    pub(super) fn is_foreign(&self) -> bool {
        !self.not && self.ids.iter().all(|id| !FAMILIES[0].1.contains(&id.as_str()))
    }
}

/// Families of Ansible, and the ids of their systems. The first is that of Fedora's names.
const FAMILIES: &[(&str, &[&str])] = &[
    (
        "RedHat",
        &[
            "rhel",
            "fedora",
            "centos",
            "rocky",
            "almalinux",
            "ol",
            "amzn",
            "scientific",
            "cloudlinux",
            "eurolinux",
            "virtuozzo",
            "xenenterprise",
            "alinux",
            "tencentos",
            "miraclelinux",
            "kylin",
        ],
    ),
    ("Debian", &["debian", "ubuntu", "raspbian", "linuxmint", "pop", "kali", "neon", "deepin", "uos", "parrot"]),
    ("Suse", &["sles", "sled", "sles_sap", "opensuse-leap", "opensuse-tumbleweed", "opensuse"]),
    ("Archlinux", &["arch", "antergos", "manjaro"]),
    ("Alpine", &["alpine"]),
    ("Gentoo", &["gentoo", "funtoo"]),
    ("Slackware", &["slackware"]),
    ("Mandrake", &["mandriva", "mandrake"]),
    ("Altlinux", &["altlinux"]),
    ("ClearLinux", &["clear-linux-os"]),
    ("NixOS", &["nixos"]),
    ("FreeBSD", &["freebsd"]),
    ("OpenBSD", &["openbsd"]),
    ("NetBSD", &["netbsd"]),
    ("Darwin", &["macos"]),
    ("Windows", &["windows"]),
    ("Solaris", &["solaris", "smartos", "omnios"]),
];

/// Distributions as Ansible calls them, and their ids.
const DISTRIBUTIONS: &[(&str, &str)] = &[
    ("Fedora", "fedora"),
    ("RedHat", "rhel"),
    ("Red Hat Enterprise Linux", "rhel"),
    ("CentOS", "centos"),
    ("CentOS Linux", "centos"),
    ("Rocky", "rocky"),
    ("Rocky Linux", "rocky"),
    ("AlmaLinux", "almalinux"),
    ("OracleLinux", "ol"),
    ("Oracle Linux", "ol"),
    ("Amazon", "amzn"),
    ("Scientific", "scientific"),
    ("Debian", "debian"),
    ("Ubuntu", "ubuntu"),
    ("Linux Mint", "linuxmint"),
    ("Kali", "kali"),
    ("SLES", "sles"),
    ("openSUSE", "opensuse"),
    ("openSUSE Leap", "opensuse-leap"),
    ("openSUSE Tumbleweed", "opensuse-tumbleweed"),
    ("Archlinux", "arch"),
    ("Manjaro", "manjaro"),
    ("Alpine", "alpine"),
    ("Gentoo", "gentoo"),
    ("FreeBSD", "freebsd"),
    ("MacOSX", "macos"),
];

/// The conditions on the system in an expression; none where it has only other variables.
///
/// # Errors
/// It knows something of the system that is not read.
pub(super) fn read(text: &str) -> Result<Vec<Condition>, Why> {
    let mut out = Vec::new();
    for part in text.split(" and ") {
        let part = part.trim().trim_matches(['(', ')']).trim();
        if !part.contains("ansible_") {
            continue;
        }
        let mut whole: Option<Condition> = None;
        for atom in part.split(" or ") {
            let found = atom_of(atom.trim().trim_matches(['(', ')']).trim())?;
            match &mut whole {
                None => whole = Some(found),
                Some(whole) if whole.not || found.not => return Err("a condition of several systems".into()),
                Some(whole) => whole.ids.extend(found.ids),
            }
        }
        out.extend(whole);
    }
    Ok(out)
}

fn atom_of(text: &str) -> Result<Condition, Why> {
    let unknown = || format!("what `{}` is on the system is not known here", muster_base::text::one_line(text, 60));
    let at = [" not in ", " in ", "==", "!="].iter().find_map(|sign| Some((text.split_once(sign)?, *sign)));
    let ((fact, value), sign) = at.ok_or_else(unknown)?;
    let fact: String = fact.chars().filter(|c| !c.is_whitespace() && !"'\"[]".contains(*c)).collect();
    let fact = fact.split('|').next().unwrap_or_default();
    let fact = fact.strip_prefix("ansible_facts.").or_else(|| fact.strip_prefix("ansible_facts")).unwrap_or(fact);
    let fact = fact.strip_prefix("ansible_").unwrap_or(fact);
    let lower = text.contains("| lower") || text.contains("|lower");
    let names = value.split(',').map(|name| name.trim_matches(|c: char| c.is_whitespace() || "'\"[]()".contains(c)));
    let same = |one: &str, other: &str| if lower { one.eq_ignore_ascii_case(other) } else { one == other };
    let mut ids = Vec::new();
    for name in names.filter(|name| !name.is_empty()) {
        match fact {
            "os_family" => {
                let family = FAMILIES.iter().find(|(family, _)| same(family, name)).ok_or_else(unknown)?;
                ids.extend(family.1.iter().map(|id| (*id).to_owned()));
            }
            "distribution" => {
                let one = DISTRIBUTIONS.iter().find(|(one, _)| same(one, name)).ok_or_else(unknown)?;
                ids.push(one.1.to_owned());
            }
            _ => return Err(unknown().into()),
        }
    }
    if ids.is_empty() {
        return Err(unknown().into());
    }
    Ok(Condition { ids, not: matches!(sign, "!=" | " not in ") })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> (Vec<String>, bool, bool) {
        let mut found = read(text).unwrap();
        assert_eq!(found.len(), 1, "{text}");
        let found = found.remove(0);
        (found.ids.clone(), found.not, found.is_foreign())
    }

    #[test]
    fn families_and_distributions_become_ids() {
        for family in [
            "ansible_os_family == \"RedHat\"",
            "ansible_facts['os_family'] == 'RedHat'",
            "ansible_facts.os_family == 'RedHat'",
            "ansible_facts[\"os_family\"] | lower == 'redhat'",
            "install_it and (ansible_os_family == 'RedHat')",
        ] {
            let (ids, not, foreign) = one(family);
            assert!(ids.len() == 16 && ids[1] == "fedora" && !not && !foreign, "{family}");
        }
        let some = one("ansible_distribution in ['Fedora', 'CentOS']");
        assert_eq!(some, (vec!["fedora".into(), "centos".into()], false, false));
        let some = one("ansible_distribution == 'Fedora' or ansible_distribution == 'Ubuntu'");
        assert_eq!(some, (vec!["fedora".into(), "ubuntu".into()], false, false));
        assert_eq!(one("ansible_distribution != 'Ubuntu'"), (vec!["ubuntu".into()], true, false));
        assert!(one("ansible_os_family == 'Debian'").2 && one("ansible_distribution not in ['Fedora']").1);
    }

    #[test]
    fn what_is_not_about_the_system_is_no_condition_and_other_facts_are_not_guessed() {
        assert_eq!(read("install_docker | bool and not there.stat.exists"), Ok(Vec::new()));
        for unknown in [
            "ansible_distribution_major_version | int >= 8",
            "ansible_pkg_mgr == 'dnf'",
            "ansible_distribution == 'Hannah Montana Linux'",
            "ansible_distribution == my_distribution",
            "ansible_facts.services['x'] is defined",
            "ansible_distribution == 'Fedora' or ansible_distribution != 'Ubuntu'",
        ] {
            assert!(read(unknown).is_err(), "{unknown}");
        }
    }
}
