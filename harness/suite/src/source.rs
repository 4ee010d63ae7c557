//! From paths to texts: which files are meant, read within bounds.

use std::collections::BTreeSet;
use std::io::Read;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::diagnostic::{Diagnostic, Diagnostics, codes};
use super::yaml::Limits;

/// A file that is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Where it is.
    pub path: Utf8PathBuf,
    /// As it is shown.
    pub name: Arc<str>,
    /// Found in a directory, and not named by a person.
    pub found: bool,
}

/// The files that paths mean: a directory means its `*.yaml` files, sorted by name, not hidden ones and not those of its
/// sub-directories; [`ignored`] names these. A file that is meant twice is read once.
pub fn find(paths: &[Utf8PathBuf], sink: &mut Diagnostics) -> Vec<SourceFile> {
    let mut sources = Vec::new();
    let mut known = BTreeSet::new();
    if paths.is_empty() {
        sink.push(Diagnostic::about_file(codes::NO_FILES, &".".into(), "no file or directory was given"));
    }
    for path in paths {
        let name = shown(path);
        let files = match fs_err::metadata(path) {
            Err(error) => {
                let problem = unreadable(&name, &error);
                sink.push(match elsewhere(path) {
                    Some(there) => problem.help(format!("did you mean `{there}`?")),
                    None => problem,
                });
                continue;
            }
            Ok(metadata) if metadata.is_dir() => match dir(path, &name, sink) {
                Some(files) => files,
                None => continue,
            },
            Ok(_) => vec![SourceFile { path: path.clone(), name, found: false }],
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

/// Where a file that is not there is: in the directory `suites`, where a project has them, or with its ending.
fn elsewhere(path: &Utf8Path) -> Option<Utf8PathBuf> {
    let below = Utf8Path::new("suites").join(path);
    let yaml = |path: &Utf8Path| Utf8PathBuf::from(format!("{path}.yaml"));
    let ways = [below.clone(), yaml(path), yaml(&below)];
    ways.into_iter().filter(|_| path.is_relative() || path.extension().is_none()).find(|there| there.is_file())
}

fn dir(path: &Utf8Path, name: &Arc<str>, sink: &mut Diagnostics) -> Option<Vec<SourceFile>> {
    let entries = match path.read_dir_utf8().and_then(|entries| entries.collect::<Result<Vec<_>, _>>()) {
        Ok(entries) => entries,
        Err(error) => {
            sink.push(unreadable(name, &error));
            return None;
        }
    };
    let mut files = Vec::new();
    for entry in entries {
        if entry.file_name().starts_with('.') {
            continue;
        }
        match entry.path().extension() {
            Some("yaml") => {
                files.push(SourceFile { path: entry.path().to_owned(), name: shown(entry.path()), found: true });
            }
            // A file that looks like a suite and is not read would be tests that silently do not run.
            Some(end) if is_yaml(end) => {
                let message =
                    format!("a directory's files are read when they end in `.yaml`; this one ends in `.{end}`");
                let help = "rename it, or name the file itself";
                sink.push(Diagnostic::about_file(codes::UNREADABLE, &shown(entry.path()), message).help(help));
            }
            _ => {}
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    if files.is_empty() {
        sink.push(Diagnostic::about_file(codes::NO_FILES, name, "the directory has no `.yaml` file"));
    }
    Some(files)
}

fn is_yaml(end: &str) -> bool {
    end.eq_ignore_ascii_case("yaml") || end.eq_ignore_ascii_case("yml")
}

/// How deep below a directory suites that are not read are looked for.
const DEPTH: usize = 4;
/// How many entries of directories are looked at for that.
const ENTRIES: usize = 10_000;
/// How many suites that are not read are named.
const NAMED: usize = 20;

/// A line for each suite that lies in one of the directories and is not read, because its name begins with a dot or ends
/// otherwise than in `.yaml`, or because it lies in a sub-directory: tests that somebody believes to run. Other YAML files there are nobody's suites.
pub fn ignored(paths: &[Utf8PathBuf]) -> Vec<String> {
    let read: BTreeSet<_> = find(paths, &mut Diagnostics::new())
        .into_iter()
        .filter_map(|source| source.path.canonicalize_utf8().ok())
        .collect();
    let mut files = BTreeSet::new();
    let mut left = ENTRIES;
    for dir in paths.iter().filter(|path| path.is_dir()) {
        look_below(dir, DEPTH, &mut left, &mut files);
    }
    // Of these `find` has an error.
    let has_error = |file: &Utf8Path| {
        let shows = file.file_name().is_some_and(|name| !name.starts_with('.'));
        shows && file.extension() != Some("yaml") && paths.iter().any(|dir| file.parent() == Some(dir.as_path()))
    };
    files.retain(|file| {
        !has_error(file) && file.canonicalize_utf8().is_ok_and(|real| !read.contains(&real)) && says_suite(file)
    });
    let why = |file: &Utf8PathBuf| match (file.file_name(), file.extension()) {
        (Some(name), _) if name.starts_with('.') => "its name begins with a dot; rename it".to_owned(),
        (_, Some(end)) if end != "yaml" => {
            format!(
                "its name ends in `.{end}`, and a directory includes `.yaml` files; rename it, or name the file itself"
            )
        }
        _ => "it is in a sub-directory, which a directory does not include; name the sub-directory too".to_owned(),
    };
    let mut lines: Vec<String> =
        files.iter().take(NAMED).map(|file| format!("the suite {} is not read: {}", shown(file), why(file))).collect();
    if files.len() > NAMED {
        lines.push(format!("{} more suites are not read, for the same reasons", files.len() - NAMED));
    }
    lines
}

fn look_below(dir: &Utf8Path, depth: usize, left: &mut usize, files: &mut BTreeSet<Utf8PathBuf>) {
    let Ok(entries) = dir.read_dir_utf8() else { return };
    for entry in entries.flatten() {
        let Some(rest) = left.checked_sub(1) else { return };
        *left = rest;
        // Neither a loop of links nor a repository's own directory is gone into.
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && depth > 0 && !entry.file_name().starts_with('.') {
            look_below(entry.path(), depth - 1, left, files);
        } else if entry.path().extension().is_some_and(is_yaml) && entry.path().is_file() {
            files.insert(entry.path().to_owned());
        }
    }
}

/// The first bytes of a file as text, 4 KiB at most.
pub(super) fn beginning(path: &Utf8Path) -> Option<String> {
    let mut start = Vec::new();
    if !path.is_file() {
        return None;
    }
    fs_err::File::open(path).and_then(|file| file.take(4096).read_to_end(&mut start)).ok()?;
    Some(String::from_utf8_lossy(&start).into_owned())
}

/// Whether the beginning of the file says that it is a suite.
fn says_suite(path: &Utf8Path) -> bool {
    let says = |line: &str| {
        let value = line.strip_prefix("schema:").map(|value| value.trim().trim_start_matches(['"', '\'']));
        value.is_some_and(|value| value.starts_with("suite/"))
    };
    beginning(path).is_some_and(|start| start.lines().any(says))
}

/// The bytes of a file, never more than one beyond the limit.
pub fn read(source: &SourceFile, limits: Limits, sink: &mut Diagnostics) -> Option<Vec<u8>> {
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

/// Reads files and gives the bytes of each to `decode`, in order. One that cannot be read is reported and left out.
pub(crate) fn read_each(
    sources: &[SourceFile],
    sink: &mut Diagnostics,
    mut decode: impl FnMut(&SourceFile, &[u8], &mut Diagnostics),
) {
    for source in sources {
        if let Some(bytes) = read(source, Limits::default(), sink) {
            decode(source, &bytes, sink);
        }
    }
}

/// What `decode` makes of the files that the paths mean, gathered: the way from paths to documents of every kind. The sink is not
/// settled.
pub(crate) fn read_documents<T, D: IntoIterator<Item = T>>(
    paths: &[Utf8PathBuf],
    sink: &mut Diagnostics,
    mut decode: impl FnMut(&SourceFile, &[u8], &mut Diagnostics) -> D,
) -> Vec<T> {
    let sources = find(paths, sink);
    let mut documents = Vec::new();
    read_each(&sources, sink, |source, bytes, sink| documents.extend(decode(source, bytes, sink)));
    documents
}

pub(crate) fn unreadable(name: &Arc<str>, error: &std::io::Error) -> Diagnostic {
    // The path is already named; fs-err's own sentence would repeat it in the words of a system call.
    Diagnostic::about_file(codes::UNREADABLE, name, muster_base::text::plain_cause(error))
}

fn shown(path: &Utf8Path) -> Arc<str> {
    path.as_str().strip_prefix("./").unwrap_or(path.as_str()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder_of(files: &[&str]) -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        for file in files {
            fs_err::write(path.join(file), "x").unwrap();
        }
        (dir, path)
    }

    #[test]
    fn a_directory_means_its_yaml_files_sorted_and_each_file_is_read_once() {
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
    fn a_suite_that_is_not_read_is_named_whatever_hides_it() {
        for name in ["a.yml", "a.YAML", "a.Yml"] {
            let (_guard, path) = folder_of(&[name, "b.yaml"]);
            let mut sink = Diagnostics::new();
            assert_eq!(find(&[path], &mut sink).len(), 1);
            assert_eq!(sink.iter().map(|problem| problem.code).collect::<Vec<_>>(), ["unreadable"], "{name}");
        }
        let (_guard, path) = folder_of(&["a.yaml", "README.md"]);
        let suite = "# x\nschema: suite/v1\nsuite: b\n";
        fs_err::create_dir_all(path.join("sub/deeper")).unwrap();
        fs_err::create_dir_all(path.join(".git")).unwrap();
        for name in [".b.yaml", "sub/c.YML", "sub/deeper/d.yaml", ".git/e.yaml"] {
            fs_err::write(path.join(name), suite).unwrap();
        }
        fs_err::write(path.join("sub/proofs.yaml"), "schema: proofs/v1\n").unwrap();
        fs_err::write(path.join("e.yml"), suite).unwrap();
        fs_err::write(path.join(".lint.yaml"), "rules: {}\n").unwrap();
        std::os::unix::fs::symlink(path.join("sub"), path.join("sub/again")).unwrap();
        let lines = ignored(std::slice::from_ref(&path));
        let names = [
            "/.b.yaml is not read: its name begins with a dot",
            "/sub/c.YML is not read: its name ends in `.YML`",
            "/sub/deeper/d.yaml is not read: it is in a sub-directory",
        ];
        assert_eq!(lines.len(), names.len(), "{lines:?}");
        assert!(lines.iter().zip(names).all(|(line, name)| line.contains(name)), "{lines:?}");
        // Of one that stands in the directory itself there is an error, and one cause has one message.
        let mut sink = Diagnostics::new();
        find(std::slice::from_ref(&path), &mut sink);
        assert_eq!(sink.iter().map(|problem| problem.code).collect::<Vec<_>>(), ["unreadable"]);
        // Named itself, it is read.
        assert_eq!(ignored(&[path.clone(), path.join("sub/deeper"), path.join(".b.yaml")]).len(), 1);
        for number in 0..30 {
            fs_err::write(path.join(format!("sub/{number}.yaml")), suite).unwrap();
        }
        assert_eq!(ignored(&[path]).last().unwrap(), "13 more suites are not read, for the same reasons");
    }

    #[test]
    fn devices_are_not_opened() {
        let mut sink = Diagnostics::new();
        let source = SourceFile { path: "/dev/zero".into(), name: "/dev/zero".into(), found: false };
        assert_eq!(read(&source, Limits::default(), &mut sink), None);
        assert_eq!(sink.len(), 1);
    }
}
