//! Which files of the run folder belong to a test that did not pass, and the end of its console.

use std::collections::BTreeSet;
use std::io::{Read as _, Seek as _, SeekFrom};

use camino::{Utf8Path, Utf8PathBuf};

use super::files::RunFolder;
use crate::run::record::TestRecord;
use crate::text;

/// Bytes of a console that a report repeats at most.
pub const TAIL_LIMIT: usize = 64 << 10;
/// Files attached to one test at most.
const ATTACHMENT_LIMIT: usize = 50;

/// What a report shows of one test beside its record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Evidence {
    /// Paths relative to the run folder; the machine's console is first.
    pub attachments: Vec<String>,
    /// The end of the console, harmless, at most [`TAIL_LIMIT`] bytes; empty when there is none.
    pub console_tail: String,
}

/// Looks evidence up in a run folder. A machine that many tests share has its console repeated with
/// the first of them only: the others attach the file.
#[derive(Debug)]
pub struct Evidences<'a> {
    folder: &'a RunFolder,
    shown: BTreeSet<String>,
}

impl<'a> Evidences<'a> {
    /// Nothing has been shown yet.
    pub fn new(folder: &'a RunFolder) -> Self {
        Self { folder, shown: BTreeSet::new() }
    }

    /// The evidence of one test. What cannot be read is left out: a report must not fail for it.
    pub fn of(&mut self, test: &TestRecord) -> Evidence {
        let mut evidence = Evidence::default();
        let mut found = Vec::new();
        if let Some(machine) = &test.machine {
            let machine_folder = self.folder.machine(machine);
            let console = machine_folder.join("console.log");
            if plain_file(&console) {
                if self.shown.insert(machine.clone()) {
                    evidence.console_tail = tail_of(&console).unwrap_or_default();
                }
                found.push(console);
            }
            found.extend(["journal.txt", "qemu.log", "qemu-command"].map(|name| machine_folder.join(name)));
        }
        found.extend(files_below(&self.folder.test(&test.suite, &test.test, &test.image)));
        evidence.attachments = found
            .iter()
            .filter(|path| plain_file(path))
            .filter_map(|path| path.strip_prefix(self.folder.root()).ok())
            .map(|path| path.to_string())
            .take(ATTACHMENT_LIMIT)
            .collect();
        evidence
    }
}

/// A regular file and no link: what a guest caused to be there must not point elsewhere.
fn plain_file(path: &Utf8Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file())
}

fn files_below(folder: &Utf8Path) -> Vec<Utf8PathBuf> {
    let Ok(entries) = folder.read_dir_utf8() else { return Vec::new() };
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
    // Making it harmless makes it longer, hence the second cut.
    Ok(text::tail(&text::harmless_bytes(&bytes), TAIL_LIMIT - 64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sample;
    use crate::run::outcome::Outcome;

    #[test]
    fn the_console_comes_first_and_is_repeated_once() {
        let dir = tempfile::tempdir().unwrap();
        let runs = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let folder = RunFolder::create(&runs, "r").unwrap();
        std::fs::create_dir_all(folder.machine("m1")).unwrap();
        std::fs::create_dir_all(folder.test("base", "a", "lab")).unwrap();
        std::fs::write(folder.machine("m1").join("console.log"), "x\x1b[31m\n".repeat(40_000)).unwrap();
        std::fs::write(folder.machine("m1").join("qemu-command"), "qemu").unwrap();
        std::fs::write(folder.test("base", "a", "lab").join("out.txt"), "o").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.test("base", "a", "lab").join("link")).unwrap();
        let mut test = sample::test("base", "a", Outcome::Fail);
        test.machine = Some("m1".into());
        let mut evidences = Evidences::new(&folder);
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
