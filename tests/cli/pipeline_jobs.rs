//! The jobs of `docs/ci/`, read step by step: what each publishes, what it takes from a cache, and who builds the program.

use std::collections::BTreeMap;
use std::process::Command;

use muster_suite::yaml::{Node, NodeKind};

use crate::pipelines::{JENKINS, PIPELINES, SHELL, tree};
use crate::support::{Place, root};

/// A step of a job, or a job of GitLab, in order: its keys with their texts, those of `with` and `inputs` among them.
type Step = BTreeMap<String, String>;

/// The texts below a node, each by its last key; a list is its lines.
fn texts(node: &Node, key: &str, found: &mut Step) {
    match &node.kind {
        NodeKind::Scalar { text, .. } => {
            let known = found.entry(key.to_owned()).or_default();
            known.push_str(if known.is_empty() { "" } else { "\n" });
            known.push_str(text);
        }
        NodeKind::Sequence(items) => items.iter().for_each(|item| texts(item, key, found)),
        NodeKind::Mapping(entries) => {
            entries.iter().for_each(|(key, value)| texts(value, key.scalar().unwrap_or_default(), found));
        }
    }
}

/// The steps of each job: of GitLab, each job is one, with what it extends.
fn jobs(name: &str) -> Vec<(String, Vec<Step>)> {
    let tree = tree(name);
    let step = |node: &Node| {
        let mut step = Step::new();
        texts(node, "", &mut step);
        step
    };
    let steps = |job: &Node| match job.get("steps").map(|steps| &steps.kind) {
        Some(NodeKind::Sequence(steps)) => steps.iter().map(step).collect(),
        _ => panic!("{name}: a job without steps"),
    };
    let entries = |node: &Node| match &node.kind {
        NodeKind::Mapping(entries) => {
            entries.iter().map(|(key, value)| (key.scalar().unwrap_or_default().to_owned(), value.clone())).collect()
        }
        _ => Vec::new(),
    };
    if name.starts_with("github") {
        return entries(tree.get("jobs").expect("jobs")).iter().map(|(name, job)| (name.clone(), steps(job))).collect();
    }
    if name.starts_with("azure") {
        let NodeKind::Sequence(jobs) = &tree.get("jobs").expect("jobs").kind else { panic!("{name}") };
        let named = |job: &Node| job.get("job").and_then(Node::scalar).unwrap_or_default().to_owned();
        return jobs.iter().map(|job| (named(job), steps(job))).collect();
    }
    let all = entries(&tree);
    let of_gitlab = all.iter().filter(|(key, job)| !key.starts_with('.') && job.get("script").is_some());
    let with_base = |(key, job): &(String, Node)| {
        let mut found = Step::new();
        if let Some(base) = job.get("extends").and_then(Node::scalar).and_then(|base| tree.get(base)) {
            texts(base, "", &mut found);
        }
        // Next to those of its base: of no key here both have one, but for the paths of a cache and of artifacts.
        texts(job, "", &mut found);
        (key.clone(), vec![found])
    };
    of_gitlab.map(with_base).collect()
}

fn has(step: &Step, key: &str, text: &str) -> bool {
    step.get(key).is_some_and(|found| found.contains(text))
}

/// Whether a step publishes these directories, also when an earlier one failed.
fn publishes(name: &str, steps: &[Step], wanted: &[&str]) -> bool {
    let of = |step: &Step| match name.split('-').next() {
        Some("github") => {
            let always = has(step, "if", "always()") && has(step, "uses", "actions/upload-artifact@");
            always.then(|| step.get("path").cloned().unwrap_or_default())
        }
        Some("gitlab") => has(step, "when", "always").then(|| step.get("paths").cloned().unwrap_or_default()),
        _ => {
            let published =
                has(step, "task", "PublishPipelineArtifact@") && has(step, "condition", "succeededOrFailed()");
            let from = published.then(|| step.get("targetPath").cloned().unwrap_or_default())?;
            if from != "$(Build.ArtifactStagingDirectory)" {
                return Some(from.rsplit('/').next().unwrap_or_default().to_owned());
            }
            // What is copied there is found by running it.
            let stages = |step: &&Step| {
                has(step, "bash", "BUILD_ARTIFACTSTAGINGDIRECTORY") && has(step, "condition", "succeededOrFailed()")
            };
            Some(steps.iter().filter(stages).map(|step| staged(&step["bash"])).collect::<Vec<_>>().join("\n"))
        }
    };
    let published: Vec<String> = steps.iter().filter_map(of).collect();
    let is_there = |directory: &&str| published.iter().flat_map(|text| text.lines()).any(|line| line == *directory);
    wanted.iter().all(is_there)
}

/// What a script copies into the directory that is published, one name in a line.
fn staged(script: &str) -> String {
    let place = Place::new();
    for directory in ["results", "results-first", "whole"] {
        std::fs::create_dir(place.path(directory)).unwrap();
        place.write(&format!("{directory}/run.json"), "{}");
    }
    let mut command = Command::new("bash");
    command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script]).current_dir(place.dir.path());
    let done = command.env("BUILD_ARTIFACTSTAGINGDIRECTORY", place.path("staged")).output().expect("bash");
    assert!(done.status.success(), "{script}: {done:?}");
    let entries = std::fs::read_dir(place.path("staged")).unwrap().flatten();
    let whole = entries.filter(|entry| entry.path().join("run.json").is_file());
    whole.map(|entry| entry.file_name().into_string().expect("UTF-8")).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_each_job_left_is_published_also_when_it_failed() {
    let mut seen = 0;
    for name in PIPELINES.into_iter().filter(|name| *name != JENKINS) {
        for (job, steps) in jobs(name) {
            let runs = |text: &str| SHELL.iter().any(|key| steps.iter().any(|step| has(step, key, text)));
            let mut left: Vec<&str> = Vec::new();
            // GitLab runs the job itself again, and its artifacts are those of the last time.
            if runs("muster run ") && !name.starts_with("gitlab") {
                left.push("results-first");
                assert!(runs("mv results results-first"), "{name}: {job}");
            }
            left.extend(runs("muster run ").then_some("results"));
            left.extend(runs("muster merge ").then_some("whole"));
            // Azure's artifact of the merged run has its files without a directory above them.
            assert!(publishes(name, &steps, &left), "{name}: the job {job} publishes not all of {left:?}");
            assert!(!publishes(name, &steps, &["elsewhere"]), "{name}: {job}");
            seen += left.len();
        }
    }
    assert!(seen >= 14, "{seen} directories of runs");
}

#[test]
fn a_first_run_that_is_not_published_is_noticed() {
    let step = |entries: &[(&str, &str)]| -> Step {
        entries.iter().map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect()
    };
    let publish = |from: &str| {
        step(&[("task", "PublishPipelineArtifact@1"), ("condition", "succeededOrFailed()"), ("targetPath", from)])
    };
    let both = ["results", "results-first"];
    assert!(!publishes("azure-x", &[publish("$(Build.SourcesDirectory)/project/results")], &both));
    assert!(publishes("azure-x", &[publish("$(Build.SourcesDirectory)/project/results")], &both[..1]));
    let copy = |what: &str| {
        let script =
            format!("mkdir \"$BUILD_ARTIFACTSTAGINGDIRECTORY\"; cp -r {what} \"$BUILD_ARTIFACTSTAGINGDIRECTORY/\"");
        step(&[("bash", &script), ("condition", "succeededOrFailed()")])
    };
    let staging = publish("$(Build.ArtifactStagingDirectory)");
    assert!(!publishes("azure-x", &[copy("results"), staging.clone()], &both));
    assert!(publishes("azure-x", &[copy("results results-first"), staging.clone()], &both));
    assert!(!publishes("azure-x", &[staging], &both), "nothing is copied");
    let upload = |path: &str| step(&[("uses", "actions/upload-artifact@v4"), ("if", "always()"), ("path", path)]);
    assert!(publishes("github-x", &[upload("results\nresults-first")], &both));
    assert!(!publishes("github-x", &[upload("results")], &both));
    assert!(!publishes(
        "github-x",
        &[step(&[("uses", "actions/upload-artifact@v4"), ("path", "results")])],
        &both[..1]
    ));
}

#[test]
fn servers_read_the_results_and_no_cache_has_a_machine() {
    for (name, junit) in [
        ("github-actions", "path: |"),
        ("gitlab-ci", "junit: results/junit.xml"),
        ("azure-pipelines", "testResultsFiles: results/junit.xml"),
        ("github-actions-shards", "path: |\n            whole"),
        ("gitlab-ci-shards", "junit: whole/junit.xml"),
        ("azure-pipelines-shards", "testResultsFiles: whole/junit.xml"),
        (JENKINS, "junit testResults: 'whole/junit.xml'"),
    ] {
        let file = if name == JENKINS { name.to_owned() } else { format!("{name}.yml") };
        let text = std::fs::read_to_string(root().join("docs/ci").join(file)).unwrap();
        assert!(text.contains(junit), "{name}");
        assert!(
            text.contains("-o results") || text.contains("-o \"results/"),
            "{name}: the directory that is published is the one that is written"
        );
        // A kept machine has its key in it, and a cache of a CI server is read by every branch.
        for private in ["templates", "--warm", "capsule"] {
            assert!(!text.contains(private), "{name}: {private}");
        }
    }
    let jenkins = std::fs::read_to_string(root().join("docs/ci").join(JENKINS)).unwrap();
    assert!(jenkins.contains("post {\n              always {") && jenkins.contains("'shard-*/**, results-first/**'"));
    assert!(std::path::Path::new(&root().join("docs/ci/README.md")).is_file());
}

#[test]
fn all_shards_have_one_program() {
    for name in PIPELINES.into_iter().filter(|name| name.ends_with("-shards")) {
        let builds = |steps: &[Step]| steps.iter().any(|step| SHELL.iter().any(|key| has(step, key, "cargo install")));
        let building: Vec<String> =
            jobs(name).into_iter().filter(|(_, steps)| builds(steps)).map(|(job, _)| job).collect();
        assert_eq!(building.len(), 1, "{name}: {building:?}");
        assert!(!["shard", "shards", "gate"].contains(&building[0].as_str()), "{name}: {building:?}");
    }
}

#[test]
fn every_job_that_builds_muster_takes_it_from_a_cache() {
    for name in PIPELINES.into_iter().filter(|name| *name != JENKINS) {
        for (job, steps) in jobs(name) {
            let Some(at) = steps.iter().position(|step| SHELL.iter().any(|key| has(step, key, "cargo install"))) else {
                continue;
            };
            let cached = match name.split('-').next() {
                // Not built when it was in the cache.
                Some("github") => {
                    let condition =
                        format!("{} {}", steps[at]["run"], steps[at].get("if").cloned().unwrap_or_default());
                    condition.contains("cache-hit")
                        && steps[..at].iter().any(|step| has(step, "path", "~/.cargo/bin/muster"))
                }
                Some("gitlab") => {
                    let asks = |key| has(&steps[at], key, "muster --version");
                    has(&steps[at], "paths", ".cache/cargo/bin/muster") && (asks("script") || asks("before_script"))
                }
                _ => {
                    has(&steps[at], "bash", "\"${MUSTER_CACHED:-}\" != true")
                        && steps[..at].iter().any(|step| {
                            has(step, "task", "Cache@2")
                                && has(step, "cacheHitVar", "MUSTER_CACHED")
                                && has(step, "key", "$(MUSTER_COMMIT)")
                        })
                }
            };
            assert!(cached, "{name}: the job {job} builds muster each time");
        }
    }
}
