//! The keys of a policy.

use super::model::{FlakyRule, PolicyLevel};
use crate::keys::{KeyTable, Shape, key, required};

/// The name of the schema.
pub const SCHEMA: &str = "policy/v1";

/// A policy.
pub const FILE: KeyTable = KeyTable {
    what: "a policy",
    keys: &[
        required("schema", Shape::Constant(SCHEMA), "The language and its version."),
        required("id", Shape::Id, "The policy's name."),
        required("context", Shape::Line, "What is decided: `promote-stable`."),
        key("applies", Shape::Mapping(&APPLIES), "The images that it is for; without it, every image."),
        key(
            "systems",
            Shape::List(&SYSTEM),
            "Systems of which there must be an image each, among those of the runs, that satisfies the policy.",
        ),
        key(
            "profile",
            Shape::Line,
            "The lock that names the tests: a file next to the policy, or the id of one (`ID.lock.json`).",
        ),
        key("require", Shape::List(&RULE), "Which tests must have passed; without it, all of the profile."),
        key(
            "matrix",
            Shape::Matrix,
            "Dimensions with values: every required test must have passed in every combination of them.",
        ),
        key(
            "environments",
            Shape::Lines,
            "Ids of entries of one image, on each of which a required test must have passed; of several images, see `systems`.",
        ),
        key("accelerators", Shape::Lines, "`kvm`, `tcg`: on each of them a required test must have passed."),
        key("minimum", Shape::Mapping(&MINIMUM), "The least that must have been tested."),
        key("max-age", Shape::Days, "How old a run may be; without it, any age."),
        key(
            "flaky",
            Shape::Keyword(FlakyRule::NAMES),
            "What a required test comes to that passed only after a failure: `fails` (the default) or `passes`.",
        ),
        key(
            "allow-skips",
            Shape::Lines,
            "Ids of skips (`skip.when`) that leave a test out for an image; without it no skipped test satisfies.",
        ),
        key("waivers", Shape::Mapping(&WAIVER_RULES), "Which waivers count; without it, none."),
    ],
};

/// The images that a policy is for. The first key sets this table apart.
pub(crate) const APPLIES: KeyTable = KeyTable {
    what: "`applies`",
    keys: &[
        key("distro", Shape::Id, "The `ID` of os-release."),
        key("version", Shape::LineOrLines, "Globs of its `VERSION_ID`, one of which must match: `4.*`."),
        key("arch", Shape::LineOrLines, "Architectures, as `uname -m` has them."),
    ],
};

/// A system that must be among those that satisfy the policy.
pub(crate) const SYSTEM: KeyTable = KeyTable {
    what: "a system of a policy",
    keys: &[
        key("entry", Shape::Id, "The id of the image's entry."),
        key("distro", Shape::Id, "The `ID` of os-release."),
        key("version", Shape::LineOrLines, "Globs of its `VERSION_ID`, one of which must match: `4.*`."),
        key("arch", Shape::LineOrLines, "Architectures, as `uname -m` has them."),
    ],
};

/// A rule.
pub(crate) const RULE: KeyTable = KeyTable {
    what: "a rule of a policy",
    keys: &[
        key("test", Shape::Line, "Tests: `suite/test`, where `*` and `?` may be used when there is a profile."),
        key("suite", Shape::Line, "All tests that the profile has of a suite."),
        key("tag", Shape::Line, "All tests of the profile with these tags: `tier0 and not slow`."),
        key("level", Shape::Keyword(PolicyLevel::NAMES), "How much depends on them; `required` is the default."),
        key("from", Shape::Date, "Of `upcoming`: images that were built on this day or later need it."),
        key("since", Shape::Date, "Only for images that were built on this day or later."),
        key("until", Shape::Date, "Only for images that were built before this day."),
    ],
};

/// The least that must have been tested.
pub(crate) const MINIMUM: KeyTable = KeyTable {
    what: "`minimum`",
    keys: &[
        key("passed", Shape::Count, "So many required tests must have passed."),
        key("assertions", Shape::Count, "So many assertions must have been evaluated in them."),
    ],
};

/// Which waivers count.
pub(crate) const WAIVER_RULES: KeyTable = KeyTable {
    what: "`waivers` of a policy",
    keys: &[
        required("max-days", Shape::Count, "The most days between `created` and `expires` of a waiver."),
        key("approvers", Shape::Lines, "Who may approve one; without it, anybody but the one who requested it."),
        key("not-waivable", Shape::Lines, "Tests that no waiver covers: `security/*`."),
    ],
};
