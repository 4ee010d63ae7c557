//! A diagnostic as text. The shape is promised by the language page and differs from what
//! annotate-snippets draws (no empty gutter line above the source, `= ` notes without a kind), so
//! it is drawn here; it is little, and the escaping of hostile lines must agree with the carets.

use anstyle::{AnsiColor, Style};

use super::list::{Diagnostics, Sources};
use super::one::{Diagnostic, Span};
use muster_base::text;

/// Longest piece of a source line that is shown, in columns.
const WINDOW: usize = 110;

impl Diagnostic {
    /// The text a person reads, ending in a newline. `sources` gives the line to show; without it
    /// the excerpt is left out. Whatever the file holds, the result has no control characters but
    /// newlines and, when `color` is set, our own colours.
    pub fn render(&self, sources: &Sources, color: bool) -> String {
        render(self, sources.get(&self.file), color)
    }
}

impl Diagnostics {
    /// All of them as a person reads them, a blank line between, and the sum at the end. Empty
    /// when nothing is wrong.
    pub fn render(&self, color: bool) -> String {
        if self.list.is_empty() {
            return String::new();
        }
        let mut out = String::new();
        for diagnostic in &self.list {
            out.push_str(&diagnostic.render(self.sources(), color));
            out.push('\n');
        }
        if self.omitted > 0 {
            out.push_str(&format!("{} more are not shown\n", self.omitted));
        }
        let files = self.counts.len();
        out.push_str(&format!(
            "{} error{} in {files} file{}\n",
            self.len(),
            if self.len() == 1 { "" } else { "s" },
            if files == 1 { "" } else { "s" }
        ));
        out
    }
}

fn render(diagnostic: &Diagnostic, source: Option<&str>, color: bool) -> String {
    let paint = Paint { color };
    let red = AnsiColor::Red.on_default().bold();
    let blue = AnsiColor::Blue.on_default().bold();
    let bold = Style::new().bold();
    let message = text::one_line(&diagnostic.message, 400);
    let mut out = format!(
        "{}{}\n",
        paint.with(red, &format!("error[{}]", diagnostic.code)),
        paint.with(bold, &format!(": {message}"))
    );
    let file = text::one_line(&diagnostic.file, 200);
    let Some(span) = diagnostic.span else {
        out.push_str(&format!("{} {file}\n", paint.with(blue, " -->")));
        tail(&mut out, diagnostic, 1, paint, blue);
        return out;
    };
    let number = span.line.to_string();
    let width = number.len();
    out.push_str(&format!("{} {file}:{}:{}\n", paint.with(blue, &format!("{:width$}-->", "")), span.line, span.column));
    match source.map(|source| Excerpt::of(source, span)) {
        Some(excerpt) => {
            out.push_str(&format!("{} {}\n", paint.with(blue, &format!("{number} |")), excerpt.line));
            let label = text::one_line(&diagnostic.label, 300);
            let carets = "^".repeat(excerpt.carets);
            let next_to = if label.is_empty() { carets } else { format!("{carets} {label}") };
            out.push_str(&format!(
                "{} {:before$}{}\n",
                paint.with(blue, &format!("{:width$} |", "")),
                "",
                paint.with(red, &next_to),
                before = excerpt.before
            ));
        }
        None if !diagnostic.label.is_empty() => {
            let label = text::one_line(&diagnostic.label, 300);
            out.push_str(&format!("{} {label}\n", paint.with(blue, &format!("{:width$} =", ""))));
        }
        None => {}
    }
    tail(&mut out, diagnostic, width, paint, blue);
    out
}

fn tail(out: &mut String, diagnostic: &Diagnostic, width: usize, paint: Paint, gutter: Style) {
    let lines = diagnostic.notes.iter().cloned().chain(diagnostic.help.iter().map(|help| format!("help: {help}")));
    for line in lines {
        let line = text::one_line(&line, 1000);
        out.push_str(&format!("{} {line}\n", paint.with(gutter, &format!("{:width$} =", ""))));
    }
}

#[derive(Clone, Copy)]
struct Paint {
    color: bool,
}

impl Paint {
    fn with(self, style: Style, text: &str) -> String {
        if self.color { format!("{}{text}{}", style.render(), style.render_reset()) } else { text.to_owned() }
    }
}

/// One source line, escaped, cut to a window around the span.
struct Excerpt {
    line: String,
    /// Columns before the first caret.
    before: usize,
    /// At least one.
    carets: usize,
}

impl Excerpt {
    fn of(source: &str, span: Span) -> Self {
        let start = floor(source, span.start as usize);
        let end = floor(source, span.end as usize).max(start);
        let from = source[..start].rfind(['\n', '\r']).map_or(0, |at| at + 1);
        let to = source[start..].find(['\n', '\r']).map_or(source.len(), |at| start + at);
        // Only what lies near the span is looked at: a hostile line can be the whole file.
        let near = floor(source, start.saturating_sub(4 * WINDOW)).max(from);
        let far = floor(source, start + 4 * WINDOW).min(to);
        let left: Vec<(String, usize)> = cells(&source[near..start]).collect();
        let room_left = if end.saturating_sub(start) > WINDOW / 2 { WINDOW / 4 } else { WINDOW / 2 };
        let (kept, cut) = last_columns(&left, room_left + WINDOW / 4);
        let mut line = String::new();
        let mut before = 0;
        if cut || near > from {
            line.push('…');
            before += 1;
        }
        for (cell, width) in kept {
            line.push_str(cell);
            before += width;
        }
        let mut carets = 0;
        let mut used = before;
        let mut at = start;
        let mut complete = true;
        for c in source[start..far].chars() {
            let (cell, width) = cell(c);
            if used + width > WINDOW {
                complete = false;
                break;
            }
            line.push_str(&cell);
            used += width;
            if at < end {
                carets += width;
            }
            at += c.len_utf8();
        }
        if !complete || far < to {
            line.push('…');
        }
        Self { line: line.trim_end().to_owned(), before, carets: carets.max(1) }
    }
}

fn last_columns(cells: &[(String, usize)], columns: usize) -> (impl Iterator<Item = (&str, usize)>, bool) {
    let mut from = cells.len();
    let mut used = 0;
    while from > 0 && used + cells[from - 1].1 <= columns {
        from -= 1;
        used += cells[from].1;
    }
    (cells[from..].iter().map(|(cell, width)| (cell.as_str(), *width)), from > 0)
}

fn cells(text: &str) -> impl Iterator<Item = (String, usize)> {
    text.chars().map(cell)
}

/// What is printed for one character, and how many columns it takes.
fn cell(c: char) -> (String, usize) {
    if c == '\t' {
        return ("\\t".to_owned(), 2);
    }
    let shown = text::escape(c.encode_utf8(&mut [0; 4]));
    let width = if shown.chars().count() > 1 { shown.len() } else { columns(c) };
    (shown, width)
}

/// Columns of a printable character in a terminal: close enough for carets (East Asian wide blocks
/// and emoji take two, combining marks none).
fn columns(c: char) -> usize {
    match c as u32 {
        0x300..=0x36f | 0x200b..=0x200d | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::super::codes;
    use super::*;
    use std::sync::Arc;

    fn shown(source: &str, start: usize, end: usize) -> String {
        let file: Arc<str> = "f.yaml".into();
        let mut sources = Sources::default();
        sources.insert(&file, source.into());
        let line = source.as_bytes()[..start].iter().filter(|b| **b == b'\n').count() as u32 + 1;
        let span = Span { start: start as u32, end: end as u32, line, column: 1 };
        Diagnostic::new(codes::SYNTAX, &file, span, "m").label("l").render(&sources, false)
    }

    #[test]
    fn the_promised_shape() {
        let file: Arc<str> = "suites/nginx.yaml".into();
        let mut sources = Sources::default();
        let source = format!("{}        nginx: {{instaled: true}}\n", "\n".repeat(23));
        let start = source.find("instaled").unwrap() as u32;
        sources.insert(&file, source.into());
        let diagnostic = Diagnostic::new(
            codes::UNKNOWN_KEY,
            &file,
            Span { start, end: start + 8, line: 24, column: 17 },
            "`instaled` is not a key of package",
        )
        .label("did you mean `installed`?")
        .note("keys: installed, version, arch, vendor, signed, from-repo, verify, count");
        assert_eq!(
            diagnostic.render(&sources, false),
            "error[unknown-key]: `instaled` is not a key of package
  --> suites/nginx.yaml:24:17
24 |         nginx: {instaled: true}
   |                 ^^^^^^^^ did you mean `installed`?
   = keys: installed, version, arch, vendor, signed, from-repo, verify, count
"
        );
        let colored = diagnostic.render(&sources, true);
        assert!(colored.starts_with("\u{1b}[1m\u{1b}[31merror[unknown-key]"), "{colored:?}");
    }

    #[test]
    fn hostile_lines_are_escaped_and_carets_still_fit() {
        let shown = shown("a\x1b[31m: \u{202e}bad\n", 11, 14);
        let line = "1 | a\\x1b[31m: \\u{202e}bad\n";
        let caret = line.find("bad").unwrap();
        assert_eq!(shown, format!("error[syntax]: m\n --> f.yaml:1:1\n{line}  |{}^^^ l\n", " ".repeat(caret - 3)));
    }

    #[test]
    fn wide_characters_move_the_carets() {
        assert!(shown("日本: x", 8, 9).contains("1 | 日本: x\n  |       ^ l\n"));
    }

    #[test]
    fn a_line_as_long_as_a_file_is_cut_around_the_span() {
        let source = format!("{}HERE{}", "x".repeat(300_000), "y".repeat(300_000));
        let shown = shown(&source, 300_000, 300_004);
        let line = shown.lines().nth(2).unwrap();
        assert!(line.starts_with("1 | …xxx") && line.ends_with("yy…"), "{line}");
        assert!(line.chars().count() <= WINDOW + 6, "{}", line.chars().count());
        let caret = shown.lines().nth(3).unwrap().find('^').unwrap();
        assert_eq!(line.chars().skip(caret).take(4).collect::<String>(), "HERE");
    }

    #[test]
    fn spans_outside_the_text_do_not_panic() {
        assert!(shown("é", 1, 900).contains("error[syntax]"));
    }
}
