//! What sleeps until a shell has something to say, whatever it stands on.

use std::time::Instant;

use super::ssh::{Halt, Seen, SshSession};

/// A place to wait at.
pub(super) trait Wait {
    /// What has come so far: to be taken before streams are looked at.
    fn seen(&self) -> Seen;

    /// Sleeps until there is something to read that was not there at `seen`, the bell rings, or the
    /// time comes. `hungry` says that there is something to write as well.
    fn wait(&mut self, seen: Seen, until: Option<Instant>, hungry: bool) -> Result<(), Halt>;
}

impl Wait for SshSession {
    fn seen(&self) -> Seen {
        self.seen()
    }

    /// A session knows by itself what it has to write.
    fn wait(&mut self, seen: Seen, until: Option<Instant>, _hungry: bool) -> Result<(), Halt> {
        self.wait(seen, until)
    }
}
