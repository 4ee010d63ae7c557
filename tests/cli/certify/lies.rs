//! Everything that may be done to a certificate, by who has the key and by who has not, and the id for which it is refused.

use super::scene::{IMAGE, Scene, ids, supportable};
use crate::support::Numbers;
use muster_record::event::Event;
use muster_record::outcome::Outcome;

fn waivers(expires: &str) -> String {
    format!(
        "schema: waivers/v1
waivers:
  - image: {IMAGE}
    test: s/b
    cell: {{image: lab, accelerator: tcg}}
    failure: package.version
    signature: 'package sed: … is not expected'
    reason: it ships with it
    tracker: bug 1
    requested-by: alice
    approved-by: bob
    created: {}
    expires: {expires}
",
        day(-3)
    )
}

/// Today and so many days.
fn day(days: i64) -> String {
    let at = jiff::Timestamp::now().as_second() + days * 86_400;
    jiff::Timestamp::from_second(at).expect("a time").to_string()[..10].to_owned()
}

/// A certificate `c` with a waiver that ends in ten days.
fn scene() -> Scene {
    let scene = Scene::new("waivers: {max-days: 90}\n");
    scene.run("r", &[("a", Outcome::Pass), ("b", Outcome::Fail)], |_| {});
    scene.place.write("w.yaml", &waivers(&day(10)));
    let made = scene.certify(&["@r", "--waivers", "@w.yaml"], "@c");
    made.assert_status(0);
    assert!(made.stdout.starts_with("CERTIFIED WITH NOTES: "), "{}", made.stdout);
    scene.verify("@c", &[]).assert_status(0);
    scene
}

/// Refused with exactly these ids, whatever else is said of them.
fn assert_refused(scene: &Scene, what: &str, dir: &str, words: &[&str], expected: &[&str]) {
    let ended = scene.verify(dir, words);
    assert_eq!(ended.status, 1, "{what}: {}{}", ended.stdout, ended.stderr);
    let mut found = ids(&ended.stdout);
    found.dedup();
    assert_eq!(found, expected, "{what}: {}", ended.stdout);
}

#[test]
fn files_that_were_changed_removed_or_added_are_found() {
    let scene = scene();
    let write = |name: &str, text: &str| std::fs::write(scene.path(&format!("x/{name}")), text).expect("written");
    let edit = |name: &str, from: &str, to: &str| {
        let text = scene.read(&format!("x/{name}"));
        assert!(text.contains(from), "{name} has no {from}");
        write(name, &text.replace(from, to));
    };
    let remove = |name: &str| std::fs::remove_file(scene.path(&format!("x/{name}"))).expect("removed");
    type Case<'c> = (&'c str, &'c dyn Fn(), &'c [&'c str]);
    let cases: [Case<'_>; 13] = [
        ("a run removed", &|| remove("evidence/r.zip"), &["evidence.missing"]),
        ("the policy removed", &|| remove("evidence/policy.yaml"), &["evidence.missing"]),
        ("evidence added", &|| write("evidence/more.zip", "x"), &["evidence.additional"]),
        ("a file added", &|| write("readme.txt", "x"), &["evidence.additional"]),
        ("the policy edited", &|| edit("evidence/policy.yaml", "max-days: 90", "max-days: 91"), &["evidence.modified"]),
        ("the profile edited", &|| edit("evidence/profile.lock.json", "\"s/a\"", "\"s/c\""), &["evidence.modified"]),
        ("a waiver edited", &|| edit("evidence/waivers.yaml", "bug 1", "bug 2"), &["evidence.modified"]),
        ("a run damaged", &|| write("evidence/r.zip", "PK"), &["evidence.modified"]),
        ("the page edited", &|| edit("certificate.html", "it ships with it", "none"), &["evidence.disagrees"]),
        ("the signature removed", &|| remove("certificate.sig"), &["signature.missing"]),
        ("the test result removed", &|| remove("test-result.json"), &["format.envelope"]),
        ("what was signed edited", &|| edit("certificate.signed", "tcg", "kvm"), &["evidence.disagrees"]),
        (
            "a link",
            &|| {
                remove("evidence/waivers.yaml");
                std::os::unix::fs::symlink(scene.path("w.yaml"), scene.path("x/evidence/waivers.yaml"))
                    .expect("a link");
            },
            &["evidence.modified"],
        ),
    ];
    for (what, change, expected) in cases {
        scene.copy("c", "x");
        change();
        assert_refused(&scene, what, "@x", &[], expected);
    }
    // The test result of another certificate, with a signature that is good.
    scene.run("good", &[("a", Outcome::Pass), ("b", Outcome::Pass)], |_| {});
    scene.certify(&["@good"], "@d").assert_status(0);
    scene.copy("c", "x");
    std::fs::copy(scene.path("d/test-result.json"), scene.path("x/test-result.json")).expect("copied");
    assert_refused(&scene, "another test result", "@x", &[], &["evidence.disagrees"]);
    // Payload and signature of two certificates.
    scene.copy("c", "x");
    let (one, two) = (scene.read("c/certificate.json"), scene.read("d/certificate.json"));
    let line = |text: &str, key: &str| text.lines().find(|line| line.contains(key)).expect("a line").to_owned();
    write("certificate.json", &one.replace(&line(&one, "\"sig\""), &line(&two, "\"sig\"")));
    let ended = scene.verify("@x", &[]);
    assert!(ended.assert_status(1).stdout.contains("  signature.invalid: "), "{}", ended.stdout);
}

#[test]
fn signatures_of_others_of_another_time_and_for_something_else_do_not_count() {
    let scene = scene();
    let refused = |what: &str, words: &[&str], expected: &[&str]| assert_refused(&scene, what, "@x", words, expected);
    scene.copy("c", "x");
    scene.sign_again("x", "other-key", "muster-certificate", |text| text);
    refused("another key", &[], &["signature.unknown-key"]);
    scene.copy("c", "x");
    scene.sign_again("x", "key", "file", |text| text);
    refused("another namespace", &[], &["signature.namespace"]);
    scene.copy("c", "x");
    scene.signers("me@example.org namespaces=\"git\"");
    refused("a key for something else", &[], &["signature.namespace"]);
    scene.signers("me@example.org valid-before=\"20200101\"");
    refused("a key that has expired", &[], &["signature.expired-key"]);
    scene.signers("me@example.org valid-after=\"20900101\"");
    refused("a key that is not valid yet", &[], &["signature.expired-key"]);
    scene.signers("other@example.org");
    refused("an identity that the key does not have", &[], &["signature.identity"]);
    scene.signers("me@example.org,you@example.org");
    refused("an identity that is demanded", &["--identity", "they@example.org"], &["signature.identity"]);
    scene.verify("@x", &["--identity", "you@example.org"]).assert_status(0);
    scene.signers("*@example.org");
    scene.verify("@x", &[]).assert_status(0);
    scene.place.write("signers", "# nobody\n");
    refused("no signer", &[], &["signature.unknown-key"]);
}

#[test]
fn what_the_verifier_demands_and_when_decides() {
    let scene = scene();
    scene.place.write("other", "another image");
    let policy = scene.read("policy.yaml");
    scene.place.write("strict.yaml", &policy.replace("max-days: 90", "max-days: 30"));
    let lock = scene.read("p.lock.json");
    scene.place.write("edited.lock.json", &lock.replace("\"s/a\"", "\"s/c\""));
    scene.place.write("renamed.lock.json", &lock.replace("\"id\": \"p\"", "\"id\": \"q\""));
    let ended = lock.replace("\"id\": \"p\"", "\"id\": \"p\", \"retired\": \"2020-01-31\"");
    scene.place.write("retired.lock.json", &ended);
    let (past, soon, later) = (day(-2), day(12), day(200));
    for (what, words, expected) in [
        ("another image", &["--image", "@other"][..], &["subject.mismatch"][..]),
        ("another policy", &["--policy", "@strict.yaml"], &["policy.other"]),
        ("another form of the profile", &["--profile", "@edited.lock.json"], &["profile.modified"]),
        ("another profile", &["--profile", "@renamed.lock.json"], &["profile.unknown"]),
        ("a profile that has ended since", &["--profile", "@retired.lock.json"], &["profile.retired"]),
        ("an old run", &["--max-age", "1h"], &["time.too-old"]),
        ("an old muster", &["--oldest-muster", "99"], &["tool.old"]),
        ("before it was signed", &["--at", &past], &["waiver.invalid", "time.future"][1..]),
        ("after its waiver", &["--at", &soon], &["waiver.expired", "time.expired"]),
        ("long after", &["--at", &later], &["waiver.expired", "time.expired"]),
    ] {
        assert_refused(&scene, what, "@c", words, expected);
    }
    // All reasons at once.
    let ended = scene.verify("@c", &["--image", "@other", "--policy", "@strict.yaml", "--max-age", "1h"]);
    assert_eq!(ids(&ended.stdout), ["subject.mismatch", "policy.other", "time.too-old"], "{}", ended.stdout);
}

#[test]
fn a_profile_with_fewer_tests_under_the_same_name_is_found_by_the_policy_alone() {
    let scene = Scene::new("");
    scene.run("good", &[("a", Outcome::Pass), ("b", Outcome::Pass)], |_| {});
    std::fs::create_dir(scene.path("forged")).expect("made");
    scene.place.write("forged/policy.yaml", &scene.read("policy.yaml"));
    scene.muster(&["profile", "lock", "s/a", "--suites", "@s.yaml", "-o", "@forged/p.lock.json"]).assert_status(0);
    let mut words = scene.certify_words(&["@good"], "@forged/c");
    let policy = words.iter().position(|word| *word == "@policy.yaml").expect("a policy");
    words[policy] = "@forged/policy.yaml";
    scene.muster(&words).assert_status(0);
    assert_refused(&scene, "fewer tests", "@forged/c", &["--policy", "@policy.yaml"], &["profile.modified"]);
}

#[test]
fn a_lie_with_a_good_signature_disagrees_with_its_evidence() {
    let scene = scene();
    for (what, from, to, expected) in [
        ("a summary", "\"results\":{\"passed\":", "\"results\":{\"passed\":9", "evidence.disagrees"),
        ("a decision", "\"state\":\"waived\"", "\"state\":\"passed\"", "evidence.disagrees"),
        ("a status", "\"certified-with-notes\"", "\"certified\"", "evidence.disagrees"),
        (
            "an accelerator",
            "\"accelerator\":\"tcg\",\"accelerator-reason\"",
            "\"accelerator\":\"kvm\",\"accelerator-reason\"",
            "evidence.disagrees",
        ),
        (
            "a version",
            "\"version\":\"1\",\"arch\":\"x86_64\",\"kernel\"",
            "\"version\":\"2\",\"arch\":\"x86_64\",\"kernel\"",
            "subject.mismatch",
        ),
        ("an image", IMAGE, "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "subject.mismatch"),
    ] {
        scene.copy("c", "x");
        scene.sign_again("x", "key", "muster-certificate", |text| {
            assert!(text.contains(from), "{what}: {from} is not in {text}");
            text.replace(from, to)
        });
        let ended = scene.verify("@x", &[]);
        ended.assert_status(1);
        assert_eq!(ids(&ended.stdout).first().map(String::as_str), Some(expected), "{what}: {}", ended.stdout);
        assert!(!ended.stdout.contains("signature."), "{what}: {}", ended.stdout);
    }
    // A run, changed at one place after the other, with all digests made to fit.
    let [from, to] = ["\"outcome\": \"fail\"", "\"outcome\": \"pass\""];
    let [from_event, to_event] = ["\"outcome\":\"fail\"", "\"outcome\":\"pass\""];
    scene.edit_run("r", from, to, &["run.json"]);
    scene.copy("c", "x");
    scene.replace_run("x", "r");
    let ended = scene.verify("@x", &[]);
    ended.assert_status(1);
    let message = "run.json is not what its events.jsonl comes to: s/b on lab is pass in the one and fail in the other";
    assert!(ended.stdout.contains(message), "{}", ended.stdout);
    assert!(ended.stdout.contains("its junit.xml is not that of its run.json"), "{}", ended.stdout);
    scene.edit_run("r", from_event, to_event, &["events.jsonl"]);
    scene.edit_run("r", "\"fail\": 1", "\"fail\": 0", &["run.json"]);
    let passed = |more: usize| format!("\"pass\": {}", supportable().len() + more);
    scene.edit_run("r", &passed(2), &passed(3), &["run.json"]);
    scene.copy("c", "x");
    scene.replace_run("x", "r");
    let ended = scene.verify("@x", &[]);
    ended.assert_status(1);
    assert!(!ended.stdout.contains("events.jsonl comes to"), "{}", ended.stdout);
    assert!(ended.stdout.contains("its junit.xml is not that of its run.json"), "{}", ended.stdout);
    assert!(ended.stdout.contains("/images/0/decision"), "{}", ended.stdout);
}

#[test]
fn a_flipped_bit_of_any_file_is_refused() {
    const EACH: usize = 8;
    let scene = scene();
    let files = [
        "certificate.json",
        "certificate.signed",
        "certificate.sig",
        "certificate.html",
        "test-result.json",
        "evidence/policy.yaml",
        "evidence/profile.lock.json",
        "evidence/waivers.yaml",
        "evidence/r.zip",
    ];
    let mut numbers = Numbers(0xce27);
    scene.copy("c", "x");
    for file in files {
        let path = scene.path(&format!("x/{file}"));
        let good = std::fs::read(&path).expect("a file");
        for _ in 0..EACH {
            let (at, bit) = (numbers.below(good.len()), numbers.below(8));
            let mut bytes = good.clone();
            bytes[at] ^= 1 << bit;
            std::fs::write(&path, &bytes).expect("written");
            let ended = scene.verify("@x", &[]);
            assert_eq!(ended.status, 1, "{file}, byte {at}, bit {bit}: {}{}", ended.stdout, ended.stderr);
            assert!(!ids(&ended.stdout).is_empty() && ended.stderr.is_empty(), "{file}: {}", ended.stderr);
        }
        std::fs::write(&path, &good).expect("written");
    }
    scene.verify("@x", &[]).assert_status(0);
}

#[test]
fn a_report_that_speaks_of_another_image_or_system_is_no_evidence() {
    let scene = Scene::new("");
    scene.run("lie", &[("a", Outcome::Pass), ("b", Outcome::Pass)], |_| {});
    let junit = scene.read("lie/junit.xml");
    for name in ["image.sha256", "kernel", "muster.version", "run.id"] {
        let property = format!("<property name=\"{name}\" value=\"");
        assert!(junit.contains(&property), "the report has no {name}: {junit}");
        let other = junit.replace(&property, &format!("{property}0"));
        std::fs::write(scene.path("lie/junit.xml"), other).expect("written");
        let ended = scene.certify(&["@lie"], "@none");
        assert_eq!(ids(&ended.assert_status(1).stdout), ["evidence.disagrees"], "{}", ended.stdout);
        assert!(ended.stdout.contains(&format!("the property {name}")), "{}", ended.stdout);
    }
    std::fs::write(scene.path("lie/junit.xml"), junit).expect("written");
    scene.certify(&["@lie"], "@c").assert_status(0);
}

#[test]
fn the_program_that_ran_the_tests_can_be_demanded() {
    let scene = Scene::new("");
    scene.run("r", &[("a", Outcome::Pass), ("b", Outcome::Pass)], |events| {
        if let Some(Event::RunStarted { binary, .. }) = events.first_mut() {
            *binary = Some("5e".repeat(32));
        }
    });
    scene.certify(&["@r"], "@c").assert_status(0);
    let ended = scene.verify("@c", &[]);
    let said = &ended.assert_status(0).stdout;
    assert!(said.contains("note: no image is at hand") && said.contains("--muster-digest"), "{said}");
    let (its_own, other) = ("5E".repeat(32), "6f".repeat(32));
    scene.verify("@c", &["--muster-digest", &other, "--muster-digest", &its_own]).assert_status(0);
    assert_refused(&scene, "another program", "@c", &["--muster-digest", &other], &["tool.modified"]);
    // A file is digested.
    assert_refused(&scene, "another file", "@c", &["--muster-digest", "@policy.yaml"], &["tool.modified"]);
    let ended = scene.verify("@c", &["--muster-digest", "@no-such-program"]);
    assert!(ended.assert_status(2).stderr.contains("64 hexadecimal digits"), "{}", ended.stderr);
}
