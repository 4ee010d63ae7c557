//! The options of `muster run`.

use camino::Utf8PathBuf;

use crate::capsules::CapsuleOptions;
use crate::connect::ConnectOptions;
use crate::consumer::{Display, ReportOptions};
use crate::error::CliError;
use crate::load::{Filter, Selection};
use crate::session::{self, ImageOptions};
use crate::shard::ShardOptions;

/// Boot images and run suites on them
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  muster run                                        every shipped suite on the lab image
  muster run kernel 'security/ssh*'                 one suite, and some tests of another
  muster run kernel --image my.qcow2                one suite on a disk of yours
  muster run --image lab --test kernel/release      one test again
  muster run -x -E 'tier0 and not slow'             some tests by their tags, up to the first failure
  muster run --failed last                          what did not pass in the newest run, and what it needs
  muster run --rerun last                           the same with its options, and its other results kept
  muster run --shard 2/4 -o shard-2                 the second quarter; `muster merge` makes one run of all four
  muster run --capsule failed                       save the machines of failed tests for `muster resume`
  muster run --connect root@192.0.2.7 --identity ~/.ssh/id_ed25519
                                                    on a machine that is already up")]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(super) filter: Filter,
    #[command(flatten)]
    pub(super) selection: Selection,
    /// Run again what failed, errored or did not run in an earlier run, and what that needs, and nothing else: a run's id,
    /// its directory or archive, or `last`
    #[arg(long, value_name = "RUN", conflicts_with_all = ["test", "focus", "filter", "shard"])]
    pub(super) failed: Option<String>,
    /// Go on with an earlier run (its id, directory or archive, or `last`): run again what failed, errored or did not run, and
    /// what is new, with its options but for those given here; keep all other results
    #[arg(long, value_name = "RUN", conflicts_with_all = ["failed", "list"])]
    pub(super) rerun: Option<String>,
    /// Go on with a run that did not end: run what has no result, with its options but for those given here, and keep
    /// every result
    #[arg(long, value_name = "RUN", conflicts_with_all = ["failed", "rerun", "list"])]
    pub(super) resume: Option<String>,
    #[command(flatten)]
    pub(super) shard: ShardOptions,
    /// Begin no further test after the first that fails or errors
    #[arg(long, short = 'x')]
    pub(super) fail_fast: bool,
    /// List the tests that would run, and start nothing
    #[arg(long, visible_alias = "dry-run")]
    pub(super) list: bool,
    #[command(flatten)]
    pub(super) images: ImageOptions,
    #[command(flatten)]
    pub(super) connect: ConnectOptions,
    /// Also run tests that change the machine of --connect, or need one of their own
    #[arg(long, requires = "connect")]
    pub(super) allow_changes: bool,
    /// Directory for this run's files; must not exist [default: a new one in reports/runs of a checkout, else in ./muster-runs]
    #[arg(long, short = 'o', value_name = "DIR")]
    pub(super) out: Option<Utf8PathBuf>,
    /// Begin, or go on with what an earlier attempt in this directory has found: for jobs that are started again after they were
    /// killed. Each attempt has a directory of its own in it; run again is what has no result or ended in an error. A run
    /// that has come to a verdict is not begun again
    #[arg(long, value_name = "DIR", conflicts_with_all = ["out", "failed", "rerun", "resume", "list", "prove"])]
    pub(super) attempts: Option<Utf8PathBuf>,
    /// At most so many machines at a time [default: as many as processors and memory allow]
    #[arg(long, short = 'j', value_name = "N", conflicts_with = "connect", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(super) jobs: Option<u32>,
    /// Memory for all machines together, such as 8GiB [default: nine tenths of what is available]
    #[arg(long = "memory", value_name = "SIZE", conflicts_with = "connect", value_parser = session::memory)]
    pub(super) all_memory: Option<u32>,
    /// Console rules, in addition to those that ship; may be repeated
    #[arg(long = "console-rules", value_name = "FILE")]
    pub(super) console_rules: Vec<Utf8PathBuf>,
    /// Work on tests whose `suite/test` matches this glob, as --test selects them: the run can then end
    /// in a failure, and never as a pass; may be repeated
    #[arg(long, value_name = "GLOB", conflicts_with = "test")]
    pub(super) focus: Vec<String>,
    /// Known issues, in addition to those next to the suites; may be repeated
    #[arg(long = "known-issues", value_name = "FILE")]
    pub(super) known_issues: Vec<Utf8PathBuf>,
    /// Boots of before, which `muster boot-time --later --write-baseline` wrote: tests that compare boots and name no file compare
    /// with these; without them they are skipped
    #[arg(long, value_name = "FILE", conflicts_with = "connect")]
    pub(super) boot_baseline: Option<Utf8PathBuf>,
    /// Install this RPM, with what it needs, in every machine after its boot and before its tests; may be repeated
    #[arg(long = "product", value_name = "FILE", conflicts_with = "connect")]
    pub(super) products: Vec<Utf8PathBuf>,
    /// Run each test once more, in a clone that was changed so that the test must fail
    #[arg(long, conflicts_with_all = ["connect", "shard"])]
    pub(super) prove: bool,
    /// Files or directories of proofs [default: the directory proofs next to the suites; of a suite file, the file of its
    /// name there]
    #[arg(long, value_name = "PATH", requires = "prove")]
    pub(super) proofs: Vec<Utf8PathBuf>,
    /// Accept new and changed snapshots
    #[arg(long)]
    pub(super) update_snapshots: bool,
    /// Save the booted machine of each image in the cache, and begin from the one that an earlier run has
    /// saved: only tests about a boot, with `guest: fresh` or the tag `needs-internet`, or with another kernel, boot. Its SSH key
    /// is saved with it
    #[arg(long)]
    pub(super) warm: bool,
    /// How much all saved machines may take; the least recently used are removed first [default: 8GiB]
    #[arg(long, value_name = "SIZE", env = "MUSTER_TEMPLATES_MAX", value_parser = muster_suite::value::size)]
    pub(super) templates_max: Option<u64>,
    /// Directory of the saved machines, on a disk of this host [default: templates in the cache]
    #[arg(long, value_name = "DIR")]
    pub(super) templates: Option<Utf8PathBuf>,
    #[command(flatten)]
    pub(super) capsules: CapsuleOptions,
    #[command(flatten)]
    pub(super) reports: ReportOptions,
    #[command(flatten)]
    pub(super) display: Display,
}

impl Arguments {
    /// Which images, and how they are booted.
    pub(crate) fn images(&self) -> &ImageOptions {
        &self.images
    }

    /// Whether it is on a machine that is already up.
    pub(crate) fn is_connected(&self) -> bool {
        self.connect.connect.is_some()
    }

    /// Which tests.
    #[cfg(test)]
    pub(crate) fn selection(&self) -> &Selection {
        &self.selection
    }

    /// Which tests a run of these options selects, before it is divided or goes on with another.
    pub(crate) fn selected(&self) -> Result<Selection, CliError> {
        let mut selection = self.selection.clone();
        self.filter.add_to(&mut selection)?;
        selection.test.extend(self.focus.iter().cloned());
        selection.accepts_snapshots = self.update_snapshots;
        Ok(selection)
    }

    /// The machine that is up already and takes the place of an image, with how it is reached.
    pub(crate) fn connected(&self) -> Option<(&str, &ConnectOptions)> {
        self.connect.connect.as_deref().map(|typed| (typed, &self.connect))
    }

    /// The earlier run with which reports compare this one, as it is typed.
    pub(crate) fn before(&self) -> Option<&str> {
        self.reports.before.as_deref().filter(|before| *before != "none")
    }

    /// Which reports it writes, and the history that it is added to, where these are named.
    pub(crate) fn reports_and_history(&self) -> (Vec<String>, Option<Utf8PathBuf>) {
        (self.reports.formats.clone(), self.reports.history.clone())
    }

    /// How often `-v` is given.
    pub(crate) fn verbose(&self) -> u8 {
        self.display.verbose
    }

    /// Whether it boots one image and tests it, and goes on with no earlier run.
    pub(crate) fn is_plain(&self) -> bool {
        let again = self.failed.is_some() || self.rerun.is_some() || self.resume.is_some() || self.attempts.is_some();
        let part = self.shard.shard.is_some();
        !self.list && !again && !part && self.connect.connect.is_none() && self.images.image.len() == 1 && !self.prove
    }

    /// The options that decide whether results count, which all shards of a run have in common.
    pub(super) fn deciding(&self) -> Vec<String> {
        let given = [
            ("--update-snapshots", self.update_snapshots),
            ("--focus", !self.focus.is_empty()),
            ("--allow-changes", self.allow_changes),
        ];
        given.into_iter().filter(|(_, given)| *given).map(|(option, _)| option.to_owned()).collect()
    }

    /// Whether nothing is run.
    pub(crate) fn only_lists(&self) -> bool {
        self.list
    }
}
