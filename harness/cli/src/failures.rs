//! `muster failures`: the table of failure ids.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::error::CliError;
use super::output::say;
use muster_base::exit::Exit;
use muster_base::failure::{Class, TABLE};
use muster_console::Rules;
use muster_console::rules::Rule;

/// Explain failure ids
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: muster failures boot.timeout")]
pub(crate) struct Arguments {
    /// Only this id, or those that begin so (`ssh`)
    id: Option<String>,
    /// Print as Markdown, for the reference page
    #[arg(long)]
    markdown: bool,
}

pub(crate) fn execute(arguments: Arguments) -> Result<Exit, CliError> {
    let wanted = arguments.id.as_deref().unwrap_or_default();
    let rows = TABLE.iter().filter(|row| row.id.starts_with(wanted));
    let mut out = String::new();
    if arguments.markdown {
        out.push_str(&markdown());
    } else {
        for row in rows {
            let _ =
                writeln!(out, "{} ({})\n    {}\n    Next: {}", row.id, class_name(row.class), row.meaning, row.next);
        }
        if !wanted.is_empty() {
            out.push_str(&console(wanted));
        }
    }
    if out.is_empty() {
        let known = muster_suite::proofs::failure_ids(&super::load::vocabulary());
        let tables = muster_check::tables();
        let name = wanted.split('.').next().unwrap_or_default();
        return match tables.iter().find(|table| table.name == name) {
            Some(table) if name == wanted || known.iter().any(|id| id == wanted) => {
                say(&format!(
                    "{wanted}: an expectation of the check type `{}` was missed.\n    {}",
                    table.name, table.summary
                ));
                Ok(Exit::Pass)
            }
            _ => {
                let rules = Rules::shipped();
                let console: Vec<String> = categories(&rules).keys().map(|name| format!("console.{name}")).collect();
                let known = known.iter().chain(&console).map(String::as_str);
                Err(super::names::unknown("failure id", wanted, known, "muster failures"))
            }
        };
    }
    say(out.trim_end());
    Ok(Exit::Pass)
}

/// The console findings whose ids begin so.
fn console(wanted: &str) -> String {
    let rules = Rules::shipped();
    let mut out = String::new();
    for (category, rules) in categories(&rules) {
        let id = format!("console.{category}");
        if !id.starts_with(wanted) {
            continue;
        }
        let _ = writeln!(out, "{id} (found on a machine's console)");
        for rule in rules {
            let _ = writeln!(out, "    {} ({}): {}", rule.id, rule.severity.name(), rule.because);
        }
        let _ = writeln!(out, "    Next: {}", next(category));
    }
    out
}

/// What to do about findings of a category.
fn next(category: &str) -> &'static str {
    match category {
        NO_BOOT => {
            "the disk did not boot this way. Try `--firmware bios` (or `uefi`), and `--bus nvme`, `sata` or `virtio-scsi`, as the \
             image expects; `muster images inspect FILE` shows its partitions."
        }
        _ => "the excerpt shows the line and what followed; console.log has the rest.",
    }
}

/// The category of what firmware and boot loaders say that find nothing to start.
const NO_BOOT: &str = "boot-loader";

fn categories(rules: &Rules) -> BTreeMap<&str, Vec<&Rule>> {
    let mut out = BTreeMap::<_, Vec<_>>::new();
    for rule in rules.all() {
        out.entry(&*rule.category).or_default().push(rule);
    }
    out
}

fn class_name(class: Class) -> &'static str {
    match class {
        Class::Fail => "failure",
        Class::Error => "error",
        Class::Skip => "skip",
    }
}

/// The reference page.
pub(crate) fn markdown() -> String {
    let mut out = String::from(
        "# Failure ids\n\n<!-- Made by `muster failures --markdown`; a test keeps it current. -->\n\n\
         Every result that is not a pass carries one of these, in JUnit's `type` and in `run.json`. Expectations have\n\
         the id `<check type>.<attribute>` (`package.version`), console findings `console.<category>`.\n\n\
         | id | counts as | what happened | what to do next |\n|---|---|---|---|\n",
    );
    for row in TABLE {
        let _ = writeln!(out, "| `{}` | {} | {} | {} |", row.id, class_name(row.class), row.meaning, row.next);
    }
    out.push_str(
        "\n## Console findings\n\nFound by the shipped [console rules](console-rules.md), of which `muster console rules` lists \
         all.\nThose of severity `warn` and `info` are warnings and notes: they fail nothing.\n\n| id | severity | rules |\n|---|---|---|\n",
    );
    for (category, rules) in categories(&Rules::shipped()) {
        let mut severities: Vec<_> = rules.iter().map(|rule| rule.severity).collect();
        severities.sort_unstable();
        severities.dedup();
        let severities: Vec<_> = severities.iter().rev().map(|severity| severity.name()).collect();
        let names: Vec<_> = rules.iter().map(|rule| format!("`{}`", rule.id)).collect();
        let _ = writeln!(out, "| `console.{category}` | {} | {} |", severities.join(", "), names.join(", "));
    }
    out
}
