//! Puts what muster ships beside its code into the program: suites with their proofs and accepted snapshots, image
//! descriptions and the recipes of the lab images. `cli/shipped.rs` unpacks it where no checkout is.

use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

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
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-env=MUSTER_VERSION={}", version(&root));
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

/// The version, and the commit when this is a checkout: what a report of a fault needs. Debug builds are for who works on muster,
/// and would be compiled anew after each commit.
fn version(root: &Path) -> String {
    let version = variable("CARGO_PKG_VERSION");
    if variable("PROFILE") != "release" {
        return version;
    }
    let git = root.join(".git");
    println!("cargo:rerun-if-changed={}", git.join("HEAD").display());
    println!("cargo:rerun-if-changed={}", git.join("refs/heads").display());
    let asked = Command::new("git").arg("-C").arg(root).args(["rev-parse", "--short=12", "HEAD"]).output();
    match asked {
        Ok(said) if said.status.success() && git.exists() => {
            format!("{version} ({})", String::from_utf8_lossy(&said.stdout).trim())
        }
        _ => version,
    }
}
