//! `muster archive`: a run as one file to hand around.

use camino::Utf8PathBuf;

use super::earlier;
use super::error::CliError;
use super::output::{say, say_error};
use super::project::{Project, short};
use muster_base::exit::Exit;
use muster_base::files::safe_name;
use muster_record::archive;
use muster_record::outstanding::listed;
use muster_report::written;

/// Write a run as one file to hand around
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The file is a zip: run.json, events.jsonl, the reports that the run has, console logs, evidence, and manifest.json \
                  with the SHA-256 of each. Disks, saved machines and keys are not in it. The same run gives the same bytes. Every command \
                  that takes a RUN takes the file as well.

Exit codes: 0 it was written · 2 the run cannot be read or still goes on, or the file is there · 3 a file cannot be written

Examples:
  muster archive last                                into the current directory
  muster archive runs/nightly -o nightly.zip
  muster triage nightly.zip --stdout                 on another host"
)]
pub(crate) struct Arguments {
    /// The run: its id, its directory, its archive, or `last`
    #[arg(value_name = "RUN")]
    run: String,
    /// The file, which must not exist [default: the name of the run's directory, with .zip, in the current directory]
    #[arg(long, short = 'o', value_name = "FILE")]
    out: Option<Utf8PathBuf>,
}

pub(crate) fn execute(arguments: &Arguments) -> Result<Exit, CliError> {
    let project = Project::find()?;
    let run = earlier::open(&project, "RUN", &arguments.run)?;
    if run.is_archive() {
        let what = format!("RUN {}: it is an archive already", short(&run.place));
        return Err(CliError::invalid(what).hint("name the directory of a run; `muster runs list` lists them"));
    }
    let opened = &run.opened;
    let name = opened.dir.root().file_name().unwrap_or(&opened.record.id);
    let into = arguments.out.clone().unwrap_or_else(|| format!("{}.zip", safe_name(name)).into());
    let reports: Vec<&str> = written::registry().iter().map(|report| report.file()).collect();
    let packed = archive::pack(&opened.dir, &opened.record.id, &reports, &into)?;
    if !packed.left_out.is_empty() {
        let what = "links, devices and names that are not safe are not in it";
        say_error(&format!("note: {what}: {}", listed(&packed.left_out)));
    }
    let files = format!("{} file{}", packed.files, muster_base::text::plural(packed.files));
    say(&format!("{}: {files}, {} KiB", short(&into), packed.bytes.div_ceil(1 << 10)));
    Ok(Exit::Pass)
}
