//! A word of user space that the kernel tore: its driver writes a whole line in the middle of what a program
//! prints, `You are in emer[    2.948528] scsi 1:0:0:0: CD-ROM`, and the rest follows on the next line. The
//! two parts are put together again, as one more way to read the log: no part is taken from it. Pure.

use super::lines::Piece;
use super::message::{Message, next_stamp};

/// Beginnings that are remembered.
const MOST: usize = 4;

/// Bytes of a beginning; longer ones are no words that a line was torn in.
const LONGEST: usize = 512;

/// Lines of the kernel that may come between two parts.
const LINES_BETWEEN: u32 = 50;

/// Beginnings of messages whose rest may follow.
#[derive(Debug, Default)]
pub(crate) struct Torn {
    beginnings: Vec<String>,
    /// The line in which the rest must stand.
    next: u64,
    between: u32,
}

impl Torn {
    /// What the line reads like if it goes on with a torn one.
    pub(crate) fn joined(&self, piece: &Piece) -> Vec<String> {
        self.joined_with(piece).into_iter().map(|(whole, _)| whole).collect()
    }

    /// The same, each with its first part.
    pub(crate) fn joined_with(&self, piece: &Piece) -> Vec<(String, String)> {
        // An empty line between would be the end of the first one, and has a number of its own.
        if piece.number != self.next || !piece.begins {
            return Vec::new();
        }
        let rest = before_stamp(&piece.text);
        let join = |beginning: &String| (format!("{beginning}{rest}"), beginning.clone());
        if rest.is_empty() { Vec::new() } else { self.beginnings.iter().map(join).collect() }
    }

    /// Takes note of a line that was evaluated, and of its messages.
    pub(crate) fn take(&mut self, piece: &Piece, messages: &[Message<'_>]) {
        let follows = piece.number == self.next && piece.begins;
        let rest = before_stamp(&piece.text);
        let of_kernel = rest.trim().is_empty() && messages.iter().all(|message| message.stamp.is_some());
        let mut beginnings = match () {
            // Only the kernel has spoken: whatever is torn still is.
            () if follows && of_kernel && self.between < LINES_BETWEEN => {
                self.between += 1;
                std::mem::take(&mut self.beginnings)
            }
            // Torn again in its second part.
            () if follows && rest.len() < piece.text.len() => {
                self.joined_with(piece).into_iter().map(|(whole, _)| whole).collect()
            }
            () => {
                self.between = 0;
                Vec::new()
            }
        };
        // Every message of the line but the last may have been torn by the one after it.
        let all_but_last = messages.split_last().map_or(&[][..], |(_, rest)| rest);
        if messages.last().is_some_and(|last| last.stamp.is_some()) {
            beginnings.extend(all_but_last.iter().map(|message| message.text.clone().into_owned()));
        }
        beginnings.retain(|beginning| !beginning.trim().is_empty() && beginning.len() <= LONGEST);
        beginnings.truncate(MOST);
        *self = Self { beginnings, next: piece.number + 1, between: self.between };
    }
}

/// What stands before the first stamp of the kernel.
fn before_stamp(text: &str) -> &str {
    next_stamp(text.as_bytes(), 0).map_or(text, |(at, _)| &text[..at])
}

#[cfg(test)]
mod tests {
    use super::super::lines::Lines;
    use super::super::message::messages;
    use super::*;

    /// What all lines read like when they go on with a torn one.
    fn joined(log: &str) -> Vec<String> {
        let mut torn = Torn::default();
        let mut all = Vec::new();
        for piece in Lines::default().push(log.as_bytes()) {
            all.extend(torn.joined(&piece));
            torn.take(&piece, &messages(&piece.text, piece.begins).collect::<Vec<_>>());
        }
        all
    }

    #[test]
    fn parts_are_put_together_over_lines_of_the_kernel_and_more_than_once() {
        assert_eq!(joined("You are in emer[    2.900000] scsi x\r\ngency mode\r\n"), ["You are in emergency mode"]);
        assert_eq!(joined("a b[    2.900000] x\n[    2.900001] y\n[    2.900002] z\n c\n"), ["a b c"]);
        assert_eq!(joined("a[    2.900000] x\nb[    2.900001] y\nc\n"), ["ab", "abc", "bc"]);
        let kernels = "[    1.000000] Kernel pan[    1.000001] usb x\nic - not syncing\n";
        assert_eq!(joined(kernels), ["Kernel panic - not syncing"]);
    }

    #[test]
    fn what_does_not_follow_is_not_put_together() {
        assert_eq!(joined("a[    2.900000] x\n\nb\n"), [""; 0], "an empty line ends the first");
        assert_eq!(joined("a[    2.900000] x\nb\nc\n"), ["ab"], "only the next line");
        assert_eq!(joined("[    2.900000] x\nb\n"), [""; 0]);
        assert_eq!(joined("a\n[    2.900000] x\nb\n"), [""; 0], "the line had ended");
        assert_eq!(joined("a[    2.900000] x\rb\n"), [""; 0], "the same line, from its beginning");
        let many = format!("a[    2.900000] x\n{}b\n", "[    2.900001] y\n".repeat(60));
        assert_eq!(joined(&many), [""; 0]);
    }
}
