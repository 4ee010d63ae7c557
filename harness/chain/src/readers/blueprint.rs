//! Blueprints of Image Builder.

use crate::chain::ChainKind;
use crate::names;
use crate::need::{Need, UnitWant, Verb, Want};
use crate::place::Place;
use crate::positions::Positions;
use crate::reader::{ReadError, Reader, Reading, Source};
use crate::spelling;
use crate::toml_text::{Value, items, root, text};
use crate::why::Why;
use muster_base::Relation;
use muster_base::text::one_line;

/// The reader.
pub(crate) struct Blueprint;

impl Reader for Blueprint {
    fn kind(&self) -> ChainKind {
        ChainKind::Blueprint
    }

    /// TOML with a table that only blueprints have. A lock file of Python has `[[packages]]`, too.
    fn fits(&self, source: &Source<'_>) -> bool {
        if source.path.extension() != Some("toml") {
            return false;
        }
        let text = String::from_utf8_lossy(&source.bytes[..source.bytes.len().min(256 << 10)]);
        let mut lines = text.lines().map(str::trim);
        let is_lock = lines.clone().any(|line| line.starts_with("lock-version"));
        let is_table = |line: &str| {
            ["[[packages]]", "[[modules]]", "[[groups]]", "[[containers]]", "[customizations", "[[customizations."]
                .iter()
                .any(|table| line.starts_with(table))
        };
        !is_lock && lines.any(is_table)
    }

    fn read(&self, source: &Source<'_>, into: &mut Reading) -> Result<(), ReadError> {
        let positions = Positions::of(source, into)?;
        let root = root(&positions)?;
        positions.count(&['#'], &[], into);
        let mut file = File { positions: &positions, needs: Vec::new(), strange: Vec::new(), debian: false };
        let table = root.get_ref();
        file.debian = text(table, "distro").is_some_and(|distro| distro.starts_with("debian"));
        for (key, value) in table {
            file.top(key.get_ref(), value);
        }
        if let Some(distro) = text(table, "distro").filter(|distro| !distro.is_empty()) {
            let (name, version) = distro.rsplit_once('-').unwrap_or((distro, ""));
            let separator = if version.is_empty() { "" } else { ":" };
            into.written_for(format!("{name}{separator}{version}"));
        }
        // Tables come in the order of their names.
        file.needs.sort_by_key(|need| need.place.start);
        file.strange.sort_by_key(|(place, _)| place.start);
        for need in file.needs {
            into.need(need);
        }
        for (place, why) in file.strange {
            let written = positions.line_text(place.line).to_owned();
            into.not_understood(place, &written, why);
        }
        Ok(())
    }
}

struct File<'p> {
    positions: &'p Positions,
    needs: Vec<Need>,
    strange: Vec<(Place, String)>,
    debian: bool,
}

impl File<'_> {
    fn top(&mut self, key: &str, value: &Value<'_>) {
        match key {
            "name" | "description" | "version" | "distro" | "arch" | "minimal" => {}
            "packages" | "modules" => items(value).into_iter().for_each(|item| self.package(key, item)),
            "groups" => items(value).into_iter().for_each(|item| {
                self.named(item, "name", key, |name| Ok((spelling::group(name)?, Verb::Install)));
            }),
            "enabled_modules" => items(value).into_iter().for_each(|item| {
                let stream = item.get_ref().as_table().and_then(|table| text(table, "stream")).map(str::to_owned);
                self.named(item, "name", key, |name| {
                    Ok((Want::Module { name: name.to_owned(), stream: stream.clone() }, Verb::Install))
                });
            }),
            // Images that the image holds.
            "containers" => {}
            "customizations" => match value.get_ref().as_table() {
                Some(table) => table.iter().for_each(|(key, value)| self.customization(key.get_ref(), value)),
                None => self.strange(value, "no table".to_owned()),
            },
            other => self.strange(value, format!("`{}` is not read", one_line(other, 60))),
        }
    }

    fn package(&mut self, within: &str, item: &Value<'_>) {
        let Some(table) = item.get_ref().as_table() else {
            return self.strange(item, "a package is a table with its name".to_owned());
        };
        let version = table.get("version").and_then(|value| Some((value, value.get_ref().as_str()?)));
        let exact = match version {
            None | Some((_, "" | "*")) => None,
            Some((value, version)) if version.contains('*') => {
                self.strange(value, "a pattern of versions is not compared: any version is taken".to_owned());
                None
            }
            Some((_, version)) => Some((Relation::Equal, version.to_owned())),
        };
        let debian = self.debian;
        self.named(item, "name", within, |name| {
            let want = match spelling::package(name)? {
                Want::Package { name, .. } if debian => Want::DebianPackage(name),
                Want::Package { name, version, arch } => {
                    Want::Package { name, version: version.or(exact.clone()), arch }
                }
                want => want,
            };
            Ok((want, Verb::Install))
        });
    }

    fn customization(&mut self, key: &str, value: &Value<'_>) {
        let within = format!("customizations.{key}");
        let table = value.get_ref().as_table();
        match (key, table) {
            ("services", Some(table)) => {
                for (name, value) in table {
                    let state = match &**name.get_ref() {
                        "enabled" => UnitWant::Enabled,
                        "disabled" | "masked" => UnitWant::Disabled,
                        _ => {
                            self.strange(value, "no state of a service".to_owned());
                            continue;
                        }
                    };
                    for item in items(value) {
                        self.one(item, &within, |name| Ok((Want::Unit { name: names::unit(name)?, state }, Verb::Use)));
                    }
                }
            }
            ("kernel", Some(_)) => {
                self.named(value, "name", &within, |name| Ok((spelling::package(name)?, Verb::Install)))
            }
            ("user", None) => {
                let made: Vec<String> = items(value)
                    .iter()
                    .filter_map(|user| text(user.get_ref().as_table()?, "name").map(str::to_owned))
                    .collect();
                for user in items(value) {
                    self.named(user, "shell", &within, |shell| Ok((Want::Path(shell.to_owned()), Verb::Use)));
                    let groups = user.get_ref().as_table().and_then(|table| table.get("groups"));
                    for group in groups.map(items).unwrap_or_default() {
                        if !group.get_ref().as_str().is_some_and(|name| made.iter().any(|it| it == name)) {
                            self.one(group, &within, |name| Ok((Want::UserGroup(name.to_owned()), Verb::Use)));
                        }
                    }
                }
            }
            ("repositories", None) => {
                for repository in items(value) {
                    let table = repository.get_ref().as_table();
                    for key in ["baseurls", "baseurl", "metalink", "mirrorlist"] {
                        for url in table.and_then(|table| table.get(key)).map(items).unwrap_or_default() {
                            self.one(url, &within, |url| Ok((Want::Repository(url.to_owned()), Verb::Install)));
                        }
                    }
                }
            }
            ("firewall", Some(_)) => {
                let name = "firewalld.service".to_owned();
                let place = self.positions.point(value.span().start);
                let want = Want::Unit { name, state: UnitWant::Exists };
                self.needs.push(Need::new(want, Verb::Use, place, "firewall").within(Some(within)));
            }
            (key, _) if PLAIN.contains(&key) => {}
            (key, _) => self.strange(value, format!("`customizations.{}` is not read", one_line(key, 60))),
        }
    }

    /// The text below a key of a table.
    fn named(
        &mut self,
        item: &Value<'_>,
        key: &str,
        within: &str,
        want: impl FnOnce(&str) -> Result<(Want, Verb), Why>,
    ) {
        let value = item.get_ref().as_table().and_then(|table| table.get(key));
        match value {
            Some(value) => self.one(value, within, want),
            None if key == "name" && within != "customizations.kernel" => {
                self.strange(item, "a table without `name`".to_owned());
            }
            None => {}
        }
    }

    fn one(&mut self, value: &Value<'_>, within: &str, want: impl FnOnce(&str) -> Result<(Want, Verb), Why>) {
        let Some(text) = value.get_ref().as_str() else {
            return self.strange(value, "a value that is no text".to_owned());
        };
        match want(text) {
            Ok((want, verb)) => {
                let span = value.span();
                let raw = self.positions.body().get(span.clone()).unwrap_or_default();
                let place = match raw.find(text).filter(|_| !text.is_empty()) {
                    Some(at) => self.positions.place(span.start + at..span.start + at + text.len()),
                    None => self.positions.point(span.start),
                };
                self.needs.push(Need::new(want, verb, place, text).within(Some(within)));
            }
            Err(why) => self.strange(value, why),
        }
    }

    fn strange(&mut self, value: &Value<'_>, why: impl Into<String>) {
        self.strange.push((self.positions.point(value.span().start), why.into()));
    }
}

/// Customizations that need nothing that is not on every system, or is part of the image's own shape.
const PLAIN: &[&str] = &[
    "cacerts",
    "directories",
    "disk",
    "fdo",
    "files",
    "filesystem",
    "fips",
    "group",
    "hostname",
    "ignition",
    "installer",
    "installation_device",
    "locale",
    "partitioning_mode",
    "rhsm",
    "rpm",
    "sshkey",
    "timezone",
];
