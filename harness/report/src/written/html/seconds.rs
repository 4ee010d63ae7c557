//! Seconds as the page has them.

/// To the millisecond; what is no number is none.
pub(super) fn finite(seconds: f64) -> f64 {
    if seconds.is_finite() { (seconds * 1000.0).round() / 1000.0 } else { 0.0 }
}
