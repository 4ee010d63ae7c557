//! What a command waits in, and the signals that end it.

use std::sync::{Once, mpsc};
use std::time::{Duration, Instant};

use futures_util::future::select_all;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::error::CliError;
use muster_base::exit::Exit;

/// Signals that come this close to the first one are the same wish: `timeout` and shells send theirs to a program and to its
/// process group, which both reach it.
const SAME_WISH: Duration = Duration::from_secs(1);

/// The event loop of a command, with the threads of a run: a question of a moment needs none of them, and they cost it nothing.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|cause| CliError::infrastructure(format!("no event loop: {cause}")))
}

/// Resolves at the first Ctrl-C, SIGTERM or SIGHUP. A second one, a second later or more, ends the process where it stands,
/// whatever the command waits for by then: machines die with it.
pub(crate) async fn interruption() {
    /// Signals belong to the process.
    static LISTENS: Once = Once::new();

    let mut streams = Streams::open();
    LISTENS.call_once(|| {
        let (ready, listens) = mpsc::channel();
        // Without the thread the first signal still ends the command, as far as it can be ended.
        let _ = std::thread::Builder::new().name("signals".to_owned()).spawn(|| end_at_the_second(ready));
        // From now on both see every signal. An error is a thread that has ended.
        let _ = listens.recv();
    });
    streams.next().await;
}

/// Waits on a thread and an event loop of its own, since those of the command may all wait for something else: for somebody who
/// reads what it prints, for one.
#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "no guard releases anything while its thread waits; machines get a death signal"
)]
fn end_at_the_second(ready: mpsc::Sender<()>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_io().build() else { return };
    runtime.block_on(async {
        let mut streams = Streams::open();
        drop(ready);
        streams.next().await;
        let first = Instant::now();
        while first.elapsed() < SAME_WISH {
            streams.next().await;
        }
    });
    std::process::exit(i32::from(Exit::Error as u8));
}

/// The signals that ask a command to end, from now on: one that comes between two waits is not lost.
struct Streams(Vec<Signal>);

impl Streams {
    /// A signal that cannot be listened to keeps its default: the process ends.
    fn open() -> Self {
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        Self(kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect())
    }

    async fn next(&mut self) {
        if self.0.is_empty() {
            return std::future::pending().await;
        }
        select_all(self.0.iter_mut().map(|stream| Box::pin(stream.recv()))).await;
    }
}
