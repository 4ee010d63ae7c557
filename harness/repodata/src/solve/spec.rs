//! What a name on the command line of dnf means.

use muster_base::evr::Evr;
use muster_base::fnmatch;
use muster_base::text::one_line;

use crate::dependency::Dependency;
use crate::index::Index;
use crate::package::PackageId;

use super::explain::shown;
use super::policy;
use super::request::Wanted;

/// For each thing that must be installed the packages of which one will do; or the sentence that says why there is none.
// A sentence: it becomes a `Problem`, which holds sentences.
pub(super) fn candidates(index: &Index, wanted: &Wanted, best: bool) -> Result<Vec<Vec<PackageId>>, String> {
    let mut each = match wanted {
        Wanted::Package(id) => vec![vec![*id]],
        Wanted::OneOf(ids) => vec![ids.clone()],
        Wanted::Spec(text) => of_spec(index, text),
    };
    for candidates in &mut each {
        candidates.retain(|id| index.is_available(*id));
    }
    each.retain(|candidates| !candidates.is_empty());
    if each.is_empty() {
        return Err(missing(index, wanted));
    }
    if best {
        for candidates in &mut each {
            // As libsolv forces the best: the newest, or what obsoletes it.
            *candidates = policy::best(index, std::mem::take(candidates), |_| false);
        }
    }
    Ok(each)
}

fn of_spec(index: &Index, text: &str) -> Vec<Vec<PackageId>> {
    let text = text.trim();
    if text.contains(['*', '?', '[']) && !text.starts_with(['/', '(']) {
        let mut names: Vec<&str> = index.names().filter(|name| fnmatch::matches(text, name)).collect();
        names.sort_unstable();
        return names.into_iter().map(|name| with_obsoleters(index, index.named(name))).collect();
    }
    let available = |ids: &[PackageId]| ids.iter().any(|id| index.is_available(*id));
    let by_label = labelled(index, text);
    if available(&by_label) {
        return vec![by_label];
    }
    let named = index.named(text);
    if available(named) {
        return vec![with_obsoleters(index, named)];
    }
    let providers = Dependency::parse(text).ok().and_then(|_| index.providers(text).ok()).unwrap_or_default();
    if providers.is_empty() { vec![named.to_vec()] } else { vec![providers] }
}

/// These packages and what obsoletes one of them: who wants what is obsolete gets what replaces it.
fn with_obsoleters(index: &Index, named: &[PackageId]) -> Vec<PackageId> {
    let mut all = named.to_vec();
    for id in named.iter().filter(|id| index.is_available(**id)) {
        all.extend(index.obsoleters(*id).map(|(by, _)| by));
    }
    all.sort_unstable();
    all.dedup();
    all
}

/// The packages that a text with an architecture or a version means, tried in dnf's order.
fn labelled(index: &Index, text: &str) -> Vec<PackageId> {
    let with_arch = text.rsplit_once('.').filter(|(rest, arch)| !rest.is_empty() && !arch.is_empty());
    for (label, arch) in with_arch.map(|(label, arch)| (label, Some(arch))).into_iter().chain([(text, None)]) {
        let fits = |id: &PackageId| arch.is_none_or(|arch| index.package(*id).arch == arch);
        if arch.is_some() {
            let named: Vec<PackageId> = index.named(label).iter().copied().filter(|id| fits(id)).collect();
            if !named.is_empty() {
                return named;
            }
        }
        // NAME-VERSION-RELEASE, then NAME-VERSION.
        let dashes: Vec<usize> = label.match_indices('-').map(|(at, _)| at).collect();
        for at in dashes.iter().rev().skip(1).take(1).chain(dashes.last()) {
            let (name, version) = (&label[..*at], &label[*at + 1..]);
            let Some(wanted) = Evr::parse(version) else { continue };
            let stated = version.contains(':');
            let same = |id: &PackageId| {
                let package = index.package(*id);
                let Some(found) = package.parsed_evr() else { return false };
                let release = wanted.release.is_none_or(|release| found.release == Some(release));
                found.version == wanted.version && release && (!stated || found.epoch == wanted.epoch)
            };
            let found: Vec<PackageId> = index.named(name).iter().copied().filter(|id| fits(id) && same(id)).collect();
            if !found.is_empty() {
                return found;
            }
        }
    }
    Vec::new()
}

/// What is wanted, as sentences name it.
pub(super) fn shown_wanted(index: &Index, wanted: &Wanted) -> String {
    match wanted {
        Wanted::Spec(text) => format!("`{}`", one_line(text, 200)),
        Wanted::Package(id) => shown(index, *id),
        Wanted::OneOf(ids) => match ids.as_slice() {
            [one] => shown(index, *one),
            [first, ..] => format!("{} or one of {} others", shown(index, *first), ids.len() - 1),
            [] => "one of no packages".to_owned(),
        },
    }
}

fn missing(index: &Index, wanted: &Wanted) -> String {
    let what = shown_wanted(index, wanted);
    let known = match wanted {
        Wanted::Spec(text) => of_spec_anywhere(index, text),
        Wanted::Package(id) => vec![*id],
        Wanted::OneOf(ids) => ids.clone(),
    };
    if let Some(first) = known.first() {
        let package = index.package(*first);
        return format!(
            "{what} is not available: {} is in {}, which is not enabled",
            shown(index, *first),
            package.repository
        );
    }
    if let Wanted::Spec(text) = wanted {
        let elsewhere = index.exists_for_other_arch(text);
        if !elsewhere.is_empty() {
            return format!("{what} exists for {} only, and not for {}", elsewhere.join(", "), index.arch());
        }
    }
    format!("{what} is no package, and nothing provides it")
}

fn of_spec_anywhere(index: &Index, text: &str) -> Vec<PackageId> {
    let named = index.named(text.trim());
    if named.is_empty() { index.providers(text).unwrap_or_default() } else { named.to_vec() }
}
