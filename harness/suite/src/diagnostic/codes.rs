//! Every code a diagnostic can carry. Codes are stable: people search for them, tools filter by them.

macro_rules! codes {
    ($( $name:ident = $code:literal, $meaning:literal; )*) => {
        $( #[doc = $meaning] pub const $name: &str = $code; )*
        /// All codes with their meaning, in the order of the documentation.
        pub const TABLE: &[(&str, &str)] = &[ $( ($code, $meaning) ),* ];
    };
}

codes! {
    UNREADABLE = "unreadable", "The file or directory cannot be read, or is not a plain file.";
    NO_FILES = "no-files", "A directory holds no `.yaml` file, or no path was given.";
    TOO_LARGE = "too-large", "The file is larger than the limit.";
    TOO_DEEP = "too-deep", "Mappings and lists are nested deeper than the limit.";
    TOO_MANY = "too-many", "The file holds more values, anchors, aliases, regular expressions, substitutions or combinations than the limit.";
    ENCODING = "encoding", "The file is not UTF-8, or holds a control character.";
    TAB = "tab", "A tab is where YAML needs spaces.";
    SYNTAX = "syntax", "The file is not YAML.";
    TOML = "toml", "The file is not TOML.";
    EMPTY_FILE = "empty-file", "The file holds nothing but comments.";
    SEVERAL_DOCUMENTS = "several-documents", "The file holds more than one YAML document.";
    YAML_TAG = "yaml-tag", "A value has a YAML tag such as `!!str`.";
    MERGE_KEY = "merge-key", "A merge key (`<<`) is used.";
    COMPLEX_KEY = "complex-key", "A key is a list or a mapping.";
    BAD_ALIAS = "bad-alias", "An alias refers to a value that contains it.";
    DUPLICATE_KEY = "duplicate-key", "A mapping has the same key twice.";
    UNKNOWN_KEY = "unknown-key", "A key does not exist here.";
    MISSING_KEY = "missing-key", "A required key is missing.";
    UNKNOWN_SCHEMA = "unknown-schema", "The `schema:` is not one this version reads.";
    WRONG_SHAPE = "wrong-shape", "A scalar, a list or a mapping is where another of the three belongs.";
    EMPTY_VALUE = "empty-value", "A value is empty, so that it says or asserts nothing.";
    BARE_LIST = "bare-list", "A list is where a matcher must say how the list is meant.";
    BARE_NUMBER = "bare-number", "A duration or a size has no unit.";
    BAD_VALUE = "bad-value", "A value is not of the type that its key takes.";
    NO_ORDER = "no-order", "An operator is used on a value that has no order.";
    BAD_REGEX = "bad-regex", "A regular expression is invalid, too large, or matches every text.";
    BAD_SAMPLE = "bad-sample", "A console rule does not find its sample, or finds its near miss.";
    BAD_SNAPSHOT = "bad-snapshot", "A file of an accepted snapshot is not one that can be compared with.";
    BAD_ID = "bad-id", "A name does not consist of the letters that names may have.";
    BAD_NAME = "bad-name", "A subject, an element of a set or a key of a mapping is spelt in a way that can name nothing.";
    DUPLICATE_ID = "duplicate-id", "Two tests of a suite, two snapshots of a test, two values of a dimension or two images have the same name.";
    DUPLICATE_SUITE = "duplicate-suite", "Two files have the same suite name.";
    DUPLICATE_SUBJECT = "duplicate-subject", "After substitution, two keys of one mapping are the same.";
    UNKNOWN_NEED = "unknown-need", "A test needs one that the suite does not have.";
    UNKNOWN_TEST = "unknown-test", "A known issue, or a part of a policy, is about a test that there is not.";
    VAGUE_FAILURE = "vague-failure", "The `failure` of a known issue fits failures of every kind.";
    REFUSED_WAIVER = "refused-waiver", "A waiver does not count: the message says why.";
    UNKNOWN_COVER = "unknown-cover", "A test covers a check that the list of its tool does not have.";
    STALE_COVERAGE = "stale-coverage", "A check of another tool is listed as not covered, or in part, and the suites say otherwise.";
    CYCLIC_NEED = "cyclic-need", "Tests need each other in a circle.";
    NEED_ACROSS_GUESTS = "need-across-guests", "Tests that share a machine through `needs` need different machines.";
    UNKNOWN_MACHINE = "unknown-machine", "A step or an expectation names a machine that its test does not have, or none where there are several.";
    UNKNOWN_VAR = "unknown-var", "A substitution names a variable that is not defined.";
    UNUSED_VAR = "unused-var", "A variable, or a dimension of a matrix that shapes no machine, is defined and never used.";
    BAD_SUBSTITUTION = "bad-substitution", "A `${` is not closed, or what it holds is not a name.";
    ASSERTS_NOTHING = "asserts-nothing", "A test, step or expectation can never fail.";
    CONTRADICTION = "contradiction", "No value can satisfy a matcher.";
    TAUTOLOGY = "tautology", "Every value satisfies a matcher, so that it can never fail.";
    NO_TESTS = "no-tests", "A suite has no tests.";
    BAD_INCLUDE = "bad-include", "A file that is included or uploaded is not there, not plain, too large, or outside the suite's directory.";
    NEEDS_FRESH = "needs-fresh", "A step needs a machine that was booted for its test alone.";
    BAD_CONDITION = "bad-condition", "A condition cannot be parsed.";
    UNKNOWN_DIMENSION = "unknown-dimension", "A condition names a dimension that does not exist.";
    UNKNOWN_KEYWORD = "unknown-word", "A condition compares a dimension with a value that it never has.";
    NEVER_TRUE = "never-true", "A condition contradicts itself, the suite's `images` or its whole matrix.";
    ALWAYS_TRUE = "always-true", "A condition holds on every system.";
    NO_EFFECT = "no-effect", "Something is written that changes nothing, or leaves nothing.";
    NOT_YET = "not-yet", "A key is part of the language, and this version does not support it.";
    UNKNOWN_CHECK = "unknown-check", "A key of `expect` is not a check type.";
}

/// The page that explains the language, as it was when this was built.
const TEXT: &str = include_str!("../../../../docs/writing-suites.md");

/// Under which heading of the page stands what a code is about. Codes about files and YAML itself need
/// no explanation beyond their meaning.
const SECTIONS: &[(&str, &[&str])] = &[
    ("A test", &[UNKNOWN_KEY, MISSING_KEY, UNKNOWN_CHECK, BARE_NUMBER, ASSERTS_NOTHING]),
    ("Matchers", &[BARE_LIST, NO_ORDER, BAD_REGEX, CONTRADICTION, TAUTOLOGY]),
    ("Names, and what is not there", &[BAD_NAME]),
    (
        "Steps change the guest, expectations do not",
        &[UNKNOWN_NEED, CYCLIC_NEED, NEED_ACROSS_GUESTS, NEEDS_FRESH, UNKNOWN_VAR, UNUSED_VAR, BAD_SUBSTITUTION],
    ),
    ("Several machines", &[UNKNOWN_MACHINE]),
    (
        "Not everywhere the same",
        &[BAD_CONDITION, UNKNOWN_DIMENSION, UNKNOWN_KEYWORD, NEVER_TRUE, ALWAYS_TRUE, NO_EFFECT],
    ),
    ("Once for each", &[DUPLICATE_ID]),
    ("Tests for several suites", &[BAD_INCLUDE]),
    ("Known issues", &[UNKNOWN_TEST, VAGUE_FAILURE]),
];

/// What a code means, in one sentence.
pub fn meaning(code: &str) -> Option<&'static str> {
    TABLE.iter().find(|(known, _)| *known == code).map(|(_, meaning)| *meaning)
}

/// Where the page about suites explains what a code is about: its line, and the heading there.
pub fn explained(code: &str) -> Option<(usize, &'static str)> {
    let (heading, _) = SECTIONS.iter().find(|(_, codes)| codes.contains(&code))?;
    let wanted = format!("## {heading}");
    let line = TEXT.lines().position(|line| line == wanted)? + 1;
    Some((line, heading))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_is_on_the_page_and_every_code_in_one_of_them() {
        for (heading, codes) in SECTIONS {
            for code in *codes {
                let (_, found) = explained(code).unwrap_or_else(|| panic!("`## {heading}` is not on the page"));
                assert_eq!(found, *heading, "{code} is in two sections");
                assert!(meaning(code).is_some(), "{code}");
            }
        }
        assert_eq!(explained(TAB), None);
        assert_eq!(meaning("no-such-code"), None);
    }
}
