//! `muster export`: what it writes is read by the runners themselves in `ci/other-runners`; here, that it is whole.

use std::time::Duration;

use super::support::Place;

const LIMIT: Duration = Duration::from_secs(120);

#[test]
fn each_runner_gets_files_that_name_every_selected_test_and_nothing_is_overwritten() {
    let place = Place::new();
    for (runner, files, names) in [
        ("tmt", &[".fmf/version", "plans/muster.fmf", "tests/main.fmf", "tests/run.sh"][..], "tests/main.fmf"),
        (
            "autopkgtest",
            &["debian/control", "debian/changelog", "debian/tests/control", "debian/tests/base"],
            "debian/tests/base",
        ),
        ("pytest", &["conftest.py", "test_muster.py", "azldev.toml"], "conftest.py"),
    ] {
        let dir = place.path(runner);
        let words = ["export", runner, dir.to_str().unwrap(), "base/boots", "kernel"];
        let done = place.run(&words, LIMIT);
        done.assert_status(0);
        for file in files {
            assert!(place.path(runner).join(file).is_file(), "{file}");
            assert!(done.stdout.contains(file), "{}", done.stdout);
        }
        let text = std::fs::read_to_string(place.path(runner).join(names)).unwrap();
        assert!(text.contains("base/boots") && !text.contains("SELECTS") && !text.contains("base/core"), "{text}");
        let again = place.run(&words, LIMIT);
        assert!(again.assert_status(2).stderr.contains("nothing is overwritten"), "{}", again.stderr);
    }
    // A suite of which all tests are selected is named, and not each of them.
    let tests = std::fs::read_to_string(place.path("tmt/tests/main.fmf")).unwrap();
    assert!(tests.contains("./run.sh 'kernel'\"") || tests.contains("./run.sh kernel\""), "{tests}");
}

#[test]
fn scripts_can_be_started_and_a_path_with_quotes_stays_one_argument() {
    let place = Place::new();
    let dir = place.path("it's; a dir");
    std::fs::create_dir(&dir).unwrap();
    let suite = "schema: suite/v1\nsuite: own\nsummary: one\ntests:\n  - {id: a, summary: b, expect: {kernel: {release: \">= 1\"}}}\n";
    std::fs::write(dir.join("own.yaml"), suite).unwrap();
    let (out, file) = (place.path("out"), dir.join("own.yaml"));
    let words = ["export", "autopkgtest", out.to_str().unwrap(), "--suites", file.to_str().unwrap(), "own"];
    place.run(&words, LIMIT).assert_status(0);
    // A program that prints its arguments stands for muster.
    let program = place.path("program");
    std::fs::write(&program, "#!/bin/sh\nprintf '<%s>' \"$@\"\nexit 5\n").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&program, mode).unwrap();
    let ended = std::process::Command::new(place.path("out/debian/tests/own"))
        .env("MUSTER", &program)
        .env("MUSTER_IMAGE", "an image")
        .env("AUTOPKGTEST_ARTIFACTS", place.path("artifacts"))
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(5));
    let said = String::from_utf8(ended.stdout).unwrap();
    assert!(said.starts_with("<run><--image><an image><--out><"), "{said}");
    assert!(said.ends_with("it's; a dir/own.yaml><own>"), "{said}");
    let missing = std::process::Command::new(place.path("out/debian/tests/own")).env_remove("MUSTER_IMAGE").output();
    let missing = missing.unwrap();
    assert!(!missing.status.success() && String::from_utf8_lossy(&missing.stderr).contains("set MUSTER_IMAGE"));
}

/// The commands that a page shows for a runner: lines of its blocks that begin with its name.
fn commands<'t>(page: &'t str, runner: &str) -> Vec<&'t str> {
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let of_it = |line: &&str| line.strip_prefix(runner).is_some_and(|rest| rest.starts_with(' '));
    blocks.flat_map(str::lines).filter(of_it).collect()
}

#[test]
fn the_commands_of_the_page_and_of_the_help_are_those_that_are_run_with_the_runners() {
    let read = |path: &str| std::fs::read_to_string(super::support::root().join(path)).unwrap();
    let (page, script) = (read("docs/other-runners.md"), read("ci/other-runners"));
    // Its lines are as wide as the terminal.
    let help = Place::new().run(&["export", "--help"], LIMIT).stdout;
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for runner in ["tmt", "autopkgtest", "pytest"] {
        let [shown] = commands(&page, runner)[..] else { panic!("{runner}: {:?}", commands(&page, runner)) };
        assert!(help.contains(shown), "the help does not say `{shown}`: {help}");
        // What the script runs begins with the program's name behind what it is to end with; its command may go over lines.
        let calls: Vec<String> = script
            .replace("\\\n", " ")
            .lines()
            .filter(|line| line.contains("must ") && line.contains(&format!(" {runner} ")))
            .map(str::to_owned)
            .collect();
        assert!(!calls.is_empty(), "{runner} is not run");
        let said = |word: &&str| !word.contains("my.qcow2") && !["tests", "./package"].contains(word);
        for word in shown.split_whitespace().filter(said) {
            let has = |call: &String| call.split_whitespace().any(|other| other.trim_matches(['(', ')']) == word);
            assert!(calls.iter().any(has), "`{word}` of `{shown}` is in none of {calls:#?}");
        }
        // The image gets there in the way that is shown.
        let way = shown.split_whitespace().find_map(|word| word.strip_suffix("=my.qcow2")).unwrap_or("--image-path");
        assert!(calls.iter().any(|call| call.contains(way)), "{way} is in none of {calls:#?}");
    }
}
