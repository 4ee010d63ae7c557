//! `muster schema`: the JSON Schema of what is read and written.

use super::error::CliError;
use super::load;
use super::output::say;
use muster_base::exit::Exit;

/// Print the JSON Schema of a file format
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: muster schema suite > suite-v1.schema.json

First line of a suite in suites/, for editors: # yaml-language-server: $schema=../suite-v1.schema.json")]
pub(crate) struct Arguments {
    /// Which format
    #[arg(value_enum)]
    of: Format,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// Suites (`schema: suite/v1`)
    Suite,
    /// Files of tests that suites include (`schema: tests/v1`)
    Tests,
    /// Known issues (`schema: known-issues/v1`)
    KnownIssues,
    /// Image descriptions (`schema: images/v1`)
    Images,
    /// Console rules (`schema: console-rules/v1`)
    ConsoleRules,
    /// Proofs that tests can fail (`schema: proofs/v1`)
    Proofs,
    /// Ledgers of documented deviations (`schema: deviations/v1`)
    Deviations,
    /// Checks of other tools, for `muster coverage` (`schema: foreign-checks/v1`)
    ForeignChecks,
    /// Policies of `muster gate` (`schema: policy/v1`)
    Policy,
    /// Waivers (`schema: waivers/v1`)
    Waivers,
    /// What `muster profile lock` writes (`profile/v2`)
    Profile,
    /// What `muster gate --format json` prints (`decision/v1`)
    Decision,
    /// What `muster certify` signs (`certificate/v1`)
    Certificate,
    /// What `muster verify --format json` prints (`verification/v1`)
    Verification,
    /// What a comparison reads of one system (`facts/v1`)
    Facts,
    /// What `muster console scan --format json` prints (`console/v1`)
    Console,
    /// What `muster images check --format json` prints (`images-check/v1`)
    ImagesCheck,
    /// What `muster port --format json` prints (`port/v1`)
    Port,
    /// What `muster kconfig check --format json` prints (`kconfig-check/v1`)
    KconfigCheck,
    /// What `muster kconfig diff --format json` prints (`kconfig-diff/v1`)
    KconfigDiff,
    /// run.json (`run/v1`)
    Run,
    /// One line of events.jsonl
    Events,
    /// manifest.json of an archive of a run (`archive/v1`)
    Archive,
}

pub(crate) fn execute(arguments: Arguments) -> Result<Exit, CliError> {
    let text = match arguments.of {
        Format::Suite => on_one_line(&muster_suite::schema::suite(load::vocabulary().tables))?,
        Format::Tests => on_one_line(&muster_suite::schema::fragment(load::vocabulary().tables))?,
        Format::KnownIssues => pretty(&muster_suite::schema::known_issues())?,
        Format::Images => pretty(&muster_suite::schema::images(load::vocabulary().capabilities))?,
        Format::ConsoleRules => pretty(&muster_suite::schema::console_rules())?,
        Format::Proofs => pretty(&muster_suite::schema::proofs())?,
        Format::Deviations => pretty(&muster_suite::schema::deviations())?,
        Format::ForeignChecks => pretty(&muster_suite::schema::foreign_checks())?,
        Format::Policy => pretty(&muster_suite::schema::policy())?,
        Format::Waivers => pretty(&muster_suite::schema::waivers())?,
        Format::Profile => muster_gate::profile::PROFILE_SCHEMA.trim_end().to_owned(),
        Format::Decision => muster_gate::written::json::DECISION_SCHEMA.trim_end().to_owned(),
        Format::Certificate => muster_certificate::model::CERTIFICATE_SCHEMA.trim_end().to_owned(),
        Format::Verification => muster_certificate::verify::VERIFICATION_SCHEMA.trim_end().to_owned(),
        Format::Facts => pretty(&muster_compare::facts::schema())?,
        Format::Console => super::console::SCHEMA.trim_end().to_owned(),
        Format::ImagesCheck => super::images::SCHEMA.trim_end().to_owned(),
        Format::Port => muster_port::written::json::PORT_SCHEMA.trim_end().to_owned(),
        Format::KconfigCheck => super::kconfig::CHECK_SCHEMA.trim_end().to_owned(),
        Format::KconfigDiff => super::kconfig::DIFF_SCHEMA.trim_end().to_owned(),
        Format::Run => muster_record::json::RUN_SCHEMA.trim_end().to_owned(),
        Format::Events => muster_record::json::EVENTS_SCHEMA.trim_end().to_owned(),
        Format::Archive => muster_record::archive::MANIFEST_SCHEMA.trim_end().to_owned(),
    };
    say(&text);
    Ok(Exit::Pass)
}

/// The large ones are for editors, which need no line breaks: those of check types are three quarters of the text.
fn on_one_line(schema: &serde_json::Value) -> Result<String, CliError> {
    serde_json::to_string(schema)
        .map_err(|cause| CliError::infrastructure(format!("the schema cannot be written: {cause}")))
}

fn pretty(schema: &serde_json::Value) -> Result<String, CliError> {
    serde_json::to_string_pretty(schema)
        .map_err(|cause| CliError::infrastructure(format!("the schema cannot be written: {cause}")))
}
