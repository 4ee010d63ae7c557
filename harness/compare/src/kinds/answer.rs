//! What all kinds make of answers in the same way.

use crate::error::KindError;
use crate::item::{Item, Items, Part};
use muster_base::text;
use muster_check::Observations;
use muster_facts::sources as facts;
use muster_suite::model::SnapshotSource;

/// The line by which a script tells that the system has no such thing; what follows says how it knows.
const NOTHING: &str = "muster-absent ";

/// What a script printed, as it is.
pub(super) fn output(seen: &Observations, key: &str) -> Result<String, KindError> {
    seen.output(key).map_err(KindError::reading)
}

/// A file as it is.
pub(super) fn file(seen: &Observations, key: &str) -> Result<String, KindError> {
    seen.file(key).map_err(KindError::reading)
}

/// What a script printed, escaped: or, as `Err`, the part that there is not.
pub(super) fn answer(seen: &Observations, key: &str) -> Result<Result<String, Part>, KindError> {
    let text = text::escape(&output(seen, key)?);
    match text.lines().next().and_then(|line| line.strip_prefix(NOTHING)) {
        Some(why) => Ok(Err(Part::Absent(text::one_line(why, 300)))),
        None => Ok(Ok(text)),
    }
}

/// The same of a script that ends its list with a mark, since a list that was cut off is none.
pub(super) fn listed(seen: &Observations, key: &str) -> Result<Result<String, Part>, KindError> {
    match answer(seen, key)? {
        Err(absent) => Ok(Err(absent)),
        Ok(text) => match text.strip_suffix("= end\n") {
            Some(list) => Ok(Ok(list.to_owned())),
            None => Err(KindError::NoEnd("list")),
        },
    }
}

/// An item of these fields.
pub(super) fn item<const N: usize>(fields: [(&'static str, &str); N]) -> Item {
    fields.into_iter().map(|(name, value)| (name, value.to_owned())).collect()
}

/// Known items, of which there must be some: no Linux is without.
pub(super) fn some(items: Items, what: &'static str) -> Result<Part, KindError> {
    if items.is_empty() { Err(KindError::Nothing(what)) } else { Ok(Part::Known(items)) }
}

/// What is said of a line that no such answer has.
pub(super) fn strange(line: &str) -> KindError {
    KindError::Line(text::one_line(line, 120))
}

/// The entries of a table that snapshots read too; an error when it was not read.
pub(super) fn table(seen: &Observations, source: &SnapshotSource) -> Result<Vec<(String, Vec<String>)>, KindError> {
    let key = facts::probe(source).key;
    let reply = seen.reply(&key).map_err(KindError::reading)?;
    let rows = facts::read(source, reply).map_err(KindError::reading)?;
    Ok(rows.into_iter().map(|row| (row.key, row.cells)).collect())
}
