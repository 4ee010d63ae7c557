//! The files of the image catalogue (`schema: images/v1`), decoded as strictly as suites. What an
//! entry means is the image room's business; nothing here opens a disk.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use self::claims::DescribedMachine;
use self::keys::{BRING, CATALOGUE, CPU_LEVELS, DISK, IMAGE, KERNEL};
use super::condition::{DIMENSIONS, NeverSo, never_so};
use super::decode::{Context, Patterns, Text, is_anothers, positive_duration, schema};
use super::diagnostic::{Diagnostics, codes};
use super::source;
use super::value::{self, ValueError};
use super::vocabulary::Vocabulary;
use super::yaml::{self, Limits, Node};
use muster_base::failure::Location;
use muster_base::machine::{Arch, DiskBus, FirmwareKind, Format, SeedKind};

mod claims;
#[cfg(test)]
mod claims_tests;
mod download;
pub mod keys;

pub use claims::{Claimed, ImageClaim, dimensions as claimed_dimensions};
pub use download::{Checksum, Download, Signature};
pub use keys::FACTS;

/// One image of the catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct ImageEntry {
    /// Its name, unique among all files that were loaded together.
    pub id: String,
    /// What it is, one line; may be empty.
    pub summary: String,
    /// Where its disk comes from.
    pub disk: Disk,
    /// The format of its disk.
    pub format: Format,
    /// The processor it is made for.
    pub arch: Arch,
    /// What boots it.
    pub firmware: FirmwareKind,
    /// What is loaded in place of a boot loader.
    pub kernel: Option<Kernel>,
    /// Whether it has a TPM 2.0.
    pub tpm: bool,
    /// How the SSH key and the user of a run get into it.
    pub seed: SeedKind,
    /// Who logs in.
    pub user: String,
    /// RAM in bytes.
    pub memory: u64,
    /// Processors, 1 to 255.
    pub cpus: u32,
    /// How its disk is attached.
    pub bus: DiskBus,
    /// Sizes in bytes of the empty disks next to it, at most [`MAX_DEVICES`].
    pub extra_disks: Vec<u64>,
    /// Network interfaces, 1 to [`MAX_DEVICES`].
    pub nics: u32,
    /// Longest boot on a host with working KVM; emulation scales it.
    pub boot_timeout: Duration,
    /// Dimensions that are known before it boots, by name of [`DIMENSIONS`].
    pub facts: BTreeMap<String, Vec<String>>,
    /// What its maker says that it has: compared with every machine after its boot.
    pub claims: Vec<ImageClaim>,
    /// A word of [`CPU_LEVELS`]: the lowest it runs on.
    pub needs_cpu: Option<&'static str>,
    /// What is peculiar about it, one sentence each.
    pub quirks: Vec<String>,
    /// When and how the description was last seen to work; may be empty.
    pub verified: String,
    /// Why nobody has booted it with this description yet.
    pub never_booted: Option<String>,
    /// Where it stands.
    pub location: Location,
}

/// Where a disk comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disk {
    /// A file; relative paths have been joined to the catalogue's directory.
    Path(Utf8PathBuf),
    /// A variant of the built-in lab images.
    Lab(String),
    /// A file of its vendor.
    Download(Box<Download>),
    /// A file that a person makes.
    Bring {
        /// Where it is looked for, joined to the catalogue's directory.
        path: Utf8PathBuf,
        /// How it is made, one step each.
        steps: Vec<String>,
    },
}

/// What is loaded in place of a boot loader. Paths have been joined to the catalogue's directory, except
/// for lab images: there they are relative to the directory of the built image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// The kernel.
    pub image: Utf8PathBuf,
    /// Its initial RAM disk.
    pub initrd: Option<Utf8PathBuf>,
    /// Its command line.
    pub cmdline: String,
}

/// The most network interfaces, and the most extra disks.
pub const MAX_DEVICES: usize = 8;

/// Decodes all catalogue files that the paths mean (a directory: its `*.yaml` files). In a directory,
/// files of other schemas are passed over.
pub fn load(paths: &[Utf8PathBuf], vocabulary: &Vocabulary<'_>) -> (Vec<ImageEntry>, Diagnostics) {
    let mut sink = Diagnostics::new();
    let mut ids = HashMap::new();
    let out = source::read_documents(paths, &mut sink, |source, bytes, sink| {
        let dir = source.path.parent().unwrap_or(Utf8Path::new(""));
        decode(&source.name, bytes, (dir, source.found), vocabulary, &mut ids, sink)
    });
    sink.settle();
    (out, sink)
}

/// Decodes one text; paths in it are joined to `directory`.
pub fn decode_source(
    name: &str,
    text: &str,
    dir: &Utf8Path,
    vocabulary: &Vocabulary<'_>,
) -> (Vec<ImageEntry>, Diagnostics) {
    let mut sink = Diagnostics::new();
    let out = decode(&name.into(), text.as_bytes(), (dir, false), vocabulary, &mut HashMap::new(), &mut sink);
    sink.settle();
    (out, sink)
}

fn decode(
    name: &Arc<str>,
    bytes: &[u8],
    (dir, found): (&Utf8Path, bool),
    vocabulary: &Vocabulary<'_>,
    ids: &mut HashMap<String, Location>,
    sink: &mut Diagnostics,
) -> Vec<ImageEntry> {
    let before = sink.count_in(name);
    let Some(text) = yaml::text_of(name, bytes, Limits::default(), sink) else { return Vec::new() };
    let root = yaml::parse(name, text, Limits::default(), sink);
    if found && root.as_ref().is_some_and(|root| is_anothers(root, "images/v1")) {
        return Vec::new();
    }
    let mut patterns = Patterns::new();
    let entries = root
        .map(|root| catalogue(&mut Context::new(name.clone(), vocabulary, &mut patterns, sink), &root, dir, ids))
        .unwrap_or_default();
    if sink.count_in(name) > before {
        sink.add_source(name, text);
        return Vec::new();
    }
    entries
}

fn catalogue(
    cx: &mut Context<'_>,
    root: &Node,
    dir: &Utf8Path,
    ids: &mut HashMap<String, Location>,
) -> Vec<ImageEntry> {
    if !schema(cx, root, "images/v1") {
        return Vec::new();
    }
    let Some(fields) = cx.fields(root, &CATALOGUE) else { return Vec::new() };
    let Some(items) = fields.get("images").and_then(|node| cx.items(node, "images")) else { return Vec::new() };
    let mut out = Vec::new();
    for item in items {
        let Some((entry, id)) = image(cx, item, dir) else { continue };
        if cx.is_first(ids, &id, "an image") {
            out.push(entry);
        }
    }
    out
}

fn image(cx: &mut Context<'_>, node: &Node, dir: &Utf8Path) -> Option<(ImageEntry, Text)> {
    let fields = cx.fields(node, &IMAGE)?;
    let id = fields.get("id").and_then(|node| cx.id(node, "id"));
    let summary = fields.get("summary").and_then(|node| cx.line(node, "summary"));
    let disk = fields.get("disk").and_then(|node| disk(cx, node, dir));
    let format = fields.get("format").and_then(|node| cx.choice(node, "format"));
    let arch = fields.get("arch").and_then(|node| cx.choice(node, "arch"));
    let firmware = fields.get("firmware").and_then(|node| cx.choice(node, "firmware"));
    let seed = fields.get("seed").and_then(|node| cx.choice(node, "seed"));
    let bus = fields.get("bus").and_then(|node| cx.choice(node, "bus"));
    let in_lab = matches!(disk, Some(Disk::Lab(_)));
    let kernel = fields.get("kernel").and_then(|node| kernel(cx, node, if in_lab { Utf8Path::new("") } else { dir }));
    let tpm = fields.get("tpm").and_then(|node| cx.parsed(node, "tpm", value::boolean));
    let extra_disks = fields.get("extra-disks").map_or(Vec::new(), |node| extra_disks(cx, node));
    let nics = fields.get("nics").and_then(|node| {
        cx.parsed(node, "nics", |text| match value::integer(text)? {
            count if (1..=MAX_DEVICES as i128).contains(&count) => Ok(count as u32),
            _ => Err(ValueError::Invalid(format!("a machine has 1 to {MAX_DEVICES} network interfaces"))),
        })
    });
    let user = fields.get("user").and_then(|node| cx.id(node, "user"));
    let memory = fields.get("memory").and_then(|node| {
        cx.parsed(node, "memory", |text| match value::memory(text)? {
            small if small < 64 << 20 => Err(ValueError::Invalid("no image boots in less than 64 MiB".to_owned())),
            bytes => Ok(bytes),
        })
    });
    let cpus = fields.get("cpus").and_then(|node| {
        cx.parsed(node, "cpus", |text| match value::integer(text)? {
            count @ 1..=255 => Ok(count as u32),
            _ => Err(ValueError::Invalid("a machine has 1 to 255 processors".to_owned())),
        })
    });
    let boot_timeout = fields.get("boot-timeout").and_then(|node| positive_duration(cx, node, "boot-timeout"));
    let facts = fields.get("facts").map_or(BTreeMap::new(), |node| facts(cx, node));
    let claims = fields.get("claims").map_or(Vec::new(), |node| claims::claims(cx, node));
    let needs_cpu = fields.get("needs-cpu").and_then(|node| cx.keyword(node, "needs-cpu", CPU_LEVELS));
    let quirks = fields.get("quirks").map_or(Vec::new(), |node| lines(cx, node, "quirks"));
    let verified = fields.get("verified").and_then(|node| cx.line(node, "verified"));
    let never_booted = fields.get("never-booted").and_then(|node| cx.line(node, "never-booted"));
    if let (Some(_), Some((key, _))) = (&verified, fields.entry("never-booted")) {
        let problem = cx.problem(codes::WRONG_SHAPE, key.span, "a description is either `verified` or `never-booted`");
        cx.report(problem.help("remove `never-booted`, now that it was booted"));
    }
    let id = id?;
    let entry = ImageEntry {
        id: id.text.clone(),
        summary: summary.map_or(String::new(), |text| text.text),
        disk: disk?,
        format: format.unwrap_or(Format::Qcow2),
        arch: arch.unwrap_or(Arch::X86_64),
        firmware: firmware.unwrap_or(FirmwareKind::Uefi),
        kernel,
        tpm: tpm.unwrap_or(false),
        seed: seed?,
        user: user?.text,
        memory: memory.unwrap_or(1 << 30),
        cpus: cpus.unwrap_or(2),
        bus: bus.unwrap_or(DiskBus::VirtioBlk),
        extra_disks,
        nics: nics.unwrap_or(1),
        boot_timeout: boot_timeout.unwrap_or(Duration::from_secs(120)),
        facts,
        claims,
        needs_cpu,
        quirks,
        verified: verified.map_or(String::new(), |text| text.text),
        never_booted: never_booted.map(|text| text.text),
        location: cx.location(node.span),
    };
    if let Some(node) = fields.get("claims") {
        let described =
            DescribedMachine { arch: entry.arch, firmware: entry.firmware, tpm: entry.tpm, facts: &entry.facts };
        claims::contradicted(cx, node, &entry.claims, &described);
    }
    Some((entry, id))
}

fn disk(cx: &mut Context<'_>, node: &Node, dir: &Utf8Path) -> Option<Disk> {
    let fields = cx.fields(node, &DISK)?;
    let mut ways = DISK.keys.iter().filter_map(|key| Some((key.name, fields.entry(key.name)?)));
    let Some((name, (_, node))) = ways.next() else {
        if DISK.keys.iter().any(|key| fields.meant(key.name)) {
            return None;
        }
        let names = DISK.names().join("`, `");
        let problem = cx.problem(codes::MISSING_KEY, node.span, format!("`disk` needs one of the keys `{names}`"));
        cx.report(problem);
        return None;
    };
    if let Some((other, (key, _))) = ways.next() {
        let what = format!("a disk is either a `{name}` or a `{other}`, never both");
        let problem = cx.problem(codes::WRONG_SHAPE, key.span, what);
        cx.report(problem);
        return None;
    }
    match name {
        "path" => Some(Disk::Path(dir.join(cx.line(node, name)?.text))),
        "lab" => Some(Disk::Lab(cx.id(node, name)?.text)),
        "download" => download::download(cx, node, dir).map(|download| Disk::Download(Box::new(download))),
        _ => {
            let fields = cx.fields(node, &BRING)?;
            let path = fields.get("path").and_then(|node| cx.line(node, "path"));
            let steps = fields.get("steps").map_or(Vec::new(), |node| lines(cx, node, "steps"));
            Some(Disk::Bring { path: dir.join(path?.text), steps })
        }
    }
}

fn lines(cx: &mut Context<'_>, node: &Node, name: &str) -> Vec<String> {
    let items = cx.items(node, name).unwrap_or_default();
    items.iter().filter_map(|item| Some(cx.line(item, name)?.text)).collect()
}

fn kernel(cx: &mut Context<'_>, node: &Node, dir: &Utf8Path) -> Option<Kernel> {
    let fields = cx.fields(node, &KERNEL)?;
    let mut line = |name: &str| fields.get(name).map(|node| cx.line(node, name).map(|text| text.text));
    let (image, initrd, cmdline) = (line("image"), line("initrd"), line("cmdline"));
    let initrd = match initrd {
        Some(path) => Some(dir.join(path?)),
        None => None,
    };
    Some(Kernel { image: dir.join(image??), initrd, cmdline: cmdline?? })
}

fn extra_disks(cx: &mut Context<'_>, node: &Node) -> Vec<u64> {
    let items = cx.items(node, "extra-disks").unwrap_or_default();
    if items.len() > MAX_DEVICES {
        let problem =
            cx.problem(codes::BAD_VALUE, node.span, format!("a machine has at most {MAX_DEVICES} extra disks"));
        cx.report(problem);
    }
    items.iter().filter_map(|item| cx.parsed(item, "extra-disks", extra_disk)).collect()
}

/// The size in bytes of an extra disk.
pub fn extra_disk(text: &str) -> Result<u64, ValueError> {
    match value::size(text)? {
        bytes if (1 << 20..=1 << 40).contains(&bytes) && bytes % 512 == 0 => Ok(bytes),
        _ => Err(ValueError::Invalid("an extra disk has whole sectors, and 1 MiB to 1 TiB of them".to_owned())),
    }
}

fn facts(cx: &mut Context<'_>, node: &Node) -> BTreeMap<String, Vec<String>> {
    let mut out = BTreeMap::new();
    let yaml::NodeKind::Mapping(entries) = &node.kind else {
        let problem = cx.wrong_shape(node, "`facts`", "a mapping from dimensions to values");
        cx.report(problem);
        return out;
    };
    debug_assert!(FACTS.iter().all(|fact| DIMENSIONS.iter().any(|(name, _, _)| name == fact)));
    for (key, value) in entries {
        let name = key.scalar().unwrap_or_default();
        if !FACTS.contains(&name) {
            cx.unknown_key(key, name, "`facts`", FACTS);
            continue;
        }
        let nodes = match &value.kind {
            yaml::NodeKind::Sequence(_) if name == "id-like" => cx.items(value, name).unwrap_or_default(),
            _ => std::slice::from_ref(value),
        };
        let values = nodes.iter().filter_map(|node| fact(cx, node, name)).collect();
        out.insert(name.to_owned(), values);
    }
    out
}

/// A value that the dimension can have.
fn fact(cx: &mut Context<'_>, node: &Node, name: &str) -> Option<String> {
    let text = cx.line(node, name)?;
    let Some(NeverSo { message, near, note, .. }) = never_so(name, &text.text) else { return Some(text.text) };
    let problem = cx.problem(codes::BAD_VALUE, text.span, message).note(note);
    let problem = near.iter().fold(problem, |problem, near| problem.label(format!("did you mean `{near}`?")));
    cx.report(problem);
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::VOCABULARY;

    pub(super) const GOOD: &str = "
schema: images/v1
images:
  - id: lab
    disk: {lab: lab}
    seed: nocloud
    user: root
    memory: 2 GiB
    cpus: 4
    facts: {distro: muster-lab-1, arch: x86_64, mode: package, id-like: [fedora, rhel]}
    quirks: [its clock is slow]
  - id: mine
    disk: {path: disks/mine.vhd}
    format: vhd
    firmware: bios
    seed: none
    user: azureuser
    boot-timeout: 5m
";

    #[test]
    fn entries_have_what_was_written_and_defaults() {
        let (entries, problems) = decode_source("images/x.yaml", GOOD, "images".into(), &VOCABULARY);
        assert_eq!(problems.render(false), "");
        let [lab, mine] = &entries[..] else { panic!("{entries:?}") };
        assert_eq!((lab.id.as_str(), &lab.disk, lab.format), ("lab", &Disk::Lab("lab".into()), Format::Qcow2));
        assert_eq!((lab.firmware, lab.memory, lab.cpus, lab.bus), (FirmwareKind::Uefi, 2 << 30, 4, DiskBus::VirtioBlk));
        assert_eq!(lab.facts["id-like"], ["fedora", "rhel"]);
        assert_eq!(lab.location.to_string(), "images/x.yaml:4:5");
        assert_eq!(mine.disk, Disk::Path("images/disks/mine.vhd".into()));
        assert_eq!((mine.firmware, mine.boot_timeout), (FirmwareKind::Bios, Duration::from_secs(300)));
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let bad = GOOD
            .replace("lab: lab}", "lab: lab, path: x}")
            .replace("2 GiB", "2")
            .replace("mode: package", "mode: packge")
            .replace("cpus: 4", "cpus: 0")
            .replace("firmware: bios", "firmware: bois")
            .replace("quirks:", "quirk:");
        let (entries, problems) = decode_source("x.yaml", &bad, "".into(), &VOCABULARY);
        assert_eq!(entries, []);
        let found: Vec<_> = problems.iter().map(|d| d.code).collect();
        assert_eq!(found, ["wrong-shape", "bare-number", "bad-value", "bad-value", "unknown-key", "bad-value"]);
    }

    const MORE: &str = "
schema: images/v1
images:
  - id: root
    disk: {path: r/root.tar.zst}
    format: tar
    kernel: {image: vmlinuz, initrd: initrd.img, cmdline: root=/dev/vda rw console=ttyS0}
    arch: aarch64
    firmware: uefi-secure
    tpm: true
    bus: sata
    seed: ignition
    user: core
    extra-disks: [1 GiB, 64 MiB]
    nics: 3
  - id: lab-rootfs
    disk: {lab: lab-rootfs}
    format: tar
    kernel: {image: vmlinuz, cmdline: root=/dev/vda}
    seed: none
    user: root
";

    #[test]
    fn machines_have_the_devices_that_were_asked_for() {
        let (entries, problems) = decode_source("images/x.yaml", MORE, "images".into(), &VOCABULARY);
        assert_eq!(problems.render(false), "");
        let [root, lab] = &entries[..] else { panic!("{entries:?}") };
        assert_eq!((root.format, root.arch, root.firmware), (Format::Tar, Arch::Aarch64, FirmwareKind::UefiSecure));
        assert_eq!((root.seed, root.bus, root.tpm, root.nics), (SeedKind::Ignition, DiskBus::Sata, true, 3));
        assert_eq!(root.extra_disks, [1 << 30, 64 << 20]);
        let kernel = Kernel {
            image: "images/vmlinuz".into(),
            initrd: Some("images/initrd.img".into()),
            cmdline: "root=/dev/vda rw console=ttyS0".to_owned(),
        };
        assert_eq!(root.kernel, Some(kernel));
        assert_eq!(lab.kernel.as_ref().map(|kernel| kernel.image.as_str()), Some("vmlinuz"));
        assert_eq!((lab.tpm, lab.nics, lab.extra_disks.len(), lab.arch), (false, 1, 0, Arch::X86_64));
    }

    #[test]
    fn impossible_devices_are_refused() {
        let codes = |text: &str| -> Vec<_> {
            decode_source("x.yaml", text, "".into(), &VOCABULARY).1.iter().map(|d| d.code).collect()
        };
        assert_eq!(codes(&MORE.replace("nics: 3", "nics: 9")), ["bad-value"]);
        assert_eq!(codes(&MORE.replace("64 MiB", "64 kB")), ["bad-value"]);
        assert_eq!(codes(&MORE.replace("tpm: true", "tpm: yes")), ["bad-value"]);
        let many = format!("[{}]", ["1 GiB"; 9].join(", "));
        assert_eq!(codes(&MORE.replace("[1 GiB, 64 MiB]", &many)), ["bad-value"]);
        // It may bring its own.
        let bare = MORE.replace("    kernel: {image: vmlinuz, cmdline: root=/dev/vda}\n", "");
        assert_eq!(codes(&bare), [""; 0]);
        let typo = MORE.replace("{image: vmlinuz, cmdline", "{imag: vmlinuz, cmdline");
        assert_eq!(codes(&typo), ["unknown-key"]);
    }

    #[test]
    fn an_id_is_unique_over_all_files() {
        let twice = format!("{GOOD}{}", "  - {id: lab, disk: {lab: lab}, seed: none, user: root}\n");
        let (_, problems) = decode_source("x.yaml", &twice, "".into(), &VOCABULARY);
        assert_eq!(problems.iter().map(|d| d.code).collect::<Vec<_>>(), ["duplicate-id"]);
        assert_eq!(problems.iter().next().map(|d| d.notes.clone()), Some(vec!["first at x.yaml:4:9".to_owned()]));
    }

    #[test]
    fn every_vendor_image_of_the_repository_says_whether_it_was_booted_and_how_it_is_trusted() {
        let path = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../images");
        let (entries, problems) = load(&[path], &VOCABULARY);
        assert_eq!(problems.render(false), "");
        let of = |start: &str| entries.iter().filter(|entry| entry.id.starts_with(start)).count();
        for (family, count) in [
            ("fedora-", 6),
            ("centos-stream-10", 2),
            ("almalinux-10", 3),
            ("rocky-10", 2),
            ("amazon-linux-2023", 2),
            ("flatcar", 2),
            ("azurelinux-3", 2),
            ("azurelinux-4", 2),
            ("azure-container-linux", 1),
            ("cos", 1),
            ("wsl-", 2),
        ] {
            assert_eq!(of(family), count, "{family}");
        }
        for entry in &entries {
            let said = entry.never_booted.is_some() || !entry.verified.is_empty();
            match &entry.disk {
                Disk::Lab(_) | Disk::Path(_) => continue,
                Disk::Bring { path, steps } => {
                    assert!(path.as_str().contains("images/brought/") && steps.len() > 1, "{}", entry.id);
                }
                Disk::Download(download) => {
                    assert!(download.url.starts_with("https://"), "{}", entry.id);
                    assert!(download.max_size.is_some(), "{}", entry.id);
                }
            }
            assert!(said, "{} does not say whether it was ever booted", entry.id);
            assert!(!entry.quirks.is_empty(), "{}", entry.id);
            assert_eq!(entry.facts["arch"], [entry.arch.name()], "{}", entry.id);
            assert!(entry.facts.contains_key("mode"), "{}", entry.id);
        }
        let needs = |id: &str| entries.iter().find(|entry| entry.id == id).and_then(|entry| entry.needs_cpu);
        assert_eq!((needs("almalinux-10"), needs("almalinux-10-v2")), (Some("x86-64-v3"), Some("x86-64-v2")));
    }

    #[test]
    fn the_catalogue_of_the_repository_is_good() {
        let path = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("../../images/lab.yaml");
        let (entries, problems) = load(&[path], &VOCABULARY);
        assert_eq!(problems.render(false), "");
        let ids: Vec<_> = entries.iter().map(|entry| entry.id.as_str()).collect();
        for id in ["lab", "lab-tiny", "lab-secureboot", "lab-vhd", "lab-rootfs", "lab-immutable", "lab-tiny-aarch64"] {
            assert!(ids.contains(&id), "{id} is missing from {ids:?}");
        }
        for entry in &entries {
            let foreign = ["lab-mmdebstrap", "lab-mkosi"].contains(&entry.id.as_str());
            let lab = if entry.id == "lab-next" { "muster-lab-2" } else { "muster-lab-1" };
            assert_eq!(entry.facts["distro"], [if foreign { "debian-13" } else { lab }]);
            // Secure Boot is a switch of the firmware: the disk is lab's own.
            let variant =
                if ["lab-secureboot", "lab-baseline"].contains(&entry.id.as_str()) { "lab" } else { &entry.id };
            assert_eq!(entry.disk, Disk::Lab(variant.to_owned()));
        }
    }
}
