//! `boot`: how this boot went: systemd's own time stamps.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute("finished", Kind::Bool, "Whether the boot has finished: no start job is left."),
    attribute("total", Kind::Duration, "All phases that the machine reports, to the end of the start jobs."),
    attribute("firmware", Kind::Duration, "Time in the firmware; no value when it is not reported."),
    attribute("loader", Kind::Duration, "Time in the boot loader; no value when it is not reported."),
    attribute("kernel", Kind::Duration, "Kernel start to initrd or to systemd."),
    attribute("initrd", Kind::Duration, "Time in the initrd; no value when there is none."),
    attribute("userspace", Kind::Duration, "systemd of the real root to the end of the start jobs."),
    attribute("target", Kind::Text, "The default target."),
    attribute(
        "target-reached",
        Kind::Duration,
        "systemd of the real root to the default target; no value when it was not reached.",
    ),
    attribute("security", Kind::Duration, "Time systemd took to load security policies."),
    attribute("generators", Kind::Duration, "Time the generators took."),
    attribute("units-load", Kind::Duration, "Time systemd took to load unit files."),
    attribute(
        "units",
        Kind::Map(&Kind::Duration),
        "By unit: how long its activation took, as `systemd-analyze blame` says; no value when it was not activated.",
    ),
    attribute("firmware-kind", Kind::Word(&["uefi", "bios"]), "How the machine was started."),
    attribute("secure-boot", Kind::Bool, "Whether Secure Boot is on; false on BIOS machines."),
    attribute(
        "loader-name",
        Kind::Text,
        "Boot loader, as it told systemd (`LoaderInfo`); no value when it told nothing.",
    ),
    attribute("entries", Kind::Set, "Ids of Boot Loader Specification entries on the boot file systems."),
    attribute("count", Kind::Integer, "Boots that the journal knows of."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "boot",
    summary: "How this boot went: systemd's own time stamps.",
    subject: Subject::Whole,
    shorthand: Shorthand::None,
    attributes: ATTRIBUTES,
    reads: "`systemctl show` (manager time stamps, unit time stamps), EFI variables, /boot and the ESP.",
    example: r#"boot:
  finished: true
  userspace: "<= 8s"
  initrd: "<= 4s"
  units: {NetworkManager-wait-online.service: "<= 3s"}
"#,
};
