//! `muster submit kubernetes`: what is written is read as YAML here, and says what it must. No cluster is there; `ci/pipelines` validates
//! the same objects with Kubernetes' own schemas.

use std::process::{Command, Stdio};
use std::time::Duration;

use muster_suite::diagnostic::Diagnostics;
use muster_suite::yaml::{self, Node, NodeKind};

use crate::support::{Finished, Place, finish, root};

const COMMON: [&str; 8] =
    ["submit", "kubernetes", "--shards", "3", "--container", "muster:0.1.0", "--claim", "results"];

fn submit(place: &Place, options: &[&str], run: &[&str]) -> Finished {
    let words: Vec<&str> = COMMON.iter().chain(options).chain(["--"].iter()).chain(run).copied().collect();
    finish(here(place, &words).spawn().unwrap(), Duration::from_secs(60))
}

/// In this place, with the suites of the checkout.
fn here(place: &Place, words: &[&str]) -> Command {
    let mut command = place.command(words);
    command.current_dir(place.dir.path()).env("MUSTER_ROOT", root());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// The objects, each by its kind and name.
fn objects(text: &str) -> Vec<(String, String, Node)> {
    let documents = text.split("---\n").filter(|document| !document.is_empty());
    documents
        .map(|document| {
            let mut sink = Diagnostics::new();
            let tree = yaml::parse(&"object".into(), document, yaml::Limits::default(), &mut sink);
            assert_eq!(sink.render(false), "", "{document}");
            let tree = tree.expect("a tree");
            (at(&tree, "kind"), at(&tree, "metadata.name"), tree)
        })
        .collect()
}

/// The text at a path of keys and numbers.
fn at(node: &Node, path: &str) -> String {
    found(node, path).and_then(|node| node.scalar().map(str::to_owned)).unwrap_or_else(|| panic!("no {path}"))
}

fn found<'n>(node: &'n Node, path: &str) -> Option<&'n Node> {
    path.split('.').try_fold(node, |node, part| match (&node.kind, part.parse::<usize>()) {
        (NodeKind::Sequence(items), Ok(index)) => items.get(index),
        _ => node.get(part),
    })
}

fn list(node: &Node, path: &str) -> Vec<String> {
    match found(node, path).map(|node| &node.kind) {
        Some(NodeKind::Sequence(items)) => items.iter().map(|item| item.scalar().unwrap().to_owned()).collect(),
        other => panic!("{path}: {other:?}"),
    }
}

const POD: &str = "spec.template.spec";

#[test]
fn shards_are_an_indexed_job_whose_ends_mean_what_exit_codes_say() {
    let place = Place::new();
    let ended = submit(&place, &[], &["--image", "lab", "--tag", "tier0"]);
    let objects = objects(&ended.assert_status(0).stdout);
    let [(kind, name, shards), (_, merge_name, merge)] = objects.as_slice() else { panic!("{objects:?}") };
    assert_eq!((kind.as_str(), merge_name.clone()), ("Job", format!("{name}-merge")));
    for (path, value) in [
        ("spec.completionMode", "Indexed"),
        ("spec.completions", "3"),
        ("spec.parallelism", "3"),
        ("spec.maxFailedIndexes", "3"),
        ("spec.backoffLimitPerIndex", "2"),
        ("spec.podReplacementPolicy", "Failed"),
        ("spec.activeDeadlineSeconds", "28800"),
        ("spec.podFailurePolicy.rules.0.action", "Ignore"),
        ("spec.podFailurePolicy.rules.0.onPodConditions.0.type", "DisruptionTarget"),
        ("spec.podFailurePolicy.rules.1.action", "FailIndex"),
        ("spec.podFailurePolicy.rules.1.onExitCodes.operator", "In"),
    ] {
        assert_eq!(at(shards, path), value, "{path}");
    }
    // 3 counts: nothing is known of the rest.
    assert_eq!(list(shards, "spec.podFailurePolicy.rules.1.onExitCodes.values"), ["1", "2", "4"]);
    // A merge that ends with 3 has written the whole run, and another would find it there.
    assert_eq!(at(merge, "spec.podFailurePolicy.rules.1.action"), "FailJob");
    assert_eq!(list(merge, "spec.podFailurePolicy.rules.1.onExitCodes.values"), ["1", "2", "3", "4"]);
    let arguments = list(shards, &format!("{POD}.containers.0.args"));
    assert_eq!(arguments[0], "run");
    for option in ["--shard=auto/3", "--accel=tcg"] {
        assert!(arguments.iter().any(|argument| argument == option), "{option}: {arguments:?}");
    }
    let attempts: Vec<_> = arguments.iter().filter(|argument| argument.starts_with("--attempts=")).collect();
    let [attempts] = attempts.as_slice() else { panic!("{arguments:?}") };
    assert!(attempts.ends_with("/shard-$(JOB_COMPLETION_INDEX)"), "{attempts}");
    // The merge waits until somebody lets it, and names what each shard wrote.
    assert_eq!(at(merge, "spec.suspend"), "true");
    let results = attempts.strip_prefix("--attempts=").unwrap().strip_suffix("/shard-$(JOB_COMPLETION_INDEX)").unwrap();
    let merged = list(merge, &format!("{POD}.containers.0.args"));
    assert_eq!(merged[1..4], [0, 1, 2].map(|index| format!("{results}/shard-{index}")));
    assert!(ended.stderr.contains(&format!("job/{merge_name} --patch")), "{}", ended.stderr);
    // Of the conditions of a job only its ends: FailureTarget and SuccessCriteriaMet come before its pods have ended.
    assert!(ended.stderr.contains(r#"[?(@.type<"FailureTarget")].status}'=True"#), "{}", ended.stderr);
    let before = ["Complete", "Failed"].map(|end| end < "FailureTarget");
    let after = ["FailureTarget", "SuccessCriteriaMet", "Suspended"].map(|other| other < "FailureTarget");
    assert_eq!((before, after), ([true; 2], [false; 3]));
}

#[test]
fn no_pod_has_a_privilege_and_kvm_is_a_device() {
    let place = Place::new();
    let options = ["--kvm", "--kvm-group", "107", "--images-claim", "disks", "--name", "gate", "--namespace", "ci"];
    let ended = submit(&place, &[&options[..], &["-o", "run.yaml"]].concat(), &["--image", "lab", "--tag", "tier0"]);
    assert_eq!(ended.assert_status(0).stdout, "");
    let text = std::fs::read_to_string(place.path("run.yaml")).unwrap();
    for (_, name, job) in &objects(&text) {
        assert_eq!(at(job, "metadata.namespace"), "ci");
        for (path, value) in [
            ("restartPolicy", "Never"),
            ("automountServiceAccountToken", "false"),
            ("securityContext.runAsNonRoot", "true"),
            ("securityContext.seccompProfile.type", "RuntimeDefault"),
            ("securityContext.supplementalGroups.0", "107"),
            ("containers.0.securityContext.allowPrivilegeEscalation", "false"),
            ("containers.0.securityContext.capabilities.drop.0", "ALL"),
            ("containers.0.securityContext.readOnlyRootFilesystem", "true"),
        ] {
            assert_eq!(at(job, &format!("{POD}.{path}")), value, "{name}: {path}");
        }
        let device = found(job, &format!("{POD}.containers.0.resources.limits"))
            .and_then(|limits| limits.get("devices.kubevirt.io/kvm"))
            .and_then(Node::scalar);
        assert_eq!(device, (name == "gate").then_some("1"), "{name}");
    }
    assert!(text.contains("--accel=kvm") && text.contains("claimName: \"disks\""), "{text}");
}

#[test]
fn durations_travel_along_and_what_is_typed_is_never_a_variable() {
    let place = Place::new();
    place.write("durations.json", r#"{"lab base/kernel": 2.5}"#);
    let ended = submit(
        &place,
        &["--durations", "durations.json", "--images-claim", "disks"],
        &["--image", "lab", "--test", "base/*", "--known-issues", "/images/$(HOME)/known.yaml"],
    );
    let objects = objects(&ended.assert_status(0).stdout);
    let said = "note: not on this host, so that only the jobs read it: --known-issues /images/$(HOME)/known.yaml";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
    let (kind, _, map) = &objects[0];
    assert_eq!(kind, "ConfigMap");
    let text = found(map, "data").and_then(|data| data.get("durations.json")).and_then(Node::scalar);
    assert_eq!(text, Some(r#"{"lab base/kernel":2.5}"#));
    let arguments = list(&objects[1].2, &format!("{POD}.containers.0.args"));
    assert!(arguments.contains(&"--durations=/plan/durations.json".to_owned()), "{arguments:?}");
    assert!(arguments.iter().any(|argument| argument.ends_with("$$(HOME)/known.yaml")), "{arguments:?}");
}

#[test]
fn what_cannot_be_run_or_named_is_an_error_before_anything_is_written() {
    let place = Place::new();
    let known = place.write("not-known.yaml", "schema: waivers/v1\nwaivers: []\n").display().to_string();
    let wrong: [(&[&str], &[&str], &str); 11] = [
        (&["--name", "Gate"], &["--image", "lab"], "DNS label"),
        (&["--namespace", "a.b"], &["--image", "lab"], "DNS label"),
        (&["--cpu", "1.5"], &["--image", "lab"], "1500m"),
        (&["--kvm-group", "107"], &["--image", "lab"], "--kvm"),
        (&[], &["--imgae", "lab"], "--imgae"),
        (&[], &["--image", "lab", "--tag", "no-such-tag-at-all"], "no-such-tag-at-all"),
        // What no pod would have, and what each would refuse.
        (&[], &["--product", "nowhere.rpm"], "--product nowhere.rpm: pods do not have it by this path"),
        (&[], &["--known-issues", "not-known.yaml"], "pods do not have it by this path"),
        (&[], &["--known-issues", &known], "waivers/v1"),
        (&[], &["--image", "/images/my.qcow2"], "--image /images/my.qcow2: there is no such file"),
        (&["--images-claim", "disks"], &["--image", "my.qcow2"], "the volume that pods have as /images"),
    ];
    for (options, run, said) in wrong {
        let ended = submit(&place, &[options, &["-o", "run.yaml"]].concat(), run);
        assert!(ended.assert_status(2).stderr.contains(said), "{options:?} {run:?}: {}", ended.stderr);
        assert!(!place.path("run.yaml").exists(), "{options:?}");
    }
}

#[test]
fn pods_that_would_run_other_tests_are_not_submitted() {
    let place = Place::new();
    for name in ["suites", "images"] {
        std::fs::create_dir(place.path(name)).unwrap();
    }
    let suite = "schema: suite/v1\nsuite: mine\ntests:\n- {id: a, expect: {file: {/etc/passwd: {type: file}}}}\n";
    place.write("suites/mine.yaml", suite);
    // Its own suite is selected as those that ship are.
    let both = submit(&place, &["-o", "run.yaml"], &["--image", "lab"]);
    assert!(both.assert_status(2).stderr.contains("--suites suites/mine.yaml: pods do not have it"), "{}", both.stderr);
    submit(&place, &["-o", "run.yaml"], &["--image", "lab", "--tag", "tier0"]).assert_status(0);
    let described = "schema: images/v1\nimages:\n- {id: mine, summary: ours, disk: {path: ../my.qcow2}, format: qcow2, seed: nocloud, user: root}\n";
    place.write("images/mine.yaml", described);
    let image = submit(&place, &[], &["--image", "mine", "--tag", "tier0"]);
    assert!(image.assert_status(2).stderr.contains("--image mine: images/mine.yaml describes it"), "{}", image.stderr);
}

/// `--apply` where `kubectl` is this script.
fn apply(kubectl: &str) -> (Finished, Place) {
    let place = Place::new();
    std::fs::create_dir(place.path("bin")).unwrap();
    let program = place.write("bin/kubectl", kubectl);
    assert!(Command::new("chmod").arg("+x").arg(&program).status().unwrap().success());
    let words: Vec<&str> =
        COMMON.iter().chain(&["--apply", "--", "--image", "lab", "--tag", "tier0"]).copied().collect();
    let mut command = here(&place, &words);
    command.env("PATH", format!("{}:/usr/bin:/bin", place.path("bin").display()));
    (finish(command.spawn().unwrap(), Duration::from_secs(60)), place)
}

#[test]
fn objects_are_applied_by_kubectl_and_its_failure_is_one() {
    let (ended, place) = apply("#!/bin/sh\n[ \"$*\" = 'apply --filename=-' ] || exit 9\nexec cat >given\n");
    assert_eq!(std::fs::read_to_string(place.path("given")).unwrap(), ended.assert_status(0).stdout);
    let (ended, _) = apply("#!/bin/sh\ncat >/dev/null\necho 'no server' >&2\nexit 1\n");
    assert!(ended.assert_status(3).stderr.contains("kubectl apply: it ended with exit status: 1"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("next:"), "{}", ended.stderr);
}
