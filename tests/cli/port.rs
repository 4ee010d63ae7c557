//! Chains compared with the repositories that `tests/port-repo/build` makes: every planted fault is named, and no other.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use super::support::{Finished, Place};

const SOON: Duration = Duration::from_secs(120);

/// `ID=DIR` of one of the repositories.
fn repository(place: &Place, id: &str) -> String {
    format!("{id}={}", place.planted(id).display())
}

/// `muster port FILE… --offline --on base --on planted`, and more.
fn offline(place: &Place, files: &[&str], more: &[&str]) -> Finished {
    let files: Vec<String> = files.iter().map(|name| place.path(name).display().to_string()).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let (base, planted) = (repository(place, "base"), repository(place, "planted"));
    let words = [&["port"], files.as_slice(), &["--offline", "--on", &base, "--on", &planted], more].concat();
    place.run(&words, SOON)
}

fn json(ended: &Finished) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {}\n{}", ended.stdout, ended.stderr))
}

/// The verdict of each chain, by the name of its file.
fn verdict<'d>(document: &'d Value, file: &str) -> &'d str {
    let chains = document["chains"].as_array().expect("chains");
    let chain = chains.iter().find(|chain| chain["file"].as_str().is_some_and(|name| name.ends_with(file)));
    chain.unwrap_or_else(|| panic!("{file} is not in {document}"))["verdict"].as_str().expect("a verdict")
}

#[test]
fn a_chain_that_ports_is_0_and_one_that_does_not_is_1() {
    let place = Place::new();
    place.write("good.list", "port-good\nport-mta\nport-mail\n");
    let ended = offline(&place, &["good.list"], &[]);
    ended.assert_status(0);
    assert!(ended.stdout.contains("ports as it is"), "{}", ended.stdout);
    place.write("bad.list", "port-good\nport-nowhere-at-all\n");
    let ended = offline(&place, &["bad.list"], &[]);
    ended.assert_status(1);
    assert!(ended.stdout.contains("does not port") && ended.stdout.contains("port-nowhere-at-all"), "{}", ended.stdout);
    // Each by itself: one that does not port takes no other with it.
    let ended = offline(&place, &["good.list", "bad.list"], &["--format", "json"]);
    ended.assert_status(1);
    let document = json(&ended);
    assert_eq!((verdict(&document, "good.list"), verdict(&document, "bad.list")), ("as-is", "does-not-port"));
    assert_eq!((&document["depth"], &document["exit-code"]), (&Value::from("offline"), &Value::from(1)));
}

/// A planted fault: what a chain installs, and what must be said of it.
const PLANTED: &[(&str, &[&str])] = &[
    ("port-web", &["port-httpd", "obsoletes"]),
    ("port-db", &["port-db-server", "port-db-client"]),
    ("port-legacy", &["libport.so.1"]),
    ("port-left\nport-right", &["port-left", "port-right", "conflict"]),
    ("port-needy", &["port-nowhere"]),
    ("port-arm", &["aarch64"]),
    ("port-nothing-of-this-name", &["port-nothing-of-this-name"]),
];

#[test]
fn every_planted_fault_is_named_and_never_called_a_port_as_it_is() {
    let place = Place::new();
    let mut faults = Vec::new();
    for (install, says) in PLANTED {
        place.write("chain.list", &format!("port-good\n{install}\n"));
        let ended = offline(&place, &["chain.list"], &["--all"]);
        let missing: Vec<&&str> = says.iter().filter(|word| !ended.stdout.contains(**word)).collect();
        if ended.status != 1 || !missing.is_empty() || ended.stdout.contains("ports as it is") {
            faults.push(format!("{install}: {} without {missing:?}\n{}\n{}", ended.status, ended.stdout, ended.stderr));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_preset_that_differs_is_named() {
    let place = Place::new();
    let of = |name: &str, preset: &str| {
        let state = if preset == "enabled" { "enabled" } else { "disabled" };
        format!(
            "{{\"schema\": \"facts/v1\", \"name\": \"{name}\", \"taken\": \"\", \"system\": {{\"os-release\": {{}}, \"arch\": \
             \"x86_64\", \"kernel\": \"\", \"boot-id\": \"\", \"systemd\": 257, \"package-manager\": \"dnf4\", \"rpm\": \"4\", \
             \"selinux\": null, \"firmware\": \"\", \"mode\": \"package\", \"capabilities\": [], \"tools\": [], \"kconfig\": \
             null}}, \"trees\": [], \"kinds\": {{\"unit\": {{\"items\": {{\"port-agent.service\": {{\"state\": \"{state}\", \
             \"preset\": \"{preset}\", \"package\": \"port-agent\"}}}}}}}}}}"
        )
    };
    place.write("chain.list", "port-agent\n");
    let here = place.write("here.json", &of("here", "disabled")).display().to_string();
    let there = place.write("there.json", &of("there", "enabled")).display().to_string();
    let ended = offline(
        &place,
        &["chain.list"],
        &["--on", &here, "--from", &there, "--from", &repository(&place, "planted"), "--all"],
    );
    assert!(ended.stdout.contains("preset of port-agent.service"), "{}\n{}", ended.stdout, ended.stderr);
    let same = offline(
        &place,
        &["chain.list"],
        &["--on", &here, "--from", &here, "--from", &repository(&place, "planted"), "--all"],
    );
    same.assert_status(0);
    assert!(!same.stdout.contains("preset of"), "{}", same.stdout);
}

#[test]
fn documents_are_what_programs_and_ci_servers_read() {
    let place = Place::new();
    place.write("chain.list", "port-good\nport-needy\n<port> & $(x)\n");
    let ended = offline(&place, &["chain.list"], &["--format", "json"]);
    let document = json(ended.assert_status(1));
    let schema = place.run(&["schema", "port"], SOON);
    let schema: Value = serde_json::from_str(&schema.assert_status(0).stdout).expect("JSON");
    let errors: Vec<String> =
        jsonschema::validator_for(&schema).expect("a schema").iter_errors(&document).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
    let ended = offline(&place, &["chain.list"], &["--format", "junit"]);
    ended.assert_status(1);
    let junit = quick_junit::Report::deserialize_from_str(&ended.stdout).expect("JUnit");
    assert!(junit.failures + junit.errors > 0, "{}", ended.stdout);
    let ended = offline(&place, &["chain.list"], &["--format", "markdown"]);
    ended.assert_status(1);
    assert!(ended.stdout.contains("port-needy"), "{}", ended.stdout);
    let hostile = ended.stdout.lines().find(|line| line.contains("<port> & $(x)")).expect("it is named");
    assert!(hostile.starts_with("- ``") && hostile.ends_with("``"), "it is code: {hostile}");
}

#[test]
fn a_suite_and_a_patch_are_written_once() {
    let place = Place::new();
    place.write("chain.list", "port-good\nport-web\n");
    let (suite, patch) = (place.path("our-chain.yaml"), place.path("port.diff"));
    let (suite, patch) = (suite.to_str().unwrap(), patch.to_str().unwrap());
    let ended = offline(&place, &["chain.list"], &["--write", suite, "--write-edits", patch]);
    ended.assert_status(1);
    let diff = std::fs::read_to_string(patch).unwrap_or_else(|error| panic!("{error}: {}", ended.stderr));
    assert!(diff.contains("-port-web\n+port-httpd\n"), "{diff}");
    place.run(&["check", suite], SOON).assert_status(0);
    let again = offline(&place, &["chain.list"], &["--write", suite]);
    again.assert_status(2);
    assert!(again.stderr.contains("is there already") && again.stderr.contains("--force"), "{}", again.stderr);
    offline(&place, &["chain.list"], &["--write", suite, "--force"]).assert_status(1);
    // The chain with the patch ports.
    let file = place.path("chain.list");
    let edited = std::fs::read_to_string(&file).unwrap().replace("port-web", "port-httpd");
    std::fs::write(&file, edited).unwrap();
    offline(&place, &["chain.list"], &[]).assert_status(0);
}

#[test]
fn input_that_cannot_be_read_is_2_and_names_the_file() {
    let place = Place::new();
    place.write("good.list", "port-good\n");
    std::fs::write(place.path("bytes.list"), [b'a', 0xff, b'\n']).unwrap();
    let large = std::fs::File::create(place.path("large.list")).unwrap();
    large.set_len(50 << 20).unwrap();
    std::fs::create_dir(place.path("dir.list")).unwrap();
    place.write("what.is-this", "nothing\n");
    let cases: [(&str, &str); 5] = [
        ("none.list", "there is no such file"),
        ("bytes.list", "UTF-8"),
        ("large.list", "4 MiB"),
        ("dir.list", "plain file"),
        ("what.is-this", "--as"),
    ];
    for (file, says) in cases {
        let ended = offline(&place, &[file, "good.list"], &[]);
        ended.assert_status(2);
        assert!(ended.stderr.contains(file) && ended.stderr.contains(says), "{file}: {}", ended.stderr);
        assert!(ended.stdout.is_empty(), "{}", ended.stdout);
    }
    offline(&place, &["what.is-this"], &["--as", "list"]).assert_status(1);
    // Both are said at once.
    let ended = offline(&place, &["none.list", "bytes.list"], &[]);
    assert!(ended.stderr.contains("none.list") && ended.stderr.contains("bytes.list"), "{}", ended.stderr);
}

#[test]
fn systems_that_cannot_be_read_are_2() {
    let place = Place::new();
    let chain = place.write("good.list", "port-good\n").display().to_string();
    let empty = place.path("empty");
    std::fs::create_dir(&empty).unwrap();
    let empty = empty.to_str().unwrap();
    let nonsense = place.write("nonsense.json", "{}").display().to_string();
    let planted = repository(&place, "planted");
    let cases: &[(&[&str], &str)] = &[
        (&["--on", "lab", "--offline"], "cannot be read offline"),
        (&["--on", empty], "createrepo_c"),
        (&["--on", &planted, "--on", "lab"], "one or the other"),
        (&["--on", "lab", "--on", "lab-tiny"], "two images"),
        (&["--on", &planted, "--on", &nonsense], "nonsense.json"),
        (&["--on", &planted, "--run", "true"], "--run needs an image"),
        (&["--on", &planted, "--repo", empty], "createrepo_c"),
        (&["--on", "lba"], "did you mean `lab`"),
        (&["--on", &planted, "--write", "/nonexistent/x.yaml"], "directory is not there"),
        (&["--on", &planted, "--as", "lisp"], "lisp"),
        (&[], "--on"),
    ];
    for (more, says) in cases {
        let ended = place.run(&[&["port", chain.as_str()], *more].concat(), SOON);
        ended.assert_status(2);
        assert!(ended.stderr.contains(says), "{more:?}: {}", ended.stderr);
    }
}

/// A copy of a repository, with its primary metadata changed.
fn broken(place: &Place, name: &str, change: impl Fn(&mut Vec<u8>)) -> String {
    let dir = place.path(name).join("repodata");
    std::fs::create_dir_all(&dir).unwrap();
    for entry in std::fs::read_dir(place.planted("planted").join("repodata")).unwrap().flatten() {
        let mut bytes = std::fs::read(entry.path()).unwrap();
        if entry.file_name().to_string_lossy().contains("primary") {
            change(&mut bytes);
        }
        std::fs::write(dir.join(entry.file_name()), bytes).unwrap();
    }
    place.path(name).display().to_string()
}

#[test]
fn metadata_that_is_cut_or_is_not_what_it_says_is_2() {
    let place = Place::new();
    let chain = place.write("good.list", "port-good\n").display().to_string();
    let cut = broken(&place, "cut", |bytes| bytes.truncate(bytes.len() / 2));
    let other = broken(&place, "other", |bytes| *bytes.last_mut().unwrap() ^= 1);
    for dir in [cut, other] {
        let ended = place.run(&["port", &chain, "--offline", "--on", &dir], SOON);
        ended.assert_status(2);
        assert!(ended.stderr.contains("primary") && ended.stdout.is_empty(), "{}", ended.stderr);
    }
}

#[test]
fn a_program_of_an_application_is_read_as_a_chain() {
    let place = Place::new();
    let program = place.path("port-legacy");
    let packed = place.planted("planted").join("port-legacy-2-1.x86_64.rpm");
    let script = format!("rpm2cpio {} | cpio -i --quiet --to-stdout ./usr/bin/port-legacy", packed.display());
    let unpacked = Command::new("sh").args(["-c", &script]).output().expect("sh runs");
    assert!(unpacked.status.success() && unpacked.stdout.starts_with(b"\x7fELF"));
    std::fs::write(&program, unpacked.stdout).unwrap();
    // What a system has beyond its repositories is not known offline: no verdict is better than a wrong one.
    let ended = offline(&place, &["port-legacy"], &["--all"]);
    ended.assert_status(3);
    assert!(ended.stdout.contains("libport.so.1"), "{}", ended.stdout);
}
