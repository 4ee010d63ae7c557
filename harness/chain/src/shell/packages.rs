//! Commands that install packages.

use super::arguments::Arguments;
use super::field::Field;
use super::names;
use super::walk::Run;
use crate::need::{Verb, Want};
use crate::spelling;
use crate::why::Why;

/// Options of dnf, yum, microdnf and tdnf that take the next argument.
const DNF: &[&str] = &[
    "-c",
    "--config",
    "--repo",
    "--repoid",
    "--enablerepo",
    "--enable-repo",
    "--disablerepo",
    "--disable-repo",
    "--installroot",
    "--releasever",
    "-x",
    "--exclude",
    "--excludepkgs",
    "-d",
    "-e",
    "--debuglevel",
    "--errorlevel",
    "--setopt",
    "--forcearch",
    "--comment",
    "--repofrompath",
    "--downloaddir",
    "--destdir",
    "--color",
    "-R",
    "--randomwait",
    "--advisory",
    "--arch",
    "--from-repo",
    "--rpmverbosity",
    "--add-repo",
    "--from-repofile",
    "--set",
    "--id",
];
const ZYPPER: &[&str] = &["-t", "--type", "-r", "--repo", "--from", "-R", "--root", "-p"];
const APT: &[&str] = &["-t", "--target-release", "--default-release", "-o", "--option", "-c", "--config-file", "-a"];
const RPM: &[&str] = &[
    "--root",
    "-r",
    "--dbpath",
    "--define",
    "-D",
    "--undefine",
    "--prefix",
    "--excludepath",
    "--qf",
    "--queryformat",
    "--pipe",
];

impl Run<'_, '_> {
    /// Reads the command if it is one that installs packages. `false` if it is not.
    pub(super) fn package_command(&mut self, name: &str, fields: &[Field]) -> bool {
        match name {
            "dnf" | "dnf5" | "dnf-3" | "dnf4" | "microdnf" | "yum" | "tdnf" => self.dnf(fields),
            "dnf-automatic" | "mkosi-upgrade" => {}
            "mkosi-install" | "mkosi-reinstall" => self.mkosi(fields, Verb::Install),
            "mkosi-remove" => self.mkosi(fields, Verb::Remove),
            "yum-config-manager" | "dnf-config-manager" => self.config_manager(&Arguments::of(fields, DNF)),
            "yum-builddep" | "dnf-builddep" => self.builddep(&Arguments::of(fields, DNF).others),
            "debuginfo-install" => self.not_named(&Arguments::of(fields, DNF).others, "debuginfo-install"),
            "rpm-ostree" => self.rpm_ostree(fields),
            "rpm" => self.rpm(fields),
            "zypper" => self.zypper(fields),
            "apt-get" | "apt" | "aptitude" => self.apt(fields),
            "dpkg" => {
                if let Some(file) = fields.iter().find(|field| field.text.ends_with(".deb")) {
                    self.odd(file, "a package file of Debian's is not looked into");
                }
            }
            "add-apt-repository" | "apt-add-repository" => {
                for field in Arguments::of(fields, &["-k", "--keyserver"]).others {
                    match field.known() {
                        Some(name) => self.need_of(Want::Repository(name.to_owned()), Verb::Install, field),
                        None => self.unknown(field),
                    }
                }
            }
            "apk" | "pacman" | "emerge" | "xbps-install" | "opkg" => {
                if fields.iter().any(|field| is_installing(&field.text)) {
                    let distribution = match name {
                        "apk" => "Alpine's",
                        "pacman" => "Arch's",
                        _ => "another distribution's",
                    };
                    self.odd(&fields[0], &format!("the names of packages of `{name}` are {distribution} own"));
                }
            }
            "pip" | "pip3" | "pipx" | "npm" | "yarn" | "pnpm" | "gem" | "cargo" | "go" | "uv" | "poetry"
            | "composer" | "conda" | "luarocks" | "cpan" | "cpanm" | "dotnet" => self.language(name, fields),
            _ if name.starts_with("pip3.") => self.language("pip3", fields),
            _ => return false,
        }
        true
    }

    /// What mkosi gives its scripts, for the package manager of whatever distribution the image is made of.
    fn mkosi(&mut self, fields: &[Field], verb: Verb) {
        let arguments = Arguments::of(fields, &[]);
        match self.shell.debian {
            true => self.each(&arguments.others, verb, debian),
            false => self.each(&arguments.others, verb, spelling::package),
        }
    }

    fn unknown(&mut self, field: &Field) {
        if let Some(why) = &field.unknown {
            let why = why.clone();
            self.odd(field, &why);
        }
    }

    /// A need for each argument.
    fn each(&mut self, fields: &[&Field], verb: Verb, want: impl Fn(&str) -> Result<Want, Why>) {
        for field in fields {
            match field.known() {
                // An empty `"$EXTRA"`.
                Some("") => {}
                Some(text) => match want(text) {
                    Ok(want) => self.need_of(want, verb, field),
                    Err(why) => self.odd(field, &why.to_string()),
                },
                None => self.unknown(field),
            }
        }
    }

    fn dnf(&mut self, fields: &[Field]) {
        let arguments = Arguments::of(fields, DNF);
        self.repositories(&arguments);
        let lenient = arguments.has(&["--skip-unavailable", "--skip-broken"])
            || arguments.values(&["--setopt"]).iter().any(|set| {
                matches!(
                    set.to_ascii_lowercase().as_str(),
                    "strict=0" | "strict=false" | "skip_unavailable=true" | "skip_unavailable=1"
                )
            });
        // Options in a variable stand before the subcommand.
        let first = arguments.others.iter().position(|field| field.known().is_some()).unwrap_or(arguments.others.len());
        for field in &arguments.others[..first] {
            self.unknown(field);
        }
        let Some((subcommand, rest)) = arguments.others[first..].split_first() else { return };
        self.optional += usize::from(lenient);
        match subcommand.text.as_str() {
            "install" | "in" | "localinstall" | "reinstall" | "downgrade" | "install-n" | "install-na"
            | "install-nevra" | "do" => {
                self.each(rest, Verb::Install, spelling::package);
            }
            "remove" | "erase" | "autoremove" | "rm" | "remove-n" => self.each(rest, Verb::Remove, spelling::package),
            "download" => self.each(rest, Verb::Use, spelling::package),
            "swap" => {
                if let Some((removed, installed)) = rest.split_first() {
                    self.each(&[removed], Verb::Remove, spelling::package);
                    self.each(installed, Verb::Install, spelling::package);
                }
            }
            "groupinstall" => self.each(rest, Verb::Install, group),
            "groupremove" => self.each(rest, Verb::Remove, group),
            "group" | "groups" | "environment" => match rest.split_first() {
                Some((action, rest)) if matches!(action.text.as_str(), "install" | "upgrade") => {
                    self.each(rest, Verb::Install, group);
                }
                Some((action, rest)) if action.text == "remove" => self.each(rest, Verb::Remove, group),
                _ => {}
            },
            "module" => match rest.split_first() {
                Some((action, rest)) if matches!(action.text.as_str(), "enable" | "install" | "switch-to") => {
                    self.each(rest, Verb::Install, spelling::module);
                }
                Some((action, rest)) if matches!(action.text.as_str(), "remove" | "disable") => {
                    self.each(rest, Verb::Remove, spelling::module);
                }
                _ => {}
            },
            "copr" => {
                if let Some((_, rest)) = rest.split_first().filter(|(action, _)| action.is("enable")) {
                    let named = |text: &str| match text.contains('/') {
                        true => Ok(Want::Repository(format!("copr:{text}"))),
                        false => Err(format!("`{text}` is no project of Copr").into()),
                    };
                    self.each(&rest[..rest.len().min(1)], Verb::Install, named);
                }
            }
            "config-manager" => self.config_manager(&arguments),
            "builddep" | "build-dep" => self.builddep(rest),
            "debuginfo-install" => self.not_named(rest, "debuginfo-install"),
            "shell" => self.odd(subcommand, "what `dnf shell` gets is not read"),
            // Nothing is named that the system must have.
            "upgrade"
            | "update"
            | "upgrade-minimal"
            | "update-minimal"
            | "up"
            | "distro-sync"
            | "dist-sync"
            | "distribution-synchronization"
            | "clean"
            | "makecache"
            | "check"
            | "check-update"
            | "check-upgrade"
            | "list"
            | "info"
            | "search"
            | "provides"
            | "whatprovides"
            | "repoquery"
            | "rq"
            | "repolist"
            | "repoinfo"
            | "history"
            | "mark"
            | "updateinfo"
            | "advisory"
            | "grouplist"
            | "groupinfo"
            | "needs-restarting"
            | "system-upgrade"
            | "offline"
            | "offline-upgrade"
            | "versionlock"
            | "reposync"
            | "alias"
            | "repoclosure"
            | "repodiff"
            | "repograph"
            | "repomanage"
            | "changelog"
            | "help"
            | "version"
            | "leaves"
            | "deplist"
            | "refresh"
            | "automatic"
            | "needs-reboot"
            | "replay"
            | "debug-dump" => {}
            other => {
                let why =
                    format!("`{}` is no command of dnf that is known here", muster_base::text::one_line(other, 40));
                self.odd(subcommand, &why);
            }
        }
        self.optional -= usize::from(lenient);
    }

    /// Repositories that options name.
    fn repositories(&mut self, arguments: &Arguments<'_>) {
        for (option, value) in &arguments.options {
            let (name, inline) = option.split_once('=').map_or((*option, None), |(name, value)| (name, Some(value)));
            let text = match (inline, value) {
                (Some(text), _) => text,
                (None, Some(value)) => match value.known() {
                    Some(text) => text,
                    None => continue,
                },
                (None, None) => continue,
            };
            let (verb, names) = match name {
                "--enablerepo" | "--enable-repo" | "--repo" | "--repoid" => (Verb::Use, text.split(',').collect()),
                "--repofrompath" => {
                    (Verb::Install, text.split_once(',').map(|(_, url)| url).into_iter().collect::<Vec<_>>())
                }
                _ => continue,
            };
            for name in names {
                let field = fields_of(arguments, option, *value);
                let pattern =
                    name.is_empty() || name.contains(['*', '?']) || !name.chars().all(|c| c.is_ascii_graphic());
                if let (false, Some(place)) = (pattern, field) {
                    self.need(Want::Repository(name.to_owned()), verb, name, place);
                }
            }
        }
    }

    fn config_manager(&mut self, arguments: &Arguments<'_>) {
        for address in arguments.values(&["--add-repo", "--from-repofile"]) {
            self.repository(&address, arguments);
        }
        for set in arguments.values(&["--set"]) {
            let of = |key: &str| set.strip_prefix(key).and_then(|rest| rest.strip_prefix('='));
            if let Some(address) = of("baseurl").or(of("mirrorlist")).or(of("metalink")) {
                self.repository(address, arguments);
            }
        }
        // An address that is not known.
        for (option, value) in &arguments.options {
            if let (true, Some(value)) = (matches!(*option, "--add-repo" | "--from-repofile"), value) {
                self.unknown(value);
            }
        }
        let names: Vec<&Field> = arguments.others.iter().copied().filter(|field| !field.is("config-manager")).collect();
        if arguments.has(&["--set-enabled", "--enable"]) {
            let named = |text: &str| Ok(Want::Repository(text.to_owned()));
            return self.each(&names, Verb::Use, named);
        }
        if let Some((action, rest)) = names.split_first() {
            for field in rest.iter().filter(|_| action.is("setopt")) {
                if let Some((name, "enabled=1" | "enabled=true")) = field.known().and_then(|text| text.split_once('.'))
                {
                    let (written, place) = field.piece(0..name.len());
                    self.need(Want::Repository(name.to_owned()), Verb::Use, &written, place);
                }
            }
            for field in rest.iter().filter(|_| action.is("addrepo")) {
                self.unknown(field);
            }
        }
    }

    fn repository(&mut self, address: &str, arguments: &Arguments<'_>) {
        let written = |field: &&Field| field.is(address);
        let values = arguments.options.iter().filter_map(|(_, value)| *value);
        let place = match arguments.others.iter().copied().chain(values).find(written) {
            Some(field) => field.place.clone(),
            None => self.here.clone(),
        };
        self.need(Want::Repository(address.to_owned()), Verb::Install, address, place);
    }

    fn builddep(&mut self, fields: &[&Field]) {
        for field in fields {
            let why = match field.known() {
                Some(file) if file.ends_with(".spec") => {
                    format!("what {file} requires is read when it is named itself")
                }
                Some(name) => format!("what {name} needs to be built is not known without its source package"),
                None => field.unknown.clone().unwrap_or_default(),
            };
            self.odd(field, &why);
        }
    }

    fn not_named(&mut self, fields: &[&Field], command: &str) {
        if let Some(field) = fields.first() {
            self.odd(field, &format!("`{command}` finds names of its own, which are not known here"));
        }
    }

    fn rpm_ostree(&mut self, fields: &[Field]) {
        let arguments = Arguments::of(fields, &["--repo", "--install", "--uninstall", "--os", "--stateroot"]);
        let Some((subcommand, rest)) = arguments.others.split_first() else { return };
        match subcommand.text.as_str() {
            "install" => self.each(rest, Verb::Install, spelling::package),
            "uninstall" | "remove" => self.each(rest, Verb::Remove, spelling::package),
            "override" => {
                let installed: Vec<&Field> = arguments
                    .options
                    .iter()
                    .filter_map(|(option, value)| value.filter(|_| *option == "--install"))
                    .collect();
                self.each(&installed, Verb::Install, spelling::package);
                match rest.split_first() {
                    Some((action, rest)) if action.is("remove") => self.each(rest, Verb::Remove, spelling::package),
                    Some((action, rest)) if action.is("replace") => self.each(rest, Verb::Install, spelling::package),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn rpm(&mut self, fields: &[Field]) {
        let arguments = Arguments::of(fields, RPM);
        let mode = |letters: &[char], long: &[&str]| {
            arguments.options.iter().any(|(option, _)| {
                long.contains(option)
                    || !option.starts_with("--") && option.starts_with('-') && option[1..].starts_with(letters)
            })
        };
        if arguments.has(&["--import"]) {
            for field in &arguments.others {
                match field.known() {
                    Some(path) if path.starts_with("/etc/") => self.path(path, field),
                    Some(_) => {}
                    None => self.unknown(field),
                }
            }
        } else if mode(
            &['q', 'V', 'K', 'E'],
            &["--query", "--verify", "--eval", "--checksig", "--initdb", "--rebuilddb"],
        ) {
            // It looks, and says so by its status.
        } else if mode(&['e'], &["--erase"]) {
            self.each(&arguments.others, Verb::Remove, spelling::package);
        } else if mode(&['i', 'U', 'F', 'v', 'h'], &["--install", "--upgrade", "--freshen"]) {
            let file = |text: &str| match spelling::package(text) {
                Ok(Want::Package { .. }) => Ok(Want::LocalPackage(text.to_owned())),
                other => other,
            };
            self.each(&arguments.others, Verb::Install, file);
        }
    }

    fn zypper(&mut self, fields: &[Field]) {
        let arguments = Arguments::of(fields, ZYPPER);
        let Some((subcommand, rest)) = arguments.others.split_first() else { return };
        let pattern = arguments.values(&["-t", "--type"]).iter().any(|kind| kind != "package");
        match subcommand.text.as_str() {
            "install" | "in" if pattern => self.not_named(rest, "zypper install -t"),
            "install" | "in" => self.each(rest, Verb::Install, spelling::package),
            "remove" | "rm" if !pattern => self.each(rest, Verb::Remove, spelling::package),
            "addrepo" | "ar" => {
                let named = |text: &str| Ok(Want::Repository(text.to_owned()));
                self.each(&rest[..rest.len().min(1)], Verb::Install, named);
            }
            _ => {}
        }
    }

    fn apt(&mut self, fields: &[Field]) {
        let arguments = Arguments::of(fields, APT);
        let first = arguments.others.iter().position(|field| field.known().is_some()).unwrap_or(arguments.others.len());
        for field in &arguments.others[..first] {
            self.unknown(field);
        }
        let Some((subcommand, rest)) = arguments.others[first..].split_first() else { return };
        match subcommand.text.as_str() {
            "install" | "reinstall" | "satisfy" => self.each(rest, Verb::Install, debian),
            "remove" | "purge" => self.each(rest, Verb::Remove, debian),
            "build-dep" => self.builddep(rest),
            _ => {}
        }
    }

    /// Installers of languages: the tool is needed, and what it brings is not the system's.
    fn language(&mut self, tool: &str, fields: &[Field]) {
        let arguments = Arguments::of(
            fields,
            &[
                "-r",
                "--requirement",
                "-c",
                "--constraint",
                "-i",
                "--index-url",
                "--root",
                "--prefix",
                "-t",
                "--target",
                "--version",
                "-v",
                "--git",
                "--tag",
                "--branch",
                "-n",
                "--name",
                "--no-binary",
                "--only-binary",
                "--find-links",
                "-f",
                "--features",
            ],
        );
        let mut words = arguments
            .others
            .iter()
            .skip_while(|field| matches!(field.text.as_str(), "tool" | "global" | "pip" | "self"));
        let Some(subcommand) = words.next() else {
            // `yarn`, `npm ci`: what a lock file says.
            self.shell.opaque |= tool == "yarn";
            return;
        };
        if !matches!(
            subcommand.text.as_str(),
            "install" | "i" | "add" | "ci" | "get" | "inject" | "sync" | "create" | "require"
        ) {
            return;
        }
        let named: Vec<&&Field> = words.collect();
        self.shell.opaque |=
            named.is_empty() || named.iter().any(|field| field.known().is_none_or(|text| text.starts_with('.')));
        for text in named.iter().filter_map(|field| field.known()) {
            let scope = usize::from(text.starts_with('@'));
            let end =
                text[scope..].find(['=', '<', '>', '~', '[', '@', ' ', ';']).map_or(text.len(), |end| scope + end);
            let name = text[..end].trim_end_matches('/');
            for command in names::of_language_package(name) {
                self.shell.commands.insert((*command).to_owned());
            }
            let last = name.trim_end_matches("/...").rsplit('/').next().unwrap_or(name);
            self.shell.commands.insert(last.to_owned());
        }
    }
}

fn is_installing(text: &str) -> bool {
    matches!(text, "add" | "install" | "-i") || text.starts_with("-S")
}

/// Where the option stands.
fn fields_of(arguments: &Arguments<'_>, option: &str, value: Option<&Field>) -> Option<crate::place::Place> {
    let value = value.or_else(|| arguments.others.first().copied());
    value.map(|field| {
        let mut place = field.place.clone();
        if option.contains('=')
            || field.text.contains(',')
            || arguments.others.iter().any(|other| std::ptr::eq(*other, field))
        {
            place.end = place.start;
        }
        place
    })
}

fn group(text: &str) -> Result<Want, Why> {
    spelling::group(text.strip_prefix('@').unwrap_or(text))
}

/// An argument of `apt-get install`.
fn debian(text: &str) -> Result<Want, Why> {
    if text.ends_with(".deb") {
        return Err("a package file of Debian's is not looked into".into());
    }
    let name = text.split(['=', '/', ':']).next().unwrap_or(text);
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.*?[]".contains(c);
    let begins = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '*';
    match name.starts_with(begins) && name.chars().all(plain) && name.len() <= 128 {
        true => Ok(Want::DebianPackage(name.to_owned())),
        false => Err(format!("`{text}` is no name of a package of Debian's").into()),
    }
}
