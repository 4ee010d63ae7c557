//! What is wrong with what a server, a checksum file, a signature or a keyring says. Their words are escaped and bounded by whoever
//! puts them in.

use muster_base::download::ChecksumKind;

/// Why a redirect is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum RedirectError {
    #[error("redirects to {location:?}, which is no address")]
    NoAddress { location: String },
    #[error("redirects from https to plain http ({location})")]
    Downgrade { location: String },
    #[error("redirects to {location:?}, which is neither http nor https")]
    Scheme { location: String },
    #[error("redirects to {location:?}, which names no host or a user")]
    Host { location: String },
    #[error("redirects more than {limit} times")]
    TooMany { limit: usize },
}

/// Why a checksum file does not say what the image must be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum ChecksumError {
    #[error("it names {name} twice, with {one} and with {other}")]
    Twice { name: String, one: String, other: String },
    #[error("no line of it gives the {kind} of {name}")]
    Absent { name: String, kind: ChecksumKind },
    #[error("it states {published} where the catalogue states {pinned}")]
    Contradicts { published: String, pinned: String },
    #[error("nothing states the digest of the image")]
    Unstated,
}

/// Why a signature is not good.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs)]
pub enum SignatureError {
    #[error("it was not made over these bytes (key {key})")]
    OtherBytes { key: String },
    #[error("it was made by {key}, which is not among the keys")]
    UnknownKey { key: String },
    #[error("the key {key} or the signature has expired or was revoked")]
    Expired { key: String },
    #[error("there is no OpenPGP signature where one should be")]
    NoSignature,
    #[error("gpgv does not call it good")]
    NotGood,
    #[error("{said}")]
    Refused { said: String },
    #[error("gpgv did not end within {seconds} s")]
    TimedOut { seconds: u64 },
    #[error("gpgv gave no text of at most {limit} bytes")]
    NoText { limit: u64 },
    #[error("none was fetched with it; pull it again with the key")]
    NotFetched,
    #[error("there is no checksum file that could be signed")]
    NoChecksumFile,
}

/// Why keys cannot be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum KeyError {
    #[error(transparent)]
    Read(#[from] std::io::Error),
    #[error("it must be a file of at most {limit} bytes")]
    NoKeyring { limit: u64 },
    #[error("it is empty")]
    Empty,
    #[error("its ASCII armour is damaged: {0}")]
    Damaged(#[from] base64::DecodeError),
    #[error("its ASCII armour has no end")]
    Endless,
}
