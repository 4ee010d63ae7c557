//! `file`: a path in the guest. What is said of a symbolic link is said of the link itself, except content, sha256 and entries.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute("exists", Kind::Bool, "Whether the path exists; a dangling symbolic link exists."),
    attribute(
        "type",
        Kind::Word(&["file", "directory", "symlink", "socket", "fifo", "block", "character"]),
        "What it is.",
    ),
    attribute("mode", Kind::Mode, "Permission bits with setuid, setgid and sticky."),
    attribute("owner", Kind::Text, "Name of the owner."),
    attribute("group", Kind::Text, "Name of the group."),
    attribute("uid", Kind::Integer, "Number of the owner."),
    attribute("gid", Kind::Integer, "Number of the group."),
    attribute("size", Kind::Size, "Size in bytes."),
    attribute("links", Kind::Integer, "Number of hard links."),
    attribute("target", Kind::Text, "What a symbolic link says."),
    attribute("resolves-to", Kind::Text, "The canonical path, all symbolic links followed."),
    attribute("sha256", Kind::Text, "SHA-256 of the content, 64 lower-case hex digits."),
    attribute("content", Kind::Output, "The content, as text."),
    attribute("entries", Kind::Set, "Names in a directory, hidden ones too."),
    attribute("selinux-type", Kind::Text, "The type of its SELinux label."),
    attribute("selinux-label", Kind::Text, "Its whole SELinux label."),
    attribute("capabilities", Kind::Set, "File capabilities, as `cap_net_raw=ep`."),
    attribute("owned-by", Kind::Text, "Name of the package that owns it; `none` matches when no package does."),
    attribute("world-writable", Kind::Bool, "Whether others may write and no sticky bit protects it."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "file",
    summary: "A path in the guest. What is said of a symbolic link is said of the link itself, except content, sha256 and entries.",
    subject: Subject::Named { what: "an absolute path" },
    shorthand: Shorthand::Words(&[
        ("present", "exists", "true"),
        ("absent", "exists", "false"),
        ("file", "type", "file"),
        ("directory", "type", "directory"),
        ("symlink", "type", "symlink"),
    ]),
    attributes: ATTRIBUTES,
    reads: "One `stat -c` for all paths; `readlink`, `sha256sum`, `cat`, `getcap` and `rpm -qf` only for what asks for them.",
    example: r#"file:
  /etc/shadow: {mode: "0000", owner: root, selinux-type: shadow_t}
  /usr/bin/ping: {capabilities: {has: [cap_net_raw=p]}}
  /sbin: {type: symlink, target: usr/sbin}
"#,
};
