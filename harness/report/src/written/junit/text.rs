//! Texts, times and figures as all readers of JUnit take them.

use std::time::Duration;

use crate::evidence::{Base, Evidence};
use muster_base::text;

/// Bytes of a character in the file.
pub(super) fn cost(c: char) -> usize {
    match c {
        '<' | '>' | '&' | '"' | '\'' => 6,
        c => c.len_utf8(),
    }
}

/// Attachments first, since readers look for them in the first lines, then the end of the console.
pub(super) fn output(evidence: &Evidence, base: &Base) -> String {
    let mut out = String::new();
    for path in &evidence.attachments {
        out.push_str(&format!("[[ATTACHMENT|{}]]\n", text::escape(&base.name(path))));
    }
    if !evidence.console_tail.is_empty() {
        out.push_str("the end of the console:\n");
        out.push_str(&unattached(&evidence.console_tail.replace('\t', "    ")));
    }
    out
}

/// What a guest prints must not attach files of the host.
pub(in crate::written) fn unattached(text: &str) -> String {
    text.replace("[[ATTACHMENT|", "[[ATTACHMENT\\x7c")
}

type Attributes = indexmap::IndexMap<quick_junit::XmlString, quick_junit::XmlString>;

/// RFC 3339 in UTC without its fraction and zone, which is the only form all readers take. What is
/// not such a time is left out.
pub(super) fn set_timestamp(attributes: &mut Attributes, at: &str) {
    if let Ok(at) = at.parse::<jiff::Timestamp>() {
        attributes.insert("timestamp".into(), at.strftime("%Y-%m-%dT%H:%M:%S").to_string().into());
    }
}

/// One line for an attribute. Readers limit names to 512 characters or so.
pub(super) fn line(text: &str) -> String {
    text::one_line(text, 500)
}

pub(super) fn duration(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}
