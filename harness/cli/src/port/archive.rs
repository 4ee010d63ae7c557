//! The members of tar archives, packed or not, as far as readers of chains look: names and first bytes of regular files.
//!
//! Facts: POSIX.1-2017 `pax`, "ustar Interchange Format" and "pax Extended Header"; GNU tar's manual, "Basic Tar Format"
//! and "Storing Sparse Files". Images are read by `muster_image`, strictly and in full; here an archive is a stream, whose
//! owners, modes and devices are nobody's business.

use std::io::{self, Read};
use std::process::Stdio;

use camino::Utf8Path;

use super::child::{self, Guarded, Piped};
use muster_base::text::one_line;
use muster_chain::{Unavailable, limits};
use muster_image::magic;

/// First bytes of a file that say by which program it is packed.
pub(super) const HEAD: u64 = 6;
/// Bytes of a tar header and of its blocks.
const BLOCK: usize = 512;
/// Bytes of a long name or an extended header.
const MAX_EXTENSION: u64 = 16 << 10;

/// Calls `each` with the name and the first bytes, at most `bytes`, of every regular file in the archive that begins
/// with `head`.
///
/// # Errors
/// It is no archive, is cut off, has sparse files, is beyond [`limits`], or its program is missing or refuses it.
pub(super) fn members(
    path: &Utf8Path,
    head: &[u8],
    bytes: u64,
    each: &mut dyn FnMut(&str, &[u8]),
) -> Result<(), Unavailable> {
    let Some(packed) = magic::packed(head) else {
        let file = std::fs::File::open(path).map_err(|error| Unavailable(error.to_string()))?;
        return Counted { from: file, left: limits::UNPACKED }.members(bytes, each);
    };
    let program = packed.program();
    let failed = |why: String| Unavailable(format!("{program}: {why}"));
    if !muster_base::files::on_path(program) {
        return Err(Unavailable(format!("{program} is not installed on this host")));
    }
    let mut command = child::limited(program);
    command.args(["-dc", "--"]).arg(path).stderr(Stdio::null());
    let mut child = Guarded(command.spawn().map_err(|error| failed(error.to_string()))?);
    let stdout = child.0.stdout.take().ok_or_else(|| failed("it has no output".to_owned()))?;
    let mut unpacked = Counted { from: Piped::new(stdout), left: limits::UNPACKED };
    // Behind the archive there is padding; and only at its end does the program know whether all of it was whole.
    let read = unpacked.members(bytes, each).and_then(|()| unpacked.skip_rest());
    if unpacked.from.ended {
        let status = child.wait(unpacked.from.begun).map_err(|error| failed(error.to_string()))?;
        // What stands behind all that it unpacked is only a warning.
        let only_warned = program == "gzip" && status.code() == Some(2) && read.is_ok();
        if !status.success() && !only_warned {
            return Err(Unavailable(format!("{program} cannot unpack it ({status}): is it cut off?")));
        }
    }
    read
}

/// A stream of which only so many bytes are read.
struct Counted<R> {
    from: R,
    left: u64,
}

impl<R: Read> Counted<R> {
    /// Regular files of a tar archive (ustar, GNU and pax long names), with the first bytes of each.
    fn members(&mut self, bytes: u64, each: &mut dyn FnMut(&str, &[u8])) -> Result<(), Unavailable> {
        let mut said = Extended::default();
        let mut zeros = 0;
        let mut any = false;
        for entry in 0.. {
            if entry >= limits::ENTRIES {
                return Err(Unavailable(format!(
                    "it has more than {} entries, the most that are read",
                    limits::ENTRIES
                )));
            }
            let mut header = [0u8; BLOCK];
            if !self.fill(&mut header)? {
                return Err(if any || zeros > 0 { cut_off() } else { no_archive() });
            }
            if header.iter().all(|byte| *byte == 0) {
                zeros += 1;
                if zeros == 2 {
                    return Ok(());
                }
                continue;
            }
            let size = sized(&header).ok_or_else(no_archive)?;
            any = true;
            let kind = header[156];
            let size = match kind {
                // Links may state the size of what they point to, and directories any: none of it is in the archive.
                b'1'..=b'6' => 0,
                b'L' | b'K' | b'x' | b'g' => size,
                _ => said.size.unwrap_or(size),
            };
            let padded = size.checked_next_multiple_of(BLOCK as u64).ok_or_else(too_much)?;
            // One that promises more is not begun.
            if padded > self.left {
                return Err(too_much());
            }
            match kind {
                b'L' | b'x' => {
                    if size > MAX_EXTENSION {
                        return Err(Unavailable("a name in it is longer than is read".to_owned()));
                    }
                    let mut text = vec![0; padded as usize];
                    if !self.fill(&mut text)? {
                        return Err(cut_off());
                    }
                    text.truncate(size as usize);
                    match kind {
                        b'L' => said.path = Some(until_nul(&text)),
                        _ => said.pax(&text)?,
                    }
                }
                // Of the name of a link's target, and of all that follow: nothing that is looked at here.
                b'K' | b'g' => self.skip(padded)?,
                b'S' => return Err(sparse(&said.path.take().unwrap_or_else(|| name_of(&header)))),
                b'0' | 0 | b'7' => {
                    let said = std::mem::take(&mut said);
                    let name = said.path.unwrap_or_else(|| name_of(&header));
                    if said.is_sparse {
                        return Err(sparse(said.real_name.as_deref().unwrap_or(&name)));
                    }
                    let mut head = vec![0; size.min(bytes) as usize];
                    if !self.fill(&mut head)? {
                        return Err(cut_off());
                    }
                    // An old archive marks a directory only by the slash at its end.
                    if !name.ends_with('/') {
                        each(&name, &head);
                    }
                    self.skip(padded - head.len() as u64)?;
                }
                _ => {
                    said = Extended::default();
                    self.skip(padded)?;
                }
            }
        }
        Ok(())
    }

    /// Whether the buffer was filled; not at the end of the stream.
    fn fill(&mut self, buffer: &mut [u8]) -> Result<bool, Unavailable> {
        self.take(buffer.len() as u64)?;
        match self.from.read_exact(buffer) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(Unavailable(error.to_string())),
        }
    }

    /// Passes over so many bytes, or as many as there are: what should follow is then missing.
    fn skip(&mut self, count: u64) -> Result<(), Unavailable> {
        self.take(count)?;
        io::copy(&mut self.from.by_ref().take(count), &mut io::sink())
            .map(drop)
            .map_err(|error| Unavailable(error.to_string()))
    }

    /// Passes over all that is left.
    fn skip_rest(&mut self) -> Result<(), Unavailable> {
        let skipped = io::copy(&mut self.from.by_ref().take(self.left + 1), &mut io::sink());
        self.take(skipped.map_err(|error| Unavailable(error.to_string()))?)
    }

    fn take(&mut self, count: u64) -> Result<(), Unavailable> {
        self.left = self.left.checked_sub(count).ok_or_else(too_much)?;
        Ok(())
    }
}

/// What extended headers say of the member that follows.
#[derive(Debug, Default)]
struct Extended {
    path: Option<String>,
    size: Option<u64>,
    is_sparse: bool,
    /// The name of a sparse file, whose path is made up in newer formats.
    real_name: Option<String>,
}

impl Extended {
    /// The records of a pax header: `27 path=some/long/name\n`, where 27 is the length of all of it.
    fn pax(&mut self, mut bytes: &[u8]) -> Result<(), Unavailable> {
        let damaged = || Unavailable("an extended header in it is damaged".to_owned());
        while !bytes.is_empty() {
            let space = bytes.iter().take(8).position(|byte| *byte == b' ').ok_or_else(damaged)?;
            let length = std::str::from_utf8(&bytes[..space]).ok().and_then(|text| text.parse::<usize>().ok());
            let length = length.filter(|length| *length > space && *length <= bytes.len()).ok_or_else(damaged)?;
            let record = bytes[space + 1..length].strip_suffix(b"\n").map(String::from_utf8_lossy);
            let record = record.ok_or_else(damaged)?;
            bytes = &bytes[length..];
            let (key, value) = record.split_once('=').ok_or_else(damaged)?;
            match key {
                "path" => self.path = Some(value.to_owned()),
                "size" => self.size = Some(value.parse().map_err(|_| damaged())?),
                key if key.starts_with("GNU.sparse.") => {
                    self.is_sparse = true;
                    if key == "GNU.sparse.name" {
                        self.real_name = Some(value.to_owned());
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn until_nul(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn name_of(header: &[u8; BLOCK]) -> String {
    let (name, prefix) = (until_nul(&header[0..100]), until_nul(&header[345..500]));
    // GNU's own format (`ustar ` and a blank) has times where POSIX has the beginning of the path.
    match &header[257..263] == b"ustar\0" && !prefix.is_empty() {
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

fn too_much() -> Unavailable {
    Unavailable(format!("more than {} GiB come out of it, the most that is unpacked", limits::UNPACKED >> 30))
}

fn cut_off() -> Unavailable {
    Unavailable("it ends in the middle".to_owned())
}

fn no_archive() -> Unavailable {
    Unavailable("it is not a tar archive".to_owned())
}

fn sparse(name: &str) -> Unavailable {
    let name = one_line(name, 200);
    Unavailable(format!("{name} in it is sparse: pack without --sparse (bsdtar: --no-read-sparse)"))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use camino::Utf8PathBuf;

    use super::super::testing::place;
    use super::*;

    /// Names, and how many bytes of each came.
    fn found(archive: &Utf8Path) -> Result<Vec<(String, usize)>, String> {
        let bytes = std::fs::read(archive).unwrap();
        let mut found = Vec::new();
        let head = &bytes[..bytes.len().min(HEAD as usize)];
        members(archive, head, 10, &mut |name, head| found.push((name.to_owned(), head.len())))
            .map_err(|why| why.to_string())?;
        found.sort();
        Ok(found)
    }

    fn found_in(bytes: &[u8]) -> Result<Vec<(String, usize)>, String> {
        let (_dir, path) = place();
        std::fs::write(path.join("x"), bytes).unwrap();
        found(&path.join("x"))
    }

    fn tar(path: &Utf8Path, arguments: &[&str]) -> Utf8PathBuf {
        let archive = path.join("x.tar");
        let mut tar = Command::new("tar");
        tar.args(arguments).arg("-c").arg("-f").arg(&archive).arg("-C").arg(path.join("in")).arg(".");
        assert!(tar.status().unwrap().success(), "{arguments:?}");
        archive
    }

    fn header(name: &str, kind: u8, size: u64) -> [u8; BLOCK] {
        let mut header = [0u8; BLOCK];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..135].copy_from_slice(format!("{size:011o}").as_bytes());
        header[156] = kind;
        header[257..263].copy_from_slice(b"ustar\0");
        let sum: u64 = header
            .iter()
            .enumerate()
            .map(|(at, byte)| if (148..156).contains(&at) { 32 } else { u64::from(*byte) })
            .sum();
        header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
        header
    }

    #[test]
    fn members_of_archives_come_with_their_first_bytes() {
        let (_dir, path) = place();
        let long = format!("{}/{}", "d".repeat(90), "f".repeat(90));
        std::fs::create_dir_all(path.join("in").join("d".repeat(90))).unwrap();
        std::fs::write(path.join("in").join(&long), "long").unwrap();
        std::fs::write(path.join("in/a"), vec![b'x'; 2000]).unwrap();
        std::os::unix::fs::symlink("a", path.join("in/link")).unwrap();
        // Incremental archives of GNU's format have times where POSIX has the beginning of the path.
        let incremental = format!("--listed-incremental={path}/snar");
        for arguments in [
            ["--format=gnu", "--no-xattrs"],
            ["--format=pax", "--no-xattrs"],
            ["--format=ustar", "-z"],
            ["--format=gnu", "-J"],
            ["--format=gnu", "--zstd"],
            ["--format=gnu", incremental.as_str()],
        ] {
            let wanted = vec![("./a".to_owned(), 10), (format!("./{long}"), 4)];
            assert_eq!(found(&tar(&path, &arguments)), Ok(wanted), "{arguments:?}");
        }
    }

    #[test]
    fn sparse_files_are_refused() {
        let (_dir, path) = place();
        std::fs::create_dir(path.join("in")).unwrap();
        let file = std::fs::File::create(path.join("in/sparse")).unwrap();
        file.set_len(1 << 20).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, b"x", 500_000).unwrap();
        for format in [
            &["--format=gnu"][..],
            &["--format=pax"],
            &["--format=pax", "--sparse-version=0.1"],
            &["--format=pax", "--sparse-version=0.0"],
        ] {
            let archive = tar(&path, &[&["--sparse"], format].concat());
            assert!(std::fs::metadata(&archive).unwrap().len() < 1 << 20, "{format:?}: the file is not sparse");
            let why = found(&archive).unwrap_err();
            assert!(why.starts_with("./sparse in it is sparse: pack without --sparse"), "{format:?}: {why}");
        }
    }

    #[test]
    fn what_a_link_or_a_directory_states_as_its_size_is_not_passed_over() {
        let mut text = [0; BLOCK];
        text[..3].copy_from_slice(b"abc");
        for kind in *b"123456" {
            let all = [header("link", kind, 2000), header("file", b'0', 3), text, [0; BLOCK], [0; BLOCK]].concat();
            assert_eq!(found_in(&all), Ok(vec![("file".to_owned(), 3)]), "{}", char::from(kind));
        }
    }

    #[test]
    fn a_record_of_an_extended_header_is_as_long_as_it_says() {
        let record = b"38 SCHILY.xattr.user.a=\n13 path=evil\n\n18 path=some/name\n";
        let mut block = [0; BLOCK];
        block[..record.len()].copy_from_slice(record);
        let of = |length: u64| {
            found_in(&[header("x", b'x', length), block, header("a", b'0', 0), [0; BLOCK], [0; BLOCK]].concat())
        };
        assert_eq!(of(record.len() as u64), Ok(vec![("some/name".to_owned(), 0)]));
        assert!(of(30).unwrap_err().contains("damaged"));
    }

    #[test]
    fn what_is_cut_off_where_it_is_packed_is_refused() {
        let (_dir, path) = place();
        std::fs::create_dir(path.join("in")).unwrap();
        std::fs::write(path.join("in/a"), "a").unwrap();
        for (option, program) in [("-z", "gzip"), ("-J", "xz"), ("--zstd", "zstd"), ("-j", "bzip2")] {
            let archive = tar(&path, &[option]);
            let bytes = std::fs::read(&archive).unwrap();
            for cut in [2, bytes.len() / 2] {
                std::fs::write(&archive, &bytes[..bytes.len() - cut]).unwrap();
                let why = found(&archive).unwrap_err();
                assert!(why.starts_with(&format!("{program} cannot unpack it")), "{option}: {why}");
            }
        }
    }

    #[test]
    fn what_stands_behind_a_whole_archive_of_gzip_is_passed_over() {
        let (_dir, path) = place();
        std::fs::create_dir(path.join("in")).unwrap();
        std::fs::write(path.join("in/a"), "a").unwrap();
        let archive = tar(&path, &["-z"]);
        let bytes = std::fs::read(&archive).unwrap();
        std::fs::write(&archive, [&bytes[..], b"a signature"].concat()).unwrap();
        let unpacked = Command::new("gzip").arg("-dc").arg(&archive).output().unwrap();
        assert_eq!(unpacked.status.code(), Some(2), "gzip does not warn of it");
        assert_eq!(found(&archive), Ok(vec![("./a".to_owned(), 1)]));
    }

    #[test]
    fn what_is_no_archive_or_a_bomb_is_refused() {
        let of = |bytes: &[u8]| found_in(bytes).unwrap_err();
        assert!(of(b"hello").contains("not a tar"));
        assert!(of(&[b'x'; 2048]).contains("not a tar"));
        // A header that promises a gigabyte more than is there is cut; one that promises more than may come is refused.
        assert!(of(&header("a", b'0', 1 << 30)).contains("middle"));
        assert!(of(&header("a", b'0', limits::UNPACKED + 1)).contains("GiB"));
    }
}
