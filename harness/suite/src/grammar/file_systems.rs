//! Types of file systems.

use super::form::{Grammar, Reading, Refusal, only, refuse};

/// A type of file systems.
pub const FILE_SYSTEM: Grammar = Grammar {
    what: "a type of file systems",
    form: "as /proc/filesystems lists it",
    pattern: r"[A-Za-z0-9_.+-]+",
    reading: Reading::Known(file_system, FILE_SYSTEMS),
    good: &[("ext4", "ext4"), ("fuse.glusterfs", "fuse.glusterfs"), ("nfs4", "nfs4"), ("cgroup2", "cgroup2")],
    bad: &[
        ("Ext4", "ext4"),
        ("btrf", "btrfs"),
        ("squash-fs", "squashfs"),
        ("ext4 ", "ext4"),
        ("xfs,ext4", ""),
        ("nodev", ""),
    ],
};

const FILE_SYSTEMS: &[&str] = &[
    "9p",
    "autofs",
    "bcachefs",
    "bdev",
    "binder",
    "binfmt_misc",
    "bpf",
    "btrfs",
    "ceph",
    "cgroup",
    "cgroup2",
    "cifs",
    "configfs",
    "coda",
    "cpuset",
    "cramfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "dax",
    "ecryptfs",
    "efivarfs",
    "erofs",
    "exfat",
    "ext2",
    "ext3",
    "ext4",
    "f2fs",
    "fuse",
    "fuseblk",
    "fusectl",
    "gfs2",
    "hfs",
    "hfsplus",
    "hugetlbfs",
    "iso9660",
    "jffs2",
    "jfs",
    "minix",
    "mqueue",
    "msdos",
    "nfs",
    "nfs4",
    "nfsd",
    "nilfs2",
    "nsfs",
    "ntfs3",
    "ocfs2",
    "overlay",
    "pidfs",
    "pipefs",
    "proc",
    "pstore",
    "ramfs",
    "reiserfs",
    "resctrl",
    "romfs",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "secretmem",
    "smb3",
    "sockfs",
    "squashfs",
    "sysfs",
    "tmpfs",
    "tracefs",
    "ubifs",
    "udf",
    "ufs",
    "vboxsf",
    "vfat",
    "virtiofs",
    "xfs",
    "zonefs",
];

fn file_system(text: &str) -> Result<String, Refusal> {
    only(text, "a type of file systems", |c| c.is_ascii_alphanumeric() || "_.+-".contains(c))?;
    if text == "nodev" {
        return refuse("`nodev` is a column of /proc/filesystems");
    }
    Ok(text.to_owned())
}

/// The rows of this file.
pub(super) const ALL: &[&Grammar] = &[&FILE_SYSTEM];
