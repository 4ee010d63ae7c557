//! An OCI image layout, as a directory or inside an archive: which layers make up its root file system.
//!
//! Facts: OCI image specification 1.1, "Image Layout" and "Image Manifest". Every blob is compared
//! with the digest it is called by.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::error::ArchiveError;
use crate::compress;
use muster_base::machine::Arch;

/// Bytes of an index or a manifest.
const MAX_JSON: u64 = 4 << 20;
/// How deep an index may name another index.
const MAX_INDEXES: usize = 3;

/// Where the layout's files are.
pub(crate) enum Layout {
    /// In a directory of this host.
    Dir(PathBuf),
    /// In a plain tar: offset and size of each member, by name.
    Archive {
        /// The tar.
        file: File,
        /// Its members.
        members: HashMap<Vec<u8>, (u64, u64)>,
    },
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Manifest {
    layers: Vec<Descriptor>,
    config: Option<Descriptor>,
}

/// What is read of the configuration, where it has it.
#[derive(Deserialize, Default)]
struct ImageConfig {
    config: Option<ContainerConfig>,
}

#[derive(Deserialize)]
struct ContainerConfig {
    #[serde(rename = "Labels")]
    labels: Option<BTreeMap<String, serde_json::Value>>,
}

/// What a layout's image is made of.
pub(crate) struct Parts {
    /// Its layers, lowest first, without names.
    pub(crate) layers: Vec<File>,
    /// Labels of its configuration.
    pub(crate) labels: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    architecture: String,
}

impl Layout {
    /// The image for that architecture. Each layer is copied into `scratch` without a name and compared with its digest.
    pub(crate) fn parts(&self, arch: Arch, most: usize, bytes: u64, scratch: &Path) -> Result<Parts, ArchiveError> {
        let mut descriptor = choose(self.json::<Index>("index.json")?, arch)?;
        for _ in 0..MAX_INDEXES {
            if !descriptor.media_type.ends_with("image.index.v1+json")
                && !descriptor.media_type.contains("manifest.list")
            {
                break;
            }
            descriptor = choose(self.named::<Index>(&descriptor.digest)?, arch)?;
        }
        let manifest: Manifest = self.named(&descriptor.digest)?;
        if manifest.layers.is_empty() || manifest.layers.len() > most {
            return Err(ArchiveError::Layers { count: manifest.layers.len(), most });
        }
        let config: ImageConfig = match &manifest.config {
            Some(config) => self.named(&config.digest)?,
            None => ImageConfig::default(),
        };
        let labels = config.config.and_then(|config| config.labels).unwrap_or_default();
        // One that is no text is none, and no reason to refuse whole layers.
        let text = |(name, value): (String, serde_json::Value)| Some((name, value.as_str()?.to_owned()));
        let labels = labels.into_iter().filter_map(text).collect();
        let mut left = bytes;
        let mut layers = Vec::new();
        for layer in &manifest.layers {
            let file = self.blob(&layer.digest, left, scratch)?;
            left = left.saturating_sub(file.metadata()?.len());
            layers.push(file);
        }
        Ok(Parts { layers, labels })
    }

    fn json<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T, ArchiveError> {
        let mut bytes = Vec::new();
        self.open(name, MAX_JSON)?.read_to_end(&mut bytes).map_err(of_file(name))?;
        serde_json::from_slice(&bytes).map_err(|source| ArchiveError::Json { name: name.to_owned(), source })
    }

    fn named<T: serde::de::DeserializeOwned>(&self, digest: &str) -> Result<T, ArchiveError> {
        let (hex, name) = blob_name(digest)?;
        let mut bytes = Vec::new();
        self.open(&name, MAX_JSON)?.read_to_end(&mut bytes).map_err(of_file(&name))?;
        if muster_base::text::hex(Sha256::digest(&bytes)) != hex {
            return Err(ArchiveError::Digest { name });
        }
        serde_json::from_slice(&bytes).map_err(|source| ArchiveError::Json { name: name.to_owned(), source })
    }

    fn blob(&self, digest: &str, limit: u64, scratch: &Path) -> Result<File, ArchiveError> {
        let (hex, name) = blob_name(digest)?;
        let failed = || of_file(&name);
        let mut from = self.open(&name, limit)?;
        let mut copy = tempfile::tempfile_in(scratch).map_err(failed())?;
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            match from.read(&mut buffer).map_err(failed())? {
                0 => break,
                count => {
                    hash.update(&buffer[..count]);
                    copy.write_all(&buffer[..count]).map_err(failed())?;
                }
            }
        }
        if muster_base::text::hex(hash.finalize()) != hex {
            return Err(ArchiveError::Digest { name });
        }
        copy.seek(SeekFrom::Start(0)).map_err(failed())?;
        Ok(copy)
    }

    /// A file of the layout, which may have at most so many bytes.
    fn open(&self, name: &str, limit: u64) -> Result<std::io::Take<File>, ArchiveError> {
        let (file, size) = match self {
            Self::Dir(dir) => {
                let file = compress::open(&dir.join(name)).map_err(|error| ArchiveError::Other(error.into()))?;
                let metadata = file.metadata()?;
                if !metadata.is_file() {
                    return Err(ArchiveError::NoFile { name: name.to_owned() });
                }
                (file, metadata.len())
            }
            Self::Archive { file, members } => {
                let lacks = || ArchiveError::Lacks { name: name.to_owned() };
                let (offset, size) = *members.get(name.as_bytes()).ok_or_else(lacks)?;
                let mut file = file.try_clone()?;
                file.seek(SeekFrom::Start(offset))?;
                (file, size)
            }
        };
        if size > limit {
            return Err(ArchiveError::LongFile { name: name.to_owned(), size, limit });
        }
        Ok(file.take(size))
    }
}

/// For `map_err`.
fn of_file(name: &str) -> impl FnOnce(std::io::Error) -> ArchiveError {
    let name = name.to_owned();
    move |source| ArchiveError::File { name, source }
}

/// The one entry of an index that is for the architecture. Attestations, which builders put next to
/// images, are for none.
fn choose(index: Index, arch: Arch) -> Result<Descriptor, ArchiveError> {
    let wanted = match arch {
        Arch::X86_64 => "amd64",
        Arch::Aarch64 => "arm64",
    };
    let fits = |entry: &Descriptor| entry.platform.as_ref().is_none_or(|platform| platform.architecture == wanted);
    let mut fitting: Vec<Descriptor> = index.manifests.into_iter().filter(fits).collect();
    match (fitting.pop(), fitting.len()) {
        (Some(only), 0) => Ok(only),
        (None, _) => Err(ArchiveError::NoImage { arch: wanted }),
        (Some(_), others) => Err(ArchiveError::SeveralImages { count: others + 1, arch: wanted }),
    }
}

fn blob_name(digest: &str) -> Result<(&str, String), ArchiveError> {
    let hex = digest.strip_prefix("sha256:").unwrap_or_default();
    if hex.len() != 64 || !hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(ArchiveError::NoDigest { digest: muster_base::text::one_line(digest, 100) });
    }
    Ok((hex, format!("blobs/sha256/{hex}")))
}
