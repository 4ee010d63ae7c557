//! What is printed, and the files that are written.

use camino::{Utf8Path, Utf8PathBuf};

use super::Arguments;
use super::next_to;
use super::target::KeptRepository;
use crate::error::CliError;
use crate::output::{say, say_error};
use muster_base::files::write_atomically;
use muster_base::text::{one_line, plural};
use muster_port::Port;
use muster_port::written::bring::NextToSuite;
use muster_port::written::{json, junit, markdown, suite, text};

/// How the answers are printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// For people
    #[default]
    Text,
    /// One object for programs (port/v1)
    Json,
    /// For the comment of a pull request
    Markdown,
    /// A test case for each need, for CI servers
    Junit,
}

/// Refuses to write over a file that is there.
///
/// # Errors
/// It is there, or its directory is not.
pub(super) fn refuse_to_replace(path: Option<&Utf8Path>, force: bool) -> Result<(), CliError> {
    let Some(path) = path else { return Ok(()) };
    // A dangling symbolic link is there too.
    if !force && path.symlink_metadata().is_ok() {
        return Err(CliError::invalid(format!("{path} is there already"))
            .hint("name another file, or write over it with --force"));
    }
    let dir = match path.parent() {
        Some(dir) if !dir.as_str().is_empty() => dir,
        _ => Utf8Path::new("."),
    };
    match dir.is_dir() {
        true => Ok(()),
        false => Err(CliError::invalid(format!("{path} cannot be written: its directory is not there"))
            .hint(format!("mkdir -p {}", muster_base::text::shell_word(dir.as_str())))),
    }
}

/// Prints the answers, and writes the files that are wanted.
///
/// # Errors
/// A file cannot be written.
pub(super) fn write(found: &Port, arguments: &Arguments, own: &[KeptRepository]) -> Result<(), CliError> {
    let defect = |error: String| CliError::infrastructure(format!("the answers cannot be written: {error}"));
    let text = match arguments.format {
        Format::Text => text::render(found, arguments.all),
        Format::Json => json::render(found).map_err(|error| defect(error.to_string()))?,
        Format::Markdown => markdown::render(found),
        Format::Junit => junit::render(found).map_err(|error| defect(error.to_string()))?,
    };
    say(text.trim_end());
    if let Some(path) = &arguments.write_edits {
        write_edits(found, path)?;
    }
    if let Some(path) = &arguments.write {
        write_suite(found, path, own)?;
    }
    Ok(())
}

/// All edits as one patch; a file without any is left out.
fn write_edits(found: &Port, path: &Utf8Path) -> Result<(), CliError> {
    let files: Vec<_> = found.chains.iter().flat_map(|chain| &chain.edited).filter(|file| file.edits > 0).collect();
    if files.is_empty() {
        say_error(&format!("note: there is nothing to edit; {path} is not written"));
        return Ok(());
    }
    let patch: String = files.iter().map(|file| file.diff()).collect();
    write_atomically(path, patch.as_bytes())?;
    let edits: usize = files.iter().map(|file| file.edits).sum();
    let (edit, file) = (plural(edits), plural(files.len()));
    say_error(&format!("{path}: {edits} edit{edit} of {} file{file}; `git apply {path}` makes them", files.len()));
    Ok(())
}

fn write_suite(found: &Port, path: &Utf8Path, own: &[KeptRepository]) -> Result<(), CliError> {
    let stem = path.file_stem().unwrap_or_default().to_lowercase();
    let name: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect();
    let name = if muster_suite::is_id(&name) { name } else { "port".to_owned() };
    let brings = next_to::chosen(found, own, path)?;
    let repositories: Vec<NextToSuite> = brings.iter().map(next_to::Chosen::in_suite).collect();
    let suite::Pinned { suite, proofs, left_out, tests } = suite::render(found, &name, &repositories);
    for line in &left_out {
        say_error(&format!("note: not pinned: {}", one_line(line, 400)));
    }
    if tests == 0 {
        say_error(&format!("note: nothing can be pinned; {path} is not written"));
        return Ok(());
    }
    // Who reads the suite looks whether its files are there.
    brings.iter().try_for_each(|chosen| chosen.copy(path))?;
    write_atomically(path, suite.as_bytes())?;
    let dir = proofs_of(path);
    let proofs_path = dir.join(path.file_name().unwrap_or("port.yaml"));
    fs_err::create_dir_all(&dir).map_err(|error| CliError::infrastructure(error.to_string()))?;
    write_atomically(&proofs_path, proofs.as_bytes())?;
    say_error(&format!("{path}: {tests} test{}, their proofs in {proofs_path}", plural(tests)));
    Ok(())
}

/// Where the proofs of a suite lie: `proofs/` next to it.
fn proofs_of(path: &Utf8Path) -> Utf8PathBuf {
    path.parent().unwrap_or(Utf8Path::new("")).join("proofs")
}
