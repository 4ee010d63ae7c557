//! `muster reference`: what the language has, from the tables that the decoder reads by. The pages
//! of `docs/reference/` are the same text as Markdown.

mod names;
pub(super) mod page;
mod words;

use super::error::CliError;
use super::output::say;
use muster_base::exit::Exit;

/// Explain check types, steps, keys, matchers, tags, dimensions and diagnostic codes
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples: muster reference package
          muster reference package.version
          muster reference eventually")]
pub(crate) struct Arguments {
    /// What to explain; everything that has the name is. Without it, all names are listed
    #[arg(value_name = "NAME", conflicts_with = "markdown")]
    name: Option<String>,
    /// Print a whole page as Markdown, for the documentation
    #[arg(long, value_name = "PAGE")]
    markdown: Option<Page>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Page {
    /// Every check type
    Checks,
    /// Keys, matchers, conditions and diagnostic codes
    Language,
}

pub(crate) fn execute(arguments: Arguments) -> Result<Exit, CliError> {
    let text = match (arguments.markdown, &arguments.name) {
        (Some(Page::Checks), _) => page::checks(),
        (Some(Page::Language), _) => page::language(),
        (None, None) => names::list(),
        (None, Some(name)) => names::explain(name)
            .ok_or_else(|| super::names::unknown("name of the language", name, names::all(), "muster reference"))?,
    };
    say(text.trim_end());
    Ok(Exit::Pass)
}
