//! What facts are made of: what a system says of a kind, by subject and field.

use std::collections::BTreeMap;

/// What is known of one subject, by field.
pub type Item = BTreeMap<&'static str, String>;

/// The subjects of a kind.
pub type Items = BTreeMap<String, Item>;

/// A field of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// As written in facts files and, after a colon, in keys.
    pub name: &'static str,
    /// Whether two systems differ when it does. Others explain, or tell whom a subject belongs to.
    pub compared: bool,
    /// What it holds, one sentence.
    pub doc: &'static str,
}

/// A field that is compared.
pub(super) const fn compared(name: &'static str, doc: &'static str) -> Field {
    Field { name, compared: true, doc }
}

/// A field that explains.
pub(super) const fn reported(name: &'static str, doc: &'static str) -> Field {
    Field { name, compared: false, doc }
}

/// The field in which several kinds tell the package that a subject belongs to.
pub(super) const PACKAGE: Field = reported("package", "The installed packages that it belongs to.");

/// What a system says of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Its items.
    Known(Items),
    /// The system has no such thing, which was seen and not assumed: why.
    Absent(String),
    /// It could not be read: why. Never the same as an empty set.
    Unreadable(String),
}
