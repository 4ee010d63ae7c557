//! What lies between this process and one QEMU: connected socket pairs for the console, for QMP and
//! for a warm shell, so that no socket file exists at all, and private copies of files, which have no
//! name either.

use std::fs::File;
use std::io::Seek;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Our ends.
pub(super) struct Here {
    pub serial: UnixStream,
    pub qmp: UnixStream,
    /// Input and output of a warm shell, and its errors.
    pub warm: [UnixStream; 2],
}

/// QEMU's ends.
pub(super) struct There {
    pub serial: OwnedFd,
    pub qmp: OwnedFd,
    pub warm: [OwnedFd; 2],
}

/// All sockets of one machine. They close on exec; QEMU's lose that in the child.
pub(super) fn sockets() -> std::io::Result<(Here, There)> {
    let (serial, serial_there) = UnixStream::pair()?;
    let (qmp, qmp_there) = UnixStream::pair()?;
    let (input, input_there) = UnixStream::pair()?;
    let (errors, errors_there) = UnixStream::pair()?;
    let here = Here { serial, qmp, warm: [input, errors] };
    let there =
        There { serial: serial_there.into(), qmp: qmp_there.into(), warm: [input_there.into(), errors_there.into()] };
    Ok((here, there))
}

/// A writable copy of the file in the folder's file system, its name removed.
pub(super) fn private_copy(mut original: &File, folder: &Path) -> std::io::Result<File> {
    let mut copy = tempfile::tempfile_in(folder)?;
    original.rewind()?;
    std::io::copy(&mut original, &mut copy)?;
    copy.rewind()?;
    Ok(copy)
}
