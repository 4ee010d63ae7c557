//! A facts file of `muster compare` as a chain: what runs on that system, run here.
//!
//! Needs are its installed packages by name (not in their versions: another system has its own), its enabled units, and
//! its users. Commands, sonames and files come with packages, and what packages do not bring is no part of a chain.
//! Places have no line: nobody edits such a file.

use serde_json::{Map, Value};

use crate::chain::ChainKind;
use crate::need::{Need, UnitWant, Verb, Want};
use crate::place::Place;
use crate::reader::{ReadError, Reader, Reading, Source};
use muster_base::text::one_line;

/// The reader.
pub(crate) struct Facts;

/// The schema that is read.
const SCHEMA: &str = "facts/v1";

impl Reader for Facts {
    fn kind(&self) -> ChainKind {
        ChainKind::Facts
    }

    /// JSON that says its schema near its beginning, as the writer of these files does.
    fn fits(&self, source: &Source<'_>) -> bool {
        let start = String::from_utf8_lossy(&source.bytes[..source.bytes.len().min(512)]);
        let dense: String = start.chars().filter(|c| !c.is_whitespace()).collect();
        dense.starts_with('{') && dense.contains("\"schema\":\"facts/")
    }

    fn read(&self, source: &Source<'_>, into: &mut Reading) -> Result<(), ReadError> {
        let broken = |why: String| ReadError::Broken { file: source.path.to_string(), why };
        let root: Value =
            serde_json::from_str(source.text()?).map_err(|error| broken(one_line(&error.to_string(), 200)))?;
        let schema = root["schema"].as_str().unwrap_or_default();
        if schema != SCHEMA {
            return Err(broken(format!("its schema is {}, and {SCHEMA} is read", one_line(schema, 60))));
        }
        let release = &root["system"]["os_release"];
        if let Some(id) = release["ID"].as_str() {
            let version = release["VERSION_ID"].as_str().map(|version| format!(":{version}")).unwrap_or_default();
            into.written_for(format!("{id}{version}"));
        }
        let debian = root["system"]["dpkg"].is_string() && !root["system"]["rpm"].is_string();
        let place = Place::whole(into.file());
        let part = |kind: &str, into: &mut Reading| -> Map<String, Value> {
            match &root["kinds"][kind] {
                Value::Null => Map::new(),
                part => match part["items"].as_object() {
                    Some(items) => items.clone(),
                    None if part["absent"].is_string() => Map::new(),
                    None => {
                        into.line();
                        let why = part["unreadable"].as_str().unwrap_or("it has no items");
                        into.not_understood(place.clone(), kind, one_line(why, 200));
                        Map::new()
                    }
                },
            }
        };
        let add = |want: Want, verb: Verb, written: &str, within: &str, into: &mut Reading| {
            into.line();
            into.need(Need::new(want, verb, place.clone(), written).within(Some(within)));
        };
        for (name, _) in part("package", into) {
            let want = if debian {
                Want::DebianPackage(name.clone())
            } else {
                Want::Package { name: name.clone(), version: None, arch: None }
            };
            add(want, Verb::Install, &name, "package", into);
        }
        for (name, unit) in part("unit", into) {
            if unit["state"].as_str() == Some("enabled") {
                add(Want::Unit { name: name.clone(), state: UnitWant::Enabled }, Verb::Use, &name, "unit", into);
            }
        }
        for (name, _) in part("user", into) {
            if name != "root" {
                add(Want::User(name.clone()), Verb::Use, &name, "user", into);
            }
        }
        Ok(())
    }
}
