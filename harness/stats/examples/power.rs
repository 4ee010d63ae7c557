//! Prints the tables of docs/boot-time-statistics.md: how often a regression is found, and how often one that is not there.
//!
//! `--newest ALPHA` simulates the change points with another level for the newest builds.

#![expect(clippy::print_stdout, reason = "what an example is for")]

use muster_stats::change_points::{Options, Series, detect};
use muster_stats::compare::{ComparisonVerdict, Rule, decide};
use muster_stats::effect::{interval, median_ratio};
use muster_stats::random::Random;
use muster_stats::samples::Samples;

const TRIALS: u32 = 100_000;
const SERIES: u32 = 10_000;

fn main() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let options = match arguments.as_slice() {
        [] => Options::default(),
        [name, value] if name == "--newest" => {
            let level = value.parse().map_err(|_| format!("{value:?} is not a number"))?;
            Options::default().with_newest(level).map_err(|error| error.to_string())?
        }
        _ => return Err("usage: power [--newest ALPHA]".into()),
    };
    if arguments.is_empty() {
        comparisons();
        coverage();
    }
    series(&options);
    Ok(())
}

fn measured(random: &mut Random, n: usize, level: f64, noise: f64) -> Samples {
    let values: Vec<f64> = (0..n).map(|_| level * (1.0 + noise * random.normal())).collect();
    Samples::new(values).expect("noise of some per cent leaves no value below zero")
}

fn is_difference(verdict: ComparisonVerdict) -> bool {
    matches!(verdict, ComparisonVerdict::Regression | ComparisonVerdict::Improvement)
}

fn percent(times: u32, of: u32) -> String {
    format!("{:.2} %", 100.0 * f64::from(times) / f64::from(of))
}

fn comparisons() {
    println!(
        "| noise | n | found 2 % | called no change | false, no floor | false, 1 % floor | called an improvement | undecided when equal |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    let no_floor = Rule::new(0.01, 0.0).expect("a rule");
    for (noise, n) in [
        (0.003, 5),
        (0.004, 5),
        (0.0064, 5),
        (0.009, 5),
        (0.009, 7),
        (0.009, 10),
        (0.03, 5),
        (0.03, 7),
        (0.03, 10),
        (0.03, 80),
    ] {
        let mut random = Random::new(1);
        let (mut found, mut false_ones, mut false_with_floor, mut wrong_way) = (0, 0, 0, 0);
        let (mut missed, mut undecided) = (0, 0);
        for _ in 0..TRIALS {
            let baseline = measured(&mut random, n, 10.0, noise);
            let slower = measured(&mut random, n, 10.2, noise);
            let same = measured(&mut random, n, 10.0, noise);
            let verdict = |candidate, rule| decide(&baseline, candidate, rule).expect("medians are not zero").verdict;
            found += u32::from(verdict(&slower, Rule::default()) == ComparisonVerdict::Regression);
            wrong_way += u32::from(verdict(&slower, Rule::default()) == ComparisonVerdict::Improvement);
            false_ones += u32::from(is_difference(verdict(&same, no_floor)));
            false_with_floor += u32::from(is_difference(verdict(&same, Rule::default())));
            missed += u32::from(verdict(&slower, Rule::default()) == ComparisonVerdict::NoChange);
            undecided += u32::from(verdict(&same, Rule::default()) == ComparisonVerdict::Undecided);
        }
        let shown =
            [found, missed, false_ones, false_with_floor, wrong_way, undecided].map(|times| percent(times, TRIALS));
        println!("| {:.2} % | {n} | {} |", noise * 100.0, shown.join(" | "));
    }
    println!();
}

fn coverage() {
    println!("| n | 95 % intervals that contain the true ratio |");
    println!("|---|---|");
    for n in [5, 7, 10, 20] {
        let mut random = Random::new(2);
        let mut contained = 0;
        for _ in 0..4000 {
            let (baseline, candidate) = (measured(&mut random, n, 10.0, 0.004), measured(&mut random, n, 10.2, 0.004));
            let found = interval(&baseline, &candidate, random.next_u64()).expect("medians are not zero");
            assert!(median_ratio(&baseline, &candidate).is_some_and(|ratio| found.low <= ratio && ratio <= found.high));
            contained += u32::from(found.low <= 1.02 && 1.02 <= found.high);
        }
        println!("| {n} | {} |", percent(contained, 4000));
    }
    println!();
}

fn series(options: &Options) {
    println!(
        "| noise | newest test | found with 1 build after | 2 | 3 | 5 | 10 | 20 | false, 40 builds | false, a night |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    for noise in [0.003, 0.004, 0.009, 0.03] {
        for level in [0.0, options.newest()] {
            let options = options.with_newest(level).expect("a level");
            let mut random = Random::new(3);
            let mut shown = Vec::new();
            for after in [1, 2, 3, 5, 10, 20] {
                let found = |random: &mut Random| {
                    let level = |i| if i < 20 { 10.0 } else { 10.2 };
                    let values: Vec<f64> =
                        (0..20 + after).map(|i| level(i) * (1.0 + noise * random.normal())).collect();
                    detect(&Series::new(values).expect("values"), &options).iter().any(|point| point.index == 20)
                };
                shown.push(percent((0..SERIES).map(|_| u32::from(found(&mut random))).sum(), SERIES));
            }
            let (mut false_series, mut false_nights) = (0, 0);
            for _ in 0..SERIES {
                let values: Vec<f64> = (0..40).map(|_| 10.0 * (1.0 + noise * random.normal())).collect();
                false_series +=
                    u32::from(!detect(&Series::new(values.as_slice()).expect("values"), &options).is_empty());
                // As a nightly gate sees it: a point that was not there the night before, on each of the last twenty nights.
                let at_night = |night: usize| -> Vec<usize> {
                    let series = Series::new(&values[..night]).expect("values");
                    detect(&series, &options).iter().map(|point| point.index).collect()
                };
                let mut known = at_night(20);
                for night in 21..=40 {
                    let found = at_night(night);
                    false_nights += u32::from(found.iter().any(|index| !known.contains(index)));
                    known = found;
                }
            }
            shown.push(percent(false_series, SERIES));
            shown.push(percent(false_nights, SERIES * 20));
            println!("| {:.1} % | {level} | {} |", noise * 100.0, shown.join(" | "));
        }
    }
}
