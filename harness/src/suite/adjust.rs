//! What a test expects on one system, after its adjustments. Pure; the run room calls it when it
//! knows the system, and before it asks anything.

use std::collections::{HashMap, HashSet};

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

/// Expectations that are found by subject: a test may have thousands.
struct Expectations {
    slots: Vec<Option<Expectation>>,
    index: HashMap<(&'static str, String), usize>,
}

impl Expectations {
    fn of(expect: &[Expectation]) -> Self {
        let mut out = Self { slots: Vec::with_capacity(expect.len()), index: HashMap::new() };
        expect.iter().for_each(|expectation| out.add(expectation));
        out
    }

    fn add(&mut self, new: &Expectation) {
        self.index.insert((new.check, new.subject.clone()), self.slots.len());
        self.slots.push(Some(new.clone()));
    }

    /// The place of a subject's expectation, when it has one.
    fn slot(&mut self, check: &'static str, subject: &str) -> Option<&mut Option<Expectation>> {
        let at = *self.index.get(&(check, subject.to_owned()))?;
        self.slots.get_mut(at).filter(|slot| slot.is_some())
    }

    fn apply(&mut self, change: &Change) {
        match change {
            Change::Remove { check, subject: None, .. } => {
                let meant = |slot: &&mut Option<Expectation>| slot.as_ref().is_some_and(|e| e.check == *check);
                self.slots.iter_mut().filter(meant).for_each(|slot| *slot = None);
            }
            Change::Remove { check, subject: Some(subject), attribute, .. } => {
                let Some(slot) = self.slot(check, subject) else { return };
                if let (Some(attribute), Some(expectation)) = (attribute, slot.as_mut()) {
                    expectation.assertions.retain(|a| a.attribute != *attribute);
                }
                if attribute.is_none() || slot.as_ref().is_some_and(|e| e.assertions.is_empty()) {
                    *slot = None;
                }
            }
            Change::Replace(new) => match self.slot(new.check, &new.subject) {
                Some(slot) => *slot = Some(new.clone()),
                None => self.add(new),
            },
            Change::Merge(new) => match self.slot(new.check, &new.subject).and_then(Option::as_mut) {
                Some(old) => merge(old, new),
                None => self.add(new),
            },
        }
    }
}

fn merge(old: &mut Expectation, new: &Expectation) {
    let key = |a: &Assertion| (a.attribute, a.key.clone());
    let index: HashMap<_, usize> = old.assertions.iter().enumerate().map(|(at, a)| (key(a), at)).collect();
    for assertion in &new.assertions {
        match index.get(&key(assertion)).and_then(|at| old.assertions.get_mut(*at)) {
            Some(old) => *old = assertion.clone(),
            None => old.assertions.push(assertion.clone()),
        }
    }
    old.eventually = new.eventually.or(old.eventually);
}

/// Where a test's expectations are, for many questions about one test.
pub(super) struct Index(HashMap<(&'static str, String), usize>);

impl Index {
    pub(super) fn of(test: &Test) -> Self {
        Self(test.expect.iter().enumerate().map(|(at, e)| ((e.check, e.subject.clone()), at)).collect())
    }

    /// Whether a change would change the test.
    pub(super) fn changes(&self, test: &Test, change: &Change) -> bool {
        let find = |check, subject: &str| self.0.get(&(check, subject.to_owned())).map(|at| &test.expect[*at]);
        let said = |a: &Assertion| (a.attribute, a.key.clone(), a.matcher.to_string());
        match change {
            Change::Remove { check, subject: None, .. } => test.expect.iter().any(|e| e.check == *check),
            Change::Remove { check, subject: Some(subject), attribute, .. } => find(check, subject)
                .is_some_and(|e| attribute.is_none_or(|name| e.assertions.iter().any(|a| a.attribute == name))),
            Change::Replace(new) => find(new.check, &new.subject).is_none_or(|old| {
                old.eventually != new.eventually || !old.assertions.iter().map(said).eq(new.assertions.iter().map(said))
            }),
            Change::Merge(new) => find(new.check, &new.subject).is_none_or(|old| {
                let known: HashSet<_> = old.assertions.iter().map(said).collect();
                new.eventually.is_some_and(|limit| old.eventually != Some(limit))
                    || new.assertions.iter().any(|a| !known.contains(&said(a)))
            }),
        }
    }
}

#[cfg(test)]
mod tests {
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
        let (suite, problems) = crate::suite::decode_source("s.yaml", SUITE, &VOCABULARY);
        assert_eq!(problems.render(false), "");
        let test = suite.unwrap().tests.remove(0);
        let lookup = |name: &str| match name {
            "arch" => Some(vec![arch.to_owned()]),
            "mode" => Some(vec![mode.to_owned()]),
            _ => None,
        };
        let adjusted = test.adjusted(&lookup).unwrap();
        let line = |e: &Expectation, a: &Assertion| format!("{} {} {}: {}", e.check, e.subject, a.attribute, a.matcher);
        let lines = adjusted.test.expect.iter().flat_map(|e| e.assertions.iter().map(move |a| line(e, a)));
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
    fn what_is_not_known_is_no_answer_and_nothing_left_neither() {
        let (suite, _) = crate::suite::decode_source("s.yaml", SUITE, &VOCABULARY);
        let mut test = suite.unwrap().tests.remove(0);
        let error = test.adjusted(&|_| None).unwrap_err();
        assert_eq!(error, AdjustError::Unknown { dimension: "arch".into() });
        test.expect.retain(|e| e.check == "package");
        let image = |name: &str| Some(vec![if name == "mode" { "image" } else { "x86_64" }.to_owned()]);
        assert_eq!(test.adjusted(&image).unwrap_err(), AdjustError::NothingLeft);
    }
}
