//! insta's file format, version 1.49: a YAML header between two `---` lines, then the text.
//!
//! Written here rather than through insta's assertions; `docs/decisions/0006-snapshots.md` says why.
//! The tests have insta itself read every file back and write it again, byte for byte.

use std::fmt::Write as _;

/// The header of a snapshot file. Only for people: it is never compared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Header {
    /// The suite file the snapshot belongs to. cargo-insta shows it, and knows a file for insta's
    /// by this key being first.
    pub source: String,
    /// The line in `source`; only pending files have it.
    pub line: Option<u32>,
    /// One sentence: what it is a snapshot of.
    pub description: Option<String>,
    /// Names and values shown in a review: image, distribution, kernel.
    pub info: Vec<(String, String)>,
}

/// The whole file: header and text, as insta writes it.
pub(crate) fn write(header: &Header, body: &str) -> String {
    let mut out = String::from("---\n");
    let mut field = |key: &str, value: &str| _ = writeln!(out, "{key}: {value}");
    field("source", &scalar(&header.source));
    if let Some(line) = header.line {
        field("assertion_line", &line.to_string());
    }
    if let Some(description) = &header.description {
        field("description", &scalar(description));
    }
    if !header.info.is_empty() {
        out.push_str("info:\n");
        for (key, value) in &header.info {
            _ = writeln!(out, "  {}: {}", scalar(key), scalar(value));
        }
    }
    out.push_str("---\n");
    out.push_str(&normal(body));
    out.push('\n');
    out
}

/// The text as insta compares it: no white space at its end, no carriage return before a newline.
pub(crate) fn normal(body: &str) -> String {
    body.trim_end().replace("\r\n", "\n")
}

/// Why a file is not a snapshot that can be compared with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// The first line is not `---`, or no second one follows.
    #[error("it has no header between two `---` lines; delete it and accept the snapshot again")]
    NoHeader,
    /// It has been merged and not resolved.
    #[error("it holds merge-conflict markers; resolve them, or delete it and accept the snapshot again")]
    Conflict,
    /// Snapshots are text.
    #[error("it is not UTF-8; delete it and accept the snapshot again")]
    NotText,
}

/// A file taken apart: the lines of its header as they stand, and its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Parts<'a> {
    /// The lines between the two `---`, each with its newline.
    pub header: &'a str,
    /// Everything after.
    pub body: &'a str,
}

impl Parts<'_> {
    /// The description, as written (quotes and escapes undone), or empty.
    pub(crate) fn description(&self) -> String {
        let value = self.header.lines().find_map(|line| line.strip_prefix("description:")).unwrap_or("").trim();
        // What this module quotes is also JSON.
        serde_json::from_str(value).unwrap_or_else(|_| value.to_owned())
    }
}

/// Takes a file apart. The header is not interpreted: nothing in it decides anything, and a suite's
/// author, who may be a stranger, has written it.
pub(crate) fn read(bytes: &[u8]) -> Result<Parts<'_>, FormatError> {
    let text = std::str::from_utf8(bytes).map_err(|_| FormatError::NotText)?;
    let conflict = |text: &str| text.lines().any(|l| ["<<<<<<< ", ">>>>>>> "].iter().any(|m| l.starts_with(m)));
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().unwrap_or("");
    if first.trim_end() != "---" {
        return Err(if conflict(text) { FormatError::Conflict } else { FormatError::NoHeader });
    }
    let start = first.len();
    let mut at = start;
    for line in lines {
        if line.trim_end() == "---" {
            let parts = Parts { header: &text[start..at], body: &text[at + line.len()..] };
            if conflict(text) {
                return Err(FormatError::Conflict);
            }
            return Ok(parts);
        }
        at += line.len();
    }
    Err(if conflict(text) { FormatError::Conflict } else { FormatError::NoHeader })
}

/// A pending file as the accepted one it becomes: without `assertion_line`, as `cargo insta accept`
/// does it.
pub(crate) fn accepted(parts: &Parts<'_>) -> String {
    let header: String =
        parts.header.split_inclusive('\n').filter(|line| !line.starts_with("assertion_line:")).collect();
    format!("---\n{header}---\n{}\n", normal(parts.body))
}

/// A YAML scalar, quoted exactly when insta quotes it.
fn scalar(text: &str) -> String {
    if !needs_quotes(text) {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            c if (c as u32) < 0x20 || c == '\u{7f}' => _ = write!(out, "\\u{:04x}", c as u32),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Words that YAML takes for something else than text.
const RESERVED: &[&str] = &[
    "yes", "Yes", "YES", "no", "No", "NO", "true", "True", "TRUE", "false", "False", "FALSE", "on", "On", "ON", "off",
    "Off", "OFF", "null", "Null", "NULL", "~",
];

fn needs_quotes(text: &str) -> bool {
    let special = |c: char| {
        ":{}[],#`\"'\\".contains(c)
            || matches!(c, '\0'..='\x06' | '\t' | '\n' | '\r' | '\x0e'..='\x1a' | '\x1c'..='\x1f')
    };
    text.is_empty()
        || text.starts_with([' ', '&', '*', '?', '|', '-', '<', '>', '=', '!', '%', '@', '.'])
        || text.ends_with(' ')
        || text.starts_with("0x")
        || text.contains(special)
        || RESERVED.contains(&text)
        || text.parse::<i64>().is_ok()
        || text.parse::<f64>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(description: &str, info: &[(&str, &str)]) -> Header {
        Header {
            source: "suites/base.yaml".into(),
            line: Some(14),
            description: (!description.is_empty()).then(|| description.to_owned()),
            info: info.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        }
    }

    #[test]
    fn insta_reads_it_and_writes_the_same_bytes() {
        let words = [
            "packages of lab",
            "12",
            "0x1f",
            "1e3",
            "yes",
            "~",
            ".5",
            "-a",
            "a: b",
            "it's",
            "say \"hi\"",
            "back\\slash",
            " lead",
            "trail ",
            "tab\there",
            "line\nbreak",
            "fedora-43",
            "ünïcode",
            "a,b",
            "{x}",
            "@at",
            "nan",
            "inf",
            "\u{1}control",
            "",
            "2026-03-01",
            "null",
            "a#b",
            "=x",
            "x=y",
            "carriage\rreturn",
            "delete\u{7f}",
        ];
        let bodies =
            ["", "one", "one\ntwo\n\n", "trailing   \n  ", "---\nnot a header\n---", "a\r\nb\r\n", " indented\n\tx"];
        let dir = tempfile::tempdir().unwrap();
        let (ours, theirs) = (dir.path().join("a__b__c@lab.snap"), dir.path().join("again.snap"));
        for (index, word) in words.iter().enumerate() {
            let body = bodies[index % bodies.len()];
            let header = Header { line: None, ..header(word, &[("image", word), ("k", "v")]) };
            let text = write(&header, body);
            std::fs::write(&ours, &text).unwrap();
            let snapshot = insta::Snapshot::from_file(&ours).unwrap();
            assert_eq!(snapshot.metadata().source(), Some("suites/base.yaml"));
            assert_eq!(snapshot.metadata().description(), header.description.as_deref(), "{text}");
            assert_eq!(snapshot.as_text().unwrap().to_string(), normal(body));
            snapshot.save(&theirs).unwrap();
            assert_eq!(std::fs::read_to_string(&theirs).unwrap(), text);
            let parts = read(text.as_bytes()).unwrap();
            assert_eq!(normal(parts.body), normal(body));
            assert_eq!(parts.description(), *word);
        }
    }

    #[test]
    fn a_pending_file_becomes_the_accepted_one_insta_would_write() {
        let pending = write(&header("d", &[("image", "lab")]), "text\n");
        assert!(pending.contains("\nassertion_line: 14\n"));
        let dir = tempfile::tempdir().unwrap();
        let (ours, theirs) = (dir.path().join("x.snap"), dir.path().join("y.snap"));
        std::fs::write(&ours, &pending).unwrap();
        insta::Snapshot::from_file(&ours).unwrap().save(&theirs).unwrap();
        assert_eq!(accepted(&read(pending.as_bytes()).unwrap()), std::fs::read_to_string(&theirs).unwrap());
    }

    #[test]
    fn what_is_no_snapshot_is_distinguished() {
        assert_eq!(read(b""), Err(FormatError::NoHeader));
        assert_eq!(read(b"text"), Err(FormatError::NoHeader));
        assert_eq!(read(b"---\nsource: x\n"), Err(FormatError::NoHeader));
        assert_eq!(read(b"---\nsource: x\n---\n\xff"), Err(FormatError::NotText));
        assert_eq!(read(b"<<<<<<< HEAD\n---\n"), Err(FormatError::Conflict));
        assert_eq!(read(b"---\nsource: x\n---\n<<<<<<< HEAD\na\n=======\nb\n>>>>>>> x\n"), Err(FormatError::Conflict));
    }
}
