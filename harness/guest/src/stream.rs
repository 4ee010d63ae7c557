//! The streams of a shell that come back.

/// One of the two streams of the shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output; its end markers carry the status.
    Out,
    /// Standard error.
    Err,
}

impl Stream {
    /// 0 or 1.
    pub(super) fn index(self) -> usize {
        self as usize
    }
}
