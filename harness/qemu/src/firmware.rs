//! Finds UEFI firmware through the JSON descriptors that QEMU's packages install
//! (docs/interop/firmware.json of QEMU). Distributions disagree about file names, not about these.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::MachineError;
use muster_base::machine::Arch;

/// Firmware for one machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Firmware {
    /// The code, mapped read-only.
    pub code: PathBuf,
    /// QEMU's driver for the code file.
    pub code_format: String,
    /// The template of the variable store; every machine gets a copy.
    pub vars_template: PathBuf,
    /// QEMU's driver for the variable store.
    pub vars_format: String,
    /// Secure Boot is on and keys are enrolled; needs SMM on x86_64.
    pub secure: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Descriptor {
    interface_types: Vec<String>,
    mapping: serde_json::Value,
    targets: Vec<Target>,
    #[serde(default)]
    features: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Target {
    architecture: String,
    machines: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Flash {
    device: String,
    #[serde(default)]
    mode: Option<String>,
    executable: FlashFile,
    nvram_template: FlashFile,
}

#[derive(Debug, Deserialize)]
struct FlashFile {
    filename: PathBuf,
    format: String,
}

/// The directories of descriptors, the most important first.
pub(crate) fn dirs() -> Vec<PathBuf> {
    let config = std::env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config")));
    let mut dirs: Vec<PathBuf> = config.map(|config| config.join("qemu/firmware")).into_iter().collect();
    dirs.extend(["/etc/qemu/firmware", "/usr/share/qemu/firmware"].map(PathBuf::from));
    dirs
}

/// Finds firmware for our machine of that architecture, with or without Secure Boot, in the usual
/// [`directories`].
pub(crate) fn find(arch: Arch, secure: bool) -> Result<Firmware, MachineError> {
    find_in(&dirs(), arch, secure)
}

/// The board as descriptors name it (a pattern whose beginning tells), and as people do.
fn board(arch: Arch) -> (&'static str, &'static str) {
    match arch {
        Arch::X86_64 => ("pc-q35", "q35"),
        Arch::Aarch64 => ("virt", "Arm's virt"),
    }
}

/// The same in given directories. A file name hides the same name in a later directory, and an empty file
/// only hides; names sort by their number, as QEMU's specification has it.
pub(crate) fn find_in(dirs: &[PathBuf], arch: Arch, secure: bool) -> Result<Firmware, MachineError> {
    let mut descriptors: BTreeMap<std::ffi::OsString, PathBuf> = BTreeMap::new();
    for dir in dirs {
        let Ok(entries) = std::fs::read_dir(dir) else { continue };
        for path in entries.flatten().map(|entry| entry.path()) {
            if let Some(name) = path.file_name().filter(|_| path.extension().is_some_and(|end| end == "json")) {
                descriptors.entry(name.to_owned()).or_insert(path);
            }
        }
    }
    let mut looked = Vec::new();
    for path in descriptors.values() {
        match consider(path, arch, secure) {
            Ok(firmware) => return Ok(firmware),
            Err(why) => looked.push(format!("{} ({why})", path.display())),
        }
    }
    if looked.is_empty() {
        let dirs: Vec<_> = dirs.iter().map(|dir| dir.display().to_string()).collect();
        looked.push(format!("no descriptor in {}", dirs.join(", ")));
    }
    let wanted = format!("UEFI for {} {} Secure Boot", board(arch).1, if secure { "with" } else { "without" });
    Err(MachineError::Firmware { wanted, looked: looked.join("; ") })
}

/// Why a descriptor's firmware is not taken.
#[derive(Debug, thiserror::Error)]
enum Unfit {
    #[error(transparent)]
    Read(#[from] std::io::Error),
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    #[error("hidden by an empty file")]
    Hidden,
    #[error("not UEFI")]
    NotUefi,
    #[error("not for {0}")]
    Board(&'static str),
    #[error("no Secure Boot with enrolled keys")]
    NoSecureBoot,
    #[error("made for Secure Boot")]
    SecureBoot,
    #[error("not a flash mapping with a variable store")]
    Mapping,
    #[error("not split flash")]
    Split,
    #[error("{} is missing", .0.display())]
    Missing(PathBuf),
    #[error("a format other than raw and qcow2")]
    Format,
}

fn consider(path: &Path, arch: Arch, secure: bool) -> Result<Firmware, Unfit> {
    let text = std::fs::read_to_string(path)?;
    if text.trim().is_empty() {
        return Err(Unfit::Hidden);
    }
    let descriptor: Descriptor = serde_json::from_str(&text)?;
    if !descriptor.interface_types.iter().any(|kind| kind == "uefi") {
        return Err(Unfit::NotUefi);
    }
    let fits = |target: &Target| {
        target.architecture == arch.name() && target.machines.iter().any(|machine| machine.starts_with(board(arch).0))
    };
    if !descriptor.targets.iter().any(fits) {
        return Err(Unfit::Board(board(arch).1));
    }
    let has = |feature: &str| descriptor.features.iter().any(|name| name == feature);
    if secure && !(has("secure-boot") && has("enrolled-keys")) {
        return Err(Unfit::NoSecureBoot);
    }
    // Without Secure Boot, firmware that wants SMM only costs time, and confidential-computing builds
    // want a launch we do not do.
    if !secure && (has("secure-boot") || has("requires-smm")) {
        return Err(Unfit::SecureBoot);
    }
    let flash: Flash = serde_json::from_value(descriptor.mapping).map_err(|_| Unfit::Mapping)?;
    if flash.device != "flash" || flash.mode.as_deref().is_some_and(|mode| mode != "split") {
        return Err(Unfit::Split);
    }
    for file in [&flash.executable, &flash.nvram_template] {
        if !file.filename.is_file() {
            return Err(Unfit::Missing(file.filename.clone()));
        }
        if !["raw", "qcow2"].contains(&file.format.as_str()) {
            return Err(Unfit::Format);
        }
    }
    Ok(Firmware {
        code: flash.executable.filename,
        code_format: flash.executable.format,
        vars_template: flash.nvram_template.filename,
        vars_format: flash.nvram_template.format,
        secure,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptor(dir: &Path, name: &str, code: &Path, features: &str) {
        let text = format!(
            r#"{{"interface-types": ["uefi"], "features": [{features}],
                "mapping": {{"device": "flash", "executable": {{"filename": {code:?}, "format": "raw"}},
                             "nvram-template": {{"filename": {code:?}, "format": "raw"}}}},
                "targets": [{{"architecture": "x86_64", "machines": ["pc-q35-*"]}}]}}"#
        );
        std::fs::write(dir.join(name), text).unwrap();
    }

    #[test]
    fn the_first_that_fits_wins_and_a_miss_names_what_was_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let code = dir.path().join("code.fd");
        std::fs::write(&code, "code").unwrap();
        descriptor(dir.path(), "50-secure.json", &code, r#""secure-boot", "enrolled-keys", "requires-smm""#);
        std::fs::write(dir.path().join("40-broken.json"), "{").unwrap();
        let dirs = [dir.path().join("none"), dir.path().to_owned()];
        assert!(find_in(&dirs, Arch::X86_64, true).unwrap().secure);
        let message = find_in(&dirs, Arch::X86_64, false).unwrap_err().to_string();
        assert!(message.contains("50-secure.json (made for Secure Boot)"), "{message}");
        assert!(message.contains("40-broken.json (EOF"), "{message}");
        descriptor(dir.path(), "60-plain.json", &code, "");
        assert_eq!(find_in(&dirs, Arch::X86_64, false).unwrap().code, code);
        let message = find_in(&dirs, Arch::Aarch64, false).unwrap_err().to_string();
        assert!(message.contains("UEFI for Arm's virt without Secure Boot"), "{message}");
        assert!(message.contains("60-plain.json (not for Arm's virt)"), "{message}");
    }

    #[test]
    fn an_earlier_directory_hides_a_later_one() {
        let (user, system) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let code = system.path().join("code.fd");
        std::fs::write(&code, "code").unwrap();
        descriptor(system.path(), "60-plain.json", &code, "");
        std::fs::write(user.path().join("60-plain.json"), "").unwrap();
        let dirs = [user.path().to_owned(), system.path().to_owned()];
        let message = find_in(&dirs, Arch::X86_64, false).unwrap_err().to_string();
        assert!(message.contains("hidden by an empty file"), "{message}");
    }
}
