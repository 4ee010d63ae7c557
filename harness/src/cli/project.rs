//! Where the suites, images and reports of this checkout are.

use camino::{Utf8Path, Utf8PathBuf};

use super::Complaint;

/// A folder with `suites/` and `images/`: a checkout of muster, or a project laid out like one.
#[derive(Debug, Clone)]
pub struct Project {
    root: Utf8PathBuf,
}

impl Project {
    /// The project around the working directory, or `$MUSTER_ROOT`.
    pub fn find() -> Result<Self, Complaint> {
        if let Some(root) = std::env::var_os("MUSTER_ROOT") {
            let root = Utf8PathBuf::from(root.to_string_lossy().into_owned());
            if is_project(&root) {
                return Ok(Self { root });
            }
            let what = format!("MUSTER_ROOT is {root}, which has no `suites` and `images` folders");
            return Err(Complaint::invalid(what).hint("point it at a checkout of muster, or unset it"));
        }
        let here = working_directory()?;
        here.ancestors().find(|folder| is_project(folder)).map(|root| Self { root: root.to_owned() }).ok_or_else(|| {
            Complaint::invalid(format!("no `suites` and `images` folders in {here} or above it"))
                .hint("start muster inside a checkout, or set MUSTER_ROOT to one")
        })
    }

    /// The folder itself.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// The shipped suites, as a path that is short from here.
    pub fn suites(&self) -> Utf8PathBuf {
        short(&self.root.join("suites"))
    }

    /// The image descriptions.
    pub fn images(&self) -> Utf8PathBuf {
        self.root.join("images")
    }

    /// Where run folders are made.
    pub fn runs(&self) -> Utf8PathBuf {
        self.root.join("reports").join("runs")
    }
}

fn is_project(folder: &Utf8Path) -> bool {
    folder.join("suites").is_dir() && folder.join("images").is_dir()
}

/// The working directory.
pub fn working_directory() -> Result<Utf8PathBuf, Complaint> {
    let here = std::env::current_dir()
        .map_err(|cause| Complaint::invalid(format!("the working directory cannot be read: {cause}")))?;
    Utf8PathBuf::from_path_buf(here)
        .map_err(|path| Complaint::invalid(format!("the path {} is not valid UTF-8", path.to_string_lossy())))
}

/// The path relative to the working directory when it lies below, for messages a person clicks on.
pub fn short(path: &Utf8Path) -> Utf8PathBuf {
    working_directory()
        .ok()
        .and_then(|here| path.strip_prefix(here).map(Utf8Path::to_owned).ok())
        .unwrap_or(path.to_owned())
}
