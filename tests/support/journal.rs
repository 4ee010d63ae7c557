//! What the journals of runs say, also of runs that were killed.

use std::path::{Path, PathBuf};

use muster_record::event::Event;

/// The whole lines of a journal that is perhaps still written.
pub(crate) fn events(path: &Path) -> Vec<Event> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// The id of its run.
pub(crate) fn id(events: &[Event]) -> Option<String> {
    match events.first() {
        Some(Event::RunStarted { id, .. }) => Some(id.clone()),
        _ => None,
    }
}

/// The tests that it has results of, and whether they are those of an earlier run.
pub(crate) fn finished(events: &[Event]) -> Vec<(String, bool)> {
    let of = |event: &Event| match event {
        Event::TestFinished { record } => Some((record.name(), record.kept_from.is_some())),
        _ => None,
    };
    events.iter().filter_map(of).collect()
}

/// How many results this run itself has found.
pub(crate) fn found(path: &Path) -> usize {
    finished(&events(path)).iter().filter(|(_, kept)| !kept).count()
}

/// The attempts below a directory of `--attempts`, in order.
pub(crate) fn attempts(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let mut numbers: Vec<u32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    numbers.sort_unstable();
    numbers.into_iter().map(|number| dir.join(number.to_string())).collect()
}
