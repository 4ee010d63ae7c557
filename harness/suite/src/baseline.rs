//! What boots are compared with: the file of earlier boots that a suite names, and by what.

use std::fmt;

/// The attribute of this kind, which an adjustment replaces as a whole.
pub const ATTRIBUTE: &str = "baseline";

/// What a file of baselines ends with.
pub const SUFFIX: &str = ".json";

/// A file of baselines as `muster boot-time --write-baseline` writes it, and what is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Baseline {
    /// Its path, with the directory of the suite; ends with [`SUFFIX`].
    pub file: String,
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

/// As the key of an assertion: `boot.json`, `boot.json by wall`.
impl fmt::Display for Baseline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.by {
            None => f.write_str(&self.file),
            Some(by) => write!(f, "{} by {}", self.file, by.name()),
        }
    }
}

impl Baseline {
    /// From the key of an assertion. No file ends with a measure, since all end with [`SUFFIX`].
    pub fn of_key(key: &str) -> Self {
        let measured = key.rsplit_once(" by ").and_then(|(file, by)| Some((file, Measure::named(by)?)));
        match measured {
            Some((file, by)) => Self { file: file.to_owned(), by: Some(by) },
            None => Self { file: key.to_owned(), by: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_it_was_written() {
        for by in [None, Some(Measure::Instructions), Some(Measure::Wall)] {
            for file in ["a.json", "dir/by wall by x.json", "by .json"] {
                let baseline = Baseline { file: file.to_owned(), by };
                assert_eq!(Baseline::of_key(&baseline.to_string()), baseline);
            }
        }
        assert!(Measure::NAMES.iter().all(|name| Measure::named(name).is_some_and(|measure| measure.name() == *name)));
    }
}
