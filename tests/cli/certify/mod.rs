//! Certificates as a customer meets them: made, verified, and refused for everything that was done to one.

mod ids;
mod lies;
mod scene;

use scene::{IMAGE, Scene, supportable};

use muster_record::event::Event;
use muster_record::outcome::Outcome;
use muster_record::run::ProductRecord;
use muster_record::shard::ShardRecord;

#[test]
fn a_certificate_is_made_and_accepted_and_openssh_alone_accepts_its_signature() {
    let scene = Scene::new("max-age: 30d\n");
    scene.run("good", &[("a", Outcome::Pass), ("b", Outcome::Pass)], |_| {});
    let made = scene.certify(&["@good"], "@c");
    made.assert_status(0);
    assert!(made.stdout.contains("CERTIFIED: ") && made.stdout.contains("policy: p (ship)"), "{}", made.stdout);
    let verified = scene.verify("@c", &["--policy", "@policy.yaml", "--profile", "@p.lock.json", "--image", "@image"]);
    verified.assert_status(0);
    assert!(verified.stdout.starts_with("ACCEPTED\n"), "{}", verified.stdout);
    let notes: Vec<&str> = verified.stdout.lines().filter(|line| line.contains("note: ")).collect();
    assert!(matches!(notes[..], [note] if note.contains("--muster-digest")), "{}", verified.stdout);
    assert!(verified.stdout.contains("signer: me@example.org, key SHA256:"), "{}", verified.stdout);
    // What the signer chose is said.
    let less = scene.verify("@c", &[]);
    less.assert_status(0);
    assert_eq!(less.stdout.matches("note: ").count(), 4, "{}", less.stdout);
    // The commands of the page, without muster.
    let said = scene.keygen(
        &[
            "-Y",
            "verify",
            "-f",
            "signers",
            "-I",
            "me@example.org",
            "-n",
            "muster-certificate",
            "-s",
            "c/certificate.sig",
        ],
        "c/certificate.signed",
    );
    assert!(said.starts_with("Good \"muster-certificate\" signature for me@example.org"), "{said}");
    let page = scene.read("c/certificate.html");
    assert!(page.contains("ssh-keygen -Y verify -f allowed_signers -I me@example.org"), "{page}");
    // It is never overwritten, and the same runs are the same evidence.
    scene.certify(&["@good"], "@c").assert_status(2);
    scene.certify(&["@good", "@good"], "@again").assert_status(0);
    let zip = |of: &str| std::fs::read(scene.path(&format!("{of}/evidence/good.zip"))).expect("the archive");
    assert!(zip("c") == zip("again"));
    // From the archive of a run, too.
    scene.muster(&["archive", "@good", "-o", "@good.zip"]).assert_status(0);
    scene.certify(&["@good.zip", "--supersedes", "@c"], "@from-archive").assert_status(0);
    scene.verify("@from-archive", &[]).assert_status(0);
    let left = std::fs::read_dir(scene.path("")).expect("the place").flatten();
    let left: Vec<String> = left.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    assert!(!left.iter().any(|name| name.starts_with(".muster-")), "{left:?}");
}

#[test]
fn the_statement_has_its_schema_and_the_answer_too() {
    let scene = Scene::new("");
    scene.run("good", &[("a", Outcome::Pass), ("b", Outcome::Pass)], |_| {});
    scene.certify(&["@good"], "@c").assert_status(0);
    let valid = |schema: &str, document: &str| {
        let schema = scene.muster(&["schema", schema]);
        let schema: serde_json::Value = serde_json::from_str(&schema.assert_status(0).stdout).expect("JSON");
        let document: serde_json::Value = serde_json::from_str(document).expect("JSON");
        let validator = jsonschema::draft202012::new(&schema).expect("a schema");
        let errors: Vec<String> = validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
        document
    };
    let signed = scene.read("c/certificate.signed");
    let at = signed.find('{').expect("a statement");
    let statement = valid("certificate", &signed[at..]);
    assert_eq!(statement["subject"][0]["digest"]["sha256"], IMAGE);
    let run = &statement["predicate"]["runs"][0];
    assert_eq!((&run["qemu"], &run["host-arch"]), (&"10.0.2".into(), &"x86_64".into()));
    assert!(scene.read("c/certificate.html").contains("QEMU 10.0.2, host x86_64"));
    assert_eq!(statement["predicate"]["claim"]["assurance"], "self");
    let accepted = valid("verification", &scene.verify("@c", &["--format", "json"]).stdout);
    assert_eq!(accepted["accepted"], true);
    std::fs::remove_file(scene.path("c/evidence/good.zip")).expect("removed");
    let refused = valid("verification", &scene.verify("@c", &["--format", "json"]).assert_status(1).stdout);
    assert_eq!((&refused["accepted"], &refused["refusals"][0]["id"]), (&false.into(), &"evidence.missing".into()));
}

#[test]
fn a_merged_run_is_certified_with_its_shards() {
    let scene = Scene::new("");
    let shard = |number: u32, test: &'static str| {
        let of_suite = if number == 1 { supportable() } else { Vec::new() };
        scene.run_of(&format!("s{number}"), &[(test, Outcome::Pass)], &of_suite, |events| {
            if let Some(Event::RunStarted { shard, .. }) = events.first_mut() {
                let tests = supportable().len() as u32 + 2;
                *shard = Some(ShardRecord { number, of: 2, tests, plan: "ab".repeat(32), ..ShardRecord::default() });
            }
        });
    };
    shard(1, "a");
    shard(2, "b");
    scene.muster(&["merge", "@s2", "@s1", "-o", "@whole"]).assert_status(0);
    let made = scene.certify(&["@whole", "@s1", "@s2"], "@c");
    made.assert_status(0);
    scene.verify("@c", &["--policy", "@policy.yaml", "--image", "@image"]).assert_status(0);
    let without = scene.certify(&["@whole", "@s1"], "@no");
    without.assert_status(1);
    assert_eq!(scene::ids(&without.stdout), ["evidence.missing"], "{}", without.stdout);
    // What the record of the whole says is not what the shards come to.
    scene.edit_run("whole", "\"assertions\": ", "\"assertions\": 1", &["run.json"]);
    let edited = scene.certify(&["@whole", "@s1", "@s2"], "@no");
    edited.assert_status(1);
    assert!(scene::ids(&edited.stdout).contains(&"evidence.disagrees".to_owned()), "{}", edited.stdout);
    assert!(edited.stdout.contains("is not what its shards come to"), "{}", edited.stdout);
}

#[test]
fn what_would_be_refused_is_not_signed() {
    let scene = Scene::new("");
    let good: &[(&str, Outcome)] = &[("a", Outcome::Pass), ("b", Outcome::Pass)];
    scene.run("good", good, |_| {});
    scene.run("failed", &[("a", Outcome::Pass), ("b", Outcome::Fail)], |_| {});
    scene.run("known", &[("a", Outcome::Pass), ("b", Outcome::Known)], |_| {});
    scene.run("skipped", &[("a", Outcome::Skip), ("b", Outcome::Skip)], |_| {});
    scene.run("less", &[("a", Outcome::Pass)], |_| {});
    scene.run("interrupted", good, |events| {
        if let Some(Event::RunFinished { interrupted, .. }) = events.last_mut() {
            *interrupted = true;
        }
    });
    scene.run("connected", good, |events| {
        for event in events {
            match event {
                Event::RunStarted { arguments, .. } => arguments.push("--connect=root@192.0.2.1".into()),
                Event::ImageReady { record, .. } => record.sha256.clear(),
                _ => {}
            }
        }
    });
    let argument = |word: &'static str| {
        move |events: &mut Vec<Event>| {
            if let Some(Event::RunStarted { arguments, .. }) = events.first_mut() {
                arguments.push(word.into());
            }
        }
    };
    scene.run("accepts", good, argument("--update-snapshots"));
    scene.run("shard", good, |events| {
        if let Some(Event::RunStarted { shard, .. }) = events.first_mut() {
            *shard = Some(ShardRecord { number: 1, of: 2, tests: 4, plan: "ab".repeat(32), ..ShardRecord::default() });
        }
    });
    scene.run("kept", good, |events| {
        for event in events {
            if let Event::TestFinished { record } = event {
                record.kept_from = Some("20200101T000000Z-1".into());
            }
        }
    });
    scene.run("no-journal", good, |_| {});
    std::fs::remove_file(scene.path("no-journal/events.jsonl")).expect("removed");
    scene.run("no-report", good, |_| {});
    std::fs::remove_file(scene.path("no-report/junit.xml")).expect("removed");
    scene.run_of("unsupported", good, &[], |_| {});
    scene.run_of("supported-in-part", good, &supportable()[1..], |_| {});
    let mut tainted = supportable();
    tainted[0].1 = Outcome::Fail;
    scene.run_of("tainted", good, &tainted, |_| {});
    scene.run("another-suite", good, |events| {
        if let Some(Event::Planned { suites, .. }) = events.get_mut(1) {
            suites.get_mut("supportable").expect("the suite").sha256 = "ab".repeat(32);
        }
    });
    scene.run("product", good, |events| {
        let product = ProductRecord { file: "a.rpm".into(), sha256: "cd".repeat(32), package: "a-1-1.noarch".into() };
        let at = events.iter().position(|event| matches!(event, Event::MachineReady { .. })).expect("a machine");
        events.insert(at + 1, Event::ProductsInstalled { machine: "m1".into(), products: vec![product] });
    });
    scene.place.write("other", "another image");
    for (words, ids) in [
        (&["@failed"][..], &["result.failed"][..]),
        (&["@known"], &["result.failed"]),
        (&["@skipped"], &["result.missing", "result.zero"]),
        (&["@less"], &["result.missing"]),
        (&["@good", "@failed"], &["result.failed"]),
        (&["@interrupted"], &["run.incomplete"]),
        (&["@connected"], &["subject.mismatch", "machine.untrusted"]),
        (&["@accepts"], &["run.incomplete"]),
        (&["@shard"], &["run.incomplete"]),
        (&["@unsupported"], &["supportable.missing"]),
        (&["@supported-in-part"], &["supportable.missing"]),
        (&["@tainted"], &["supportable.failed"]),
        (&["@another-suite"], &["tool.modified"]),
        (&["@kept"], &["evidence.missing"]),
        (&["@no-journal"], &["evidence.missing"]),
        (&["@no-report"], &["evidence.missing"]),
        (&["@product"], &["product.mismatch"]),
        (&["@good", "@product"], &["product.mismatch"]),
        (&["@good", "--image", "@other"], &["subject.mismatch"]),
    ] {
        let refused = scene.certify(words, "@none");
        refused.assert_status(1);
        let said = scene::ids(&refused.stdout);
        assert!(ids.iter().all(|id| said.iter().any(|one| one == id)), "{words:?}: {}", refused.stdout);
        assert!(refused.stdout.starts_with("NOT CERTIFIED: "), "{}", refused.stdout);
        assert!(!scene.path("none").exists(), "{words:?} left a directory");
    }
    scene.run("cut", good, |_| {});
    scene.edit_run("cut", "\"tests\"", "\"tests", &["run.json"]);
    std::fs::remove_file(scene.path("cut/events.jsonl")).expect("removed");
    for (run, status, says) in [("@cut", 3, "run.json, line"), ("@nowhere", 2, "there is no such run")] {
        let ended = scene.certify(&[run], "@none");
        ended.assert_status(status);
        assert!(ended.stderr.contains(says) && ended.stdout.is_empty(), "{}", ended.stderr);
    }
    let mut other = scene.certify_words(&["@good"], "@none");
    let key = other.iter().position(|word| *word == "@key").expect("a key");
    other[key] = "@no-key";
    let ended = scene.muster(&other);
    ended.assert_status(2);
    assert!(ended.stderr.contains("no-key: there is no such file"), "{}", ended.stderr);
}

#[test]
fn a_product_is_certified_and_only_the_same_file() {
    let scene = Scene::new("");
    let rpm = [b"\xed\xab\xee\xdb".as_slice(), b"the rest"].concat();
    std::fs::write(scene.path("app.rpm"), &rpm).expect("a file");
    std::fs::write(scene.path("other.rpm"), [&rpm[..], b"!"].concat()).expect("a file");
    let sha256 = scene::sha256(&rpm);
    scene.run("good", &[("a", Outcome::Pass), ("b", Outcome::Pass)], |events| {
        let product = ProductRecord { file: "dist/app.rpm".into(), sha256, package: "app-1.2-1.noarch".into() };
        let at = events.iter().position(|event| matches!(event, Event::MachineReady { .. })).expect("a machine");
        events.insert(at + 1, Event::ProductsInstalled { machine: "m1".into(), products: vec![product] });
    });
    let refused = scene.certify(&["@good", "--product", "@other.rpm"], "@c");
    refused.assert_status(1);
    assert_eq!(scene::ids(&refused.stdout), ["product.mismatch", "product.mismatch"], "{}", refused.stdout);
    scene.certify(&["@good", "--product", "@app.rpm"], "@c").assert_status(0);
    let accepted = scene.verify("@c", &["--product", "@app.rpm"]);
    accepted.assert_status(0);
    assert!(accepted.stdout.contains("product: app-1.2-1.noarch"), "{}", accepted.stdout);
    let refused = scene.verify("@c", &["--product", "@other.rpm"]);
    refused.assert_status(1);
    assert_eq!(scene::ids(&refused.stdout), ["product.mismatch"]);
    // It says nothing of the image without the product.
    let refused = scene.verify("@c", &["--image", "@image"]);
    refused.assert_status(1);
    assert_eq!(scene::ids(&refused.stdout), ["product.mismatch"]);
    // A verifier's own statement.
    let words = ["--product", "@app.rpm", "--vsa", "@vsa.json", "--key", "@other-key"];
    scene.verify("@c", &words).assert_status(0);
    let summary = scene.payload("vsa.json");
    assert_eq!(summary["predicateType"], "https://slsa.dev/verification_summary/v1");
    assert_eq!(summary["predicate"]["verificationResult"], "PASSED");
    assert_eq!(summary["subject"][0]["name"], "app.rpm");
    assert!(summary["predicate"]["verifier"]["id"].as_str().is_some_and(|id| id.starts_with("urn:ssh:SHA256:")));
    let words =
        ["--product", "@other.rpm", "--vsa", "@vsa.json", "--key", "@other-key", "--verifier", "https://v.example"];
    scene.verify("@c", &words).assert_status(1);
    let summary = scene.payload("vsa.json");
    assert_eq!(summary["predicate"]["verificationResult"], "FAILED");
    assert_eq!(summary["predicate"]["verifier"]["id"], "https://v.example");
}

#[test]
fn what_is_no_certificate_or_no_file_of_signers_says_so() {
    let scene = Scene::new("");
    scene.run("good", &[("a", Outcome::Pass), ("b", Outcome::Pass)], |_| {});
    scene.certify(&["@good"], "@c").assert_status(0);
    let none = scene.verify("@good", &[]);
    none.assert_status(2);
    assert!(none.stderr.contains("is no certificate: it has no certificate.json"), "{}", none.stderr);
    let none = scene.muster(&["verify", "@c", "--signers", "@nowhere"]);
    none.assert_status(2);
    assert!(none.stderr.contains("nowhere") && none.stderr.contains("help: each line"), "{}", none.stderr);
    let none = scene.verify("@c", &["--policy", "@nowhere"]);
    none.assert_status(2);
    // Without ssh-keygen there is no answer.
    let mut command = scene.place.command(&[]);
    let words = ["verify", &scene.named("@c"), "--signers", &scene.named("@signers")];
    let out = command.args(words).env("PATH", scene.path("empty")).output().expect("muster runs");
    assert_eq!(out.status.code(), Some(3));
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.contains("ssh-keygen is not installed") && said.contains("openssh-client"), "{said}");
}
