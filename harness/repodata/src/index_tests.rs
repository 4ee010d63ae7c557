use super::*;
use crate::Operator;

fn record(name: &str, version: &str, arch: &str) -> PackageRecord {
    PackageRecord { installed_size: 100, download_size: 10, ..PackageRecord::new(name, version, "1.azl4", arch) }
}

fn dependencies(texts: &[&str]) -> Vec<Dependency> {
    texts.iter().map(|text| Dependency::parse(text).unwrap()).collect()
}

fn index() -> Index {
    let mut builder = IndexBuilder::new("x86_64");
    let base = [
        PackageRecord {
            provides: dependencies(&["libz.so.1()(64bit)", "zlib = 1.3"]),
            obsoletes: dependencies(&["zlib < 1.3"]),
            source: Some("zlib-ng-2.2-1.azl4.src.rpm".to_owned()),
            ..record("zlib-ng-compat", "2.2", "x86_64")
        },
        PackageRecord { files: vec!["/usr/bin/bash".to_owned()], ..record("bash", "5.2", "x86_64") },
        record("bash", "5.10", "x86_64"),
        record("bash", "5.10", "i686"),
        record("grub2-efi", "2.12", "aarch64"),
        PackageRecord { files: vec!["/usr/sbin/nginx".to_owned()], ..record("nginx", "1.26", "x86_64") },
    ];
    builder.repository("base", true, &base).unwrap();
    builder.repository("sdk", false, &[record("bash", "6.0", "x86_64")]).unwrap();
    builder.installed(&[record("bash", "5.2", "x86_64"), record("setup", "2.15", "noarch")]).unwrap();
    builder.build()
}

fn shown(index: &Index, ids: &[PackageId]) -> Vec<String> {
    ids.iter().map(|id| format!("{} {}", index.package(*id).nevra(), index.package(*id).repository)).collect()
}

#[test]
fn names_are_newest_first_and_of_this_architecture() {
    let index = index();
    assert_eq!(
        shown(&index, index.named("bash")),
        [
            "bash-6.0-1.azl4.x86_64 sdk",
            "bash-5.10-1.azl4.x86_64 base",
            "bash-5.10-1.azl4.i686 base",
            "bash-5.2-1.azl4.x86_64 @installed",
            "bash-5.2-1.azl4.x86_64 base",
        ]
    );
    assert!(!index.is_available(index.named("bash")[0]) && index.is_available(index.named("bash")[1]));
    assert!(index.named("grub2-efi").is_empty() && index.named("no-such").is_empty());
    assert_eq!(index.exists_for_other_arch("grub2-efi"), ["aarch64"]);
    assert!(index.exists_for_other_arch("bash").is_empty());
    let packages: Vec<_> = index.repositories().iter().map(|one| (one.id.as_str(), one.packages)).collect();
    assert_eq!(packages, [("base", 5), ("sdk", 1), ("@installed", 2)]);
}

#[test]
fn capabilities_paths_and_commands_lead_to_packages() {
    let index = index();
    let names = |ids: Vec<PackageId>| ids.iter().map(|id| index.package(*id).name).collect::<Vec<_>>();
    assert_eq!(names(index.providers("zlib >= 1.2").unwrap()), ["zlib-ng-compat"]);
    assert_eq!(names(index.providers("zlib >= 1.4").unwrap()), [""; 0]);
    assert_eq!(names(index.providers("libz.so.1()(64bit)").unwrap()), ["zlib-ng-compat"]);
    assert_eq!(names(index.providers("(zlib or nginx)").unwrap()), ["nginx", "zlib-ng-compat"]);
    assert_eq!(names(index.providers("(zlib and no-such)").unwrap()), [""; 0]);
    assert_eq!(names(index.providers("(zlib with zlib-ng-compat)").unwrap()), ["zlib-ng-compat"]);
    assert_eq!(names(index.providers("(zlib without zlib-ng-compat)").unwrap()), [""; 0]);
    assert_eq!(names(index.providers("/usr/sbin/nginx").unwrap()), ["nginx"]);
    assert!(index.providers("(zlib").is_err());
    assert_eq!(names(index.owners("/bin/nginx")), ["nginx"]);
    assert_eq!(names(index.commands("nginx")), ["nginx"]);
    assert_eq!(names(index.commands("../nginx")), [""; 0]);
    assert_eq!(names(index.obsoleted_by("zlib")), ["zlib-ng-compat"]);
    assert!(index.covers("/usr/bin/none") && !index.covers("/usr/share/none"));
    let zlib = index.package(index.named("zlib-ng-compat")[0]);
    assert_eq!(zlib.source, Some("zlib-ng-2.2-1.azl4.src.rpm"));
    assert_eq!(index.provided_by(zlib.id).len(), 3);
    assert_eq!(index.provided_by(zlib.id)[2].bound, Some((Operator::Equal, "2.2-1.azl4".to_owned())));
}

#[test]
fn what_is_installed_takes_its_dependencies_from_the_repository_or_is_listed() {
    let index = index();
    let bash = index.installed().find(|id| index.package(*id).name == "bash").unwrap();
    assert_eq!(index.files(bash), ["/usr/bin/bash"]);
    let partial: Vec<_> = index.partial().iter().map(|id| index.package(*id).name).collect();
    assert_eq!(partial, ["setup"]);
    let other = index.with_installed(&[record("nginx", "1.26", "x86_64")]).unwrap();
    let installed: Vec<_> = other.installed().map(|id| other.package(id).name).collect();
    assert_eq!((installed, other.partial().len()), (vec!["nginx"], 0));
    assert!(!shown(&other, other.named("setup")).iter().any(|one| one.ends_with("@installed")));
}
