//! `muster images pull` and `verify`: vendor images come into the cache, and are looked at again.

use std::path::PathBuf;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::catalogue::Catalogue;
use crate::error::CliError;
use crate::event_loop::runtime;
use crate::output::say;
use crate::project::Project;
use muster_base::download::SignatureKind;
use muster_base::exit::Exit;
use muster_base::failure;
use muster_base::fault::Fault as _;
use muster_image::pull::{self, Progress, PullError, PullOptions, Pulled, Trust};
use muster_image::{DiskSource, Download};

/// What is asked of a download.
#[derive(Debug, clap::Args)]
struct DownloadOptions {
    /// Images of the catalogue
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<String>,
    /// The vendor's public keys, binary or armoured, in place of those that the catalogue names
    #[arg(long, value_name = "FILE")]
    keyring: Option<PathBuf>,
    /// Refuse images for which no signature can be verified
    #[arg(long)]
    require_signature: bool,
}

/// Fetch vendor images into the cache, and verify them before anything uses them
///
/// A download that broke off goes on where it was. What is there already is fetched again only when its
/// vendor publishes another file now.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  muster images pull fedora-43
  muster images pull fedora-43 --keyring fedora.gpg --require-signature")]
pub(crate) struct Pull {
    #[command(flatten)]
    asked: DownloadOptions,
}

/// Verify pulled images again: their bytes, and their signatures where a key is named
///
/// Asks nobody: what the vendor said is kept with the image.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example: muster images verify fedora-43 --keyring fedora.gpg")]
pub(crate) struct Verify {
    #[command(flatten)]
    asked: DownloadOptions,
}

pub(crate) fn pull(arguments: &Pull) -> Result<Exit, CliError> {
    each(&arguments.asked, |cache, id, download, mut options| {
        let bar = bar(id);
        options.progress = Some(Arc::new({
            let bar = bar.clone();
            move |progress: Progress| show(&bar, progress)
        }));
        let pulled = runtime()?.block_on(pull::pull(cache, id, download, &options));
        bar.finish_and_clear();
        Ok(pulled)
    })
}

pub(crate) fn verify(arguments: &Verify) -> Result<Exit, CliError> {
    each(&arguments.asked, |cache, id, download, options| {
        Ok(runtime()?.block_on(pull::verify(cache, id, download, &options)))
    })
}

/// Does the work for one image after the other; one that fails keeps none of the others.
fn each(
    asked: &DownloadOptions,
    mut work: impl FnMut(
        Option<&std::path::Path>,
        &str,
        &Download,
        PullOptions,
    ) -> Result<Result<Pulled, PullError>, CliError>,
) -> Result<Exit, CliError> {
    let project = Project::find()?;
    let catalogue = Catalogue::load(&project)?;
    let mut downloads = Vec::new();
    for name in &asked.images {
        let spec = catalogue.get(name).ok_or_else(|| catalogue.unknown(name))?;
        match &spec.disk {
            DiskSource::Download(download) => downloads.push((name, download)),
            DiskSource::LabBuild { variant } => {
                return Err(CliError::invalid(format!("{name} is a lab image: it is not published"))
                    .hint(format!("build it: muster images build {variant}")));
            }
            DiskSource::Bring { .. } => {
                return Err(CliError::invalid(format!("{name} cannot be pulled: its vendor publishes no such file"))
                    .hint(format!("`muster images show {name}` says how it is made and where to put it")));
            }
            DiskSource::Path(path) => {
                let what = format!("{name} is a file of this host, {}: there is nothing to pull", path.display());
                return Err(CliError::invalid(what));
            }
        }
    }
    // Before anything is fetched for it.
    if let Some(keyring) = asked.keyring.as_ref().filter(|keyring| !keyring.is_file()) {
        return Err(CliError::invalid(format!("--keyring {}: there is no such file", keyring.display())));
    }
    let cache = muster_image::cache_dir();
    let mut exit = Exit::Pass;
    for (name, download) in downloads {
        let options =
            PullOptions { keyring: asked.keyring.clone(), require_signature: asked.require_signature, progress: None };
        match work(cache.as_deref(), name, download, options)? {
            Ok(pulled) => report(name, download, &pulled),
            Err(error) => {
                let id = error.failure_id().unwrap_or(failure::INTERNAL);
                let said = error.to_string();
                let about = if said.contains(name.as_str()) { String::new() } else { format!("{name}: ") };
                CliError::invalid(format!("{about}{said}")).hint(format!("`muster failures {id}` explains it")).show();
                exit = if exit == Exit::Error { exit } else { error.exit() };
            }
        }
    }
    Ok(exit)
}

fn report(name: &str, download: &Download, pulled: &Pulled) {
    let rows = [
        ("image", name.to_owned()),
        ("path", pulled.path.display().to_string()),
        ("size", format!("{} MiB", pulled.length.div_ceil(1 << 20))),
        ("sha256", pulled.sha256.clone()),
        ("trust", trust(download, &pulled.trust)),
        ("state", if pulled.was_there { "was there" } else { "fetched" }.to_owned()),
    ];
    let rows: Vec<_> = rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    say(muster_report::list::columns(&[], &rows).trim_end());
}

/// What the image is trusted by, and what would make that more.
fn trust(download: &Download, trust: &Trust) -> String {
    match (trust, &download.signature) {
        (Trust::Signed(_), Some(signature)) => {
            let over = if signature.kind == SignatureKind::Image { "the image" } else { "its checksum file" };
            format!("{trust}, over {over}")
        }
        (_, Some(signature)) if !signature.key_from.is_empty() => {
            format!("{trust}; its vendor's key is at {}: name it with --keyring", signature.key_from)
        }
        (_, None) => format!("{trust}; no signature is described"),
        _ => trust.to_string(),
    }
}

/// A bar on a terminal, nothing elsewhere.
fn bar(name: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr()).with_prefix(name.to_owned());
    let template = "{prefix} {bytes} of {total_bytes} ({bytes_per_sec}, {eta} left)";
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn show(bar: &ProgressBar, progress: Progress) {
    if let Some(total) = progress.total {
        bar.set_length(total);
    }
    bar.set_position(progress.done);
}
