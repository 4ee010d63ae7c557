//! muster outside of a checkout: what it carries with it, a project of one's own, and what a slip of the pen leaves behind.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{Finished, Place, finish};

const SUITE: &str = "schema: suite/v1\nsuite: mine\ntests:\n  - id: one\n    summary: a kernel runs, and it is new enough\n    expect:\n      kernel: {release: \">= 1\"}\n";

/// Runs it in an empty directory, as a person who has nothing but the program.
fn there(place: &Place, words: &[&str]) -> Finished {
    let directory = place.path("empty");
    let _ = std::fs::create_dir(&directory);
    start(place, words, &directory)
}

fn start(place: &Place, words: &[&str], directory: &Path) -> Finished {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    command.args(words).current_dir(directory).env("MUSTER_CACHE", place.path("cache")).env_remove("MUSTER_ROOT");
    command.env_remove("CI").env("NO_COLOR", "1");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    finish(command.spawn().unwrap(), Duration::from_secs(180))
}

/// What lies in the directory from which muster was started.
fn left(place: &Place) -> Vec<String> {
    let entries = place.path("empty").read_dir().unwrap().flatten();
    let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn the_shipped_suites_and_images_are_there_without_a_checkout() {
    let place = Place::new();
    let here = Place::new().run(&["list"], Duration::from_secs(180));
    let listed = there(&place, &["list"]);
    assert_eq!(listed.assert_status(0).stdout, here.stdout);
    there(&place, &["check"]).assert_status(0);
    assert!(there(&place, &["images", "list"]).assert_status(0).stdout.contains("lab-tiny"));
    let shown = there(&place, &["images", "show", "lab-tiny"]);
    assert!(shown.assert_status(0).stdout.contains("lab-tiny"), "{}", shown.stdout);
    assert_eq!(left(&place), [] as [String; 0], "nothing was asked for that writes");
    // Once for each content, and not again for each command.
    assert_eq!(place.path("cache/share").read_dir().unwrap().count(), 1);
}

#[test]
fn a_project_of_ones_own_adds_to_what_is_shipped() {
    let place = Place::new();
    let project = place.path("empty");
    for name in ["suites", "images", "sub"] {
        std::fs::create_dir_all(project.join(name)).unwrap();
    }
    std::fs::write(project.join("suites/mine.yaml"), SUITE).unwrap();
    let image = "schema: images/v1\nimages:\n  - id: mine\n    summary: an image of ours\n    disk: {path: disk.raw}\n    format: raw\n    firmware: bios\n    seed: none\n    user: root\n";
    std::fs::write(project.join("images/mine.yaml"), image).unwrap();
    for directory in [project.clone(), project.join("sub")] {
        let listed = start(&place, &["list"], &directory);
        listed.assert_status(0);
        assert!(listed.stdout.contains("mine/one") && listed.stdout.contains("base/boots"), "{}", listed.stdout);
        let images = start(&place, &["images", "list"], &directory);
        images.assert_status(0);
        assert!(images.stdout.contains("an image of ours") && images.stdout.contains("lab-tiny"), "{}", images.stdout);
    }
}

#[test]
fn one_cause_is_one_message_and_leaves_no_directory() {
    let place = Place::new();
    let path = place.path("empty");
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("mine.yaml"), SUITE).unwrap();
    std::fs::write(path.join("README.md"), "# no disk\n").unwrap();
    std::fs::write(path.join("disk.raw"), vec![0_u8; 1 << 20]).unwrap();
    let packed = Command::new("tar").args(["-cf", "root.tar", "README.md"]).current_dir(&path).status();
    assert!(packed.expect("tar is there").success());
    let before = left(&place);
    let cases: [(&[&str], i32, &str); 9] = [
        (&["run", "--image", "nowhere.qcow2"], 2, "nowhere.qcow2"),
        (&["run", "--image", "README.md"], 2, "README.md"),
        (&["run", "--image", "lab-of-ours"], 2, "lab-of-ours"),
        // The cache of this test is empty.
        (&["run", "--image", "lab-tiny"], 2, "images build lab-tiny"),
        (&["run", "--image", "disk.raw", "--kernel", "nowhere", "--cmdline", "x"], 2, "nowhere"),
        (&["run", "--image", "root.tar", "--image-format", "tar"], 2, "--kernel"),
        (&["compare", "disk.raw", "nowhere.qcow2"], 2, "nowhere.qcow2"),
        (&["boot", "nowhere.qcow2"], 2, "nowhere.qcow2"),
        (&["run", "--image", "disk.raw", "--out", "mine.yaml"], 2, "--out mine.yaml"),
    ];
    for (words, status, says) in cases {
        let ended = there(&place, words);
        assert_eq!(ended.status, status, "{words:?}: {}{}", ended.stdout, ended.stderr);
        assert!(ended.stderr.contains(says), "{words:?}: {}", ended.stderr);
        let errors = ended.stderr.lines().filter(|line| line.starts_with("error")).count();
        assert_eq!((errors, ended.stdout.as_str()), (1, ""), "{words:?}: {}", ended.stderr);
        assert_eq!(left(&place), before, "{words:?} left something behind");
    }
    // A host that lacks a program: nothing but qemu-img is on this path, for which the disk is looked into.
    let programs = place.path("programs");
    std::fs::create_dir(&programs).unwrap();
    let found = Command::new("sh").args(["-c", "command -v qemu-img"]).output().unwrap();
    std::os::unix::fs::symlink(String::from_utf8(found.stdout).unwrap().trim(), programs.join("qemu-img")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    command.args(["run", "--image", "disk.raw", "--firmware", "bios", "--tpm"]).current_dir(&path);
    command.env("PATH", &programs).env("MUSTER_CACHE", place.path("cache")).env("NO_COLOR", "1");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let ended = finish(command.spawn().unwrap(), Duration::from_secs(60));
    assert_eq!(ended.status, 3, "{}", ended.stderr);
    for program in ["qemu-system-x86_64", "ssh-keygen", "swtpm"] {
        assert_eq!(ended.stderr.matches(&format!("{program} is not installed")).count(), 1, "{}", ended.stderr);
    }
    assert_eq!(left(&place), before);
}

#[test]
fn a_project_that_is_begun_is_valid_and_is_never_written_over() {
    let place = Place::new();
    let begun = there(&place, &["init"]);
    assert!(begun.assert_status(0).stdout.contains("wrote suites/mine.yaml"), "{}", begun.stdout);
    assert_eq!(left(&place), [".gitignore", "images", "known-issues.example", "muster.toml", "suites"]);
    there(&place, &["check", "suites"]).assert_status(0);
    let listed = there(&place, &["list", "mine"]);
    assert!(listed.assert_status(0).stdout.ends_with("3 tests\n"), "{}", listed.stdout);
    assert!(there(&place, &["images", "list"]).assert_status(0).stdout.contains("our image"));
    let again = there(&place, &["init"]);
    assert!(again.assert_status(2).stderr.contains("nothing is overwritten"), "{}", again.stderr);
    there(&place, &["init", "other/one", "--ci", "gitlab"]).assert_status(0);
    // Whoever ships a package has a suite for it, and no image.
    there(&place, &["init", "isv", "--isv", "my-app.x86_64.rpm"]).assert_status(2);
    there(&place, &["init", "isv", "--isv", "my app"]).assert_status(2);
    there(&place, &["init", "isv", "--isv", "my-app"]).assert_status(0);
    there(&place, &["check", "isv/suites"]).assert_status(0);
    assert!(!place.path("empty/isv/images").exists());
    for name in ["suites/mine.yaml", ".gitlab-ci.yml"] {
        assert!(place.path("empty/other/one").join(name).is_file(), "{name}");
    }
    // The example is valid where it is to be copied to.
    let example = std::fs::read_to_string(place.path("empty/known-issues.example")).unwrap();
    std::fs::write(place.path("empty/suites/known-issues.yaml"), example).unwrap();
    let checked = there(&place, &["check", "suites"]);
    assert!(checked.assert_status(0).stdout.contains("1 known issue"), "{}", checked.stdout);
}

#[test]
fn words_select_suites_and_tests_as_options_do() {
    let names = |words: &[&str]| {
        let listed = Place::new().run(words, Duration::from_secs(180));
        let lines = listed.assert_status(0).stdout.lines().map(|line| line.split(' ').next().unwrap().to_owned());
        lines.collect::<Vec<_>>()
    };
    let both = names(&["list", "boot-time", "security/ssh*"]);
    assert_eq!(both, names(&["list", "--test", "boot-time/*", "--test", "security/ssh*"]));
    assert!(
        both.iter().any(|name| name.starts_with("boot-time/"))
            && both.iter().any(|name| name.starts_with("security/ssh"))
    );
    assert_eq!(names(&["run", "boot-time", "--list"]), names(&["list", "--suite", "boot-time"]));
    for (word, says) in [
        ("kernal", "did you mean"),
        ("suites/base.yaml", "--suites suites/base.yaml"),
        ("my.qcow2", "--image my.qcow2"),
    ] {
        let refused = Place::new().run(&["run", word], Duration::from_secs(180));
        assert!(refused.assert_status(2).stderr.contains(says), "{word}: {}", refused.stderr);
    }
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        let text = there(&place, &["completions", shell]);
        for word in ["kconfig", "known-issues", "boot-timeout"] {
            assert!(text.assert_status(0).stdout.contains(word), "{shell}: {word}");
        }
    }
    // bash itself reads it.
    let script = place.write("muster.bash", &there(&place, &["completions", "bash"]).stdout);
    let bash = Command::new("bash").args(["-c", "source \"$0\" && complete -p muster"]).arg(script).output().unwrap();
    assert!(bash.status.success(), "{}", String::from_utf8_lossy(&bash.stderr));
    let pages = place.path("man1");
    there(&place, &["man", pages.to_str().unwrap()]).assert_status(2);
    std::fs::create_dir(&pages).unwrap();
    there(&place, &["man", pages.to_str().unwrap()]).assert_status(0);
    let run = std::fs::read_to_string(pages.join("muster-run.1")).unwrap();
    assert!(run.contains(".TH") && run.contains("boot\\-timeout"), "{run}");
    let named = |part: &str| {
        pages.read_dir().unwrap().flatten().filter(|entry| entry.file_name().to_string_lossy().contains(part)).count()
    };
    assert_eq!((named("-help"), named("muster-images-pull.1")), (0, 1));
}
