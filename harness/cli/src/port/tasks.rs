//! What is tried of a chain on a machine.

use super::chains;
use super::image::Task;
use super::trial::Plan;
use super::units::UnitPlan;
use muster_base::text::one_line;
use muster_chain::need::UnitWant;
use muster_chain::{Chain, Need, Verb, Want};
use muster_port::PortedChain;

/// A chain on the system that it comes from: as it is written.
pub(super) fn as_written(chain: &Chain, run: Option<(String, u64)>) -> (Task, Vec<String>) {
    let install = chain.needs.iter().filter(|need| need.verb == Verb::Install && !need.optional).filter_map(installed);
    task(chain, install.collect(), run)
}

/// A chain on the system that it is to run on: with the edits that were found.
pub(super) fn with_edits(found: &PortedChain, run: Option<(String, u64)>) -> (Task, Vec<String>) {
    let names = found.installations.iter().flat_map(|one| one.wanted.iter().cloned());
    task(&found.chain, names.collect(), run)
}

fn task(chain: &Chain, mut install: Vec<String>, run: Option<(String, u64)>) -> (Task, Vec<String>) {
    let (packages, notes) = chains::local_packages(chain);
    let mut seen = std::collections::BTreeSet::new();
    install.retain(|name| seen.insert(name.clone()));
    let modules = chain.needs.iter().filter(|need| need.verb == Verb::Install).filter_map(module).collect();
    let plan = Plan { install, modules, units: units(&chain.needs) };
    let name = one_line(&chain.file, 200);
    (Task { name, plan, packages, run, paths: chains::paths(std::slice::from_ref(chain)) }, notes)
}

/// A need as the package manager takes it.
fn installed(need: &Need) -> Option<String> {
    match &need.want {
        Want::Package { name, version, arch } => {
            let arch = arch.as_ref().map(|arch| format!(".{arch}")).unwrap_or_default();
            Some(match version {
                Some((relation, version)) => format!("{name}{arch} {} {version}", relation.sign()),
                None => format!("{name}{arch}"),
            })
        }
        Want::Group(id) => Some(format!("@{}", id.trim_start_matches('@'))),
        Want::Capability(text) | Want::Path(text) => Some(text.clone()),
        _ => None,
    }
}

fn module(need: &Need) -> Option<String> {
    match &need.want {
        Want::Module { name, stream } => {
            Some(stream.as_ref().map_or(name.clone(), |stream| format!("{name}:{stream}")))
        }
        _ => None,
    }
}

/// Units that the chain enables or starts, each once, in the order of the file. One that it only orders itself after is
/// not started.
fn units(needs: &[Need]) -> Vec<UnitPlan> {
    let mut out: Vec<UnitPlan> = Vec::new();
    for need in needs.iter().filter(|need| need.verb != Verb::Remove && !need.optional) {
        let Want::Unit { name, state } = &need.want else { continue };
        let (enable, start) = match state {
            UnitWant::Enabled => (true, true),
            UnitWant::Started => (false, true),
            UnitWant::Exists | UnitWant::Disabled => continue,
        };
        // A template without an instance cannot be started.
        let start = start && !name.contains("@.");
        match out.iter_mut().find(|unit| unit.name == *name) {
            Some(unit) => (unit.enable, unit.start) = (unit.enable || enable, unit.start || start),
            None => out.push(UnitPlan { name: name.clone(), enable, start }),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use muster_base::Relation;
    use muster_chain::{ChainKind, Place};

    fn need(want: Want, verb: Verb) -> Need {
        let place = Place::whole(&Arc::from("Containerfile"));
        Need { want, verb, optional: false, place, written: String::new(), within: None }
    }

    fn package(name: &str) -> Want {
        Want::Package { name: name.into(), version: None, arch: None }
    }

    fn unit(name: &str, state: UnitWant) -> Need {
        need(Want::Unit { name: name.into(), state }, Verb::Use)
    }

    #[test]
    fn a_chain_as_it_is_written_is_what_its_own_package_manager_takes() {
        let version = Some((Relation::AtLeast, "1.2".to_owned()));
        let arm = Want::Package { name: "glibc".into(), version: None, arch: Some("i686".into()) };
        let needs = vec![
            need(package("nginx"), Verb::Install),
            need(package("nginx"), Verb::Install),
            need(Want::Package { name: "jq".into(), version, arch: None }, Verb::Install),
            need(arm, Verb::Install),
            need(Want::Group("core".into()), Verb::Install),
            need(Want::Module { name: "nodejs".into(), stream: Some("20".into()) }, Verb::Install),
            need(package("gone"), Verb::Remove),
            Need { optional: true, ..need(package("maybe"), Verb::Install) },
            need(Want::Command("curl".into()), Verb::Use),
            unit("a.service", UnitWant::Enabled),
            unit("b@.service", UnitWant::Enabled),
            unit("a.service", UnitWant::Started),
            unit("c.service", UnitWant::Exists),
        ];
        let chain = Chain {
            file: Arc::from("Containerfile"),
            kind: ChainKind::Containerfile,
            needs,
            lines: 1,
            not_understood: Vec::new(),
            written_for: None,
        };
        let (task, notes) = as_written(&chain, None);
        assert_eq!(task.plan.install, ["nginx", "jq >= 1.2", "glibc.i686", "@core"]);
        assert_eq!(task.plan.modules, ["nodejs:20"]);
        let unit = |name: &str, enable, start| UnitPlan { name: name.into(), enable, start };
        assert_eq!(task.plan.units, [unit("a.service", true, true), unit("b@.service", true, false)]);
        assert!(notes.is_empty() && task.packages.is_empty());
    }
}
