//! How results are printed.

use muster_base::text::one_line;

/// How results are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people
    #[default]
    Text,
    /// One object for programs
    Json,
    /// Tables for a pull request or a wiki
    Markdown,
}

/// A text as the cell of a Markdown table: one escaped line that can neither end the cell nor become
/// a link, an image or HTML.
pub(super) fn cell(text: &str) -> String {
    let mut out = String::new();
    for c in one_line(text, 300).chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '!' | '~' | '#' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::cell;

    #[test]
    fn a_cell_stays_a_cell() {
        assert_eq!(cell("a|b\n![x](y) <b>&"), r"a\|b \!\[x\](y) &lt;b>&amp;");
    }
}
