//! Unit files of systemd, and their drop-ins: programs they start, users they run as, units they are ordered with,
//! files they read.
//!
//! A relation that systemd goes on without (`After=`, `Wants=`, `EnvironmentFile=-`, a condition) is optional. An empty
//! value takes back those before it. A value with a specifier (`%i`) is no name; of a template its file is needed.

mod settings;

use std::sync::Arc;

use crate::chain::ChainKind;
use crate::limits;
use crate::need::{Need, UnitWant, Verb, Want};
use crate::place::Place;
use crate::positions::Positions;
use crate::reader::{ReadError, Reader, Reading, Source};
use crate::shell::{Origin, Shell};
use crate::why::Why;
use crate::yaml::truth;

/// The reader.
pub(crate) struct Unit;

/// The kinds of units that have files.
const SUFFIXES: &[&str] = &["service", "socket", "timer", "mount", "automount", "path", "target", "slice", "swap"];

impl Reader for Unit {
    fn kind(&self) -> ChainKind {
        ChainKind::Unit
    }

    /// A name of a unit or of a drop-in, and a section.
    fn fits(&self, source: &Source<'_>) -> bool {
        let is_unit = |name: &str| name.rsplit_once('.').is_some_and(|(_, suffix)| SUFFIXES.contains(&suffix));
        let dir = source.path.parent().and_then(|dir| dir.file_name()).and_then(|dir| dir.strip_suffix(".d"));
        let is_drop_in = source.path.extension() == Some("conf") && dir.is_some_and(is_unit);
        let start = String::from_utf8_lossy(&source.bytes[..source.bytes.len().min(64 << 10)]);
        let is_section = |line: &str| line.starts_with('[') && line.ends_with(']');
        (is_drop_in || source.path.file_name().is_some_and(is_unit))
            && start.lines().any(|line| is_section(line.trim()))
    }

    fn read(&self, source: &Source<'_>, into: &mut Reading) -> Result<(), ReadError> {
        let mut unit = Parts { needs: Vec::new(), dynamic: false, shell: Shell::new(source.host, source.path) };
        unit.file(&Positions::of(source, into)?, into);
        // Drop-ins count as part of it, in the order of their names.
        let dir = format!("{}.d", source.path.file_name().unwrap_or_default());
        let mut names = source.listed_if_there(&dir, into);
        names.retain(|name| name.ends_with(".conf"));
        names.sort();
        for name in names.iter().take(limits::INCLUDES) {
            match source.host.included(source.path, name) {
                Ok((name, text)) => unit.file(&Positions::new(&Arc::from(name.as_str()), &text), into),
                Err(why) => {
                    into.line();
                    into.not_understood(Place::whole(&Arc::from(name.as_str())), name, why.to_string());
                }
            }
        }
        let dynamic = unit.dynamic;
        for (_, need) in unit.needs {
            if !(dynamic && matches!(need.want, Want::User(_) | Want::UserGroup(_))) {
                into.need(need);
            }
        }
        Ok(())
    }
}

/// A unit as far as it was read.
struct Parts<'s> {
    /// With the setting that each comes from.
    needs: Vec<(String, Need)>,
    /// Its user is made when it starts.
    dynamic: bool,
    shell: Shell<'s>,
}

impl Parts<'_> {
    fn file(&mut self, positions: &Positions, into: &mut Reading) {
        positions.count(&['#', ';'], &[], into);
        let mut section = "";
        let mut line = 1;
        let last = positions.line(positions.body().len());
        while line <= last {
            let start = line;
            let text = positions.body_line(line);
            line += 1;
            let trimmed = text.trim();
            if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
                section = name;
                continue;
            }
            // A line that ends in a backslash goes on; comments in between are skipped.
            let mut parts = vec![trimmed];
            while parts.last().is_some_and(|part| part.ends_with('\\')) && line <= last {
                let more = positions.body_line(line).trim();
                line += 1;
                if !more.starts_with(['#', ';']) {
                    parts.push(more);
                }
            }
            let parts: Vec<&str> = parts.iter().map(|part| part.trim_end_matches('\\').trim_end()).collect();
            let Some((key, first)) = parts[0].split_once('=') else {
                into.not_understood(positions.point(positions.start(start)), parts[0], "not a setting");
                continue;
            };
            let (key, first) = (key.trim(), first.trim());
            let mut values = vec![first];
            values.extend(&parts[1..]);
            values.retain(|value| !value.is_empty());
            if let Err(why) = self.setting(section, key, &values, positions, into) {
                into.not_understood(positions.point(positions.start(start)), parts[0], why);
            }
        }
    }

    fn setting(
        &mut self,
        section: &str,
        key: &str,
        values: &[&str],
        positions: &Positions,
        into: &mut Reading,
    ) -> Result<(), Why> {
        if section.starts_with("X-") || key.starts_with("X-") {
            return Ok(());
        }
        if values.is_empty() {
            self.needs.retain(|(other, _)| other != key);
            return if settings::is_known(key) { Ok(()) } else { Err(format!("`{key}=` is not read").into()) };
        }
        let words = values.iter().flat_map(|value| value.split_whitespace());
        let mut found = Vec::new();
        match key {
            "ExecStart" | "ExecStartPre" | "ExecStartPost" | "ExecReload" | "ExecStop" | "ExecStopPost"
            | "ExecCondition" => return self.command(key, values, positions, into),
            "User" | "SocketUser" => found.extend(account(values[0], Want::User)),
            "Group" | "SocketGroup" => found.extend(account(values[0], Want::UserGroup)),
            "SupplementaryGroups" => words.for_each(|word| found.extend(account(word, Want::UserGroup))),
            "DynamicUser" => self.dynamic = truth(values[0]) == Some(true),
            "After" | "Wants" | "Upholds" | "PartOf" | "OnFailure" | "OnSuccess" | "WantedBy" | "RequiredBy"
            | "UpheldBy" | "Also" => {
                for word in words {
                    found.push((word, unit(word)?, true));
                }
            }
            "Requires" | "Requisite" | "BindsTo" | "Unit" | "Service" | "Sockets" => {
                for word in words {
                    found.push((word, unit(word)?, false));
                }
            }
            "EnvironmentFile"
            | "WorkingDirectory"
            | "RootDirectory"
            | "RootImage"
            | "ReadWritePaths"
            | "ReadOnlyPaths"
            | "InaccessiblePaths"
            | "ExecPaths"
            | "NoExecPaths"
            | "BindPaths"
            | "BindReadOnlyPaths"
            | "RequiresMountsFor"
            | "WantsMountsFor"
            | "AssertPathExists"
            | "AssertPathIsDirectory"
            | "AssertFileIsExecutable"
            | "AssertFileNotEmpty"
            | "AssertDirectoryNotEmpty"
            | "ConditionPathExists"
            | "ConditionPathIsDirectory"
            | "ConditionFileIsExecutable"
            | "ConditionFileNotEmpty"
            | "ConditionDirectoryNotEmpty" => {
                for word in words {
                    found.extend(path(word, key.starts_with("Condition") || key == "WantsMountsFor")?);
                }
            }
            "ConditionArchitecture" => {
                let arch = match values[0] {
                    "x86-64" => Some("x86_64"),
                    "arm64" => Some("aarch64"),
                    "ppc64-le" => Some("ppc64le"),
                    name @ ("s390x" | "riscv64") => Some(name),
                    _ => None,
                };
                found.extend(arch.map(|arch| (values[0], Want::Arch(arch.to_owned()), true)));
            }
            "Type" if section == "Mount" => {
                let helper = match values[0] {
                    "nfs" | "nfs4" => Some("mount.nfs"),
                    "cifs" => Some("mount.cifs"),
                    _ => None,
                };
                found.extend(helper.map(|helper| (values[0], Want::Command(helper.to_owned()), false)));
            }
            key if settings::is_known(key) => {}
            key => return Err(format!("`{}=` is not read", muster_base::text::one_line(key, 60)).into()),
        }
        for (written, want, optional) in found {
            let place = positions.piece(written, 0);
            let need = Need::new(want, Verb::Use, place, written).optional(optional).within(Some(key));
            self.needs.push((key.to_owned(), need));
        }
        Ok(())
    }

    /// A command line: its program, and what a shell that it starts does.
    fn command(&mut self, key: &str, values: &[&str], positions: &Positions, into: &mut Reading) -> Result<(), Why> {
        let line = values[0];
        let bare = line.trim_start_matches(['@', '-', ':', '+', '!', '|']);
        let optional = line[..line.len() - bare.len()].contains('-');
        let program = bare.split_whitespace().next().unwrap_or_default().trim_matches(['"', '\'']);
        if program.contains(['%', '$', '\\']) || program.is_empty() {
            return Err("a program with a specifier or a variable".into());
        }
        let want =
            if program.starts_with('/') { Want::Path(program.to_owned()) } else { Want::Command(program.to_owned()) };
        let need = Need::new(want, Verb::Use, positions.piece(program, 0), program).optional(optional);
        self.needs.push((key.to_owned(), need.within(Some(key))));
        let name = program.rsplit('/').next().unwrap_or_default();
        if matches!(name, "sh" | "bash" | "dash") && values.len() == 1 {
            let script = bare.split_once(" -c ").map(|(_, script)| script.trim());
            let inner = |quote| script.and_then(|it| it.strip_prefix(quote)?.strip_suffix(quote));
            if let Some(script) = inner('\'').or_else(|| inner('"')) {
                // systemd takes `%` and `$` first: what has them is not what the shell gets.
                if script.contains('%') || script.contains("$$") {
                    return Err("a command of a shell with specifiers".into());
                }
                let place = positions.piece(script, 0);
                let origin = Origin::part(positions.file(), script, place.line, Some(place.start));
                self.shell.within(Some(key.to_owned()));
                self.shell.optional(optional);
                self.shell.run(script, &origin, into);
            }
        }
        Ok(())
    }
}

type Found<'v> = (&'v str, Want, bool);

/// A user or a group that is named.
fn account(name: &str, want: fn(String) -> Want) -> Option<Found<'_>> {
    let is_name = !name.contains('%') && !name.bytes().all(|byte| byte.is_ascii_digit()) && name != "root";
    is_name.then(|| (name, want(name.to_owned()), false))
}

/// A unit, of a template its file.
fn unit(name: &str) -> Result<Want, Why> {
    let name = match (name.split_once('@'), name.contains('%')) {
        (Some((template, instance)), true) if !template.contains('%') => {
            let suffix = instance.rsplit_once('.').map(|(_, suffix)| suffix).unwrap_or("service");
            format!("{template}@.{suffix}")
        }
        (_, true) => return Err("a name with a specifier".into()),
        _ => name.to_owned(),
    };
    Ok(Want::Unit { name, state: UnitWant::Exists })
}

/// A path that must be there. None of one that must not, and of one that is no absolute path.
fn path(word: &str, optional: bool) -> Result<Option<Found<'_>>, Why> {
    let bare = word.trim_start_matches(['-', '+', '|', ':']);
    let optional = optional || word[..word.len() - bare.len()].contains('-');
    let bare = bare.trim_matches('"').split(':').next().unwrap_or_default();
    if bare.starts_with('!') || bare == "~" {
        return Ok(None);
    }
    if bare.contains(['%', '*', '$']) || !bare.starts_with('/') {
        return Err("a path with a specifier or a pattern".into());
    }
    let want = Want::Path(if bare.len() > 1 { bare.trim_end_matches('/').to_owned() } else { bare.to_owned() });
    Ok(Some((bare, want, optional)))
}
