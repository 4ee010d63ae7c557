//! The shipped rules against their own samples and each other, and rules that a person adds.

use super::super::message::messages;
use super::*;

fn entries() -> Vec<ConsoleRule> {
    let mut sink = Diagnostics::new();
    let rules = shipped(&mut HashMap::new(), &mut sink);
    rules.iter().for_each(|rule| try_samples(rule, &mut sink));
    sink.settle();
    assert_eq!(sink.render(false), "");
    rules
}

/// A guest that has booted and said nothing of a restart.
fn up() -> Boots {
    let mut boots = Boots::default();
    messages("[   99.000000] x", true).for_each(|message| boots.see(&message));
    boots
}

fn found<'r>(rules: &'r Rules, line: &str) -> Vec<&'r Rule> {
    found_in(rules, line, &up())
}

fn found_in<'r>(rules: &'r Rules, line: &str, boots: &Boots) -> Vec<&'r Rule> {
    messages(line, true)
        .filter_map(|message| message.readings().find_map(|text| rules.evaluator(text, boots).rule))
        .collect()
}

#[test]
fn every_shipped_rule_finds_its_samples_and_passes_its_near_misses() {
    let (entries, rules) = (entries(), Rules::shipped());
    assert!(entries.len() > 80, "{} rules", entries.len());
    for rule in &entries {
        for sample in &rule.samples {
            let categories: Vec<_> = found(&rules, &sample.text).iter().map(|rule| rule.category.clone()).collect();
            assert!(categories.iter().any(|found| **found == *rule.category), "{}: {categories:?}", rule.id);
        }
        for miss in &rule.near_misses {
            // What is no crash of the kernel may be one of a program, and then is that.
            let boots = if rule.after.is_some() { up() } else { Boots::default() };
            let blamed: Vec<_> = found_in(&rules, &miss.text, &boots)
                .into_iter()
                .filter(|found| found.severity > Severity::Warn || *found.id == *rule.id)
                .map(|found| found.id.clone())
                .collect();
            assert!(blamed.is_empty(), "{}: {} is found by {blamed:?}", rule.id, miss.text);
        }
        assert!(rule.pattern.as_str().starts_with('^'), "{} is not anchored", rule.id);
        assert!(rule.because.len() > 20, "{} does not say why", rule.id);
    }
}

#[test]
fn rules_of_one_category_belong_to_one_base_check() {
    let rules = Rules::shipped();
    let mut known: HashMap<&str, Option<&str>> = HashMap::new();
    for rule in rules.all() {
        let base_check = rule.base_check.as_deref();
        assert_eq!(*known.entry(&*rule.category).or_insert(base_check), base_check, "{}", rule.id);
    }
    let of = |category: &str| known[category];
    assert_eq!(
        ["kernel-panic", "oops", "warning", "segfault", "oom", "avc"].map(of),
        [Some("crash"), Some("oops"), Some("oops"), Some("coredump"), Some("oom"), Some("avc")]
    );
    assert_eq!(["lockup", "kasan", "emergency", "unit-failed"].map(of), [None; 4]);
    assert_eq!(known.values().filter(|base_check| base_check.is_some()).count(), 17);
}

#[test]
fn no_sample_is_found_in_the_middle_of_a_line() {
    let rules = Rules::shipped();
    for sample in entries().iter().flat_map(|rule| &rule.samples) {
        for message in messages(&sample.text, true) {
            let quoted = format!("note=\"{}\"", message.text);
            assert_eq!(found(&rules, &quoted).len(), 0, "{quoted}");
        }
    }
}

#[test]
fn a_rule_that_lies_about_its_samples_is_refused_with_its_place() {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().join("mine.yaml")).unwrap();
    let write = |sample: &str, miss: &str| {
        let text = format!(
            "schema: console-rules/v1\nrules:\n- id: mine\n  category: mine\n  severity: fail\n  pattern: '^it broke'\n  \
             except: '^it broke on purpose'\n  sample: '{sample}'\n  near-miss: '{miss}'\n  because: a test wants it\n"
        );
        fs_err::write(&path, text).unwrap();
        Rules::with_user_files(std::slice::from_ref(&path))
    };
    let rules = write("[    1.000000] it broke", "it broke on purpose").unwrap();
    assert_eq!(rules.all().len(), Rules::shipped().all().len() + 1);
    assert_eq!(found(&rules, "it broke again")[0].severity, Severity::Fail);
    let problems = write("it brake", "it broke, and how").unwrap_err();
    let places: Vec<_> = problems.iter().map(|problem| (problem.code, problem.span.unwrap().line)).collect();
    assert_eq!(places, [("bad-sample", 8), ("bad-sample", 9)]);
    let text = problems.render(false);
    assert!(text.contains("does not find its own sample") && text.contains("finds its own near miss"), "{text}");
    fs_err::write(&path, fs_err::read_to_string(&path).unwrap().replace("id: mine", "id: kernel-panic")).unwrap();
    let problems = Rules::check(std::slice::from_ref(&path)).1;
    assert!(problems.render(false).contains("there is a console rule `kernel-panic` already"));
}

#[test]
fn one_benign_message_hides_no_other() {
    let rules = Rules::shipped();
    let ids = |line: &str| found(&rules, line).iter().map(|rule| rule.category.to_string()).collect::<Vec<_>>();
    assert_eq!(ids("[    1.000000] blk_update_request: I/O error, dev fd0, sector 0"), [""; 0]);
    let torn = "[    1.000000] I/O error, dev sr0, sector 0[    1.000001] I/O error, dev vda, sector 8 op 0x0:(READ)";
    assert_eq!(ids(torn), ["disk-error"]);
}

/// Lines of healthy boots that hold the words of rules. None of them may be found, not even as a
/// note.
const HEALTHY: &[&str] = &[
    "[    0.000000] Command line: BOOT_IMAGE=/vmlinuz root=LABEL=x ro console=ttyS0 panic=-1 oops=panic errors=remount-ro",
    "[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable",
    "[    0.000000] RAMDISK: [mem 0x35e2d000-0x36f0cfff]",
    "[    0.000000] DMI: QEMU Standard PC (Q35 + ICH9, 2009), BIOS 1.16.3 04/01/2014",
    "[    0.000000] [Firmware Bug]: TSC_DEADLINE disabled due to Errata; please update microcode to version: 0x52",
    "[    0.004000] ACPI BIOS Error (bug): Failure creating named object [\\_GPE._E07], AE_ALREADY_EXISTS",
    "[    0.010000] Speculative Store Bypass: Vulnerable",
    "[    0.010000] MDS: Vulnerable: Clear CPU buffers attempted, no microcode",
    "[    0.010000] RETBleed: WARNING: Spectre v2 mitigation leaves CPU vulnerable to RETBleed attacks, data leaks possible!",
    "[    0.010000] TAA: Vulnerable: Clear CPU buffers attempted, no microcode",
    "[    0.012000] Failed to register legacy timer interrupt",
    "[    0.012000] unchecked: MSR 0x1 read",
    "[    0.050000] rcu: Hierarchical RCU implementation.",
    "[    0.050000] RCU Tasks Trace: Setting shift to 1 and lim to 1 rcu_task_cb_adjust=1.",
    "[    0.080000] PCI: Using host bridge windows from ACPI; if necessary, use \"pci=nocrs\" and report a bug",
    "[    0.084626] NMI watchdog: Perf NMI watchdog permanently disabled",
    "[    0.100000] mce: CPU0 supports 10 MCE banks",
    "[    0.200000] random: crng init done",
    "[    0.300000] audit: type=2000 audit(1700000000.300:1): state=initialized audit_enabled=0 res=1",
    "[    0.400000] HugeTLB: registered 2.00 MiB page size, pre-allocated 0 pages",
    "[    0.500000] SCSI subsystem initialized",
    "[    0.600000] ERST: Error Record Serialization Table (ERST) support is initialized.",
    "[    0.600000] GHES: APEI firmware first mode is enabled by APEI bit.",
    "[    0.700000] i8042: Warning: Keylock active",
    "[    0.700000] pcieport 0000:00:1c.0: AER: enabled with IRQ 24",
    "[    0.800000] integrity: Problem loading X.509 certificate -126",
    "[    0.900000] clocksource: timekeeping watchdog on CPU1: Marking clocksource 'tsc' as unstable because the skew is too large:",
    "[    1.000000] Kernel panic on oops is enabled",
    "[    1.000000] Loading compiled-in X.509 certificates",
    "[    1.100000] EXT4-fs (vda1): mounted filesystem with ordered data mode. Quota mode: none.",
    "[    1.100000] EXT4-fs (vda1): recovery complete",
    "[    1.100000] EXT4-fs (vda1): warning: mounting unchecked fs, running e2fsck is recommended",
    "[    1.100000] XFS (vda1): Starting recovery (logdev: internal)",
    "[    1.100000] BTRFS warning (device vda1): read-write for sector size 4096 with page size 65536 is experimental",
    "[    1.200000] floppy0: no floppy controllers found",
    "[    1.200000] sr 1:0:0:0: [sr0] scsi3-mmc drive: 4x/4x cd/rw xa/form2 tray",
    "[    1.200000] sd 0:0:0:0: [sda] Assuming drive cache: write through",
    "[    1.200000] ata2.00: ATAPI: QEMU DVD-ROM, 2.5+, max UDMA/100",
    "[    1.200000] nvme nvme0: 2/0/0 default/read/poll queues",
    "[    1.300000] device-mapper: uevent: version 1.0.3",
    "[    1.300000] md: Waiting for all devices to be available before autodetect",
    "[    1.400000] systemd[1]: Failed to find module 'autofs4'",
    "[    1.400000] systemd[1]: Detected virtualization qemu.",
    "[    1.500000] systemd[1]: Starting emergency.service...",
    "[    1.500000] systemd[1]: Reached target sysinit.target - System Initialization.",
    "[    1.600000] systemd[1]: systemd-oomd.service: Deactivated successfully.",
    "[    1.700000] SELinux:  Class mctp_socket not defined in policy.",
    "[    1.700000] audit: type=1404 audit(1700000000.700:2): enforcing=1 old_enforcing=0 auid=4294967295 ses=4294967295",
    "[    1.800000] loop0: detected capacity change from 0 to 8",
    "[    1.800000] nvidia: module license 'NVIDIA' taints kernel.",
    "[    1.800000] Disabling lock debugging due to kernel taint",
    "[    1.900000] hv_utils: cannot register PTP clock: 0",
    "[    2.000000] watchdog: watchdog0: watchdog did not stop!",
    "[    2.000000] perf: interrupt took too long (2507 > 2500), lowering kernel.perf_event_max_sample_rate to 79000",
    "[    2.000000] hrtimer: interrupt took 123456 ns",
    "[    2.000000] sched: DL replenish lagged too much",
    "[  OK  ] Finished GRUB failed boot detection.",
    "[  OK  ] Started Process Core Dump Socket.",
    "[  OK  ] Finished Detect the available GPUs and deal with any system changes.",
    "         Starting Failure handler...",
    "[ ***  ] (1 of 2) A start job is running for Wait for Network (7s / no limit)",
    "BdsDxe: loading Boot0001 \"UEFI Misc Device\" from PciRoot(0x0)/Pci(0x3,0x0)",
    "BdsDxe: failed to load Boot0001 \"UEFI QEMU DVD-ROM QM00001 \" from PciRoot(0x0)/Pci(0x1F,0x2)/Sata(0x0,0xFFFF,0x0): Not Found",
    "EFI stub: UEFI Secure Boot is enabled.",
    "EFI stub: Measured initrd data into PCR 9",
    "error: no suitable video mode found.",
    "error: file `/boot/grub/locale/en.gmo' not found.",
    "Booting `Debian GNU/Linux'",
    "Loading Linux 6.1.0-13-cloud-amd64 ...",
    "cloud-init[512]: 2025-06-03 15:41:57,123 - azure.py[WARNING]: No lease found; using default endpoint: a8:3f:81:10",
    "lab login: ",
    "Debian GNU/Linux 12 lab ttyS0",
    "sudo: unable to resolve host lab",
    "Warning: fsck not present, so skipping root file system",
    "dracut-pre-udev[310]: chown: invalid group: 'rpc:rpc'",
    "panic",
    "WARNING: apt does not have a stable CLI interface. Use with caution in scripts.",
    "ERROR: 1 test failed",
    "FATAL: Module foo not found in directory /lib/modules/6.1.0",
    "Oops, that did not work",
    "# grub> is the prompt",
];

#[test]
fn no_line_of_a_healthy_boot_is_found() {
    let rules = Rules::shipped();
    for line in HEALTHY {
        let ids: Vec<_> = found_in(&rules, line, &Boots::default()).iter().map(|rule| rule.id.clone()).collect();
        assert!(ids.is_empty(), "{line}: {ids:?}");
    }
}
