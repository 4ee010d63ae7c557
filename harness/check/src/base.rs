//! Base checks: what no test may leave behind, looked at after each. Failed units, core dumps, OOM
//! kills, SELinux denials, and a tainted kernel; of each only what is new counts against the test.
//!
//! The readings after a test are the readings before the next one, so that they cost one batch:
//! [`baseline`] once, then [`next`] with the observations before, and [`compare`]. What cannot be
//! read is never called clean: [`unavailable`] names it after the baseline, and [`compare`] when it
//! is lost later.

use std::collections::{BTreeMap, BTreeSet};

use super::proc::taint_names;
use super::shell::quote;
use super::wording::show_items;
use crate::check::{Observations, Probe};
use crate::unreadable::{Read, Unreadable};
use crate::{restarts, unit_list};
use muster_base::failure::{self, FailureId};
use muster_base::text::{escape, one_line, tail};
use muster_boot_time::systemctl_show;
use muster_record::facts::Facts;

mod readings;

use readings::{AUDIT, COREDUMP, Entry, JOURNAL, KERNEL, UNITS, blank, entries};
pub use readings::{baseline, carry, next, shown, since_boot_probes};

/// A base check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BaseCheckKind {
    /// systemd units that failed.
    FailedUnits,
    /// Services that systemd restarts again and again.
    CrashLoop,
    /// SELinux denials.
    Avc,
    /// Core dumps that systemd-coredump took.
    Coredump,
    /// Processes that the kernel killed because memory ran out.
    Oom,
    /// Taint bits of the kernel.
    Taint,
}

impl BaseCheckKind {
    /// All, in the order of reports.
    pub const ALL: [BaseCheckKind; 6] = [
        BaseCheckKind::FailedUnits,
        BaseCheckKind::CrashLoop,
        BaseCheckKind::Avc,
        BaseCheckKind::Coredump,
        BaseCheckKind::Oom,
        BaseCheckKind::Taint,
    ];

    /// The word under `base-checks:` in a suite.
    pub fn name(self) -> &'static str {
        match self {
            BaseCheckKind::FailedUnits => "failed-units",
            BaseCheckKind::CrashLoop => "crash-loop",
            BaseCheckKind::Avc => "avc",
            BaseCheckKind::Coredump => "coredump",
            BaseCheckKind::Oom => "oom",
            BaseCheckKind::Taint => "taint",
        }
    }

    /// The failure id of a finding.
    pub fn id(self) -> FailureId {
        match self {
            BaseCheckKind::FailedUnits => failure::BASE_FAILED_UNITS,
            BaseCheckKind::CrashLoop => failure::BASE_CRASH_LOOP,
            BaseCheckKind::Avc => failure::BASE_AVC,
            BaseCheckKind::Coredump => failure::BASE_COREDUMP,
            BaseCheckKind::Oom => failure::BASE_OOM,
            BaseCheckKind::Taint => failure::BASE_TAINT,
        }
    }
}

/// Something that happened while a test ran.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseFinding {
    /// Which base check.
    pub kind: BaseCheckKind,
    /// Of the kind, or `probe.failed` when it can no longer be read.
    pub id: FailureId,
    /// One escaped line.
    pub message: String,
    /// Evidence, bounded and escaped; may be empty.
    pub detail: String,
    /// The units that failed or loop; empty for other kinds. [`evidence`] asks for their status.
    pub units: Vec<String>,
}

/// What went wrong before the first test. Taint is left out: which bits an image may boot with is
/// a suite's question, and only a change is a base check's.
pub fn since_boot(seen: &Observations, facts: &Facts) -> Vec<BaseFinding> {
    let blank = blank(number(seen, "taint").unwrap_or_default());
    compare(&blank, seen, facts).into_iter().filter(|finding| finding.id != failure::PROBE_FAILED).collect()
}

/// What cannot be read on this machine, with the reason; to be reported once.
pub fn unavailable(seen: &Observations, facts: &Facts) -> Vec<(BaseCheckKind, Unreadable)> {
    BaseCheckKind::ALL.into_iter().filter_map(|kind| readable(kind, seen, facts).err().map(|why| (kind, why))).collect()
}

fn readable(kind: BaseCheckKind, seen: &Observations, facts: &Facts) -> Read<()> {
    let systemd = || facts.systemd.map(|_| ()).ok_or_else(|| Unreadable::new("systemd is not PID 1 here"));
    match kind {
        BaseCheckKind::FailedUnits => systemd().and_then(|()| units(seen).map(drop)),
        BaseCheckKind::CrashLoop => systemd().and_then(|()| units(seen).map(drop)).and_then(|()| journal(seen)),
        BaseCheckKind::Coredump => systemd().and_then(|()| journal(seen)),
        BaseCheckKind::Avc => match facts.selinux.as_deref() {
            // Without a policy there is nothing to deny.
            None | Some("disabled") => Ok(()),
            Some(_) => seen.output(AUDIT).map(drop).and_then(|()| systemd()).and_then(|()| journal(seen)),
        },
        BaseCheckKind::Oom => number(seen, "oom").map(drop),
        BaseCheckKind::Taint => number(seen, "taint").map(drop),
    }
}

fn journal(seen: &Observations) -> Read<()> {
    seen.output(JOURNAL).map(drop)
}

/// What is new since the readings before. A check that could be read before and no longer can is a
/// finding with the id `probe.failed`.
pub fn compare(before: &Observations, after: &Observations, facts: &Facts) -> Vec<BaseFinding> {
    let mut findings = Vec::new();
    let (entries, torn) = entries(after);
    for kind in BaseCheckKind::ALL {
        if readable(kind, before, facts).is_err() {
            continue;
        }
        if let Err(why) = readable(kind, after, facts) {
            findings.push(BaseFinding {
                kind,
                id: failure::PROBE_FAILED,
                message: one_line(&format!("{} can no longer be read: {why}", kind.name()), 300),
                detail: String::new(),
                units: Vec::new(),
            });
            continue;
        }
        findings.extend(match kind {
            BaseCheckKind::FailedUnits => failed_units(before, after),
            BaseCheckKind::CrashLoop => crash_loops(after, &entries),
            BaseCheckKind::Avc => avc(after, &entries),
            BaseCheckKind::Coredump => coredumps(&entries),
            BaseCheckKind::Oom => oom(before, after, &entries),
            BaseCheckKind::Taint => taint(before, after),
        });
    }
    if torn && readable(BaseCheckKind::Coredump, before, facts).is_ok() {
        findings.push(BaseFinding {
            kind: BaseCheckKind::Coredump,
            id: failure::PROBE_FAILED,
            message: "the journal answered in another shape than JSON, one entry a line".to_owned(),
            detail: String::new(),
            units: Vec::new(),
        });
    }
    findings
}

/// Readings that explain findings; to be shown below them.
pub fn evidence(findings: &[BaseFinding]) -> Vec<Probe> {
    let units: BTreeSet<&String> = findings.iter().flat_map(|finding| &finding.units).collect();
    units
        .into_iter()
        .take(5)
        .map(|unit| {
            Probe::new(
                format!("base/status/{unit}"),
                20,
                format!("systemctl status --no-pager --full --lines=30 -- {}", quote(unit)),
            )
        })
        .collect()
}

fn finding(kind: BaseCheckKind, message: &str, detail: &[String]) -> BaseFinding {
    BaseFinding {
        kind,
        id: kind.id(),
        message: one_line(message, 300),
        detail: tail(&escape(&detail.join("\n")), 8192),
        units: Vec::new(),
    }
}

/// Units that wait for an automatic restart, with how often they had one.
type Waiting = Vec<(String, u64)>;

/// Units that failed, and those that wait.
fn units(seen: &Observations) -> Read<(BTreeSet<String>, Waiting)> {
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

fn failed(seen: &Observations) -> BTreeSet<String> {
    units(seen).map(|(failed, _)| failed).unwrap_or_default()
}

/// A unit that waits for its third start, and one that was restarted while the test ran, for the third
/// time or a later one. A test that kills a service with `Restart=` once or twice finds nothing here.
fn crash_loops(after: &Observations, entries: &[Entry]) -> Option<BaseFinding> {
    let waiting = units(after).map(|(_, waiting)| waiting).unwrap_or_default();
    let restarted = entries
        .iter()
        .filter(|entry| entry.id == restarts::SCHEDULED && entry.restarts >= restarts::RUNNING)
        .map(|entry| (entry.unit.clone(), entry.restarts));
    let mut loops: BTreeMap<String, u64> = BTreeMap::new();
    for (unit, count) in waiting.into_iter().filter(|(_, count)| *count >= restarts::WAITING).chain(restarted) {
        let most = loops.entry(unit).or_default();
        *most = count.max(*most);
    }
    let units: Vec<String> = loops.keys().cloned().collect();
    let shown: Vec<String> = loops.iter().map(|(unit, count)| format!("{unit} ({count} restarts)")).collect();
    (!units.is_empty()).then(|| BaseFinding {
        units,
        ..finding(BaseCheckKind::CrashLoop, &format!("services restart again and again: {}", show_items(&shown)), &[])
    })
}

fn failed_units(before: &Observations, after: &Observations) -> Option<BaseFinding> {
    let units: Vec<String> = failed(after).difference(&failed(before)).cloned().collect();
    (!units.is_empty()).then(|| BaseFinding {
        units: units.clone(),
        ..finding(BaseCheckKind::FailedUnits, &format!("units failed: {}", show_items(&units)), &[])
    })
}

/// Denials of the journal and of the audit log, each once.
fn avc(after: &Observations, entries: &[Entry]) -> Option<BaseFinding> {
    let audit = after.output(AUDIT).unwrap_or_default();
    let lines = entries.iter().map(|entry| entry.message.as_str()).chain(audit.lines());
    let mut seen = BTreeSet::new();
    let denials: Vec<String> = lines
        .filter_map(|line| Some(&line[line.find("avc:")?..]).filter(|text| text.contains("denied")))
        .filter(|text| seen.insert((*text).to_owned()))
        .map(str::to_owned)
        .collect();
    let first = denials.first()?;
    Some(finding(
        BaseCheckKind::Avc,
        &format!("SELinux denied {} accesses; the first: {first}", denials.len()),
        &denials,
    ))
}

fn coredumps(entries: &[Entry]) -> Option<BaseFinding> {
    let dumps: Vec<String> =
        entries.iter().filter(|entry| entry.id == COREDUMP).map(|entry| entry.message.clone()).collect();
    let first = dumps.first()?.lines().next().unwrap_or_default();
    Some(finding(BaseCheckKind::Coredump, &format!("{} core dumps; the first: {first}", dumps.len()), &dumps))
}

fn oom(before: &Observations, after: &Observations, entries: &[Entry]) -> Option<BaseFinding> {
    let kills = number(after, "oom").ok()?.saturating_sub(number(before, "oom").ok()?);
    let lines: Vec<String> = entries
        .iter()
        .map(|entry| &entry.message)
        .filter(|line| line.contains("Killed process") || line.contains("invoked oom-killer"))
        .cloned()
        .collect();
    let named = lines.iter().find(|line| line.contains("Killed process")).map_or("", String::as_str);
    (kills > 0).then(|| {
        finding(BaseCheckKind::Oom, &format!("the kernel killed {kills} processes, out of memory: {named}"), &lines)
    })
}

fn taint(before: &Observations, after: &Observations) -> Option<BaseFinding> {
    let new = number(after, "taint").ok()? & !number(before, "taint").ok()?;
    (new != 0).then(|| {
        finding(BaseCheckKind::Taint, &format!("the kernel became tainted: {}", show_items(taint_names(new))), &[])
    })
}

fn number(seen: &Observations, name: &str) -> Read<u64> {
    let text = seen.output(KERNEL)?;
    let line = text.lines().filter_map(|line| line.split_once(' ')).find(|(field, _)| *field == name);
    line.and_then(|(_, value)| value.trim().parse().ok())
        .ok_or_else(|| Unreadable::new(format!("this kernel does not report its {name} count")))
}

#[cfg(test)]
mod tests {
    use super::readings::{CHOSEN, cursor};
    use super::*;
    use crate::testing::reply;
    use muster_guest::Reply;

    fn facts() -> Facts {
        Facts { systemd: Some(257), selinux: Some("enforcing".into()), ..Facts::default() }
    }

    /// Rows as systemctl lists them, and what it shows of those that wait for a restart.
    fn listed(units: &str) -> String {
        let (rows, shown) = units.split_once("\nshown\n").unwrap_or((units, ""));
        format!("{}\n\n{} loaded units listed.\nshown\n{shown}", rows.trim_end(), rows.lines().count())
    }

    fn seen(taint: u64, oom: u64, units: &str, journal: &str, audit: &str) -> Observations {
        Observations(
            [
                (KERNEL.to_owned(), reply(0, &format!("taint {taint}\noom {oom}\n"))),
                (UNITS.to_owned(), reply(0, &listed(units))),
                (JOURNAL.to_owned(), reply(0, if journal.is_empty() { "-- No entries --\n" } else { journal })),
                (AUDIT.to_owned(), reply(0, audit)),
            ]
            .into(),
        )
    }

    #[test]
    fn what_failed_during_the_boot_is_found_and_its_taint_is_not_a_change() {
        let journal = format!(
            "{{\"__CURSOR\":\"s=3\",\"MESSAGE_ID\":\"{COREDUMP}\",\"MESSAGE\":\"Process 9 (x) dumped core.\"}}\n"
        );
        let after = seen(4096, 1, "bad.service loaded failed failed Bad\n", &journal, "size 0\n");
        let found: Vec<String> = since_boot(&after, &facts()).iter().map(|finding| finding.id.to_string()).collect();
        assert_eq!(found, ["base.failed-units", "base.coredump", "base.oom"]);
        let probes = since_boot_probes(&facts());
        let journal = probes.iter().find(|probe| probe.key == JOURNAL).map(|probe| probe.script.as_str());
        assert!(journal.is_some_and(|script| !script.contains("cursor") && script.contains(COREDUMP)), "{journal:?}");
        assert_eq!(since_boot(&seen(4096, 0, "", "", "size 0\n"), &facts()), []);
    }

    #[test]
    fn what_is_shown_is_what_is_read_after_a_test() {
        let keys = |probes: Vec<Probe>| probes.into_iter().map(|probe| probe.key).collect::<Vec<_>>();
        let shown = shown(&facts());
        assert!(shown.iter().any(|probe| probe.script.contains("--after-cursor='LAST-ENTRY-BEFORE-THE-TEST'")));
        assert_eq!(keys(shown), keys(next(&Observations::default(), &facts())));
    }

    #[test]
    fn only_what_is_new_is_held_against_a_test() {
        let before = seen(4096, 1, "old.service loaded failed failed Old\n", "{\"__CURSOR\":\"s=1\"}\n", "size 10\n");
        assert_eq!(compare(&before, &before, &facts()), []);
        let journal = format!(
            "{{\"__CURSOR\":\"s=2\",\"_TRANSPORT\":\"audit\",\"MESSAGE\":\"AVC avc:  denied  {{ read }} for pid=7\"}}\n{{\"__CURSOR\":\"s=3\",\"MESSAGE_ID\":\"{COREDUMP}\",\"MESSAGE\":\"Process 9 (x) of user 0 dumped core.\\n\\nStack\"}}\n{{\"__CURSOR\":\"s=4\",\"_TRANSPORT\":\"kernel\",\"MESSAGE\":[79,111,109,58,32,75,105,108,108,101,100,32,112,114,111,99,101,115,115]}}\n"
        );
        let after = seen(
            4096 + 512,
            2,
            "old.service loaded failed failed Old\nnew.service loaded failed failed New\n",
            &journal,
            "size 99\ntype=AVC msg=audit(1.2:3): avc:  denied  { read } for pid=7\n",
        );
        let findings = compare(&before, &after, &facts());
        let messages: Vec<(&str, &str)> =
            findings.iter().map(|finding| (finding.id.as_str(), finding.message.as_str())).collect();
        assert_eq!(
            messages,
            [
                ("base.failed-units", "units failed: new.service"),
                ("base.avc", "SELinux denied 1 accesses; the first: avc:  denied  { read } for pid=7"),
                ("base.coredump", "1 core dumps; the first: Process 9 (x) of user 0 dumped core."),
                ("base.oom", "the kernel killed 1 processes, out of memory: Oom: Killed process"),
                ("base.taint", "the kernel became tainted: warn"),
            ]
        );
        assert_eq!(evidence(&findings)[0].script, "systemctl status --no-pager --full --lines=30 -- 'new.service'");
        assert_eq!(cursor(&after).as_deref(), Some("s=4"));
    }

    #[test]
    fn what_cannot_be_read_is_reported_and_never_clean() {
        let broken = Reply { status: 1, stderr: b"Failed to seek to cursor".to_vec(), ..Reply::default() };
        let good = seen(0, 0, "", "{\"__CURSOR\":\"s=1\"}\n", "size 0\n");
        let mut lost = good.clone();
        lost.0.insert(JOURNAL.to_owned(), broken);
        let findings = compare(&good, &lost, &facts());
        assert_eq!(
            findings.iter().map(|finding| (finding.kind, finding.id.as_str())).collect::<Vec<_>>(),
            [
                (BaseCheckKind::CrashLoop, "probe.failed"),
                (BaseCheckKind::Avc, "probe.failed"),
                (BaseCheckKind::Coredump, "probe.failed")
            ]
        );
        // Told once: it was already so before.
        assert_eq!(compare(&lost, &lost, &facts()), []);
        assert_eq!(unavailable(&lost, &facts()).len(), 3);
        assert_eq!(
            unavailable(&Observations::default(), &Facts::default()).iter().map(|(kind, _)| *kind).collect::<Vec<_>>(),
            [
                BaseCheckKind::FailedUnits,
                BaseCheckKind::CrashLoop,
                BaseCheckKind::Coredump,
                BaseCheckKind::Oom,
                BaseCheckKind::Taint
            ]
        );
        let garbled = seen(0, 0, "", "Hint: something else\n", "size 0\n");
        assert_eq!(compare(&good, &garbled, &facts())[0].id, failure::PROBE_FAILED);
    }

    #[test]
    fn readings_that_say_nothing_are_lost_and_not_clean() {
        let good = seen(0, 0, "", "{\"__CURSOR\":\"s=1\"}\n", "size 0\n");
        for (key, kinds) in [
            (UNITS, vec![BaseCheckKind::FailedUnits, BaseCheckKind::CrashLoop]),
            (JOURNAL, vec![BaseCheckKind::CrashLoop, BaseCheckKind::Avc, BaseCheckKind::Coredump]),
            (AUDIT, vec![BaseCheckKind::Avc]),
            (KERNEL, vec![BaseCheckKind::Oom, BaseCheckKind::Taint]),
        ] {
            for silence in ["", "\n", "  \n"] {
                let mut silent = good.clone();
                silent.0.insert(key.to_owned(), reply(0, silence));
                let found = compare(&good, &silent, &facts());
                assert!(found.iter().all(|finding| finding.id == failure::PROBE_FAILED), "{key}: {found:?}");
                let silenced: Vec<BaseCheckKind> = found.iter().map(|finding| finding.kind).collect();
                assert_eq!(silenced, kinds, "{key}");
            }
        }
    }

    #[test]
    fn a_service_that_restarts_again_and_again_is_found_and_a_single_restart_is_not() {
        let before = seen(0, 0, "", "{\"__CURSOR\":\"s=1\"}\n", "size 0\n");
        let ids = |found: Vec<BaseFinding>| found.iter().map(|one| one.message.clone()).collect::<Vec<_>>();
        let waits = |count: u64| {
            let row = "loop.service loaded activating auto-restart A loop";
            let shown = format!("Id=loop.service\nSubState=auto-restart\nNRestarts={count}\n");
            seen(0, 0, &format!("{row}\nshown\n{shown}"), "", "size 0\n")
        };
        assert_eq!(compare(&before, &waits(0), &facts()), []);
        assert_eq!(compare(&before, &waits(1), &facts()), []);
        let found = compare(&before, &waits(2), &facts());
        assert_eq!(
            (&found[0].id, found[0].units.as_slice()),
            (&failure::BASE_CRASH_LOOP, &["loop.service".to_owned()][..])
        );
        assert_eq!(ids(found), ["services restart again and again: loop.service (2 restarts)"]);
        let entry = |count: u64| {
            format!(
                "{{\"__CURSOR\":\"s=2\",\"MESSAGE_ID\":\"{}\",\"UNIT\":\"fast.service\",\"N_RESTARTS\":\"{count}\",\"MESSAGE\":\"x\"}}\n",
                restarts::SCHEDULED
            )
        };
        // A test that kills a service with Restart=always, twice.
        let killed = seen(0, 0, "", &(entry(1) + &entry(2)), "size 0\n");
        assert_eq!(compare(&before, &killed, &facts()), []);
        let fast = seen(0, 0, "", &(entry(3) + &entry(9)), "size 0\n");
        assert_eq!(
            ids(compare(&before, &fast, &facts())),
            ["services restart again and again: fast.service (9 restarts)"]
        );
        assert!(CHOSEN.contains(restarts::SCHEDULED) && CHOSEN.contains(COREDUMP));
        // What looped before the first test is reported once for the machine.
        assert_eq!(since_boot(&fast, &facts()).len(), 1);
        assert!(evidence(&since_boot(&fast, &facts()))[0].script.contains("fast.service"));
    }

    #[test]
    fn an_empty_journal_keeps_the_older_cursor_and_cursors_are_quoted() {
        let before = seen(0, 0, "", "{\"__CURSOR\":\"s=1';reboot;'\"}\n", "size 10\n");
        let after = carry(&before, seen(0, 0, "", "", "size 12\n"));
        assert_eq!(cursor(&after).as_deref(), Some("s=1';reboot;'"));
        let probes = next(&after, &facts());
        let journal = probes.iter().find(|probe| probe.key == JOURNAL).unwrap();
        assert!(journal.script.contains(r"--after-cursor='s=1'\'';reboot;'\'''"), "{}", journal.script);
        let audit = probes.iter().find(|probe| probe.key == AUDIT).unwrap();
        assert!(audit.script.contains("-ge 12"), "{}", audit.script);
    }
}
