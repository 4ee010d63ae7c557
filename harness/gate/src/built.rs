//! The day on which an image was built: rules with dates are compared with it, so that a policy which is changed later
//! does not change what was decided about an older image.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use muster_record::facts::Facts;

/// Keys of os-release that may hold the day, the surest first: `BUILD_ID="2026-09-01"`, `VERSION="4.0.20260901"`.
const KEYS: [&str; 4] = ["BUILD_ID", "IMAGE_VERSION", "OSTREE_VERSION", "VERSION"];

/// A day, and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildDay {
    /// The day.
    pub day: Date,
    /// In a few words.
    pub from: String,
}

/// What an image says of itself, else the day of the first run: it was built by then.
pub fn day(facts: Option<&Facts>, first_run: Timestamp) -> BuildDay {
    let said = facts.and_then(|facts| {
        KEYS.iter().find_map(|key| {
            let day = found(facts.os_release.get(*key)?)?;
            Some(BuildDay { day, from: format!("{key} of os-release") })
        })
    });
    let run = || BuildDay {
        day: first_run.to_zoned(TimeZone::UTC).date(),
        from: "the first run, since the image does not say when it was built".to_owned(),
    };
    // An image that says it was built after it was tested says nothing.
    said.filter(|said| said.day <= run().day).unwrap_or_else(run)
}

/// The first day in a text: `20260901` or `2026-09-01`, no part of a longer number.
fn found(text: &str) -> Option<Date> {
    let bytes = text.as_bytes();
    let digits =
        |from: usize, count: usize| bytes.get(from..from + count).filter(|part| part.iter().all(u8::is_ascii_digit));
    let number = |from: usize, count: usize| std::str::from_utf8(digits(from, count)?).ok()?.parse::<i16>().ok();
    for at in 0..bytes.len() {
        if at > 0 && bytes[at - 1].is_ascii_digit() {
            continue;
        }
        let dashed = bytes.get(at + 4) == Some(&b'-') && bytes.get(at + 7) == Some(&b'-');
        let (month, day, end) = if dashed { (at + 5, at + 8, at + 10) } else { (at + 4, at + 6, at + 8) };
        let (Some(year), Some(month), Some(day)) = (number(at, 4), number(month, 2), number(day, 2)) else { continue };
        if bytes.get(end).is_some_and(u8::is_ascii_digit) || !(2000..2100).contains(&year) {
            continue;
        }
        if let (Ok(month), Ok(day)) = (i8::try_from(month), i8::try_from(day))
            && let Ok(date) = Date::new(year, month, day)
        {
            return Some(date);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_read_from_versions_and_nothing_else_is_taken_for_one() {
        for (text, expected) in [
            ("4.0.20260901", Some("2026-09-01")),
            ("2026-09-01-1204", Some("2026-09-01")),
            ("43.20260901.3.1", Some("2026-09-01")),
            ("4.0", None),
            ("120260901", None),
            ("202609011", None),
            ("20261301", None),
            ("19991231", None),
            ("٢٠٢٦٠٩٠١", None),
            ("", None),
        ] {
            assert_eq!(found(text).map(|day| day.to_string()).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn what_the_image_says_counts_unless_it_cannot_be_true() {
        let run: Timestamp = "2026-11-01T10:00:00Z".parse().unwrap();
        let mut facts = Facts::default();
        assert_eq!(day(None, run).day.to_string(), "2026-11-01");
        facts.os_release.insert("VERSION".into(), "4.0.20260901".into());
        let said = day(Some(&facts), run);
        assert_eq!((said.day.to_string().as_str(), said.from.as_str()), ("2026-09-01", "VERSION of os-release"));
        facts.os_release.insert("BUILD_ID".into(), "20990101".into());
        assert_eq!(day(Some(&facts), run).day.to_string(), "2026-11-01");
    }
}
