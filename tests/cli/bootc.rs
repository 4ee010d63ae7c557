//! The archive of an image of bootc, checked without a machine: what the proofs of the suite `bootc` point at.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::support::{Finished, Place};
use muster_image::testing::pe;

const KERNEL: &str = "usr/lib/modules/6.12.1";

/// `muster images check`, with the cache of the place.
fn check(place: &Place, file: &str, more: &[&str]) -> Finished {
    let words = [&["images", "check", file, "--suite", "bootc"], more].concat();
    let mut command = place.command(&words);
    command.env("MUSTER_CACHE", place.path("cache"));
    let child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn();
    super::support::wait(child.expect("muster starts"), Duration::from_secs(60))
}

fn write(root: &Path, path: &str, bytes: &[u8]) {
    std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
    std::fs::write(root.join(path), bytes).unwrap();
}

/// A database of SQLite as far as its header: 1 with a rollback journal, 2 with a log that is written ahead.
fn database(version: u8) -> Vec<u8> {
    let mut bytes = b"SQLite format 3\0\x10\0".to_vec();
    bytes.extend([version; 2]);
    bytes.resize(4096, 0);
    bytes
}

/// The root of an image that meets all of the suite.
fn whole(root: &Path) {
    for dir in ["boot", "sysroot", "run", "tmp", "var/log"] {
        std::fs::create_dir_all(root.join(dir)).unwrap();
    }
    std::os::unix::fs::symlink("sysroot/ostree", root.join("ostree")).unwrap();
    write(root, &format!("{KERNEL}/vmlinuz"), b"kernel");
    write(root, &format!("{KERNEL}/initramfs.img"), b"initramfs");
    write(root, "usr/lib/efi/shim/1/EFI/BOOT/BOOTX64.EFI", &pe(&[(".sbat", "sbat,1,x\nshim,4,x\n")]));
    write(root, "usr/lib/efi/grub2/1/EFI/x/grubx64.efi", &pe(&[(".sbat", "sbat,1,x\ngrub,4,x\n")]));
    write(root, "usr/bin/rpm", b"program");
    write(root, "usr/share/rpm/rpmdb.sqlite", &database(1));
    write(root, "usr/lib/ostree/prepare-root.conf", b"[composefs]\nenabled = true\n");
    write(root, "usr/lib/bootc/kargs.d/10-a.toml", b"kargs = [\"quiet\"]\n");
}

fn tar(root: &Path, to: &Path) {
    let made = Command::new("tar").arg("-C").arg(root).arg("-cf").arg(to).arg(".").status();
    assert!(made.expect("tar is there").success());
}

/// The archive of an OCI image with the label, of a root file system that `change` has changed.
fn image(place: &Place, name: &str, change: impl FnOnce(&Path)) -> String {
    let root = place.path(name);
    std::fs::create_dir(&root).unwrap();
    whole(&root);
    change(&root);
    let (layer, archive) = (place.path(&format!("{name}.layer")), place.path(&format!("{name}.tar")));
    tar(&root, &layer);
    let recipe = super::support::root().join("images/lab/bootc/layout.py");
    let made = Command::new("python3").arg("-B").arg(recipe).arg(&archive).arg(&layer).status();
    assert!(made.expect("python3 is there").success());
    archive.display().to_string()
}

#[test]
fn an_archive_says_whether_it_is_an_image_of_bootc() {
    let place = Place::new();
    let good = image(&place, "good", |_| ());
    let ended = check(&place, &good, &[]);
    ended.assert_status(0);
    assert!(ended.stdout.ends_with("7 tests: 7 pass\n"), "{}", ended.stdout);
    // The second time nothing but what was kept of it is read.
    let again = check(&place, &good, &["--format", "json"]);
    again.assert_status(0);
    let document: serde_json::Value = serde_json::from_str(&again.stdout).expect("JSON");
    let root = &document["files"][0]["disk"]["root"];
    assert_eq!((&root["labels"]["containers.bootc"], &root["kernels"][0]), (&"1".into(), &"6.12.1".into()));
    // Other suites are about other files.
    let ended = check(&place, &good, &["--suite", "azure-image", "--given", "firmware=uefi"]);
    ended.assert_status(0);
    assert!(ended.stdout.contains("7 pass, 6 skip"), "{}", ended.stdout);
    // The same files without the label are a root file system like any other, unless somebody says more.
    let plain = place.path("plain.tar");
    tar(&place.path("good"), &plain);
    let plain = plain.display().to_string();
    let ended = check(&place, &plain, &[]);
    ended.assert_status(2);
    assert!(ended.stdout.contains("7 tests: 7 skip"), "{}", ended.stdout);
    check(&place, &plain, &["--given", "capability=bootc"]).assert_status(0);
    // Of a disk a condition that is false decides, whatever else is not known.
    let disk = place.path("disk.raw");
    std::fs::File::create(&disk).unwrap().set_len(4 << 20).unwrap();
    let ended = check(&place, &disk.display().to_string(), &[]);
    ended.assert_status(2);
    assert!(
        ended.stdout.contains("7 tests: 7 skip") && ended.stdout.contains("disk-format == tar"),
        "{}",
        ended.stdout
    );
}

#[test]
fn each_test_of_the_archive_fails_on_one_that_breaks_it() {
    type Change = fn(&Path);
    let place = Place::new();
    let changes: [(&str, &str, Change); 20] = [
        ("image-kernel", "found 2", |root| write(root, "usr/lib/modules/6.12.2/vmlinuz", b"kernel")),
        ("image-kernel", "found 6.12.1", |root| std::fs::remove_file(root.join(KERNEL).join("initramfs.img")).unwrap()),
        ("image-kernel", "found 6.12.1", |root| write(root, &format!("{KERNEL}/initramfs.img"), b"")),
        ("image-kernel", "any-of", |root| write(root, &format!("{KERNEL}/vmlinuz"), b"")),
        ("image-kernel", "any-of", |root| std::fs::remove_file(root.join(KERNEL).join("vmlinuz")).unwrap()),
        ("image-boot-empty", "vmlinuz-6.12.1", |root| write(root, "boot/vmlinuz-6.12.1", b"kernel")),
        ("image-boot-empty", "no directory /boot", |root| std::fs::remove_dir(root.join("boot")).unwrap()),
        ("image-boot-programs", "any-of", |root| std::fs::remove_dir_all(root.join("usr/lib/efi/shim")).unwrap()),
        ("image-boot-programs", "any-of", |root| write(root, "usr/lib/efi/grub2/1/EFI/x/grubx64.efi", b"text")),
        ("image-rpm-database", "any-of", |root| write(root, "var/lib/rpm/rpmdb.sqlite", &database(1))),
        ("image-rpm-database", "wal", |root| write(root, "usr/share/rpm/rpmdb.sqlite", &database(2))),
        ("image-rpm-database", "wal", |root| write(root, "usr/share/rpm/rpmdb.sqlite-shm", b"")),
        ("image-rpm-database", "other", |root| write(root, "usr/share/rpm/rpmdb.sqlite", b"SQLite format 3\0")),
        ("image-rpm-database", "any-of", |root| std::fs::remove_dir_all(root.join("usr/share/rpm")).unwrap()),
        ("image-root", "ostree-root is true, found false", |root| std::fs::remove_file(root.join("ostree")).unwrap()),
        ("image-root", "composefs is true, found false", |root| {
            write(root, "usr/lib/ostree/prepare-root.conf", b"[composefs]\nenabled = no\n");
        }),
        ("image-root", "composefs is true, found false", |root| {
            write(root, "usr/lib/bootc/kargs.d/10-a.toml", b"kargs = [\"ostree.prepare-root.composefs=0\"]\n");
        }),
        ("image-kernel-arguments", "20-b.conf", |root| write(root, "usr/lib/bootc/kargs.d/20-b.conf", b"kargs = []\n")),
        ("image-leftovers", "/etc/machine-id", |root| write(root, "etc/machine-id", &[b'a'; 32])),
        ("image-leftovers", "/etc/nvme/hostid", |root| write(root, "etc/nvme/hostid", b"01234567")),
    ];
    for (number, (test, found, change)) in changes.into_iter().enumerate() {
        let file = image(&place, &format!("changed-{number}"), change);
        let ended = check(&place, &file, &[]);
        ended.assert_status(1);
        assert!(ended.stdout.contains("7 tests: 6 pass, 1 fail"), "{test} {number}: {}", ended.stdout);
        assert!(ended.stdout.contains(&format!("FAIL bootc/{test}")), "{test} {number}: {}", ended.stdout);
        assert!(ended.stdout.contains(found), "{test} {number}: {found}: {}", ended.stdout);
    }
}

#[test]
fn other_ways_that_bootc_knows_pass_too() {
    type Change = fn(&Path);
    let place = Place::new();
    let changes: [Change; 4] = [
        // A unified kernel image in place of a kernel and of what starts it.
        |root| {
            std::fs::remove_dir_all(root.join("usr/lib/modules")).unwrap();
            std::fs::remove_dir_all(root.join("usr/lib/efi")).unwrap();
            write(root, "boot/EFI/Linux/6.12.1.efi", &pe(&[(".linux", "kernel")]));
        },
        // What bootupd had before /usr/lib/efi.
        |root| {
            std::fs::create_dir_all(root.join("usr/lib/bootupd/updates")).unwrap();
            std::fs::rename(root.join("usr/lib/efi"), root.join("usr/lib/bootupd/updates/EFI")).unwrap();
        },
        // No rpm at all.
        |root| {
            std::fs::remove_dir_all(root.join("usr/share/rpm")).unwrap();
            std::fs::remove_file(root.join("usr/bin/rpm")).unwrap();
        },
        // Links to the one database; an identity that the first boot makes.
        |root| {
            std::fs::create_dir_all(root.join("usr/lib/sysimage")).unwrap();
            std::os::unix::fs::symlink("../../share/rpm", root.join("usr/lib/sysimage/rpm")).unwrap();
            write(root, "etc/machine-id", b"uninitialized\n");
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let ended = check(&place, &image(&place, &format!("other-{number}"), change), &[]);
        assert!(ended.stdout.ends_with("7 tests: 7 pass\n"), "{number}: {}", ended.stdout);
        ended.assert_status(0);
    }
}
