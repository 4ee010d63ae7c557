//! `isa`: the x86-64 level that the system was built for, and the one that its loader finds.

use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use super::cpu::X86_LEVELS;
use crate::assertions::{FixedReading, read, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::elf;
use crate::fields::Fields;
use crate::observed::Value;
use crate::unreadable::{Read, Unreadable};
use muster_base::text::one_line;
use muster_record::facts::Facts;
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[
    attribute(
        "needed",
        AttributeKind::Level(X86_LEVELS),
        "Level that the C library, its loader or the shell state that they need (their ELF note `x86 ISA needed`): what the distribution was built for. No value on other architectures.",
    ),
    attribute(
        "supported",
        AttributeKind::Level(X86_LEVELS),
        "Highest level whose libraries the dynamic loader would use on this processor. No value on other architectures.",
    ),
    attribute(
        "rpm-arch",
        AttributeKind::Text,
        "Architecture that rpm builds for (`rpm --eval %{_target_cpu}`: `x86_64`, `x86_64_v2`).",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "isa",
    summary: "The instruction set level that the system was built for, and the one that its loader finds.",
    subject: Subject::Whole,
    shorthand: Shorthand::None,
    gone: &[],
    attributes: ATTRIBUTES,
    reads: "The notes of the C library, the loader and the shell, with `od`; `ld.so --help` (glibc 2.33 and later); `rpm --eval`.",
    example: r#"isa:
  needed: "<= x86-64-v2"
  supported: ">= x86-64-v2"
  rpm-arch: x86_64
"#,
};

/// The check type.
pub struct Isa;

impl Check for Isa {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        read(wanted, SOURCES)
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        verdicts(&TABLE, expectation, |assertion| match assertion.attribute {
            "needed" => needed(&seen.output("isa/files")?),
            "supported" => supported(&seen.output("isa/loader")?),
            "rpm-arch" => match seen.line("isa/rpm")?.as_str() {
                unset if unset.is_empty() || unset.starts_with('%') => {
                    Err(Unreadable::new("rpm does not say its architecture"))
                }
                arch => Ok(Value::text(arch)),
            },
            _ => unanswered(assertion),
        })
    }
}

/// The highest level that one of the files states.
fn needed(text: &str) -> Read<Value> {
    let fields = Fields::read(text);
    match fields.get("arch") {
        Some("x86_64") => {}
        Some(other) => return Ok(Value::absent(format!("not an x86-64 system but {}", one_line(other, 40)))),
        None => return Err(Unreadable::new("the reading of the files has another shape")),
    }
    let mut highest = None;
    for file in fields.groups("file") {
        let path = one_line(file.get("file").unwrap_or_default(), 80);
        if let Some(why) = file.get("unread") {
            return Err(Unreadable::new(format!("{path}: {why}")));
        }
        highest =
            highest.max(stated(&file).ok_or_else(|| Unreadable::new(format!("the notes of {path} cannot be read")))?);
    }
    match highest {
        Some(level) => Ok(Value::text(X86_LEVELS[level])),
        // An image of v3 binaries without notes looks just so.
        None => Err(Unreadable::new("neither the C library nor the shell states which level it needs")),
    }
}

/// The level that one file states in any of its segments of notes; `None` when one is torn.
fn stated(file: &Fields<'_>) -> Option<Option<usize>> {
    let mut highest = None;
    for segment in file.groups("segment") {
        let align = segment.get("segment")?.parse().ok()?;
        let words = segment.all("bytes").flat_map(str::split_whitespace);
        let bytes: Vec<u8> = words.map(|word| u8::from_str_radix(word, 16).ok()).collect::<Option<_>>()?;
        highest = highest.max(elf::isa_needed(&bytes, align)?);
    }
    Some(highest)
}

/// What the loader says of the directories below `glibc-hwcaps`.
fn supported(text: &str) -> Read<Value> {
    let (arch, text) = text.split_once('\n').unwrap_or((text, ""));
    if arch != "arch=x86_64" {
        return Ok(Value::absent("not an x86-64 system"));
    }
    let mut listed = text.lines().skip_while(|line| !line.starts_with("Subdirectories of glibc-hwcaps directories"));
    if listed.next().is_none() {
        return Err(Unreadable::new("the loader does not list its levels (that of glibc 2.33 and later does)"));
    }
    let mut highest = None;
    let mut known = false;
    for line in listed.take_while(|line| !line.is_empty()) {
        let (name, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
        if let Some(level) = X86_LEVELS.iter().position(|known| *known == name) {
            known = true;
            if rest.starts_with("(supported") {
                highest = highest.max(Some(level));
            }
        }
    }
    // The lowest level has no directory: every processor that runs this has it.
    if known {
        Ok(Value::text(X86_LEVELS[highest.unwrap_or(0)]))
    } else {
        Err(Unreadable::new("the loader lists no level"))
    }
}

const SOURCES: &[FixedReading] = &[
    FixedReading {
        attributes: &["needed"],
        key: "isa/files",
        seconds: 20,
        script: r#"arch=$(uname -m) && [ -n "$arch" ] || { echo 'uname prints nothing' >&2; exit 1; }
echo "arch=$arch"
[ "$arch" = x86_64 ] || exit 0
command -v od >/dev/null 2>&1 || { echo 'od: not found' >&2; exit 127; }
library=
for file in /lib64/libc.so.6 /usr/lib64/libc.so.6 /lib/x86_64-linux-gnu/libc.so.6 /usr/lib/libc.so.6; do
    [ ! -r "$file" ] || { library=$file; break; }
done
[ -n "$library" ] || { echo 'there is no libc.so.6 of glibc where it usually is' >&2; exit 1; }
for file in "$library" /lib64/ld-linux-x86-64.so.2 /bin/sh /bin/bash; do
    [ -r "$file" ] || continue
    echo "file=$file"
    # As numbers of four bytes the header is 16, of which the 9th says where the program headers begin
    # and the 15th how many they are; each of them is 14, the kind first, then the place (3, 4), the
    # size (9, 10) and the alignment (13).
    set -- $(od -A n -v -t u4 -N 64 "$file")
    [ $# -eq 16 ] && [ "$1" = 1179403647 ] && [ $(($2 % 65536)) -eq 258 ] && [ $((${14} / 65536)) -eq 56 ] ||
        { echo 'unread=it is not a 64-bit ELF file'; continue; }
    [ "${10}" -eq 0 ] || { echo 'unread=its program headers lie beyond 4 GiB'; continue; }
    set -- $(od -A n -v -t u4 -j "$9" -N $((${15} % 65536 * 56)) "$file")
    while [ $# -ge 14 ]; do
        # PT_NOTE and PT_GNU_PROPERTY.
        case $1 in 4|1685382483)
            [ "$4" -eq 0 ] && [ "${10}" -eq 0 ] && [ "$9" -le 65536 ] || { echo 'unread=its notes are too large'; break; }
            echo "segment=${13}"
            echo "bytes="$(od -A n -v -t x1 -j "$3" -N "$9" "$file")
        esac
        shift 14
    done
done"#,
    },
    FixedReading {
        attributes: &["supported"],
        key: "isa/loader",
        seconds: 10,
        script: r#"arch=$(uname -m) && [ -n "$arch" ] || { echo 'uname prints nothing' >&2; exit 1; }
echo "arch=$arch"
[ "$arch" = x86_64 ] || exit 0
[ -x /lib64/ld-linux-x86-64.so.2 ] || { echo 'there is no loader of glibc, /lib64/ld-linux-x86-64.so.2' >&2; exit 1; }
LC_ALL=C /lib64/ld-linux-x86-64.so.2 --help"#,
    },
    FixedReading {
        attributes: &["rpm-arch"],
        key: "isa/rpm",
        seconds: 10,
        script: "command -v rpm >/dev/null 2>&1 || { echo 'rpm: not found' >&2; exit 127; }\nrpm --eval '%{_target_cpu}'",
    },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{equals, expectation, missed, on_this_host, reply, seen};
    use muster_suite::model::{Matcher, Operator};

    fn evaluate(key: &str, attribute: &'static str, matcher: Matcher, text: &str) -> Verdict {
        Isa.evaluate(&expectation("isa", "", &[(attribute, matcher)]), &seen(key, reply(0, text)), &Facts::default())
            .remove(0)
    }

    fn at_most(level: &str) -> Matcher {
        Matcher::Compare(vec![(Operator::Le, level.to_owned())])
    }

    /// glibc 2.36 on a processor of the third level, shortened.
    const LOADER: &str = "arch=x86_64\nUsage: /lib64/ld-linux-x86-64.so.2 [OPTION]...\n\nSubdirectories of glibc-hwcaps directories, in priority order:\n  x86-64-v4\n  x86-64-v3 (supported, searched)\n  x86-64-v2 (supported, searched)\n\nLegacy HWCAP subdirectories under library search path directories:\n  x86_64 (AT_PLATFORM; supported, searched)\n";

    #[test]
    fn the_loaders_highest_supported_level_is_compared_in_order() {
        let wanted = |matcher, text: &str| evaluate("isa/loader", "supported", matcher, text);
        assert_eq!(wanted(equals("x86-64-v3"), LOADER), Verdict::MET);
        assert_eq!(wanted(at_most("x86-64-v4"), LOADER), Verdict::MET);
        assert_eq!(missed(&wanted(at_most("x86-64-v2"), LOADER)), ("supported <= x86-64-v2", "x86-64-v3"));
        let oldest = LOADER.replace(" (supported, searched)", "");
        assert_eq!(wanted(equals("x86-64-v1"), &oldest), Verdict::MET);
        for strange in ["arch=x86_64\nUsage\n", "arch=x86_64\nSubdirectories of glibc-hwcaps directories:\n  power9\n"]
        {
            assert!(matches!(wanted(equals("x86-64-v1"), strange), Verdict::Unknown { .. }), "{strange}");
        }
        assert_eq!(wanted(Matcher::None, "arch=aarch64\n"), Verdict::MET);
    }

    #[test]
    fn files_that_state_nothing_are_unknown_and_never_the_lowest_level() {
        let silent = "arch=x86_64\nfile=/bin/sh\nsegment=4\nbytes=04 00 00 00 00 00 00 00 03 00 00 00 47 4e 55 00\n";
        for text in [
            silent,
            "arch=x86_64\n",
            "arch=x86_64\nfile=/bin/sh\nsegment=4\nbytes=zz\n",
            "arch=x86_64\nfile=/bin/sh\nsegment=4\nbytes=04 00\n",
            "arch=x86_64\nfile=/bin/sh\nunread=it is not a 64-bit ELF file\n",
            "",
        ] {
            let verdict = evaluate("isa/files", "needed", at_most("x86-64-v4"), text);
            assert!(matches!(verdict, Verdict::Unknown { .. }), "{text}: {verdict:?}");
        }
        assert_eq!(evaluate("isa/files", "needed", Matcher::None, "arch=aarch64\n"), Verdict::MET);
        // The property of Debian 12's C library, then one that needs the third level.
        let note = "arch=x86_64\nfile=/lib64/libc.so.6\nsegment=8\nbytes=04 00 00 00 10 00 00 00 05 00 00 00 47 4e 55 00 02 80 00 c0 04 00 00 00 01 00 00 00 00 00 00 00\n";
        assert_eq!(evaluate("isa/files", "needed", equals("x86-64-v1"), note), Verdict::MET);
        let third = note.replace("04 00 00 00 01 00", "04 00 00 00 07 00");
        assert_eq!(
            missed(&evaluate("isa/files", "needed", at_most("x86-64-v2"), &third)),
            ("needed <= x86-64-v2", "x86-64-v3")
        );
    }

    #[test]
    fn readelf_agrees_on_the_files_of_this_host() {
        let wanted = expectation("isa", "", &[("needed", Matcher::None)]);
        let seen = on_this_host(&Isa.probes(&[&wanted], &Facts::default()));
        let text = seen.output("isa/files").unwrap();
        assert_eq!(text.contains("arch=x86_64"), text.contains("segment="), "{text}");
        let fields = Fields::read(&text);
        for file in fields.groups("file") {
            let path = file.get("file").unwrap();
            let Ok(output) = std::process::Command::new("readelf").args(["-n", path]).output() else { return };
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            let line = said.lines().find_map(|line| line.split_once("x86 ISA needed: "));
            let by_readelf = line.map(|(_, levels)| {
                let last = levels.split(", ").filter(|level| level.starts_with("x86-64-")).last().unwrap();
                if last == "x86-64-baseline" { 0 } else { X86_LEVELS.iter().position(|level| *level == last).unwrap() }
            });
            assert_eq!(stated(&file), Some(by_readelf), "{path}");
        }
    }
}
