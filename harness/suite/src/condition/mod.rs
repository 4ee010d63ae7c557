//! Conditions over what a system is, fmf's way: `distro >= fedora-43 and arch == x86_64`. They are
//! parsed with located errors, checked for words that can never hold, and evaluated in three
//! values, so that what is not known is never taken for false.

mod contradiction;
mod evaluate;
mod parse;

use std::borrow::Cow;
use std::fmt;

use super::model::{Condition, Operator};

pub use contradiction::{always_true, never_true};
pub use evaluate::{Truth, evaluate};
pub use parse::{ConditionError, parse};

/// What a condition can ask about: name, what it holds, whether `<`, `<=`, `>` and `>=` apply.
pub const DIMENSIONS: &[(&str, &str, bool)] = &[
    (
        "distro",
        "ID and VERSION_ID of os-release, joined by `-`: `fedora-43`; without a version any version is meant",
        true,
    ),
    ("id", "ID of os-release", false),
    ("id-like", "ID and each name in ID_LIKE of os-release", false),
    ("variant", "VARIANT_ID of os-release", false),
    ("arch", "machine hardware name: `x86_64`, `aarch64`", false),
    (
        "mode",
        "`package` for a system that packages are installed on, `image` for one that is replaced as a whole",
        false,
    ),
    ("image", "id of the image in the catalogue", false),
    ("firmware", "`uefi` or `bios`", false),
    (
        "disk-format",
        "format of the image's file: `qcow2`, `raw`, `vhd`, `vhdx`, `vmdk` or `tar`; absent when muster did not start the machine",
        false,
    ),
    ("accelerator", "`kvm` or `tcg`", false),
    ("kernel", "release of the running kernel", true),
    ("systemd", "major version of systemd, when it is PID 1", true),
    ("rpm", "version of rpm, when its database is there", true),
    ("package-manager", "`dnf5`, `dnf4`, `tdnf`, `microdnf`, `apt`, or one that muster only knows by name", false),
    ("selinux", "`enforcing`, `permissive` or `disabled`; absent when the kernel has none", false),
    ("capability", "what the guest offers; several hold at once", false),
    ("tool", "commands the guest has; several hold at once", false),
];

/// The only words a dimension ever has; `None` when they cannot be listed.
pub fn words(dimension: &str) -> Option<&'static [&'static str]> {
    Some(match dimension {
        "mode" => &["package", "image"],
        "firmware" => &["uefi", "bios"],
        "disk-format" => muster_base::machine::Format::NAMES,
        "accelerator" => &["kvm", "tcg"],
        "package-manager" => &[
            "dnf5", "dnf4", "tdnf", "microdnf", "apt", "zypper", "pacman", "apk", "portage", "opkg", "xbps", "nix",
            "eopkg", "slackpkg", "swupd",
        ],
        "selinux" => &["enforcing", "permissive", "disabled"],
        _ => return None,
    })
}

/// Whether a dimension has several values at once, so that two equalities do not contradict.
fn is_multiple(dimension: &str) -> bool {
    matches!(dimension, "id-like" | "capability" | "tool")
}

impl Operator {
    /// All of them.
    pub const ALL: &'static [Operator] =
        &[Operator::Eq, Operator::Ne, Operator::Lt, Operator::Le, Operator::Gt, Operator::Ge];

    /// As written.
    pub fn symbol(self) -> &'static str {
        match self {
            Operator::Eq => "==",
            Operator::Ne => "!=",
            Operator::Lt => "<",
            Operator::Le => "<=",
            Operator::Gt => ">",
            Operator::Ge => ">=",
        }
    }

    /// The operator at the beginning of a text, and the rest.
    pub fn strip(text: &str) -> Option<(Operator, &str)> {
        // Longer symbols first: `<=` begins with `<`.
        [Operator::Eq, Operator::Ne, Operator::Le, Operator::Ge, Operator::Lt, Operator::Gt]
            .into_iter()
            .find_map(|operator| text.strip_prefix(operator.symbol()).map(|rest| (operator, rest)))
    }

    /// Whether an ordering satisfies the operator.
    pub fn holds(self, order: std::cmp::Ordering) -> bool {
        match self {
            Operator::Eq => order.is_eq(),
            Operator::Ne => order.is_ne(),
            Operator::Lt => order.is_lt(),
            Operator::Le => order.is_le(),
            Operator::Gt => order.is_gt(),
            Operator::Ge => order.is_ge(),
        }
    }

    /// The operator that holds exactly when this one does not.
    pub fn inverse(self) -> Operator {
        match self {
            Operator::Eq => Operator::Ne,
            Operator::Ne => Operator::Eq,
            Operator::Lt => Operator::Ge,
            Operator::Ge => Operator::Lt,
            Operator::Le => Operator::Gt,
            Operator::Gt => Operator::Le,
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn join(f: &mut fmt::Formatter<'_>, parts: &[Condition], word: &str) -> fmt::Result {
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    write!(f, " {word} ")?;
                }
                match part {
                    Condition::And(_) | Condition::Or(_) => write!(f, "({part})")?,
                    _ => write!(f, "{part}")?,
                }
            }
            Ok(())
        }
        match self {
            Condition::And(parts) => join(f, parts, "and"),
            Condition::Or(parts) => join(f, parts, "or"),
            Condition::Not(inner) => write!(f, "not ({inner})"),
            Condition::Compare { dimension, operator, values } => {
                let values: Vec<_> = values.iter().map(|value| quoted(value)).collect();
                write!(f, "{dimension} {operator} {}", values.join(", "))
            }
            Condition::Defined(dimension, true) => write!(f, "{dimension} is defined"),
            Condition::Defined(dimension, false) => write!(f, "{dimension} is not defined"),
        }
    }
}

/// The `id` that a `distro` value speaks of: `fedora` of `fedora-43`.
pub fn id_of_distro(value: &str) -> &str {
    distro(value, None).0
}

/// A word as a condition states it: in quotes where it would otherwise be read as something else.
fn quoted(word: &str) -> Cow<'_, str> {
    let plain = !word.contains(|c: char| c.is_whitespace() || "(),<>\"'".contains(c))
        && !["==", "!="].iter().any(|symbol| word.contains(symbol));
    match (plain, word.contains('"')) {
        (true, _) => Cow::Borrowed(word),
        // Nothing that was read holds both quotes.
        (false, true) => Cow::Owned(format!("'{word}'")),
        (false, false) => Cow::Owned(format!("\"{word}\"")),
    }
}

/// Name and version of a `distro` value: `fedora-43`, `azurelinux-4.0`, `fedora-rawhide`. Rawhide is newer than every
/// number. Where the system's ID is known, what begins with it is cut there; else at the first `-` before a digit, since a
/// version may hold a `-` as well as an ID may: `opensuse-leap-15.6`, `poky-5.0-snapshot`.
fn distro<'v>(value: &'v str, id: Option<&str>) -> (&'v str, Option<&'v str>) {
    let is_version = |text: &str| text.starts_with(|c: char| c.is_ascii_digit()) || text == "rawhide";
    if let Some(rest) = id.filter(|id| !id.is_empty()).and_then(|id| value.strip_prefix(id)) {
        let version = rest.strip_prefix('-').filter(|version| is_version(version));
        if rest.is_empty() || version.is_some() {
            return (&value[..value.len() - rest.len()], version);
        }
    }
    let cuts = value.match_indices('-').map(|(at, _)| (&value[..at], &value[at + 1..]));
    match cuts.into_iter().find(|(name, version)| !name.is_empty() && is_version(version)) {
        Some((name, version)) => (name, Some(version)),
        None => (value, None),
    }
}

#[cfg(test)]
mod tests;
