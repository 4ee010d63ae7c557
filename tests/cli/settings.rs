//! Defaults from `muster.toml` and from variables, colour and the log, as a person meets them.

use std::process::Stdio;
use std::time::Duration;

use super::support::{Finished, Place, wait};

/// In the place itself, with these variables.
fn there(place: &Place, words: &[&str], variables: &[(&str, &str)]) -> Finished {
    let mut command = place.command(words);
    command.current_dir(place.dir.path()).env("MUSTER_CACHE", place.path("cache")).env_remove("MUSTER_CONFIG");
    command.env_remove("MUSTER_ROOT").envs(variables.iter().copied());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    wait(child.expect("muster starts"), Duration::from_secs(180))
}

const SUITE: &str = "schema: suite/v1\nsuite: own\ntests:\n- id: one\n  tags: [a]\n  expect: {tool: {tar: present}}\n\
                     - id: two\n  tags: [b]\n  expect: {tool: {tar: present}}\n";

fn project(settings: &str) -> Place {
    let place = Place::new();
    std::fs::create_dir_all(place.path("suites")).unwrap();
    place.write("suites/own.yaml", SUITE);
    place.write("muster.toml", settings);
    place
}

#[test]
fn a_file_gives_defaults_that_variables_and_the_command_line_override_and_says_so() {
    let place = project("[selection]\ntag = \"a\"\nsuites = \"suites\"\n[list]\nformat = \"json\"\n");
    let listed = there(&place, &["list"], &[]);
    listed.assert_status(0);
    let rows: Vec<serde_json::Value> = serde_json::from_str(&listed.stdout).expect("JSON");
    assert_eq!(rows.len(), 1, "{}", listed.stdout);
    let note = "note: defaults from muster.toml: --format json, --suites suites, --tag a\n";
    assert_eq!(listed.stderr, note);

    let listed = there(&place, &["list", "--format", "text"], &[("MUSTER_SELECTION_TAG", "b")]);
    assert!(listed.assert_status(0).stdout.contains("own/two") && !listed.stdout.contains("own/one"));
    assert!(listed.stderr.contains("from the environment: --tag b (MUSTER_SELECTION_TAG)"), "{}", listed.stderr);
    // From a directory below, paths are still meant from the file.
    std::fs::create_dir(place.path("below")).unwrap();
    let mut command = place.command(&["list", "--format", "text"]);
    command.current_dir(place.path("below")).env_remove("MUSTER_CONFIG").env("MUSTER_CACHE", place.path("cache"));
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let listed = wait(command.spawn().unwrap(), Duration::from_secs(180));
    assert!(listed.assert_status(0).stdout.contains("own/one"), "{}", listed.stdout);
    // Without the file.
    let listed = there(&place, &["list", "--suites", "suites"], &[("MUSTER_CONFIG", "")]);
    assert!(listed.assert_status(0).stdout.contains("2 tests") && listed.stderr.is_empty(), "{}", listed.stderr);
    // A run that only lists says it too.
    let listed = there(&place, &["run", "--list"], &[]);
    assert!(listed.stderr.contains("defaults from muster.toml: --suites suites, --tag a"), "{}", listed.stderr);
}

#[test]
fn a_mistake_in_the_file_or_a_variable_is_exit_code_2_with_its_place() {
    let place = project("[run]\ncpu = 1\n\n[selection]\ntag = 1.5\n");
    let ended = there(&place, &["list"], &[]);
    ended.assert_status(2);
    for part in [
        "error: muster.toml:2: `cpu` is not a key of [run]; did you mean `cpus`?\n",
        "error: muster.toml:5: `tag`: text, a number, or true or false is expected",
        "  help: ",
        "`MUSTER_CONFIG=` leaves the file out",
    ] {
        assert!(ended.stderr.contains(part), "{}", ended.stderr);
    }
    assert!(ended.stdout.is_empty(), "{}", ended.stdout);
    // Help works, and doctor shows it.
    there(&place, &["run", "--help"], &[]).assert_status(0);
    let doctor = there(&place, &["doctor"], &[("MUSTER_RUN_CPUS", "1")]);
    let shown = "missing   settings file: muster.toml:2: `cpu` is not a key of [run]";
    assert!(doctor.assert_status(3).stdout.contains(shown), "{}", doctor.stdout);
    assert!(doctor.stdout.contains("ok        settings variables: MUSTER_CACHE, MUSTER_RUN_CPUS"), "{}", doctor.stdout);
    let good = project("");
    let ended = there(&good, &["run"], &[("MUSTER_RUN_JOBS", "none")]);
    ended.assert_status(2);
    assert!(ended.stderr.contains("the variable MUSTER_RUN_JOBS: invalid value 'none'"), "{}", ended.stderr);
    let ended = there(&good, &["list"], &[("MUSTER_CONFIG", "no/such.toml")]);
    assert!(ended.assert_status(2).stderr.contains("no/such.toml: there is no such file"), "{}", ended.stderr);
    // What a run would have noted is said when it does not begin.
    let wrong = project("[machine]\nimage = \"no-such-image\"\n");
    let ended = there(&wrong, &["run"], &[]);
    ended.assert_status(2);
    let note = "note: defaults from muster.toml: --image no-such-image";
    assert!(ended.stderr.contains(note), "{}", ended.stderr);
}

#[test]
fn colour_is_as_it_is_said_for_every_command_and_for_errors() {
    let place = project("");
    let escapes = |words: &[&str], variables: &[(&str, &str)]| {
        let ended = there(&place, words, variables);
        format!("{}{}", ended.stdout, ended.stderr).contains('\x1b')
    };
    assert!(!escapes(&["run", "--help"], &[]), "NO_COLOR is set");
    assert!(escapes(&["run", "--color", "always", "--help"], &[]));
    assert!(escapes(&["--color", "always", "run", "--no-such"], &[]));
    assert!(escapes(&["run", "--no-such"], &[("MUSTER_COLOR", "always")]));
    assert!(!escapes(&["run", "--no-such", "--color", "never"], &[("MUSTER_COLOR", "always")]));
    assert!(escapes(&["run", "--no-such"], &[("NO_COLOR", ""), ("CLICOLOR_FORCE", "1")]));
}

#[test]
fn the_log_is_off_and_goes_where_it_is_sent() {
    let place = project("");
    let quiet = there(&place, &["list", "--suites", "suites"], &[]);
    assert_eq!(quiet.assert_status(0).stderr, "");
    let loud = there(&place, &["list", "--suites", "suites"], &[("MUSTER_LOG", "info")]);
    assert!(loud.assert_status(0).stderr.contains("INFO muster::logging: version="), "{}", loud.stderr);
    let log = place.path("log");
    for _ in 0..2 {
        let filed = there(&place, &["list", "--suites", "suites"], &[("MUSTER_LOG_FILE", log.to_str().unwrap())]);
        assert_eq!(filed.assert_status(0).stderr, "");
    }
    let text = std::fs::read_to_string(&log).unwrap();
    assert_eq!(text.matches("arguments=[\"list\"").count(), 2, "{text}");
    let mode = std::os::unix::fs::PermissionsExt::mode(&log.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let wrong = there(&place, &["list"], &[("MUSTER_LOG", "muster=loud")]);
    assert!(wrong.assert_status(2).stderr.contains("MUSTER_LOG is `muster=loud`"), "{}", wrong.stderr);
}
