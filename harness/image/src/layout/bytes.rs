//! Bytes of a disk: of the file where the file is the disk, else through `qemu-img`.

use std::os::unix::fs::FileExt;
use std::time::Duration;

use crate::numbers::SECTOR;
use crate::{ImageError, Inspected, tool};

/// Bytes of the file itself; fewer at its end.
pub(super) fn plain(disk: &Inspected, at: u64, length: u64) -> Result<Vec<u8>, ImageError> {
    let file = crate::compress::open(&disk.path)?;
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(&mut bytes[filled..], at + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(source) => return Err(ImageError::Io { path: disk.path.clone(), source }),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Bytes of the disk, which QEMU unfolds from its format.
pub(super) async fn through_qemu(
    disk: &Inspected,
    at: u64,
    length: u64,
    deadline: Duration,
) -> Result<Vec<u8>, ImageError> {
    let io = |source| ImageError::Io { path: disk.path.clone(), source };
    let out = tempfile::NamedTempFile::new().map_err(io)?;
    let word = |key: &str, value: &std::ffi::OsStr| {
        let mut word = std::ffi::OsString::from(key);
        word.push(value);
        word
    };
    let mut arguments: Vec<std::ffi::OsString> = ["dd", "-f", disk.format.driver(), "-O", "raw"].map(Into::into).into();
    arguments.push(format!("bs={SECTOR}").into());
    arguments.push(format!("skip={}", at / SECTOR).into());
    // What `count` means next to `skip` differs: QEMU counts from the start of the disk.
    arguments.push(format!("count={}", (at + length) / SECTOR).into());
    arguments.push(word("if=", disk.path.as_os_str()));
    arguments.push(word("of=", out.path().as_os_str()));
    tool::qemu_img(&arguments, &disk.path, deadline).await?;
    let mut bytes = std::fs::read(out.path()).map_err(io)?;
    bytes.truncate(usize::try_from(length).unwrap_or(0));
    Ok(bytes)
}
