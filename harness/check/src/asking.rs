//! What every check type uses: which readings the assertions need, what came of them, and verdicts.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::matching::{Miss, Value, compare};
use super::shell::{self, Answer};
use super::wording::{asked_of, describe};
use super::{Observations, Probe, Verdict};
use muster_base::text::{escape_bytes, last_words, one_line};
use muster_guest::{End, Reply};
use muster_suite::diagnostic::did_you_mean;
use muster_suite::model::{Assertion, Expectation};
use muster_suite::table::{CheckTable, Kind};

/// A reading that serves some attributes of a type, always the same.
pub(super) struct Source {
    /// The attributes that need it.
    pub(super) attributes: &'static [&'static str],
    /// Key of the probe.
    pub(super) key: &'static str,
    /// Unscaled limit in seconds.
    pub(super) seconds: u64,
    /// POSIX sh.
    pub(super) script: &'static str,
}

/// The probes of the sources that these expectations need.
pub(super) fn read(wanted: &[&Expectation], sources: &[Source]) -> Vec<Probe> {
    sources
        .iter()
        .filter(|source| wants(wanted, source.attributes))
        .map(|source| Probe::new(source.key, source.seconds, source.script))
        .collect()
}

/// Whether one of the attributes is asked for.
pub(super) fn wants(wanted: &[&Expectation], attributes: &[&str]) -> bool {
    !subjects(wanted, attributes).is_empty()
}

/// Subjects of which one of the attributes is asked, sorted, each once.
pub(super) fn subjects<'a>(wanted: &[&'a Expectation], attributes: &[&str]) -> BTreeSet<&'a str> {
    wanted
        .iter()
        .filter(|expectation| expectation.assertions.iter().any(|assertion| attributes.contains(&assertion.attribute)))
        .map(|expectation| expectation.subject.as_str())
        .collect()
}

/// Keys that are asked for below an attribute of kind `Map`, sorted, each once.
pub(super) fn keys<'a>(wanted: &[&'a Expectation], attribute: &str) -> BTreeSet<&'a str> {
    wanted
        .iter()
        .flat_map(|expectation| &expectation.assertions)
        .filter(|assertion| assertion.attribute == attribute)
        .filter_map(|assertion| assertion.key.as_deref())
        .collect()
}

/// The key of an assertion on a `Map`.
pub(super) fn key(assertion: &Assertion) -> Result<&str, String> {
    assertion.key.as_deref().ok_or_else(|| format!("`{}` needs a name below it", assertion.attribute))
}

/// One verdict for each assertion: `look` finds the value, or says why it could not be read.
pub(super) fn verdicts(
    table: &CheckTable,
    expectation: &Expectation,
    mut look: impl FnMut(&Assertion) -> Result<Value, String>,
) -> Vec<Verdict> {
    expectation
        .assertions
        .iter()
        .map(|assertion| {
            let Some(attribute) = table.attribute(assertion.attribute) else {
                return Verdict::Unknown {
                    why: format!("`{}` is not an attribute of {}", assertion.attribute, table.name),
                };
            };
            let kind = match attribute.kind {
                Kind::Map(_, inner) | Kind::Samples(inner) => inner,
                _ => &attribute.kind,
            };
            match look(assertion) {
                Ok(value) => verdict(assertion, kind, &value),
                Err(why) => Verdict::Unknown { why: one_line(&why, 400) },
            }
        })
        .collect()
}

/// The same, and what was missed names the nearest of what is there: the subject may be misspelt. The names are the guest's.
pub(super) fn with_near<'a>(
    mut verdicts: Vec<Verdict>,
    subject: &str,
    there: impl IntoIterator<Item = &'a str>,
) -> Vec<Verdict> {
    let mut missed: Vec<&mut String> = verdicts
        .iter_mut()
        .filter_map(|verdict| match verdict {
            Verdict::Missed { actual, .. } => Some(actual),
            _ => None,
        })
        .collect();
    if !missed.is_empty()
        && let Some(near) = did_you_mean(subject, there.into_iter().take(NEAR_AMONG))
    {
        let near = format!("; did you mean `{}`?", one_line(near, 80));
        missed.iter_mut().for_each(|actual| actual.push_str(&near));
    }
    verdicts
}

/// Names that are looked through for a near one.
const NEAR_AMONG: usize = 5_000;

fn verdict(assertion: &Assertion, kind: &Kind, value: &Value) -> Verdict {
    match compare(&assertion.matcher, kind, value) {
        Ok(()) => Verdict::Met,
        Err(Miss::Missed { expected, actual, detail }) => {
            Verdict::Missed { expected: format!("{} {expected}", asked_of(assertion)), actual, detail }
        }
        Err(Miss::Unreadable(why)) => Verdict::Unknown {
            why: format!("cannot evaluate {} {}: {why}", asked_of(assertion), describe(&assertion.matcher)),
        },
    }
}

/// An attribute that the type's table has and its code does not know.
pub(super) fn unanswered(assertion: &Assertion) -> Result<Value, String> {
    Err(format!("`{}` is not implemented", assertion.attribute))
}

impl Probe {
    /// A probe with an unscaled limit in seconds.
    pub fn new(key: impl Into<String>, seconds: u64, script: impl Into<String>) -> Self {
        Self { key: key.into(), script: script.into(), timeout: Duration::from_secs(seconds) }
    }

    /// A probe that runs one command for each name; see [`shell::batch`]. None without names.
    pub(super) fn batch(key: &str, seconds: u64, names: &BTreeSet<&str>, command: &str) -> Option<Self> {
        (!names.is_empty()).then(|| Self::new(key, seconds, shell::batch(names.iter().copied(), command)))
    }

    /// The same, after a check that the program is there.
    pub(super) fn batch_with(
        key: &str,
        seconds: u64,
        tool: &str,
        names: &BTreeSet<&str>,
        command: &str,
    ) -> Option<Self> {
        (!names.is_empty()).then(|| {
            Self::new(key, seconds, format!("{}{}", shell::need(tool), shell::batch(names.iter().copied(), command)))
        })
    }
}

impl Observations {
    /// A reply that ended by itself and whose program was there; its status is for the caller.
    pub fn reply(&self, key: &str) -> Result<&Reply, String> {
        let reply = self.0.get(key).ok_or_else(|| format!("{key} was not read"))?;
        match reply.end {
            End::TimedOut => return Err(format!("reading {key} did not end before its time-out")),
            End::TooMuchOutput => return Err(format!("reading {key} printed more than the limit")),
            End::Exited => {}
        }
        if matches!(reply.status, 126 | 127) || reply.status >= 128 {
            return Err(failure(key, reply));
        }
        Ok(reply)
    }

    /// Standard output of a reading that ended with status 0. An error when there is none: silence is
    /// not an answer, so a script whose answer can be "nothing" says so in some way of its own.
    pub fn output(&self, key: &str) -> Result<String, String> {
        let reply = self.reply(key)?;
        if reply.status != 0 {
            return Err(failure(key, reply));
        }
        let text = String::from_utf8_lossy(&reply.stdout).into_owned();
        if text.trim().is_empty() {
            let said = one_line(&escape_bytes(&reply.stderr), 200);
            return Err(format!("reading {key} {SILENT}{}{said}", if said.is_empty() { "" } else { ": " }));
        }
        Ok(text)
    }

    /// What [`shell::cat!`] printed of a file, which may be empty.
    pub fn file(&self, key: &str) -> Result<String, String> {
        shell::whole(&self.output(key)?).map(str::to_owned).map_err(|why| format!("reading {key}: {why}"))
    }

    /// Names that a script printed behind `names:`, each with a slash behind it, which is what no name
    /// of a file can hold: a line feed is part of a name.
    pub(super) fn names(&self, key: &str) -> Result<Vec<String>, String> {
        shell::names(&self.output(key)?).map_err(|why| format!("reading {key}: {why}"))
    }

    /// The same, without white space around it.
    pub(super) fn line(&self, key: &str) -> Result<String, String> {
        self.output(key).map(|text| text.trim().to_owned())
    }

    /// The same, as words.
    pub(super) fn words(&self, key: &str) -> Result<Vec<String>, String> {
        self.output(key).map(|text| text.split_whitespace().map(str::to_owned).collect())
    }

    /// Standard output of a reading that must say `true` or `false`.
    pub(super) fn flag(&self, key: &str) -> Result<Value, String> {
        match self.line(key)?.as_str() {
            "true" => Ok(Value::flag(true)),
            "false" => Ok(Value::flag(false)),
            other => Err(format!("{key} is `{}`, neither true nor false", one_line(other, 80))),
        }
    }

    /// What [`shell::batch`] said of all names.
    pub(super) fn answers(&self, key: &str) -> Result<BTreeMap<String, Answer>, String> {
        let reply = self.reply(key)?;
        if reply.status != 0 {
            return Err(failure(key, reply));
        }
        shell::answers(reply)
    }

    /// What [`shell::batch`] said of one name. An error when its command ended well and said nothing.
    pub(super) fn answer(&self, key: &str, name: &str) -> Result<Answer, String> {
        let answer = self.answers(key)?.remove(name).ok_or_else(|| format!("{key} says nothing of `{name}`"))?;
        if matches!(answer.status, 126 | 127) {
            return Err(format!("{key}: {}", one_line(&answer.output, 200)));
        }
        if answer.status == 0 && answer.output.trim().is_empty() {
            return Err(format!("reading {key} of `{}` {SILENT}", one_line(name, 80)));
        }
        Ok(answer)
    }
}

/// How a tool that was there, ended well and printed nothing is told.
const SILENT: &str = "ended well and printed nothing, which is no answer: a tool that it needs is silent";

/// What a reading that failed said.
pub(super) fn failure(key: &str, reply: &Reply) -> String {
    let said = escape_bytes(if reply.stderr.is_empty() { &reply.stdout } else { &reply.stderr });
    format!("reading {key} failed with status {}: {}", reply.status, last_words(&said, 200))
}
