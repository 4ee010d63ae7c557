//! Diagnostics as SARIF 2.1.0 (OASIS), which code hosts and editors show next to the lines they are
//! about. Every code is a rule; all are errors, since a suite with one of them is not run at all.

use serde_json::{Value, json};

use super::codes;
use super::list::Diagnostics;
use super::one::{Diagnostic, Span};
use muster_base::text;

/// The version of the format.
pub const VERSION: &str = "2.1.0";
/// The longest message, in characters.
const LONGEST: usize = 4000;

/// One log with one run: all diagnostics of all of these. `version` is muster's own.
pub fn log(all: &[&Diagnostics], version: &str) -> Value {
    let results: Vec<Value> =
        all.iter().flat_map(|some| some.iter().map(|one| result(one, some.sources().get(&one.file)))).collect();
    let omitted: usize = all.iter().map(|some| some.len() - some.iter().count()).sum();
    let mut invocation = json!({"executionSuccessful": true});
    if omitted > 0 {
        let text = format!("{omitted} more errors are not in this log: of each file only the first hundred are listed");
        invocation["toolExecutionNotifications"] = json!([{"level": "warning", "message": message(&text)}]);
    }
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": VERSION,
        "runs": [{
            "tool": {"driver": {"name": "muster", "version": version, "rules": rules()}},
            // Columns of diagnostics count characters, not UTF-16 units.
            "columnKind": "unicodeCodePoints",
            "invocations": [invocation],
            "results": results,
        }],
    })
}

/// All codes, also those that nothing was found of: their order is that of `ruleIndex`.
fn rules() -> Vec<Value> {
    let rule = |(code, meaning): &(&str, &str)| {
        json!({
            "id": code,
            "shortDescription": message(meaning.trim_end_matches('.')),
            "fullDescription": message(meaning),
            "help": message(meaning),
            "defaultConfiguration": {"level": "error"},
        })
    };
    codes::TABLE.iter().map(rule).collect()
}

fn result(diagnostic: &Diagnostic, source: Option<&str>) -> Value {
    let mut sentences = vec![diagnostic.message.clone()];
    sentences.extend(Some(diagnostic.label.clone()).filter(|label| !label.is_empty()));
    sentences.extend(diagnostic.notes.iter().cloned());
    sentences.extend(diagnostic.help.iter().map(|help| format!("help: {help}")));
    let artifact = json!({"uri": uri(&diagnostic.file)});
    let mut place = json!({"artifactLocation": artifact.clone()});
    if let Some(span) = diagnostic.span {
        place["region"] = region(span, source);
    }
    let mut out = json!({
        "ruleId": diagnostic.code,
        "level": "error",
        "message": message(&sentences.join("\n")),
        "locations": [{"physicalLocation": place}],
    });
    if let Some(index) = codes::TABLE.iter().position(|(code, _)| *code == diagnostic.code) {
        out["ruleIndex"] = json!(index);
    }
    if let (Some(span), Some(source)) = (diagnostic.span, source)
        && let Some(name) = replacement(diagnostic, span, source)
    {
        out["fixes"] = json!([{
            "description": message(&format!("write `{name}`")),
            "artifactChanges": [{
                "artifactLocation": artifact,
                "replacements": [{"deletedRegion": region(span, Some(source)), "insertedContent": {"text": name}}],
            }],
        }]);
    }
    out
}

/// The name that takes the place of a misspelt one: only where the suggestion is for just what the
/// span holds, a key or a check type on its own, and no variable has a part in it.
fn replacement<'d>(diagnostic: &'d Diagnostic, span: Span, source: &str) -> Option<&'d str> {
    if !matches!(diagnostic.code, codes::UNKNOWN_KEY | codes::UNKNOWN_CHECK) {
        return None;
    }
    let name = diagnostic.label.strip_prefix("did you mean `")?.strip_suffix("`?")?;
    let written = source.get(span.start as usize..span.end as usize)?;
    let plain = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || "-_'\"".contains(c));
    (plain(written) && plain(name)).then_some(name)
}

/// Lines and columns from 1; the end is the column after the last character. Without the text only
/// the beginning is known.
fn region(span: Span, source: Option<&str>) -> Value {
    let mut region = json!({"startLine": span.line, "startColumn": span.column});
    let piece = source.and_then(|source| source.get(span.start as usize..span.end as usize));
    if let Some(piece) = piece {
        let lines = piece.matches('\n').count();
        let last = piece.rsplit('\n').next().unwrap_or_default().chars().count();
        let before = if lines == 0 { span.column as usize } else { 1 };
        region["endLine"] = json!(span.line as usize + lines);
        region["endColumn"] = json!(before + last);
        region["byteOffset"] = json!(span.start);
        region["byteLength"] = json!(piece.len());
    }
    region
}

/// A message of SARIF, whatever the text holds: braces are doubled, since `{0}` is a placeholder, and
/// what would be a link is none.
fn message(text: &str) -> Value {
    let shown: String = text::escape(text).chars().take(LONGEST).collect();
    let shown = shown.replace('{', "{{").replace('}', "}}").replace("](", "]\\(");
    json!({"text": shown})
}

/// A file's name as a URI reference: what it does not allow is escaped, so that no name is taken for a
/// scheme, a query or a part of another path.
fn uri(file: &str) -> String {
    let mut out = if file.starts_with('/') { "file://".to_owned() } else { String::new() };
    for byte in file.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => out.push(byte as char),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::super::{decode_source, testing::VOCABULARY};
    use super::*;

    /// What the standard demands of the parts that are used here, by its own schema's names.
    const ESSENTIAL_SHAPE: &str = r##"{
        "type": "object", "required": ["version", "runs"],
        "properties": {
            "version": {"const": "2.1.0"},
            "runs": {"type": "array", "minItems": 1, "items": {
                "type": "object", "required": ["tool", "results"], "additionalProperties": false,
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "tool": {"type": "object", "required": ["driver"], "properties": {"driver": {
                        "type": "object", "required": ["name"],
                        "properties": {"rules": {"type": "array", "uniqueItems": true, "items": {"$ref": "#/$defs/rule"}}}}}},
                    "invocations": {"type": "array", "items": {"type": "object", "required": ["executionSuccessful"]}},
                    "results": {"type": "array", "items": {"$ref": "#/$defs/result"}}}}}},
        "$defs": {
            "text": {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}},
            "level": {"enum": ["none", "note", "warning", "error"]},
            "number": {"type": "integer", "minimum": 1},
            "offset": {"type": "integer", "minimum": 0},
            "region": {
                "type": "object", "required": ["startLine"], "additionalProperties": false,
                "properties": {
                    "startLine": {"$ref": "#/$defs/number"}, "startColumn": {"$ref": "#/$defs/number"},
                    "endLine": {"$ref": "#/$defs/number"}, "endColumn": {"$ref": "#/$defs/number"},
                    "byteOffset": {"$ref": "#/$defs/offset"}, "byteLength": {"$ref": "#/$defs/offset"}}},
            "artifact": {
                "type": "object", "required": ["uri"],
                "properties": {"uri": {"type": "string", "pattern": "^(file:///)?[A-Za-z0-9._~/%-]+$"}}},
            "rule": {
                "type": "object", "required": ["id", "fullDescription"], "additionalProperties": false,
                "properties": {
                    "id": {"type": "string"}, "shortDescription": {"$ref": "#/$defs/text"},
                    "fullDescription": {"$ref": "#/$defs/text"}, "help": {"$ref": "#/$defs/text"},
                    "defaultConfiguration": {"type": "object", "properties": {"level": {"$ref": "#/$defs/level"}}}}},
            "result": {
                "type": "object", "required": ["message", "ruleId", "ruleIndex", "level", "locations"],
                "additionalProperties": false,
                "properties": {
                    "ruleId": {"type": "string"}, "ruleIndex": {"$ref": "#/$defs/offset"},
                    "level": {"$ref": "#/$defs/level"}, "message": {"$ref": "#/$defs/text"},
                    "locations": {"type": "array", "minItems": 1, "items": {
                        "type": "object", "required": ["physicalLocation"],
                        "properties": {"physicalLocation": {
                            "type": "object", "required": ["artifactLocation"],
                            "properties": {"artifactLocation": {"$ref": "#/$defs/artifact"}, "region": {"$ref": "#/$defs/region"}}}}}},
                    "fixes": {"type": "array", "items": {"$ref": "#/$defs/fix"}}}},
            "fix": {
                "type": "object", "required": ["artifactChanges"],
                "properties": {"description": {"$ref": "#/$defs/text"}, "artifactChanges": {"type": "array", "minItems": 1, "items": {
                    "type": "object", "required": ["artifactLocation", "replacements"],
                    "properties": {"artifactLocation": {"$ref": "#/$defs/artifact"}, "replacements": {"type": "array", "minItems": 1, "items": {
                        "type": "object", "required": ["deletedRegion"],
                        "properties": {"deletedRegion": {"$ref": "#/$defs/region"}, "insertedContent": {"$ref": "#/$defs/text"}}}}}}}}}}
    }"##;

    fn checked(name: &str, text: &str) -> Value {
        let (_, problems) = decode_source(name, text, &VOCABULARY);
        let log = log(&[&problems], "1.2.3");
        let validator = jsonschema::validator_for(&serde_json::from_str(ESSENTIAL_SHAPE).unwrap()).unwrap();
        let wrong: Vec<String> = validator.iter_errors(&log).map(|e| format!("{e} at {}", e.instance_path())).collect();
        assert_eq!(wrong, Vec::<String>::new(), "{log:#}");
        for result in log["runs"][0]["results"].as_array().unwrap() {
            let index = result["ruleIndex"].as_u64().unwrap() as usize;
            assert_eq!(log["runs"][0]["tool"]["driver"]["rules"][index]["id"], result["ruleId"]);
        }
        log
    }

    const BAD: &str = "schema: suite/v1\nsuite: s\ntests:\n  - id: t\n    timeout: 30\n    expect:\n      # é\n      packge: {nginx: {version: '1'}}\n      file: {/ngïnx: {exsits: true}}\n";

    #[test]
    fn every_bad_file_of_the_testdata_becomes_a_valid_log() {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/src/testdata/bad");
        let mut count = 0;
        for entry in std::fs::read_dir(dir).unwrap().flatten() {
            if let Some(text) = std::fs::read(entry.path()).ok().and_then(|bytes| String::from_utf8(bytes).ok())
                && entry.path().extension().is_some_and(|ending| ending == "yaml")
            {
                checked(&entry.file_name().to_string_lossy(), &text);
                count += 1;
            }
        }
        assert!(count > 50, "only {count} files");
    }

    #[test]
    fn regions_count_characters_and_a_misspelt_name_has_a_fix_that_works() {
        let log = checked("s.yaml", BAD);
        let results = log["runs"][0]["results"].as_array().unwrap();
        let said: Vec<(&str, String)> = results
            .iter()
            .map(|r| (r["ruleId"].as_str().unwrap(), r["locations"][0]["physicalLocation"]["region"].clone()))
            .map(|(id, r)| (id, format!("{}:{}-{}:{}", r["startLine"], r["startColumn"], r["endLine"], r["endColumn"])))
            .collect();
        let expected = [("bare-number", "5:14-5:16"), ("unknown-check", "8:7-8:13"), ("unknown-key", "9:23-9:29")];
        assert_eq!(said, expected.map(|(id, place)| (id, place.to_owned())));
        assert!(results[0]["fixes"].is_null(), "what is not a name is not replaced");
        let replacement = &results[2]["fixes"][0]["artifactChanges"][0]["replacements"][0];
        let from = replacement["deletedRegion"]["byteOffset"].as_u64().unwrap() as usize;
        let length = replacement["deletedRegion"]["byteLength"].as_u64().unwrap() as usize;
        let mut fixed = BAD.to_owned();
        fixed.replace_range(from..from + length, replacement["insertedContent"]["text"].as_str().unwrap());
        let again = checked("s.yaml", &fixed);
        assert_eq!(again["runs"][0]["results"].as_array().unwrap().len(), 2, "{again:#}");
    }

    #[test]
    fn no_name_or_message_is_taken_for_something_else() {
        assert_eq!(uri("suites/a b%.yaml"), "suites/a%20b%25.yaml");
        assert_eq!(uri("http://x?y#z"), "http%3A//x%3Fy%23z");
        assert_eq!(uri("/tmp/é.yaml"), "file:///tmp/%C3%A9.yaml");
        assert_eq!(message("`{has: [a](b)}`\u{1b}")["text"], "`{{has: [a]\\(b)}}`\\x1b");
    }

    #[test]
    fn a_whole_file_has_no_region_and_what_was_left_out_is_said() {
        let file: std::sync::Arc<str> = "x.yaml".into();
        let mut all = Diagnostics::new();
        all.push(Diagnostic::about_file(codes::TOO_LARGE, &file, "m"));
        for n in 0..150 {
            all.push(Diagnostic::new(codes::SYNTAX, &file, Span { start: n, end: n, line: n + 1, column: 1 }, "m"));
        }
        let log = log(&[&all], "1");
        let run = &log["runs"][0];
        assert_eq!(run["results"].as_array().map(Vec::len), Some(100));
        assert!(run["results"][0]["locations"][0]["physicalLocation"]["region"].is_null());
        assert_eq!(
            run["results"][1]["locations"][0]["physicalLocation"]["region"],
            json!({"startLine": 1, "startColumn": 1})
        );
        let reported = run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"].as_str();
        assert!(reported.is_some_and(|text| text.starts_with("51 more errors")), "{reported:?}");
    }
}
