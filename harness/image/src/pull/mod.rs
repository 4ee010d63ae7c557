//! Fetches vendor images into the cache. Nothing of it is used before its digest, and its signature
//! where a key is named, are what they must be; nothing half fetched ever has the final name.
//!
//! - [`http`]: one request under limits, with [`redirect`]s that lead nowhere else;
//! - [`certificates`]: whose certificates it is checked with;
//! - [`partial`]: a file that grows over several connections;
//! - [`checksums`]: the shapes of checksum files. Pure;
//! - [`signature`]: `gpgv` and keyrings;
//! - [`store`]: what lies in the cache, and [`trust`]: by what it was trusted;
//! - [`small_file`]: how small files are read and replaced.
//!
//! `prepare` asks [`find`] for a pulled file; the rest is for `muster images`.

mod certificates;
mod checksums;
mod error;
mod http;
mod partial;
mod reason;
mod redirect;
#[cfg(test)]
mod server;
mod signature;
mod small_file;
mod store;
#[cfg(test)]
mod tests;
mod trust;

pub use error::PullError;
pub use partial::Progress;
pub use reason::{ChecksumError, KeyError, RedirectError, SignatureError};
pub(super) use store::{COMPANIONS, DIR};
pub use trust::Trust;

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256, Sha512};

use self::http::{Client, Limits};
use self::store::{Evidence, Note, StoredDownload};
use super::{Download, ImageError};
use muster_base::download::{ChecksumKind, SignatureKind};
use muster_suite::images::Signature;

/// A file of the cache that is what it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    /// Where it is.
    pub path: PathBuf,
    /// SHA-256, lower-case hex.
    pub sha256: String,
    /// Bytes.
    pub length: u64,
    /// By what it is known to be the right one.
    pub trust: Trust,
    /// Whether it was there before.
    pub was_there: bool,
}

/// What a person asks for in addition to the description.
#[derive(Clone, Default)]
pub struct PullOptions {
    /// Public keys in place of those that the description names.
    pub keyring: Option<PathBuf>,
    /// Refuse what no signature vouches for.
    pub require_signature: bool,
    /// Called while bytes arrive.
    pub progress: Option<Arc<dyn Fn(Progress) + Send + Sync>>,
}

/// Brings the image into the cache, or up to date where its vendor has published another.
pub async fn pull(
    cache: Option<&Path>,
    id: &str,
    download: &Download,
    overrides: &PullOptions,
) -> Result<Pulled, PullError> {
    pull_with(Client::new(Limits::default()), cache, id, download, overrides).await
}

async fn pull_with(
    client: Client,
    cache: Option<&Path>,
    id: &str,
    download: &Download,
    overrides: &PullOptions,
) -> Result<Pulled, PullError> {
    let keyring = keyring(id, download, overrides)?;
    let place = StoredDownload::take(cache, download).await?;
    let evidence = fetch_evidence(&client, download, keyring.is_some()).await?;
    let expected = expectation(download, &evidence, keyring).await?;
    if let Some(found) = present(&place, download, &evidence, &expected).await? {
        return Ok(found);
    }
    let partial = place.partial();
    let fetched = {
        let (url, limit, partial) = (download.url.clone(), download.max_size, partial.clone());
        let progress = overrides.progress.clone();
        blocking(move || client.download(&url, &partial, limit, progress.as_deref())).await
    };
    fetched?;
    // What is whole and wrong is wrong for ever: going on with it would never end well.
    let assessed = assess(partial.path(), download, &evidence, &expected).await;
    if let Err(PullError::Checksum { .. } | PullError::Signature { .. }) = assessed {
        partial.discard();
    }
    let (note, trust) = assessed?;
    let path = place.publish(&partial, &note, &evidence)?;
    Ok(Pulled { path, sha256: note.sha256, length: note.length, trust, was_there: false })
}

/// Looks again at a file that was pulled before: its bytes, its digest, and its signature where a key
/// is named. Asks nobody: what its vendor said is kept next to it.
pub async fn verify(
    cache: Option<&Path>,
    id: &str,
    download: &Download,
    overrides: &PullOptions,
) -> Result<Pulled, PullError> {
    let keyring = keyring(id, download, overrides)?;
    let place = StoredDownload::take(cache, download).await?;
    let Some(note) = place.note() else { return Err(ImageError::NotPulled { id: id.to_owned() }.into()) };
    let evidence = place.evidence();
    let expected = expectation(download, &evidence, keyring).await?;
    let (now, trust) = assess(&place.path(), download, &evidence, &expected).await?;
    if (&now.sha256, now.length) != (&note.sha256, note.length) {
        let (expected, found) = (note.sha256, now.sha256);
        return Err(PullError::Checksum {
            what: place.path().display().to_string(),
            kind: ChecksumKind::Sha256,
            expected,
            found,
        });
    }
    Ok(Pulled { path: place.path(), sha256: now.sha256, length: now.length, trust, was_there: true })
}

/// What is known of the cached file without reading it.
pub fn known(cache: Option<&Path>, download: &Download) -> Option<Trust> {
    StoredDownload::look(cache?, download).note().map(|note| note.trust)
}

/// The cached file and the SHA-256 it had when it was evaluated. Its bytes are not read: whoever uses
/// them has to compare.
pub(super) fn find(cache: Option<&Path>, id: &str, download: &Download) -> Result<(PathBuf, String), ImageError> {
    let missing = || ImageError::NotPulled { id: id.to_owned() };
    let place = StoredDownload::look(cache.ok_or_else(missing)?, download);
    let note = place.note().ok_or_else(missing)?;
    Ok((place.path(), note.sha256))
}

/// A signature and the keys to check it with; `None` where there is no key to check it with.
struct Keyring<'a> {
    signature: &'a Signature,
    keys: PathBuf,
}

fn keyring<'a>(id: &str, download: &'a Download, overrides: &PullOptions) -> Result<Option<Keyring<'a>>, PullError> {
    let unsigned = |reason: String| PullError::Unsigned { id: id.to_owned(), reason };
    let Some(signature) = &download.signature else {
        return match (&overrides.keyring, overrides.require_signature) {
            (None, false) => Ok(None),
            _ => Err(unsigned("its description states no signature".to_owned())),
        };
    };
    match overrides.keyring.as_deref().or(signature.key.as_ref().map(|key| key.as_std_path())) {
        Some(keys) => Ok(Some(Keyring { signature, keys: keys.to_owned() })),
        None if overrides.require_signature => {
            let from = &signature.key_from;
            Err(unsigned(format!("no key is named; the vendor's is at {from}: get it, and name it with --keyring")))
        }
        None => Ok(None),
    }
}

/// The small files that speak for the image. Those that nobody would read are not fetched.
async fn fetch_evidence(client: &Client, download: &Download, has_key: bool) -> Result<Evidence, PullError> {
    let signature = download.signature.as_ref().filter(|_| has_key);
    let is_over_checksums = signature.is_some_and(|signature| signature.kind != SignatureKind::Image);
    let wanted = download.checksum.value.is_none() || is_over_checksums;
    Ok(Evidence {
        checksums: match download.checksum.url.as_ref().filter(|_| wanted) {
            Some(url) => Some(small(client, url).await?),
            None => None,
        },
        signature: match signature.and_then(|signature| signature.url.as_ref()) {
            Some(url) => Some(small(client, url).await?),
            None => None,
        },
    })
}

async fn small(client: &Client, url: &str) -> Result<Vec<u8>, PullError> {
    let (client, url) = (client.clone(), url.to_owned());
    blocking(move || client.small(&url)).await
}

/// What the file must be.
struct Expected<'a> {
    digest: String,
    trust: Trust,
    /// To be checked once the file is there.
    over_image: Option<Keyring<'a>>,
}

async fn expectation<'a>(
    download: &Download,
    evidence: &Evidence,
    keyring: Option<Keyring<'a>>,
) -> Result<Expected<'a>, PullError> {
    let Checksums { text, signer } = match (&evidence.checksums, &keyring) {
        (Some(text), Some(keyring)) if keyring.signature.kind == SignatureKind::ClearSigned => {
            let (text, signer) = signature::clear_signed(text, &keyring.keys).await?;
            Checksums { text: Some(text), signer: Some(signer) }
        }
        (Some(text), Some(keyring)) if keyring.signature.kind == SignatureKind::Checksums => {
            let signature = evidence.signature.as_deref().unwrap_or_default();
            let signer = signature::detached(signature, signature::Over::Text(text), &keyring.keys).await?;
            Checksums { text: Some(text.clone()), signer: Some(signer) }
        }
        (text, _) => Checksums { text: text.clone(), signer: None },
    };
    let over_checksums = keyring.as_ref().is_some_and(|keyring| keyring.signature.kind != SignatureKind::Image);
    if over_checksums && signer.is_none() {
        return Err(PullError::Signature {
            what: download.file_name().to_owned(),
            reason: SignatureError::NoChecksumFile,
        });
    }
    let Download { checksum, .. } = download;
    let published = match &text {
        Some(text) => {
            let found = checksums::find(text, download.file_name(), checksum.kind);
            let place = checksum.url.clone().unwrap_or_default();
            Some(found.map_err(|reason| PullError::ChecksumFile { url: place, reason })?)
        }
        None => None,
    };
    let digest = match (&checksum.value, published) {
        (Some(pinned), Some(published)) if *pinned != published => {
            let reason = ChecksumError::Contradicts { published, pinned: pinned.clone() };
            return Err(PullError::ChecksumFile { url: checksum.url.clone().unwrap_or_default(), reason });
        }
        (Some(pinned), _) => pinned.clone(),
        (None, Some(published)) => published,
        (None, None) => {
            let reason = ChecksumError::Unstated;
            return Err(PullError::ChecksumFile { url: download.url.clone(), reason });
        }
    };
    let trust = match signer {
        Some(signer) => Trust::Signed(signer),
        None if checksum.value.is_some() => Trust::Pinned,
        None => Trust::ChecksumOnly,
    };
    Ok(Expected { digest, trust, over_image: keyring.filter(|_| !over_checksums) })
}

/// A checksum file as far as it can be believed, and who signed it.
struct Checksums {
    text: Option<Vec<u8>>,
    signer: Option<String>,
}

/// The file of a former pull, when it still is what its vendor publishes now.
async fn present(
    place: &StoredDownload,
    download: &Download,
    evidence: &Evidence,
    expected: &Expected<'_>,
) -> Result<Option<Pulled>, PullError> {
    let Some(before) = place.note() else { return Ok(None) };
    match assess(&place.path(), download, evidence, expected).await {
        Ok((note, trust)) => {
            // It may be trusted better now than it was then; a signature that was good over the same
            // bytes is not forgotten because nobody named the key this time.
            let was_signed = matches!(before.trust, Trust::Signed(_)) && before.sha256 == note.sha256;
            if was_signed && !matches!(trust, Trust::Signed(_)) {
                let Note { sha256, length, trust, .. } = before;
                return Ok(Some(Pulled { path: place.path(), sha256, length, trust, was_there: true }));
            }
            place.put(&note, evidence)?;
            let Note { sha256, length, .. } = note;
            Ok(Some(Pulled { path: place.path(), sha256, length, trust, was_there: true }))
        }
        // Another one has been published, or this one was damaged: it is fetched anew.
        Err(PullError::Checksum { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the bytes of a file are what they must be.
async fn assess(
    file: &Path,
    download: &Download,
    evidence: &Evidence,
    expected: &Expected<'_>,
) -> Result<(Note, Trust), PullError> {
    let (path, kind) = (file.to_owned(), download.checksum.kind);
    let digests = blocking(move || Digests::of(&path, kind)).await?;
    if digests.stated != expected.digest {
        return Err(PullError::Checksum {
            what: download.file_name().to_owned(),
            kind,
            expected: expected.digest.clone(),
            found: digests.stated,
        });
    }
    let trust = match &expected.over_image {
        Some(keyring) => {
            let signature = evidence.signature.as_deref().unwrap_or_default();
            Trust::Signed(signature::detached(signature, signature::Over::File(file), &keyring.keys).await?)
        }
        None => expected.trust.clone(),
    };
    let note = Note { url: download.url.clone(), sha256: digests.sha256, length: digests.length, trust: trust.clone() };
    Ok((note, trust))
}

struct Digests {
    sha256: String,
    /// Of the kind that the description states.
    stated: String,
    length: u64,
}

impl Digests {
    /// Reads the file once.
    fn of(path: &Path, kind: ChecksumKind) -> Result<Self, PullError> {
        let io = |source| ImageError::Io { path: path.to_owned(), source };
        let mut file = File::open(path).map_err(io)?;
        let (mut short, mut long) = (Sha256::new(), (kind == ChecksumKind::Sha512).then(Sha512::new));
        let mut buffer = vec![0; 1 << 20];
        let mut length = 0;
        loop {
            match file.read(&mut buffer).map_err(io)? {
                0 => break,
                count => {
                    short.update(&buffer[..count]);
                    if let Some(long) = &mut long {
                        long.update(&buffer[..count]);
                    }
                    length += count as u64;
                }
            }
        }
        let sha256 = muster_base::text::hex(short.finalize());
        let stated = long.map_or_else(|| sha256.clone(), |long| muster_base::text::hex(long.finalize()));
        Ok(Self { sha256, stated, length })
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PullError> + Send + 'static,
) -> Result<T, PullError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(PullError::Internal(error.to_string())),
    }
}
