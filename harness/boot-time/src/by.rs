//! What boots are measured by: time or instructions, as numbers that people read.

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
    /// Both.
    pub const ALL: [Self; 2] = [Self::Instructions, Self::Time];

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
    pub(crate) fn tick(self, value: u64, high: f64) -> String {
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
