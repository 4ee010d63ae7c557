//! `muster boot-time import`: boots of which only what `systemd-analyze` printed is left.

use std::io::Read as _;

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::json;

use crate::error::CliError;
use crate::output::{say, say_error};
use crate::text_file;
use muster_base::exit::Exit;
use muster_base::text::one_line;
use muster_boot_time::by::By;
use muster_boot_time::sample::PhaseName;
use muster_boot_time::systemd_text::{Answer, MAX_BYTES, Startup, Target, time};

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Exit codes: 0 all were read · 2 a file is not what systemd-analyze prints · 3 a boot had not finished, or its phases \
do not add up to its total

Examples:
  muster boot-time import boots/*.txt
  ssh root@192.0.2.7 systemd-analyze | muster boot-time import -"
)]
pub(super) struct Arguments {
    /// What `systemd-analyze` or `systemd-analyze time` printed; - is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<Utf8PathBuf>,
    /// How it is printed: text or json
    #[arg(long, value_name = "FORMAT", default_value = "text", value_parser = ["text", "json"])]
    format: String,
}

pub(super) fn execute(arguments: &Arguments) -> Result<Exit, CliError> {
    let mut exit = Exit::Pass;
    let mut boots = Vec::new();
    for path in &arguments.files {
        match time(&read(path)?).map_err(|error| CliError::about(path.as_str(), error))? {
            Answer::Finished(startup) if startup.adds_up() => boots.push((path, startup)),
            Answer::Finished(_) => {
                say_error(&format!("error: {path}: its phases do not add up to its total; it is left out"));
                exit = Exit::Error;
            }
            Answer::NotFinished => {
                say_error(&format!("error: {path}: the boot had not finished when it was printed; it is left out"));
                exit = Exit::Error;
            }
        }
    }
    match arguments.format.as_str() {
        "json" => {
            let rows: Vec<_> = boots.iter().map(|(path, startup)| row(path, startup)).collect();
            say(&serde_json::to_string_pretty(&rows).map_err(|error| CliError::infrastructure(error.to_string()))?);
        }
        _ if boots.is_empty() => {}
        _ => {
            let phases = PhaseName::ALL.map(PhaseName::name);
            let mut header = vec!["FILE"];
            header.extend(phases);
            header.extend(["total", "target"]);
            let rows: Vec<Vec<String>> = boots.iter().map(|(path, startup)| line(path, startup)).collect();
            say(muster_report::list::columns(&header, &rows).trim_end());
        }
    }
    Ok(exit)
}

fn read(path: &Utf8Path) -> Result<String, CliError> {
    if path != "-" {
        return text_file::read(path);
    }
    let mut text = String::new();
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    let input = std::io::stdin().take(limit).read_to_string(&mut text);
    input.map_err(|error| CliError::invalid(format!("standard input: {error}")))?;
    Ok(text)
}

fn phase(startup: &Startup, name: PhaseName) -> Option<u64> {
    startup.phases.iter().find(|(other, _)| *other == name).map(|(_, micros)| *micros)
}

fn line(path: &Utf8Path, startup: &Startup) -> Vec<String> {
    let mut cells = vec![one_line(path.as_str(), 60)];
    cells.extend(
        PhaseName::ALL.map(|name| phase(startup, name).map_or("-".to_owned(), |micros| By::Time.short(micros))),
    );
    cells.push(By::Time.short(startup.total));
    cells.push(match &startup.target {
        Some(Target::Reached { unit, after }) => format!("{} after {}", one_line(unit, 60), By::Time.short(*after)),
        Some(Target::NeverReached { unit }) => format!("{} never", one_line(unit, 60)),
        Some(Target::Unknown) | None => "-".to_owned(),
    });
    cells
}

fn row(path: &Utf8Path, startup: &Startup) -> serde_json::Value {
    let phases: serde_json::Map<String, serde_json::Value> =
        startup.phases.iter().map(|(name, micros)| (name.name().to_owned(), (*micros).into())).collect();
    json!({"file": path, "phases-micros": phases, "total-micros": startup.total})
}
