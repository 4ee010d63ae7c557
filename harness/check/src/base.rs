//! Base checks: what no test may leave behind, looked at after each. Failed units, core dumps, OOM
//! kills, SELinux denials, and a tainted kernel; of each only what is new counts against the test.
//!
//! The readings after a test are the readings before the next one, so that they cost one batch:
//! [`baseline`] once, then [`next`] with the observations before, and [`compare`]. What cannot be
//! read is never called clean: [`unavailable`] names it after the baseline, and [`compare`] when it
//! is lost later.

use super::shell::quote;
use crate::check::{Observations, Probe};
use crate::unreadable::{Read, Unreadable};
use muster_base::failure;
use muster_base::text::one_line;
use muster_record::facts::Facts;

mod finding;
mod news;
mod readings;

pub use finding::{BaseCheckKind, BaseFinding};
use readings::{AUDIT, JOURNAL, blank, entries, number, units};
pub use readings::{after_boot, baseline, carry, next, shown, since_boot_probes};

/// What went wrong before the first test. Taint is left out: which bits an image may boot with is
/// a suite's question, and only a change is a base check's. What cannot be read on this machine, the
/// baseline after the boot included, is [`unavailable`]; what the baseline could read and the reading of
/// the boot could not is an error.
pub fn since_boot(seen: &Observations, baseline: &Observations, facts: &Facts) -> Vec<BaseFinding> {
    let blank = blank(number(seen, "taint").unwrap_or_default());
    let lost = |finding: &BaseFinding| finding.id == failure::PROBE_FAILED;
    compare(&blank, seen, facts)
        .into_iter()
        .filter(|finding| !lost(finding) || readable(finding.kind, baseline, facts).is_ok())
        .collect()
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
                unit: None,
            });
            continue;
        }
        findings.extend(match kind {
            BaseCheckKind::FailedUnits => news::failed_units(before, after),
            BaseCheckKind::CrashLoop => news::crash_loops(after, &entries),
            BaseCheckKind::Avc => news::avc(after, &entries),
            BaseCheckKind::Coredump => news::coredumps(&entries),
            BaseCheckKind::Oom => news::oom(before, after, &entries),
            BaseCheckKind::Taint => news::taint(before, after),
        });
    }
    if torn && readable(BaseCheckKind::Coredump, before, facts).is_ok() {
        findings.push(BaseFinding {
            kind: BaseCheckKind::Coredump,
            id: failure::PROBE_FAILED,
            message: "the journal answered in another shape than JSON, one entry a line".to_owned(),
            detail: String::new(),
            unit: None,
        });
    }
    findings
}

/// Findings whose unit's status is read.
const EXPLAINED: usize = 5;

/// Readings that explain findings, by [`evidence_key`]; each to be shown below its own finding, since a
/// known issue about one unit must not match what another says.
pub fn evidence(findings: &[BaseFinding]) -> Vec<Probe> {
    let mut probes: Vec<Probe> = Vec::new();
    for unit in findings.iter().filter_map(|finding| finding.unit.as_deref()) {
        let key = evidence_key(unit);
        if probes.len() < EXPLAINED && !probes.iter().any(|probe| probe.key == key) {
            let script = format!("systemctl status --no-pager --full --lines=30 -- {}", quote(unit));
            probes.push(Probe::new(key, 20, script));
        }
    }
    probes
}

/// The key of the reading that explains what became of a unit.
pub fn evidence_key(unit: &str) -> String {
    format!("base/status/{unit}")
}

#[cfg(test)]
mod tests;
