//! What every command prints with.

use super::annotations;

/// How a list is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum OutputFormat {
    /// For people
    #[default]
    Text,
    /// One JSON document for programs
    Json,
}

/// Prints to stdout; a closed pipe (`muster list | head`) is not an error.
pub(crate) fn say(text: &str) {
    use std::io::Write;
    let _ = writeln!(anstream::stdout().lock(), "{text}");
}

/// Prints to stderr, which CI servers read like the rest of a log.
pub(crate) fn say_error(text: &str) {
    use std::io::Write;
    let disarmed = annotations::here().map(|_| muster_report::annotations::disarmed(text));
    let text = disarmed.as_deref().unwrap_or(text);
    let _ = writeln!(anstream::stderr().lock(), "{text}");
}
