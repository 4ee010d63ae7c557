//! What is drawn: time or instructions, as numbers that people read, and the axes that carry them.

use crate::sample::Cost;

/// What boots are measured by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Microseconds on the clock.
    Time,
    /// Instructions that the guest executed.
    Instructions,
}

/// So many of the largest unit no boot takes: written with an exponent, so that a foreign file cannot push a text out of a picture.
const ABSURD: f64 = 1e6;

/// A unit: how many of the smallest it has, and its symbol.
type Unit = (f64, &'static str);

const TIME: [Unit; 3] = [(1.0, "µs"), (1e3, "ms"), (1e6, "s")];
const COUNT: [Unit; 5] = [(1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T")];

impl By {
    /// The part of a cost that is drawn; none when it was not counted.
    pub fn of(self, cost: &Cost) -> Option<u64> {
        match self {
            Self::Time => Some(cost.micros),
            Self::Instructions => cost.instructions,
        }
    }

    /// `time`, `instructions`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Instructions => "instructions",
        }
    }

    /// Three digits and the whole unit: `12.3 s`, `8.93 G instructions`.
    pub fn show(self, value: u64) -> String {
        match self {
            Self::Time => self.short(value),
            Self::Instructions => format!("{} instructions", self.short(value)),
        }
    }

    /// Three digits: `12.3 s`, `8.93 G`.
    pub fn short(self, value: u64) -> String {
        let units = self.units();
        let value = value as f64;
        // A unit holds up to what three digits round to 1000 of it.
        let (size, symbol) = units.iter().find(|(size, _)| value / size < 999.5).unwrap_or(&units[units.len() - 1]);
        let scaled = value / size;
        if scaled >= ABSURD {
            return format!("{scaled:.1e} {symbol}");
        }
        let digits = match scaled {
            _ if *size == 1.0 => 0,
            small if small < 9.995 => 2,
            middle if middle < 99.95 => 1,
            _ => 0,
        };
        format!("{scaled:.digits$} {symbol}").trim_end().to_owned()
    }

    /// A round number, as short as it can be: `2.5 s`, `500 M`.
    fn tick(self, value: u64, high: f64) -> String {
        let (size, symbol) = self.units().iter().rev().find(|(size, _)| high >= *size).unwrap_or(&self.units()[0]);
        if high / size >= ABSURD {
            return self.short(value);
        }
        let text = format!("{:.6}", value as f64 / size);
        format!("{} {symbol}", text.trim_end_matches('0').trim_end_matches('.')).trim_end().to_owned()
    }

    fn units(self) -> &'static [Unit] {
        match self {
            Self::Time => &TIME,
            Self::Instructions => &COUNT,
        }
    }
}

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
