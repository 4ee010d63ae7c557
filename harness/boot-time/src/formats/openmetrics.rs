//! OpenMetrics text, for Prometheus and what reads its files (the text file collector of node_exporter reads the same lines).
//!
//! Gauges with the label `statistic`: `median`, `min`, `max`, and `p95` from 20 boots on. Seconds, as OpenMetrics wants base units.

use std::fmt::Write as _;

use crate::formats::fault::FormatError;
use crate::formats::figures::{Figure, Figures, What, median, p95};
use crate::formats::names::label;
use crate::sample::Measured;

/// Units that are written, the slowest ones: each is three series or more in whoever scrapes it.
pub const UNITS: usize = 20;

/// A kind of rows: the family's name without its unit, what it is, the label that names a row, and which rows.
type Family<'a> = (&'a str, &'a str, Option<&'a str>, Vec<(String, &'a Figure)>);

/// One exposition, with `# EOF`.
pub fn render(measured: &Measured) -> Result<String, FormatError> {
    let figures = Figures::of(measured)?;
    let units = figures.slowest_units(UNITS);
    let of = |which: &dyn Fn(&What) -> Option<String>| -> Vec<(String, &Figure)> {
        figures.rows.iter().filter_map(|row| Some((which(&row.what)?, row))).collect()
    };
    let families: [Family<'_>; 4] = [
        ("total", "Start of QEMU to the end of the boot.", None, of(&|what| (*what == What::Total).then(String::new))),
        (
            "phase",
            "A phase of the boot.",
            Some("phase"),
            of(&|what| match what {
                What::Phase(phase) => Some(phase.name().to_owned()),
                _ => None,
            }),
        ),
        (
            "mark",
            "Start of QEMU to a moment.",
            Some("mark"),
            of(&|what| match what {
                What::Mark(name) => Some(name.clone()),
                _ => None,
            }),
        ),
        (
            "unit",
            "Activation of one of the slowest units.",
            Some("unit"),
            units
                .into_iter()
                .filter_map(|row| match &row.what {
                    What::Unit(name) => Some((name.clone(), row)),
                    _ => None,
                })
                .collect(),
        ),
    ];
    let series = series_labels(measured);
    let mut out = information(measured, &figures, &series);
    for (name, help, by, rows) in &families {
        let seconds = rows.iter().map(|(value, row)| (value.as_str(), row.micros.as_slice()));
        family(&mut out, &format!("muster_boot_{name}_seconds"), "seconds", help, *by, &series, seconds, |micros| {
            format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
        });
        let counted = rows.iter().filter(|(_, row)| !row.instructions.is_empty());
        let instructions = counted.map(|(value, row)| (value.as_str(), row.instructions.as_slice()));
        let help = format!("Instructions of all processors of the guest. {help}");
        family(
            &mut out,
            &format!("muster_boot_{name}_instructions"),
            "instructions",
            &help,
            *by,
            &series,
            instructions,
            |count| count.to_string(),
        );
    }
    out.push_str("# EOF\n");
    Ok(out)
}

/// What is known of the machine, and how many boots there were.
fn information(measured: &Measured, figures: &Figures, series: &str) -> String {
    let mut out = String::from("# TYPE muster_boot info\n# HELP muster_boot Where the boots were measured.\n");
    let facts = [
        ("machine", &measured.series.machine),
        ("qemu", &measured.series.qemu),
        ("host", &measured.series.host),
        ("image_sha256", &measured.image_sha256),
        ("muster", &measured.muster),
    ];
    let facts: Vec<String> = facts.iter().map(|(name, value)| pair(name, value)).collect();
    let _ = writeln!(out, "muster_boot_info{{{series},{}}} 1", facts.join(","));
    out.push_str("# TYPE muster_boot_samples gauge\n# HELP muster_boot_samples Boots, and whether they count.\n");
    let left = measured.samples.len() - figures.boots;
    let _ = writeln!(out, "muster_boot_samples{{{series},counts=\"true\"}} {}", figures.boots);
    let _ = writeln!(out, "muster_boot_samples{{{series},counts=\"false\"}} {left}");
    out
}

/// A family with all its samples; nothing when there are none.
#[allow(clippy::too_many_arguments)]
fn family<'a>(
    out: &mut String,
    name: &str,
    unit: &str,
    help: &str,
    by: Option<&str>,
    series: &str,
    rows: impl Iterator<Item = (&'a str, &'a [u64])>,
    number: impl Fn(u64) -> String,
) {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return;
    }
    let _ = writeln!(out, "# TYPE {name} gauge\n# UNIT {name} {unit}\n# HELP {name} {help}");
    for (value, values) in rows {
        let row = by.map(|by| format!(",{}", pair(by, value))).unwrap_or_default();
        let (least, greatest) = (values.iter().min().copied(), values.iter().max().copied());
        for (statistic, value) in
            [("median", Some(median(values))), ("min", least), ("max", greatest), ("p95", p95(values))]
        {
            if let Some(value) = value {
                let _ = writeln!(out, "{name}{{{series}{row},statistic=\"{statistic}\"}} {}", number(value));
            }
        }
    }
}

/// What every sample has: of which series it is.
fn series_labels(measured: &Measured) -> String {
    let boots = measured.series.boots.name();
    [pair("image", &measured.series.image), pair("accelerator", &measured.series.accelerator), pair("boots", boots)]
        .join(",")
}

/// `name="value"` with backslash, quote and newline escaped; other control characters are shown.
fn pair(name: &str, value: &str) -> String {
    format!("{name}=\"{}\"", label(value).replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::LazyLock;

    use regex::Regex;

    use super::*;
    use crate::testing;

    static DESCRIPTOR: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^# (TYPE|UNIT|HELP) ([a-z_]+) (.+)$").unwrap());
    static SAMPLE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"^([a-z_]+)\{((?:[a-z_0-9]+="(?:[^"\\\n]|\\[\\"n])*",?)*)\} ([0-9.]+)$"#).unwrap()
    });
    static LABEL: LazyLock<Regex> = LazyLock::new(|| Regex::new(r#"([a-z_0-9]+)="((?:[^"\\\n]|\\[\\"n])*)""#).unwrap());

    /// Name, labels as they stand there, and value of a sample.
    type Parsed = (String, Vec<(String, String)>, f64);

    /// Reads an exposition line by line, as strictly as the specification: descriptors before samples, families whole, no sample twice.
    fn parse(text: &str) -> Vec<Parsed> {
        assert!(text.ends_with("\n# EOF\n") && text.lines().filter(|line| *line == "# EOF").count() == 1, "{text}");
        let (mut families, mut current, mut samples, mut seen) =
            (BTreeSet::new(), String::new(), Vec::new(), BTreeSet::new());
        for line in text.strip_suffix("# EOF\n").unwrap().lines() {
            if let Some(found) = DESCRIPTOR.captures(line) {
                if &found[1] == "TYPE" {
                    current = found[2].to_owned();
                    assert!(families.insert(current.clone()), "{current} comes twice");
                }
                assert_eq!(found[2], current, "{line}");
                if &found[1] == "UNIT" {
                    assert!(current.ends_with(&format!("_{}", &found[3])), "{line}");
                }
                continue;
            }
            let found = SAMPLE.captures(line).unwrap_or_else(|| panic!("no line of an exposition: {line}"));
            assert!(found[1] == current || found[1] == format!("{current}_info"), "{line}");
            assert!(seen.insert(line.rsplit_once(' ').unwrap().0.to_owned()), "{line} comes twice");
            let labels = LABEL.captures_iter(&found[2]).map(|pair| (pair[1].to_owned(), pair[2].to_owned())).collect();
            samples.push((found[1].to_owned(), labels, found[3].parse().unwrap()));
        }
        samples
    }

    #[test]
    fn a_boot_is_gauges_in_base_units() {
        let mut measured = testing::measured(1, 3);
        for (sample, micros) in measured.samples.iter_mut().zip([3_000_001, 9_000_000, 4_000_000]) {
            sample.total.as_mut().unwrap().micros = micros;
        }
        measured.samples[2].inconclusive = Some("x".into());
        let text = render(&measured).unwrap();
        let start = r#"muster_boot_total_seconds{image="lab",accelerator="tcg",boots="later",statistic="#;
        assert!(text.contains(&format!("{start}\"median\"}} 6.000000\n")), "{text}");
        assert!(text.contains(&format!("{start}\"min\"}} 3.000001\n")), "{text}");
        let samples = parse(&text);
        let value = |name: &str, label: (&str, &str)| {
            let label = (label.0.to_owned(), label.1.to_owned());
            samples.iter().find(|(of, labels, _)| of == name && labels.contains(&label)).map(|(_, _, value)| *value)
        };
        assert_eq!(value("muster_boot_samples", ("counts", "false")), Some(1.0));
        assert!(value("muster_boot_unit_seconds", ("unit", r"dev-disk-by\\x2dlabel-root.device")).is_some());
        assert!(value("muster_boot_phase_instructions", ("phase", "kernel")).is_some());
        assert!(value("muster_boot_mark_instructions", ("mark", "sshd-answers")).is_none());
        assert!(value("muster_boot_total_seconds", ("statistic", "p95")).is_none());
    }

    #[test]
    fn a_percentile_needs_twenty_boots() {
        assert!(!render(&testing::measured(1, 19)).unwrap().contains("p95"));
        assert!(render(&testing::measured(1, 20)).unwrap().contains("p95"));
    }

    #[test]
    fn hostile_names_stay_inside_of_their_labels() {
        let plain = parse(&render(&testing::measured(1, 2)).unwrap()).len();
        for name in testing::hostile_names() {
            let samples = parse(&render(&testing::with_name(&testing::measured(1, 2), &name)).unwrap());
            assert_eq!(samples.len(), plain, "{name:?}");
            let values = samples.iter().flat_map(|(_, labels, _)| labels.iter().map(|(_, value)| value));
            for value in values {
                assert!(!value.is_empty() && value.chars().count() <= 2 * 256, "{name:?}");
                assert!(!value.chars().any(char::is_control), "{name:?}");
            }
        }
    }
}
