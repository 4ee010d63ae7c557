//! What a guest is and has: the facts by which tests are gated. `guest` reads them, the run record keeps them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::disk::DiskFacts;
use super::root_tree::RootTree;

/// The facts of one booted guest. Every field is what the guest said: hostile, bounded, escaped
/// before it is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Facts {
    /// All keys of os-release, unquoted.
    pub os_release: BTreeMap<String, String>,
    /// `uname -m`.
    pub arch: String,
    /// `uname -r`.
    pub kernel: String,
    /// /proc/sys/kernel/random/boot_id.
    pub boot_id: String,
    /// Major version of systemd when it is PID 1.
    pub systemd: Option<u32>,
    /// `dnf5`, `dnf4`, `tdnf`, `microdnf`, `apt`; the name of another that muster sees and does not read; or
    /// none.
    pub package_manager: Option<String>,
    /// dpkg's version, when its database has the system's own packages.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub dpkg: Option<String>,
    /// rpm's version, when rpm and its database are there.
    pub rpm: Option<String>,
    /// `enforcing`, `permissive` or `disabled`; none when the kernel has no SELinux.
    pub selinux: Option<String>,
    /// `uefi` or `bios`.
    pub firmware: String,
    /// `image` when /usr is read-only, else `package`.
    pub mode: String,
    /// Which FIPS provider of OpenSSL is installed: `fips` for OpenSSL's own, `symcrypt`, `both`, or `default` where there is neither;
    /// none without an OpenSSL that has providers, and in records of earlier versions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub openssl_provider: Option<String>,
    /// What the guest offers, as names for `capability ==` in a suite; see
    /// [`CAPABILITIES`].
    pub capabilities: BTreeSet<String>,
    /// Commands of [`TOOLS`] that are on the path.
    pub tools: BTreeSet<String>,
    /// Where the kernel configuration can be read, if anywhere.
    pub kconfig: Option<String>,
    /// Capabilities and dimensions that could not be read, each with why: one escaped line. Conditions take them for
    /// absent; a claim about one of them is an error.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub unread: BTreeMap<String, String>,
    /// The file that it was started from, which the runner looked at; none for a machine that muster
    /// did not start.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub disk: Option<DiskFacts>,
    /// `image` when the kernel that booted it is one of its image, `host` when QEMU was given another; none for a machine that
    /// muster did not start, and in records of earlier versions.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kernel_from: Option<String>,
    /// Packages of `--product` that muster installed in this machine, as name, epoch where there is one, version, release and
    /// architecture. A record has them as the products of the image, so that they are not written with the facts.
    #[serde(skip)]
    pub products: Vec<String>,
}

impl Facts {
    /// What the guest says, with what the runner knows from outside: the file, and whether the kernel is the image's.
    #[must_use]
    pub fn from_outside(mut self, disk: Option<DiskFacts>, kernel_from: Option<String>) -> Self {
        if disk.as_ref().and_then(|disk| disk.root.as_ref()).is_some_and(RootTree::is_of_bootc) {
            self.capabilities.insert("bootc".to_owned());
        }
        Self { disk, kernel_from, ..self }
    }

    /// The value, or values, of a dimension of conditions (`distro`, `arch`, `capability`…); `None`
    /// when this system has no such thing or the name is unknown.
    pub fn dimension(&self, name: &str) -> Option<Vec<String>> {
        let release = |key: &str| self.os_release.get(key).filter(|value| !value.is_empty()).cloned();
        let one = |value: &str| (!value.is_empty()).then(|| vec![value.to_owned()]);
        match name {
            "distro" => {
                let id = release("ID")?;
                Some(vec![release("VERSION_ID").map_or(id.clone(), |version| format!("{id}-{version}"))])
            }
            "id" => release("ID").map(|id| vec![id]),
            "id-like" => release("ID_LIKE").map(|ids| ids.split_whitespace().map(str::to_owned).collect()),
            "variant" => release("VARIANT_ID").map(|variant| vec![variant]),
            "arch" => one(&self.arch),
            "mode" => one(&self.mode),
            "firmware" => one(&self.firmware),
            "kernel" => one(&self.kernel),
            "systemd" => self.systemd.map(|version| vec![version.to_string()]),
            "rpm" => self.rpm.clone().map(|version| vec![version]),
            "package-manager" => self.package_manager.clone().map(|name| vec![name]),
            "disk-format" => self.disk.as_ref().map(|disk| vec![disk.format.clone()]),
            "kernel-from" => self.kernel_from.clone().map(|from| vec![from]),
            "selinux" => self.selinux.clone().map(|state| vec![state]),
            "openssl-provider" => self.openssl_provider.clone().map(|provider| vec![provider]),
            "capability" => Some(self.capabilities.iter().cloned().collect()),
            "tool" => Some(self.tools.iter().cloned().collect()),
            _ => None,
        }
    }
}

/// The capabilities, each with what it means; the decoder refuses others.
pub const CAPABILITIES: &[(&str, &str)] = &[
    (
        "rpmdb",
        "rpm is installed and there is a database that is not empty, readable or not; not where the system's own packages are dpkg's",
    ),
    ("dpkg", "the system's own packages are dpkg's: its database has more packages than that of rpm, if there is one"),
    ("package-manager", "dnf5, dnf4, tdnf or microdnf is installed"),
    ("repositories", "at least one repository of dnf or tdnf is enabled"),
    ("systemd", "systemd is PID 1"),
    ("journal", "journalctl can read the journal of this boot"),
    ("selinux", "the kernel has SELinux and a policy is loaded"),
    ("kconfig", "the kernel configuration is there, with what is needed to unpack it"),
    ("writable-usr", "/usr can be written to"),
    ("crypto-policies", "system-wide crypto policies are installed"),
    ("cloud-init", "cloud-init is installed"),
    ("efi", "booted through UEFI"),
    ("securityfs", "/sys/kernel/security is mounted"),
    ("cgroup2", "the unified cgroup hierarchy is mounted"),
    ("locale", "the `locale` command is installed"),
    ("verity", "/ or /usr is on dm-verity, or a root hash on the kernel command line promises so"),
    ("update-slots", "partitions come in two by their names, such as USR-A and USR-B"),
    ("ostree", "booted by ostree"),
    ("ignition", "Ignition is installed or has set the system up"),
    ("sysext", "extensions are where systemd-sysext or systemd-confext looks for them"),
    ("container-engine", "containerd, docker, podman or CRI-O is installed"),
    ("secure-boot", "UEFI Secure Boot is on"),
    ("tpm", "the kernel has a trusted platform module"),
    (
        "bootc",
        "booted by ostree or composefs with bootc installed, or from the archive of an OCI image that has the label `containers.bootc`",
    ),
    ("uki", "booted from a unified kernel image, as the variable StubInfo of systemd-stub says"),
];

/// Commands whose presence is worth knowing before a collector is chosen.
pub const TOOLS: &[&str] = &[
    "rpm",
    "dnf5",
    "dnf",
    "tdnf",
    "microdnf",
    "systemctl",
    "journalctl",
    "systemd-analyze",
    "ss",
    "stat",
    "getent",
    "modinfo",
    "lsmod",
    "sysctl",
    "getenforce",
    "zcat",
    "gzip",
    "sha256sum",
    "getcap",
    "findmnt",
    "coredumpctl",
    "sudo",
    "locale",
    "curl",
    "python3",
    "timedatectl",
    "sshd",
    "ssh",
    "update-crypto-policies",
    "lscpu",
    "readelf",
    "grep",
    "awk",
    "sed",
    "dmsetup",
    "veritysetup",
    "ctr",
    "docker",
    "podman",
    "bootc",
    "unshare",
];
