//! Compiles the plugin that counts instructions (`harness/boot-meter`), so that the program carries it: QEMU loads it from a file, and
//! whoever installs muster has no checkout to load it from.

use std::path::PathBuf;
use std::process::Command;

fn main() {
    let source = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("../boot-meter/src/lib.rs");
    println!("cargo:rerun-if-changed={}", source.display());
    println!("cargo:rerun-if-changed=build.rs");
    let plugin = PathBuf::from(variable("OUT_DIR")).join("boot-meter.so");
    let compiled = Command::new(variable("RUSTC"))
        .args([
            "--crate-name",
            "muster_boot_meter",
            "--edition",
            "2024",
            "--crate-type",
            "cdylib",
            "--cap-lints",
            "allow",
        ])
        .args(["-C", "opt-level=3", "-C", "panic=abort", "-C", "strip=symbols"])
        .args(["--target", &variable("TARGET"), "-o"])
        .arg(&plugin)
        .arg(&source)
        .output();
    let failed = match compiled {
        Ok(output) if output.status.success() => return,
        Ok(output) => String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or_default().to_owned(),
        Err(error) => error.to_string(),
    };
    // muster works without: who wants instructions counted reads that this build cannot.
    println!("cargo:warning=instructions cannot be counted by this build: {failed}");
    std::fs::write(&plugin, []).unwrap_or_else(|error| panic!("{}: {error}", plugin.display()));
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|error| panic!("{name}: {error}"))
}
