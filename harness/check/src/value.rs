//! Scalars with units, read from their source text, and shown again for people. What suites write
//! and what guests print meet here; where both have the same form, the suite room reads it.

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

/// Seconds: amounts with units, one after the other (`1min 5.268s`, `200ms`, `2h`). Beyond the suite
/// language it knows the units of systemd, which prints what is observed: whose month is 30.44 days and whose year is 365.25 days.
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
        seconds += amount
            * match &rest[..end] {
                "us" | "µs" | "μs" => 1e-6,
                "ms" => 1e-3,
                "s" | "sec" => 1.0,
                "m" | "min" => 60.0,
                "h" => 3600.0,
                "d" | "day" | "days" => 86400.0,
                "w" | "week" | "weeks" => 604_800.0,
                "month" | "months" => 2_629_800.0,
                "y" | "year" | "years" => 31_557_600.0,
                _ => return None,
            };
        rest = rest[end..].trim_start();
    }
    Some(seconds)
}

/// An octal mode such as `0644`; shorter than a suite may write it, since `stat` prints `0`.
pub fn mode(text: &str) -> Option<u32> {
    let digits = text.trim();
    let digits = digits.strip_prefix("0o").unwrap_or(digits);
    if digits.is_empty() || !digits.bytes().all(|b| (b'0'..=b'7').contains(&b)) {
        return None;
    }
    u32::from_str_radix(digits, 8).ok()
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
    fn amounts_survive_being_written() {
        assert_eq!(of_micros(7), "7us");
        assert_eq!(of_micros(1_234_567), "1.234s");
        assert_eq!(duration(&of_micros(2_020)), Some(0.00202));
        assert_eq!(show_size("1288490188 B"), "1.2 GiB (1288490188 B)");
        assert_eq!(show_size("7 B"), "7 B");
    }
}
