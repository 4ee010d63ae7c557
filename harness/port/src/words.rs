//! Needs, answers and what is wrong with them, in the words that all outputs share.

use muster_base::failure::{self, FailureId};
use muster_chain::need::UnitWant;
use muster_chain::{Need, Verb, Want};

use crate::answer::{Answer, Answered, Effect};

/// The kind of a need, as it stands in documents for programs.
pub fn kind(want: &Want) -> &'static str {
    match want {
        Want::Package { .. } => "package",
        Want::DebianPackage(_) => "debian-package",
        Want::Group(_) => "group",
        Want::Module { .. } => "module",
        Want::Capability(_) => "capability",
        Want::Path(_) => "path",
        Want::Command(_) => "command",
        Want::Soname { .. } => "soname",
        Want::IsaLevel(_) => "isa-level",
        Want::Arch(_) => "arch",
        Want::Unit { .. } => "unit",
        Want::User(_) => "user",
        Want::UserGroup(_) => "user-group",
        Want::Sysctl { .. } => "sysctl",
        Want::KernelModule(_) => "kernel-module",
        Want::KernelOption(_) => "kernel-option",
        Want::OsRelease { .. } => "os-release",
        Want::LocalPackage(_) => "local-package",
        Want::Repository(_) => "repository",
    }
}

/// What is needed, without its kind and as it was written: `nginx >= 1.26`. Not escaped.
pub fn subject(want: &Want) -> String {
    match want {
        Want::Package { name, version, arch } => {
            let arch = arch.as_ref().map(|arch| format!(".{arch}")).unwrap_or_default();
            let version = version.as_ref().map(|(relation, version)| format!(" {} {version}", relation.sign()));
            format!("{name}{arch}{}", version.unwrap_or_default())
        }
        Want::Module { name, stream } => match stream {
            Some(stream) => format!("{name}:{stream}"),
            None => name.clone(),
        },
        Want::Soname { name, versions, bits, .. } => {
            let versions = if versions.is_empty() { String::new() } else { format!(" ({})", versions.join(", ")) };
            let bits = if *bits == 32 { ", 32 bits" } else { "" };
            format!("{name}{versions}{bits}")
        }
        Want::Unit { name, state } => match state {
            UnitWant::Exists => name.clone(),
            UnitWant::Enabled => format!("{name}, to be enabled"),
            UnitWant::Started => format!("{name}, to be started"),
            UnitWant::Disabled => format!("{name}, to be disabled"),
        },
        Want::Sysctl { name, value } => match value {
            Some(value) => format!("{name} = {value}"),
            None => name.clone(),
        },
        Want::OsRelease { key, known, .. } => format!("{key} of {}", known.join(", ")),
        Want::DebianPackage(name)
        | Want::Group(name)
        | Want::Capability(name)
        | Want::Path(name)
        | Want::Command(name)
        | Want::IsaLevel(name)
        | Want::Arch(name)
        | Want::User(name)
        | Want::UserGroup(name)
        | Want::KernelModule(name)
        | Want::KernelOption(name)
        | Want::LocalPackage(name)
        | Want::Repository(name) => name.clone(),
    }
}

/// `package nginx`, `removal of package sendmail`. Not escaped.
pub fn need(need: &Need) -> String {
    let kind = match &need.want {
        Want::DebianPackage(_) => "Debian's package",
        Want::Arch(_) => "architecture",
        Want::Unit { .. } => "unit",
        Want::Sysctl { .. } => "kernel parameter",
        Want::KernelOption(_) => "kernel option",
        Want::KernelModule(_) => "kernel module",
        Want::IsaLevel(_) => "processor level",
        Want::OsRelease { .. } => "branch on os-release",
        Want::LocalPackage(_) => "package file",
        Want::UserGroup(_) => "user group",
        other => kind(other),
    };
    let removed = if need.verb == Verb::Remove { "removal of " } else { "" };
    format!("{removed}{kind} {}", subject(&need.want))
}

/// What an answer says, in a clause. Not escaped.
pub fn answer(answered: &Answered) -> String {
    let near =
        |names: &[String]| if names.is_empty() { String::new() } else { format!("; near: {}", names.join(", ")) };
    match &answered.answer {
        Answer::Present(Some(package)) => format!("is installed, by {}", package.label()),
        Answer::Present(None) => "is there".to_owned(),
        Answer::Exact(package) => format!("{} in {}", package.label(), package.repository),
        Answer::ProvidedBy(package) => format!("is provided by {}", package.located()),
        Answer::Brought(package) => format!("comes with {}, which the chain installs", package.label()),
        Answer::Local => "the chain brings it along".to_owned(),
        Answer::NothingToRemove => "is not there, so nothing is removed".to_owned(),
        Answer::NotInstalled(names) => match names.as_slice() {
            [one] => format!("is not installed; {one} has it"),
            several => format!("is not installed; one of {} has it", some(several)),
        },
        Answer::Renamed { to, .. } => format!("is {to} here"),
        Answer::Split(parts) => format!("is now {}", parts.join(" and ")),
        Answer::Moved(to) => format!("is {to} here"),
        Answer::OtherVersion(packages) => {
            let labels: Vec<String> = packages.iter().map(crate::metadata::Package::label).collect();
            format!("is there only as {}", some(&labels))
        }
        Answer::OtherRepository(package) => {
            format!("is only in {}, which is not enabled: {}", package.repository, package.label())
        }
        Answer::OtherArch(arches) => format!("is there only for {}", arches.join(", ")),
        Answer::Absent(names) => format!("is not there{}", near(names)),
        Answer::Refused(why) => why.clone(),
        Answer::Unknown(why) => format!("is not known: {why}"),
    }
}

fn some(names: &[String]) -> String {
    match names.len() {
        0..=4 => names.join(", "),
        more => format!("{} and {} more", names[..4].join(", "), more - 4),
    }
}

/// Why a need is not simply met: the groups in which outputs list them, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// Nobody has it.
    Absent,
    /// The system has it, but not so.
    Refused,
    /// It has other versions.
    Version,
    /// It has another name, or is not installed, and no edit is sure.
    Name,
    /// It is met, but something that it stands on is otherwise.
    Differs,
    /// Nothing can be said.
    Unknown,
    /// An edit makes it work.
    Edit,
}

impl Cause {
    /// Of a need; `None` when it is met or the chain goes on without it.
    pub fn of(answered: &Answered) -> Option<Self> {
        Some(match (answered.effect(), &answered.answer) {
            (Effect::Fits | Effect::Differs | Effect::Tolerated, _) => return None,
            (Effect::Edit, _) => Self::Edit,
            (Effect::Unknown, _) => Self::Unknown,
            (_, Answer::Absent(_) | Answer::OtherArch(_) | Answer::OtherRepository(_)) => Self::Absent,
            (_, Answer::Refused(_)) => Self::Refused,
            (_, Answer::OtherVersion(_)) => Self::Version,
            (_, Answer::Renamed { .. } | Answer::Split(_) | Answer::Moved(_) | Answer::NotInstalled(_)) => Self::Name,
            _ => Self::Differs,
        })
    }

    /// What it is called over a list of needs.
    pub fn title(self) -> &'static str {
        match self {
            Self::Absent => "not there",
            Self::Refused => "there, but not as it is needed",
            Self::Version => "there in other versions",
            Self::Name => "there by another name or not installed: needs a decision",
            Self::Differs => "there, but otherwise than where it comes from: needs a decision",
            Self::Unknown => "not known",
            Self::Edit => "works with an edit",
        }
    }

    /// The failure id under which reports file it.
    pub fn failure_id(self) -> FailureId {
        match self {
            Self::Absent => failure::PORT_ABSENT,
            Self::Refused => failure::PORT_REFUSED,
            Self::Version => failure::PORT_VERSION,
            Self::Name | Self::Edit => failure::PORT_NAME,
            Self::Differs => failure::PORT_DIFFERS,
            Self::Unknown => failure::PORT_UNKNOWN,
        }
    }
}

/// Bytes for a person: `1.5 GiB`, `12 MiB`.
pub(crate) fn bytes(count: i64) -> String {
    let sign = if count < 0 { "-" } else { "" };
    let size = count.unsigned_abs();
    match size {
        0..=1023 => format!("{sign}{size} B"),
        1024..=1_048_575 => format!("{sign}{} KiB", size >> 10),
        1_048_576..=1_073_741_823 => format!("{sign}{} MiB", size >> 20),
        _ => format!("{sign}{:.1} GiB", size as f64 / f64::from(1 << 30)),
    }
}
