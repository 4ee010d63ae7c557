//! Three byte streams between a shell and this host.

use std::io;

use super::stream::Stream;

/// Non-blocking byte streams to and from a shell. `WouldBlock` means: nothing now.
pub(super) trait Transport {
    /// Writes some bytes. After `WouldBlock` the same bytes must come first in the next call.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize>;

    /// Reads some bytes of one stream; 0 when the shell has ended.
    fn read(&mut self, stream: Stream, buffer: &mut [u8]) -> io::Result<usize>;
}
