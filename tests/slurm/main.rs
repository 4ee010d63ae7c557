//! Shards of a run as jobs of a real Slurm: a cluster that the test starts on this host, with three nodes, and ends.

#[path = "../support/mod.rs"]
mod support;

mod cluster;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use cluster::Cluster;
use support::{Place, eventually, finish, journal, musters_with, plain, record_of, send, wait};

/// Three emulated guests share two processors.
const PATIENCE: Duration = Duration::from_secs(900);
const SHARDS: usize = 3;

/// Tests that take some seconds each, so that a shard can be met in the middle. One fails.
fn suite() -> String {
    let mut text =
        "schema: suite/v1\nsuite: slow\ntests:\n- {id: bad, expect: {file: {/nowhere/at/all: {type: file}}}}\n"
            .to_owned();
    for number in 0..12 {
        let _ = writeln!(
            text,
            "- {{id: t{number}, expect: {{command: {{'sleep 8; echo {number}': {{stdout: {{line: '{number}'}}}}}}}}}}"
        );
    }
    text
}

/// How a shard is lost.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// Muster is killed; the job puts itself into the queue again.
    MusterKilled,
    /// Somebody puts the job there, as a preemption does.
    Requeued,
    /// The daemon of the node and all that it has started are gone; the controller notices.
    NodeLost,
}

struct Scene {
    cluster: Cluster,
    place: Place,
}

impl Scene {
    fn shard(&self, shard: usize) -> PathBuf {
        self.place.path("run").join(format!("shard-{shard}"))
    }

    /// The process of a shard whose first attempt has a result and goes on.
    fn in_the_middle(&self, shard: usize) -> Option<u32> {
        if journal::found(&self.shard(shard).join("1/events.jsonl")) == 0 {
            return None;
        }
        let running = musters_with(&format!("--attempts={}", self.shard(shard).display())).first().copied();
        Some(running.unwrap_or_else(|| panic!("shard {shard} is over\n{}", self.told())))
    }

    /// Does to a shard what is to be done to it.
    fn lose(&self, fault: Fault, job: &str, shard: usize, muster: u32) {
        let task = format!("{job}_{shard}");
        match fault {
            Fault::MusterKilled => send("KILL", &muster.to_string()),
            Fault::Requeued => drop(self.cluster.run("scontrol", &["requeue", &task])),
            Fault::NodeLost => {
                let node = self.cluster.run("squeue", &["--noheader", "--format=%N", "--jobs", &task]);
                self.cluster.lose(node.trim(), muster);
                let states = ["--noheader", "--states=PENDING", "--format=%K", "--jobs", job];
                let pending =
                    || self.cluster.run("squeue", &states).lines().any(|line| line.trim() == shard.to_string());
                assert!(eventually(PATIENCE, pending), "nobody noticed that {node} is lost\n{}", self.told());
                self.cluster.bring_back(node.trim());
            }
        }
    }

    /// What the jobs have printed, and the end of the cluster's logs.
    fn told(&self) -> String {
        let mut out = String::new();
        let logs = std::fs::read_dir(self.place.path("run/logs")).into_iter().flatten().flatten();
        for log in logs {
            let text = std::fs::read_to_string(log.path()).unwrap_or_default();
            let _ = writeln!(out, "--- {}\n{text}", log.path().display());
        }
        out + &self.cluster.told()
    }

    fn attempts(&self, shard: usize) -> usize {
        journal::attempts(&self.shard(shard)).len()
    }

    /// The results of a shard that its first attempt has found, and its last has kept.
    fn kept(&self, shard: usize) -> usize {
        let last = journal::attempts(&self.shard(shard)).last().cloned().unwrap();
        record_of(&last).tests.iter().filter(|test| test.kept_from.is_some()).count()
    }
}

fn words(suite: &Path) -> Vec<&str> {
    vec!["--suites", suite.to_str().unwrap(), "--image", "lab-tiny", "--accel", "tcg", "--boot-timeout", "10m"]
}

#[test]
fn shards_of_which_each_is_lost_in_another_way_become_the_run_that_was_not_divided() {
    let place = Place::new();
    support::lab_disk("lab-tiny");
    let suite = place.write("slow.yaml", &suite());
    let whole: Vec<&str> = ["run"].into_iter().chain(words(&suite)).collect();
    place.run(&whole, PATIENCE).assert_status(1);
    let undivided = place.record();
    std::fs::rename(place.path("run"), place.path("undivided")).unwrap();

    let cluster = Cluster::start(&place.path("cluster"), SHARDS);
    let scene = Scene { cluster, place };
    let (out, count) = (scene.place.path("run").display().to_string(), SHARDS.to_string());
    let mut command = scene.place.command(&["submit", "slurm", "--shards", &count, "--wait", "--out", &out]);
    command.args(["--time", "30", "--cpus", "1", "--"]).args(words(&suite)).envs(scene.cluster.variables());
    let submitted = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let job = scene.cluster.first_job(PATIENCE);

    // Whichever is in the middle first is lost first.
    let mut left = vec![(2, Fault::MusterKilled), (3, Fault::Requeued), (1, Fault::NodeLost)];
    while !left.is_empty() {
        let mut met = None;
        let came = eventually(PATIENCE, || {
            met = left.iter().enumerate().find_map(|(at, (shard, _))| Some((at, scene.in_the_middle(*shard)?)));
            met.is_some()
        });
        assert!(came, "no shard of {left:?} has found anything\n{}", scene.told());
        let (at, muster) = met.expect("it came");
        let (shard, fault) = left.remove(at);
        scene.lose(fault, &job, shard, muster);
    }

    let ended = wait(submitted, PATIENCE);
    assert_eq!(ended.status, 1, "{}\n{}\n{}", ended.stdout, ended.stderr, scene.told());
    let merged = record_of(&scene.place.path("run/whole"));
    assert_eq!(plain(&merged), plain(&undivided), "{}", scene.told());
    for shard in 1..=SHARDS {
        assert_eq!(scene.attempts(shard), 2, "shard {shard}\n{}", scene.told());
        assert!(scene.kept(shard) > 0, "shard {shard} kept nothing");
    }
    // The second merge of the same is the same, and the first stays.
    let merge = scene.place.path("run/merge.sbatch").display().to_string();
    let mut sbatch = std::process::Command::new("sbatch");
    sbatch.args(["--wait", &merge]).envs(scene.cluster.variables());
    let done =
        finish(sbatch.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap(), PATIENCE);
    assert_eq!(done.status, 1, "{}", scene.told());
    assert_eq!(plain(&record_of(&scene.place.path("run/whole"))), plain(&undivided));
    let wholes = std::fs::read_dir(scene.place.path("run")).unwrap().flatten();
    assert_eq!(wholes.filter(|entry| entry.file_name().to_string_lossy().starts_with("whole")).count(), 2);

    // Each job of an array finds out by itself which shard it is.
    let list = ["list", "--suites", suite.to_str().unwrap(), "--image", "lab-tiny", "--shard"];
    let printed = scene.place.path("auto-%a").display().to_string();
    let line = format!("--wrap={} {} auto", env!("CARGO_BIN_EXE_muster"), list.join(" "));
    let mut sbatch = std::process::Command::new("sbatch");
    sbatch.args(["--wait", "--array=5-9:2", &format!("--output={printed}"), &line]).current_dir(support::root());
    sbatch.envs(scene.cluster.variables()).env("MUSTER_CONFIG", "").env("NO_COLOR", "1").env_remove("CI");
    let child = sbatch.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    finish(child, PATIENCE).assert_status(0);
    for (task, shard) in [(5, "1/3"), (7, "2/3"), (9, "3/3")] {
        let words: Vec<&str> = list.into_iter().chain([shard]).collect();
        let typed = scene.place.run(&words, PATIENCE);
        let by_itself = std::fs::read_to_string(scene.place.path(&format!("auto-{task}"))).unwrap();
        assert!(!typed.stdout.is_empty() && by_itself.contains(&typed.stdout), "{by_itself}\n{}", typed.stdout);
    }

    let dir = scene.place.path("");
    drop(scene.cluster);
    support::assert_clean(&dir);
}
