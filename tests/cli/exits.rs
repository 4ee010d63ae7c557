//! How commands end when what they need is not there: 2 for a file that a person named, 3 for a program of this host.

use std::time::Duration;

use super::support::Place;

const SOON: Duration = Duration::from_secs(120);

/// Every command that takes a file, with one that is missing; `MISSING` is where it would be, `THERE` a file that is.
const FILES: &[&[&str]] = &[
    &["run", "--image", "MISSING.qcow2"],
    &["run", "--image", "MISSING.qcow2.xz"],
    &["run", "--image", "lab-tiny", "--suites", "MISSING"],
    &["run", "--image", "lab-tiny", "--known-issues", "MISSING"],
    &["run", "--image", "lab-tiny", "--prove", "--proofs", "MISSING"],
    &["run", "--image", "lab-tiny", "--console-rules", "MISSING"],
    &["run", "--image", "lab-tiny", "--kernel", "MISSING", "--cmdline", "x"],
    &["run", "--connect", "user@192.0.2.1", "--identity", "MISSING"],
    &["boot", "MISSING.qcow2", "--exec", "true"],
    &["record", "--image", "MISSING.qcow2", "--of", "packages"],
    &["compare", "MISSING.facts.json", "MISSING.facts.json"],
    &["compare", "MISSING.qcow2", "MISSING.qcow2"],
    &["compare", "lab-tiny", "lab-tiny", "--ledger", "MISSING"],
    &["compare", "lab-tiny", "lab-tiny", "--azldev", "MISSING"],
    &["port", "MISSING.list", "--on", "lab-tiny"],
    &["port", "THERE", "--as", "list", "--on", "MISSING.qcow2"],
    &["port", "THERE", "--as", "list", "--offline", "--on", "x=MISSING"],
    &["port", "THERE", "--as", "list", "--offline", "--on", "MISSING.json"],
    &["images", "inspect", "MISSING.qcow2"],
    &["images", "check", "MISSING.qcow2"],
    &["images", "check", "THERE", "--suites", "MISSING"],
    &["images", "pull", "fedora-43", "--keyring", "MISSING"],
    &["kconfig", "check", "MISSING"],
    &["kconfig", "diff", "MISSING", "MISSING"],
    &["console", "scan", "MISSING"],
    &["console", "scan", "THERE", "--rules", "MISSING"],
    &["console", "rules", "--rules", "MISSING"],
    &["check", "MISSING"],
    &["check", "MISSING.yaml"],
    &["check", "MISSING.md"],
    &["explain", "kernel/release", "--suites", "MISSING"],
    &["list", "--suites", "MISSING"],
    &["snapshots", "list", "--directory", "MISSING"],
    &["snapshots", "accept", "--all", "--directory", "MISSING"],
    &["coverage", "--suites", "MISSING"],
    &["resume", "MISSING"],
    &["gate", "last", "--policy", "MISSING"],
    &["profile", "diff", "MISSING", "MISSING"],
    &["profile", "lock", "--suites", "MISSING"],
];

#[test]
fn a_file_that_is_missing_or_cannot_be_read_ends_every_command_with_2() {
    let place = Place::new();
    let there = place.write("there", "nothing\n");
    let missing = place.path("missing").to_str().unwrap().to_owned();
    let mut faults = Vec::new();
    for line in FILES {
        let words: Vec<String> = line
            .iter()
            .map(|word| word.replace("MISSING", &missing).replace("THERE", there.to_str().unwrap()))
            .collect();
        let ended = place.run(&words.iter().map(String::as_str).collect::<Vec<_>>(), SOON);
        let named = ended.stderr.contains("missing") || ended.stdout.contains("missing");
        if ended.status != 2 || !named {
            faults.push(format!("{line:?} ended with {:?}:\n{}", ended.status, ended.stderr));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Commands that need a program, on a host that has none of any.
const PROGRAMS: &[&[&str]] = &[
    &["run", "--image", "DISK"],
    &["boot", "DISK", "--exec", "true"],
    &["record", "--image", "DISK", "--of", "packages"],
    &["compare", "DISK", "DISK"],
    &["port", "README.md", "--as", "list", "--on", "DISK"],
    &["images", "inspect", "DISK"],
    &["images", "check", "DISK"],
    &["images", "build", "lab-tiny"],
    &["run", "--image", "lab-tiny"],
];

fn empty_disk(place: &Place) -> std::path::PathBuf {
    let disk = place.path("disk.qcow2");
    let made =
        std::process::Command::new("qemu-img").args(["create", "-q", "-f", "qcow2"]).arg(&disk).arg("8M").status();
    assert!(made.expect("qemu-img runs").success());
    disk
}

#[test]
fn a_program_that_this_host_lacks_ends_every_command_with_3() {
    let place = Place::new();
    let disk = empty_disk(&place);
    let nothing = place.path("nothing");
    std::fs::create_dir(&nothing).expect("a directory");
    let mut faults = Vec::new();
    for line in PROGRAMS {
        let words: Vec<String> = line.iter().map(|word| word.replace("DISK", disk.to_str().unwrap())).collect();
        let mut command = place.command(&words.iter().map(String::as_str).collect::<Vec<_>>());
        let ended = command.env("PATH", &nothing).output().expect("muster runs");
        let said = String::from_utf8_lossy(&ended.stderr);
        if ended.status.code() != Some(3) {
            faults.push(format!("{line:?} ended with {:?}:\n{said}", ended.status.code()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn an_image_that_was_not_pulled_is_one_error_that_names_the_command() {
    let place = Place::new();
    for line in [&["run", "--image", "fedora-43"][..], &["boot", "fedora-43", "--exec", "true"]] {
        let mut command = place.command(line);
        let ended = command.env("MUSTER_CACHE", place.path("cache")).output().expect("muster runs");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(2), "{said}");
        assert_eq!(said.matches("error:").count(), 1, "{said}");
        assert!(said.contains("`muster images pull fedora-43`"), "{said}");
        assert!(!place.path("run").exists(), "a run directory was made");
    }
}

#[test]
fn an_accelerator_that_is_refused_leaves_nothing_that_a_retry_meets() {
    let place = Place::new();
    let disk = empty_disk(&place);
    let other = place.path("other.qcow2");
    std::fs::copy(&disk, &other).expect("a second disk");
    let [disk, other] = [&disk, &other].map(|path| path.to_str().expect("a plain path"));
    let doctor = place.command(&["doctor", "--format", "json"]).output().expect("muster runs");
    let found: Vec<serde_json::Value> = serde_json::from_slice(&doctor.stdout).expect("a list");
    let kvm = found.iter().find(|one| one["what"] == "KVM").expect("the doctor looks at KVM");
    // Where KVM works nothing is refused, and the blank disk would be booted.
    if kvm["state"] == "ok" {
        return;
    }
    let new = place.path("new");
    let out = new.join("deep/run");
    let out = out.to_str().expect("a plain path");
    for line in [
        &["run", "--image", disk, "--accel", "kvm"][..],
        &["boot-time", disk, "--accel", "kvm", "--out", out],
        &["bisect", "--good", disk, "--bad", other, "base/boots", "--out", out, "--", "--accel", "kvm"],
    ] {
        let ended = place.command(line).output().expect("muster runs");
        let said = String::from_utf8_lossy(&ended.stderr);
        assert_eq!(ended.status.code(), Some(3), "{line:?}: {said}");
        assert!(said.contains("accelerator") || said.contains("KVM") || said.contains("/dev/kvm"), "{line:?}: {said}");
        assert!(!place.path("run").exists() && !new.exists(), "{line:?} left a directory");
    }
}
