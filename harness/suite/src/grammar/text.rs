//! Texts of which nothing can be said beforehand, and single words.

use super::form::{Grammar, Reading, Refusal, refuse};

/// Any text.
pub const ANY: Grammar = Grammar {
    what: "a text",
    form: "any text",
    pattern: r"[\s\S]*",
    reading: Reading::Free,
    good: &[("anything at all", "anything at all"), (" ", " ")],
    bad: &[],
};

/// A command line of `/bin/sh`.
pub const COMMAND_LINE: Grammar = Grammar {
    what: "a command line",
    form: "anything that `/bin/sh` runs",
    pattern: r"[\s\S]*",
    reading: Reading::Free,
    good: &[("true", "true"), ("ls | wc -l", "ls | wc -l")],
    bad: &[],
};

/// One element of a list that is separated by commas.
pub const WORD: Grammar = Grammar {
    what: "an element",
    form: "without blanks and commas",
    pattern: r"[^\s,]+",
    reading: Reading::Form(word),
    good: &[("landlock", "landlock"), ("aes256-gcm@openssh.com", "aes256-gcm@openssh.com")],
    bad: &[("a,b", ""), ("a b", "")],
};

fn word(text: &str) -> Result<String, Refusal> {
    match text.chars().find(|c| c.is_whitespace() || *c == ',') {
        None => Ok(text.to_owned()),
        Some(',') => refuse("an element has no comma: write one after the other, each an element of the list"),
        Some(_) => refuse("an element has no blank"),
    }
}

/// `package: problem`, as rpm and dnf say what is wrong.
pub const PROBLEM: Grammar = Grammar {
    what: "a problem of a package",
    form: "`package: problem`",
    pattern: r"\S+: .+",
    reading: Reading::Form(problem),
    good: &[("foo-1-1.x86_64: bar >= 2", "foo-1-1.x86_64: bar >= 2")],
    bad: &[("foo", ""), ("bar >= 2", ""), (": bar", "")],
};

fn problem(text: &str) -> Result<String, Refusal> {
    match text.split_once(": ") {
        Some((package, problem)) if !package.is_empty() && !package.contains(' ') && !problem.trim().is_empty() => {
            Ok(text.to_owned())
        }
        _ => refuse("it is written `package: problem`; to look for a part of it, `matches` in a `command` does"),
    }
}

/// The rows of this file.
pub(super) const ALL: &[&Grammar] = &[&ANY, &COMMAND_LINE, &WORD, &PROBLEM];
