//! What lies between this process and one QEMU: connected socket pairs for the console, for QMP and
//! for a warm shell, so that no socket file exists at all, and private copies of files, which have no
//! name either.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::fs::SeekFrom;

/// An empty disk of that many bytes in the directory's file system: sparse, without a name.
pub(super) fn empty_disk(bytes: u64, dir: &Path) -> std::io::Result<File> {
    let disk = tempfile::tempfile_in(dir)?;
    disk.set_len(bytes)?;
    Ok(disk)
}

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
    let (serial, serial_there) = socket_pair()?;
    let (qmp, qmp_there) = socket_pair()?;
    let (input, input_there) = socket_pair()?;
    let (errors, errors_there) = socket_pair()?;
    let here = Here { serial, qmp, warm: [input, errors] };
    let there = There { serial: serial_there, qmp: qmp_there, warm: [input_there, errors_there] };
    Ok((here, there))
}

/// A connected pair. Both close on exec; the child's end loses that in the child.
pub(super) fn socket_pair() -> std::io::Result<(UnixStream, OwnedFd)> {
    let (ours, theirs) = UnixStream::pair()?;
    Ok((ours, theirs.into()))
}

/// A writable copy of the file in the directory's file system, its name removed. Holes stay holes.
pub(super) fn private_copy(original: &File, dir: &Path) -> std::io::Result<File> {
    let copy = tempfile::tempfile_in(dir)?;
    sparse_copy(original, &copy)?;
    Ok(copy)
}

/// Bytes that are looked at together: where they are all zero, nothing is written.
const GRAIN: usize = 64 << 10;

/// Fills an empty file with what another holds. Holes stay holes, and zeros become some.
pub(super) fn sparse_copy(original: &File, copy: &File) -> std::io::Result<()> {
    let length = original.metadata()?.len();
    copy.set_len(length)?;
    let mut at = 0;
    let mut buffer = vec![0; 1 << 20];
    while at < length {
        let begin = match rustix::fs::seek(original, SeekFrom::Data(at)) {
            Ok(begin) => begin,
            // Nothing but a hole is left.
            Err(rustix::io::Errno::NXIO) => break,
            Err(error) => return Err(error.into()),
        };
        let end = rustix::fs::seek(original, SeekFrom::Hole(begin))?.min(length);
        at = begin;
        while at < end {
            let want = usize::try_from(end - at).unwrap_or(usize::MAX).min(buffer.len());
            let count = original.read_at(&mut buffer[..want], at)?;
            if count == 0 {
                return Ok(());
            }
            for (offset, grain) in (at..).step_by(GRAIN).zip(buffer[..count].chunks(GRAIN)) {
                if grain != &ZEROS[..grain.len()] {
                    copy.write_all_at(grain, offset)?;
                }
            }
            at += count as u64;
        }
    }
    Ok(())
}

static ZEROS: [u8; GRAIN] = [0; GRAIN];

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_copy_has_the_same_bytes_and_the_same_holes() {
        let dir = tempfile::tempdir().unwrap();
        let original = tempfile::tempfile_in(dir.path()).unwrap();
        original.set_len(64 << 20).unwrap();
        original.write_all_at(b"first", 5).unwrap();
        original.write_all_at(b"last", (64 << 20) - 4).unwrap();
        let copy = private_copy(&original, dir.path()).unwrap();
        let mut bytes = [0; 12];
        copy.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(&bytes, b"\0\0\0\0\0first\0\0");
        copy.read_exact_at(&mut bytes[..4], (64 << 20) - 4).unwrap();
        assert_eq!(&bytes[..4], b"last");
        let metadata = copy.metadata().unwrap();
        assert_eq!(metadata.len(), 64 << 20);
        assert!(metadata.blocks() * 512 < 1 << 20, "{} blocks", metadata.blocks());
    }
}
