//! By what a download is known to be the right one.

/// How far a download is to be trusted.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trust {
    /// The vendor's signature over it, or over its digest, is good; the fingerprint of the key.
    Signed(String),
    /// Its digest is the one that the catalogue states.
    Pinned,
    /// Its digest is the one that its vendor's server states: whoever can change the file there can
    /// change that too.
    ChecksumOnly,
}

impl std::fmt::Display for Trust {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Signed(key) => write!(f, "signed by {key}"),
            Self::Pinned => f.write_str("checksum of the catalogue, signature not verified"),
            Self::ChecksumOnly => f.write_str("checksum only, signature not verified"),
        }
    }
}
