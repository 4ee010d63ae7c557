//! From a tree to a suite. Every part reports what is wrong with it and goes on; a suite comes out
//! only when nothing was wrong with its file.

mod context;
mod expect;
mod needs;
mod snapshots;
mod steps;
mod suite;

use std::collections::HashMap;
use std::sync::Arc;

use camino::Utf8PathBuf;
use sha2::Digest as _;

use super::Vocabulary;
use super::diagnostic::{Diagnostic, Diagnostics, Span, codes};
use super::model::Suite;
use super::source;
use super::yaml::{self, Limits, Node};

pub(crate) use context::{Context, Patterns, Text, is_id};
pub(crate) use expect::{duplicate_subject, duration as positive_duration};
pub(crate) use suite::schema;

/// Schemas that other readers of the same folder know; in a folder their files are passed over.
const OTHERS: &[&str] = &["images/v1", "known-issues/v1", super::console_rules::SCHEMA];

/// Decodes all files that the paths mean (a folder: its `*.yaml` files, sorted). The suites are
/// those whose files are without error; whether the whole may be used is whether there are
/// diagnostics. Bounds: 1 MiB a file, see [`Limits`].
pub fn load(paths: &[Utf8PathBuf], vocabulary: &Vocabulary<'_>) -> (Vec<Suite>, Diagnostics) {
    let mut sink = Diagnostics::new();
    let mut suites = Vec::new();
    let mut shared = Shared::default();
    for source in source::find(paths, &mut sink) {
        let Some(bytes) = source::read(&source, Limits::default(), &mut sink) else { continue };
        suites.extend(decode_bytes(&source.name, &bytes, source.found, vocabulary, &mut shared, &mut sink));
    }
    sink.settle();
    (suites, sink)
}

/// Decodes one text that is not in a file, or already read. `name` is how diagnostics call it.
pub fn decode_source(name: &str, text: &str, vocabulary: &Vocabulary<'_>) -> (Option<Suite>, Diagnostics) {
    let mut sink = Diagnostics::new();
    let suite = decode_bytes(&name.into(), text.as_bytes(), false, vocabulary, &mut Shared::default(), &mut sink);
    sink.settle();
    (suite, sink)
}

/// What files that are loaded together share.
#[derive(Default)]
struct Shared {
    /// Where each suite name was first given, those of broken files included.
    names: HashMap<String, (Arc<str>, Span)>,
    patterns: Patterns,
}

fn decode_bytes(
    name: &Arc<str>,
    bytes: &[u8],
    found: bool,
    vocabulary: &Vocabulary<'_>,
    shared: &mut Shared,
    sink: &mut Diagnostics,
) -> Option<Suite> {
    let before = sink.count_in(name);
    let text = yaml::text_of(name, bytes, Limits::default(), sink)?;
    let root = yaml::parse(name, text, Limits::default(), sink);
    if found
        && root.as_ref().and_then(|root| root.get("schema")?.scalar()).is_some_and(|schema| OTHERS.contains(&schema))
    {
        return None;
    }
    let suite = root.and_then(|root| {
        unique_name(name, &root, &mut shared.names, sink);
        suite::suite(&mut Context::new(name.clone(), vocabulary, &mut shared.patterns, sink), &root)
    });
    if sink.count_in(name) > before {
        sink.add_source(name, text);
        return None;
    }
    let mut suite = suite?;
    suite.digest = sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    Some(suite)
}

fn unique_name(file: &Arc<str>, root: &Node, names: &mut HashMap<String, (Arc<str>, Span)>, sink: &mut Diagnostics) {
    let Some(node) = root.get("suite") else { return };
    let Some(name) = node.scalar().filter(|name| !name.is_empty()) else { return };
    if let Some((first, at)) = names.get(name) {
        let message = format!("another file has the suite `{}` already", crate::text::one_line(name, 80));
        let note = format!("first at {first}:{}:{}", at.line, at.column);
        sink.push(Diagnostic::new(codes::DUPLICATE_SUITE, file, node.span, message).note(note));
    } else {
        names.insert(name.to_owned(), (file.clone(), node.span));
    }
}

#[cfg(test)]
mod tests;
