//! What is typed for boot times.

use muster_boot_time::by::By;
use muster_boot_time::formats::FORMATS;
use muster_suite::baseline::Measure;

/// `instructions` or `wall`, as in suites.
// A sentence: clap shows it behind the option's name.
pub(super) fn by(text: &str) -> Result<By, String> {
    match Measure::named(text) {
        Some(Measure::Instructions) => Ok(By::Instructions),
        Some(Measure::Wall) => Ok(By::Time),
        None => Err(Measure::NAMES.join(" or ")),
    }
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
