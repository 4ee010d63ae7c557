//! `muster boot-time history`: many measurements in the order of their time, and where they changed.

use camino::Utf8PathBuf;

use super::{files, typed};
use crate::error::CliError;
use crate::output::say;
use muster_base::exit::Exit;
use muster_boot_time::by::By;
use muster_boot_time::history::History;
use muster_boot_time::sample::Measured;
use muster_boot_time::verdict;

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 shown, also where a change was found, which stays in a history for ever · 2 invalid usage, or measurements that \
                  cannot be compared · 3 too few builds to find a change in, or no boot can be used"
)]
pub(super) struct Arguments {
    /// Directories that `muster boot-time` made, or their boot-time.json
    #[arg(value_name = "DIR|FILE", required = true)]
    measured: Vec<Utf8PathBuf>,
    /// What is compared: instructions or wall, the time on the clock [default: instructions where all of them were counted]
    #[arg(long, value_name = "MEASURE", value_parser = typed::by)]
    by: Option<By>,
    /// How large a change must be to be named
    #[arg(long, value_name = "PERCENT", default_value = "1%", value_parser = typed::percent)]
    floor: f64,
    /// How it is printed: text or json
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = ["text", "json"])]
    format: String,
    /// Write a picture of it
    #[arg(long, value_name = "FILE")]
    svg: Option<Utf8PathBuf>,
}

pub(super) fn execute(arguments: &Arguments) -> Result<Exit, CliError> {
    let measured = arguments.measured.iter().map(|path| files::load(path)).collect::<Result<Vec<Measured>, _>>()?;
    let by = arguments.by.unwrap_or_else(|| verdict::best(&measured.iter().collect::<Vec<_>>()));
    let history = History::of(measured, by, arguments.floor)?;
    if let Some(path) = &arguments.svg {
        files::write(path, &history.svg())?;
    }
    match arguments.format.as_str() {
        "json" => say(history.json()?.trim_end()),
        _ => say(history.text().trim_end()),
    }
    Ok(history.verdict().exit())
}
