//! `rpm-macro`: an RPM macro expression and what it expands to.

use muster_suite::grammar::packages;
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{subjects, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::unreadable::Unreadable;
use muster_record::facts::Facts;
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[
    attribute("value", AttributeKind::Text, "Its expansion; an undefined macro expands to itself."),
    attribute("defined", AttributeKind::Bool, "Whether it expands to anything but itself."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "rpm-macro",
    summary: "An RPM macro expression and what it expands to.",
    subject: Subject::Named(&packages::MACRO),
    shorthand: Shorthand::Attribute("value"),
    gone: &["defined"],
    attributes: ATTRIBUTES,
    reads: "`rpm --eval`, once for all.",
    example: r#"rpm-macro:
  "%{?dist}": .azl4
  "%{_vendor}": azurelinux
  "%optflags": {value: {contains: -fstack-protector-strong}}
"#,
};

/// The check type.
pub struct RpmMacro;

impl Check for RpmMacro {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        Probe::batch_with("rpm/macros", 20, "rpm", &subjects(wanted, &["value", "defined"]), r#"rpm --eval "$1""#)
            .into_iter()
            .collect()
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        let name = &expectation.subject;
        verdicts(&TABLE, expectation, |assertion| {
            let answer = seen.answer("rpm/macros", name)?;
            if answer.status != 0 {
                return Err(Unreadable::new(format!("rpm --eval: {}", answer.output)));
            }
            match assertion.attribute {
                "value" if answer.output == *name => Ok(Value::gone("an undefined macro, which is its own expansion")),
                "value" => Ok(Value::text(answer.output)),
                "defined" => Ok(Value::flag(answer.output != *name)),
                _ => unanswered(assertion),
            }
        })
    }
}
