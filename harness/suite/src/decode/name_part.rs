//! What a combination of a matrix puts into the name of a test.

use crate::value::ValueError;

/// A value that can stand in the name of a test.
pub(super) fn word(text: &str) -> Result<(), ValueError> {
    let fine = text.len() <= 60
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._+-".contains(&b));
    if fine {
        return Ok(());
    }
    let shown = muster_base::text::one_line(text, 60);
    Err(ValueError::Invalid(format!(
        "`{shown}` would be part of the names of tests; only letters, digits, `.`, `_`, `+` and `-` can be, at most 60"
    )))
}
