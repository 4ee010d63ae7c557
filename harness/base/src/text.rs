//! Text that came from a guest, an image or a foreign suite, escaped before a person or a
//! parser sees it.

/// Makes every control character visible (`\x1b`, `\u{202e}`) except newline and tab, so that the
/// text can neither move a terminal's cursor nor reorder a line.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            c if c.is_control() && (c as u32) < 0x100 => out.push_str(&format!("\\x{:02x}", c as u32)),
            // Bidirectional overrides and isolates, line separators, the byte order mark and the
            // two non-characters that XML 1.0 forbids.
            '\u{061c}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => out.push_str(&format!("\\u{{{:x}}}", c as u32)),
            c => out.push(c),
        }
    }
    out
}

/// [`escape`] on bytes that may not be UTF-8, with CRLF folded to LF.
pub fn escape_bytes(bytes: &[u8]) -> String {
    escape(&String::from_utf8_lossy(bytes).replace("\r\n", "\n"))
}

/// One escaped line of at most `max` characters: newlines become spaces, the rest is cut with `…`.
pub fn one_line(text: &str, max: usize) -> String {
    let flat = escape(text.trim()).replace(['\n', '\t'], " ");
    if flat.chars().count() <= max {
        return flat;
    }
    flat.chars().take(max.saturating_sub(1)).chain(['…']).collect()
}

/// The end of what a program printed, as one escaped line of at most `max` characters: as many of its last
/// lines as fit, since programs say at their end why they failed. A last line that is longer is cut with `…`.
pub fn last_words(text: &str, max: usize) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut left = max;
    for line in text.lines().rev().map(str::trim).filter(|line| !line.is_empty()) {
        let length = one_line(line, usize::MAX).chars().count();
        if !kept.is_empty() && length > left {
            break;
        }
        left = left.saturating_sub(length + 1);
        kept.push(line);
    }
    kept.reverse();
    one_line(&kept.join(" "), max)
}

/// The ending of a word that is counted: `1 suite`, `2 suites`.
pub fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

/// Bytes as lower-case hexadecimal digits.
pub fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Whether a text is a SHA-256 in hexadecimal digits, of either case.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The last `max` bytes of `text`, cut at a line when one is near, with a note of what was left out.
pub fn tail(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let mut start = text.len() - max;
    while !text.is_char_boundary(start) {
        start += 1;
    }
    if let Some(newline) = text[start..].find('\n').filter(|at| *at < max / 2) {
        start += newline + 1;
    }
    format!("[{start} bytes left out]\n{}", &text[start..])
}

/// A word for a POSIX shell, quoted only when it needs it, so that what a person copies stays readable.
pub fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A code span of Markdown, also for a cell of a table: one escaped line of at most `max` characters that nothing in it
/// can end. Of nothing, nothing.
pub fn code_span(text: &str, max: usize) -> String {
    // A bar would end the cell of a table even there.
    let text = one_line(text, max).replace('|', "\\|");
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    if text.is_empty() { String::new() } else { format!("{fence} {text} {fence}") }
}

/// Text in an element or in a quoted attribute of HTML, SVG or XML. What no document may hold is for [`escape`].
pub fn markup(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// Why a file could not be read: what the operating system said, without the number that only it knows.
pub fn plain_cause(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file or directory".to_owned(),
        std::io::ErrorKind::PermissionDenied => "it may not be read".to_owned(),
        std::io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
        _ => without_numbers(&error.to_string()),
    }
}

/// A text without the numbers of the operating system's errors: ` (os error 2)`.
pub fn without_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(" (os error ") {
        let after = &rest[at + " (os error ".len()..];
        let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        out.push_str(&rest[..at]);
        match after[digits..].strip_prefix(')') {
            Some(left) if digits > 0 => rest = left,
            _ => {
                out.push_str(" (os error ");
                rest = after;
            }
        }
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_bytes_become_visible_and_newlines_stay() {
        assert_eq!(
            escape("a\x1b[31mb\x00\n\tc\u{202e}\u{61c}\u{ffff}"),
            "a\\x1b[31mb\\x00\n\tc\\u{202e}\\u{61c}\\u{ffff}"
        );
        assert_eq!(escape_bytes(b"x\r\ny\xff"), "x\ny\u{fffd}");
    }

    #[test]
    fn one_line_is_bounded() {
        assert_eq!(one_line(" a\nb ", 10), "a b");
        assert_eq!(one_line("abcdef", 4), "abc…");
    }

    #[test]
    fn the_last_words_of_a_program_are_whole_lines_from_its_end() {
        assert_eq!(last_words("warning: a\n\nerror: b\x1b\nerror: c\n\n", 24), "error: b\\x1b error: c");
        assert_eq!(last_words("warning: a\nerror: b\n", 12), "error: b");
        assert_eq!(last_words("first\na last line that is long\n", 6), "a las…");
        assert_eq!(last_words("\n \n", 6), "");
    }

    #[test]
    fn nothing_in_a_code_span_ends_it() {
        assert_eq!(code_span("a`b``c", 300), "``` a`b``c ```");
        assert_eq!(code_span("x | y\n</details> @all", 300), "` x \\| y </details> @all `");
        assert_eq!(code_span(" ", 300), "");
    }

    #[test]
    fn tail_says_what_it_left_out() {
        assert_eq!(tail("abc", 5), "abc");
        assert_eq!(tail("one\ntwo\nthree\n", 11), "[4 bytes left out]\ntwo\nthree\n");
    }

    #[test]
    fn the_number_of_an_error_is_for_no_person() {
        let missing = std::fs::File::open("/no/such/file").unwrap_err();
        assert!(missing.to_string().contains("os error"), "{missing}");
        assert_eq!(plain_cause(&missing), "there is no such file or directory");
        assert_eq!(without_numbers(&format!("a: {missing}; b: {missing}")).matches("os error").count(), 0);
        for kept in ["", "(os error 2)", "a (os error x)", "a (os error 2", " (os error )"] {
            assert_eq!(without_numbers(kept), kept);
        }
        assert_eq!(without_numbers("a (os error x) (os error 21) b"), "a (os error x) b");
    }
}
