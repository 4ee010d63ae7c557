//! Which failures an entry's `failure` speaks of, and whether it speaks of some rather than of all.

use std::collections::BTreeSet;

use super::super::model::Matcher;
use super::super::vocabulary::Vocabulary;
use muster_base::failure::{self, FailureId};

/// Fewest characters of a text that tells failures apart.
const SHORTEST: usize = 4;

/// Words that muster itself writes into failures of every kind. The names of check types and
/// attributes are added to them.
const GENERIC: &[&str] = &[
    "about",
    "absent",
    "actual",
    "after",
    "all",
    "and",
    "any",
    "are",
    "asked",
    "before",
    "but",
    "cannot",
    "code",
    "command",
    "console",
    "could",
    "count",
    "detail",
    "determine",
    "differs",
    "does",
    "empty",
    "ended",
    "ends",
    "error",
    "errors",
    "exit",
    "exited",
    "expected",
    "fail",
    "failed",
    "fails",
    "failure",
    "false",
    "file",
    "for",
    "found",
    "from",
    "gone",
    "has",
    "have",
    "here",
    "instead",
    "into",
    "lacks",
    "line",
    "lines",
    "machine",
    "missing",
    "more",
    "must",
    "name",
    "no",
    "none",
    "not",
    "nothing",
    "of",
    "on",
    "one",
    "output",
    "package",
    "pass",
    "passed",
    "present",
    "ran",
    "run",
    "seconds",
    "seen",
    "service",
    "set",
    "should",
    "state",
    "status",
    "stderr",
    "stdout",
    "step",
    "than",
    "that",
    "the",
    "there",
    "this",
    "time",
    "true",
    "unit",
    "value",
    "was",
    "were",
    "what",
    "when",
    "which",
    "while",
    "with",
    "without",
];

/// Whether an entry covers a failure, by its text as the documentation shows it. Errors of
/// infrastructure are covered by nothing.
pub(super) fn covers(
    entry: Option<&Matcher>,
    id: &FailureId,
    text: &str,
    matches: &dyn Fn(&Matcher, &str) -> bool,
) -> bool {
    if failure::class(id) == failure::Class::Error {
        return false;
    }
    let Some(matcher) = entry else { return !failure::must_be_named(id) };
    if failure::must_be_named(id) { names(matcher, id.as_str(), text, matches) } else { matches(matcher, text) }
}

/// Whether a matcher holds and has the id in the part that does.
fn names(matcher: &Matcher, id: &str, text: &str, matches: &dyn Fn(&Matcher, &str) -> bool) -> bool {
    let states = |stated: &str| {
        let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
        stated.match_indices(id).any(|(at, _)| ends(&stated[at + id.len()..]))
    };
    match matcher {
        Matcher::AnyOf(parts) => parts.iter().any(|part| names(part, id, text, matches)),
        Matcher::All(parts) => matches(matcher, text) && parts.iter().any(|part| names(part, id, text, matches)),
        Matcher::Contains(parts) => matches(matcher, text) && parts.iter().any(|part| states(part)),
        Matcher::Matches(regex) => matches(matcher, text) && states(&regex.as_str().replace('\\', "")),
        Matcher::Equals(stated) | Matcher::Line(stated) => matches(matcher, text) && states(stated),
        _ => false,
    }
}

/// Why `failure` does not tell one failure from another, as a sentence; `None` when it does.
pub(super) fn vague(matcher: &Matcher, vocabulary: &Vocabulary<'_>) -> Option<String> {
    vague_among(matcher, &Words::of(vocabulary))
}

/// Whether a text has the form of a failure id: `package.version`.
fn is_like_an_id(text: &str) -> bool {
    let part = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    text.split_once('.').is_some_and(|(kind, what)| part(kind) && part(what))
}

fn vague_among(matcher: &Matcher, words: &Words) -> Option<String> {
    let text = |text: &str| {
        let shown = muster_base::text::one_line(text, 60);
        if text.trim().chars().count() < SHORTEST {
            return Some(format!("`{shown}` is in failures of every kind: write at least {SHORTEST} characters"));
        }
        (!words.tell_apart(text)).then(|| match is_like_an_id(text) {
            true => format!("`{shown}` is no failure id, and muster writes its words in failures of every kind: `muster failures` lists the ids"),
            false => format!("`{shown}` is what muster writes in failures of every kind"),
        })
    };
    match matcher {
        Matcher::AnyOf(parts) => parts.iter().find_map(|part| vague_among(part, words)),
        // One part that tells failures apart is enough where all must hold.
        Matcher::All(parts) => {
            let refused = parts.iter().find_map(negative);
            let all = || parts.iter().map(|part| vague_among(part, words)).collect::<Option<Vec<_>>>();
            refused.or_else(|| all().and_then(|why| why.into_iter().next()))
        }
        Matcher::Contains(parts) => {
            let all: Option<Vec<String>> = parts.iter().map(|part| text(part)).collect();
            all.and_then(|why| why.into_iter().next())
        }
        Matcher::Equals(stated) | Matcher::Line(stated) => text(stated),
        Matcher::Matches(regex) => words
            .samples()
            .any(|sample| regex.is_match(&sample))
            .then(|| format!("`{}` matches failures of every kind", muster_base::text::one_line(regex.as_str(), 60))),
        other => negative(other),
    }
}

fn negative(matcher: &Matcher) -> Option<String> {
    let key = match matcher {
        Matcher::Not(_) => "not",
        Matcher::Lacks(_) => "lacks",
        Matcher::Count(_) => "count",
        Matcher::Empty(_) => "empty",
        Matcher::Json(_) => "json",
        _ => return None,
    };
    Some(format!("`{key}` does not say which failure it is: every other one fits"))
}

/// The words of muster's own that are in failures of many kinds, and the ids there are.
struct Words {
    generic: BTreeSet<String>,
    ids: BTreeSet<String>,
}

impl Words {
    fn of(vocabulary: &Vocabulary<'_>) -> Self {
        let attributes = || vocabulary.tables.iter().flat_map(|t| t.attributes.iter().map(|a| (t.name, a.name)));
        let ids: BTreeSet<String> = attributes()
            .map(|(check, attribute)| FailureId::of_check(check, attribute).as_str().to_owned())
            .chain(failure::TABLE.iter().map(|row| row.id.to_owned()))
            .collect();
        let own = attributes().flat_map(|(check, attribute)| [check, attribute]).flat_map(|name| name.split('-'));
        let generic = GENERIC.iter().copied().chain(own).map(str::to_owned).collect();
        Self { generic, ids }
    }

    /// Whether a text has an id, or a word that is not muster's own.
    fn tell_apart(&self, text: &str) -> bool {
        let is_id = |token: &str| {
            let token = token.trim_end_matches([':', '.', ',']);
            self.ids.contains(token) || token.strip_prefix("console.").is_some_and(|rest| !rest.is_empty())
        };
        let is_own = |word: &str| self.generic.contains(&word.to_ascii_lowercase());
        let words = text.split(|c: char| !c.is_alphanumeric());
        text.split_whitespace().any(is_id)
            || words
                .filter(|word| word.chars().count() > 2)
                .any(|word| !word.chars().all(|c| c.is_ascii_digit()) && !is_own(word))
    }

    /// Texts of nothing but muster's own words: what matches one of them matches failures of every kind.
    fn samples(&self) -> impl Iterator<Item = String> {
        let letters = ('a'..='z').chain('A'..='Z').chain('0'..='9').map(String::from);
        let alone = self.generic.iter().cloned();
        let sentence = |id: &str| format!("{id}: x is not as expected\nexit 1\n1\n\n");
        letters.chain(alone).chain(["x.y", ""].map(sentence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex::Regex;

    fn vocabulary() -> Vocabulary<'static> {
        crate::testing::VOCABULARY
    }

    fn contains(text: &str) -> Matcher {
        Matcher::Contains(vec![text.to_owned()])
    }

    fn matching(regex: &str) -> Matcher {
        Matcher::Matches(Regex::new(regex).unwrap())
    }

    #[test]
    fn what_looks_like_an_id_and_is_none_is_named_so() {
        let why = vague(&contains("file.missing"), &vocabulary()).expect("it is vague");
        assert!(why.starts_with("`file.missing` is no failure id") && why.contains("muster failures"), "{why}");
        assert_eq!(vague(&contains("boot.timeout"), &vocabulary()), None);
        let why = vague(&contains("not as expected"), &vocabulary()).expect("it is vague");
        assert!(why.ends_with("in failures of every kind"), "{why}");
    }

    #[test]
    fn what_fits_every_failure_is_vague() {
        let texts =
            ["e", "exit", "zzz", "expected", "not as expected", "exit 1", "failed", "package", "version", "   x "];
        let regexes = [".*", ".", "", "e", "(?i)EXIT", "\\w+", "exit|refused", "[a-z]", "^", "\\d", "x|", "expected$"];
        let other = [
            Matcher::Not(Box::new(contains("zzzz"))),
            Matcher::Lacks(vec!["zzzz".into()]),
            Matcher::Count(Box::new(Matcher::Compare(vec![(crate::model::Operator::Ge, "0".into())]))),
            Matcher::Empty(false),
            Matcher::AnyOf(vec![contains("connection refused"), contains("e")]),
            Matcher::All(vec![contains("connection refused"), Matcher::Lacks(vec!["zzzz".into()])]),
        ];
        for matcher in texts.map(contains).into_iter().chain(regexes.map(matching)).chain(other) {
            assert!(vague(&matcher, &vocabulary()).is_some(), "{matcher}");
        }
        let texts =
            ["connection refused", "refused", "port.listening", "console.oops", "timed out", "nope", "base.avc: "];
        let regexes = ["connection refused", "^port\\.listening: ", "(?i)Refused.*by", "kernel BUG at"];
        let other = [
            Matcher::All(vec![contains("exit"), contains("refused")]),
            Matcher::Contains(vec!["exit".into(), "refused".into()]),
            Matcher::Line("Segmentation fault".into()),
        ];
        for matcher in texts.map(contains).into_iter().chain(regexes.map(matching)).chain(other) {
            assert_eq!(vague(&matcher, &vocabulary()), None, "{matcher}");
        }
    }

    #[test]
    fn what_speaks_of_the_machine_is_covered_only_by_its_name() {
        let matches = |matcher: &Matcher, text: &str| match matcher {
            Matcher::Contains(parts) => parts.iter().all(|part| text.contains(part.as_str())),
            Matcher::Matches(regex) => regex.is_match(text),
            Matcher::All(_) => true,
            other => panic!("{other}"),
        };
        let covers = |entry: Option<&Matcher>, id: &str| {
            let id = FailureId::of_check(id.split_once('.').unwrap().0, id.split_once('.').unwrap().1);
            let text = format!("{id}: connection refused");
            super::covers(entry, &id, &text, &matches)
        };
        assert!(covers(None, "port.listening") && covers(Some(&contains("refused")), "port.listening"));
        for row in failure::TABLE.iter().map(|row| row.id).chain(["console.oops", "console.kernel-panic"]) {
            let id = FailureId::of_check(row.split_once('.').unwrap().0, row.split_once('.').unwrap().1);
            let ends = ["console.", "base.", "machine.", "ssh."].iter().any(|group| row.starts_with(group));
            if ends {
                assert!(!covers(None, row) && !covers(Some(&contains("refused")), row), "{row}");
                assert_eq!(covers(Some(&contains(row)), row), failure::class(&id) != failure::Class::Error, "{row}");
            }
            if failure::class(&id) == failure::Class::Error {
                assert!(!covers(None, row) && !covers(Some(&contains(row)), row), "{row}");
            }
        }
        assert!(covers(Some(&matching("^console\\.oops: ")), "console.oops"));
        assert!(!covers(Some(&contains("console.oo")), "console.oops"));
        assert!(!covers(Some(&contains("console.")), "console.oops"));
        assert!(covers(Some(&Matcher::AnyOf(vec![contains("refused"), contains("base.avc")])), "base.avc"));
        assert!(!covers(Some(&Matcher::AnyOf(vec![contains("refused"), contains("base.avc")])), "base.oom"));
        assert!(covers(Some(&Matcher::All(vec![contains("refused"), contains("base.avc")])), "base.avc"));
    }
}
