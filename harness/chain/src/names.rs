//! Names where a file has a place for them, and rpm's own way to write a requirement.

use muster_base::Relation;

use crate::need::Want;
use crate::spelling;
use crate::why::Why;

/// What a requirement of a package is.
pub(crate) fn requirement(name: &str, version: Option<(Relation, String)>) -> Want {
    match version {
        None if name.starts_with('/') => Want::Path(name.to_owned()),
        Some((sign, version)) if name.contains('(') => Want::Capability(format!("{name} {} {version}", sign.sign())),
        None if name.contains('(') => Want::Capability(name.to_owned()),
        version => Want::Package { name: name.to_owned(), version, arch: None },
    }
}

/// Whether it is the name of a package, and no pattern.
pub(crate) fn is_name(text: &str) -> bool {
    spelling::is_name(text) && !text.contains(['*', '?', '[', ']', '!'])
}

/// A sign of comparison.
pub(crate) fn relation(sign: &str) -> Option<Relation> {
    Some(match sign {
        "<" => Relation::Less,
        "<=" => Relation::AtMost,
        "=" | "==" => Relation::Equal,
        ">=" => Relation::AtLeast,
        ">" => Relation::Greater,
        _ => return None,
    })
}

/// A unit's name with its suffix.
///
/// # Errors
/// It is none.
pub(crate) fn unit(name: &str) -> Result<String, Why> {
    spelling::unit(name).ok_or_else(|| "not a name of a unit".into())
}
