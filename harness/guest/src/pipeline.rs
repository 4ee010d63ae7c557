//! The protocol of [`super::frame`] over a transport: requests in, events out, nothing waits.

use std::io;

use super::frame::{Deframer, Violation};
use super::ssh::Seen;
use super::stream::Stream;
use super::transport::Transport;

/// Bytes that are taken from the transport before timers are looked at again.
const GULP: usize = 1 << 20;

/// Why a shell is of no more use.
#[derive(Debug)]
pub(super) enum Fault {
    /// It ended.
    Ended,
    /// It speaks another language.
    Violated(Violation),
    /// Its transport failed.
    Transport(io::Error),
}

/// Requests in, events out, over any transport.
pub(super) struct Pipeline<T> {
    pub(super) transport: T,
    outbox: Vec<u8>,
    sent: usize,
    pub(super) deframer: Deframer,
    buffer: Box<[u8]>,
    /// What had come at the last look that left nothing behind.
    passed: Option<Seen>,
    /// Looks that found something although nothing had come since the look before.
    rescues: u64,
    /// Bytes read.
    taken: u64,
    /// Something was queued since it was last tried to write.
    untried: bool,
}

impl<T: Transport> Pipeline<T> {
    pub(super) fn new(transport: T) -> Self {
        let buffer = vec![0; 64 << 10].into_boxed_slice();
        Self {
            transport,
            outbox: Vec::new(),
            sent: 0,
            deframer: Deframer::default(),
            buffer,
            passed: None,
            rescues: 0,
            taken: 0,
            untried: false,
        }
    }

    /// Queues the lines of a request whose frame has been announced to the deframer.
    pub(super) fn queue(&mut self, lines: &[u8]) {
        self.outbox.extend_from_slice(lines);
        self.untried = true;
    }

    /// Moves what can be moved without waiting. True when there may be more to move at once.
    /// `seen` was taken right before; whoever waits next passes the same.
    pub(super) fn pump(&mut self, seen: Seen) -> Result<bool, Fault> {
        let before = self.taken;
        let more = self.transfer();
        if self.taken > before && seen.is_queued() && self.passed == Some(seen) {
            self.rescues += 1;
        }
        self.passed = matches!(more, Ok(false)).then_some(seen);
        more
    }

    fn transfer(&mut self) -> Result<bool, Fault> {
        let mut more = self.write()?;
        let mut taken = 0;
        for stream in [Stream::Out, Stream::Err] {
            loop {
                match self.transport.read(stream, &mut self.buffer) {
                    Ok(0) => return Err(Fault::Ended),
                    Ok(count) => {
                        self.deframer.feed(stream, &self.buffer[..count]).map_err(Fault::Violated)?;
                        taken += count;
                        self.taken += count as u64;
                        if taken >= GULP {
                            more = true;
                            break;
                        }
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    Err(error) => return Err(Fault::Transport(error)),
                }
            }
        }
        Ok(more)
    }

    /// Writes until the transport takes no more.
    fn write(&mut self) -> Result<bool, Fault> {
        self.untried = false;
        while self.sent < self.outbox.len() {
            match self.transport.write(&self.outbox[self.sent..]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(Fault::Transport(error)),
            }
        }
        self.outbox.clear();
        self.sent = 0;
        Ok(false)
    }
}

impl<T> Pipeline<T> {
    /// How often something was found that should not have been left lying, since this was last read.
    pub(super) fn take_rescues(&mut self) -> u64 {
        std::mem::take(&mut self.rescues)
    }

    /// Whether something was queued that the transport has not been offered: nobody may wait before.
    pub(super) fn is_untried(&self) -> bool {
        self.untried
    }

    /// Whether something waits to be written.
    pub(super) fn is_hungry(&self) -> bool {
        self.sent < self.outbox.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes everything and says nothing.
    struct Sink;

    impl Transport for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn read(&mut self, _: Stream, _: &mut [u8]) -> io::Result<usize> {
            Err(io::ErrorKind::WouldBlock.into())
        }
    }

    #[test]
    fn what_was_queued_after_the_last_look_forbids_to_wait() {
        let mut pipe = Pipeline::new(Sink);
        pipe.pump(Seen::UNQUEUED).unwrap();
        assert!(!pipe.is_untried());
        pipe.queue(b"the end of a guarded command");
        assert!(pipe.is_untried());
        pipe.pump(Seen::UNQUEUED).unwrap();
        assert!(!pipe.is_untried() && !pipe.is_hungry());
    }
}
