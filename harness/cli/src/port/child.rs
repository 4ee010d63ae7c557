//! Programs of this host that read strangers' files: limited in time, memory and output.

use std::io::{self, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use muster_base::text::last_words;
use muster_chain::Unavailable;

/// Address space of one program, in bytes.
const ADDRESS_SPACE: u64 = 2 << 30;
/// Seconds that one may take.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);
/// Bytes of what one says on stderr that are kept.
const WORDS: u64 = 16 << 10;
/// How often it is looked whether one has ended.
const PAUSE: Duration = Duration::from_millis(5);

/// A program with limits, its environment plain, its input closed.
pub(super) fn limited(program: &str) -> Command {
    let mut command = match muster_base::files::on_path("prlimit") {
        true => {
            let mut command = Command::new("prlimit");
            command.arg(format!("--as={ADDRESS_SPACE}")).arg(format!("--cpu={}", DEADLINE.as_secs()));
            command.args(["--core=0", "--", program]);
            command
        }
        false => Command::new(program),
    };
    command.env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Kills its program when it is dropped before that has ended.
pub(super) struct Guarded(pub(super) Child);

impl Guarded {
    /// Waits for its end, until [`DEADLINE`] after it began.
    ///
    /// # Errors
    /// It has not ended by then.
    pub(super) fn wait(&mut self, begun: Instant) -> io::Result<ExitStatus> {
        loop {
            match self.0.try_wait()? {
                Some(status) => return Ok(status),
                None if begun.elapsed() >= DEADLINE => return Err(late()),
                None => std::thread::sleep(PAUSE),
            }
        }
    }
}

fn late() -> io::Error {
    let why = format!("it did not end within {} s", DEADLINE.as_secs());
    io::Error::new(io::ErrorKind::TimedOut, why)
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What it prints, at most `limit` bytes.
///
/// # Errors
/// It is not there, ends badly, prints more, or does not end in time.
pub(super) fn output(mut command: Command, program: &str, limit: u64) -> Result<Vec<u8>, Unavailable> {
    if !muster_base::files::on_path(program) {
        return Err(Unavailable(format!("{program} is not installed on this host")));
    }
    let failed = |why: String| Unavailable(format!("{program}: {why}"));
    let mut child = Guarded(command.spawn().map_err(|error| failed(error.to_string()))?);
    let stdout = read(child.0.stdout.take(), limit + 1);
    let stderr = read(child.0.stderr.take(), WORDS);
    let begun = Instant::now();
    let said = stdout.recv_timeout(DEADLINE.saturating_sub(begun.elapsed())).map_err(|_| failed(late().to_string()))?;
    if said.len() as u64 > limit {
        return Err(failed(format!("it printed more than {} MiB", limit >> 20)));
    }
    let status = child.wait(begun).map_err(|error| failed(error.to_string()))?;
    let words = stderr.recv_timeout(Duration::from_secs(1)).unwrap_or_default();
    match status.success() {
        true => Ok(said),
        false => Err(failed(match last_words(&String::from_utf8_lossy(&words), 200) {
            nothing if nothing.is_empty() => format!("{status}"),
            words => words,
        })),
    }
}

/// Reads a stream on a thread of its own, at most `limit` bytes.
pub(super) fn read(stream: Option<impl Read + Send + 'static>, limit: u64) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(stream) = stream {
            // What was read before an error is what there is.
            let _ = stream.take(limit).read_to_end(&mut bytes);
        }
        let _ = sender.send(bytes);
    });
    receiver
}

/// What a program prints, within the time that one may take.
pub(super) struct Piped {
    blocks: mpsc::Receiver<io::Result<Vec<u8>>>,
    block: Vec<u8>,
    at: usize,
    pub(super) begun: Instant,
    /// It printed all that it had.
    pub(super) ended: bool,
}

impl Piped {
    pub(super) fn new(mut stream: impl Read + Send + 'static) -> Self {
        let (sender, blocks) = mpsc::sync_channel(4);
        std::thread::spawn(move || {
            loop {
                let mut block = vec![0; 64 << 10];
                let read = match stream.read(&mut block) {
                    Ok(0) => break,
                    Ok(count) => {
                        block.truncate(count);
                        Ok(block)
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let failed = read.is_err();
                if sender.send(read).is_err() || failed {
                    break;
                }
            }
        });
        Self { blocks, block: Vec::new(), at: 0, begun: Instant::now(), ended: false }
    }
}

impl Read for Piped {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at == self.block.len() {
            let left = DEADLINE.saturating_sub(self.begun.elapsed());
            match self.blocks.recv_timeout(left) {
                Ok(block) => (self.block, self.at) = (block?, 0),
                Err(mpsc::RecvTimeoutError::Disconnected) => {
                    self.ended = true;
                    return Ok(0);
                }
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    let why = format!("it was not unpacked within {} s", DEADLINE.as_secs());
                    return Err(io::Error::new(io::ErrorKind::TimedOut, why));
                }
            }
        }
        let count = into.len().min(self.block.len() - self.at);
        into[..count].copy_from_slice(&self.block[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = limited("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_program_is_read_within_its_limits() {
        assert_eq!(output(shell("echo a"), "sh", 10).unwrap(), b"a\n");
        assert!(output(shell("echo why >&2; exit 3"), "sh", 10).unwrap_err().0.contains("why"));
        assert!(output(shell("exit 3"), "sh", 10).unwrap_err().0.contains("3"));
        let more = output(shell("while :; do echo aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; done"), "sh", 1 << 20);
        assert!(more.unwrap_err().0.contains("more than 1 MiB"));
        let none = output(Command::new("no-such-program-at-all"), "no-such-program-at-all", 1).unwrap_err();
        assert!(none.0.contains("not installed"), "{none}");
    }
}
