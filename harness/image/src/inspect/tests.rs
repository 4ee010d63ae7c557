//! Files of every format, and what is refused of them.

use super::*;
use crate::{Overlay, Unchanged, sha256};
use muster_base::fault::Fault as _;

fn create(path: &Path, arguments: &[&str]) {
    let status =
        std::process::Command::new("qemu-img").args(["create", "-q"]).args(arguments).arg(path).arg("8M").status();
    assert!(status.unwrap().success());
}

async fn id(path: &Path, format: Format) -> String {
    match inspect(path, format, &Limits::default()).await {
        Ok(image) => format!("ok {}", image.virtual_size),
        Err(error) => error.failure_id().unwrap().as_str().to_owned(),
    }
}

#[tokio::test]
async fn only_a_sound_image_of_the_stated_format_passes() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    create(&at("good.qcow2"), &["-f", "qcow2"]);
    create(&at("good.raw"), &["-f", "raw"]);
    create(&at("good.vhd"), &["-f", "vpc", "-o", "subformat=fixed,force_size=on"]);
    assert_eq!(id(&at("good.qcow2"), Format::Qcow2).await, "ok 8388608");
    assert_eq!(id(&at("good.raw"), Format::Raw).await, "ok 8388608");
    assert_eq!(id(&at("good.vhd"), Format::Vhd).await, "ok 8388608");

    assert_eq!(id(&at("good.qcow2"), Format::Raw).await, "image.format");
    assert_eq!(id(&at("good.raw"), Format::Qcow2).await, "image.format");
    assert_eq!(id(&at("none"), Format::Raw).await, "image.missing");
    assert_eq!(id(dir.path(), Format::Raw).await, "image.refused");
    std::os::unix::fs::symlink(at("good.raw"), at("link.raw")).unwrap();
    assert_eq!(id(&at("link.raw"), Format::Raw).await, "image.refused");
    let allowed = Limits { symlink: true, ..Limits::default() };
    let target = at("good.raw").canonicalize().unwrap();
    assert_eq!(inspect(&at("link.raw"), Format::Raw, &allowed).await.unwrap().path, target);
    std::fs::write(at("empty.raw"), "").unwrap();
    assert_eq!(id(&at("empty.raw"), Format::Raw).await, "image.unreadable");
    let small = Limits { virtual_size: 1 << 20, ..Limits::default() };
    let error = inspect(&at("good.raw"), Format::Raw, &small).await.unwrap_err();
    assert_eq!(error.failure_id().unwrap().as_str(), "image.size");
}

#[tokio::test]
async fn what_reaches_for_other_files_or_is_cut_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    create(&at("base.qcow2"), &["-f", "qcow2"]);
    let base = at("base.qcow2").display().to_string();
    create(&at("backed.qcow2"), &["-f", "qcow2", "-F", "qcow2", "-b", &base]);
    assert_eq!(id(&at("backed.qcow2"), Format::Qcow2).await, "image.backing-file");
    let data = format!("data_file={},data_file_raw=on", at("data.raw").display());
    create(&at("split.qcow2"), &["-f", "qcow2", "-o", &data]);
    assert_eq!(id(&at("split.qcow2"), Format::Qcow2).await, "image.data-file");

    // All clusters allocated, so that a cut loses data that the tables still promise.
    create(&at("full.qcow2"), &["-f", "qcow2", "-o", "preallocation=full"]);
    let full = std::fs::read(at("full.qcow2")).unwrap();
    assert_eq!(id(&at("full.qcow2"), Format::Qcow2).await, "ok 8388608");
    for length in [full.len() - 3 * 65536, full.len() / 2, 65536, 50] {
        std::fs::write(at("cut.qcow2"), &full[..length]).unwrap();
        assert_eq!(id(&at("cut.qcow2"), Format::Qcow2).await, "image.unreadable", "cut at {length}");
    }
}

#[tokio::test]
async fn packed_files_are_known_by_name_and_others_by_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let guess =
        async |name: &str| guess(&at(name)).await.map_err(|error| error.failure_id().unwrap().as_str().to_owned());
    create(&at("a.img"), &["-f", "qcow2"]);
    assert_eq!(guess("a.img").await, Ok((Format::Qcow2, "by its first bytes")));
    assert_eq!(guess("a.qcow2.xz").await, Ok((Format::Qcow2, "by its name")));
    assert_eq!(guess("a.IMG.zst").await, Ok((Format::Raw, "by its name")));
    assert_eq!(guess("a.vhd.gz").await, Ok((Format::Vhd, "by its name")));
    assert_eq!(guess("a.tar.bz2").await, Ok((Format::Tar, "by its name")));
    assert_eq!(guess("a.wsl").await, Ok((Format::Tar, "by its name")));
    assert_eq!(guess("a.gz").await, Err("image.compressed".to_owned()));
    std::fs::create_dir(at("layout")).unwrap();
    std::fs::write(at("layout/oci-layout"), "{}").unwrap();
    assert_eq!(guess("layout").await, Ok((Format::Tar, "by the oci-layout in it")));
}

#[tokio::test]
async fn a_name_that_contradicts_the_bytes_is_an_error_that_says_what_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let reported = async |name: &str| match guess(&at(name)).await {
        Ok((format, _)) => format!("ok {format}"),
        Err(error) => format!("{} {error}", error.failure_id().unwrap()),
    };
    create(&at("a.vhd"), &["-f", "vpc", "-o", "subformat=fixed,force_size=on"]);
    create(&at("a.qcow2"), &["-f", "qcow2"]);
    assert_eq!((reported("a.vhd").await.as_str(), reported("a.qcow2").await.as_str()), ("ok vhd", "ok qcow2"));
    // What promises nothing, or a format that has no mark.
    for name in ["b.img", "b", "b.bin", "b.20261128"] {
        std::fs::copy(at("a.qcow2"), at(name)).unwrap();
        assert_eq!(reported(name).await, "ok qcow2", "{name}");
    }
    std::fs::write(at("c.raw"), vec![0; 1 << 20]).unwrap();
    assert_eq!(reported("c.raw").await, "ok raw");

    for named in Format::NAMES.iter().filter(|named| **named != "raw") {
        let name = format!("d.{}", named.to_uppercase());
        std::fs::copy(at("c.raw"), at(&name)).unwrap();
        let error = reported(&name).await;
        assert!(error.starts_with("image.format ") && error.contains(&format!("called a {named}, but")), "{error}");
    }
    std::fs::copy(at("a.qcow2"), at("e.raw")).unwrap();
    assert!(reported("e.raw").await.contains("is called a raw, but its bytes are those of a qcow2 disk"));
    let cut = reported("d.VHD").await;
    assert!(cut.contains("the footer that every VHD ends with is missing"), "{cut}");
    assert!(cut.contains("`qemu-img convert -f raw -O vpc -o subformat=fixed,force_size=on "), "{cut}");
    let mut bytes = std::fs::read(at("a.vhd")).unwrap();
    let footer = bytes.len() - 512;
    bytes[footer..footer + 8].copy_from_slice(b"conectiy");
    std::fs::write(at("f.vhd"), &bytes).unwrap();
    let destroyed = reported("f.vhd").await;
    assert!(destroyed.contains("the footer at its end does not begin with `conectix`"), "{destroyed}");
    assert_eq!(id(&at("f.vhd"), Format::Vhd).await, "image.format");
    // A statement beats a name.
    assert_eq!(id(&at("e.raw"), Format::Qcow2).await, "ok 8388608");
}

#[tokio::test]
async fn what_is_no_disk_is_refused_by_what_it_is_whatever_it_is_called() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("page.qcow2"), "<!DOCTYPE html><title>404</title>\n").unwrap();
    create(&at("a.vdi"), &["-f", "vdi"]);
    create(&at("a.qed"), &["-f", "qed"]);
    create(&at("a.hdd"), &["-f", "parallels"]);
    for (name, what) in [
        ("page.qcow2", "a page of a web server"),
        ("a.vdi", "`qemu-img convert -f vdi -O qcow2 "),
        ("a.qed", "`qemu-img convert -f qed -O qcow2 "),
        ("a.hdd", "`qemu-img convert -f parallels -O qcow2 "),
    ] {
        let error = guess(&at(name)).await.unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
        for stated in [Format::Qcow2, Format::Raw] {
            let error = inspect(&at(name), stated, &Limits::default()).await.unwrap_err();
            assert!(matches!(&error, ImageError::NoDisk { .. }), "{name}: {error}");
        }
    }
    // A disc that is a disk as well is one for whoever says so.
    let mut disc = vec![0; 1 << 20];
    disc[0x8001..0x8006].copy_from_slice(b"CD001");
    std::fs::write(at("live.iso"), disc).unwrap();
    assert!(matches!(guess(&at("live.iso")).await, Err(ImageError::NoDisk { .. })));
    assert_eq!(id(&at("live.iso"), Format::Raw).await, "ok 1048576");
    assert_eq!(id(&at("live.iso"), Format::Qcow2).await, "image.format");
}

#[tokio::test]
async fn every_way_to_reach_for_another_file_has_the_same_end() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    // VHDX: the bit that says so, in the file parameters of a sound one.
    create(&at("a.vhdx"), &["-f", "vhdx"]);
    assert_eq!(id(&at("a.vhdx"), Format::Vhdx).await, "ok 8388608");
    let mut bytes = std::fs::read(at("a.vhdx")).unwrap();
    let guid = [55, 103, 161, 202, 54, 250, 67, 77, 179, 182, 51, 240, 170, 68, 231, 107];
    let table = bytes.windows(8).position(|window| window == b"metadata").unwrap();
    let item = table + bytes[table..].windows(16).position(|window| window == guid).unwrap();
    let offset = u32::from_le_bytes(bytes[item + 16..item + 20].try_into().unwrap()) as usize;
    bytes[table + offset + 4] |= 2;
    std::fs::write(at("b.vhdx"), &bytes).unwrap();
    assert_eq!(id(&at("b.vhdx"), Format::Vhdx).await, "image.backing-file");

    // VMDK: a descriptor whose data is a file of the host, and one with a parent.
    create(&at("a.vmdk"), &["-f", "vmdk"]);
    assert_eq!(id(&at("a.vmdk"), Format::Vmdk).await, "ok 8388608");
    create(&at("flat.vmdk"), &["-f", "vmdk", "-o", "subformat=monolithicFlat"]);
    assert_eq!(id(&at("flat.vmdk"), Format::Vmdk).await, "image.data-file");
    let base = at("a.vmdk").display().to_string();
    create(&at("child.vmdk"), &["-f", "vmdk", "-F", "vmdk", "-b", &base]);
    assert_eq!(id(&at("child.vmdk"), Format::Vmdk).await, "image.backing-file");

    // VHD: a differencing one, which qemu-img cannot make, is a type in the footer.
    create(&at("a.vhd"), &["-f", "vpc", "-o", "subformat=dynamic,force_size=on"]);
    assert_eq!(id(&at("a.vhd"), Format::Vhd).await, "ok 8388608");
    let mut bytes = std::fs::read(at("a.vhd")).unwrap();
    let footer = bytes.len() - 512;
    bytes[footer + 63] = 4;
    bytes[63] = 4;
    std::fs::write(at("b.vhd"), &bytes).unwrap();
    assert_eq!(id(&at("b.vhd"), Format::Vhd).await, "image.backing-file");
}

#[tokio::test]
async fn what_is_not_the_plain_state_of_a_disk_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let path = at("a.qcow2").display().to_string();
    create(&at("a.qcow2"), &["-f", "qcow2"]);
    let taken = std::process::Command::new("qemu-img").args(["snapshot", "-c", "s", &path]).status().unwrap();
    assert!(taken.success());
    assert_eq!(id(&at("a.qcow2"), Format::Qcow2).await, "image.snapshots");
    let made = std::process::Command::new("qemu-img")
        .args(["create", "-q", "-f", "qcow2", "--object", "secret,id=s,data=x"])
        .args(["-o", "encrypt.format=luks,encrypt.key-secret=s,encrypt.iter-time=10"])
        .arg(at("locked.qcow2"))
        .arg("8M")
        .status()
        .unwrap();
    assert!(made.success());
    assert_eq!(id(&at("locked.qcow2"), Format::Qcow2).await, "image.encrypted");
    let made = std::process::Command::new("qemu-img")
        .args(["create", "-q", "-f", "qcow2", "-o", "cluster_size=2M"])
        .arg(at("vast.qcow2"))
        .arg("2P")
        .status()
        .unwrap();
    assert!(made.success());
    assert_eq!(id(&at("vast.qcow2"), Format::Qcow2).await, "image.size");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        at("pipe.raw"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    assert_eq!(id(&at("pipe.raw"), Format::Raw).await, "image.refused");
    assert_eq!(id(Path::new("/dev/null"), Format::Raw).await, "image.refused");
}

#[tokio::test]
async fn an_overlay_has_no_name_and_a_touched_image_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.raw");
    std::fs::write(&path, vec![7; 4096]).unwrap();
    let image = inspect(&path, Format::Raw, &Limits::default()).await.unwrap();
    let digest = sha256(&path).await.unwrap();
    let note = Unchanged::note(&path, Some(digest)).unwrap();
    let overlay = Overlay::create(&image, dir.path()).await.unwrap();
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    drop(overlay);
    note.verify(true).await.unwrap();

    // Same size and time, other bytes: only the digest tells.
    let time = std::fs::metadata(&path).unwrap().modified().unwrap();
    std::fs::write(&path, vec![8; 4096]).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    note.verify(false).await.unwrap();
    assert_eq!(note.verify(true).await.unwrap_err().failure_id().unwrap().as_str(), "image.changed");
    std::fs::write(&path, "short").unwrap();
    assert_eq!(note.verify(false).await.unwrap_err().failure_id().unwrap().as_str(), "image.changed");
}
