//! Plays, tasks, roles and the files that they include. What the module of a task does is in `modules`.

use std::cell::Cell;
use std::collections::HashSet;
use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use super::conditions;
use super::keywords::{PLAY, TASK};
use super::values::{self, Scope, Var};
use crate::limits;
use crate::need::{Need, Verb, Want};
use crate::positions::Positions;
use crate::reader::{Reading, Source};
use crate::shell::Shell;
use crate::why::Why;
use crate::yaml::{Document, entries, items, truth};
use muster_suite::yaml::Node;

/// Files that include each other.
const DEEPEST: usize = 16;
/// Why a file without any value is none: it may be there for its name alone.
const EMPTY: &str = "an empty file";

/// A file of a playbook, and where its own files are.
#[derive(Clone)]
pub(super) struct File {
    pub(super) document: Rc<Document>,
    /// Its directory, relative to the file that was named; empty, or with a `/` at its end.
    pub(super) dir: String,
}

/// What holds for all tasks of a block.
#[derive(Clone, Default)]
pub(super) struct Around {
    /// The chain goes on when they fail, or never comes to them on a system of rpm.
    pub(super) optional: bool,
    /// They run on the machine that has the playbook.
    pub(super) elsewhere: bool,
    /// The task's name.
    pub(super) within: Option<String>,
}

/// The variable of a loop and its values, where there is a loop; or the value that is not known, and why.
type Rounds<'n> = Result<Option<(String, Vec<Var>)>, (&'n Node, Why)>;

/// What is read.
pub(super) struct Playbook<'r, 's> {
    source: &'r Source<'s>,
    pub(super) into: &'r mut Reading,
    /// Files that are read now, the outermost first: one that includes itself is not read again.
    open: Vec<String>,
    /// Roles that were read: Ansible runs a role once, unless it is called again with other variables.
    roles: HashSet<String>,
    included: usize,
    /// Needs of users and groups; those that the playbook makes are none.
    pub(super) accounts: Vec<Need>,
    /// Conditions that were found already.
    branches: HashSet<Want>,
    /// Lines of tasks of the file that is read now that were not understood.
    pub(super) joined: Vec<Range<u32>>,
    /// Values that may still be made of variables and loops.
    budget: Rc<Cell<usize>>,
    /// The system that commands run on.
    pub(super) shell: Shell<'s>,
}

impl<'r, 's> Playbook<'r, 's> {
    pub(super) fn new(source: &'r Source<'s>, into: &'r mut Reading) -> Self {
        Self {
            source,
            into,
            open: vec![source.path.file_name().unwrap_or_default().to_owned()],
            roles: HashSet::new(),
            included: 0,
            accounts: Vec::new(),
            branches: HashSet::new(),
            joined: Vec::new(),
            budget: Rc::new(Cell::new(limits::NEEDS)),
            shell: Shell::new(source.host, source.path),
        }
    }

    /// The file that was named.
    pub(super) fn file(&mut self, document: &Rc<Document>) {
        let file = File { document: Rc::clone(document), dir: String::new() };
        let scope = Scope::new(&self.budget);
        let list = items(&document.root);
        if list.iter().any(|item| item.get("hosts").is_some() || item.get("import_playbook").is_some()) {
            self.plays(&file, list);
        } else {
            // The role whose tasks these are, where the host shows it: most show nothing above the file that was named.
            if self.source.path.parent().and_then(|dir| dir.file_name()) == Some("tasks") {
                for name in ["../defaults/main.yml", "../vars/main.yml"] {
                    if let Ok(document) = self.load(name) {
                        scope.define(&document, &document.root);
                        document.positions.count(&['#'], &[], self.into);
                    }
                }
            }
            self.tasks(&file, list, &scope, &Around::default());
        }
        if list.is_empty() {
            document.not_understood(&document.root, "neither a list of plays nor of tasks", self.into);
        }
        let joined = std::mem::take(&mut self.joined);
        document.positions.count(&['#'], &joined, self.into);
    }

    /// What is known only when all was read.
    pub(super) fn end(self) {
        for need in self.accounts {
            if !self.shell.creates(&need) {
                self.into.need(need);
            }
        }
    }

    fn plays(&mut self, file: &File, plays: &[Node]) {
        for play in plays {
            if let Some(name) = play.get("import_playbook").or_else(|| play.get("ansible.builtin.import_playbook")) {
                let scope = Scope::new(&self.budget);
                self.include(file, name, &scope, |this, file| {
                    this.plays(file, items(&file.document.root));
                });
                continue;
            }
            self.play(file, play);
        }
    }

    fn play(&mut self, file: &File, play: &Node) {
        let scope = Scope::new(&self.budget);
        for name in ["all", play.get("hosts").and_then(Node::scalar).unwrap_or("all")] {
            if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) {
                for ending in [".yml", ".yaml", "/main.yml"] {
                    self.variables(&format!("group_vars/{name}{ending}"), &scope);
                }
            }
        }
        if let Some(vars) = play.get("vars") {
            scope.define(&file.document, vars);
        }
        let files = play.get("vars_files").map(items).unwrap_or_default();
        for one in files {
            self.vars_file(file, one, &scope);
        }
        // A play for `localhost` is read as any other: many configure the machine that they run on.
        let around = Around { optional: is_true(play.get("ignore_errors")), ..Around::default() };
        if let Some(user) = play.get("become_user") {
            self.account(file, user, &scope, &around, Want::User);
        }
        for (key, value) in entries(play) {
            match key.scalar().unwrap_or_default() {
                "pre_tasks" | "tasks" | "post_tasks" | "handlers" => {
                    self.tasks(file, items(value), &scope, &around);
                }
                "roles" => {
                    for role in items(value) {
                        let name = role.get("role").or_else(|| role.get("name")).unwrap_or(role);
                        let inner = Scope::within(&scope);
                        if let Some(vars) = role.get("vars") {
                            inner.define(&file.document, vars);
                        }
                        let around = self.condition(file, role, &inner, &around);
                        self.role(file, name, &inner, &around, "main");
                    }
                }
                other if PLAY.contains(&other) => {}
                other => {
                    let why = format!("`{other}` of a play is not read");
                    file.document.not_understood(key, why, self.into);
                }
            }
        }
    }

    pub(super) fn tasks(&mut self, file: &File, tasks: &[Node], scope: &Scope<'_>, around: &Around) {
        for (at, task) in tasks.iter().enumerate() {
            let start = file.document.positions.line(task.span.start as usize);
            let next = tasks.get(at + 1).map(|next| file.document.positions.line(next.span.start as usize));
            let end = next.unwrap_or_else(|| file.document.positions.line(Document::last(task)) + 1);
            self.task(file, task, start..end, scope, around);
        }
    }

    fn task(&mut self, file: &File, task: &Node, lines: Range<u32>, scope: &Scope<'_>, around: &Around) {
        let scope = Scope::within(scope);
        if let Some(vars) = task.get("vars") {
            scope.define(&file.document, vars);
        }
        if let Some(name) = task.get("register").and_then(Node::scalar) {
            scope.forget_everywhere(name);
        }
        let mut around = self.condition(file, task, &scope, around);
        if let Some(name) = task.get("name").and_then(Node::scalar) {
            around.within = Some(format!("task {name}"));
        }
        around.optional |= is_true(task.get("ignore_errors"));
        let to = task.get("delegate_to").and_then(Node::scalar);
        around.elsewhere |= to.is_some() || task.get("local_action").is_some();
        if let Some(user) = task.get("become_user") {
            self.account(file, user, &scope, &around, Want::User);
        }
        if let Some(block) = task.get("block") {
            self.tasks(file, items(block), &scope, &around);
            let rescue = Around { optional: true, ..around.clone() };
            self.tasks(file, task.get("rescue").map(items).unwrap_or_default(), &scope, &rescue);
            self.tasks(file, task.get("always").map(items).unwrap_or_default(), &scope, &around);
            return;
        }
        let mut named = entries(task)
            .iter()
            .filter(|(key, _)| key.scalar().is_none_or(|key| !TASK.contains(&key) && !key.starts_with("with_")));
        let (module, other) = (named.next(), named.next());
        let Some((module, arguments)) = module.filter(|_| other.is_none()) else {
            let why = if module.is_some() { "a task with several modules" } else { "a task without a module" };
            file.document.not_understood(task, why, self.into);
            self.joined.push(lines);
            return;
        };
        let name = module.scalar().unwrap_or_default();
        let arguments = values::arguments(arguments, task.get("args"));
        let rounds = match self.rounds(file, task, &scope) {
            Ok(rounds) => rounds,
            Err((node, why)) => {
                // Without the loop, its item is not known; what does not use it is still read.
                file.document.not_understood(node, why, self.into);
                let inner = Scope::within(&scope);
                inner.forget("item");
                return self.module(file, (module, name), &arguments, &lines, &inner, &around);
            }
        };
        let Some((variable, values)) = rounds else {
            return self.module(file, (module, name), &arguments, &lines, &scope, &around);
        };
        for value in values {
            let inner = Scope::within(&scope);
            inner.set(&variable, value);
            self.module(file, (module, name), &arguments, &lines, &inner, &around);
        }
    }

    /// The variable of a loop and its values. `None` where there is no loop.
    fn rounds<'n>(&self, file: &File, task: &'n Node, scope: &Scope<'_>) -> Rounds<'n> {
        let is_loop = |key: &str| key == "loop" || key.starts_with("with_");
        let Some((key, list)) = entries(task).iter().find(|(key, _)| key.scalar().is_some_and(is_loop)) else {
            return Ok(None);
        };
        let control = task.get("loop_control").and_then(|control| control.get("loop_var")).and_then(Node::scalar);
        let variable = control.unwrap_or("item").to_owned();
        match key.scalar().unwrap_or_default() {
            "loop" | "with_items" | "with_list" | "with_flattened" => {
                let values = scope.list(&file.document, list).map_err(|why| (list, why))?;
                Ok(Some((variable, values)))
            }
            other => Err((key, format!("what `{other}` goes through is known only when it runs").into())),
        }
    }

    /// What `when:` says of the system.
    fn condition(&mut self, file: &File, task: &Node, scope: &Scope<'_>, around: &Around) -> Around {
        let mut around = around.clone();
        let Some(when) = task.get("when") else { return around };
        let all: Vec<&Node> = if when.scalar().is_some() { vec![when] } else { items(when).iter().collect() };
        for one in all {
            let Some(text) = one.scalar() else { continue };
            match conditions::read(text) {
                Err(why) => file.document.not_understood(one, why, self.into),
                Ok(found) => {
                    for condition in found {
                        around.optional |= condition.is_foreign();
                        let place = file.document.positions.point(one.span.start as usize);
                        let want = condition.want();
                        if self.branches.insert(want.clone()) {
                            self.into.need(Need::new(want, Verb::Use, place, text).optional(condition.is_foreign()));
                        }
                    }
                }
            }
            if scope.is_false(text) {
                around.optional = true;
            }
        }
        around
    }

    /// A need of a user or a group, kept until it is known whether the playbook makes it.
    pub(super) fn account(
        &mut self,
        file: &File,
        name: &Node,
        scope: &Scope<'_>,
        around: &Around,
        want: fn(String) -> Want,
    ) {
        let Ok(values) = scope.texts(&file.document, name) else { return };
        for value in values {
            if !matches!(value.text.as_str(), "" | "root" | "0") && !around.elsewhere {
                let need = Need::new(want(value.text.clone()), Verb::Use, value.place, value.text);
                self.accounts.push(need.optional(around.optional).within(around.within.as_deref()));
            }
        }
    }

    /// A file that is read in place of a task. Once for each value of its name.
    pub(super) fn include(
        &mut self,
        file: &File,
        name: &Node,
        scope: &Scope<'_>,
        mut read: impl FnMut(&mut Self, &File),
    ) {
        match scope.texts(&file.document, name) {
            Err(why) => file.document.not_understood(name, why, self.into),
            Ok(values) => {
                for value in values {
                    let path = normal(&format!("{}{}", file.dir, value.text));
                    if let Err(why) = self.open(&path, &mut read) {
                        file.document.not_understood(name, why, self.into);
                    }
                }
            }
        }
    }

    /// Reads a file by its path, relative to the file that was named.
    fn open(&mut self, path: &str, read: &mut impl FnMut(&mut Self, &File)) -> Result<(), Why> {
        if self.open.len() >= DEEPEST {
            return Err(format!("files that include each other more than {DEEPEST} deep").into());
        }
        if self.open.iter().any(|open| open == path) {
            return Err("a file that includes itself".into());
        }
        let document = self.load(path)?;
        self.open.push(path.to_owned());
        let outer = std::mem::take(&mut self.joined);
        let dir = path.rfind('/').map_or("", |slash| &path[..=slash]).to_owned();
        read(self, &File { document: Rc::clone(&document), dir });
        let joined = std::mem::replace(&mut self.joined, outer);
        document.positions.count(&['#'], &joined, self.into);
        self.open.pop();
        Ok(())
    }

    fn load(&mut self, path: &str) -> Result<Rc<Document>, Why> {
        if self.included >= limits::INCLUDES {
            return Err(format!("more than {} files are included", limits::INCLUDES).into());
        }
        let (name, text) = self.source.host.included(self.source.path, path).map_err(|why| why.to_string())?;
        self.included += 1;
        let positions = Positions::new(&Arc::from(name.as_str()), &text);
        let document = Document::read(positions, self.into).map_err(|why| why.to_string())?;
        document.map(Rc::new).ok_or_else(|| EMPTY.into())
    }

    /// Reads a file that need not be there, and may be empty. One that is read now is not read again: the handlers of a role may call it.
    fn open_if_there(&mut self, path: &str, read: &mut impl FnMut(&mut Self, &File)) {
        if self.open.iter().any(|open| open == path) {
            return;
        }
        if let Err(why) = self.open(path, read) {
            self.unread(path, why);
        }
    }

    /// Says why a file was not read that need not be there, if it is there and not empty. Whether it is there.
    fn unread(&mut self, path: &str, why: Why) -> bool {
        match why.as_str() {
            EMPTY => true,
            _ => self.source.unread(path, why, self.into),
        }
    }

    /// The variables of a file that need not be there. Whether it is.
    fn variables(&mut self, path: &str, scope: &Scope<'_>) -> bool {
        let document = match self.load(path) {
            Ok(document) => document,
            Err(why) => return self.unread(path, why),
        };
        scope.define(&document, &document.root);
        document.positions.count(&['#'], &[], self.into);
        true
    }

    /// The variables of a file that `vars_files` or `include_vars` names; of a list the first that is there.
    pub(super) fn vars_file(&mut self, file: &File, name: &Node, scope: &Scope<'_>) {
        let names = match scope.texts(&file.document, name) {
            Ok(names) => names,
            Err(why) => return file.document.not_understood(name, why, self.into),
        };
        let there = names.iter().any(|name| {
            let beside = normal(&format!("{}{}", file.dir, name.text));
            let of_role = normal(&format!("{}../vars/{}", file.dir, name.text));
            self.variables(&beside, scope) || self.variables(&of_role, scope)
        });
        if !there && !names.is_empty() {
            file.document.not_understood(name, "the file of variables is not there", self.into);
        }
    }

    pub(super) fn role(&mut self, file: &File, name: &Node, scope: &Scope<'_>, around: &Around, from: &str) {
        let names = match scope.texts(&file.document, name) {
            Ok(names) => names,
            Err(why) => return file.document.not_understood(name, why, self.into),
        };
        for role in names {
            // A role of this project stands next to the playbook; one of a collection does not.
            let root = format!("roles/{}", role.text);
            if !self.roles.insert(format!("{root}/{from}")) && !scope.has_own() {
                continue;
            }
            // Defaults yield to every variable, and those of the role to those that it is called with.
            let called = scope;
            let scope = Scope::within(called);
            for (part, own) in [("defaults", false), ("vars", true)] {
                let read = Scope::within(called);
                self.variables(&format!("{root}/{part}/main.yml"), &read);
                scope.take(&read, |name| called.defines(name) || (!own && called.knows(name)));
            }
            let dependencies = |this: &mut Self, file: &File| {
                for other in file.document.root.get("dependencies").map(items).unwrap_or_default() {
                    let name = other.get("role").or_else(|| other.get("name")).unwrap_or(other);
                    // It sees the variables of this role, and is called with its own alone.
                    let inner = Scope::within(&scope);
                    if let Some(vars) = other.get("vars") {
                        inner.define(&file.document, vars);
                    }
                    this.role(file, name, &inner, around, "main");
                }
            };
            self.open_if_there(&format!("{root}/meta/main.yml"), &mut { dependencies });
            let mut tasks = |this: &mut Self, file: &File| {
                this.tasks(file, items(&file.document.root), &scope, around);
            };
            if let Err(why) = self.open(&normal(&format!("{root}/tasks/{from}.yml")), &mut tasks) {
                file.document.not_understood(name, why, self.into);
            }
            self.open_if_there(&format!("{root}/handlers/main.yml"), &mut tasks);
        }
    }
}

/// A path without `.` and `..`, as far as it has what they leave out.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let root = if path.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

fn is_true(node: Option<&Node>) -> bool {
    node.and_then(Node::scalar).and_then(truth) == Some(true)
}

#[cfg(test)]
mod tests {
    use crate::testing::{FakeHost, read_bytes, shown};

    #[test]
    fn handlers_that_call_their_role_are_read_once() {
        let mut host = FakeHost::default();
        for (path, text) in [
            ("roles/web/tasks/main.yml", "- dnf: {name: nginx}\n"),
            ("roles/web/tasks/restart.yml", "- dnf: {name: jq}\n"),
            ("roles/web/handlers/main.yml", "- name: again\n  include_role: {name: web, tasks_from: restart}\n"),
        ] {
            host.files.insert(path.to_owned(), text.to_owned());
        }
        let chain = shown(&read_bytes("site.yml", b"- hosts: all\n  roles:\n    - web\n", &host).unwrap());
        assert!(chain.contains("install package nginx") && chain.contains("install package jq"), "{chain}");
        assert!(!chain.contains('!'), "{chain}");
    }

    #[test]
    fn a_role_is_read_again_only_where_it_is_called_with_variables() {
        let mut host = FakeHost::default();
        for (path, text) in [
            ("roles/web/meta/main.yml", "dependencies:\n  - web\n  - base\n  - role: base\n    vars: {tool: jq}\n"),
            ("roles/web/defaults/main.yml", "port: 80\n"),
            ("roles/web/tasks/main.yml", "- dnf: {name: \"{{ server }}\"}\n"),
            ("roles/base/tasks/main.yml", "- dnf: {name: \"{{ tool | default('tar') }}\"}\n"),
        ] {
            host.files.insert(path.to_owned(), text.to_owned());
        }
        let play = "- hosts: all\n  roles:\n    - base\n    - role: web\n      vars: {server: httpd}\n";
        let chain = shown(&read_bytes("site.yml", play.as_bytes(), &host).unwrap());
        let installed: Vec<&str> =
            chain.lines().filter_map(|line| line.split_once(" install package ")).map(|(_, name)| name).collect();
        assert_eq!(installed, ["tar", "jq", "httpd"], "{chain}");
    }

    #[test]
    fn defaults_yield_to_every_variable_and_those_of_a_role_to_those_of_its_call() {
        let mut host = FakeHost::default();
        for (path, text) in [
            ("roles/web/defaults/main.yml", "server: nginx\ntool: jq\nshell: zsh\nonly: tar\n"),
            ("roles/web/vars/main.yml", "tool: yq\nshell: fish\n"),
            (
                "roles/web/tasks/main.yml",
                "- dnf: {name: [\"{{ server }}\", \"{{ tool }}\", \"{{ shell }}\", \"{{ only }}\"]}\n",
            ),
        ] {
            host.files.insert(path.to_owned(), text.to_owned());
        }
        let play = "- hosts: all\n  vars: {server: httpd, shell: bash}\n  roles:\n    - role: web\n      vars: {shell: dash}\n";
        let chain = shown(&read_bytes("site.yml", play.as_bytes(), &host).unwrap());
        let installed: Vec<&str> =
            chain.lines().filter_map(|line| line.split_once(" install package ")).map(|(_, name)| name).collect();
        assert_eq!(installed, ["httpd", "yq", "dash", "tar"], "{chain}");
    }
}
