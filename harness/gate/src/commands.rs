//! Command lines that run tests again: those of the runs, with their options and files and for the same entries, so that they work where
//! the runs were started.

use std::collections::{BTreeMap, BTreeSet};

use muster_base::text::shell_word;
use muster_record::names::{MACHINE_SUITE, PREFIX};
use muster_record::run::TestRecord;

use crate::decision::{Decision, Requirement, RequirementKind};
use crate::inputs::RunInput;
use crate::profile::{Profile, suite_of};

/// Tests that one command line names at most.
const NAMED: usize = 20;
/// Where a file is to be named that nobody knows.
const FILE: &str = "FILE";

/// The command lines of the runs of a decision.
#[derive(Debug)]
pub(crate) struct Commands<'r> {
    /// One for each run that has one, the newest first.
    lines: Vec<Line<'r>>,
}

/// The command line of a run, taken apart.
#[derive(Debug, Clone, Default)]
struct Line<'r> {
    /// The run's id.
    run: &'r str,
    /// Everything but images and tests.
    options: Vec<String>,
    /// What names each entry of the image.
    images: BTreeMap<&'r str, String>,
    /// The suites that the run had.
    suites: BTreeSet<&'r str>,
}

/// Tests that one command runs.
#[derive(Debug)]
pub(crate) struct Batch<'d> {
    /// The requirements that it is about.
    pub(crate) requirements: Vec<&'d Requirement>,
    /// The command.
    pub(crate) command: String,
    /// A suite that no run had: where it is nobody knows.
    pub(crate) unknown_suite: Option<String>,
}

impl<'r> Commands<'r> {
    pub(crate) fn new(decision: &Decision, runs: &'r [RunInput]) -> Self {
        let sha256 = decision.subject.sha256.as_deref().unwrap_or_default();
        let newest = decision.runs.iter().rev();
        let lines = newest.filter_map(|used| {
            let run = runs.iter().find(|run| run.record.id == used.id)?;
            Line::of(run, sha256)
        });
        Self { lines: lines.collect() }
    }

    /// The commands that run these requirements' tests again.
    pub(crate) fn batches<'d>(&self, decision: &Decision, requirements: &[&'d Requirement]) -> Vec<Batch<'d>> {
        if let [one] = requirements
            && suite_of(&one.name) != MACHINE_SUITE
            && let Some(evidence) = one.evidence.iter().rev().find(|evidence| taken_apart(&evidence.rerun).is_some())
        {
            let command = evidence.rerun.clone();
            return vec![Batch { requirements: vec![*one], command, unknown_suite: None }];
        }
        // Of one run and one combination each.
        let mut groups: BTreeMap<(usize, &BTreeMap<String, String>), Vec<&'d Requirement>> = BTreeMap::new();
        for requirement in requirements {
            let at = match suite_of(&requirement.name) {
                MACHINE_SUITE => 0,
                suite => self.lines.iter().position(|line| line.suites.contains(suite)).unwrap_or(usize::MAX),
            };
            groups.entry((at, &requirement.cell)).or_default().push(requirement);
        }
        let batch = |((at, cell), requirements): ((usize, &BTreeMap<String, String>), Vec<&'d Requirement>)| {
            let known = self.lines.get(at).cloned();
            let is_known = known.is_some() || self.lines.is_empty();
            let line = known.unwrap_or_else(|| {
                let newest = self.lines.first().cloned().unwrap_or_default();
                Line { options: without(newest.options, "--suites"), ..newest }
            });
            let health = requirements.iter().any(|one| suite_of(&one.name) == MACHINE_SUITE);
            let tests = match health || requirements.len() > NAMED {
                true => {
                    let own: BTreeSet<&str> = match health {
                        true => required_suites(decision).filter(|suite| line.has(suite)).collect(),
                        false => requirements.iter().map(|one| suite_of(&one.name)).collect(),
                    };
                    suite_words(own)
                }
                false => requirements.iter().flat_map(|one| ["--test".to_owned(), one.name.clone()]).collect(),
            };
            let unknown_suite =
                requirements.first().filter(|_| !is_known).map(|requirement| suite_of(&requirement.name).to_owned());
            Batch { command: line.command(cell, tests), requirements, unknown_suite }
        };
        groups.into_iter().map(batch).collect()
    }

    /// The command that runs the required tests again: as the run with this id did, else as the newest.
    pub(crate) fn again(&self, decision: &Decision, run: Option<&str>, cell: &BTreeMap<String, String>) -> String {
        let of = |id: &str| self.lines.iter().find(|line| line.run == id);
        let line = run.and_then(of).or(self.lines.first()).cloned().unwrap_or_default();
        line.command(cell, line.own_suites(decision))
    }

    /// The same on a file of the image, where the machines were up before.
    pub(crate) fn on_a_file(&self, decision: &Decision) -> String {
        let mut line = self.lines.first().cloned().unwrap_or_default();
        let suites = line.own_suites(decision);
        for option in ["--connect", "--allow-changes", "--identity", "--host-key", "--name", "--accept-new-host-key"] {
            line.options = without(line.options, option);
        }
        if line.images.is_empty() {
            line.images.insert("", FILE.to_owned());
        }
        line.command(&BTreeMap::new(), suites)
    }

    /// The commands that lock the suites of a profile again, and compare.
    pub(crate) fn lock(&self, profile: &Profile, file: &str) -> String {
        let mut paths: Vec<&String> = Vec::new();
        let has = |line: &&Line<'_>| profile.suites.keys().any(|suite| line.suites.contains(suite.as_str()));
        for line in self.lines.iter().filter(has) {
            let pairs = line.options.windows(2);
            let named = pairs.filter(|pair| pair[0] == "--suites").map(|pair| &pair[1]);
            for path in named {
                if !paths.contains(&path) {
                    paths.push(path);
                }
            }
        }
        let later = "later.lock.json";
        let words = ["muster", "profile", "lock"].map(str::to_owned).into_iter();
        let paths = paths.into_iter().flat_map(|path| ["--suites".to_owned(), path.clone()]);
        let suites = suite_words(profile.suites.keys().map(String::as_str));
        let lock = written(words.chain(paths).chain(suites).chain(["-o".to_owned(), later.to_owned()]));
        let diff = written(["muster", "profile", "diff", file, later].map(str::to_owned).into_iter());
        format!("{lock} && {diff}")
    }
}

/// Suites as words of a command line.
fn suite_words<'s>(suites: impl IntoIterator<Item = &'s str>) -> Vec<String> {
    suites.into_iter().flat_map(|suite| ["--suite".to_owned(), suite.to_owned()]).collect()
}

impl<'r> Line<'r> {
    fn of(run: &'r RunInput, sha256: &str) -> Option<Self> {
        let record = &run.record;
        let about_it = |test: &&TestRecord| {
            let image = record.images.get(&test.image).map(|image| image.sha256.as_str());
            image == Some(sha256) && !test.suite.starts_with(PREFIX)
        };
        // One that was kept has the command line of the run that found it.
        let mut tests: Vec<&TestRecord> = record.tests.iter().filter(about_it).collect();
        tests.sort_by_key(|test| test.kept_from.is_some());
        let mut line: Option<Self> = None;
        for test in tests {
            let Some((options, image)) = taken_apart(&test.rerun) else { continue };
            let suites = record.suites.keys().map(String::as_str).collect();
            let line = line.get_or_insert_with(|| Self { run: &record.id, options, images: BTreeMap::new(), suites });
            if let Some(image) = image {
                line.images.entry(&test.image).or_insert(image);
            }
        }
        line
    }

    /// Whether the run had a suite; one of which nothing is known may have had each.
    fn has(&self, suite: &str) -> bool {
        self.suites.is_empty() || self.suites.contains(suite)
    }

    /// The required suites that it had, all of them where it had none.
    fn own_suites(&self, decision: &Decision) -> Vec<String> {
        let has: BTreeSet<&str> = required_suites(decision).filter(|suite| self.has(suite)).collect();
        suite_words(if has.is_empty() { required_suites(decision).collect() } else { has })
    }

    /// For these tests, in a combination of a policy's matrix.
    fn command(&self, cell: &BTreeMap<String, String>, tests: Vec<String>) -> String {
        let mut options = self.options.clone();
        let machine = [("accelerator", "--accel"), ("firmware", "--firmware"), ("arch", "--arch")];
        for (dimension, option) in machine {
            if let Some(value) = cell.get(dimension) {
                options = without(options, option);
                options.extend([option.to_owned(), value.clone()]);
            }
        }
        let images: Vec<String> = match cell.get("image") {
            Some(entry) => vec![self.images.get(entry.as_str()).unwrap_or(entry).clone()],
            None => self.images.values().cloned().collect(),
        };
        let connected = options.iter().any(|word| word == "--connect");
        let images = if images.is_empty() && !connected { vec![FILE.to_owned()] } else { images };
        let images = images.into_iter().flat_map(|image| ["--image".to_owned(), image]);
        let words = ["muster", "run"].map(str::to_owned).into_iter();
        written(words.chain(options).chain(images).chain(tests))
    }
}

/// The suites of required tests.
fn required_suites(decision: &Decision) -> impl Iterator<Item = &str> {
    let tests = decision.requirements.iter().filter(|requirement| requirement.kind == RequirementKind::Test);
    tests.map(|requirement| suite_of(&requirement.name)).filter(|suite| *suite != MACHINE_SUITE)
}

fn written(words: impl Iterator<Item = String>) -> String {
    words.map(|word| shell_word(&word)).collect::<Vec<_>>().join(" ")
}

/// The words without an option and its value.
fn without(words: Vec<String>, option: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        if word == option {
            words.next_if(|value| !value.starts_with("--"));
        } else if word.strip_prefix(option).is_none_or(|rest| !rest.starts_with('=')) {
            out.push(word);
        }
    }
    out
}

/// The options and the image in the command line of one test, `muster run OPTIONS --image NAME --test SUITE/TEST`, as a run writes it.
fn taken_apart(rerun: &str) -> Option<(Vec<String>, Option<String>)> {
    let words = words(rerun)?;
    let [muster, run, options @ .., test, _] = words.as_slice() else { return None };
    if (muster.as_str(), run.as_str(), test.as_str()) != ("muster", "run", "--test") {
        return None;
    }
    Some(match options {
        [options @ .., image, name] if image == "--image" => (options.to_vec(), Some(name.clone())),
        options => (options.to_vec(), None),
    })
}

/// What `shell_word` has quoted, and nothing else that a shell understands: a record that says something else is not repeated.
fn words(text: &str) -> Option<Vec<String>> {
    let (mut out, mut word) = (Vec::new(), None::<String>);
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        match c {
            ' ' => out.extend(word.take()),
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match rest.next()? {
                        '\'' => break,
                        c => word.push(c),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(rest.next().filter(|c| *c == '\'')?),
            c if shell_word(&c.to_string()).starts_with('\'') => return None,
            c => word.get_or_insert_default().push(c),
        }
    }
    out.extend(word);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_quoted_is_read_and_what_a_shell_would_run_is_not() {
        for word in ["lab", "a b.qcow2", "it's", "", "--x=1", "$(reboot)"] {
            assert_eq!(words(&shell_word(word)), Some(vec![word.to_owned()]), "{word}");
        }
        for text in ["a; reboot", "$(reboot)", "a `b`", "a > b", "'open", "a \\n", "muster run … --te…"] {
            assert_eq!(words(text), None, "{text}");
        }
    }

    #[test]
    fn a_command_line_is_taken_apart() {
        let (options, image) =
            taken_apart("muster run --suites 'my suites' --product a.rpm --image 'a b.qcow2' --test s/a").unwrap();
        assert_eq!(options, ["--suites", "my suites", "--product", "a.rpm"]);
        assert_eq!(image.as_deref(), Some("a b.qcow2"));
        let connected = taken_apart("muster run --connect me@host --test s/a").unwrap();
        assert_eq!(connected, (vec!["--connect".to_owned(), "me@host".to_owned()], None));
        for other in ["rm -rf x --test a", "muster run --image lab", "muster run", ""] {
            assert_eq!(taken_apart(other), None, "{other}");
        }
        let options = ["--accel", "tcg", "--suites=x", "--tpm"].map(str::to_owned).to_vec();
        assert_eq!(without(without(options, "--accel"), "--suites"), ["--tpm"]);
    }
}
