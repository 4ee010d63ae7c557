//! `units`: systemd as a whole.

use crate::suite::grammar::systemd;
use crate::suite::table::{Attribute, CheckTable, Kind, Shorthand, Subject};

use super::asking::{Source, key, read, unanswered, verdicts};
use super::matching::Value;
use super::service::units as shown;
use super::{Check, Observations, Probe, Verdict, attribute};
use crate::guest::facts::Facts;
use crate::suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[
    attribute(
        "state",
        Kind::Word(&[
            "initializing",
            "starting",
            "running",
            "degraded",
            "maintenance",
            "stopping",
            "offline",
            "unknown",
        ]),
        "`systemctl is-system-running`.",
    ),
    attribute("failed", Kind::Set(&systemd::UNIT), "Failed units."),
    attribute("jobs", Kind::Set(&systemd::UNIT), "Units with a queued or running job."),
    attribute("active", Kind::Set(&systemd::UNIT), "Active units."),
    attribute("enabled", Kind::Set(&systemd::UNIT_FILE), "Enabled unit files."),
    attribute("masked", Kind::Set(&systemd::UNIT_FILE), "Masked unit files."),
    attribute("generated", Kind::Set(&systemd::UNIT), "Units made by generators."),
    attribute("timers", Kind::Set(&systemd::UNIT), "Active timers."),
    attribute("sockets", Kind::Set(&systemd::UNIT), "Listening sockets."),
    attribute(
        "not-by-preset",
        Kind::Set(&systemd::UNIT_FILE),
        "Unit files that are enabled although the presets disable them, or disabled although the presets enable them.",
    ),
    attribute(
        "not-found",
        Kind::Set(&systemd::UNIT),
        "Units that others refer to as wanted or required and that do not exist.",
    ),
    attribute("needs-reload", Kind::Set(&systemd::UNIT), "Units whose files changed since systemd read them."),
    attribute(
        "ordering-cycles",
        Kind::Set(&systemd::UNIT),
        "Units whose job systemd deleted to break an ordering cycle in this boot.",
    ),
    attribute("default-target", Kind::Text, "`systemctl get-default`."),
    attribute("version", Kind::Integer, "Major version of systemd."),
    attribute("tainted", Kind::Set(&systemd::TAINTS), "systemd's own taint flags (`unmerged-bin`, `cgroupsv1`)."),
    attribute(
        "manager",
        Kind::Map(&systemd::PROPERTY, &Kind::Loose),
        "Properties of the manager (`DefaultTimeoutStartUSec`, `ShowStatus`).",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "units",
    summary: "systemd as a whole.",
    subject: Subject::Whole,
    shorthand: Shorthand::None,
    attributes: ATTRIBUTES,
    reads: "`systemctl list-units`, `list-unit-files`, `list-jobs`, `is-system-running`, `get-default`, `show`; the journal for ordering cycles.",
    example: r#"units:
  failed: none
  jobs: none
  not-by-preset: none
  default-target: multi-user.target
"#,
};

/// The check type.
pub struct Units;

impl Check for Units {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, asked: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        read(asked, SOURCES)
    }

    fn judge(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        verdicts(&TABLE, expectation, |assertion| {
            let loaded = |chosen: &dyn Fn(&[&str]) -> bool| -> Result<Value, String> {
                let text = seen.output(LIST)?;
                let rows: Vec<Vec<&str>> = text
                    .lines()
                    .map(|line| line.trim_start_matches(['●', '×', '○', '↻', '*', ' ']).split_whitespace().collect())
                    .collect();
                if rows.iter().all(|row| row.len() < 4) {
                    return Err("systemctl list-units lists nothing".to_owned());
                }
                Ok(Value::items(rows.iter().filter(|row| row.len() >= 4 && chosen(row)).map(|row| row[0])))
            };
            let files = |chosen: &dyn Fn(&UnitFile) -> bool| -> Result<Value, String> {
                let text = seen.output(FILES)?;
                let files: Vec<UnitFile> = text.lines().filter_map(unit_file).collect();
                if files.is_empty() {
                    return Err("systemctl list-unit-files lists nothing".to_owned());
                }
                Ok(Value::items(files.iter().filter(|file| chosen(file)).map(|file| file.name)))
            };
            match assertion.attribute {
                "state" => {
                    let reply = seen.reply("units/state")?;
                    let text = String::from_utf8_lossy(&reply.stdout).trim().to_owned();
                    if text.is_empty() {
                        Err(super::asking::failure("units/state", reply))
                    } else {
                        Ok(Value::Text(text))
                    }
                }
                "failed" => loaded(&|row| row[2] == "failed"),
                "active" => loaded(&|row| row[2] == "active"),
                "timers" => loaded(&|row| row[2] == "active" && row[0].ends_with(".timer")),
                "sockets" => loaded(&|row| row[2] == "active" && row[0].ends_with(".socket")),
                "not-found" => loaded(&|row| row[1] == "not-found"),
                "jobs" => {
                    let text = seen.output("units/jobs")?;
                    let rows = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
                    Ok(Value::items(
                        rows.filter(|row| row.len() >= 4 && row[0].parse::<u32>().is_ok()).map(|row| row[1].to_owned()),
                    ))
                }
                "enabled" => files(&|file| file.state == "enabled" || file.state == "enabled-runtime"),
                "masked" => files(&|file| file.state == "masked" || file.state == "masked-runtime"),
                "generated" => files(&|file| file.state == "generated"),
                "not-by-preset" => {
                    let text = seen.output(FILES)?;
                    if !text.lines().filter_map(unit_file).any(|file| file.preset.is_some()) {
                        return Err("this systemd does not list presets".to_owned());
                    }
                    files(&|file| {
                        matches!(
                            (file.state, file.preset),
                            ("enabled", Some("disabled")) | ("disabled", Some("enabled"))
                        )
                    })
                }
                "needs-reload" => {
                    let text = seen.output("units/reload")?;
                    let stale = shown(&text).into_iter().filter(|unit| unit.get("NeedDaemonReload") == Some(&"yes"));
                    Ok(Value::items(stale.filter_map(|unit| unit.get("Id").map(|id| (*id).to_owned()))))
                }
                "ordering-cycles" => Ok(Value::items(cycles(&seen.output("units/cycles")?))),
                "default-target" => seen.line("units/default").map(Value::Text),
                "version" => {
                    let text = seen.output("units/version")?;
                    let number = text.split_whitespace().nth(1).filter(|word| word.parse::<u32>().is_ok());
                    number.map(Value::text).ok_or_else(|| {
                        format!("systemctl --version says `{}`", text.lines().next().unwrap_or_default())
                    })
                }
                "tainted" | "manager" => {
                    let text = seen.output("systemd/manager")?;
                    let manager = shown(&text).into_iter().next().ok_or("systemctl show says nothing")?;
                    match assertion.attribute {
                        "tainted" => Ok(Value::items(
                            manager.get("Tainted").unwrap_or(&"").split(':').filter(|flag| !flag.is_empty()),
                        )),
                        _ => {
                            let name = key(assertion)?;
                            Ok(manager.get(name).map_or_else(
                                || Value::absent("the manager has no such property"),
                                |value| Value::text(*value),
                            ))
                        }
                    }
                }
                _ => unanswered(assertion),
            }
        })
    }
}

const LIST: &str = "units/list";
const FILES: &str = "units/files";

const SOURCES: &[Source] = &[
    // The exit status follows the state; the word is what counts.
    Source { attributes: &["state"], key: "units/state", seconds: 20, script: "systemctl is-system-running" },
    Source {
        attributes: &["failed", "active", "timers", "sockets", "not-found"],
        key: LIST,
        seconds: 20,
        script: "systemctl list-units --all --full --plain --no-legend --no-pager",
    },
    Source {
        attributes: &["jobs"],
        key: "units/jobs",
        seconds: 20,
        script: "systemctl list-jobs --full --plain --no-legend --no-pager",
    },
    Source {
        attributes: &["enabled", "masked", "generated", "not-by-preset"],
        key: FILES,
        seconds: 60,
        script: "systemctl list-unit-files --full --no-legend --no-pager",
    },
    Source {
        attributes: &["needs-reload"],
        key: "units/reload",
        seconds: 30,
        script: "systemctl show --no-pager -p Id -p NeedDaemonReload '*'",
    },
    Source {
        attributes: &["ordering-cycles"],
        key: "units/cycles",
        seconds: 30,
        script: "journalctl -b -o cat --no-pager -q _PID=1",
    },
    Source { attributes: &["default-target"], key: "units/default", seconds: 20, script: "systemctl get-default" },
    Source { attributes: &["version"], key: "units/version", seconds: 10, script: "systemctl --version" },
    Source {
        attributes: &["tainted", "manager"],
        key: "systemd/manager",
        seconds: 20,
        script: "systemctl show --no-pager",
    },
];

struct UnitFile<'a> {
    name: &'a str,
    state: &'a str,
    preset: Option<&'a str>,
}

/// `sshd.service enabled enabled`; systemd before 246 has no third column, `-` is no preset.
fn unit_file(line: &str) -> Option<UnitFile<'_>> {
    let mut words = line.split_whitespace();
    let (name, state) = (words.next()?, words.next()?);
    name.contains('.').then(|| UnitFile { name, state, preset: words.next().filter(|word| *word != "-") })
}

/// Units whose job was deleted: `a.service: Job b.socket/start deleted to break ordering cycle …`.
fn cycles(journal: &str) -> Vec<String> {
    let mut units: Vec<String> = journal
        .lines()
        .filter(|line| line.contains("deleted to break ordering cycle"))
        .filter_map(|line| line.split_once("Job ")?.1.split('/').next().map(str::to_owned))
        .collect();
    units.sort();
    units.dedup();
    units
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::testing::{equals, expectation, missed, reply, seen};
    use crate::suite::model::Matcher;

    fn judge(attribute: &'static str, matcher: Matcher, key: &str, status: i32, text: &str) -> Verdict {
        Units
            .judge(
                &expectation("units", "", &[(attribute, matcher)]),
                &seen(key, reply(status, text)),
                &Facts::default(),
            )
            .remove(0)
    }

    #[test]
    fn failed_units_are_read_with_and_without_bullets() {
        let list = "ssh.service loaded active running OpenBSD Secure Shell server\n● bad.service loaded failed failed A bad one\ngone.service not-found inactive dead gone.service\n";
        assert_eq!(missed(&judge("failed", Matcher::None, LIST, 0, list)), ("failed is none", "bad.service"));
        assert_eq!(missed(&judge("not-found", Matcher::None, LIST, 0, list)).1, "gone.service");
        assert!(matches!(judge("failed", Matcher::None, LIST, 0, ""), Verdict::Unknown { .. }));
        assert!(matches!(judge("failed", Matcher::None, LIST, 1, list), Verdict::Unknown { .. }));
    }

    #[test]
    fn the_word_of_the_state_counts_not_the_status() {
        assert_eq!(judge("state", equals("degraded"), "units/state", 1, "degraded\n"), Verdict::Met);
        assert!(matches!(judge("state", equals("running"), "units/state", 1, ""), Verdict::Unknown { .. }));
    }

    #[test]
    fn presets_and_jobs_and_cycles() {
        let files =
            "a.service enabled disabled\nb.service enabled enabled\nc.service disabled enabled\nd.mount static -\n";
        assert_eq!(missed(&judge("not-by-preset", Matcher::None, FILES, 0, files)).1, "a.service, c.service");
        assert!(matches!(
            judge("not-by-preset", Matcher::None, FILES, 0, "a.service enabled\n"),
            Verdict::Unknown { .. }
        ));
        assert_eq!(judge("jobs", Matcher::None, "units/jobs", 0, "No jobs running.\n"), Verdict::Met);
        assert_eq!(
            missed(&judge("jobs", Matcher::None, "units/jobs", 0, "137 x.service start running\n")).1,
            "x.service"
        );
        assert_eq!(
            cycles("a.target: Job b.socket/start deleted to break ordering cycle starting with c.service/start\n"),
            ["b.socket"]
        );
        assert_eq!(
            judge("version", equals("257"), "units/version", 0, "systemd 257 (257.9-1~deb13u1)\n+PAM\n"),
            Verdict::Met
        );
        assert_eq!(
            missed(&judge(
                "tainted",
                Matcher::None,
                "systemd/manager",
                0,
                "Version=257\nTainted=unmerged-bin:old-kernel\n"
            ))
            .1,
            "unmerged-bin, old-kernel"
        );
    }
}
