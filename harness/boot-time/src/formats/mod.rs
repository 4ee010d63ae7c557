//! What other programs read of measured boots: one file a format, and its line in [`FORMATS`]. All are functions from boots to text.
//!
//! Raw samples are in `json` and `acl`; the other formats have medians, extremes and counts, and no 95th percentile of fewer than 20
//! boots. Text of a guest is one line of bounded length in all of them, and escaped as the format wants it.

use std::slice::from_ref;

use crate::sample::Measured;

pub mod acl;
pub mod bencher;
pub mod fault;
pub mod figures;
pub mod json;
pub mod markdown;
pub mod names;
pub mod openmetrics;
pub mod otava;
pub mod trace;

use fault::FormatError;

/// A format that `--format` names.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// As it is given on the command line.
    pub name: &'static str,
    /// Who reads it.
    pub readers: &'static str,
    render: Render,
}

/// What makes the files.
#[derive(Debug, Clone, Copy)]
enum Render {
    /// Of one measurement: the file's name, and its text.
    One(&'static str, fn(&Measured) -> Result<String, FormatError>),
    /// Of a series of measurements: two files.
    Series([&'static str; 2], fn(&[Measured]) -> Result<[String; 2], FormatError>),
}

/// A file that a format makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its name, without a directory.
    pub name: &'static str,
    /// Its whole text, with a newline at its end.
    pub text: String,
}

/// All formats, in the order in which they are listed.
pub const FORMATS: [Format; 7] = [
    Format { name: "json", readers: "muster, and programs", render: Render::One("boot-time.json", json::render) },
    Format {
        name: "markdown",
        readers: "people, in a pull request",
        render: Render::One("boot-time.md", markdown::render),
    },
    Format {
        name: "trace",
        readers: "Perfetto, chrome://tracing",
        render: Render::One("boot-time-trace.json", trace::render),
    },
    Format {
        name: "openmetrics",
        readers: "Prometheus",
        render: Render::One("boot-time-openmetrics.txt", openmetrics::render),
    },
    Format { name: "bencher", readers: "Bencher", render: Render::One("boot-time-bencher.json", bencher::render) },
    Format {
        name: "otava",
        readers: "Apache Otava",
        render: Render::Series([otava::ROWS, otava::CONFIGURATION], otava::render),
    },
    Format {
        name: "acl",
        readers: "the merge of Azure Container Linux",
        render: Render::One("perf-results.json", acl::render),
    },
];

impl Format {
    /// The format of this name.
    pub fn named(name: &str) -> Option<&'static Self> {
        FORMATS.iter().find(|format| format.name == name)
    }

    /// Names of the files that it makes.
    pub fn files(&self) -> Vec<&'static str> {
        match self.render {
            Render::One(name, _) => vec![name],
            Render::Series(names, _) => names.into(),
        }
    }

    /// Whether its files hold several measurements.
    pub fn takes_series(&self) -> bool {
        matches!(self.render, Render::Series(..))
    }

    /// The files of one measurement.
    pub fn render(&self, measured: &Measured) -> Result<Vec<File>, FormatError> {
        self.render_series(from_ref(measured))
    }

    /// The files of several measurements; an error unless the format [`takes_series`](Self::takes_series) or there is one.
    pub fn render_series(&self, all: &[Measured]) -> Result<Vec<File>, FormatError> {
        for measured in all {
            // Nothing is written of what could not be read back, and every format may rely on its bounds.
            json::check(&names::bounded(measured)).map_err(|(at, why)| FormatError::Value { at, why })?;
        }
        match (self.render, all) {
            (Render::One(name, render), [one]) => Ok(vec![File { name, text: render(one)? }]),
            (Render::One(..), []) => Err(FormatError::Nothing),
            (Render::One(..), _) => Err(FormatError::One { format: self.name, count: all.len() }),
            (Render::Series(names, render), _) => {
                let texts = render(all)?;
                Ok(names.into_iter().zip(texts).map(|(name, text)| File { name, text }).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::testing;

    #[test]
    fn each_format_has_a_name_and_files_of_its_own() {
        let names: BTreeSet<&str> = FORMATS.iter().map(|format| format.name).collect();
        let files: BTreeSet<&str> = FORMATS.iter().flat_map(Format::files).collect();
        assert_eq!((names.len(), files.len()), (FORMATS.len(), FORMATS.len() + 1));
        let measured = testing::measured(1, 5);
        for format in &FORMATS {
            assert_eq!(Format::named(format.name).unwrap().files(), format.files());
            let made = format.render(&measured).unwrap();
            assert_eq!(made.iter().map(|file| file.name).collect::<Vec<_>>(), format.files());
            assert!(
                made.iter().all(|file| file.text.ends_with('\n') && !file.text.ends_with("\n\n")),
                "{}",
                format.name
            );
        }
        assert!(Format::named("xml").is_none());
    }

    #[test]
    fn every_sample_is_in_json_and_acl() {
        let measured = testing::measured(1, 5);
        let json = json::read(&Format::named("json").unwrap().render(&measured).unwrap()[0].text).unwrap();
        assert_eq!(json.samples, measured.samples);
        let acl = acl::read(&Format::named("acl").unwrap().render(&measured).unwrap()[0].text).unwrap();
        let mut totals: Vec<f64> =
            measured.samples.iter().map(|sample| sample.total.unwrap().micros as f64 / 1000.0).collect();
        totals.sort_by(f64::total_cmp);
        assert_eq!(acl.metrics.iter().find(|row| row.operation == "Total").unwrap().samples_ms, totals);
    }

    #[test]
    fn what_cannot_be_written_is_an_error_of_every_format() {
        let all = testing::series(1, 2, 2, 9, 1.0);
        let mut unfit = all[0].clone();
        unfit.samples[0].units[0].start = u64::MAX;
        let mut hung = all[0].clone();
        hung.samples.iter_mut().for_each(|sample| sample.total = None);
        for format in &FORMATS {
            assert!(matches!(format.render(&unfit), Err(FormatError::Value { .. })), "{}", format.name);
            // These two are evidence, also of boots that do not count.
            let evidence = ["json", "trace"].contains(&format.name);
            assert_eq!(format.render(&hung).is_ok(), evidence, "{}", format.name);
            let several = format.render_series(&all);
            assert_eq!(several.is_ok(), format.takes_series(), "{}", format.name);
            assert_eq!(format.render_series(&[]), Err(FormatError::Nothing), "{}", format.name);
        }
    }

    #[test]
    fn hostile_names_make_files_of_bounded_size_in_every_format() {
        for name in testing::hostile_names() {
            let measured = testing::with_name(&testing::measured(1, 2), &name);
            for file in FORMATS.iter().flat_map(|format| format.render(&measured).unwrap()) {
                assert!(file.text.len() < 256 << 10, "{}: {} bytes", file.name, file.text.len());
                let moves = |c: char| c.is_control() && c != '\n' || matches!(c, '\u{202e}' | '\u{2028}' | '\u{feff}');
                assert!(!file.text.contains(moves), "{}: {name:?}", file.name);
            }
        }
    }
}
