//! `muster images list` and `show`: what the catalogue says.

use serde_json::json;

use crate::catalogue::Catalogue;
use crate::error::CliError;
use crate::event_loop::runtime;
use crate::output::{OutputFormat, say};
use crate::project::Project;
use muster_base::download::SignatureKind;
use muster_base::exit::Exit;
use muster_image::{DiskSource, ImageSpec, pull};
use muster_suite::images::{Disk, ImageEntry};

/// Where the catalogue puts what no vendor publishes, as its steps call it.
const BROUGHT: &str = "images/brought/";

pub(crate) fn list(format: OutputFormat) -> Result<Exit, CliError> {
    let project = Project::find()?;
    let catalogue = Catalogue::load(&project)?;
    let mut rows = Vec::new();
    for (spec, entry) in catalogue.all() {
        rows.push((spec, entry, state(&project, spec)?));
    }
    match format {
        OutputFormat::Json => {
            let rows: Vec<_> = rows.iter().map(|(spec, entry, here)| object(spec, entry, here)).collect();
            say(&serde_json::to_string_pretty(&rows).unwrap_or_default());
        }
        OutputFormat::Text => {
            let never: Vec<&str> = catalogue.never_booted().collect();
            let rows: Vec<_> = rows.iter().map(|(spec, entry, here)| row(spec, entry, here)).collect();
            let header = ["IMAGE", "FORMAT", "ARCH", "FIRMWARE", "SEED", "MACHINE", "BOOTED", "STATE", "SUMMARY"];
            say(muster_report::list::columns(&header, &rows).trim_end());
            if !never.is_empty() {
                say(&format!(
                    "\n{} of {} were never booted with their descriptions; `muster images show IMAGE` says why",
                    never.len(),
                    rows.len()
                ));
            }
        }
    }
    Ok(Exit::Pass)
}

/// Whether the disk is here, and what brings it when it is not.
fn state(project: &Project, spec: &ImageSpec) -> Result<String, CliError> {
    let id = &spec.id;
    Ok(match &spec.disk {
        DiskSource::Path(path) => if path.exists() { "present" } else { "missing" }.to_owned(),
        DiskSource::LabBuild { variant } => {
            match runtime()?.block_on(muster_image::lab::find(project.root().as_std_path(), variant)) {
                Ok(Some(_)) => "built".to_owned(),
                Ok(None) => format!("not built: muster images build {variant}"),
                Err(error) => error.to_string(),
            }
        }
        DiskSource::Download(download) => match pull::known(muster_image::cache_dir().as_deref(), download) {
            Some(trust) => format!("pulled: {trust}"),
            None => format!("not pulled: muster images pull {id}"),
        },
        DiskSource::Bring { path, .. } if path.exists() => "brought".to_owned(),
        DiskSource::Bring { .. } => format!("to be brought: muster images show {id}"),
    })
}

/// When the description was last seen to work; the lab's images are those that muster's own tests boot.
fn verified(entry: &ImageEntry) -> &str {
    match (&entry.disk, entry.verified.is_empty()) {
        (Disk::Lab(_), true) => "muster's own tests boot it",
        _ => &entry.verified,
    }
}

fn booted(entry: &ImageEntry) -> &'static str {
    match (&entry.never_booted, verified(entry).is_empty()) {
        (Some(_), _) => "never",
        (None, false) => "yes",
        (None, true) => "not said",
    }
}

fn row(spec: &ImageSpec, entry: &ImageEntry, here: &str) -> Vec<String> {
    vec![
        spec.id.clone(),
        spec.format.to_string(),
        spec.arch.to_string(),
        spec.firmware.to_string(),
        spec.seed.to_string(),
        devices(spec, entry),
        booted(entry).to_owned(),
        here.to_owned(),
        spec.summary.clone(),
    ]
}

fn object(spec: &ImageSpec, entry: &ImageEntry, here: &str) -> serde_json::Value {
    json!({
        "id": spec.id,
        "summary": spec.summary,
        "format": spec.format.name(),
        "arch": spec.arch.name(),
        "firmware": spec.firmware.name(),
        "seed": spec.seed.name(),
        "user": spec.user,
        "needs-cpu": entry.needs_cpu,
        "facts": spec.facts,
        "claims": entry.claims.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "quirks": entry.quirks,
        "verified": Some(verified(entry)).filter(|verified| !verified.is_empty()),
        "never-booted": entry.never_booted,
        "state": here,
    })
}

/// What its machine has beyond one disk and one network interface.
fn devices(spec: &ImageSpec, entry: &ImageEntry) -> String {
    let mut words = vec![spec.bus.to_string()];
    words.extend(entry.needs_cpu.map(str::to_owned));
    words.extend(spec.kernel.is_some().then(|| "kernel".to_owned()));
    words.extend(spec.tpm.then(|| "tpm".to_owned()));
    words.extend((!spec.extra_disks.is_empty()).then(|| format!("+{} disks", spec.extra_disks.len())));
    words.extend((spec.nics != 1).then(|| format!("{} nics", spec.nics)));
    words.join(" ")
}

pub(crate) fn show(name: &str) -> Result<Exit, CliError> {
    let project = Project::find()?;
    let catalogue = Catalogue::load(&project)?;
    let (Some(spec), Some(entry)) = (catalogue.get(name), catalogue.entry(name)) else {
        return Err(catalogue.unknown(name));
    };
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut add = |name: &str, value: String| {
        if !value.is_empty() {
            rows.push(vec![name.to_owned(), value]);
        }
    };
    add("image", spec.id.clone());
    add("summary", spec.summary.clone());
    add("described at", entry.location.to_string());
    add("format", spec.format.to_string());
    add("machine", format!("{} {} {}", spec.arch, spec.firmware, devices(spec, entry)));
    add("seed", format!("{} for {}", spec.seed, spec.user));
    let facts: Vec<_> = spec.facts.iter().map(|(name, value)| format!("{name} {value}")).collect();
    add("facts", facts.join(", "));
    let claims: Vec<_> = entry.claims.iter().map(ToString::to_string).collect();
    add("claims", claims.join(", "));
    add(
        "state",
        match &spec.disk {
            DiskSource::Bring { path, .. } if !path.exists() => "to be brought: in these steps".to_owned(),
            _ => state(&project, spec)?,
        },
    );
    add("verified", verified(entry).to_owned());
    add("never booted", entry.never_booted.clone().unwrap_or_default());
    for quirk in &entry.quirks {
        add("quirk", quirk.clone());
    }
    match &spec.disk {
        DiskSource::Download(download) => {
            add("address", download.url.clone());
            let checksum = &download.checksum;
            add("digest", checksum.value.as_ref().map_or(String::new(), |value| format!("{} {value}", checksum.kind)));
            add("checksum file", checksum.url.clone().unwrap_or_default());
            match &download.signature {
                Some(signature) => {
                    let what = match signature.kind {
                        SignatureKind::ClearSigned => "in the checksum file".to_owned(),
                        kind => format!("{kind}: {}", signature.url.as_deref().unwrap_or_default()),
                    };
                    add("signature", what);
                    add("keys", signature.key.as_ref().map_or(String::new(), |key| key.to_string()));
                    add("key from", signature.key_from.clone());
                }
                None => add("signature", "none is described".to_owned()),
            }
        }
        DiskSource::Bring { path, steps } => {
            add("looked for at", path.display().to_string());
            // The catalogue calls the place by the name that it has in a checkout.
            let place = path.parent().map_or(String::new(), |dir| dir.display().to_string());
            for (number, step) in steps.iter().enumerate() {
                add(&format!("step {}", number + 1), step.replace(BROUGHT, &format!("{place}/")));
            }
            let file = path.file_name().map_or("FILE".into(), |name| name.to_string_lossy());
            add("without the catalogue", format!("muster run --image {file} --user {}", spec.user));
        }
        DiskSource::Path(path) => add("file", path.display().to_string()),
        DiskSource::LabBuild { variant } => {
            add("lab variant", variant.clone());
            let built = runtime()?.block_on(muster_image::lab::find(project.root().as_std_path(), variant));
            if let Ok(Some(dir)) = built {
                add("file", dir.join(muster_image::lab::disk_name(spec.format)).display().to_string());
            }
        }
    }
    say(muster_report::list::columns(&[], &rows).trim_end());
    Ok(Exit::Pass)
}
