//! What becomes of a test's clauses: which expectations have still to be read, and what is met, missed or
//! unknown in the end. Runs, checks of files and recordings evaluate by it alone.
//!
//! Of alternatives one that is met as a whole is enough. Otherwise, when something in them could not be
//! read, whether one of them holds is unknown, unless each has a miss of its own: then they are missed,
//! and what could not be read is reported with that.

use super::wording::{attribute_of, expected, subject_of};
use crate::check::Verdict;
use muster_base::text::one_line;
use muster_suite::clause::{Branch, Clause, Join, Joined};
use muster_suite::model::{Assertion, Expectation};

/// Lines of one branch in the detail of alternatives that are not met.
const MOST_LINES: usize = 20;
/// Characters of a line of that detail.
const LINE: usize = 400;
/// Characters of what was expected and seen of alternatives.
const SUMMARY: usize = 600;

/// The state of a test's clauses.
pub struct Evaluation<'e>(Vec<Node<'e>>);

enum Node<'e> {
    Plain(Leaf<'e>),
    Joined { joined: &'e Joined, branches: Vec<(&'e Branch, Vec<Node<'e>>)> },
}

struct Leaf<'e> {
    expectation: &'e Expectation,
    /// As of the last reading, one for each assertion.
    verdicts: Vec<Verdict>,
    /// Whether it is to be read, for the first time or again.
    open: bool,
}

/// What is known of a node or a list of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Met,
    Missed,
    Unknown,
    Open,
}

/// What came of one assertion of a test: of an expectation, or of alternatives as a whole.
#[derive(Debug)]
pub enum ExpectationResult<'e> {
    /// An assertion of an expectation that must hold, or that could not be read.
    Assertion {
        /// The expectation.
        expectation: &'e Expectation,
        /// The assertion.
        assertion: &'e Assertion,
        /// What came of it.
        verdict: Verdict,
    },
    /// A check that gave another number of verdicts than there are assertions, which is a fault of the check.
    Miscounted {
        /// The expectation.
        expectation: &'e Expectation,
        /// How many verdicts it gave.
        verdicts: usize,
    },
    /// Alternatives.
    AnyOf {
        /// The alternatives.
        joined: &'e Joined,
        /// What came of them.
        verdict: Verdict,
        /// What each of them misses, a line for each miss; empty when they are met.
        detail: String,
    },
}

impl<'e> Evaluation<'e> {
    /// Of clauses of which nothing has been read yet.
    pub fn of(clauses: &'e [Clause]) -> Self {
        Self(nodes(clauses))
    }

    /// Of clauses whose expectations are evaluated once, now.
    pub fn once(clauses: &'e [Clause], evaluate: impl FnMut(&Expectation) -> Vec<Verdict>) -> Self {
        let mut out = Self::of(clauses);
        out.evaluate(evaluate, |_| false);
        out
    }

    /// The expectations that have to be read, for the first time or again. Empty in the end. What can no longer
    /// decide anything is not among them: the alternatives to one that is met, and the rest of one that is not.
    pub fn open(&self) -> Vec<&'e Expectation> {
        let mut out = Vec::new();
        open(&self.0, &mut out);
        out
    }

    /// Judges what is open by what has been read. What is not met stays open as long as it may `still_arrive`.
    pub fn evaluate(
        &mut self,
        mut evaluate: impl FnMut(&Expectation) -> Vec<Verdict>,
        mut still_arrive: impl FnMut(&Expectation) -> bool,
    ) {
        let mut leaves = Vec::new();
        open_mut(&mut self.0, &mut leaves);
        for leaf in leaves {
            leaf.verdicts = evaluate(leaf.expectation);
            leaf.open = leaf.of_last_reading() != State::Met && still_arrive(leaf.expectation);
        }
    }

    /// What came of each assertion, in the order of the clauses.
    pub fn findings(&self) -> Vec<ExpectationResult<'e>> {
        let mut out = Vec::new();
        findings(&self.0, &mut out);
        out
    }
}

impl Leaf<'_> {
    fn state(&self) -> State {
        if self.open { State::Open } else { self.of_last_reading() }
    }

    fn of_last_reading(&self) -> State {
        let has = |what: fn(&Verdict) -> bool| self.verdicts.iter().any(what);
        match () {
            () if has(|verdict| matches!(verdict, Verdict::Missed { .. })) => State::Missed,
            () if has(|verdict| matches!(verdict, Verdict::Unknown { .. })) => State::Unknown,
            () if self.verdicts.len() != self.expectation.assertions.len() => State::Unknown,
            () => State::Met,
        }
    }
}

fn nodes(clauses: &[Clause]) -> Vec<Node<'_>> {
    clauses.iter().flat_map(node).collect()
}

fn node(clause: &Clause) -> Vec<Node<'_>> {
    match clause {
        Clause::Plain(expectation) => vec![Node::Plain(Leaf { expectation, verdicts: Vec::new(), open: true })],
        Clause::Joined(joined) => {
            let branches = joined.branches.iter().map(|branch| (branch, nodes(&branch.clauses))).collect();
            vec![Node::Joined { joined, branches }]
        }
        // A run evaluates what is expected of each machine by itself; of the file of one image all must hold.
        Clause::On(on) => nodes(&on.clauses),
    }
}

/// The state of clauses that must all hold.
fn all<'n, 'e: 'n>(nodes: impl IntoIterator<Item = &'n Node<'e>>) -> State {
    let states: Vec<State> = nodes.into_iter().map(state).collect();
    first_of(&states, [State::Missed, State::Unknown, State::Open], State::Met)
}

/// The state of alternatives.
fn any(branches: &[(&Branch, Vec<Node<'_>>)]) -> State {
    let states: Vec<State> = branches.iter().map(|(_, nodes)| all(nodes)).collect();
    first_of(&states, [State::Met, State::Open, State::Unknown], State::Missed)
}

fn first_of(states: &[State], order: [State; 3], otherwise: State) -> State {
    order.into_iter().find(|state| states.contains(state)).unwrap_or(otherwise)
}

fn state(node: &Node<'_>) -> State {
    match node {
        Node::Plain(leaf) => leaf.state(),
        Node::Joined { joined, branches } => match joined.join {
            Join::AnyOf => any(branches),
            Join::AllOf => all(branches.iter().flat_map(|(_, nodes)| nodes)),
        },
    }
}

fn open<'e>(nodes: &[Node<'e>], out: &mut Vec<&'e Expectation>) {
    for node in nodes {
        match node {
            Node::Plain(leaf) if leaf.open => out.push(leaf.expectation),
            Node::Plain(_) => {}
            Node::Joined { joined, branches } => {
                let decided = joined.join == Join::AnyOf && any(branches) != State::Open;
                let matters = |nodes: &[Node<'_>]| joined.join == Join::AllOf || all(nodes) == State::Open;
                branches.iter().filter(|(_, nodes)| !decided && matters(nodes)).for_each(|(_, nodes)| open(nodes, out));
            }
        }
    }
}

/// The leaves whose expectations [`open`] names.
fn open_mut<'n, 'e>(nodes: &'n mut [Node<'e>], out: &mut Vec<&'n mut Leaf<'e>>) {
    for node in nodes {
        match node {
            Node::Plain(leaf) if leaf.open => out.push(leaf),
            Node::Plain(_) => {}
            Node::Joined { joined, branches } => {
                let decided = joined.join == Join::AnyOf && any(branches) != State::Open;
                for (_, nodes) in branches.iter_mut().filter(|_| !decided) {
                    if joined.join == Join::AllOf || all(nodes.iter()) == State::Open {
                        open_mut(nodes, out);
                    }
                }
            }
        }
    }
}

fn findings<'e>(nodes: &[Node<'e>], out: &mut Vec<ExpectationResult<'e>>) {
    for node in nodes {
        match node {
            Node::Plain(leaf) => of_leaf(leaf, out),
            Node::Joined { joined, branches } => match joined.join {
                Join::AllOf => branches.iter().for_each(|(_, nodes)| findings(nodes, out)),
                Join::AnyOf => {
                    let state = any(branches);
                    let (verdict, detail) = of_alternatives(joined, branches, state);
                    out.push(ExpectationResult::AnyOf { joined, verdict, detail });
                    if state == State::Missed {
                        branches.iter().for_each(|(_, nodes)| unknown(nodes, out));
                    }
                }
            },
        }
    }
}

fn of_leaf<'e>(leaf: &Leaf<'e>, out: &mut Vec<ExpectationResult<'e>>) {
    let expectation = leaf.expectation;
    if leaf.verdicts.len() != expectation.assertions.len() {
        out.push(ExpectationResult::Miscounted { expectation, verdicts: leaf.verdicts.len() });
    }
    let pairs = expectation.assertions.iter().zip(leaf.verdicts.iter().cloned());
    out.extend(pairs.map(|(assertion, verdict)| ExpectationResult::Assertion { expectation, assertion, verdict }));
}

/// What could not be read, of nodes that are missed for another reason.
fn unknown<'e>(nodes: &[Node<'e>], out: &mut Vec<ExpectationResult<'e>>) {
    for node in nodes {
        match node {
            Node::Plain(leaf) => {
                let mut found = Vec::new();
                of_leaf(leaf, &mut found);
                out.extend(found.into_iter().filter(|finding| {
                    matches!(
                        finding,
                        ExpectationResult::Assertion { verdict: Verdict::Unknown { .. }, .. }
                            | ExpectationResult::Miscounted { .. }
                    )
                }));
            }
            Node::Joined { branches, .. } if state(node) != State::Met => {
                branches.iter().for_each(|(_, nodes)| unknown(nodes, out));
            }
            Node::Joined { .. } => {}
        }
    }
}

fn of_alternatives(joined: &Joined, branches: &[(&Branch, Vec<Node<'_>>)], state: State) -> (Verdict, String) {
    if state == State::Met {
        return (Verdict::Met { actual: one_line(&held(branches).unwrap_or_default(), SUMMARY) }, String::new());
    }
    let count = branches.len();
    let mut detail = Vec::new();
    let mut short = Vec::new();
    for (number, (branch, nodes)) in branches.iter().enumerate() {
        detail.push(format!("alternative {} of {count} ({}):", number + 1, branch.location));
        let mut lines = Vec::new();
        misses(nodes, 1, &mut lines);
        short.extend(lines.first().map(|line| line.trim_start().to_owned()));
        let more = lines.len().saturating_sub(MOST_LINES);
        lines.truncate(MOST_LINES);
        detail.extend(lines);
        if more > 0 {
            detail.push(format!("  and {more} more"));
        }
    }
    let short = one_line(&short.join("; "), SUMMARY);
    let verdict = match state {
        State::Missed => Verdict::Missed { expected: describe(joined), actual: short, detail: detail.join("\n") },
        _ => Verdict::Unknown { why: format!("whether one of {count} alternatives holds: {short}") },
    };
    (verdict, detail.join("\n"))
}

/// By what the first alternative that holds was met: `alternative 2: kconfig CONFIG_B: value y`.
fn held(branches: &[(&Branch, Vec<Node<'_>>)]) -> Option<String> {
    let (at, (_, nodes)) = branches.iter().enumerate().find(|(_, (_, nodes))| all(nodes) == State::Met)?;
    let mut lines = Vec::new();
    seen(nodes, &mut lines);
    Some(format!("alternative {}: {}", at + 1, lines.join("; ")))
}

/// What was seen of nodes that are met.
fn seen(nodes: &[Node<'_>], out: &mut Vec<String>) {
    for node in nodes {
        match node {
            Node::Plain(Leaf { expectation, verdicts, .. }) => {
                for (assertion, verdict) in expectation.assertions.iter().zip(verdicts) {
                    if let Verdict::Met { actual } = verdict {
                        out.push(format!("{}: {} {actual}", subject_of(expectation), attribute_of(assertion)));
                    }
                }
            }
            Node::Joined { joined, branches } => match joined.join {
                Join::AllOf => branches.iter().for_each(|(_, nodes)| seen(nodes, out)),
                Join::AnyOf => out.extend(held(branches)),
            },
        }
    }
}

/// A line for everything that is not met.
fn misses(nodes: &[Node<'_>], depth: usize, out: &mut Vec<String>) {
    let indent = "  ".repeat(depth);
    for node in nodes.iter().filter(|node| state(node) != State::Met) {
        match node {
            Node::Plain(leaf) => {
                let subject = subject_of(leaf.expectation);
                for (assertion, verdict) in leaf.expectation.assertions.iter().zip(&leaf.verdicts) {
                    let line = match verdict {
                        Verdict::Met { .. } => continue,
                        Verdict::Missed { expected, actual, .. } => {
                            format!("expected {}, found {}", one_line(expected, LINE / 2), one_line(actual, LINE / 2))
                        }
                        Verdict::Unknown { why } => {
                            format!("cannot determine {}: {}", assertion.attribute, one_line(why, LINE))
                        }
                    };
                    out.push(format!("{indent}{subject}: {line}"));
                }
            }
            Node::Joined { joined, branches } => match joined.join {
                Join::AllOf => branches.iter().for_each(|(_, nodes)| misses(nodes, depth, out)),
                Join::AnyOf => {
                    out.push(format!("{indent}none of {} alternatives holds:", branches.len()));
                    branches.iter().for_each(|(_, nodes)| misses(nodes, depth + 1, out));
                }
            },
        }
    }
}

/// Alternatives in words, one bounded line: `kconfig CONFIG_A: value is y; or kconfig CONFIG_B: value is n and sysctl x: value is 1`.
pub fn describe(joined: &Joined) -> String {
    one_line(&in_words(&Clause::Joined(joined.clone()), true), SUMMARY)
}

fn in_words(clause: &Clause, outermost: bool) -> String {
    let branch =
        |branch: &Branch| branch.clauses.iter().map(|clause| in_words(clause, false)).collect::<Vec<_>>().join(" and ");
    match clause {
        Clause::Plain(found) => {
            let wanted: Vec<String> = found.assertions.iter().map(expected).collect();
            format!("{}: {}", subject_of(found), wanted.join(", "))
        }
        Clause::Joined(joined) => {
            let between = match joined.join {
                Join::AnyOf => "; or ",
                Join::AllOf => " and ",
            };
            let text = joined.branches.iter().map(branch).collect::<Vec<_>>().join(between);
            if outermost { text } else { format!("({text})") }
        }
        Clause::On(on) => on.clauses.iter().map(|clause| in_words(clause, false)).collect::<Vec<_>>().join(" and "),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use muster_suite::Vocabulary;
    use muster_suite::model::Test;

    fn test(expect: &str) -> Test {
        let vocabulary = Vocabulary { tables: crate::tables(), capabilities: &[], tools: &[] };
        let text = format!("schema: suite/v1\nsuite: s\ntests:\n- id: t\n  expect: {expect}\n");
        let (suite, problems) = muster_suite::decode_source("s.yaml", &text, &vocabulary);
        assert_eq!(problems.render(false), "");
        suite.unwrap().tests.remove(0)
    }

    /// Of each subject: met (`y`), unreadable (`?`), or missed with this value.
    fn evaluate<'a>(seen: &'a BTreeMap<&'a str, &'a str>) -> impl FnMut(&Expectation) -> Vec<Verdict> + 'a {
        |expectation| {
            let verdict = |assertion| match seen.get(expectation.subject.as_str()).copied() {
                Some("y") => Verdict::MET,
                Some("?") => Verdict::Unknown { why: "the tool was silent".into() },
                other => Verdict::Missed {
                    expected: expected(assertion),
                    actual: other.unwrap_or("n").into(),
                    detail: String::new(),
                },
            };
            expectation.assertions.iter().map(verdict).collect()
        }
    }

    fn lines(findings: Vec<ExpectationResult<'_>>) -> Vec<String> {
        let state = |verdict: &Verdict| match verdict {
            Verdict::Met { .. } => "met".to_owned(),
            Verdict::Missed { expected, actual, .. } => format!("missed: {expected}: {actual}"),
            Verdict::Unknown { why } => format!("unknown: {why}"),
        };
        let line = |finding: ExpectationResult<'_>| match finding {
            ExpectationResult::Assertion { expectation, verdict, .. } => {
                format!("{} {}", expectation.subject, state(&verdict))
            }
            ExpectationResult::AnyOf { verdict, .. } => format!("any-of {}", state(&verdict)),
            ExpectationResult::Miscounted { expectation, verdicts } => {
                format!("{} has {verdicts}", expectation.subject)
            }
        };
        findings.into_iter().map(line).collect()
    }

    fn found(test: &Test, seen: &[(&'static str, &'static str)]) -> Vec<String> {
        let seen = seen.iter().copied().collect();
        lines(Evaluation::once(&test.expect, evaluate(&seen)).findings())
    }

    const TWO: &str = "{any-of: [{kconfig: {CONFIG_A: y}}, {kconfig: {CONFIG_B: y, CONFIG_C: y}, sysctl: {vm.x: 1}}]}";

    #[test]
    fn one_branch_that_is_met_whole_is_enough_whatever_the_others_are() {
        for other in ["n", "?"] {
            assert_eq!(found(&test(TWO), &[("CONFIG_A", "y"), ("CONFIG_B", other)]), ["any-of met"]);
            let second = [("CONFIG_A", other), ("CONFIG_B", "y"), ("CONFIG_C", "y"), ("vm.x", "y")];
            assert_eq!(found(&test(TWO), &second), ["any-of met"]);
        }
    }

    #[test]
    fn alternatives_that_are_met_say_by_which_and_by_what() {
        let met_by = |seen: &[(&str, &str)]| {
            let evaluate = |expectation: &Expectation| {
                let value = seen.iter().find(|(name, _)| *name == expectation.subject).map(|(_, value)| *value);
                let verdict = match value {
                    Some(value) => Verdict::Met { actual: value.to_owned() },
                    None => Verdict::Missed { expected: "y".into(), actual: "n".into(), detail: String::new() },
                };
                vec![verdict; expectation.assertions.len()]
            };
            let test = test(TWO);
            let finding = Evaluation::once(&test.expect, evaluate).findings().pop();
            let Some(ExpectationResult::AnyOf { verdict, .. }) = finding else { panic!() };
            verdict.seen().map(str::to_owned)
        };
        assert_eq!(met_by(&[("CONFIG_A", "y")]).as_deref(), Some("alternative 1: kconfig CONFIG_A: value y"));
        assert_eq!(
            met_by(&[("CONFIG_B", "y"), ("CONFIG_C", "m"), ("vm.x", "1")]).as_deref(),
            Some("alternative 2: kconfig CONFIG_B: value y; kconfig CONFIG_C: value m; sysctl vm.x: value 1")
        );
        assert_eq!(met_by(&[("CONFIG_B", "y")]), None, "half of one is none");
    }

    #[test]
    fn when_no_branch_is_met_the_failure_shows_what_each_misses() {
        let test = test(TWO);
        let seen = [("CONFIG_B", "y"), ("vm.x", "0")].into_iter().collect();
        let evaluation = Evaluation::once(&test.expect, evaluate(&seen));
        let Some(ExpectationResult::AnyOf { detail, verdict, joined }) = evaluation.findings().pop() else { panic!() };
        assert_eq!(
            detail,
            "alternative 1 of 2 (s.yaml:5:21):\n  kconfig CONFIG_A: expected value is y, found n\n\
             alternative 2 of 2 (s.yaml:5:47):\n  kconfig CONFIG_C: expected value is y, found n\n  \
             sysctl vm.x: expected value is 1, found 0"
        );
        let Verdict::Missed { expected, actual, .. } = verdict else { panic!("{verdict:?}") };
        assert_eq!(
            expected,
            "kconfig CONFIG_A: value is y; or kconfig CONFIG_B: value is y and kconfig CONFIG_C: value is y and sysctl vm.x: value is 1"
        );
        assert!(actual.starts_with("kconfig CONFIG_A: expected value is y, found n; kconfig CONFIG_C:"), "{actual}");
        assert_eq!(joined.location.line, 5);
    }

    #[test]
    fn what_could_not_be_read_is_never_a_miss_and_never_a_pass() {
        let unknown = found(&test(TWO), &[("CONFIG_A", "?")]);
        assert_eq!(
            unknown,
            [
                "any-of unknown: whether one of 2 alternatives holds: kconfig CONFIG_A: cannot determine value: the tool \
              was silent; kconfig CONFIG_B: expected value is y, found n"
            ]
        );
        // Each branch has a miss of its own, whatever that tool would have said.
        let both = found(&test(TWO), &[("CONFIG_B", "?")]);
        assert!(
            both[0].starts_with("any-of missed") && both[1..] == ["CONFIG_B unknown: the tool was silent"],
            "{both:?}"
        );
        let nothing = Evaluation::once(&test(TWO).expect, |_| Vec::new()).findings().len();
        assert_eq!(nothing, 1, "a check without verdicts does not hold");
        assert!(lines(Evaluation::once(&test(TWO).expect, |_| Vec::new()).findings())[0].starts_with("any-of unknown"));
    }

    #[test]
    fn each_miss_in_all_of_is_a_finding_of_its_own() {
        let test = test(
            "{all-of: [{kconfig: {CONFIG_A: y}}, {any-of: [{kconfig: {CONFIG_B: y}}, {kconfig: {CONFIG_C: y}}]}]}",
        );
        assert_eq!(found(&test, &[("CONFIG_C", "y")]), ["CONFIG_A missed: value is y: n", "any-of met"]);
    }

    #[test]
    fn alternatives_in_a_branch_are_shown_below_it() {
        let test = test(
            "{any-of: [{kconfig: {CONFIG_A: y}}, {any-of: [{kconfig: {CONFIG_B: y}}, {kconfig: {CONFIG_C: y}}]}]}",
        );
        let none = BTreeMap::new();
        let evaluation = Evaluation::once(&test.expect, evaluate(&none));
        let Some(ExpectationResult::AnyOf { detail, .. }) = evaluation.findings().pop() else { panic!() };
        assert!(
            detail.ends_with(
                "  none of 2 alternatives holds:\n    kconfig CONFIG_B: expected value is y, found n\n    \
                 kconfig CONFIG_C: expected value is y, found n"
            ),
            "{detail}"
        );
    }

    #[test]
    fn alternatives_are_read_again_as_long_as_one_may_still_hold() {
        let test = test(
            "{any-of: [{port: {tcp/1: {listening: true, eventually: 9s}}, kconfig: {CONFIG_A: y}}, \
             {port: {tcp/2: {listening: true, eventually: 9s}}}], kernel: {taint: 0}}",
        );
        let subjects = |evaluation: &Evaluation<'_>| {
            evaluation.open().iter().map(|found| found.subject.clone()).collect::<Vec<_>>()
        };
        let may_arrive = |expectation: &Expectation| expectation.eventually.is_some();
        let mut evaluation = Evaluation::of(&test.expect);
        assert_eq!(subjects(&evaluation), ["", "tcp/1", "CONFIG_A", "tcp/2"], "all is read at first");
        let seen = [("CONFIG_A", "n"), ("", "y")].into_iter().collect();
        evaluation.evaluate(evaluate(&seen), may_arrive);
        assert_eq!(subjects(&evaluation), ["tcp/2"], "the other branch is lost already");
        let seen = [("tcp/2", "y")].into_iter().collect();
        evaluation.evaluate(evaluate(&seen), may_arrive);
        assert_eq!(subjects(&evaluation), Vec::<String>::new());
        assert_eq!(lines(evaluation.findings()), [" met", "any-of met"]);

        let mut late = Evaluation::of(&test.expect);
        let seen = [("CONFIG_A", "y"), ("", "y")].into_iter().collect();
        late.evaluate(evaluate(&seen), may_arrive);
        assert_eq!(subjects(&late), ["tcp/1", "tcp/2"]);
        late.evaluate(evaluate(&BTreeMap::new()), |_| false);
        assert_eq!(subjects(&late), Vec::<String>::new());
        assert!(lines(late.findings())[1].starts_with("any-of missed: port tcp/1: listening is true and "));
    }
}
