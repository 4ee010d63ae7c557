use super::root_disk::{NotedRoot, from_noted};
use super::*;
use crate::{KernelBoot, digest, rootfs};
use muster_base::fault::Fault as _;
use muster_base::machine::Arch;
use std::process::Command;

fn run(program: &str, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

async fn ready(dir: &Path, file: &str, format: Format) -> Result<Prepared, ImageError> {
    let spec = ImageSpec::new("x", DiskSource::Path(dir.join(file)), format);
    prepare_in(Some(&dir.join("cache")), dir, &spec, false).await
}

async fn id(dir: &Path, file: &str, format: Format) -> String {
    match ready(dir, file, format).await {
        Ok(_) => "fine".to_owned(),
        Err(error) => error.failure_id().unwrap().as_str().to_owned(),
    }
}

fn made(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir.join("cache/images/made")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_packed_disk_is_unpacked_once_and_looked_at_as_any_other() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    run("qemu-img", &["create", "-q", "-f", "qcow2", &at("a.qcow2"), "8M"]);
    run("zstd", &["-q", &at("a.qcow2")]);
    let first = ready(dir.path(), "a.qcow2.zst", Format::Qcow2).await.unwrap();
    assert_eq!(first.source, dir.path().join("a.qcow2.zst"));
    assert_eq!(first.sha256, digest::sha256(&first.source).await.unwrap());
    assert_eq!((first.disk.format, first.disk.virtual_size), (Format::Qcow2, 8 << 20));
    assert_eq!(std::fs::read(&first.disk.path).unwrap(), std::fs::read(at("a.qcow2")).unwrap());
    let names = made(dir.path());
    assert_eq!(names.len(), 3, "{names:?}");
    // The second time it is found; damaged, it is made again.
    let time = || std::fs::metadata(&first.disk.path).unwrap().modified().unwrap();
    let before = time();
    assert_eq!(ready(dir.path(), "a.qcow2.zst", Format::Qcow2).await.unwrap().disk, first.disk);
    assert_eq!(time(), before);
    std::fs::remove_file(&first.disk.path).unwrap();
    std::fs::write(&first.disk.path, "rubbish").unwrap();
    assert_eq!(ready(dir.path(), "a.qcow2.zst", Format::Qcow2).await.unwrap().disk, first.disk);
    assert_eq!(std::fs::read(&first.disk.path).unwrap(), std::fs::read(at("a.qcow2")).unwrap());
    assert_eq!(made(dir.path()), names);

    // What is hostile in it is reported of the file that was named, and stays nowhere.
    assert_eq!(id(dir.path(), "a.qcow2.zst", Format::Raw).await, "image.format");
    run("qemu-img", &["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", &at("a.qcow2"), &at("b.qcow2")]);
    run("xz", &[&at("b.qcow2")]);
    let error = ready(dir.path(), "b.qcow2.xz", Format::Qcow2).await.unwrap_err();
    assert_eq!(error.failure_id().unwrap().as_str(), "image.backing-file");
    assert!(error.to_string().starts_with(&at("b.qcow2.xz")), "{error}");
    std::fs::write(at("c.raw.gz"), "not packed at all").unwrap();
    assert_eq!(id(dir.path(), "c.raw.gz", Format::Raw).await, "image.compressed");
    std::os::unix::fs::symlink(at("a.qcow2.zst"), at("d.qcow2.zst")).unwrap();
    assert_eq!(id(dir.path(), "d.qcow2.zst", Format::Qcow2).await, "image.refused");
    assert_eq!(id(dir.path(), "none.raw.gz", Format::Raw).await, "image.missing");
    let partial = made(dir.path()).into_iter().filter(|name| name.starts_with(".partial")).count();
    assert_eq!(partial, 0);
}

#[tokio::test]
async fn two_runs_at_once_make_one_disk() {
    let dir = tempfile::tempdir().unwrap();
    let raw = dir.path().join("a.raw");
    std::fs::write(&raw, vec![5; 1 << 20]).unwrap();
    run("gzip", &["-k", &raw.display().to_string()]);
    let (first, second) =
        tokio::join!(ready(dir.path(), "a.raw.gz", Format::Raw), ready(dir.path(), "a.raw.gz", Format::Raw));
    assert_eq!(first.unwrap().disk, second.unwrap().disk);
    assert_eq!(made(dir.path()).len(), 3);
}

/// What debugfs says of a path in a made disk.
fn stat(disk: &Path, path: &str) -> String {
    let output = Command::new("debugfs").args(["-R", &format!("stat \"{path}\"")]).arg(disk).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn cat(disk: &Path, path: &str) -> String {
    let output = Command::new("debugfs").args(["-R", &format!("cat \"{path}\"")]).arg(disk).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn a_root_file_system_keeps_owners_modes_links_devices_and_odd_names() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    std::fs::create_dir_all(root.join("usr/bin")).unwrap();
    std::fs::create_dir_all(root.join("lost+found")).unwrap();
    std::fs::write(root.join("usr/bin/su"), "program").unwrap();
    std::fs::hard_link(root.join("usr/bin/su"), root.join("usr/bin/sudo")).unwrap();
    std::fs::write(root.join("<12>"), "odd").unwrap();
    std::fs::write(root.join("a \"b\" c"), "quoted").unwrap();
    std::os::unix::fs::symlink("/etc/../usr/bin", root.join("bin")).unwrap();
    let tar = dir.path().join("root.tar");
    let (tar, at) = (tar.display().to_string(), root.display().to_string());
    run(
        "tar",
        &[
            "--format=pax",
            "--owner=70000",
            "--group=7",
            "--mode=u+s",
            "--mtime=@1700000000",
            "-C",
            &at,
            "-cf",
            &tar,
            ".",
        ],
    );
    run("zstd", &["-q", &tar]);

    let ready = ready(dir.path(), "root.tar.zst", Format::Tar).await.unwrap();
    let disk = &ready.disk.path;
    assert_eq!(ready.disk.format, Format::Raw);
    let su = stat(disk, "/usr/bin/su");
    assert!(su.contains("Type: regular Mode: 04"), "{su}");
    assert!(su.contains("User: 70000 Group: 7"), "{su}");
    assert!(su.contains("Links: 2"), "{su}");
    assert!(su.contains("mtime: 0x6553f100"), "{su}");
    assert_eq!(cat(disk, "/usr/bin/sudo"), "program");
    assert_eq!(cat(disk, "/./<12>"), "odd");
    assert_eq!(cat(disk, "/a \"\"b\"\" c"), "quoted");
    assert!(stat(disk, "/bin").contains("Fast link dest: \"/etc/../usr/bin\""));
    // Nothing but the disk and what the archive holds, each with its note and its lock, is left.
    assert_eq!(made(dir.path()).len(), 6);
    assert_eq!(id(dir.path(), "root.tar", Format::Raw).await, "image.format");
    assert_eq!(id(dir.path(), "root", Format::Tar).await, "image.missing");
}

#[tokio::test]
async fn a_file_that_is_replaced_after_its_digest_was_taken_leaves_no_kernel() {
    let dir = tempfile::tempdir().unwrap();
    let (cache, tar) = (dir.path().join("cache"), dir.path().join("root.tar"));
    let archive = |kernel: &str| {
        let dirs = ["usr/", "usr/lib/", "usr/lib/modules/", "usr/lib/modules/6/"];
        let mut members: Vec<_> = dirs.into_iter().map(rootfs::testing::dir).collect();
        members.push(rootfs::testing::file("usr/lib/modules/6/vmlinuz", kernel));
        members.push(rootfs::testing::file("usr/lib/modules/6/initramfs.img", "initramfs"));
        rootfs::testing::bytes(&members)
    };
    let replace = |kernel: &str| {
        std::fs::write(dir.path().join("new"), archive(kernel)).unwrap();
        std::fs::rename(dir.path().join("new"), &tar).unwrap();
    };
    let (known, limits) = (KnownDigests { pulled: None, remembered: None }, Limits::default());
    let note = || NotedRoot::of(&tar, known, &limits);
    let make = |noted, own| from_noted(Some(&cache), noted, Arch::X86_64, own, &limits);
    // Without a disk in the cache, and with one, whose making was verified by itself.
    for has_disk in [false, true] {
        replace("kernel A");
        if has_disk {
            make(note().await.unwrap(), false).await.unwrap();
        }
        let noted = note().await.unwrap();
        replace("kernel B");
        let error = make(noted, true).await.map(|root| root.sha256).unwrap_err();
        assert_eq!(error.failure_id().unwrap().as_str(), "image.changed", "{error}");
        let names = made(dir.path());
        let left = |name: &&String| name.contains(".vmlinuz") || name.contains(".initramfs");
        let kernels = names.iter().filter(left).filter(|name| !name.ends_with(".lock")).count();
        assert_eq!(kernels, 0, "{names:?}");
    }
    replace("kernel A");
    let root = make(note().await.unwrap(), true).await.unwrap();
    assert_eq!(std::fs::read(root.kernel.unwrap().image).unwrap(), b"kernel A");

    // Whose kernel it is depends on what is given, and not on what lies in the archive.
    let mut spec = ImageSpec::new("x", DiskSource::Path(tar.clone()), Format::Tar);
    let ready = prepare_in(Some(&cache), dir.path(), &spec, true).await.unwrap();
    assert_eq!((ready.kernel_from, ready.spec.kernel.is_some()), (KernelFrom::Image, true));
    let image = dir.path().join("vmlinuz");
    std::fs::write(&image, "another").unwrap();
    assert!(ready.loaded().await.unwrap().is_empty() && loaded(dir.path(), &spec).await.unwrap().is_empty());
    let initrd = dir.path().join("initrd");
    std::fs::write(&initrd, "its files").unwrap();
    spec.kernel = Some(KernelBoot { image: image.clone(), initrd: Some(initrd), cmdline: String::new() });
    let ready = prepare_in(Some(&cache), dir.path(), &spec, false).await.unwrap();
    let found = loaded(dir.path(), &spec).await.unwrap();
    assert_eq!(found, ready.loaded().await.unwrap());
    assert_eq!(found.iter().map(|file| &*file.role).collect::<Vec<_>>(), [deciding::KERNEL, deciding::INITRD]);
    assert_eq!((ready.kernel_from, ready.spec.kernel.map(|kernel| kernel.image)), (KernelFrom::Host, Some(image)));
}

#[tokio::test]
async fn what_is_stated_to_be_a_tar_and_is_none_is_refused_by_what_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    run("qemu-img", &["create", "-q", "-f", "qcow2", &at("disk").display().to_string(), "8M"]);
    run("gzip", &["-k", &at("disk").display().to_string()]);
    std::fs::write(at("page"), "<html>").unwrap();
    std::fs::write(at("noise"), [7; 4096]).unwrap();
    std::fs::write(at("zeros"), [0; 10240]).unwrap();
    std::fs::write(at("empty"), "").unwrap();
    for (name, why) in [
        ("disk", "was stated to be tar but is qcow2"),
        ("disk.gz", "was stated to be tar but is qcow2"),
        ("page", "is a page of a web server"),
        ("noise", "it is no tar: no tar header"),
        ("zeros", "there is nothing in it"),
        ("empty", "is empty; fetch it again"),
    ] {
        let error = ready(dir.path(), name, Format::Tar).await.unwrap_err().to_string();
        assert!(error.contains(why), "{name}: {error}");
    }
}

#[tokio::test]
async fn a_disk_is_looked_into_without_a_cache_and_beyond_what_a_run_starts() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("vast.qcow2");
    run("qemu-img", &["create", "-q", "-f", "qcow2", &path.display().to_string(), "3T"]);
    let mut spec = ImageSpec::new("x", DiskSource::Path(path), Format::Qcow2);
    assert_eq!(facts(dir.path(), &spec).await.unwrap_err().failure_id().unwrap().as_str(), "image.size");
    spec.max_virtual_size = ImageSpec::MAX_LOOKED_INTO;
    assert_eq!(facts(dir.path(), &spec).await.unwrap().virtual_size, 3 << 40);
}

/// What mmdebstrap packs of /var/log/journal: an ACL as the kernel has it, in a record of a pax header.
const JOURNAL_ACL: &[u8] = b"\x02\0\0\0\x01\0\x07\0\xff\xff\xff\xff\x04\0\x05\0\xff\xff\xff\xff\x08\0\x05\0\x04\0\0\0\
    \x10\0\x05\0\xff\xff\xff\xff\x20\0\x05\0\xff\xff\xff\xff";
/// CAP_NET_RAW, as ping has it.
const CAPABILITY: &[u8] = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

#[tokio::test]
async fn attributes_that_ext4_has_are_kept_and_the_others_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let mut members = vec![rootfs::testing::dir("./var/"), rootfs::testing::dir("./var/log/")];
    let records = [
        (&b"SCHILY.xattr.system.posix_acl_access"[..], JOURNAL_ACL),
        (b"SCHILY.acl.default", b"user::rwx,group::r-x,group:adm:r-x:4,mask::r-x,other::r-x"),
        (b"SCHILY.xattr.system.nfs4_acl", b"x"),
    ];
    members.extend(records.map(|(key, value)| rootfs::testing::pax(key, value)));
    members.push(rootfs::testing::dir("./var/log/journal/"));
    let records = [
        (&b"SCHILY.xattr.security.capability"[..], CAPABILITY),
        (b"SCHILY.xattr.user.xdg:origin", b"a \"word\""),
        (b"RHT.security.selinux", b"system_u:object_r:ping_exec_t:s0"),
    ];
    members.extend(records.map(|(key, value)| rootfs::testing::pax(key, value)));
    members.push(rootfs::testing::file("ping", "program"));
    std::fs::write(dir.path().join("root.tar"), rootfs::testing::bytes(&members)).unwrap();

    // The second time the disk is found, and what it lacks is still said.
    for _ in 0..2 {
        let ready = ready(dir.path(), "root.tar", Format::Tar).await.unwrap();
        let [note] = &ready.notes[..] else { panic!("{:?}", ready.notes) };
        assert!(
            note.ends_with(
                "root.tar: extended attributes that the disk does not keep: `system.nfs4_acl` of `/var/log/journal`"
            ),
            "{note}"
        );
        let get = |path: &str, name: &str| {
            let request = format!("ea_get -x \"{path}\" {name}");
            let output = Command::new("debugfs").args(["-R", &request]).arg(&ready.disk.path).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            text.split_once(" = ").map(|(_, hex)| hex.split_whitespace().collect::<String>())
        };
        // libext2fs gives the kernel's form back only when it finds ext4's own; ids of those without one are zero then.
        let acl = muster_base::text::hex(JOURNAL_ACL).replace("ffffffff", "00000000");
        assert_eq!(get("/var/log/journal", "system.posix_acl_access"), Some(acl.clone()));
        assert_eq!(get("/var/log/journal", "system.posix_acl_default"), Some(acl));
        assert_eq!(get("/ping", "security.capability"), Some(muster_base::text::hex(CAPABILITY)));
        assert_eq!(get("/ping", "user.xdg:origin"), Some(muster_base::text::hex("a \"word\"")));
        assert_eq!(get("/ping", "security.selinux"), Some(muster_base::text::hex("system_u:object_r:ping_exec_t:s0")));
    }
}

fn digest_of(path: &Path) -> String {
    use sha2::{Digest, Sha256};
    Sha256::digest(std::fs::read(path).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Puts bytes into the layout under their digest, and gives the digest.
fn blob(layout: &Path, bytes: &[u8]) -> String {
    std::fs::create_dir_all(layout.join("blobs/sha256")).unwrap();
    let path = layout.join("blobs/sha256/new");
    std::fs::write(&path, bytes).unwrap();
    let hex = digest_of(&path);
    std::fs::rename(&path, layout.join("blobs/sha256").join(&hex)).unwrap();
    format!("sha256:{hex}")
}

#[tokio::test]
async fn layers_lie_over_each_other_in_a_directory_and_in_an_archive() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let layer = |name: &str, files: &[(&str, &str)]| {
        let root = dir.path().join(name);
        for (path, text) in files {
            std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            std::fs::write(root.join(path), text).unwrap();
        }
        run("tar", &["-C", &at(name), "-czf", &at(&format!("{name}.tgz")), "."]);
        std::fs::read(at(&format!("{name}.tgz"))).unwrap()
    };
    let layout = dir.path().join("layout");
    let low = blob(&layout, &layer("low", &[("etc/a", "1"), ("etc/b", "1"), ("opt/x/y", "1")]));
    let high = blob(&layout, &layer("high", &[("etc/b", "2"), ("etc/.wh.a", ""), ("opt/x/.wh..wh..opq", "")]));
    let manifest = format!(r#"{{"layers": [{{"digest": "{low}"}}, {{"digest": "{high}"}}]}}"#);
    let manifest = blob(&layout, manifest.as_bytes());
    let index = |digest: &str| {
        let index = format!(
            r#"{{"manifests": [{{"digest": "{digest}", "platform": {{"architecture": "amd64", "os": "linux"}}}},
                {{"digest": "{low}", "platform": {{"architecture": "unknown", "os": "unknown"}}}}]}}"#
        );
        std::fs::write(layout.join("index.json"), index).unwrap();
    };
    index(&manifest);
    std::fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion": "1.0.0"}"#).unwrap();
    run("tar", &["-C", &at("layout"), "-cf", &at("image.tar"), "."]);
    for source in ["layout", "image.tar"] {
        let ready = ready(dir.path(), source, Format::Tar).await.unwrap();
        let disk = &ready.disk.path;
        assert_eq!(source_sha256(dir.path(), &ready.spec).await.unwrap(), ready.sha256, "{source}");
        assert_eq!((cat(disk, "/etc/b").as_str(), cat(disk, "/etc/a").as_str()), ("2", ""), "{source}");
        assert!(stat(disk, "/opt/x").contains("Type: directory"), "{source}");
        assert_eq!(cat(disk, "/opt/x/y"), "");
    }
    // A blob that is not what its name says, and a name that leads elsewhere.
    std::fs::write(layout.join("blobs").join(high.replace(':', "/")), "other").unwrap();
    index(&format!("sha256:{}", manifest[7..].to_uppercase()));
    assert_eq!(id(dir.path(), "layout", Format::Tar).await, "image.archive");
    index("sha256:../../../../etc/passwd");
    assert_eq!(id(dir.path(), "layout", Format::Tar).await, "image.archive");
    index(&manifest);
    std::fs::remove_dir_all(dir.path().join("cache")).unwrap();
    assert_eq!(id(dir.path(), "layout", Format::Tar).await, "image.archive");
}
