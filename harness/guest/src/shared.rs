//! What the handles of a connection share with its thread: the jobs that they queue, and what it has
//! counted.

use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::oneshot;

use super::error::{ConnectError, GuestError};
use super::hostkey::HostKey;
use super::reply::{Reply, Request};

/// Counters and keys that the thread writes and every handle reads.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) requests: AtomicU64,
    pub(super) round_trips: AtomicU64,
    pub(super) stray_bytes: AtomicU64,
    pub(super) rescues: AtomicU64,
    pub(super) host_key: Mutex<Option<HostKey>>,
    /// Whether the shell in use is one that was warm already.
    pub(super) warm: AtomicBool,
}

impl Shared {
    pub(super) fn remembered_key(&self) -> Option<HostKey> {
        self.host_key.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn remember_key(&self, key: HostKey) {
        *self.host_key.lock().unwrap_or_else(PoisonError::into_inner) = Some(key);
    }
}

/// What the thread has to do.
pub(super) enum Job {
    /// Run these, one after the other.
    Batch {
        requests: Vec<Request>,
        /// Whether muster did not write them itself.
        guarded: bool,
        answer: oneshot::Sender<Vec<Result<Reply, GuestError>>>,
    },
    /// Give up the connection, if there still is one, and log in again.
    Reconnect { deadline: Instant, answer: oneshot::Sender<Result<(), ConnectError>> },
    /// Close the connection in good order.
    Close { answer: oneshot::Sender<()> },
}
