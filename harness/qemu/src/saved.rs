//! `capsule.json`: all that is known of a capsule, and its reading from a directory that a stranger may
//! have made.

use std::collections::BTreeMap;
use std::path::PathBuf;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::capsule::SavedMachine;
use muster_base::exit::Exit;
use muster_base::failure::Failure;
use muster_base::fault::Fault;
use muster_base::machine::Format;
use muster_guest::HostKey;

/// The schema's name, in every capsule.
pub const SCHEMA: &str = "capsule/v1";
/// The file.
pub const FILE: &str = "capsule.json";
/// The private key that opens the guest.
pub const KEY: &str = "id_ed25519";
/// The longest `capsule.json` that is read, in bytes: failures with their evidence are its bulk.
const LONGEST: u64 = 8 << 20;
/// The longest private key that is read, in bytes.
const LONGEST_KEY: u64 = 64 << 10;

/// A capsule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CapsuleRecord {
    /// `capsule/v1`.
    pub schema: String,
    /// Version of muster.
    pub muster: String,
    /// When the machine stood still; RFC 3339, UTC.
    pub made: String,
    /// The version of the QEMU that wrote it.
    pub qemu: String,
    /// The image it needs, which is not in the capsule.
    pub image: ImageNeeded,
    /// What the machine was.
    pub machine: SavedMachine,
    /// How to log in.
    pub access: Access,
    /// What ran and where it stopped.
    pub stopped: Stopped,
    /// Length in bytes of every file.
    pub files: BTreeMap<String, u64>,
}

/// The image below a capsule's overlays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ImageNeeded {
    /// Its id in the run.
    pub id: String,
    /// Where it was.
    pub path: PathBuf,
    /// `qcow2`, `raw`, …
    pub format: String,
    /// SHA-256 of the file, hex.
    pub sha256: String,
}

/// How to log in to a capsule's guest; the key lies next to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Access {
    /// Who logs in.
    pub user: String,
    /// The host key it shows, as in a `.pub` file.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub host_key: Option<String>,
}

/// What ran on the machine, and where it stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Stopped {
    /// Suite name.
    pub suite: String,
    /// Test id.
    pub test: String,
    /// How it ended.
    pub outcome: String,
    /// Why the test matters.
    pub summary: String,
    /// Everything that went wrong, with its place in the suite.
    pub failures: Vec<Failure>,
    /// The command line that runs the test again.
    pub rerun: String,
}

/// Why a capsule cannot be used.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub enum CapsuleError {
    #[error("{dir} is not a capsule: {FILE}: {source}; name the directory that `muster run` printed")]
    NoCapsule { dir: Utf8PathBuf, source: std::io::Error },
    #[error("{dir} has a {FILE} that cannot be understood: {reason}")]
    Unreadable { dir: Utf8PathBuf, reason: String },
    #[error("{dir} is not whole: {reason}; copy it again, with all its files")]
    NotWhole { dir: Utf8PathBuf, reason: String },
    #[error("{dir} cannot be trusted: {reason}")]
    Hostile { dir: Utf8PathBuf, reason: String },
}

impl Fault for CapsuleError {
    fn exit(&self) -> Exit {
        Exit::Invalid
    }
}

/// A capsule whose words were checked and whose files are there.
#[derive(Debug, Clone, PartialEq)]
pub struct Capsule {
    /// Its directory.
    pub dir: Utf8PathBuf,
    /// What it says.
    pub record: CapsuleRecord,
    /// The format of its image.
    pub format: Format,
    /// The host key it shows.
    pub host_key: Option<HostKey>,
}

impl Capsule {
    /// Reads a capsule and checks every word and the length of every file. Nothing of it is changed.
    pub fn open(dir: &Utf8Path) -> Result<Self, CapsuleError> {
        let dir = dir.to_owned();
        let unreadable = |reason: String| CapsuleError::Unreadable { dir: dir.clone(), reason };
        let text = read_bounded(&dir.join(FILE), LONGEST)
            .map_err(|source| CapsuleError::NoCapsule { dir: dir.clone(), source })?;
        let value: serde_json::Value = serde_json::from_slice(&text).map_err(|error| unreadable(error.to_string()))?;
        // The schema first: another version's fields would only be complained about one by one.
        match value.get("schema").and_then(serde_json::Value::as_str) {
            Some(SCHEMA) => {}
            Some(other) => {
                let other = muster_base::text::one_line(other, 40);
                return Err(unreadable(format!("it is of the schema `{other}`, and this muster reads {SCHEMA}")));
            }
            None => return Err(unreadable("it states no schema".to_owned())),
        }
        let record: CapsuleRecord = serde_json::from_value(value)
            .map_err(|error| unreadable(muster_base::text::one_line(&error.to_string(), 300)))?;
        let hostile = |reason: String| CapsuleError::Hostile { dir: dir.clone(), reason };
        record.machine.check().map_err(|error| hostile(error.to_string()))?;
        let format: Format =
            record.image.format.parse().map_err(|known| hostile(format!("its image's format is not {known}")))?;
        if !record.image.path.is_absolute() {
            return Err(hostile("its image has no absolute path".to_owned()));
        }
        if !is_user(&record.access.user) {
            return Err(hostile("the SSH user is not a plain name".to_owned()));
        }
        let host_key = match &record.access.host_key {
            None => None,
            Some(line) => Some(HostKey::parse(line).ok_or_else(|| hostile("its host key is not one".to_owned()))?),
        };
        let not_whole = |reason: String| CapsuleError::NotWhole { dir: dir.clone(), reason };
        for name in record.machine.files() {
            let Some(length) = record.files.get(&name) else {
                return Err(not_whole(format!("{FILE} does not say how long {name} is")));
            };
            let metadata = std::fs::symlink_metadata(dir.join(&name)).map_err(|e| not_whole(format!("{name}: {e}")))?;
            if !metadata.is_file() {
                return Err(hostile(format!("{name} is not a plain file")));
            }
            if metadata.len() != *length {
                return Err(not_whole(format!("{name} has {} bytes instead of {length}", metadata.len())));
            }
        }
        read_bounded(&dir.join(KEY), LONGEST_KEY).map_err(|error| not_whole(format!("{KEY}: {error}")))?;
        Ok(Self { dir: dir.clone(), record, format, host_key })
    }

    /// The key that opens its guest.
    pub fn key(&self) -> std::io::Result<Vec<u8>> {
        read_bounded(&self.dir.join(KEY), LONGEST_KEY)
    }
}

/// Whether the word can be a login name, and nothing that a program could take for an option.
fn is_user(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    !word.is_empty() && word.len() <= 64 && !word.starts_with(['-', '.']) && word.chars().all(plain)
}

/// A plain file, whole, if it is no longer than that.
fn read_bounded(path: &Utf8Path, limit: u64) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    use std::os::unix::fs::OpenOptionsExt;
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = std::fs::OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("it is not a plain file"));
    }
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(std::io::Error::other(format!("it is longer than {limit} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> serde_json::Value {
        serde_json::json!({
            "schema": "capsule/v1", "muster": "0.1.0", "made": "2026-03-01T10:00:00Z", "qemu": "10.0.2",
            "image": {"id": "lab", "path": "/images/lab.qcow2", "format": "qcow2", "sha256": "00"},
            "machine": {
                "id": "lab-2", "accelerator": "tcg", "arch": "x86_64", "memory-mib": 512, "cpus": 2,
                "bus": "virtio-blk", "extra-disks": [], "tpm": false, "seed": false, "ignition": false,
                "smbios": [], "nics": 1, "layers": 1, "ram-file": true
            },
            "access": {"user": "root"},
            "stopped": {"suite": "s", "test": "t", "outcome": "fail", "summary": "", "failures": [], "rerun": ""},
            "files": {"state": 5, "layer-0.qcow2": 5}
        })
    }

    fn dir(record: &serde_json::Value) -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        std::fs::write(path.join(FILE), record.to_string()).unwrap();
        std::fs::write(path.join("state"), "12345").unwrap();
        std::fs::write(path.join("layer-0.qcow2"), "12345").unwrap();
        std::fs::write(path.join(KEY), "key").unwrap();
        (dir, path)
    }

    fn cli_error(change: impl Fn(&mut serde_json::Value)) -> String {
        let mut record = record();
        change(&mut record);
        let (_kept, path) = dir(&record);
        Capsule::open(&path).unwrap_err().to_string()
    }

    #[test]
    fn a_whole_capsule_is_read() {
        let (_kept, path) = dir(&record());
        let capsule = Capsule::open(&path).unwrap();
        assert_eq!((capsule.format, capsule.record.machine.cpus), (Format::Qcow2, 2));
        assert_eq!(capsule.key().unwrap(), b"key");
    }

    #[test]
    fn what_is_not_whole_is_distinguished_from_what_is_no_capsule() {
        let (_kept, path) = dir(&record());
        std::fs::write(path.join("state"), "1234").unwrap();
        let short = Capsule::open(&path).unwrap_err().to_string();
        assert!(short.contains("is not whole: state has 4 bytes instead of 5"), "{short}");
        std::fs::remove_file(path.join("state")).unwrap();
        assert!(Capsule::open(&path).unwrap_err().to_string().contains("is not whole: state: No such file"));
        let (_kept, path) = dir(&record());
        std::fs::remove_file(path.join(KEY)).unwrap();
        assert!(Capsule::open(&path).unwrap_err().to_string().contains("id_ed25519"));
        std::fs::remove_file(path.join(FILE)).unwrap();
        assert!(Capsule::open(&path).unwrap_err().to_string().contains("is not a capsule"));
    }

    #[test]
    fn a_strangers_capsule_reaches_for_nothing() {
        assert!(cli_error(|r| r["schema"] = "capsule/v2".into()).contains("`capsule/v2`"));
        assert!(cli_error(|r| r["image"]["path"] = "../../etc/shadow".into()).contains("absolute"));
        assert!(cli_error(|r| r["image"]["format"] = "vvfat".into()).contains("format"));
        assert!(cli_error(|r| r["access"]["user"] = "-oProxyCommand=x".into()).contains("plain name"));
        assert!(cli_error(|r| r["access"]["host-key"] = "ssh-rsa x".into()).contains("host key"));
        assert!(cli_error(|r| r["machine"]["id"] = "../x".into()).contains("plain name"));
        assert!(cli_error(|r| r["machine"]["firmware-path"] = "/etc/shadow".into()).contains("unknown field"));
        assert!(cli_error(|r| r["machine"]["layers"] = 2.into()).contains("does not say how long layer-1.qcow2"));
        let (_kept, path) = dir(&record());
        std::fs::remove_file(path.join("state")).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", path.join("state")).unwrap();
        assert!(Capsule::open(&path).unwrap_err().to_string().contains("state is not a plain file"));
        std::fs::write(path.join(FILE), vec![b' '; (LONGEST + 1) as usize]).unwrap();
        assert!(Capsule::open(&path).unwrap_err().to_string().contains("longer than"));
    }
}
