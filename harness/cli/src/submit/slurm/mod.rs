//! `muster submit slurm`: an array of jobs, and one that merges what they wrote.

mod scripts;
mod shared;

use std::process::{Command, Stdio};

use camino::{Utf8Path, Utf8PathBuf};

use crate::divided::{Divided, Read, RunOptions, shard_dir};
use crate::elsewhere::Place;
use crate::error::CliError;
use crate::output::{say, say_error};
use crate::project::{short, working_directory};
use muster_base::exit::Exit;
use muster_base::files::{FileError, ensure, on_path};
use muster_base::text::{one_line, shell_word};
use muster_record::open;
use scripts::{Resources, Submission};

/// Run in shards as an array of jobs of Slurm
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Two scripts are written to the directory, which must be on a file system that all nodes have under this path, and submitted: an \
                  array with a job for each shard, and a job that merges what they wrote, also when some of them failed. A shard that ends with 3 \
                  (infrastructure, or its time is over) is put into the queue again, --requeues times at most; it goes on with what it has found. \
                  So does one that Slurm itself puts there, after a preemption or when its node is lost. The merged run is DIR/whole.

Exit codes: 0 it was submitted, or with --print written · 2 the options, or the directory · 3 sbatch did not take it; with --wait, as \
                  the merged run ends

Examples:
  muster submit slurm --shards 4 -o /shared/run-7 -- --image /shared/my.qcow2
  muster submit slurm --shards 8 --partition kvm --time 1:00:00 --cpus 4 --mem 16GiB --durations last-night -o run --wait -- base kernel
  muster submit slurm --shards 4 --print -o run -- --image my.qcow2        look at the scripts first
  sbatch --array=2 run/shards.sbatch                                       one shard again, from where it stopped"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    run: RunOptions,
    /// The directory of the run on a file system that all nodes share; must not exist
    #[arg(long, short = 'o', value_name = "DIR")]
    out: Utf8PathBuf,
    #[command(flatten)]
    resources: Resources,
    /// How often a shard that ended with 3 is put into the queue again
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=100))]
    requeues: u32,
    /// The muster that the jobs start, if it is not this one at this path
    #[arg(long, value_name = "FILE")]
    program: Option<Utf8PathBuf>,
    /// A directory on a disk of the node, for temporary files and saved machines [default: a new one in $TMPDIR, or in /tmp]
    #[arg(long, value_name = "DIR")]
    scratch: Option<Utf8PathBuf>,
    /// The directory is seen by all nodes, although its file system looks like one of this host
    #[arg(long)]
    shared: bool,
    /// Only write the scripts
    #[arg(long, conflicts_with = "wait")]
    print: bool,
    /// Wait for the end of the merged run, and end as it does
    #[arg(long)]
    wait: bool,
}

pub(super) fn execute(arguments: &Arguments, read: Read<'_>) -> Result<Exit, CliError> {
    let here = working_directory()?;
    let out = here.join(&arguments.out);
    if out.symlink_metadata().is_ok() {
        let what = format!("--out {}: it is there already", arguments.out);
        return Err(CliError::invalid(what).hint("name a directory that does not exist, or remove this one"));
    }
    let mut divided = Divided::new(&arguments.run, Place::Shared, read)?;
    let images = divided.name_files(&here)?;
    let program =
        match &arguments.program {
            Some(program) => here.join(program),
            None => std::env::current_exe().ok().and_then(|path| Utf8PathBuf::from_path_buf(path).ok()).ok_or_else(
                || CliError::infrastructure("the path of this program is not known").hint("name it: --program"),
            )?,
        };
    let submission = Submission {
        out: &out,
        here: &here,
        program: &program,
        scratch: arguments.scratch.as_deref(),
        requeues: arguments.requeues,
        resources: &arguments.resources,
        divided: &divided,
    };
    let (shards, merge) = (scripts::shards(&submission)?, scripts::merge(&submission)?);
    if !arguments.print {
        if !on_path("sbatch") {
            let what = "sbatch is not on the path: this host submits no jobs to Slurm";
            return Err(CliError::invalid(what)
                .hint("start it on a login node of the cluster, or write the scripts with --print"));
        }
        if !arguments.shared {
            shared::check("--out", &out)?;
            images.iter().try_for_each(|image| shared::check("--image", image))?;
        }
    }
    ensure(&out.join("logs"))?;
    for number in 1..=divided.of {
        ensure(&shard_dir(&out, &number.to_string()))?;
    }
    let paths = (out.join("shards.sbatch"), out.join("merge.sbatch"));
    for (path, text) in [(&paths.0, shards), (&paths.1, merge)] {
        std::fs::write(path, text).map_err(FileError::because("write", path))?;
    }
    say_error(&divided.expectation());
    if arguments.print {
        say(&format!("written: {} and {}", short(&paths.0), short(&paths.1)));
        return Ok(Exit::Pass);
    }
    let array = sbatch(&paths.0, &[])?;
    let dependency = format!("--dependency=afterany:{array}");
    let merged = sbatch(&paths.1, &[&dependency]).map_err(|error| {
        let hint =
            format!("the shards are submitted: `sbatch {dependency} {}` merges them", shell_word(paths.1.as_str()));
        error.hint(hint)
    })?;
    say(&format!("submitted: {} shards as job {array}, their merge as job {merged}", divided.of));
    say(&format!(
        "the run will be {}; what the jobs print is in {}",
        short(&out.join("whole")),
        short(&out.join("logs"))
    ));
    match arguments.wait {
        true => waited(&out, &merged),
        false => Ok(Exit::Pass),
    }
}

/// Submits a script. The id of its job.
fn sbatch(script: &Utf8Path, options: &[&str]) -> Result<String, CliError> {
    let failed = |why: &str| {
        CliError::infrastructure(format!("sbatch did not take {}: {}", short(script), one_line(why.trim(), 600)))
            .hint("`sinfo` shows partitions and nodes; change the options, or the script, and submit it with sbatch")
    };
    let done = Command::new("sbatch")
        .arg("--parsable")
        .args(options)
        .arg(script)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(&error.to_string()))?;
    let said = String::from_utf8_lossy(&done.stdout);
    // `123`, or `123;cluster`.
    let id = said.trim().split(';').next().unwrap_or_default();
    match done.status.success() && !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Ok(id.to_owned()),
        false => Err(failed(&format!("{} {}", String::from_utf8_lossy(&done.stderr).trim(), said.trim()))),
    }
}

/// Waits until the merge is over, and ends as the merged run does.
fn waited(out: &Utf8Path, job: &str) -> Result<Exit, CliError> {
    let whole = out.join("whole");
    while state(job)? {
        std::thread::sleep(std::time::Duration::from_secs(2));
    }
    let log = short(&out.join("logs").join("merge.log"));
    if !whole.is_dir() {
        let what = format!("the merge, job {job}, is over and has made no run: its log is {log}");
        return Err(CliError::infrastructure(what).hint(format!(
            "when the shards that are missing have run: `sbatch {}`",
            shell_word(short(&out.join("merge.sbatch")).as_str())
        )));
    }
    let record = open::open(&whole).map_err(|error| CliError::about("the merged run", error))?.record;
    say(&format!("{}: {}", short(&whole), crate::merge::counts(&record)));
    Ok(crate::merge::exit_of(&record))
}

/// Whether a job is in the queue or runs. One that Slurm has forgotten is over.
fn state(job: &str) -> Result<bool, CliError> {
    let failed = |why: &str| {
        CliError::infrastructure(format!("squeue does not say what becomes of job {job}: {}", one_line(why, 300)))
            .hint("the jobs go on; the merged run is there when they are over")
    };
    let mut last = String::new();
    // The controller may be restarted meanwhile.
    for _ in 0..30 {
        let done = Command::new("squeue")
            .args(["--noheader", "--format=%T", "--states=all", "--jobs", job])
            .stdin(Stdio::null())
            .output()
            .map_err(|error| failed(&error.to_string()))?;
        let errors = String::from_utf8_lossy(&done.stderr).into_owned();
        if done.status.success() {
            let said = String::from_utf8_lossy(&done.stdout).into_owned();
            return Ok(said.lines().any(|line| is_open(line.trim())));
        }
        if errors.contains("Invalid job id") {
            return Ok(false);
        }
        last = errors;
        std::thread::sleep(std::time::Duration::from_secs(2));
    }
    Err(failed(&last))
}

/// Whether a job in this state has an end before it. A state that is not known has one.
fn is_open(state: &str) -> bool {
    let ended = [
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PREEMPTED",
        "TIMEOUT",
    ];
    !state.is_empty() && !ended.contains(&state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_over_in_the_states_that_end_it_and_in_no_other() {
        for open in ["PENDING", "RUNNING", "COMPLETING", "REQUEUED", "SUSPENDED", "SOMETHING_NEW"] {
            assert!(is_open(open), "{open}");
        }
        for over in ["COMPLETED", "FAILED", "TIMEOUT", "NODE_FAIL", ""] {
            assert!(!is_open(over), "{over}");
        }
    }
}
