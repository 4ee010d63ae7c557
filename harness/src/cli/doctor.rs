//! `muster doctor`: what this host offers, and the command that mends what is missing.

use super::project::Project;
use super::{Complaint, OutputFormat, say};
use crate::exit::Exit;
use crate::machine::doctor::{self, State};

/// Show what this host offers and how to install what is missing
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: muster doctor --format json")]
pub struct Arguments {
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

pub fn execute(arguments: Arguments) -> Result<Exit, Complaint> {
    // Outside a checkout there is no lab recipe; everything else can still be looked at.
    let root = Project::find().map(|project| project.root().to_owned()).unwrap_or_else(|_| ".".into());
    let findings = super::images::runtime()?.block_on(doctor::examine(root.as_std_path()));
    let missing = findings.iter().any(|finding| finding.state == State::Missing);
    if arguments.format == OutputFormat::Json {
        let rows: Vec<_> = findings
            .iter()
            .map(|f| serde_json::json!({"what": f.what, "state": f.state, "detail": f.detail, "fix": f.mend}))
            .collect();
        say(&serde_json::to_string_pretty(&rows).unwrap_or_default());
    } else {
        for finding in &findings {
            say(&format!("{:8}  {}: {}", word(finding.state), finding.what, finding.detail));
            if let Some(fix) = &finding.mend {
                say(&format!("          fix: {fix}"));
            }
        }
    }
    Ok(if missing { Exit::Error } else { Exit::Pass })
}

fn word(state: State) -> &'static str {
    match state {
        State::Ok => "ok",
        State::Degraded => "degraded",
        State::Missing => "missing",
    }
}
