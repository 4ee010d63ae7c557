//! What every engine has in common: the options of the run that is divided, what its shards have, and what becomes of a shard that ended.

use camino::{Utf8Path, Utf8PathBuf};

use crate::catalogue::Catalogue;
use crate::error::CliError;
use crate::load;
use crate::output::OutputFormat;
use crate::project::Project;
use crate::run::Ready;
use crate::{session, shard};
use muster_base::exit::Exit;
use muster_base::text::one_line;
use muster_engine::shard::Shard;
use muster_record::durations::Durations;

/// Reads the command line of a `muster run`, without the program's name, as this process would read its own.
pub(super) type Read<'r> = &'r dyn Fn(&[String]) -> Result<Ready, CliError>;

/// The run, and how it is divided.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct RunOptions {
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
    /// The same with one more option of the run.
    pub(super) fn with(&self, option: &str) -> Self {
        let options = std::iter::once(option.to_owned()).chain(self.options.iter().cloned()).collect();
        Self { options, ..self.clone() }
    }

    /// The durations by which it is divided.
    fn durations(&self) -> Result<Option<Durations>, CliError> {
        self.durations.as_deref().map(shard::durations).transpose()
    }
}

/// A run that can be divided.
#[derive(Debug, Clone)]
pub(super) struct Divided {
    /// How many shards there are.
    pub(super) of: u32,
    /// The command line of every shard as `muster` takes it, from `run` on, with the defaults of this process; without what
    /// differs between shards.
    pub(super) words: Vec<String>,
    /// What the slowest shard is expected to take on one machine at a time, in seconds.
    pub(super) slowest: f64,
    /// The durations by which it is divided, where they are named.
    pub(super) durations: Option<Durations>,
    /// How many tests all of them have.
    pub(super) tests: u32,
    /// Which reports the run is to have.
    pub(super) reports: Vec<String>,
    /// The history to which the merged run is added.
    pub(super) history: Option<Utf8PathBuf>,
}

/// What becomes of a shard whose run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It is merged as it is: its results say something of the image, or running it again would change nothing.
    Merge,
    /// It goes on with what has no result or ended in an error, a bounded number of times.
    GoOn,
}

/// The one table of what exit codes mean to an engine.
pub(super) fn next(exit: Exit) -> Next {
    match exit {
        Exit::Pass | Exit::Failed | Exit::Invalid | Exit::Stale => Next::Merge,
        Exit::Error => Next::GoOn,
    }
}

impl Divided {
    /// Reads the options as `muster run` would, and divides its tests. Looks at suites, at the catalogue and at the durations; at no
    /// disk file.
    pub(super) fn new(options: &RunOptions, read: Read<'_>) -> Result<Self, CliError> {
        let of = options.shards;
        if let Some(own) = OWN.into_iter().find(|own| has(&options.options, own)) {
            return Err(is_own(own));
        }
        let mut words = vec!["run".to_owned()];
        if let Some(durations) = &options.durations {
            words.push(format!("--durations={durations}"));
        }
        words.extend(options.options.iter().cloned());
        // As the first shard would be started: what clap refuses for it, it refuses for all, such as options that go on with another run.
        let shard = format!("--shard={}", Shard { number: 1, of });
        let first = [words[0].clone(), shard, "--attempts=shard-1".to_owned()];
        let whole: Vec<String> = first.into_iter().chain(words[1..].iter().cloned()).collect();
        let ready = read(&whole)?;
        let run = &ready.arguments;
        let selection = run.selected()?;
        let loaded = load::suites(&selection, OutputFormat::Text)?;
        let selected = load::select(&loaded, &selection)?;
        let images = session::image_ids(&Project::find()?, run.image_names())?;
        let durations = options.durations()?;
        let chosen = shard::Chosen::new(Shard { number: 1, of }, durations.clone().unwrap_or_default());
        let division = chosen.division(&loaded.suites, &selected.tests, &images)?;
        let read_words = ready.words.iter().skip(1).map(|word| word.to_string_lossy().into_owned());
        let of_shard = |word: &String| ["--shard=", "--attempts="].iter().any(|own| word.starts_with(own));
        let words: Vec<String> = read_words.filter(|word| !of_shard(word)).collect();
        let (reports, history) = run.reports_and_history();
        let divided =
            Self { of, words, slowest: division.slowest(), durations, tests: division.tests, reports, history };
        // Also where settings have it.
        match OWN.into_iter().find(|own| divided.has(own)) {
            Some(own) => Err(is_own(own)),
            None => Ok(divided),
        }
    }

    /// How long it is expected to take, as a line for a person; without durations that is a guess, and says so.
    pub(super) fn expectation(&self) -> String {
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
    pub(super) fn has(&self, option: &str) -> bool {
        has(&self.words, option)
    }

    /// Names the disk files of the run by absolute paths, so that every job means the same ones, and gives these paths. Relative ones
    /// begin at `here`.
    ///
    /// # Errors
    /// A file is not there.
    pub(super) fn name_files(&mut self, here: &Utf8Path) -> Result<Vec<Utf8PathBuf>, CliError> {
        let catalogue = Catalogue::load(&Project::find()?)?;
        let mut files = Vec::new();
        let mut named = |name: &str| -> Result<String, CliError> {
            if catalogue.get(name).is_some() {
                return Ok(name.to_owned());
            }
            let path = here.join(name);
            if !path.is_file() {
                let what = format!("--image {}: there is no such file", one_line(name, 300));
                return Err(CliError::invalid(what).hint("name a file that all hosts have, by the same path"));
            }
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
    pub(super) fn of_merge(&self) -> Vec<String> {
        let reports = (!self.reports.is_empty()).then(|| format!("--report={}", self.reports.join(",")));
        let history = self.history.as_ref().map(|history| format!("--history={history}"));
        reports.into_iter().chain(history).collect()
    }

    /// The words of one shard. `number` and `attempts` may be expressions of a shell or of a manifest: nothing is quoted here.
    /// `attempts` is the shard's own directory, below which each attempt has one.
    pub(super) fn words_of(&self, number: &str, attempts: &str) -> Vec<String> {
        let (run, options) = self.words.split_at(1);
        let own = [format!("--shard={number}/{}", self.of), format!("--attempts={attempts}")];
        run.iter().cloned().chain(own).chain(options.iter().cloned()).collect()
    }
}

/// What each shard has of its own.
const OWN: [&str; 3] = ["--out", "-o", "--attempts"];

fn is_own(option: &str) -> CliError {
    CliError::invalid(format!("options of `muster run`: {option} is set for each shard"))
        .hint("name the directory of all of them, before `--`")
}

/// Whether an option is among words, by its long name or by `-x`.
fn has(words: &[String], option: &str) -> bool {
    let long = |word: &str| word == option || word.strip_prefix(option).is_some_and(|rest| rest.starts_with('='));
    let short = |word: &str| option.len() == 2 && word.starts_with(option);
    words.iter().take_while(|word| *word != "--").any(|word| long(word) || short(word))
}

/// The directory of one shard below that of the submission.
pub(super) fn shard_dir(out: &Utf8Path, number: &str) -> Utf8PathBuf {
    out.join(format!("shard-{number}"))
}
