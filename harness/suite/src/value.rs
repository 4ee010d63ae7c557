//! Typed scalars as a suite writes them: durations, sizes, modes, numbers. It must not accept what guests print and
//! no person means (`1e3`, a mode `0`, units in any order): that is read by `value` of the crate `check`, which uses
//! this for whatever both sides write alike.

use std::time::Duration;

/// Why a text is not a value of its type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// A number that needs a unit has none.
    #[error("`{text}` has no unit; did you mean `{suggestion}`?")]
    Bare {
        /// What was written.
        text: String,
        /// The same with the unit that is most likely meant.
        suggestion: String,
    },
    /// Something that is nearly right.
    #[error("{message}; did you mean `{suggestion}`?")]
    Mistaken {
        /// What is wrong with it.
        message: String,
        /// What is most likely meant.
        suggestion: String,
    },
    /// Anything else.
    #[error("{0}")]
    Invalid(String),
}

impl From<super::grammar::Refusal> for ValueError {
    fn from(refusal: super::grammar::Refusal) -> Self {
        match refusal.suggestion {
            Some(suggestion) => ValueError::Mistaken { message: refusal.why, suggestion },
            None => ValueError::Invalid(refusal.why),
        }
    }
}

impl ValueError {
    /// What is wrong, without the suggestion.
    pub fn message(&self) -> String {
        match self {
            ValueError::Bare { text, .. } => format!("`{text}` has no unit"),
            ValueError::Mistaken { message, .. } | ValueError::Invalid(message) => message.clone(),
        }
    }

    /// What was most likely meant.
    pub fn suggestion(&self) -> Option<&str> {
        match self {
            ValueError::Bare { suggestion, .. } | ValueError::Mistaken { suggestion, .. } => Some(suggestion),
            ValueError::Invalid(_) => None,
        }
    }
}

fn mistaken(message: impl Into<String>, suggestion: &str) -> ValueError {
    ValueError::Mistaken { message: message.into(), suggestion: suggestion.to_owned() }
}

fn invalid(message: impl Into<String>) -> ValueError {
    ValueError::Invalid(message.into())
}

/// Longest duration: 366 days.
const LONGEST: f64 = 366.0 * 86_400.0;

/// Units of durations, in seconds.
pub const UNITS_OF_TIME: &[(&str, f64)] =
    &[("d", 86_400.0), ("h", 3_600.0), ("min", 60.0), ("m", 60.0), ("s", 1.0), ("ms", 1e-3), ("us", 1e-6)];

/// A duration: one or more numbers with a unit each, largest first: `1m 30s`, `200ms`, `1.5s`.
/// Units: `us`, `ms`, `s`, `m` (or `min`), `h`, `d`. A bare number is refused, as seconds that lack their unit.
pub fn duration(text: &str) -> Result<Duration, ValueError> {
    read_duration(text, "s")
}

/// Reads a duration of which `unit` is what people count: a suggestion of seconds, where days are meant, would be followed.
pub fn duration_in(
    unit: &'static str,
) -> impl Fn(&str) -> Result<Duration, ValueError> + Clone + Send + Sync + 'static {
    move |text| read_duration(text, unit)
}

fn read_duration(text: &str, usual: &str) -> Result<Duration, ValueError> {
    let trimmed = text.trim();
    if trimmed.parse::<f64>().is_ok() && trimmed.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(ValueError::Bare { text: trimmed.to_owned(), suggestion: format!("{trimmed}{usual}") });
    }
    let not_one = || invalid(format!("`{trimmed}` is not a duration such as `30s`, `1m 30s` or `200ms`"));
    if trimmed.len() > 64 {
        return Err(invalid("this is not a duration such as `30s`, `1m 30s` or `200ms`"));
    }
    let mut rest = trimmed;
    let mut seconds = 0.0;
    let mut smallest = f64::INFINITY;
    while !rest.is_empty() {
        let (number, after) = leading_number(rest).ok_or_else(not_one)?;
        let after = after.trim_start();
        let length = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(length);
        let (_, scale) = UNITS_OF_TIME.iter().find(|(name, _)| *name == unit).ok_or_else(not_one)?;
        if *scale >= smallest {
            return Err(invalid(format!("`{trimmed}`: units go from large to small, each once")));
        }
        smallest = *scale;
        seconds += number * scale;
        rest = after.trim_start();
    }
    if smallest.is_infinite() {
        return Err(not_one());
    }
    if seconds > LONGEST {
        return Err(invalid(format!("`{trimmed}` is longer than 366 days")));
    }
    Ok(Duration::from_nanos((seconds * 1e9).round() as u64))
}

/// A duration as the language writes it, from the largest unit down: `1m 30s`, `200ms`, `0s`.
pub fn show_duration(duration: Duration) -> String {
    let mut rest = duration.as_micros();
    let mut parts = Vec::new();
    for (unit, micros) in
        [("d", 86_400_000_000), ("h", 3_600_000_000), ("m", 60_000_000), ("s", 1_000_000), ("ms", 1_000), ("us", 1)]
    {
        let count = rest / micros;
        if count > 0 {
            parts.push(format!("{count}{unit}"));
            rest %= micros;
        }
    }
    if parts.is_empty() { "0s".to_owned() } else { parts.join(" ") }
}

/// A size in bytes: a number and a unit, `512 B`, `80 MiB`, `1.5 GB`. Units: `B`; `KB`, `MB`, `GB`,
/// `TB` by the thousand; `KiB`, `MiB`, `GiB`, `TiB` by 1024. A bare number is refused.
pub fn size(text: &str) -> Result<u64, ValueError> {
    const UNITS: &[(&str, u64)] = &[
        ("B", 1),
        ("KB", 1_000),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
    ];
    let trimmed = text.trim();
    let not_one = || invalid(format!("`{trimmed}` is not a size such as `512 B`, `80 MiB` or `1.5 GB`"));
    if trimmed.len() > 64 {
        return Err(invalid("this is not a size such as `512 B`, `80 MiB` or `1.5 GB`"));
    }
    let (number, after) = leading_number(trimmed).ok_or_else(not_one)?;
    let unit = after.trim();
    if unit.is_empty() {
        return Err(ValueError::Bare { text: trimmed.to_owned(), suggestion: format!("{trimmed} MiB") });
    }
    let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        let near = match unit {
            "K" | "k" => Some("KiB"),
            "M" => Some("MiB"),
            "G" => Some("GiB"),
            "T" => Some("TiB"),
            _ => UNITS.iter().map(|(name, _)| *name).find(|name| name.eq_ignore_ascii_case(unit)),
        };
        return Err(match near {
            Some(near) => mistaken(format!("`{unit}` is not a unit of size"), near),
            None => not_one(),
        });
    };
    let digits = trimmed[..trimmed.len() - after.len()].trim();
    if let Ok(whole) = digits.parse::<u64>() {
        return whole.checked_mul(*scale).ok_or_else(|| invalid(format!("`{trimmed}` is too large")));
    }
    let bytes = number * *scale as f64;
    if bytes >= u64::MAX as f64 { Err(invalid(format!("`{trimmed}` is too large"))) } else { Ok(bytes.round() as u64) }
}

/// The memory of a machine, as [`size`]: a small number without a unit is one of GiB.
pub fn memory(text: &str) -> Result<u64, ValueError> {
    size(text).map_err(|error| match error {
        ValueError::Bare { text, .. } if number(&text).is_ok_and(|number| number < 64.0) => {
            ValueError::Bare { suggestion: format!("{text} GiB"), text }
        }
        other => other,
    })
}

/// A percentage: `10%`, `2.5 %`, as the number before the sign.
pub fn percent(text: &str) -> Result<f64, ValueError> {
    let trimmed = text.trim();
    let not_one =
        || invalid(format!("`{}` is not a percentage such as `10%`", muster_base::text::one_line(trimmed, 64)));
    match trimmed.strip_suffix('%') {
        Some(number) => self::number(number.trim_end()).map_err(|_| not_one()),
        None if self::number(trimmed).is_ok() => {
            Err(ValueError::Bare { text: trimmed.to_owned(), suggestion: format!("{trimmed}%") })
        }
        None => Err(not_one()),
    }
}

/// A day: `2027-01-31`, nothing shorter and nothing with a time.
pub fn date(text: &str) -> Result<jiff::civil::Date, ValueError> {
    let not_one = || invalid(format!("`{}` is not a day such as `2027-01-31`", muster_base::text::one_line(text, 64)));
    let form = |(at, b): (usize, u8)| if at == 4 || at == 7 { b == b'-' } else { b.is_ascii_digit() };
    if text.len() != 10 || !text.bytes().enumerate().all(form) {
        return Err(not_one());
    }
    text.parse().map_err(|_| not_one())
}

/// A file mode: three or four octal digits, or five with a leading 0 (`644`, `0644`, `4755`, `0o644`).
pub fn mode(text: &str) -> Result<u32, ValueError> {
    let trimmed = text.trim();
    let digits = trimmed.strip_prefix("0o").unwrap_or(trimmed);
    let mode = octal(trimmed).filter(|mode| (3..=5).contains(&digits.len()) && *mode <= 0o7777);
    mode.ok_or_else(|| {
        invalid(format!("`{}` is not an octal mode such as `0644`", muster_base::text::one_line(trimmed, 64)))
    })
}

/// Octal digits, with or without `0o` before them.
pub fn octal(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let fits = !digits.is_empty() && digits.bytes().all(|b| (b'0'..=b'7').contains(&b));
    fits.then(|| u32::from_str_radix(digits, 8).ok()).flatten()
}

/// An integer: decimal or `0x` hexadecimal, with an optional sign.
pub fn integer(text: &str) -> Result<i128, ValueError> {
    let trimmed = text.trim();
    let (sign, digits) = match trimmed.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, trimmed.strip_prefix('+').unwrap_or(trimmed)),
    };
    let parsed = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hex) if hex.len() <= 16 && hex.bytes().all(|b| b.is_ascii_hexdigit()) => {
            i128::from_str_radix(hex, 16).ok()
        }
        None if digits.len() <= 20 && digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().ok(),
        _ => None,
    };
    parsed
        .map(|value| sign * value)
        .ok_or_else(|| invalid(format!("`{}` is not an integer", muster_base::text::one_line(trimmed, 64))))
}

/// A decimal number: `2`, `0.5`, `-1.25`. No exponents, no infinities.
pub fn number(text: &str) -> Result<f64, ValueError> {
    let trimmed = text.trim();
    let unsigned = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    match leading_number(unsigned) {
        Some((value, "")) => Ok(if trimmed.starts_with('-') { -value } else { value }),
        _ => Err(invalid(format!("`{}` is not a number", muster_base::text::one_line(trimmed, 64)))),
    }
}

/// `true` or `false`, nothing else.
pub fn boolean(text: &str) -> Result<bool, ValueError> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        other => Err(match other.to_ascii_lowercase().as_str() {
            "yes" | "on" | "y" | "true" | "1" => mistaken(format!("`{other}` is not `true` or `false`"), "true"),
            "no" | "off" | "n" | "false" | "0" => mistaken(format!("`{other}` is not `true` or `false`"), "false"),
            _ => invalid(format!("`{}` is not `true` or `false`", muster_base::text::one_line(other, 64))),
        }),
    }
}

/// Checks that a text has the form of an RPM `[epoch:]version[-release]`. What it means is rpm's
/// business; here only what can never be one is refused.
pub fn evr(text: &str) -> Result<(), ValueError> {
    let shown = muster_base::text::one_line(text, 64);
    let (epoch, rest) = match text.split_once(':') {
        Some((epoch, rest)) => (Some(epoch), rest),
        None => (None, text),
    };
    if let Some(epoch) = epoch
        && (epoch.is_empty() || epoch.len() > 10 || !epoch.bytes().all(|b| b.is_ascii_digit()))
    {
        return Err(invalid(format!("`{shown}`: the epoch before `:` must be a number")));
    }
    let mut parts = rest.split('-');
    let part = |part: Option<&str>| {
        part.is_some_and(|p| {
            !p.is_empty() && p.len() <= 128 && p.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+~^".contains(&b))
        })
    };
    let version = part(parts.next());
    let release = parts.clone().next().is_none() || part(parts.next());
    if version && release && parts.next().is_none() {
        Ok(())
    } else {
        Err(invalid(format!("`{shown}` is not an [epoch:]version[-release] such as `1:1.26-3`")))
    }
}

/// Checks that a text has the form of a version that can be ordered: it begins with a digit.
pub fn version(text: &str) -> Result<(), ValueError> {
    let fine = text.starts_with(|c: char| c.is_ascii_digit())
        && text.len() <= 128
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+~^-:".contains(&b));
    let shown = || muster_base::text::one_line(text, 64);
    if let Some(before) = super::version::wildcard(text) {
        let message = format!("`{}`: fields that are not stated are not compared", shown());
        return Err(mistaken(message, &before));
    }
    if fine { Ok(()) } else { Err(invalid(format!("`{}` is not a version such as `6.14`", shown()))) }
}

/// An unsigned decimal number at the beginning of a text, and what follows it.
fn leading_number(text: &str) -> Option<(f64, &str)> {
    let whole = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    if whole == 0 {
        return None;
    }
    let end = match text[whole..].strip_prefix('.') {
        Some(fraction) => {
            let digits = fraction.find(|c: char| !c.is_ascii_digit()).unwrap_or(fraction.len());
            if digits == 0 {
                return None;
            }
            whole + 1 + digits
        }
        None => whole,
    };
    let number: f64 = text[..end].parse().ok()?;
    number.is_finite().then_some((number, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(duration("1m 30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("200 ms"), Ok(Duration::from_millis(200)));
        assert_eq!(duration("30"), Err(ValueError::Bare { text: "30".into(), suggestion: "30s".into() }));
        assert_eq!(duration_in("d")("30").unwrap_err().suggestion(), Some("30d"));
        assert_eq!(duration_in("d")("90s"), Ok(Duration::from_secs(90)));
        for bad in ["", "s", "30x", "-3s", "30s 1m", "1s 1s", "1.s", "inf", "nans", "9999999d", "1e3s"] {
            assert!(matches!(duration(bad), Err(ValueError::Invalid(_))), "{bad}");
        }
        assert_eq!(show_duration(Duration::from_millis(90_200)), "1m 30s 200ms");
        assert_eq!(show_duration(Duration::ZERO), "0s");
    }

    #[test]
    fn a_version_with_a_field_for_any_number_is_refused() {
        for text in ["6.12.x", "6.12.X", "6.12.*"] {
            assert_eq!(version(text).unwrap_err().suggestion(), Some("6.12"), "{text}");
        }
        assert_eq!(version("6.14.0-63.fc42.x86_64"), Ok(()));
    }

    #[test]
    fn sizes() {
        assert_eq!(size("80 MiB"), Ok(80 << 20));
        assert_eq!(size("1.5KB"), Ok(1500));
        assert_eq!(size("18446744073709551615 B"), Ok(u64::MAX));
        assert_eq!(size("80"), Err(ValueError::Bare { text: "80".into(), suggestion: "80 MiB".into() }));
        assert_eq!(size("80 mib").unwrap_err().to_string(), "`mib` is not a unit of size; did you mean `MiB`?");
        assert_eq!(size("1 G").unwrap_err().to_string(), "`G` is not a unit of size; did you mean `GiB`?");
        assert_eq!(memory("2").unwrap_err().suggestion(), Some("2 GiB"));
        assert_eq!(memory("2048").unwrap_err().suggestion(), Some("2048 MiB"));
        assert_eq!(memory("2 MiB"), Ok(2 << 20));
        for bad in ["", "MiB", "-1 B", "99999999999999999999 TiB", "1 parsec"] {
            assert!(matches!(size(bad), Err(ValueError::Invalid(_))), "{bad}");
        }
    }

    #[test]
    fn days() {
        assert_eq!(date("2027-01-31").map(|day| day.to_string()), Ok("2027-01-31".to_owned()));
        for bad in ["", "2027-02-30", "2027-1-31", "31.01.2027", "2027-01-31T00", "20270131", "+027-01-31"] {
            assert!(date(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn modes_are_octal() {
        assert_eq!(mode("0644"), Ok(0o644));
        assert_eq!(mode("4755"), Ok(0o4755));
        assert_eq!(mode("04755"), Ok(0o4755));
        for bad in ["0999", "64", "rwxr-xr-x", "077777", ""] {
            assert!(mode(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn numbers() {
        assert_eq!(integer("-12"), Ok(-12));
        assert_eq!(integer("0x1F"), Ok(31));
        assert!(integer("1.0").is_err() && integer("").is_err() && integer("0x").is_err() && integer("--1").is_err());
        assert_eq!(number("-1.25"), Ok(-1.25));
        assert!(number("1e9").is_err() && number("inf").is_err() && number("1.").is_err());
        assert_eq!(percent("2.5 %"), Ok(2.5));
        assert!(matches!(percent("10"), Err(ValueError::Bare { .. })));
    }

    #[test]
    fn booleans_are_two_words() {
        assert_eq!(boolean("true"), Ok(true));
        assert_eq!(boolean("yes").unwrap_err().to_string(), "`yes` is not `true` or `false`; did you mean `true`?");
        assert_eq!(boolean("Off").unwrap_err().to_string(), "`Off` is not `true` or `false`; did you mean `false`?");
    }

    #[test]
    fn evr_and_version_forms() {
        for good in ["1:1.26-3.azl4", "2:0", "1.26", "1.0~rc1^git5"] {
            assert_eq!(evr(good), Ok(()), "{good}");
        }
        for bad in ["", ":1", "a:1", "1:", "1-2-3", "1 2", "1.26-"] {
            assert!(evr(bad).is_err(), "{bad}");
        }
        assert!(version("6.14.0-63.fc42.x86_64").is_ok() && version("v6").is_err() && version("").is_err());
    }
}
