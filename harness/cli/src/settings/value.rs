//! What a file or a variable says of one option, as words of a command line. clap's own parser of the option decides
//! what is valid.

use std::any::TypeId;
use std::path::PathBuf;

use camino::{Utf8Path, Utf8PathBuf};
use clap::{Arg, ArgAction, Command};
use toml::de::DeValue;

use super::options::key;
use muster_base::text::one_line;

/// The longest value, in bytes.
const LONGEST: usize = 4096;

/// Why an option cannot have the value that a file or a variable gives it.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SettingError {
    #[error("{what} is expected, and this is of type {found}")]
    Type { what: &'static str, found: &'static str },
    #[error("a number from 0 to 9 is expected")]
    Times,
    #[error("true or false is expected")]
    Flag,
    #[error("the value has {bytes} bytes, and {LONGEST} are taken")]
    Long { bytes: usize },
    #[error("it is not UTF-8")]
    NotUtf8,
    /// clap's own words.
    #[error("{0}")]
    Refused(String),
}

/// The words of an option in a file, or what is wrong with its value. Paths are meant from the file's directory.
pub(super) fn of_file(option: &Arg, value: &DeValue<'_>, directory: &Utf8Path) -> Result<Vec<String>, SettingError> {
    let texts = match (option.get_action(), value) {
        (ArgAction::SetTrue, DeValue::Boolean(on)) => return Ok(flag(option, usize::from(*on))),
        (ArgAction::SetTrue, _) => return Err(expected("true or false", value)),
        (ArgAction::Count, DeValue::Integer(number)) => {
            let times = number.to_string().parse().ok().filter(|times| *times <= 9);
            return times.map(|times| flag(option, times)).ok_or(SettingError::Times);
        }
        (ArgAction::Count, _) => return Err(expected("a number", value)),
        (ArgAction::Append, DeValue::Array(values)) => {
            values.iter().map(|value| text(value.get_ref())).collect::<Result<Vec<_>, _>>()?
        }
        (_, value) => vec![text(value)?],
    };
    stated(option, texts.into_iter().map(|text| from(option, directory, text)).collect())
}

/// The words of an option in a variable, or what is wrong with its value.
pub(super) fn of_variable(option: &Arg, value: &str) -> Result<Vec<String>, SettingError> {
    match option.get_action() {
        ArgAction::SetTrue => Ok(flag(option, usize::from(is_on(value)?))),
        ArgAction::Count => {
            let times = value.parse().ok().filter(|times| *times <= 9);
            times.map(|times| flag(option, times)).ok_or(SettingError::Times)
        }
        ArgAction::Append => {
            let parts = value.split([',', '\n']).map(str::trim).filter(|part| !part.is_empty());
            stated(option, parts.map(str::to_owned).collect())
        }
        _ => stated(option, vec![value.to_owned()]),
    }
}

/// Whether the value of a variable turns on what it is about.
pub(super) fn is_on(value: &str) -> Result<bool, SettingError> {
    match value.to_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(SettingError::Flag),
    }
}

fn flag(option: &Arg, times: usize) -> Vec<String> {
    vec![format!("--{}", key(option)); times]
}

/// Scalars as they are typed.
fn text(value: &DeValue<'_>) -> Result<String, SettingError> {
    match value {
        DeValue::String(text) => Ok(text.to_string()),
        DeValue::Integer(number) => Ok(number.to_string()),
        DeValue::Boolean(value) => Ok(value.to_string()),
        _ => Err(expected("text, a number, or true or false", value)),
    }
}

fn expected(what: &'static str, value: &DeValue<'_>) -> SettingError {
    SettingError::Type { what, found: value.type_str() }
}

/// A path of a file, as it is meant from the working directory.
fn from(option: &Arg, directory: &Utf8Path, text: String) -> String {
    let kind = option.get_value_parser().type_id();
    let is_path = kind == TypeId::of::<Utf8PathBuf>() || kind == TypeId::of::<PathBuf>();
    // An image is a name or a file, a host key itself or a file.
    let may_be = option.get_value_names().is_some_and(|names| names.iter().any(|name| name.contains("FILE")));
    let says_so = text.starts_with("./") || text.starts_with("../");
    match (is_path || may_be && says_so) && !directory.as_str().is_empty() {
        true => directory.join(text).into_string(),
        false => text,
    }
}

/// The words, when clap takes them.
fn stated(option: &Arg, texts: Vec<String>) -> Result<Vec<String>, SettingError> {
    if let Some(long) = texts.iter().find(|text| text.len() > LONGEST) {
        return Err(SettingError::Long { bytes: long.len() });
    }
    let words: Vec<String> = texts.iter().map(|text| format!("--{}={text}", key(option))).collect();
    let mut alone = Arg::new("value")
        .long(key(option).to_owned())
        .value_parser(option.get_value_parser().clone())
        .action(option.get_action().clone())
        .require_equals(option.is_require_equals_set());
    if let Some(names) = option.get_value_names() {
        alone = alone.value_names(names.iter().cloned());
    }
    if let Some(delimiter) = option.get_value_delimiter() {
        alone = alone.value_delimiter(delimiter);
    }
    let command = Command::new("muster").no_binary_name(true).disable_help_flag(true).arg(alone);
    command.try_get_matches_from(&words).map(|_| words).map_err(|error| {
        let said = error.render().to_string();
        let said = said.split("\n\n").next().unwrap_or_default();
        SettingError::Refused(one_line(said.trim_start_matches("error: "), 400))
    })
}
