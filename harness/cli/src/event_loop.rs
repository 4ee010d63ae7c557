//! What a command waits in.

use super::error::CliError;

/// The event loop of a command, with the threads of a run: a question of a moment needs none of them, and they cost it nothing.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|cause| CliError::infrastructure(format!("no event loop: {cause}")))
}

/// Resolves at the first Ctrl-C, SIGTERM or SIGHUP. A second one ends the process where it stands:
/// machines die with it.
pub(crate) async fn interruption() {
    use tokio::signal::unix::{SignalKind, signal};
    let mut streams =
        [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(|kind| signal(kind).ok());
    let [interrupt, terminate, hangup] = &mut streams;
    async fn next(stream: &mut Option<tokio::signal::unix::Signal>) {
        match stream {
            Some(stream) => {
                stream.recv().await;
            }
            // A signal that cannot be listened to keeps its default: the process ends.
            None => std::future::pending().await,
        }
    }
    tokio::select! {
        () = next(interrupt) => {}
        () = next(terminate) => {}
        () = next(hangup) => {}
    }
}
