//! What all answers of one chain need.

use std::collections::{BTreeSet, HashMap, HashSet};

use muster_chain::need::UnitWant;
use muster_chain::{Chain, ChainKind, Need, Verb, Want};
use muster_repodata::PackageId;

use super::found::Found;
use crate::answer::Answer;
use crate::edit::{Edit, Texts};
use crate::facts::{System, SystemFacts};
use crate::metadata::Metadata;
use crate::sum::Installation;
use crate::trial::Trial;

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

/// What installs together, with the packages by number.
pub(super) struct Resolved {
    pub(super) installation: Installation,
    /// All of it, or where it was not resolved what the chain names itself.
    pub(super) install: Vec<PackageId>,
}

/// What all answers of one chain need.
pub(super) struct Context<'a> {
    pub(super) question: &'a Question<'a>,
    pub(super) kind: ChainKind,
    /// What the system says: of the trial once it installed, else of the image.
    pub(super) facts: &'a SystemFacts,
    /// Whether the facts are those of a system on which the chain is installed.
    pub(super) is_after: bool,
    /// Packages that the trial installed.
    pub(super) tried: HashSet<&'a str>,
    /// A repository that the chain adds and whose metadata is not known.
    pub(super) unread: Option<String>,
    /// Units that the chain enables or disables itself.
    pub(super) handled: HashSet<&'a str>,
    /// Where the chain installs packages, by stage, in the order of the file.
    pub(super) places: HashMap<Option<&'a str>, Vec<&'a Need>>,
    /// What the chain installs, dependencies included, by stage.
    pub(super) closures: HashMap<Option<String>, HashSet<PackageId>>,
    /// All of them.
    pub(super) closure: HashSet<PackageId>,
    /// Why it is not known what all of them are.
    pub(super) open: Option<String>,
    /// Packages that edits add: the stage and the name.
    pub(super) added: Vec<(Option<String>, String)>,
    /// The edit that adds a package to a stage.
    pub(super) additions: HashMap<(Option<String>, String), Edit>,
}

impl<'a> Context<'a> {
    pub(super) fn new(chain: &'a Chain, question: &'a Question<'a>, trial: Option<&'a Trial>) -> Self {
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

    pub(super) fn index(&self) -> Metadata<'a> {
        Metadata(self.question.target.index)
    }

    pub(super) fn target(&self) -> &'a str {
        &self.question.target.name
    }

    /// What is installed apart from the rest: a stage of a Containerfile. All other files are about one system.
    pub(super) fn stage<'n>(&self, need: &'n Need) -> Option<&'n str> {
        need.within.as_deref().filter(|_| self.kind == ChainKind::Containerfile)
    }

    /// What is at hand once the chain is installed.
    pub(super) fn closures(&mut self, resolved: &[Resolved]) {
        for one in resolved {
            let Installation { problems, unknown, .. } = &one.installation;
            if let Some(why) = unknown.as_ref().or(problems.first()) {
                self.open = Some(format!("what the chain installs is not known: {why}"));
            }
            self.closure.extend(&one.install);
            self.closures.entry(one.installation.within.clone()).or_default().extend(&one.install);
        }
    }

    /// What no repository has. While a repository of the chain is not known, it may have it.
    pub(super) fn absent(&self, near: Vec<String>) -> Found {
        match &self.unread {
            None => Found::new(Answer::Absent(near)),
            Some(place) => Found::unknown(format!("it may be in the repository that {place} adds, which was not read")),
        }
    }

    pub(super) fn repository(&self, address: &str) -> Found {
        match self.question.repositories.contains(address) {
            true => Found::new(Answer::Present(None)).because("its metadata was read"),
            false => Found::unknown("what is in it was not read; name its metadata"),
        }
    }
}
