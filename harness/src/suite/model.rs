//! What a decoded suite is. Everything here has been validated; nothing here is a string that still
//! has to be parsed, except commands for the guest.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::failure::Location;

/// One suite file.
#[derive(Debug, Clone)]
pub struct Suite {
    /// Its name: the first half of every test's key.
    pub name: String,
    /// The file, as the person named it.
    pub file: Arc<str>,
    /// Why the suite exists, one line.
    pub summary: String,
    /// Tags that every test of the suite has.
    pub tags: Vec<String>,
    /// Which images it is for; `None` is all.
    pub images: Option<When>,
    /// How the always-on base checks are treated here, by name (`coredump: info`).
    pub base_checks: BTreeMap<String, BaseCheck>,
    /// Steps before the first test on each machine.
    pub setup: Vec<Step>,
    /// The tests, in the order of the file.
    pub tests: Vec<Test>,
    /// SHA-256 of the file, hex: reports name it.
    pub digest: String,
}

/// What a base check's finding does in a suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BaseCheck {
    /// The test fails (the default).
    Fail,
    /// It is only reported.
    Info,
    /// It is not looked at.
    Off,
}

/// One test: the unit of selection, isolation, gating and history.
#[derive(Debug, Clone)]
pub struct Test {
    /// Unique in its suite.
    pub id: String,
    /// Why it matters, one line.
    pub summary: String,
    /// Its own tags and its suite's.
    pub tags: Vec<String>,
    /// Links to the sources of what is expected.
    pub links: Vec<String>,
    /// On which systems it is asked; `None` is all.
    pub when: Option<When>,
    /// Tests of the same suite that must have passed before, on the same machine.
    pub needs: Vec<String>,
    /// Wall-clock limit on a host with working KVM; emulation scales it.
    pub timeout: Duration,
    /// Which machine it gets.
    pub guest: GuestMode,
    /// What may change the guest, in order.
    pub steps: Vec<Step>,
    /// What must then be true; all are evaluated.
    pub expect: Vec<Expectation>,
    /// Facts compared with what was accepted before.
    pub snapshots: Vec<SnapshotSpec>,
    /// Where the test begins.
    pub location: Location,
}

/// Which machine a test gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuestMode {
    /// The machine that other tests of the run use too.
    Shared,
    /// Its own fork of the warm machine.
    Clone,
    /// A cold boot of its own, or of its own `needs` chain.
    Fresh,
}

/// A condition with the reason a person gave for it.
#[derive(Debug, Clone)]
pub struct When {
    /// The condition.
    pub condition: Condition,
    /// `because:`, shown beside the skip.
    pub because: Option<String>,
    /// Where it stands.
    pub location: Location,
}

/// A condition over dimensions, fmf's way: `distro >= fedora-43 and arch == x86_64`.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// All must hold.
    And(Vec<Condition>),
    /// One must hold.
    Or(Vec<Condition>),
    /// Must not hold.
    Not(Box<Condition>),
    /// A dimension against one or more words (`==` and `!=` take a comma-separated list).
    Compare {
        /// The dimension's name, one of [`crate::suite::condition::DIMENSIONS`].
        dimension: String,
        /// The operator.
        operator: Operator,
        /// The words; exactly one for the ordering operators.
        values: Vec<String>,
    },
    /// `dimension is defined` (true) or `is not defined` (false).
    Defined(String, bool),
}

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    /// `==`
    Eq,
    /// `!=`
    Ne,
    /// `<`
    Lt,
    /// `<=`
    Le,
    /// `>`
    Gt,
    /// `>=`
    Ge,
}

/// A step: it may change the guest.
#[derive(Debug, Clone)]
pub struct Step {
    /// What it does.
    pub action: Action,
    /// Its own limit, else the test's.
    pub timeout: Option<Duration>,
    /// Where it stands.
    pub location: Location,
}

/// What a step does.
#[derive(Debug, Clone)]
pub enum Action {
    /// Runs a command line with `/bin/sh`; status 0 unless stated.
    Run {
        /// The command line.
        command: String,
        /// `exit`, `stdout`, `stderr` with their matchers, as in the `command` check.
        expect: Vec<Assertion>,
        /// Poll until the expectations hold, at most so long.
        eventually: Option<Duration>,
    },
    /// Installs packages with the guest's package manager.
    Install {
        /// Package names or specs.
        packages: Vec<String>,
        /// Whether a failed scriptlet fails the step (`scriptlet-errors: none`).
        refuse_scriptlet_errors: bool,
    },
    /// Brings a systemd unit to a state.
    Service {
        /// Unit name; `.service` when it has no suffix.
        unit: String,
        /// `started`, `stopped`, `restarted`, `reloaded`.
        state: Option<ServiceState>,
        /// Enable or disable.
        enabled: Option<bool>,
    },
    /// Writes a file.
    Write {
        /// Absolute path.
        path: String,
        /// Its content.
        content: String,
        /// Octal mode, e.g. 0o644.
        mode: Option<u32>,
    },
}

/// What a `service` step brings about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum ServiceState {
    Started,
    Stopped,
    Restarted,
    Reloaded,
}

/// What one subject of one check type must be.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// Name of the check type's table.
    pub check: &'static str,
    /// The subject (`nginx`, `/etc/passwd`); empty for types with [`super::table::Subject::Whole`].
    pub subject: String,
    /// At least one.
    pub assertions: Vec<Assertion>,
    /// Poll until all assertions hold, at most so long.
    pub eventually: Option<Duration>,
    /// Where it stands.
    pub location: Location,
}

/// One attribute and what its value must match.
#[derive(Debug, Clone)]
pub struct Assertion {
    /// Name of the attribute in the check's table.
    pub attribute: &'static str,
    /// The key below it, for attributes of kind `Map`.
    pub key: Option<String>,
    /// What the value must match.
    pub matcher: Matcher,
    /// Where it stands.
    pub location: Location,
}

/// What a value must match. The scalars have been validated against the attribute's kind and are
/// kept as source text (`0644`, `1.10`, `1:1.26`), so nothing is re-interpreted on the way.
#[derive(Debug, Clone)]
pub enum Matcher {
    /// Equal, as the attribute's kind understands equality.
    Equals(String),
    /// All comparisons hold: `">= 1:1.26, < 2:0"`.
    Compare(Vec<(Operator, String)>),
    /// One of them matches.
    AnyOf(Vec<Matcher>),
    /// It does not match.
    Not(Box<Matcher>),
    /// The text contains each of these.
    Contains(Vec<String>),
    /// The text, or the set, contains none of these.
    Lacks(Vec<String>),
    /// The regular expression matches somewhere in the text.
    Matches(regex::Regex),
    /// Some line equals the text.
    Line(String),
    /// The text or set is empty (true) or not (false).
    Empty(bool),
    /// The set has each of these.
    Has(Vec<String>),
    /// The set has these and no others. For text of kind `List`, order is not looked at.
    Only(Vec<String>),
    /// The number of elements (or lines).
    Count(Box<Matcher>),
    /// JSON paths (`.a.b[0]`) into the text, each with its matcher.
    Json(Vec<(String, Matcher)>),
    /// Nothing is there: the empty set, no value.
    None,
    /// All hold: a mapping with several matchers.
    All(Vec<Matcher>),
}

/// A fact that is compared with its accepted form.
#[derive(Debug, Clone)]
pub struct SnapshotSpec {
    /// Unique in the test: names the file.
    pub name: String,
    /// What is collected.
    pub of: SnapshotSource,
    /// Only these columns, where the source has columns.
    pub keep: Vec<String>,
    /// Only entries whose key matches one of these globs; empty is all.
    pub only: Vec<String>,
    /// Entries whose key matches the glob get this value, or are dropped (`None`).
    pub redact: Vec<(String, Option<String>)>,
    /// Regular expressions replaced in the whole text.
    pub filters: Vec<(regex::Regex, String)>,
    /// Lines are sorted before they are compared.
    pub unordered: bool,
    /// Where it stands.
    pub location: Location,
}

/// What a snapshot is of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapshotSource {
    /// Packages: name, evr, arch, vendor.
    Packages,
    /// Unit files: unit, state, preset.
    Units,
    /// `/proc/sys`, key and value.
    Sysctl,
    /// The kernel configuration, symbol and value.
    Kconfig,
    /// Users: name, uid, gid, home, shell.
    Users,
    /// Listening sockets: protocol, port, address kind.
    Ports,
    /// The output of a command.
    Run(String),
}
