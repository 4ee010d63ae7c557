//! `disk-image`: the file that the machine was started from, as the runner sees it. Nothing is read in
//! the guest, so that `muster images inspect` can check a file without starting it.

mod root_tree;

use muster_suite::grammar::{images, kernel, partitions, paths};
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::verdicts;
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::unreadable::{Read, Unreadable};
use crate::value::of_bytes;
use muster_base::fnmatch;
use muster_record::disk::{DiskFacts, Esp, Table, TableCopy};
use muster_record::efi_program::EfiProgram;
use muster_record::facts::Facts;
use muster_suite::model::{Assertion, Expectation};

const MIB: u64 = 1 << 20;

const ATTRIBUTES: &[Attribute] = &[
    attribute("format", AttributeKind::Text, "`qcow2`, `raw`, `vhd`, `vhdx`, `vmdk`, or `tar` for a root file system."),
    attribute("subformat", AttributeKind::Text, "Of a VHD: `fixed`, `dynamic` or `differencing`, as its footer says."),
    attribute("virtual-size", AttributeKind::Size, "What the guest sees."),
    attribute("file-size", AttributeKind::Size, "Length of the file."),
    attribute("whole-mib", AttributeKind::Bool, "Whether the virtual size is a multiple of 1 MiB."),
    attribute(
        "table",
        AttributeKind::Keyword(&["gpt", "mbr", "none"]),
        "How the disk is divided; `none` when it is one file system or empty.",
    ),
    attribute(
        "primary-table",
        AttributeKind::Keyword(&["intact", "damaged"]),
        "Of a GPT: whether its first copy is there and its checksums are right; when they are not, the second is read.",
    ),
    attribute(
        "backup-table",
        AttributeKind::Keyword(&["in-place", "damaged", "missing"]),
        "Of a GPT: whether its second copy is in the last sector, where firmware looks when the first is damaged, and its \
         checksums are right.",
    ),
    attribute(
        "partitions",
        AttributeKind::Set(&partitions::TYPE),
        "Types of its partitions: `esp`, `linux`, `root-x86-64`, `swap`, `lvm`, …; else the GUID, or `0x` and two digits.",
    ),
    attribute(
        "boot-code",
        AttributeKind::Bool,
        "Whether a BIOS finds code in the first sector: its bytes 0 to 439 are not all zero, and it ends with 55 AA.",
    ),
    attribute(
        "first-program",
        AttributeKind::Keyword(&["shim", "grub", "systemd-boot", "uki", "other"]),
        "What `EFI/BOOT/BOOTX64.EFI` on the EFI system partition is (`BOOTAA64.EFI` on Arm), known by its sections: what firmware starts \
         where no other program is set.",
    ),
    attribute(
        "second-program",
        AttributeKind::Keyword(&["shim", "grub", "systemd-boot", "uki", "other"]),
        "The same of `grubx64.efi` next to it (`grubaa64.efi`): what shim starts.",
    ),
    attribute(
        "ukis",
        AttributeKind::Set(&paths::FILE_NAME),
        "Names of the unified kernel images in `EFI/Linux` on the EFI system partition; of a root file system, in `/boot/EFI/Linux`.",
    ),
    attribute(
        "default-uki",
        AttributeKind::Bool,
        "Whether the `default` of `loader/loader.conf`, a pattern, names one of these.",
    ),
    attribute("partition-labels", AttributeKind::Set(&paths::LABEL), "Names that a GPT gives its partitions."),
    attribute(
        "labels",
        AttributeKind::Map(&images::IMAGE_LABEL, &AttributeKind::Text),
        "Of an OCI image: its labels by name, as its configuration has them.",
    ),
    attribute(
        "kernels",
        AttributeKind::Set(&kernel::RELEASE),
        "Of a root file system: names below `/usr/lib/modules` of what has a `vmlinuz` that is not empty.",
    ),
    attribute(
        "kernels-without-initramfs",
        AttributeKind::Set(&kernel::RELEASE),
        "Those of `kernels` that have no `initramfs.img`, or an empty one.",
    ),
    attribute("boot-files", AttributeKind::Set(&paths::FILE_NAME), "Of a root file system: names in `/boot`."),
    attribute(
        "boot-programs",
        AttributeKind::Set(&images::BOOT_PROGRAM),
        "Of a root file system: what the programs below `/usr/lib/efi` and `/usr/lib/bootupd/updates/EFI` are, by their sections: \
         `shim`, `grub`, `systemd-boot`, `uki`, `other`.",
    ),
    attribute("rpm", AttributeKind::Bool, "Of a root file system: whether it has `/usr/bin/rpm`."),
    attribute(
        "rpm-databases",
        AttributeKind::Set(&paths::PATH),
        "Of a root file system: those of `/usr/share/rpm`, `/usr/lib/sysimage/rpm` and `/var/lib/rpm` that have a database; \
         links are not followed.",
    ),
    attribute(
        "rpm-journal",
        AttributeKind::Keyword(&["rollback", "wal", "other"]),
        "How the first of `rpm-databases` keeps its journal: `wal` also when a file of such a log is left next to it, `other` when \
         it is no database of SQLite; `none` when there is no `rpmdb.sqlite`.",
    ),
    attribute(
        "composefs",
        AttributeKind::Bool,
        "Of a root file system: whether `/usr/lib/ostree/prepare-root.conf` switches composefs on, `maybe` included, and no argument in \
         `/usr/lib/bootc/kargs.d` off.",
    ),
    attribute(
        "ostree-root",
        AttributeKind::Bool,
        "Of a root file system: whether `/sysroot` is a directory and `/ostree` a link to `sysroot/ostree`.",
    ),
    attribute(
        "malformed-kargs",
        AttributeKind::Set(&paths::FILE_NAME),
        "Of a root file system: files in `/usr/lib/bootc/kargs.d` that bootc refuses, or passes over for their names.",
    ),
    attribute(
        "leftovers",
        AttributeKind::Set(&paths::PATH),
        "Of a root file system: what belongs to one machine or boot: all in `/run` and `/tmp`, files of `/var/log` that are not empty, \
         host keys, a machine id (also D-Bus's, where it is no link), seeds, NetworkManager's secret, names of NVMe and iSCSI initiators, the key \
         of rndc, `/usr/etc`, and a `/var/run` that is no link.",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "disk-image",
    summary: "The image's file, looked at from outside. Of a root file system, the disk that was made of it.",
    subject: Subject::Whole,
    shorthand: Shorthand::None,
    gone: &[],
    attributes: ATTRIBUTES,
    reads: "nothing in the guest: the runner reads the footer of a VHD, the first and last sectors of the disk, and the programs on its EFI system partition; of a root file system, the archive before it becomes a disk.",
    example: r#"disk-image:
  subformat: fixed
  whole-mib: true
  table: gpt
  partitions: {has: [esp], lacks: [swap, lvm]}
"#,
};

/// The check type.
pub struct DiskImage;

impl Check for DiskImage {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, _asked: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        Vec::new()
    }

    fn evaluate(&self, expectation: &Expectation, _seen: &Observations, facts: &Facts) -> Vec<Verdict> {
        verdicts(&TABLE, expectation, |assertion| match &facts.disk {
            Some(disk) => look(assertion, disk),
            None => Err(Unreadable::new("muster did not start this machine, so it does not know its file")),
        })
    }
}

fn look(assertion: &Assertion, disk: &DiskFacts) -> Read<Value> {
    let table = || match (&disk.table, &disk.unreadable) {
        (Some(table), _) => Ok(table),
        (None, Some(why)) => Err(Unreadable::new(format!("the table of partitions cannot be read: {why}"))),
        (None, None) => Err(Unreadable::new("nothing is known of the table of partitions")),
    };
    let of_gpt = |value: &dyn Fn(&Table) -> Value| match table()? {
        gpt if gpt.kind == "gpt" => Ok(value(gpt)),
        other => Ok(Value::absent(format!("the disk has no GPT: its table is {}", other.kind))),
    };
    let not_vhd = || Value::absent(format!("the file is no VHD: its format is {}", disk.format));
    Ok(match assertion.attribute {
        "format" => Value::text(&disk.format),
        "subformat" => disk.subformat.as_ref().map_or_else(not_vhd, Value::text),
        "virtual-size" => Value::text(of_bytes(disk.virtual_size.into())),
        "file-size" => Value::text(of_bytes(disk.file_size.into())),
        "whole-mib" => Value::flag(disk.virtual_size.is_multiple_of(MIB)),
        "table" => Value::text(&table()?.kind),
        "backup-table" => {
            let word = |gpt: &Table| match (gpt.backup, damaged(gpt, TableCopy::Second)) {
                (Some(true), _) => "in-place",
                (_, true) => "damaged",
                (_, false) => "missing",
            };
            return of_gpt(&|gpt| Value::text(word(gpt)));
        }
        "primary-table" => {
            let word = |gpt: &Table| if damaged(gpt, TableCopy::First) { "damaged" } else { "intact" };
            return of_gpt(&|gpt| Value::text(word(gpt)));
        }
        "partitions" => Value::items(table()?.partitions.iter().map(|partition| partition.kind.clone())),
        "partition-labels" => {
            return of_gpt(&|gpt| {
                let names = gpt.partitions.iter().map(|partition| partition.name.clone());
                Value::items(names.filter(|name| !name.is_empty()))
            });
        }
        "boot-code" => match disk.boot_code {
            Some(has_code) => Value::flag(has_code),
            None => return Err(Unreadable::new("nothing is known of the first sector")),
        },
        "first-program" => program(esp(disk)?, "BOOTX64.EFI", |esp| esp.first),
        "second-program" => program(esp(disk)?, "grubx64.efi", |esp| esp.second),
        "ukis" if disk.root.is_some() => return root_tree::look(assertion, disk),
        "ukis" => Value::items(esp(disk)?.into_iter().flat_map(|esp| esp.ukis.clone())),
        "default-uki" => match esp(disk)?.and_then(|esp| Some((esp, esp.default.as_ref()?))) {
            Some((esp, pattern)) => {
                let pattern = pattern.to_ascii_lowercase();
                Value::flag(esp.ukis.iter().any(|name| fnmatch::matches(&pattern, &name.to_ascii_lowercase())))
            }
            None => Value::flag(false),
        },
        _ => return root_tree::look(assertion, disk),
    })
}

/// What is on the EFI system partition; `None` where the disk has none.
fn esp(disk: &DiskFacts) -> Read<Option<&Esp>> {
    match (&disk.esp, &disk.table, &disk.unreadable) {
        (Some(Esp { unreadable: Some(why), .. }), ..) => {
            Err(Unreadable::new(format!("the EFI system partition cannot be read: {why}")))
        }
        (Some(esp), ..) => Ok(Some(esp)),
        (None, Some(table), _) if table.partitions.iter().all(|partition| partition.kind != "esp") => Ok(None),
        (None, _, Some(why)) => Err(Unreadable::new(format!("the table of partitions cannot be read: {why}"))),
        (None, ..) => Err(Unreadable::new("nothing is known of the EFI system partition")),
    }
}

fn program(esp: Option<&Esp>, name: &str, of: impl Fn(&Esp) -> Option<EfiProgram>) -> Value {
    match esp {
        None => Value::absent("the disk has no EFI system partition"),
        Some(esp) if !esp.formatted => Value::absent("no FAT file system is on the EFI system partition"),
        Some(esp) => match of(esp) {
            Some(program) => Value::text(program.name()),
            None => Value::absent(format!("there is no EFI/BOOT/{name} on the EFI system partition")),
        },
    }
}

fn damaged(table: &Table, copy: TableCopy) -> bool {
    table.damage.as_ref().is_some_and(|damage| damage.copy == copy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{equals, expectation, missed};
    use muster_record::disk::{Damage, Partition};
    use muster_suite::model::Matcher;

    pub(super) fn evaluate(disk: Option<DiskFacts>, attribute: &'static str, matcher: Matcher) -> Verdict {
        let facts = Facts { disk, ..Facts::default() };
        let wanted = expectation("disk-image", "", &[(attribute, matcher)]);
        DiskImage.evaluate(&wanted, &Observations::default(), &facts).remove(0)
    }

    fn vhd() -> DiskFacts {
        let partition =
            |kind: &str, name: &str| Partition { kind: kind.into(), name: name.into(), start: MIB, size: MIB };
        DiskFacts {
            format: "vhd".to_owned(),
            virtual_size: 30 << 30,
            file_size: (30 << 30) + 512,
            subformat: Some("fixed".to_owned()),
            table: Some(Table {
                kind: "gpt".to_owned(),
                backup: Some(true),
                damage: None,
                partitions: vec![partition("esp", "EFI"), partition("linux", "")],
            }),
            unreadable: None,
            boot_code: Some(true),
            esp: None,
            root: None,
        }
    }

    #[test]
    fn the_code_of_the_first_sector_is_there_or_not_or_unknown() {
        let with = |boot_code| Some(DiskFacts { boot_code, ..vhd() });
        assert_eq!(evaluate(with(Some(true)), "boot-code", equals("true")), Verdict::MET);
        assert_eq!(missed(&evaluate(with(Some(false)), "boot-code", equals("true"))), ("boot-code is true", "false"));
        assert!(matches!(evaluate(with(None), "boot-code", equals("true")), Verdict::Unknown { .. }));
    }

    #[test]
    fn a_file_is_evaluated_by_what_it_says() {
        for (attribute, value) in [
            ("format", "vhd"),
            ("subformat", "fixed"),
            ("virtual-size", "30 GiB"),
            ("whole-mib", "true"),
            ("table", "gpt"),
            ("primary-table", "intact"),
            ("backup-table", "in-place"),
        ] {
            assert_eq!(evaluate(Some(vhd()), attribute, equals(value)), Verdict::MET, "{attribute}");
        }
        assert_eq!(
            evaluate(Some(vhd()), "partitions", Matcher::Only(vec!["esp".into(), "linux".into()])),
            Verdict::MET
        );
        assert_eq!(evaluate(Some(vhd()), "partition-labels", Matcher::Only(vec!["EFI".into()])), Verdict::MET);
        let odd = DiskFacts { virtual_size: (30 << 30) + 512, ..vhd() };
        assert_eq!(missed(&evaluate(Some(odd), "whole-mib", equals("true"))), ("whole-mib is true", "false"));
    }

    #[test]
    fn what_starts_is_read_from_the_partition_and_never_from_nothing() {
        let with = |esp: Esp| Some(DiskFacts { esp: Some(esp), ..vhd() });
        let esp = Esp {
            formatted: true,
            first: Some(EfiProgram::Shim),
            second: Some(EfiProgram::SystemdBoot),
            ukis: vec!["AZL-6.12.efi".into()],
            default: Some("azl-*".into()),
            unreadable: None,
        };
        for (attribute, value) in
            [("first-program", "shim"), ("second-program", "systemd-boot"), ("default-uki", "true")]
        {
            assert_eq!(evaluate(with(esp.clone()), attribute, equals(value)), Verdict::MET, "{attribute}");
        }
        let only = |names: &[&str]| Matcher::Only(names.iter().map(|name| (*name).to_owned()).collect());
        assert_eq!(evaluate(with(esp.clone()), "ukis", only(&["AZL-6.12.efi"])), Verdict::MET);
        let other = Esp { default: Some("fedora-*".into()), second: None, ..esp.clone() };
        assert_eq!(missed(&evaluate(with(other.clone()), "default-uki", equals("true"))).1, "false");
        assert_eq!(
            missed(&evaluate(with(other), "second-program", equals("systemd-boot"))).1,
            "there is no EFI/BOOT/grubx64.efi on the EFI system partition"
        );
        assert_eq!(
            missed(&evaluate(with(Esp::default()), "first-program", equals("shim"))).1,
            "no FAT file system is on the EFI system partition"
        );
        let unreadable = Esp { unreadable: Some("it leads in circles".into()), ..Esp::default() };
        // A record of an earlier version has the partition and not what is on it.
        for disk in [with(unreadable), Some(vhd()), Some(DiskFacts { table: None, ..vhd() })] {
            for attribute in ["first-program", "ukis", "default-uki"] {
                let verdict = evaluate(disk.clone(), attribute, equals("x"));
                assert!(matches!(verdict, Verdict::Unknown { .. }), "{attribute}: {verdict:?}");
            }
        }
        let plain = Table { kind: "mbr".into(), ..Table::default() };
        let none = Some(DiskFacts { table: Some(plain), ..vhd() });
        assert_eq!(evaluate(none, "ukis", Matcher::Only(vec![])), Verdict::MET);
    }

    #[test]
    fn a_damaged_copy_of_the_table_is_neither_in_place_nor_missing() {
        let damaged = |copy, backup| {
            let damage = Some(Damage { copy, why: "its checksum is wrong".to_owned() });
            let table = Table { backup: Some(backup), damage, ..vhd().table.unwrap() };
            Some(DiskFacts { table: Some(table), ..vhd() })
        };
        for (disk, primary, backup) in [
            (damaged(TableCopy::First, true), "damaged", "in-place"),
            (damaged(TableCopy::Second, false), "intact", "damaged"),
        ] {
            assert_eq!(evaluate(disk.clone(), "primary-table", equals(primary)), Verdict::MET);
            assert_eq!(evaluate(disk, "backup-table", equals(backup)), Verdict::MET);
        }
    }

    #[test]
    fn what_there_is_not_and_what_is_not_known_are_distinguished() {
        let raw = DiskFacts { format: "raw".to_owned(), subformat: None, ..vhd() };
        assert_eq!(
            missed(&evaluate(Some(raw), "subformat", equals("fixed"))).1,
            "the file is no VHD: its format is raw"
        );
        let bare = DiskFacts { table: Some(Table { kind: "none".to_owned(), ..Table::default() }), ..vhd() };
        assert_eq!(
            missed(&evaluate(Some(bare), "backup-table", equals("in-place"))).1,
            "the disk has no GPT: its table is none"
        );
        let broken = DiskFacts { table: None, unreadable: Some("cut short".to_owned()), ..vhd() };
        for (disk, attribute) in [(None, "format"), (None, "table"), (Some(broken), "partitions")] {
            assert!(matches!(evaluate(disk, attribute, equals("x")), Verdict::Unknown { .. }), "{attribute}");
        }
    }
}
