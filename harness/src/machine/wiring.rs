//! What lies between this process and one QEMU: connected socket pairs for the console and for QMP,
//! so that no socket file exists at all, and the private copy of the firmware's variables, which has
//! no name either.

use std::fs::File;
use std::io::Seek;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// An empty disk of that many bytes in the folder's file system: sparse, without a name.
pub(super) fn empty_disk(bytes: u64, folder: &Path) -> std::io::Result<OwnedFd> {
    let disk = tempfile::tempfile_in(folder)?;
    disk.set_len(bytes)?;
    Ok(disk.into())
}

/// A connected pair: ours, and QEMU's. Both close on exec; QEMU's loses that in the child.
pub(super) fn socket_pair() -> std::io::Result<(UnixStream, OwnedFd)> {
    let (ours, theirs) = UnixStream::pair()?;
    Ok((ours, theirs.into()))
}

/// A writable copy of the template in the folder's file system, its name removed.
pub(super) fn private_copy(template: &Path, folder: &Path) -> std::io::Result<File> {
    let mut copy = tempfile::tempfile_in(folder)?;
    std::io::copy(&mut File::open(template)?, &mut copy)?;
    copy.rewind()?;
    Ok(copy)
}
