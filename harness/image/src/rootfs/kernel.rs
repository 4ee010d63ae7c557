//! The kernel that a root file system brings along, where bootc and systemd look for it: `/usr/lib/modules/VERSION/vmlinuz`, and
//! `initramfs.img` next to it. Pure but for the copy.
//!
//! Facts: bootc, "Filesystem", "Kernel" (bootc-dev.github.io/bootc): there is one kernel, and `/boot` is empty.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use super::error::ArchiveError;
use super::message::show;
use super::tree::{Tree, What};

/// Bytes of a kernel or of its initramfs.
const MOST: u64 = 1 << 30;

/// Bytes of one of the archives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Piece {
    source: usize,
    offset: u64,
    size: u64,
}

/// The one kernel of a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OwnKernel {
    /// The kernel.
    pub(crate) image: Piece,
    /// Its initial RAM disk.
    pub(crate) initramfs: Piece,
}

/// Finds it. Links are not followed: where one leads is decided by whoever follows it.
///
/// # Errors
/// There is none, there are several, or it has no initramfs.
pub(crate) fn find(tree: &Tree) -> Result<OwnKernel, ArchiveError> {
    let modules = [&b"usr"[..], b"lib", b"modules"].iter().try_fold(0, |at, name| tree.child(at, name));
    let Some(What::Dir(releases)) = modules.and_then(|at| tree.node(at)).map(|node| &node.what) else {
        return Err(ArchiveError::NoKernel);
    };
    let with_kernel =
        |(name, at): (&Vec<u8>, &usize)| Some((name.clone(), *at, file(tree, tree.child(*at, b"vmlinuz")?)?));
    let found: Vec<(Vec<u8>, usize, Piece)> = releases.iter().filter_map(with_kernel).collect();
    match found.as_slice() {
        [] => Err(ArchiveError::NoKernel),
        [(name, at, image)] => {
            let initramfs = tree.child(*at, b"initramfs.img").and_then(|at| file(tree, at));
            let initramfs = initramfs.ok_or_else(|| ArchiveError::NoInitramfs { release: show(name) })?;
            Ok(OwnKernel { image: *image, initramfs })
        }
        several => {
            let names: Vec<String> = several.iter().take(10).map(|(name, ..)| show(name)).collect();
            Err(ArchiveError::SeveralKernels { releases: names.join(", ") })
        }
    }
}

impl Piece {
    /// Writes it into a file.
    pub(crate) fn copy(&self, sources: &[File], to: &Path) -> Result<(), ArchiveError> {
        if self.size > MOST {
            let name = "its kernel or initramfs".to_owned();
            return Err(ArchiveError::LongFile { name, size: self.size, limit: MOST });
        }
        let missing = || std::io::Error::other("an archive is missing");
        let mut source: &File = sources.get(self.source).ok_or_else(missing)?;
        source.seek(SeekFrom::Start(self.offset))?;
        let mut out = File::options().write(true).truncate(true).open(to)?;
        match std::io::copy(&mut source.take(self.size), &mut out)? == self.size {
            true => Ok(()),
            false => Err(std::io::Error::other("the archive became shorter while it was read").into()),
        }
    }
}

fn file(tree: &Tree, at: usize) -> Option<Piece> {
    match tree.node(at)?.what {
        What::File { source, offset, size } => Some(Piece { source, offset, size }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Member, bytes, dir, file as member, member as special};
    use super::super::{Bounds, tar};
    use super::*;

    fn tree(members: &[Member]) -> (Tree, File) {
        let mut archive = tempfile::tempfile().expect("a file");
        std::io::Write::write_all(&mut archive, &bytes(members)).expect("written");
        let mut tree = Tree::new(Bounds::default());
        tar::read(&archive, |entry| tree.add(entry, 0, false)).expect("a tar");
        (tree, archive)
    }

    fn said(members: &[Member]) -> String {
        find(&tree(members).0).expect_err("no kernel").to_string()
    }

    #[test]
    fn the_one_kernel_is_found_and_copied_with_its_initramfs() {
        let (tree, archive) = tree(&[
            member("usr/lib/modules/6.12.1/vmlinuz", "kernel"),
            member("usr/lib/modules/6.12.1/initramfs.img", "initramfs"),
            dir("usr/lib/modules/6.12.0"),
            member("boot/vmlinuz-6.1", "not this one"),
        ]);
        let found = find(&tree).expect("a kernel");
        let out = tempfile::NamedTempFile::new().expect("a file");
        found.image.copy(std::slice::from_ref(&archive), out.path()).expect("copied");
        assert_eq!(std::fs::read(out.path()).expect("read"), b"kernel");
        found.initramfs.copy(&[archive], out.path()).expect("copied");
        assert_eq!(std::fs::read(out.path()).expect("read"), b"initramfs");
        assert!(found.image.copy(&[], out.path()).is_err());
    }

    #[test]
    fn none_several_and_links_are_no_kernel() {
        let kernel = |release: &str| member(&format!("usr/lib/modules/{release}/vmlinuz"), "kernel");
        assert_eq!(said(&[dir("usr")]), ArchiveError::NoKernel.to_string());
        assert_eq!(
            said(&[special(b'2', "usr/lib/modules/6/vmlinuz", "/etc/passwd")]),
            ArchiveError::NoKernel.to_string()
        );
        assert_eq!(said(&[dir("usr/lib/modules/6/vmlinuz")]), ArchiveError::NoKernel.to_string());
        let several = said(&[kernel("6.1"), kernel("6.2")]);
        assert!(several.contains("several kernels") && several.contains("6.1") && several.contains("6.2"), "{several}");
        let alone = said(&[kernel("6.1")]);
        assert!(alone.contains("6.1") && alone.contains("has no initramfs.img"), "{alone}");
    }
}
