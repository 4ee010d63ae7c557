//! Puts what muster ships beside its code into the program: suites with their proofs and accepted snapshots, image
//! descriptions and the recipes of the lab images. `cli/shipped.rs` unpacks it where no checkout is.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;

include!("built_from.rs");

#[expect(dead_code, unreachable_pub, reason = "it is a public module of the library, which uses the rest")]
#[path = "../base/src/version.rs"]
mod mark;

/// Directories and files below the checkout, with all that is in them.
const SHIPPED: [&str; 6] =
    ["suites", "images", "ci/install-deps", "ci/packages.tsv", "ci/lib/say.sh", "ci/lib/debian-mirror.sh"];

/// Bytes of the largest file that ships; what is larger was put there by hand.
const LARGEST: u64 = 1 << 20;

fn main() {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("../..");
    let mut files = Vec::new();
    for name in SHIPPED {
        println!("cargo:rerun-if-changed={}", root.join(name).display());
        collect(&root, Path::new(name), &mut files);
    }
    files.sort();
    let mut code = String::from("&[\n");
    for file in &files {
        let path = root.join(file).canonicalize().unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mode = path.metadata().map_or(0o644, |found| found.permissions().mode());
        let runs = mode & 0o111 != 0;
        let _ = writeln!(code, "({:?}, {runs}, include_bytes!({path:?}) as &[u8]),", file.display().to_string());
    }
    code.push(']');
    let out = PathBuf::from(variable("OUT_DIR")).join("shipped.rs");
    std::fs::write(&out, code).unwrap_or_else(|error| panic!("{}: {error}", out.display()));
    for name in ["build.rs", "built_from.rs", "../base/src/version.rs"] {
        println!("cargo:rerun-if-changed={name}");
    }
    println!("cargo:rustc-env=MUSTER_VERSION={}", version(&root, &files));
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Files below, without what an editor, Python or an unfinished review leaves.
fn collect(root: &Path, at: &Path, files: &mut Vec<PathBuf>) {
    let path = root.join(at);
    if path.is_dir() {
        let entries = path.read_dir().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for entry in entries.flatten() {
            collect(root, &at.join(entry.file_name()), files);
        }
        return;
    }
    let name = at.to_string_lossy();
    let left_over = name.contains("__pycache__") || name.ends_with(".new") || name.ends_with('~');
    // Disks that a vendor makes one fetch by hand are put here.
    let brought = at.starts_with("images/brought");
    if !left_over && !brought && path.metadata().is_ok_and(|found| found.len() <= LARGEST) {
        files.push(at.to_owned());
    }
}

/// The version, and the commit that a release build is made from: what a report of a fault needs. `MUSTER_COMMIT` names it
/// where the source is no checkout, as in packages; else git does. Debug builds are for who works on muster, and would be
/// compiled anew after each commit.
fn version(root: &Path, built_in: &[PathBuf]) -> String {
    let version = variable("CARGO_PKG_VERSION");
    println!("cargo:rerun-if-env-changed=MUSTER_COMMIT");
    if variable("PROFILE") != "release" {
        return version;
    }
    let named = named_commit().map(|commit| (commit, false));
    match named.or_else(|| commit_of(root, built_in)) {
        Some((commit, is_changed)) => mark::of_build(&version, &commit, is_changed),
        None => version,
    }
}

/// Digits of a commit in the version.
const DIGITS: usize = 12;

/// The commit that `MUSTER_COMMIT` names.
fn named_commit() -> Option<String> {
    let commit = std::env::var("MUSTER_COMMIT").ok().filter(|commit| !commit.is_empty())?;
    let is_hex = commit.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if !is_hex || !(DIGITS..=64).contains(&commit.len()) {
        panic!("MUSTER_COMMIT is `{commit}`; it must be a commit: {DIGITS} to 64 lower-case hexadecimal digits");
    }
    Some(commit[..DIGITS].to_owned())
}

/// The commit of a checkout, and whether what is built differs from it.
fn commit_of(root: &Path, built_in: &[PathBuf]) -> Option<(String, bool)> {
    // Another repository may be around a source that is none itself. A worktree has a file of this name.
    if !root.join(".git").exists() {
        return None;
    }
    // Also when a file of any crate changes, or the claim that nothing has would be of an earlier day.
    let of_git =
        ["HEAD", "refs/heads", "index"].into_iter().filter_map(|name| git(root, &["rev-parse", "--git-path", name]));
    for path in of_git.chain(["harness".to_owned(), "Cargo.lock".to_owned()]) {
        println!("cargo:rerun-if-changed={}", root.join(path).display());
    }
    let commit = git(root, &["rev-parse", &format!("--short={DIGITS}"), "HEAD"])?;
    Some((commit, differs(root, built_in)))
}
