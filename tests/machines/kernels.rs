//! `matrix: kernel:` on lab with another kernel in its repository, and with one that does not boot.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use muster_record::outcome::Outcome;

use crate::support::{Place, assert_outcome, ids, root};

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
