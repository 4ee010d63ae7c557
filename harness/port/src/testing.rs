//! Systems and chains for the tests of this crate.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use muster_chain::need::UnitWant;
use muster_chain::{Chain, ChainKind, Need, NotUnderstood, Place, Verb, Want};
use muster_repodata::{Dependency, Index, IndexBuilder, PackageRecord};

use crate::answering::{Question, port};
use crate::edit::Texts;
use crate::facts::{Known, System, SystemFacts, Unit, User};
use crate::sum::{Depth, Port, PortedChain};
use crate::trial::{Ran, Smoke, Trial};

/// A package of version 1-1 that has these files.
pub(crate) fn package(name: &str, files: &[&str]) -> PackageRecord {
    PackageRecord {
        files: files.iter().map(|path| (*path).to_owned()).collect(),
        installed_size: 1 << 20,
        ..PackageRecord::new(name, "1", "1", "x86_64")
    }
}

/// Dependencies as rpm writes them.
pub(crate) fn dependencies(texts: &[&str]) -> Vec<Dependency> {
    texts.iter().map(|text| Dependency::parse(text).expect("a dependency")).collect()
}

/// The target: a minimal system and one enabled repository, one that is not.
pub(crate) fn target() -> Index {
    let mut index = IndexBuilder::new("x86_64");
    let base = [
        package("bash", &["/usr/bin/bash"]),
        package("dnf", &["/usr/bin/dnf"]),
        PackageRecord { obsoletes: dependencies(&["old-name"]), ..package("new-name", &["/usr/bin/old"]) },
        PackageRecord { provides: dependencies(&["virtual-name"]), ..package("real-name", &[]) },
        package("part-one", &["/usr/bin/one"]),
        package("part-two", &["/usr/bin/two"]),
        package("which", &["/usr/bin/which"]),
        package("moved", &["/usr/bin/moved"]),
        PackageRecord {
            provides: dependencies(&["libweb.so.2()(64bit)", "libweb.so.2(WEB_2.0)(64bit)", "user(web)"]),
            ..package("web", &["/usr/bin/web", "/usr/lib/systemd/system/web.service"])
        },
        PackageRecord { conflicts: dependencies(&["web"]), ..package("rival", &["/usr/bin/rival"]) },
        PackageRecord { requires: dependencies(&["web"]), ..package("site", &[]) },
        PackageRecord { requires: dependencies(&["ring-b"]), ..package("ring-a", &[]) },
        PackageRecord { requires: dependencies(&["ring-a"]), ..package("ring-b", &[]) },
        PackageRecord { arch: "aarch64".to_owned(), ..package("only-arm", &[]) },
    ];
    index.repository("base", true, &base).expect("room");
    index.repository("extra", false, &[package("hidden", &["/usr/bin/hidden"])]).expect("room");
    index.installed(&base[..2]).expect("room");
    index.build()
}

/// Where chains come from.
pub(crate) fn origin() -> Index {
    let mut index = IndexBuilder::new("x86_64");
    let all = [
        package("old-name", &["/usr/bin/old"]),
        package("whole", &["/usr/bin/one", "/usr/bin/two"]),
        package("single", &["/usr/bin/one"]),
        package("lost", &["/usr/bin/one", "/usr/bin/nowhere"]),
        package("which", &["/usr/bin/which"]),
        package("web", &["/usr/bin/web", "/usr/lib/systemd/system/web.service"]),
    ];
    index.repository("fedora", true, &all).expect("room");
    index.installed(&all).expect("room");
    index.build()
}

pub(crate) fn set<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

pub(crate) fn map<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// All that the target says.
pub(crate) fn facts() -> SystemFacts {
    let unit = |state: &str, preset: &str| Unit { state: Some(state.to_owned()), preset: Some(preset.to_owned()) };
    let user = User { home: "/root".to_owned(), shell: "/bin/bash".to_owned() };
    SystemFacts {
        os_release: Known::Yes(map([("ID", "lab"), ("ID_LIKE", "fedora rhel"), ("VERSION_ID", "1")])),
        arch: Known::Yes("x86_64".to_owned()),
        isa_level: Known::Yes("x86-64-v2".to_owned()),
        units: Known::Yes(BTreeMap::from([
            ("sshd.service".to_owned(), unit("enabled", "enabled")),
            ("kdump.service".to_owned(), unit("masked", "disabled")),
            ("quiet.service".to_owned(), unit("disabled", "disabled")),
        ])),
        users: Known::Yes(BTreeMap::from([("root".to_owned(), user)])),
        groups: Known::Yes(set(["root", "wheel"])),
        sysctls: Known::Yes(map([("net.core.somaxconn", "128")])),
        kernel_options: Known::Yes(map([("CONFIG_KVM", "m"), ("CONFIG_DEVMEM", "n")])),
        modules: Known::Yes(set(["br_netfilter"])),
        commands: Known::Yes(map([("bash", "/usr/bin/bash"), ("dnf", "/usr/bin/dnf")])),
        ..SystemFacts::default()
    }
}

/// What the other system says: what is otherwise there.
pub(crate) fn facts_there() -> SystemFacts {
    let unit = Unit { state: Some("enabled".to_owned()), preset: Some("enabled".to_owned()) };
    let user = User { home: "/root".to_owned(), shell: "/bin/zsh".to_owned() };
    SystemFacts {
        os_release: Known::Yes(map([("ID", "fedora"), ("VERSION_ID", "43")])),
        units: Known::Yes(BTreeMap::from([
            ("quiet.service".to_owned(), unit.clone()),
            ("web.service".to_owned(), unit),
        ])),
        users: Known::Yes(BTreeMap::from([("root".to_owned(), user)])),
        sysctls: Known::Yes(map([("net.core.somaxconn", "4096")])),
        kernel_options: Known::Yes(map([("CONFIG_KVM", "y")])),
        commands: Known::Yes(map([("bash", "/bin/bash")])),
        ..SystemFacts::default()
    }
}

pub(crate) fn install(name: &str) -> (Want, Verb) {
    (Want::Package { name: name.to_owned(), version: None, arch: None }, Verb::Install)
}

pub(crate) fn command(name: &str) -> (Want, Verb) {
    (Want::Command(name.to_owned()), Verb::Use)
}

pub(crate) fn unit(name: &str, state: UnitWant) -> (Want, Verb) {
    (Want::Unit { name: name.to_owned(), state }, Verb::Use)
}

/// A chain whose every line is one need, and its text.
pub(crate) fn chain(kind: ChainKind, file: &str, wants: Vec<(Want, Verb)>) -> (Chain, Texts) {
    let file: Arc<str> = Arc::from(file);
    let mut text = String::new();
    let mut needs = Vec::new();
    for (number, (want, verb)) in wants.into_iter().enumerate() {
        let written = crate::words::subject(&want);
        let start = text.len() as u32;
        text.push_str(&written);
        let place = Place { file: Arc::clone(&file), line: number as u32 + 1, start, end: text.len() as u32 };
        text.push('\n');
        needs.push(Need { want, verb, optional: false, place, written, within: None });
    }
    let lines = needs.len();
    let chain = Chain { file: Arc::clone(&file), kind, needs, lines, not_understood: Vec::new(), written_for: None };
    (chain, Texts::from([(file, Arc::from(text))]))
}

/// Answers a chain of one need a line.
pub(crate) fn ported(
    kind: ChainKind,
    wants: Vec<(Want, Verb)>,
    with_origin: bool,
    trial: Option<Trial>,
) -> PortedChain {
    let (chain, texts) = chain(kind, "Containerfile", wants);
    let (here, there) = (target(), origin());
    answered(chain, &texts, &here, facts(), with_origin.then_some(&there), trial)
}

/// Answers a chain on a system.
pub(crate) fn answered(
    chain: Chain,
    texts: &Texts,
    here: &Index,
    facts: SystemFacts,
    there: Option<&Index>,
    trial: Option<Trial>,
) -> PortedChain {
    let target = System { name: "lab".to_owned(), index: here, facts };
    let from = there.map(|index| System { name: "fedora:43".to_owned(), index, facts: facts_there() });
    let debian = |name: &str| match name {
        "libweb-dev" => vec!["libweb-devel".to_owned(), "web".to_owned()],
        _ => Vec::new(),
    };
    let question = Question {
        target: &target,
        from: from.as_ref(),
        debian: &debian,
        texts,
        repositories: &BTreeSet::from(["https://known.example/repo".to_owned()]),
    };
    port(chain, &question, trial, None)
}

/// A sum of these chains.
pub(crate) fn sum(chains: Vec<PortedChain>) -> Port {
    Port {
        target: "lab".to_owned(),
        from: Some("fedora:43".to_owned()),
        depth: Depth::Offline,
        chains,
        internet: true,
        accepts_gaps: false,
        notes: Vec::new(),
    }
}

/// A port of a chain that has one of each: what fits, an edit, what is missing, what is not known, and a line that was not
/// understood.
pub(crate) fn planted() -> Port {
    let version = Some((muster_base::Relation::AtLeast, "9".to_owned()));
    let wants = vec![
        install("web"),
        install("old-name"),
        install("gone"),
        install("nearly"),
        (Want::Package { name: "moved".to_owned(), version, arch: None }, Verb::Install),
        (Want::IsaLevel("x86-64-v3".to_owned()), Verb::Use),
        (Want::Repository("https://other.example/".to_owned()), Verb::Use),
        (Want::Sysctl { name: "net.core.somaxconn".to_owned(), value: None }, Verb::Use),
    ];
    let (mut chain, texts) = chain(ChainKind::List, "Containerfile", wants);
    // Only what is known counts as missing.
    let repository = chain.needs.remove(6);
    chain.lines += 1;
    let place = Place { file: Arc::clone(&chain.file), line: 9, start: 0, end: 0 };
    chain.not_understood.push(NotUnderstood {
        place,
        written: "$(curl x)".into(),
        why: "its output is not known".into(),
    });
    let (here, there) = (target(), origin());
    let mut ported = answered(chain, &texts, &here, facts(), Some(&there), None);
    ported.answers.push(crate::answer::Answered {
        need: repository,
        answer: crate::answer::Answer::Unknown("what is in it was not read".to_owned()),
        came_with_chain: false,
        evidence: Vec::new(),
        differences: Vec::new(),
        edit: None,
    });
    sum(vec![ported])
}

/// A chain that ports as it is.
pub(crate) fn good() -> Port {
    sum(vec![ported(ChainKind::Containerfile, vec![install("web"), command("web"), command("bash")], false, None)])
}

/// A chain whose answers are all good, and that fails when it is tried.
pub(crate) fn tried() -> Port {
    let mut port = good();
    port.depth = Depth::Smoke;
    port.chains[0].trial = Some(Trial {
        command: "dnf install -y web".to_owned(),
        succeeded: true,
        installed: vec!["web".to_owned()],
        scriptlet_errors: vec!["warning: %post(web-1-1.x86_64) scriptlet failed, exit status 1".to_owned()],
        verify: vec!["S.5......    /usr/share/web/x".to_owned()],
        ..Trial::default()
    });
    let ran = |status: i32, stderr: &str| Ran { status: Some(status), stderr: stderr.to_owned(), ..Ran::default() };
    port.chains[0].smoke = Some(Smoke {
        command: "web --version".to_owned(),
        target: ran(127, "web: not found\n"),
        from: Some(ran(0, "")),
    });
    port
}

/// Names that try to leave where they stand.
pub(crate) fn hostile() -> Port {
    let evil = "x\u{1b}[2J]]>\n@all `a`|</details><b>\u{202e}\u{fffe}";
    let wants =
        vec![install(evil), (Want::Path(format!("/{evil}")), Verb::Use), (Want::Group(evil.to_owned()), Verb::Install)];
    let (mut chain, texts) = chain(ChainKind::List, evil, wants);
    chain.lines += 1;
    let place = Place { file: Arc::clone(&chain.file), line: 9, start: 0, end: 0 };
    chain.not_understood.push(NotUnderstood { place, written: evil.into(), why: evil.into() });
    let here = target();
    let mut port = sum(vec![answered(chain, &texts, &here, facts(), None, None)]);
    port.notes.push(evil.to_owned());
    port.target = evil.to_owned();
    port
}
