//! What must be there: on the system already, or in what the chain installs.

use std::collections::HashSet;

use muster_chain::{ChainKind, Need, Want};
use muster_repodata::PackageId;

use super::context::Context;
use super::found::Found;
use super::versions::names;
use crate::answer::{Answer, Difference};
use crate::edit;
use crate::metadata::{NotLookedUp, Package};

/// What the facts say of a thing.
pub(super) enum Seen {
    /// It is there.
    Yes,
    /// It is not.
    No,
    /// That is not known, for this reason.
    NotKnown(String),
}

impl Seen {
    pub(super) fn of(known: Result<bool, &str>) -> Self {
        match known {
            Ok(true) => Self::Yes,
            Ok(false) => Self::No,
            Err(why) => Self::NotKnown(why.to_owned()),
        }
    }

    /// Of what no facts are read: only packages say it.
    fn only_packages() -> Self {
        Self::NotKnown("which packages are installed is not known".to_owned())
    }
}

impl<'a> Context<'a> {
    /// Answers by what the facts saw and by the packages that have it, the best first.
    pub(super) fn presence(
        &mut self,
        need: &'a Need,
        what: &str,
        seen: Seen,
        owners: Result<Vec<(PackageId, Package)>, NotLookedUp>,
    ) -> Found {
        let installed = |found: &Result<Vec<(PackageId, Package)>, NotLookedUp>| {
            found.iter().flatten().find(|(_, one)| one.is_installed).map(|(_, one)| one.clone())
        };
        match seen {
            Seen::Yes => {
                let owner = installed(&owners);
                if owner.is_some() || !self.is_after || self.was_there(need) == Some(true) {
                    return Found::new(Answer::Present(owner));
                }
                // It came with the chain: from a package that stands before the line, or from nobody knows where.
                if let Some(found) = self.brought(need, what, &owners) {
                    return found;
                }
                if !owners.iter().flatten().any(|(id, _)| self.closure.contains(id)) {
                    return Found::new(Answer::Present(None));
                }
            }
            // Facts outweigh what packages are said to have.
            Seen::No => {
                if let Some(package) = installed(&owners) {
                    let label = package.label();
                    return Found::new(Answer::Refused(format!("{label} is installed, but the system has no {what}")));
                }
            }
            Seen::NotKnown(_) => {
                if let Some(package) = installed(&owners) {
                    return Found::new(Answer::Present(Some(package)));
                }
            }
        }
        let gone = matches!(seen, Seen::No) && self.is_after;
        if !gone && let Some(found) = self.brought(need, what, &owners) {
            return found;
        }
        let not_known = match &seen {
            Seen::NotKnown(why) if !self.index().knows_installed() => Some(why.clone()),
            _ => None,
        };
        let owners = match owners {
            Ok(owners) => owners,
            // The chain may install a package that has it.
            Err(why) => match seen {
                Seen::No if gone || self.closure.is_empty() => return self.absent(Vec::new()),
                _ => return Found::unknown(why.to_string()),
            },
        };
        let available: Vec<Package> =
            owners.iter().map(|(_, one)| one).filter(|one| one.is_available).cloned().collect();
        if let Some(first) = available.first() {
            let names = names(&available);
            // A dependency may bring it.
            if let Some(why) = not_known.or_else(|| self.open.clone().filter(|_| !gone)) {
                return Found::unknown(format!("{} has it, but {why}", first.located()));
            }
            let mut found = Found::new(Answer::NotInstalled(names.clone()));
            found.evidence.extend(available.iter().take(3).map(|one| format!("{} has {what}", one.located())));
            if let [name] = names.as_slice() {
                found.edit = self.addition(need, name);
            }
            return found;
        }
        if let Some((_, package)) = owners.into_iter().find(|(_, one)| !one.is_available) {
            let evidence = format!("{}, which is not enabled", package.located());
            return Found::new(Answer::OtherRepository(package)).because(evidence);
        }
        match not_known {
            Some(why) => Found::unknown(format!("no repository has it, and {why}")),
            None => self.absent(Vec::new()),
        }
    }

    /// Whether the system had it before the chain was tried; `None` where no facts say it.
    pub(super) fn was_there(&self, need: &Need) -> Option<bool> {
        let facts = &self.question.target.facts;
        match &need.want {
            Want::Command(name) => facts.commands.value().map(|commands| commands.contains_key(name)),
            Want::Path(path) => facts.paths.exists(path),
            Want::Unit { name, .. } => facts.unit(name).ok().map(|unit| unit.is_some()),
            Want::User(name) => facts.users.value().map(|users| users.contains_key(name)),
            Want::UserGroup(name) => facts.groups.value().map(|groups| groups.contains(name)),
            _ => None,
        }
    }

    /// What the chain installs has it.
    fn brought(
        &self,
        need: &Need,
        what: &str,
        owners: &Result<Vec<(PackageId, Package)>, NotLookedUp>,
    ) -> Option<Found> {
        let owners = owners.as_ref().ok()?;
        let nothing = HashSet::new();
        let mine = self.closures.get(&self.stage(need).map(str::to_owned)).unwrap_or(&nothing);
        if let Some((_, package)) =
            owners.iter().find(|(id, one)| mine.contains(id) && self.is_installed_before(need, one))
        {
            let evidence = format!("the chain installs {}, which has {what}", package.located());
            return Some(Found::new(Answer::Brought(package.clone())).because(evidence));
        }
        // A stage may be built on another one; which is not known here, and where the chain comes from it is the same.
        if let Some((_, package)) = owners.iter().find(|(id, _)| self.closure.contains(id) && !mine.contains(id)) {
            let evidence = format!("another stage installs {}, which has {what}", package.located());
            return Some(Found::new(Answer::Brought(package.clone())).because(evidence));
        }
        let tried = |package: &Package| self.tried.contains(package.name.as_str());
        let (_, package) =
            owners.iter().find(|(_, package)| tried(package) && self.is_installed_before(need, package))?;
        let evidence = format!("the trial installed {}, which has {what}", package.located());
        Some(Found::new(Answer::Brought(package.clone())).because(evidence))
    }

    /// Whether the chain installs a package before a line needs it. Lines of Containerfiles and scripts are run one after
    /// the other; a dependency comes with the first installation at the earliest.
    fn is_installed_before(&self, need: &Need, package: &Package) -> bool {
        if !self.is_in_order() || need.place.line == 0 {
            return true;
        }
        let Some(all) = self.places.get(&self.stage(need)) else { return true };
        let named = |one: &&&Need| matches!(&one.want, Want::Package { name, .. } if *name == package.name);
        let here = || all.iter().filter(|one| one.place.file == need.place.file);
        let first = here().find(named).or_else(|| all.iter().find(named)).or_else(|| here().next()).or(all.first());
        first.is_none_or(|one| match one.place.file == need.place.file {
            true => one.place.line <= need.place.line,
            // A list or a script that the chain reads: needs stand in the order in which they were met.
            false => std::ptr::from_ref::<Need>(one) <= std::ptr::from_ref(need),
        })
    }

    fn is_in_order(&self) -> bool {
        matches!(self.kind, ChainKind::Containerfile | ChainKind::Script)
    }

    /// The edit that installs a package before it is needed; the same one for each need of it in a stage.
    fn addition(&mut self, need: &'a Need, name: &str) -> Option<edit::Edit> {
        let stage = self.stage(need);
        let key = (stage.map(str::to_owned), name.to_owned());
        if let Some(edit) = self.additions.get(&key) {
            return Some(edit.clone());
        }
        // Lines of these are run one after the other.
        let in_order = self.is_in_order();
        let before = |one: &&&Need| {
            !one.optional
                && one.place.is_editable()
                && one.place.file == need.place.file
                && (!in_order || one.place.start < need.place.start)
        };
        let behind = self.places.get(&stage)?.iter().rfind(before)?;
        let edit = edit::add(self.kind, self.question.texts, &behind.place, name)?;
        self.added.push(key.clone());
        self.additions.insert(key, edit.clone());
        Some(edit)
    }

    pub(super) fn there_package(&mut self, need: &'a Need, name: &str) -> Found {
        let mut owners = self.index().named(name);
        owners.extend(self.index().providers(name).unwrap_or_default());
        owners.retain(|(_, package)| self.fits_arch(package, None));
        let seen = match self.tried.contains(name) {
            true => Seen::Yes,
            false => Seen::only_packages(),
        };
        self.presence(need, name, seen, Ok(owners))
    }

    pub(super) fn there_capability(&mut self, need: &'a Need, capability: &str) -> Found {
        let owners = self.index().providers(capability);
        self.presence(need, capability, Seen::only_packages(), owners)
    }

    pub(super) fn soname_owner(&mut self, need: &'a Need, capability: &str) -> Found {
        let owners = self.index().providers(capability);
        self.presence(need, capability, Seen::only_packages(), owners)
    }

    pub(super) fn command(&mut self, need: &'a Need, name: &str) -> Found {
        let commands = self.facts.commands.known();
        let seen = Seen::of(commands.map(|commands| commands.contains_key(name)));
        let owners: Vec<(PackageId, Package)> = self.index().commands(name);
        let mut found = self.presence(need, name, seen, Ok(owners));
        let there = self.question.from.and_then(|from| from.facts.commands.value()?.get(name));
        let here = self.facts.commands.value().and_then(|commands| commands.get(name));
        if let (Some(there), Some(here)) = (there, here)
            && there != here
        {
            found.differences.push(Difference {
                what: format!("path of {name}"),
                there: there.clone(),
                here: here.clone(),
                blocks: false,
            });
        }
        found
    }

    pub(super) fn path(&mut self, need: &'a Need, path: &str) -> Found {
        let seen = match self.facts.paths.exists(path) {
            Some(exists) => Seen::of(Ok(exists)),
            None => Seen::NotKnown("whether it is there is not known".to_owned()),
        };
        let is_seen = matches!(seen, Seen::Yes);
        let all = self.index().owners(path);
        let exactly = |all: &[(PackageId, Package)]| -> Vec<(PackageId, Package)> {
            all.iter().filter(|(id, _)| self.index().has_exactly(*id, path)).cloned().collect()
        };
        let exact = match &all {
            Ok(all) => Ok(exactly(all)),
            Err(why) => Err(why.clone()),
        };
        let is_elsewhere = !is_seen
            && self.has_two_sbins()
            && exact.as_ref().is_ok_and(|exact| exact.is_empty())
            && all.as_ref().is_ok_and(|all| all.iter().any(|(_, one)| one.is_usable()));
        if !is_elsewhere {
            let owners = if self.has_two_sbins() { exact } else { all };
            let found = self.presence(need, path, seen, owners);
            return match (&found.answer, path.rsplit_once('/')) {
                (Answer::Absent(_) | Answer::Unknown(_), Some((_, name))) if path.contains("bin/") => {
                    self.moved(need, path, name, found)
                }
                _ => found,
            };
        }
        let name = path.rsplit('/').next().unwrap_or_default();
        let found = self.absent(Vec::new());
        self.moved(need, path, name, found)
    }

    /// Whether `/usr/sbin` is a directory of its own, so that a program has one path and not two. Where neither an image nor
    /// the package that makes the directories says that they are one, they are two.
    fn has_two_sbins(&self) -> bool {
        let merged = self.index().providers("filesystem(unmerged-sbin-symlinks)").is_ok_and(|found| !found.is_empty());
        !merged
    }

    /// The command of a path may be in another directory.
    fn moved(&mut self, need: &'a Need, path: &str, name: &str, missing: Found) -> Found {
        let seen = self.facts.commands.value().and_then(|commands| commands.get(name).cloned());
        let candidates: Vec<(PackageId, Package)> =
            self.index().commands(name).into_iter().filter(|(_, one)| one.is_usable()).collect();
        let mut places: Vec<String> =
            candidates.iter().filter_map(|(id, _)| self.index().command_path(*id, name)).collect();
        places.sort();
        places.dedup();
        let to = match (seen, places.as_slice()) {
            (Some(seen), _) if seen != path => seen,
            (None, [one]) if one != path => one.clone(),
            _ => return missing,
        };
        let mut found = Found::new(Answer::Moved(to.clone()));
        found.evidence.extend(candidates.iter().take(2).map(|(_, one)| format!("{} has {to}", one.located())));
        // It must be there, too.
        let owners = self.index().owners(&to);
        let seen = Seen::of(self.facts.commands.known().map(|commands| commands.contains_key(name)));
        let there = self.presence(need, &to, seen, owners);
        match there.answer {
            Answer::Present(_) | Answer::Brought(_) => {
                found.edit = edit::rename(self.kind, self.question.texts, &need.place, path, &[to]);
            }
            Answer::Unknown(why) => found.evidence.push(why),
            _ => found.evidence.push("nothing that the chain installs brings it".to_owned()),
        }
        found.evidence.extend(there.evidence);
        found
    }
}
