//! A decoded waiver.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::diagnostic::{Diagnostic, Span, codes};
use crate::expiry;
use muster_base::failure::Location;

/// One failure of one test on one image, let go for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Waiver {
    /// SHA-256 of the image's file, lower-case hex.
    pub image: String,
    /// `suite/test`, with the cell of its matrix.
    pub test: String,
    /// Where it ran; of a test that did not run, the combination of the policy's matrix.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub cell: BTreeMap<String, String>,
    /// The failure id; `None` only of a test that did not run.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub failure: Option<String>,
    /// What `muster_record::signature` makes of the failure's message.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub signature: Option<String>,
    /// Why the image may ship with it.
    pub reason: String,
    /// Where it is followed up.
    pub tracker: String,
    /// Who wants it.
    pub requested_by: String,
    /// Who approved it.
    pub approved_by: String,
    /// The day on which it was approved.
    #[serde(with = "day")]
    pub created: Date,
    /// The last day it counts.
    #[serde(with = "day")]
    pub expires: Date,
    /// It is about a test that did not run.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub missing: bool,
    /// Where it stands.
    pub location: Location,
}

impl Waiver {
    /// Whether its last day is over.
    pub fn is_expired(&self, today: Date) -> bool {
        today > self.expires
    }

    /// Days until its last day; negative when that is over.
    pub fn days_left(&self, today: Date) -> i64 {
        expiry::days_left(self.expires, today)
    }

    /// Days from its creation to its last day.
    pub fn days(&self) -> i64 {
        i64::from(self.created.until(self.expires).map_or(0, |span| span.get_days()))
    }

    /// Whether one person both requested and approved it, however the name is written.
    pub fn is_self_approved(&self) -> bool {
        let person = |name: &str| name.trim().trim_start_matches('@').to_lowercase();
        person(&self.requested_by) == person(&self.approved_by)
    }

    /// The key whose value stands for more than one thing, if one does.
    pub fn wildcard(&self) -> Option<&'static str> {
        let wild = |text: &str| text.contains(['*', '?']);
        let named = [("image", Some(&self.image)), ("test", Some(&self.test)), ("failure", self.failure.as_ref())];
        let key = named.into_iter().find(|(_, value)| value.is_some_and(|value| wild(value))).map(|(key, _)| key);
        key.or_else(|| self.cell.iter().any(|(name, value)| wild(name) || wild(value)).then_some("cell"))
    }

    /// What is wrong with a wildcard in this key.
    pub fn wildcard_message(&self, key: &str) -> String {
        format!("a waiver covers one failure of one test on one image, and `{key}` has a wildcard")
    }

    /// What to do about it.
    pub fn wildcard_help(key: &str) -> &'static str {
        match key {
            "image" => "write an entry for each image, with the SHA-256 of its file",
            "failure" => "write an entry for each failure, with its id",
            "cell" => "write an entry for each place in which it may fail",
            _ => "write an entry for each test that may fail",
        }
    }
}

/// A waiver of a file, with the places of its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaiverEntry {
    /// What it says.
    pub waiver: Waiver,
    /// The file.
    pub file: Arc<str>,
    /// Where the value of each key stands.
    pub(super) spans: BTreeMap<&'static str, Span>,
    /// Where the entry begins.
    pub(super) span: Span,
}

impl WaiverEntry {
    /// Why it does not count, at the value of a key.
    pub fn refused(&self, key: &str, message: &str, help: &str) -> Diagnostic {
        let span = self.spans.get(key).copied().unwrap_or(self.span);
        Diagnostic::new(codes::REFUSED_WAIVER, &self.file, span, message).help(help)
    }
}

/// A line for each entry that has expired or soon will.
pub fn warnings(entries: &[WaiverEntry], today: Date) -> Vec<String> {
    let line = |WaiverEntry { waiver, .. }: &WaiverEntry| {
        let about = format!("{}: the waiver of {}", waiver.location, waiver.test);
        expiry::warning(&about, waiver.expires, today)
    };
    entries.iter().filter_map(line).collect()
}

/// A day as text: `2027-01-31`.
mod day {
    use jiff::civil::Date;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(day: &Date, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(day)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
        let text = String::deserialize(deserializer)?;
        crate::value::date(&text).map_err(serde::de::Error::custom)
    }
}
