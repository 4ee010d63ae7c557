//! What the members of one or more archives add up to: a tree in memory, in which every path has been
//! checked. Layers of an OCI image are put over each other with their whiteouts.

use std::collections::BTreeMap;

use super::Bounds;
use super::error::ArchiveError;
use super::message::show;
use super::tar::{Entry, TarKind};

/// Depth of directories; deeper ones would not fit a path.
const MAX_DEPTH: usize = 256;
/// Bytes of one name, as ext4 has it.
const MAX_NAME: usize = 255;

/// One inode.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// What it is.
    pub what: What,
    /// Permission bits.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since 1970.
    pub mtime: i64,
    /// Extended attributes that the disk keeps.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The names of those that it does not keep.
    pub dropped: Vec<Vec<u8>>,
}

/// What an inode is.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// Names and inodes.
    Dir(BTreeMap<Vec<u8>, usize>),
    /// Bytes of one of the archives.
    File {
        /// Which archive.
        source: usize,
        /// Where in it.
        offset: u64,
        /// How many.
        size: u64,
    },
    /// A symbolic link.
    Symlink(Vec<u8>),
    /// A device of the guest.
    Device {
        /// Block, or character.
        block: bool,
        /// Major and minor number.
        number: (u32, u32),
    },
    /// A named pipe.
    Fifo,
}

/// The tree. Inode 0 is its root.
#[derive(Debug)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
    bounds: Bounds,
    entries: u64,
    bytes: u64,
}

impl Tree {
    /// A root directory and nothing in it.
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self { nodes: vec![dir()], bounds, entries: 0, bytes: 0 }
    }

    /// The inode of that number.
    pub(crate) fn node(&self, index: usize) -> Option<&Node> {
        self.nodes.get(index)
    }

    /// All inodes ever made, those without a name included.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether no member was ever added.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries == 0
    }

    /// Bytes of all files ever seen.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds a member of the archive of that number. `layered` says that whiteouts mean something.
    pub(crate) fn add(&mut self, entry: Entry, source: usize, layered: bool) -> Result<(), ArchiveError> {
        self.entries += 1;
        if self.entries > self.bounds.entries {
            return Err(ArchiveError::TooManyEntries { limit: self.bounds.entries });
        }
        if let TarKind::File { size, .. } = entry.kind {
            self.bytes = self.bytes.saturating_add(size);
            if self.bytes > self.bounds.bytes {
                return Err(ArchiveError::TooManyBytes { limit: self.bounds.bytes });
            }
        }
        let path = entry.path.clone();
        let names = components(&path)?;
        let Some((name, above)) = names.split_last() else {
            // The root itself: only its owner, mode and time can be stated.
            let TarKind::Dir = entry.kind else { return Err(ArchiveError::Root) };
            return self.describe(0, entry);
        };
        if layered && let Some(gone) = name.strip_prefix(b".wh.") {
            return self.white_out(above, gone);
        }
        let parent = self.walk(above, &path, true)?;
        let found = self.child(parent, name);
        let what = match entry.kind {
            TarKind::HardLink(ref target) => {
                let index = self.target(target, &path)?;
                self.names(parent)?.insert(name.to_vec(), index);
                return Ok(());
            }
            TarKind::Dir => match found {
                Some(index) if matches!(self.nodes[index].what, What::Dir(_)) => return self.describe(index, entry),
                _ => What::Dir(BTreeMap::new()),
            },
            TarKind::File { offset, size } => What::File { source, offset, size },
            TarKind::Symlink(ref target) => What::Symlink(target.clone()),
            TarKind::Device { block, number } => What::Device { block, number },
            TarKind::Fifo => What::Fifo,
        };
        let index = self.nodes.len();
        self.nodes.push(Node { what, ..dir() });
        self.describe(index, entry)?;
        self.names(parent)?.insert(name.to_vec(), index);
        Ok(())
    }

    fn describe(&mut self, index: usize, entry: Entry) -> Result<(), ArchiveError> {
        let node = self.nodes.get_mut(index).ok_or(ArchiveError::NoInode)?;
        (node.mode, node.uid, node.gid, node.mtime) = (entry.mode, entry.uid, entry.gid, entry.mtime);
        (node.xattrs, node.dropped) = (entry.xattrs, entry.dropped);
        Ok(())
    }

    pub(super) fn child(&self, dir: usize, name: &[u8]) -> Option<usize> {
        match &self.nodes.get(dir)?.what {
            What::Dir(names) => names.get(name).copied(),
            _ => None,
        }
    }

    fn names(&mut self, dir: usize) -> Result<&mut BTreeMap<Vec<u8>, usize>, ArchiveError> {
        match self.nodes.get_mut(dir).map(|node| &mut node.what) {
            Some(What::Dir(names)) => Ok(names),
            _ => Err(ArchiveError::NoDirectory),
        }
    }

    /// The directory of that path. Never through a symbolic link: an archive that goes through one has a
    /// different meaning for every program that unpacks it.
    fn walk(&mut self, names: &[&[u8]], path: &[u8], make: bool) -> Result<usize, ArchiveError> {
        let mut at = 0;
        for name in names {
            at = match self.child(at, name) {
                Some(index) if matches!(self.nodes[index].what, What::Dir(_)) => index,
                Some(_) => {
                    return Err(ArchiveError::BelowNoDirectory { entry: show(path), name: show(name) });
                }
                None if make => {
                    let index = self.nodes.len();
                    self.nodes.push(dir());
                    self.names(at)?.insert(name.to_vec(), index);
                    index
                }
                None => return Err(ArchiveError::NotInside { entry: show(path) }),
            };
        }
        Ok(at)
    }

    fn target(&mut self, target: &[u8], path: &[u8]) -> Result<usize, ArchiveError> {
        let names =
            components(target).map_err(|why| ArchiveError::LinkOutside { entry: show(path), why: Box::new(why) })?;
        let outside = || ArchiveError::LinkToNothing { entry: show(path), target: show(target) };
        let (name, above) = names.split_last().ok_or_else(outside)?;
        let parent = self.walk(above, target, false).map_err(|_| outside())?;
        match self.child(parent, name) {
            Some(index) if !matches!(self.nodes[index].what, What::Dir(_)) => Ok(index),
            Some(_) => Err(ArchiveError::LinkToDirectory { entry: show(path) }),
            None => Err(outside()),
        }
    }

    /// OCI image specification, "Whiteouts": `.wh.NAME` hides NAME, `.wh..wh..opq` all of its directory.
    fn white_out(&mut self, above: &[&[u8]], gone: &[u8]) -> Result<(), ArchiveError> {
        let Ok(parent) = self.walk(above, b"", false) else { return Ok(()) };
        match gone {
            b".wh..opq" => self.names(parent)?.clear(),
            name => drop(self.names(parent)?.remove(name)),
        }
        Ok(())
    }
}

fn dir() -> Node {
    Node {
        what: What::Dir(BTreeMap::new()),
        mode: 0o755,
        uid: 0,
        gid: 0,
        mtime: 0,
        xattrs: BTreeMap::new(),
        dropped: Vec::new(),
    }
}

/// The names of a path inside the archive.
fn components(path: &[u8]) -> Result<Vec<&[u8]>, ArchiveError> {
    if path.starts_with(b"/") {
        return Err(ArchiveError::Absolute { entry: show(path) });
    }
    let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".").collect();
    if names.contains(&&b".."[..]) {
        return Err(ArchiveError::Outside { entry: show(path) });
    }
    if names.len() > MAX_DEPTH || names.iter().any(|name| name.len() > MAX_NAME) {
        return Err(ArchiveError::Deep { entry: show(path) });
    }
    Ok(names)
}
