//! What a kind of facts is. A kind reads some probes, makes items of the answers, and tells how the
//! items of two systems differ. A new kind is a file in `kinds/` and a line in [`all`].

use std::collections::{BTreeMap, HashMap};

use super::difference::{self, Difference};
use super::kinds;
use muster_check::{Observations, Probe};

/// What is known of one subject, by field.
pub type Item = BTreeMap<&'static str, String>;

/// The subjects of a kind.
pub type Items = BTreeMap<String, Item>;

/// A field of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// As written in facts files and, after a colon, in keys.
    pub name: &'static str,
    /// Whether two systems differ when it does. Others explain, or tell whom a subject belongs to.
    pub compared: bool,
    /// What it holds, one sentence.
    pub doc: &'static str,
}

/// A field that is compared.
pub(super) const fn compared(name: &'static str, doc: &'static str) -> Field {
    Field { name, compared: true, doc }
}

/// A field that explains.
pub(super) const fn told(name: &'static str, doc: &'static str) -> Field {
    Field { name, compared: false, doc }
}

/// The field in which several kinds tell the package that a subject belongs to.
pub(super) const PACKAGE: Field = told("package", "The installed packages that it belongs to.");

/// What a system says of a kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Its items.
    Known(Items),
    /// The system has no such thing, which was seen and not assumed: why.
    Absent(String),
    /// It could not be read: why. Never the same as an empty set.
    Unreadable(String),
}

/// What is read beyond the fixed places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// Directories whose files are compared, absolute.
    pub trees: Vec<String>,
}

impl Default for Scope {
    fn default() -> Self {
        Self { trees: kinds::file::TREES.iter().map(|tree| (*tree).to_owned()).collect() }
    }
}

/// A kind of facts.
pub trait FactKind: Sync {
    /// Its name: the first part of keys.
    fn name(&self) -> &'static str;

    /// What its subjects are, in the plural, for titles and the documentation.
    fn what(&self) -> &'static str;

    /// What it tells of each subject.
    fn fields(&self) -> &'static [Field];

    /// What must be read in the guest.
    fn probes(&self, scope: &Scope) -> Vec<Probe>;

    /// What the answers say; an error when they cannot be understood.
    fn parse(&self, seen: &Observations) -> Result<Part, String>;

    /// How the items of two systems differ, in the order of subjects and fields.
    fn differences(&self, before: &Items, after: &Items) -> Vec<Difference> {
        difference::of_items(self.name(), self.fields(), before, after)
    }
}

/// All kinds, in the order of reports.
pub fn all() -> &'static [&'static dyn FactKind] {
    static ALL: &[&dyn FactKind] = &[
        &kinds::identity::Identity,
        &kinds::package::Package,
        &kinds::repository::Repository,
        &kinds::soname::Soname,
        &kinds::command::Command,
        &kinds::file::File,
        &kinds::unit::Unit,
        &kinds::user::User,
        &kinds::group::Group,
        &kinds::port::Port,
        &kinds::kernel_option::KernelOption,
        &kinds::module::Module,
        &kinds::cmdline::Cmdline,
        &kinds::sysctl::Sysctl,
        &kinds::certificate::Certificate,
        &kinds::locale::Locale,
        &kinds::footprint::Footprint,
    ];
    ALL
}

/// The names of all kinds, in the same order.
pub fn words() -> Vec<&'static str> {
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
    use muster_guest::{End, Reply};

    #[test]
    fn kinds_and_their_fields_are_named_once_and_explained() {
        let unique: BTreeSet<_> = words().into_iter().collect();
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
