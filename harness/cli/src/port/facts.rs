//! Facts of a comparison, read of an image or kept in a file, as answers need them.

use std::collections::{BTreeMap, BTreeSet};

use muster_compare::facts::Facts;
use muster_compare::item::{Items, Part};
use muster_port::{Known, Paths, SystemFacts, Unit, User};
use muster_repodata::{Dependency, PackageRecord};

/// The kinds that are read of an image.
pub(super) const KINDS: &[&str] =
    &["identity", "unit", "user", "group", "sysctl", "kernel-option", "module", "command"];

/// What a system says of itself.
pub(super) fn of(facts: &Facts) -> SystemFacts {
    let field = |kind: &'static str, field: &'static str| {
        known(facts, kind, |items| {
            let value = |(name, item): (&String, &BTreeMap<&'static str, String>)| {
                item.get(field).map(|value| (name.clone(), value.clone()))
            };
            items.iter().filter_map(value).collect::<BTreeMap<_, _>>()
        })
    };
    let names = |kind| known(facts, kind, |items| items.keys().cloned().collect::<BTreeSet<_>>());
    SystemFacts {
        os_release: field("identity", "value"),
        arch: match facts.system.arch.as_str() {
            "" => Known::No("its facts do not name an architecture".to_owned()),
            arch => Known::Yes(arch.to_owned()),
        },
        isa_level: Known::No("it is a property of the machine that the image runs on".to_owned()),
        units: known(facts, "unit", |items| items.iter().map(|(name, item)| (name.clone(), unit(item))).collect()),
        users: known(facts, "user", |items| items.iter().map(|(name, item)| (name.clone(), user(item))).collect()),
        groups: names("group"),
        sysctls: field("sysctl", "value"),
        kernel_options: known(facts, "kernel-option", |items| {
            let value = |(name, item): (&String, &BTreeMap<&'static str, String>)| {
                (format!("CONFIG_{name}"), item.get("value").cloned().unwrap_or_default())
            };
            items.iter().map(value).collect()
        }),
        modules: names("module"),
        commands: field("command", "path"),
        paths: paths(facts),
    }
}

/// What is made of a kind's items. A system that is seen to have no such thing has none of it.
fn known<T>(facts: &Facts, kind: &str, make: impl FnOnce(&Items) -> T) -> Known<T> {
    match facts.parts.get(kind) {
        Some(Part::Known(items)) => Known::Yes(make(items)),
        Some(Part::Absent(_)) => Known::Yes(make(&Items::new())),
        Some(Part::Unreadable(why)) => Known::No(why.clone()),
        None => Known::No(format!("its facts have nothing of the kind `{kind}`")),
    }
}

fn unit(item: &BTreeMap<&'static str, String>) -> Unit {
    let of = |field: &str| item.get(field).filter(|value| !matches!(value.as_str(), "" | "-")).cloned();
    Unit { state: of("state"), preset: of("preset") }
}

fn user(item: &BTreeMap<&'static str, String>) -> User {
    let of = |field: &str| item.get(field).cloned().unwrap_or_default();
    User { home: of("home"), shell: of("shell") }
}

/// The installed packages of a facts file; `None` when it does not know them. With `alone`, where no repository's
/// metadata can say what they provide, what the facts themselves know of that is added.
pub(super) fn installed(facts: &Facts, alone: bool) -> Option<Vec<PackageRecord>> {
    let items = facts.items("package")?;
    let mut out: Vec<PackageRecord> = items.iter().flat_map(|(name, item)| instances(name, item)).collect();
    if !alone {
        return Some(out);
    }
    let at: BTreeMap<String, usize> = out.iter().enumerate().map(|(at, one)| (one.name.clone(), at)).collect();
    let owners = |item: &BTreeMap<&'static str, String>| {
        let list = item.get("package").map(String::as_str).unwrap_or_default();
        list.split(", ").filter_map(|owner| at.get(owner).copied()).collect::<Vec<_>>()
    };
    for (capability, item) in facts.items("soname").into_iter().flatten() {
        if let Ok(dependency) = Dependency::parse(capability) {
            owners(item).into_iter().for_each(|at| out[at].provides.push(dependency.clone()));
        }
    }
    for item in facts.items("command").into_iter().flatten().map(|(_, item)| item) {
        if let Some(path) = item.get("path") {
            owners(item).into_iter().for_each(|at| out[at].files.push(path.clone()));
        }
    }
    Some(out)
}

/// Several versions of one name are lists; where they are not of one length, a value is that of all.
fn instances(name: &str, item: &BTreeMap<&'static str, String>) -> Vec<PackageRecord> {
    let list =
        |field: &str| -> Vec<&str> { item.get(field).map(|value| value.split(", ").collect()).unwrap_or_default() };
    let (epochs, versions, releases, arches) = (list("epoch"), list("version"), list("release"), list("arch"));
    let count = [&versions, &releases, &arches].iter().map(|list| list.len()).max().unwrap_or_default();
    let of = |list: &[&str], at: usize| list.get(at).or(list.first()).copied().unwrap_or_default().to_owned();
    (0..count)
        .map(|at| PackageRecord {
            epoch: of(&epochs, at).parse().unwrap_or_default(),
            ..PackageRecord::new(name, &of(&versions, at), &of(&releases, at), &of(&arches, at))
        })
        .collect()
}

/// Files that were listed are there; below the trees that were read there are no others.
fn paths(facts: &Facts) -> Paths {
    match facts.parts.get("file") {
        Some(Part::Known(items)) => Paths {
            seen: items.keys().map(|path| (path.clone(), true)).collect(),
            whole: facts.trees.iter().map(|tree| tree.trim_end_matches('/').to_owned()).collect(),
        },
        _ => Paths::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(parts: &[(&'static str, Part)]) -> Facts {
        Facts { parts: parts.iter().cloned().collect(), trees: vec!["/etc/".to_owned()], ..Facts::default() }
    }

    fn items(rows: &[(&str, &[(&'static str, &str)])]) -> Part {
        let item =
            |fields: &[(&'static str, &str)]| fields.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
        Part::Known(rows.iter().map(|(name, fields)| ((*name).to_owned(), item(fields))).collect())
    }

    #[test]
    fn what_could_not_be_read_is_not_known_and_what_is_absent_is_none() {
        let of = of(&facts(&[
            ("unit", items(&[("nginx.service", &[("state", "disabled"), ("preset", "-")])])),
            ("user", Part::Unreadable("getent: not found".into())),
            ("module", Part::Absent("no modules".into())),
            ("kernel-option", items(&[("HZ", &[("value", "100")])])),
            ("file", items(&[("/etc/hosts", &[])])),
        ]));
        let unit = of.unit("nginx.service").unwrap().unwrap();
        assert_eq!((unit.state.as_deref(), unit.preset.as_deref()), (Some("disabled"), None));
        assert_eq!(of.users, Known::No("getent: not found".into()));
        assert_eq!(of.modules, Known::Yes(BTreeSet::new()));
        assert_eq!(of.kernel_options.value().unwrap()["CONFIG_HZ"], "100");
        assert!(matches!(&of.groups, Known::No(why) if why.contains("`group`")));
        assert!(matches!(of.arch, Known::No(_)));
        assert_eq!((of.paths.exists("/etc/hosts"), of.paths.exists("/etc/motd")), (Some(true), Some(false)));
        assert_eq!(of.paths.exists("/usr/bin/x"), None);
    }

    #[test]
    fn installed_packages_are_those_of_the_facts() {
        let kept = facts(&[
            (
                "package",
                items(&[
                    ("kernel", &[("version", "6.1, 6.2"), ("release", "1"), ("arch", "x86_64")]),
                    ("zlib", &[("epoch", "1"), ("version", "1.3"), ("release", "2"), ("arch", "x86_64")]),
                ]),
            ),
            ("soname", items(&[("libz.so.1()(64bit)", &[("package", "zlib")])])),
            ("command", items(&[("minigzip", &[("path", "/usr/bin/minigzip"), ("package", "zlib")])])),
        ]);
        let names = |records: &[PackageRecord]| {
            let name = |one: &PackageRecord| {
                format!("{}-{}:{}-{}.{}", one.name, one.epoch, one.version, one.release, one.arch)
            };
            records.iter().map(name).collect::<Vec<_>>()
        };
        let found = installed(&kept, false).unwrap();
        assert_eq!(names(&found), ["kernel-0:6.1-1.x86_64", "kernel-0:6.2-1.x86_64", "zlib-1:1.3-2.x86_64"]);
        assert!(found.iter().all(|one| one.provides.is_empty()));
        let alone = installed(&kept, true).unwrap();
        assert_eq!(alone[2].provides[0].to_string(), "libz.so.1()(64bit)");
        assert_eq!(alone[2].files, ["/usr/bin/minigzip"]);
        assert_eq!(installed(&facts(&[]), true), None);
    }

    #[test]
    fn every_kind_that_is_read_is_one_of_a_comparison() {
        for kind in KINDS {
            assert!(muster_compare::kinds::find(kind).is_some(), "{kind}");
        }
    }
}
