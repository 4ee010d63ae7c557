//! What `disk-image` says of the archive of a root file system, which `image` has read before it became a disk. Pure.

use crate::assertions::{key, unanswered};
use crate::observed::Value;
use crate::unreadable::{Read, Unreadable};
use muster_record::disk::DiskFacts;
use muster_record::root_tree::RootTree;
use muster_suite::model::Assertion;

/// The attributes that are about an archive; of a disk nothing is known of them.
pub(super) fn look(assertion: &Assertion, disk: &DiskFacts) -> Read<Value> {
    let Some(root) = &disk.root else {
        let why =
            format!("the file is a disk of the format {}: only of an archive is it known what it holds", disk.format);
        return Err(Unreadable::new(why));
    };
    Ok(match assertion.attribute {
        "labels" => label(root, key(assertion)?),
        "kernels" => Value::items(root.kernels.clone()),
        "kernels-without-initramfs" => Value::items(root.without_initramfs.clone()),
        "ukis" => Value::items(root.ukis.clone()),
        "boot-files" => match &root.boot {
            Some(names) => Value::items(names.clone()),
            None => Value::absent("it has no directory /boot"),
        },
        "boot-programs" => Value::items(root.boot_programs.iter().map(|kind| kind.name())),
        "rpm" => Value::flag(root.rpm),
        "rpm-databases" => Value::items(root.rpm_databases.clone()),
        "rpm-journal" => match (root.rpm_journal, root.rpm_databases.first()) {
            (Some(journal), _) => Value::text(journal.name()),
            (None, Some(place)) => Value::absent(format!("the database in {place} is not rpmdb.sqlite")),
            (None, None) => Value::absent("it has no database of rpm"),
        },
        "composefs" => Value::flag(root.composefs),
        "ostree-root" => Value::flag(root.ostree_root),
        "malformed-kargs" => Value::items(root.malformed_kargs.clone()),
        "leftovers" => Value::items(root.leftovers.clone()),
        _ => return unanswered(assertion),
    })
}

fn label(root: &RootTree, name: &str) -> Value {
    match &root.labels {
        None => Value::absent("it is a plain tar, which has no labels"),
        Some(labels) => match labels.get(name) {
            Some(value) => Value::text(value),
            None => Value::absent(format!("the image has no label {name}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::evaluate;
    use super::*;
    use crate::check::Verdict;
    use crate::testing::{equals, missed};
    use muster_record::efi_program::EfiProgram;
    use muster_record::root_tree::RpmJournal;
    use muster_suite::model::Matcher;

    #[test]
    fn what_an_archive_holds_is_evaluated_and_a_disk_has_none() {
        let root = RootTree {
            labels: Some([("containers.bootc".to_owned(), "1".to_owned())].into()),
            kernels: vec!["6.12".into()],
            ukis: vec!["a.efi".into()],
            boot: Some(vec!["EFI".into()]),
            boot_programs: vec![EfiProgram::Shim, EfiProgram::Grub],
            rpm: true,
            rpm_databases: vec!["/usr/share/rpm".into()],
            rpm_journal: Some(RpmJournal::Wal),
            ostree_root: true,
            ..RootTree::default()
        };
        let tar =
            |root: RootTree| Some(DiskFacts { format: "tar".to_owned(), root: Some(root), ..DiskFacts::default() });
        let only = |names: &[&str]| Matcher::Only(names.iter().map(|name| (*name).to_owned()).collect());
        for (attribute, matcher) in [
            ("labels.containers.bootc", equals("1")),
            ("kernels", only(&["6.12"])),
            ("kernels-without-initramfs", Matcher::None),
            ("ukis", only(&["a.efi"])),
            ("boot-files", only(&["EFI"])),
            ("boot-programs", only(&["grub", "shim"])),
            ("rpm", equals("true")),
            ("rpm-databases", only(&["/usr/share/rpm"])),
            ("rpm-journal", equals("wal")),
            ("composefs", equals("false")),
            ("ostree-root", equals("true")),
            ("malformed-kargs", Matcher::None),
            ("leftovers", Matcher::None),
        ] {
            assert_eq!(evaluate(tar(root.clone()), attribute, matcher.clone()), Verdict::MET, "{attribute}");
            // Of a disk, and of an archive in a record of an earlier version, nothing is known.
            if attribute != "ukis" {
                let verdict =
                    evaluate(Some(DiskFacts { format: "vhd".to_owned(), ..DiskFacts::default() }), attribute, matcher);
                assert!(matches!(verdict, Verdict::Unknown { .. }), "{attribute}: {verdict:?}");
            }
        }
        let none = || Matcher::Count(Box::new(equals("0")));
        for (attribute, matcher, why) in [
            ("labels.containers.bootc", equals("1"), "it is a plain tar, which has no labels"),
            ("boot-files", none(), "it has no directory /boot"),
            ("rpm-journal", equals("rollback"), "it has no database of rpm"),
        ] {
            let bare = || tar(RootTree::default());
            assert_eq!(missed(&evaluate(bare(), attribute, matcher)).1, why, "{attribute}");
            assert_eq!(evaluate(bare(), attribute, Matcher::None), Verdict::MET, "{attribute}");
        }
        assert_eq!(evaluate(tar(RootTree { boot: Some(vec![]), ..root }), "boot-files", none()), Verdict::MET);
    }
}
