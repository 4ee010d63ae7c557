//! Bytes from this host into a guest and back, through its shell alone.

use std::io::Read;
use std::time::Duration;

use base64::Engine as _;
use sha2::{Digest as _, Sha256};

use super::driver::Live;
use super::one_reply::one_reply;
use muster_base::failure::Failure;
use muster_base::text::{self, shell_word};
use muster_guest::{End, Reply, Request};

/// Bytes of a file that go to the guest in one command.
const CHUNK: usize = 192 << 10;
/// Commands that are written ahead of their answers.
const AHEAD: usize = 16;
/// Bytes of what one of these commands prints.
const REPLY_LIMIT: usize = 64 << 10;
/// What such a command is about.
const TRANSFER: &str = "a transfer";

/// Why a file did not get from one side to the other.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TransferError {
    /// The guest does not answer any more.
    #[error("{}", .0.message)]
    Lost(Failure),
    /// The guest cannot write or read it.
    #[error("{path}: {what}: {said}")]
    Refused {
        /// In the guest.
        path: String,
        /// What could not be done.
        what: &'static str,
        /// What the guest printed, escaped and bounded.
        said: String,
    },
    /// This host cannot read it.
    #[error("it cannot be read on this host: {0}")]
    Unread(String),
    /// It is longer than the limit.
    #[error("{path} is longer than {limit} bytes, the most that is read of it")]
    TooLong {
        /// In the guest.
        path: String,
        /// In bytes.
        limit: usize,
    },
    /// It was not there in time.
    #[error("{path} was not transferred within {} s", timeout.as_secs())]
    TimedOut {
        /// In the guest.
        path: String,
        /// As it was scaled.
        timeout: Duration,
    },
}

/// What was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// In bytes.
    pub length: u64,
    /// SHA-256, hex.
    pub sha256: String,
}

/// Writes the bytes to a file of the guest, as [`send_from`] does.
///
/// # Errors
/// What could not be written, or that the guest is gone.
pub async fn send<L: Live>(
    live: &L,
    content: &[u8],
    path: &str,
    mode: u32,
    timeout: Duration,
) -> Result<(), TransferError> {
    let mut content = content;
    send_from(live, &mut content, path, mode, timeout).await.map(drop)
}

/// Writes what the reader gives to a file of the guest: next to its place first, under its name when it has arrived
/// whole. Each command may take `timeout`, already scaled. A few MiB of it are held at a time.
///
/// # Errors
/// What could not be read or written, or that the guest is gone.
pub async fn send_from<L: Live>(
    live: &L,
    content: &mut (dyn Read + Send),
    path: &str,
    mode: u32,
    timeout: Duration,
) -> Result<Sent, TransferError> {
    let (target, part) = (shell_word(path), shell_word(&format!("{path}.muster-part")));
    let one = async |script: String, what: &'static str| {
        let request = Request { script, timeout, limit: REPLY_LIMIT };
        let reply = one_reply(live, request, TRANSFER).await.map_err(TransferError::Lost)?;
        checked(reply, path, what, timeout)
    };
    let begun = one(format!("command -v base64 >/dev/null && echo base64; : >{part}"), "it cannot be created").await?;
    let encoded = begun.stdout == b"base64\n";
    let (mut digest, mut length) = (Sha256::new(), 0);
    let mut block = vec![0; CHUNK * AHEAD];
    loop {
        let filled = fill(content, &mut block).map_err(|error| TransferError::Unread(error.to_string()))?;
        let bytes = block.get(..filled).unwrap_or_default();
        if bytes.is_empty() {
            break;
        }
        digest.update(bytes);
        length += bytes.len() as u64;
        let requests = bytes.chunks(CHUNK).map(|chunk| {
            let script = append(chunk, &part, encoded);
            Request { script, timeout, limit: REPLY_LIMIT }
        });
        for reply in live.batch(requests.collect()).await.map_err(TransferError::Lost)? {
            checked(reply, path, "it cannot be written", timeout)?;
        }
    }
    let proof = format!(
        "if command -v sha256sum >/dev/null; then sha256sum <{part} || exit 1; else wc -c <{part} || exit 1; fi\n\
         chmod {mode:04o} {part} && mv -f -- {part} {target}"
    );
    let proven = one(proof, "it cannot be put in its place").await?;
    let said = text::escape_bytes(&proven.stdout);
    let said = said.split_whitespace().next().unwrap_or_default();
    let sha256 = text::hex(digest.finalize());
    if said != sha256 && said != length.to_string() {
        let said = text::one_line(said, 80);
        return Err(TransferError::Refused {
            path: path.to_owned(),
            what: "it arrived otherwise than it was sent",
            said,
        });
    }
    Ok(Sent { length, sha256 })
}

/// Reads until the block is full or nothing is left.
fn fill(content: &mut (dyn Read + Send), block: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while let Some(room) = block.get_mut(filled..).filter(|room| !room.is_empty()) {
        match content.read(room) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// The bytes of a file of the guest, at most `limit`; more is an error. `timeout` is already scaled.
///
/// # Errors
/// It cannot be read, is longer, or the guest is gone.
pub async fn receive<L: Live>(live: &L, path: &str, limit: usize, timeout: Duration) -> Result<Vec<u8>, TransferError> {
    let request = Request { script: format!("cat -- {}", shell_word(path)), timeout, limit };
    let reply = one_reply(live, request, TRANSFER).await.map_err(TransferError::Lost)?;
    match reply.end {
        End::TooMuchOutput => Err(TransferError::TooLong { path: path.to_owned(), limit }),
        _ => checked(reply, path, "it cannot be read", timeout).map(|reply| reply.stdout),
    }
}

/// The reply of a command that has to end well.
fn checked(reply: Reply, path: &str, what: &'static str, timeout: Duration) -> Result<Reply, TransferError> {
    let path = path.to_owned();
    match reply.end {
        End::Exited if reply.status == 0 => Ok(reply),
        End::TimedOut => Err(TransferError::TimedOut { path, timeout }),
        End::Exited | End::TooMuchOutput => {
            let said = text::last_words(&text::escape_bytes(&reply.stderr), 160);
            Err(TransferError::Refused { path, what, said })
        }
    }
}

/// A command that appends the bytes to the file; with builtins alone where there is no `base64`.
fn append(bytes: &[u8], file: &str, encoded: bool) -> String {
    if encoded {
        let text = base64::engine::general_purpose::STANDARD.encode(bytes);
        // Some decoders want lines.
        let lines: Vec<&str> = text.as_bytes().chunks(76).filter_map(|line| std::str::from_utf8(line).ok()).collect();
        return format!("base64 -d >>{file} <<'END'\n{}\nEND\n", lines.join("\n"));
    }
    let octal: String = bytes.iter().map(|byte| format!("\\{byte:03o}")).collect();
    format!("printf '{octal}' >>{file}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_arrive_by_either_way_of_writing_them() {
        let bytes: Vec<u8> = (0..=255).collect();
        for encoded in [true, false] {
            let dir = tempfile::tempdir().unwrap();
            let file = dir.path().join("a b");
            let script = append(&bytes, &shell_word(file.to_str().unwrap()), encoded);
            let ended = std::process::Command::new("sh").args(["-c", &script]).status().unwrap();
            assert!(ended.success());
            assert_eq!(std::fs::read(&file).unwrap(), bytes, "encoded: {encoded}");
        }
    }

    #[test]
    fn a_reader_that_gives_little_at_a_time_fills_a_block() {
        struct Drip(u8);
        impl Read for Drip {
            fn read(&mut self, room: &mut [u8]) -> std::io::Result<usize> {
                self.0 += 1;
                match self.0 {
                    1 => Err(std::io::ErrorKind::Interrupted.into()),
                    6.. => Ok(0),
                    byte => {
                        room[0] = byte;
                        Ok(1)
                    }
                }
            }
        }
        let mut block = [0; 3];
        let mut drip = Drip(0);
        assert_eq!((fill(&mut drip, &mut block).unwrap(), block), (3, [2, 3, 4]));
        assert_eq!((fill(&mut drip, &mut block).unwrap(), block[0]), (1, 5));
        assert_eq!(fill(&mut drip, &mut block).unwrap(), 0);
    }

    #[test]
    fn what_went_wrong_names_the_file() {
        let of = |end, status| {
            let reply = Reply { end, status, stderr: b"no\x1b space".to_vec(), ..Reply::default() };
            checked(reply, "/a", "it cannot be written", Duration::from_secs(3)).map(drop)
        };
        assert_eq!(of(End::Exited, 0), Ok(()));
        assert_eq!(of(End::Exited, 1).unwrap_err().to_string(), "/a: it cannot be written: no\\x1b space");
        assert_eq!(of(End::TimedOut, 0).unwrap_err().to_string(), "/a was not transferred within 3 s");
    }
}
