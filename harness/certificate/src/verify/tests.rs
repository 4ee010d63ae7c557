mod files;

use super::*;
use crate::model::CERTIFICATE_SCHEMA;
use crate::parts;
use crate::testing::{AT, MUSTER, Scene, changed, digest, product, profile, program, run, shipped, signature, time};
use crate::written::page;
use muster_base::version::of_build;
use muster_record::merge::{Input, merge};
use muster_record::outcome::Outcome;
use muster_record::run::EarlierRun;
use muster_record::shard::ShardRecord;

fn hand(byte: u8) -> NamedFile {
    NamedFile { file: format!("file {byte}"), sha256: digest(byte) }
}

fn verified(statement: &CertificateStatement, evidence: &Evidence, demands: &Demands, at: &str) -> Vec<&'static str> {
    let mut ids: Vec<&str> = verify(statement, evidence, demands, time(at), &program(&shipped()))
        .iter()
        .map(|refusal| refusal.id.name())
        .collect();
    ids.dedup();
    ids
}

/// The ids for which a certificate of this scene is refused when it is signed all the same.
fn refused(scene: &Scene) -> Vec<&'static str> {
    let (statement, refusals) = scene.statement();
    let mut ids = verified(&statement, &scene.evidence(), &Demands::default(), AT);
    // A run that is too old lets no certificate be valid.
    ids.retain(|id| *id != "time.expired");
    // Whoever signs is refused for the same.
    let mut before: Vec<&str> = refusals.iter().map(|refusal| refusal.id.name()).collect();
    before.dedup();
    assert_eq!(before, ids);
    ids
}

fn waivers(expires: &str) -> String {
    format!(
        "schema: waivers/v1
waivers:
  - image: {}
    test: s/b
    cell: {{image: lab, accelerator: kvm}}
    failure: package.version
    signature: 'package nginx: version … is not as expected'
    reason: it ships with it
    tracker: bug 1
    requested-by: alice
    approved-by: bob
    created: 2026-11-10
    expires: {expires}
",
        digest(0xab)
    )
}

fn waived(expires: &str) -> Scene {
    let mut scene = Scene::new("waivers: {max-days: 90}\n");
    scene.runs = vec![run("r1", "2026-11-19T10:00:00Z", &[("s/a", Outcome::Pass), ("s/b", Outcome::Fail)])];
    scene.waivers = Some(waivers(expires));
    scene
}

#[test]
fn a_certificate_is_accepted_has_its_schema_and_comes_back() {
    for scene in [Scene::new(""), Scene::new("max-age: 30d\n"), waived("2026-12-31")] {
        assert_eq!(refused(&scene), Vec::<&str>::new());
        let (statement, _) = scene.statement();
        let value = serde_json::to_value(&statement).unwrap();
        let schema: serde_json::Value = serde_json::from_str(CERTIFICATE_SCHEMA).unwrap();
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        let errors: Vec<String> =
            validator.iter_errors(&value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert_eq!(errors, Vec::<String>::new());
        let decision: serde_json::Value = serde_json::from_str(muster_gate::written::json::DECISION_SCHEMA).unwrap();
        let validator = jsonschema::draft202012::new(&decision).unwrap();
        assert!(validator.is_valid(&value["predicate"]["images"][0]["decision"]));
        assert_eq!(serde_json::from_value::<CertificateStatement>(value).unwrap(), statement);
    }
}

#[test]
fn what_the_verifier_has_must_be_what_is_certified() {
    let mut scene = Scene::new("");
    scene.runs = vec![changed(&scene.runs[0], |record| {
        record.images.get_mut("lab").unwrap().products = vec![product(7), product(8)];
        record.binary = Some(digest(5));
    })];
    let (statement, _) = scene.statement();
    assert_eq!(statement.subject.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["app-7.rpm", "app-8.rpm"]);
    let evidence = scene.evidence();
    let policy = NamedFile { file: "p".into(), sha256: statement.predicate.policy.sha256.clone() };
    let locked = NamedFile { file: "l".into(), sha256: statement.predicate.profile.clone().unwrap().sha256 };
    let lock = |text: &str| Profile::parse("l", text).unwrap();
    let good = Demands {
        images: vec![hand(0xab)],
        products: vec![hand(8)],
        programs: vec![hand(1), hand(5)],
        policy: Some(policy),
        profile: Some((lock(&profile(&["s/a", "s/b"])), locked)),
        max_age: Some(Duration::from_secs(3 * 86_400)),
        oldest_muster: Some("1.0".into()),
    };
    assert_eq!(verified(&statement, &evidence, &good, AT), Vec::<&str>::new());
    assert!(not_compared(&good, &statement, MUSTER).is_empty());
    assert_eq!(not_compared(&Demands::default(), &statement, "2.0").len(), 7);
    let said = not_compared(&Demands { images: vec![], programs: vec![], ..good.clone() }, &statement, MUSTER);
    assert!(said.len() == 2 && said[0].contains("--image FILE") && said[1].contains("--muster-digest"), "{said:?}");
    let other_profile = lock(&profile(&["s/a"]).replace("\"id\": \"lock\"", "\"id\": \"other\""));
    for (id, demands) in [
        ("subject.mismatch", Demands { images: vec![hand(1)], ..good.clone() }),
        ("product.mismatch", Demands { products: vec![hand(9)], ..good.clone() }),
        ("tool.modified", Demands { programs: vec![hand(6)], ..good.clone() }),
        ("policy.other", Demands { policy: Some(hand(1)), ..good.clone() }),
        ("profile.modified", Demands { profile: Some((lock(&profile(&["s/a"])), hand(1))), ..good.clone() }),
        ("profile.unknown", Demands { profile: Some((other_profile, hand(1))), ..good.clone() }),
        ("time.too-old", Demands { max_age: Some(Duration::from_secs(86_400)), ..good.clone() }),
        ("tool.old", Demands { oldest_muster: Some("1.1".into()), ..good.clone() }),
        // A release is later than its candidates.
        ("tool.old", Demands { oldest_muster: Some("1.0.1-rc1".into()), ..good.clone() }),
    ] {
        assert_eq!(verified(&statement, &evidence, &demands, AT), [id]);
    }
}

#[test]
fn a_profile_that_has_ended_is_refused_whoever_knows_of_its_end() {
    let retired = |day: &str| {
        let ended = Profile { retired: Some(day.parse().unwrap()), ..lock(&profile(&["s/a", "s/b"])) };
        ended.render().unwrap()
    };
    fn lock(text: &str) -> Profile {
        Profile::parse("l", text).unwrap()
    }
    // The signer knew: it is valid until then, and none is signed later.
    let scene = Scene { profile: Some(retired("2026-11-25")), ..Scene::new("") };
    assert_eq!(refused(&scene), Vec::<&str>::new());
    let (statement, _) = scene.statement();
    assert_eq!(statement.predicate.claim.not_after, "2026-11-25T23:59:59Z");
    let none = Demands::default();
    assert_eq!(verified(&statement, &scene.evidence(), &none, "2026-11-25T23:59:59Z"), Vec::<&str>::new());
    assert_eq!(
        verified(&statement, &scene.evidence(), &none, "2026-11-26T00:00:00Z"),
        ["profile.retired", "time.expired"]
    );
    let ended = Scene { profile: Some(retired("2026-11-19")), ..Scene::new("") };
    assert_eq!(refused(&ended), ["profile.retired"]);
    // The verifier learned it later: its file differs in nothing else.
    let scene = Scene::new("");
    let (statement, _) = scene.statement();
    let knows = |text: &str| Demands { profile: Some((lock(text), hand(1))), ..Demands::default() };
    for (day, ids) in [("2026-11-20", &[][..]), ("2026-11-19", &["profile.retired"])] {
        assert_eq!(verified(&statement, &scene.evidence(), &knows(&retired(day)), AT), ids, "{day}");
    }
    let other = retired("2026-11-20").replace(&digest(1), &digest(3));
    assert_eq!(verified(&statement, &scene.evidence(), &knows(&other), AT), ["profile.modified"]);
}

#[test]
fn circumstances_are_those_of_the_record_and_a_lie_about_one_is_found() {
    let mut scene = Scene::new("");
    scene.runs = vec![changed(&scene.runs[0], |record| {
        record.binary = Some(digest(5));
        record.arguments = vec!["run".into(), "--firmware".into(), "uefi\x1b".into()];
        record.machines[0].firmware = Some(digest(6));
        record
            .tests
            .iter_mut()
            .filter(|test| test.test == "b")
            .for_each(|test| test.tags = vec!["needs-internet".into()]);
    })];
    let (statement, refusals) = scene.statement();
    assert_eq!(refusals, []);
    let said = &statement.predicate.runs[0];
    assert_eq!(
        (&said.binary, &said.firmware, &said.needs_internet),
        (&digest(5), &vec![digest(6)], &vec!["s/b".to_owned()])
    );
    assert_eq!(said.arguments, ["run", "--firmware", "uefi\\x1b"]);
    let page = page::page(&statement, "SHA256:x").unwrap();
    for shown in [digest(5), digest(6), "muster run --firmware".to_owned(), "<code>s/b</code>".to_owned()] {
        assert!(page.contains(&shown), "{shown}");
    }
    let lies: [fn(&mut crate::model::RunCertified); 4] = [
        |run| run.binary = digest(1),
        |run| run.firmware.clear(),
        |run| run.needs_internet.clear(),
        |run| drop(run.arguments.pop()),
    ];
    for lie in lies {
        let mut lied = statement.clone();
        lie(&mut lied.predicate.runs[0]);
        assert_eq!(verified(&lied, &scene.evidence(), &Demands::default(), AT), ["evidence.disagrees"]);
    }
    // What the record does not say is unknown.
    let said = Scene::new("").statement().0.predicate.runs.remove(0);
    assert_eq!((said.binary.as_str(), said.firmware.len(), said.needs_internet.len()), ("unknown", 0, 0));
}

#[test]
fn a_certificate_of_an_earlier_form_is_refused_with_the_version_that_wrote_it() {
    let (statement, _) = Scene::new("").statement();
    let files = parts::files(&statement, &signature(), &signature()).unwrap();
    let mut files: std::collections::BTreeMap<String, Vec<u8>> =
        files.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect();
    assert_eq!(parts::read(&files).1, []);
    let mut value = serde_json::to_value(&statement).unwrap();
    value["predicate"]["runs"][0].as_object_mut().unwrap().remove("binary");
    let payload = serde_json::to_vec(&value).unwrap();
    let envelope = crate::envelope::Envelope { payload, signature: signature() };
    files.insert(crate::names::ENVELOPE.to_owned(), envelope.render().unwrap().into_bytes());
    let (read, refusals) = parts::read(&files);
    assert!(read.is_none());
    let message = "certificate.json: its statement was written by muster 1.0, and does not have the form that this version \
                   reads (missing field `binary`";
    assert!(
        refusals.iter().any(|one| one.id == RefusalId::FormatStatement && one.message.starts_with(message)),
        "{refusals:?}"
    );
}

#[test]
fn what_runs_say_is_refused_although_it_was_signed() {
    let base = Scene::new("");
    let good = base.runs[0].clone();
    let with = |runs: Vec<crate::evidence::RunEvidence>| Scene { runs, ..base.clone() };
    let tests = |b: Outcome| run("r1", "2026-11-19T10:00:00Z", &[("s/a", Outcome::Pass), ("s/b", b)]);
    for (ids, scene) in [
        (&["result.missing"][..], with(vec![tests(Outcome::Skip)])),
        (&["result.missing"], with(vec![tests(Outcome::Error)])),
        (&["result.failed"], with(vec![tests(Outcome::Fail)])),
        (&["result.failed"], with(vec![tests(Outcome::Known)])),
        (&["flaky.required"], with(vec![tests(Outcome::Flaky)])),
        (&["result.missing", "result.zero"], with(vec![run("r1", "2026-11-19T10:00:00Z", &[])])),
        (&["run.incomplete"], with(vec![changed(&good, |record| record.interrupted = true)])),
        (&["run.incomplete"], with(vec![changed(&good, |record| record.arguments = vec!["--focus=a".into()])])),
        (&["machine.untrusted"], with(vec![changed(&good, |record| record.arguments = vec!["--connect".into()])])),
        (&["tool.modified"], with(vec![changed(&good, |record| record.muster = "1.0 (ab, modified)".into())])),
        (&["tool.modified"], with(vec![changed(&good, |record| record.muster = of_build("1.0", "ab", true))])),
        (
            &["tool.modified"],
            with(vec![changed(&good, |record| record.suites.get_mut("s").unwrap().sha256 = digest(3))]),
        ),
        (&["time.future"], with(vec![changed(&good, |record| record.started = "2026-11-21T00:00:00Z".into())])),
        (&["time.too-old"], Scene { policy: base.policy.clone() + "max-age: 12h\n", ..base.clone() }),
        (&["profile.unknown"], Scene { policy: base.policy.replace("profile: lock", "profile: tiny"), ..base.clone() }),
        (
            &["evidence.missing"],
            with(vec![changed(&good, |record| {
                let (id, directory, file) = ("r0".into(), "runs/r0".into(), "run.json".into());
                record.earlier = vec![EarlierRun { id, directory, file, sha256: digest(1), found: None }];
            })]),
        ),
    ] {
        assert_eq!(refused(&scene), ids, "{:#?}", scene.statement().1);
    }
}

#[test]
fn runs_that_do_not_agree_are_no_certificate() {
    let base = Scene::new("");
    let good = base.runs[0].clone();
    let again = |change: fn(&mut muster_record::run::RunRecord)| {
        let scene = Scene {
            runs: vec![
                good.clone(),
                changed(&good, |record| {
                    record.id = "r2".into();
                    change(record);
                }),
            ],
            ..base.clone()
        };
        let refusals = crate::compute::compute(&scene.evidence(), &[], time(AT), MUSTER, &program(&shipped())).refusals;
        let mut ids: Vec<&str> = refusals.iter().map(|refusal| refusal.id.name()).collect();
        ids.dedup();
        ids
    };
    assert_eq!(again(|_| {}), Vec::<&str>::new());
    assert_eq!(again(|record| record.muster = "1.1".into()), ["run.merged"]);
    assert_eq!(again(|record| record.id = "r1".into()), Vec::<&str>::new());
    let facts = |record: &mut muster_record::run::RunRecord| {
        record.images.get_mut("lab").unwrap().facts.as_mut().unwrap().os_release.insert("ID".into(), "fedora".into());
    };
    assert_eq!(again(facts), ["run.merged"]);
    let with_product = |record: &mut muster_record::run::RunRecord| {
        record.images.get_mut("lab").unwrap().products = vec![product(7)];
    };
    assert_eq!(again(with_product), ["product.mismatch"]);
    let unknown = again(|record| record.images.get_mut("lab").unwrap().sha256 = String::new());
    assert_eq!(unknown, ["subject.mismatch", "machine.untrusted"]);
}

/// With other rules for consoles, or another kernel, the same tests on the same image end otherwise.
#[test]
fn a_certificate_has_the_files_that_decided_and_nobody_can_leave_one_out() {
    let file = |role: &str, byte: u8| muster_record::deciding::DecidingFile {
        role: role.into(),
        sha256: digest(byte),
        file: format!("{role}\u{1b}[31m.yaml"),
    };
    let mut scene = Scene::new("");
    scene.runs[0] = changed(&scene.runs[0], |record| {
        record.files = vec![file("known-issues", 2), file("console-rules", 1)];
        record.images.get_mut("lab").unwrap().loaded = vec![file("kernel", 3)];
    });
    let (statement, refusals) = scene.statement();
    assert_eq!(refusals, []);
    let files = &statement.predicate.runs[0].files;
    let seen: Vec<(&str, &str)> = files.iter().map(|file| (file.role.as_str(), file.sha256.as_str())).collect();
    assert_eq!(seen, [("console-rules", &*digest(1)), ("kernel", &*digest(3)), ("known-issues", &*digest(2))]);
    assert!(files.iter().all(|file| !file.file.contains('\u{1b}')), "{files:?}");
    let schema: serde_json::Value = serde_json::from_str(CERTIFICATE_SCHEMA).unwrap();
    let value = serde_json::to_value(&statement).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
    assert_eq!(errors, [""; 0]);
    let mut lied = statement.clone();
    lied.predicate.runs[0].files.remove(0);
    assert_eq!(verified(&lied, &scene.evidence(), &Demands::default(), AT), ["evidence.disagrees"]);
    assert_eq!(verified(&statement, &scene.evidence(), &Demands::default(), AT), [""; 0]);
}

#[test]
fn every_lie_that_the_right_key_has_signed_disagrees_with_the_evidence() {
    let scene = waived("2026-12-31");
    let (statement, _) = scene.statement();
    let evidence = scene.evidence();
    let lie = |change: &dyn Fn(&mut CertificateStatement)| {
        let mut lied = statement.clone();
        change(&mut lied);
        assert!(lied != statement);
        verified(&lied, &evidence, &Demands::default(), AT)
    };
    let image = |of: fn(&mut crate::model::ImageCertified)| {
        move |statement: &mut CertificateStatement| of(&mut statement.predicate.images[0])
    };
    assert_eq!(lie(&image(|image| image.decision.waivers.clear())), ["evidence.disagrees"]);
    assert_eq!(lie(&image(|image| image.decision.requirements[0].message = "fine".into())), ["evidence.disagrees"]);
    assert_eq!(lie(&image(|image| image.results.failed.clear())), ["evidence.disagrees"]);
    assert_eq!(lie(&image(|image| image.results.passed += 100)), ["evidence.disagrees"]);
    assert_eq!(lie(&image(|image| image.version = "5.0".into())), ["subject.mismatch"]);
    assert_eq!(lie(&image(|image| image.kernel = "7.0".into())), ["subject.mismatch"]);
    assert_eq!(lie(&image(|image| image.bytes = Some(1))), ["evidence.disagrees"]);
    assert_eq!(lie(&image(|image| image.sha256 = digest(1))), ["subject.mismatch"]);
    assert_eq!(lie(&|statement| statement.predicate.status = crate::model::Status::Certified), ["evidence.disagrees"]);
    assert_eq!(lie(&|statement| statement.predicate.runs[0].accelerator = "tcg".into()), ["evidence.disagrees"]);
    assert_eq!(lie(&|statement| statement.predicate.policy.id = "strict".into()), ["evidence.disagrees"]);
    assert_eq!(lie(&|statement| statement.subject[0].digest.clear()), ["subject.mismatch"]);
    assert_eq!(
        lie(&|statement| statement.predicate.products.push(crate::model::ProductCertified {
            file: "x.rpm".into(),
            sha256: digest(1),
            package: "x".into()
        })),
        ["subject.mismatch", "product.mismatch"]
    );
    assert_eq!(
        lie(&|statement| statement.predicate.claim.signed = "2026-11-20T13:00:00Z".into()).last(),
        Some(&"time.future")
    );
    assert_eq!(lie(&|statement| statement.predicate.claim.not_after = "2027-06-01T00:00:00Z".into()), ["time.expired"]);
    assert_eq!(lie(&|statement| statement.predicate.evidence.truncate(1)), ["evidence.additional"]);
    assert_eq!(lie(&|statement| statement.predicate.evidence[0].sha256 = digest(1)), ["evidence.modified"]);
    let file = EvidenceFile { name: "evidence/zz.zip".into(), bytes: 1, sha256: digest(1) };
    assert_eq!(lie(&|statement| statement.predicate.evidence.push(file.clone())), ["evidence.missing"]);
}

#[test]
fn sentences_of_another_version_may_be_others_and_nothing_else() {
    let mut scene = Scene::new("");
    scene.runs = vec![changed(&scene.runs[0], |record| record.muster = "0.9".into())];
    let (mut statement, _) = scene.statement();
    statement.predicate.images[0].decision.requirements[0].message = "said in another way".into();
    statement.predicate.claim.muster = "0.9".into();
    assert!(not_compared(&Demands::default(), &statement, MUSTER).iter().any(|note| note.contains(SUPPORTABLE)));
    assert_eq!(verified(&statement, &scene.evidence(), &Demands::default(), AT), Vec::<&str>::new());
    statement.predicate.images[0].decision.requirements[0].name = "another".into();
    assert_eq!(verified(&statement, &scene.evidence(), &Demands::default(), AT), ["evidence.disagrees"]);
}

#[test]
fn a_version_that_made_no_run_opens_nothing() {
    let scene = Scene::new("");
    let (good, _) = scene.statement();
    let mut lied = good.clone();
    lied.predicate.claim.muster = "0.9".into();
    assert_eq!(verified(&lied, &scene.evidence(), &Demands::default(), AT), ["run.merged"]);
    // Another suite of the name in a run of this version is found in spite of it.
    let mut other = scene.clone();
    other.runs = vec![changed(&scene.runs[0], |record| {
        record.suites.get_mut(SUPPORTABLE).unwrap().sha256 = digest(3);
    })];
    let (mut statement, _) = other.statement();
    statement.predicate.claim.muster = "0.9".into();
    assert_eq!(verified(&statement, &other.evidence(), &Demands::default(), AT), ["run.merged", "tool.modified"]);
    assert!(!not_compared(&Demands::default(), &statement, MUSTER).iter().any(|note| note.contains(SUPPORTABLE)));
}

#[test]
fn a_record_that_was_edited_is_not_what_its_events_come_to() {
    let mut scene = Scene::new("");
    let mut edited = run("r1", "2026-11-19T10:00:00Z", &[("s/a", Outcome::Pass), ("s/b", Outcome::Fail)]);
    edited.journal = Some(edited.record.clone());
    edited.record = scene.runs[0].record.clone();
    scene.runs = vec![edited];
    let refusals = scene.statement().1;
    assert_eq!(refused(&scene), ["evidence.disagrees"]);
    assert!(refusals[0].message.contains("s/b on lab is pass in the one and fail in the other"), "{refusals:?}");
}

#[test]
fn waivers_and_validity_end() {
    let scene = waived("2026-11-30");
    let (statement, _) = scene.statement();
    assert_eq!(statement.predicate.claim.not_after, "2026-11-30T23:59:59Z");
    let at = |at: &str| verified(&statement, &scene.evidence(), &Demands::default(), at);
    assert_eq!(at("2026-11-30T23:59:59Z"), Vec::<&str>::new());
    assert_eq!(at("2026-12-01T00:00:00Z"), ["waiver.expired", "time.expired"]);
    assert_eq!(at("2026-11-20T11:00:00Z"), ["time.future"]);
    let aged = Scene::new("max-age: 10d\n");
    let (statement, _) = aged.statement();
    assert_eq!(statement.predicate.claim.not_after, "2026-11-29T10:00:00Z");
    // One that was over when it was signed does not count.
    let mut late = waived("2026-11-19");
    let refusals = late.statement().1;
    let ids: Vec<&str> = refusals.iter().map(|refusal| refusal.id.name()).collect();
    assert_eq!(ids, ["result.failed", "waiver.expired"]);
    late.waivers = Some(waivers("2026-12-31").replace("approved-by: bob", "approved-by: alice"));
    let ids: Vec<&str> = late.statement().1.iter().map(|refusal| refusal.id.name()).collect();
    assert!(ids.contains(&"waiver.invalid"), "{ids:?}");
}

/// The shards of a run, and what they come to.
fn shards() -> Vec<crate::evidence::RunEvidence> {
    let of = |number: u32, test: &str| {
        changed(&run(&format!("r{number}"), "2026-11-19T10:00:00Z", &[(test, Outcome::Pass)]), |record| {
            let one = number == 1;
            record.tests.retain(|test| test.suite != "supportable" || one);
            record.shard = Some(ShardRecord { number, of: 2, tests: 4, plan: digest(5), ..ShardRecord::default() });
        })
    };
    let mut runs = vec![of(1, "s/a"), of(2, "s/b")];
    let references: Vec<EarlierRun> = runs
        .iter()
        .map(|run| EarlierRun {
            id: run.record.id.clone(),
            directory: "somewhere".into(),
            file: "run.json".into(),
            sha256: run.record_sha256.clone(),
            found: None,
        })
        .collect();
    let inputs: Vec<Input<'_>> =
        runs.iter().zip(&references).map(|(run, reference)| Input { record: &run.record, reference }).collect();
    let record = merge("whole", &inputs).unwrap();
    runs.push(crate::evidence::RunEvidence { journal: None, ..crate::testing::of_record(record) });
    runs
}

#[test]
fn a_merged_run_is_certified_with_its_shards_and_never_without() {
    let scene = |runs| Scene { runs, ..Scene::new("") };
    assert_eq!(refused(&scene(shards())), Vec::<&str>::new());
    let (statement, _) = scene(shards()).statement();
    assert_eq!(statement.predicate.runs.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(), ["r1", "r2", "whole"]);
    assert_eq!(statement.predicate.images[0].decision.runs.len(), 1, "the gate decides about the whole run");
    let mut fewer = shards();
    fewer.remove(1);
    assert_eq!(refused(&scene(fewer)), ["evidence.missing"]);
    let mut other = shards();
    other[1] = changed(&other[1], |record| record.notices.push("edited".into()));
    assert_eq!(refused(&scene(other)), ["run.merged"]);
    let mut lied = shards();
    lied[2].record.tests.iter_mut().for_each(|test| test.assertions += 1);
    assert_eq!(refused(&scene(lied)), ["evidence.disagrees"]);
    let mut edited = shards();
    // What its events come to is a failure, and the whole run says that it passed.
    edited[1].journal.as_mut().unwrap().tests[0].outcome = Outcome::Fail;
    assert_eq!(refused(&scene(edited)), ["evidence.disagrees"]);
    let mut alone = shards();
    alone.pop();
    assert!(refused(&scene(alone)).contains(&"run.incomplete"), "shards are no whole run");
}

#[test]
fn the_suite_of_support_must_have_passed_whatever_the_policy_says() {
    let base = Scene::new("");
    let with = |change: &dyn Fn(&mut muster_record::run::RunRecord)| {
        refused(&Scene { runs: vec![changed(&base.runs[0], |record| change(record))], ..base.clone() })
    };
    let of_suite = |test: &muster_record::run::TestRecord| test.suite == "supportable";
    assert_eq!(with(&|record| record.tests.retain(|test| !of_suite(test))), ["supportable.missing"]);
    let failed = |record: &mut muster_record::run::RunRecord| {
        record.tests.iter_mut().filter(|test| of_suite(test)).for_each(|test| test.outcome = Outcome::Fail);
    };
    assert_eq!(with(&failed), ["supportable.failed"]);
    // A run of its own counts as well.
    let alone = changed(&run("r2", "2026-11-19T10:00:00Z", &[]), |record| record.tests.retain(of_suite));
    let without = changed(&base.runs[0], |record| record.tests.retain(|test| !of_suite(test)));
    assert_eq!(refused(&Scene { runs: vec![without, alone], ..base.clone() }), Vec::<&str>::new());
}

#[test]
fn several_images_are_one_certificate_and_one_that_failed_is_none() {
    let mut scene = Scene::new("");
    let two = |record: &mut muster_record::run::RunRecord, outcome: Outcome| {
        let mut image = record.images["lab"].clone();
        image.sha256 = digest(0xcd);
        record.images.insert("two".into(), image);
        let mut more = record.tests.clone();
        for test in &mut more {
            test.image = "two".into();
            if test.test == "b" {
                *test = muster_record::run::TestRecord { image: "two".into(), ..crate::testing::test("s/b", outcome) };
            }
        }
        record.tests.extend(more);
    };
    let good = scene.runs[0].clone();
    scene.runs = vec![changed(&good, |record| two(record, Outcome::Pass))];
    assert_eq!(refused(&scene), Vec::<&str>::new());
    let (statement, _) = scene.statement();
    assert_eq!((statement.predicate.images.len(), statement.subject.len()), (2, 2));
    let result = crate::test_result::test_result(&statement.predicate);
    assert!(result.predicate.passed_tests.iter().any(|name| name == "s/b [azurelinux 4.0 x86_64 cdcdcdcdcdcd]"));
    scene.runs = vec![changed(&good, |record| two(record, Outcome::Fail))];
    assert_eq!(refused(&scene), ["result.failed"]);
    // The policy is for one of them, and the other is named.
    scene.policy += "applies: {distro: azurelinux}\n";
    scene.runs = vec![changed(&good, |record| {
        two(record, Outcome::Fail);
        let facts = record.images.get_mut("two").unwrap().facts.as_mut().unwrap();
        facts.os_release.insert("ID".into(), "fedora".into());
    })];
    assert_eq!(refused(&scene), Vec::<&str>::new());
    let left_out = scene.statement().0.predicate.not_certified;
    assert_eq!(left_out[0].sha256, digest(0xcd));
}
