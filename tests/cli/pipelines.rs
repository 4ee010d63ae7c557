//! The ready jobs of `docs/ci/`: they are YAML, their shell is shell, what they call exists, and they end as muster's
//! exit codes say.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use muster_suite::diagnostic::Diagnostics;
use muster_suite::yaml::{self, Node, NodeKind};

use crate::support::{Place, root};

const PIPELINES: [&str; 7] = [
    "github-actions",
    "gitlab-ci",
    "azure-pipelines",
    "github-actions-shards",
    "gitlab-ci-shards",
    "azure-pipelines-shards",
    JENKINS,
];
/// The one that is no YAML. `ci/pipelines` runs it.
const JENKINS: &str = "Jenkinsfile";
/// The keys below which each of them has shell: a script, or a list of lines.
const SHELL: [&str; 4] = ["run", "bash", "script", "before_script"];

fn tree(name: &str) -> Node {
    let path = root().join(format!("docs/ci/{name}.yml"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut sink = Diagnostics::new();
    let tree = yaml::parse(&name.into(), &text, yaml::Limits::default(), &mut sink);
    assert_eq!(sink.render(false), "", "{name}");
    tree.expect("a tree")
}

/// Every script of a pipeline. A list of lines is one script.
fn scripts(node: &Node, found: &mut Vec<String>) {
    match &node.kind {
        NodeKind::Scalar { .. } => {}
        NodeKind::Sequence(items) => items.iter().for_each(|item| scripts(item, found)),
        NodeKind::Mapping(entries) => {
            for (key, value) in entries {
                match (key.scalar().is_some_and(|key| SHELL.contains(&key)), &value.kind) {
                    (true, NodeKind::Scalar { text, .. }) => found.push(text.clone()),
                    (true, NodeKind::Sequence(lines)) => {
                        let lines: Vec<&str> = lines.iter().map(|line| line.scalar().expect("a line")).collect();
                        found.push(lines.join("\n"));
                    }
                    _ => scripts(value, found),
                }
            }
        }
    }
}

fn scripts_of(name: &str) -> Vec<String> {
    if name == JENKINS {
        let text = std::fs::read_to_string(root().join("docs/ci").join(JENKINS)).unwrap();
        let step = regex::Regex::new(r"\bsh(?:\(returnStatus: true, script:)? '([^']*)'").expect("a constant");
        return step.captures_iter(&text).map(|found| found[1].to_owned()).collect();
    }
    let mut found = Vec::new();
    scripts(&tree(name), &mut found);
    found
}

/// The words of every call of muster in a script, up to what ends a command.
fn calls(script: &str) -> Vec<Vec<String>> {
    let call = regex::Regex::new(r"(?m)(?:^|[{(]\s*|&& )muster ([a-z-][^|;&\n]*)").expect("a constant");
    let words = |found: regex::Captures<'_>| found[1].split_whitespace().map(str::to_owned).collect();
    call.captures_iter(script).map(words).collect()
}

#[test]
fn the_shell_of_the_pipelines_is_shell_and_calls_what_there_is() {
    let mut helps: BTreeMap<String, String> = BTreeMap::new();
    for name in PIPELINES {
        let (mut runs, mut seen) = (0, 0);
        for script in scripts_of(name) {
            let parsed = Command::new("bash").args(["-n", "-c", &script]).output().expect("bash");
            assert!(parsed.status.success(), "{name}: {script}\n{}", String::from_utf8_lossy(&parsed.stderr));
            for call in calls(&script) {
                seen += 1;
                runs += usize::from(call[0] == "run");
                let command: Vec<&str> =
                    call.iter().map(String::as_str).take_while(|word| !word.starts_with('-')).collect();
                let command = match command.as_slice() {
                    [] => continue, // muster --version
                    ["images", of, ..] => format!("images {of}"),
                    [command, ..] => (*command).to_owned(),
                };
                let help = helps.entry(command.clone()).or_insert_with(|| {
                    let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
                    super::muster(&words).assert_status(0).stdout.clone()
                });
                for option in call.iter().filter(|word| word.starts_with('-')) {
                    let there = regex::Regex::new(&format!(r"(?m)^\s+(-\w, )?{}\b", regex::escape(option))).unwrap();
                    assert!(there.is_match(help), "{name}: `muster {command}` has no {option}");
                }
            }
        }
        assert!(runs >= 1 && seen >= 4, "{name}: {seen} calls, {runs} of `muster run`");
    }
}

/// Runs the script of a step in which `muster` is a program that ends with these statuses, one after the other.
fn ends_with(script: &str, statuses: &[i32]) -> (i32, String, Place) {
    let list: String = statuses.iter().map(|status| format!("{status}\n")).collect();
    // As the real one: it makes the directory of the run, and refuses one that is there.
    let fake = "#!/bin/sh\nfor last; do :; done\n[ ! -e \"$last\" ] || exit 2\nmkdir \"$last\"\n\
                head -n 1 statuses >\"$last/status\"\nsed -i 1d statuses\nexit \"$(cat \"$last/status\")\"\n";
    ends(script, fake, &list)
}

/// Runs the script of a step where this is `muster`, and this the file `statuses`.
fn ends(script: &str, fake: &str, statuses: &str) -> (i32, String, Place) {
    let place = Place::new();
    place.write("statuses", statuses);
    std::fs::create_dir(place.path("bin")).unwrap();
    let program = place.write("bin/muster", fake);
    assert!(Command::new("chmod").arg("+x").arg(&program).status().unwrap().success());
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let path = std::env::join_paths(std::iter::once(place.path("bin")).chain(std::env::split_paths(&paths))).unwrap();
    let mut command = Command::new("bash");
    command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script]).current_dir(place.dir.path());
    command.env("PATH", path).env("IMAGE", "x").env("GITHUB_STEP_SUMMARY", place.path("summary"));
    let ended = command.stdin(Stdio::null()).output().expect("bash");
    let status = ended.status.code().expect("no signal");
    (status, String::from_utf8_lossy(&ended.stdout).into_owned(), place)
}

fn left(place: &Place, directory: &str) -> Option<i32> {
    let status = std::fs::read_to_string(place.path(&format!("{directory}/status"))).ok()?;
    Some(status.trim().parse().expect("a status"))
}

#[test]
fn a_pipeline_ends_as_the_exit_code_says_and_runs_again_only_what_the_host_spoilt() {
    for name in ["github-actions", "azure-pipelines", "github-actions-shards", "azure-pipelines-shards"] {
        let steps: Vec<String> = scripts_of(name).into_iter().filter(|text| text.contains("muster run")).collect();
        assert!(!steps.is_empty(), "{name}");
        for step in steps {
            for (statuses, status) in [
                (&[0][..], 0),
                (&[1], 1),
                (&[2], 2),
                (&[4], 0),
                (&[3, 0], 0),
                (&[3, 1], 1),
                (&[3, 2], 2),
                (&[3, 3], 3),
                (&[3, 4], 0),
            ] {
                let (ended, printed, place) = ends_with(&step, statuses);
                assert_eq!(ended, status, "{name}: {statuses:?}: {printed}");
                let last = *statuses.last().unwrap();
                assert_eq!(left(&place, "results"), Some(last), "{name}: what is published is the last run");
                assert_eq!(left(&place, "results-first"), (statuses.len() == 2).then_some(3), "{name}");
                // An image that boots only now and then must not become green unseen.
                let warnings = usize::from(statuses.len() == 2) + usize::from(last == 4);
                assert_eq!(printed.matches("warning").count(), warnings, "{name}: {statuses:?}: {printed}");
                assert!(std::fs::read_to_string(place.path("statuses")).unwrap().is_empty(), "{name}: all were used");
            }
        }
    }
    // GitLab does it itself.
    for (name, job) in [("gitlab-ci", ".muster"), ("gitlab-ci-shards", "shards")] {
        let tree = tree(name);
        let job = tree.get(job).expect("the job that runs");
        let codes = |key: &str| match &job.get(key).and_then(|node| node.get("exit_codes")).expect("exit codes").kind {
            NodeKind::Sequence(items) => items.iter().filter_map(Node::scalar).map(str::to_owned).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        assert_eq!((codes("retry"), codes("allow_failure")), (vec!["3".to_owned()], vec!["4".to_owned()]), "{name}");
    }
}

#[test]
fn the_gate_decides_where_every_shard_has_results_and_nothing_else_does() {
    let fake = "#!/bin/sh\ncase $1 in\nmerge) exit \"$(sed -n 1p statuses)\" ;;\ngate) exit \"$(sed -n 2p statuses)\" ;;\nesac\n";
    for name in ["github-actions-shards", "gitlab-ci-shards", "azure-pipelines-shards"] {
        let steps: Vec<String> = scripts_of(name).into_iter().filter(|text| text.contains("muster merge")).collect();
        let [step] = steps.as_slice() else { panic!("{name}: {steps:?}") };
        for (merged, gate, status) in
            [(0, 0, 0), (1, 0, 0), (1, 1, 1), (4, 0, 0), (0, 1, 1), (0, 3, 3), (0, 2, 2), (2, 0, 2), (3, 0, 3)]
        {
            let (ended, printed, _place) = ends(step, fake, &format!("{merged}\n{gate}\n"));
            assert_eq!(ended, status, "{name}: merge {merged}, gate {gate}: {printed}");
        }
    }
}

#[test]
fn what_a_run_left_is_published_also_when_it_failed() {
    for (name, when, junit) in [
        ("github-actions", "if: always()", "path: |"),
        ("gitlab-ci", "when: always", "junit: results/junit.xml"),
        ("azure-pipelines", "condition: succeededOrFailed()", "testResultsFiles: results/junit.xml"),
        ("github-actions-shards", "if: always()", "path: |\n            whole"),
        ("gitlab-ci-shards", "when: always", "junit: whole/junit.xml"),
        ("azure-pipelines-shards", "condition: succeededOrFailed()", "testResultsFiles: whole/junit.xml"),
        (JENKINS, "post {\n        always {", "junit testResults: 'whole/junit.xml'"),
    ] {
        let file = if name == JENKINS { name.to_owned() } else { format!("{name}.yml") };
        let text = std::fs::read_to_string(root().join("docs/ci").join(file)).unwrap();
        assert!(text.contains(when) && text.contains(junit), "{name}");
        assert!(
            text.contains("-o results") || text.contains("-o \"results/"),
            "{name}: the directory that is published is the one that is written"
        );
        // A kept machine has its key in it, and a cache of a CI server is read by every branch.
        for private in ["templates", "--warm", "capsule"] {
            assert!(!text.contains(private), "{name}: {private}");
        }
    }
    assert!(Path::new(&root().join("docs/ci/README.md")).is_file());
}
