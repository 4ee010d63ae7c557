//! Installed packages, signing keys excepted.

use std::collections::BTreeMap;

use super::answer;
use super::database::{self, Database};
use crate::difference::{self, Difference};
use crate::error::KindError;
use crate::item::{Field, Item, Items, Part, compared, reported};
use crate::kind::{FactKind, Scope};
use muster_base::text;
use muster_check::types::rpmdb;
use muster_check::{Observations, Probe, dpkg, rpm};

/// The kind.
pub(crate) struct Package;

const FIELDS: &[Field] = &[
    compared("epoch", "Its epoch, 0 when it has none; as all others, of each installed instance."),
    compared("version", "Its version."),
    compared("release", "Its release."),
    compared("arch", "The architecture it is built for."),
    compared("vendor", "Who made it."),
    reported("source", "The source package it was built from, without version."),
    reported("size", "Installed bytes."),
];

impl FactKind for Package {
    fn name(&self) -> &'static str {
        "package"
    }

    fn what(&self) -> &'static str {
        "packages"
    }

    fn fields(&self) -> &'static [Field] {
        FIELDS
    }

    fn probes(&self, _: &Scope) -> Vec<Probe> {
        probes()
    }

    fn parse(&self, seen: &Observations) -> Result<Part, KindError> {
        match installed(seen)? {
            Err(absent) => Ok(absent),
            Ok(packages) => answer::some(by_name(packages), "package"),
        }
    }

    fn differences(&self, before: &Items, after: &Items) -> Vec<Difference> {
        let mut out = difference::of_items(self.name(), FIELDS, before, after);
        for difference in &mut out {
            difference.packages = vec![difference.subject.clone()];
        }
        out
    }
}

/// What must be read for [`installed`].
pub(super) fn probes() -> Vec<Probe> {
    vec![
        database::probe(),
        Probe::new(rpmdb::ALL, 120, rpmdb::all_packages()),
        Probe::new(dpkg::ALL, 60, dpkg::all_packages()),
    ]
}

/// All packages but keys; as `Err` the part that there are none.
pub(super) fn installed(seen: &Observations) -> Result<Result<Vec<rpm::Package>, Part>, KindError> {
    match database::of(seen)? {
        Err(absent) => Ok(Err(absent)),
        Ok(Database::Foreign(name)) => Err(KindError::Foreign(name)),
        Ok(Database::Rpm) => of_rpm(seen).map(Ok),
        Ok(Database::Dpkg) => of_dpkg(seen).map(Ok),
    }
}

fn of_rpm(seen: &Observations) -> Result<Vec<rpm::Package>, KindError> {
    let mut packages = rpm::packages(&text::escape(&answer::output(seen, rpmdb::ALL)?)).map_err(KindError::reading)?;
    packages.retain(|package| !package.is_key());
    if packages.is_empty() { Err(KindError::NoPackages) } else { Ok(packages) }
}

/// All packages of dpkg that are installed, and those with which it broke off, whose version says so.
fn of_dpkg(seen: &Observations) -> Result<Vec<rpm::Package>, KindError> {
    let known = dpkg::packages(&text::escape(&answer::output(seen, dpkg::ALL)?)).map_err(KindError::reading)?;
    let installed = known.into_iter().filter(|package| package.installed() != Some(false));
    Ok(installed
        .map(|package| {
            let version = dpkg::Version::parse(&package.version);
            let (epoch, upstream, revision) = version.map_or((0, package.version.as_str(), ""), |version| {
                (version.epoch, version.upstream, version.revision.unwrap_or_default())
            });
            let broken = if package.installed().is_none() { format!(" ({})", package.status) } else { String::new() };
            rpm::Package {
                epoch: epoch.to_string(),
                version: format!("{upstream}{broken}"),
                release: revision.to_owned(),
                vendor: package.origin,
                // In the form of rpm's, so that both are read by one rule.
                source: format!("{}-0-0.src.rpm", package.source),
                name: package.name,
                arch: package.arch,
                size: package.size.unwrap_or_default(),
                ..rpm::Package::default()
            }
        })
        .collect())
}

/// Several instances of a name (kernels, word sizes) are one subject, oldest first.
fn by_name(packages: Vec<rpm::Package>) -> Items {
    let mut names: BTreeMap<String, Vec<rpm::Package>> = BTreeMap::new();
    for package in packages {
        names.entry(package.name.clone()).or_default().push(package);
    }
    names
        .into_iter()
        .map(|(name, mut instances)| {
            instances.sort_by(|a, b| rpm::compare(&a.evr(), &b.evr()).then_with(|| a.arch.cmp(&b.arch)));
            (name, merged(&instances))
        })
        .collect()
}

fn merged(instances: &[rpm::Package]) -> Item {
    let each = |of: &dyn Fn(&rpm::Package) -> &str| {
        let values: Vec<&str> = instances.iter().map(of).collect();
        // The same version in two word sizes is one version.
        let same = values.iter().all(|value| *value == values[0]);
        if same { values[0].to_owned() } else { values.join(", ") }
    };
    let epoch = |package: &rpm::Package| if package.epoch.is_empty() { "0".to_owned() } else { package.epoch.clone() };
    let epochs: Vec<String> = instances.iter().map(epoch).collect();
    let epoch = if epochs.iter().all(|epoch| *epoch == epochs[0]) { epochs[0].clone() } else { epochs.join(", ") };
    Item::from([
        ("epoch", epoch),
        ("version", each(&|package| &package.version)),
        ("release", each(&|package| &package.release)),
        ("arch", each(&|package| &package.arch)),
        ("vendor", each(&|package| &package.vendor)),
        ("source", each(&|package| source_name(&package.source))),
        ("size", instances.iter().map(|package| package.size).sum::<u128>().to_string()),
    ])
}

/// `systemd-258.4-1.azl4.src.rpm` is of `systemd`.
fn source_name(source: &str) -> &str {
    let stem = source.strip_suffix(".src.rpm").or_else(|| source.strip_suffix(".nosrc.rpm")).unwrap_or_default();
    let mut from_the_end = stem.rsplitn(3, '-');
    match (from_the_end.next(), from_the_end.next(), from_the_end.next()) {
        (Some(_), Some(_), Some(name)) => name,
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{known, seen};

    fn line(name: &str, version: &str, arch: &str) -> String {
        format!(
            "package\t{name}\t0\t{version}\t1.azl4\t{arch}\tMicrosoft\t\tMIT\t{name}-src-{version}-1.azl4.src.rpm\tb\t10\t(none)\n"
        )
    }

    fn parse(text: &str) -> Result<Part, KindError> {
        Package.parse(&seen(&[database::RPM, (rpmdb::ALL, text)]))
    }

    #[test]
    fn instances_of_a_name_are_one_subject_in_order() {
        let text = [
            line("kernel", "6.18.10", "x86_64"),
            line("kernel", "6.18.9", "x86_64"),
            line("glibc", "2.42", "x86_64"),
            line("glibc", "2.42", "i686"),
            line("gpg-pubkey", "1", "(none)"),
        ]
        .concat();
        let items = known(parse(&text));
        assert_eq!(items.keys().collect::<Vec<_>>(), ["glibc", "kernel"]);
        assert_eq!(
            (items["kernel"]["version"].as_str(), items["kernel"]["release"].as_str()),
            ("6.18.9, 6.18.10", "1.azl4")
        );
        assert_eq!((items["glibc"]["arch"].as_str(), items["glibc"]["size"].as_str()), ("i686, x86_64", "20"));
        assert_eq!(items["kernel"]["source"], "kernel-src");
    }

    #[test]
    fn packages_of_dpkg_are_compared_and_those_of_others_are_not_called_absent() {
        let line = |name: &str, version: &str, status: &str| {
            format!("package\t{name}\tamd64\t{version}\t{status}\t\tx\tsrc-{name}\t1\t\t\t\n")
        };
        let list = [
            line("a", "1:2.3-4", "installed"),
            line("b", "5", "config-files"),
            line("c", "6~rc1-1", "half-configured"),
        ]
        .concat();
        let items = known(Package.parse(&seen(&[database::DPKG, (dpkg::ALL, &format!("{list}= end\n"))])));
        assert_eq!(items.keys().collect::<Vec<_>>(), ["a", "c"]);
        let of = |field: &str| items["a"][field].as_str();
        assert_eq!(
            [of("epoch"), of("version"), of("release"), of("source"), of("size")],
            ["1", "2.3", "4", "src-a", "1024"]
        );
        assert_eq!(items["c"]["version"], "6~rc1 (half-configured)");
        assert!(Package.parse(&seen(&[database::DPKG, (dpkg::ALL, &list)])).is_err(), "cut off");
        assert!(Package.parse(&seen(&[database::PACMAN])).unwrap_err().to_string().contains("pacman"));
    }

    #[test]
    fn an_empty_database_and_a_torn_line_are_errors() {
        assert!(parse("").unwrap_err().to_string().contains("printed nothing"));
        assert!(parse("package\tbash\n").is_err());
        assert_eq!(source_name("(none)"), "");
    }
}
