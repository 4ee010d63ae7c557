//! What is typed for boot times.

use muster_boot_time::by::By;
use muster_boot_time::formats::FORMATS;

/// `instructions` or `time`.
// A sentence: clap shows it behind the option's name.
pub(super) fn by(text: &str) -> Result<By, String> {
    By::ALL.into_iter().find(|by| by.name() == text).ok_or_else(|| "instructions or time".to_owned())
}

/// `1%` or `0.5%` as a fraction.
// A sentence: clap shows it behind the option's name.
pub(super) fn percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').map(str::trim).and_then(|number| number.parse::<f64>().ok());
    number.map(|number| number / 100.0).ok_or_else(|| "a percentage, such as 1%".to_owned())
}

/// Names of formats.
pub(super) fn formats() -> clap::builder::PossibleValuesParser {
    FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().into()
}
