//! `command`: runs a command line that changes nothing and looks at what it says; a status that is not stated must be 0.

use muster_suite::grammar::text;
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{subjects, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::matching::compare;
use crate::observed::Value;
use crate::unreadable::Unreadable;
use crate::value;
use muster_base::text::{escape_bytes, last_words, one_line, tail};
use muster_guest::{End, Reply};
use muster_record::facts::Facts;
use muster_suite::model::{Assertion, Expectation, Matcher};

const ATTRIBUTES: &[Attribute] = &[
    attribute(
        "exit",
        AttributeKind::Ranged(0, 255),
        "The exit status; 0 is required when it is not stated. What the shell cannot run meets only exactly its stated status, no range, no `not` and no output: no such command (127), one that cannot be executed (126), a syntax error (2).",
    ),
    attribute("stdout", AttributeKind::Output, "What it printed."),
    attribute("stderr", AttributeKind::Output, "What it printed as errors."),
    attribute(
        "duration",
        AttributeKind::Duration,
        "Seconds from sending the command to its end; emulation is not compensated.",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "command",
    summary: "Runs a command line that changes nothing and looks at what it says; a status that is not stated must be 0.",
    subject: Subject::Named(&text::COMMAND_LINE),
    shorthand: Shorthand::None,
    gone: &["exit"],
    attributes: ATTRIBUTES,
    reads: "The command line, run by `/bin/sh`.",
    example: r#"command:
  systemd-detect-virt --vm: {stdout: {any-of: [kvm, qemu]}}
  "test -e /run/ostree-booted": {exit: 1}
"#,
};

/// The check type.
pub struct Command;

impl Check for Command {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        let names = subjects(wanted, &["exit", "stdout", "stderr", "duration"]);
        names.into_iter().map(|line| Probe::new(probe_key(line), 60, line)).collect()
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        let stated = expectation.assertions.iter().any(|assertion| assertion.attribute == "exit");
        let key = probe_key(&expectation.subject);
        verdicts_of_command(expectation, seen.0.get(&key), stated)
    }
}

/// The key of the probe that runs a command line.
pub fn probe_key(line: &str) -> String {
    format!("command/{line}")
}

/// Judges a reply by `exit`, `stdout`, `stderr` and `duration`: the `command` check and the `run`
/// step both do. A status that is not stated (`stated` is false) must be 0, or no output counts.
pub fn verdicts_of_command(expectation: &Expectation, reply: Option<&Reply>, stated: bool) -> Vec<Verdict> {
    verdicts(&TABLE, expectation, |assertion| {
        let reply = reply.ok_or_else(|| Unreadable::new("the command was not run"))?;
        match reply.end {
            End::TimedOut => return Err(Unreadable::new("the command did not end before its time-out")),
            End::TooMuchOutput => return Err(Unreadable::new("the command printed more than the limit")),
            End::Exited => {}
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace("\r\n", "\n");
        let said = || last_words(&text(if reply.stderr.is_empty() { &reply.stdout } else { &reply.stderr }), 160);
        match assertion.attribute {
            attribute
                if stated
                    && (attribute != "exit" || holds(&assertion.matcher, reply))
                    && let Some(why) = could_not_run(reply, &expectation.assertions) =>
            {
                Err(Unreadable::new(why))
            }
            "exit" => Ok(Value::text(reply.status.to_string())),
            _ if !stated && reply.status != 0 => Ok(Value::gone(format!("exit {}: {}", reply.status, said()))),
            "stdout" => Ok(Value::Text(text(&reply.stdout))),
            "stderr" => Ok(Value::Text(text(&reply.stderr))),
            "duration" => Ok(Value::text(value::of_micros(reply.elapsed.as_micros().try_into().unwrap_or(u64::MAX)))),
            _ => unanswered(assertion),
        }
    })
    .into_iter()
    .map(|verdict| match (verdict, reply) {
        // What the command said is the first thing anybody wants to see of a wrong status.
        (Verdict::Missed { expected, actual, detail }, Some(reply)) if detail.is_empty() => {
            let both = format!("{}{}", escape_bytes(&reply.stdout), escape_bytes(&reply.stderr));
            let detail = if both.trim().is_empty() || both.trim() == actual { detail } else { tail(&both, 4096) };
            Verdict::Missed { expected, actual, detail }
        }
        (verdict, _) => verdict,
    })
    .collect()
}

/// Whether the probe with this key runs a command line of a suite.
pub fn is_command(key: &str) -> bool {
    key.starts_with("command/")
}

/// Why the shell could not run the command line at all, unless one of the assertions states exactly the
/// status that this has. A command that does not run is not a command that fails.
fn could_not_run(reply: &Reply, assertions: &[Assertion]) -> Option<String> {
    let what = match reply.status {
        _ if reply.end != End::Exited => return None,
        status if reply.notes.unparsed => format!("the shell cannot parse the command line (status {status})"),
        126 => "the shell cannot execute the command (status 126)".to_owned(),
        127 => "the shell found no such command (status 127)".to_owned(),
        _ => return None,
    };
    let status = reply.status.to_string();
    if assertions.iter().any(|one| one.attribute == "exit" && states(&one.matcher, &status)) {
        return None;
    }
    let said = if reply.stderr.is_empty() { &reply.stdout } else { &reply.stderr };
    Some(format!("{what}: {}", last_words(&escape_bytes(said), 160)))
}

/// Whether the matcher lets the status of the reply through.
fn holds(matcher: &Matcher, reply: &Reply) -> bool {
    compare(matcher, &AttributeKind::Integer, &Value::text(reply.status.to_string())).is_ok()
}

/// Whether a matcher names the value itself, not a range or a negation that includes it.
fn states(matcher: &Matcher, value: &str) -> bool {
    match matcher {
        Matcher::Equals(stated) => stated.trim() == value,
        Matcher::AnyOf(several) => several.iter().any(|one| states(one, value)),
        Matcher::All(several) => several.iter().any(|one| states(one, value)),
        _ => false,
    }
}

/// What a reader should know of a command line in addition to its verdict.
pub fn note(line: &str, reply: &Reply) -> Option<String> {
    let line = one_line(line, 120);
    match reply.notes {
        muster_guest::Notes { left_open: true, .. } => Some(format!(
            "`{line}` left a process running that still has its output open; what that process prints is dropped"
        )),
        muster_guest::Notes { late_bytes: late @ 1.., .. } => Some(format!(
            "{late} bytes came after `{line}` had ended, from a process that it started; they are dropped"
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{expectation, missed};
    use muster_suite::model::Operator;

    fn reply(status: i32, stdout: &str, stderr: &str) -> Reply {
        Reply { status, stdout: stdout.into(), stderr: stderr.into(), ..Reply::default() }
    }

    #[test]
    fn output_of_a_command_that_failed_is_not_looked_at_unless_its_status_is_stated() {
        let empty = expectation("command", "x", &[("stdout", Matcher::Empty(true))]);
        let gone = reply(127, "", "sh: 1: x: not found\n");
        assert_eq!(missed(&verdicts_of_command(&empty, Some(&gone), false)[0]).1, "exit 127: sh: 1: x: not found");
        assert_eq!(verdicts_of_command(&empty, Some(&reply(0, "", "")), false), [Verdict::MET]);
        assert_eq!(verdicts_of_command(&empty, Some(&reply(3, "", "")), true), [Verdict::MET]);
        let none = expectation("command", "x", &[("stdout", Matcher::None)]);
        assert_eq!(missed(&verdicts_of_command(&none, Some(&reply(1, "", "")), false)[0]).1, "exit 1:");
    }

    #[test]
    fn a_command_that_is_not_there_satisfies_only_a_stated_127() {
        let gone = reply(127, "", "sh: x: not found");
        let exit = |matcher| {
            verdicts_of_command(&expectation("command", "x", &[("exit", matcher)]), Some(&gone), true).remove(0)
        };
        assert_eq!(exit(Matcher::Equals("127".into())), Verdict::MET);
        assert_eq!(missed(&exit(Matcher::Equals("0".into()))), ("exit is 0", "127"));
        let not = |status: &str| Matcher::Not(Box::new(Matcher::Equals(status.into())));
        assert!(matches!(exit(not("0")), Verdict::Unknown { why } if why.contains("no such command")));
        assert!(matches!(exit(not("127")), Verdict::Missed { .. }));
        assert_eq!(
            exit(Matcher::AnyOf(vec![Matcher::Equals("0".into()), Matcher::Equals("127".into())])),
            Verdict::MET
        );
        let above = Matcher::Compare(vec![(Operator::Gt, "0".into())]);
        assert!(matches!(exit(above), Verdict::Unknown { .. }));
    }

    #[test]
    fn a_command_line_that_cannot_be_run_satisfies_no_range_of_statuses_and_no_output() {
        let unparsed = muster_guest::Notes { unparsed: true, ..Default::default() };
        for (reply, why) in [
            (Reply { notes: unparsed, ..reply(2, "", "sh: Syntax error") }, "cannot parse"),
            (reply(126, "", "sh: Permission denied"), "cannot execute"),
        ] {
            let not_zero = Matcher::Not(Box::new(Matcher::Equals("0".into())));
            let stated = Matcher::Equals(reply.status.to_string());
            let wanted = |exit| {
                let both = [("exit", exit), ("stderr", Matcher::Contains(vec!["sh: ".into()]))];
                verdicts_of_command(&expectation("command", "x", &both), Some(&reply), true)
            };
            for verdict in wanted(not_zero) {
                assert!(matches!(verdict, Verdict::Unknown { why: said } if said.contains(why)), "{why}");
            }
            assert_eq!(wanted(stated), [Verdict::MET, Verdict::MET]);
        }
        // A program may end with 2 for reasons of its own.
        let grep = expectation("command", "x", &[("exit", Matcher::Not(Box::new(Matcher::Equals("0".into()))))]);
        assert_eq!(verdicts_of_command(&grep, Some(&reply(2, "", "grep: no")), true), [Verdict::MET]);
    }
}
