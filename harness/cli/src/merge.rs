//! `muster merge`: the runs of all shards become the run that was divided.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::annotations;
use super::attempts;
use super::consumer::Formats;
use super::earlier::{self, Earlier};
use super::error::CliError;
use super::opening::run_id;
use super::output::{say, say_error};
use super::project::{Project, short};
use muster_base::exit::Exit;
use muster_base::files::FileError;
use muster_record::archive::{Carry, EvidenceOfKept};
use muster_record::durations::Durations;
use muster_record::event::Event;
use muster_record::layout::RunDir;
use muster_record::merge::{self, Input, renamed};
use muster_record::outstanding::listed;
use muster_record::run::{EarlierRun, RunRecord};
use muster_report::evidence::Base;
use muster_report::terminal::{Mode, Options, Terminal};
use muster_report::written::{self, Chosen, ReportInput};

/// Make one run of the runs of all shards
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The runs are those of `muster run --shard 1/4` to `--shard 4/4`: ids, directories or archives; of a directory of --attempts \
                  it is the newest one that has results. What they wrote becomes one directory, with the reports of the whole run, the logs of its machines, and durations.json for the next `--durations`. Runs of \
                  different images, suites, options or versions are refused, and so is a set in which a shard is missing or there twice.

Exit codes: as the whole run would have ended · 2 the runs are not the shards of one run · 3 also: a file cannot be written

Examples:
  muster merge shard-1 shard-2 shard-3 shard-4 -o whole
  muster merge *.zip -o whole --report junit,html,markdown
  muster run --shard 2/4 --durations whole           the next night"
)]
pub(crate) struct Arguments {
    /// The runs of all shards, in any order
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<String>,
    /// The directory of the whole run, which must not exist
    #[arg(long, short = 'o', value_name = "DIR")]
    out: Utf8PathBuf,
    /// Which reports it has, separated by commas; run.json is always one of them
    #[arg(long = "report", value_name = "FORMAT", value_delimiter = ',', default_value = Formats::default_names(), value_parser = Formats::parser())]
    formats: Vec<String>,
    /// An earlier run with which report.html compares it
    #[arg(long, value_name = "RUN")]
    before: Option<String>,
    /// Adds its outcomes to this file, for `muster history`
    #[arg(long, value_name = "FILE")]
    history: Option<Utf8PathBuf>,
    /// The directory from which readers resolve the attachments that reports name [default: the current directory, if it
    /// has the run]
    #[arg(long, value_name = "DIRECTORY")]
    attachments_base: Option<Utf8PathBuf>,
}

pub(crate) fn execute(arguments: &Arguments) -> Result<Exit, CliError> {
    let Arguments { out, .. } = arguments;
    if out.symlink_metadata().is_ok() {
        let what = format!("--out {out}: it is there already, and a run never writes into another");
        return Err(CliError::invalid(what).hint("name a directory that does not exist, or remove this one"));
    }
    let project = Project::find()?;
    let base = Base::of(out, arguments.attachments_base.as_deref())
        .map_err(|error| CliError::about("--attachments-base", error))?;
    let runs: Vec<Earlier> = arguments.runs.iter().map(|run| opened(&project, run)).collect::<Result<_, _>>()?;
    let before = arguments.before.as_deref().map(|typed| earlier::open(&project, "--before", typed)).transpose()?;
    let references: Vec<EarlierRun> = runs.iter().map(Earlier::reference).collect::<Result<_, _>>()?;
    let inputs: Vec<Input<'_>> =
        runs.iter().zip(&references).map(|(run, reference)| Input { record: &run.opened.record, reference }).collect();
    let record = merge::merge(&run_id(), &inputs)?;
    let chosen = Chosen::of(arguments.formats.iter().map(String::as_str), true);
    let before = before.as_ref().map(|before| &before.opened.record);
    // In a directory next to it, so that half a run is never there under its name.
    let parent = out.parent().filter(|parent| !parent.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    muster_base::files::ensure(parent)?;
    let failed = || FileError::because("write the directory", out);
    let temporary = tempfile::Builder::new().prefix(".muster-").tempdir_in(parent).map_err(failed())?;
    let root = Utf8PathBuf::from_path_buf(temporary.path().join("run"))
        .map_err(|path| CliError::invalid(format!("{}: its name is not UTF-8", path.display())))?;
    let dir = RunDir::create(&root)?;
    let left_out = carry(&runs, &dir)?;
    written::write(ReportInput { record: &record, before, dir: &dir, base: &base }, &chosen, dir.root())?;
    Durations::of_run(&record).save(&dir.root().join("durations.json"))?;
    std::fs::rename(dir.root(), out).map_err(failed())?;
    if !left_out.is_empty() {
        say_error(&format!(
            "note: not copied, as links, devices, unsafe names, or more than a run may have: {}",
            listed(&left_out)
        ));
    }
    if let Some(history) = &arguments.history {
        super::history::keep(history, &record);
    }
    for (name, path) in written::files(&chosen, out) {
        say(&format!("{name}: {}", short(&path)));
    }
    summary(&record);
    Ok(exit_of(&record))
}

/// The run that was named; of a directory of attempts, the newest that has results.
fn opened(project: &Project, typed: &str) -> Result<Earlier, CliError> {
    let dir = Utf8Path::new(typed);
    if !attempts::is_attempts(dir) {
        return earlier::open_ended(project, "RUN", typed);
    }
    attempts::ended(dir)?;
    attempts::newest(dir)?.ok_or_else(|| {
        CliError::invalid(format!("RUN {typed}: no attempt there has found anything"))
            .hint("run it again, with the same command line, and merge then")
    })
}

/// Copies the logs and the evidence of all shards; of earlier attempts what is about results that the newest has kept. The names
/// of what was left out.
fn carry(runs: &[Earlier], dir: &RunDir) -> Result<Vec<String>, CliError> {
    let mut left_out = BTreeSet::new();
    for run in runs {
        let Some(shard) = &run.opened.record.shard else { continue };
        let prefix = renamed(shard.number, "");
        left_out.extend(Carry { from: &run.opened.dir, to: dir, prefix: &prefix }.all()?);
        let record = &run.opened.record;
        let mut missing: BTreeSet<&str> = record.tests.iter().filter_map(|test| test.kept_from.as_deref()).collect();
        for (number, earlier) in attempts::kept_by(run) {
            let evidence = EvidenceOfKept::of(&earlier.opened.record, record);
            let prefix = renamed(shard.number, &format!("attempt-{number}."));
            let carry = Carry { from: &earlier.opened.dir, to: dir, prefix: &prefix };
            left_out.extend(carry.chosen(|name| evidence.has(name))?);
            missing.remove(earlier.opened.record.id.as_str());
        }
        if !missing.is_empty() {
            let runs: Vec<String> = missing.into_iter().map(str::to_owned).collect();
            say_error(&format!(
                "note: {} has kept results of {}, whose logs and evidence are not copied: that is done for attempts of one directory \
                 (`--attempts`) only; they stay where they are",
                short(&run.place),
                if runs.len() == 1 {
                    format!("the run {}", listed(&runs))
                } else {
                    format!("the runs {}", listed(&runs))
                },
            ));
        }
    }
    Ok(left_out.into_iter().collect())
}

/// What did not pass, as a run shows it, and the counts.
fn summary(record: &RunRecord) {
    let mut shown = Vec::new();
    let colour = anstream::AutoStream::choice(&std::io::stdout()) != anstream::ColorChoice::Never;
    let options = Options { colour, disarm: annotations::here().is_some(), ..Options::default() };
    let mut terminal = Terminal::new(&mut shown, Mode::Plain, options);
    for test in &record.tests {
        // Into memory, where nothing fails.
        let _ = terminal.apply(&Event::TestFinished { record: Box::new(test.clone()) });
    }
    let text = String::from_utf8_lossy(&shown);
    if !text.trim().is_empty() {
        say(text.trim_end());
    }
    say(&format!("{} shards, {}", record.merged.len(), counts(record)));
}

/// How many tests there are, and how they ended.
pub(crate) fn counts(record: &RunRecord) -> String {
    let counts: Vec<String> =
        record.totals.iter().filter(|(_, count)| **count > 0).map(|(name, count)| format!("{count} {name}")).collect();
    format!("{} tests: {}", record.tests.len(), counts.join(", "))
}

/// How the whole run would have ended; one that did not end is an error.
pub(crate) fn exit_of(record: &RunRecord) -> Exit {
    record.exit_code.and_then(Exit::of_code).unwrap_or(Exit::Error)
}
