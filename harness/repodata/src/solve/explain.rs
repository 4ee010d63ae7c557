//! Why a request cannot be fulfilled, in sentences.

use std::collections::{BTreeSet, VecDeque};

use muster_base::text::{one_line, plural};

use crate::data::DepId;
use crate::index::Index;
use crate::package::PackageId;

use super::formula::Formula;
use super::rules::Rule;

/// Sentences of one problem at most.
const SENTENCES: usize = 16;

/// The contradiction as a chain: from what was wanted, each sentence followed by those about what it leads to.
pub(super) fn chain(index: &Index, rules: &[Rule], wanted: impl Fn(usize) -> (String, Vec<PackageId>)) -> Vec<String> {
    let mut left: Vec<Rule> = rules.to_vec();
    let (mut out, mut queue, mut seen) = (Vec::new(), VecDeque::new(), BTreeSet::new());
    for rule in rules {
        if let Rule::Wanted(place) = rule {
            let (sentence, packages) = wanted(*place);
            out.push(sentence);
            queue.extend(packages);
        }
    }
    left.retain(|rule| !matches!(rule, Rule::Wanted(_)));
    loop {
        while let Some(id) = queue.pop_front() {
            if !seen.insert(id) {
                continue;
            }
            let (mine, others): (Vec<Rule>, Vec<Rule>) = left.into_iter().partition(|rule| subject(rule) == Some(id));
            left = others;
            for rule in mine {
                out.push(sentence(index, &rule));
                queue.extend(leads_to(index, &rule));
            }
        }
        let Some(rest) = left.first().copied() else { break };
        match subject(&rest) {
            Some(id) if !seen.contains(&id) => queue.push_back(id),
            _ => {
                out.push(sentence(index, &rest));
                left.remove(0);
            }
        }
    }
    out.dedup();
    if out.len() > SENTENCES {
        let more = out.len() - SENTENCES;
        out.truncate(SENTENCES);
        out.push(format!("and {more} more reason{}", plural(more)));
    }
    out
}

fn subject(rule: &Rule) -> Option<PackageId> {
    match rule {
        Rule::Wanted(_) => None,
        Rule::Keep(id)
        | Rule::Requires(id, _)
        | Rule::Conflicts(id, _)
        | Rule::Obsoletes(id, ..)
        | Rule::SameName(id, _) => Some(*id),
    }
}

fn leads_to(index: &Index, rule: &Rule) -> Vec<PackageId> {
    match rule {
        Rule::Requires(_, dep) => providers(index, *dep),
        _ => Vec::new(),
    }
}

fn providers(index: &Index, dep: DepId) -> Vec<PackageId> {
    match Formula::of(index, dep) {
        Ok(Formula::Some(packages)) => packages,
        _ => Vec::new(),
    }
}

/// A package as sentences name it.
pub(super) fn shown(index: &Index, id: PackageId) -> String {
    one_line(&index.package(id).nevra(), 200)
}

fn several(index: &Index, ids: &[PackageId]) -> String {
    let mut names: Vec<String> = ids.iter().take(4).map(|id| shown(index, *id)).collect();
    if ids.len() > 4 {
        names.push(format!("{} more", ids.len() - 4));
    }
    names.join(", ")
}

/// A dependency as sentences name it.
pub(super) fn capability(index: &Index, dep: DepId) -> String {
    one_line(&index.data().dependency(dep).to_string(), 200)
}

fn sentence(index: &Index, rule: &Rule) -> String {
    match rule {
        Rule::Wanted(_) => String::new(),
        Rule::Keep(id) => format!("{} is installed, and has to stay or be replaced", shown(index, *id)),
        Rule::Requires(id, dep) => {
            let needs = format!("{} requires {}", shown(index, *id), capability(index, *dep));
            match providers(index, *dep).as_slice() {
                [] if index.data().dependency(*dep).name.starts_with('(') => needs,
                [] => format!("{needs}, which nothing provides{}", nearest(index, *dep)),
                some => format!("{needs}, provided by {}", several(index, some)),
            }
        }
        Rule::Conflicts(id, dep) => {
            let conflicts = format!("{} conflicts with {}", shown(index, *id), capability(index, *dep));
            let others: Vec<PackageId> = providers(index, *dep).into_iter().filter(|other| other != id).collect();
            match others.as_slice() {
                [] => conflicts,
                some => format!("{conflicts}, provided by {}", several(index, some)),
            }
        }
        Rule::Obsoletes(id, dep, other) => {
            format!("{} obsoletes {}, thus {}", shown(index, *id), capability(index, *dep), shown(index, *other))
        }
        Rule::SameName(id, other) => {
            format!("{} and {} cannot be installed together", shown(index, *id), shown(index, *other))
        }
    }
}

/// Where the name exists although nothing that can be installed provides the capability.
fn nearest(index: &Index, dep: DepId) -> String {
    let dependency = index.data().dependency(dep);
    let name = dependency.name.split('(').next().unwrap_or_default();
    let elsewhere = index.exists_for_other_arch(name);
    if !elsewhere.is_empty() {
        return format!(" ({} exists for {} only)", one_line(name, 100), elsewhere.join(", "));
    }
    let bare = crate::dependency::Dependency { name: dependency.name.clone(), bound: None };
    let mut others = index.providers_of(&bare);
    others.sort_by(|one, other| index.newer_first(*one, *other));
    match others.first() {
        Some(other) if !index.is_available(*other) => {
            format!(" ({} is in {}, which is not enabled)", shown(index, *other), index.package(*other).repository)
        }
        Some(other) if dependency.bound.is_some() => format!(" ({} does not fit)", shown(index, *other)),
        _ => String::new(),
    }
}
