//! Defaults of options: the command line wins over environment variables, those over `muster.toml`, and that over what
//! is built in. A default becomes words of the command line that clap reads, so clap alone decides what is valid.
//!
//! What a person types also wins over a default that does not go with it: clap's own conflicts and requirements say
//! which defaults are left out.

mod command;
mod file;
mod options;
pub(crate) mod taken;
mod value;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Arg, Command};

use command::Typed;
pub(crate) use command::locate;
pub(crate) use file::NAME;
use options::{Table, key};
pub(crate) use value::SettingError;

use muster_base::text::{one_line, shell_word};
use muster_suite::diagnostic::did_you_mean;

/// Names another file; empty is none.
pub(crate) const CONFIG: &str = "MUSTER_CONFIG";

/// Where settings come from, in addition to the command line.
#[derive(Debug, Clone, Default)]
pub(crate) struct Surroundings {
    /// Variables whose names begin with `MUSTER_`, but for empty ones.
    pub variables: BTreeMap<String, OsString>,
    /// The file, when there is one.
    pub file: Option<Utf8PathBuf>,
}

impl Surroundings {
    /// Whether nothing can come of them.
    pub(crate) fn is_empty(&self) -> bool {
        self.variables.is_empty() && self.file.is_none()
    }

    /// Those of this process.
    pub(crate) fn of_process() -> Self {
        let ours = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value)));
        let variables = ours.filter(|(name, value)| name.starts_with("MUSTER_") && !value.is_empty()).collect();
        let file = match std::env::var_os(CONFIG) {
            Some(named) if named.is_empty() => None,
            Some(named) => Some(Utf8PathBuf::from(named.to_string_lossy().into_owned())),
            None => super::project::working_directory().ok().and_then(|here| file::nearest(&here)),
        };
        Self { variables, file }
    }
}

/// A command line with its defaults.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Applied {
    /// What clap reads.
    pub words: Vec<OsString>,
    /// What a reader of the result should know, a line each.
    pub notes: Vec<String>,
}

/// Where a default comes from; the first wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Variable,
    SharedVariable,
    OldVariable,
    File,
    SharedFile,
}

/// A default of one option, from outside.
#[derive(Debug)]
struct Preset {
    rank: Rank,
    /// `muster.toml:3`, or the variable's name.
    source: String,
    option: Arg,
    words: Vec<String>,
    /// One that a reader need not hear of.
    silent: bool,
}

impl Preset {
    fn is_file(&self) -> bool {
        matches!(self.rank, Rank::File | Rank::SharedFile)
    }

    /// `--cpus 2`.
    fn shown(&self) -> String {
        let word = |word: &String| match word.split_once('=') {
            Some((option, value)) => format!("{option} {}", shell_word(&one_line(value, 120))),
            None => word.clone(),
        };
        self.words.iter().map(word).collect::<Vec<_>>().join(" ")
    }
}

/// Adds defaults to a command line (with the program's name). Errors are a line each.
pub(crate) fn apply(root: &Command, words: Vec<OsString>, from: &Surroundings) -> Result<Applied, Vec<String>> {
    let mut built = root.clone();
    built.build();
    // Whatever is wrong with the command line itself is for clap to say.
    let Some(typed) = Typed::read(root, &built, &words) else { return Ok(Applied { words, notes: Vec::new() }) };
    let tables = options::tables(&built);
    let mut found = of_variables(&tables, &typed, from)?;
    if let Some(path) = &from.file {
        found.extend(of_file(&tables, &typed, path)?);
    }
    found.sort_by_key(|default| default.rank);
    // One default for each option. A flag that is off has no words, and hides what is below it.
    let mut seen = BTreeSet::new();
    found.retain(|default| !typed.gives(&default.option) && seen.insert(default.option.get_id().clone()));
    found.retain(|default| !default.words.is_empty());
    let (accepted, left_out) = without_conflicts(&typed, found)?;
    let accepted = with_requirements(&typed, accepted)?;
    let notes = notes(&accepted, &left_out, from.file.as_deref());
    let added = accepted.into_iter().flat_map(|default| default.words).map(OsString::from);
    let mut words = words;
    words.splice(typed.at..typed.at, added);
    Ok(Applied { words, notes })
}

/// What applies to which command, for `muster doctor`: the file, and the variables of settings that are set.
pub(crate) fn describe(root: &Command, from: &Surroundings) -> (Option<Utf8PathBuf>, Vec<String>, Vec<String>) {
    let mut built = root.clone();
    built.build();
    let tables = options::tables(&built);
    let known: BTreeSet<String> =
        tables.iter().flat_map(|table| table.options.iter().map(|option| table.variable(option))).collect();
    let set = from.variables.keys().filter(|name| known.contains(*name) || OWN.iter().any(|(own, _)| own == name));
    let wrong = match &from.file {
        Some(path) => file::read(path, &tables).err().unwrap_or_default(),
        None => Vec::new(),
    };
    (from.file.clone(), set.cloned().collect(), wrong)
}

/// Variables that are read for themselves, and what each is.
pub(crate) const OWN: &[(&str, &str)] = &[
    (CONFIG, "the settings file instead of the nearest `muster.toml`; empty: none"),
    ("MUSTER_ROOT", "a directory with the shipped `suites` and `images`"),
    ("MUSTER_CACHE", "the cache"),
    ("MUSTER_LOG", "what is logged, for bug reports"),
    ("MUSTER_LOG_FILE", "the file that the log is appended to, instead of stderr"),
    ("MUSTER_TEMPLATES_MAX", "`--templates-max` of `muster run`"),
    ("MUSTER_IMAGE", "the image of `muster test` and of `cargo test --test conformance`"),
    ("MUSTER_SUITES", "the suites of the same"),
    ("MUSTER_WARM", "whether the same begins from a saved machine, and saves one"),
];

/// Whether a variable that is read for itself turns on what it is about; one that is empty or not set does not.
pub(crate) fn is_on(name: &str) -> Result<bool, SettingError> {
    match std::env::var_os(name).filter(|value| !value.is_empty()) {
        None => Ok(false),
        Some(value) => value.to_str().ok_or(SettingError::NotUtf8).and_then(value::is_on),
    }
}

fn of_variables(tables: &[Table], typed: &Typed<'_>, from: &Surroundings) -> Result<Vec<Preset>, Vec<String>> {
    let (mut out, mut wrong) = (Vec::new(), Vec::new());
    let applying = options::tables_of(tables, &typed.path);
    let mut known = BTreeSet::new();
    for table in &applying {
        // A shared table may have options that this command has not.
        for option in table.options.iter().filter(|option| typed.has(option)) {
            let name = table.variable(option);
            let rank = if table.shared { Rank::SharedVariable } else { Rank::Variable };
            let old = option.get_env().and_then(|name| name.to_str()).map(|name| (name.to_owned(), Rank::OldVariable));
            for (name, rank) in [(name, rank)].into_iter().chain(old) {
                if let Some(value) = from.variables.get(&name) {
                    match value.to_str().ok_or(SettingError::NotUtf8).and_then(|v| value::of_variable(option, v)) {
                        Ok(words) => out.push(Preset {
                            rank,
                            source: name.clone(),
                            option: option.clone(),
                            words,
                            silent: table.path.is_empty(),
                        }),
                        Err(why) => wrong.push(format!("the variable {name}: {why}")),
                    }
                }
                known.insert(name);
            }
        }
    }
    // A variable of this command that is none of its options was meant to change something.
    for table in applying.iter().filter(|table| table.shared || table.path.len() + 1 == typed.path.len()) {
        let prefix = table.prefix();
        for name in from.variables.keys().filter(|name| name.starts_with(&prefix) && !known.contains(*name)) {
            let key = name[prefix.len()..].to_lowercase().replace('_', "-");
            let why = match table.exception(&key) {
                Some(why) => format!("the option can only be given on the command line: {why}"),
                None => {
                    let near = did_you_mean(&key, table.options.iter().map(options::key));
                    let near = near.and_then(|near| table.option(near)).map(|near| table.variable(near));
                    let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
                    format!("there is no such option{near}")
                }
            };
            wrong.push(format!("the variable {}: {why}", one_line(name, 200)));
        }
    }
    if wrong.is_empty() { Ok(out) } else { Err(wrong) }
}

fn of_file(tables: &[Table], typed: &Typed<'_>, path: &Utf8Path) -> Result<Vec<Preset>, Vec<String>> {
    let applying: Vec<*const Table> =
        options::tables_of(tables, &typed.path).into_iter().map(std::ptr::from_ref).collect();
    let entries = file::read(path, tables)?;
    let default = |entry: file::Entry| {
        let table = &tables[entry.table];
        // A shared table may have keys that this command has not.
        let option = table.option(&entry.key).filter(|option| typed.has(option))?.clone();
        applying.contains(&std::ptr::from_ref(table)).then(|| Preset {
            rank: if table.shared { Rank::SharedFile } else { Rank::File },
            source: format!("{path}:{}", entry.line),
            option,
            words: entry.words,
            silent: table.path.is_empty(),
        })
    };
    Ok(entries.into_iter().filter_map(default).collect())
}

/// A default that is left out, and the option for which it is.
struct LeftOut {
    default: Preset,
    because: String,
}

/// Leaves out what does not go with something that wins. Two of the same rank are a mistake.
fn without_conflicts(typed: &Typed<'_>, found: Vec<Preset>) -> Result<(Vec<Preset>, Vec<LeftOut>), Vec<String>> {
    let (mut accepted, mut left_out, mut wrong) = (Vec::<Preset>::new(), Vec::new(), Vec::new());
    for default in found {
        if let Some(given) = typed.given().find(|given| typed.conflict(given, &default.option)) {
            left_out.push(LeftOut { because: given.to_string(), default });
            continue;
        }
        match accepted.iter().find(|other| typed.conflict(&other.option, &default.option)) {
            None => accepted.push(default),
            Some(other) if other.rank < default.rank => {
                left_out.push(LeftOut { because: other.option.to_string(), default });
            }
            Some(other) => wrong.push(format!(
                "{}: --{} cannot go with --{}, which {} gives",
                default.source,
                key(&default.option),
                key(&other.option),
                other.source
            )),
        }
    }
    if wrong.is_empty() { Ok((accepted, left_out)) } else { Err(wrong) }
}

/// Leaves out what needs an option that nobody gives: `identity` waits for `--connect`. Two options that need each
/// other are a mistake when one of them is alone.
fn with_requirements(typed: &Typed<'_>, mut accepted: Vec<Preset>) -> Result<Vec<Preset>, Vec<String>> {
    loop {
        let gives =
            |option: &Arg| typed.gives(option) || accepted.iter().any(|other| other.option.get_id() == option.get_id());
        let missing =
            |default: &Preset| typed.required_by(&default.option, &default.words).into_iter().find(|o| !gives(o));
        let Some((index, missing)) =
            accepted.iter().enumerate().find_map(|(index, default)| Some((index, missing(default)?)))
        else {
            return Ok(accepted);
        };
        let default = &accepted[index];
        if typed.required_by(missing, &[]).iter().any(|back| back.get_id() == default.option.get_id()) {
            let (own, other) = (key(&default.option), key(missing));
            return Err(vec![format!("{}: --{own} needs --{other}, which nothing gives", default.source)]);
        }
        accepted.remove(index);
    }
}

/// What is said of defaults that apply, and of those that do not.
fn notes(accepted: &[Preset], left_out: &[LeftOut], file: Option<&Utf8Path>) -> Vec<String> {
    let mut notes = Vec::new();
    let list = |of_file: bool| {
        let shown = accepted.iter().filter(|default| !default.silent && default.is_file() == of_file);
        let shown = shown.map(|default| match of_file {
            true => default.shown(),
            false => format!("{} ({})", default.shown(), default.source),
        });
        shown.collect::<Vec<_>>().join(", ")
    };
    let (of_file, of_variables) = (list(true), list(false));
    if let (false, Some(path)) = (of_file.is_empty(), file) {
        notes.push(format!("defaults from {}: {of_file}", one_line(path.as_str(), 300)));
    }
    if !of_variables.is_empty() {
        notes.push(format!("defaults from the environment: {of_variables}"));
    }
    for LeftOut { default, because } in left_out.iter().filter(|left| !left.default.silent) {
        let shown = default.shown();
        notes.push(format!("the default {shown} of {} does not apply, because of {because}", default.source));
    }
    notes
}
