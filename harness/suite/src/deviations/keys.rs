//! The keys of a ledger.

use crate::keys::{Key, KeyTable, Shape};
use crate::table::AttributeKind;

/// The name of the schema.
pub const SCHEMA: &str = "deviations/v1";

/// Why a system deviates, in the words of Azure Linux's own overlays (azldev's `OverlayMetadata`).
pub const CATEGORIES: &[&str] = &[
    "upstream-backport",
    "azl-pruning",
    "azl-compatibility",
    "azl-temp-workaround",
    "azl-branding-policy",
    "azl-disable-flaky-tests",
    "azl-disable-unsupported-tests",
    "azl-security-compliance",
    "azl-release-management",
    "azl-platform-adaptation",
];

/// How a deviation stands to what it deviates from, in the same vocabulary.
pub const UPSTREAM_STATUSES: &[&str] =
    &["upstreamed", "upstreamable", "needs-upstream-hook", "inapplicable", "unknown"];

/// How a subject can differ, as the second part of a pattern.
pub const CHANGES: &[&str] = &["added", "removed", "changed"];

/// The kind of text that `before` and `after` are compared with.
pub const VALUE: AttributeKind = AttributeKind::Text;

const fn key(name: &'static str, shape: Shape, required: bool, doc: &'static str) -> Key {
    Key { name, shape, required, doc }
}

/// A ledger.
pub const FILE: KeyTable = KeyTable {
    what: "a ledger of deviations",
    keys: &[
        key("schema", Shape::Constant(SCHEMA), true, "The language and its version."),
        key("deviations", Shape::List(&ENTRY), true, "The entries."),
    ],
};

/// An entry.
pub const ENTRY: KeyTable = KeyTable {
    what: "a deviation",
    keys: &[
        key(
            "pattern",
            Shape::Line,
            true,
            "The differences it documents: `kind/change/subject` or `kind/change/subject:field`, where `*` and `?` may \
             be used after the kind.",
        ),
        key("category", Shape::Keyword(CATEGORIES), true, "Why the system deviates."),
        key("upstream-status", Shape::Keyword(UPSTREAM_STATUSES), true, "How it stands to the system it is based on."),
        key("reason", Shape::Line, true, "Why the deviation is meant."),
        key("link", Shape::Line, true, "Where it was decided or is followed up."),
        key("expires", Shape::Date, false, "The last day it holds: `2027-01-31`; without it, for good."),
        key("where", Shape::Condition, false, "On which candidates; without it, all."),
        key("before", Shape::Matcher(&VALUE), false, "What the baseline must have had; any other change is not meant."),
        key("after", Shape::Matcher(&VALUE), false, "What the candidate must have; any other change is not meant."),
    ],
};
