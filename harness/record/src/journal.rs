//! `events.jsonl`: every event of a run, one JSON object a line, only ever appended to. Whatever happens
//! to the run, it says how far that got.

use std::fs::{File, OpenOptions};
use std::io::Write as _;

use camino::{Utf8Path, Utf8PathBuf};

use crate::event::Event;
use crate::layout::FileError;

/// The writing end. Every event is one `write` call, so that a crash tears the last line at most. An event that a full disk does not
/// take whole is not there at all, so that later ones, for which there may be space again, are lines of their own.
#[derive(Debug)]
pub struct Journal {
    path: Utf8PathBuf,
    file: File,
    /// Bytes of whole lines.
    length: u64,
    /// Events that must be on the disk before anybody waits.
    unsynced: u32,
}

/// Tests that end faster than they are written: so many may be in nobody's hands but the kernel's.
const MOST_UNSYNCED: u32 = 64;

impl Journal {
    /// A new journal; an error when the file is there already.
    pub fn create(path: &Utf8Path) -> Result<Self, FileError> {
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(path)
            .map_err(FileError::because("create the journal", path))?;
        // Locked as long as it is written, so that whoever removes old runs knows that this one goes on. A file
        // system without locks is no reason not to run.
        let _ = muster_base::files::lock_alone(&file);
        Ok(Self { path: path.to_owned(), file, length: 0, unsynced: 0 })
    }

    /// Appends one event. Synced to the disk at once where all else depends on it (the plan, and the end), and with the
    /// next [`Journal::sync`] where the record gains something that took time to learn (a test has ended, or a machine has failed). Progress is not:
    /// losing it costs nothing, and a sync a line would cost a fast run most of its time on a slow disk.
    pub fn append(&mut self, event: &Event) -> Result<(), FileError> {
        let failed = || FileError::because("write the journal", &self.path);
        let mut line = serde_json::to_vec(event).map_err(|error| failed()(error.into()))?;
        line.push(b'\n');
        if let Err(error) = self.file.write_all(&line) {
            // To become shorter needs no space.
            let _ = self.file.set_len(self.length);
            return Err(failed()(error));
        }
        self.length += line.len() as u64;
        let (waits, at_once) = match event {
            Event::Planned { .. } | Event::RunFinished { .. } => (1, true),
            Event::RunStarted { .. } | Event::TestFinished { .. } | Event::MachineFailure { .. } => (1, false),
            _ => (0, false),
        };
        self.unsynced += waits;
        if at_once || self.unsynced >= MOST_UNSYNCED { self.sync() } else { Ok(()) }
    }

    /// Puts what matters on the disk. To be called whenever no more events wait: tests that ended at the same moment cost one
    /// sync, and a test that took its time is on the disk before the next has ended.
    pub fn sync(&mut self) -> Result<(), FileError> {
        if std::mem::take(&mut self.unsynced) > 0 {
            self.file.sync_data().map_err(FileError::because("write the journal", &self.path))?;
        }
        Ok(())
    }
}

/// Whether a run that goes on writes this journal. One that is not there is written by nobody.
pub fn is_written(path: &Utf8Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    // Without locks nobody knows.
    muster_base::files::is_locked(&file).unwrap_or(false)
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
    fn what_was_written_is_there_line_by_line() {
        let (_temporary, path) = dir();
        let events = written(&path);
        let text = std::fs::read_to_string(&path).unwrap();
        let read: Vec<Event> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(read, events);
        assert!(text.ends_with('\n'), "a reader must know a whole line from a torn one");
        assert!(Journal::create(&path).is_err(), "a journal is never written over");
    }

    #[test]
    fn a_journal_is_written_as_long_as_its_run_goes_on() {
        let (_temporary, path) = dir();
        assert!(!is_written(&path));
        let journal = Journal::create(&path).unwrap();
        assert!(is_written(&path));
        drop(journal);
        assert!(!is_written(&path));
    }
}
