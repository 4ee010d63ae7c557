//! The record of a run, read again from its directory or its [`archive`]: from `run.json` where that is of a run that ended, else from
//! `events.jsonl`, which a run that was killed leaves as well. What another program wrote there is no record.

use std::borrow::Cow;
use std::io::{BufRead as _, BufReader, Read as _};

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use crate::archive::{self, ArchiveError, Unpacked};
use crate::event::Event;
use crate::fold::{Recorder, SCHEMA};
use crate::layout::{FileError, RunDir};
use crate::run::{EarlierRun, RunRecord};
use muster_base::exit::Exit;
use muster_base::fault::Fault;
use muster_base::files;
use muster_base::text::{hex, one_line};

/// Bytes of a record that are read at most: 256 MiB. 10,000 tests take some 20 MiB.
pub(crate) const LARGEST: u64 = 256 << 20;
/// Bytes of a journal that are read at most: 1 GiB.
const LARGEST_JOURNAL: u64 = 1 << 30;
/// Bytes of one event at most. The largest is the plan.
const LONGEST_EVENT: u64 = 128 << 20;

/// A run that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// Its directory; of an archive a temporary one, which goes with this.
    pub dir: RunDir,
    /// What holds the files of an archive; none of a directory.
    pub unpacked: Option<Unpacked>,
    /// The name of the file in it that was read.
    pub file: &'static str,
    /// What is known of it.
    pub record: RunRecord,
    /// What a reader of the record should know: that the run did not end, that a line is cut.
    pub notes: Vec<String>,
}

impl Opened {
    /// How a run that goes on with this one refers to it. `named` is its directory or archive, as a person knows it.
    ///
    /// # Errors
    /// The file that was read cannot be read again.
    pub fn reference(&self, named: &Utf8Path) -> Result<EarlierRun, FileError> {
        let path = self.dir.root().join(self.file);
        let failed = || FileError::because("read", &path);
        let source = std::fs::File::open(&path).map_err(failed())?;
        let (_, digest) = files::sha256(source).map_err(failed())?;
        Ok(EarlierRun {
            id: self.record.id.clone(),
            directory: named.to_string(),
            file: self.file.to_owned(),
            sha256: hex(digest),
            found: Some(self.record.found()),
        })
    }
}

/// A directory that is not that of a run which this version can read.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is not there.
    #[error("{0} is no directory")]
    NoDirectory(Utf8PathBuf),
    /// It holds neither file.
    #[error("{0} is not the directory of a run: it has neither run.json nor events.jsonl")]
    NoRun(Utf8PathBuf),
    /// A newer muster wrote it.
    #[error("{path} has the schema {schema}, and this version of muster reads {SCHEMA}")]
    Newer {
        /// The file.
        path: Utf8PathBuf,
        /// What it says of itself, escaped.
        schema: String,
    },
    /// It is beyond what is read.
    #[error("{path} is larger than {} MiB, the most that is read of a record", limit >> 20)]
    TooLarge {
        /// The file.
        path: Utf8PathBuf,
        /// In bytes.
        limit: u64,
    },
    /// It is not what a run writes.
    #[error("{path}, line {line}: {why}")]
    Broken {
        /// The file.
        path: Utf8PathBuf,
        /// From 1.
        line: usize,
        /// What the reader says.
        why: String,
    },
    /// It is a file, and no archive that can be read.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Fault for OpenError {
    fn exit(&self) -> Exit {
        match self {
            Self::File(_) => Exit::Error,
            Self::Archive(error) => error.exit(),
            _ => Exit::Invalid,
        }
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        match self {
            Self::NoDirectory(_) | Self::NoRun(_) => {
                Some("name the directory of a run; `muster runs list` lists them".into())
            }
            Self::Newer { .. } => Some("use the version of muster that wrote it, or a later one".into()),
            Self::Archive(error) => error.hint(),
            _ => None,
        }
    }
}

/// What every record says first.
#[derive(Debug, Deserialize)]
struct Outline {
    schema: String,
}

/// What every event says of itself.
#[derive(Debug, Deserialize)]
struct Name {
    event: String,
}

/// Reads the run in this directory, or in this archive.
///
/// # Errors
/// It is none, it was written by a newer version, or what it left cannot be read.
pub fn open(path: &Utf8Path) -> Result<Opened, OpenError> {
    if path.is_file() {
        let unpacked = archive::unpack(path)?;
        let opened = of_directory(unpacked.path())?;
        return Ok(Opened { unpacked: Some(unpacked), ..opened });
    }
    if !path.is_dir() {
        return Err(OpenError::NoDirectory(path.to_owned()));
    }
    of_directory(path)
}

fn of_directory(path: &Utf8Path) -> Result<Opened, OpenError> {
    let dir = RunDir::at(path);
    let unpacked = None;
    let record = there(&dir.run_json()).then(|| of_record(&dir.run_json()));
    match record {
        Some(Ok(record)) if record.finished.is_some() => {
            Ok(Opened { dir, unpacked, file: RunDir::RUN_JSON, record, notes: Vec::new() })
        }
        // A newer version's journal is no better.
        Some(Err(error @ OpenError::Newer { .. })) => Err(error),
        found if there(&dir.events()) => {
            let (record, mut notes) = of_journal(&dir.events())?;
            if let Some(Err(error)) = found {
                notes.push(format!("the record is that of events.jsonl, since {error}"));
            }
            if record.finished.is_none() {
                notes.push("the run did not end: what it had not reached stands as an error".to_owned());
            }
            Ok(Opened { dir, unpacked, file: RunDir::EVENTS, record, notes })
        }
        Some(Ok(record)) => {
            let notes = vec!["the run did not end, and its events.jsonl is not there".to_owned()];
            Ok(Opened { dir, unpacked, file: RunDir::RUN_JSON, record, notes })
        }
        Some(Err(error)) => Err(error),
        None => Err(OpenError::NoRun(path.to_owned())),
    }
}

/// A plain file and no link: the directory may have come from anywhere.
fn there(path: &Utf8Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file())
}

/// Reads a `run.json`.
///
/// # Errors
/// See [`open`].
pub fn of_record(path: &Utf8Path) -> Result<RunRecord, OpenError> {
    let failed = |source| OpenError::from(FileError::because("read", path)(source));
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.len() > LARGEST {
        return Err(OpenError::TooLarge { path: path.to_owned(), limit: LARGEST });
    }
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > LARGEST {
        return Err(OpenError::TooLarge { path: path.to_owned(), limit: LARGEST });
    }
    let broken = |error: serde_json::Error| {
        let why = one_line(&error.to_string(), 300);
        OpenError::Broken { path: path.to_owned(), line: error.line().max(1), why }
    };
    let Outline { schema } = serde_json::from_slice(&bytes).map_err(broken)?;
    if schema != SCHEMA {
        return Err(OpenError::Newer { path: path.to_owned(), schema: one_line(&schema, 80) });
    }
    serde_json::from_slice(&bytes).map_err(broken)
}

/// Reads an `events.jsonl`: what it folds to, and notes. A last line that was cut is left out, and said.
///
/// # Errors
/// See [`open`].
pub fn of_journal(path: &Utf8Path) -> Result<(RunRecord, Vec<String>), OpenError> {
    let failed = |source| OpenError::from(FileError::because("read", path)(source));
    let file = std::fs::File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.len() > LARGEST_JOURNAL {
        return Err(OpenError::TooLarge { path: path.to_owned(), limit: LARGEST_JOURNAL });
    }
    let mut reader = BufReader::new(file.take(LARGEST_JOURNAL));
    let (mut recorder, mut notes, mut line) = (Recorder::new(), Vec::new(), Vec::new());
    for number in 1.. {
        line.clear();
        let read = (&mut reader).take(LONGEST_EVENT).read_until(b'\n', &mut line).map_err(failed)?;
        if read == 0 {
            break;
        }
        let event = serde_json::from_slice::<Event>(&line);
        match event {
            Ok(event) if number > 1 || matches!(event, Event::RunStarted { .. }) => recorder.apply(&event),
            Ok(_) => {
                let why = "the first event of a run is run-started".to_owned();
                return Err(OpenError::Broken { path: path.to_owned(), line: number, why });
            }
            Err(_) if line.last() != Some(&b'\n') && number > 1 => {
                notes.push(format!("the last line of events.jsonl, line {number}, is cut and was left out"));
            }
            Err(error) => {
                let (known, why) = (serde_json::from_slice::<Name>(&line), error.to_string());
                let why = match known {
                    Ok(Name { event }) if why.starts_with("unknown variant") => format!(
                        "the event `{}` is not known to this version; muster {} wrote it",
                        one_line(&event, 80),
                        one_line(&recorder.record().muster, 40)
                    ),
                    _ => one_line(&why, 300),
                };
                return Err(OpenError::Broken { path: path.to_owned(), line: number, why });
            }
        }
    }
    if recorder.record().id.is_empty() {
        let why = "it is empty".to_owned();
        return Err(OpenError::Broken { path: path.to_owned(), line: 1, why });
    }
    Ok((recorder.into_record(), notes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Journal;
    use crate::outcome::Outcome;
    use crate::{json, sample};

    fn place() -> (tempfile::TempDir, RunDir) {
        let temporary = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(temporary.path()).unwrap().join("run");
        let dir = RunDir::create(&root).unwrap();
        (temporary, dir)
    }

    fn journal(dir: &RunDir, events: &[Event]) {
        let mut journal = Journal::create(&dir.events()).unwrap();
        events.iter().for_each(|event| journal.append(event).unwrap());
    }

    #[test]
    fn a_run_that_ended_is_its_record_and_any_other_what_its_journal_says() {
        let events = sample::events();
        for end in 1..=events.len() {
            let (_temporary, dir) = place();
            journal(&dir, &events[..end]);
            let expected = Recorder::fold(&events[..end]);
            // As the consumer leaves it: written at the plan and at the end.
            if let Some(planned) = events[..end].iter().position(|event| matches!(event, Event::Planned { .. })) {
                let upto = if end == events.len() { end } else { planned + 1 };
                std::fs::write(dir.run_json(), json::render(&Recorder::fold(&events[..upto])).unwrap()).unwrap();
            }
            let opened = open(dir.root()).unwrap();
            assert_eq!(opened.record, expected, "after {end}");
            assert_eq!(opened.notes.is_empty(), end == events.len(), "{:?}", opened.notes);
        }
    }

    #[test]
    fn a_journal_that_was_cut_anywhere_is_read_as_far_as_it_goes_or_refused() {
        let (_temporary, dir) = place();
        journal(&dir, &sample::events());
        let whole = std::fs::read(dir.events()).unwrap();
        let first = whole.iter().position(|byte| *byte == b'\n').unwrap();
        for cut in (0..whole.len()).step_by(97).chain([first, first + 1, whole.len() - 1]) {
            std::fs::write(dir.events(), &whole[..cut]).unwrap();
            let lines = whole[..cut].iter().filter(|byte| **byte == b'\n').count();
            match open(dir.root()) {
                Ok(opened) => {
                    assert!(cut >= first && opened.record.tests.len() <= sample::TESTS);
                    // Without its last newline the last event is whole.
                    assert_eq!(opened.notes.is_empty(), cut == whole.len() - 1);
                }
                Err(error) => {
                    assert!(lines == 0 && matches!(error, OpenError::Broken { line: 1, .. }), "{cut}: {error}")
                }
            }
        }
    }

    /// What is left after a power failure of what was not on the disk yet: the file ends earlier, or with zeros.
    #[test]
    fn of_a_journal_whose_tail_is_lost_every_whole_line_is_kept_and_nothing_else() {
        let (_temporary, dir) = place();
        let events = sample::events();
        journal(&dir, &events);
        let planned = events.iter().position(|event| matches!(event, Event::Planned { .. })).unwrap();
        std::fs::write(dir.run_json(), json::render(&Recorder::fold(&events[..=planned])).unwrap()).unwrap();
        let whole = std::fs::read(dir.events()).unwrap();
        let ends: Vec<usize> = (0..whole.len()).filter(|at| whole[*at] == b'\n').map(|at| at + 1).collect();
        // The last lines up to the result of a test, and the one before that.
        let last = events.iter().rposition(|event| matches!(event, Event::TestFinished { .. })).unwrap();
        for lost in ends[last - 2]..whole.len() {
            let lines = ends.iter().filter(|end| **end <= lost).count();
            // Without its last newline the last event is whole, but not with a zero in its place.
            let cut = lines + usize::from(ends.contains(&(lost + 1)));
            let zeros = [&whole[..lost], &vec![0; whole.len() - lost]].concat();
            for (text, kept) in [(whole[..lost].to_vec(), cut), (zeros, lines)] {
                std::fs::write(dir.events(), text).unwrap();
                let opened = open(dir.root()).unwrap();
                assert_eq!(opened.record, Recorder::fold(&events[..kept]), "{lost} of {}", whole.len());
                // What has no result is what a run that goes on with it runs.
                let unfinished = crate::outstanding::unfinished(&opened.record.tests);
                for (test, unfinished) in opened.record.tests.iter().zip(unfinished) {
                    let is_its = |event: &Event| match event {
                        Event::TestFinished { record } => record.name() == test.name() && record.image == test.image,
                        _ => false,
                    };
                    let has_ended = events[..kept].iter().any(is_its);
                    assert!(has_ended || unfinished, "{lost}: {}", test.name());
                    assert!(!has_ended || !unfinished || test.outcome == Outcome::NotRun, "{lost}: {}", test.name());
                }
            }
        }
    }

    #[test]
    fn what_is_no_run_says_why() {
        let (_temporary, dir) = place();
        let said = || open(dir.root()).unwrap_err().to_string();
        assert!(said().contains("neither run.json nor events.jsonl"));
        assert!(open(&dir.root().join("nowhere")).unwrap_err().to_string().ends_with("is no directory"));
        std::fs::write(dir.run_json(), r#"{"schema": "run/v2\u001b[2J", "all": "else"}"#).unwrap();
        assert!(
            said().contains("has the schema run/v2\\x1b[2J, and this version of muster reads run/v1"),
            "{}",
            said()
        );
        std::fs::write(dir.run_json(), "{\n\"schema\": ").unwrap();
        assert!(said().contains("run.json, line 2: "), "{}", said());
        std::fs::remove_file(dir.run_json()).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.events()).unwrap();
        assert!(said().contains("neither"));
        std::fs::remove_file(dir.events()).unwrap();
        std::fs::write(dir.events(), "{\"event\":\"notice\",\"text\":\"x\"}\n").unwrap();
        assert!(said().contains("line 1: the first event of a run is run-started"), "{}", said());
        let huge = std::fs::File::create(dir.events()).unwrap();
        huge.set_len(LARGEST_JOURNAL + 1).unwrap();
        assert!(said().contains("larger than 1024 MiB"), "{}", said());
    }
}
