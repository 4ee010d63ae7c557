//! `matrix: kernel:` on lab with another kernel in its repository, and with one that does not boot.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use muster_record::outcome::Outcome;

use crate::support::{Place, assert_outcome, digest, ids, root};

/// The version of the kernels of Debian that the image was built with.
fn version() -> String {
    let built = Command::new("./images/lab/build").args(["--variant", "lab-kernels"]).current_dir(root()).output();
    let built = built.expect("images/lab/build");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let dir = String::from_utf8(built.stdout).expect("UTF-8");
    let manifest = std::fs::read(Path::new(dir.trim()).join("manifest.json")).expect("read");
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("JSON");
    let kernel = manifest["kernel"].as_str().expect("its kernel").to_owned();
    kernel.split(['+', '-']).next().unwrap_or_default().to_owned()
}

#[test]
fn a_suite_runs_on_clones_of_a_machine_that_was_rebooted_into_the_kernel() {
    let place = Place::new();
    let (works, broken) = (format!("lab-kernel-generic-{}", version()), "lab-kernel-broken-6.99");
    let suite = format!(
        "schema: suite/v1
suite: kernels
summary: what runs on which kernel
matrix: {{kernel: [{works}, {broken}]}}
tests:
  - id: release
    summary: it is the kernel for any machine and not that for clouds
    expect:
      command: {{uname -r: {{stdout: {{lacks: cloud}}}}}}
  - id: writes
    summary: a step changes a clone
    steps:
      - run: touch /etc/changed
    expect:
      file: {{/etc/changed: {{type: file}}}}
"
    );
    let suite = place.write("kernels.yaml", &suite);
    let words = ["run", "--image", "lab-kernels", "--cpus", "1", "--suites", suite.to_str().expect("UTF-8")];
    let ended = place.run(&words, Duration::from_secs(1800));
    ended.assert_status(1);
    let record = place.record();
    let image = &record.images["lab-kernels"];
    let kernels: Vec<(&str, &str)> =
        image.kernels.iter().map(|kernel| (kernel.package.as_str(), kernel.release.as_str())).collect();
    let [(package, release)] = kernels.as_slice() else { panic!("{kernels:?}") };
    assert_eq!(*package, works);
    assert!(release.starts_with(&version()) && !release.contains("cloud"), "{release}");
    for test in ["release", "writes"] {
        let test = place.test(&format!("kernels/{test}[kernel={works}]"));
        assert_outcome(&test, Outcome::Pass, &[]);
        let machine = record.machines.iter().find(|machine| Some(&machine.id) == test.machine.as_ref());
        assert!(machine.is_some_and(|machine| machine.cloned_from.is_some()), "{machine:?}");
    }
    // The one that does not boot is the image's fault, and its tests did not run.
    let health = place.test("machine/health");
    assert!(health.failures.iter().any(|failure| failure.id.as_str() == "kernel.boot"), "{:?}", ids(&health));
    for test in ["release", "writes"] {
        assert_eq!(place.test(&format!("kernels/{test}[kernel={broken}]")).outcome, Outcome::NotRun);
    }
    assert!(ended.stdout.contains(&format!("KERNEL {works} ({release}) runs on lab-kernels-")), "{}", ended.stdout);
}

/// Brings the package of the kernel that boots from the image's own repository, in pieces: a file that is collected has 16 MiB at most.
fn package_of_the_image(into: &Path) {
    let place = Place::new();
    let suite = "schema: suite/v1
suite: fetch
tests:
  - id: package
    timeout: 10m
    steps:
      - run: split -b 8M -d /srv/repo/kernels/lab-kernel-generic-*.rpm /var/tmp/piece.
      - collect: [/var/tmp/piece.*]
";
    let suite = place.write("fetch.yaml", suite);
    let words = ["run", "--image", "lab-kernels", "--cpus", "1", "--suites", suite.to_str().expect("UTF-8")];
    place.run(&words, Duration::from_secs(900)).assert_status(0);
    let test = "run/tests/fetch/package@lab-kernels";
    let mut pieces: Vec<_> =
        std::fs::read_dir(place.path(test)).expect("pieces").map(|entry| entry.expect("an entry").path()).collect();
    pieces.sort();
    let whole: Vec<u8> = pieces.iter().flat_map(|piece| std::fs::read(piece).expect("read")).collect();
    std::fs::write(into, whole).expect("written");
}

#[test]
fn a_kernel_that_is_in_no_repository_is_sent_and_a_boot_loader_that_falls_back_is_found() {
    let place = Place::new();
    let package = place.path("kernel.rpm");
    package_of_the_image(&package);
    let suite = "schema: suite/v1
suite: file
matrix: {kernel: [{name: mine, file: kernel.rpm}]}
tests:
  - id: release
    summary: it is the kernel for any machine and not that for clouds
    expect:
      command: {uname -r: {stdout: {lacks: cloud}}}
  - id: stays
    guest: clone
    steps:
      - reboot: soft
    expect:
      command: {uname -r: {stdout: {lacks: cloud}}}
  - id: falls-back
    guest: clone
    steps:
      - run: bootctl set-default lab.conf
      - reboot: soft
";
    let suite = place.write("file.yaml", suite);
    let words = ["run", "--image", "lab-kernels", "--cpus", "1", "--suites", suite.to_str().expect("UTF-8")];
    place.run(&words, Duration::from_secs(1800)).assert_status(1);
    let record = place.record();
    let [kernel] = record.images["lab-kernels"].kernels.as_slice() else { panic!("{:?}", record.images) };
    assert!(kernel.package == "mine" && kernel.release.starts_with(&version()), "{kernel:?}");
    let [file] = kernel.files.as_slice() else { panic!("{kernel:?}") };
    assert!(file.package.starts_with("lab-kernel-generic-") && file.file.ends_with("kernel.rpm"), "{file:?}");
    assert_eq!(file.sha256, digest(&package));
    for test in ["release", "stays"] {
        assert_outcome(&place.test(&format!("file/{test}[kernel=mine]")), Outcome::Pass, &[]);
    }
    let fell_back = place.test("file/falls-back[kernel=mine]");
    assert_outcome(&fell_back, Outcome::Fail, &["kernel.other"]);
    assert_eq!(fell_back.failures[0].expected.as_deref(), Some(kernel.release.as_str()));
}
