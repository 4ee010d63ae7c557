//! The messages of a line. What a kernel says stands behind a time stamp, a level and a caller, and
//! several writers share a port: user space leaves an unfinished line before it, and two processors
//! tear each other's lines. So a line is cut at every time stamp, and each part is a message of its
//! own. Pure.

use std::sync::OnceLock;

use regex::Regex;

/// One message of a line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Message<'l> {
    /// Seconds of the kernel's clock, when it has a time stamp.
    pub stamp: Option<f64>,
    /// What was said, without level, caller, date, host and blanks before it.
    pub text: &'l str,
}

/// The messages of a line, in order; those without text are left out. `begins` says that the text is
/// the beginning of a line and not the rest of a long one, of which only what follows a time stamp can
/// be told to be a message.
pub fn messages(line: &str, begins: bool) -> impl Iterator<Item = Message<'_>> {
    let mut rest = Some((line, begins.then_some(None)));
    std::iter::from_fn(move || {
        loop {
            let (text, stamp) = rest.take()?;
            let end = match next_stamp(text.as_bytes(), 0) {
                Some((at, length)) => {
                    rest = Some((&text[at + length..], Some(text[at + 1..at + length - 1].trim().parse().ok())));
                    at
                }
                None => text.len(),
            };
            // `None` is the unknown rest of a line that began in an earlier piece.
            let Some(stamp) = stamp else { continue };
            let text = bare(&text[..end]);
            if !text.is_empty() {
                return Some(Message { stamp, text });
            }
        }
    })
}

/// Where the first time stamp (`[   12.345678]`) at or after `from` begins, and its length.
pub fn next_stamp(bytes: &[u8], from: usize) -> Option<(usize, usize)> {
    let mut at = from;
    while let Some(found) = bytes.get(at..)?.iter().position(|&byte| byte == b'[') {
        at += found;
        if let Some(length) = stamp_length(&bytes[at..]) {
            return Some((at, length));
        }
        at += 1;
    }
    None
}

/// The longest time stamp: brackets, twelve digits or blanks, a point, six digits.
pub const LONGEST_STAMP: usize = 21;

fn stamp_length(bytes: &[u8]) -> Option<usize> {
    let bytes = &bytes[..bytes.len().min(LONGEST_STAMP)];
    let count = |from: usize, kind: fn(&u8) -> bool| bytes[from..].iter().take_while(|byte| kind(byte)).count();
    let blanks = count(1, |byte| *byte == b' ');
    let seconds = count(1 + blanks, u8::is_ascii_digit);
    let point = 1 + blanks + seconds;
    if seconds == 0 || bytes.get(point) != Some(&b'.') {
        return None;
    }
    let close = point + 7;
    (count(point + 1, u8::is_ascii_digit) == 6 && bytes.get(close) == Some(&b']')).then_some(close + 1)
}

/// What may stand between a time stamp, or the beginning of a line, and the message: printk's level
/// and caller (also as vendors' kernels print them), its note about lost messages, dates and hosts of
/// log daemons and of `dmesg -T`, a login prompt that the kernel spoke into.
const PREFIX: &str = r"^(?x:
    [\ \t]
  | <[0-9]{1,3}>
  | \[\ *[TC][0-9]{1,8}\]
  | \[[0-9]{1,3}:\ *[^\]\[:]{1,20}:\ *[0-9]{1,8}\]
  | c[0-9]{1,3}\ +[0-9]{1,8}\ (?:[\ ]|)
  | \*\*\ [0-9]+\ printk\ messages\ dropped\ \*\*
  | [0-9]{4}/[0-9]{2}/[0-9]{2}\ [0-9:]{8}\ 
  | \[[A-Z][a-z]{2}\ [A-Z][a-z]{2}\ [\ 0-9][0-9]\ [0-9:]{8}\ [0-9]{4}\]
  | [A-Z][a-z]{2}\ [\ 0-9][0-9]\ [0-9:]{8}\ [A-Za-z0-9._-]{1,64}\ 
  | [0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.,]{8,16}(?:Z|[+-][0-9:]{4,5})\ [A-Za-z0-9._-]{1,64}\ 
  | [A-Za-z0-9._-]{1,64}\ login:\ 
  | kernel:
)+";

fn bare(text: &str) -> &str {
    static PREFIXES: OnceLock<Option<Regex>> = OnceLock::new();
    let prefix = PREFIXES.get_or_init(|| Regex::new(PREFIX).ok()).as_ref();
    let end = prefix.and_then(|prefix| prefix.find(text)).map_or(0, |found| found.end());
    &text[end..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<&str> {
        messages(line, true).map(|message| message.text).collect()
    }

    #[test]
    fn stamps_levels_callers_and_dates_are_no_part_of_a_message() {
        for line in [
            "x",
            "[    1.234567][    T1] x",
            "<4>[    1.234567] [ T77] x",
            "[123456.000001][   C12] x",
            "lab login: x",
            "2018/01/09 14:28:48 x",
            "[Mon Nov  2 10:00:00 2026] x",
            "Nov 22 10:00:00 host-1 kernel: x",
            "2026-11-22T10:00:00.123456+00:00 host kernel: x",
            "[   50.583499] c7    5170 x",
            "[    1.000000][1:  swapper/0:  1] x",
            "** 93 printk messages dropped ** [  322.962139] x",
            " kernel:[   12.000000] x",
        ] {
            assert_eq!(texts(line), ["x"], "{line}");
        }
        for line in ["[  OK  ] Started x", "[1.2] x", "[ 12.1234567] x", "[12.123456 x", "(initramfs) ", "[ BUG: x ]"] {
            assert_eq!(texts(line), [line], "{line}");
        }
    }

    #[test]
    fn a_line_is_cut_at_every_stamp() {
        let torn = "lab login: ab[   35.100000] Kernel pan[   35.100001][    C1] usb 1-1: new[  1.5] y";
        assert_eq!(texts(torn), ["ab", "Kernel pan", "usb 1-1: new[  1.5] y"]);
        let stamps: Vec<_> = messages(torn, true).map(|message| message.stamp).collect();
        assert_eq!(stamps, [None, Some(35.1), Some(35.100001)]);
    }

    #[test]
    fn the_rest_of_a_long_line_has_messages_only_behind_stamps() {
        let found: Vec<_> = messages("ne=Kernel panic[    2.000000] x", false).map(|message| message.text).collect();
        assert_eq!(found, ["x"]);
        assert_eq!(messages("Kernel panic - not syncing", false).count(), 0);
    }

    #[test]
    fn the_prefix_is_a_regular_expression() {
        Regex::new(PREFIX).unwrap();
    }
}
