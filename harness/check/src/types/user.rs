//! `user`: a user account.

use muster_suite::grammar::accounts::{GROUP, USER};
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use super::accounts;
use crate::assertions::{subjects, unanswered, verdicts, wants};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::unreadable::Unreadable;
use muster_record::facts::Facts;
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[
    attribute("exists", AttributeKind::Bool, "Whether the name service knows it."),
    attribute("uid", AttributeKind::Integer, "Its number."),
    attribute("gid", AttributeKind::Integer, "Number of its primary group."),
    attribute("group", AttributeKind::Text, "Name of its primary group."),
    attribute("groups", AttributeKind::Set(&GROUP), "Names of all its groups."),
    attribute("home", AttributeKind::Text, "Home directory."),
    attribute("shell", AttributeKind::Text, "Login shell."),
    attribute("gecos", AttributeKind::Text, "Comment."),
    attribute(
        "login",
        AttributeKind::Bool,
        "Whether its shell lets it log in (not nologin, false, sync, shutdown or halt).",
    ),
    attribute(
        "password",
        AttributeKind::Keyword(&["set", "empty", "locked", "none"]),
        "State of its password, of passwd, or of /etc/shadow where that refers to it (`x`): usable, empty, locked (`!`), or none that could match (`*`).",
    ),
    attribute("locked", AttributeKind::Bool, "Whether it has no password that could be used."),
    attribute("local", AttributeKind::Bool, "Whether it is in /etc/passwd."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "user",
    summary: "A user account.",
    subject: Subject::Named(&USER),
    shorthand: Shorthand::Keywords(&[("present", "exists", "true"), ("absent", "exists", "false")]),
    gone: &["exists"],
    attributes: ATTRIBUTES,
    reads: "`getent passwd` (`/etc/passwd` where there is neither `getent` nor `/etc/nsswitch.conf`), `id`, `/etc/passwd`, `/etc/shadow`.",
    example: r#"user:
  root: {uid: 0, password: {any-of: [locked, none]}}
  chrony: {shell: /sbin/nologin}
  azureuser: absent
"#,
};

/// The check type.
pub struct User;

impl Check for User {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        let mut probes = Vec::new();
        probes.extend(Probe::batch(
            "accounts/passwd",
            20,
            &subjects(
                wanted,
                &[
                    "exists", "uid", "gid", "home", "shell", "gecos", "login", "group", "groups", "password", "locked",
                    "local",
                ],
            ),
            &accounts::lookup("passwd"),
        ));
        probes.extend(Probe::batch_with(
            "accounts/id-group",
            20,
            "id",
            &subjects(wanted, &["group"]),
            r#"id -gn -- "$1""#,
        ));
        probes.extend(Probe::batch_with(
            "accounts/id-groups",
            20,
            "id",
            &subjects(wanted, &["groups"]),
            r#"id -Gn -- "$1""#,
        ));
        if wants(wanted, &["password", "locked"]) {
            probes.push(Probe::new(accounts::SHADOW, 10, "cat /etc/shadow"));
        }
        if wants(wanted, &["local", "password", "locked"]) {
            probes.push(Probe::new(accounts::PASSWD, 10, "cat /etc/passwd"));
        }
        probes
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        let name = &expectation.subject;
        verdicts(&TABLE, expectation, |assertion| {
            if assertion.attribute == "local" {
                let passwd = seen.output(accounts::PASSWD)?;
                if passwd.lines().any(|line| line.split(':').next() == Some(name)) {
                    return Ok(Value::flag(true));
                }
            }
            let answer = seen.answer("accounts/passwd", name)?;
            let fields: Vec<&str> = answer.output.split(':').collect();
            match answer.status {
                2 if assertion.attribute == "exists" => return Ok(Value::flag(false)),
                2 => return Ok(Value::gone("no such user")),
                0 if fields.len() == 7 && fields[0] == name => {}
                0 => return Err(Unreadable::new(format!("getent passwd {name} says `{}`", answer.output))),
                _ => {
                    return Err(Unreadable::new(format!(
                        "getent passwd {name}: status {}: {}",
                        answer.status, answer.output
                    )));
                }
            }
            let names = |key| {
                let answer = seen.answer(key, name)?;
                if answer.status == 0 {
                    Ok(answer.output)
                } else {
                    Err(Unreadable::new(format!("id {name}: {}", answer.output)))
                }
            };
            match assertion.attribute {
                "exists" => Ok(Value::flag(true)),
                "local" => Ok(Value::flag(false)),
                "uid" => Ok(Value::text(fields[2])),
                "gid" => Ok(Value::text(fields[3])),
                "gecos" => Ok(Value::text(fields[4])),
                "home" => Ok(Value::text(fields[5])),
                "shell" => Ok(Value::text(fields[6])),
                "login" => Ok(Value::flag(accounts::lets_in(fields[6]))),
                "group" => names("accounts/id-group").map(Value::Text),
                "groups" => names("accounts/id-groups").map(|names| Value::items(names.split_whitespace())),
                "password" | "locked" => {
                    let shadow = seen.output(accounts::SHADOW)?;
                    let passwd = seen.output(accounts::PASSWD)?;
                    let own = passwd.lines().map(|line| line.split(':')).find(|line| line.clone().next() == Some(name));
                    let field = match own {
                        Some(mut own) => own.nth(1).unwrap_or("x"),
                        // What no local password could match says nothing of an account that another name
                        // service checks itself.
                        None if fields[1].is_empty() => "",
                        None => "x",
                    };
                    let Some(state) = accounts::password(field, &shadow, name) else {
                        return Ok(Value::absent("no line in /etc/shadow"));
                    };
                    match assertion.attribute {
                        "password" => Ok(Value::text(state)),
                        _ => Ok(Value::flag(matches!(state, "locked" | "none"))),
                    }
                }
                _ => unanswered(assertion),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{equals, expectation, missed, records, reply};

    fn evaluate(getent: &str, passwd: &str, attribute: &'static str, wanted: &str) -> Verdict {
        let readings = [
            ("accounts/passwd".to_owned(), records(&[("u", 0, getent)])),
            (accounts::PASSWD.to_owned(), reply(0, passwd)),
            (accounts::SHADOW.to_owned(), reply(0, "u:!*:1::::::\n")),
        ];
        let wanted = expectation("user", "u", &[(attribute, equals(wanted))]);
        User.evaluate(&wanted, &Observations(readings.into()), &Facts::default()).remove(0)
    }

    #[test]
    fn the_password_is_that_of_passwd_unless_it_refers_to_shadow() {
        let (refers, open) = ("u:x:9:9::/:/bin/sh", "u::9:9::/:/bin/sh");
        assert_eq!(evaluate(refers, &format!("{refers}\n"), "password", "locked"), Verdict::MET);
        assert_eq!(evaluate(refers, &format!("{refers}\n"), "locked", "true"), Verdict::MET);
        assert_eq!(missed(&evaluate(open, &format!("{open}\n"), "password", "locked")).1, "empty");
        assert_eq!(missed(&evaluate(open, &format!("{open}\n"), "locked", "true")).1, "false");
        // Of another name service.
        assert_eq!(missed(&evaluate(open, "root:x:0:0::/:\n", "locked", "true")).1, "false");
        let remote = "u:*:9:9::/:/bin/sh";
        assert_eq!(evaluate(remote, "root:x:0:0::/:\n", "password", "locked"), Verdict::MET, "shadow has it");
    }
}
