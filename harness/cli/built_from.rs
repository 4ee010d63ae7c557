// What the build script finds out about the sources of a build. A file of its own, so that the tests of the program can run it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// What git says below `root`, without white space around it; `None` when it fails.
fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    let said = Command::new("git").arg("-C").arg(root).args(arguments).output().ok()?;
    said.status.success().then(|| String::from_utf8_lossy(&said.stdout).trim().to_owned())
}

/// Whether a build of the checkout at `root` has something that its commit lacks: a file of git's that differs, or one of the
/// files that are built in (paths below `root`) that git does not have, be it ignored. It has where git does not say.
fn differs(root: &Path, built_in: &[PathBuf]) -> bool {
    let unchanged =
        git(root, &["status", "--porcelain", "--untracked-files=no"]).is_some_and(|files| files.is_empty());
    let Some(known) = git(root, &["ls-files", "-z"]).filter(|_| unchanged) else { return true };
    let known: std::collections::BTreeSet<&Path> = known.split('\0').map(Path::new).collect();
    built_in.iter().any(|file| !known.contains(file.as_path()))
}
