//! `muster boot`: a throw-away machine for a person, or one that stays until it is ended.
//!
//! A machine that stays is owned by a muster process of its own, which this command starts in the
//! background; `docs/decisions/0011-kept-machines.md` says why.

use std::io::{BufRead, BufReader, Read, Seek, Write};
use std::process::{Command, ExitCode, Stdio};
use std::time::Duration;

use camino::Utf8PathBuf;

use super::catalogue::Catalogue;
use super::error::CliError;
use super::event_loop::{interruption, runtime};
use super::machine_dir::{self, MachineDir};
use super::output::{say, say_error, say_note};
use super::project::Project;
use super::session::{self, ImageOptions};
use super::ssh_client::SshClient;
use super::this_host::{choose_accelerator, host, say_boots};
use muster_base::exit::Exit;
use muster_base::text;
use muster_engine::driver::{Driver, Live, Stop};
use muster_engine::engine::Images;
use muster_engine::sink::Events;
use muster_image::ImageSpec;
use muster_qemu::Accel;
use muster_qemu::driver::HostImages;

/// How long the owner of a machine started with `--keep` may take to end before it is killed. It takes a second.
const END: Duration = Duration::from_secs(20);
/// Bytes shown of what an owner said that could not start its machine.
const WORDS: u64 = 64 << 10;

/// Enter a temporary machine, or start one that stays
#[derive(Debug, clap::Args)]
#[command(after_help = "Nothing of the machine is kept when it ends, and the image is never written to.

Examples:
  muster boot lab                                  a shell in a new machine
  muster boot my.qcow2 --exec 'uname -a'           one command, and its status
  muster boot lab --keep                           a machine that stays; prints how to log in
  muster boot --list                               the machines that are up
  muster boot --end lab-x7k2pq                     end one")]
pub(crate) struct Arguments {
    /// An image of the catalogue, or a disk file [default: lab]
    #[arg(value_name = "IMAGE", conflicts_with = "image")]
    name: Option<String>,
    #[command(flatten)]
    images: ImageOptions,
    /// Run this command as root instead of a shell, without input, and end with its status
    #[arg(long, value_name = "COMMAND")]
    exec: Option<String>,
    /// Leave the machine running, and say how to log in and how to end it
    #[arg(long)]
    keep: bool,
    /// List the machines that are up
    #[arg(long, exclusive = true)]
    list: bool,
    /// End a machine that was started with --keep
    #[arg(long, value_name = "ID", exclusive = true)]
    end: Option<String>,
    /// Own a machine: what `--keep` starts in the background
    #[arg(long, hide = true)]
    serve: bool,
}

impl Arguments {
    /// Which image, and how it is booted.
    #[cfg(test)]
    pub(crate) fn images(&self) -> &ImageOptions {
        &self.images
    }

    /// Whether this is the process that owns a kept machine.
    pub(crate) fn is_owner(&self) -> bool {
        self.serve
    }
}

pub(crate) fn execute(arguments: Arguments) -> Result<ExitCode, CliError> {
    if arguments.list {
        return list().map(ExitCode::from);
    }
    if let Some(id) = &arguments.end {
        let found = machine_dir::find(id)?;
        machine_dir::end(&found, END)?;
        say(&format!("{} has ended", found.state.id));
        return Ok(Exit::Pass.into());
    }
    if arguments.serve {
        return serve(&arguments).map(ExitCode::from);
    }
    if arguments.keep {
        return keep(&arguments);
    }
    let wanted = wanted(&arguments)?;
    let runtime = runtime()?;
    let status = runtime.block_on(async {
        tokio::select! {
            biased;
            () = interruption() => Err(CliError::reported(Exit::Error)),
            status = throw_away(wanted, arguments.exec.as_deref()) => status,
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(5));
    status.map(ExitCode::from)
}

fn list() -> Result<Exit, CliError> {
    let found = machine_dir::list()?;
    let rows: Vec<Vec<String>> = found
        .iter()
        .map(|machine_dir::Found { dir, state }| {
            let enter = match &state.user {
                Some(user) => SshClient::open(&state.id, user, dir).command(),
                None => "not up yet".to_owned(),
            };
            vec![state.id.clone(), text::one_line(&state.of, 60), state.since.clone(), enter]
        })
        .collect();
    say(muster_report::list::columns(&["ID", "OF", "SINCE", "ENTER"], &rows).trim_end());
    Ok(Exit::Pass)
}

/// What is to be booted, on what.
pub(super) struct Wanted {
    pub(super) project: Project,
    pub(super) spec: ImageSpec,
    pub(super) accel: Accel,
}

fn wanted(arguments: &Arguments) -> Result<Wanted, CliError> {
    one_image(arguments.name.as_deref(), &arguments.images)
}

impl Wanted {
    /// The image's id.
    pub(super) fn image(&self) -> &str {
        &self.spec.id
    }
}

/// The one image that was typed, by itself or as an option.
pub(super) fn one_image(name: Option<&str>, options: &ImageOptions) -> Result<Wanted, CliError> {
    let project = Project::find()?;
    let mut options = options.clone();
    if let Some(name) = name {
        options.image = vec![name.to_owned()];
    }
    let mut notices = Vec::new();
    let mut specs = session::image_specs(&project, &Catalogue::load(&project)?, &options, &mut notices)?;
    for notice in notices {
        say_note(&notice, 400);
    }
    let (Some(spec), true) = (specs.pop(), specs.is_empty()) else {
        return Err(CliError::invalid("one image at a time can be booted"));
    };
    let accel = choose_accelerator(options.machine.accel)?;
    Ok(Wanted { project, spec, accel })
}

/// Boots the machine and gives it to `then`, with the way in and the place that it lies in.
pub(super) async fn with_machine<T>(
    wanted: Wanted,
    then: impl AsyncFnOnce(&muster_qemu::driver::HostMachine, SshClient, &mut MachineDir) -> Result<T, CliError>,
) -> Result<T, CliError> {
    let Wanted { project, spec, accel } = wanted;
    let (id, user, kind) = (spec.id.clone(), spec.user.clone(), accel.kind);
    let mut machine_dir = MachineDir::make(&id, &id)?;
    let (events, _nobody) = Events::channel();
    let host = host(project.root(), machine_dir.dir(), accel, &events).await?;
    let images = HostImages::new(&host, [spec]);
    let driver = images.prepare(&id).await.map_err(CliError::of_machine)?;
    say_boots(machine_dir.id(), &id, kind, driver.boot_deadline());
    let name = machine_dir.id().to_owned();
    let live = driver.boot(&name, false).await.map_err(|failed| CliError::of_machine(failed.failure))?;
    let seconds = live.record().boot_seconds.unwrap_or_default();
    say_error(&format!("{name} is up after {seconds:.1} s"));
    let ssh_client = SshClient::make(&live.ssh_login(), &name, machine_dir.dir())?;
    machine_dir.ready(&user, host.machines.join(&name).join("console.log"))?;
    let result = then(&live, ssh_client, &mut machine_dir).await;
    live.stop(Stop::Discard).await;
    result
}

async fn throw_away(wanted: Wanted, command: Option<&str>) -> Result<u8, CliError> {
    with_machine(wanted, async |live, ssh_client, _| {
        if command.is_none() {
            say_error("a shell in it; `exit` ends the machine and keeps nothing");
        }
        ssh_client.enter(command, live.ended()).await
    })
    .await
}

/// What the owner of a kept machine says when the machine is up.
#[derive(serde::Serialize, serde::Deserialize)]
struct Up {
    id: String,
}

/// Starts the owner, waits until its machine is up, and leaves both.
fn keep(arguments: &Arguments) -> Result<ExitCode, CliError> {
    let failed = |what: &str| {
        let what = what.to_owned();
        move |cause| CliError::infrastructure(format!("{what}: {cause}"))
    };
    // The owner must not hold this command's stderr: whoever reads that waits for its end.
    let mut words = tempfile::tempfile().map_err(failed("no file for what the machine's owner says"))?;
    let program = std::env::current_exe().map_err(failed("muster does not find itself"))?;
    let mut owner = Command::new(program)
        .args(std::env::args_os().skip(1))
        .arg("--serve")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(words.try_clone().map_err(failed("no file for what the machine's owner says"))?)
        .spawn()
        .map_err(failed("the machine's owner could not be started"))?;
    say_error("a machine boots in the background");
    let mut line = String::new();
    if let Some(stdout) = owner.stdout.take() {
        // Nothing, when it ended without a machine.
        let _ = BufReader::new(stdout.take(WORDS)).read_line(&mut line);
    }
    let Ok(Up { id }) = serde_json::from_str(&line) else {
        let status = owner.wait().map_err(failed("the machine's owner cannot be waited for"))?;
        let mut said = String::new();
        let _ = words.rewind().and_then(|()| words.take(WORDS).read_to_string(&mut said));
        say_error(text::escape(&said).trim_end());
        return Ok(ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(Exit::Error as u8)));
    };
    let found = machine_dir::find(&id)?;
    let ssh_client = SshClient::open(&id, found.state.user.as_deref().unwrap_or("root"), &found.dir);
    let console = found.state.console.unwrap_or_else(|| Utf8PathBuf::from("-"));
    // What it prints belongs to the command, when there is one; these lines then go to stderr.
    let report = if arguments.exec.is_some() { say_error } else { say };
    report(&format!("machine  {id}"));
    report(&format!("enter    {}", ssh_client.command()));
    report(&format!("console  {console}"));
    report(&format!("end      muster boot --end {id}"));
    match &arguments.exec {
        Some(command) => runtime()?.block_on(ssh_client.run(command)).map(ExitCode::from),
        None => Ok(Exit::Pass.into()),
    }
}

/// Owns a kept machine until it ends or somebody ends it.
fn serve(arguments: &Arguments) -> Result<Exit, CliError> {
    use rustix::process::{Signal, set_parent_process_death_signal, setsid};
    let failed = |cause| CliError::infrastructure(format!("the machine's owner cannot leave its terminal: {cause}"));
    // Away from the terminal that it was started from. Until the machine is up it still ends with the
    // command that waits for it.
    setsid().map_err(failed)?;
    set_parent_process_death_signal(Some(Signal::TERM)).map_err(failed)?;
    let wanted = wanted(arguments)?;
    let runtime = runtime()?;
    let ended = runtime.block_on(async {
        let work = with_machine(wanted, async |live, _, machine_dir| {
            let up = serde_json::to_string(&Up { id: machine_dir.id().to_owned() })
                .map_err(|error| CliError::infrastructure(error.to_string()))?;
            // Before the command hears of it, since it may end at once; one that has ended already is
            // noticed by what cannot be written to it.
            set_parent_process_death_signal(None).map_err(failed)?;
            let mut stdout = std::io::stdout();
            writeln!(stdout, "{up}")
                .and_then(|()| stdout.flush())
                .map_err(|_| CliError::infrastructure("nobody waits for the machine any more"))?;
            live.ended().await;
            Ok(Exit::Pass)
        });
        tokio::select! {
            biased;
            () = interruption() => Ok(Exit::Pass),
            ended = work => ended,
        }
    });
    // The machine's guards, and its place's, have done their work when the future was dropped.
    runtime.shutdown_timeout(Duration::from_secs(5));
    ended
}
