//! What a terminal says of one test.

use anstyle::{AnsiColor, Style};

use super::paint::Paint;
use crate::pace::Slow;
use crate::words::{self, NAME};
use muster_base::text::one_line;
use muster_record::outcome::Outcome;
use muster_record::run::TestRecord;

/// Lines of detail that one failure shows at most; the reports have all of it.
pub(super) const DETAIL_LINES: usize = 40;

/// A test that takes, or took, far longer than usual.
pub(super) fn slow(paint: Paint, slow: &Slow, over: &str) -> String {
    let name = format!("{} [{}]", one_line(&slow.name, 2 * NAME), one_line(&slow.image, NAME));
    let (took, usual) = (words::seconds(slow.seconds), words::seconds(slow.usual));
    format!("{} {name}  ({over}{took}, usually {usual})", paint.label("SLOW", AnsiColor::Yellow))
}

/// How a test ended: nothing where nobody needs to read of it.
pub(super) fn lines(paint: Paint, verbose: bool, test: &TestRecord) -> Vec<String> {
    let mut lines = Vec::new();
    let name = format!("{} [{}]", one_line(&test.name(), 2 * NAME), one_line(&test.image, NAME));
    let took = words::seconds(test.seconds);
    let (_, headline) = words::headline(test);
    if let Some(kept) = words::kept(test) {
        if matches!(test.outcome, Outcome::Fail | Outcome::Error | Outcome::NotRun) {
            let mark = if test.outcome == Outcome::NotRun { "NOT RUN" } else { words::mark(test.outcome) };
            lines.push(format!("{} {name}, {kept}", paint.label(mark, AnsiColor::Red)));
            lines.push(format!("  {headline}"));
        }
        return lines;
    }
    let before = words::before(test).map(|before| format!("; {before}")).unwrap_or_default();
    match test.outcome {
        // A failure is never overwritten by a pass in silence.
        Outcome::Pass if words::did_not_pass_before(test) => {
            lines.push(format!("{} {name}  ({took}){before}", paint.label("PASS", AnsiColor::Green)));
        }
        Outcome::Pass if verbose => {
            lines.push(format!("{} {name}  ({took})", paint.label("PASS", AnsiColor::Green)));
        }
        Outcome::Skip if verbose => {
            lines.push(format!("{} {name}: {headline}", paint.label("SKIP", AnsiColor::Yellow)));
        }
        Outcome::NotRun if verbose => {
            lines.push(format!("NOT RUN {name}: {headline}"));
        }
        Outcome::Pass | Outcome::Skip | Outcome::NotRun => {}
        Outcome::Known => lines.push(format!("{} {name}: {headline}", paint.label("KNOWN", AnsiColor::Yellow))),
        Outcome::Flaky => lines.push(format!(
            "{} {name}  ({took}): passed on a retry after: {headline}",
            paint.label("FLAKY", AnsiColor::Yellow)
        )),
        Outcome::Fail | Outcome::Error => {
            let mark = paint.label(words::mark(test.outcome), AnsiColor::Red);
            lines.push(format!("{mark} {name}  ({took}){before}"));
            lines.extend(failures(paint, test));
        }
    }
    // Remarks on passes are for whoever asks; the record has all of them.
    let shown = verbose || !matches!(test.outcome, Outcome::Pass | Outcome::Skip | Outcome::NotRun);
    for remark in test.remarks.iter().filter(|_| shown) {
        lines.push(format!("      note: {}", one_line(remark, 400)));
    }
    lines
}

fn failures(paint: Paint, test: &TestRecord) -> Vec<String> {
    let mut lines = Vec::new();
    if test.failures.is_empty() {
        lines.push(format!("  {}", words::headline(test).1));
    }
    for failure in &test.failures {
        let id = paint.text(&one_line(failure.id.as_str(), NAME), Style::new().dimmed());
        lines.push(format!("  {}  {id}", one_line(&failure.message, 400)));
        let values = words::ends(words::values(failure), DETAIL_LINES);
        lines.extend(values.into_iter().map(|value| format!("      {}", cut(&value))));
        if let Some(location) = &failure.location {
            lines.push(format!("      {}", one_line(&location.to_string(), 400)));
        }
        let detail = words::ends(words::detail(failure), DETAIL_LINES);
        lines.extend(detail.into_iter().map(|detail| format!("        {}", cut(&detail)).trim_end().to_owned()));
    }
    if let Some(resume) = words::resume(test) {
        lines.push(format!("  enter its machine: {resume}"));
    }
    lines.push(format!("  run it again: {}", one_line(&test.rerun, 1000)));
    lines
}

/// A line no longer than a person reads; the reports have the whole.
fn cut(line: &str) -> String {
    if line.chars().count() <= 300 {
        return line.to_owned();
    }
    line.chars().take(299).chain(['…']).collect()
}
