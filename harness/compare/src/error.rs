//! Why a kind of facts is not known of a system, and why a file of facts is not taken. Words of a guest or of a file are escaped
//! and bounded by whoever puts them in.

use std::borrow::Cow;

use muster_base::exit::Exit;
use muster_base::fault::Fault;

/// Why the answers of a guest cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum KindError {
    /// There is no answer, or it is none: what the reading itself says.
    #[error("{0}")]
    Reading(String),
    #[error("a line of the answer is not as expected: {0}")]
    Line(String),
    #[error("the walk did not begin as expected")]
    NoBeginning,
    #[error("the {0} did not end as expected")]
    NoEnd(&'static str),
    #[error("the answer names no {0}")]
    Nothing(&'static str),
    #[error("the {what} {name} occurs twice in the answer")]
    Twice { what: &'static str, name: String },
    #[error("{path} changed while it was read")]
    Changed { path: String },
    #[error("the packages here are those of {0}, which muster does not read")]
    Foreign(String),
    #[error("the package database names no file of any package")]
    NoFiles,
    #[error("the RPM database is empty")]
    NoPackages,
    #[error("the RPM database lists no capability")]
    NoCapabilities,
    #[error("no package of dpkg names a library")]
    NoLibraries,
    #[error("a certificate of the bundle is not base64: {0}")]
    Base64(#[from] base64::DecodeError),
    #[error("a certificate of the bundle cannot be understood")]
    Certificate,
    #[error("the last certificate of the bundle is cut off")]
    CutCertificate,
}

impl KindError {
    /// For `map_err`: what a reading says that has no value.
    pub(crate) fn reading(why: impl std::fmt::Display) -> Self {
        Self::Reading(why.to_string())
    }
}

/// Why a file of facts cannot be read.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum FactsError {
    #[error("{path}: {source}")]
    Read { path: String, source: std::io::Error },
    #[error("{path}: this is not a plain file")]
    NoFile { path: String },
    #[error("{path}: it has more than {limit} bytes")]
    TooLarge { path: String, limit: u64 },
    #[error("{path}: it is not UTF-8")]
    NotUtf8 { path: String },
    #[error("{path}: {why}")]
    Content { path: String, why: ContentError },
}

impl Fault for FactsError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        Some("`muster compare IMAGE --save-facts FILE` writes such a file".into())
    }

    fn exit(&self) -> Exit {
        Exit::Invalid
    }
}

/// What is wrong with the text of a file of facts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum ContentError {
    #[error("{0}")]
    Json(String),
    #[error("its schema is `{found}`; {known} is read here")]
    Schema { found: String, known: &'static str },
    #[error("it has facts of the kind `{kind}`, which this version does not know")]
    Kind { kind: String },
    #[error("{kind}: the subject `{subject}` is empty, too long, or not one plain line")]
    Subject { kind: &'static str, subject: String },
    #[error("{kind}: `{subject}` has the field `{field}`, which this kind has not")]
    Field { kind: &'static str, subject: String, field: String },
    #[error("{kind}: `{subject}`: the value of {field} is too long")]
    Value { kind: &'static str, subject: String, field: &'static str },
}
