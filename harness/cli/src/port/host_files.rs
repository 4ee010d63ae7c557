//! What readers of chains cannot do by themselves, on the real file system: other files below the chain's own
//! directory, and programs of this host under limits.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::process::Command;
use std::sync::{Arc, mpsc};
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};

use super::child::{self, Guarded};
use muster_base::text::one_line;
use muster_chain::{Host, Unavailable, limits};

/// Bytes of what rpm and rpmspec print.
const PRINTED: u64 = 64 << 20;
/// Bytes of a tar header and of its blocks.
const BLOCK: usize = 512;
/// Bytes of a long name in an archive.
const LONG_NAME: u64 = 4096;

/// The file system and the programs of this host, and the texts that were included.
#[derive(Default)]
pub(super) struct HostFiles {
    included: RefCell<BTreeMap<Arc<str>, Arc<str>>>,
}

impl HostFiles {
    /// What was included, by the names that places have.
    pub(super) fn into_texts(self) -> BTreeMap<Arc<str>, Arc<str>> {
        self.included.into_inner()
    }
}

/// Reads a file from its beginning, at most `limit` bytes, only if it is a plain one.
///
/// # Errors
/// What is wrong with it, behind its name.
pub(super) fn read(path: &Utf8Path, limit: u64) -> Result<Vec<u8>, Unavailable> {
    let failed = |why: String| Unavailable(format!("{}: {why}", one_line(path.as_str(), 300)));
    // Without following what would block: a FIFO has no end.
    let metadata = std::fs::metadata(path).map_err(|error| failed(plain(&error)))?;
    if !metadata.is_file() {
        return Err(failed("it is not a plain file".to_owned()));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| failed(plain(&error)))?;
    file.take(limit).read_to_end(&mut bytes).map_err(|error| failed(plain(&error)))?;
    Ok(bytes)
}

/// The error without the number that only this system knows.
fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "it cannot be read: permission denied".to_owned(),
        _ => error.to_string(),
    }
}

/// The real path of what `from` names, below the directory that `from` is in: neither `..` nor a link leads out of it.
pub(super) fn contained(from: &Utf8Path, name: &str) -> Result<Utf8PathBuf, Unavailable> {
    let failed = |why: &str| Unavailable(format!("{}: {why}", one_line(name, 200)));
    let dir = match from.parent() {
        Some(dir) if !dir.as_str().is_empty() => dir.to_owned(),
        _ => Utf8PathBuf::from("."),
    };
    let root = dir.canonicalize_utf8().map_err(|_| failed("its directory cannot be read"))?;
    let real = root.join(name).canonicalize_utf8().map_err(|error| failed(&plain(&error)))?;
    match real.starts_with(&root) {
        true => Ok(real),
        false => Err(failed("it is outside of the directory of the file that names it")),
    }
}

impl Host for HostFiles {
    fn included(&self, from: &Utf8Path, name: &str) -> Result<(String, String), Unavailable> {
        let real = contained(from, name)?;
        let bytes = read(&real, limits::TEXT + 1)?;
        let failed = |why: String| Unavailable(format!("{}: {why}", one_line(name, 200)));
        if bytes.len() as u64 > limits::TEXT {
            return Err(failed(format!("it is longer than {} MiB", limits::TEXT >> 20)));
        }
        let text = String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8 text".to_owned()))?;
        let shown = match from.parent() {
            Some(dir) if !dir.as_str().is_empty() => dir.join(name).to_string(),
            _ => name.to_owned(),
        };
        self.included.borrow_mut().insert(Arc::from(shown.as_str()), Arc::from(text.as_str()));
        Ok((shown, text))
    }

    fn rpm(&self, file: &Utf8Path, format: &str) -> Result<String, Unavailable> {
        let mut command = child::limited("rpm");
        command.args(["-qp", "--nosignature", "--nodigest", "--qf", format, "--"]).arg(absolute(file)?);
        text_of(child::output(command, "rpm", PRINTED)?, "rpm")
    }

    fn rpmspec(&self, file: &Utf8Path, arguments: &[&str]) -> Result<String, Unavailable> {
        let path = absolute(file)?;
        let text = String::from_utf8_lossy(&read(&path, limits::TEXT)?).into_owned();
        // `%(…)` runs a command of this host, `%{lua:…}` a program: a stranger's spec gets neither.
        if let Some(line) = text.lines().position(runs_something) {
            let what = "a macro that runs a program of this host, which is not expanded";
            return Err(Unavailable(format!("line {} has {what}", line + 1)));
        }
        // No macros but rpm's own: those of the user and of other packages may run programs.
        let mut command = child::limited("rpmspec");
        command
            .env("HOME", "/nonexistent")
            .env_remove("XDG_CONFIG_HOME")
            .args(["--macros=/usr/lib/rpm/macros", "--query"]);
        command.args(arguments).arg("--").arg(path);
        text_of(child::output(command, "rpmspec", PRINTED)?, "rpmspec")
    }

    fn archive(&self, file: &Utf8Path, bytes: u64, each: &mut dyn FnMut(&str, &[u8])) -> Result<(), Unavailable> {
        let path = absolute(file)?;
        let magic = read(&path, 6)?;
        let unpacker = match magic.as_slice() {
            [0x1f, 0x8b, ..] => Some("gzip"),
            [0xfd, b'7', b'z', b'X', b'Z', 0] => Some("xz"),
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("zstd"),
            [b'B', b'Z', b'h', ..] => Some("bzip2"),
            _ => None,
        };
        let Some(program) = unpacker else {
            let file = std::fs::File::open(&path).map_err(|error| Unavailable(plain(&error)))?;
            return members(file, bytes, each);
        };
        if !muster_base::files::on_path(program) {
            return Err(Unavailable(format!("{program} is not installed on this host")));
        }
        let mut command: Command = child::limited(program);
        command.args(["-dc", "--"]).arg(&path).stderr(std::process::Stdio::null());
        let failed = |why: String| Unavailable(format!("{program}: {why}"));
        let mut child = Guarded(command.spawn().map_err(|error| failed(error.to_string()))?);
        let stdout = child.0.stdout.take().ok_or_else(|| failed("it has no output".to_owned()))?;
        members(Piped::new(stdout), bytes, each)
    }

    fn listed(&self, from: &Utf8Path, name: &str) -> Result<Vec<String>, Unavailable> {
        let real = contained(from, name)?;
        let failed = |error: std::io::Error| Unavailable(format!("{}: {}", one_line(name, 200), plain(&error)));
        let mut names = Vec::new();
        for entry in real.read_dir_utf8().map_err(failed)? {
            // One whose name is not UTF-8 cannot be named to anybody.
            let Ok(entry) = entry else { continue };
            if entry.file_type().is_ok_and(|kind| kind.is_file()) {
                names.push(format!("{}/{}", name.trim_end_matches('/'), entry.file_name()));
            }
            if names.len() > limits::INCLUDES {
                let why = format!("it has more than {} files, the most that are read", limits::INCLUDES);
                return Err(Unavailable(format!("{}: {why}", one_line(name, 200))));
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn piece(&self, file: &Utf8Path, from: u64, length: usize) -> Result<Vec<u8>, Unavailable> {
        use std::io::{Seek as _, SeekFrom};
        let failed =
            |error: std::io::Error| Unavailable(format!("{}: {}", one_line(file.as_str(), 200), plain(&error)));
        let path = absolute(file)?;
        if !std::fs::metadata(&path).map_err(failed)?.is_file() {
            return Err(Unavailable(format!("{}: it is not a plain file", one_line(file.as_str(), 200))));
        }
        let mut opened = std::fs::File::open(&path).map_err(failed)?;
        opened.seek(SeekFrom::Start(from)).map_err(failed)?;
        let mut bytes = Vec::new();
        let most = (length as u64).min(limits::TEXT);
        opened.take(most).read_to_end(&mut bytes).map_err(failed)?;
        Ok(bytes)
    }
}

fn absolute(file: &Utf8Path) -> Result<Utf8PathBuf, Unavailable> {
    file.canonicalize_utf8()
        .map_err(|error| Unavailable(format!("{}: {}", one_line(file.as_str(), 200), plain(&error))))
}

fn text_of(bytes: Vec<u8>, program: &str) -> Result<String, Unavailable> {
    String::from_utf8(bytes).map_err(|_| Unavailable(format!("{program}: what it prints is not UTF-8")))
}

/// Whether a line of a spec has a macro that runs a program when the spec is only read. Comments are expanded too.
fn runs_something(line: &str) -> bool {
    ["%(", "%{lua:", "%{shrink:%(", "%{uncompress:", "%include", "%{load:", "%{S:%("]
        .iter()
        .any(|macro_| line.contains(macro_))
}

/// What a program prints, within the time that one may take.
struct Piped {
    blocks: mpsc::Receiver<Vec<u8>>,
    block: Vec<u8>,
    at: usize,
    begun: Instant,
}

impl Piped {
    fn new(mut stream: impl std::io::Read + Send + 'static) -> Self {
        let (sender, blocks) = mpsc::sync_channel(4);
        std::thread::spawn(move || {
            loop {
                let mut block = vec![0; 64 << 10];
                match stream.read(&mut block) {
                    Ok(0) | Err(_) => break,
                    Ok(count) => {
                        block.truncate(count);
                        if sender.send(block).is_err() {
                            break;
                        }
                    }
                }
            }
        });
        Self { blocks, block: Vec::new(), at: 0, begun: Instant::now() }
    }
}

impl std::io::Read for Piped {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        if self.at == self.block.len() {
            let left = child::DEADLINE.saturating_sub(self.begun.elapsed());
            match self.blocks.recv_timeout(left) {
                Ok(block) => (self.block, self.at) = (block, 0),
                Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(0),
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    let why = format!("it was not unpacked within {} s", child::DEADLINE.as_secs());
                    return Err(std::io::Error::new(std::io::ErrorKind::TimedOut, why));
                }
            }
        }
        let count = into.len().min(self.block.len() - self.at);
        into[..count].copy_from_slice(&self.block[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

/// Regular files of a tar archive (ustar, GNU and pax long names), with the first bytes of each.
fn members(mut from: impl std::io::Read, bytes: u64, each: &mut dyn FnMut(&str, &[u8])) -> Result<(), Unavailable> {
    let mut counted = Counted { from: &mut from, left: limits::UNPACKED };
    let mut long: Option<String> = None;
    let mut zeros = 0;
    let mut any = false;
    for entry in 0.. {
        if entry >= limits::ENTRIES {
            return Err(Unavailable(format!("it has more than {} entries, the most that are read", limits::ENTRIES)));
        }
        let mut header = [0u8; BLOCK];
        if !counted.fill(&mut header)? {
            return match any || zeros > 0 {
                true => Err(Unavailable("it ends in the middle".to_owned())),
                false => Err(Unavailable("it is not a tar archive".to_owned())),
            };
        }
        if header.iter().all(|byte| *byte == 0) {
            zeros += 1;
            if zeros == 2 {
                return Ok(());
            }
            continue;
        }
        let size = sized(&header).ok_or_else(|| Unavailable("it is not a tar archive".to_owned()))?;
        any = true;
        let padded = size.div_ceil(BLOCK as u64) * BLOCK as u64;
        // One that promises more is not begun.
        if padded > counted.left {
            return Err(too_much());
        }
        match header[156] {
            b'L' | b'x' => {
                if size > LONG_NAME * 4 {
                    return Err(Unavailable("a name in it is longer than is read".to_owned()));
                }
                let mut text = vec![0; padded as usize];
                if !counted.fill(&mut text)? {
                    return Err(Unavailable("it ends in the middle".to_owned()));
                }
                text.truncate(size as usize);
                let text = String::from_utf8_lossy(&text).into_owned();
                match header[156] {
                    b'L' => long = Some(text.trim_end_matches('\0').to_owned()),
                    _ => long = pax_path(&text).or(long),
                }
            }
            b'0' | 0 | b'7' => {
                let name = long.take().unwrap_or_else(|| name_of(&header));
                let mut head = vec![0; size.min(bytes) as usize];
                if !counted.fill(&mut head)? {
                    return Err(Unavailable("it ends in the middle".to_owned()));
                }
                each(&name, &head);
                counted.skip(padded - head.len() as u64)?;
            }
            _ => {
                long = None;
                counted.skip(padded)?;
            }
        }
    }
    Ok(())
}

/// `path=` of a pax header: `27 path=some/long/name\n`.
fn pax_path(text: &str) -> Option<String> {
    text.lines().find_map(|line| line.split_once(' ')?.1.strip_prefix("path=").map(str::to_owned))
}

fn name_of(header: &[u8; BLOCK]) -> String {
    let text = |range: std::ops::Range<usize>| {
        let bytes = &header[range];
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        String::from_utf8_lossy(&bytes[..end]).into_owned()
    };
    let (name, prefix) = (text(0..100), text(345..500));
    match &header[257..262] == b"ustar" && !prefix.is_empty() {
        true => format!("{prefix}/{name}"),
        false => name,
    }
}

/// The size of an entry, when the header's checksum is right.
fn sized(header: &[u8; BLOCK]) -> Option<u64> {
    let octal = |bytes: &[u8]| {
        let text = std::str::from_utf8(bytes).ok()?.trim_matches(['\0', ' ']);
        if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 8).ok() }
    };
    let sum: u64 =
        header.iter().enumerate().map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) }).sum();
    if octal(&header[148..156])? != sum {
        return None;
    }
    match header[124] & 0x80 {
        0 => octal(&header[124..136]),
        // Base 256, of which eight bytes are enough.
        _ => header[128..136].try_into().ok().map(u64::from_be_bytes).filter(|size| *size <= limits::UNPACKED),
    }
}

/// A stream of which only so many bytes are read.
struct Counted<'r, R> {
    from: &'r mut R,
    left: u64,
}

impl<R: std::io::Read> Counted<'_, R> {
    /// Whether the buffer was filled; not at the end of the stream.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<bool, Unavailable> {
        self.take(buffer.len() as u64)?;
        match self.from.read_exact(buffer) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(Unavailable(error.to_string())),
        }
    }

    fn skip(&mut self, count: u64) -> Result<(), Unavailable> {
        self.take(count)?;
        std::io::copy(&mut self.from.by_ref().take(count), &mut std::io::sink())
            .map(drop)
            .map_err(|error| Unavailable(error.to_string()))
    }

    fn take(&mut self, count: u64) -> Result<(), Unavailable> {
        self.left = self.left.checked_sub(count).ok_or_else(too_much)?;
        Ok(())
    }
}

fn too_much() -> Unavailable {
    Unavailable(format!("more than {} GiB come out of it, the most that is unpacked", limits::UNPACKED >> 30))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().canonicalize().unwrap()).unwrap();
        (dir, path)
    }

    #[test]
    fn an_included_file_is_below_the_directory_of_the_one_that_names_it() {
        let (_dir, path) = place();
        std::fs::create_dir_all(path.join("chain/sub")).unwrap();
        std::fs::write(path.join("secret"), "s").unwrap();
        std::fs::write(path.join("chain/sub/a.txt"), "nginx\n").unwrap();
        std::fs::write(path.join("chain/bytes"), [0xff, 0xfe]).unwrap();
        std::os::unix::fs::symlink("../secret", path.join("chain/link")).unwrap();
        let from = path.join("chain/Containerfile");
        let (name, text) = HostFiles::default().included(&from, "sub/a.txt").unwrap();
        assert_eq!((name, text.as_str()), (path.join("chain/sub/a.txt").to_string(), "nginx\n"));
        let secret = path.join("secret");
        for out in ["../secret", "link", secret.as_str(), "sub/../../secret"] {
            assert!(HostFiles::default().included(&from, out).unwrap_err().0.contains("outside"), "{out}");
        }
        assert!(HostFiles::default().included(&from, "bytes").unwrap_err().0.contains("UTF-8"));
        assert!(HostFiles::default().included(&from, "none").unwrap_err().0.contains("no such file"));
        assert!(HostFiles::default().included(&from, "sub").unwrap_err().0.contains("plain file"));
    }

    #[test]
    fn pieces_and_lists_are_of_plain_files() {
        let (_dir, path) = place();
        std::fs::create_dir_all(path.join("mkosi.conf.d/sub")).unwrap();
        for name in ["b.conf", "a.conf"] {
            std::fs::write(path.join("mkosi.conf.d").join(name), "0123456789").unwrap();
        }
        std::os::unix::fs::symlink("a.conf", path.join("mkosi.conf.d/link.conf")).unwrap();
        let (host, from) = (HostFiles::default(), path.join("mkosi.conf"));
        assert_eq!(host.listed(&from, "mkosi.conf.d").unwrap(), ["mkosi.conf.d/a.conf", "mkosi.conf.d/b.conf"]);
        assert!(host.listed(&from, "none").is_err() && host.listed(&from, "..").is_err());
        let file = path.join("mkosi.conf.d/a.conf");
        assert_eq!(host.piece(&file, 3, 4).unwrap(), b"3456");
        assert_eq!(host.piece(&file, 8, 100).unwrap(), b"89");
        assert!(host.piece(&file, 100, 4).unwrap().is_empty() && host.piece(&path, 0, 4).is_err());
    }

    #[test]
    fn a_fifo_is_not_waited_for() {
        let (_dir, path) = place();
        let fifo = path.join("fifo");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        assert!(read(&fifo, 10).unwrap_err().0.contains("not a plain file"));
    }

    #[test]
    fn members_of_archives_come_with_their_first_bytes() {
        let (_dir, path) = place();
        let long = format!("{}/{}", "d".repeat(90), "f".repeat(90));
        std::fs::create_dir_all(path.join("in").join("d".repeat(90))).unwrap();
        std::fs::write(path.join("in").join(&long), "long").unwrap();
        std::fs::write(path.join("in/a"), vec![b'x'; 2000]).unwrap();
        std::os::unix::fs::symlink("a", path.join("in/link")).unwrap();
        for (format, pack) in [("gnu", "-c"), ("pax", "-c"), ("ustar", "-cz"), ("gnu", "-cJ"), ("gnu", "--zstd")] {
            let archive = path.join("x.tar");
            let mut tar = Command::new("tar");
            tar.arg(format!("--format={format}")).arg(pack).args(if pack == "--zstd" { &["-c"][..] } else { &[] });
            tar.arg("-f").arg(&archive).arg("-C").arg(path.join("in")).arg(".");
            assert!(tar.status().unwrap().success(), "{format} {pack}");
            let mut found = Vec::new();
            HostFiles::default()
                .archive(&archive, 10, &mut |name, head| found.push((name.to_owned(), head.len())))
                .unwrap();
            found.sort();
            assert_eq!(found, [("./a".to_owned(), 10), (format!("./{long}"), 4)], "{format} {pack}");
        }
    }

    #[test]
    fn what_is_no_archive_or_a_bomb_is_refused() {
        let (_dir, path) = place();
        let of = |name: &str, bytes: &[u8]| {
            std::fs::write(path.join(name), bytes).unwrap();
            HostFiles::default().archive(&path.join(name), 10, &mut |_, _| ()).unwrap_err().0
        };
        assert!(of("a", b"hello").contains("not a tar"));
        assert!(of("b", &[b'x'; 2048]).contains("not a tar"));
        // A header that promises a gigabyte more than is there is cut; one that promises more than may come is refused.
        let header = |size: u64| {
            let mut header = [0u8; BLOCK];
            header[..1].copy_from_slice(b"a");
            header[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
            header[156] = b'0';
            let sum: u64 = header
                .iter()
                .enumerate()
                .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) })
                .sum();
            header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
            header
        };
        assert!(of("c", &header(1 << 30)).contains("middle"));
        assert!(of("d", &header(limits::UNPACKED + 1)).contains("GiB"));
    }

    #[test]
    fn a_spec_that_runs_programs_is_not_expanded() {
        let (_dir, path) = place();
        let spec = path.join("x.spec");
        let witness = path.join("witness");
        let body =
            "Name: x\nVersion: 1\nRelease: 1\nSummary: x\nLicense: x\nRequires: nginx\n%description\nx\n%files\n";
        for bad in [format!("%(touch {witness})"), format!("%{{lua:os.execute('touch {witness}')}}")] {
            std::fs::write(&spec, format!("# {bad}\n{body}")).unwrap();
            assert!(HostFiles::default().rpmspec(&spec, &["--requires"]).unwrap_err().0.contains("line 1"));
        }
        assert!(!witness.exists());
    }
}
