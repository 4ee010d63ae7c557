//! Writes a tree into an ext4 disk image with `mkfs.ext4` and one script for `debugfs`, then has
//! `e2fsck` look at it. No privileges, no mount, no name of the archive on this host.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use super::error::ArchiveError;
use super::message::show;
use super::tree::{Node, Tree, What};
use super::xattr::Dropped;
use crate::{ImageError, tool};

/// What a guest finds free on its disk, in bytes. It costs nothing until it is written to, and then
/// in the overlay.
const FREE: u64 = 2 << 30;
/// The journal and the tables of an empty file system.
const OVERHEAD: u64 = 160 << 20;
/// For each of the three programs; debugfs writes about 2000 files a second.
const DEADLINE: Duration = Duration::from_secs(1800);
/// Address space of each of them.
const ADDRESS_SPACE: u64 = 4 << 30;
/// debugfs reads its script in lines of at most 8192 bytes.
const MAX_LINE: usize = 8000;
/// The directory that mkfs makes by itself.
const LOST_AND_FOUND: &[u8] = b"lost+found";

/// Bytes of the disk that holds the tree.
pub(crate) fn size(tree: &Tree) -> u64 {
    let nodes = tree.len() as u64;
    // Every file may waste most of a block, and every directory has at least one.
    let needed = tree.bytes() + nodes * (4096 + 512) + OVERHEAD;
    (needed + needed / 16 + FREE).next_multiple_of(1 << 20)
}

/// Makes `disk`, an empty file, into a file system with the tree. `sources` are the plain archives that
/// the tree's files lie in, `scratch` a directory on the same file system, `seed` 32 hex digits that
/// become its UUID, `archive` its name for messages. Gives a line on what the disk does not keep, if there is anything.
pub(crate) async fn write(
    tree: Tree,
    sources: Vec<File>,
    disk: &Path,
    scratch: &Path,
    seed: &str,
    archive: &Path,
) -> Result<Option<String>, ImageError> {
    let cache = |source| ImageError::Cache { path: scratch.to_owned(), source };
    let (bytes, inodes) = (size(&tree), tree.len() as u64 + 65_536);
    File::options().write(true).open(disk).and_then(|file| file.set_len(bytes)).map_err(cache)?;
    let uuid = format!("{}-{}-{}-{}-{}", &seed[..8], &seed[8..12], &seed[12..16], &seed[16..20], &seed[20..32]);
    let make = [
        "-q",
        "-F",
        "-m",
        "1",
        "-L",
        "rootfs",
        "-b",
        "4096",
        "-I",
        "256",
        "-U",
        &uuid,
        "-N",
        &inodes.to_string(),
        "-E",
        &format!("lazy_itable_init=1,root_owner=0:0,hash_seed={uuid}"),
    ]
    .map(str::to_owned);
    run("mkfs.ext4", &make, disk, archive, |code, _| code == Some(0)).await?;

    let contents = tempfile::Builder::new().prefix(".contents-").tempdir_in(scratch).map_err(cache)?;
    let dir = contents.path().to_owned();
    let (script, dropped) = tokio::task::spawn_blocking(move || Script::write(&tree, &sources, &dir))
        .await
        .unwrap_or_else(|error| Err(Trouble::Io(std::io::Error::other(error))))
        .map_err(|trouble| match trouble {
            Trouble::Io(source) => cache(source),
            Trouble::Refused(reason) => ImageError::Archive { path: archive.to_owned(), reason },
        })?;
    let script = script.to_string_lossy().into_owned();
    // debugfs goes on after a command that failed, and ends well: only its words tell.
    let quiet =
        |code: Option<i32>, said: &str| code == Some(0) && said.lines().all(|line| line.starts_with("debugfs 1."));
    run("debugfs", &["-w".to_owned(), "-f".to_owned(), script], disk, archive, quiet).await?;
    run("e2fsck", &["-f".to_owned(), "-n".to_owned()], disk, archive, |code, _| code == Some(0)).await?;
    Ok(dropped.line())
}

/// Runs one of the programs on the disk. `well` checks its status and the beginning of its stderr.
async fn run(
    program: &str,
    arguments: &[String],
    disk: &Path,
    archive: &Path,
    well: impl Fn(Option<i32>, &str) -> bool,
) -> Result<(), ImageError> {
    let failed = |reason: String| ImageError::Tool { tool: program.to_owned(), path: archive.to_owned(), reason };
    let mut said = tempfile::tempfile().map_err(|error| failed(error.to_string()))?;
    let stderr = said.try_clone().map_err(|error| failed(error.to_string()))?;
    let mut command = tool::limited(program, ADDRESS_SPACE, DEADLINE);
    // Administrators' programs are outside an ordinary user's path on Debian.
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{path}:/usr/sbin:/sbin")).env("LC_ALL", "C");
    command.args(arguments).arg(disk).stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr).kill_on_drop(true);
    let mut child = command.spawn().map_err(|error| tool::missing(program, archive, error))?;
    let status = tokio::time::timeout(DEADLINE, child.wait())
        .await
        .map_err(|_| failed(format!("it did not end within {} s", DEADLINE.as_secs())))?
        .map_err(|error| failed(error.to_string()))?;
    if status.code() == Some(127) {
        return Err(ImageError::ToolMissing { tool: program.to_owned() });
    }
    let mut words = String::new();
    let read = said.seek(SeekFrom::Start(0)).and_then(|_| (&said).take(1 << 16).read_to_string(&mut words));
    if read.is_ok() && well(status.code(), &words) {
        return Ok(());
    }
    let cli_error = words.lines().find(|line| !line.starts_with("debugfs 1.") && !line.starts_with("e2fsck 1."));
    let cli_error = muster_base::text::one_line(cli_error.unwrap_or("it said nothing"), 200);
    Err(failed(format!("{status}: {cli_error}")))
}

enum Trouble {
    Io(std::io::Error),
    Refused(ArchiveError),
}

impl From<std::io::Error> for Trouble {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

/// Writes the script, and the contents of files next to it under numbers.
struct Script<'a> {
    tree: &'a Tree,
    sources: &'a [File],
    dir: &'a Path,
    out: BufWriter<File>,
    /// How many names each inode has.
    links: HashMap<usize, u32>,
    /// Where an inode with several names was first written.
    written: HashMap<usize, Vec<u8>>,
    numbers: u64,
    dropped: Dropped,
}

impl<'a> Script<'a> {
    fn write(tree: &'a Tree, sources: &'a [File], dir: &'a Path) -> Result<(PathBuf, Dropped), Trouble> {
        let path = dir.join("script");
        let mut links = HashMap::new();
        for index in 0..tree.len() {
            if let Some(Node { what: What::Dir(names), .. }) = tree.node(index) {
                for child in names.values() {
                    *links.entry(*child).or_insert(0) += 1;
                }
            }
        }
        let out = BufWriter::new(File::create(&path)?);
        let mut script =
            Self { tree, sources, dir, out, links, written: HashMap::new(), numbers: 0, dropped: Dropped::default() };
        script.inside(0, b"")?;
        if let Some(root) = tree.node(0) {
            script.describe(b"/", b"/", root, 0o40000, 1)?;
        }
        script.out.flush()?;
        Ok((path, script.dropped))
    }

    /// Everything in the directory, into which the script has gone; `path` is its own, without the slash
    /// at its end.
    fn inside(&mut self, dir: usize, path: &[u8]) -> Result<(), Trouble> {
        let Some(Node { what: What::Dir(names), .. }) = self.tree.node(dir) else { return Ok(()) };
        for (name, index) in names {
            let Some(node) = self.tree.node(*index) else { continue };
            let full = [path, b"/", name].concat();
            // A name such as <12> would be taken for an inode number where a path is expected.
            let here = [b"./", &name[..]].concat();
            let ready_made = path.is_empty() && name == LOST_AND_FOUND;
            if ready_made && !matches!(node.what, What::Dir(_)) {
                return Err(Trouble::Refused(ArchiveError::LostAndFound));
            }
            if let Some(first) = self.written.get(index).cloned() {
                self.line(&[b"ln", &quoted(&first), &quoted(name)])?;
                continue;
            }
            let kind = match &node.what {
                What::Dir(_) => {
                    if !ready_made {
                        self.line(&[b"mkdir", &quoted(&here)])?;
                    }
                    self.line(&[b"cd", &quoted(&here)])?;
                    self.inside(*index, &full)?;
                    self.line(&[b"cd", b".."])?;
                    0o40000
                }
                What::File { source, offset, size } => {
                    let contents = self.contents(*source, *offset, *size)?;
                    self.line(&[b"write", &quoted(contents.as_os_str().as_encoded_bytes()), &quoted(name)])?;
                    0o100000
                }
                What::Symlink(target) => {
                    self.line(&[b"symlink", &quoted(name), &quoted(target)])?;
                    0o120000
                }
                What::Device { block, number: (major, minor) } => {
                    let kind: &[u8] = if *block { b"b" } else { b"c" };
                    let numbers = format!("{major} {minor}");
                    self.line(&[b"mknod", &quoted(name), kind, numbers.as_bytes()])?;
                    if *block { 0o60000 } else { 0o20000 }
                }
                What::Fifo => {
                    self.line(&[b"mknod", &quoted(name), b"p"])?;
                    0o10000
                }
            };
            let links = self.links.get(index).copied().unwrap_or(1);
            self.describe(&here, &full, node, kind, links)?;
            if links > 1 {
                self.written.insert(*index, full);
            }
        }
        Ok(())
    }

    /// Owner, mode, time and attributes of what has just been made at `here`; `full` is its path in the archive.
    fn describe(&mut self, here: &[u8], full: &[u8], node: &Node, kind: u32, links: u32) -> Result<(), Trouble> {
        let mode = if kind == 0o120000 { 0o777 } else { node.mode };
        let mut fields = vec![
            ("mode", format!("0{:o}", kind | mode)),
            ("uid", node.uid.to_string()),
            ("gid", node.gid.to_string()),
            ("mtime", format!("@{}", node.mtime.clamp(0, i64::from(i32::MAX)))),
        ];
        if kind != 0o40000 && links > 1 {
            if links > 65_000 {
                return Err(Trouble::Refused(ArchiveError::Links { entry: show(full), links }));
            }
            fields.push(("links_count", links.to_string()));
        }
        for (field, value) in fields {
            self.line(&[b"sif", &quoted(here), field.as_bytes(), value.as_bytes()])?;
        }
        for (name, value) in &node.xattrs {
            let file = self.number();
            std::fs::write(&file, value)?;
            let file = quoted(file.as_os_str().as_encoded_bytes());
            self.line(&[b"ea_set", b"-f", &file, &quoted(here), &quoted(name)])?;
        }
        node.dropped.iter().for_each(|name| self.dropped.note(name, full));
        Ok(())
    }

    fn number(&mut self) -> PathBuf {
        self.numbers += 1;
        self.dir.join(self.numbers.to_string())
    }

    fn contents(&mut self, source: usize, offset: u64, size: u64) -> Result<PathBuf, Trouble> {
        let path = self.number();
        let mut out = File::create(&path)?;
        let source = self.sources.get(source).ok_or_else(|| std::io::Error::other("an archive is missing"))?;
        let mut source: &File = source;
        source.seek(SeekFrom::Start(offset))?;
        if std::io::copy(&mut source.take(size), &mut out)? != size {
            return Err(Trouble::Io(std::io::Error::other("the archive became shorter while it was read")));
        }
        Ok(path)
    }

    fn line(&mut self, words: &[&[u8]]) -> Result<(), Trouble> {
        let line = words.join(&b' ');
        if line.len() > MAX_LINE {
            return Err(Trouble::Refused(ArchiveError::Line { line: show(&line[..100]) }));
        }
        self.out.write_all(&line)?;
        self.out.write_all(b"\n")?;
        Ok(())
    }
}

/// A word of a debugfs command: a quote in it is written twice. The tar reader lets no control
/// characters through, so that a word never ends a line.
fn quoted(word: &[u8]) -> Vec<u8> {
    let mut out = vec![b'"'];
    for byte in word {
        out.extend(std::iter::repeat_n(*byte, if *byte == b'"' { 2 } else { 1 }));
    }
    out.push(b'"');
    out
}
