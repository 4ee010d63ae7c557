//! One image or state of a search: its runs, and what they come to.

use camino::Utf8Path;

use super::packages::Base;
use super::search::ImageVerdict;
use super::state::Search;
use super::there::Images;
use super::verdict;
use crate::error::CliError;
use crate::run::{self, Ready};
use muster_base::files::safe_name;
use muster_base::text::{one_line, shell_word};
use muster_record::open;
use muster_suite::select::NameGlob;

/// Reads the command line of a `muster run`, without the program's name, as this process would read its own.
pub(super) type Read<'r> = &'r dyn Fn(&[String]) -> Result<Ready, CliError>;

/// What all looks of a search have in common.
pub(super) struct Look<'l> {
    /// The directory of the search.
    pub(super) dir: &'l Utf8Path,
    /// Which tests decide.
    pub(super) test: &'l NameGlob,
    pub(super) read: Read<'l>,
    /// The machine that states are clones of.
    pub(super) base: Option<&'l Base>,
    pub(super) there: &'l Images,
}

/// What came of it; the verdict is in the search.
pub(super) enum Looked {
    /// The test ran, or the file is gone.
    Tested,
    /// The image cannot be used.
    Unusable(CliError),
}

impl Look<'_> {
    /// Tests an image, until it is bad or has passed often enough, and enters its verdict.
    ///
    /// # Errors
    /// What went wrong is not of this image: nothing is known of it then.
    pub(super) fn at(&self, search: &mut Search, image: usize) -> Result<Looked, CliError> {
        let mut found = (ImageVerdict::Inconclusive, String::new());
        let mut looked = Looked::Tested;
        for _ in 0..search.repeat {
            found = if search.packages.is_none() && self.there.is_gone(&search.images[image].image) {
                self.one_of_several_is_there(search)?;
                // Also with --errors-are-bad: of an image that nobody has, nothing is known.
                (ImageVerdict::Inconclusive, "the file is not there any more".to_owned())
            } else {
                match self.run(search, image) {
                    Ok(found) => found,
                    // All states are of one image.
                    Err(error) if search.packages.is_none() && error.is_of_image() => {
                        let verdict = match search.errors_are_bad {
                            true => ImageVerdict::Bad,
                            false => ImageVerdict::Inconclusive,
                        };
                        let why = one_line(&error.what, 400);
                        looked = Looked::Unusable(error);
                        (verdict, why)
                    }
                    Err(error) => return Err(error),
                }
            };
            if found.0 != ImageVerdict::Good {
                break;
            }
        }
        let candidate = &mut search.images[image];
        (candidate.verdict, candidate.why) = (Some(found.0), found.1);
        Ok(looked)
    }

    /// One run, and what it says.
    fn run(&self, search: &mut Search, image: usize) -> Result<(ImageVerdict, String), CliError> {
        let name = match &search.packages {
            None => unused(self.dir, &search.images[image].image),
            Some(set) => unused(self.dir, &format!("{}-updates", set.packages(image))),
        };
        let out = self.dir.join(&name);
        let Ready { arguments, notes, words } = (self.read)(&search.words(image, &out))?;
        let frozen = self.base.zip(search.packages.as_ref()).map(|(base, set)| base.with_updates(set, image));
        run::execute_from(*arguments, &notes, &words, frozen)?;
        let record = open::open(&out).map_err(|error| CliError::about("the run", error))?.record;
        if record.interrupted {
            let hint = format!("go on with it: `muster bisect --resume {}`", shell_word(self.dir.as_str()));
            return Err(CliError::infrastructure("the search was interrupted").hint(hint));
        }
        // Empty where the run did not come as far as its image.
        let sha256 = record.images.values().next().map(|image| image.sha256.clone());
        let sha256 = sha256.filter(|sha256| !sha256.is_empty());
        if let (Some(set), Some(sha256)) = (&search.packages, &sha256) {
            set.check_base(sha256)?;
        }
        search.images[image].sha256 = sha256;
        search.images[image].runs.push(name);
        verdict::of_run(&record, self.test, search.errors_are_bad).ok_or_else(|| {
            CliError::invalid(format!("no test of the run is called {}", one_line(self.test.as_str(), 200)))
        })
    }

    /// An error when all files that have no verdict are gone: then the place where they are is, and not one of them.
    fn one_of_several_is_there(&self, search: &Search) -> Result<(), CliError> {
        let mut open = search.images.iter().filter(|candidate| candidate.verdict.is_none());
        let several = open.clone().count() > 1;
        if several && open.all(|candidate| self.there.is_gone(&candidate.image)) {
            let what = "none of the images that were not tested is there any more";
            let hint = format!(
                "nothing is kept of that: when they are back, `muster bisect --resume {}` goes on",
                shell_word(self.dir.as_str())
            );
            return Err(CliError::invalid(what).hint(hint));
        }
        Ok(())
    }
}

/// A name for the directory of the next run: `03-azl-0912.vhd`. One that was interrupted has left its own.
pub(super) fn unused(dir: &Utf8Path, image: &str) -> String {
    let file = Utf8Path::new(image).file_name().unwrap_or(image);
    let entries = dir.read_dir_utf8().into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().split_once('-')?.0.parse::<u32>().ok());
    format!("{:02}-{}", numbers.max().map_or(1, |last| last.saturating_add(1)), safe_name(file))
}
