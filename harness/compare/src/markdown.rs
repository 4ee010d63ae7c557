//! A comparison as a comment of a pull request: what needs a decision first, all else folded. What systems
//! say stands in code spans, where it can neither mention anybody nor become a link.

use std::fmt::Write as _;

use super::ledger::entry_for;
use super::text::{reported, values};
use super::verdict::{ComparisonResult, Evaluated, Standing};
use muster_base::text::code_span;

/// Bytes of a comment; hosts take 65,536 characters.
const LARGEST: usize = 60_000;

/// The comment.
pub fn render(verdict: &ComparisonResult) -> String {
    let mut out = format!("### {} → {}\n\n{}\n", code(&verdict.baseline), code(&verdict.candidate), verdict.summary());
    let standing = |wanted: fn(&Standing) -> bool| {
        verdict.evaluated.iter().filter(move |evaluated| wanted(&evaluated.standing)).collect::<Vec<&Evaluated>>()
    };
    let open = standing(|standing| !matches!(standing, Standing::Documented(_)));
    let mut left_out = 0;
    if !open.is_empty() {
        out.push_str("\n| difference | before → after | |\n|---|---|---|\n");
        for evaluated in &open {
            let note = match &evaluated.standing {
                Standing::Expired { note, .. } | Standing::Undocumented { note } => note.as_str(),
                Standing::Documented(_) => "",
            };
            let row =
                format!("| {} | {} | {} |\n", code(&evaluated.difference.key()), code(&values(evaluated)), cell(note));
            left_out += usize::from(!add(&mut out, &row, LARGEST * 2 / 3));
        }
    }
    if left_out > 0 {
        let _ = writeln!(out, "\n{left_out} more are left out here; the text report has them all.");
    }
    let lines = |list: &[super::comparison::Uncompared]| -> Vec<String> {
        list.iter().map(|it| format!("- {}: {}\n", it.kind, code(&it.why))).collect()
    };
    section(&mut out, "Could not be compared", &lines(&verdict.uncompared));
    section(
        &mut out,
        "Stale entries",
        &verdict.stale.iter().map(|line| format!("- {}\n", cell(line))).collect::<Vec<_>>(),
    );
    let entries: Vec<String> = open.iter().map(|evaluated| format!("{}\n", entry_for(&evaluated.difference))).collect();
    let fence = "`".repeat(4.max(longest_run(&entries.concat()) + 1));
    fold(&mut out, "Entries that would document them", &entries, Some(&fence));
    let documented: Vec<String> = standing(|standing| matches!(standing, Standing::Documented(_)))
        .into_iter()
        .filter_map(|evaluated| match &evaluated.standing {
            Standing::Documented(document) => {
                Some(format!("- {}: {}\n", code(&evaluated.difference.key()), code(&reported(document))))
            }
            _ => None,
        })
        .collect();
    fold(&mut out, &format!("{} documented differences", documented.len()), &documented, None);
    out
}

/// Adds a piece unless it is too much; whether it did.
fn add(out: &mut String, piece: &str, most: usize) -> bool {
    let fits = out.len() + piece.len() <= most;
    if fits {
        out.push_str(piece);
    }
    fits
}

fn section(out: &mut String, title: &str, lines: &[String]) {
    if lines.is_empty() {
        return;
    }
    let _ = write!(out, "\n**{title}**\n\n");
    let whole = lines.iter().filter(|line| add(out, line, LARGEST * 5 / 6)).count();
    if whole < lines.len() {
        let _ = writeln!(out, "- {} more are left out here.", lines.len() - whole);
    }
}

fn fold(out: &mut String, title: &str, lines: &[String], fence: Option<&str>) {
    if lines.is_empty() {
        return;
    }
    let (open, close) = match fence {
        Some(fence) => (format!("{fence}yaml\n"), format!("{fence}\n")),
        None => (String::new(), String::new()),
    };
    let _ = write!(out, "\n<details><summary>{title}</summary>\n\n{open}");
    let whole = lines.iter().filter(|line| add(out, line, LARGEST)).count();
    let _ = write!(out, "{close}");
    if whole < lines.len() {
        let _ = write!(out, "\n{} more are left out here.\n", lines.len() - whole);
    }
    out.push_str("\n</details>\n");
}

/// The longest run of backticks.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

fn code(text: &str) -> String {
    code_span(text, 300)
}

/// Our own words around names of files; they may hold code spans of ours.
fn cell(text: &str) -> String {
    code(&text.replace('`', "'"))
}

#[cfg(test)]
mod tests {
    use super::super::verdict::tests::planted;
    use super::*;

    #[test]
    fn a_comment_begins_with_what_needs_a_decision() {
        let comment = render(&planted("package/removed/foo", |_| {}));
        assert!(
            comment.starts_with("### ` planted ` → ` candidate `\n\n3 differences: 1 documented, 2 not\n"),
            "{comment}"
        );
        assert!(comment.contains("| ` package/changed/bash:release ` | ` 1.fc43 → 1.azl4 ` |  |\n"), "{comment}");
        assert!(comment.contains("`` 1 → a\\|b`c ``"), "{comment}");
        assert!(comment.contains("<summary>1 documented differences</summary>"), "{comment}");
        assert!(comment.contains("````yaml\n- {pattern: "), "{comment}");
    }

    #[test]
    fn hostile_text_cannot_leave_its_span_and_a_comment_is_bounded() {
        assert_eq!(code("a`b``c"), "``` a`b``c ```");
        assert_eq!(code("x | y\n</details> @all"), "` x \\| y </details> @all `");
        let mut verdict = planted("", |_| {});
        let one = verdict.evaluated[0].clone();
        verdict.evaluated.extend(std::iter::repeat_n(one, 5000));
        verdict.stale = vec!["x".repeat(200); 1000];
        let comment = render(&verdict);
        assert!(comment.len() < 65_536 && comment.contains("more are left out here"), "{}", comment.len());
    }
}
