//! Files that a command line names and that are not what it takes: the message is about the file and the option that named it.

use std::path::Path;
use std::time::Duration;

use crate::hints::start;
use crate::support::{Finished, Place};

const SUITE: &str = "schema: suite/v1\nsuite: mine\ntests:\n  - id: one\n    summary: a kernel runs\n    expect:\n      kernel: {release: \">= 1\"}\n";
const IMAGES: &str = "schema: images/v1\nimages:\n- id: our-disk\n  disk: {path: disk.raw}\n  format: raw\n  seed: none\n  user: me\n\
                      - id: our-root\n  disk: {path: disk.raw}\n  format: raw\n  seed: none\n  user: me\n  \
                      kernel: {image: nokernel, cmdline: x}\n";

/// A project with a suite, an image of its own and files that are nothing.
fn project(place: &Place) -> std::path::PathBuf {
    let here = place.path("project");
    std::fs::create_dir_all(here.join("suites")).unwrap();
    std::fs::create_dir_all(here.join("images")).unwrap();
    std::fs::write(here.join("suites/mine.yaml"), SUITE).unwrap();
    std::fs::write(here.join("images/mine.yaml"), IMAGES).unwrap();
    std::fs::write(here.join("images/disk.raw"), vec![0_u8; 1 << 20]).unwrap();
    std::fs::write(here.join("kernel"), "a kernel\n").unwrap();
    for name in ["empty.qcow2", "empty.raw", "empty.vhd", "empty.tar"] {
        std::fs::write(here.join(name), "").unwrap();
    }
    here
}

fn refused(place: &Place, here: &Path, words: &[&str], says: &[&str], never: &[&str]) -> Finished {
    let ended = start(place, words, here);
    assert_eq!(ended.status, 2, "{words:?}: {}{}", ended.stdout, ended.stderr);
    for part in says {
        assert!(ended.stderr.contains(part), "{words:?}: {part} is not in {}", ended.stderr);
    }
    for part in never {
        assert!(!ended.stderr.contains(part), "{words:?}: {part} is in {}", ended.stderr);
    }
    ended
}

#[test]
fn a_kernel_that_is_not_there_is_no_image_and_whoever_named_it_is_said() {
    let place = Place::new();
    let here = project(&place);
    let typed = ["run", "mine", "--image", "our-disk", "--cmdline", "x", "--kernel"];
    let with = |more: &[&'static str]| [&typed[..], more].concat();
    let never = &["there is no image", "mine.yaml"];
    refused(&place, &here, &with(&["nope"]), &["there is no kernel at ", "/nope", "--kernel names it"], never);
    let says = &["there is no initial RAM disk at ", "/nope", "--initrd names it"];
    refused(&place, &here, &with(&["kernel", "--initrd", "nope"]), says, never);
    // Of the catalogue's own kernel its entry is named, also where the image is named by nobody.
    let says = &["there is no kernel at ", "nokernel", "mine.yaml:", "in this entry"];
    refused(&place, &here, &["run", "mine", "--image", "our-root"], says, &["there is no image"]);
    std::fs::remove_file(here.join("images/disk.raw")).unwrap();
    let says = &["there is no image at ", "disk.raw", "mine.yaml:", "in this entry"];
    refused(&place, &here, &["run", "mine", "--image", "our-disk"], says, &["--kernel"]);
}

#[test]
fn an_address_and_an_empty_file_are_said_as_such() {
    let place = Place::new();
    let here = project(&place);
    for command in [&["run", "mine", "--image"][..], &["boot"], &["list", "--image"]] {
        for address in ["https://example.org/disk.qcow2", "http://example.org/x", "s3://disks/x.raw"] {
            let says = &["muster fetches no address", address, "download it", "`download:`"];
            refused(&place, &here, &[command, &[address]].concat(), says, &["there is no image"]);
        }
    }
    for file in ["empty.qcow2", "empty.raw", "empty.vhd", "empty.tar"] {
        let never = &["qemu-img", "first bytes"];
        refused(&place, &here, &["run", "mine", "--image", file], &[file, "is empty", "fetch it again"], never);
    }
}

#[test]
fn a_suite_that_lies_where_suites_lie_is_suggested() {
    let place = Place::new();
    let here = project(&place);
    for typed in ["mine.yaml", "mine"] {
        for command in ["run", "list"] {
            let words = [command, "--suites", typed];
            refused(&place, &here, &words, &["did you mean `suites/mine.yaml`?"], &["os error"]);
        }
    }
    refused(&place, &here, &["check", "mine.yaml"], &["did you mean `suites/mine.yaml`?"], &[]);
    refused(&place, &here, &["list", "--suites", "other.yaml"], &["no such file"], &["did you mean"]);
}

#[test]
fn a_list_of_a_run_refuses_the_files_that_the_run_refuses() {
    let place = Place::new();
    let here = project(&place);
    let list = ["run", "mine", "--image", "our-disk", "--list"];
    let with = |more: &[&'static str]| [&list[..], more].concat();
    for (more, says) in [
        (&["--known-issues", "nope.yaml"][..], "nope.yaml"),
        (&["--product", "nope.rpm"], "nope.rpm"),
        (&["--product", "kernel"], "--product kernel"),
        (&["--console-rules", "nope.yaml"], "nope.yaml"),
        (&["--boot-baseline", "nope.json"], "nope.json"),
        (&["-o", "suites"], "--out suites: it is there already"),
    ] {
        refused(&place, &here, &with(more), &[says], &[]);
        let run: Vec<&str> = with(more).into_iter().filter(|word| *word != "--list").collect();
        refused(&place, &here, &run, &[says], &[]);
    }
    // A directory that cannot be made, since a file is in its way.
    let ended = start(&place, &with(&["-o", "kernel/x/y"]), &here);
    assert!(ended.assert_status(3).stderr.contains("--out kernel/x/y: no directory is at "), "{}", ended.stderr);
    let fine = start(&place, &with(&["-o", "new/run"]), &here);
    assert!(fine.assert_status(0).stdout.contains("mine/one"), "{}", fine.stdout);
    assert!(!here.join("new").exists(), "a list makes nothing");
}

#[test]
fn the_usage_of_a_mistake_has_only_what_was_typed() {
    let place = Place::new();
    let here = project(&place);
    std::fs::write(here.join("muster.toml"), "[run]\ncpus = 1\nseed = \"none\"\n").unwrap();
    for words in [&["run", "--failed", "last", "--shard", "1/2"][..], &["run", "--rerun", "last", "--list"]] {
        let ended = start(&place, words, &here);
        let said = &ended.assert_status(2).stderr;
        assert!(said.contains(words[1]) && said.contains("cannot be used with"), "{said}");
        assert!(!said.contains("--cpus") && !said.contains("--seed"), "{said}");
    }
}

#[test]
fn images_that_muster_tests_are_booted_ones() {
    let place = Place::new();
    let listed = place.run(&["images", "list"], Duration::from_secs(120));
    let listed = &listed.assert_status(0).stdout;
    let rows: Vec<&str> = listed.lines().filter(|line| line.starts_with("lab")).collect();
    assert!(rows.len() > 10, "{listed}");
    for row in rows {
        assert!(!row.contains("not said") && row.contains(" yes "), "{row}");
    }
    let shown = place.run(&["images", "show", "lab"], Duration::from_secs(120));
    assert!(shown.assert_status(0).stdout.contains("muster's own tests boot it"), "{}", shown.stdout);
}

#[test]
fn a_condition_that_is_nearly_a_known_one_is_a_note_and_one_that_never_holds_an_error() {
    let place = Place::new();
    let here = project(&place);
    let suite = |when: &str| SUITE.replace("    expect:", &format!("    when: {when}\n    expect:"));
    std::fs::write(here.join("suites/mine.yaml"), suite("distro == fedroa-43")).unwrap();
    for words in [&["check", "suites"][..], &["list", "--suites", "suites"]] {
        let ended = start(&place, words, &here);
        ended.assert_status(0);
        assert_eq!(ended.stderr.matches("did you mean `fedora-43`?").count(), 1, "{words:?}: {}", ended.stderr);
        assert!(ended.stderr.contains("note: suites/mine.yaml:"), "{}", ended.stderr);
    }
    std::fs::write(here.join("suites/mine.yaml"), suite("arch == amd64")).unwrap();
    refused(&place, &here, &["check", "suites"], &["`arch` is never `amd64`", "did you mean `x86_64`?"], &[]);
    let given = ["images", "check", "images/disk.raw", "--given", "id=Fedora"];
    refused(&place, &here, &given, &["`id` is never `Fedora`; did you mean `fedora`?"], &[]);
}
