//! Assertions that were met, as a record keeps them: what was expected of the image and what was seen. Bounded, since a run has
//! thousands of them and their values are the guest's.

use serde::{Deserialize, Serialize};

use muster_base::text::one_line;

/// Assertions of one test that are kept; of the others only their number.
pub const MOST: usize = 100;
/// Characters of what an assertion is about, of what was expected and of what was seen.
const LINE: usize = 200;

/// One assertion that was met.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct MetRecord {
    /// What it is about: `package nginx`, `step run`.
    pub subject: String,
    /// What was expected, as a failure would say it: `version >= 1:1.26`.
    pub expected: String,
    /// What was seen: `1:1.28-3`. The text is the guest's.
    pub actual: String,
}

impl MetRecord {
    /// Each text becomes one escaped line of at most 200 characters.
    pub fn new(subject: &str, expected: &str, actual: &str) -> Self {
        let line = |text: &str| one_line(text, LINE);
        Self { subject: line(subject), expected: line(expected), actual: line(actual) }
    }

    /// The same on the machine of that name, where a test has several.
    pub fn on(self, machine: &str) -> Self {
        Self { subject: one_line(&format!("{machine}: {}", self.subject), LINE), ..self }
    }

    /// As one line: `package nginx: version >= 1:1.26, found 1:1.28-3`.
    pub fn line(&self) -> String {
        format!("{}: {}, found {}", self.subject, self.expected, self.actual)
    }
}

/// Of a record that somebody else may have written: bounded as if it had been made here.
pub(crate) fn bounded<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<MetRecord>, D::Error> {
    let read = Vec::<MetRecord>::deserialize(deserializer)?;
    Ok(read.iter().take(MOST).map(|met| MetRecord::new(&met.subject, &met.expected, &met.actual)).collect())
}

/// Those of a test that are kept, the first ones, and how many more were met.
pub fn kept(mut met: Vec<MetRecord>) -> (Vec<MetRecord>, u32) {
    let more = met.len().saturating_sub(MOST);
    met.truncate(MOST);
    (met, u32::try_from(more).unwrap_or(u32::MAX))
}

/// That there are more than a record keeps, in words; nothing when there are none.
pub fn more(left_out: u32) -> Option<String> {
    let were = if left_out == 1 { "was" } else { "were" };
    (left_out > 0).then(|| format!("and {left_out} more that {were} met"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_guest_said_is_one_bounded_line() {
        let met = MetRecord::new("command cat /x", "stdout is not empty", &format!("a\nb\x1b[2J{}", "x".repeat(900)));
        assert!(met.actual.starts_with("a b\\x1b[2Jxx") && met.actual.chars().count() == LINE, "{met:?}");
        let on = met.on(&"m".repeat(300));
        assert_eq!(on.subject.chars().count(), LINE);
    }

    #[test]
    fn the_first_are_kept_and_the_others_counted() {
        let met = |count: usize| vec![MetRecord::new("a", "b", "c"); count];
        for (count, expected) in [(0, (0, 0)), (MOST, (MOST, 0)), (MOST + 7, (MOST, 7))] {
            let (first, more) = kept(met(count));
            assert_eq!((first.len(), more), expected);
        }
        let said = [more(0), more(1), more(7)];
        let expected = [None, Some("and 1 more that was met".to_owned()), Some("and 7 more that were met".to_owned())];
        assert_eq!(said, expected);
    }

    #[test]
    fn what_somebody_else_wrote_is_bounded_and_what_was_made_here_stays() {
        #[derive(serde::Deserialize)]
        struct Of(#[serde(deserialize_with = "bounded")] Vec<MetRecord>);
        let made = vec![MetRecord::new("a\u{1b}[2J \\x1b\tb", "]]>\u{202e}\n", &"é".repeat(500)); 3];
        let read: Of = serde_json::from_value(serde_json::to_value(&made).unwrap()).unwrap();
        assert_eq!(read.0, made);
        let long = MetRecord { subject: "x".repeat(100_000), expected: "\u{1b}".into(), actual: String::new() };
        let read: Of = serde_json::from_value(serde_json::to_value(vec![long; 150]).unwrap()).unwrap();
        assert!(read.0.len() == MOST && read.0[0].subject.chars().count() <= LINE + 1 && read.0[0].expected == "\\x1b");
    }
}
