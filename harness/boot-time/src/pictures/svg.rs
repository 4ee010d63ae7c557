//! A small writer of SVG: what a picture says as text and as attributes passes through here, and only here is it escaped.
//!
//! Across, places are percentages of the width; down, they are pixels, as are the sizes of text. So a picture fills any width without
//! scaling its text, and whether two texts collide is decided once, at [`NARROW`].

use std::fmt::Write as _;

use muster_base::text::{markup, one_line};

use super::style;

/// The narrowest width at which no text leaves the picture or covers another, in pixels.
pub const NARROW: f64 = 360.0;
/// Left and right border, in percent.
pub const LEFT: f64 = 2.0;
/// See [`LEFT`].
pub const RIGHT: f64 = 98.0;
/// Characters of one text; a longer one is cut.
const LONGEST: usize = 400;
/// Characters of a line of a paragraph.
const LINE: usize = 46;

/// Where a text begins, is centred or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// It begins there.
    Start,
    /// Its middle is there.
    Middle,
    /// It ends there.
    End,
}

/// A place: percent across, pixels down.
pub type At = (f64, f64);

/// Where a label stands: percent across, pixels from there, and what of it stands there.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Label {
    /// Percent across.
    pub x: f64,
    /// Pixels to the right of it.
    pub shift: f64,
    /// What stands there.
    pub anchor: Anchor,
}

impl Label {
    /// Begins at `x`.
    pub fn start(x: f64) -> Self {
        Self { x, shift: 0.0, anchor: Anchor::Start }
    }

    /// Ends at `x`.
    pub fn end(x: f64) -> Self {
        Self { x, shift: 0.0, anchor: Anchor::End }
    }

    /// Under a tick of an axis: centred, but not over the edge.
    pub fn tick(x: f64) -> Self {
        let anchor = match x {
            left if left < 8.0 => Anchor::Start,
            right if right > 92.0 => Anchor::End,
            _ => Anchor::Middle,
        };
        Self { x, shift: 0.0, anchor }
    }

    /// So many pixels further right.
    pub fn shifted(self, shift: f64) -> Self {
        Self { shift, ..self }
    }

    /// For something that reaches from `from` to `to`: where it begins when the text fits from there, else so that both end
    /// together, else at the right border.
    pub fn along(from: f64, to: f64, text: &str) -> Self {
        Self::along_in(NARROW, from, to, text)
    }

    fn along_in(pixels: f64, from: f64, to: f64, text: &str) -> Self {
        let needed = width(text) / pixels * 100.0;
        match () {
            () if from + needed <= RIGHT => Self::start(from),
            () if to - needed >= LEFT => Self::end(to),
            () => Self::end(RIGHT),
        }
    }

    /// From where to where it reaches in a picture of [`NARROW`], in pixels.
    pub(super) fn span(&self, text: &str) -> (f64, f64) {
        let (at, width) = (self.x / 100.0 * NARROW + self.shift, width(text));
        match self.anchor {
            Anchor::Start => (at, at + width),
            Anchor::Middle => (at - width / 2.0, at + width / 2.0),
            Anchor::End => (at - width, at),
        }
    }
}

/// The row of each label, from 0, so that none covers another at any width.
pub fn lanes(labels: &[(Label, String)]) -> Vec<usize> {
    let mut taken: Vec<Vec<(f64, f64)>> = Vec::new();
    labels
        .iter()
        .map(|(label, text)| {
            let (from, to) = label.span(text);
            let free =
                taken.iter().position(|lane| lane.iter().all(|(left, right)| to + 8.0 < *left || from > right + 8.0));
            let lane = free.unwrap_or_else(|| {
                taken.push(Vec::new());
                taken.len() - 1
            });
            taken[lane].push((from, to));
            lane
        })
        .collect()
}

/// What a text of 13 pixels is wide, in pixels, in a wide font.
pub fn width(text: &str) -> f64 {
    text.chars().map(|c| if c.is_ascii() { 7.4 } else { 13.0 }).sum()
}

/// A picture that is being written, from its top to its bottom.
pub struct Svg {
    id: String,
    title: String,
    facts: Vec<String>,
    body: String,
    /// Where the next thing goes, pixels from the top.
    pub y: f64,
}

impl Svg {
    /// A picture with its title as a heading. `id` begins the names inside of it: two pictures of one page need two.
    pub fn new(id: &str, title: &str) -> Self {
        let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
        let id = format!("boot-{}", id.chars().take(64).map(plain).collect::<String>());
        let mut svg = Self { id, title: title.to_owned(), facts: Vec::new(), body: String::new(), y: 10.0 };
        svg.paragraph("head", 20.0, title);
        svg
    }

    /// A sentence that is said in words only.
    pub fn fact(&mut self, sentence: &str) {
        let end = if sentence.ends_with(['.', ';', ':']) { "" } else { "." };
        self.facts.push(escaped(sentence) + end);
    }

    /// A sentence that is drawn and said.
    pub fn say(&mut self, class: &'static str, sentence: &str) {
        self.fact(sentence);
        self.paragraph(class, 17.0, sentence);
    }

    /// Lines of text at the left border, each `height` high.
    pub fn paragraph(&mut self, class: &'static str, height: f64, text: &str) {
        let longest = match class {
            "head" => LINE - 12,
            "strong" => LINE - 4,
            "small" => LINE + 4,
            _ => LINE,
        };
        for line in wrapped(&one_line(text, LONGEST), longest) {
            self.y += height;
            self.text(class, Label::start(LEFT), self.y - 4.0, &line);
        }
    }

    /// A text whose base line is at `y`.
    pub fn text(&mut self, class: &'static str, label: Label, y: f64, text: &str) {
        let anchor = match label.anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        let shift = if label.shift == 0.0 { String::new() } else { format!(" dx=\"{}\"", number(label.shift)) };
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        let (x, y) = (number(label.x), number(y));
        let _ = writeln!(self.body, "<text{class} x=\"{x}%\" y=\"{y}\"{shift}{anchor}>{}</text>", escaped(text));
    }

    /// A label of something that reaches from `from` to `to`, one text for a narrow picture and one for a wide one.
    pub fn label(&mut self, strong: bool, (from, to): (f64, f64), y: f64, narrow: &str, wide: &str) {
        let classes = if strong { ["strong narrow", "strong wide"] } else { ["narrow", "wide"] };
        self.text(classes[0], Label::along_in(NARROW, from, to, narrow), y, narrow);
        self.text(classes[1], Label::along_in(style::WIDE, from, to, wide), y, wide);
    }

    /// A box from `from` to `to`, both in percent; nothing when it is empty. `tip` is shown by a browser under the pointer.
    pub fn bar(&mut self, fill: Fill, (from, to): (f64, f64), y: f64, height: f64, tip: &str) {
        // The edges are rounded, not the widths: bars that touch still do.
        let (from, to) = (rounded(from), rounded(to));
        if to <= from || height <= 0.0 {
            return;
        }
        let paint = self.paint(fill);
        let tip = if tip.is_empty() { String::new() } else { format!("<title>{}</title>", escaped(tip)) };
        let (x, width, y, height) = (number(from), number(to - from), number(y), number(height));
        let _ = writeln!(
            self.body,
            "<rect {paint} x=\"{x}%\" y=\"{y}\" width=\"{width}%\" height=\"{height}\">{tip}</rect>"
        );
    }

    /// A straight line.
    pub fn line(&mut self, class: &'static str, from: At, to: At) {
        let (x1, y1, x2, y2) = (number(from.0), number(from.1), number(to.0), number(to.1));
        let _ = writeln!(self.body, "<line class=\"{class}\" x1=\"{x1}%\" y1=\"{y1}\" x2=\"{x2}%\" y2=\"{y2}\"/>");
    }

    /// A dot, or a diamond of the same size when `class` is `after`.
    pub fn point(&mut self, class: &'static str, (x, y): At, radius: f64) {
        let (x, y, r) = (number(x), number(y), number(radius));
        let _ = match class {
            "after" => {
                let r = number(radius * 1.25);
                writeln!(
                    self.body,
                    "<svg x=\"{x}%\" y=\"{y}\" overflow=\"visible\"><path class=\"after\" d=\"M0,-{r}L{r},0L0,{r}L-{r},0Z\"/></svg>"
                )
            }
            _ => writeln!(self.body, "<circle class=\"{class}\" cx=\"{x}%\" cy=\"{y}\" r=\"{r}\"/>"),
        };
    }

    /// Entries with a swatch each, two in a row.
    pub fn legend(&mut self, entries: &[(Fill, String)]) {
        for pair in entries.chunks(2) {
            self.y += 20.0;
            for (column, (fill, text)) in pair.iter().enumerate() {
                let x = LEFT + 49.0 * column as f64;
                self.swatch(*fill, x, self.y - 13.0);
                self.text("", Label::start(x).shifted(22.0), self.y - 3.0, text);
            }
        }
        self.y += 4.0;
    }

    /// A small box that shows a fill; 16 pixels wide at every width.
    pub fn swatch(&mut self, fill: Fill, x: f64, y: f64) {
        let paint = self.paint(fill);
        let _ =
            writeln!(self.body, "<rect {paint} x=\"{}%\" y=\"{}\" width=\"16\" height=\"12\"/>", number(x), number(y));
    }

    /// A pattern is an attribute, not a style, so that a page that forbids styles of elements shows it too.
    fn paint(&self, fill: Fill) -> String {
        match fill {
            Fill::Class(class) => format!("class=\"{class}\""),
            Fill::Pattern(name) => format!("class=\"edge\" fill=\"url(#{}-{name})\"", self.id),
        }
    }

    /// The whole text.
    pub fn finish(self) -> String {
        let Self { id, title, facts, body, y } = self;
        let (height, title, facts) = (number((y + 14.0).ceil()), escaped(&title), facts.join(" "));
        let (style, patterns) = (style::sheet(), patterns(&id));
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"boot-picture\" id=\"{id}\" role=\"img\" \
             aria-labelledby=\"{id}-title {id}-desc\" width=\"100%\" height=\"{height}\">\n\
             <title id=\"{id}-title\">{title}</title>\n<desc id=\"{id}-desc\">{facts}</desc>\n\
             <style>\n{style}</style>\n<defs>\n{patterns}</defs>\n\
             <rect class=\"paper\" width=\"100%\" height=\"{height}\"/>\n{body}</svg>\n"
        )
    }
}

/// What fills a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// A class of the style sheet.
    Class(&'static str),
    /// A pattern by its name: that of a phase, `chain` or `floor`.
    Pattern(&'static str),
}

/// Name, the class of the ground below, and what is drawn on it in a square of 8 pixels. Each differs from the others without colour.
const PATTERNS: [(&str, &str, &str); 7] = [
    ("firmware", "firmware", "<path class=\"hatch\" d=\"M-2,2L2,-2M0,8L8,0M6,10L10,6\"/>"),
    (
        "loader",
        "loader",
        "<circle class=\"speck\" cx=\"2\" cy=\"2\" r=\"1.2\"/><circle class=\"speck\" cx=\"6\" cy=\"6\" r=\"1.2\"/>",
    ),
    ("kernel", "kernel", ""),
    ("initrd", "initrd", "<path class=\"hatch\" d=\"M2,0V8M6,0V8\"/>"),
    ("userspace", "userspace", "<path class=\"hatch\" d=\"M-2,6L2,10M0,0L8,8M6,-2L10,2\"/>"),
    ("chain", "vermilion", "<path class=\"hatch\" d=\"M0,2H8M0,6H8\"/>"),
    ("floor", "paper", "<path class=\"hatch\" d=\"M-2,2L2,-2M0,8L8,0M6,10L10,6\"/>"),
];

fn patterns(id: &str) -> String {
    let mut out = String::new();
    for (name, ground, drawn) in PATTERNS {
        let _ = writeln!(
            out,
            "<pattern id=\"{id}-{name}\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\">\
             <rect class=\"{ground}\" width=\"8\" height=\"8\"/>{drawn}</pattern>"
        );
    }
    out
}

/// Foreign text as it can stand in text and in attributes: one bounded line without control and bidi characters.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in one_line(text, LONGEST).chars() {
        match c {
            // Only what `escape` leaves: the other non-characters.
            c if (c as u32) & 0xfffe == 0xfffe => {
                let _ = write!(out, "\\u{{{:x}}}", c as u32);
            }
            c => out.push(c),
        }
    }
    markup(&out)
}

/// With what may follow them in a sentence.
const UNITS: [&str; 13] = ["µs ", "ms ", "s ", "µs.", "ms.", "s.", "s:", "s;", "s,", "ms,", "ms;", "% ", "%."];

/// Lines of at most `longest` characters, broken at spaces where there are some.
fn wrapped(text: &str, longest: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    // A number and its unit stay together.
    let glued =
        UNITS.iter().fold(format!("{text} "), |text, unit| text.replace(&format!(" {unit}"), &format!("\u{a0}{unit}")));
    for word in glued.trim_end().split(' ') {
        let mut left = word;
        loop {
            let line = lines.last_mut().map_or(0, |line| line.chars().count());
            let gap = usize::from(line > 0);
            let count = left.chars().count();
            if line + gap + count <= longest {
                if let Some(last) = lines.last_mut() {
                    last.push_str(if gap == 1 { " " } else { "" });
                    last.push_str(left);
                }
                break;
            }
            if line > 0 {
                lines.push(String::new());
                continue;
            }
            let cut = left.char_indices().nth(longest).map_or(left.len(), |(at, _)| at);
            if let Some(last) = lines.last_mut() {
                last.push_str(&left[..cut]);
            }
            left = &left[cut..];
            lines.push(String::new());
        }
    }
    lines.retain(|line| !line.is_empty());
    lines.into_iter().map(|line| line.replace('\u{a0}', " ")).collect()
}

fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}

/// At most three decimals, none that say nothing.
fn number(value: f64) -> String {
    let text = format!("{:.3}", if value.is_finite() { value } else { 0.0 });
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::testing::parsed;
    use super::*;

    #[test]
    fn foreign_text_stays_text() {
        let hostile = "</title><script>alert(1)</script>\u{202e}\x1b[31m\u{0}\u{ffff}\u{1fffe}]]>&amp;\"' onload='x";
        let mut svg = Svg::new("a\"><b", hostile);
        svg.say("soft", hostile);
        svg.bar(Fill::Pattern("chain"), (1.0, 2.0), 3.0, 4.0, hostile);
        let text = svg.finish();
        let found = parsed(&text);
        assert!(!found.elements.iter().any(|element| element.name == "script"), "{text}");
        assert!(!text.contains(['\u{202e}', '\x1b', '\0', '\u{ffff}', '\u{1fffe}']));
        assert!(found.title.starts_with("</title><script>alert(1)</script>\\u{202e}\\x1b[31m\\x00"), "{}", found.title);
        assert!(found.elements.iter().all(|element| element.attributes.iter().all(|(key, _)| !key.starts_with("on"))));
    }

    #[test]
    fn a_long_text_is_cut_and_wrapped() {
        let mut svg = Svg::new("it", &"x".repeat(100_000));
        svg.say("", "one two three four five six seven eight nine ten eleven twelve");
        let found = parsed(&svg.finish());
        assert!(found.texts.iter().all(|text| text.chars().count() <= LINE), "{:?}", found.texts);
        assert_eq!(
            found.texts[found.texts.len() - 2..].join(" "),
            "one two three four five six seven eight nine ten eleven twelve"
        );
    }

    #[test]
    fn labels_stay_inside_and_apart() {
        assert_eq!(Label::along(10.0, 20.0, "short"), Label::start(10.0));
        assert_eq!(Label::along(80.0, 90.0, "a name that is long"), Label::end(90.0));
        assert_eq!(Label::along(50.0, 55.0, &"x".repeat(30)), Label::end(RIGHT));
        let at = |x: f64| (Label::start(x), "ten chars.".to_owned());
        assert_eq!(lanes(&[at(0.0), at(10.0), at(30.0), at(12.0)]), [0, 1, 0, 2]);
    }

    #[test]
    fn bars_that_are_empty_or_reversed_are_not_drawn() {
        let mut svg = Svg::new("it", "it");
        let before = svg.body.len();
        svg.bar(Fill::Class("other"), (5.0, 5.0), 0.0, 1.0, "");
        svg.bar(Fill::Class("other"), (5.0, 4.0), 0.0, 1.0, "");
        assert_eq!(svg.body.len(), before);
        assert_eq!([number(f64::NAN), number(-0.0001), number(1.5)], ["0", "0", "1.5"]);
    }
}
