//! What the fuzz targets feed and what they assert in addition to "no panic". Only the public interface of
//! muster is used, so `cargo fuzz` and the replay of the corpus in the unit tests
//! (`harness/cli/src/fuzz_corpus.rs`) run the same code.

mod certificate;
mod shared;

pub use certificate::certificate;

use muster_base::text;
use muster_check::matching::{Miss, compare};
use muster_check::observed::Value;
use muster_guest::frame::{Deframer, Event, Frame, Nonce, Stream};
use muster_suite::clause::expectations;
use muster_suite::condition::{self, Truth, always_true, evaluate, never_true};
use muster_suite::diagnostic::Diagnostics;
use muster_suite::grammar;
use muster_suite::model::{Condition, Matcher, Suite};
use muster_suite::select::{NameGlob, TagExpression};
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};
use muster_suite::{Vocabulary, console_rules, decode_source, images, known};
use shared::{assert_escaped_line, vocabulary};

/// A name that every diagnostic carries.
const FILE: &str = "f.yaml";

/// A file of any schema: every reader reads it.
pub fn decode(data: &[u8]) {
    let Ok(source) = std::str::from_utf8(data) else { return not_text(data) };
    repeatable(source, || {
        let (suite, problems) = decode_source(FILE, source, &vocabulary());
        assert_eq!(suite.is_some(), problems.is_empty(), "a suite comes of a file without errors and of no other");
        (format!("{suite:?}"), problems)
    });
    repeatable(source, || {
        let (images, problems) = images::decode_source(FILE, source, "catalogue".into(), &vocabulary());
        (format!("{images:?}"), problems)
    });
    let suites = [known_suite()];
    repeatable(source, || {
        let today = "2026-11-22".parse().expect("a day");
        let (issues, problems) = known::decode_source(FILE, source, &vocabulary(), &suites, today);
        (format!("{issues:?}"), problems)
    });
    repeatable(source, || {
        let mut problems = Diagnostics::new();
        let rules = console_rules::decode_source(FILE, source, &mut Default::default(), &mut problems);
        problems.settle();
        (format!("{rules:?}"), problems)
    });
}

/// The suite that known issues are checked against.
fn known_suite() -> Suite {
    let source = "schema: suite/v1\nsuite: s\ntests:\n- {id: t, steps: [run: x]}\n- {id: u, steps: [run: x]}\n";
    decode_source("s.yaml", source, &vocabulary()).0.expect("a suite")
}

/// Bytes that are no text are refused at the first bad one.
fn not_text(data: &[u8]) {
    let mut problems = Diagnostics::new();
    let limits = muster_suite::yaml::Limits::default();
    let read = muster_suite::yaml::text_of(&FILE.into(), data, limits, &mut problems);
    assert!(read.is_none() && problems.len() == 1, "bytes that are not UTF-8 were read");
    readable("", &problems);
}

/// The same text has the same result and the same diagnostics, which can be shown.
fn repeatable(source: &str, read: impl Fn() -> (String, Diagnostics)) {
    let (first, second) = (read(), read());
    assert_eq!(first, second, "reading the same text twice differs");
    readable(source, &first.1);
}

/// Positions lie inside the text, and what is printed moves no cursor.
fn readable(source: &str, problems: &Diagnostics) {
    for problem in problems {
        let Some(span) = problem.span else { continue };
        let source = problems.sources().get(&problem.file).unwrap_or(source);
        let (start, end) = (span.start as usize, span.end as usize);
        assert!(start <= end && start <= source.len() && end <= source.len() + 1, "{problem:?} of {}", source.len());
        assert!(source.is_char_boundary(start), "{problem:?} begins inside a character");
        let lines = source[..start].split(['\n', '\r']).count() as u32;
        assert!((1..=lines).contains(&span.line) && span.column >= 1, "{problem:?} is past its line");
    }
    let plain = problems.render(false);
    assert_eq!(text::escape(&plain), plain, "what is shown is not escaped");
    assert!(!plain.contains('\t'), "a tab would move the caret");
    assert_eq!(without_colors(&problems.render(true)), plain, "colours change the words");
}

/// A text without the escape sequences that set colours.
fn without_colors(colored: &str) -> String {
    let mut parts = colored.split('\u{1b}');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.strip_prefix('[').and_then(|part| part.split_once('m'));
        let (_, rest) = rest
            .filter(|(numbers, _)| numbers.bytes().all(|b| b.is_ascii_digit() || b == b';'))
            .unwrap_or_else(|| panic!("not a colour: {part:?}"));
        out.push_str(rest);
    }
    out
}

/// The first line is a condition, a tag expression, the name of tests and a glob; what follows is a
/// text for the glob.
pub fn condition(data: &[u8]) {
    let Ok(source) = std::str::from_utf8(data) else { return };
    let (pattern, rest) = source.split_once('\n').unwrap_or((source, ""));
    match condition::parse(pattern, &vocabulary()) {
        Ok(condition) => coherent(&condition),
        Err(errors) => {
            assert!(!errors.is_empty());
            for error in errors {
                assert!(error.range.start <= error.range.end, "{error:?}");
                assert!(pattern.get(error.range.clone()).is_some(), "{error:?} is outside of the condition");
            }
        }
    }
    match TagExpression::parse(pattern) {
        Ok(tags) => {
            let all: Vec<String> = tags.tags().into_iter().map(str::to_owned).collect();
            assert!(!all.is_empty(), "an expression without tags");
            tags.matches(&all);
            tags.matches(&[]);
        }
        Err(error) => assert_escaped_line(&error.to_string()),
    }
    match NameGlob::parse(pattern) {
        Ok(name) => {
            name.matches(rest, rest);
            let (suite, test) = name.as_str().split_once('/').unwrap_or((name.as_str(), "t"));
            assert!(name.matches(suite, test), "`{}` does not match itself", name.as_str());
        }
        Err(error) => assert_escaped_line(&error.to_string()),
    }
    let (short, long) = (head(pattern, 24), head(rest, 48));
    let wanted = slow_glob(&short, &long);
    let (pattern, rest): (String, String) = (short.iter().collect(), long.iter().collect());
    assert_eq!(muster_base::glob::matches(&pattern, &rest), wanted, "`{pattern}` and `{rest}`");
}

fn head(text: &str, most: usize) -> Vec<char> {
    text.chars().take(most).collect()
}

/// What a glob means, by its definition.
fn slow_glob(pattern: &[char], text: &[char]) -> bool {
    let mut row: Vec<bool> = (0..=text.len()).map(|at| at == 0).collect();
    for c in pattern {
        let mut next = vec![*c == '*' && row[0]; text.len() + 1];
        for at in 1..=text.len() {
            next[at] = match c {
                '*' => row[at] || next[at - 1],
                '?' => row[at - 1],
                c => row[at - 1] && text[at - 1] == *c,
            };
        }
        row = next;
    }
    row[text.len()]
}

/// A condition means one thing: it can be said again, its negation is its opposite, and what is
/// called impossible never holds.
fn coherent(condition: &Condition) {
    let said = condition.to_string();
    match condition::parse(&said, &vocabulary()) {
        Ok(again) => assert_eq!(again.to_string(), said, "said again it is another condition"),
        // Saying it again adds parentheses, and with them depth and length.
        Err(errors) => assert!(
            errors.iter().all(|error| error.message.contains("nested") || error.message.contains("longer")),
            "`{said}` cannot be read again: {errors:?}"
        ),
    }
    let (never, always) = (never_true(condition), always_true(condition));
    let negated = Condition::Not(Box::new(condition.clone()));
    let mut stated = Vec::new();
    collect(condition, &mut stated);
    for round in 0..5_usize {
        let lookup = |dimension: &str| -> Option<Vec<String>> {
            let words: Vec<&String> = stated.iter().filter(|(of, _)| *of == dimension).map(|(_, word)| *word).collect();
            match round {
                0 => None,
                1 => Some(Vec::new()),
                _ if words.is_empty() => Some(vec!["other-1".to_owned()]),
                _ => Some(vec![words[(round - 2) % words.len()].clone()]),
            }
        };
        let (yes, no) = (evaluate(condition, &lookup), evaluate(&negated, &lookup));
        let opposite = match (&yes, &no) {
            (Truth::True, other) | (other, Truth::True) => matches!(other, Truth::False { .. }),
            (Truth::Unknown { .. }, Truth::Unknown { .. }) => true,
            _ => false,
        };
        assert!(opposite, "`{said}` is {yes:?}, its negation {no:?}");
        let fails = round > 1 && matches!(yes, Truth::False { .. });
        assert!(always.is_none() || !fails, "`{said}` is called always true about {always:?} and does not hold");
        assert!(never.is_none() || yes != Truth::True, "`{said}` is called impossible about {never:?} and holds");
        if let Truth::False { why } = yes {
            assert!(!why.is_empty(), "`{said}` is false without a reason");
        }
    }
}

fn collect<'c>(condition: &'c Condition, out: &mut Vec<(&'c str, &'c String)>) {
    match condition {
        Condition::And(parts) | Condition::Or(parts) => parts.iter().for_each(|part| collect(part, out)),
        Condition::Not(inner) => collect(inner, out),
        Condition::Compare { dimension, values, .. } => {
            out.extend(values.iter().map(|value| (dimension.as_str(), value)));
        }
        Condition::Defined(..) => {}
    }
}

const fn attribute(name: &'static str, kind: AttributeKind) -> Attribute {
    Attribute { name, kind, doc: "For fuzzing." }
}

/// One attribute of every kind.
static EVERY_KIND: CheckTable = CheckTable {
    name: "every-kind",
    summary: "For fuzzing.",
    subject: Subject::Whole,
    shorthand: Shorthand::None,
    gone: &[],
    attributes: &[
        attribute("text", AttributeKind::Text),
        attribute("word", AttributeKind::Keyword(&["active", "inactive", "1"])),
        attribute("bool", AttributeKind::Bool),
        attribute("integer", AttributeKind::Integer),
        attribute("number", AttributeKind::Number),
        attribute("size", AttributeKind::Size),
        attribute("duration", AttributeKind::Duration),
        attribute("mode", AttributeKind::Mode),
        attribute("evr", AttributeKind::Evr),
        attribute("version", AttributeKind::Version),
        attribute("loose", AttributeKind::Loose),
        attribute("name", AttributeKind::Name(&grammar::kernel::MODULE)),
        attribute("set", AttributeKind::Set(&grammar::text::WORD)),
        attribute("list", AttributeKind::List(&grammar::text::ANY)),
        attribute("output", AttributeKind::Output),
        attribute("map", AttributeKind::Map(&grammar::text::ANY, &AttributeKind::Loose)),
        attribute("samples", AttributeKind::Samples(&AttributeKind::Duration)),
        attribute("ranged", AttributeKind::Ranged(0, 255)),
        attribute("share", AttributeKind::Share(100)),
        attribute("baseline", AttributeKind::Baseline),
    ],
    reads: "",
    example: "",
};

/// The first byte chooses the kind; then the YAML of a matcher, a line `%%`, and what is observed.
pub fn matcher(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let Ok(rest) = std::str::from_utf8(rest) else { return };
    let (yaml, seen) = rest.split_once("\n%%\n").unwrap_or((rest, "x"));
    let attribute = &EVERY_KIND.attributes[usize::from(*first) % EVERY_KIND.attributes.len()];
    let indented = yaml.replace('\n', "\n        ");
    let source = format!(
        "schema: suite/v1\nsuite: s\ntests:\n- id: t\n  expect:\n    every-kind:\n      {}:\n        {indented}\n",
        attribute.name
    );
    let vocabulary = Vocabulary { tables: &[&EVERY_KIND], ..vocabulary() };
    repeatable(&source, || {
        let (suite, problems) = decode_source(FILE, &source, &vocabulary);
        (format!("{suite:?}"), problems)
    });
    let Some(suite) = decode_source(FILE, &source, &vocabulary).0 else { return };
    let kind = match attribute.kind {
        AttributeKind::Map(_, inner) | AttributeKind::Samples(inner) => inner,
        ref kind => kind,
    };
    let lines: Vec<&str> = seen.lines().take(50).collect();
    let values = [
        Value::text(seen),
        Value::items(lines.iter().copied()),
        Value::items(Vec::<String>::new()),
        Value::absent("not there"),
        Value::gone("no such thing"),
        Value::Each(vec![Value::text(seen), Value::text("other"), Value::absent("not there")]),
    ];
    for assertion in
        suite.tests.iter().flat_map(|test| expectations(&test.expect)).flat_map(|expect| &expect.assertions)
    {
        let matcher = &assertion.matcher;
        assert!(matcher.leaves() > 0, "`{matcher}` asserts nothing");
        for value in &values {
            compared(matcher, kind, value);
        }
    }
}

fn compared(matcher: &Matcher, kind: &AttributeKind, value: &Value) {
    let found = compare(matcher, kind, value);
    match &found {
        Ok(()) => assert!(!matches!(value, Value::Gone(_)), "`{matcher}` holds for what is not there"),
        Err(Miss::Missed { expected, actual, detail }) => {
            assert_escaped_line(expected);
            assert_escaped_line(actual);
            assert_eq!(text::escape(detail), *detail);
        }
        Err(Miss::Unreadable(why)) => {
            let why = why.to_string();
            assert!(!why.ends_with("or `.[\"any key\"]`"), "a path that was decoded cannot be followed: {why}");
            assert_escaped_line(&why);
        }
    }
    let alone = compare(&Matcher::AnyOf(vec![matcher.clone()]), kind, value);
    assert_eq!(alone.is_ok(), found.is_ok(), "`{matcher}` differs from the only one of one");
    if !matches!(value, Value::Each(_)) {
        let negated = compare(&Matcher::Not(Box::new(matcher.clone())), kind, value);
        assert!(found.is_err() || negated.is_err(), "`{matcher}` and its negation hold for {value:?}");
    }
}

/// A shell's two streams, and how they are cut: the first bytes say how many frames are expected,
/// what their limit is and where the cuts are. Then bytes, of which 0xff with the next one stands
/// for a marker that the fuzzer could not guess, and 0xfe changes the stream.
pub fn frame(data: &[u8]) {
    let [frames, limit, cuts, script @ ..] = data else { return };
    let frames = usize::from(*frames % 4) + 1;
    let streams = streams(script, frames);
    let whole = deframed(frames, *limit, &streams, |rest| rest);
    let torn = deframed(frames, *limit, &streams, |_| 1);
    let mut state = u32::from(*cuts) + 1;
    let cut = deframed(frames, *limit, &streams, |rest| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as usize % 97 % rest + 1
    });
    assert_eq!(whole, torn, "whole, and byte by byte");
    assert_eq!(whole, cut, "whole, and cut somewhere");
}

fn nonce_bits(frame: usize) -> [u8; 16] {
    [0xa0 + frame as u8; 16]
}

/// What each of the streams carries.
fn streams(script: &[u8], frames: usize) -> [Vec<u8>; 2] {
    let mut out = [Vec::new(), Vec::new()];
    let mut at = 0;
    let mut bytes = script.iter().copied();
    while let Some(byte) = bytes.next() {
        match byte {
            0xfe => at = 1 - at,
            0xff => {
                let choice = bytes.next().unwrap_or(0);
                let nonce: String = nonce_bits(usize::from(choice >> 4) % (frames + 1))
                    .iter()
                    .map(|bits| format!("{bits:02x}"))
                    .collect();
                let rest = match choice & 15 {
                    0..=2 => "<\n",
                    3 => "<71\n",
                    4 => "<99999999999\n",
                    5..=7 => ">\n",
                    8..=10 => ">0\n",
                    11 => ">255\n",
                    12 => ">256\n",
                    13 => ">",
                    14 => "",
                    _ => "=\n",
                };
                out[at].extend(format!("\x1e{nonce}{rest}").bytes());
            }
            other => out[at].push(other),
        }
    }
    out
}

/// Frames in order and, unless the protocol was broken, stray bytes: what must not depend on cuts.
type Deframed = (Vec<(u64, Frame)>, Option<(u64, String)>);

fn deframed(frames: usize, limit: u8, streams: &[Vec<u8>; 2], mut next: impl FnMut(usize) -> usize) -> Deframed {
    let mut deframer = Deframer::default();
    for frame in 0..frames {
        deframer.expect(Nonce::new(nonce_bits(frame)), usize::from(limit));
    }
    let mut fine = true;
    for (stream, bytes) in [Stream::Out, Stream::Err].into_iter().zip(streams) {
        let mut rest = &bytes[..];
        while fine && !rest.is_empty() {
            let (now, later) = rest.split_at(next(rest.len()).min(rest.len()));
            fine = deframer.feed(stream, now).is_ok();
            rest = later;
        }
    }
    let mut ended = Vec::new();
    while let Some(event) = deframer.next_event() {
        if let Event::Ended(number, frame) = event {
            assert!(frame.stdout.len() <= usize::from(limit) && frame.stderr.len() <= usize::from(limit));
            assert_eq!(number, ended.len() as u64, "frames end in order");
            ended.push((number, frame));
        }
    }
    assert_escaped_line(&deframer.stray_excerpt());
    (ended, fine.then(|| (deframer.stray(), deframer.stray_excerpt())))
}
