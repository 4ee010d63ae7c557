//! `muster failures`: the table of failure ids.

use std::fmt::Write;

use super::{Complaint, say};
use crate::exit::Exit;
use crate::failure::{Class, TABLE};

/// Explain failure ids
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: muster failures boot.timeout")]
pub struct Arguments {
    /// Only this id, or those that begin so (`ssh`)
    id: Option<String>,
    /// Print as Markdown, for the reference page
    #[arg(long)]
    markdown: bool,
}

pub fn execute(arguments: Arguments) -> Result<Exit, Complaint> {
    let wanted = arguments.id.as_deref().unwrap_or_default();
    let rows = TABLE.iter().filter(|row| row.id.starts_with(wanted));
    let mut out = String::new();
    if arguments.markdown {
        out.push_str(&markdown());
    } else {
        for row in rows {
            let _ = writeln!(out, "{} ({})\n    {}\n    Next: {}", row.id, word(row.class), row.meaning, row.next);
        }
    }
    if out.is_empty() {
        let checks = crate::check::tables();
        let name = wanted.split('.').next().unwrap_or_default();
        return match checks.iter().find(|table| table.name == name) {
            Some(table) => {
                say(&format!(
                    "{wanted}: an expectation of the check type `{}` was missed.\n    {}",
                    table.name, table.summary
                ));
                Ok(Exit::Pass)
            }
            None => Err(Complaint::invalid(format!("no failure id begins with `{wanted}`"))
                .hint("`muster failures` lists them; ids of checks are `<check type>.<attribute>`")),
        };
    }
    say(out.trim_end());
    Ok(Exit::Pass)
}

fn word(class: Class) -> &'static str {
    match class {
        Class::Fail => "failure",
        Class::Error => "error",
        Class::Skip => "skip",
    }
}

/// The reference page.
pub fn markdown() -> String {
    let mut out = String::from(
        "# Failure ids\n\n<!-- Made by `muster failures --markdown`; a test keeps it current. -->\n\n\
         Every result that is not a pass carries one of these, in JUnit's `type` and in `run.json`. Expectations have\n\
         the id `<check type>.<attribute>` (`package.version`), console findings `console.<category>`.\n\n\
         | id | counts as | what happened | what to do next |\n|---|---|---|---|\n",
    );
    for row in TABLE {
        let _ = writeln!(out, "| `{}` | {} | {} | {} |", row.id, word(row.class), row.meaning, row.next);
    }
    out
}
