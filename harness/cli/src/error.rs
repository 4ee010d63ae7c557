//! Why a command ends without having done what was asked.

use super::output::say_error;
use muster_base::exit::Exit;
use muster_base::failure::{Failure, FailureId};
use muster_base::fault::Fault;
use muster_base::text::{escape, without_numbers};

/// Why a command could not do what was asked: one sentence, what to do next, and the exit code.
#[derive(Debug)]
pub struct CliError {
    /// What happened and where.
    pub what: String,
    /// What to do next.
    pub hint: Option<String>,
    /// How the command ends.
    pub exit: Exit,
    /// The id under which reports file it, where it has one.
    pub id: Option<FailureId>,
}

/// An error of another crate says itself how a command ends for it, and what to do next; where it does not, the page
/// about its failure id does.
impl<E: Fault> From<E> for CliError {
    fn from(error: E) -> Self {
        let id = error.failure_id();
        let explained = || id.as_ref().map(|id| format!("`muster failures {id}` explains it"));
        let hint = error.hint().map(Into::into).or_else(explained);
        Self { what: error.to_string(), hint, exit: error.exit(), id }
    }
}

impl CliError {
    /// Something the person who typed can fix.
    pub fn invalid(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None, exit: Exit::Invalid, id: None }
    }

    /// Something about this host.
    pub fn infrastructure(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None, exit: Exit::Error, id: None }
    }

    /// An error of another crate, behind what it is about: an option, a file.
    pub(crate) fn about(what: &str, error: impl Fault) -> Self {
        let error = Self::from(error);
        Self { what: format!("{what}: {}", error.what), ..error }
    }

    /// Diagnostics were printed already; only the exit code is left.
    pub fn reported(exit: Exit) -> Self {
        Self { what: String::new(), hint: None, exit, id: None }
    }

    /// What went wrong with a machine, as a command that is about one machine says it.
    pub(crate) fn of_machine(failure: Failure) -> Self {
        Self {
            what: failure.detail.map_or(failure.message.clone(), |detail| format!("{}\n{detail}", failure.message)),
            hint: Some(format!("`muster failures {}` explains it", failure.id)),
            exit: if is_of_image(&failure.id) { Exit::Invalid } else { Exit::Error },
            id: Some(failure.id),
        }
    }

    /// Whether an image cannot be used, so that another one may be: neither the rest of what was typed nor this host is at fault.
    pub(crate) fn is_of_image(&self) -> bool {
        self.exit == Exit::Invalid && self.id.as_ref().is_some_and(is_of_image)
    }

    /// The same, with what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Prints it.
    pub(crate) fn show(&self) {
        if !self.what.is_empty() {
            say_error(&format!("error: {}", escape(&without_numbers(&self.what))));
        }
        if let Some(hint) = &self.hint {
            say_error(&format!("  help: {}", escape(&without_numbers(hint))));
        }
    }
}

fn is_of_image(id: &FailureId) -> bool {
    id.as_str().starts_with("image.")
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use muster_base::files::FileError;
    use muster_image::ImageError;
    use muster_qemu::MachineError;

    #[test]
    fn an_error_of_another_crate_says_how_the_command_ends_and_what_to_do() {
        let path = || PathBuf::from("a.img");
        let cases: [(CliError, Exit, Option<&str>); 5] = [
            (
                ImageError::Missing { path: path() }.into(),
                Exit::Invalid,
                Some("`muster failures image.missing` explains it"),
            ),
            (
                ImageError::ToolMissing { tool: "xz".to_owned() }.into(),
                Exit::Error,
                Some("`muster failures qemu.missing` explains it"),
            ),
            (
                MachineError::Image(ImageError::Missing { path: path() }).into(),
                Exit::Error,
                Some("`muster failures image.missing` explains it"),
            ),
            (
                MachineError::Accelerator { wanted: "kvm", reason: "there is none".to_owned() }.into(),
                Exit::Error,
                Some("`muster doctor` explains what it found"),
            ),
            (FileError::because("write", "a".into())(std::io::Error::other("x")).into(), Exit::Error, None),
        ];
        let of_image: Vec<bool> = cases.iter().map(|(error, ..)| error.is_of_image()).collect();
        assert_eq!(of_image, [true, false, false, false, false]);
        assert!(CliError::about("--good", ImageError::Missing { path: path() }).is_of_image());
        assert!(!CliError::invalid("no test matches").is_of_image());
        for (error, exit, hint) in cases {
            assert_eq!((error.exit, error.hint.as_deref()), (exit, hint), "{}", error.what);
        }
        let file = FileError::because("read", "a".into())(std::io::Error::other("x"));
        assert_eq!(CliError::about("--out", file).what, "--out: cannot read a: x");
    }
}
