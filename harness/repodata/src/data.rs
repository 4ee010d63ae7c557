//! What an index stores: strings, dependencies and packages, each once and by number.

use std::collections::HashMap;

use crate::arch::{Arch, Fit};
use crate::dependency::{Bound, Dependency, Operator};
use crate::numbers::Seeded;
use crate::package::{PackageId, PackageRecord, evr_text};
use crate::texts::{Text, Texts};

/// A stored dependency: its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct DepId(pub(crate) u32);

/// A dependency, by numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Dep {
    pub(crate) name: Text,
    pub(crate) operator: Option<Operator>,
    pub(crate) version: Text,
}

/// The lists of dependencies that a package has, in the order in which they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    Provides,
    Requires,
    Conflicts,
    Obsoletes,
    Recommends,
    Supplements,
}

/// How many lists there are.
pub(crate) const LISTS: usize = 6;

/// A package, by numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stored {
    pub(crate) name: Text,
    pub(crate) evr: Text,
    pub(crate) arch: Text,
    pub(crate) source: Text,
    pub(crate) repository: u16,
    /// 0 is best; see [`Fit`].
    pub(crate) fit: u8,
    /// Part of a module that is not enabled by default: never chosen.
    pub(crate) hidden: bool,
    pub(crate) installed_size: u64,
    pub(crate) download_size: u64,
    /// Where each list begins in `Data::lists`, and where the last ends.
    pub(crate) lists: [u32; LISTS + 1],
    /// From where to where in `Data::files`.
    pub(crate) files: (u32, u32),
}

/// A package before its lists are stored.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Head<'a> {
    pub(crate) name: &'a str,
    pub(crate) epoch: u64,
    pub(crate) version: &'a str,
    pub(crate) release: &'a str,
    pub(crate) arch: &'a str,
    pub(crate) source: &'a str,
    pub(crate) installed_size: u64,
    pub(crate) download_size: u64,
}

/// More than the numbers of an index can count: 4 GiB of text, 2³² dependencies or 65,535 repositories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the repositories hold more than an index can: 4 GiB of names, or four thousand million dependencies")]
pub struct Full;

/// Everything stored.
#[derive(Debug)]
pub(crate) struct Data {
    pub(crate) arch: Arch,
    pub(crate) texts: Texts,
    pub(crate) deps: Vec<Dep>,
    dep_ids: HashMap<Dep, DepId, Seeded>,
    pub(crate) packages: Vec<Stored>,
    pub(crate) lists: Vec<DepId>,
    pub(crate) files: Vec<Text>,
    /// Architectures of packages that were left out, by name.
    pub(crate) foreign: HashMap<Text, Vec<Text>>,
}

impl Data {
    pub(crate) fn new(arch: &str) -> Self {
        Self {
            arch: Arch::new(arch),
            texts: Texts::new(),
            deps: Vec::new(),
            dep_ids: HashMap::default(),
            packages: Vec::new(),
            lists: Vec::new(),
            files: Vec::new(),
            foreign: HashMap::new(),
        }
    }

    pub(crate) fn text(&mut self, text: &str) -> Result<Text, Full> {
        self.texts.add(text).ok_or(Full)
    }

    pub(crate) fn dep(&mut self, name: &str, bound: Bound<'_>) -> Result<DepId, Full> {
        let dep = Dep {
            name: self.text(name)?,
            operator: bound.map(|(operator, _)| operator),
            version: bound.map_or(Ok(Text::EMPTY), |(_, version)| self.text(version))?,
        };
        self.store(dep)
    }

    /// The number of this dependency, which is stored now if it was not.
    fn store(&mut self, dep: Dep) -> Result<DepId, Full> {
        let next = DepId(u32::try_from(self.deps.len()).map_err(|_| Full)?);
        let id = *self.dep_ids.entry(dep).or_insert(next);
        if id == next {
            self.deps.push(dep);
        }
        Ok(id)
    }

    pub(crate) fn bound(&self, dep: Dep) -> Bound<'_> {
        dep.operator.map(|operator| (operator, self.texts.get(dep.version)))
    }

    pub(crate) fn dependency(&self, id: DepId) -> Dependency {
        let dep = self.deps[id.0 as usize];
        Dependency {
            name: self.texts.get(dep.name).to_owned(),
            bound: self.bound(dep).map(|(operator, version)| (operator, version.to_owned())),
        }
    }

    /// The entries of one list of a package.
    pub(crate) fn list(&self, package: PackageId, list: List) -> &[DepId] {
        let bounds = &self.packages[package.at()].lists;
        &self.lists[bounds[list as usize] as usize..bounds[list as usize + 1] as usize]
    }

    /// How a package of this architecture is taken; `None` when it is left out (and noted).
    pub(crate) fn admit(&mut self, name: &str, arch: &str) -> Result<Option<u8>, Full> {
        match self.arch.fit(arch) {
            Fit::Native => Ok(Some(0)),
            Fit::Older(place) => Ok(Some(place.max(1))),
            Fit::Source => Ok(None),
            Fit::Foreign => {
                let (name, arch) = (self.text(name)?, self.text(arch)?);
                let known = self.foreign.entry(name).or_default();
                if !known.contains(&arch) {
                    known.push(arch);
                }
                Ok(None)
            }
        }
    }

    /// Stores a package that was admitted with this fit. Adds that it provides itself, where that is not stated.
    pub(crate) fn push(
        &mut self,
        repository: u16,
        fit: u8,
        head: &Head<'_>,
        lists: &[Vec<DepId>; LISTS],
        files: &[Text],
    ) -> Result<PackageId, Full> {
        let evr = evr_text(head.epoch, head.version, head.release);
        let itself = self.dep(head.name, Some((Operator::Equal, &evr)))?;
        let count = |length: usize| u32::try_from(length).map_err(|_| Full);
        let mut bounds = [0; LISTS + 1];
        for (number, list) in lists.iter().enumerate() {
            bounds[number] = count(self.lists.len())?;
            self.lists.extend_from_slice(list);
            if number == List::Provides as usize && !list.contains(&itself) {
                self.lists.push(itself);
            }
        }
        bounds[LISTS] = count(self.lists.len())?;
        let from = count(self.files.len())?;
        self.files.extend_from_slice(files);
        let stored = Stored {
            name: self.text(head.name)?,
            evr: self.text(&evr)?,
            arch: self.text(head.arch)?,
            source: self.text(head.source)?,
            repository,
            fit,
            hidden: false,
            installed_size: head.installed_size,
            download_size: head.download_size,
            lists: bounds,
            files: (from, count(self.files.len())?),
        };
        let id = PackageId(count(self.packages.len())?);
        self.packages.push(stored);
        Ok(id)
    }

    /// Stores a record, if this architecture can install it.
    pub(crate) fn add(&mut self, repository: u16, record: &PackageRecord) -> Result<Option<PackageId>, Full> {
        let Some(fit) = self.admit(&record.name, &record.arch)? else { return Ok(None) };
        let mut lists: [Vec<DepId>; LISTS] = Default::default();
        let stated = [
            &record.provides,
            &record.requires,
            &record.conflicts,
            &record.obsoletes,
            &record.recommends,
            &record.supplements,
        ];
        for (list, stated) in lists.iter_mut().zip(stated) {
            for dependency in stated {
                let bound = dependency.bound.as_ref().map(|(operator, version)| (*operator, version.as_str()));
                list.push(self.dep(&dependency.name, bound)?);
            }
        }
        let files = record.files.iter().map(|path| self.text(path)).collect::<Result<Vec<_>, _>>()?;
        let head = Head {
            name: &record.name,
            epoch: record.epoch,
            version: &record.version,
            release: &record.release,
            arch: &record.arch,
            source: record.source.as_deref().unwrap_or_default(),
            installed_size: record.installed_size,
            download_size: record.download_size,
        };
        debug_assert_eq!(record.evr(), evr_text(head.epoch, head.version, head.release));
        self.push(repository, fit, &head, &lists, &files).map(Some)
    }

    /// Adds everything that another stores, as if it had been stored here in the same order.
    pub(crate) fn append(&mut self, other: Self) -> Result<(), Full> {
        if self.texts.len() == 1 && self.packages.is_empty() && self.foreign.is_empty() {
            *self = other;
            return Ok(());
        }
        let count = |length: usize| u32::try_from(length).map_err(|_| Full);
        let texts: Vec<Text> =
            (0..other.texts.len() as u32).map(|at| self.text(other.texts.get(Text(at)))).collect::<Result<_, _>>()?;
        let mut deps = Vec::with_capacity(other.deps.len());
        for dep in &other.deps {
            let dep = Dep { name: texts[dep.name.at()], version: texts[dep.version.at()], ..*dep };
            deps.push(self.store(dep)?);
        }
        let (lists, files) = (count(self.lists.len())?, count(self.files.len())?);
        count(self.lists.len() + other.lists.len())?;
        count(self.files.len() + other.files.len())?;
        count(self.packages.len() + other.packages.len())?;
        self.lists.extend(other.lists.iter().map(|dep| deps[dep.0 as usize]));
        self.files.extend(other.files.iter().map(|path| texts[path.at()]));
        self.packages.extend(other.packages.iter().map(|package| Stored {
            name: texts[package.name.at()],
            evr: texts[package.evr.at()],
            arch: texts[package.arch.at()],
            source: texts[package.source.at()],
            lists: package.lists.map(|at| at + lists),
            files: (package.files.0 + files, package.files.1 + files),
            ..*package
        }));
        for (name, archs) in other.foreign {
            let known = self.foreign.entry(texts[name.at()]).or_default();
            for arch in archs {
                let arch = texts[arch.at()];
                if !known.contains(&arch) {
                    known.push(arch);
                }
            }
        }
        Ok(())
    }

    pub(crate) fn shrink(&mut self) {
        self.texts.shrink();
        self.deps.shrink_to_fit();
        self.packages.shrink_to_fit();
        self.lists.shrink_to_fit();
        self.files.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_is_stored_as_if_it_had_been_added() {
        let package = |name: &str, requires: &str, file: &str| PackageRecord {
            requires: vec![Dependency::parse(requires).unwrap()],
            files: vec![file.to_owned()],
            ..PackageRecord::new(name, "1", "2", "noarch")
        };
        let of = |name: &str, arch: &str| PackageRecord::new(name, "1", "2", arch);
        let first = [package("a", "b >= 1", "/x"), of("far", "s390x"), of("far", "aarch64")];
        let second = [package("b", "b >= 1", "/x"), package("c", "d", "/y"), of("far", "s390x"), of("near", "s390x")];
        let stored = |parts: &[(u16, &[PackageRecord])]| {
            let mut data = Data::new("x86_64");
            for (number, records) in parts {
                for record in *records {
                    data.add(*number, record).unwrap();
                }
            }
            data
        };
        let mut joined = Data::new("x86_64");
        joined.append(stored(&[(0, &first)])).unwrap();
        joined.append(stored(&[(1, &second)])).unwrap();
        let whole = stored(&[(0, &first), (1, &second)]);
        let shown = |data: &Data| {
            let texts: Vec<&str> = (0..data.texts.len() as u32).map(|at| data.texts.get(Text(at))).collect();
            let mut foreign: Vec<_> = data.foreign.iter().collect();
            foreign.sort();
            let rest = (&data.deps, &data.packages, &data.lists, &data.files);
            format!("{texts:?} {rest:?} {foreign:?}")
        };
        assert_eq!(shown(&joined), shown(&whole));
    }
}
