//! `package` where the packages are dpkg's: dpkg-query for what is installed, apt for why and for what is
//! offered. What dpkg has no notion of is an error, never absent.

use std::collections::BTreeSet;

use crate::assertions::{subjects, unanswered, wants};
use crate::check::{Observations, Probe};
use crate::dpkg::{self, Package, packages, relations};
use crate::observed::Value;
use crate::unreadable::{Read, Unreadable};
use crate::{rpm, shell, value};
use muster_suite::model::{Assertion, Expectation};

/// What must be read.
pub(super) fn probes(asked: &[&Expectation]) -> Vec<Probe> {
    let mut probes = vec![Probe::new(dpkg::ALL, 60, dpkg::all_packages())];
    let mut batch = |key: &str, seconds, attribute: &str, command: &str| {
        probes.extend(Probe::batch_with(key, seconds, "dpkg-query", &subjects(asked, &[attribute]), command));
    };
    batch("package/verify", 300, "verify", VERIFY);
    batch("package/files", 60, "files", &format!("{NAME}dpkg-query -L \"$name\""));
    batch("package/scripts", 30, "scripts", &format!("{NAME}dpkg-query --control-list \"$name\" && echo '= end'"));
    let offered = subjects(asked, &["available", "candidate"]);
    probes.extend(Probe::batch_with("package/available", 60, "apt-cache", &offered, OFFERED));
    if wants(asked, &["reason"]) {
        let script = format!("{}export LC_ALL=C\napt-mark showauto && echo '= end'", shell::need("apt-mark"));
        probes.push(Probe::new("package/automatic", 60, script));
    }
    probes
}

/// dpkg's form of a label: the architecture stands behind a colon.
const NAME: &str = r#"name=$1
case $name in *:*) ;; *.*) dpkg-query -W "$name" >/dev/null 2>&1 || name=${name%.*}:${name##*.} ;; esac
"#;

/// `dpkg --verify` says nothing of a package that came without sums, so that these are asked for first. A
/// package that owns nothing but directories needs none.
const VERIFY: &str = r#"name=$1
case $name in *:*) ;; *.*) dpkg-query -W "$name" >/dev/null 2>&1 || name=${name%.*}:${name##*.} ;; esac
if [ -z "$(dpkg-query --control-path "$name" md5sums 2>/dev/null)" ]; then
    files=$(dpkg-query -L "$name") || { echo "dpkg-query -L ended with $?"; return 1; }
    printf '%s\n' "$files" | while IFS= read -r path; do
        case $path in /*) [ ! -f "$path" ] || [ -L "$path" ] || { echo "= no sums"; break; };; esac
    done
fi
dpkg --verify "$name"
ended=$?
echo '= end'
return $ended"#;

/// Without lists of packages nothing is offered and nothing is known. A virtual package has no version of
/// its own, and is provided by others.
const OFFERED: &str = r#"set -- "$1" /var/lib/apt/lists/*_Packages* /var/lib/apt/lists/*_Packages
[ -e "$2" ] || { echo 'apt has no lists of packages: `apt-get update` was not run'; return 1; }
# apt wants the architecture behind a colon. What is not installed is not known to dpkg-query, but its architecture is:
# the rest of `python3.11` is none.
case $1 in
*:*) ;;
*.*) known=$(dpkg --print-architecture && dpkg --print-foreign-architectures) && [ -n "$known" ] || { echo 'dpkg names no architecture'; return 1; }
    for arch in all $known; do case $1 in *".$arch") set -- "${1%.*}:$arch";; esac; done;;
esac
apt-cache madison "$1" || return 1
echo '= provides'
apt-cache showpkg "$1" 2>/dev/null || :
echo '= end'"#;

/// What dpkg records nothing of.
const UNKNOWN_TO_DPKG: &[(&str, &str)] = &[
    ("license", "licences are texts in /usr/share/doc"),
    ("build-host", "packages do not say where they were built"),
    ("signed", "apt checks the signature of the repository, packages have none"),
    ("signer", "apt checks the signature of the repository, packages have none"),
    ("from-repo", "where a package came from is not recorded"),
    ("obsoletes", "dpkg has Replaces, Breaks and Conflicts, which mean something else"),
];

/// What an attribute of a package is.
pub(super) fn look(assertion: &Assertion, name: &str, seen: &Observations) -> Read<Value> {
    let attribute = assertion.attribute;
    if let Some((_, why)) = UNKNOWN_TO_DPKG.iter().find(|(unknown, _)| *unknown == attribute) {
        return Err(Unreadable::new(format!("`{attribute}` cannot be known of a package of dpkg: {why}")));
    }
    if matches!(attribute, "available" | "candidate") {
        return offered(attribute, name, seen);
    }
    let all = packages(&seen.output(dpkg::ALL)?)?;
    let mut mine: Vec<Package> = all.into_iter().filter(|package| package.is_called(name)).collect();
    let broken = mine.iter().find(|package| package.installed().is_none());
    if let Some(broken) = broken {
        let state = format!("{} ({})", broken.status, "dpkg did not finish with it");
        // Neither installed nor absent: no expectation of either may be met by it.
        return if attribute == "installed" {
            Ok(Value::text(state))
        } else {
            Err(Unreadable::new(format!("{name} is {state}")))
        };
    }
    mine.retain(|package| package.installed() == Some(true));
    mine.sort_by(|one, two| dpkg::compare(&one.version, &two.version));
    let Some(newest) = mine.last() else {
        return Ok(match attribute {
            "installed" => Value::flag(false),
            "count" => Value::text("0"),
            _ => Value::gone("not installed"),
        });
    };
    let each = |read: &dyn Fn(&Package) -> &String| {
        Ok(Value::each(mine.iter().map(|instance| Value::text_or(read(instance), "none"))))
    };
    match attribute {
        "installed" => Ok(Value::flag(true)),
        "version" => Ok(Value::Dpkg(newest.version.clone())),
        "count" => Ok(Value::text(mine.len().to_string())),
        "arch" => each(&|instance| &instance.arch),
        "vendor" => each(&|instance| &instance.origin),
        "packager" => each(&|instance| &instance.maintainer),
        "source" => each(&|instance| &instance.source),
        "size" => match mine.iter().map(|instance| instance.size).sum::<Option<u128>>() {
            Some(bytes) => Ok(Value::Text(value::of_bytes(bytes))),
            None => {
                Err(Unreadable::new("the package states no installed size that is a number, and dpkg measures none"))
            }
        },
        "verify" => verify(&seen.answer("package/verify", name)?),
        "files" => Ok(Value::items(files(&said(seen, "package/files", name)?))),
        "provides" => {
            let mut names: BTreeSet<String> = mine.iter().flat_map(|instance| relations(&instance.provides)).collect();
            names.insert(newest.name.clone());
            Ok(Value::items(names))
        }
        "requires" => {
            Ok(Value::items(mine.iter().flat_map(|instance| relations(&instance.depends)).collect::<BTreeSet<_>>()))
        }
        "scripts" => Ok(Value::items(scripts(&said(seen, "package/scripts", name)?))),
        "reason" => {
            let text = seen.output("package/automatic")?;
            let list = text.strip_suffix("= end\n").ok_or_else(|| Unreadable::new("apt-mark was cut off"))?;
            // Packages of the native architecture are listed without it.
            let automatic = list.lines().any(|line| newest.is_called(line));
            Ok(Value::text(if automatic { "dependency" } else { "user" }))
        }
        _ => unanswered(assertion),
    }
}

/// What a batch said of a package that is installed.
fn said(seen: &Observations, key: &str, name: &str) -> Read<String> {
    let answer = seen.answer(key, name)?;
    if answer.status == 0 { Ok(answer.output) } else { Err(Unreadable::new(format!("{name}: {}", answer.output))) }
}

/// Paths, without the root and without what dpkg says of diversions.
fn files(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.starts_with('/') && *line != "/.").collect()
}

/// The kinds of maintainer scripts, by the words for those of RPM packages.
fn scripts(text: &str) -> Vec<&str> {
    let mut kinds: Vec<&str> = text
        .lines()
        .filter_map(|line| match line {
            "preinst" => Some("prein"),
            "postinst" => Some("postin"),
            "prerm" => Some("preun"),
            "postrm" => Some("postun"),
            "triggers" => Some("triggerin"),
            _ => None,
        })
        .collect();
    kinds.sort_unstable();
    kinds
}

/// Directories whose files images leave out on purpose (dpkg's `path-exclude`).
const LEFT_OUT: [&str; 4] = ["/usr/share/doc/", "/usr/share/man/", "/usr/share/info/", "/usr/share/locale/"];

fn verify(answer: &shell::Answer) -> Read<Value> {
    if answer.output.lines().any(|line| line == "= no sums") {
        return Err(Unreadable::new("the package came without sums of its files, so that nothing can be verified"));
    }
    // Of a package that is as it should be dpkg says nothing: the end is said for it.
    let said = answer.output.trim_end().strip_suffix("= end");
    let said =
        said.ok_or_else(|| Unreadable::new(format!("dpkg --verify: the answer is not complete: {}", answer.output)))?;
    let mut changed = false;
    for line in said.lines().filter(|line| !line.is_empty()) {
        let seen = rpm::verified(line).ok_or_else(|| Unreadable::new(format!("dpkg --verify: {}", answer.output)))?;
        let left_out = seen.missing && LEFT_OUT.iter().any(|dir| seen.path.starts_with(dir));
        changed |= seen.attribute != 'c' && !left_out;
    }
    match (answer.status, changed) {
        (0 | 1, _) => Ok(Value::text(if changed { "modified" } else { "clean" })),
        (status, _) => Err(Unreadable::new(format!("dpkg --verify ended with {status}: {}", answer.output))),
    }
}

fn offered(attribute: &str, name: &str, seen: &Observations) -> Read<Value> {
    let answer = seen.answer("package/available", name)?;
    let whole = answer.output.strip_suffix("= end").filter(|_| answer.status == 0);
    let (versions, relations) = whole
        .and_then(|text| text.split_once("= provides"))
        .ok_or_else(|| Unreadable::new(format!("apt: {}", answer.output)))?;
    let mut newest: Option<&str> = None;
    // `bash | 5.2.15-2+b13 | http://mirror.example/debian bookworm/main amd64 Packages`
    for line in versions.lines().filter(|line| line.ends_with(" Packages")) {
        let version = line
            .split(" | ")
            .nth(1)
            .map(str::trim)
            .ok_or_else(|| Unreadable::new(format!("apt-cache prints `{line}`")))?;
        if newest.is_none_or(|known| dpkg::compare(known, version).is_lt()) {
            newest = Some(version);
        }
    }
    let provided =
        relations.split_once("Reverse Provides:").is_some_and(|(_, by)| by.lines().any(|line| line.contains(' ')));
    Ok(match (attribute, newest) {
        ("candidate", Some(version)) => Value::Dpkg(version.to_owned()),
        ("candidate", None) => Value::absent("no enabled repository has it by this name"),
        (_, Some(_)) => Value::text("exact"),
        (_, None) if provided => Value::text("provides"),
        (_, None) => Value::text("absent"),
    })
}

#[cfg(test)]
mod tests {
    use super::super::Package as Check_;
    use super::*;
    use crate::check::{Check as _, Verdict};
    use crate::testing::{equals, expectation, missed, on_this_host, records, reply, seen};
    use muster_record::facts::Facts;
    use muster_suite::model::{Matcher, Operator};

    /// dpkg 1.21.22 of Debian 12, shortened.
    const SAID: &str = "package\tbash\tamd64\t5.2.15-2+b8\tinstalled\t\tMatthias Klose <doko@debian.org>\tbash\t7164\t\tlibc6 (>= 2.36)\tbase-files (>= 2.1.12)\npackage\tlibc6\tamd64\t2.36-9+deb12u14\tinstalled\t\tGNU\tglibc\t13001\t\t\t\npackage\tlibc6\ti386\t2.36-9+deb12u14\tinstalled\t\tGNU\tglibc\t13001\t\t\t\npackage\told\tall\t1\tconfig-files\t\tx\told\t\t\t\t\npackage\thalf\tamd64\t2\thalf-configured\t\tx\thalf\t3\tawk\t\tc\n= end\n";

    fn facts() -> Facts {
        Facts { dpkg: Some("1.21.22".to_owned()), ..Facts::default() }
    }

    fn evaluate(subject: &str, attribute: &'static str, matcher: Matcher) -> Verdict {
        let asked = expectation("package", subject, &[(attribute, matcher)]);
        Check_.evaluate(&asked, &seen(dpkg::ALL, reply(0, SAID)), &facts()).remove(0)
    }

    fn bounds(list: &[(Operator, &str)]) -> Matcher {
        Matcher::Compare(list.iter().map(|(operator, bound)| (*operator, (*bound).to_owned())).collect())
    }

    #[test]
    fn versions_are_compared_as_dpkg_does() {
        for (operator, bound, met) in [
            (Operator::Eq, "5.2.15", true),
            (Operator::Eq, "5.2.15-2", false),
            (Operator::Gt, "5.2.15-2", true),
            (Operator::Gt, "5.2.15", false),
            (Operator::Ge, "5.2.15~rc1", true),
            (Operator::Lt, "1:0", true),
            (Operator::Ne, "5.2.15-2+b8", false),
        ] {
            let verdict = evaluate("bash", "version", bounds(&[(operator, bound)]));
            assert_eq!(verdict == Verdict::MET, met, "{operator:?} {bound}: {verdict:?}");
        }
        assert_eq!(evaluate("bash:amd64", "version", equals("5.2.15-2+b8")), Verdict::MET);
        assert_eq!(missed(&evaluate("bash", "version", equals("5.2.14"))), ("version is 5.2.14", "5.2.15-2+b8"));
        assert_eq!(evaluate("libc6", "count", equals("2")), Verdict::MET);
        assert_eq!(evaluate("libc6", "source", equals("glibc")), Verdict::MET);
        assert_eq!(evaluate("bash", "requires", Matcher::Has(vec!["libc6".into(), "base-files".into()])), Verdict::MET);
        assert_eq!(evaluate("bash", "vendor", Matcher::None), Verdict::MET);
    }

    #[test]
    fn a_size_that_no_package_states_is_not_zero() {
        let limit = || bounds(&[(Operator::Le, "26 MiB")]);
        assert_eq!(evaluate("libc6", "size", limit()), Verdict::MET);
        let of = |said: &str| {
            let said = SAID.replacen("\t13001\t", &format!("\t{said}\t"), 1);
            let asked = expectation("package", "libc6", &[("size", limit())]);
            Check_.evaluate(&asked, &seen(dpkg::ALL, reply(0, &said)), &facts()).remove(0)
        };
        for (said, wanted) in [("", "states no installed size"), ("12k", "states no installed size that is a number")] {
            let verdict = of(said);
            assert!(matches!(&verdict, Verdict::Unknown { why } if why.contains(wanted)), "{verdict:?}");
        }
    }

    #[test]
    fn what_is_not_installed_and_what_broke_off_are_three_states() {
        assert_eq!(evaluate("old", "installed", equals("false")), Verdict::MET);
        assert_eq!(evaluate("never", "installed", equals("false")), Verdict::MET);
        assert_eq!(missed(&evaluate("never", "version", Matcher::Not(Box::new(equals("1"))))).1, "not installed");
        for wanted in ["true", "false"] {
            assert!(missed(&evaluate("half", "installed", equals(wanted))).1.starts_with("half-configured"));
        }
        assert!(matches!(evaluate("half", "version", equals("2")), Verdict::Unknown { .. }));
    }

    #[test]
    fn every_attribute_is_answered_or_refused_by_name() {
        for attribute in super::super::TABLE.attributes {
            let asked = expectation("package", "bash", &[(attribute.name, Matcher::None)]);
            let verdict = Check_.evaluate(&asked, &seen(dpkg::ALL, reply(0, SAID)), &facts()).remove(0);
            assert!(!format!("{verdict:?}").contains("not implemented"), "{}: {verdict:?}", attribute.name);
        }
        let verdict = evaluate("bash", "signed", equals("false"));
        assert!(
            matches!(&verdict, Verdict::Unknown { why } if why.contains("cannot be known of a package of dpkg")),
            "{verdict:?}"
        );
    }

    #[test]
    fn verification_needs_sums_and_passes_over_what_is_left_out() {
        let whole = |status, output: String| verify(&shell::Answer { status, output });
        let of = |status, output: &str| whole(status, format!("{output}\n= end"));
        assert_eq!(of(0, ""), Ok(Value::text("clean")));
        assert!(whole(0, String::new()).is_err());
        assert_eq!(
            of(1, "??5?????? c /etc/bash.bashrc\nmissing     /usr/share/doc/bash/README"),
            Ok(Value::text("clean"))
        );
        assert_eq!(of(1, "??5??????   /bin/bash"), Ok(Value::text("modified")));
        assert_eq!(of(1, "missing     /bin/bash"), Ok(Value::text("modified")));
        assert!(of(0, "= no sums").is_err() && of(2, "").is_err());
        assert!(of(1, "dpkg: error: package 'x' is not installed").is_err());
    }

    #[test]
    fn files_that_dpkg_does_not_list_need_sums_all_the_same() {
        let of = |files: &str| {
            let tools = format!("dpkg() {{ :; }}\ndpkg-query() {{ case $1 in -L) {files};; esac; }}\n");
            // A function's name has no minus in every shell.
            let script = format!("{tools}{}", shell::batch(["x"], VERIFY)).replace("dpkg-query", "dpkg_query");
            verify(&shell::answers(&crate::testing::with_tools(&[], &script)).unwrap()["x"])
        };
        assert_eq!(of("echo /usr"), Ok(Value::text("clean")));
        assert!(of("echo /etc/passwd").unwrap_err().to_string().contains("without sums"));
        assert!(of("return 2").is_err());
    }

    #[test]
    fn what_apt_offers_is_known_only_with_its_lists() {
        let of = |attribute, status, output: &str| {
            offered(attribute, "x", &seen("package/available", records(&[("x", status, output)])))
        };
        let bash = "      bash | 5.2.15-2+b13 | http://mirror.example/debian bookworm/main amd64 Packages\n      bash | 5.2.15-2+b8 | http://mirror.example/debian bookworm/main amd64 Packages\n= provides\nPackage: bash\nReverse Provides: \n= end";
        assert_eq!(of("available", 0, bash), Ok(Value::text("exact")));
        assert_eq!(of("candidate", 0, bash), Ok(Value::Dpkg("5.2.15-2+b13".into())));
        let virtual_ = "= provides\nPackage: awk\nReverse Provides: \nmawk 1.3.4 (= )\n= end";
        assert_eq!(of("available", 0, virtual_), Ok(Value::text("provides")));
        assert_eq!(of("available", 0, "= provides\n= end"), Ok(Value::text("absent")));
        assert!(
            of("available", 1, "apt has no lists of packages").is_err() && of("available", 0, "= provides\n").is_err()
        );
    }

    #[test]
    fn apt_of_this_host_takes_a_name_with_its_architecture() {
        let lists = std::fs::read_dir("/var/lib/apt/lists").into_iter().flatten().flatten();
        let mut names = lists.map(|entry| entry.file_name().to_string_lossy().into_owned());
        if crate::testing::this_host_lacks("/usr/bin/apt-cache") || !names.any(|name| name.contains("_Packages")) {
            return;
        }
        let ended = std::process::Command::new("dpkg").arg("--print-architecture").output().unwrap();
        let native = String::from_utf8(ended.stdout).unwrap();
        let plain = format!("bash.{}", native.trim_end());
        for label in [plain.as_str(), &plain.replace('.', ":")] {
            let wanted = expectation("package", label, &[("available", equals("exact"))]);
            let seen = on_this_host(&Check_.probes(&[&wanted], &facts()));
            assert_eq!(Check_.evaluate(&wanted, &seen, &facts()), [Verdict::MET], "{label}");
        }
    }

    #[test]
    fn this_host_answers_for_its_own_packages() {
        if crate::testing::this_host_lacks("/usr/bin/dpkg-query") {
            return;
        }
        let asked = expectation(
            "package",
            "bash",
            &[
                ("installed", equals("true")),
                ("files", Matcher::Has(vec!["/bin/bash".into()])),
                ("verify", equals("clean")),
                ("provides", Matcher::Has(vec!["bash".into()])),
                ("scripts", Matcher::Has(vec!["postin".into()])),
                ("reason", Matcher::AnyOf(vec![equals("user"), equals("dependency")])),
                ("version", bounds(&[(Operator::Ge, "5")])),
            ],
        );
        let seen = on_this_host(&Check_.probes(&[&asked], &facts()));
        let verdicts = Check_.evaluate(&asked, &seen, &facts());
        assert_eq!(verdicts, vec![Verdict::MET; 7], "{verdicts:?}");
    }
}
