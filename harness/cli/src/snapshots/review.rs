//! `muster snapshots review`: one snapshot after the other, each decided with a key.

use std::io::{IsTerminal as _, Write as _};

use anstyle::{AnsiColor, Style};
use camino::Utf8Path;

use super::keys::{Key, Keys};
use super::waiting::{list, name};
use crate::annotations;
use crate::error::CliError;
use crate::output::say;
use crate::project;
use muster_base::exit::Exit;
use muster_facts::pending::{self, Pending, Review};

/// What was decided, counted.
#[derive(Debug, Default)]
struct Decided {
    accepted: usize,
    rejected: usize,
}

pub(super) fn execute(waiting: &[Pending], dir: &Utf8Path) -> Result<Exit, CliError> {
    if waiting.is_empty() {
        say(&format!("0 waiting in {}", project::short(dir)));
        return Ok(Exit::Pass);
    }
    // A CI server may have a terminal, and has nobody who presses a key.
    if annotations::is_ci() || !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
        list(waiting);
        return Err(CliError::invalid(format!(
            "{} waiting in {}, and there is no terminal to review them in",
            waiting.len(),
            project::short(dir)
        ))
        .hint(
            "`muster snapshots show` prints the differences; `muster snapshots accept NAME` and \
             `muster snapshots reject NAME` decide, `--all` for every one",
        ));
    }
    let mut keys = Keys::of_stdin()?;
    let mut decided = Decided::default();
    for (at, one) in waiting.iter().enumerate() {
        let review = pending::review(one)?;
        show(one, &review, at + 1, waiting.len());
        if !decide(&mut keys, one, &review, &mut decided)? {
            break;
        }
    }
    drop(keys);
    let Decided { accepted, rejected } = decided;
    say(&format!("{accepted} accepted, {rejected} rejected, {} waiting", waiting.len() - accepted - rejected));
    Ok(Exit::Pass)
}

fn show(one: &Pending, review: &Review, number: usize, of: usize) {
    let what = if one.is_new { "new" } else { "changed" };
    let bold = Style::new().bold();
    say(&format!("\n{bold}{number} of {of}: {}{bold:#} ({what})", name(one)));
    if !review.description.is_empty() {
        say(&review.description);
    }
    review.diff.lines().for_each(|line| say(&coloured(line)));
    if review.diff.is_empty() {
        say("it differs from the accepted one only in white space");
    }
}

/// A line of a diff in the colour of its mark. The text is escaped.
fn coloured(line: &str) -> String {
    let colour = match line.chars().next() {
        Some('+') => AnsiColor::Green,
        Some('-') => AnsiColor::Red,
        Some('@') => AnsiColor::Cyan,
        _ => return line.to_owned(),
    };
    let style = Style::new().fg_color(Some(colour.into()));
    format!("{style}{line}{style:#}")
}

/// Whether the review goes on.
fn decide(keys: &mut Keys, one: &Pending, review: &Review, decided: &mut Decided) -> Result<bool, CliError> {
    keys.forget();
    prompt();
    loop {
        match keys.wait() {
            Key::Char('a') => {
                pending::accept_reviewed(one, review)?;
                decided.accepted += 1;
                answer("accepted");
            }
            Key::Char('r') => {
                pending::reject(one)?;
                decided.rejected += 1;
                answer("rejected");
            }
            Key::Char('s') => answer("skipped"),
            Key::Char('q') | Key::End => {
                answer("quit");
                return Ok(false);
            }
            Key::Char(_) | Key::Other => {
                ring();
                continue;
            }
        }
        return Ok(true);
    }
}

fn prompt() {
    let (mut out, bold) = (anstream::stdout().lock(), Style::new().bold());
    let keys = ["accept", "reject", "skip", "quit"].map(|word| format!("{bold}{}{bold:#} {word}", &word[..1]));
    let _ = write!(out, "{}: ", keys.join(", "));
    let _ = out.flush();
}

/// The key means nothing here.
fn ring() {
    let mut out = anstream::stdout().lock();
    let _ = out.write_all(b"\x07").and_then(|()| out.flush());
}

fn answer(word: &str) {
    say(word);
}
