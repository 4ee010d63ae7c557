//! filelists.xml: every path of every package, of which only the wanted ones are kept.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use crate::data::Data;
use crate::package::{PackageId, evr_text};
use crate::texts::Text;

use super::error::RepodataError;
use super::xml::{Node, Xml};

/// Which package is meant: name, version and architecture.
type Key = (Text, Text, Text);

/// Finds the owners of wanted paths among the packages of a repository, which are those of these numbers.
pub(super) fn read(
    xml: &mut Xml,
    data: &Data,
    of: Range<u32>,
    wanted: &BTreeSet<String>,
) -> Result<Vec<(PackageId, String)>, RepodataError> {
    let mut packages: HashMap<Key, PackageId> = HashMap::new();
    for id in of.map(PackageId) {
        let stored = &data.packages[id.at()];
        packages.insert((stored.name, stored.evr, stored.arch), id);
    }
    let mut found = Vec::new();
    let (mut name, mut arch, mut evr, mut text) = (String::new(), String::new(), String::new(), String::new());
    loop {
        let depth = xml.depth();
        match xml.next(b"filelists")? {
            Node::Begin(element) => {
                text.clear();
                let (mut epoch, mut version, mut release) = (0, String::new(), String::new());
                let seen = match (depth, element.name()) {
                    (1, b"package") => element.attributes(|attribute, value| match attribute {
                        b"name" => value.as_ref().clone_into(&mut name),
                        b"arch" => value.as_ref().clone_into(&mut arch),
                        _ => {}
                    }),
                    (2, b"version") => {
                        let seen = element.attributes(|attribute, value| match attribute {
                            b"epoch" => epoch = value.parse().unwrap_or(0),
                            b"ver" => version = value.into_owned(),
                            b"rel" => release = value.into_owned(),
                            _ => {}
                        });
                        evr = evr_text(epoch, &version, &release);
                        seen
                    }
                    _ => Ok(()),
                };
                seen.map_err(|reason| xml.error(reason))?;
            }
            Node::Text(more) if depth == 3 => {
                // A longer one is wanted by nobody: `Interest` has none.
                if text.len() < 8192 {
                    text.push_str(&more);
                }
            }
            Node::Text(_) => {}
            Node::End(_) => {
                if depth == 3 && wanted.contains(&text) {
                    let key = (data.texts.find(&name), data.texts.find(&evr), data.texts.find(&arch));
                    if let (Some(name), Some(evr), Some(arch)) = key
                        && let Some(id) = packages.get(&(name, evr, arch))
                    {
                        found.push((*id, text.clone()));
                    }
                }
            }
            Node::Over => return Ok(found),
        }
    }
}

/// Adds paths to packages that have some already.
pub(super) fn add(data: &mut Data, mut found: Vec<(PackageId, String)>) -> Result<(), crate::data::Full> {
    found.sort();
    found.dedup();
    for of_one in found.chunk_by(|one, other| one.0 == other.0) {
        let id = of_one[0].0;
        let (from, to) = data.packages[id.at()].files;
        let mut files: Vec<Text> = data.files[from as usize..to as usize].to_vec();
        for (_, path) in of_one {
            let path = data.text(path)?;
            if !files.contains(&path) {
                files.push(path);
            }
        }
        let count = |length: usize| u32::try_from(length).map_err(|_| crate::data::Full);
        let from = count(data.files.len())?;
        data.files.extend(files);
        data.packages[id.at()].files = (from, count(data.files.len())?);
    }
    Ok(())
}
