//! How many columns of a terminal a text takes, styles apart.

use anstyle::Style;

/// Columns of a text without escape sequences, never fewer than a terminal takes for it: which characters are wide
/// differs from terminal to terminal, and a line that is too long would be broken in two.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().map(of_character).sum()
}

fn of_character(c: char) -> usize {
    match c {
        '…' => 1,
        c if c < '\u{300}' => 1,
        _ => 2,
    }
}

/// As much of a text as fits into so many columns; `…` stands for the rest.
pub(crate) fn cut(text: &str, most: usize) -> String {
    if columns(text) <= most {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        used += of_character(c);
        if used >= most {
            break;
        }
        out.push(c);
    }
    if most > 0 {
        out.push('…');
    }
    out
}

/// A line of parts, each with its style.
#[derive(Debug, Default)]
pub(super) struct Styled(Vec<(String, Style)>);

impl Styled {
    pub(super) fn push(&mut self, text: impl Into<String>, style: Style) -> &mut Self {
        self.0.push((text.into(), style));
        self
    }

    pub(super) fn plain(&mut self, text: impl Into<String>) -> &mut Self {
        self.push(text, Style::new())
    }

    /// The line, cut to so many columns, with or without its styles.
    pub(super) fn cut(&self, most: usize, colour: bool) -> String {
        let mut out = String::new();
        let mut left = most;
        for (text, style) in &self.0 {
            let part = cut(text, left);
            left -= columns(&part).min(left);
            let whole = part == *text;
            if colour && *style != Style::new() && !part.is_empty() {
                out.push_str(&format!("{style}{part}{style:#}"));
            } else {
                out.push_str(&part);
            }
            if !whole {
                break;
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anstyle::AnsiColor;

    #[test]
    fn no_text_takes_more_columns_than_there_are() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("longer", 5), "long…");
        assert_eq!(cut("日本語", 6), "日本語");
        assert_eq!(cut("日本語", 5), "日本…");
        assert_eq!(cut("日本語", 4), "日…");
        assert_eq!((cut("ab", 1), cut("ab", 0)), ("…".into(), String::new()));
        for most in 0..12 {
            assert!(columns(&cut("a日\u{301}b🙂c…def", most)) <= most);
        }
    }

    #[test]
    fn styles_take_no_columns_and_are_always_closed() {
        let mut line = Styled::default();
        line.push("BOOT", Style::new().bold().fg_color(Some(AnsiColor::Cyan.into()))).plain(" lab-1");
        assert_eq!(line.cut(20, false), "BOOT lab-1");
        assert_eq!(line.cut(20, true), "\x1b[1m\x1b[36mBOOT\x1b[0m lab-1");
        assert_eq!(line.cut(7, true), "\x1b[1m\x1b[36mBOOT\x1b[0m l…");
        assert_eq!(line.cut(3, true), "\x1b[1m\x1b[36mBO…\x1b[0m");
    }
}
