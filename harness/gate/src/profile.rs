//! A locked profile (`profile/v2`, JSON): which tests there were, in which suites, when somebody looked at the list.
//! Made of suites, compared with another one, and read again by a policy.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use muster_base::exit::Exit;
use muster_base::fault::Fault;
use muster_base::text::{hex, one_line};
use muster_suite::model::{Suite, Test};

/// The name of the schema.
pub const SCHEMA: &str = "profile/v2";
/// What earlier versions wrote: without the accepted snapshots, so that it was the same profile whoever accepted others.
const WITHOUT_SNAPSHOTS: &str = "profile/v1";
/// The schema.
pub const PROFILE_SCHEMA: &str = include_str!("../../../reports/schema/profile-v2.json");
/// What the name of its file ends with.
pub const ENDING: &str = ".lock.json";

/// The tests of some suites at one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Profile {
    /// `profile/v2`.
    pub schema: String,
    /// Its name, such as `isv-2026.1`.
    pub id: String,
    /// The version of muster that wrote it: what the check types meant.
    pub muster: String,
    /// The last day on which a certificate may rest on it; absent while no end is known. Changing it changes no decision, and makes no
    /// other profile.
    #[serde(skip_serializing_if = "Option::is_none", default, with = "last_day")]
    pub retired: Option<Date>,
    /// The suites, by name.
    pub suites: BTreeMap<String, ProfileSuite>,
    /// The tests, by their full names.
    pub tests: BTreeMap<String, ProfileTest>,
}

/// A day as `2027-06-30`.
mod last_day {
    use jiff::civil::Date;
    use serde::{Deserialize, Deserializer, Serializer, de::Error as _};

    pub(super) fn serialize<S: Serializer>(day: &Option<Date>, serializer: S) -> Result<S::Ok, S::Error> {
        match day {
            Some(day) => serializer.collect_str(day),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
        let text = String::deserialize(deserializer)?;
        muster_suite::value::date(&text).map(Some).map_err(D::Error::custom)
    }
}

/// A suite of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ProfileSuite {
    /// SHA-256 of its file, of those that it includes, of those that its tests upload, boot or compare boots with, and of the accepted
    /// snapshots of all its tests, hex, as a run records it.
    pub sha256: String,
}

/// A test of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ProfileTest {
    /// SHA-256 of its own lines, without comments, and of its accepted snapshots, hex.
    pub sha256: String,
    /// Its tags and its suite's.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub tags: Vec<String>,
}

/// A text that is no profile which this version can read.
#[derive(Debug, thiserror::Error)]
pub enum ProfileError {
    /// Another version wrote it, or it is something else.
    #[error("{file} has the schema {schema}, and this version of muster reads {SCHEMA}")]
    Schema {
        /// The file.
        file: String,
        /// What it says of itself, escaped.
        schema: String,
    },
    /// An earlier version wrote it, and it does not say all that it stands for.
    #[error(
        "{file} was locked by an earlier muster ({WITHOUT_SNAPSHOTS}): its digests leave out accepted snapshots, so that it stays the same when others are accepted; lock it again"
    )]
    WithoutSnapshots {
        /// The file.
        file: String,
    },
    /// It is not what is written.
    #[error("{file}, line {line}: {why}")]
    Broken {
        /// The file.
        file: String,
        /// From 1.
        line: usize,
        /// What the reader says.
        why: String,
    },
    /// A test stands in a file that cannot be read.
    #[error("{file}, in which tests stand, cannot be read again")]
    NoText {
        /// The file.
        file: String,
    },
    /// It has no test.
    #[error("{file} has no test")]
    Empty {
        /// The file.
        file: String,
    },
}

impl Fault for ProfileError {
    fn hint(&self) -> Option<std::borrow::Cow<'static, str>> {
        match self {
            Self::NoText { .. } => None,
            Self::WithoutSnapshots { file } => Some(
                format!(
                    "with the filters of then, `muster profile lock FILTER… -o {} --force`, and review what differs",
                    one_line(file, 200)
                )
                .into(),
            ),
            _ => Some("`muster profile lock -o FILE` writes one".into()),
        }
    }

    fn exit(&self) -> Exit {
        Exit::Error
    }
}

impl Profile {
    /// The profile of these tests. `lines` gives the text of a file that a test stands in.
    ///
    /// # Errors
    /// There is no such text: nobody could say later whether a test has changed.
    pub fn of<'s>(
        id: &str,
        muster: &str,
        tests: impl IntoIterator<Item = (&'s Suite, &'s Test)>,
        lines: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ProfileError> {
        let (mut suites, mut out) = (BTreeMap::new(), BTreeMap::new());
        let mut texts: BTreeMap<String, Option<String>> = BTreeMap::new();
        for (suite, test) in tests {
            suites.entry(suite.name.clone()).or_insert_with(|| ProfileSuite { sha256: suite.digest.clone() });
            let file = test.location.file.to_string();
            let text = texts.entry(file.clone()).or_insert_with(|| lines(&file));
            let Some(text) = text else { return Err(ProfileError::NoText { file }) };
            let mut digest = Sha256::new_with_prefix(own_lines(text, test.location.line, test.location.column));
            let none = BTreeMap::new();
            let accepted = suite.accepted.as_ref().unwrap_or(&none);
            for name in suite.accepted_names(test, accepted) {
                // No line has a zero byte.
                digest.update(format!("\0{name}\0{}", accepted[name]));
            }
            let entry = ProfileTest { sha256: hex(digest.finalize()), tags: test.tags.clone() };
            out.insert(format!("{}/{}", suite.name, test.id), entry);
        }
        Ok(Self {
            schema: SCHEMA.to_owned(),
            id: id.to_owned(),
            muster: muster.to_owned(),
            retired: None,
            suites,
            tests: out,
        })
    }

    /// Reads one. `file` is for errors.
    ///
    /// # Errors
    /// It is none, or another version wrote it.
    pub fn parse(file: &str, text: &str) -> Result<Self, ProfileError> {
        #[derive(Deserialize)]
        struct Outline {
            schema: String,
        }
        let broken = |error: serde_json::Error| ProfileError::Broken {
            file: file.to_owned(),
            line: error.line().max(1),
            why: one_line(&error.to_string(), 300),
        };
        let Outline { schema } = serde_json::from_str(text).map_err(broken)?;
        if schema == WITHOUT_SNAPSHOTS {
            return Err(ProfileError::WithoutSnapshots { file: file.to_owned() });
        }
        if schema != SCHEMA {
            return Err(ProfileError::Schema { file: file.to_owned(), schema: one_line(&schema, 80) });
        }
        let profile: Self = serde_json::from_str(text).map_err(broken)?;
        match profile.tests.is_empty() {
            true => Err(ProfileError::Empty { file: file.to_owned() }),
            false => Ok(profile),
        }
    }

    /// As it is written, with a newline at its end.
    ///
    /// # Errors
    /// None that can happen with values of these types.
    pub fn render(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self).map(|json| json + "\n")
    }

    /// Whether the other is the same profile, whatever each knows of its end.
    pub fn is_but_for_its_end(&self, other: &Self) -> bool {
        Self { retired: None, ..self.clone() } == Self { retired: None, ..other.clone() }
    }

    /// What is different in a later one.
    pub fn compared_with(&self, later: &Self) -> ProfileDifference {
        let names = |profile: &Self| profile.tests.keys().cloned().collect::<BTreeSet<_>>();
        let (before, after) = (names(self), names(later));
        let changed: Vec<String> =
            before.intersection(&after).filter(|name| self.tests[*name] != later.tests[*name]).cloned().collect();
        let touched: BTreeSet<&str> = changed.iter().map(|name| suite_of(name)).collect();
        let suites = self.suites.iter().filter(|(name, suite)| {
            later.suites.get(*name).is_some_and(|other| other != *suite) && !touched.contains(name.as_str())
        });
        ProfileDifference {
            added: after.difference(&before).cloned().collect(),
            removed: before.difference(&after).cloned().collect(),
            suites: suites.map(|(name, _)| name.clone()).collect(),
            changed,
            muster: (self.muster != later.muster).then(|| (self.muster.clone(), later.muster.clone())),
        }
    }
}

/// The suite in the name of a test.
pub(crate) fn suite_of(name: &str) -> &str {
    name.split_once('/').map_or(name, |(suite, _)| suite)
}

/// What is different between two profiles.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ProfileDifference {
    /// Tests that only the later one has.
    pub added: Vec<String>,
    /// Tests that only the earlier one has.
    pub removed: Vec<String>,
    /// Tests whose own lines, tags or accepted snapshots changed.
    pub changed: Vec<String>,
    /// Suites that changed, and none of their tests did: shared steps, variables, `when`, comments.
    pub suites: Vec<String>,
    /// The versions of muster, where they differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub muster: Option<(String, String)>,
}

impl ProfileDifference {
    /// Whether nothing is different that could change a decision.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty() && self.suites.is_empty()
    }
}

/// The lines of a test, which begins at a line and column from 1: up to the first that is indented less. Blank lines
/// and comments are left out; the first line of a script is no comment.
fn own_lines(text: &str, line: u32, column: u32) -> String {
    let (line, indent) = (line.saturating_sub(1) as usize, column.saturating_sub(1) as usize);
    let mut out = String::new();
    for (at, text) in text.lines().skip(line).enumerate() {
        let trimmed = text.trim();
        if trimmed.is_empty() || (trimmed.starts_with('#') && !trimmed.starts_with("#!")) {
            continue;
        }
        if at > 0 && text.len() - text.trim_start_matches(' ').len() < indent {
            break;
        }
        out.push_str(text.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_suite::testing::VOCABULARY;

    const SUITE: &str = "schema: suite/v1
suite: a
tags: [tier0]
tests:
  # The first.
  - id: one
    summary: x
    expect: {package: {bash: {installed: true}}}

  - {id: two, summary: y, expect: {package: {bash: {installed: true}}}}
";

    fn profile(text: &str) -> Profile {
        let suite = muster_suite::decode_source("a.yaml", text, &VOCABULARY).0.expect("a suite");
        let mut suite = suite;
        suite.digest = hex(Sha256::digest(text));
        let text = text.to_owned();
        Profile::of("p", "1.0", suite.tests.iter().map(|test| (&suite, test)), &|_| Some(text.clone())).expect("a text")
    }

    #[test]
    fn a_profile_comes_back_and_what_is_none_says_why() {
        let made = profile(SUITE);
        let text = made.render().unwrap();
        assert_eq!(Profile::parse("p", &text).unwrap(), made);
        let schema: serde_json::Value = serde_json::from_str(PROFILE_SCHEMA).unwrap();
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        assert!(validator.is_valid(&serde_json::from_str(&text).unwrap()));
        for (text, says) in [
            ("{", "p, line 1: "),
            (r#"{"schema": "profile/v3"}"#, "has the schema profile/v3"),
            (r#"{"schema": "profile/v1", "whatever": 1}"#, "its digests leave out accepted snapshots"),
            (r#"{"schema": "profile/v2", "id": "x"}"#, "missing field"),
            (r#"{"schema": "profile/v2", "id": "x", "muster": "1", "suites": {}, "tests": {}}"#, "has no test"),
        ] {
            let error = Profile::parse("p", text).unwrap_err().to_string();
            assert!(error.contains(says), "{error}");
        }
        let earlier = Profile::parse("p.lock.json", r#"{"schema": "profile/v1"}"#).unwrap_err();
        assert!(earlier.hint().unwrap().contains("muster profile lock FILTER… -o p.lock.json"));
    }

    #[test]
    fn a_test_with_another_accepted_snapshot_is_another_test() {
        let text = SUITE.replace("expect: {package: {bash: {installed: true}}}}", "snapshots: [{name: u, of: users}]}");
        let with = |accepted: &[(&str, &str)]| {
            let suite = muster_suite::decode_source("a.yaml", &text, &VOCABULARY).0.expect("a suite");
            let owned = |(name, sha256): &(&str, &str)| ((*name).to_owned(), (*sha256).to_owned());
            let suite = Suite { accepted: Some(accepted.iter().map(owned).collect()), ..suite };
            let lines = |_: &str| Some(text.clone());
            Profile::of("p", "1.0", suite.tests.iter().map(|test| (&suite, test)), &lines).expect("a text")
        };
        let none = with(&[]);
        let one = with(&[("a__two__u@lab.snap", "00")]);
        for (before, after) in [
            (&none, &one),
            (&one, &with(&[("a__two__u@lab.snap", "01")])),
            (&one, &with(&[("a__two__u@lab.snap", "00"), ("a__two__u@other.snap", "00")])),
        ] {
            assert_eq!(before.compared_with(after).changed, ["a/two"]);
        }
    }

    #[test]
    fn a_difference_names_what_was_added_removed_and_changed() {
        let before = profile(SUITE);
        assert!(before.compared_with(&before).is_empty());
        let moved = profile(&SUITE.replace("  # The first.\n", "\n  # Moved.\n  # On.\n"));
        assert_eq!(before.compared_with(&moved), ProfileDifference { suites: vec!["a".into()], ..Default::default() });
        let after = profile(&SUITE.replace("id: two", "id: three").replace("    summary: x", "    summary: z"));
        let different = before.compared_with(&after);
        assert_eq!((different.added, different.removed), (vec!["a/three".to_owned()], vec!["a/two".to_owned()]));
        assert_eq!((different.changed, different.suites), (vec!["a/one".to_owned()], vec![]));
        // What interprets a script is no comment.
        let script = |shell: &str| {
            profile(&SUITE.replace("summary: x", &format!("steps:\n    - run: |\n        #!{shell}\n        exit 1")))
        };
        assert_eq!(script("/bin/sh").compared_with(&script("/bin/false")).changed, ["a/one"]);
    }

    #[test]
    fn the_lines_of_a_test_end_before_the_next_one() {
        assert_eq!(own_lines(SUITE, 6, 5).lines().count(), 3);
        assert_eq!(own_lines(SUITE, 10, 5).lines().count(), 1);
        assert_eq!(own_lines(SUITE, 99, 5), "");
    }
}
