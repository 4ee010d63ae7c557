//! A statement of in-toto (`https://in-toto.io/Statement/v1`): something is said of files, by their digests.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The type of every statement.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// What is said of which files. `P` is what is said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Statement<P> {
    /// [`STATEMENT_TYPE`].
    #[serde(rename = "_type")]
    pub kind: String,
    /// The files.
    pub subject: Vec<Descriptor>,
    /// What kind of thing is said.
    pub predicate_type: String,
    /// What is said.
    pub predicate: P,
}

impl<P> Statement<P> {
    /// One of this type.
    pub fn new(subject: Vec<Descriptor>, predicate_type: &str, predicate: P) -> Self {
        Self { kind: STATEMENT_TYPE.to_owned(), subject, predicate_type: predicate_type.to_owned(), predicate }
    }
}

/// A file, by its digest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Descriptor {
    /// Its name; only the digest says which it is.
    pub name: String,
    /// `sha256` only, hex.
    pub digest: BTreeMap<String, String>,
}

impl Descriptor {
    /// The file with this SHA-256.
    pub fn new(name: impl Into<String>, sha256: impl Into<String>) -> Self {
        Self { name: name.into(), digest: BTreeMap::from([("sha256".to_owned(), sha256.into())]) }
    }

    /// Its SHA-256.
    pub fn sha256(&self) -> &str {
        self.digest.get("sha256").map_or("", String::as_str)
    }
}
