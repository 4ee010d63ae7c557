//! In which order updates are applied, so that the first `k` groups install for every `k`. Pure.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use muster_base::evr::Evr;
use muster_base::text::one_line;
use muster_repodata::Full;
use muster_repodata::{Index, IndexBuilder, PackageId, PackageRecord, Request, Solution, Solver, Wanted};

/// What was made of the package files.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Ordered {
    /// Each group's files, by their places in what was offered; a group installs on top of those before it.
    pub(super) groups: Vec<Vec<usize>>,
    /// Updates that are in no group, and why: a sentence for each.
    pub(super) left_out: Vec<String>,
    /// How many of the others are no update of an installed package, and needed by none.
    pub(super) unused: usize,
}

/// Files of one source that are applied together, and the sources that must come along.
type Node = (BTreeSet<usize>, BTreeSet<String>);

/// Why files do not install together: sentences of the solver in one line.
struct Impossible(String);

/// Nodes by their sources, and why each of some files cannot be installed.
type Solved = (BTreeMap<String, Node>, BTreeMap<usize, String>);

/// Orders the updates among `offered`: the newest of each installed name and architecture, and what replaces an
/// installed package of another name; with them, what they need. Packages of one source are one group, and so are
/// those that need each other. The others come first where they are needed, else by their names.
///
/// # Errors
/// There are more packages than an index holds.
pub(super) fn order(installed: &[PackageRecord], offered: &[PackageRecord], arch: &str) -> Result<Ordered, Full> {
    let targets: BTreeSet<usize> = targets(installed, offered);
    let mut without: BTreeMap<usize, String> = BTreeMap::new();
    // What was solved with a file that is left out afterwards may need it: all is solved again without the file. Each
    // pass leaves out one more at least, so that there is a last one.
    let nodes = loop {
        let (nodes, impossible) = solve(installed, offered, &targets, &without, arch)?;
        if impossible.is_empty() {
            break nodes;
        }
        without.extend(impossible);
    };
    let used: BTreeSet<usize> = nodes.values().flat_map(|(files, _)| files).copied().collect();
    let is_unused = |at: &usize| !used.contains(at) && !targets.contains(at) && !without.contains_key(at);
    let unused = (0..offered.len()).filter(is_unused).count();
    Ok(Ordered { groups: groups(&nodes), left_out: without.into_values().collect(), unused })
}

/// One pass over the updates, as if the files of `without` were not offered.
fn solve(
    installed: &[PackageRecord],
    offered: &[PackageRecord],
    targets: &BTreeSet<usize>,
    without: &BTreeMap<usize, String>,
    arch: &str,
) -> Result<Solved, Full> {
    let there: Vec<usize> = (0..offered.len()).filter(|at| !without.contains_key(at)).collect();
    let records: Vec<PackageRecord> = there.iter().map(|at| offered[*at].clone()).collect();
    let mut builder = IndexBuilder::new(arch);
    builder.repository("updates", true, &records)?;
    builder.installed(installed)?;
    let index = builder.build();
    let mut ids: BTreeMap<PackageId, usize> = BTreeMap::new();
    for at in there {
        // The first of two that are the same, as among the targets.
        id_of(&index, &offered[at]).map(|id| ids.entry(id).or_insert(at));
    }
    let places: BTreeMap<usize, PackageId> = ids.iter().map(|(id, at)| (*at, *id)).collect();
    let (mut nodes, mut impossible): Solved = Solved::default();
    for at in targets.iter().filter(|at| !without.contains_key(at)) {
        if places.contains_key(at) {
            nodes.entry(source(&offered[*at])).or_default().0.insert(*at);
        } else {
            impossible.insert(*at, format!("{} is of another architecture", nevra(&offered[*at])));
        }
    }
    let mut solver = Solver::new(&index);
    // The files that install these, or why there are none.
    let mut with = |files: &BTreeSet<usize>| -> Result<BTreeSet<usize>, Impossible> {
        let wanted = files.iter().filter_map(|at| places.get(at)).map(|id| Wanted::Package(*id));
        match solver.solve(&Request { weak: false, ..Request::install(wanted) }) {
            Solution::Installs(done) => {
                let new = done.install.iter().chain(done.upgrade.iter().map(|(_, new)| new));
                Ok(new.filter_map(|id| ids.get(id).copied()).collect())
            }
            // The package manager of the guest decides.
            Solution::Undecided(_) => Ok(files.clone()),
            Solution::Impossible(problems) => {
                let why: Vec<String> = problems.into_iter().flat_map(|problem| problem.chain).collect();
                Err(Impossible(why.join("; ")))
            }
        }
    };
    let mut waiting: BTreeSet<String> = nodes.keys().cloned().collect();
    while let Some(name) = waiting.pop_first() {
        let Some((files, _)) = nodes.get(&name).cloned() else { continue };
        let found = with(&files).unwrap_or_else(|_| {
            let (found, refused) = one_by_one(&files, &mut with);
            let sentence = |(at, why): (usize, String)| {
                (at, one_line(&format!("{} cannot be installed: {why}", nevra(&offered[at])), 600))
            };
            impossible.extend(refused.into_iter().map(sentence));
            found
        });
        for at in found {
            let other = source(&offered[at]);
            if nodes.entry(other.clone()).or_default().0.insert(at) {
                waiting.insert(other.clone());
            }
            if let Some((_, needs)) = nodes.get_mut(&name).filter(|_| other != name) {
                needs.insert(other);
            }
        }
    }
    Ok((nodes, impossible))
}

/// As many of the files as install together, with what they need; and why each of the others does not install with
/// those before it.
fn one_by_one(
    files: &BTreeSet<usize>,
    with: &mut impl FnMut(&BTreeSet<usize>) -> Result<BTreeSet<usize>, Impossible>,
) -> (BTreeSet<usize>, Vec<(usize, String)>) {
    let (mut kept, mut found, mut refused) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    for at in files {
        kept.insert(*at);
        match with(&kept) {
            Ok(more) => found = more,
            Err(Impossible(why)) => {
                kept.remove(at);
                refused.push((*at, why));
            }
        }
    }
    (found, refused)
}

/// Groups of nodes that reach each other, those that others reach before them.
fn groups(nodes: &BTreeMap<String, Node>) -> Vec<Vec<usize>> {
    let reached: BTreeMap<&str, BTreeSet<&str>> =
        nodes.keys().map(|name| (name.as_str(), reach(nodes, name))).collect();
    let mut names: Vec<&str> = reached.keys().copied().collect();
    // Whoever needs another reaches all that this one reaches and itself, so that it reaches more.
    names.sort_by_key(|name| (reached[name].len(), *name));
    let mut out: Vec<(&str, Vec<usize>)> = Vec::new();
    for name in names {
        let files = nodes[name].0.iter().copied();
        let mutual = |first: &str| reached[name].contains(first) && reached[first].contains(name);
        match out.iter_mut().find(|(first, _)| mutual(first)) {
            Some((_, group)) => group.extend(files),
            None => out.push((name, files.collect())),
        }
    }
    out.into_iter().map(|(_, files)| files).collect()
}

/// The node itself, what it needs, and what that needs.
fn reach<'n>(nodes: &'n BTreeMap<String, Node>, from: &'n str) -> BTreeSet<&'n str> {
    let (mut seen, mut open) = (BTreeSet::from([from]), vec![from]);
    while let Some(name) = open.pop() {
        for next in nodes.get(name).into_iter().flat_map(|(_, needs)| needs) {
            if nodes.contains_key(next) && seen.insert(next) {
                open.push(next);
            }
        }
    }
    seen
}

/// Places of the updates: newer than every installed package of the name and architecture, and the newest such.
fn targets(installed: &[PackageRecord], offered: &[PackageRecord]) -> BTreeSet<usize> {
    let mut by_name: BTreeMap<&str, Vec<&PackageRecord>> = BTreeMap::new();
    installed.iter().for_each(|record| by_name.entry(&record.name).or_default().push(record));
    let mut newest: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (at, record) in offered.iter().enumerate() {
        let is_update = match by_name.get(record.name.as_str()) {
            Some(same) => {
                let mut same = same.iter().filter(|other| comparable(other, record)).peekable();
                same.peek().is_some() && same.all(|other| compare(other, record) == Ordering::Less)
            }
            // It takes the place of a package of another name.
            None => installed.iter().any(|old| obsoletes(record, old)),
        };
        if !is_update {
            continue;
        }
        let best = newest.entry((&record.name, &record.arch)).or_insert(at);
        if compare(&offered[*best], record) == Ordering::Less {
            *best = at;
        }
    }
    newest.into_values().collect()
}

/// Places in the list of the installed packages that a file replaces: those of its name, else those that it obsoletes.
pub(super) fn replaced<'i>(installed: &'i [PackageRecord], new: &PackageRecord) -> Vec<&'i PackageRecord> {
    let (same, others): (Vec<_>, Vec<_>) =
        installed.iter().filter(|old| comparable(old, new)).partition(|old| old.name == new.name);
    match same.is_empty() {
        true => others.into_iter().filter(|old| obsoletes(new, old)).collect(),
        false => same,
    }
}

/// Whether one of the `Obsoletes:` has the name of the other, and its version within the bound.
fn obsoletes(new: &PackageRecord, old: &PackageRecord) -> bool {
    new.obsoletes.iter().any(|obsolete| obsolete.name == old.name && obsolete.allows(&old.evr()))
}

fn compare(one: &PackageRecord, other: &PackageRecord) -> Ordering {
    let (one, other) = (one.evr(), other.evr());
    match (Evr::parse(&one), Evr::parse(&other)) {
        (Some(one), Some(other)) => one.compare(&other),
        _ => Ordering::Equal,
    }
}

/// Whether one can take the place of the other.
fn comparable(one: &PackageRecord, other: &PackageRecord) -> bool {
    one.arch == other.arch || one.arch == "noarch" || other.arch == "noarch"
}

/// `NAME-[EPOCH:]VERSION-RELEASE.ARCH`, as dnf writes it.
pub(super) fn nevra(record: &PackageRecord) -> String {
    one_line(&format!("{}-{}.{}", record.name, record.evr(), record.arch), 300)
}

/// What was built together is updated together.
fn source(record: &PackageRecord) -> String {
    record.source.clone().unwrap_or_else(|| record.name.clone())
}

fn id_of(index: &Index, record: &PackageRecord) -> Option<PackageId> {
    let evr = record.evr();
    let is_it = |id: &&PackageId| {
        let package = index.package(**id);
        !package.is_installed && package.arch == record.arch && package.evr == evr
    };
    index.named(&record.name).iter().find(is_it).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_repodata::Dependency;

    /// `name version`, then lines `p`, `r`, `c` or `o` and a dependency.
    fn package(head: &str, of_source: &str, relations: &[&str]) -> PackageRecord {
        let (name, version) = head.split_once(' ').unwrap();
        let mut record = PackageRecord::new(name, version, "1", "x86_64");
        record.source = Some(format!("{of_source}-{version}-1.src.rpm"));
        record.provides.push(Dependency::parse(&format!("{name} = {version}-1")).unwrap());
        for relation in relations {
            let (kind, text) = relation.split_once(' ').unwrap();
            let dependency = Dependency::parse(text).unwrap();
            match kind {
                "p" => record.provides.push(dependency),
                "r" => record.requires.push(dependency),
                "c" => record.conflicts.push(dependency),
                _ => record.obsoletes.push(dependency),
            }
        }
        record
    }

    fn names(installed: &[PackageRecord], offered: &[PackageRecord]) -> (Vec<String>, Vec<String>) {
        let ordered = order(installed, offered, "x86_64").unwrap();
        let group = |group: &Vec<usize>| -> String {
            group.iter().map(|at| offered[*at].name.as_str()).collect::<Vec<_>>().join("+")
        };
        (ordered.groups.iter().map(group).collect(), ordered.left_out)
    }

    #[test]
    fn what_is_needed_comes_first_and_what_needs_each_other_comes_together() {
        let installed = [
            package("app 1", "app", &["r liba.so.1"]),
            package("liba 1", "liba", &["p liba.so.1"]),
            package("liba-tools 1", "liba", &["r liba = 1-1"]),
            package("plugin 1", "plugin", &["r core = 1-1"]),
            package("core 1", "core", &[]),
            package("zeta 1", "zeta", &[]),
        ];
        let offered = [
            // A new soname: neither of these installs without the other.
            package("app 2", "app", &["r liba.so.2"]),
            package("liba 2", "liba", &["p liba.so.2"]),
            package("liba-tools 2", "liba", &["r liba = 2-1"]),
            // A plugin that must be of one version with what it plugs into, from another source.
            package("plugin 2", "plugin", &["r core = 2-1"]),
            package("core 2", "core", &[]),
            package("zeta 2", "zeta", &["r new-thing"]),
            package("new-thing 1", "new-thing", &[]),
            package("stranger 1", "stranger", &[]),
        ];
        let (groups, left_out) = names(&installed, &offered);
        assert_eq!(
            groups,
            ["new-thing", "app+liba+liba-tools", "core+plugin", "zeta"].map(str::to_owned),
            "{left_out:?}"
        );
        assert_eq!(left_out, Vec::<String>::new());
        assert_eq!(order(&installed, &offered, "x86_64").unwrap().unused, 1);
    }

    #[test]
    fn every_prefix_of_an_order_installs() {
        // A chain of twenty: each needs the new version of the next.
        let old = |at: usize| package(&format!("p{at:02} 1"), &format!("s{at:02}"), &[]);
        let new = |at: usize| {
            let need = format!("r p{:02} >= 2", at + 1);
            let needs = if at < 19 { vec![need.as_str()] } else { vec![] };
            package(&format!("p{at:02} 2"), &format!("s{at:02}"), &needs)
        };
        let installed: Vec<_> = (0..20).map(old).collect();
        let offered: Vec<_> = (0..20).map(new).collect();
        let (groups, left_out) = names(&installed, &offered);
        let expected: Vec<String> = (0..20).rev().map(|at| format!("p{at:02}")).collect();
        assert_eq!((groups, left_out), (expected, Vec::new()));
    }

    #[test]
    fn what_cannot_be_installed_is_left_out_and_so_is_what_is_older() {
        let installed = [package("a 2", "a", &[]), package("b 1", "b", &[]), package("old 1", "old", &[])];
        let offered = [
            package("a 1", "a", &[]),
            package("b 2", "b", &["r nowhere"]),
            package("b 3", "b", &["r nowhere"]),
            package("replacement 1", "r", &["o old < 5"]),
        ];
        let (groups, left_out) = names(&installed, &offered);
        assert_eq!(groups, ["replacement"]);
        assert!(left_out[0].starts_with("b-3-1.x86_64 cannot be installed: "), "{left_out:?}");
        assert!(left_out[0].contains("nowhere"), "{left_out:?}");
        let replaced = replaced(&installed, &offered[3]);
        assert_eq!(replaced.iter().map(|old| nevra(old)).collect::<Vec<_>>(), ["old-1-1.x86_64"]);
    }

    #[test]
    fn only_what_cannot_be_installed_of_a_source_is_left_out() {
        // `app` is solved first and needs a file of a source another of whose files cannot be installed.
        let installed =
            [package("app 1", "app", &[]), package("lib 1", "lib", &[]), package("lib-extra 1", "lib", &[])];
        let offered = [
            package("app 2", "app", &["r lib >= 2"]),
            package("lib 2", "lib", &[]),
            package("lib-extra 2", "lib", &["r nowhere"]),
        ];
        let (groups, left_out) = names(&installed, &offered);
        assert_eq!(groups, ["lib", "app"]);
        assert_eq!(left_out.len(), 1, "{left_out:?}");
        assert!(left_out[0].starts_with("lib-extra-2-1.x86_64 cannot be installed: "), "{left_out:?}");
    }

    #[test]
    fn what_needs_something_that_is_left_out_is_solved_again() {
        // Each of the files of `lib` installs, but not both. `app` finds another way when its first choice is left out,
        // and `strict` has none.
        let installed = ["app", "strict", "lib-a", "lib-b"].map(|name| package(&format!("{name} 1"), name, &[]));
        let offered = [
            package("app 2", "app", &["r either"]),
            package("strict 2", "strict", &["r lib-b >= 2"]),
            package("lib-a 2", "lib", &["c lib-b >= 2"]),
            package("lib-b 2", "lib", &["p either"]),
            package("spare 1", "spare", &["p either"]),
        ];
        let (groups, left_out) = names(&installed, &offered);
        assert_eq!(groups, ["lib-a", "spare", "app"], "{left_out:?}");
        let named = |name: &str| left_out.iter().any(|why| why.starts_with(&format!("{name} cannot be installed: ")));
        assert!(named("strict-2-1.x86_64") && named("lib-b-2-1.x86_64") && left_out.len() == 2, "{left_out:?}");
    }

    #[test]
    fn what_obsoletes_other_versions_replaces_nothing() {
        let installed = [package("old 5", "old", &[]), package("older 1", "older", &[])];
        for (obsoletes, replaces) in [
            ("o old < 5", vec![]),
            ("o old < 1:1", vec!["old-5-1.x86_64"]),
            ("o old <= 5", vec!["old-5-1.x86_64"]),
            ("o old = 4", vec![]),
            ("o old > 5-2", vec![]),
            ("o old", vec!["old-5-1.x86_64"]),
        ] {
            let offered = [package("replacement 1", "r", &[obsoletes])];
            let replaced: Vec<String> = replaced(&installed, &offered[0]).into_iter().map(nevra).collect();
            assert_eq!(replaced, replaces, "{obsoletes}");
            assert_eq!(names(&installed, &offered).0.len(), replaces.len(), "{obsoletes}");
        }
        // One of two bounds is enough.
        let offered = [package("replacement 1", "r", &["o old < 5", "o older < 2"])];
        let replaced: Vec<String> = replaced(&installed, &offered[0]).into_iter().map(nevra).collect();
        assert_eq!(replaced, ["older-1-1.x86_64"]);
        assert_eq!(names(&installed, &offered).0, ["replacement"]);
    }

    #[test]
    fn nothing_offered_is_no_order() {
        assert_eq!(order(&[package("a 1", "a", &[])], &[], "x86_64").unwrap(), Ordered::default());
    }
}
