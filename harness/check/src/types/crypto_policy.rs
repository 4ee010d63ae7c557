//! `crypto-policy`: the system-wide cryptographic policy.

use muster_suite::grammar::system;
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{FixedReading, key, keys, read, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::shell::{self, cat};
use crate::unreadable::{Read, Unreadable};
use muster_record::facts::Facts;
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[
    attribute(
        "policy",
        AttributeKind::Text,
        "The policy in effect, with its subpolicies (`DEFAULT`, `FUTURE:NO-SHA1`).",
    ),
    attribute("configured", AttributeKind::Text, "The policy of /etc/crypto-policies/config."),
    attribute("applied", AttributeKind::Bool, "Whether what is configured is in effect."),
    attribute("fips", AttributeKind::Bool, "Whether the kernel is in FIPS mode."),
    attribute(
        "backends",
        AttributeKind::Map(&system::CRYPTO_BACKEND, &AttributeKind::Output),
        "By back end (`openssl`, `opensshserver`): its configuration.",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "crypto-policy",
    summary: "The system-wide cryptographic policy.",
    subject: Subject::Whole,
    shorthand: Shorthand::Attribute("policy"),
    gone: &[],
    attributes: ATTRIBUTES,
    reads: "/etc/crypto-policies, /proc/sys/crypto/fips_enabled.",
    example: r#"crypto-policy:
  policy: DEFAULT
  backends: {opensshserver: {lacks: [3des]}}
"#,
};

/// The check type.
pub struct CryptoPolicy;

impl Check for CryptoPolicy {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        let mut probes = read(wanted, SOURCES);
        probes.extend(Probe::batch(
            "crypto-policy/backends",
            20,
            &keys(wanted, "backends"),
            &(r#"case $1 in */*) return 3;; esac
[ -d /etc/crypto-policies/back-ends ] || return 4
[ -e "/etc/crypto-policies/back-ends/$1.config" ] || return 3
file=/etc/crypto-policies/back-ends/$1.config
"#
            .to_owned()
                + cat!("\"$file\"")),
        ));
        probes
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        verdicts(&TABLE, expectation, |assertion| {
            let policy = |key| -> Read<Option<String>> {
                let text = seen.output(key)?;
                let line = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
                Ok(line.map(str::to_owned))
            };
            let value = |policy: Option<String>| {
                policy.map_or_else(|| Value::gone("no system-wide crypto policy"), Value::Text)
            };
            match assertion.attribute {
                "policy" => Ok(value(policy("crypto-policy/current")?)),
                "configured" => Ok(value(policy("crypto-policy/config")?)),
                "applied" => match (policy("crypto-policy/config")?, policy("crypto-policy/current")?) {
                    (Some(configured), Some(current)) => Ok(Value::flag(configured == current)),
                    _ => Ok(Value::gone("no system-wide crypto policy")),
                },
                "fips" => seen.flag("kernel/fips"),
                "backends" => {
                    let answer = seen.answer("crypto-policy/backends", key(assertion)?)?;
                    match answer.status {
                        0 => shell::whole(&answer.output).map(Value::text),
                        3 => Ok(Value::gone("no such back end")),
                        4 => Ok(Value::gone("no system-wide crypto policy")),
                        _ => Err(Unreadable::new(answer.output)),
                    }
                }
                _ => unanswered(assertion),
            }
        })
    }
}

const SOURCES: &[FixedReading] = &[
    FixedReading {
        attributes: &["policy", "applied"],
        key: "crypto-policy/current",
        seconds: 10,
        script: "[ -d /etc/crypto-policies ] || { echo '# none'; exit; }\ncat /etc/crypto-policies/state/current",
    },
    FixedReading {
        attributes: &["configured", "applied"],
        key: "crypto-policy/config",
        seconds: 10,
        script: "[ -d /etc/crypto-policies ] || { echo '# none'; exit; }\ncat /etc/crypto-policies/config",
    },
    FixedReading { attributes: &["fips"], key: "kernel/fips", seconds: 10, script: super::kernel::FIPS },
];
