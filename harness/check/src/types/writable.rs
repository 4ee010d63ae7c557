//! `writable`: whether root can write to a path.

use muster_suite::grammar::paths;
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{subjects, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::unreadable::Unreadable;
use muster_record::facts::Facts;
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[attribute(
    "value",
    AttributeKind::Bool,
    "Whether it exists and can be written to; a read-only file system says no.",
)];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "writable",
    summary: "Whether root can write to a path.",
    subject: Subject::Named(&paths::PATH),
    shorthand: Shorthand::Attribute("value"),
    gone: &[],
    attributes: ATTRIBUTES,
    reads: "`test -w`.",
    example: r#"writable:
  /usr/bin: false
  /etc: true
  /var: true
"#,
};

/// The check type.
pub struct Writable;

impl Check for Writable {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        Probe::batch(
            "writable",
            20,
            &subjects(wanted, &["value"]),
            r#"if [ -w "$1" ]; then echo true; elif [ -e "$1" ] || [ -L "$1" ]; then echo false; else echo absent; fi"#,
        )
        .into_iter()
        .collect()
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        verdicts(&TABLE, expectation, |assertion| match assertion.attribute {
            "value" => match seen.answer("writable", &expectation.subject)?.output.as_str() {
                "true" => Ok(Value::flag(true)),
                "false" => Ok(Value::flag(false)),
                "absent" => Ok(Value::gone("not there")),
                other => Err(Unreadable::new(other)),
            },
            _ => unanswered(assertion),
        })
    }
}
