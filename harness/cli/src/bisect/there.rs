//! Whether the images of a search are there, as files or in the catalogue.

use camino::Utf8Path;

use crate::catalogue::Catalogue;
use crate::error::CliError;
use crate::event_loop::runtime;
use crate::project::Project;
use muster_base::failure::IMAGE_MISSING;
use muster_base::fault::Fault as _;
use muster_base::text::{one_line, plural};

/// Images that an error names at most.
const NAMED: usize = 5;

/// The images of this host.
pub(super) struct Images {
    project: Project,
    catalogue: Catalogue,
}

impl Images {
    pub(super) fn load() -> Result<Self, CliError> {
        let project = Project::find()?;
        let catalogue = Catalogue::load(&project)?;
        Ok(Self { project, catalogue })
    }

    /// Whether what was typed for an image is a file, and there is none. The catalogue has each of its images, also one that is
    /// not on this host.
    pub(super) fn is_gone(&self, image: &str) -> bool {
        self.catalogue.get(image).is_none() && !Utf8Path::new(image).exists()
    }

    /// An error when an end is not on this host, or one of the images between is neither a file nor in the catalogue. The first
    /// image is the good one, the last the bad one; `between` is what was typed for the others.
    pub(super) fn check(&self, images: &[String], between: Option<&str>) -> Result<(), CliError> {
        let [good, inner @ .., bad] = images else { return Ok(()) };
        for (option, image) in [("--good", good), ("--bad", bad)] {
            if let Some(error) = self.is_missing(image)? {
                return Err(CliError { what: format!("{option} {}: {}", one_line(image, 300), error.what), ..error });
            }
        }
        let gone: Vec<&String> = inner.iter().filter(|image| self.is_gone(image)).collect();
        if gone.is_empty() {
            return Ok(());
        }
        let mut named: Vec<String> = gone.iter().take(NAMED).map(|image| one_line(image, 200)).collect();
        if let Some(more @ 1..) = gone.len().checked_sub(NAMED) {
            named.push(format!("{more} more"));
        }
        let what = format!(
            "--between {}: {} line{} name{} neither a file nor an image of the catalogue: {}",
            one_line(between.unwrap_or_default(), 200),
            gone.len(),
            plural(gone.len()),
            if gone.len() == 1 { "s" } else { "" },
            named.join(", ")
        );
        Err(CliError::invalid(what).hint(
            "paths begin in the directory of the list; correct these lines, or make comments of them with `#`: an image that vanishes later is left out",
        ))
    }

    /// Why an image is not on this host.
    fn is_missing(&self, image: &str) -> Result<Option<CliError>, CliError> {
        let Some(spec) = self.catalogue.get(image) else {
            let no_file = || {
                let error = CliError::invalid("there is no such file, and no image of that name");
                let all = "`muster images list` lists the images of the catalogue";
                error.hint(match self.catalogue.near(image) {
                    Some(near) => format!("did you mean `{near}`? {all}"),
                    None => all.to_owned(),
                })
            };
            return Ok(self.is_gone(image).then(no_file));
        };
        let looked = runtime()?.block_on(muster_image::preflight(self.project.root().as_std_path(), spec));
        // Whatever else is wrong with it is a verdict of it.
        Ok(looked.err().filter(|error| error.failure_id() == Some(IMAGE_MISSING)).map(CliError::from))
    }
}
