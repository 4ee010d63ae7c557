//! `muster.toml`: found, read, and every mistake in it named with its line.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::options::{Table, key};
use super::value;
use muster_base::text::{one_line, plain_cause};
use muster_suite::diagnostic::did_you_mean;

/// What it is called.
pub(crate) const NAME: &str = "muster.toml";
/// Bytes of one.
const LARGEST: u64 = 1 << 20;

/// The file of the working directory, or the nearest above it. Above it, a directory that anybody may write to is not
/// looked at: what a stranger puts there must not decide a run.
pub(super) fn nearest(here: &Utf8Path) -> Option<Utf8PathBuf> {
    let is_ours = |directory: &Utf8Path| {
        directory == here || directory.metadata().is_ok_and(|found| found.permissions().mode() & 0o002 == 0)
    };
    let directory = here.ancestors().find(|directory| directory.join(NAME).is_file() && is_ours(directory))?;
    Some(if directory == here { NAME.into() } else { directory.join(NAME) })
}

/// One key of a file.
#[derive(Debug)]
pub(super) struct Entry {
    /// Index of its table.
    pub table: usize,
    /// Its option.
    pub key: String,
    /// 1-based.
    pub line: usize,
    /// What it is on a command line; nothing for a flag that is off.
    pub words: Vec<String>,
}

/// Reads a file, or says all that is wrong with it, a line each.
pub(super) fn read(path: &Utf8Path, tables: &[Table]) -> Result<Vec<Entry>, Vec<String>> {
    let shown = one_line(path.as_str(), 300);
    let whole = |why: String| vec![format!("{shown}: {why}")];
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes))
        .map_err(|cause| whole(plain_cause(&cause)))?;
    if bytes.len() as u64 > LARGEST {
        return Err(whole(format!("the file has more than {LARGEST} bytes")));
    }
    let text = String::from_utf8(bytes).map_err(|_| whole("the file is not UTF-8".to_owned()))?;
    parse(path, &text, tables)
}

/// The same of a file's text.
pub(super) fn parse(path: &Utf8Path, text: &str, tables: &[Table]) -> Result<Vec<Entry>, Vec<String>> {
    let (root, errors) = DeTable::parse_recoverable(text);
    let directory = path.parent().unwrap_or(Utf8Path::new(""));
    let mut reader =
        Reader { shown: one_line(path.as_str(), 300), directory, text, tables, entries: Vec::new(), wrong: Vec::new() };
    for error in &errors {
        let at = error.span().map_or(0, |span| span.start);
        reader.report(at, error.message());
    }
    if errors.is_empty() {
        reader.table(&mut Vec::new(), root.get_ref());
    }
    let Reader { entries, mut wrong, .. } = reader;
    wrong.sort_by_key(|(line, _)| *line);
    if wrong.is_empty() { Ok(entries) } else { Err(wrong.into_iter().map(|(_, why)| why).collect()) }
}

struct Reader<'r> {
    shown: String,
    directory: &'r Utf8Path,
    text: &'r str,
    tables: &'r [Table],
    entries: Vec<Entry>,
    /// With the line.
    wrong: Vec<(usize, String)>,
}

impl Reader<'_> {
    fn line(&self, at: usize) -> usize {
        self.text.get(..at).unwrap_or_default().bytes().filter(|byte| *byte == b'\n').count() + 1
    }

    fn report(&mut self, at: usize, why: &str) {
        let line = self.line(at);
        self.wrong.push((line, format!("{}:{line}: {}", self.shown, one_line(why, 500))));
    }

    fn table(&mut self, path: &mut Vec<String>, table: &DeTable<'_>) {
        for (name, value) in table {
            let at = name.span().start;
            match value.get_ref() {
                DeValue::Table(below) => {
                    path.push(name.get_ref().to_string());
                    if self.tables.iter().any(|table| table.path.starts_with(path)) {
                        self.table(path, below);
                    } else {
                        self.unknown_table(at, path);
                    }
                    path.pop();
                }
                _ => self.key(path, name.get_ref(), at, value),
            }
        }
    }

    fn unknown_table(&mut self, at: usize, path: &[String]) {
        let names: Vec<String> = self.tables.iter().map(|table| table.path.join(".")).collect();
        let near = did_you_mean(&path.join("."), names.iter().map(String::as_str));
        let near = near.map(|near| format!("; did you mean `[{near}]`?")).unwrap_or_default();
        self.report(at, &format!("`[{}]` is no table of settings{near}", path.join(".")));
    }

    fn key(&mut self, path: &[String], name: &str, at: usize, value: &Spanned<DeValue<'_>>) {
        let Some(index) = self.tables.iter().position(|table| table.path == path) else {
            return self.report(at, &format!("`{name}` stands in no table"));
        };
        let table = &self.tables[index];
        let Some(option) = table.option(name) else {
            let why = unknown(table, name);
            return self.report(at, &why);
        };
        match value::of_file(option, value.get_ref(), self.directory) {
            Ok(words) => {
                let line = self.line(at);
                self.entries.push(Entry { table: index, key: name.to_owned(), line, words });
            }
            Err(why) => self.report(value.span().start, &format!("`{name}`: {why}")),
        }
    }
}

/// Why a key is none of a table.
fn unknown(table: &Table, name: &str) -> String {
    if let Some(why) = table.exception(name) {
        return format!("`{name}` can only be given on the command line: {why}");
    }
    let of = if table.path.is_empty() {
        "a setting of all commands".to_owned()
    } else {
        format!("a key of {}", table.heading())
    };
    let near = did_you_mean(name, table.options.iter().map(key));
    let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    format!("`{name}` is not {of}{near}")
}
