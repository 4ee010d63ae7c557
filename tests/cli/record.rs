//! `muster record` on a machine that is already up: this one, through an SSH server that the test
//! starts. It is only looked at.

use std::process::Stdio;
use std::time::Duration;

use muster_record::outcome::Outcome;

use crate::support::{Finished, Place, finish};
use muster_guest::loopback::Sshd;

fn record(place: &Place, sshd: &Sshd, more: &[&str]) -> Finished {
    let target = format!("{}@{}", sshd.user, sshd.addr);
    let mut command = place.command(&["record", "--connect", &target, "--host-key", &sshd.host_key()]);
    command.args(more).arg("--identity").arg(&sshd.key).stdout(Stdio::piped()).stderr(Stdio::piped());
    finish(command.spawn().unwrap(), Duration::from_secs(120))
}

#[test]
fn what_is_recorded_passes_on_the_machine_it_came_from() {
    let sshd = Sshd::start().unwrap();
    let place = Place::new();
    let odd = place.path("odd");
    std::fs::create_dir(&odd).unwrap();
    for name in ["a b", "x: y #", "${HOME}", "\"quoted\"", "- dash", "null", "é"] {
        std::fs::write(odd.join(name), "x").unwrap();
    }
    std::os::unix::fs::symlink("gone > 1", odd.join("link")).unwrap();
    let of = format!("users,groups,sysctl:kernel.*,commands:s*,files:{}/*", odd.to_str().unwrap());
    let file = place.path("recorded.yaml");
    let output = file.to_str().unwrap();
    let ended = record(&place, &sshd, &["--of", &of, "--output", output, "--suite", "golden"]);
    ended.assert_status(0);
    let target = format!("{}@{}", sshd.user, sshd.addr);
    let words = [
        "run",
        "--suites",
        output,
        "--connect",
        &target,
        "--host-key",
        &sshd.host_key(),
        "--identity",
        sshd.key.to_str().unwrap(),
    ];
    place.run(&words, Duration::from_secs(120)).assert_status(0);
    let record = place.record();
    let asked: Vec<&str> =
        record.tests.iter().filter(|test| test.outcome == Outcome::Pass).map(|test| test.test.as_str()).collect();
    for id in ["users", "groups", "sysctl-kernel", "commands", "files"] {
        assert!(asked.contains(&id), "{id} was not asked: {asked:?}");
    }
    assert_eq!(place.test("golden/files").assertions, 8 * 4);
    // It can fail, too.
    std::fs::remove_file(odd.join("a b")).unwrap();
    std::fs::remove_dir_all(place.path("run")).unwrap();
    place.run(&words, Duration::from_secs(120)).assert_status(1);
    assert_eq!(place.test("golden/files").failures.len(), 4);
}

#[test]
fn nothing_is_written_over_and_nothing_is_left_out_in_silence() {
    let sshd = Sshd::start().unwrap();
    let place = Place::new();
    let file = place.write("there.yaml", "mine");
    let there = file.to_str().unwrap();
    let refused = record(&place, &sshd, &["--of", "groups", "--output", there]);
    refused.assert_status(2);
    assert!(refused.stderr.contains("--force"), "{}", refused.stderr);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    record(&place, &sshd, &["--of", "groups:root", "--output", there, "--force"]).assert_status(0);
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains("        root: {gid: 0, members: none}\n"), "{text}");
    // To standard output, and nothing but the suite.
    let printed = record(&place, &sshd, &["--of", "groups:root"]);
    printed.assert_status(0);
    assert!(printed.stdout.starts_with("# Recorded from ") && printed.stdout.ends_with("members: none}\n"));
    let nothing = record(&place, &sshd, &["--of", "groups,users:no-such-user"]);
    nothing.assert_status(2);
    assert!(nothing.stderr.contains("matches no-such-user"), "{}", nothing.stderr);
    assert_eq!(nothing.stdout, "");
}

#[test]
fn what_cannot_be_meant_is_refused_before_anything_is_reached() {
    for (words, says) in [
        (&["record", "lab", "--of", "package"][..], "did you mean `packages`"),
        (&["record", "lab", "--of", "groups", "--suite", "Bad Name"], "is not a name"),
        (&["record", "lab"], "--of"),
        (&["record", "lab", "--connect", "me@host", "--of", "groups"], "cannot be used with"),
        (&["record", "lba", "--of", "groups"], "did you mean `lab`"),
        (&["record", "lab", "--of", "groups", "--output", "no/such/folder/x.yaml"], "its directory is not there"),
    ] {
        let ended = Place::new().run(words, Duration::from_secs(30));
        ended.assert_status(2);
        assert!(ended.stderr.contains(says), "{words:?}: {}", ended.stderr);
    }
}
