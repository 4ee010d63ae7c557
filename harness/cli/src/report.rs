//! `muster report`: the reports of a run, made again from its record, also of one whose runner crashed.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::annotations;
use super::consumer::Formats;
use super::earlier::{self, Earlier};
use super::error::CliError;
use super::output::say;
use super::project::{Project, short};
use muster_base::exit::Exit;
use muster_base::files::ensure;
use muster_record::open::Opened;
use muster_record::run::RunRecord;
use muster_report::annotations::Server;
use muster_report::evidence::Base;
use muster_report::written::{self, Chosen, ReportInput};

/// Make the reports of runs again, in any format
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A run is named by its id, its directory or archive, or `last`. One that did not end is read from its events.jsonl: \
                  what it had not reached stands as an error.

Exit codes: 0 the reports were made, whatever the run came to · 2 a run cannot be read · 3 a file cannot be written

Examples:
  muster report last --format markdown --stdout      what did not pass, for a comment
  muster report last --format ctrf,tap -o out        into another directory
  muster report runs/a runs/b --format junit-strict  each into its own directory
  muster report last --annotations github            lines that GitHub shows next to the source"
)]
pub(crate) struct Arguments {
    /// Runs: ids, directories, archives, or `last`
    #[arg(value_name = "RUN", required = true)]
    runs: Vec<String>,
    /// Which reports, separated by commas
    #[arg(long, value_name = "FORMAT", value_delimiter = ',', default_value = Formats::default_names(), value_parser = Formats::parser())]
    format: Vec<String>,
    /// The directory for the reports [default: that of the run]; of several runs, each gets one of its own in it
    #[arg(long, short = 'o', value_name = "DIR", conflicts_with = "stdout")]
    out: Option<Utf8PathBuf>,
    /// Print one report of one run instead of writing files
    #[arg(long)]
    stdout: bool,
    /// Only print what this CI server reads out of a log
    #[arg(long, value_name = "SERVER", conflicts_with_all = ["stdout", "out", "format"])]
    annotations: Option<Server>,
    /// An earlier run with which report.html compares
    #[arg(long, value_name = "RUN")]
    before: Option<String>,
    /// The directory from which readers resolve the attachments that reports name [default: the current directory, if it
    /// has the run]
    #[arg(long, value_name = "DIRECTORY")]
    attachments_base: Option<Utf8PathBuf>,
}

pub(crate) fn execute(arguments: &Arguments) -> Result<Exit, CliError> {
    let project = Project::find()?;
    // All of them are read before one report is written.
    let mut runs = Vec::new();
    for typed in &arguments.runs {
        let earlier = earlier::open(&project, "RUN", typed)?;
        if arguments.out.is_none() && !arguments.stdout && arguments.annotations.is_none() {
            earlier.writable("name a directory for the reports with -o, or print one with --stdout")?;
        }
        let opened = &earlier.opened;
        let base = match earlier.is_archive() && arguments.attachments_base.is_none() {
            true => Base::in_archive(),
            false => Base::of(opened.dir.root(), arguments.attachments_base.as_deref())
                .map_err(|error| CliError::about("--attachments-base", error))?,
        };
        runs.push((earlier, base));
    }
    let before = arguments.before.as_deref().map(|typed| earlier::open(&project, "--before", typed)).transpose()?;
    let before = before.as_ref().map(|before| &before.opened.record);
    let chosen = Chosen::of(arguments.format.iter().map(String::as_str), false);
    if let Some(server) = arguments.annotations {
        runs.iter().for_each(|(run, _)| annotations::again(server, &run.opened.record));
        return Ok(Exit::Pass);
    }
    if arguments.stdout {
        return print(&runs, &chosen, before);
    }
    let mut taken = BTreeSet::new();
    for (earlier, base) in &runs {
        let several = (runs.len() > 1).then_some(&mut taken);
        let into = into(arguments.out.as_deref(), earlier, several)?;
        written::write(input(&earlier.opened, base, before), &chosen, &into)?;
        for (name, path) in written::files(&chosen, &into) {
            say(&format!("{name}: {}", short(&path)));
        }
    }
    Ok(Exit::Pass)
}

fn input<'o>(opened: &'o Opened, base: &'o Base, before: Option<&'o RunRecord>) -> ReportInput<'o> {
    ReportInput { record: &opened.record, before, dir: &opened.dir, base }
}

fn print(runs: &[(Earlier, Base)], chosen: &Chosen, before: Option<&RunRecord>) -> Result<Exit, CliError> {
    let mut reports = chosen.reports();
    let ([(earlier, base)], Some(report), None) = (runs, reports.next(), reports.next()) else {
        return Err(CliError::invalid("--stdout prints one report of one run")
            .hint("name one run and one format: `muster report last --format markdown --stdout`"));
    };
    let text = report
        .render(input(&earlier.opened, base, before))
        .map_err(|why| written::ReportError::Render { file: report.file(), why })?;
    super::output::print(&text);
    Ok(Exit::Pass)
}

/// Where the reports of a run go. Of several runs two never share a directory: it is called as that of the run, with a
/// number behind it where another has the name.
fn into(
    out: Option<&Utf8Path>,
    earlier: &Earlier,
    taken: Option<&mut BTreeSet<String>>,
) -> Result<Utf8PathBuf, CliError> {
    let own = earlier.place.as_path();
    let own_name = if earlier.is_archive() { own.file_stem() } else { own.file_name() };
    let into = match (out, taken) {
        (None, _) => own.to_owned(),
        (Some(out), None) => out.to_owned(),
        (Some(out), Some(taken)) => {
            let name = muster_base::files::safe_name(own_name.unwrap_or(&earlier.opened.record.id));
            let numbered = (2..).map(|number| format!("{name}-{number}"));
            let free = std::iter::once(name.clone()).chain(numbered).find(|name| taken.insert(name.clone()));
            out.join(free.unwrap_or(name))
        }
    };
    ensure(&into)?;
    Ok(into)
}
