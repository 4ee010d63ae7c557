//! The values that are expected here are what dnf 4.14 and dnf5 5.4.6 said of these very files; see
//! `testdata`.

use super::super::listed::{KEY as LISTED, settle};
use super::*;
use crate::testing::{on_this_host, records, reply, seen};
use crate::unreadable::Read;

/// One situation of each kind: repositories in dnf.conf, the same id in two files and twice in one, an id
/// and a switch from variables, values that dnf passes over, quotes, every directory, overrides.
const FILES: &[(&str, &str)] = &[
    (
        "/etc/dnf/dnf.conf",
        "[main]\ngpgcheck=1\nbest=False\nsneaky=1\n\n[inmain]\nname=in dnf.conf\nbaseurl=file:///a\nenabled=0\n",
    ),
    (
        "/etc/yum.repos.d/a.repo",
        "[twice]\nname=first $x ${y:-dflt}\nbaseurl=https://a.example/$releasever/$basearch\n    https://b.example/\nenabled=Yes\ngpgcheck=ON\n[weird]\nname=weird\nbaseurl=file:///w\nenabled=maybe\ngpgcheck=-\npriority=\n[quoted]\nname=\"q\"\nbaseurl=\"file:///q\"\nenabled=0\n",
    ),
    (
        "/etc/yum.repos.d/b.repo",
        "[twice]\nname=second\nbaseurl=file:///second\nenabled=0\ngpgcheck=0\n[id-$x]\nname=var\nbaseurl=file:///v\nenabled=$on\n[dup]\nname=one\nbaseurl=file:///d\nenabled=0\n[dup]\nenabled=1\n",
    ),
    ("/etc/yum/repos.d/y.repo", "[yumdir]\nname=yumdir\nbaseurl=file:///y\nenabled=False\n"),
    ("/etc/distro.repos.d/y.repo", "[distro]\nname=distro\nbaseurl=file:///y\nenabled=off\n"),
    ("/usr/share/dnf5/repos.d/y.repo", "[share5]\nname=share\nbaseurl=file:///y\nenabled=1\n"),
    ("/etc/dnf/repos.override.d/99-config_manager.repo", "[*]\ngpgcheck=0\n[twi?e]\npriority=7\n"),
    ("/usr/share/dnf5/repos.override.d/50.repo", "[twice]\npriority=5\n[[dx]*]\nenabled=1\n"),
    ("/etc/dnf/vars/x", "xx"),
    ("/etc/dnf/vars/on", "1\n"),
    ("/etc/yum/vars/x", "yumx\n"),
];

fn with(manager: &str, changes: &[(&str, &str)]) -> Files {
    let answer = |text: &str| Answer { status: 0, output: text.to_owned() };
    let mut files: Files = FILES.iter().map(|(path, text)| ((*path).to_owned(), answer(text))).collect();
    files.extend([("manager".to_owned(), answer(manager)), ("machine".to_owned(), answer("x86_64"))]);
    for (path, text) in changes {
        files.insert((*path).to_owned(), answer(text));
    }
    files
}

fn repos(manager: &str, changes: &[(&str, &str)]) -> Read<Repos> {
    parse(&with(manager, changes)).map(Option::unwrap)
}

fn enabled(repos: &Repos) -> Vec<&str> {
    repos.repos.iter().filter(|(_, repo)| repos.enabled(repo)).map(|(id, _)| id.as_str()).collect()
}

#[test]
fn dnf_4_and_dnf5_read_other_places_and_the_first_definition_counts() {
    let four = repos("dnf", &[]).unwrap();
    assert_eq!(
        four.repos.keys().collect::<Vec<_>>(),
        ["distro", "dup", "id-xx", "inmain", "quoted", "twice", "weird", "yumdir"]
    );
    assert_eq!(enabled(&four), ["dup", "id-xx", "twice", "weird"]);
    assert_eq!(four.repos["twice"].file, "/etc/yum.repos.d/a.repo");
    assert_eq!(four.repos["quoted"].options["baseurl"], "file:///q");
    assert!(four.repos.iter().all(|(id, repo)| four.checked(id, repo).unwrap()), "overrides are dnf5's");
    let five = repos("dnf5", &[]).unwrap();
    assert_eq!(
        five.repos.keys().collect::<Vec<_>>(),
        ["distro", "dup", "id-xx", "inmain", "quoted", "share5", "twice", "weird"]
    );
    assert_eq!(enabled(&five), ["distro", "dup", "id-xx", "share5", "twice", "weird"]);
    assert!(five.repos.iter().all(|(id, repo)| !five.checked(id, repo).unwrap()), "an override by a pattern");
    assert_eq!(five.option(&five.repos["twice"], "priority"), Some("7"), "overrides in the order of file names");
}

#[test]
fn what_dnf_lists_is_what_was_read() {
    for (manager, dump, table) in [
        ("dnf", include_str!("../testdata/dnf4-dump.txt"), include_str!("../testdata/dnf4-table.txt")),
        ("dnf5", include_str!("../testdata/dnf5-dump.txt"), include_str!("../testdata/dnf5-table.txt")),
    ] {
        let listed = |text: String| seen(LISTED, reply(0, &text));
        for text in [format!("= dump\n{dump}"), format!("= dump\n= table\n{table}")] {
            let mut read = repos(manager, &[]).unwrap();
            settle(&mut read, &listed(text.clone())).unwrap();
            // dnf 4's plugin `local` adds a repository that no file defines.
            let plugin =
                read.repos.get("_dnf_local").map(|repo| (repo.partial, read.checked("_dnf_local", repo).is_ok()));
            let known = !text.contains("= table");
            assert_eq!(plugin, (manager == "dnf").then_some((!known, known)));
        }
        let differs = |text: String| settle(&mut repos(manager, &[]).unwrap(), &listed(text)).unwrap_err();
        let changed = dump
            .replacen("gpgcheck = 1\nname = twice", "gpgcheck = 0\nname = twice", 1)
            .replace("priority = 7", "priority = 8");
        assert!(
            differs(format!("= dump\n{}", changed.replace("enabled = 0", "enabled = 1")))
                .to_string()
                .contains("the package manager says true"),
        );
        let without: String =
            table.lines().filter(|line| !line.starts_with("twice")).map(|line| format!("{line}\n")).collect();
        assert!(differs(format!("= dump\n= table\n{without}")).to_string().contains("defines the repository `twice`"));
        assert!(settle(&mut repos(manager, &[]).unwrap(), &listed(String::new())).is_err());
        assert!(settle(&mut repos(manager, &[]).unwrap(), &seen(LISTED, reply(1, "= dump\n"))).is_err());
    }
}

#[test]
fn a_file_that_dnf_refuses_is_passed_over_or_an_error_as_there() {
    let broken = ("/etc/yum.repos.d/broken.repo", "[broken\nname=x\n");
    assert_eq!(repos("dnf", &[broken]).unwrap().repos.len(), 8);
    // tdnf would refuse the id that is there twice.
    let tdnf = [("/etc/yum.repos.d/b.repo", "")];
    for (manager, rest) in [("dnf5", &[][..]), ("tdnf", &tdnf[..])] {
        assert!(
            repos(manager, &[&[broken][..], rest].concat())
                .unwrap_err()
                .to_string()
                .contains("broken.repo: line 1: a `[` without its `]`")
        );
    }
    assert!(repos("dnf", &[("/etc/dnf/dnf.conf", "oops\n")]).is_err());
}

#[test]
fn directories_are_those_that_the_configuration_names() {
    let main = "[main]\nreposdir=/extra,\n   /etc/distro.repos.d/\n";
    let extra = [
        ("/etc/dnf/dnf.conf", main),
        ("/extra/e.repo", "[extra]\nbaseurl=http://e\n"),
        ("directory /extra", ""),
        ("directory /etc/distro.repos.d", ""),
    ];
    for manager in ["dnf", "dnf5"] {
        assert_eq!(repos(manager, &extra).unwrap().repos.keys().collect::<Vec<_>>(), ["distro", "extra"]);
        assert!(
            repos(manager, &extra[..3])
                .unwrap_err()
                .to_string()
                .contains("/etc/distro.repos.d, which was not looked into")
        );
    }
    let drop_in = [
        ("/usr/share/dnf5/libdnf.conf.d/20-vendor.conf", "[main]\ngpgcheck=0\nbest=True\n"),
        ("/etc/dnf/libdnf5.conf.d/20-vendor.conf", "[main]\nfastestmirror=1\n"),
        ("/usr/share/dnf5/libdnf.conf.d/30.conf", "[main]\npkg_gpgcheck=no\nskip_if_unavailable=1\n"),
    ];
    let five = repos("dnf5", &drop_in).unwrap();
    assert_eq!(
        (five.main["best"].as_str(), five.main.get("skip_if_unavailable").map(String::as_str)),
        ("False", Some("1"))
    );
    assert_eq!(five.main_checked.as_deref(), Some("1"), "dnf.conf comes after its drop-ins");
    assert_eq!(repos("dnf", &drop_in).unwrap().main.get("skip_if_unavailable"), None);
}

#[test]
fn tdnf_assumes_other_things_and_refuses_an_id_twice() {
    let conf = ("/etc/tdnf/tdnf.conf", "[main]\ngpgcheck=0\nrepodir=/t\n");
    let files = |text| [conf, ("directory /t", ""), ("/t/a.repo", text)];
    let tdnf = repos("tdnf", &files("[a]\nbaseurl=x\n[b]\nenabled=yes\n[c]\nenabled=1\ngpgcheck=false\n")).unwrap();
    assert_eq!(enabled(&tdnf), ["c"], "off unless stated, and `yes` is no number");
    let checked: Vec<bool> = tdnf.repos.iter().map(|(id, repo)| tdnf.checked(id, repo).unwrap()).collect();
    assert_eq!(checked, [true, true, false]);
    let twice = [conf, ("directory /t", ""), ("/t/a.repo", "[a]\n"), ("/t/b.repo", "[a]\n")];
    assert!(repos("tdnf", &twice).unwrap_err().to_string().contains("both define `a`"));
}

#[test]
fn variables_stand_in_values() {
    let repos = repos("dnf5", &[("/etc/dnf/vars/empty", "")]).unwrap();
    for (text, expanded) in [
        ("$x/${x}/$basearch", "xx/xx/x86_64"),
        ("$nope ${nope} $", "$nope ${nope} $"),
        ("${nope:-a}${empty:-b}${x:-c}", "abxx"),
        ("${nope:+a}${x:+b}", "b"),
        ("${x", "${x"),
    ] {
        assert_eq!(repos.expand(text), expanded, "{text}");
    }
}

#[test]
fn no_configuration_is_distinguished_from_no_answer() {
    let answer = |records_: &[(&str, i32, &str)]| read(&seen(KEY, records(records_)));
    assert!(answer(&[("manager", 0, ""), ("machine", 0, "x86_64")]).unwrap().is_none());
    assert!(answer(&[]).is_err());
    let here = read(&on_this_host(&[probe()])).unwrap();
    assert!(here.is_none_or(|repos| !repos.repos.is_empty() || !repos.main.is_empty()));
}
