//! Spec files: what they require, for the build and when installed.
//!
//! rpm has no switch by which a spec could not run commands: `%(…)`, `%{lua:…}` and others do so as soon as it is read. So
//! the text is read here first, with the macros that it defines as plain text. Only where that leaves lines of
//! requirements open, and the spec has no macro but plain names ([`inert`]), rpmspec is consulted, and what it adds
//! stands where its name is found.
//!
//! Counted are lines of requirements and of the scripts of packages. The sections of the build run on the system that
//! BuildRequires describe; descriptions, file lists and the change log need nothing.
//!
//! All branches of `%if` are read. One that only openSUSE or Mageia take has optional needs, as one of `%ifarch` without
//! x86_64.

mod inert;
mod macros;
mod tag;

pub(super) use self::tag::tag_of;

use std::collections::HashSet;

use crate::chain::ChainKind;
use crate::names;
use crate::need::{Need, Verb, Want};
use crate::positions::Positions;
use crate::reader::{ReadError, Reader, Reading, Source};
use crate::shell::{Origin, Shell};
use crate::why::Why;
use macros::Macros;
use muster_base::Relation;

/// The reader.
pub(crate) struct Spec;

impl Reader for Spec {
    fn kind(&self) -> ChainKind {
        ChainKind::Spec
    }

    fn fits(&self, source: &Source<'_>) -> bool {
        let text = String::from_utf8_lossy(&source.bytes[..source.bytes.len().min(256 << 10)]);
        let has =
            |tag: &str| text.lines().any(|line| tag::tag_of(line).is_some_and(|(it, _)| it.eq_ignore_ascii_case(tag)));
        source.path.extension() == Some("spec") && (has("Name") || has("Version") || text.contains("%changelog"))
    }

    fn read(&self, source: &Source<'_>, into: &mut Reading) -> Result<(), ReadError> {
        let positions = Positions::of(source, into)?;
        let mut spec = File {
            positions: &positions,
            macros: Macros::of(positions.body()),
            own: HashSet::new(),
            needs: Vec::new(),
            open: Vec::new(),
            branches: Vec::new(),
            systems: HashSet::new(),
        };
        spec.own_names();
        spec.lines(source, into);
        spec.open(source);
        let File { needs, open, own, .. } = spec;
        for need in needs {
            if !matches!(&need.want, Want::Package { name, .. } if own.contains(name)) {
                into.need(need);
            }
        }
        for (line, why) in open {
            into.not_understood(positions.point(positions.start(line)), positions.line_text(line), why);
        }
        Ok(())
    }
}

/// Where in a spec a line stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Section {
    Preamble,
    /// A script that runs when a package is installed.
    Script,
    /// Anything else.
    Other,
}

/// A branch of `%if`.
struct Branch {
    optional: bool,
    /// Its `%else` is for all the others.
    otherwise: bool,
}

struct File<'p> {
    positions: &'p Positions,
    macros: Macros,
    /// Names of its own packages and of what they provide.
    own: HashSet<String>,
    needs: Vec<Need>,
    /// Lines of requirements that are not understood.
    open: Vec<(u32, Why)>,
    branches: Vec<Branch>,
    systems: HashSet<String>,
}

impl File<'_> {
    fn own_names(&mut self) {
        let name = self.macros.get("name").unwrap_or_default().to_owned();
        for line in self.positions.saying(&['#']) {
            let text = self.positions.body_line(line).trim();
            if let Some(rest) = text.strip_prefix("%package") {
                let expanded = self.macros.expand(rest.trim());
                let Ok(expanded) = expanded else { continue };
                let words: Vec<&str> = expanded.split_whitespace().collect();
                match words[..] {
                    ["-n", whole, ..] => self.own.insert(whole.to_owned()),
                    [part, ..] => self.own.insert(format!("{name}-{part}")),
                    [] => false,
                };
            }
            if let Some(("Provides", value)) = tag::tag_of(text)
                && let Ok(value) = self.macros.expand(value)
            {
                self.own.extend(requirements(&value).into_iter().flatten().map(|(name, _)| name.to_owned()));
            }
        }
        self.own.insert(name);
    }

    fn lines(&mut self, source: &Source<'_>, into: &mut Reading) {
        let positions = self.positions;
        let mut section = Section::Preamble;
        let mut within = String::from("package");
        let mut script: Vec<u32> = Vec::new();
        let mut shell = Shell::new(source.host, source.path);
        for line in positions.saying(&['#']) {
            let text = positions.body_line(line);
            let trimmed = text.trim();
            if self.condition(trimmed, line, into) {
                continue;
            }
            if let Some(next) = section_of(trimmed) {
                self.script(std::mem::take(&mut script), &within, &mut shell, into);
                section = next;
                within = trimmed.trim_start_matches('%').to_owned();
                if section == Section::Script {
                    into.line();
                    if let Some((_, program)) = trimmed.split_once(" -p ") {
                        let program = program.split_whitespace().next().unwrap_or_default();
                        if program.starts_with('/') {
                            let place = positions.piece(program, 0);
                            let need = Need::new(Want::Path(program.to_owned()), Verb::Use, place, program);
                            self.push(need.within(Some(within.as_str())));
                        }
                    }
                }
                continue;
            }
            match section {
                Section::Other => {}
                Section::Script => {
                    into.line();
                    script.push(line);
                }
                Section::Preamble => self.preamble(trimmed, line, &within, into),
            }
        }
        self.script(script, &within, &mut shell, into);
    }

    /// Whether the line is a condition.
    fn condition(&mut self, text: &str, line: u32, into: &mut Reading) -> bool {
        let word = text.split_whitespace().next().unwrap_or_default();
        match word {
            "%if" | "%ifarch" | "%ifnarch" | "%ifos" | "%ifnos" | "%elif" | "%elifarch" | "%elifos" => {
                if word.starts_with("%elif") {
                    self.branches.pop();
                }
                let branch = self.branch(word, text[word.len()..].trim(), line, into);
                self.branches.push(branch);
            }
            "%else" => {
                if let Some(branch) = self.branches.last_mut() {
                    branch.optional = branch.otherwise;
                }
            }
            "%endif" => {
                self.branches.pop();
            }
            _ => return false,
        }
        true
    }

    fn branch(&mut self, word: &str, condition: &str, line: u32, into: &mut Reading) -> Branch {
        if word.ends_with("arch") {
            let named = condition.contains("x86_64") || condition.contains("%{ix86}") && condition.contains("x86");
            let optional = named == (word == "%ifnarch");
            return Branch { optional, otherwise: !optional };
        }
        // Macros that say which system builds.
        const SYSTEMS: &[(&str, &str)] = &[
            ("fedora", "fedora"),
            ("rhel", "rhel"),
            ("centos", "centos"),
            ("azl", "azurelinux"),
            ("amzn", "amzn"),
            ("openEuler", "openEuler"),
            ("suse_version", "opensuse"),
            ("sle_version", "sles"),
            ("mageia", "mageia"),
        ];
        let has = |name: &str| {
            ["{?", "{!?"].iter().any(|open| condition.contains(&format!("%{open}{name}}}")))
                || condition.contains(&format!("%{{{name}}}"))
        };
        let known: Vec<String> = SYSTEMS.iter().filter(|(name, _)| has(name)).map(|(_, id)| (*id).to_owned()).collect();
        if !known.is_empty() && self.systems.insert(known.join(",")) {
            let place = self.positions.point(self.positions.start(line));
            let want = Want::OsRelease { key: "ID".to_owned(), known: known.clone(), otherwise: true };
            into.need(Need::new(want, Verb::Use, place, condition).optional(true));
        }
        let foreign = !known.is_empty()
            && !condition.contains('!')
            && known.iter().all(|id| matches!(id.as_str(), "opensuse" | "sles" | "mageia"));
        Branch { optional: foreign, otherwise: false }
    }

    fn push(&mut self, need: Need) {
        let optional = need.optional || self.branches.iter().any(|branch| branch.optional);
        self.needs.push(need.optional(optional));
    }

    fn preamble(&mut self, text: &str, line: u32, within: &str, into: &mut Reading) {
        if let Some((tag, value)) = tag::tag_of(text) {
            let (verb, optional) = match tag.to_ascii_lowercase().as_str() {
                "requires" | "prereq" | "buildrequires" | "buildprereq" => (Verb::Install, false),
                "recommends" | "suggests" => (Verb::Install, true),
                "exclusivearch" => {
                    into.line();
                    let arches: Vec<&str> = value.split_whitespace().collect();
                    // One of several: no need can say so.
                    if let [arch] = arches[..]
                        && !arch.contains('%')
                        && arch != "noarch"
                    {
                        let place = self.positions.piece(arch, 0);
                        self.push(Need::new(Want::Arch(arch.to_owned()), Verb::Use, place, arch));
                    }
                    return;
                }
                _ => return,
            };
            into.line();
            let within = match tag.to_ascii_lowercase().starts_with("build") {
                true => "build".to_owned(),
                false => within.to_owned(),
            };
            match self.requirements(value, line) {
                Ok(found) => {
                    for mut need in found {
                        need.verb = verb;
                        self.push(need.optional(optional).within(Some(within.as_str())));
                    }
                }
                Err(why) => self.open.push((line, why)),
            }
            return;
        }
        match macros::of_line(text) {
            macros::Line::Nothing => {}
            macros::Line::Requires(package) => {
                into.line();
                let want = Want::Package { name: package.to_owned(), version: None, arch: None };
                let place = self.positions.point(self.positions.start(line));
                self.push(Need::new(want, Verb::Install, place, text).within(Some(within)));
            }
            macros::Line::Unknown => {
                into.line();
                self.open.push((line, "a macro that may require something".into()));
            }
        }
    }

    /// The requirements of a line.
    fn requirements(&self, value: &str, line: u32) -> Result<Vec<Need>, Why> {
        let expanded = self.macros.expand(value)?;
        let mut out = Vec::new();
        for one in requirements(&expanded) {
            let (name, version) = one?;
            let want = names::requirement(name, version.clone());
            if let Want::Package { name, .. } = &want
                && !names::is_name(name)
            {
                return Err(format!("`{}` is no name of a package", muster_base::text::one_line(name, 60)).into());
            }
            let written = match &version {
                Some((sign, version)) => format!("{name} {} {version}", sign.sign()),
                None => name.to_owned(),
            };
            // The name as the file has it, where no macro made it; a rich dependency is replaced as a whole.
            let place = match value.find(name).filter(|_| value.matches(name).count() == 1) {
                Some(at) => self.positions.piece(&value[at..at + name.len()], 0),
                None => self.positions.point(self.positions.start(line)),
            };
            out.push(Need::new(want, Verb::Install, place, written));
        }
        Ok(out)
    }

    /// A script of a package. Lines of macros do what they are known to do; the rest is shell.
    fn script(&mut self, lines: Vec<u32>, within: &str, shell: &mut Shell<'_>, into: &mut Reading) {
        if within.contains(" -p ") && !within.contains("/bin/sh") && !within.contains("/bin/bash") {
            if let Some(line) = lines.first() {
                self.open.push((*line, "a script that is no shell".into()));
            }
            return;
        }
        let mut text = String::new();
        let mut origin = Origin::new(self.positions.file());
        for line in lines {
            let written = self.positions.body_line(line);
            let trimmed = written.trim();
            if trimmed.starts_with('%') && matches!(macros::of_line(trimmed), macros::Line::Nothing) {
                continue;
            }
            if trimmed.contains('%') {
                match self.macros.expand(written) {
                    Ok(expanded) => {
                        origin.push(text.len(), line, None);
                        text.push_str(&expanded);
                    }
                    Err(why) => {
                        self.open.push((line, why));
                        continue;
                    }
                }
            } else {
                let start = self.positions.place(self.positions.start(line)..self.positions.start(line)).start;
                origin.push(text.len(), line, Some(start));
                text.push_str(written);
            }
            text.push('\n');
        }
        if !text.trim().is_empty() {
            shell.within(Some(format!("%{within}")));
            shell.run(&text, &origin, into);
        }
    }

    /// What rpmspec says of lines that are open.
    fn open(&mut self, source: &Source<'_>) {
        if self.open.is_empty() || !inert::is_inert(self.positions.body()) {
            return;
        }
        let mut printed = Vec::new();
        for (kind, within) in [("--buildrequires", "build"), ("--requires", "package"), ("--recommends", "recommended")]
        {
            match source.host.rpmspec(source.path, &[kind]) {
                Ok(text) => printed.push((text, within)),
                Err(_) => return,
            }
        }
        for (text, within) in &printed {
            for line in text.lines() {
                for (name, version) in requirements(line).into_iter().flatten() {
                    let known = self.needs.iter().any(|need| need.written.split(' ').next() == Some(name));
                    if known || name.starts_with("rpmlib(") || name.starts_with("config(") {
                        continue;
                    }
                    let found = self.open.iter().find_map(|(line, _)| {
                        let text = self.positions.body_line(*line);
                        text.find(name).map(|at| self.positions.piece(&text[at..at + name.len()], 0))
                    });
                    let place = found.unwrap_or_else(|| crate::place::Place::whole(self.positions.file()));
                    let written = line.trim();
                    let need = Need::new(names::requirement(name, version), Verb::Install, place, written);
                    self.needs.push(need.optional(*within == "recommended").within(Some(*within)));
                }
            }
        }
        self.open.clear();
    }
}

fn section_of(line: &str) -> Option<Section> {
    let word = line.split_whitespace().next()?.strip_prefix('%')?;
    Some(match word {
        "package" => Section::Preamble,
        "pre" | "post" | "preun" | "postun" | "pretrans" | "posttrans" | "preuntrans" | "postuntrans" | "triggerin"
        | "triggerun" | "triggerpostun" | "triggerprein" | "filetriggerin" | "filetriggerun" | "transfiletriggerin"
        | "transfiletriggerun" => Section::Script,
        "description"
        | "prep"
        | "generate_buildrequires"
        | "conf"
        | "build"
        | "install"
        | "check"
        | "clean"
        | "files"
        | "changelog"
        | "sourcelist"
        | "patchlist"
        | "verifyscript" => Section::Other,
        _ => return None,
    })
}

type Requirement<'t> = (&'t str, Option<(Relation, String)>);

/// The requirements of a value: names with or without versions, between commas or blanks; rich ones in parentheses.
pub(super) fn requirements(value: &str) -> Vec<Result<Requirement<'_>, Why>> {
    let mut out = Vec::new();
    let mut rest = value.trim();
    while !rest.is_empty() {
        if rest.starts_with('(') {
            let mut depth = 0_usize;
            let end = rest.char_indices().find_map(|(at, c)| {
                depth = match c {
                    '(' => depth + 1,
                    ')' => depth - 1,
                    _ => depth,
                };
                (depth == 0).then_some(at + 1)
            });
            let Some(end) = end else {
                out.push(Err("parentheses that do not match".into()));
                return out;
            };
            out.push(Ok((&rest[..end], None)));
            rest = rest[end..].trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            continue;
        }
        let (name, behind) = word(rest);
        let (sign, behind_sign) = word(behind);
        match names::relation(sign) {
            Some(sign) => {
                let (version, behind) = word(behind_sign);
                if version.is_empty() {
                    out.push(Err("a comparison without a version".into()));
                    return out;
                }
                out.push(Ok((name, Some((sign, version.to_owned())))));
                rest = behind;
            }
            None => {
                out.push(Ok((name, None)));
                rest = behind;
            }
        }
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
    }
    out
}

/// The first word, which a blank ends, or a comma outside of parentheses; and what is behind it.
fn word(text: &str) -> (&str, &str) {
    let mut depth = 0_usize;
    let end = text.char_indices().find(|(_, c)| {
        match c {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        c.is_whitespace() || *c == ',' && depth == 0
    });
    let end = end.map_or(text.len(), |(at, _)| at);
    (&text[..end], text[end..].trim_start())
}
