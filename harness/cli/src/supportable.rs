//! The suite `supportable` as this program ships it, whatever the checkout or the share directory has by now: what must have
//! passed where something is certified.

use muster_certificate::supportable::{Program, ShippedSuite};
use muster_suite::{Vocabulary, decode_source};

use super::error::CliError;
use super::load;

const NAME: &str = "suites/supportable.yaml";
const TEXT: &str = include_str!("../../../suites/supportable.yaml");

/// What the program knows that makes or verifies a certificate.
pub(crate) struct Knows {
    vocabulary: Vocabulary<'static>,
    supportable: ShippedSuite,
}

impl Knows {
    /// Reads the suite.
    ///
    /// # Errors
    /// It cannot be read, which is a fault of muster.
    pub(crate) fn new() -> Result<Self, CliError> {
        let vocabulary = load::vocabulary();
        let (suite, problems) = decode_source(NAME, TEXT, &vocabulary);
        let suite = suite.filter(|_| problems.is_empty()).ok_or_else(|| {
            CliError::infrastructure(format!("{NAME}, as muster carries it, cannot be read")).hint("build muster anew")
        })?;
        let tests = suite.tests.iter().map(|test| test.base_id().to_owned()).collect();
        Ok(Self { vocabulary, supportable: ShippedSuite { sha256: suite.digest, tests } })
    }

    pub(crate) fn program(&self) -> Program<'_> {
        Program { muster: env!("MUSTER_VERSION"), vocabulary: &self.vocabulary, supportable: &self.supportable }
    }
}

#[cfg(test)]
mod tests {
    use muster_certificate::supportable::SUPPORTABLE;
    use muster_record::disk::DiskFacts;
    use muster_record::facts::Facts;
    use muster_suite::condition::{Truth, evaluate};

    use super::*;

    #[test]
    fn a_kernel_is_left_out_only_where_a_root_file_system_has_none() {
        let (suite, _) = decode_source(NAME, TEXT, &load::vocabulary());
        let tests = suite.unwrap().tests;
        let applies = |id: &str, format: &str, from: Option<&str>| {
            let facts = Facts {
                capabilities: ["rpmdb".to_owned()].into(),
                tools: ["awk".to_owned()].into(),
                disk: Some(DiskFacts { format: format.to_owned(), ..DiskFacts::default() }),
                kernel_from: from.map(str::to_owned),
                ..Facts::default()
            };
            let test = tests.iter().find(|test| test.id == id).unwrap();
            let when = &test.when.as_ref().unwrap().condition;
            evaluate(when, &|name| Some(facts.dimension(name).unwrap_or_default())) == Truth::True
        };
        for id in ["modules-of-packages", "kernel-of-the-vendor", "kernel-package-intact"] {
            for (format, from, expected) in [
                ("tar", Some("host"), false),
                ("tar", Some("image"), true),
                ("tar", None, true),
                ("raw", Some("host"), true),
                ("qcow2", Some("image"), true),
            ] {
                assert_eq!(applies(id, format, from), expected, "{id} {format} {from:?}");
            }
        }
    }

    #[test]
    fn the_suite_is_that_of_its_file() {
        let knows = Knows::new().map_err(|error| error.what).unwrap();
        let (suite, _) = decode_source(NAME, TEXT, &load::vocabulary());
        assert_eq!(suite.map(|suite| suite.name).as_deref(), Some(SUPPORTABLE));
        assert!(knows.supportable.tests.contains("kernel-untainted"), "{:?}", knows.supportable);
        assert_eq!(knows.supportable.sha256.len(), 64);
    }
}
