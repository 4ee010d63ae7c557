//! `muster plan`: how many shards a run needs to be over in time, as the jobs of a CI server.

mod jobs;

use std::time::Duration;

use camino::Utf8PathBuf;

use super::divided::{Checked, Read};
use super::elsewhere::Place;
use super::error::CliError;
use super::gate;
use super::named_durations;
use super::output::{say, say_error};
use jobs::{Jobs, Server};
use muster_base::exit::Exit;
use muster_base::text::shell_word;
use muster_record::durations::Durations;

/// Print the jobs that a run needs to be over in time
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The least number of shards is looked for of which the slowest is expected to take at most --target, with one machine at a time. It is \
                  expected by the durations, so name them. Behind `--` stand the options of the run: they are checked as `muster run` would \
                  check them, and the jobs have them. A disk, a kernel, a product or boots of before that are not there yet are not read. \
                  For GitHub and Azure Pipelines a matrix is printed, whose jobs are in docs/ci; for GitLab and Buildkite the jobs, their merge and its gate.

Exit codes: 0 it was printed · 2 no number of shards is enough, or an option is wrong

Examples:
  muster plan --matrix github --target 20m --durations whole -- --image my.qcow2      for strategy.matrix
  muster plan --matrix gitlab --target 20m --durations ci/durations.json --policy stable.yaml -- --image my.qcow2 --user cloud-user"
)]
pub(crate) struct Arguments {
    /// How long tests took: an earlier run, or the durations.json of one; the same for all shards
    #[arg(long, value_name = "RUN|FILE")]
    durations: Option<Utf8PathBuf>,
    /// How long the slowest shard may take
    #[arg(long, value_name = "DURATION", value_parser = muster_suite::value::duration_in("m"))]
    target: Duration,
    /// For which CI server
    #[arg(long, value_name = "SERVER", value_enum)]
    matrix: Server,
    /// Shards at most [default: as many as the server takes: GitHub 256, GitLab 200, Buildkite 499, Azure Pipelines 99]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    most: Option<u32>,
    /// The policy by which the job that merges opens or closes the gate; without one it ends as the merged run does
    #[arg(long, value_name = "FILE")]
    policy: Option<Utf8PathBuf>,
    /// Options of `muster run`: images, suites, machines
    #[arg(last = true, value_name = "OPTIONS OF RUN", allow_hyphen_values = true)]
    options: Vec<String>,
}

pub(crate) fn execute(arguments: &Arguments, read: Read<'_>) -> Result<Exit, CliError> {
    let server = arguments.matrix;
    let most = arguments.most.unwrap_or(server.most());
    if most > server.most() {
        let what = format!("--most {most}: {} takes {} jobs of one kind at most", server.name(), server.most());
        return Err(CliError::invalid(what).hint("fewer shards take longer: give a longer --target as well"));
    }
    if let Some(policy) = &arguments.policy {
        if !server.has_gate() {
            let what = format!("--policy: what is printed for {} has no job that merges", server.name());
            return Err(CliError::invalid(what).hint("the ready jobs in docs/ci/ name their policy themselves"));
        }
        gate::inputs::Read::policy(policy)?;
    }
    let named = arguments.durations.as_deref().map(named_durations::read).transpose()?;
    let own: Vec<String> = named.iter().map(|named| format!("--durations={}", named.place)).collect();
    let checked = Checked::new(own.clone(), &arguments.options, Place::Checkout, read)?;
    if named.is_none() {
        say_error("note: without --durations every test is taken to be equally long");
    }
    let durations = named.map(|named| named.durations);
    let seconds = enough(&checked, durations.as_ref(), arguments.target, most)?;
    let words = ["muster", "run"].map(str::to_owned).into_iter().chain(own).chain(arguments.options.iter().cloned());
    let command = words.map(|word| shell_word(&word)).collect::<Vec<_>>().join(" ");
    let policy = arguments.policy.as_ref().map(|policy| shell_word(policy.as_str()));
    say(&Jobs { seconds: &seconds, command: &command, policy: policy.as_deref() }.text(server));
    Ok(Exit::Pass)
}

/// What each of the fewest shards takes of which all are over in time.
fn enough(checked: &Checked, durations: Option<&Durations>, target: Duration, most: u32) -> Result<Vec<f64>, CliError> {
    let target = target.as_secs_f64();
    let mut best: Option<(u32, f64)> = None;
    for of in 1..=most {
        let division = match checked.division(of, durations) {
            Ok(division) => division,
            // More shards than chains of tests.
            Err(_) if best.is_some() => break,
            Err(error) => return Err(error),
        };
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
