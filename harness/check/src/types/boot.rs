//! `boot`: how this boot went: systemd's own time stamps.

use muster_suite::baseline;
use muster_suite::grammar::{system, systemd};
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{FixedReading, key, keys, read, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::types::boot_baseline;
use crate::unreadable::{Read, Unreadable};
use crate::{statistics, value};
use muster_base::text::one_line;
use muster_boot_time::systemctl_show::{self, ManagerStamps};
use muster_boot_time::units::{self, UnitShare};
use muster_record::facts::Facts;
use muster_suite::model::{Assertion, Expectation};

const ATTRIBUTES: &[Attribute] = &[
    attribute("finished", AttributeKind::Bool, "Whether the boot has finished: no start job is left."),
    attribute(
        "total",
        AttributeKind::Samples(&AttributeKind::Duration),
        "All phases that the machine reports, to the end of the start jobs.",
    ),
    attribute(
        "firmware",
        AttributeKind::Samples(&AttributeKind::Duration),
        "Time in the firmware; no value when it is not reported.",
    ),
    attribute(
        "loader",
        AttributeKind::Samples(&AttributeKind::Duration),
        "Time in the boot loader; no value when it is not reported.",
    ),
    attribute("kernel", AttributeKind::Samples(&AttributeKind::Duration), "Kernel start to initrd or to systemd."),
    attribute(
        "initrd",
        AttributeKind::Samples(&AttributeKind::Duration),
        "Time in the initrd; no value when there is none.",
    ),
    attribute(
        "userspace",
        AttributeKind::Samples(&AttributeKind::Duration),
        "systemd of the real root to the end of the start jobs.",
    ),
    attribute("target", AttributeKind::Text, "The default target."),
    attribute(
        "target-reached",
        AttributeKind::Samples(&AttributeKind::Duration),
        "systemd of the real root to the default target; no value when it was not reached.",
    ),
    attribute(
        "security",
        AttributeKind::Samples(&AttributeKind::Duration),
        "Time systemd took to load security policies.",
    ),
    attribute("generators", AttributeKind::Samples(&AttributeKind::Duration), "Time the generators took."),
    attribute("units-load", AttributeKind::Samples(&AttributeKind::Duration), "Time systemd took to load unit files."),
    attribute(
        "units",
        AttributeKind::Map(&systemd::UNIT, &AttributeKind::Duration),
        "By unit: how long its activation took, as `systemd-analyze blame` says; the median of several boots; no value when it was not activated.",
    ),
    attribute(
        "unit-share",
        AttributeKind::Share(100),
        "Part of userspace, in percent, that the unit takes which alone adds most to the critical chain to the default target.",
    ),
    attribute("firmware-kind", AttributeKind::Keyword(&["uefi", "bios"]), "How the machine was started."),
    attribute("secure-boot", AttributeKind::Bool, "Whether Secure Boot is on; false on BIOS machines."),
    attribute(
        "loader-name",
        AttributeKind::Text,
        "Boot loader, as it reported itself to systemd (`LoaderInfo`); no value when it did not.",
    ),
    attribute(
        "entries",
        AttributeKind::Set(&system::BOOT_ENTRY),
        "Ids of Boot Loader Specification entries on the boot file systems.",
    ),
    attribute("count", AttributeKind::Integer, "Boots that the journal knows of."),
    attribute(
        baseline::ATTRIBUTE,
        AttributeKind::Baseline,
        "How much more the later boots of `boot-samples` take than those of a file; no growth when the difference may be chance.",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "boot",
    summary: "How this boot went: systemd's own time stamps.",
    subject: Subject::Whole,
    shorthand: Shorthand::None,
    gone: &[],
    attributes: ATTRIBUTES,
    reads: "`systemctl show` (manager time stamps, unit time stamps), EFI variables, /boot and the ESP.",
    example: r#"boot:
  finished: true
  userspace: "<= 8s"
  initrd: "<= 4s"
  units: {NetworkManager-wait-online.service: "<= 3s"}
"#,
};

/// The check type.
pub struct Boot;

impl Check for Boot {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        let mut probes = read(wanted, SOURCES);
        probes.extend(Probe::batch_with("boot/units", 30, "systemctl", &keys(wanted, "units"), r#"systemctl show --no-pager -p Id -p LoadState -p ActiveEnterTimestampMonotonic -p InactiveExitTimestampMonotonic -p InactiveEnterTimestampMonotonic -- "$1""#));
        probes
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        let samples = seen.samples();
        let found = verdicts(&TABLE, expectation, |assertion| match (samples.as_slice(), assertion.attribute) {
            (_, baseline::ATTRIBUTE) => boot_baseline::growth(assertion, seen),
            (samples @ [_, ..], "units") => over(samples, "median", |sample| look(assertion, sample)),
            (samples @ [_, ..], name) if OF_MANAGER.contains(&name) && !matches!(name, "finished" | "unit-share") => {
                let statistic = assertion.key.as_deref().unwrap_or("median");
                over(samples, statistic, |sample| look(assertion, sample))
            }
            _ => look(assertion, seen),
        });
        let explained = found.into_iter().zip(&expectation.assertions).map(|(verdict, assertion)| match assertion {
            Assertion { attribute: baseline::ATTRIBUTE, .. } => boot_baseline::explained(verdict, assertion, seen),
            Assertion { attribute: "unit-share", .. } => named(verdict, seen),
            _ => verdict,
        });
        explained.collect()
    }
}

/// A figure over several boots. It must be known of each: a boot in which nothing was measured is
/// neither fast nor slow.
fn over(samples: &[Observations], statistic: &str, look: impl Fn(&Observations) -> Read<Value>) -> Read<Value> {
    let mut figures = Vec::new();
    for (number, sample) in samples.iter().enumerate() {
        match look(sample).map_err(|why| Unreadable::new(format!("boot {}: {why}", number + 1)))? {
            Value::Text(text) => {
                let seconds = value::duration(&text)
                    .ok_or_else(|| Unreadable::new(format!("boot {}: `{text}` is no duration", number + 1)))?;
                figures.push((seconds * 1e6).round() as u64);
            }
            Value::Absent(why) => {
                return Ok(Value::absent(format!("{why} in boot {} of {}", number + 1, samples.len())));
            }
            other => return Ok(other),
        }
    }
    let figure = statistics::of(&figures, statistic)
        .ok_or_else(|| Unreadable::new(format!("`{statistic}` is not a statistic")))?;
    Ok(Value::text(value::of_micros(figure)))
}

/// The value of an attribute in one boot.
fn look(assertion: &Assertion, seen: &Observations) -> Read<Value> {
    let manager = || seen.output("systemd/manager");
    let phase_of = |name: &str| -> Read<Value> {
        Ok(phase(&stamps(&manager()?)?, name)?
            .map_or_else(|| Value::absent("not reported"), |micros| Value::text(value::of_micros(micros))))
    };
    match assertion.attribute {
        "finished" => Ok(Value::flag(stamps(&manager()?)?.get("Finish").is_some())),
        "total" | "firmware" | "loader" | "kernel" | "initrd" | "userspace" | "security" | "generators"
        | "units-load" => phase_of(assertion.attribute),
        "units" => {
            let unit = key(assertion)?;
            let answer = seen.answer("boot/units", unit)?;
            let shown = systemctl_show::units(&answer.output);
            let (0, Some(properties)) = (answer.status, shown.first()) else {
                return Err(Unreadable::new(answer.output));
            };
            if properties.get("LoadState") == Some(&"not-found") {
                return Ok(Value::gone(format!("{unit} is not-found")));
            }
            Ok(systemctl_show::activation(properties).map_or_else(
                || Value::absent("it was not activated"),
                |(began, done)| Value::text(value::of_micros(done - began)),
            ))
        }
        "target" => seen.line("units/default").map(Value::Text),
        "target-reached" => {
            let text = seen.output("boot/target")?;
            let shown = systemctl_show::units(&text);
            let reached = shown
                .first()
                .and_then(|unit| unit.get("ActiveEnterTimestampMonotonic"))
                .and_then(|stamp| systemctl_show::moment(stamp));
            let userspace = stamps(&manager()?)?.get("Userspace").unwrap_or(0);
            Ok(match reached.filter(|stamp| *stamp > userspace) {
                Some(reached) => Value::text(value::of_micros(reached - userspace)),
                None => Value::absent("it was not reached"),
            })
        }
        "unit-share" => unit_share(seen).map(|share| Value::text(format!("{:.1}", share.percent()))),
        "firmware-kind" => Ok(Value::text(if seen.flag("boot/efi")? == Value::flag(true) { "uefi" } else { "bios" })),
        "secure-boot" => seen.flag("boot/secure-boot"),
        "loader-name" => Ok(match seen.line("boot/loader")?.strip_prefix("told ") {
            Some(name) => Value::text(name.trim_matches(['\0', '\x06', '\x07', ' '])),
            None => Value::absent("the boot loader reported no name"),
        }),
        "entries" => seen.names("boot/entries").map(Value::Items),
        "count" => {
            let text = seen.output("boot/list")?;
            let count = text
                .lines()
                .filter(|line| line.split_whitespace().next().is_some_and(|word| word.parse::<i32>().is_ok()))
                .count();
            if count == 0 {
                Err(Unreadable::new("the journal lists no boot"))
            } else {
                Ok(Value::text(count.to_string()))
            }
        }
        _ => unanswered(assertion),
    }
}

/// What the manager's own stamps are read for.
const OF_MANAGER: &[&str] = &[
    "finished",
    "total",
    "firmware",
    "loader",
    "kernel",
    "initrd",
    "userspace",
    "security",
    "generators",
    "units-load",
    "target-reached",
    "unit-share",
];

/// Of every unit what [`units::read`] needs.
const ACTIVATIONS: &str = "systemctl show --no-pager -p Id -p After -p InactiveExitTimestampMonotonic -p ActiveEnterTimestampMonotonic -p InactiveEnterTimestampMonotonic -- '*'";

const SOURCES: &[FixedReading] = &[
    FixedReading { attributes: OF_MANAGER, key: "systemd/manager", seconds: 20, script: "systemctl show --no-pager" },
    FixedReading { attributes: &["unit-share"], key: "boot/activations", seconds: 30, script: ACTIVATIONS },
    FixedReading {
        attributes: &["target", "unit-share"],
        key: "units/default",
        seconds: 20,
        script: "systemctl get-default",
    },
    FixedReading {
        attributes: &["target-reached"],
        key: "boot/target",
        seconds: 20,
        script: "target=$(systemctl get-default) || exit 1\nsystemctl show --no-pager -p Id -p ActiveEnterTimestampMonotonic -- \"$target\"",
    },
    FixedReading {
        attributes: &["firmware-kind"],
        key: "boot/efi",
        seconds: 10,
        script: "[ -d /sys/firmware ] || { echo '/sys is not mounted' >&2; exit 1; }\nif [ -d /sys/firmware/efi ]; then echo true; else echo false; fi",
    },
    FixedReading {
        attributes: &["secure-boot"],
        key: "boot/secure-boot",
        seconds: 10,
        // Four bytes of attributes, then 0 or 1.
        script: "[ -d /sys/firmware ] || { echo '/sys is not mounted' >&2; exit 1; }\n[ -d /sys/firmware/efi ] || { echo false; exit; }\nfile=/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c\n[ -d /sys/firmware/efi/efivars ] && [ -n \"$(echo /sys/firmware/efi/efivars/*-*)\" ] && [ -e /sys/firmware/efi/efivars/BootOrder-8be4df61-93ca-11d2-aa0d-00e098032b8c -o -e \"$file\" ] || { echo 'EFI variables cannot be read' >&2; exit 1; }\n[ -e \"$file\" ] || { echo false; exit; }\ncase $(od -An -t u1 \"$file\") in *' 1') echo true;; *' 0') echo false;; *) echo 'the SecureBoot variable has another shape' >&2; exit 1;; esac",
    },
    FixedReading {
        attributes: &["loader-name"],
        key: "boot/loader",
        seconds: 10,
        script: "[ -d /sys/firmware ] || { echo '/sys is not mounted' >&2; exit 1; }\nfile=/sys/firmware/efi/efivars/LoaderInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f\n[ -e $file ] || { echo untold; exit; }\nname=$(tr -d '\\000-\\037' <$file) && [ -n \"$name\" ] || { echo 'LoaderInfo cannot be read' >&2; exit 1; }\necho \"told $name\"",
    },
    FixedReading {
        attributes: &["entries"],
        key: "boot/entries",
        seconds: 10,
        script: "printf 'names:'\nfor dir in /boot /efi /boot/efi; do\nfor file in $dir/loader/entries/*.conf $dir/EFI/Linux/*.efi; do [ ! -e \"$file\" ] || { file=${file##*/}; printf '%s/' \"${file%.conf}\"; }; done\ndone",
    },
    FixedReading {
        attributes: &["count"],
        key: "boot/list",
        seconds: 30,
        script: "journalctl --list-boots --no-pager -q",
    },
];

/// The manager's moments.
fn stamps(text: &str) -> Read<ManagerStamps<'_>> {
    let stamps = ManagerStamps::read(text);
    if stamps.names("Userspace") { Ok(stamps) } else { Err(Unreadable::new("systemctl show names no time stamps")) }
}

fn unfinished() -> Unreadable {
    Unreadable::new("the boot has not finished, so that its length is not known")
}

/// A phase in microseconds. Firmware and loader stamps count backwards from the kernel's start;
/// this is the arithmetic of systemd-analyze.
fn phase(stamps: &ManagerStamps<'_>, name: &str) -> Read<Option<u64>> {
    let stamp = |name: &str| stamps.get(name);
    let (firmware, loader) = (stamp("Firmware"), stamp("Loader"));
    let (initrd, userspace, finish) = (stamp("InitRD"), stamp("Userspace"), stamp("Finish"));
    let between = |start: &str, end: &str| Some(stamp(end)?.saturating_sub(stamp(start)?));
    Ok(match name {
        "firmware" => firmware.map(|firmware| firmware.saturating_sub(loader.unwrap_or(0))),
        "loader" => loader,
        "kernel" => initrd.or(userspace),
        "initrd" => initrd.and_then(|initrd| userspace.map(|userspace| userspace.saturating_sub(initrd))),
        "userspace" => Some(finish.ok_or_else(unfinished)?.saturating_sub(userspace.unwrap_or(0))),
        "total" => Some(finish.ok_or_else(unfinished)? + firmware.or(loader).unwrap_or(0)),
        "security" => between("SecurityStart", "SecurityFinish"),
        "generators" => between("GeneratorsStart", "GeneratorsFinish"),
        _ => between("UnitsLoadStart", "UnitsLoadFinish"),
    })
}

/// The unit that alone adds most to the critical chain of this boot.
fn unit_share(seen: &Observations) -> Read<UnitShare> {
    let manager = seen.output("systemd/manager")?;
    let stamps = stamps(&manager)?;
    let finish = stamps.get("Finish").ok_or_else(unfinished)?;
    let target = seen.line("units/default")?;
    let shown = seen.output("boot/activations")?;
    let share = units::largest_share(&units::read(&shown), &target, stamps.get("Userspace").unwrap_or(0), finish);
    // A boot of which no unit is known has not been looked at.
    share.ok_or_else(|| Unreadable::new(format!("no critical chain leads to {}", one_line(&target, 80))))
}

/// A missed bound with the unit that takes so much.
fn named(verdict: Verdict, seen: &Observations) -> Verdict {
    match (verdict, unit_share(seen)) {
        (Verdict::Missed { expected, actual, detail }, Ok(share)) => {
            let (own, whole) = (value::of_micros(share.micros), value::of_micros(share.userspace));
            let actual = format!("{actual}: {} alone takes {own} of {whole}", one_line(&share.unit, 80));
            Verdict::Missed { expected, actual, detail }
        }
        (verdict, _) => verdict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{equals, expectation, missed, reply, seen};
    use muster_suite::model::{Matcher, Operator};

    /// `4.160s (firmware) + 2.796s (loader) + 2.000s (kernel) + 3.831s (initrd) + 18.885s (userspace) = 31.673s`.
    const MANAGER: &str = "Version=257\nFirmwareTimestampMonotonic=6956000\nLoaderTimestampMonotonic=2796000\nKernelTimestampMonotonic=0\nInitRDTimestampMonotonic=2000000\nUserspaceTimestampMonotonic=5831000\nFinishTimestampMonotonic=24717000\nGeneratorsStartTimestampMonotonic=6000000\nGeneratorsFinishTimestampMonotonic=6100000\n";

    fn evaluate(attribute: &'static str, matcher: Matcher, text: &str) -> Verdict {
        Boot.evaluate(
            &expectation("boot", "", &[(attribute, matcher)]),
            &seen("systemd/manager", reply(0, text)),
            &Facts::default(),
        )
        .remove(0)
    }

    #[test]
    fn phases_are_computed_as_systemd_analyze_does() {
        for (phase, length) in [
            ("firmware", "4.160s"),
            ("loader", "2.796s"),
            ("kernel", "2s"),
            ("initrd", "3.831s"),
            ("userspace", "18.886s"),
            ("total", "31.673s"),
            ("generators", "100ms"),
        ] {
            assert_eq!(evaluate(phase, equals(length), MANAGER), Verdict::MET, "{phase}");
        }
        let at_most = Matcher::Compare(vec![(Operator::Le, "8s".into())]);
        assert_eq!(missed(&evaluate("userspace", at_most.clone(), MANAGER)), ("userspace <= 8s", "18.886s"));
        assert_eq!(missed(&evaluate("security", at_most, MANAGER)).1, "not reported");
    }

    #[test]
    fn of_several_boots_the_statistic_is_evaluated_and_none_may_be_missing() {
        // Userspace took 18.886 s, 8.886 s and 28.886 s.
        let boot = |finish: u64| {
            let text =
                MANAGER.replace("FinishTimestampMonotonic=24717000", &format!("FinishTimestampMonotonic={finish}"));
            seen("systemd/manager", reply(0, &text))
        };
        let mut all = seen("systemd/manager", reply(0, MANAGER));
        for (number, finish) in [24_717_000, 14_717_000, 34_717_000].into_iter().enumerate() {
            let key = crate::check::sample_key(number, "systemd/manager");
            all.0.insert(key, boot(finish).0["systemd/manager"].clone());
        }
        let ask = |key: Option<&str>, bound: &str, all: &Observations| {
            let bound = Matcher::Compare(vec![(Operator::Le, bound.into())]);
            let mut wanted = expectation("boot", "", &[("userspace", bound)]);
            wanted.assertions[0].key = key.map(str::to_owned);
            Boot.evaluate(&wanted, all, &Facts::default()).remove(0)
        };
        assert_eq!(ask(None, "18.9s", &all), Verdict::MET);
        assert_eq!(missed(&ask(Some("median"), "8.9s", &all)), ("userspace.median <= 8.9s", "18.886s"));
        assert_eq!(ask(Some("min"), "8.9s", &all), Verdict::MET);
        assert_eq!(missed(&ask(Some("p95"), "20s", &all)).1, "28.886s");
        let key = crate::check::sample_key(1, "systemd/manager");
        all.0.insert(key, boot(0).0["systemd/manager"].clone());
        assert!(matches!(ask(None, "60s", &all), Verdict::Unknown { why } if why.starts_with("boot 2: ")));
    }

    /// A boot whose userspace began at 5.831 s and was finished at 24.717 s, and in which one unit takes so long.
    fn chain_of(seconds: u64, manager: &str) -> Observations {
        let unit = |id: &str, began: u64, done: u64, after: &str| {
            format!(
                "Id={id}\nAfter={after}\nInactiveExitTimestampMonotonic={began}\nActiveEnterTimestampMonotonic={done}\n\
                 InactiveEnterTimestampMonotonic=0\n\n"
            )
        };
        let slow = 10_000_000 + seconds * 1_000_000;
        let shown = [
            unit("slow.service", 10_000_000, slow, ""),
            unit("multi-user.target", slow, slow, "slow.service"),
            // As long as all of userspace, and nothing waited for it.
            unit("apart.service", 5_900_000, 24_000_000, ""),
        ];
        let replies = [
            ("systemd/manager", reply(0, manager)),
            ("units/default", reply(0, "multi-user.target\n")),
            ("boot/activations", reply(0, &shown.concat())),
        ];
        Observations(replies.map(|(key, reply)| (key.to_owned(), reply)).into())
    }

    fn share(bound: &str, seen: &Observations) -> Verdict {
        let bound = Matcher::Compare(vec![(Operator::Le, bound.into())]);
        Boot.evaluate(&expectation("boot", "", &[("unit-share", bound)]), seen, &Facts::default()).remove(0)
    }

    #[test]
    fn the_share_of_a_unit_is_what_it_adds_to_the_chain_and_names_it() {
        // 9 s of 18.886 s.
        let seen = chain_of(9, MANAGER);
        assert_eq!(share("47.7", &seen), Verdict::MET);
        assert_eq!(
            missed(&share("40", &seen)),
            ("unit-share <= 40", "47.7: slow.service alone takes 9.000s of 18.886s")
        );
        let unfinished = MANAGER.replace("FinishTimestampMonotonic=24717000", "FinishTimestampMonotonic=0");
        for (seen, why) in [
            (chain_of(9, &unfinished), "has not finished"),
            (chain_of(9, "Version=257\n"), "names no time stamps"),
            (self::seen("systemd/manager", reply(0, MANAGER)), ""),
        ] {
            assert!(matches!(share("100", &seen), Verdict::Unknown { why: found } if found.contains(why)));
        }
        let mut apart = chain_of(9, MANAGER);
        apart.0.insert("units/default".into(), reply(0, "graphical.target\n"));
        assert!(matches!(share("100", &apart), Verdict::Unknown { why } if why.contains("graphical.target")));
        let wanted = expectation("boot", "", &[("unit-share", equals("1"))]);
        let probes = Boot.probes(&[&wanted], &Facts::default());
        assert_eq!(probes.len(), 3);
        assert!(units::PROPERTIES.iter().all(|name| ACTIVATIONS.contains(&format!(" -p {name} "))), "{ACTIVATIONS}");
    }

    #[test]
    fn a_stamp_that_says_infinity_is_no_moment() {
        let never = "FinishTimestampMonotonic=18446744073709551615";
        let text = MANAGER.replace("FinishTimestampMonotonic=24717000", never);
        assert_eq!(evaluate("finished", equals("false"), &text), Verdict::MET);
        assert!(matches!(evaluate("total", equals("1s"), &text), Verdict::Unknown { .. }));
    }

    #[test]
    fn a_boot_that_has_not_finished_has_no_length() {
        let text = MANAGER.replace("FinishTimestampMonotonic=24717000", "FinishTimestampMonotonic=0");
        assert_eq!(evaluate("finished", equals("false"), &text), Verdict::MET);
        assert!(
            matches!(evaluate("total", equals("1s"), &text), Verdict::Unknown { why } if why.contains("not finished"))
        );
        assert!(matches!(evaluate("finished", equals("false"), "Version=257\n"), Verdict::Unknown { .. }));
    }
}
