//! What conditions can ask about.

/// What a condition can ask about: name, what it holds, whether `<`, `<=`, `>` and `>=` apply.
pub const DIMENSIONS: &[(&str, &str, bool)] = &[
    (
        "distro",
        "ID and VERSION_ID of os-release, joined by `-`: `fedora-43`; without a version any version is meant",
        true,
    ),
    ("id", "ID of os-release", false),
    ("id-like", "ID and each name in ID_LIKE of os-release", false),
    ("variant", "VARIANT_ID of os-release", false),
    ("arch", "machine hardware name, as `uname -m` prints it", false),
    (
        "mode",
        "`package` for a system that packages are installed on, `image` for one that is replaced as a whole",
        false,
    ),
    ("image", "id of the image in the catalogue", false),
    ("firmware", "`uefi` or `bios`", false),
    (
        "disk-format",
        "format of the image's file: `qcow2`, `raw`, `vhd`, `vhdx`, `vmdk` or `tar`; absent when muster did not start the machine",
        false,
    ),
    (
        "kernel-from",
        "`image` when the kernel that booted it is one of its image, `host` when it is a file that QEMU was given; absent when muster did not start the machine",
        false,
    ),
    ("accelerator", "`kvm` or `tcg`", false),
    ("kernel", "release of the running kernel", true),
    ("systemd", "major version of systemd, when it is PID 1", true),
    ("rpm", "version of rpm, when its database is there", true),
    ("package-manager", "`dnf5`, `dnf4`, `tdnf`, `microdnf`, `apt`, or one that muster only knows by name", false),
    ("selinux", "`enforcing`, `permissive` or `disabled`; absent when the kernel has none", false),
    (
        "openssl-provider",
        "which FIPS provider of OpenSSL is installed: `fips` for OpenSSL's own, `symcrypt`, `both`, or `default` where there is neither; absent without OpenSSL 3 or later",
        false,
    ),
    (
        "claimed-openssl-provider",
        "what the description of the image claims `openssl-provider` to be; absent where it claims nothing of it, or not one value",
        false,
    ),
    ("capability", "what the guest offers; several hold at once", false),
    ("tool", "commands the guest has; several hold at once", false),
];

/// What `uname -m` prints on Linux (`UTS_MACHINE` of its kernels, and what a 32-bit personality makes of it), the usual
/// ones first.
const ARCHES: &[&str] = &[
    "x86_64",
    "aarch64",
    "i686",
    "armv7l",
    "ppc64le",
    "riscv64",
    "s390x",
    "loongarch64",
    "aarch64_be",
    "alpha",
    "arc",
    "armv5tejl",
    "armv5tel",
    "armv6l",
    "armv8b",
    "armv8l",
    "csky",
    "hexagon",
    "i386",
    "i486",
    "i586",
    "ia64",
    "loongarch32",
    "m68k",
    "microblaze",
    "mips",
    "mips64",
    "nios2",
    "openrisc",
    "parisc",
    "parisc64",
    "ppc",
    "ppc64",
    "ppcle",
    "riscv32",
    "s390",
    "sh4",
    "sparc",
    "sparc64",
    "xtensa",
];

/// The only words a dimension ever has; `None` when they cannot be listed.
pub fn words(dimension: &str) -> Option<&'static [&'static str]> {
    Some(match dimension {
        "arch" => ARCHES,
        "mode" => &["package", "image"],
        "firmware" => &["uefi", "bios"],
        "disk-format" => muster_base::machine::Format::NAMES,
        "kernel-from" => muster_base::machine::KernelFrom::NAMES,
        "accelerator" => &["kvm", "tcg"],
        "package-manager" => &[
            "dnf5", "dnf4", "tdnf", "microdnf", "apt", "zypper", "pacman", "apk", "portage", "opkg", "xbps", "nix",
            "eopkg", "slackpkg", "swupd",
        ],
        "selinux" => &["enforcing", "permissive", "disabled"],
        "openssl-provider" | "claimed-openssl-provider" => &["default", "fips", "symcrypt", "both"],
        _ => return None,
    })
}

/// Whether a dimension has several values at once, so that two equalities do not contradict.
pub fn is_multiple(dimension: &str) -> bool {
    matches!(dimension, "id-like" | "capability" | "tool")
}
