//! What is packed of a run can be carried into the directory of another one: of machines their logs, and the evidence of tests.

use std::collections::BTreeSet;
use std::fs::OpenOptions;
use std::io::Read as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::limits::LARGEST_CONTENTS;
use super::pack::{Contents, open};
use crate::layout::{FileError, RunDir, safe_name};
use crate::run::{RunRecord, TestRecord};

/// What becomes of the files of one run in the directory of another.
#[derive(Debug, Clone, Copy)]
pub struct Carry<'c> {
    /// Where they are.
    pub from: &'c RunDir,
    /// Where they go.
    pub to: &'c RunDir,
    /// Before the name of each machine's directory, and of a file whose name is taken.
    pub prefix: &'c str,
}

impl Carry<'_> {
    /// Copies them. Gives the names of those that are left out, because they are no plain files, their names are not safe, or all
    /// together are larger than an archive may be.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn all(self) -> Result<Vec<String>, FileError> {
        self.chosen(|_| true)
    }

    /// Copies those of them whose names in the directory that they are in are chosen.
    ///
    /// # Errors
    /// A file cannot be read or written.
    pub fn chosen(self, is_chosen: impl Fn(&Utf8Path) -> bool) -> Result<Vec<String>, FileError> {
        let Contents { files, mut left_out } = Contents::of(self.from, &[])?;
        left_out.retain(|name| is_chosen(Utf8Path::new(name)));
        let mut left = LARGEST_CONTENTS;
        let wanted = |name: &&String| {
            ![RunDir::RUN_JSON, RunDir::EVENTS].contains(&name.as_str()) && is_chosen(Utf8Path::new(name))
        };
        for name in files.iter().filter(wanted) {
            let source = self.from.root().join(name);
            let bytes = source.metadata().map_or(0, |found| found.len());
            match left.checked_sub(bytes) {
                Some(rest) => left = rest,
                None => {
                    left_out.push(name.clone());
                    continue;
                }
            }
            self.one(&source, &self.place(name), bytes)?;
        }
        Ok(left_out)
    }

    /// Where a file of this name goes.
    fn place(self, name: &str) -> Utf8PathBuf {
        let machines = self.to.machines();
        let below = Utf8Path::new(name);
        let mut parts = below.components();
        let first = parts.next().map(|part| part.as_str().to_owned()).unwrap_or_default();
        if machines.file_name() == Some(&first)
            && let Some(machine) = parts.next()
        {
            return machines.join(safe_name(&format!("{}{machine}", self.prefix))).join(parts.as_path());
        }
        let place = self.to.root().join(below);
        match (place.symlink_metadata().is_ok(), place.file_name()) {
            (true, Some(file)) => place.with_file_name(safe_name(&format!("{}{file}", self.prefix))),
            _ => place,
        }
    }

    fn one(self, from: &Utf8Path, to: &Utf8Path, bytes: u64) -> Result<(), FileError> {
        to.parent().map_or(Ok(()), crate::layout::ensure)?;
        let failed = || FileError::because("write", to);
        let mut out = OpenOptions::new().write(true).create_new(true).open(to).map_err(failed())?;
        // One that grows meanwhile is carried as long as it was.
        std::io::copy(&mut open(from)?.take(bytes), &mut out).map_err(failed())?;
        Ok(())
    }
}

/// The directories of an earlier run that are about results which a later one has kept from it: those of the tests, and those
/// of the machines that they ran on. Pure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EvidenceOfKept {
    dirs: BTreeSet<Utf8PathBuf>,
}

impl EvidenceOfKept {
    /// Those of the earlier run.
    pub fn of(earlier: &RunRecord, later: &RunRecord) -> Self {
        let key = |test: &TestRecord| (test.suite.clone(), test.test.clone(), test.image.clone());
        let is_kept = |test: &&TestRecord| test.kept_from.as_deref() == Some(earlier.id.as_str());
        let kept: BTreeSet<_> = later.tests.iter().filter(is_kept).map(key).collect();
        let below = RunDir::at(Utf8Path::new(""));
        let mut dirs = BTreeSet::new();
        for test in earlier.tests.iter().filter(|test| kept.contains(&key(test))) {
            dirs.insert(below.test(&test.suite, &test.test, &test.image));
            dirs.extend(test.machine_ids().map(|machine| below.machine(machine)));
        }
        Self { dirs }
    }

    /// Whether a file is in one of them, by its name in the directory of the earlier run.
    pub fn has(&self, name: &Utf8Path) -> bool {
        name.ancestors().any(|dir| self.dirs.contains(dir))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;
    use crate::sample;

    #[test]
    fn of_an_earlier_run_only_what_is_about_kept_results_is_carried() {
        let ran = |test: &str, machine: &str| TestRecord {
            machine: Some(machine.into()),
            ..sample::test("s", test, Outcome::Fail)
        };
        let tests = vec![ran("kept", "lab-1"), ran("again", "lab-2")];
        let earlier = RunRecord { id: "r1".into(), tests, ..RunRecord::default() };
        let kept = |from: &str| TestRecord { kept_from: Some(from.into()), ..ran("kept", "lab-1").on_no_machine() };
        let of = |tests| EvidenceOfKept::of(&earlier, &RunRecord { tests, ..RunRecord::default() });
        let found = of(vec![kept("r1"), ran("again", "lab-1")]);
        let image = &earlier.tests[0].image;
        for (name, has) in [
            (format!("tests/s/kept@{image}/core.txt"), true),
            (format!("tests/s/kept@{image}/deep/er.txt"), true),
            ("machines/lab-1/console.log".to_owned(), true),
            (format!("tests/s/again@{image}/core.txt"), false),
            ("machines/lab-2/console.log".to_owned(), false),
            ("snapshots/a.snap".to_owned(), false),
        ] {
            assert_eq!(found.has(Utf8Path::new(&name)), has, "{name}");
        }
        assert_eq!(of(vec![kept("r0")]), EvidenceOfKept::default());
    }

    #[test]
    fn logs_and_evidence_are_carried_and_nothing_else_is() {
        let temporary = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(temporary.path()).unwrap();
        let (from, to) = (RunDir::create(&root.join("from")).unwrap(), RunDir::create(&root.join("to")).unwrap());
        let write = |path: &str, text: &str| {
            let path = from.root().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write("machines/lab-1/console.log", "login:");
        write("machines/lab-1/disk.qcow2", "a disk");
        write("tests/base/a@lab/core.txt", "core");
        write("run.json", "{}");
        write("report.html", "<html>");
        std::os::unix::fs::symlink("/etc/passwd", from.root().join("tests/base/a@lab/link")).unwrap();
        let carry = |prefix| Carry { from: &from, to: &to, prefix }.all().unwrap();
        assert_eq!(carry("shard-1."), ["tests/base/a@lab/link"]);
        carry("shard-2.");
        let read = |path: &str| std::fs::read_to_string(to.root().join(path)).ok();
        assert_eq!(read("machines/shard-1.lab-1/console.log").as_deref(), Some("login:"));
        assert_eq!(read("machines/shard-2.lab-1/console.log").as_deref(), Some("login:"));
        assert_eq!(read("tests/base/a@lab/core.txt").as_deref(), Some("core"));
        assert_eq!(read("tests/base/a@lab/shard-2.core.txt").as_deref(), Some("core"));
        for none in ["machines/shard-1.lab-1/disk.qcow2", "run.json", "report.html", "tests/base/a@lab/link"] {
            assert_eq!(read(none), None, "{none}");
        }
    }
}
