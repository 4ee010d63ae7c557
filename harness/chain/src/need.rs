//! What a chain needs of the system it runs on.

use crate::place::Place;
use muster_base::Relation;

/// One need, and where it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// What is needed.
    pub want: Want,
    /// What the chain does with it.
    pub verb: Verb,
    /// Whether the chain goes on without it: `|| true`, `--skip-unavailable`, an optional package of a group,
    /// `ignore_errors`, a branch that only distributions without RPM take.
    pub optional: bool,
    /// Where it is written.
    pub place: Place,
    /// As it is written there: a name with its version and architecture, a path, a command.
    pub written: String,
    /// The stage, section or task it stands in, where a file has several: `stage builder`, `%packages`.
    pub within: Option<String>,
}

impl Need {
    /// One that the chain does not go on without.
    pub fn new(want: Want, verb: Verb, place: Place, written: impl Into<String>) -> Self {
        Self { want, verb, optional: false, place, written: written.into(), within: None }
    }

    /// Whether the chain goes on without it.
    pub fn optional(self, optional: bool) -> Self {
        Self { optional, ..self }
    }

    /// The part of the file it stands in.
    pub fn within(self, part: Option<impl Into<String>>) -> Self {
        Self { within: part.map(Into::into), ..self }
    }
}

/// What is needed. Names are as the chain's own system has them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Want {
    /// A package, or whatever provides one of that name, as dnf takes it.
    Package {
        /// Without version and architecture, where they are surely some. A pattern (`php-*`) stays one, and what may be
        /// a version or a part of the name (`dotnet-sdk-8.0`) stays too: as dnf does, look it up as a name first.
        name: String,
        /// `None` takes any.
        version: Option<(Relation, String)>,
        /// `x86_64` of `glibc.x86_64`.
        arch: Option<String>,
    },
    /// A package of Debian's, whose name in RPM distributions must be found.
    DebianPackage(String),
    /// A group or environment of comps: `@core`, `@^server-product-environment`.
    Group(String),
    /// A module stream: `nodejs:20/minimal`.
    Module {
        /// `nodejs`
        name: String,
        /// `20`; `None` is the default stream.
        stream: Option<String>,
    },
    /// What a package provides under another name, or requires: `pkgconfig(zlib)`, `perl(JSON)`, `libssl.so.3()(64bit)`,
    /// also a rich dependency. As rpm writes it, with its version.
    Capability(String),
    /// An absolute path that must exist.
    Path(String),
    /// A command found by PATH.
    Command(String),
    /// A shared library.
    Soname {
        /// `libssl.so.3`
        name: String,
        /// Symbol versions that are needed of it: `OPENSSL_3.0.0`; may be empty.
        versions: Vec<String>,
        /// Bits of the program: 32 or 64.
        bits: u8,
        /// As rpm and `uname -m` name it.
        arch: String,
    },
    /// A program whose machine code needs this level: `x86-64-v3`.
    IsaLevel(String),
    /// A program, or a package, for this architecture.
    Arch(String),
    /// A unit of systemd.
    Unit {
        /// With its suffix: `nginx.service`.
        name: String,
        /// What the chain expects of it.
        state: UnitWant,
    },
    /// A user that must exist.
    User(String),
    /// A group of users that must exist.
    UserGroup(String),
    /// A kernel parameter that must exist, with the value that is set: `net.core.somaxconn`.
    Sysctl {
        /// With dots.
        name: String,
        /// Set to it, where it is stated.
        value: Option<String>,
    },
    /// A module of the kernel.
    KernelModule(String),
    /// An option of the kernel, with `CONFIG_`.
    KernelOption(String),
    /// A branch on os-release: the values of `ID` or `ID_LIKE` that a script knows. Another system takes its last branch,
    /// or none.
    OsRelease {
        /// `ID`, `ID_LIKE`, `VERSION_ID`, `PLATFORM_ID`.
        key: String,
        /// In the order of the script.
        known: Vec<String>,
        /// Whether there is a branch for what is none of them: an `else` or a `*)` that does not end in an error.
        otherwise: bool,
    },
    /// A package file that the chain brings: `COPY app.rpm`, a file that was named. What it requires are needs of their own.
    LocalPackage(String),
    /// A repository that the chain adds: its address, a release package's address, `copr:owner/name`; with [`Verb::Use`]
    /// one that it takes from the system: its identifier (`crb` of `--enablerepo=crb`), the address of `url`.
    Repository(String),
}

/// What a chain does with what it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// Installs it.
    Install,
    /// Uses what must be there.
    Use,
    /// Removes it. A system without it is as good.
    Remove,
}

/// What is expected of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnitWant {
    /// It exists: another unit orders itself after it, or wants it.
    Exists,
    /// It is enabled by the chain (`systemctl enable`): it must exist and can be enabled.
    Enabled,
    /// It is started.
    Started,
    /// It is disabled, or masked, by the chain.
    Disabled,
}
