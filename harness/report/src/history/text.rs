//! For people.

use super::series::{Series, SeriesState};
use crate::list::columns;
use muster_base::text::{one_line, plural};
use muster_record::outcome::Outcome;

/// Series of one state that are listed unless all are.
const LISTED: usize = 20;
/// Runs of a series that are drawn.
const DRAWN: usize = 30;

/// What is new first, then what goes on, what is flaky and what was fixed. `all` lists every series.
pub fn text(series: &[Series<'_>], runs: usize, all: bool) -> String {
    let mut lines = vec![format!("{} series over {runs} run{}", series.len(), plural(runs))];
    for state in SeriesState::ALL {
        let of: Vec<&Series<'_>> = series.iter().filter(|one| one.state == state).collect();
        if of.is_empty() {
            continue;
        }
        lines.push(String::new());
        lines.push(format!("{} {}", of.len(), explained(state)));
        if matches!(state, SeriesState::Good | SeriesState::Unknown) && !all {
            continue;
        }
        let most = if all { usize::MAX } else { LISTED };
        let rows: Vec<Vec<String>> = of.iter().take(most).map(|one| row(one)).collect();
        let table = columns(&["TEST", "IMAGE", "RUNS", "FAILURE", "LAST GOOD", "FIRST BAD"], &rows);
        lines.extend(table.trim_end().lines().map(|line| format!("  {line}")));
        if of.len() > most {
            lines.push(format!("  {} more (--all lists them)", of.len() - most));
        }
    }
    lines.join("\n") + "\n"
}

fn explained(state: SeriesState) -> &'static str {
    match state {
        SeriesState::New => "new: failing in the last run that has it, and not in the one before",
        SeriesState::First => "first: failing in the only run that has a result, with nothing to compare",
        SeriesState::Active => "active: failing in the last run that has it, since an earlier one",
        SeriesState::Flaky => "flaky: the same file of an image both passed and failed",
        SeriesState::Fixed => "fixed: passing in the last run that has it, and failing in the one before",
        SeriesState::Good => "good",
        SeriesState::Unknown => "unknown: no run has a result",
    }
}

fn row(series: &Series<'_>) -> Vec<String> {
    let run = |at: Option<usize>| at.map_or("-".to_owned(), |at| one_line(series.points[at].run, 60));
    let last = series.points.iter().rev().find_map(|point| point.failure);
    let image = format!("{} {}", series.key.image, series.key.accelerator);
    vec![
        one_line(&series.key.test, 100),
        one_line(image.trim(), 60),
        drawn(series),
        one_line(last.unwrap_or("-"), 60),
        run(series.last_good),
        run(series.first_bad),
    ]
}

/// The last runs, oldest first: `.` passed, `F` failed, `E` error, `~` passed at a second attempt, `k` known, `s` skipped,
/// `-` did not run.
fn drawn(series: &Series<'_>) -> String {
    let from = series.points.len().saturating_sub(DRAWN);
    let letter = |outcome| match outcome {
        Outcome::Pass => '.',
        Outcome::Fail => 'F',
        Outcome::Error => 'E',
        Outcome::Flaky => '~',
        Outcome::Known => 'k',
        Outcome::Skip => 's',
        Outcome::NotRun => '-',
    };
    series.points[from..].iter().map(|point| letter(point.outcome)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::series::series;
    use crate::history::series::tests::history;

    #[test]
    fn the_only_run_has_nothing_to_compare_with() {
        let history = history(&[("a", Outcome::Fail)]);
        let said = text(&series(&history), history.len(), false);
        assert!(said.contains("\n1 first: failing in the only run that has a result"), "{said}");
        assert!(!said.contains("new:"), "{said}");
    }

    #[test]
    fn a_new_failure_is_first_with_its_last_good_run() {
        let history = history(&[("a", Outcome::Pass), ("b", Outcome::Skip), ("c", Outcome::Fail)]);
        let said = text(&series(&history), history.len(), false);
        assert!(
            said.starts_with(
                "1 series over 3 runs\n\n1 new: failing in the last run that has it, and not in the one before\n"
            ),
            "{said}"
        );
        let row = said.lines().last().unwrap();
        let cells: Vec<&str> = row.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
        assert_eq!(cells, ["base/boots", "azurelinux-4.0 tcg", ".sF", "boot.timeout", "run-0", "run-2"]);
    }
}
