//! `boot: {baseline: …}`: how much more later boots take than those that a file keeps of the same image on the same machine.
//!
//! Nothing is read in the guest for it: whoever boots the machine measures, and reads the file.

use std::fmt::Display;

use crate::check::{Observations, Verdict};
use crate::observed::Value;
use crate::unreadable::{Read, Unreadable};
use muster_base::text::{escape, one_line, tail};
use muster_boot_time::baseline::{BaselineError, Baselines};
use muster_boot_time::by::By;
use muster_boot_time::formats::json;
use muster_boot_time::sample::Measured;
use muster_boot_time::text;
use muster_boot_time::verdict::{self, DecideError, Decision};
use muster_stats::compare::Rule;
use muster_suite::baseline::{Baseline, Measure};
use muster_suite::model::{Assertion, Matcher};
use muster_suite::value::percent;

/// Key of the boots that were measured, as `boot-time.json`.
pub const MEASURED: &str = "boot/measured";
/// Bytes of a comparison in a verdict's detail.
const DETAIL: usize = 4096;

/// Key of the text of a file of baselines.
pub fn file_key(file: &str) -> String {
    format!("boot/baseline/{file}")
}

/// How much more the boots take, where that is more than chance: `2.31%`. `0%` when no difference counts, or they take less.
pub(super) fn growth(assertion: &Assertion, seen: &Observations) -> Read<Value> {
    Compared::of(assertion, seen)?.growth().map(Value::text)
}

/// A missed bound with what grew most, and the comparison as its evidence.
pub(super) fn explained(verdict: Verdict, assertion: &Assertion, seen: &Observations) -> Verdict {
    match (verdict, Compared::of(assertion, seen)) {
        (Verdict::Missed { expected, mut actual, .. }, Ok(compared)) => {
            let Compared { decision, baseline, candidate, bound: _ } = &compared;
            if let Some(unit) = decision.units.first() {
                let (before, after) = (decision.by.short(unit.before), decision.by.short(unit.after));
                let name = one_line(&unit.name, 80);
                actual.push_str(&format!(" more {}; {name} grew most: {before} -> {after}", decision.by.name()));
            }
            let detail = tail(&escape(text::decision(decision, baseline, candidate).trim()), DETAIL);
            Verdict::Missed { expected, actual, detail }
        }
        (verdict, _) => verdict,
    }
}

struct Compared {
    decision: Decision,
    baseline: Measured,
    candidate: Measured,
    /// The least growth that is too much, in per cent.
    bound: Option<f64>,
}

impl Compared {
    fn of(assertion: &Assertion, seen: &Observations) -> Read<Self> {
        let key = assertion.key.as_deref().ok_or_else(|| Unreadable::new("no file of baselines is named"))?;
        let named = Baseline::of_key(key);
        let (file, by) = (named.file_or_option(), named.by);
        let shown = one_line(file, 80);
        if !seen.0.contains_key(MEASURED) {
            return Err(Unreadable::new("no later boot was measured; `boot-samples` measures them"));
        }
        let boots = seen.output(MEASURED)?;
        let candidate = json::read(&boots).map_err(|error| Unreadable::new(format!("the measured boots: {error}")))?;
        let kept = seen.output(&file_key(file)).map_err(|error| Unreadable::new(format!("{shown}: {error}")))?;
        let by = match by {
            Some(Measure::Instructions) => By::Instructions,
            Some(Measure::Wall) => By::Time,
            None => verdict::best(&[&candidate]),
        };
        let none = |error: &BaselineError| Unreadable::new(format!("{shown}: {}{error}", cure(error, &candidate)));
        let baselines = Baselines::read(&kept).map_err(|error| none(&error))?;
        let baseline = baselines.find(&candidate.series, by == By::Instructions).map_err(|error| none(&error))?.clone();
        let bound = least_bound(&assertion.matcher);
        let rule = rule(bound)?;
        let decision = verdict::decide(&baseline, &candidate, by, rule).map_err(|error| undecided(&error))?;
        Ok(Self { decision, baseline, candidate, bound })
    }

    fn growth_in_percent(&self) -> Option<f64> {
        self.decision.comparison.ratio.map(|ratio| (ratio - 1.0) * 100.0)
    }

    fn growth(&self) -> Read<String> {
        let unreadable = |why: String| Err(Unreadable::new(why));
        let (before, after) = self.decision.comparison.n;
        match self.decision.verdict {
            verdict::BootVerdict::NoChange | verdict::BootVerdict::Improvement => Ok("0%".to_owned()),
            verdict::BootVerdict::Regression => match self.growth_in_percent() {
                Some(growth) => Ok(shown(growth)),
                None => unreadable("the medians of the boots have no ratio".to_owned()),
            },
            verdict::BootVerdict::Undecided => match self.growth_in_percent() {
                // Nothing that may be there would miss the bound by what was measured.
                Some(growth) if self.bound.is_some_and(|bound| growth < bound) => Ok("0%".to_owned()),
                growth => unreadable(format!(
                    "the median of {after} boots is {} above that of {before}, and they vary too much to say that it is no chance: take \
                     more of them with `boot-samples`, on a host that is quiet",
                    growth.map_or_else(|| "far".to_owned(), shown),
                )),
            },
            verdict::BootVerdict::NotEnoughSamples { needed } => unreadable(format!(
                "{before} boots of the baseline and {after} of this image can never differ significantly; take {needed} on \
                 each side: `boot-samples: {}`, and the first is no sample",
                needed + 1
            )),
            verdict::BootVerdict::HostUnfit { moved } => unreadable(format!(
                "the host did the same work {:.1} % slower at one time than at another: measure when it is quiet, or state \
                 `by: instructions`",
                moved * 100.0
            )),
        }
    }
}

/// So exact that no bound is met or missed by rounding: `2.3095%`.
fn shown(percent: f64) -> String {
    let text = format!("{percent:.4}");
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// The least of the bounds of a growth, in per cent.
fn least_bound(matcher: &Matcher) -> Option<f64> {
    let Matcher::Compare(bounds) = matcher else { return None };
    bounds.iter().filter_map(|(_, bound)| percent(bound).ok()).reduce(f64::min)
}

/// What a difference must be to count: what the page about boot times says, and less where the bound itself is less.
fn rule(bound: Option<f64>) -> Read<Rule> {
    let usual = Rule::default();
    let least = bound.map_or(usual.floor(), |bound| usual.floor().min(bound / 100.0));
    Rule::new(usual.alpha(), least).map_err(|error| Unreadable::new(error.to_string()))
}

/// What helps where a file has no baseline, before the long reason.
fn cure(error: &BaselineError, candidate: &Measured) -> impl Display {
    let image = one_line(&candidate.series.image, 60);
    match error {
        BaselineError::Missing { .. } => format!(
            "measure it on this machine with `muster boot-time {image} --later --write-baseline FILE`, with the same options as this \
             run: "
        ),
        BaselineError::Unreadable(_) | BaselineError::Foreign { .. } | BaselineError::Twice(_) => String::new(),
    }
}

fn undecided(error: &DecideError) -> Unreadable {
    let help = match error {
        DecideError::NotCounted { .. } => "; run it under emulation (`--accel tcg`), or state `by: wall`",
        DecideError::Apart { .. } | DecideError::Nothing { .. } | DecideError::Numbers(_) => "",
    };
    Unreadable::new(format!("{error}{help}"))
}

#[cfg(test)]
mod tests {
    use super::super::boot::Boot;
    use super::*;
    use crate::check::Check as _;
    use crate::testing::{expectation, missed, reply};
    use muster_boot_time::testing::measured;
    use muster_record::facts::Facts;
    use muster_suite::model::Operator;

    /// What a run has seen: these boots, and a file with those.
    fn seen(boots: &Measured, kept: &[Measured]) -> Observations {
        let mut baselines = Baselines::default();
        kept.iter().for_each(|measured| baselines.put(measured.clone()));
        Observations(
            [
                (MEASURED.to_owned(), reply(0, &json::render(boots).unwrap())),
                (file_key("boot.json"), reply(0, &baselines.render().unwrap())),
            ]
            .into(),
        )
    }

    fn evaluate(by: Option<Measure>, operator: Operator, bound: &str, seen: &Observations) -> Verdict {
        let bound = Matcher::Compare(vec![(operator, bound.to_owned())]);
        let mut wanted = expectation("boot", "", &[("baseline", bound)]);
        wanted.assertions[0].key = Some(Baseline { file: Some("boot.json".into()), by }.to_string());
        Boot.evaluate(&wanted, seen, &Facts::default()).remove(0)
    }

    fn unknown(verdict: &Verdict) -> &str {
        match verdict {
            Verdict::Unknown { why } => why,
            other => panic!("not unknown: {other:?}"),
        }
    }

    /// The same boots, each with so many parts of a thousand more, all of them in one unit.
    fn slower(boots: &Measured, unit: &str, thousandths: u64) -> Measured {
        let mut slower = boots.clone();
        for sample in &mut slower.samples {
            let total = sample.total.as_mut().unwrap();
            let (time, count) = (total.micros * thousandths / 1000, total.instructions.unwrap() * thousandths / 1000);
            let link = sample.chain.iter_mut().find(|link| link.unit == unit).unwrap();
            for cost in [total, &mut link.own] {
                cost.micros += time;
                cost.instructions = cost.instructions.map(|counted| counted + count);
            }
        }
        slower
    }

    #[test]
    fn a_growth_above_the_bound_is_missed_and_names_the_unit() {
        let kept = measured(1, 6);
        let unit = kept.samples[0].chain[1].unit.clone();
        let worse = seen(&slower(&kept, &unit, 50), std::slice::from_ref(&kept));
        for by in [None, Some(Measure::Instructions), Some(Measure::Wall)] {
            let verdict = evaluate(by, Operator::Le, "2%", &worse);
            let (expected, actual) = missed(&verdict);
            let said = by.map_or(String::new(), |by| format!(" by {}", by.name()));
            assert_eq!(expected, format!("baseline.boot.json{said} <= 2%"));
            let measure = if by == Some(Measure::Wall) { "time" } else { "instructions" };
            let growth = actual.split_once(&format!("% more {measure}; {unit} grew most: ")).unwrap().0;
            assert!((4.9..5.1).contains(&growth.parse::<f64>().unwrap()), "{actual}");
            let Verdict::Missed { detail, .. } = &verdict else { unreachable!() };
            assert!(detail.starts_with("REGRESSION: 5.00 % more") && detail.contains(&unit), "{detail}");
            assert_eq!(evaluate(by, Operator::Le, "6%", &worse), Verdict::MET);
        }
    }

    #[test]
    fn no_change_and_an_improvement_are_no_growth() {
        let (kept, unit) = (measured(1, 6), measured(1, 1).samples[0].chain[1].unit.clone());
        let same = seen(&measured(2, 6), std::slice::from_ref(&kept));
        let faster = seen(&kept, &[slower(&kept, &unit, 50)]);
        for bound in ["0%", "2%"] {
            assert_eq!(evaluate(Some(Measure::Wall), Operator::Le, bound, &same), Verdict::MET);
            assert_eq!(evaluate(None, Operator::Le, bound, &faster), Verdict::MET);
        }
    }

    #[test]
    fn a_growth_above_the_bound_that_may_be_chance_is_unknown_and_one_below_it_is_met() {
        let kept = measured(1, 6);
        let unit = kept.samples[0].chain[1].unit.clone();
        let mut worse = slower(&kept, &unit, 50);
        // One boot that was quick.
        let quick = kept.samples[0].total.unwrap();
        worse.samples[0].total = Some(muster_boot_time::sample::Cost {
            micros: quick.micros / 2,
            instructions: quick.instructions.map(|n| n / 2),
        });
        worse.samples.truncate(5);
        let seen = seen(&worse, std::slice::from_ref(&kept));
        let said = unknown(&evaluate(None, Operator::Le, "2%", &seen)).to_owned();
        assert!(said.contains("% above that of 6, and they vary too much") && said.contains("boot-samples"), "{said}");
        assert_eq!(evaluate(None, Operator::Le, "20%", &seen), Verdict::MET);
    }

    #[test]
    fn a_bound_below_the_usual_floor_is_met_only_by_less() {
        let kept = measured(1, 6);
        let unit = kept.samples[0].chain[1].unit.clone();
        let worse = seen(&slower(&kept, &unit, 7), std::slice::from_ref(&kept));
        assert_eq!(evaluate(None, Operator::Le, "1%", &worse), Verdict::MET);
        assert_eq!(evaluate(None, Operator::Lt, "0.8%", &worse), Verdict::MET);
        assert!(missed(&evaluate(None, Operator::Le, "0.5%", &worse)).1.starts_with("0.7"));
    }

    #[test]
    fn what_cannot_be_decided_is_unknown_with_what_to_do() {
        let kept = measured(1, 6);
        let wall = Some(Measure::Wall);
        let about = |by, boots: &Measured, kept: &[Measured]| {
            unknown(&evaluate(by, Operator::Le, "100%", &seen(boots, kept))).to_owned()
        };
        let few = about(None, &measured(2, 3), std::slice::from_ref(&kept));
        assert!(few.contains("6 boots of the baseline and 3 of this image") && few.contains("boot-samples: "), "{few}");

        let mut elsewhere = measured(2, 6);
        elsewhere.series.accelerator = "kvm".to_owned();
        let missing = about(None, &elsewhere, std::slice::from_ref(&kept));
        assert!(missing.contains("--later --write-baseline FILE`") && missing.contains("no entry for"), "{missing}");
        assert!(about(None, &kept, &[]).contains("no entry for"));

        let mut host = measured(2, 6);
        host.series.host = "another".to_owned();
        assert!(about(wall, &host, std::slice::from_ref(&kept)).contains("no entry for"));
        assert_eq!(
            evaluate(Some(Measure::Instructions), Operator::Le, "100%", &seen(&host, std::slice::from_ref(&kept))),
            Verdict::MET
        );

        let mut uncounted = measured(2, 6);
        uncounted.samples.iter_mut().for_each(|sample| sample.total.as_mut().unwrap().instructions = None);
        let counted = about(Some(Measure::Instructions), &uncounted, std::slice::from_ref(&kept));
        assert!(counted.contains("of the candidate were not counted") && counted.contains("by: wall"), "{counted}");
        assert_eq!(
            evaluate(None, Operator::Le, "100%", &seen(&uncounted, std::slice::from_ref(&kept))),
            Verdict::MET,
            "by time"
        );

        let (mut steady, mut moved) = (kept.clone(), measured(2, 6));
        steady.samples.iter_mut().for_each(|sample| sample.calibration = Some([1_000_000, 1_000_000]));
        moved.samples.iter_mut().for_each(|sample| sample.calibration = Some([1_000_000, 1_300_000]));
        let unfit = about(wall, &moved, &[steady]);
        assert!(unfit.contains("30.0 % slower"), "{unfit}");

        let mut broken = measured(2, 6);
        broken.samples.iter_mut().for_each(|sample| sample.inconclusive = Some("it hung".to_owned()));
        let nothing = about(None, &broken, std::slice::from_ref(&kept));
        assert!(nothing.contains("none of the 6 boots of the candidate can be used: it hung"), "{nothing}");
    }

    #[test]
    fn what_was_not_read_is_unknown() {
        let whole = seen(&measured(2, 6), &[measured(1, 6)]);
        let without = |key: &str, reply: Option<muster_guest::Reply>| {
            let mut seen = whole.clone();
            match reply {
                Some(reply) => seen.0.insert(key.to_owned(), reply),
                None => seen.0.remove(key),
            };
            unknown(&evaluate(None, Operator::Le, "2%", &seen)).to_owned()
        };
        assert!(without(MEASURED, None).contains("no later boot was measured"));
        assert!(without(MEASURED, Some(reply(0, "{}"))).starts_with("the measured boots: "));
        let file = file_key("boot.json");
        let gone = muster_guest::Reply { status: 1, stderr: b"no such file".to_vec(), ..Default::default() };
        assert!(without(&file, Some(gone)).contains("no such file"));
        assert!(without(&file, None).starts_with("boot.json: "));
        assert!(without(&file, Some(reply(0, "{}"))).contains("its schema is `none`"));
        assert!(without(&file, Some(reply(0, " "))).starts_with("boot.json: "));
    }
}
