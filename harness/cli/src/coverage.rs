//! `muster coverage`: the checks of other tools, and which tests take their place.

use std::collections::BTreeSet;
use std::fmt::Write;

use camino::Utf8PathBuf;

use super::error::CliError;
use super::load::{self, Selection};
use super::output::{OutputFormat, say};
use muster_base::exit::Exit;
use muster_suite::foreign::{self, Check, List, Standing};
use muster_suite::model::Suite;

/// List which checks of other tools the suites replace, and which are missing
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples: muster coverage
          muster coverage --tool lisa
          muster coverage --format markdown >docs/coverage.md")]
pub(crate) struct Arguments {
    /// Only this tool; may be repeated
    #[arg(long = "tool", value_name = "NAME")]
    tools: Vec<String>,
    /// Directories of suites, each with its lists in the directory coverage [default: those that ship with muster, and ./suites]
    #[arg(long, value_name = "PATH")]
    suites: Vec<Utf8PathBuf>,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    #[default]
    Text,
    /// The page of the documentation
    Markdown,
    /// An object for programs (coverage/v1)
    Json,
}

pub(crate) fn execute(arguments: Arguments) -> Result<Exit, CliError> {
    let Arguments { tools, suites, format } = arguments;
    let selection = Selection { suites, ..Selection::default() };
    let suites = load::suites(&selection, OutputFormat::Text)?.suites;
    let dirs: Vec<_> = load::dirs(&selection)?.iter().map(|dir| dir.join("coverage")).collect();
    let paths: Vec<_> = dirs.iter().filter(|dir| dir.is_dir()).cloned().collect();
    if paths.is_empty() {
        let looked = dirs.iter().map(|dir| dir.as_str()).collect::<Vec<_>>().join(", ");
        let what =
            if looked.is_empty() { "no directory of suites was named".to_owned() } else { format!("no {looked}") };
        return Err(CliError::invalid(format!("there are no lists of checks of other tools: {what}"))
            .hint("`muster schema foreign-checks` says what such a list is"));
    }
    let mut lists = load::valid(foreign::load(&paths, &load::vocabulary(), &suites))?;
    for tool in &tools {
        if !lists.iter().any(|list| list.tool == *tool) {
            let known = lists.iter().map(|list| list.tool.as_str());
            return Err(super::names::unknown("list of a tool", tool, known, ""));
        }
    }
    lists.retain(|list| tools.is_empty() || tools.contains(&list.tool));
    let account = Account { lists, ours: ours(&suites) };
    match format {
        Format::Text => say(account.text().trim_end()),
        Format::Markdown => say(account.markdown().trim_end()),
        Format::Json => say(&serde_json::to_string_pretty(&account.json()).unwrap_or_default()),
    }
    Ok(Exit::Pass)
}

/// How many tests of a suite take the place of a check of some other tool.
#[derive(Debug, PartialEq, Eq)]
struct Ours {
    suite: String,
    tests: usize,
    own: usize,
}

/// Each suite's tests, a test that is repeated counted once.
fn ours(suites: &[Suite]) -> Vec<Ours> {
    let mut out: Vec<Ours> = suites
        .iter()
        .map(|suite| {
            let all: BTreeSet<&str> = suite.tests.iter().map(|test| test.base_id()).collect();
            let covering = suite.tests.iter().filter(|test| !test.covers.is_empty());
            let covering: BTreeSet<&str> = covering.map(|test| test.base_id()).collect();
            Ours { suite: suite.name.clone(), tests: all.len(), own: all.len() - covering.len() }
        })
        .collect();
    out.sort_by(|a, b| a.suite.cmp(&b.suite));
    out
}

struct Account {
    lists: Vec<List>,
    ours: Vec<Ours>,
}

/// How many checks stand so.
fn count(list: &List, standing: Standing) -> usize {
    list.checks.iter().filter(|check| check.standing() == standing).count()
}

fn gaps(list: &List) -> impl Iterator<Item = &Check> {
    list.checks.iter().filter(|check| check.standing() == Standing::Gap)
}

/// What takes the place of a check that is no gap, in words.
fn here(check: &Check, test: impl Fn(&str) -> String) -> String {
    let tests: Vec<String> = check.tests.iter().map(|name| test(name)).collect();
    match check.standing() {
        Standing::Covered => tests.join(", "),
        Standing::Partly => format!("{}; not covered: {}", tests.join(", "), check.note()),
        standing => format!("{}: {}", standing.name(), check.note()),
    }
}

impl Account {
    fn text(&self) -> String {
        let mut out = String::new();
        let width = self.lists.iter().map(|list| list.tool.len()).max().unwrap_or_default();
        for list in &self.lists {
            let parts: Vec<String> = Standing::ALL
                .iter()
                .map(|standing| format!("{} {}", count(list, *standing), standing.name()))
                .collect();
            let checks = list.checks.len();
            let _ = writeln!(out, "{:width$}  {checks} checks: {}", list.tool, parts.join(", "));
        }
        for list in self.lists.iter().filter(|list| gaps(list).next().is_some()) {
            let _ = writeln!(out, "\nGaps: {}", list.tool);
            for check in gaps(list) {
                let _ = writeln!(out, "  {}\n      {}\n      missing: {}", check.id, check.what, check.note());
            }
        }
        for list in &self.lists {
            let _ = writeln!(out, "\n{}: {}", list.tool, list.summary);
            for check in list.checks.iter().filter(|check| check.standing() != Standing::Gap) {
                let _ = writeln!(out, "  {}\n      {}", check.id, here(check, str::to_owned));
            }
        }
        let _ = writeln!(out, "\nTests that no check of another tool corresponds to");
        for row in &self.ours {
            let _ = writeln!(out, "  {}: {} of {}", row.suite, row.own, row.tests);
        }
        muster_base::text::escape(&out)
    }

    fn markdown(&self) -> String {
        let mut out = String::from(
            "# The checks of other tools, and ours\n\n\
             <!-- Made by `muster coverage --format markdown`; a test keeps it current. -->\n\n",
        );
        let words: Vec<&str> = Standing::ALL.iter().map(|standing| standing.name()).collect();
        let _ = writeln!(out, "| tool | checks | {} |\n|---|---|{}", words.join(" | "), "---|".repeat(words.len()));
        for list in &self.lists {
            let counts: Vec<String> = Standing::ALL.iter().map(|standing| count(list, *standing).to_string()).collect();
            let _ = writeln!(out, "| [{0}](#{0}) | {1} | {2} |", list.tool, list.checks.len(), counts.join(" | "));
        }
        out.push_str(
            "\nThis page shows, for users of other tools, what becomes of the checks of these tools. Each list in `suites/coverage/`\n\
             names the checks of one tool, in our own wording. A test says with `covers: [tool/check]` which checks it replaces.\n\
             A check that no test replaces says why: it is missing (a gap), something other than a test checks it, or it means\n\
             nothing outside of that tool or its cloud. A check counts as covered when tests check what it checks, on the systems\n\
             that they are for; a run reports which tests an image skips. `muster check` refuses a name that a list does not\n\
             have, a check without tests and without a reason, and a check with tests and a reason. This page is printed from\n\
             those lists and the suites; nothing on it is counted by hand.\n",
        );
        out.push_str("\n## Gaps\n");
        if self.lists.iter().all(|list| gaps(list).next().is_none()) {
            out.push_str("\nNone.\n");
        }
        for list in self.lists.iter().filter(|list| gaps(list).next().is_some()) {
            let _ = writeln!(
                out,
                "\n### Gaps of {}\n\n| check | what it checks | why it is missing |\n|---|---|---|",
                list.tool
            );
            for check in gaps(list) {
                let _ = writeln!(out, "| {} | {} | {} |", named(check), cell(&check.what), cell(check.note()));
            }
        }
        for list in &self.lists {
            let _ = writeln!(out, "\n## {}\n\n{} [Its checks]({}).", list.tool, sentence(&list.summary), list.source);
            out.push_str("\n| check | what it checks | here |\n|---|---|---|\n");
            for check in list.checks.iter().filter(|check| check.standing() != Standing::Gap) {
                let here = here(check, |name| format!("`{name}`"));
                let _ = writeln!(out, "| {} | {} | {} |", named(check), cell(&check.what), cell(&here));
            }
        }
        out.push_str(
            "\n## Tests that no check of another tool corresponds to\n\n\
             | suite | tests | replace a check | of our own |\n|---|---|---|---|\n",
        );
        for row in &self.ours {
            let _ = writeln!(out, "| `{}` | {} | {} | {} |", row.suite, row.tests, row.tests - row.own, row.own);
        }
        let sum = |of: fn(&Ours) -> usize| self.ours.iter().map(of).sum::<usize>();
        let (tests, own) = (sum(|row| row.tests), sum(|row| row.own));
        let _ = writeln!(out, "| all | {tests} | {} | {own} |", tests - own);
        out
    }

    fn json(&self) -> serde_json::Value {
        let tools: Vec<_> = self
            .lists
            .iter()
            .map(|list| {
                let totals: serde_json::Map<_, _> =
                    Standing::ALL.iter().map(|s| (s.name().replace(' ', "-"), count(list, *s).into())).collect();
                let checks: Vec<_> = list
                    .checks
                    .iter()
                    .map(|check| {
                        serde_json::json!({
                            "id": check.id,
                            "what": check.what,
                            "link": check.link,
                            "standing": check.standing().name().replace(' ', "-"),
                            "tests": check.tests,
                            "remark": (!check.note().is_empty()).then(|| check.note()),
                            "file": &*check.location.file,
                            "line": check.location.line,
                        })
                    })
                    .collect();
                serde_json::json!({
                    "tool": list.tool, "summary": list.summary, "source": list.source, "totals": totals, "checks": checks,
                })
            })
            .collect();
        let suites: Vec<_> = self
            .ours
            .iter()
            .map(|row| {
                let covering = row.tests - row.own;
                serde_json::json!({"suite": row.suite, "tests": row.tests, "covering": covering, "own": row.own})
            })
            .collect();
        serde_json::json!({"schema": "coverage/v1", "tools": tools, "suites": suites})
    }
}

/// The name of a check, with its link.
fn named(check: &Check) -> String {
    match &check.link {
        Some(link) => format!("[`{}`]({link})", check.id),
        None => format!("`{}`", check.id),
    }
}

fn cell(text: &str) -> String {
    muster_base::text::escape(text).replace('|', "\\|")
}

fn sentence(text: &str) -> String {
    let text = text.trim_end_matches('.');
    format!("{text}.")
}

#[cfg(test)]
mod tests;
