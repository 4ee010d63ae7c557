//! The suites of a run, among the run's own files: whoever gets its archive runs the same tests again, and not those of the same names
//! that he may have himself. A suite that ships with this muster is not kept: every muster has it.
//!
//! A suite of somebody else is text that is read here and commands that run in guests. Nothing of it runs on this host, and what its
//! tests upload lies below its own directory, as with every suite.

use std::collections::BTreeSet;
use std::io::{Read as _, Write as _};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::again::Again;
use super::earlier::Earlier;
use super::error::CliError;
use super::project::{Project, short};
use muster_base::files::{FileError, ensure};
use muster_base::text::one_line;
use muster_record::archive::Unpacked;
use muster_record::layout::RunDir;
use muster_record::names::PREFIX;
use muster_record::outstanding::listed;
use muster_record::run::{RunRecord, SuiteRecord};
use muster_suite::Vocabulary;
use muster_suite::diagnostic::Diagnostics;
use muster_suite::model::Suite;
use muster_suite::snapshot_files::{Accepted, DIRECTORY};
use muster_suite::source;

/// Bytes of one file that is kept at most.
const LARGEST_FILE: u64 = 8 << 20;
/// Bytes of all files of a run that are kept at most.
const LARGEST: u64 = 64 << 20;
/// Files of a run that are kept at most.
const MOST: usize = 5_000;

/// The suites that came with the archive of a run.
#[derive(Debug, Clone)]
pub(crate) struct SentSuites {
    /// The suite files to load: those of the archive, and those that ship.
    pub(crate) paths: Vec<Utf8PathBuf>,
    /// The directory of the run in the unpacked archive.
    from: Utf8PathBuf,
    /// The directory of this run, which keeps the same files under the same names.
    to: Utf8PathBuf,
    /// The archive, as it was named.
    archive: Utf8PathBuf,
    /// The archive's suites, by name.
    names: Vec<String>,
    record: RunRecord,
    /// Its files, which go with the last of these.
    _unpacked: Option<Unpacked>,
}

impl SentSuites {
    /// Those that a run uses which goes on with an earlier one: none where a person or that run names other suites, as `named` has
    /// them. `to` is the directory that it gets.
    ///
    /// # Errors
    /// The suites that are named are paths of the host on which an archive was made, and it brings none of them.
    pub(crate) fn wanted(
        earlier: &Earlier,
        again: &Again,
        named: &[Utf8PathBuf],
        to: &Utf8Path,
    ) -> Result<Option<Self>, CliError> {
        if named.is_empty() {
            return Self::of(earlier, to);
        }
        let elsewhere = |path: &Utf8Path| earlier.is_archive() && !path.exists();
        let gone: Vec<Utf8PathBuf> = named.iter().filter(|path| elsewhere(path)).cloned().collect();
        let is_here = |_: &str, suite: &SuiteRecord| !gone.iter().any(|path| suite.file.starts_with(path.as_str()));
        again.lacks(is_here).filter(|_| !gone.is_empty()).map_or(Ok(None), Err)
    }

    /// Those of an earlier run that is an archive and has some; `to` is the directory that this run gets.
    ///
    /// # Errors
    /// The directory of what ships cannot be found.
    fn of(earlier: &Earlier, to: &Utf8Path) -> Result<Option<Self>, CliError> {
        let dir = &earlier.opened.dir;
        if !earlier.brings_suites() {
            return Ok(None);
        }
        let record = &earlier.opened.record;
        let (mut paths, mut names) = (Vec::new(), Vec::new());
        let shipped = Project::find()?.suites();
        for (name, suite) in record.suites.iter().filter(|(name, _)| muster_suite::is_id(name)) {
            let of_archive = file_name(&suite.file).map(|file| dir.suites().join(name).join(file));
            if let Some(path) = of_archive.filter(|path| path.is_file()) {
                paths.push(path);
                names.push(name.clone());
            } else {
                let path = shipped.join(format!("{name}.yaml"));
                paths.extend(path.is_file().then_some(path));
            }
        }
        let (from, to) = (dir.root().to_owned(), short(to));
        let archive = short(&earlier.place);
        let _unpacked = earlier.opened.unpacked.clone();
        Ok((!names.is_empty()).then(|| Self { paths, from, to, archive, names, record: record.clone(), _unpacked }))
    }

    /// Loads them under the names that they have among the files of this run.
    pub(crate) fn load(&self, vocabulary: &Vocabulary<'_>, accepted: Accepted) -> (Vec<Suite>, Diagnostics) {
        let mut sink = Diagnostics::new();
        let mut sources = source::find(&self.paths, &mut sink);
        for source in &mut sources {
            source.name = self.kept_as(&source.path).as_str().into();
        }
        let suites = muster_suite::sources_with(&sources, vocabulary, accepted, &mut sink);
        sink.settle();
        (suites, sink)
    }

    /// Where this run keeps a file of the archive.
    pub(crate) fn kept_as(&self, path: &Utf8Path) -> Utf8PathBuf {
        path.strip_prefix(&self.from).map_or_else(|_| short(path), |below| self.to.join(below))
    }

    /// What is to be said of them once. An error when one is not the suite that the run had: its results would be those of another.
    pub(crate) fn compare(&self, suites: &[Suite]) -> Result<String, CliError> {
        // A run that accepts whatever its snapshots are has suites without those that were accepted before.
        let compared = |suite: &&Suite| self.names.contains(&suite.name) && suite.accepted.is_some();
        for suite in suites.iter().filter(compared) {
            let then = self.record.suites.get(&suite.name).map_or("", |suite| suite.sha256.as_str());
            if then != suite.digest {
                let (then, now) = (one_line(then, 64), &suite.digest);
                let what = format!(
                    "{}: its suite `{}` is not the one that its run had: SHA-256 {now}, and {then} then",
                    self.archive, suite.name
                );
                return Err(CliError::invalid(what).hint("name the suites of that run yourself: `--suites PATH`"));
            }
        }
        Ok(format!("suites of {} are used, with the SHA-256 of its run: {}", self.archive, listed(&self.names)))
    }
}

/// The last part of a path that another host wrote.
fn file_name(path: &str) -> Option<&str> {
    Utf8Path::new(path).file_name()
}

/// Copies the suites of a run to its files, and from the run that it goes on with those that it does not load. Gives what is to be
/// said about files that are left out.
pub(crate) fn keep<'s>(
    dir: &RunDir,
    suites: impl Iterator<Item = &'s Suite>,
    before: Option<&RunDir>,
) -> Result<Vec<String>, FileError> {
    let mut keeping = Keeping { dir, bytes: 0, files: 0, left_out: Vec::new() };
    let mut known = BTreeSet::new();
    for suite in suites.filter(|suite| !suite.name.starts_with(PREFIX) && known.insert(suite.name.clone())) {
        keeping.suite(suite)?;
    }
    if let Some(before) = before {
        keeping.rest_of(&before.suites(), &known)?;
    }
    let Keeping { left_out, .. } = keeping;
    let why = format!(
        "an archive of this run lacks files of its suites, which are larger than {} MiB, too many or gone",
        LARGEST_FILE >> 20
    );
    Ok(if left_out.is_empty() { Vec::new() } else { vec![format!("{why}: {}", listed(&left_out))] })
}

struct Keeping<'d> {
    dir: &'d RunDir,
    bytes: u64,
    files: usize,
    left_out: Vec<String>,
}

impl Keeping<'_> {
    fn suite(&mut self, suite: &Suite) -> Result<(), FileError> {
        let Some((own, _)) = suite.parts.split_first() else { return Ok(()) };
        if is_carried(&own.path) {
            return Ok(());
        }
        for part in &suite.parts {
            self.one(&suite.name, &part.name, &part.path)?;
        }
        // What was accepted of a suite decides as its text does.
        let Some(next_to) = own.path.parent().map(|parent| parent.join(DIRECTORY)) else { return Ok(()) };
        for name in suite.accepted.iter().flat_map(|accepted| accepted.keys()) {
            self.one(&suite.name, &Utf8Path::new(DIRECTORY).join(name), &next_to.join(name))?;
        }
        Ok(())
    }

    /// Suites whose results are kept, and of which nothing runs.
    fn rest_of(&mut self, before: &Utf8Path, known: &BTreeSet<String>) -> Result<(), FileError> {
        let entries = before.read_dir_utf8().into_iter().flatten().flatten();
        let others =
            entries.filter(|entry| !known.contains(entry.file_name()) && muster_suite::is_id(entry.file_name()));
        let mut open: Vec<(String, Utf8PathBuf)> =
            others.map(|entry| (entry.file_name().to_owned(), entry.path().to_owned())).collect();
        open.sort();
        while let Some((suite, path)) = open.pop() {
            let Ok(meta) = path.symlink_metadata() else { continue };
            if meta.is_dir() {
                let below = path.read_dir_utf8().into_iter().flatten().flatten();
                open.extend(below.map(|entry| (suite.clone(), entry.path().to_owned())));
            } else if let Ok(name) = path.strip_prefix(before.join(&suite)) {
                self.one(&suite, name, &path)?;
            }
        }
        Ok(())
    }

    fn one(&mut self, suite: &str, name: &Utf8Path, path: &Utf8Path) -> Result<(), FileError> {
        let plain: Utf8PathBuf =
            name.components().filter(|part| !matches!(part, Utf8Component::CurDir)).map(|part| part.as_str()).collect();
        let below = plain.components().all(|part| matches!(part, Utf8Component::Normal(_)));
        match read(path).filter(|bytes| below && self.has_room(bytes.len() as u64)) {
            Some(bytes) => {
                let to = self.dir.suites().join(suite).join(&plain);
                to.parent().map_or(Ok(()), ensure)?;
                let mut file = std::fs::File::create(&to).map_err(FileError::because("write", &to))?;
                file.write_all(&bytes).map_err(FileError::because("write", &to))?;
                self.files += 1;
                self.bytes += bytes.len() as u64;
            }
            None => self.left_out.push(format!("{suite}: {}", one_line(plain.as_str(), 120))),
        }
        Ok(())
    }

    fn has_room(&self, bytes: u64) -> bool {
        self.files < MOST && self.bytes + bytes <= LARGEST
    }
}

/// A plain file within the bound.
fn read(path: &Utf8Path) -> Option<Vec<u8>> {
    let file = std::fs::File::open(path).ok()?;
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= LARGEST_FILE).then_some(bytes)
}

/// Whether this program brings a suite of this file name with the same text.
fn is_carried(path: &Utf8Path) -> bool {
    let same = |name: &str| read(path).is_some_and(|bytes| super::shipped::has(&format!("suites/{name}"), &bytes));
    path.file_name().is_some_and(same)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::vocabulary;
    use muster_record::archive;
    use muster_record::event::Event;
    use muster_record::journal::Journal;
    use muster_record::sample;

    /// A suite with a file that it includes, one that it uploads, one that is too large, and an accepted snapshot.
    fn sender(dir: &Utf8Path) -> Vec<Suite> {
        let write = |name: &str, text: &[u8]| {
            let path = dir.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let suite = "schema: suite/v1\nsuite: mine\ninclude:\n- {file: parts/more.yaml, prefix: more}\ntests:\n\
                     - id: sends\n  steps:\n  - {upload: ./data/small, to: /tmp/small}\n\
                     \x20 - {upload: data/large, to: /tmp/large}\n  expect: {file: {/tmp/small: {exists: true}}}\n";
        write("mine.yaml", suite.as_bytes());
        write("parts/more.yaml", b"schema: tests/v1\ntests:\n- id: looks\n  snapshots: [{name: x, of: users}]\n");
        write("data/small", b"small");
        write("data/large", &vec![0; LARGEST_FILE as usize + 1]);
        write("snapshots/mine__more.looks__x@lab.snap", b"accepted");
        write("snapshots/other__looks__x@lab.snap", b"of another suite");
        let (suites, problems) = muster_suite::load(&[dir.join("mine.yaml")], &vocabulary());
        assert!(problems.is_empty(), "{}", problems.render(false));
        suites
    }

    fn place() -> (tempfile::TempDir, Utf8PathBuf) {
        let temporary = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(temporary.path().to_owned()).unwrap();
        (temporary, path)
    }

    fn below(dir: &Utf8Path) -> Vec<String> {
        let mut all = Vec::new();
        let mut open = vec![dir.to_owned()];
        while let Some(at) = open.pop() {
            for entry in at.read_dir_utf8().unwrap().flatten() {
                match entry.path().is_dir() {
                    true => open.push(entry.into_path()),
                    false => all.push(entry.path().strip_prefix(dir).unwrap().to_string()),
                }
            }
        }
        all.sort();
        all
    }

    #[test]
    fn a_run_keeps_all_that_decides_of_its_suites_and_names_what_it_leaves_out() {
        let (_temporary, path) = place();
        let suites = sender(&path.join("sender"));
        let dir = RunDir::create(&path.join("run")).unwrap();
        let said = keep(&dir, suites.iter().chain(&suites), None).unwrap();
        let expected = [
            "mine/data/small",
            "mine/mine.yaml",
            "mine/parts/more.yaml",
            "mine/snapshots/mine__more.looks__x@lab.snap",
        ];
        assert_eq!(below(&dir.suites()), expected);
        assert_eq!(said.len(), 1);
        assert!(said[0].ends_with(": mine: data/large"), "{said:?}");
        // A run that goes on with it and runs nothing of the suite.
        let next = RunDir::create(&path.join("next")).unwrap();
        assert_eq!(keep(&next, std::iter::empty(), Some(&dir)).unwrap(), [""; 0]);
        assert_eq!(below(&next.suites()), expected);
        // What ships is everywhere.
        let shipped = Utf8Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../suites/base.yaml"));
        let (shipped, _) = muster_suite::load(&[shipped.to_owned()], &vocabulary());
        let plain = RunDir::create(&path.join("plain")).unwrap();
        assert_eq!(keep(&plain, shipped.iter(), None).unwrap(), [""; 0]);
        assert!(!plain.suites().exists());
    }

    #[test]
    fn an_archive_brings_its_suites_and_another_one_of_the_name_is_refused() {
        let (_temporary, path) = place();
        let sent = path.join("sender");
        std::fs::create_dir_all(&sent).unwrap();
        let text =
            "schema: suite/v1\nsuite: mine\ntests:\n- id: looks\n  expect: {file: {/etc/passwd: {exists: true}}}\n";
        std::fs::write(sent.join("own.yaml"), text).unwrap();
        let (suites, _) = muster_suite::load(&[sent.join("own.yaml")], &vocabulary());
        let archive = |name: &str, sha256: &str| {
            let dir = RunDir::create(&path.join(name)).unwrap();
            keep(&dir, suites.iter(), None).unwrap();
            let mut journal = Journal::create(&dir.events()).unwrap();
            let record =
                SuiteRecord { file: "../mine/own.yaml".into(), summary: String::new(), sha256: sha256.to_owned() };
            for event in sample::events() {
                journal.append(&event).unwrap();
                if let Event::Planned { .. } = event {
                    let suites = [("mine".to_owned(), record.clone())].into();
                    journal.append(&Event::Planned { suites, tests: Vec::new(), kept: Vec::new() }).unwrap();
                }
            }
            drop(journal);
            let file = path.join(format!("{name}.zip"));
            archive::pack(&dir, "r", &[], &file).unwrap();
            crate::earlier::read_at("--rerun", file).unwrap()
        };
        let earlier = archive("good", &suites[0].digest);
        assert!(earlier.brings_suites());
        let brought = SentSuites::of(&earlier, &path.join("new")).unwrap().unwrap();
        let (loaded, problems) = brought.load(&vocabulary(), Accepted::NextTo);
        assert!(problems.is_empty(), "{}", problems.render(false));
        let mine = loaded.iter().find(|suite| suite.name == "mine").unwrap();
        assert_eq!(*mine.file, *path.join("new/suites/mine/own.yaml").as_str(), "where this run has it");
        assert!(brought.compare(&loaded).unwrap().ends_with("good.zip are used, with the SHA-256 of its run: mine"));
        let other = SentSuites::of(&archive("other", &"0".repeat(64)), &path.join("new")).unwrap().unwrap();
        let refused = other.compare(&other.load(&vocabulary(), Accepted::NextTo).0).unwrap_err();
        assert!(refused.what.contains("its suite `mine` is not the one that its run had"), "{}", refused.what);
    }
}
