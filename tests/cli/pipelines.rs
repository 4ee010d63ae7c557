//! The ready jobs of `docs/ci/`: they are YAML, their shell is shell, what they call exists, and they end as muster's
//! exit codes say.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use muster_suite::diagnostic::Diagnostics;
use muster_suite::yaml::{self, Node, NodeKind};

use crate::support::{Place, root};

pub(crate) const PIPELINES: [&str; 7] = [
    "github-actions",
    "gitlab-ci",
    "azure-pipelines",
    "github-actions-shards",
    "gitlab-ci-shards",
    "azure-pipelines-shards",
    JENKINS,
];
/// The one that is no YAML. `ci/pipelines` runs it.
pub(crate) const JENKINS: &str = "Jenkinsfile";
/// The keys below which each of them has shell: a script, or a list of lines.
pub(crate) const SHELL: [&str; 4] = ["run", "bash", "script", "before_script"];

pub(crate) fn tree(name: &str) -> Node {
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
                helps.entry(command.clone()).or_insert_with(|| {
                    let words: Vec<&str> = command.split(' ').chain(["--help"]).collect();
                    super::muster(&words).assert_status(0).stdout.clone()
                });
                // Behind `--` stand the options of a run.
                let own = call.iter().position(|word| word == "--").unwrap_or(call.len());
                let run = || super::muster(&["run", "--help"]).assert_status(0).stdout.clone();
                let of_run = if own < call.len() {
                    helps.entry("run".to_owned()).or_insert_with(run).clone()
                } else {
                    String::new()
                };
                let help = helps[&command].as_str();
                for (at, option) in call.iter().enumerate().filter(|(at, word)| *at != own && word.starts_with('-')) {
                    let help = if at < own { help } else { &of_run };
                    let there = regex::Regex::new(&format!(r"(?m)^\s+(-\w, )?{}\b", regex::escape(option))).unwrap();
                    assert!(there.is_match(help), "{name}: `muster {command}` has no {option}");
                }
            }
        }
        assert!(runs >= 1 && seen >= 4, "{name}: {seen} calls, {runs} of `muster run`");
    }
}

/// Runs the script of a step in which `muster` is a program that ends with these statuses, one after the other, and whose report has so
/// many failures.
fn ends_with(script: &str, statuses: &[i32], failures: u32) -> (i32, String, Place) {
    let list: String = statuses.iter().map(|status| format!("{status}\n")).collect();
    // As the real one: it makes the directory of the run, and refuses one that is there.
    let junit = format!(
        "<testsuites name=\"muster\" tests=\"9\" skipped=\"1\" failures=\"{failures}\" errors=\"0\" time=\"1.000\">"
    );
    let fake = format!(
        "#!/bin/sh\n[ \"$1\" = run ] || exit 0\nfor last; do :; done\n[ ! -e \"$last\" ] || exit 2\nmkdir \"$last\"\n\
         echo '{junit}' >\"$last/junit.xml\"\n\
         head -n 1 statuses >\"$last/status\"\nsed -i 1d statuses\nexit \"$(cat \"$last/status\")\"\n"
    );
    ends(script, &fake, &list)
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
                let (ended, printed, place) = ends_with(&step, statuses, 0);
                assert_eq!(ended, status, "{name}: {statuses:?}: {printed}");
                let last = *statuses.last().unwrap();
                assert_eq!(left(&place, "results"), Some(last), "{name}: what is published is the last run");
                assert_eq!(left(&place, "results-first"), (statuses.len() == 2).then_some(3), "{name}");
                // An image that boots only now and then must not become green unseen.
                let warnings = usize::from(statuses.len() == 2) + usize::from(last == 4);
                assert_eq!(printed.matches("warning").count(), warnings, "{name}: {statuses:?}: {printed}");
                assert!(std::fs::read_to_string(place.path("statuses")).unwrap().is_empty(), "{name}: all were used");
            }
            // A known issue that has expired lets no image ship whose test fails; of shards the gate decides.
            let expired = ends_with(&step, &[4], 1).0;
            assert_eq!(expired, if name.ends_with("-shards") { 0 } else { 4 }, "{name}");
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
    let runs: Vec<String> = scripts_of("gitlab-ci").into_iter().filter(|text| text.contains("muster run")).collect();
    assert_eq!(runs.len(), 2);
    for (statuses, failures, status) in [(0, 0, 0), (1, 1, 1), (2, 0, 2), (3, 0, 3), (4, 0, 4), (4, 1, 1)] {
        for script in &runs {
            let (ended, printed, _place) = ends_with(script, &[statuses], failures);
            assert_eq!(ended, status, "gitlab-ci: {statuses}, {failures} failures: {printed}");
        }
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

/// `muster plan` for a run of two shards of lab-tiny.
fn planned(server: &str, before: &[&str], behind: &[&str]) -> super::support::Finished {
    let words = ["plan", "--matrix", server, "--target", "75s"];
    let run = ["--", "--image", "lab-tiny", "--suites", "tests/suites/tiny.yaml"];
    super::muster(&[&words, before, &run, behind].concat())
}

fn parsed(text: &str) -> Node {
    let mut sink = Diagnostics::new();
    let tree = yaml::parse(&"jobs".into(), text, yaml::Limits::default(), &mut sink);
    assert_eq!(sink.render(false), "", "{text}");
    tree.expect("a tree")
}

fn lines(node: Option<&Node>) -> Vec<String> {
    match &node.expect("a list").kind {
        NodeKind::Sequence(items) => items.iter().map(|line| line.scalar().expect("a line").to_owned()).collect(),
        NodeKind::Scalar { text, .. } => vec![text.clone()],
        NodeKind::Mapping(_) => panic!("{node:?}"),
    }
}

/// Of the jobs that are printed: how many shards there are, the script of one, the codes after which it runs again and those that are
/// no failure, and the script of the gate.
fn printed(server: &str, policy: &[&str]) -> (String, String, [Vec<String>; 2], String) {
    let done = planned(server, policy, &["--user", "a b"]);
    let tree = parsed(&done.assert_status(0).stdout);
    let code = |node: Option<&Node>, keys: &[&str]| {
        let node = keys.iter().fold(node, |node, key| match node.map(|node| &node.kind) {
            Some(NodeKind::Sequence(items)) => items.first(),
            _ => node.and_then(|node| node.get(key)),
        });
        lines(node)
    };
    if server == "gitlab" {
        let (shards, gate) = (tree.get("shards").unwrap(), tree.get("gate").unwrap());
        let codes = ["retry", "allow_failure"].map(|key| code(shards.get(key), &["exit_codes"]));
        let of = lines(shards.get("parallel")).remove(0);
        return (of, lines(shards.get("script")).join("\n"), codes, lines(gate.get("script")).join("\n"));
    }
    let NodeKind::Sequence(steps) = &tree.get("steps").unwrap().kind else { panic!("{tree:?}") };
    let [shards, gate] = steps.as_slice() else { panic!("{steps:?}") };
    let again = code(shards.get("retry"), &["automatic", "", "exit_status"]);
    let codes = [again, code(shards.get("soft_fail"), &["", "exit_status"])];
    // As the upload of the steps leaves it.
    let script = |lines: Vec<String>| lines.join("\n").replace("$$", "$");
    let gate = format!("buildkite-agent() {{ :; }}\n{}", script(lines(gate.get("commands"))));
    let of = lines(shards.get("parallelism")).remove(0);
    (of, script(lines(shards.get("command"))), codes, gate)
}

#[test]
fn the_jobs_that_are_planned_end_as_the_ready_ones() {
    let fake = "#!/bin/sh\ncase $1 in\nmerge) exit \"$(sed -n 1p statuses)\" ;;\ngate) exit \"$(sed -n 2p statuses)\" ;;\nesac\n";
    let policy = Place::new();
    let policy = policy.write("stable.yaml", "schema: policy/v1\nid: p\ncontext: c\nrequire: [{test: tiny/kernel}]\n");
    for (server, index, total) in [
        ("gitlab", ("CI_NODE_INDEX", "2"), ("CI_NODE_TOTAL", "2")),
        ("buildkite", ("BUILDKITE_PARALLEL_JOB", "1"), ("BUILDKITE_PARALLEL_JOB_COUNT", "2")),
    ] {
        let (of, shard, codes, gate) = printed(server, &["--policy", policy.to_str().unwrap()]);
        assert_eq!((of.as_str(), codes), ("2", [vec!["3".to_owned()], vec!["4".to_owned()]]), "{server}");
        // It is a command line that muster takes, with the user that was typed.
        let muster = Path::new(env!("CARGO_BIN_EXE_muster")).parent().unwrap();
        let path = format!("{}:/usr/bin:/bin", muster.display());
        let mut command = Command::new("bash");
        command.args(["-euc", &format!("{shard} --list")]).current_dir(root()).env("PATH", path);
        for name in ["CI_NODE_INDEX", "BUILDKITE_PARALLEL_JOB", "SYSTEM_JOBPOSITIONINPHASE", "CIRCLE_NODE_INDEX"] {
            command.env_remove(name);
        }
        let done = command.envs([index, total]).env("MUSTER_CONFIG", "").output().unwrap();
        assert!(done.status.success(), "{shard}: {}", String::from_utf8_lossy(&done.stderr));
        assert!(String::from_utf8_lossy(&done.stdout).contains("in shard 2 of 2"), "{shard}: {done:?}");
        assert!(shard.contains("--user 'a b'") && shard.contains("-o \"results/shard-$"), "{shard}");
        for (merged, decided, status) in
            [(0, 0, 0), (1, 0, 0), (1, 1, 1), (4, 0, 0), (0, 1, 1), (0, 3, 3), (0, 2, 2), (2, 0, 2), (3, 0, 3)]
        {
            let (ended, printed, _place) = ends(&gate, fake, &format!("{merged}\n{decided}\n"));
            assert_eq!(ended, status, "{server}: merge {merged}, gate {decided}: {printed}");
        }
        let (.., gate) = printed(server, &[]);
        for merged in 0..=4 {
            assert_eq!(ends(&gate, fake, &format!("{merged}\n0\n")).0, merged, "{server}: as the merged run");
        }
    }
}

#[test]
fn a_plan_checks_what_its_jobs_would_be_given() {
    for server in ["github", "azure", "gitlab", "buildkite"] {
        let wrong = |before: &[&str], behind: &[&str], why: &str| {
            let done = planned(server, before, behind);
            assert!(done.assert_status(2).stderr.contains(why) && done.stdout.is_empty(), "{server}: {}", done.stderr);
        };
        wrong(&[], &["--imgae", "lab"], "options of `muster run`: unexpected argument '--imgae'");
        wrong(&[], &["--known-issues", "nowhere.yaml"], "--known-issues nowhere.yaml: there is no such file");
        wrong(&[], &["--known-issues", "tests/suites/tiny.yaml"], "tiny.yaml");
        for own in
            [&["--out", "elsewhere"][..], &["-o", "there"], &["--attempts", "a"], &["--shard", "1/2"], &["--shard=1/2"]]
        {
            wrong(&[], own, &format!("{} is set for each shard", own[0].split('=').next().unwrap()));
        }
        wrong(&[], &["--durations", "nowhere.json"], "--durations is set for each shard");
        wrong(&[], &["--tag", "no-such-tag-at-all"], "no-such-tag-at-all");
        wrong(&["--most", "500"], &[], "jobs of one kind at most");
        wrong(&["--most", "1"], &[], "no division is that fast");
        wrong(
            &["--policy", "nowhere.yaml"],
            &[],
            if ["gitlab", "buildkite"].contains(&server) { "nowhere.yaml" } else { "no job that merges" },
        );
        // A build may make it later.
        let done = planned(server, &[], &["--product", "built-later.rpm"]);
        let said = "only the jobs read it: --product built-later.rpm";
        assert!(done.assert_status(0).stderr.contains(said), "{server}: {}", done.stderr);
    }
    // The most that each documents.
    for (server, most, more) in
        [("github", "256", "257"), ("azure", "99", "100"), ("gitlab", "200", "201"), ("buildkite", "499", "500")]
    {
        planned(server, &["--most", most], &[]).assert_status(0);
        planned(server, &["--most", more], &[]).assert_status(2);
    }
}
