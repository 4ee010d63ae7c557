//! `muster images inspect`: an image's file, looked into as a run does before it starts it.

use camino::Utf8Path;

use crate::catalogue::Catalogue;
use crate::error::CliError;
use crate::event_loop::runtime;
use crate::image_file::{looked_into, notes_on, size};
use crate::output::say;
use crate::project::Project;
use muster_base::exit::Exit;
use muster_base::machine::{Arch, Format};

pub(super) fn inspect(file: &Utf8Path, format: Option<Format>, arch: Arch) -> Result<Exit, CliError> {
    if !file.exists() && Catalogue::load(&Project::find()?)?.get(file.as_str()).is_some() {
        let what = format!("{file} is an image of the catalogue, and no file: what is inspected is a file");
        return Err(CliError::invalid(what).hint(format!("`muster images show {file}` says where its file is")));
    }
    let ready = runtime()?.block_on(async {
        let spec = looked_into(file, format, arch).await?;
        muster_image::prepare_to_look(std::path::Path::new("."), &spec).await
    });
    let ready = ready?;
    let mut rows = vec![vec!["path".to_owned(), ready.source.display().to_string()]];
    rows.push(vec!["sha256".to_owned(), ready.sha256]);
    rows.push(vec!["format".to_owned(), ready.spec.format.to_string()]);
    if ready.disk.path != ready.source {
        rows.push(vec!["made disk".to_owned(), ready.disk.path.display().to_string()]);
    }
    rows.push(vec!["virtual size".to_owned(), size(ready.disk.virtual_size)]);
    rows.push(vec!["file size".to_owned(), size(ready.disk.actual_size)]);
    rows.extend(described_disk(&ready.facts));
    rows.extend(notes_on(file, &ready.facts).into_iter().map(|remark| vec!["note".to_owned(), remark]));
    rows.extend(ready.notes.iter().map(|note| vec!["note".to_owned(), muster_base::text::escape(note)]));
    say(muster_report::list::columns(&[], &rows).trim_end());
    Ok(Exit::Pass)
}

/// What a disk says of itself, as rows.
fn described_disk(disk: &muster_record::disk::DiskFacts) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut row = |name: &str, value: String| rows.push(vec![name.to_owned(), value]);
    if let Some(subformat) = &disk.subformat {
        row("subformat", subformat.clone());
    }
    match (&disk.table, &disk.unreadable) {
        (Some(table), _) => {
            let backup = match table.backup {
                Some(true) => ", its second copy at the end",
                Some(false) if table.damage.is_some() => "",
                Some(false) => ", without its second copy at the end",
                None => "",
            };
            row("partitions", format!("{}{backup}", table.kind));
            for partition in &table.partitions {
                let name = if partition.name.is_empty() { "" } else { " " };
                row("", format!("{}{name}{}: {}", partition.kind, partition.name, size(partition.size)));
            }
        }
        (None, Some(why)) => row("partitions", format!("cannot be read: {}", muster_base::text::one_line(why, 200))),
        (None, None) => {}
    }
    rows
}
