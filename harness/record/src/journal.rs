//! `events.jsonl`: every event of a run, one JSON object a line, only ever appended to. It is the
//! source from which the record can be made again after a crash.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};

use camino::{Utf8Path, Utf8PathBuf};

use crate::event::Event;
use crate::layout::FileError;

/// The journal could not be read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file itself.
    #[error(transparent)]
    File(#[from] FileError),
    /// A line in its midst is not an event. Only the last line may be torn by a crash, so this file
    /// was edited, or damaged, or written by another version.
    #[error("{path}:{line}: not an event: {why}; the run cannot be continued from this journal; start a new run")]
    Line {
        /// The journal.
        path: Utf8PathBuf,
        /// 1-based.
        line: usize,
        /// What the decoder said.
        why: String,
    },
    /// It is larger than any run writes.
    #[error("{path} is larger than {LIMIT} bytes; it was not written by a run")]
    TooLarge {
        /// The journal.
        path: Utf8PathBuf,
    },
}

/// Bytes of a journal that are read at most.
const LIMIT: u64 = 4 << 30;

/// The writing end. Every event is one `write` call, so that a crash tears the last line at most.
#[derive(Debug)]
pub struct Journal {
    path: Utf8PathBuf,
    file: File,
}

impl Journal {
    /// A new journal; an error when the file is there already.
    pub fn create(path: &Utf8Path) -> Result<Self, FileError> {
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(path)
            .map_err(FileError::because("create the journal", path))?;
        Ok(Self::mark(path, file))
    }

    /// Continues a journal: what was torn off its end is removed first, since the next event would
    /// otherwise be joined to it and both be lost.
    pub fn reopen(path: &Utf8Path) -> Result<(Self, Replay), JournalError> {
        let replay = read(path)?;
        let file = OpenOptions::new().append(true).open(path).map_err(FileError::because("open the journal", path))?;
        file.set_len(replay.whole_bytes).map_err(FileError::because("repair the journal", path))?;
        Ok((Self::mark(path, file), replay))
    }

    /// Locks the file as long as it is written, so that whoever removes old runs knows that this one goes on. A file
    /// system without locks is no reason not to run.
    fn mark(path: &Utf8Path, file: File) -> Self {
        let _ = muster_base::files::lock_alone(&file);
        Self { path: path.to_owned(), file }
    }

    /// Appends one event. Synced to the disk where the record gains something that took time to
    /// learn (a test has ended) or that all else depends on (the plan, the beginning and the end).
    /// Progress is not: losing it costs nothing, and a sync a line would cost a fast run most of its
    /// time on a slow disk.
    pub fn append(&mut self, event: &Event) -> Result<(), FileError> {
        let failed = || FileError::because("write the journal", &self.path);
        let mut line = serde_json::to_vec(event).map_err(|error| failed()(error.into()))?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(failed())?;
        if matches!(
            event,
            Event::RunStarted { .. } | Event::Planned { .. } | Event::TestFinished { .. } | Event::RunFinished { .. }
        ) {
            self.file.sync_data().map_err(failed())?;
        }
        Ok(())
    }
}

/// What a journal holds.
#[derive(Debug, PartialEq)]
pub struct Replay {
    /// The events, in order.
    pub events: Vec<Event>,
    /// True when the last line was torn, which a crash or a full disk explains.
    pub torn: bool,
    /// Bytes up to the end of the last whole line.
    whole_bytes: u64,
}

/// Reads a journal. A torn last line is left out and told; any other broken line is an error.
pub fn read(path: &Utf8Path) -> Result<Replay, JournalError> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(FileError::because("read the journal", path))?;
    file.take(LIMIT + 1).read_to_end(&mut bytes).map_err(FileError::because("read the journal", path))?;
    if bytes.len() as u64 > LIMIT {
        return Err(JournalError::TooLarge { path: path.to_owned() });
    }
    decode(&bytes).map_err(|(line, why)| JournalError::Line { path: path.to_owned(), line, why })
}

fn decode(bytes: &[u8]) -> Result<Replay, (usize, String)> {
    let mut replay = Replay { events: Vec::new(), torn: false, whole_bytes: 0 };
    let mut lines = bytes.split_inclusive(|byte| *byte == b'\n').enumerate().peekable();
    while let Some((index, line)) = lines.next() {
        let ended = line.ends_with(b"\n");
        match serde_json::from_slice(line) {
            Ok(event) if ended => replay.events.push(event),
            // Without its newline a line counts as torn even if it could be read: the writer writes
            // both at once, and the next one to append would join them.
            Ok(_) => replay.torn = true,
            Err(_) if lines.peek().is_none() => replay.torn = true,
            Err(error) => return Err((index + 1, muster_base::text::one_line(&error.to_string(), 200))),
        }
        if !replay.torn {
            replay.whole_bytes += line.len() as u64;
        }
    }
    Ok(replay)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn dir() -> (tempfile::TempDir, Utf8PathBuf) {
        let temporary = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(temporary.path().join("events.jsonl")).unwrap();
        (temporary, path)
    }

    fn written(path: &Utf8Path) -> Vec<Event> {
        let events = sample::events();
        let mut journal = Journal::create(path).unwrap();
        for event in &events {
            journal.append(event).unwrap();
        }
        events
    }

    #[test]
    fn what_was_written_is_read() {
        let (_temporary, path) = dir();
        let events = written(&path);
        let replay = read(&path).unwrap();
        assert_eq!(replay.events, events);
        assert!(!replay.torn);
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), events.len());
        assert!(Journal::create(&path).is_err(), "a journal is never written over");
    }

    #[test]
    fn a_tear_anywhere_in_the_last_line_loses_only_that_line() {
        let (_temporary, path) = dir();
        let events = written(&path);
        let whole = std::fs::read(&path).unwrap();
        let last = whole[..whole.len() - 1].iter().rposition(|b| *b == b'\n').unwrap() + 1;
        for end in last + 1..whole.len() {
            let replay = decode(&whole[..end]).unwrap();
            assert_eq!(replay.events, events[..events.len() - 1]);
            assert!(replay.torn);
            assert_eq!(replay.whole_bytes as usize, last);
        }
        // A file system may also leave zeros where the data had not arrived.
        let mut zeros = whole.clone();
        zeros.extend([0; 100]);
        assert_eq!(decode(&zeros).unwrap().events, events);
    }

    #[test]
    fn a_torn_journal_is_mended_before_it_is_continued() {
        let (_temporary, path) = dir();
        let events = written(&path);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
        let (mut journal, replay) = Journal::reopen(&path).unwrap();
        assert!(replay.torn);
        journal.append(events.last().unwrap()).unwrap();
        assert_eq!(read(&path).unwrap().events, events);
    }

    #[test]
    fn a_broken_line_in_the_midst_is_told_with_its_number() {
        let (_temporary, path) = dir();
        written(&path);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replacen("\"event\":\"planned\"", "\"event\":\"pla\"", 1)).unwrap();
        let error = read(&path).unwrap_err().to_string();
        assert!(error.contains("events.jsonl:2: not an event"), "{error}");
    }
}
