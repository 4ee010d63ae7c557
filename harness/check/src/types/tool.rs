//! `tool`: a command on the search path of a root shell.

use muster_suite::grammar::{paths, system};
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{subjects, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::owner;
use crate::unreadable::Unreadable;
use muster_record::facts::Facts;
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[
    attribute("exists", AttributeKind::Bool, "Whether the shell finds an executable of that name."),
    attribute("path", AttributeKind::Name(&paths::FILE), "Where it is found."),
    attribute("resolves-to", AttributeKind::Name(&paths::FILE), "The file it is in the end, symbolic links followed."),
    attribute("owned-by", AttributeKind::Text, "Name of the package that owns the file it is in the end."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "tool",
    summary: "A command on the search path of a root shell.",
    subject: Subject::Named(&system::COMMAND),
    shorthand: Shorthand::Keywords(&[("present", "exists", "true"), ("absent", "exists", "false")]),
    gone: &["exists"],
    attributes: ATTRIBUTES,
    reads: "`command -v`, `readlink -f`, `rpm -qf` or `dpkg-query -S`.",
    example: r#"tool:
  tar: present
  dnf: {resolves-to: /usr/bin/dnf5}
  telnet: absent
"#,
};

/// The check type.
pub struct Tool;

impl Check for Tool {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], facts: &Facts) -> Vec<Probe> {
        let mut probes = Vec::new();
        probes.extend(Probe::batch(
            "tool/path",
            20,
            &subjects(wanted, &["exists", "path", "resolves-to", "owned-by"]),
            FIND,
        ));
        probes.extend(Probe::batch_with(
            "tool/resolved",
            20,
            "readlink",
            &subjects(wanted, &["resolves-to"]),
            &format!("{FIND_PATH}readlink -f -- \"$path\""),
        ));
        let owned = subjects(wanted, &["owned-by"]);
        probes.extend(owner::probe("tool/owner", &owned, facts, FIND_PATH, "\"$(readlink -f -- \"$path\")\""));
        probes
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, facts: &Facts) -> Vec<Verdict> {
        let name = &expectation.subject;
        verdicts(&TABLE, expectation, |assertion| {
            let found = seen.answer("tool/path", name)?;
            match (found.status, assertion.attribute) {
                (0, "exists") => return Ok(Value::flag(true)),
                (1, "exists") => return Ok(Value::flag(false)),
                (1, _) => return Ok(Value::gone("not on the path")),
                (0, "path") => return Ok(Value::Text(found.output)),
                (0, _) => {}
                _ => return Err(Unreadable::new(found.output)),
            }
            match assertion.attribute {
                "resolves-to" => {
                    let answer = seen.answer("tool/resolved", name)?;
                    if answer.status == 0 {
                        Ok(Value::Text(answer.output))
                    } else {
                        Err(Unreadable::new(answer.output))
                    }
                }
                "owned-by" => owner::read(&seen.answer("tool/owner", name)?, facts),
                _ => unanswered(assertion),
            }
        })
    }
}

/// Looks along the path itself: `command -v` would name builtins and functions.
const FIND: &str = r#"case $1 in */*) [ -f "$1" ] && [ -x "$1" ] && printf '%s' "$1" && return 0; return 1;; '') return 1;; esac
rest=${PATH:-/usr/sbin:/usr/bin:/sbin:/bin}:
while [ -n "$rest" ]; do
    dir=${rest%%:*}; rest=${rest#*:}
    if [ -f "$dir/$1" ] && [ -x "$dir/$1" ]; then printf '%s' "$dir/$1"; return 0; fi
done
return 1"#;

const FIND_PATH: &str = r#"case $1 in */*) path=$1;; *) path=
rest=${PATH:-/usr/sbin:/usr/bin:/sbin:/bin}:
while [ -n "$rest" ]; do
    dir=${rest%%:*}; rest=${rest#*:}
    if [ -f "$dir/$1" ] && [ -x "$dir/$1" ]; then path=$dir/$1; break; fi
done;; esac
[ -n "$path" ] || return 1
"#;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{equals, evaluate_on_this_host, expectation, missed};

    #[test]
    fn builtins_and_hostile_names_are_no_tools() {
        let wanted = expectation("tool", "sh", &[("exists", equals("true")), ("resolves-to", equals("x"))]);
        let verdicts = evaluate_on_this_host(&Tool, &wanted);
        assert_eq!(verdicts[0], Verdict::MET);
        assert!(missed(&verdicts[1]).1.starts_with('/'), "{verdicts:?}");
        for name in ["set", "$(reboot)", "", "bin/sh", "../bin/sh"] {
            assert_eq!(
                evaluate_on_this_host(&Tool, &expectation("tool", name, &[("exists", equals("false"))])),
                [Verdict::MET],
                "{name}"
            );
        }
    }
}
