//! What every check type uses: which readings the assertions need, and verdicts on what came of them.

use std::collections::BTreeSet;

use crate::check::{Probe, Verdict};
use crate::matching::{Miss, compare};
use crate::observed::Value;
use crate::unreadable::{Read, Unreadable};
use crate::wording::{attribute_of, describe, line};
use muster_base::text::one_line;
use muster_suite::diagnostic::did_you_mean;
use muster_suite::model::{Assertion, Expectation};
use muster_suite::table::{AttributeKind, CheckTable};

/// A reading that serves some attributes of a type, always the same.
pub(super) struct FixedReading {
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
pub(super) fn read(wanted: &[&Expectation], sources: &[FixedReading]) -> Vec<Probe> {
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
pub(super) fn key(assertion: &Assertion) -> Read<&str> {
    assertion.key.as_deref().ok_or_else(|| Unreadable::new(format!("`{}` needs a name below it", assertion.attribute)))
}

/// One verdict for each assertion: `look` finds the value, or says why it could not be read.
pub(super) fn verdicts(
    table: &CheckTable,
    expectation: &Expectation,
    mut look: impl FnMut(&Assertion) -> Read<Value>,
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
                AttributeKind::Map(_, inner) | AttributeKind::Samples(inner) => inner,
                _ => &attribute.kind,
            };
            match look(assertion) {
                Ok(value) => verdict(assertion, kind, &value),
                Err(why) => Verdict::Unknown { why: one_line(&why.to_string(), 400) },
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

fn verdict(assertion: &Assertion, kind: &AttributeKind, value: &Value) -> Verdict {
    match compare(&assertion.matcher, kind, value) {
        Ok(()) => Verdict::Met { actual: line(kind, value) },
        Err(Miss::Missed { expected, actual, detail }) => {
            Verdict::Missed { expected: format!("{} {expected}", attribute_of(assertion)), actual, detail }
        }
        Err(Miss::Unreadable(why)) => Verdict::Unknown {
            why: format!("cannot evaluate {} {}: {why}", attribute_of(assertion), describe(&assertion.matcher)),
        },
    }
}

/// An attribute that the type's table has and its code does not know.
pub(super) fn unanswered(assertion: &Assertion) -> Read<Value> {
    Err(Unreadable::new(format!("`{}` is not implemented", assertion.attribute)))
}
