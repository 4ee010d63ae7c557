//! Which options can have defaults, taken from clap's own definitions: an option that is added to a command is a key
//! of that command's table at once. What cannot have one is listed here with the reason.

use clap::{Arg, ArgAction, Command};

/// Options that several commands share are the fields of one struct, so they mean the same in each.
struct Shared {
    table: &'static str,
    /// The group that clap makes of the struct.
    group: &'static str,
    /// Options that stand next to it, of a struct that clap makes no group of.
    also: &'static [&'static str],
}

const SHARED: [Shared; 3] = [
    Shared { table: "machine", group: "MachineOptions", also: &["image"] },
    Shared { table: "selection", group: "Selection", also: &[] },
    Shared { table: "connect", group: "ConnectOptions", also: &[] },
];

/// The command without settings: its options are those of libtest, and it has variables of its own.
const OTHER_COMMANDS: [&str; 2] = ["test", "help"];

/// Options that only the command line can give: the command (empty: every one), the option, and why.
pub(super) const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("run", "list", "a run that starts nothing would look like one that passed"),
    ("run", "update-snapshots", "it accepts whatever a guest shows, so a person decides each time"),
    ("run", "rerun", "it names one run, and is no property of a project"),
    ("run", "resume", "it names one run, and is no property of a project"),
    ("run", "attempts", "it names one run, and is no property of a project"),
    ("bisect", "resume", "it names one search, and is no property of a project"),
    ("", "accept-new-host-key", "nobody is trusted by a file"),
    ("", "allow-changes", "a machine is changed only when the command that changes it says so"),
    ("", "all", "what it widens differs between commands, and for some it removes things"),
    ("", "force", "what it overrides is decided each time"),
    ("", "exec", "it is what one command does, and no property of a project"),
    ("gate", "at", "a time in the past is decided for once, and no property of a project"),
    ("verify", "at", "a time in the past is verified for once, and no property of a project"),
    ("certify", "profile", "it is not taken: the policy names its profile"),
    ("certify", "supersedes", "it names one certificate, and is no property of a project"),
    ("boot", "list", "it is what one command does, and no property of a project"),
    ("boot", "end", "it ends a machine"),
    ("boot", "keep", "it leaves a machine running"),
    ("boot", "serve", "it is for muster itself"),
    ("doctor", "ci", "it is what one command does, and no property of a project"),
    ("submit", "apply", "what is given to a cluster is decided each time"),
    ("compare", "save-facts", "with it a comparison need not compare"),
    ("compare", "baseline-*", "what holds for one system of a comparison is given with that system"),
    ("compare", "candidate-*", "what holds for one system of a comparison is given with that system"),
];

/// A table of `muster.toml`, and the prefix of its variables.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// `["images", "prune"]`; empty for the options of every command.
    pub path: Vec<String>,
    /// Its options.
    pub options: Vec<Arg>,
    /// Keys that the table cannot have, and why.
    pub exceptions: Vec<(String, &'static str)>,
    /// Of several commands: a command's own table wins.
    pub shared: bool,
}

impl Table {
    /// The option of a key.
    pub(super) fn option(&self, key: &str) -> Option<&Arg> {
        self.options.iter().find(|option| option.get_long() == Some(key))
    }

    /// Why a key is none.
    pub(super) fn exception(&self, key: &str) -> Option<&'static str> {
        self.exceptions.iter().find(|(name, _)| name == key).map(|(_, why)| *why)
    }

    /// `[run]`, as a file has it.
    pub(super) fn heading(&self) -> String {
        format!("[{}]", self.path.join("."))
    }

    /// `MUSTER_RUN_`, with which the table's variables begin.
    pub(super) fn prefix(&self) -> String {
        let parts = self.path.iter().map(|part| part.to_uppercase().replace('-', "_") + "_");
        format!("MUSTER_{}", parts.collect::<String>())
    }

    /// The variable of an option.
    pub(super) fn variable(&self, option: &Arg) -> String {
        self.prefix() + &key(option).to_uppercase().replace('-', "_")
    }
}

/// The key of an option in a file: its long name.
pub(super) fn key(option: &Arg) -> &str {
    option.get_long().unwrap_or_default()
}

/// All tables. `root` is built, so that its commands have the global options.
pub(super) fn tables(root: &Command) -> Vec<Table> {
    let mut out = Vec::new();
    collect(root, &[], &[], &mut out);
    for shared in &SHARED {
        let name = shared.table;
        let mut table =
            Table { path: vec![name.to_owned()], options: Vec::new(), exceptions: Vec::new(), shared: true };
        for command in commands(root) {
            let (options, exceptions) = divide("", members(command, name));
            let new = options.into_iter().filter(|new| table.option(key(new)).is_none()).collect::<Vec<_>>();
            table.options.extend(new);
            table.exceptions.extend(exceptions);
        }
        table.exceptions.sort();
        table.exceptions.dedup();
        out.push(table);
    }
    out
}

/// The tables that give a command defaults, by its path from the root.
pub(super) fn tables_of<'t>(tables: &'t [Table], path: &[&Command]) -> Vec<&'t Table> {
    let names: Vec<&str> = path.iter().skip(1).map(|command| command.get_name()).collect();
    let leaf = path.last();
    let applies = |table: &&Table| match table.shared {
        true => leaf.is_some_and(|leaf| members(leaf, &table.path[0]).next().is_some()),
        false => table.path.len() <= names.len() && table.path.iter().zip(&names).all(|(part, name)| part == name),
    };
    tables.iter().filter(applies).collect()
}

/// The options of a shared table that a command has.
fn members<'c>(command: &'c Command, table: &str) -> impl Iterator<Item = &'c Arg> {
    let shared = SHARED.iter().find(|shared| shared.table == table);
    let group = shared.and_then(|s| command.get_groups().find(|group| group.get_id().as_str() == s.group));
    let mut ids: Vec<&str> = group.into_iter().flat_map(|group| group.get_args()).map(|id| id.as_str()).collect();
    if let (Some(shared), false) = (shared, ids.is_empty()) {
        ids.extend(shared.also);
    }
    command.get_arguments().filter(move |argument| ids.contains(&argument.get_id().as_str()))
}

/// Every command, the root too.
fn commands(root: &Command) -> Vec<&Command> {
    let below = root.get_subcommands().filter(|command| !OTHER_COMMANDS.contains(&command.get_name()));
    std::iter::once(root).chain(below.flat_map(commands)).collect()
}

fn collect(command: &Command, path: &[String], inherited: &[&Arg], out: &mut Vec<Table>) {
    let own = command.get_arguments().filter(|option| !inherited.iter().any(|other| other.get_id() == option.get_id()));
    let (options, exceptions) = divide(path.first().map_or("", String::as_str), own);
    let global: Vec<&Arg> = command.get_arguments().filter(|option| option.is_global_set()).collect();
    out.push(Table { path: path.to_vec(), options, exceptions, shared: false });
    for below in command.get_subcommands().filter(|below| !OTHER_COMMANDS.contains(&below.get_name())) {
        let path: Vec<String> = path.iter().cloned().chain([below.get_name().to_owned()]).collect();
        collect(below, &path, &global, out);
    }
}

/// Options that can have defaults, and those that cannot, with the reason.
/// `first` is the command of [`EXCEPTIONS`].
fn divide<'a>(first: &str, arguments: impl Iterator<Item = &'a Arg>) -> (Vec<Arg>, Vec<(String, &'static str)>) {
    let (mut options, mut exceptions) = (Vec::new(), Vec::new());
    let is_setting = |argument: &&Arg| {
        let informs = matches!(
            argument.get_action(),
            ArgAction::Help | ArgAction::HelpShort | ArgAction::HelpLong | ArgAction::Version
        );
        argument.get_long().is_some() && !informs
    };
    for argument in arguments.filter(is_setting) {
        let name = key(argument);
        let fits = |pattern: &str| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == pattern,
        };
        match EXCEPTIONS.iter().find(|(of, pattern, _)| (of.is_empty() || *of == first) && fits(pattern)) {
            Some((_, _, why)) => exceptions.push((name.to_owned(), *why)),
            None => options.push(argument.clone()),
        }
    }
    (options, exceptions)
}
