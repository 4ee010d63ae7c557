//! A suite that pins what the chains need, each need a test with the lines that need it as links, and the proofs that each of
//! these tests can fail. A chain that ports today is a gate tomorrow.
//!
//! What a chain installs is installed by a test of its own, which the tests of what it brings need. What the chain then does
//! (`systemctl enable`) is not done, so that of a unit only its file is checked.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use muster_base::text::{one_line, shell_word};
use muster_chain::{ChainKind, Verb, Want};
use muster_suite::write::{self, Drafted, Entry, Stated, scalar};

use super::bring::{self, NextToSuite};
use crate::answer::{Answer, Answered, Effect};
use crate::sum::{Port, PortedChain};
use crate::words;

/// Links of one test.
const LINKS: usize = 10;
/// Tests of a suite: a file of proofs has at most 2,000 entries.
const MOST: usize = 1900;
/// Left-out needs that the text names.
const NAMED: usize = 20;
/// What POSIX shells have built in, so that `command -v` finds it without a file.
const BUILT_IN: &[&str] = &[
    ".", ":", "[", "alias", "bg", "break", "cd", "command", "continue", "echo", "eval", "exec", "exit", "export",
    "false", "fg", "getopts", "hash", "jobs", "kill", "local", "printf", "pwd", "read", "readonly", "return", "set",
    "shift", "source", "test", "times", "trap", "true", "type", "ulimit", "umask", "unalias", "unset", "wait",
];

/// A suite and its proofs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pinned {
    /// `suite/v1`. Empty when nothing could be pinned.
    pub suite: String,
    /// `proofs/v1`, about every test of the suite.
    pub proofs: String,
    /// What is not pinned, each with the reason.
    pub left_out: Vec<String>,
    /// How many tests there are.
    pub tests: usize,
}

/// One test that is to be.
struct Pin {
    summary: String,
    entry: Entry,
    links: BTreeSet<String>,
    /// The test that installs what it is about.
    needs: Option<String>,
    proof: Proof,
}

/// How a test is shown to be able to fail.
enum Proof {
    /// By this command line, with this failure.
    Run(String, &'static str),
    /// By an option of the kernel that says `n`.
    KernelOption(String),
    /// Not, for this reason.
    Unprovable(&'static str),
}

/// The suite of this name, which brings `repositories` into the guest.
pub fn render(port: &Port, name: &str, repositories: &[NextToSuite]) -> Pinned {
    let mut left_out = Vec::new();
    let mut pins: BTreeMap<(&'static str, String), Pin> = BTreeMap::new();
    let mut installations: Vec<(String, BTreeSet<String>, BTreeSet<String>)> = Vec::new();
    for (number, chain) in port.chains.iter().enumerate() {
        let tests = installing(chain, number, port.chains.len());
        for answered in &chain.answers {
            match entries(answered) {
                Ok(entries) => {
                    // Another stage may be the one that brings it.
                    let names = packages(answered);
                    let brings =
                        |(_, packages): &&(String, BTreeSet<String>)| names.iter().all(|name| packages.contains(name));
                    let own = tests.get(&stage(chain, answered));
                    let test = own.filter(brings).or_else(|| tests.values().find(brings)).or(own);
                    let test = test.filter(|_| is_installed_by_chain(answered));
                    for (entry, proof) in entries {
                        let key = (entry.check, entry.subject.clone());
                        let pin = pins.entry(key).or_insert_with(|| Pin {
                            summary: words::need(&answered.need),
                            entry,
                            links: BTreeSet::new(),
                            needs: test.map(|(id, _)| id.clone()),
                            proof,
                        });
                        pin.links.insert(one_line(&answered.need.place.to_string(), 200));
                    }
                }
                Err(why) => {
                    left_out.push(format!("{}: {}: {why}", answered.need.place, words::need(&answered.need)));
                }
            }
        }
        for (id, packages) in tests.into_values() {
            let link = BTreeSet::from([one_line(&chain.chain.file, 200)]);
            installations.push((id, packages, link));
        }
    }
    let brings = bring::steps(repositories);
    write(port, name, pins.into_values().collect(), installations, left_out, &brings)
}

/// The tests that install, by stage: id and packages.
fn installing(chain: &PortedChain, number: usize, of: usize) -> BTreeMap<Option<String>, (String, BTreeSet<String>)> {
    let mut tests: BTreeMap<Option<String>, (String, BTreeSet<String>)> = BTreeMap::new();
    for answered in &chain.answers {
        // An edit installs what is used and not there.
        let installs = answered.need.verb == Verb::Install || matches!(answered.answer, Answer::NotInstalled(_));
        if !installs || answered.need.optional || !is_installed_by_chain(answered) {
            continue;
        }
        let stage = stage(chain, answered);
        let id = match (&stage, of) {
            (None, 1) => "install".to_owned(),
            (None, _) => format!("install-{}", number + 1),
            (Some(stage), 1) => slug("install", stage),
            (Some(stage), _) => slug(&format!("install-{}", number + 1), stage),
        };
        let test = tests.entry(stage).or_insert_with(|| (id, BTreeSet::new()));
        test.1.extend(packages(answered));
    }
    tests
}

fn stage(chain: &PortedChain, answered: &Answered) -> Option<String> {
    answered.need.within.clone().filter(|_| chain.chain.kind == ChainKind::Containerfile)
}

/// Whether it is on the system only once the chain was installed.
fn is_installed_by_chain(answered: &Answered) -> bool {
    match &answered.answer {
        Answer::Present(_) => answered.came_with_chain,
        Answer::Exact(_) | Answer::ProvidedBy(_) | Answer::Brought(_) => true,
        Answer::Renamed { .. } | Answer::Split(_) | Answer::NotInstalled(_) | Answer::Moved(_) => {
            answered.edit.is_some()
        }
        _ => false,
    }
}

/// Names of the packages that meet it, with its edit.
fn packages(answered: &Answered) -> Vec<String> {
    match (&answered.answer, answered.answer.package()) {
        (_, Some(package)) => vec![package.name.clone()],
        (Answer::Renamed { .. } | Answer::Split(_), None) => answered.answer.candidates(),
        (Answer::NotInstalled(names), None) if answered.edit.is_some() => names.clone(),
        _ => Vec::new(),
    }
}

/// What is checked of a need, and how each is shown to fail.
fn entries(answered: &Answered) -> Result<Vec<(Entry, Proof)>, &'static str> {
    let need = &answered.need;
    if !matches!(answered.effect(), Effect::Fits | Effect::Differs | Effect::Edit) {
        return Err(match answered.effect() {
            Effect::Tolerated => "the chain goes on without it",
            _ => "it is not met",
        });
    }
    if need.verb == Verb::Remove {
        return Err("it is removed");
    }
    let one = |check: &'static str, subject: &str, asked: &'static str, proof: Proof| {
        let asked = vec![(asked, Stated::Is("true".to_owned()))];
        Ok(vec![(Entry { check, subject: subject.to_owned(), asked }, proof)])
    };
    match &need.want {
        Want::Package { .. } | Want::Capability(_) | Want::Path(_)
            if !matches!(need.want, Want::Path(_)) || need.verb == Verb::Install =>
        {
            let names = packages(answered);
            if names.is_empty() {
                return Err("its package is not known");
            }
            let entry = |name: String| {
                let proof = Proof::Run(format!("{ERASE} {}", shell_word(&name)), "package.installed");
                let asked = vec![("installed", Stated::Is("true".to_owned()))];
                (Entry { check: "package", subject: name, asked }, proof)
            };
            Ok(names.into_iter().map(entry).collect())
        }
        Want::Path(path) => {
            let path = match &answered.answer {
                Answer::Moved(to) => to,
                _ => path,
            };
            let made = ["/proc/", "/sys/", "/dev/", "/run/"].iter().any(|tree| path.starts_with(tree));
            let proof = match made {
                true => Proof::Unprovable("the running system makes it anew"),
                false if is_vital(path) => Proof::Unprovable(VITAL),
                false => Proof::Run(format!("mv -T {0} {0}.proof", shell_word(path)), "file.exists"),
            };
            one("file", path, "exists", proof)
        }
        Want::Command(name) => {
            let proof = match BUILT_IN.contains(&name.as_str()) {
                true => Proof::Unprovable("shells have it built in"),
                false if SHELLS.contains(&name.as_str()) => Proof::Unprovable(VITAL),
                false => {
                    let remove = format!("IFS=:; for dir in $PATH; do rm -f \"$dir\"/{}; done", shell_word(name));
                    Proof::Run(remove, "tool.exists")
                }
            };
            one("tool", name, "exists", proof)
        }
        Want::Soname { name, versions, bits, .. } => {
            let mut asked = vec![("provided", Stated::Is("true".to_owned()))];
            if !versions.is_empty() {
                asked.push(("versions", Stated::Has(versions.clone())));
            }
            let capability = if *bits == 64 { format!("{name}()(64bit)") } else { name.clone() };
            let query = format!("rpm -q --qf '%{{NAME}} ' --whatprovides {}", shell_word(&capability));
            let proof = Proof::Run(format!("{ERASE} $({query})"), "soname.provided");
            Ok(vec![(Entry { check: "soname", subject: name.clone(), asked }, proof)])
        }
        Want::Unit { name, .. } => {
            let asked = vec![("loaded", Stated::Is("loaded".to_owned()))];
            let names = std::iter::once(name.clone()).chain(crate::facts::template(name));
            let files: Vec<String> = names
                .flat_map(|name| ["/usr/lib", "/etc"].map(|dir| shell_word(&format!("{dir}/systemd/system/{name}"))))
                .collect();
            let remove = format!("rm -f {} && systemctl daemon-reload", files.join(" "));
            let entry = Entry { check: "service", subject: name.clone(), asked };
            Ok(vec![(entry, Proof::Run(remove, "service.loaded"))])
        }
        Want::User(name) if name == "root" => {
            one("user", name, "exists", Proof::Unprovable("nothing works without root"))
        }
        Want::User(name) => one("user", name, "exists", Proof::Run(without("/etc/passwd", name), "user.exists")),
        Want::UserGroup(name) => one("group", name, "exists", Proof::Run(without("/etc/group", name), "group.exists")),
        Want::Sysctl { name, .. } => {
            let path = format!("/proc/sys/{}", name.replace('.', "/"));
            let dir = path.rsplit_once('/').map_or("/proc/sys", |(dir, _)| dir).to_owned();
            one(
                "sysctl",
                name,
                "exists",
                Proof::Run(format!("mount -t tmpfs none {}", shell_word(&dir)), "sysctl.exists"),
            )
        }
        Want::KernelModule(name) => {
            let pattern = name.replace(['_', '-'], "[_-]");
            let lists = "/lib/modules/$(uname -r)/modules.dep /lib/modules/$(uname -r)/modules.builtin";
            let hide = format!(
                "modprobe -r {} 2>/dev/null; sed -i {} {lists}",
                shell_word(name),
                shell_word(&format!("\\|/{pattern}\\.ko|d"))
            );
            // The kernel's own spelling, and the language's.
            one("module", &name.replace('-', "_"), "available", Proof::Run(hide, "module.available"))
        }
        Want::KernelOption(name) => one("kconfig", name, "enabled", Proof::KernelOption(name.clone())),
        Want::DebianPackage(_) | Want::Group(_) | Want::Module { .. } => Err("only packages by name are pinned"),
        Want::LocalPackage(_) | Want::Repository(_) => Err("the chain brings it"),
        Want::IsaLevel(_) | Want::Arch(_) | Want::OsRelease { .. } => Err("it is no property of what is installed"),
        Want::Package { .. } | Want::Capability(_) => Err("its package is not known"),
    }
}

/// Why there is no proof of what every command needs.
const VITAL: &str = "no command of the guest runs without it";
/// Programs by which every command of the guest is run and looked at.
const SHELLS: &[&str] = &["sh", "bash", "dash"];

/// Whether a guest without this path can run no command, or cannot be looked at: the loader, the C library, a shell, `stat`, a
/// directory of the system's programs and libraries.
fn is_vital(path: &str) -> bool {
    let path = path.trim_end_matches('/');
    let name = path.rsplit('/').next().unwrap_or(path);
    let dirs =
        ["", "/usr", "/etc", "/bin", "/sbin", "/lib", "/lib64", "/usr/bin", "/usr/sbin", "/usr/lib", "/usr/lib64"];
    let library = name.starts_with("ld-linux") || name.starts_with("ld64.so") || name == "libc.so.6";
    dirs.contains(&path) || library || SHELLS.contains(&name) || name == "stat"
}

/// Makes the package database forget packages, whatever needs them.
const ERASE: &str = "rpm --erase --justdb --nodeps --noscripts --allmatches";

fn without(file: &str, name: &str) -> String {
    let escaped: String = name.chars().flat_map(|c| if c == '.' { vec!['\\', c] } else { vec![c] }).collect();
    format!("sed -i {} {file}", shell_word(&format!("/^{escaped}:/d")))
}

/// A name as a test can have it: a prefix, and the name in lower case with `-` for what cannot stand there.
fn slug(prefix: &str, name: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c.to_ascii_lowercase() } else { '-' };
    let name: String = name.chars().map(allowed).collect();
    let slug = format!("{prefix}-{}", name.trim_matches('-'));
    slug.chars().take(90).collect::<String>().trim_end_matches('-').to_owned()
}

/// How the test of a check type is called.
fn prefix(check: &str) -> &str {
    match check {
        "tool" => "command",
        "service" => "unit",
        other => other,
    }
}

fn write(
    port: &Port,
    name: &str,
    pins: Vec<Pin>,
    installations: Vec<(String, BTreeSet<String>, BTreeSet<String>)>,
    mut left_out: Vec<String>,
    brings: &str,
) -> Pinned {
    let tables = muster_check::tables();
    let mut taken: HashSet<String> = HashSet::new();
    let mut free = |id: String| {
        let numbered = (2..).map(|number| format!("{id}-{number}"));
        let id = std::iter::once(id.clone()).chain(numbered).find(|id| taken.insert(id.clone()));
        id.unwrap_or_default()
    };
    let mut body = String::new();
    let mut proofs = String::new();
    let mut tests = 0;
    for (id, packages, links) in &installations {
        // Names that no suite can state were refused below, too.
        let packages: Vec<String> =
            packages.iter().filter(|name| refusal("package", name).is_none()).cloned().collect();
        if packages.is_empty() {
            continue;
        }
        let id = free(id.clone());
        let links: Vec<String> = links.iter().cloned().collect();
        body.push_str(&format!(
            "  - id: {}\n    summary: what the chain installs does install\n    link: {}\n{}    \
             steps:\n{brings}      - install: {}\n\n",
            scalar(&id),
            write::list(&links),
            if port.internet { "    tags: [needs-internet]\n" } else { "" },
            write::list(&packages)
        ));
        let hide = "for tool in dnf5 dnf microdnf tdnf yum; do path=$(command -v $tool) && mount --bind /bin/false \"$path\"; done; true";
        proofs.push_str(&proof_entry(name, &id, &Proof::Run(hide.to_owned(), "step.install")));
        tests += 1;
    }
    for pin in pins {
        if let Some(why) = write::cannot_be_said(&pin.entry, tables) {
            left_out.push(format!("{}: {why}", pin.summary));
            continue;
        }
        if tests >= MOST {
            left_out.push(format!("{}: a suite has at most {MOST} tests here", pin.summary));
            continue;
        }
        let id = free(slug(prefix(pin.entry.check), &pin.entry.subject));
        let mut links: Vec<String> = pin.links.iter().take(LINKS).cloned().collect();
        if pin.links.len() > LINKS {
            links.push(format!("and {} more lines", pin.links.len() - LINKS));
        }
        let test = Drafted {
            id: id.clone(),
            summary: one_line(&pin.summary, 200),
            links,
            needs: pin.needs.into_iter().collect(),
            entries: vec![pin.entry],
        };
        write::test(&mut body, &test, tables);
        body.push('\n');
        proofs.push_str(&proof_entry(name, &id, &pin.proof));
        tests += 1;
    }
    let suite = match tests {
        0 => String::new(),
        _ => format!("{}{}", header(port, name, &left_out), body.trim_end().to_owned() + "\n"),
    };
    let proofs = match tests {
        0 => String::new(),
        _ => format!("# Shows that each test of the suite {name} can fail.\nschema: proofs/v1\nproofs:\n{proofs}"),
    };
    Pinned { suite, proofs, left_out, tests }
}

fn refusal(check: &'static str, subject: &str) -> Option<String> {
    let asked = vec![("installed", Stated::Is("true".to_owned()))];
    write::cannot_be_said(&Entry { check, subject: subject.to_owned(), asked }, muster_check::tables())
}

fn header(port: &Port, name: &str, left_out: &[String]) -> String {
    let files: Vec<String> = port.chains.iter().map(|chain| one_line(&chain.chain.file, 100)).collect();
    let mut out =
        format!("# Written by muster port {} for {}.\n", env!("CARGO_PKG_VERSION"), one_line(&port.target, 100));
    out.push_str(&format!("# What these need: {}\n", one_line(&files.join(", "), 200)));
    if !left_out.is_empty() {
        out.push_str("#\n# Not pinned:\n");
        for why in left_out.iter().take(NAMED) {
            out.push_str(&format!("# - {}\n", one_line(why, 200)));
        }
        if left_out.len() > NAMED {
            out.push_str(&format!("# - and {} more\n", left_out.len() - NAMED));
        }
    }
    let summary = if files.len() == 1 { "what a chain needs" } else { "what chains need" };
    out.push_str(&format!(
        "schema: suite/v1\nsuite: {}\nsummary: {}\ntags: [port]\ntests:\n",
        scalar(name),
        scalar(summary)
    ));
    out
}

fn proof_entry(suite: &str, test: &str, proof: &Proof) -> String {
    let tests = scalar(&format!("{suite}/{test}"));
    match proof {
        Proof::Unprovable(why) => format!("  - tests: {tests}\n    unprovable: {}\n", scalar(why)),
        Proof::Run(command, id) => {
            format!("  - tests: {tests}\n    steps:\n      - run: {}\n    fails: [{id}]\n", scalar(command))
        }
        Proof::KernelOption(name) => {
            // Covers the configuration that is read first. Where one says two things of a symbol, the last counts.
            let script = "for file in \"/lib/modules/$(uname -r)/config\" \"/boot/config-$(uname -r)\"; do if [ -e \"$file\" ]; \
                then { cat \"$file\" && echo \"$1\"; } >/run/changed && exec mount --bind /run/changed \"$file\"; fi; done; \
                { zcat /proc/config.gz && echo \"$1\"; } | gzip >/run/changed && mount --bind /run/changed /proc/config.gz";
            let run = format!("sh -c {} sh {}", shell_word(script), shell_word(&format!("{name}=n")));
            format!("  - tests: {tests}\n    steps:\n      - run: {}\n    fails: [kconfig.enabled]\n", scalar(&run))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, command, install, ported, unit};
    use muster_chain::need::UnitWant;
    use muster_suite::Vocabulary;
    use muster_suite::model::Suite;
    use muster_suite::proofs::{self, Proof};

    /// Reads it as `muster check` does, the proofs with it.
    fn decoded(pinned: &Pinned) -> (Suite, Vec<Proof>) {
        let vocabulary = Vocabulary { tables: muster_check::tables(), capabilities: &[], tools: &[] };
        let (suite, problems) = muster_suite::decode_source("suite.yaml", &pinned.suite, &vocabulary);
        assert!(problems.is_empty(), "{}\n{}", problems.render(false), pinned.suite);
        let suites = [suite.expect("a suite")];
        let (proofs, problems) = proofs::decode_source("proofs.yaml", &pinned.proofs, &vocabulary, &suites);
        assert!(problems.is_empty(), "{}\n{}", problems.render(false), pinned.proofs);
        let [suite] = suites;
        (suite, proofs)
    }

    fn everything() -> Port {
        let soname = Want::Soname {
            name: "libweb.so.2".into(),
            versions: vec!["WEB_2.0".into()],
            bits: 64,
            arch: "x86_64".into(),
        };
        let wants = vec![
            install("web"),
            install("old-name"),
            command("bash"),
            command("web"),
            (soname, Verb::Use),
            unit("web.service", UnitWant::Started),
            unit("sshd.service", UnitWant::Enabled),
            (Want::User("root".into()), Verb::Use),
            (Want::User("web".into()), Verb::Use),
            (Want::UserGroup("wheel".into()), Verb::Use),
            (Want::Sysctl { name: "net.core.somaxconn".into(), value: None }, Verb::Use),
            (Want::KernelModule("br-netfilter".into()), Verb::Use),
            (Want::KernelOption("CONFIG_KVM".into()), Verb::Use),
            (Want::Path("/usr/bin/web".into()), Verb::Use),
            command("which"),
            install("gone"),
        ];
        testing::sum(vec![ported(ChainKind::List, wants, true, None)])
    }

    #[test]
    fn every_need_that_is_met_is_a_test_with_its_line_and_a_proof() {
        let pinned = render(&everything(), "our-chain", &[]);
        let (suite, proofs) = decoded(&pinned);
        assert_eq!((suite.tests.len(), pinned.tests), (16, 16), "{}", pinned.suite);
        for test in &suite.tests {
            assert_eq!(proofs.iter().filter(|proof| proof.is_about("our-chain", &test.id)).count(), 1, "{}", test.id);
        }
        let soname = pinned.suite.split("- id: soname-libweb.so.2\n").nth(1).unwrap();
        assert!(soname.contains("link: \"Containerfile:5\"\n    needs: [install]\n"), "{soname}");
        assert!(soname.contains("versions: {has: [WEB_2.0]}"), "{soname}");
        assert!(pinned.suite.contains("      - install: [new-name, web, which]\n"), "{}", pinned.suite);
        // What is on the system without the chain needs no installation.
        let bash = pinned.suite.split("- id: command-bash").nth(1).and_then(|rest| rest.split("- id:").next()).unwrap();
        assert!(!bash.contains("needs:"), "{bash}");
        // Only who installed without the internet knows that it is not needed.
        assert!(pinned.suite.contains("    tags: [needs-internet]\n    steps:\n"), "{}", pinned.suite);
        let local = render(&Port { internet: false, ..everything() }, "our-chain", &[]);
        assert!(!local.suite.contains("needs-internet"), "{}", local.suite);
        assert_eq!(decoded(&local).0.tests.len(), 16);
        assert_eq!(pinned.left_out.len(), 1, "{:?}", pinned.left_out);
        assert!(pinned.left_out[0].contains("package gone: it is not met"), "{:?}", pinned.left_out);
    }

    #[test]
    fn a_repository_of_the_team_comes_with_the_suite() {
        let files = vec!["repodata/repomd.xml".to_owned(), "web app-1-1.noarch.rpm".to_owned()];
        let own = NextToSuite { id: "own".into(), dir: "suite.repositories/own".into(), files };
        let pinned = render(&Port { internet: false, ..everything() }, "our-chain", &[own]);
        // The decoder looks whether files that are uploaded are there.
        let dir = tempfile::tempdir().unwrap();
        let own = dir.path().join("suite.repositories/own");
        std::fs::create_dir_all(own.join("repodata")).unwrap();
        std::fs::write(own.join("repodata/repomd.xml"), "x").unwrap();
        std::fs::write(own.join("web app-1-1.noarch.rpm"), "x").unwrap();
        let vocabulary = Vocabulary { tables: muster_check::tables(), capabilities: &[], tools: &[] };
        let path = dir.path().join("suite.yaml");
        let (suite, problems) = muster_suite::decode_source(path.to_str().unwrap(), &pinned.suite, &vocabulary);
        assert!(problems.is_empty(), "{}\n{}", problems.render(false), pinned.suite);
        let suite = suite.unwrap();
        let steps: Vec<usize> = suite.tests.iter().map(|test| test.steps.len()).filter(|count| *count > 0).collect();
        assert_eq!(steps, [5], "{}", pinned.suite);
        assert!(pinned.suite.contains("baseurl=file:///var/tmp/muster-port/repositories/own\n"), "{}", pinned.suite);
    }

    #[test]
    fn what_every_command_needs_is_not_taken_away() {
        for path in
            ["/bin/sh", "/lib64/ld-linux-x86-64.so.2", "/usr/lib/ld-linux-aarch64.so.1", "/usr/bin/", "/usr/bin/stat"]
        {
            assert!(is_vital(path), "{path}");
        }
        for path in ["/usr/bin/curl", "/usr/lib64/libz.so.1", "/etc/hosts", "/usr/bin/shred"] {
            assert!(!is_vital(path), "{path}");
        }
    }

    #[test]
    fn what_a_trial_brought_needs_the_installation() {
        let mut chain = ported(ChainKind::List, vec![install("web"), command("bash")], false, None);
        (chain.answers[1].answer, chain.answers[1].came_with_chain) = (Answer::Present(None), true);
        let pinned = render(&testing::sum(vec![chain]), "our-chain", &[]);
        decoded(&pinned);
        let bash = pinned.suite.split("- id: command-bash").nth(1).unwrap();
        assert!(bash.contains("    needs: [install]\n"), "{bash}");
    }

    #[test]
    fn stages_install_apart_and_one_thing_is_one_test() {
        let mut port = everything();
        port.chains[0].chain.kind = ChainKind::Containerfile;
        for (at, answered) in port.chains[0].answers.iter_mut().enumerate() {
            answered.need.within = Some(format!("stage {}", at % 2));
        }
        let twice = port.chains[0].clone();
        port.chains.push(twice);
        let (suite, _) = decoded(&render(&port, "our-chain", &[]));
        let installing = suite.tests.iter().filter(|test| test.id.starts_with("install-")).count();
        assert_eq!((installing, suite.tests.len()), (4, 19));
    }

    #[test]
    fn hostile_names_are_left_out_or_read_as_what_they_are() {
        let pinned = render(&testing::hostile(), "our-chain", &[]);
        assert_eq!((pinned.tests, pinned.suite.as_str()), (0, ""));
        let evil = "x: ${y} 'z' \"#";
        let wants = vec![command("bash"), (Want::Path(format!("/etc/{evil}")), Verb::Use)];
        let mut chain = ported(ChainKind::List, wants, false, None);
        chain.answers[1].answer = Answer::Present(None);
        chain.answers[1].need.place.file = "a\u{1b}: b".into();
        let pinned = render(&testing::sum(vec![chain]), "our-chain", &[]);
        let (suite, proofs) = decoded(&pinned);
        assert_eq!((suite.tests.len(), proofs.len()), (pinned.tests, pinned.tests), "{}", pinned.suite);
        assert_eq!(pinned.tests + pinned.left_out.len(), 2, "{:?}", pinned.left_out);
    }

    #[test]
    fn a_suite_has_no_more_tests_than_can_be_read() {
        let mut chain = ported(ChainKind::List, vec![command("bash")], false, None);
        let one = chain.answers[0].clone();
        chain.answers = (0..3000)
            .map(|number| {
                let mut answered = one.clone();
                answered.need.want = Want::Command(format!("c{number}"));
                answered
            })
            .collect();
        let pinned = render(&testing::sum(vec![chain]), "our-chain", &[]);
        let (suite, _) = decoded(&pinned);
        assert_eq!((suite.tests.len(), pinned.left_out.len()), (MOST, 3000 - MOST));
    }
}
