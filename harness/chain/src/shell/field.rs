//! Values of variables, and arguments of commands.

use std::ops::Range;

use crate::place::Place;

/// What a variable holds.
#[derive(Debug, Clone)]
pub(super) enum Value {
    /// One of these: several where branches assign it.
    Known(Vec<String>),
    /// An array.
    Array(Vec<Field>),
    /// What os-release says under this key.
    Release(String),
    /// It has been set to something that is not known.
    Unknown,
}

/// One argument of a command.
#[derive(Debug, Clone)]
pub(super) struct Field {
    /// As far as it is known.
    pub(super) text: String,
    /// Why not all of it is.
    pub(super) unknown: Option<String>,
    /// Where it stands.
    pub(super) place: Place,
    /// The key of os-release whose value it holds.
    pub(super) release: Option<String>,
}

impl Field {
    /// Its text, if all of it is known.
    pub(super) fn known(&self) -> Option<&str> {
        self.unknown.is_none().then_some(self.text.as_str())
    }

    /// Whether it is known to be this.
    pub(super) fn is(&self, text: &str) -> bool {
        self.known() == Some(text)
    }

    /// A piece of it, from byte `at` on. It can be edited where the whole can.
    pub(super) fn piece(&self, range: Range<usize>) -> (String, Place) {
        let mut place = self.place.clone();
        if place.is_editable() {
            place.end = place.start + range.end as u32;
            place.start += range.start as u32;
        }
        (self.text[range].to_owned(), place)
    }
}
