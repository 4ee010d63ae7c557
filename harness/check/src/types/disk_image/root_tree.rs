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
        let why = format!("the file is a disk of the format {}: only of an archive is it known what it holds", disk.format);
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
        "refused-kargs" => Value::items(root.refused_kargs.clone()),
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
