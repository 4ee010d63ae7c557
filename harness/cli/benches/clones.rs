//! A clone of the lab image against its cold boot, by time and by memory. Ends with 1 when a budget is
//! missed, with 2 when it cannot measure. Needs the built lab image (`images/lab/build --variant lab`).

#![allow(clippy::print_stdout, clippy::print_stderr, missing_docs)]

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use muster_base::machine::Format;
use muster_console::rules::Rules;
use muster_engine::driver::{Driver, Frozen, Live, Stop};
use muster_engine::engine::Images;
use muster_engine::sink::Events;
use muster_guest::Request;
use muster_image::{DiskSource, ImageSpec};
use muster_qemu::driver::{Host, HostDriver, HostImages, HostMachine};
use muster_qemu::{AccelRequest, RunKey, Spawner, accel};

/// QEMU's start to the first finished command, of a clone, as a part of the cold boot's.
const WARM: f64 = 1.0 / 40.0;
/// The same through an SSH login.
const LOGIN: f64 = 1.0 / 12.0;
/// Proportional set size of the third and later idle clones, as a part of the guest's RAM.
const MEMORY: f64 = 0.20;
const ROUNDS: usize = 7;
const RAM_MIB: u32 = 1024;

fn main() -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return not_measured(&error.to_string()),
    };
    match runtime.block_on(measure()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => not_measured(&why),
    }
}

fn not_measured(why: &str) -> ExitCode {
    eprintln!("not measured: {why}");
    ExitCode::from(2)
}

async fn measure() -> Result<bool, String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let root = Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let (events, _stream) = Events::channel();
    let host = Host {
        versions: std::sync::Arc::default(),
        spawner: Spawner::new().map_err(|error| error.to_string())?,
        accel: accel::choose(AccelRequest::Auto).map_err(|error| error.to_string())?,
        rules: Rules::shipped(),
        key: RunKey::generate(dir.path()).await.map_err(|error| error.to_string())?,
        root,
        machines: Utf8PathBuf::from_path_buf(dir.path().join("machines")).map_err(|_| "not UTF-8".to_owned())?,
        events,
        measured: Default::default(),
        templates: None,
        capsules: None,
    };
    let mut spec = ImageSpec::new("lab", DiskSource::LabBuild { variant: "lab".to_owned() }, Format::Qcow2);
    spec.memory_mib = RAM_MIB;
    let images = HostImages::new(&host, [spec]);
    let driver = images.prepare("lab").await.map_err(|failure| failure.message)?;

    let begun = Instant::now();
    let live = driver.boot("bench-boot", true).await.map_err(|failed| failed.failure.message)?;
    let answered = live.record().boot_seconds.unwrap_or(f64::NAN);
    let settled = begun.elapsed().as_secs_f64();
    println!(
        "accelerator {}: cold boot to the first answer {answered:.1} s, settled {settled:.1} s",
        host.accel.kind.name()
    );
    let begun = Instant::now();
    let Frozen::Template { template, .. } = driver.freeze(live).await else {
        return Err("the machine could not be frozen".to_owned());
    };
    println!(
        "frozen in {:.2} s; the template holds {} MiB",
        begun.elapsed().as_secs_f64(),
        driver.template_mib(&template)
    );

    let (mut warm, mut login) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let begun = Instant::now();
        let mut clone = start_clone(&driver, &template, &format!("bench-{round}")).await?;
        command(&clone).await?;
        warm.push(begun.elapsed().as_secs_f64());
        if clone.record().channel.as_deref() != Some("warm-shell") {
            return Err("the clone was not reached by its warm shell".to_owned());
        }
        clone.log_in().await.map_err(|failure| failure.message)?;
        command(&clone).await?;
        login.push(begun.elapsed().as_secs_f64());
        clone.stop(Stop::Discard).await;
    }
    let (warm, login) = (median(&mut warm), median(&mut login));
    let mut good = true;
    good &= verdict("clone, warm shell", warm, answered, WARM);
    good &= verdict("clone, warm shell and then an SSH login", login, answered, LOGIN);

    let mut idle = Vec::new();
    for number in 1..=4 {
        let id = format!("bench-idle-{number}");
        let clone = start_clone(&driver, &template, &id).await?;
        command(&clone).await?;
        idle.push((id, clone));
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    for (number, (id, _)) in idle.iter().enumerate() {
        let pss = pss_mib(id).ok_or("the kernel does not tell how much memory a clone takes")?;
        let part = pss / f64::from(RAM_MIB);
        let counts = number >= 2;
        println!(
            "clone {} idle: PSS {pss:.0} MiB, {:.1} % of its RAM{}",
            number + 1,
            part * 100.0,
            if counts { " (budget 20 %)" } else { "" }
        );
        good &= !counts || part <= MEMORY;
    }
    for (_, clone) in idle {
        clone.stop(Stop::Discard).await;
    }
    Ok(good)
}

async fn start_clone(
    driver: &HostDriver<'_>,
    template: &<HostDriver<'_> as Driver>::Template,
    id: &str,
) -> Result<HostMachine, String> {
    driver.start_clone(template, id).await.map_err(|failed| failed.failure.message)
}

async fn command(live: &HostMachine) -> Result<(), String> {
    let request = Request { script: "true".to_owned(), timeout: Duration::from_secs(60), limit: 64 };
    live.batch(vec![request]).await.map(|_| ()).map_err(|failure| failure.message)
}

fn verdict(what: &str, seconds: f64, boot: f64, budget: f64) -> bool {
    println!("{what}: {seconds:.2} s, 1/{:.0} of the cold boot (budget 1/{:.0})", boot / seconds, 1.0 / budget);
    seconds <= boot * budget
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// PSS of the QEMU with this name.
fn pss_mib(name: &str) -> Option<f64> {
    let wanted = format!("-name\0{name}\0");
    let pid = std::fs::read_dir("/proc").ok()?.flatten().find(|entry| {
        std::fs::read(Path::new(&entry.path()).join("cmdline"))
            .is_ok_and(|line| String::from_utf8_lossy(&line).contains(&wanted))
    })?;
    let rollup = std::fs::read_to_string(pid.path().join("smaps_rollup")).ok()?;
    let kib: f64 =
        rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib / 1024.0)
}
