//! From a file to waivers. What is wrong with one whatever the policy and the runs are is said here.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use camino::Utf8PathBuf;

use super::keys::{FILE, SCHEMA, WAIVER};
use super::model::{Waiver, WaiverEntry};
use crate::decode::{Context, ListFile, Patterns, root_for};
use crate::diagnostic::{Diagnostics, codes};
use crate::select::NameGlob;
use crate::source;
use crate::value::{self, ValueError};
use crate::vocabulary::Vocabulary;
use crate::yaml::{Node, NodeKind};
use muster_base::failure::Location;
use muster_base::text::one_line;

/// What helps where keys are missing.
const COVERS: &str = "it covers one failure in one place, as `muster gate --explain` prints it; of a test that did not run, \
    write `missing: true`";
const LIST: ListFile = ListFile { schema: SCHEMA, keys: &FILE, list: "waivers", most: 1000 };

/// Decodes all waivers that the paths mean (a directory: its `*.yaml` files, of which those of other schemas are passed
/// over). The sink is not settled, so that what is found later can be shown in the same texts.
pub fn load(paths: &[Utf8PathBuf], vocabulary: &Vocabulary<'_>, sink: &mut Diagnostics) -> Vec<WaiverEntry> {
    let mut known = HashMap::new();
    source::read_documents(paths, sink, |source, bytes, sink| {
        decode(&source.name, bytes, source.found, vocabulary, &mut known, sink)
    })
}

/// Decodes one text.
pub fn decode_source(name: &str, text: &str, vocabulary: &Vocabulary<'_>, sink: &mut Diagnostics) -> Vec<WaiverEntry> {
    decode(&name.into(), text.as_bytes(), false, vocabulary, &mut HashMap::new(), sink)
}

fn decode(
    name: &Arc<str>,
    bytes: &[u8],
    found: bool,
    vocabulary: &Vocabulary<'_>,
    known: &mut HashMap<String, Location>,
    sink: &mut Diagnostics,
) -> Vec<WaiverEntry> {
    let Some(root) = root_for(SCHEMA, name, bytes, found, sink) else { return Vec::new() };
    let mut patterns = Patterns::new();
    let mut cx = Context::new(name.clone(), vocabulary, &mut patterns, sink);
    let mut out = Vec::new();
    for item in LIST.entries(&mut cx, &root) {
        let Some(entry) = entry(&mut cx, item) else { continue };
        let Waiver { image, test, cell, failure, signature, .. } = &entry.waiver;
        let same = format!("{image}\n{test}\n{cell:?}\n{failure:?}\n{signature:?}");
        if let Some(first) = known.get(&same) {
            let problem = cx
                .problem(codes::DUPLICATE_ID, item.span, "there is a waiver of the same failure already")
                .note(format!("first at {first}"));
            cx.report(problem);
            continue;
        }
        known.insert(same, entry.waiver.location.clone());
        out.push(entry);
    }
    out
}

fn entry(cx: &mut Context<'_>, node: &Node) -> Option<WaiverEntry> {
    // Without these the entry says nothing of what it covers.
    let also: &[&str] = match node.get("missing").and_then(Node::scalar) {
        Some("true") => &[],
        _ => &["cell", "failure", "signature"],
    };
    let fields = cx.fields_with(node, &WAIVER, also, Some(COVERS))?;
    let image = fields.get("image").and_then(|node| cx.parsed(node, "image", digest));
    let test = fields.get("test").and_then(|node| cx.parsed(node, "test", test));
    let cell = fields.get("cell").map(|node| cell(cx, node).ok_or(()));
    let mut line = |name: &str| fields.get(name).and_then(|node| cx.line(node, name)).map(|text| text.text);
    let (failure, signature) = (line("failure"), line("signature"));
    let reason = line("reason");
    let (requested_by, approved_by) = (line("requested-by"), line("approved-by"));
    let tracker = fields.get("tracker").and_then(|node| cx.parsed(node, "tracker", tracker));
    let mut day = |name: &str| fields.get(name).and_then(|node| cx.parsed(node, name, value::date));
    let (created, expires) = (day("created"), day("expires"));
    let missing = fields.get("missing").and_then(|node| cx.parsed(node, "missing", value::boolean)).unwrap_or(false);
    if let (true, Some((key, _))) = (missing, fields.entry("signature")) {
        let problem = cx.problem(codes::NO_EFFECT, key.span, "a test that did not run has no failure with a signature");
        cx.report(problem.help("remove `signature`, or `missing`"));
    }
    let spans: BTreeMap<&'static str, _> =
        WAIVER.keys.iter().filter_map(|key| Some((key.name, fields.get(key.name)?.span))).collect();
    let waiver = Waiver {
        image: image?,
        test: test?,
        cell: cell.transpose().ok()?.unwrap_or_default(),
        failure,
        signature,
        reason: reason?,
        tracker: tracker?,
        requested_by: requested_by?,
        approved_by: approved_by?,
        created: created?,
        expires: expires?,
        missing,
        location: cx.location(node.span),
    };
    let entry = WaiverEntry { waiver, file: cx.file.clone(), spans, span: node.span };
    let refused = refused(&entry.waiver).map(|(key, message, help)| entry.refused(key, &message, help));
    if let Some(problem) = refused {
        cx.report(problem);
        return None;
    }
    (missing || (entry.waiver.failure.is_some() && entry.waiver.signature.is_some())).then_some(entry)
}

/// Why a waiver never counts: the key, what is wrong, what to do.
fn refused(waiver: &Waiver) -> Option<(&'static str, String, &'static str)> {
    if let Some(key) = waiver.wildcard() {
        return Some((key, waiver.wildcard_message(key), Waiver::wildcard_help(key)));
    }
    if waiver.is_self_approved() {
        let message = format!("{} both requested and approved it", one_line(&waiver.approved_by, 60));
        return Some(("approved-by", message, "another person must approve it"));
    }
    if waiver.expires < waiver.created {
        let message = format!("it expires on {}, before it was created on {}", waiver.expires, waiver.created);
        return Some(("expires", message, "`expires` is the last day it counts"));
    }
    None
}

/// A digest as `sha256sum` prints it; `sha256:` may stand before it. What holds a wildcard is refused as that.
fn digest(text: &str) -> Result<String, ValueError> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text).to_lowercase();
    if digits.contains(['*', '?']) || muster_base::text::is_sha256(&digits) {
        return Ok(digits);
    }
    Err(ValueError::Invalid("it is not a SHA-256: 64 hexadecimal digits, as `sha256sum FILE` prints them".to_owned()))
}

/// Where something is followed up can be found again: an address, or a number in a tracker.
fn tracker(text: &str) -> Result<String, ValueError> {
    let found = text.contains("://") || text.bytes().any(|byte| byte.is_ascii_digit());
    match found && !text.contains('\n') {
        true => Ok(text.to_owned()),
        false => {
            let message = format!("`{}` is neither an address nor the number of an issue", one_line(text, 80));
            Err(ValueError::Invalid(format!("{message}: `https://bugs.example/1`, `RHBZ 123`")))
        }
    }
}

fn test(text: &str) -> Result<String, ValueError> {
    let invalid = |error: String| ValueError::Invalid(error);
    NameGlob::parse(text).map_err(|error| invalid(error.to_string()))?;
    match text.contains('/') {
        true => Ok(text.to_owned()),
        false => Err(invalid(format!("`{}` names a suite; a waiver is about one test", one_line(text, 80)))),
    }
}

fn cell(cx: &mut Context<'_>, node: &Node) -> Option<BTreeMap<String, String>> {
    let NodeKind::Mapping(entries) = &node.kind else {
        let problem = cx.wrong_shape(node, "`cell`", "a mapping from dimensions to values");
        cx.report(problem);
        return None;
    };
    let mut out = BTreeMap::new();
    for (key, value) in entries {
        let name = cx.key(key, "a dimension of `cell`")?;
        out.insert(name.text.clone(), cx.line(value, &name.text)?.text);
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::VOCABULARY;

    fn good() -> String {
        format!(
            "schema: waivers/v1
waivers:
  - image: {}
    test: kernel/features[cpu=x86-64-v3]
    cell: {{image: lab, accelerator: kvm}}
    failure: package.version
    signature: 'package nginx: version is not as expected'
    reason: the fix ships next week
    tracker: https://bugs.example/1
    requested-by: alice
    approved-by: bob
    created: 2026-11-01
    expires: 2026-12-31
",
            "ab".repeat(32)
        )
    }

    fn decoded(text: &str) -> (Vec<WaiverEntry>, Diagnostics) {
        let mut sink = Diagnostics::new();
        let entries = decode_source("w.yaml", text, &VOCABULARY, &mut sink);
        sink.settle();
        (entries, sink)
    }

    #[test]
    fn a_waiver_has_what_was_written_and_comes_back_from_json() {
        let (entries, problems) = decoded(&good());
        assert_eq!(problems.render(false), "");
        let waiver = &entries[0].waiver;
        assert_eq!((waiver.days(), waiver.cell["image"].as_str(), waiver.missing), (60, "lab", false));
        let json = serde_json::to_string(waiver).unwrap();
        assert!(json.contains(r#""requested-by":"alice""#) && json.contains(r#""created":"2026-11-01""#), "{json}");
        assert_eq!(serde_json::from_str::<Waiver>(&json).unwrap(), *waiver);
        let missing = good()
            .replace("    failure: package.version\n    signature: 'package nginx: version is not as expected'\n", "")
            .replace("    cell: {image: lab, accelerator: kvm}\n", "    missing: true\n");
        let (entries, problems) = decoded(&missing);
        assert_eq!(problems.render(false), "");
        assert!(entries[0].waiver.missing && entries[0].waiver.cell.is_empty());
    }

    #[test]
    fn each_refusal_has_its_own_message_at_its_own_place() {
        let good = good();
        for (text, code, line, says) in [
            (
                good.replace("test: kernel/features[cpu=x86-64-v3]", "test: kernel/*"),
                "refused-waiver",
                4,
                "`test` has a wildcard",
            ),
            (good.replace(&"ab".repeat(32), "'*'"), "refused-waiver", 3, "write an entry for each image"),
            (good.replace("image: lab,", "image: '*',"), "refused-waiver", 5, "`cell` has a wildcard"),
            (
                good.replace("failure: package.version", "failure: package.*"),
                "refused-waiver",
                6,
                "`failure` has a wildcard",
            ),
            (
                good.replace("approved-by: bob", "approved-by: '@Alice'"),
                "refused-waiver",
                11,
                "both requested and approved it",
            ),
            (good.replace("expires: 2026-12-31", "expires: 2026-10-31"), "refused-waiver", 13, "before it was created"),
            (good.replace(&"ab".repeat(32), "abcd"), "bad-value", 3, "it is not a SHA-256"),
            (good.replace("test: kernel/features[cpu=x86-64-v3]", "test: kernel"), "bad-value", 4, "names a suite"),
            (good.replace("    failure: package.version\n", ""), "missing-key", 3, "needs the key `failure`"),
            (good.replace("    tracker: https://bugs.example/1\n", ""), "missing-key", 3, "needs the key `tracker`"),
            (
                good.replace("https://bugs.example/1", "later"),
                "bad-value",
                9,
                "`later` is neither an address nor the number of an issue",
            ),
            (good.replace("tracker:", "trackr:"), "unknown-key", 9, "did you mean `tracker`?"),
            (
                good.replace("expires: 2026-12-31", "expires: 2026-12-31\n    missing: true"),
                "no-effect",
                7,
                "no failure",
            ),
            (
                good.clone() + good.split_once("waivers:\n").unwrap().1,
                "duplicate-id",
                14,
                "a waiver of the same failure",
            ),
        ] {
            let (entries, problems) = decoded(&text);
            let rendered = problems.render(false);
            let found = |problem: &crate::diagnostic::Diagnostic| (problem.code, problem.span.map(|span| span.line));
            assert!(problems.iter().any(|problem| found(problem) == (code, Some(line))), "{code} {line}: {rendered}");
            assert!(rendered.contains(says), "{says}: {rendered}");
            // What is certain of a misspelt key is read; with an error no entry counts.
            let read = matches!(code, "duplicate-id" | "no-effect" | "unknown-key");
            assert_eq!(entries.len(), usize::from(read), "{text}");
        }
    }
}
