//! Containerfiles and Dockerfiles, also those of bootc.

mod instructions;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::chain::ChainKind;
use crate::need::{Need, Verb, Want};
use crate::place::Place;
use crate::reader::{ReadError, Reader, Reading, Source};
use crate::shell::{Argument, Interpreter, Origin, Shell, is_system_path};
use instructions::{Heredoc, Instruction, instructions};
use text::{array, assignments, substituted, unquoted, words};

/// The reader.
pub(crate) struct Containerfile;

impl Reader for Containerfile {
    fn kind(&self) -> ChainKind {
        ChainKind::Containerfile
    }

    fn fits(&self, source: &Source<'_>) -> bool {
        let name = source.path.file_name().unwrap_or_default().to_ascii_lowercase();
        ["containerfile", "dockerfile"]
            .iter()
            .any(|kind| name == *kind || name.starts_with(&format!("{kind}.")) || name.ends_with(&format!(".{kind}")))
    }

    fn read(&self, source: &Source<'_>, into: &mut Reading) -> Result<(), ReadError> {
        let text = source.text()?;
        let file = Arc::clone(into.file());
        let instructions = instructions(text, &file, into);
        let stages = instructions.iter().filter(|one| one.keyword == "FROM").count();
        let mut reader =
            Stages { source, into, global: BTreeMap::new(), ended: BTreeMap::new(), stage: None, count: 0, stages };
        for instruction in &instructions {
            reader.instruction(instruction);
        }
        reader.end();
        Ok(())
    }
}

/// What the stages of a file need, one after another.
struct Stages<'r, 's> {
    source: &'r Source<'s>,
    into: &'r mut Reading,
    /// `ARG` before the first `FROM`.
    global: BTreeMap<String, String>,
    /// Stages that are over, by name and number.
    ended: BTreeMap<String, Stage<'s>>,
    stage: Option<Stage<'s>>,
    count: usize,
    stages: usize,
}

/// A stage.
#[derive(Clone)]
struct Stage<'s> {
    name: Option<String>,
    /// The image that it comes from, through other stages. Without one it is `scratch`, or not known.
    base: Option<String>,
    shell: Shell<'s>,
    variables: BTreeMap<String, String>,
    entrypoint: Option<Program>,
    command: Option<Program>,
    /// `SHELL` is none whose text is read.
    foreign: bool,
}

/// What a container runs.
#[derive(Clone)]
enum Program {
    Words(Vec<(String, Place)>),
    Text(String, Origin),
}

impl<'s> Stages<'_, 's> {
    fn instruction(&mut self, instruction: &Instruction) {
        match (instruction.keyword.as_str(), self.stage.is_some()) {
            ("FROM", _) => return self.from(instruction),
            ("ARG", false) => {
                for (name, value, _) in assignments(&instruction.text[..instruction.length]) {
                    if let Some(value) = value.and_then(|value| substituted(&value, &self.global)) {
                        self.global.insert(name, value);
                    }
                }
                return;
            }
            (_, false) => return self.odd(instruction, "an instruction before `FROM`"),
            (_, true) => {}
        }
        let Some(mut stage) = self.stage.take() else { return };
        self.of_stage(instruction, &mut stage);
        self.stage = Some(stage);
    }

    fn odd(&mut self, instruction: &Instruction, why: &str) {
        let written = format!("{} {}", instruction.keyword, instruction.text[..instruction.length].trim());
        self.into.not_understood(instruction.origin.line(0), &written, why);
    }

    fn from(&mut self, instruction: &Instruction) {
        self.close();
        let text = &instruction.text[..instruction.length];
        let words: Vec<&str> = text.split_whitespace().filter(|word| !word.starts_with("--")).collect();
        let name = match words.as_slice() {
            [_, by, name] if by.eq_ignore_ascii_case("as") => Some((*name).to_ascii_lowercase()),
            _ => None,
        };
        let image = words.first().and_then(|image| substituted(image, &self.global));
        if image.is_none() {
            self.odd(instruction, "the image is not known here");
        }
        let number = self.count;
        self.count += 1;
        let before = image.as_ref().and_then(|image| self.ended.get(&image.to_ascii_lowercase())).cloned();
        let mut stage = match before {
            Some(before) => before,
            None => Stage {
                name: None,
                base: image.filter(|image| image != "scratch"),
                shell: Shell::new(self.source.host, self.source.path),
                variables: BTreeMap::new(),
                entrypoint: None,
                command: None,
                foreign: false,
            },
        };
        let shown = name.clone().unwrap_or_else(|| number.to_string());
        stage.name = name;
        stage.shell.within((self.stages > 1).then(|| format!("stage {shown}")));
        if let Some(base) = &stage.base {
            self.into.written_for(base.as_str());
        }
        self.stage = Some(stage);
    }

    /// Ends a stage: what it runs is known only now.
    fn close(&mut self) {
        let Some(mut stage) = self.stage.take() else { return };
        // Where there is an entry point, a command is its arguments: a program of the system's among them is one that it
        // runs (`exec "$@"`).
        let runs = |program: &Program| match program {
            Program::Words(words) => words.first().is_some_and(|(word, _)| is_system_path(word)),
            Program::Text(..) => false,
        };
        let command = stage.command.clone().filter(|command| stage.entrypoint.is_none() || runs(command));
        for program in stage.entrypoint.clone().into_iter().chain(command) {
            self.program(program, &mut stage);
        }
        let number = (self.count - 1).to_string();
        if let Some(name) = stage.name.clone() {
            self.ended.insert(name, stage.clone());
        }
        self.ended.insert(number, stage);
    }

    fn end(mut self) {
        self.close();
    }

    fn program(&mut self, program: Program, stage: &mut Stage<'s>) {
        match program {
            Program::Words(words) => {
                let words: Vec<Argument> = words.into_iter().map(|(text, place)| Argument { text, place }).collect();
                // Without an entry point of its own: options for the one of the image.
                if words.first().is_some_and(|word| !word.text.starts_with('-')) {
                    stage.shell.run_words(&words, self.into);
                }
            }
            Program::Text(text, origin) => stage.shell.run(&text, &origin, self.into),
        }
    }

    fn of_stage(&mut self, instruction: &Instruction, stage: &mut Stage<'s>) {
        let text = &instruction.text[..instruction.length];
        match instruction.keyword.as_str() {
            "RUN" => self.run(instruction, stage),
            "ARG" => {
                for (name, value, _) in assignments(text) {
                    let value = match value {
                        Some(value) => substituted(&value, &stage.variables),
                        None => self.global.get(&name).cloned(),
                    };
                    define(stage, &name, value);
                }
            }
            "ENV" => {
                for (name, value, _) in assignments(text) {
                    let value = value.and_then(|value| substituted(&value, &stage.variables));
                    define(stage, &name, value);
                }
            }
            "COPY" | "ADD" => self.copy(instruction, stage),
            "WORKDIR" => match substituted(text.trim(), &stage.variables) {
                Some(directory) => stage.shell.directory(unquoted(&directory)),
                None => self.odd(instruction, "the directory is not known here"),
            },
            "USER" => self.user(instruction, stage),
            "CMD" | "ENTRYPOINT" => {
                let program = program_of(instruction, 0);
                match instruction.keyword.as_str() {
                    "CMD" => stage.command = program,
                    // It takes the place of an inherited command, too.
                    _ => stage.entrypoint = program,
                }
            }
            "HEALTHCHECK" => {
                let mut at = 0;
                for (start, word) in words(text) {
                    if word.eq_ignore_ascii_case("cmd") {
                        at = start + word.len();
                        break;
                    }
                }
                if let Some(program) = program_of(instruction, at).filter(|_| at > 0) {
                    self.program(program, stage);
                }
            }
            "SHELL" => {
                if let Some(Program::Words(words)) = program_of(instruction, 0)
                    && let Some((program, place)) = words.first()
                {
                    let first = format!("#!{program}");
                    stage.foreign = !Interpreter::of(&first).is_some_and(|shell| shell.is_shell());
                    if is_system_path(program) {
                        self.need(Want::Path(program.clone()), Verb::Use, program, place.clone(), stage);
                    }
                }
            }
            "LABEL" | "EXPOSE" | "VOLUME" | "STOPSIGNAL" | "MAINTAINER" => {}
            other => {
                let why = format!("`{}` is no instruction", muster_base::text::one_line(other, 40));
                self.odd(instruction, &why);
            }
        }
    }

    fn need(&mut self, want: Want, verb: Verb, written: &str, place: Place, stage: &Stage<'_>) {
        let within = (self.stages > 1)
            .then(|| format!("stage {}", stage.name.clone().unwrap_or_else(|| (self.count - 1).to_string())));
        self.into.need(Need { want, verb, optional: false, place, written: written.to_owned(), within });
    }

    fn run(&mut self, instruction: &Instruction, stage: &mut Stage<'s>) {
        let mut at = 0;
        for (start, word) in words(&instruction.text[..instruction.length]) {
            if !word.starts_with("--") {
                break;
            }
            at = start + word.len();
        }
        if stage.foreign {
            return self.odd(instruction, "what the shell of `SHELL` runs is not read");
        }
        let mounted = self.mount(&instruction.text[..at], stage);
        self.run_mounted(instruction, at, stage);
        mounted.iter().for_each(|path| stage.shell.takes_away(path));
    }

    /// What `--mount=type=bind` shows of the context, or of a stage that copied of it, while the instruction runs.
    fn mount(&mut self, options: &str, stage: &mut Stage<'s>) -> Vec<String> {
        let mut mounted = Vec::new();
        for (_, option) in words(options) {
            let Some(spec) = option.strip_prefix("--mount=") else { continue };
            let Some(spec) = substituted(unquoted(spec), &stage.variables) else { continue };
            let of = |names: &[&str]| {
                let pairs = spec.split(',').filter_map(|pair| pair.split_once('='));
                pairs.filter(|(key, _)| names.contains(key)).map(|(_, value)| value).next_back()
            };
            let Some(target) = of(&["target", "dst", "destination"]) else { continue };
            if of(&["type"]).is_some_and(|kind| kind != "bind") {
                continue;
            }
            let source = of(&["source", "src"]).unwrap_or(".").trim_start_matches('/');
            let found = match of(&["from"]) {
                None if source.is_empty() => vec![(String::new(), ".".to_owned())],
                None => vec![(String::new(), source.to_owned())],
                Some(name) => match self.ended.get(&name.to_ascii_lowercase()) {
                    Some(other) => other.shell.brought_below(&format!("/{source}")),
                    None => continue,
                },
            };
            for (rest, host) in found {
                let path = format!("{}{rest}", target.trim_end_matches('/'));
                // What is there already is hidden for a while; that is not followed.
                if stage.shell.is_brought(&path) {
                    continue;
                }
                stage.shell.brings(&path, Some(&host));
                mounted.push(path);
            }
        }
        mounted
    }

    fn run_mounted(&mut self, instruction: &Instruction, at: usize, stage: &mut Stage<'s>) {
        let rest = instruction.text[at..instruction.length].trim_start();
        if rest.starts_with('[')
            && let Some(Program::Words(words)) = program_of(instruction, at)
        {
            let words: Vec<Argument> = words.into_iter().map(|(text, place)| Argument { text, place }).collect();
            return stage.shell.run_words(&words, self.into);
        }
        if rest.starts_with("<<") && rest.split_whitespace().count() == instruction.heredocs.len() {
            for heredoc in &instruction.heredocs {
                self.script(instruction, heredoc, stage);
            }
            return;
        }
        let mut text = instruction.text.clone();
        text.replace_range(..at, &" ".repeat(at));
        stage.shell.run(&text, &instruction.origin, self.into);
    }

    /// `RUN <<EOF`: the heredoc is the script.
    fn script(&mut self, instruction: &Instruction, heredoc: &Heredoc, stage: &mut Stage<'s>) {
        let body = &instruction.text[heredoc.body.clone()];
        let mut origin = Origin::new(instruction.origin.file());
        let mut at = 0;
        let interpreter = Interpreter::of(body).filter(|interpreter| !interpreter.is_shell());
        for line in body.split_inclusive('\n') {
            let place = instruction.origin.place(heredoc.body.start + at..heredoc.body.start + at + line.len());
            if let (Some(interpreter), true) = (&interpreter, crate::shell::says_something(line)) {
                let why =
                    format!("what code for {} needs is not read", muster_base::text::one_line(interpreter.name(), 40));
                let place = Place { end: place.start, ..place.clone() };
                self.into.not_understood(place, line, why);
            }
            origin.push(at, place.line, Some(place.start));
            at += line.len();
        }
        if let Some(interpreter) = Interpreter::of(body) {
            let first = body.lines().next().unwrap_or_default();
            let mut needed = |want: Want, written: &str| {
                let at = first.find(written).unwrap_or(0);
                self.need(want, Verb::Use, written, origin.place(at..at + written.len()), stage);
            };
            if is_system_path(interpreter.path) {
                needed(Want::Path(interpreter.path.to_owned()), interpreter.path);
            }
            if let Some(command) = interpreter.command.filter(|command| crate::shell::is_command(command)) {
                needed(Want::Command(command.to_owned()), command);
            }
        }
        if interpreter.is_none() {
            stage.shell.run(body, &origin, self.into);
        }
    }

    fn user(&mut self, instruction: &Instruction, stage: &mut Stage<'s>) {
        let text = &instruction.text[..instruction.length];
        let Some((start, word)) = words(text).next() else { return };
        let Some(value) = substituted(word, &stage.variables) else {
            return self.odd(instruction, "the user is not known here");
        };
        let (user, group) = value.split_once(':').map_or((value.as_str(), None), |(user, group)| (user, Some(group)));
        let place = |name: &str| match text[start..start + word.len()].find(name) {
            Some(at) if value == word => instruction.origin.place(start + at..start + at + name.len()),
            _ => instruction.origin.line(start),
        };
        if stage.shell.needs_user(user) {
            self.need(Want::User(user.to_owned()), Verb::Use, user, place(user), stage);
        }
        if let Some(group) = group.filter(|group| stage.shell.needs_group(group)) {
            self.need(Want::UserGroup(group.to_owned()), Verb::Use, group, place(group), stage);
        }
    }

    fn copy(&mut self, instruction: &Instruction, stage: &mut Stage<'s>) {
        let text = &instruction.text[..instruction.length];
        let mut paths: Vec<(String, Place)> = Vec::new();
        let mut elsewhere = false;
        let array = words(text).find(|(_, word)| !word.starts_with("--")).filter(|(_, word)| word.starts_with('['));
        let given = array.and_then(|(start, _)| program_of(instruction, start));
        for (start, word) in words(text) {
            if let Some(option) = word.strip_prefix("--") {
                elsewhere |= option.starts_with("from=");
                if let Some(owner) =
                    option.strip_prefix("chown=").and_then(|owner| substituted(owner, &stage.variables))
                {
                    let (user, group) =
                        owner.split_once(':').map_or((owner.as_str(), None), |(user, group)| (user, Some(group)));
                    let place = instruction.origin.line(start);
                    if stage.shell.needs_user(user) {
                        self.need(Want::User(user.to_owned()), Verb::Use, user, place.clone(), stage);
                    }
                    if let Some(group) = group.filter(|group| stage.shell.needs_group(group)) {
                        self.need(Want::UserGroup(group.to_owned()), Verb::Use, group, place, stage);
                    }
                }
            } else if given.is_none() && !word.starts_with("<<") {
                match substituted(word, &stage.variables) {
                    Some(path) => {
                        let path = unquoted(&path).to_owned();
                        let at = text[start..].find(path.as_str()).map_or(start, |at| start + at);
                        let place = match text[at..].starts_with(path.as_str()) {
                            true => instruction.origin.place(at..at + path.len()),
                            false => instruction.origin.line(start),
                        };
                        paths.push((path, place));
                    }
                    None => {
                        stage.shell.brings_unknown();
                        return self.odd(instruction, "a path is not known here");
                    }
                }
            }
        }
        if let Some(Program::Words(words)) = given {
            paths = words;
        }
        let Some(((to, _), sources)) = paths.split_last() else { return };
        // A heredoc is the file.
        if !instruction.heredocs.is_empty() {
            stage.shell.brings(to, None);
            return;
        }
        for (source, place) in sources {
            if source.ends_with(".rpm") && !elsewhere {
                let local = !source.contains("://");
                let want = if local { Want::LocalPackage(source.clone()) } else { Want::Repository(source.clone()) };
                let want = crate::spelling::package(source).unwrap_or(want);
                self.need(want, Verb::Use, source, place.clone(), stage);
            }
            brought(&mut stage.shell, source, to, sources.len() > 1, elsewhere);
            // A stage without a system only holds files for others.
            let name = source.trim_end_matches('/').rsplit('/').next().unwrap_or(source);
            let whole = matches!(name, "." | "") || !name.contains(['.', '*', '?', '[']);
            if whole && !elsewhere && stage.base.is_none() && to == "/" {
                stage.shell.brings("/", Some(source));
            }
        }
    }
}

/// What a copied file or directory is afterwards.
fn brought(shell: &mut Shell<'_>, source: &str, to: &str, several: bool, elsewhere: bool) {
    let name = source.trim_end_matches('/').rsplit('/').next().unwrap_or(source);
    let remote = elsewhere || source.contains("://") || source.contains(['*', '?', '[']);
    let host = (!remote).then_some(source);
    let archive = [".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.zst"].iter().any(|end| source.ends_with(end));
    let directory = to.trim_end_matches('/');
    // Over directories of the system: which files come is not known.
    let over = matches!(
        directory,
        "" | "/usr" | "/etc" | "/usr/bin" | "/usr/sbin" | "/usr/lib" | "/usr/local" | "/usr/local/bin" | "/opt"
    );
    let whole = source.ends_with('/') || matches!(name, "." | "..") || name.contains('*');
    if over && (whole || archive || !name.contains('.') && !to.ends_with('/') && directory != "/usr/local/bin") {
        shell.brings_unknown();
        return;
    }
    if whole {
        // `COPY scripts/*.sh /scripts/`
        let from = source.rsplit_once('/').map_or(source, |(from, _)| from);
        let from = if name.contains('*') { from } else { source };
        let known = !elsewhere && !from.contains(['*', '?', '[']);
        return shell.brings(directory, known.then_some(from));
    }
    if to.ends_with('/') || several || matches!(to, "." | "./" | "..") || to.ends_with("/.") {
        shell.brings(&format!("{to}/{name}"), host);
        return;
    }
    shell.brings(to, host);
}

fn define(stage: &mut Stage<'_>, name: &str, value: Option<String>) {
    stage.shell.set(name, value.as_deref());
    match value {
        Some(value) => stage.variables.insert(name.to_owned(), value),
        None => stage.variables.remove(name),
    };
}

/// What `CMD` and the like run, from byte `at` of the text.
fn program_of(instruction: &Instruction, at: usize) -> Option<Program> {
    let text = &instruction.text[..instruction.length];
    let rest = text[at..].trim_start();
    let at = text.len() - rest.len();
    if rest.starts_with('[')
        && let Some(words) = array(text, at)
    {
        let place = |(text, range): (String, std::ops::Range<usize>)| (text, instruction.origin.place(range));
        return Some(Program::Words(words.into_iter().map(place).collect()));
    }
    (!rest.trim().is_empty()).then(|| {
        let mut text = text.to_owned();
        text.replace_range(..at, &" ".repeat(at));
        Program::Text(text, instruction.origin.clone())
    })
}
