//! `selinux`: sELinux.

use muster_suite::grammar::system;
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{FixedReading, key, keys, read, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::shell::cat;
use crate::unreadable::{Read, Unreadable};
use muster_record::facts::Facts;
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[
    attribute(
        "mode",
        AttributeKind::Keyword(&["enforcing", "permissive", "disabled"]),
        "Mode now; `disabled` when no policy is loaded.",
    ),
    attribute(
        "configured",
        AttributeKind::Keyword(&["enforcing", "permissive", "disabled"]),
        "Mode in /etc/selinux/config.",
    ),
    attribute("policy", AttributeKind::Text, "Policy type in /etc/selinux/config (`targeted`)."),
    attribute("policy-version", AttributeKind::Integer, "Version of the policy format that the kernel speaks."),
    attribute("mls", AttributeKind::Bool, "Whether the policy has levels."),
    attribute(
        "unknown",
        AttributeKind::Keyword(&["deny", "allow", "reject"]),
        "What is done with permissions that the policy does not know.",
    ),
    attribute(
        "booleans",
        AttributeKind::Map(&system::SELINUX_BOOLEAN, &AttributeKind::Keyword(&["on", "off"])),
        "Booleans of the policy.",
    ),
    attribute(
        "permissive-types",
        AttributeKind::Set(&system::SELINUX_TYPE),
        "Domains that the policy makes permissive.",
    ),
    attribute(
        "unconfined-services",
        AttributeKind::Set(&system::PROCESS),
        "Names of running system services in unconfined_service_t, initrc_t or unlabeled_t.",
    ),
    attribute("denials", AttributeKind::Output, "Denials of this boot, one a line."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "selinux",
    summary: "SELinux.",
    subject: Subject::Whole,
    shorthand: Shorthand::None,
    gone: &[],
    attributes: ATTRIBUTES,
    reads: "/sys/fs/selinux, /etc/selinux/config, /proc/*/attr/current, the journal or the audit log; `semodule` for permissive types.",
    example: r#"selinux:
  mode: enforcing
  configured: enforcing
  policy: targeted
  unconfined-services: none
  booleans: {httpd_can_network_connect: "off"}
"#,
};

/// The check type.
pub struct Selinux;

impl Check for Selinux {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        let mut probes = read(wanted, SOURCES);
        probes.extend(Probe::batch(
            "selinux/booleans",
            20,
            &keys(wanted, "booleans"),
            r#"case $1 in */*|.*|'') return 3;; esac
[ -d /sys/fs/selinux/booleans ] || return 4
[ -e "/sys/fs/selinux/booleans/$1" ] || return 3
cat "/sys/fs/selinux/booleans/$1""#,
        ));
        probes
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        verdicts(&TABLE, expectation, |assertion| {
            // `disabled` is no field, so that nothing is found in it.
            let kernel = || seen.output("selinux/kernel");
            let field = |text: &str, name: &str| {
                text.lines()
                    .filter_map(|line| line.split_once('='))
                    .find(|(field, _)| *field == name)
                    .map(|(_, value)| value.to_owned())
            };
            let configured = |name: &str| -> Read<Value> {
                let text = seen.file("selinux/config")?;
                let line = text
                    .lines()
                    .map(str::trim)
                    .filter(|line| !line.starts_with('#'))
                    .filter_map(|line| line.split_once('='))
                    .rfind(|(field, _)| field.trim() == name);
                Ok(line.map_or_else(
                    || Value::absent("not configured"),
                    |(_, value)| Value::text(value.trim().to_lowercase()),
                ))
            };
            let switch = |name: &str, on: &str, off: &str| -> Read<Value> {
                Ok(match field(&kernel()?, name).as_deref() {
                    Some("1") => Value::text(on),
                    Some("0") => Value::text(off),
                    _ => Value::absent("no policy is loaded"),
                })
            };
            match assertion.attribute {
                "mode" => {
                    let text = kernel()?;
                    Ok(Value::text(match field(&text, "enforce").as_deref() {
                        Some("1") => "enforcing",
                        Some("0") => "permissive",
                        Some(other) => return Err(Unreadable::new(format!("/sys/fs/selinux/enforce is `{other}`"))),
                        None => "disabled",
                    }))
                }
                "configured" => configured("SELINUX"),
                "policy" => configured("SELINUXTYPE"),
                "policy-version" => {
                    Ok(field(&kernel()?, "policyvers")
                        .map_or_else(|| Value::absent("no policy is loaded"), Value::Text))
                }
                "mls" => switch("mls", "true", "false"),
                "unknown" => {
                    match (field(&kernel()?, "reject_unknown").as_deref(), field(&kernel()?, "deny_unknown").as_deref())
                    {
                        (Some("1"), _) => Ok(Value::text("reject")),
                        (_, Some("1")) => Ok(Value::text("deny")),
                        (_, Some("0")) => Ok(Value::text("allow")),
                        _ => Ok(Value::absent("no policy is loaded")),
                    }
                }
                "booleans" => {
                    let answer = seen.answer("selinux/booleans", key(assertion)?)?;
                    match (answer.status, answer.output.split_whitespace().next()) {
                        (0, Some("1")) => Ok(Value::text("on")),
                        (0, Some("0")) => Ok(Value::text("off")),
                        (3, _) => Ok(Value::gone("the policy has no such boolean")),
                        (4, _) => Ok(Value::gone("no policy is loaded")),
                        _ => Err(Unreadable::new(answer.output)),
                    }
                }
                "permissive-types" => {
                    let text = seen.output("selinux/permissive")?;
                    let types = text
                        .trim()
                        .strip_prefix("types:")
                        .ok_or_else(|| Unreadable::new("the list of types is torn"))?;
                    Ok(Value::items(types.split_whitespace().filter(|word| word.ends_with("_t"))))
                }
                "unconfined-services" => {
                    if field(&kernel()?, "enforce").is_none() {
                        return Ok(Value::gone("no policy is loaded"));
                    }
                    let text = seen.output("selinux/processes")?;
                    let mut names: Vec<&str> = text
                        .lines()
                        .filter_map(|line| line.split_once('\t'))
                        .filter(|(label, _)| {
                            matches!(label.split(':').nth(2), Some("unconfined_service_t" | "initrc_t" | "unlabeled_t"))
                        })
                        .map(|(_, name)| name)
                        .collect();
                    names.sort_unstable();
                    names.dedup();
                    Ok(Value::items(names))
                }
                "denials" => {
                    let text = seen.output("selinux/denials")?;
                    let said = text
                        .strip_prefix("denials:\n")
                        .ok_or_else(|| Unreadable::new("the list of denials is torn"))?;
                    Ok(Value::text(said))
                }
                _ => unanswered(assertion),
            }
        })
    }
}

const SOURCES: &[FixedReading] = &[
    FixedReading {
        attributes: &["mode", "policy-version", "mls", "unknown", "unconfined-services"],
        key: "selinux/kernel",
        seconds: 10,
        // A kernel with SELinux and no selinuxfs could be enforcing unseen.
        script: "[ -r /proc/filesystems ] || { echo '/proc is not mounted' >&2; exit 1; }\nif [ ! -e /sys/fs/selinux/enforce ]; then\nwhile read -r nodev name; do if [ \"$name\" = selinuxfs ]; then\nwhile read -r source path type rest; do [ \"$type\" != selinuxfs ] || { echo 'selinuxfs is mounted elsewhere' >&2; exit 1; }; done </proc/mounts\n[ ! -e /proc/self/attr/current ] || IFS= read -r label 2>/dev/null </proc/self/attr/current\ncase $label in *:*:*) echo 'a policy is loaded and selinuxfs is not mounted' >&2; exit 1;; esac\nfi; done </proc/filesystems\necho disabled\nexit 0\nfi\ncd /sys/fs/selinux || exit 1\nfor file in enforce policyvers mls deny_unknown reject_unknown; do [ -r $file ] || continue; value=; IFS= read -r value <$file || [ -n \"$value\" ] || exit 1; echo \"$file=$value\"; done",
    },
    FixedReading {
        attributes: &["configured", "policy"],
        key: "selinux/config",
        seconds: 10,
        script: concat!("file=/etc/selinux/config; [ -e $file ] || file=/dev/null\n", cat!("$file")),
    },
    FixedReading {
        attributes: &["permissive-types"],
        key: "selinux/permissive",
        seconds: 120,
        script: "command -v semodule >/dev/null 2>&1 || { echo 'semodule: not found' >&2; exit 127; }\nif command -v semanage >/dev/null 2>&1; then\ntypes=$(semanage permissive -l -n) || exit 1\n# Without permissive types it prints nothing; every policy has a login, though.\n[ -n \"$types\" ] || [ -n \"$(semanage login -l -n)\" ] || { echo 'semanage prints nothing' >&2; exit 1; }\nelse\nmodules=$(semodule -lfull) && [ -n \"$modules\" ] || { echo 'semodule lists no module' >&2; exit 1; }\ntypes=$(printf '%s\\n' \"$modules\" | while read -r priority name rest; do case $name in permissive_*) echo \"${name#permissive_}\";; esac; done)\nfi\nprintf 'types:%s\\n' \"$types\"",
    },
    FixedReading {
        attributes: &["unconfined-services"],
        key: "selinux/processes",
        seconds: 30,
        script: "for dir in /proc/[0-9]*; do\nlabel=; name=\n{ IFS= read -r label <$dir/attr/current; IFS= read -r name <$dir/comm; } 2>/dev/null\n[ -z \"$name\" ] || printf '%s\\t%s\\n' \"$label\" \"$name\"\ndone",
    },
    FixedReading {
        attributes: &["denials"],
        key: "selinux/denials",
        seconds: 60,
        script: "if [ -r /var/log/audit/audit.log ] && command -v ausearch >/dev/null 2>&1; then\n# Without a match it ends with 1 and says so.\nsaid=$(ausearch -m avc,user_avc,selinux_err -ts boot --format raw 2>&1 </dev/null); status=$?\ncase $status$said in 0?*) printf 'denials:\\n%s\\n' \"$said\";; 1*'<no matches>'*) echo denials:;; *) echo \"ausearch: $said\" >&2; exit 1;; esac\nexit 0\nfi\ncommand -v journalctl >/dev/null 2>&1 || { echo 'journalctl: not found' >&2; exit 127; }\necho denials:\njournalctl -b -o cat --no-pager -q _TRANSPORT=audit + _TRANSPORT=kernel | {\nspoke=no\nwhile IFS= read -r line; do spoke=yes; case $line in *'avc:  denied'*|*'AVC avc:'*) printf '%s\\n' \"$line\";; esac; done\n[ $spoke = yes ] || { echo 'the journal has no message of the kernel' >&2; exit 1; }\n}",
    },
];
