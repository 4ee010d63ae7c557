//! The performance results of Azure Container Linux, version 1, suite `boot`: written, so that muster's boots can be merged with theirs,
//! and read, so that theirs can be shown next to ours.
//!
//! Their contract: flat rows with every measurement in `samplesMs`; least, middle and greatest are measurements, not
//! interpolations; no percentile; a phase that was not seen has no row, and then `Total` begins with the first that was. What they call
//! firmware begins when the firmware starts, ours when QEMU does. Instructions have no row: all keys of a row are in milliseconds.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use muster_base::fault::Fault;
use muster_base::text::one_line;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::formats::fault::FormatError;
use crate::formats::figures::{Figures, What};
use crate::formats::names::{label, visible_json};
use crate::sample::{Measured, PhaseName, Sample};

/// What their pipeline finds the document by, when it is one line of a log.
pub const PREFIX: &str = "ACL_PERF_RESULTS=";
/// Bytes that are read at most.
pub const MAX_BYTES: usize = 16 << 20;
/// Version of the contract.
const VERSION: u64 = 1;

/// Their document, as far as the contract promises it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Results {
    /// 1.
    pub schema_version: u64,
    /// When, and which suites. The pipeline adds `galleryImageId`, `buildId`, `branch`, `commit`.
    #[serde(default)]
    pub run: Map<String, Value>,
    /// What the guest says of itself: `image`, `kernel`, `containerd`, `selinux`.
    #[serde(default)]
    pub node: Map<String, Value>,
    /// What was measured.
    pub metrics: Vec<Row>,
    /// Each producer's own detail; not part of the contract.
    #[serde(default)]
    pub suites: Map<String, Value>,
}

/// One row of `metrics`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Row {
    /// `boot`.
    pub suite: String,
    /// Of a container; empty.
    #[serde(default)]
    pub image: String,
    /// `Kernel`, `Total`, `unit:sshd.service`.
    pub operation: String,
    /// Of containers; empty.
    #[serde(default)]
    pub snapshotter: String,
    /// As `node.image`.
    #[serde(default)]
    pub node_image: String,
    /// As `node.containerd`.
    #[serde(default)]
    pub containerd: String,
    /// `ms`.
    pub unit: String,
    /// How many samples.
    pub n: usize,
    /// The least.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_ms: Option<f64>,
    /// The one in the middle; of two, the one with the even index, as their producer rounds.
    pub p50_ms: f64,
    /// The greatest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_ms: Option<f64>,
    /// Every measurement, ascending.
    pub samples_ms: Vec<f64>,
}

/// Why a text is not such a document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AclError {
    /// More than [`MAX_BYTES`].
    #[error("it has {bytes} bytes; at most {MAX_BYTES} are read")]
    TooLarge {
        /// How many.
        bytes: usize,
    },
    /// Not JSON, or without a field that the contract requires.
    #[error("line {line}, column {column}: {why}")]
    Shape {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// As the reader of JSON says it, escaped and bounded.
        why: String,
    },
    /// Another version of the contract.
    #[error("its schemaVersion is {found}; this muster reads {VERSION}")]
    Version {
        /// Its version, escaped and bounded.
        found: String,
    },
    /// A row that contradicts itself or the contract.
    #[error("metrics[{row}] ({operation}): {why}")]
    Row {
        /// From 0.
        row: usize,
        /// Its operation, escaped and bounded.
        operation: String,
        /// What is wrong.
        why: String,
    },
}

impl Fault for AclError {
    fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::TooLarge { .. } => "give the perf-results.json of one run",
            Self::Shape { .. } => {
                "give their perf-results.json, or the line of their log that begins with ACL_PERF_RESULTS="
            }
            Self::Version { .. } => "use a muster that knows this version of the contract",
            Self::Row { .. } => "their merge refuses such a row too: measure again with the producer fixed",
        };
        Some(hint.into())
    }
}

/// The document, indented. Every boot that counts is in it.
pub fn render(measured: &Measured) -> Result<String, FormatError> {
    let wrong = |why: String| FormatError::Value { at: "perf-results.json".into(), why };
    let text = serde_json::to_string_pretty(&results(measured)?).map_err(|error| wrong(error.to_string()))?;
    Ok(visible_json(&text) + "\n")
}

/// The document of these boots.
pub fn results(measured: &Measured) -> Result<Results, FormatError> {
    let figures = Figures::of(measured)?;
    let node_image = label(&measured.series.image);
    let mut values: Vec<(String, Vec<u64>)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut add = |operation: String, micros: u64| {
        let place = *places.entry(operation.clone()).or_insert_with(|| {
            values.push((operation, Vec::new()));
            values.len() - 1
        });
        values[place].1.push(micros);
    };
    // Phases of boots in which others were seen than in most are not comparable, and neither is a total that begins elsewhere.
    let usual: Vec<PhaseName> = PhaseName::ALL
        .into_iter()
        .filter(|name| figures.rows.iter().any(|row| row.what == What::Phase(*name)))
        .collect();
    for sample in
        measured.conclusive().filter(|sample| sample.phases.iter().map(|phase| phase.name).eq(usual.iter().copied()))
    {
        for phase in &sample.phases {
            add(capitalised(phase.name), phase.cost.micros);
        }
        let begin = sample.phases.first().map_or(0, |phase| phase.start);
        add("Total".to_owned(), sample.total.unwrap_or_default().micros.saturating_sub(begin));
        units(sample).into_iter().for_each(|(name, micros)| add(name, micros));
    }
    let metrics = values
        .into_iter()
        .map(|(operation, mut samples)| {
            samples.sort_unstable();
            let samples_ms: Vec<f64> = samples.iter().map(|micros| *micros as f64 / 1000.0).collect();
            Row {
                suite: "boot".into(),
                image: String::new(),
                operation,
                snapshotter: String::new(),
                node_image: node_image.clone(),
                containerd: String::new(),
                unit: "ms".into(),
                n: samples_ms.len(),
                min_ms: samples_ms.first().copied(),
                p50_ms: samples_ms[middle(samples_ms.len())],
                max_ms: samples_ms.last().copied(),
                samples_ms,
            }
        })
        .collect();
    let object = |value: Value| match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    Ok(Results {
        schema_version: VERSION,
        // When it ended is not known; the contract validates rows only.
        run: object(json!({"startedAt": label(&measured.at), "suites": ["boot"]})),
        node: object(json!({"image": node_image, "imageSha256": label(&measured.image_sha256)})),
        metrics,
        suites: object(json!({"boot": {
            "muster": label(&measured.muster),
            "accelerator": label(&measured.series.accelerator),
            "machine": label(&measured.series.machine),
            "qemu": label(&measured.series.qemu),
            "host": label(&measured.series.host),
            "boots": measured.series.boots,
            "otherPhases": figures.other_phases,
        }})),
    })
}

/// Index of the middle of so many, of two the even one: what Python's `round` makes of `(n - 1) / 2`.
fn middle(count: usize) -> usize {
    let half = count.saturating_sub(1) / 2;
    if count.is_multiple_of(2) && !half.is_multiple_of(2) { half + 1 } else { half }
}

fn capitalised(phase: PhaseName) -> String {
    let (first, rest) = phase.name().split_at(1);
    first.to_uppercase() + rest
}

/// When each unit was active, on the guest's monotonic clock as theirs are; none when that clock is not known.
fn units(sample: &Sample) -> Vec<(String, u64)> {
    let Some(zero) = sample.guest_zero else { return Vec::new() };
    let mut seen = HashSet::new();
    // Two names may have one label: the first counts, as in every other format.
    let named = sample.units.iter().map(|unit| (format!("unit:{}", label(&unit.name)), unit));
    let first = named.filter(|(name, _)| seen.insert(name.clone()));
    first.map(|(name, unit)| (name, (unit.start + unit.cost.micros).saturating_sub(zero))).collect()
}

/// Reads a document of theirs: the file, or a log that has it as one line.
pub fn read(text: &str) -> Result<Results, AclError> {
    if text.len() > MAX_BYTES {
        return Err(AclError::TooLarge { bytes: text.len() });
    }
    // The last one: a job that is run again appends to its log.
    let found = text.lines().enumerate().filter_map(|(index, line)| Some((index, line.split_once(PREFIX)?.1))).last();
    let (before, document) = found.unwrap_or((0, text));
    let shape = |error: serde_json::Error| {
        let text = error.to_string();
        let why = text.rsplit_once(" at line ").map_or(text.as_str(), |(why, _)| why);
        AclError::Shape { line: before + error.line(), column: error.column(), why: one_line(why, 120) }
    };
    let value: Value = serde_json::from_str(document).map_err(shape)?;
    match value.get("schemaVersion") {
        Some(version) if version.as_u64() == Some(VERSION) => {}
        other => {
            let found = other.map_or("missing".to_owned(), |version| one_line(&version.to_string(), 40));
            return Err(AclError::Version { found });
        }
    }
    let results: Results = serde_json::from_str(document).map_err(shape)?;
    for (index, row) in results.metrics.iter().enumerate() {
        fits(row).map_err(|why| AclError::Row { row: index, operation: label(&row.operation), why: why.to_owned() })?;
    }
    Ok(results)
}

fn fits(row: &Row) -> Result<(), &'static str> {
    let samples = &row.samples_ms;
    let numbers = samples.iter().chain(&row.min_ms).chain(&row.max_ms).chain([&row.p50_ms]);
    let least = samples.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = samples.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    // Rounding to hundredths, which their producers do.
    let near = |a: f64, b: f64| (a - b).abs() <= 0.011;
    if row.unit != "ms" {
        Err("its unit is not ms")
    } else if samples.is_empty() || row.n != samples.len() {
        Err("n is not the number of its samples")
    } else if numbers.into_iter().any(|number| !number.is_finite() || *number < 0.0) {
        Err("a time is negative")
    } else if row.min_ms.is_some_and(|min| !near(min, least)) || row.max_ms.is_some_and(|max| !near(max, greatest)) {
        Err("minMs or maxMs is not among its samples")
    } else if !(least - 0.011..=greatest + 0.011).contains(&row.p50_ms) {
        Err("p50Ms is not within its samples")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    #[test]
    fn rows_are_those_of_the_contract() {
        let mut measured = testing::measured(1, 4);
        for (sample, micros) in measured.samples.iter_mut().zip([4_000, 1_000, 3_500, 2_001]) {
            sample.total.as_mut().unwrap().micros = micros;
        }
        let text = render(&measured).unwrap();
        let document: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(document["schemaVersion"], 1);
        let rows = document["metrics"].as_array().unwrap();
        for row in rows {
            for key in ["suite", "operation", "unit", "n", "p50Ms", "samplesMs"] {
                assert!(row.get(key).is_some(), "{row}");
            }
        }
        let names: Vec<&str> = rows.iter().map(|row| row["operation"].as_str().unwrap()).collect();
        assert_eq!(
            names[..7],
            ["Firmware", "Loader", "Kernel", "Initrd", "Userspace", "Total", "unit:systemd-journald.service"]
        );
        let total = &rows[5];
        assert_eq!(total["samplesMs"], json!([1.0, 2.001, 3.5, 4.0]));
        // round(1.5) is 2, as in their producer.
        assert_eq!((&total["p50Ms"], &total["n"]), (&json!(3.5), &json!(4)));
        assert_eq!(read(&text).unwrap(), results(&measured).unwrap());
        // A unit's time is that on the guest's clock.
        let sample = &measured.samples[0];
        let active = sample.units[0].start + sample.units[0].cost.micros - sample.guest_zero.unwrap();
        assert!(rows[6]["samplesMs"].as_array().unwrap().contains(&json!(active as f64 / 1000.0)));
    }

    #[test]
    fn the_middle_is_pythons() {
        assert_eq!([1, 2, 3, 4, 5, 6, 7, 8].map(middle), [0, 0, 1, 2, 2, 2, 3, 4]);
    }

    #[test]
    fn a_total_without_firmware_begins_with_the_kernel() {
        let mut measured = testing::measured(1, 2);
        measured.samples.iter_mut().for_each(|sample| drop(sample.phases.drain(..2)));
        let rows = results(&measured).unwrap().metrics;
        let of = |name: &str| rows.iter().find(|row| row.operation == name);
        assert!(of("Firmware").is_none() && of("Loader").is_none());
        let parts: f64 =
            ["Kernel", "Initrd", "Userspace"].map(|name| of(name).unwrap().samples_ms.iter().sum::<f64>()).iter().sum();
        assert!((of("Total").unwrap().samples_ms.iter().sum::<f64>() - parts).abs() < 0.01);
    }

    /// As their producer writes it, with other figures.
    const THEIRS: &str = r#"{"critestRc": 0, "metrics": [{"containerd": "v2.1", "image": "", "maxMs": 5.21, "minMs": 4.9, "n": 3, "nodeImage": "azl 4", "operation": "Kernel", "p50Ms": 5.0, "samplesMs": [4.9, 5.0, 5.21], "snapshotter": "", "suite": "boot", "unit": "ms"}], "node": {"containerd": "v2.1", "image": "azl 4", "kernel": "6.18", "selinux": "Enforcing"}, "run": {"finishedAt": "2026-10-01T00:10:00Z", "galleryImageId": "x", "startedAt": "2026-10-01T00:00:00Z", "suites": ["boot"]}, "schemaVersion": 1, "suites": {}}"#;

    #[test]
    fn their_file_and_their_log_are_read() {
        let results = read(THEIRS).unwrap();
        assert_eq!(results.metrics[0].samples_ms, [4.9, 5.0, 5.21]);
        assert_eq!(results.run["galleryImageId"], "x");
        let log = format!("info\n--- table\n2026 ACL_PERF_RESULTS={{\nACL_PERF_RESULTS={THEIRS}\ndone\n");
        assert_eq!(read(&log).unwrap(), results);
    }

    #[test]
    fn a_document_that_drifts_is_refused() {
        let with = |from: &str, to: &str| {
            assert!(THEIRS.contains(from), "{from}");
            read(&THEIRS.replacen(from, to, 1)).unwrap_err().to_string()
        };
        assert_eq!(
            with(r#""schemaVersion": 1"#, r#""schemaVersion": 2"#),
            "its schemaVersion is 2; this muster reads 1"
        );
        assert_eq!(with(r#""schemaVersion": 1, "#, ""), "its schemaVersion is missing; this muster reads 1");
        assert!(with(r#""p50Ms": 5.0, "#, "").contains("missing field `p50Ms`"));
        assert_eq!(with(r#""n": 3"#, r#""n": 4"#), "metrics[0] (Kernel): n is not the number of its samples");
        assert_eq!(with(r#""unit": "ms""#, r#""unit": "s""#), "metrics[0] (Kernel): its unit is not ms");
        assert_eq!(with("[4.9,", "[-4.9,"), "metrics[0] (Kernel): a time is negative");
        assert_eq!(
            with(r#""maxMs": 5.21"#, r#""maxMs": 9.0"#),
            "metrics[0] (Kernel): minMs or maxMs is not among its samples"
        );
        assert_eq!(with(r#""p50Ms": 5.0"#, r#""p50Ms": 6.0"#), "metrics[0] (Kernel): p50Ms is not within its samples");
        assert!(with("[4.9,", "[NaN,").starts_with("line 1, column "));
        for text in ["", "[]", "{", "ACL_PERF_RESULTS=", "ACL_PERF_RESULTS={}"] {
            assert!(read(text).unwrap_err().hint().is_some(), "{text}");
        }
    }

    #[test]
    fn hostile_names_are_bounded_rows() {
        for name in testing::hostile_names() {
            let measured = testing::with_name(&testing::measured(1, 2), &name);
            let text = render(&measured).unwrap();
            assert!(text.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{name:?}");
            let results = read(&text).unwrap();
            let mut names: Vec<&str> = results.metrics.iter().map(|row| row.operation.as_str()).collect();
            assert!(names.iter().all(|name| name.chars().count() <= 261), "{name:?}");
            names.sort_unstable();
            let count = names.len();
            names.dedup();
            assert_eq!(names.len(), count, "{name:?}");
        }
    }
}
