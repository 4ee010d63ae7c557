//! primary.xml: packages with their dependencies and the paths that count most.

use crate::data::{Data, DepId, Head, LISTS, List};
use crate::dependency::Operator;
use crate::package::evr_text;
use crate::texts::Text;

use super::error::RepodataError;
use super::xml::{Element, Node, Xml};

/// Bytes of text that are kept of one element. Names and paths are shorter; descriptions are not kept.
const TEXT: usize = 64 << 10;

/// One package as it is read; its strings keep their memory from one to the next.
#[derive(Default)]
struct Current {
    name: String,
    arch: String,
    epoch: u64,
    version: String,
    release: String,
    source: String,
    installed: u64,
    package: u64,
    lists: [Vec<DepId>; LISTS],
    files: Vec<Text>,
}

impl Current {
    fn clear(&mut self) {
        for text in [&mut self.name, &mut self.arch, &mut self.version, &mut self.release, &mut self.source] {
            text.clear();
        }
        (self.epoch, self.installed, self.package) = (0, 0, 0);
        self.lists.iter_mut().for_each(Vec::clear);
        self.files.clear();
    }
}

/// A dependency as it is read.
#[derive(Default)]
struct Entry {
    name: String,
    flags: String,
    epoch: u64,
    version: String,
    release: String,
}

impl Entry {
    fn take(&mut self, name: &[u8], value: &str) {
        match name {
            b"name" => value.clone_into(&mut self.name),
            b"flags" => value.clone_into(&mut self.flags),
            b"epoch" => self.epoch = value.parse().unwrap_or(0),
            b"ver" => value.clone_into(&mut self.version),
            b"rel" => value.clone_into(&mut self.release),
            _ => {}
        }
    }
}

/// Stores the packages of a primary.xml in a repository. How many were kept: those of other architectures are not.
pub(super) fn read(xml: &mut Xml, data: &mut Data, repository: u16) -> Result<usize, RepodataError> {
    let mut current = Current::default();
    let mut entry = Entry::default();
    let mut text = String::new();
    let (mut list, mut wanted, mut kept) = (None, false, 0);
    loop {
        let depth = xml.depth();
        xml.wants_text = wanted;
        match xml.next(b"metadata")? {
            Node::Begin(element) => {
                wanted = false;
                let seen = match (depth, element.name()) {
                    (1, b"package") => {
                        current.clear();
                        Ok(())
                    }
                    (2, b"version") => version(&element, &mut current),
                    (2, b"size") => element.attributes(|name, value| match name {
                        b"package" => current.package = value.parse().unwrap_or(0),
                        b"installed" => current.installed = value.parse().unwrap_or(0),
                        _ => {}
                    }),
                    (2, b"name" | b"arch") | (3, b"sourcerpm" | b"file") => {
                        wanted = !element.empty;
                        text.clear();
                        Ok(())
                    }
                    (3, name) => {
                        list = list_of(name).filter(|_| !element.empty);
                        Ok(())
                    }
                    (4, b"entry") if list.is_some() => {
                        for text in [&mut entry.name, &mut entry.flags, &mut entry.version, &mut entry.release] {
                            text.clear();
                        }
                        entry.epoch = 0;
                        let seen = element.attributes(|name, value| entry.take(name, &value));
                        let dep = stored(&entry, data).map_err(|source| full(xml, source))?;
                        if let Some((list, dep)) = list.zip(dep) {
                            current.lists[list as usize].push(dep);
                        }
                        seen
                    }
                    _ => Ok(()),
                };
                seen.map_err(|reason| xml.error(reason))?;
            }
            Node::Text(more) => {
                if wanted {
                    if text.len() + more.len() > TEXT {
                        return Err(xml.error(format!("a name or path has more than {TEXT} bytes")));
                    }
                    text.push_str(&more);
                }
            }
            Node::End(end) => {
                match (depth, end.name()) {
                    (3, b"name") => text.trim().clone_into(&mut current.name),
                    (3, b"arch") => text.trim().clone_into(&mut current.arch),
                    (4, b"sourcerpm") => text.trim().clone_into(&mut current.source),
                    (4, b"file") if text.starts_with('/') => {
                        let path = data.text(&text).map_err(|source| full(xml, source))?;
                        current.files.push(path);
                    }
                    (4, _) => list = None,
                    (2, b"package") => {
                        if current.name.is_empty() || current.version.is_empty() || current.arch.is_empty() {
                            return Err(xml.error("a package without name, version or architecture".to_owned()));
                        }
                        let admitted = data.admit(&current.name, &current.arch).map_err(|source| full(xml, source))?;
                        if let Some(fit) = admitted {
                            let head = head(&current);
                            data.push(repository, fit, &head, &current.lists, &current.files)
                                .map_err(|source| full(xml, source))?;
                            kept += 1;
                        }
                    }
                    _ => {}
                }
                wanted = false;
            }
            Node::Over => return Ok(kept),
        }
    }
}

fn full(xml: &Xml, source: crate::data::Full) -> RepodataError {
    RepodataError::Full { path: xml.path().to_owned(), source }
}

// A sentence: `Xml::error` makes an error of it, which names the file and the place.
fn version(element: &Element<'_>, current: &mut Current) -> Result<(), String> {
    element.attributes(|name, value| match name {
        b"epoch" => current.epoch = value.parse().unwrap_or(0),
        b"ver" => (*value).clone_into(&mut current.version),
        b"rel" => (*value).clone_into(&mut current.release),
        _ => {}
    })
}

fn head(current: &Current) -> Head<'_> {
    Head {
        name: &current.name,
        epoch: current.epoch,
        version: &current.version,
        release: &current.release,
        arch: &current.arch,
        source: &current.source,
        installed_size: current.installed,
        download_size: current.package,
    }
}

fn list_of(name: &[u8]) -> Option<List> {
    Some(match name {
        b"provides" => List::Provides,
        b"requires" => List::Requires,
        b"conflicts" => List::Conflicts,
        b"obsoletes" => List::Obsoletes,
        b"recommends" => List::Recommends,
        b"supplements" => List::Supplements,
        _ => return None,
    })
}

/// The dependency of an entry; none for one without a name.
fn stored(entry: &Entry, data: &mut Data) -> Result<Option<DepId>, crate::data::Full> {
    if entry.name.is_empty() {
        return Ok(None);
    }
    let operator = Operator::of_flags(&entry.flags).filter(|_| !entry.version.is_empty());
    let Some(operator) = operator else { return data.dep(&entry.name, None).map(Some) };
    if entry.epoch == 0 && entry.release.is_empty() {
        return data.dep(&entry.name, Some((operator, &entry.version))).map(Some);
    }
    let evr = evr_text(entry.epoch, &entry.version, &entry.release);
    data.dep(&entry.name, Some((operator, &evr))).map(Some)
}
