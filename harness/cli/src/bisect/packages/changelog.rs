//! What the changelog of a package says that the one before it did not.

use muster_base::text::escape_bytes;

/// Bytes that are read of each changelog, and kept of what is new in it.
pub(super) const READ: usize = 16 << 10;
const KEPT: usize = 4 << 10;

/// Separates the changelogs of several packages in one answer.
const SEPARATOR: u8 = 0x1c;

/// Prints the changelog of each of `"$@"` by this command of rpm, each behind a separator.
pub(super) fn script(rpm: &str) -> String {
    format!(
        "for one do printf '\\034'; [ -z \"$one\" ] || {rpm} --changelog \"$one\" 2>/dev/null | head -c {READ}; done"
    )
}

/// The changelogs of an answer; `None` when there are not so many, since then none is known to be whose.
pub(super) fn several(answer: &[u8], count: usize) -> Option<Vec<String>> {
    let parts: Vec<&[u8]> = answer.split(|byte| *byte == SEPARATOR).collect();
    match parts.split_first() {
        Some((before, rest)) if before.is_empty() && rest.len() == count => {
            Some(rest.iter().map(|part| escape_bytes(part)).collect())
        }
        _ => None,
    }
}

/// The entries of `new` above the newest of `old`; the newest alone when nothing of it is in `old`.
pub(super) fn between(new: &str, old: &str) -> String {
    let (entries, known) = (entries(new), entries(old));
    let newest = known.first();
    let count = entries.iter().position(|entry| Some(entry) == newest).unwrap_or(1);
    let mut out = String::new();
    for entry in entries.iter().take(count) {
        if out.len() + entry.len() > KEPT {
            out.push_str("…\n");
            break;
        }
        out.push_str(entry);
        out.push('\n');
    }
    out.trim_end().to_owned()
}

/// An entry begins with `* ` at the start of a line.
fn entries(text: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        match out.last_mut() {
            Some(entry) if !line.starts_with("* ") => {
                entry.push('\n');
                entry.push_str(line);
            }
            _ if line.starts_with("* ") => out.push(line.to_owned()),
            _ => {}
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "* Mon Jan 05 2026 A <a@b> - 1-1\n- first\n";

    #[test]
    fn entries_above_the_newest_that_is_known_are_new() {
        let new =
            format!("* Wed Jan 07 2026 A - 3-1\n- third\n  goes on\n\n* Tue Jan 06 2026 A - 2-1\n- second\n\n{OLD}");
        let expected = "* Wed Jan 07 2026 A - 3-1\n- third\n  goes on\n* Tue Jan 06 2026 A - 2-1\n- second";
        assert_eq!(between(&new, OLD), expected);
        assert_eq!(between(OLD, OLD), "");
        assert_eq!(between(OLD, ""), OLD.trim_end());
        assert_eq!(between("", OLD), "");
        assert_eq!(between("(none)\n", OLD), "");
        let long = format!("* x\n{}\n{OLD}", "- y\n".repeat(4000));
        assert_eq!(between(&long, OLD), "…");
    }

    #[test]
    fn an_answer_with_another_number_of_changelogs_is_none() {
        assert_eq!(several(b"\x1ca\n\x1cb\n", 2), Some(vec!["a\n".to_owned(), "b\n".to_owned()]));
        assert_eq!(several(b"\x1ca\n\x1cb\x1c\n", 2), None);
        assert_eq!(several(b"x\x1ca\n", 1), None);
        assert_eq!(several(b"", 0), Some(vec![]));
    }
}
