//! Whether the branches of an `any-of` or `all-of` go together: each says something that the others and what
//! stands next to them do not.

use std::collections::{BTreeSet, HashMap};

use super::super::clause::{Branch, Clause, Join, Joined, said};
use super::super::diagnostic::{Span, codes};
use super::super::model::{Assertion, Expectation, Matcher};
use super::super::table::AttributeKind;
use super::super::{effort, matcher};
use super::context::Context;

/// Reports branches that do not go together: one that decides nothing, alternatives that leave no value out, and what
/// must all hold and cannot. `span` is the place of the key.
pub(super) fn go_together(
    cx: &mut Context<'_>,
    join: Join,
    branches: &[Branch],
    spans: &[Span],
    span: Span,
) -> Option<()> {
    redundant(cx, join, branches, spans)?;
    match join {
        Join::AnyOf => covering(cx, branches, span)?,
        Join::AllOf => {
            for (at, here) in spans.iter().enumerate() {
                let earlier: Vec<_> = branches[..at].iter().flat_map(|branch| conjunction(&branch.clauses)).collect();
                clash(cx, *here, &earlier, &conjunction(&branches[at].clauses))?;
            }
        }
    }
    Some(())
}

/// An assertion with what it is about.
type Leaf<'c> = (&'c Expectation, &'c Assertion);

/// The assertions of clauses that must all hold, those in `all-of` too.
fn conjunction(clauses: &[Clause]) -> Vec<Leaf<'_>> {
    let mut out = Vec::new();
    for clause in clauses {
        match clause {
            Clause::Plain(found) => out.extend(found.assertions.iter().map(|assertion| (found, assertion))),
            Clause::Joined(Joined { join: Join::AllOf, branches, .. }) => {
                branches.iter().for_each(|branch| out.extend(conjunction(&branch.clauses)));
            }
            Clause::Joined(Joined { join: Join::AnyOf, .. }) | Clause::On(_) => {}
        }
    }
    out
}

/// What an assertion is about: those of the same are about one value.
fn subject<'c>((found, assertion): &Leaf<'c>) -> (&'static str, &'c str, &'static str, Option<&'c str>) {
    (found.check, found.subject.as_str(), assertion.attribute, assertion.key.as_deref())
}

/// The kind of value that an assertion is about.
fn kind(cx: &Context<'_>, (found, assertion): &Leaf<'_>) -> Option<&'static AttributeKind> {
    match &cx.vocabulary.table(found.check)?.attribute(assertion.attribute)?.kind {
        AttributeKind::Map(_, inner) | AttributeKind::Samples(inner) => Some(*inner),
        kind => Some(kind),
    }
}

/// Reports two assertions on one value that cannot both hold. What may arrive later may be another value then.
fn clash(cx: &mut Context<'_>, span: Span, first: &[Leaf<'_>], second: &[Leaf<'_>]) -> Option<()> {
    let known: HashMap<_, &Leaf<'_>> = first.iter().map(|leaf| (subject(leaf), leaf)).collect();
    for leaf in second {
        effort::spent(1);
        let Some(other) = known.get(&subject(leaf)) else { continue };
        let settled = leaf.0.eventually.is_none() && other.0.eventually.is_none();
        let Some(kind) = kind(cx, leaf).filter(|_| settled) else { continue };
        let both = Matcher::All(vec![other.1.matcher.clone(), leaf.1.matcher.clone()]);
        let name = format!("{} together with what is at {}", leaf.1.attribute, other.1.location);
        matcher::decode::possible(cx, span, kind, &both, &name)?;
    }
    Some(())
}

/// Reports branches of one assertion each, on one value, that together leave no value out.
fn covering(cx: &mut Context<'_>, branches: &[Branch], span: Span) -> Option<()> {
    let mut by_subject: HashMap<_, Vec<Leaf<'_>>> = HashMap::new();
    for branch in branches {
        if let [leaf] = conjunction(&branch.clauses)[..]
            && branch.clauses.len() == 1
        {
            by_subject.entry(subject(&leaf)).or_default().push(leaf);
        }
    }
    for leaves in by_subject.values().filter(|leaves| leaves.len() > 1) {
        let Some(kind) = kind(cx, &leaves[0]) else { continue };
        let parts = leaves.iter().map(|(_, assertion)| assertion.matcher.clone()).collect();
        matcher::decode::possible(cx, span, kind, &Matcher::AnyOf(parts), "any-of")?;
    }
    Some(())
}

/// Reports a join that does not go with the plain clauses that it stands next to: a branch that can never hold with
/// them, or an alternative that they state already.
pub(super) fn next_to(cx: &mut Context<'_>, plain: &[Clause], joined: &Joined, span: Span) {
    let around = conjunction(plain);
    let stated = said(plain);
    for branch in &joined.branches {
        if clash(cx, span, &around, &conjunction(&branch.clauses)).is_none() {
            return;
        }
        if said(&branch.clauses).is_subset(&stated) {
            let place = &branch.location;
            let message = format!("the branch at {place} is expected anyway, so that it decides nothing");
            let problem = cx.problem(codes::NO_EFFECT, span, message);
            cx.report(problem.help("remove the branch, or what is next to it"));
            return;
        }
    }
}

/// Reports a branch that holds all that another one holds: of alternatives it decides nothing, and of what
/// must all hold the shorter one is said twice. `None` after a report.
fn redundant(cx: &mut Context<'_>, join: Join, branches: &[Branch], spans: &[Span]) -> Option<()> {
    let said: Vec<BTreeSet<String>> = branches.iter().map(|branch| said(&branch.clauses)).collect();
    for (at, longer) in said.iter().enumerate() {
        for (other, shorter) in said.iter().enumerate() {
            effort::spent(shorter.len());
            let same = longer == shorter;
            if at == other || (same && at < other) || !shorter.is_subset(longer) {
                continue;
            }
            let place = &branches[other].location;
            let (span, message) = match join {
                _ if same => (spans[at], format!("this branch is the same as the one at {place}")),
                Join::AnyOf => (
                    spans[at],
                    format!("this branch decides nothing: where it holds, the shorter one at {place} holds too"),
                ),
                Join::AllOf => {
                    (spans[other], format!("this branch is contained in the one at {}", branches[at].location))
                }
            };
            let problem = cx.problem(codes::NO_EFFECT, span, message);
            cx.report(problem.help("remove one of them"));
            return None;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::super::super::clause::{MOST_BRANCHES, MOST_NESTED, expectations};
    use super::super::super::model::Test;
    use super::super::super::testing::VOCABULARY;
    use super::super::decode_source;
    use super::*;

    fn decoded(expect: &str) -> (Option<Test>, String) {
        let text = format!("schema: suite/v1\nsuite: s\ntests:\n- id: t\n  expect:\n{expect}");
        let (suite, problems) = decode_source("s.yaml", &text, &VOCABULARY);
        (suite.map(|mut suite| suite.tests.remove(0)), problems.render(false))
    }

    #[test]
    fn branches_speak_of_any_check_type_and_stand_in_each_other() {
        let (test, problems) = decoded(
            "    kernel: {taint: 0}
    any-of:
    - kconfig: {CONFIG_DEBUG_NOTIFIERS: y}
    - kconfig: {CONFIG_CFI: y, CONFIG_CFI_PERMISSIVE: n}
      sysctl: {kernel.modules_disabled: 1}
    all-of:
    - any-of: [{package: {a: installed}}, {package: {b: installed}}]
    - any-of: [{package: {c: installed}}, {port: {tcp/1: {listening: true, eventually: 2s}}}]
",
        );
        assert_eq!(problems, "");
        let test = test.unwrap();
        let Clause::Joined(joined) = &test.expect[1] else { panic!("{:?}", test.expect[1]) };
        assert_eq!((joined.join, joined.branches.len(), joined.location.line), (Join::AnyOf, 2, 7));
        assert_eq!(joined.branches[1].clauses.len(), 3);
        let subjects: Vec<&str> = expectations(&test.expect).iter().map(|found| found.subject.as_str()).collect();
        assert_eq!(
            subjects,
            [
                "",
                "CONFIG_DEBUG_NOTIFIERS",
                "CONFIG_CFI",
                "CONFIG_CFI_PERMISSIVE",
                "kernel.modules_disabled",
                "a",
                "b",
                "c",
                "tcp/1"
            ]
        );
        assert_eq!(test.assertions(), 1 + 1 + 2, "alternatives are met or missed as a whole");
    }

    #[test]
    fn a_branch_that_says_nothing_of_its_own_is_an_error() {
        let deep = "{any-of: [{kernel: {taint: 1}}, ".repeat(MOST_NESTED + 1);
        let many = "{kernel: {taint: 1}}, ".repeat(MOST_BRANCHES + 1);
        for (expect, code, words) in [
            ("any-of: []", "empty-value", "`any-of` is an empty list"),
            ("any-of: [{}, {kernel: {taint: 0}}]", "empty-value", "a branch of `any-of` is an empty mapping"),
            ("any-of: [{kernel: {taint: 0}}]", "no-effect", "`any-of` has a single branch"),
            ("any-of: {kernel: {taint: 0}}", "wrong-shape", "`any-of`"),
            ("any-of: [kernel, {kernel: {taint: 0}}]", "wrong-shape", "a branch of `any-of`"),
            ("any-of: [{kernel: {}}, {kernel: {taint: 0}}]", "empty-value", "`kernel` is an empty mapping"),
            (
                "any-of: [{kernel: {taint: 0}}, {kernel: {taint: 0}}]",
                "no-effect",
                "this branch is the same as the one at",
            ),
            (
                "any-of: [{kernel: {taint: 0}, kconfig: {CONFIG_A: y}}, {kernel: {taint: 0}}]",
                "no-effect",
                "this branch decides nothing",
            ),
            (
                "all-of: [{kernel: {taint: 0}, kconfig: {CONFIG_A: y}}, {kernel: {taint: 0}}]",
                "no-effect",
                "this branch is contained in the one at",
            ),
            (
                "any-of: [{all-of: [{kernel: {taint: 0}}, {kconfig: {CONFIG_A: y}}]}, \
                 {all-of: [{kconfig: {CONFIG_A: y}}, {kernel: {taint: 0}}]}]",
                "no-effect",
                "the same",
            ),
            (
                "all-of: [{kernel: {taint: 0}}, {kernel: {taint: '>= 1'}}]",
                "contradiction",
                "`taint together with what is at s.yaml:6:24` can never be so",
            ),
            (
                "kernel: {taint: 0}\n    any-of: [{kernel: {taint: '>= 1'}}, {kconfig: {CONFIG_A: y}}]",
                "contradiction",
                "`taint together with what is at s.yaml:6:14` can never be so",
            ),
            (
                "kernel: {taint: 0}\n    any-of: [{kernel: {taint: 0}}, {kconfig: {CONFIG_A: y}}]",
                "no-effect",
                "is expected anyway, so that it decides nothing",
            ),
            ("any-of: [{kernel: {taint: '<= 5'}}, {kernel: {taint: '> 2'}}]", "tautology", "`any-of` asserts nothing"),
            ("any-off: [{kernel: {taint: 0}}]", "unknown-check", "did you mean `any-of`?"),
            (&format!("any-of: [{deep}"), "syntax", ""),
            (&format!("any-of: [{}]", many.trim_end_matches(", ")), "too-many", "and may have 16"),
        ] {
            let (test, problems) = decoded(&format!("    {expect}\n"));
            assert!(test.is_none() && problems.contains(code) && problems.contains(words), "{expect}: {problems}");
        }
        let open: String =
            (0..MOST_NESTED).map(|depth| format!("{{any-of: [{{kernel: {{taint: {depth}}}}}, ")).collect();
        let nested = format!("{open}{{kernel: {{taint: 99}}}}{}", "]}".repeat(MOST_NESTED));
        let (test, problems) = decoded(&format!("    any-of: [{{kernel: {{taint: 77}}}}, {nested}]\n"));
        assert!(test.is_none() && problems.contains("at most 4 deep"), "{problems}");
    }
}
