//! Why an image could not be pulled.

use std::path::PathBuf;

use super::super::ImageError;
use super::reason::{ChecksumError, KeyError, RedirectError, SignatureError};
use muster_base::download::ChecksumKind;
use muster_base::exit::Exit;
use muster_base::failure::{self, FailureId};
use muster_base::fault::Fault;

/// Why an image could not be pulled. Every message ends with what to do next; words of a server are
/// escaped and bounded in it.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum PullError {
    #[error("{url} could not be reached: {reason}; check the address, the network and the proxy")]
    Unreachable { url: String, reason: String },
    #[error("{url} answered {status}; check the address: vendors remove old builds")]
    Status { url: String, status: u16 },
    #[error("{url} {reason}; the image was not fetched: contact its vendor, or state another address")]
    Redirect { url: String, reason: RedirectError },
    #[error("{url} broke off after {got} bytes: {reason}; pull it again, it resumes there")]
    Broken { url: String, got: u64, reason: String },
    #[error("{url} is too slow: {reason}; pull it again later, it resumes there")]
    Slow { url: String, reason: String },
    #[error(
        "{url} has more than the {limit} bytes that are allowed; raise `max-size` in its description if that is meant"
    )]
    TooLarge { url: String, limit: u64 },
    #[error("{url} was to resume a download and {reason}; what was there has been removed, pull it again")]
    Resume { url: String, reason: String },
    #[error(
        "no certificates are known to check {url} with: {reason}; install the package ca-certificates or set SSL_CERT_FILE"
    )]
    Certificates { url: String, reason: String },
    #[error(
        "{what} is not what was published: its {kind} is {found} and must be {expected}; pull it again, and report it to its vendor when that does not help"
    )]
    Checksum { what: String, kind: ChecksumKind, expected: String, found: String },
    #[error("the checksum file {url} does not say what the image must be: {reason}; compare it with the description")]
    ChecksumFile { url: String, reason: ChecksumError },
    #[error("the signature of {what} is not good: {reason}; do not use the image before you know why")]
    Signature { what: String, reason: SignatureError },
    #[error("the keys in {} cannot be used: {reason}; export the vendor's public key again", path.display())]
    Key { path: PathBuf, reason: KeyError },
    #[error("no signature vouches for {id}: {reason}")]
    Unsigned { id: String, reason: String },
    #[error("{0}")]
    Image(#[from] ImageError),
    #[error("the download ended unexpectedly: {0}; report it")]
    Internal(String),
}

impl Fault for PullError {
    fn failure_id(&self) -> Option<FailureId> {
        Some(match self {
            Self::Unreachable { .. } | Self::Status { .. } | Self::Broken { .. } | Self::Certificates { .. } => {
                failure::IMAGE_DOWNLOAD
            }
            Self::Redirect { .. } => failure::IMAGE_REDIRECT,
            Self::Slow { .. } => failure::IMAGE_SLOW,
            Self::TooLarge { .. } => failure::IMAGE_DOWNLOAD_SIZE,
            Self::Resume { .. } => failure::IMAGE_RESUME,
            Self::Checksum { .. } => failure::IMAGE_CHECKSUM,
            Self::ChecksumFile { .. } => failure::IMAGE_CHECKSUM_FILE,
            Self::Signature { .. } | Self::Key { .. } => failure::IMAGE_SIGNATURE,
            Self::Unsigned { .. } => failure::IMAGE_UNSIGNED,
            Self::Image(error) => return error.failure_id(),
            Self::Internal(_) => failure::INTERNAL,
        })
    }

    /// A signature that cannot be is a matter of what was typed.
    fn exit(&self) -> Exit {
        match self {
            Self::Unsigned { .. } | Self::Key { .. } => Exit::Invalid,
            Self::Image(error) => error.exit(),
            _ => Exit::Error,
        }
    }
}
