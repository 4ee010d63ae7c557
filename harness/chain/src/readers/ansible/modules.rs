//! What modules do to a system.

use std::ops::Range;

use super::playbook::{Around, File, Playbook};
use super::values::Scope;
use crate::names;
use crate::need::{Need, UnitWant, Verb, Want};
use crate::shell::{Argument, Shell};
use crate::spelling;
use crate::why::Why;
use crate::yaml::{entries, items, truth};
use muster_suite::yaml::{Node, NodeKind};

/// The module by its short name, of the collections that are read. `None` of any other.
fn short(name: &str) -> Option<&str> {
    const COLLECTIONS: &[&str] =
        &["ansible.builtin.", "ansible.legacy.", "ansible.posix.", "community.general.", "community.crypto."];
    let rest = COLLECTIONS.iter().find_map(|collection| name.strip_prefix(collection)).unwrap_or(name);
    (!rest.contains('.')).then_some(rest)
}

/// Whether it is a module that is read.
pub(super) fn is_known(name: &str) -> bool {
    short(name).is_some_and(|name| READ.contains(&name) || PLAIN.contains(&name))
}

/// Modules with an arm of their own below.
const READ: &[&str] = &[
    "dnf",
    "dnf5",
    "yum",
    "package",
    "apt",
    "rpm_key",
    "yum_repository",
    "copr",
    "service",
    "systemd",
    "systemd_service",
    "sysvinit",
    "user",
    "group",
    "sysctl",
    "modprobe",
    "command",
    "shell",
    "raw",
    "script",
    "include_tasks",
    "import_tasks",
    "include_role",
    "import_role",
    "include_vars",
    "set_fact",
    "git",
    "pip",
    "cron",
    "firewalld",
    "unarchive",
    "alternatives",
    "iptables",
    "mount",
    "seboolean",
    "selinux",
    "hostname",
    "timezone",
];

/// Modules that need nothing of the system but Ansible's own Python. Owners and groups of files are read of all.
const PLAIN: &[&str] = &[
    "add_host",
    "assemble",
    "assert",
    "async_status",
    "authorized_key",
    "blockinfile",
    "copy",
    "debug",
    "fail",
    "fetch",
    "file",
    "find",
    "gather_facts",
    "get_url",
    "getent",
    "group_by",
    "import_playbook",
    "ini_file",
    "known_hosts",
    "lineinfile",
    "meta",
    "openssh_keypair",
    "package_facts",
    "pam_limits",
    "pause",
    "ping",
    "reboot",
    "replace",
    "service_facts",
    "setup",
    "slurp",
    "stat",
    "synchronize",
    "tempfile",
    "template",
    "uri",
    "wait_for",
    "wait_for_connection",
    "xml",
    "apt_key",
    "apt_repository",
    "deb822_repository",
    "debconf",
    "dpkg_selections",
];

/// Where a task stands.
struct Task<'t> {
    file: &'t File,
    arguments: &'t Node,
    scope: &'t Scope<'t>,
    around: &'t Around,
}

impl Playbook<'_, '_> {
    /// A module with its arguments.
    pub(super) fn module(
        &mut self,
        file: &File,
        (key, name): (&Node, &str),
        arguments: &Node,
        lines: &Range<u32>,
        scope: &Scope<'_>,
        around: &Around,
    ) {
        let Some(module) = short(name).filter(|_| is_known(name)) else {
            let why = format!("the module `{}` is not read", muster_base::text::one_line(name, 60));
            file.document.not_understood(key, why, self.into);
            self.shell.handles_unknown();
            if self.joined.last() != Some(lines) {
                self.joined.push(lines.clone());
            }
            return;
        };
        let task = Task { file, arguments, scope, around };
        let around_files = matches!(module, "user" | "group" | "yum_repository");
        if !around_files {
            self.owners(&task);
        }
        match module {
            "include_tasks" | "import_tasks" => {
                let name = self.argument(&task, &["file", "_raw"]).cloned();
                let Some(name) = name else { return self.missing(&task, "file") };
                return self.include(file, &name, scope, |this, file| {
                    this.tasks(file, items(&file.document.root), scope, around);
                });
            }
            "include_role" | "import_role" => {
                let Some(name) = self.argument(&task, &["name"]).cloned() else { return self.missing(&task, "name") };
                let from = self.text(&task, "tasks_from").unwrap_or_else(|| "main".to_owned());
                let from = from.trim_end_matches(".yml").trim_end_matches(".yaml");
                return self.role(file, &name, scope, around, from);
            }
            "include_vars" => {
                let name = self.argument(&task, &["file", "_raw"]).cloned();
                let Some(name) = name else { return self.missing(&task, "file") };
                return self.vars_file(file, &name, scope.outermost());
            }
            "set_fact" => {
                for (name, _) in entries(arguments) {
                    scope.forget_everywhere(name.scalar().unwrap_or_default());
                }
                return;
            }
            _ => {}
        }
        // On another machine the rest needs nothing of this system.
        if around.elsewhere {
            return;
        }
        // What a module was given may be of its making.
        for node in ["dest", "path", "chdir", "creates", "virtualenv"].iter().filter_map(|key| arguments.get(key)) {
            match scope.texts(&file.document, node) {
                Ok(values) => values.iter().for_each(|value| self.shell.handles(&value.text)),
                Err(_) => self.shell.handles_unknown(),
            }
        }
        match module {
            "dnf" | "dnf5" | "yum" | "package" => self.packages(&task, spelling::package),
            "apt" => self.packages(&task, |name| match name.split(['=', '/', ':']).next() {
                Some(name) if names::is_name(name) => Ok(Want::DebianPackage(name.to_owned())),
                _ => Err("not a name of a package".into()),
            }),
            "yum_repository" if self.text(&task, "state").as_deref() != Some("absent") => {
                for key in ["baseurl", "metalink", "mirrorlist"] {
                    self.each(&task, &[key], Verb::Install, |text| Ok(Want::Repository(text.to_owned())));
                }
            }
            "copr" => {
                self.each(&task, &["name"], Verb::Install, |text| Ok(Want::Repository(format!("copr:{text}"))));
            }
            "service" | "systemd" | "systemd_service" | "sysvinit" => self.service(&task),
            "user" => self.user(&task),
            "group" => self.makes(&task, |shell, name| shell.creates_group(name)),
            "sysctl" => {
                let value = self.text(&task, "value").filter(|value| !value.is_empty());
                self.each(&task, &["name", "key"], Verb::Use, |text| {
                    Ok(Want::Sysctl { name: text.replace('/', "."), value: value.clone() })
                });
            }
            "modprobe" => self.each(&task, &["name"], Verb::Use, |text| Ok(Want::KernelModule(text.to_owned()))),
            "command" | "shell" | "raw" | "script" => self.commands(&task, module),
            "git" => self.command(&task, "git"),
            "pip" => self.command(&task, "pip3"),
            "cron" => self.command(&task, "crontab"),
            "iptables" => self.command(&task, "iptables"),
            "mount" => self.command(&task, "mount"),
            "alternatives" => {
                self.command(&task, "update-alternatives");
                self.each(&task, &["path"], Verb::Use, |text| Ok(Want::Path(text.to_owned())));
            }
            "firewalld" => {
                let name = "firewalld.service".to_owned();
                self.implied(&task, Want::Unit { name, state: UnitWant::Exists });
            }
            "unarchive" => {
                let zip = self.text(&task, "src").is_some_and(|name| name.ends_with(".zip"));
                self.command(&task, if zip { "unzip" } else { "tar" });
            }
            _ => {}
        }
    }

    /// `name:` in all its forms.
    fn packages(&mut self, task: &Task<'_>, of: impl Fn(&str) -> Result<Want, Why>) {
        let state = self.text(task, "state");
        let verb = match state.as_deref() {
            Some("absent" | "removed") => Verb::Remove,
            Some("build-dep" | "fixed") => return self.missing(task, "a state that is read"),
            _ => Verb::Install,
        };
        let of = |text: &str| if text == "*" { Ok(None) } else { of(text).map(Some) };
        self.each_of(task, &["name", "pkg", "package", "list", "_list"], verb, of);
        if task.arguments.get("deb").is_some() {
            self.missing(task, "a package of an RPM distribution");
        }
    }

    fn service(&mut self, task: &Task<'_>) {
        let mut states = Vec::new();
        match self.text(task, "state").as_deref() {
            Some("started" | "restarted" | "reloaded") => states.push(UnitWant::Started),
            Some("stopped") => states.push(UnitWant::Exists),
            _ => {}
        }
        let is = |this: &mut Self, key| this.text(task, key).and_then(|text| truth(&text));
        match (is(self, "enabled"), is(self, "masked")) {
            (_, Some(true)) | (Some(false), _) => states.push(UnitWant::Disabled),
            (Some(true), _) => states.push(UnitWant::Enabled),
            _ => {}
        }
        if states.is_empty() && task.arguments.get("name").is_some() {
            states.push(UnitWant::Exists);
        }
        for state in states {
            self.each(task, &["name", "service", "unit"], Verb::Use, |text| {
                Ok(Want::Unit { name: names::unit(text)?, state })
            });
        }
    }

    fn user(&mut self, task: &Task<'_>) {
        if self.text(task, "state").as_deref() == Some("absent") {
            return;
        }
        self.makes(task, |shell, name| shell.creates_user(name));
        for key in ["group", "groups"] {
            let Some(value) = task.arguments.get(key) else { continue };
            let Ok(values) = task.scope.texts(&task.file.document, value) else { continue };
            for value in values {
                for name in value.text.split(',').map(str::trim).filter(|name| !matches!(*name, "" | "root")) {
                    let place = if name == value.text { value.place.clone() } else { value.place.start_only() };
                    let need = Need::new(Want::UserGroup(name.to_owned()), Verb::Use, place, name);
                    self.accounts.push(need.optional(task.around.optional).within(task.around.within.as_deref()));
                }
            }
        }
        let is_login = |text: &str| !text.is_empty();
        self.each_of(task, &["shell"], Verb::Use, |text| Ok(is_login(text).then(|| Want::Path(text.to_owned()))));
    }

    /// The playbook makes it.
    fn makes(&mut self, task: &Task<'_>, create: impl Fn(&mut Shell<'_>, &str)) {
        let name = task.arguments.get("name").or_else(|| task.arguments.get("user"));
        let values = name.and_then(|name| task.scope.texts(&task.file.document, name).ok()).unwrap_or_default();
        values.iter().for_each(|value| create(&mut self.shell, &value.text));
    }

    /// Owners of files.
    fn owners(&mut self, task: &Task<'_>) {
        for (key, want) in [("owner", Want::User as fn(String) -> Want), ("group", Want::UserGroup)] {
            if let Some(name) = task.arguments.get(key) {
                let is_number = name.scalar().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
                if !is_number {
                    self.account(task.file, name, task.scope, task.around, want);
                }
            }
        }
    }

    fn commands(&mut self, task: &Task<'_>, module: &str) {
        if module == "script" {
            // The script stands with the playbook and is run by its own first line.
            return self.missing(task, "a command: the script is not read");
        }
        self.shell.within(task.around.within.clone());
        self.shell.optional(task.around.optional);
        let document = &task.file.document;
        if let Some(list) = task.arguments.get("argv") {
            match task.scope.texts(document, list) {
                Err(why) => document.not_understood(list, why, self.into),
                Ok(values) => {
                    let words: Vec<Argument> =
                        values.into_iter().map(|value| Argument { text: value.text, place: value.place }).collect();
                    self.shell.run_words(&words, self.into);
                }
            }
            return;
        }
        let Some(node) = self.argument(task, &["cmd", "_raw"]) else { return self.missing(task, "command") };
        let Some(text) = node.scalar() else { return };
        let text = self.without_jinja(text, task);
        let origin = document.origin(node);
        self.shell.run(&text, &origin, self.into);
    }

    /// Expressions become variables of the shell that are as long, with their value where it is known.
    fn without_jinja(&mut self, text: &str, task: &Task<'_>) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find("{{") {
            let Some(end) = rest[at..].find("}}").map(|end| at + end + 2) else { break };
            out.push_str(&rest[..at]);
            let inner = &rest[at + 2..end - 2];
            let name: String =
                inner.bytes().map(|byte| if byte.is_ascii_alphanumeric() { byte as char } else { '_' }).collect();
            let name = format!("_{name}");
            let like = Node {
                kind: NodeKind::Scalar { text: rest[at..end].to_owned(), quoted: true },
                span: task.arguments.span,
            };
            let value = task.scope.texts(&task.file.document, &like).ok();
            let value = value.and_then(|values| match values.as_slice() {
                [value] => Some(value.text.clone()),
                _ => None,
            });
            self.shell.set(&name, value.as_deref());
            out.push_str(&format!("${{{name}}}"));
            rest = &rest[end..];
        }
        out + rest
    }

    fn command(&mut self, task: &Task<'_>, name: &str) {
        self.implied(task, Want::Command(name.to_owned()));
    }

    /// What the module itself needs.
    fn implied(&mut self, task: &Task<'_>, want: Want) {
        let document = &task.file.document;
        let at = task.arguments.span.start as usize;
        let written = document.positions.line_text(document.positions.line(at)).trim().to_owned();
        let need = Need::new(want, Verb::Use, document.positions.point(at), written);
        self.into.need(need.optional(task.around.optional).within(task.around.within.as_deref()));
    }

    /// The first argument of these names.
    fn argument<'t>(&self, task: &Task<'t>, keys: &[&str]) -> Option<&'t Node> {
        keys.iter().find_map(|key| task.arguments.get(key))
    }

    /// An argument that is one text.
    fn text(&mut self, task: &Task<'_>, key: &str) -> Option<String> {
        let node = task.arguments.get(key)?;
        match task.scope.texts(&task.file.document, node) {
            Ok(values) => values.into_iter().next().map(|value| value.text),
            Err(why) => {
                task.file.document.not_understood(node, why, self.into);
                None
            }
        }
    }

    fn each(&mut self, task: &Task<'_>, keys: &[&str], verb: Verb, want: impl Fn(&str) -> Result<Want, Why>) {
        self.each_of(task, keys, verb, |text| want(text).map(Some));
    }

    /// A need for each name of an argument: a text, a list, a list in a text.
    fn each_of(
        &mut self,
        task: &Task<'_>,
        keys: &[&str],
        verb: Verb,
        want: impl Fn(&str) -> Result<Option<Want>, Why>,
    ) {
        let document = &task.file.document;
        let Some(node) = self.argument(task, keys) else { return };
        let vars = match task.scope.list(document, node) {
            Ok(vars) => vars,
            Err(why) => return document.not_understood(node, why, self.into),
        };
        for var in vars {
            let Some(text) = var.node.scalar() else {
                document.not_understood(node, format!("{} where a name belongs", var.node.what()), self.into);
                continue;
            };
            let names = text.split(if text.contains('(') { '\n' } else { ',' }).map(str::trim);
            for name in names.filter(|name| !name.is_empty()) {
                match want(name) {
                    Ok(None) => {}
                    Ok(Some(want)) => {
                        let need = Need::new(want, verb, var.document.within(&var.node, name), name);
                        self.into.need(need.optional(task.around.optional).within(task.around.within.as_deref()));
                    }
                    Err(why) => var.document.not_understood(&var.node, why, self.into),
                }
            }
        }
    }

    fn missing(&mut self, task: &Task<'_>, what: &str) {
        task.file.document.not_understood(task.arguments, format!("the task does not say {what}"), self.into);
    }
}
