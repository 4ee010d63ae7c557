//! Disks for the tests of this crate and of others.

use std::fs::File;
use std::io::{Cursor, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

/// Makes a FAT file system in the first partition of a disk, which begins after a MiB, with these files.
pub fn fill(raw: &Path, mib: u64, files: &[(&str, Vec<u8>)]) {
    let mut bytes = Cursor::new(vec![0; usize::try_from(mib << 20).unwrap()]);
    fatfs::format_volume(&mut bytes, fatfs::FormatVolumeOptions::new()).unwrap();
    {
        let volume = fatfs::FileSystem::new(&mut bytes, fatfs::FsOptions::new()).unwrap();
        for (path, content) in files {
            let mut dir = volume.root_dir();
            let mut parts: Vec<&str> = path.split('/').collect();
            let name = parts.pop().unwrap();
            for part in parts {
                dir = dir.create_dir(part).unwrap();
            }
            dir.create_file(name).unwrap().write_all(content).unwrap();
        }
    }
    let mut disk = File::options().read(true).write(true).open(raw).unwrap();
    disk.seek(SeekFrom::Start(1 << 20)).unwrap();
    disk.write_all(&bytes.into_inner()).unwrap();
    let mut sector = [0; 512];
    disk.seek(SeekFrom::Start(1 << 20)).unwrap();
    disk.read_exact(&mut sector).unwrap();
    assert_eq!(sector[510..], [0x55, 0xaa]);
}

/// A PE file with these sections, each with its text.
pub fn pe(sections: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = vec![0; 0x400];
    bytes[..2].copy_from_slice(b"MZ");
    bytes[0x3c] = 0x40;
    bytes[0x40..0x44].copy_from_slice(b"PE\0\0");
    bytes[0x46] = u8::try_from(sections.len()).unwrap();
    for (number, (name, text)) in sections.iter().enumerate() {
        let (at, data) = (0x58 + number * 40, 0x400 + number as u32 * 0x200);
        bytes[at..at + name.len()].copy_from_slice(name.as_bytes());
        bytes[at + 16..at + 20].copy_from_slice(&(text.len() as u32).to_le_bytes());
        bytes[at + 20..at + 24].copy_from_slice(&data.to_le_bytes());
        bytes.resize(data as usize, 0);
        bytes.extend_from_slice(text.as_bytes());
    }
    bytes
}
