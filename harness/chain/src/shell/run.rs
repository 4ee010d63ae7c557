//! Walks through parsed shell text: which commands run, under which condition, and what the chain does when they fail.

use std::rc::Rc;

use super::condition::{self, Condition};
use super::field::{Field, Value};
use super::lines;
use super::names;
use super::origin::Origin;
use super::parse::parse;
use super::syntax::{AndOr, Arm, Assigned, Assignment, Command, Joint, Kind, List, Pipeline, Word};
use super::walk::{CALLS, Function, Line, Run, Unit, VALUES};

/// Commands that are looked at, in one piece of text: loops in loops over long lists end there.
const STEPS: usize = 100_000;

impl Run<'_, '_> {
    /// Walks through a text as if it stood where the walk is now.
    pub(super) fn text(&mut self, text: String, origin: Origin) {
        let parsed = parse(&text);
        let unit = Rc::new(Unit { text, origin, heredocs: parsed.heredocs });
        let before = std::mem::replace(&mut self.unit, unit);
        for fault in parsed.faults {
            let unit = Rc::clone(&self.unit);
            let mut at = fault.range.start;
            for line in unit.text[fault.range.clone()].split_inclusive('\n') {
                if lines::says_something(line) {
                    self.odd_at(at, &fault.why);
                }
                at += line.len();
            }
        }
        self.list(&parsed.list);
        self.unit = before;
    }

    /// At the end: functions that nothing called may be called from elsewhere.
    pub(super) fn end(&mut self) {
        for _ in 0..CALLS {
            let left: Vec<String> =
                self.functions.iter().filter(|(_, function)| !function.called).map(|(name, _)| name.clone()).collect();
            if left.is_empty() {
                return;
            }
            for name in left {
                self.call(&name, None);
            }
        }
    }

    pub(super) fn list(&mut self, list: &List) {
        for and_or in &list.0 {
            self.and_or(and_or);
        }
    }

    /// A list in a shell of its own, whose variables end with it.
    pub(super) fn quietly(&mut self, list: &List) {
        let variables = self.variables.clone();
        let piped = self.piped.take();
        self.list(list);
        self.variables = variables;
        self.piped = piped;
    }

    fn and_or(&mut self, chain: &AndOr) {
        if chain.rest.is_empty() {
            return self.pipeline(&chain.first);
        }
        let all: Vec<(Joint, &Pipeline)> = std::iter::once((Joint::And, &chain.first))
            .chain(chain.rest.iter().map(|(joint, pipeline)| (*joint, pipeline)))
            .collect();
        // Since the last `||`: conditions that hold, and whether there was more than conditions.
        let mut holds = Condition::default();
        let mut alternative = false;
        let mut more = false;
        let (guards, managers) = (self.guards.len(), self.managers);
        for (at, (joint, pipeline)) in all.iter().enumerate() {
            if *joint == Joint::Or {
                alternative = more;
                more = false;
                holds = Condition::default();
                self.guards.truncate(guards);
            }
            let check = is_check(pipeline);
            more |= !check;
            let or = all[at + 1..].iter().position(|(joint, _)| *joint == Joint::Or).map(|or| at + 1 + or);
            let fallback: Vec<&Pipeline> = or.map_or(Vec::new(), |or| all[or..].iter().map(|(_, one)| *one).collect());
            let goes_on = !fallback.is_empty() && !fails(&fallback) && (check || swallows(&fallback));
            // What `&&` follows as a condition is one.
            let condition = check && at + 1 < all.len();
            let foreign = usize::from(holds.is_foreign());
            let levels = usize::from(goes_on) + usize::from(alternative) + foreign;
            let levels = levels + usize::from(condition && fallback.is_empty());
            self.optional += levels;
            self.conditional += usize::from(at > 0);
            if condition {
                let found = self.condition_of(pipeline);
                self.managers += usize::from(found.looks_for_manager());
                self.pipeline(pipeline);
                let behind: Vec<&Pipeline> = all[at + 1..].iter().map(|(_, one)| *one).collect();
                let then: Vec<&Pipeline> =
                    all[at + 1..].iter().take_while(|(joint, _)| *joint == Joint::And).map(|(_, one)| *one).collect();
                if self.collecting == 0 && !behind.is_empty() {
                    let otherwise = match found.is_negated() {
                        true => !then.is_empty() && !fails(&then) || then.is_empty() && !fails(&fallback),
                        false => !fallback.is_empty() && !fails(&fallback),
                    };
                    self.released_by(&found, otherwise, fails(&fallback));
                }
                self.guards.extend(found.commands());
                holds = holds.and(found);
            } else {
                self.pipeline(pipeline);
            }
            self.conditional -= usize::from(at > 0);
            self.optional -= levels;
        }
        self.guards.truncate(guards);
        self.managers = managers;
    }

    fn pipeline(&mut self, pipeline: &Pipeline) {
        self.printing(pipeline, false);
    }

    /// Walks through a pipeline. What its last command prints, if that is `wanted` and known.
    pub(super) fn printing(&mut self, pipeline: &Pipeline, wanted: bool) -> Option<Vec<Line>> {
        let (before, outer) = (self.piped.clone(), self.wanted);
        let mut last = None;
        self.unread = None;
        for (at, command) in pipeline.commands.iter().enumerate() {
            let goes_on = at + 1 < pipeline.commands.len();
            self.wanted = wanted || goes_on;
            last = self.command(command);
            if goes_on {
                self.piped = Some(last.take());
            }
        }
        (self.piped, self.wanted) = (before, outer);
        last
    }

    /// What the command prints, if that is known.
    fn command(&mut self, command: &Command) -> Option<Vec<Line>> {
        self.steps += 1;
        if self.steps > STEPS {
            if self.steps == STEPS + 1 {
                self.odd_at(
                    command.range.start,
                    &format!("more than {STEPS} commands, loops counted; the rest is not read"),
                );
            }
            return None;
        }
        match &command.kind {
            Kind::Simple { assignments, words } => return self.simple_command(command, assignments, words),
            Kind::Group(list) => {
                let variables = self.variables.clone();
                let subshell = self.unit.text[command.range.start..].starts_with('(');
                self.list(list);
                if subshell {
                    self.variables = variables;
                }
            }
            Kind::If { branches, otherwise } => self.branches(branches, otherwise.as_ref()),
            Kind::For { name, words, body } => self.repeat(name, words.as_deref(), body),
            Kind::Loop { condition, body } => {
                self.condition(condition);
                match self.read_by_line(command, condition) {
                    Some((name, lines)) => self.each_line(&name, lines, body),
                    None => {
                        self.conditional += 1;
                        self.list(body);
                        self.conditional -= 1;
                    }
                }
            }
            Kind::Case { word, arms } => self.case(word, arms),
            Kind::Function { name, body } => {
                let function = Function { body: Rc::clone(body), unit: Rc::clone(&self.unit), called: false };
                // Of one that is defined again, the first may have been called in between.
                self.functions.insert(name.clone(), function);
                self.shell.commands.insert(name.clone());
            }
            Kind::Test(words) => {
                for word in words {
                    self.expand(word);
                }
            }
            Kind::Arithmetic => {}
        }
        let fields = [];
        self.redirections(command, &fields);
        None
    }

    fn branches(&mut self, branches: &[(List, List)], otherwise: Option<&List>) {
        let mut tested = Condition::default();
        let managers = self.managers;
        let mut others = otherwise.map(|list| !list_fails(list));
        for (condition, body) in branches {
            let found = self.condition(condition);
            self.managers += usize::from(found.looks_for_manager());
            let foreign = usize::from(found.is_foreign());
            let guards = self.guards.len();
            self.guards.extend(found.commands());
            self.optional += foreign;
            self.conditional += 1;
            self.list(body);
            self.conditional -= 1;
            self.optional -= foreign;
            self.guards.truncate(guards);
            if found.is_negated() {
                others = Some(!list_fails(body));
            }
            tested = tested.and(found);
        }
        if let Some(list) = otherwise {
            self.conditional += 1;
            self.list(list);
            self.conditional -= 1;
        }
        self.managers = managers;
        if self.collecting == 0 {
            self.released_by(&tested, others == Some(true), others == Some(false));
        }
    }

    /// Evaluates a condition: its commands may fail.
    fn condition(&mut self, list: &List) -> Condition {
        let found = self.condition_of_list(list);
        self.optional += 1;
        self.collecting += 1;
        self.list(list);
        self.collecting -= 1;
        self.optional -= 1;
        found
    }

    fn repeat(&mut self, name: &str, words: Option<&[Word]>, body: &List) {
        let fields = match words {
            Some(words) => self.expand_all(words),
            None => self.arguments.clone().unwrap_or_default(),
        };
        let mut values: Vec<Value> = fields.iter().filter_map(Field::known).map(known).collect();
        if values.len() < fields.len() || words.is_none() && self.arguments.is_none() {
            values.push(Value::Unknown);
        }
        for value in values {
            self.variables.insert(name.to_owned(), value);
            self.list(body);
            if self.steps > STEPS {
                return;
            }
        }
    }

    /// `while read -r name; do … done`, of lines that are known.
    fn each_line(&mut self, name: &str, lines: Vec<Line>, body: &List) {
        for line in lines {
            self.variables.insert(name.to_owned(), known(line.text.trim()));
            self.list(body);
            if self.steps > STEPS {
                return;
            }
        }
    }

    fn case(&mut self, word: &Word, arms: &[Arm]) {
        let field = self.expand_one(word);
        let mut patterns: Vec<Vec<Field>> = Vec::new();
        for arm in arms {
            patterns.push(arm.patterns.iter().map(|pattern| self.expand_one(pattern)).collect());
        }
        let release = self.release_of_case(&field, &patterns);
        let mut last = None;
        for (arm, patterns) in arms.iter().zip(&patterns) {
            let all = patterns.iter().any(|pattern| pattern.is("*"));
            if all {
                last = Some(!list_fails(&arm.body));
            }
            let ids = || patterns.iter().map(|pattern| condition::plain(&pattern.text));
            let foreign = usize::from(release.is_some() && !all && ids().all(|id| names::is_foreign_id(&id)));
            self.optional += foreign;
            self.conditional += 1;
            self.list(&arm.body);
            self.conditional -= 1;
            self.optional -= foreign;
        }
        if let Some(key) = release {
            let tested = Condition::of_case(key, &patterns, arms, &self.unit);
            self.released_by(&tested, last == Some(true), last == Some(false));
        }
    }

    /// Calls a function. `false` if there is none.
    pub(super) fn call(&mut self, name: &str, arguments: Option<Vec<Field>>) -> bool {
        let Some(function) = self.functions.get_mut(name) else { return false };
        function.called = true;
        if self.calls >= CALLS {
            return true;
        }
        let (body, unit) = (Rc::clone(&function.body), Rc::clone(&function.unit));
        self.calls += 1;
        let before = std::mem::replace(&mut self.arguments, arguments);
        let text = std::mem::replace(&mut self.unit, unit);
        self.command(&body);
        self.unit = text;
        self.arguments = before;
        self.calls -= 1;
        true
    }

    fn simple_command(&mut self, command: &Command, assignments: &[Assignment], words: &[Word]) -> Option<Vec<Line>> {
        let declares = words.first().and_then(Word::bare).is_some();
        let lasting = words.is_empty() || (declares && is_declaration(words));
        for assignment in assignments {
            match lasting {
                true => self.assign(assignment),
                // For the command alone; what is expanded in it still counts.
                false => {
                    if let Assigned::One(word) = &assignment.value {
                        self.value(word);
                    }
                }
            }
        }
        let fields = self.expand_all(words);
        let text = &self.unit.text[command.range.clone()];
        self.shell.command.clear();
        self.shell.command.push_str(lines::cut(text, 400));
        self.here = self.unit.origin.line(command.range.start);
        let printed = self.redirections(command, &fields);
        self.stdin = printed.clone();
        if !fields.is_empty() {
            self.simple(&fields, Some(command));
        }
        printed
    }

    fn assign(&mut self, assignment: &Assignment) {
        let value = match &assignment.value {
            Assigned::Array(words) => {
                let mut fields = self.expand_all(words);
                if let (true, Some(Value::Array(before))) = (assignment.appends, self.variables.get(&assignment.name)) {
                    fields.splice(0..0, before.iter().cloned());
                }
                Value::Array(fields)
            }
            Assigned::One(word) => self.value(word),
        };
        let name = &assignment.name;
        let value = match (assignment.appends, value, self.variables.get(name)) {
            (true, Value::Known(new), Some(Value::Known(old))) if old.len() * new.len() <= VALUES => {
                Value::Known(old.iter().flat_map(|old| new.iter().map(move |new| format!("{old}{new}"))).collect())
            }
            (true, Value::Known(new), None) => Value::Known(new),
            (true, Value::Array(new), _) => Value::Array(new),
            (true, ..) => Value::Unknown,
            (false, value, _) => value,
        };
        self.set(name, value);
    }
}

fn known(text: &str) -> Value {
    Value::Known(vec![text.to_owned()])
}

fn is_declaration(words: &[Word]) -> bool {
    matches!(words[0].bare(), Some("export" | "local" | "declare" | "readonly" | "typeset"))
}

/// The name of the only command of a pipeline, and its words.
fn only(pipeline: &Pipeline) -> Option<(&str, &[Word])> {
    match pipeline.commands.as_slice() {
        [Command { kind: Kind::Simple { words, .. }, .. }] => Some((words.first()?.bare()?, words)),
        _ => None,
    }
}

/// Whether a pipeline only looks at something, so that its failure is an answer.
fn is_check(pipeline: &Pipeline) -> bool {
    let Some(last) = pipeline.commands.last() else { return false };
    let (name, words) = match &last.kind {
        Kind::Test(_) | Kind::Arithmetic => return true,
        Kind::Simple { words, .. } => match words.first().and_then(Word::bare) {
            Some(name) => (name, words.as_slice()),
            None => return false,
        },
        Kind::Group(list) => {
            return list.0.iter().all(|one| is_check(&one.first) && one.rest.iter().all(|(_, one)| is_check(one)));
        }
        _ => return false,
    };
    let second = words.get(1).and_then(Word::bare);
    match name {
        "[" | "test" | "which" | "type" | "hash" | "grep" | "egrep" | "fgrep" | "zgrep" | "id" | "getent" | "ls"
        | "stat" | "pgrep" | "cmp" | "diff" | "mountpoint" | "rpmquery" => true,
        "command" => matches!(second, Some("-v" | "-V")),
        "rpm" => second.is_some_and(|word| word.starts_with("-q") || word == "--query"),
        "systemctl" => words.iter().any(|word| {
            word.bare()
                .is_some_and(|word| word.starts_with("is-") || matches!(word, "status" | "cat" | "list-unit-files"))
        }),
        "dnf" | "yum" | "microdnf" | "dnf5" => {
            words.iter().any(|word| matches!(word.bare(), Some("list" | "repoquery" | "info" | "check-update")))
        }
        _ => false,
    }
}

/// Whether what follows `||` only goes on.
fn swallows(fallback: &[&Pipeline]) -> bool {
    fallback.iter().all(|pipeline| {
        if let [Command { kind: Kind::Group(list), .. }] = pipeline.commands.as_slice() {
            return list.0.iter().all(|one| {
                let all: Vec<&Pipeline> =
                    std::iter::once(&one.first).chain(one.rest.iter().map(|(_, one)| one)).collect();
                swallows(&all)
            });
        }
        let Some((name, _)) = only(pipeline) else { return false };
        matches!(name, "true" | ":" | "echo" | "printf" | "exit" | "return" | "continue" | "break" | "logger" | "sleep")
            || name.starts_with("warn")
            || name.starts_with("log")
    })
}

/// Whether one of the pipelines ends the script with an error.
fn fails(pipelines: &[&Pipeline]) -> bool {
    pipelines.iter().any(|pipeline| {
        if let [Command { kind: Kind::Group(list), .. }] = pipeline.commands.as_slice() {
            return list_fails(list);
        }
        let Some((name, words)) = only(pipeline) else { return false };
        let status = words.get(1).and_then(Word::literal);
        match name {
            "exit" | "return" => status.is_some_and(|status| !status.trim_matches('0').is_empty()),
            "false" => true,
            _ => ["die", "fail", "fatal", "error", "abort", "bail", "panic"]
                .iter()
                .any(|mark| name.split(['_', '-']).any(|piece| piece.trim_end_matches("ed") == *mark)),
        }
    })
}

/// [`fails`] of a list: on its own level.
fn list_fails(list: &List) -> bool {
    list.0.iter().any(|one| one.rest.is_empty() && fails(&[&one.first]))
        || list
            .0
            .last()
            .is_some_and(|one| one.rest.last().is_some_and(|(joint, last)| *joint == Joint::And && fails(&[last])))
}
