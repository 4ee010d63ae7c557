//! What becomes of a shard that ended.

use muster_base::exit::Exit;

/// What becomes of a shard whose run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It is merged as it is: its results say something of the image, or running it again would change nothing.
    Merge,
    /// It goes on with what has no result or ended in an error, a bounded number of times.
    GoOn,
}

/// The one table of what exit codes mean to an engine.
pub(super) fn next(exit: Exit) -> Next {
    match exit {
        Exit::Pass | Exit::Failed | Exit::Invalid | Exit::Stale => Next::Merge,
        Exit::Error => Next::GoOn,
    }
}
