//! `muster doctor`: what this host offers, and the command that fixes what is missing.

use super::error::CliError;
use super::output::{OutputFormat, say};
use super::project::Project;
use super::settings::{self, Surroundings};
use muster_base::exit::Exit;
use muster_base::text::one_line;
use muster_qemu::doctor::{self, HostCheck, HostState};

/// Show what this host offers and how to install what is missing
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: muster doctor --format json")]
pub(crate) struct Arguments {
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

/// `program` is the whole command line, of which settings are made.
pub(crate) fn execute(arguments: Arguments, program: &clap::Command) -> Result<Exit, CliError> {
    // Outside a checkout there is no lab recipe; everything else can still be looked at.
    let root = Project::find().map(|project| project.root().to_owned()).unwrap_or_else(|_| ".".into());
    let mut findings = super::event_loop::runtime()?.block_on(doctor::examine(root.as_std_path()));
    findings.extend(of_settings(program, &Surroundings::of_process()));
    let missing = findings.iter().any(|finding| finding.state == HostState::Missing);
    if arguments.format == OutputFormat::Json {
        let rows: Vec<_> = findings
            .iter()
            .map(|f| serde_json::json!({"what": f.what, "state": f.state, "detail": f.detail, "fix": f.fix}))
            .collect();
        say(&serde_json::to_string_pretty(&rows).unwrap_or_default());
    } else {
        for finding in &findings {
            say(&format!("{:8}  {}: {}", state_name(finding.state), finding.what, finding.detail));
            if let Some(fix) = &finding.fix {
                say(&format!("          fix: {fix}"));
            }
        }
    }
    Ok(if missing { Exit::Error } else { Exit::Pass })
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
