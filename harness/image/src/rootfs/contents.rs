//! What a root file system has in the places that bootc and rpm look at, read from the archives before a disk is made of them.
//!
//! Facts: bootc, "Filesystem", "Kernel arguments" and the checks of `bootc container lint` (bootc-dev.github.io/bootc); ostree,
//! ostree-prepare-root(1); bootupd, `usr/lib/efi`; SQLite, "Database File Format", 1.3; systemd, "Building Images Safely".

mod kargs;
mod prepare_root;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt as _;

use super::error::ArchiveError;
use super::tree::{Tree, What};
use crate::efi_program;
use muster_base::text::one_line;
use muster_record::efi_program::EfiProgram;
use muster_record::root_tree::{RootTree, RpmJournal};

/// Names in a list.
const MOST: usize = 100;
/// Characters of a name.
const LONGEST: usize = 255;
/// Bytes of a file of settings.
const MOST_TEXT: u64 = 64 << 10;
/// Files that are opened to learn what they are.
const MOST_PROGRAMS: usize = 200;
/// Directories below the place that is looked at.
const DEEPEST: usize = 16;

/// Where rpm's database may be, the place of bootc's images first.
const DATABASES: [&str; 3] = ["/usr/share/rpm", "/usr/lib/sysimage/rpm", "/var/lib/rpm"];
/// Where bootupd finds the programs that it puts on the EFI system partition.
const PROGRAMS: [&str; 2] = ["/usr/lib/efi", "/usr/lib/bootupd/updates/EFI"];
/// What belongs to one machine wherever it is in an image, whatever is in it.
const OF_ONE_MACHINE: [&str; 3] = ["/var/lib/systemd/random-seed", "/var/lib/systemd/credential.secret", "/usr/etc"];
/// Files whose content belongs to one machine; empty ones say nothing.
const WRITTEN_BY_ONE_MACHINE: [&str; 4] =
    ["/etc/nvme/hostid", "/etc/nvme/hostnqn", "/etc/rndc.key", "/var/lib/NetworkManager/secret_key"];
/// Files with a machine id; the second is mostly a link to the first.
const MACHINE_IDS: [&str; 2] = ["/etc/machine-id", "/var/lib/dbus/machine-id"];
/// open-iscsi's: the name that the first start draws. Its package may bring the file with a line that asks for that.
const INITIATOR: &str = "/etc/iscsi/initiatorname.iscsi";

/// Reads it. `labels` are those of the OCI image, `None` for a plain tar.
///
/// # Errors
/// An archive cannot be read.
pub(crate) fn read(
    tree: &Tree,
    archives: &[File],
    labels: Option<BTreeMap<String, String>>,
) -> Result<RootTree, ArchiveError> {
    let look = Look { tree, archives };
    let (kernels, without_initramfs) = look.kernels();
    let (rpm_databases, rpm_journal) = look.databases()?;
    let kinds: BTreeSet<EfiProgram> = look.programs(&PROGRAMS)?.into_iter().map(|(_, kind)| kind).collect();
    let ukis = look.programs(&["/boot/EFI/Linux"])?.into_iter().filter(|(_, kind)| *kind == EfiProgram::Uki);
    let prepare_root = look.text("/usr/lib/ostree/prepare-root.conf")?.unwrap_or_default();
    Ok(RootTree {
        labels: labels.map(bounded),
        kernels,
        without_initramfs,
        ukis: names(ukis.map(|(name, _)| name)),
        boot: look.names("/boot").map(names),
        boot_programs: kinds.into_iter().collect(),
        rpm: look.at("/usr/bin/rpm").is_some(),
        rpm_databases,
        rpm_journal,
        composefs: prepare_root::composefs(&prepare_root) && !look.kargs_without_composefs()?,
        ostree_root: matches!(look.what("/sysroot"), Some(What::Dir(_)))
            && matches!(look.what("/ostree"), Some(What::Symlink(to)) if to == b"sysroot/ostree"),
        malformed_kargs: look.malformed_kargs()?,
        leftovers: look.leftovers()?,
    })
}

fn bounded(labels: BTreeMap<String, String>) -> BTreeMap<String, String> {
    let short = |(key, value): (String, String)| (one_line(&key, LONGEST), one_line(&value, LONGEST));
    labels.into_iter().take(MOST).map(short).collect()
}

fn names(found: impl IntoIterator<Item = Vec<u8>>) -> Vec<String> {
    let shown = |name: Vec<u8>| one_line(&String::from_utf8_lossy(&name), LONGEST);
    found.into_iter().take(MOST).map(shown).collect()
}

struct Look<'t> {
    tree: &'t Tree,
    archives: &'t [File],
}

impl<'t> Look<'t> {
    /// The inode of a path; `None` also where a link is in the way.
    fn at(&self, path: &str) -> Option<usize> {
        let names = path.split('/').filter(|name| !name.is_empty());
        names.into_iter().try_fold(0, |at, name| self.tree.child(at, name.as_bytes()))
    }

    fn what(&self, path: &str) -> Option<&'t What> {
        Some(&self.tree.node(self.at(path)?)?.what)
    }

    fn entries(&self, path: &str) -> impl Iterator<Item = (&'t Vec<u8>, &'t What)> + use<'t> {
        let (tree, found) = (self.tree, self.what(path));
        let names = match found {
            Some(What::Dir(names)) => Some(names),
            _ => None,
        };
        names.into_iter().flatten().filter_map(move |(name, at)| Some((name, &tree.node(*at)?.what)))
    }

    /// Names in a directory; `None` where there is none.
    fn names(&self, path: &str) -> Option<Vec<Vec<u8>>> {
        matches!(self.what(path), Some(What::Dir(_)))
            .then(|| self.entries(path).map(|(name, _)| name.clone()).collect())
    }

    fn kernels(&self) -> (Vec<String>, Vec<String>) {
        let has = |what: &What, name: &[u8]| match what {
            What::Dir(names) => {
                names.get(name).and_then(|at| self.tree.node(*at)).is_some_and(|node| is_written(&node.what))
            }
            _ => false,
        };
        let found: Vec<_> = self.entries("/usr/lib/modules").filter(|(_, what)| has(what, b"vmlinuz")).collect();
        let without = found.iter().filter(|(_, what)| !has(what, b"initramfs.img")).map(|(name, _)| (*name).clone());
        (names(found.iter().map(|(name, _)| (*name).clone())), names(without))
    }

    /// Directories with a database, and the journal of the first.
    fn databases(&self) -> Result<(Vec<String>, Option<RpmJournal>), ArchiveError> {
        let has_one = |place: &&str| {
            let one = ["rpmdb.sqlite", "Packages", "Packages.db"];
            self.entries(place).any(|(name, what)| is_file(what) && one.iter().any(|one| one.as_bytes() == name))
        };
        let found: Vec<&str> = DATABASES.into_iter().filter(has_one).collect();
        let journal = match found.first() {
            Some(place) => self.journal(place)?,
            None => None,
        };
        Ok((found.into_iter().map(str::to_owned).collect(), journal))
    }

    fn journal(&self, place: &str) -> Result<Option<RpmJournal>, ArchiveError> {
        let Some(What::File { source, offset, size }) = self.what(&format!("{place}/rpmdb.sqlite")) else {
            return Ok(None);
        };
        let mut header = Vec::new();
        self.member(*source, *offset, *size)?.take(20).read_to_end(&mut header)?;
        // Versions with which it is written and read: 1 with a rollback journal, 2 with a log that is written ahead.
        let versions = header.strip_prefix(b"SQLite format 3\0").and_then(|rest| rest.get(2..4));
        let logs = ["rpmdb.sqlite-wal", "rpmdb.sqlite-shm"];
        let is_left = logs.iter().any(|log| self.at(&format!("{place}/{log}")).is_some());
        Ok(match versions {
            Some([1, 1]) if !is_left => Some(RpmJournal::Rollback),
            Some([1, 1] | [2, 2]) => Some(RpmJournal::Wal),
            _ => Some(RpmJournal::Other),
        })
    }

    /// Files below these directories that end in `.efi`, each with what it is.
    fn programs(&self, places: &[&str]) -> Result<Vec<(Vec<u8>, EfiProgram)>, ArchiveError> {
        let mut found = Vec::new();
        for place in places {
            if let Some(at) = self.at(place) {
                self.programs_below(at, DEEPEST, &mut found)?;
            }
        }
        Ok(found)
    }

    fn programs_below(
        &self,
        dir: usize,
        depth: usize,
        found: &mut Vec<(Vec<u8>, EfiProgram)>,
    ) -> Result<(), ArchiveError> {
        let Some(What::Dir(names)) = self.tree.node(dir).map(|node| &node.what) else { return Ok(()) };
        for (name, at) in names {
            match self.tree.node(*at).map(|node| &node.what) {
                Some(What::Dir(_)) if depth > 0 => self.programs_below(*at, depth - 1, found)?,
                Some(What::File { source, offset, size })
                    if name.to_ascii_lowercase().ends_with(b".efi") && found.len() < MOST_PROGRAMS =>
                {
                    let kind = efi_program::of(&mut self.member(*source, *offset, *size)?)?;
                    found.push((name.clone(), kind));
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn malformed_kargs(&self) -> Result<Vec<String>, ArchiveError> {
        let mut refused = Vec::new();
        for (name, what) in self.entries("/usr/lib/bootc/kargs.d") {
            let taken = match what {
                What::File { source, offset, size } if name.ends_with(b".toml") => {
                    self.bytes(*source, *offset, *size)?.is_some_and(|bytes| kargs::taken(&bytes))
                }
                _ => false,
            };
            if !taken {
                refused.push(name.clone());
            }
        }
        Ok(names(refused))
    }

    /// Whether the kernel arguments that bootc installs with switch composefs off, whatever prepare-root.conf says.
    fn kargs_without_composefs(&self) -> Result<bool, ArchiveError> {
        for (name, what) in self.entries("/usr/lib/bootc/kargs.d") {
            if let What::File { source, offset, size } = what
                && name.ends_with(b".toml")
                && let Some(bytes) = self.bytes(*source, *offset, *size)?
                && kargs::words(&bytes).iter().any(|word| prepare_root::switches_off(word))
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn leftovers(&self) -> Result<Vec<String>, ArchiveError> {
        let mut found = Vec::new();
        for place in ["/run", "/tmp"] {
            found.extend(self.names(place).unwrap_or_default().into_iter().map(|name| below(place, &name)));
        }
        if let Some(at) = self.at("/var/log") {
            self.written_below(at, "/var/log", DEEPEST, &mut found);
        }
        let keys =
            self.entries("/etc/ssh").filter(|(name, _)| name.starts_with(b"ssh_host_") && name.ends_with(b"_key"));
        found.extend(keys.map(|(name, _)| below("/etc/ssh", name)));
        for path in MACHINE_IDS {
            if self.what(path).is_some_and(is_written) && self.text(path)?.is_none_or(|id| id.trim() != "uninitialized")
            {
                found.push(path.as_bytes().to_vec());
            }
        }
        if self.what(INITIATOR).is_some_and(is_written)
            && self
                .text(INITIATOR)?
                .is_none_or(|text| text.lines().any(|line| line.trim().starts_with("InitiatorName=")))
        {
            found.push(INITIATOR.as_bytes().to_vec());
        }
        let written = WRITTEN_BY_ONE_MACHINE.iter().filter(|path| self.what(path).is_some_and(is_written));
        found.extend(written.map(|path| path.as_bytes().to_vec()));
        found.extend(OF_ONE_MACHINE.iter().filter(|path| self.at(path).is_some()).map(|path| path.as_bytes().to_vec()));
        if self.what("/var/run").is_some_and(|what| !matches!(what, What::Symlink(_))) {
            found.push(b"/var/run".to_vec());
        }
        Ok(names(found))
    }

    /// Files with something in them.
    fn written_below(&self, dir: usize, path: &str, depth: usize, found: &mut Vec<Vec<u8>>) {
        let Some(What::Dir(names)) = self.tree.node(dir).map(|node| &node.what) else { return };
        for (name, at) in names {
            match self.tree.node(*at).map(|node| &node.what) {
                Some(What::File { size: 1.., .. }) if found.len() < MOST => found.push(below(path, name)),
                Some(What::Dir(_)) if depth > 0 => {
                    self.written_below(*at, &String::from_utf8_lossy(&below(path, name)), depth - 1, found);
                }
                _ => {}
            }
        }
    }

    /// The text of a file of settings; `None` where there is none, or one that is too long for it.
    fn text(&self, path: &str) -> Result<Option<String>, ArchiveError> {
        let bytes = match self.what(path) {
            Some(What::File { source, offset, size }) => self.bytes(*source, *offset, *size)?,
            _ => None,
        };
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn bytes(&self, source: usize, offset: u64, size: u64) -> Result<Option<Vec<u8>>, ArchiveError> {
        if size > MOST_TEXT {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        self.member(source, offset, size)?.read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    fn member(&self, source: usize, offset: u64, size: u64) -> Result<Member<'t>, ArchiveError> {
        let archive = self.archives.get(source).ok_or_else(|| std::io::Error::other("an archive is missing"))?;
        Ok(Member { archive, offset, size, at: 0 })
    }
}

fn below(place: &str, name: &[u8]) -> Vec<u8> {
    [place.as_bytes(), b"/", name].concat()
}

fn is_file(what: &What) -> bool {
    matches!(what, What::File { .. })
}

/// Whether it is a file with something in it.
fn is_written(what: &What) -> bool {
    matches!(what, What::File { size: 1.., .. })
}

/// The bytes of a file in an archive. Reading it moves nobody else's place in the archive.
struct Member<'t> {
    archive: &'t File,
    offset: u64,
    size: u64,
    at: u64,
}

impl Read for Member<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let left = usize::try_from(self.size.saturating_sub(self.at)).unwrap_or(usize::MAX).min(into.len());
        let count = self.archive.read_at(&mut into[..left], self.offset.saturating_add(self.at))?;
        if count == 0 && left > 0 {
            return Err(std::io::Error::other("the archive became shorter while it was read"));
        }
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Member<'_> {
    fn seek(&mut self, to: SeekFrom) -> std::io::Result<u64> {
        self.at = match to {
            SeekFrom::Start(at) => at,
            SeekFrom::Current(by) => self.at.saturating_add_signed(by),
            SeekFrom::End(by) => self.size.saturating_add_signed(by),
        };
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests;
