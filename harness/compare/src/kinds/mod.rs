//! All kinds of facts, one file each: what is read, and what the answers say. A new kind is a file here
//! and a line in [`all`]. No kind knows this list; what they share is in `answer.rs`, `database.rs` and
//! `owners.rs`.

mod answer;
mod certificate;
mod cmdline;
mod command;
mod database;
mod file;
mod footprint;
mod group;
mod identity;
mod kernel_option;
mod locale;
mod module;
mod owners;
mod package;
mod port;
mod repository;
mod soname;
mod sysctl;
mod unit;
mod user;

use std::collections::HashMap;

use crate::kind::{FactKind, Scope};
use muster_check::Probe;

/// All kinds, in the order of reports.
pub fn all() -> &'static [&'static dyn FactKind] {
    static ALL: &[&dyn FactKind] = &[
        &identity::Identity,
        &package::Package,
        &repository::Repository,
        &soname::Soname,
        &command::Command,
        &file::File,
        &unit::Unit,
        &user::User,
        &group::Group,
        &port::Port,
        &kernel_option::KernelOption,
        &module::Module,
        &cmdline::Cmdline,
        &sysctl::Sysctl,
        &certificate::Certificate,
        &locale::Locale,
        &footprint::Footprint,
    ];
    ALL
}

/// The names of all kinds, in the same order.
pub fn names() -> Vec<&'static str> {
    all().iter().map(|kind| kind.name()).collect()
}

/// The kind of that name.
pub fn find(word: &str) -> Option<&'static dyn FactKind> {
    all().iter().copied().find(|kind| kind.name() == word)
}

/// Everything that these kinds read, each reading once.
pub fn probes(kinds: &[&'static dyn FactKind], scope: &Scope) -> Vec<Probe> {
    let mut seen = HashMap::new();
    let mut out: Vec<Probe> = Vec::new();
    for probe in kinds.iter().flat_map(|kind| kind.probes(scope)) {
        if seen.insert(probe.key.clone(), ()).is_none() {
            out.push(probe);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use muster_check::Observations;
    use muster_guest::{End, Reply};

    #[test]
    fn kinds_and_their_fields_are_named_once_and_explained() {
        let unique: BTreeSet<_> = names().into_iter().collect();
        assert_eq!(unique.len(), all().len());
        for kind in all() {
            assert!(kind.name().chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{}", kind.name());
            let names: BTreeSet<_> = kind.fields().iter().map(|field| field.name).collect();
            assert_eq!(names.len(), kind.fields().len(), "{}", kind.name());
            assert!(kind.fields().iter().all(|field| field.doc.ends_with('.')), "{}", kind.name());
        }
    }

    #[test]
    fn a_reading_that_failed_or_was_cut_is_never_an_empty_set() {
        for kind in all() {
            let probes = kind.probes(&Scope::default());
            assert!(!probes.is_empty(), "{}", kind.name());
            for reply in [
                Reply { status: 127, stderr: b"tool: not found".to_vec(), ..Reply::default() },
                Reply { status: 1, ..Reply::default() },
                Reply { status: 137, ..Reply::default() },
                Reply::default(),
                Reply { end: End::TimedOut, ..Reply::default() },
                Reply { end: End::TooMuchOutput, ..Reply::default() },
                Reply { stdout: b"\x00\xff nonsense \x1b[2J".to_vec(), ..Reply::default() },
            ] {
                let seen = Observations(probes.iter().map(|probe| (probe.key.clone(), reply.clone())).collect());
                let part = kind.parse(&seen);
                assert!(part.is_err() || reply.stdout.starts_with(b"\0"), "{}: {reply:?}: {part:?}", kind.name());
            }
        }
    }

    #[test]
    fn one_reading_serves_several_kinds() {
        let probes = probes(all(), &Scope::default());
        let keys: BTreeSet<_> = probes.iter().map(|probe| probe.key.as_str()).collect();
        assert_eq!(keys.len(), probes.len());
    }
}
