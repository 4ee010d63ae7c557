//! The language's own keys: the decoder reads mappings through these tables and the JSON Schema is
//! made from them, so that neither can know a key the other does not. (What `expect:` holds comes
//! from the attribute tables of the check types instead.)

use super::baseline::Measure;
use super::table::AttributeKind;
use muster_base::machine::{DiskBus, FirmwareKind};

/// The keys of one kind of mapping.
#[derive(Debug)]
pub struct KeyTable {
    /// What the mapping is, with its article, for messages and the reference page.
    pub what: &'static str,
    /// The keys, in the order of the documentation.
    pub keys: &'static [Key],
}

/// One key.
#[derive(Debug)]
pub struct Key {
    /// As written.
    pub name: &'static str,
    /// What its value is.
    pub shape: Shape,
    /// Whether it must be there.
    pub required: bool,
    /// One sentence for the reference page.
    pub doc: &'static str,
}

/// What the value of a key is.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Exactly this text.
    Constant(&'static str),
    /// A name: `[a-z0-9][a-z0-9._-]*`.
    Id,
    /// A list of names, at least one.
    Ids,
    /// One line of text.
    Line,
    /// Text, maybe of several lines.
    Text,
    /// Text, maybe empty (then quoted).
    AnyText,
    /// A list of lines of text, at least one.
    Lines,
    /// One line of text, or a list of them.
    LineOrLines,
    /// One line of text, or a mapping with these keys.
    LineOr(&'static KeyTable),
    /// A duration with its unit, greater than zero.
    Duration,
    /// The same, where days are most likely meant.
    Days,
    /// A day: `2027-01-31`.
    Date,
    /// A size with its unit, greater than zero.
    Size,
    /// A list of sizes, at least one.
    Sizes,
    /// `true` or `false`.
    Bool,
    /// An octal file mode.
    Mode,
    /// A whole number from 1.
    Count,
    /// A whole number from 0.
    Natural,
    /// One of these words.
    Keyword(&'static [&'static str]),
    /// A condition over dimensions.
    Condition,
    /// A matcher for a value of this kind.
    Matcher(&'static AttributeKind),
    /// A mapping with these keys.
    Mapping(&'static KeyTable),
    /// A list of mappings with these keys.
    List(&'static KeyTable),
    /// A mapping with exactly one of these keys.
    OneOf(&'static KeyTable),
    /// A list of steps: each has the keys of one table of [`STEPS`].
    Steps,
    /// Check types, each with subjects and expectations.
    Expect,
    /// A mapping from names to empty mappings.
    Machines,
    /// A mapping from names to scalars.
    Vars,
    /// A mapping from names of the first list (with meanings) to words of the second.
    Choices(&'static [(&'static str, &'static str)], &'static [&'static str]),
    /// What a snapshot is of: a word of the list (with meaning), or the mapping.
    Source(&'static [(&'static str, &'static str)], &'static KeyTable),
    /// A mapping from globs to replacements.
    Globs,
    /// A mapping from dimensions to words.
    Facts,
    /// A mapping from capabilities to booleans, and from dimensions to values or comparisons.
    Claims,
    /// Adjusted expectations: as [`Shape::Expect`], and `null` removes.
    Adjust,
    /// What a test is repeated for: a mapping from one name to values, or a list of mappings.
    ForEach,
    /// `all`, or a list of lines of text.
    AllOrLines,
    /// A mapping from dimensions of a matrix to lists of values; see [`MATRIX`].
    Matrix,
}

pub(crate) const fn key(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, shape, required: false, doc }
}

pub(crate) const fn required(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key { name, shape, required: true, doc }
}

impl KeyTable {
    /// The key of that name.
    pub fn get(&self, name: &str) -> Option<&'static Key>
    where
        Self: 'static,
    {
        self.keys.iter().find(|key| key.name == name)
    }

    /// All names, in order.
    pub fn names(&self) -> Vec<&'static str> {
        self.keys.iter().map(|key| key.name).collect()
    }
}

/// A suite file.
pub const SUITE: KeyTable = KeyTable {
    what: "a suite",
    keys: &[
        required("schema", Shape::Constant("suite/v1"), "The language and its version."),
        required("suite", Shape::Id, "The suite's name, unique among all suites of a run."),
        key("summary", Shape::Line, "Why the suite exists."),
        key("tags", Shape::Ids, "Tags that every test of the suite has."),
        key("images", Shape::Mapping(&IMAGES), "Which images the suite is for; without it, all."),
        key("defaults", Shape::Mapping(&DEFAULTS), "What tests have that do not say otherwise."),
        key("vars", Shape::Vars, "Values that `${name}` stands for, in any scalar. Later ones may use earlier ones."),
        key("matrix", Shape::Matrix, "Dimensions, each with its values: every test runs once for every combination."),
        key(
            "base-checks",
            Shape::Choices(BASE_CHECKS, &["fail", "info", "off"]),
            "How the checks that are always on are treated here.",
        ),
        key("setup", Shape::Steps, "Steps before the first test of the suite on each machine."),
        key("tests", Shape::List(&TEST), "The tests, in order."),
        key("include", Shape::List(&INCLUDE), "Tests of other files, each under a prefix."),
        key("teardown", Shape::Steps, "Steps after the last test of the suite on each machine, whatever its result."),
    ],
};

/// An entry of `include:`.
pub const INCLUDE: KeyTable = KeyTable {
    what: "an entry of `include`",
    keys: &[
        required("file", Shape::Line, "A file of schema `tests/v1`, relative to this one and not above it."),
        required("prefix", Shape::Id, "Begins the ids of its tests, with a `.` after it: `ssh.login`."),
        key("with", Shape::Vars, "Values for its `vars`."),
    ],
};

/// A file of tests that suites include.
pub const FRAGMENT: KeyTable = KeyTable {
    what: "a file of tests",
    keys: &[
        required("schema", Shape::Constant("tests/v1"), "The language and its version."),
        key("summary", Shape::Line, "What the tests are for."),
        key("vars", Shape::Vars, "Values that `${name}` stands for; who includes the file can give others."),
        required("tests", Shape::List(&TEST), "The tests, in order."),
    ],
};

/// `images:` of a suite.
pub const IMAGES: KeyTable = KeyTable {
    what: "`images`",
    keys: &[
        required("where", Shape::Condition, "The suite is skipped on images for which this is not true."),
        key("because", Shape::Line, "Why; shown with the skip."),
    ],
};

/// The dimensions of a `matrix` that shape the machine; the shapes are those of one value. Any other
/// name is a dimension whose values only stand for `${matrix.name}`.
pub const MATRIX: KeyTable = KeyTable {
    what: "`matrix`",
    keys: &[
        key(
            "cpu",
            Shape::Line,
            "CPU of the machine: an x86 level such as `x86-64-v3`, `host`, `max`, or a model of QEMU.",
        ),
        key("firmware", Shape::Keyword(FirmwareKind::NAMES), "What boots the machine."),
        key("tpm", Shape::Bool, "Whether it has a TPM 2.0."),
        key("bus", Shape::Keyword(DiskBus::NAMES), "How its disk is attached."),
        key("memory", Shape::Size, "Its RAM."),
        key("cpus", Shape::Count, "Its processors."),
        key("image", Shape::Id, "The image: the combination is only for it."),
        key(
            "kernel",
            Shape::LineOr(&KERNEL),
            "The package of a kernel, as its package manager installs it, or its files: installed, made the one to boot, and booted.",
        ),
    ],
};

/// A value of `kernel` of a matrix that is in no repository.
pub const KERNEL: KeyTable = KeyTable {
    what: "a kernel",
    keys: &[
        required("file", Shape::LineOrLines, "Its RPM, or its RPMs: in the directory of this file or below."),
        key("name", Shape::Line, "What stands for it in the names of tests; else the name of the first file."),
    ],
};

/// `defaults:` of a suite.
pub const DEFAULTS: KeyTable = KeyTable {
    what: "`defaults`",
    keys: &[
        key("timeout", Shape::Duration, "Time-out of tests that state none; 5m when this is not stated either."),
        key("guest", Shape::Keyword(GUESTS), "Which machine tests get that state none."),
        key("retry", Shape::Count, "How often tests that state nothing run again after a failure."),
    ],
};

/// The checks that are always on, each with what it means.
pub const BASE_CHECKS: &[(&str, &str)] = &[
    ("crash", "the console shows a kernel panic, or the machine dies"),
    ("avc", "SELinux denied an access"),
    ("oops", "the console shows a kernel oops or a warning with a trace"),
    ("coredump", "a process dumped core"),
    ("oom", "the kernel killed a process because memory ran out"),
    ("failed-units", "a systemd unit failed"),
    ("crash-loop", "systemd restarts a service again and again"),
    ("taint", "the kernel became tainted"),
];

/// Most tags of a test, and of a suite: every test has those of its suite too.
pub const MOST_TAGS: usize = 64;

/// Most adjustments of a test.
pub const MOST_ADJUSTMENTS: usize = 32;

/// Most entries of a matrix's `exclude`: tests carry the images that their combination is not for.
pub const MOST_EXCLUDED: usize = 64;

/// Which machine a test gets.
pub const GUESTS: &[&str] = &["shared", "clone", "fresh"];

/// A test.
pub const TEST: KeyTable = KeyTable {
    what: "a test",
    keys: &[
        required("id", Shape::Id, "The test's name, unique in its suite."),
        key("summary", Shape::Line, "Why it matters."),
        key("tags", Shape::Ids, "Tags, in addition to those of the suite."),
        key("link", Shape::LineOrLines, "Where what is expected comes from."),
        key("covers", Shape::Lines, "Checks of other tools that this one replaces, by their names there."),
        key("for-each", Shape::ForEach, "The test is repeated for each of these; `${name}` stands for the value."),
        key("when", Shape::Condition, "The test is skipped on systems for which this is not true."),
        key("because", Shape::Line, "The reason for `when`; shown with the skip."),
        key("needs", Shape::Ids, "Tests of this suite that must have passed before, on the same machine."),
        key("timeout", Shape::Duration, "Wall-clock limit on a host with working KVM; emulation scales it."),
        key(
            "guest",
            Shape::Keyword(GUESTS),
            "`shared`, a machine other tests use too (the default without steps), `clone`, a copy of the booted one \
             for it or its `needs` chain (the default with steps), or `fresh`, a cold boot of its own.",
        ),
        key("retry", Shape::Count, "How often it runs again after a failure; a later pass is reported as flaky."),
        key(
            "machines",
            Shape::Machines,
            "Several machines in place of one, by name, on a network of their own: `{server: {}, client: {}}`. Every step \
             then says `on` which one it runs, and `expect` is a mapping from their names.",
        ),
        key("steps", Shape::Steps, "What is done first; steps may change the guest."),
        key("expect", Shape::Expect, "What must then be true; everything is evaluated."),
        key("adjust", Shape::List(&ADJUST), "What is expected otherwise on some systems."),
        key("snapshots", Shape::List(&SNAPSHOT), "Facts that are compared with what was accepted before."),
    ],
};

/// An entry of `adjust:`.
pub const ADJUST: KeyTable = KeyTable {
    what: "an entry of `adjust`",
    keys: &[
        required("when", Shape::Condition, "On which systems."),
        required("because", Shape::Line, "Why they differ."),
        key("expect", Shape::Adjust, "Attributes that replace the test's; `null` removes."),
        key("timeout", Shape::Duration, "Another time-out."),
    ],
};

/// The key that every step has.
const ON: Key = key("on", Shape::Line, "The machine that it runs on; only, and always, in a test with `machines`.");

/// The steps, by their first key.
pub const STEPS: &[&KeyTable] =
    &[&RUN, &INSTALL, &REMOVE, &UPDATE, &SERVICE, &WRITE, &UPLOAD, &REBOOT, &WAIT, &BOOT_SAMPLES, &COLLECT];

/// The `run` step.
pub const RUN: KeyTable = KeyTable {
    what: "a `run` step",
    keys: &[
        required("run", Shape::Text, "A command line for `/bin/sh`."),
        key("exit", Shape::Matcher(&AttributeKind::Ranged(0, 255)), "Its exit status; 0 when not stated."),
        key("stdout", Shape::Matcher(&AttributeKind::Output), "What it prints."),
        key("stderr", Shape::Matcher(&AttributeKind::Output), "What it prints as errors."),
        key("eventually", Shape::Duration, "Run it again until it does as stated, at most so long."),
        key("timeout", Shape::Duration, "Limit of this step; the test's when not stated."),
        ON,
    ],
};

/// The `install` step.
pub const INSTALL: KeyTable = KeyTable {
    what: "an `install` step",
    keys: &[
        required("install", Shape::Lines, "Packages for the guest's package manager."),
        key("scriptlet-errors", Shape::Keyword(&["none"]), "`none`: a scriptlet that fails, fails the step."),
        key("timeout", Shape::Duration, "Limit of this step; the test's when not stated."),
        ON,
    ],
};

/// The `remove` step.
pub const REMOVE: KeyTable = KeyTable {
    what: "a `remove` step",
    keys: &[
        required("remove", Shape::Lines, "Packages that the guest's package manager removes."),
        key("scriptlet-errors", Shape::Keyword(&["none"]), "`none`: a scriptlet that fails, fails the step."),
        key("timeout", Shape::Duration, "Limit of this step; the test's when not stated."),
        ON,
    ],
};

/// The `update` step.
pub const UPDATE: KeyTable = KeyTable {
    what: "an `update` step",
    keys: &[
        required("update", Shape::AllOrLines, "`all`, or packages that the guest's package manager updates."),
        key("scriptlet-errors", Shape::Keyword(&["none"]), "`none`: a scriptlet that fails, fails the step."),
        key("timeout", Shape::Duration, "Limit of this step; the test's when not stated."),
        ON,
    ],
};

/// The `service` step.
pub const SERVICE: KeyTable = KeyTable {
    what: "a `service` step",
    keys: &[
        required("service", Shape::Line, "A systemd unit; `.service` when it has no suffix."),
        key("state", Shape::Keyword(&["started", "stopped", "restarted", "reloaded"]), "What is done with it."),
        key("enabled", Shape::Bool, "Whether it is enabled or disabled."),
        key("timeout", Shape::Duration, "Limit of this step; the test's when not stated."),
        ON,
    ],
};

/// The `write` step.
pub const WRITE: KeyTable = KeyTable {
    what: "a `write` step",
    keys: &[
        required("write", Shape::Line, "An absolute path."),
        required("content", Shape::AnyText, "What the file holds afterwards."),
        key("mode", Shape::Mode, "Its octal mode."),
        key("timeout", Shape::Duration, "Limit of this step; the test's when not stated."),
        ON,
    ],
};

/// The `reboot` step.
pub const REBOOT: KeyTable = KeyTable {
    what: "a `reboot` step",
    keys: &[
        required(
            "reboot",
            Shape::Keyword(&["soft", "hard", "crash"]),
            "`soft` reboots in the guest, `hard` presses the reset button, `crash` makes the kernel crash and restart.",
        ),
        key(
            "timeout",
            Shape::Duration,
            "Limit until the guest has settled again; the image's boot-timeout when not stated.",
        ),
        ON,
    ],
};

/// The `upload` step.
pub const UPLOAD: KeyTable = KeyTable {
    what: "an `upload` step",
    keys: &[
        required("upload", Shape::Line, "A file, relative to the suite's and not above it; at most 64 MiB."),
        required("to", Shape::Line, "An absolute path in the guest."),
        key("mode", Shape::Mode, "Its octal mode there; 0644 when not stated."),
        key("timeout", Shape::Duration, "Limit of this step; the test's when not stated."),
        ON,
    ],
};

/// The `wait` step.
pub const WAIT: KeyTable = KeyTable {
    what: "a `wait` step",
    keys: &[required(
        "wait",
        Shape::Duration,
        "Nothing is done for so long; `eventually` is better where it can be used.",
    )],
};

/// The `boot-samples` step.
pub const BOOT_SAMPLES: KeyTable = KeyTable {
    what: "a `boot-samples` step",
    keys: &[
        required("boot-samples", Shape::Count, "How often the machine is booted and measured."),
        key("discard", Shape::Natural, "How many of the first boots do not count; 0 when not stated."),
        key("timeout", Shape::Duration, "Limit of this step; the test's when not stated."),
    ],
};

/// `baseline` of boots.
pub const BASELINE: KeyTable = KeyTable {
    what: "a `baseline`",
    keys: &[
        key(
            "file",
            Shape::Line,
            "A file that `muster boot-time --later --write-baseline` wrote, relative to the suite's and not above it; not stated, it \
             is the one that the run is given with `--boot-baseline`, and a run without one skips the test.",
        ),
        required("regression", Shape::Line, "`<=` or `<` with a percentage: how much more the boots may take."),
        key(
            "by",
            Shape::Keyword(Measure::NAMES),
            "What is compared; instructions where they were counted, else time, when not stated.",
        ),
    ],
};

/// The `collect` step.
pub const COLLECT: KeyTable = KeyTable {
    what: "a `collect` step",
    keys: &[
        required(
            "collect",
            Shape::Lines,
            "Absolute paths that are copied into the run's directory; `*` and `?` may be used.",
        ),
        key("timeout", Shape::Duration, "Limit of this step; the test's when not stated."),
        ON,
    ],
};

/// A snapshot.
pub const SNAPSHOT: KeyTable = KeyTable {
    what: "a snapshot",
    keys: &[
        required("name", Shape::Id, "Its name, unique in the test."),
        required("of", Shape::Source(SOURCES, &SOURCE), "What is collected."),
        key(
            "per",
            Shape::Keyword(SHARED_BY),
            "`image` (the default): each image has its own accepted form. `distro`: all images of one distribution, version and architecture share one, and so must be alike.",
        ),
        key("keep", Shape::Ids, "Only these columns."),
        key("only", Shape::Lines, "Only entries whose key matches one of these globs."),
        key("redact", Shape::Globs, "Entries whose key matches get this value; `drop` leaves them out."),
        key("filters", Shape::List(&FILTER), "Replacements in the whole text."),
        key("unordered", Shape::Bool, "Lines are sorted before they are compared."),
    ],
};

/// Who shares the accepted form of a snapshot.
pub const SHARED_BY: &[&str] = &["image", "distro"];

/// What a snapshot can be of, each with its columns; the first is the key of an entry.
pub const SOURCES: &[(&str, &str)] = &[
    ("packages", "name, evr, arch, vendor"),
    ("units", "unit, state, preset"),
    ("sysctl", "key, value"),
    ("kconfig", "symbol, value"),
    ("users", "name, uid, gid, home, shell"),
    ("ports", "protocol, port, address"),
];

/// `of:` as a mapping.
pub const SOURCE: KeyTable = KeyTable {
    what: "`of`",
    keys: &[required("run", Shape::Text, "A command line; the snapshot is of what it prints.")],
};

/// A filter of a snapshot.
pub const FILTER: KeyTable = KeyTable {
    what: "a filter",
    keys: &[
        required("match", Shape::Line, "A regular expression."),
        required("with", Shape::AnyText, "The replacement; `$1` is the first group."),
    ],
};

/// A file of known issues.
pub const KNOWN_ISSUES: KeyTable = KeyTable {
    what: "a file of known issues",
    keys: &[
        required("schema", Shape::Constant("known-issues/v1"), "The language and its version."),
        required("known-issues", Shape::List(&ISSUE), "The entries."),
    ],
};

/// A known issue.
pub const ISSUE: KeyTable = KeyTable {
    what: "a known issue",
    keys: &[
        required("tests", Shape::Line, "The tests it is about: `suite/test`, where `*` and `?` may be used."),
        key("where", Shape::Condition, "On which systems; without it, all."),
        required("tracker", Shape::Line, "Where it is followed up: an address or a number."),
        required("because", Shape::Line, "Why the tests fail."),
        key(
            "failure",
            Shape::Matcher(&AttributeKind::Output),
            "What the failure looks like; any other is a real failure.",
        ),
        required("expires", Shape::Date, "The last day it holds, at most 180 days ahead: `2027-01-31`."),
        key(
            "effect",
            Shape::Keyword(&["xfail", "skip"]),
            "`xfail`, the tests must fail as documented (the default), or `skip`, they do not run.",
        ),
        key("owner", Shape::Line, "Who looks after it."),
    ],
};

/// A file of proofs.
pub const PROOFS: KeyTable = KeyTable {
    what: "a file of proofs",
    keys: &[
        required("schema", Shape::Constant("proofs/v1"), "The language and its version."),
        required("proofs", Shape::List(&PROOF), "The entries."),
    ],
};

/// A proof.
pub const PROOF: KeyTable = KeyTable {
    what: "a proof",
    keys: &[
        required("tests", Shape::Line, "The tests it is about: `suite/test`, where `*` and `?` may be used."),
        key("steps", Shape::Steps, "What is done to the guest before the test's own steps."),
        key("then", Shape::Steps, "What is done after the test's own steps, before what it expects is looked at."),
        key("fails", Shape::Lines, "Failure ids, one of which the test must then have."),
        key("unprovable", Shape::Line, "Why no change of the guest can make the tests fail."),
    ],
};
