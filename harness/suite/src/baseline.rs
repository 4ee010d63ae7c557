//! What boots are compared with: the file of earlier boots that a suite names, and by what.

use std::fmt;

/// The attribute of this kind, which an adjustment replaces as a whole.
pub const ATTRIBUTE: &str = "baseline";

/// The option of a run that names the file for all tests that name none; stands for it in keys. No file is called so.
pub const OF_RUN: &str = "--boot-baseline";

/// What a file of baselines ends with.
pub const SUFFIX: &str = ".json";

/// A file of baselines as `muster boot-time --write-baseline` writes it, and what is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    /// Its path, with the directory of the suite; ends with [`SUFFIX`]. None is the file that the run is given.
    pub file: Option<String>,
    /// What is compared; none is instructions where they were counted, else time.
    pub by: Option<Measure>,
}

/// What boots are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Instructions that the guest executed.
    Instructions,
    /// Time on the wall clock.
    Wall,
}

impl Measure {
    /// As they are written.
    pub const NAMES: &[&str] = &["instructions", "wall"];

    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "instructions" => Some(Self::Instructions),
            "wall" => Some(Self::Wall),
            _ => None,
        }
    }

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Instructions => "instructions",
            Self::Wall => "wall",
        }
    }
}

/// As the key of an assertion: `boot.json`, `boot.json by wall`, `--boot-baseline by instructions`.
impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let file = self.file_or_option();
        match self.by {
            None => f.write_str(file),
            Some(by) => write!(f, "{file} by {}", by.name()),
        }
    }
}

impl Baseline {
    /// From the key of an assertion. No file ends with a measure, since all end with [`SUFFIX`].
    pub fn of_key(key: &str) -> Self {
        let measured = key.rsplit_once(" by ").and_then(|(file, by)| Some((file, Measure::named(by)?)));
        let (file, by) = measured.map_or((key, None), |(file, by)| (file, Some(by)));
        Self { file: (file != OF_RUN).then(|| file.to_owned()), by }
    }

    /// The file, or the option that names it.
    pub fn file_or_option(&self) -> &str {
        self.file.as_deref().unwrap_or(OF_RUN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written() {
        for by in [None, Some(Measure::Instructions), Some(Measure::Wall)] {
            for file in [Some("a.json"), Some("dir/by wall by x.json"), Some("by .json"), None] {
                let baseline = Baseline { file: file.map(str::to_owned), by };
                assert_eq!(Baseline::of_key(&baseline.to_string()), baseline);
            }
        }
        assert!(Measure::NAMES.iter().all(|name| Measure::named(name).is_some_and(|measure| measure.name() == *name)));
    }
}
