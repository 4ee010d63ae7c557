//! What is written of measured boots, and read again.

use camino::{Utf8Path, Utf8PathBuf};

use crate::error::CliError;
use crate::text_file;
use muster_base::files::{lock_alone, write_atomically};
use muster_boot_time::baseline::Baselines;
use muster_boot_time::by::By;
use muster_boot_time::comparison;
use muster_boot_time::formats::{Format, json};
use muster_boot_time::pictures::distribution::{Distribution, Interval, Row};
use muster_boot_time::pictures::phases::Phases;
use muster_boot_time::pictures::side::Side;
use muster_boot_time::pictures::waterfall::Waterfall;
use muster_boot_time::sample::Measured;
use muster_boot_time::verdict::{self, Decision};

/// All samples of the image that is measured.
const BOOTS: &str = "boot-time.json";

/// The directory of one measurement, which nobody removes as long as this is kept.
pub(super) struct Place {
    dir: Utf8PathBuf,
    _lock: fs_err::File,
}

impl Place {
    /// Makes it.
    pub(super) fn made(dir: Utf8PathBuf) -> Result<Self, CliError> {
        let infrastructure = |error: std::io::Error| CliError::infrastructure(error.to_string());
        fs_err::create_dir_all(&dir).map_err(infrastructure)?;
        let lock = fs_err::File::open(&dir).map_err(infrastructure)?;
        // A file system without locks keeps it as well; then only its age protects it.
        let _ = lock_alone(lock.file());
        Ok(Self { dir, _lock: lock })
    }

    pub(super) fn dir(&self) -> &Utf8Path {
        &self.dir
    }
}

/// What is written into the directory of one measurement.
pub(super) struct Written<'d> {
    dir: &'d Utf8Path,
}

impl<'d> Written<'d> {
    pub(super) fn new(dir: &'d Utf8Path) -> Self {
        Self { dir }
    }

    /// All samples, pictures of them, and the formats that are wanted.
    pub(super) fn measured(
        &mut self,
        candidate: &Measured,
        baseline: Option<&Measured>,
        formats: &[String],
    ) -> Result<(), CliError> {
        for (name, measured) in [(BOOTS, Some(candidate)), ("baseline.json", baseline)] {
            if let Some(measured) = measured {
                let text = json::render(measured)?;
                write(&self.dir.join(name), &text)?;
            }
        }
        if candidate.conclusive().next().is_none() {
            return Ok(());
        }
        for name in formats {
            let Some(format) = Format::named(name) else { continue };
            for file in format.render(candidate)? {
                write(&self.dir.join(file.name), &file.text)?;
            }
        }
        let series: Vec<&Measured> = baseline.into_iter().chain([candidate]).collect();
        let by = verdict::best(&series);
        self.distribution(candidate, baseline, by, None)?;
        let (baseline, side) = (baseline.map(side_of), side_of(candidate));
        write(&self.dir.join("phases.svg"), &Phases { id: "phases", by, baseline, candidate: side }.svg())?;
        write(&self.dir.join("waterfall.svg"), &Waterfall { id: "waterfall", side }.svg())
    }

    fn distribution(
        &self,
        candidate: &Measured,
        baseline: Option<&Measured>,
        by: By,
        floor: Option<f64>,
    ) -> Result<(), CliError> {
        let picture = Distribution {
            id: "distribution",
            by,
            baseline: baseline.map(|baseline| row(baseline, by)),
            candidate: row(candidate, by),
            floor,
        };
        write(&self.dir.join("distribution.svg"), &picture.svg())
    }

    /// The comparison as data, and its picture.
    pub(super) fn decision(
        &mut self,
        decision: &Decision,
        baseline: &Measured,
        candidate: &Measured,
    ) -> Result<(), CliError> {
        let text = comparison::render(decision, baseline, candidate)?;
        write(&self.dir.join("comparison.json"), &text)?;
        self.distribution(candidate, Some(baseline), decision.by, Some(decision.rule.floor()))
    }
}

/// The file of boots of which none was taken yet.
pub(super) fn begin(dir: &Utf8Path, candidate: &Measured) -> Result<(), CliError> {
    write(&dir.join(BOOTS), &json::render(candidate)?)
}

fn row(measured: &Measured, by: By) -> Row<'_> {
    let interval = verdict::median_interval(measured, by);
    Row {
        side: side_of(measured),
        interval: interval.map(|(low, high, confidence)| Interval { low, high, confidence }),
    }
}

fn side_of(measured: &Measured) -> Side<'_> {
    Side { name: &measured.series.image, samples: &measured.samples }
}

/// What was measured, from its file or the directory that has it.
pub(super) fn load(path: &Utf8Path) -> Result<Measured, CliError> {
    let file = if path.is_dir() { path.join(BOOTS) } else { path.to_owned() };
    let text = text_file::read(&file)?;
    json::read(&text).map_err(|error| CliError::about(file.as_str(), error))
}

/// A baseline file that will be written: what is in it now, or nothing. Read before anything boots.
pub(super) fn baselines_to_write(path: &Utf8Path) -> Result<Baselines, CliError> {
    if path.symlink_metadata().is_err() {
        let dir =
            path.parent().filter(|dir| !dir.as_str().is_empty()).map_or(Utf8PathBuf::from("."), Utf8Path::to_owned);
        return match dir.is_dir() {
            true => Ok(Baselines::default()),
            false => Err(CliError::invalid(format!("{path} cannot be written: its directory is not there"))),
        };
    }
    Baselines::read(&text_file::read(path)?).map_err(|error| CliError::about(path.as_str(), error))
}

/// Replaces a file whole or not at all.
pub(super) fn write(path: &Utf8Path, text: &str) -> Result<(), CliError> {
    write_atomically(path, text.as_bytes()).map_err(|error| CliError::infrastructure(error.to_string()))
}
