//! A template as a directory of files, and how it is known to be whole. Every file is this user's alone:
//! a guest's memory holds whatever the guest knew.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::channels;
use super::description::{MachineDescription, Memory};
use super::template::Template;

/// The version of the directory's layout.
const SCHEMA: &str = "template/v1";
const METADATA: &str = "template.json";
/// The digest of the metadata, which has those of all other files.
const DIGEST: &str = "template.sha256";
const KEY: &str = "id_ed25519";
/// Files up to so many bytes are known by every byte of them.
const SMALL: u64 = 16 << 20;
/// Larger ones by their time of change and so many samples.
const SAMPLES: u64 = 512;
const SAMPLE: u64 = 4096;
/// The largest metadata that is read.
const METADATA_LIMIT: u64 = 64 << 20;

/// Why a directory is no template that can be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum Damage {
    #[error("{name} cannot be read: {source}")]
    Unreadable { name: String, source: std::io::Error },
    #[error("{name} has {found} bytes instead of {expected}")]
    Length { name: String, found: u64, expected: u64 },
    #[error("{name} is not what it was when the template was made")]
    Changed { name: String },
    #[error("{name} does not belong to this user alone")]
    Open { name: String },
    #[error("its metadata cannot be understood: {0}")]
    Metadata(String),
}

/// What lies next to the files.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Metadata {
    schema: String,
    key: String,
    /// RFC 3339, UTC.
    made: String,
    muster: String,
    files: BTreeMap<String, Seal>,
    smbios: Vec<String>,
    /// What the runner knows of the guest.
    about: Value,
}

/// What tells that a file is the one it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Seal {
    bytes: u64,
    /// Seconds and nanoseconds; of large files only.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    modified: Option<(i64, i64)>,
    /// SHA-256, hex: of all bytes of a small file, of samples of a large one.
    sha256: String,
}

impl Seal {
    fn of(file: &File) -> std::io::Result<Self> {
        let metadata = file.metadata()?;
        let bytes = metadata.len();
        let mut hash = Sha256::new();
        let mut buffer = vec![0; SAMPLE as usize];
        let mut take = |at: u64| -> std::io::Result<()> {
            let want = usize::try_from((bytes - at).min(SAMPLE)).unwrap_or(buffer.len());
            file.read_exact_at(&mut buffer[..want], at)?;
            hash.update(&buffer[..want]);
            Ok(())
        };
        let small = bytes <= SMALL;
        if small {
            (0..bytes).step_by(SAMPLE as usize).try_for_each(&mut take)?;
        } else {
            let pages = bytes / SAMPLE;
            (0..SAMPLES).try_for_each(|number| take(number * pages / SAMPLES * SAMPLE))?;
            take((pages - 1) * SAMPLE)?;
        }
        let sha256 = muster_base::text::hex(hash.finalize());
        Ok(Self { bytes, modified: (!small).then(|| (metadata.mtime(), metadata.mtime_nsec())), sha256 })
    }
}

/// What is written.
pub(super) struct Contents<'a> {
    pub key: &'a str,
    pub template: &'a Template,
    /// The private key that opens its guest.
    pub private_key: &'a Path,
    /// Strings of the run that the machine was booted with, beyond its description's.
    pub about: Value,
    pub made: String,
}

/// Fills an empty directory. Everything is on the disk when this returns.
pub(super) fn write(dir: &Path, contents: Contents<'_>) -> std::io::Result<()> {
    let Contents { key, template, private_key, about, made } = contents;
    // Everything by name, so that whatever a template comes to hold is thought of here.
    let Template { description, ram, state, layers, vars, extra, blank } = template;
    let mut files = BTreeMap::new();
    let mut keep = |name: String, original: &File| -> std::io::Result<()> {
        let file = create(&dir.join(&name))?;
        channels::sparse_copy(original, &file)?;
        file.sync_all()?;
        files.insert(name, Seal::of(&file)?);
        Ok(())
    };
    keep("ram".to_owned(), ram)?;
    keep("state".to_owned(), state)?;
    keep("blank".to_owned(), blank)?;
    for (number, layer) in layers.iter().enumerate() {
        keep(format!("layer-{number}"), layer)?;
    }
    for (number, disk) in extra.iter().enumerate() {
        keep(format!("extra-{number}"), disk)?;
    }
    if let Some(vars) = vars {
        keep("vars".to_owned(), vars)?;
    }
    for (name, path) in [("seed", &description.seed_disk), ("ignition", &description.ignition)] {
        if let Some(path) = path {
            keep(name.to_owned(), &File::open(path)?)?;
        }
    }
    keep(KEY.to_owned(), &File::open(private_key)?)?;
    let metadata = Metadata {
        schema: SCHEMA.to_owned(),
        key: key.to_owned(),
        made,
        muster: env!("CARGO_PKG_VERSION").to_owned(),
        files,
        smbios: description.smbios.clone(),
        about,
    };
    let text = serde_json::to_vec_pretty(&metadata)?;
    write_whole(&dir.join(METADATA), &text)?;
    // As `sha256sum --check` reads it.
    write_whole(
        &dir.join(DIGEST),
        format!("{}  {METADATA}\n", muster_base::text::hex(Sha256::digest(&text))).as_bytes(),
    )?;
    File::open(dir)?.sync_all()
}

/// A directory that only this user may enter.
pub(super) fn make_dir(path: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

fn create(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

fn write_whole(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut file = create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// What was read.
#[derive(Debug)]
pub(super) struct Read {
    pub template: Template,
    pub private_key: PathBuf,
    pub about: Value,
    pub made: String,
}

/// Reads a directory that [`write`] has filled, for a machine of this description.
pub(super) fn read(dir: &Path, key: &str, unseeded: &MachineDescription) -> Result<Read, Damage> {
    let metadata = metadata(dir)?;
    if metadata.key != key {
        return Err(Damage::Metadata("it is another template's".to_owned()));
    }
    let mut open = BTreeMap::new();
    for (name, seal) in &metadata.files {
        open.insert(name.as_str(), sealed(dir, name, seal)?);
    }
    let missing = |name: &str| Damage::Metadata(format!("it has no {name}"));
    let mut take = |name: &str| open.remove(name);
    let mut several =
        |what: &str| -> Vec<File> { (0..).map_while(|number| take(&format!("{what}-{number}"))).collect() };
    let (layers, extra) = (several("layer"), several("extra"));
    let mut needed = |name: &str| open.remove(name).ok_or_else(|| missing(name));
    let (ram, state, blank) = (needed("ram")?, needed("state")?, needed("blank")?);
    needed(KEY)?;
    let vars = open.remove("vars");
    let next_to = |name: &str| metadata.files.contains_key(name).then(|| dir.join(name));
    let description = MachineDescription {
        memory: Memory::Cloned,
        seed_disk: next_to("seed"),
        ignition: next_to("ignition"),
        smbios: metadata.smbios,
        ..unseeded.clone()
    };
    let consistent = !layers.is_empty()
        && extra.len() == description.extra_disks.len()
        && vars.is_some() == description.firmware.is_some();
    if !consistent {
        return Err(Damage::Metadata("its files do not fit the machine".to_owned()));
    }
    let template = Template { description, ram, state, layers, vars, extra, blank };
    Ok(Read { template, private_key: dir.join(KEY), about: metadata.about, made: metadata.made })
}

/// When a template was made, and of which image, without looking into its files.
pub(super) fn made(dir: &Path) -> Option<String> {
    metadata(dir).ok().map(|metadata| metadata.made)
}

fn metadata(dir: &Path) -> Result<Metadata, Damage> {
    let text = whole(dir, METADATA)?;
    let digest = whole(dir, DIGEST)?;
    let said = digest.get(..64).map(String::from_utf8_lossy).unwrap_or_default();
    if said != muster_base::text::hex(Sha256::digest(&text)) {
        return Err(Damage::Changed { name: METADATA.to_owned() });
    }
    let metadata: Metadata = serde_json::from_slice(&text)
        .map_err(|error| Damage::Metadata(muster_base::text::one_line(&error.to_string(), 200)))?;
    if metadata.schema != SCHEMA {
        let schema = muster_base::text::one_line(&metadata.schema, 40);
        return Err(Damage::Metadata(format!("its layout is `{schema}`, not `{SCHEMA}`")));
    }
    Ok(metadata)
}

fn whole(dir: &Path, name: &str) -> Result<Vec<u8>, Damage> {
    let unreadable = |source| Damage::Unreadable { name: name.to_owned(), source };
    let mut bytes = Vec::new();
    let file = open_ours(dir, name)?;
    std::io::Read::read_to_end(&mut std::io::Read::take(file, METADATA_LIMIT), &mut bytes).map_err(unreadable)?;
    Ok(bytes)
}

/// Opens a plain file that nobody else could have written.
fn open_ours(dir: &Path, name: &str) -> Result<File, Damage> {
    let unreadable = |source| Damage::Unreadable { name: name.to_owned(), source };
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits() as i32;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(dir.join(name)).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() || !is_ours(&metadata) {
        return Err(Damage::Open { name: name.to_owned() });
    }
    Ok(file)
}

/// Whether only this user may touch it.
pub(super) fn is_ours(metadata: &std::fs::Metadata) -> bool {
    metadata.uid() == rustix::process::geteuid().as_raw() && metadata.permissions().mode() & 0o077 == 0
}

fn sealed(dir: &Path, name: &str, seal: &Seal) -> Result<File, Damage> {
    let unreadable = |source| Damage::Unreadable { name: name.to_owned(), source };
    if name.contains('/') {
        return Err(Damage::Metadata("it names files elsewhere".to_owned()));
    }
    let file = open_ours(dir, name)?;
    let bytes = file.metadata().map_err(unreadable)?.len();
    if bytes != seal.bytes {
        return Err(Damage::Length { name: name.to_owned(), found: bytes, expected: seal.bytes });
    }
    match Seal::of(&file).map_err(unreadable)? == *seal {
        true => Ok(file),
        false => Err(Damage::Changed { name: name.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_file_is_known_by_its_length_its_time_and_samples_of_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ram");
        let file = create(&path).unwrap();
        file.set_len(32 << 20).unwrap();
        file.write_all_at(b"here", 0).unwrap();
        let seal = Seal::of(&file).unwrap();
        assert_eq!(Seal::of(&file).unwrap(), seal);
        let time = file.metadata().unwrap().modified().unwrap();
        // Another file of the same length and time.
        file.write_all_at(b"gone", 0).unwrap();
        file.set_modified(time).unwrap();
        let other = Seal::of(&file).unwrap();
        assert_eq!((other.bytes, other.modified), (seal.bytes, seal.modified));
        assert_ne!(other, seal);
        // The same bytes, written later.
        file.write_all_at(b"here", 0).unwrap();
        file.set_modified(time + std::time::Duration::from_secs(1)).unwrap();
        assert_ne!(Seal::of(&file).unwrap(), seal);
    }

    #[test]
    fn a_small_file_is_known_by_every_byte_and_may_be_copied() {
        let file = tempfile::tempfile().unwrap();
        file.write_all_at(&[1; 10_000], 0).unwrap();
        let seal = Seal::of(&file).unwrap();
        let copy = tempfile::tempfile().unwrap();
        copy.write_all_at(&[1; 10_000], 0).unwrap();
        assert_eq!(Seal::of(&copy).unwrap(), seal);
        for at in [0, 4095, 4096, 9999] {
            copy.write_all_at(&[2], at).unwrap();
            assert_ne!(Seal::of(&copy).unwrap(), seal, "byte {at}");
            copy.write_all_at(&[1], at).unwrap();
        }
    }
}
