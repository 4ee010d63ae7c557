//! What the chain installs or removes: names of packages, groups, modules, capabilities.

use std::collections::{BTreeMap, BTreeSet};

use muster_base::Relation;
use muster_base::text::one_line;
use muster_chain::{ChainKind, Need};
use muster_repodata::{PackageId, Wanted};

use super::context::Context;
use super::found::Found;
use super::versions::{meets, names, newest};
use crate::answer::{Answer, Difference, RenamedBy};
use crate::edit;
use crate::metadata::{Metadata, Package};

/// How many near names are shown.
const NEAR: usize = 3;

impl<'a> Context<'a> {
    /// Whether packages of this architecture run on the target, unless another one was named.
    pub(super) fn fits_arch(&self, package: &Package, wanted: Option<&str>) -> bool {
        match wanted {
            Some(wanted) => package.arch == wanted,
            None => package.arch == "noarch" || package.arch == self.question.target.index.arch(),
        }
    }

    pub(super) fn package(
        &self,
        need: &'a Need,
        name: &str,
        version: Option<&(Relation, String)>,
        arch: Option<&str>,
    ) -> Found {
        // A pattern takes whatever there is; a capability or path is written as such.
        if name.contains(['*', '?', '[']) {
            return self.pattern(name);
        }
        if name.starts_with('/') || name.contains('(') {
            return self.capability(name);
        }
        let named = self.index().named(name);
        let fits = |package: &Package| {
            version.is_none_or(|(relation, wanted)| meets(&package.evr, *relation, wanted))
                && self.fits_arch(package, arch)
        };
        let fitting: Vec<&(PackageId, Package)> = named.iter().filter(|(_, package)| fits(package)).collect();
        // The newest stands first.
        if let Some((_, package)) = fitting.iter().find(|(_, package)| package.is_installed) {
            return self.installed_by(need, Answer::Present(Some(package.clone())));
        }
        if let Some((_, package)) = fitting.iter().find(|(_, package)| package.is_available) {
            let ids = fitting.iter().filter(|(_, one)| one.is_available).map(|(id, _)| *id).collect();
            let mut found = self.installed_by(need, Answer::Exact(package.clone()));
            found.wanted.push((need_name(name, version, arch), Wanted::OneOf(ids)));
            return found;
        }
        if self.tried.contains(name) && version.is_none() {
            return Found::new(Answer::Present(None)).because("the trial installed it");
        }
        let named: Vec<Package> = named.into_iter().map(|(_, package)| package).collect();
        let provided = self.providers(name, version);
        let mut other_arches: BTreeSet<&str> =
            self.question.target.index.exists_for_other_arch(name).into_iter().collect();
        other_arches.extend(named.iter().filter(|one| !self.fits_arch(one, arch)).map(|one| one.arch.as_str()));
        let right_arch: Vec<Package> = named.iter().filter(|one| self.fits_arch(one, arch)).cloned().collect();
        if right_arch.is_empty() && !other_arches.is_empty() && provided.is_empty() {
            let arches = other_arches.into_iter().map(str::to_owned).collect();
            return located(Found::new(Answer::OtherArch(arches)), &named);
        }
        let available: Vec<Package> = right_arch.into_iter().filter(Package::is_usable).collect();
        if let Some((relation, wanted)) = version
            && !available.is_empty()
        {
            let found = Found::new(Answer::OtherVersion(available.clone()));
            let asks = format!("{name} {} {} is wanted", relation.sign(), one_line(wanted, 80));
            return located(found.because(asks), &available);
        }
        if let Some(package) = provided.iter().find(|one| one.is_installed).or_else(|| provided.first()) {
            return self.provided(need, name, package.clone(), &provided);
        }
        self.another_name(need, name, version.is_some(), &named)
    }

    /// A pattern of names, as dnf takes it. It needs at least one.
    fn pattern(&self, pattern: &str) -> Found {
        let index = self.question.target.index;
        let matching: BTreeSet<&str> =
            index.names().filter(|name| muster_base::fnmatch::matches(pattern, name)).collect();
        let usable =
            |name: &&&str| self.index().named(name).iter().any(|(_, one)| one.is_usable() && self.fits_arch(one, None));
        let usable: Vec<&str> = matching.iter().filter(usable).copied().collect();
        let Some(first) = usable.first() else { return self.absent(Vec::new()) };
        let packages = self.index().named(first);
        let mut found = match packages.into_iter().map(|(_, package)| package).find(Package::is_usable) {
            Some(package) => Found::new(Answer::Exact(package)),
            None => return self.absent(Vec::new()),
        };
        found.evidence.push(format!("{} names match {pattern}: {}", usable.len(), shortened(&usable)));
        found.wanted.extend(usable.iter().map(|name| ((*name).to_owned(), Wanted::Spec((*name).to_owned()))));
        if let Some(from) = self.question.from {
            let there: BTreeSet<&str> =
                from.index.names().filter(|name| muster_base::fnmatch::matches(pattern, name)).collect();
            let less: Vec<&str> = there.difference(&matching).copied().collect();
            if !less.is_empty() {
                found.differences.push(Difference {
                    what: format!("names that match {pattern}"),
                    there: shortened(&less),
                    here: "not there".to_owned(),
                    blocks: false,
                });
            }
        }
        found
    }

    /// Packages of enabled repositories that provide a name, the newest of each name, installed ones first.
    fn providers(&self, name: &str, version: Option<&(Relation, String)>) -> Vec<Package> {
        let capability = match version {
            None => name.to_owned(),
            Some((relation, wanted)) => format!("{name} {} {wanted}", relation.sign()),
        };
        let Ok(all) = self.index().providers(&capability) else { return Vec::new() };
        let mut by_name: BTreeMap<String, Package> = BTreeMap::new();
        // The best stands first.
        for (_, package) in all {
            if package.is_usable() && self.fits_arch(&package, None) {
                by_name.entry(package.name.clone()).or_insert(package);
            }
        }
        by_name.into_values().collect()
    }

    fn provided(&self, need: &'a Need, name: &str, package: Package, all: &[Package]) -> Found {
        let evidence = format!("{} provides {name}", package.located());
        let mut found = self.installed_by(need, Answer::ProvidedBy(package.clone())).because(evidence);
        if all.len() > 1 {
            found.evidence.push(format!("so do others: {}", names(all).join(", ")));
        }
        if !package.is_installed {
            found.wanted.push((name.to_owned(), Wanted::Spec(name.to_owned())));
        }
        // In comps a name is a package's name and nothing else: dnf passes over what is none.
        if self.kind == ChainKind::Comps {
            found.edit =
                edit::rename(self.kind, self.question.texts, &need.place, name, std::slice::from_ref(&package.name));
            if found.edit.is_none() || all.len() > 1 {
                found.edit = None;
                found.answer = Answer::Renamed { to: package.name, by: RenamedBy::Provides };
            }
        }
        found
    }

    /// No package has the name, and none provides it.
    fn another_name(&self, need: &'a Need, name: &str, has_version: bool, named: &[Package]) -> Found {
        let obsoleting = self.index().obsoleting(name).into_iter().map(|(_, package)| package);
        let obsoleting: Vec<Package> = obsoleting.filter(|one| one.is_available && self.fits_arch(one, None)).collect();
        if let [to] = names(&obsoleting).as_slice() {
            let found = Found::new(Answer::Renamed { to: to.clone(), by: RenamedBy::Obsoletes });
            let mut found = found.installing(std::slice::from_ref(to));
            found.evidence.extend(obsoleting.iter().take(1).map(|one| format!("{} obsoletes {name}", one.located())));
            if !has_version {
                found.edit = edit::rename(self.kind, self.question.texts, &need.place, name, std::slice::from_ref(to));
            }
            return found;
        }
        if !obsoleting.is_empty() {
            let found = Found::new(Answer::Split(names(&obsoleting)));
            let found = located(found.because(format!("each of these obsoletes {name}")), &obsoleting);
            return self.only_with_all_programs(need, name, found, has_version);
        }
        if let Some(package) = newest(named.iter().filter(|one| !one.is_available).cloned()) {
            let evidence = format!("{}, which is not enabled", package.located());
            return Found::new(Answer::OtherRepository(package)).because(evidence);
        }
        if let Some(found) = self.by_contents(need, name, has_version) {
            return found;
        }
        self.absent(self.index().near(name, NEAR))
    }

    /// Several packages obsolete it. All of them take its place when together they have what it had where the chain
    /// comes from; else a person has to choose.
    fn only_with_all_programs(&self, need: &Need, name: &str, mut found: Found, has_version: bool) -> Found {
        let Answer::Split(parts) = &found.answer else { return found };
        if let Some((_, Contents::Programs(owners))) = self.contents(name) {
            let all: BTreeSet<&String> = owners.values().flatten().collect();
            let complete = owners.values().all(|owners| !owners.is_empty());
            if complete && all.iter().all(|owner| parts.contains(owner)) && !has_version {
                found.evidence.push("together they have all of its commands and units".to_owned());
                found.edit = edit::rename(self.kind, self.question.texts, &need.place, name, parts);
                let parts = parts.clone();
                found = found.installing(&parts);
            }
        }
        found
    }

    /// The package that has the commands and units, or provides what the package provides where the chain comes from.
    fn by_contents(&self, need: &Need, name: &str, has_version: bool) -> Option<Found> {
        let (there, contents) = self.contents(name)?;
        let (owners, by, what) = match &contents {
            Contents::Programs(owners) => (owners, RenamedBy::Files, "has"),
            Contents::Capabilities(owners) => (owners, RenamedBy::Provides, "provides"),
        };
        let shown = |thing: &String, owners: &Vec<String>| match owners.as_slice() {
            [] => format!("nothing here has {thing}, as {there} has"),
            some => format!("{} {what} {thing}, as {there} has", some.join(" and ")),
        };
        let evidence: Vec<String> = owners.iter().take(5).map(|(thing, owners)| shown(thing, owners)).collect();
        let all: BTreeSet<&String> = owners.values().flatten().collect();
        if all.is_empty() {
            return None;
        }
        let complete = owners.values().all(|owners| !owners.is_empty());
        // A package that has all of it.
        let whole: Vec<&String> =
            all.iter().copied().filter(|name| owners.values().all(|owners| owners.contains(name))).collect();
        let sure = complete && owners.values().all(|owners| owners.len() == 1);
        let (answer, edit) = match whole.as_slice() {
            [to] => (Answer::Renamed { to: (*to).clone(), by }, Some(vec![(*to).clone()])),
            _ if sure && by == RenamedBy::Files => {
                let parts: Vec<String> = all.into_iter().cloned().collect();
                (Answer::Split(parts.clone()), Some(parts))
            }
            _ => (Answer::Absent(all.into_iter().take(NEAR).cloned().collect()), None),
        };
        let edit = edit.filter(|_| !has_version);
        let mut found = Found::new(answer).installing(edit.as_deref().unwrap_or_default());
        found.edit = edit.and_then(|to| edit::rename(self.kind, self.question.texts, &need.place, name, &to));
        found.evidence = evidence;
        Some(found)
    }

    /// What a package has on the system that the chain comes from, and who has each of these here.
    fn contents(&self, name: &str) -> Option<(String, Contents)> {
        let from = self.question.from?;
        let index = Metadata(from.index);
        // The newest stands first.
        let named = index.named(name);
        let (id, package) = named.iter().find(|(_, one)| one.is_installed).or_else(|| named.first())?;
        let here = |found: Vec<(PackageId, Package)>| {
            let here = found.into_iter().map(|(_, package)| package);
            let here: Vec<Package> = here.filter(|one| one.is_usable() && self.fits_arch(one, None)).collect();
            names(&here)
        };
        let there = format!("{name} of {}", from.name);
        let programs = index.programs(*id);
        if !programs.is_empty() {
            let owner = |path: &String| Some((path.clone(), here(self.index().owners(path).ok()?)));
            return Some((there, Contents::Programs(programs.iter().map(owner).collect::<Option<_>>()?)));
        }
        // A library, or what is only there to compile with.
        let telling = |capability: &String| capability.contains('(') && !capability.starts_with(&package.name);
        let capabilities: Vec<String> = index.provides(*id).into_iter().filter(telling).collect();
        if capabilities.is_empty() {
            return None;
        }
        let bare = |capability: &String| capability.split(' ').next().unwrap_or_default().to_owned();
        let owner = |capability: &String| {
            let bare = bare(capability);
            let providers = self.index().providers(&bare).unwrap_or_default();
            (bare, here(providers))
        };
        Some((there, Contents::Capabilities(capabilities.iter().map(owner).collect())))
    }

    pub(super) fn removal(&self, need: &'a Need, name: &str) -> Found {
        let named = self.index().named(name);
        if let Some(package) = newest(named.into_iter().map(|(_, package)| package).filter(|one| one.is_installed)) {
            return Found::new(Answer::Present(Some(package)));
        }
        let renamed = self.another_name(need, name, false, &[]);
        let is_installed = |to: &String| self.index().named(to).iter().any(|(_, one)| one.is_installed);
        match &renamed.answer {
            // It would stay, under its other name.
            Answer::Renamed { to, .. } if is_installed(to) => renamed,
            _ if !self.index().knows_installed() => Found::new(Answer::NothingToRemove)
                .because("what is installed is not known; removing nothing is no error"),
            _ => Found::new(Answer::NothingToRemove),
        }
    }

    pub(super) fn debian(&self, name: &str) -> Found {
        let candidates = (self.question.debian)(name);
        for candidate in &candidates {
            let named = self.index().named(candidate);
            let here = |package: &Package| package.is_usable() && self.fits_arch(package, None);
            let known = newest(named.into_iter().map(|(_, package)| package).filter(here));
            let known = known.or_else(|| self.providers(candidate, None).into_iter().next());
            if let Some(package) = known {
                let wanted = [package.name.clone()];
                let answer = Answer::Renamed { to: package.name.clone(), by: RenamedBy::Debian };
                let found = Found::new(answer).installing(&wanted);
                let found = found.because(format!("{} is what Debian calls {name}", package.located()));
                return found.because(format!("{} has no apt: the line must install by dnf", self.target()));
            }
        }
        let near =
            candidates.into_iter().flat_map(|candidate| self.index().near(&candidate, NEAR)).take(NEAR).collect();
        self.absent(near)
    }

    pub(super) fn group(&self, id: &str) -> Found {
        let bare = id.trim_start_matches(['@', '^']);
        let Some(group) = self.index().group(bare) else {
            return match self.index().knows_groups() {
                true => self.absent(Vec::new()),
                false => Found::unknown("no comps file was read"),
            };
        };
        let is_there = |name: &String| !self.index().named(name).is_empty();
        let missing = |names: &[String]| names.iter().filter(|name| !is_there(name)).cloned().collect::<Vec<_>>();
        let (mandatory, default) = (missing(&group.mandatory), missing(&group.default));
        let mut found = Found::new(Answer::Present(None));
        found.evidence.push(format!(
            "{} packages are mandatory, {} default",
            group.mandatory.len(),
            group.default.len()
        ));
        for (what, names) in [("mandatory", mandatory), ("default", default)] {
            if !names.is_empty() {
                found.differences.push(Difference {
                    what: format!("{what} packages of @{bare}"),
                    there: "named by the group".to_owned(),
                    here: format!("no repository has {}", names.join(", ")),
                    blocks: false,
                });
            }
        }
        let existing = |name: &&String| is_there(name);
        let members: Vec<String> = group.mandatory.iter().chain(&group.default).filter(existing).cloned().collect();
        found = found.installing(&members);
        if let Some(there) = self.question.from.and_then(|from| Metadata(from.index).group(bare)) {
            let of = |group: &crate::metadata::Group| {
                group.mandatory.iter().chain(&group.default).cloned().collect::<BTreeSet<_>>()
            };
            let less: Vec<String> = of(&there).difference(&of(&group)).cloned().collect();
            if !less.is_empty() {
                found.differences.push(Difference {
                    what: format!("packages of @{bare}"),
                    there: less.join(", "),
                    here: "not in the group".to_owned(),
                    blocks: false,
                });
            }
        }
        found
    }

    pub(super) fn module(&self, name: &str, stream: Option<&str>) -> Found {
        match (self.index().module(name), stream) {
            (None, _) => {
                let mut found = self.absent(self.index().near(name, NEAR));
                if let Some((_, package)) = self.index().named(name).first() {
                    found.evidence.push(format!("{} is a package without a module", package.located()));
                }
                found
            }
            (Some(streams), Some(stream)) if !streams.iter().any(|known| known == stream) => Found::new(
                Answer::Refused(format!("{} has {name} in the streams {}", self.target(), streams.join(", "))),
            ),
            (Some(_), _) => Found::new(Answer::Present(None)),
        }
    }

    /// A capability that a package of an enabled repository must provide.
    pub(super) fn capability(&self, capability: &str) -> Found {
        // Rpm itself, and what stands in the headers of packages for it.
        if capability.starts_with("rpmlib(") {
            return Found::new(Answer::Present(None)).because("rpm provides it itself");
        }
        let all: Vec<Package> = match self.index().providers(capability) {
            Ok(all) => all.into_iter().map(|(_, package)| package).collect(),
            Err(why) => return Found::unknown(why.to_string()),
        };
        let fits = |package: &&Package| self.fits_arch(package, None);
        if let Some(package) = newest(all.iter().filter(|one| one.is_installed).filter(fits).cloned()) {
            return Found::new(Answer::Present(Some(package)));
        }
        let enabled: Vec<Package> = all.iter().filter(|one| one.is_available).filter(fits).cloned().collect();
        if let Some(package) = newest(enabled.iter().cloned()) {
            let mut found = Found::new(Answer::ProvidedBy(package.clone())).installing(&[capability.to_owned()]);
            found.evidence.push(format!("{} provides {capability}", package.located()));
            let names = names(&enabled);
            if names.len() > 1 {
                found.evidence.push(format!("{} packages provide it: {}", names.len(), names.join(", ")));
            }
            return found;
        }
        if let Some(package) = newest(all.iter().filter(fits).cloned()) {
            let evidence = format!("{}, which is not enabled", package.located());
            return Found::new(Answer::OtherRepository(package)).because(evidence);
        }
        if !all.is_empty() {
            let arches: BTreeSet<&str> = all.iter().map(|package| package.arch.as_str()).collect();
            return located(Found::new(Answer::OtherArch(arches.into_iter().map(str::to_owned).collect())), &all);
        }
        // The name without its version.
        let bare = capability.split_whitespace().next().unwrap_or_default();
        let others = self.index().providers(bare).unwrap_or_default();
        let others: Vec<Package> = others.into_iter().map(|(_, package)| package).collect();
        if bare != capability && !bare.starts_with('(') && !others.is_empty() {
            return located(Found::new(Answer::OtherVersion(others.clone())), &others);
        }
        self.absent(if bare.contains(['(', '/']) { Vec::new() } else { self.index().near(bare, NEAR) })
    }

    /// A package is there, and its units are enabled by preset as they are where the chain comes from.
    fn installed_by(&self, need: &'a Need, answer: Answer) -> Found {
        let mut found = Found::new(answer);
        let Some(from) = self.question.from else { return found };
        let muster_chain::Want::Package { name, .. } = &need.want else { return found };
        let index = Metadata(from.index);
        for (id, _) in index.named(name) {
            for path in index.programs(id) {
                let Some(unit) = path.rsplit('/').next().filter(|_| path.contains("/systemd/system/")) else {
                    continue;
                };
                found.differences.extend(self.preset(unit, false));
            }
        }
        found.differences.sort_by(|one, other| one.what.cmp(&other.what));
        found.differences.dedup();
        found
    }
}

/// Who has here what a package had where the chain comes from.
enum Contents {
    /// Commands and units.
    Programs(BTreeMap<String, Vec<String>>),
    /// Capabilities of libraries and of what is compiled with.
    Capabilities(BTreeMap<String, Vec<String>>),
}

/// An answer with where some packages are.
fn located(mut found: Found, packages: &[Package]) -> Found {
    found.evidence.extend(packages.iter().take(5).map(Package::located));
    found
}

/// A name as the chain asks for it, with version and architecture.
fn need_name(name: &str, version: Option<&(Relation, String)>, arch: Option<&str>) -> String {
    let version = version.map(|(relation, version)| format!(" {} {version}", relation.sign())).unwrap_or_default();
    let arch = arch.map(|arch| format!(".{arch}")).unwrap_or_default();
    format!("{name}{arch}{version}")
}

/// The first names of many.
fn shortened(names: &[&str]) -> String {
    match names {
        [first @ .., _, _, _] if first.len() > 5 => format!("{} and {} more", first[..5].join(", "), names.len() - 5),
        all => all.join(", "),
    }
}
