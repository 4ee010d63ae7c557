//! The sources of a crate without the code of tests, for what is checked of all of them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

/// The path of a module below its crate, the root empty.
pub(crate) type Module = Vec<String>;

/// A file of a crate.
pub(crate) struct File {
    pub(crate) path: PathBuf,
    pub(crate) module: Module,
    /// Up to its inline tests.
    pub(crate) text: String,
}

static INLINE_TESTS: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?m)^#\[cfg\((?:test|any\(test[^\n]*)\)\]\n(?:#\[[^\n]*\]\n)*(?:pub )?mod \w+ \{").expect("a pattern")
});
static TEST_MODULES: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"#\[cfg\((?:test|any\(test[^\n]*)\)\]\n(?:#\[[^\n]*\]\n)*(?:pub )?mod (\w+);").expect("a pattern")
});

/// The files below a crate's `src`, without modules that are declared for tests.
pub(crate) fn own(source: &Path) -> Vec<File> {
    let mut paths = Vec::new();
    below(source, &mut paths);
    let (mut files, mut tests) = (Vec::new(), BTreeSet::new());
    for path in paths {
        let relative = path.strip_prefix(source).expect("below").with_extension("");
        let mut module: Module = relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
            module.pop();
        }
        let mut text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for declared in TEST_MODULES.captures_iter(&text) {
            tests.insert(module.iter().cloned().chain([declared[1].to_owned()]).collect::<Module>());
        }
        if let Some(found) = INLINE_TESTS.find(&text) {
            text.truncate(found.start());
        }
        files.push(File { path, module, text });
    }
    files.retain(|file| !(1..=file.module.len()).any(|length| tests.contains(&file.module[..length])));
    files
}

/// The Rust files below a directory, whatever they are for.
pub(crate) fn below(at: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(at).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            below(&path, out);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            out.push(path);
        }
    }
}
