//! Programs that read a program: shells, other languages, and scripts that the host has.

use super::field::{Field, Value};
use super::lines;
use super::names;
use super::origin::Origin;
use super::script::Interpreter;
use super::syntax::{Command, RedirectKind};
use super::walk::Run;

impl Run<'_, '_> {
    pub(super) fn interpreter(&mut self, first: &Field, rest: &[Field], command: Option<&Command>) {
        let mut at = 0;
        let mut text = false;
        while let Some(option) =
            rest.get(at).and_then(Field::known).filter(|option| option.starts_with(['-', '+']) && option.len() > 1)
        {
            at += 1;
            text |= !option.starts_with("--") && option.starts_with('-') && option.contains('c');
            if matches!(option, "-o" | "+o" | "-O" | "--rcfile" | "--init-file") {
                at += 1;
            }
            if option == "-s" || option == "--" {
                break;
            }
        }
        let stdin = rest[..at.min(rest.len())].iter().any(|field| field.is("-s"));
        let given = rest.get(at).filter(|_| !stdin).filter(|field| !field.is("-"));
        match given {
            Some(field) if text => match field.known() {
                Some(script) => {
                    let (script, arguments) = (script.to_owned(), rest.get(at + 2..).map(<[Field]>::to_vec));
                    let before = std::mem::replace(&mut self.arguments, arguments);
                    let variables = self.variables.clone();
                    self.nested(script, Some(field));
                    self.variables = variables;
                    self.arguments = before;
                }
                None => {
                    let why = field.unknown.clone().unwrap_or_default();
                    self.odd(field, &why);
                }
            },
            Some(field) => match (field.known(), field.unknown.clone()) {
                (Some(script), _) => match self.shell.source_of(script) {
                    Some(source) => self.include(&source, field, Some(rest[at + 1..].to_vec()), false),
                    None if names::is_system_path(script) => self.path(script, field),
                    None => self.odd(
                        field,
                        &format!("what {} does is not known here", muster_base::text::one_line(script, 80)),
                    ),
                },
                (None, why) => self.odd(field, &why.unwrap_or_default()),
            },
            None if text => {}
            None => {
                let heredoc = command.and_then(|command| self.heredoc_of(command));
                if let Some((text, origin)) = heredoc.and_then(|(number, _)| self.heredoc_text(number)) {
                    let variables = self.variables.clone();
                    self.text(text, origin);
                    self.variables = variables;
                } else if self.piped.is_some() || command.is_some_and(reads) {
                    self.odd(first, "the shell runs what it gets from elsewhere, which is not known here");
                    self.shell.opaque = true;
                }
            }
        }
    }

    pub(super) fn other_language(&mut self, language: &str, first: &Field, rest: &[Field], command: Option<&Command>) {
        if let [flag, module, rest @ ..] = rest
            && flag.is("-m")
        {
            if module.is("pip") || module.is("pipx") {
                self.package_command("pip", rest);
            }
            return;
        }
        let code = rest
            .iter()
            .take_while(|field| field.text.starts_with('-'))
            .any(|field| matches!(field.text.as_str(), "-c" | "-e" | "-" | "-ne" | "-pe"));
        let heredoc = command.and_then(|command| self.heredoc_of(command));
        // `perl -pe 's/…/…/'` is a `sed`.
        let edits = rest.first().is_some_and(|field| {
            field.text.starts_with("-p") || field.text.starts_with("-n") || field.text.starts_with("-i")
        });
        if (code && !edits) || heredoc.is_some() {
            let why = format!("what code for {language} needs is not read");
            self.odd(first, &why);
            for line in heredoc.map(|(number, _)| self.heredoc(number, true)).unwrap_or_default() {
                let place = crate::place::Place { end: line.place.start, ..line.place };
                if lines::says_something(&line.text) {
                    self.into.not_understood(place, &line.text, why.as_str());
                }
            }
        }
    }

    /// Text that stands in an argument.
    pub(super) fn nested(&mut self, text: String, field: Option<&Field>) {
        if !self.deeper() {
            return self.odd_here("shell text in shell text, deeper than is read");
        }
        let mut origin = Origin::new(&self.here.file.clone());
        match field.filter(|field| field.place.is_editable()) {
            Some(field) => origin = Origin::part(&field.place.file, &text, field.place.line, Some(field.place.start)),
            None => origin.push(0, self.here.line, None),
        }
        self.text(text, origin);
        self.back();
    }

    pub(super) fn odd_here(&mut self, why: &str) {
        let (place, written) = (self.here.clone(), self.shell.command.clone());
        self.into.not_understood(place, &written, why);
    }

    pub(super) fn source(&mut self, rest: &[Field]) {
        let Some(field) = rest.first() else { return };
        let Some(path) = field.known() else {
            let why = field.unknown.clone().unwrap_or_default();
            return self.odd(field, &why);
        };
        if path.ends_with("/os-release") {
            self.sourced = true;
            for key in ["ID", "ID_LIKE", "VERSION_ID", "PLATFORM_ID"] {
                self.variables.insert(key.to_owned(), Value::Release(key.to_owned()));
            }
            for key in
                ["NAME", "VERSION", "PRETTY_NAME", "VARIANT_ID", "VERSION_CODENAME", "UBUNTU_CODENAME", "CPE_NAME"]
            {
                self.variables.insert(key.to_owned(), Value::Unknown);
            }
            return self.path(path, field);
        }
        match self.shell.source_of(path) {
            Some(source) => self.include(&source, field, (rest.len() > 1).then(|| rest[1..].to_vec()), false),
            None if names::is_system_path(path) => self.path(path, field),
            // The environment of a language: what is there is not the system's.
            None if path.ends_with("/activate") || path.ends_with(".cargo/env") || path.ends_with("nvm.sh") => {
                self.shell.opaque = true;
            }
            None => self.odd(field, &format!("what {} sets is not known here", muster_base::text::one_line(path, 80))),
        }
    }

    /// Reads a script that the host has. `program`: it is run by its own first line.
    pub(super) fn include(&mut self, source: &str, field: &Field, arguments: Option<Vec<Field>>, program: bool) {
        if self.scripts.iter().any(|one| one == source) {
            return;
        }
        if self.shell.included >= crate::limits::INCLUDES {
            return self.odd(field, &format!("more than {} scripts", crate::limits::INCLUDES));
        }
        if !self.deeper() {
            return self.odd(field, "scripts that run each other, deeper than is read");
        }
        self.shell.included += 1;
        match self.shell.host.included(&self.shell.from, source) {
            Ok((name, text)) => {
                let file = std::sync::Arc::from(name.as_str());
                if self.shell.read.insert(name) {
                    match Interpreter::of(&text).is_none_or(|interpreter| interpreter.is_shell()) {
                        true => lines::count_lines(&text, self.into),
                        // Its first line, and all of its code.
                        false => (0..2).for_each(|_| self.into.line()),
                    }
                }
                let shell = super::script::shebang(&text, &file, self, program);
                let origin = Origin::whole(&file, &text);
                if shell {
                    self.scripts.push(source.to_owned());
                    let before = std::mem::replace(&mut self.arguments, arguments);
                    self.text(text, origin);
                    self.arguments = before;
                    self.scripts.pop();
                }
            }
            // A program that is no text may be named itself.
            Err(_) if program && !source.ends_with(".sh") => {}
            Err(why) => self.odd(field, &format!("{source} is run, and cannot be read: {why}")),
        }
        self.back();
    }
}

/// Whether something else than its own text is the standard input of a command.
fn reads(command: &Command) -> bool {
    command.redirects.iter().any(|redirect| matches!(redirect.kind, RedirectKind::In | RedirectKind::String))
}
