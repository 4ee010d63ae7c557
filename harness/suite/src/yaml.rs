//! YAML text becomes a tree in which every node knows where it stands. The only module that names
//! the YAML parser; what the parser would accept and the language does not (tags, merge keys,
//! several documents, the last of two equal keys) is refused here, and so is what is hostile: size,
//! depth, number of values and what aliases expand to are all bounded before memory is spent.

mod flow;
mod indent;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use super::diagnostic::{Diagnostic, Diagnostics, Span, codes};

/// Bounds of one file.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Size of the text.
    pub bytes: usize,
    /// Nesting of lists and mappings.
    pub depth: usize,
    /// Scalars, lists and mappings, those that aliases repeat included.
    pub nodes: usize,
    /// Anchors (`&a`).
    pub anchors: usize,
    /// Aliases (`*a`).
    pub aliases: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 1 << 20, depth: 32, nodes: 250_000, anchors: 1_000, aliases: 10_000 }
    }
}

/// A value and where it stands. What an alias repeats stands where its anchor stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub kind: NodeKind,
    /// Where it is; of lists and mappings, where they begin.
    pub span: Span,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeKind {
    /// A scalar, never interpreted: `1.10`, `0644` and `no` are the text they are written as.
    Scalar {
        /// The text, with YAML's escapes and folding applied.
        text: String,
        /// Whether it is quoted or a block (`|`, `>`), so that `null` is a word and not nothing.
        quoted: bool,
    },
    /// A list.
    Sequence(Vec<Node>),
    /// A mapping, in the order of the file. Keys are scalars and differ from each other.
    Mapping(Vec<(Node, Node)>),
}

impl Node {
    /// The text of a scalar.
    pub fn scalar(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// True for what YAML reads as null: nothing at all, or an unquoted `null` or `~`.
    pub fn is_null(&self) -> bool {
        match &self.kind {
            NodeKind::Scalar { text, quoted: false } => matches!(text.as_str(), "" | "~" | "null" | "Null" | "NULL"),
            _ => false,
        }
    }

    /// The value below a key of a mapping.
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.kind {
            NodeKind::Mapping(entries) => entries.iter().find(|(k, _)| k.scalar() == Some(key)).map(|(_, value)| value),
            _ => None,
        }
    }

    /// What it is, with its article, for messages.
    pub fn what(&self) -> &'static str {
        match &self.kind {
            _ if self.is_null() => "nothing",
            NodeKind::Scalar { .. } => "a scalar",
            NodeKind::Sequence(_) => "a list",
            NodeKind::Mapping(_) => "a mapping",
        }
    }

    /// Calls `each` with every scalar of the tree, keys included.
    pub fn each_scalar<'n>(&'n self, each: &mut impl FnMut(&'n str)) {
        match &self.kind {
            NodeKind::Scalar { text, .. } => each(text),
            NodeKind::Sequence(items) => items.iter().for_each(|item| item.each_scalar(each)),
            NodeKind::Mapping(entries) => entries.iter().for_each(|(key, value)| {
                key.each_scalar(each);
                value.each_scalar(each);
            }),
        }
    }

    /// How many scalars, lists and mappings it holds, itself included.
    pub fn nodes(&self) -> usize {
        self.weight().nodes
    }

    fn weight(&self) -> Weight {
        match &self.kind {
            NodeKind::Scalar { text, .. } => Weight { nodes: 1, bytes: text.len(), depth: 0 },
            NodeKind::Sequence(items) => items.iter().fold(Weight::CONTAINER, |sum, item| sum.holding(item.weight())),
            NodeKind::Mapping(entries) => entries
                .iter()
                .fold(Weight::CONTAINER, |sum, (key, value)| sum.holding(key.weight()).holding(value.weight())),
        }
    }
}

/// What repeating a node costs.
#[derive(Debug, Clone, Copy)]
struct Weight {
    nodes: usize,
    bytes: usize,
    /// Levels of lists and mappings.
    depth: usize,
}

impl Weight {
    const CONTAINER: Weight = Weight { nodes: 1, bytes: 0, depth: 1 };

    fn holding(self, inner: Weight) -> Weight {
        Weight {
            nodes: self.nodes + inner.nodes,
            bytes: self.bytes + inner.bytes,
            depth: self.depth.max(inner.depth + 1),
        }
    }
}

/// UTF-8 text from the bytes of a file, without a byte order mark; or a diagnostic at the first
/// byte that is not UTF-8 or not printable.
pub fn text_of<'b>(file: &Arc<str>, bytes: &'b [u8], limits: Limits, sink: &mut Diagnostics) -> Option<&'b str> {
    if bytes.len() > limits.bytes {
        let message = format!("the file has {} bytes; at most {} are read", bytes.len(), limits.bytes);
        sink.push(Diagnostic::about_file(codes::TOO_LARGE, file, message).help("split it into several suites"));
        return None;
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let good = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
            // The lossy text keeps every good byte in its place, so the span is right in it.
            sink.add_source(file, String::from_utf8_lossy(bytes).as_ref());
            let bad = bytes[error.valid_up_to()];
            let message = format!("the file is not UTF-8: byte 0x{bad:02x}");
            sink.push(Diagnostic::new(codes::ENCODING, file, point(good, good.len()), message));
            return None;
        }
    };
    let control = |b: &u8| (*b < 0x20 && !matches!(*b, b'\n' | b'\r' | b'\t')) || *b == 0x7f;
    if let Some(at) = text.bytes().position(|b| control(&b)) {
        sink.add_source(file, text);
        let message = format!("control character 0x{:02x} in the file", text.as_bytes()[at]);
        let help = "in a double-quoted scalar it can be written as an escape such as \"\\x1b\"";
        sink.push(Diagnostic::new(codes::ENCODING, file, point(text, at), message).help(help));
        return None;
    }
    Some(text)
}

/// The tree of a file. `None` when it cannot be read as one document; then, and for everything else
/// that is refused here, there are diagnostics.
pub fn parse(file: &Arc<str>, text: &str, limits: Limits, sink: &mut Diagnostics) -> Option<Node> {
    Builder::new(file, text, limits, sink).run()
}

/// The place of one byte.
fn point(text: &str, at: usize) -> Span {
    let before = &text[..at];
    let line = before.bytes().filter(|b| *b == b'\n').count() as u32 + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() as u32 + 1;
    Span { start: at as u32, end: at as u32 + 1, line, column }
}

/// A list or mapping that is not complete yet.
enum Frame {
    Sequence { items: Vec<Node>, span: Span, anchor: usize },
    Mapping { entries: Vec<(Node, Node)>, key: Option<Node>, seen: HashMap<String, Span>, span: Span, anchor: usize },
}

enum Anchor {
    /// Its value is not complete, so an alias to it would contain itself.
    Open,
    Done(Box<Node>, Weight),
}

struct Builder<'s, 'd> {
    file: &'s Arc<str>,
    text: &'s str,
    limits: Limits,
    sink: &'d mut Diagnostics,
    places: CharOffsets,
    stack: Vec<Frame>,
    root: Option<Node>,
    anchors: HashMap<usize, Anchor>,
    aliases: usize,
    nodes: usize,
    bytes: usize,
}

/// Mappings up to this size are searched; only the keys beyond are also kept in a table.
const FEW: usize = 16;

/// Where a mapping has a key already.
fn first_with(entries: &[(Node, Node)], seen: &HashMap<String, Span>, key: &str) -> Option<Span> {
    let few = entries.iter().take(FEW).find(|(known, _)| known.scalar() == Some(key)).map(|(known, _)| known.span);
    few.or_else(|| seen.get(key).copied())
}

/// Parsing cannot go on; the reason is in the sink.
struct Stop;

impl<'s, 'd> Builder<'s, 'd> {
    fn new(file: &'s Arc<str>, text: &'s str, limits: Limits, sink: &'d mut Diagnostics) -> Self {
        Self {
            file,
            text,
            limits,
            sink,
            places: CharOffsets::of(text),
            stack: Vec::new(),
            root: None,
            anchors: HashMap::new(),
            aliases: 0,
            nodes: 0,
            bytes: 0,
        }
    }

    fn run(mut self) -> Option<Node> {
        let mut parser = Parser::new_from_str(self.text);
        let mut documents = 0;
        while let Some(next) = parser.next_event() {
            let (event, span) = match next {
                Ok((event, span)) => (event, self.span(span)),
                Err(error) => {
                    self.syntax_error(error.marker(), error.info());
                    return None;
                }
            };
            if let Event::DocumentStart(_) = event {
                documents += 1;
                if documents > 1 {
                    let message = "a second document begins; a file holds one";
                    let help = "remove the `---`, or put what follows into a file of its own";
                    self.report(Diagnostic::new(codes::SEVERAL_DOCUMENTS, self.file, span, message).help(help));
                    return None;
                }
            }
            if let Err(Stop) = self.event(event, span) {
                return None;
            }
        }
        let root = self.root.take().filter(|root| !root.is_null());
        if root.is_none() {
            let message = "the file is empty";
            self.report(Diagnostic::new(codes::EMPTY_FILE, self.file, self.places.end(self.text), message));
        }
        root
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Stop> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                if tag.is_some() {
                    self.tag(span);
                }
                let node = Node {
                    kind: NodeKind::Scalar { text: text.into_owned(), quoted: style != ScalarStyle::Plain },
                    span: self.scalar_span(span),
                };
                self.count(span, 1, 0)?;
                self.anchored(anchor, &node)?;
                self.add(node)
            }
            Event::Alias(id) => {
                self.aliases += 1;
                if self.aliases > self.limits.aliases {
                    return self.too_many(span, "aliases", self.limits.aliases);
                }
                let (node, weight) = match self.anchors.get(&id) {
                    Some(Anchor::Done(node, weight)) => ((**node).clone(), *weight),
                    Some(Anchor::Open) | None => {
                        let message = "this alias refers to a value that contains it";
                        self.report(Diagnostic::new(codes::BAD_ALIAS, self.file, span, message));
                        return Err(Stop);
                    }
                };
                self.count(span, weight.nodes, weight.bytes)?;
                if self.stack.len() + weight.depth > self.limits.depth {
                    return self.too_deep(span);
                }
                self.add(node)
            }
            Event::SequenceStart(anchor, tag) => {
                if tag.is_some() {
                    self.tag(span);
                }
                self.open(anchor, span, Frame::Sequence { items: Vec::new(), span, anchor })
            }
            Event::MappingStart(anchor, tag) => {
                if tag.is_some() {
                    self.tag(span);
                }
                let frame = Frame::Mapping { entries: Vec::new(), key: None, seen: HashMap::new(), span, anchor };
                self.open(anchor, span, frame)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(_) | Event::DocumentEnd => {
                Ok(())
            }
        }
    }

    fn open(&mut self, anchor: usize, span: Span, frame: Frame) -> Result<(), Stop> {
        self.count(span, 1, 0)?;
        if self.stack.len() >= self.limits.depth {
            return self.too_deep(span);
        }
        if anchor > 0 {
            self.anchors.insert(anchor, Anchor::Open);
        }
        self.stack.push(frame);
        Ok(())
    }

    fn close(&mut self) -> Result<(), Stop> {
        let (node, anchor) = match self.stack.pop() {
            Some(Frame::Sequence { items, span, anchor }) => (Node { kind: NodeKind::Sequence(items), span }, anchor),
            Some(Frame::Mapping { entries, span, anchor, .. }) => {
                (Node { kind: NodeKind::Mapping(entries), span }, anchor)
            }
            None => return Ok(()),
        };
        self.anchored(anchor, &node)?;
        self.add(node)
    }

    /// Remembers a complete node under its anchor. The copy counts like any other value.
    fn anchored(&mut self, anchor: usize, node: &Node) -> Result<(), Stop> {
        if anchor == 0 {
            return Ok(());
        }
        if self.anchors.len() > self.limits.anchors {
            return self.too_many(node.span, "anchors", self.limits.anchors);
        }
        let weight = node.weight();
        self.count(node.span, weight.nodes, weight.bytes)?;
        self.anchors.insert(anchor, Anchor::Done(Box::new(node.clone()), weight));
        Ok(())
    }

    fn add(&mut self, node: Node) -> Result<(), Stop> {
        match self.stack.last_mut() {
            None => self.root = Some(node),
            Some(Frame::Sequence { items, .. }) => items.push(node),
            Some(Frame::Mapping { entries, key, seen, .. }) => match key.take() {
                None => *key = Some(node),
                Some(key) => {
                    let refused = match &key.kind {
                        NodeKind::Scalar { text, quoted } if text == "<<" && !quoted => Some(
                            Diagnostic::new(
                                codes::MERGE_KEY,
                                self.file,
                                key.span,
                                "merge keys (`<<`) are not part of the language",
                            )
                            .note("what they merge cannot be seen where it applies, and misspelt keys hide in it")
                            .help("write the keys out, or use an alias for a whole value (`steps: *common`)"),
                        ),
                        NodeKind::Scalar { text, .. } => match first_with(entries, seen, text) {
                            Some(first) => Some(
                                Diagnostic::new(
                                    codes::DUPLICATE_KEY,
                                    self.file,
                                    key.span,
                                    format!("the key `{text}` is here twice"),
                                )
                                .label("again here")
                                .note(format!("first at {}:{}:{}", self.file, first.line, first.column)),
                            ),
                            None => {
                                if entries.len() >= FEW {
                                    seen.insert(text.clone(), key.span);
                                }
                                None
                            }
                        },
                        _ => Some(
                            Diagnostic::new(
                                codes::COMPLEX_KEY,
                                self.file,
                                key.span,
                                format!("{} cannot be a key", key.what()),
                            )
                            .help("a value that begins with `{`, `[` or `${` must be quoted"),
                        ),
                    };
                    match refused {
                        Some(diagnostic) => self.report(diagnostic),
                        None => entries.push((key, node)),
                    }
                }
            },
        }
        Ok(())
    }

    fn count(&mut self, span: Span, nodes: usize, bytes: usize) -> Result<(), Stop> {
        self.nodes += nodes;
        self.bytes += bytes;
        if self.nodes > self.limits.nodes {
            return self.too_many(span, "values, what aliases repeat included", self.limits.nodes);
        }
        if self.bytes > 4 * self.limits.bytes {
            return self.too_many(span, "bytes that aliases repeat", 4 * self.limits.bytes);
        }
        Ok(())
    }

    fn too_many(&mut self, span: Span, what: &str, limit: usize) -> Result<(), Stop> {
        let message = format!("the file has more than {limit} {what}");
        self.report(Diagnostic::new(codes::TOO_MANY, self.file, span, message).label("the limit is reached here"));
        Err(Stop)
    }

    fn too_deep(&mut self, span: Span) -> Result<(), Stop> {
        let message = format!("lists and mappings are nested more than {} deep", self.limits.depth);
        self.report(Diagnostic::new(codes::TOO_DEEP, self.file, span, message).label("the limit is reached here"));
        Err(Stop)
    }

    fn tag(&mut self, span: Span) {
        let message = "YAML tags are not part of the language";
        let help = "remove it: the key decides how its value is read";
        self.report(Diagnostic::new(codes::YAML_TAG, self.file, span, message).help(help));
    }

    /// A syntax error; when a tab in the indentation is near, the tab is what a person must see.
    fn syntax_error(&mut self, marker: &Marker, info: &str) {
        let at = self.places.byte(self.text, marker.index()).min(self.text.len());
        // At the end of a file without a last newline the parser speaks of a line that is not there.
        let span = Span { end: at as u32, ..point(self.text, at) };
        let line_start = self.text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let previous = self.text[..line_start.saturating_sub(1)].rfind('\n').map_or(0, |newline| newline + 1);
        // The parser may notice only at the next scalar, or blame the one it was reading.
        let next = self.text[at..].find('\n').map_or(line_start, |newline| at + newline + 1);
        for start in [line_start, next, previous] {
            let line = self.text[start..].lines().next().unwrap_or("");
            let indent = &line[..line.len() - line.trim_start_matches([' ', '\t']).len()];
            if let Some(tab) = indent.find('\t') {
                let diagnostic = Diagnostic::new(
                    codes::TAB,
                    self.file,
                    point(self.text, start + tab),
                    "a tab in the indentation; YAML indents with spaces",
                );
                return self.report(diagnostic);
            }
        }
        if info == "recursion limit exceeded" {
            // It counts brackets ahead of what was built, and does not know our limit.
            let _ = self.too_deep(span);
            return;
        }
        if let Some((open, bracket)) = self.never_closed() {
            let message = format!("`{bracket}` is opened at {}:{} and never closed", open.line, open.column);
            let close = if bracket == '{' { '}' } else { ']' };
            let problem = Diagnostic::new(codes::SYNTAX, self.file, Span { end: open.start + 1, ..open }, message)
                .label(format!("`{close}` is missing"))
                .note(format!("it shows in line {}: {info}", span.line));
            return self.report(problem);
        }
        if let Some(slip) = indent::slip(self.text, span.line as usize) {
            return self.report(self.slipped(&slip, line_start, info));
        }
        // The parser's words are English phrases without a subject; they are shown as it says them.
        self.report(
            Diagnostic::new(codes::SYNTAX, self.file, span, format!("this is not YAML: {info}"))
                .help("a scalar that holds `: `, ` #` or begins with one of []{}*&!|>%@` must be quoted"),
        );
    }

    /// The innermost bracket that is open where the parser stopped, when nothing closes it.
    fn never_closed(&self) -> Option<(Span, char)> {
        let bracket = |frame: &Frame| {
            let (Frame::Sequence { span, .. } | Frame::Mapping { span, .. }) = frame;
            let bracket = self.text[span.start as usize..].chars().next().filter(|c| matches!(c, '{' | '['))?;
            Some((*span, bracket))
        };
        let open = self.stack.iter().rev().find_map(bracket)?;
        flow::is_never_closed(self.text, open.0.start as usize).then_some(open)
    }

    /// The line that begins at byte `start` is indented otherwise than what it belongs to.
    fn slipped(&self, slip: &indent::Slip, start: usize, info: &str) -> Diagnostic {
        let what = match slip.begins {
            indent::Begins::Key => "the keys above it",
            indent::Begins::Item => "the items of the list above it",
        };
        let by = slip.or.map_or(slip.expected.to_string(), |or| format!("{} or {or}", slip.expected));
        let message = format!("line {} is indented by {}, {what} by {by}", slip.line, slip.indent);
        let or_quote = match info.contains("mapping values") {
            true => ", or quote the text of which it is a part: it holds `: `",
            false => "",
        };
        Diagnostic::new(codes::SYNTAX, self.file, point(self.text, start + slip.indent), message)
            .note(format!("this is not YAML: line {} and this one begin in different columns", slip.above))
            .help(format!("indent it by {by}{or_quote}"))
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.sink.push(diagnostic);
    }

    fn span(&self, span: saphyr_parser::Span) -> Span {
        let end = self.places.byte(self.text, span.end.index()) as u32;
        let start = self.mark(&span.start);
        Span { end: end.max(start.start), ..start }
    }

    fn mark(&self, marker: &Marker) -> Span {
        let start = self.places.byte(self.text, marker.index()) as u32;
        Span { start, end: start, line: (marker.line() as u32).max(1), column: marker.col() as u32 + 1 }
    }

    /// Blocks end where the next line begins; their caret stays on the first line anyway, but the
    /// trailing newline of a plain scalar's span is cut.
    fn scalar_span(&self, span: Span) -> Span {
        let text = &self.text[span.start as usize..span.end as usize];
        Span { end: span.start + text.trim_end().len() as u32, ..span }
    }
}

/// Finds the byte of a character's number without walking the whole text each time.
struct CharOffsets {
    /// Byte offset of every 64th character; empty when the text is ASCII.
    samples: Vec<u32>,
}

impl CharOffsets {
    const EVERY: usize = 64;

    fn of(text: &str) -> Self {
        let samples = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().step_by(Self::EVERY).map(|(at, _)| at as u32).collect()
        };
        Self { samples }
    }

    fn byte(&self, text: &str, character: usize) -> usize {
        if self.samples.is_empty() {
            return character.min(text.len());
        }
        let Some(base) = self.samples.get(character / Self::EVERY) else { return text.len() };
        let base = *base as usize;
        text[base..].char_indices().nth(character % Self::EVERY).map_or(text.len(), |(at, _)| base + at)
    }

    fn end(&self, text: &str) -> Span {
        let at = text.trim_end().len();
        let span = point(text, at);
        Span { end: at as u32, ..span }
    }
}
