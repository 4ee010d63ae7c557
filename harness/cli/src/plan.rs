//! `muster plan`: how many shards a run needs to be over in time, as the matrix of jobs of a CI server.

use std::time::Duration;

use camino::Utf8PathBuf;
use serde_json::json;

use super::error::CliError;
use super::load::{self, Filter, Loaded, Selected, Selection};
use super::output::{OutputFormat, say, say_error};
use super::project::{Project, short};
use super::{session, shard};
use muster_base::exit::Exit;
use muster_base::text::shell_word;
use muster_engine::shard::Shard;
use muster_record::durations::Durations;

/// Jobs that a matrix has at most: the bound of GitHub.
const MOST: u32 = 256;

/// Print the jobs that a run needs to be over in time
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The least number of shards is looked for of which the slowest is expected to take at most --target, with one machine at a time. It is \
                  expected by the durations, so name them. Exit codes: 0 it was printed · 2 no number of shards is enough

Examples:
  muster plan --matrix github --target 20m --durations whole --image my.qcow2      for strategy.matrix
  muster plan --matrix gitlab --target 20m --durations whole --image my.qcow2      a child pipeline"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    selection: Selection,
    /// An image of the run: of the catalogue, or a disk file; may be repeated
    #[arg(long, value_name = "NAME|FILE", default_value = "lab")]
    image: Vec<String>,
    /// How long tests took: an earlier run, or the durations.json of one; the same for all shards
    #[arg(long, value_name = "RUN|FILE")]
    durations: Option<Utf8PathBuf>,
    /// How long the slowest shard may take
    #[arg(long, value_name = "DURATION", value_parser = muster_suite::value::duration_in("m"))]
    target: Duration,
    /// For which CI server
    #[arg(long, value_name = "SERVER", value_enum)]
    matrix: Matrix,
    /// Jobs at most
    #[arg(long, value_name = "N", default_value_t = MOST, value_parser = clap::value_parser!(u32).range(1..=i64::from(MOST)))]
    most: u32,
}

/// The form of a matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Matrix {
    /// JSON for `strategy.matrix`
    Github,
    /// A child pipeline of one job with `parallel`
    Gitlab,
    /// Steps to upload, with `parallelism`
    Buildkite,
    /// JSON for `strategy.matrix`
    Azure,
}

pub(crate) fn execute(mut arguments: Arguments) -> Result<Exit, CliError> {
    arguments.filter.add_to(&mut arguments.selection)?;
    let loaded = load::suites(&arguments.selection, OutputFormat::Text)?;
    load::report_ignored(&arguments.selection);
    let selected = load::select(&loaded, &arguments.selection)?;
    let images = session::image_ids(&Project::find()?, &arguments.image)?;
    let durations = arguments.durations.as_deref().map(shard::durations).transpose()?.unwrap_or_default();
    if arguments.durations.is_none() {
        say_error("note: without --durations every test is taken to be equally long");
    }
    let seconds = enough(&loaded, &selected, &images, &durations, &arguments)?;
    say(&matrix(arguments.matrix, &seconds, &command(&arguments)));
    Ok(Exit::Pass)
}

/// What each of the fewest shards takes of which all are over in time.
fn enough(
    loaded: &Loaded,
    selected: &Selected,
    images: &[String],
    durations: &Durations,
    arguments: &Arguments,
) -> Result<Vec<f64>, CliError> {
    let target = arguments.target.as_secs_f64();
    let mut best: Option<(u32, f64)> = None;
    for of in 1..=arguments.most {
        let chosen = shard::Chosen::new(Shard { number: 1, of }, durations.clone());
        let Ok(division) = chosen.division(&loaded.suites, &selected.tests, images) else { break };
        let took = division.slowest();
        if took <= target {
            return Ok(division.parts.iter().map(|part| part.seconds).collect());
        }
        if best.is_none_or(|(_, least)| took < least) {
            best = Some((of, took));
        }
    }
    let (of, took) = best.unwrap_or((1, 0.0));
    let what = format!(
        "--target {target:.0}s: no division is that fast; with {of} shards the slowest takes about {took:.0} s"
    );
    Err(CliError::invalid(what)
        .hint("a boot and the longest tests that need each other are the least; --most bounds the shards"))
}

/// The command line of a job, without the number of its shard.
fn command(arguments: &Arguments) -> String {
    let Selection { suites, suite, test, tag, again: _, shard: _ } = &arguments.selection;
    let mut words = vec!["muster".to_owned(), "run".to_owned()];
    let mut add = |option: &str, value: &str| words.extend([option.to_owned(), shell_word(value)]);
    suites.iter().for_each(|path| add("--suites", short(path).as_str()));
    suite.iter().for_each(|name| add("--suite", name));
    test.iter().for_each(|glob| add("--test", glob));
    tag.iter().for_each(|tag| add("--tag", tag));
    arguments.image.iter().for_each(|image| add("--image", image));
    arguments.durations.iter().for_each(|path| add("--durations", path.as_str()));
    words.join(" ")
}

/// The jobs, in the form of a server.
fn matrix(form: Matrix, seconds: &[f64], command: &str) -> String {
    let of = seconds.len();
    let shard = |at: usize| format!("{}/{of}", at + 1);
    let jobs = seconds.iter().enumerate().map(|(at, seconds)| (at, seconds.round()));
    // JSON is YAML: a string of it is one of both.
    let text = |line: String| serde_json::Value::from(line).to_string();
    match form {
        Matrix::Github => {
            let rows: Vec<_> = jobs.map(|(at, seconds)| json!({"shard": shard(at), "seconds": seconds})).collect();
            json!({"include": rows}).to_string()
        }
        Matrix::Azure => {
            let rows = jobs.map(|(at, seconds)| {
                (format!("shard_{}", at + 1), json!({"shard": shard(at), "seconds": seconds.to_string()}))
            });
            serde_json::Value::Object(rows.collect()).to_string()
        }
        Matrix::Gitlab => {
            let line = text(format!("{command} --shard auto --out \"results/shard-$CI_NODE_INDEX\""));
            format!(
                "muster:\n  parallel: {of}\n  script:\n    - {line}\n  artifacts:\n    when: always\n    paths: [results/]"
            )
        }
        Matrix::Buildkite => {
            // A dollar sign is for the agent, and not for the upload of the steps.
            let line = text(format!("{command} --shard auto --out \"results/shard-$$BUILDKITE_PARALLEL_JOB\""));
            format!(
                "steps:\n  - label: muster\n    command: {line}\n    parallelism: {of}\n    artifact_paths: results/**/*"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_suite::diagnostic::Diagnostics;
    use muster_suite::yaml;

    #[test]
    fn a_matrix_is_what_its_server_reads() {
        let of = |form| matrix(form, &[61.4, 60.0, 12.6], "muster run --tag 'a and b' --image lab");
        let github: serde_json::Value = serde_json::from_str(&of(Matrix::Github)).unwrap();
        assert_eq!(github["include"][2], json!({"shard": "3/3", "seconds": 13.0}));
        let azure: serde_json::Value = serde_json::from_str(&of(Matrix::Azure)).unwrap();
        assert_eq!(azure["shard_1"], json!({"shard": "1/3", "seconds": "61"}));
        for (form, key) in [(Matrix::Gitlab, "parallel: 3\n"), (Matrix::Buildkite, "parallelism: 3\n")] {
            let text = of(form);
            let mut sink = Diagnostics::new();
            yaml::parse(&"matrix".into(), &text, yaml::Limits::default(), &mut sink);
            assert_eq!(sink.render(false), "", "{text}");
            assert!(text.contains(key) && text.contains("--tag 'a and b' --image lab --shard auto"), "{text}");
        }
    }
}
