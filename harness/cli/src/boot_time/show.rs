//! `muster boot-time show`: what was measured, once more.

use camino::Utf8PathBuf;

use super::{files, typed};
use crate::error::CliError;
use crate::output::say;
use muster_base::exit::Exit;
use muster_boot_time::formats::Format;
use muster_boot_time::sample::Measured;
use muster_boot_time::text;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Directories that `muster boot-time` made, or their boot-time.json; several only for a format that holds several
    #[arg(value_name = "DIR|FILE", required = true)]
    measured: Vec<Utf8PathBuf>,
    /// The format [default: the screen that was printed]
    #[arg(long, value_name = "FORMAT", value_parser = typed::formats())]
    format: Option<String>,
    /// Directory that gets the files of the format [default: printed, where it is one file]
    #[arg(long, short = 'o', value_name = "DIR", requires = "format")]
    out: Option<Utf8PathBuf>,
}

pub(super) fn execute(arguments: &Arguments) -> Result<Exit, CliError> {
    let measured = arguments.measured.iter().map(|path| files::load(path)).collect::<Result<Vec<Measured>, _>>()?;
    let Some(format) = arguments.format.as_deref().and_then(Format::named) else {
        measured.iter().for_each(|measured| say(text::measured(measured).trim_end()));
        return Ok(Exit::Pass);
    };
    let made = format.render_series(&measured)?;
    match (&arguments.out, made.as_slice()) {
        (None, [file]) => say(file.text.trim_end()),
        (None, _) => {
            let names: Vec<&str> = made.iter().map(|file| file.name).collect();
            return Err(CliError::invalid(format!("{} makes several files: {}", format.name, names.join(", ")))
                .hint("name a directory for them: --out DIR"));
        }
        (Some(dir), _) => {
            fs_err::create_dir_all(dir).map_err(|error| CliError::infrastructure(error.to_string()))?;
            for file in &made {
                files::write(&dir.join(file.name), &file.text)?;
                say(dir.join(file.name).as_str());
            }
        }
    }
    Ok(Exit::Pass)
}
