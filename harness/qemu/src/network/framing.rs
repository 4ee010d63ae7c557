//! Frames on a stream socket, as QEMU writes them: four bytes of length, most significant first, then
//! the frame.

use std::collections::VecDeque;
use std::io::{ErrorKind, Write as _};
use std::os::unix::net::UnixStream;

/// The longest frame QEMU passes on, in bytes; a guest can make one so long. A length beyond it means
/// that the stream is out of step, after which nothing on it can be believed.
const LONGEST: usize = 4096 + 65536;

/// Bytes that wait for one socket at most. Ethernet may lose frames; memory may not be lost.
pub(super) const LIMIT: usize = 1 << 20;

/// Frames that wait for a socket, as QEMU reads them.
#[derive(Debug, Default)]
pub(super) struct FrameQueue(VecDeque<u8>);

impl FrameQueue {
    /// Queues a frame. False when it is lost because too much waits already, or because it is no frame.
    pub(super) fn push(&mut self, frame: &[u8]) -> bool {
        let Ok(length) = u32::try_from(frame.len()) else { return false };
        if length == 0 || self.0.len() + frame.len() + 4 > LIMIT {
            return false;
        }
        self.0.extend(length.to_be_bytes());
        self.0.extend(frame);
        true
    }

    /// Bytes that wait.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Gives the socket what it takes now; an error when its other end is gone.
    pub(super) fn flush(&mut self, mut to: &UnixStream) -> Result<(), Unplugged> {
        while !self.0.is_empty() {
            match to.write(self.0.as_slices().0) {
                Ok(0) => return Err(Unplugged),
                Ok(count) => drop(self.0.drain(..count.min(self.0.len()))),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return Err(Unplugged),
            }
        }
        Ok(())
    }
}

/// A cable has been pulled out, or carries what no QEMU writes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unplugged;

/// The stream is out of step.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OutOfStep;

/// Takes a stream apart, torn anywhere. Memory: the longest frame.
#[derive(Debug, Default)]
pub(super) struct Deframer(Vec<u8>);

impl Deframer {
    /// Takes bytes and hands out the frames that are whole.
    pub(super) fn feed(&mut self, bytes: &[u8], mut frame: impl FnMut(&[u8])) -> Result<(), OutOfStep> {
        self.0.extend_from_slice(bytes);
        let mut from = 0;
        while let Some((head, rest)) = self.0[from..].split_first_chunk::<4>() {
            let length = usize::try_from(u32::from_be_bytes(*head)).unwrap_or(usize::MAX);
            if length == 0 || length > LONGEST {
                return Err(OutOfStep);
            }
            let Some(whole) = rest.get(..length) else { break };
            frame(whole);
            from += 4 + length;
        }
        self.0.drain(..from);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Result<(), OutOfStep>) {
        let (mut deframer, mut frames) = (Deframer::default(), Vec::new());
        for piece in pieces {
            if let Err(error) = deframer.feed(piece, |frame| frames.push(frame.to_vec())) {
                return (frames, Err(error));
            }
        }
        (frames, Ok(()))
    }

    #[test]
    fn frames_are_found_however_the_stream_is_torn() {
        let stream = b"\0\0\0\x03abc\0\0\0\x01d\0\0\0\x02ef";
        let whole = vec![b"abc".to_vec(), b"d".to_vec(), b"ef".to_vec()];
        for cut in 0..stream.len() {
            assert_eq!(fed(&[&stream[..cut], &stream[cut..]]), (whole.clone(), Ok(())), "cut at {cut}");
        }
        let bytes: Vec<&[u8]> = stream.chunks(1).collect();
        assert_eq!(fed(&bytes), (whole, Ok(())));
    }

    #[test]
    fn lying_lengths_end_the_stream() {
        assert_eq!(fed(&[b"\0\0\0\x01a\0\0\0\0"]), (vec![b"a".to_vec()], Err(OutOfStep)));
        assert_eq!(fed(&[b"\xff\xff\xff\xff"]).1, Err(OutOfStep));
        let length = (LONGEST as u32 + 1).to_be_bytes();
        assert_eq!(fed(&[&length]).1, Err(OutOfStep));
        let mut longest = (LONGEST as u32).to_be_bytes().to_vec();
        longest.resize(4 + LONGEST, 1);
        assert_eq!(fed(&[&longest]).0[0].len(), LONGEST);
    }
}
