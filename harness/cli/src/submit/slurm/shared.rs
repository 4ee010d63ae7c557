//! Whether other nodes see a directory: as far as its file system, and the nodes of the cluster, tell.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use camino::Utf8Path;

use crate::error::CliError;

/// File systems that are on a disk or in the memory of one host, by the number that `statfs` gives them (statfs(2)).
const LOCAL: [(u64, &str); 9] = [
    (0xef53, "ext4"),
    (0x5846_5342, "xfs"),
    (0x9123_683e, "btrfs"),
    (0x0102_1994, "tmpfs"),
    (0x8584_58f6, "ramfs"),
    (0x794c_7630, "overlay"),
    (0xf2f5_2010, "f2fs"),
    (0x2fc1_2fc1, "zfs"),
    (0x7371_7368, "squashfs"),
];

/// An error when what an option names, or the first directory above it, is on a disk of this host, and jobs may run on others.
pub(super) fn check(option: &str, dir: &Utf8Path) -> Result<(), CliError> {
    let Some(there) = dir.ancestors().find(|path| path.is_dir()) else { return Ok(()) };
    let Ok(found) = rustix::fs::statfs(there.as_std_path()) else { return Ok(()) };
    let kind = u64::try_from(found.f_type).unwrap_or_default() & 0xffff_ffff;
    match LOCAL.iter().find(|(known, _)| *known == kind) {
        Some((_, name)) if is_elsewhere(&nodes(), &this_host()) => {
            let what = format!("{option} {dir}: it is on a disk of this host ({name}), which other nodes do not see");
            Err(CliError::invalid(what)
                .hint("name one on a file system that all nodes share; --shared, if they see this one"))
        }
        _ => Ok(()),
    }
}

/// Whether a job may run on another host than this one.
fn is_elsewhere(nodes: &BTreeSet<String>, here: &str) -> bool {
    let short = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
    nodes.iter().any(|node| short(node) != short(here))
}

/// The hosts of all nodes. None where Slurm does not say: then the jobs find out.
fn nodes() -> BTreeSet<String> {
    let line = ["--noheader", "--Node", "--Format=NodeHost:200"];
    let done = Command::new("sinfo").args(line).stdin(Stdio::null()).output();
    let said = done.ok().filter(|done| done.status.success()).map(|done| done.stdout).unwrap_or_default();
    String::from_utf8_lossy(&said).split_whitespace().map(str::to_owned).collect()
}

fn this_host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_may_run_elsewhere_when_a_node_is_another_host() {
        let nodes = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        assert!(is_elsewhere(&nodes(&["a", "b"]), "a"));
        assert!(!is_elsewhere(&nodes(&["a.example"]), "a"));
        assert!(!is_elsewhere(&nodes(&[]), "a"));
    }
}
