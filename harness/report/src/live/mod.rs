//! What goes on, at the bottom of a terminal: the machines, what runs on them, how far the run is.
//!
//! [`LiveView`] is a fold of events, and [`LiveView::lines`] makes of it the lines for a terminal of some size at some
//! moment; both are pure. [`Region`] is where those lines stand on the terminal.

mod columns;
mod region;
mod view;

pub(crate) use columns::cut;
pub(crate) use region::Region;
pub(crate) use view::LiveView;

/// How large a terminal is, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TerminalSize {
    /// Characters of a line.
    pub columns: u16,
    /// Lines.
    pub rows: u16,
}

impl Default for TerminalSize {
    /// What a terminal has that does not say it.
    fn default() -> Self {
        Self { columns: 80, rows: 24 }
    }
}
