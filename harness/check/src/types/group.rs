//! `group`: a group.

use muster_suite::grammar::accounts;
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{subjects, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::unreadable::Unreadable;
use muster_record::facts::Facts;
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[
    attribute("exists", AttributeKind::Bool, "Whether the name service knows it."),
    attribute("gid", AttributeKind::Integer, "Its number."),
    attribute("members", AttributeKind::Set(&accounts::USER), "Users that name it as a supplementary group."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "group",
    summary: "A group.",
    subject: Subject::Named(&accounts::GROUP),
    shorthand: Shorthand::Keywords(&[("present", "exists", "true"), ("absent", "exists", "false")]),
    gone: &["exists"],
    attributes: ATTRIBUTES,
    reads: "`getent group`; `/etc/group` where there is neither `getent` nor `/etc/nsswitch.conf`.",
    example: r#"group:
  wheel: {gid: 10, members: none}
"#,
};

/// The check type.
pub struct Group;

impl Check for Group {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        let names = subjects(wanted, &["exists", "gid", "members"]);
        Probe::batch("accounts/group", 20, &names, &super::accounts::lookup("group")).into_iter().collect()
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        let name = &expectation.subject;
        verdicts(&TABLE, expectation, |assertion| {
            let answer = seen.answer("accounts/group", name)?;
            let fields: Vec<&str> = answer.output.split(':').collect();
            match answer.status {
                2 if assertion.attribute == "exists" => return Ok(Value::flag(false)),
                2 => return Ok(Value::gone("no such group")),
                0 if fields.len() == 4 && fields[0] == name => {}
                0 => return Err(Unreadable::new(format!("getent group {name} says `{}`", answer.output))),
                _ => {
                    return Err(Unreadable::new(format!(
                        "getent group {name}: status {}: {}",
                        answer.status, answer.output
                    )));
                }
            }
            match assertion.attribute {
                "exists" => Ok(Value::flag(true)),
                "gid" => Ok(Value::text(fields[2])),
                "members" => Ok(Value::items(fields[3].split(',').filter(|member| !member.is_empty()))),
                _ => unanswered(assertion),
            }
        })
    }
}
