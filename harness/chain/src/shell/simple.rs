//! One command with its arguments.

use super::arguments::Arguments;
use super::field::{Field, Value};
use super::lists;
use super::names;
use super::syntax::Command;
use super::walk::Run;
use crate::need::{Verb, Want};
use crate::spelling;

/// Commands that run another one, in a row.
const WRAPPERS: usize = 16;

/// Where a package manager stands among the arguments of a command that nobody here knows: it is taken to run it
/// (`nosync dnf install …`, `retry 3 yum …`). Of a command that is known it is not: `grep dnf`, `echo dnf install …`.
fn runs_a_manager(name: &str, rest: &[Field]) -> Option<usize> {
    let short = name.rsplit('/').next().unwrap_or(name);
    let known =
        names::is_builtin(short) || names::is_usual(short) || names::is_manager(short) || names::is_foreign(short);
    let manages = |field: &Field| field.known().is_some_and(|text| names::is_manager(text) || names::is_foreign(text));
    let at = rest.iter().position(manages).filter(|_| !known)?;
    // A name alone is a package, an image or a file.
    (at + 1 < rest.len()).then_some(at)
}

impl Run<'_, '_> {
    /// A command whose words are expanded. `command` is where it comes from, if that is shell text.
    pub(super) fn simple(&mut self, fields: &[Field], command: Option<&Command>) {
        let in_image = self.in_image;
        self.unwrapped(fields, command);
        self.in_image = in_image;
    }

    /// The same, behind the commands that only run another one.
    fn unwrapped(&mut self, fields: &[Field], command: Option<&Command>) {
        let mut fields = fields;
        for _ in 0..WRAPPERS {
            let Some((first, rest)) = fields.split_first() else { return };
            self.here = first.place.clone();
            self.here.end = self.here.start;
            let name = match (&first.unknown, first.text.as_str()) {
                (None, "") => return,
                (None, name) => name,
                (Some(why), _) => {
                    let why = why.clone();
                    self.odd(first, &why);
                    // `$SUDO dnf install …`: what stands there as it is, is read all the same.
                    let next = rest.first().and_then(Field::known).unwrap_or_default();
                    if !(names::is_manager(next) || names::is_foreign(next) || next == "systemctl" || next == "rpm") {
                        return;
                    }
                    fields = rest;
                    continue;
                }
            };
            let name = name.to_owned();
            let managed = runs_a_manager(&name, rest);
            let writes = !names::is_builtin(&name) && !names::is_manager(&name);
            for field in rest {
                match &field.unknown {
                    Some(_) if writes => self.shell.handles_unknown(),
                    Some(_) => {}
                    None => self.shell.handles(&field.text),
                }
                if !only_reads(&name, rest) {
                    self.shell.changes(&field.text);
                }
            }
            let Some(short) = self.program(&name, first, rest).or_else(|| managed.map(|_| name.clone())) else {
                return;
            };
            if short == "xargs" && self.xargs(rest, command) {
                return;
            }
            match self.wrapped(&short, rest).or(managed) {
                Some(at) => fields = &rest[at.min(rest.len())..],
                None => return self.dispatch(&short, first, rest, command),
            }
        }
    }

    /// What running this program needs. Its name without path, if its arguments are to be read.
    fn program(&mut self, name: &str, field: &Field, rest: &[Field]) -> Option<String> {
        if self.has_function(name) && self.call(name, Some(rest.to_vec())) {
            return None;
        }
        if !name.contains('/') {
            if names::is_builtin(name) || names::is_of_mkosi(name) || self.shell.brings_command(name) {
                return Some(name.to_owned());
            }
            return match names::is_command(name) {
                true => {
                    self.need_of(Want::Command(name.to_owned()), Verb::Use, field);
                    Some(name.to_owned())
                }
                false => {
                    let why = format!("`{}` is no name of a command", muster_base::text::one_line(name, 40));
                    self.odd(field, &why);
                    None
                }
            };
        }
        let short = name.rsplit('/').next().unwrap_or(name).to_owned();
        if let Some(source) = self.shell.source_of(name) {
            self.include(&source, field, Some(rest.to_vec()), true);
            return None;
        }
        if self.shell.is_brought(name) {
            return None;
        }
        if names::is_system_path(name) {
            self.path(name, field);
            return Some(short);
        }
        if self.shell.is_add_on(name) {
            self.need_of(Want::Path(name.to_owned()), Verb::Use, field);
            return Some(short);
        }
        if name.ends_with(".sh") {
            self.odd(field, &format!("what {} does is not known here", muster_base::text::one_line(name, 80)));
            return None;
        }
        // A program of the chain's own. The usual ones in `/usr/local/bin` take the usual arguments.
        (name.starts_with("/usr/local/") || name.ends_with("/pip") || name.ends_with("/pip3")).then_some(short)
    }

    /// A path that must exist.
    pub(super) fn path(&mut self, path: &str, field: &Field) {
        if names::is_system_path(path) && !self.shell.is_brought(path) {
            self.need_of(Want::Path(path.to_owned()), Verb::Use, field);
        }
    }

    /// Where the command begins that this one runs, if it runs one.
    fn wrapped(&mut self, name: &str, rest: &[Field]) -> Option<usize> {
        let valued: &[&str] = match name {
            "sudo" | "doas" => {
                let arguments =
                    Arguments::of(rest, &["-u", "--user", "-g", "--group", "-h", "-p", "-C", "-D", "-R", "-T"]);
                for user in arguments.values(&["-u", "--user"]) {
                    self.user(&user);
                }
                &["-u", "--user", "-g", "--group", "-h", "-p", "-C", "-D", "-R", "-T"]
            }
            "env" => &["-u", "--unset", "-C", "--chdir"],
            "nice" => &["-n", "--adjustment"],
            "ionice" => &["-c", "-n", "--class", "--classdata"],
            "timeout" => &["-k", "-s", "--kill-after", "--signal"],
            "nohup" | "setsid" | "eatmydata" | "unbuffer" | "chronic" | "builtin" => &[],
            "stdbuf" => &["-i", "-o", "-e"],
            "exec" => &["-a"],
            "flock" => &["-w", "--timeout", "-E"],
            "mkosi-as-caller" => &[],
            "chroot" | "arch-chroot" | "mkosi-chroot" => {
                self.in_image = true;
                &["--userspec", "--groups", "-u"]
            }
            "gosu" | "su-exec" => {
                if let Some(user) = rest.first().and_then(Field::known) {
                    self.user(user.split(':').next().unwrap_or(user));
                }
                return Some(1);
            }
            "systemd-run" => &["-p", "--property", "-u", "--unit", "-E", "-M"],
            "xargs" => &[
                "-n",
                "-I",
                "-L",
                "-P",
                "-a",
                "-d",
                "-s",
                "-E",
                "--max-args",
                "--max-procs",
                "--arg-file",
                "--delimiter",
            ],
            "command" if !rest.first().is_some_and(|field| matches!(field.text.as_str(), "-v" | "-V")) => &[],
            "find" => return self.found(rest),
            "runuser" if !rest.iter().any(|field| field.is("-c")) => {
                let arguments = Arguments::of(rest, &["-u", "--user", "-g", "-G", "-s"]);
                for user in arguments.values(&["-u", "--user"]) {
                    self.user(&user);
                }
                return match arguments.has(&["-u", "--user"]) {
                    true => Some(after_options(rest, &["-u", "--user", "-g", "-G", "-s"])),
                    false => None,
                };
            }
            _ => return None,
        };
        let mut at = after_options(rest, valued);
        match name {
            "timeout" | "flock" | "chroot" | "arch-chroot" => at += 1,
            "sudo" | "doas" | "env" => {
                let assigns = |field: &Field| {
                    field
                        .text
                        .split_once('=')
                        .is_some_and(|(name, _)| super::words::name_length(name) == Some(name.len()))
                };
                at += rest.get(at..).unwrap_or_default().iter().take_while(|field| assigns(field)).count();
            }
            "xargs" => {
                // What it adds is not known; names that stand there are.
                let inner = rest.get(at..).unwrap_or_default();
                if inner.first().is_some_and(lists::takes_names) {
                    let because = self.unread.take().map(|why| format!(": {why}")).unwrap_or_default();
                    self.odd(&inner[0].clone(), &format!("what xargs adds to the command is not known here{because}"));
                }
            }
            _ => {}
        }
        (at < rest.len()).then_some(at)
    }

    /// `find … -exec COMMAND`
    fn found(&mut self, rest: &[Field]) -> Option<usize> {
        let at = rest.iter().position(|field| matches!(field.text.as_str(), "-exec" | "-execdir" | "-ok"))? + 1;
        (at < rest.len()).then_some(at)
    }

    fn dispatch(&mut self, name: &str, first: &Field, rest: &[Field], command: Option<&Command>) {
        let interpreter = name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        match name {
            "bash" | "sh" | "dash" | "ksh" | "zsh" | "ash" => return self.interpreter(first, rest, command),
            "." | "source" => return self.source(rest),
            "eval" => {
                let all: Option<Vec<&str>> = rest.iter().map(Field::known).collect();
                return match all {
                    Some(all) if !all.is_empty() => {
                        self.nested(all.join(" "), rest.first().filter(|_| rest.len() == 1))
                    }
                    _ => self.odd(first, "what `eval` runs is not known here"),
                };
            }
            "command" | "which" | "type" | "hash" => {
                for field in rest.iter().filter(|field| !field.text.starts_with('-')) {
                    match field.known() {
                        Some(path) if path.contains('/') => self.path(path, field),
                        Some(name)
                            if names::is_command(name)
                                && !names::is_builtin(name)
                                && !self.shell.brings_command(name) =>
                        {
                            self.need_of(Want::Command(name.to_owned()), Verb::Use, field);
                        }
                        Some(_) => {}
                        None => {
                            let why = field.unknown.clone().unwrap_or_default();
                            self.odd(field, &why);
                        }
                    }
                }
                return;
            }
            "[" | "test" => return self.tested(rest),
            "mapfile" | "readarray" if self.read_array(rest, command) => return,
            "read" | "mapfile" | "readarray" => {
                for field in Arguments::of(rest, &["-p", "-d", "-n", "-t", "-u"]).others {
                    self.set(&field.text.clone(), Value::Unknown);
                }
                return;
            }
            "unset" => {
                for field in rest {
                    self.variables.remove(&field.text);
                }
                return;
            }
            "set" => {
                // `set -- a b`
                if rest.first().is_some_and(|field| field.is("--")) {
                    self.arguments = Some(rest[1..].to_vec());
                }
                return;
            }
            "shift" => {
                if let Some(arguments) = &mut self.arguments
                    && !arguments.is_empty()
                {
                    let count =
                        rest.first().and_then(Field::known).and_then(|count| count.parse().ok()).unwrap_or(1usize);
                    arguments.drain(..count.min(arguments.len()));
                }
                return;
            }
            "cd" | "pushd" => {
                if let Some(to) = rest.first().and_then(Field::known) {
                    let to = self.shell.absolute(to);
                    self.shell.directory = to;
                }
                return;
            }
            "su" | "runuser" => return self.su(rest),
            _ => {}
        }
        if matches!(interpreter, "python" | "perl" | "ruby" | "node" | "php" | "lua") {
            return self.other_language(interpreter, first, rest, command);
        }
        if !self.package_command(name, rest) {
            self.system_command(name, rest);
        }
    }

    fn tested(&mut self, rest: &[Field]) {
        if self.optional > 0 {
            return;
        }
        for pair in rest.windows(2) {
            if let ("-x" | "-f" | "-e" | "-s", Some(path)) = (pair[0].text.as_str(), pair[1].known())
                && !rest.iter().any(|field| matches!(field.text.as_str(), "!" | "-o"))
            {
                self.path(path, &pair[1]);
            }
        }
    }

    fn su(&mut self, rest: &[Field]) {
        let arguments = Arguments::of(rest, &["-c", "--command", "-s", "--shell", "-g", "-G", "-u"]);
        if let Some(user) = arguments.others.iter().find(|field| !field.is("-")) {
            match user.known() {
                Some(name) => self.user_at(name, user),
                None => {
                    let why = user.unknown.clone().unwrap_or_default();
                    self.odd(user, &why);
                }
            }
        }
        for (option, value) in &arguments.options {
            let Some(value) = value else { continue };
            if *option == "-c" || *option == "--command" || option.ends_with('c') {
                match value.known() {
                    Some(text) => self.nested(text.to_owned(), Some(value)),
                    None => {
                        let why = value.unknown.clone().unwrap_or_default();
                        self.odd(value, &why);
                    }
                }
            }
        }
    }

    /// A unit that a command starts, enables or looks at.
    pub(super) fn unit(&mut self, field: &Field, state: crate::need::UnitWant) {
        let Some(name) = field.known() else {
            let why = field.unknown.clone().unwrap_or_default();
            return self.odd(field, &why);
        };
        // A unit file by its path is the chain's own.
        if name.contains('/') {
            return;
        }
        match spelling::unit(name) {
            Some(unit) if !self.shell.brings_unit(&unit) => {
                self.need_of(Want::Unit { name: unit, state }, Verb::Use, field);
            }
            Some(_) => {}
            None => self.odd(field, &format!("`{}` is no name of a unit", muster_base::text::one_line(name, 60))),
        }
    }
}

/// Whether a command leaves the files alone that are its arguments, as far as lists of names are concerned. What it copies
/// to is noted where that is read.
fn only_reads(name: &str, rest: &[Field]) -> bool {
    let short = name.rsplit('/').next().unwrap_or(name);
    let in_place = |field: &Field| {
        let option = field.text.as_str();
        option.starts_with("--in-place") || option.starts_with('-') && !option.starts_with("--") && option.contains('i')
    };
    match short {
        "sed" => !rest.iter().any(in_place),
        "sort" => !rest.iter().any(|field| field.text.starts_with("-o") || field.text.starts_with("--output")),
        "awk" | "cat" | "chgrp" | "chmod" | "chown" | "cmp" | "cp" | "cut" | "diff" | "egrep" | "fgrep" | "file"
        | "grep" | "head" | "install" | "ls" | "md5sum" | "mv" | "paste" | "restorecon" | "rm" | "sha256sum"
        | "stat" | "tail" | "test" | "touch" | "tr" | "uniq" | "unlink" | "wc" | "xargs" | "bash" | "sh" => true,
        _ => names::is_manager(short) || names::is_foreign(short) || names::is_builtin(short),
    }
}

/// The position behind options.
fn after_options(fields: &[Field], valued: &[&str]) -> usize {
    let mut at = 0;
    while let Some(option) = fields.get(at).filter(|field| field.text.starts_with('-') && field.text.len() > 1) {
        at += 1;
        if option.is("--") {
            break;
        }
        at += usize::from(valued.contains(&option.text.as_str()));
    }
    at
}
