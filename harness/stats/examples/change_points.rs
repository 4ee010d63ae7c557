//! Prints the change points of a series: one index a line, from 0, then how it was found.
//!
//! Reads CSV from standard input: the column `value`, or the only column. `--floor`, `--newest` and `--window` take a number.
//! `ci/otava` compares it with Apache Otava.

use std::io::Read;
use std::process::ExitCode;

use muster_stats::change_points::{Options, Series, detect};

fn main() -> ExitCode {
    let mut text = String::new();
    let read = std::io::stdin().read_to_string(&mut text).map_err(|error| error.to_string());
    match read.and_then(|_| run(&text, std::env::args().skip(1))) {
        Ok(found) => {
            #[expect(clippy::print_stdout, reason = "what an example is for")]
            {
                print!("{found}");
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "what an example is for")]
            {
                eprintln!("error: {error}");
            }
            ExitCode::from(2)
        }
    }
}

fn run(text: &str, mut arguments: impl Iterator<Item = String>) -> Result<String, String> {
    let mut options = Options::default();
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or(format!("{name} has no value"))?;
        let number: f64 = value.parse().map_err(|_| format!("{name} takes a number, not {value:?}"))?;
        options = match name.as_str() {
            "--floor" => options.with_floor(number),
            "--newest" => options.with_newest(number),
            "--window" => options.with_window(number as usize),
            _ => return Err(format!("unknown argument {name:?}; there are --floor, --newest and --window")),
        }
        .map_err(|error| error.to_string())?;
    }
    let series = Series::new(column(text)?).map_err(|error| error.to_string())?;
    Ok(detect(&series, &options).iter().map(|point| format!("{} {:?}\n", point.index, point.found_by)).collect())
}

fn column(text: &str) -> Result<Vec<f64>, String> {
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).peekable();
    let mut at = 0;
    if let Some((_, header)) =
        lines.next_if(|(_, line)| line.split(',').any(|cell| cell.trim().parse::<f64>().is_err()))
    {
        let names: Vec<&str> = header.split(',').map(str::trim).collect();
        let only = (names.len() == 1).then_some(0);
        at = names.iter().position(|name| *name == "value").or(only).ok_or("no column is called `value`")?;
    }
    let number = |(line, text): (usize, &str)| {
        let cell = text.split(',').nth(at).unwrap_or_default().trim();
        cell.parse().map_err(|_| format!("line {}: {cell:?} is not a number", line + 1))
    };
    lines.map(number).collect()
}
