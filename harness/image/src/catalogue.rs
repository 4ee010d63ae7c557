//! What is known of an image before it is opened: the typed form of an `images/v1` description.
//! Decoding YAML into it is the business of the crate `suite`; this file holds the words and the defaults.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use muster_base::machine::{Arch, DiskBus, FirmwareKind, Format, SeedKind};
use muster_suite::images::{Checksum, Signature};

/// One image and how to boot it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageSpec {
    /// Unique in the catalogue; the word a person types.
    pub id: String,
    /// One line.
    pub summary: String,
    /// Where the disk comes from.
    pub disk: DiskSource,
    /// The format of the disk. Always stated.
    pub format: Format,
    /// The processor it is made for.
    pub arch: Arch,
    /// A kernel that QEMU loads itself; a root file system without one of its own needs it.
    pub kernel: Option<KernelBoot>,
    /// What starts it.
    pub firmware: FirmwareKind,
    /// How the key of the run gets into it.
    pub seed: SeedKind,
    /// The user who logs in over SSH.
    pub user: String,
    /// Guest memory in MiB.
    pub memory_mib: u32,
    /// Virtual processors.
    pub cpus: u32,
    /// An x86 level (`x86-64-v3`) or a CPU model of QEMU; the best there is when absent.
    pub cpu: Option<String>,
    /// How the disk is attached.
    pub bus: DiskBus,
    /// A TPM 2.0, emulated by swtpm.
    pub tpm: bool,
    /// Sizes in bytes of the empty disks next to it, in order.
    pub extra_disks: Vec<u64>,
    /// Network interfaces; the first carries SSH, each further one is a network of its own.
    pub nics: u32,
    /// From QEMU's start to the first answer over SSH, on a host with working KVM; emulation scales it.
    pub boot_timeout: Duration,
    /// Further SMBIOS type 11 strings that the image understands, such as systemd credentials.
    pub smbios: Vec<String>,
    /// Dimensions that are known without booting: `distro`, `arch`, `mode`, ….
    pub facts: BTreeMap<String, String>,
    /// The largest virtual size that is accepted, in bytes.
    pub max_virtual_size: u64,
}

/// Where the disk comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiskSource {
    /// A file of this host.
    Path(PathBuf),
    /// A variant that `images/lab/build` makes.
    LabBuild {
        /// `lab`, `lab-tiny`, ….
        variant: String,
    },
    /// A file of its vendor, which `muster images pull` fetches into the cache.
    Download(Download),
    /// A file that its vendor does not publish: a person makes it and puts it there.
    Bring {
        /// Where it is looked for.
        path: PathBuf,
        /// How it is made, one step each.
        steps: Vec<String>,
    },
}

/// A file of a vendor, and by what it is known to be the right one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Download {
    /// Where it is: `https://…/name.qcow2`.
    pub url: String,
    /// The most bytes it may have.
    pub max_size: u64,
    /// Its digest, or where that is published.
    pub checksum: Checksum,
    /// What the vendor signed, if anything.
    pub signature: Option<Signature>,
}

impl Download {
    /// The largest file that is fetched unless a description says otherwise: 8 GiB.
    pub const MAX_SIZE: u64 = 8 << 30;

    /// The name that its vendor gave the file: what checksum files know it by.
    pub fn file_name(&self) -> &str {
        self.url.rsplit('/').next().unwrap_or_default()
    }
}

/// What QEMU loads in place of a boot loader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelBoot {
    /// The kernel. For lab images relative to the built image's directory.
    pub image: PathBuf,
    /// Its initial RAM disk, found in the same way.
    pub initrd: Option<PathBuf>,
    /// Its command line.
    pub cmdline: String,
}

impl ImageSpec {
    /// The largest virtual size that is accepted unless a description says otherwise: 1 TiB.
    pub const MAX_VIRTUAL_SIZE: u64 = 1 << 40;
    /// The largest virtual size that is only looked into, in bytes: 64 TiB, the largest disk that Azure has.
    pub const MAX_LOOKED_INTO: u64 = 64 << 40;

    /// The largest number of network interfaces, and of extra disks.
    pub const MAX_DEVICES: u32 = 8;

    /// A description with every default: x86_64, UEFI, NoCloud, root, 1 GiB, 2 processors, virtio-blk,
    /// one network interface, 120 s.
    pub fn new(id: impl Into<String>, disk: DiskSource, format: Format) -> Self {
        Self {
            id: id.into(),
            summary: String::new(),
            disk,
            format,
            arch: Arch::X86_64,
            kernel: None,
            firmware: FirmwareKind::Uefi,
            seed: SeedKind::NoCloud,
            user: "root".to_owned(),
            memory_mib: 1024,
            cpus: 2,
            cpu: None,
            bus: DiskBus::VirtioBlk,
            tpm: false,
            extra_disks: Vec::new(),
            nics: 1,
            boot_timeout: Duration::from_secs(120),
            smbios: Vec::new(),
            facts: BTreeMap::new(),
            max_virtual_size: Self::MAX_VIRTUAL_SIZE,
        }
    }

    /// A description for a file that is in no catalogue. Its id is the file's stem, reduced to
    /// letters, digits, `.`, `_` and `-`.
    pub fn from_file(path: &Path, format: Format) -> Self {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let word: String = stem
            .chars()
            .take(64)
            .map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' })
            .collect();
        let id = match word.trim_matches(['.', '-']) {
            "" => "image".to_owned(),
            word => word.to_owned(),
        };
        Self { summary: path.display().to_string(), ..Self::new(id, DiskSource::Path(path.to_owned()), format) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_read_back_and_others_are_refused_with_the_choices() {
        for word in Format::NAMES {
            assert_eq!(word.parse::<Format>().map(Format::name), Ok(*word));
        }
        let unknown = "img".parse::<Format>().unwrap_err().to_string();
        assert_eq!(unknown, "one of: qcow2, raw, vhd, vhdx, vmdk, tar");
        assert_eq!(Format::Vhd.driver(), "vpc");
    }

    #[test]
    fn an_unlisted_file_gets_an_id_that_is_safe_as_a_directory_name() {
        let id = |path: &str| ImageSpec::from_file(Path::new(path), Format::Raw).id;
        assert_eq!(id("/x/Azure Linux 4.0.qcow2"), "Azure-Linux-4.0");
        assert_eq!(id("/x/---.raw"), "image");
        assert_eq!(id("/x/\u{1b}[31m.raw"), "-31m".trim_start_matches('-'));
    }
}
