//! A certificate that was signed, compared with the one that its evidence comes to.

use serde_json::Value;

use crate::model::Certificate;
use crate::refusal::{Refusal, RefusalId};

/// Differences that are listed.
const SHOWN: usize = 20;
/// Characters of a value that are shown.
const VALUE: usize = 80;
/// Keys of a decision whose values are sentences of muster: another version may say the same differently.
const PROSE: [&str; 4] = ["message", "notes", "help", "built-from"];

/// Every difference, as a reason. `sentences` says whether they count as well.
pub(crate) fn differences(signed: &Certificate, computed: &Certificate, sentences: bool) -> Vec<Refusal> {
    let (Ok(signed), Ok(computed)) = (serde_json::to_value(signed), serde_json::to_value(computed)) else {
        return vec![Refusal::new(RefusalId::FormatStatement, "it cannot be compared")];
    };
    let mut out = Vec::new();
    walk("", &signed, &computed, sentences, &mut out);
    let more = out.len().saturating_sub(SHOWN);
    out.truncate(SHOWN);
    let mut refusals: Vec<Refusal> = out.iter().map(Difference::refusal).collect();
    if more > 0 {
        refusals.push(Refusal::new(RefusalId::EvidenceDisagrees, format!("{more} more values differ")));
    }
    refusals
}

struct Difference {
    /// A JSON pointer.
    at: String,
    signed: String,
    computed: String,
}

impl Difference {
    fn refusal(&self) -> Refusal {
        let parts: Vec<&str> = self.at.split('/').skip(1).collect();
        let id = match parts.as_slice() {
            ["images", _, "sha256" | "distro" | "version" | "arch" | "kernel", ..] => RefusalId::SubjectMismatch,
            ["images"] => RefusalId::SubjectMismatch,
            ["products", ..] => RefusalId::ProductMismatch,
            _ => RefusalId::EvidenceDisagrees,
        };
        let Self { at, signed, computed } = self;
        Refusal::new(id, format!("{at}: the certificate says {signed}, and the evidence comes to {computed}"))
    }
}

fn walk(at: &str, signed: &Value, computed: &Value, sentences: bool, out: &mut Vec<Difference>) {
    match (signed, computed) {
        (Value::Object(a), Value::Object(b)) => {
            let mut keys: Vec<&String> = a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))).collect();
            if !sentences && at.contains("/decision") {
                keys.retain(|key| !PROSE.contains(&key.as_str()));
            }
            for key in keys {
                let value = |of: &serde_json::Map<String, Value>| of.get(key).cloned().unwrap_or(Value::Null);
                walk(&format!("{at}/{key}"), &value(a), &value(b), sentences, out);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                walk(&format!("{at}/{index}"), a, b, sentences, out);
            }
        }
        (a, b) if a == b => {}
        (a, b) => out.push(Difference { at: at.to_owned(), signed: shown(a), computed: shown(b) }),
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("{} values", items.len()),
        Value::Null => "nothing".to_owned(),
        value => muster_base::text::one_line(&value.to_string(), VALUE),
    }
}
