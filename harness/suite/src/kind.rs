//! The kinds of documents that people write: what each calls itself, and which one a document is. Whoever reads
//! documents of several kinds matches [`FileKind`] without a default, so that a new kind is forgotten nowhere.

use camino::Utf8Path;

use super::diagnostic::{Diagnostics, did_you_mean};
use super::images::keys::CATALOGUE;
use super::keys::{FRAGMENT, KNOWN_ISSUES, Key, KeyTable, PROOFS, SUITE};
use super::source::{self, SourceFile};
use super::yaml::{self, Limits, Node};

/// A kind of document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FileKind {
    /// A suite.
    Suite,
    /// Tests that suites include.
    Tests,
    /// Image descriptions.
    Images,
    /// Known issues.
    KnownIssues,
    /// Proofs.
    Proofs,
    /// Console rules.
    ConsoleRules,
    /// The ledger of a comparison.
    Deviations,
    /// The checks of another tool.
    ForeignChecks,
    /// What an image must have passed.
    Policy,
    /// Failures that were let go.
    Waivers,
}

impl FileKind {
    /// All, in the order in which they are read.
    pub const ALL: [Self; 10] = [
        Self::Suite,
        Self::Tests,
        Self::Images,
        Self::KnownIssues,
        Self::Proofs,
        Self::ConsoleRules,
        Self::Deviations,
        Self::ForeignChecks,
        Self::Policy,
        Self::Waivers,
    ];

    /// What such a document has as its `schema`.
    pub const fn schema(self) -> &'static str {
        match self {
            Self::Suite => "suite/v1",
            Self::Tests => "tests/v1",
            Self::Images => "images/v1",
            Self::KnownIssues => "known-issues/v1",
            Self::Proofs => "proofs/v1",
            Self::ConsoleRules => crate::console_rules::keys::SCHEMA,
            Self::Deviations => crate::deviations::keys::SCHEMA,
            Self::ForeignChecks => crate::foreign::keys::SCHEMA,
            Self::Policy => crate::policy::keys::SCHEMA,
            Self::Waivers => crate::waivers::keys::SCHEMA,
        }
    }

    /// The keys of such a document.
    pub fn keys(self) -> &'static KeyTable {
        match self {
            Self::Suite => &SUITE,
            Self::Tests => &FRAGMENT,
            Self::Images => &CATALOGUE,
            Self::KnownIssues => &KNOWN_ISSUES,
            Self::Proofs => &PROOFS,
            Self::ConsoleRules => &crate::console_rules::keys::FILE,
            Self::Deviations => &crate::deviations::keys::FILE,
            Self::ForeignChecks => &crate::foreign::keys::FILE,
            Self::Policy => &crate::policy::keys::FILE,
            Self::Waivers => &crate::waivers::keys::FILE,
        }
    }

    /// The page of the documentation that explains such documents.
    pub const fn page(self) -> &'static str {
        match self {
            Self::Suite | Self::Tests | Self::KnownIssues => "writing-suites.md",
            Self::Images => "images.md",
            Self::Proofs => "proofs.md",
            Self::ConsoleRules => "console-rules.md",
            Self::Deviations => "compare.md",
            Self::ForeignChecks => "coverage.md",
            Self::Policy | Self::Waivers => "gates.md",
        }
    }

    /// The kind that a text says that it is, by the line with its schema.
    pub fn of_text(text: &str) -> Option<Self> {
        stated(text).and_then(|schema| Self::of_schema(&schema))
    }

    /// The kind with that schema.
    pub fn of_schema(schema: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.schema() == schema)
    }

    /// The kind whose schema was most likely meant. Another version of a schema is no misspelling.
    pub fn near_schema(written: &str) -> Option<Self> {
        let name = |schema: &'static str| schema.split('/').next().unwrap_or(schema);
        let written = written.split('/').next().unwrap_or_default();
        let names = Self::ALL.map(|kind| name(kind.schema()));
        if names.contains(&written) {
            return None;
        }
        let near = did_you_mean(written, names)?;
        Self::ALL.into_iter().find(|kind| name(kind.schema()) == near)
    }

    /// The kind that has most of the document's keys; `None` when no kind has one of them. A key that is nearly one
    /// counts less than one that is, and all that are required count together. Of equals the first of [`Self::ALL`].
    pub(crate) fn by_keys(root: &Node) -> Option<Self> {
        let yaml::NodeKind::Mapping(entries) = &root.kind else { return None };
        // The first keys are enough, and a hostile file has a hundred thousand.
        let written: Vec<&str> = entries.iter().take(40).filter_map(|(key, _)| key.scalar()).collect();
        let score = |kind: Self| -> usize {
            let names = kind.keys().names();
            let names = || names.iter().copied().filter(|name| *name != "schema");
            let one = |written: &&str| match names().any(|name| name == *written) {
                true => 2,
                false => usize::from(did_you_mean(written, names()).is_some()),
            };
            let found: usize = written.iter().filter(|name| **name != "schema").map(one).sum();
            // `images` alone describes images, though suites have the key too. A file of tests has nothing that a suite
            // without its name has not, and the suite is what somebody most likely began to write.
            let meant = |key: &Key| {
                written.iter().any(|written| *written == key.name || did_you_mean(written, [key.name]).is_some())
            };
            let mut required = kind.keys().keys.iter().filter(|key| key.required && key.name != "schema");
            found + usize::from(kind != Self::Tests && required.all(meant))
        };
        let best = Self::ALL.into_iter().rev().max_by_key(|kind| score(*kind))?;
        (score(best) > 0).then_some(best)
    }
}

/// What a document is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// It says so itself.
    Kind(FileKind),
    /// It says something that is not read here, or nothing; its keys, or a misspelt schema, are of this kind.
    Looks(FileKind),
    /// It has a schema that is none of these.
    Other(String),
    /// It has no schema, and its keys tell nothing; or it is not YAML or cannot be read, which its reader reports.
    Nothing,
}

/// What the root of a document says that it is: by its `schema`, else by its keys.
pub(crate) fn of(root: &Node) -> Says {
    let Some(schema) = root.get("schema").and_then(Node::scalar) else {
        return FileKind::by_keys(root).map_or(Says::Nothing, Says::Looks);
    };
    match FileKind::of_schema(schema) {
        Some(kind) => Says::Kind(kind),
        None => match FileKind::near_schema(schema).or_else(|| FileKind::by_keys(root)) {
            Some(kind) => Says::Looks(kind),
            None => Says::Other(schema.to_owned()),
        },
    }
}

/// What a file says that it is.
pub fn of_file(path: &Utf8Path) -> Says {
    let mut sink = Diagnostics::new();
    let source = SourceFile { path: path.to_owned(), name: path.as_str().into(), found: false };
    let root = source::read(&source, Limits::default(), &mut sink).and_then(|bytes| {
        let text = yaml::text_of(&source.name, &bytes, Limits::default(), &mut sink)?;
        yaml::parse(&source.name, text, Limits::default(), &mut sink)
    });
    match root {
        Some(root) => of(&root),
        // A tool's template is YAML with something in it; what its first lines say is enough to know whose it is.
        None => schema_line(path).and_then(|schema| FileKind::of_schema(&schema)).map_or(Says::Nothing, Says::Kind),
    }
}

/// The value of a line `schema: …` at the beginning of a file that is not YAML.
fn schema_line(path: &Utf8Path) -> Option<String> {
    stated(&source::beginning(path)?)
}

/// The same of a text.
fn stated(start: &str) -> Option<String> {
    let value = start.lines().find_map(|line| line.strip_prefix("schema:"))?;
    Some(value.trim().trim_matches(['"', '\'']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(text: &str) -> Says {
        let root = yaml::parse(&"x".into(), text, Limits::default(), &mut Diagnostics::new()).unwrap();
        of(&root)
    }

    #[test]
    fn every_kind_has_a_schema_of_its_own_and_is_known_by_it() {
        for kind in FileKind::ALL {
            assert_eq!(FileKind::of_schema(kind.schema()), Some(kind));
            assert_eq!(says(&format!("schema: {}\n", kind.schema())), Says::Kind(kind));
            assert_eq!(kind.keys().keys[0].name, "schema", "{kind:?}");
        }
    }

    #[test]
    fn a_document_without_a_schema_is_known_by_its_keys() {
        for kind in FileKind::ALL {
            let required: Vec<_> = kind.keys().keys.iter().filter(|key| key.name != "schema").collect();
            let keys: String = required.iter().map(|key| format!("{}: x\n", key.name)).collect();
            // A suite has all the keys of a file of tests, and is what somebody most likely began to write.
            let wanted = if kind == FileKind::Tests { FileKind::Suite } else { kind };
            assert_eq!(says(&keys), Says::Looks(wanted), "{keys}");
        }
        assert_eq!(says("imagse: []\n"), Says::Looks(FileKind::Images));
        assert_eq!(says("schema: known-isues/v1\n"), Says::Looks(FileKind::KnownIssues));
        assert_eq!(says("schema: image/v1\n"), Says::Looks(FileKind::Images));
        assert_eq!(says("schema: suite/v2\nsuite: x\n"), Says::Looks(FileKind::Suite));
        assert_eq!(says("schema: facts/v1\nhost: x\n"), Says::Other("facts/v1".into()));
        assert_eq!(says("name: x\n"), Says::Nothing);
        assert_eq!(says("- x\n"), Says::Nothing);
    }
}
