//! What is new since the readings before: one finding for each unit, denial, core dump and kill, so that a
//! known issue about one of them says nothing of another.

use std::collections::{BTreeMap, BTreeSet};

use super::finding::{BaseCheckKind, BaseFinding};
use super::readings::{AUDIT, COREDUMP, Entry, number, units};
use crate::check::Observations;
use crate::proc::taint_names;
use crate::restarts;
use crate::wording::show_items;
use muster_base::text::{escape, one_line, plural, tail};

/// Findings of one kind that are shown each by itself. One more says how many there were beyond them; it
/// names none, so that no known issue about one explains it.
const MOST: usize = 20;
/// Bytes of a finding's evidence.
const DETAIL: usize = 8192;

/// The units that failed meanwhile.
pub(super) fn failed_units(before: &Observations, after: &Observations) -> Vec<BaseFinding> {
    let failed = |seen| units(seen).map(|(failed, _)| failed).unwrap_or_default();
    let new: Vec<String> = failed(after).difference(&failed(before)).cloned().collect();
    let found = new.iter().map(|unit| of_unit(BaseCheckKind::FailedUnits, unit, &format!("unit failed: {unit}")));
    bounded(found, BaseCheckKind::FailedUnits, |more| format!("{more} more unit{} failed", plural(more)))
}

/// A unit that waits for its third start, and one that was restarted while the test ran, for the third
/// time or a later one. A test that kills a service with `Restart=` once or twice finds nothing here.
pub(super) fn crash_loops(after: &Observations, entries: &[Entry]) -> Vec<BaseFinding> {
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
    let found = loops.iter().map(|(unit, count)| {
        let message = format!("service restarts again and again: {unit} ({count} restarts)");
        of_unit(BaseCheckKind::CrashLoop, unit, &message)
    });
    bounded(found, BaseCheckKind::CrashLoop, |more| {
        format!("{more} more service{} restart{} again and again", plural(more), if more == 1 { "s" } else { "" })
    })
}

/// Denials of the journal and of the audit log. What differs in nothing but the process and the inode is one
/// denial, however often it happened.
pub(super) fn avc(after: &Observations, entries: &[Entry]) -> Vec<BaseFinding> {
    let audit = after.output(AUDIT).unwrap_or_default();
    let lines = entries.iter().map(|entry| entry.message.as_str()).chain(audit.lines());
    // auditd adds names in words behind a separator.
    let plain = |line: &str| {
        let line = line.split('\u{1d}').next().unwrap_or_default();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    // Both have the same denial: it counts once.
    let mut seen = BTreeSet::new();
    let denials = lines
        .filter_map(|line| Some(&line[line.find("avc:")?..]).filter(|text| text.contains("denied")))
        .map(plain)
        .filter(|text| seen.insert(text.clone()))
        .collect::<Vec<_>>();
    let passing = |word: &&str| !word.starts_with("pid=") && !word.starts_with("ino=");
    let key = |denial: &str| denial.split(' ').filter(passing).collect::<Vec<_>>().join(" ");
    of_kinds(
        BaseCheckKind::Avc,
        denials,
        key,
        |first, times| format!("SELinux denied an access{}: {first}", often(times)),
        |more| format!("SELinux denied {more} more kind{} of access", plural(more)),
    )
}

/// Core dumps. What differs in nothing but the process, its threads and addresses is one, however often it
/// happened.
pub(super) fn coredumps(entries: &[Entry]) -> Vec<BaseFinding> {
    let text = |entry: &Entry| match entry.message.is_empty() {
        true if entry.program.is_empty() => "a process that the journal does not name dumped core".to_owned(),
        true => format!("Process ({}) dumped core.", entry.program),
        false => entry.message.clone(),
    };
    let dumps = entries.iter().filter(|entry| entry.id == COREDUMP).map(text).collect();
    of_kinds(
        BaseCheckKind::Coredump,
        dumps,
        stable,
        |first, times| format!("core dump{}: {}", often(times), first.lines().next().unwrap_or_default()),
        |more| format!("{more} more kind{} of core dump", plural(more)),
    )
}

/// The text of a core dump without what differs from one process to the next: numbers of processes and
/// threads, and absolute addresses.
fn stable(dump: &str) -> String {
    let mut before = "";
    let mut kept = Vec::new();
    for word in dump.split_whitespace() {
        let number = word.trim_end_matches([':', '.', ',']).bytes().all(|byte| byte.is_ascii_digit());
        let of_process = number && matches!(before, "Process" | "thread");
        let address = word.len() == 18 && word.starts_with("0x");
        if !of_process && !address {
            kept.push(word);
        }
        before = word;
    }
    kept.join(" ")
}

/// Processes that the kernel killed, by its own count; its log names them.
pub(super) fn oom(before: &Observations, after: &Observations, entries: &[Entry]) -> Vec<BaseFinding> {
    let (Ok(was), Ok(is)) = (number(before, "oom"), number(after, "oom")) else { return Vec::new() };
    let kills = is.saturating_sub(was);
    if kills == 0 {
        return Vec::new();
    }
    let named: Vec<String> =
        entries.iter().map(|entry| &entry.message).filter(|line| line.contains("Killed process")).cloned().collect();
    let unnamed = usize::try_from(kills).unwrap_or(usize::MAX).saturating_sub(named.len());
    // `Out of memory: Killed process 7 (name) total-vm:…`: how and of what name, not how much it had.
    let key = |line: &str| {
        let (how, rest) = line.split_once("Killed process").unwrap_or((line, ""));
        let name = rest.split_once('(').map_or(rest, |(_, rest)| rest.split_once(") ").map_or(rest, |(name, _)| name));
        format!("{how}\n{name}")
    };
    let mut found = of_kinds(
        BaseCheckKind::Oom,
        named,
        key,
        |first, times| format!("the kernel killed a process, out of memory{}: {first}", often(times)),
        |more| format!("the kernel killed processes of {more} more name{}, out of memory", plural(more)),
    );
    if unnamed > 0 {
        let es = if unnamed == 1 { "" } else { "es" };
        let message = format!("the kernel killed {unnamed} process{es}, out of memory, that its log does not name");
        found.push(finding(BaseCheckKind::Oom, &message, ""));
    }
    found
}

/// The bits that were set meanwhile.
pub(super) fn taint(before: &Observations, after: &Observations) -> Vec<BaseFinding> {
    let (Ok(was), Ok(is)) = (number(before, "taint"), number(after, "taint")) else { return Vec::new() };
    let each = taint_names(is & !was).into_iter().map(|name| {
        let message = format!("the kernel became tainted: {}", show_items([name]));
        finding(BaseCheckKind::Taint, &message, "")
    });
    each.collect()
}

/// One finding for each kind of text, in the order in which they came.
fn of_kinds(
    kind: BaseCheckKind,
    texts: Vec<String>,
    key: impl Fn(&str) -> String,
    message: impl Fn(&str, usize) -> String,
    more: impl Fn(usize) -> String,
) -> Vec<BaseFinding> {
    let mut order: Vec<Vec<String>> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for text in texts {
        let at = *known.entry(key(&text)).or_insert(order.len());
        match order.get_mut(at) {
            Some(same) => same.push(text),
            None => order.push(vec![text]),
        }
    }
    let found = order.iter().map(|same| finding(kind, &message(&same[0], same.len()), &same.join("\n")));
    bounded(found, kind, more)
}

fn often(times: usize) -> String {
    if times == 1 { String::new() } else { format!(" {times} times") }
}

/// The first findings, and how many came after them.
fn bounded(
    found: impl ExactSizeIterator<Item = BaseFinding>,
    kind: BaseCheckKind,
    more: impl Fn(usize) -> String,
) -> Vec<BaseFinding> {
    let beyond = found.len().saturating_sub(MOST);
    let mut shown: Vec<BaseFinding> = found.take(MOST).collect();
    if beyond > 0 {
        shown.push(finding(kind, &more(beyond), ""));
    }
    shown
}

fn of_unit(kind: BaseCheckKind, unit: &str, message: &str) -> BaseFinding {
    BaseFinding { unit: Some(unit.to_owned()), ..finding(kind, message, "") }
}

fn finding(kind: BaseCheckKind, message: &str, detail: &str) -> BaseFinding {
    BaseFinding {
        kind,
        id: kind.id(),
        message: one_line(message, 300),
        detail: tail(&escape(detail), DETAIL),
        unit: None,
    }
}

#[cfg(test)]
#[path = "news_tests.rs"]
mod tests;
