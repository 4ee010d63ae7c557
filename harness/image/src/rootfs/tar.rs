//! Reads a plain tar strictly: POSIX pax and GNU long names, nothing guessed. What it does not know
//! it refuses, because an entry that is passed over is a file that is missing in the guest.
//!
//! Facts: POSIX.1-2017 `pax`, "ustar Interchange Format" and "pax Extended Header"; GNU tar's manual,
//! "Basic Tar Format".

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;

use super::error::ArchiveError;
use super::message::show;
use super::xattr;

/// Size of a header, and the grain of everything.
const BLOCK: u64 = 512;
/// Bytes of one extended header or long name.
const MAX_EXTENSION: u64 = 1 << 20;
/// Bytes of a path, as the kernel has it.
const MAX_PATH: usize = 4096;
/// Extended attributes of one file; the kernel gives ext4 one block for them.
const MAX_XATTRS: usize = 3 << 10;

/// One member of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    /// As written, without control characters; not yet checked for where it leads.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: TarKind,
    /// Permission bits, 12 of them.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since 1970.
    pub mtime: i64,
    /// Extended attributes that the disk keeps, by name.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The names of those that it does not keep.
    pub dropped: Vec<Vec<u8>>,
}

/// What a member is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TarKind {
    /// A file whose bytes lie in the archive.
    File {
        /// Where they begin.
        offset: u64,
        /// How many.
        size: u64,
    },
    /// A directory.
    Dir,
    /// A symbolic link to this text, which only the guest will follow.
    Symlink(Vec<u8>),
    /// Another name of this member of the archive.
    HardLink(Vec<u8>),
    /// A device of the guest.
    Device {
        /// Block, or character.
        block: bool,
        /// Major and minor number.
        number: (u32, u32),
    },
    /// A named pipe.
    Fifo,
}

/// What extended headers said of the next member, or of all that follow.
#[derive(Debug, Default, Clone)]
struct Extended {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
    uid: Option<u32>,
    gid: Option<u32>,
    mtime: Option<i64>,
    sparse: bool,
    xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

/// Reads the archive from its beginning and gives every member to `take`, in order.
pub(crate) fn read(
    archive: &File,
    mut take: impl FnMut(Entry) -> Result<(), ArchiveError>,
) -> Result<(), ArchiveError> {
    let length = archive.metadata()?.len();
    let mut at = 0;
    let mut all = Extended::default();
    let mut next: Option<Extended> = None;
    loop {
        let mut block = [0; BLOCK as usize];
        match archive.read_exact_at(&mut block, at) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Err(ArchiveError::Cut { length });
            }
            Err(error) => return Err(error.into()),
        }
        let header = Header(&block);
        if header.0.iter().all(|byte| *byte == 0) {
            return match next {
                None => Ok(()),
                Some(_) => Err(ArchiveError::LooseHeader),
            };
        }
        header.verify().map_err(Box::new).map_err(|why| match at {
            0 => ArchiveError::NoTar { why },
            _ => ArchiveError::At { at, why },
        })?;
        let said = next.clone().unwrap_or_else(|| all.clone());
        let size = match said.size {
            Some(size) => size,
            None => header.number(124, 12)?,
        };
        let kind = header.0[156];
        // Only files and extensions have contents; links may state the size of what they point to.
        let contents = match kind {
            b'0' | 0 | b'7' | b'x' | b'g' | b'L' | b'K' => size,
            _ => 0,
        };
        let data = at + BLOCK;
        let end = contents
            .checked_next_multiple_of(BLOCK)
            .and_then(|padded| data.checked_add(padded))
            .filter(|_| data + contents <= length)
            .ok_or(ArchiveError::LongEntry { at, length: contents })?;
        at = end;
        match kind {
            b'x' | b'g' | b'L' | b'K' => {
                if contents > MAX_EXTENSION {
                    return Err(ArchiveError::LongHeader { length: contents });
                }
                let mut bytes = vec![0; contents as usize];
                archive.read_exact_at(&mut bytes, data)?;
                match kind {
                    b'g' => pax(&bytes, &mut all)?,
                    b'x' => pax(&bytes, next.get_or_insert_with(|| all.clone()))?,
                    _ => {
                        let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default().to_vec();
                        let extended = next.get_or_insert_with(|| all.clone());
                        *(if kind == b'L' { &mut extended.path } else { &mut extended.link }) = Some(text);
                    }
                }
                continue;
            }
            // The name of the volume, which is no member.
            b'V' => {
                next = None;
                continue;
            }
            _ => next = None,
        }
        take(entry(&header, said, kind, data, contents)?)?;
    }
}

fn entry(header: &Header<'_>, said: Extended, kind: u8, offset: u64, size: u64) -> Result<Entry, ArchiveError> {
    let path = said.path.unwrap_or_else(|| header.path());
    let shown = || show(&path);
    let plain =
        |text: &[u8]| !text.is_empty() && text.len() < MAX_PATH && !text.iter().any(|byte| *byte < 32 || *byte == 127);
    if !plain(&path) {
        return Err(ArchiveError::Name { entry: shown() });
    }
    let link = || -> Result<Vec<u8>, ArchiveError> {
        let link = said.link.clone().unwrap_or_else(|| header.text(157, 100));
        if plain(&link) { Ok(link) } else { Err(ArchiveError::LinkTarget { entry: shown(), target: show(&link) }) }
    };
    let device = |block| -> Result<TarKind, ArchiveError> {
        let (major, minor) = (header.number(329, 8)?, header.number(337, 8)?);
        match (u32::try_from(major), u32::try_from(minor)) {
            (Ok(major @ 0..=0xfff), Ok(minor @ 0..=0xf_ffff)) => Ok(TarKind::Device { block, number: (major, minor) }),
            _ => Err(ArchiveError::Device { entry: shown(), major, minor }),
        }
    };
    let sparse = || ArchiveError::Sparse { entry: shown() };
    if said.sparse {
        return Err(sparse());
    }
    let kind = match kind {
        // An old archive marks a directory only by the slash at its end.
        b'0' | 0 if path.ends_with(b"/") => TarKind::Dir,
        b'0' | 0 | b'7' => TarKind::File { offset, size },
        b'1' => TarKind::HardLink(link()?),
        b'2' => TarKind::Symlink(link()?),
        b'3' => device(false)?,
        b'4' => device(true)?,
        b'5' => TarKind::Dir,
        b'6' => TarKind::Fifo,
        b'S' => return Err(sparse()),
        other => return Err(ArchiveError::Kind { entry: shown(), kind: show(&[other]) }),
    };
    let (xattrs, dropped): (BTreeMap<_, _>, BTreeMap<_, _>) =
        said.xattrs.into_iter().partition(|(name, value)| xattr::kept(name, value));
    if xattrs.iter().map(|(name, value)| name.len() + value.len() + 16).sum::<usize>() > MAX_XATTRS {
        return Err(ArchiveError::Attributes { entry: shown(), limit: MAX_XATTRS });
    }
    let id = |at| {
        let id = header.number(at, 8)?;
        u32::try_from(id).map_err(|_| ArchiveError::Owner { entry: shown(), id })
    };
    Ok(Entry {
        kind,
        mode: (header.number(100, 8)? & 0o7777) as u32,
        uid: said.uid.map_or_else(|| id(108), Ok)?,
        gid: said.gid.map_or_else(|| id(116), Ok)?,
        mtime: said.mtime.map_or_else(|| header.number(136, 12).map(|time| time.min(1 << 34) as i64), Ok)?,
        xattrs,
        dropped: dropped.into_keys().collect(),
        path,
    })
}

/// A header block.
struct Header<'a>(&'a [u8; BLOCK as usize]);

impl Header<'_> {
    fn verify(&self) -> Result<(), ArchiveError> {
        let sum = |range: std::ops::Range<usize>| self.0[range].iter().map(|byte| u64::from(*byte)).sum::<u64>();
        if self.number(148, 8).ok() != Some(sum(0..148) + 8 * 32 + sum(156..512)) {
            return Err(ArchiveError::HeaderChecksum);
        }
        match &self.0[257..263] {
            b"ustar\0" | b"ustar " => Ok(()),
            _ => Err(ArchiveError::OldHeader),
        }
    }

    fn text(&self, at: usize, length: usize) -> Vec<u8> {
        self.0[at..at + length].split(|byte| *byte == 0).next().unwrap_or_default().to_vec()
    }

    fn path(&self) -> Vec<u8> {
        let name = self.text(0, 100);
        // GNU's own format has times where POSIX has the beginning of the path.
        let prefix = if self.0[262] == 0 { self.text(345, 155) } else { Vec::new() };
        if prefix.is_empty() { name } else { [&prefix[..], b"/", &name].concat() }
    }

    /// Octal digits, or GNU's binary form for what is too large for them.
    fn number(&self, at: usize, length: usize) -> Result<u64, ArchiveError> {
        let field = &self.0[at..at + length];
        let wrong = || ArchiveError::Number { at };
        if field[0] & 0x80 != 0 {
            let (head, tail) = field.split_at(length - length.min(8));
            let high = head.iter().enumerate().any(|(index, byte)| if index == 0 { *byte != 0x80 } else { *byte != 0 });
            if high || (head.is_empty() && field[0] != 0x80) {
                return Err(wrong());
            }
            let tail = if head.is_empty() { &tail[1..] } else { tail };
            return Ok(tail.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)));
        }
        let text = std::str::from_utf8(field).map_err(|_| wrong())?.trim_matches(['\0', ' ']);
        if text.is_empty() { Ok(0) } else { u64::from_str_radix(text, 8).map_err(|_| wrong()) }
    }
}

/// The records of a pax extended header: `LENGTH KEY=VALUE\n`.
fn pax(mut bytes: &[u8], into: &mut Extended) -> Result<(), ArchiveError> {
    let wrong = || ArchiveError::DamagedHeader;
    while !bytes.is_empty() {
        let space = bytes.iter().take(8).position(|byte| *byte == b' ').ok_or_else(wrong)?;
        let length: usize =
            std::str::from_utf8(&bytes[..space]).ok().and_then(|text| text.parse().ok()).ok_or_else(wrong)?;
        let record = bytes.get(space + 1..length).and_then(|record| record.strip_suffix(b"\n")).ok_or_else(wrong)?;
        bytes = &bytes[length..];
        let equals = record.iter().position(|byte| *byte == b'=').ok_or_else(wrong)?;
        let (key, value) = (&record[..equals], &record[equals + 1..]);
        let text = || std::str::from_utf8(value).map_err(|_| wrong());
        let number = || text().and_then(|text| text.parse::<u64>().map_err(|_| wrong()));
        let id = || number().and_then(|id| u32::try_from(id).map_err(|_| wrong()));
        match key {
            b"path" => into.path = Some(value.to_vec()),
            b"linkpath" => into.link = Some(value.to_vec()),
            b"size" => into.size = Some(number()?),
            b"uid" => into.uid = Some(id()?),
            b"gid" => into.gid = Some(id()?),
            b"mtime" => {
                let seconds = text()?.split('.').next().unwrap_or_default();
                into.mtime = Some(seconds.parse::<i64>().map_err(|_| wrong())?.clamp(-(1 << 31), 1 << 34));
            }
            // Said of the member that follows, whose name is known only then.
            b"GNU.sparse.name" => into.path = Some(value.to_vec()),
            _ if key.starts_with(b"GNU.sparse.") => into.sparse = true,
            _ => {
                // Anything else (comment, atime, …) is not needed.
                match xattr::of_record(key, value) {
                    Some((name, value, true)) => drop(into.xattrs.entry(name).or_insert(value)),
                    Some((name, value, false)) => drop(into.xattrs.insert(name, value)),
                    None => {}
                }
            }
        }
    }
    Ok(())
}
