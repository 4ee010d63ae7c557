use super::*;
use crate::testing::{fill, pe};
use crate::{Limits, inspect};
use muster_base::fault::Fault as _;
use muster_record::disk::{Damage, Esp, TableCopy};
use muster_record::efi_program::EfiProgram;

/// A disk of so many MiB, divided by `sfdisk` as the script says.
fn divided(path: &std::path::Path, mib: u64, script: &str) {
    std::fs::File::create(path).unwrap().set_len(mib << 20).unwrap();
    let mut sfdisk = std::process::Command::new("sfdisk")
        .arg("-q")
        .arg(path)
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("sfdisk is there (util-linux, or fdisk on Debian)");
    std::io::Write::write_all(&mut sfdisk.stdin.take().unwrap(), script.as_bytes()).unwrap();
    assert!(sfdisk.wait().unwrap().success());
}

fn convert(from: &std::path::Path, to: &std::path::Path, arguments: &[&str]) {
    let mut qemu_img = std::process::Command::new("qemu-img");
    qemu_img.args(["convert", "-f", "raw"]).args(arguments).arg(from).arg(to);
    assert!(qemu_img.status().unwrap().success());
}

async fn facts(path: &std::path::Path, format: Format) -> DiskFacts {
    let disk = inspect(path, format, &Limits::default()).await.unwrap();
    read(&disk, format, Limits::default().deadline).await.unwrap()
}

const GPT: &str = "label: gpt\nsize=1MiB, type=U, name=EFI\nsize=1MiB, type=S\ntype=L, name=\"the root\"\n";

#[tokio::test]
async fn a_disk_is_the_same_in_every_format() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    divided(&at("disk.raw"), 8, GPT);
    convert(&at("disk.raw"), &at("disk.qcow2"), &["-O", "qcow2"]);
    convert(&at("disk.raw"), &at("disk.vhd"), &["-O", "vpc", "-o", "subformat=fixed,force_size=on"]);
    convert(&at("disk.raw"), &at("dynamic.vhd"), &["-O", "vpc", "-o", "subformat=dynamic,force_size=on"]);
    convert(&at("disk.raw"), &at("disk.vhdx"), &["-O", "vhdx"]);
    convert(&at("disk.raw"), &at("disk.vmdk"), &["-O", "vmdk"]);

    let raw = facts(&at("disk.raw"), Format::Raw).await;
    let table = raw.table.clone().unwrap();
    assert_eq!((table.kind.as_str(), table.backup, raw.virtual_size), ("gpt", Some(true), 8 << 20));
    let parts: Vec<_> = table.partitions.iter().map(|p| (p.kind.as_str(), p.name.as_str(), p.size >> 20)).collect();
    assert_eq!(parts, [("esp", "EFI", 1), ("swap", "", 1), ("linux", "the root", 4)]);
    for (name, format) in [
        ("disk.qcow2", Format::Qcow2),
        ("disk.vhd", Format::Vhd),
        ("dynamic.vhd", Format::Vhd),
        ("disk.vhdx", Format::Vhdx),
        ("disk.vmdk", Format::Vmdk),
    ] {
        assert_eq!(facts(&at(name), format).await.table, Some(table.clone()), "{name}");
    }

    assert_eq!(facts(&at("disk.vhd"), Format::Vhd).await.subformat.as_deref(), Some("fixed"));
    assert_eq!(facts(&at("dynamic.vhd"), Format::Vhd).await.subformat.as_deref(), Some("dynamic"));
    assert_eq!(raw.subformat, None);
}

#[test]
fn a_bios_starts_code_with_the_signature_behind_it() {
    let sector = |code: usize, signature: [u8; 2]| {
        let mut sector = vec![0; 1024];
        sector[code] = 0xeb;
        sector[510..512].copy_from_slice(&signature);
        has_boot_code(&sector)
    };
    assert!(sector(0, [0x55, 0xaa]) && sector(439, [0x55, 0xaa]));
    // The disk's number and the table are no code.
    assert!(!sector(440, [0x55, 0xaa]) && !sector(446, [0x55, 0xaa]) && !sector(0, [0, 0]));
    assert!(!has_boot_code(&[]));
}

#[tokio::test]
async fn a_vhd_that_was_rounded_to_cylinders_has_lost_its_second_table() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    divided(&at("disk.raw"), 9, GPT);
    convert(&at("disk.raw"), &at("disk.vhd"), &["-O", "vpc", "-o", "subformat=fixed"]);
    let seen = facts(&at("disk.vhd"), Format::Vhd).await;
    assert_ne!(seen.virtual_size % (1 << 20), 0);
    assert_eq!(seen.table.unwrap().backup, Some(false));
}

#[tokio::test]
async fn a_footer_whose_checksum_is_wrong_is_refused_before() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    divided(&at("disk.raw"), 8, GPT);
    convert(&at("disk.raw"), &at("disk.vhd"), &["-O", "vpc", "-o", "subformat=fixed,force_size=on"]);
    let mut bytes = std::fs::read(at("disk.vhd")).unwrap();
    let creator = bytes.len() - 512 + 28;
    bytes[creator] ^= 1;
    std::fs::write(at("disk.vhd"), bytes).unwrap();
    let refused = inspect(&at("disk.vhd"), Format::Vhd, &Limits::default()).await.unwrap_err();
    assert_eq!(refused.failure_id().unwrap().as_str(), "image.unreadable");
}

#[tokio::test]
async fn other_tables_and_none_are_distinguished() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    divided(&at("mbr.raw"), 8, "label: dos\nsize=2MiB, type=82\ntype=8e\n");
    let table = facts(&at("mbr.raw"), Format::Raw).await.table.unwrap();
    let kinds: Vec<_> = table.partitions.iter().map(|partition| partition.kind.as_str()).collect();
    assert_eq!((table.kind.as_str(), table.backup, kinds), ("mbr", None, vec!["swap", "lvm"]));

    std::fs::write(at("bare.raw"), vec![7; 1 << 20]).unwrap();
    assert_eq!(facts(&at("bare.raw"), Format::Raw).await.table.unwrap().kind, "none");
    std::fs::write(at("small.raw"), vec![0; 100]).unwrap();
    assert!(facts(&at("small.raw"), Format::Raw).await.unreadable.unwrap().contains("smaller"));
}

/// Sets the checksums of the first copy right again, as far as its entries lie in the bytes.
fn seal(head: &mut [u8]) {
    let [entries, count, width] = [(72, 8), (80, 4), (84, 4)].map(|(at, wide)| little(&head[512..], at, wide).unwrap());
    let range = entries.checked_mul(SECTOR).zip(count.checked_mul(width));
    let range = range.and_then(|(start, length)| Some(start as usize..start.checked_add(length)? as usize));
    if let Some(entries) = range.and_then(|range| head.get(range)) {
        let crc = gpt::crc32([entries]);
        head[600..604].copy_from_slice(&crc.to_le_bytes());
    }
    head[528..532].fill(0);
    let crc = gpt::crc32([&head[512..604]]);
    head[528..532].copy_from_slice(&crc.to_le_bytes());
}

#[test]
fn a_hostile_table_is_refused_and_never_followed() {
    let mut head = vec![0; 64 << 10];
    head[510..512].copy_from_slice(&[0x55, 0xaa]);
    head[450] = 0xee;
    head[454..458].copy_from_slice(&1u32.to_le_bytes());
    let size = 1 << 30;
    assert!(parse(&head, &[], size).unwrap_err().to_string().contains("there is none in the second sector"));
    head[512..520].copy_from_slice(b"EFI PART");
    head[536..544].copy_from_slice(&1u64.to_le_bytes());
    for length in [0u32, 91, 513, u32::MAX] {
        head[524..528].copy_from_slice(&length.to_le_bytes());
        assert!(parse(&head, &[], size).unwrap_err().to_string().contains("a header of"));
    }
    head[524..528].copy_from_slice(&92u32.to_le_bytes());
    assert_eq!(parse(&head, &[], size).unwrap_err().to_string(), "the checksum of its GPT's header is wrong");
    for (entries, count, width, why) in [
        (2u64, 128u32, 8u32, "8 bytes"),
        (2, u32::MAX, 128, "more than the 256"),
        (u64::MAX, 128, 128, "cut short"),
        (127, 128, 128, "cut short"),
        (2, 128, 4096, "cut short"),
    ] {
        head[584..592].copy_from_slice(&entries.to_le_bytes());
        head[592..596].copy_from_slice(&count.to_le_bytes());
        head[596..600].copy_from_slice(&width.to_le_bytes());
        seal(&mut head);
        let answer = parse(&head, &[], size);
        assert!(answer.as_ref().is_err_and(|error| error.to_string().contains(why)), "{why}: {answer:?}");
    }
    // A partition that ends before it begins.
    head[584..592].copy_from_slice(&2u64.to_le_bytes());
    head[596..600].copy_from_slice(&128u32.to_le_bytes());
    seal(&mut head);
    head[1024] = 1;
    head[1056..1064].copy_from_slice(&9u64.to_le_bytes());
    assert_eq!(parse(&head, &[], size).unwrap_err().to_string(), "the checksum of its GPT's entries is wrong");
    seal(&mut head);
    assert!(parse(&head, &[], size).unwrap_err().to_string().contains("before it begins"));
    // Numbers that no disk has.
    head[1056..1064].copy_from_slice(&(u64::MAX - 1).to_le_bytes());
    head[1064..1072].copy_from_slice(&u64::MAX.to_le_bytes());
    seal(&mut head);
    assert!(parse(&head, &[], size).is_err());
    // A name in another alphabet's control characters.
    head[1056..1064].copy_from_slice(&1u64.to_le_bytes());
    head[1064..1072].copy_from_slice(&2u64.to_le_bytes());
    head[1080..1082].copy_from_slice(&0x1bu16.to_le_bytes());
    seal(&mut head);
    assert!(!parse(&head, &[], size).unwrap().partitions[0].name.contains('\u{1b}'));
}

#[tokio::test]
async fn a_damaged_copy_of_a_gpt_is_named_and_the_other_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("disk.raw");
    divided(&path, 8, GPT);
    let whole = std::fs::read(&path).unwrap();
    let sound = facts(&path, Format::Raw).await.table.unwrap();
    assert_eq!(sound.damage, None);
    let end = whole.len();
    // The byte that is turned, whose copy it is, and what is wrong with that.
    for (at, copy, why) in [
        (512 + 56, TableCopy::First, "the checksum of its GPT's header is wrong"),
        (512, TableCopy::First, "there is none in the second sector"),
        (1024 + 60, TableCopy::First, "the checksum of its GPT's entries is wrong"),
        (end - 512 + 56, TableCopy::Second, "the checksum of its GPT's header is wrong"),
        (end - 33 * 512 + 60, TableCopy::Second, "the checksum of its GPT's entries is wrong"),
    ] {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let table = facts(&path, Format::Raw).await.table.unwrap();
        assert_eq!(table.damage, Some(Damage { copy, why: why.to_owned() }), "byte {at}");
        assert_eq!((table.partitions, table.backup), (sound.partitions.clone(), Some(copy == TableCopy::First)));
        // Both: nothing is left to be read.
        bytes[if copy == TableCopy::First { end - 512 + 56 } else { 512 + 56 }] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let facts = facts(&path, Format::Raw).await;
        assert!(facts.table.is_none() && facts.unreadable.is_some(), "byte {at}");
    }
    let mut bytes = whole;
    bytes[end - 512] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let table = facts(&path, Format::Raw).await.table.unwrap();
    assert_eq!((table.backup, table.damage), (Some(false), None));
}

const SHIM: &[(&str, &str)] =
    &[(".text", "shim,9"), (".sbat", "sbat,1,SBAT Version,sbat,1,https://example.org\nshim,4,UEFI shim,shim,1,x\n\0")];
const BOOT: &[(&str, &str)] =
    &[(".sdmagic", "#### LoaderInfo: systemd-boot 257 ####"), (".sbat", "sbat,1\nsystemd-boot,1\n")];
const UKI: &[(&str, &str)] = &[(".sdmagic", "#### LoaderInfo: systemd-stub 257 ####"), (".linux", "kernel")];
const ESP: &str = "label: gpt\nsize=4MiB, type=U\ntype=L\n";

#[tokio::test]
async fn what_starts_is_known_by_what_is_in_the_programs_in_every_format() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    divided(&at("disk.raw"), 8, ESP);
    assert_eq!(facts(&at("disk.raw"), Format::Raw).await.esp, Some(Esp::default()), "no file system is on it");
    fill(
        &at("disk.raw"),
        4,
        &[
            ("EFI/BOOT/BOOTX64.EFI", pe(SHIM)),
            ("EFI/BOOT/grubx64.efi", pe(BOOT)),
            ("EFI/Linux/azl-6.12.efi", pe(UKI)),
            ("EFI/Linux/no-program.efi", b"MZ".to_vec()),
            ("EFI/Linux/readme.txt", b"x".to_vec()),
            ("loader/loader.conf", b"timeout 0\n#default no\ndefault first\ndefault\tazl-*\r\n".to_vec()),
        ],
    );
    let expected = Esp {
        formatted: true,
        first: Some(EfiProgram::Shim),
        second: Some(EfiProgram::SystemdBoot),
        ukis: vec!["azl-6.12.efi".into()],
        default: Some("azl-*".into()),
        unreadable: None,
    };
    assert_eq!(facts(&at("disk.raw"), Format::Raw).await.esp, Some(expected.clone()));
    convert(&at("disk.raw"), &at("disk.qcow2"), &["-O", "qcow2"]);
    convert(&at("disk.raw"), &at("disk.vhd"), &["-O", "vpc", "-o", "subformat=fixed,force_size=on"]);
    assert_eq!(facts(&at("disk.qcow2"), Format::Qcow2).await.esp, Some(expected.clone()));
    assert_eq!(facts(&at("disk.vhd"), Format::Vhd).await.esp, Some(expected));
    // Names say nothing.
    let grub = pe(&[(".sbat", "sbat,1,x\ngrub,4,x\n")]);
    fill(&at("disk.raw"), 4, &[("EFI/BOOT/BOOTX64.EFI", grub), ("EFI/BOOT/grubx64.efi", b"shim,4".to_vec())]);
    let esp = facts(&at("disk.raw"), Format::Raw).await.esp.unwrap();
    assert_eq!((esp.first, esp.second, esp.ukis.len()), (Some(EfiProgram::Grub), Some(EfiProgram::Other), 0));
    divided(&at("plain.raw"), 8, "label: dos\ntype=83\n");
    assert_eq!(facts(&at("plain.raw"), Format::Raw).await.esp, None);
}

#[tokio::test]
async fn a_damaged_file_system_ends_in_what_can_be_said_and_never_in_a_wait() {
    let dir = tempfile::tempdir().unwrap();
    let raw = dir.path().join("disk.raw");
    divided(&raw, 8, ESP);
    fill(&raw, 4, &[("EFI/BOOT/BOOTX64.EFI", pe(SHIM)), ("EFI/Linux/azl.efi", pe(UKI))]);
    let good = std::fs::read(&raw).unwrap();
    let begun = std::time::Instant::now();
    let mut unreadable = 0;
    // Each place of the first sector that is a number, then the tables of clusters made one circle.
    for at in (11..64).map(Some).chain([None]) {
        let mut bytes = good.clone();
        match at {
            Some(at) => bytes[(1 << 20) + at] ^= 0xff,
            None => bytes[(1 << 20) + 512..(1 << 20) + 0x4000].fill(0x22),
        }
        std::fs::write(&raw, &bytes).unwrap();
        let esp = facts(&raw, Format::Raw).await.esp.unwrap();
        unreadable += usize::from(esp.unreadable.is_some());
        assert!(esp.unreadable.is_none() || esp.first.is_none(), "what could not be read says nothing: {esp:?}");
    }
    assert!(unreadable > 5, "{unreadable}");
    assert!(begun.elapsed() < std::time::Duration::from_secs(60), "{:?}", begun.elapsed());
}
