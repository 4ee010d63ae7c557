//! Which directory of snapshots a person means.

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::CliError;
use crate::project::Project;

/// Where snapshots are accepted, and the suites that they are of.
pub(super) struct Place {
    pub dir: Utf8PathBuf,
    /// Files and directories.
    pub suites: Vec<Utf8PathBuf>,
}

impl Place {
    /// The directory that was named, else that of the project.
    pub(super) fn find(dir: Option<Utf8PathBuf>) -> Result<Self, CliError> {
        match dir {
            // One that a person names is there; without one there is nothing yet.
            Some(dir) if !dir.is_dir() => {
                Err(CliError::invalid(format!("--directory {dir}: there is no such directory")))
            }
            Some(dir) => {
                let next_to = dir.parent().filter(|parent| !parent.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
                Ok(Self { suites: vec![next_to.to_owned()], dir })
            }
            None => {
                let project = Project::find()?;
                let suites = project.all_suites();
                let dir = project
                    .own_snapshots()
                    .map(|own| own.directory)
                    .unwrap_or_else(|| project.suites().join("snapshots"));
                Ok(Self { dir, suites })
            }
        }
    }
}
