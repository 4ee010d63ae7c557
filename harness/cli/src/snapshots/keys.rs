//! Single keys of a person at a terminal.

use std::io::Stdin;

use rustix::termios::{LocalModes, OptionalActions, QueueSelector, Termios, tcflush, tcgetattr, tcsetattr};

use crate::error::CliError;

const CTRL_C: u8 = 0x03;
const CTRL_D: u8 = 0x04;

/// What a person can press.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    /// One that is no character, several at once, or what was pasted.
    Other,
    /// Ctrl-C, Ctrl-D, or a terminal that is gone.
    End,
}

/// A terminal that hands on each key as it is pressed and shows none. As it was before, when dropped.
pub(super) struct Keys {
    stdin: Stdin,
    before: Termios,
}

impl Keys {
    pub(super) fn of_stdin() -> Result<Self, CliError> {
        let failed = |error| CliError::infrastructure(format!("the terminal cannot be read key by key: {error}"));
        let stdin = std::io::stdin();
        let before = tcgetattr(&stdin).map_err(failed)?;
        let mut raw = before.clone();
        // Without signals too: the terminal must be as it was when Ctrl-C ends the review.
        raw.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG);
        tcsetattr(&stdin, OptionalActions::Flush, &raw).map_err(failed)?;
        Ok(Self { stdin, before })
    }

    /// Forgets what was pressed so far: a key that was pressed before a person saw what it is about decides nothing.
    pub(super) fn forget(&mut self) {
        let _ = tcflush(&self.stdin, QueueSelector::IFlush);
    }

    /// The next key.
    pub(super) fn wait(&mut self) -> Key {
        let mut bytes = [0; 64];
        loop {
            return match rustix::io::read(&self.stdin, &mut bytes) {
                Ok(1) if bytes[0].is_ascii_graphic() => Key::Char(char::from(bytes[0])),
                Ok(0) => Key::End,
                Ok(1) if matches!(bytes[0], CTRL_C | CTRL_D) => Key::End,
                Ok(_) => Key::Other,
                Err(rustix::io::Errno::INTR) => continue,
                Err(_) => Key::End,
            };
        }
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.stdin, OptionalActions::Now, &self.before);
    }
}
