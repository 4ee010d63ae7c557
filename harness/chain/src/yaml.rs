//! YAML of others, read by `muster_suite::yaml` within its limits. What that reader refuses of a single value (tags, merge
//! keys, a key that occurs twice) is listed; what it refuses of a file makes the file unreadable.

use std::collections::HashSet;

use muster_base::text::one_line;
use muster_suite::diagnostic::{Diagnostics, codes};
use muster_suite::yaml::{Limits, Node, NodeKind, parse, text_of};

use crate::limits;
use crate::place::Place;
use crate::positions::Positions;
use crate::reader::{ReadError, Reading};
use crate::shell::Origin;

/// A file of YAML.
#[derive(Debug)]
pub(crate) struct Document {
    /// Its root.
    pub(crate) root: Node,
    /// Its text.
    pub(crate) positions: Positions,
    /// Where values with tags stand: `!vault` is not the text of what it hides.
    tagged: HashSet<u32>,
}

impl Document {
    /// Reads it. `None` of a file without any value.
    ///
    /// # Errors
    /// It is no YAML, or beyond the limits.
    pub(crate) fn read(positions: Positions, into: &mut Reading) -> Result<Option<Self>, ReadError> {
        let limits = Limits { bytes: limits::TEXT as usize, ..Limits::default() };
        let broken = |why: String| ReadError::Broken { file: positions.file().to_string(), why };
        let mut sink = Diagnostics::new();
        let root = text_of(positions.file(), positions.body().as_bytes(), limits, &mut sink)
            .and_then(|text| parse(positions.file(), text, limits, &mut sink));
        if sink.len() > sink.iter().count() {
            return Err(broken(format!("it has {} values that are not plain YAML", sink.len())));
        }
        let mut tagged = HashSet::new();
        for problem in sink.iter() {
            let span = problem.span.unwrap_or_default();
            let line = positions.line_text(span.line);
            let why = match problem.code {
                codes::EMPTY_FILE => return Ok(None),
                codes::YAML_TAG => {
                    tagged.insert(span.start);
                    "a value with a YAML tag"
                }
                codes::MERGE_KEY => "what a merge key (`<<`) adds is not read",
                codes::DUPLICATE_KEY => "a key that occurs twice: the first is read",
                codes::COMPLEX_KEY => "a key that is no text",
                _ => return Err(broken(format!("line {}: {}", span.line, one_line(&problem.message, limits::SHOWN)))),
            };
            into.not_understood(positions.point(span.start as usize), line, why);
        }
        let root = root.ok_or_else(|| broken("it is no YAML document".to_owned()))?;
        Ok(Some(Self { root, positions, tagged }))
    }

    /// Whether a tag changes what the value is.
    pub(crate) fn is_tagged(&self, node: &Node) -> bool {
        self.tagged.contains(&node.span.start)
    }

    /// The place of a scalar: what stands between its quotes, where that is its text. Otherwise its line.
    pub(crate) fn place(&self, node: &Node) -> Place {
        match node.scalar() {
            Some(text) => self.within(node, text),
            None => self.positions.point(node.span.start as usize),
        }
    }

    /// The place of a part of a scalar, where the file has it as it is and once; otherwise the line of the scalar.
    pub(crate) fn within(&self, node: &Node, part: &str) -> Place {
        let (start, end) = (node.span.start as usize, node.span.end as usize);
        let raw = self.positions.body().get(start..end).unwrap_or_default();
        // What an alias repeats, and what stands in a block, is found as well; a text that occurs twice is not.
        let mut found = raw.match_indices(part).map(|(at, _)| start + at).filter(|_| !part.is_empty());
        match (found.next(), found.next()) {
            (Some(at), None) => self.positions.place(at..at + part.len()),
            (Some(at), Some(_)) if at == start => self.positions.place(at..at + part.len()),
            _ => self.positions.point(start),
        }
    }

    /// Where the text of a scalar stands, line by line, as far as the file has the lines as they are: blocks are indented,
    /// folded ones have their lines joined.
    pub(crate) fn origin(&self, node: &Node) -> Origin {
        let text = node.scalar().unwrap_or_default();
        let positions = &self.positions;
        let (start, first) = (node.span.start as usize, positions.line(node.span.start as usize));
        let mut origin = Origin::new(positions.file());
        origin.push(0, first, None);
        let mut at = 0;
        for line in first..=positions.line(node.span.end as usize).max(first) + 1 {
            let whole = positions.line_text(line);
            let begin = positions.start(line);
            let skipped = if line == first { start.saturating_sub(begin) } else { 0 };
            let written = whole.get(skipped..).unwrap_or_default();
            let content = written.trim_start_matches([' ', '\t', '"', '\'']).trim_end();
            let begin = begin + skipped + (written.len() - written.trim_start_matches([' ', '\t', '"', '\'']).len());
            let content = if line == first { content.trim_end_matches(['"', '\'']) } else { content };
            let rest = text.get(at..).unwrap_or_default();
            let blank = rest.len() - rest.trim_start().len();
            if content.is_empty() || blank == rest.len() {
                continue;
            }
            if rest[blank..].starts_with(content) {
                at += blank;
                origin.push(at, line, Some(positions.place(begin..begin).start));
                at += content.len();
            } else if line > first {
                origin.push(at, line, None);
                break;
            }
        }
        origin
    }

    /// Lists a value that was not understood, by its line.
    pub(crate) fn not_understood(&self, node: &Node, why: impl Into<String>, into: &mut Reading) {
        let line = self.positions.line_text(self.positions.line(node.span.start as usize));
        into.not_understood(self.positions.point(node.span.start as usize), line, why);
    }

    /// The last byte of a tree, or nearly so: what it is for is lines.
    pub(crate) fn last(node: &Node) -> usize {
        match &node.kind {
            NodeKind::Scalar { .. } => node.span.end as usize,
            NodeKind::Sequence(items) => items.last().map_or(node.span.start as usize, Self::last),
            NodeKind::Mapping(entries) => {
                entries.last().map_or(node.span.start as usize, |(_, value)| Self::last(value))
            }
        }
    }
}

/// A scalar that stands where another value does.
pub(crate) fn scalar(text: &str, like: &Node) -> Node {
    Node { kind: NodeKind::Scalar { text: text.to_owned(), quoted: true }, span: like.span }
}

/// The entries of a mapping; none of anything else.
pub(crate) fn entries(node: &Node) -> &[(Node, Node)] {
    match &node.kind {
        NodeKind::Mapping(entries) => entries,
        _ => &[],
    }
}

/// The items of a list; none of anything else.
pub(crate) fn items(node: &Node) -> &[Node] {
    match &node.kind {
        NodeKind::Sequence(items) => items,
        _ => &[],
    }
}

/// What YAML 1.1 programs read as a truth value.
pub(crate) fn truth(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "y" | "1" => Some(true),
        "false" | "no" | "off" | "n" | "0" => Some(false),
        _ => None,
    }
}
