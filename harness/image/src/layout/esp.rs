//! What starts the system: the programs on the EFI system partition of a disk, known by what is in them and not by their names.
//!
//! The file system is FAT, which the crate `fatfs` reads, through blocks of the disk that are fetched when they are needed.

use std::io::{Read, Seek, SeekFrom};
use std::time::Duration;

use fatfs::{Dir, FileSystem, FsOptions};
use muster_base::text::one_line;
use muster_record::disk::{Esp, Partition};
use muster_record::efi_program::EfiProgram;

use super::blocks::{Blocks, Whence};
use crate::{Inspected, efi_program};

/// Directories are looked at as far as this.
const MOST_NAMES: usize = 200;
/// Of `loader.conf`.
const MOST_TEXT: u64 = 16 << 10;
/// Names of the first program and of the one that shim starts, for x86 and for Arm.
const NAMES: [(&str, &str); 2] = [("BOOTX64.EFI", "grubx64.efi"), ("BOOTAA64.EFI", "grubaa64.efi")];

type Volume = FileSystem<Blocks>;
type Directory<'v> = Dir<'v, Blocks>;

/// Reads it, at most for `deadline`. What cannot be read is said in what is returned: no run ends for that.
pub(super) async fn read(disk: &Inspected, whole: bool, partition: &Partition, deadline: Duration) -> Esp {
    let whence = Whence { disk: disk.clone(), whole, start: partition.start, length: partition.size, deadline };
    let runtime = tokio::runtime::Handle::current();
    // In a thread of its own, whose panic is an error: the bytes are anybody's.
    let read = tokio::task::spawn_blocking(move || of_volume(Blocks::new(whence, runtime)));
    let unreadable = |why: String| Esp { unreadable: Some(one_line(&why, 300)), ..Esp::default() };
    match read.await {
        Ok(Ok(esp)) => esp,
        Ok(Err(error)) => unreadable(error.to_string()),
        Err(error) => unreadable(error.to_string()),
    }
}

fn of_volume(mut blocks: Blocks) -> std::io::Result<Esp> {
    let mut sector = [0; 512];
    blocks.read_exact(&mut sector)?;
    // A partition that nobody has made a file system on holds no programs; firmware sees none either.
    if sector[510..] != [0x55, 0xaa] || !(&sector[54..57] == b"FAT" || &sector[82..85] == b"FAT") {
        return Ok(Esp { formatted: false, ..Esp::default() });
    }
    blocks.seek(SeekFrom::Start(0))?;
    let volume = Volume::new(blocks, FsOptions::new().update_accessed_date(false))?;
    let root = volume.root_dir();
    let mut esp = Esp { formatted: true, ..Esp::default() };
    if let Some(boot) = directory(&root, "EFI/BOOT")? {
        for (first, second) in NAMES {
            if let Some(found) = program(&boot, first)? {
                (esp.first, esp.second) = (Some(found), program(&boot, second)?);
                break;
            }
        }
    }
    if let Some(linux) = directory(&root, "EFI/Linux")? {
        for (at, entry) in linux.iter().enumerate() {
            let name = entry?.file_name();
            if at >= MOST_NAMES {
                return Err(std::io::ErrorKind::FileTooLarge.into());
            }
            if name.to_ascii_lowercase().ends_with(".efi") && program(&linux, &name)? == Some(EfiProgram::Uki) {
                esp.ukis.push(one_line(&name, 255));
            }
        }
        esp.ukis.sort();
    }
    if let Some(loader) = directory(&root, "loader")? {
        esp.default = default_of(&loader)?;
    }
    Ok(esp)
}

/// `None` where it is not there.
fn directory<'v>(root: &Directory<'v>, path: &str) -> std::io::Result<Option<Directory<'v>>> {
    there(root.open_dir(path))
}

fn there<T>(opened: std::io::Result<T>) -> std::io::Result<Option<T>> {
    match opened {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The `default` of loader.conf, of several the last, as systemd-boot reads it.
fn default_of(loader: &Directory<'_>) -> std::io::Result<Option<String>> {
    let Some(file) = there(loader.open_file("loader.conf"))? else { return Ok(None) };
    let mut bytes = Vec::new();
    file.take(MOST_TEXT).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let value = |line: &str| {
        line.trim().strip_prefix("default").filter(|rest| rest.starts_with([' ', '\t'])).map(str::to_owned)
    };
    Ok(text.lines().filter_map(value).next_back().map(|value| one_line(value.trim(), 255)))
}

/// What a program is; `None` where it is not there.
fn program(directory: &Directory<'_>, name: &str) -> std::io::Result<Option<EfiProgram>> {
    let Some(mut file) = there(directory.open_file(name))? else { return Ok(None) };
    efi_program::of(&mut file).map(Some)
}
