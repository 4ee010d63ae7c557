//! `service`: a systemd unit of any type; `.service` when it has no suffix.

use muster_boot_time::systemctl_show::{Properties, activation, units};
use muster_suite::grammar::{paths, systemd};
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{key, subjects, unanswered, verdicts, wants, with_near};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::restarts;
use crate::unreadable::Unreadable;
use crate::{shell, value};
use muster_record::facts::Facts;
use muster_suite::model::Expectation;
use std::collections::BTreeSet;

const ATTRIBUTES: &[Attribute] = &[
    attribute(
        "loaded",
        AttributeKind::Keyword(&["loaded", "not-found", "masked", "error", "bad-setting", "merged", "stub"]),
        "LoadState.",
    ),
    attribute(
        "active",
        AttributeKind::Keyword(&[
            "active",
            "inactive",
            "failed",
            "activating",
            "deactivating",
            "reloading",
            "maintenance",
            "refreshing",
        ]),
        "ActiveState.",
    ),
    attribute("sub-state", AttributeKind::Text, "SubState (`running`, `exited`, `dead`, `listening`)."),
    attribute(
        "enabled",
        AttributeKind::Keyword(&[
            "enabled",
            "enabled-runtime",
            "linked",
            "linked-runtime",
            "alias",
            "masked",
            "masked-runtime",
            "static",
            "indirect",
            "disabled",
            "generated",
            "transient",
            "bad",
        ]),
        "UnitFileState.",
    ),
    attribute(
        "preset",
        AttributeKind::Keyword(&["enabled", "disabled", "ignored"]),
        "What the presets say of it (UnitFilePreset).",
    ),
    attribute("masked", AttributeKind::Bool, "Whether it is masked, for ever or for this boot."),
    attribute("result", AttributeKind::Text, "Result of its last run (`success`, `exit-code`, `timeout`)."),
    attribute(
        "restarts",
        AttributeKind::Integer,
        "How often it was restarted automatically since the root file system took over from the initrd: NRestarts, without the restart of what switch-root killed.",
    ),
    attribute("type", AttributeKind::Text, "Service type (`notify`, `oneshot`)."),
    attribute("user", AttributeKind::Text, "User it runs as; empty when the unit states none."),
    attribute("path", AttributeKind::Text, "The unit file (FragmentPath)."),
    attribute("drop-ins", AttributeKind::Set(&paths::PATH), "Drop-in files that are in effect."),
    attribute("wanted-by", AttributeKind::Set(&systemd::UNIT), "Units that want it."),
    attribute("required-by", AttributeKind::Set(&systemd::UNIT), "Units that require it."),
    attribute("after", AttributeKind::Set(&systemd::UNIT), "Units it is ordered after."),
    attribute(
        "needs-reload",
        AttributeKind::Bool,
        "Whether its files changed since systemd read them (NeedDaemonReload).",
    ),
    attribute("activation", AttributeKind::Duration, "How long its last activation took."),
    attribute("memory", AttributeKind::Size, "Memory it uses now (MemoryCurrent)."),
    attribute(
        "exposure",
        AttributeKind::Share(10),
        "`systemd-analyze security`: 0 (locked in) to 10 (everything open).",
    ),
    attribute(
        "properties",
        AttributeKind::Map(&systemd::PROPERTY, &AttributeKind::Loose),
        "Any property of `systemctl show`, by its name.",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "service",
    summary: "A systemd unit of any type; `.service` when it has no suffix.",
    subject: Subject::Named(&systemd::SERVICE),
    shorthand: Shorthand::Keywords(&[
        ("absent", "loaded", "not-found"),
        ("masked", "loaded", "masked"),
        ("active", "active", "active"),
        ("inactive", "active", "inactive"),
        ("enabled", "enabled", "enabled"),
        ("disabled", "enabled", "disabled"),
    ]),
    gone: &["loaded"],
    attributes: ATTRIBUTES,
    reads: "One `systemctl show` for all units; `systemd-analyze security` only for `exposure`.",
    example: r#"service:
  sshd: {active: active, enabled: enabled, restarts: 0, properties: {Restart: on-failure}}
  sshd.socket: disabled
  kdump: absent
"#,
};

/// The check type.
pub struct Service;

impl Check for Service {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, asked: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        let mut probes = Vec::new();
        let names: BTreeSet<String> = asked.iter().map(|expectation| unit(&expectation.subject)).collect();
        if !names.is_empty() {
            let names = shell::quote_all(names.iter().map(String::as_str));
            let script =
                format!("{}shown=$(systemctl show --no-pager -- {names}) || exit\n{SHOW}", shell::need("systemctl"));
            probes.push(Probe::new("service/show", 30, script));
        }
        if wants(asked, &["restarts"]) {
            probes.push(Probe::new(restarts::LOG_KEY, 60, restarts::LOG));
        }
        let exposed: BTreeSet<String> = subjects(asked, &["exposure"]).into_iter().map(unit).collect();
        probes.extend(Probe::batch_with(
            "service/exposure",
            60,
            "systemd-analyze",
            &exposed.iter().map(String::as_str).collect(),
            r#"systemd-analyze security --no-pager -- "$1" | tail -n 2"#,
        ));
        probes
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        let name = unit(&expectation.subject);
        let verdicts = verdicts(&TABLE, expectation, |assertion| {
            let text = seen.output("service/show")?;
            let unit = units(&text).into_iter().find(|unit| is_named(unit, &name));
            let unit = unit.ok_or_else(|| Unreadable::new(format!("systemctl show says nothing of {name}")))?;
            let property = |name: &str| unit.get(name).copied().unwrap_or_default();
            let loaded = property("LoadState");
            // systemd describes a unit that it does not know as one that does nothing: inactive, never
            // restarted, with the result `success`. One whose file went away while it ran is still there.
            let gone = loaded == "not-found" && property("ActiveState") == "inactive";
            if gone && assertion.attribute != "loaded" {
                return Ok(Value::gone(format!("{name} is {loaded}")));
            }
            if assertion.attribute == "exposure" {
                let answer = seen.answer("service/exposure", &name)?;
                return exposure(&answer.output)
                    .map(Value::text)
                    .ok_or_else(|| Unreadable::new(format!("systemd-analyze security: {}", answer.output)));
            }
            let text = |value: &str| {
                Ok(if value.is_empty() && loaded != "loaded" {
                    without_state(&name, loaded)
                } else {
                    Value::text(value)
                })
            };
            let items = |value: &str| Ok(Value::items(value.split_whitespace()));
            match assertion.attribute {
                "loaded" => Ok(Value::text(loaded)),
                "active" => Ok(Value::text(property("ActiveState"))),
                "sub-state" => Ok(Value::text(property("SubState"))),
                "enabled" => Ok(match property("UnitFileState") {
                    "" => without_state(&name, loaded),
                    state => Value::text(state),
                }),
                "preset" => Ok(match property("UnitFilePreset") {
                    "" => without_state(&name, loaded),
                    state => Value::text(state),
                }),
                "masked" => Ok(Value::flag(loaded == "masked" || property("UnitFileState").starts_with("masked"))),
                "result" => text(property("Result")),
                "restarts" => match property("NRestarts") {
                    "" => Ok(without_state(&name, loaded)),
                    "0" => Ok(Value::text("0")),
                    count => {
                        let count: u64 =
                            count.parse().map_err(|_| Unreadable::new(format!("NRestarts of {name} is `{count}`")))?;
                        let before = restarts::of_switch_root(&seen.output(restarts::LOG_KEY)?, property("Id"))?;
                        Ok(Value::text(count.saturating_sub(before).to_string()))
                    }
                },
                "type" => text(property("Type")),
                "user" => text(property("User")),
                "path" => Ok(Value::text_or(property("FragmentPath"), "no unit file")),
                "drop-ins" => items(property("DropInPaths")),
                "wanted-by" => items(property("WantedBy")),
                "required-by" => items(property("RequiredBy")),
                "after" => items(property("After")),
                "needs-reload" => Ok(Value::flag(property("NeedDaemonReload") == "yes")),
                "activation" => Ok(activation(&unit).map_or_else(
                    || Value::absent("it was not activated, or its activation has not ended"),
                    |(began, done)| Value::text(value::of_micros(done - began)),
                )),
                "memory" => Ok(match property("MemoryCurrent").parse::<u64>() {
                    Ok(bytes) if bytes < u64::MAX => Value::Text(value::of_bytes(bytes.into())),
                    _ => Value::absent("its memory is not accounted"),
                }),
                "properties" => {
                    let property = key(assertion)?;
                    Ok(unit.get(property).map_or_else(
                        || Value::gone(format!("{name} has no property {property}")),
                        |value| Value::text(*value),
                    ))
                }
                _ => unanswered(assertion),
            }
        });
        let shown = seen.output("service/show").unwrap_or_default();
        let gone =
            units(&shown).iter().any(|unit| is_named(unit, &name) && unit.get("LoadState") == Some(&"not-found"));
        if !gone {
            return verdicts;
        }
        with_near(verdicts, &name, shown.lines().filter_map(|line| line.strip_prefix(FILE)?.rsplit('/').next()))
    }
}

/// Prints what `systemctl show` said, and the unit files that are there when one of the units is not: the name may be misspelt. Their
/// names come from the shell: `systemctl list-unit-files` took 5 s of an emulated guest.
const SHOW: &str = r#"printf '%s\n' "$shown"
case $shown in *LoadState=not-found*)
  printf 'unit-file %s\n' /etc/systemd/system/*.* /usr/lib/systemd/system/*.* /lib/systemd/system/*.*;;
esac
exit 0"#;

/// What begins a line that names a unit file.
const FILE: &str = "unit-file ";

/// A unit's name, completed as systemctl does.
fn unit(subject: &str) -> String {
    match subject.rsplit_once('.') {
        Some((_, suffix)) if systemd::SUFFIXES.contains(&suffix) => subject.to_owned(),
        _ => format!("{subject}.service"),
    }
}

fn without_state(name: &str, loaded: &str) -> Value {
    if loaded == "not-found" {
        Value::gone(format!("{name} is {loaded}"))
    } else {
        Value::absent(format!("{name} has none"))
    }
}

/// The number of `→ Overall exposure level for sshd.service: 9.6 UNSAFE 😨`.
fn exposure(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("Overall exposure level for")?;
    let (_, rest) = rest.split_once(": ")?;
    rest.split_whitespace().next().filter(|number| value::number(number).is_some())
}

/// Whether a unit that systemctl showed is the one of that name: by its id or another name.
fn is_named(unit: &Properties<'_>, name: &str) -> bool {
    unit.get("Id") == Some(&name)
        || unit.get("Names").is_some_and(|names| names.split_whitespace().any(|other| other == name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{equals, expectation, missed, reply, seen};
    use muster_guest::Reply;
    use muster_suite::model::{Matcher, Operator};

    /// systemd 257, shortened.
    const SHOW: &str = "Type=notify\nRestart=on-failure\nNRestarts=0\nResult=success\nUser=\nMemoryCurrent=2519040\nId=ssh.service\nNames=ssh.service sshd.service\nWantedBy=multi-user.target\nAfter=network.target auditd.service\nLoadState=loaded\nActiveState=active\nSubState=running\nFragmentPath=/usr/lib/systemd/system/ssh.service\nDropInPaths=\nUnitFileState=enabled\nUnitFilePreset=enabled\nInactiveExitTimestampMonotonic=8000000\nActiveEnterTimestampMonotonic=8250000\nNeedDaemonReload=no\n\nId=kdump.service\nNames=kdump.service\nLoadState=not-found\nActiveState=inactive\nSubState=dead\nNRestarts=0\nUnitFileState=\nUnitFilePreset=\n\nId=evil.service\nNames=evil.service\nLoadState=masked\nActiveState=inactive\nUnitFileState=masked\n";

    fn evaluate(subject: &str, attribute: &'static str, matcher: Matcher) -> Verdict {
        let asked = expectation("service", subject, &[(attribute, matcher)]);
        Service.evaluate(&asked, &seen("service/show", reply(0, SHOW)), &Facts::default()).remove(0)
    }

    #[test]
    fn units_are_found_by_any_name_and_their_properties_are_read() {
        assert_eq!(evaluate("sshd", "active", equals("active")), Verdict::MET);
        assert_eq!(evaluate("ssh.service", "restarts", equals("0")), Verdict::MET);
        assert_eq!(evaluate("ssh", "wanted-by", Matcher::Only(vec!["multi-user.target".into()])), Verdict::MET);
        assert_eq!(evaluate("ssh", "activation", Matcher::Compare(vec![(Operator::Le, "250ms".into())])), Verdict::MET);
        assert_eq!(evaluate("ssh", "properties.Restart", equals("on-failure")), Verdict::MET);
        assert_eq!(missed(&evaluate("ssh", "properties.Nope", Matcher::None)).1, "ssh.service has no property Nope");
        assert_eq!(
            missed(&evaluate("ssh", "memory", Matcher::Compare(vec![(Operator::Le, "1 MiB".into())]))),
            ("memory <= 1 MiB", "2.4 MiB (2519040 B)")
        );
        assert_eq!(evaluate("ssh", "user", equals("")), Verdict::MET);
    }

    #[test]
    fn a_unit_that_is_not_there_is_neither_disabled_nor_without_restarts() {
        assert_eq!(evaluate("kdump", "loaded", equals("not-found")), Verdict::MET);
        assert_eq!(missed(&evaluate("kdump", "enabled", equals("disabled"))).1, "kdump.service is not-found");
        assert_eq!(missed(&evaluate("kdump", "active", equals("inactive"))).1, "kdump.service is not-found");
        let either = Matcher::AnyOf(vec![equals("inactive"), Matcher::Absent]);
        assert_eq!(evaluate("kdump", "active", either.clone()), Verdict::MET);
        assert_eq!(missed(&evaluate("ssh", "active", either)).1, "active");
        assert_eq!(missed(&evaluate("kdump", "restarts", equals("0"))).1, "kdump.service is not-found");
        assert_eq!(evaluate("evil", "masked", equals("true")), Verdict::MET);
        assert!(matches!(evaluate("other", "active", equals("inactive")), Verdict::Unknown { .. }));
        let asked = expectation("service", "x", &[("active", equals("inactive"))]);
        let gone = Reply { status: 127, stderr: b"systemctl: not found".to_vec(), ..Reply::default() };
        let verdict = Service.evaluate(&asked, &seen("service/show", gone), &Facts::default()).remove(0);
        assert!(matches!(verdict, Verdict::Unknown { why } if why.contains("systemctl: not found")));
    }

    #[test]
    fn a_unit_that_is_not_there_names_the_one_that_was_probably_meant() {
        let shown = "Id=sshdd.service\nNames=sshdd.service\nLoadState=not-found\nActiveState=inactive\n\nunit-file /lib/systemd/system/getty@.service\nunit-file /lib/systemd/system/sshd.service\n";
        let evaluate = |subject: &str, text: &str| {
            let asked = expectation("service", subject, &[("active", equals("active"))]);
            Service.evaluate(&asked, &seen("service/show", reply(0, text)), &Facts::default()).remove(0)
        };
        assert_eq!(missed(&evaluate("sshdd", shown)).1, "sshdd.service is not-found; did you mean `sshd.service`?");
        let stopped = shown.replace("not-found", "loaded");
        assert_eq!(missed(&evaluate("sshdd", &stopped)).1, "inactive");
    }

    #[test]
    fn exposure_is_read_from_the_last_line() {
        assert_eq!(exposure("x\n→ Overall exposure level for sshd.service: 9.6 UNSAFE 😨"), Some("9.6"));
        assert_eq!(exposure("Failed to load"), None);
        assert_eq!(unit("a.b"), "a.b.service");
    }
}
