//! The last lines of a terminal, written again and again in one place. The cursor stands at the beginning of the line
//! below them, so that whatever else is written next to them begins a line.

use super::columns::columns;
use super::size::TerminalSize;

/// What stands there now.
#[derive(Debug, Default)]
pub(crate) struct Region {
    /// Columns of each line.
    drawn: Vec<usize>,
}

impl Region {
    /// What is written to take the lines away. On a terminal that has become narrower they have been broken in two, as
    /// most terminals do, and are as many more.
    pub(crate) fn erase(&mut self, size: TerminalSize) -> String {
        let width = usize::from(size.columns.max(1));
        let rows: usize = self.drawn.drain(..).map(|columns| columns.div_ceil(width).max(1)).sum();
        match rows {
            0 => String::new(),
            // Up to the first of them, then away with everything from there.
            rows => format!("\r\x1b[{rows}A\x1b[J"),
        }
    }

    /// What is written to show these lines, which fit into the terminal. Those before them have been erased.
    pub(crate) fn draw(&mut self, lines: &[String]) -> String {
        self.drawn = lines.iter().map(|line| columns(&without_styles(line))).collect();
        lines.iter().map(|line| format!("{line}\n")).collect()
    }
}

/// A line of ours without the styles that we have put in.
fn without_styles(line: &str) -> String {
    let mut parts = line.split('\x1b');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| out + part.split_once('m').map_or("", |(_, rest)| rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn wide(columns: u16) -> TerminalSize {
        TerminalSize { columns, rows: 24 }
    }

    #[test]
    fn what_is_erased_is_what_was_drawn() {
        let mut region = Region::default();
        assert_eq!(region.erase(wide(80)), "", "nothing is there, and nothing above it may go");
        assert_eq!(region.draw(&["\x1b[1mfirst\x1b[0m".into(), String::new()]), "\x1b[1mfirst\x1b[0m\n\n");
        assert_eq!(region.drawn, [5, 0]);
        assert_eq!(region.erase(wide(80)), "\r\x1b[2A\x1b[J");
        assert_eq!(region.erase(wide(80)), "");
    }

    #[test]
    fn lines_that_a_narrower_terminal_has_broken_are_erased_whole() {
        let mut region = Region::default();
        region.draw(&["x".repeat(79), "x".repeat(40), "x".repeat(41)]);
        assert_eq!(region.erase(wide(40)), "\r\x1b[5A\x1b[J");
    }
}
