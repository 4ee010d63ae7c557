//! A GPT and its second copy at the end of the disk, with their checksums.
//!
//! Facts: the UEFI specification, 5.3.2 (header, its checksum) and 5.3.3 (entries); Linux, block/partitions/efi.c, which
//! takes the second copy when the first is damaged.

use muster_suite::grammar::partitions;

use super::error::TableError;
use crate::numbers::{SECTOR, big, little};
use muster_record::disk::{Damage, Partition, Table, TableCopy};

/// The most entries of a table that are looked at; 128 by custom.
const MOST: usize = 256;

/// The table by the beginning and the end of a disk of that size in bytes.
pub(super) fn read(head: &[u8], end: &[u8], size: u64) -> Result<Table, TableError> {
    let last = size / SECTOR - 1;
    let end_at = (last + 1) * SECTOR - end.len() as u64;
    let (first, second) = (copy(head, 0, 1, last), copy(end, end_at, last, 1));
    let table = |partitions, backup, damage: Option<(TableCopy, TableError)>| {
        let damage = damage.map(|(copy, why)| Damage { copy, why: why.to_string() });
        Ok(Table { kind: "gpt".to_owned(), backup: Some(backup), damage, partitions })
    };
    match (first, second) {
        (Ok(Some(first)), Ok(Some(second))) if first != second => {
            table(first, false, Some((TableCopy::Second, TableError::Differs)))
        }
        (Ok(Some(first)), Ok(second)) => table(first, second.is_some(), None),
        (Ok(Some(first)), Err(why)) => table(first, false, Some((TableCopy::Second, why))),
        (Ok(None), Ok(Some(second))) => table(second, true, Some((TableCopy::First, TableError::None))),
        (Err(why), Ok(Some(second))) => table(second, true, Some((TableCopy::First, why))),
        (Ok(None), _) => Err(TableError::Nowhere),
        (Err(why), _) => Err(why),
    }
}

/// The partitions of the copy in the sector `place`, whose other one is in the sector `other`. `bytes` are a part of the
/// disk that begins at `base`. `None` when there is no GPT in that place.
fn copy(bytes: &[u8], base: u64, place: u64, other: u64) -> Result<Option<Vec<Partition>>, TableError> {
    let Some(header) = (place * SECTOR).checked_sub(base).and_then(|at| bytes.get(usize::try_from(at).ok()?..)) else {
        return Ok(None);
    };
    if !header.starts_with(b"EFI PART") {
        return Ok(None);
    }
    let number = |at: usize, width: usize| little(header, at, width).ok_or(TableError::Cut);
    if place != 1 && (number(24, 8)? != place || number(32, 8)? != other) {
        // A table that was left there when the disk was made smaller or larger is nobody's copy.
        return Ok(None);
    }
    let length = number(12, 4)? as usize;
    if !(92..=SECTOR as usize).contains(&length) {
        return Err(TableError::Header { length });
    }
    let stated = header.get(..length).ok_or(TableError::Cut)?;
    if crc32([&stated[..16], &[0; 4], &stated[20..]]) != number(16, 4)? as u32 {
        return Err(TableError::HeaderChecksum);
    }
    let stated = number(24, 8)?;
    if stated != place {
        return Err(TableError::Place { stated, place });
    }
    let entries = number(72, 8)?.checked_mul(SECTOR).and_then(|at| at.checked_sub(base)).ok_or(TableError::Cut)?;
    let entries = usize::try_from(entries).map_err(|_| TableError::Cut)?;
    let (count, width) = (number(80, 4)? as usize, number(84, 4)? as usize);
    if !(128..=4096).contains(&width) {
        return Err(TableError::Width { width });
    }
    if count > MOST {
        return Err(TableError::Count { count, most: MOST });
    }
    let entries = entries.checked_add(count * width).and_then(|end| bytes.get(entries..end)).ok_or(TableError::Cut)?;
    if crc32([entries]) != number(88, 4)? as u32 {
        return Err(TableError::EntriesChecksum);
    }
    let mut partitions = Vec::new();
    for (number, entry) in entries.chunks_exact(width).enumerate() {
        if entry[..16].iter().all(|byte| *byte == 0) {
            continue;
        }
        let (first, last) =
            (little(entry, 32, 8).ok_or(TableError::Cut)?, little(entry, 40, 8).ok_or(TableError::Cut)?);
        let length = last.checked_sub(first).and_then(|sectors| sectors.checked_add(1));
        let length = length.and_then(|sectors| sectors.checked_mul(SECTOR));
        let (Some(size), Some(start)) = (length, first.checked_mul(SECTOR)) else {
            return Err(TableError::Backwards { number: number + 1 });
        };
        let units: Vec<u16> = entry[56..128].chunks(2).map(|two| u16::from_le_bytes([two[0], two[1]])).collect();
        let name = String::from_utf16_lossy(units.split(|unit| *unit == 0).next().unwrap_or_default());
        partitions.push(Partition { kind: kind(entry), name: muster_base::text::one_line(&name, 40), start, size });
    }
    Ok(Some(partitions))
}

/// CRC-32 as Ethernet and the UEFI specification have it, over the parts one after the other.
pub(super) fn crc32<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    };
    !parts.into_iter().flatten().fold(!0, step)
}

fn kind(entry: &[u8]) -> String {
    let number = |at: usize, width: usize| little(entry, at, width).unwrap_or_default();
    let rest = big(entry, 10, 6).unwrap_or_default();
    let guid = format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{rest:012x}",
        number(0, 4),
        number(4, 2),
        number(6, 2),
        big(entry, 8, 2).unwrap_or_default()
    );
    partitions::GPT.iter().find(|(known, _)| *known == guid).map_or(guid, |(_, name)| (*name).to_owned())
}
