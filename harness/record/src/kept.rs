//! Directories of runs and of measured boots that are kept: which there are, what became of each, what it takes, and its
//! removal. Only plain directories that muster has made are looked at, and no link is followed.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::time::{Duration, SystemTime};

use camino::{Utf8Path, Utf8PathBuf};
use serde::Deserialize;

use crate::layout::RunDir;
use muster_base::files::FileError;

/// Bytes of a record that are read at most.
const LARGEST: u64 = 1 << 30;
/// Bytes of a journal's first line at most.
const FIRST_LINE: u64 = 1 << 20;
/// Begins the name of a directory that is being removed.
const REMOVED: &str = ".removed-";

/// A run that was kept, or a measurement of boots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its directory.
    pub path: Utf8PathBuf,
    /// The run's id; the directory may be called otherwise. A measurement has its directory's name.
    pub id: String,
    /// When it began, RFC 3339.
    pub started: String,
    /// When that was.
    pub time: SystemTime,
    /// How it ended.
    pub verdict: RunState,
    /// Bytes of the disk.
    pub bytes: u64,
    /// A run goes on in it, or a machine of it is up.
    pub in_use: bool,
    /// What is locked for as long as it goes on.
    marker: Marker,
}

/// What is locked for as long as a run or a measurement goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marker {
    /// The journal of a run.
    Journal,
    /// The directory itself, of measured boots: their files are replaced as a whole.
    Directory,
}

impl Marker {
    fn open(self, path: &Utf8Path) -> Option<File> {
        match self {
            Self::Journal => open(&RunDir::at(path).events()),
            Self::Directory => {
                let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::DIRECTORY).bits() as i32;
                OpenOptions::new().read(true).custom_flags(flags).open(path).ok()
            }
        }
    }
}

/// Measured boots, and what they were compared with.
const BOOTS: &str = "boot-time.json";
const COMPARISON: &str = "comparison.json";
/// Begins the schema of [`BOOTS`].
const BOOTS_SCHEMA: &str = "boot-time/";

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// Exit code 0.
    Passed,
    /// Exit code 1.
    Failed,
    /// Exit code 2: nothing ran, or the run was focused.
    Invalid,
    /// Exit code 3.
    Error,
    /// Exit code 4.
    Stale,
    /// It was ended by a person or a signal.
    Interrupted,
    /// It goes on.
    Running,
    /// It was killed, or its record is not there or cannot be read.
    Unfinished,
    /// Boots were measured, and compared with nothing.
    Measured,
}

impl RunState {
    /// The word in lists.
    pub fn name(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Invalid => "invalid",
            Self::Error => "error",
            Self::Stale => "stale",
            Self::Interrupted => "interrupted",
            Self::Running => "running",
            Self::Unfinished => "unfinished",
            Self::Measured => "measured",
        }
    }
}

/// What of a record counts here.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct Outline {
    exit_code: Option<u8>,
    interrupted: bool,
}

/// What of measured boots counts here.
#[derive(Debug, Deserialize)]
struct Boots {
    schema: String,
    at: String,
    samples: Vec<BootOutline>,
}

/// One of them.
#[derive(Debug, Deserialize)]
struct BootOutline {
    #[serde(default)]
    total: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    inconclusive: Option<serde::de::IgnoredAny>,
}

/// What of their comparison counts here.
#[derive(Debug, Deserialize)]
struct Comparison {
    verdict: String,
}

/// The first event of a journal.
#[derive(Debug, Deserialize)]
struct First {
    event: String,
    id: String,
    at: String,
}

/// The runs directly below a directory, the newest first. One that is not there holds none. `opened` are the files
/// that other processes have open, by device and inode.
pub fn list(directory: &Utf8Path, opened: &BTreeSet<(u64, u64)>) -> Result<Vec<Kept>, FileError> {
    let mut found: Vec<Kept> =
        dirs(directory)?.iter().filter(|path| !is_leftover(path)).filter_map(|path| look(path, opened)).collect();
    found.sort_by(|a, b| b.time.cmp(&a.time).then_with(|| b.path.cmp(&a.path)));
    Ok(found)
}

/// What a removal that was interrupted has left.
pub fn leftovers(directory: &Utf8Path) -> Result<Vec<Utf8PathBuf>, FileError> {
    Ok(dirs(directory)?.into_iter().filter(|path| is_leftover(path)).collect())
}

/// Bytes of the disk that a directory takes.
pub fn size(path: &Utf8Path) -> u64 {
    let mut files = Files::default();
    files.walk(path);
    files.bytes
}

/// Those that go, as indices: all but the newest `keep`, and all that began before `older_than` ago. What either spares
/// stays, and so does what is in use.
pub fn superfluous(runs: &[Kept], keep: Option<usize>, older_than: Option<Duration>, now: SystemTime) -> Vec<usize> {
    if keep.is_none() && older_than.is_none() {
        return Vec::new();
    }
    let is_old = |run: &Kept| {
        let age = now.duration_since(run.time).unwrap_or_default();
        older_than.is_none_or(|limit| age >= limit)
    };
    let goes = |(index, run): &(usize, &Kept)| !run.in_use && *index >= keep.unwrap_or(0) && is_old(run);
    runs.iter().enumerate().filter(goes).map(|(index, _)| index).collect()
}

/// Removes a run, unless it has come into use since it was listed.
pub fn remove(run: &Kept) -> Result<bool, FileError> {
    // Held until the directory is gone.
    let Some(marker) = run.marker.open(&run.path) else { return Ok(false) };
    if muster_base::files::lock_alone(&marker).is_err() {
        return Ok(false);
    }
    let name = run.path.file_name().unwrap_or("run");
    let aside = run.path.with_file_name(format!("{REMOVED}{name}"));
    // What is half removed is no run any more, and the next removal takes the rest.
    std::fs::rename(&run.path, &aside).map_err(FileError::because("remove the run", &run.path))?;
    remove_leftover(&aside)?;
    Ok(true)
}

/// Removes the rest of a run.
pub fn remove_leftover(path: &Utf8Path) -> Result<(), FileError> {
    std::fs::remove_dir_all(path).map_err(FileError::because("remove", path))
}

fn dirs(directory: &Utf8Path) -> Result<Vec<Utf8PathBuf>, FileError> {
    let entries = match directory.read_dir_utf8() {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(FileError::because("read the directory", directory)(error)),
    };
    let plain = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    Ok(plain.map(|entry| entry.path().to_owned()).collect())
}

fn is_leftover(path: &Utf8Path) -> bool {
    path.file_name().is_some_and(|name| name.starts_with(REMOVED))
}

/// A plain file, for reading.
fn open(path: &Utf8Path) -> Option<File> {
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits() as i32;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    file.metadata().is_ok_and(|found| found.is_file()).then_some(file)
}

/// A run or measured boots, when the directory is such.
fn look(path: &Utf8Path, opened: &BTreeSet<(u64, u64)>) -> Option<Kept> {
    look_at_run(path, opened).or_else(|| look_at_boots(path, opened))
}

/// Measured boots: their file says that it is ours.
fn look_at_boots(path: &Utf8Path, opened: &BTreeSet<(u64, u64)>) -> Option<Kept> {
    let file = open(&path.join(BOOTS))?;
    let written = file.metadata().ok().and_then(|found| found.modified().ok()).unwrap_or(SystemTime::UNIX_EPOCH);
    let boots: Boots = serde_json::from_reader(BufReader::new(file.take(LARGEST))).ok()?;
    if !boots.schema.starts_with(BOOTS_SCHEMA) {
        return None;
    }
    let time = boots.at.parse::<jiff::Timestamp>().map(SystemTime::from).unwrap_or(written);
    let mut files = Files::default();
    files.walk(path);
    let marker = Marker::Directory;
    let lock = marker.open(path)?;
    let goes_on = muster_base::files::lock_alone(&lock).is_err();
    let _ = lock.unlock();
    let in_use = goes_on || files.ids.iter().any(|id| opened.contains(id));
    let verdict = if goes_on { RunState::Running } else { boots_verdict(path, &boots) };
    let id = path.file_name().unwrap_or_default().to_owned();
    Some(Kept { path: path.to_owned(), id, started: boots.at, time, verdict, bytes: files.bytes, in_use, marker })
}

fn boots_verdict(path: &Utf8Path, boots: &Boots) -> RunState {
    let comparison = open(&path.join(COMPARISON))
        .and_then(|file| serde_json::from_reader::<_, Comparison>(BufReader::new(file.take(LARGEST))).ok());
    match comparison.as_ref().map(|comparison| comparison.verdict.as_str()) {
        Some("no-change" | "improvement") => RunState::Passed,
        Some("regression") => RunState::Failed,
        Some(_) => RunState::Error,
        None if boots.samples.iter().any(|boot| boot.total.is_some() && boot.inconclusive.is_none()) => {
            RunState::Measured
        }
        None => RunState::Unfinished,
    }
}

/// A run: a journal in it begins as ours do.
fn look_at_run(path: &Utf8Path, opened: &BTreeSet<(u64, u64)>) -> Option<Kept> {
    let dir = RunDir::at(path);
    let journal = open(&dir.events())?;
    let mut line = String::new();
    BufReader::new((&journal).take(FIRST_LINE)).read_line(&mut line).ok()?;
    let first: First = serde_json::from_str(&line).ok().filter(|first: &First| first.event == "run-started")?;
    let written = journal.metadata().ok().and_then(|found| found.modified().ok()).unwrap_or(SystemTime::UNIX_EPOCH);
    let time = first.at.parse::<jiff::Timestamp>().map(SystemTime::from).unwrap_or(written);
    let mut files = Files::default();
    files.walk(path);
    let goes_on = muster_base::files::lock_alone(&journal).is_err();
    let _ = journal.unlock();
    let in_use = goes_on || files.ids.iter().any(|id| opened.contains(id));
    let verdict = if goes_on { RunState::Running } else { verdict(&dir) };
    let marker = Marker::Journal;
    let (id, started, bytes) = (first.id, first.at, files.bytes);
    Some(Kept { path: path.to_owned(), id, started, time, verdict, bytes, in_use, marker })
}

fn verdict(dir: &RunDir) -> RunState {
    let outline = open(&dir.run_json())
        .and_then(|file| serde_json::from_reader::<_, Outline>(BufReader::new(file.take(LARGEST))).ok());
    match outline.unwrap_or_default() {
        Outline { interrupted: true, .. } => RunState::Interrupted,
        Outline { exit_code: Some(code), .. } => match code {
            0 => RunState::Passed,
            1 => RunState::Failed,
            2 => RunState::Invalid,
            4 => RunState::Stale,
            _ => RunState::Error,
        },
        Outline { exit_code: None, .. } => RunState::Unfinished,
    }
}

/// What lies below a directory, without following links.
#[derive(Debug, Default)]
struct Files {
    bytes: u64,
    ids: BTreeSet<(u64, u64)>,
}

impl Files {
    fn walk(&mut self, dir: &Utf8Path) {
        let mut dirs = vec![dir.as_std_path().to_owned()];
        while let Some(dir) = dirs.pop() {
            for entry in dir.read_dir().into_iter().flatten().flatten() {
                // Of the entry itself, also where it is a link.
                let Ok(found) = entry.metadata() else { continue };
                if found.is_dir() {
                    dirs.push(entry.path());
                } else if self.ids.insert((found.dev(), found.ino())) {
                    self.bytes += found.blocks() * 512;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Event;
    use crate::fold::Recorder;
    use crate::journal::Journal;
    use crate::{json, sample};

    struct Place {
        _temporary: tempfile::TempDir,
        runs: Utf8PathBuf,
    }

    impl Place {
        fn new() -> Self {
            let temporary = tempfile::tempdir().unwrap();
            let runs = Utf8PathBuf::from_path_buf(temporary.path().join("runs")).unwrap();
            Self { _temporary: temporary, runs }
        }

        /// A run of this day that has ended with this code.
        fn run(&self, name: &str, day: u8, exit: Option<u8>) -> (RunDir, Journal) {
            let dir = RunDir::create(&self.runs.join(name)).unwrap();
            let mut journal = Journal::create(&dir.events()).unwrap();
            let mut events = sample::events();
            for event in &mut events {
                match event {
                    Event::RunStarted { id, at, .. } => {
                        *id = name.to_owned();
                        *at = format!("2026-01-{day:02}T00:00:00Z");
                    }
                    Event::RunFinished { exit_code, .. } => *exit_code = exit.unwrap_or(9),
                    _ => {}
                }
            }
            if exit.is_none() {
                events.retain(|event| !matches!(event, Event::RunFinished { .. }));
            }
            events.iter().for_each(|event| journal.append(event).unwrap());
            std::fs::write(dir.run_json(), json::render(&Recorder::fold(&events)).unwrap()).unwrap();
            (dir, journal)
        }

        fn list(&self) -> Vec<Kept> {
            list(&self.runs, &BTreeSet::new()).unwrap()
        }

        fn words(&self) -> Vec<String> {
            self.list().iter().map(|run| format!("{} {}", run.id, run.verdict.name())).collect()
        }
    }

    #[test]
    fn runs_are_listed_the_newest_first_with_how_they_ended() {
        let place = Place::new();
        assert!(place.list().is_empty(), "no directory, no runs");
        place.run("b", 2, Some(1));
        place.run("a", 3, Some(0));
        place.run("killed", 1, None);
        let (_, goes_on) = place.run("goes-on", 4, None);
        assert_eq!(place.words(), ["goes-on running", "a passed", "b failed", "killed unfinished"]);
        assert!(place.list().iter().all(|run| run.bytes > 0 && run.in_use == (run.id == "goes-on")));
        drop(goes_on);
        assert_eq!(place.words()[0], "goes-on unfinished");
    }

    #[test]
    fn measured_boots_are_listed_among_runs_and_removed_unless_they_go_on() {
        let place = Place::new();
        place.run("run", 2, Some(0));
        let boots = |name: &str, day: u8, samples: &str, verdict: Option<&str>| {
            let dir = place.runs.join(name);
            std::fs::create_dir(&dir).unwrap();
            let text =
                format!(r#"{{"schema": "boot-time/v1", "at": "2026-01-0{day}T00:00:00Z", "samples": [{samples}]}}"#);
            std::fs::write(dir.join("boot-time.json"), text).unwrap();
            if let Some(verdict) = verdict {
                std::fs::write(dir.join("comparison.json"), format!(r#"{{"verdict": "{verdict}"}}"#)).unwrap();
            }
            dir
        };
        let counts = r#"{"total": {"micros": 5}}"#;
        boots("b1", 1, counts, None);
        boots("b3", 3, counts, Some("no-change"));
        boots("b4", 4, counts, Some("regression"));
        boots("b5", 5, counts, Some("host-unfit"));
        boots("b6", 6, r#"{"total": {"micros": 5}, "inconclusive": "it hung"}"#, None);
        let goes_on = boots("b7", 7, "", None);
        for (name, text) in [("foreign", r#"{"schema": "x/v1", "at": "", "samples": []}"#), ("cut", "{")] {
            std::fs::create_dir(place.runs.join(name)).unwrap();
            std::fs::write(place.runs.join(name).join("boot-time.json"), text).unwrap();
        }
        let lock = Marker::Directory.open(&goes_on).unwrap();
        muster_base::files::lock_alone(&lock).unwrap();
        let expected =
            ["b7 running", "b6 unfinished", "b5 error", "b4 failed", "b3 passed", "run passed", "b1 measured"];
        assert_eq!(place.words(), expected);
        let runs = place.list();
        assert!(runs.iter().all(|run| run.in_use == (run.id == "b7") && run.bytes > 0));
        assert_eq!(superfluous(&runs, Some(2), None, SystemTime::now()), [2, 3, 4, 5, 6]);
        assert!(!remove(&runs[0]).unwrap(), "it goes on");
        assert!(remove(&runs[4]).unwrap());
        drop(lock);
        assert!(remove(&runs[0]).unwrap());
        assert_eq!(place.list().len(), 5);
        assert!(place.runs.join("foreign").is_dir() && place.runs.join("cut").is_dir());
    }

    #[test]
    fn nothing_but_a_run_is_one() {
        let place = Place::new();
        let (dir, _) = place.run("real", 1, Some(0));
        for (name, journal) in [("empty", None), ("other", Some("{\"event\":\"x\"}\n")), ("text", Some("hello\n"))] {
            std::fs::create_dir(place.runs.join(name)).unwrap();
            if let Some(text) = journal {
                std::fs::write(place.runs.join(name).join("events.jsonl"), text).unwrap();
            }
        }
        std::os::unix::fs::symlink(dir.root(), place.runs.join("link")).unwrap();
        std::fs::create_dir(place.runs.join("linked-journal")).unwrap();
        std::os::unix::fs::symlink(dir.events(), place.runs.join("linked-journal/events.jsonl")).unwrap();
        std::fs::write(place.runs.join("file"), "").unwrap();
        assert_eq!(place.words(), ["real passed"]);
    }

    #[test]
    fn what_either_limit_spares_stays_and_so_does_what_is_in_use() {
        let place = Place::new();
        for (name, day) in [("d1", 1), ("d2", 2), ("d3", 3)] {
            place.run(name, day, Some(0));
        }
        let (_, _goes_on) = place.run("d0", 1, None);
        let runs = place.list();
        let now = SystemTime::from("2026-01-04T00:00:00Z".parse::<jiff::Timestamp>().unwrap());
        let day = Duration::from_secs(86_400);
        let gone = |keep, older_than| -> Vec<&str> {
            superfluous(&runs, keep, older_than, now).into_iter().map(|index| runs[index].id.as_str()).collect()
        };
        assert!(gone(None, None).is_empty());
        assert_eq!(gone(Some(1), None), ["d2", "d1"]);
        assert_eq!(gone(Some(0), None), ["d3", "d2", "d1"]);
        assert_eq!(gone(None, Some(2 * day)), ["d2", "d1"]);
        assert_eq!(gone(Some(2), Some(day)), ["d1"]);
        assert_eq!(gone(Some(0), Some(3 * day)), ["d1"]);
    }

    #[test]
    fn a_removal_takes_the_run_and_nothing_that_a_link_in_it_leads_to() {
        let place = Place::new();
        let (dir, _) = place.run("old", 1, Some(0));
        let elsewhere = place.runs.join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        std::fs::write(elsewhere.join("precious"), "x").unwrap();
        std::os::unix::fs::symlink(&elsewhere, dir.root().join("link")).unwrap();
        let (_, goes_on) = place.run("new", 2, None);
        let runs = place.list();
        assert!(!remove(&runs[0]).unwrap(), "it goes on");
        assert!(remove(&runs[1]).unwrap());
        assert_eq!(place.words(), ["new running"]);
        assert!(elsewhere.join("precious").is_file());
        drop(goes_on);
        // As if the removal had been killed.
        std::fs::rename(place.runs.join("new"), place.runs.join(".removed-new")).unwrap();
        assert!(place.list().is_empty());
        let left = leftovers(&place.runs).unwrap();
        assert_eq!(left, [place.runs.join(".removed-new")]);
        assert!(size(&left[0]) > 0);
        remove_leftover(&left[0]).unwrap();
        assert!(leftovers(&place.runs).unwrap().is_empty());
    }

    #[test]
    fn a_file_of_it_that_somebody_has_open_is_use() {
        let place = Place::new();
        let (dir, _) = place.run("resumed", 1, Some(1));
        let found = std::fs::metadata(dir.run_json()).unwrap();
        let opened = BTreeSet::from([(found.dev(), found.ino())]);
        let runs = list(&place.runs, &opened).unwrap();
        assert!(runs[0].in_use && runs[0].verdict == RunState::Failed);
        assert!(superfluous(&runs, Some(0), None, SystemTime::now()).is_empty());
    }
}
