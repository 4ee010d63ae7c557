//! A source as it is, and its digest.

use std::path::Path;
use std::time::SystemTime;

use crate::remembered::RememberedDigests;
use crate::{ImageError, Unchanged, digest};

/// What is known of a source's digest before it is read.
#[derive(Debug, Clone, Copy)]
pub(super) struct KnownDigests<'a> {
    /// What it was when the file was pulled.
    pub(super) pulled: Option<&'a str>,
    /// What it was when files were read in earlier runs.
    pub(super) remembered: Option<&'a RememberedDigests>,
}

/// A note of the file as it is, and its digest, which is then sure to belong to it. A file that was
/// pulled must have the digest that it had when it was evaluated.
pub(super) async fn noted(path: &Path, known: KnownDigests<'_>) -> Result<(Unchanged, String), ImageError> {
    let before = Unchanged::note(path, None)?;
    let begun = SystemTime::now();
    let sha256 = match known.remembered.and_then(|digests| digests.find(before.stamp())) {
        Some(sha256) => sha256,
        None => digest::sha256(path).await?,
    };
    before.verify(false).await?;
    if let Some(digests) = known.remembered {
        digests.keep(path, before.stamp(), &sha256, begun);
    }
    if let Some(expected) = known.pulled.filter(|pulled| *pulled != sha256) {
        let expected = expected.to_owned();
        return Err(ImageError::NotAsPulled { path: path.to_owned(), expected, found: sha256 });
    }
    Ok((before.with_digest(sha256.clone()), sha256))
}
