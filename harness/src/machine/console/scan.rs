//! The judge on a log that is already there: a file of another machine, or of an earlier run. Reads a
//! stream within bounded memory and starts nothing.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use super::findings::{Finding, Findings};
use super::judge::{Judge, Setting, Step};
use super::rules::Severity;

/// What a log holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// Bytes that were read.
    pub bytes: u64,
    /// Newlines, and one more when the log does not end in one.
    pub lines: u64,
    /// Findings in the order of the log, at most 50 of a category and severity.
    pub findings: Vec<Finding>,
    /// How often each category was found with each severity, those that are not among the findings
    /// included.
    pub counts: BTreeMap<(Arc<str>, Severity), u64>,
}

impl Scan {
    /// The worst severity that was found.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }
}

/// Reads to the end and judges.
pub fn scan(mut log: impl Read, setting: Setting) -> std::io::Result<Scan> {
    let mut judge = Judge::new(setting);
    let mut findings = Findings::default();
    let mut take = |steps: Vec<Step>| {
        for step in steps {
            match step {
                Step::Line(piece) => findings.line(&piece.text),
                Step::Finding(finding) => drop(findings.add(finding)),
                Step::Unfinished(finding) => drop(findings.add_unfinished(finding)),
                Step::HostKeys(_) => {}
            }
        }
    };
    let mut buffer = vec![0; 64 << 10];
    let (mut bytes, mut ends_in_newline) = (0, true);
    loop {
        let count = match log.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        bytes += count as u64;
        ends_in_newline = buffer[count - 1] == b'\n';
        take(judge.push(&buffer[..count]));
    }
    take(judge.finish());
    Ok(Scan {
        bytes,
        lines: judge.line_number() - u64::from(ends_in_newline),
        findings: findings.into_kept(),
        counts: judge.counts().clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_becomes_findings_with_their_lines() {
        let log =
            b"one\r\n[    1.000000] x\n\n[    2.000000] Kernel panic - not syncing: VFS: y\n[    2.000001] CPU: 0\nz";
        let found = scan(&log[..], Setting::default()).unwrap();
        assert_eq!((found.bytes, found.lines, found.worst()), (log.len() as u64, 6, Some(Severity::Fatal)));
        let [panic] = &found.findings[..] else { panic!("{found:?}") };
        assert_eq!((&*panic.category, panic.line_number, panic.excerpt_hit), ("kernel-panic", 4, 2));
        assert_eq!(panic.excerpt.len(), 5);
        assert_eq!(found.counts.get(&("kernel-panic".into(), Severity::Fatal)), Some(&1));
        let empty = scan(&b""[..], Setting::default()).unwrap();
        assert_eq!((empty.lines, empty.worst()), (0, None));
    }
}
