//! XML of others: elements with the places of their attributes and texts. A document type is skipped, and what it defines
//! stays undefined: no entity is expanded but those of XML itself, and nothing is fetched.

use muster_base::text::one_line;
use quick_xml::Reader;
use quick_xml::escape::unescape;
use quick_xml::events::{BytesStart, Event};

use crate::place::Place;
use crate::positions::Positions;
use crate::reader::ReadError;
use crate::why::Why;

/// Elements in elements.
const DEEPEST: usize = 64;

/// An element that begins.
#[derive(Debug)]
pub(crate) struct Element {
    /// Its name, with its prefix.
    pub(crate) name: String,
    /// Its attributes: name, value, place of the value.
    attributes: Vec<(String, String, Place)>,
    /// Where it begins.
    pub(crate) place: Place,
}

impl Element {
    /// The value of an attribute.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.with_place(name).map(|(value, _)| value)
    }

    /// The value of an attribute and its place.
    pub(crate) fn with_place(&self, name: &str) -> Option<(&str, &Place)> {
        self.attributes.iter().find(|(it, ..)| it == name).map(|(_, value, place)| (value.as_str(), place))
    }
}

/// A piece of a document.
#[derive(Debug)]
pub(crate) enum Piece {
    /// An element begins; of an empty one the end follows.
    Open(Element),
    /// The innermost element ends.
    Close,
    /// Text that is not blank, without blanks around it.
    Text(String, Place),
}

/// Reads a document piece by piece.
///
/// # Errors
/// It is not well-formed, or nested too deep.
pub(crate) fn read(positions: &Positions, each: &mut dyn FnMut(Piece)) -> Result<(), ReadError> {
    let body = positions.body();
    let mut reader = Reader::from_str(body);
    let broken = |at: u64, why: &str| {
        let line = positions.line((at as usize).min(body.len()));
        ReadError::Broken { file: positions.file().to_string(), why: format!("line {line}: {}", one_line(why, 200)) }
    };
    let mut depth = 0_usize;
    let mut seen = false;
    loop {
        let at = reader.buffer_position();
        let event = reader.read_event().map_err(|error| broken(at, &error.to_string()))?;
        match event {
            Event::Start(start) => {
                depth += 1;
                seen = true;
                if depth > DEEPEST {
                    return Err(broken(at, &format!("elements are nested more than {DEEPEST} deep")));
                }
                each(Piece::Open(element(positions, &start, at).map_err(|why| broken(at, &why.to_string()))?));
            }
            Event::Empty(start) => {
                seen = true;
                each(Piece::Open(element(positions, &start, at).map_err(|why| broken(at, &why.to_string()))?));
                each(Piece::Close);
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                each(Piece::Close);
            }
            Event::Text(text) => {
                let text = std::str::from_utf8(&text).map_err(|error| broken(at, &error.to_string()))?;
                let trimmed = text.trim();
                if !trimmed.is_empty() {
                    each(Piece::Text(
                        trimmed.to_owned(),
                        of_slice(positions, &text[skipped(text)..][..trimmed.len()], at),
                    ));
                }
            }
            Event::CData(text) => {
                let text = String::from_utf8_lossy(&text).trim().to_owned();
                each(Piece::Text(text, positions.point(at as usize)));
            }
            // As it is written: no name has an ampersand.
            Event::GeneralRef(name) => {
                let text = format!("&{};", String::from_utf8_lossy(&name));
                each(Piece::Text(text, positions.point(at as usize)));
            }
            Event::Eof => break,
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
    if depth > 0 || !seen {
        return Err(broken(body.len() as u64, "the document ends before its elements do"));
    }
    Ok(())
}

fn skipped(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

fn of_slice(positions: &Positions, slice: &str, at: u64) -> Place {
    positions.piece(slice, at as usize)
}

fn element(positions: &Positions, start: &BytesStart<'_>, at: u64) -> Result<Element, Why> {
    let name = String::from_utf8_lossy(start.name().as_ref()).into_owned();
    let mut attributes = Vec::new();
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let raw = std::str::from_utf8(&attribute.value).map_err(|error| error.to_string())?;
        // An entity that is none of XML's own stays as it is written.
        let value = unescape(raw).map(|value| value.into_owned()).unwrap_or_else(|_| raw.to_owned());
        let place = if value == raw { of_slice(positions, raw, at) } else { positions.point(at as usize) };
        attributes.push((String::from_utf8_lossy(attribute.key.as_ref()).into_owned(), value, place));
    }
    Ok(Element { name, attributes, place: positions.point(at as usize) })
}
