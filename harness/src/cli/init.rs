//! `muster init`: a project of one's own to begin with.

use camino::{Utf8Path, Utf8PathBuf};

use super::{Complaint, project, say};
use crate::exit::Exit;
use crate::files;

/// Write a first suite, an image description and settings to edit
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: muster init my-distribution && cd my-distribution && muster run mine --image lab")]
pub struct Arguments {
    /// The directory, which is made when it is not there
    #[arg(default_value = ".", value_name = "DIR")]
    directory: Utf8PathBuf,
}

/// Where each file goes below the directory, and what is in it.
const FILES: [(&str, &str); 4] = [
    ("suites/mine.yaml", include_str!("init/suite.yaml")),
    ("images/mine.yaml", include_str!("init/images.yaml")),
    ("muster.toml", include_str!("init/muster.toml")),
    (".gitignore", "/muster-runs/\n"),
];

pub fn execute(arguments: Arguments) -> Result<Exit, Complaint> {
    let at = &arguments.directory;
    let there: Vec<&str> =
        FILES.iter().map(|(name, _)| *name).filter(|name| at.join(name).symlink_metadata().is_ok()).collect();
    if !there.is_empty() {
        let what = format!("{} is there already in {at}, and nothing is overwritten", there.join(", "));
        return Err(Complaint::invalid(what).hint("name another directory: muster init DIR"));
    }
    for (name, text) in FILES {
        let path = if at == "." { name.into() } else { at.join(name) };
        write(&path, text)?;
        say(&format!("wrote {}", project::short(&path)));
    }
    let there = if at == "." { String::new() } else { format!("cd {at} && ") };
    say("\nnext:");
    say(&format!("  {there}muster check suites           every mistake of every file, without a machine"));
    say("  muster list mine              the tests");
    say("  muster run mine --image FILE  on a disk of yours; `muster images list` names others");
    Ok(Exit::Pass)
}

fn write(path: &Utf8Path, text: &str) -> Result<(), Complaint> {
    let made = path.parent().map_or(Ok(()), files::ensure);
    let written = made.and_then(|()| files::write_atomically(path, text.as_bytes()));
    written.map_err(|error| Complaint::infrastructure(error.to_string()))
}
