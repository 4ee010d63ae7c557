//! A value of `matrix: kernel:`: the package of a kernel, or its files.

use std::fs::File;
use std::io::Read as _;

use camino::Utf8Path;

use super::context::{Context, Text};
use super::data;
use super::name_part::word;
use super::paths::below;
use crate::diagnostic::codes;
use crate::keys::KERNEL;
use crate::matrix_kernel::{KERNEL_FILE_LIMIT, KernelFile, KernelFiles, MOST_KERNEL_FILES, MatrixKernel, RPM_MAGIC};
use crate::value::ValueError;
use crate::yaml::{Node, NodeKind};

/// The kernel of a value.
pub(super) fn kernel(cx: &mut Context<'_>, node: &Node) -> Option<MatrixKernel> {
    match &node.kind {
        NodeKind::Mapping(_) => files(cx, node).map(MatrixKernel::Files),
        _ => cx.parsed(node, "kernel", package).map(MatrixKernel::Package),
    }
}

/// A package with a version: without one, which kernel is meant would change with the repository.
fn package(text: &str) -> Result<String, ValueError> {
    word(text)?;
    let mut parts = text.split('-').skip(1);
    match parts.any(|part| part.starts_with(|c: char| c.is_ascii_digit())) {
        true => Ok(text.to_owned()),
        false => {
            let text = format!("`{text}` names no version of a kernel, as `kernel-6.12.40-1.azl4` does");
            Err(ValueError::Invalid(text))
        }
    }
}

fn files(cx: &mut Context<'_>, node: &Node) -> Option<KernelFiles> {
    let fields = cx.fields(node, &KERNEL)?;
    let named = fields.get("name").map(|node| {
        let fine = |text: &str| word(text).map(|()| text.to_owned());
        cx.parsed(node, "name", fine)
    });
    let list = fields.get("file")?;
    let items = match &list.kind {
        NodeKind::Sequence(_) => cx.items(list, "file")?,
        _ => std::slice::from_ref(list),
    };
    if items.len() > MOST_KERNEL_FILES {
        let problem = cx.problem(codes::TOO_MANY, list.span, format!("a kernel has at most {MOST_KERNEL_FILES} files"));
        cx.report(problem);
        return None;
    }
    let mut found: Vec<(Text, KernelFile)> = Vec::new();
    for item in items {
        let text = cx.line(item, "file")?;
        let file = file(cx, &text)?;
        let twice = |(_, other): &&(Text, KernelFile)| !file.sha256.is_empty() && other.sha256 == file.sha256;
        if let Some((other, _)) = found.iter().find(twice) {
            let message = format!("it is the same file as {}", muster_base::text::one_line(&other.text, 120));
            let problem = cx.problem(codes::DUPLICATE_ID, text.span, message);
            cx.report(cx.after_substitution(problem, &text));
            return None;
        }
        found.push((text, file));
    }
    let name = match named {
        Some(name) => name?,
        None => own_name(cx, &found.first()?.0)?,
    };
    Some(KernelFiles { name, files: found.into_iter().map(|(_, file)| file).collect() })
}

/// The name of a file without its ending, when it can stand in the names of tests.
fn own_name(cx: &mut Context<'_>, first: &Text) -> Option<String> {
    let stem = Utf8Path::new(&first.text).file_stem().unwrap_or_default();
    if word(stem).is_ok() {
        return Some(stem.to_owned());
    }
    let message = format!("`{}` cannot stand in the names of tests", muster_base::text::one_line(stem, 80));
    let problem = cx.problem(codes::BAD_VALUE, first.span, message);
    let problem = cx.after_substitution(problem, first);
    cx.report(problem.help("add `name`: letters, digits, `.`, `_`, `+` and `-`, at most 60"));
    None
}

/// The file, read now: a misspelt one does not cost a boot, and results of one build are never taken for those of another.
fn file(cx: &mut Context<'_>, text: &Text) -> Option<KernelFile> {
    let (path, metadata) = below(cx, text)?;
    let Some(metadata) = metadata else { return Some(KernelFile { path, sha256: String::new() }) };
    match digest(&path, metadata.len()) {
        Ok(sha256) => Some(KernelFile { path, sha256 }),
        Err(why) => {
            let problem = cx.problem(codes::BAD_INCLUDE, text.span, why.to_string());
            cx.report(cx.after_substitution(problem, text));
            None
        }
    }
}

/// Why a file is no part of a kernel.
#[derive(Debug, thiserror::Error)]
enum NoKernelFile {
    #[error("the file has {0} bytes; those of a kernel have at most {KERNEL_FILE_LIMIT}")]
    TooLong(u64),
    #[error("the file is not an RPM")]
    NotRpm,
    #[error("the file cannot be read: {0}")]
    Unread(#[from] std::io::Error),
}

/// SHA-256 of an RPM of this length, hex.
fn digest(path: &Utf8Path, length: u64) -> Result<String, NoKernelFile> {
    if length > KERNEL_FILE_LIMIT {
        return Err(NoKernelFile::TooLong(length));
    }
    // Without the path in its errors: the diagnostic shows it.
    let mut begin = Vec::new();
    File::open(path)?.take(RPM_MAGIC.len() as u64).read_to_end(&mut begin)?;
    if begin != RPM_MAGIC {
        return Err(NoKernelFile::NotRpm);
    }
    data::sha256(path, KERNEL_FILE_LIMIT)?.map(muster_base::text::hex).ok_or(NoKernelFile::TooLong(length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Suite;
    use crate::testing::VOCABULARY;
    use sha2::{Digest as _, Sha256};

    /// The suite of a matrix whose kernels are these, next to two RPMs and a text; with the codes of what is wrong.
    fn decoded(dir: &Utf8Path, kernels: &str) -> (Option<Suite>, Vec<String>) {
        let suite = dir.join("s.yaml");
        let text = format!(
            "schema: suite/v1\nsuite: s\nmatrix: {{kernel: [{kernels}]}}\ntests:\n  - id: a\n    steps: [{{run: 'true'}}]\n"
        );
        std::fs::write(&suite, text).unwrap();
        let (suites, diagnostics) = crate::load(&[suite], &VOCABULARY);
        (
            suites.into_iter().next(),
            diagnostics.iter().map(|found| format!("{} {}", found.code, found.message)).collect(),
        )
    }

    #[test]
    fn files_of_a_kernel_are_named_and_read() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        std::fs::create_dir(dir.join("build")).unwrap();
        let write = |name: &str, rest: &[u8]| std::fs::write(dir.join(name), [&RPM_MAGIC[..], rest].concat()).unwrap();
        write("build/kernel-core-6.18.rpm", b"core");
        write("build/kernel-modules-6.18.rpm", b"modules");
        write("kernel-6.18~rc1.rpm", b"rc");
        std::fs::write(dir.join("notes.txt"), "text").unwrap();
        let good = |kernels: &str| {
            let (suite, wrong) = decoded(dir, kernels);
            suite.unwrap_or_else(|| panic!("{wrong:?}"))
        };
        let suite = good("kernel-6.12-1, {file: build/kernel-core-6.18.rpm}");
        let ids: Vec<&str> = suite.tests.iter().map(|test| test.id.as_str()).collect();
        assert_eq!(ids, ["a[kernel=kernel-6.12-1]", "a[kernel=kernel-core-6.18]"]);
        let kernel = suite.tests[1].machine.kernel.clone().unwrap();
        let sha256 = muster_base::text::hex(Sha256::digest([&RPM_MAGIC[..], b"core"].concat()));
        assert_eq!(kernel.files(), [KernelFile { path: dir.join("build/kernel-core-6.18.rpm"), sha256 }]);

        let both = "{name: mine, file: [build/kernel-core-6.18.rpm, build/kernel-modules-6.18.rpm]}";
        let first = good(both);
        assert_eq!(first.tests[0].id, "a[kernel=mine]");
        assert_eq!(first.tests[0].machine.kernel.as_ref().unwrap().files().len(), 2);
        // The same suite with another build of it is another suite: nothing that was found with one is kept for the other.
        write("build/kernel-modules-6.18.rpm", b"modules of the next build");
        let second = good(both);
        assert_ne!(first.digest, second.digest);
        assert_ne!(first.tests[0].machine, second.tests[0].machine);

        let wrong = |kernels: &str| decoded(dir, kernels).1.join("; ");
        for (kernels, said) in [
            ("{file: build/gone.rpm}", "there is no file `build/gone.rpm`"),
            ("{file: ../x.rpm}", "is not below the directory"),
            ("{file: notes.txt}", "not an RPM"),
            ("{file: kernel-6.18~rc1.rpm}", "cannot stand in the names of tests"),
            ("{file: [build/kernel-core-6.18.rpm, build/kernel-core-6.18.rpm]}", "the same file as"),
            ("{name: mine}", "file"),
            ("{files: build/kernel-core-6.18.rpm}", "files"),
            (
                "{name: mine, file: kernel-6.18~rc1.rpm}, {name: mine, file: build/kernel-core-6.18.rpm}",
                "`mine` already",
            ),
        ] {
            assert!(wrong(kernels).contains(said), "{kernels}: {}", wrong(kernels));
        }
        assert!(decoded(dir, "{name: rc1, file: kernel-6.18~rc1.rpm}").0.is_some());
    }
}
