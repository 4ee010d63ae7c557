//! `muster boot-time`: what the boots of an image take, and whether another image's take longer.

mod collect;
mod connected;
mod files;
mod history;
mod import;
mod series;
mod show;
mod typed;

use camino::{Utf8Path, Utf8PathBuf};

use self::files::Written;
use self::series::{Measuring, Side};
use super::boot;
use super::connect::ConnectOptions;
use super::error::CliError;
use super::event_loop::{interruption, runtime};
use super::opening::run_id;
use super::output::{say, say_error};
use super::project::Project;
use super::session::{self, ImageOptions};
use super::text_file;
use super::this_host::choose_accelerator;
use muster_base::exit::Exit;
use muster_boot_time::baseline::Baselines;
use muster_boot_time::by::By;
use muster_boot_time::sample::{Measured, Population};
use muster_boot_time::text;
use muster_boot_time::verdict::{self, BootVerdict, Decision};
use muster_stats::compare::Rule;

/// Measure what boots take, and compare it with a baseline
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Exit codes: 0 measured, and no regression · 1 a regression · 2 invalid usage · \
3 nothing could be measured or decided: too few boots, a host that changed its speed, a baseline of another machine

Examples:
  muster boot-time lab                                  what five first boots take
  muster boot-time next.qcow2 --baseline last.qcow2     both in turn, in one job: any drift of the host cancels out
  muster boot-time lab --write-baseline baselines/boot.json
  muster boot-time lab --baseline baselines/boot.json   gate on what was measured before on such a machine
  muster boot-time --connect root@192.0.2.7 --identity ~/.ssh/id_ed25519
                                                        the last boot of a machine that is up
  muster boot-time history reports/runs/boot-time-*     which build made it slower
  muster boot-time show DIR --format trace              other formats of what was measured")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// An image of the catalogue, or a disk file [default: lab]
    #[arg(value_name = "IMAGE", conflicts_with_all = ["image", "connect"])]
    name_of_image: Option<String>,
    /// Boots of each image that are measured
    #[arg(long, value_name = "N", conflicts_with = "connect", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    samples: u32,
    /// What it is compared with: another image, which is then booted in turn with this one, or a file that
    /// --write-baseline wrote
    #[arg(long, value_name = "IMAGE|FILE", conflicts_with = "connect")]
    baseline: Option<String>,
    /// Keep what was measured as a baseline: the file is made, or the entry of this image and machine in it replaced
    #[arg(long, value_name = "FILE", conflicts_with = "connect")]
    write_baseline: Option<Utf8PathBuf>,
    /// Name under which a baseline keeps an image whose file is called otherwise each time [default: the image's name]
    #[arg(long, value_name = "NAME", conflicts_with = "connect")]
    family: Option<String>,
    /// What is compared: instructions or wall, the time on the clock [default: instructions where they were counted]
    #[arg(long, value_name = "MEASURE", conflicts_with = "connect", value_parser = typed::by)]
    by: Option<By>,
    /// How unlikely a difference must be between equal images to count
    #[arg(long, value_name = "P", conflicts_with = "connect", default_value_t = 0.01)]
    alpha: f64,
    /// How large a difference must be to count
    #[arg(long, value_name = "PERCENT", conflicts_with = "connect", default_value = "1%", value_parser = typed::percent)]
    floor: f64,
    /// Measure boots of a system that was provisioned and booted before, instead of first boots
    #[arg(long, conflicts_with = "connect")]
    later: bool,
    /// Formats that are written in addition to boot-time.json and the pictures
    #[arg(long, value_name = "FORMAT", value_delimiter = ',', value_parser = typed::formats())]
    export: Vec<String>,
    /// Directory for what is written; must not exist [default: boot-time-… next to the runs]
    #[arg(long, short = 'o', value_name = "DIR")]
    out: Option<Utf8PathBuf>,
    #[command(flatten)]
    images: ImageOptions,
    #[command(flatten)]
    connect: ConnectOptions,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Compare many measurements in the order of their time, and name the first one after each change
    History(history::Arguments),
    /// Print what was measured again, or in another format
    Show(show::Arguments),
    /// Read boots of which only what systemd-analyze printed is left
    Import(import::Arguments),
}

pub(crate) fn execute(arguments: Arguments) -> Result<Exit, CliError> {
    match arguments.command {
        Some(Command::History(arguments)) => history::execute(&arguments),
        Some(Command::Show(arguments)) => show::execute(&arguments),
        Some(Command::Import(arguments)) => import::execute(&arguments),
        None => match arguments.connect.connect.clone() {
            Some(typed) => connected::execute(&typed, &arguments),
            None => measure(arguments),
        },
    }
}

/// What an image is compared with.
enum Against {
    Nothing,
    File(Utf8PathBuf, Baselines),
    Image(Box<boot::Wanted>),
}

fn measure(arguments: Arguments) -> Result<Exit, CliError> {
    let rule = Rule::new(arguments.alpha, arguments.floor).map_err(|error| CliError::invalid(error.to_string()))?;
    let wanted = boot::one_image(arguments.name_of_image.as_deref(), &arguments.images)?;
    let against = against(&arguments)?;
    let kept = arguments.write_baseline.as_deref().map(files::baselines_to_write).transpose()?;
    let dir = new_dir(arguments.out.as_deref(), &wanted.project)?;
    session::room(&dir)?;
    // Before anything is written: the same command line works once what this host refuses is put right.
    let accel = choose_accelerator(arguments.images.machine.accel)?;
    let runtime = runtime()?;
    let place = files::Place::made(dir)?;
    let dir = place.dir();
    let boots = if arguments.later { Population::Later } else { Population::First };
    let (file, image) = match against {
        Against::Nothing => (None, None),
        Against::File(path, baselines) => (Some((path, baselines)), None),
        Against::Image(wanted) => (None, Some(*wanted)),
    };
    let root = wanted.project.root().to_owned();
    let mut sides = vec![Side { name: "candidate", spec: wanted.spec, family: arguments.family.clone() }];
    // The baseline first, so that each pair of boots begins with it.
    sides.splice(0..0, image.map(|wanted| Side { name: "baseline", spec: wanted.spec, family: None }));
    let measuring = Measuring { root: &root, dir, accel, boots, samples: arguments.samples };
    let outcome = runtime.block_on(measuring.run(sides, interruption()));
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    let (mut measured, interrupted) = outcome?;
    let candidate = measured.pop().ok_or_else(|| CliError::infrastructure("nothing was measured"))?;
    let booted = measured.pop();
    // Whatever comes of it: what was measured is kept.
    let mut written = Written::new(dir);
    written.measured(&candidate, booted.as_ref(), &arguments.export)?;
    say(text::measured(&candidate).trim_end());
    if let Some(baseline) = &booted {
        say(&format!("\n{}", text::measured(baseline).trim_end()));
    }
    if interrupted {
        say_error(&format!("interrupted; what was measured until then is in {dir}"));
        return Ok(Exit::Error);
    }
    if candidate.conclusive().next().is_none() {
        let why = candidate.samples.iter().find_map(|sample| sample.inconclusive.clone()).unwrap_or_default();
        let what = format!("no boot of {} can be used: {why}", candidate.series.image);
        return Err(CliError::infrastructure(what).hint(format!("{dir} has the consoles of the machines")));
    }
    if let (Some(path), Some(mut baselines)) = (&arguments.write_baseline, kept) {
        baselines.put(candidate.clone());
        files::write(path, &baselines.render()?)?;
        say(&format!("baseline  {path}"));
    }
    let exit = match (&booted, &file) {
        (None, None) => Exit::Pass,
        (Some(baseline), _) => gate(baseline, &candidate, arguments.by, rule, &mut written)?,
        (None, Some((path, baselines))) => {
            let by = arguments.by.unwrap_or_else(|| verdict::best(&[&candidate]));
            let baseline = baselines
                .find(&candidate.series, by == By::Instructions)
                .map_err(|error| CliError::about(path.as_str(), error))?;
            gate(baseline, &candidate, Some(by), rule, &mut written)?
        }
    };
    say(&format!("files     {dir}"));
    Ok(exit)
}

/// The directory of this measurement, which is not there yet.
fn new_dir(out: Option<&Utf8Path>, project: &Project) -> Result<Utf8PathBuf, CliError> {
    match out {
        Some(out) if out.symlink_metadata().is_ok() => {
            Err(CliError::invalid(format!("--out {out}: it is there already"))
                .hint("name a directory that does not exist, or remove this one"))
        }
        Some(out) => Ok(out.to_owned()),
        None => Ok(project.runs().join(format!("boot-time-{}", run_id()))),
    }
}

/// What is compared with, read or looked up before anything boots.
fn against(arguments: &Arguments) -> Result<Against, CliError> {
    let Some(named) = &arguments.baseline else { return Ok(Against::Nothing) };
    if named.ends_with(".json") {
        let path = Utf8PathBuf::from(named);
        let text = text_file::read(&path)?;
        let baselines = Baselines::read(&text).map_err(|error| CliError::about(path.as_str(), error))?;
        return Ok(Against::File(path, baselines));
    }
    Ok(Against::Image(Box::new(boot::one_image(Some(named), &arguments.images)?)))
}

fn gate(
    baseline: &Measured,
    candidate: &Measured,
    by: Option<By>,
    rule: Rule,
    written: &mut Written<'_>,
) -> Result<Exit, CliError> {
    let by = by.unwrap_or_else(|| verdict::best(&[baseline, candidate]));
    let decision = verdict::decide(baseline, candidate, by, rule)?;
    say(text::decision(&decision, baseline, candidate).trim_end());
    written.decision(&decision, baseline, candidate)?;
    Ok(exit_of(&decision))
}

/// What could not be decided is an error, never a pass.
fn exit_of(decision: &Decision) -> Exit {
    match decision.verdict {
        BootVerdict::Regression => Exit::Failed,
        BootVerdict::Improvement | BootVerdict::NoChange => Exit::Pass,
        BootVerdict::Undecided | BootVerdict::NotEnoughSamples { .. } | BootVerdict::HostUnfit { .. } => Exit::Error,
    }
}
