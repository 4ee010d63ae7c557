//! An exec channel of an SSH session, as the transport of a shell.

use std::io::{self, Read, Write};
use std::time::{Duration, Instant};

use ssh2::Channel;

use super::ssh::{Gone, Halt, SshSession};
use super::stream::Stream;
use super::transport::Transport;

/// An exec channel.
pub(super) struct ExecChannel(Channel);

impl ExecChannel {
    /// Starts `command` on a new channel. Servers refuse channels for a moment when others were
    /// closed just before, so a refusal is tried again.
    pub(super) fn open(ssh: &mut SshSession, command: &str, limit: Instant, gone: Gone) -> Result<Self, Halt> {
        let mut refused = 0;
        let mut channel = loop {
            match ssh.drive(gone, |_| limit, |session| session.channel_session()) {
                Err(Halt::Failed(error)) if is_refusal(&error) && refused < 5 => {
                    refused += 1;
                    let again = Instant::now() + Duration::from_millis(50 << refused);
                    while Instant::now() < again.min(limit) && !gone() {
                        let seen = ssh.seen();
                        ssh.wait(seen, Some(again.min(limit)))?;
                    }
                }
                other => break other?,
            }
        };
        ssh.drive(gone, |_| limit, |_| channel.exec(command))?;
        Ok(Self(channel))
    }

    /// Tells the command that nothing more comes.
    pub(super) fn send_eof(&mut self, ssh: &mut SshSession, limit: Instant) -> Result<(), Halt> {
        ssh.drive(&|| false, |_| limit, |_| self.0.send_eof())
    }

    /// Closes in good order, as a channel must be before it is dropped, but gives up at the limit:
    /// a busy channel would take its time.
    pub(super) fn close(mut self, ssh: &mut SshSession, limit: Instant) {
        if ssh.drive(&|| false, |_| limit, |_| self.0.close()).is_ok() {
            let mut scrap = [0; 4096];
            let _ = ssh.drive(
                &|| false,
                |_| limit,
                |_| {
                    // libssh2 does not see the close behind data that nobody reads.
                    for stream in [Stream::Out, Stream::Err] {
                        while matches!(self.read(stream, &mut scrap), Ok(1..)) {}
                    }
                    self.0.wait_close()
                },
            );
        }
    }
}

fn is_refusal(error: &ssh2::Error) -> bool {
    error.code() == ssh2::ErrorCode::Session(libssh2_sys::LIBSSH2_ERROR_CHANNEL_FAILURE)
}

impl Transport for ExecChannel {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.0.write(bytes)? {
            0 if !bytes.is_empty() => Err(io::ErrorKind::WouldBlock.into()),
            written => Ok(written),
        }
    }

    fn read(&mut self, stream: Stream, buffer: &mut [u8]) -> io::Result<usize> {
        let id = match stream {
            Stream::Out => 0,
            Stream::Err => ssh2::EXTENDED_DATA_STDERR,
        };
        match self.0.stream(id).read(buffer)? {
            // Zero bytes also come back when the server sent an empty packet.
            0 if !self.0.eof() => Err(io::ErrorKind::WouldBlock.into()),
            read => Ok(read),
        }
    }
}
