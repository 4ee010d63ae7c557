//! Opens a file of metadata, verifies it, and unpacks it as it is read.
//!
//! `zstd`, `xz`, `gzip` and `bzip2` do it as children under limits, as for images: four decoders of hostile input stay
//! outside this process, and they run next to the parser, on another processor.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use muster_base::text::{hex, last_words};
use sha2::{Digest, Sha224, Sha384, Sha512};

use super::error::RepodataError;

/// Address space of a decoder: xz at its strongest takes 65 MiB, zstd refuses more than 128 MiB by itself.
const ADDRESS_SPACE: u64 = 1 << 30;
/// From the opening of a file to its end. Fedora's largest takes seconds.
const DEADLINE: Duration = Duration::from_secs(300);
/// Bytes that are read at once.
const CHUNK: usize = 1 << 18;

/// What repomd.xml states of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Stated {
    /// The kind of the checksum and its digits.
    pub(super) checksum: Option<(String, String)>,
    pub(super) size: Option<u64>,
}

/// Opens a plain file. Never blocks on one that is none.
pub(super) fn open(path: &Utf8Path) -> Result<File, RepodataError> {
    let failed = |source| RepodataError::Io { path: path.to_owned(), source };
    let file = File::options().read(true).custom_flags(NONBLOCK).open(path).map_err(failed)?;
    match file.metadata().map_err(failed)?.is_file() {
        true => Ok(file),
        false => Err(RepodataError::NotAFile { path: path.to_owned() }),
    }
}

/// `O_NONBLOCK`: opening a pipe does not wait for who writes to it.
const NONBLOCK: i32 = 0o4000;

/// Compares a file with what is stated of it, and goes back to its begin.
pub(super) fn verify(path: &Utf8Path, file: &mut File, stated: &Stated) -> Result<(), RepodataError> {
    let failed = |source| RepodataError::Io { path: path.to_owned(), source };
    let found = file.metadata().map_err(failed)?.len();
    if let Some(stated) = stated.size.filter(|stated| *stated != found) {
        return Err(RepodataError::Size { path: path.to_owned(), found, stated });
    }
    let Some((kind, stated)) = &stated.checksum else {
        return Err(RepodataError::ChecksumKind { path: path.to_owned(), kind: "none".to_owned() });
    };
    let (kind, found) = match kind.as_str() {
        "sha224" => ("SHA-224", digest::<Sha224>(file)),
        "sha256" => ("SHA-256", muster_base::files::sha256(&mut *file).map(|(_, digest)| hex(digest))),
        "sha384" => ("SHA-384", digest::<Sha384>(file)),
        "sha512" => ("SHA-512", digest::<Sha512>(file)),
        _ => return Err(RepodataError::ChecksumKind { path: path.to_owned(), kind: kind.clone() }),
    };
    let found = found.map_err(failed)?;
    if !found.eq_ignore_ascii_case(stated) {
        return Err(RepodataError::Checksum { path: path.to_owned(), kind, found, stated: stated.clone() });
    }
    file.seek(SeekFrom::Start(0)).map_err(failed).map(drop)
}

fn digest<D: Digest>(file: &mut File) -> std::io::Result<String> {
    let mut digest = D::new();
    let mut buffer = vec![0; CHUNK];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex(digest.finalize())),
            Ok(count) => digest.update(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The unpacked bytes of a file: at most so many in all, at most so many for one event of a parser, in bounded time.
#[derive(Debug)]
pub(super) struct Unpacked {
    path: Utf8PathBuf,
    source: Source,
    began: Instant,
    left: u64,
    limit: u64,
    /// What may be read before [`Unpacked::next_event`] is called again.
    event: u64,
}

#[derive(Debug)]
enum Source {
    Plain(BufReader<File>),
    Packed { program: &'static str, child: Child, errors: File, bytes: BufReader<ChildStdout> },
}

/// The most that one element, or one stretch of text, may have.
const EVENT: u64 = 8 << 20;

impl Unpacked {
    /// Starts at the begin of an open file. What it is packed with is seen by its first bytes.
    pub(super) fn new(path: &Utf8Path, mut file: File, limit: u64) -> Result<Self, RepodataError> {
        let failed = |source| RepodataError::Io { path: path.to_owned(), source };
        let mut magic = [0; 6];
        let mut filled = 0;
        while filled < magic.len() {
            match file.read(&mut magic[filled..]).map_err(failed)? {
                0 => break,
                count => filled += count,
            }
        }
        file.seek(SeekFrom::Start(0)).map_err(failed)?;
        let program = match &magic {
            [0x28, 0xb5, 0x2f, 0xfd, ..] => "zstd",
            [0xfd, b'7', b'z', b'X', b'Z', 0] => "xz",
            [0x1f, 0x8b, ..] => "gzip",
            [b'B', b'Z', b'h', ..] => "bzip2",
            [0, b'Z', b'C', b'K', b'1', _] => return Err(RepodataError::Zchunk { path: path.to_owned() }),
            _ => "",
        };
        let source = match program {
            "" => Source::Plain(BufReader::with_capacity(CHUNK, file)),
            program => Self::spawn(path, program, file)?,
        };
        Ok(Self { path: path.to_owned(), source, began: Instant::now(), left: limit, limit, event: EVENT })
    }

    fn spawn(path: &Utf8Path, program: &'static str, file: File) -> Result<Source, RepodataError> {
        let failed = |source| RepodataError::Io { path: path.to_owned(), source };
        let missing = || RepodataError::ToolMissing { path: path.to_owned(), tool: program };
        if !muster_base::files::on_path(program) {
            return Err(missing());
        }
        let mut command = if muster_base::files::on_path("prlimit") {
            let mut command = Command::new("prlimit");
            command.arg(format!("--as={ADDRESS_SPACE}")).arg(format!("--cpu={}", DEADLINE.as_secs()));
            command.args(["--core=0", "--", program]);
            command
        } else {
            Command::new(program)
        };
        let errors = tempfile::tempfile().map_err(failed)?;
        command.args(["-d", "-c"]).env("LC_ALL", "C").stdin(file).stdout(Stdio::piped());
        command.stderr(errors.try_clone().map_err(failed)?);
        let mut child = command.spawn().map_err(failed)?;
        let bytes = child.stdout.take().ok_or_else(missing)?;
        Ok(Source::Packed { program, child, errors, bytes: BufReader::with_capacity(CHUNK, bytes) })
    }

    /// The parser begins another event.
    pub(super) fn next_event(&mut self) {
        self.event = EVENT;
    }

    /// Why no more bytes came, if that is this reader's doing; to be called after the parser failed or met the end.
    pub(super) fn end(&mut self) -> Result<(), RepodataError> {
        let path = || self.path.clone();
        if self.left == 0 {
            return Err(RepodataError::Bomb { path: path(), limit: self.limit });
        }
        if self.event == 0 {
            let reason = format!("one element or text has more than {EVENT} bytes");
            return Err(RepodataError::Xml { path: path(), at: self.limit - self.left, reason });
        }
        if self.began.elapsed() > DEADLINE {
            return Err(RepodataError::Slow { path: path(), seconds: DEADLINE.as_secs() });
        }
        let Source::Packed { program, child, errors, bytes } = &mut self.source else { return Ok(()) };
        let failed = |source| RepodataError::Io { path: self.path.clone(), source };
        // What a parser that failed left unread would keep the decoder waiting.
        if !bytes.fill_buf().map_err(failed)?.is_empty() {
            return Ok(());
        }
        let status = child.wait().map_err(failed)?;
        if status.success() {
            return Ok(());
        }
        let mut said = Vec::new();
        let _ = errors.seek(SeekFrom::Start(0)).and_then(|_| errors.take(4096).read_to_end(&mut said));
        let said = last_words(&String::from_utf8_lossy(&said), 200);
        let reason = if said.is_empty() { format!("{program} ended with {status}") } else { said };
        Err(RepodataError::Compressed { path: self.path.clone(), reason })
    }
}

impl Drop for Unpacked {
    fn drop(&mut self) {
        if let Source::Packed { child, .. } = &mut self.source {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Read for Unpacked {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(out.len());
        out[..count].copy_from_slice(&available[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Unpacked {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        let limit = || std::io::Error::other("a limit was reached");
        if self.left == 0 || self.event == 0 {
            return Err(limit());
        }
        let is_empty = match &self.source {
            Source::Plain(bytes) => bytes.buffer().is_empty(),
            Source::Packed { bytes, .. } => bytes.buffer().is_empty(),
        };
        // The clock is read once for each chunk, not for each event of the parser.
        if is_empty && self.began.elapsed() > DEADLINE {
            return Err(limit());
        }
        match &mut self.source {
            Source::Plain(bytes) => bytes.fill_buf(),
            Source::Packed { bytes, .. } => bytes.fill_buf(),
        }
    }

    fn consume(&mut self, count: usize) {
        self.left = self.left.saturating_sub(count as u64);
        self.event = self.event.saturating_sub(count as u64);
        match &mut self.source {
            Source::Plain(bytes) => bytes.consume(count),
            Source::Packed { bytes, .. } => bytes.consume(count),
        }
    }
}
