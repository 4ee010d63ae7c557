//! Logs and configurations that may be packed. The decoders are the programs that unpack images too: decoders of
//! hostile input stay outside of this process, and what comes out of them is bounded.

use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus, Stdio};

use muster_base::exit::Exit;
use muster_base::fault::Fault;
use muster_base::text::plain_cause;
use muster_image::magic;

/// Why a source could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PackedError {
    /// The source itself, or its reader.
    #[error("{}", plain_cause(.0))]
    Read(std::io::Error),
    #[error("it is packed by {program} and cannot be unpacked: {source}")]
    Unpack { program: &'static str, source: std::io::Error },
    #[error("it is packed and larger than {mib} MiB; unpack it first")]
    TooLarge { mib: u64 },
    #[error("more than {mib} MiB come out of it")]
    TooMuch { mib: u64 },
    #[error("{program} cannot unpack it ({status}): is it cut off?")]
    Refused { program: &'static str, status: ExitStatus },
    /// This host lacks it.
    #[error("{program} is not installed, which would unpack it; `muster doctor` names the package")]
    NotInstalled { program: &'static str },
}

impl Fault for PackedError {
    fn exit(&self) -> Exit {
        match self {
            Self::NotInstalled { .. } => Exit::Error,
            _ => Exit::Invalid,
        }
    }
}

/// The most that is read of a packed source before it is unpacked, in bytes.
const PACKED: u64 = 1 << 30;

/// Lets `read` have the bytes of the source, unpacked when its first bytes say that it is packed. At most
/// `limit` bytes come out of a packed one; more is an error. A plain one is passed on as it is.
pub(crate) fn unpacked<T>(
    mut source: impl Read,
    limit: u64,
    read: impl FnOnce(&mut dyn Read) -> std::io::Result<T>,
) -> Result<T, PackedError> {
    let mut head = Vec::new();
    (&mut source).take(6).read_to_end(&mut head).map_err(PackedError::Read)?;
    let Some(how) = magic::packed(&head) else {
        return read(&mut head.as_slice().chain(source)).map_err(PackedError::Read);
    };
    let program = how.program();
    let failed = |source| PackedError::Unpack { program, source };
    let mut packed = tempfile::tempfile().map_err(failed)?;
    let mut all = head.as_slice().chain(source).take(PACKED + 1);
    if std::io::copy(&mut all, &mut packed).map_err(PackedError::Read)? > PACKED {
        return Err(PackedError::TooLarge { mib: PACKED >> 20 });
    }
    packed.seek(SeekFrom::Start(0)).map_err(failed)?;
    let mut command = Command::new(program);
    command.args(["-d", "-c"]).stdin(packed).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => PackedError::NotInstalled { program },
        _ => failed(error),
    })?;
    let (done, left) = match child.stdout.take() {
        Some(stream) => {
            let mut stream = stream.take(limit + 1);
            let done = read(&mut stream);
            (done, stream.limit())
        }
        None => (Err(std::io::Error::other("its output could not be read")), 1),
    };
    // It may have ended by itself: the closed pipe says so too.
    let ended = left > 0 && done.is_ok();
    if !ended {
        let _ = child.kill();
    }
    let status = child.wait().map_err(failed)?;
    let done = done.map_err(failed)?;
    match () {
        () if left == 0 => Err(PackedError::TooMuch { mib: limit >> 20 }),
        // A reader that had enough closed the pipe early.
        () if status.success() || status.signal() == Some(rustix::process::Signal::PIPE.as_raw()) => Ok(done),
        () => Err(PackedError::Refused { program, status }),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use muster_image::Compression;

    fn packed(how: Compression, bytes: &[u8]) -> Vec<u8> {
        let mut input = tempfile::tempfile().unwrap();
        input.write_all(bytes).and_then(|()| input.seek(SeekFrom::Start(0))).unwrap();
        Command::new(how.program()).arg("-c").stdin(input).output().unwrap().stdout
    }

    fn read(bytes: &[u8]) -> Result<Vec<u8>, String> {
        let all = |log: &mut dyn Read| {
            let mut out = Vec::new();
            log.read_to_end(&mut out).map(|_| out)
        };
        unpacked(bytes, 1 << 20, all).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_packed_comes_out_as_it_went_in_and_a_cut_or_a_bomb_is_refused() {
        let text: Vec<u8> =
            (0..60_000_u32).flat_map(|n| format!("{}\n", n.wrapping_mul(2_654_435_761)).into_bytes()).collect();
        assert_eq!(read(&text).as_ref(), Ok(&text));
        assert_eq!(read(b""), Ok(Vec::new()));
        for how in [Compression::Xz, Compression::Zstd, Compression::Gzip, Compression::Bzip2] {
            let whole = packed(how, &text);
            assert_eq!(read(&whole).as_ref(), Ok(&text), "{how:?}");
            assert!(read(&whole[..whole.len() - 9]).unwrap_err().contains("cut off"), "{how:?}");
            assert!(read(&packed(how, &vec![b'x'; 3 << 20])).unwrap_err().contains("more than 1 MiB"), "{how:?}");
        }
    }
}
