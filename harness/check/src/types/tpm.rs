//! `tpm`: the trusted platform module, as the guest's kernel sees it.

use muster_suite::grammar::kernel;
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{FixedReading, read, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::unreadable::Unreadable;
use muster_record::facts::Facts;
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[
    attribute("present", AttributeKind::Bool, "Whether the kernel has a TPM."),
    attribute("version", AttributeKind::Text, "`1.2` or `2.0`; kernels before 5.6 do not say."),
    attribute(
        "pcr-banks",
        AttributeKind::Set(&kernel::PCR_BANK),
        "Hash algorithms of its registers (`sha256`); kernels before 5.12 do not say.",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "tpm",
    summary: "The trusted platform module.",
    subject: Subject::Whole,
    shorthand: Shorthand::Keywords(&[("present", "present", "true"), ("absent", "present", "false")]),
    gone: &[],
    attributes: ATTRIBUTES,
    reads: "/sys/class/tpm/tpm0.",
    example: r#"tpm:
  version: "2.0"
  pcr-banks: {has: [sha256]}
"#,
};

/// The check type.
pub struct Tpm;

impl Check for Tpm {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        read(wanted, SOURCES)
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        verdicts(&TABLE, expectation, |assertion| {
            let text = seen.output("tpm/first")?;
            let mut lines = text.lines();
            let Some("present") = lines.next() else {
                return match (text.trim(), assertion.attribute) {
                    ("absent", "present") => Ok(Value::flag(false)),
                    ("absent", _) => Ok(Value::gone("no TPM")),
                    _ => Err(Unreadable::new("the reading of /sys/class/tpm has another shape")),
                };
            };
            let said: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once('=')).collect();
            match assertion.attribute {
                "present" => Ok(Value::flag(true)),
                "version" => match said.iter().find(|(name, _)| *name == "major") {
                    Some((_, "1")) => Ok(Value::text("1.2")),
                    Some((_, "2")) => Ok(Value::text("2.0")),
                    Some((_, other)) => Err(Unreadable::new(format!(
                        "its major version is `{}`",
                        muster_base::text::one_line(other, 40)
                    ))),
                    None => Err(Unreadable::new("this kernel does not say the version of its TPM (5.6 and later do)")),
                },
                "pcr-banks" => {
                    let banks: Vec<&str> =
                        said.iter().filter(|(name, _)| *name == "bank").map(|(_, bank)| *bank).collect();
                    match banks.is_empty() {
                        true => Err(Unreadable::new(
                            "this kernel does not show the registers of its TPM (5.12 and later do)",
                        )),
                        false => Ok(Value::items(banks)),
                    }
                }
                _ => unanswered(assertion),
            }
        })
    }
}

const SOURCES: &[FixedReading] = &[FixedReading {
    attributes: &["present", "version", "pcr-banks"],
    key: "tpm/first",
    seconds: 10,
    script: r#"[ -d /sys/class ] || { echo '/sys is not mounted' >&2; exit 1; }
[ -d /sys/class/tpm/tpm0 ] || { echo absent; exit; }
cd /sys/class/tpm/tpm0 || exit 1
echo present
[ ! -e tpm_version_major ] || { major=$(cat tpm_version_major) || exit 1; echo "major=$major"; }
for bank in pcr-*; do [ ! -d "$bank" ] || echo "bank=${bank#pcr-}"; done"#,
}];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{equals, expectation, missed, reply, seen};
    use muster_suite::model::Matcher;

    fn evaluate(attribute: &'static str, matcher: Matcher, text: &str) -> Verdict {
        Tpm.evaluate(
            &expectation("tpm", "", &[(attribute, matcher)]),
            &seen("tpm/first", reply(0, text)),
            &Facts::default(),
        )
        .remove(0)
    }

    #[test]
    fn what_the_kernel_says_is_evaluated_and_what_it_does_not_say_is_unknown() {
        let two = "present\nmajor=2\nbank=sha1\nbank=sha256\n";
        assert_eq!(evaluate("present", equals("true"), two), Verdict::MET);
        assert_eq!(evaluate("version", equals("2.0"), two), Verdict::MET);
        assert_eq!(evaluate("pcr-banks", Matcher::Has(vec!["sha256".to_owned()]), two), Verdict::MET);
        assert_eq!(missed(&evaluate("version", equals("2.0"), "present\nmajor=1\n")), ("version is 2.0", "1.2"));
        assert_eq!(evaluate("present", equals("false"), "absent\n"), Verdict::MET);
        assert_eq!(missed(&evaluate("version", equals("2.0"), "absent\n")).1, "no TPM");
        for (attribute, text) in [
            ("version", "present\n"),
            ("version", "present\nmajor=9\n"),
            ("pcr-banks", "present\nmajor=2\n"),
            ("present", ""),
            ("present", "what?\n"),
        ] {
            assert!(matches!(evaluate(attribute, equals("true"), text), Verdict::Unknown { .. }), "{attribute} {text}");
        }
    }
}
