//! Writes a file of every format into a directory, of boots that are made up: `cargo run --example formats --features testing -- DIR`.
//!
//! `ci/boot-formats` gives the files to the programs that they are for. The series has 40 builds with five boots each, and from the
//! 25th on userspace takes 8 % longer; of the last build there are also 20 boots, with names that a hostile guest would give.

use std::path::Path;
use std::process::ExitCode;

use muster_base::fault::Fault as _;
use muster_boot_time::formats::FORMATS;
use muster_boot_time::sample::Measured;
use muster_boot_time::testing;

const BUILDS: u32 = 40;
const STEP: u32 = 24;

fn main() -> ExitCode {
    let Some(directory) = std::env::args_os().nth(1) else {
        eprintln_line("usage: formats DIR");
        return ExitCode::from(2);
    };
    let series = testing::series(2026, BUILDS, 5, STEP, 1.08);
    let made = write(Path::new(&directory), &series).and_then(|()| {
        let hostile = testing::hostile_names();
        let one = testing::measured(7, 20);
        hostile.iter().enumerate().try_for_each(|(number, name)| {
            let series = [testing::with_name(&one, name)];
            write(&Path::new(&directory).join("hostile").join(number.to_string()), &series)
        })
    });
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln_line(&why);
            ExitCode::FAILURE
        }
    }
}

/// All formats; those of one measurement get the last.
fn write(directory: &Path, series: &[Measured]) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", directory.display());
    std::fs::create_dir_all(directory).map_err(failed)?;
    for format in &FORMATS {
        let all = if format.takes_series() { series } else { &series[series.len() - 1..] };
        let files = format
            .render_series(all)
            .map_err(|error| format!("{}: {error}\n  next: {}", format.name, error.hint().unwrap_or_default()))?;
        for file in files {
            std::fs::write(directory.join(file.name), file.text).map_err(failed)?;
        }
    }
    Ok(())
}

#[allow(clippy::print_stderr)]
fn eprintln_line(text: &str) {
    eprintln!("{text}");
}
