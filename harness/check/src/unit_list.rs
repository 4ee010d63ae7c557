//! Tables of `systemctl`: units, unit files and jobs. They are read with their last line, the number of
//! rows: it proves that systemctl spoke, and to the end, and that a description with a line feed in it
//! added no row of its own.

use crate::unreadable::{Read, Unreadable};

/// A loaded unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unit<'a> {
    pub(super) name: &'a str,
    pub(super) load: &'a str,
    pub(super) active: &'a str,
    pub(super) sub: &'a str,
}

/// A unit file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct UnitFile<'a> {
    pub(super) name: &'a str,
    pub(super) state: &'a str,
    pub(super) preset: Option<&'a str>,
}

/// `LoadState` and `ActiveState` of systemd's unit-def.c.
const LOAD: [&str; 7] = ["stub", "loaded", "not-found", "bad-setting", "error", "merged", "masked"];
const ACTIVE: [&str; 8] =
    ["active", "reloading", "inactive", "failed", "activating", "deactivating", "maintenance", "refreshing"];

/// `systemctl list-units --plain --full --no-pager`.
pub(super) fn units(text: &str) -> Read<Vec<Unit<'_>>> {
    counted(text, "loaded units listed.", "list-units", text.lines().filter_map(unit).collect())
}

fn unit(line: &str) -> Option<Unit<'_>> {
    let mut words = line.trim_start_matches(['●', '×', '○', '↻', '*', ' ']).split_whitespace();
    let unit = Unit { name: words.next()?, load: words.next()?, active: words.next()?, sub: words.next()? };
    (is_unit(unit.name) && LOAD.contains(&unit.load) && ACTIVE.contains(&unit.active)).then_some(unit)
}

/// `systemctl list-unit-files --full --no-pager`: `sshd.service enabled enabled`. systemd before 246 has
/// no third column; `-` is no preset.
pub(super) fn files(text: &str) -> Read<Vec<UnitFile<'_>>> {
    counted(text, "unit files listed.", "list-unit-files", text.lines().filter_map(file).collect())
}

fn file(line: &str) -> Option<UnitFile<'_>> {
    let mut words = line.split_whitespace();
    let (name, state) = (words.next()?, words.next()?);
    let preset = words.next().filter(|word| *word != "-");
    is_unit(name).then_some(UnitFile { name, state, preset })
}

/// Units that have a job: `systemctl list-jobs --full --plain --no-pager`.
pub(super) fn jobs(text: &str) -> Read<Vec<&str>> {
    if text.lines().any(|line| line.trim() == "No jobs running.") {
        return Ok(Vec::new());
    }
    counted(text, "jobs listed.", "list-jobs", text.lines().filter_map(job).collect())
}

fn job(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    words.next()?.parse::<u32>().ok()?;
    words.next().filter(|name| is_unit(name))
}

fn is_unit(name: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(stem, suffix)| !stem.is_empty() && muster_suite::grammar::systemd::SUFFIXES.contains(&suffix))
}

/// The rows, if they are as many as the last line says.
fn counted<T>(text: &str, ending: &str, command: &str, rows: Vec<T>) -> Read<Vec<T>> {
    let said = text.lines().rev().find_map(|line| {
        let (count, rest) = line.trim_start().split_once(' ')?;
        rest.starts_with(ending).then(|| count.parse::<usize>().ok()).flatten()
    });
    match said {
        Some(count) if count == rows.len() => Ok(rows),
        Some(count) => Err(Unreadable::new(format!(
            "systemctl {command} says that it lists {count}, and {} can be read",
            rows.len()
        ))),
        None => Err(Unreadable::new(format!(
            "systemctl {command} does not say how many it lists, so it did not print to its end"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// systemd 257, shortened.
    const UNITS: &str = "UNIT LOAD ACTIVE SUB DESCRIPTION\nssh.service loaded active running OpenBSD Secure Shell server\n● bad.service loaded failed failed A bad one\ngone.service not-found inactive dead gone.service\n\nLegend: LOAD   → Reflects whether the unit definition was properly loaded.\n        ACTIVE → The high-level unit activation state, i.e. generalization of SUB.\n        SUB    → The low-level unit activation state, values depend on unit type.\n\n3 loaded units listed.\nTo show all installed unit files use 'systemctl list-unit-files'.\n";

    #[test]
    fn units_are_read_with_and_without_bullets_and_all_of_them() {
        let names: Vec<&str> = units(UNITS).unwrap().iter().map(|unit| unit.name).collect();
        assert_eq!(names, ["ssh.service", "bad.service", "gone.service"]);
        assert_eq!(units("UNIT LOAD ACTIVE SUB DESCRIPTION\n0 loaded units listed.\n"), Ok(Vec::new()));
        // systemd 239 with --all, and without units.
        let old = "a.service loaded active running A\n\n1 loaded units listed. Pass --all to see loaded but inactive units, too.\n";
        assert_eq!(units(old).unwrap().len(), 1);
        // Cut off, silent, and with a description that is a row.
        assert!(units("ssh.service loaded active running OpenBSD\n").is_err() && units("").is_err());
        let forged = UNITS.replace("A bad one", "A\nfine.service loaded active running");
        assert_eq!(
            units(&forged).unwrap_err().to_string(),
            "systemctl list-units says that it lists 3, and 4 can be read"
        );
    }

    #[test]
    fn unit_files_and_jobs_are_counted_too() {
        let text = "UNIT FILE STATE PRESET\na.service enabled disabled\nd.mount static -\n\n2 unit files listed.\n";
        let files = files(text).unwrap();
        assert_eq!((files[0].preset, files[1].preset), (Some("disabled"), None));
        assert_eq!(jobs("No jobs running.\n"), Ok(Vec::new()));
        assert_eq!(
            jobs("JOB UNIT TYPE STATE\n137 x.service start running\n\n1 jobs listed.\n").unwrap(),
            ["x.service"]
        );
        assert!(jobs("").is_err() && jobs("137 x.service start running\n").is_err());
    }
}
