//! Why a command ends without having done what was asked.

use super::output::say_error;
use muster_base::exit::Exit;

/// Why a command could not do what was asked: one sentence, what to do next, and the exit code.
#[derive(Debug)]
pub struct CliError {
    /// What happened and where.
    pub what: String,
    /// What to do next.
    pub hint: Option<String>,
    /// How the command ends.
    pub exit: Exit,
}

impl CliError {
    /// Something the person who typed can fix.
    pub fn invalid(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None, exit: Exit::Invalid }
    }

    /// Something about this host.
    pub fn infrastructure(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None, exit: Exit::Error }
    }

    /// Diagnostics were printed already; only the exit code is left.
    pub fn reported(exit: Exit) -> Self {
        Self { what: String::new(), hint: None, exit }
    }

    /// The same, with what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Prints it.
    pub(crate) fn show(&self) {
        if !self.what.is_empty() {
            say_error(&format!("error: {}", muster_base::text::escape(&self.what)));
        }
        if let Some(hint) = &self.hint {
            say_error(&format!("  help: {}", muster_base::text::escape(hint)));
        }
    }
}
