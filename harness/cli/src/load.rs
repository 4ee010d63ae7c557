//! Suites from disk and the selection of tests, for every command that takes them.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::again::Again;
use super::error::CliError;
use super::names;
use super::output::{OutputFormat, say, say_error, say_note};
use super::project::{Project, short};
use super::shard::Chosen;
use super::suite_files::SentSuites;
use muster_base::exit::Exit;
use muster_engine::known::KnownIssues;
use muster_engine::prove::{self, Made};
use muster_record::facts::{CAPABILITIES, TOOLS};
use muster_record::names::{HEALTH_TEST, MACHINE_SUITE};
use muster_suite::Vocabulary;
use muster_suite::diagnostic::Diagnostics;
use muster_suite::is_id;
use muster_suite::known::KnownIssue;
use muster_suite::model::Suite;
use muster_suite::select::TestIndex;
use muster_suite::snapshot_files::{Accepted, OwnSnapshots};
use muster_suite::{known, select};

/// Which tests.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Selection {
    /// Suite files or directories, or the name of a suite that ships [default: those that ship with muster, and ./suites]
    #[arg(long, value_name = "PATH")]
    pub suites: Vec<Utf8PathBuf>,
    /// Only suites of this name; may be repeated
    #[arg(long = "suite", value_name = "NAME")]
    pub suite: Vec<String>,
    /// Only tests whose `suite/test` matches this glob; may be repeated
    #[arg(long = "test", value_name = "GLOB")]
    pub test: Vec<String>,
    /// Only tests whose tags satisfy this expression: 'tier0 and not slow'; all must hold where there are several
    #[arg(long = "tag", short = 'E', value_name = "EXPR")]
    pub tag: Vec<String>,
    /// The earlier run that this one goes on with, which decides what of the rest runs.
    #[arg(skip)]
    pub again: Option<Box<Again>>,
    /// The suites of the archive that this one goes on with, in place of `suites`.
    #[arg(skip)]
    pub sent: Option<Box<SentSuites>>,
    /// The part of the selected tests that runs, where it is not all of them.
    #[arg(skip)]
    pub shard: Option<Box<Chosen>>,
    /// Whether it accepts whatever its snapshots are, so that those that were accepted before decide on nothing.
    #[arg(skip)]
    pub accepts_snapshots: bool,
}

impl Selection {
    /// The suites as a command line names them that runs one test again.
    pub(crate) fn shown_suites(&self) -> Vec<Utf8PathBuf> {
        match &self.sent {
            Some(sent) => sent.paths.iter().map(|path| sent.kept_as(path)).collect(),
            None => self.suites.iter().map(|path| short(path)).collect(),
        }
    }
}

/// What `muster run kernel 'security/ssh*'` means: suites by their names, and tests by theirs.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Filter {
    /// A suite, or a glob of `suite/test`; several select what any of them matches
    #[arg(value_name = "FILTER")]
    filter: Vec<String>,
}

impl Filter {
    /// The selection of these words and of the options.
    pub(crate) fn add_to(&self, selection: &mut Selection) -> Result<(), CliError> {
        for word in &self.filter {
            if std::path::Path::new(word).is_file() || word.ends_with(".qcow2") || word.ends_with(".vhd") {
                let hint = match word.ends_with(".yaml") || word.ends_with(".yml") {
                    true => format!("name a file of tests as `--suites {word}`"),
                    false => format!("name an image as `--image {word}`"),
                };
                return Err(CliError::invalid(format!("`{word}` is a file, and neither a suite nor a test")).hint(hint));
            }
            selection.test.push(if word.contains('/') { word.clone() } else { format!("{word}/*") });
        }
        Ok(())
    }
}

/// Suites that are valid.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub suites: Vec<Suite>,
}

/// All that the decoder has to know of later crates.
pub(crate) fn vocabulary() -> Vocabulary<'static> {
    Vocabulary { tables: muster_check::tables(), capabilities: CAPABILITIES, tools: TOOLS }
}

/// Where suites are read from.
#[derive(Debug, Default)]
struct Places {
    paths: Vec<Utf8PathBuf>,
    /// What was typed and is the name of a suite that ships.
    names: Vec<Utf8PathBuf>,
}

impl Places {
    /// What the person named, else the suites that ship and the project's own.
    fn of(selection: &Selection) -> Result<Self, CliError> {
        if let Some(sent) = &selection.sent {
            return Ok(Self { paths: sent.paths.clone(), names: Vec::new() });
        }
        if selection.suites.is_empty() {
            return Ok(Self { paths: Project::find()?.all_suites(), names: Vec::new() });
        }
        Self::named(&selection.suites)
    }

    /// Files and directories as they were typed; the name of a suite that ships, where no path is called so, is its file.
    fn named(typed: &[Utf8PathBuf]) -> Result<Self, CliError> {
        let mut places = Self::default();
        for typed in typed {
            let file = shipped(typed)?;
            places.names.extend(file.is_some().then(|| typed.clone()));
            places.paths.push(file.unwrap_or_else(|| typed.clone()));
        }
        Ok(places)
    }
}

fn paths(selection: &Selection) -> Result<Vec<Utf8PathBuf>, CliError> {
    Places::of(selection).map(|places| places.paths)
}

/// The files and directories that were typed as those of suites.
pub(crate) fn named(typed: &[Utf8PathBuf]) -> Result<Vec<Utf8PathBuf>, CliError> {
    Places::named(typed).map(|places| places.paths)
}

/// The file of a suite that ships, where no path is called as its name is.
fn shipped(path: &Utf8Path) -> Result<Option<Utf8PathBuf>, CliError> {
    if !is_id(path.as_str()) || path.symlink_metadata().is_ok() {
        return Ok(None);
    }
    let dir = Project::find()?.suites();
    let file = dir.join(format!("{path}.yaml"));
    if file.is_file() {
        return Ok(Some(file));
    }
    let files = dir.read_dir_utf8().into_iter().flatten().flatten();
    let mut known: Vec<String> =
        files.filter_map(|entry| entry.file_name().strip_suffix(".yaml").map(str::to_owned)).collect();
    known.sort_unstable();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    match names::near(path.as_str(), &known).is_empty() {
        true => Ok(None),
        false => {
            let error = names::unknown("suite", path.as_str(), known, "muster list");
            let what =
                format!("--suites {path}: there is no such file or directory, and no suite that ships has this name");
            Err(CliError { what, ..error })
        }
    }
}

/// Decodes suites and says everything that is wrong with them, which is for the caller to tell.
pub(crate) fn decode(selection: &Selection) -> Result<(Vec<Suite>, Diagnostics), CliError> {
    read(selection, &paths(selection)?)
}

/// The accepted snapshots that suites are read with; `own` is where those of the shipped suites are a person's own.
pub(crate) fn accepted(selection: &Selection, own: Option<OwnSnapshots>) -> Accepted {
    match (selection.accepts_snapshots, own) {
        (true, _) => Accepted::Ignored,
        (false, Some(own)) => Accepted::Own(own),
        (false, None) => Accepted::NextTo,
    }
}

fn read(selection: &Selection, paths: &[Utf8PathBuf]) -> Result<(Vec<Suite>, Diagnostics), CliError> {
    let accepted = accepted(selection, Project::find()?.own_snapshots());
    Ok(match &selection.sent {
        Some(sent) => sent.load(&vocabulary(), accepted),
        None => muster_suite::load_with(paths, &vocabulary(), &accepted),
    })
}

/// Loads suites; prints every error of every file and ends the command when there is one.
pub(crate) fn suites(selection: &Selection, format: OutputFormat) -> Result<Loaded, CliError> {
    let Places { paths, names } = Places::of(selection)?;
    // Whoever meant a directory of his own is elsewhere.
    for name in names {
        say_error(&format!(
            "note: --suites {name}: no file or directory here has this name, so it is the suite that ships"
        ));
    }
    let (suites, diagnostics) = read(selection, &paths)?;
    match format {
        OutputFormat::Json => say(&serde_json::to_string_pretty(&diagnostics).unwrap_or_default()),
        OutputFormat::Text if !diagnostics.is_empty() => report(&diagnostics),
        OutputFormat::Text => {}
    }
    if !diagnostics.is_empty() {
        return Err(CliError::reported(Exit::Invalid));
    }
    accept(suites)
}

/// A line for each suite that a selection might be believed to mean and does not.
pub(crate) fn ignored(selection: &Selection) -> Vec<String> {
    paths(selection).map(|paths| muster_suite::ignored(&paths)).unwrap_or_default()
}

/// Says the same on stderr, for commands that keep no record.
pub(crate) fn report_ignored(selection: &Selection) {
    ignored(selection).iter().for_each(|line| say_note(line, 400));
}

/// Takes suites that were decoded without an error.
pub(crate) fn accept(suites: Vec<Suite>) -> Result<Loaded, CliError> {
    if let Some(suite) = suites.iter().find(|suite| suite.name == MACHINE_SUITE) {
        return Err(CliError::invalid(format!(
            "{}: the suite name `{MACHINE_SUITE}` is taken by muster itself",
            suite.file
        )));
    }
    muster_suite::condition::unfamiliar(&suites).iter().for_each(|line| say_error(&format!("note: {line}")));
    Ok(Loaded { suites })
}

/// The directories among what suites come from, in which known issues may lie next to them. A suite that is
/// named by its file stands alone.
pub(crate) fn dirs(selection: &Selection) -> Result<Vec<Utf8PathBuf>, CliError> {
    Ok(paths(selection)?.into_iter().filter(|path| path.is_dir()).collect())
}

/// The day by which known issues are over or not.
pub(crate) fn today() -> jiff::civil::Date {
    jiff::Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date()
}

/// The known issues of the directories of suites and of these files, and what is to be said of entries
/// that are over or soon will be. Prints every error and ends the command when there is one.
pub(crate) fn known_issues(
    loaded: &Loaded,
    selection: &Selection,
    files: &[Utf8PathBuf],
) -> Result<(KnownIssues, Vec<String>), CliError> {
    // A file that lies in one of the directories is read as one that a person named.
    let paths: Vec<_> = files.iter().cloned().chain(dirs(selection)?).collect();
    let today = today();
    let issues = valid(known::load(&paths, &vocabulary(), &loaded.suites, today))?;
    let mut warnings = known::warnings(&issues, today);
    let lies_in = |issue: &KnownIssue, dir: &Utf8Path| Utf8Path::new(&*issue.location.file).starts_with(dir);
    let none_in = |dir: &&Utf8PathBuf| dir.is_dir() && !issues.iter().any(|issue| lies_in(issue, dir));
    let empty = files.iter().filter(none_in);
    warnings.extend(empty.map(|dir| format!("--known-issues {dir}: no file of this directory has known issues")));
    warnings.extend(ignored(selection));
    Ok((KnownIssues::new(issues, today), warnings))
}

/// The changed tests for the proofs of all selected tests. A test with neither a proof nor a reason
/// ends the command.
pub(crate) fn proofs(
    loaded: &Loaded,
    selection: &Selection,
    selected: &BTreeSet<TestIndex>,
    paths: &[Utf8PathBuf],
) -> Result<Made, CliError> {
    let paths = match (paths.is_empty(), selection.suites.is_empty()) {
        (false, _) => paths.to_vec(),
        (true, true) => Project::find()?.proofs(),
        (true, false) => {
            named(&selection.suites)?.iter().map(|path| proofs_of(path)).filter(|path| path.exists()).collect()
        }
    };
    let proofs = valid(muster_suite::proofs::load(&paths, &vocabulary(), &loaded.suites))?;
    let made = prove::make(&loaded.suites, selected, &proofs);
    if made.missing.is_empty() {
        return Ok(made);
    }
    let names: Vec<String> = made.missing.iter().map(|(suite, test)| format!("{suite}/{test}")).collect();
    let what =
        format!("{} tests have neither a proof nor a reason why there is none: {}", names.len(), names.join(", "));
    Err(CliError::invalid(muster_base::text::one_line(&what, 2000))
        .hint("write them in the directory `proofs` next to the suites, or name them with --proofs; `muster schema proofs` has their form"))
}

/// Where the proofs of suites that a person named lie: of a directory those in its `proofs`, of a file the one of its name
/// in the `proofs` next to it.
fn proofs_of(suites: &Utf8Path) -> Utf8PathBuf {
    match (suites.is_dir(), suites.file_name()) {
        (false, Some(name)) => suites.parent().unwrap_or(Utf8Path::new("")).join("proofs").join(name),
        _ => suites.join("proofs"),
    }
}

/// What was decoded, when nothing is wrong with it; otherwise every error is printed and the command ends.
pub(crate) fn valid<T>((decoded, diagnostics): (T, Diagnostics)) -> Result<T, CliError> {
    if diagnostics.is_empty() {
        return Ok(decoded);
    }
    report(&diagnostics);
    Err(CliError::reported(Exit::Invalid))
}

/// Prints diagnostics to stderr, in colour where it is wanted.
pub(crate) fn report(diagnostics: &Diagnostics) {
    let colour = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    say_error(diagnostics.render(colour).trim_end());
}

fn unknown_suite(name: &str, suites: &[Suite]) -> CliError {
    let is_image = |project: Project| {
        let (entries, _) = muster_suite::images::load(&project.images(), &vocabulary());
        entries.iter().any(|entry| entry.id == name)
    };
    if Project::find().is_ok_and(is_image) {
        let what = format!("there is no suite called `{name}`: it is an image of the catalogue");
        return CliError::invalid(what).hint(format!("name an image as `--image {name}`"));
    }
    names::unknown("suite", name, suites.iter().map(|suite| suite.name.as_str()), "")
}

/// What a command line selects.
#[derive(Debug, Default)]
pub(crate) struct Selected {
    /// Tests of suites, in their order.
    pub(crate) tests: BTreeSet<TestIndex>,
    /// Whether the machine's own test, `machine/health`, is selected by its name.
    pub(crate) health: bool,
}

impl Selected {
    /// How many tests it is.
    pub(crate) fn len(&self) -> usize {
        self.tests.len() + usize::from(self.health)
    }
}

/// The selected tests. Selecting nothing is an error.
pub(crate) fn select(loaded: &Loaded, selection: &Selection) -> Result<Selected, CliError> {
    // That suites of the earlier run are missing is the cause of whatever cannot be found.
    let is_here = |name: &str, _: &_| loaded.suites.iter().any(|suite| suite.name == name);
    let lacking = || selection.again.as_ref().and_then(|again| again.lacks(is_here));
    select_of(loaded, selection).map_err(|error| lacking().unwrap_or(error))
}

fn select_of(loaded: &Loaded, selection: &Selection) -> Result<Selected, CliError> {
    let suites = &loaded.suites;
    for name in &selection.suite {
        if !suites.iter().any(|suite| suite.name == *name) {
            return Err(unknown_suite(name, suites));
        }
    }
    let wanted = wanted(selection)?;
    let again = |suite: &str, test: &str| selection.again.as_ref().is_none_or(|again| again.may_run(suite, test));
    let health = match &selection.again {
        Some(again) => again.wants_health(None),
        None => wanted.names.iter().any(|glob| glob.matches(MACHINE_SUITE, HEALTH_TEST)),
    };
    if let Some(glob) = wanted.unmatched(suites).into_iter().find(|glob| !glob.matches(MACHINE_SUITE, HEALTH_TEST)) {
        // All of a suite that is not there: its name is misspelt.
        if let Some(name) = glob.as_str().strip_suffix("/*").filter(|name| !name.contains(['*', '?', '/'])) {
            return Err(unknown_suite(name, suites));
        }
        let cli_error = CliError::invalid(format!("no test matches `{}`", glob.as_str()));
        return Err(cli_error.hint(match glob.suggestion(suites) {
            Some(near) => format!("did you mean `{near}`? `muster list` names them all"),
            None => "`muster list` names them all".to_owned(),
        }));
    }
    let mut selected = Selected { health, ..Selected::default() };
    for (s, suite) in suites.iter().enumerate() {
        if selection.suite.is_empty() || selection.suite.contains(&suite.name) {
            let tests = suite
                .tests
                .iter()
                .enumerate()
                .filter(|(_, test)| wanted.selects(suite, test) && again(&suite.name, &test.id));
            selected.tests.extend(tests.map(|(t, _)| TestIndex { suite: s, test: t }));
        }
    }
    if selected.len() == 0 {
        if selection.again.is_some() {
            let what =
                "--failed: none of the tests that did not pass is there any more, or the other options leave it out";
            return Err(CliError::invalid(what).hint("name the same suites as that run: `--suites PATH`"));
        }
        let hint = match wanted.unknown_tags(suites).into_iter().next() {
            Some((tag, Some(near))) => format!("no test has the tag `{tag}`; did you mean `{near}`?"),
            Some((tag, None)) => format!("no test has the tag `{tag}`; `muster list` shows what there is"),
            None => "`muster list` shows what there is".to_owned(),
        };
        return Err(CliError::invalid("the selection selects no test").hint(hint));
    }
    Ok(selected)
}

/// A line for each tag that is named and that no test has. Where it only widens or narrows a selection of other tests
/// it is no error: a pipeline for many projects may leave out tags that one of them does not have.
pub(crate) fn unknown_tags(loaded: &Loaded, selection: &Selection) -> Vec<String> {
    let Ok(wanted) = wanted(selection) else { return Vec::new() };
    let unknown = wanted.unknown_tags(&loaded.suites).into_iter();
    let lines = unknown.map(|(tag, near)| match near {
        Some(near) => format!("no test has the tag `{tag}`; did you mean `{near}`?"),
        None => format!("no test has the tag `{tag}`"),
    });
    lines.collect()
}

/// The same and, of the tests of an earlier run, those that are not among the selected ones.
pub(crate) fn not_meant(loaded: &Loaded, selection: &Selection, selected: &Selected) -> Vec<String> {
    let mut lines = unknown_tags(loaded, selection);
    if let Some(again) = &selection.again {
        let name = |index: &TestIndex| {
            let (suite, test) = index.of(&loaded.suites);
            format!("{}/{}", suite.name, test.id)
        };
        // Every run looks at the machines.
        let health = format!("{MACHINE_SUITE}/{HEALTH_TEST}");
        lines.extend(again.left_out(&selected.tests.iter().map(name).chain([health]).collect()));
    }
    lines
}

fn wanted(selection: &Selection) -> Result<select::Selection, CliError> {
    let mut wanted = select::Selection::default();
    for text in &selection.tag {
        let cli_error = |why: select::SelectError| {
            CliError::invalid(format!("--tag '{text}': {why}")).hint("for example: --tag 'tier0 and not slow'")
        };
        wanted.tags.push(select::TagExpression::parse(text).map_err(cli_error)?);
    }
    for text in &selection.test {
        let cli_error = |why: select::SelectError| {
            CliError::invalid(format!("--test '{text}': {why}")).hint("for example: --test 'kernel/*'")
        };
        wanted.names.push(select::NameGlob::parse(text).map_err(cli_error)?);
    }
    Ok(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_test_has_a_proof_or_a_reason() {
        let dir = camino::Utf8Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../suites"));
        let (suites, problems) = muster_suite::load(&[dir.to_owned()], &vocabulary());
        assert!(problems.is_empty(), "{}", problems.render(false));
        let (proofs, problems) = muster_suite::proofs::load(&[dir.join("proofs")], &vocabulary(), &suites);
        assert!(problems.is_empty(), "{}", problems.render(false));

        let all = suites.iter().enumerate().flat_map(|(at, suite)| TestIndex::all_of(at, &suite.tests)).collect();
        let made = prove::make(&suites, &all, &proofs);
        assert!(made.missing.is_empty(), "give these a proof or a reason in suites/proofs: {:?}", made.missing);
    }
}
