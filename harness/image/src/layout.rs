//! What an image file says of itself without being started: its form, the partitions of its disk, and what starts from it.
//! Read by us from the first and last sectors; evaluated by the check type
//! `disk-image`.
//!
//! VHD facts: Microsoft's "Virtual Hard Disk Image Format Specification". GPT facts: the UEFI
//! specification, chapter 5.3. Names of partition types: [`partitions`].

use std::time::Duration;

use self::bytes::{plain, through_qemu};
use self::error::TableError;
use super::{ImageError, Inspected};
use crate::numbers::{SECTOR, big, little};
use muster_base::machine::Format;
use muster_record::disk::{DiskFacts, Partition, Table};
use muster_suite::grammar::partitions;

mod blocks;
mod bytes;
mod error;
mod esp;
mod gpt;

/// How much of the beginning and of the end is read: a table of partitions takes 17,408 bytes by custom.
const WINDOW: u64 = 64 << 10;

/// Reads an image that was inspected. `stated` is the format of the description, which for a root file
/// system is not that of the disk that was made from it.
pub(crate) async fn read(disk: &Inspected, stated: Format, deadline: Duration) -> Result<DiskFacts, ImageError> {
    let subformat = match disk.format {
        Format::Vhd => vhd_subformat(&plain(disk, disk.actual_size.saturating_sub(SECTOR), SECTOR)?),
        _ => None,
    };
    let fixed = subformat.as_deref() == Some("fixed");
    let whole = disk.format == Format::Raw || fixed;
    let mut boot_code = None;
    let table = if disk.virtual_size < 2 * SECTOR {
        Err(TableError::SmallDisk)
    } else {
        let sectors = disk.virtual_size / SECTOR * SECTOR;
        let length = WINDOW.min(sectors);
        let (head, end) = match whole {
            true => (plain(disk, 0, length)?, plain(disk, sectors - length, length)?),
            false => {
                let end = through_qemu(disk, sectors - length, length, deadline).await?;
                (through_qemu(disk, 0, length, deadline).await?, end)
            }
        };
        boot_code = Some(has_boot_code(&head));
        parse(&head, &end, disk.virtual_size)
    };
    let (table, unreadable) = match table {
        Ok(table) => (Some(table), None),
        Err(why) => (None, Some(why.to_string())),
    };
    // Of several the first, as firmware and tools take it.
    let partition = table.iter().flat_map(|table| &table.partitions).find(|partition| partition.kind == "esp");
    let esp = match partition {
        Some(partition) => Some(esp::read(disk, whole, partition, deadline).await),
        None => None,
    };
    let format = stated.name().to_owned();
    let (virtual_size, file_size) = (disk.virtual_size, disk.actual_size);
    Ok(DiskFacts { format, virtual_size, file_size, subformat, table, unreadable, boot_code, esp, root: None })
}

/// Whether a BIOS finds something to start in the first sector: 440 bytes of code, not all zero, and the signature behind the table, without which it
/// tries the next disk.
fn has_boot_code(head: &[u8]) -> bool {
    let code = head.get(..440).unwrap_or_default();
    code.iter().any(|byte| *byte != 0) && head.get(510..512) == Some(&[0x55, 0xaa])
}

/// From the last 512 bytes. Whether their checksum is right has been looked at: a wrong one is refused.
fn vhd_subformat(footer: &[u8]) -> Option<String> {
    footer.starts_with(b"conectix").then_some(())?;
    Some(match big(footer, 60, 4)? {
        2 => "fixed".to_owned(),
        3 => "dynamic".to_owned(),
        4 => "differencing".to_owned(),
        other => other.to_string(),
    })
}

/// The table of a disk by its beginning and its end, which reaches to the last whole sector.
fn parse(head: &[u8], end: &[u8], size: u64) -> Result<Table, TableError> {
    if head.get(510..512) != Some(&[0x55, 0xaa]) {
        return match head.get(512..520) {
            Some(b"EFI PART") => gpt::read(head, end, size),
            _ => Ok(Table { kind: "none".to_owned(), ..Table::default() }),
        };
    }
    let mut partitions = Vec::new();
    for entry in (446..510).step_by(16) {
        let kind = *head.get(entry + 4).ok_or(TableError::CutDisk)?;
        let [start, length] = [8, 12].map(|at| little(head, entry + at, 4));
        let (start, length) = (start.ok_or(TableError::CutDisk)?, length.ok_or(TableError::CutDisk)?);
        match kind {
            0 => continue,
            0xee => return gpt::read(head, end, size),
            // The boot sector of a file system has the same signature; its code is no table.
            _ if !matches!(head[entry], 0 | 0x80) || length == 0 || (start + length) * SECTOR > size => {
                return Ok(Table { kind: "none".to_owned(), ..Table::default() });
            }
            _ => partitions.push(Partition {
                kind: mbr_kind(kind),
                name: String::new(),
                start: start * SECTOR,
                size: length * SECTOR,
            }),
        }
    }
    let kind = if partitions.is_empty() { "none" } else { "mbr" };
    Ok(Table { kind: kind.to_owned(), partitions, ..Table::default() })
}

fn mbr_kind(kind: u8) -> String {
    let name = partitions::MBR.iter().find(|(known, _)| *known == kind);
    name.map_or_else(|| format!("0x{kind:02x}"), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests;
