//! `#cloud-config`: packages, commands, users and repositories that cloud-init sets up.
//!
//! Names of packages are those of the system it runs on. Where the file configures apt (`apt:`), they are Debian's.

use crate::chain::ChainKind;
use crate::names;
use crate::need::{Need, Verb, Want};
use crate::positions::Positions;
use crate::reader::{ReadError, Reader, Reading, Source};
use crate::shebang;
use crate::shell::{Argument, Shell};
use crate::spelling;
use crate::yaml::{Document, entries, items};
use muster_base::Relation;
use muster_suite::yaml::{Node, NodeKind};

/// The reader.
pub(crate) struct CloudConfig;

impl Reader for CloudConfig {
    fn kind(&self) -> ChainKind {
        ChainKind::CloudConfig
    }

    /// Its first line, which cloud-init knows it by; one for a template may stand before.
    fn fits(&self, source: &Source<'_>) -> bool {
        let start = String::from_utf8_lossy(&source.bytes[..source.bytes.len().min(4096)]);
        let mut lines = start.trim_start_matches('\u{feff}').lines();
        let first = lines.next().unwrap_or_default();
        let first = if first.starts_with("## template:") { lines.next().unwrap_or_default() } else { first };
        first.trim_end() == "#cloud-config"
    }

    fn read(&self, source: &Source<'_>, into: &mut Reading) -> Result<(), ReadError> {
        let positions = Positions::of(source, into)?;
        let Some(document) = Document::read(positions, into)? else { return Ok(()) };
        let debian = document.root.get("apt").is_some();
        let shell = Shell::new(source.host, source.path);
        let mut config = Config { document, into, shell, debian, accounts: Vec::new() };
        config.all();
        Ok(())
    }
}

struct Config<'r, 's> {
    document: Document,
    into: &'r mut Reading,
    shell: Shell<'s>,
    debian: bool,
    /// Users and groups that it needs; those that it makes are none.
    accounts: Vec<Need>,
}

impl Config<'_, '_> {
    fn all(&mut self) {
        let root = self.document.root.clone();
        let all = entries(&root);
        if all.is_empty() {
            self.document.not_understood(&root, "a configuration is a mapping", self.into);
        }
        let mut joined = Vec::new();
        for (at, (key, value)) in all.iter().enumerate() {
            let name = key.scalar().unwrap_or_default();
            match name {
                "packages" => items(value).iter().for_each(|item| self.package(item)),
                "bootcmd" | "runcmd" => {
                    self.shell.within(Some(name.to_owned()));
                    items(value).iter().for_each(|item| self.command(item));
                }
                "users" => items(value).iter().for_each(|user| self.user(user)),
                "groups" => self.groups(value),
                "yum_repos" => self.repositories(value),
                "write_files" => items(value).iter().for_each(|file| self.file(file)),
                "fs_setup" => {
                    for one in items(value) {
                        self.command_of(one.get("filesystem"), |kind| format!("mkfs.{kind}"));
                    }
                }
                "ntp" => {
                    if let Some(client) = value.get("ntp_client").filter(|it| it.scalar() != Some("auto")) {
                        self.package(client);
                    }
                }
                "salt_minion" => self.implied(key, "salt-minion"),
                "wireguard" => self.implied(key, "wireguard-tools"),
                "puppet" => self.implied(key, "puppet"),
                name if PLAIN.contains(&name) => {}
                name => {
                    let why = format!("`{}` is not read", muster_base::text::one_line(name, 60));
                    self.document.not_understood(key, why, self.into);
                    let positions = &self.document.positions;
                    let next = all.get(at + 1).map(|(next, _)| positions.line(next.span.start as usize));
                    let end = next.unwrap_or_else(|| positions.line(Document::last(value)) + 1);
                    joined.push(positions.line(key.span.start as usize)..end);
                }
            }
        }
        for need in std::mem::take(&mut self.accounts) {
            if !self.shell.creates(&need) {
                self.into.need(need);
            }
        }
        self.document.positions.count(&['#'], &joined, self.into);
    }

    /// A name, a name with a version, or the lists of a package manager.
    fn package(&mut self, item: &Node) {
        match &item.kind {
            NodeKind::Scalar { text, .. } => self.named(item, text, None),
            NodeKind::Sequence(pair) => match (pair.first(), pair.get(1).and_then(Node::scalar), pair.len()) {
                (Some(name), version, 1 | 2) => {
                    let text = name.scalar().unwrap_or_default().to_owned();
                    self.named(name, &text, version);
                }
                _ => self.document.not_understood(item, "a list that is no name and version", self.into),
            },
            NodeKind::Mapping(managers) => {
                for (manager, list) in managers {
                    let debian = self.debian;
                    match manager.scalar().unwrap_or_default() {
                        "apt" => self.debian = true,
                        "dnf" | "yum" => self.debian = false,
                        other => {
                            let why = format!("packages of `{}`", muster_base::text::one_line(other, 60));
                            self.document.not_understood(manager, why, self.into);
                            continue;
                        }
                    }
                    items(list).iter().for_each(|item| self.package(item));
                    self.debian = debian;
                }
            }
        }
    }

    fn named(&mut self, node: &Node, text: &str, version: Option<&str>) {
        let want = if self.debian {
            let name = text.split(['=', '/', ':']).next().unwrap_or_default();
            if names::is_name(name) { Ok(Want::DebianPackage(name.to_owned())) } else { Err("not a name".into()) }
        } else {
            spelling::package(text).map(|want| match (want, version) {
                (Want::Package { name, version: None, arch }, Some(version)) => {
                    Want::Package { name, version: Some((Relation::Equal, version.to_owned())), arch }
                }
                (want, _) => want,
            })
        };
        match want {
            Ok(want) => {
                let place = self.document.place(node);
                self.into.need(Need::new(want, Verb::Install, place, text).within(Some("packages")));
            }
            Err(why) => self.document.not_understood(node, why, self.into),
        }
    }

    fn command(&mut self, item: &Node) {
        match &item.kind {
            NodeKind::Scalar { text, .. } => {
                let origin = self.document.origin(item);
                self.shell.run(text, &origin, self.into);
            }
            NodeKind::Sequence(words) => {
                let word =
                    |word: &Node| Some(Argument { text: word.scalar()?.to_owned(), place: self.document.place(word) });
                let words: Option<Vec<Argument>> = words.iter().map(word).collect();
                match words {
                    Some(words) => self.shell.run_words(&words, self.into),
                    None => self.document.not_understood(item, "a word of a command that is no text", self.into),
                }
            }
            NodeKind::Mapping(_) => self.document.not_understood(item, "a mapping is no command", self.into),
        }
    }

    fn user(&mut self, user: &Node) {
        if let Some(name) = user.get("name").and_then(Node::scalar) {
            self.shell.creates_user(name);
        }
        for key in ["groups", "primary_group"] {
            let Some(value) = user.get(key) else { continue };
            let all = if value.scalar().is_some() { std::slice::from_ref(value) } else { items(value) };
            for one in all {
                let text = one.scalar().unwrap_or_default();
                for name in text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                    self.account(one, name, Want::UserGroup);
                }
            }
        }
        if let Some((node, shell)) = user.get("shell").and_then(|node| Some((node, node.scalar()?))) {
            let place = self.document.place(node);
            self.into.need(Need::new(Want::Path(shell.to_owned()), Verb::Use, place, shell).within(Some("users")));
        }
    }

    fn account(&mut self, node: &Node, name: &str, want: fn(String) -> Want) {
        if name != "root" {
            let place = self.document.within(node, name);
            let need = Need::new(want(name.to_owned()), Verb::Use, place, name);
            self.accounts.push(need);
        }
    }

    fn groups(&mut self, value: &Node) {
        let all = if value.scalar().is_some() { std::slice::from_ref(value) } else { items(value) };
        for group in all {
            match &group.kind {
                NodeKind::Scalar { text, .. } => {
                    text.split(',').for_each(|name| self.shell.creates_group(name.trim()));
                }
                _ => {
                    let names = entries(group).iter().filter_map(|(name, _)| name.scalar());
                    names.for_each(|name| self.shell.creates_group(name));
                }
            }
        }
    }

    fn repositories(&mut self, value: &Node) {
        for (_, repository) in entries(value) {
            for key in ["baseurl", "metalink", "mirrorlist"] {
                let Some((node, address)) = repository.get(key).and_then(|node| Some((node, node.scalar()?))) else {
                    continue;
                };
                let want = Want::Repository(address.to_owned());
                let place = self.document.place(node);
                self.into.need(Need::new(want, Verb::Install, place, address).within(Some("yum_repos")));
            }
        }
    }

    /// A file that is written: its owner, and what it runs if it is a script.
    fn file(&mut self, file: &Node) {
        if let Some((node, owner)) = file.get("owner").and_then(|node| Some((node, node.scalar()?))) {
            let (user, group) = owner.split_once(':').map_or((owner, None), |(user, group)| (user, Some(group)));
            self.account(node, user, Want::User);
            if let Some(group) = group {
                self.account(node, group, Want::UserGroup);
            }
        }
        let path = file.get("path").and_then(Node::scalar);
        if let Some(path) = path {
            self.shell.brings(path, None);
        }
        let Some(content) = file.get("content") else { return };
        if file.get("encoding").and_then(Node::scalar).is_some_and(|it| it != "text/plain") {
            return self.document.not_understood(content, "content that is packed or encoded", self.into);
        }
        let text = content.scalar().unwrap_or_default();
        let first = text.lines().next().unwrap_or_default();
        let within = path.map(|path| format!("write_files {path}"));
        let place = self.document.positions.point(content.span.start as usize);
        for want in shebang::needs(first) {
            self.into.need(Need::new(want, Verb::Use, place.clone(), first).within(within.as_deref()));
        }
        if shebang::is_shell(first) {
            self.shell.within(within);
            let origin = self.document.origin(content);
            self.shell.run(text, &origin, self.into);
        }
    }

    fn command_of(&mut self, node: Option<&Node>, command: impl Fn(&str) -> String) {
        let Some((node, text)) = node.and_then(|node| Some((node, node.scalar()?))) else { return };
        let place = self.document.place(node).start_only();
        self.into.need(Need::new(Want::Command(command(text)), Verb::Use, place, text));
    }

    /// A package that cloud-init installs for a part of its configuration.
    fn implied(&mut self, key: &Node, name: &str) {
        let want = Want::Package { name: name.to_owned(), version: None, arch: None };
        let place = self.document.place(key).start_only();
        self.into.need(Need::new(want, Verb::Install, place, key.scalar().unwrap_or_default()));
    }
}

/// Keys that need nothing that is not part of cloud-init or of any system.
const PLAIN: &[&str] = &[
    "allow_public_ssh_keys",
    "apt",
    "ca_certs",
    "ca-certs",
    "chpasswd",
    "cloud_config_modules",
    "cloud_final_modules",
    "cloud_init_modules",
    "create_hostname_file",
    "datasource",
    "datasource_list",
    "device_aliases",
    "disable_ec2_metadata",
    "disable_root",
    "disable_root_opts",
    "disk_setup",
    "final_message",
    "fqdn",
    "growpart",
    "hostname",
    "keyboard",
    "locale",
    "locale_configfile",
    "manage_etc_hosts",
    "manage_resolv_conf",
    "merge_how",
    "merge_type",
    "mount_default_fields",
    "mounts",
    "network",
    "no_ssh_fingerprints",
    "output",
    "package_reboot_if_required",
    "package_update",
    "package_upgrade",
    "password",
    "phone_home",
    "power_state",
    "prefer_fqdn_over_hostname",
    "preserve_hostname",
    "random_seed",
    "resize_rootfs",
    "resolv_conf",
    "rsyslog",
    "ssh",
    "ssh_authorized_keys",
    "ssh_deletekeys",
    "ssh_fp_console_blacklist",
    "ssh_genkeytypes",
    "ssh_import_id",
    "ssh_keys",
    "ssh_publish_hostkeys",
    "ssh_pwauth",
    "ssh_quiet_keygen",
    "swap",
    "system_info",
    "timezone",
    "updates",
    "user",
    "vendor_data",
    "yum_repo_dir",
];
