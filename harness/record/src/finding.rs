//! What a console rule found on a console. One type from the rule to the report: `console` makes it, a driver
//! hands it on, the engine makes a failure or a note of it, the record and the reports show it.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a finding means for its machine, mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth a line in a report.
    Info,
    /// Not right, but no reason to fail anything.
    Warn,
    /// The image did something wrong; the machine goes on.
    Fail,
    /// The machine is lost: waiting longer is hopeless.
    Fatal,
}

impl Severity {
    /// All, mildest first.
    pub const ALL: [Severity; 4] = [Self::Info, Self::Warn, Self::Fail, Self::Fatal];

    /// One step less.
    pub fn milder(self) -> Self {
        match self {
            Self::Fatal => Self::Fail,
            Self::Fail => Self::Warn,
            Self::Warn | Self::Info => Self::Info,
        }
    }

    /// As it is written in rules and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Fatal => "fatal",
        }
    }
}

/// Something that a console rule found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    /// The id of the rule; empty in records of earlier versions.
    #[serde(default)]
    pub rule: Arc<str>,
    /// `kernel-panic`, `oops`, …: its failure id is `console.<category>`.
    pub category: Arc<str>,
    /// What it means for the machine. Written with `fatal`, which was all that records said before.
    #[serde(flatten, with = "severity")]
    pub severity: Severity,
    /// The base check that the rule belongs to, as under `base-checks:` of a suite; absent for most.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub base_check: Option<Arc<str>>,
    /// What matched, escaped, at most 500 characters: its line, or the message alone where the line is long,
    /// or was put together of two, or is a record of another form.
    pub line: String,
    /// 1-based line of `console.log`.
    pub line_number: u64,
    /// Escaped lines around it, itself among them: at most 5 before and 80 after, fewer while the guest has
    /// not printed more. Events and records have none: failures show it.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub excerpt: Vec<Arc<str>>,
    /// Which line of the excerpt is the finding's own, from 0.
    #[serde(skip_serializing_if = "is_first", default)]
    pub excerpt_hit: usize,
}

impl Finding {
    /// The same without the lines around it.
    pub fn without_excerpt(&self) -> Self {
        Self { excerpt: Vec::new(), excerpt_hit: 0, ..self.clone() }
    }

    /// Whether the machine is lost by it.
    pub fn is_fatal(&self) -> bool {
        self.severity == Severity::Fatal
    }
}

fn is_first(at: &usize) -> bool {
    *at == 0
}

/// A finding, and on whose console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnMachine {
    /// Machine id.
    pub machine: String,
    /// What was found, without excerpt.
    #[serde(flatten)]
    pub finding: Finding,
}

/// `severity`, and `fatal` for readers that look at nothing else.
mod severity {
    use super::{Deserialize, Deserializer, Serialize, Serializer, Severity};

    #[derive(Serialize, Deserialize)]
    struct Written {
        #[serde(default)]
        severity: Option<Severity>,
        fatal: bool,
    }

    pub(super) fn serialize<S: Serializer>(severity: &Severity, serializer: S) -> Result<S::Ok, S::Error> {
        Written { severity: Some(*severity), fatal: *severity == Severity::Fatal }.serialize(serializer)
    }

    /// Records of earlier versions do not distinguish the three that are not fatal; the worst of them is taken.
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Severity, D::Error> {
        let Written { severity, fatal } = Written::deserialize(deserializer)?;
        Ok(severity.unwrap_or(if fatal { Severity::Fatal } else { Severity::Fail }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_finding_is_read_as_it_was_written() {
        let finding = Finding {
            rule: "kernel-oops".into(),
            category: "oops".into(),
            severity: Severity::Warn,
            base_check: Some("oops".into()),
            line: "Oops: 0000".to_owned(),
            line_number: 7,
            excerpt: vec!["a".into(), "Oops: 0000".into()],
            excerpt_hit: 1,
        };
        let written = serde_json::to_value(&finding).unwrap();
        assert_eq!((&written["severity"], &written["fatal"]), (&json!("warn"), &json!(false)));
        assert_eq!(serde_json::from_value::<Finding>(written).unwrap(), finding);
        let short =
            serde_json::to_value(OnMachine { machine: "m1".into(), finding: finding.without_excerpt() }).unwrap();
        let keys: Vec<&String> = short.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["machine", "rule", "category", "severity", "fatal", "base-check", "line", "line-number"]);
    }

    #[test]
    fn a_finding_of_an_earlier_version_is_still_read() {
        let read = |fatal: bool| {
            let text = json!({"machine": "m1", "category": "oops", "fatal": fatal, "line": "x", "line-number": 7});
            serde_json::from_value::<OnMachine>(text).unwrap()
        };
        assert_eq!([true, false].map(|fatal| read(fatal).finding.severity), [Severity::Fatal, Severity::Fail]);
        assert_eq!((read(true).machine.as_str(), &*read(true).finding.category), ("m1", "oops"));
    }

    #[test]
    fn severities_are_ordered_and_written_by_name() {
        for severity in Severity::ALL {
            assert_eq!(serde_json::to_value(severity).unwrap(), severity.name());
            assert!(severity.milder() <= severity);
        }
        assert!(Severity::ALL.is_sorted());
    }
}
