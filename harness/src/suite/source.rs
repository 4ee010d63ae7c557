//! From paths to texts: which files are meant, read within bounds.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::diagnostic::{Diagnostic, Diagnostics, codes};
use super::yaml::Limits;

/// A file that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Where it is.
    pub path: Utf8PathBuf,
    /// As it is shown.
    pub name: Arc<str>,
    /// Found in a folder, and not named by a person.
    pub found: bool,
}

/// The files that paths mean: a folder means its `*.yaml` files, sorted by name, not those of its
/// sub-folders. A file that is meant twice is read once.
pub fn find(paths: &[Utf8PathBuf], sink: &mut Diagnostics) -> Vec<Source> {
    let mut sources = Vec::new();
    let mut known = BTreeSet::new();
    if paths.is_empty() {
        sink.push(Diagnostic::about_file(codes::NO_FILES, &".".into(), "no file or folder was given"));
    }
    for path in paths {
        let name = shown(path);
        let files = match fs_err::metadata(path) {
            Err(error) => {
                sink.push(unreadable(&name, &error));
                continue;
            }
            Ok(metadata) if metadata.is_dir() => match folder(path, &name, sink) {
                Some(files) => files,
                None => continue,
            },
            Ok(_) => vec![Source { path: path.clone(), name, found: false }],
        };
        for source in files {
            let real = source.path.canonicalize_utf8().unwrap_or_else(|_| source.path.clone());
            if known.insert(real) {
                sources.push(source);
            }
        }
    }
    sources
}

fn folder(path: &Utf8Path, name: &Arc<str>, sink: &mut Diagnostics) -> Option<Vec<Source>> {
    let entries = match path.read_dir_utf8().and_then(|entries| entries.collect::<Result<Vec<_>, _>>()) {
        Ok(entries) => entries,
        Err(error) => {
            sink.push(unreadable(name, &error));
            return None;
        }
    };
    let mut files = Vec::new();
    for entry in entries {
        match entry.path().extension() {
            _ if entry.file_name().starts_with('.') => {}
            Some("yaml") => {
                files.push(Source { path: entry.path().to_owned(), name: shown(entry.path()), found: true });
            }
            // A file that looks like a suite and is not read would be tests that silently do not run.
            Some("yml") => {
                let message = "a folder's files are read when they end in `.yaml`; this one ends in `.yml`";
                let help = "rename it, or name the file itself";
                sink.push(Diagnostic::about_file(codes::UNREADABLE, &shown(entry.path()), message).help(help));
            }
            _ => {}
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    if files.is_empty() {
        sink.push(Diagnostic::about_file(codes::NO_FILES, name, "the folder has no `.yaml` file"));
    }
    Some(files)
}

/// The bytes of a file, never more than one beyond the limit.
pub fn read(source: &Source, limits: Limits, sink: &mut Diagnostics) -> Option<Vec<u8>> {
    // A device or a pipe could block or never end, so it is not even opened.
    match fs_err::metadata(&source.path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => {
            sink.push(Diagnostic::about_file(codes::UNREADABLE, &source.name, "this is not a plain file"));
            return None;
        }
        Err(error) => {
            sink.push(unreadable(&source.name, &error));
            return None;
        }
    }
    let mut bytes = Vec::new();
    let result =
        fs_err::File::open(&source.path).and_then(|file| file.take(limits.bytes as u64 + 1).read_to_end(&mut bytes));
    match result {
        Ok(_) => Some(bytes),
        Err(error) => {
            sink.push(unreadable(&source.name, &error));
            None
        }
    }
}

fn unreadable(name: &Arc<str>, error: &std::io::Error) -> Diagnostic {
    // The path is already named; fs-err's own sentence would repeat it in the words of a system call.
    let reason = match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file or folder".to_owned(),
        std::io::ErrorKind::PermissionDenied => "it may not be read".to_owned(),
        _ => error.to_string(),
    };
    Diagnostic::about_file(codes::UNREADABLE, name, reason)
}

fn shown(path: &Utf8Path) -> Arc<str> {
    path.as_str().strip_prefix("./").unwrap_or(path.as_str()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_of(files: &[&str]) -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        for file in files {
            fs_err::write(path.join(file), "x").unwrap();
        }
        (folder, path)
    }

    #[test]
    fn a_folder_means_its_yaml_files_sorted_and_each_file_is_read_once() {
        let (_guard, path) = folder_of(&["b.yaml", "a.yaml", "README.md", ".hidden.yaml"]);
        let mut sink = Diagnostics::new();
        let found = find(&[path.join("b.yaml"), path.clone()], &mut sink);
        let names: Vec<_> = found.iter().map(|s| (s.path.file_name().unwrap(), s.found)).collect();
        assert_eq!(names, [("b.yaml", false), ("a.yaml", true)]);
        assert!(sink.is_empty());
    }

    #[test]
    fn nothing_is_left_out_in_silence() {
        let (_guard, path) = folder_of(&["a.yml"]);
        let mut sink = Diagnostics::new();
        assert_eq!(find(&[path.clone(), path.join("missing")], &mut sink), []);
        let codes: Vec<_> = sink.iter().map(|d| d.code).collect();
        assert_eq!(codes, ["unreadable", "no-files", "unreadable"]);
        let mut sink = Diagnostics::new();
        find(&[], &mut sink);
        assert_eq!(sink.len(), 1);
    }

    #[test]
    fn devices_are_not_opened() {
        let mut sink = Diagnostics::new();
        let source = Source { path: "/dev/zero".into(), name: "/dev/zero".into(), found: false };
        assert_eq!(read(&source, Limits::default(), &mut sink), None);
        assert_eq!(sink.len(), 1);
    }
}
