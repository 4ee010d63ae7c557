//! modules.yaml: streams and defaults, a document each.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;

use camino::Utf8Path;
use muster_suite::diagnostic::Diagnostics;
use muster_suite::yaml::{self, Limits, Node, NodeKind};

use crate::module::{Module, Stream};

use super::error::RepodataError;
use super::unpack::Unpacked;

/// Bytes of a file, unpacked. RHEL's has five million.
pub(super) const BYTES: u64 = 64 << 20;
/// Documents of a file.
const DOCUMENTS: usize = 20_000;

/// Adds the modules of a file to those that are known.
pub(super) fn read(
    path: &Utf8Path,
    mut bytes: Unpacked,
    modules: &mut BTreeMap<String, Module>,
) -> Result<(), RepodataError> {
    let mut text = Vec::new();
    loop {
        bytes.next_event();
        let mut chunk = vec![0; 1 << 20];
        match bytes.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => text.extend_from_slice(&chunk[..count]),
            Err(source) => {
                bytes.end()?;
                return Err(RepodataError::Io { path: path.to_owned(), source });
            }
        }
    }
    bytes.end()?;
    let failed = |reason: String| RepodataError::Modules { path: path.to_owned(), reason };
    let text = String::from_utf8(text).map_err(|_| failed("it is not UTF-8".to_owned()))?;
    let file: Arc<str> = Arc::from(path.as_str());
    let documents: Vec<&str> = documents(&text);
    if documents.len() > DOCUMENTS {
        return Err(failed(format!("it has more than {DOCUMENTS} documents")));
    }
    for (number, document) in documents.into_iter().enumerate() {
        let mut sink = Diagnostics::new();
        let Some(node) = yaml::parse(&file, document, Limits { bytes: 8 << 20, ..Limits::default() }, &mut sink) else {
            return Err(failed(format!("its document {} is not YAML of a known form", number + 1)));
        };
        take(&node, modules);
    }
    Ok(())
}

/// The documents of a file, without the lines that separate them.
fn documents(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut begin, mut at) = (0, 0);
    for line in text.split_inclusive('\n') {
        if matches!(line.trim_end(), "---" | "...") {
            found.push(&text[begin..at]);
            begin = at + line.len();
        }
        at += line.len();
    }
    found.push(&text[begin..]);
    found.retain(|document| !document.trim().is_empty());
    found
}

fn take(node: &Node, modules: &mut BTreeMap<String, Module>) {
    let (Some(kind), Some(data)) = (node.get("document").and_then(Node::scalar), node.get("data")) else { return };
    let scalar = |key: &str| data.get(key).and_then(Node::scalar);
    match kind {
        "modulemd" => {
            let (Some(name), Some(stream)) = (scalar("name"), scalar("stream")) else { return };
            let stream = stream_of(modules, name, stream);
            if let Some(NodeKind::Mapping(profiles)) = data.get("profiles").map(|node| &node.kind) {
                for profile in profiles.iter().filter_map(|(name, _)| name.scalar()) {
                    if !stream.profiles.iter().any(|known| known == profile) {
                        stream.profiles.push(profile.to_owned());
                    }
                }
            }
            let rpms = data.get("artifacts").and_then(|artifacts| artifacts.get("rpms")).map(|node| &node.kind);
            if let Some(NodeKind::Sequence(rpms)) = rpms {
                stream.artifacts.extend(rpms.iter().filter_map(Node::scalar).map(str::to_owned));
            }
        }
        "modulemd-defaults" => {
            let (Some(name), Some(stream)) = (scalar("module"), scalar("stream")) else { return };
            stream_of(modules, name, stream).is_default = true;
        }
        _ => {}
    }
}

fn stream_of<'m>(modules: &'m mut BTreeMap<String, Module>, name: &str, stream: &str) -> &'m mut Stream {
    let module = modules.entry(name.to_owned()).or_default();
    name.clone_into(&mut module.name);
    let at = module.streams.iter().position(|known| known.name == stream).unwrap_or_else(|| {
        module.streams.push(Stream { name: stream.to_owned(), ..Stream::default() });
        module.streams.len() - 1
    });
    &mut module.streams[at]
}
