//! Figures of SciPy and Apache Otava, which `ci/stats-reference` writes: `tests/data/reference.json` has the versions.

use serde::Deserialize;

use crate::change_points::{Options, Series, detect};
use crate::mann_whitney::{Method, mann_whitney};
use crate::samples::Samples;
use crate::special::{above_normal, incomplete_beta};
use crate::student::{Side, pooled, two_sided};

#[derive(Deserialize)]
struct Reference {
    mann_whitney: Vec<Ranks>,
    students_t: Vec<(f64, f64, f64)>,
    normal: Vec<(f64, f64)>,
    beta: Vec<(f64, f64, f64, f64)>,
    t_test: Vec<Means>,
    described: Vec<Described>,
    otava: Vec<Changes>,
}

#[derive(Deserialize)]
struct Ranks {
    first: Vec<f64>,
    second: Vec<f64>,
    exact: bool,
    u: f64,
    p: f64,
}

#[derive(Deserialize)]
struct Means {
    first: Vec<f64>,
    second: Vec<f64>,
    t: f64,
    p: f64,
}

#[derive(Deserialize)]
struct Described {
    values: Vec<f64>,
    mean: f64,
    median: f64,
    standard_deviation: f64,
    p95: f64,
}

#[derive(Deserialize)]
struct Changes {
    values: Vec<f64>,
    floor: f64,
    points: Vec<(usize, f64, f64, f64)>,
}

fn reference() -> Reference {
    serde_json::from_str(include_str!("../tests/data/reference.json")).expect("the reference")
}

fn of(values: &[f64]) -> Samples {
    Samples::new(values).unwrap()
}

#[track_caller]
fn near(ours: f64, theirs: f64, relative: f64) {
    assert!((ours - theirs).abs() <= relative * theirs.abs(), "{ours} is not {theirs}");
}

#[test]
fn mann_whitney_is_that_of_scipy_with_and_without_ties() {
    let cases = reference().mann_whitney;
    for exact in [true, false] {
        let tied = |case: &&Ranks| case.first.iter().any(|value| case.second.contains(value));
        let of_kind: Vec<&Ranks> = cases.iter().filter(|case| case.exact == exact).collect();
        assert!(of_kind.iter().filter(|case| tied(case)).count() >= 5 && of_kind.len() >= 10);
        for case in of_kind {
            let found = mann_whitney(&of(&case.first), &of(&case.second));
            assert_eq!(found.method == Method::Exact, exact, "{} and {} values", case.first.len(), case.second.len());
            assert_eq!(found.u, case.u);
            near(found.p, case.p, 1e-10);
        }
    }
}

#[test]
fn areas_of_distributions_are_those_of_scipy() {
    let cases = reference();
    assert!(cases.students_t.len() >= 50 && cases.beta.len() >= 50 && cases.normal.len() >= 10);
    for (t, df, p) in cases.students_t {
        near(two_sided(t, df), p, 1e-11);
    }
    for (z, p) in cases.normal {
        near(above_normal(z), p, 1e-13);
    }
    for (a, b, x, area) in cases.beta {
        near(incomplete_beta(a, b, x, 1.0 - x), area, 1e-11);
    }
}

#[test]
fn the_t_of_two_means_is_that_of_scipy() {
    for case in reference().t_test {
        let (t, df) = pooled(Side::of(&case.first, 1), Side::of(&case.second, 1)).unwrap();
        near(t, -case.t, 1e-10);
        near(two_sided(t, df), case.p, 1e-10);
    }
}

#[test]
fn samples_are_described_as_numpy_does() {
    let cases = reference().described;
    assert!(cases.len() >= 5);
    for case in cases {
        let samples = of(&case.values);
        near(samples.mean(), case.mean, 1e-13);
        near(samples.median(), case.median, 1e-14);
        near(samples.standard_deviation().unwrap(), case.standard_deviation, 1e-11);
        near(samples.p95().unwrap(), case.p95, 1e-13);
    }
}

/// Index by index, with the means and the p: the same algorithm, not only the same idea.
#[test]
fn change_points_in_windows_are_those_of_otava() {
    let cases = reference().otava;
    assert!(cases.len() >= 20 && cases.iter().map(|case| case.points.len()).sum::<usize>() >= 20);
    for case in cases {
        let options = Options::default().with_newest(0.0).unwrap().with_floor(case.floor).unwrap();
        let found = detect(&Series::new(case.values.as_slice()).unwrap(), &options);
        let indices: Vec<usize> = found.iter().map(|point| point.index).collect();
        assert_eq!(indices, case.points.iter().map(|point| point.0).collect::<Vec<_>>(), "{:?}", case.values);
        for (point, (_, before, after, p)) in found.iter().zip(case.points) {
            near(point.before, before, 1e-12);
            near(point.after, after, 1e-12);
            assert!((point.p - p).abs() <= 1e-8 * p + 1e-300, "{} is not {p}", point.p);
        }
    }
}
