//! `muster boot-time --connect`: the last boot of a machine that is up, by its own clock.

use std::time::Duration;

use super::files::{Place, Written};
use super::{Arguments, new_dir};
use crate::connect;
use crate::error::CliError;
use crate::event_loop::{interruption, runtime};
use crate::output::say;
use crate::project::Project;
use muster_base::exit::Exit;
use muster_boot_time::measure::{Evidence, measure_unseen};
use muster_boot_time::sample::{Measured, Population, SCHEMA, Series};
use muster_boot_time::text;
use muster_engine::boot_evidence;
use muster_engine::driver::{Live as _, Stop};
use muster_engine::sink::now;
use muster_remote::{ACCELERATOR, Remote};

/// What nobody can know of a boot that was over before muster came, one sentence each.
const NOT_MEASURED: [&str; 3] = [
    "instructions: the machine was up already",
    "firmware and loader, where they have not reported their times to systemd; the total then begins with the kernel",
    "when sshd answered, and whether it was a first boot: nobody saw it. One boot is compared with nothing",
];

pub(super) fn execute(typed: &str, arguments: &Arguments) -> Result<Exit, CliError> {
    let remote = connect::remote(typed, &arguments.connect)?;
    let shown = remote.shown.clone();
    let dir = new_dir(arguments.out.as_deref(), &Project::find()?)?;
    let runtime = runtime()?;
    let measured = runtime.block_on(async {
        tokio::select! {
            biased;
            () = interruption() => Err(CliError::reported(Exit::Error)),
            measured = measure(remote) => measured,
        }
    });
    runtime.shutdown_timeout(Duration::from_secs(5));
    let measured = measured?;
    let place = Place::made(dir)?;
    let dir = place.dir();
    Written::new(dir).measured(&measured, None, &arguments.export)?;
    say(text::measured(&measured).trim_end());
    if let Some(why) = measured.samples.iter().find_map(|sample| sample.inconclusive.as_deref()) {
        return Err(CliError::infrastructure(format!("the boot of {shown} says nothing: {why}")));
    }
    say(&format!("files     {dir}"));
    Ok(Exit::Pass)
}

async fn measure(remote: Remote) -> Result<Measured, CliError> {
    let (image, host) = (remote.name.clone(), remote.shown.clone());
    let live = connect::log_in(remote).await?;
    let said = boot_evidence::said(&live).await;
    let machine = live.facts().arch.clone();
    live.stop(Stop::Discard).await;
    let evidence = Evidence { number: 1, ..said.map_err(CliError::of_machine)? };
    let unknown = ACCELERATOR.to_owned();
    Ok(Measured {
        schema: SCHEMA.to_owned(),
        muster: env!("MUSTER_VERSION").to_owned(),
        at: now(),
        series: Series { image, accelerator: unknown.clone(), machine, qemu: unknown, host, boots: Population::Unseen },
        image_sha256: String::new(),
        samples: vec![measure_unseen(&evidence)],
        not_measured: NOT_MEASURED.map(str::to_owned).to_vec(),
    })
}
