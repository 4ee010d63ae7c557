//! What a file is by its first and last bytes: one table of marks, with what to do about each kind that is no disk
//! muster starts. Pure.
//!
//! Facts: file(1), magic/Magdir; QEMU, docs/interop and block/*.c; Linux, Documentation/arch/x86/boot.rst (`HdrS`) and
//! Documentation/arch/arm64/booting.rst (`ARM\x64`); deb(5); Microsoft's "PE Format"; ECMA-119 (`CD001`).

use super::compression::Compression;
use super::ends::Ends;
use muster_base::machine::Format;

/// Where the bytes of a mark stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MarkPosition {
    /// So many bytes from the beginning.
    At(usize),
    /// At the beginning of the last 512 bytes.
    Tail,
    /// Where the 32-bit little-endian number at that offset points to, in a file that begins with `MZ`.
    Pointed(usize),
    /// At the beginning of a file whose first bytes are text, after white space and in any case.
    Text,
}

/// What a mark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MagicKind {
    /// A format that muster starts.
    Known(Format),
    /// A packed file, which must be called so.
    Packed(Compression),
    /// Another format of disks, by the name that `qemu-img` has for it.
    Disk(&'static str),
    /// An optical disc: an error unless the format was stated, since some are disks too.
    Disc,
    /// Anything else; with what to do.
    Other(&'static str),
}

/// One mark.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Magic {
    /// Where it stands.
    pub place: MarkPosition,
    /// Its bytes.
    pub bytes: &'static [u8],
    /// What it says.
    pub kind: MagicKind,
    /// The kind of file, with its article.
    pub name: &'static str,
}

const fn mark(place: MarkPosition, bytes: &'static [u8], kind: MagicKind, name: &'static str) -> Magic {
    Magic { place, bytes, kind, name }
}

const UNPACK: &str = "unpack it, and name the disk that is in it";
const DOWNLOAD: &str = "a server or a proxy sent this in the place of the image: fetch it again";
const KERNEL: &str = "name it as `--kernel`, and as the image the disk or root file system that it starts";
const PACKAGE: &str = "name the image that was built from packages, not a package";

use MagicKind::{Disc, Disk, Known, Other, Packed};
use MarkPosition::{At, Pointed, Tail, Text};

/// All marks. The first that fits counts, so that a longer one stands before a shorter one.
pub(crate) const MAGICS: &[Magic] = &[
    mark(At(0), b"QFI\xfb\0\0\0\x01", Disk("qcow"), "a disk of QEMU's first qcow format"),
    mark(At(0), b"QFI\xfb", Known(Format::Qcow2), "a qcow2 disk"),
    mark(At(0), b"vhdxfile", Known(Format::Vhdx), "a VHDX disk"),
    mark(At(0), b"KDMV", Known(Format::Vmdk), "a VMDK disk"),
    mark(At(0), b"COWD", Known(Format::Vmdk), "a VMDK disk"),
    mark(At(0), b"# Disk DescriptorFile", Known(Format::Vmdk), "the descriptor of a VMDK disk"),
    mark(Tail, b"conectix", Known(Format::Vhd), "a VHD disk"),
    // Dynamic disks repeat the footer at their start; fixed ones have it only at the end.
    mark(At(0), b"conectix", Known(Format::Vhd), "a VHD disk"),
    mark(At(257), b"ustar", Known(Format::Tar), "a tar"),
    mark(At(0x40), b"\x7f\x10\xda\xbe", Disk("vdi"), "a VDI disk of VirtualBox"),
    mark(At(0), b"QED\0", Disk("qed"), "a QED disk"),
    mark(At(0), b"WithoutFreeSpace", Disk("parallels"), "a disk of Parallels"),
    mark(At(0), b"WithouFreSpacExt", Disk("parallels"), "a disk of Parallels"),
    mark(At(0), b"Bochs Virtual HD Image", Disk("bochs"), "a disk of Bochs"),
    mark(Tail, b"koly", Disk("dmg"), "a disk image of macOS"),
    mark(
        At(0),
        b"LUKS\xba\xbe",
        Other("decrypt it first, with `cryptsetup` or `qemu-img convert`"),
        "an encrypted LUKS volume",
    ),
    mark(At(0x8001), b"CD001", Disc, "an ISO 9660 image of an optical disc"),
    mark(At(0), b"\xfd7zXZ\0", Packed(Compression::Xz), "a file packed by xz"),
    mark(At(0), b"\x28\xb5\x2f\xfd", Packed(Compression::Zstd), "a file packed by zstd"),
    mark(At(0), b"\x1f\x8b", Packed(Compression::Gzip), "a file packed by gzip"),
    mark(At(0), b"BZh", Packed(Compression::Bzip2), "a file packed by bzip2"),
    mark(At(0), b"\x04\x22\x4d\x18", Other(UNPACK), "a file packed by lz4"),
    mark(At(0), b"LZIP", Other(UNPACK), "a file packed by lzip"),
    mark(At(0), b"PK\x03\x04", Other(UNPACK), "a zip archive"),
    mark(At(0), b"7z\xbc\xaf\x27\x1c", Other(UNPACK), "a 7z archive"),
    mark(At(0), b"Rar!\x1a\x07", Other(UNPACK), "a rar archive"),
    mark(At(0), b"\x3a\xff\x26\xed", Other("unfold it with `simg2img`"), "a sparse image of Android"),
    mark(At(0), b"MSWIM\0\0\0", Other(UNPACK), "a WIM archive of Windows"),
    mark(
        At(0),
        b"070701",
        Other("name it as `--initrd`, and as the image the disk"),
        "a cpio archive, as an initrd is",
    ),
    mark(At(0), b"!<arch>\ndebian", Other(PACKAGE), "a package of Debian"),
    mark(At(0), b"!<arch>\n", Other(PACKAGE), "an ar archive"),
    mark(At(0), b"\xed\xab\xee\xdb", Other(PACKAGE), "an rpm package"),
    mark(At(0x202), b"HdrS", Other(KERNEL), "a Linux kernel"),
    mark(At(0x38), b"ARM\x64", Other(KERNEL), "a Linux kernel for 64-bit Arm"),
    mark(
        Pointed(0x3c),
        b"PE\0\0",
        Other("put it as EFI/BOOT/BOOTX64.EFI on an EFI system partition of a disk, and name the disk"),
        "an EFI program, as a unified kernel image is",
    ),
    mark(At(0), b"\x7fELF", Other(KERNEL), "an ELF program"),
    mark(Text, b"<!doctype", Other(DOWNLOAD), "a page of a web server"),
    mark(Text, b"<html", Other(DOWNLOAD), "a page of a web server"),
    mark(Text, b"<?xml", Other(DOWNLOAD), "an XML document"),
    mark(Text, b"{", Other(DOWNLOAD), "a JSON document"),
    mark(
        Text,
        b"version https://git-lfs.github.com/spec/",
        Other("fetch the file itself with `git lfs pull`"),
        "a pointer of Git LFS",
    ),
    mark(Text, b"", Other("name the image itself"), "a text"),
];

/// The mark that the ends of a file bear.
pub(crate) fn of(ends: &Ends<'_>) -> Option<&'static Magic> {
    MAGICS.iter().find(|magic| stands(magic, ends))
}

/// How a file is packed that begins with these bytes.
pub fn packed(head: &[u8]) -> Option<Compression> {
    match of(&Ends { head, tail: &[], length: head.len() as u64 })?.kind {
        Packed(how) => Some(how),
        _ => None,
    }
}

fn stands(magic: &Magic, ends: &Ends<'_>) -> bool {
    let head = ends.head;
    let at = |offset: usize| head.get(offset..).is_some_and(|rest| rest.starts_with(magic.bytes));
    match magic.place {
        At(offset) => at(offset),
        Tail => ends.tail.starts_with(magic.bytes),
        Pointed(offset) => {
            let pointer = head.get(offset..offset + 4).and_then(|bytes| bytes.try_into().ok()).map(u32::from_le_bytes);
            head.starts_with(b"MZ") && pointer.and_then(|to| usize::try_from(to).ok()).is_some_and(at)
        }
        Text => text(head).is_some_and(|text| {
            text.get(..magic.bytes.len()).is_some_and(|start| start.eq_ignore_ascii_case(magic.bytes))
        }),
    }
}

/// The beginning of a file that is text there, without white space before it. A disk has a zero within its first sector.
fn text(head: &[u8]) -> Option<&[u8]> {
    let start = &head[..head.len().min(512)];
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start).trim_ascii_start();
    let printable = |byte: &u8| *byte >= 32 && *byte != 127 || matches!(byte, b'\t' | b'\n' | b'\r' | 12);
    // The last letter may be cut.
    let letters = std::str::from_utf8(start).map_or_else(|error| error.error_len().is_none(), |_| true);
    (!start.is_empty() && letters && start.iter().all(printable)).then_some(start)
}

impl Magic {
    /// What to do with a file of this kind at that path. `None` of a format that muster starts.
    pub(crate) fn advice(&self, path: &std::path::Path) -> Option<String> {
        let name = path.display();
        Some(match self.kind {
            Known(_) => return None,
            Packed(how) => format!("call it {name}.{}, and muster unpacks it", how.ending()),
            Disk(driver) => {
                format!(
                    "make it one that is: `qemu-img convert -f {driver} -O qcow2 {name} {}`",
                    path.with_extension("qcow2").display()
                )
            }
            Disc => {
                "install from it, and name the disk; state `raw` as its format when it is a disk as well".to_owned()
            }
            Other(advice) => advice.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// The ends of a file that bears the mark.
    fn bearing(magic: &Magic) -> (Vec<u8>, Vec<u8>) {
        let (mut head, mut tail) = (vec![0; 64 << 10], vec![0; 512]);
        let mut put = |at: usize, bytes: &[u8]| head[at..at + bytes.len()].copy_from_slice(bytes);
        match magic.place {
            At(offset) => put(offset, magic.bytes),
            Tail => tail[..magic.bytes.len()].copy_from_slice(magic.bytes),
            Pointed(offset) => {
                put(0, b"MZ");
                put(offset, &0x1234u32.to_le_bytes());
                put(0x1234, magic.bytes);
            }
            Text => head = [b"\xef\xbb\xbf \n", &magic.bytes.to_ascii_uppercase()[..], b"!"].concat(),
        }
        (head, tail)
    }

    #[test]
    fn every_mark_is_found_where_it_stands_and_nowhere_else() {
        for magic in MAGICS {
            let (mut head, tail) = bearing(magic);
            let length = 1 << 20;
            let found = of(&Ends { head: &head, tail: &tail, length }).unwrap();
            assert_eq!((found.name, found.kind), (magic.name, magic.kind));
            // A byte further on the mark says nothing; a text with a control character is no text.
            head.insert(0, 0);
            let moved = of(&Ends { head: &head, tail: &tail[1..], length });
            assert!(moved.is_none(), "{}: {moved:?}", magic.name);
        }
        for head in [&b""[..], b"\xeb\x63\x90", &[0; 4096], b"\xfa\xfa\xfa", b" \n\n"] {
            assert!(of(&Ends { head, tail: head, length: 1 }).is_none(), "{head:?}");
        }
    }

    #[test]
    fn every_kind_that_is_not_started_says_what_to_do() {
        for magic in MAGICS {
            let advice = magic.advice(Path::new("x.img"));
            assert_eq!(advice.is_none(), matches!(magic.kind, Known(_)), "{}", magic.name);
            if let Disk(driver) = magic.kind {
                let convert = format!("`qemu-img convert -f {driver} -O qcow2 x.img x.qcow2`");
                assert!(advice.is_some_and(|advice| advice.contains(&convert)), "{}", magic.name);
            }
        }
    }
}
