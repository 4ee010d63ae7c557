//! The check room: what a suite expects becomes probes for the guest, and what the guest answered
//! becomes verdicts. Pure: it never sees a machine or a connection. `run` calls it.
//!
//! A new check type is one file here with its [`Check`], and one line in [`registry`].

pub mod accounts;
mod asking;
pub mod boot;
pub mod closure;
pub mod command;
pub mod cpu;
pub mod crypto_policy;
mod dnf;
pub mod evr;
pub mod file;
pub mod footprint;
pub mod group;
pub mod identity;
pub mod kconfig;
pub mod kernel;
pub mod kernel_config;
pub mod listeners;
pub mod log;
pub mod matching;
pub mod module;
pub mod mount;
mod net;
pub mod package;
pub mod port;
pub mod proc;
pub mod process;
pub mod repo;
pub mod repos;
mod rpm;
pub mod rpm_macro;
pub mod rpmdb;
pub mod selinux;
pub mod service;
pub mod shell;
pub mod soname;
pub mod sshd;
pub mod sysctl;
#[cfg(test)]
mod testing;
pub mod tool;
pub mod units;
pub mod user;
pub mod value;
mod wording;
pub mod writable;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::guest::Reply;
use crate::guest::facts::Facts;
use crate::suite::model::Expectation;
use crate::suite::table::{Attribute, CheckTable, Kind};

/// A check type: what can be asked, what must be read to answer, and the answer.
pub trait Check: Sync {
    /// The attribute table.
    fn table(&self) -> &'static CheckTable;

    /// What must be read in the guest to judge all of these expectations, in as few probes as can be.
    fn probes(&self, asked: &[&Expectation], facts: &Facts) -> Vec<Probe>;

    /// One verdict for each assertion of the expectation, in order.
    fn judge(&self, expectation: &Expectation, seen: &Observations, facts: &Facts) -> Vec<Verdict>;
}

/// Something to read in the guest. It must not change the guest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Unique among the probes of one `expect:`; two types that need the same reading use the same
    /// key and script, and it is read once.
    pub key: String,
    /// POSIX sh.
    pub script: String,
    /// Unscaled limit.
    pub timeout: Duration,
}

/// Answers to probes, by key.
#[derive(Debug, Clone, Default)]
pub struct Observations(pub BTreeMap<String, Reply>);

/// The answer to one assertion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// As expected.
    Met,
    /// Not as expected.
    Missed {
        /// What was asked, in the suite's own words: `version >= 1:1.26`.
        expected: String,
        /// What was seen: `1:1.20-3`.
        actual: String,
        /// Longer evidence, or empty.
        detail: String,
    },
    /// Could not be answered; never the same as "absent".
    Unknown {
        /// What could not be read and why.
        why: String,
    },
}

/// The attribute tables of all check types, in the order of the reference page.
pub fn tables() -> &'static [&'static CheckTable] {
    static TABLES: &[&CheckTable] = &[
        &command::TABLE,
        &package::TABLE,
        &rpmdb::TABLE,
        &closure::TABLE,
        &repo::TABLE,
        &repos::TABLE,
        &rpm_macro::TABLE,
        &soname::TABLE,
        &tool::TABLE,
        &file::TABLE,
        &writable::TABLE,
        &user::TABLE,
        &group::TABLE,
        &accounts::TABLE,
        &service::TABLE,
        &units::TABLE,
        &port::TABLE,
        &listeners::TABLE,
        &process::TABLE,
        &sysctl::TABLE,
        &module::TABLE,
        &kconfig::TABLE,
        &kernel::TABLE,
        &cpu::TABLE,
        &mount::TABLE,
        &boot::TABLE,
        &log::TABLE,
        &selinux::TABLE,
        &crypto_policy::TABLE,
        &sshd::TABLE,
        &identity::TABLE,
        &footprint::TABLE,
    ];
    TABLES
}

/// A row of an attribute table.
const fn attribute(name: &'static str, kind: Kind, doc: &'static str) -> Attribute {
    Attribute { name, kind, doc }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::suite::table::Shorthand;

    #[test]
    fn tables_name_everything_once_and_shorthands_name_attributes() {
        let mut names = BTreeSet::new();
        for table in tables() {
            assert!(names.insert(table.name), "{} twice", table.name);
            let mut attributes = BTreeSet::new();
            for attribute in table.attributes {
                assert!(attributes.insert(attribute.name), "{}.{} twice", table.name, attribute.name);
                assert!(attribute.doc.ends_with('.'), "{}.{}: {}", table.name, attribute.name, attribute.doc);
            }
            let shorthand: Vec<&str> = match table.shorthand {
                Shorthand::None => Vec::new(),
                Shorthand::Attribute(name) => vec![name],
                Shorthand::Words(words) => words.iter().map(|(_, attribute, _)| *attribute).collect(),
            };
            for name in shorthand {
                assert!(attributes.contains(name), "{} has no attribute {name}", table.name);
            }
            assert!(table.example.starts_with(&format!("{}:\n  ", table.name)), "{}", table.example);
        }
    }
}
