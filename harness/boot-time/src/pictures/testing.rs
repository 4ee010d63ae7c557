//! For the tests of pictures: boots, and what a strict reader of XML finds in a picture.

use quick_xml::Reader;
use quick_xml::events::Event;

use super::svg::{Anchor, Label, NARROW};
use crate::sample::{Cost, Link, Mark, Phase, PhaseName, Sample, Unit};

/// A conclusive boot of so many microseconds: a tenth firmware, a fifth kernel, the rest userspace; 700 instructions a microsecond.
pub(super) fn boot(number: u32, micros: u64) -> Sample {
    let cost = |micros: u64| Cost { micros, instructions: micros.checked_mul(700) };
    let (firmware, kernel) = (micros / 10, micros / 5);
    let phase = |name, start, micros| Phase { name, start, cost: cost(micros) };
    Sample {
        number,
        boot_id: format!("{number:032x}"),
        guest_zero: Some(firmware),
        guest_zero_within: Some(1000),
        phases: vec![
            phase(PhaseName::Firmware, 0, firmware),
            phase(PhaseName::Kernel, firmware, kernel),
            phase(PhaseName::Userspace, firmware + kernel, micros - firmware - kernel),
        ],
        marks: vec![Mark { name: "sshd-answers".into(), at: micros / 10 * 9, instructions: None }],
        total: Some(cost(micros)),
        units: vec![
            Unit { name: "early.service".into(), start: micros / 10 * 4, cost: cost(micros / 10) },
            Unit { name: "late.service".into(), start: micros / 2, cost: cost(micros / 4) },
        ],
        chain: vec![
            Link { unit: "multi-user.target".into(), active: micros, own: cost(0) },
            Link { unit: "late.service".into(), active: micros / 4 * 3, own: cost(micros / 4) },
        ],
        hung: Vec::new(),
        inconclusive: None,
        calibration: None,
    }
}

/// One that does not count.
pub(super) fn inconclusive(number: u32) -> Sample {
    Sample { inconclusive: Some("the host was busy".into()), ..boot(number, 99_000_000) }
}

/// An element with its attributes.
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
}

impl Element {
    pub(super) fn get(&self, key: &str) -> Option<&str> {
        self.attributes.iter().find(|(found, _)| found == key).map(|(_, value)| value.as_str())
    }

    /// An attribute in percent.
    pub(super) fn percent(&self, key: &str) -> f64 {
        self.get(key).and_then(|value| value.strip_suffix('%')).and_then(|value| value.parse().ok()).expect("percent")
    }

    /// Whether it is filled with the pattern.
    pub(super) fn has_pattern(&self, name: &str) -> bool {
        self.get("fill").is_some_and(|fill| fill.ends_with(&format!("-{name})")))
    }
}

/// What stands in a picture.
pub(super) struct Parsed {
    pub(super) title: String,
    pub(super) desc: String,
    pub(super) elements: Vec<Element>,
    /// Of each `<text>`.
    pub(super) texts: Vec<String>,
}

impl Parsed {
    /// All that is drawn as text.
    pub(super) fn said(&self) -> String {
        self.texts.join(" ")
    }

    /// Boxes that are filled with the pattern, without those of a legend.
    pub(super) fn bars(&self, pattern: &str) -> Vec<&Element> {
        let bars = self.elements.iter().filter(|it| it.name == "rect" && it.has_pattern(pattern));
        bars.filter(|it| it.get("width").is_some_and(|width| width.ends_with('%'))).collect()
    }
}

/// Reads a picture and checks what is true of every one: well-formed, one title and one description that are referred to, no number
/// that is none, no negative size, nothing that runs or is loaded, every class known to the style sheet, every percentage inside.
pub(super) fn parsed(svg: &str) -> Parsed {
    let mut reader = Reader::from_str(svg);
    let mut found = Parsed { title: String::new(), desc: String::new(), elements: Vec::new(), texts: Vec::new() };
    let mut open: Vec<String> = Vec::new();
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error} at {}", reader.buffer_position())) {
            Event::Eof => break,
            event @ (Event::Start(_) | Event::Empty(_)) => {
                let closes = matches!(event, Event::Empty(_));
                let (Event::Start(tag) | Event::Empty(tag)) = event else { unreachable!("matched above") };
                let name = String::from_utf8(tag.name().as_ref().to_vec()).expect("UTF-8");
                let attributes = tag.attributes().map(|attribute| {
                    let attribute = attribute.expect("an attribute");
                    let value = String::from_utf8(attribute.value.to_vec()).expect("UTF-8");
                    (String::from_utf8(attribute.key.as_ref().to_vec()).expect("UTF-8"), value)
                });
                found.elements.push(Element { name: name.clone(), attributes: attributes.collect() });
                if name == "text" {
                    found.texts.push(String::new());
                }
                if !closes {
                    open.push(name);
                }
            }
            Event::End(_) => drop(open.pop().expect("an open element")),
            Event::Text(text) => append(&mut found, &open, &text.decode().expect("UTF-8")),
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().expect("a reference").unwrap_or_else(|| {
                    let name = reference.decode().expect("UTF-8");
                    match name.as_ref() {
                        "amp" => '&',
                        "lt" => '<',
                        "gt" => '>',
                        "quot" => '"',
                        other => panic!("&{other};"),
                    }
                });
                append(&mut found, &open, &character.to_string());
            }
            other => panic!("nothing but elements and text: {other:?}"),
        }
    }
    assert!(open.is_empty(), "{open:?} are not closed");
    check(svg, &found);
    found
}

fn append(found: &mut Parsed, open: &[String], text: &str) {
    match (open.last().map(String::as_str), open.len()) {
        (Some("title"), 2) => found.title.push_str(text),
        (Some("desc"), 2) => found.desc.push_str(text),
        (Some("text"), _) => found.texts.last_mut().expect("a text").push_str(text),
        (Some("style" | "title"), _) => {}
        _ => assert!(text.trim().is_empty(), "stray text: {text}"),
    }
}

/// Every text of a narrow picture stands inside of it, as far as the width of a font can be known.
fn check_texts(found: &Parsed) {
    let texts = found.elements.iter().filter(|element| element.name == "text").zip(&found.texts);
    for (element, text) in
        texts.filter(|(element, _)| !element.get("class").is_some_and(|class| class.ends_with("wide")))
    {
        let place =
            Label::start(element.percent("x")).shifted(element.get("dx").map_or(0.0, |it| it.parse().expect("pixels")));
        let anchor = match element.get("text-anchor") {
            Some("end") => Anchor::End,
            Some("middle") => Anchor::Middle,
            _ => Anchor::Start,
        };
        let (from, to) = Label { anchor, ..place }.span(text);
        assert!(from >= -10.0 && to <= NARROW + 20.0, "from {from:.0} to {to:.0}: {text}");
    }
}

fn check(svg: &str, found: &Parsed) {
    check_texts(found);
    let root = &found.elements[0];
    let id = root.get("id").expect("an id");
    assert_eq!((root.name.as_str(), root.get("role")), ("svg", Some("img")));
    assert_eq!(root.get("aria-labelledby"), Some(format!("{id}-title {id}-desc").as_str()));
    assert!(!found.title.is_empty() && !found.desc.is_empty(), "the words are missing: {svg}");
    let style = svg.split("<style>").nth(1).and_then(|rest| rest.split("</style>").next()).expect("a style");
    for element in &found.elements {
        assert!(!["script", "image", "foreignObject", "a", "use", "animate", "set"].contains(&element.name.as_str()));
        for (key, value) in &element.attributes {
            assert!(!key.starts_with("on") && !key.contains("href"), "{key}={value}");
            let lengths = ["x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "width", "height", "dx"];
            if lengths.contains(&key.as_str()) {
                let percent = value.ends_with('%');
                let number: f64 = value.trim_end_matches('%').parse().unwrap_or_else(|_| panic!("{key}={value}"));
                assert!(number.is_finite() && (key == "dx" || number >= 0.0), "{key}={value}");
                assert!(!percent || number <= 100.0, "{key}={value}");
            }
            if key == "class" {
                for class in value.split(' ') {
                    assert!(style.contains(&format!(".{class}")), "no rule for {class}");
                }
            }
            if let Some(target) = value.strip_prefix("url(#").and_then(|rest| rest.strip_suffix(')')) {
                assert!(svg.contains(&format!("<pattern id=\"{target}\"")), "no pattern {target}");
            }
        }
    }
}
