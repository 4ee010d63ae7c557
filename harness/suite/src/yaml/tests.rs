use std::time::{Duration, Instant};

use super::*;
use crate::testing::EXAMPLES;

fn read(text: &str) -> (Option<Node>, Diagnostics) {
    let mut sink = Diagnostics::new();
    let file: Arc<str> = "f.yaml".into();
    let node = text_of(&file, text.as_bytes(), Limits::default(), &mut sink)
        .and_then(|text| parse(&file, text, Limits::default(), &mut sink));
    (node, sink)
}

fn good(text: &str) -> Node {
    let (node, sink) = read(text);
    assert_eq!(sink.render(false), "", "{text}");
    node.unwrap()
}

fn bad(text: &str) -> (&'static str, u32, u32) {
    let (_, sink) = read(text);
    let first = sink.iter().next().unwrap_or_else(|| panic!("accepted: {}", &text[..text.len().min(80)]));
    let span = first.span.unwrap_or_default();
    (first.code, span.line, span.column)
}

/// Every scalar with the text its span has in the source.
fn spans(node: &Node, source: &str, out: &mut Vec<(String, String, u32, u32)>) {
    match &node.kind {
        NodeKind::Scalar { text, .. } => {
            let piece = source[node.span.start as usize..node.span.end as usize].to_owned();
            out.push((text.clone(), piece, node.span.line, node.span.column));
        }
        NodeKind::Sequence(items) => items.iter().for_each(|item| spans(item, source, out)),
        NodeKind::Mapping(entries) => entries.iter().for_each(|(key, value)| {
            spans(key, source, out);
            spans(value, source, out);
        }),
    }
}

#[test]
fn spans_are_where_the_text_is_whatever_the_encoding_and_line_ends() {
    for source in
        [EXAMPLES[0].to_owned(), EXAMPLES[3].replace('\n', "\r\n"), EXAMPLES[1].replace("features", "fêätürës日本")]
    {
        let mut found = Vec::new();
        spans(&good(&source), &source, &mut found);
        assert!(found.len() > 20);
        for (text, piece, line, column) in found {
            assert!(
                piece == text || piece == format!("\"{text}\"") || piece == format!("'{text}'"),
                "{piece:?} is not {text:?}"
            );
            let shown = source.lines().nth(line as usize - 1).unwrap();
            let there: String = shown.chars().skip(column as usize - 1).take(piece.chars().count()).collect();
            assert_eq!(there, piece);
        }
    }
}

#[test]
fn scalars_keep_their_text() {
    let node = good("a: 1.10\nb: 0644\nc: no\nd: |\n  x\n  y\ne: 'q'\nf: null\ng:\nh: \"null\"\n");
    let text = |key| node.get(key).and_then(Node::scalar).unwrap().to_owned();
    assert_eq!((text("a"), text("b"), text("c")), ("1.10".into(), "0644".into(), "no".into()));
    assert_eq!((text("d"), text("e")), ("x\ny\n".into(), "q".into()));
    assert!(node.get("f").unwrap().is_null() && node.get("g").unwrap().is_null() && !node.get("h").unwrap().is_null());
}

#[test]
fn anchors_and_aliases_are_fine_and_point_at_their_source() {
    let node = good("a: &x [1, 2]\nb: *x\n");
    assert_eq!(node.get("a"), node.get("b"));
    assert_eq!(node.get("b").unwrap().span.line, 1);
}

#[test]
fn what_the_language_does_not_have_is_refused_where_it_stands() {
    assert_eq!(bad("a: 1\nb: 2\na: 3\n"), (codes::DUPLICATE_KEY, 3, 1));
    assert_eq!(bad("a: 1\n\"a\": 3\n"), (codes::DUPLICATE_KEY, 2, 1));
    assert_eq!(bad("x: &x {a: 1}\ny:\n  <<: *x\n"), (codes::MERGE_KEY, 3, 3));
    assert_eq!(bad("a: 1\n---\nb: 2\n"), (codes::SEVERAL_DOCUMENTS, 2, 1));
    assert_eq!(bad("a: !!str 1\n").0, codes::YAML_TAG);
    assert_eq!(bad("a: !x {b: 1}\n").0, codes::YAML_TAG);
    assert_eq!(bad("? [a]\n: b\n").0, codes::COMPLEX_KEY);
    assert_eq!(bad("a: &x [*x]\n").0, codes::BAD_ALIAS);
    assert_eq!(bad("a: *x\n").0, codes::SYNTAX);
    assert_eq!(bad("").0, codes::EMPTY_FILE);
    assert_eq!(bad("# only words\n").0, codes::EMPTY_FILE);
    assert_eq!(bad("---\n").0, codes::EMPTY_FILE);
    assert_eq!(bad("a: b\n\tc: d\n"), (codes::TAB, 2, 1));
    assert_eq!(bad("a:\n  - b\n \t- c\n"), (codes::TAB, 3, 2));
    assert_eq!(bad("a: b\0c\n"), (codes::ENCODING, 1, 5));
    assert_eq!(bad("a: b\u{1b}[31m\n"), (codes::ENCODING, 1, 5));
    assert_eq!(bad("a: [1, 2\n").0, codes::SYNTAX);
    assert_eq!(bad("a: b: c\n").0, codes::SYNTAX);
}

#[test]
fn bytes_that_are_not_utf8_are_located_and_a_byte_order_mark_is_not_text() {
    let file: Arc<str> = "f.yaml".into();
    let mut sink = Diagnostics::new();
    assert_eq!(text_of(&file, b"a: 1\nb: \xc3\xa9\xff\n", Limits::default(), &mut sink), None);
    let span = sink.iter().next().unwrap().span.unwrap();
    assert_eq!((span.line, span.column), (2, 5));
    let mut sink = Diagnostics::new();
    let text = text_of(&file, b"\xef\xbb\xbfa: 1\n", Limits::default(), &mut sink).unwrap();
    let node = parse(&file, text, Limits::default(), &mut sink).unwrap();
    let NodeKind::Mapping(entries) = &node.kind else { panic!() };
    assert_eq!((entries[0].0.span.line, entries[0].0.span.column), (1, 1));
}

#[test]
fn hostile_files_are_refused_soon() {
    let started = Instant::now();
    assert_eq!(bad(&"[".repeat(1_000_000)).0, codes::TOO_DEEP);
    assert_eq!(bad(&"{a: ".repeat(100_000)).0, codes::TOO_DEEP);
    assert_eq!(bad(&"- ".repeat(400_000)).0, codes::TOO_DEEP);
    assert_eq!(bad(&"? ".repeat(400_000)).0, codes::TOO_DEEP);
    assert_eq!(bad(&format!("a: {}", "x".repeat(2 << 20))).0, codes::TOO_LARGE);
    assert_eq!(bad(&"-\n".repeat(500_000)).0, codes::TOO_MANY);
    let laughs: String =
        (1..10).map(|n| format!("l{n}: &l{n} [{}]\n", vec![format!("*l{}", n - 1); 10].join(", "))).collect();
    assert_eq!(bad(&format!("l0: &l0 lol\n{laughs}")).0, codes::TOO_MANY);
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(500_000), vec!["*a"; 9_000].join(", "));
    assert_eq!(bad(&long).0, codes::TOO_MANY);
    let anchors: String = (0..2_000).map(|n| format!("- &a{n} x\n")).collect();
    assert_eq!(bad(&anchors).0, codes::TOO_MANY);
    let (_, sink) = read(&"k: 1\n".repeat(100_000));
    assert_eq!((sink.len(), sink.iter().count()), (99_999, 100));
    let keys: String = (0..80_000).map(|n| format!("k{n}: é\n")).collect();
    assert!(matches!(&good(&keys).kind, NodeKind::Mapping(entries) if entries.len() == 80_000));
    let one_line = format!("[{}]", "é, ".repeat(100_000));
    assert!(matches!(&good(&one_line).kind, NodeKind::Sequence(items) if items.len() == 100_000));
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
}

#[test]
fn an_alias_cannot_make_a_file_deeper_than_the_limit() {
    let deep = format!("a: &a {}1{}\nb: {}*a{}\n", "[".repeat(20), "]".repeat(20), "[".repeat(20), "]".repeat(20));
    assert_eq!(bad(&deep).0, codes::TOO_DEEP);
}

/// Every prefix of the examples, and many files with a byte changed: nothing may panic, whatever the
/// parser makes of it. Deterministic, so that a failure can be found again.
#[test]
fn damaged_files_never_panic() {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    for example in EXAMPLES {
        for end in (0..example.len()).filter(|end| example.is_char_boundary(*end)) {
            read(&example[..end]).1.render(false);
        }
        for _ in 0..2_000 {
            let mut bytes = example.as_bytes().to_vec();
            for _ in 0..=random(3) {
                let at = random(bytes.len());
                bytes[at] = b"[]{}:,-?&*!|>'\"%@#\t\n\r \\~<\xc3\xff"[random(27)];
            }
            let file: Arc<str> = "f.yaml".into();
            let mut sink = Diagnostics::new();
            if let Some(text) = text_of(&file, &bytes, Limits::default(), &mut sink) {
                sink.add_source(&file, text);
                parse(&file, text, Limits::default(), &mut sink);
            }
            sink.render(true);
        }
    }
}
