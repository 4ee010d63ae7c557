//! What this host offers and lacks, and the command that fixes it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use super::{AccelKind, AccelRequest, accel, description, firmware};
use muster_base::machine::Arch;
use muster_base::os_release;

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostCheck {
    /// What it is.
    pub what: &'static str,
    /// How it stands.
    pub state: HostState,
    /// What was seen, one escaped line.
    pub detail: String,
    /// A command that fixes it, when one is known for this distribution.
    pub fix: Option<String>,
}

/// How a thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum HostState {
    /// As it should be.
    Ok,
    /// It works, but slowly or in part.
    Degraded,
    /// It is not there.
    Missing,
}

/// What runs this host's package manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Host {
    /// apt-get; with backports when the release's own QEMU is too old (Debian 12 has 7.2).
    Debian {
        bookworm: bool,
    },
    Fedora,
    Other,
}

/// A need and its packages: for apt, for dnf.
#[derive(Clone, Copy)]
struct Need {
    what: &'static str,
    program: &'static str,
    version: &'static [&'static str],
    apt: &'static str,
    dnf: &'static str,
    /// Without it no machine starts; else only lab images cannot be built.
    essential: bool,
}

const NEEDS: &[Need] = &[
    Need {
        what: "QEMU",
        program: "qemu-system-x86_64",
        version: &["--version"],
        apt: "qemu-system-x86",
        dnf: "qemu-system-x86-core",
        essential: true,
    },
    Need {
        what: "qemu-img",
        program: "qemu-img",
        version: &["--version"],
        apt: "qemu-utils",
        dnf: "qemu-img",
        essential: true,
    },
    Need {
        what: "ssh-keygen",
        program: "ssh-keygen",
        version: &[],
        apt: "openssh-client",
        dnf: "openssh",
        essential: true,
    },
    Need {
        what: "prlimit",
        program: "prlimit",
        version: &["--version"],
        apt: "util-linux",
        dnf: "util-linux",
        essential: false,
    },
    Need {
        what: "swtpm (machines with a TPM)",
        program: "swtpm",
        version: &["--version"],
        apt: "swtpm",
        dnf: "swtpm",
        essential: false,
    },
    Need {
        what: "QEMU for Arm (aarch64 images)",
        program: "qemu-system-aarch64",
        version: &["--version"],
        apt: "qemu-system-arm",
        dnf: "qemu-system-aarch64-core",
        essential: false,
    },
    Need {
        what: "xz (packed images)",
        program: "xz",
        version: &["--version"],
        apt: "xz-utils",
        dnf: "xz",
        essential: false,
    },
    Need {
        what: "zstd (packed images)",
        program: "zstd",
        version: &["--version"],
        apt: "zstd",
        dnf: "zstd",
        essential: false,
    },
    Need {
        what: "bzip2 (packed images)",
        program: "bzip2",
        version: &["--help"],
        apt: "bzip2",
        dnf: "bzip2",
        essential: false,
    },
    Need {
        what: "gpgv (signatures of vendor images)",
        program: "gpgv",
        version: &["--version"],
        apt: "gpgv",
        dnf: "gnupg2",
        essential: false,
    },
    Need {
        what: "debugfs (root file systems)",
        program: "debugfs",
        version: &["-V"],
        apt: "e2fsprogs",
        dnf: "e2fsprogs",
        essential: false,
    },
    Need {
        what: "mmdebstrap (lab images)",
        program: "mmdebstrap",
        version: &["--version"],
        apt: "mmdebstrap",
        dnf: "mmdebstrap",
        essential: false,
    },
    Need {
        what: "rpm (lab images)",
        program: "rpm",
        version: &["--version"],
        apt: "rpm",
        dnf: "rpm",
        essential: false,
    },
    Need {
        what: "createrepo_c (lab images)",
        program: "createrepo_c",
        version: &["--version"],
        apt: "createrepo-c",
        dnf: "createrepo_c",
        essential: false,
    },
];

/// Looks at everything. `root` is the checkout, or whatever holds `images/lab`. Takes about a second.
pub async fn examine(root: &Path) -> Vec<HostCheck> {
    let host = host(&std::fs::read_to_string("/etc/os-release").unwrap_or_default());
    let mut findings = Vec::new();
    for need in NEEDS {
        findings.push(look_for(need, host).await);
    }
    findings.push(kvm().await);
    findings.extend(FIRMWARE.iter().map(|need| look_for_firmware(need, host)));
    findings.push(lab(root).await);
    findings.push(capacity());
    findings
}

/// What machines of this architecture cannot do without, and no more: every finding that is not ok is one for which none starts.
pub async fn essentials(arch: Arch) -> Vec<HostCheck> {
    let host = host(&std::fs::read_to_string("/etc/os-release").unwrap_or_default());
    let emulator = description::program(arch);
    let mut findings = Vec::new();
    for need in NEEDS {
        let of_another = need.program.starts_with("qemu-system-") && need.program != emulator;
        if need.program == emulator || (need.essential && !of_another) {
            findings.push(look_for(&Need { essential: true, ..*need }, host).await);
        }
    }
    let firmware = FIRMWARE.iter().filter(|(_, of, secure, ..)| *of == arch && !secure);
    findings.extend(firmware.map(|(what, of, secure, _, apt, dnf)| {
        look_for_firmware(&(what, *of, *secure, HostState::Missing, apt, dnf), host)
    }));
    findings
}

/// What a firmware is for, which, how its absence stands, and its packages for apt and for dnf.
type FirmwareNeed = (&'static str, Arch, bool, HostState, &'static str, &'static str);

const FIRMWARE: &[FirmwareNeed] = &[
    ("UEFI firmware", Arch::X86_64, false, HostState::Missing, "ovmf", "edk2-ovmf"),
    ("UEFI firmware with Secure Boot", Arch::X86_64, true, HostState::Degraded, "ovmf", "edk2-ovmf"),
    ("UEFI firmware for Arm", Arch::Aarch64, false, HostState::Degraded, "qemu-efi-aarch64", "edk2-aarch64"),
];

fn look_for_firmware((what, arch, secure, absent, apt, dnf): &FirmwareNeed, host: Host) -> HostCheck {
    match firmware::find(*arch, *secure) {
        Ok(firmware) => ok(what, firmware.code.display().to_string()),
        Err(error) => HostCheck { what, state: *absent, detail: error.to_string(), fix: install(host, apt, dnf) },
    }
}

fn ok(what: &'static str, detail: String) -> HostCheck {
    HostCheck { what, state: HostState::Ok, detail, fix: None }
}

async fn look_for(need: &Need, host: Host) -> HostCheck {
    let absent =
        |state, detail: String| HostCheck { what: need.what, state, detail, fix: install(host, need.apt, need.dnf) };
    let mut command = tokio::process::Command::new(need.program);
    // ssh-keygen has no version option; asking for its fingerprints of nothing ends at once.
    command.args(if need.version.is_empty() { &["-lf", "/dev/null"] } else { need.version });
    // Administrators' programs are outside an ordinary user's path on Debian.
    command.env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default()));
    command.stdin(Stdio::null()).kill_on_drop(true);
    match tokio::time::timeout(Duration::from_secs(10), command.output()).await {
        Err(_) => absent(HostState::Degraded, format!("{} does not answer", need.program)),
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => {
            let state = if need.essential { HostState::Missing } else { HostState::Degraded };
            absent(state, format!("{} is not installed", need.program))
        }
        Ok(Err(error)) => absent(HostState::Missing, format!("{}: {error}", need.program)),
        Ok(Ok(_)) if need.version.is_empty() => ok(need.what, "installed".to_owned()),
        Ok(Ok(output)) => {
            // bzip2 and debugfs tell their version on the other stream.
            let stream = if output.stdout.is_empty() { &output.stderr } else { &output.stdout };
            let said = String::from_utf8_lossy(stream);
            let line = muster_base::text::one_line(said.lines().next().unwrap_or_default(), 120);
            match qemu_major(&line) {
                // 8.2 is the first whose user networking, -add-fd and reset events all are as we use them.
                Some(major) if major < 8 => {
                    absent(HostState::Degraded, format!("{line}: version 8.2 or later is needed"))
                }
                _ => ok(need.what, line),
            }
        }
    }
}

/// The major version in `QEMU emulator version 10.0.2 …`; `None` for other programs.
fn qemu_major(line: &str) -> Option<u32> {
    let rest = line.strip_prefix("QEMU emulator version ").or_else(|| line.strip_prefix("qemu-img version "))?;
    rest.split('.').next()?.parse().ok()
}

async fn kvm() -> HostCheck {
    let probe = tokio::task::spawn_blocking(|| accel::choose(AccelRequest::Auto)).await;
    let (state, detail) = match probe {
        Ok(Ok(accel)) if accel.kind == AccelKind::Kvm => (HostState::Ok, accel.reason),
        Ok(Ok(accel)) => (
            HostState::Degraded,
            format!("{}: guests are emulated, and a boot takes {}", accel.reason, accel::EMULATION),
        ),
        Ok(Err(error)) => (HostState::Degraded, error.to_string()),
        Err(error) => (HostState::Degraded, error.to_string()),
    };
    // The command that fixes a missing permission is part of the reason.
    HostCheck { what: "KVM", state, detail, fix: None }
}

async fn lab(root: &Path) -> HostCheck {
    let what = "lab image";
    let build = root.join("images/lab/build");
    if !build.is_file() {
        let detail = format!("{} is not there: not a checkout", build.display());
        return HostCheck { what, state: HostState::Degraded, detail, fix: None };
    }
    match muster_image::lab::find(root, "lab").await {
        Ok(Some(dir)) => ok(what, dir.display().to_string()),
        Ok(None) => HostCheck {
            what,
            state: HostState::Degraded,
            detail: "not built from this recipe yet".to_owned(),
            fix: Some("muster images build lab".to_owned()),
        },
        Err(error) => HostCheck { what, state: HostState::Degraded, detail: error.to_string(), fix: None },
    }
}

fn capacity() -> HostCheck {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let available = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| available_mib(&text));
    let detail = match available {
        Some(mib) => format!("{cores} processors, {mib} MiB of memory available"),
        None => format!("{cores} processors"),
    };
    let state = if available.is_some_and(|mib| mib < 1536) { HostState::Degraded } else { HostState::Ok };
    HostCheck { what: "capacity", state, detail, fix: None }
}

fn available_mib(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib / 1024)
}

fn host(release: &str) -> Host {
    let value = |key: &str| os_release::value(release, key).unwrap_or_default();
    let ids = format!("{} {}", value("ID"), value("ID_LIKE"));
    let is = |names: &[&str]| ids.split_whitespace().any(|id| names.contains(&id));
    if is(&["debian", "ubuntu"]) {
        Host::Debian { bookworm: value("VERSION_CODENAME") == "bookworm" }
    } else if is(&["fedora", "rhel", "centos", "azurelinux"]) {
        Host::Fedora
    } else {
        Host::Other
    }
}

fn install(host: Host, apt: &str, dnf: &str) -> Option<String> {
    match host {
        Host::Debian { bookworm: true } if apt.starts_with("qemu") => {
            Some(format!("sudo apt-get install -y -t bookworm-backports {apt}"))
        }
        Host::Debian { .. } => Some(format!("sudo apt-get install -y {apt}")),
        Host::Fedora => Some(format!("sudo dnf install -y {dnf}")),
        Host::Other => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_fixes_is_the_hosts_own() {
        let bookworm = host("ID=debian\nVERSION_CODENAME=bookworm\n");
        assert_eq!(
            install(bookworm, "qemu-utils", "qemu-img").as_deref(),
            Some("sudo apt-get install -y -t bookworm-backports qemu-utils")
        );
        assert_eq!(install(bookworm, "ovmf", "edk2-ovmf").as_deref(), Some("sudo apt-get install -y ovmf"));
        let azure = host("ID=azurelinux\nID_LIKE=\"fedora\"\n");
        assert_eq!(install(azure, "ovmf", "edk2-ovmf").as_deref(), Some("sudo dnf install -y edk2-ovmf"));
        assert_eq!(install(host("ID=arch\n"), "ovmf", "edk2-ovmf"), None);
    }

    #[tokio::test]
    async fn an_arm_runner_needs_no_qemu_for_x86() {
        let of = async |arch| {
            let found = essentials(arch).await;
            found.into_iter().map(|finding| finding.what).collect::<Vec<_>>()
        };
        let x86 = ["QEMU", "qemu-img", "ssh-keygen", "UEFI firmware"];
        assert_eq!(of(Arch::X86_64).await, x86);
        let arm = ["qemu-img", "ssh-keygen", "QEMU for Arm (aarch64 images)", "UEFI firmware for Arm"];
        assert_eq!(of(Arch::Aarch64).await, arm);
    }

    #[test]
    fn versions_and_memory_are_read() {
        assert_eq!(qemu_major("QEMU emulator version 10.0.2 (Debian 1:10.0.2)"), Some(10));
        assert_eq!(qemu_major("qemu-img version 7.2.9"), Some(7));
        assert_eq!(qemu_major("rpm 4.20"), None);
        assert_eq!(available_mib("MemTotal: 1 kB\nMemAvailable:   2097152 kB\n"), Some(2048));
    }
}
