//! Which files of a run that has its jobs elsewhere are read here, before any job waits for its turn.

use camino::{Utf8Component, Utf8Path};

use super::error::CliError;
use super::project::{Project, working_directory};
use muster_base::text::one_line;

/// Where the jobs find files.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'p> {
    /// By the same paths as this host.
    Shared,
    /// In a container, which has nothing of this host's directories. What is below the path is on a volume, where one is mounted.
    Container {
        /// Where the volume is mounted.
        volume: Option<&'p Utf8Path>,
    },
    /// In a checkout like this one. What is built or measured may get there later, by another job.
    Checkout,
}

/// Options whose files a build or a measurement makes.
const MADE: [&str; 5] = ["--image", "--kernel", "--initrd", "--product", "--boot-baseline"];

impl Place<'_> {
    /// That the jobs have the suite of this file: it ships, or they have the file.
    ///
    /// # Errors
    /// No job has it. Those in a container would select other tests in silence.
    pub(crate) fn has_suite(self, project: &Project, file: &str) -> Result<(), CliError> {
        match self {
            Self::Container { .. } if !ships(project, file)? => self.is_read("--suites", file.into()).map(drop),
            _ => Ok(()),
        }
    }

    /// That the jobs have the description of an image of the catalogue, which stands in this file.
    ///
    /// # Errors
    /// They have not: of a container only what ships is in its catalogue.
    pub(crate) fn has_description(self, project: &Project, image: &str, file: &str) -> Result<(), CliError> {
        match self {
            Self::Container { .. } if !ships(project, file)? => {
                let (image, file) = (one_line(image, 120), one_line(file, 300));
                let what = format!("--image {image}: {file} describes it, which pods do not have");
                Err(CliError::invalid(what).hint(
                    "name the disk file on the volume, with the options that the description stands for: `--image /images/my.qcow2 --user NAME`",
                ))
            }
            _ => Ok(()),
        }
    }

    /// Whether the file of this option is read here. `false`: only the jobs have it.
    ///
    /// # Errors
    /// No job has it.
    pub(crate) fn is_read(self, option: &str, file: &Utf8Path) -> Result<bool, CliError> {
        let wrong = |why: &str| CliError::invalid(format!("{option} {}: {why}", one_line(file.as_str(), 300)));
        let is_here = file.exists();
        match self {
            Self::Container { volume: Some(volume) } if is_below(file, volume) => Ok(is_here),
            Self::Container { volume: None } if !file.is_absolute() => Err(wrong("pods do not have it by this path")
                .hint("put it on a volume, name that with --images-claim, and name the file as /images/…")),
            Self::Container { volume: Some(volume) } if !file.is_absolute() => {
                let hint = format!("put it on the volume that pods have as {volume}, and name it by its path there");
                Err(wrong("pods do not have it by this path").hint(hint))
            }
            Self::Checkout if MADE.contains(&option) => Ok(is_here),
            _ if is_here => Ok(true),
            Self::Shared => Err(wrong("there is no such file").hint("name a file that all hosts have, by the same path")),
            Self::Checkout => Err(wrong("there is no such file").hint("name a file of the project, which every job has")),
            Self::Container { .. } => Err(wrong("there is no such file").hint(
                "name one below /images, where --images-claim or --images-path has it; one that the container image has must be here by \
                 the same path",
            )),
        }
    }
}

/// Whether a file is one of those that come with muster.
fn ships(project: &Project, file: &str) -> Result<bool, CliError> {
    let here = working_directory()?;
    Ok(here.join(file).starts_with(here.join(project.root())))
}

fn is_below(file: &Utf8Path, dir: &Utf8Path) -> bool {
    file.starts_with(dir) && !file.components().any(|part| part == Utf8Component::ParentDir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_where_it_is_and_one_that_no_job_has_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let here = Utf8Path::from_path(dir.path()).unwrap();
        let there = here.join("there.yaml");
        std::fs::write(&there, "").unwrap();
        let none = here.join("none.yaml");
        let container = |volume| Place::Container { volume };
        let read = |place: Place<'_>, option: &str, file: &Utf8Path| place.is_read(option, file).ok();
        for place in [Place::Shared, container(None), container(Some("/images".into())), Place::Checkout] {
            assert_eq!(read(place, "--known-issues", &there), Some(true), "{place:?}");
            assert_eq!(read(place, "--known-issues", &none), None, "{place:?}");
        }
        assert_eq!(read(Place::Checkout, "--product", &none), Some(false), "another job may build it");
        let volume = container(Some(here));
        assert_eq!((read(volume, "--product", &none), read(volume, "--product", &there)), (Some(false), Some(true)));
        assert_eq!(read(volume, "--product", &here.join("../none.rpm")), None, "that is not on the volume");
        for place in [container(None), volume] {
            assert_eq!(read(place, "--product", "Cargo.toml".into()), None, "{place:?}: a pod has other directories");
        }
        assert_eq!(read(Place::Shared, "--product", "Cargo.toml".into()), Some(true));
    }
}
