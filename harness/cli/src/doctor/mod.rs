//! `muster doctor`: what this host offers, and the command that fixes what is missing.

mod disk;
mod expected;
mod runner;

use super::error::CliError;
use super::output::{OutputFormat, say};
use super::project::Project;
use super::settings::{self, Surroundings};
use muster_base::exit::Exit;
use muster_base::text::one_line;
use muster_qemu::AccelRequest;
use muster_qemu::doctor::{self, HostCheck, HostState};

/// Show what this host offers and how to install what is missing
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 machines can start here · 3 something is missing without which none starts

Examples:
  muster doctor --format json
  muster doctor --ci               boot something, and say how long the suites will take: three minutes at most, no image needed")]
pub(crate) struct Arguments {
    /// Boot a machine that needs no image, and say how fast this host is and how long the shipped suites will take
    #[arg(long)]
    ci: bool,
    /// What --ci boots with: auto, kvm (an error where that does not work) or tcg
    #[arg(long, value_name = "KIND", default_value = "auto", requires = "ci")]
    accel: AccelRequest,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

/// `program` is the whole command line, of which settings are made.
pub(crate) fn execute(arguments: Arguments, program: &clap::Command) -> Result<Exit, CliError> {
    if arguments.ci {
        return of_runner(&arguments, program);
    }
    // Outside a checkout there is no lab recipe; everything else can still be looked at.
    let root = Project::find().map(|project| project.root().to_owned()).unwrap_or_else(|_| ".".into());
    let mut findings = super::event_loop::runtime()?.block_on(doctor::examine(root.as_std_path()));
    findings.extend(of_settings(program, &Surroundings::of_process()));
    let missing = findings.iter().any(|finding| finding.state == HostState::Missing);
    match arguments.format {
        OutputFormat::Json => say(&serde_json::to_string_pretty(&rows(&findings)).unwrap_or_default()),
        OutputFormat::Text => print(&findings),
    }
    Ok(if missing { Exit::Error } else { Exit::Pass })
}

/// `--ci`: the answer of a boot.
fn of_runner(arguments: &Arguments, program: &clap::Command) -> Result<Exit, CliError> {
    let project = Project::find().ok();
    let examined = super::event_loop::runtime()?.block_on(runner::examine(arguments.accel, project.as_ref()));
    let mut findings = examined.findings;
    // No other command runs with a settings file that is wrong.
    findings.extend(of_settings(program, &Surroundings::of_process()));
    let missing = findings.iter().any(|finding| finding.state == HostState::Missing);
    let can = examined.runner.can_boot && !missing;
    match arguments.format {
        OutputFormat::Json => {
            let mut document = serde_json::to_value(&examined.runner).unwrap_or_default();
            document["can-boot"] = can.into();
            document["findings"] = rows(&findings);
            say(&serde_json::to_string_pretty(&document).unwrap_or_default());
        }
        OutputFormat::Text => {
            print(&findings);
            say(match (can, examined.runner.accelerator) {
                (true, Some("kvm")) => "This runner boots machines, with KVM.",
                (true, _) => "This runner boots machines, emulated.",
                (false, _) => "This runner boots no machines.",
            });
        }
    }
    Ok(if can { Exit::Pass } else { Exit::Error })
}

fn rows(findings: &[HostCheck]) -> serde_json::Value {
    let row = |f: &HostCheck| serde_json::json!({"what": f.what, "state": f.state, "detail": f.detail, "fix": f.fix});
    findings.iter().map(row).collect()
}

fn print(findings: &[HostCheck]) {
    for finding in findings {
        say(&format!("{:8}  {}: {}", state_name(finding.state), finding.what, finding.detail));
        if let Some(fix) = &finding.fix {
            say(&format!("          fix: {fix}"));
        }
    }
}

/// Which settings file and which variables apply, and what is wrong with the file.
fn of_settings(program: &clap::Command, from: &Surroundings) -> Vec<HostCheck> {
    let (file, variables, wrong) = settings::describe(program, from);
    let finding = |what, state, detail: String| HostCheck { what, state, detail: one_line(&detail, 1000), fix: None };
    let mut out = match &file {
        None => vec![finding("settings file", HostState::Ok, format!("none: no {}", settings::NAME))],
        Some(path) if wrong.is_empty() => vec![finding("settings file", HostState::Ok, path.to_string())],
        // No other command runs with it.
        Some(_) => wrong.into_iter().map(|why| finding("settings file", HostState::Missing, why)).collect(),
    };
    let names = if variables.is_empty() { "none".to_owned() } else { variables.join(", ") };
    out.push(finding("settings variables", HostState::Ok, names));
    out
}

fn state_name(state: HostState) -> &'static str {
    match state {
        HostState::Ok => "ok",
        HostState::Degraded => "degraded",
        HostState::Missing => "missing",
    }
}
