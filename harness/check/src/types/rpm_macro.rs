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

/// Prints `=` and the expansion, which may be nothing: that rpm prints at all is seen from a text before.
const EVAL: &str = r#"[ "$(rpm --eval muster)" = muster ] || { echo 'it does not print a text without macros'; return 1; }
out=$(rpm --eval "$1" 2>&1) || { echo "$out"; return 1; }
printf '=%s' "$out""#;

impl Check for RpmMacro {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        Probe::batch_with("rpm/macros", 20, "rpm", &subjects(wanted, &["value", "defined"]), EVAL).into_iter().collect()
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        let name = &expectation.subject;
        verdicts(&TABLE, expectation, |assertion| {
            let answer = seen.answer("rpm/macros", name)?;
            if answer.status != 0 {
                return Err(Unreadable::new(format!("rpm --eval: {}", answer.output)));
            }
            let expansion =
                answer.output.strip_prefix('=').ok_or_else(|| Unreadable::new("the answer of rpm --eval is torn"))?;
            match assertion.attribute {
                "value" if expansion == name => Ok(Value::gone("an undefined macro, which is its own expansion")),
                "value" => Ok(Value::text(expansion)),
                "defined" => Ok(Value::flag(expansion != name)),
                _ => unanswered(assertion),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{equals, expectation, missed, seen};
    use muster_suite::model::Matcher;

    /// What is said of an expression on a guest with this rpm.
    fn on(rpm: &str, name: &str, attribute: &'static str, matcher: Matcher) -> Verdict {
        let wanted = expectation("rpm-macro", name, &[(attribute, matcher)]);
        let probe = RpmMacro.probes(&[&wanted], &Facts::default()).remove(0);
        let reply = crate::testing::with_tools(&[], &format!("rpm() {{ {rpm}; }}\n{}", probe.script));
        RpmMacro.evaluate(&wanted, &seen(&probe.key, reply), &Facts::default()).remove(0)
    }

    #[test]
    fn a_macro_may_expand_to_nothing_and_a_mute_rpm_says_nothing() {
        let rpm = r#"case $2 in '%{?fedora}') echo 43;; '%{?rhel}') echo;; *) printf '%s\n' "$2";; esac"#;
        assert_eq!(on(rpm, "%{?rhel}", "value", Matcher::Empty(true)), Verdict::MET);
        assert_eq!(on(rpm, "%{?rhel}", "defined", equals("true")), Verdict::MET);
        assert_eq!(on(rpm, "%{?fedora}", "value", equals("43")), Verdict::MET);
        assert!(missed(&on(rpm, "%no_such", "value", Matcher::Empty(true))).1.contains("undefined"));
        for broken in [":", "echo", "echo 'error: no memory' >&2; return 1"] {
            let verdict = on(broken, "%{?rhel}", "value", Matcher::Empty(true));
            assert!(matches!(verdict, Verdict::Unknown { .. }), "{broken}: {verdict:?}");
        }
    }
}
