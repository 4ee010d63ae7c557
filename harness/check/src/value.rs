//! Scalars with units as guests print them and suites state them, and how they are shown again to people. It must not
//! refuse what `muster_suite::value` refuses in a suite (an exponent, a mode `0`, months, units in any order), since
//! tools print it; where both sides have the same form, that one reads it.

use muster_suite::value;

/// An integer, decimal or 0x, with an optional sign.
pub fn integer(text: &str) -> Option<i128> {
    value::integer(text).ok()
}

/// A decimal number, or a percentage as its number of percents.
pub fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let text = text.strip_suffix('%').unwrap_or(text).trim_end();
    if !text.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.')) {
        return None;
    }
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Bytes: a number and a unit (`B`, `kB`, `KiB`, `MB`, `MiB`, …).
pub fn size(text: &str) -> Option<f64> {
    value::size(text).ok().map(|bytes| bytes as f64)
}

/// Units that systemd prints and a suite does not write, in seconds.
const UNITS_OF_SYSTEMD: &[(&str, f64)] = &[
    ("µs", 1e-6),
    ("μs", 1e-6),
    ("sec", 1.0),
    ("day", 86_400.0),
    ("days", 86_400.0),
    ("w", 604_800.0),
    ("week", 604_800.0),
    ("weeks", 604_800.0),
    ("month", 2_629_800.0),
    ("months", 2_629_800.0),
    ("y", 31_557_600.0),
    ("year", 31_557_600.0),
    ("years", 31_557_600.0),
];

/// Seconds: amounts with units, one after the other (`1min 5.268s`, `200ms`, `2h`). Beyond the suite language it
/// knows the units of systemd, which prints what is observed: whose month is 30.44 days and whose year is 365.25
/// days.
pub fn duration(text: &str) -> Option<f64> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let split = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let amount = number(&rest[..split])?;
        rest = rest[split..].trim_start();
        let end = rest.find(|c: char| !c.is_alphabetic()).unwrap_or(rest.len());
        let (_, unit) = value::UNITS_OF_TIME.iter().chain(UNITS_OF_SYSTEMD).find(|(name, _)| *name == &rest[..end])?;
        seconds += amount * unit;
        rest = rest[end..].trim_start();
    }
    Some(seconds)
}

/// An octal mode such as `0644`; shorter than a suite may write it, since `stat` prints `0`.
pub fn mode(text: &str) -> Option<u32> {
    value::octal(text.trim())
}

/// Bytes as the source text of a size.
pub fn of_bytes(bytes: u128) -> String {
    format!("{bytes} B")
}

/// Microseconds as the source text of a duration.
pub fn of_micros(micros: u64) -> String {
    match micros {
        0..=999 => format!("{micros}us"),
        1000..=999_999 => format!("{}.{:03}ms", micros / 1000, micros % 1000),
        _ => format!("{}.{:03}s", micros / 1_000_000, micros % 1_000_000 / 1000),
    }
}

/// A size as a person reads it: `1.2 GiB (1288490188 B)`.
pub fn show_size(text: &str) -> String {
    let Some(bytes) = size(text) else { return text.to_owned() };
    let mut amount = bytes;
    let mut unit = "B";
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if amount < 1024.0 {
            break;
        }
        amount /= 1024.0;
        unit = larger;
    }
    if unit == "B" { text.to_owned() } else { format!("{amount:.1} {unit} ({text})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_read_with_their_units_or_not_at_all() {
        assert_eq!(integer("0x10"), Some(16));
        assert_eq!(integer("-1"), Some(-1));
        assert_eq!(integer("0x-1"), None);
        assert_eq!(integer("1.5"), None);
        assert_eq!(number("10%"), Some(10.0));
        assert_eq!(number("inf"), None);
        assert_eq!(number("1e999"), None);
        assert_eq!(size("80 MiB"), Some(83_886_080.0));
        assert_eq!(size("1.5kB"), Some(1500.0));
        assert_eq!(size("12"), None);
        assert_eq!(size("-1 B"), None);
        assert_eq!(mode("0644"), Some(0o644));
        assert_eq!(mode("0689"), None);
    }

    #[test]
    fn durations_of_systemd_are_read() {
        let close = |text, seconds: f64| assert!((duration(text).unwrap() - seconds).abs() < 1e-6, "{text}");
        close("1min 5.268s", 65.268);
        close("2.020ms", 0.00202);
        close("1m30s", 90.0);
        close(
            "2y 11month 3w 5d 8h 7min 53.958s",
            63_115_200.0 + 28_927_800.0 + 1_814_400.0 + 432_000.0 + 28_800.0 + 473.958,
        );
        close("1month 2weeks 1day", 2_629_800.0 + 1_209_600.0 + 86_400.0);
        for bad in ["", "5", "5 parsecs", "s", "1..2s", "-1s", "1s x"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn what_a_suite_may_state_is_read_alike() {
        for (unit, _) in value::UNITS_OF_TIME {
            let text = format!("3{unit}");
            assert_eq!(duration(&text), value::duration(&text).ok().map(|read| read.as_secs_f64()), "{text}");
        }
        for text in ["0644", "4755", "0o644", "64x"] {
            assert_eq!(mode(text), value::mode(text).ok(), "{text}");
        }
        // What only a guest says.
        for (text, read) in [("0", Some(0)), ("7", Some(7)), ("", None), ("0o", None), ("0o0o7", None)] {
            assert_eq!((mode(text), value::mode(text).is_err()), (read, true), "{text}");
        }
        assert!(number("1e3") == Some(1000.0) && value::number("1e3").is_err());
        assert!(duration("1month").is_some() && value::duration("1month").is_err());
    }

    #[test]
    fn amounts_survive_being_written() {
        assert_eq!(of_micros(7), "7us");
        assert_eq!(of_micros(1_234_567), "1.234s");
        assert_eq!(duration(&of_micros(2_020)), Some(0.00202));
        assert_eq!(show_size("1288490188 B"), "1.2 GiB (1288490188 B)");
        assert_eq!(show_size("7 B"), "7 B");
    }
}
