//! Where the shipped suites and images are, where a project of one's own has its own, and where runs are written.

use camino::{Utf8Path, Utf8PathBuf};

use super::error::CliError;
use super::shipped;
use muster_suite::snapshot_files::OwnSnapshots;

/// The shipped suites and images, and those of the project that muster was started in. The first of these has the shipped
/// ones: `$MUSTER_ROOT`, a checkout of muster around the working directory, `share/muster` next to the program's directory,
/// and the program itself.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    root: Utf8PathBuf,
    origin: Origin,
    own: Option<Utf8PathBuf>,
}

/// Where the shipped suites and images come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// A checkout, or what `MUSTER_ROOT` names: runs and accepted snapshots are written there.
    Checkout,
    /// An installation: nothing is written there.
    Installed,
}

impl Project {
    /// The project of the working directory.
    pub(crate) fn find() -> Result<Self, CliError> {
        let here = working_directory()?;
        if let Some(root) = std::env::var_os("MUSTER_ROOT").filter(|root| !root.is_empty()) {
            let root = Utf8PathBuf::from(root.to_string_lossy().into_owned());
            if !has_both(&root) {
                let what = format!("MUSTER_ROOT is {root}, which has no directories `suites` and `images`");
                return Err(CliError::invalid(what).hint("set it to a checkout of muster, or unset it"));
            }
            return Ok(Self::of(root, Origin::Checkout, &here));
        }
        if let Some(root) = here.ancestors().find(|directory| is_checkout(directory)) {
            return Ok(Self::of(root.to_owned(), Origin::Checkout, &here));
        }
        let root = match share() {
            Some(share) => share,
            None => shipped::unpacked()?,
        };
        Ok(Self::of(root, Origin::Installed, &here))
    }

    fn of(root: Utf8PathBuf, origin: Origin, here: &Utf8Path) -> Self {
        let own = here.ancestors().find(|directory| is_own(directory, &root)).map(Utf8Path::to_owned);
        Self { root, origin, own }
    }

    /// That of a directory, with a program that is installed with these suites and images.
    #[cfg(test)]
    pub(crate) fn installed(root: &Utf8Path, here: &Utf8Path) -> Self {
        Self::of(root.to_owned(), Origin::Installed, here)
    }

    /// The directory of the shipped suites and images.
    pub(crate) fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// The shipped suites, as a path that is short from here.
    pub(crate) fn suites(&self) -> Utf8PathBuf {
        short(&self.root.join("suites"))
    }

    /// The directories of suites: the shipped one, and the project's own.
    pub(crate) fn all_suites(&self) -> Vec<Utf8PathBuf> {
        self.each("suites")
    }

    /// The directories of proofs.
    pub(crate) fn proofs(&self) -> Vec<Utf8PathBuf> {
        self.each("suites/proofs")
    }

    /// The directories of image descriptions.
    pub(crate) fn images(&self) -> Vec<Utf8PathBuf> {
        self.each("images")
    }

    fn each(&self, name: &str) -> Vec<Utf8PathBuf> {
        // What is brought lies below `images`, whether there are descriptions or not. Of suites whatever is not read is an error.
        let has = |path: &Utf8PathBuf| if name == "images" { has_yaml(path) } else { path.is_dir() };
        let own = self.own.iter().map(|own| own.join(name)).filter(has);
        std::iter::once(self.root.join(name)).chain(own).map(|path| short(&path)).collect()
    }

    /// Where a file is that the shipped descriptions look for next to them, in a place that stays: in the project's own
    /// `images/brought`, else in the cache. A directory of what ships is made again for each version.
    pub(crate) fn brought(&self, path: &Utf8Path) -> Utf8PathBuf {
        let name = path.strip_prefix(short(&self.root.join("images").join("brought")));
        let (Origin::Installed, Ok(name), false) = (self.origin, name, path.exists()) else { return path.to_owned() };
        let next_to = |directory: &Utf8Path| short(&directory.join("images").join("brought").join(name));
        let here = working_directory().ok();
        let own = self.own.as_deref().or(here.as_deref()).map(next_to);
        let kept = muster_image::cache_dir().and_then(|cache| Utf8PathBuf::from_path_buf(cache).ok());
        let kept = kept.map(|cache| cache.join("brought").join(name));
        let there = |place: &Option<Utf8PathBuf>| place.clone().filter(|place| place.exists());
        let place = there(&own).or_else(|| there(&kept));
        place.or(own.filter(|_| self.own.is_some())).or(kept).unwrap_or_else(|| path.to_owned())
    }

    /// Where the documentation is, as a path that is short from here: only in a checkout.
    pub(crate) fn page(&self, name: &str) -> Option<Utf8PathBuf> {
        let page = self.root.join("docs").join(name);
        (self.origin == Origin::Checkout && page.is_file()).then(|| short(&page))
    }

    /// Where directories of runs are made.
    pub(crate) fn runs(&self) -> Utf8PathBuf {
        match (self.origin, &self.own) {
            (Origin::Checkout, _) => self.root.join("reports").join("runs"),
            (Origin::Installed, Some(own)) => short(&own.join("muster-runs")),
            (Origin::Installed, None) => "muster-runs".into(),
        }
    }

    /// Where snapshots of the shipped suites are accepted, when that is not next to them.
    pub(crate) fn own_snapshots(&self) -> Option<OwnSnapshots> {
        let directory = match (self.origin, &self.own) {
            (Origin::Checkout, _) => return None,
            (Origin::Installed, Some(own)) => short(&own.join("suites").join("snapshots")),
            (Origin::Installed, None) => "muster-snapshots".into(),
        };
        Some(OwnSnapshots { suites: self.suites(), directory })
    }
}

/// What ships with the program in the directory above its own, as packages lay it out.
fn share() -> Option<Utf8PathBuf> {
    let program = std::env::current_exe().ok()?.canonicalize().ok()?;
    let share = program.parent()?.parent()?.join("share").join("muster");
    Utf8PathBuf::from_path_buf(share).ok().filter(|share| has_both(share))
}

fn has_both(directory: &Utf8Path) -> bool {
    directory.join("suites").is_dir() && directory.join("images").is_dir()
}

/// A checkout of muster has the recipes of the lab images, which no other project has.
fn is_checkout(directory: &Utf8Path) -> bool {
    has_both(directory) && directory.join("images").join("lab").join("build").is_file()
}

/// Somebody's own project: suites, or descriptions of images, in directories of these names.
fn is_own(directory: &Utf8Path, root: &Utf8Path) -> bool {
    directory != root && (has_yaml(&directory.join("suites")) || has_yaml(&directory.join("images")))
}

fn has_yaml(directory: &Utf8Path) -> bool {
    let entries = directory.read_dir_utf8().into_iter().flatten().flatten();
    let is_yaml = |name: &str| name.eq_ignore_ascii_case("yaml") || name.eq_ignore_ascii_case("yml");
    entries.into_iter().any(|entry| entry.path().extension().is_some_and(is_yaml))
}

/// The working directory.
pub(crate) fn working_directory() -> Result<Utf8PathBuf, CliError> {
    let here = std::env::current_dir()
        .map_err(|cause| CliError::invalid(format!("the working directory cannot be read: {cause}")))?;
    Utf8PathBuf::from_path_buf(here)
        .map_err(|path| CliError::invalid(format!("the path {} is not valid UTF-8", path.to_string_lossy())))
}

/// The path relative to the working directory when it lies below, for messages a person clicks on.
pub(crate) fn short(path: &Utf8Path) -> Utf8PathBuf {
    working_directory()
        .ok()
        .and_then(|here| path.strip_prefix(here).map(Utf8Path::to_owned).ok())
        .unwrap_or(path.to_owned())
}
