//! Apache Otava: a CSV with one row a measurement, and the YAML that says what its columns are. Otava finds the build since which a
//! figure is another.
//!
//! A row has the medians of its boots. Otava reads a number in every cell, so only what every row has is a column; the YAML names the
//! rest in a comment.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;

use jiff::Timestamp;

use crate::formats::fault::FormatError;
use crate::formats::figures::{Figure, Figures, What, median};
use crate::formats::names::label;
use crate::sample::{Measured, Series};

/// File of the rows. The configuration names it, as it stands next to it.
pub const ROWS: &str = "boot-time-otava.csv";
/// File of the configuration.
pub const CONFIGURATION: &str = "boot-time-otava.yaml";

/// A measurement with a row.
struct Row<'a> {
    time: Timestamp,
    measured: &'a Measured,
    /// Value by column, in the order of the figures.
    cells: Vec<(String, u64)>,
    by_column: HashMap<String, u64>,
}

/// The rows and the configuration, for measurements of one series in any order.
///
/// Those of which no boot counts have no row; the configuration names them in a comment. An error when no row is left, or when two
/// measurements cannot be compared.
pub fn render(all: &[Measured]) -> Result<[String; 2], FormatError> {
    let first = all.first().ok_or(FormatError::Nothing)?;
    let (mut rows, mut left_out) = (Vec::new(), Vec::new());
    for measured in all {
        same_series(first, measured)?;
        let time = measured.at.parse::<Timestamp>().map_err(|_| FormatError::Value {
            at: "at".into(),
            why: format!("`{}` is not a time of RFC 3339", label(&measured.at)),
        })?;
        match Figures::of(measured) {
            Ok(figures) => {
                let cells: Vec<(String, u64)> = figures.of_boots().flat_map(cells).collect();
                rows.push(Row { time, measured, by_column: cells.iter().cloned().collect(), cells });
            }
            Err(error) => left_out.push(format!("{}: {error}", label(&measured.at))),
        }
    }
    if rows.is_empty() {
        return Err(Figures::of(first).err().unwrap_or(FormatError::Nothing));
    }
    rows.sort_by_key(|row| row.time);
    let columns = common_columns(&rows, &mut left_out);
    Ok([csv(&rows, &columns), yaml(&first.series, &columns, &left_out)])
}

/// `kernel-micros` and `kernel-instructions`.
fn cells(figure: &Figure) -> Vec<(String, u64)> {
    let name = match &figure.what {
        What::Total => "total".to_owned(),
        What::Phase(phase) => phase.name().to_owned(),
        What::Mark(name) => format!("until-{}", plain(name)),
        What::Unit(name) => format!("unit-{}", plain(name)),
    };
    let mut cells = vec![(format!("{name}-micros"), median(&figure.micros))];
    if !figure.instructions.is_empty() {
        cells.push((format!("{name}-instructions"), median(&figure.instructions)));
    }
    cells
}

/// A name of letters, digits and `._-`: Otava uses columns also in its own output, on its command line and as patterns.
fn plain(name: &str) -> String {
    name.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect()
}

/// Columns that every row has, in the order of the first one.
fn common_columns(rows: &[Row<'_>], left_out: &mut Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut columns = Vec::new();
    for (column, _) in rows.iter().flat_map(|row| &row.cells) {
        if !seen.insert(column.as_str()) {
            continue;
        }
        if rows.iter().all(|row| row.by_column.contains_key(column)) {
            columns.push(column.clone());
        } else {
            left_out.push(format!("{column}: not every row has it"));
        }
    }
    columns
}

fn csv(rows: &[Row<'_>], columns: &[String]) -> String {
    let mut out = String::from("time,image-sha256,muster,boots");
    for column in columns {
        out.push(',');
        out.push_str(column);
    }
    out.push('\n');
    for row in rows {
        let time = row.time.strftime("%Y.%m.%d %H:%M:%S +0000");
        let boots = row.measured.conclusive().count();
        let _ = write!(out, "{time},{},{},{boots}", cell(&row.measured.image_sha256), cell(&row.measured.muster));
        for column in columns {
            // Every row has it.
            let _ = write!(out, ",{}", row.by_column[column]);
        }
        out.push('\n');
    }
    out
}

/// Text in quotes, which are doubled inside; what a spreadsheet would take for a formula gets an apostrophe in front.
fn cell(text: &str) -> String {
    let text = label(text);
    let formula = text.starts_with(['=', '+', '-', '@']);
    format!("\"{}{}\"", if formula { "'" } else { "" }, text.replace('"', "\"\""))
}

fn yaml(series: &Series, columns: &[String], left_out: &[String]) -> String {
    let mut out = String::from(
        "# For Apache Otava 0.8.0. Name this file in OTAVA_CONFIG and start Otava in this directory: its option --config-file is\n\
         # passed over when it stands before the command.\n",
    );
    for line in left_out {
        let _ = writeln!(out, "# Left out: {}", label(line));
    }
    let boots = series.boots.name();
    // The key is what a person types after `otava analyze`.
    let _ =
        writeln!(out, "# Image {}, {}, {}", label(&series.image), label(&series.accelerator), label(&series.machine));
    let _ = writeln!(
        out,
        "tests:\n  boot-{}-{boots}:\n    type: csv\n    file: {ROWS}\n    time_column: time\n    \
         attributes: [image-sha256, muster, boots]\n    csv_options:\n      delimiter: ','\n      quote_char: '\"'\n    metrics:",
        key(&series.image)
    );
    for column in columns {
        // Quoted: no such name can become another type. `direction: -1` says that less is better.
        let _ = writeln!(out, "      '{column}': {{column: '{column}', direction: -1}}");
    }
    out
}

/// The part of a test's name that says which image: at most 64 plain characters.
fn key(image: &str) -> String {
    plain(&label(image)).chars().take(64).collect()
}

/// An error when the two cannot be in one series: Otava would find a change of the machine, and name a build for it.
fn same_series(first: &Measured, second: &Measured) -> Result<(), FormatError> {
    let (a, b) = (&first.series, &second.series);
    let boots = |series: &Series| format!("{:?}", series.boots).to_lowercase();
    let fields = [
        ("image", a.image.clone(), b.image.clone()),
        ("accelerator", a.accelerator.clone(), b.accelerator.clone()),
        ("machine", a.machine.clone(), b.machine.clone()),
        ("qemu", a.qemu.clone(), b.qemu.clone()),
        ("host", a.host.clone(), b.host.clone()),
        ("boots", boots(a), boots(b)),
    ];
    match fields.into_iter().find(|(_, one, other)| one != other) {
        Some((field, one, other)) => Err(FormatError::MixedSeries {
            first: label(&first.at),
            second: label(&second.at),
            field,
            one: label(&one),
            other: label(&other),
        }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    /// Rows of a CSV with quotes, read without the code above.
    fn records(csv: &str) -> Vec<Vec<String>> {
        let (mut records, mut record, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
        let mut chars = csv.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '"' if quoted && chars.peek() == Some(&'"') => field.extend(chars.next()),
                '"' => quoted = !quoted,
                ',' if !quoted => record.push(std::mem::take(&mut field)),
                '\n' if !quoted => {
                    record.push(std::mem::take(&mut field));
                    records.push(std::mem::take(&mut record));
                }
                c => field.push(c),
            }
        }
        assert!(!quoted && record.is_empty() && field.is_empty(), "the last row ends");
        records
    }

    #[test]
    fn each_measurement_is_a_row_of_medians_in_the_order_of_time() {
        let mut all = testing::series(1, 3, 5, 2, 1.5);
        all.reverse();
        let [csv, yaml] = render(&all).unwrap();
        let rows = records(&csv);
        assert_eq!(rows.len(), 4);
        assert_eq!(rows[0][..6], ["time", "image-sha256", "muster", "boots", "total-micros", "total-instructions"]);
        assert_eq!(rows[1][0], "2026.03.01 06:00:00 +0000");
        assert_eq!(rows[3][0], "2026.03.03 06:00:00 +0000");
        let total = |row: usize| rows[row][4].parse::<u64>().unwrap();
        assert_eq!(
            total(1),
            median(&all[2].conclusive().map(|sample| sample.total.unwrap().micros).collect::<Vec<_>>())
        );
        assert!(total(3) > total(2) * 11 / 10);
        for column in &rows[0][4..] {
            assert!(yaml.contains(&format!("'{column}': {{column: '{column}', direction: -1}}")), "{column}");
        }
    }

    #[test]
    fn what_has_no_number_is_left_out_and_named() {
        let mut all = testing::series(1, 3, 2, 9, 1.0);
        all[0].samples.iter_mut().for_each(|sample| sample.inconclusive = Some("busy\nhost: x".into()));
        for sample in &mut all[1].samples {
            sample.phases.remove(1);
        }
        let [csv, yaml] = render(&all).unwrap();
        assert_eq!(records(&csv).len(), 3);
        assert!(!csv.contains("loader"), "{csv}");
        assert!(
            yaml.contains("# Left out: 2026-03-01T06:00:00Z: none of the 2 boots counts: busy host: x\n"),
            "{yaml}"
        );
        assert!(yaml.contains("# Left out: loader-micros: not every row has it\n"), "{yaml}");
        assert!(matches!(render(&all[..1]), Err(FormatError::NoneCounts { .. })));
        assert_eq!(render(&[]), Err(FormatError::Nothing));
    }

    #[test]
    fn what_cannot_be_compared_is_in_no_one_file() {
        let mut all = testing::series(1, 2, 2, 9, 1.0);
        all[1].series.accelerator = "kvm".into();
        let error = render(&all).unwrap_err();
        let expected =
            "the measurements of 2026-03-01T06:00:00Z and 2026-03-02T06:00:00Z differ in accelerator: `tcg` and `kvm`";
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn hostile_names_break_neither_rows_nor_configuration() {
        // Every line is one of a fixed shape.
        let shape = regex::Regex::new(
            r#"^(#[^\x00-\x1f]*|tests:|  boot-[\w.-]{1,64}-later:|    [a-z_]+:( [^#'"]*)?|      (delimiter: ','|quote_char: '"')|      '[\w.-]+': \{column: '[\w.-]+', direction: -1\})$"#,
        )
        .unwrap();
        for name in testing::hostile_names() {
            let mut all = testing::series(1, 2, 2, 9, 1.0);
            for measured in &mut all {
                *measured = testing::with_name(measured, &name);
            }
            let [csv, yaml] = render(&all).unwrap();
            let rows = records(&csv);
            assert_eq!(rows.len(), 3, "{name:?}");
            assert!(rows.iter().all(|row| row.len() == rows[0].len()), "{name:?}");
            assert!(!rows[1][2].starts_with(['=', '+', '-', '@']), "{name:?}");
            assert!(rows[1][2].chars().count() <= 257 && !rows[1][2].chars().any(char::is_control), "{name:?}");
            for line in yaml.lines() {
                assert!(shape.is_match(line), "{name:?}: {line}");
            }
        }
    }
}
