//! Proofs: a test that can fail does, on a guest that was changed for it, and one that cannot is found.

use std::time::Duration;

use muster_record::outcome::Outcome;

use crate::support::{Place, assert_outcome};

#[test]
fn a_test_must_fail_on_its_changed_guest_and_pass_on_the_others() {
    let place = Place::new();
    let suite = place.write(
        "s.yaml",
        "schema: suite/v1
suite: s
tests:
  - id: passwd
    expect: {file: {/etc/passwd: {owner: root, mode: \"0644\"}}}
  - id: prepared
    steps: [run: echo blue >/tmp/colour]
  - id: colour
    needs: [prepared]
    expect: {command: {cat /tmp/colour: {stdout: {line: blue}}}}
  - id: blind
    expect: {command: {\"cat /tmp/nothing; true\": {exit: 0}}}
",
    );
    let proofs = place.write(
        "p.yaml",
        "schema: proofs/v1
proofs:
  - {tests: s/passwd, steps: [run: chown 7 /etc/passwd], fails: [file.owner]}
  - {tests: s/prepared, unprovable: it prepares what another test judges}
  - {tests: s/colour, steps: [run: echo red >/tmp/colour], fails: [command.stdout]}
  - {tests: s/blind, steps: [run: echo loud >/tmp/nothing], fails: [command.exit]}
",
    );
    let words = ["run", "--image", "lab-tiny", "--suites", suite.to_str().unwrap(), "--prove", "--proofs"];
    let ended = place.run(&[&words[..], &[proofs.to_str().unwrap()]].concat(), Duration::from_secs(240));
    ended.assert_status(1);
    for name in ["s/passwd", "s/colour", "s/blind", "proof-of-s/prepared.for.colour"] {
        assert_outcome(&place.test(name), Outcome::Pass, &[]);
    }
    for (name, id) in [("proof-of-s/passwd", "file.owner"), ("proof-of-s/colour", "command.stdout")] {
        let proven = place.test(name);
        assert_outcome(&proven, Outcome::Pass, &[]);
        assert!(proven.remarks[0].starts_with(&format!("fails as it must: {id}: ")), "{:?}", proven.remarks);
    }
    // A test that passes whatever is there is the reason that proofs exist.
    assert_outcome(&place.test("proof-of-s/blind"), Outcome::Fail, &["proof.passed"]);
    assert!(ended.stdout.contains("3 proofs: each changes a guest of its own"), "{}", ended.stdout);

    let some = place.write("some.yaml", "schema: proofs/v1\nproofs:\n  - {tests: s/passwd, unprovable: x y}\n");
    let _ = std::fs::remove_dir_all(place.path("run"));
    let ended = place.run(&[&words[..], &[some.to_str().unwrap()]].concat(), Duration::from_secs(60));
    ended.assert_status(2);
    assert!(ended.stderr.contains("3 tests have neither a proof nor a reason"), "{}", ended.stderr);
}
