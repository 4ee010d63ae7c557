//! Which image is decided about: one file, by its digest, in every run.

use std::collections::{BTreeMap, BTreeSet};

use muster_base::glob;
use muster_base::text::one_line;
use muster_record::facts::Facts;
use muster_record::run::ImageRecord;
use muster_suite::policy::ImageScope;

use crate::inputs::{GateError, GateInputs, RunInput, short};

/// The image, as the runs have it.
#[derive(Debug)]
pub(crate) struct Subject<'r> {
    /// SHA-256 of its file; empty where no run knows it.
    pub(crate) sha256: String,
    /// The ids that it has in the runs.
    pub(crate) entries: BTreeSet<&'r str>,
    /// Its files.
    pub(crate) paths: BTreeSet<&'r str>,
    /// What it said of itself in the oldest run in which it booted.
    pub(crate) facts: Option<&'r Facts>,
}

impl Subject<'_> {
    /// Whether an image entry of a run is this image.
    pub(crate) fn is(&self, run: &RunInput, entry: &str) -> bool {
        run.record.images.get(entry).is_some_and(|image| image.sha256 == self.sha256)
    }

    /// Whether the policy is for it; `None` where it never booted, so that nobody knows.
    pub(crate) fn fits(&self, scope: &ImageScope) -> Option<bool> {
        self.facts.map(|facts| fits(scope, facts))
    }
}

/// `runs` are sorted, the oldest first.
pub(crate) fn find<'r>(inputs: &GateInputs<'_>, runs: &[&'r RunInput]) -> Result<Subject<'r>, GateError> {
    let tested = || runs.iter().flat_map(|run| &run.record.images);
    let scope = inputs.policy.applies.as_ref();
    // An image that never booted may be meant, and then the policy cannot be satisfied.
    let meant = |image: &ImageRecord| match (scope, &image.facts) {
        (Some(scope), Some(facts)) => fits(scope, facts),
        _ => true,
    };
    let mut digests: BTreeMap<&str, String> = BTreeMap::new();
    for (entry, image) in tested() {
        let wanted = inputs.image.map_or_else(|| meant(image), |wanted| image.sha256 == wanted);
        if wanted {
            digests.entry(&image.sha256).or_insert_with(|| described(entry, image));
        }
    }
    if tested().next().is_none() {
        return Err(GateError::NothingTested);
    }
    let sha256 = match (inputs.image, digests.len()) {
        (Some(wanted), _) => wanted,
        (None, 0) => return Err(not_applicable(inputs, runs)),
        (None, 1) => digests.keys().next().copied().unwrap_or_default(),
        (None, _) => return Err(GateError::SeveralImages { images: digests.into_values().collect() }),
    };
    // Of machines that were up already no file is known, and two of them are two images.
    if sha256.is_empty() {
        let unknown = tested().filter(|(_, image)| image.sha256.is_empty());
        let unknown: BTreeMap<&str, String> =
            unknown.map(|(entry, image)| (image.path.as_str(), described(entry, image))).collect();
        if unknown.len() > 1 {
            let at = |(path, what): (&str, String)| format!("{what} at {}", one_line(path, 120));
            return Err(GateError::SeveralMachines { machines: unknown.into_iter().map(at).collect() });
        }
    }
    let mut subject =
        Subject { sha256: sha256.to_owned(), entries: BTreeSet::new(), paths: BTreeSet::new(), facts: None };
    for run in runs {
        let mut found = false;
        for (entry, image) in run.record.images.iter().filter(|(_, image)| image.sha256 == sha256) {
            found = true;
            subject.entries.insert(entry);
            subject.paths.insert(&image.path);
            subject.facts = subject.facts.or(image.facts.as_ref());
        }
        if !found {
            let all: Vec<String> = run.record.images.iter().map(|(entry, image)| described(entry, image)).collect();
            let tested = if all.is_empty() { "none".to_owned() } else { all.join("; ") };
            return Err(GateError::OtherImage { run: run.record.id.clone(), wanted: sha256.to_owned(), tested });
        }
    }
    match scope.map(|scope| subject.fits(scope)) {
        Some(Some(false)) => Err(not_applicable(inputs, runs)),
        _ => Ok(subject),
    }
}

fn not_applicable(inputs: &GateInputs<'_>, runs: &[&RunInput]) -> GateError {
    let mut all: Vec<String> =
        runs.iter().flat_map(|run| run.record.images.iter().map(|(entry, image)| described(entry, image))).collect();
    all.dedup();
    GateError::NotApplicable { policy: inputs.policy.id.clone(), tested: all.join("; ") }
}

fn described(entry: &str, image: &ImageRecord) -> String {
    let said = |facts: &Facts| {
        let distro = facts.dimension("distro").unwrap_or_default().join(" ");
        format!(" ({})", one_line(&format!("{distro} {}", facts.arch), 120))
    };
    let facts = image.facts.as_ref().map(said).unwrap_or_default();
    format!("{}{facts} {}", one_line(entry, 80), short(&image.sha256))
}

fn fits(scope: &ImageScope, facts: &Facts) -> bool {
    let said = |key: &str| facts.os_release.get(key).map_or("", String::as_str);
    let distro = scope.distro.as_ref().is_none_or(|distro| said("ID") == distro);
    let version = scope.version.is_empty() || scope.version.iter().any(|glob| glob::matches(glob, said("VERSION_ID")));
    let arch = scope.arch.is_empty() || scope.arch.contains(&facts.arch);
    distro && version && arch
}
