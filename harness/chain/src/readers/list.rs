//! Names of packages, one a line.

use crate::chain::ChainKind;
use crate::need::{Need, Verb, Want};
use crate::place::Place;
use crate::reader::{ReadError, Reader, Reading, Source};
use std::sync::Arc;

/// The reader.
pub(crate) struct List;

impl Reader for List {
    fn kind(&self) -> ChainKind {
        ChainKind::List
    }

    fn fits(&self, source: &Source<'_>) -> bool {
        matches!(source.path.extension(), Some("txt" | "list"))
    }

    fn read(&self, source: &Source<'_>, into: &mut Reading) -> Result<(), ReadError> {
        let text = source.text()?;
        let file = Arc::clone(into.file());
        let mut start = 0;
        for (at, line) in text.split('\n').enumerate() {
            let name = line.trim();
            if !name.is_empty() && !name.starts_with('#') {
                into.line();
                let first = start + line.len() - line.trim_start().len();
                let place = Place {
                    file: Arc::clone(&file),
                    line: at as u32 + 1,
                    start: first as u32,
                    end: (first + name.len()) as u32,
                };
                into.need(Need {
                    want: Want::Package { name: name.to_owned(), version: None, arch: None },
                    verb: Verb::Install,
                    optional: false,
                    place,
                    written: name.to_owned(),
                    within: None,
                });
            }
            start += line.len() + 1;
        }
        Ok(())
    }
}
