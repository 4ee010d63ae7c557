//! What base checks read before and after a test, and the entries of the journal in it.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use crate::check::{Observations, Probe};
use crate::shell::quote;
use crate::unreadable::{Read, Unreadable};
use crate::{journal, restarts, unit_list};
use muster_boot_time::systemctl_show;
use muster_guest::Reply;
use muster_record::facts::Facts;

/// systemd's message id of a core dump (SD_MESSAGE_COREDUMP).
pub(super) const COREDUMP: &str = "fc2e22bc6ee647b6b90729ab34a250b1";
pub(super) const UNITS: &str = "base/units";
pub(super) const KERNEL: &str = "base/kernel";
pub(super) const JOURNAL: &str = "base/journal";
pub(super) const AUDIT: &str = "base/audit";
/// Reads the units that failed or wait for an automatic restart, and how often the latter were restarted.
const UNITS_SCRIPT: &str = r#"list=$(systemctl list-units --state=failed,auto-restart,auto-restart-queued --plain --full --no-pager) || exit 1
printf '%s\nshown\n' "$list"
set -f; set --
while read -r name load active sub rest; do
    case $sub in auto-restart*) set -- "$@" "$name";; esac
done <<LIST
$list
LIST
[ $# -eq 0 ] || systemctl show --no-pager -p Id -p SubState -p NRestarts -- "$@""#;
/// The entries among which those are that base checks look at, as words of journalctl.
pub(super) const CHOSEN: &str = "_TRANSPORT=kernel + _TRANSPORT=audit + MESSAGE_ID=fc2e22bc6ee647b6b90729ab34a250b1 + MESSAGE_ID=5eb03494b6584870a536b337290809b3";
/// Runs journalctl. Where it prints nothing, not even that nothing matches, it must show that it has
/// entries of this boot at all. `speaks` prints its answer.
const SPEAKS: &str = r#"speaks() {
    said=$("$@") || return 1
    case $said in '{'*) printf '%s\n' "$said";; *) echo 'the journal has no entries of this boot, or cannot be read' >&2; return 1;; esac
}
"#;
/// `entries` reads all the entries, however many there are: a kernel prints thousands of lines during a boot
/// that is well, so that the guest passes on only those that a base check could count. The last line is
/// journalctl's `-- cursor: `, where the next reading begins. Only where there is no grep does all of it
/// come; a reading above the limit of a probe is an error and no answer.
const ENTRIES: &str = r#"chosen() {
    if command -v grep >/dev/null 2>&1; then
        LC_ALL=C grep -a -e '^-- ' -e '^= ' -e '"fc2e22bc6ee647b6b90729ab34a250b1"' -e '"5eb03494b6584870a536b337290809b3"' \
            -e 'avc:' -e 'Killed process' -e '"MESSAGE" *: *\['
    else cat; fi
}
entries() {
    said=$({ "$@" --show-cursor; echo "= ended $?"; } | chosen)
    case $said in
    *'= ended 0') said=${said%'= ended 0'}; said=${said%
};;
    *'= ended '*) return 1;;
    *) echo 'what chooses among the entries of the journal did not show the end of them' >&2; return 1;;
    esac
    [ -n "$said" ] || { speaks journalctl -b -n 1 -o json --no-pager -q >/dev/null && said='-- No entries --'; } || return 1
    printf '%s\n' "$said"
}
"#;
/// The fields that are read. journalctl leaves out the text of a message above 4096 bytes, such as that of
/// a core dump with a long stack: then `COREDUMP_COMM` says of which program it is.
const FIELDS: &str = "MESSAGE,MESSAGE_ID,_TRANSPORT,UNIT,N_RESTARTS,COREDUMP_COMM";

/// `denials` prints what the audit log has of them from the byte `$from` on, and all of it without a grep.
const DENIALS: &str = r#"denials() {
    if command -v grep >/dev/null 2>&1; then
        said=$({ tail -c +$from $log; echo "= ended $?"; } | LC_ALL=C grep -a -e 'avc:' -e '^= ended ')
        case $said in *'= ended 0') printf '%s' "${said%'= ended 0'}";; *) echo "$log was not read to its end" >&2; return 1;; esac
    else tail -c +$from $log; fi
}
"#;

/// Readings that tell what already went wrong while a machine booted; for [`super::since_boot`].
pub fn since_boot_probes(facts: &Facts) -> Vec<Probe> {
    let mut probes = next(&blank(0), facts);
    for probe in probes.iter_mut().filter(|probe| probe.key == JOURNAL) {
        probe.script =
            format!("{SPEAKS}{ENTRIES}entries journalctl -b --no-pager -o json --output-fields={FIELDS} {CHOSEN}");
    }
    probes
}

/// The readings of a machine on which nothing has happened yet.
pub(super) fn blank(taint: u64) -> Observations {
    let reply = |stdout: String| Reply { stdout: stdout.into_bytes(), ..Reply::default() };
    let readings = [
        (KERNEL, format!("taint {taint}\noom 0\n")),
        (UNITS, "0 loaded units listed.\nshown\n".to_owned()),
        (JOURNAL, "-- No entries --\n".to_owned()),
        (AUDIT, "size 0\n".to_owned()),
    ];
    Observations(readings.into_iter().map(|(key, text)| (key.to_owned(), reply(text))).collect())
}

/// Readings before the first test of a machine.
pub fn baseline(facts: &Facts) -> Vec<Probe> {
    next(&Observations::default(), facts)
}

/// Readings after a test, given those before it.
pub fn next(before: &Observations, facts: &Facts) -> Vec<Probe> {
    let mut probes = vec![Probe::new(
        KERNEL,
        10,
        // `read` takes one byte at a time in dash and BusyBox, and the kernel gives integers of
        // /proc/sys in one piece or not at all: hence cat.
        "taint=$(cat /proc/sys/kernel/tainted) || exit 1\necho \"taint $taint\"\nwhile read -r name count; do case $name in oom_kill) echo \"oom $count\";; esac; done </proc/vmstat",
    )];
    if facts.systemd.is_some() {
        probes.push(Probe::new(UNITS, 20, UNITS_SCRIPT));
        let entries = match cursor(before) {
            Some(cursor) => format!(
                "{SPEAKS}{ENTRIES}entries journalctl -b --no-pager -o json --output-fields={FIELDS} --after-cursor={} {CHOSEN}",
                quote(&cursor)
            ),
            None => format!("{SPEAKS}speaks journalctl -b --no-pager -q -o json --output-fields=_TRANSPORT -n 1"),
        };
        probes.push(Probe::new(JOURNAL, 30, entries));
    }
    if matches!(facts.selinux.as_deref(), Some("enforcing" | "permissive")) {
        // auditd keeps denials from the journal. The size tells where the next reading begins; a
        // smaller file is a new one.
        let from = audit_size(before);
        let new = match from {
            Some(from) => format!(
                "[ \"$size\" -ge {from} ] && from={} || from=1\n[ \"$size\" -eq {from} ] || denials\n",
                from + 1
            ),
            None => String::new(),
        };
        probes.push(Probe::new(
            AUDIT,
            20,
            format!("{DENIALS}log=/var/log/audit/audit.log\n[ -e $log ] || {{ echo 'size 0'; exit; }}\nsize=$(wc -c <$log) || exit 1\nsize=$((size))\necho \"size $size\"\n{new}"),
        ));
    }
    probes
}

/// The readings after a test for a person to read, of a machine that has not booted: a stand-in takes
/// the place of the journal's last entry before the test.
pub fn shown(facts: &Facts) -> Vec<Probe> {
    let entry = br#"{"__CURSOR":"LAST-ENTRY-BEFORE-THE-TEST"}"#.to_vec();
    let mut before = blank(0);
    before.0.insert(JOURNAL.to_owned(), Reply { stdout: entry, ..Reply::default() });
    next(&before, facts)
}

/// The observations to compare the first test with: the baseline, and what was seen of the boot. The journal and
/// the audit log are read on where that reading ended, so that nothing is lost between the two.
pub fn after_boot(seen: &Observations, baseline: Observations) -> Observations {
    let mut joined = Observations(seen.0.clone().into_iter().chain(baseline.0).collect());
    if cursor(seen).is_some()
        && let Some(reply) = seen.0.get(JOURNAL)
    {
        joined.0.insert(JOURNAL.to_owned(), reply.clone());
    }
    if audit_size(seen).is_some()
        && let Some(reply) = seen.0.get(AUDIT)
    {
        joined.0.insert(AUDIT.to_owned(), reply.clone());
    }
    joined
}

/// The observations to compare the next test with: the newest of each, with the older journal
/// cursor and audit size where the newer reading has none.
pub fn carry(before: &Observations, after: Observations) -> Observations {
    let mut carried = after;
    if cursor(&carried).is_none()
        && let Some(reply) = before.0.get(JOURNAL)
    {
        carried.0.insert(JOURNAL.to_owned(), reply.clone());
    }
    carried
}

pub(super) struct Entry {
    pub(super) message: String,
    pub(super) id: String,
    pub(super) unit: String,
    pub(super) restarts: u64,
    /// The program that a core dump is of.
    pub(super) program: String,
}

/// What journalctl prints before the cursor of the last entry that it read.
const CURSOR: &str = "-- cursor: ";

/// Journal entries, and whether a line was not JSON.
pub(super) fn entries(seen: &Observations) -> (Vec<Entry>, bool) {
    let text = seen.output(JOURNAL).unwrap_or_default();
    let mut torn = false;
    let entries = journal::messages(without_cursor(&text).0)
        .lines()
        .filter(|line| !line.is_empty())
        .filter_map(|line| match serde_json::from_str::<Json>(line) {
            Ok(entry) => Some(Entry {
                message: field(&entry, "MESSAGE"),
                id: field(&entry, "MESSAGE_ID"),
                unit: field(&entry, "UNIT"),
                restarts: field(&entry, "N_RESTARTS").parse().unwrap_or(0),
                program: field(&entry, "COREDUMP_COMM"),
            }),
            Err(_) => {
                torn = true;
                None
            }
        })
        .collect();
    (entries, torn)
}

/// A field of an entry; journald writes text that is not UTF-8 as an array of bytes.
fn field(entry: &Json, name: &str) -> String {
    match entry.get(name) {
        Some(Json::String(text)) => text.clone(),
        Some(Json::Array(bytes)) => {
            let bytes: Vec<u8> =
                bytes.iter().filter_map(|byte| byte.as_u64().and_then(|byte| u8::try_from(byte).ok())).collect();
            String::from_utf8_lossy(&bytes).into_owned()
        }
        _ => String::new(),
    }
}

/// Where the next reading begins: behind the last entry that was read, whether or not it was passed on.
pub(super) fn cursor(seen: &Observations) -> Option<String> {
    let text = seen.output(JOURNAL).ok()?;
    let (entries, cursor) = without_cursor(&text);
    if let Some(cursor) = cursor {
        return Some(cursor.to_owned()).filter(|cursor| !cursor.is_empty());
    }
    let last = entries.lines().rfind(|line| !line.is_empty())?;
    let entry: Json = serde_json::from_str(last).ok()?;
    Some(field(&entry, "__CURSOR")).filter(|cursor| !cursor.is_empty())
}

/// What was printed before the line with the cursor, which is the last, and the cursor.
fn without_cursor(text: &str) -> (&str, Option<&str>) {
    let text = text.trim_end_matches('\n');
    let (before, last) = text.rsplit_once('\n').unwrap_or(("", text));
    match last.strip_prefix(CURSOR) {
        Some(cursor) => (before, Some(cursor.trim())),
        None => (text, None),
    }
}

fn audit_size(seen: &Observations) -> Option<u64> {
    let text = seen.output(AUDIT).ok()?;
    text.lines().next()?.strip_prefix("size ")?.parse().ok()
}

/// Units that wait for an automatic restart, with how often they had one.
pub(super) type Waiting = Vec<(String, u64)>;

/// Units that failed, and those that wait.
pub(super) fn units(seen: &Observations) -> Read<(BTreeSet<String>, Waiting)> {
    let text = seen.output(UNITS)?;
    let (list, rest) = text.split_once("\nshown\n").ok_or_else(|| Unreadable::new("the list of units is torn"))?;
    let listed = unit_list::units(list)?;
    let failed = listed.iter().filter(|unit| unit.active == "failed").map(|unit| unit.name.to_owned()).collect();
    let waiting = systemctl_show::units(rest)
        .iter()
        .filter(|unit| unit.get("SubState").is_some_and(|sub| restarts::waits(sub)))
        .filter_map(|unit| Some((unit.get("Id")?.to_string(), unit.get("NRestarts")?.parse().ok()?)))
        .collect();
    Ok((failed, waiting))
}

/// A count of the kernel's.
pub(super) fn number(seen: &Observations, name: &str) -> Read<u64> {
    let text = seen.output(KERNEL)?;
    let line = text.lines().filter_map(|line| line.split_once(' ')).find(|(field, _)| *field == name);
    line.and_then(|(_, value)| value.trim().parse().ok())
        .ok_or_else(|| Unreadable::new(format!("this kernel does not report its {name} count")))
}

#[cfg(test)]
#[path = "readings_tests.rs"]
mod tests;
