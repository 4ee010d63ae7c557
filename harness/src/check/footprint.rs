//! `footprint`: how much the system takes.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute("packages", Kind::Integer, "Installed packages, signing keys excepted."),
    attribute("installed-size", Kind::Size, "Sum of the installed sizes of all packages."),
    attribute("root-used", Kind::Size, "Bytes in use on the root file system."),
    attribute("memory-used", Kind::Size, "Memory in use now (MemTotal less MemAvailable)."),
    attribute("memory-total", Kind::Size, "Memory that the kernel has."),
    attribute("swap", Kind::Size, "Swap space that is in use or could be."),
    attribute("processes", Kind::Integer, "Processes, kernel threads excepted."),
    attribute("threads", Kind::Integer, "All threads, those of the kernel too."),
    attribute("units", Kind::Integer, "Active services."),
    attribute("files", Kind::Integer, "Inodes in use on the root file system."),
    attribute("paths", Kind::Map(&Kind::Size), "By path: disk space below it, other file systems excepted (`du -sx`)."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "footprint",
    summary: "How much the system takes.",
    subject: Subject::Whole,
    shorthand: Shorthand::None,
    attributes: ATTRIBUTES,
    reads: "rpm, `stat -f`, /proc, `systemctl`, `du`.",
    example: r#"footprint:
  packages: "<= 450"
  root-used: "<= 2 GiB"
  swap: "0 B"
  paths: {/usr/share/doc: "<= 1 MiB"}
"#,
};
