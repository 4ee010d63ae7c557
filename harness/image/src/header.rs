//! The first and last bytes of an image, read by us before any tool opens it: which format it is by
//! its magic, and for qcow2 whether its header is sane. Pure.
//!
//! qcow2 facts: docs/interop/qcow2.txt of QEMU. VHD facts: Microsoft's "Virtual Hard Disk Image
//! Format Specification" (footer cookie, disk type at offset 60).

pub use super::ends::{Ends, WINDOW};
use super::magic;
use muster_base::machine::Format;

/// What is wrong with a header.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Trouble {
    Backing(String),
    DataFile(String),
    Encrypted,
    Snapshots,
    Broken(String),
}

/// The format by magic bytes; what has none of them is raw.
pub fn format_of(ends: &Ends<'_>) -> Format {
    match magic::of(ends).map(|magic| magic.kind) {
        Some(magic::MagicKind::Known(format)) => format,
        _ => Format::Raw,
    }
}

/// Whether the end of a file is the footer of a VHD but for its first eight bytes: Features, Version and Data Offset are as
/// the specification wants them in a fixed or dynamic disk.
pub(crate) fn lost_its_cookie(tail: &[u8]) -> bool {
    let features = tail.get(8..12).is_some_and(|features| matches!(features, [0, 0, 0, 2 | 3]));
    features && tail.get(12..16) == Some(&[0, 1, 0, 0]) && !tail.starts_with(b"conectix")
}

/// What the header says that must not be used, or the virtual size when it says it plainly.
pub fn examine(format: Format, ends: &Ends<'_>) -> Result<Option<u64>, Trouble> {
    match format {
        Format::Qcow2 => qcow2(ends).map(Some),
        Format::Vhd => vhd(ends).map(Some),
        Format::Vmdk => vmdk(ends),
        Format::Raw if ends.length == 0 => Err(Trouble::Broken("the file is empty".to_owned())),
        Format::Raw => Ok(Some(ends.length)),
        // What matters of a VHDX lies deep inside: see `vhdx_has_parent`.
        Format::Vhdx => Ok(None),
        Format::Tar => Err(Trouble::Broken("a tar is not a disk; it must be made into one first".to_owned())),
    }
}

fn qcow2(ends: &Ends<'_>) -> Result<u64, Trouble> {
    let broken = |text: String| Trouble::Broken(text);
    let field = |at: usize, width: usize| -> Result<u64, Trouble> {
        let bytes = ends
            .head
            .get(at..at + width)
            .ok_or_else(|| broken(format!("its header ends at byte {}", ends.head.len())))?;
        Ok(bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte)))
    };
    let version = field(4, 4)?;
    if !(2..=3).contains(&version) {
        return Err(broken(format!("qcow2 version {version} is not known")));
    }
    let backing_offset = field(8, 8)?;
    if backing_offset != 0 {
        let length = field(16, 4)? as usize;
        let start = usize::try_from(backing_offset).unwrap_or(usize::MAX);
        let name = ends.head.get(start..start.saturating_add(length.min(1023))).unwrap_or_default();
        return Err(Trouble::Backing(muster_base::text::one_line(&String::from_utf8_lossy(name), 200)));
    }
    let cluster_bits = field(20, 4)?;
    if !(9..=21).contains(&cluster_bits) {
        return Err(broken(format!("cluster bits {cluster_bits} are outside 9..=21")));
    }
    if field(32, 4)? != 0 {
        return Err(Trouble::Encrypted);
    }
    if field(60, 4)? != 0 {
        return Err(Trouble::Snapshots);
    }
    if version == 3 {
        let incompatible = field(72, 8)?;
        if incompatible & 0b100 != 0 {
            return Err(Trouble::DataFile("qcow2 external data file".to_owned()));
        }
        if incompatible & 0b10 != 0 {
            return Err(broken("its corrupt bit is set".to_owned()));
        }
        if incompatible & !0b11011 != 0 {
            return Err(broken(format!("incompatible features {incompatible:#x} are not known")));
        }
        let header_length = field(100, 4)?;
        if !(104..=1 << cluster_bits).contains(&header_length) {
            return Err(broken(format!("header length {header_length} is impossible")));
        }
    }
    let size = field(24, 8)?;
    let tables = [
        ("L1 table", field(40, 8)?, field(36, 4)? * 8),
        ("refcount table", field(48, 8)?, field(56, 4)? << cluster_bits),
    ];
    for (name, offset, length) in tables {
        if offset.checked_add(length).is_none_or(|end| end > ends.length) {
            return Err(broken(format!("truncated: its {name} is beyond the end of the file")));
        }
    }
    Ok(size)
}

/// VMDK facts: VMware's "Virtual Disk Format 5.0": the sparse header is little-endian, counts sectors,
/// and holds a descriptor in text. A header without a capacity makes QEMU read the descriptor for the
/// names of other files, as does a descriptor on its own.
fn vmdk(ends: &Ends<'_>) -> Result<Option<u64>, Trouble> {
    let head = ends.head;
    if head.starts_with(b"# Disk DescriptorFile") {
        return Err(Trouble::DataFile("a VMDK descriptor without data".to_owned()));
    }
    if !head.starts_with(b"KDMV") {
        return Err(Trouble::Broken("a VMDK of a kind before version 4 is not taken".to_owned()));
    }
    let field = |at: usize| {
        let bytes: [u8; 8] = head.get(at..at + 8)?.try_into().ok()?;
        Some(u64::from_le_bytes(bytes))
    };
    let broken = || Trouble::Broken("truncated: its header is incomplete".to_owned());
    let capacity = field(12).ok_or_else(broken)?;
    let (start, length) = (field(28).ok_or_else(broken)?, field(36).ok_or_else(broken)?);
    if capacity == 0 {
        return Err(Trouble::DataFile("a VMDK header without a disk".to_owned()));
    }
    let span = |sectors: u64| usize::try_from(sectors).ok().and_then(|sectors| sectors.checked_mul(512));
    let descriptor = span(start)
        .zip(span(length))
        .and_then(|(start, length)| head.get(start..start.checked_add(length)?))
        .ok_or_else(|| Trouble::Broken("its descriptor is before the beginning of the file".to_owned()))?;
    for line in descriptor.split(|byte| matches!(byte, b'\n' | b'\r' | 0)) {
        let line = String::from_utf8_lossy(line);
        let Some((key, value)) = line.split_once('=') else { continue };
        let value = value.trim().trim_matches('"');
        let parent = match key.trim().to_ascii_lowercase().as_str() {
            "parentcid" => !value.eq_ignore_ascii_case("ffffffff"),
            "parentfilenamehint" => !value.is_empty(),
            _ => false,
        };
        if parent {
            return Err(Trouble::Backing(muster_base::text::one_line(value, 200)));
        }
    }
    capacity.checked_mul(512).map(Some).ok_or_else(|| Trouble::Broken("an impossible capacity".to_owned()))
}

/// Whether a VHDX is a difference to another file. `read` gives bytes of the file at an offset.
/// Facts: Microsoft's [MS-VHDX], 2.2.3 (region table), 2.6.1 (metadata table), 2.6.2.1 (file
/// parameters, `HasParent`). What is damaged is left to `qemu-img`, which checks the checksums.
pub(crate) fn vhdx_has_parent(read: impl Fn(u64, usize) -> Option<Vec<u8>>) -> bool {
    const METADATA: [u8; 16] = [6, 162, 124, 139, 144, 71, 154, 75, 184, 254, 87, 95, 5, 15, 136, 110];
    const FILE_PARAMETERS: [u8; 16] = [55, 103, 161, 202, 54, 250, 67, 77, 179, 182, 51, 240, 170, 68, 231, 107];
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
    // Each table stands twice or once, begins with a signature and holds entries of 32 bytes that begin
    // with a GUID.
    let entry = |table: &[u8], count: std::ops::Range<usize>, first: usize, guid: &[u8; 16]| -> Option<Vec<u8>> {
        let count = number(table.get(count)?).min(2047) as usize;
        table.get(first..)?.chunks_exact(32).take(count).find(|entry| entry.starts_with(guid)).map(<[u8]>::to_vec)
    };
    let says_so = |regions: u64| -> Option<bool> {
        let table = read(regions, 64 << 10)?;
        let region = entry(&table, 8..12, 16, &METADATA)?;
        let at = number(&region[16..24]);
        let table = read(at, 64 << 10)?;
        let item = entry(&table, 10..12, 32, &FILE_PARAMETERS)?;
        let parameters = read(at.checked_add(number(&item[16..20]))?, 8)?;
        Some(number(parameters.get(4..8)?) & 2 != 0)
    };
    [192 << 10, 256 << 10].into_iter().any(|regions| says_so(regions) == Some(true))
}

fn vhd(ends: &Ends<'_>) -> Result<u64, Trouble> {
    let footer = if ends.tail.starts_with(b"conectix") { ends.tail } else { ends.head };
    if !ends.tail.starts_with(b"conectix") {
        return Err(Trouble::Broken("truncated: the footer at its end is missing".to_owned()));
    }
    let (Some(size), Some(kind)) = (footer.get(48..56), footer.get(60..64)) else {
        return Err(Trouble::Broken("its footer is incomplete".to_owned()));
    };
    match kind {
        [0, 0, 0, 2 | 3] => Ok(size.iter().fold(0, |value, byte| value << 8 | u64::from(*byte))),
        [0, 0, 0, 4] => Err(Trouble::Backing("a differencing VHD".to_owned())),
        _ => Err(Trouble::Broken("its disk type is not known".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(edit: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
        let mut head = vec![0; 512];
        head[..4].copy_from_slice(b"QFI\xfb");
        head[7] = 3;
        head[23] = 16;
        head[24..32].copy_from_slice(&(1u64 << 30).to_be_bytes());
        head[36..40].copy_from_slice(&2u32.to_be_bytes());
        head[40..48].copy_from_slice(&0x30000u64.to_be_bytes());
        head[48..56].copy_from_slice(&0x10000u64.to_be_bytes());
        head[56..60].copy_from_slice(&1u32.to_be_bytes());
        head[100..104].copy_from_slice(&112u32.to_be_bytes());
        edit(&mut head);
        head
    }

    fn examined(head: &[u8], length: u64) -> Result<Option<u64>, Trouble> {
        examine(Format::Qcow2, &Ends { head, tail: &[], length })
    }

    #[test]
    fn a_sane_qcow2_reports_its_virtual_size() {
        assert_eq!(examined(&header(|_| ()), 0x40000), Ok(Some(1 << 30)));
    }

    #[test]
    fn what_reaches_for_other_files_is_named() {
        let backed = header(|head| {
            head[8..16].copy_from_slice(&120u64.to_be_bytes());
            head[16..20].copy_from_slice(&11u32.to_be_bytes());
            head[120..131].copy_from_slice(b"/etc/shadow");
        });
        assert_eq!(examined(&backed, 0x40000), Err(Trouble::Backing("/etc/shadow".to_owned())));
        let far = header(|head| head[8..16].copy_from_slice(&u64::MAX.to_be_bytes()));
        assert_eq!(examined(&far, 0x40000), Err(Trouble::Backing(String::new())));
        let data = header(|head| head[79] = 4);
        assert_eq!(examined(&data, 0x40000), Err(Trouble::DataFile("qcow2 external data file".to_owned())));
        assert_eq!(examined(&header(|head| head[35] = 1), 0x40000), Err(Trouble::Encrypted));
        assert_eq!(examined(&header(|head| head[63] = 1), 0x40000), Err(Trouble::Snapshots));
    }

    #[test]
    fn truncated_and_corrupt_headers_are_broken() {
        let message = |head: &[u8], length| match examined(head, length) {
            Err(Trouble::Broken(text)) => text,
            other => format!("{other:?}"),
        };
        assert_eq!(message(&header(|_| ())[..60], 60), "its header ends at byte 60");
        assert!(message(&header(|_| ()), 0x20000).starts_with("truncated: its L1 table"));
        assert_eq!(message(&header(|head| head[7] = 9), 0x40000), "qcow2 version 9 is not known");
        assert_eq!(message(&header(|head| head[79] = 2), 0x40000), "its corrupt bit is set");
        assert_eq!(message(&header(|head| head[23] = 60), 0x40000), "cluster bits 60 are outside 9..=21");
        assert_eq!(message(&header(|head| head[78] = 1), 0x40000), "incompatible features 0x100 are not known");
        let wild = header(|head| head[40..48].copy_from_slice(&u64::MAX.to_be_bytes()));
        assert!(message(&wild, 0x40000).starts_with("truncated: its L1 table"));
    }

    #[test]
    fn a_vmdk_that_reaches_for_other_files_is_named() {
        let vmdk = |capacity: u64, descriptor: &str| {
            let mut head = vec![0; 2048];
            head[..4].copy_from_slice(b"KDMV");
            head[12..20].copy_from_slice(&capacity.to_le_bytes());
            head[28..36].copy_from_slice(&1u64.to_le_bytes());
            head[36..44].copy_from_slice(&2u64.to_le_bytes());
            head[512..512 + descriptor.len()].copy_from_slice(descriptor.as_bytes());
            examine(Format::Vmdk, &Ends { head: &head, tail: &[], length: 1 << 20 })
        };
        assert_eq!(vmdk(4, "CID=1\nparentCID=ffffffff\n"), Ok(Some(2048)));
        assert_eq!(vmdk(4, "parentCID=0badcafe\n"), Err(Trouble::Backing("0badcafe".to_owned())));
        assert_eq!(
            vmdk(4, "parentCID=FFFFFFFF\r\nparentFileNameHint = \"/etc/shadow\"\n"),
            Err(Trouble::Backing("/etc/shadow".to_owned()))
        );
        let flat = "createType=\"monolithicFlat\"\nRW 8 FLAT \"/etc/shadow\" 0\n";
        assert_eq!(vmdk(0, flat), Err(Trouble::DataFile("a VMDK header without a disk".to_owned())));
        assert!(matches!(vmdk(u64::MAX, ""), Err(Trouble::Broken(_))));
        let alone = examine(Format::Vmdk, &Ends { head: b"# Disk DescriptorFile\n", tail: &[], length: 30 });
        assert_eq!(alone, Err(Trouble::DataFile("a VMDK descriptor without data".to_owned())));
    }

    #[test]
    fn formats_are_known_by_magic() {
        let of = |head: &[u8], tail: &[u8]| format_of(&Ends { head, tail, length: 4096 });
        assert_eq!(of(b"QFI\xfb", b""), Format::Qcow2);
        assert_eq!(of(b"\xeb\x63", b"conectix"), Format::Vhd);
        assert_eq!(of(b"KDMV", b""), Format::Vmdk);
        assert_eq!(of(b"vhdxfile", b""), Format::Vhdx);
        assert_eq!(of(b"QFI", b"x"), Format::Raw);
        let mut tar = [0; 512];
        tar[257..262].copy_from_slice(b"ustar");
        assert_eq!(of(&tar, b""), Format::Tar);
    }

    #[test]
    fn a_differencing_or_cut_vhd_is_refused() {
        let mut footer = [0; 512];
        footer[..8].copy_from_slice(b"conectix");
        footer[48..56].copy_from_slice(&1024u64.to_be_bytes());
        footer[63] = 2;
        let of = |tail: &[u8]| examine(Format::Vhd, &Ends { head: b"conectix", tail, length: 1536 });
        assert_eq!(of(&footer), Ok(Some(1024)));
        assert_eq!(of(b""), Err(Trouble::Broken("truncated: the footer at its end is missing".to_owned())));
        footer[63] = 4;
        assert_eq!(of(&footer), Err(Trouble::Backing("a differencing VHD".to_owned())));
    }
}
