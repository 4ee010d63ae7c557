//! Needs become answers.
//!
//! First what the chain installs is answered by name ([`packages`]), then that is resolved together ([`together`]), and then
//! what must be there is looked for on the system and in what the chain installs ([`presence`], [`system`]). Each need takes a
//! few lookups, so that time grows with the needs and not with the index.

mod packages;
mod presence;
mod soname;
mod system;
#[cfg(test)]
mod tests;
mod together;

use std::collections::{BTreeSet, HashMap, HashSet};

use muster_chain::need::UnitWant;
use muster_chain::{Chain, ChainKind, Need, Verb, Want};
use muster_repodata::{PackageId, Wanted};

use crate::answer::{Answer, Answered, Difference};
use crate::edit::{self, Edit, Texts};
use crate::facts::{System, SystemFacts};
use crate::metadata::{Metadata, Package};
use crate::sum::{Installation, PortedChain};
use crate::trial::{Smoke, Trial};

/// What chains are compared with.
pub struct Question<'a> {
    /// Where they are to run.
    pub target: &'a System<'a>,
    /// Where they run today, when that is known.
    pub from: Option<&'a System<'a>>,
    /// The names that one of Debian's packages may have in RPM distributions, the likeliest first.
    pub debian: &'a dyn Fn(&str) -> Vec<String>,
    /// The texts of the files, for edits.
    pub texts: &'a Texts,
    /// Repositories that chains add, as they write them, and whose metadata the target's index has.
    pub repositories: &'a BTreeSet<String>,
}

/// Answers every need of a chain.
pub fn port(chain: Chain, question: &Question<'_>, trial: Option<Trial>, smoke: Option<Smoke>) -> PortedChain {
    let mut context = Context::new(&chain, question, trial.as_ref());
    let mut found: Vec<Option<Found>> = chain.needs.iter().map(|need| context.installation(need)).collect();
    let first = together::resolve(&context, &chain.needs, &found, &[]);
    context.closures(&first);
    for (need, found) in chain.needs.iter().zip(&mut found) {
        if found.is_none() {
            *found = Some(context.there(need));
        }
    }
    let added = std::mem::take(&mut context.added);
    // What edits add may not install with the rest.
    let installations = match added.is_empty() {
        true => first,
        false => together::resolve(&context, &chain.needs, &found, &added),
    };
    let answers: Vec<Answered> = chain
        .needs
        .iter()
        .zip(found)
        .map(|(need, found)| {
            let Found { answer, evidence, differences, edit, .. } =
                found.unwrap_or_else(|| Found::unknown("no answer"));
            Answered { need: need.clone(), answer, evidence, differences, edit }
        })
        .collect();
    let edited = edit::apply(answers.iter().filter_map(|answered| answered.edit.as_ref()), question.texts);
    let installations = installations.into_iter().map(|resolved| resolved.installation).collect();
    PortedChain { chain, answers, installations, edited, trial, smoke }
}

/// An answer on its way.
#[derive(Debug, Clone)]
struct Found {
    answer: Answer,
    evidence: Vec<String>,
    differences: Vec<Difference>,
    edit: Option<Edit>,
    /// What is installed for it, as it is named.
    wanted: Vec<(String, Wanted)>,
}

impl Found {
    fn new(answer: Answer) -> Self {
        Self { answer, evidence: Vec::new(), differences: Vec::new(), edit: None, wanted: Vec::new() }
    }

    /// With names that are installed for it.
    fn installing(mut self, names: &[String]) -> Self {
        self.wanted.extend(names.iter().map(|name| (name.clone(), Wanted::Spec(name.clone()))));
        self
    }

    fn unknown(why: impl Into<String>) -> Self {
        Self::new(Answer::Unknown(why.into()))
    }

    fn because(mut self, evidence: impl Into<String>) -> Self {
        self.evidence.push(evidence.into());
        self
    }
}

/// What all answers of one chain need.
struct Context<'a> {
    question: &'a Question<'a>,
    kind: ChainKind,
    /// What the system says: of the trial once it installed, else of the image.
    facts: &'a SystemFacts,
    /// Whether the facts are those of a system on which the chain is installed.
    is_after: bool,
    /// Packages that the trial installed.
    tried: HashSet<&'a str>,
    /// A repository that the chain adds and whose metadata is not known.
    unread: Option<String>,
    /// Units that the chain enables or disables itself.
    handled: HashSet<&'a str>,
    /// Where the chain installs packages, by stage, in the order of the file.
    places: HashMap<Option<&'a str>, Vec<&'a Need>>,
    /// What the chain installs, dependencies included, by stage.
    closures: HashMap<Option<String>, HashSet<PackageId>>,
    /// All of them.
    closure: HashSet<PackageId>,
    /// Why it is not known what all of them are.
    open: Option<String>,
    /// Packages that edits add: the stage and the name.
    added: Vec<(Option<String>, String)>,
    /// The edit that adds a package to a stage.
    additions: HashMap<(Option<String>, String), Edit>,
}

impl<'a> Context<'a> {
    fn new(chain: &'a Chain, question: &'a Question<'a>, trial: Option<&'a Trial>) -> Self {
        let after =
            trial.filter(|trial| trial.failed.is_none() && trial.succeeded).and_then(|trial| trial.after.as_ref());
        let unread = chain.needs.iter().find_map(|need| match &need.want {
            Want::Repository(address) if !question.repositories.contains(address) => Some(need.place.to_string()),
            _ => None,
        });
        let handled = chain.needs.iter().filter_map(|need| match &need.want {
            Want::Unit { name, state: UnitWant::Enabled | UnitWant::Disabled } => Some(name.as_str()),
            _ => None,
        });
        let mut context = Context {
            question,
            kind: chain.kind,
            facts: after.unwrap_or(&question.target.facts),
            is_after: after.is_some(),
            tried: trial.into_iter().flat_map(|trial| &trial.installed).map(String::as_str).collect(),
            unread,
            handled: handled.collect(),
            places: HashMap::new(),
            closures: HashMap::new(),
            closure: HashSet::new(),
            open: None,
            added: Vec::new(),
            additions: HashMap::new(),
        };
        for need in &chain.needs {
            let is_package = matches!(need.want, Want::Package { .. } | Want::Group(_));
            if is_package && need.verb == Verb::Install {
                context.places.entry(context.stage(need)).or_default().push(need);
            }
        }
        context
    }

    fn index(&self) -> Metadata<'a> {
        Metadata(self.question.target.index)
    }

    fn target(&self) -> &'a str {
        &self.question.target.name
    }

    /// What is installed apart from the rest: a stage of a Containerfile. All other files are about one system.
    fn stage<'n>(&self, need: &'n Need) -> Option<&'n str> {
        need.within.as_deref().filter(|_| self.kind == ChainKind::Containerfile)
    }

    /// What is at hand once the chain is installed.
    fn closures(&mut self, resolved: &[together::Resolved]) {
        for one in resolved {
            let Installation { problems, unknown, .. } = &one.installation;
            if let Some(why) = unknown.as_ref().or(problems.first()) {
                self.open = Some(format!("what the chain installs is not known: {why}"));
            }
            self.closure.extend(&one.install);
            self.closures.entry(one.installation.within.clone()).or_default().extend(&one.install);
        }
    }

    /// The answer to what the chain installs, removes or brings; `None` of what must be there.
    fn installation(&self, need: &'a Need) -> Option<Found> {
        // Packages and specs have dnf install what they require.
        let is_metadata = matches!(self.kind, ChainKind::Rpm | ChainKind::Spec);
        match (&need.want, need.verb) {
            (Want::LocalPackage(_), _) => Some(Found::new(Answer::Local)),
            (Want::Repository(address), _) => Some(self.repository(address)),
            (Want::Package { name, .. }, Verb::Remove) => Some(self.removal(need, name)),
            (Want::Group(_) | Want::DebianPackage(_) | Want::Capability(_), Verb::Remove) => {
                Some(Found::new(Answer::NothingToRemove))
            }
            (Want::Package { name, version, arch }, Verb::Install) => {
                Some(self.package(need, name, version.as_ref(), arch.as_deref()))
            }
            (Want::DebianPackage(name), _) => Some(self.debian(name)),
            (Want::Group(id), _) => Some(self.group(id)),
            (Want::Module { name, stream }, _) => Some(self.module(name, stream.as_deref())),
            (Want::Capability(capability), Verb::Install) => Some(self.capability(capability)),
            (Want::Capability(capability), Verb::Use) if is_metadata => Some(self.capability(capability)),
            (Want::Path(path), Verb::Install) => Some(self.capability(path)),
            (Want::Path(path), Verb::Use) if is_metadata => Some(self.capability(path)),
            (Want::Package { name, version, arch }, Verb::Use) if is_metadata => {
                Some(self.package(need, name, version.as_ref(), arch.as_deref()))
            }
            _ => None,
        }
    }

    /// The answer to what must be there.
    fn there(&mut self, need: &'a Need) -> Found {
        match &need.want {
            Want::Package { name, .. } => self.there_package(need, name),
            Want::Capability(capability) => self.there_capability(need, capability),
            Want::Path(path) => self.path(need, path),
            Want::Command(name) => self.command(need, name),
            Want::Soname { name, versions, bits, .. } => self.soname(need, name, versions, *bits),
            Want::IsaLevel(level) => self.isa_level(level),
            Want::Arch(arch) => self.arch(arch),
            Want::Unit { name, state } => self.unit(need, name, *state),
            Want::User(name) => self.user(need, name),
            Want::UserGroup(name) => self.user_group(need, name),
            Want::Sysctl { name, value } => self.sysctl(name, value.as_deref()),
            Want::KernelModule(name) => self.kernel_module(name),
            Want::KernelOption(name) => self.kernel_option(name),
            Want::OsRelease { key, known, otherwise } => self.os_release(key, known, *otherwise),
            Want::DebianPackage(_)
            | Want::Group(_)
            | Want::Module { .. }
            | Want::LocalPackage(_)
            | Want::Repository(_) => Found::unknown("nothing is known of what uses it"),
        }
    }

    /// What no repository has. While a repository of the chain is not known, it may have it.
    fn absent(&self, near: Vec<String>) -> Found {
        match &self.unread {
            None => Found::new(Answer::Absent(near)),
            Some(place) => Found::unknown(format!("it may be in the repository that {place} adds, which was not read")),
        }
    }

    fn repository(&self, address: &str) -> Found {
        match self.question.repositories.contains(address) {
            true => Found::new(Answer::Present(None)).because("its metadata was read"),
            false => Found::unknown("what is in it was not read; name its metadata"),
        }
    }
}

/// The newest of some packages.
fn newest(packages: impl IntoIterator<Item = Package>) -> Option<Package> {
    packages.into_iter().max_by(|one, other| together::compare(&one.evr, &other.evr).then_with(|| one.cmp(other)))
}

/// The names of some packages, each once, in order.
fn names<'p>(packages: impl IntoIterator<Item = &'p Package>) -> Vec<String> {
    let names: BTreeSet<&str> = packages.into_iter().map(|package| package.name.as_str()).collect();
    names.into_iter().map(str::to_owned).collect()
}

/// The paths that answers will look up: what chains name, and the unit files of both systems. An index that was not
/// searched for one answers "not known".
pub fn paths<'n>(needs: impl IntoIterator<Item = &'n Need>, from: Option<&SystemFacts>) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for need in needs {
        match &need.want {
            Want::Path(path) => {
                paths.insert(path.clone());
            }
            Want::Capability(path) | Want::Package { name: path, .. } if path.starts_with('/') => {
                paths.insert(path.clone());
            }
            Want::Unit { name, .. } => paths.extend(system::unit_paths(name)),
            _ => {}
        }
    }
    let units = from.and_then(|from| from.units.value()).into_iter().flatten();
    paths.extend(units.flat_map(|(name, _)| system::unit_paths(name)));
    paths
}
