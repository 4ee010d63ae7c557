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
