//! `muster images prune`: what the cache can do without.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::json;

use crate::error::CliError;
use crate::event_loop::runtime;
use crate::output::{OutputFormat, say};
use crate::project::Project;
use muster_base::exit::Exit;
use muster_image::prune as cache;
use muster_image::prune::{Cached, Item, superfluous};
use muster_qemu::TemplateStore;
use muster_qemu::template_store::{self, DEFAULT_LIMIT};

/// Remove what the cache can do without, never what is in use
///
/// That is: lab images of recipes that are not the present ones, what interrupted builds and runs left,
/// what was not used for a month, and saved machines (templates) beyond 8 GiB. Everything comes back when it is needed
/// again, for the time that it takes.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  muster images prune --dry-run                    what would be removed
  muster images prune --templates --max-size 2GiB  keep the most recently used templates")]
pub(crate) struct Arguments {
    /// Only templates, the booted machines that `muster run --warm` has saved
    #[arg(long)]
    templates: bool,
    /// Only images: lab images, those that were pulled, and disks that were unpacked or made from others
    #[arg(long)]
    images: bool,
    /// Whatever its age and size; lab images of the current recipes stay
    #[arg(long)]
    all: bool,
    /// Only print what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Remove what was not used for so long
    #[arg(long, value_name = "DURATION", default_value = "30d", value_parser = muster_suite::value::duration_in("d"))]
    older_than: Duration,
    /// Most that templates may take, and the same for images that were pulled or made from others; the least recently
    /// used are removed first [default: 8GiB for templates]
    #[arg(long, value_name = "SIZE", value_parser = muster_suite::value::size)]
    max_size: Option<u64>,
    /// How it is printed
    #[arg(long, value_enum, default_value_t)]
    format: OutputFormat,
}

/// Something that goes, or would if nobody used it.
struct Candidate {
    kind: &'static str,
    why: &'static str,
    path: PathBuf,
    item: Item,
    in_use: bool,
    thing: Thing,
}

enum Thing {
    Image(Cached),
    Template(template_store::Entry),
}

pub(crate) fn execute(arguments: &Arguments) -> Result<Exit, CliError> {
    let Some(cache) = muster_image::cache_dir() else {
        return Err(CliError::invalid("none of MUSTER_CACHE, XDG_CACHE_HOME and HOME is set, so there is no cache"));
    };
    // The cache itself may be a link to another disk; nothing below it may.
    let mut candidates = Vec::new();
    let mut store = None;
    if let Ok(cache) = cache.canonicalize() {
        let everything = arguments.all || arguments.templates == arguments.images;
        let now = SystemTime::now();
        if everything || arguments.images {
            candidates.extend(old_images(arguments, &cache, now)?);
        }
        if everything || arguments.templates {
            store = TemplateStore::existing(&cache);
            candidates.extend(store.iter().flat_map(|store| old_templates(arguments, store, now)));
        }
    }
    let (mut gone, mut kept) = (Vec::new(), Vec::new());
    for candidate in candidates {
        let goes = !candidate.in_use && (arguments.dry_run || remove(&candidate, store.as_ref()));
        if goes { &mut gone } else { &mut kept }.push(candidate);
    }
    match arguments.format {
        OutputFormat::Json => report_to_programs(arguments.dry_run, &gone, &kept),
        OutputFormat::Text => report_to_people(arguments.dry_run, &gone, &kept),
    }
    // What somebody began to use meanwhile is not ours to remove; anything else should have gone.
    let stuck: Vec<String> = kept.iter().filter(|c| !c.in_use).map(|c| c.path.display().to_string()).collect();
    match stuck.is_empty() {
        true => Ok(Exit::Pass),
        false => Err(CliError::infrastructure(format!("could not be removed: {}", stuck.join(", ")))
            .hint("look at its owner, and whether a run has begun to use it")),
    }
}

fn limits(arguments: &Arguments, default: u64) -> (u64, Option<Duration>) {
    match arguments.all {
        true => (0, Some(Duration::ZERO)),
        false => (arguments.max_size.unwrap_or(default), Some(arguments.older_than)),
    }
}

fn old_images(arguments: &Arguments, cache: &Path, now: SystemTime) -> Result<Vec<Candidate>, CliError> {
    let project = Project::find()?;
    let found = runtime()?
        .block_on(cache::cached(project.root().as_std_path(), cache))
        .map_err(|error| CliError::infrastructure(error.to_string()))?;
    let (present, others): (Vec<Cached>, Vec<Cached>) =
        found.into_iter().partition(|cached| cached.kind == cache::CachedKind::Present);
    drop(present);
    let (limit, older_than) = limits(arguments, u64::MAX);
    let items: Vec<Item> = others.iter().map(|cached| cached.item.clone()).collect();
    let mut old = superfluous(&items, now, limit, older_than);
    old.sort_unstable();
    let candidate = |cached: &Cached| {
        let (kind, why) = match cached.kind {
            cache::CachedKind::Stale => ("lab image", "another recipe"),
            cache::CachedKind::Unfinished => ("lab image", "an unfinished build"),
            cache::CachedKind::Made => ("made image", "not used lately"),
            cache::CachedKind::Pulled => ("pulled image", "not used lately"),
            cache::CachedKind::Present | cache::CachedKind::Unknown => ("lab image", "not used lately, unknown here"),
        };
        let (path, item, in_use) = (cached.path.clone(), cached.item.clone(), cached.in_use);
        let why = if arguments.all && !item.leftover { "--all" } else { why };
        Candidate { kind, why, path, item, in_use, thing: Thing::Image(cached.clone()) }
    };
    Ok(old.into_iter().map(|index| candidate(&others[index])).collect())
}

fn old_templates(arguments: &Arguments, store: &TemplateStore, now: SystemTime) -> Vec<Candidate> {
    let entries = store.list();
    let (limit, older_than) = limits(arguments, DEFAULT_LIMIT);
    let items: Vec<Item> = entries.iter().map(template_store::Entry::item).collect();
    let candidate = |entry: &template_store::Entry| {
        let why = match entry.kind {
            template_store::EntryKind::Leftover => "left by a run",
            template_store::EntryKind::Template if arguments.all => "--all",
            template_store::EntryKind::Template => "not used lately, or no space",
        };
        let (path, item, in_use) = (entry.path.clone(), entry.item(), store.in_use(entry));
        Candidate { kind: "template", why, path, item, in_use, thing: Thing::Template(entry.clone()) }
    };
    superfluous(&items, now, limit, older_than).into_iter().map(|index| candidate(&entries[index])).collect()
}

fn remove(candidate: &Candidate, store: Option<&TemplateStore>) -> bool {
    match &candidate.thing {
        Thing::Image(cached) => cache::remove(cached),
        Thing::Template(entry) => store.is_some_and(|store| store.remove(entry)),
    }
}

fn mebibytes(candidates: &[Candidate]) -> u64 {
    candidates.iter().map(|candidate| candidate.item.bytes).sum::<u64>() >> 20
}

fn day(time: SystemTime) -> String {
    jiff::Timestamp::try_from(time).map(|time| time.strftime("%Y-%m-%d").to_string()).unwrap_or_default()
}

fn report_to_people(dry_run: bool, gone: &[Candidate], kept: &[Candidate]) {
    let row = |candidate: &Candidate, why: &str| {
        vec![
            candidate.kind.to_owned(),
            format!("{} MiB", candidate.item.bytes >> 20),
            day(candidate.item.used),
            why.to_owned(),
            candidate.path.display().to_string(),
        ]
    };
    let rows: Vec<_> = gone
        .iter()
        .map(|candidate| row(candidate, candidate.why))
        .chain(kept.iter().map(|candidate| row(candidate, if candidate.in_use { "stays: in use" } else { "stays" })))
        .collect();
    if !rows.is_empty() {
        say(muster_report::list::columns(&["WHAT", "SIZE", "LAST USED", "WHY", "WHERE"], &rows).trim_end());
    }
    let verb = if dry_run { "would free" } else { "freed" };
    say(&format!("{verb} {} MiB", mebibytes(gone)));
}

fn report_to_programs(dry_run: bool, gone: &[Candidate], kept: &[Candidate]) {
    let entry = |candidate: &Candidate| {
        json!({
            "kind": candidate.kind.replace(' ', "-"),
            "path": candidate.path.display().to_string(),
            "bytes": candidate.item.bytes,
            "last-used": jiff::Timestamp::try_from(candidate.item.used).map(|time| time.to_string()).unwrap_or_default(),
            "why": candidate.why,
            "in-use": candidate.in_use,
        })
    };
    let all = json!({
        "dry-run": dry_run,
        "bytes": gone.iter().map(|candidate| candidate.item.bytes).sum::<u64>(),
        "removed": gone.iter().map(entry).collect::<Vec<_>>(),
        "kept": kept.iter().map(entry).collect::<Vec<_>>(),
    });
    say(&serde_json::to_string_pretty(&all).unwrap_or_default());
}
