//! What an EFI program is, by the sections of its file and not by its name. Pure but for the reads.
//!
//! Facts: PE sections from Microsoft's "PE Format"; `.sbat` from shim's SBAT.md; `.sdmagic` and `.linux` from systemd-boot(7) and
//! systemd-stub(7).

use std::io::{Read, Seek, SeekFrom};

use crate::numbers::little;
use muster_record::efi_program::EfiProgram;

/// Where the headers of a program end at last.
const HEADERS: u64 = 4096;
/// Of a section that says what a program is.
const MOST_TEXT: u64 = 16 << 10;

/// What the program is whose first byte is the next of `file`. What is no PE file is another program.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn of(file: &mut (impl Read + Seek)) -> std::io::Result<EfiProgram> {
    let mut headers = Vec::new();
    file.take(HEADERS).read_to_end(&mut headers)?;
    let mut text = |section: &Section| -> std::io::Result<String> {
        file.seek(SeekFrom::Start(section.at))?;
        let mut bytes = Vec::new();
        file.take(section.length.min(MOST_TEXT)).read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let sections = sections(&headers);
    let find = |name: &[u8]| sections.iter().find(|section| section.name == name);
    if find(b".linux\0\0").is_some() {
        return Ok(EfiProgram::Uki);
    }
    if let Some(magic) = find(b".sdmagic")
        && text(magic)?.contains("LoaderInfo: systemd-boot")
    {
        return Ok(EfiProgram::SystemdBoot);
    }
    let sbat = find(b".sbat\0\0\0").map(text).transpose()?.unwrap_or_default();
    let names = |component: &str| sbat.lines().any(|line| line.split(',').next() == Some(component));
    Ok(match (names("shim"), names("grub")) {
        (true, _) => EfiProgram::Shim,
        (_, true) => EfiProgram::Grub,
        _ => EfiProgram::Other,
    })
}

/// A section of a PE file.
struct Section {
    name: [u8; 8],
    at: u64,
    length: u64,
}

/// Those whose headers are in `head`; none where it is no PE file.
fn sections(head: &[u8]) -> Vec<Section> {
    let Some(pe) = little(head, 0x3c, 4).and_then(|at| usize::try_from(at).ok()) else { return Vec::new() };
    if !head.starts_with(b"MZ") || head.get(pe..pe.saturating_add(4)) != Some(b"PE\0\0") {
        return Vec::new();
    }
    let (Some(count), Some(optional)) = (little(head, pe + 6, 2), little(head, pe + 20, 2)) else { return Vec::new() };
    let first = pe + 24 + optional as usize;
    let one = |number: u64| {
        let at = first + number as usize * 40;
        let name = head.get(at..at + 8)?.try_into().ok()?;
        Some(Section { name, length: little(head, at + 16, 4)?, at: little(head, at + 20, 4)? })
    };
    (0..count).map_while(one).collect()
}
