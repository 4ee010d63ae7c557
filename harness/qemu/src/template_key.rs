//! The word under which a template is kept: the same for two runs exactly when a machine that one of
//! them froze is what the other would have booted.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::command_line::{self, Fds};
use super::description::{self, MachineDescription};
use super::network::NetworkFds;
use super::{Accel, AccelKind, MachineError, Network, start};
use muster_base::machine::Arch;
use muster_image::{DiskSource, ImageSpec, Inspected};

/// Hexadecimal digits of a key.
const DIGITS: usize = 32;

/// What decides whether a template may be used.
#[derive(Debug)]
pub(crate) struct Origin<'a> {
    /// How the image wants to be booted.
    pub spec: &'a ImageSpec,
    /// The image itself.
    pub image: &'a Inspected,
    /// SHA-256 of its bytes, hex.
    pub sha256: &'a str,
    /// What executes it.
    pub accel: &'a Accel,
    /// What the guest can reach.
    pub network: Network,
    /// Whether it has an interface for a network with other machines of its test.
    pub segment: bool,
    /// What the runner itself leaves in a template or reads from one, in any words.
    pub protocol: &'a str,
}

/// The key of a template and the description that goes with it, without seed, key and name.
#[derive(Debug, Clone)]
pub(crate) struct TemplateKey {
    pub(super) word: String,
    pub(super) description: MachineDescription,
}

impl TemplateKey {
    /// Works the key out. Asks QEMU for its version and reads the files of the host that the machine
    /// is made of, such as its firmware.
    pub(crate) async fn of(origin: &Origin<'_>) -> Result<Self, MachineError> {
        let accel = origin.accel.for_arch(origin.spec.arch);
        let description = start::unseeded(origin.spec, origin.image, accel.kind, origin.network, origin.segment)?;
        let mut words = words(origin, &description);
        words.push(version(origin.spec.arch).await?);
        if accel.kind == AccelKind::Kvm {
            // Its guests see this host's processor.
            words.push(processor(&std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default()));
            words.push(std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default());
        }
        for file in host_files(&description) {
            words.push(muster_image::sha256(&file).await?);
        }
        Ok(Self { word: digest(&words), description })
    }

    /// 32 hexadecimal digits.
    pub(crate) fn name(&self) -> &str {
        &self.word
    }
}

fn digest(words: &[String]) -> String {
    let mut hash = Sha256::new();
    for word in words {
        // With their lengths, so that no two lists read alike.
        hash.update((word.len() as u64).to_le_bytes());
        hash.update(word);
    }
    muster_base::text::hex(hash.finalize())[..DIGITS].to_owned()
}

/// Everything that is known without asking the host.
fn words(origin: &Origin<'_>, description: &MachineDescription) -> Vec<String> {
    // The whole command line, so that a device that is added to it one day is part of the key.
    let neutral = MachineDescription { base: PathBuf::from("base"), ..description.clone() };
    let extra = vec![-1; neutral.extra_disks.len()];
    let fds = Fds {
        layer: -1,
        below: Vec::new(),
        base: -1,
        vars: Some(-1),
        extra,
        tpm: Some(-1),
        serial: -1,
        qmp: -1,
        warm: [-1, -1],
        network: Some(NetworkFds { nic: -1, uplink: -1 }),
        segment: Some(-1),
        meter: None,
        ram: None,
        state: None,
    };
    let mut words = command_line::command_line(&neutral, &fds);
    // The seed is not on it yet: what it will say follows from these, and from the run's key, which is
    // kept with the template.
    let spec = origin.spec;
    words.extend([spec.id.clone(), spec.user.clone(), spec.seed.to_string()]);
    // And whatever else an image's description says or comes to say, but for what no guest can see.
    let seen = ImageSpec {
        summary: String::new(),
        disk: DiskSource::Path(PathBuf::new()),
        boot_timeout: Duration::ZERO,
        facts: Default::default(),
        max_virtual_size: 0,
        ..spec.clone()
    };
    words.extend([format!("{seen:?}"), origin.sha256.to_owned(), origin.protocol.to_owned()]);
    words
}

/// Files of the host that are part of the machine. Their names are on the command line already.
fn host_files(description: &MachineDescription) -> Vec<PathBuf> {
    let firmware = description.firmware.iter().flat_map(|firmware| [&firmware.code, &firmware.vars_template]);
    let kernel = description.kernel.iter().flat_map(|kernel| std::iter::once(&kernel.image).chain(&kernel.initrd));
    firmware.chain(kernel).filter(|file| Path::new(file).is_file()).cloned().collect()
}

/// What QEMU says of its version.
async fn version(arch: Arch) -> Result<String, MachineError> {
    let program = description::program(arch);
    let said = tokio::process::Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = match tokio::time::timeout(Duration::from_secs(30), said).await {
        Ok(Ok(output)) if output.status.success() => output,
        Ok(Err(source)) => return Err(MachineError::of_spawn(program, source)),
        Ok(Ok(output)) => return Err(unsaid(&output.status.to_string())),
        Err(_) => return Err(unsaid("no answer within 30 s")),
    };
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn unsaid(why: &str) -> MachineError {
    MachineError::Spawn { source: std::io::Error::other(format!("it does not say its version: {why}")) }
}

/// What tells one processor from another: the first of /proc/cpuinfo, without what varies by the hour.
fn processor(cpuinfo: &str) -> String {
    let first = cpuinfo.split("\n\n").next().unwrap_or_default();
    let lasting =
        |line: &&str| !["cpu MHz", "bogomips", "apicid", "initial apicid"].iter().any(|word| line.starts_with(word));
    first.lines().filter(lasting).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::description::Memory;
    use crate::{AccelRequest, accel};
    use muster_base::machine::{DiskBus, Format, SeedKind};

    fn spec() -> ImageSpec {
        let mut spec = ImageSpec::new("lab", DiskSource::Path("/images/a.qcow2".into()), Format::Qcow2);
        spec.firmware = muster_base::machine::FirmwareKind::Bios;
        spec
    }

    fn key(spec: &ImageSpec, path: &str, sha256: &str, protocol: &str) -> String {
        key_of_shape(spec, path, sha256, protocol, false)
    }

    fn key_of_shape(spec: &ImageSpec, path: &str, sha256: &str, protocol: &str, segment: bool) -> String {
        let image = Inspected { path: path.into(), format: spec.format, virtual_size: 1 << 30, actual_size: 1 << 20 };
        let accel = accel::choose(AccelRequest::Tcg).unwrap();
        let network = Network::Restricted;
        let origin = Origin { spec, image: &image, sha256, accel: &accel, network, segment, protocol };
        let description = start::unseeded(spec, &image, accel.kind, network, segment).unwrap();
        assert_eq!(description.memory, Memory::Private);
        digest(&words(&origin, &description))
    }

    #[test]
    fn what_a_guest_cannot_see_does_not_change_the_key() {
        let before = key(&spec(), "/images/a.qcow2", "00", "1");
        assert_eq!(before.len(), 32);
        let mut other = spec();
        other.summary = "another sentence".to_owned();
        other.disk = DiskSource::Path("/elsewhere/b.qcow2".into());
        other.boot_timeout = Duration::from_secs(7);
        other.facts.insert("arch".to_owned(), "x86_64".to_owned());
        assert_eq!(key(&other, "/elsewhere/b.qcow2", "00", "1"), before);
    }

    #[test]
    fn whatever_a_guest_can_see_changes_it() {
        let before = key(&spec(), "/a", "00", "1");
        let others = [
            key(&spec(), "/a", "01", "1"),
            key(&spec(), "/a", "00", "2"),
            key_of_shape(&spec(), "/a", "00", "1", true),
        ];
        let mut seen: std::collections::BTreeSet<String> = others.into_iter().chain([before]).collect();
        assert_eq!(seen.len(), 4);
        let changes: [fn(&mut ImageSpec); 11] = [
            |spec| spec.memory_mib = 2048,
            |spec| spec.cpus = 3,
            |spec| spec.bus = DiskBus::VirtioScsi,
            |spec| spec.seed = SeedKind::None,
            |spec| spec.user = "admin".to_owned(),
            // The host name comes from it.
            |spec| spec.id = "other".to_owned(),
            |spec| spec.smbios = vec!["io.systemd.credential:x=y".to_owned()],
            |spec| spec.tpm = true,
            |spec| spec.extra_disks = vec![1 << 30],
            |spec| spec.nics = 2,
            |spec| spec.format = Format::Raw,
        ];
        let all = changes.len();
        for (number, change) in changes.iter().enumerate() {
            let mut spec = spec();
            change(&mut spec);
            assert!(seen.insert(key(&spec, "/a", "00", "1")), "change {number} of {all} does not change the key");
        }
    }

    #[test]
    fn words_do_not_run_into_each_other() {
        let words = |words: &[&str]| digest(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
        assert_ne!(words(&["ab", "c"]), words(&["a", "bc"]));
    }

    #[test]
    fn a_processor_is_known_by_what_lasts() {
        let cpuinfo = |mhz: &str, flags: &str| {
            format!("processor\t: 0\nmodel name\t: X\ncpu MHz\t\t: {mhz}\nflags\t: {flags}\n\nprocessor\t: 1\n")
        };
        assert_eq!(processor(&cpuinfo("1", "sse")), processor(&cpuinfo("2", "sse")));
        assert_ne!(processor(&cpuinfo("1", "sse")), processor(&cpuinfo("1", "sse avx")));
    }
}
