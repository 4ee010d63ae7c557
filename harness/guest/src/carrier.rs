//! What carries the framed shell: an SSH channel, or two virtio-serial ports.

use std::io;

use super::channel::ExecChannel;
use super::ports::PortPair;
use super::stream::Stream;
use super::transport::Transport;

/// One of the two.
pub(super) enum Carrier {
    /// An SSH channel.
    Channel(ExecChannel),
    /// Virtio-serial ports of a clone.
    Ports(PortPair),
}

impl Transport for Carrier {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Channel(channel) => channel.write(bytes),
            Self::Ports(ports) => ports.write(bytes),
        }
    }

    fn read(&mut self, stream: Stream, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Channel(channel) => channel.read(stream, buffer),
            Self::Ports(ports) => ports.read(stream, buffer),
        }
    }
}
