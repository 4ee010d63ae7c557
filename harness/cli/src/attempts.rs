//! `--attempts DIR`: a run that begins, or goes on with what was found before, whichever it is. For jobs that something starts again after
//! it has killed them: each start has the same command line, and a directory of its own below DIR, `DIR/1`, `DIR/2` and so on.
//!
//! A run that has come to a verdict is not begun again. What has no result runs, and what ended in an error, since that says something of
//! the host; every other result is kept. One attempt is at work at a time.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use super::earlier::{self, Earlier};
use super::error::CliError;
use super::output::say_error;
use super::project::short;
use muster_base::exit::Exit;
use muster_base::files::{FileError, ensure, is_locked, lock_alone};
use muster_base::text::{one_line, shell_word};
use muster_record::layout::RunDir;
use muster_record::shard::ShardRecord;

/// The file that shows that a directory is one of attempts, and that one of them is at work. It says which process has it.
const LOCK: &str = "attempts.lock";
/// How long an attempt waits for the one before it to end: a file server gives up the locks of a host that is gone after a minute and a
/// half.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two looks at the lock.
const LOOK: Duration = Duration::from_millis(200);
/// The command line.
const OPTION: &str = "--attempts";

/// The attempts of a run, of which this process makes the next one.
#[derive(Debug)]
pub(crate) struct Attempts {
    dir: Utf8PathBuf,
    /// Held until this is dropped. None where the file system has no locks.
    _lock: Option<File>,
}

/// What the attempts so far have come to.
#[derive(Debug)]
pub(crate) enum Standing {
    /// There is no result.
    New,
    /// There are results, and more are to come.
    Open(Box<Earlier>),
    /// There is a verdict, and nothing is left to do.
    Over {
        /// The run that has come to it.
        earlier: Box<Earlier>,
        /// How it ended.
        exit: Exit,
    },
}

impl Attempts {
    /// Those below this directory, which is made where it is not there.
    ///
    /// # Errors
    /// The directory is something else, or another attempt is at work and does not end.
    pub(crate) fn open(dir: &Utf8Path) -> Result<Self, CliError> {
        let is_other = || dir.read_dir_utf8().is_ok_and(|mut entries| entries.next().is_some()) && !is_attempts(dir);
        if is_other() {
            let what = format!("{OPTION} {dir}: it is there already, and not by attempts of a run");
            return Err(CliError::invalid(what).hint("name a directory that does not exist, or remove this one"));
        }
        ensure(dir)?;
        Ok(Self { dir: dir.to_owned(), _lock: locked(dir, PATIENCE)? })
    }

    /// What has been found so far.
    ///
    /// # Errors
    /// An attempt has results that cannot be read: they are not passed over.
    pub(crate) fn standing(&self) -> Result<Standing, CliError> {
        let Some(earlier) = newest(&self.dir)? else { return Ok(Standing::New) };
        let record = &earlier.opened.record;
        // What was only in the journal has no reports yet.
        let written = earlier.opened.file == RunDir::RUN_JSON;
        match record
            .finished
            .as_ref()
            .and(record.exit_code)
            .and_then(Exit::of_code)
            .filter(|exit| written && *exit != Exit::Error && !record.interrupted)
        {
            Some(exit) => Ok(Standing::Over { earlier: Box::new(earlier), exit }),
            None => Ok(Standing::Open(Box::new(earlier))),
        }
    }

    /// The directory of this attempt, which is not there yet.
    pub(crate) fn next(&self) -> Utf8PathBuf {
        let last = numbers(&self.dir).into_iter().max().unwrap_or_default();
        self.dir.join(last.saturating_add(1).to_string())
    }
}

/// Whether a directory is one of attempts.
pub(crate) fn is_attempts(dir: &Utf8Path) -> bool {
    dir.join(LOCK).is_file()
}

/// The newest attempt with results; earlier ones are what it goes on with. One that ended before it had any is passed over.
pub(crate) fn newest(dir: &Utf8Path) -> Result<Option<Earlier>, CliError> {
    let mut numbers = numbers(dir);
    numbers.sort_unstable();
    for number in numbers.into_iter().rev() {
        let place = dir.join(number.to_string());
        if !has_begun(&place)? {
            continue;
        }
        let earlier = earlier::read_at(OPTION, place)?;
        if !earlier.opened.record.tests.is_empty() {
            return Ok(Some(earlier));
        }
    }
    Ok(None)
}

/// The attempts whose results this one, which is one of them, has kept: with their numbers, the newest first. Those that
/// cannot be read are passed over: what they found is in the later one.
pub(crate) fn kept_by(later: &Earlier) -> Vec<(u32, Earlier)> {
    let Some(dir) = later.place.parent().filter(|dir| is_attempts(dir)) else { return Vec::new() };
    let kept: BTreeSet<&str> = later.opened.record.tests.iter().filter_map(|test| test.kept_from.as_deref()).collect();
    let mut numbers = numbers(dir);
    numbers.sort_unstable();
    let found = numbers.into_iter().rev().filter_map(|number| {
        let earlier = earlier::read_at(OPTION, dir.join(number.to_string())).ok()?;
        kept.contains(earlier.opened.record.id.as_str()).then_some((number, earlier))
    });
    found.collect()
}

/// An error when one of them is at work. Nothing is written: whoever merges may only read.
pub(crate) fn ended(dir: &Utf8Path) -> Result<(), CliError> {
    let path = dir.join(LOCK);
    let mut file = File::open(&path).map_err(FileError::because("read", &path))?;
    match is_locked(&file) {
        Ok(true) => Err(at_work(dir, &mut file)),
        // Where there are no locks the attempts have said so.
        Ok(false) | Err(_) => Ok(()),
    }
}

/// That another attempt has the lock, and which.
fn at_work(dir: &Utf8Path, lock: &mut File) -> CliError {
    let mut by = String::new();
    let _ = lock.take(200).read_to_string(&mut by);
    let what = format!("{OPTION} {dir}: another attempt goes on there ({})", one_line(by.trim(), 120));
    CliError::infrastructure(what).hint("wait for its end, or end it, and start this again")
}

fn numbers(dir: &Utf8Path) -> Vec<u32> {
    let entries = dir.read_dir_utf8().into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().parse().ok()).filter(|number| *number > 0).collect()
}

/// Whether an attempt has written a line: one that was killed before has found nothing.
fn has_begun(place: &Utf8Path) -> Result<bool, CliError> {
    if place.join(RunDir::RUN_JSON).is_file() {
        return Ok(true);
    }
    let path = place.join(RunDir::EVENTS);
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(FileError::because("read", &path)(error).into()),
    };
    let mut chunk = [0; 64 << 10];
    loop {
        match file.read(&mut chunk).map_err(FileError::because("read", &path))? {
            0 => return Ok(false),
            read if chunk[..read].contains(&b'\n') => return Ok(true),
            _ => {}
        }
    }
}

/// The right to make the next attempt; waits so long for whoever has it.
fn locked(dir: &Utf8Path, patience: Duration) -> Result<Option<File>, CliError> {
    let path = dir.join(LOCK);
    let failed = || FileError::because("write", &path);
    let mut file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).map_err(failed())?;
    let begun = Instant::now();
    loop {
        match lock_alone(&file) {
            Ok(()) => break,
            Err(TryLockError::WouldBlock) if begun.elapsed() < patience => std::thread::sleep(LOOK),
            Err(TryLockError::WouldBlock) => return Err(at_work(dir, &mut file)),
            Err(TryLockError::Error(error)) => {
                say_error(&format!(
                    "note: {OPTION} {dir}: its file system has no locks ({}), so that nothing keeps two attempts apart",
                    one_line(&error.to_string(), 120)
                ));
                return Ok(None);
            }
        }
    }
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    // Only for whoever reads it: a disk that is full shows when the run begins.
    let _ = file.set_len(0).and_then(|()| file.rewind());
    let _ = writeln!(file, "process {} on {}", std::process::id(), one_line(host.trim(), 80));
    Ok(Some(file))
}

/// An error when an attempt was made with another command line: its results are those of another run. Both are without the
/// program's name. Where machines are saved differs between hosts.
pub(crate) fn same_words(earlier: &Earlier, words: &[String]) -> Result<(), CliError> {
    let counts = |word: &&String| !word.starts_with("--templates=");
    if earlier.opened.record.arguments.iter().filter(counts).eq(words.iter().filter(counts)) {
        return Ok(());
    }
    let then: Vec<String> = earlier.opened.record.arguments.iter().map(|word| shell_word(word)).collect();
    Err(different(earlier, &format!("it was started otherwise: muster {}", one_line(&then.join(" "), 600))))
}

/// That an attempt is of another run, and in what they differ.
pub(crate) fn different(earlier: &Earlier, what: &str) -> CliError {
    let place = short(&earlier.place);
    CliError::invalid(format!("{OPTION}: {place} is an attempt of another run: {what}"))
        .hint("name another directory; one directory of attempts is of one run")
}

/// An error when the tests are divided otherwise now: what was kept would be of another shard.
pub(crate) fn same_part(then: Option<&ShardRecord>, now: Option<&ShardRecord>) -> Result<(), CliError> {
    let what = match (then, now) {
        (None, None) => return Ok(()),
        (Some(then), Some(now)) if then.is_same(now) => return Ok(()),
        (Some(then), Some(now)) if (then.number, then.of) == (now.number, now.of) => then.differences(now),
        _ => "it is another shard".to_owned(),
    };
    let what = format!("{OPTION}: the attempt before is of another run: {what}");
    Err(CliError::invalid(what).hint("all shards must have the same: begin again, in another directory"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_record::event::Event;
    use muster_record::fold::Recorder;
    use muster_record::journal::Journal;
    use muster_record::run::RunRecord;
    use muster_record::sample;

    fn dir() -> (tempfile::TempDir, Utf8PathBuf) {
        let temporary = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(temporary.path().join("attempts")).unwrap();
        (temporary, path)
    }

    /// The journal of an attempt with so many of its events.
    fn attempt(attempts: &Attempts, events: &[Event]) -> Utf8PathBuf {
        let dir = RunDir::create(&attempts.next()).unwrap();
        let mut journal = Journal::create(&dir.events()).unwrap();
        events.iter().for_each(|event| journal.append(event).unwrap());
        dir.root().to_owned()
    }

    #[test]
    fn the_newest_attempt_with_results_counts_and_one_that_found_nothing_is_passed_over() {
        let (_temporary, path) = dir();
        let attempts = Attempts::open(&path).unwrap();
        assert!(matches!(attempts.standing().unwrap(), Standing::New));
        let events = sample::events();
        let planned = events.iter().position(|event| matches!(event, Event::Planned { .. })).unwrap();
        attempt(&attempts, &[]);
        attempt(&attempts, &events[..1]);
        assert!(matches!(attempts.standing().unwrap(), Standing::New));
        let third = attempt(&attempts, &events[..=planned]);
        attempt(&attempts, &events[..1]);
        let Standing::Open(earlier) = attempts.standing().unwrap() else { panic!("nothing has a result yet") };
        assert_eq!(earlier.place, third);
        assert_eq!(attempts.next(), path.join("5"));
    }

    #[test]
    fn a_verdict_is_final_and_what_is_only_in_a_journal_is_none() {
        let (_temporary, path) = dir();
        let attempts = Attempts::open(&path).unwrap();
        let place = attempt(&attempts, &sample::events());
        assert!(matches!(attempts.standing().unwrap(), Standing::Open(_)));
        let record = RunRecord { interrupted: false, exit_code: Some(1), ..Recorder::fold(&sample::events()) };
        let write =
            |record: &RunRecord| std::fs::write(place.join("run.json"), serde_json::to_vec(record).unwrap()).unwrap();
        write(&record);
        let Standing::Over { exit, .. } = attempts.standing().unwrap() else { panic!("it ended") };
        assert_eq!(exit, Exit::Failed);
        for open in [
            RunRecord { exit_code: Some(3), ..record.clone() },
            RunRecord { interrupted: true, ..record.clone() },
            RunRecord { finished: None, ..record.clone() },
        ] {
            write(&open);
            assert!(matches!(attempts.standing().unwrap(), Standing::Open(_)), "{open:?}");
        }
        std::fs::write(place.join("run.json"), "{").unwrap();
        std::fs::write(place.join("events.jsonl"), "{}\n").unwrap();
        assert!(attempts.standing().is_err(), "results that cannot be read are not passed over");
    }

    #[test]
    fn two_attempts_are_never_at_work_and_another_directory_is_none() {
        let (_temporary, path) = dir();
        let attempts = Attempts::open(&path).unwrap();
        let refused = locked(&path, Duration::ZERO).unwrap_err();
        assert!(refused.what.contains(&format!("process {}", std::process::id())), "{}", refused.what);
        assert!(ended(&path).is_err());
        drop(attempts);
        ended(&path).unwrap();
        let other = path.join("other");
        std::fs::create_dir_all(other.join("1")).unwrap();
        assert_eq!(Attempts::open(&other).unwrap_err().exit, Exit::Invalid);
    }
}
