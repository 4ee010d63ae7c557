use super::*;
use crate::{Dependency, IndexBuilder, PackageRecord};

/// A package from one line: `name version`, then `provides:`, `requires:`, `conflicts:`, `obsoletes:`, `recommends:`,
/// `supplements:` or `file:` with what follows up to the next.
fn package(line: &str) -> PackageRecord {
    let mut parts = line.split(" | ");
    let (name, version) = parts.next().unwrap().split_once(' ').unwrap();
    let (version, arch) = version.split_once(' ').unwrap_or((version, "x86_64"));
    let mut record = PackageRecord::new(name, version, "1", arch);
    (record.installed_size, record.download_size) = (100, 10);
    for part in parts {
        let (list, text) = part.split_once(": ").unwrap();
        if list == "file" {
            record.files.push(text.to_owned());
            continue;
        }
        let dependency = Dependency::parse(text).unwrap();
        match list {
            "provides" => &mut record.provides,
            "requires" => &mut record.requires,
            "conflicts" => &mut record.conflicts,
            "obsoletes" => &mut record.obsoletes,
            "recommends" => &mut record.recommends,
            "supplements" => &mut record.supplements,
            _ => panic!("{list}"),
        }
        .push(dependency);
    }
    record
}

fn index(repository: &[&str], installed: &[&str]) -> Index {
    let mut builder = IndexBuilder::new("x86_64");
    let records: Vec<_> = repository.iter().map(|line| package(line)).collect();
    builder.repository("base", true, &records).unwrap();
    builder.repository("off", false, &[package("extra 1")]).unwrap();
    let installed: Vec<_> = installed.iter().map(|line| package(line)).collect();
    builder.installed(&installed).unwrap();
    builder.build()
}

fn wanted(names: &[&str]) -> Request {
    Request::install(names.iter().map(|name| Wanted::Spec((*name).to_owned())))
}

/// What is done, as one line; or the sentences.
fn said(index: &Index, request: &Request) -> String {
    let name = |id: &PackageId| format!("{}-{}", index.package(*id).name, index.package(*id).evr);
    match index.solve(request) {
        Solution::Installs(transaction) => {
            let mut out: Vec<String> = transaction.install.iter().map(&name).collect();
            out.extend(transaction.upgrade.iter().map(|(old, new)| format!("{}>{}", name(old), name(new))));
            out.extend(transaction.remove.iter().map(|id| format!("-{}", name(id))));
            out.join(" ")
        }
        Solution::Impossible(problems) => {
            problems.iter().map(|problem| problem.chain.join("; ")).collect::<Vec<_>>().join("\n")
        }
        Solution::Undecided(reasons) => format!("undecided: {}", reasons.join("; ")),
    }
}

fn said_of(repository: &[&str], installed: &[&str], names: &[&str]) -> String {
    said(&index(repository, installed), &wanted(names))
}

#[test]
fn the_newest_that_fits_is_installed_with_what_it_needs() {
    let repository = [
        "app 1 | requires: lib >= 2 | requires: rpmlib(X) <= 4",
        "app 2 | requires: lib >= 3",
        "lib 1",
        "lib 2",
        "sh 5 | file: /usr/bin/sh",
        "script 1 | requires: /usr/bin/sh",
    ];
    assert_eq!(said_of(&repository, &[], &["app"]), "app-1-1 lib-2-1");
    assert_eq!(said_of(&repository, &[], &["script"]), "script-1-1 sh-5-1");
    assert_eq!(said_of(&repository, &[], &["app-1", "sh.x86_64", "lib-2-1", "lib*"]), "app-1-1 lib-2-1 sh-5-1");
    assert_eq!(said_of(&repository, &[], &["/usr/bin/sh"]), "sh-5-1");
    let index = index(&repository, &[]);
    let best = said(&index, &Request { best: true, ..wanted(&["app"]) });
    assert_eq!(
        best,
        "`app` is wanted: app-2-1.x86_64; app-2-1.x86_64 requires lib >= 3, which nothing provides (lib-2-1.x86_64 does not fit)"
    );
    let Solution::Installs(transaction) = index.solve(&wanted(&["app"])) else { panic!() };
    assert_eq!((transaction.download, transaction.installed), (20, 200));
}

#[test]
fn what_does_not_exist_is_named_with_where_it_does() {
    let repository = ["a 1", "grub 1 aarch64", "b 1 | requires: extra", "c 1 | requires: grub(x) | requires: d"];
    assert_eq!(said_of(&repository, &[], &["nginx"]), "`nginx` is no package, and nothing provides it");
    assert_eq!(said_of(&repository, &[], &["grub"]), "`grub` exists for aarch64 only, and not for x86_64");
    assert_eq!(
        said_of(&repository, &[], &["extra"]),
        "`extra` is not available: extra-1-1.x86_64 is in off, which is not enabled"
    );
    assert_eq!(
        said_of(&repository, &[], &["b"]),
        "`b` is wanted: b-1-1.x86_64; b-1-1.x86_64 requires extra, which nothing provides (extra-1-1.x86_64 is in off, which is not enabled)"
    );
    // Every problem is said, not the first alone.
    let both = said_of(&repository, &[], &["nginx", "b", "a", "c"]);
    assert_eq!(both.lines().count(), 3, "{both}");
}

#[test]
fn chains_of_needs_lead_to_what_is_missing_or_in_the_way() {
    let repository = ["a 1 | requires: b", "b 1 | requires: c", "c 1 | requires: missing", "d 1 | conflicts: e", "e 1"];
    assert_eq!(
        said_of(&repository, &[], &["a"]),
        "`a` is wanted: a-1-1.x86_64; a-1-1.x86_64 requires b, provided by b-1-1.x86_64; \
         b-1-1.x86_64 requires c, provided by c-1-1.x86_64; c-1-1.x86_64 requires missing, which nothing provides"
    );
    let index = index(&repository, &[]);
    let Solution::Impossible(problems) = index.solve(&wanted(&["d", "e"])) else { panic!() };
    assert_eq!(problems[0].wanted, [0, 1]);
    assert!(problems[0].chain.contains(&"d-1-1.x86_64 conflicts with e, provided by e-1-1.x86_64".to_owned()));
    assert_eq!(said(&index, &wanted(&["d"])), "d-1-1");
}

#[test]
fn installed_packages_stay_are_replaced_or_stand_in_the_way() {
    let repository = ["a 1 | requires: lib >= 2", "lib 2", "x 1 | conflicts: lib", "new 1 | obsoletes: old", "old 2"];
    assert_eq!(said_of(&repository, &["lib 1"], &["a"]), "a-1-1 lib-1-1>lib-2-1");
    assert_eq!(
        said_of(&repository, &["lib 1"], &["x"]),
        "`x` is wanted: x-1-1.x86_64; x-1-1.x86_64 conflicts with lib, provided by lib-2-1.x86_64, lib-1-1.x86_64; \
         lib-1-1.x86_64 is installed, and has to stay or be replaced"
    );
    assert_eq!(said_of(&repository, &["old 1"], &["new"]), "new-1-1 -old-1-1");
    // What is obsolete is not installed any more.
    assert_eq!(said_of(&repository, &[], &["old"]), "new-1-1");
    let index = index(&repository, &["lib 1"]);
    assert_eq!(said(&index, &Request { allow_erasing: true, ..wanted(&["x"]) }), "x-1-1 -lib-1-1");
    // What was broken before is nobody's fault.
    assert_eq!(said_of(&repository, &["broken 1 | requires: none | conflicts: lib", "lib 2"], &["a"]), "a-1-1");
}

#[test]
fn weak_dependencies_come_where_they_can_and_never_stand_in_the_way() {
    let repository = [
        "a 1 | recommends: good | recommends: bad | recommends: none",
        "good 1 | requires: more",
        "more 1",
        "bad 1 | conflicts: a",
        "lang 1 | supplements: (a and more)",
    ];
    let index = index(&repository, &[]);
    assert_eq!(said(&index, &wanted(&["a"])), "a-1-1 good-1-1 lang-1-1 more-1-1");
    let Solution::Installs(transaction) = index.solve(&wanted(&["a"])) else { panic!() };
    let weak: Vec<_> = transaction.weak.iter().map(|id| index.package(*id).name).collect();
    assert_eq!(weak, ["good", "lang", "more"]);
    assert_eq!(said(&index, &Request { weak: false, ..wanted(&["a"]) }), "a-1-1");
}

#[test]
fn rich_dependencies_are_solved_or_left_open() {
    let repository = [
        "a 1 | requires: (b if c else d)",
        "b 1",
        "c 1",
        "d 1",
        "e 1 | requires: (f with g)",
        "f 1",
        "h 1 | provides: f = 3 | provides: g",
        "i 1 | conflicts: (b and c)",
        "j 1 | requires: ((f if b) with g)",
        "k 1 | requires: (f without g)",
    ];
    // dnf 4.14 takes these too: of `c` and `d`, each of which will do, the first by name.
    assert_eq!(said_of(&repository, &[], &["a"]), "a-1-1 b-1-1 c-1-1");
    assert_eq!(said_of(&repository, &[], &["a", "d"]), "a-1-1 d-1-1");
    assert_eq!(said_of(&repository, &[], &["a", "c"]), "a-1-1 b-1-1 c-1-1");
    assert_eq!(said_of(&repository, &["c 1"], &["a"]), "a-1-1 b-1-1");
    assert_eq!(said_of(&repository, &[], &["e"]), "e-1-1 h-1-1");
    assert_eq!(said_of(&repository, &[], &["k"]), "f-1-1 k-1-1");
    assert_eq!(said_of(&repository, &[], &["i", "b"]), "b-1-1 i-1-1");
    assert!(said_of(&repository, &[], &["i", "b", "c"]).contains("i-1-1.x86_64 conflicts with (b and c)"));
    assert_eq!(
        said_of(&repository, &[], &["j"]),
        "undecided: j-1-1.x86_64 has the dependency ((f if b) with g), which is not understood: \
         `with` and `without` are understood of capabilities only"
    );
}

#[test]
fn what_rests_on_something_unknown_is_left_open() {
    let repository = ["a 1 | requires: /usr/share/x", "b 1 | requires: /usr/bin/x", "c 1 | requires: d"];
    assert_eq!(
        said_of(&repository, &[], &["a"]),
        "undecided: a-1-1.x86_64 requires /usr/share/x, whose owner was not looked for"
    );
    assert!(said_of(&repository, &[], &["b"]).ends_with("requires /usr/bin/x, which nothing provides"));
    assert_eq!(
        said_of(&repository, &["foreign 1"], &["c"]),
        "undecided: what 1 installed packages provide is not known, which no repository has"
    );
}

#[test]
fn two_architectures_and_several_kernels_go_together() {
    let repository = [
        "lib 1 i686",
        "lib 1",
        "app 1 | requires: lib(32)",
        "lib32 1 | provides: lib(32) | requires: lib.i686",
        "kernel-core 2 | provides: installonlypkg(kernel)",
    ];
    assert_eq!(said_of(&repository, &[], &["lib.i686", "lib.x86_64"]), "lib-1-1 lib-1-1");
    let installed = ["kernel-core 1 | provides: installonlypkg(kernel)"];
    assert_eq!(said_of(&repository, &installed, &["kernel-core-2"]), "kernel-core-2-1");
    assert_eq!(said_of(&repository, &["lib 0"], &["lib-1"]), "lib-0-1>lib-1-1");
}

#[test]
fn one_solver_answers_many_requests_alike() {
    let lines: Vec<String> = (0..60)
        .map(|n| {
            let needs = if n % 7 == 3 { "none".to_owned() } else { format!("p{}", (n * 5 + 1) % 60) };
            let against = (n * 11 + 4) % 60;
            format!("p{n} 1 | requires: (p{} or {needs}) | conflicts: p{against}", (n * 3 + 2) % 60)
        })
        .collect();
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let index = index(&lines, &["p1 1", "p8 1"]);
    let mut solver = Solver::new(&index);
    let (mut yes, mut no) = (0, 0);
    for n in 0..120 {
        let names = [format!("p{}", n % 60), format!("p{}", (n * 13 + 7) % 60)];
        let request = wanted(&[&names[0], &names[1]]);
        let again = solver.solve(&request);
        match (index.solve(&request), again) {
            (Solution::Installs(_), Solution::Installs(_)) => yes += 1,
            (Solution::Impossible(_), Solution::Impossible(_)) => no += 1,
            other => panic!("{names:?}: {other:?}"),
        }
    }
    assert!(yes > 10 && no > 10, "{yes} and {no}");
}
