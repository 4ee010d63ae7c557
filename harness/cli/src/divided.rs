//! A run whose shards are started by something else: its options, checked before anything is started, and what its shards have.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use crate::catalogue::Catalogue;
use crate::elsewhere::Place;
use crate::error::CliError;
use crate::load::{self, Loaded, Selected};
use crate::output::{OutputFormat, say_note};
use crate::project::Project;
use crate::run::{Files, Ready};
use crate::{connect, earlier, named_durations, product, session, shard};
use muster_base::text::one_line;
use muster_engine::shard::{Division, Shard};
use muster_record::durations::Durations;

/// Reads the command line of a `muster run`, without the program's name, as this process would read its own.
pub(crate) type Read<'r> = &'r dyn Fn(&[String]) -> Result<Ready, CliError>;

/// The run, and how it is divided.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct RunOptions {
    /// How many shards, each a job
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    shards: u32,
    /// How long tests took, by which they are divided: an earlier run, or the durations.json of one [default: all tests take
    /// equally long]
    #[arg(long, value_name = "RUN|FILE")]
    durations: Option<Utf8PathBuf>,
    /// Options of `muster run`: images, suites, machines
    #[arg(last = true, value_name = "OPTIONS OF RUN", allow_hyphen_values = true)]
    options: Vec<String>,
}

impl RunOptions {
    /// The same with one more option of the run, which follows from another one of this command.
    pub(crate) fn with(&self, option: &str, instead: &str) -> Result<Self, CliError> {
        not_behind(&self.options, option.split('=').next().unwrap_or(option), EACH_SHARD, instead)?;
        let options = std::iter::once(option.to_owned()).chain(self.options.iter().cloned()).collect();
        Ok(Self { options, ..self.clone() })
    }
}

/// A run whose options, suites and files are right, as far as this host can know.
pub(crate) struct Checked {
    ready: Ready,
    loaded: Loaded,
    selected: Selected,
    /// The ids of its images.
    images: Vec<String>,
}

impl Checked {
    /// Reads what `muster run` reads before it boots: the command line, suites, known issues, products, rules, boots of before, and of
    /// disk files their first bytes. `own` are words of the command that has it run, `options` those that were typed for the run. At the
    /// programs of this host and at the images of the catalogue it does not look. Notes are printed.
    pub(crate) fn new(
        own: Vec<String>,
        options: &[String],
        place: Place<'_>,
        read: Read<'_>,
    ) -> Result<Self, CliError> {
        for (option, instead) in OWN.into_iter().chain(DIVIDES) {
            not_behind(options, option, EACH_SHARD, instead)?;
        }
        // As a shard is started: what clap refuses for it, it refuses for all, such as options that go on with another run.
        let first = ["run", "--shard=1/1", "--attempts=shard-1"].map(str::to_owned);
        let ready = read(&first.into_iter().chain(own).chain(options.iter().cloned()).collect::<Vec<_>>())?;
        let run = &ready.arguments;
        let selection = run.selected()?;
        let loaded = load::suites(&selection, OutputFormat::Text)?;
        let selected = load::select(&loaded, &selection)?;
        let project = Project::find()?;
        for suite in selected.tests.iter().map(|test| test.suite).collect::<BTreeSet<_>>() {
            place.has_suite(&project, &loaded.suites[suite].file)?;
        }
        let mut unread = Vec::new();
        let mut is_read = |option: &'static str, file: &Utf8Path| {
            let here = place.is_read(option, file)?;
            if !here {
                unread.push(format!("{option} {}", one_line(file.as_str(), 300)));
            }
            Ok(here)
        };
        let files = Files::of(run).only(&mut is_read)?;
        product::read(&files.products)?;
        let (_, mut notes) = load::known_issues(&loaded, &selection, &files.known_issues)?;
        notes.extend(load::not_meant(&loaded, &selection, &selected));
        let images = match run.connected() {
            Some((typed, options)) => vec![connect::remote(typed, options)?.name],
            None => {
                let machine = &run.images().machine;
                for (option, file) in [("--kernel", &machine.kernel), ("--initrd", &machine.initrd)] {
                    file.as_deref().map(|file| is_read(option, file)).transpose()?;
                }
                let catalogue = Catalogue::load(&project)?;
                for name in &run.images().image {
                    let entry = catalogue.entry(name);
                    entry.map_or(Ok(()), |entry| place.has_description(&project, name, &entry.location.file))?;
                }
                // How each file is read is said by each run.
                let specs =
                    session::described(&catalogue, run.images(), &mut Vec::new(), |file| is_read("--image", file))?;
                specs.into_iter().map(|spec| spec.id).collect()
            }
        };
        files.rules_and_boots(images.iter().map(String::as_str))?;
        if let Some(before) = run.before() {
            let path = Utf8Path::new(before);
            // The id of a run is no path.
            if !path.is_absolute() || is_read("--before", path)? {
                earlier::open(&project, "--before", before)?;
            }
        }
        if !unread.is_empty() {
            notes.push(format!("not on this host, so that only the jobs read it: {}", unread.join(", ")));
        }
        notes.iter().for_each(|note| say_note(note, 1000));
        let checked = Self { ready, loaded, selected, images };
        // Also where settings have it.
        OWN.into_iter().try_for_each(|(option, instead)| not_behind(&checked.words(), option, EACH_SHARD, instead))?;
        Ok(checked)
    }

    /// The tests as so many shards.
    pub(crate) fn division(&self, of: u32, durations: Option<&Durations>) -> Result<Division, CliError> {
        let chosen = shard::Chosen::new(Shard { number: 1, of }, durations.cloned().unwrap_or_default());
        chosen.division(&self.loaded.suites, &self.selected.tests, &self.images)
    }

    /// The command line of every shard, from `run` on, with the defaults of this process; without what differs between shards.
    fn words(&self) -> Vec<String> {
        let words = self.ready.words.iter().skip(1).map(|word| word.to_string_lossy().into_owned());
        let of_shard = |word: &String| ["--shard=", "--attempts="].iter().any(|own| word.starts_with(own));
        words.filter(|word| !of_shard(word)).collect()
    }
}

/// A run that can be divided.
#[derive(Debug, Clone)]
pub(crate) struct Divided {
    /// How many shards there are.
    pub(crate) of: u32,
    /// The command line of every shard as `muster` takes it, from `run` on, with the defaults of this process; without what
    /// differs between shards.
    pub(crate) words: Vec<String>,
    /// What the slowest shard is expected to take on one machine at a time, in seconds.
    pub(crate) slowest: f64,
    /// The durations by which it is divided, where they are named.
    pub(crate) durations: Option<Durations>,
    /// How many tests all of them have.
    pub(crate) tests: u32,
    /// Which reports the run is to have.
    pub(crate) reports: Vec<String>,
    /// The history to which the merged run is added.
    pub(crate) history: Option<Utf8PathBuf>,
}

impl Divided {
    /// Reads and checks the options as `muster run` would before it boots, and divides its tests. `place` is where the jobs find files.
    /// The notes of it are printed.
    pub(crate) fn new(options: &RunOptions, place: Place<'_>, read: Read<'_>) -> Result<Self, CliError> {
        let of = options.shards;
        let durations = options.durations.as_deref().map(named_durations::read).transpose()?;
        let mut own = Vec::new();
        if let Some(durations) = &durations {
            own.push(format!("--durations={}", durations.place));
        }
        let checked = Checked::new(own, &options.options, place, read)?;
        let durations = durations.map(|named| named.durations);
        let division = checked.division(of, durations.as_ref())?;
        let (reports, history) = checked.ready.arguments.reports_and_history();
        let words = checked.words();
        Ok(Self { of, words, slowest: division.slowest(), durations, tests: division.tests, reports, history })
    }

    /// How long it is expected to take, as a line for a person; without durations that is a guess, and says so.
    pub(crate) fn expectation(&self) -> String {
        let Self { tests, of, slowest, .. } = self;
        let shards = if *of == 1 { "shard" } else { "shards" };
        let guess = match self.durations {
            Some(_) => "",
            None => {
                "; that is a guess, since no durations were named (--durations with a run, or with its durations.json)"
            }
        };
        format!(
            "{tests} tests in {of} {shards}; the slowest is expected to take {slowest:.0} s on one machine at a time{guess}"
        )
    }

    /// Whether an option is among those of the run, by its long name or by `-x`.
    pub(crate) fn has(&self, option: &str) -> bool {
        has(&self.words, option)
    }

    /// Names the disk files of the run by absolute paths, so that every job means the same ones, and gives these paths. Relative ones
    /// begin at `here`.
    pub(crate) fn name_files(&mut self, here: &Utf8Path) -> Result<Vec<Utf8PathBuf>, CliError> {
        let catalogue = Catalogue::load(&Project::find()?)?;
        let mut files = Vec::new();
        let mut named = |name: &str| -> Result<String, CliError> {
            if catalogue.get(name).is_some() {
                return Ok(name.to_owned());
            }
            let path = here.join(name);
            files.push(path.clone());
            Ok(path.into_string())
        };
        let mut is_value = false;
        for word in self.words.iter_mut().take_while(|word| word.as_str() != "--") {
            if is_value {
                *word = named(word)?;
            } else if let Some(name) = word.strip_prefix("--image=") {
                *word = format!("--image={}", named(name)?);
            }
            is_value = !is_value && word.as_str() == "--image";
        }
        Ok(files)
    }

    /// The options of the merge that those of the run mean.
    pub(crate) fn of_merge(&self) -> Vec<String> {
        let reports = (!self.reports.is_empty()).then(|| format!("--report={}", self.reports.join(",")));
        let history = self.history.as_ref().map(|history| format!("--history={history}"));
        reports.into_iter().chain(history).collect()
    }

    /// The words of one shard. `number` and `attempts` may be expressions of a shell or of a manifest: nothing is quoted here.
    /// `attempts` is the shard's own directory, below which each attempt has one.
    pub(crate) fn words_of(&self, number: &str, attempts: &str) -> Vec<String> {
        let (run, options) = self.words.split_at(1);
        let own = [format!("--shard={number}/{}", self.of), format!("--attempts={attempts}")];
        run.iter().cloned().chain(own).chain(options.iter().cloned()).collect()
    }
}

/// For what a submission sets options.
const EACH_SHARD: &str = "shard, and cannot stand behind `--` as well";
/// What each shard has of its own, and what to type in place of it.
const OWN: [(&str, &str); 3] = [
    ("--out", "name the directory of all of them, before `--`"),
    ("-o", "name the directory of all of them, before `--`"),
    ("--attempts", "name the directory of all of them, before `--`"),
];
/// By what the run is divided: all shards have the same, and this command writes it.
const DIVIDES: [(&str, &str); 2] = [
    ("--shard", "leave it out: this command finds out or is given how many there are (`--shards N`)"),
    ("--durations", "write it before `--`: this command divides the tests by it, and gives it to each shard"),
];

/// An error when an option is among those behind `--` that the command sets itself, for each of what `set` names.
pub(crate) fn not_behind(options: &[String], option: &str, set: &str, instead: &str) -> Result<(), CliError> {
    if !has(options, option) {
        return Ok(());
    }
    Err(CliError::invalid(format!("options of `muster run`: {option} is set for each {set}")).hint(instead))
}

/// Whether an option is among words, by its long name or by `-x`.
fn has(words: &[String], option: &str) -> bool {
    let long = |word: &str| word == option || word.strip_prefix(option).is_some_and(|rest| rest.starts_with('='));
    let short = |word: &str| option.len() == 2 && word.starts_with(option);
    words.iter().take_while(|word| *word != "--").any(|word| long(word) || short(word))
}

/// The directory of one shard below that of the submission.
pub(crate) fn shard_dir(out: &Utf8Path, number: &str) -> Utf8PathBuf {
    out.join(format!("shard-{number}"))
}
