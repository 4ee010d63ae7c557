//! `history.jsonl`: one line for each run that ended, with the outcome of every test: what a series over many runs is made
//! of, without a server and without the runs themselves. Only ever appended to; two files put one behind the other are one.

use std::collections::{BTreeMap, HashSet};
use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::layout::FileError;
use crate::names::PREFIX;
use crate::outcome::Outcome;
use crate::run::RunRecord;
use muster_base::exit::Exit;
use muster_base::fault::Fault;
use muster_base::text::one_line;

/// The schema of a line.
pub const SCHEMA: &str = "history/v1";
/// The file's name in a directory of runs.
pub const FILE: &str = "history.jsonl";
/// Bytes of a file that are read at most: 1 GiB, some 60,000 runs of 500 tests.
const LARGEST: u64 = 1 << 30;
/// Bytes of a line at most.
const LONGEST: u64 = 64 << 20;

/// A run, as a history keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct HistoryEntry {
    /// `history/v1`.
    pub schema: String,
    /// The run's id.
    pub run: String,
    /// When it began, RFC 3339.
    pub at: String,
    /// Version of muster.
    pub muster: String,
    /// `kvm` or `tcg`.
    pub accelerator: String,
    /// By image id.
    pub images: BTreeMap<String, HistoryImage>,
    /// In the order of the record.
    pub tests: Vec<HistoryTest>,
}

/// An image, as a history keeps it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct HistoryImage {
    /// SHA-256 of its file, hex.
    pub sha256: String,
    /// Name and version of the distribution, as conditions know it: `azurelinux-4.0`; empty where it never booted.
    pub family: String,
    /// Architecture, mode and firmware: `x86_64 package uefi`; empty where it never booted.
    pub shape: String,
}

/// How a test ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct HistoryTest {
    /// `suite/test`.
    pub name: String,
    /// Image id.
    pub image: String,
    /// How it ended.
    pub outcome: Outcome,
    /// The failure id of what did not pass.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<String>,
}

/// A file that is no history which this version can read.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// It is beyond what is read.
    #[error("{path} is larger than {} MiB, the most that is read of a history", LARGEST >> 20)]
    TooLarge {
        /// The file.
        path: Utf8PathBuf,
    },
    /// A line is not what a run writes.
    #[error("{path}, line {line}: {why}")]
    Broken {
        /// The file.
        path: Utf8PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// It cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Fault for HistoryError {
    fn exit(&self) -> Exit {
        match self {
            Self::File(_) => Exit::Error,
            _ => Exit::Invalid,
        }
    }
}

impl HistoryEntry {
    /// Whether a run belongs to a history: it ended, and nobody ended it. What an interrupted run had not reached says
    /// nothing of an image. A shard does not: the run that all are merged into does.
    pub fn is_kept(record: &RunRecord) -> bool {
        record.finished.is_some() && !record.interrupted && record.shard.is_none()
    }

    /// What is kept of a run.
    pub fn of(record: &RunRecord) -> Self {
        let images = record.images.iter().map(|(name, image)| {
            let facts = image.facts.as_ref();
            let family = facts.and_then(|facts| facts.dimension("distro")).and_then(|names| names.into_iter().next());
            let shape = facts.map(|facts| format!("{} {} {}", facts.arch, facts.mode, facts.firmware));
            let image = HistoryImage {
                sha256: image.sha256.clone(),
                family: family.unwrap_or_default(),
                shape: shape.map(|shape| shape.trim().to_owned()).unwrap_or_default(),
            };
            (name.clone(), image)
        });
        // A proof is about a test, not about an image.
        let tests = record.tests.iter().filter(|test| !test.suite.starts_with(PREFIX)).map(|test| HistoryTest {
            name: test.name(),
            image: test.image.clone(),
            outcome: test.outcome,
            failure: test.failures.first().map(|failure| failure.id.as_str().to_owned()),
        });
        Self {
            schema: SCHEMA.to_owned(),
            run: record.id.clone(),
            at: record.started.clone(),
            muster: record.muster.clone(),
            accelerator: record.accelerator.kind.clone(),
            images: images.collect(),
            tests: tests.collect(),
        }
    }
}

/// Adds a run to a history, which is made where there is none. One write, so that two runs that end together do not mix
/// their lines.
///
/// # Errors
/// It cannot be written.
pub fn append(path: &Utf8Path, entry: &HistoryEntry) -> Result<(), FileError> {
    let failed = || FileError::because("write the history", path);
    let mut line = serde_json::to_vec(entry).map_err(|error| failed()(error.into()))?;
    line.push(b'\n');
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(failed())?;
    // What a crash left of a line must not take the next one with it.
    if ends_within_a_line(&mut file).map_err(failed())? {
        line.insert(0, b'\n');
    }
    file.write_all(&line).map_err(failed())
}

fn ends_within_a_line(file: &mut std::fs::File) -> std::io::Result<bool> {
    use std::io::{Seek as _, SeekFrom};
    if file.metadata()?.len() == 0 {
        return Ok(false);
    }
    let mut last = [0];
    file.seek(SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}

/// Reads a history, oldest first; a run that is in it twice is there once. A line that a crash has cut is left out and
/// counted.
///
/// # Errors
/// It cannot be read, or holds a line of something else.
pub fn read(path: &Utf8Path) -> Result<(Vec<HistoryEntry>, usize), HistoryError> {
    let failed = |source| HistoryError::from(FileError::because("read", path)(source));
    let file = std::fs::File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.len() > LARGEST {
        return Err(HistoryError::TooLarge { path: path.to_owned() });
    }
    let mut reader = BufReader::with_capacity(1 << 20, file.take(LARGEST));
    let (mut entries, mut cut, mut line) = (Vec::new(), 0, Vec::new());
    for number in 1.. {
        line.clear();
        if (&mut reader).take(LONGEST).read_until(b'\n', &mut line).map_err(failed)? == 0 {
            break;
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match serde_json::from_slice::<HistoryEntry>(line.trim_ascii_end()) {
            Ok(entry) if entry.schema == SCHEMA => entries.push(entry),
            Ok(entry) => {
                let why = format!("its schema is `{}`, and {SCHEMA} is read here", one_line(&entry.schema, 60));
                return Err(HistoryError::Broken { path: path.to_owned(), line: number, why });
            }
            Err(error) if error.is_eof() => cut += 1,
            Err(error) => {
                let why = one_line(&error.to_string(), 300);
                return Err(HistoryError::Broken { path: path.to_owned(), line: number, why });
            }
        }
    }
    Ok((merged(entries), cut))
}

/// Entries of several histories as one, oldest first; a run that is there twice is there once.
pub fn merged(mut entries: Vec<HistoryEntry>) -> Vec<HistoryEntry> {
    let mut seen = HashSet::new();
    entries.retain(|entry| seen.insert((entry.run.clone(), entry.at.clone())));
    let time = |entry: &HistoryEntry| entry.at.parse::<jiff::Timestamp>().ok();
    entries.sort_by_cached_key(|entry| (time(entry), entry.run.clone()));
    entries
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fold::Recorder;
    use crate::sample;

    fn entry(run: &str, at: &str) -> HistoryEntry {
        let record = Recorder::fold(&sample::events());
        HistoryEntry { run: run.into(), at: at.into(), ..HistoryEntry::of(&record) }
    }

    fn place() -> (tempfile::TempDir, Utf8PathBuf) {
        let temporary = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(temporary.path().join(FILE)).unwrap();
        (temporary, path)
    }

    #[test]
    fn what_was_appended_comes_back_in_the_order_of_time_and_once() {
        let (_temporary, path) = place();
        let (old, new) = (entry("a", "2026-01-01T00:00:00Z"), entry("b", "2026-01-02T00:00:00Z"));
        for one in [&new, &old, &new] {
            append(&path, one).unwrap();
        }
        let (entries, cut) = read(&path).unwrap();
        assert_eq!((entries, cut), (vec![old.clone(), new], 0));
        assert_eq!(old.images["lab"].family, "lab-1", "{:?}", old.images);
        assert_eq!(old.tests.len(), sample::TESTS);
        assert!(old.tests.iter().any(|test| test.failure.as_deref() == Some("package.version")));
    }

    #[test]
    fn a_line_that_was_cut_costs_itself_and_no_other() {
        let (_temporary, path) = place();
        append(&path, &entry("a", "2026-01-01T00:00:00Z")).unwrap();
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, [&whole[..], &whole[..whole.len() / 2]].concat()).unwrap();
        append(&path, &entry("b", "2026-01-02T00:00:00Z")).unwrap();
        let (entries, cut) = read(&path).unwrap();
        assert_eq!((entries.iter().map(|entry| entry.run.as_str()).collect::<Vec<_>>(), cut), (vec!["a", "b"], 1));
        std::fs::write(&path, "{\"schema\": \"history/v2\"}\n").unwrap();
        assert!(matches!(read(&path), Err(HistoryError::Broken { line: 1, .. })));
        std::fs::write(&path, "not json\n").unwrap();
        assert!(matches!(read(&path), Err(HistoryError::Broken { line: 1, .. })));
    }
}
