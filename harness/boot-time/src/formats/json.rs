//! `boot-time.json`: all that was measured, with every sample, for muster itself and for programs. Its schema is
//! `reports/schema/boot-time-v1.json`.

use std::borrow::Cow;

use muster_base::exit::Exit;
use muster_base::fault::Fault;
use muster_base::text::one_line;
use serde_json::Value;

use crate::formats::fault::FormatError;
use crate::formats::names::{LONGEST, bounded, visible_json};
use crate::sample::{Measured, SCHEMA, Sample};

/// The schema of what [`render`] writes.
pub const BOOT_TIME_SCHEMA: &str = include_str!("../../../../reports/schema/boot-time-v1.json");

/// Bytes that are read at most.
pub const MAX_BYTES: usize = 64 << 20;
/// Samples of one measurement at most, and units, marks and links of one sample.
pub const MAX_ENTRIES: usize = 10_000;
/// A year: no boot takes longer, and every sum of such times is exact in any JSON reader.
pub const MAX_MICROS: u64 = 366 * 86_400 * 1_000_000;
/// What a double holds exactly, as JSON readers use it.
pub const MAX_INSTRUCTIONS: u64 = 1 << 53;
/// Characters of an error's quotation.
const SHOWN: usize = 120;

/// Why a text is not measured boots.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// More than [`MAX_BYTES`].
    #[error("it has {bytes} bytes; at most {MAX_BYTES} are read")]
    TooLarge {
        /// How many.
        bytes: usize,
    },
    /// Nothing but white space.
    #[error("it is empty")]
    Empty,
    /// It ends within a value.
    #[error("it ends in line {line} before its last value does")]
    Cut {
        /// From 1.
        line: usize,
    },
    /// Not JSON.
    #[error("line {line}, column {column}: it is not JSON: {why}")]
    NotJson {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// As the reader of JSON says it.
        why: String,
    },
    /// A number that JSON does not have: `NaN`, `Infinity`, `1e999`.
    #[error("line {line}, column {column}: `{text}` is not a number that JSON has")]
    NotANumber {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What stands there.
        text: String,
    },
    /// JSON of another program, or of another file of muster.
    #[error("it is {found}, not {SCHEMA}")]
    Foreign {
        /// What it seems to be, escaped and bounded.
        found: String,
    },
    /// `boot-time/v2` or later.
    #[error("it is {schema}, which a later muster wrote; this one reads {SCHEMA}")]
    Newer {
        /// Its schema, escaped and bounded.
        schema: String,
    },
    /// A field is missing or has another type.
    #[error("line {line}, column {column}: {why}")]
    Shape {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// What is wrong, escaped and bounded.
        why: String,
    },
    /// A value that no measurement has.
    #[error("{at}: {why}")]
    Value {
        /// Where: `samples[3].phases`.
        at: String,
        /// What is wrong there, escaped and bounded.
        why: String,
    },
}

impl Fault for ReadError {
    fn exit(&self) -> Exit {
        // Whoever typed it named something else.
        Exit::Invalid
    }

    fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::TooLarge { .. } => "give the boot-time.json of one measurement",
            Self::Empty | Self::Cut { .. } => {
                "the program that wrote it was stopped or the disk was full: measure again, or restore the file"
            }
            Self::NotJson { .. } => "give a boot-time.json as muster wrote it",
            Self::NotANumber { .. } => "another program changed the file: give it as muster wrote it",
            Self::Foreign { .. } => "give a boot-time.json that muster wrote",
            Self::Newer { .. } => {
                "read it with the muster that wrote it (its `muster` field has the version), or measure again with this one"
            }
            Self::Shape { .. } | Self::Value { .. } => {
                "the file was changed: restore it, or measure again; reports/schema/boot-time-v1.json says what it holds"
            }
        };
        Some(hint.into())
    }
}

/// The boots as indented JSON with a newline at its end. Names have at most [`LONGEST`] characters.
pub fn render(measured: &Measured) -> Result<String, FormatError> {
    let measured = bounded(measured);
    check(&measured).map_err(|(at, why)| FormatError::Value { at, why })?;
    let json = serde_json::to_string_pretty(&measured)
        .map_err(|error| FormatError::Value { at: "boot-time.json".into(), why: error.to_string() })?;
    Ok(visible_json(&json) + "\n")
}

/// Reads what [`render`] wrote. Fields that this version does not know are passed over.
pub fn read(text: &str) -> Result<Measured, ReadError> {
    if text.len() > MAX_BYTES {
        return Err(ReadError::TooLarge { bytes: text.len() });
    }
    if text.trim().is_empty() {
        return Err(ReadError::Empty);
    }
    let value: Value = serde_json::from_str(text).map_err(|error| broken(text, &error))?;
    known_schema(&value)?;
    let measured: Measured = serde_json::from_str(text).map_err(|error| ReadError::Shape {
        line: error.line(),
        column: error.column(),
        why: without_place(&error),
    })?;
    check(&measured).map_err(|(at, why)| ReadError::Value { at, why })?;
    Ok(measured)
}

/// Why it is no JSON at all.
fn broken(text: &str, error: &serde_json::Error) -> ReadError {
    let (line, column) = (error.line(), error.column());
    if error.is_eof() {
        return ReadError::Cut { line };
    }
    let found = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    // The column is in bytes and may stand anywhere in a word that is not JSON.
    let wordy = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let word = found.split(|c: char| !wordy(c)).scan(0, |at, word| {
        let begin = *at;
        *at += word.len() + 1;
        Some((begin, word))
    });
    // Other separators than ASCII are longer than a byte: then the place is not found, and the error is the general one.
    let word = word.take_while(|(begin, _)| *begin < column).last().map_or("", |(_, word)| word);
    let name = word.trim_start_matches(['-', '+']);
    let names_none = ["nan", "inf", "infinity"].iter().any(|none| name.eq_ignore_ascii_case(none));
    if names_none || error.to_string().starts_with("number out of range") {
        return ReadError::NotANumber { line, column, text: one_line(word, SHOWN) };
    }
    ReadError::NotJson { line, column, why: without_place(error) }
}

/// The sentence of an error without ` at line 1 column 2`, which stands in front already.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let sentence = text.rsplit_once(" at line ").map_or(text.as_str(), |(sentence, _)| sentence);
    let plain =
        sentence.replace("expected u64", "expected a whole number").replace("expected u32", "expected a whole number");
    one_line(&plain, SHOWN)
}

fn known_schema(value: &Value) -> Result<(), ReadError> {
    let foreign = |found: String| Err(ReadError::Foreign { found });
    let Value::Object(fields) = value else { return foreign("JSON, but no object".into()) };
    let schema = match fields.get("schema") {
        Some(Value::String(schema)) => schema.as_str(),
        Some(_) => return foreign("an object whose `schema` is no text".into()),
        None if fields.contains_key("schemaVersion") => {
            return foreign("a performance result of Azure Container Linux".into());
        }
        None => return foreign("an object without `schema`".into()),
    };
    if schema == SCHEMA {
        return Ok(());
    }
    let version = |text: &str| text.strip_prefix("boot-time/v").and_then(|version| version.parse::<u32>().ok());
    match (version(schema), version(SCHEMA)) {
        (Some(theirs), Some(ours)) if theirs > ours => Err(ReadError::Newer { schema: one_line(schema, SHOWN) }),
        _ => foreign(format!("`{}`", one_line(schema, SHOWN))),
    }
}

/// Whether every value is one that a measurement can have: where not, and why.
pub(super) fn check(measured: &Measured) -> Result<(), (String, String)> {
    let wrong = |at: &str, why: String| Err((at.to_owned(), why));
    if measured.schema != SCHEMA {
        return wrong("schema", format!("`{}` is not {SCHEMA}", one_line(&measured.schema, SHOWN)));
    }
    if measured.at.parse::<jiff::Timestamp>().is_err() {
        return wrong("at", format!("`{}` is not a time of RFC 3339", one_line(&measured.at, SHOWN)));
    }
    let digest = &measured.image_sha256;
    // Empty where nobody knows what the machine was made from.
    let is_whole = digest.is_empty() || digest.len() == 64;
    if !is_whole || !digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return wrong("image-sha256", format!("`{}` is not 64 hexadecimal digits", one_line(digest, SHOWN)));
    }
    let series = &measured.series;
    for text in [&measured.muster, &series.image, &series.accelerator, &series.machine, &series.qemu, &series.host] {
        short("series", text)?;
    }
    if measured.samples.len() > MAX_ENTRIES {
        return wrong("samples", format!("there are more than {MAX_ENTRIES}"));
    }
    let mut last = 0;
    for (index, sample) in measured.samples.iter().enumerate() {
        let at = format!("samples[{index}]");
        if sample.number <= last {
            return wrong(&at, format!("its number is {}, after {last}", sample.number));
        }
        last = sample.number;
        check_sample(&at, sample)?;
    }
    Ok(())
}

fn check_sample(at: &str, sample: &Sample) -> Result<(), (String, String)> {
    let entries = [sample.phases.len(), sample.marks.len(), sample.units.len(), sample.chain.len(), sample.hung.len()];
    if entries.iter().any(|count| *count > MAX_ENTRIES) {
        return Err((at.to_owned(), format!("it has more than {MAX_ENTRIES} units, marks or links")));
    }
    let phases = format!("{at}.phases");
    if sample.phases.windows(2).any(|pair| pair[0].name >= pair[1].name) {
        return Err((phases, "they are not in the order of a boot, each once".to_owned()));
    }
    for phase in &sample.phases {
        time(&phases, phase.start.saturating_add(phase.cost.micros), phase.cost.instructions)?;
    }
    for mark in &sample.marks {
        let at = format!("{at}.marks");
        short(&at, &mark.name)?;
        time(&at, mark.at, mark.instructions)?;
    }
    for unit in &sample.units {
        let at = format!("{at}.units");
        short(&at, &unit.name)?;
        time(&at, unit.start.saturating_add(unit.cost.micros), unit.cost.instructions)?;
    }
    for link in &sample.chain {
        let at = format!("{at}.chain");
        short(&at, &link.unit)?;
        time(&at, link.active.max(link.own.micros), link.own.instructions)?;
    }
    if let Some(total) = sample.total {
        time(&format!("{at}.total"), total.micros, total.instructions)?;
    }
    for (name, micros) in [("guest-zero", sample.guest_zero), ("guest-zero-within", sample.guest_zero_within)] {
        time(&format!("{at}.{name}"), micros.unwrap_or_default(), None)?;
    }
    let texts = sample.hung.iter().chain(&sample.inconclusive).chain([&sample.boot_id]);
    texts.into_iter().try_for_each(|text| short(at, text))
}

fn time(at: &str, micros: u64, instructions: Option<u64>) -> Result<(), (String, String)> {
    if micros > MAX_MICROS {
        return Err((at.to_owned(), format!("{micros} microseconds are more than a year")));
    }
    match instructions {
        Some(count) if count > MAX_INSTRUCTIONS => {
            Err((at.to_owned(), format!("{count} instructions are more than 2^53")))
        }
        _ => Ok(()),
    }
}

fn short(at: &str, text: &str) -> Result<(), (String, String)> {
    match text.chars().nth(LONGEST) {
        Some(_) => Err((at.to_owned(), format!("a name has more than {LONGEST} characters: `{}`", one_line(text, 40)))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn errors(instance: &Value) -> Vec<String> {
        let schema: Value = serde_json::from_str(BOOT_TIME_SCHEMA).unwrap();
        jsonschema::draft202012::meta::validate(&schema).expect("the schema is itself valid");
        let validator = jsonschema::draft202012::new(&schema).unwrap();
        validator.iter_errors(instance).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    /// With every field that may be left out.
    fn whole() -> Measured {
        let mut measured = testing::measured(1, 3);
        measured.not_measured.push("loader: the firmware does not say".into());
        measured.samples[2].hung.push("wait.service".into());
        measured.samples[2].inconclusive = Some("start jobs hang".into());
        measured.samples[2].total = None;
        measured.samples[1].guest_zero = None;
        measured.samples[1].guest_zero_within = None;
        measured.samples[1].calibration = None;
        measured
    }

    #[test]
    fn what_is_written_has_its_schema_and_comes_back() {
        for measured in [whole(), testing::measured(2, 0), testing::measured(3, 20)] {
            let json = render(&measured).unwrap();
            assert_eq!(errors(&serde_json::from_str(&json).unwrap()), Vec::<String>::new());
            assert_eq!(read(&json).unwrap(), measured);
        }
    }

    #[test]
    fn the_schema_can_refuse() {
        let good = serde_json::to_value(whole()).unwrap();
        for (pointer, value) in [
            ("/schema", Value::from("boot-time/v2")),
            ("/at", 5.into()),
            ("/image-sha256", "abc".into()),
            ("/series/boots", "some".into()),
            ("/samples/0/number", 0.into()),
            ("/samples/0/phases/0/name", "warp".into()),
            ("/samples/0/phases/0/micros", Value::from(-1)),
            ("/samples/0/units/0/start", Value::from(1.5)),
            ("/samples/0/chain/0/active", "x".into()),
            ("/samples/0/calibration", Value::from(vec![1])),
        ] {
            let mut bad = good.clone();
            *bad.pointer_mut(pointer).unwrap() = value;
            assert_eq!(errors(&bad).len(), 1, "{pointer}: {:?}", errors(&bad));
        }
        let mut bad = good.clone();
        bad.as_object_mut().unwrap().insert("extra".into(), 1.into());
        assert_eq!(errors(&bad).len(), 1);
        let mut bad = good;
        bad["samples"][0].as_object_mut().unwrap().remove("phases");
        assert_eq!(errors(&bad).len(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_read_says_why_and_what_to_do() {
        let json = render(&whole()).unwrap();
        let with = |from: &str, to: &str| {
            assert!(json.contains(from), "{from}");
            read(&json.replacen(from, to, 1)).unwrap_err()
        };
        let start = r#""start": 0"#;
        let mut seen: Vec<ReadError> = vec![
            read("").unwrap_err(),
            read(" \n").unwrap_err(),
            read(&json[..json.len() / 2]).unwrap_err(),
            read("<xml/>").unwrap_err(),
            read("[1]").unwrap_err(),
            read("{}").unwrap_err(),
            read(r#"{"schema":"run/v1"}"#).unwrap_err(),
            read(r#"{"schema":"boot-time/v0"}"#).unwrap_err(),
            read(r#"{"schemaVersion":1,"metrics":[]}"#).unwrap_err(),
            read(r#"{"schema":"boot-time/v2","all":"new"}"#).unwrap_err(),
            read(r#"{"schema":"boot-time/v1"}"#).unwrap_err(),
        ];
        for (to, expected) in
            [("NaN", "NaN"), ("nan", "nan"), ("Infinity", "Infinity"), ("-Infinity", "-Infinity"), ("1e999", "1e999")]
        {
            let error = with(start, &format!(r#""start": {to}"#));
            let ReadError::NotANumber { text, line, .. } = &error else { panic!("{to}: {error:?}") };
            assert_eq!(text, expected, "{error}");
            assert!(*line > 1);
            seen.push(error);
        }
        for to in ["-1", "1.5", "\"1\"", "null", "18446744073709551616"] {
            let error = with(start, &format!(r#""start": {to}"#));
            assert!(matches!(&error, ReadError::Shape { line, .. } if *line > 1), "{to}: {error:?}");
            seen.push(error);
        }
        seen.push(with(start, r#""start": 99999999999999999"#));
        seen.push(with("2026-03-01T06:00:00Z", "yesterday"));
        seen.push(with(r#""number": 2"#, r#""number": 1"#));
        seen.push(with(r#""name": "firmware""#, r#""name": "loader""#));
        seen.push(with("systemd-journald.service", &"x".repeat(300)));
        let lines: Vec<String> =
            seen.iter().map(|error| format!("{error}\n  next: {}", error.hint().unwrap())).collect();
        insta::assert_snapshot!(lines.join("\n"));
        assert!(matches!(read(&" ".repeat(MAX_BYTES + 1)), Err(ReadError::TooLarge { .. })));
    }

    #[test]
    fn every_place_where_a_file_was_cut_is_found() {
        let json = render(&testing::measured(1, 1)).unwrap();
        for end in 1..json.trim_end().len() {
            assert!(matches!(read(&json[..end]), Err(ReadError::Cut { .. })), "{end}: {:?}", read(&json[..end]));
        }
    }

    #[test]
    fn hostile_names_come_back_and_move_no_cursor() {
        for name in testing::hostile_names() {
            let measured = testing::with_name(&testing::measured(1, 2), &name);
            let json = render(&measured).unwrap();
            assert!(json.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{name:?}");
            let back = read(&json).unwrap();
            assert_eq!(back, bounded(&measured), "{name:?}");
            if name.chars().count() <= LONGEST {
                assert_eq!(back, measured, "{name:?}");
            }
        }
    }

    #[test]
    fn what_could_not_be_read_back_is_not_written() {
        let mut measured = testing::measured(1, 2);
        measured.samples[1].marks[0].at = MAX_MICROS + 1;
        assert!(matches!(render(&measured), Err(FormatError::Value { at, .. }) if at == "samples[1].marks"));
    }
}
