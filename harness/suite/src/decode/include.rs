//! `include:`: tests of other files, under a prefix.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use sha2::Digest as _;

use super::super::diagnostic::codes;
use super::super::keys::{FRAGMENT, INCLUDE};
use super::super::source::{self, SourceFile};
use super::super::yaml::{self, Limits, Node};
use super::context::Context;
use super::context::substitution::is_var;
use super::schema::schema;
use super::scope::Scope;
use super::test::Draft;
use super::vars::{self, entries};
use muster_base::failure::Location;

/// Most files that a suite includes.
const MOST: usize = 64;

/// The files that a suite is made of, in addition to its own.
#[derive(Default)]
pub(super) struct Files {
    /// Their digest, after the suite's own bytes; at the end what its tests read has been added.
    pub(super) digest: sha2::Sha256,
    /// Where they really are.
    pub(super) real: Vec<Utf8PathBuf>,
    /// Where they were found.
    pub(super) paths: Vec<Utf8PathBuf>,
}

/// A file that has been read.
pub(super) struct Included {
    file: Arc<str>,
    pub(super) root: Node,
    pub(super) prefix: String,
    /// What `with` gives, with variables put in.
    with: BTreeMap<String, String>,
}

/// Reads the files of `include:`. Files do not include others.
pub(super) fn include(cx: &mut Context<'_>, node: &Node, files: &mut Files) -> Vec<Included> {
    let Some(items) = cx.items(node, "include") else { return Vec::new() };
    if items.len() > MOST {
        let problem = cx.problem(codes::TOO_MANY, node.span, format!("a suite includes at most {MOST} files"));
        cx.report(problem);
        return Vec::new();
    }
    let mut out: Vec<Included> = Vec::new();
    for item in items {
        let Some(file) = one(cx, item, files) else { continue };
        if out.iter().any(|known| known.prefix == file.prefix) {
            let span = item.get("prefix").map_or(item.span, |node| node.span);
            let message = format!("another file has the prefix `{}` already", file.prefix);
            let problem = cx.problem(codes::DUPLICATE_ID, span, message);
            cx.report(problem);
        } else {
            out.push(file);
        }
    }
    out
}

fn one(cx: &mut Context<'_>, item: &Node, files: &mut Files) -> Option<Included> {
    let fields = cx.fields(item, &INCLUDE)?;
    let prefix = fields.get("prefix").and_then(|node| cx.id(node, "prefix"));
    let mut with = Vec::new();
    if let Some(node) = fields.get("with") {
        for (key, name, value) in entries(cx, node, "with") {
            let text = cx.any_text(value, name)?;
            with.push((key, name, text.text));
        }
    }
    let text = fields.get("file").and_then(|node| cx.line(node, "file"))?;
    let (path, metadata) = super::paths::below(cx, &text)?;
    if metadata.is_none() {
        let problem = cx.problem(codes::BAD_INCLUDE, text.span, "a suite that is not in a file cannot include others");
        cx.report(problem);
        return None;
    }
    let real = path.canonicalize_utf8().unwrap_or_else(|_| path.clone());
    files.real.push(real);
    files.paths.push(path.clone());
    let shown = super::paths::next_to(cx, Utf8Path::new(&text.text));
    let source = SourceFile { path: path.clone(), name: shown.as_str().into(), found: false };
    let bytes = source::read(&source, Limits::default(), cx.sink())?;
    files.digest.update(&bytes);
    let limits = Limits::default();
    let before = cx.sink().len();
    let content = yaml::text_of(&source.name, &bytes, limits, cx.sink())?;
    cx.sink().add_source(&source.name, content);
    let root = yaml::parse(&source.name, content, limits, cx.sink());
    if cx.sink().len() > before {
        return None;
    }
    let root = root?;
    let own = std::mem::replace(&mut cx.file, source.name.clone());
    let fine = schema(cx, &root, "tests/v1");
    cx.file = own;
    if !fine {
        return None;
    }
    let names: Vec<&str> = match root.get("vars").map(|vars| &vars.kind) {
        Some(yaml::NodeKind::Mapping(entries)) => {
            entries.iter().filter_map(|(key, _)| key.scalar()).filter(|name| is_var(name)).collect()
        }
        _ => Vec::new(),
    };
    let known: HashSet<&str> = names.iter().copied().collect();
    let mut given = BTreeMap::new();
    for (key, name, value) in with {
        if known.contains(name) {
            given.insert(name.to_owned(), value);
            continue;
        }
        let mut problem = cx.problem(codes::UNKNOWN_VAR, key.span, format!("`{shown}` has no variable `{name}`"));
        problem = match names.is_empty() {
            true => problem.note("it has no `vars`"),
            // More than these do not fit on the line.
            false => {
                let shown = names[..names.len().min(150)].join(", ");
                problem.note(format!("its vars: {}", muster_base::text::one_line(&shown, 300)))
            }
        };
        if let Some(near) = cx.near(name, names.iter().copied()) {
            problem = problem.label(format!("did you mean `{near}`?"));
        }
        cx.report(problem);
    }
    Some(Included { file: source.name, root, prefix: prefix?.text, with: given })
}

/// The variables of an included file: its own, with what it was given.
pub(super) fn given(cx: &mut Context<'_>, file: &Included) -> (BTreeMap<String, String>, HashSet<String>) {
    let own = enter(cx, file, Default::default());
    if cx.fields(&file.root, &FRAGMENT).is_some()
        && let Some(node) = file.root.get("vars")
    {
        vars::vars(cx, node, &vars::used(&file.root), &file.with);
    }
    leave(cx, own)
}

/// The tests of an included file, for one combination.
pub(super) fn tests(
    cx: &mut Context<'_>,
    file: &Included,
    vars: &(BTreeMap<String, String>, HashSet<String>),
    scope: &Scope<'_>,
    ids: &mut HashMap<String, Location>,
) -> Vec<Draft> {
    let (mut here, broken) = vars.clone();
    here.extend(scope.cell.values.iter().map(|(name, value)| (format!("matrix.{name}"), value.clone())));
    // The same file may be included twice; what is wrong with it is wrong once.
    cx.next_pass();
    let own = enter(cx, file, (here, broken));
    let drafts = file.root.get("tests").map_or(Vec::new(), |node| super::test::tests(cx, node, scope, ids));
    leave(cx, own);
    drafts
}

type State = (Arc<str>, BTreeMap<String, String>, HashSet<String>);

/// Goes on in another file, with its variables; what was before.
fn enter(cx: &mut Context<'_>, file: &Included, (vars, broken): (BTreeMap<String, String>, HashSet<String>)) -> State {
    (
        std::mem::replace(&mut cx.file, file.file.clone()),
        std::mem::replace(&mut cx.vars, vars),
        std::mem::replace(&mut cx.broken_vars, broken),
    )
}

/// Goes back; the variables of the other file.
fn leave(cx: &mut Context<'_>, (file, vars, broken): State) -> (BTreeMap<String, String>, HashSet<String>) {
    cx.file = file;
    (std::mem::replace(&mut cx.vars, vars), std::mem::replace(&mut cx.broken_vars, broken))
}
