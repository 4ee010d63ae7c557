//! The difference between two texts as a person reads it: unified, three lines of context, bounded.

use std::time::Duration;

use similar::TextDiff;

use muster_base::text;

/// Lines of a diff that are shown at most.
const LINES: usize = 200;
/// Characters of one line that are shown at most.
const COLUMNS: usize = 1000;

/// A unified diff from the accepted text to the new one, escaped, without file names, of at most
/// 200 lines and a last one that counts what was left out. Empty when both are the same.
pub(crate) fn unified(accepted: &str, new: &str) -> String {
    // Both sides are ours to bound, yet two large texts with nothing in common would take minutes;
    // after the deadline the diff is coarser, and still right.
    let diff = TextDiff::configure().timeout(Duration::from_millis(500)).diff_lines(accepted, new);
    let rendered = diff.unified_diff().context_radius(3).missing_newline_hint(false).to_string();
    let mut out = String::new();
    let total = rendered.lines().count();
    for line in rendered.lines().take(LINES) {
        // The first character is the diff's own and must survive the trimming of `one_line`.
        let (mark, rest) = line.split_at(line.chars().next().map_or(0, char::len_utf8));
        let rest: String = text::escape(rest);
        out.push_str(mark);
        if rest.chars().count() > COLUMNS {
            out.extend(rest.chars().take(COLUMNS).chain(['…']));
        } else {
            out.push_str(&rest);
        }
        out.push('\n');
    }
    if total > LINES {
        out.push_str(&format!("[{} more lines of the diff left out]\n", total - LINES));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_is_three_lines_and_escapes_are_visible() {
        let accepted = "a\nb\nc\nd\ne\nf\ng\n";
        let new = "a\nb\nc\nd\nE\x1b[31m\nf\ng\n";
        assert_eq!(unified(accepted, new), "@@ -2,6 +2,6 @@\n b\n c\n d\n-e\n+E\\x1b[31m\n f\n g\n");
        assert_eq!(unified("same", "same"), "");
    }

    #[test]
    fn a_long_diff_says_what_it_left_out() {
        let new: String = (0..1000).map(|n| format!("line {n}\n")).collect();
        let diff = unified("", &new);
        assert_eq!(diff.lines().count(), LINES + 1);
        assert!(diff.ends_with("[801 more lines of the diff left out]\n"), "{}", diff.lines().last().unwrap());
        let wide = unified("", &"x".repeat(100_000));
        assert!(wide.len() < 1200);
    }
}
