//! What is exported, and the files that it becomes.

use muster_base::text::shell_word;
use muster_suite::model::Suite;

/// A file that is written.
pub(super) struct Written {
    /// Below the directory.
    pub(super) name: String,
    /// The whole of it.
    pub(super) text: String,
    /// Whether it is a program.
    pub(super) executable: bool,
}

impl Written {
    pub(super) fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into(), executable: false }
    }

    pub(super) fn script(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { executable: true, ..Self::new(name, text) }
    }
}

/// A suite as a runner calls it.
pub(super) struct Exported {
    pub(super) name: String,
    pub(super) summary: String,
    /// Options that name files of suites, which are the same for all of them; none for shipped suites.
    pub(super) files: Vec<String>,
    /// What selects its tests: the suite, or tests of it.
    pub(super) selects: Vec<String>,
}

impl Exported {
    /// `tests` are those of the suite that are selected, by id; all of them are the suite itself.
    pub(super) fn of(suite: &Suite, tests: &[&str], files: &[String]) -> Self {
        let whole = suite.tests.iter().all(|test| tests.contains(&test.id.as_str()));
        let selects = match whole {
            true => vec![suite.name.clone()],
            false => tests.iter().map(|test| format!("{}/{test}", suite.name)).collect(),
        };
        Self { name: suite.name.clone(), summary: suite.summary.clone(), files: files.to_vec(), selects }
    }

    /// The arguments for a shell.
    pub(super) fn quoted(&self) -> String {
        self.files.iter().chain(&self.selects).map(|word| shell_word(word)).collect::<Vec<_>>().join(" ")
    }
}

/// A string of YAML, of which a JSON string is one.
pub(super) fn yaml(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
