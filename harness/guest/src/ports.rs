//! The two virtio-serial ports of a warm shell: one carries its standard input and output, the other
//! its standard error. QEMU holds the other ends; the shell was started before the machine became a
//! template, and goes on in every clone as if nothing had happened.

use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

use super::stream::Stream;
use super::transport::Transport;

/// This side of the ports, the main port first.
#[derive(Debug)]
pub struct PortPair {
    main: UnixStream,
    errors: UnixStream,
}

impl PortPair {
    /// Takes the connected sockets; they become non-blocking.
    pub fn new(main: UnixStream, errors: UnixStream) -> io::Result<Self> {
        main.set_nonblocking(true)?;
        errors.set_nonblocking(true)?;
        Ok(Self { main, errors })
    }

    pub(super) fn sockets(&self) -> [&impl AsFd; 2] {
        [&self.main, &self.errors]
    }

    pub(super) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self { main: self.main.try_clone()?, errors: self.errors.try_clone()? })
    }
}

impl Transport for PortPair {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.main.write(bytes)
    }

    fn read(&mut self, stream: Stream, buffer: &mut [u8]) -> io::Result<usize> {
        match stream {
            Stream::Out => self.main.read(buffer),
            Stream::Err => self.errors.read(buffer),
        }
    }
}
