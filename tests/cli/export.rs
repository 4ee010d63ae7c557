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
