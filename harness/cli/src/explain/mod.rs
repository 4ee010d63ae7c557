//! `muster explain`: what a test means when everything that is written elsewhere has been put in:
//! matrix, for-each, variables, adjustments; and what it will run in the guest. Starts nothing.
//!
//! - [`system`]: what is known of an image before it boots.
//! - [`account`]: everything that can be said of one test. Pure.
//! - [`commands`] and [`steps`]: what is run in the guest. Pure.
//! - [`text`]: the account as a person reads it.

mod account;
mod commands;
mod steps;
mod system;
#[cfg(test)]
mod tests;
mod text;

use std::sync::Arc;

use camino::Utf8PathBuf;

use super::catalogue::Catalogue;
use super::error::CliError;
use super::load::{self, Selection};
use super::output::{OutputFormat, say};
use super::project::Project;
use account::Account;
use muster_base::exit::Exit;
use system::System;

/// Explain what a test means, on which systems, and every command that it runs in the guest
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  muster explain kernel/release                     what it checks, and how
  muster explain 'security/*' --image lab           as it is on one image of the catalogue")]
pub(crate) struct Arguments {
    /// Names of tests, `suite/test`, or globs
    #[arg(required = true, value_name = "GLOB")]
    tests: Vec<String>,
    /// Suite files or directories, or the name of a suite that ships [default: those that ship with muster, and ./suites]
    #[arg(long, value_name = "PATH")]
    suites: Vec<Utf8PathBuf>,
    /// An image of the catalogue: what it is known to be decides conditions; nothing is booted
    #[arg(long, value_name = "NAME")]
    image: Option<String>,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

pub(crate) fn execute(arguments: Arguments) -> Result<Exit, CliError> {
    let selection = Selection { suites: arguments.suites, test: arguments.tests, ..Selection::default() };
    let loaded = load::suites(&selection, OutputFormat::Text)?;
    let selected = load::select(&loaded, &selection)?;
    let system = arguments.image.as_deref().map_or(Ok(System::default()), catalogued)?;
    let suites: Vec<Arc<_>> = loaded.suites.into_iter().map(Arc::new).collect();
    let of_tests = selected.tests.iter().map(|index| account::of(&suites[index.suite], index.test, &system));
    let accounts: Vec<Account> = of_tests.chain(selected.health.then(|| account::of_health(&system))).collect();
    match arguments.format {
        OutputFormat::Json => {
            let text = serde_json::to_string_pretty(&accounts)
                .map_err(|cause| CliError::infrastructure(format!("the accounts cannot be written: {cause}")))?;
            say(&text);
        }
        OutputFormat::Text => {
            let texts: Vec<String> = accounts.iter().map(text::render).collect();
            say(texts.join("\n").trim_end());
        }
    }
    Ok(Exit::Pass)
}

fn catalogued(name: &str) -> Result<System, CliError> {
    let catalogue = Catalogue::load(&Project::find()?)?;
    match catalogue.get(name) {
        Some(spec) => Ok(System::of(spec).claiming(catalogue.entry(name).map_or(&[], |entry| &entry.claims))),
        None if camino::Utf8Path::new(name).exists() => {
            Err(CliError::invalid(format!("{name} is a file, of which nothing is known before it boots"))
                .hint("leave out --image, or describe the file in images/*.yaml with its `facts`"))
        }
        None => Err(catalogue.unknown(name)),
    }
}
