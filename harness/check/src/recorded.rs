//! What real tools print, as recorded, given to several check types. `testdata/dnf4` was printed
//! by dnf 4.23 with rpm 4.20 on Debian 13, on two small repositories that were made for it. What is known
//! from documentation only is in tests that say so.

use super::net;
use super::testing::{equals, expectation, missed, records, reply, seen};
use crate::check::{Check, Observations, Verdict};
use crate::types::closure::Closure;
use crate::types::package::Package;
use crate::types::repo::Repo;
use crate::types::units::Units;
use muster_guest::Reply;
use muster_record::facts::Facts;
use muster_suite::model::Matcher;

macro_rules! dnf4 {
    ($name:literal) => {
        include_str!(concat!("testdata/dnf4/", $name, ".txt"))
    };
}

fn words(list: &[&str]) -> Vec<String> {
    list.iter().map(|word| (*word).to_owned()).collect()
}

/// What `closure` says of a package when the package manager ended with this status and these words.
fn closure(status: i32, said: &str, attribute: &'static str, matcher: Matcher) -> Verdict {
    let wanted = expectation("closure", "app", &[(attribute, matcher)]);
    Closure.evaluate(&wanted, &seen("closure", records(&[("app", status, said)])), &Facts::default()).remove(0)
}

#[test]
fn dnf4_is_evaluated_by_its_words_whatever_its_status() {
    let resolves = [
        (1, dnf4!("resolves")),
        (0, dnf4!("installed")),
        (1, dnf4!("replaces")),
        (1, dnf4!("long-name")),
        // The newest version is broken, and an older one would be installed.
        (1, dnf4!("older-version")),
        (1, dnf4!("upgrade")),
    ];
    for (status, said) in resolves {
        assert_eq!(closure(status, said, "resolves", equals("true")), Verdict::MET, "{said}");
    }
    let refused =
        [(1, dnf4!("nothing-provides")), (1, dnf4!("no-match")), (1, dnf4!("conflicts")), (0, dnf4!("skipped"))];
    for (status, said) in refused {
        assert_eq!(closure(status, said, "resolves", equals("false")), Verdict::MET, "{said}");
    }
    for said in [dnf4!("unreachable"), dnf4!("no-repositories")] {
        for expected in ["true", "false"] {
            let verdict = closure(1, said, "resolves", equals(expected));
            assert!(matches!(verdict, Verdict::Unknown { .. }), "{said}: {verdict:?}");
        }
    }
}

#[test]
fn tables_of_dnf4_are_read_with_their_repositories_and_sizes() {
    let met = |said, attribute, matcher| assert_eq!(closure(1, said, attribute, matcher), Verdict::MET, "{attribute}");
    let resolves = dnf4!("resolves");
    met(resolves, "adds", Matcher::Only(words(&["app", "applib", "apphelp"])));
    met(resolves, "weak", Matcher::Only(words(&["apphelp"])));
    met(resolves, "from-repos", Matcher::Only(words(&["lab", "extra"])));
    met(resolves, "count", equals("3"));
    met(resolves, "download-size", equals("0 B"));
    assert_eq!(
        missed(&closure(1, resolves, "install-size", equals("1 MiB"))),
        ("install-size is 1 MiB", "1.9 MiB (1992294 B)")
    );
    met(dnf4!("replaces"), "removes", Matcher::Only(words(&["replaced"])));
    met(dnf4!("upgrade"), "upgrades", Matcher::Only(words(&["base"])));
    met(dnf4!("older-version"), "adds", Matcher::Only(words(&["best"])));
    met(
        dnf4!("long-name"),
        "adds",
        Matcher::Only(words(&["a-package-with-a-name-that-is-so-long-that-it-needs-a-row-of-its-own-in-the-table"])),
    );
    // It states no size when something is replaced.
    assert!(matches!(closure(1, dnf4!("replaces"), "install-size", equals("0 B")), Verdict::Unknown { .. }));
}

#[test]
fn repoclosure_of_dnf4_names_what_is_open() {
    let files = records(&[("/etc/yum.repos.d/lab.repo", 0, "[lab]\nname=lab\n")]);
    let wanted = expectation(
        "repo",
        "lab",
        &[
            ("closed", equals("false")),
            (
                "unsatisfied",
                Matcher::Only(words(&["best-2-1.noarch: libmissing.so.9", "broken-1-1.noarch: libmissing.so.9"])),
            ),
        ],
    );
    let mut readings = seen("repo/files", files);
    readings.0.extend(super::repositories::nothing_listed().0);
    readings.0.insert("repo/closure".to_owned(), records(&[("lab", 1, dnf4!("repoclosure"))]));
    assert_eq!(Repo.evaluate(&wanted, &readings, &Facts::default()), vec![Verdict::MET; 2]);
}

/// rpm 4.18 and rpm 4.20 print the same for an RSA key, an Ed25519 key, and no signature.
const RPM_4: &str = "package\tapphelp\t0\t1\t1\tnoarch\t(none)\t(none)\tMIT\tapphelp-1-1.src.rpm\tvm\t3000\tRSA/SHA512, Thu Nov 26 16:58:35 2026, Key ID 552630fa8c4dc601\npackage\tgroup-a\t0\t1\t1\tnoarch\t(none)\t(none)\tMIT\tgroup-a-1-1.src.rpm\tvm\t0\tEdDSA/SHA256, Thu Nov 26 16:58:47 2026, Key ID 4a3beffbd955cbf9\npackage\treplaced\t0\t1\t1\tnoarch\t(none)\t(none)\tMIT\treplaced-1-1.src.rpm\tvm\t3000\t\npackage nope is not installed\nsentinel\treplaced\n";

fn package(said: Reply, name: &str, attribute: &'static str, matcher: Matcher) -> Verdict {
    let wanted = expectation("package", name, &[(attribute, matcher)]);
    Package.evaluate(&wanted, &seen("package/query", said), &Facts::default()).remove(0)
}

#[test]
fn signatures_of_rpm_4_name_their_keys() {
    let said = || reply(0, RPM_4);
    assert_eq!(package(said(), "apphelp", "signer", equals("552630fa8c4dc601")), Verdict::MET);
    assert_eq!(package(said(), "group-a", "signer", equals("4a3beffbd955cbf9")), Verdict::MET);
    assert_eq!(package(said(), "replaced", "signed", equals("false")), Verdict::MET);
    assert_eq!(package(said(), "nope", "installed", equals("false")), Verdict::MET);
}

#[test]
fn a_database_of_rpm_4_20_that_is_none_makes_no_package_absent() {
    let broken = Reply {
        stdout: b"package base is not installed\n".to_vec(),
        stderr: b"error: sqlite failure: CREATE TABLE IF NOT EXISTS 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT,blob BLOB NOT NULL): file is not a database\nerror: cannot open Packages index using sqlite - No such file or directory (2)\nerror: cannot open Packages database in /tmp/bad\n".to_vec(),
        ..Reply::default()
    };
    assert!(matches!(package(broken, "base", "installed", equals("false")), Verdict::Unknown { .. }));
    // With another path rpm makes an empty database and says nothing of it.
    let empty = reply(0, "package base is not installed\n");
    assert!(matches!(package(empty, "base", "installed", equals("false")), Verdict::Unknown { .. }));
}

#[test]
fn ss_of_iproute2_6_15_is_read_with_processes_and_without() {
    // As root; the first socket's process is out of sight.
    let root = "Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:Port Process\ntcp LISTEN 0      128      0.0.0.0:2024  0.0.0.0:*                                            \ntcp LISTEN 0      5      127.0.0.1:8765  0.0.0.0:* users:((\"python3\",pid=19150,fd=3))         \n";
    // As nobody.
    let nobody = "Netid State  Recv-Q Send-Q Local Address:Port  Peer Address:PortProcess\ntcp LISTEN 0      128      0.0.0.0:2024  0.0.0.0:*\ntcp LISTEN 0      5      127.0.0.1:8765  0.0.0.0:*\n";
    for (text, processes) in [(root, &["python3"][..]), (nobody, &[])] {
        let sockets = net::sockets(&seen("net/ss", reply(0, text))).unwrap();
        assert_eq!(sockets.len(), 2);
        assert_eq!((sockets[0].port, sockets[0].processes.len()), (2024, 0));
        assert_eq!(
            (sockets[1].address.as_str(), sockets[1].processes.as_slice()),
            ("127.0.0.1", &words(processes)[..])
        );
    }
}

#[test]
fn unit_files_of_systemd_252_and_257_are_compared_with_their_presets() {
    let of_252 = "proc-sys-fs-binfmt_misc.automount      static   -\nproc-sys-fs-binfmt_misc.mount          disabled disabled\n\n2 unit files listed.\n";
    let of_257 = "run-lock.mount                               disabled enabled\ntmp.mount                                    static   -\ngetty@.service                               enabled  enabled\nhwclock.service                              masked   enabled\n\n4 unit files listed.\n";
    let evaluate = |text: &str, attribute, expected: &[&str]| {
        let wanted = expectation("units", "", &[(attribute, Matcher::Only(words(expected)))]);
        Units.evaluate(&wanted, &seen("units/files", reply(0, text)), &Facts::default()).remove(0)
    };
    assert_eq!(evaluate(of_252, "not-by-preset", &[]), Verdict::MET);
    assert_eq!(evaluate(of_257, "not-by-preset", &["run-lock.mount"]), Verdict::MET);
    assert_eq!(evaluate(of_257, "masked", &["hwclock.service"]), Verdict::MET);
    assert_eq!(evaluate(of_257, "enabled", &["getty@.service"]), Verdict::MET);
}

#[test]
fn tools_that_are_missing_are_named_by_both_shells() {
    // dash, then busybox, recorded: the words differ and the status does not.
    for stderr in ["/bin/sh: 1: systemctl: not found\n", "/bin/sh: systemctl: not found\n"] {
        let gone = Reply { status: 127, stderr: stderr.into(), ..Reply::default() };
        let wanted = expectation("units", "", &[("failed", Matcher::None), ("enabled", Matcher::None)]);
        let readings =
            Observations([("units/list".to_owned(), gone.clone()), ("units/files".to_owned(), gone.clone())].into());
        for verdict in Units.evaluate(&wanted, &readings, &Facts::default()) {
            assert!(
                matches!(&verdict, Verdict::Unknown { why } if why.contains("systemctl: not found")),
                "{verdict:?}"
            );
        }
    }
}

#[test]
fn documented_answers_of_dnf5_are_evaluated_by_their_words() {
    // The resolver's words and status 0: a package that is skipped is not installed.
    let skipped = "Updating and loading repositories:\nRepositories loaded.\nProblem: nothing provides libmissing.so.9 needed by app-1-1.noarch from lab\n\nSkipping packages with broken dependencies:\n app noarch 1-1 lab 6.1 KiB\n\nNothing to do.\n";
    assert_eq!(closure(0, skipped, "resolves", equals("false")), Verdict::MET);
    // The newest is passed over, as Azure Linux configures it.
    let older = "Updating and loading repositories:\nRepositories loaded.\nProblem: cannot install the best candidate for the job\n  - nothing provides libmissing.so.9 needed by app-2-1.noarch from lab\n\nPackage Arch   Version Repository Size\nInstalling:\n app    noarch 1-1     lab        5.4 KiB\nSkipping packages with broken dependencies:\n app    noarch 2-1     lab        5.4 KiB\n\nTransaction Summary:\n Installing:         1 package\n Skipping:           1 package\n\nTotal size of inbound packages is 5 KiB. Need to download 5 KiB.\nAfter this operation, 3 KiB extra will be used (install 3 KiB, remove 0 B).\nOperation aborted by the user.\n";
    assert_eq!(closure(1, older, "resolves", equals("true")), Verdict::MET);
    assert_eq!(closure(1, older, "adds", Matcher::Only(words(&["app"]))), Verdict::MET);
    let refused = "Updating and loading repositories:\nRepositories loaded.\nFailed to resolve the transaction:\nNo match for argument: app\nYou can try to add to command line:\n  --skip-unavailable to skip unavailable packages\n";
    for status in [0, 1] {
        assert_eq!(closure(status, refused, "resolves", equals("false")), Verdict::MET);
    }
}

#[test]
fn documented_answers_of_tdnf_are_evaluated_by_their_words() {
    let refused =
        "nothing provides libmissing.so.9 needed by app-1-1.noarch\nError(1301) : Solv general runtime error\n";
    let unknown = "app package not found or not installed\nError(1011) : No matching packages\n";
    for said in [refused, unknown] {
        assert_eq!(closure(0, said, "resolves", equals("false")), Verdict::MET, "{said}");
    }
    let dead = "Error(1207) : Failed to download repomd.xml\n";
    assert!(matches!(closure(1, dead, "resolves", equals("false")), Verdict::Unknown { .. }));
}
