//! The guest's end of a network, for tests: frames as QEMU sends and takes them.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;

/// Sends a frame after its length.
pub(super) fn send(mut end: &UnixStream, frame: &[u8]) -> std::io::Result<()> {
    let mut bytes = (frame.len() as u32).to_be_bytes().to_vec();
    bytes.extend(frame);
    end.write_all(&bytes)
}

/// The next frame; waits at most as long as the socket does.
pub(super) fn receive(mut end: &UnixStream) -> Vec<u8> {
    let mut length = [0; 4];
    end.read_exact(&mut length).unwrap();
    let mut frame = vec![0; u32::from_be_bytes(length) as usize];
    end.read_exact(&mut frame).unwrap();
    frame
}
