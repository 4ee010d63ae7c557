//! One command line at a time in a guest.

use std::time::Duration;

use crate::error::CliError;
use muster_base::failure::{self, Failure};
use muster_base::text;
use muster_engine::driver::Live;
use muster_engine::transfer::{self, TransferError};
use muster_guest::{End, Reply, Request};

/// Bytes of what a command prints that is read as a text.
pub(crate) const OUTPUT: usize = 8 << 20;

/// Runs a command line that muster wrote; `seconds` are those of a fast machine.
///
/// # Errors
/// The guest does not answer any more.
pub(crate) async fn run(live: &impl Live, script: String, seconds: u64, limit: usize) -> Result<Reply, CliError> {
    let request = request(live, script, seconds, limit);
    one(live.batch(vec![request]).await)
}

/// Runs a command line that somebody else wrote, or one that starts programs of packages.
///
/// # Errors
/// The guest does not answer any more.
pub(crate) async fn run_foreign(
    live: &impl Live,
    script: String,
    seconds: u64,
    limit: usize,
) -> Result<Reply, CliError> {
    let request = request(live, script, seconds, limit);
    one(live.commands(vec![request]).await)
}

fn request(live: &impl Live, script: String, seconds: u64, limit: usize) -> Request {
    Request { script, timeout: Duration::from_secs(seconds).mul_f64(live.deadline_scale()), limit }
}

fn one(replies: Result<Vec<Reply>, Failure>) -> Result<Reply, CliError> {
    let silent = || Failure::new(failure::SSH_PROTOCOL, "the guest gave no answer to a command");
    replies.and_then(|replies| replies.into_iter().next().ok_or_else(silent)).map_err(CliError::of_machine)
}

/// Writes a file into the guest.
///
/// # Errors
/// It cannot be written.
pub(crate) async fn send(live: &impl Live, bytes: &[u8], path: &str) -> Result<(), CliError> {
    transfer::send(live, bytes, path, 0o644, transfer_time(live)).await.map_err(not_transferred)
}

/// Reads a file of the guest, at most `limit` bytes.
///
/// # Errors
/// It cannot be read, or is longer.
pub(crate) async fn receive(live: &impl Live, path: &str, limit: usize) -> Result<Vec<u8>, CliError> {
    transfer::receive(live, path, limit, transfer_time(live)).await.map_err(not_transferred)
}

fn transfer_time(live: &impl Live) -> Duration {
    Duration::from_secs(120).mul_f64(live.deadline_scale())
}

fn not_transferred(error: TransferError) -> CliError {
    match error {
        TransferError::Lost(failure) => CliError::of_machine(failure),
        other => CliError::infrastructure(other.to_string()),
    }
}

/// Both streams of a reply as one escaped text, standard output first.
pub(crate) fn both(reply: &Reply) -> String {
    text::escape_bytes(&[reply.stdout.as_slice(), b"\n", &reply.stderr].concat())
}

/// Why a reply says nothing of what was to be read; `None` when it ended by itself.
pub(crate) fn cut(reply: &Reply) -> Option<&'static str> {
    match reply.end {
        End::Exited => None,
        End::TimedOut => Some("it did not end within its time-out and was killed"),
        End::TooMuchOutput => Some("it printed more than the limit and was killed"),
    }
}
