//! repomd.xml: which files a repository has, and what is stated of each.

use std::collections::BTreeMap;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::error::RepodataError;
use super::unpack::{Stated, Unpacked, open};
use super::xml::{Node, Xml};

/// Bytes of a repomd.xml; those of large repositories have ten thousand.
const LIMIT: u64 = 4 << 20;

/// A file of a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) path: Utf8PathBuf,
    pub(super) stated: Stated,
}

/// The files of a repository by type: `primary`, `filelists`, `group`, `modules`, …
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Repomd {
    pub(super) path: Utf8PathBuf,
    pub(super) files: BTreeMap<String, Listed>,
}

impl Repomd {
    /// Reads that of the repository at a path; `id` chooses among those of a cache.
    pub(super) fn read(path: &Utf8Path, id: &str) -> Result<Self, RepodataError> {
        let root = root_of(path, id)?;
        let path = root.join("repodata/repomd.xml");
        // The directory `repodata` itself may have been named, under any name.
        let (root, path) = if path.is_file() { (Some(root), path) } else { (None, root.join("repomd.xml")) };
        let mut xml = Xml::new(&path, Unpacked::new(&path, open(&path)?, LIMIT)?);
        let mut files = BTreeMap::new();
        let (mut kind, mut listed) = (String::new(), Listed::default());
        let (mut text, mut checksum_kind) = (String::new(), String::new());
        loop {
            let depth = xml.depth();
            match xml.next(b"repomd")? {
                Node::Begin(element) => {
                    text.clear();
                    let mut href = None;
                    let seen = element.attributes(|name, value| match (element.name(), name) {
                        (b"data", b"type") => (kind, listed) = (value.into_owned(), Listed::default()),
                        (b"checksum", b"type") => checksum_kind = value.into_owned(),
                        (b"location", b"href") => href = Some(value.into_owned()),
                        _ => {}
                    });
                    seen.map_err(|reason| xml.error(reason))?;
                    if let Some(href) = href {
                        listed.path = below(&path, root.as_deref(), &href)?;
                    }
                }
                Node::Text(more) if depth == 3 && text.len() < 4096 => text.push_str(&more),
                Node::Text(_) => {}
                Node::End(end) => match end.name() {
                    b"checksum" => listed.stated.checksum = Some((checksum_kind.clone(), text.trim().to_owned())),
                    b"size" => listed.stated.size = text.trim().parse().ok(),
                    b"data" => {
                        files.insert(std::mem::take(&mut kind), std::mem::take(&mut listed));
                    }
                    _ => {}
                },
                Node::Over => return Ok(Self { path, files }),
            }
        }
    }

    /// The file of a type.
    pub(super) fn file(&self, kind: &str) -> Option<&Listed> {
        self.files.get(kind)
    }
}

/// The file that repomd.xml names: below its repository and nowhere else.
fn below(repomd: &Utf8Path, root: Option<&Utf8Path>, href: &str) -> Result<Utf8PathBuf, RepodataError> {
    let named = Utf8Path::new(href);
    if href.contains("://") || !named.components().all(|one| matches!(one, Utf8Component::Normal(_))) {
        return Err(RepodataError::Outside { path: repomd.to_owned(), href: href.to_owned() });
    }
    match (root, named.file_name(), repomd.parent()) {
        (Some(root), ..) => Ok(root.join(named)),
        (None, Some(name), Some(directory)) => Ok(directory.join(name)),
        _ => Err(RepodataError::Outside { path: repomd.to_owned(), href: href.to_owned() }),
    }
}

/// The directory that has `repodata/` or `repomd.xml`: this one, or the one of a cache that is called after the id.
fn root_of(path: &Utf8Path, id: &str) -> Result<Utf8PathBuf, RepodataError> {
    let has = |path: &Utf8Path| path.join("repodata/repomd.xml").is_file();
    if has(path) || path.join("repomd.xml").is_file() {
        return Ok(path.to_owned());
    }
    let missing = || RepodataError::Missing { path: path.to_owned() };
    let mut found = Vec::new();
    for entry in path.read_dir_utf8().map_err(|_| missing())?.flatten() {
        if has(entry.path()) {
            found.push(entry.file_name().to_owned());
        }
    }
    found.sort();
    // dnf calls the directory after the repository and a hash: `fedora-2d95c80a1fa0a67d`.
    let of_id = |name: &&String| name.strip_prefix(id).is_some_and(|rest| rest.is_empty() || is_hash(rest));
    let mine: Vec<&String> = found.iter().filter(of_id).collect();
    match (mine.as_slice(), found.as_slice()) {
        ([one], _) => Ok(path.join(one)),
        (_, [one]) => Ok(path.join(one)),
        (_, []) => Err(missing()),
        _ => Err(RepodataError::Several { path: path.to_owned(), found }),
    }
}

fn is_hash(rest: &str) -> bool {
    rest.strip_prefix('-').is_some_and(|hash| hash.len() >= 8 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
