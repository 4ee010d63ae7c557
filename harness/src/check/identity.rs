//! `identity`: what the system says it is.

use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::attribute;

const ATTRIBUTES: &[Attribute] = &[
    attribute("id", Kind::Text, "ID of os-release."),
    attribute("id-like", Kind::Set, "Words of ID_LIKE."),
    attribute("name", Kind::Text, "NAME."),
    attribute("pretty-name", Kind::Text, "PRETTY_NAME."),
    attribute("version-id", Kind::Version, "VERSION_ID."),
    attribute("variant-id", Kind::Text, "VARIANT_ID."),
    attribute("cpe", Kind::Text, "CPE_NAME."),
    attribute(
        "cpe-valid",
        Kind::Bool,
        "Whether CPE_NAME is a well-formed CPE 2.2 URI or 2.3 string of an operating system.",
    ),
    attribute("os-release", Kind::Map(&Kind::Text), "Any key of os-release, unquoted."),
    attribute("os-release-file", Kind::Text, "The file that /etc/os-release is in the end."),
    attribute("release-packages", Kind::Set, "Packages that provide `system-release`."),
    attribute("provides", Kind::Set, "Capabilities of the packages that provide `system-release`, without versions."),
    attribute("dist", Kind::Text, "`rpm --eval %{?dist}`."),
    attribute("arch", Kind::Text, "`uname -m`."),
    attribute("virtualization", Kind::Text, "`systemd-detect-virt`; `none` as a text when it is not virtual."),
    attribute("hostname", Kind::Text, "Host name of the running kernel."),
    attribute("machine-id-valid", Kind::Bool, "Whether /etc/machine-id holds 32 hex digits that are not all zero."),
    attribute("timezone", Kind::Text, "Time zone that /etc/localtime names; `UTC` when it is not there."),
    attribute("lang", Kind::Text, "LANG of /etc/locale.conf; no value when it is not set."),
    attribute("locales", Kind::Set, "Locales that are installed (`locale -a`)."),
    attribute("clock-synchronized", Kind::Bool, "Whether the clock is synchronized (`timedatectl`)."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "identity",
    summary: "What the system says it is.",
    subject: Subject::Whole,
    shorthand: Shorthand::None,
    attributes: ATTRIBUTES,
    reads: "/etc/os-release, rpm, /proc/sys/kernel, /etc/machine-id, /etc/localtime, /etc/locale.conf, `locale -a`, `timedatectl`.",
    example: r#"identity:
  id: azurelinux
  id-like: {has: [fedora]}
  version-id: ">= 4.0"
  cpe-valid: true
  os-release: {VARIANT_ID: cloud}
"#,
};
