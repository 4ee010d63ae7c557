//! Brackets that are opened and never closed. The parser notices only where something after them cannot be, which may be many
//! lines below.

/// Whether the bracket at byte `start` is not closed before the list or mapping around it goes on: in the lines that belong to
/// it, which are indented deeper than the line on which it stands.
pub(super) fn is_never_closed(text: &str, start: usize) -> bool {
    let bytes = text.as_bytes();
    if !matches!(bytes.get(start), Some(b'{' | b'[')) {
        return false;
    }
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let indent = indentation(&text[line_start..]);
    let mut open: Vec<u8> = Vec::new();
    let mut quote: Option<u8> = None;
    let mut at = start;
    while at < bytes.len() {
        let byte = bytes[at];
        match quote {
            Some(b'"') if byte == b'\\' => at += 1,
            Some(mark) if byte == mark => quote = None,
            Some(_) => {}
            None => match byte {
                // A quote in a word is a letter of it; a comment begins behind a blank.
                b'"' | b'\'' if at == start || b" \t\n,:{[".contains(&bytes[at - 1]) => quote = Some(byte),
                b'#' if at > start && b" \t\n".contains(&bytes[at - 1]) => {
                    at += text[at..].find('\n').unwrap_or(text.len() - at);
                    continue;
                }
                b'{' => open.push(b'}'),
                b'[' => open.push(b']'),
                // One that closes another kind closes nothing.
                b'}' | b']' if open.pop() != Some(byte) => return true,
                b'}' | b']' if open.is_empty() => return false,
                b'\n' => {
                    let next = &text[at + 1..];
                    let blank = next.lines().next().is_none_or(|line| line.trim().is_empty());
                    if !blank && indentation(next) <= indent {
                        return true;
                    }
                }
                _ => {}
            },
        }
        at += 1;
    }
    // A quote that is not closed hides what follows.
    quote.is_none()
}

fn indentation(line: &str) -> usize {
    line.bytes().take_while(|byte| *byte == b' ').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_never_closed_is_found_and_nothing_else() {
        for (text, never) in [
            ("a: {b: c\nd: e\n", true),
            ("a: {b: c", true),
            ("a: {b: {c: d}\n", true),
            ("a: {b: [c}\n", true),
            ("a: {b: c}\n", false),
            ("a: {b: c,\n  d: e}\nf: g\n", false),
            ("a: {b: '}', c: \"\\\"}\"\nd: e\n", true),
            ("a: {b: it's}\nc: d\n", false),
            ("a: {b: c # }\n  , d: e}\n", false),
            ("a: {b: c # }\nd: e\n", true),
            ("- {a: b\n- {a: c}\n", true),
            ("a: {b: 'c\n", false),
            ("a: b\n", false),
        ] {
            assert_eq!(is_never_closed(text, text.find(['{', '[']).unwrap_or(0)), never, "{text:?}");
        }
    }
}
