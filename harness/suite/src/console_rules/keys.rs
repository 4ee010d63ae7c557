//! The keys of a file of console rules.

use crate::keys::{Key, KeyTable, Shape};

/// The name of the schema.
pub const SCHEMA: &str = "console-rules/v1";

/// How bad a finding can be, mildest first.
pub const SEVERITIES: &[&str] = &["info", "warn", "fail", "fatal"];

/// The base checks that a rule may belong to.
pub const RULE_BASE_CHECKS: &[&str] = &["avc", "coredump", "crash", "oom", "oops"];

/// What must have come before a line in the same boot.
pub const EARLIER: &[&str] = &["text", "kernel", "boot"];

const fn key(name: &'static str, shape: Shape, required: bool, doc: &'static str) -> Key {
    Key { name, shape, required, doc }
}

/// A file of console rules.
pub const FILE: KeyTable = KeyTable {
    what: "a file of console rules",
    keys: &[
        key("schema", Shape::Constant(SCHEMA), true, "The language and its version."),
        key("rules", Shape::List(&RULE), true, "The rules. Of several that match with one severity, the first counts."),
    ],
};

/// A rule.
pub const RULE: KeyTable = KeyTable {
    what: "a console rule",
    keys: &[
        key("id", Shape::Id, true, "Its name, unique among all rules, the shipped ones included."),
        key("category", Shape::Id, true, "What it is a sign of; findings have the failure id `console.<category>`."),
        key(
            "severity",
            Shape::Keyword(SEVERITIES),
            true,
            "`fatal`: the machine is lost, every wait ends; `fail`: the test fails; `warn` and `info`: reported only.",
        ),
        key(
            "base-check",
            Shape::Keyword(RULE_BASE_CHECKS),
            false,
            "The base check that it belongs to: what a suite says of that under `base-checks`, it says of this rule too.",
        ),
        key(
            "pattern",
            Shape::Line,
            true,
            "A regular expression over a message: a line without time stamp, level and caller.",
        ),
        key(
            "except",
            Shape::LineOrLines,
            false,
            "A message that matches one of these regular expressions is no finding.",
        ),
        key("sample", Shape::LineOrLines, true, "A line that must be found, or several."),
        key("near-miss", Shape::LineOrLines, true, "A line that a careless pattern would find and this one must not."),
        key("because", Shape::Line, true, "What the line means and who prints it."),
        key("trace", Shape::Bool, false, "`true`: a trace follows, so the excerpt takes more lines."),
        key("about-time", Shape::Bool, false, "`true`: it says only that something was slow; a note under emulation."),
        key(
            "after",
            Shape::Keyword(EARLIER),
            false,
            "The line counts only when the guest had printed `text`, its `kernel` had spoken or it had finished its \
             `boot`, and no restart was announced.",
        ),
        key(
            "unless-later",
            Shape::LineOrLines,
            false,
            "A later message of the same boot that matches one of these regular expressions makes a `fail` a `warn` and a \
             `warn` an `info`. Until then, or until the log ends, the finding is not final.",
        ),
    ],
};
