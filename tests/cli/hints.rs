//! What a message says to somebody who meets muster for the first time: one cause, what to do next, and nothing that is only in a
//! checkout. The program runs in an empty directory here.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{Finished, Place, finish};

const SUITE: &str = "schema: suite/v1\nsuite: mine\ntests:\n  - id: one\n    summary: a kernel runs, and it is new enough\n    expect:\n      kernel: {release: \">= 1\"}\n";

pub(crate) fn start(place: &Place, words: &[&str], directory: &Path) -> Finished {
    std::fs::create_dir_all(directory).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    command.args(words).current_dir(directory).env("MUSTER_CACHE", place.path("cache")).env_remove("MUSTER_ROOT");
    command.env_remove("CI").env("NO_COLOR", "1");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    finish(command.spawn().unwrap(), Duration::from_secs(180))
}

fn there(place: &Place, words: &[&str]) -> Finished {
    start(place, words, &place.path("empty"))
}

/// Each command line that cannot work: how it ends, and what its message says.
const REFUSED: &[(&[&str], i32, &[&str])] = &[
    (&["run", "lab-tiny"], 2, &["an image of the catalogue", "`--image lab-tiny`"]),
    (
        &["plan", "--target", "30m", "--matrix", "github", "--durations", "whole"],
        2,
        &["--durations whole: there is no such run", "durations.json"],
    ),
    (
        &["run", "--shard", "1/2", "--durations", "whole", "--image", "lab"],
        2,
        &["--durations whole: there is no such run"],
    ),
    (&["history"], 2, &["there is no run in muster-runs"]),
    (&["history", "nowhere"], 2, &["there is no run in nowhere"]),
    (&["report", "last"], 2, &["in place of `last`"]),
    (&["port", "Containerfile", "--on", "lab"], 2, &["Containerfile: there is no such file"]),
    (
        &["certify", "last", "--policy", "p.yaml", "--key", "nokey", "-o", "c"],
        2,
        &["--key nokey: there is no such file"],
    ),
    (&["certify", "last", "--policy", "p.yaml", "--key", "text", "-o", "c"], 2, &["cannot read the key text"]),
    (&["run", "--connect", "me@192.0.2.1", "--identity", "nokey"], 2, &["--identity nokey: there is no such file"]),
    (
        &["run", "--image", "lab", "--identity", "key"],
        2,
        &["`--identity`", "needs `--connect`, which is not given", "`--connect <USER@HOST[:PORT]>` too"],
    ),
    (&["run", "--image", "lab", "--host-key", "k"], 2, &["`--host-key`", "needs `--connect`"]),
    (&["run", "--image", "lab", "--allow-changes"], 2, &["`--allow-changes`", "needs `--connect`"]),
    (&["run", "--cpus", "2", "--name", "it"], 2, &["`--name`", "needs `--connect`"]),
    (&["run", "--identity", "key"], 2, &["`--identity`", "needs `--connect`"]),
    (&["run", "--connect", "me@192.0.2.1", "--identity", "empty"], 2, &["the file is empty"]),
    (&["run", "--connect", "me@192.0.2.1", "--identity", "key.pub"], 2, &["no private key", "`.pub`"]),
    (&["images", "inspect", "lab-tiny"], 2, &["an image of the catalogue", "muster images show lab-tiny"]),
    (&["images", "verify", "fedora-43"], 2, &["`muster images pull fedora-43`"]),
    (&["bisect"], 2, &["`--good`", "`--packages`", "--between DIR", "--packages DIR", "-- --user NAME"]),
    (&["bisect", "base/boots", "--good", "a", "-o", "s"], 2, &["`--bad`", "--between DIR"]),
    (&["profile", "diff", "text", "text"], 3, &["error: text is no profile"]),
    (&["run", "--seed", "cloud-init"], 2, &["a similar value exists: 'nocloud'"]),
    (&["boot", "--arch", "arm64"], 2, &["a similar value exists: 'aarch64'"]),
    (&["run", "--firmware", "UEFI"], 2, &["a similar value exists: 'uefi'"]),
    (&["run", "--ssh-key", "x"], 2, &["a similar argument exists: '--identity'"]),
    (&["run", "--image", "h.gz"], 2, &["does not say what is packed in it; state its format", "--image-format raw"]),
    (&["man", "no dir"], 2, &["mkdir -p 'no dir'"]),
    (&["run", "--cmdline", "x"], 2, &["`--cmdline` needs `--kernel`, which is not given"]),
    (
        &["list", "--suites", "kernal"],
        2,
        &["--suites kernal: there is no such file or directory", "did you mean `kernel`"],
    ),
    (&["explain", "kernal"], 2, &["no test matches `kernal`", "did you mean `kernel`?"]),
    (&["list", "--test", "kernal"], 2, &["did you mean `kernel`?"]),
    (&["run", "--guest-memory", "2"], 2, &["did you mean `2 GiB`?"]),
    (&["console", "scan", "."], 2, &["error: .: it is a directory"]),
    (&["run", "--product", "gone.rpm"], 2, &["--product gone.rpm: there is no such file or directory"]),
    (&["runs", "prune", "--older-than", "30"], 2, &["`30d`"]),
    (&["certify", "last", "--policy", "p", "--key", "k", "-o", "c", "--valid-for", "90"], 2, &["`90d`"]),
];

#[test]
fn what_cannot_work_says_why_once_and_what_to_do() {
    let place = Place::new();
    let here = place.path("empty");
    std::fs::create_dir(&here).unwrap();
    for (name, text) in
        [("empty", ""), ("text", "no key\n"), ("key.pub", "ssh-ed25519 AAAA me\n"), ("h.gz", "\x1f\u{8b}")]
    {
        std::fs::write(here.join(name), text).unwrap();
    }
    for (words, status, parts) in REFUSED {
        let ended = there(&place, words);
        assert_eq!(ended.status, *status, "{words:?}: {}{}", ended.stdout, ended.stderr);
        for part in *parts {
            assert!(ended.stderr.contains(part), "{words:?}: {part} is not in {}", ended.stderr);
        }
        for never in ["os error", "docs/", "failed to open", "failed to query"] {
            assert!(!ended.stderr.contains(never), "{words:?}: {}", ended.stderr);
        }
        // What an error says is not said again as its help.
        let lines: Vec<&str> = ended.stderr.lines().collect();
        assert_eq!(lines.iter().filter(|line| line.starts_with("error")).count(), 1, "{words:?}: {}", ended.stderr);
    }
}

#[test]
fn a_page_is_named_only_where_it_is() {
    let place = Place::new();
    let here = place.path("empty");
    std::fs::create_dir(&here).unwrap();
    let policy = "schema: policy/v1\nid: a\ncontext: c\nrequire: [{test: a/b}]\nmax-age: 7\n";
    let images = "schema: images/v1\nimages:\n- {id: a, disk: {path: a.raw}, format: raw, firmware: bios, seed: none, usr: root}\n";
    let suite = SUITE.replace("summary", "sumary");
    for (name, text, page) in [
        ("policy.yaml", policy, "docs/gates.md"),
        ("images.yaml", images, "docs/images.md"),
        ("suite.yaml", &suite, "docs/writing-suites.md:"),
    ] {
        let path = here.join(name);
        std::fs::write(&path, text).unwrap();
        let outside = there(&place, &["check", name]);
        let said = outside.assert_status(2).stderr.as_str();
        assert!(!said.contains("docs/") && said.contains("`muster reference NAME`"), "{said}");
        let inside = place.run(&["check", path.to_str().unwrap()], Duration::from_secs(180));
        assert!(inside.assert_status(2).stderr.contains(page), "{name}: {}", inside.stderr);
    }
    let checked = there(&place, &["check", "policy.yaml"]);
    assert!(checked.stderr.contains("did you mean `7d`?"), "{}", checked.stderr);
    std::fs::write(here.join("muster.toml"), "[rum]\n").unwrap();
    let settings = there(&place, &["list"]);
    assert!(!settings.assert_status(2).stderr.contains("docs/"), "{}", settings.stderr);
}

#[test]
fn a_shipped_suite_stands_next_to_ones_own_by_its_name() {
    let place = Place::new();
    let here = place.path("empty");
    std::fs::create_dir(&here).unwrap();
    std::fs::write(here.join("mine.yaml"), SUITE).unwrap();
    let listed = there(&place, &["list", "--suites", "mine.yaml", "--suites", "supportable", "--image", "lab"]);
    let names = &listed.assert_status(0).stdout;
    assert!(names.contains("mine/one") && names.contains("supportable/"), "{names}");
    assert!(!names.contains("base/boots"), "{names}");
    // A path of that name is what was typed.
    std::fs::rename(here.join("mine.yaml"), here.join("supportable")).unwrap();
    let listed = there(&place, &["list", "--suites", "supportable"]);
    assert!(listed.assert_status(0).stdout.contains("mine/one"), "{}", listed.stdout);
    there(&place, &["list", "--suites", "no-such-suite"]).assert_status(2);
}

#[test]
fn the_worked_example_is_there_without_a_checkout() {
    let place = Place::new();
    there(&place, &["init", "--isv", "my-app", "certify"]).assert_status(0);
    let here = place.path("empty");
    std::fs::copy(here.join("certify/daemon.example"), here.join("my.yaml")).unwrap();
    let checked = there(&place, &["check", "my.yaml"]);
    assert!(checked.assert_status(0).stdout.contains("1 suite, 7 tests"), "{}", checked.stdout);
    let listed = start(&place, &["list", "my-daemon", "--suites", "../my.yaml"], &here.join("certify"));
    assert!(listed.assert_status(0).stdout.ends_with("7 tests\n"), "{}", listed.stdout);
    // The project itself is valid, and nothing that nobody named is reported.
    let whole = start(&place, &["check"], &here.join("certify"));
    assert!(!whole.assert_status(0).stdout.contains("not checked"), "{}", whole.stdout);
}

#[test]
fn an_image_that_is_brought_is_found_in_the_project_then_in_the_cache() {
    let place = Place::new();
    let state = |directory: &Path| {
        let shown = start(&place, &["images", "show", "azurelinux-4"], directory);
        shown.assert_status(0).stdout.clone()
    };
    let nowhere = state(&place.path("empty"));
    let cache = place.path("cache/brought/azurelinux-4.vhd");
    let cache_shown = cache.to_str().unwrap();
    assert!(nowhere.contains(&format!("put it at {cache_shown}")), "{nowhere}");
    assert!(!nowhere.contains("images show") && nowhere.contains("muster run --image"), "{nowhere}");
    let project = place.path("project");
    std::fs::create_dir_all(project.join("suites")).unwrap();
    std::fs::write(project.join("suites/mine.yaml"), SUITE).unwrap();
    assert!(state(&project).contains("put it at images/brought/azurelinux-4.vhd"), "{}", state(&project));
    std::fs::create_dir_all(cache.parent().unwrap()).unwrap();
    std::fs::write(&cache, "").unwrap();
    assert!(state(&project).contains(cache_shown), "{}", state(&project));
    std::fs::create_dir_all(project.join("images/brought")).unwrap();
    std::fs::write(project.join("images/brought/azurelinux-4.vhd"), "").unwrap();
    let found = state(&project);
    assert!(found.contains("  brought\n") && !found.contains(cache_shown), "{found}");
}

#[test]
fn the_tag_that_opens_the_network_is_found_where_it_is_looked_for() {
    let muster = |words: &[&str]| Place::new().run(words, Duration::from_secs(180));
    for words in [
        &["reference", "needs-internet"][..],
        &["reference"],
        &["failures", "step.install"],
        &["failures", "product.install"],
    ] {
        let shown = muster(words);
        assert!(shown.assert_status(0).stdout.contains("needs-internet"), "{words:?}: {}", shown.stdout);
    }
    let boot_loader = muster(&["failures", "console.boot-loader"]);
    assert!(boot_loader.assert_status(0).stdout.contains("--firmware bios"), "{}", boot_loader.stdout);
}

#[test]
fn known_issues_that_are_named_are_read_wherever_they_lie() {
    let place = Place::new();
    let here = place.path("empty");
    std::fs::create_dir_all(here.join("suites")).unwrap();
    std::fs::create_dir(here.join("none")).unwrap();
    std::fs::write(here.join("suites/mine.yaml"), SUITE).unwrap();
    let line = |known: &str| {
        there(&place, &["run", "--list", "--suites", "suites", "--test", "mine/one", "--known-issues", known])
    };
    // Of another kind, it is no file of known issues, also where the directory of suites is read.
    let other = line("suites/mine.yaml");
    assert!(other.assert_status(2).stderr.contains("error[unknown-schema]"), "{}", other.stderr);
    let none = line("none");
    assert!(
        none.assert_status(0).stderr.contains("note: --known-issues none: no file of this directory"),
        "{}",
        none.stderr
    );
    assert!(none.stdout.ends_with("\n1 test\n"), "{}", none.stdout);
    let old = "schema: known-issues/v1\nknown-issues:\n- {tests: mine/one, tracker: t, because: x, expires: 2020-01-01, effect: skip}\n";
    std::fs::write(here.join("old.yaml"), old).unwrap();
    let old = line("old.yaml");
    assert!(
        old.assert_status(0).stderr.contains("the known issue of mine/one expired on 2020-01-01"),
        "{}",
        old.stderr
    );
}
