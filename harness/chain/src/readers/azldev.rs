//! The TOML of azldev, Azure Linux's build tool: package groups, images, components with their overlays, and the files
//! that it includes.
//!
//! A package group's names are needs, as those of a list. An image is the kiwi description that it names. A component is
//! built from a spec that is somewhere else: what that requires is not known here and said so, once for each component;
//! what its overlays add to the spec (`spec-add-tag`, lines with `Requires:`) is a need.

use std::collections::BTreeSet;
use std::sync::Arc;

use toml::de::DeTable;

use super::kiwi;
use super::spec::{requirements, tag_of};
use crate::chain::ChainKind;
use crate::limits;
use crate::names;
use crate::need::{Need, Verb, Want};
use crate::place::Place;
use crate::positions::Positions;
use crate::reader::{ReadError, Reader, Reading, Source};
use crate::spelling;
use crate::toml_text::{Value, items, root, text};
use crate::why::Why;
use muster_base::text::one_line;

/// The reader.
pub(crate) struct Azldev;

impl Reader for Azldev {
    fn kind(&self) -> ChainKind {
        ChainKind::Azldev
    }

    /// Its name, or TOML with a table that only azldev has.
    fn fits(&self, source: &Source<'_>) -> bool {
        let name = source.path.file_name().unwrap_or_default();
        if source.path.extension() != Some("toml") {
            return false;
        }
        let text = String::from_utf8_lossy(&source.bytes[..source.bytes.len().min(256 << 10)]);
        let has = |table: &str| {
            text.lines()
                .any(|line| line.trim().trim_start_matches('[').starts_with(table) && line.trim().starts_with('['))
        };
        name == "azldev.toml"
            || name.ends_with(".overlay.toml") && has("overlays]")
            || ["package-groups.", "components.", "component-groups.", "distros."].into_iter().any(has)
            || has("images.") && text.lines().any(|line| line.trim().starts_with("definition"))
    }

    fn read(&self, source: &Source<'_>, into: &mut Reading) -> Result<(), ReadError> {
        let positions = Positions::of(source, into)?;
        let mut project = Project { source, into, files: 0, open: Vec::new(), read: BTreeSet::new() };
        project.file(&positions, "", 0)
    }
}

/// Files that include each other.
const DEEPEST: usize = 8;

struct Project<'r, 's> {
    source: &'r Source<'s>,
    into: &'r mut Reading,
    /// Included files, counted.
    files: usize,
    /// Those that are read now.
    open: Vec<String>,
    /// Descriptions of images: two profiles of one are one file.
    read: BTreeSet<String>,
}

/// What was found in a file.
struct File<'p> {
    positions: &'p Positions,
    needs: Vec<Need>,
    strange: Vec<(Place, String)>,
    /// Other files that it names: whether they are descriptions of kiwi.
    others: Vec<(String, bool, Place)>,
}

fn table_of<'t, 'i>(value: &'t Value<'i>) -> Option<&'t DeTable<'i>> {
    value.get_ref().as_table()
}

impl Project<'_, '_> {
    fn file(&mut self, positions: &Positions, dir: &str, depth: usize) -> Result<(), ReadError> {
        let root = root(positions)?;
        positions.count(&['#'], &[], self.into);
        let mut file = File { positions, needs: Vec::new(), strange: Vec::new(), others: Vec::new() };
        for (key, value) in root.get_ref() {
            file.top(key.get_ref(), value);
        }
        // Tables come in the order of their names.
        file.needs.sort_by_key(|need| need.place.start);
        file.strange.sort_by_key(|(place, _)| place.start);
        for need in file.needs {
            self.into.need(need);
        }
        for (place, why) in file.strange {
            let written = positions.line_text(place.line).to_owned();
            self.into.not_understood(place, &written, why);
        }
        for (name, is_kiwi, place) in file.others {
            let read = match is_kiwi {
                true => self.description(&format!("{dir}{name}")),
                false => self.include(&name, dir, depth),
            };
            if let Err(why) = read {
                let written = positions.line_text(place.line).to_owned();
                self.into.not_understood(place, &written, why);
            }
        }
        Ok(())
    }

    fn include(&mut self, pattern: &str, dir: &str, depth: usize) -> Result<(), Why> {
        if pattern.contains("**") {
            return Err(
                format!("the files that `{}` means are not looked for: name them", one_line(pattern, 60)).into()
            );
        }
        let (within, name) = pattern.rsplit_once('/').unwrap_or(("", pattern));
        let Some((before, after)) = name.split_once('*') else {
            return self.included(&format!("{dir}{pattern}"), depth);
        };
        let within = format!("{dir}{within}");
        let listed = if within.is_empty() { "." } else { within.trim_end_matches('/') };
        let names = self.source.host.listed(self.source.path, listed).map_err(|why| why.to_string())?;
        let fits = |path: &&String| {
            let name = path.rsplit('/').next().unwrap_or(path);
            name.len() >= before.len() + after.len() && name.starts_with(before) && name.ends_with(after)
        };
        for path in names.iter().filter(|path| !path.ends_with('/')).filter(fits) {
            self.included(path.trim_start_matches("./"), depth)?;
        }
        Ok(())
    }

    fn included(&mut self, name: &str, depth: usize) -> Result<(), Why> {
        let (path, text) = self.other(name, depth)?;
        if self.open.contains(&path) || path == self.source.path.as_str() {
            return Err("a file that includes itself".into());
        }
        let dir = name.rfind('/').map_or("", |slash| &name[..=slash]).to_owned();
        let positions = Positions::new(&Arc::from(path.as_str()), &text);
        self.open.push(path);
        let read = self.file(&positions, &dir, depth + 1);
        self.open.pop();
        read.map_err(|why| why.to_string().into())
    }

    fn description(&mut self, name: &str) -> Result<(), Why> {
        if !self.read.insert(name.to_owned()) {
            return Ok(());
        }
        let (path, text) = self.other(name, 0)?;
        let source = Source { path: path.as_str().into(), bytes: text.as_bytes(), host: self.source.host };
        kiwi::description(&source, &Positions::new(&Arc::from(path.as_str()), &text), self.into)
            .map_err(|why| why.to_string().into())
    }

    fn other(&mut self, name: &str, depth: usize) -> Result<(String, String), Why> {
        if depth >= DEEPEST || self.files >= limits::INCLUDES {
            let most = limits::INCLUDES;
            return Err(format!("files include each other more than {DEEPEST} deep, or more than {most}").into());
        }
        self.files += 1;
        self.source.host.included(self.source.path, name).map_err(|why| why.to_string().into())
    }
}

impl File<'_> {
    fn top(&mut self, key: &str, value: &Value<'_>) {
        match key {
            // What the project is called, and how it is built.
            "$schema"
            | "project"
            | "distros"
            | "tools"
            | "resources"
            | "default-component-config"
            | "default-package-config"
            | "test-suites"
            | "component-groups"
            | "metadata" => {}
            "includes" => {
                for item in items(value) {
                    match item.get_ref().as_str() {
                        Some(name) => {
                            let place = self.positions.point(item.span().start);
                            self.others.push((name.to_owned(), false, place));
                        }
                        None => self.strange(item.span().start, "a value that is no text"),
                    }
                }
            }
            "package-groups" => self.each(value, |file, name, group, _| file.group(name, group)),
            "images" => self.each(value, |file, _, image, at| file.image(image, at)),
            "components" => self.each(value, |file, name, component, at| file.component(name, component, at)),
            // A file of overlays, of the component that names it.
            "overlays" => items(value).into_iter().for_each(|overlay| self.overlay("", overlay)),
            other => self.strange(value.span().start, format!("`{}` is not read", one_line(other, 60))),
        }
    }

    /// The tables of a table, each with its name and where that stands.
    fn each(&mut self, value: &Value<'_>, then: impl Fn(&mut Self, &str, &DeTable<'_>, usize)) {
        let Some(table) = table_of(value) else { return self.strange(value.span().start, "no table") };
        for (name, value) in table {
            match table_of(value) {
                Some(table) => then(self, name.get_ref(), table, name.span().start),
                None => self.strange(value.span().start, "no table"),
            }
        }
    }

    fn group(&mut self, name: &str, group: &DeTable<'_>) {
        let within = format!("package-groups.{name}");
        for (key, value) in group {
            match &**key.get_ref() {
                "packages" => {
                    for item in items(value) {
                        let want = item.get_ref().as_str().map(|name| match spelling::package(name) {
                            Ok(want @ Want::Package { .. }) => Ok(want),
                            Ok(_) => Err(format!("`{}` is no name of a package", one_line(name, 60)).into()),
                            Err(why) => Err(why),
                        });
                        self.one(item, want, &within);
                    }
                }
                "description" | "default-package-config" => {}
                other => self.strange(value.span().start, format!("`{}` is not read", one_line(other, 60))),
            }
        }
    }

    fn image(&mut self, image: &DeTable<'_>, at: usize) {
        let definition = image.get("definition").and_then(|value| Some((table_of(value)?, value.span().start)));
        let Some((definition, start)) = definition else {
            return self.strange(at, "an image without a definition");
        };
        match (text(definition, "type"), text(definition, "path")) {
            (Some("kiwi"), Some(path)) => self.others.push((path.to_owned(), true, self.positions.point(start))),
            (kind, _) => {
                let kind = one_line(kind.unwrap_or("no type"), 40);
                self.strange(start, format!("a definition of `{kind}` is not read"));
            }
        }
    }

    fn component(&mut self, name: &str, component: &DeTable<'_>, at: usize) {
        let spec = component.get("spec").and_then(table_of);
        let why = match spec.filter(|spec| text(spec, "type") == Some("local")).and_then(|spec| text(spec, "path")) {
            Some(path) => format!("what {} requires is read when it is named itself", one_line(path, 100)),
            None => format!("what the spec of {} requires is not known here", one_line(name, 60)),
        };
        self.strange(at, why);
        for (key, value) in component {
            match &**key.get_ref() {
                "overlays" => items(value).into_iter().for_each(|overlay| self.overlay(name, overlay)),
                "spec" | "build" | "release" | "render" | "source-files" | "publish" | "packages" => {}
                // Files of overlays.
                "overlay-files" => {
                    for item in items(value) {
                        if let Some(name) = item.get_ref().as_str() {
                            self.others.push((name.to_owned(), false, self.positions.point(item.span().start)));
                        }
                    }
                }
                other => self.strange(value.span().start, format!("`{}` is not read", one_line(other, 60))),
            }
        }
    }

    /// What an overlay adds to a spec.
    fn overlay(&mut self, component: &str, value: &Value<'_>) {
        let Some(overlay) = table_of(value) else { return self.strange(value.span().start, "no table") };
        let part = text(overlay, "package").map(|name| format!(" {name}")).unwrap_or_default();
        let within = |build: bool| match build {
            true => format!("build {component}").trim_end().to_owned(),
            false => format!("package {component}{part}").trim_end().to_owned(),
        };
        match text(overlay, "type") {
            Some("spec-add-tag" | "spec-insert-tag" | "spec-set-tag" | "spec-update-tag") => {
                if let (Some(tag), Some(value)) = (text(overlay, "tag"), overlay.get("value")) {
                    self.tag(tag, value, value.get_ref().as_str().unwrap_or_default(), within);
                }
            }
            Some("spec-append-lines" | "spec-prepend-lines") => {
                for line in overlay.get("lines").map(items).unwrap_or_default() {
                    if let Some((tag, required)) = line.get_ref().as_str().and_then(tag_of) {
                        self.tag(tag, line, required, within);
                    }
                }
            }
            Some("spec-search-replace") => {
                if let Some(value) = overlay.get("replacement") {
                    for (tag, required) in value.get_ref().as_str().unwrap_or_default().lines().filter_map(tag_of) {
                        self.tag(tag, value, required, within);
                    }
                }
            }
            Some(
                "spec-remove-tag"
                | "spec-remove-section"
                | "spec-remove-subpackage"
                | "patch-add"
                | "patch-remove"
                | "file-prepend-lines"
                | "file-search-replace"
                | "file-add"
                | "file-remove"
                | "file-rename",
            ) => {}
            other => {
                let kind = one_line(other.unwrap_or("no type"), 40);
                self.strange(value.span().start, format!("an overlay of `{kind}` is not read"));
            }
        }
    }

    /// A tag of a spec that stands in a text of the file.
    fn tag(&mut self, tag: &str, value: &Value<'_>, required: &str, within: impl Fn(bool) -> String) {
        let (build, optional) = match tag.to_ascii_lowercase().split('(').next().unwrap_or_default() {
            "requires" | "prereq" => (false, false),
            "buildrequires" | "buildprereq" => (true, false),
            "recommends" | "suggests" => (false, true),
            _ => return,
        };
        if required.contains('%') {
            return self.strange(value.span().start, "a macro in a requirement is not expanded");
        }
        for one in requirements(required) {
            let want = one.and_then(|(name, version)| match names::requirement(name, version) {
                Want::Package { name, .. } if !names::is_name(&name) => {
                    Err(format!("`{}` is no name of a package", one_line(&name, 60)).into())
                }
                want => Ok((name, want)),
            });
            match want {
                Ok((name, want)) => {
                    let place = self.place_of(value, name);
                    let need = Need::new(want, Verb::Install, place, name).optional(optional);
                    self.needs.push(need.within(Some(within(build))));
                }
                Err(why) => self.strange(value.span().start, why),
            }
        }
    }

    fn one(&mut self, value: &Value<'_>, want: Option<Result<Want, Why>>, within: &str) {
        let written = value.get_ref().as_str().unwrap_or_default();
        match want {
            Some(Ok(want)) => {
                let place = self.place_of(value, written);
                self.needs.push(Need::new(want, Verb::Install, place, written).within(Some(within)));
            }
            Some(Err(why)) => self.strange(value.span().start, why),
            None => self.strange(value.span().start, "a value that is no text"),
        }
    }

    /// Where a name stands in a text of the file, which an edit can replace if it stands there once.
    fn place_of(&self, value: &Value<'_>, name: &str) -> Place {
        let span = value.span();
        let raw = self.positions.body().get(span.clone()).unwrap_or_default();
        match raw.find(name).filter(|_| !name.is_empty() && raw.matches(name).count() == 1) {
            Some(at) if !raw.contains('\n') => self.positions.place(span.start + at..span.start + at + name.len()),
            _ => self.positions.point(span.start),
        }
    }

    fn strange(&mut self, at: usize, why: impl Into<String>) {
        self.strange.push((self.positions.point(at), why.into()));
    }
}
