//! `sshd`: an option of the SSH server in effect, in lower case.

use muster_suite::grammar::{system, text};
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{subjects, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::unreadable::Unreadable;
use muster_record::facts::Facts;
use muster_suite::model::{Assertion, Expectation, Matcher, Operator};

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
        let text = seen.output("sshd/options").and_then(|text| {
            // Every sshd has a port. What it prints can be lost where a policy does not let it write to whoever started it.
            match text.lines().any(|line| named(line, "port").is_some()) {
                true => Ok(text),
                false => Err(Unreadable::new("`sshd -T` ended well and did not print its options")),
            }
        });
        let values: Vec<&str> =
            text.iter().flat_map(|text| text.lines()).filter_map(|line| named(line, &option)).collect();
        let look = |assertion: &Assertion, spelling: Spelling| {
            text.as_ref().map_err(Clone::clone)?;
            if values.is_empty() {
                return Ok(Value::gone(format!("sshd -T names no option `{option}`")));
            }
            let values = values.iter().map(|value| spelling.of(value));
            match assertion.attribute {
                "value" => Ok(Value::text(values.collect::<Vec<_>>().join(" "))),
                "list" => Ok(Value::items(values.flat_map(|value| value.split([',', ' '])))),
                _ => unanswered(assertion),
            }
        };
        let under =
            |expectation: &Expectation, spelling| verdicts(&TABLE, expectation, |assertion| look(assertion, spelling));
        if !values.contains(&OLD) {
            return under(expectation, Spelling::Printed);
        }
        let verdict = |assertion: &Assertion| {
            in_either_spelling(&assertion.matcher, false, &|matcher, spelling| {
                let assertion = Assertion { matcher: matcher.clone(), ..assertion.clone() };
                under(&Expectation { assertions: vec![assertion], ..expectation.clone() }, spelling).remove(0)
            })
        };
        expectation.assertions.iter().map(verdict).collect()
    }
}

/// What `sshd -T` still prints for the value that sshd_config(5) calls [`NEW`]; a suite may have either.
const OLD: &str = "without-password";
const NEW: &str = "prohibit-password";

#[derive(Debug, Clone, Copy)]
enum Spelling {
    Printed,
    New,
}

impl Spelling {
    fn of(self, value: &str) -> &str {
        match self {
            Spelling::New if value == OLD => NEW,
            _ => value,
        }
    }
}

/// The verdict on a value that has two spellings: what a matcher wants must hold of one of them, and what it excludes of
/// neither. `negated` is whether the negation of the matcher is meant.
fn in_either_spelling(matcher: &Matcher, negated: bool, of: &dyn Fn(&Matcher, Spelling) -> Verdict) -> Verdict {
    let parts = |parts: &[Matcher]| parts.iter().map(|part| in_either_spelling(part, negated, of)).collect::<Vec<_>>();
    let (every, verdicts) = match matcher {
        Matcher::Not(inner) => return in_either_spelling(inner, !negated, of),
        Matcher::All(all) => (!negated, parts(all)),
        Matcher::AnyOf(any) => (negated, parts(any)),
        leaf => {
            let excludes = match leaf {
                Matcher::Lacks(_) => true,
                Matcher::Compare(bounds) => bounds.iter().any(|(operator, _)| *operator == Operator::Ne),
                _ => false,
            };
            let whole = if negated { &Matcher::Not(Box::new(leaf.clone())) } else { leaf };
            (excludes != negated, vec![of(whole, Spelling::Printed), of(whole, Spelling::New)])
        }
    };
    decisive(verdicts, every)
}

/// Of several verdicts the one that decides: where every one must be met, the first that was missed, else the first that is
/// unknown; where one is enough, the first that was met, else the first that is unknown.
fn decisive(verdicts: Vec<Verdict>, every: bool) -> Verdict {
    let rank = |verdict: &Verdict| match verdict {
        Verdict::Unknown { .. } => 1,
        Verdict::Missed { .. } if every => 0,
        Verdict::Met { .. } if !every => 0,
        _ => 2,
    };
    // Of equal ones `min_by_key` has the first. A matcher without parts excludes nothing, and offers nothing.
    verdicts.into_iter().min_by_key(rank).unwrap_or_else(|| Verdict::Unknown { why: "the matcher has no parts".into() })
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
        let either = Matcher::AnyOf(vec![equals("no"), equals("prohibit-password")]);
        assert_eq!(evaluate("permitrootlogin", "value", either), Verdict::MET);
        assert_eq!(evaluate("permitrootlogin", "value", equals("without-password")), Verdict::MET);
        let neither = Matcher::Not(Box::new(equals("without-password")));
        assert_eq!(missed(&evaluate("permitrootlogin", "value", neither)).1, "without-password");
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

    #[test]
    fn a_value_with_two_spellings_is_wanted_in_one_and_excluded_in_both() {
        let held = |attribute: &'static str, matcher: &Matcher| {
            let wanted = expectation("sshd", "permitrootlogin", &[(attribute, matcher.clone())]);
            let said = seen("sshd/options", reply(0, "port 22\npermitrootlogin without-password\n"));
            match Sshd.evaluate(&wanted, &said, &Facts::default()).remove(0) {
                Verdict::Met { .. } => true,
                Verdict::Missed { .. } => false,
                Verdict::Unknown { why } => panic!("{why}"),
            }
        };
        let not = |matcher: &Matcher| Matcher::Not(Box::new(matcher.clone()));
        for word in [OLD, NEW] {
            let matches = Matcher::Matches(regex::Regex::new(&format!("^(yes|{word})$")).unwrap());
            for wanted in [equals(word), Matcher::Contains(vec![word.into()]), matches] {
                let other = equals("yes");
                let either = Matcher::AnyOf(vec![other.clone(), wanted.clone()]);
                let both = Matcher::All(vec![not(&other), wanted.clone()]);
                for wanted in [&wanted, &either, &both, &not(&not(&wanted))] {
                    assert!(held("value", wanted), "{wanted:?}");
                    assert!(!held("value", &not(wanted)), "not {wanted:?}");
                }
            }
            let lacks = Matcher::Lacks(vec![word.into()]);
            let differs = Matcher::Compare(vec![(Operator::Ne, word.into())]);
            for (attribute, excluded) in [("value", &lacks), ("list", &lacks), ("value", &differs)] {
                assert!(!held(attribute, excluded), "{attribute} {excluded:?}");
                assert!(held(attribute, &not(excluded)), "{attribute} not {excluded:?}");
            }
            assert!(held("list", &Matcher::Only(vec![word.into()])));
        }
        for other in ["yes", "no"] {
            assert!(!held("value", &equals(other)) && held("value", &not(&equals(other))));
            assert!(held("list", &Matcher::Lacks(vec![other.into()])));
        }
    }
}
