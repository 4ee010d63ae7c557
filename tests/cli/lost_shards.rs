//! Shards at which faults are injected: every shard is the script that `muster submit slurm` writes, started again each time as Slurm would.
//! The machine is this host, through an SSH server that the test starts; the directory of the run is a small disk.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use muster_guest::loopback::Sshd;
use muster_record::event::Event;
use muster_record::outcome::Outcome;

use crate::support::{
    Finished, Place, connection, eventually, finish, isolated, journal, musters_with, plain, record_of, root, send,
};

const SHARDS: usize = 3;
const TESTS: usize = 120;
const PATIENCE: Duration = Duration::from_secs(90);

/// What happens to a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// SIGKILL of muster: the kernel was out of memory, or a person ended it.
    Killed,
    /// SIGTERM of all processes of the job: it is preempted.
    Preempted,
    /// SIGUSR1 of the script: the time of the job is nearly over.
    TimeOver,
    /// All processes of the job are gone at once: its node is lost.
    NodeLost,
    /// The file system of the run has no space left, until the job has ended.
    DiskFull,
}

/// When.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Point {
    /// So many milliseconds after muster was started.
    Started(u64),
    /// When the journal has the plan.
    Planned,
    /// When this attempt has so many results.
    Results(usize),
}

use Fault::{DiskFull, Killed, NodeLost, Preempted, TimeOver};
use Point::{Planned, Results, Started};

/// One after the other at the shards 1, 2, 3, 1, and so on.
const FAULTS: [(Fault, Point); 20] = [
    (Killed, Results(1)),
    (Preempted, Results(2)),
    (NodeLost, Results(3)),
    (DiskFull, Results(2)),
    (Killed, Planned),
    (Preempted, Planned),
    (NodeLost, Planned),
    (DiskFull, Planned),
    (Killed, Started(0)),
    (Preempted, Started(0)),
    (NodeLost, Started(30)),
    (DiskFull, Started(0)),
    (Killed, Started(100)),
    (Killed, Results(3)),
    (NodeLost, Results(1)),
    (TimeOver, Results(1)),
    (DiskFull, Results(3)),
    (NodeLost, Results(2)),
    (Killed, Results(2)),
    (DiskFull, Results(1)),
];

/// A file system of its own in memory, seen by whatever is started through it.
struct SmallDisk {
    /// Its namespace is there as long as this process.
    keeper: Child,
    dir: PathBuf,
}

impl SmallDisk {
    fn mount(dir: &Path, mib: u32) -> Self {
        std::fs::create_dir(dir).unwrap();
        let script = r#"mount -t tmpfs -o size="$1m" small "$2" && echo mounted && exec cat"#;
        let mut command = isolated(&["--mount"]);
        command.args(["sh", "-c", script, "sh", &mib.to_string()]).arg(dir);
        let mut keeper = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut said).unwrap();
        assert_eq!(said, "mounted\n");
        Self { keeper, dir: dir.to_owned() }
    }

    /// A command that sees it.
    fn command(&self) -> Command {
        let mut command = Command::new("nsenter");
        let target = self.keeper.id().to_string();
        let root = Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout == b"0\n");
        command.args(if root { &["--mount"][..] } else { &["--user", "--preserve-credentials", "--mount"] });
        command.args(["--target", &target, "--"]);
        command
    }

    /// As this process sees it.
    fn path(&self, name: &str) -> PathBuf {
        let dir = self.dir.strip_prefix("/").unwrap();
        PathBuf::from(format!("/proc/{}/root", self.keeper.id())).join(dir).join(name)
    }

    /// Takes all space there is.
    fn fill(&self) {
        let mut file = std::fs::File::create(self.path("filler")).unwrap();
        while file.write_all(&[0; 4096]).is_ok() {}
    }

    fn free(&self) {
        std::fs::remove_file(self.path("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

/// Tests that each take a tenth of a second and leave a line in a file outside of the run; one fails.
fn suite(executed: &Path) -> String {
    let mut text =
        "schema: suite/v1\nsuite: long\ntests:\n- {id: bad, expect: {file: {/nowhere/at/all: {type: file}}}}\n"
            .to_owned();
    let file = executed.display();
    for number in 0..TESTS {
        let _ = writeln!(
            text,
            "- {{id: t{number}, expect: {{command: {{'echo t{number} >>{file}; sleep 0.1': {{exit: 0}}}}}}}}"
        );
    }
    text
}

struct Scene {
    place: Place,
    disk: SmallDisk,
    sshd: Sshd,
}

impl Scene {
    /// The scripts are on the disk, at `run/`; the run that was not divided is at `undivided/`.
    fn new() -> Self {
        let (sshd, place) = (Sshd::start().unwrap(), Place::new());
        let disk = SmallDisk::mount(&place.path("disk"), 96);
        std::fs::create_dir(place.path("bin")).unwrap();
        std::fs::create_dir(place.path("tmp")).unwrap();
        let executed = place.path("executed");
        place.write("suites.yaml", &suite(&executed));
        let scontrol = place.write("bin/scontrol", "#!/bin/sh\necho \"$@\" >>\"$(dirname \"$0\")\"/../requeued\n");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(scontrol, mode).unwrap();
        let scene = Self { place, disk, sshd };
        let connection = connection(&scene.sshd);
        let suites = scene.place.path("suites.yaml").display().to_string();
        let mut options = vec!["--suites", suites.as_str(), "--report", "junit"];
        options.extend(connection.iter().map(String::as_str));
        let undivided = scene.place.path("undivided").display().to_string();
        let whole: Vec<&str> = ["run", "--out", &undivided].into_iter().chain(options.iter().copied()).collect();
        scene.muster(&whole).assert_status(1);
        std::fs::remove_file(executed).unwrap();
        let (run, count) = (scene.place.path("disk/run").display().to_string(), SHARDS.to_string());
        let submit = ["submit", "slurm", "--print", "--shards", &count, "--requeues", "100", "--out", &run, "--"];
        let submit: Vec<&str> = submit.into_iter().chain(options).collect();
        scene.muster(&submit).assert_status(0);
        scene
    }

    /// A command that sees the disk, with the surroundings of a job.
    fn command(&self, program: &str) -> Command {
        let mut command = self.disk.command();
        let path = std::env::join_paths(
            std::iter::once(self.place.path("bin"))
                .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())),
        );
        command.arg(program).current_dir(root()).env("PATH", path.unwrap()).env("TMPDIR", self.place.path("tmp"));
        command.env("NO_COLOR", "1").env("MUSTER_CONFIG", "").env_remove("CI").env_remove("GITHUB_ACTIONS");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn muster(&self, words: &[&str]) -> Finished {
        let mut command = self.command(env!("CARGO_BIN_EXE_muster"));
        finish(command.args(words).spawn().unwrap(), PATIENCE)
    }

    /// The job of a shard, in a group of processes of its own.
    fn job(&self, shard: usize) -> Child {
        let mut command = self.command("bash");
        command.arg(self.place.path("disk/run/shards.sbatch"));
        command.env("SLURM_ARRAY_TASK_ID", shard.to_string()).env("SLURM_ARRAY_JOB_ID", "7");
        command.process_group(0).spawn().unwrap()
    }

    fn shard(&self, shard: usize) -> PathBuf {
        self.disk.path("run").join(format!("shard-{shard}"))
    }

    /// How often a job has put itself into the queue again.
    fn requeued(&self) -> usize {
        std::fs::read_to_string(self.place.path("requeued")).unwrap_or_default().lines().count()
    }

    /// Injects a fault at a point of a new job of a shard. How the job ended.
    fn inject(&self, fault: Fault, point: Point, shard: usize) -> Finished {
        let before = journal::attempts(&self.shard(shard)).len();
        let mut job = self.job(shard);
        let word = format!("--attempts={}/run/shard-{shard}", self.place.path("disk").display());
        let mut muster = None;
        assert!(eventually(PATIENCE, || {
            muster = musters_with(&word).first().copied();
            muster.is_some()
        }));
        let journal = || journal::attempts(&self.shard(shard)).get(before).map(|attempt| attempt.join("events.jsonl"));
        match point {
            Started(milliseconds) => std::thread::sleep(Duration::from_millis(milliseconds)),
            Planned => {
                let planned =
                    |path: PathBuf| journal::events(&path).iter().any(|event| matches!(event, Event::Planned { .. }));
                assert!(eventually(PATIENCE, || journal().is_some_and(planned)));
            }
            Results(count) => {
                assert!(eventually(PATIENCE, || journal().is_some_and(|path| journal::found(&path) >= count)));
            }
        }
        assert_eq!(job.try_wait().unwrap(), None, "the shard {shard} ended before the fault");
        let (muster, group) = (muster.unwrap().to_string(), format!("-{}", job.id()));
        match fault {
            Killed => send("KILL", &muster),
            Preempted => send("TERM", &group),
            TimeOver => send("USR1", &job.id().to_string()),
            NodeLost => send("KILL", &group),
            DiskFull => self.disk.fill(),
        }
        let ended = finish(job, PATIENCE);
        if fault == DiskFull {
            self.disk.free();
        }
        ended
    }

    /// The results that the attempts of a shard have found, each with the ids of the runs that found it.
    fn found(&self, shard: usize) -> BTreeMap<String, Vec<String>> {
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for attempt in journal::attempts(&self.shard(shard)) {
            let events = journal::events(&attempt.join("events.jsonl"));
            let Some(id) = journal::id(&events) else { continue };
            for (name, _) in
                journal::finished(&events).into_iter().filter(|(name, kept)| !kept && name.starts_with("long/"))
            {
                found.entry(name).or_default().push(id.clone());
            }
        }
        found
    }
}

#[test]
fn twenty_faults_at_shards_lose_no_result_and_run_nothing_twice() {
    let scene = Scene::new();
    let mut table = format!(
        "{:<10} {:<13} {:>5} {:>6} {:>13} {:>7}\n",
        "fault", "at", "shard", "status", "results before", "after"
    );
    for (number, (fault, point)) in FAULTS.into_iter().enumerate() {
        let shard = number % SHARDS + 1;
        let (before, requeued) = (scene.found(shard), scene.requeued());
        let ended = scene.inject(fault, point, shard);
        let after = scene.found(shard);
        assert!(before.iter().all(|(name, runs)| after.get(name) == Some(runs)), "{before:?} became {after:?}");
        // A job asks for another turn when it came to nothing by itself, and not when Slurm has ended it.
        let (status, again) = match fault {
            Killed => (ended.status == 137, scene.requeued() == requeued + 1),
            TimeOver => (ended.status == 3, scene.requeued() == requeued + 1),
            Preempted => (matches!(ended.status, 3 | 143), scene.requeued() == requeued),
            NodeLost => (ended.status == -1, scene.requeued() == requeued),
            DiskFull => (ended.status == 3, true),
        };
        assert!(status && again, "{fault:?}: {} {}\n{}", ended.status, ended.stdout, ended.stderr);
        let (fault, point) = (format!("{fault:?}"), format!("{point:?}"));
        let _ = writeln!(
            table,
            "{fault:<10} {point:<13} {shard:>5} {:>6} {:>14} {:>7}",
            ended.status,
            before.len(),
            after.len()
        );
    }
    let mut verdicts = Vec::new();
    for shard in 1..=SHARDS {
        let ended = finish(scene.job(shard), PATIENCE);
        assert!(matches!(ended.status, 0 | 1), "{} {}\n{}", ended.status, ended.stdout, ended.stderr);
        let attempts = journal::attempts(&scene.shard(shard)).len();
        // A verdict is not looked for again.
        let again = finish(scene.job(shard), PATIENCE);
        again.assert_status(ended.status);
        assert_eq!(journal::attempts(&scene.shard(shard)).len(), attempts, "{}", again.stdout);
        verdicts.push(ended.status);
    }
    verdicts.sort_unstable();
    assert_eq!(verdicts, [0, 0, 1]);
    let mut command = scene.command("bash");
    command.arg(scene.place.path("disk/run/merge.sbatch"));
    finish(command.spawn().unwrap(), PATIENCE).assert_status(1);

    // Nothing is lost: it is the run that was not divided, and each result is of the run that found it.
    let whole = record_of(&scene.disk.path("run/whole"));
    assert_eq!(plain(&whole), plain(&record_of(&scene.place.path("undivided"))));
    let found: BTreeMap<String, Vec<String>> = (1..=SHARDS).flat_map(|shard| scene.found(shard)).collect();
    assert_eq!(found.len(), TESTS + 1);
    let kept = whole.tests.iter().filter(|test| test.kept_from.is_some()).count();
    for test in whole.tests.iter().filter(|test| test.suite == "long") {
        // Nothing was found twice.
        let runs = &found[&test.name()];
        assert_eq!(runs.len(), 1, "{}: {runs:?}", test.name());
        assert!(test.kept_from.as_ref().is_none_or(|from| *from == runs[0]), "{}", test.name());
        assert_eq!(test.outcome, if test.test == "bad" { Outcome::Fail } else { Outcome::Pass });
    }
    // What was executed once more had been cut: at most the one test that a fault met.
    let executed = std::fs::read_to_string(scene.place.path("executed")).unwrap();
    let mut count: BTreeMap<&str, usize> = BTreeMap::new();
    executed.lines().for_each(|line| *count.entry(line).or_default() += 1);
    assert_eq!(count.len(), TESTS);
    let cut: usize = count.values().map(|count| count - 1).sum();
    assert!(cut <= FAULTS.len(), "{cut} tests were executed once more, of {} faults", FAULTS.len());
    let _ = writeln!(
        table,
        "{} faults: 0 results lost, 0 finished tests run twice; {cut} tests that a fault met ran again; {kept} of {} results kept",
        FAULTS.len(),
        whole.tests.len()
    );
    // Printed also when the test passes: it is what there is to know.
    let _ = std::io::stdout().write_all(table.as_bytes());
}
