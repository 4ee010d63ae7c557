//! XML of metadata, event by event, under limits. Entities beyond the five of XML itself are errors, so nothing expands.

use std::borrow::Cow;

use camino::{Utf8Path, Utf8PathBuf};
use quick_xml::Reader;
use quick_xml::events::{BytesEnd, BytesStart, Event};

use super::error::RepodataError;
use super::unpack::Unpacked;

/// How deep elements nest at most; those of metadata reach five.
const DEPTH: usize = 24;

/// A file that is read.
pub(super) struct Xml {
    path: Utf8PathBuf,
    reader: Reader<Unpacked>,
    buffer: Vec<u8>,
    depth: usize,
    root: Option<Vec<u8>>,
    /// Whether text is handed out; if not, it is skipped unread.
    pub(super) wants_text: bool,
}

/// What comes next.
pub(super) enum Node<'x> {
    /// An element begins. One without content has no [`Node::End`].
    Begin(Element<'x>),
    /// An element ends.
    End(EndOf<'x>),
    /// Some of the text of an element; the rest may follow.
    Text(Cow<'x, str>),
    /// The end of the file, whole.
    Over,
}

/// The begin of an element.
pub(super) struct Element<'x> {
    start: BytesStart<'x>,
    /// Whether it has no content, and no [`Node::End`].
    pub(super) empty: bool,
}

impl Element<'_> {
    /// Its name without prefix.
    pub(super) fn name(&self) -> &[u8] {
        self.start.local_name().into_inner()
    }

    /// Hands out each attribute: its name without prefix, and its value.
    // A sentence: `Xml::error` makes an error of it, which names the file and the place.
    pub(super) fn attributes(&self, mut each: impl FnMut(&[u8], Cow<'_, str>)) -> Result<(), String> {
        for attribute in self.start.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| error.to_string())?;
            each(attribute.key.local_name().into_inner(), unescaped(&attribute.value)?);
        }
        Ok(())
    }
}

/// The end of an element.
pub(super) struct EndOf<'x>(BytesEnd<'x>);

impl EndOf<'_> {
    /// Its name without prefix.
    pub(super) fn name(&self) -> &[u8] {
        self.0.local_name().into_inner()
    }
}

/// Text without references and control characters.
// A sentence: `Xml::error` makes an error of it, which names the file and the place.
fn unescaped(bytes: &[u8]) -> Result<Cow<'_, str>, String> {
    let text = std::str::from_utf8(bytes).map_err(|_| "text that is not UTF-8".to_owned())?;
    let text = if bytes.contains(&b'&') {
        quick_xml::escape::unescape(text).map_err(|error| error.to_string())?
    } else {
        Cow::Borrowed(text)
    };
    match text.bytes().any(|byte| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r')) {
        true => Err("a control character, which XML cannot have".to_owned()),
        false => Ok(text),
    }
}

impl Xml {
    pub(super) fn new(path: &Utf8Path, bytes: Unpacked) -> Self {
        let mut reader = Reader::from_reader(bytes);
        reader.config_mut().check_end_names = true;
        Self { path: path.to_owned(), reader, buffer: Vec::new(), depth: 0, root: None, wants_text: true }
    }

    /// How many elements are open.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// What comes next. The file's first element must have the name `root`.
    pub(super) fn next(&mut self, root: &[u8]) -> Result<Node<'_>, RepodataError> {
        self.buffer.clear();
        self.reader.get_mut().next_event();
        let event = match self.reader.read_event_into(&mut self.buffer) {
            Ok(event) => event,
            Err(error) => {
                let at = self.reader.buffer_position();
                self.reader.get_mut().end()?;
                return Err(RepodataError::Xml { path: self.path.clone(), at, reason: error.to_string() });
            }
        };
        let at = self.reader.buffer_position();
        let wrong = |reason: String| RepodataError::Xml { path: self.path.clone(), at, reason };
        match event {
            Event::Start(start) => {
                if self.depth == 0 {
                    begin(&mut self.root, &start, root).map_err(wrong)?;
                }
                self.depth += 1;
                if self.depth > DEPTH {
                    return Err(wrong(format!("elements nest more than {DEPTH} deep")));
                }
                Ok(Node::Begin(Element { start, empty: false }))
            }
            Event::Empty(start) => {
                if self.depth == 0 {
                    begin(&mut self.root, &start, root).map_err(wrong)?;
                }
                Ok(Node::Begin(Element { start, empty: true }))
            }
            Event::End(end) => {
                self.depth = self.depth.saturating_sub(1);
                Ok(Node::End(EndOf(end)))
            }
            Event::Text(_) if !self.wants_text => Ok(Node::Text(Cow::Borrowed(""))),
            Event::Text(text) => match text.into_inner() {
                Cow::Borrowed(bytes) => Ok(Node::Text(unescaped(bytes).map_err(wrong)?)),
                Cow::Owned(bytes) => Ok(Node::Text(Cow::Owned(unescaped(&bytes).map_err(wrong)?.into_owned()))),
            },
            Event::CData(data) => {
                let text = String::from_utf8(data.into_inner().into_owned());
                Ok(Node::Text(Cow::Owned(text.map_err(|_| wrong("text that is not UTF-8".to_owned()))?)))
            }
            Event::GeneralRef(reference) => {
                let name = reference.into_inner();
                let whole = [b"&", name.as_ref(), b";"].concat();
                Ok(Node::Text(Cow::Owned(unescaped(&whole).map_err(wrong)?.into_owned())))
            }
            // comps.xml names a document type of another place, which is not fetched.
            Event::DocType(kind) if !kind.contains(&b'[') => Ok(Node::Text(Cow::Borrowed(""))),
            Event::DocType(_) => Err(wrong("a document type that defines something".to_owned())),
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) => Ok(Node::Text(Cow::Borrowed(""))),
            Event::Eof => {
                if self.root.is_none() || self.depth > 0 {
                    let reason = format!("the file ends with {} of its elements open", self.depth);
                    let error = wrong(if self.root.is_none() { "it holds no XML".to_owned() } else { reason });
                    self.reader.get_mut().end()?;
                    return Err(error);
                }
                self.reader.get_mut().end()?;
                Ok(Node::Over)
            }
        }
    }

    /// An error at the present place.
    pub(super) fn error(&self, reason: String) -> RepodataError {
        RepodataError::Xml { path: self.path.clone(), at: self.reader.buffer_position(), reason }
    }

    /// The file that is read.
    pub(super) fn path(&self) -> &Utf8Path {
        &self.path
    }
}

/// The first element: there is one, and it has this name.
// A sentence: `Xml::next` makes an error of it, which names the file and the place.
fn begin(found: &mut Option<Vec<u8>>, start: &BytesStart<'_>, root: &[u8]) -> Result<(), String> {
    let name = start.local_name().into_inner();
    if found.is_some() {
        return Err("a second document follows the first".to_owned());
    }
    if name != root {
        let (name, root) = (String::from_utf8_lossy(name), String::from_utf8_lossy(root));
        return Err(format!(
            "it begins with the element `{}` and not `{root}`",
            muster_base::text::one_line(&name, 40)
        ));
    }
    *found = Some(name.to_owned());
    Ok(())
}
