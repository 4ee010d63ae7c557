//! What was found on one console, each with the lines around it. Pure and bounded: a guest decides how
//! much it prints, not how much is kept.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::lines::Piece;
use super::rules::Rule;
use muster_record::finding::{Finding, Severity};

/// Findings that are kept; fatal ones always are, since the evaluator reports few of a kind.
const MOST: usize = 1000;

/// Lines of an excerpt before the finding.
const BEFORE: usize = 5;
/// Lines after it, when nothing is known of what follows.
const AFTER: usize = 5;
/// Lines after it, when a trace follows.
const TRACE: usize = 80;

/// Characters of a line in an excerpt.
const LONGEST_LINE: usize = 300;

/// Where in a line a message may begin and still be seen in the line's first characters.
const SEEN: usize = 150;

/// Bytes of all excerpts of a console. Later findings have their line and nothing else.
const BUDGET: usize = 4 << 20;

/// A finding, and how much of what follows belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The finding; without its surroundings until it is kept.
    pub finding: Finding,
    /// Whether a trace follows the line.
    pub trace: bool,
}

impl Found {
    /// What a rule found in a message of the piece.
    pub(crate) fn new(rule: &Rule, severity: Severity, piece: &Piece, message: &str) -> Self {
        let line = match piece.text.find(message) {
            Some(at) if at <= SEEN => muster_base::text::one_line(&piece.text, 500),
            Some(_) => format!("… {}", muster_base::text::one_line(message, 498)),
            None => muster_base::text::one_line(message, 500),
        };
        let finding = Finding {
            rule: rule.id.clone(),
            category: rule.category.clone(),
            severity,
            base_check: rule.base_check.clone(),
            line,
            line_number: piece.number,
            excerpt: Vec::new(),
            excerpt_hit: 0,
        };
        Self { finding, trace: rule.trace }
    }
}

/// The findings of a console. Each line goes in by [`Findings::line`], then what was found in it by
/// [`Findings::add`], or by [`Findings::hold`] what a later line may still lower.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    kept: Vec<Finding>,
    /// Those that are not final yet, by the order in which they came.
    held: BTreeMap<u64, Finding>,
    next: u64,
    /// The last lines, the current one included.
    recent: VecDeque<Arc<str>>,
    /// Findings whose excerpts go on, and lines left.
    open: Vec<(Holder, usize)>,
    bytes: usize,
}

/// Where a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holder {
    Kept(usize),
    Held(u64),
}

impl Findings {
    /// A line, or a piece of one, was printed.
    pub(crate) fn line(&mut self, text: &str) {
        let line: Arc<str> = muster_base::text::one_line(text, LONGEST_LINE).into();
        let Self { kept, held, open, bytes, .. } = self;
        open.retain_mut(|(holder, left)| {
            let finding = match holder {
                Holder::Kept(at) => kept.get_mut(*at),
                Holder::Held(key) => held.get_mut(key),
            };
            let Some(finding) = finding.filter(|_| *bytes + line.len() <= BUDGET) else { return false };
            *bytes += line.len();
            finding.excerpt.push(line.clone());
            *left -= 1;
            *left > 0
        });
        self.recent.push_back(line);
        if self.recent.len() > BEFORE + 1 {
            self.recent.pop_front();
        }
    }

    /// Something was found in the last line. Gives it back with the lines before it.
    pub(crate) fn add(&mut self, found: Found) -> Finding {
        self.keep(found, None)
    }

    /// The same, found in a line that has not ended.
    pub(crate) fn add_unfinished(&mut self, found: Found) -> Finding {
        let line = muster_base::text::one_line(&found.finding.line, LONGEST_LINE).into();
        self.keep(found, Some(line))
    }

    /// Something was found in the last line that is not final yet: it is not reported until it is
    /// [settled](Self::settle).
    pub(crate) fn hold(&mut self, found: Found) {
        if self.held.len() < MOST {
            let finding = self.surrounded(found.finding, None);
            self.follow(Holder::Held(self.next), &finding, found.trace);
            self.held.insert(self.next, finding);
            self.next += 1;
        }
    }

    /// What was held of this rule is final, with this severity. Gives it back, in the order in which it came.
    pub(crate) fn settle(&mut self, rule: &str, severity: Severity) -> Vec<Finding> {
        let keys: Vec<u64> = self.held.iter().filter(|(_, held)| &*held.rule == rule).map(|(key, _)| *key).collect();
        let settle = |key| {
            let finding = Finding { severity, ..self.held.remove(&key)? };
            let at = self.kept.len();
            if at < MOST {
                let open = self.open.iter_mut().filter(|(holder, _)| *holder == Holder::Held(key));
                open.for_each(|(holder, _)| *holder = Holder::Kept(at));
                self.kept.push(finding.clone());
            }
            Some(finding)
        };
        keys.into_iter().filter_map(settle).collect()
    }

    fn keep(&mut self, found: Found, unfinished: Option<Arc<str>>) -> Finding {
        let finding = self.surrounded(found.finding, unfinished);
        if self.kept.len() < MOST || finding.severity == Severity::Fatal {
            self.follow(Holder::Kept(self.kept.len()), &finding, found.trace);
            self.kept.push(finding.clone());
        }
        finding
    }

    /// The finding with the lines before it and its own, which shows what matched.
    fn surrounded(&self, mut finding: Finding, unfinished: Option<Arc<str>>) -> Finding {
        finding.excerpt = self.recent.iter().cloned().chain(unfinished).collect();
        finding.excerpt_hit = finding.excerpt.len().saturating_sub(1);
        if let Some(own) = finding.excerpt.last_mut().filter(|_| !finding.line.is_empty()) {
            *own = muster_base::text::one_line(&finding.line, LONGEST_LINE).into();
        }
        if self.bytes + size(&finding) > BUDGET {
            finding.excerpt.clear();
            finding.excerpt_hit = 0;
        }
        finding
    }

    /// What comes after a finding goes into its excerpt.
    fn follow(&mut self, holder: Holder, finding: &Finding, trace: bool) {
        if !finding.excerpt.is_empty() {
            self.bytes += size(finding);
            self.open.push((holder, if trace { TRACE } else { AFTER }));
        }
    }

    /// The final findings so far, in the order in which they became final.
    pub(crate) fn kept(&self) -> &[Finding] {
        &self.kept
    }

    /// The findings so far, for whoever learns that one of them was provoked.
    pub(crate) fn kept_mut(&mut self) -> &mut [Finding] {
        &mut self.kept
    }

    /// The findings in the order of the log, when nothing more will be printed.
    pub(crate) fn into_kept(mut self) -> Vec<Finding> {
        self.kept.sort_by_key(|finding| finding.line_number);
        self.kept
    }
}

fn size(finding: &Finding) -> usize {
    finding.excerpt.iter().map(|line| line.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(trace: bool, severity: Severity) -> Found {
        let finding = Finding {
            rule: "r".into(),
            category: "c".into(),
            severity,
            line: String::new(),
            line_number: 1,
            excerpt: Vec::new(),
            excerpt_hit: 0,
            base_check: None,
        };
        Found { finding, trace }
    }

    #[test]
    fn an_excerpt_has_lines_before_and_after_and_a_trace_more() {
        let mut findings = Findings::default();
        for n in 0..200 {
            findings.line(&format!("line {n}"));
            if n == 2 || n == 50 {
                let reported = findings.add(found(n == 50, Severity::Fail));
                assert_eq!(reported.excerpt[reported.excerpt_hit], format!("line {n}").into());
            }
        }
        let texts = |at: usize| findings.kept()[at].excerpt.iter().map(|line| line.to_string()).collect::<Vec<_>>();
        assert_eq!(texts(0), (0..8).map(|n| format!("line {n}")).collect::<Vec<_>>());
        assert_eq!(texts(1), (45..131).map(|n| format!("line {n}")).collect::<Vec<_>>());
        assert_eq!((findings.kept()[0].excerpt_hit, findings.kept()[1].excerpt_hit), (2, 5));
        assert!(findings.open.is_empty());
    }

    #[test]
    fn what_is_held_is_reported_once_it_is_final_and_its_excerpt_goes_on_meanwhile() {
        let mut findings = Findings::default();
        findings.line("one");
        findings.hold(found(false, Severity::Fail));
        findings.line("two");
        let mut other = found(false, Severity::Fail);
        other.finding.rule = "other".into();
        findings.hold(other);
        let mut later = found(false, Severity::Warn);
        later.finding.line_number = 9;
        findings.add(later);
        findings.line("three");
        assert_eq!(findings.kept().len(), 1);
        let settled = findings.settle("r", Severity::Warn);
        assert_eq!((settled.len(), settled[0].severity), (1, Severity::Warn));
        findings.line("four");
        assert_eq!(findings.settle("r", Severity::Fail), []);
        assert_eq!(findings.settle("other", Severity::Fail).len(), 1);
        let kept = findings.into_kept();
        let excerpts: Vec<String> = kept.iter().map(|kept| kept.excerpt.join(" ")).collect();
        assert_eq!(excerpts, ["one two three four", "one two three four", "one two three four"]);
        assert_eq!(kept.iter().map(|kept| kept.line_number).collect::<Vec<_>>(), [1, 1, 9]);
    }

    #[test]
    fn memory_is_bounded_whatever_is_printed_and_found() {
        let mut findings = Findings::default();
        for _ in 0..3 * MOST {
            findings.line(&"\u{1f600}".repeat(5000));
            findings.add(found(true, Severity::Fail));
        }
        findings.add(found(true, Severity::Fatal));
        assert_eq!(findings.kept().len(), MOST + 1);
        let bytes: usize = findings.kept().iter().flat_map(|kept| &kept.excerpt).map(|line| line.len()).sum();
        assert!(bytes <= BUDGET && bytes > BUDGET / 2, "{bytes}");
        assert!(findings.open.len() <= TRACE && findings.recent.len() <= BEFORE + 1);
    }
}
