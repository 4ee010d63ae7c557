//! Needs become answers.
//!
//! First what the chain installs is answered by name ([`packages`]), then that is resolved together ([`together`]), and then
//! what must be there is looked for on the system and in what the chain installs ([`presence`], [`system`]). Each need takes a
//! few lookups, so that time grows with the needs and not with the index.

mod context;
mod found;
mod packages;
mod presence;
mod soname;
mod system;
#[cfg(test)]
mod tests;
mod together;
mod versions;

use std::collections::BTreeSet;

use muster_chain::{Chain, ChainKind, Need, Verb, Want};

use self::context::Context;
use self::found::Found;
use crate::answer::{Answer, Answered};
use crate::edit;
use crate::facts::SystemFacts;
use crate::sum::PortedChain;
use crate::trial::{Smoke, Trial};

pub use self::context::Question;

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
            let came_with_chain =
                matches!(answer, Answer::Present(None)) && context.is_after && context.was_there(need) == Some(false);
            Answered { need: need.clone(), answer, came_with_chain, evidence, differences, edit }
        })
        .collect();
    let edited = edit::apply(answers.iter().filter_map(|answered| answered.edit.as_ref()), question.texts);
    let installations = installations.into_iter().map(|resolved| resolved.installation).collect();
    PortedChain { chain, answers, installations, edited, trial, smoke }
}

impl<'a> Context<'a> {
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
