//! A cluster of Slurm on this host, in a directory, on the loopback interface, as whoever runs the test. It ends with its value.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

use crate::support::{eventually, finish, send};
use muster_base::process::ProcessStat;

const PATIENCE: Duration = Duration::from_secs(60);

/// Its programs are in these directories, of which an ordinary user has not all on the path.
const PATHS: &str = "/usr/local/sbin:/usr/sbin:/sbin";

pub(crate) struct Cluster {
    dir: PathBuf,
    /// The controller and the authentication.
    daemons: Vec<Child>,
    /// By the names of their nodes.
    nodes: Mutex<Vec<(String, Child)>>,
}

fn program(name: &str) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("env");
    command.arg(format!("PATH={path}:{PATHS}")).arg(name);
    command.stdin(Stdio::null());
    command
}

/// Ports that nobody has.
fn ports(count: usize) -> Vec<u16> {
    let held: Vec<TcpListener> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").expect("a port")).collect();
    held.iter().map(|listener| listener.local_addr().expect("an address").port()).collect()
}

fn said(name: &str, arguments: &[&str]) -> String {
    let out = program(name).args(arguments).output().expect("a program of the base system");
    String::from_utf8_lossy(&out.stdout).trim().to_owned()
}

impl Cluster {
    /// With so many nodes of one processor each; all of them answer when this returns.
    pub(crate) fn start(dir: &Path, nodes: usize) -> Self {
        for name in ["munged", "slurmctld", "slurmd", "sbatch"] {
            let there = program("sh").args(["-c", &format!("command -v {name}")]).output().expect("sh");
            assert!(
                there.status.success(),
                "{name} is missing: `ci/install-deps --scope others` installs Slurm and MUNGE"
            );
        }
        for name in ["munge", "state", "log"] {
            std::fs::create_dir_all(dir.join(name)).unwrap();
        }
        // MUNGE insists on a directory that others can pass.
        for path in [dir, dir.parent().unwrap()] {
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        let mut key = [0; 1024];
        std::io::Read::read_exact(&mut std::fs::File::open("/dev/urandom").unwrap(), &mut key).unwrap();
        std::fs::write(dir.join("munge/key"), key).unwrap();
        std::fs::set_permissions(dir.join("munge/key"), std::fs::Permissions::from_mode(0o400)).unwrap();
        let mut cluster = Self { dir: dir.to_owned(), daemons: Vec::new(), nodes: Mutex::new(Vec::new()) };
        cluster.configure(nodes);
        let file = |option: &str, name: &str| format!("--{option}={}", dir.join("munge").join(name).display());
        let mut munged = program("munged");
        munged.args([
            "--foreground",
            "--force",
            "--num-threads=2",
            &file("key-file", "key"),
            &file("socket", "socket"),
        ]);
        munged.args([file("pid-file", "pid"), file("log-file", "log"), file("seed-file", "seed")]);
        let socket = dir.join("munge/socket");
        cluster.begin(munged, "munged");
        assert!(eventually(PATIENCE, || socket.exists()), "{}", cluster.told());
        let mut controller = program("slurmctld");
        controller.arg("-D").envs(cluster.variables());
        cluster.begin(controller, "slurmctld");
        for number in 1..=nodes {
            cluster.bring_back(&format!("n{number}"));
        }
        let ready = || cluster.idle().is_some_and(|idle| idle == nodes);
        assert!(eventually(PATIENCE, ready), "the nodes do not answer\n{}", cluster.told());
        cluster
    }

    fn configure(&self, nodes: usize) {
        let dir = self.dir.display();
        let (host, user) = (said("hostname", &["-s"]), said("id", &["-un"]));
        let ports = ports(nodes + 1);
        // A lost node is noticed after ten seconds, and a job that goes back into the queue waits for as long as its credential.
        let mut text = format!(
            "ClusterName=muster\nSlurmctldHost={host}(127.0.0.1)\nSlurmctldPort={port}\nSlurmUser={user}\nSlurmdUser={user}\n\
             AuthType=auth/munge\nAuthInfo=socket={dir}/munge/socket,cred_expire=6\nCredType=cred/munge\n\
             StateSaveLocation={dir}/state\nSlurmdSpoolDir={dir}/spool-%n\n\
             SlurmctldPidFile={dir}/slurmctld.pid\nSlurmdPidFile={dir}/slurmd-%n.pid\n\
             SlurmctldLogFile={dir}/log/slurmctld\nSlurmdLogFile={dir}/log/slurmd-%n\n\
             ProctrackType=proctrack/linuxproc\nTaskPlugin=task/none\nJobAcctGatherType=jobacct_gather/none\n\
             AccountingStorageType=accounting_storage/none\nSwitchType=switch/none\nMpiDefault=none\n\
             SelectType=select/cons_tres\nSelectTypeParameters=CR_Core\nSchedulerType=sched/backfill\n\
             SchedulerParameters=bf_interval=1,sched_interval=1\nReturnToService=2\nSlurmdTimeout=10\nSlurmctldTimeout=10\n\
             InactiveLimit=0\nKillWait=20\nMinJobAge=600\nWaittime=0\n",
            port = ports[0],
        );
        for (number, port) in ports[1..].iter().enumerate() {
            let _ = writeln!(
                text,
                "NodeName=n{} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} CPUs=1 RealMemory=512 State=UNKNOWN",
                number + 1
            );
        }
        let _ = writeln!(text, "PartitionName=all Nodes=ALL Default=YES MaxTime=120 State=UP");
        std::fs::write(self.dir.join("slurm.conf"), text).unwrap();
    }

    fn spawned(&self, mut command: Command, name: &str) -> Child {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.dir.join("log").join(format!("{name}.out")))
            .unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn begin(&mut self, command: Command, name: &str) {
        let child = self.spawned(command, name);
        self.daemons.push(child);
    }

    /// With which every command finds it.
    pub(crate) fn variables(&self) -> [(&'static str, PathBuf); 1] {
        [("SLURM_CONF", self.dir.join("slurm.conf"))]
    }

    /// What a command of Slurm prints.
    pub(crate) fn run(&self, name: &str, arguments: &[&str]) -> String {
        let mut command = program(name);
        command.args(arguments).envs(self.variables()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let done = finish(command.spawn().unwrap(), PATIENCE);
        assert_eq!(done.status, 0, "{name} {arguments:?}: {}\n{}", done.stderr, self.told());
        done.stdout
    }

    /// How many nodes wait for work; none where the controller does not answer yet.
    fn idle(&self) -> Option<usize> {
        let done =
            program("sinfo").args(["--noheader", "--Node", "--format=%T"]).envs(self.variables()).output().ok()?;
        let text = String::from_utf8_lossy(&done.stdout).into_owned();
        done.status.success().then(|| text.lines().filter(|line| line.trim() == "idle").count())
    }

    /// The first job that is submitted.
    pub(crate) fn first_job(&self, patience: Duration) -> String {
        let mut job = String::new();
        let came = eventually(patience, || {
            let all = self.run("squeue", &["--noheader", "--format=%F"]);
            job = all
                .lines()
                .filter_map(|line| line.trim().parse::<u32>().ok())
                .min()
                .map(|id| id.to_string())
                .unwrap_or_default();
            !job.is_empty()
        });
        assert!(came, "no job was submitted\n{}", self.told());
        job
    }

    /// A node is gone at once: its daemon, and the process of a job with the script and the step that have started it.
    pub(crate) fn lose(&self, node: &str, process: u32) {
        let mut nodes = self.nodes.lock().unwrap();
        let at = nodes.iter().position(|(name, _)| name == node).unwrap_or_else(|| panic!("no node is called {node}"));
        let (_, mut daemon) = nodes.swap_remove(at);
        daemon.kill().unwrap();
        daemon.wait().unwrap();
        let mut gone = vec![process];
        while let Some(parent) = gone.last().copied().and_then(parent).filter(|pid| belongs(*pid)) {
            gone.push(parent);
        }
        assert!(gone.len() > 1, "the process {process} is not one of a job");
        gone.iter().rev().for_each(|pid| send("KILL", &pid.to_string()));
    }

    /// A node whose daemon runs again.
    pub(crate) fn bring_back(&self, node: &str) {
        let mut daemon = program("slurmd");
        daemon.args(["-D", "-N", node]).envs(self.variables());
        let child = self.spawned(daemon, node);
        self.nodes.lock().unwrap().push((node.to_owned(), child));
    }

    /// The end of its logs.
    pub(crate) fn told(&self) -> String {
        let mut out = String::new();
        for entry in std::fs::read_dir(self.dir.join("log")).into_iter().flatten().flatten() {
            let text = String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap_or_default()).into_owned();
            let lines: Vec<&str> = text.lines().collect();
            let _ =
                writeln!(out, "--- {}\n{}", entry.path().display(), lines[lines.len().saturating_sub(25)..].join("\n"));
        }
        out
    }
}

fn parent(pid: u32) -> Option<u32> {
    ProcessStat::of(pid).map(|stat| stat.parent)
}

/// Whether a process is a script of a job, or the step that runs one.
fn belongs(pid: u32) -> bool {
    let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let line = String::from_utf8_lossy(&line).into_owned();
    line.contains("slurm_script") || line.contains("slurmstepd")
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // Jobs first, by their ids, while somebody can end them.
        let mut cancel = program("scancel");
        cancel.args(["--quiet", "--partition=all"]).envs(self.variables()).stdout(Stdio::null()).stderr(Stdio::null());
        let _ = cancel.status();
        let mut left = program("squeue");
        left.args(["--noheader"]).envs(self.variables()).stderr(Stdio::null());
        eventually(Duration::from_secs(40), || left.output().is_ok_and(|out| out.stdout.is_empty()));
        let nodes = std::mem::take(self.nodes.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner()));
        let daemons = std::mem::take(&mut self.daemons);
        for mut child in nodes.into_iter().map(|(_, child)| child).chain(daemons.into_iter().rev()) {
            send("TERM", &child.id().to_string());
            if !eventually(Duration::from_secs(15), || child.try_wait().is_ok_and(|ended| ended.is_some())) {
                let _ = child.kill();
                let _ = child.wait();
            }
        }
    }
}
