//! Programs of this host that read strangers' files: limited in time, memory and output.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
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
    let left = || DEADLINE.saturating_sub(begun.elapsed());
    let late = || failed(format!("it did not end within {} s", DEADLINE.as_secs()));
    let said = stdout.recv_timeout(left()).map_err(|_| late())?;
    if said.len() as u64 > limit {
        return Err(failed(format!("it printed more than {} MiB", limit >> 20)));
    }
    let status = loop {
        match child.0.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if left().is_zero() => return Err(late()),
            Ok(None) => std::thread::sleep(PAUSE),
            Err(error) => return Err(failed(error.to_string())),
        }
    };
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
pub(super) fn read(stream: Option<impl std::io::Read + Send + 'static>, limit: u64) -> mpsc::Receiver<Vec<u8>> {
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
