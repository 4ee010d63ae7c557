//! The keys of waivers.

use crate::keys::{KeyTable, Shape, key, required};

/// The name of the schema.
pub const SCHEMA: &str = "waivers/v1";

/// A file of waivers.
pub const FILE: KeyTable = KeyTable {
    what: "a file of waivers",
    keys: &[
        required("schema", Shape::Constant(SCHEMA), "The language and its version."),
        required("waivers", Shape::List(&WAIVER), "The entries."),
    ],
};

/// A waiver.
pub(crate) const WAIVER: KeyTable = KeyTable {
    what: "a waiver",
    keys: &[
        required("image", Shape::Line, "SHA-256 of the image's file, 64 hexadecimal digits."),
        required("test", Shape::Line, "The full name of one test: `kernel/features[cpu=x86-64-v3]`."),
        key("cell", Shape::Vars, "Where it ran, as the decision lists it: `{image: lab, accelerator: kvm}`."),
        key("failure", Shape::Line, "The failure id; any other failure is not covered."),
        key(
            "signature",
            Shape::Line,
            "The message of the failure with `…` where numbers stood, as `--explain` prints it.",
        ),
        required("reason", Shape::Line, "Why the image may ship with it."),
        required("tracker", Shape::Line, "Where it is followed up: an address, or the number of an issue."),
        required("requested-by", Shape::Line, "Who wants it."),
        required("approved-by", Shape::Line, "Who approved it: another person."),
        required("created", Shape::Date, "The day on which it was approved."),
        required("expires", Shape::Date, "The last day it counts."),
        key("missing", Shape::Bool, "`true` for a test that did not run; then there is no failure to name."),
    ],
};
