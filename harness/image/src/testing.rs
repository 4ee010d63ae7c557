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
