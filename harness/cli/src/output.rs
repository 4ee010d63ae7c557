//! What every command prints with.

use std::borrow::Cow;
use std::io::{ErrorKind, Write};
use std::sync::OnceLock;

use super::annotations;
use muster_base::fault::Fault;

/// How a list is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum OutputFormat {
    /// For people
    #[default]
    Text,
    /// One JSON document for programs
    Json,
}

/// Why something that was said is not where stdout leads: the first error that is no closed pipe. It belongs to the process as
/// stdout does, and is looked at once, when the command ends.
static LOST: OnceLock<ErrorKind> = OnceLock::new();

/// Prints to stdout; a closed pipe (`muster list | head`) is not an error.
pub(crate) fn say(text: &str) {
    note(writeln!(anstream::stdout().lock(), "{text}"));
}

/// Prints a document to stdout as it is.
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    note(out.write_all(text.as_bytes()).and_then(|()| out.flush()));
}

fn note(printed: std::io::Result<()>) {
    if let Err(error) = printed
        && error.kind() != ErrorKind::BrokenPipe
    {
        let _ = LOST.set(error.kind());
    }
}

/// Not all that was said to stdout has arrived where that leads: a file with a part of a document, and the exit code of a whole one, would
/// be taken for it.
#[derive(Debug, thiserror::Error)]
#[error("not all of the output was written: {}", self.why())]
pub(crate) struct NotSaid(ErrorKind);

impl NotSaid {
    fn why(&self) -> String {
        match self.0 {
            ErrorKind::StorageFull => "the disk is full".to_owned(),
            other => other.to_string(),
        }
    }
}

impl Fault for NotSaid {
    fn hint(&self) -> Option<Cow<'static, str>> {
        Some("what stdout leads to is not complete; free some space and try again".into())
    }
}

/// An error when not all that was said to stdout has arrived.
pub(crate) fn all_said() -> Result<(), NotSaid> {
    note(std::io::stdout().flush());
    LOST.get().map_or(Ok(()), |kind| Err(NotSaid(*kind)))
}

/// Prints a note to stderr: one line, of so many characters at most.
pub(crate) fn say_note(text: &str, most: usize) {
    say_error(&format!("note: {}", muster_base::text::one_line(text, most)));
}

/// Prints to stderr, which CI servers read like the rest of a log.
pub(crate) fn say_error(text: &str) {
    let disarmed = annotations::here().map(|_| muster_report::annotations::disarmed(text));
    let text = disarmed.as_deref().unwrap_or(text);
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}
