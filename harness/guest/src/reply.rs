//! What is sent to a guest, and what comes back.

use std::time::Duration;

/// One command line for the guest's shell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Run by `/bin/sh` in a subshell, stdin closed, in the fixed environment.
    pub script: String,
    /// After so long it is killed with all its children. Already scaled for the accelerator.
    pub timeout: Duration,
    /// Bytes of stdout and of stderr, each; a command that prints more is killed.
    pub limit: usize,
}

/// What a command said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reply {
    /// Its exit status as the shell saw it (128 + signal number for a killed one).
    pub status: i32,
    /// At most [`Request::limit`] bytes.
    pub stdout: Vec<u8>,
    /// At most [`Request::limit`] bytes.
    pub stderr: Vec<u8>,
    /// How it ended.
    pub end: End,
    /// From sending to the end of the frame.
    pub elapsed: Duration,
    /// What else was seen; only of a command line that was sent by [`super::Guest::commands`].
    pub notes: Notes,
}

/// What is seen of a command line that muster did not write itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Notes {
    /// The shell of the guest cannot parse it, so that its status says nothing of what it tests.
    pub unparsed: bool,
    /// A process that it left running still has its output open. What that process prints from now
    /// on is dropped.
    pub left_open: bool,
    /// Bytes that came between its end and the moment when its streams were closed, and were dropped.
    pub late_bytes: u64,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum End {
    /// By itself.
    #[default]
    Exited,
    /// Killed after its time-out; the output so far is kept.
    TimedOut,
    /// Killed because it printed more than its limit; the output so far is kept.
    TooMuchOutput,
}
