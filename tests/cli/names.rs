//! A name that does not exist is met with those that are near it, wherever it was typed.

use std::time::Duration;

use super::support::Place;

const SOON: Duration = Duration::from_secs(120);

#[test]
fn a_misspelt_name_ends_with_2_and_near_names() {
    let place = Place::new();
    let snapshots = place.path("snapshots");
    std::fs::create_dir(&snapshots).unwrap();
    std::fs::write(snapshots.join("base__users.snap.new"), "---\nsource: x\n---\nx\n").unwrap();
    let dir = snapshots.to_str().unwrap();
    let cases: &[(&[&str], &str)] = &[
        (&["failures", "boot.tiemout"], "`boot.timeout`"),
        (&["failures", "kernel.relase"], "`kernel.release`"),
        (&["failures", "console.opps"], "`console.oops`"),
        (&["reference", "pakage"], "`package`"),
        (&["schema", "sute"], "'suite'"),
        (&["explain", "kernel/relase"], "`kernel/release`"),
        (&["explain", "relase"], "`kernel/release`"),
        (&["explain", "kernel/release", "--image", "lab-tinny"], "`lab-tiny`"),
        (&["list", "--suite", "kernal"], "`kernel`"),
        (&["images", "show", "lab-tinny"], "`lab-tiny`"),
        (&["images", "pull", "fedora-34"], "`fedora-43`"),
        (&["images", "verify", "fedora-34"], "`fedora-43`"),
        (&["images", "build", "lab-tinny"], "`lab-tiny`"),
        (&["snapshots", "--folder", dir, "accept", "base__usres"], "`base__users`"),
        (&["snapshots", "--folder", dir, "reject", "--", "base__usres"], "`base__users`"),
        (&["coverage", "--tool", "kolla"], "`kola`"),
        (&["record", "--of", "pakages"], "`packages`"),
        (&["run", "--image", "lab-tinny"], "`lab-tiny`"),
        (&["boot", "lab-tinny"], "`lab-tiny`"),
    ];
    let mut faults = Vec::new();
    for (words, near) in cases {
        let ended = place.run(words, SOON);
        if ended.status != 2 || !ended.stderr.contains(near) {
            faults.push(format!("{words:?} ended with {} and does not say {near}:\n{}", ended.status, ended.stderr));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(snapshots.join("base__users.snap.new").is_file(), "a misspelt name changed something");
}
