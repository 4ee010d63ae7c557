//! QEMU as a process that cannot outlive its run. The kernel's parent-death signal fires when the
//! *thread* that forked ends, so one thread starts them all and lives as long as the [`Spawner`].

use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, mpsc};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::sync::{oneshot, watch};

use super::child_setup;

/// What to start.
#[derive(Debug)]
pub(crate) struct Launch {
    /// Name or path of the program.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its working directory.
    pub directory: PathBuf,
    /// Takes its stdout and stderr.
    pub log: File,
    /// Descriptors it inherits under their present numbers; closed here once it runs.
    pub inherit: Vec<OwnedFd>,
}

type Started = std::io::Result<(Child, OwnedFd)>;
type Job = (Launch, oneshot::Sender<Started>);

/// The thread that starts all QEMUs of a run. One per run, owned by it; when it is dropped, every
/// QEMU it started is killed by the kernel.
#[derive(Debug)]
pub struct Spawner {
    jobs: mpsc::Sender<Job>,
}

impl Spawner {
    /// Starts the thread.
    pub fn new() -> std::io::Result<Self> {
        let (jobs, queue) = mpsc::channel::<Job>();
        std::thread::Builder::new().name("qemu-spawner".to_owned()).spawn(move || {
            for (launch, answer) in queue {
                if let Err(Ok((mut child, _))) = answer.send(start(launch)) {
                    // Nobody waits for it any more.
                    let _ = child.kill();
                    let _ = child.wait();
                }
            }
        })?;
        Ok(Self { jobs })
    }

    /// Starts a process on the thread.
    pub(crate) async fn spawn(&self, launch: Launch) -> std::io::Result<Process> {
        let gone = || std::io::Error::other("the thread that starts QEMU has ended");
        let (answer, started) = oneshot::channel();
        self.jobs.send((launch, answer)).map_err(|_| gone())?;
        let (mut child, pidfd) = started.await.map_err(|_| gone())??;
        let pid = child.id();
        let guard = KillOnDrop(Handle(Arc::new(pidfd)));
        // A thread and not a task reaps it, so that it is reaped even when the runtime has gone first.
        let (ended, status) = watch::channel(None);
        std::thread::Builder::new().name("qemu-waiter".to_owned()).spawn(move || {
            let _ = ended.send(Some(child.wait().map_err(Arc::new)));
        })?;
        Ok(Process { pid, status, guard })
    }
}

fn start(launch: Launch) -> Started {
    let mut command = Command::new(&launch.program);
    command
        .args(&launch.arguments)
        .current_dir(&launch.directory)
        .stdin(Stdio::null())
        .stdout(launch.log.try_clone()?)
        .stderr(launch.log);
    child_setup::prepare(&mut command, launch.inherit, rustix::process::getpid());
    let mut child = command.spawn()?;
    match pidfd_open(Pid::from_child(&child), PidfdFlags::NONBLOCK) {
        Ok(pidfd) => Ok((child, pidfd)),
        Err(error) => {
            let _ = child.kill();
            let _ = child.wait();
            Err(error.into())
        }
    }
}

/// A running process; killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    pid: u32,
    status: watch::Receiver<Option<Result<ExitStatus, Arc<std::io::Error>>>>,
    guard: KillOnDrop,
}

impl Process {
    /// Its number, for looking at it: nothing is sent through a number.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Something to send signals through, which stays valid (and harmless) after its end.
    pub(crate) fn handle(&self) -> Handle {
        self.guard.0.clone()
    }

    /// Waits for its end. Cancel-safe.
    pub(crate) async fn wait(&mut self) -> std::io::Result<ExitStatus> {
        let ended = self.status.wait_for(Option::is_some).await.map(|status| status.clone());
        match ended {
            Ok(Some(status)) => status.map_err(std::io::Error::other),
            Ok(None) | Err(_) => Err(std::io::Error::other("the thread that waits for QEMU has ended")),
        }
    }
}

/// Sends signals to one process, never to another that got its number later.
#[derive(Debug, Clone)]
pub(crate) struct Handle(Arc<OwnedFd>);

impl Handle {
    /// Sends the signal; a process that has ended is no error.
    pub(crate) fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(&*self.0, signal);
    }
}

/// Sends SIGKILL when dropped.
#[derive(Debug)]
pub(crate) struct KillOnDrop(pub Handle);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        self.0.signal(Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek, SeekFrom};
    use std::os::fd::AsRawFd;
    use std::time::Duration;

    fn launch(script: &str, inherit: Vec<OwnedFd>) -> (Launch, File) {
        let log = tempfile::tempfile().unwrap();
        let launch = Launch {
            program: "/bin/sh".to_owned(),
            arguments: vec!["-c".to_owned(), script.to_owned()],
            directory: "/".into(),
            log: log.try_clone().unwrap(),
            inherit,
        };
        (launch, log)
    }

    async fn ended(process: &mut Process) -> ExitStatus {
        tokio::time::timeout(Duration::from_secs(20), process.wait()).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn a_child_inherits_only_what_it_was_given() {
        let spawner = Spawner::new().unwrap();
        let (given, kept) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        let (want, not) = (given.as_raw_fd(), kept.as_raw_fd());
        let script = format!("test -e /proc/self/fd/{want} && test ! -e /proc/self/fd/{not} && echo right");
        let (launch, mut log) = launch(&script, vec![given.into()]);
        let mut process = spawner.spawn(launch).await.unwrap();
        assert_eq!(ended(&mut process).await.code(), Some(0));
        let mut said = String::new();
        log.seek(SeekFrom::Start(0)).unwrap();
        log.read_to_string(&mut said).unwrap();
        assert_eq!(said, "right\n");
    }

    #[tokio::test]
    async fn dropping_the_spawner_kills_what_it_started() {
        use std::os::unix::process::ExitStatusExt;
        let spawner = Spawner::new().unwrap();
        let mut process = spawner.spawn(launch("exec sleep 600", Vec::new()).0).await.unwrap();
        drop(spawner);
        assert_eq!(ended(&mut process).await.signal(), Some(9));
    }

    #[tokio::test]
    async fn a_missing_program_is_an_error_here_not_a_status_there() {
        let (mut launch, _log) = launch("", Vec::new());
        launch.program = "no-such-program-at-all".to_owned();
        let error = Spawner::new().unwrap().spawn(launch).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    }
}
