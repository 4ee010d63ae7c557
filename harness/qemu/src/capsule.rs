//! A machine at one moment, as files: a capsule. It is written while the guest stands still, and read
//! into as many new machines as somebody likes; none of them writes to it.
//!
//! RAM and devices travel through QEMU's migration into a file, in the form in which every page of RAM
//! has its place (`mapped-ram`), so that the file is as large as what the guest had touched.

pub mod saved_machine;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};

pub use self::saved_machine::{SavedMachine, SavedMachineError, files};
use super::capsule_state::{mapped, transfer_deadline};
use super::description::Uncloneable;
use super::firmware::{self, Firmware};
use super::machine_files::{self, MachineFiles};
use super::qmp::{QmpError, release};
use super::template::transferred_unless;
use super::{Accel, Machine, MachineError, Spawner, channels, description, start};
use muster_base::files::FileError;
use muster_base::machine::Format;
use muster_console::rules::Rules;
use muster_image::header::{self, Ends, Trouble};
use muster_image::{Inspected, Overlay};

/// How long QEMU may take to answer, before scaling.
const ANSWER: Duration = Duration::from_secs(10);

/// What a captured machine left in its directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Captured {
    /// What it was.
    pub saved_machine: SavedMachine,
    /// The version of the QEMU that wrote it, such as `10.0.2`.
    pub qemu: String,
    /// Length in bytes of every file.
    pub files: BTreeMap<String, u64>,
    /// Bytes that the files take on the disk.
    pub bytes: u64,
}

/// Why a machine could not be captured.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs)]
pub(crate) enum CaptureError {
    #[error("QEMU cannot write it down: {0}")]
    Qemu(#[from] QmpError),
    #[error("its state was not written: {0}")]
    Transfer(String),
    #[error("it takes more than the {room} bytes that are left for capsules")]
    TooLarge { room: u64 },
    #[error("{what} could not be copied: {source}")]
    Copy { what: String, source: std::io::Error },
    #[error(transparent)]
    Uncloneable(#[from] Uncloneable),
    #[error(transparent)]
    Record(#[from] serde_json::Error),
    #[error(transparent)]
    File(#[from] FileError),
}

/// Why the firmware of a capsule is not on this host.
#[derive(Debug, thiserror::Error)]
enum FirmwareError {
    #[error(transparent)]
    Machine(#[from] SavedMachineError),
    #[error(transparent)]
    Missing(#[from] MachineError),
    #[error("its firmware's variables are {wanted}, this host's {here}")]
    Variables { wanted: String, here: String },
    #[error("{}: {source}", path.display())]
    Read { path: PathBuf, source: std::io::Error },
    #[error("it was made with another firmware than {}; install the version it was made with, or try --force", path.display())]
    Other { path: PathBuf },
}

/// Why an overlay or a variable store of a capsule is not used.
#[derive(Debug, thiserror::Error)]
enum LayerError {
    #[error(transparent)]
    Read(#[from] std::io::Error),
    #[error("it is not qcow2")]
    NotQcow2,
    #[error("{0} is not a format of variables")]
    Format(String),
    #[error("it does not say its size")]
    NoSize,
    #[error("its disk has {size} bytes, the image's {image}")]
    Size { size: u64, image: u64 },
    #[error("it reaches for another file ({0})")]
    Elsewhere(String),
    #[error("it is encrypted")]
    Encrypted,
    #[error("it has snapshots of its own")]
    Snapshots,
    #[error("{0}")]
    Broken(String),
}

impl Machine {
    /// Whether [`Machine::capture`] can work with its devices.
    pub(crate) fn can_capture(&self) -> Result<(), Uncloneable> {
        description::cloneable(&self.files().description)
    }

    /// Stops the guest and writes down into the directory, which is there and empty, all that the machine
    /// is. At most about `room` bytes are written. The guest stands still afterwards in either case:
    /// [`Machine::go_on`] lets it run again.
    pub(crate) async fn capture(&self, dir: &Path, room: u64) -> Result<Captured, CaptureError> {
        let qmp = self.qmp();
        let answer = ANSWER.mul_f64(self.scale());
        qmp.execute("stop", json!({}), answer).await?;
        let qemu = version_of(&qmp.execute("query-version", json!({}), answer).await?);
        let written = self.write_state(&dir.join(files::STATE), room).await;
        // A machine that goes on may be made a template later.
        let reset = mapped(qmp, false, answer).await;
        written?;
        reset?;
        let saved_machine = self.copy_files(dir, room)?;
        let mut lengths = BTreeMap::new();
        let mut bytes = 0;
        for name in saved_machine.files() {
            let metadata = std::fs::symlink_metadata(dir.join(&name))
                .map_err(|source| CaptureError::Copy { what: name.clone(), source })?;
            bytes += metadata.blocks() * 512;
            lengths.insert(name, metadata.len());
        }
        if bytes > room {
            return Err(CaptureError::TooLarge { room });
        }
        Ok(Captured { saved_machine, qemu, files: lengths, bytes })
    }

    /// Lets the guest run again after [`Machine::capture`]. Its clock lags by as long as it stood.
    pub(crate) async fn go_on(&self) -> Result<(), QmpError> {
        self.qmp().execute("cont", json!({}), ANSWER.mul_f64(self.scale())).await.map(|_| ())
    }

    async fn write_state(&self, path: &Path, room: u64) -> Result<(), CaptureError> {
        let qmp = self.qmp();
        let answer = ANSWER.mul_f64(self.scale());
        let deadline = transfer_deadline(self.files().description.memory_mib, self.scale());
        // QEMU opens it by name, once for each of its threads.
        private_file(path)
            .map_err(|source| CaptureError::Copy { what: "the state of its devices".to_owned(), source })?;
        mapped(qmp, true, answer).await?;
        let address = json!({"transport": "file", "filename": path.to_string_lossy(), "offset": 0});
        let channels = json!({"channels": [{"channel-type": "main", "addr": address}]});
        qmp.execute("migrate", channels, answer).await?;
        let full = || {
            let taken = std::fs::metadata(path).map_or(0, |metadata| metadata.blocks() * 512);
            (taken > room).then(String::new)
        };
        match transferred_unless(qmp, deadline, full).await {
            Ok(()) => Ok(()),
            Err(error) => {
                let too_large = full().is_some();
                // Nothing is left to be cancelled when it has failed by itself.
                let _ = qmp.execute("migrate_cancel", json!({}), answer).await;
                Err(match too_large {
                    true => CaptureError::TooLarge { room },
                    false => CaptureError::Transfer(error.to_string()),
                })
            }
        }
    }

    fn copy_files(&self, dir: &Path, room: u64) -> Result<SavedMachine, CaptureError> {
        let MachineFiles { description, layer, below, vars, extra, ram, .. } = self.files();
        let copying = |what: &str| {
            let what = what.to_owned();
            move |source| CaptureError::Copy { what, source }
        };
        let layers = std::iter::once(layer).chain(below);
        let mut sources: Vec<(String, File)> = Vec::new();
        for (number, layer) in layers.enumerate() {
            let name = files::layer(number);
            sources.push((name.clone(), machine_files::reopen(layer, false).map_err(copying(&name))?));
        }
        for (number, disk) in extra.iter().enumerate() {
            let name = files::extra(number);
            sources.push((name.clone(), machine_files::reopen(disk, false).map_err(copying(&name))?));
        }
        if let Some(vars) = vars {
            sources.push((files::VARS.to_owned(), machine_files::reopen(vars, false).map_err(copying(files::VARS))?));
        }
        let kernel = description.kernel.as_ref();
        let named = [
            (files::SEED, description.seed_disk.as_deref()),
            (files::IGNITION, description.ignition.as_deref()),
            (files::KERNEL, kernel.map(|kernel| kernel.image.as_path())),
            (files::INITRD, kernel.and_then(|kernel| kernel.initrd.as_deref())),
        ];
        for (name, path) in named {
            if let Some(path) = path {
                sources.push((name.to_owned(), File::open(path).map_err(copying(name))?));
            }
        }
        let taken: u64 = sources.iter().filter_map(|(_, file)| file.metadata().ok()).map(|m| m.blocks() * 512).sum();
        if taken > room {
            return Err(CaptureError::TooLarge { room });
        }
        for (name, source) in &sources {
            private_file(&dir.join(name))
                .and_then(|copy| channels::sparse_copy(source, &copy))
                .map_err(copying(name))?;
        }
        let code = match &description.firmware {
            Some(firmware) => Some(digest(&firmware.code).map_err(copying("the firmware's digest"))?),
            None => None,
        };
        Ok(SavedMachine::of(description, 1 + below.len(), ram.is_some(), code))
    }
}

/// Which UEFI booted a machine: SHA-256 of the file with its code, and of the one that its variables began as, hex.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct UefiDigests {
    pub(crate) code: String,
    pub(crate) variables: String,
}

impl UefiDigests {
    /// Whether both are digests, as what was read from elsewhere need not be.
    pub(crate) fn are_digests(&self) -> bool {
        [&self.code, &self.variables].into_iter().all(|text| muster_base::text::is_sha256(text))
    }
}

impl Machine {
    /// Which UEFI boots it; `None` without one, and where its files cannot be read.
    pub(crate) fn uefi_digests(&self) -> Option<UefiDigests> {
        let firmware = self.files().description.firmware.as_ref()?;
        Some(UefiDigests { code: digest(&firmware.code).ok()?, variables: digest(&firmware.vars_template).ok()? })
    }
}

/// What is needed to go on where a capsule's machine stopped.
#[derive(Debug)]
pub(crate) struct ResumeRequest<'a> {
    /// What it was.
    pub saved_machine: &'a SavedMachine,
    /// The capsule's directory; only read.
    pub capsule: &'a Path,
    /// The image that it began with.
    pub image: &'a Inspected,
    /// What executes it.
    pub accel: &'a Accel,
    /// The new machine's directory; created.
    pub dir: &'a Path,
    /// Goes on although this host has another firmware than the capsule was made with.
    pub any_firmware: bool,
}

impl Machine {
    /// Starts a machine where the capsule's stopped. Returns as soon as its guest executes.
    pub(crate) async fn resume(request: ResumeRequest<'_>, spawner: &Spawner) -> Result<Machine, MachineError> {
        let ResumeRequest { saved_machine, capsule, image, accel, .. } = request;
        let dir = start::make_dir(request.dir)?;
        let capsule = std::path::absolute(capsule).map_err(start::dir_error("no absolute path", capsule))?;
        let refused = |reason: String| MachineError::Capsule { dir: capsule.clone(), reason };
        let firmware =
            find_firmware(saved_machine, request.any_firmware).map_err(|error| refused(error.to_string()))?;
        let description =
            saved_machine.machine(image, firmware, &capsule, accel.kind).map_err(|error| refused(error.to_string()))?;
        let open = |name: &str| open_plain(&capsule.join(name)).map_err(|source| refused(format!("{name}: {source}")));
        let own = |file: &File| {
            channels::private_copy(file, &dir).map_err(start::dir_error("a file could not be copied", &dir))
        };
        let mut below = Vec::new();
        for number in 0..saved_machine.layers {
            let name = files::layer(number);
            let layer = open(&name)?;
            check_layer(&layer, image.virtual_size).map_err(|reason| refused(format!("{name}: {reason}")))?;
            below.push(layer);
        }
        let mut extra = Vec::new();
        for (number, size) in saved_machine.extra_disks.iter().enumerate() {
            let (name, disk) = (files::extra(number), open(&files::extra(number))?);
            if disk.metadata().map_or(0, |metadata| metadata.len()) != *size {
                return Err(refused(format!("{name} is not as long as its disk is large")));
            }
            extra.push(own(&disk)?);
        }
        let vars = match &description.firmware {
            None => None,
            Some(firmware) => {
                let vars = open(files::VARS)?;
                check_vars(&vars, &firmware.vars_format).map_err(|why| refused(format!("{}: {why}", files::VARS)))?;
                Some(own(&vars)?)
            }
        };
        let ram = match saved_machine.ram_file {
            false => None,
            true => Some(
                machine_files::anonymous_ram(saved_machine.memory_mib)
                    .map_err(start::dir_error("memory for the guest", &dir))?,
            ),
        };
        let layer = Overlay::create(image, &dir).await?.into_layer();
        let state = Some(open(files::STATE)?);
        let files = MachineFiles { description, layer, below, vars, extra, ram, state, blank: None };
        start::begin(files, &dir, accel, spawner, Rules::shipped(), false).await
    }
}

/// The same firmware on this host.
fn find_firmware(saved_machine: &SavedMachine, any: bool) -> Result<Option<Firmware>, FirmwareError> {
    let Some(wanted) = &saved_machine.firmware else { return Ok(None) };
    let found = firmware::find(saved_machine.arch()?, wanted.secure)?;
    if found.vars_format != wanted.vars_format {
        return Err(FirmwareError::Variables { wanted: wanted.vars_format.clone(), here: found.vars_format });
    }
    let here = digest(&found.code).map_err(|source| FirmwareError::Read { path: found.code.clone(), source })?;
    if here != wanted.sha256 && !any {
        return Err(FirmwareError::Other { path: found.code });
    }
    Ok(Some(found))
}

/// `10.0.2`, from QMP's answer.
fn version_of(said: &Value) -> String {
    release(said).unwrap_or_else(|| "0.0.0".to_owned())
}

/// The version of the QEMU that would run a machine of this architecture here; `None` when there is
/// none or it does not say.
pub async fn qemu_here(arch: muster_base::machine::Arch) -> Option<String> {
    let said = tokio::process::Command::new(description::program(arch))
        .arg("--version")
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true)
        .output();
    let said = tokio::time::timeout(ANSWER, said).await.ok()?.ok()?;
    version_in(&String::from_utf8_lossy(&said.stdout))
}

fn version_in(said: &str) -> Option<String> {
    let rest = said.strip_prefix("QEMU emulator version ")?;
    let version: String = rest.chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
    (!version.is_empty()).then_some(version)
}

/// An overlay from a capsule may point nowhere but to what is put below it, and must be as large as
/// the image.
fn check_layer(layer: &File, virtual_size: u64) -> Result<(), LayerError> {
    let size = examine(layer, true)?;
    if size != virtual_size {
        return Err(LayerError::Size { size, image: virtual_size });
    }
    Ok(())
}

/// Variables in qcow2 could name another file of this host.
fn check_vars(vars: &File, format: &str) -> Result<(), LayerError> {
    match format {
        "raw" => Ok(()),
        "qcow2" => examine(vars, false).map(|_| ()),
        other => Err(LayerError::Format(other.to_owned())),
    }
}

/// The virtual size of a qcow2 file that keeps no data elsewhere. The name of what is below an overlay
/// is not looked at, since QEMU knows what is below.
fn examine(file: &File, overlay: bool) -> Result<u64, LayerError> {
    use std::os::unix::fs::FileExt;
    let length = file.metadata()?.len();
    let mut head = vec![0; header::WINDOW.min(usize::try_from(length).unwrap_or(header::WINDOW))];
    file.read_exact_at(&mut head, 0)?;
    if overlay && let Some(backing) = head.get_mut(8..20) {
        backing.fill(0);
    }
    let ends = Ends { head: &head, tail: &[], length };
    if header::format_of(&ends) != Format::Qcow2 {
        return Err(LayerError::NotQcow2);
    }
    match header::examine(Format::Qcow2, &ends) {
        Ok(Some(size)) => Ok(size),
        Ok(None) => Err(LayerError::NoSize),
        Err(Trouble::Backing(name) | Trouble::DataFile(name)) => Err(LayerError::Elsewhere(name)),
        Err(Trouble::Encrypted) => Err(LayerError::Encrypted),
        Err(Trouble::Snapshots) => Err(LayerError::Snapshots),
        Err(Trouble::Broken(why)) => Err(LayerError::Broken(why)),
    }
}

/// Opens a plain file for reading; never a symbolic link, a pipe or a device.
fn open_plain(path: &Path) -> std::io::Result<File> {
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(std::io::Error::other("it is not a plain file")),
    }
}

/// A new file that only this user may read: it holds a guest's memory.
fn private_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn digest(path: &PathBuf) -> std::io::Result<String> {
    let (_, digest) = muster_base::files::sha256(File::open(path)?)?;
    Ok(muster_base::text::hex(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_without_the_packagers_words() {
        assert_eq!(version_in("QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)\n"), Some("10.0.2".to_owned()));
        assert_eq!(version_in("something else"), None);
        let said = json!({"qemu": {"major": 10, "minor": 0, "micro": 2}, "package": "Debian"});
        assert_eq!(version_of(&said), "10.0.2");
    }

    fn overlay(change: impl Fn(&mut Vec<u8>)) -> File {
        use std::io::Write;
        // Version 3, 64 KiB clusters, 1 MiB, tables in the file, a backing file's name at 0x200.
        let mut bytes = vec![0; 4 << 16];
        bytes[..4].copy_from_slice(b"QFI\xfb");
        bytes[4..8].copy_from_slice(&3u32.to_be_bytes());
        bytes[8..16].copy_from_slice(&0x200u64.to_be_bytes());
        bytes[16..20].copy_from_slice(&4u32.to_be_bytes());
        bytes[20..24].copy_from_slice(&16u32.to_be_bytes());
        bytes[24..32].copy_from_slice(&(1u64 << 20).to_be_bytes());
        bytes[36..40].copy_from_slice(&1u32.to_be_bytes());
        bytes[40..48].copy_from_slice(&(1u64 << 16).to_be_bytes());
        bytes[48..56].copy_from_slice(&(2u64 << 16).to_be_bytes());
        bytes[56..60].copy_from_slice(&1u32.to_be_bytes());
        bytes[100..104].copy_from_slice(&104u32.to_be_bytes());
        change(&mut bytes);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        file
    }

    #[test]
    fn an_overlay_may_name_what_is_below_it_and_nothing_else() {
        check_layer(&overlay(|_| {}), 1 << 20).unwrap();
        let larger = check_layer(&overlay(|_| {}), 1 << 30).unwrap_err().to_string();
        assert!(larger.contains("1048576 bytes"), "{larger}");
        let elsewhere = check_layer(&overlay(|bytes| bytes[79] = 4), 1 << 20).unwrap_err().to_string();
        assert!(elsewhere.contains("reaches for another file"), "{elsewhere}");
        let short = check_layer(&overlay(|bytes| bytes.truncate(1 << 16)), 1 << 20).unwrap_err().to_string();
        assert!(short.contains("truncated"), "{short}");
        assert!(check_layer(&overlay(|bytes| bytes[0] = 0), 1 << 20).unwrap_err().to_string().contains("not qcow2"));
        // Variables have nothing below them.
        assert!(check_vars(&overlay(|_| {}), "qcow2").unwrap_err().to_string().contains("reaches for another file"));
        assert!(check_vars(&overlay(|_| {}), "vvfat").is_err());
    }

    #[test]
    fn only_plain_files_are_opened() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("link");
        std::os::unix::fs::symlink("/etc/passwd", &link).unwrap();
        assert!(open_plain(&link).is_err());
        assert!(open_plain(dir.path()).is_err());
        std::fs::write(dir.path().join("plain"), "x").unwrap();
        assert!(open_plain(&dir.path().join("plain")).is_ok());
    }
}
