//! A run directory becomes an archive. Only files that are known to be safe to hand around are in it: of machines their
//! logs, never their disks, seeds, saved states or keys.

use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Read, Seek as _, Write};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};

use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::error::{ArchiveError, Refusal};
use super::first_error::FirstError;
use super::limits::{LARGEST_ARCHIVE, LARGEST_CONTENTS, MOST_FILES, is_bomb, is_safe};
use super::manifest::{Listed, MANIFEST, Manifest, SCHEMA};
use crate::journal;
use crate::layout::{FileError, RunDir, SNAPSHOTS, SUITES, TESTS};
use muster_base::text::hex;

/// What of a machine's directory is handed around.
const OF_MACHINE: [&str; 5] = ["console.log", "facts.json", "journal.txt", "qemu-command", "qemu.log"];

/// An archive that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    /// How many files it holds, its manifest not counted.
    pub files: usize,
    /// Its own size in bytes.
    pub bytes: u64,
    /// What was left out because it is no plain file or its name is not safe: names in the run directory, escaped.
    pub left_out: Vec<String>,
}

/// Writes the archive of the run with this id in this directory. `reports` are the file names of reports at its top, of
/// which those are packed that are there. `into` must not exist; it is there whole or not at all.
///
/// # Errors
/// The run goes on, is larger than an archive may be, or a file cannot be read or written.
pub fn pack(dir: &RunDir, id: &str, reports: &[&str], into: &Utf8Path) -> Result<Packed, ArchiveError> {
    let refused = |path: &Utf8Path, why| ArchiveError::Refused { path: path.to_owned(), why };
    if journal::is_written(&dir.events()) {
        return Err(refused(dir.root(), Refusal::GoesOn));
    }
    if into.symlink_metadata().is_ok() {
        return Err(refused(into, Refusal::There));
    }
    let Contents { files, left_out } = Contents::of(dir, reports)?;
    if files.len() >= MOST_FILES {
        return Err(refused(dir.root(), Refusal::Files));
    }
    let failed = || FileError::because("write the archive", into);
    let parent = into.parent().filter(|parent| !parent.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    let mut temporary = tempfile::Builder::new()
        .prefix(".muster-")
        .permissions(std::fs::Permissions::from_mode(0o666))
        .tempfile_in(parent)
        .map_err(failed())?;
    let run = Run { dir, id, files: &files, into };
    let mut contents = run.write(temporary.as_file_mut(), CompressionMethod::Deflated)?;
    let length = |file: &File| file.metadata().map(|found| found.len()).map_err(failed());
    // A console that repeats itself for hours: readers would take it for a bomb.
    if is_bomb(contents, length(temporary.as_file())?) {
        temporary.as_file_mut().rewind().and_then(|()| temporary.as_file().set_len(0)).map_err(failed())?;
        contents = run.write(temporary.as_file_mut(), CompressionMethod::Stored)?;
    }
    let bytes = length(temporary.as_file())?;
    if contents > LARGEST_CONTENTS || bytes > LARGEST_ARCHIVE {
        let why = if contents > LARGEST_CONTENTS { Refusal::LargeContents } else { Refusal::Large };
        return Err(refused(dir.root(), why));
    }
    temporary.as_file().sync_all().map_err(failed())?;
    match temporary.persist_noclobber(into) {
        Ok(_) => {}
        Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(refused(into, Refusal::There));
        }
        Err(error) => return Err(failed()(error.error).into()),
    }
    File::open(parent).and_then(|parent| parent.sync_all()).map_err(failed())?;
    Ok(Packed { files: files.len(), bytes, left_out })
}

/// What is packed, and into what.
struct Run<'r> {
    dir: &'r RunDir,
    id: &'r str,
    /// Names in the directory, sorted.
    files: &'r [String],
    /// The archive, for messages.
    into: &'r Utf8Path,
}

impl Run<'_> {
    /// Writes all of it; gives the bytes of its files.
    fn write(&self, file: &mut File, method: CompressionMethod) -> Result<u64, ArchiveError> {
        // Nothing of it depends on when or where it is written.
        let options = SimpleFileOptions::default()
            .compression_method(method)
            .compression_level((method == CompressionMethod::Deflated).then_some(6))
            .last_modified_time(DateTime::default())
            .unix_permissions(0o644)
            .large_file(true);
        let failed = |error: ZipError| FileError::because("write the archive", self.into)(as_io(error));
        let mut zip = ZipWriter::new(FirstError::new(BufWriter::new(file)));
        let (mut listed, mut total) = (Vec::new(), 0_u64);
        for name in self.files {
            let path = self.dir.root().join(name);
            let source = open(&path)?;
            zip.start_file(name.as_str(), options).map_err(failed)?;
            let (bytes, sha256) = self.copy(&path, source, &mut zip)?;
            total = total.saturating_add(bytes);
            if total > LARGEST_CONTENTS {
                return Err(ArchiveError::Refused { path: self.dir.root().to_owned(), why: Refusal::LargeContents });
            }
            listed.push(Listed { name: name.clone(), bytes, sha256 });
        }
        let manifest = Manifest { schema: SCHEMA.to_owned(), run: self.id.to_owned(), files: listed };
        let text = serde_json::to_string_pretty(&manifest)
            .map_err(|error| FileError::because("write the archive", self.into)(error.into()))?;
        zip.start_file(MANIFEST, options).map_err(failed)?;
        let written = |error| FileError::because("write the archive", self.into)(error);
        zip.write_all(text.as_bytes()).and_then(|()| zip.write_all(b"\n")).map_err(written)?;
        let mut out = zip.finish().map_err(failed)?;
        out.flush().map_err(written)?;
        Ok(total)
    }

    fn copy(&self, path: &Utf8Path, source: File, zip: &mut impl Write) -> Result<(u64, String), FileError> {
        let (mut digest, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 64 << 10]);
        let mut source = source.take(LARGEST_CONTENTS + 1);
        loop {
            let read = source.read(&mut buffer).map_err(FileError::because("read", path))?;
            if read == 0 {
                return Ok((bytes, hex(digest.finalize())));
            }
            bytes += read as u64;
            digest.update(&buffer[..read]);
            zip.write_all(&buffer[..read]).map_err(FileError::because("write the archive", self.into))?;
        }
    }
}

fn as_io(error: ZipError) -> std::io::Error {
    match error {
        ZipError::Io(error) => error,
        other => std::io::Error::other(other),
    }
}

/// A plain file, for reading; no link is followed.
pub(super) fn open(path: &Utf8Path) -> Result<File, FileError> {
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits() as i32;
    OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(FileError::because("read", path))
}

/// What of a run directory is packed.
#[derive(Debug, Default)]
pub(super) struct Contents {
    pub(super) files: Vec<String>,
    pub(super) left_out: Vec<String>,
}

impl Contents {
    pub(super) fn of(dir: &RunDir, reports: &[&str]) -> Result<Self, FileError> {
        let mut found = Self::default();
        for name in [RunDir::RUN_JSON, RunDir::EVENTS].iter().chain(reports) {
            found.one(dir, &dir.root().join(name));
        }
        for machine in entries(&dir.machines())? {
            OF_MACHINE.iter().for_each(|name| found.one(dir, &machine.join(name)));
        }
        let mut open: Vec<Utf8PathBuf> = [SNAPSHOTS, SUITES, TESTS].map(|part| dir.root().join(part)).to_vec();
        while let Some(below) = open.pop() {
            for path in entries(&below)? {
                match path.symlink_metadata() {
                    Ok(meta) if meta.is_dir() => open.push(path),
                    _ => found.one(dir, &path),
                }
            }
        }
        found.files.sort_unstable();
        found.files.dedup();
        found.left_out.sort_unstable();
        Ok(found)
    }

    fn one(&mut self, dir: &RunDir, path: &Utf8Path) {
        let Ok(meta) = path.symlink_metadata() else { return };
        let Ok(name) = path.strip_prefix(dir.root()) else { return };
        match meta.is_file() && is_safe(name.as_str()) {
            true => self.files.push(name.to_string()),
            false => self.left_out.push(muster_base::text::one_line(name.as_str(), 300)),
        }
    }
}

/// What lies in a directory; nothing where it is none, or a link to one.
fn entries(dir: &Utf8Path) -> Result<Vec<Utf8PathBuf>, FileError> {
    if !dir.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
        return Ok(Vec::new());
    }
    let read = || dir.read_dir_utf8()?.map(|entry| Ok(entry?.into_path())).collect::<std::io::Result<_>>();
    read().map_err(FileError::because("read the directory", dir))
}
