//! `muster gate`: whether an image may ship, from a policy and the records of runs. Nothing is started.

pub(crate) mod inputs;

use camino::Utf8PathBuf;
use jiff::Timestamp;

use super::error::CliError;
use super::load;
use super::output::{say, say_error};
use super::project::{Project, short};
use inputs::Read;
use muster_base::exit::Exit;
use muster_base::files::write_atomically;
use muster_gate::decision::{Decision, WaiverFate};
use muster_gate::systems::decide;
use muster_gate::ways::{Way, ways};
use muster_gate::written::{html, json, markdown, text};

/// What a decision is made from.
#[derive(Debug, clap::Args)]
pub(crate) struct DecidedFrom {
    /// The runs: ids, directories, archives, or `last`
    #[arg(value_name = "RUN", required = true)]
    pub(crate) runs: Vec<String>,
    /// The policy (`schema: policy/v1`)
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Utf8PathBuf,
    /// Waivers (`schema: waivers/v1`), a file or a directory; may be repeated
    #[arg(long, value_name = "PATH")]
    pub(crate) waivers: Vec<Utf8PathBuf>,
}

/// Decide whether an image may ship: a policy, the records of runs, and waivers become a decision
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Required tests come from the policy and the profile that it names, never from the runs. A test that is missing, was \
                  skipped, errored or failed as a known issue says does not satisfy; a waiver for this image does. Every requirement is listed \
                  with its evidence. Several runs of one image count together, whatever their order; the newest result of a test is final.

Exit codes: 0 the gate is open · 1 it is closed · 2 the policy, the waivers or the command line are wrong · 3 a run or the \
                  profile cannot be read, or the runs do not agree (two images, two versions of muster or of a suite)

Examples:
  muster gate last --policy policy.yaml                       the newest run
  muster gate x86 retest --policy policy.yaml --waivers waivers.yaml --image azl4.qcow2
  muster gate last --policy policy.yaml --explain             what would open it
  muster gate last --policy policy.yaml --format html -o decision.html"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    decided: DecidedFrom,
    /// The image that is to ship: its SHA-256 must be that of the image that was tested
    #[arg(long, value_name = "FILE")]
    image: Option<Utf8PathBuf>,
    /// How the decision is printed
    #[arg(long, value_enum, default_value_t)]
    format: Output,
    /// The file that it is written to [default: it is printed]
    #[arg(long, short = 'o', value_name = "FILE")]
    out: Option<Utf8PathBuf>,
    /// Say what would open the gate, the shortest first, with commands
    #[arg(long)]
    explain: bool,
    /// Decide as at this time: 2026-11-20T12:00:00Z, or a day [default: now]
    #[arg(long, value_name = "TIME", value_parser = time)]
    at: Option<Timestamp>,
}

/// How the decision is printed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
enum Output {
    /// For people
    #[default]
    Text,
    /// For programs (decision/v1)
    Json,
    /// For the comment of a pull request
    Markdown,
    /// A page to keep
    Html,
}

/// What `--at` is.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("a time such as 2026-11-20T12:00:00Z, or a day such as 2026-11-20")]
pub(crate) struct NoTime;

pub(crate) fn time(text: &str) -> Result<Timestamp, NoTime> {
    let day = || muster_suite::value::date(text).ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
    text.parse().ok().or_else(|| day().map(|day| day.timestamp())).ok_or(NoTime)
}

pub(crate) fn execute(arguments: &Arguments) -> Result<Exit, CliError> {
    let project = Project::find()?;
    // Whole seconds: nothing is decided by less, and `--at` is easier to copy.
    let now = || Timestamp::from_second(Timestamp::now().as_second()).unwrap_or_default();
    let at = arguments.at.unwrap_or_else(now);
    let mut read = Read::policy(&arguments.decided.policy)?;
    read.waivers(&arguments.decided.waivers)?;
    read.image(arguments.image.as_deref())?;
    for typed in &arguments.decided.runs {
        read.run(&project, typed)?;
    }
    let inputs = read.inputs(at);
    let decision = decide(&inputs)?;
    show_waivers(&read, &decision);
    let ways = arguments.explain.then(|| ways(&decision, &inputs));
    let text = written(arguments.format, &decision, ways.as_deref())?;
    match &arguments.out {
        Some(file) => {
            write_atomically(file, text.as_bytes())?;
            say(&format!("{}: {}", if decision.open { "OPEN" } else { "CLOSED" }, short(file)));
        }
        None => say(text.trim_end()),
    }
    Ok(if decision.open { Exit::Pass } else { Exit::Failed })
}

fn written(format: Output, decision: &Decision, ways: Option<&[Way]>) -> Result<String, CliError> {
    Ok(match format {
        Output::Text => text::text(decision, ways),
        Output::Markdown => markdown::markdown(decision, ways),
        Output::Html => html::html(decision, ways),
        Output::Json => json::json(decision, ways)
            .map_err(|cause| CliError::infrastructure(format!("the decision cannot be written: {cause}")))?,
    })
}

/// Waivers that do not count, each where it stands, and those that end soon or that nothing needs.
fn show_waivers(read: &Read, decision: &Decision) {
    let mut problems = read.sources.clone();
    for (entry, found) in read.entries.iter().zip(&decision.waivers) {
        for refused in &found.refused {
            problems.push(entry.refused(&refused.key, &refused.message, &refused.help));
        }
        let place = &found.waiver.location;
        let test = muster_base::text::one_line(&found.waiver.test, 200);
        if let Some(days) = found.days_left.filter(|_| found.fate != WaiverFate::Refused) {
            let when = if days == 0 { "today".to_owned() } else { format!("in {days} days") };
            say_error(&format!("warning: {place}: the waiver of {test} expires {when}"));
        }
        match found.fate {
            WaiverFate::Unused => match &found.uncovered {
                Some(why) => say_error(&format!("warning: {place}: the waiver of {test} does not cover it: {why}")),
                None => say_error(&format!("warning: {place}: the waiver of {test} is not needed")),
            },
            WaiverFate::OtherImage => say_error(&format!("note: {place}: the waiver of {test} is for another image")),
            WaiverFate::Used | WaiverFate::Refused => {}
        }
    }
    if !problems.is_empty() {
        problems.settle();
        load::report(&problems);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_suite::diagnostic::Diagnostics;
    use muster_suite::{policy, waivers};

    #[test]
    fn the_examples_of_the_page_are_read() {
        let blocks = crate::guide_tests::blocks(include_str!("../../../../docs/gates.md"));
        let of = |schema: &str| {
            let begins = format!("schema: {schema}\n");
            let text = blocks.iter().find(|(fence, text)| *fence == "yaml" && text.starts_with(&begins));
            text.map(|(_, text)| text.as_str()).expect("an example")
        };
        let mut problems = Diagnostics::new();
        let vocabulary = load::vocabulary();
        let policy = policy::decode_source("p.yaml", of("policy/v1"), &vocabulary, &mut problems);
        let entries = waivers::decode_source("w.yaml", of("waivers/v1"), &vocabulary, &mut problems);
        problems.settle();
        assert_eq!(problems.render(false), "");
        let rules = policy.expect("a policy").waivers.expect("rules for waivers");
        let waiver = &entries[0].waiver;
        assert!(rules.approvers.contains(&waiver.approved_by) && waiver.days() <= rules.max_days);
    }

    #[test]
    fn a_time_is_an_instant_or_a_day() {
        assert_eq!(time("2026-11-20").unwrap().to_string(), "2026-11-20T00:00:00Z");
        assert_eq!(time("2026-11-20T12:00:00+02:00").unwrap().to_string(), "2026-11-20T10:00:00Z");
        for text in ["", "yesterday", "2026-13-01", "20261120"] {
            assert_eq!(time(text), Err(NoTime), "{text}");
        }
    }
}
