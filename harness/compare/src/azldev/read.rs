//! From the files of a tree to components and overlays, every error of every file at once. Two forms are
//! read: overlays in the component's own table (arrays of tables, or inline), and one file for each change,
//! `<component>/overlays/NNNN-name.overlay.toml`, whose `[metadata]` is that of all its overlays.

use std::io::Read as _;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::effect::{Effect, Parts};
use super::tree::{Overlay, Tree};
use muster_base::failure::Location;
use muster_base::text;
use muster_suite::deviations::{CATEGORIES, UPSTREAM_STATUSES};
use muster_suite::diagnostic::{Diagnostic, Diagnostics, Span, codes};

/// Files of a tree, their depth, and the bytes of one.
const MOST_FILES: usize = 50_000;
const DEEPEST: usize = 16;
const LARGEST: u64 = 4 << 20;
/// Characters that are kept of a description.
const LONGEST: usize = 400;

/// Reads every `*.toml` file below a directory. Links are not followed, and reported. The sink is not settled.
pub fn load(dir: &Utf8Path, sink: &mut Diagnostics) -> Tree {
    let mut tree = Tree::default();
    let mut files = Vec::new();
    if let Err(problem) = walk(dir, 0, &mut files, &mut tree.notes) {
        sink.push(problem);
        return tree;
    }
    files.sort();
    for path in &files {
        let shown = path.strip_prefix(dir).unwrap_or(path);
        read(path, shown, &mut tree, sink);
    }
    if tree.components.is_empty() && sink.is_empty() {
        let message = "no file below this directory defines a component of azldev";
        let problem = Diagnostic::about_file(codes::NO_FILES, &dir.as_str().into(), message);
        sink.push(problem.help("name the directory that holds `azldev.toml`, or one of its `comps` directories"));
    }
    tree
}

fn walk(dir: &Utf8Path, depth: usize, files: &mut Vec<Utf8PathBuf>, notes: &mut Vec<String>) -> Result<(), Diagnostic> {
    let problem = |code, message: String| Diagnostic::about_file(code, &dir.as_str().into(), message);
    if depth > DEEPEST {
        return Err(problem(codes::TOO_DEEP, format!("directories are nested deeper than {DEEPEST}")));
    }
    let unreadable = |error: std::io::Error| problem(codes::UNREADABLE, error.to_string());
    for entry in dir.read_dir_utf8().map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(unreadable)?);
        if entry.file_name().starts_with('.') {
            continue;
        }
        if kind.is_dir() {
            walk(path, depth + 1, files, notes)?;
        } else if !kind.is_file() && (path.extension() == Some("toml") || path.is_dir()) {
            notes.push(format!("{} is not a plain file and was not read", text::one_line(path.as_str(), 300)));
        } else if path.extension() == Some("toml") {
            if files.len() >= MOST_FILES {
                return Err(problem(codes::TOO_MANY, format!("the tree has more than {MOST_FILES} files")));
            }
            files.push(path.to_owned());
        }
    }
    Ok(())
}

fn read(path: &Utf8Path, shown: &Utf8Path, tree: &mut Tree, sink: &mut Diagnostics) {
    let name: Arc<str> = shown.as_str().into();
    let mut bytes = Vec::new();
    let result = std::fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    let about = |code, message: String| Diagnostic::about_file(code, &name, message);
    match result {
        Err(error) => return sink.push(about(codes::UNREADABLE, error.to_string())),
        Ok(_) if bytes.len() as u64 > LARGEST => {
            return sink.push(about(codes::TOO_LARGE, format!("the file has more than {LARGEST} bytes")));
        }
        Ok(_) => {}
    }
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return sink.push(about(codes::ENCODING, "the file is not UTF-8".to_owned()));
    };
    sink.add_source(&name, text);
    let (root, errors) = DeTable::parse_recoverable(text);
    let mut file = File { name, text, tree, sink };
    for error in &errors {
        let message = text::one_line(error.message(), 200);
        file.report(codes::TOML, error.span().unwrap_or_default(), message);
    }
    if errors.is_empty() {
        file.root(root.get_ref(), shown);
    }
}

/// A file that is read.
struct File<'f> {
    name: Arc<str>,
    text: &'f str,
    tree: &'f mut Tree,
    sink: &'f mut Diagnostics,
}

type Node<'i> = Spanned<DeValue<'i>>;

impl File<'_> {
    fn span(&self, range: std::ops::Range<usize>) -> Span {
        let before = self.text.get(..range.start).unwrap_or_default();
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Span { start: number(range.start), end: number(range.end), line: number(line), column: number(column) }
    }

    fn report(&mut self, code: &'static str, range: std::ops::Range<usize>, message: String) {
        let span = self.span(range);
        self.sink.push(Diagnostic::new(code, &self.name, span, message));
    }

    fn note(&mut self, range: std::ops::Range<usize>, what: &str) {
        let span = self.span(range);
        self.tree.notes.push(text::one_line(&format!("{}:{}:{}: {what}", self.name, span.line, span.column), 400));
    }

    fn table<'n, 'i>(&mut self, node: &'n Node<'i>, what: &str) -> Option<&'n DeTable<'i>> {
        let table = node.get_ref().as_table();
        if table.is_none() {
            self.report(codes::WRONG_SHAPE, node.span(), format!("{what} must be a table"));
        }
        table
    }

    fn line(&mut self, table: &DeTable<'_>, name: &str) -> Option<String> {
        let node = table.get(name)?;
        match node.get_ref().as_str() {
            Some(text) => Some(text.to_owned()),
            None => {
                self.report(codes::WRONG_SHAPE, node.span(), format!("`{name}` must be a string"));
                None
            }
        }
    }

    fn root(&mut self, root: &DeTable<'_>, shown: &Utf8Path) {
        if shown.as_str().ends_with(".overlay.toml") {
            return self.overlay_file(root, shown);
        }
        // What all components or groups of them have is applied by azldev, and not here.
        if let Some(node) = root.get("default-component-config")
            && node.get_ref().as_table().is_some_and(|table| table.contains_key("overlays"))
        {
            self.note(node.span(), "overlays of a default configuration are not read, and document nothing");
        }
        let Some(node) = root.get("components") else { return };
        let Some(components) = self.table(node, "`components`") else { return };
        for (name, node) in components {
            let Some(table) = self.table(node, "a component") else { continue };
            let name = text::one_line(name.get_ref(), 200);
            let upstream = table.get("spec").and_then(|spec| {
                let spec = self.table(spec, "`spec`")?;
                self.line(spec, "upstream-name")
            });
            let overlays = table.get("overlays").map(|node| self.overlays(node, None)).unwrap_or_default();
            let component = self.tree.components.entry(name).or_default();
            component.upstream_name = upstream.or(component.upstream_name.take());
            component.overlays.extend(overlays);
        }
    }

    /// The later form. Its component is the directory that holds the directory `overlays`.
    fn overlay_file(&mut self, root: &DeTable<'_>, shown: &Utf8Path) {
        let dir = shown.parent().filter(|dir| dir.file_name() == Some("overlays"));
        let Some(component) = dir.and_then(Utf8Path::parent).and_then(Utf8Path::file_name) else {
            let message = "an overlay file is in `<component>/overlays/`, so that its component is known";
            return self.report(codes::WRONG_SHAPE, 0..0, message.to_owned());
        };
        let metadata = root.get("metadata").and_then(|node| self.metadata(node));
        for (name, node) in root {
            if !["metadata", "overlays"].contains(&&**name.get_ref()) {
                let what = format!("`{}` is not known of an overlay file", text::one_line(name.get_ref(), 60));
                self.note(node.span(), &what);
            }
        }
        let Some(node) = root.get("overlays") else {
            return self.report(codes::MISSING_KEY, 0..0, "the file has no `[[overlays]]`".to_owned());
        };
        let overlays = self.overlays(node, metadata);
        self.tree.components.entry(text::one_line(component, 200)).or_default().overlays.extend(overlays);
    }

    fn overlays(&mut self, node: &Node<'_>, metadata: Option<(String, String)>) -> Vec<Overlay> {
        let Some(items) = node.get_ref().as_array() else {
            self.report(codes::WRONG_SHAPE, node.span(), "`overlays` must be an array of tables".to_owned());
            return Vec::new();
        };
        items.iter().filter_map(|item| self.overlay(item, metadata.clone())).collect()
    }

    fn overlay(&mut self, node: &Node<'_>, metadata: Option<(String, String)>) -> Option<Overlay> {
        const KEYS: &[&str] = &[
            "type",
            "description",
            "file",
            "archive",
            "section",
            "package",
            "tag",
            "value",
            "regex",
            "replacement",
            "lines",
            "source",
            "metadata",
        ];
        let table = self.table(node, "an overlay")?;
        let unknown: Vec<_> = table.iter().filter(|(name, _)| !KEYS.contains(&&**name.get_ref())).collect();
        for (name, value) in unknown {
            let what = format!("`{}` is not known of an overlay", text::one_line(name.get_ref(), 60));
            self.note(value.span(), &what);
        }
        let own = table.get("metadata").and_then(|node| self.metadata(node));
        let [kind, description, tag, section, package, file] =
            ["type", "description", "tag", "section", "package", "file"].map(|name| self.line(table, name));
        let Some(kind) = kind else {
            if !table.contains_key("type") {
                self.report(codes::MISSING_KEY, node.span(), "an overlay needs the key `type`".to_owned());
            }
            return None;
        };
        let parts = Parts {
            tag: tag.as_deref(),
            section: section.as_deref(),
            package: package.as_deref(),
            file: file.as_deref(),
        };
        let effect = Effect::of(&kind, parts).unwrap_or_else(|| {
            let shown = text::one_line(&kind, 60);
            self.note(node.span(), &format!("overlays of the type `{shown}` are not known here, and document nothing"));
            Effect::Nothing
        });
        let span = self.span(node.span());
        Some(Overlay {
            kind: text::one_line(&kind, 60),
            description: text::one_line(&description.unwrap_or_default(), LONGEST),
            metadata: own.or(metadata),
            effect,
            location: Location { file: self.name.clone(), line: span.line, column: span.column },
        })
    }

    /// Category and upstream status; both are needed. A word that is not of the vocabulary is reported.
    fn metadata(&mut self, node: &Node<'_>) -> Option<(String, String)> {
        let table = self.table(node, "`metadata`")?;
        let mut word = |name: &str, known: &[&str]| {
            if !table.contains_key(name) {
                self.report(codes::MISSING_KEY, node.span(), format!("`metadata` needs the key `{name}`"));
            }
            let word = self.line(table, name)?;
            if !known.contains(&word.as_str()) {
                self.note(node.span(), &format!("the {name} `{}` is not known here", text::one_line(&word, 60)));
            }
            Some(text::one_line(&word, 60))
        };
        Some((word("category", CATEGORIES)?, word("upstream-status", UPSTREAM_STATUSES)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> (Tree, Diagnostics) {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        for (name, text) in files {
            let path = root.join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        let mut sink = Diagnostics::new();
        let tree = load(root, &mut sink);
        sink.settle();
        (tree, sink)
    }

    const COMPONENT: &str = "[components.foo]\noverlays = [{ type = \"patch-add\", description = \"why\" }]\n";

    #[test]
    fn all_three_forms_are_read() {
        let (tree, problems) = tree(&[
            ("comps/components.toml", "includes = [\"**/*.comp.toml\"]\n[components.bar]\n[components.foo]\n"),
            ("comps/foo/foo.comp.toml", COMPONENT),
            (
                "comps/baz/baz.comp.toml",
                "[[components.baz.overlays]]\ntype = \"spec-append-lines\"\nlines = ['''a\nb''']\n",
            ),
            (
                "comps/foo/overlays/0001-x.overlay.toml",
                "[metadata]\ncategory = \"azl-pruning\"\nupstream-status = \"unknown\"\n[[overlays]]\ntype = \"file-add\"\nfile = \"x\"\n",
            ),
        ]);
        assert_eq!(problems.render(false), "");
        assert_eq!((tree.components.len(), tree.overlays(), tree.notes.len()), (3, 3, 0));
        let [patch, added] = &tree.components["foo"].overlays[..] else { panic!("{tree:?}") };
        assert_eq!(
            (patch.description.as_str(), patch.location.to_string().as_str()),
            ("why", "comps/foo/foo.comp.toml:2:13")
        );
        assert!(added.is_reasoned() && added.description.is_empty());
        assert!(!tree.components["baz"].overlays[0].is_reasoned());
    }

    #[test]
    fn what_is_not_known_is_named_and_documents_nothing() {
        let text = COMPONENT.replace("patch-add", "patch-rewrite").replace("description", "mood = 1, description");
        let (tree, problems) = tree(&[("a.toml", &text)]);
        assert_eq!(problems.render(false), "");
        assert_eq!(tree.components["foo"].overlays[0].effect, Effect::Nothing);
        assert_eq!(tree.notes.len(), 2, "{:?}", tree.notes);
        assert!(tree.notes[1].starts_with("a.toml:2:13: overlays of the type `patch-rewrite`"), "{:?}", tree.notes);
    }

    #[test]
    fn every_error_of_every_file_is_reported_with_its_place() {
        let (_, problems) = tree(&[
            ("a.toml", "[components.foo]\noverlays = \"none\"\n"),
            ("b.toml", "[components.foo\noverlays = []\nx = \n"),
            ("c.toml", "[[components.foo.overlays]]\ndescription = 7\n"),
            ("d.overlay.toml", "[[overlays]]\ntype = \"file-add\"\n"),
            ("e/overlays/1.overlay.toml", "[metadata]\ncategory = \"azl-pruning\"\n"),
        ]);
        let text = problems.render(false);
        for part in [
            "a.toml:2:12",
            "error[toml]",
            "b.toml:",
            "c.toml:2:15",
            "needs the key `type`",
            "upstream-status",
            "overlays/`",
        ] {
            assert!(text.contains(part), "{part} is missing in\n{text}");
        }
    }

    #[test]
    fn a_directory_without_components_is_an_error_and_links_are_reported() {
        let (_, problems) = tree(&[("a.toml", "[images.x]\n")]);
        assert!(problems.render(false).contains("defines a component"));
        let dir = tempfile::tempdir().unwrap();
        fs_err::write(dir.path().join("a.toml"), COMPONENT).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("b.toml")).unwrap();
        let tree = load(Utf8Path::from_path(dir.path()).unwrap(), &mut Diagnostics::new());
        assert!(tree.notes[0].contains("not a plain file"), "{:?}", tree.notes);
    }
}
