//! The handle by which the engine talks to a guest. The connection itself lives on a thread of its
//! own (see [`super::actor`]); a handle only puts jobs into its queue and waits for the answers.

use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::Instant;

use tokio::sync::oneshot;

use super::actor;
use super::error::{ConnectError, GuestError, LastState};
use super::hostkey::HostKey;
use super::ports::PortPair;
use super::reply::{Reply, Request};
use super::shared::{Job, Shared};
use super::target::Target;
use super::wake::Wake;

/// A connected guest. Cheap to clone; the connection closes when the last clone is dropped, without
/// waiting for the guest.
#[derive(Clone)]
pub struct Guest {
    handle: Arc<Handle>,
}

/// What a connection has cost so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Command lines answered or given up.
    pub requests: u64,
    /// Times the guest was asked and waited for: one a batch, one a shell start, one a kill.
    pub round_trips: u64,
    /// Bytes the guest printed outside any frame, none of which was taken for output.
    pub stray_bytes: u64,
    /// Times something of the guest was found only because a wait is never longer than a second:
    /// always 0, or the waiting of this side is broken and each has cost up to that second.
    pub rescues: u64,
}

struct Handle {
    addr: SocketAddr,
    user: String,
    /// `None` only while the handle is being dropped.
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    wake: Wake,
    shared: Arc<Shared>,
}

impl Guest {
    /// Logs in and starts the framed shell. Tries again while nobody answers, no banner comes or the
    /// key is refused (cloud-init writes it after sshd has started), until `deadline`.
    ///
    /// `scale` stretches the internal limits for a slow accelerator; 1.0 is a healthy KVM. Dropping
    /// the future ends the tries at once.
    pub async fn connect(target: Target, deadline: Instant, scale: f64) -> Result<Guest, ConnectError> {
        Self::begin(target, actor::First::Login, deadline, scale).await
    }

    /// Takes over the shell that waits behind the ports of a clone; when it does not answer within a
    /// moment, logs in as [`Guest::connect`] does.
    pub async fn wake(target: Target, ports: PortPair, deadline: Instant, scale: f64) -> Result<Guest, ConnectError> {
        Self::begin(target, actor::First::Warm(ports), deadline, scale).await
    }

    async fn begin(target: Target, first: actor::First, deadline: Instant, scale: f64) -> Result<Guest, ConnectError> {
        let (addr, user) = (target.addr, target.user.clone());
        let failed = |last| ConnectError { addr, user: user.clone(), waited: Default::default(), last };
        let wake = Wake::new().map_err(|error| failed(LastState::Unreachable(error.to_string())))?;
        let shared = Arc::new(Shared::default());
        let (jobs, queue) = mpsc::channel();
        let (connected, outcome) = oneshot::channel();
        // Made before the thread starts, so that a dropped future wakes and ends it.
        let handle = Handle {
            addr,
            user: user.clone(),
            jobs: Mutex::new(Some(jobs)),
            wake: wake.clone(),
            shared: Arc::clone(&shared),
        };
        let guest = Guest { handle: Arc::new(handle) };
        let on_drop = wake.on_drop();
        actor::start(target, first, deadline, scale, actor::Ends { queue, wake, shared }, connected)
            .map_err(|error| failed(LastState::Unreachable(format!("no thread for the connection: {error}"))))?;
        let result = outcome.await.unwrap_or_else(|_| Err(failed(LastState::Cancelled)));
        drop(on_drop);
        result.map(|()| guest)
    }

    /// Runs one command line.
    pub async fn run(&self, request: Request) -> Result<Reply, GuestError> {
        self.batch(vec![request]).await.pop().unwrap_or(Err(GuestError::Closed))
    }

    /// Runs command lines one after the other in one round trip; the answers stand in the order of
    /// the requests, one for each. A command that is killed does not spoil the following ones.
    ///
    /// Dropping the future kills what is running and forgets the rest.
    pub async fn batch(&self, requests: Vec<Request>) -> Vec<Result<Reply, GuestError>> {
        self.run_all(requests, false).await
    }

    /// The same for command lines that muster did not write itself. None of them can end its own frame,
    /// what one leaves running cannot write into the output of the next, and [`Reply::notes`] says what
    /// was seen of it. Each costs two round trips.
    pub async fn commands(&self, requests: Vec<Request>) -> Vec<Result<Reply, GuestError>> {
        self.run_all(requests, true).await
    }

    async fn run_all(&self, requests: Vec<Request>, guarded: bool) -> Vec<Result<Reply, GuestError>> {
        let count = requests.len();
        if count == 0 {
            return Vec::new();
        }
        let began = Instant::now();
        let answers = self.finish(|answer| Job::Batch { requests, guarded, answer }).await;
        // Never what was run or printed: either may hold a password.
        tracing::trace!(addr = %self.handle.addr, count, guarded, took = ?began.elapsed(), "commands in the guest");
        answers.unwrap_or_else(|| vec![Err(GuestError::Closed); count])
    }

    /// Logs in again after a reboot or a lost connection. What is queued is answered with
    /// [`GuestError::Lost`]. A host key other than before is refused.
    pub async fn reconnect(&self, deadline: Instant) -> Result<(), ConnectError> {
        self.finish(|answer| Job::Reconnect { deadline, answer }).await.unwrap_or_else(|| {
            Err(ConnectError {
                addr: self.handle.addr,
                user: self.handle.user.clone(),
                waited: Default::default(),
                last: LastState::Cancelled,
            })
        })
    }

    /// Closes in good order, within a few seconds at most. Later requests are answered with
    /// [`GuestError::Closed`].
    pub async fn close(&self) {
        self.finish(|answer| Job::Close { answer }).await;
    }

    /// What the connection has cost so far, over all reconnects.
    pub fn stats(&self) -> Stats {
        let shared = &self.handle.shared;
        Stats {
            requests: shared.requests.load(Ordering::Relaxed),
            round_trips: shared.round_trips.load(Ordering::Relaxed),
            stray_bytes: shared.stray_bytes.load(Ordering::Relaxed),
            rescues: shared.rescues.load(Ordering::Relaxed),
        }
    }

    /// Whether commands go to a shell that was warm when the machine was cloned, and not through SSH.
    pub fn is_warm(&self) -> bool {
        self.handle.shared.warm.load(Ordering::Relaxed)
    }

    /// The host key of the last successful login.
    pub fn host_key(&self) -> Option<HostKey> {
        self.handle.shared.remembered_key()
    }

    /// Queues a job and waits; `None` when the thread has ended.
    async fn finish<T>(&self, job: impl FnOnce(oneshot::Sender<T>) -> Job) -> Option<T> {
        let (answer, answered) = oneshot::channel();
        {
            let jobs = self.handle.jobs.lock().unwrap_or_else(PoisonError::into_inner);
            jobs.as_ref()?.send(job(answer)).ok()?;
        }
        self.handle.wake.wake();
        // When this future is dropped the thread must look up and see that nobody waits any more.
        let _on_drop = self.handle.wake.on_drop();
        answered.await.ok()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // The sender must be gone before the thread looks up, or it would go back to sleep.
        self.jobs.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        self.wake.wake();
    }
}

impl fmt::Debug for Guest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guest").field("addr", &self.handle.addr).field("user", &self.handle.user).finish()
    }
}
