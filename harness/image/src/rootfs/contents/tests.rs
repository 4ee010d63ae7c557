//! What is read of a root file system, from archives made byte by byte.

use std::io::Write as _;

use super::super::testing::{Member, bytes, dir, file, member};
use super::super::{Bounds, tar, tree::Tree};
use super::*;
use crate::testing::pe;

fn seen(members: &[Member]) -> RootTree {
    let mut archive = tempfile::tempfile().unwrap();
    archive.write_all(&bytes(members)).unwrap();
    let mut tree = Tree::new(Bounds::default());
    tar::read(&archive, |entry| tree.add(entry, 0, false)).unwrap();
    read(&tree, &[archive], None).unwrap()
}

fn binary(name: &str, contents: &[u8]) -> Member {
    Member { contents: contents.to_vec(), ..file(name, "") }
}

fn database(version: u8) -> Vec<u8> {
    let mut bytes = b"SQLite format 3\0\x10\0".to_vec();
    bytes.extend([version, version]);
    bytes.resize(100, 0);
    bytes
}

#[test]
fn an_image_of_bootc_has_each_thing_in_its_place() {
    let root = seen(&[
        dir("boot"),
        dir("sysroot"),
        member(b'2', "ostree", "sysroot/ostree"),
        file("usr/lib/modules/6.12/vmlinuz", "kernel"),
        file("usr/lib/modules/6.12/initramfs.img", "initramfs"),
        file("usr/lib/modules/6.11/modules.dep", ""),
        binary("usr/lib/efi/shim/15/EFI/BOOT/BOOTX64.EFI", &pe(&[(".sbat", "sbat,1,x\nshim,4,x\n")])),
        binary("usr/lib/efi/grub2/2/EFI/x/grubx64.efi", &pe(&[(".sbat", "sbat,1,x\ngrub,4,x\n")])),
        binary("usr/share/rpm/rpmdb.sqlite", &database(1)),
        member(b'2', "var/lib/rpm", "../../usr/share/rpm"),
        file("usr/lib/ostree/prepare-root.conf", "[composefs]\nenabled = true\n"),
        file("usr/lib/bootc/kargs.d/10-a.toml", "kargs = []\n"),
        file("usr/bin/rpm", "program"),
        file("etc/machine-id", "uninitialized\n"),
        file("var/log/wtmp", ""),
        member(b'2', "var/run", "../run"),
    ]);
    let expected = RootTree {
        kernels: vec!["6.12".into()],
        boot: Some(vec![]),
        boot_programs: vec![EfiProgram::Shim, EfiProgram::Grub],
        rpm: true,
        rpm_databases: vec!["/usr/share/rpm".into()],
        rpm_journal: Some(RpmJournal::Rollback),
        composefs: true,
        ostree_root: true,
        ..RootTree::default()
    };
    assert_eq!(root, expected);
}

#[test]
fn what_is_not_in_its_place_is_named() {
    let root = seen(&[
        file("boot/vmlinuz-6.11", "kernel"),
        binary("boot/EFI/Linux/b.efi", &pe(&[(".linux", "kernel")])),
        binary("boot/EFI/Linux/c.efi", b"no program"),
        file("usr/lib/modules/6.12/vmlinuz", "kernel"),
        file("usr/lib/modules/6.11/vmlinuz", "kernel"),
        file("usr/lib/modules/6.11/initramfs.img", "initramfs"),
        member(b'2', "usr/lib/modules/6.10/vmlinuz", "../6.11/vmlinuz"),
        binary("var/lib/rpm/rpmdb.sqlite", &database(2)),
        file("usr/lib/sysimage/rpm/Packages.db", "ndb"),
        member(b'2', "ostree", "/sysroot/ostree"),
        dir("sysroot"),
        file("usr/lib/bootc/kargs.d/10-a.toml", "kargs = \"a\"\n"),
        file("usr/lib/bootc/kargs.d/20-b.conf", "kargs = []\n"),
        dir("run/lock"),
        file("tmp/left", ""),
        file("var/log/a/b.log", "text"),
        file("etc/ssh/ssh_host_rsa_key", "key"),
        file("etc/machine-id", "0123456789abcdef0123456789abcdef\n"),
        dir("usr/etc"),
        dir("var/run"),
    ]);
    assert_eq!((root.kernels.join(" "), root.without_initramfs.join(" ")), ("6.11 6.12".into(), "6.12".into()));
    assert_eq!((root.boot.unwrap().join(" "), root.ukis.join(" ")), ("EFI vmlinuz-6.11".into(), "b.efi".into()));
    assert_eq!(root.rpm_databases, ["/usr/lib/sysimage/rpm", "/var/lib/rpm"]);
    // The first is none of SQLite.
    assert_eq!((root.rpm_journal, root.ostree_root, root.composefs, root.rpm), (None, false, false, false));
    assert_eq!(root.malformed_kargs, ["10-a.toml", "20-b.conf"]);
    let leftovers = [
        "/run/lock",
        "/tmp/left",
        "/var/log/a/b.log",
        "/etc/ssh/ssh_host_rsa_key",
        "/etc/machine-id",
        "/usr/etc",
        "/var/run",
    ];
    for path in leftovers {
        assert!(root.leftovers.iter().any(|found| found == path), "{path}: {:?}", root.leftovers);
    }
    assert_eq!(root.leftovers.len(), leftovers.len());
}

#[test]
fn an_empty_file_is_no_kernel_and_no_initramfs() {
    let kernel = "usr/lib/modules/6.12/vmlinuz";
    let root = seen(&[file(kernel, ""), file("usr/lib/modules/6.12/initramfs.img", "initramfs")]);
    assert_eq!((root.kernels.len(), root.without_initramfs.len()), (0, 0));
    let root = seen(&[file(kernel, "kernel"), file("usr/lib/modules/6.12/initramfs.img", "")]);
    assert_eq!((root.kernels, root.without_initramfs), (vec!["6.12".to_owned()], vec!["6.12".to_owned()]));
}

#[test]
fn identities_of_one_machine_are_left_over_where_something_is_in_them() {
    let id = "0123456789abcdef0123456789abcdef\n";
    let written = [
        ("etc/nvme/hostid", "a"),
        ("etc/nvme/hostnqn", "a"),
        ("etc/rndc.key", "a"),
        ("etc/iscsi/initiatorname.iscsi", "# x\nInitiatorName=iqn.1994-05.com.redhat:1\n"),
        ("var/lib/NetworkManager/secret_key", "a"),
        ("var/lib/dbus/machine-id", id),
    ];
    let found = |members: &[Member]| seen(members).leftovers;
    let all: Vec<Member> = written.iter().map(|(path, text)| file(path, text)).collect();
    let mut expected: Vec<String> = written.iter().map(|(path, _)| format!("/{path}")).collect();
    let mut leftovers = found(&all);
    expected.sort();
    leftovers.sort();
    assert_eq!(leftovers, expected);
    let empty: Vec<Member> = written.iter().map(|(path, _)| file(path, "")).collect();
    assert_eq!(found(&empty), [""; 0]);
    // What packages bring along, and the usual link.
    let ordinary = [
        file("etc/iscsi/initiatorname.iscsi", "# x\nGenerateName=yes\n"),
        member(b'2', "var/lib/dbus/machine-id", "/etc/machine-id"),
    ];
    assert_eq!(found(&ordinary), [""; 0]);
}

#[test]
fn a_kernel_argument_switches_composefs_off() {
    let conf = || file("usr/lib/ostree/prepare-root.conf", "[composefs]\nenabled = true\n");
    let with = |kargs: &str| seen(&[conf(), file("usr/lib/bootc/kargs.d/10-a.toml", kargs)]).composefs;
    assert!(with("kargs = [\"quiet\"]\n"));
    assert!(!with("kargs = [\"quiet ostree.prepare-root.composefs=0\"]\n"));
}

#[test]
fn a_database_with_a_log_next_to_it_is_one_that_is_written_ahead() {
    let at = "usr/share/rpm/rpmdb.sqlite";
    let journal = |members: &[Member]| seen(members).rpm_journal;
    assert_eq!(journal(&[binary(at, &database(2))]), Some(RpmJournal::Wal));
    assert_eq!(journal(&[binary(at, &database(1)), file(&format!("{at}-wal"), "")]), Some(RpmJournal::Wal));
    for damaged in [&b"SQLite format 3\0"[..], b"", b"text, and more than a header of it"] {
        assert_eq!(journal(&[binary(at, damaged)]), Some(RpmJournal::Other));
    }
}

#[test]
fn lists_are_bounded() {
    let many: Vec<Member> = (0..300).map(|number| file(&format!("boot/{number}"), "")).collect();
    assert_eq!(seen(&many).boot.unwrap().len(), MOST);
}
