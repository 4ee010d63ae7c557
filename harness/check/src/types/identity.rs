//! `identity`: what the system says it is.

use muster_suite::grammar::{packages, system};
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{FixedReading, key, read, unanswered, verdicts, wants};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::rpm;
use crate::shell::{self, cat};
use crate::unreadable::{Read, Unreadable};
use muster_base::os_release;
use muster_record::facts::Facts;
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[
    attribute("id", AttributeKind::Text, "ID of os-release."),
    attribute("id-like", AttributeKind::Set(&system::DISTRIBUTION), "Names in ID_LIKE."),
    attribute("name", AttributeKind::Text, "NAME."),
    attribute("pretty-name", AttributeKind::Text, "PRETTY_NAME."),
    attribute("version-id", AttributeKind::Version, "VERSION_ID."),
    attribute("variant-id", AttributeKind::Text, "VARIANT_ID."),
    attribute("cpe", AttributeKind::Text, "CPE_NAME."),
    attribute(
        "cpe-valid",
        AttributeKind::Bool,
        "Whether CPE_NAME is a well-formed CPE 2.2 URI or 2.3 string of an operating system.",
    ),
    attribute(
        "os-release",
        AttributeKind::Map(&system::OS_RELEASE, &AttributeKind::Text),
        "Any key of os-release, unquoted.",
    ),
    attribute("os-release-file", AttributeKind::Text, "The file that /etc/os-release is in the end."),
    attribute(
        "release-packages",
        AttributeKind::Set(&packages::PACKAGE_NAME),
        "Packages that provide `system-release`.",
    ),
    attribute(
        "provides",
        AttributeKind::Set(&packages::CAPABILITY),
        "Capabilities of the packages that provide `system-release`, without versions.",
    ),
    attribute("dist", AttributeKind::Text, "`rpm --eval %{?dist}`."),
    attribute("arch", AttributeKind::Text, "`uname -m`."),
    attribute("virtualization", AttributeKind::Text, "`systemd-detect-virt`; `none` as a text when it is not virtual."),
    attribute("hostname", AttributeKind::Text, "Host name of the running kernel."),
    attribute(
        "machine-id-valid",
        AttributeKind::Bool,
        "Whether /etc/machine-id holds 32 hex digits that are not all zero.",
    ),
    attribute("timezone", AttributeKind::Text, "Time zone that /etc/localtime names; `UTC` when it is not there."),
    attribute("lang", AttributeKind::Text, "LANG of /etc/locale.conf; no value when it is not set."),
    attribute("locales", AttributeKind::Set(&system::LOCALE), "Locales that are installed (`locale -a`)."),
    attribute("clock-synchronized", AttributeKind::Bool, "Whether the clock is synchronized (`timedatectl`)."),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "identity",
    summary: "What the system says it is.",
    subject: Subject::Whole,
    shorthand: Shorthand::None,
    gone: &[],
    attributes: ATTRIBUTES,
    reads: "/etc/os-release, rpm, /proc/sys/kernel, /etc/machine-id, /etc/localtime, /etc/locale.conf, `locale -a`, `timedatectl`.",
    example: r#"identity:
  id: azurelinux
  id-like: {has: [fedora]}
  version-id: ">= 4.0"
  cpe-valid: true
  os-release: {VARIANT_ID: cloud}
"#,
};

/// The check type.
pub struct Identity;

impl Check for Identity {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, wanted: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        let mut probes = read(wanted, SOURCES);
        if wants(wanted, &["release-packages", "provides"]) {
            probes.push(Probe::new("identity/release", 60, format!("{}export LC_ALL=C\n{}rpm -q --whatprovides --qf 'package\\t%{{NAME}}\\n[provides\\t%{{PROVIDENAME}}\\n]' system-release 2>&1", shell::need("rpm"), rpm::need_packages!())));
        }
        if wants(wanted, &["dist"]) {
            probes.push(Probe::new("identity/dist", 10, format!("{}rpm --eval 'dist=%{{?dist}}'", shell::need("rpm"))));
        }
        probes
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, facts: &Facts) -> Vec<Verdict> {
        verdicts(&TABLE, expectation, |assertion| {
            let of_release = |name: &str| -> Read<Value> {
                let text = seen.output("identity/os-release")?;
                Ok(os_release::value(&text, name)
                    .map_or_else(|| Value::absent(format!("os-release has no {name}")), Value::Text))
            };
            match assertion.attribute {
                "id" => of_release("ID"),
                "name" => of_release("NAME"),
                "pretty-name" => of_release("PRETTY_NAME"),
                "version-id" => of_release("VERSION_ID"),
                "variant-id" => of_release("VARIANT_ID"),
                "cpe" => of_release("CPE_NAME"),
                "os-release" => of_release(key(assertion)?),
                "id-like" => Ok(match of_release("ID_LIKE")? {
                    Value::Text(words) => Value::items(words.split_whitespace()),
                    _ => Value::Items(Vec::new()),
                }),
                "cpe-valid" => Ok(match of_release("CPE_NAME")? {
                    Value::Text(name) => Value::flag(cpe(&name)),
                    other => other,
                }),
                "os-release-file" => seen.line("identity/os-release-file").map(Value::Text),
                "release-packages" | "provides" => {
                    rpm::counts(facts, assertion.attribute)?;
                    let text = seen.output("identity/release").or_else(|why| {
                        let reply = seen.reply("identity/release")?;
                        let said = String::from_utf8_lossy(&reply.stdout);
                        if said.trim() == "no package provides system-release" { Ok(String::new()) } else { Err(why) }
                    })?;
                    let kind = if assertion.attribute == "provides" { "provides" } else { "package" };
                    let mut names: Vec<&str> = text
                        .lines()
                        .filter_map(|line| line.split_once('\t'))
                        .filter(|(word, _)| *word == kind)
                        .map(|(_, name)| rpm::capability(name))
                        .collect();
                    names.sort_unstable();
                    names.dedup();
                    Ok(Value::items(names))
                }
                "dist" => {
                    rpm::counts(facts, "dist")?;
                    let line = seen.line("identity/dist")?;
                    let dist = line
                        .strip_prefix("dist=")
                        .ok_or_else(|| Unreadable::new(format!("rpm --eval says `{line}`")))?;
                    Ok(Value::text_or(dist, "the macro is not set"))
                }
                "arch" => seen.line("identity/arch").map(Value::Text),
                "virtualization" => {
                    // The status is 1 for `none`.
                    let reply = seen.reply("identity/virtualization")?;
                    let word = String::from_utf8_lossy(&reply.stdout).trim().to_owned();
                    if word.is_empty() {
                        Err(crate::check::failure("identity/virtualization", reply))
                    } else {
                        Ok(Value::Text(word))
                    }
                }
                "hostname" => seen.line("identity/hostname").map(Value::Text),
                "machine-id-valid" => {
                    let line = seen.line("identity/machine-id")?;
                    let id = line
                        .strip_prefix("id")
                        .ok_or_else(|| Unreadable::new("the reading of /etc/machine-id is torn"))?
                        .trim_start();
                    Ok(Value::flag(
                        id.len() == 32
                            && id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
                            && id.bytes().any(|byte| byte != b'0'),
                    ))
                }
                "timezone" => {
                    let path = seen.line("identity/localtime")?;
                    Ok(Value::text(match path.split_once("zoneinfo/") {
                        Some((_, zone)) => zone,
                        None if path == "none" => "UTC",
                        None => return Ok(Value::absent("/etc/localtime is not a link to a time zone")),
                    }))
                }
                "lang" => {
                    let text = seen.file("identity/locale")?;
                    let line = text.lines().find_map(|line| line.trim().strip_prefix("LANG="));
                    Ok(line
                        .map_or_else(|| Value::absent("not set"), |lang| Value::text(lang.trim_matches(['"', '\'']))))
                }
                "locales" => Ok(Value::items(
                    seen.output("identity/locales")?.lines().map(str::trim).filter(|line| !line.is_empty()),
                )),
                "clock-synchronized" => match seen.line("identity/clock")?.as_str() {
                    "yes" => Ok(Value::flag(true)),
                    "no" => Ok(Value::flag(false)),
                    other => Err(Unreadable::new(format!("timedatectl says `{other}`"))),
                },
                _ => unanswered(assertion),
            }
        })
    }
}

const SOURCES: &[FixedReading] = &[
    FixedReading {
        attributes: &[
            "id",
            "id-like",
            "name",
            "pretty-name",
            "version-id",
            "variant-id",
            "cpe",
            "cpe-valid",
            "os-release",
        ],
        key: "identity/os-release",
        seconds: 10,
        script: "if [ -r /etc/os-release ]; then cat /etc/os-release; else cat /usr/lib/os-release; fi",
    },
    FixedReading {
        attributes: &["os-release-file"],
        key: "identity/os-release-file",
        seconds: 10,
        script: "readlink -f /etc/os-release",
    },
    FixedReading { attributes: &["arch"], key: "identity/arch", seconds: 10, script: "uname -m" },
    FixedReading {
        attributes: &["virtualization"],
        key: "identity/virtualization",
        seconds: 10,
        script: "systemd-detect-virt",
    },
    FixedReading {
        attributes: &["hostname"],
        key: "identity/hostname",
        seconds: 10,
        script: "cat /proc/sys/kernel/hostname",
    },
    FixedReading {
        attributes: &["machine-id-valid"],
        key: "identity/machine-id",
        seconds: 10,
        script: "id=; [ ! -e /etc/machine-id ] || IFS= read -r id </etc/machine-id || [ -r /etc/machine-id ] || exit 1\necho \"id $id\"",
    },
    FixedReading {
        attributes: &["timezone"],
        key: "identity/localtime",
        seconds: 10,
        script: "[ -e /etc/localtime ] || [ -L /etc/localtime ] || { echo none; exit; }\n[ -L /etc/localtime ] || { echo file; exit; }\nreadlink /etc/localtime",
    },
    FixedReading {
        attributes: &["lang"],
        key: "identity/locale",
        seconds: 10,
        script: concat!(
            "for file in /etc/locale.conf /etc/default/locale /dev/null; do [ ! -r $file ] || break; done\n",
            cat!("$file")
        ),
    },
    FixedReading { attributes: &["locales"], key: "identity/locales", seconds: 20, script: "locale -a" },
    FixedReading {
        attributes: &["clock-synchronized"],
        key: "identity/clock",
        seconds: 20,
        script: "timedatectl show -p NTPSynchronized --value",
    },
];

/// Whether a name is a CPE of an operating system: `cpe:/o:vendor:product[:…]` or the thirteen
/// fields of `cpe:2.3:o:…`.
fn cpe(name: &str) -> bool {
    let field = |field: &str| {
        !field.is_empty() && field.chars().all(|c| c.is_ascii_graphic() && !c.is_ascii_uppercase() && c != ':')
    };
    if let Some(rest) = name.strip_prefix("cpe:/o:") {
        let fields: Vec<&str> = rest.split(':').collect();
        return (2..=6).contains(&fields.len())
            && fields[..2].iter().all(|part| field(part))
            && fields[2..].iter().all(|part| part.is_empty() || field(part));
    }
    let Some(rest) = name.strip_prefix("cpe:2.3:o:") else { return false };
    // A colon inside a field is escaped.
    let unescaped = rest.replace("\\:", "_");
    let fields: Vec<&str> = unescaped.split(':').collect();
    fields.len() == 10 && fields.iter().all(|part| field(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_database_does_not_say_that_there_is_no_release_package() {
        use crate::testing::{expectation, rpm_with, seen, with_tools};
        use muster_suite::model::Matcher;

        let host = tempfile::tempdir().unwrap();
        let wanted = expectation("identity", "", &[("release-packages", Matcher::None), ("provides", Matcher::None)]);
        let verdicts = |packages: &[&str]| {
            let script = &Identity.probes(&[&wanted], &Facts::default())[0].script;
            let reply = with_tools(&[&rpm_with(packages, host.path())], script);
            Identity.evaluate(&wanted, &seen("identity/release", reply), &Facts::default())
        };
        assert_eq!(verdicts(&["bash"]), vec![Verdict::MET; 2]);
        for verdict in verdicts(&[]) {
            assert!(matches!(&verdict, Verdict::Unknown { why } if why.contains("database is empty")), "{verdict:?}");
        }
    }

    #[test]
    fn cpe_names_of_both_forms() {
        assert!(cpe("cpe:/o:fedoraproject:fedora:43") && cpe("cpe:2.3:o:microsoft:azure_linux:4.0:*:*:*:*:*:*:*"));
        for bad in [
            "",
            "cpe:/a:x:y",
            "cpe:/o:x",
            "cpe:2.3:o:microsoft:azure_linux:4.0",
            "cpe:/o:Fedora Project:x",
            "cpe:2.3:a:x:y:1:*:*:*:*:*:*:*",
        ] {
            assert!(!cpe(bad), "{bad}");
        }
    }
}
