//! `secure-boot`: whether the firmware checked what it started, and what the kernel makes of it.

use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use super::kernel::{LOCKDOWN, bracketed_value};
use crate::assertions::{FixedReading, read, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::unreadable::{Read, Unreadable};
use muster_record::facts::Facts;
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[
    attribute("enabled", AttributeKind::Bool, "Whether it is on; false on BIOS machines."),
    attribute(
        "setup-mode",
        AttributeKind::Bool,
        "Whether anybody may enrol keys, because the firmware has no platform key; absent on BIOS machines.",
    ),
    attribute(
        "lockdown",
        AttributeKind::Keyword(&["none", "integrity", "confidentiality"]),
        "Lockdown mode of the kernel, which distributions turn on with Secure Boot.",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "secure-boot",
    summary: "UEFI Secure Boot, as the guest sees it.",
    subject: Subject::Whole,
    shorthand: Shorthand::Keywords(&[("on", "enabled", "true"), ("off", "enabled", "false")]),
    gone: &[],
    attributes: ATTRIBUTES,
    reads: "The variables SecureBoot and SetupMode in /sys/firmware/efi/efivars (with `od`), /sys/kernel/security/lockdown.",
    example: r#"secure-boot:
  enabled: true
  setup-mode: false
  lockdown: integrity
"#,
};

/// The check type.
pub struct SecureBoot;

impl Check for SecureBoot {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        read(wanted, SOURCES)
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        verdicts(&TABLE, expectation, |assertion| match assertion.attribute {
            // Firmware that does not have the variable does not have Secure Boot.
            "enabled" => Ok(Value::flag(variable(seen, "SecureBoot")?.unwrap_or(false))),
            "setup-mode" => {
                Ok(variable(seen, "SetupMode")?.map_or_else(|| Value::gone("no Secure Boot here"), Value::flag))
            }
            "lockdown" => bracketed_value(&seen.line("kernel/lockdown")?, "this kernel has no lockdown"),
            _ => unanswered(assertion),
        })
    }
}

/// A variable of the firmware that is 0 or 1; `None` when this firmware does not have it.
fn variable(seen: &Observations, name: &str) -> Read<Option<bool>> {
    let text = seen.output("secure-boot/variables")?;
    match text.lines().next() {
        Some("bios") => return Ok(None),
        Some("efi") => {}
        _ => return Err(Unreadable::new("the reading of the firmware's variables is torn")),
    }
    let line = text.lines().filter_map(|line| line.split_once('=')).find(|(variable, _)| *variable == name);
    let Some((_, bytes)) = line else { return Ok(None) };
    let bytes: Vec<&str> = bytes.split_whitespace().collect();
    // Four bytes of attributes, then the value.
    match bytes[..] {
        [_, _, _, _, "0"] => Ok(Some(false)),
        [_, _, _, _, "1"] => Ok(Some(true)),
        _ => Err(Unreadable::new(format!("the variable {name} has another shape"))),
    }
}

const SOURCES: &[FixedReading] = &[
    FixedReading {
        attributes: &["enabled", "setup-mode"],
        key: "secure-boot/variables",
        seconds: 10,
        // Every UEFI has BootOrder or SecureBoot; without either the directory is only a mount point.
        script: r#"[ -d /sys/firmware ] || { echo '/sys is not mounted' >&2; exit 1; }
[ -d /sys/firmware/efi ] || { echo bios; exit; }
echo efi
cd /sys/firmware/efi/efivars || exit 1
guid=8be4df61-93ca-11d2-aa0d-00e098032b8c
[ -e BootOrder-$guid ] || [ -e SecureBoot-$guid ] || { echo 'EFI variables cannot be read' >&2; exit 1; }
for name in SecureBoot SetupMode; do
[ -e $name-$guid ] || continue
bytes=$(od -An -t u1 $name-$guid) || exit 1
printf '%s=%s\n' $name "$(echo $bytes)"
done"#,
    },
    FixedReading { attributes: &["lockdown"], key: "kernel/lockdown", seconds: 10, script: LOCKDOWN },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{equals, expectation, missed, reply};
    use muster_suite::model::Matcher;

    fn evaluate(attribute: &'static str, matcher: Matcher, variables: &str, lockdown: &str) -> Verdict {
        let seen = Observations(
            [
                ("secure-boot/variables".to_owned(), reply(0, variables)),
                ("kernel/lockdown".to_owned(), reply(0, lockdown)),
            ]
            .into(),
        );
        SecureBoot
            .evaluate(&expectation("secure-boot", "", &[(attribute, matcher)]), &seen, &Facts::default())
            .remove(0)
    }

    #[test]
    fn variables_are_read_and_bios_has_none() {
        let on = "efi\nSecureBoot=6 0 0 0 1\nSetupMode=6 0 0 0 0\n";
        assert_eq!(evaluate("enabled", equals("true"), on, ""), Verdict::MET);
        assert_eq!(evaluate("setup-mode", equals("false"), on, ""), Verdict::MET);
        assert_eq!(missed(&evaluate("enabled", equals("false"), on, "")), ("enabled is false", "true"));
        assert_eq!(evaluate("enabled", equals("false"), "bios\n", ""), Verdict::MET);
        assert_eq!(missed(&evaluate("setup-mode", equals("false"), "bios\n", "")).1, "no Secure Boot here");
        for strange in ["SecureBoot=6 0 0 0 2\n", "SecureBoot=1\n", "SecureBoot=\n", "SecureBoot=6 0 0 0 1 1\n"] {
            assert!(
                matches!(evaluate("enabled", equals("true"), &format!("efi\n{strange}"), ""), Verdict::Unknown { .. }),
                "{strange}"
            );
        }
    }

    #[test]
    fn lockdown_is_the_word_in_brackets() {
        assert_eq!(evaluate("lockdown", equals("integrity"), "", "none [integrity] confidentiality\n"), Verdict::MET);
        assert_eq!(missed(&evaluate("lockdown", equals("integrity"), "", "[none] integrity\n")).1, "none");
        assert!(matches!(evaluate("lockdown", equals("none"), "", "none integrity\n"), Verdict::Unknown { .. }));
    }
}
