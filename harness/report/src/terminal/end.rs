//! What a terminal says at the end of a run.

use std::collections::BTreeMap;

use anstyle::{AnsiColor, Style};

use super::paint::Paint;
use crate::closing::{self, FailedBefore};
use crate::verdict;
use crate::words::{self, NAME};
use muster_base::text::one_line;
use muster_record::outcome::Outcome;
use muster_record::run::RunRecord;

/// What did not pass, on a screen of this size.
pub(super) fn closing(
    paint: Paint,
    record: &RunRecord,
    failed_before: &FailedBefore,
    rows: usize,
    columns: usize,
) -> Vec<String> {
    let groups = closing::groups(record, failed_before, rows, columns.saturating_sub(1));
    let mut lines = Vec::new();
    for group in groups {
        lines.push(paint.text(&group.heading, Style::new().bold()));
        lines.extend(group.tests.iter().map(|(mark, text)| match *mark {
            "" => format!("  {text}"),
            "KNOWN" => format!("  {} {text}", paint.label(mark, AnsiColor::Yellow)),
            mark => format!("  {} {text}", paint.label(mark, AnsiColor::Red)),
        }));
    }
    if !lines.is_empty() {
        lines.insert(0, String::new());
    }
    lines
}

/// Counts, what did not run, the sentence about each image, and where the reports are.
pub(super) fn last_lines(paint: Paint, record: &RunRecord, reports: &[(&str, String)]) -> Vec<String> {
    let mut lines = vec![String::new(), counts(paint, record)];
    lines.extend(words::kept_results(record));
    lines.extend(words::machines(record));
    lines.extend(words::awaited(record));
    lines.extend(not_run(paint, record));
    lines.extend(skips(record));
    for verdict in verdict::of_images(record) {
        let colour = match verdict.standing {
            verdict::Standing::Passes => AnsiColor::Green,
            verdict::Standing::NotTested => AnsiColor::Yellow,
            verdict::Standing::Fails => AnsiColor::Red,
        };
        lines.push(paint.text(&verdict.sentence(), Style::new().bold().fg_color(Some(colour.into()))));
    }
    if let Some(why) = verdict::unexplained(record) {
        lines.push(paint.text(&format!("the run is not a pass: {why}"), Style::new().bold()));
    }
    if record.accelerator.kind == "tcg" {
        lines.push("Timings are from emulation; do not compare with hardware".into());
    }
    let width = reports.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    for (name, path) in reports {
        lines.push(format!("{:<width$}  {}", one_line(name, NAME), one_line(path, 4096)));
    }
    lines
}

/// Tests that did not run, one line for each image and cause: the error itself stands above, once.
fn not_run(paint: Paint, record: &RunRecord) -> Vec<String> {
    let mut causes: BTreeMap<(&str, String), usize> = BTreeMap::new();
    for test in record.tests.iter().filter(|test| test.outcome == Outcome::NotRun) {
        *causes.entry((&test.image, words::without_line(&words::headline(test).1))).or_default() += 1;
    }
    let several = record.images.len() > 1;
    let lines = causes.into_iter().map(|((image, cause), count)| {
        let on = if several { format!(" on {}", one_line(image, NAME)) } else { String::new() };
        let line = format!("{count} test{} not run{on}: {cause}", muster_base::text::plural(count));
        paint.text(&line, Style::new().fg_color(Some(AnsiColor::Red.into())))
    });
    words::bounded(lines.collect(), 10)
}

fn counts(paint: Paint, record: &RunRecord) -> String {
    let counts: Vec<String> = Outcome::ALL
        .iter()
        .map(|outcome| (*outcome, record.tests.iter().filter(|test| test.outcome == *outcome).count()))
        .filter(|(outcome, count)| *count > 0 || *outcome == Outcome::Pass)
        .map(|(outcome, count)| {
            let colour = match outcome {
                Outcome::Pass => AnsiColor::Green,
                Outcome::Fail | Outcome::Error | Outcome::NotRun => AnsiColor::Red,
                _ => AnsiColor::Yellow,
            };
            let word = if outcome == Outcome::NotRun { "not run" } else { outcome.name() };
            let word = paint.text(word, Style::new().fg_color(Some(colour.into())));
            format!("{count} {word}")
        })
        .collect();
    let images = record.images.len();
    let noun = if record.tests.len() == 1 { "test" } else { "tests" };
    let on = if images == 1 { "1 image".to_owned() } else { format!("{images} images") };
    format!("{} {noun} on {on}: {}", record.tests.len(), counts.join(", "))
}

/// Skips by reason, the most frequent first; each listed above already when verbose.
fn skips(record: &RunRecord) -> Vec<String> {
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for test in record.tests.iter().filter(|test| test.outcome == Outcome::Skip) {
        *reasons.entry(words::headline(test).1).or_default() += 1;
    }
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let lines = reasons.into_iter().map(|(reason, count)| format!("  {count} skipped: {reason}")).collect();
    words::bounded(lines, 10)
}
