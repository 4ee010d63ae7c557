//! What a search has found so far: `bisect.json` in its directory, with which it goes on.

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::packages::set::PackageSet;
use super::search::{self, ImageVerdict, Next};
use crate::error::CliError;
use crate::text_file;
use muster_base::files::{ensure, write_atomically};
use muster_base::text::one_line;

/// The name of the schema.
pub(super) const SCHEMA: &str = "bisect/v1";
const FILE: &str = "bisect.json";

/// A search.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Search {
    /// `bisect/v1`.
    pub(super) schema: String,
    /// Where it was started: paths of images and options are relative to it.
    pub(super) directory: String,
    /// What is tested, as `--test` names it.
    pub(super) test: String,
    /// How often an image must pass to be good.
    pub(super) repeat: u32,
    /// Whether an image on which the test comes to no result is bad.
    pub(super) errors_are_bad: bool,
    /// Options of `muster run`.
    pub(super) options: Vec<String>,
    /// The images in their order, the good one first, the bad one last; of a search over updates the same image with more
    /// and more of them.
    pub(super) images: Vec<Candidate>,
    /// The updates, when these are searched.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) packages: Option<PackageSet>,
}

/// An image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Candidate {
    /// As it is named behind `--image`.
    pub(super) image: String,
    /// What its runs said.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) verdict: Option<ImageVerdict>,
    /// Why, one line: what a guest said is in it.
    #[serde(skip_serializing_if = "String::is_empty", default)]
    pub(super) why: String,
    /// SHA-256 of the file that was tested.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(super) sha256: Option<String>,
    /// Its runs, as directories in the one of the search; the last one decided.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(super) runs: Vec<String>,
}

impl Search {
    /// Whether this one was started here; its paths are relative to where it was.
    pub(super) fn is_here(&self, directory: &Utf8Path) -> bool {
        directory.as_str() == self.directory
    }

    /// # Errors
    ///
    /// A usage error when the directory holds no search, or one of another version.
    pub(super) fn read(dir: &Utf8Path) -> Result<Self, CliError> {
        let file = dir.join(FILE);
        let about = |what: String| {
            CliError::invalid(format!("--resume {dir}: {what}"))
                .hint("name the directory that `muster bisect -o DIR` wrote")
        };
        let text = text_file::read(&file).map_err(|error| about(error.what))?;
        let search: Self = serde_json::from_str(&text).map_err(|cause| about(format!("{FILE}: {cause}")))?;
        match search.schema.as_str() {
            SCHEMA if search.images.len() > 1 => Ok(search),
            SCHEMA => Err(about(format!("{FILE} has fewer than two images"))),
            other => {
                let other = one_line(other, 40);
                Err(about(format!("{FILE} has the schema {other}; this muster reads {SCHEMA}")))
            }
        }
    }

    pub(super) fn write(&self, dir: &Utf8Path) -> Result<(), CliError> {
        let unwritable = |cause: String| CliError::infrastructure(format!("the search cannot be kept: {cause}"));
        ensure(dir).map_err(|error| unwritable(error.to_string()))?;
        let text = serde_json::to_string_pretty(self).map_err(|cause| unwritable(cause.to_string()))?;
        write_atomically(&dir.join(FILE), (text + "\n").as_bytes()).map_err(|error| unwritable(error.to_string()))
    }

    /// The updates, with the image that the verdicts are of: those of a search in which it was not kept yet have it each.
    ///
    /// # Errors
    /// The verdicts are of several images.
    pub(super) fn known_packages(&self) -> Result<Option<PackageSet>, CliError> {
        let Some(mut known) = self.packages.clone() else { return Ok(None) };
        for sha256 in self.images.iter().filter_map(|candidate| candidate.sha256.as_ref()) {
            known.check_base(sha256)?;
            known.base_sha256 = Some(sha256.clone());
        }
        Ok(Some(known))
    }

    pub(super) fn verdicts(&self) -> Vec<Option<ImageVerdict>> {
        self.images.iter().map(|candidate| candidate.verdict).collect()
    }

    /// The name of an image, to be printed.
    pub(super) fn shown(&self, image: usize) -> String {
        let name = one_line(&self.images[image].image, 200);
        match &self.packages {
            None => name,
            Some(_) if image == 0 => format!("{name} without updates"),
            Some(set) => {
                let (with, of) = (set.packages(image), set.packages(usize::MAX));
                match set.shown_left_out() {
                    None => format!("{name} with {with} of {of} updates"),
                    Some(left_out) if image >= set.groups.len() => {
                        format!("{name} with all updates that install ({with}; {left_out})")
                    }
                    Some(_) => format!("{name} with {with} of {of} updates that install"),
                }
            }
        }
    }

    /// What is to be tested next. Of a search over updates both ends come first: whether all of them make the test fail is
    /// not known before it was tried.
    pub(super) fn next(&self) -> Next {
        search::next(&self.verdicts(), self.packages.is_some())
    }

    /// The command line of one run, as a person types it.
    pub(super) fn words(&self, image: usize, out: &Utf8Path) -> Vec<String> {
        let fixed = ["run", "--test", &self.test, "--image", &self.images[image].image, "--out", out.as_str()];
        fixed.into_iter().map(str::to_owned).chain(self.options.iter().cloned()).collect()
    }

    /// Whether a test has run: what the images have in common is right then.
    pub(super) fn has_run(&self) -> bool {
        self.images.iter().any(|candidate| !candidate.runs.is_empty())
    }

    pub(super) fn tested(&self) -> usize {
        self.images.iter().filter(|candidate| candidate.verdict.is_some()).count()
    }
}

impl Candidate {
    /// One that was not tested.
    pub(super) fn new(image: String) -> Self {
        Self { image, ..Self::default() }
    }

    /// The directory of the run that decided.
    pub(super) fn last_run(&self, dir: &Utf8Path) -> Option<Utf8PathBuf> {
        self.runs.last().map(|run| dir.join(run))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search() -> Search {
        Search {
            schema: SCHEMA.to_owned(),
            directory: "/here".to_owned(),
            test: "kernel/release".to_owned(),
            repeat: 2,
            errors_are_bad: true,
            options: vec!["--cpus=1".to_owned()],
            images: ["a", "b"].map(|image| Candidate::new(image.to_owned())).to_vec(),
            packages: None,
        }
    }

    #[test]
    fn a_search_is_read_as_it_was_written_and_nothing_else_is_read() {
        let dir = tempfile::tempdir().expect("a directory");
        let dir = Utf8Path::from_path(dir.path()).expect("UTF-8");
        let mut search = search();
        search.images[1].verdict = Some(ImageVerdict::Bad);
        search.images[1].runs.push("1-b".to_owned());
        search.write(dir).expect("written");
        assert_eq!(Search::read(dir).expect("read"), search);
        assert!(search.is_here(Utf8Path::new("/here")) && !search.is_here(Utf8Path::new("/")));
        assert_eq!((search.tested(), search.images[1].last_run(dir)), (1, Some(dir.join("1-b"))));
        for (text, says) in [
            ("", "EOF"),
            ("{\"schema\": \"bisect/v1\"}", "missing field"),
            (
                r#"{"schema":"bisect/v2","directory":"/","test":"t","repeat":1,"errors-are-bad":false,"options":[],"images":[{"image":"a"},{"image":"b"}]}"#,
                "bisect/v2",
            ),
            (
                r#"{"schema":"bisect/v1","directory":"/","test":"t","repeat":1,"errors-are-bad":false,"options":[],"images":[]}"#,
                "fewer than two",
            ),
        ] {
            std::fs::write(dir.join(FILE), text).expect("written");
            let error = Search::read(dir).expect_err(text);
            assert!(error.what.contains(says), "{}", error.what);
        }
    }

    #[test]
    fn verdicts_of_another_image_are_refused() {
        let mut search = search();
        assert_eq!(search.known_packages().expect("none"), None);
        search.packages = Some(PackageSet::new("updates", false, false));
        let base = |search: &Search| search.known_packages().map(|set| set.expect("updates").base_sha256);
        assert_eq!(base(&search).expect("not known yet"), None);
        // A search of before the image was kept is read, and its verdicts say of which image they are.
        let old = serde_json::to_string(&search).expect("JSON");
        assert!(!old.contains("base-sha256"), "{old}");
        assert_eq!(serde_json::from_str::<Search>(&old).expect("read"), search);
        search.images[1].sha256 = Some("aa".to_owned());
        assert_eq!(base(&search).expect("one"), Some("aa".to_owned()));
        search.images[0].sha256 = Some("bb".to_owned());
        assert!(base(&search).expect_err("two").what.contains("is aa, and was bb"));
        search.images[0].sha256 = None;
        search.packages = Some(PackageSet { base_sha256: Some("bb".to_owned()), ..search.packages.expect("updates") });
        assert!(base(&search).expect_err("another").what.contains("is aa, and was bb"));
        search.images[1].sha256 = Some("bb".to_owned());
        let known = search.known_packages().expect("one").expect("updates");
        assert!(known.check_base("bb").is_ok());
        let error = known.check_base("cc").expect_err("another");
        assert!(error.what.starts_with("the image is another than when the search began"), "{}", error.what);
        let again: Search = serde_json::from_str(&serde_json::to_string(&search).expect("JSON")).expect("read");
        assert_eq!(again, search);
    }
}
