//! An archive becomes a run directory, in a temporary place. Nothing of it is believed: entries, sizes, names and kinds are
//! bounded before and while they are read, and what was read is compared with the manifest.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{BufReader, Read, Seek as _, SeekFrom, Write as _};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use zip::read::{ArchiveOffset, Config};
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

use super::error::{ArchiveError, Refusal};
use super::limits::{LARGEST_ARCHIVE, LARGEST_CONTENTS, MOST_FILES, is_bomb, is_safe};
use super::manifest::{MANIFEST, Manifest, SCHEMA};
use crate::layout::{FileError, ensure};
use muster_base::text::{hex, one_line};

/// Bytes of a manifest at most.
const LARGEST_MANIFEST: u64 = 64 << 20;
/// Begins a zip, with its first file.
const FILE: [u8; 4] = *b"PK\x03\x04";
/// Begins the record that every zip ends with, and how many bytes that has at most, with a comment.
const END: [u8; 4] = *b"PK\x05\x06";
const LONGEST_END: u64 = 22 + 65_535;
/// Begins each entry of the list at the end of a zip.
const ENTRY: [u8; 4] = *b"PK\x01\x02";

/// The files of an archive, in a temporary directory that is gone with the last clone of this.
#[derive(Debug, Clone)]
pub struct Unpacked {
    dir: Arc<tempfile::TempDir>,
    path: Utf8PathBuf,
}

impl Unpacked {
    /// The directory of the run.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }
}

impl PartialEq for Unpacked {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.dir, &other.dir)
    }
}

/// A file that was unpacked.
struct Found {
    bytes: u64,
    sha256: String,
}

/// What every manifest says first.
#[derive(Debug, Deserialize)]
struct Outline {
    schema: String,
}

/// Unpacks an archive that `muster archive` wrote.
///
/// # Errors
/// It is none, exceeds a bound, or differs from its manifest; or a file cannot be read or written.
pub fn unpack(archive: &Utf8Path) -> Result<Unpacked, ArchiveError> {
    let refused = |why| ArchiveError::Refused { path: archive.to_owned(), why };
    let failed = || FileError::because("read", archive);
    let mut file = File::open(archive).map_err(failed())?;
    let length = file.metadata().map_err(failed())?.len();
    if length > LARGEST_ARCHIVE {
        return Err(refused(Refusal::Large));
    }
    // Before the list of files is read into memory.
    if listed(&mut file).map_err(failed())? > MOST_FILES {
        return Err(refused(Refusal::Files));
    }
    let no_zip = |error: ZipError| not_read(error, &refused);
    let config = Config { archive_offset: ArchiveOffset::Known(0) };
    if is_cut(&mut file).map_err(failed())? {
        return Err(refused(Refusal::CutShort));
    }
    let mut zip = ZipArchive::with_config(config, BufReader::new(file)).map_err(no_zip)?;
    if zip.has_duplicate_names() {
        return Err(refused(Refusal::Twice("a file".to_owned())));
    }
    let place = tempfile::Builder::new().prefix("muster-archive-").tempdir();
    let dir = place.map_err(FileError::because("create a directory in", Utf8Path::new("the temporary directory")))?;
    let path = Utf8PathBuf::from_path_buf(dir.path().to_owned())
        .map_err(|path| refused(Refusal::Name(one_line(&path.to_string_lossy(), 300))))?;
    let (mut found, mut total) = (BTreeMap::new(), 0_u64);
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index).map_err(|error| not_read(error, &refused))?;
        let name = std::str::from_utf8(entry.name_raw()).ok().filter(|name| is_safe(name)).map(str::to_owned);
        let shown = one_line(&String::from_utf8_lossy(entry.name_raw()), 300);
        let Some(name) = name else { return Err(refused(Refusal::Name(shown))) };
        let plain = matches!(entry.compression(), CompressionMethod::Stored | CompressionMethod::Deflated);
        // The kind of a file is in the upper bits of its mode; none is a plain file.
        let kind = entry.unix_mode().unwrap_or(0) & 0o170_000;
        if !plain || entry.encrypted() || !entry.is_file() || !matches!(kind, 0 | 0o100_000) {
            return Err(refused(Refusal::NotPlain(shown)));
        }
        let to = path.join(&name);
        to.parent().map_or(Ok(()), ensure)?;
        let mut out = match OpenOptions::new().write(true).create_new(true).open(&to) {
            Ok(out) => out,
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                return Err(refused(Refusal::Twice(shown)));
            }
            Err(error) => return Err(FileError::because("unpack into", &to)(error).into()),
        };
        let (mut digest, mut bytes, mut buffer) = (Sha256::new(), 0_u64, vec![0; 64 << 10]);
        loop {
            let read = match entry.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) => return Err(not_read(error.into(), &refused)),
            };
            bytes += read as u64;
            total += read as u64;
            // What its headers say of its size is not believed.
            if total > LARGEST_CONTENTS {
                return Err(refused(Refusal::LargeContents));
            }
            if is_bomb(total, length) {
                return Err(refused(Refusal::Ratio));
            }
            digest.update(&buffer[..read]);
            out.write_all(&buffer[..read]).map_err(FileError::because("unpack into", &to))?;
        }
        found.insert(name, Found { bytes, sha256: hex(digest.finalize()) });
    }
    let manifest = manifest(&path, &found).map_err(refused)?;
    compare(manifest, found).map_err(refused)?;
    Ok(Unpacked { dir: Arc::new(dir), path })
}

/// Whether a file begins as a zip does and does not end as one: what every zip ends with is nowhere in its last bytes.
fn is_cut(file: &mut File) -> std::io::Result<bool> {
    let mut begin = Vec::new();
    Read::by_ref(file).take(4).read_to_end(&mut begin)?;
    let length = file.seek(SeekFrom::End(0))?;
    file.seek(SeekFrom::Start(length.saturating_sub(LONGEST_END)))?;
    let mut end = Vec::new();
    file.read_to_end(&mut end)?;
    file.rewind()?;
    Ok(begin == FILE && !end.windows(END.len()).any(|window| window == END))
}

/// How many files the list of a zip may have at most: whatever looks like the beginning of one is counted.
fn listed(file: &mut File) -> std::io::Result<usize> {
    let (mut count, mut buffer, mut kept) = (0, vec![0; 64 << 10], 0);
    loop {
        let read = file.read(&mut buffer[kept..])?;
        if read == 0 {
            file.rewind()?;
            return Ok(count);
        }
        let filled = kept + read;
        count += buffer[..filled].windows(ENTRY.len()).filter(|window| **window == ENTRY).count();
        // One may begin here and end in what is read next.
        kept = filled.min(ENTRY.len() - 1);
        buffer.copy_within(filled - kept..filled, 0);
    }
}

/// A file of the zip that cannot be read: damaged, encrypted, or compressed in another way.
fn not_read(error: ZipError, refused: &impl Fn(Refusal) -> ArchiveError) -> ArchiveError {
    let why = match error {
        // Its own sentence begins as those of ours do.
        ZipError::Io(error) => error.to_string(),
        error => error.to_string(),
    };
    refused(Refusal::NoZip(one_line(&why, 300)))
}

fn manifest(dir: &Utf8Path, found: &BTreeMap<String, Found>) -> Result<Manifest, Refusal> {
    let file = found.get(MANIFEST).ok_or(Refusal::NoManifest)?;
    let unreadable = |why: &str| Refusal::Manifest(one_line(why, 300));
    if file.bytes > LARGEST_MANIFEST {
        return Err(unreadable("it is too large"));
    }
    let text = std::fs::read(dir.join(MANIFEST)).map_err(|error| unreadable(&error.to_string()))?;
    let Outline { schema } = serde_json::from_slice(&text).map_err(|error| unreadable(&error.to_string()))?;
    if schema != SCHEMA {
        return Err(Refusal::Newer(one_line(&schema, 80)));
    }
    serde_json::from_slice(&text).map_err(|error| unreadable(&error.to_string()))
}

/// Every file is in the manifest as it is, and every file of the manifest is there.
fn compare(manifest: Manifest, mut found: BTreeMap<String, Found>) -> Result<(), Refusal> {
    found.remove(MANIFEST);
    for listed in manifest.files {
        let shown = one_line(&listed.name, 300);
        let Some(file) = found.remove(&listed.name) else { return Err(Refusal::Missing(shown)) };
        if file.bytes != listed.bytes || file.sha256 != listed.sha256 {
            return Err(Refusal::Digest(shown));
        }
    }
    match found.into_keys().next() {
        Some(name) => Err(Refusal::Unlisted(one_line(&name, 300))),
        None => Ok(()),
    }
}
