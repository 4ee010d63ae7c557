//! What was found on one console, each with the lines around it. Pure and bounded: a guest decides how
//! much it prints, not how much is kept.

use std::collections::VecDeque;
use std::sync::Arc;

use super::lines::Piece;
use super::rules::{Rule, Severity};

/// Findings that are kept; fatal ones always are, since [`super::Judge`] tells few of a kind.
const MOST: usize = 1000;

/// Lines of an excerpt before the finding.
const BEFORE: usize = 5;
/// Lines after it, when nothing is known of what follows.
const AFTER: usize = 5;
/// Lines after it, when a trace follows.
const TRACE: usize = 80;

/// Characters of a line in an excerpt.
const LONGEST_LINE: usize = 300;

/// Bytes of all excerpts of a console. Later findings have their line and nothing else.
const BUDGET: usize = 4 << 20;

/// Something the console judge found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The id of the rule.
    pub rule: Arc<str>,
    /// `kernel-panic`, `oops`, …: its failure id is `console.<category>`.
    pub category: Arc<str>,
    /// What it means for the machine.
    pub severity: Severity,
    /// The line, harmless, at most 500 characters.
    pub line: String,
    /// 1-based line of `console.log`.
    pub line_number: u64,
    /// Harmless lines around it, itself among them: at most 5 before and 80 after, fewer while the
    /// guest has not printed more.
    pub excerpt: Vec<Arc<str>>,
    /// Which line of the excerpt is the finding's own, from 0.
    pub excerpt_hit: usize,
    /// Whether a trace follows the line.
    pub trace: bool,
}

impl Finding {
    /// A finding without its surroundings.
    pub fn new(rule: &Rule, severity: Severity, piece: &Piece) -> Self {
        Self {
            rule: rule.id.clone(),
            category: rule.category.clone(),
            severity,
            line: crate::text::one_line(&piece.text, 500),
            line_number: piece.number,
            excerpt: Vec::new(),
            excerpt_hit: 0,
            trace: rule.trace,
        }
    }
}

/// The findings of a console in the order of its lines. Each line goes in by [`Findings::line`], then
/// what was found in it by [`Findings::add`].
#[derive(Debug, Default)]
pub struct Findings {
    kept: Vec<Finding>,
    /// The last lines, the current one included.
    recent: VecDeque<Arc<str>>,
    /// Findings whose excerpts go on: index and lines left.
    open: Vec<(usize, usize)>,
    bytes: usize,
}

impl Findings {
    /// A line, or a piece of one, was printed.
    pub fn line(&mut self, text: &str) {
        let line: Arc<str> = crate::text::one_line(text, LONGEST_LINE).into();
        let Self { kept, open, bytes, .. } = self;
        open.retain_mut(|(at, left)| {
            if *bytes + line.len() > BUDGET {
                return false;
            }
            *bytes += line.len();
            kept[*at].excerpt.push(line.clone());
            *left -= 1;
            *left > 0
        });
        self.recent.push_back(line);
        if self.recent.len() > BEFORE + 1 {
            self.recent.pop_front();
        }
    }

    /// Something was found in the last line. Gives it back with the lines before it.
    pub fn add(&mut self, finding: Finding) -> Finding {
        self.keep(finding, None)
    }

    /// The same, found in a line that has not ended.
    pub fn add_unfinished(&mut self, finding: Finding) -> Finding {
        let line = crate::text::one_line(&finding.line, LONGEST_LINE).into();
        self.keep(finding, Some(line))
    }

    fn keep(&mut self, mut finding: Finding, unfinished: Option<Arc<str>>) -> Finding {
        finding.excerpt = self.recent.iter().cloned().chain(unfinished).collect();
        let size: usize = finding.excerpt.iter().map(|line| line.len()).sum();
        if self.bytes + size > BUDGET {
            finding.excerpt.clear();
        }
        finding.excerpt_hit = finding.excerpt.len().saturating_sub(1);
        if self.kept.len() < MOST || finding.severity == Severity::Fatal {
            if !finding.excerpt.is_empty() {
                self.bytes += size;
                self.open.push((self.kept.len(), if finding.trace { TRACE } else { AFTER }));
            }
            self.kept.push(finding.clone());
        }
        finding
    }

    /// The findings so far.
    pub fn kept(&self) -> &[Finding] {
        &self.kept
    }

    /// The findings so far, for whoever learns that one of them was provoked.
    pub fn kept_mut(&mut self) -> &mut [Finding] {
        &mut self.kept
    }

    /// The findings, when nothing more will be printed.
    pub fn into_kept(self) -> Vec<Finding> {
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(trace: bool, severity: Severity) -> Finding {
        Finding {
            rule: "r".into(),
            category: "c".into(),
            severity,
            line: String::new(),
            line_number: 1,
            excerpt: Vec::new(),
            excerpt_hit: 0,
            trace,
        }
    }

    #[test]
    fn an_excerpt_has_lines_before_and_after_and_a_trace_more() {
        let mut findings = Findings::default();
        for n in 0..200 {
            findings.line(&format!("line {n}"));
            if n == 2 || n == 50 {
                let told = findings.add(finding(n == 50, Severity::Fail));
                assert_eq!(told.excerpt[told.excerpt_hit], format!("line {n}").into());
            }
        }
        let texts = |at: usize| findings.kept()[at].excerpt.iter().map(|line| line.to_string()).collect::<Vec<_>>();
        assert_eq!(texts(0), (0..8).map(|n| format!("line {n}")).collect::<Vec<_>>());
        assert_eq!(texts(1), (45..131).map(|n| format!("line {n}")).collect::<Vec<_>>());
        assert_eq!((findings.kept()[0].excerpt_hit, findings.kept()[1].excerpt_hit), (2, 5));
        assert!(findings.open.is_empty());
    }

    #[test]
    fn memory_is_bounded_whatever_is_printed_and_found() {
        let mut findings = Findings::default();
        for _ in 0..3 * MOST {
            findings.line(&"\u{1f600}".repeat(5000));
            findings.add(finding(true, Severity::Fail));
        }
        findings.add(finding(true, Severity::Fatal));
        assert_eq!(findings.kept().len(), MOST + 1);
        let bytes: usize = findings.kept().iter().flat_map(|kept| &kept.excerpt).map(|line| line.len()).sum();
        assert!(bytes <= BUDGET && bytes > BUDGET / 2, "{bytes}");
        assert!(findings.open.len() <= TRACE && findings.recent.len() <= BEFORE + 1);
    }
}
