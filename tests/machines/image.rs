//! Images that must not be started. What is known before a boot is one error and no run; what only unpacking brings out is
//! told by the run.

use std::process::Command;
use std::time::Duration;

use muster_record::outcome::Outcome;

use crate::support::{Finished, Place, assert_outcome, digest, lab_disk};

const SUITE: &str = "schema: suite/v1\nsuite: probe\ntests:\n  - id: one\n    summary: a kernel runs\n    expect:\n      kernel: {release: \">= 1\"}\n";

/// A run on the image, which must end with 2.
fn run(place: &Place, image: &str, extra: &[&str]) -> Finished {
    let suite = place.write("probe.yaml", SUITE);
    let mut words = vec!["run", "--suites", suite.to_str().unwrap(), "--image", image];
    words.extend(extra);
    let ended = place.run(&words, Duration::from_secs(120));
    ended.assert_status(2);
    ended
}

fn refused(place: &Place, image: &str, extra: &[&str], id: &str, says: &str) {
    let ended = run(place, image, extra);
    assert!(
        ended.stdout.contains(says) || ended.stderr.contains(says),
        "{says:?} is missing in\n{}{}",
        ended.stdout,
        ended.stderr
    );
    assert_outcome(&place.test("machine/health"), Outcome::Error, &[id]);
    assert_outcome(&place.test("probe/one"), Outcome::NotRun, &[]);
    assert_eq!(place.record().machines.len(), 0, "no machine may have been started");
}

/// The same before anything is planned: one error, and no run.
fn refused_at_once(place: &Place, image: &str, extra: &[&str], id: &str, says: &str) {
    let ended = run(place, image, extra);
    assert_eq!(ended.stderr.matches("error: ").count(), 1, "{}", ended.stderr);
    assert!(ended.stderr.contains(says), "{says:?} is missing in\n{}", ended.stderr);
    assert!(ended.stderr.contains(&format!("`muster failures {id}`")), "{}", ended.stderr);
    assert!(!place.path("run").exists(), "a run was begun");
}

#[test]
fn a_missing_file_is_named() {
    let place = Place::new();
    refused_at_once(&place, "/nowhere/at-all.qcow2", &[], "image.missing", "/nowhere/at-all.qcow2");
}

#[test]
fn a_truncated_qcow2_is_refused() {
    let place = Place::new();
    let bytes = std::fs::read(lab_disk("lab-tiny")).unwrap();
    let path = place.path("cut.qcow2");
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    let before = digest(&path);
    refused_at_once(&place, path.to_str().unwrap(), &[], "image.unreadable", "cut.qcow2");
    assert_eq!(digest(&path), before);
}

#[test]
fn a_backing_file_could_be_any_file_of_the_host() {
    let place = Place::new();
    let path = place.path("layered.qcow2");
    let made = Command::new("qemu-img")
        .args(["create", "-q", "-f", "qcow2", "-u", "-b", "/etc/shadow", "-F", "raw"])
        .arg(&path)
        .arg("64M")
        .status();
    assert!(made.unwrap().success());
    refused_at_once(&place, path.to_str().unwrap(), &[], "image.backing-file", "/etc/shadow");
}

#[test]
fn a_file_of_another_format_is_refused() {
    let place = Place::new();
    let path = place.path("plain.qcow2");
    std::fs::write(&path, vec![0_u8; 1 << 20]).unwrap();
    refused_at_once(&place, path.to_str().unwrap(), &["--image-format", "qcow2"], "image.format", "plain.qcow2");
}

#[test]
fn a_tar_that_leads_out_of_itself_is_refused_and_leaves_nothing_on_the_host() {
    let place = Place::new();
    let kernel = place.write("vmlinuz", "never started");
    let evil = place.write("evil", "written by the archive");
    let archive = place.path("root.tar");
    // `-P` keeps the absolute name; the file itself goes away before the run.
    assert!(Command::new("tar").arg("-Pcf").args([&archive, &evil]).status().unwrap().success());
    std::fs::remove_file(&evil).unwrap();
    let words = ["--image-format", "tar", "--kernel", kernel.to_str().unwrap(), "--cmdline", "root=/dev/vda"];
    refused(&place, archive.to_str().unwrap(), &words, "image.archive", "is an absolute path");
    assert!(!evil.exists());
}

#[test]
fn a_packed_image_that_is_cut_is_refused() {
    let place = Place::new();
    let plain = place.path("disk.raw");
    std::fs::write(&plain, vec![7_u8; 1 << 20]).unwrap();
    assert!(Command::new("xz").arg(&plain).status().unwrap().success());
    let packed = place.path("disk.raw.xz");
    let bytes = std::fs::read(&packed).unwrap();
    std::fs::write(&packed, &bytes[..bytes.len() - 20]).unwrap();
    refused(&place, packed.to_str().unwrap(), &[], "image.compressed", "disk.raw.xz");
}
