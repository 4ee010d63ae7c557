//! `log`: the journal of this boot.

use muster_suite::grammar::systemd;
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{FixedReading, key, keys, read, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::journal;
use crate::observed::Value;
use crate::unreadable::Unreadable;
use crate::value;
use muster_record::facts::Facts;
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[
    attribute("errors", AttributeKind::Output, "Messages of priority err and worse, one a line, without time stamps."),
    attribute(
        "warnings",
        AttributeKind::Output,
        "Messages of priority warning and worse, one a line, without time stamps.",
    ),
    attribute("kernel", AttributeKind::Output, "All kernel messages."),
    attribute("all", AttributeKind::Output, "Everything, without time stamps."),
    attribute("units", AttributeKind::Map(&systemd::SERVICE, &AttributeKind::Output), "By unit: its messages."),
    attribute("size", AttributeKind::Size, "Disk space of the journal."),
    attribute("persistent", AttributeKind::Bool, "Whether it persists over reboots."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "log",
    summary: "The journal of this boot.",
    subject: Subject::Whole,
    shorthand: Shorthand::None,
    gone: &[],
    attributes: ATTRIBUTES,
    reads: "`journalctl -b`.",
    example: r#"log:
  errors: {lacks: [I/O error, "EXT4-fs error"]}
  units: {cloud-init.service: {lacks: [Traceback]}}
"#,
};

/// The check type.
pub struct Log;

impl Check for Log {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        let mut probes = read(wanted, SOURCES);
        probes.extend(Probe::batch_with("log/units", 60, "journalctl", &keys(wanted, "units"), OF_UNIT));
        probes
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        verdicts(&TABLE, expectation, |assertion| match assertion.attribute {
            "errors" => journal::read(&seen.output("log/errors")?).map(Value::text),
            "warnings" => journal::read(&seen.output("log/warnings")?).map(Value::text),
            "kernel" => journal::read(&seen.output("log/kernel")?).map(Value::text),
            "all" => journal::read(&seen.output("log/all")?).map(Value::text),
            "units" => {
                let unit = key(assertion)?;
                let answer = seen.answer("log/units", unit)?;
                let found = (answer.status == 0).then(|| answer.output.split_once("\nentries:")).flatten();
                let Some((load, said)) = found else { return Err(Unreadable::new(answer.output)) };
                let said = journal::messages(said.strip_prefix('\n').unwrap_or(said));
                Ok(match load {
                    "LoadState=not-found" if said.is_empty() => {
                        Value::gone(format!("there is no unit {unit}, and the journal has nothing of it"))
                    }
                    _ => Value::text(said),
                })
            }
            "size" => {
                let text = seen.line("log/size")?;
                // `Archived and active journals take up 8.0M in the file system.`
                let word = text.split_once("take up ").and_then(|(_, rest)| rest.split_whitespace().next());
                let amount = word.and_then(|word| {
                    let unit = word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
                    let unit = match unit {
                        "B" => "B",
                        "K" => "KiB",
                        "M" => "MiB",
                        "G" => "GiB",
                        "T" => "TiB",
                        _ => return None,
                    };
                    value::size(&format!("{} {unit}", word.trim_end_matches(|c: char| c.is_ascii_alphabetic())))
                });
                amount
                    .map(|bytes| Value::Text(value::of_bytes(bytes as u128)))
                    .ok_or_else(|| Unreadable::new(format!("journalctl --disk-usage says `{text}`")))
            }
            "persistent" => seen.flag("log/persistent"),
            _ => unanswered(assertion),
        })
    }
}

/// Messages of one unit, after what systemd knows of it: a unit that is not there says nothing, too.
const OF_UNIT: &str = r#"load=$(systemctl show --no-pager -p LoadState -- "$1") || { echo "systemctl: $load"; return 1; }
case $load in LoadState=?*) ;; *) echo "systemctl show says nothing of $1"; return 1;; esac
said=$(journalctl -b -o cat --no-pager -u "$1" 2>/dev/null) || { echo "journalctl ended with $?"; return 1; }
[ -n "$said" ] || case $(journalctl -b -n 1 -o json --no-pager -q) in
'{'*) ;; *) echo 'the journal has no entries of this boot, or cannot be read'; return 1;; esac
printf '%s\nentries:\n%s\n' "$load" "$said""#;

/// Each makes sure first that the journal has this boot at all: no journal has no errors, too.
const SOURCES: &[FixedReading] = &[
    FixedReading {
        attributes: &["errors"],
        key: "log/errors",
        seconds: 60,
        script: journal::entries!("-p err -o cat"),
    },
    FixedReading {
        attributes: &["warnings"],
        key: "log/warnings",
        seconds: 60,
        script: journal::entries!("-p warning -o cat"),
    },
    FixedReading {
        attributes: &["kernel"],
        key: "log/kernel",
        seconds: 60,
        script: concat!(journal::not_empty!("-k"), journal::entries!("-k -o cat")),
    },
    FixedReading { attributes: &["all"], key: "log/all", seconds: 120, script: journal::entries!("-o cat") },
    FixedReading { attributes: &["size"], key: "log/size", seconds: 30, script: "journalctl --disk-usage" },
    FixedReading {
        attributes: &["persistent"],
        key: "log/persistent",
        seconds: 10,
        script: "IFS= read -r id </etc/machine-id || exit 1\nif [ -d \"/var/log/journal/$id\" ]; then echo true; else echo false; fi",
    },
];
