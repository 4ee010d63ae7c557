//! `units`: systemd as a whole.

use muster_boot_time::systemctl_show::units as shown;
use muster_suite::grammar::systemd;
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{FixedReading, key, read, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::unit_list::{self, Unit, UnitFile};
use crate::unreadable::{Read, Unreadable};
use crate::{journal, restarts};
use muster_record::facts::Facts;
use muster_suite::model::Expectation;
use std::collections::BTreeMap;

const ATTRIBUTES: &[Attribute] = &[
    attribute(
        "state",
        AttributeKind::Keyword(&[
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
    attribute("failed", AttributeKind::Set(&systemd::UNIT), "Failed units."),
    attribute("jobs", AttributeKind::Set(&systemd::UNIT), "Units with a queued or running job."),
    attribute("active", AttributeKind::Set(&systemd::UNIT), "Active units."),
    attribute("enabled", AttributeKind::Set(&systemd::UNIT_FILE), "Enabled unit files."),
    attribute("masked", AttributeKind::Set(&systemd::UNIT_FILE), "Masked unit files."),
    attribute("generated", AttributeKind::Set(&systemd::UNIT), "Units made by generators."),
    attribute("timers", AttributeKind::Set(&systemd::UNIT), "Active timers."),
    attribute("sockets", AttributeKind::Set(&systemd::UNIT), "Listening sockets."),
    attribute(
        "not-by-preset",
        AttributeKind::Set(&systemd::UNIT_FILE),
        "Unit files that are enabled although the presets disable them, or disabled although the presets enable them.",
    ),
    attribute(
        "not-found",
        AttributeKind::Set(&systemd::UNIT),
        "Units that others want or require (Wants=, Requires=, Requisite=, BindsTo=, Upholds=) and that do not exist; not those that others are only ordered after.",
    ),
    attribute(
        "restarting",
        AttributeKind::Set(&systemd::UNIT),
        "Services in a crash loop: waiting for an automatic restart after two or more, or restarted three times and more, the last time within five minutes.",
    ),
    attribute(
        "restarted",
        AttributeKind::Set(&systemd::UNIT),
        "Services that were restarted automatically since the root file system took over from the initrd, whether or not they are well now.",
    ),
    attribute("needs-reload", AttributeKind::Set(&systemd::UNIT), "Units whose files changed since systemd read them."),
    attribute(
        "ordering-cycles",
        AttributeKind::Set(&systemd::UNIT),
        "Units whose job systemd deleted to break an ordering cycle in this boot.",
    ),
    attribute("default-target", AttributeKind::Text, "`systemctl get-default`."),
    attribute("version", AttributeKind::Integer, "Major version of systemd."),
    attribute(
        "tainted",
        AttributeKind::Set(&systemd::TAINTS),
        "systemd's own taint flags (`unmerged-bin`, `cgroupsv1`).",
    ),
    attribute(
        "manager",
        AttributeKind::Map(&systemd::PROPERTY, &AttributeKind::Loose),
        "Properties of the manager (`DefaultTimeoutStartUSec`, `ShowStatus`).",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "units",
    summary: "systemd as a whole.",
    subject: Subject::Whole,
    shorthand: Shorthand::None,
    gone: &[],
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

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        verdicts(&TABLE, expectation, |assertion| {
            let loaded = |chosen: &dyn Fn(&Unit) -> bool| -> Read<Value> {
                let text = seen.output(LIST)?;
                let units = unit_list::units(&text)?;
                if units.is_empty() {
                    return Err(Unreadable::new("systemctl list-units --all lists nothing"));
                }
                Ok(Value::items(units.iter().filter(|unit| chosen(unit)).map(|unit| unit.name)))
            };
            let files = |chosen: &dyn Fn(&UnitFile) -> bool| -> Read<Value> {
                let text = seen.output(FILES)?;
                let files = unit_list::files(&text)?;
                if files.is_empty() {
                    return Err(Unreadable::new("systemctl list-unit-files lists nothing"));
                }
                Ok(Value::items(files.iter().filter(|file| chosen(file)).map(|file| file.name)))
            };
            // What `systemctl show` says of units, after those that were listed.
            let shown_of = |key: &str| -> Read<Vec<BTreeMap<String, String>>> {
                let text = seen.output(key)?;
                let (list, rest) =
                    text.split_once("\nshown\n").ok_or_else(|| Unreadable::new(format!("reading {key} is torn")))?;
                let listed = unit_list::units(list)?;
                let shown: Vec<BTreeMap<String, String>> = shown(rest).into_iter().map(owned).collect();
                match listed
                    .iter()
                    .find(|unit| !shown.iter().any(|shown| shown.get("Id").is_some_and(|id| id == unit.name)))
                {
                    Some(unit) => Err(Unreadable::new(format!("systemctl show says nothing of {}", unit.name))),
                    None => Ok(shown),
                }
            };
            match assertion.attribute {
                "state" => {
                    let reply = seen.reply("units/state")?;
                    let text = String::from_utf8_lossy(&reply.stdout).trim().to_owned();
                    if text.is_empty() {
                        Err(crate::check::failure("units/state", reply))
                    } else {
                        Ok(Value::Text(text))
                    }
                }
                "failed" => loaded(&|unit| unit.active == "failed"),
                "active" => loaded(&|unit| unit.active == "active"),
                "timers" => loaded(&|unit| unit.active == "active" && unit.name.ends_with(".timer")),
                "sockets" => loaded(&|unit| unit.active == "active" && unit.name.ends_with(".socket")),
                "not-found" => {
                    let units = shown_of("units/not-found")?;
                    let needed = |unit: &&BTreeMap<String, String>| {
                        NEEDED_BY.iter().any(|name| unit.get(*name).is_some_and(|by| !by.is_empty()))
                    };
                    Ok(Value::items(units.iter().filter(needed).filter_map(|unit| unit.get("Id").cloned())))
                }
                "restarting" => {
                    let all = restarts::counted(&seen.output(restarts::COUNTS_KEY)?)?;
                    Ok(Value::items(all.into_iter().filter(restarts::Restarted::loops).map(|one| one.unit)))
                }
                "restarted" => {
                    let mut names = Vec::new();
                    for one in restarts::counted(&seen.output(restarts::COUNTS_KEY)?)? {
                        if one.count > restarts::of_switch_root(&seen.output(restarts::LOG_KEY)?, &one.unit)? {
                            names.push(one.unit);
                        }
                    }
                    Ok(Value::items(names))
                }
                "jobs" => unit_list::jobs(&seen.output("units/jobs")?).map(Value::items),
                "enabled" => files(&|file| file.state == "enabled" || file.state == "enabled-runtime"),
                "masked" => files(&|file| file.state == "masked" || file.state == "masked-runtime"),
                "generated" => files(&|file| file.state == "generated"),
                "not-by-preset" => {
                    let text = seen.output(FILES)?;
                    if !unit_list::files(&text)?.iter().any(|file| file.preset.is_some()) {
                        return Err(Unreadable::new("this systemd does not list presets"));
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
                    let units = shown(&text);
                    if !units.iter().any(|unit| unit.contains_key("Id") && unit.contains_key("NeedDaemonReload")) {
                        return Err(Unreadable::new("systemctl show names no unit"));
                    }
                    let stale = units.into_iter().filter(|unit| unit.get("NeedDaemonReload") == Some(&"yes"));
                    Ok(Value::items(stale.filter_map(|unit| unit.get("Id").map(|id| (*id).to_owned()))))
                }
                "ordering-cycles" => Ok(Value::items(cycles(journal::read(&seen.output("units/cycles")?)?))),
                "default-target" => seen.line("units/default").map(Value::Text),
                "version" => {
                    let text = seen.output("units/version")?;
                    let number = text.split_whitespace().nth(1).filter(|word| word.parse::<u32>().is_ok());
                    number.map(Value::text).ok_or_else(|| {
                        let said = text.lines().next().unwrap_or_default();
                        Unreadable::new(format!("systemctl --version says `{said}`"))
                    })
                }
                "tainted" | "manager" => {
                    let text = seen.output("systemd/manager")?;
                    let manager = shown(&text).into_iter().next().unwrap_or_default();
                    if !manager.contains_key("Version") {
                        return Err(Unreadable::new("systemctl show does not name the version of the manager"));
                    }
                    match assertion.attribute {
                        "tainted" => Ok(Value::items(
                            manager.get("Tainted").unwrap_or(&"").split(':').filter(|flag| !flag.is_empty()),
                        )),
                        _ => {
                            let name = key(assertion)?;
                            Ok(manager.get(name).map_or_else(
                                || Value::gone("the manager has no such property"),
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

/// Properties that name who needs a unit: the other ends of Wants=, Requires=, Requisite=, BindsTo= and
/// Upholds= (systemd.unit(5)). After=, Before= and PartOf= need nothing to be there.
const NEEDED_BY: [&str; 5] = ["WantedBy", "RequiredBy", "RequisiteOf", "BoundBy", "UpheldBy"];

fn owned(unit: BTreeMap<&str, &str>) -> BTreeMap<String, String> {
    unit.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

const LIST: &str = "units/list";
const FILES: &str = "units/files";

const SOURCES: &[FixedReading] = &[
    // The exit status follows the state; the word is what counts.
    FixedReading { attributes: &["state"], key: "units/state", seconds: 20, script: "systemctl is-system-running" },
    FixedReading {
        attributes: &["failed", "active", "timers", "sockets"],
        key: LIST,
        seconds: 20,
        script: "systemctl list-units --all --full --plain --no-pager",
    },
    FixedReading {
        attributes: &["not-found"],
        key: "units/not-found",
        seconds: 30,
        // systemd loads what others are only ordered after, too, so who needs each is asked.
        script: r#"list=$(systemctl list-units --all --state=not-found --full --plain --no-pager) || exit 1
printf '%s\nshown\n' "$list"
set -f; set --
while read -r name load rest; do
    case $name in '●'|'*') name=$load; load=${rest%% *};; esac
    [ "$load" != not-found ] || set -- "$@" "$name"
done <<LIST
$list
LIST
[ $# -eq 0 ] || systemctl show --no-pager -p Id -p WantedBy -p RequiredBy -p RequisiteOf -p BoundBy -p UpheldBy -- "$@""#,
    },
    FixedReading {
        attributes: &["restarting", "restarted"],
        key: restarts::COUNTS_KEY,
        seconds: 30,
        script: restarts::COUNTS,
    },
    FixedReading { attributes: &["restarted"], key: restarts::LOG_KEY, seconds: 60, script: restarts::LOG },
    FixedReading {
        attributes: &["jobs"],
        key: "units/jobs",
        seconds: 20,
        script: "systemctl list-jobs --full --plain --no-pager",
    },
    FixedReading {
        attributes: &["enabled", "masked", "generated", "not-by-preset"],
        key: FILES,
        seconds: 60,
        script: "systemctl list-unit-files --full --no-pager",
    },
    FixedReading {
        attributes: &["needs-reload"],
        key: "units/reload",
        seconds: 30,
        script: "systemctl show --no-pager -p Id -p NeedDaemonReload '*'",
    },
    FixedReading {
        attributes: &["ordering-cycles"],
        key: "units/cycles",
        seconds: 30,
        // While journald is away, between the initrd and the root file system or before it starts, systemd's messages
        // come by way of the kernel, and have no `_PID`.
        script: journal::entries!("-o cat _PID=1 + _TRANSPORT=kernel SYSLOG_IDENTIFIER=systemd"),
    },
    FixedReading {
        attributes: &["default-target"],
        key: "units/default",
        seconds: 20,
        script: "systemctl get-default",
    },
    FixedReading { attributes: &["version"], key: "units/version", seconds: 10, script: "systemctl --version" },
    FixedReading {
        attributes: &["tainted", "manager"],
        key: "systemd/manager",
        seconds: 20,
        script: "systemctl show --no-pager",
    },
];

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
    use crate::testing::{equals, expectation, missed, reply, seen};
    use muster_suite::model::Matcher;

    fn evaluate(attribute: &'static str, matcher: Matcher, key: &str, status: i32, text: &str) -> Verdict {
        Units
            .evaluate(
                &expectation("units", "", &[(attribute, matcher)]),
                &seen(key, reply(status, text)),
                &Facts::default(),
            )
            .remove(0)
    }

    #[test]
    fn failed_units_are_read_and_cut_lists_are_errors() {
        let list = "UNIT LOAD ACTIVE SUB DESCRIPTION\nssh.service loaded active running OpenBSD Secure Shell server\nbad.service loaded failed failed A bad one\n\n2 loaded units listed.\n";
        assert_eq!(missed(&evaluate("failed", Matcher::None, LIST, 0, list)), ("failed is none", "bad.service"));
        for cut in ["", "0 loaded units listed.\n", "ssh.service loaded active running x\n"] {
            assert!(matches!(evaluate("failed", Matcher::None, LIST, 0, cut), Verdict::Unknown { .. }), "{cut}");
        }
        assert!(matches!(evaluate("failed", Matcher::None, LIST, 1, list), Verdict::Unknown { .. }));
    }

    #[test]
    fn only_what_somebody_needs_is_not_found() {
        let text = "UNIT LOAD ACTIVE SUB DESCRIPTION\nordered.service not-found inactive dead ordered.service\nwanted.service not-found inactive dead wanted.service\n\n2 loaded units listed.\nshown\nId=ordered.service\n\nId=wanted.service\nWantedBy=multi-user.target\n";
        assert_eq!(missed(&evaluate("not-found", Matcher::None, "units/not-found", 0, text)).1, "wanted.service");
        let none = "UNIT LOAD ACTIVE SUB DESCRIPTION\n0 loaded units listed.\nshown\n";
        assert_eq!(evaluate("not-found", Matcher::None, "units/not-found", 0, none), Verdict::MET);
        // systemctl show that says nothing of one is not one that nobody needs.
        let silent = text.replace("Id=ordered.service\n", "");
        assert!(matches!(evaluate("not-found", Matcher::None, "units/not-found", 0, &silent), Verdict::Unknown { .. }));
    }

    #[test]
    fn loops_and_restarts_since_switch_root() {
        let counts = "uptime 90.0\nId=loop.service\nSubState=auto-restart\nNRestarts=4\nExecMainStartTimestampMonotonic=88000000\n\nId=systemd-journald.service\nSubState=running\nNRestarts=1\nExecMainStartTimestampMonotonic=69400000\n";
        assert_eq!(missed(&evaluate("restarting", Matcher::None, restarts::COUNTS_KEY, 0, counts)).1, "loop.service");
        let log = "InitRDTimestampMonotonic=1\nUserspaceTimestampMonotonic=57000000\n{\"_SOURCE_MONOTONIC_TIMESTAMP\":\"69389078\",\"MESSAGE\":\"systemd-journald.service: Scheduled restart job, restart counter is at 1.\"}\n";
        let seen = Observations(
            [(restarts::COUNTS_KEY, counts), (restarts::LOG_KEY, log)]
                .map(|(key, text)| (key.to_owned(), reply(0, text)))
                .into(),
        );
        let asked = expectation("units", "", &[("restarted", Matcher::None)]);
        assert_eq!(missed(&Units.evaluate(&asked, &seen, &Facts::default())[0]).1, "loop.service");
    }

    #[test]
    fn the_word_of_the_state_counts_not_the_status() {
        assert_eq!(evaluate("state", equals("degraded"), "units/state", 1, "degraded\n"), Verdict::MET);
        assert!(matches!(evaluate("state", equals("running"), "units/state", 1, ""), Verdict::Unknown { .. }));
    }

    /// A journalctl that takes groups of `FIELD=value`, which `+` separates, of two entries: one that systemd handed to
    /// journald, and one that came by way of the kernel.
    const JOURNALCTL: &str = r#"journalctl() {
    case " $* " in *' -o json '*) echo '{}'; return;; esac
    case " $*" in *' _PID=1'*) echo 'a.target: Job b.socket/start deleted to break ordering cycle starting with c.service/start';; esac
    case " $* " in *' _TRANSPORT=kernel SYSLOG_IDENTIFIER=systemd '*) echo 'firewalld.service: Job dbus.socket/start deleted to break ordering cycle starting with basic.target/start';; esac
}
"#;

    #[test]
    fn a_cycle_that_was_broken_while_journald_was_away_is_seen() {
        let wanted = expectation("units", "", &[("ordering-cycles", Matcher::None)]);
        let probes = Units.probes(&[&wanted], &Facts::default());
        let reply = crate::testing::with_tools(&[], &format!("{JOURNALCTL}{}", probes[0].script));
        let verdict = Units.evaluate(&wanted, &seen(&probes[0].key, reply), &Facts::default()).remove(0);
        assert_eq!(missed(&verdict).1, "b.socket, dbus.socket");
    }

    #[test]
    fn presets_and_jobs_and_cycles() {
        let files = "a.service enabled disabled\nb.service enabled enabled\nc.service disabled enabled\nd.mount static -\n\n4 unit files listed.\n";
        assert_eq!(missed(&evaluate("not-by-preset", Matcher::None, FILES, 0, files)).1, "a.service, c.service");
        assert!(matches!(
            evaluate("not-by-preset", Matcher::None, FILES, 0, "a.service enabled\n\n1 unit files listed.\n"),
            Verdict::Unknown { .. }
        ));
        assert_eq!(evaluate("jobs", Matcher::None, "units/jobs", 0, "No jobs running.\n"), Verdict::MET);
        assert_eq!(
            missed(&evaluate(
                "jobs",
                Matcher::None,
                "units/jobs",
                0,
                "137 x.service start running\n\n1 jobs listed.\n"
            ))
            .1,
            "x.service"
        );
        assert_eq!(
            cycles("a.target: Job b.socket/start deleted to break ordering cycle starting with c.service/start\n"),
            ["b.socket"]
        );
        assert_eq!(
            evaluate("version", equals("257"), "units/version", 0, "systemd 257 (257.9-1~deb13u1)\n+PAM\n"),
            Verdict::MET
        );
        assert_eq!(
            missed(&evaluate(
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
