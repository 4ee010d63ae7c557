//! `ci/images/Containerfile` copies everything that the program includes: a file that it lacks would show only where somebody builds it.

use std::path::{Path, PathBuf};

use crate::support::root;

/// What the first stage copies of the checkout.
fn copied() -> Vec<String> {
    let text = std::fs::read_to_string(root().join("ci/images/Containerfile")).unwrap();
    let stage = text.split("\nFROM ").find(|stage| stage.contains(" AS build")).expect("the stage that builds");
    let lines = stage.lines().filter_map(|line| line.strip_prefix("COPY "));
    lines
        .flat_map(|line| {
            let names: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
            names[..names.len() - 1].to_vec()
        })
        .collect()
}

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in dir.read_dir().unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn the_image_is_built_of_every_file_that_the_program_includes() {
    let root = root().canonicalize().unwrap();
    let include = regex::Regex::new(r#"include_(?:str|bytes)!\("([^"]+)"\)"#).unwrap();
    let (copied, mut files, mut seen) = (copied(), Vec::new(), 0);
    sources(&root.join("harness"), &mut files);
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for found in include.captures_iter(&text) {
            let Ok(path) = file.parent().unwrap().join(&found[1]).canonicalize() else { continue };
            let Ok(name) = path.strip_prefix(&root) else { continue };
            seen += 1;
            let there = copied.iter().any(|copied| name.starts_with(copied));
            assert!(
                there,
                "{} includes {}, which ci/images/Containerfile does not copy",
                file.display(),
                name.display()
            );
        }
    }
    assert!(seen > 40, "{seen}");
    for name in ["Cargo.toml", "Cargo.lock", "suites", "images"] {
        assert!(copied.iter().any(|copied| copied == name), "{name}");
    }
}
