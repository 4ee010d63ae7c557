//! Which tests a command line means: tag expressions (`tier1 and not slow`) and name globs
//! (`kernel/*`). That nothing was selected is for the caller to say; here is what it needs to say it.

use muster_base::glob;

use super::diagnostic::did_you_mean;
use super::model::{Suite, Test, base_id};

/// Why a selection cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// Not a tag expression.
    #[error("`{text}` is not a tag expression: {reason}; it reads like `tier1 and not slow`")]
    Tags {
        /// What was given.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Not a glob.
    #[error("`{0}` is not the name of tests; it reads like `kernel/*` or `nginx/install`")]
    Name(String),
}

/// A tag expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagExpression(Expression);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Expression {
    Tag(String),
    Not(Box<Expression>),
    And(Vec<Expression>),
    Or(Vec<Expression>),
}

impl TagExpression {
    /// Parses `tier1 and (web or not slow)`. At most 4096 bytes, parentheses at most 32 deep.
    pub fn parse(text: &str) -> Result<Self, SelectError> {
        if text.len() > 4096 {
            return Err(refused(text, "it is longer than 4096 bytes"));
        }
        let spaced = text.replace('(', " ( ").replace(')', " ) ");
        let mut words = Words { text, words: spaced.split_whitespace().collect(), at: 0 };
        let expression = words.any(0)?;
        match words.next() {
            None => Ok(Self(expression)),
            Some(word) => {
                let word = muster_base::text::one_line(word, 40);
                Err(words.refuse(format!("`{word}` is where `and`, `or` or the end is expected")))
            }
        }
    }

    /// Whether a test with these tags is meant.
    pub fn matches(&self, tags: &[String]) -> bool {
        fn holds(expression: &Expression, tags: &[String]) -> bool {
            match expression {
                Expression::Tag(tag) => tags.iter().any(|known| known == tag),
                Expression::Not(inner) => !holds(inner, tags),
                Expression::And(parts) => parts.iter().all(|part| holds(part, tags)),
                Expression::Or(parts) => parts.iter().any(|part| holds(part, tags)),
            }
        }
        holds(&self.0, tags)
    }

    /// All tags it names, so that the caller can tell which of them no test has.
    pub fn tags(&self) -> Vec<&str> {
        fn collect<'e>(expression: &'e Expression, out: &mut Vec<&'e str>) {
            match expression {
                Expression::Tag(tag) => out.push(tag),
                Expression::Not(inner) => collect(inner, out),
                Expression::And(parts) | Expression::Or(parts) => parts.iter().for_each(|part| collect(part, out)),
            }
        }
        let mut out = Vec::new();
        collect(&self.0, &mut out);
        out
    }
}

fn refused(text: &str, reason: impl Into<String>) -> SelectError {
    SelectError::Tags { text: muster_base::text::one_line(text, 120), reason: reason.into() }
}

/// The words of an expression, read from left to right.
struct Words<'t> {
    /// The whole, for errors.
    text: &'t str,
    words: Vec<&'t str>,
    /// How many have been read.
    at: usize,
}

impl<'t> Words<'t> {
    fn next(&mut self) -> Option<&'t str> {
        let word = self.words.get(self.at).copied();
        self.at += 1;
        word
    }

    /// Whether the next word is this one, which is then read.
    fn took(&mut self, word: &str) -> bool {
        let is_it = self.words.get(self.at) == Some(&word);
        self.at += usize::from(is_it);
        is_it
    }

    fn refuse(&self, reason: impl Into<String>) -> SelectError {
        refused(self.text, reason)
    }

    fn any(&mut self, depth: usize) -> Result<Expression, SelectError> {
        let mut parts = vec![self.all(depth)?];
        while self.took("or") {
            parts.push(self.all(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::Or(parts) })
    }

    fn all(&mut self, depth: usize) -> Result<Expression, SelectError> {
        let mut parts = vec![self.one(depth)?];
        while self.took("and") {
            parts.push(self.one(depth)?);
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Expression::And(parts) })
    }

    fn one(&mut self, depth: usize) -> Result<Expression, SelectError> {
        if depth > 32 {
            return Err(self.refuse("it is nested more than 32 deep"));
        }
        match self.next().ok_or_else(|| self.refuse("it ends where a tag is expected"))? {
            "not" => Ok(Expression::Not(Box::new(self.one(depth + 1)?))),
            "(" => {
                let inner = self.any(depth + 1)?;
                if self.took(")") { Ok(inner) } else { Err(self.refuse("a `(` is not closed")) }
            }
            tag if super::decode::is_id(tag) && !matches!(tag, "and" | "or") => Ok(Expression::Tag(tag.to_owned())),
            other => {
                Err(self.refuse(format!("`{}` is where a tag is expected", muster_base::text::one_line(other, 40))))
            }
        }
    }
}

/// A glob over names of tests, `suite/test`. `*` stands for any text, `?` for one character. Without
/// a `/` it is about the suite alone and means all its tests. A test of a matrix is meant by its full
/// name, `kernel/features[cpu=x86-64-v3,firmware=bios]`, and all its combinations by the name as
/// written; brackets stand for themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameGlob(String);

impl NameGlob {
    /// Reads a glob.
    pub fn parse(text: &str) -> Result<Self, SelectError> {
        let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-*?".contains(c);
        let in_cell = |c: char| fine(c) || c.is_ascii_uppercase() || "=,+".contains(c);
        let mut halves = text.splitn(3, '/');
        let good = |half: &str| !half.is_empty() && half.chars().all(fine);
        let good_test = |half: &str| match half.split_once('[') {
            None => good(half),
            Some((id, cell)) => good(id) && cell.strip_suffix(']').is_some_and(|cell| cell.chars().all(in_cell)),
        };
        let (suite, test, more) = (halves.next(), halves.next(), halves.next());
        if suite.is_some_and(good) && test.is_none_or(good_test) && more.is_none() && text.len() <= 512 {
            Ok(Self(text.to_owned()))
        } else {
            Err(SelectError::Name(muster_base::text::one_line(text, 120)))
        }
    }

    /// Whether a test is meant.
    pub fn matches(&self, suite: &str, test: &str) -> bool {
        match self.0.split_once('/') {
            None => glob::matches(&self.0, suite),
            Some((left, right)) => {
                glob::matches(left, suite) && (glob::matches(right, test) || glob::matches(right, base_id(test)))
            }
        }
    }

    /// As given.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name that was most likely meant, for a glob that means nothing: of a test, or of a suite
    /// when the glob has no `/`.
    pub fn suggestion<'s>(&self, suites: &'s [Suite]) -> Option<String> {
        if !self.0.contains('/') {
            let suite = did_you_mean(&self.0, suites.iter().map(|suite: &'s Suite| suite.name.as_str()));
            if suite.is_some() {
                return suite.map(str::to_owned);
            }
            // A test's id alone is a common slip.
            let ids = || suites.iter().flat_map(|suite| suite.tests.iter().map(|test| test.base_id()));
            let meant = ids().find(|id| *id == self.0).or_else(|| did_you_mean(&self.0, ids()))?;
            return suites.iter().find_map(|suite| {
                let test = suite.tests.iter().find(|test| test.base_id() == meant);
                test.map(|test| format!("{}/{}", suite.name, test.base_id()))
            });
        }
        let names: Vec<String> = suites
            .iter()
            .flat_map(|suite| suite.tests.iter().map(|test| format!("{}/{}", suite.name, test.base_id())))
            .collect();
        did_you_mean(&self.0, names.iter().map(String::as_str)).map(str::to_owned)
    }
}

/// Which test of which suite: its position in a list of suites, and in its suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TestIndex {
    /// Position of the suite in the list.
    pub suite: usize,
    /// Position of the test in the suite.
    pub test: usize,
}

impl TestIndex {
    /// The suite and the test, of the list that it was made for.
    pub fn of(self, suites: &[Suite]) -> (&Suite, &Test) {
        let suite = &suites[self.suite];
        (suite, &suite.tests[self.test])
    }

    /// All tests of a suite.
    pub fn all_of(suite: usize, tests: &[Test]) -> impl Iterator<Item = Self> + use<> {
        (0..tests.len()).map(move |test| Self { suite, test })
    }
}

/// What `--tag` and `--test` say together; the names of `--focus` are among those of `--test`.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// All must match; none is no restriction.
    pub tags: Vec<TagExpression>,
    /// One must match; none is no restriction.
    pub names: Vec<NameGlob>,
}

impl Selection {
    /// Whether a test is meant.
    pub fn selects(&self, suite: &Suite, test: &Test) -> bool {
        self.tags.iter().all(|expression| expression.matches(&test.tags))
            && (self.names.is_empty() || self.names.iter().any(|glob| glob.matches(&suite.name, &test.id)))
    }

    /// The globs that mean no test at all: a misspelt one must not hide behind one that matches.
    pub fn unmatched<'g>(&'g self, suites: &[Suite]) -> Vec<&'g NameGlob> {
        let means = |glob: &NameGlob| {
            suites.iter().any(|suite| suite.tests.iter().any(|test| glob.matches(&suite.name, &test.id)))
        };
        self.names.iter().filter(|glob| !means(glob)).collect()
    }

    /// The tags named that no test has, each with the tag that was most likely meant.
    pub fn unknown_tags<'t>(&'t self, suites: &[Suite]) -> Vec<(&'t str, Option<String>)> {
        let known: std::collections::BTreeSet<&str> =
            suites.iter().flat_map(|suite| &suite.tests).flat_map(|test| &test.tags).map(String::as_str).collect();
        let named = self.tags.iter().flat_map(TagExpression::tags);
        named
            .filter(|tag| !known.contains(tag))
            .map(|tag| (tag, did_you_mean(tag, known.iter().copied()).map(str::to_owned)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(text: &str) -> TagExpression {
        TagExpression::parse(text).unwrap()
    }

    fn has(expression: &str, tags_of_test: &[&str]) -> bool {
        tags(expression).matches(&tags_of_test.iter().map(|tag| tag.to_string()).collect::<Vec<_>>())
    }

    fn suites() -> Vec<Suite> {
        let text = "schema: suite/v1\nsuite: nginx\ntags: [web]\ntests:\n- {id: install, tags: [tier1], steps: [run: 'true']}\n- {id: reboot, tags: [slow], steps: [run: 'true']}\n";
        let vocabulary = crate::Vocabulary { tables: &[], capabilities: &[], tools: &[] };
        vec![crate::decode_source("nginx.yaml", text, &vocabulary).0.unwrap()]
    }

    #[test]
    fn tag_expressions() {
        assert!(has("tier1 and not slow", &["tier1"]));
        assert!(!has("tier1 and not slow", &["tier1", "slow"]));
        assert!(has("a or b and c", &["a"]), "and binds closer");
        assert!(!has("(a or b) and c", &["a"]));
        assert_eq!(tags("a and (b or not c)").tags(), ["a", "b", "c"]);
    }

    #[test]
    fn bad_tag_expressions_say_why() {
        let reason = |text: &str| TagExpression::parse(text).unwrap_err().to_string();
        assert_eq!(
            reason("a b"),
            "`a b` is not a tag expression: `b` is where `and`, `or` or the end is expected; it reads like `tier1 and not slow`"
        );
        assert!(reason("a and").contains("it ends where a tag is expected"));
        assert!(reason("(a").contains("a `(` is not closed"));
        assert!(reason("").contains("it ends"));
        assert!(reason("A").contains("`A` is where a tag is expected"));
        assert!(reason(&"(".repeat(4000)).contains("nested more than 32 deep"));
        assert!(reason(&"not ".repeat(1000)).contains("nested more than 32 deep"));
    }

    #[test]
    fn name_globs() {
        let name = |glob: &str| NameGlob::parse(glob).unwrap();
        assert!(name("kernel/*").matches("kernel", "features"));
        assert!(!name("kernel/*").matches("kernel-rt", "features"));
        assert!(name("kernel*").matches("kernel-rt", "features"));
        assert!(name("*/survives-?eboot").matches("nginx", "survives-reboot"));
        assert!(!name("nginx/install").matches("nginx", "install-again"));
        let cell = "features[cpu=x86-64-v3,firmware=bios]";
        assert!(name("kernel/features").matches("kernel", cell), "the name as written means every combination");
        assert!(name(&format!("kernel/{cell}")).matches("kernel", cell));
        assert!(!name("kernel/features[cpu=x86-64-v2,firmware=bios]").matches("kernel", cell));
        assert!(name("kernel/*[*firmware=bios*]").matches("kernel", cell));
        assert!(NameGlob::parse("kernel/features[").is_err() && NameGlob::parse("ke[a]/b").is_err());
        for bad in ["", "/", "a/", "/b", "a/b/c", "A", "a b"] {
            assert!(NameGlob::parse(bad).is_err(), "{bad}");
        }
        assert!(!glob::matches(&"*a".repeat(200), &"a".repeat(150)));
        assert!(glob::matches("a*c*", "abcd") && !glob::matches("a?", "a") && glob::matches("*", ""));
    }

    #[test]
    fn a_selection_knows_what_means_nothing() {
        let suites = suites();
        let selection = Selection {
            tags: vec![tags("tier1 and not slwo")],
            names: vec![NameGlob::parse("nginx/*").unwrap(), NameGlob::parse("nginx/instal").unwrap()],
        };
        let selected: Vec<_> =
            suites[0].tests.iter().filter(|test| selection.selects(&suites[0], test)).map(|test| &test.id).collect();
        assert_eq!(selected, ["install"]);
        let unmatched = selection.unmatched(&suites);
        assert_eq!(unmatched.len(), 1);
        assert_eq!(unmatched[0].suggestion(&suites).as_deref(), Some("nginx/install"));
        let one = Selection { names: vec![NameGlob::parse("nginx/reboot").unwrap()], ..Selection::default() };
        assert!(one.selects(&suites[0], &suites[0].tests[1]) && !one.selects(&suites[0], &suites[0].tests[0]));
        assert!(one.unmatched(&suites).is_empty());
        assert_eq!(NameGlob::parse("reboot").unwrap().suggestion(&suites).as_deref(), Some("nginx/reboot"));
        assert_eq!(NameGlob::parse("ngnix").unwrap().suggestion(&suites).as_deref(), Some("nginx"));
        assert_eq!(selection.unknown_tags(&suites), [("slwo", Some("slow".to_owned()))]);
    }
}
