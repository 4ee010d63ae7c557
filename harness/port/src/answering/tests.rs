use std::collections::BTreeSet;
use std::sync::Arc;

use super::*;
use crate::answer::{Effect, RenamedBy};
use crate::edit::Texts;
use crate::facts::Known;
use crate::sum::PortVerdict;
use crate::testing::{self, answered, chain, command, facts, install, origin, ported, target, unit};
use muster_base::Relation;
use muster_repodata::IndexBuilder;

/// The answer to one need, with where it comes from known.
fn one(want: (Want, Verb)) -> Answered {
    ported(ChainKind::List, vec![want], true, None).answers.remove(0)
}

fn use_of(want: Want) -> Answered {
    one((want, Verb::Use))
}

fn evidence(answered: &Answered) -> String {
    answered.evidence.join("\n")
}

#[test]
fn a_package_is_there_in_an_enabled_repository_or_provided() {
    assert!(matches!(one(install("bash")).answer, Answer::Present(Some(package)) if package.is_installed));
    assert!(matches!(one(install("web")).answer, Answer::Exact(package) if package.repository == "base"));
    let provided = one(install("virtual-name"));
    assert!(matches!(&provided.answer, Answer::ProvidedBy(package) if package.name == "real-name"), "{provided:?}");
    assert_eq!(
        (provided.effect(), evidence(&provided).as_str()),
        (Effect::Fits, "real-name-1-1.x86_64 in base provides virtual-name")
    );
    let hidden = one(install("hidden"));
    assert!(matches!(&hidden.answer, Answer::OtherRepository(package) if package.repository == "extra"), "{hidden:?}");
    assert_eq!(hidden.effect(), Effect::Decision);
    let arm = one(install("only-arm"));
    assert_eq!((arm.answer.clone(), arm.effect()), (Answer::OtherArch(vec!["aarch64".to_owned()]), Effect::Blocks));
    let near = one(install("new-nam"));
    assert!(matches!(&near.answer, Answer::Absent(near) if near.contains(&"new-name".to_owned())), "{near:?}");
    assert_eq!((near.effect(), near.edit), (Effect::Blocks, None));
}

#[test]
fn versions_are_met_or_named() {
    let versioned = |relation: Relation, version: &str| {
        let version = Some((relation, version.to_owned()));
        one((Want::Package { name: "web".to_owned(), version, arch: None }, Verb::Install))
    };
    assert!(matches!(versioned(Relation::AtLeast, "1").answer, Answer::Exact(_)));
    assert!(matches!(versioned(Relation::Equal, "1").answer, Answer::Exact(_)));
    let other = versioned(Relation::AtLeast, "2");
    assert!(matches!(&other.answer, Answer::OtherVersion(all) if all[0].evr == "1-1"), "{other:?}");
    assert_eq!((other.effect(), other.edit), (Effect::Decision, None));
    // The release of another distribution is another version.
    assert!(matches!(versioned(Relation::Equal, "1-1.fc43").answer, Answer::OtherVersion(_)));
}

#[test]
fn another_name_is_known_by_what_obsoletes_it_or_has_its_programs() {
    let renamed = one(install("old-name"));
    assert_eq!(renamed.answer, Answer::Renamed { to: "new-name".to_owned(), by: RenamedBy::Obsoletes });
    assert_eq!(
        (renamed.effect(), evidence(&renamed).as_str()),
        (Effect::Edit, "new-name-1-1.x86_64 in base obsoletes old-name")
    );
    assert_eq!(renamed.edit.map(|edit| (edit.from, edit.to)), Some(("old-name".to_owned(), "new-name".to_owned())));
    let single = one(install("single"));
    assert_eq!(single.answer, Answer::Renamed { to: "part-one".to_owned(), by: RenamedBy::Files });
    assert_eq!(evidence(&single), "part-one has /usr/bin/one, as single of fedora:43 has");
    let split = one(install("whole"));
    assert_eq!(split.answer, Answer::Split(vec!["part-one".to_owned(), "part-two".to_owned()]));
    assert_eq!(split.edit.map(|edit| edit.to).as_deref(), Some("part-one\npart-two"));
    // A part of it is nowhere: no edit is sure.
    let lost = one(install("lost"));
    assert_eq!(
        (lost.answer.clone(), lost.effect(), lost.edit.clone()),
        (Answer::Absent(vec!["part-one".to_owned()]), Effect::Blocks, None)
    );
    assert!(evidence(&lost).contains("nothing here has /usr/bin/nowhere"), "{lost:?}");
    // Without the other system nothing is known of what it had.
    let alone = ported(ChainKind::List, vec![install("whole")], false, None).answers.remove(0);
    assert!(matches!(alone.answer, Answer::Absent(_)), "{alone:?}");
}

#[test]
fn the_edited_chain_ports_as_it_is() {
    let wants = vec![install("old-name"), install("whole"), install("web")];
    let before = ported(ChainKind::List, wants, true, None);
    assert_eq!(before.verdict(false), PortVerdict::WithEdits);
    assert_eq!((before.edited.len(), before.edited[0].edits), (1, 2));
    // Read again by the reader that reads such files.
    struct Nothing;
    impl muster_chain::Host for Nothing {
        fn included(&self, _: &camino::Utf8Path, name: &str) -> Result<(String, String), muster_chain::Unavailable> {
            Err(muster_chain::Unavailable(name.to_owned()))
        }
        fn rpm(&self, _: &camino::Utf8Path, _: &str) -> Result<String, muster_chain::Unavailable> {
            Err(muster_chain::Unavailable("no rpm".to_owned()))
        }
        fn rpmspec(&self, _: &camino::Utf8Path, _: &[&str]) -> Result<String, muster_chain::Unavailable> {
            Err(muster_chain::Unavailable("no rpmspec".to_owned()))
        }
        fn archive(
            &self,
            _: &camino::Utf8Path,
            _: u64,
            _: &mut dyn FnMut(&str, &[u8]),
        ) -> Result<(), muster_chain::Unavailable> {
            Err(muster_chain::Unavailable("no archive".to_owned()))
        }
    }
    let text = &before.edited[0].after;
    let source =
        muster_chain::Source { path: camino::Utf8Path::new("packages.txt"), bytes: text.as_bytes(), host: &Nothing };
    let again = muster_chain::read(&source, Some(ChainKind::List)).unwrap();
    assert_eq!(again.needs.len(), 4);
    let texts = Texts::from([(Arc::clone(&again.file), Arc::from(text.as_str()))]);
    let (here, there) = (target(), origin());
    let after = answered(again, &texts, &here, facts(), Some(&there), None);
    assert_eq!(after.verdict(false), PortVerdict::AsIs, "{after:?}");
    assert!(after.edited.is_empty());
}

#[test]
fn a_command_is_installed_brought_or_added() {
    let chain = ported(
        ChainKind::List,
        vec![install("web"), command("bash"), command("web"), command("which"), command("which"), command("nosuch")],
        true,
        None,
    );
    let answers: Vec<&str> = chain.answers.iter().map(|one| one.answer.name()).collect();
    assert_eq!(answers, ["exact", "present", "brought", "not-installed", "not-installed", "absent"]);
    assert_eq!(chain.answers[3].effect(), Effect::Edit);
    // One edit for both.
    assert_eq!(chain.edited[0].after, "web\nwhich\nbash\nweb\nwhich\nwhich\nnosuch\n");
    // It is elsewhere than where the chain comes from.
    let path = &chain.answers[1].differences[0];
    assert_eq!((path.there.as_str(), path.here.as_str(), path.blocks), ("/bin/bash", "/usr/bin/bash", false));
    // Where lines are run in their order, a line cannot use what a later one installs.
    let late = ported(ChainKind::Containerfile, vec![command("web"), install("web")], true, None);
    assert_eq!((late.answers[0].answer.name(), late.answers[0].effect()), ("not-installed", Effect::Decision));
    // Before anything is installed, nothing can be added in front of it.
    let before = ported(ChainKind::Containerfile, vec![command("which"), install("web")], true, None);
    assert_eq!((before.answers[0].effect(), before.verdict(false)), (Effect::Decision, PortVerdict::DoesNotPort));
}

#[test]
fn a_file_that_an_installed_package_has_lost_is_named() {
    let (chain, texts) = chain(ChainKind::List, "list", vec![command("dnf")]);
    let facts = SystemFacts { commands: Known::Yes(testing::map([("bash", "/usr/bin/bash")])), ..facts() };
    let ported = answered(chain, &texts, &target(), facts, None, None);
    let expected = "dnf-1-1.x86_64 is installed, but the system has no dnf";
    assert_eq!(ported.answers[0].answer, Answer::Refused(expected.to_owned()));
}

#[test]
fn what_was_not_read_is_unknown_and_never_green() {
    let (chain, texts) = chain(
        ChainKind::List,
        "list",
        vec![
            unit("sshd.service", muster_chain::need::UnitWant::Started),
            (Want::User("root".to_owned()), Verb::Use),
            (Want::Sysctl { name: "a.b".to_owned(), value: None }, Verb::Use),
            (Want::KernelModule("x".to_owned()), Verb::Use),
            (Want::KernelOption("CONFIG_X".to_owned()), Verb::Use),
            (Want::IsaLevel("x86-64-v2".to_owned()), Verb::Use),
            (Want::OsRelease { key: "ID".to_owned(), known: vec!["fedora".to_owned()], otherwise: true }, Verb::Use),
            (Want::Path("/opt/x".to_owned()), Verb::Use),
            command("web"),
        ],
    );
    let mut builder = IndexBuilder::new("x86_64");
    builder.repository("base", true, &[testing::package("web", &["/usr/bin/web"])]).unwrap();
    let index = builder.build();
    let ported = answered(chain, &texts, &index, SystemFacts::default(), None, None);
    for answer in &ported.answers {
        assert_eq!(answer.effect(), Effect::Unknown, "{answer:?}");
    }
    assert_eq!(ported.verdict(true), PortVerdict::Unknown);
}

#[test]
fn sonames_have_the_symbols_that_are_needed() {
    let soname = |name: &str, versions: &[&str]| Want::Soname {
        name: name.to_owned(),
        versions: versions.iter().map(|version| (*version).to_owned()).collect(),
        bits: 64,
        arch: "x86_64".to_owned(),
    };
    let chain = ported(
        ChainKind::List,
        vec![
            install("web"),
            (soname("libweb.so.2", &["WEB_2.0"]), Verb::Use),
            (soname("libweb.so.2", &["WEB_2.0", "WEB_3.0"]), Verb::Use),
            (soname("libweb.so.1", &[]), Verb::Use),
        ],
        true,
        None,
    );
    assert_eq!(chain.answers[1].answer.name(), "brought");
    assert_eq!(chain.answers[2].answer, Answer::Refused("libweb.so.2 has no symbols of version WEB_3.0".to_owned()));
    assert_eq!(chain.answers[3].answer, Answer::Absent(Vec::new()));
    assert!(matches!(use_of(soname("libweb.so.2", &["WEB_2.0"])).answer, Answer::NotInstalled(by) if by == ["web"]));
    assert!(matches!(use_of(soname("libweb.so.2", &["WEB_9"])).answer, Answer::Refused(_)));
}

#[test]
fn units_exist_can_be_enabled_and_have_the_preset_that_they_had() {
    use muster_chain::need::UnitWant;

    assert_eq!(one(unit("sshd.service", UnitWant::Enabled)).effect(), Effect::Fits);
    let masked = one(unit("kdump.service", UnitWant::Enabled));
    assert_eq!(masked.answer, Answer::Refused("kdump.service is masked on lab".to_owned()));
    assert_eq!(one(unit("kdump.service", UnitWant::Disabled)).effect(), Effect::Fits);
    // Enabled by preset there and not here: it would not run after a reboot.
    let started = one(unit("quiet.service", UnitWant::Started));
    assert_eq!((started.effect(), started.differences[0].blocks), (Effect::Decision, true));
    let enabled = one(unit("quiet.service", UnitWant::Enabled));
    assert_eq!((enabled.effect(), enabled.differences[0].blocks), (Effect::Differs, false));
    let both = ported(
        ChainKind::Script,
        vec![unit("quiet.service", UnitWant::Started), unit("quiet.service", UnitWant::Enabled)],
        true,
        None,
    );
    assert_eq!(both.answers[0].effect(), Effect::Differs);
    // It comes with a package, whose preset is not known before it is installed.
    let chain = ported(ChainKind::List, vec![install("web"), unit("web.service", UnitWant::Started)], true, None);
    assert_eq!((chain.answers[1].answer.name(), chain.answers[1].effect()), ("brought", Effect::Differs));
    assert_eq!(chain.answers[0].differences[0].what, "preset of web.service");
    let missing = one(unit("nosuch.service", UnitWant::Disabled));
    assert_eq!(missing.effect(), Effect::Blocks, "{missing:?}");
    // An installer passes over it.
    let kickstart = ported(ChainKind::Kickstart, vec![unit("nosuch.service", UnitWant::Disabled)], true, None);
    assert_eq!(kickstart.answers[0].effect(), Effect::Fits);
}

#[test]
fn a_preset_that_differs_once_it_is_installed_is_not_green() {
    use crate::facts::Unit;

    let mut after = facts();
    if let Known::Yes(units) = &mut after.units {
        units
            .insert("web.service".to_owned(), Unit { state: Some("disabled".into()), preset: Some("disabled".into()) });
    }
    let trial = Trial { succeeded: true, installed: vec!["web".into()], after: Some(after), ..Trial::default() };
    let chain = ported(ChainKind::List, vec![install("web")], true, Some(trial));
    assert_eq!(
        (chain.answers[0].effect(), chain.verdict(false)),
        (Effect::Decision, PortVerdict::DoesNotPort),
        "{chain:?}"
    );
    let without = ported(ChainKind::List, vec![install("web")], true, None);
    assert_eq!((without.answers[0].effect(), without.verdict(false)), (Effect::Differs, PortVerdict::AsIs));
}

#[test]
fn what_is_there_after_a_trial_and_was_not_before_came_with_the_chain() {
    let tried = |kind: ChainKind, wants: Vec<(Want, Verb)>| {
        let mut after = facts();
        if let Known::Yes(commands) = &mut after.commands {
            commands.insert("web".to_owned(), "/usr/bin/web".to_owned());
            commands.insert("made".to_owned(), "/usr/local/bin/made".to_owned());
        }
        let trial = Trial { succeeded: true, installed: vec!["web".into()], after: Some(after), ..Trial::default() };
        let chain = ported(kind, wants, true, Some(trial));
        chain.answers.iter().map(|one| one.answer.name()).collect::<Vec<_>>()
    };
    let wants = vec![install("web"), command("web"), command("bash"), command("made")];
    assert_eq!(tried(ChainKind::Containerfile, wants), ["exact", "brought", "present", "present"]);
    // A line that stands before the installation did not have it.
    assert_eq!(tried(ChainKind::Containerfile, vec![command("web"), install("web")]), ["not-installed", "exact"]);
}

#[test]
fn users_of_packages_are_theirs_and_of_scriptlets_not_known() {
    let user = |name: &str| (Want::User(name.to_owned()), Verb::Use);
    let root = one(user("root"));
    assert_eq!((root.effect(), root.differences[0].what.as_str()), (Effect::Differs, "shell of user root"));
    let chain = ported(ChainKind::List, vec![install("web"), user("web"), user("other")], true, None);
    assert_eq!((chain.answers[1].answer.name(), chain.answers[2].answer.name()), ("brought", "unknown"));
    assert!(matches!(one(user("other")).answer, Answer::Absent(_)));
}

#[test]
fn the_kernel_has_what_is_needed() {
    let sysctl = |name: &str, value: Option<&str>| {
        use_of(Want::Sysctl { name: name.to_owned(), value: value.map(str::to_owned) })
    };
    let read = sysctl("net.core.somaxconn", None);
    assert_eq!((read.effect(), read.differences.len()), (Effect::Differs, 1));
    assert_eq!(sysctl("net.core.somaxconn", Some("1024")).effect(), Effect::Fits);
    assert_eq!(sysctl("net.nosuch", None).effect(), Effect::Blocks);
    assert_eq!(use_of(Want::KernelModule("br-netfilter".to_owned())).effect(), Effect::Fits);
    assert_eq!(use_of(Want::KernelModule("floppy".to_owned())).effect(), Effect::Blocks);
    assert_eq!(use_of(Want::KernelOption("CONFIG_KVM".to_owned())).effect(), Effect::Differs);
    assert_eq!(use_of(Want::KernelOption("CONFIG_DEVMEM".to_owned())).effect(), Effect::Blocks);
    assert_eq!(use_of(Want::IsaLevel("x86-64-v2".to_owned())).effect(), Effect::Fits);
    assert!(matches!(use_of(Want::IsaLevel("x86-64-v3".to_owned())).answer, Answer::Refused(_)));
    assert!(matches!(use_of(Want::Arch("i686".to_owned())).answer, Answer::Refused(_)));
    assert!(matches!(use_of(Want::Arch("aarch64".to_owned())).answer, Answer::OtherArch(_)));
}

#[test]
fn a_branch_on_os_release_that_is_not_taken_is_named() {
    let branch = |key: &str, known: &[&str], otherwise: bool| {
        let known = known.iter().map(|id| (*id).to_owned()).collect();
        use_of(Want::OsRelease { key: key.to_owned(), known, otherwise })
    };
    assert_eq!(branch("ID_LIKE", &["rhel"], false).effect(), Effect::Fits);
    let none = branch("ID", &["fedora", "ubuntu"], false);
    assert_eq!(
        none.answer,
        Answer::Refused("ID is lab here, and there is no branch for it: only for fedora, ubuntu".to_owned())
    );
    // It takes a branch of its own there, and the one for all others here.
    assert_eq!(branch("ID", &["fedora"], true).effect(), Effect::Blocks);
    // The one for all others on both.
    assert_eq!(branch("ID", &["ubuntu"], true).effect(), Effect::Fits);
}

#[test]
fn a_path_that_moved_is_edited_where_it_is_there() {
    let path = |path: &str| (Want::Path(path.to_owned()), Verb::Use);
    let chain = ported(ChainKind::List, vec![install("moved"), path("/usr/sbin/moved"), path("/bin/bash")], true, None);
    assert_eq!(chain.answers[1].answer, Answer::Moved("/usr/bin/moved".to_owned()));
    assert_eq!(chain.edited[0].after, "moved\n/usr/bin/moved\n/bin/bash\n");
    // `/bin` is a link everywhere.
    assert_eq!(chain.answers[2].effect(), Effect::Fits, "{chain:?}");
    let missing = one(path("/usr/sbin/moved"));
    assert_eq!((missing.answer.name(), missing.effect()), ("moved", Effect::Decision));
}

#[test]
fn what_is_removed_need_not_be_there() {
    let remove = |name: &str| one((Want::Package { name: name.to_owned(), version: None, arch: None }, Verb::Remove));
    assert_eq!(remove("sendmail").answer, Answer::NothingToRemove);
    assert!(matches!(remove("bash").answer, Answer::Present(_)));
}

#[test]
fn what_a_repository_of_the_chain_may_have_is_not_known() {
    let repository = |address: &str| (Want::Repository(address.to_owned()), Verb::Use);
    let chain = ported(ChainKind::List, vec![repository("https://x.example/"), install("gone")], true, None);
    assert_eq!(chain.answers[1].effect(), Effect::Unknown);
    assert_eq!(chain.verdict(false), PortVerdict::Unknown);
    let chain = ported(ChainKind::List, vec![repository("https://known.example/repo"), install("gone")], true, None);
    assert_eq!(chain.answers.iter().map(Answered::effect).collect::<Vec<_>>(), [Effect::Fits, Effect::Blocks]);
}

#[test]
fn a_package_of_debian_is_looked_up_and_needs_a_decision() {
    let debian = one((Want::DebianPackage("libweb-dev".to_owned()), Verb::Install));
    assert_eq!(debian.answer, Answer::Renamed { to: "web".to_owned(), by: RenamedBy::Debian });
    assert_eq!(debian.effect(), Effect::Decision);
    assert_eq!(one((Want::DebianPackage("nosuch".to_owned()), Verb::Install)).effect(), Effect::Blocks);
}

#[test]
fn what_is_optional_does_not_stop_a_chain() {
    let (mut chain, texts) = chain(ChainKind::List, "list", vec![install("gone"), install("web")]);
    chain.needs[0].optional = true;
    let ported = answered(chain, &texts, &target(), facts(), None, None);
    assert_eq!((ported.answers[0].effect(), ported.verdict(false)), (Effect::Tolerated, PortVerdict::AsIs));
}

#[test]
fn what_does_not_install_together_does_not_port() {
    let chain = ported(ChainKind::List, vec![install("web"), install("rival")], true, None);
    assert_eq!(chain.verdict(false), PortVerdict::DoesNotPort, "{chain:?}");
    assert!(chain.installations[0].problems.iter().any(|problem| problem.contains("rival")), "{chain:?}");
    let ring = ported(ChainKind::List, vec![install("ring-a")], true, None);
    assert_eq!((ring.verdict(false), ring.installations[0].packages), (PortVerdict::AsIs, 2));
    // In a Containerfile stages do not meet.
    let (mut chain, texts) = chain_of_stages();
    let apart = answered(chain.clone(), &texts, &target(), facts(), None, None);
    assert_eq!((apart.installations.len(), apart.verdict(false)), (2, PortVerdict::AsIs), "{apart:?}");
    chain.kind = ChainKind::Kickstart;
    let together = answered(chain, &texts, &target(), facts(), None, None);
    assert_eq!(together.verdict(false), PortVerdict::DoesNotPort);
}

fn chain_of_stages() -> (Chain, Texts) {
    let (mut chain, texts) = chain(ChainKind::Containerfile, "F", vec![install("web"), install("rival")]);
    chain.needs[0].within = Some("stage one".to_owned());
    chain.needs[1].within = Some("stage two".to_owned());
    (chain, texts)
}

#[test]
fn an_index_is_searched_for_what_answers_look_up() {
    let (chain, _) = chain(
        ChainKind::List,
        "list",
        vec![(Want::Path("/opt/x".to_owned()), Verb::Use), unit("a@b.service", muster_chain::need::UnitWant::Exists)],
    );
    let paths = paths(&chain.needs, Some(&testing::facts_there()));
    for path in ["/opt/x", "/usr/lib/systemd/system/a@.service", "/usr/lib/systemd/system/web.service"] {
        assert!(paths.contains(path), "{path}: {paths:?}");
    }
}

#[test]
fn five_thousand_needs_take_no_time() {
    let mut builder = IndexBuilder::new("x86_64");
    let packages: Vec<_> =
        (0..5000).map(|number| testing::package(&format!("p{number}"), &[&format!("/usr/bin/c{number}")])).collect();
    builder.repository("base", true, &packages).unwrap();
    builder.installed(&packages[..1]).unwrap();
    let index = builder.build();
    let mut wants: Vec<(Want, Verb)> = (0..2500).map(|number| install(&format!("p{number}"))).collect();
    wants.extend((0..2500).map(|number| command(&format!("c{}", number * 2 + 1))));
    let (chain, texts) = chain(ChainKind::List, "list", wants);
    let started = std::time::Instant::now();
    let ported = answered(chain, &texts, &index, facts(), Some(&origin()), None);
    let taken = started.elapsed();
    assert_eq!(ported.counts().edits, 1250);
    assert!(taken < std::time::Duration::from_secs(60), "{taken:?}");
    let names: BTreeSet<&str> = ported.answers.iter().map(|one| one.answer.name()).collect();
    assert_eq!(names, BTreeSet::from(["present", "exact", "brought", "not-installed"]));
}
