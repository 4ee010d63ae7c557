//! What is drawn: time or instructions, as numbers that people read, and the axes that carry them.

use crate::by::By;

/// A ratio as a change: `+12.3 %`, `−0.4 %`, `0.0 %`, and `12.3 times` from ten times on.
pub fn change(ratio: f64) -> String {
    let percent = (ratio - 1.0) * 100.0;
    match percent {
        _ if !ratio.is_finite() => "unknown".to_owned(),
        huge if huge >= 900.0 => format!("{ratio:.1} times"),
        up if up >= 0.05 => format!("+{up:.1} %"),
        down if down <= -0.05 => format!("\u{2212}{:.1} %", -down),
        _ => "0.0 %".to_owned(),
    }
}

/// `after / before`; none when there was nothing before.
pub fn ratio(before: u64, after: u64) -> Option<f64> {
    (before > 0).then(|| after as f64 / before as f64)
}

/// Values on a line of the picture. Finite for every input; never empty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Axis {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
}

impl Axis {
    /// From zero to `high`, drawn from `from` to `to`.
    pub fn from_zero(high: u64, from: f64, to: f64) -> Self {
        Self { low: 0.0, high: (high as f64).max(1.0), from, to }
    }

    /// From a little below `low` to a little above `high`, so that no value stands on the edge.
    pub fn around(low: u64, high: u64, from: f64, to: f64) -> Self {
        let (low, high) = (low as f64, high as f64);
        let pad = if high > low { (high - low) * 0.06 } else { (high * 0.05).max(1.0) };
        Self { low: (low - pad).max(0.0), high: high + pad, from, to }
    }

    /// Where a value stands; one outside of the axis, on its edge.
    pub fn at(&self, value: u64) -> f64 {
        let part = (value as f64 - self.low) / (self.high - self.low);
        self.from + part.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Whether it begins at zero.
    pub fn has_zero(&self) -> bool {
        self.low == 0.0
    }

    /// Two to six round numbers with their text; one when the whole axis has no more.
    pub fn ticks(&self, by: By) -> Vec<(u64, String)> {
        let rough = ((self.high - self.low) / 5.0).max(1.0);
        let magnitude = 10f64.powf(rough.log10().floor());
        let step =
            [1.0, 2.0, 5.0, 10.0].iter().map(|it| it * magnitude).find(|step| *step >= rough * 0.999).unwrap_or(rough);
        let first = (self.low / step).ceil();
        let values =
            (0..7).map(|nth| (first + f64::from(nth)) * step).take_while(|value| *value <= self.high * (1.0 + 1e-9));
        let mut ticks: Vec<u64> = values.map(|value| value.round() as u64).collect();
        ticks.dedup();
        ticks.into_iter().map(|value| (value, by.tick(value, self.high))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_a_unit() {
        let time = |micros| By::Time.show(micros);
        assert_eq!([time(0), time(999), time(1_000), time(999_499)], ["0 µs", "999 µs", "1.00 ms", "999 ms"]);
        assert_eq!([time(999_500), time(12_345_678), time(123_456_789)], ["1.00 s", "12.3 s", "123 s"]);
        assert_eq!([time(9_996_000), time(u64::MAX)], ["10.0 s", "1.8e13 s"]);
        assert_eq!(By::Instructions.show(8_932_000_000), "8.93 G instructions");
        assert_eq!(By::Instructions.short(42), "42");
    }

    #[test]
    fn changes_have_a_sign_and_a_zero() {
        assert_eq!([change(1.123), change(0.996), change(1.0004)], ["+12.3 %", "\u{2212}0.4 %", "0.0 %"]);
        assert_eq!([change(12.34), change(f64::NAN)], ["12.3 times", "unknown"]);
    }

    #[test]
    fn ticks_are_round_numbers_inside_the_axis() {
        let text = |axis: Axis, by| axis.ticks(by).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        assert_eq!(text(Axis::from_zero(12_345_678, 0.0, 100.0), By::Time), ["0 s", "5 s", "10 s"]);
        assert_eq!(
            text(Axis::from_zero(9_000_000_000, 0.0, 100.0), By::Instructions),
            ["0 G", "2 G", "4 G", "6 G", "8 G"]
        );
        assert_eq!(
            text(Axis::around(12_100_000, 12_900_000, 0.0, 100.0), By::Time),
            ["12.2 s", "12.4 s", "12.6 s", "12.8 s"]
        );
    }

    #[test]
    fn an_axis_is_finite_for_every_input() {
        for (low, high) in
            [(0, 0), (7, 7), (0, u64::MAX), (u64::MAX - 1, u64::MAX), (u64::MAX - 5000, u64::MAX), (3, 4)]
        {
            for axis in [Axis::around(low, high, 1.0, 99.0), Axis::from_zero(high, 1.0, 99.0)] {
                assert!((1.0..=99.0).contains(&axis.at(low)) && (1.0..=99.0).contains(&axis.at(high)), "{axis:?}");
                assert!(axis.ticks(By::Time).len() <= 7, "{axis:?}");
            }
        }
    }
}
