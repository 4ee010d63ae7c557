//! Names of the kernel: modules, symbols, parameters, flags.

use super::super::diagnostic::did_you_mean;
use super::form::{Grammar, Reading, Refusal, meant, only, refuse};

/// A module. Dashes and underscores are the same in names of modules (kmod's `modname_normalize`).
pub const MODULE: Grammar = Grammar {
    what: "a module name",
    form: "letters, digits and `_` or `-`, which are the same; no `.ko`, no path, no pattern",
    pattern: r"[A-Za-z0-9_-]+",
    reading: Reading::Form(module),
    good: &[
        ("btrfs", "btrfs"),
        ("virtio-net", "virtio_net"),
        ("snd_hda_intel", "snd_hda_intel"),
        ("xt_TCPMSS", "xt_TCPMSS"),
        ("8021q", "8021q"),
        ("BusLogic", "BusLogic"),
        ("88XXau", "88XXau"),
    ],
    bad: &[
        ("virtio_net.ko", "virtio_net"),
        ("virtio-net.ko.xz", "virtio_net"),
        ("/lib/modules/6.1/kernel/fs/btrfs/btrfs.ko.zst", "btrfs"),
        ("VIRTIO_NET", "virtio_net"),
        ("Btrfs", "btrfs"),
        ("kernel/fs/btrfs", "btrfs"),
        ("virtio*", ""),
        ("virtio net", ""),
        ("CONFIG_BTRFS_FS", ""),
        ("btrfs ", "btrfs"),
    ],
};

/// A parameter of a module.
pub const MODULE_PARAMETER: Grammar = Grammar {
    what: "a parameter of a module",
    form: "letters, digits and `_` or `-`, which are the same, without the module's name",
    pattern: r"[A-Za-z0-9_-]+",
    reading: Reading::Form(module_parameter),
    good: &[("nested", "nested"), ("enable-x", "enable_x"), ("Debug", "Debug")],
    bad: &[("kvm_intel.nested", "nested"), ("nested=1", "nested"), ("a b", "")],
};

/// A symbol of the kernel's configuration, completed with `CONFIG_`.
pub const SYMBOL: Grammar = Grammar {
    what: "a configuration symbol",
    form: "`CONFIG_` and letters, digits and `_`, or without `CONFIG_`; no value",
    pattern: r"[A-Za-z0-9_]+",
    reading: Reading::Form(symbol),
    good: &[
        ("CONFIG_KVM", "CONFIG_KVM"),
        ("KVM", "CONFIG_KVM"),
        ("CONFIG_PPC_8xx", "CONFIG_PPC_8xx"),
        ("64BIT", "CONFIG_64BIT"),
    ],
    bad: &[
        ("CONFIG_KVM=y", "CONFIG_KVM"),
        ("config_kvm", "CONFIG_KVM"),
        ("kvm", "CONFIG_KVM"),
        ("CONFIG_kvm", "CONFIG_KVM"),
        ("CONFIG-KVM", "CONFIG_KVM"),
        ("CONFIG_CONFIG_KVM", "CONFIG_KVM"),
        ("CONFIG_", ""),
        ("CONFIG_DRM*", ""),
        ("CONFIG_KVM ", "CONFIG_KVM"),
        ("CONIFG_KVM", "CONFIG_KVM"),
    ],
};

/// A parameter of /proc/sys, as sysctl(8) takes it: the first separator decides; in the dotted form a slash
/// stands for a dot of a name.
pub const SYSCTL: Grammar = Grammar {
    what: "a parameter name such as `kernel.kptr_restrict`",
    form: "parts with dots (or slashes) between them, as sysctl(8) takes them; no pattern, no value",
    pattern: r"[A-Za-z0-9_@:-]+[./][^\s*?=]+",
    reading: Reading::Form(sysctl),
    good: &[
        ("kernel.kptr_restrict", "kernel.kptr_restrict"),
        ("kernel/kptr_restrict", "kernel.kptr_restrict"),
        ("net/ipv4/conf/eth0.100/forwarding", "net.ipv4.conf.eth0/100.forwarding"),
        ("net.ipv4.conf.eth0/100.forwarding", "net.ipv4.conf.eth0/100.forwarding"),
        ("user.max_user_namespaces", "user.max_user_namespaces"),
    ],
    bad: &[
        ("kptr_restrict", ""),
        ("kernel.kptr_restrict=1", "kernel.kptr_restrict"),
        ("-kernel.kptr_restrict", "kernel.kptr_restrict"),
        ("/proc/sys/kernel/kptr_restrict", "kernel.kptr_restrict"),
        ("net.ipv4.conf.*.rp_filter", ""),
        ("kernel..kptr_restrict", "kernel.kptr_restrict"),
        ("kernal.kptr_restrict", "kernel.kptr_restrict"),
        ("kernel.kptr_restrict ", "kernel.kptr_restrict"),
        ("net.ipv4.", ""),
        ("kernel.kptr restrict", ""),
    ],
};

/// The directories below /proc/sys of Linux, whatever its configuration and architecture
/// (Documentation/admin-guide/sysctl/index.rst, and those that drivers and architectures register).
pub const SYSCTL_ROOTS: &[&str] = &[
    "abi", "appldata", "bus", "coda", "crypto", "debug", "dev", "fs", "fscache", "kernel", "net", "pm", "proc",
    "reiserfs", "s390dbf", "sunrpc", "user", "vm", "xen",
];

/// A taint bit by name.
pub const TAINT: Grammar = Grammar {
    what: "a taint of the kernel",
    form: "one of the names below, or `bit-20` and the like for a bit without one",
    pattern: r"[a-z0-9-]+",
    reading: Reading::Form(taint),
    good: &[("proprietary-module", "proprietary-module"), ("warn", "warn"), ("bit-20", "bit-20"), ("bit-63", "bit-63")],
    bad: &[
        ("W", "warn"),
        ("P", "proprietary-module"),
        ("9", "warn"),
        ("512", ""),
        ("proprietary", "proprietary-module"),
        ("propietary-module", "proprietary-module"),
        ("out-of-tree", "out-of-tree-module"),
        ("unsigned_module", "unsigned-module"),
        ("bit-9", "warn"),
        ("bit-64", ""),
    ],
};

/// Taints as (letter, name), by bit: Documentation/admin-guide/tainted-kernels.rst.
pub const TAINTS: &[(char, &str)] = &[
    ('P', "proprietary-module"),
    ('F', "forced-load"),
    ('S', "out-of-spec"),
    ('R', "forced-unload"),
    ('M', "machine-check"),
    ('B', "bad-page"),
    ('U', "user"),
    ('D', "oops"),
    ('A', "acpi-override"),
    ('W', "warn"),
    ('C', "staging-module"),
    ('I', "firmware-workaround"),
    ('O', "out-of-tree-module"),
    ('E', "unsigned-module"),
    ('L', "soft-lockup"),
    ('K', "live-patch"),
    ('X', "aux"),
    ('T', "randstruct"),
    ('N', "test-module"),
    ('J', "fwctl"),
];

/// A security module.
pub const LSM: Grammar = Grammar {
    what: "a security module",
    form: "as /sys/kernel/security/lsm lists it",
    pattern: r"[a-z0-9_]+",
    reading: Reading::Known(lower_word, LSMS),
    good: &[("selinux", "selinux"), ("landlock", "landlock"), ("csmodule", "csmodule")],
    bad: &[
        ("SELinux", "selinux"),
        ("app-armor", "apparmor"),
        ("aparmor", "apparmor"),
        ("landlok", "landlock"),
        ("selinux,bpf", ""),
        ("capabilities", "capability"),
    ],
};

const LSMS: &[&str] = &[
    "capability",
    "lockdown",
    "landlock",
    "yama",
    "loadpin",
    "safesetid",
    "selinux",
    "smack",
    "tomoyo",
    "apparmor",
    "bpf",
    "ipe",
    "integrity",
    "ima",
    "evm",
];

/// A file of /sys/devices/system/cpu/vulnerabilities.
pub const VULNERABILITY: Grammar = Grammar {
    what: "a CPU vulnerability",
    form: "the name of its file below /sys/devices/system/cpu/vulnerabilities",
    pattern: r"[a-z0-9_]+",
    reading: Reading::Known(lower_word, VULNERABILITIES),
    good: &[
        ("spectre_v2", "spectre_v2"),
        ("meltdown", "meltdown"),
        ("vmscape", "vmscape"),
        ("of_tomorrow", "of_tomorrow"),
    ],
    bad: &[
        ("spectre-v2", "spectre_v2"),
        ("Meltdown", "meltdown"),
        ("spectr_v2", "spectre_v2"),
        ("retbled", "retbleed"),
        ("CVE-2017-5754", ""),
    ],
};

/// drivers/base/cpu.c.
const VULNERABILITIES: &[&str] = &[
    "meltdown",
    "spectre_v1",
    "spectre_v2",
    "spec_store_bypass",
    "l1tf",
    "mds",
    "tsx_async_abort",
    "itlb_multihit",
    "srbds",
    "mmio_stale_data",
    "retbleed",
    "spec_rstack_overflow",
    "gather_data_sampling",
    "reg_file_data_sampling",
    "ghostwrite",
    "old_microcode",
    "indirect_target_selection",
    "tsa",
    "vmscape",
];

/// A controller of the unified cgroup hierarchy.
pub const CONTROLLER: Grammar = Grammar {
    what: "a cgroup controller",
    form: "as cgroup.controllers lists it",
    pattern: r"[a-z0-9_]+",
    reading: Reading::Known(controller, CONTROLLERS),
    good: &[("memory", "memory"), ("io", "io"), ("dmem", "dmem")],
    bad: &[("blkio", "io"), ("Memory", "memory"), ("memmory", "memory"), ("cpu,io", ""), ("cpuacct", "cpu")],
};

const CONTROLLERS: &[&str] =
    &["cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma", "misc", "dmem", "perf_event"];

/// A kind of namespaces.
pub const NAMESPACE: Grammar = Grammar {
    what: "a kind of namespaces",
    form: "the name of its file below /proc/self/ns",
    pattern: r"[a-z]+",
    reading: Reading::Closed(NAMESPACES),
    good: &[("mnt", "mnt"), ("user", "user"), ("time", "time")],
    bad: &[("mount", ""), ("usr", "user"), ("pid_for_children", ""), ("NET", "net")],
};

const NAMESPACES: &[&str] = &["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"];

/// An algorithm of /proc/crypto.
pub const ALGORITHM: Grammar = Grammar {
    what: "an algorithm of the kernel",
    form: "as /proc/crypto names it: lower-case letters, digits and `_-(),` (`cbc(aes)`)",
    pattern: r"[a-z0-9_(),.+-]+",
    reading: Reading::Form(algorithm),
    good: &[("sha256", "sha256"), ("cbc(aes)", "cbc(aes)"), ("pkcs1(rsa,sha256)", "pkcs1(rsa,sha256)"), ("842", "842")],
    bad: &[
        ("SHA256", "sha256"),
        ("MD5", "md5"),
        ("aes-cbc", "cbc(aes)"),
        ("aes-256-gcm", ""),
        ("sha-256", "sha256"),
        ("cbc(aes", ""),
        ("a b", ""),
    ],
};

/// An argument of the kernel's command line.
pub const ARGUMENT: Grammar = Grammar {
    what: "an argument of the command line",
    form: "one whole argument with its value (`console=ttyS0`); no blank",
    pattern: r"\S*[^\s=]",
    reading: Reading::Form(argument),
    good: &[
        ("quiet", "quiet"),
        ("console=ttyS0,115200n8", "console=ttyS0,115200n8"),
        ("root=UUID=a-b", "root=UUID=a-b"),
    ],
    bad: &[("quiet splash", ""), ("lsm=", ""), ("console=*", ""), ("quiet ", "quiet")],
};

/// A release of a kernel.
pub const RELEASE: Grammar = Grammar {
    what: "a release of a kernel",
    form: "as `uname -r` prints it",
    pattern: r"[A-Za-z0-9._+~^-]+",
    reading: Reading::Form(release),
    good: &[("6.12.74+deb13-cloud-amd64", "6.12.74+deb13-cloud-amd64"), ("6.6.1-1.azl3", "6.6.1-1.azl3")],
    bad: &[("/lib/modules/6.1.0", "6.1.0"), ("6.1*", ""), ("vmlinuz-6.1.0", "6.1.0"), (">= 6.1", "")],
};

/// The hash of a register of a TPM.
pub const PCR_BANK: Grammar = Grammar {
    what: "a hash algorithm of a TPM",
    form: "in lower case without dashes (`sha256`)",
    pattern: r"[a-z0-9_]+",
    reading: Reading::Closed(&["sha1", "sha256", "sha384", "sha512", "sm3", "sha3-256", "sha3-384", "sha3-512"]),
    good: &[("sha256", "sha256")],
    bad: &[("SHA256", "sha256"), ("sha-256", "sha256"), ("sha265", "sha256"), ("md5", "")],
};

fn module(text: &str) -> Result<String, Refusal> {
    let base = text.rsplit('/').next().unwrap_or_default();
    let (base, file) = match base.split_once(".ko") {
        Some((name, "" | ".xz" | ".zst" | ".gz" | ".bz2")) => (name, true),
        _ => (base, false),
    };
    let plain = base.replace('-', "_");
    if let Some(name) = base.strip_prefix("CONFIG_") {
        return refuse(format!("`CONFIG_{name}` is a symbol of the kernel's configuration: `kconfig` looks at it"));
    }
    if file || text.contains('/') {
        let name = module(&plain).unwrap_or_default();
        return meant("a module is named without the path and the suffix of its file", name);
    }
    only(text, "a module name", |c| c.is_ascii_alphanumeric() || "_-".contains(c))?;
    if !has_fitting_case(&plain) {
        return meant("names of modules are lower case, but for few", plain.to_lowercase());
    }
    Ok(plain)
}

/// Names with capitals exist: extensions of netfilter, some old drivers, and drivers whose names begin with
/// the number of a chip.
fn has_fitting_case(name: &str) -> bool {
    const OTHERS: &[&str] = &["BusLogic", "NCR53c406a", "DAC960", "L440GX"];
    if !name.bytes().any(|b| b.is_ascii_uppercase()) || OTHERS.contains(&name) {
        return true;
    }
    name.starts_with(|c: char| c.is_ascii_digit())
        || (name.starts_with(|c: char| c.is_ascii_lowercase()) && name.contains(|c: char| c.is_ascii_uppercase()))
}

fn module_parameter(text: &str) -> Result<String, Refusal> {
    let plain = text.replace('-', "_");
    if plain.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
        return Ok(plain);
    }
    let near = plain.split('=').next().unwrap_or_default().rsplit('.').next().unwrap_or_default();
    let fits = near.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    meant("a parameter is letters, digits and `_`", if fits { near } else { "" })
}

fn symbol(text: &str) -> Result<String, Refusal> {
    let plain = text.split('=').next().unwrap_or_default().trim().replace('-', "_");
    let near = || {
        let upper = plain.to_uppercase();
        let mut name = upper.as_str();
        while let Some(rest) = name.strip_prefix("CONFIG_") {
            name = rest;
        }
        if let Some((first, rest)) = name.split_once('_')
            && strsim::damerau_levenshtein(first, "CONFIG") == 1
        {
            name = rest;
        }
        let fits = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if fits { format!("CONFIG_{name}") } else { String::new() }
    };
    if text.contains('=') {
        return meant("a symbol has no value: the value is what the suite states of it", near());
    }
    if let Some(odd) = text.chars().find(|c| !c.is_ascii_alphanumeric() && *c != '_') {
        return meant(format!("a symbol has no `{odd}`"), near());
    }
    let name = text.strip_prefix("CONFIG_").unwrap_or(text);
    if name.is_empty() {
        return refuse("a symbol has a name after `CONFIG_`");
    }
    let slip = name.split_once('_').is_some_and(|(first, _)| strsim::damerau_levenshtein(first, "CONFIG") == 1);
    if slip || name.starts_with("CONFIG_") {
        return meant("a symbol has `CONFIG_` before it once, or not at all", near());
    }
    if name.bytes().any(|b| b.is_ascii_lowercase()) && !name.bytes().any(|b| b.is_ascii_uppercase()) {
        // `8xx` and `40x` are real, and always with capitals or digits before them.
        if !name.starts_with(|c: char| c.is_ascii_digit()) {
            return meant("symbols are in capitals", near());
        }
    }
    Ok(format!("CONFIG_{name}"))
}

/// The name of a kernel parameter with dots between its parts, as sysctl(8) reads it: where a slash comes first, slashes
/// separate and dots belong to names (`net/ipv4/conf/eth0.1/forwarding`).
pub fn dotted(name: &str) -> String {
    let swap = |c| match c {
        '/' => '.',
        '.' => '/',
        other => other,
    };
    match name.find(['.', '/']) {
        Some(at) if name[at..].starts_with('/') => name.chars().map(swap).collect(),
        _ => name.to_owned(),
    }
}

fn sysctl(text: &str) -> Result<String, Refusal> {
    let fixed =
        |text: &str| sysctl(text).ok().filter(|near| near != text).or_else(|| sysctl(text).ok()).unwrap_or_default();
    if let Some(rest) = text.strip_prefix("/proc/sys/") {
        return meant("a parameter is named without the directory", fixed(rest));
    }
    if let Some((name, _)) = text.split_once('=') {
        return meant("a parameter has no `=`: the value is what the suite states of it", fixed(name.trim()));
    }
    if let Some(rest) = text.strip_prefix('-') {
        return meant("the dash is for lines of sysctl.d", fixed(rest));
    }
    only(text, "a parameter", |c| !c.is_whitespace() && !"*?[]".contains(c))?;
    if !text.contains(['.', '/']) {
        return refuse("a parameter has its directory before it (`kernel.kptr_restrict`)");
    }
    let dotted = dotted(text);
    let parts: Vec<&str> = dotted.split('.').collect();
    if parts.iter().any(|part| part.is_empty()) {
        let near = parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(".");
        let whole = parts.last().is_some_and(|last| !last.is_empty());
        return meant(
            "a parameter has something between its dots and after the last",
            if whole { fixed(&near) } else { String::new() },
        );
    }
    let top = parts.first().copied().unwrap_or_default();
    if let Some(near) =
        SYSCTL_ROOTS.iter().find(|known| !SYSCTL_ROOTS.contains(&top) && super::form::is_slip(top, known))
    {
        return meant(format!("/proc/sys has no `{top}`"), dotted.replacen(top, near, 1));
    }
    Ok(dotted)
}

fn taint(text: &str) -> Result<String, Refusal> {
    let names = || TAINTS.iter().map(|(_, name)| *name);
    if names().any(|name| name == text) {
        return Ok(text.to_owned());
    }
    if let Some(bit) = text.strip_prefix("bit-").and_then(|bit| bit.parse::<usize>().ok()) {
        return match TAINTS.get(bit) {
            Some((_, name)) => meant("this bit has a name", *name),
            None if bit < 64 && text == format!("bit-{bit}") => Ok(text.to_owned()),
            None => refuse("the mask has 64 bits, from 0"),
        };
    }
    let by_letter = TAINTS.iter().find(|(letter, _)| text.chars().eq([*letter]));
    let by_number = text.parse::<usize>().ok().and_then(|bit| TAINTS.get(bit));
    let begun = names().filter(|name| text.len() >= 4 && name.starts_with(&text.replace('_', "-"))).collect::<Vec<_>>();
    let near = match (by_letter.or(by_number), begun.as_slice()) {
        (Some((_, name)), _) => Some(*name),
        (None, [name]) => Some(*name),
        _ => did_you_mean(text, names()),
    };
    meant("taints are listed by name", near.unwrap_or_default())
}

fn lower_word(text: &str) -> Result<String, Refusal> {
    // What people write, and what the kernel lists.
    if let Some((_, near)) =
        [("capabilities", "capability"), ("app-armor", "apparmor")].iter().find(|(odd, _)| *odd == text)
    {
        return meant("the kernel has another name for it", *near);
    }
    if text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') {
        return Ok(text.to_owned());
    }
    let lower = text.to_lowercase().replace('-', "_");
    let known = LSMS.iter().chain(VULNERABILITIES).find(|name| **name == lower);
    meant("it is lower-case letters, digits and `_`", known.copied().unwrap_or_default())
}

fn controller(text: &str) -> Result<String, Refusal> {
    match text {
        "blkio" => meant("the unified hierarchy has another name for it", "io"),
        "cpuacct" => meant("in the unified hierarchy it is a part of another", "cpu"),
        _ if text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_') => Ok(text.to_owned()),
        _ => {
            let near = did_you_mean(text, CONTROLLERS.iter().copied()).filter(|_| !text.contains(','));
            meant("a controller is lower-case letters, digits and `_`", near.unwrap_or_default())
        }
    }
}

fn algorithm(text: &str) -> Result<String, Refusal> {
    only(text, "an algorithm", |c| c.is_ascii_alphanumeric() || "_(),.+-".contains(c))?;
    if text.matches('(').count() != text.matches(')').count() {
        return refuse("its parentheses do not match");
    }
    if let Some((cipher, mode)) = text.split_once('-')
        && matches!(mode, "cbc" | "gcm" | "xts" | "ctr" | "ecb" | "ccm")
    {
        return meant("the mode is before the cipher", format!("{mode}({cipher})"));
    }
    let key_sizes = ["-128-", "-192-", "-256-"];
    if key_sizes.iter().any(|size| text.contains(size)) && text.starts_with("aes") {
        return refuse("the kernel's names have no sizes of keys (`gcm(aes)`)");
    }
    if let Some(bits) = text.to_lowercase().strip_prefix("sha-") {
        return meant("the kernel writes it without the dash", format!("sha{bits}"));
    }
    if text.bytes().any(|b| b.is_ascii_uppercase()) {
        return meant("names of algorithms are lower case", text.to_lowercase());
    }
    Ok(text.to_owned())
}

fn argument(text: &str) -> Result<String, Refusal> {
    if text.contains(char::is_whitespace) {
        return refuse("an argument has no blank: write one after the other, each an element of the list");
    }
    if text.ends_with('=') {
        return refuse(
            "the list has whole arguments with their values: `matches` on /proc/cmdline looks for any value",
        );
    }
    if text.ends_with('*') {
        return refuse("patterns are not expanded here");
    }
    Ok(text.to_owned())
}

fn release(text: &str) -> Result<String, Refusal> {
    if let Some(name) = text.strip_prefix("/lib/modules/").or_else(|| text.strip_prefix("vmlinuz-")) {
        return meant("it is the release alone", name);
    }
    only(text, "a release", |c| c.is_ascii_alphanumeric() || "._+~^-".contains(c))?;
    Ok(text.to_owned())
}

/// The rows of this file.
pub(super) const ALL: &[&Grammar] = &[
    &MODULE,
    &MODULE_PARAMETER,
    &SYMBOL,
    &SYSCTL,
    &TAINT,
    &LSM,
    &VULNERABILITY,
    &CONTROLLER,
    &NAMESPACE,
    &ALGORITHM,
    &ARGUMENT,
    &RELEASE,
    &PCR_BANK,
];
