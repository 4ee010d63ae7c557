//! What a test expects on one system, after its adjustments. Pure; the run room calls it when it
//! knows the system, and before it asks anything.

use std::collections::{HashMap, HashSet};

use super::baseline::{self, Baseline};
use super::clause::{self, Clause, Join};
use super::condition::{Truth, evaluate};
use super::model::{Adjustment, Assertion, Change, Expectation, Test};

/// A test as it is for one system.
#[derive(Debug, Clone)]
pub struct Adjusted {
    /// The test, with every adjustment that applies.
    pub test: Test,
    /// The reasons of those that applied, in order.
    pub because: Vec<String>,
}

/// Why a test cannot be adjusted to a system.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AdjustError {
    /// It depends on something that is not known.
    #[error("whether an adjustment applies depends on `{dimension}`, which is not known here")]
    Unknown {
        /// The dimension.
        dimension: String,
    },
    /// The adjustments together leave no assertion, although none of them alone does.
    #[error("the adjustments that apply here leave nothing of the test; use its `when` to leave it out")]
    NothingLeft,
}

impl Test {
    /// The test as it is for the system that `lookup` describes (as in
    /// [`evaluate`](super::condition::evaluate)). Adjustments apply in order, each to what the ones
    /// before it made.
    pub fn adjusted(&self, lookup: &dyn Fn(&str) -> Option<Vec<String>>) -> Result<Adjusted, AdjustError> {
        let mut out = Adjusted { test: self.clone(), because: Vec::new() };
        for adjustment in &self.adjust {
            match evaluate(&adjustment.when.condition, lookup) {
                Truth::Unknown { dimension } => return Err(AdjustError::Unknown { dimension }),
                Truth::False { .. } => {}
                Truth::True => {
                    out.test = adjustment.applied(&out.test);
                    out.because.extend(adjustment.when.because.clone());
                }
            }
        }
        if !out.because.is_empty() && out.test.assertions() == 0 {
            return Err(AdjustError::NothingLeft);
        }
        Ok(out)
    }

    /// Whether it compares boots with those of a file, on any system.
    pub fn compares_boots(&self) -> bool {
        !self.baselines().is_empty()
    }

    /// What it compares boots with, on any system.
    pub fn baselines(&self) -> Vec<Baseline> {
        let changes = self.adjust.iter().flat_map(|adjustment| &adjustment.changes);
        let adjusted = changes.flat_map(|change| match change {
            Change::Replace(expectation) | Change::Merge(expectation) => vec![expectation],
            Change::ReplaceJoined(joined) => {
                joined.branches.iter().flat_map(|branch| clause::expectations(&branch.clauses)).collect()
            }
            Change::Remove { .. } | Change::RemoveJoined { .. } => Vec::new(),
        });
        let all = clause::expectations(&self.expect).into_iter().chain(adjusted);
        let compared = all.flat_map(|found| &found.assertions).filter(|one| one.attribute == baseline::ATTRIBUTE);
        compared.filter_map(|assertion| assertion.key.as_deref()).map(Baseline::of_key).collect()
    }
}

impl Adjustment {
    /// The test with this adjustment, whatever its condition says.
    pub fn applied(&self, test: &Test) -> Test {
        let mut list = Expectations::of(&test.expect);
        for change in &self.changes {
            list.apply(change);
        }
        Test {
            expect: list.slots.into_iter().flatten().collect(),
            timeout: self.timeout.unwrap_or(test.timeout),
            ..test.clone()
        }
    }
}

/// What a change of an adjustment is about: a subject of a check type, or a join. What stands in a join is
/// not reached from outside; the join is removed or replaced as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum ChangeSubject {
    Subject(&'static str, String),
    Join(Join),
    /// All that is expected of a machine, which no adjustment changes.
    Machine(String),
}

impl ChangeSubject {
    fn of(clause: &Clause) -> Self {
        match clause {
            Clause::Plain(expectation) => Self::subject(expectation),
            Clause::Joined(joined) => Self::Join(joined.join),
            Clause::On(on) => Self::Machine(on.machine.clone()),
        }
    }

    pub(super) fn subject(expectation: &Expectation) -> Self {
        Self::Subject(expectation.check, expectation.subject.clone())
    }
}

/// Clauses that are found by their place: a test may have thousands.
struct Expectations {
    slots: Vec<Option<Clause>>,
    index: HashMap<ChangeSubject, usize>,
}

impl Expectations {
    fn of(expect: &[Clause]) -> Self {
        let mut out = Self { slots: Vec::with_capacity(expect.len()), index: HashMap::new() };
        expect.iter().for_each(|clause| out.add(clause.clone()));
        out
    }

    fn add(&mut self, new: Clause) {
        self.index.insert(ChangeSubject::of(&new), self.slots.len());
        self.slots.push(Some(new));
    }

    /// The slot of a place, when something is there.
    fn slot(&mut self, place: &ChangeSubject) -> Option<&mut Option<Clause>> {
        let at = *self.index.get(place)?;
        self.slots.get_mut(at).filter(|slot| slot.is_some())
    }

    fn replace(&mut self, new: Clause) {
        match self.slot(&ChangeSubject::of(&new)) {
            Some(slot) => *slot = Some(new),
            None => self.add(new),
        }
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Remove { check, subject: None, .. } => {
                let meant = |slot: &&mut Option<Clause>| {
                    slot.as_ref().and_then(Clause::plain).is_some_and(|found| found.check == *check)
                };
                self.slots.iter_mut().filter(meant).for_each(|slot| *slot = None);
            }
            Change::Remove { check, subject: Some(subject), attribute, .. } => {
                let Some(slot) = self.slot(&ChangeSubject::Subject(check, subject.clone())) else { return };
                if let (Some(attribute), Some(Clause::Plain(expectation))) = (attribute, slot.as_mut()) {
                    expectation.assertions.retain(|a| a.attribute != *attribute);
                }
                let nothing = |clause: &Clause| clause.plain().is_some_and(|found| found.assertions.is_empty());
                if attribute.is_none() || slot.as_ref().is_some_and(nothing) {
                    *slot = None;
                }
            }
            Change::Replace(new) => self.replace(Clause::Plain(new.clone())),
            Change::Merge(new) => match self.slot(&ChangeSubject::subject(new)).and_then(Option::as_mut) {
                Some(Clause::Plain(old)) => merge(old, new),
                _ => self.add(Clause::Plain(new.clone())),
            },
            Change::RemoveJoined { join, .. } => {
                self.slot(&ChangeSubject::Join(*join)).into_iter().for_each(|slot| *slot = None);
            }
            Change::ReplaceJoined(new) => self.replace(Clause::Joined(new.clone())),
        }
    }
}

fn merge(old: &mut Expectation, new: &Expectation) {
    let key = |a: &Assertion| (a.attribute, a.key.clone().filter(|_| a.attribute != baseline::ATTRIBUTE));
    let index: HashMap<_, usize> = old.assertions.iter().enumerate().map(|(at, a)| (key(a), at)).collect();
    for assertion in &new.assertions {
        match index.get(&key(assertion)).and_then(|at| old.assertions.get_mut(*at)) {
            Some(old) => *old = assertion.clone(),
            None => old.assertions.push(assertion.clone()),
        }
    }
    old.eventually = new.eventually.or(old.eventually);
}

/// Where a test's clauses are, for many questions about one test.
pub(super) struct Index(HashMap<ChangeSubject, usize>);

impl Index {
    pub(super) fn of(test: &Test) -> Self {
        Self(test.expect.iter().enumerate().map(|(at, clause)| (ChangeSubject::of(clause), at)).collect())
    }

    /// Whether a change would change the test.
    pub(super) fn changes(&self, test: &Test, change: &Change) -> bool {
        let at = |place: &ChangeSubject| self.0.get(place).and_then(|at| test.expect.get(*at));
        let find = |place: &ChangeSubject| at(place).and_then(Clause::plain);
        let said = |a: &Assertion| format!("{:?}", (a.attribute, &a.key, &a.matcher));
        match change {
            Change::Remove { check, subject: None, .. } => {
                test.expect.iter().filter_map(Clause::plain).any(|found| found.check == *check)
            }
            Change::Remove { check, subject: Some(subject), attribute, .. } => {
                find(&ChangeSubject::Subject(check, subject.clone()))
                    .is_some_and(|e| attribute.is_none_or(|name| e.assertions.iter().any(|a| a.attribute == name)))
            }
            Change::Replace(new) => find(&ChangeSubject::subject(new)).is_none_or(|old| {
                old.eventually != new.eventually || !old.assertions.iter().map(said).eq(new.assertions.iter().map(said))
            }),
            Change::Merge(new) => find(&ChangeSubject::subject(new)).is_none_or(|old| {
                let known: HashSet<_> = old.assertions.iter().map(said).collect();
                new.eventually.is_some_and(|limit| old.eventually != Some(limit))
                    || new.assertions.iter().any(|a| !known.contains(&said(a)))
            }),
            Change::RemoveJoined { join, .. } => at(&ChangeSubject::Join(*join)).is_some(),
            Change::ReplaceJoined(new) => at(&ChangeSubject::Join(new.join)).is_none_or(|old| {
                clause::said(std::slice::from_ref(old)) != clause::said(&[Clause::Joined(new.clone())])
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::clause::expectations;
    use super::super::testing::VOCABULARY;
    use super::*;

    const SUITE: &str = "schema: suite/v1
suite: s
tests:
  - id: t
    expect:
      kconfig: {CONFIG_KVM: {any-of: [y, m]}, CONFIG_B: y}
      kernel: {taint: 0, release: '>= 6'}
      package: {a: {version: '1', signed: true}}
    adjust:
      - when: arch == aarch64
        because: KVM is built in
        expect: {kconfig: {CONFIG_KVM: y}, kernel: {taint: null}, package: {b: installed}}
        timeout: 9m
      - when: mode == image
        because: there are no packages
        expect: {package: null, kconfig: {CONFIG_B: ~}}
      - when: arch == aarch64 and mode == package
        because: another word takes the place of the whole
        expect: {package: {a: absent}}
";

    fn said(arch: &str, mode: &str) -> Vec<String> {
        let (suite, problems) = crate::decode_source("s.yaml", SUITE, &VOCABULARY);
        assert_eq!(problems.render(false), "");
        let test = suite.unwrap().tests.remove(0);
        let lookup = |name: &str| match name {
            "arch" => Some(vec![arch.to_owned()]),
            "mode" => Some(vec![mode.to_owned()]),
            _ => None,
        };
        let adjusted = test.adjusted(&lookup).unwrap();
        let line = |e: &Expectation, a: &Assertion| format!("{} {} {}: {}", e.check, e.subject, a.attribute, a.matcher);
        let expected = expectations(&adjusted.test.expect);
        let lines = expected.into_iter().flat_map(|e| e.assertions.iter().map(move |a| line(e, a)));
        lines.chain([format!("{:?} {}", adjusted.test.timeout, adjusted.because.join("; "))]).collect()
    }

    #[test]
    fn what_does_not_apply_changes_nothing() {
        assert_eq!(
            said("x86_64", "package"),
            [
                "kconfig CONFIG_KVM value: any-of [y, m]",
                "kconfig CONFIG_B value: y",
                "kernel  taint: 0",
                "kernel  release: >= 6",
                "package a version: 1",
                "package a signed: true",
                "300s "
            ]
        );
    }

    #[test]
    fn attributes_are_replaced_removed_and_added_in_order() {
        assert_eq!(
            said("aarch64", "package"),
            [
                "kconfig CONFIG_KVM value: y",
                "kconfig CONFIG_B value: y",
                "kernel  release: >= 6",
                "package a installed: false",
                "package b installed: true",
                "540s KVM is built in; another word takes the place of the whole"
            ]
        );
        assert_eq!(
            said("aarch64", "image"),
            ["kconfig CONFIG_KVM value: y", "kernel  release: >= 6", "540s KVM is built in; there are no packages"]
        );
    }

    #[test]
    fn alternatives_are_removed_and_replaced_as_a_whole() {
        let text = |adjust: &str| {
            format!(
                "schema: suite/v1\nsuite: s\ntests:\n- id: t\n  expect:\n    kernel: {{taint: 0}}\n    any-of: \
                 [{{kconfig: {{CONFIG_A: y}}}}, {{kconfig: {{CONFIG_B: y}}}}]\n  adjust:\n  - {{when: arch == aarch64, \
                 because: x, expect: {adjust}}}\n"
            )
        };
        let subjects = |adjust: &str| {
            let (suite, problems) = crate::decode_source("s.yaml", &text(adjust), &VOCABULARY);
            assert_eq!(problems.render(false), "", "{adjust}");
            let adjusted = suite.unwrap().tests[0].adjusted(&|_| Some(vec!["aarch64".to_owned()])).unwrap();
            let found = expectations(&adjusted.test.expect);
            found.into_iter().map(|found| found.subject.clone()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(subjects("{any-of: null}"), "");
        assert_eq!(subjects("{any-of: [{kconfig: {CONFIG_C: y}}, {kconfig: {CONFIG_D: y}}]}"), " CONFIG_C CONFIG_D");
        let added = subjects("{all-of: [{kconfig: {CONFIG_C: y}}, {kconfig: {CONFIG_D: y}}]}");
        assert_eq!(added, " CONFIG_A CONFIG_B CONFIG_C CONFIG_D");
        let wrong = |adjust: &str| crate::decode_source("s.yaml", &text(adjust), &VOCABULARY).1.render(false);
        let same = wrong("{any-of: [{kconfig: {CONFIG_B: y}}, {kconfig: {CONFIG_A: y}}]}");
        assert!(same.contains("the test expects this anyway"), "{same}");
        assert!(wrong("{all-of: null}").contains("this removes what the test does not expect"));
        let inside = wrong("{kconfig: {CONFIG_A: null}}");
        assert!(inside.contains("what is in `any-of` or `all-of` is removed or replaced with it"), "{inside}");
        let nothing = wrong("{any-of: null, kernel: null}");
        assert!(nothing.contains("this adjustment leaves nothing of the test"), "{nothing}");
    }

    #[test]
    fn what_is_not_known_is_no_answer_and_nothing_left_neither() {
        let (suite, _) = crate::decode_source("s.yaml", SUITE, &VOCABULARY);
        let mut test = suite.unwrap().tests.remove(0);
        let error = test.adjusted(&|_| None).unwrap_err();
        assert_eq!(error, AdjustError::Unknown { dimension: "arch".into() });
        test.expect.retain(|clause| clause.plain().is_some_and(|e| e.check == "package"));
        let image = |name: &str| Some(vec![if name == "mode" { "image" } else { "x86_64" }.to_owned()]);
        assert_eq!(test.adjusted(&image).unwrap_err(), AdjustError::NothingLeft);
    }
}
