//! Names of systemd: units, unit files, properties.
//!
//! The form of a unit name is that of `unit_name_is_valid` in systemd's src/basic/unit-name.c: letters,
//! digits, `:-_.\` and one `@`, at most 255 bytes, and a known suffix.

use super::super::diagnostic::did_you_mean;
use super::form::{Grammar, Reading, Refusal, meant, only, refuse};

/// Types of units.
pub const SUFFIXES: [&str; 11] =
    ["service", "socket", "device", "mount", "automount", "swap", "target", "path", "timer", "slice", "scope"];

/// A unit, completed with `.service` as systemctl does.
pub const SERVICE: Grammar = Grammar {
    what: "a unit name",
    form: "with its suffix, or without for a `.service`; letters, digits and `:-_.\\@`; no pattern, no path",
    pattern: r"[A-Za-z0-9:_.\\@-]+",
    reading: Reading::Form(service),
    good: &[
        ("sshd", "sshd.service"),
        ("sshd.socket", "sshd.socket"),
        ("dbus-org.freedesktop.hostname1", "dbus-org.freedesktop.hostname1.service"),
        ("getty@tty1", "getty@tty1.service"),
        ("-.mount", "-.mount"),
        (r"dev-disk-by\x2dlabel-root.device", r"dev-disk-by\x2dlabel-root.device"),
    ],
    bad: &[
        ("ssh*", ""),
        ("sshd ", "sshd.service"),
        ("sshd.sevice", "sshd.service"),
        ("sshd.Service", "sshd.service"),
        ("/boot/efi", "boot-efi.mount"),
        ("/dev/vda", "dev-vda.device"),
        ("getty@.service", ""),
        ("getty@", ""),
        ("a b", ""),
        ("sshd.service,chronyd.service", ""),
        (".service", ""),
        ("-x", ""),
        ("--now", ""),
    ],
};

/// A unit with its suffix.
pub const UNIT: Grammar = Grammar {
    what: "a unit name",
    form: "with its suffix (`sshd.service`); letters, digits and `:-_.\\@`; no pattern, no path",
    pattern: r"[A-Za-z0-9:_.\\@-]+\.(service|socket|device|mount|automount|swap|target|path|timer|slice|scope)",
    reading: Reading::Form(unit),
    good: &[("sshd.service", "sshd.service"), ("getty@tty1.service", "getty@tty1.service"), ("-.slice", "-.slice")],
    bad: &[
        ("sshd", "sshd.service"),
        ("multi-user", "multi-user.service"),
        ("ssh*.service", ""),
        ("sshd.servce", "sshd.service"),
        ("/boot/efi", "boot-efi.mount"),
        ("getty@.service", ""),
        ("sshd.service ", "sshd.service"),
    ],
};

/// A unit file with its suffix; a template too.
pub const UNIT_FILE: Grammar = Grammar {
    what: "the name of a unit file",
    form: "with its suffix (`sshd.service`, `getty@.service`); letters, digits and `:-_.\\@`; no pattern, no path",
    pattern: r"[A-Za-z0-9:_.\\@-]+\.(service|socket|device|mount|automount|swap|target|path|timer|slice|scope)",
    reading: Reading::Form(unit_file),
    good: &[("sshd.service", "sshd.service"), ("getty@.service", "getty@.service")],
    bad: &[
        ("sshd", "sshd.service"),
        ("getty@", "getty@.service"),
        ("/etc/systemd/system/a.service", "a.service"),
        ("*.timer", ""),
    ],
};

/// A property of a unit or of the manager, as `systemctl show` prints it.
pub const PROPERTY: Grammar = Grammar {
    what: "a property of systemd",
    form: "as `systemctl show` prints it: letters and digits, the first a capital (`Restart`, `TasksMax`)",
    pattern: r"[A-Z][A-Za-z0-9]*",
    reading: Reading::Form(property),
    good: &[
        ("Restart", "Restart"),
        ("DefaultTimeoutStartUSec", "DefaultTimeoutStartUSec"),
        ("IPAccounting", "IPAccounting"),
    ],
    bad: &[("restart", "Restart"), ("tasks-max", "TasksMax"), ("Restart=", "Restart"), ("Exec Start", "")],
};

fn service(text: &str) -> Result<String, Refusal> {
    let whole = form(text)?;
    match suffix(&whole) {
        Some(_) => not_a_template(whole),
        None => {
            near_suffix(&whole)?;
            not_a_template(format!("{whole}.service"))
        }
    }
}

fn unit(text: &str) -> Result<String, Refusal> {
    unit_file(text).and_then(not_a_template)
}

fn unit_file(text: &str) -> Result<String, Refusal> {
    if let Some((_, name)) = text.rsplit_once('/')
        && suffix(name).is_some()
    {
        return meant("a unit is named without the directory of its file", name);
    }
    let whole = form(text)?;
    if suffix(&whole).is_some() {
        return Ok(whole);
    }
    near_suffix(&whole)?;
    meant("the set has whole names, with their suffixes", format!("{whole}.service"))
}

fn form(text: &str) -> Result<String, Refusal> {
    if text.starts_with('/') {
        return meant("a path is no unit name", of_path(text));
    }
    only(text, "a unit name", |c| c.is_ascii_alphanumeric() || ":-_.\\@".contains(c))?;
    // The root's own units begin with a dash, and no other.
    if text.starts_with('-') && !matches!(text, "-.mount" | "-.slice") {
        return refuse("a unit name does not begin with a dash");
    }
    if text.starts_with(['.', '@']) || text.matches('@').count() > 1 {
        return refuse("a unit name has something before `.` or `@`, and one `@` at most");
    }
    Ok(text.to_owned())
}

fn suffix(text: &str) -> Option<&str> {
    text.rsplit_once('.').map(|(_, suffix)| suffix).filter(|suffix| SUFFIXES.contains(suffix))
}

fn near_suffix(text: &str) -> Result<(), Refusal> {
    let Some((name, last)) = text.rsplit_once('.') else { return Ok(()) };
    match did_you_mean(last, SUFFIXES) {
        Some(near) => meant(format!("no type of unit is `.{last}`"), format!("{name}.{near}")),
        None => Ok(()),
    }
}

fn not_a_template(name: String) -> Result<String, Refusal> {
    let is_template = name.rsplit_once('.').is_some_and(|(name, _)| name.ends_with('@'));
    if is_template {
        return refuse("a template is no unit: name an instance of it (`getty@tty1.service`)");
    }
    Ok(name)
}

/// The unit of a path, as `systemd-escape --path` names it; empty when letters would need escapes.
fn of_path(path: &str) -> String {
    let plain = path.bytes().all(|b| b.is_ascii_alphanumeric() || b"/_.".contains(&b));
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    match (plain, parts.as_slice()) {
        (false, _) => String::new(),
        (true, []) => "-.mount".to_owned(),
        (true, ["dev", _, ..]) => format!("{}.device", parts.join("-")),
        (true, parts) => format!("{}.mount", parts.join("-")),
    }
}

fn property(text: &str) -> Result<String, Refusal> {
    let camel = || {
        let words = text.trim_end_matches('=').split(['-', '_']);
        words
            .map(|word| {
                word.chars().take(1).flat_map(char::to_uppercase).chain(word.chars().skip(1)).collect::<String>()
            })
            .collect::<String>()
    };
    let fits = text.starts_with(|c: char| c.is_ascii_uppercase()) && text.bytes().all(|b| b.is_ascii_alphanumeric());
    if fits {
        return Ok(text.to_owned());
    }
    let near = Some(camel()).filter(|near| near.bytes().all(|b| b.is_ascii_alphanumeric()) && !near.is_empty());
    meant("properties are letters and digits, the first a capital", near.unwrap_or_default())
}

/// Flags with which systemd marks a system that is not as it should be, from src/core/taint.c of systemd 258.
pub const TAINTS: Grammar = Grammar {
    what: "a taint flag of systemd",
    form: "one of the flags of `systemctl show --property=Tainted`",
    pattern: r"[a-z0-9-]+",
    reading: Reading::Known(taint, TAINT_NAMES),
    good: &[("unmerged-bin", "unmerged-bin"), ("cgroupsv1", "cgroupsv1")],
    bad: &[("unmerged_bin", "unmerged-bin"), ("cgroupv1", "cgroupsv1"), ("Unmerged-bin", "unmerged-bin"), ("a b", "")],
};

const TAINT_NAMES: &[&str] = &[
    "unmerged-usr",
    "split-usr",
    "unmerged-bin",
    "cgroups-missing",
    "cgroupsv1",
    "local-hwclock",
    "support-ended",
    "old-kernel",
    "var-run-bad",
    "overflowuid-not-65534",
    "overflowgid-not-65534",
    "short-uid-range",
    "short-gid-range",
    "mtab-not-symlink",
];

fn taint(text: &str) -> Result<String, Refusal> {
    if text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        return Ok(text.to_owned());
    }
    let near = did_you_mean(text, TAINT_NAMES.iter().copied()).unwrap_or_default();
    meant("a flag is lower-case letters, digits and dashes", near)
}

/// The rows of this file.
pub(super) const ALL: &[&Grammar] = &[&SERVICE, &UNIT, &UNIT_FILE, &PROPERTY, &TAINTS];
