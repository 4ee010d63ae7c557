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
                "denials" => {
                    let text = seen.output("selinux/denials")?;
                    let said = text.strip_prefix("denials:\n").and_then(|rest| rest.strip_suffix("= end\n"));
                    Ok(Value::text(denials(said.ok_or_else(|| Unreadable::new("the list of denials is torn"))?)))
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

/// What the audit log has of them, and what the kernel said before auditd ran: neither place has both. ausearch reads a pipe instead of
/// its log when it has one for standard input.
const DENIALS: &str = r#"command -v journalctl >/dev/null 2>&1 || { echo 'journalctl: not found' >&2; exit 127; }
places=_TRANSPORT=kernel\ +\ _TRANSPORT=audit
echo denials:
if [ -r /var/log/audit/audit.log ] && ! command -v ausearch >/dev/null 2>&1; then
    [ ! -e /run/auditd.pid ] || { echo 'auditd keeps what is denied, and ausearch is not found' >&2; exit 127; }
elif [ -r /var/log/audit/audit.log ]; then
    said=$(ausearch -m avc,user_avc,selinux_err -ts boot --format raw 2>&1 </dev/null)
    case $?$said in
    0?*) places=_TRANSPORT=kernel; printf '%s\n' "$said";;
    # Without a match it ends with 1, and in this format not every version says more. That it reads the log is seen from another event,
    # of which there is one where auditd runs.
    1|1*'<no matches>'*)
        case $(ausearch -ts boot --just-one --format raw 2>&1 </dev/null) in
        *type=*) places=_TRANSPORT=kernel;;
        *) [ ! -e /run/auditd.pid ] || { echo 'ausearch finds no event of this boot, and auditd runs' >&2; exit 1; };;
        esac;;
    *) echo "ausearch: $said" >&2; exit 1;;
    esac
fi
# How journalctl ends goes past the pipe, where no line of the journal can stand in for it.
{ ended=$({ { journalctl -b -a -o cat --no-pager -q $places 3>&-; echo $? >&3; } | {
spoke=no
while IFS= read -r line || [ -n "$line" ]; do spoke=yes; case $line in *'avc:  denied'*|*'AVC avc:'*|*'SELINUX_ERR '*) printf '%s\n' "$line";; esac; done >&4
[ $spoke = yes ]
}; } 3>&1); spoke=$?; } 4>&1
[ "$ended" = 0 ] || { echo "journalctl ended with ${ended:-no status}, perhaps before the end of the journal" >&2; exit 1; }
[ $spoke = 0 ] || { echo 'the journal has no message of the kernel' >&2; exit 1; }
echo '= end'"#;

/// The denials among records of the audit log and messages of the kernel, each once: records of one event (system call, command line)
/// go with it, and what the kernel kept for auditd is in both places.
fn denials(said: &str) -> String {
    let mut known: BTreeSet<&str> = BTreeSet::new();
    let mut lines = Vec::new();
    for line in said.lines() {
        let denied = line.contains("avc:") && line.contains(" denied ");
        if !denied && !line.contains("SELINUX_ERR ") {
            continue;
        }
        // auditd adds names for numbers behind this byte.
        let line = line.split('\u{1d}').next().unwrap_or(line);
        let event = line.find("audit(").or_else(|| line.find("avc:")).map_or(line, |at| &line[at..]);
        if known.insert(event) {
            lines.push(line);
        }
    }
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// audit 4.1 of one event, and the kernel 7.2 before auditd ran.
    const LOGGED: &str = "type=AVC msg=audit(1796034829.558:61): avc:  denied  { search } for  pid=361 comm=\"firewalld\" name=\"vm\" dev=\"proc\" ino=3685 scontext=system_u:system_r:firewalld_t:s0 tcontext=system_u:object_r:sysctl_vm_t:s0 tclass=dir permissive=1\ntype=SYSCALL msg=audit(1796034829.558:61): arch=c000003e syscall=257 success=yes exit=3 comm=\"firewalld\"\u{1d}ARCH=x86_64 SYSCALL=openat\ntype=PROCTITLE msg=audit(1796034829.558:61): proctitle=2F757372\ntype=USER_AVC msg=audit(1796034830.1:70): pid=1 msg='avc:  op=load_policy lsm=selinux seqno=2 res=1'\u{1d}UID=\"root\"\n";
    const SPOKEN: &str = "audit: type=1400 audit(1796034813.202:32): avc:  denied  { search } for  pid=304 comm=\"systemd-tmpfile\" name=\".ssh\" dev=\"vda2\" ino=744 scontext=system_u:system_r:systemd_tmpfiles_t:s0 tcontext=unconfined_u:object_r:ssh_home_t:s0 tclass=dir permissive=1\n";

    #[test]
    fn a_denial_is_one_line_wherever_it_was_written() {
        let again = LOGGED.lines().next().unwrap().replace("type=AVC msg=", "audit: type=1400 ");
        let found = denials(&format!("{LOGGED}{SPOKEN}{again}\n"));
        let comms: Vec<_> = found.lines().map(|line| line.split('"').nth(1).unwrap()).collect();
        assert_eq!(comms, ["firewalld", "systemd-tmpfile"]);
        assert_eq!(denials("type=PROCTITLE msg=audit(1.2:3): proctitle=\"avc\"\n"), "");
        assert_eq!(
            denials("type=SELINUX_ERR msg=audit(1.2:3): op=x\u{1d}y\n"),
            "type=SELINUX_ERR msg=audit(1.2:3): op=x\n"
        );
    }

    /// A guest's commands: what they say and how they end.
    fn read_with(ausearch: &str, journal: &str) -> (i32, String) {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("audit.log");
        std::fs::write(&log, "type=DAEMON_START\n").unwrap();
        std::fs::write(dir.path().join("pid"), "").unwrap();
        let path = |name: &str| dir.path().join(name).display().to_string();
        let script =
            DENIALS.replace("/var/log/audit/audit.log", &path("audit.log")).replace("/run/auditd.pid", &path("pid"));
        let commands = format!(
            "ausearch() {{ {ausearch}; }}\njournalctl() {{ printf '%s' \"$*\" >{}; {journal}; }}\n",
            path("asked")
        );
        let out = std::process::Command::new("sh").args(["-c", &format!("{commands}{script}")]).output().unwrap();
        let asked = std::fs::read_to_string(path("asked")).unwrap_or_default();
        (out.status.code().unwrap(), format!("{asked}|{}", String::from_utf8_lossy(&out.stdout)))
    }

    #[test]
    fn silence_of_ausearch_is_no_denial_only_where_it_reads_the_log() {
        // audit 4.1 in the format raw: status 1 and nothing.
        let none = "case $* in *avc*) return 1;; *) echo type=DAEMON_START;; esac";
        let (status, text) =
            read_with(none, "echo 'Linux version'; echo 'audit: type=1400 audit(1.2:3): avc:  denied  { read }'");
        assert_eq!(status, 0, "{text}");
        let (asked, said) = text.split_once('|').unwrap();
        assert!(asked.ends_with("_TRANSPORT=kernel"), "the audit log has the others: {asked}");
        assert_eq!(said, "denials:\naudit: type=1400 audit(1.2:3): avc:  denied  { read }\n= end\n");
        assert_eq!(read_with("case $* in *avc*) echo '<no matches>'; return 1;; *) echo type=X;; esac", "echo x").0, 0);
        for mute in ["return 1", "echo 'Error opening config file (Permission denied)'; return 1", ":"] {
            assert_ne!(read_with(mute, "echo x").0, 0, "{mute}");
        }
        assert_ne!(read_with(none, ":").0, 0, "a journal without the kernel");
    }

    #[test]
    fn a_journal_that_was_not_read_to_its_end_is_no_answer() {
        let none = "case $* in *avc*) return 1;; *) echo type=DAEMON_START;; esac";
        for broken in ["echo x; return 1", "echo x; echo '= ended 0'; echo 0; return 1", "echo x; exit 139"] {
            assert_ne!(read_with(none, broken).0, 0, "{broken}");
        }
        let (status, text) = read_with(none, "echo '= ended 1'; echo 1");
        assert!(status == 0 && text.ends_with("|denials:\n= end\n"), "{status} {text}");
    }
}
