//! What the answers to the probes say. Pure; the answers are hostile.

use std::collections::{BTreeMap, BTreeSet};

use super::probe::{PROBES, Probe};
use crate::error::GuestError;
use crate::reply::{End, Reply};
use muster_base::{os_release, text};
use muster_record::facts::{Facts, TOOLS};

/// Keys of os-release that are kept.
const MAX_KEYS: usize = 100;
/// Characters of one of them.
const MAX_KEY: usize = 64;
/// Characters of one value.
const MAX_VALUE: usize = 500;

pub(super) fn facts(replies: &[Reply]) -> Result<Facts, GuestError> {
    if replies.len() != PROBES.len() {
        return Err(GuestError::unreadable(format!("{} answers to {} probes", replies.len(), PROBES.len())));
    }
    let answer = |probe: Probe| whole(probe, &replies[probe as usize]);

    let kernel = answer(Probe::Kernel)?;
    let mut lines = kernel.lines().map(|line| text::one_line(line, 128)).filter(|line| !line.is_empty());
    let (Some(arch), Some(kernel), Some(boot_id)) = (lines.next(), lines.next(), lines.next()) else {
        return Err(GuestError::unreadable(format!("the kernel's release: {}", text::one_line(&kernel, 200))));
    };
    let listed = answer(Probe::Tools)?;
    let rpm_says = answer(Probe::Rpm)?;
    let applet = rpm_says.lines().next() == Some("busybox");
    let has = |name: &str| listed.lines().any(|line| line == name) && !(applet && name == "rpm");
    let tools: BTreeSet<_> = TOOLS.iter().filter(|name| has(name)).map(|name| (*name).to_owned()).collect();

    let systemd_says = answer(Probe::Systemd)?;
    let systemd = systemd(&systemd_says)?;
    let dpkg = dpkg(&answer(Probe::Dpkg)?)?;
    let package_manager = package_manager(&answer(Probe::PackageManagers)?, dpkg.is_some())?;
    let (rpm, rpmdb) = if applet || dpkg.is_some() { (None, false) } else { rpm(&rpm_says)? };
    let security = answer(Probe::Selinux)?;
    let (selinux, policy) = selinux(&security);
    let mounts = mounts(&answer(Probe::Mounts)?)?;
    let places = answer(Probe::Places)?;
    let devices = answer(Probe::Devices)?;
    let openssl = answer(Probe::Openssl)?;
    let place = |word: &str| places.lines().any(|line| line == word);
    // In a chroot the table of mounts may have no entry for what lies below /.
    let writable_usr = match mount_of(&mounts, "/usr") {
        Some(mount) => !mount.read_only,
        None if mounts.is_empty() => return Err(GuestError::unreadable("/proc/self/mountinfo is empty")),
        None => place("writable-usr"),
    };
    let efi = place("efi");
    let unpacks = has("zcat") || has("gzip");
    let kconfig = places
        .lines()
        .filter_map(|line| line.strip_prefix("kconfig /"))
        .find(|path| unpacks || !path.ends_with(".gz"))
        .map(|path| text::one_line(&format!("/{path}"), MAX_VALUE));
    let mounted = |path: &str, kind: &str| mount_of(&mounts, path).is_some_and(|m| m.point == path && m.kind == kind);

    let capabilities = [
        ("rpmdb", rpmdb),
        ("dpkg", dpkg.is_some()),
        ("package-manager", package_manager.as_ref().is_some_and(|name| DNF.contains(&name.as_str()))),
        ("repositories", dpkg.is_none() && enabled_repository(printed("cat", &answer(Probe::Repositories)?)?)),
        ("systemd", systemd.is_some()),
        ("journal", answer(Probe::Journal)?.lines().any(|line| line == "readable")),
        ("selinux", policy),
        ("kconfig", kconfig.is_some()),
        ("writable-usr", writable_usr),
        ("crypto-policies", place("crypto-policies")),
        ("cloud-init", has("cloud-init")),
        ("efi", efi),
        ("securityfs", mounted("/sys/kernel/security", "securityfs")),
        ("cgroup2", mounted("/sys/fs/cgroup", "cgroup2")),
        ("locale", has("locale")),
        ("verity", on_verity(&mounts, &devices)),
        ("update-slots", alternating(&devices)),
        ("ostree", place("ostree")),
        ("ignition", place("ignition")),
        ("sysext", place("sysext")),
        ("container-engine", ["containerd", "docker", "podman", "crio"].iter().any(|name| has(name))),
        ("secure-boot", place("secure-boot")),
        ("tpm", place("tpm")),
        ("bootc", place("bootc")),
        ("uki", place("uki")),
    ];
    Ok(Facts {
        os_release: os_release(printed("cat", &answer(Probe::OsRelease)?)?),
        arch,
        kernel,
        boot_id,
        systemd,
        package_manager,
        dpkg,
        rpm: rpm.filter(|_| rpmdb),
        selinux,
        openssl_provider: openssl_provider(&openssl),
        firmware: if efi { "uefi" } else { "bios" }.to_owned(),
        mode: if writable_usr { "package" } else { "image" }.to_owned(),
        capabilities: capabilities.iter().filter(|(_, there)| *there).map(|(name, _)| (*name).to_owned()).collect(),
        tools,
        kconfig,
        unread: unread(&places, &security, &openssl),
        disk: None,
        kernel_from: None,
        products: Vec::new(),
    })
}

/// What is neither there nor absent as far as the probes could see, with why.
fn unread(places: &str, security: &str, openssl: &str) -> BTreeMap<String, String> {
    let told = places.lines().filter_map(|line| line.strip_prefix("unread ")?.split_once(' '));
    let mut unread: BTreeMap<String, String> = told
        .filter(|(name, _)| ["secure-boot", "uki"].contains(name))
        .map(|(name, why)| (name.to_owned(), text::one_line(why, MAX_VALUE)))
        .collect();
    if hidden_selinux(security) {
        let why = "a policy is loaded, and neither /sys/fs/selinux/enforce nor getenforce says whether it is enforced";
        unread.insert("selinux".to_owned(), why.to_owned());
    }
    if let Some(directory) = openssl.lines().find_map(|line| line.strip_prefix("unread ")) {
        let why = format!("the modules of OpenSSL in {directory} cannot be listed");
        unread.insert("openssl-provider".to_owned(), text::one_line(&why, MAX_VALUE));
    }
    unread
}

/// Which FIPS provider is among the modules; what they are called is fixed, since configurations load them by these names.
fn openssl_provider(text: &str) -> Option<String> {
    let there = |module: &str| text.lines().any(|line| line.strip_prefix("module ") == Some(module));
    let known = text.lines().any(|line| line == "openssl");
    let provider = match (there("fips.so"), there("symcryptprovider.so")) {
        (true, true) => "both",
        (true, false) => "fips",
        (false, true) => "symcrypt",
        (false, false) => "default",
    };
    known.then(|| provider.to_owned())
}

/// Whether processes have contexts of a policy, and nothing tells whether it is enforced.
fn hidden_selinux(text: &str) -> bool {
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    text.lines().any(|line| line == "kernel")
        && value("context ").is_some_and(|context| context.contains(':'))
        && !matches!(value("enforce "), Some("0" | "1"))
        && !matches!(value("getenforce "), Some("Enforcing" | "Permissive"))
}

/// The answer of a probe that ran to its end. Every probe ends with 0 unless it could not be run.
fn whole(probe: Probe, reply: &Reply) -> Result<String, GuestError> {
    let name = PROBES[probe as usize].1;
    let said = || text::one_line(&text::escape_bytes(&reply.stderr), 200);
    match (reply.end, reply.status) {
        (End::Exited, 0) => Ok(String::from_utf8_lossy(&reply.stdout).replace('\0', "")),
        (End::Exited, status) => {
            Err(GuestError::unreadable(format!("{name}: the probe ended with status {status}: {}", said())))
        }
        (End::TimedOut, _) => Err(GuestError::unreadable(format!("{name}: the probe did not end in time: {}", said()))),
        (End::TooMuchOutput, _) => {
            Err(GuestError::unreadable(format!("{name}: the probe printed more than its limit")))
        }
    }
}

/// Text of files, each after a line `# PATH` of the shell's: an error when there is nothing behind any
/// of these lines, which is a tool that is silent and not an empty file.
fn printed<'a>(tool: &str, text: &'a str) -> Result<&'a str, GuestError> {
    let named = text.lines().find(|line| line.starts_with("# /"));
    match named {
        Some(first) if text.lines().all(|line| line.trim().is_empty() || line.starts_with("# /")) => {
            Err(GuestError::unreadable(format!("`{tool}` prints nothing of {}", text::one_line(&first[2..], 100))))
        }
        _ => Ok(text),
    }
}

/// The keys of an os-release file of the guest, unquoted and escaped, each bounded; later ones win.
pub fn os_release(text: &str) -> BTreeMap<String, String> {
    let mut map = BTreeMap::new();
    for (key, value) in os_release::assignments(text) {
        if key.len() <= MAX_KEY && map.len() < MAX_KEYS {
            map.insert(key.to_owned(), text::one_line(&value, MAX_VALUE));
        }
    }
    map
}

/// `systemd 257 (257.9-1)` after a line that says that it is the init; the words after the number differ
/// between distributions.
fn systemd(text: &str) -> Result<Option<u32>, GuestError> {
    let Some(text) = text.strip_prefix("init\n") else { return Ok(None) };
    let line = text.lines().next().unwrap_or_default();
    let digits = |word: &str| word.chars().take_while(char::is_ascii_digit).collect::<String>();
    let version = line.strip_prefix("systemd ").and_then(|rest| digits(rest).parse().ok());
    version.map(Some).ok_or_else(|| GuestError::unreadable(format!("systemd's version: {}", text::one_line(line, 100))))
}

/// The package managers that muster itself uses.
const DNF: &[&str] = &["dnf5", "dnf4", "tdnf", "microdnf"];

/// Others, by the program that is looked for.
const OTHERS: &[(&str, &str)] = &[
    ("zypper", "zypper"),
    ("pacman", "pacman"),
    ("apk", "apk"),
    ("emerge", "portage"),
    ("opkg", "opkg"),
    ("xbps-install", "xbps"),
    ("nix-env", "nix"),
    ("eopkg", "eopkg"),
    ("slackpkg", "slackpkg"),
    ("swupd", "swupd"),
];

/// The one that the system's own packages are installed with.
fn package_manager(text: &str, dpkg: bool) -> Result<Option<String>, GuestError> {
    let lines: Vec<_> = text.lines().collect();
    if dpkg {
        return Ok(lines.contains(&"apt-get").then(|| "apt".to_owned()));
    }
    let other = || OTHERS.iter().find(|(program, _)| lines.contains(program)).map(|(_, name)| (*name).to_owned());
    Ok(of_dnf_family(&lines)?.or_else(other))
}

/// dpkg's version; the probe says nothing where the system's own packages are not dpkg's.
fn dpkg(text: &str) -> Result<Option<String>, GuestError> {
    let Some(line) = text.lines().next() else { return Ok(None) };
    let version = line.split_whitespace().skip_while(|word| *word != "version").nth(1);
    let version = version.map(|version| text::one_line(version.trim_end_matches('.'), 64));
    version.map(Some).ok_or_else(|| GuestError::unreadable(format!("dpkg's version: {}", text::one_line(line, 100))))
}

fn of_dnf_family(lines: &[&str]) -> Result<Option<String>, GuestError> {
    let dnf = lines.iter().find_map(|line| line.strip_prefix("dnf "));
    let of_dnf = match dnf {
        None => None,
        Some("python") => Some("dnf4"),
        Some("link") => Some("dnf5"),
        // `dnf5 version 5.2.17.0`, or just `4.24.0`.
        Some(version) if version.contains("dnf5") || version.starts_with("version 5.") => Some("dnf5"),
        Some(version) if version.trim() == "version" => {
            return Err(GuestError::unreadable("dnf --version prints nothing"));
        }
        Some(_) => Some("dnf4"),
    };
    let found = if lines.contains(&"dnf5") {
        "dnf5"
    } else if let Some(name) = of_dnf {
        name
    } else {
        match ["tdnf", "microdnf"].iter().find(|name| lines.contains(name)) {
            Some(name) => name,
            None => return Ok(None),
        }
    };
    Ok(Some(found.to_owned()))
}

/// The version, and whether there is a database.
fn rpm(text: &str) -> Result<(Option<String>, bool), GuestError> {
    let mut lines = text.lines();
    let Some("installed") = lines.next() else { return Ok((None, false)) };
    let first = lines.next().unwrap_or_default();
    let version = first.strip_prefix("RPM version ").filter(|version| !version.trim().is_empty());
    let version =
        version.ok_or_else(|| GuestError::unreadable(format!("rpm's version: {}", text::one_line(first, 100))))?;
    let database = lines.any(|line| line.starts_with("package ") || line.starts_with("database "));
    Ok((Some(text::one_line(version, 64)), database))
}

/// The state, and whether a policy is loaded.
fn selinux(text: &str) -> (Option<String>, bool) {
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::trim);
    if !text.lines().any(|line| line == "kernel") {
        return (None, false);
    }
    // Until a policy is loaded every process has the context `kernel`.
    let loaded = value("context ").is_some_and(|context| context.contains(':'));
    let state = match (value("enforce "), value("getenforce ")) {
        (Some("1"), _) if loaded => "enforcing",
        (Some("0"), _) if loaded => "permissive",
        (None, Some("Enforcing")) => "enforcing",
        (None, Some("Permissive")) => "permissive",
        _ => "disabled",
    };
    (Some(state.to_owned()), state != "disabled")
}

struct Mount {
    point: String,
    kind: String,
    source: String,
    read_only: bool,
}

/// /proc/self/mountinfo, as proc(5) says: mount point and options as the fifth and sixth field; type,
/// source and the options of the file system behind the dash.
fn mounts(text: &str) -> Result<Vec<Mount>, GuestError> {
    let mut mounts = Vec::new();
    for line in text.lines() {
        let mount = line.split_once(" - ").and_then(|(left, right)| {
            let (left, right): (Vec<_>, Vec<_>) = (left.split(' ').collect(), right.split(' ').collect());
            let read_only = |options: &str| options.split(',').any(|option| option == "ro");
            Some(Mount {
                point: (*left.get(4)?).to_owned(),
                kind: (*right.first()?).to_owned(),
                source: (*right.get(1)?).to_owned(),
                read_only: read_only(left.get(5)?) || read_only(right.get(2)?),
            })
        });
        mounts.push(
            mount.ok_or_else(|| {
                GuestError::unreadable(format!("/proc/self/mountinfo: {}", text::one_line(line, 100)))
            })?,
        );
    }
    Ok(mounts)
}

/// The mount that holds `path`: the longest mount point above it, of equal ones the last.
fn mount_of<'a>(mounts: &'a [Mount], path: &str) -> Option<&'a Mount> {
    let holds =
        |point: &str| point == "/" || path == point || path.strip_prefix(point).is_some_and(|r| r.starts_with('/'));
    mounts.iter().filter(|mount| holds(&mount.point)).max_by_key(|mount| mount.point.len())
}

/// Whether a device of dm-verity holds / or /usr, covered by an overlay or not, or the kernel was told a root hash.
fn on_verity(mounts: &[Mount], devices: &str) -> bool {
    let holds = |source: &str| mounts.iter().any(|m| matches!(&*m.point, "/" | "/usr") && m.source == source);
    devices.lines().any(|line| line == "root-hash" || line.strip_prefix("verity ").is_some_and(holds))
}

/// Whether the name of some partition ends in A and that of another differs only in a B there.
fn alternating(devices: &str) -> bool {
    let names: BTreeSet<_> = devices
        .lines()
        .filter_map(|line| line.strip_prefix("partition "))
        .map(|name| name.to_ascii_uppercase())
        .collect();
    let stem = |name: &String| name.strip_suffix('A').filter(|stem| stem.ends_with(['-', '_'])).map(str::to_owned);
    names.iter().filter_map(stem).any(|stem| names.contains(&format!("{stem}B")))
}

/// Whether some section other than `main` is not disabled.
fn enabled_repository(text: &str) -> bool {
    let mut open: Option<bool> = None;
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') && line.ends_with(']') {
            if open == Some(true) {
                return true;
            }
            open = (line != "[main]").then_some(true);
        } else if let Some((key, value)) = line.split_once('=')
            && key.trim() == "enabled"
            && open.is_some()
        {
            open = Some(!matches!(value.trim().to_ascii_lowercase().as_str(), "0" | "false" | "no" | "off"));
        }
    }
    open == Some(true)
}
