//! `footprint`: how much the system takes.

use muster_suite::grammar::paths;
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use super::rpmdb;
use crate::assertions::{FixedReading, key, keys, read, unanswered, verdicts, wants};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::unreadable::{Read, Unreadable};
use crate::{dpkg, rpm, unit_list, value};
use muster_record::facts::Facts;
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[
    attribute("packages", AttributeKind::Integer, "Installed packages, signing keys excepted."),
    attribute("installed-size", AttributeKind::Size, "Sum of the installed sizes of all packages."),
    attribute("root-used", AttributeKind::Size, "Bytes in use on the root file system."),
    attribute("memory-used", AttributeKind::Size, "Memory in use now (MemTotal less MemAvailable)."),
    attribute("memory-total", AttributeKind::Size, "Memory that the kernel has."),
    attribute("swap", AttributeKind::Size, "Swap space that is in use or could be."),
    attribute("processes", AttributeKind::Integer, "Processes, kernel threads excepted."),
    attribute("threads", AttributeKind::Integer, "All threads, those of the kernel too."),
    attribute("units", AttributeKind::Integer, "Active services."),
    attribute(
        "files",
        AttributeKind::Ranged(0, i64::MAX),
        "Inodes in use on the root file system; an error on one that does not count them, as btrfs.",
    ),
    attribute(
        "paths",
        AttributeKind::Map(&paths::PATH, &AttributeKind::Size),
        "By path: disk space below it, other file systems excepted (`du -sxH`). A path that is a link means what the link leads to.",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "footprint",
    summary: "How much the system takes.",
    subject: Subject::Whole,
    shorthand: Shorthand::None,
    gone: &[],
    attributes: ATTRIBUTES,
    reads: "rpm or dpkg, `stat -f`, /proc, `systemctl`, `du`.",
    example: r#"footprint:
  packages: "<= 450"
  root-used: "<= 2 GiB"
  swap: "0 B"
  paths: {/usr/share/doc: "<= 1 MiB"}
"#,
};

/// The check type.
pub struct Footprint;

impl Check for Footprint {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], facts: &Facts) -> Vec<Probe> {
        let mut probes = read(wanted, SOURCES);
        if wants(wanted, &["packages", "installed-size"]) {
            probes.push(match facts.dpkg {
                Some(_) => Probe::new(dpkg::ALL, 60, dpkg::all_packages()),
                None => Probe::new(rpmdb::ALL, 120, rpmdb::all_packages()),
            });
        }
        probes.extend(Probe::batch_with("footprint/paths", 300, "du", &keys(wanted, "paths"), DISK_SPACE));
        probes
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, facts: &Facts) -> Vec<Verdict> {
        verdicts(&TABLE, expectation, |assertion| {
            // The installed size of each package.
            let packages = || -> Read<Vec<u128>> {
                if facts.dpkg.is_some() {
                    let installed = dpkg::packages(&seen.output(dpkg::ALL)?)?;
                    let installed = installed.iter().filter(|package| package.installed() != Some(false));
                    // One that states none counts as a package of nothing, as dpkg's own sums have it.
                    return Ok(installed.map(|package| package.size.unwrap_or_default()).collect());
                }
                let mut packages = rpm::packages(&seen.output(rpmdb::ALL)?)?;
                packages.retain(|package| !package.is_key());
                if packages.is_empty() {
                    return Err(Unreadable::new("the RPM database is empty"));
                }
                Ok(packages.iter().map(|package| package.size).collect())
            };
            let memory = |name: &str| -> Read<u128> {
                let text = seen.output("footprint/meminfo")?;
                let line = text.lines().filter_map(|line| line.split_once(':')).find(|(field, _)| *field == name);
                let kilobytes = line
                    .and_then(|(_, value)| value.split_whitespace().next())
                    .and_then(|word| word.parse::<u128>().ok());
                kilobytes
                    .map(|kilobytes| kilobytes * 1024)
                    .ok_or_else(|| Unreadable::new(format!("/proc/meminfo names no {name}")))
            };
            let root = |at: usize| -> Read<u128> {
                let words = seen.words("footprint/root")?;
                words
                    .get(at)
                    .and_then(|word| word.parse().ok())
                    .ok_or_else(|| Unreadable::new("stat -f / printed something else"))
            };
            let size = |bytes: u128| Ok(Value::Text(value::of_bytes(bytes)));
            match assertion.attribute {
                "packages" => Ok(Value::text(packages()?.len().to_string())),
                "installed-size" => size(packages()?.iter().sum()),
                "root-used" => size(root(0)? * root(1)?.saturating_sub(root(2)?)),
                "files" => match root(3)? {
                    0 => Err(Unreadable::new("the root file system does not count its inodes")),
                    all => Ok(Value::text(all.saturating_sub(root(4)?).to_string())),
                },
                "memory-used" => size(memory("MemTotal")?.saturating_sub(memory("MemAvailable")?)),
                "memory-total" => size(memory("MemTotal")?),
                "swap" => size(memory("SwapTotal")?),
                "processes" | "threads" => {
                    let words = seen.words("footprint/processes")?;
                    let at = usize::from(assertion.attribute == "threads");
                    words.get(at).map(Value::text).ok_or_else(|| Unreadable::new("the processes could not be counted"))
                }
                "units" => {
                    let text = seen.output("footprint/units")?;
                    Ok(Value::text(unit_list::units(&text)?.len().to_string()))
                }
                "paths" => {
                    let path = key(assertion)?;
                    let answer = seen.answer("footprint/paths", path)?;
                    let kilobytes = answer.output.split_whitespace().next().and_then(|word| word.parse::<u128>().ok());
                    match (answer.status, kilobytes) {
                        (0, Some(kilobytes)) => size(kilobytes * 1024),
                        _ if answer.output.ends_with("No such file or directory") => Ok(Value::gone("not there")),
                        _ => Err(Unreadable::new(answer.output)),
                    }
                }
                _ => unanswered(assertion),
            }
        })
    }
}

/// A path that is itself a link, as /bin is, takes nothing: what it leads to is measured.
const DISK_SPACE: &str = r#"du -skxH -- "$1""#;

const SOURCES: &[FixedReading] = &[
    FixedReading {
        attributes: &["root-used", "files"],
        key: "footprint/root",
        seconds: 10,
        script: "stat -f -c '%S %b %f %c %d' /",
    },
    FixedReading {
        attributes: &["memory-used", "memory-total", "swap"],
        key: "footprint/meminfo",
        seconds: 10,
        script: "cat /proc/meminfo",
    },
    FixedReading {
        attributes: &["processes", "threads"],
        key: "footprint/processes",
        seconds: 20,
        // Kernel threads have no executable.
        script: "[ -d /proc/self ] || exit 1\nprocesses=0; threads=0\nfor dir in /proc/[0-9]*; do\nwhile read -r field value rest; do case $field in Threads:) threads=$((threads + value));; VmSize:) processes=$((processes + 1));; esac; done 2>/dev/null <$dir/status\ndone\necho $processes $threads",
    },
    FixedReading {
        attributes: &["units"],
        key: "footprint/units",
        seconds: 20,
        script: "systemctl list-units --type=service --state=active --plain --full --no-pager",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{evaluate_on_this_host, expectation, reply, seen};
    use muster_suite::model::{Matcher, Operator};

    #[test]
    fn a_file_system_that_counts_no_inodes_has_no_number_of_files() {
        let files = |said: &str| {
            let few = Matcher::Compare(vec![(Operator::Le, "60000".to_owned())]);
            let wanted = expectation("footprint", "", &[("files", few)]);
            let seen = seen("footprint/root", reply(0, said));
            Footprint.evaluate(&wanted, &seen, &Facts::default()).remove(0)
        };
        assert_eq!(files("4096 1000 500 65536 40000\n"), Verdict::MET);
        // btrfs
        let why = files("4096 1000 500 0 0\n");
        assert!(matches!(&why, Verdict::Unknown { why } if why.contains("does not count its inodes")), "{why:?}");
    }

    #[test]
    fn this_host_has_a_footprint() {
        let more = |bound: &str| Matcher::Compare(vec![(Operator::Gt, bound.to_owned())]);
        let wanted = expectation(
            "footprint",
            "",
            &[
                ("root-used", more("0 B")),
                ("memory-total", more("1 MiB")),
                ("processes", more("0")),
                ("threads", more("0")),
                ("paths./proc/self/../../etc", more("0 B")),
            ],
        );
        assert_eq!(evaluate_on_this_host(&Footprint, &wanted), vec![Verdict::MET; 5]);
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("big")).unwrap();
        std::fs::write(directory.path().join("big/file"), vec![b'x'; 1 << 20]).unwrap();
        std::os::unix::fs::symlink("big", directory.path().join("link")).unwrap();
        let link = directory.path().join("link");
        for tools in crate::testing::makers_of(&["du"], directory.path()) {
            let script = crate::shell::batch([link.to_str().unwrap()], DISK_SPACE);
            let reply = crate::testing::with_tools(&[&tools], &script);
            let said = crate::shell::answers(&reply).unwrap().remove(link.to_str().unwrap()).unwrap().output;
            let kilobytes: u64 = said.split_whitespace().next().unwrap().parse().unwrap();
            assert!(kilobytes >= 1024, "{tools:?}: {said}");
        }
        let gone = expectation("footprint", "", &[("paths./no/such", Matcher::None)]);
        assert!(
            matches!(&evaluate_on_this_host(&Footprint, &gone)[0], Verdict::Missed { actual, .. } if actual == "not there")
        );
    }
}
