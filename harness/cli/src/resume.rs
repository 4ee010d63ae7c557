//! `muster resume`: the machine of a failed test, as it was when the test failed.

use std::path::PathBuf;
use std::process::ExitCode;

use camino::{Utf8Path, Utf8PathBuf};

use super::earlier;
use super::error::CliError;
use super::event_loop::{interruption, runtime};
use super::machine_dir::MachineDir;
use super::output::say_error;
use super::project::{Project, short};
use super::ssh_client::SshClient;
use muster_base::exit::Exit;
use muster_base::text;
use muster_image::{Inspected, Limits};
use muster_qemu::resume;
use muster_qemu::saved::Capsule;
use muster_qemu::{Accel, AccelKind, AccelRequest, Spawner, accel, capsule as frozen};

/// Enter the machine of a failed test as it was when the test failed
#[derive(Debug, clap::Args)]
#[command(
    after_help = "A capsule is the saved machine of a failed test. It is only read: each resume begins at the same \
moment, and its changes are discarded.

Examples:
  muster resume reports/runs/R/capsules/kernel.features.lab-2                     a shell
  muster resume reports/runs/R/capsules/kernel.features.lab-2 --exec 'dmesg'      one command, and its status"
)]
pub(crate) struct Arguments {
    /// The directory that `muster run --capsule failed` printed
    #[arg(value_name = "CAPSULE")]
    capsule: Utf8PathBuf,
    /// Run this command as root instead of a shell, without input, and end with its status
    #[arg(long, value_name = "COMMAND")]
    exec: Option<String>,
    /// The image, when it is elsewhere than when the capsule was made
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// Try it with another version of QEMU, another accelerator or another firmware
    #[arg(long)]
    force: bool,
}

impl Arguments {
    /// The capsule's directory.
    #[cfg(test)]
    pub(crate) fn capsule(&self) -> &Utf8Path {
        &self.capsule
    }
}

pub(crate) fn execute(arguments: Arguments) -> Result<ExitCode, CliError> {
    let capsule = Capsule::open(&arguments.capsule).map_err(|error| no_capsule(&arguments.capsule, error.into()))?;
    let runtime = runtime()?;
    let status = runtime.block_on(async {
        tokio::select! {
            biased;
            () = interruption() => Err(CliError::reported(Exit::Error)),
            status = enter(&capsule, &arguments) => status,
        }
    });
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    status.map(ExitCode::from)
}

/// What to do about a directory that is no capsule. That of a run is meant for another command where the run did not end.
fn no_capsule(dir: &Utf8Path, error: CliError) -> CliError {
    let found = nearby(dir);
    let there = (!found.is_empty()).then(|| format!("capsules there: {}", found.join(", ")));
    let run = Project::find().and_then(|project| earlier::find(&project, "CAPSULE", dir.as_str()));
    match run.ok().filter(|run| run.is_dir()) {
        Some(run) => {
            let goes_on =
                format!("a run that was killed goes on with `muster run --resume {}`", text::shell_word(dir.as_str()));
            let hint = there.into_iter().chain([goes_on]).collect::<Vec<_>>().join("; ");
            CliError::invalid(format!("{} is a run and not a capsule, the saved machine of a failed test", short(&run)))
                .hint(hint)
        }
        None => match there {
            Some(there) => error.hint(there),
            None => error,
        },
    }
}

/// The capsules in a directory that is none: of a run, of its `capsules`, or next to one that is misspelt. At most ten.
fn nearby(dir: &Utf8Path) -> Vec<String> {
    let above = dir.parent().filter(|above| !above.as_str().is_empty()).unwrap_or(Utf8Path::new("."));
    let within = |dir: &Utf8Path| {
        let entries = dir.read_dir_utf8().into_iter().flatten().flatten();
        let mut found: Vec<String> = entries
            .filter(|entry| entry.path().join("capsule.json").is_file())
            .map(|entry| text::one_line(entry.path().as_str(), 300))
            .collect();
        found.sort();
        found.truncate(10);
        found
    };
    let places = [dir.join("capsules"), dir.to_owned(), above.to_owned()];
    places.iter().map(|machine_dir| within(machine_dir)).find(|found| !found.is_empty()).unwrap_or_default()
}

async fn enter(capsule: &Capsule, arguments: &Arguments) -> Result<u8, CliError> {
    let accel = suitable_accel(capsule, arguments.force)?;
    suitable_qemu(capsule, arguments.force).await?;
    let image = suitable_image(capsule, arguments.image.as_ref()).await?;
    // Held until the machine has ended, so that nobody prunes what it reads.
    let _in_use = muster_image::InUse::note(&image.path);
    let machine_dir = MachineDir::make(&capsule.record.machine.id, capsule.dir.as_str())?;
    let key = machine_dir.dir().join("id_ed25519");
    capsule.key().and_then(|bytes| write_key(&key, &bytes)).map_err(|cause| {
        CliError::infrastructure(format!("the capsule's key could not be copied to {key}: {cause}"))
    })?;
    report(capsule);
    let spawner = Spawner::new().map_err(|cause| CliError::infrastructure(format!("no thread for QEMU: {cause}")))?;
    let dir = machine_dir.dir().join("machine");
    let resumed =
        resume::resume(capsule, &image, &accel, &spawner, key.into_std_path_buf(), &dir, arguments.force).await?;
    let ssh_client = SshClient::make(&resumed.ssh_login, machine_dir.id(), machine_dir.dir())?;
    if arguments.exec.is_none() {
        say_error("a shell in it, at that moment; `exit` ends it and keeps nothing");
    }
    let status = ssh_client.enter(arguments.exec.as_deref(), resumed.ended()).await;
    resumed.end().await;
    status
}

/// What ran and where it stopped, for whoever enters.
fn report(capsule: &Capsule) {
    let stopped = &capsule.record.stopped;
    let said = format!("{}/{} ({}) on {}", stopped.suite, stopped.test, stopped.outcome, capsule.record.image.id);
    say_error(&format!("{}, {}", text::one_line(&said, 300), text::one_line(&capsule.record.made, 40)));
    for failure in stopped.failures.iter().take(5) {
        let at = failure.location.as_ref().map(|at| format!("{at}: ")).unwrap_or_default();
        say_error(&format!("  {}", text::one_line(&format!("{at}{}", failure.message), 300)));
    }
}

fn suitable_accel(capsule: &Capsule, force: bool) -> Result<Accel, CliError> {
    let machine_spec = &capsule.record.machine;
    let request = match machine_spec.accel() {
        Some(AccelKind::Kvm) => AccelRequest::Kvm,
        _ => AccelRequest::Tcg,
    };
    let refused = |reason: String| {
        CliError::invalid(format!("{} was made under {}: {reason}", capsule.dir, machine_spec.accelerator))
            .hint("resume it on a host like the one it was made on, or try --force")
    };
    match accel::choose(request) {
        Ok(accel) => Ok(accel),
        Err(error) if !force => Err(refused(error.to_string())),
        Err(_) => accel::choose(AccelRequest::Auto).map_err(|error| refused(error.to_string())),
    }
}

async fn suitable_qemu(capsule: &Capsule, force: bool) -> Result<(), CliError> {
    let record = &capsule.record;
    let here = frozen::qemu_here(record.machine.arch()?).await;
    if here.as_deref() == Some(record.qemu.as_str()) || (force && here.is_some()) {
        return Ok(());
    }
    let here = here.map_or("no QEMU for it".to_owned(), |version| format!("QEMU {version}"));
    let needed = text::one_line(&record.qemu, 40);
    Err(CliError::invalid(format!("{} was made by QEMU {needed}, and this host has {here}", capsule.dir))
        .hint("install that version, or try --force"))
}

async fn suitable_image(capsule: &Capsule, elsewhere: Option<&PathBuf>) -> Result<Inspected, CliError> {
    let needed = &capsule.record.image;
    let path = elsewhere.unwrap_or(&needed.path);
    let inspected = muster_image::inspect(path, capsule.format, &Limits::default()).await.map_err(|error| {
        CliError::invalid(format!("the capsule's image cannot be used: {error}"))
            .hint(format!("it needs the image {} with SHA-256 {}; name it with --image", needed.id, needed.sha256))
    })?;
    let sha256 = muster_image::sha256(&inspected.path).await.map_err(|error| CliError::invalid(error.to_string()))?;
    if sha256 != needed.sha256 {
        let what = format!(
            "{} is not the image that the capsule was made on: its SHA-256 is {sha256} instead of {}",
            inspected.path.display(),
            text::one_line(&needed.sha256, 80)
        );
        return Err(
            CliError::invalid(what).hint("name the right one with --image; over another one the disk makes no sense")
        );
    }
    Ok(inspected)
}

fn write_key(path: &Utf8Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?.write_all(bytes)
}
