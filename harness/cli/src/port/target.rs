//! What `--on` and `--from` name: an image that is booted, or repository metadata and facts that were kept.

use camino::{Utf8Path, Utf8PathBuf};

use crate::compare::is_facts;
use crate::error::CliError;
use muster_base::text::one_line;

/// A system that is named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    /// An image of the catalogue, or a disk file.
    Image(String),
    /// Files of this host.
    Kept(Kept),
}

/// A system of which only files are there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Kept {
    /// Repositories, in the order in which they were named.
    pub(super) repositories: Vec<KeptRepository>,
    /// A facts file of `muster compare`.
    pub(super) facts: Option<Utf8PathBuf>,
}

/// A repository of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KeptRepository {
    /// As it is called in answers.
    pub(super) id: String,
    /// The directory that has `repodata`.
    pub(super) dir: Utf8PathBuf,
    /// The address by which chains add it, where that was named in place of an id.
    pub(super) address: Option<String>,
}

impl Kept {
    /// What it is called in answers.
    pub(super) fn name(&self) -> String {
        let ids: Vec<&str> = self.repositories.iter().map(|one| one.id.as_str()).collect();
        match (&self.facts, ids.is_empty()) {
            (Some(facts), _) => facts.file_name().unwrap_or(facts.as_str()).trim_end_matches(".json").to_owned(),
            (None, false) => one_line(&ids.join(", "), 100),
            (None, true) => "nothing".to_owned(),
        }
    }
}

impl Named {
    /// What the values of `option` name together; with `offline` no image is taken.
    ///
    /// # Errors
    /// They do not go together, or what they name is not there.
    pub(super) fn parse(option: &str, values: &[String], offline: bool) -> Result<Option<Self>, CliError> {
        let mut kept = Kept::default();
        let mut image = None;
        for value in values {
            let value = value.as_str();
            if is_facts(value) {
                if let Some(first) = kept.facts.replace(Utf8PathBuf::from(value)) {
                    let what = format!("{option} {value}: the facts of the system are {first} already");
                    return Err(CliError::invalid(what).hint("name one facts file for each system"));
                }
                if !Utf8Path::new(value).is_file() {
                    return Err(CliError::invalid(format!("{option} {value}: there is no such facts file"))
                        .hint("`muster compare IMAGE --save-facts FILE.json` writes one"));
                }
                continue;
            }
            match repository(value).map_err(|error| CliError { what: format!("{option} {}", error.what), ..error })? {
                Some(found) => {
                    if kept.repositories.iter().any(|one| one.id == found.id) {
                        return Err(CliError::invalid(format!(
                            "{option} {value}: two repositories are called `{}`",
                            found.id
                        ))
                        .hint("name them: ID=DIR"));
                    }
                    kept.repositories.push(found);
                }
                None => {
                    if image.replace(value.to_owned()).is_some() {
                        return Err(CliError::invalid(format!("{option} names two images"))
                            .hint("run the command once for each"));
                    }
                }
            }
        }
        let is_kept = kept != Kept::default();
        match (image, is_kept) {
            (Some(image), true) => Err(CliError::invalid(format!(
                "{option} names the image {image} and files of this host; a system is one or the other"
            ))
            .hint("`--repo ID=DIR` adds a repository of this host to an image")),
            (Some(image), false) if offline => Err(CliError::invalid(format!(
                "{option} {image}: an image cannot be read offline, and no directory of this name has repository metadata"
            ))
            .hint("name directories that have `repodata`, and a facts file; or leave --offline out")),
            (Some(image), false) => Ok(Some(Self::Image(image))),
            (None, true) => Ok(Some(Self::Kept(kept))),
            (None, false) => Ok(None),
        }
    }
}

/// A repository of this host, `ID=DIR`, `ADDRESS=DIR` or `DIR`; `None` when the value is none.
///
/// # Errors
/// It is named as a directory, and has no metadata.
pub(super) fn repository(value: &str) -> Result<Option<KeptRepository>, CliError> {
    let (name, dir) = match value.rsplit_once('=') {
        Some((name, dir)) => (Some(name), dir),
        None => (None, value),
    };
    // `https://example.com/app.repo=DIR`, `copr:owner/name=DIR`: as a chain writes it.
    let address = name.filter(|name| name.contains(['/', ':']));
    let id = name.filter(|_| address.is_none());
    let dir = Utf8Path::new(dir);
    // The directory of the metadata itself is what people have at hand.
    let dir = match dir.file_name() {
        Some("repodata") if dir.join("repomd.xml").exists() => dir.parent().unwrap_or(dir),
        _ => dir,
    };
    let dir = if dir.as_str().is_empty() { Utf8Path::new(".") } else { dir };
    if name.is_none() && !dir.is_dir() {
        return Ok(None);
    }
    if !dir.join("repodata/repomd.xml").is_file() {
        let what = format!("{value}: {dir} has no repodata/repomd.xml");
        return Err(CliError::invalid(what).hint("`createrepo_c DIR` makes the metadata of a directory of packages"));
    }
    let real = dir.canonicalize_utf8().unwrap_or_else(|_| dir.to_owned());
    let id = id.map_or_else(|| real.file_name().unwrap_or("repository").to_owned(), str::to_owned);
    let is_id = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    match !id.is_empty() && id.len() <= 100 && id.chars().all(is_id) {
        true => Ok(Some(KeptRepository { id, dir: dir.to_owned(), address: address.map(str::to_owned) })),
        false => Err(CliError::invalid(format!("{value}: `{}` is no name of a repository", one_line(&id, 60)))
            .hint("letters, digits, `-`, `_` and `.`: ID=DIR")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().canonicalize().unwrap()).unwrap();
        for name in ["base", "other"] {
            std::fs::create_dir_all(path.join(name).join("repodata")).unwrap();
            std::fs::write(path.join(name).join("repodata/repomd.xml"), "x").unwrap();
        }
        std::fs::create_dir(path.join("empty")).unwrap();
        std::fs::write(path.join("f.json"), "{}").unwrap();
        (dir, path)
    }

    fn parse(values: &[String], offline: bool) -> Result<Option<Named>, String> {
        Named::parse("--on", values, offline).map_err(|error| error.what)
    }

    #[test]
    fn directories_names_and_facts_make_a_system() {
        let (_dir, path) = place();
        let value = |text: &str| text.replace("DIR", path.as_str());
        let values = [value("DIR/base/repodata"), value("up=DIR/other"), value("DIR/f.json")];
        let Some(Named::Kept(kept)) = parse(&values, true).unwrap() else { panic!("files of this host") };
        let ids: Vec<(&str, &str)> =
            kept.repositories.iter().map(|one| (&*one.id, one.dir.file_name().unwrap())).collect();
        assert_eq!(ids, [("base", "base"), ("up", "other")]);
        assert_eq!((kept.name().as_str(), kept.facts.is_some()), ("f", true));
        assert_eq!(parse(&["lab".into()], false), Ok(Some(Named::Image("lab".into()))));
        assert_eq!(parse(&[], false), Ok(None));
        let by_address = repository(&value("https://example.com/app.repo=DIR/other")).unwrap().unwrap();
        assert_eq!(
            (by_address.id.as_str(), by_address.address.as_deref()),
            ("other", Some("https://example.com/app.repo"))
        );
    }

    #[test]
    fn what_does_not_go_together_or_is_not_there_is_said() {
        let (_dir, path) = place();
        let value = |text: &str| text.replace("DIR", path.as_str());
        for (values, offline, says) in [
            (vec!["lab".to_owned()], true, "cannot be read offline"),
            (vec!["lab".to_owned(), value("DIR/base")], false, "one or the other"),
            (vec!["lab".to_owned(), "lab-tiny".to_owned()], false, "two images"),
            (vec![value("DIR/empty")], true, "no repodata/repomd.xml"),
            (vec![value("x=DIR/none")], true, "no repodata/repomd.xml"),
            (vec![value("a b=DIR/base")], true, "no name of a repository"),
            (vec![value("DIR/base"), value("base=DIR/other")], true, "two repositories are called `base`"),
            (vec![value("DIR/none.json")], true, "no such facts file"),
            (vec![value("DIR/f.json"), value("DIR/f.json")], true, "already"),
        ] {
            let error = parse(&values, offline).unwrap_err();
            assert!(error.contains(says), "{values:?}: {error}");
        }
    }
}
