//! For the tests of readers: a host whose files are in memory, and chains as text.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use camino::{Utf8Path, Utf8PathBuf};

use crate::chain::{Chain, ChainKind};
use crate::host::{Host, Unavailable};
use crate::need::{Need, UnitWant, Verb, Want};
use crate::reader::{ReadError, Source};
use crate::readers::read;

/// A host that knows what it was given.
#[derive(Debug, Default)]
pub(crate) struct FakeHost {
    /// Text files by their path.
    pub(crate) files: BTreeMap<String, String>,
    /// Files that are there and cannot be read, by their path.
    pub(crate) unreadable: BTreeSet<String>,
    /// A directory in which the file that is read stands, with those that it includes.
    pub(crate) dir: Option<Utf8PathBuf>,
    /// What rpm says of any package.
    pub(crate) rpm: Option<String>,
    /// What rpmspec says, by its arguments joined with spaces.
    pub(crate) rpmspec: BTreeMap<String, String>,
    /// What stands behind [`crate::limits::TEXT`] of any file.
    pub(crate) pieces: Vec<u8>,
    /// Members of any archive.
    pub(crate) members: Vec<(String, Vec<u8>)>,
}

impl Host for FakeHost {
    fn included(&self, from: &Utf8Path, name: &str) -> Result<(String, String), Unavailable> {
        let path = from.parent().unwrap_or(Utf8Path::new("")).join(name);
        let missing = || Unavailable(format!("{path} is not there"));
        if self.unreadable.contains(path.as_str()) {
            return Err(Unavailable(format!("{path} cannot be read")));
        }
        let text = match &self.dir {
            Some(dir) => std::fs::read_to_string(dir.join(&path)).map_err(|_| missing())?,
            None => self.files.get(path.as_str()).ok_or_else(missing)?.clone(),
        };
        Ok((path.into_string(), text))
    }

    /// Of a directory in memory: whether a file is in it.
    fn is_there(&self, from: &Utf8Path, name: &str) -> bool {
        let path = from.parent().unwrap_or(Utf8Path::new("")).join(name);
        let is_it = |known: &String| Utf8Path::new(known).starts_with(&path);
        match &self.dir {
            Some(root) => root.join(&path).symlink_metadata().is_ok(),
            None => self.files.keys().chain(&self.unreadable).any(is_it),
        }
    }

    fn listed(&self, from: &Utf8Path, name: &str) -> Result<Vec<String>, Unavailable> {
        let dir = from.parent().unwrap_or(Utf8Path::new("")).join(name);
        if let Some(root) = &self.dir {
            let entries = root.join(&dir).read_dir_utf8().map_err(|error| Unavailable(error.to_string()))?;
            let slash = |path: &Utf8Path| if path.is_dir() { "/" } else { "" };
            let mut names: Vec<String> =
                entries.flatten().map(|entry| format!("{name}/{}{}", entry.file_name(), slash(entry.path()))).collect();
            names.sort_unstable();
            return Ok(names);
        }
        let within = |path: &String| {
            let rest = Utf8Path::new(path).strip_prefix(&dir).ok()?.as_str();
            Some(match rest.split_once('/') {
                Some((inner, _)) => format!("{name}/{inner}/"),
                None => format!("{name}/{rest}"),
            })
        };
        let names: BTreeSet<String> = self.files.keys().chain(&self.unreadable).filter_map(within).collect();
        Ok(names.into_iter().collect())
    }

    fn rpm(&self, _: &Utf8Path, _: &str) -> Result<String, Unavailable> {
        self.rpm.clone().ok_or_else(|| Unavailable("not an rpm package".to_owned()))
    }

    fn rpmspec(&self, _: &Utf8Path, arguments: &[&str]) -> Result<String, Unavailable> {
        self.rpmspec.get(&arguments.join(" ")).cloned().ok_or_else(|| Unavailable("rpmspec is missing".to_owned()))
    }

    fn piece(&self, _: &Utf8Path, from: u64, length: usize) -> Result<Vec<u8>, Unavailable> {
        let from = from.checked_sub(crate::limits::TEXT).and_then(|from| self.pieces.get(from as usize..));
        let from = from.ok_or_else(|| Unavailable("no such piece".to_owned()))?;
        Ok(from[..from.len().min(length)].to_vec())
    }

    fn archive(&self, _: &Utf8Path, bytes: u64, each: &mut dyn FnMut(&str, &[u8])) -> Result<(), Unavailable> {
        for (name, content) in &self.members {
            each(name, &content[..content.len().min(bytes as usize)]);
        }
        Ok(())
    }
}

/// Reads bytes as a file of this name.
pub(crate) fn read_bytes(path: &str, bytes: &[u8], host: &FakeHost) -> Result<Chain, ReadError> {
    read(&Source { path: Utf8Path::new(path), bytes, host }, None)
}

/// Reads a text as a file of this name.
pub(crate) fn read_text(path: &str, text: &str) -> Chain {
    read_bytes(path, text.as_bytes(), &FakeHost::default()).unwrap_or_else(|error| panic!("{error}"))
}

/// The kind of the reader that takes a file.
pub(crate) fn kind_of(path: &str, bytes: &[u8]) -> Vec<ChainKind> {
    let host = FakeHost::default();
    let source = Source { path: Utf8Path::new(path), bytes, host: &host };
    crate::readers::readers().iter().filter(|reader| reader.fits(&source)).map(|reader| reader.kind()).collect()
}

/// A chain, one line each: `3 install package nginx >= 1.2 .x86_64 optional [stage builder]`; behind the needs what was not
/// understood (`! 7 the line: why`), what it was written for and how many lines were understood.
pub(crate) fn shown(chain: &Chain) -> String {
    let mut out = String::new();
    for need in &chain.needs {
        let _ = writeln!(out, "{}", shown_need(need, &chain.file));
    }
    for it in &chain.not_understood {
        let other = if it.place.file == chain.file { String::new() } else { format!("{}:", it.place.file) };
        let _ = writeln!(out, "! {other}{} {}: {}", it.place.line, it.written, it.why);
    }
    if let Some(system) = &chain.written_for {
        let _ = writeln!(out, "for {system}");
    }
    let _ = writeln!(out, "{} of {} lines", chain.understood(), chain.lines);
    out
}

fn shown_need(need: &Need, file: &str) -> String {
    let verb = match need.verb {
        Verb::Install => "install",
        Verb::Use => "use",
        Verb::Remove => "remove",
    };
    let want = match &need.want {
        Want::Package { name, version, arch } => {
            let version = version.as_ref().map(|(sign, it)| format!(" {} {it}", sign.sign())).unwrap_or_default();
            let arch = arch.as_ref().map(|arch| format!(" .{arch}")).unwrap_or_default();
            format!("package {name}{version}{arch}")
        }
        Want::DebianPackage(name) => format!("debian-package {name}"),
        Want::Group(name) => format!("group {name}"),
        Want::Module { name, stream } => format!("module {name}:{}", stream.as_deref().unwrap_or("-")),
        Want::Capability(name) => format!("capability {name}"),
        Want::Path(path) => format!("path {path}"),
        Want::Command(name) => format!("command {name}"),
        Want::Soname { name, versions, bits, arch } => format!("soname {name}({}) {bits} {arch}", versions.join(",")),
        Want::IsaLevel(level) => format!("isa-level {level}"),
        Want::Arch(arch) => format!("arch {arch}"),
        Want::Unit { name, state } => {
            let state = match state {
                UnitWant::Exists => "exists",
                UnitWant::Enabled => "enabled",
                UnitWant::Started => "started",
                UnitWant::Disabled => "disabled",
            };
            format!("unit {name} {state}")
        }
        Want::User(name) => format!("user {name}"),
        Want::UserGroup(name) => format!("user-group {name}"),
        Want::Sysctl { name, value } => format!("sysctl {name}={}", value.as_deref().unwrap_or("-")),
        Want::KernelModule(name) => format!("kernel-module {name}"),
        Want::KernelOption(name) => format!("kernel-option {name}"),
        Want::OsRelease { key, known, otherwise } => {
            format!("os-release {key} {} {}", known.join(","), if *otherwise { "or-other" } else { "or-nothing" })
        }
        Want::LocalPackage(name) => format!("local-package {name}"),
        Want::Repository(name) => format!("repository {name}"),
    };
    let other = if *need.place.file == *file { String::new() } else { format!("{}:", need.place.file) };
    let optional = if need.optional { " optional" } else { "" };
    let fixed = if need.place.is_editable() || need.place.line == 0 { "" } else { " fixed" };
    let within = need.within.as_ref().map(|within| format!(" [{within}]")).unwrap_or_default();
    format!("{other}{} {verb} {want}{optional}{fixed}{within}", need.place.line)
}

/// The kinds that have chains in `testdata`.
pub(crate) const KINDS: &[&str] = &[
    "ansible",
    "cloud-config",
    "mkosi",
    "kiwi",
    "azldev",
    "comps",
    "blueprint",
    "spec",
    "facts",
    "unit",
    "containerfile",
    "kickstart",
    "script",
    "list",
];

/// Every `testdata/KIND/NAME` with a `NAME.needs` next to it: it is a file of that kind and of no other, its needs are
/// those, and what an edit would replace is what is written there. `UPDATE_NEEDS=1` writes them; read the difference.
#[test]
fn what_is_read_of_testdata_is_what_stands_next_to_it() {
    let root = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
    let mut wrong = Vec::new();
    let mut count = 0;
    for kind in KINDS {
        let dir = root.join(kind);
        for expected in dir.read_dir_utf8().unwrap().flatten() {
            let Some(name) = expected.file_name().strip_suffix(".needs") else { continue };
            count += 1;
            let path = dir.join(name);
            let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
            let host = FakeHost { dir: Some(dir.clone()), ..FakeHost::default() };
            let source = Source { path: Utf8Path::new(name), bytes: &bytes, host: &host };
            let fits = crate::readers::readers().iter().filter(|reader| reader.fits(&source));
            let kinds: Vec<&str> = fits.map(|reader| reader.kind().name()).collect();
            if kinds != [*kind] {
                wrong.push(format!("{path} is taken by {kinds:?}"));
            }
            let is_kind = |reader: &&&dyn crate::reader::Reader| reader.kind().name() == *kind;
            let kind = crate::readers::readers().iter().find(is_kind).map(|reader| reader.kind());
            let chain = read(&source, kind).unwrap_or_else(|error| panic!("{path}: {error}"));
            for need in chain.needs.iter().filter(|need| need.place.is_editable()) {
                let file = std::fs::read(dir.join(&*need.place.file)).unwrap_or_default();
                let found = file.get(need.place.start as usize..need.place.end as usize).unwrap_or_default();
                let found = String::from_utf8_lossy(found);
                let line = file[..need.place.start as usize].iter().filter(|byte| **byte == b'\n').count() as u32 + 1;
                // Of a requirement in a spec the name alone is replaced.
                let version = need.written.strip_prefix(&*found).filter(|_| chain.kind == ChainKind::Spec);
                let is_it = need.written == *found || version.is_some_and(|version| version.starts_with(' '));
                if !is_it || line != need.place.line {
                    wrong.push(format!("{path}: {found:?} in line {line} is not {:?} of {}", need.written, need.place));
                }
            }
            let now = shown(&chain);
            if std::env::var_os("UPDATE_NEEDS").is_some() {
                std::fs::write(expected.path(), &now).unwrap();
            }
            let before = std::fs::read_to_string(expected.path()).unwrap();
            if now != before {
                wrong.push(format!("{path}:\n{}", similar_lines(&before, &now)));
            }
        }
    }
    assert!(count >= 26 && wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The lines of which one text has more than the other.
fn similar_lines(before: &str, now: &str) -> String {
    let gone = before.lines().filter(|line| !now.lines().any(|other| other == *line)).map(|line| format!("- {line}"));
    let new = now.lines().filter(|line| !before.lines().any(|other| other == *line)).map(|line| format!("+ {line}"));
    gone.chain(new).collect::<Vec<_>>().join("\n")
}
