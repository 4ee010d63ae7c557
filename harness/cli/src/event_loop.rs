//! An event loop for one question; a run has its own.

use super::error::CliError;

/// An event loop for one question.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|cause| CliError::infrastructure(format!("no event loop: {cause}")))
}
