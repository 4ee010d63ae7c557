//! The two scripts, from what was typed. Pure: what may not stand in a script is refused here.

use std::fmt::Write as _;

use camino::Utf8Path;

use super::super::next::{Next, next};
use crate::divided::{Divided, shard_dir};
use crate::error::CliError;
use crate::session;
use muster_base::exit::Exit;
use muster_base::text::{one_line, shell_word};

/// What each shard needs of a node, and what else sbatch is to know.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Resources {
    /// The partition of all jobs [default: that of the cluster]
    #[arg(long, value_name = "NAME", value_parser = word)]
    pub partition: Option<String>,
    /// How long a shard may take, as sbatch has it: minutes, 1:30:00, 1-12. Two minutes before, it ends and is put into the queue again
    #[arg(long, value_name = "TIME", value_parser = word)]
    pub time: Option<String>,
    /// Processors of a shard; so many machines run at a time, unless the options of the run say otherwise
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub cpus: Option<u32>,
    /// Memory of a shard, such as 16GiB; its machines get nine tenths, unless the options of the run say otherwise
    #[arg(long, value_name = "SIZE", value_parser = session::memory)]
    pub mem: Option<u32>,
    /// Another option of sbatch for all jobs, such as --account=test; may be repeated
    #[arg(long = "sbatch-option", value_name = "OPTION", allow_hyphen_values = true, value_parser = option)]
    pub more: Vec<String>,
}

/// What cannot stand in a script.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    /// A partition or a time.
    #[error("it is a word of letters, digits and , . : _ -")]
    Word,
    /// An option.
    #[error("it is one long option with its value, such as --account=test, without quotes, % and \\")]
    Option,
    /// One that the scripts have.
    #[error("{0} is set by muster")]
    Ours(String),
}

/// Options that the scripts or the submission have.
const OURS: [&str; 15] = [
    "--array",
    "--chdir",
    "--dependency",
    "--error",
    "--export",
    "--input",
    "--job-name",
    "--no-requeue",
    "--open-mode",
    "--output",
    "--parsable",
    "--requeue",
    "--signal",
    "--wait",
    "--wrap",
];

fn word(text: &str) -> Result<String, Unfit> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b",.:_-".contains(&byte);
    let is_word = !text.is_empty() && text.len() <= 200 && !text.starts_with('-') && text.bytes().all(fits);
    if is_word { Ok(text.to_owned()) } else { Err(Unfit::Word) }
}

fn option(text: &str) -> Result<String, Unfit> {
    let name = text.split('=').next().unwrap_or_default();
    // sbatch also takes the beginning of a long option for it.
    if let Some(ours) = OURS.iter().find(|ours| name.len() > 2 && ours.starts_with(name)) {
        return Err(Unfit::Ours((*ours).to_owned()));
    }
    match name.starts_with("--") && name.len() > 2 && is_plain(text) {
        true => Ok(text.to_owned()),
        false => Err(Unfit::Option),
    }
}

/// Whether a text can stand in quotes in a line of a script that sbatch reads: a percent sign stands for something in a path.
fn is_plain(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() || matches!(c, '"' | '\'' | '\\' | '%'))
}

/// All that the scripts are made of. Paths are absolute.
#[derive(Debug, Clone, Copy)]
pub(super) struct Submission<'s> {
    /// The directory of the run.
    pub out: &'s Utf8Path,
    /// Where the jobs are started.
    pub here: &'s Utf8Path,
    /// The program.
    pub program: &'s Utf8Path,
    /// A directory on a disk of the node.
    pub scratch: Option<&'s Utf8Path>,
    /// How often a shard is put into the queue again.
    pub requeues: u32,
    /// What jobs need.
    pub resources: &'s Resources,
    /// What they run.
    pub divided: &'s Divided,
}

impl Submission<'_> {
    /// The lines that sbatch reads, of both scripts.
    fn directives(&self, name: &str, log: &str) -> String {
        let mut out = String::new();
        let mut add = |option: &str| {
            let _ = writeln!(out, "#SBATCH {option}");
        };
        add(&format!("--job-name={name}"));
        add(&format!("--output=\"{}/logs/{log}\"", self.out));
        add("--open-mode=append");
        add("--requeue");
        let Resources { partition, more, .. } = self.resources;
        partition.iter().for_each(|partition| add(&format!("--partition={partition}")));
        for option in more {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            add(&if value.is_empty() { name.to_owned() } else { format!("{name}=\"{value}\"") });
        }
        out
    }

    /// Where the job is, for both scripts: a node that does not see the directories says so.
    fn places(&self) -> String {
        let (out, here) = (shell_word(self.out.as_str()), shell_word(self.here.as_str()));
        let program = shell_word(self.program.as_str());
        format!(
            r#"out={out}
muster={program}
cd {here} || {{ echo "error: $(hostname) does not see the directory from which this was submitted"; exit 3; }}
[ -d "$out" ] || {{ echo "error: $(hostname) does not see $out: it must be on a file system that all nodes share"; exit 3; }}
[ -x "$muster" ] || {{ echo "error: $(hostname) has no $muster: name the program that nodes have with --program"; exit 3; }}
# All defaults are in the command line.
export MUSTER_CONFIG=
"#
        )
    }

    fn check(&self) -> Result<(), CliError> {
        for (option, path) in [("--out", self.out), ("the working directory", self.here)] {
            if !is_plain(path.as_str()) {
                let what = format!("{option} {}: sbatch takes no such path", one_line(path.as_str(), 300));
                return Err(CliError::invalid(what).hint("name one without quotes, percent signs and backslashes"));
            }
        }
        Ok(())
    }
}

/// The script of the array.
///
/// # Errors
/// A path cannot stand in it.
pub(super) fn shards(submission: &Submission<'_>) -> Result<String, CliError> {
    submission.check()?;
    let Submission { resources, divided, .. } = submission;
    let mut head = submission.directives("muster", "shard-%a.log");
    let _ = writeln!(head, "#SBATCH --array=1-{}", divided.of);
    let _ = writeln!(head, "#SBATCH --signal=B:USR1@120");
    let (cpus, mem) = (resources.cpus.map(|cpus| cpus.to_string()), resources.mem.map(|mem| format!("{mem}M")));
    for (option, value) in [("time", resources.time.as_ref()), ("cpus-per-task", cpus.as_ref()), ("mem", mem.as_ref())]
    {
        if let Some(value) = value {
            let _ = writeln!(head, "#SBATCH --{option}={value}");
        }
    }
    let again: Vec<String> = Exit::TABLE
        .iter()
        .filter(|(exit, ..)| next(*exit) == Next::GoOn)
        .map(|(exit, ..)| (*exit as u8).to_string())
        .collect();
    let scratch = match submission.scratch {
        Some(scratch) => shell_word(scratch.as_str()),
        None => "${TMPDIR:-/tmp}".to_owned(),
    };
    Ok(format!(
        r#"#!/bin/bash
# One shard of a run, written by `muster submit slurm`. A shard that stopped goes on where it was:
#   sbatch --array=2 {this}
{head}
# Until muster is at work there is nothing to end.
trap : USR1 TERM
{places}
shard=$SLURM_ARRAY_TASK_ID
requeues={requeues}
local={scratch}
if ! mkdir -p "$local" || ! TMPDIR=$(mktemp -d "$local/muster-XXXXXX"); then
  echo "error: $(hostname) has no space for temporary files in $local"
  exit 3
fi
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT

# Slurm ends the job, and has told muster as well: it is for Slurm to say whether it comes back.
ended=
trap 'ended=1' TERM
# Its time is over in two minutes.
trap 'kill -TERM "$run"' USR1

{command} &
run=$!
# A signal ends the wait and not the run.
while :; do
  wait "$run"
  status=$?
  kill -0 "$run" 2>/dev/null || break
done

case $status in
  {again}) ;;
  # Nor has it come to a result when a signal has ended it.
  *) [ "$status" -gt 128 ] || exit "$status" ;;
esac
[ -z "$ended" ] || exit "$status"
# Only what it was put there for by itself counts; of this job, and not of one before it.
queued="$out/logs/shard-$shard.requeued"
count=$(grep -c -x "$SLURM_ARRAY_JOB_ID" "$queued" 2>/dev/null)
if [ "${{count:-0}}" -ge "$requeues" ]; then
  echo "shard $shard ended with $status, and was put into the queue again $requeues times: that is all"
  exit "$status"
fi
echo "$SLURM_ARRAY_JOB_ID" >>"$queued" || exit "$status"
echo "shard $shard ended with $status: it is put into the queue again"
scontrol requeue "${{SLURM_ARRAY_JOB_ID}}_$shard" || echo "error: scontrol did not put it there"
exit "$status"
"#,
        this = shell_word(submission.out.join("shards.sbatch").as_str()),
        head = head,
        places = submission.places(),
        requeues = submission.requeues,
        scratch = scratch,
        command = command(submission),
        again = again.join(" | "),
    ))
}

/// The command line of a shard, in the words of a shell.
fn command(submission: &Submission<'_>) -> String {
    let Submission { resources, divided, .. } = submission;
    let has = |name: &str| divided.has(name);
    let (mut line, words) = ("\"$muster\"".to_owned(), divided.words_of("$shard", "$out/shard-$shard"));
    for word in &words {
        let ours = word.starts_with("--shard=") || word.starts_with("--attempts=");
        let word = if ours { format!("\"{word}\"") } else { shell_word(word) };
        let _ = write!(line, " {word}");
    }
    let mut own = String::new();
    if !has("--connect") {
        if let Some(cpus) = resources.cpus.filter(|_| !has("--jobs") && !has("-j")) {
            let _ = write!(own, " --jobs={cpus}");
        }
        if let Some(mem) = resources.mem.filter(|_| !has("--memory")) {
            let _ = write!(own, " --memory={}MiB", (mem / 10 * 9).max(64));
        }
    }
    if has("--warm") && !has("--templates") {
        // What is in a directory that was named is kept for the next job; what this job makes for itself goes with it.
        let dir = if submission.scratch.is_some() { "$local" } else { "$TMPDIR" };
        let _ = write!(own, " --templates=\"{dir}/muster-templates\"");
    }
    // Behind `run`: what may follow is no option any more.
    line.replacen("\"$muster\" run", &format!("\"$muster\" run{own}"), 1)
}

/// The script of the merge.
///
/// # Errors
/// A path cannot stand in it.
pub(super) fn merge(submission: &Submission<'_>) -> Result<String, CliError> {
    submission.check()?;
    let divided = submission.divided;
    let dirs: Vec<String> = (1..=divided.of)
        .map(|number| shard_dir("$out".into(), &number.to_string()))
        .map(|dir| format!("\"{dir}\""))
        .collect();
    let mut options = String::new();
    for option in divided.of_merge() {
        let _ = write!(options, " {}", shell_word(&option));
    }
    Ok(format!(
        r#"#!/bin/bash
# Merges the shards of a run, written by `muster submit slurm`. Again, after a shard has run once more:
#   sbatch {this}
{head}
{places}
# The one before stays as it is.
[ ! -e "$out/whole" ] || mv "$out/whole" "$out/whole.$(date +%Y%m%dT%H%M%S)" || exit 3
exec "$muster" merge {dirs} --out="$out/whole"{options}
"#,
        this = shell_word(submission.out.join("merge.sbatch").as_str()),
        head = submission.directives("muster-merge", "merge.log"),
        places = submission.places(),
        dirs = dirs.join(" "),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    fn divided(words: &[&str]) -> Divided {
        let words = words.iter().map(|word| (*word).to_owned()).collect();
        Divided { of: 3, words, slowest: 1.0, durations: None, tests: 9, reports: vec![], history: None }
    }

    fn scripts(divided: &Divided, resources: &Resources) -> (String, String) {
        let submission = Submission {
            out: "/shared/a run".into(),
            here: "/shared/project".into(),
            program: "/shared/bin/muster".into(),
            scratch: None,
            requeues: 2,
            resources,
            divided,
        };
        (shards(&submission).unwrap(), merge(&submission).unwrap())
    }

    fn is_valid(script: &str) {
        let done = Command::new("bash").args(["-n", "-c", script]).output().unwrap();
        assert!(done.status.success(), "{}\n{script}", String::from_utf8_lossy(&done.stderr));
    }

    #[test]
    fn a_script_has_what_sbatch_reads_and_one_command() {
        let resources = Resources {
            partition: Some("kvm".into()),
            time: Some("1:00:00".into()),
            cpus: Some(4),
            mem: Some(16 << 10),
            more: vec!["--account=a b".into(), "--exclusive".into()],
        };
        let divided = divided(&["run", "--image=/shared/my image.qcow2", "--tag=it's", "kernel"]);
        let (shards, merge) = scripts(&divided, &resources);
        is_valid(&shards);
        is_valid(&merge);
        for line in [
            "#SBATCH --array=1-3",
            "#SBATCH --output=\"/shared/a run/logs/shard-%a.log\"",
            "#SBATCH --partition=kvm",
            "#SBATCH --account=\"a b\"",
            "#SBATCH --exclusive",
            "#SBATCH --time=1:00:00",
            "#SBATCH --cpus-per-task=4",
            "#SBATCH --mem=16384M",
            r#""$muster" run --jobs=4 --memory=14742MiB "--shard=$shard/3" "--attempts=$out/shard-$shard" '--image=/shared/my image.qcow2' '--tag=it'\''s' kernel &"#,
            "  3) ;;",
        ] {
            assert!(shards.lines().any(|found| found == line), "{line}\n{shards}");
        }
        let line = r#"exec "$muster" merge "$out/shard-1" "$out/shard-2" "$out/shard-3" --out="$out/whole""#;
        assert!(merge.lines().any(|found| found == line), "{merge}");
        assert!(!merge.contains("--cpus-per-task") && merge.contains("#SBATCH --partition=kvm"));
    }

    #[test]
    fn what_the_run_says_of_machines_wins_over_what_the_job_has() {
        let resources = Resources { cpus: Some(4), mem: Some(1024), ..Resources::default() };
        let (shards, _) = scripts(&divided(&["run", "--jobs=2", "--memory=2GiB"]), &resources);
        assert!(!shards.contains("--jobs=4") && !shards.contains("MiB"), "{shards}");
        let (shards, _) = scripts(&divided(&["run", "--warm"]), &resources);
        assert!(shards.contains(r#" --templates="$TMPDIR/muster-templates" "#), "{shards}");
        let (shards, _) = scripts(&divided(&["run", "--connect=a@b"]), &resources);
        assert!(!shards.contains("--jobs"), "{shards}");
    }

    #[test]
    fn what_cannot_stand_in_a_script_is_refused() {
        assert_eq!(option("--account=test"), Ok("--account=test".to_owned()));
        assert_eq!(option("--arr=1"), Err(Unfit::Ours("--array".to_owned())));
        for wrong in ["account", "-A", "--", "--x=a\nb", "--x=\"", "--x=%j"] {
            assert_eq!(option(wrong), Err(Unfit::Option), "{wrong}");
        }
        for wrong in ["", "a b", "-x", "a;b"] {
            assert_eq!(word(wrong), Err(Unfit::Word), "{wrong}");
        }
        let (resources, divided) = (Resources::default(), divided(&["run"]));
        let submission = Submission {
            out: "/shared/100%".into(),
            here: "/".into(),
            program: "/m".into(),
            scratch: None,
            requeues: 0,
            resources: &resources,
            divided: &divided,
        };
        assert_eq!(shards(&submission).unwrap_err().exit, Exit::Invalid);
    }
}
