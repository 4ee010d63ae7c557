//! Compressed images are unpacked by `xz`, `zstd`, `gzip` and `bzip2` as children under limits, and
//! what they say is counted: a few kilobytes can promise a petabyte.
//!
//! Programs and not crates: four decoders of hostile input stay outside this process, are patched by
//! the distribution, and are killed when they take too long or too much.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::AsyncReadExt;

use super::cache::GRAIN;
use super::compression::Compression;
use super::{ImageError, tool};

/// What an unpacking may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Bytes that may come out, zeros included.
    pub bytes: u64,
    /// From start to end.
    pub deadline: Duration,
}

impl Bounds {
    /// The most that comes out of one packed image: 128 GiB.
    pub(crate) const BYTES: u64 = 128 << 30;
    /// Zeros are written at about a gigabyte a second, data at a tenth of it.
    pub(crate) const DEADLINE: Duration = Duration::from_secs(1800);
}

/// Address space of a decoder. xz at its strongest takes 65 MiB, zstd refuses more than 128 MiB by
/// itself.
const ADDRESS_SPACE: u64 = 1 << 30;

/// Unpacks the rest of `packed` (which the child inherits as its input) into `out`, leaving holes
/// where it is zero. `path` is for messages. Bytes that came out.
pub(super) async fn unpack(
    path: &Path,
    packed: File,
    how: Compression,
    out: File,
    bounds: Bounds,
) -> Result<u64, ImageError> {
    let program = how.program();
    let failed = |reason: String| ImageError::Compressed { path: path.to_owned(), reason };
    let mut cli_errors = tempfile::tempfile().map_err(|error| failed(error.to_string()))?;
    let said = cli_errors.try_clone().map_err(|error| failed(error.to_string()))?;
    let mut command = tool::limited(program, ADDRESS_SPACE, bounds.deadline);
    command.args(["-d", "-c"]).stdin(packed).stdout(Stdio::piped()).stderr(said).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| tool::missing(program, path, error))?;
    let Some(mut stream) = child.stdout.take() else { return Err(failed("its output could not be read".to_owned())) };
    let work = async {
        let mut sparse = Sparse { out, length: 0 };
        let mut buffer = vec![0; GRAIN];
        loop {
            let mut filled = 0;
            while filled < GRAIN {
                match stream.read(&mut buffer[filled..]).await.map_err(|error| failed(error.to_string()))? {
                    0 => break,
                    count => filled += count,
                }
            }
            if sparse.length + filled as u64 > bounds.bytes {
                return Err(ImageError::Bomb { path: path.to_owned(), limit: bounds.bytes });
            }
            sparse.write(&buffer[..filled]).map_err(|source| ImageError::Cache { path: path.to_owned(), source })?;
            if filled < GRAIN {
                break;
            }
        }
        let length = sparse.finish().map_err(|source| ImageError::Cache { path: path.to_owned(), source })?;
        Ok((length, child.wait().await.map_err(|error| failed(error.to_string()))?))
    };
    let (length, status) = tokio::time::timeout(bounds.deadline, work)
        .await
        .map_err(|_| failed(format!("{program} did not end within {} s", bounds.deadline.as_secs())))??;
    if status.success() {
        return Ok(length);
    }
    if status.code() == Some(127) {
        return Err(ImageError::ToolMissing { tool: program.to_owned() });
    }
    Err(failed(format!("{program}: {}", tool::cli_error(&mut cli_errors))))
}

/// Opens a packed or plain file for reading, never through a symbolic link at its end.
pub(super) fn open(path: &Path) -> Result<File, ImageError> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    File::options()
        .read(true)
        .custom_flags(flags.bits() as i32)
        .open(path)
        .map_err(|source| ImageError::Io { path: path.to_owned(), source })
}

/// Writes grains and skips those that are zero.
struct Sparse {
    out: File,
    length: u64,
}

impl Sparse {
    fn write(&mut self, grain: &[u8]) -> std::io::Result<()> {
        if grain.iter().any(|byte| *byte != 0) {
            self.out.seek(SeekFrom::Start(self.length))?;
            self.out.write_all(grain)?;
        }
        self.length += grain.len() as u64;
        Ok(())
    }

    fn finish(self) -> std::io::Result<u64> {
        self.out.set_len(self.length)?;
        Ok(self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_base::fault::Fault as _;
    use std::os::unix::fs::MetadataExt;
    use std::process::Command;

    const SMALL: Bounds = Bounds { bytes: 32 << 20, deadline: Duration::from_secs(60) };

    fn pack(how: Compression, file: &Path) -> std::path::PathBuf {
        let to = file.with_extension(format!("raw.{}", how.ending()));
        let output = File::create(&to).unwrap();
        assert!(Command::new(how.program()).arg("-c").arg(file).stdout(output).status().unwrap().success());
        to
    }

    async fn run(packed: &Path, how: Compression, bounds: Bounds) -> Result<(u64, File), ImageError> {
        let out = tempfile::tempfile().unwrap();
        let length = unpack(packed, open(packed)?, how, out.try_clone().unwrap(), bounds).await?;
        Ok((length, out))
    }

    #[tokio::test]
    async fn all_four_give_back_the_bytes_and_the_holes() {
        let dir = tempfile::tempdir().unwrap();
        let plain = dir.path().join("a.raw");
        let mut bytes = vec![0; 3 << 20];
        bytes[1_000_000..1_000_005].copy_from_slice(b"hello");
        bytes.push(9);
        std::fs::write(&plain, &bytes).unwrap();
        for how in [Compression::Xz, Compression::Zstd, Compression::Gzip, Compression::Bzip2] {
            let packed = pack(how, &plain);
            assert_eq!(Compression::of_name(&packed), Some(how));
            assert_eq!(crate::magic::packed(&std::fs::read(&packed).unwrap()), Some(how));
            let (length, mut out) = run(&packed, how, SMALL).await.unwrap();
            assert_eq!(length, bytes.len() as u64);
            assert!(out.metadata().unwrap().blocks() * 512 < 1 << 20, "{how:?} left no hole");
            let mut back = Vec::new();
            out.seek(SeekFrom::Start(0)).unwrap();
            std::io::Read::read_to_end(&mut out, &mut back).unwrap();
            assert!(back == bytes, "{how:?}");
        }
    }

    #[tokio::test]
    async fn a_bomb_a_cut_and_a_lie_are_refused_each_in_its_own_way() {
        let dir = tempfile::tempdir().unwrap();
        let plain = dir.path().join("a.raw");
        File::create(&plain).unwrap().set_len(40 << 20).unwrap();
        let bomb = pack(Compression::Zstd, &plain);
        assert!(std::fs::metadata(&bomb).unwrap().len() < 1 << 16);
        let id =
            |result: Result<(u64, File), ImageError>| result.unwrap_err().failure_id().unwrap().as_str().to_owned();
        assert_eq!(id(run(&bomb, Compression::Zstd, SMALL).await), "image.bomb");
        let whole = std::fs::read(&bomb).unwrap();
        std::fs::write(&bomb, &whole[..whole.len() / 2]).unwrap();
        let roomy = Bounds { bytes: 64 << 20, ..SMALL };
        assert_eq!(id(run(&bomb, Compression::Zstd, roomy).await), "image.compressed");
        assert_eq!(id(run(&bomb, Compression::Xz, roomy).await), "image.compressed");
        assert_eq!(Compression::of_name(Path::new("disk.raw")), None);
        assert_eq!(crate::magic::packed(b"QFI\xfb"), None);
    }
}
