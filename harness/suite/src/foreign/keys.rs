//! The keys of a list of checks.

use crate::keys::{Key, KeyTable, Shape};

/// The name of the schema.
pub const SCHEMA: &str = "foreign-checks/v1";

const fn key(name: &'static str, shape: Shape, required: bool, doc: &'static str) -> Key {
    Key { name, shape, required, doc }
}

/// A list.
pub const FILE: KeyTable = KeyTable {
    what: "a list of checks",
    keys: &[
        key("schema", Shape::Constant(SCHEMA), true, "The language and its version."),
        key("tool", Shape::Id, true, "The tool's name, as `covers` writes it before the `/`."),
        key("summary", Shape::Line, true, "What the tool is."),
        key("source", Shape::Line, true, "Where its checks are: a link."),
        key("checks", Shape::List(&CHECK), true, "The checks."),
    ],
};

/// The keys of which a check that no test takes the place of has exactly one.
pub const REASONS: [&str; 3] = ["gap", "by", "outside"];

/// A check.
pub const CHECK: KeyTable = KeyTable {
    what: "a check of another tool",
    keys: &[
        key("id", Shape::Line, true, "Its name there, as `covers` writes it after the `/`."),
        key("what", Shape::Line, true, "What it checks."),
        key("link", Shape::Line, false, "Where more is said of it: a link."),
        key("gap", Shape::Line, false, "No test takes its place: why it is missing."),
        key("by", Shape::Line, false, "No test replaces it: what checks the same instead."),
        key("outside", Shape::Line, false, "No test takes its place: why it means nothing here."),
        key("partly", Shape::Line, false, "Tests replace it, except for this part of what it checks."),
    ],
};
