//! TOML of others, with the places of its values.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::positions::Positions;
use crate::reader::ReadError;
use muster_base::text::one_line;

/// A value, and where it stands.
pub(crate) type Value<'t> = Spanned<DeValue<'t>>;

/// The whole of a file.
///
/// # Errors
/// It is no TOML: with the line of the first mistake.
pub(crate) fn root(positions: &Positions) -> Result<Spanned<DeTable<'_>>, ReadError> {
    let (root, errors) = DeTable::parse_recoverable(positions.body());
    match errors.first() {
        None => Ok(root),
        Some(error) => {
            let line = positions.line(error.span().unwrap_or_default().start);
            let why = format!("line {line}: {}", one_line(error.message(), 200));
            Err(ReadError::Broken { file: positions.file().to_string(), why })
        }
    }
}

/// A value that is text.
pub(crate) fn text<'t>(table: &'t DeTable<'_>, key: &str) -> Option<&'t str> {
    table.get(key)?.get_ref().as_str()
}

/// The items of a list; a single value is a list of itself.
pub(crate) fn items<'t, 'i>(value: &'t Value<'i>) -> Vec<&'t Value<'i>> {
    match value.get_ref().as_array() {
        Some(array) => array.iter().collect(),
        None => vec![value],
    }
}
