//! Why an archive was not written or not read.

use std::borrow::Cow;

use camino::Utf8PathBuf;

use super::limits::{LARGEST_ARCHIVE, LARGEST_CONTENTS, LARGEST_RATIO, LONGEST_NAME, MOST_FILES};
use super::manifest::{MANIFEST, SCHEMA};
use crate::layout::FileError;
use muster_base::exit::Exit;
use muster_base::fault::Fault;

/// An archive of a run could not be written, or is none that can be read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// What is wrong with it.
    #[error("{path}: {why}")]
    Refused {
        /// The archive; of a run that cannot be archived, its directory.
        path: Utf8PathBuf,
        /// The reason.
        why: Refusal,
    },
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// What is wrong with an archive, or with a run that is to become one. Names in it are escaped.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is no zip, or a damaged one.
    #[error("it is not the directory of a run, and no zip that can be read: {0}")]
    NoZip(String),
    /// Its end is missing.
    #[error("it was cut short: the list of its files, which stands at its end, is not there")]
    CutShort,
    /// The file itself.
    #[error("it is larger than {} MiB, the most that is read of an archive", LARGEST_ARCHIVE >> 20)]
    Large,
    /// What is in it.
    #[error("its files are larger than {} MiB together, the most that an archive holds", LARGEST_CONTENTS >> 20)]
    LargeContents,
    /// What is in it, compared with its size.
    #[error("its files are more than {LARGEST_RATIO} times as large as the archive")]
    Ratio,
    /// Too many files.
    #[error("it has more than {MOST_FILES} files, the most that an archive holds")]
    Files,
    /// A name that leads elsewhere.
    #[error("the name `{0}` in it is not a relative one of at most {LONGEST_NAME} plain characters")]
    Name(String),
    /// One name, two files.
    #[error("`{0}` is in it twice")]
    Twice(String),
    /// A link, or an encrypted file.
    #[error("`{0}` in it is not a plain file")]
    NotPlain(String),
    /// The manifest is not there.
    #[error("it is no archive of a run: it has no {MANIFEST}")]
    NoManifest,
    /// The manifest is not ours.
    #[error("its {MANIFEST} cannot be read: {0}")]
    Manifest(String),
    /// A newer muster wrote it.
    #[error("it has the schema {0}, and this version of muster reads {SCHEMA}")]
    Newer(String),
    /// The manifest says otherwise of a file.
    #[error("`{0}` in it is not what its manifest says: the SHA-256 differs")]
    Digest(String),
    /// The manifest has a file that is not there.
    #[error("`{0}` is in its manifest, and is not in it")]
    Missing(String),
    /// A file that the manifest does not have.
    #[error("`{0}` in it is not in its manifest")]
    Unlisted(String),
    /// The run has not ended.
    #[error("the run goes on; its files still change")]
    GoesOn,
    /// There is something with the archive's name.
    #[error("it is there already, and is not overwritten")]
    There,
}

impl Fault for ArchiveError {
    fn exit(&self) -> Exit {
        match self {
            Self::File(_) => Exit::Error,
            Self::Refused { .. } => Exit::Invalid,
        }
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        let Self::Refused { why, .. } = self else { return None };
        match why {
            Refusal::NoZip(_) | Refusal::NoManifest => {
                Some("name what `muster archive` wrote, or unpack it and name the directory of the run".into())
            }
            Refusal::CutShort => Some("fetch it again, whole".into()),
            Refusal::Newer(_) => Some("use the version of muster that wrote it, or a later one".into()),
            Refusal::GoesOn => Some("wait for its end; `muster runs list` shows it".into()),
            Refusal::There => Some("name another file with -o, or remove this one".into()),
            Refusal::Large | Refusal::LargeContents | Refusal::Files | Refusal::Ratio => None,
            _ => Some("it was changed or damaged after muster wrote it: get it again".into()),
        }
    }
}
