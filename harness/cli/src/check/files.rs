//! Which files are meant, and what each is; and which are passed over, and why.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use muster_base::text::{one_line, plural};
use muster_suite::FileKind;
use muster_suite::diagnostic::{Diagnostics, codes};
use muster_suite::kind::{Says, of_file};
use muster_suite::source::{self, SourceFile};

/// Directories below one of suites whose files belong to these suites.
const BELONGING: [&str; 3] = ["coverage", "proofs", "snapshots"];
/// How many files that are passed over are named.
const NAMED: usize = 10;

/// The files that paths mean, by what they are.
#[derive(Default)]
pub(super) struct Files {
    documents: BTreeMap<FileKind, Vec<SourceFile>>,
    /// Accepted snapshots.
    pub snapshots: Vec<Utf8PathBuf>,
    /// Files and directories that are not read, each with the reason.
    passed: Vec<(Utf8PathBuf, &'static str)>,
    /// Paths that cannot be read, and directories with nothing to read.
    pub problems: Diagnostics,
    known: BTreeSet<Utf8PathBuf>,
}

impl Files {
    /// Looks at every path: a file as what it says that it is, a directory as its files, and those of the directories
    /// in it that belong to suites.
    pub(super) fn of(paths: &[Utf8PathBuf]) -> Self {
        let mut files = Self::default();
        for path in paths {
            match path.is_dir() {
                true => files.directory(path, false),
                false => files.named(path),
            }
        }
        files
    }

    /// The documents of a kind.
    pub(super) fn documents(&self, kind: FileKind) -> &[SourceFile] {
        self.documents.get(&kind).map_or(&[], Vec::as_slice)
    }

    /// The paths of the documents of a kind.
    pub(super) fn paths(&self, kind: FileKind) -> Vec<Utf8PathBuf> {
        self.documents(kind).iter().map(|source| source.path.clone()).collect()
    }

    /// Whether there is nothing to read, not even something that cannot be read.
    pub(super) fn is_empty(&self) -> bool {
        self.documents.is_empty() && self.snapshots.is_empty() && self.problems.is_empty()
    }

    /// What is not read and why, one line for each reason; bounded.
    pub(super) fn not_checked(&self) -> Vec<String> {
        let mut by_reason: BTreeMap<&str, Vec<&Utf8PathBuf>> = BTreeMap::new();
        self.passed.iter().for_each(|(path, why)| by_reason.entry(why).or_default().push(path));
        let line = |(why, paths): (&str, Vec<&Utf8PathBuf>)| {
            let names: Vec<String> = paths.iter().take(NAMED).map(|path| one_line(path.as_str(), 120)).collect();
            let more = match paths.len() - names.len() {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            format!("not checked: {}{more} ({why})", names.join(", "))
        };
        by_reason.into_iter().map(line).collect()
    }

    fn named(&mut self, path: &Utf8Path) {
        if path.extension() == Some("snap") && path.is_file() {
            return self.snapshot(path);
        }
        let says = of_file(path);
        let is_yaml =
            path.extension().is_none_or(|end| ["yaml", "yml"].iter().any(|yaml| end.eq_ignore_ascii_case(yaml)));
        if path.is_file() && !is_yaml && !matches!(says, Says::Kind(_)) {
            return self.pass(path, NEITHER);
        }
        let mut sink = Diagnostics::new();
        for source in source::find(&[path.to_owned()], &mut sink) {
            self.add(source, &says);
        }
        self.problems.absorb(sink);
    }

    fn directory(&mut self, directory: &Utf8Path, belongs: bool) {
        let entries = directory.read_dir_utf8().into_iter().flatten().flatten();
        let mut entries: Vec<_> = entries.filter(|entry| !entry.file_name().starts_with('.')).collect();
        entries.sort_by(|a, b| a.file_name().cmp(b.file_name()));
        let mut others = belongs;
        for entry in entries {
            let path = entry.path();
            if path.is_dir() {
                match BELONGING.contains(&entry.file_name()) && !belongs {
                    true => {
                        self.directory(path, true);
                        others = true;
                    }
                    false => self.pass(path, SUB_DIRECTORY),
                }
                continue;
            }
            match path.extension().unwrap_or_default() {
                "snap" => {
                    self.snapshot(path);
                    others = true;
                }
                "new" if entry.file_name().ends_with(".snap.new") => self.pass(path, WAITING),
                end if end.eq_ignore_ascii_case("yaml") || end.eq_ignore_ascii_case("yml") => {}
                _ => self.pass(path, NEITHER),
            }
        }
        let mut sink = Diagnostics::new();
        for source in source::find(&[directory.to_owned()], &mut sink) {
            let says = of_file(&source.path);
            self.add(source, &says);
        }
        let nothing: &[&str] = if others { &[codes::NO_FILES] } else { &[] };
        self.problems.absorb(sink.without(nothing));
    }

    /// What says nothing that is known is taken for a suite, whose reader says what is wrong.
    fn add(&mut self, mut source: SourceFile, says: &Says) {
        if !self.is_new(&source.path) {
            return;
        }
        let kind = match says {
            Says::Kind(kind) => *kind,
            // A reader passes over what it found in a directory and is not its own.
            Says::Looks(kind) => {
                source.found = false;
                *kind
            }
            Says::Other(_) | Says::Nothing => FileKind::Suite,
        };
        self.documents.entry(kind).or_default().push(source);
    }

    fn snapshot(&mut self, path: &Utf8Path) {
        if self.is_new(path) {
            self.snapshots.push(path.to_owned());
        }
    }

    fn pass(&mut self, path: &Utf8Path, why: &'static str) {
        if self.is_new(path) {
            self.passed.push((path.to_owned(), why));
        }
    }

    fn is_new(&mut self, path: &Utf8Path) -> bool {
        self.known.insert(path.canonicalize_utf8().unwrap_or_else(|_| path.to_owned()))
    }
}

const NEITHER: &str = "neither YAML nor an accepted snapshot";
const SUB_DIRECTORY: &str = "a sub-directory; name it too if its files are meant";
const WAITING: &str = "waits for a decision; `muster snapshots review` shows it";

/// `3 files of images`, `1 suite`.
pub(super) fn count(number: usize, one: &str) -> String {
    format!("{number} {one}{}", plural(number))
}
