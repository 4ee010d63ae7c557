//! `package` where the packages are RPMs: rpm for what is installed, dnf or tdnf for what it recorded and
//! offers.

use crate::assertions::{subjects, unanswered};
use crate::check::{Observations, Probe};
use crate::observed::Value;
use crate::unreadable::{Read, Unreadable};
use crate::{dnf, rpm, shell, value};
use muster_suite::model::{Assertion, Expectation};
use std::collections::BTreeSet;

/// What must be read.
pub(super) fn probes(wanted: &[&Expectation]) -> Vec<Probe> {
    let of_database = [
        "installed",
        "version",
        "count",
        "arch",
        "vendor",
        "packager",
        "license",
        "source",
        "build-host",
        "signed",
        "signer",
        "size",
        "verify",
        "files",
        "provides",
        "requires",
        "obsoletes",
        "scripts",
        "from-repo",
        "reason",
    ];
    let mut probes = Vec::new();
    let names: Vec<&str> = subjects(wanted, &of_database).into_iter().collect();
    if !names.is_empty() {
        probes.push(Probe::new(QUERY, 60, rpm::query(&names)));
    }
    let mut batch = |key: &str, seconds, attribute: &str, command: &str| {
        // Many packages have nothing of a kind, and rpm then prints nothing: the end is said for it.
        let command = format!("{command} && echo '{END}'");
        probes.extend(Probe::batch_with(key, seconds, "rpm", &subjects(wanted, &[attribute]), &command));
    };
    batch("package/verify", 300, "verify", r#"rpm -V --nomtime --noconfig -- "$1""#);
    batch("package/files", 60, "files", r#"rpm -ql -- "$1""#);
    batch("package/provides", 30, "provides", r#"rpm -q --provides -- "$1""#);
    batch("package/requires", 30, "requires", r#"rpm -q --requires -- "$1""#);
    batch("package/obsoletes", 30, "obsoletes", r#"rpm -q --obsoletes -- "$1""#);
    batch("package/scripts", 30, "scripts", r#"rpm -q --scripts --triggers --filetriggers -- "$1""#);
    let recorded: Vec<&str> = subjects(wanted, &["from-repo", "reason"]).into_iter().collect();
    if !recorded.is_empty() {
        probes.push(Probe::new("package/history", 120, format!("{}{RECORDED}", names_of(&recorded))));
    }
    let offered: Vec<&str> = subjects(wanted, &["available", "candidate"]).into_iter().collect();
    if !offered.is_empty() {
        // Not every package manager takes a name with an architecture; each lists the architecture with the name.
        let plain: Vec<String> = offered.iter().map(|label| dnf::name_of(label)).collect();
        let names: BTreeSet<&str> = offered.iter().copied().chain(plain.iter().map(String::as_str)).collect();
        let names: Vec<&str> = names.into_iter().collect();
        probes.push(Probe::new("package/available", 300, format!("{}{OFFERED}", names_of(&names))));
    }
    probes
}

/// What an attribute of a package is.
pub(super) fn look(assertion: &Assertion, name: &str, seen: &Observations) -> Read<Value> {
    match assertion.attribute {
        "available" => {
            return availability(&seen.output("package/available")?, name).map(|word| Value::text(word.0));
        }
        "candidate" => {
            let (word, evr) = availability(&seen.output("package/available")?, name)?;
            let said = format!("{word} in the enabled repositories");
            return Ok(match evr {
                Some(evr) => Value::Text(evr),
                None if word == "absent" => Value::gone(said),
                None => Value::absent(said),
            });
        }
        _ => {}
    }
    let instances = rpm::instances(seen.reply(QUERY)?, name)?;
    let Some(newest) = instances.last() else {
        return Ok(match assertion.attribute {
            "installed" => Value::flag(false),
            "count" => Value::text("0"),
            _ => Value::gone("not installed"),
        });
    };
    let each = |read: &dyn Fn(&rpm::Package) -> &String| {
        Ok(Value::each(instances.iter().map(|instance| Value::text_or(read(instance), "none"))))
    };
    let capabilities = |key: &str| -> Read<Value> {
        let text = said(seen, key, name)?;
        let mut names: Vec<&str> = text.lines().filter(|line| !line.is_empty()).map(rpm::capability).collect();
        names.sort_unstable();
        names.dedup();
        Ok(Value::items(names))
    };
    match assertion.attribute {
        "installed" => Ok(Value::flag(true)),
        "version" => Ok(Value::Text(newest.evr())),
        "count" => Ok(Value::text(instances.len().to_string())),
        "arch" => each(&|instance| &instance.arch),
        "vendor" => each(&|instance| &instance.vendor),
        "packager" => each(&|instance| &instance.packager),
        "license" => each(&|instance| &instance.license),
        "source" => each(&|instance| &instance.source),
        "build-host" => each(&|instance| &instance.build_host),
        "signed" => Ok(Value::flag(instances.iter().all(|instance| !instance.signature.is_empty()))),
        "signer" => Ok(Value::each(instances.iter().map(|instance| {
            let signers = instance.signers();
            Value::text_or(&signers.join(" "), "not signed")
        }))),
        "size" => Ok(Value::Text(value::of_bytes(instances.iter().map(|instance| instance.size).sum()))),
        "verify" => {
            let answer = seen.answer("package/verify", name)?;
            verify(&answer)
        }
        "files" => Ok(Value::items(said(seen, "package/files", name)?.lines().filter(|line| line.starts_with('/')))),
        "provides" => capabilities("package/provides"),
        "requires" => capabilities("package/requires"),
        "obsoletes" => capabilities("package/obsoletes"),
        "scripts" => Ok(Value::items(scripts(&said(seen, "package/scripts", name)?))),
        "from-repo" | "reason" => {
            let text = seen.output("package/history")?;
            if let Some(why) = dnf::unreachable(&text) {
                return Err(why);
            }
            let at = if assertion.attribute == "reason" { 2 } else { 1 };
            let rows = text.lines().map(|line| line.split('\t').collect::<Vec<_>>());
            let mine: Vec<Vec<&str>> = rows.filter(|row| row.len() == 3 && row[0] == newest.name).collect();
            if mine.is_empty() {
                return Err(Unreadable::new(format!("the package manager does not know {name}")));
            }
            Ok(Value::each(mine.iter().map(|row| recorded(assertion.attribute, row[at]))))
        }
        _ => unanswered(assertion),
    }
}

pub(super) const QUERY: &str = "package/query";

/// The last line of a batch's answer about a package.
const END: &str = "= end";

/// What stands before the end of an answer, which is an error without one.
fn complete(output: &str) -> Read<&str> {
    output.trim_end().strip_suffix(END).ok_or_else(|| Unreadable::new("rpm's answer is not complete"))
}

/// Puts the names into the script's arguments.
fn names_of(names: &[&str]) -> String {
    format!("{}set -- {}\n", dnf::MANAGER, shell::quote_all(names.iter().copied()))
}

/// A tab stands in the formats itself: dnf5 5.4.6 knows `\n` and prints `\t` as it is.
const RECORDED: &str = r#"case $dnf in
dnf5) exec dnf5 -q repoquery --installed --qf '%{name}	%{from_repo}	%{reason}\n' -- "$@";;
dnf) exec dnf -q repoquery --installed --disablerepo='*' --qf '%{name}	%{from_repo}	%{reason}' "$@";;
*) echo "$dnf does not record where packages came from" >&2; exit 1;;
esac"#;

/// First all names at once; then those that are not there by name, as capabilities. A repository
/// that is silently passed over must not make a package look absent.
const OFFERED: &str = r#"options="-q --setopt=*.skip_if_unavailable=0"
case $dnf in tdnf|microdnf) options=-q;; esac
# Warnings on standard error must not stand for a repository: without any, repoquery finds nothing and
# ends with 0.
repositories=$($dnf $options repolist --enabled 2>/dev/null) || { $dnf $options repolist --enabled >&2; exit 1; }
[ -n "$repositories" ] || { echo 'no repository is enabled' >&2; exit 1; }
found=$($dnf $options repoquery --available "$@" 2>&1)
status=$?
case $status$found in
0*|*'Error(1011)'*) ;;
*) printf '%s\n' "$found" >&2; exit 1;;
esac
printf '%s\n' "$found"
for name; do
    case "
$found" in *"
$name-"[0-9]*) continue;; esac
    by=$($dnf $options repoquery --available --whatprovides "$name" 2>&1)
    status=$?
    case $status$by in
    0*|*'Error(1011)'*) printf '\nwhatprovides\t%s\n%s\n' "$name" "$by";;
    *) printf '%s\n' "$by" >&2; exit 1;;
    esac
done
echo
echo complete"#;

/// `exact` and its newest version, `provides` or `absent`.
fn availability(text: &str, name: &str) -> Read<(&'static str, Option<String>)> {
    if let Some(why) = dnf::unreachable(text) {
        return Err(why);
    }
    if text.lines().last() != Some("complete") {
        return Err(Unreadable::new("the package manager's answer is not complete"));
    }
    let mut wanted = "";
    let mut newest: Option<String> = None;
    let mut provided = false;
    for line in text.lines() {
        if let Some(capability) = line.strip_prefix("whatprovides\t") {
            wanted = capability;
            continue;
        }
        let Some(listed) = dnf::nevra(line) else { continue };
        if listed.is_called(name) {
            if newest.as_deref().is_none_or(|known| rpm::compare(known, &listed.evr).is_lt()) {
                newest = Some(listed.evr);
            }
        } else if wanted == name {
            provided = true;
        }
    }
    Ok(match (newest, provided) {
        (Some(evr), _) => ("exact", Some(evr)),
        (None, true) => ("provides", None),
        (None, false) => ("absent", None),
    })
}

/// What a batch said of a package that is installed.
fn said(seen: &Observations, key: &str, name: &str) -> Read<String> {
    let answer = seen.answer(key, name)?;
    if answer.status == 0 && !rpm::complains(&answer.output) {
        complete(&answer.output).map(str::to_owned)
    } else {
        Err(Unreadable::new(format!("{name}: {}", answer.output)))
    }
}

fn verify(answer: &shell::Answer) -> Read<Value> {
    if rpm::complains(&answer.output) {
        return Err(Unreadable::new(format!("rpm -V: {}", answer.output)));
    }
    let output = if answer.status == 0 { complete(&answer.output)? } else { &answer.output };
    if output.is_empty() {
        return match answer.status {
            0 => Ok(Value::text("clean")),
            status => Err(Unreadable::new(format!("rpm -V ended with {status} and printed nothing"))),
        };
    }
    // Ghosts come and go, and documentation is often left out on purpose.
    let changed = output.lines().any(|line| match rpm::verified(line) {
        Some(seen) => match seen.attribute {
            'c' | 'g' => false,
            'd' | 'l' | 'r' => !seen.missing,
            _ => true,
        },
        None => true,
    });
    Ok(Value::text(if changed { "modified" } else { "clean" }))
}

/// Kinds of scriptlets, from the headings of `rpm -q --scripts --triggers --filetriggers`.
fn scripts(text: &str) -> Vec<String> {
    let mut kinds: Vec<String> = text
        .lines()
        .filter_map(|line| {
            let (heading, rest) = line.split_once(" scriptlet")?;
            let heading = heading.trim();
            rest.starts_with([' ', ':']).then_some(())?;
            Some(
                match heading {
                    "preinstall" => "prein",
                    "postinstall" => "postin",
                    "preuninstall" => "preun",
                    "postuninstall" => "postun",
                    "pretransaction" => "pretrans",
                    "posttransaction" => "posttrans",
                    other if !other.is_empty() && other.bytes().all(|byte| byte.is_ascii_lowercase()) => other,
                    _ => return None,
                }
                .to_owned(),
            )
        })
        .collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

fn recorded(attribute: &str, word: &str) -> Value {
    if attribute == "from-repo" {
        // Systems that were installed without dnf record a placeholder.
        return match word.trim_start_matches('@') {
            "" | "System" | "<unknown>" | "(unknown)" => Value::absent("not recorded"),
            repo => Value::text(repo),
        };
    }
    let word = word.to_lowercase().replace(' ', "-");
    // dnf5 says `None`, and `External User` of what rpm alone installed.
    Value::text(match word.as_str() {
        "" | "none" => "unknown",
        "external-user" => "external",
        other => other,
    })
}

#[cfg(test)]
mod tests {
    use super::super::{Package, TABLE};
    use super::*;
    use crate::check::{Check as _, Verdict};
    use crate::testing::{equals, expectation, missed, records, reply, seen};
    use muster_record::facts::Facts;
    use muster_suite::model::{Matcher, Operator};
    use muster_suite::table::AttributeKind;

    const SAID: &str = "package\tkernel\t0\t6.18.5\t1.azl4\tx86_64\tMicrosoft\tm\tGPL\tk.src.rpm\th\t100\tRSA/SHA256, x, Key ID 0123456789abcdef\npackage\tkernel\t0\t6.18.31\t1.azl4\tx86_64\tMicrosoft\tm\tGPL\tk.src.rpm\th\t50\t\npackage\tnginx\t1\t1.26.1\t3\tx86_64\t(none)\tm\tBSD\tn.src.rpm\th\t2097152\t\npackage sendmail is not installed\nsentinel\tbash\n";

    fn evaluate(subject: &str, attribute: &'static str, matcher: Matcher) -> Verdict {
        let wanted = expectation("package", subject, &[(attribute, matcher)]);
        Package.evaluate(&wanted, &seen(QUERY, reply(0, SAID)), &Facts::default()).remove(0)
    }

    #[test]
    fn versions_are_compared_as_rpm_does_and_the_newest_counts() {
        let bounds = |list: &[(Operator, &str)]| {
            Matcher::Compare(list.iter().map(|(operator, bound)| (*operator, (*bound).to_owned())).collect())
        };
        assert_eq!(
            evaluate("nginx", "version", bounds(&[(Operator::Ge, "1:1.26"), (Operator::Lt, "2:0")])),
            Verdict::MET
        );
        let verdict = evaluate("nginx", "version", bounds(&[(Operator::Ge, "1:1.27")]));
        assert_eq!(missed(&verdict), ("version >= 1:1.27", "1:1.26.1-3"));
        assert_eq!(evaluate("kernel", "version", bounds(&[(Operator::Eq, "6.18.31")])), Verdict::MET);
        assert_eq!(evaluate("kernel", "count", equals("2")), Verdict::MET);
        assert_eq!(missed(&evaluate("kernel", "signed", equals("true"))).1, "false");
        assert_eq!(missed(&evaluate("kernel", "signer", equals("0123456789abcdef"))).1, "not signed");
        assert_eq!(evaluate("nginx", "size", equals("2 MiB")), Verdict::MET);
        assert_eq!(evaluate("nginx", "vendor", Matcher::None), Verdict::MET);
    }

    #[test]
    fn what_is_met_says_which_version_it_was_met_by() {
        let seen = |subject: &str, attribute: &'static str, matcher: Matcher| {
            evaluate(subject, attribute, matcher).seen().map(str::to_owned)
        };
        let bound = Matcher::Compare(vec![(Operator::Ge, "1:1.26".to_owned())]);
        assert_eq!(seen("nginx", "version", bound).as_deref(), Some("1:1.26.1-3"));
        assert_eq!(seen("nginx", "installed", equals("true")).as_deref(), Some("true, version 1:1.26.1-3"));
        assert_eq!(seen("kernel", "installed", equals("true")).as_deref(), Some("true, version 6.18.31-1.azl4"));
        assert_eq!(seen("sendmail", "installed", equals("false")).as_deref(), Some("false"));
        assert_eq!(seen("sendmail", "installed", equals("true")), None);
    }

    #[test]
    fn what_is_not_installed_has_no_version_and_satisfies_no_negation() {
        assert_eq!(evaluate("sendmail", "installed", equals("false")), Verdict::MET);
        assert_eq!(missed(&evaluate("sendmail", "version", Matcher::Not(Box::new(equals("1"))))).1, "not installed");
        assert!(matches!(evaluate("other", "installed", equals("false")), Verdict::Unknown { .. }));
    }

    #[test]
    fn verification_ignores_configuration_and_left_out_documentation() {
        let evaluate = |status, output: &str| verify(&shell::Answer { status, output: output.to_owned() });
        assert_eq!(evaluate(0, END), Ok(Value::text("clean")));
        assert!(evaluate(0, "").is_err());
        assert_eq!(evaluate(1, "S.5......  c /etc/x\nmissing   d /usr/share/doc/x"), Ok(Value::text("clean")));
        assert_eq!(evaluate(1, "..5......    /usr/bin/x"), Ok(Value::text("modified")));
        assert_eq!(
            evaluate(1, "Unsatisfied dependencies for x-1-1.noarch:\n\ty is needed by x"),
            Ok(Value::text("modified"))
        );
        assert!(evaluate(1, "").is_err() && evaluate(1, "error: rpmdb: BDB").is_err());
    }

    #[test]
    fn availability_has_three_answers() {
        let text = "bash-0:5.2.37-3.fc43.x86_64\nbash-0:5.2.40-1.fc43.x86_64\n\nwhatprovides\tzlib-devel\nzlib-ng-compat-devel-0:2.2.4-3.fc43.x86_64\n\nwhatprovides\tgone\n\n\ncomplete\n";
        assert_eq!(availability(text, "bash"), Ok(("exact", Some("5.2.40-1.fc43".to_owned()))));
        assert_eq!(availability(text, "zlib-devel"), Ok(("provides", None)));
        assert_eq!(availability(text, "gone"), Ok(("absent", None)));
        assert_eq!(availability(text, "bash.x86_64"), Ok(("exact", Some("5.2.40-1.fc43".to_owned()))));
        assert_eq!(availability(text, "bash.i686"), Ok(("absent", None)));
        let wanted = expectation("package", "lab-hello.noarch", &[("available", equals("absent"))]);
        let script = probes(&[&wanted]).pop().unwrap().script;
        assert!(script.contains("set -- 'lab-hello' 'lab-hello.noarch'"), "{script}");
        assert!(availability("bash-0:5-1.x86_64\n", "gone").unwrap_err().to_string().contains("not complete"));
        assert!(availability("Curl error (6): Could not resolve host\ncomplete", "gone").is_err());
    }

    /// What dnf5 5.4.6 says of a package from a repository and of one that was there before it.
    #[test]
    fn dnf5_records_where_a_package_is_from_and_why_it_is_there() {
        assert!(!RECORDED.contains(r"\t"), "dnf5 prints it as it is");
        let said = "bash\t<unknown>\tExternal User\nnginx\tlab-extra\tUser\nkernel\t<unknown>\tNone\n";
        let value = |subject: &str, attribute: &'static str, matcher: Matcher| {
            let wanted = expectation("package", subject, &[(attribute, matcher)]);
            let query = format!("{SAID}package\tbash\t0\t5.3\t4\tx86_64\tv\tm\tGPL\tb.src.rpm\th\t1\t\n");
            let mut observations = seen(QUERY, reply(0, &query));
            observations.0.insert("package/history".into(), reply(0, said));
            Package.evaluate(&wanted, &observations, &Facts::default()).remove(0)
        };
        assert_eq!(value("nginx", "reason", equals("user")), Verdict::MET);
        assert_eq!(value("nginx", "from-repo", equals("lab-extra")), Verdict::MET);
        assert_eq!(value("bash", "reason", equals("external")), Verdict::MET);
        assert_eq!(value("kernel", "reason", equals("unknown")), Verdict::MET);
        // Every reason of dnf5 is one that a suite can name.
        let AttributeKind::Keyword(words) = TABLE.attributes.iter().find(|row| row.name == "reason").unwrap().kind
        else {
            panic!("a reason is a keyword")
        };
        for reason in ["None", "Dependency", "User", "Clean", "Weak Dependency", "Group", "External User"] {
            assert!(
                matches!(recorded("reason", reason), Value::Text(word) if words.contains(&word.as_str())),
                "{reason}"
            );
        }
        assert_eq!(value("bash", "from-repo", Matcher::None), Verdict::MET);
    }

    #[test]
    fn scriptlets_are_named() {
        let text =
            "postinstall scriptlet (using /bin/sh):\necho a scriptlet here\npreuninstall scriptlet (using <lua>):\nx\n";
        assert_eq!(scripts(text), ["postin", "preun"]);
        let scriptlets = |said: &str| {
            let mut observations = seen(QUERY, reply(0, SAID));
            observations.0.insert("package/scripts".into(), records(&[("nginx", 0, said)]));
            let wanted = expectation("package", "nginx", &[("scripts", Matcher::Only(vec!["prein".into()]))]);
            Package.evaluate(&wanted, &observations, &Facts::default()).remove(0)
        };
        let prein = "preinstall scriptlet (using /bin/sh):\nuseradd nginx || echo \"error: cannot create user\"\n";
        assert_eq!(scriptlets(&format!("{prein}= end")), Verdict::MET, "the words of a scriptlet are not rpm's");
        let broken = format!("error: rpmdb: damaged header\n{prein}= end");
        assert!(matches!(scriptlets(&broken), Verdict::Unknown { why } if why.contains("damaged header")));
        let wanted = expectation("package", "nginx", &[("provides", Matcher::Has(vec!["webserver".into()]))]);
        let mut observations = seen(QUERY, reply(0, SAID));
        observations
            .0
            .insert("package/provides".into(), records(&[("nginx", 0, "nginx = 1:1.26.1-3\nwebserver\n= end")]));
        assert_eq!(Package.evaluate(&wanted, &observations, &Facts::default()), [Verdict::MET]);
    }
}
