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
    reads: "/etc/crypto-policies, what is mounted over its back ends (/proc/self/mountinfo), /proc/sys/crypto/fips_enabled.",
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

/// In FIPS mode the back ends of that policy are mounted over those that were generated, and what was generated still says
/// the other policy. The last mount there is the topmost.
const CURRENT: &str = r#"[ -d /etc/crypto-policies ] || { echo '# none'; exit; }
policy=
while read -r _ _ _ root where _; do
    [ "$where" = /etc/crypto-policies/back-ends ] || continue
    case $root in */crypto-policies/back-ends/?*) policy=${root##*/};; *) policy=;; esac
done </proc/self/mountinfo || exit 1
[ -z "$policy" ] || { echo "$policy"; exit; }
cat /etc/crypto-policies/state/current"#;

const SOURCES: &[FixedReading] = &[
    FixedReading { attributes: &["policy", "applied"], key: "crypto-policy/current", seconds: 10, script: CURRENT },
    FixedReading {
        attributes: &["configured", "applied"],
        key: "crypto-policy/config",
        seconds: 10,
        script: "[ -d /etc/crypto-policies ] || { echo '# none'; exit; }\ncat /etc/crypto-policies/config",
    },
    FixedReading { attributes: &["fips"], key: "kernel/fips", seconds: 10, script: super::kernel::FIPS },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{equals, expectation, with_tools};

    #[test]
    fn a_policy_that_is_mounted_over_another_is_in_effect() {
        let host = tempfile::tempdir().unwrap();
        let etc = host.path().join("etc");
        std::fs::create_dir_all(etc.join("state")).unwrap();
        std::fs::write(etc.join("state/current"), "DEFAULT\n").unwrap();
        let (etc, mounts) = (etc.display().to_string(), host.path().join("mountinfo"));
        let of = |configured: &str, mounted: &str| {
            std::fs::write(&mounts, format!("29 1 254:3 / / rw - ext4 /dev/vda3 rw\n{mounted}")).unwrap();
            let script = CURRENT.replace("/proc/self/mountinfo", mounts.to_str().unwrap());
            let current = with_tools(&[], &script.replace("/etc/crypto-policies", &etc));
            let config = crate::testing::reply(0, configured);
            let readings = [("crypto-policy/current", current), ("crypto-policy/config", config)];
            let seen = Observations(readings.into_iter().map(|(key, reply)| (key.to_owned(), reply)).collect());
            let policy = if configured == "FIPS" { "FIPS" } else { "DEFAULT" };
            let wanted = expectation("crypto-policy", "", &[("policy", equals(policy)), ("applied", equals("true"))]);
            CryptoPolicy.evaluate(&wanted, &seen, &Facts::default())
        };
        let met = vec![Verdict::MET; 2];
        // Of ext4, and of a subvolume of btrfs.
        for root in ["/usr/share", "/root/usr/share"] {
            let fips = format!(
                "40 29 254:3 {root}/crypto-policies/back-ends/FIPS {etc}/back-ends ro,relatime shared:1 - ext4 /dev/vda3 rw\n"
            );
            assert_eq!(of("FIPS", &fips), met);
            let other = format!("41 40 0:50 / {etc}/back-ends rw - tmpfs tmpfs rw\n");
            assert_eq!(of("DEFAULT", &format!("{fips}{other}")), met, "what is mounted over it counts");
        }
        assert_eq!(of("DEFAULT", ""), met);
        let elsewhere =
            format!("40 29 254:3 /usr/share/crypto-policies/back-ends/FIPS {etc}/other ro - ext4 /dev/vda3 rw\n");
        assert_eq!(of("DEFAULT", &elsewhere), met);
    }
}
