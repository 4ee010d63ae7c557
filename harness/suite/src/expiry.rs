//! What is to be said of an entry that holds until a day.

use jiff::civil::Date;

/// An entry that ends within so many days is warned of.
pub const DUE_DAYS: i64 = 14;

/// Days until the last day; negative when that is over.
pub(crate) fn days_left(expires: Date, today: Date) -> i64 {
    i64::from(today.until(expires).map_or(0, |span| span.get_days()))
}

/// One line about an entry whose last day is over or soon will be.
pub(crate) fn warning(about: &str, expires: Date, today: Date) -> Option<String> {
    match days_left(expires, today) {
        days if days < 0 => Some(format!("{about} expired on {expires}")),
        0 => Some(format!("{about} expires today")),
        days if days <= DUE_DAYS => Some(format!("{about} expires in {days} day{}", if days == 1 { "" } else { "s" })),
        _ => None,
    }
}
