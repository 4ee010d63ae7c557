//! The check room: what a suite expects becomes probes for the guest, and what the guest answered
//! becomes verdicts. Pure: it never sees a machine or a connection. `run` calls it.
//!
//! A new check type is one file here with its [`Check`], and one line in [`registry`].

pub mod accounts;
mod asking;
pub mod base;
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
pub(crate) mod repo_files;
pub mod repos;
pub(crate) mod rpm;
pub mod rpm_macro;
pub mod rpmdb;
pub mod secure_boot;
pub mod selinux;
pub mod service;
pub mod shell;
pub mod soname;
pub mod sshd;
pub mod sysctl;
#[cfg(test)]
pub(crate) mod testing;
pub mod tool;
pub mod tpm;
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

/// All check types, in the order of the reference page.
pub fn registry() -> &'static [&'static dyn Check] {
    static REGISTRY: &[&dyn Check] = &[
        &command::Command,
        &package::Package,
        &rpmdb::Rpmdb,
        &closure::Closure,
        &repo::Repo,
        &repos::AllRepos,
        &rpm_macro::RpmMacro,
        &soname::Soname,
        &tool::Tool,
        &file::File,
        &writable::Writable,
        &user::User,
        &group::Group,
        &accounts::Accounts,
        &service::Service,
        &units::Units,
        &port::Port,
        &listeners::Listeners,
        &process::Process,
        &sysctl::Sysctl,
        &module::Module,
        &kconfig::Kconfig,
        &kernel::Kernel,
        &cpu::Cpu,
        &mount::Mount,
        &boot::Boot,
        &log::Log,
        &selinux::Selinux,
        &crypto_policy::CryptoPolicy,
        &sshd::Sshd,
        &identity::Identity,
        &footprint::Footprint,
        &tpm::Tpm,
        &secure_boot::SecureBoot,
    ];
    REGISTRY
}

/// The check type of that name.
pub fn find(name: &str) -> Option<&'static dyn Check> {
    registry().iter().copied().find(|check| check.table().name == name)
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
        &tpm::TABLE,
        &secure_boot::TABLE,
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

    #[test]
    fn the_registry_has_a_check_for_each_table_and_each_attribute_is_implemented() {
        use crate::guest::Reply;
        use crate::guest::facts::Facts;
        use crate::suite::model::Matcher;

        let names = |tables: Vec<&'static CheckTable>| tables.iter().map(|table| table.name).collect::<Vec<_>>();
        assert_eq!(names(registry().iter().map(|check| check.table()).collect()), names(tables().to_vec()));
        for check in registry() {
            for attribute in check.table().attributes {
                let mut asked = testing::expectation(check.table().name, "tcp/1", &[(attribute.name, Matcher::None)]);
                if matches!(attribute.kind, Kind::Map(_)) {
                    asked.assertions[0].key = Some("tcp/1".to_owned());
                }
                let probes = check.probes(&[&asked], &Facts::default());
                assert!(!probes.is_empty(), "nothing is read for {}.{}", check.table().name, attribute.name);
                let keys: BTreeSet<&String> = probes.iter().map(|probe| &probe.key).collect();
                assert_eq!(keys.len(), probes.len(), "{}.{}", check.table().name, attribute.name);
                // Whatever fails, whatever says nothing: neither may pass, except for a command
                // that really printed nothing and for empty output that is the answer.
                for reply in [
                    Reply { status: 127, stderr: b"tool: not found".to_vec(), ..Reply::default() },
                    Reply { status: 137, ..Reply::default() },
                    Reply { end: crate::guest::End::TimedOut, ..Reply::default() },
                    Reply { end: crate::guest::End::TooMuchOutput, ..Reply::default() },
                ] {
                    let seen = Observations(probes.iter().map(|probe| (probe.key.clone(), reply.clone())).collect());
                    let verdicts = check.judge(&asked, &seen, &Facts::default());
                    assert_eq!(verdicts.len(), 1);
                    if check.table().name != "command" {
                        assert!(
                            matches!(&verdicts[0], Verdict::Unknown { why } if !why.contains("not implemented") && !why.contains("was not read")),
                            "{}.{}: {verdicts:?}",
                            check.table().name,
                            attribute.name
                        );
                    } else {
                        assert_ne!(verdicts[0], Verdict::Met, "{}", attribute.name);
                    }
                }
            }
        }
    }
}
