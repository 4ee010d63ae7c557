//! What was found as a comment of a pull request: the verdict and what is against it first, all else folded. What files and
//! systems say stands in code spans and fences, where it can neither mention anybody nor become a link.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use muster_base::text::{code_span, escape};

use crate::answer::{Answered, Effect};
use crate::sum::{Port, summary};
use crate::trial::SmokeResult;
use crate::words::{self, Cause};

/// Bytes of a comment; hosts take 65,536 characters.
const LARGEST: usize = 60_000;
/// Characters of a code span.
const SPAN: usize = 300;

/// The comment.
pub fn render(port: &Port) -> String {
    let from = port.from.as_ref().map(|from| format!(", from {}", code(from))).unwrap_or_default();
    let mut out = format!("### {}{from}: {}\n", code(&port.target), port.summary());
    if port.chains.len() > 1 {
        out.push_str("\n| chain | |\n|---|---|\n");
        let row = |chain: &crate::sum::PortedChain| {
            let verdict = summary(chain.verdict(port.accepts_gaps), chain.counts());
            format!("| {} | {verdict} |\n", code(&chain.chain.file))
        };
        rows(&mut out, port.chains.iter().map(row).collect(), LARGEST / 4);
    }
    let mut by_cause: BTreeMap<Cause, Vec<&Answered>> = BTreeMap::new();
    for answered in port.chains.iter().flat_map(|chain| &chain.answers) {
        if let Some(cause) = Cause::of(answered) {
            by_cause.entry(cause).or_default().push(answered);
        }
    }
    for (cause, needs) in &by_cause {
        let _ = write!(out, "\n**{}: {}**\n\n| line | need | answer |\n|---|---|---|\n", cause.title(), needs.len());
        let row = |answered: &&Answered| {
            let place = code(&answered.need.place.to_string());
            let blocking = answered.differences.iter().filter(|one| one.blocks);
            let differences: String =
                blocking.map(|one| format!("; {}: {} → {}", one.what, one.there, one.here)).collect();
            let answer = format!("{}{differences}", words::answer(answered));
            format!("| {place} | {} | {} |\n", code(&words::need(&answered.need)), code(&answer))
        };
        rows(&mut out, needs.iter().map(row).collect(), LARGEST / 2);
    }
    let installations = || port.chains.iter().flat_map(|chain| &chain.installations);
    let problems = installations().flat_map(|one| one.problems.iter().chain(&one.unknown));
    section(&mut out, "Does not install together", problems.map(|problem| item(problem)).collect());
    for chain in &port.chains {
        let faults = chain.trial.iter().flat_map(|trial| trial.faults());
        let mut lines: Vec<String> = faults
            .flat_map(|(what, lines)| lines.into_iter().map(move |line| item(&format!("{what}: {line}"))))
            .collect();
        lines.extend(chain.trial.iter().filter_map(|trial| trial.failed.as_ref()).map(|why| item(why)));
        section(&mut out, &format!("{} on the image", code(&chain.chain.file)), lines);
        if let Some(smoke) = chain.smoke.as_ref().filter(|smoke| smoke.result() != SmokeResult::Works) {
            let said = format!("{}\n{}", smoke.target.stdout, smoke.target.stderr);
            let title = format!("{} {}", code(&smoke.command), smoke.result().name());
            section(&mut out, &title, vec![item(&muster_base::text::last_words(&said, SPAN))]);
        }
    }
    let gaps = port.chains.iter().flat_map(|chain| &chain.chain.not_understood);
    let gaps: Vec<String> = gaps.map(|gap| item(&format!("{}  {}: {}", gap.place, gap.written, gap.why))).collect();
    section(&mut out, "Not understood", gaps);
    let diffs: Vec<String> = port
        .chains
        .iter()
        .flat_map(|chain| &chain.edited)
        .flat_map(|file| file.diff().lines().map(|line| format!("{}\n", escape(line))).collect::<Vec<_>>())
        .collect();
    let edits: usize = port.chains.iter().flat_map(|chain| &chain.edited).map(|file| file.edits).sum();
    let fence = "`".repeat(diffs.iter().map(|line| longest_run(line)).max().unwrap_or(0).max(3) + 1);
    fold(&mut out, &format!("Edits: {edits}"), &diffs, Some(&fence));
    let answers = || port.chains.iter().flat_map(|chain| &chain.answers);
    let differs = answers().flat_map(|answered| {
        let place = answered.need.place.to_string();
        let all = answered.differences.iter().filter(|one| !one.blocks);
        all.map(move |one| item(&format!("{place}  {}: {} → {}", one.what, one.there, one.here)))
    });
    let differs: Vec<String> = differs.collect();
    fold(&mut out, &format!("Works, but is otherwise: {}", differs.len()), &differs, None);
    let without = answers().filter(|answered| answered.effect() == Effect::Tolerated);
    let without: Vec<String> = without
        .map(|one| item(&format!("{}  {} {}", one.need.place, words::need(&one.need), words::answer(one))))
        .collect();
    fold(&mut out, &format!("Goes on without: {}", without.len()), &without, None);
    out
}

fn code(text: &str) -> String {
    code_span(text, SPAN)
}

fn item(text: &str) -> String {
    format!("- {}\n", code(text))
}

/// The longest run of backticks.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Adds pieces up to a length, and how many were left out.
fn rows(out: &mut String, pieces: Vec<String>, most: usize) {
    let mut whole = 0;
    for piece in &pieces {
        if out.len() + piece.len() > most {
            break;
        }
        out.push_str(piece);
        whole += 1;
    }
    if whole < pieces.len() {
        let _ = writeln!(out, "\n{} more are left out here; the text report has them all.", pieces.len() - whole);
    }
}

fn section(out: &mut String, title: &str, lines: Vec<String>) {
    if !lines.is_empty() {
        let _ = write!(out, "\n**{title}**\n\n");
        rows(out, lines, LARGEST * 2 / 3);
    }
}

fn fold(out: &mut String, title: &str, lines: &[String], fence: Option<&str>) {
    // The frame of a fold that would hold nothing is not worth its room.
    if lines.is_empty() || out.len() > LARGEST - 2000 {
        return;
    }
    let (open, close) = match fence {
        Some(fence) => (format!("{fence}diff\n"), format!("{fence}\n")),
        None => (String::new(), String::new()),
    };
    let _ = write!(out, "\n<details><summary>{title}</summary>\n\n{open}");
    let mut whole = 0;
    for line in lines {
        if out.len() + line.len() + 200 > LARGEST {
            break;
        }
        out.push_str(line);
        whole += 1;
    }
    out.push_str(&close);
    if whole < lines.len() {
        let _ = write!(out, "\n{} more lines are left out here.\n", lines.len() - whole);
    }
    out.push_str("\n</details>\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_comment_begins_with_what_is_against_it() {
        let comment = render(&testing::planted());
        let order =
            ["### ` lab `", "**not there: 2**", "**works with an edit: ", "**Not understood**", "<summary>Edits: "];
        let places: Vec<usize> =
            order.iter().map(|part| comment.find(part).unwrap_or_else(|| panic!("{part}: {comment}"))).collect();
        assert!(places.is_sorted(), "{places:?} {comment}");
        assert!(comment.contains("````diff\n--- a/Containerfile\n"), "{comment}");
    }

    #[test]
    fn hostile_text_cannot_leave_its_span_and_a_comment_is_bounded() {
        let mut port = testing::hostile();
        let comment = render(&port);
        assert!(!comment.contains('\u{1b}') && !comment.contains("\n@all"), "{comment}");
        let one = port.chains[0].answers[0].clone();
        port.chains[0].answers.extend(std::iter::repeat_n(one, 5000));
        let gap = port.chains[0].chain.not_understood[0].clone();
        port.chains[0].chain.not_understood.extend(std::iter::repeat_n(gap, 5000));
        let chain = port.chains[0].clone();
        port.chains.extend(std::iter::repeat_n(chain, 20));
        let comment = render(&port);
        assert!(comment.len() < 65_536 && comment.contains("more are left out here"), "{}", comment.len());
    }
}
