//! The entries of a ledger compared with differences. An entry documents a difference when its pattern
//! matches the key, the candidate is one it speaks of, the values are those it speaks of, and its time
//! is not over. What an entry does not say in full it does not document.

use super::difference::Difference;
use muster_base::{glob, text};
use muster_check::matching::compare;
use muster_check::observed::Value;
use muster_suite::condition::{Truth, evaluate};
use muster_suite::deviations::{Deviation, VALUE};
use muster_suite::model::Matcher;

/// What the ledger says of a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// Nothing.
    Nothing,
    /// The entry of this index documents it.
    Documented(usize),
    /// The entry of this index would, if its time were not over.
    Expired(usize),
    /// The entry of this index may, but what its `where` asks for is not known of the candidate.
    Undecided(usize, String),
}

/// Whether an entry is about this candidate.
#[derive(Debug, PartialEq, Eq)]
enum Here {
    Yes,
    No,
    /// It depends on this dimension, which is not known.
    Unknown(String),
}

/// Entries, and which of them have matched.
pub(crate) struct Ledger<'e> {
    entries: &'e [Deviation],
    today: jiff::civil::Date,
    /// Whether each entry was about some difference, expired or not.
    used: Vec<bool>,
    /// Whether each entry is about this candidate.
    here: Vec<Here>,
}

impl<'e> Ledger<'e> {
    /// `lookup` as in [`evaluate`]: the candidate.
    pub(crate) fn new(
        entries: &'e [Deviation],
        lookup: &dyn Fn(&str) -> Option<Vec<String>>,
        today: jiff::civil::Date,
    ) -> Self {
        let here = |entry: &Deviation| match entry.condition.as_ref().map(|condition| evaluate(condition, lookup)) {
            None | Some(Truth::True) => Here::Yes,
            Some(Truth::False { .. }) => Here::No,
            Some(Truth::Unknown { dimension }) => Here::Unknown(dimension),
        };
        Self { entries, today, used: vec![false; entries.len()], here: entries.iter().map(here).collect() }
    }

    /// What it says of a difference. Of several entries the first that holds counts; all are used.
    pub(crate) fn says(&mut self, difference: &Difference) -> Said {
        let key = difference.key();
        let mut said = Said::Nothing;
        for (index, entry) in self.entries.iter().enumerate() {
            if entry.kind != difference.kind || !is_about(entry, difference, &key) {
                continue;
            }
            match &self.here[index] {
                Here::No => continue,
                Here::Unknown(dimension) => {
                    if said == Said::Nothing {
                        said = Said::Undecided(index, dimension.clone());
                    }
                    continue;
                }
                Here::Yes => self.used[index] = true,
            }
            match (entry.is_expired(self.today), &said) {
                (_, Said::Documented(_)) => {}
                (false, _) => said = Said::Documented(index),
                (true, Said::Expired(_)) => {}
                (true, _) => said = Said::Expired(index),
            }
        }
        said
    }

    /// Entries that were about no difference although their kind was compared on a candidate they speak
    /// of: what they document is gone, and they must go too.
    pub(crate) fn stale(&self, compared: &[&'static str]) -> Vec<usize> {
        let stale = |index: &usize| {
            !self.used[*index] && self.here[*index] == Here::Yes && compared.contains(&self.entries[*index].kind)
        };
        (0..self.entries.len()).filter(stale).collect()
    }
}

fn is_about(entry: &Deviation, difference: &Difference, key: &str) -> bool {
    // Most patterns begin with what few keys begin with.
    let literal = entry.pattern.split(['*', '?']).next().unwrap_or_default();
    key.starts_with(literal)
        && glob::matches(&entry.pattern, key)
        && holds(entry.before.as_ref(), difference.before.as_deref())
        && holds(entry.after.as_ref(), difference.after.as_deref())
}

/// A matcher that is stated must hold; where there is no value it does not.
fn holds(matcher: Option<&Matcher>, value: Option<&str>) -> bool {
    match (matcher, value) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(matcher), Some(value)) => compare(matcher, &VALUE, &Value::text(value)).is_ok(),
    }
}

/// The entry that would document a difference and no other, in one line, with what only a person can
/// know left open: the decoder refuses it until that is filled in.
pub(crate) fn entry_for(difference: &Difference) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut out = format!("- {{pattern: {}", quoted(&difference.key()));
    for (name, value) in [("before", &difference.before), ("after", &difference.after)] {
        // A value that was cut, or that the language would read as a variable, cannot be stated.
        if let Some(value) = value.as_deref().filter(|it| *it != "present" && !it.contains(['…', '$'])) {
            out.push_str(&format!(", {name}: {}", quoted(value)));
        }
    }
    out.push_str(", category: \"\", upstream-status: \"\", reason: \"\", link: \"\"}");
    text::escape(&out)
}

#[cfg(test)]
mod tests {
    use super::super::difference::Change;
    use super::*;
    use muster_suite::Vocabulary;
    use muster_suite::deviations::decode_source;
    use muster_suite::diagnostic::Diagnostics;

    fn entries(text: &str) -> Vec<Deviation> {
        let vocabulary = Vocabulary { tables: &[], capabilities: &[], tools: &[] };
        let mut sink = Diagnostics::new();
        let text = format!("schema: deviations/v1\ndeviations:\n{text}");
        let entries = decode_source("d.yaml", &text, &super::super::kinds::names(), &vocabulary, &mut sink);
        assert_eq!(sink.render(false), "");
        entries
    }

    const REST: &str = "category: azl-pruning, upstream-status: inapplicable, reason: r, link: l}\n";

    fn changed(subject: &str, field: &'static str, before: &str, after: &str) -> Difference {
        Difference {
            kind: "package",
            change: Change::Changed,
            subject: subject.to_owned(),
            field: Some(field),
            before: Some(before.to_owned()),
            after: Some(after.to_owned()),
            packages: Vec::new(),
        }
    }

    fn ledger(entries: &[Deviation]) -> Ledger<'_> {
        let lookup = |name: &str| match name {
            "arch" => Some(vec!["x86_64".to_owned()]),
            _ => None,
        };
        Ledger::new(entries, &lookup, "2026-12-01".parse().unwrap())
    }

    #[test]
    fn an_entry_about_one_change_does_not_hide_another() {
        let entries = entries(&format!(
            "  - {{pattern: 'package/changed/ssl:version', before: '3.5', after: '3.6', {REST}\
             \x20 - {{pattern: 'package/changed/*:release', after: {{contains: azl4}}, {REST}"
        ));
        let mut ledger = ledger(&entries);
        assert_eq!(ledger.says(&changed("ssl", "version", "3.5", "3.6")), Said::Documented(0));
        assert_eq!(ledger.says(&changed("ssl", "version", "3.5", "3.4")), Said::Nothing);
        assert_eq!(ledger.says(&changed("ssl", "vendor", "3.5", "3.6")), Said::Nothing);
        assert_eq!(ledger.says(&changed("ssl", "release", "1.fc43", "1.azl4")), Said::Documented(1));
        assert_eq!(ledger.says(&changed("ssl", "release", "1.fc43", "1.el10")), Said::Nothing);
        assert_eq!(ledger.stale(&["package"]), Vec::<usize>::new());
    }

    #[test]
    fn expired_elsewhere_and_unknown_document_nothing() {
        let entries = entries(&format!(
            "  - {{pattern: package/changed/a*, expires: 2026-11-30, {REST}\
             \x20 - {{pattern: package/changed/b*, where: arch == aarch64, {REST}\
             \x20 - {{pattern: package/changed/c*, where: accelerator == kvm, {REST}\
             \x20 - {{pattern: package/changed/ab*, expires: 2026-12-01, {REST}\
             \x20 - {{pattern: file/changed/etc/x*, {REST}"
        ));
        let mut ledger = ledger(&entries);
        let says = |ledger: &mut Ledger<'_>, name: &str| ledger.says(&changed(name, "version", "1", "2"));
        assert_eq!(says(&mut ledger, "aa"), Said::Expired(0));
        assert_eq!(says(&mut ledger, "ab"), Said::Documented(3), "one that holds is enough");
        assert_eq!(says(&mut ledger, "b"), Said::Nothing);
        assert_eq!(says(&mut ledger, "c"), Said::Undecided(2, "accelerator".into()));
        assert_eq!(
            ledger.stale(&["package"]),
            Vec::<usize>::new(),
            "its kind was not compared, or it is not about this candidate"
        );
        assert_eq!(ledger.stale(&["package", "file"]), [4]);
    }

    #[test]
    fn the_entry_that_is_shown_is_refused_until_it_is_filled_in_and_then_documents_it() {
        let difference = changed("a \"b\"", "version", "1", "2");
        let shown = entry_for(&difference);
        let vocabulary = Vocabulary { tables: &[], capabilities: &[], tools: &[] };
        let mut sink = Diagnostics::new();
        let empty = format!("schema: deviations/v1\ndeviations:\n{shown}\n");
        assert!(decode_source("d", &empty, &super::super::kinds::names(), &vocabulary, &mut sink).is_empty());
        assert_eq!(sink.len(), 4);
        let filled = shown
            .replace("category: \"\"", "category: azl-pruning")
            .replace("status: \"\"", "status: unknown")
            .replace("reason: \"\"", "reason: r")
            .replace("link: \"\"", "link: l");
        let entries = entries(&filled);
        assert_eq!(ledger(&entries).says(&difference), Said::Documented(0));
    }
}
