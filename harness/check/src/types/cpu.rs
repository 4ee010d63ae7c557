//! `cpu`: the processor as the guest sees it.

use muster_suite::grammar::cpu;
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{FixedReading, read, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::unreadable::{Read, Unreadable};
use muster_record::facts::Facts;
use muster_suite::model::Expectation;

/// The levels of the x86-64 psABI, lowest first.
pub(super) const X86_LEVELS: &[&str] = &["x86-64-v1", "x86-64-v2", "x86-64-v3", "x86-64-v4"];

const ATTRIBUTES: &[Attribute] = &[
    attribute(
        "level",
        AttributeKind::Level(X86_LEVELS),
        "Highest x86-64 level of which it has every feature; no value on other architectures.",
    ),
    attribute("levels", AttributeKind::Set(&cpu::X86_LEVEL), "All x86-64 levels of which it has every feature."),
    attribute("flags", AttributeKind::Set(&cpu::CPU_FLAG), "Feature flags."),
    attribute("count", AttributeKind::Integer, "Processors that are online."),
    attribute("vendor", AttributeKind::Text, "Vendor."),
    attribute("model", AttributeKind::Text, "Model name."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "cpu",
    summary: "The processor as the guest sees it.",
    subject: Subject::Whole,
    shorthand: Shorthand::None,
    gone: &[],
    attributes: ATTRIBUTES,
    reads: "/proc/cpuinfo, /sys/devices/system/cpu/online.",
    example: r#"cpu:
  levels: {has: [x86-64-v2]}
  flags: {has: [aes, rdrand]}
  count: ">= 1"
"#,
};

/// The check type.
pub struct Cpu;

impl Check for Cpu {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        read(wanted, SOURCES)
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        verdicts(&TABLE, expectation, |assertion| {
            let field = |names: &[&str]| -> Read<Option<String>> {
                let text = seen.output("cpu/info")?;
                Ok(text
                    .lines()
                    .filter_map(|line| line.split_once(':'))
                    .find(|(name, _)| names.contains(&name.trim()))
                    .map(|(_, value)| value.trim().to_owned()))
            };
            let flags = || field(&["flags", "Features", "features"]);
            match assertion.attribute {
                "level" | "levels" => {
                    if field(&["vendor_id"])?.is_none() || field(&["flags"])?.is_none() {
                        return Ok(Value::absent("not an x86 processor"));
                    }
                    let flags = flags()?.unwrap_or_default();
                    let levels = levels(&flags.split_whitespace().collect::<Vec<_>>());
                    match assertion.attribute {
                        "levels" => Ok(Value::items(levels)),
                        _ => Ok(levels
                            .last()
                            .map_or_else(|| Value::absent("below x86-64-v1"), |level| Value::text(*level))),
                    }
                }
                "flags" => match flags()? {
                    Some(flags) => Ok(Value::items(flags.split_whitespace())),
                    None => Err(Unreadable::new("/proc/cpuinfo names no flags")),
                },
                "count" => {
                    let online = seen.line("cpu/online")?;
                    ranges(&online)
                        .map(|count| Value::text(count.to_string()))
                        .ok_or_else(|| Unreadable::new(format!("online processors are `{online}`")))
                }
                "vendor" => {
                    Ok(field(&["vendor_id", "CPU implementer"])?
                        .map_or_else(|| Value::absent("not named"), Value::Text))
                }
                "model" => {
                    Ok(field(&["model name", "CPU part"])?.map_or_else(|| Value::absent("not named"), Value::Text))
                }
                _ => unanswered(assertion),
            }
        })
    }
}

const SOURCES: &[FixedReading] = &[
    FixedReading {
        attributes: &["level", "levels", "flags", "vendor", "model"],
        key: "cpu/info",
        seconds: 10,
        // One processor is enough, and a large machine prints megabytes.
        script: "while IFS= read -r line; do [ -n \"$line\" ] || exit 0; printf '%s\\n' \"$line\"; done </proc/cpuinfo",
    },
    FixedReading {
        attributes: &["count"],
        key: "cpu/online",
        seconds: 10,
        script: "cat /sys/devices/system/cpu/online",
    },
];

/// The levels of the x86-64 psABI whose features are all there, as /proc/cpuinfo names them: SSE3
/// is `pni`, LZCNT is `abm`, and OSXSAVE shows as `xsave` with the features that need it.
fn levels(flags: &[&str]) -> Vec<&'static str> {
    const LEVELS: &[(&str, &[&str])] = &[
        ("x86-64-v1", &["lm", "cmov", "cx8", "fpu", "fxsr", "mmx", "syscall", "sse", "sse2"]),
        ("x86-64-v2", &["cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"]),
        ("x86-64-v3", &["avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"]),
        ("x86-64-v4", &["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"]),
    ];
    LEVELS
        .iter()
        .take_while(|(_, needed)| needed.iter().all(|flag| flags.contains(flag)))
        .map(|(name, _)| *name)
        .collect()
}

/// How many numbers a list like `0-3,5` names.
fn ranges(text: &str) -> Option<u64> {
    text.split(',').try_fold(0, |count: u64, range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
        count.checked_add(last.checked_sub(first)?.checked_add(1)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_need_every_feature_of_the_lower_ones() {
        let v2 = "fpu cx8 cmov mmx fxsr sse sse2 syscall lm pni ssse3 cx16 sse4_1 sse4_2 popcnt lahf_lm avx avx2";
        let flags: Vec<&str> = v2.split(' ').collect();
        assert_eq!(levels(&flags), ["x86-64-v1", "x86-64-v2"]);
        let without: Vec<&str> = flags.into_iter().filter(|flag| *flag != "cx16").collect();
        assert_eq!(levels(&without), ["x86-64-v1"]);
        assert_eq!((ranges("0-3,5"), ranges("0"), ranges("3-1"), ranges("x")), (Some(5), Some(1), None, None));
    }
}
