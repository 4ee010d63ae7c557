//! From files or text to suites.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use sha2::Digest as _;

use super::accepted;
use super::context::{Context, Patterns};
use super::include::Files;
use super::schema::{is_anothers, schema_of};
use super::suite;
use crate::diagnostic::{Diagnostic, Diagnostics, Span, codes};
use crate::kind::FileKind;
use crate::model::{Suite, SuitePart};
use crate::snapshot_files::Accepted;
use crate::source::{self, SourceFile};
use crate::vocabulary::Vocabulary;
use crate::yaml::{self, Limits, Node};

/// Decodes all files that the paths mean (a directory: its `*.yaml` files, sorted). The suites are
/// those whose files are without error; whether the whole may be used is whether there are
/// diagnostics. Bounds: 1 MiB a file, see [`Limits`]. Accepted snapshots are those next to the suites.
pub fn load(paths: &[Utf8PathBuf], vocabulary: &Vocabulary<'_>) -> (Vec<Suite>, Diagnostics) {
    load_with(paths, vocabulary, &Accepted::default())
}

/// The same, with these accepted snapshots.
pub fn load_with(paths: &[Utf8PathBuf], vocabulary: &Vocabulary<'_>, accepted: &Accepted) -> (Vec<Suite>, Diagnostics) {
    let mut sink = Diagnostics::new();
    let sources = source::find(paths, &mut sink);
    let suites = sources_with(&sources, vocabulary, accepted.clone(), &mut sink);
    sink.settle();
    (suites, sink)
}

/// Decodes these files, for whoever looks for what is wrong with them: accepted snapshots are not read. The sink is not settled.
pub fn load_sources(sources: &[SourceFile], vocabulary: &Vocabulary<'_>, sink: &mut Diagnostics) -> Vec<Suite> {
    sources_with(sources, vocabulary, Accepted::Ignored, sink)
}

/// Decodes these files with these accepted snapshots. The sink is not settled.
pub fn sources_with(
    sources: &[SourceFile],
    vocabulary: &Vocabulary<'_>,
    accepted: Accepted,
    sink: &mut Diagnostics,
) -> Vec<Suite> {
    let mut suites = Vec::new();
    let mut shared = Shared { accepted, ..Shared::default() };
    source::read_each(sources, sink, |source, bytes, sink| {
        suites.extend(decode_bytes(source, bytes, true, vocabulary, &mut shared, sink));
    });
    // Tests in a file that no suite includes would silently not run.
    for (name, real) in &shared.fragments {
        if !shared.included.contains(real) {
            let message = "no suite that was loaded with it includes this file, so its tests do not run";
            sink.push(
                Diagnostic::about_file(codes::NO_EFFECT, name, message).help("add it to the `include` of a suite"),
            );
        }
    }
    suites
}

/// Decodes a file of tests by itself, with the values that its variables have there: what no suite does that was
/// loaded with it. The sink is not settled.
pub fn load_tests(source: &SourceFile, vocabulary: &Vocabulary<'_>, sink: &mut Diagnostics) {
    let name = source.path.file_name().unwrap_or_default();
    let quoted = name.replace('\'', "''");
    let suite = format!("schema: suite/v1\nsuite: included\ninclude:\n- {{file: '{quoted}', prefix: included}}\n");
    // It stands where the file is, and is nowhere shown: what is wrong is wrong with the file.
    let around =
        SourceFile { path: source.path.with_file_name("included.yaml"), name: source.name.clone(), found: false };
    decode_bytes(
        &around,
        suite.as_bytes(),
        true,
        vocabulary,
        &mut Shared { accepted: Accepted::Ignored, ..Shared::default() },
        sink,
    );
}

/// Decodes one text that is not in a file, or already read. `name` is how diagnostics call it.
pub fn decode_source(name: &str, text: &str, vocabulary: &Vocabulary<'_>) -> (Option<Suite>, Diagnostics) {
    let mut sink = Diagnostics::new();
    let source = SourceFile { path: name.into(), name: name.into(), found: false };
    let suite = decode_bytes(&source, text.as_bytes(), false, vocabulary, &mut Shared::default(), &mut sink);
    sink.settle();
    (suite, sink)
}

/// What files that are loaded together share.
#[derive(Default)]
pub(super) struct Shared {
    /// Where each suite name was first given, those of broken files included.
    names: HashMap<String, (Arc<str>, Span)>,
    patterns: Patterns,
    /// Where the files that suites include really are.
    included: HashSet<Utf8PathBuf>,
    /// Files of tests that were found in a directory: as they are shown, and where they really are.
    fragments: Vec<(Arc<str>, Utf8PathBuf)>,
    /// The accepted snapshots that they are read with.
    accepted: Accepted,
}

pub(super) fn decode_bytes(
    source: &SourceFile,
    bytes: &[u8],
    on_disk: bool,
    vocabulary: &Vocabulary<'_>,
    shared: &mut Shared,
    sink: &mut Diagnostics,
) -> Option<Suite> {
    let name = &source.name;
    let before = sink.len();
    let text = yaml::text_of(name, bytes, Limits::default(), sink)?;
    let root = yaml::parse(name, text, Limits::default(), sink);
    if let Some(root) = root.as_ref().filter(|root| source.found && is_anothers(root, "suite/v1")) {
        if schema_of(root) == Some(FileKind::Tests.schema()) {
            let real = source.path.canonicalize_utf8().unwrap_or_else(|_| source.path.clone());
            shared.fragments.push((name.clone(), real));
        }
        return None;
    }
    let mut files = Files::default();
    files.digest.update(bytes);
    let suite = root.and_then(|root| {
        unique_name(name, &root, &mut shared.names, sink);
        let mut cx = Context::new(name.clone(), vocabulary, &mut shared.patterns, sink);
        cx.dir = source.path.parent().filter(|_| on_disk).map(Utf8Path::to_owned);
        let mut suite = suite::suite(&mut cx, &root, &mut files);
        // What is wrong with the text is said first, and nothing is read for a suite that cannot be used.
        let data = std::mem::take(&mut cx.data);
        if sink.len() == before {
            let dir = source.path.parent().unwrap_or(Utf8Path::new(""));
            files.paths.extend(data.paths().cloned());
            data.digest(dir, name, &mut files.digest, sink);
            if let Some(suite) = suite.as_mut().filter(|_| on_disk) {
                suite.accepted = accepted::read(suite, dir, &shared.accepted, sink);
                suite.accepted.iter().for_each(|accepted| accepted::digest(accepted, &mut files.digest));
            }
        }
        suite
    });
    shared.included.extend(files.real);
    if sink.len() > before {
        sink.add_source(name, text);
        return None;
    }
    let mut suite = suite?;
    suite.digest = muster_base::text::hex(files.digest.finalize());
    if on_disk {
        suite.parts = parts(&source.path, files.paths);
    }
    Some(suite)
}

/// The files of a suite, each once.
fn parts(own: &Utf8Path, others: Vec<Utf8PathBuf>) -> Vec<SuitePart> {
    let dir = own.parent().unwrap_or(Utf8Path::new(""));
    let mut parts: Vec<SuitePart> = Vec::new();
    for path in std::iter::once(own.to_owned()).chain(others) {
        let name = path.strip_prefix(dir).unwrap_or(&path).to_owned();
        if !parts.iter().any(|part| part.name == name) {
            parts.push(SuitePart { name, path });
        }
    }
    parts
}

fn unique_name(file: &Arc<str>, root: &Node, names: &mut HashMap<String, (Arc<str>, Span)>, sink: &mut Diagnostics) {
    let Some(node) = root.get("suite") else { return };
    let Some(name) = node.scalar().filter(|name| !name.is_empty()) else { return };
    if let Some((first, at)) = names.get(name) {
        let message = format!("another file has the suite `{}` already", muster_base::text::one_line(name, 80));
        let note = format!("first at {first}:{}:{}", at.line, at.column);
        sink.push(Diagnostic::new(codes::DUPLICATE_SUITE, file, node.span, message).note(note));
    } else {
        names.insert(name.to_owned(), (file.clone(), node.span));
    }
}
