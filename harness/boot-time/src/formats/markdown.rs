//! A short table for a pull request or a job's summary.

use std::fmt::Write as _;

use crate::formats::fault::FormatError;
use crate::formats::figures::{FOR_P95, Figure, Figures, What, median, p95};
use crate::formats::names::label;
use crate::sample::{Measured, Population};

/// Units in the table, the slowest ones.
pub const UNITS: usize = 5;

/// One section with one table.
pub fn render(measured: &Measured) -> Result<String, FormatError> {
    let figures = Figures::of(measured)?;
    let series = &measured.series;
    let boots = match series.boots {
        Population::First => "first boots of fresh copies",
        Population::Later => "boots of a system that was booted before",
        Population::Unseen => "boots that nobody saw",
    };
    let many = figures.boots >= FOR_P95;
    let image = match measured.image_sha256.as_str() {
        "" => "not known".to_owned(),
        digest => code(&digest.chars().take(12).collect::<String>()),
    };
    let mut out = format!("### Boot time of {}\n\n", code(&series.image));
    let _ = writeln!(
        out,
        "{} of {} boots count: {boots}, {}, {}, QEMU {}, {}. Image {}.\n",
        figures.boots,
        measured.samples.len(),
        code(&series.accelerator),
        code(&series.machine),
        code(&series.qemu),
        code(&series.host),
        image,
    );
    let (title, rule) = if many { (" p95 |", " --: |") } else { ("", "") };
    let _ = writeln!(
        out,
        "| | boots | median | min | max |{title} instructions |\n| :-- | --: | --: | --: | --: |{rule} --: |"
    );
    for figure in figures.of_boots() {
        row(&mut out, figure, many);
    }
    for figure in figures.slowest_units(UNITS) {
        row(&mut out, figure, many);
    }
    if figures.other_phases > 0 {
        let _ = writeln!(
            out,
            "\n{} of the boots had other phases than the rest; theirs are not in the table.",
            figures.other_phases
        );
    }
    for sentence in &measured.not_measured {
        let _ = writeln!(out, "\nNot measured: {}", code(sentence));
    }
    Ok(out)
}

fn row(out: &mut String, figure: &Figure, many: bool) {
    let what = match &figure.what {
        What::Total => "**total**".to_owned(),
        What::Phase(phase) => phase.name().to_owned(),
        What::Mark(name) => format!("until {}", code(name)),
        What::Unit(name) => format!("unit {}", code(name)),
    };
    let values = &figure.micros;
    let (least, greatest) = (values.iter().min().copied().unwrap_or(0), values.iter().max().copied().unwrap_or(0));
    let _ = write!(
        out,
        "| {what} | {} | {} | {} | {} |",
        values.len(),
        seconds(median(values)),
        seconds(least),
        seconds(greatest)
    );
    if many {
        let _ = write!(out, " {} |", p95(values).map(seconds).unwrap_or_default());
    }
    let instructions = match figure.instructions.as_slice() {
        [] => String::new(),
        counted => format!("{:.1} M", median(counted) as f64 / 1e6),
    };
    let _ = writeln!(out, " {instructions} |");
}

fn seconds(micros: u64) -> String {
    format!("{:.3} s", micros as f64 / 1e6)
}

/// Text as code: nothing in it is markup, a link or a mention. A backquote would end the code and a bar the cell; both are shown as
/// escapes, which no Markdown reader takes apart.
fn code(text: &str) -> String {
    format!("`{}`", label(text).replace('`', "\\x60").replace('|', "\\x7c"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn a_table_is_short_and_says_what_is_left_out() {
        let mut measured = testing::measured(1, 5);
        measured.samples[4].inconclusive = Some("busy".into());
        measured.samples[3].phases.remove(1);
        measured.not_measured.push("the loader of one boot".into());
        insta::assert_snapshot!(render(&measured).unwrap());
    }

    #[test]
    fn a_percentile_needs_twenty_boots() {
        assert!(!render(&testing::measured(1, 19)).unwrap().contains("p95"));
        let table = render(&testing::measured(1, 20)).unwrap();
        assert!(table.contains("| max | p95 | instructions |"));
        cells(&table);
    }

    /// That every row has as many cells as the first; then their number.
    fn cells(table: &str) -> usize {
        let rows: Vec<usize> =
            table.lines().filter(|line| line.starts_with('|')).map(|line| line.matches('|').count()).collect();
        assert!(rows.len() > 5 && rows.iter().all(|count| *count == rows[0]), "{table}");
        rows.len()
    }

    #[test]
    fn hostile_names_stay_inside_of_their_code() {
        let plain = cells(&render(&testing::measured(1, 2)).unwrap());
        for name in testing::hostile_names() {
            let table = render(&testing::with_name(&testing::measured(1, 2), &name)).unwrap();
            assert_eq!(cells(&table), plain, "{name:?}");
            for line in table.lines() {
                assert_eq!(line.matches('`').count() % 2, 0, "{line}");
                assert!(!line.chars().any(char::is_control) && line.chars().count() < 2_000, "{line}");
                // Outside of code there are only words of ours.
                let outside: String = line.split('`').step_by(2).collect();
                assert!(outside.chars().all(|c| c.is_ascii_alphanumeric() || " |:-.,#*".contains(c)), "{outside}");
            }
        }
    }
}
