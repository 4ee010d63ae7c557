//! Commands that change the system or look at it: units, users, kernel parameters, files.

use super::arguments::Arguments;
use super::field::Field;
use super::names;
use super::walk::{Line, Run};
use crate::need::{UnitWant, Verb, Want};

const USERADD: &[&str] = &[
    "-c",
    "--comment",
    "-d",
    "--home-dir",
    "--home",
    "-g",
    "--gid",
    "-G",
    "--groups",
    "-u",
    "--uid",
    "-s",
    "--shell",
    "-k",
    "--skel",
    "-b",
    "--base-dir",
    "-e",
    "--expiredate",
    "-f",
    "--inactive",
    "-p",
    "--password",
    "-K",
    "--key",
    "-Z",
    "--selinux-user",
    "-R",
    "--root",
    "-h",
    "-l",
    "--gecos",
    "--ingroup",
];
const INSTALL: &[&str] =
    &["-o", "--owner", "-g", "--group", "-m", "--mode", "-t", "--target-directory", "-S", "--suffix"];
const CURL: &[&str] = &[
    "-o",
    "--output",
    "-H",
    "--header",
    "-d",
    "--data",
    "-X",
    "--request",
    "-u",
    "--user",
    "-A",
    "--user-agent",
    "-e",
    "-x",
    "--proxy",
    "-m",
    "--max-time",
    "--retry",
    "--retry-delay",
    "--connect-timeout",
    "--cacert",
    "--output-dir",
];
const WGET: &[&str] = &[
    "-O",
    "--output-document",
    "-P",
    "--directory-prefix",
    "-t",
    "--tries",
    "-T",
    "--timeout",
    "-U",
    "--header",
    "-o",
    "-e",
];
const TAR: &[&str] = &["-f", "--file", "-C", "--directory", "--strip-components", "--exclude"];

impl Run<'_, '_> {
    pub(super) fn system_command(&mut self, name: &str, fields: &[Field]) {
        match name {
            "systemctl" => self.systemctl(fields),
            "service" => {
                if let [unit, action, ..] = fields {
                    match action.text.as_str() {
                        "start" | "restart" | "reload" => self.unit(unit, UnitWant::Started),
                        "stop" => self.unit(unit, UnitWant::Disabled),
                        _ => self.unit(unit, UnitWant::Exists),
                    }
                }
            }
            "chkconfig" => match fields {
                [unit, state] if state.is("on") => self.unit(unit, UnitWant::Enabled),
                [unit, state] if state.is("off") => self.unit(unit, UnitWant::Disabled),
                _ => {}
            },
            "useradd" | "adduser" => self.useradd(fields),
            "groupadd" | "addgroup" => {
                if let Some(name) = Arguments::of(fields, &["-g", "--gid", "-K", "-p", "-R"])
                    .others
                    .last()
                    .and_then(|field| field.known())
                {
                    self.shell.groups.insert(name.to_owned());
                }
            }
            "usermod" => {
                let arguments = Arguments::of(fields, USERADD);
                for groups in arguments.values(&["-G", "--groups", "-g", "--gid"]) {
                    groups.split(',').for_each(|group| self.group(group));
                }
                self.last_user(&arguments);
            }
            "gpasswd" => {
                let arguments = Arguments::of(fields, &["-a", "--add", "-d"]);
                arguments.values(&["-a", "--add"]).iter().for_each(|user| self.user(user));
                if let Some(group) = arguments.others.last().and_then(|field| field.known()) {
                    self.group(group);
                }
            }
            "passwd" | "chage" => {
                let arguments = Arguments::of(fields, &["-M", "-E", "-d", "-I", "-m", "-W", "-x", "-n", "-w", "-i"]);
                self.last_user(&arguments);
            }
            "userdel" | "groupdel" => {}
            "chown" | "chgrp" => self.chown(name, fields),
            "install" => self.install(fields),
            "setfacl" => {}
            "sysctl" => self.sysctl(fields),
            "modprobe" | "modinfo" => {
                let arguments = Arguments::of(fields, &["-C", "-d", "-S", "-k", "-F", "--field", "--set-version"]);
                if !arguments.has(&["-r", "--remove"]) {
                    let all = arguments.has(&["-a", "--all"]) || name == "modinfo";
                    // Behind its name stand parameters.
                    let count = if all { arguments.others.len() } else { arguments.others.len().min(1) };
                    for field in &arguments.others[..count] {
                        self.module(field);
                    }
                }
            }
            "grep" | "egrep" | "fgrep" | "zgrep" => self.kernel_options(fields),
            "curl" | "wget" => self.downloads(name, fields),
            "cp" | "mv" | "ln" | "rsync" => {
                let arguments = Arguments::of(fields, &["-t", "--target-directory", "-S", "--suffix", "-e"]);
                let copies = match arguments.others.split_last() {
                    Some((to, sources)) if !sources.is_empty() => Some((*to, sources.to_vec())),
                    _ => None,
                };
                if let Some((to, sources)) = copies {
                    self.places(to, &sources);
                }
            }
            "tee" => {
                let lines = self.stdin.clone();
                for field in Arguments::of(fields, &[]).others {
                    if let Some(path) = field.known().filter(|path| !path.starts_with("/dev/")) {
                        self.writes(path, lines.as_deref());
                    }
                }
            }
            "touch" => {
                for field in Arguments::of(fields, &["-d", "-r", "-t"]).others {
                    if let Some(path) = field.known() {
                        self.writes(path, None);
                    }
                }
            }
            "tar" | "unzip" | "bsdtar" => {
                let arguments = Arguments::of(fields, if name == "unzip" { &["-d", "-x"] } else { TAR });
                let to = arguments.values(&["-C", "--directory", "-d"]);
                let on_path =
                    |to: &String| to == "/" || to == "/usr" || to.starts_with("/usr/local") || to.ends_with("/bin");
                self.shell.opaque |= to.iter().any(on_path) || self.shell.directory.starts_with("/usr/local");
            }
            "make" | "cmake" | "ninja" | "meson" | "gmake" => {
                self.shell.opaque |= fields.iter().any(|field| matches!(field.text.as_str(), "install" | "--install"));
            }
            _ => {}
        }
    }

    fn systemctl(&mut self, fields: &[Field]) {
        let arguments = Arguments::of(
            fields,
            &["--root", "-p", "--property", "-t", "--type", "-H", "-M", "--state", "-n", "-o", "--what"],
        );
        let Some((action, rest)) = arguments.others.split_first() else { return };
        if arguments.has(&["--user", "--global"]) {
            if !rest.is_empty() && !action.is("daemon-reload") {
                self.odd(action, "units of users are not looked up");
            }
            return;
        }
        let now = arguments.has(&["--now"]);
        let state = match action.text.as_str() {
            "enable" | "reenable" | "preset" | "add-wants" | "add-requires" if !now => UnitWant::Enabled,
            "enable" | "reenable" | "start" | "restart" | "reload" | "try-restart" | "reload-or-restart"
            | "condrestart" => UnitWant::Started,
            "disable" | "mask" | "stop" => UnitWant::Disabled,
            "is-active" | "is-enabled" | "is-failed" | "status" | "show" | "cat" | "edit" | "set-property"
            | "unmask" | "set-default" | "isolate" | "revert" | "kill" => UnitWant::Exists,
            _ => return,
        };
        for field in rest.iter().take(if action.is("set-property") { 1 } else { rest.len() }) {
            self.unit(field, state);
        }
    }

    fn useradd(&mut self, fields: &[Field]) {
        let arguments = Arguments::of(fields, USERADD);
        for groups in arguments.values(&["-g", "--gid", "-G", "--groups", "--ingroup"]) {
            groups.split(',').for_each(|group| self.group(group));
        }
        for shell in arguments.values(&["-s", "--shell"]) {
            if names::is_system_path(&shell) {
                let place = self.here.clone();
                self.need(Want::Path(shell.clone()), Verb::Use, &shell, place);
            }
        }
        if let Some(name) = arguments.others.last().and_then(|field| field.known()) {
            self.shell.users.insert(name.to_owned());
            // Without -g and -N, a group of its name comes with it.
            self.shell.groups.insert(name.to_owned());
        }
    }

    fn last_user(&mut self, arguments: &Arguments<'_>) {
        if let Some(field) = arguments.others.last() {
            match field.known() {
                Some(name) => self.user_at(name, field),
                None => {
                    let why = field.unknown.clone().unwrap_or_default();
                    self.odd(field, &why);
                }
            }
        }
    }

    fn chown(&mut self, command: &str, fields: &[Field]) {
        let arguments = Arguments::of(fields, &["--from", "--reference"]);
        let reference = arguments.options.iter().any(|(option, _)| option.starts_with("--reference"));
        let Some(field) = arguments.others.first().filter(|_| !reference) else { return };
        let Some(spec) = field.known() else {
            let why = field.unknown.clone().unwrap_or_default();
            return self.odd(field, &why);
        };
        if command == "chgrp" {
            return self.owner(None, Some(spec), field);
        }
        match spec.split_once([':', '.']) {
            Some((user, group)) => self.owner(Some(user), Some(group), field),
            None => self.owner(Some(spec), None, field),
        }
    }

    fn owner(&mut self, user: Option<&str>, group: Option<&str>, field: &Field) {
        let at = |name: &str| {
            let mut place = field.place.clone();
            if let (true, Some(at)) = (place.is_editable(), field.text.rfind(name)) {
                // A group stands last, a user first.
                let at = if Some(name) == user { field.text.find(name).unwrap_or(at) } else { at };
                (place.start, place.end) = (place.start + at as u32, place.start + (at + name.len()) as u32);
            }
            place
        };
        if let Some(user) = user.filter(|user| self.shell.needs_user(user)) {
            self.need(Want::User(user.to_owned()), Verb::Use, user, at(user));
        }
        if let Some(group) = group.filter(|group| self.shell.needs_group(group)) {
            self.need(Want::UserGroup(group.to_owned()), Verb::Use, group, at(group));
        }
    }

    /// A user that an option names.
    pub(super) fn user(&mut self, name: &str) {
        if self.shell.needs_user(name) {
            let place = self.here.clone();
            self.need(Want::User(name.to_owned()), Verb::Use, name, place);
        }
    }

    /// A user that is an argument.
    pub(super) fn user_at(&mut self, name: &str, field: &Field) {
        if self.shell.needs_user(name) {
            self.need_of(Want::User(name.to_owned()), Verb::Use, field);
        }
    }

    fn group(&mut self, name: &str) {
        if self.shell.needs_group(name) {
            let place = self.here.clone();
            self.need(Want::UserGroup(name.to_owned()), Verb::Use, name, place);
        }
    }

    fn install(&mut self, fields: &[Field]) {
        let arguments = Arguments::of(fields, INSTALL);
        arguments.values(&["-o", "--owner"]).iter().for_each(|user| self.user(user));
        arguments.values(&["-g", "--group"]).iter().for_each(|group| self.group(group));
        if arguments.options.iter().any(|(option, _)| option.starts_with("-d") || *option == "--directory") {
            return;
        }
        if let Some(to) = arguments.values(&["-t", "--target-directory"]).first() {
            for source in arguments.others.iter().filter_map(|field| field.known()) {
                let name = source.rsplit('/').next().unwrap_or(source);
                self.shell.brings(&format!("{to}/{name}"), None);
            }
        } else if let Some((to, sources)) = arguments.others.split_last() {
            self.places(to, sources);
        }
    }

    /// Files that are copied to a place.
    fn places(&mut self, to: &Field, sources: &[&Field]) {
        let Some(to) = to.known().map(|to| self.shell.absolute(to)) else {
            self.shell.opaque = true;
            return;
        };
        for source in sources {
            let name = source.text.rsplit('/').next().unwrap_or(&source.text);
            let host = source.known().and_then(|source| self.shell.source_of(source));
            if to.ends_with('/') || to.ends_with("bin") || to.ends_with("systemd/system") || sources.len() > 1 {
                self.shell.opaque |= source.unknown.is_some() || name.contains('*');
                self.shell.brings(&format!("{}/{name}", to.trim_end_matches('/')), host.as_deref());
            } else {
                self.shell.brings(&to, host.as_deref());
            }
        }
    }

    fn downloads(&mut self, command: &str, fields: &[Field]) {
        let arguments = Arguments::of(fields, if command == "curl" { CURL } else { WGET });
        let outputs =
            arguments.values(if command == "curl" { &["-o", "--output"] } else { &["-O", "--output-document"] });
        let address = arguments.others.iter().find(|field| field.text.contains("://")).copied();
        for output in &outputs {
            let path = self.shell.absolute(output);
            self.shell.brings(&path, None);
            if path.starts_with("/etc/yum.repos.d/") {
                match address.map(|field| (field, field.known())) {
                    Some((field, Some(address))) => {
                        self.need_of(Want::Repository(address.to_owned()), Verb::Install, field);
                    }
                    Some((field, None)) => {
                        let why = field.unknown.clone().unwrap_or_default();
                        self.odd(field, &why);
                    }
                    None => {}
                }
            }
        }
        if outputs.is_empty()
            && (command == "wget" || arguments.options.iter().any(|(option, _)| option.ends_with('O')))
        {
            let to = arguments.values(&["-P", "--directory-prefix", "--output-dir"]).first().cloned();
            if let Some(address) = address.and_then(|field| field.known()) {
                let name = address.split(['?', '#']).next().unwrap_or(address).rsplit('/').next().unwrap_or_default();
                let path = self.shell.absolute(&to.map_or(name.to_owned(), |to| format!("{to}/{name}")));
                self.shell.brings(&path, None);
            }
        }
        if arguments.others.iter().all(|field| field.unknown.is_some())
            && outputs.iter().any(|path| path.contains("bin/"))
        {
            self.shell.opaque |= outputs.is_empty();
        }
    }

    fn sysctl(&mut self, fields: &[Field]) {
        let arguments = Arguments::of(fields, &["-r", "--pattern"]);
        if arguments
            .options
            .iter()
            .any(|(option, _)| option.starts_with("-p") || *option == "--system" || option.starts_with("--load"))
        {
            return;
        }
        for field in &arguments.others {
            match field.known() {
                Some(text) => match parameter(text) {
                    Some((name, value)) => self.need_of(Want::Sysctl { name, value }, Verb::Use, field),
                    None => self.odd(field, "no name of a kernel parameter"),
                },
                None => {
                    let why = field.unknown.clone().unwrap_or_default();
                    self.odd(field, &why);
                }
            }
        }
    }

    fn module(&mut self, field: &Field) {
        match field.known() {
            Some(name) if is_module(name) => self.need_of(Want::KernelModule(name.to_owned()), Verb::Use, field),
            Some(_) => self.odd(field, "no name of a kernel module"),
            None => {
                let why = field.unknown.clone().unwrap_or_default();
                self.odd(field, &why);
            }
        }
    }

    /// `grep CONFIG_X /boot/config-…`
    fn kernel_options(&mut self, fields: &[Field]) {
        for field in fields {
            let mut from = 0;
            while let Some(at) = field.text[from..].find("CONFIG_").map(|at| from + at) {
                let length =
                    field.text[at..].bytes().take_while(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').count();
                from = at + length;
                let begins = !field.text[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
                // `CONFIG_${x}` and `CONFIG_.*` name none.
                let ends = !field.text[from..].starts_with(['.', '*', '[', '('])
                    && (from < field.text.len() || field.unknown.is_none());
                if begins && ends && length > "CONFIG_".len() {
                    let (name, place) = field.piece(at..from);
                    self.need(Want::KernelOption(name.clone()), Verb::Use, &name, place);
                }
            }
        }
    }

    /// A file that the chain writes, with its lines where they are known.
    pub(super) fn writes(&mut self, path: &str, lines: Option<&[Line]>) {
        let path = self.shell.absolute(path);
        self.shell.brings(&path, None);
        if let Some(name) = path.strip_prefix("/proc/sys/") {
            let name = name.replace('/', ".");
            let value = lines.and_then(|lines| lines.first()).filter(|line| !line.open).map(|line| line.text.clone());
            let place = self.here.clone();
            if parameter(&name).is_some() {
                self.need(Want::Sysctl { name: name.clone(), value }, Verb::Use, &name, place);
            }
            return;
        }
        let written = Written::of(&path);
        let Some(lines) = lines.filter(|_| written != Written::Other) else { return };
        for line in lines {
            if line.text.is_empty() || line.text.starts_with(['#', ';']) {
                continue;
            }
            if line.open {
                let mut place = line.place.clone();
                place.end = place.start;
                self.into.not_understood(place, &line.text, "an expansion in what is written to a file");
                continue;
            }
            let place = line.place.clone();
            match written {
                Written::Sysctl => {
                    if let Some((name, value)) = parameter(line.text.trim_start_matches('-')) {
                        self.need(Want::Sysctl { name, value }, Verb::Use, &line.text, place);
                    }
                }
                Written::Modules if is_module(&line.text) => {
                    self.need(Want::KernelModule(line.text.clone()), Verb::Use, &line.text, place);
                }
                Written::Repository => {
                    let (key, value) = line.text.split_once('=').unwrap_or_default();
                    if matches!(key.trim(), "baseurl" | "mirrorlist" | "metalink") {
                        let (value, at) = (value.trim(), line.text.len() - value.trim_start().len());
                        let mut place = place;
                        if place.is_editable() {
                            (place.start, place.end) =
                                (place.start + at as u32, place.start + (at + value.len()) as u32);
                        }
                        self.need(Want::Repository(value.to_owned()), Verb::Install, value, place);
                    }
                }
                Written::Users => {
                    let mut words = line.text.split_whitespace();
                    match (words.next(), words.next()) {
                        (Some(kind), Some(name)) if kind.starts_with('u') => {
                            self.shell.users.insert(name.to_owned());
                            self.shell.groups.insert(name.to_owned());
                        }
                        (Some(kind), Some(name)) if kind.starts_with('g') => {
                            self.shell.groups.insert(name.to_owned());
                        }
                        _ => {}
                    }
                }
                _ => {}
            }
        }
    }
}

/// Files whose lines name something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Written {
    Sysctl,
    Modules,
    Repository,
    Users,
    Other,
}

impl Written {
    fn of(path: &str) -> Self {
        match path {
            "/etc/sysctl.conf" => Self::Sysctl,
            _ if path.contains("/sysctl.d/") => Self::Sysctl,
            _ if path.contains("/modules-load.d/") => Self::Modules,
            _ if path.contains("/yum.repos.d/") => Self::Repository,
            _ if path.contains("/sysusers.d/") => Self::Users,
            _ => Self::Other,
        }
    }
}

/// `net.core.somaxconn = 1024`, `net/core/somaxconn`
fn parameter(text: &str) -> Option<(String, Option<String>)> {
    let (name, value) = text.split_once('=').map_or((text, None), |(name, value)| (name, Some(value)));
    let name = name.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/*:".contains(c);
    let value = value.map(|value| value.trim().trim_matches(['"', '\'']).to_owned());
    let dotted = if name.contains('.') { name.to_owned() } else { name.replace('/', ".") };
    (dotted.contains('.') && name.chars().all(plain)).then_some((dotted, value))
}

fn is_module(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    !name.is_empty() && name.len() <= 64 && name.chars().all(plain)
}
