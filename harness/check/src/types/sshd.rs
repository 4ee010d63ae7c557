//! `sshd`: an option of the SSH server in effect, in lower case.

use muster_suite::grammar::{system, text};
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{subjects, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::unreadable::Unreadable;
use muster_record::facts::Facts;
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[
    attribute("value", AttributeKind::Loose, "Its value."),
    attribute(
        "list",
        AttributeKind::List(&text::WORD),
        "Its value as a comma-separated list (ciphers, kexalgorithms, macs).",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "sshd",
    summary: "An option of the SSH server in effect, in lower case.",
    subject: Subject::Named(&system::SSHD_OPTION),
    shorthand: Shorthand::Attribute("value"),
    gone: &[],
    attributes: ATTRIBUTES,
    reads: "`sshd -T`, once.",
    example: r#"sshd:
  permitrootlogin: {any-of: ["no", prohibit-password]}
  clientaliveinterval: "> 0"
  ciphers: {list: {lacks: [3des-cbc, aes128-cbc]}}
"#,
};

/// The check type.
pub struct Sshd;

impl Check for Sshd {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        if subjects(wanted, &["value", "list"]).is_empty() {
            return Vec::new();
        }
        // It may lie outside the path, and checks its configuration only as root.
        vec![Probe::new(
            "sshd/options",
            30,
            "for sshd in sshd /usr/sbin/sshd /usr/bin/sshd; do command -v $sshd >/dev/null 2>&1 && exec $sshd -T; done; echo 'sshd: not found' >&2; exit 127",
        )]
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        let option = expectation.subject.to_lowercase();
        verdicts(&TABLE, expectation, |assertion| {
            let text = seen.output("sshd/options")?;
            // Every sshd has a port. What it prints can be lost where a policy does not let it write to whoever started it.
            if !text.lines().any(|line| named(line, "port").is_some()) {
                return Err(Unreadable::new("`sshd -T` ended well and did not print its options"));
            }
            let values: Vec<&str> = text
                .lines()
                .filter_map(|line| named(line, &option))
                .collect();
            if values.is_empty() {
                return Ok(Value::gone(format!("sshd -T names no option `{option}`")));
            }
            match assertion.attribute {
                "value" => Ok(Value::text(values.join(" "))),
                "list" => Ok(Value::items(values.iter().flat_map(|value| value.split([',', ' '])))),
                _ => unanswered(assertion),
            }
        })
    }
}

/// The value in a line of an option. OpenSSH 10.6 writes its names as its manual does, earlier ones in lower case.
fn named<'a>(line: &'a str, option: &str) -> Option<&'a str> {
    let (name, value) = line.split_once(' ')?;
    name.eq_ignore_ascii_case(option).then(|| value.trim())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{equals, expectation, missed, reply, seen};
    use muster_suite::model::Matcher;

    #[test]
    fn options_are_scalars_or_lists() {
        let text = "port 22\npermitrootlogin without-password\nciphers aes256-gcm@openssh.com,aes128-ctr\nclientaliveinterval 0\n";
        let evaluate = |subject: &str, attribute: &'static str, matcher| {
            Sshd.evaluate(
                &expectation("sshd", subject, &[(attribute, matcher)]),
                &seen("sshd/options", reply(0, text)),
                &Facts::default(),
            )
            .remove(0)
        };
        assert_eq!(evaluate("Port", "value", equals("0x16")), Verdict::MET);
        assert_eq!(
            missed(&evaluate("ciphers", "list", Matcher::Lacks(vec!["aes128-ctr".into()]))).1,
            "also aes128-ctr; aes256-gcm@openssh.com, aes128-ctr"
        );
        assert_eq!(missed(&evaluate("nope", "value", Matcher::None)).1, "sshd -T names no option `nope`");
        let newer = "Port 22\nPermitRootLogin without-password\nUsePAM yes\n";
        let wanted = expectation("sshd", "usepam", &[("value", equals("yes"))]);
        assert_eq!(Sshd.evaluate(&wanted, &seen("sshd/options", reply(0, newer)), &Facts::default()), [Verdict::MET]);
        let silent = expectation("sshd", "permitrootlogin", &[("value", Matcher::None)]);
        let verdicts = Sshd.evaluate(&silent, &seen("sshd/options", reply(0, "")), &Facts::default());
        assert!(matches!(verdicts[..], [Verdict::Unknown { .. }]), "{verdicts:?}");
    }
}
