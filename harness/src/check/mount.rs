//! `mount`: a mount point; the topmost mount counts.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute("mounted", Kind::Bool, "Whether something is mounted exactly there."),
    attribute("source", Kind::Text, "What is mounted."),
    attribute("fstype", Kind::Text, "File system type."),
    attribute("options", Kind::Set, "Mount options and those of the file system."),
    attribute("read-only", Kind::Bool, "Whether it is mounted read-only."),
    attribute("size", Kind::Size, "Size of the file system."),
    attribute("free", Kind::Size, "Bytes that an unprivileged user may still use."),
    attribute("used", Kind::Size, "Bytes in use."),
    attribute("use", Kind::Number, "Used share in percent, as df says."),
    attribute("inode-use", Kind::Number, "Used share of the inodes in percent."),
    attribute(
        "propagation",
        Kind::Word(&["private", "shared", "slave", "unbindable"]),
        "How mounts below it propagate.",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "mount",
    summary: "A mount point; the topmost mount counts.",
    subject: Subject::Named { what: "a mount point" },
    shorthand: Shorthand::Words(&[("mounted", "mounted", "true"), ("absent", "mounted", "false")]),
    attributes: ATTRIBUTES,
    reads: "/proc/self/mountinfo; `stat -f` for sizes.",
    example: r#"mount:
  /: {fstype: ext4, use: "< 60"}
  /usr: {options: {has: [ro]}}
  /tmp: {fstype: tmpfs, options: {has: [nosuid, nodev]}}
  /home: absent
"#,
};
