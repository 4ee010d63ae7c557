//! What tests of the whole command share: start `muster` in a place of its own, with a deadline,
//! and read what it left behind the way a pipeline would.

#![allow(dead_code)] // Each test binary uses a part of it.

pub(crate) mod journal;
pub(crate) mod pty;

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use muster_guest::loopback::Sshd;
use muster_record::outcome::Outcome;
use muster_record::run::{RunRecord, TestRecord};

/// The options with which a command connects to this server.
pub(crate) fn connection(sshd: &Sshd) -> Vec<String> {
    let target = format!("{}@{}", sshd.user, sshd.addr);
    let words = ["--connect", &target, "--host-key", &sshd.host_key(), "--identity", sshd.key.to_str().expect("UTF-8")];
    words.map(str::to_owned).to_vec()
}

/// Numbers that look random and are the same every time; the seed is not 0.
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

/// The checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the checkout is there")
}

/// A folder for one test's run folders and files, removed at its end.
pub(crate) struct Place {
    pub dir: tempfile::TempDir,
    planted: OnceLock<Arc<tempfile::TempDir>>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("muster-test-").tempdir().expect("a temporary folder");
        Self { dir, planted: OnceLock::new() }
    }

    /// One of the repositories of `tests/port-repo`: `base` or `planted`. It is there as long as this place.
    pub(crate) fn planted(&self, id: &str) -> PathBuf {
        self.planted.get_or_init(planted_repositories).path().join("repositories").join(id)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("the file is written");
        path
    }

    /// `muster` with these words, started in the checkout, its run folder at `run/` in this place.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        command.args(words).current_dir(root()).env_remove("CI").env("NO_COLOR", "1").env("MUSTER_CONFIG", "");
        for name in ["GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY", "GITLAB_CI", "TF_BUILD"] {
            command.env_remove(name);
        }
        command.stdin(Stdio::null());
        if words.first() == Some(&"run") {
            command.arg("--out").arg(self.path("run"));
        }
        command
    }

    /// Runs it to its end, at most `deadline`.
    pub(crate) fn run(&self, words: &[&str], deadline: Duration) -> Finished {
        let mut command = self.command(words);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("muster starts");
        let finished = wait(child, deadline);
        assert!(
            finished.status != STUCK,
            "muster did not end within {deadline:?}\n--- stdout\n{}\n--- stderr\n{}\n{}",
            finished.stdout,
            finished.stderr,
            self.last_words()
        );
        finished
    }

    /// How far a run came that had to be killed: its last events, and the end of each console.
    pub(crate) fn last_words(&self) -> String {
        let tail = |path: PathBuf, lines: usize| {
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_default()).into_owned();
            let all: Vec<&str> = text.lines().collect();
            format!("--- {}\n{}\n", path.display(), all[all.len().saturating_sub(lines)..].join("\n"))
        };
        let mut out = tail(self.path("run").join("events.jsonl"), 6);
        for machine in std::fs::read_dir(self.path("run").join("machines")).into_iter().flatten().flatten() {
            out.push_str(&tail(machine.path().join("console.log"), 12));
        }
        out
    }

    /// The run's record, when the run left one.
    pub(crate) fn record(&self) -> RunRecord {
        let path = self.path("run").join("run.json");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        serde_json::from_str(&text).expect("run.json is valid")
    }

    /// The run's JUnit file.
    pub(crate) fn junit(&self) -> quick_junit::Report {
        let text = std::fs::read_to_string(self.path("run").join("junit.xml")).expect("junit.xml is there");
        // The time stamps have no zone, as Jenkins' schema asks; this reader insists on one.
        let zoneless = regex::Regex::new(r#"timestamp="([0-9T:-]+)""#).expect("a constant");
        let text = zoneless.replace_all(&text, r#"timestamp="${1}Z""#);
        quick_junit::Report::deserialize_from_str(&text).expect("junit.xml is well-formed JUnit")
    }

    /// The files that junit.xml attaches, looked for from this directory as CI servers do; each must be there.
    pub(crate) fn attachments(&self, base: &Path) -> Vec<PathBuf> {
        let junit = self.junit();
        let cases = junit.test_suites.iter().flat_map(|suite| &suite.test_cases);
        let outputs = cases.filter_map(|case| case.system_out.as_deref()).map(|text| text.to_string());
        let named = outputs.collect::<Vec<_>>();
        let mark = regex::Regex::new(r"(?m)^\[\[ATTACHMENT\|(.+)\]\]$").expect("a constant");
        let found = named.iter().flat_map(|text| mark.captures_iter(text));
        let files: Vec<PathBuf> = found.map(|found| base.join(&found[1])).collect();
        files.iter().for_each(|file| assert!(file.is_file(), "{} is attached and not there", file.display()));
        files
    }

    /// The record of one test; what every run must hold is looked at on the way: JUnit and run.json
    /// count the same.
    pub(crate) fn test(&self, name: &str) -> TestRecord {
        let record = self.record();
        let junit = self.junit();
        let cases: usize = junit.test_suites.iter().map(|suite| suite.test_cases.len()).sum();
        assert_eq!(cases, record.tests.len(), "junit.xml and run.json disagree on how many tests there are");
        let rebased = record.arguments.iter().any(|word| word.starts_with("--attachments-base"));
        let here = record.arguments.iter().any(|word| Path::new(word) == self.path("run"));
        if here && !rebased {
            self.attachments(&root());
        }
        let found = record.tests.iter().find(|test| test.name() == name);
        found.unwrap_or_else(|| panic!("no test {name} in {:?}", names(&record))).clone()
    }
}

pub(crate) fn names(record: &RunRecord) -> Vec<String> {
    record.tests.iter().map(|test| format!("{} {}", test.name(), test.outcome.name())).collect()
}

/// The ids of a test's failures.
pub(crate) fn ids(test: &TestRecord) -> Vec<&str> {
    test.failures.iter().map(|failure| failure.id.as_str()).collect()
}

pub(crate) fn assert_outcome(test: &TestRecord, outcome: Outcome, expected: &[&str]) {
    assert_eq!((test.outcome, ids(test)), (outcome, expected.to_vec()), "{}: {:#?}", test.name(), test.failures);
}

/// How a command ended.
pub(crate) struct Finished {
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

impl Finished {
    pub(crate) fn assert_status(&self, status: i32) -> &Self {
        assert_eq!(self.status, status, "\n--- stdout\n{}\n--- stderr\n{}", self.stdout, self.stderr);
        self
    }
}

/// The status of a command that had to be killed.
pub(crate) const STUCK: i32 = -1000;

/// Waits for a child, and kills it when its deadline passes: a stuck test must say so.
pub(crate) fn finish(child: Child, deadline: Duration) -> Finished {
    let finished = wait(child, deadline);
    assert!(
        finished.status != STUCK,
        "muster did not end within {deadline:?}\n--- stdout\n{}\n--- stderr\n{}",
        finished.stdout,
        finished.stderr
    );
    finished
}

pub(crate) fn wait(mut child: Child, deadline: Duration) -> Finished {
    let begun = Instant::now();
    let reader = |stream: Option<Box<dyn Read + Send>>| {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            if let Some(mut stream) = stream {
                let _ = stream.read_to_end(&mut bytes);
            }
            String::from_utf8_lossy(&bytes).into_owned()
        })
    };
    let stdout = reader(child.stdout.take().map(|s| Box::new(s) as Box<dyn Read + Send>));
    let stderr = reader(child.stderr.take().map(|s| Box::new(s) as Box<dyn Read + Send>));
    let status = loop {
        if let Some(status) = child.try_wait().expect("the child can be waited for") {
            break status.code().unwrap_or(-1);
        }
        if begun.elapsed() > deadline {
            let _ = child.kill();
            let _ = child.wait();
            break STUCK;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    Finished {
        status,
        stdout: stdout.join().expect("stdout was read"),
        stderr: stderr.join().expect("stderr was read"),
        took: begun.elapsed(),
    }
}

/// `unshare` with namespaces of its own (`--net`, `--mount`), as root or as a user who becomes root in
/// a user namespace. What it is to run is added by the caller.
pub(crate) fn isolated(namespaces: &[&str]) -> Command {
    let allowed = |extra: &[&str]| {
        let tried = Command::new("unshare").args(extra).args(namespaces).arg("true").output();
        tried.is_ok_and(|out| out.status.success())
    };
    let user: &[&str] = if allowed(&[]) { &[] } else { &["--user", "--map-root-user"] };
    assert!(allowed(user), "this test needs root, or user namespaces that a user may make; neither is there");
    let mut command = Command::new("unshare");
    command.args(user).args(namespaces);
    command
}

/// Sends a signal to a child.
pub(crate) fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status();
    assert!(status.expect("kill runs").success(), "the signal {name} reached nobody");
}

/// Waits until `condition` holds, at most `deadline`; says whether it did.
pub(crate) fn eventually(deadline: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let begun = Instant::now();
    loop {
        if condition() {
            return true;
        }
        if begun.elapsed() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Process ids of QEMU machines whose working directory or command line is below `folder`.
pub(crate) fn machines_below(dir: &Path) -> Vec<u32> {
    let needle = dir.to_string_lossy().into_owned();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("/proc is mounted").flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).into_owned();
        let cwd = std::fs::read_link(entry.path().join("cwd")).unwrap_or_default();
        if line.contains("qemu-system") && (line.contains(&needle) || cwd.starts_with(dir)) {
            found.push(pid);
        }
    }
    found
}

/// The processes of `muster` that have this word in their command line.
pub(crate) fn musters_with(word: &str) -> Vec<u32> {
    let pids = std::fs::read_dir("/proc").expect("/proc is mounted").flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let is_one = |pid: &u32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut words = line.split(|byte| *byte == 0);
        words.next().is_some_and(|program| program.ends_with(b"/muster")) && words.any(|other| other == word.as_bytes())
    };
    pids.filter(is_one).collect()
}

/// Sends a signal to processes, or with a minus sign before its number to a group of them. Those that are gone are no error.
pub(crate) fn send(signal: &str, to: &str) {
    let status = Command::new("kill").args([&format!("-{signal}"), "--", to]).stderr(Stdio::null()).status();
    status.expect("kill runs");
}

/// What two records of the same tests have in common: without what differs between runs and machines, in one order.
pub(crate) fn plain(record: &RunRecord) -> Vec<TestRecord> {
    let mut tests = record.tests.clone();
    for test in &mut tests {
        (test.machine, test.seconds, test.started) = (None, 0.0, None);
        (test.kept_from, test.earlier) = (None, Vec::new());
        if test.suite == "machine" {
            // Each shard looks at its own machines.
            (test.assertions, test.met) = (0, Vec::new());
        }
    }
    tests.sort_by_key(|test| (test.image.clone(), test.suite.clone(), test.test.clone()));
    tests
}

/// The record in the directory of a run.
pub(crate) fn record_of(run: &Path) -> RunRecord {
    let path = run.join("run.json");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).expect("run.json is valid")
}

/// Nothing of a run is left: no process whose command line, working directory or environment names
/// the folder, no socket file in it, and no loop device over a file of it. Waits a moment, since a
/// runner that was killed takes its machines with it but does not wait for them.
pub(crate) fn assert_clean(dir: &Path) {
    let mut left = Vec::new();
    let gone = eventually(Duration::from_secs(10), || {
        left = remains(dir);
        left.is_empty()
    });
    assert!(gone, "left behind: {left:?}");
}

fn remains(dir: &Path) -> Vec<String> {
    use std::os::unix::fs::FileTypeExt;
    let needle = dir.to_string_lossy().into_owned();
    let own = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").expect("/proc is mounted").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == own || !name.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let read = |part: &str| {
            String::from_utf8_lossy(&std::fs::read(entry.path().join(part)).unwrap_or_default()).into_owned()
        };
        let cwd = std::fs::read_link(entry.path().join("cwd")).unwrap_or_default();
        if read("cmdline").contains(&needle) || read("environ").contains(&needle) || cwd.starts_with(dir) {
            found.push(format!("process {name}: {}", read("cmdline").replace('\0', " ")));
        }
    }
    for device in std::fs::read_dir("/sys/block").into_iter().flatten().flatten() {
        let backing = std::fs::read_to_string(device.path().join("loop/backing_file")).unwrap_or_default();
        if backing.contains(&needle) {
            found.push(format!("loop device over {}", backing.trim()));
        }
    }
    let mut open = vec![dir.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(entry.path()),
                Ok(kind) if kind.is_socket() || kind.is_fifo() => {
                    found.push(format!("socket {}", entry.path().display()))
                }
                _ => {}
            }
        }
    }
    found
}

/// SHA-256 of a file, hex.
pub(crate) fn digest(path: &Path) -> String {
    let out = Command::new("sha256sum").arg(path).output().expect("sha256sum runs");
    String::from_utf8_lossy(&out.stdout).split_whitespace().next().expect("a digest").to_owned()
}

/// The cached disk of a lab image, built when it is not there.
pub(crate) fn lab_disk(variant: &str) -> PathBuf {
    let out = Command::new(root().join("images/lab/build"))
        .args(["--variant", variant])
        .stderr(Stdio::inherit())
        .output()
        .expect("images/lab/build starts");
    assert!(out.status.success(), "the lab image {variant} cannot be built");
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    Path::new(text.lines().last().expect("the build prints the folder")).join("disk.qcow2")
}

/// The repositories of `tests/port-repo`, made once for all places that are there at the same time; the last one removes
/// them.
fn planted_repositories() -> Arc<tempfile::TempDir> {
    static SHARED: Mutex<Weak<tempfile::TempDir>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(made) = shared.upgrade() {
        return made;
    }
    let dir = tempfile::Builder::new().prefix("muster-port-").tempdir().expect("a temporary directory");
    let path = dir.path().join("repositories");
    let made = Command::new(root().join("tests/port-repo/build")).arg(&path).output().expect("the script starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let made = Arc::new(dir);
    *shared = Arc::downgrade(&made);
    made
}
