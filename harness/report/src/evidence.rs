//! Which files of the run directory belong to a test that did not pass, and the end of its console.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{Read as _, Seek as _, SeekFrom};

use camino::{Utf8Path, Utf8PathBuf};

use muster_base::exit::Exit;
use muster_base::fault::Fault;
use muster_base::text;
use muster_record::layout::RunDir;
use muster_record::run::TestRecord;

/// Bytes of a console that a report repeats at most.
pub(crate) const TAIL_LIMIT: usize = 64 << 10;
/// Files attached to one test at most.
const ATTACHMENT_LIMIT: usize = 50;
/// Characters of the path of an attachment at most, in the run directory.
const LONGEST_NAME: usize = 400;

/// What a report shows of one test in addition to its record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// Paths relative to the run directory; the machine's console is first.
    pub attachments: Vec<String>,
    /// The end of the console, escaped, at most [`TAIL_LIMIT`] bytes; empty when there is none.
    pub console_tail: String,
}

/// From where reports name the files of a run directory. CI servers resolve attachments from a directory of their
/// own, and not from the one that holds `junit.xml`: Jenkins from the workspace (`workspace.child(fileName)` in the
/// junit-attachments plugin's `GetTestDataMethodObject.java`), GitLab from `$CI_PROJECT_DIR`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Base(Utf8PathBuf);

/// Why reports cannot name files from a directory.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum BaseError {
    #[error("{path}: {source}")]
    Path { path: Utf8PathBuf, source: std::io::Error },
    #[error("{path}: it has no directory that is there")]
    Nowhere { path: Utf8PathBuf },
    #[error("{base} is not a directory")]
    NoDirectory { base: Utf8PathBuf },
    #[error("the run directory {dir} is not in {base}")]
    Outside { dir: Utf8PathBuf, base: Utf8PathBuf },
}

impl Fault for BaseError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        Some("name the directory from which the CI server looks for attachments, and put --out below it".into())
    }

    fn exit(&self) -> Exit {
        Exit::Invalid
    }
}

impl Base {
    /// Paths below `base`, in which the run directory must lie. Without one, the current directory is the base when
    /// the directory lies in it; otherwise paths are absolute. The directory need not be there yet.
    ///
    /// # Errors
    /// The base is no directory, or the directory does not lie in it.
    pub fn of(dir: &Utf8Path, base: Option<&Utf8Path>) -> Result<Self, BaseError> {
        let dir = resolved(dir)?;
        let here = || base.unwrap_or(Utf8Path::new(".")).canonicalize_utf8();
        match (base, here()) {
            (Some(base), Err(source)) => Err(BaseError::Path { path: base.to_owned(), source }),
            (Some(base), Ok(real)) => match dir.strip_prefix(&real) {
                Ok(below) if real.is_dir() => Ok(Self(below.to_owned())),
                Ok(_) => Err(BaseError::NoDirectory { base: base.to_owned() }),
                Err(_) => Err(BaseError::Outside { dir, base: base.to_owned() }),
            },
            (None, Ok(real)) => Ok(Self(dir.strip_prefix(&real).map(Utf8Path::to_owned).unwrap_or(dir))),
            (None, Err(_)) => Ok(Self(dir)),
        }
    }

    /// Paths as they are in the run's directory: of a run that was read from an archive, which has them by these names.
    pub fn in_archive() -> Self {
        Self(Utf8PathBuf::new())
    }

    /// How a report names a file, given by its path in the run directory.
    pub(crate) fn name(&self, file: &str) -> String {
        self.0.join(file).into_string()
    }
}

/// The path without symbolic links and `..`; of what is not there yet, as it will be.
fn resolved(path: &Utf8Path) -> Result<Utf8PathBuf, BaseError> {
    let mut missing = Vec::new();
    let mut at = camino::absolute_utf8(path).map_err(|source| BaseError::Path { path: path.to_owned(), source })?;
    loop {
        if let Ok(mut real) = at.canonicalize_utf8() {
            real.extend(missing.iter().rev());
            return Ok(real);
        }
        // `..` behind what is not there has no name.
        match (at.file_name().map(str::to_owned), at.parent().map(Utf8Path::to_owned)) {
            (Some(name), Some(above)) => {
                missing.push(name);
                at = above;
            }
            _ => return Err(BaseError::Nowhere { path: path.to_owned() }),
        }
    }
}

/// Looks evidence up in a run directory. A machine that many tests share has its console repeated with
/// the first of them only: the others attach the file.
#[derive(Debug)]
pub(crate) struct Evidences<'a> {
    dir: &'a RunDir,
    shown: BTreeSet<String>,
}

impl<'a> Evidences<'a> {
    /// Nothing has been shown yet.
    pub(crate) fn new(dir: &'a RunDir) -> Self {
        Self { dir, shown: BTreeSet::new() }
    }

    /// The evidence of one test. What cannot be read is left out: a report must not fail for it.
    pub(crate) fn of(&mut self, test: &TestRecord) -> Evidence {
        let mut evidence = Evidence::default();
        let mut found = Vec::new();
        for (at, machine) in test.machine_ids().enumerate() {
            let machine_dir = self.dir.machine(machine);
            let console = machine_dir.join("console.log");
            if plain_file(&console) {
                // Of several machines the first one's is shown, and all are attached.
                if at == 0 && self.shown.insert(machine.to_owned()) {
                    evidence.console_tail = tail_of(&console).unwrap_or_default();
                }
                found.push(console);
            }
            found.extend(["journal.txt", "qemu.log", "qemu-command"].map(|name| machine_dir.join(name)));
        }
        found.extend(files_below(&self.dir.test(&test.suite, &test.test, &test.image)));
        evidence.attachments = found
            .iter()
            .filter(|path| plain_file(path))
            .filter_map(|path| path.strip_prefix(self.dir.root()).ok())
            .map(|path| path.to_string())
            // A name that would have to be escaped, or that ends the mark of an attachment, names no file to readers.
            .filter(|path| text::one_line(path, LONGEST_NAME) == *path && !path.contains("]]"))
            .take(ATTACHMENT_LIMIT)
            .collect();
        evidence
    }
}

/// A regular file and no link: what a guest caused to be there must not point elsewhere.
fn plain_file(path: &Utf8Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file())
}

fn files_below(dir: &Utf8Path) -> Vec<Utf8PathBuf> {
    let Ok(entries) = dir.read_dir_utf8() else { return Vec::new() };
    let mut files: Vec<_> = entries.filter_map(Result::ok).map(|entry| entry.into_path()).collect();
    files.sort();
    files
}

fn tail_of(path: &Utf8Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    let start = length.saturating_sub(TAIL_LIMIT as u64);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(TAIL_LIMIT as u64).read_to_end(&mut bytes)?;
    // Escaping makes it longer, hence the second cut.
    Ok(text::tail(&text::escape_bytes(&bytes), TAIL_LIMIT - 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_record::outcome::Outcome;
    use muster_record::sample;

    #[test]
    fn files_are_named_from_the_directory_from_which_readers_look_for_them() {
        let temporary = tempfile::tempdir().unwrap();
        let work = Utf8PathBuf::from_path_buf(temporary.path().canonicalize().unwrap()).unwrap();
        let runs = work.join("reports/runs");
        std::fs::create_dir_all(&runs).unwrap();
        std::os::unix::fs::symlink(&work, work.join("link")).unwrap();
        let name = |dir: &Utf8Path, base: &Utf8Path| match Base::of(dir, Some(base)) {
            Ok(base) => Ok(base.name("a/b")),
            Err(error) => Err(error.to_string()),
        };
        assert_eq!(name(&runs.join("r"), &work).as_deref(), Ok("reports/runs/r/a/b"));
        assert_eq!(name(&runs.join("r"), &work.join("link")).as_deref(), Ok("reports/runs/r/a/b"));
        assert_eq!(name(&work.join("link/reports/../r"), &work).as_deref(), Ok("r/a/b"));
        let outside = name(&runs.join("r"), &work.join("reports/runs")).unwrap();
        assert_eq!(outside, "r/a/b");
        let error = name(&work, &runs).unwrap_err();
        assert!(error.contains("is not in"), "{error}");
        assert!(name(&runs, &work.join("nowhere")).unwrap_err().contains("nowhere: "));
        // Without a base: absolute, unless the current directory holds the directory.
        let absolute = Base::of(&runs.join("r"), None).unwrap().name("a");
        assert_eq!(absolute, runs.join("r/a").as_str());
        let here = Utf8PathBuf::from_path_buf(std::env::current_dir().unwrap()).unwrap();
        assert_eq!(Base::of(&here.join("some/run"), None).unwrap().name("a"), "some/run/a");
    }

    #[test]
    fn the_console_comes_first_and_is_repeated_once() {
        let temporary = tempfile::tempdir().unwrap();
        let runs = Utf8PathBuf::from_path_buf(temporary.path().to_owned()).unwrap();
        let dir = RunDir::create(&runs.join("r")).unwrap();
        std::fs::create_dir_all(dir.machine("m1")).unwrap();
        std::fs::create_dir_all(dir.test("base", "a", "lab")).unwrap();
        std::fs::write(dir.machine("m1").join("console.log"), "x\x1b[31m\n".repeat(40_000)).unwrap();
        std::fs::write(dir.machine("m1").join("qemu-command"), "qemu").unwrap();
        std::fs::write(dir.test("base", "a", "lab").join("out.txt"), "o").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.test("base", "a", "lab").join("link")).unwrap();
        let mut test = sample::test("base", "a", Outcome::Fail);
        test.machine = Some("m1".into());
        let mut evidences = Evidences::new(&dir);
        let first = evidences.of(&test);
        assert_eq!(
            first.attachments,
            ["machines/m1/console.log", "machines/m1/qemu-command", "tests/base/a@lab/out.txt"]
        );
        assert!(first.console_tail.len() <= TAIL_LIMIT, "{}", first.console_tail.len());
        assert!(first.console_tail.ends_with("x\\x1b[31m\n") && !first.console_tail.contains('\x1b'));
        let second = evidences.of(&test);
        assert_eq!(second.attachments, first.attachments);
        assert_eq!(second.console_tail, "");
        test.machine = None;
        test.test = "nothing".into();
        assert_eq!(evidences.of(&test), Evidence::default());
    }
}
