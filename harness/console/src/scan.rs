//! The evaluator on a log that is already there: a file of another machine, or of an earlier run. Reads a
//! stream within bounded memory and starts nothing.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use super::evaluator::{Evaluator, Setting, Step};
use super::findings::Findings;
use muster_record::finding::{Finding, Severity};

/// What a log holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scan {
    /// The first bytes, at most 16.
    pub head: Vec<u8>,
    /// Bytes that were read.
    pub bytes: u64,
    /// How many of them are no text: NUL bytes, which serial ports leave in logs, are not counted.
    pub controls: u64,
    /// How many are NUL bytes, blanks and line breaks.
    pub blanks: u64,
    /// Newlines, and one more when the log does not end in one.
    pub lines: u64,
    /// Findings in the order of the log, at most 50 of a category and severity.
    pub findings: Vec<Finding>,
    /// How often each category was found with each severity, those that are not among the findings
    /// included.
    pub counts: BTreeMap<(Arc<str>, Severity), u64>,
}

/// Bytes after which a stream that is no log is given up.
const ENOUGH: u64 = 1 << 20;

impl Scan {
    /// Why it is no log, if it is none: `is empty`, `holds nothing but blanks`, `is binary`. Judged by control
    /// characters that neither text nor a terminal has: a hundredth of them is a torn log, and of random or
    /// packed bytes they are a tenth.
    pub fn unfit(&self) -> Option<&'static str> {
        match () {
            () if self.bytes == 0 => Some("is empty"),
            () if self.bytes == self.blanks => Some("holds nothing but blanks"),
            () if self.controls * 33 > self.bytes - self.blanks => Some("is binary, and no log"),
            () => None,
        }
    }

    /// The worst severity that was found.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }
}

/// Reads to the end and evaluates.
pub fn scan(mut log: impl Read, setting: Setting) -> std::io::Result<Scan> {
    let mut evaluator = Evaluator::new(setting);
    let mut findings = Findings::default();
    let mut take = |steps: Vec<Step>| {
        for step in steps {
            match step {
                Step::Line(piece) => findings.line(&piece.text),
                Step::Found(found) => drop(findings.add(found)),
                Step::Unfinished(found) => drop(findings.add_unfinished(found)),
                Step::Provisional(found) => findings.hold(found),
                Step::Settled { rule, severity } => drop(findings.settle(&rule, severity)),
                Step::HostKeys(_) => {}
            }
        }
    };
    let mut buffer = vec![0; 64 << 10];
    let mut head = Vec::new();
    let (mut bytes, mut controls, mut blanks, mut ends_in_newline) = (0, 0, 0, true);
    loop {
        let count = match log.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if bytes == 0 {
            head = buffer[..count.min(16)].to_vec();
        }
        bytes += count as u64;
        controls += buffer[..count].iter().filter(|byte| is_control(**byte)).count() as u64;
        blanks += buffer[..count].iter().filter(|byte| matches!(byte, 0 | b' ' | b'\t' | b'\r' | b'\n')).count() as u64;
        ends_in_newline = buffer[count - 1] == b'\n';
        take(evaluator.push(&buffer[..count]));
        if bytes >= ENOUGH && controls * 33 > bytes - blanks {
            break;
        }
    }
    take(evaluator.finish());
    Ok(Scan {
        head,
        bytes,
        controls,
        blanks,
        lines: evaluator.line_number() - u64::from(ends_in_newline),
        findings: findings.into_kept(),
        counts: evaluator.counts().clone(),
    })
}

/// Whether a byte is a control character that neither text nor a terminal has.
fn is_control(byte: u8) -> bool {
    matches!(byte, 1..=6 | 0x0b | 0x0e..=0x1a | 0x1c | 0x1d | 0x1f | 0x7f)
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
    #[test]
    fn what_is_no_log_is_distinguished_from_one_that_is_torn() {
        let unfit = |bytes: &[u8]| scan(bytes, Setting::default()).unwrap().unfit();
        assert_eq!(unfit(b""), Some("is empty"));
        assert_eq!(unfit(b"\0\0 \r\n\0"), Some("holds nothing but blanks"));
        let mut seed = 7_u64;
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 56) as u8
        };
        let noise: Vec<u8> = (0..3 << 20).map(|_| random()).collect();
        assert_eq!(unfit(&noise[..4096]), Some("is binary, and no log"));
        let given_up = scan(&noise[..], Setting::default()).unwrap();
        assert!(given_up.unfit().is_some() && given_up.bytes < 2 << 20, "{} bytes were read", given_up.bytes);
        // A port that had another speed first, NUL bytes, colours, other alphabets.
        let torn = [&noise[..200], &b"\0\0\x1b[1mboot\x1b[0m \xc4\xe5\xeb\xee \x07done\r\n".repeat(50)].concat();
        assert_eq!(unfit(&torn), None);
    }

    #[test]
    fn the_line_that_matched_is_shown_within_a_flood() {
        let flood =
            format!("{}[    2.000000] Kernel panic - not syncing: here{}", "x".repeat(3000), "y".repeat(90_000));
        let found = scan(flood.as_bytes(), Setting::default()).unwrap().findings;
        assert!(found[0].line.starts_with("… Kernel panic - not syncing: here"), "{}", found[0].line);
        assert!(found[0].excerpt[found[0].excerpt_hit].starts_with("… Kernel panic - not syncing: here"));
        let many = "[    1.000000] BUG: KASAN: x\n".repeat(300) + "[    2.000000] Kernel panic - not syncing: here\n";
        let found = scan((many + &"[    2.1] z\n".repeat(9000)).as_bytes(), Setting::default()).unwrap().findings;
        let panic = found.last().unwrap();
        assert_eq!((panic.line_number, &*panic.excerpt[panic.excerpt_hit]), (301, &*panic.line));
    }
}
