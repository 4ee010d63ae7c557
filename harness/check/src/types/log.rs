//! `log`: the journal of this boot.

use muster_suite::grammar::systemd;
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{FixedReading, key, keys, read, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::journal;
use crate::observed::Value;
use crate::unreadable::{Read, Unreadable};
use crate::value;
use muster_console::Setting;
use muster_console::scan::scan;
use muster_record::facts::Facts;
use muster_record::finding::{Finding, Severity};
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[
    attribute("errors", AttributeKind::Output, "Messages of priority err and worse, one a line, without time stamps."),
    attribute(
        "warnings",
        AttributeKind::Output,
        "Messages of priority warning and worse, one a line, without time stamps.",
    ),
    attribute("kernel", AttributeKind::Output, "All kernel messages."),
    attribute(
        "faults",
        AttributeKind::Output,
        "Kernel messages that a shipped console rule of severity `fail` or `fatal` finds, one a line, as `rule: message`; also those that a quiet console never shows. Without those of `stalls`.",
    ),
    attribute(
        "stalls",
        AttributeKind::Output,
        "The same of the rules about time (`lockup`, `rcu-stall`, `hung-task`): on an emulated or crowded host they can be the host's doing.",
    ),
    attribute("all", AttributeKind::Output, "Everything, without time stamps."),
    attribute("units", AttributeKind::Map(&systemd::SERVICE, &AttributeKind::Output), "By unit: its messages."),
    attribute("size", AttributeKind::Size, "Disk space of the journal."),
    attribute(
        "persistent",
        AttributeKind::Bool,
        "Whether it persists over reboots: the newest entry of this boot is in /var/log/journal.",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "log",
    summary: "The journal of this boot.",
    subject: Subject::Whole,
    shorthand: Shorthand::None,
    gone: &[],
    attributes: ATTRIBUTES,
    reads: "`journalctl -b`.",
    example: r#"log:
  errors: {lacks: [I/O error, "EXT4-fs error"]}
  faults: {empty: true}
  units: {cloud-init.service: {lacks: [Traceback]}}
"#,
};

/// The check type.
pub struct Log;

impl Check for Log {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        let mut probes = read(wanted, SOURCES);
        probes.extend(Probe::batch_with("log/units", 60, "journalctl", &keys(wanted, "units"), OF_UNIT));
        probes
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        verdicts(&TABLE, expectation, |assertion| match assertion.attribute {
            "errors" => journal::read(&seen.output("log/errors")?).map(Value::text),
            "warnings" => journal::read(&seen.output("log/warnings")?).map(Value::text),
            "kernel" => journal::read(&seen.output("log/kernel")?).map(Value::text),
            "faults" => faults(&seen.output("log/kernel-lines")?).map(Value::text),
            "stalls" => stalls(&seen.output("log/kernel-lines")?).map(Value::text),
            "all" => journal::read(&seen.output("log/all")?).map(Value::text),
            "units" => {
                let unit = key(assertion)?;
                let answer = seen.answer("log/units", unit)?;
                let found = (answer.status == 0).then(|| answer.output.split_once("\nentries:")).flatten();
                let Some((load, said)) = found else { return Err(Unreadable::new(answer.output)) };
                let said = journal::messages(said.strip_prefix('\n').unwrap_or(said));
                Ok(match load {
                    "LoadState=not-found" if said.is_empty() => {
                        Value::gone(format!("there is no unit {unit}, and the journal has nothing of it"))
                    }
                    _ => Value::text(said),
                })
            }
            "size" => {
                let text = seen.line("log/size")?;
                // `Archived and active journals take up 8.0M in the file system.`
                let word = text.split_once("take up ").and_then(|(_, rest)| rest.split_whitespace().next());
                let amount = word.and_then(|word| {
                    let unit = word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
                    let unit = match unit {
                        "B" => "B",
                        "K" => "KiB",
                        "M" => "MiB",
                        "G" => "GiB",
                        "T" => "TiB",
                        _ => return None,
                    };
                    value::size(&format!("{} {unit}", word.trim_end_matches(|c: char| c.is_ascii_alphabetic())))
                });
                amount
                    .map(|bytes| Value::Text(value::of_bytes(bytes as u128)))
                    .ok_or_else(|| Unreadable::new(format!("journalctl --disk-usage says `{text}`")))
            }
            "persistent" => seen.flag("log/persistent"),
            _ => unanswered(assertion),
        })
    }
}

/// What the console rules find in kernel messages, those about time aside.
fn faults(reading: &str) -> Read<String> {
    let text = journal::read(reading)?;
    Ok(shown(&found(text, true)?))
}

/// What the rules about time find: they are no more than notes of an emulated machine.
fn stalls(reading: &str) -> Read<String> {
    let text = journal::read(reading)?;
    let faults = found(text, true)?;
    let is_fault = |finding: &Finding| {
        faults.iter().any(|fault| fault.rule == finding.rule && fault.line_number == finding.line_number)
    };
    let mut all = found(text, false)?;
    all.retain(|finding| !is_fault(finding));
    Ok(shown(&all))
}

fn found(text: &str, emulated: bool) -> Read<Vec<Finding>> {
    // What a restart is, `journalctl -b` has decided.
    let setting = Setting { emulated, resets_watched: true, ..Setting::default() };
    let scan = scan(text.as_bytes(), setting).map_err(|error| Unreadable::new(error.to_string()))?;
    Ok(scan.findings.into_iter().filter(|finding| finding.severity >= Severity::Fail).collect())
}

fn shown(findings: &[Finding]) -> String {
    findings.iter().map(|finding| format!("{}: {}\n", finding.rule, finding.line)).collect()
}

/// Messages of one unit, after what systemd knows of it: a unit that is not there says nothing, too.
const OF_UNIT: &str = r#"load=$(systemctl show --no-pager -p LoadState -- "$1") || { echo "systemctl: $load"; return 1; }
case $load in LoadState=?*) ;; *) echo "systemctl show says nothing of $1"; return 1;; esac
said=$(journalctl -b -a -o cat --no-pager -u "$1" 2>/dev/null) || { echo "journalctl ended with $?"; return 1; }
[ -n "$said" ] || case $(journalctl -b -n 1 -o json --no-pager -q) in
'{'*) ;; *) echo 'the journal has no entries of this boot, or cannot be read'; return 1;; esac
printf '%s\nentries:\n%s\n' "$load" "$said""#;

/// A directory may be there and empty, or of another time: what counts is whether the newest entry of this boot went
/// there. journalctl takes `-b` for the newest boot of the directory that it is given, so the boot is named.
const PERSISTENT: &str = r#"IFS= read -r id </etc/machine-id || [ -n "$id" ] || exit 1
[ -d "/var/log/journal/$id" ] || { echo false; exit 0; }
command -v journalctl >/dev/null 2>&1 || { echo 'journalctl: not found' >&2; exit 127; }
boot=
IFS= read -r rest </proc/sys/kernel/random/boot_id || [ -n "$rest" ] || exit 1
while :; do case $rest in *-*) boot=$boot${rest%%-*}; rest=${rest#*-};; *) boot=$boot$rest; break;; esac; done
newest() {
    entry=$(journalctl -n 1 -o json --no-pager -q "$@" "_BOOT_ID=$boot") || return 1
    case $entry in
    *'"__MONOTONIC_TIMESTAMP":"'*) at=${entry#*\"__MONOTONIC_TIMESTAMP\":\"}; at=${at%%\"*};;
    *) at=;;
    esac
}
newest && [ -n "$at" ] || { echo 'the journal has no entries of this boot, or cannot be read' >&2; exit 1; }
all=$at
newest --directory=/var/log/journal || exit 1
# Both are of one clock, and nothing is read later than what is there at least.
if [ -n "$at" ] && [ "$at" -ge "$all" ]; then echo true; else echo false; fi"#;

/// Each makes sure first that the journal has this boot at all: no journal has no errors, too.
const SOURCES: &[FixedReading] = &[
    FixedReading {
        attributes: &["errors"],
        key: "log/errors",
        seconds: 60,
        script: journal::entries!("-p err -o cat"),
    },
    FixedReading {
        attributes: &["warnings"],
        key: "log/warnings",
        seconds: 60,
        script: journal::entries!("-p warning -o cat"),
    },
    FixedReading {
        attributes: &["kernel"],
        key: "log/kernel",
        seconds: 60,
        script: concat!(journal::not_empty!("-k"), journal::entries!("-k -o cat")),
    },
    FixedReading {
        attributes: &["faults", "stalls"],
        key: "log/kernel-lines",
        seconds: 60,
        // With the names of those who speak: a program that writes to /dev/kmsg is not the kernel.
        script: concat!(journal::not_empty!("-k"), journal::entries!("-k -o short-monotonic")),
    },
    FixedReading { attributes: &["all"], key: "log/all", seconds: 120, script: journal::entries!("-o cat") },
    FixedReading { attributes: &["size"], key: "log/size", seconds: 30, script: "journalctl --disk-usage" },
    FixedReading { attributes: &["persistent"], key: "log/persistent", seconds: 60, script: PERSISTENT },
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The journal with a line of the kernel.
    fn journal(message: &str) -> String {
        format!(
            "entries:\n[    0.000000] host kernel: Linux version 6.12.0 (x@y) #1 SMP\n[   12.345678] host kernel: {message}\n[   13.000000] host systemd[1]: Started x.\n"
        )
    }

    #[test]
    fn what_a_console_would_show_is_found_in_the_journal_too() {
        for message in [
            "XFS (vda3): Metadata corruption detected at xfs_agf_verify+0x1/0x2 [xfs], xfs_agf block 0x1",
            "BTRFS critical (device vda3): corrupt leaf: root=5 block=30408704 slot=0",
            "EXT4-fs error (device vda1): ext4_lookup:1855: inode #12: comm ls: iget: checksum invalid",
            "WARNING: fs/x.c:1 at f+0x1/0x2, CPU#0: swapper/0/0",
            "WARNING: CPU: 1 PID: 21 at kernel/workqueue.c:3031 __flush_work.cold+0x2c/0x36",
            "BUG: kernel NULL pointer dereference, address: 0000000000000000",
            "Oops: 0002 [#1] SMP PTI",
            "I/O error, dev vda, sector 8 op 0x0:(READ) flags 0x80700 phys_seg 1 prio class 0",
            "Out of memory: Killed process 123 (x) total-vm:1kB, anon-rss:1kB",
            "Kernel panic - not syncing: VFS: Unable to mount root fs",
        ] {
            assert!(faults(&journal(message)).unwrap().contains(&message[..20]), "{message}");
            assert_eq!(stalls(&journal(message)).as_deref(), Ok(""), "{message}");
        }
        for message in [
            "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
            "rcu: INFO: rcu_sched self-detected stall on CPU",
            "watchdog: BUG: soft lockup - CPU#1 stuck for 134s! [cc1:4588]",
            "INFO: task mount:321 blocked for more than 143 seconds.",
        ] {
            assert_eq!(faults(&journal(message)).as_deref(), Ok(""), "{message}");
            assert!(stalls(&journal(message)).unwrap().contains(&message[..20]), "{message}");
        }
    }

    /// A journalctl of a scratch directory: it prints the file `all`, or `disk` where a directory is named.
    const JOURNALCTL: &str = "#!/bin/sh\nwhich=all\nfor word; do case $word in --directory=*) which=disk;; _BOOT_ID=*-*) exit 9;; esac; done\ncat \"${0%/*}/$which\"\n";

    #[test]
    fn a_directory_alone_keeps_no_journal() {
        let host = tempfile::tempdir().unwrap();
        let path = |name: &str| host.path().join(name);
        let script = PERSISTENT
            .replace("/etc/machine-id", path("machine-id").to_str().unwrap())
            .replace("/var/log/journal", path("journal").to_str().unwrap());
        std::fs::write(path("machine-id"), "0123456789abcdef0123456789abcdef\n").unwrap();
        std::fs::write(path("journalctl"), JOURNALCTL).unwrap();
        std::fs::set_permissions(path("journalctl"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let seen = |all: &str, disk: &str| {
            let entry = |at: &str| match at {
                "" => String::new(),
                at => format!(
                    "{{\"MESSAGE\":\"\\\"__MONOTONIC_TIMESTAMP\\\":\\\"9\",\"__MONOTONIC_TIMESTAMP\":\"{at}\"}}\n"
                ),
            };
            std::fs::write(path("all"), entry(all)).unwrap();
            std::fs::write(path("disk"), entry(disk)).unwrap();
            let reply = crate::testing::with_tools(&[host.path()], &script);
            let seen = crate::testing::seen("log/persistent", reply);
            seen.flag("log/persistent").map(|value| value == Value::flag(true))
        };
        assert_eq!(seen("500", "500"), Ok(false), "there is no directory");
        std::fs::create_dir_all(path("journal").join("0123456789abcdef0123456789abcdef")).unwrap();
        assert_eq!(seen("500", "500"), Ok(true));
        assert_eq!(seen("500", "510"), Ok(true), "an entry came meanwhile");
        assert_eq!(seen("500", ""), Ok(false), "Storage=volatile");
        assert_eq!(seen("500", "90"), Ok(false), "the disk was lost during the boot");
        assert!(seen("", "").is_err());
    }

    #[test]
    fn ordinary_words_and_other_programs_are_no_faults() {
        for message in ["usb 1-1: DEBUG: probing", "x: hung_task detector enabled", "ACPI: no Oops: here"] {
            assert_eq!(faults(&journal(message)).as_deref(), Ok(""), "{message}");
        }
        let program = journal("x").replace("systemd[1]: Started x.", "widget[7]: BTRFS critical (device vda3): x");
        assert_eq!(faults(&program).as_deref(), Ok(""));
        assert!(faults("no journal\n").is_err() && stalls("").is_err());
    }
}
