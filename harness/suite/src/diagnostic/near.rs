//! Which name was meant.

use crate::effort;

/// The name among `known` that `written` was most likely meant to be.
pub fn did_you_mean<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let length = written.chars().count();
    // Longer words are not misspelt names, and the comparison takes the product of both lengths.
    if length == 0 || length > 64 {
        return None;
    }
    let lower = written.to_lowercase().replace('_', "-");
    let distance = |name: &str| {
        let name = name.to_lowercase();
        effort::spent(lower.len() * name.len());
        strsim::damerau_levenshtein(&lower, &name)
    };
    let allowed = |name: &str| 1.max(length.max(name.len()) / 3);
    known
        .into_iter()
        // Words of different lengths differ at least by those letters; this is much cheaper to see.
        .filter(|name| name.len().abs_diff(lower.len()) <= 2 * allowed(name) && name.len() <= 256)
        .map(|name| (distance(name), name))
        .filter(|(distance, name)| *distance <= allowed(name))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
