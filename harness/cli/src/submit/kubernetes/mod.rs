//! `muster submit kubernetes`: the manifest of an indexed job, and of a job that merges what its pods wrote.

mod manifest;
mod names;

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::yaml;
use crate::divided::{Divided, Read, RunOptions, shard_dir};
use crate::elsewhere::Place;
use crate::error::CliError;
use crate::opening::run_id;
use crate::output::{print, say_error};
use crate::session;
use manifest::{DURATIONS, IMAGES, Images, RESULTS, Submission};
use muster_base::exit::Exit;
use muster_base::files::write_atomically;
use muster_base::text::{one_line, shell_word};
use muster_record::durations::Durations;

/// What a map of configuration may hold: a mebibyte with its names.
const MOST_DURATIONS: usize = 1_000_000;
/// How long all shards may take, with KVM and emulated.
const DEADLINES: (Duration, Duration) = (Duration::from_secs(2 * 3600), Duration::from_secs(8 * 3600));

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Needs Kubernetes 1.33 or later, and a claim whose volume several pods write at the same time (ReadWriteMany). Options of `muster \
                  run` are those of the pods: paths are paths there, where --images-claim or --images-path is /images. Nothing is applied without \
                  --apply. The objects are printed, and what to type next is on stderr.

Exit codes: 0 it was written, and applied where that was wanted · 2 the command line is wrong · 3 kubectl is missing or refused it

Examples:
  muster submit kubernetes --shards 4 --container muster:0.1.0 --claim results --kvm --images-claim images -o run.yaml -- --image /images/my.qcow2
  muster submit kubernetes --shards 8 --container muster:0.1.0 --claim results --images-path /srv/images -- --image /images/my.qcow2 --tag tier0"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    run: RunOptions,
    /// The container image that has muster and QEMU (ci/images/Containerfile makes one)
    #[arg(long, value_name = "REFERENCE", value_parser = names::reference)]
    container: String,
    /// The claim of the volume that results are written to
    #[arg(long, value_name = "NAME", value_parser = names::claim)]
    claim: String,
    /// The claim of a volume with disk images and suites, read-only as /images
    #[arg(long, value_name = "NAME", value_parser = names::claim, conflicts_with = "images_path")]
    images_claim: Option<String>,
    /// A directory of every node with them, read-only as /images; clusters with Pod Security refuse it
    #[arg(long, value_name = "DIR", value_parser = names::directory)]
    images_path: Option<String>,
    /// The name of the jobs, which no job has [default: muster- and the time]
    #[arg(long, value_name = "NAME", value_parser = names::job)]
    name: Option<String>,
    /// The namespace [default: that of kubectl]
    #[arg(long, value_name = "NAME", value_parser = names::namespace)]
    namespace: Option<String>,
    /// Take one devices.kubevirt.io/kvm of a device plug-in for each pod; without it guests are emulated
    #[arg(long)]
    kvm: bool,
    /// The group that may open /dev/kvm on the nodes, where the plug-in opens it for no other
    #[arg(long, value_name = "GID", requires = "kvm")]
    kvm_group: Option<u32>,
    /// Processors of each pod
    #[arg(long, value_name = "N", default_value = "2", value_parser = names::processors)]
    cpu: String,
    /// Memory of each pod
    #[arg(long, value_name = "SIZE", default_value = "4GiB", value_parser = session::memory)]
    memory: u32,
    /// Space on its node that each pod has for its cache and temporary files
    #[arg(long, value_name = "SIZE", default_value = "20GiB", value_parser = session::memory)]
    scratch: u32,
    /// Pods at the same time [default: all]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    parallel: Option<u32>,
    /// How often a shard goes on in another pod after an infrastructure error
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(0..=20))]
    retries: u32,
    /// All shards are ended after it, those too for which no node was found [default: 2h with KVM, 8h emulated]
    #[arg(long, value_name = "DURATION", value_parser = muster_suite::value::duration_in("h"))]
    deadline: Option<Duration>,
    /// How long the jobs stay after their end; results stay
    #[arg(long, value_name = "DURATION", default_value = "24h", value_parser = muster_suite::value::duration_in("h"))]
    keep: Duration,
    /// The file that the objects are written to [default: they are printed]
    #[arg(long, short = 'o', value_name = "FILE")]
    out: Option<Utf8PathBuf>,
    /// Also give them to `kubectl apply`
    #[arg(long)]
    apply: bool,
}

pub(super) fn execute(arguments: &Arguments, read: Read<'_>) -> Result<Exit, CliError> {
    // Stated either way: a broken device is an error then, and no slow run.
    let accel = if arguments.kvm { "--accel=kvm" } else { "--accel=tcg" };
    let has_volume = arguments.images_claim.is_some() || arguments.images_path.is_some();
    let place = Place::Container { volume: has_volume.then_some(Utf8Path::new(IMAGES)) };
    let divided =
        Divided::new(&arguments.run.with(accel, "leave it out: `--kvm` says whether the pods have KVM")?, place, read)?;
    let submission = submission(arguments, &divided)?;
    let text = yaml::documents(&submission.objects());
    match &arguments.out {
        Some(file) => write_atomically(file, text.as_bytes())?,
        None => print(&text),
    }
    say_error(&format!("note: {}", divided.expectation()));
    if divided.slowest > submission.deadline.as_secs_f64() {
        let deadline = submission.deadline.as_secs();
        say_error(&format!("note: that is more than the deadline of {deadline} s: give a longer --deadline"));
    }
    if arguments.apply {
        apply(&text)?;
    }
    next(arguments, &submission).iter().for_each(|line| say_error(line));
    Ok(Exit::Pass)
}

/// Everything that the objects are made of.
fn submission(arguments: &Arguments, divided: &Divided) -> Result<Submission, CliError> {
    let durations = divided.durations.as_ref().map(Durations::text);
    if durations.as_ref().is_some_and(|text| text.len() > MOST_DURATIONS) {
        let what = format!("--durations: it has more than {MOST_DURATIONS} bytes, which no map of configuration holds");
        return Err(CliError::invalid(what).hint("merge a run of these suites alone, and name its durations.json"));
    }
    let id = run_id();
    // A directory of this submission: what an earlier one of the same name wrote is never gone on with.
    let (name, own) = match &arguments.name {
        Some(name) => (name.clone(), format!("{name}-{id}")),
        None => (format!("muster-{}", id.to_lowercase()), format!("muster-{id}")),
    };
    let results = Utf8PathBuf::from(RESULTS).join(own);
    let attempts = shard_dir(&results, INDEX);
    let run = in_pod(divided.words_of("auto", attempts.as_str()), &durations);
    let merge = in_pod(merge_words(divided.of, &results, divided.of_merge()), &None);
    let (with_kvm, emulated) = DEADLINES;
    Ok(Submission {
        name,
        namespace: arguments.namespace.clone(),
        shards: divided.of,
        parallel: arguments.parallel.unwrap_or(divided.of).min(divided.of),
        image: arguments.container.clone(),
        claim: arguments.claim.clone(),
        images: match (&arguments.images_claim, &arguments.images_path) {
            (Some(claim), _) => Some(Images::Claim(claim.clone())),
            (None, Some(path)) => Some(Images::Host(path.clone())),
            (None, None) => None,
        },
        run,
        merge,
        durations,
        kvm: arguments.kvm,
        kvm_group: arguments.kvm_group,
        processors: arguments.cpu.clone(),
        memory_mib: arguments.memory.into(),
        scratch_mib: arguments.scratch.into(),
        retries: arguments.retries,
        deadline: arguments.deadline.unwrap_or(if arguments.kvm { with_kvm } else { emulated }),
        keep: arguments.keep,
    })
}

/// Which pod of an indexed job this is, counted from 0.
const INDEX: &str = "$(JOB_COMPLETION_INDEX)";

/// The command line as a manifest has it: durations are where the pod has them, and a dollar sign is one, since Kubernetes puts
/// values of variables in place of `$(NAME)`.
fn in_pod(words: Vec<String>, durations: &Option<String>) -> Vec<String> {
    let place = |word: String| match durations {
        Some(_) if word.starts_with("--durations=") => format!("--durations={DURATIONS}"),
        _ => word,
    };
    let parts = |word: String| word.split(INDEX).map(|part| part.replace('$', "$$")).collect::<Vec<_>>();
    words
        .into_iter()
        .map(place)
        .map(|word| if word.starts_with("--attempts=") { parts(word).join(INDEX) } else { word.replace('$', "$$") })
        .collect()
}

/// The command line of the job that merges: every shard by its directory, so that one that is not there is said. `options` are
/// those that the run's own mean for it.
fn merge_words(of: u32, results: &Utf8Path, options: Vec<String>) -> Vec<String> {
    let shards = (0..of).map(|index| shard_dir(results, &index.to_string()).into_string());
    let whole = format!("--out={}", results.join("whole"));
    std::iter::once("merge".to_owned()).chain(shards).chain([whole]).chain(options).collect()
}

/// Gives the objects to kubectl, whose messages go where ours go.
fn apply(text: &str) -> Result<(), CliError> {
    let failed = |what: String| {
        CliError::infrastructure(format!("kubectl apply: {what}"))
            .hint("write the objects to a file with `-o run.yaml`, and apply it where kubectl reaches the cluster")
    };
    let mut child = Command::new("kubectl")
        .args(["apply", "--filename=-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| failed(one_line(&error.to_string(), 200)))?;
    let written = child.stdin.take().map(|mut stdin| stdin.write_all(text.as_bytes()));
    let status = child.wait().map_err(|error| failed(error.to_string()))?;
    match (status.success(), written) {
        (true, Some(Ok(()))) => Ok(()),
        (true, _) => Err(failed("it did not read all of the objects".to_owned())),
        (false, _) => Err(failed(format!("it ended with {status}"))),
    }
}

/// What to type next.
fn next(arguments: &Arguments, submission: &Submission) -> Vec<String> {
    let namespace = submission.namespace.iter().map(|name| format!(" --namespace={name}")).collect::<String>();
    let (name, merge) = (&submission.name, submission.merge_name());
    let deadline = submission.deadline.as_secs();
    let file = arguments.out.as_ref().map_or("-".to_owned(), |file| shell_word(file.as_str()));
    // Complete or Failed, whichever it is: `--for` takes one condition, a filter no "or", and of all types of a job's conditions only
    // these two come before FailureTarget by their letters. That one and SuccessCriteriaMet are True while pods still end.
    let ended = r#"--for=jsonpath='{.status.conditions[?(@.type<"FailureTarget")].status}'=True"#;
    let applied = format!("kubectl apply{namespace} --filename={file}");
    let steps = [
        format!("kubectl wait{namespace} {ended} --timeout={deadline}s job/{name}"),
        format!("kubectl patch{namespace} job/{merge} --patch '{{\"spec\":{{\"suspend\":false}}}}'"),
        format!("kubectl logs{namespace} --follow --pod-running-timeout=10m job/{merge}"),
    ];
    let first = (!arguments.apply).then_some(applied);
    std::iter::once("next:".to_owned()).chain(first.into_iter().chain(steps).map(|line| format!("  {line}"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_reaches_the_pod_as_it_was_typed() {
        let words = [
            "run",
            "--shard=auto/2",
            "--attempts=/results/a-$(X)/shard-$(JOB_COMPLETION_INDEX)",
            "--tag",
            "$(HOME) $$ $1",
        ];
        let there = in_pod(words.map(str::to_owned).to_vec(), &None);
        let wanted = [
            "run",
            "--shard=auto/2",
            "--attempts=/results/a-$$(X)/shard-$(JOB_COMPLETION_INDEX)",
            "--tag",
            "$$(HOME) $$$$ $$1",
        ];
        assert_eq!(there, wanted);
        let durations = in_pod(vec!["--durations=mine.json".to_owned()], &Some("{}".to_owned()));
        assert_eq!(durations, ["--durations=/plan/durations.json"]);
    }

    #[test]
    fn a_merge_names_the_directory_of_every_shard() {
        let words = merge_words(2, "/results/x".into(), vec!["--report=html".to_owned()]);
        let wanted = ["merge", "/results/x/shard-0", "/results/x/shard-1", "--out=/results/x/whole", "--report=html"];
        assert_eq!(words, wanted);
    }
}
