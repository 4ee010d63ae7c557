//! `soname`: a shared library, by soname, as installed packages provide it.

use muster_suite::grammar::packages;
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{subjects, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::unreadable::Unreadable;
use crate::{rpm, shell};
use muster_record::facts::Facts;
use muster_suite::model::Expectation;
use std::collections::BTreeSet;

const ATTRIBUTES: &[Attribute] = &[
    attribute("provided", AttributeKind::Bool, "Whether an installed package provides it, in any word size."),
    attribute("packages", AttributeKind::Set(&packages::PACKAGE_NAME), "Names of the packages that provide it."),
    attribute(
        "versions",
        AttributeKind::Set(&packages::SYMBOL_VERSION),
        "Symbol versions it provides (`GLIBC_2.42`, `OPENSSL_3.0.0`).",
    ),
    attribute("bits", AttributeKind::Set(&packages::BITS), "Word sizes it is provided in: 64, 32."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "soname",
    summary: "A shared library, by soname, as installed packages provide it.",
    subject: Subject::Named(&packages::SONAME),
    shorthand: Shorthand::Keywords(&[("present", "provided", "true"), ("absent", "provided", "false")]),
    gone: &["provided"],
    attributes: ATTRIBUTES,
    reads: "`rpm -qa --provides` with package names, once.",
    example: r#"soname:
  libssl.so.3: present
  libc.so.6: {versions: {has: [GLIBC_2.42]}, bits: {only: ["64"]}}
  libcrypt.so.1: absent
"#,
};

/// The check type.
pub struct Soname;

/// Key of [`provides`].
pub const PROVIDES: &str = "rpm/provides";

/// Package and capability, a tab between, of everything that installed packages provide.
pub fn provides() -> Probe {
    let script = format!("{}export LC_ALL=C\nrpm -qa --qf '[%{{=NAME}}\\t%{{PROVIDENAME}}\\n]'", shell::need("rpm"));
    Probe::new(PROVIDES, 120, script)
}

impl Check for Soname {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        if subjects(wanted, &["provided", "packages", "versions", "bits"]).is_empty() {
            return Vec::new();
        }
        vec![provides()]
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, facts: &Facts) -> Vec<Verdict> {
        let soname = &expectation.subject;
        verdicts(&TABLE, expectation, |assertion| {
            rpm::counts(facts, "what provides a library")?;
            let text = seen.output(PROVIDES)?;
            let mut any = false;
            let (mut packages, mut versions, mut bits) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
            for (package, capability) in text.lines().filter_map(|line| line.split_once('\t')) {
                any |= package != rpm::KEY;
                // `libc.so.6(GLIBC_2.42)(64bit)`, `libc.so.6()(64bit)`, and plain `libc.so.6` for 32 bits.
                let Some(rest) =
                    capability.strip_prefix(soname.as_str()).filter(|rest| rest.is_empty() || rest.starts_with('('))
                else {
                    continue;
                };
                packages.insert(package);
                bits.insert(if rest.ends_with("(64bit)") { "64" } else { "32" });
                let version = rest.trim_start_matches('(').split(')').next().unwrap_or_default();
                if !version.is_empty() && version != "64bit" {
                    versions.insert(version);
                }
            }
            if !any {
                return Err(Unreadable::new("the RPM database lists no capability"));
            }
            match assertion.attribute {
                "provided" => Ok(Value::flag(!packages.is_empty())),
                _ if packages.is_empty() => Ok(Value::gone("nothing installed provides it")),
                "packages" => Ok(Value::items(packages)),
                "versions" => Ok(Value::items(versions)),
                "bits" => Ok(Value::items(bits)),
                _ => unanswered(assertion),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{equals, expectation, missed, reply, seen};
    use muster_suite::model::Matcher;

    #[test]
    fn versions_and_word_sizes_are_distinguished() {
        let text = "glibc\tlibc.so.6\nglibc\tlibc.so.6()(64bit)\nglibc\tlibc.so.6(GLIBC_2.42)(64bit)\nlibcrypt\tlibcrypt.so.2()(64bit)\n";
        let evaluate = |subject: &str, attribute: &'static str, matcher, text: &str| {
            Soname
                .evaluate(
                    &expectation("soname", subject, &[(attribute, matcher)]),
                    &seen("rpm/provides", reply(0, text)),
                    &Facts::default(),
                )
                .remove(0)
        };
        assert_eq!(evaluate("libc.so.6", "versions", Matcher::Only(vec!["GLIBC_2.42".into()]), text), Verdict::MET);
        assert_eq!(evaluate("libc.so.6", "bits", Matcher::Only(vec!["64".into(), "32".into()]), text), Verdict::MET);
        assert_eq!(evaluate("libcrypt.so", "provided", equals("false"), text), Verdict::MET);
        assert_eq!(
            missed(&evaluate("libcrypt.so.1", "versions", Matcher::None, text)).1,
            "nothing installed provides it"
        );
        for empty in ["", "gpg-pubkey\tgpg(Maker)\n"] {
            assert!(matches!(evaluate("libx.so.1", "provided", equals("false"), empty), Verdict::Unknown { .. }));
        }
    }
}
