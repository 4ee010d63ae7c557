//! `selinux`: sELinux.

use muster_suite::grammar::system;
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{FixedReading, key, keys, read, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::shell::cat;
use crate::types::selinux_policy;
use crate::unreadable::{Read, Unreadable};
use crate::whole_name;
use muster_record::facts::Facts;
use muster_suite::model::Expectation;
use std::collections::BTreeSet;

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
    reads: "/sys/fs/selinux, /etc/selinux/config, /proc/*/attr/current, the journal and the audit log; `semanage` or `seinfo` for permissive types, or the head of the loaded policy.",
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
                "permissive-types" => selinux_policy::permissive(&seen.output("selinux/permissive")?).map(Value::Items),
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
                "denials" => denials(&seen.output("selinux/denials")?).map(Value::text),
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
        script: selinux_policy::PERMISSIVE,
    },
    FixedReading {
        attributes: &["unconfined-services"],
        key: "selinux/processes",
        seconds: 30,
        script: concat!(
            whole_name::function!(),
            r#"for dir in /proc/[0-9]*; do
label=; comm=
{ IFS= read -r label <$dir/attr/current; IFS= read -r comm <$dir/comm; } 2>/dev/null
[ -n "$comm" ] || continue
whole "${dir#/proc/}" "$comm"
printf '%s\t%s\n' "$label" "${name:-$comm}"
done"#
        ),
    },
    FixedReading { attributes: &["denials"], key: "selinux/denials", seconds: 120, script: DENIALS },
];

/// Both places that denials go to: auditd keeps a log of its own, and without it they are in the journal. A log that the
/// builder left says nothing of this boot.
const DENIALS: &str = r#"log=/var/log/audit/audit.log
echo audit:
if [ -s "$log" ]; then
    if command -v ausearch >/dev/null 2>&1; then
        # Without a match it ends with 1 and says so.
        said=$(ausearch -m avc,user_avc,selinux_err -ts boot --format raw 2>&1 </dev/null); status=$?
        case $status$said in 0?*) printf '%s\n' "$said";; 1*'<no matches>'*) ;; *) echo "ausearch: $said" >&2; exit 1;; esac
    else
        for dir in /proc/[0-9]*; do
            name=; IFS= read -r name 2>/dev/null <"$dir/comm"
            [ "$name" != auditd ] || { echo 'auditd keeps what is denied, and ausearch is not found' >&2; exit 127; }
        done
    fi
fi
echo journal:
command -v journalctl >/dev/null 2>&1 || { echo 'journalctl: not found' >&2; exit 127; }
journalctl -b -a -o cat --no-pager -q _TRANSPORT=audit + _TRANSPORT=kernel | {
    spoke=no
    while IFS= read -r line || [ -n "$line" ]; do
        spoke=yes
        case $line in *'avc:  denied'*|*'AVC avc:'*|*'SELINUX_ERR '*) printf '%s\n' "$line";; esac
    done
    [ $spoke = yes ] || { echo 'the journal has no message of the kernel' >&2; exit 1; }
} || exit 1
echo end"#;

/// The denials of both, each once.
fn denials(text: &str) -> Read<String> {
    let torn = || Unreadable::new("the list of denials is torn");
    let (audit, journal) = text
        .strip_prefix("audit:\n")
        .and_then(|text| text.strip_suffix("end\n"))
        .and_then(|text| text.split_once("journal:\n"))
        .ok_or_else(torn)?;
    // The one has the record's type and number before it and may have names behind it, the other has neither.
    let said = |line: &str| {
        let at = line.find("avc:").unwrap_or(0);
        line[at..].split('\u{1d}').next().unwrap_or_default().trim_end().to_owned()
    };
    let known: BTreeSet<String> = audit.lines().map(said).collect();
    let more = journal.lines().filter(|line| !known.contains(&said(line)));
    Ok(audit.lines().chain(more).map(|line| format!("{line}\n")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    const DENIED: &str = "avc:  denied  { read } for  pid=7 comm=\"x\" name=\"shadow\" scontext=a:b:c:s0 tcontext=a:b:d:s0 tclass=file permissive=0";

    fn install(directory: &Path, name: &str, script: &str) {
        let path = directory.join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }

    #[test]
    fn the_journal_is_read_although_a_builder_left_a_log_and_each_denial_is_one() {
        let host = tempfile::tempdir().unwrap();
        let log = host.path().join("audit.log");
        let script = DENIALS.replace("/var/log/audit/audit.log", log.to_str().unwrap());
        let journal = format!(
            "audit: type=1400 audit(1700000000.123:45): {DENIED}\nusb 1-1: new device\nAVC avc:  denied  {{ write }} for  pid=8"
        );
        install(host.path(), "journalctl", &format!("cat <<'END'\n{journal}\nEND"));
        let read = || {
            let reply = crate::testing::with_tools(&[host.path()], &script);
            denials(&crate::testing::seen("x", reply).output("x")?)
        };
        let both =
            format!("audit: type=1400 audit(1700000000.123:45): {DENIED}\nAVC avc:  denied  {{ write }} for  pid=8\n");
        assert_eq!(read(), Ok(both.clone()), "no log at all");
        std::fs::write(&log, "of the builder\n").unwrap();
        install(host.path(), "ausearch", "echo '<no matches>' >&2; exit 1");
        assert_eq!(read(), Ok(both));
        let record = format!("type=AVC msg=audit(1700000000.123:45): {DENIED}\u{1d}AUID=\"root\"");
        install(host.path(), "ausearch", &format!("cat <<'END'\n{record}\nEND"));
        assert_eq!(read(), Ok(format!("{record}\nAVC avc:  denied  {{ write }} for  pid=8\n")));
        install(host.path(), "ausearch", "echo 'Error opening /var/log/audit/audit.log' >&2; exit 1");
        assert!(read().is_err());
        install(host.path(), "ausearch", "echo '<no matches>' >&2; exit 1");
        install(host.path(), "journalctl", "");
        assert!(read().is_err(), "a silent journal");
        assert!(denials("").is_err() && denials("audit:\njournal:\n").is_err());
    }
}
