//! Styles, where they are wanted.

use anstyle::{AnsiColor, Style};

/// Paints, or leaves text as it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    /// Whether styles are written.
    pub(super) colour: bool,
}

impl Paint {
    /// The mark that a line begins with.
    pub(super) fn label(self, word: &str, colour: AnsiColor) -> String {
        self.text(word, Style::new().bold().fg_color(Some(colour.into())))
    }

    pub(super) fn text(self, text: &str, style: Style) -> String {
        if self.colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}
