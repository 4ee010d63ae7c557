//! `module`: a kernel module. `available` means that the running kernel has it or can load it.

use muster_suite::grammar::{kernel, paths};
use muster_suite::table::{Attribute, AttributeKind, CheckTable, Shorthand, Subject};

use crate::assertions::{key, subjects, unanswered, verdicts};
use crate::check::{Check, Observations, Probe, Verdict, attribute};
use crate::observed::Value;
use crate::unreadable::{Read, Unreadable};
use muster_base::text::one_line;
use muster_record::facts::Facts;
use muster_suite::model::Expectation;

const ATTRIBUTES: &[Attribute] = &[
    attribute(
        "state",
        AttributeKind::Keyword(&["loaded", "builtin", "available", "denylisted", "absent"]),
        "The first that holds: loaded, built in, denylisted, loadable, or not there.",
    ),
    attribute("loaded", AttributeKind::Bool, "Whether it is loaded or built in."),
    attribute(
        "available",
        AttributeKind::Bool,
        "Whether it is loaded, built in, or can be loaded by name: modules.dep and the file are there, and no denylist entry (`install … /bin/false`) makes it unavailable.",
    ),
    attribute(
        "denylisted",
        AttributeKind::Bool,
        "Whether modprobe's configuration has a `blacklist` or an `install … /bin/false` for it.",
    ),
    attribute("signed", AttributeKind::Bool, "Whether the module file carries a signature."),
    attribute("signer", AttributeKind::Text, "Who signed the module file."),
    attribute("in-tree", AttributeKind::Bool, "Whether it was built with the kernel."),
    attribute("version", AttributeKind::Text, "Its version, where it states one."),
    attribute("license", AttributeKind::Text, "Its licence."),
    attribute("path", AttributeKind::Text, "The module file."),
    attribute("depends", AttributeKind::Set(&kernel::MODULE), "Modules it needs."),
    attribute("firmware", AttributeKind::Set(&paths::RELATIVE), "Firmware files it requests."),
    attribute(
        "parameters",
        AttributeKind::Map(&kernel::MODULE_PARAMETER, &AttributeKind::Loose),
        "Parameters of the loaded module, from /sys/module.",
    ),
];

/// What can be asked.
pub static TABLE: CheckTable = CheckTable {
    name: "module",
    summary: "A kernel module. `available` means that the running kernel has it or can load it.",
    subject: Subject::Named(&kernel::MODULE),
    shorthand: Shorthand::Keywords(&[
        ("loaded", "loaded", "true"),
        ("builtin", "state", "builtin"),
        ("available", "available", "true"),
        ("absent", "state", "absent"),
        ("denylisted", "denylisted", "true"),
    ]),
    gone: &["state", "available"],
    attributes: ATTRIBUTES,
    reads: "/proc/modules, modules.builtin, modules.dep and modprobe.d; `modinfo` only for attributes that need it.",
    example: r#"module:
  btrfs: available
  vsock_loopback: {state: loaded, signed: true}
  firewire_core: absent
"#,
};

/// The check type.
pub struct Module;

impl Check for Module {
    fn table(&self) -> &'static CheckTable {
        &TABLE
    }

    fn probes(&self, asked: &[&Expectation], _facts: &Facts) -> Vec<Probe> {
        let mut probes = Vec::new();
        let all: Vec<&str> = ATTRIBUTES.iter().map(|attribute| attribute.name).collect();
        let names = subjects(asked, &all);
        probes.extend(Probe::batch("module/state", 30, &names, STATE));
        if !names.is_empty() {
            probes.push(Probe::new("module/modprobe.d", 20, DENY));
        }
        probes.extend(Probe::batch_with(
            "module/info",
            30,
            "modinfo",
            &subjects(asked, &["signed", "signer", "in-tree", "version", "license", "path", "depends", "firmware"]),
            INFO,
        ));
        probes.extend(Probe::batch("module/parameters", 20, &subjects(asked, &["parameters"]), PARAMETERS));
        probes
    }

    fn evaluate(&self, expectation: &Expectation, seen: &Observations, _facts: &Facts) -> Vec<Verdict> {
        let name = expectation.subject.replace('-', "_");
        verdicts(&TABLE, expectation, |assertion| {
            let answer = seen.answer("module/state", &expectation.subject)?;
            let found = match (answer.status, answer.output.as_str()) {
                (0, word @ ("loaded" | "builtin" | "available" | "absent")) => word.to_owned(),
                _ => return Err(Unreadable::new(answer.output)),
            };
            let text = seen.output("module/modprobe.d")?;
            let denied = denylisted(
                text.strip_suffix("end\n").ok_or_else(|| Unreadable::new("the reading of modprobe.d is torn"))?,
                &name,
            );
            let field = |wanted: &str| -> Read<Vec<String>> {
                let answer = seen.answer("module/info", &expectation.subject)?;
                if answer.status != 0 {
                    return Err(Unreadable::new(format!("modinfo: {}", answer.output)));
                }
                let fields = answer.output.lines().filter_map(|line| line.split_once(':'));
                // Every module has one, `(builtin)` too.
                if !fields.clone().any(|(field, _)| field.trim() == "filename") {
                    return Err(Unreadable::new(format!("modinfo names no file: `{}`", one_line(&answer.output, 120))));
                }
                Ok(fields
                    .filter(|(field, _)| field.trim() == wanted)
                    .map(|(_, value)| value.trim().to_owned())
                    .collect())
            };
            let first = |wanted: &str, without: &str| -> Read<Value> {
                Ok(field(wanted)?
                    .into_iter()
                    .find(|value| !value.is_empty())
                    .map_or_else(|| Value::absent(without), Value::Text))
            };
            match assertion.attribute {
                "loaded" | "denylisted" if found == "absent" => return Ok(Value::gone("no such module")),
                "loaded" => return Ok(Value::flag(matches!(found.as_str(), "loaded" | "builtin"))),
                "available" => {
                    let here =
                        found == "loaded" || found == "builtin" || (found == "available" && denied != Denied::Refused);
                    return Ok(Value::flag(here));
                }
                "denylisted" => return Ok(Value::flag(denied != Denied::No)),
                "state" => {
                    let hidden = found == "available" && denied != Denied::No;
                    return Ok(Value::text(if hidden { "denylisted" } else { &found }));
                }
                _ if found == "absent" => return Ok(Value::gone("no such module")),
                "parameters" => {
                    let answer = seen.answer("module/parameters", &expectation.subject)?;
                    let parameter = key(assertion)?;
                    if !answer.output.ends_with("end") {
                        return Err(Unreadable::new(answer.output));
                    }
                    let value = answer
                        .output
                        .lines()
                        .filter_map(|line| line.split_once('='))
                        .find(|(name, _)| *name == parameter);
                    return Ok(value.map_or_else(
                        || Value::gone("no such parameter of a loaded module"),
                        |(_, value)| Value::text(value.trim()),
                    ));
                }
                _ if found == "builtin" && matches!(assertion.attribute, "signed" | "in-tree") => {
                    return Ok(Value::flag(true));
                }
                _ => {}
            }
            // What another program than kmod's modinfo does not print may be there all the same.
            let of_kmod = field("muster-kmod")?.iter().any(|value| value == "yes");
            let signature = field("muster-signature")?.first().cloned().unwrap_or_default();
            match assertion.attribute {
                "signed" | "signer" if !of_kmod => match (signature.as_str(), assertion.attribute) {
                    ("no", "signed") => Ok(Value::flag(false)),
                    ("no", _) => Ok(Value::absent("not signed")),
                    ("yes", "signed") => Ok(Value::flag(true)),
                    ("yes", _) => Err(Unreadable::new("this modinfo is not that of kmod and does not name signers")),
                    _ => Err(Unreadable::new(
                        "this modinfo is not that of kmod, and the module file cannot be read without it",
                    )),
                },
                "in-tree" if !of_kmod && field("intree")?.is_empty() => {
                    Err(Unreadable::new("this modinfo is not that of kmod and does not say `intree`"))
                }
                // modinfo shows the signer of a PKCS#7 signature, and `signature:` for all of them.
                "signed" => Ok(Value::flag(!field("sig_id")?.is_empty() || !field("signature")?.is_empty())),
                "signer" => first("signer", "not signed"),
                "in-tree" => Ok(Value::flag(field("intree")?.first().is_some_and(|value| value == "Y"))),
                "version" => first("version", "it states none"),
                "license" => first("license", "it states none"),
                "path" => first("filename", "it has no file"),
                "depends" => Ok(Value::items(
                    field("depends")?.iter().flat_map(|list| list.split(',')).filter(|name| !name.is_empty()),
                )),
                "firmware" => Ok(Value::items(field("firmware")?)),
                _ => unanswered(assertion),
            }
        })
    }
}

/// Dashes and underscores are the same in module names. Loaded comes from /proc/modules, because a
/// built-in module can have a directory below /sys/module too.
const STATE: &str = r#"case $1 in */*|''|.*) echo absent; return 0;; esac
want=
rest=$1
while :; do case $rest in *-*) want=$want${rest%%-*}_; rest=${rest#*-};; *) want=$want$rest; break;; esac; done
[ -d /proc/self ] || { echo '/proc is not mounted'; return 1; }
if [ -r /proc/modules ]; then
    while read -r name rest; do [ "$name" != "$want" ] || { echo loaded; return 0; }; done </proc/modules
fi
release=$(uname -r) && [ -n "$release" ] || { echo 'uname prints nothing'; return 1; }
root=/lib/modules/$release
find_in() {
    [ -r "$1" ] || return 1
    while IFS=' ' read -r path rest || [ -n "$path" ]; do
        path=${path%:}; base=${path##*/}; base=${base%%.ko*}; flat=
        while :; do case $base in *-*) flat=$flat${base%%-*}_; base=${base#*-};; *) flat=$flat$base; break;; esac; done
        [ "$flat" != "$want" ] || return 0
    done <"$1"
    return 1
}
lines_of_dep() {
    found=1
    while IFS= read -r line || [ -n "$line" ]; do
        base=${line%%:*}; base=${base##*/}; base=${base%%.ko*}; flat=
        while :; do case $base in *-*) flat=$flat${base%%-*}_; base=${base#*-};; *) flat=$flat$base; break;; esac; done
        [ "$flat" != "$want" ] || { printf '%s\n' "$line"; found=0; }
    done <"$root/modules.dep"
    return $found
}
if command -v grep >/dev/null 2>&1; then
    expression=; rest=$want
    while :; do case $rest in *_*) expression=$expression${rest%%_*}[-_]; rest=${rest#*_};; *) expression=$expression$rest; break;; esac; done
    case $want in *[!A-Za-z0-9_]*) echo absent; return 0;; esac
    # A count is always printed, so that a grep that says nothing is not one that found something.
    counted() { case $(grep -c "$1" "$2") in 0) return 1;; [1-9]*) return 0;; *) echo 'grep prints nothing'; exit 1;; esac; }
    find_in() { [ -r "$1" ] && counted "\(^\|/\)$expression\.ko" "$1"; }
    lines_of_dep() {
        counted "^\([^:]*/\)\{0,1\}$expression\.ko[^:/]*:" "$root/modules.dep" || return 1
        grep "^\([^:]*/\)\{0,1\}$expression\.ko[^:/]*:" "$root/modules.dep" || { echo 'grep prints nothing'; exit 1; }
    }
fi
# The index may name what was deleted, or is in a package that is not there: modprobe needs the file, and the files of
# what it needs and is not loaded.
here() { case $1 in /*) [ -f "$1" ];; *) [ -f "$root/$1" ];; esac; }
loadable() {
    here "${1%%:*}" || return 1
    for needed in ${1#*:}; do
        here "$needed" && continue
        base=${needed##*/}; base=${base%%.ko*}; flat=
        while :; do case $base in *-*) flat=$flat${base%%-*}_; base=${base#*-};; *) flat=$flat$base; break;; esac; done
        while read -r name more; do [ "$name" != "$flat" ] || continue 2; done </proc/modules
        return 1
    done
}
if find_in "$root/modules.builtin"; then echo builtin; return 0; fi
if [ ! -r "$root/modules.dep" ]; then
    if [ ! -e /proc/modules ]; then
        # A kernel without modules has only what is built in, of which some shows below /sys/module.
        [ ! -d "/sys/module/$want" ] || { echo builtin; return 0; }
        [ ! -r "$root/modules.builtin" ] || { echo absent; return 0; }
        echo "$root/modules.builtin cannot be read, so that what is built in is not known"; return 1
    fi
    echo "$root/modules.dep cannot be read, so that what could be loaded is not known"; return 1
fi
lines=$(lines_of_dep); status=$?
case $status$lines in 0?*|1) ;; *) echo "$lines"; return 1;; esac
while IFS= read -r line; do
    [ -n "$line" ] && loadable "$line" && { echo available; return 0; }
done <<LIST
$lines
LIST
echo absent"#;

/// modinfo, and whether it is that of kmod; where it is not, whether the file ends as a signed module does
/// (`MODULE_SIG_STRING` of the kernel's module_signature.h).
const INFO: &str = r#"modinfo -- "$1" || return
case $(modinfo --version 2>&1) in *kmod\ version*|*module-init-tools*) echo 'muster-kmod: yes'; return 0;; esac
file=$(modinfo -F filename -- "$1") || return 0
case $file in
/*.ko) set -- cat;;
/*.ko.gz) set -- gzip -dc;;
/*.ko.xz) set -- xz -dc;;
/*.ko.zst) set -- zstd -dc;;
*) return 0;;
esac
command -v "$1" >/dev/null 2>&1 && command -v tail >/dev/null 2>&1 && [ -r "$file" ] || return 0
# The file as a whole is a second proof that the end is its own.
# Of a damaged one, only a part comes out, whose end says nothing.
case $({ "$@" "$file" 2>/dev/null || echo '*failed'; } | tail -c 28 | tr -d '\000'; echo .) in
*'*failed
.') ;;
'~Module signature appended~
.') echo 'muster-signature: yes';;
.) ;;
*) echo 'muster-signature: no';;
esac"#;

/// Lines of modprobe's configuration that keep modules from being loaded.
const DENY: &str = r#"seen=
for dir in /etc/modprobe.d /run/modprobe.d /usr/local/lib/modprobe.d /usr/lib/modprobe.d /lib/modprobe.d; do
    for file in "$dir"/*.conf; do
        [ -r "$file" ] || continue
        base=${file##*/}
        case $seen in *"/$base/"*) continue;; esac
        seen="$seen/$base/"
        # The last line may have no end; without -r a backslash at the end of a line joins it with the next.
        while read word name rest || [ -n "$word" ]; do
            case $word in blacklist|install) printf '%s %s %s\n' "$word" "$name" "$rest";; esac
        done <"$file"
    done
done
cmdline=; IFS= read -r cmdline </proc/cmdline || [ -n "$cmdline" ] || { echo '/proc/cmdline cannot be read' >&2; exit 1; }
for word in $cmdline; do
    case $word in modprobe.blacklist=*|module_blacklist=*|rd.driver.blacklist=*) printf 'cmdline %s\n' "$word";; esac
done
echo end"#;

const PARAMETERS: &str = r#"case $1 in */*) echo end; return 0;; esac
want=
rest=$1
while :; do case $rest in *-*) want=$want${rest%%-*}_; rest=${rest#*-};; *) want=$want$rest; break;; esac; done
for file in /sys/module/"$want"/parameters/*; do
    # An empty one is a line feed.
    [ -r "$file" ] && value=$(cat "$file" 2>/dev/null && echo .) || continue
    case $value in .) echo "cat prints nothing of $file"; return 1;; esac
    printf '%s=%s\n' "${file##*/}" "${value%?.}"
done
echo end"#;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Denied {
    No,
    /// Not loaded for a device; still loadable by its name.
    ByAlias,
    /// Not even by its name.
    Refused,
}

fn denylisted(text: &str, wanted: &str) -> Denied {
    let mut denied = Denied::No;
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let (kind, name) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let is_it = |name: &str| name.replace('-', "_") == wanted;
        match kind {
            "install" if is_it(name) => {
                let program = words.next().unwrap_or_default();
                if matches!(program.rsplit('/').next(), Some("false" | "true" | ":")) {
                    return Denied::Refused;
                }
            }
            "blacklist" if is_it(name) => denied = Denied::ByAlias,
            "cmdline" => {
                let (option, names) = name.split_once('=').unwrap_or_default();
                if names.split(',').any(is_it) {
                    // The kernel itself refuses what `module_blacklist=` names.
                    if option == "module_blacklist" {
                        return Denied::Refused;
                    }
                    denied = Denied::ByAlias;
                }
            }
            _ => {}
        }
    }
    denied
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell;
    use crate::testing::{equals, expectation, missed, records, reply};
    use muster_guest::Reply;
    use muster_suite::model::Matcher;

    fn evaluate(name: &str, found: &str, deny: &str, attribute: &'static str, matcher: Matcher) -> Verdict {
        let seen = Observations(
            [
                ("module/state".to_owned(), records(&[(name, i32::from(found.contains(' ')), found)])),
                ("module/modprobe.d".to_owned(), reply(0, &format!("{deny}end\n"))),
            ]
            .into(),
        );
        Module.evaluate(&expectation("module", name, &[(attribute, matcher)]), &seen, &Facts::default()).remove(0)
    }

    #[test]
    fn available_means_here_or_loadable() {
        for found in ["loaded", "builtin", "available"] {
            assert_eq!(evaluate("btrfs", found, "", "available", equals("true")), Verdict::MET, "{found}");
        }
        assert_eq!(missed(&evaluate("x", "absent", "", "available", equals("true"))), ("available is true", "false"));
        assert_eq!(missed(&evaluate("x", "loaded", "", "state", equals("absent"))).1, "loaded");
        assert!(matches!(
            evaluate("x", "modules.dep cannot be read", "", "state", equals("absent")),
            Verdict::Unknown { .. }
        ));
    }

    #[test]
    fn what_only_the_index_names_is_not_available() {
        let host = tempfile::tempdir().unwrap();
        let root = host.path().join("modules/1.2.3");
        std::fs::create_dir_all(root.join("kernel")).unwrap();
        for file in ["there.ko.xz", "two-words.ko", "needs-gone.ko", "needs-loaded.ko"] {
            std::fs::write(root.join("kernel").join(file), "").unwrap();
        }
        std::fs::write(root.join("modules.builtin"), "kernel/inside.ko\n").unwrap();
        let dep = "kernel/there.ko.xz: kernel/two-words.ko\nkernel/two-words.ko:\nkernel/gone.ko.xz:\nkernel/needs-gone.ko: kernel/gone.ko.xz\nkernel/needs-loaded.ko: kernel/in-memory.ko";
        std::fs::write(root.join("modules.dep"), dep).unwrap();
        std::fs::write(host.path().join("loaded"), "in_memory 4096 0 - Live 0x0\n").unwrap();
        let names = ["there", "two_words", "gone", "inside", "in-memory", "needs-gone", "needs_loaded", "other"];
        let script = shell::batch(names, STATE)
            .replace("/lib/modules/", &format!("{}/modules/", host.path().display()))
            .replace("/proc/modules", &format!("{}/loaded", host.path().display()))
            .replace("$(uname -r)", "1.2.3");
        let expected = ["available", "available", "absent", "builtin", "loaded", "absent", "available", "absent"]
            .map(str::to_owned);
        // With the grep of this host and, on an empty path, without one.
        for path in ["/usr/bin:/bin", "/no/such/directory"] {
            let ended = std::process::Command::new("/bin/sh").args(["-c", &script]).env("PATH", path).output().unwrap();
            let answers = shell::answers(&Reply { stdout: ended.stdout, ..Reply::default() }).unwrap();
            let said: Vec<String> = names.iter().map(|name| answers[*name].output.clone()).collect();
            assert_eq!(said, expected, "{path}");
        }
    }

    #[test]
    fn the_last_line_of_a_configuration_counts_without_its_end() {
        let host = tempfile::tempdir().unwrap();
        std::fs::write(
            host.path().join("zz.conf"),
            "blacklist first\ninstall joined \\\n/bin/false\ninstall xfs /bin/false",
        )
        .unwrap();
        let script = DENY.replace("/etc/modprobe.d", host.path().to_str().unwrap());
        let said = String::from_utf8(crate::testing::with_tools(&[], &script).stdout).unwrap();
        assert_eq!(denylisted(&said, "xfs"), Denied::Refused, "{said}");
        assert_eq!(denylisted(&said, "joined"), Denied::Refused, "{said}");
        assert_eq!(denylisted(&said, "first"), Denied::ByAlias, "{said}");
    }

    #[test]
    fn a_modinfo_that_shows_no_signatures_hides_none() {
        let host = tempfile::tempdir().unwrap();
        let put = |name: &str, content: &[u8]| std::fs::write(host.path().join(name), content).unwrap();
        put("signed.ko", b"\x7fELF...~Module signature appended~\n");
        put("plain.ko", b"\x7fELF...");
        put("odd.ko.lz4", b"...");
        // As busybox 1.35 prints it: without signatures, and an unknown option is an error.
        let modinfo = format!(
            "#!/bin/sh\ncase $1 in --version) echo 'modinfo: unrecognized option' >&2; exit 1;; -F) shift 3; for f in {0}/$1.*; do echo $f; done; exit;; esac\nfor f in {0}/$2.*; do echo \"filename:  $f\"; done; echo 'license:  GPL'\n",
            host.path().display()
        );
        put("modinfo", modinfo.as_bytes());
        std::fs::set_permissions(host.path().join("modinfo"), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        if !crate::testing::this_host_lacks("/usr/bin/gzip") {
            put("packed.ko", b"\x7fELF...~Module signature appended~\n");
            let ended = std::process::Command::new("gzip").arg(host.path().join("packed.ko")).status().unwrap();
            assert!(ended.success());
        }
        let evaluate = |name: &str, attribute: &'static str, matcher: Matcher| {
            let info = crate::testing::with_tools(&[host.path()], &shell::batch([name], INFO));
            let seen = Observations(
                [
                    ("module/state".to_owned(), records(&[(name, 0, "available")])),
                    ("module/modprobe.d".to_owned(), reply(0, "end\n")),
                    ("module/info".to_owned(), info),
                ]
                .into(),
            );
            Module.evaluate(&expectation("module", name, &[(attribute, matcher)]), &seen, &Facts::default()).remove(0)
        };
        let unknown = |verdict| matches!(verdict, Verdict::Unknown { .. });
        assert_eq!(evaluate("signed", "signed", equals("true")), Verdict::MET);
        assert_eq!(missed(&evaluate("signed", "signed", equals("false"))).1, "true");
        assert!(unknown(evaluate("signed", "signer", Matcher::None)));
        assert_eq!(evaluate("plain", "signed", equals("false")), Verdict::MET);
        assert_eq!(evaluate("plain", "signer", Matcher::None), Verdict::MET);
        assert!(
            unknown(evaluate("odd", "signed", equals("false")))
                && unknown(evaluate("plain", "in-tree", equals("false")))
        );
        if host.path().join("packed.ko.gz").exists() {
            assert_eq!(evaluate("packed", "signed", equals("true")), Verdict::MET);
            let packed = std::fs::read(host.path().join("packed.ko.gz")).unwrap();
            put("torn.ko.gz", &packed[..packed.len() - 9]);
            assert!(unknown(evaluate("torn", "signed", equals("false"))));
        }
        assert_eq!(evaluate("plain", "license", equals("GPL")), Verdict::MET);
    }

    #[test]
    fn a_denylist_of_either_kind_is_seen_and_only_a_refusal_makes_it_unavailable() {
        let deny = "blacklist firewire-core \ninstall cramfs /bin/false\ninstall other /sbin/modprobe -i other\ncmdline module_blacklist=floppy,pc-spkr\n";
        assert_eq!(evaluate("firewire_core", "available", deny, "state", equals("denylisted")), Verdict::MET);
        assert_eq!(evaluate("firewire_core", "available", deny, "available", equals("true")), Verdict::MET);
        assert_eq!(evaluate("cramfs", "available", deny, "available", equals("false")), Verdict::MET);
        assert_eq!(evaluate("pc_spkr", "available", deny, "available", equals("false")), Verdict::MET);
        assert_eq!(evaluate("other", "available", deny, "denylisted", equals("false")), Verdict::MET);
    }
}
