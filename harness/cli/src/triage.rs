//! `muster triage`: what is known of the failures of a run, one packet each.

use super::earlier;
use super::error::CliError;
use super::output::{OutputFormat, say};
use super::project::{Project, short};
use muster_base::exit::Exit;
use muster_base::files::{ensure, write_atomically};
use muster_base::glob;
use muster_record::outcome::Outcome;
use muster_record::run::TestRecord;
use muster_report::triage::{self, json, markdown};

/// Write what is known of each failure of a run: class, evidence with file and line, how to run it again
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Each failure gets triage.md and triage.json in its directory below the run. Every statement cites a file and a \
                  line, nothing is guessed, and what a guest said is marked as untrusted. With --good, a run in which the test passed, the \
                  facts of the image that changed since are in it.

Exit codes: 0 packets were written · 2 the run cannot be read, or nothing failed in it · 3 a file cannot be written

Examples:
  muster triage last                                 every failure of the newest run
  muster triage last --test base/boots --stdout      one of them, to read or to paste
  muster triage last --good runs/yesterday           with what changed since"
)]
pub(crate) struct Arguments {
    /// The run: its id, its directory, its archive, or `last`
    #[arg(value_name = "RUN")]
    run: String,
    /// Only tests whose `suite/test` matches this glob
    #[arg(long, value_name = "GLOB")]
    test: Option<String>,
    /// A run in which they passed
    #[arg(long, value_name = "RUN")]
    good: Option<String>,
    /// Print the packets instead of writing them
    #[arg(long)]
    stdout: bool,
    /// How they are printed
    #[arg(long, value_enum, default_value_t, requires = "stdout")]
    format: OutputFormat,
}

pub(crate) fn execute(arguments: &Arguments) -> Result<Exit, CliError> {
    let project = Project::find()?;
    let run = earlier::open(&project, "RUN", &arguments.run)?;
    if !arguments.stdout {
        run.writable("print the packets: --stdout")?;
    }
    let run = run.opened;
    let good = arguments.good.as_deref().map(|typed| earlier::open(&project, "--good", typed)).transpose()?;
    let good = good.as_ref().map(|good| &good.opened.record);
    let wanted = |test: &&TestRecord| {
        let open = matches!(test.outcome, Outcome::Fail | Outcome::Error);
        open && arguments.test.as_ref().is_none_or(|wanted| glob::matches(wanted, &test.name()))
    };
    let failed: Vec<&TestRecord> = run.record.tests.iter().filter(wanted).collect();
    if failed.is_empty() {
        return Err(CliError::invalid("no test failed in this run, or none that --test names")
            .hint("`muster report RUN --format markdown --stdout` says what did"));
    }
    for test in failed {
        let packet = triage::packet(&run.record, &run.dir, test, good);
        let document = || serde_json::to_string_pretty(&json::document(&packet, &run.record.id)).unwrap_or_default();
        if arguments.stdout {
            match arguments.format {
                OutputFormat::Text => say(markdown(&packet).trim_end()),
                OutputFormat::Json => say(&document()),
            }
            continue;
        }
        let dir = run.dir.test(&test.suite, &test.test, &test.image);
        ensure(&dir)?;
        write_atomically(&dir.join("triage.json"), (document() + "\n").as_bytes())?;
        write_atomically(&dir.join("triage.md"), markdown(&packet).as_bytes())?;
        say(&format!("{} {}: {}", packet.class.name(), test.name(), short(&dir.join("triage.md"))));
    }
    Ok(Exit::Pass)
}
