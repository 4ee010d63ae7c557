//! What a run does after a failure: stop at it, run it again, and show it to a CI server. The machine is this one,
//! through an SSH server that the test starts.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use muster_record::outcome::Outcome;

use crate::support::{Finished, Place, assert_outcome, finish};
use muster_guest::loopback::Sshd;

const SUITE: &str = r#"
schema: suite/v1
suite: up
tests:
  - id: good
    tags: [early]
    expect: {file: {/etc/passwd: {type: file}}}
  - id: bad
    needs: [good]
    expect: {file: {MARK: {type: file}}}
  - id: last
    expect: {file: {/etc/passwd: {type: file}}}
"#;

/// A run of the suite on the server; the test `up/bad` looks for `mark`.
fn run(place: &Place, sshd: &Sshd, mark: &Path, more: &[&str], env: &[(&str, &str)]) -> Finished {
    let suite = place.write("up.yaml", &SUITE.replace("MARK", mark.to_str().unwrap()));
    let target = format!("{}@{}", sshd.user, sshd.addr);
    let mut command = place.command(&["run", "--suites", suite.to_str().unwrap(), "--connect", &target]);
    command.args(["--host-key", &sshd.host_key()]).arg("--identity").arg(&sshd.key).args(more);
    command.envs(env.iter().copied());
    finish(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap(), Duration::from_secs(60))
}

#[test]
fn a_run_stops_at_its_first_failure_and_the_next_runs_what_did_not_pass() {
    let sshd = Sshd::start().unwrap();
    let (first, second, third) = (Place::new(), Place::new(), Place::new());
    let mark = first.path("mark");
    let ended = run(&first, &sshd, &mark, &["-x"], &[]);
    ended.assert_status(1);
    assert_outcome(&first.test("up/good"), Outcome::Pass, &[]);
    assert_eq!(first.test("up/bad").outcome, Outcome::Fail);
    assert_eq!(first.test("up/last").outcome, Outcome::NotRun);
    let block = "\n1 test not run: stopped after up/bad [remote] did not pass (--fail-fast)\n";
    assert!(ended.stdout.contains(block), "{}", ended.stdout);

    // What failed, what was not reached, and what the first of them needs.
    std::fs::write(&mark, "").unwrap();
    let earlier = first.path("run");
    let ended = run(&second, &sshd, &mark, &["--failed", earlier.to_str().unwrap()], &[]);
    ended.assert_status(0);
    let said = "run again: 2 tests that failed, errored or did not run in ";
    let record = second.record();
    let notice = record.notices.iter().find(|text| text.starts_with(said)).expect("it says how many");
    assert!(notice.ends_with(&format!("{}, and 1 that they need", first.record().id)), "{notice}");
    for name in ["up/good", "up/bad", "up/last"] {
        assert_outcome(&second.test(name), Outcome::Pass, &[]);
    }

    let all_green = second.path("run");
    let ended = run(&third, &sshd, &mark, &["--failed", all_green.to_str().unwrap()], &[]);
    ended.assert_status(2);
    assert!(ended.stderr.contains("every test passed or was skipped"), "{}", ended.stderr);
    assert!(!third.path("run").exists());
}

#[test]
fn a_run_that_is_not_there_or_was_about_another_image_is_an_error_of_usage() {
    let sshd = Sshd::start().unwrap();
    let (first, second) = (Place::new(), Place::new());
    let mark = first.path("mark");
    run(&first, &sshd, &mark, &["--name", "desk"], &[]).assert_status(1);
    let earlier = first.path("run");
    for (words, said) in [
        (vec!["--failed", earlier.to_str().unwrap()], "was not about remote, but about desk"),
        (vec!["--failed", "/nowhere/at-all"], "there is no such run"),
        (vec!["--failed", first.dir.path().to_str().unwrap()], "has neither run.json nor events.jsonl"),
        (vec!["--failed", "last", "--test", "up/bad"], "cannot be used with"),
    ] {
        let ended = run(&second, &sshd, &mark, &words, &[]);
        ended.assert_status(2);
        assert!(ended.stderr.contains(said), "{said}: {}", ended.stderr);
        assert!(!second.path("run").exists());
    }
    // The same tests under the same name.
    let ended = run(&second, &sshd, &mark, &["--failed", earlier.to_str().unwrap(), "--name", "desk"], &[]);
    ended.assert_status(1);
    assert_eq!(second.record().tests.len(), 3, "the machine, the failed test and the one that it needs");
}

#[test]
fn a_ci_server_is_shown_failures_and_obeys_no_guest() {
    let sshd = Sshd::start().unwrap();
    let suite = r#"
schema: suite/v1
suite: up
tests:
  - id: loud
    steps:
      - run: |
          printf '%s\n' '::set-env name=A::b' '  ::error::forged' 'x ##vso[task.complete result=Succeeded;]'
          seq 1 30
          exit 3
"#;
    let run = |annotations: &str, server: &str| {
        let place = Place::new();
        let suite = place.write("loud.yaml", suite);
        let summary = place.write("summary.md", "# before\n");
        let target = format!("{}@{}", sshd.user, sshd.addr);
        let words = ["run", "--suites", suite.to_str().unwrap(), "--connect", &target, "--allow-changes"];
        let mut command = place.command(&words);
        command.args(["--host-key", &sshd.host_key(), "--annotations", annotations]).arg("--identity").arg(&sshd.key);
        command.env(server, "true").env("GITHUB_STEP_SUMMARY", &summary);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let ended = finish(child, Duration::from_secs(60));
        ended.assert_status(1);
        (ended, std::fs::read_to_string(summary).unwrap())
    };
    let is_command = |line: &&str| {
        let line = line.trim_start();
        line.starts_with("::") || line.contains("##[") || line.contains("##vso[")
    };
    let commands = |ended: &Finished| -> Vec<String> {
        let words = ended.stdout.lines().chain(ended.stderr.lines()).filter(is_command);
        words.map(|line| line.split([' ', ']']).next().unwrap().to_owned()).collect()
    };
    let (ended, summary) = run("auto", "GITHUB_ACTIONS");
    assert_eq!(commands(&ended), ["::group::all", "::endgroup::", "::error"], "{}", ended.stdout);
    assert!(ended.stdout.contains("title=FAIL up/loud [remote]::"), "{}", ended.stdout);
    assert!(summary.starts_with("# before\n### muster\n"), "{summary}");
    assert!(summary.contains("- `FAIL remote: ") && summary.contains("- **fail** `up/loud [remote]`: "), "{summary}");
    let (ended, summary) = run("none", "GITHUB_ACTIONS");
    assert_eq!((commands(&ended), summary.as_str()), (vec![], "# before\n"), "{}", ended.stdout);
    let (ended, _) = run("auto", "TF_BUILD");
    assert_eq!(commands(&ended), ["##[group", "##[endgroup", "##vso[task.logissue"], "{}", ended.stdout);
    let (ended, _) = run("auto", "GITLAB_CI");
    assert_eq!(commands(&ended), [""; 0], "{}", ended.stdout);
    let section =
        regex::Regex::new(r"(?m)^\x1b\[0Ksection_(start|end):\d+:muster_1(\[collapsed=true\])?\r\x1b\[0K").unwrap();
    assert_eq!(section.find_iter(&ended.stdout).count(), 2, "{:?}", ended.stdout);
}

#[test]
fn misspelt_tags_and_images_are_said_with_what_was_most_likely_meant() {
    let place = Place::new();
    let listed = place.run(&["list", "-E", "tier0 and not slwo"], Duration::from_secs(60));
    listed.assert_status(0);
    assert!(listed.stderr.contains("note: no test has the tag `slwo`; did you mean `slow`?"), "{}", listed.stderr);
    let same = place.run(&["list", "--tag", "tier0 and not slwo"], Duration::from_secs(60));
    assert_eq!(same.stdout, listed.stdout);
    // A name with a dot may be that of a file; of one that is not there it is a misspelt name.
    let ended = place.run(&["run", "--image", "azurelinux-4.0"], Duration::from_secs(60));
    ended.assert_status(2);
    assert!(ended.stderr.contains("did you mean `azurelinux-4`"), "{}", ended.stderr);
}
